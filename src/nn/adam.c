// adam.c -- one step of Adam, and the running average of weights, on flat arrays.
// Kingma & Ba 2015, algorithm 1, in the form of PyTorch: the bias correction of the second moment
// is inside the root, eps outside. Every element is computed alone, so threads change no bit.
#include "nn/nn.h"
#include <math.h>

typedef struct {
    float beta1, beta2, keep1, keep2, eps, rate, root; // keep = 1 - beta; root = sqrt(1 - beta2^t)
} constants;

// Elements that one thread takes at a time; the arrays are apart, so the loop is vectorised.
enum { CHUNK = 16384 };

static void chunk(constants c, int64_t n, const float *restrict grad, float *restrict w,
                  float *restrict m, float *restrict v)
{
    for (int64_t i = 0; i < n; i++) {
        float g = grad[i];
        float m1 = c.beta1 * m[i] + c.keep1 * g;
        float v1 = c.beta2 * v[i] + c.keep2 * g * g;
        m[i] = m1;
        v[i] = v1;
        w[i] -= c.rate * m1 / (sqrtf(v1) / c.root + c.eps);
    }
}

static int64_t at_most(int64_t n, int64_t most) { return n < most ? n : most; }

static void range(constants c, int64_t n, const float *grad, float *w, float *m, float *v)
{
#pragma omp parallel for schedule(static) if (n > CHUNK)
    for (int64_t i = 0; i < n; i += CHUNK)
        chunk(c, at_most(n - i, CHUNK), grad + i, w + i, m + i, v + i);
}

static bool trained(const nn_entry *e) { return e->kind == NN_WEIGHT && !e->frozen; }

static void bound(const nn_entry *e, float *w)
{
    for (size_t i = e->offset; i < e->offset + e->count; i++) w[i] = fminf(fmaxf(w[i], 0), 1);
}

void nn_adam_step(const nn_params *p, nn_adam a, int64_t step, const float *grad, float *w,
                  float *m, float *v)
{
    double t = (double)step;
    constants c = {.beta1 = (float)a.beta1,
                   .beta2 = (float)a.beta2,
                   .keep1 = (float)(1 - a.beta1),
                   .keep2 = (float)(1 - a.beta2),
                   .eps = (float)a.eps,
                   .rate = (float)(a.lr / (1 - pow(a.beta1, t))),
                   .root = (float)sqrt(1 - pow(a.beta2, t))};
    size_t entries = nn_params_n(p);
    for (size_t i = 0; i < entries;) { // neighbours in one go
        const nn_entry *first = nn_params_entry(p, i);
        size_t n = 0;
        for (; i < entries && trained(nn_params_entry(p, i)); i++)
            n += nn_params_entry(p, i)->count;
        size_t at = first->offset;
        if (n)
            range(c, (int64_t)n, grad + at, w + at, m + at, v + at);
        else
            i++;
    }
    for (size_t i = 0; i < entries; i++)
        if (nn_params_entry(p, i)->share && trained(nn_params_entry(p, i)))
            bound(nn_params_entry(p, i), w);
}

static void blend(float keep, float add, int64_t n, float *restrict average,
                  const float *restrict w)
{
    for (int64_t i = 0; i < n; i++) average[i] = keep * average[i] + add * w[i];
}

void nn_ema(float *average, const float *w, size_t n, double decay)
{
    int64_t count = (int64_t)n;
#pragma omp parallel for schedule(static) if (count > CHUNK)
    for (int64_t i = 0; i < count; i += CHUNK)
        blend((float)decay, (float)(1 - decay), at_most(count - i, CHUNK), average + i, w + i);
}
