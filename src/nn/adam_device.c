// adam_device.c -- what moves weights, on a device: queued behind the step that made the gradient.
#include "graph/op.h"
#include "nn/nn.h"
#include "nn/store.h"
#include <math.h>

extern const char cuda_text_adam[];

struct nn_mover {
    cuda_device *cuda;
    cuda_kernel *adam, *blend, *lengthen, *bound;
};

guise_status nn_mover_open(nn_mover **out, tg_device *d, base_error *e)
{
    *out = NULL;
    if (!d) return GUISE_OK;
    nn_mover *m = base_alloc(1, sizeof *m);
    if (!m) return base_no_memory(e);
    m->cuda = tg_device_cuda(d);
    guise_status s = cuda_kernel_get(m->cuda, cuda_text_adam, NULL, "adam", &m->adam, e);
    if (!s) s = cuda_kernel_get(m->cuda, cuda_text_adam, NULL, "blend", &m->blend, e);
    if (!s) s = cuda_kernel_get(m->cuda, cuda_text_adam, NULL, "lengthen", &m->lengthen, e);
    if (!s) s = cuda_kernel_get(m->cuda, cuda_text_adam, NULL, "bound", &m->bound, e);
    *out = m;
    if (s) nn_mover_close(out);
    return s;
}

void nn_mover_close(nn_mover **m)
{
    base_free(*m); // kernels are the device's
    *m = NULL;
}

typedef struct { // as in adam.cu
    uint64_t grad, w, m, v;
    int64_t n;
    float beta1, beta2, keep1, keep2, eps, rate, root;
} args;

static uint64_t at(const float *p) { return (uint64_t)(uintptr_t)p; }

// A failure is kept by the device, for tg_wait or the next run to tell.
static void launch(const nn_mover *m, const cuda_kernel *k, const args *a)
{
    if (a->n) cuda_launch(m->cuda, k, cuda_blocks(a->n), CUDA_THREADS, a, sizeof *a);
}

static bool trained(const nn_entry *e) { return e->kind == NN_WEIGHT && !e->frozen; }

void nn_mover_adam(const nn_mover *mover, const nn_params *p, nn_adam a, int64_t step,
                   const float *grad, float *w, float *m, float *v)
{
    double t = (double)step;
    const args all = {.beta1 = (float)a.beta1,
                      .beta2 = (float)a.beta2,
                      .keep1 = (float)(1 - a.beta1),
                      .keep2 = (float)(1 - a.beta2),
                      .eps = (float)a.eps,
                      .rate = (float)(a.lr / (1 - pow(a.beta1, t))),
                      .root = (float)sqrt(1 - pow(a.beta2, t))};
    size_t entries = nn_params_n(p);
    for (size_t i = 0; i < entries;) { // neighbours in one go
        size_t from = nn_params_entry(p, i)->offset;
        args one = all;
        for (; i < entries && trained(nn_params_entry(p, i)); i++)
            one.n += (int64_t)nn_params_entry(p, i)->count;
        if (!one.n) i++;
        one.grad = at(grad + from);
        one.w = at(w + from);
        one.m = at(m + from);
        one.v = at(v + from);
        launch(mover, mover->adam, &one);
    }
    for (size_t i = 0; i < entries; i++) {
        const nn_entry *e = nn_params_entry(p, i);
        args one = {.w = at(w + e->offset), .n = (int64_t)e->count};
        if (e->share && trained(e)) launch(mover, mover->bound, &one);
    }
}

void nn_mover_average(const nn_mover *m, float *average, const float *w, size_t n, double decay)
{
    args a = {.w = at(w),
              .m = at(average),
              .n = (int64_t)n,
              .keep1 = (float)decay,
              .rate = (float)(1 - decay)};
    launch(m, m->blend, &a);
}

void nn_mover_lengthen(const nn_mover *m, const float *before, float *w, size_t n, double rate)
{
    args a = {.w = at(w), .m = at(before), .n = (int64_t)n, .rate = (float)rate};
    launch(m, m->lengthen, &a);
}
