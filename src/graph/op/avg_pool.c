// avg_pool.c -- means over windows, and the adjoint. Zero padding does not count as elements,
// unless the window is divided as a whole.
#include "graph/op/window.h"
#include <stddef.h>
#include <string.h>

enum { CHANNELS = 32 }; // handled together, their sums in registers

static const char *shape(const tg_node *y, tg_shape *out)
{
    return window_shape(y->args, y->in[0]->shape, out);
}

static const char *shape_dx(const tg_node *y, tg_shape *out)
{
    const window_args *p = y->args;
    tg_shape x = y->in[0]->shape, pooled;
    if (x.rank != 4) return "dy must be [n,c,h,w]";
    x.dim[2] = p->h, x.dim[3] = p->w;
    const char *wrong = move_wrong(x);
    if (!wrong) wrong = window_shape(p, x, &pooled);
    if (wrong) return wrong;
    if (!tg_same(pooled, y->in[0]->shape)) return "dy does not have the shape of the pooled x";
    *out = x;
    return NULL;
}

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    tg_shape x = y->in[0]->shape;
    dx[0] = tg_avg_pool_dx(dy, x.dim[2], x.dim[3], window_unpack(y->args));
}

static void vjp_dx(tg_node *y, tg_node *d, tg_node *dx[])
{
    dx[0] = tg_avg_pool(d, window_unpack(y->args));
}

static int64_t divisor(const window_args *p, window_span rows, window_span cols)
{
    return p->whole ? p->kh * p->kw : (rows.to - rows.from) * (cols.to - cols.from);
}

// The walk behind both definitions: y += x / n for the op, x += y / n for its adjoint.
static void walk(const tg_node *node, tg_shape x, tg_shape y, const double *from, double *to)
{
    const window_args *p = node->args;
    bool adjoint = node->op == &tg_op_avg_pool_dx;
    memset(to, 0, sizeof *to * (size_t)tg_count(node->shape));
    for (int64_t m = 0; m < y.dim[0] * y.dim[1]; m++)
        for (int64_t i = 0; i < y.dim[2]; i++)
            for (int64_t j = 0; j < y.dim[3]; j++) {
                window_span a = window_at(i, p->kh, p->stride, p->pad, x.dim[2]);
                window_span b = window_at(j, p->kw, p->stride, p->pad, x.dim[3]);
                double share = 1.0 / (double)divisor(p, a, b);
                int64_t at_y = (m * y.dim[2] + i) * y.dim[3] + j;
                for (int64_t u = a.from; u < a.to; u++)
                    for (int64_t v = b.from; v < b.to; v++) {
                        int64_t at_x = (m * x.dim[2] + u) * x.dim[3] + v;
                        to[adjoint ? at_x : at_y] += share * from[adjoint ? at_y : at_x];
                    }
            }
}

static void ref(const tg_node *y, const double *const x[], double *out)
{
    walk(y, y->in[0]->shape, y->shape, x[0], out);
}

static void ref_dx(const tg_node *y, const double *const x[], double *out)
{
    walk(y, y->shape, y->in[0]->shape, x[0], out);
}

// n channels of the mean over rows a, columns b of x, an image of w columns and c channels.
// Sums are in double, since a window may be the whole image.
BASE_SIMD static void mean(float *y, const float *x, int64_t w, int64_t c, int64_t n, window_span a,
                           window_span b, double share)
{
    double sum[CHANNELS] = {0};
    for (int64_t u = a.from; u < a.to; u++)
        for (int64_t v = b.from; v < b.to; v++) {
            const float *from = x + (u * w + v) * c;
            if (n == CHANNELS)
                for (int k = 0; k < CHANNELS; k++) sum[k] += (double)from[k];
            else
                for (int64_t k = 0; k < n; k++) sum[k] += (double)from[k];
        }
    for (int64_t k = 0; k < n; k++) y[k] = (float)(sum[k] * share);
}

static int cpu(const tg_call *call)
{
    const window_args *p = call->y->args;
    tg_shape s = call->y->in[0]->shape, o = call->y->shape;
    int64_t c = s.dim[1], groups = (c + CHANNELS - 1) / CHANNELS, area = o.dim[2] * o.dim[3];
#pragma omp parallel for schedule(static) if (tg_count(s) > MOVE_ALONE)
    for (int64_t t = 0; t < o.dim[0] * area * groups; t++) {
        int64_t k = t % groups * CHANNELS, at = t / groups, n = at / area;
        window_span a = window_at(at % area / o.dim[3], p->kh, p->stride, p->pad, s.dim[2]);
        window_span b = window_at(at % o.dim[3], p->kw, p->stride, p->pad, s.dim[3]);
        const float *x = call->x[0] + n * s.dim[2] * s.dim[3] * c + k;
        mean(call->out + at * c + k, x, s.dim[3], c, c - k < CHANNELS ? c - k : CHANNELS, a, b,
             1.0 / (double)divisor(p, a, b));
    }
    return 0;
}

// The outputs whose windows hold element i.
static window_span users(int64_t i, int64_t k, int64_t stride, int64_t pad, int64_t out)
{
    int64_t first = i + pad - k + 1, last = (i + pad) / stride;
    return (window_span){first > 0 ? (first + stride - 1) / stride : 0,
                         last < out ? last + 1 : out};
}

static int cpu_dx(const tg_call *call)
{
    const window_args *p = call->y->args;
    tg_shape s = call->y->shape, o = call->y->in[0]->shape;
    int64_t c = s.dim[1], h = s.dim[2], w = s.dim[3];
#pragma omp parallel for schedule(static) if (tg_count(s) > MOVE_ALONE)
    for (int64_t t = 0; t < s.dim[0] * h * w; t++) {
        int64_t n = t / (h * w);
        window_span a = users(t / w % h, p->kh, p->stride, p->pad, o.dim[2]);
        window_span b = users(t % w, p->kw, p->stride, p->pad, o.dim[3]);
        float *restrict x = call->out + t * c;
        memset(x, 0, sizeof *x * (size_t)c);
        for (int64_t i = a.from; i < a.to; i++)
            for (int64_t j = b.from; j < b.to; j++) {
                const float *restrict dy = call->x[0] + ((n * o.dim[2] + i) * o.dim[3] + j) * c;
                window_span rows = window_at(i, p->kh, p->stride, p->pad, h);
                window_span cols = window_at(j, p->kw, p->stride, p->pad, w);
                float share = 1.0f / (float)divisor(p, rows, cols);
                for (int64_t k = 0; k < c; k++) x[k] += share * dy[k];
            }
    }
    return 0;
}

static int gpu(const tg_gpu_call *c) { return window_gpu(c, 0, c->y->shape); }
static int gpu_dx(const tg_gpu_call *c) { return window_gpu(c, 0, c->y->in[0]->shape); }

static tg_node *sample(tg_graph *g, base_rng *r)
{
    tg_window p = window_sample(r);
    return tg_avg_pool(tg_randn(g, r, window_sample_x(r, p)), p);
}

static tg_node *sample_dx(tg_graph *g, base_rng *r)
{
    tg_window p = window_sample(r);
    tg_shape x = window_sample_x(r, p), y;
    window_args a = window_pack(p, 0, 0);
    window_shape(&a, x, &y);
    return tg_avg_pool_dx(tg_randn(g, r, y), x.dim[2], x.dim[3], p);
}

tg_node *tg_avg_pool(tg_node *x, tg_window p)
{
    window_args a = window_pack(p, 0, 0);
    return tg_make(&tg_op_avg_pool, 1, (tg_node *[]){x}, &a, sizeof a);
}

tg_node *tg_avg_pool_dx(tg_node *dy, int64_t h, int64_t w, tg_window p)
{
    window_args a = window_pack(p, h, w);
    return tg_make(&tg_op_avg_pool_dx, 1, (tg_node *[]){dy}, &a, sizeof a);
}

static const tg_field fields[] = {{"kh", TG_FIELD_INT64, offsetof(window_args, kh), 1},
                                  {"kw", TG_FIELD_INT64, offsetof(window_args, kw), 1},
                                  {"stride", TG_FIELD_INT64, offsetof(window_args, stride), 1},
                                  {"pad", TG_FIELD_INT64, offsetof(window_args, pad), 1},
                                  {"ceil", TG_FIELD_INT64, offsetof(window_args, ceil), 1},
                                  {"whole", TG_FIELD_INT64, offsetof(window_args, whole), 1},
                                  {0}};
TG_OP(avg_pool, "mean over windows", .fields = fields, .shape = shape, .vjp = vjp, .ref = ref,
      .cpu = cpu, .gpu = gpu, .last = 1 | TG_LAST_OUT, .flags = TG_LINEAR, .sample = sample);
TG_OP(avg_pool_dx, "adjoint of avg_pool", .fields = fields, .shape = shape_dx, .vjp = vjp_dx,
      .ref = ref_dx, .cpu = cpu_dx, .gpu = gpu_dx, .last = 1 | TG_LAST_OUT, .flags = TG_LINEAR,
      .sample = sample_dx);
