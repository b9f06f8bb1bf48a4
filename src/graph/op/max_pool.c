// max_pool.c -- maxima over windows; max_unpool scatters dy to where they were, max_pool_at reads
// another array there. The first maximum in row-major order counts; padding never does.
#include "graph/op/window.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

enum { CHANNELS = 16 }; // handled together

static const char *shape(const tg_node *y, tg_shape *out)
{
    return window_shape(y->args, y->in[0]->shape, out);
}

static const char *shape_unpool(const tg_node *y, tg_shape *out)
{
    tg_shape pooled;
    const char *wrong = window_shape(y->args, y->in[1]->shape, &pooled);
    if (wrong) return wrong;
    if (!tg_same(pooled, y->in[0]->shape)) return "dy does not have the shape of the pooled x";
    *out = y->in[1]->shape;
    return NULL;
}

static const char *shape_at(const tg_node *y, tg_shape *out)
{
    if (!tg_same(y->in[0]->shape, y->in[1]->shape)) return "shapes differ";
    return window_shape(y->args, y->in[1]->shape, out);
}

// All are piecewise linear, so x counts only where it is the operand that is read.
static void vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    dx[0] = tg_max_unpool(dy, y->in[0], window_unpack(y->args));
}

static void vjp_unpool(tg_node *y, tg_node *d, tg_node *dx[])
{
    dx[0] = tg_max_pool_at(d, y->in[1], window_unpack(y->args));
}

static void vjp_at(tg_node *y, tg_node *dy, tg_node *dx[])
{
    dx[0] = tg_max_unpool(dy, y->in[1], window_unpack(y->args));
}

// Does v take over from the best so far? NaN wins, and the first stays.
#define BEATS(V, BEST) (((V) > (BEST)) | (((V) != (V)) & ((BEST) == (BEST))))

static int64_t argmax(const double *x, int64_t w, window_span a, window_span b)
{
    int64_t best = a.from * w + b.from;
    for (int64_t u = a.from; u < a.to; u++)
        for (int64_t v = b.from; v < b.to; v++)
            if (BEATS(x[u * w + v], x[best])) best = u * w + v;
    return best;
}

// The walk behind the three definitions, over x and the pooled shape y.
static void walk(const tg_node *node, tg_shape s, tg_shape y, const double *x, const double *v,
                 double *out)
{
    const window_args *p = node->args;
    bool scatter = node->op == &tg_op_max_unpool;
    memset(out, 0, sizeof *out * (size_t)tg_count(node->shape));
    for (int64_t m = 0; m < y.dim[0] * y.dim[1]; m++)
        for (int64_t i = 0; i < y.dim[2]; i++)
            for (int64_t j = 0; j < y.dim[3]; j++) {
                window_span a = window_at(i, p->kh, p->stride, p->pad, s.dim[2]);
                window_span b = window_at(j, p->kw, p->stride, p->pad, s.dim[3]);
                int64_t base = m * s.dim[2] * s.dim[3];
                int64_t at_x = base + argmax(x + base, s.dim[3], a, b);
                int64_t at_y = (m * y.dim[2] + i) * y.dim[3] + j;
                out[scatter ? at_x : at_y] += v[scatter ? at_y : at_x];
            }
}

static void ref(const tg_node *y, const double *const x[], double *out)
{
    walk(y, y->in[0]->shape, y->shape, x[0], x[0], out);
}
static void ref_unpool(const tg_node *y, const double *const x[], double *out)
{
    walk(y, y->in[1]->shape, y->in[0]->shape, x[1], x[0], out);
}
static void ref_at(const tg_node *y, const double *const x[], double *out)
{
    walk(y, y->in[1]->shape, y->shape, x[1], x[0], out);
}

// The pixel's channel k takes over from the best so far, where it is larger.
#define CHALLENGE(K)                                                                               \
    do {                                                                                           \
        int32_t beats = BEATS(from[K], best[K]);                                                   \
        best[K] = beats ? from[K] : best[K];                                                       \
        at[K] = beats ? pixel : at[K];                                                             \
    } while (0)

// The maxima of n channels over rows a, columns b of x, an image of w columns and c channels,
// and their pixels.
BASE_SIMD static void maxima(const float *restrict x, int64_t w, int64_t c, int64_t n,
                             window_span a, window_span b, float *restrict best,
                             int32_t *restrict at)
{
    for (int k = 0; k < CHANNELS; k++) best[k] = -INFINITY;
    for (int k = 0; k < CHANNELS; k++) at[k] = (int32_t)(a.from * w + b.from);
    for (int64_t u = a.from; u < a.to; u++)
        for (int64_t v = b.from; v < b.to; v++) {
            const float *from = x + (u * w + v) * c;
            int32_t pixel = (int32_t)(u * w + v);
            if (n < CHANNELS) {
                for (int64_t k = 0; k < n; k++) CHALLENGE(k);
                continue;
            }
#pragma omp simd
            for (int k = 0; k < CHANNELS; k++) CHALLENGE(k); // a known length makes better code
        }
}

// A kernel's view of a call: x [n,h,w,c] searched, v read, y the pooled shape.
typedef struct {
    const window_args *p;
    const float *x, *v;
    float *out;
    int64_t n, c, h, w, oh, ow, groups;
} job;

static job job_of(const tg_call *call, int x, tg_shape y)
{
    tg_shape s = call->y->in[x]->shape;
    return (job){call->y->args,
                 call->x[x],
                 call->x[0],
                 call->out,
                 s.dim[0],
                 s.dim[1],
                 s.dim[2],
                 s.dim[3],
                 y.dim[2],
                 y.dim[3],
                 (s.dim[1] + CHANNELS - 1) / CHANNELS};
}

// The pooled pixel (i, j) of sample n, channel k and those after it.
static void find(const job *o, int64_t n, int64_t i, int64_t j, int64_t k, float best[CHANNELS],
                 int32_t at[CHANNELS])
{
    const window_args *p = o->p;
    window_span a = window_at(i, p->kh, p->stride, p->pad, o->h);
    window_span b = window_at(j, p->kw, p->stride, p->pad, o->w);
    int64_t m = o->c - k < CHANNELS ? o->c - k : CHANNELS;
    maxima(o->x + n * o->h * o->w * o->c + k, o->w, o->c, m, a, b, best, at);
}

static int gather(const job *o, bool values)
{
    int64_t area = o->oh * o->ow;
#pragma omp parallel for schedule(static) if (o->n * o->c * o->h * o->w > MOVE_ALONE)
    for (int64_t t = 0; t < o->n * area * o->groups; t++) {
        float best[CHANNELS];
        int32_t at[CHANNELS];
        int64_t k = t % o->groups * CHANNELS, m = o->c - k < CHANNELS ? o->c - k : CHANNELS;
        int64_t pixel = t / o->groups, n = pixel / area;
        find(o, n, pixel % area / o->ow, pixel % o->ow, k, best, at);
        float *y = o->out + pixel * o->c + k;
        const float *v = o->v + n * o->h * o->w * o->c + k;
        for (int64_t i = 0; i < m; i++) y[i] = values ? best[i] : v[at[i] * o->c + i];
    }
    return 0;
}

static int cpu(const tg_call *call)
{
    job o = job_of(call, 0, call->y->shape);
    return gather(&o, true);
}

static int cpu_at(const tg_call *call)
{
    job o = job_of(call, 1, call->y->shape);
    return gather(&o, false);
}

// Windows may overlap, so one thread has all pixels of a few channels: no two write one place,
// and the order of sums does not depend on the number of threads.
static int cpu_unpool(const tg_call *call)
{
    job o = job_of(call, 1, call->y->in[0]->shape);
    move_zero(o.out, 0, 1, tg_count(call->y->shape));
#pragma omp parallel for schedule(static) if (o.n * o.c * o.h * o.w > MOVE_ALONE)
    for (int64_t t = 0; t < o.n * o.groups; t++) {
        float best[CHANNELS];
        int32_t at[CHANNELS];
        int64_t n = t / o.groups, k = t % o.groups * CHANNELS;
        int64_t m = o.c - k < CHANNELS ? o.c - k : CHANNELS;
        float *to = o.out + n * o.h * o.w * o.c + k;
        for (int64_t q = 0; q < o.oh * o.ow; q++) {
            find(&o, n, q / o.ow, q % o.ow, k, best, at);
            const float *dy = o.v + (n * o.oh * o.ow + q) * o.c + k;
            for (int64_t i = 0; i < m; i++) to[at[i] * o.c + i] += dy[i];
        }
    }
    return 0;
}

static int gpu(const tg_gpu_call *c) { return window_gpu(c, 0, c->y->shape); }
static int gpu_at(const tg_gpu_call *c) { return window_gpu(c, 1, c->y->shape); }
static int gpu_unpool(const tg_gpu_call *c) { return window_gpu(c, 1, c->y->in[0]->shape); }

// Values that are all different, so that small steps do not move a maximum.
static tg_node *distinct(tg_graph *g, base_rng *r, tg_shape s)
{
    int n = (int)tg_count(s);
    int *order = base_alloc((size_t)n, sizeof *order);
    double *v = base_alloc((size_t)n, sizeof *v);
    tg_node *x = NULL;
    if (order && v) {
        for (int i = 0; i < n; i++) order[i] = i;
        base_rng_shuffle(r, order, n);
        for (int i = 0; i < n; i++) v[i] = 0.1 * (order[i] - n / 2);
        x = tg_double(g, s, v);
    } else {
        tg_no_memory(g);
    }
    base_free(order), base_free(v);
    return x;
}

static tg_node *sample(tg_graph *g, base_rng *r)
{
    tg_window p = window_sample(r);
    return tg_max_pool(distinct(g, r, window_sample_x(r, p)), p);
}

static tg_node *sample_unpool(tg_graph *g, base_rng *r)
{
    tg_window p = window_sample(r);
    tg_shape s = window_sample_x(r, p), y;
    window_args a = window_pack(p, 0, 0);
    window_shape(&a, s, &y);
    return tg_max_unpool(tg_randn(g, r, y), distinct(g, r, s), p);
}

static tg_node *sample_at(tg_graph *g, base_rng *r)
{
    tg_window p = window_sample(r);
    tg_shape s = window_sample_x(r, p);
    return tg_max_pool_at(tg_randn(g, r, s), distinct(g, r, s), p);
}

static tg_node *make(const tg_op *op, int n, tg_node *const in[], tg_window p)
{
    p.whole = false; // means nothing here, so it makes no difference between nodes
    window_args a = window_pack(p, 0, 0);
    return tg_make(op, n, in, &a, sizeof a);
}

tg_node *tg_max_pool(tg_node *x, tg_window p) { return make(&tg_op_max_pool, 1, &x, p); }

tg_node *tg_max_unpool(tg_node *dy, tg_node *x, tg_window p)
{
    return make(&tg_op_max_unpool, 2, (tg_node *[]){dy, x}, p);
}

tg_node *tg_max_pool_at(tg_node *v, tg_node *x, tg_window p)
{
    return make(&tg_op_max_pool_at, 2, (tg_node *[]){v, x}, p);
}

static const tg_field fields[] = {{"kh", TG_FIELD_INT64, offsetof(window_args, kh), 1},
                                  {"kw", TG_FIELD_INT64, offsetof(window_args, kw), 1},
                                  {"stride", TG_FIELD_INT64, offsetof(window_args, stride), 1},
                                  {"pad", TG_FIELD_INT64, offsetof(window_args, pad), 1},
                                  {"ceil", TG_FIELD_INT64, offsetof(window_args, ceil), 1},
                                  {"whole", TG_FIELD_INT64, offsetof(window_args, whole), 1},
                                  {0}};
TG_OP(max_pool, "largest element of windows", .fields = fields, .shape = shape, .vjp = vjp,
      .ref = ref, .cpu = cpu, .gpu = gpu, .last = 1 | TG_LAST_OUT, .sample = sample);
TG_OP(max_unpool, "dy added where x has the maxima of its windows", .fields = fields,
      .shape = shape_unpool, .vjp = vjp_unpool, .ref = ref_unpool, .cpu = cpu_unpool,
      .gpu = gpu_unpool, .last = 3 | TG_LAST_OUT, .sample = sample_unpool);
TG_OP(max_pool_at, "v where x has the maxima of its windows", .fields = fields, .shape = shape_at,
      .vjp = vjp_at, .ref = ref_at, .cpu = cpu_at, .gpu = gpu_at, .last = 3 | TG_LAST_OUT,
      .sample = sample_at);
