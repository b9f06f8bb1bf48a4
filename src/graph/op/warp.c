// warp.c -- x sampled along an affine map of the output's pixels, bilinear, zero outside; adjoint.
//   x [n,c,h,w], m [n,6] -> y(i, j) = x at column m0 j + m1 i + m2, row m3 j + m4 i + m5
#include "graph/gpu.h"
#include "graph/op/move.h"
#include <math.h>
#include <string.h>

typedef struct {
    int64_t h, w; // of the output, also for the adjoint
} args;

enum { CHANNELS = 16 }; // that one thread of the adjoint handles together

static const char *shape(const tg_node *y, tg_shape *out)
{
    const args *p = y->args;
    tg_shape m = y->in[1]->shape;
    *out = y->in[0]->shape;
    if (out->rank != 4) return "the image must be [n,c,h,w]";
    if (m.rank != 2 || m.dim[0] != out->dim[0] || m.dim[1] != 6)
        return "the map must be [n,6], with the n of the image";
    if (p->h < 1 || p->w < 1) return "height and width must be positive";
    out->dim[2] = p->h, out->dim[3] = p->w;
    return move_wrong(*out);
}

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    tg_shape x = y->in[0]->shape;
    dx[0] = tg_warp_dx(dy, y->in[1], x.dim[2], x.dim[3]);
}

static void vjp_dx(tg_node *y, tg_node *d, tg_node *dx[])
{
    tg_shape x = y->in[0]->shape;
    dx[0] = tg_warp(d, y->in[1], x.dim[2], x.dim[3]);
}

// The up to four pixels of an h by w image that lie around (column, row), with their weights.
typedef struct {
    int n;
    int64_t at[4];
    double w[4];
} corners;

static corners around(double column, double row, int64_t h, int64_t w)
{
    corners k = {0};
    if (!(column > -1 && column < (double)w && row > -1 && row < (double)h)) return k; // NaN too
    int64_t left = (int64_t)(column + 1) - 1, top = (int64_t)(row + 1) - 1; // rounded down
    double right = column - (double)left, down = row - (double)top;
    for (int i = 0; i < 4; i++) {
        int64_t c = left + i % 2, r = top + i / 2;
        double u = i % 2 ? right : 1 - right, v = i / 2 ? down : 1 - down;
        if (c < 0 || c >= w || r < 0 || r >= h || u * v == 0) continue;
        k.at[k.n] = r * w + c, k.w[k.n++] = u * v;
    }
    return k;
}

static corners corners_of(const double m[6], int64_t i, int64_t j, int64_t h, int64_t w)
{
    double x = (double)j, y = (double)i;
    return around(m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5], h, w);
}

// The walk behind both definitions: x is the image that is sampled, y what the pixels i, j are of.
static void walk(const tg_node *node, tg_shape x, tg_shape y, const double *const in[], double *to)
{
    bool adjoint = node->op == &tg_op_warp_dx;
    memset(to, 0, sizeof *to * (size_t)tg_count(node->shape));
    for (int64_t m = 0; m < y.dim[0] * y.dim[1]; m++)
        for (int64_t i = 0; i < y.dim[2]; i++)
            for (int64_t j = 0; j < y.dim[3]; j++) {
                corners k = corners_of(in[1] + m / y.dim[1] * 6, i, j, x.dim[2], x.dim[3]);
                int64_t at_y = (m * y.dim[2] + i) * y.dim[3] + j;
                for (int q = 0; q < k.n; q++) {
                    int64_t at_x = m * x.dim[2] * x.dim[3] + k.at[q];
                    to[adjoint ? at_x : at_y] += k.w[q] * in[0][adjoint ? at_y : at_x];
                }
            }
}

static void ref(const tg_node *y, const double *const x[], double *out)
{
    walk(y, y->in[0]->shape, y->shape, x, out);
}

static void ref_dx(const tg_node *y, const double *const x[], double *out)
{
    walk(y, y->shape, y->in[0]->shape, x, out);
}

static void widen(double m[6], const float *from)
{
    for (int i = 0; i < 6; i++) m[i] = (double)from[i];
}

static int cpu(const tg_call *call)
{
    tg_shape s = call->y->in[0]->shape, o = call->y->shape;
    int64_t c = s.dim[1], h = s.dim[2], w = s.dim[3];
#pragma omp parallel for schedule(static) if (tg_count(o) > MOVE_ALONE)
    for (int64_t t = 0; t < o.dim[0] * o.dim[2]; t++) {
        int64_t n = t / o.dim[2];
        double m[6];
        widen(m, call->x[1] + n * 6);
        const float *x = call->x[0] + n * h * w * c;
        for (int64_t j = 0; j < o.dim[3]; j++) {
            float *restrict y = call->out + (t * o.dim[3] + j) * c;
            corners k = corners_of(m, t % o.dim[2], j, h, w);
            memset(y, 0, sizeof *y * (size_t)c);
            for (int q = 0; q < k.n; q++) {
                const float *restrict from = x + k.at[q] * c;
                float u = (float)k.w[q];
                for (int64_t i = 0; i < c; i++) y[i] += u * from[i];
            }
        }
    }
    return 0;
}

// Where pixels land is known to the map alone, so one thread has all pixels of a few channels: no
// two write one place, and the order of sums does not depend on the number of threads.
static int cpu_dx(const tg_call *call)
{
    tg_shape s = call->y->shape, o = call->y->in[0]->shape;
    int64_t c = s.dim[1], groups = (c + CHANNELS - 1) / CHANNELS;
    move_zero(call->out, 0, 1, tg_count(s));
#pragma omp parallel for schedule(static) if (tg_count(o) > MOVE_ALONE)
    for (int64_t t = 0; t < s.dim[0] * groups; t++) {
        int64_t n = t / groups, first = t % groups * CHANNELS;
        int64_t count = c - first < CHANNELS ? c - first : CHANNELS;
        double m[6];
        widen(m, call->x[1] + n * 6);
        for (int64_t p = 0; p < o.dim[2] * o.dim[3]; p++) {
            corners k = corners_of(m, p / o.dim[3], p % o.dim[3], s.dim[2], s.dim[3]);
            const float *restrict dy = call->x[0] + (n * o.dim[2] * o.dim[3] + p) * c + first;
            for (int q = 0; q < k.n; q++) {
                float *restrict to = call->out + (n * s.dim[2] * s.dim[3] + k.at[q]) * c + first;
                float u = (float)k.w[q];
                for (int64_t i = 0; i < count; i++) to[i] += u * dy[i];
            }
        }
    }
    return 0;
}

static int gpu(const tg_gpu_call *c)
{
    struct { // as in warp.cu
        gpu_image image;
        uint64_t m;
    } a = {.m = c->x[1].at};
    bool adjoint = c->y->op == &tg_op_warp_dx;
    char defines[GPU_DEFINES];
    int pack = gpu_image_of(c, adjoint, &a.image);
    gpu_defines(defines, sizeof defines, c->x[0].type, c->out.type, pack);
    return gpu_launch(c, cuda_text_warp, defines, c->y->op->name, &a, sizeof a, a.image.count);
}

// Turned, scaled and shifted, so that some pixels fall outside.
static tg_node *sample_map(tg_graph *g, base_rng *r, int64_t n)
{
    float m[12];
    for (int64_t i = 0; i < n; i++) {
        double turn = base_rng_uniform(r) * 6.28, size = 0.5 + base_rng_uniform(r);
        float a = (float)(size * cos(turn)), b = (float)(size * sin(turn));
        const float one[6] = {a, -b, (float)(3 * base_rng_uniform(r)),
                              b, a,  (float)(3 * base_rng_uniform(r))};
        memcpy(m + i * 6, one, sizeof one);
    }
    return tg_const(g, TG_SHAPE(n, 6), m);
}

static tg_node *pick(tg_graph *g, base_rng *r,
                     tg_node *(*make)(tg_node *, tg_node *, int64_t, int64_t))
{
    int n = base_rng_range(r, 1, 2), h = base_rng_range(r, 1, 5), w = base_rng_range(r, 1, 5);
    tg_node *x = tg_randn(g, r, TG_SHAPE(n, base_rng_range(r, 1, 3), h, w));
    tg_node *m = sample_map(g, r, n);
    return make(x, m, base_rng_range(r, 1, 5), base_rng_range(r, 1, 5));
}
static tg_node *sample(tg_graph *g, base_rng *r) { return pick(g, r, tg_warp); }
static tg_node *sample_dx(tg_graph *g, base_rng *r) { return pick(g, r, tg_warp_dx); }

tg_node *tg_warp(tg_node *x, tg_node *m, int64_t h, int64_t w)
{
    args p = {h, w};
    return tg_make(&tg_op_warp, 2, (tg_node *[]){x, m}, &p, sizeof p);
}

tg_node *tg_warp_dx(tg_node *dy, tg_node *m, int64_t h, int64_t w)
{
    args p = {h, w};
    return tg_make(&tg_op_warp_dx, 2, (tg_node *[]){dy, m}, &p, sizeof p);
}

TG_OP(warp, "x sampled along an affine map, bilinear, zero outside", .shape = shape, .vjp = vjp,
      .ref = ref, .cpu = cpu, .gpu = gpu, .last = 1 | TG_LAST_OUT, .flags = TG_LINEAR,
      .sample = sample);
TG_OP(warp_dx, "adjoint of warp", .shape = shape, .vjp = vjp_dx, .ref = ref_dx, .cpu = cpu_dx,
      .gpu = gpu, .last = 1 | TG_LAST_OUT, .flags = TG_LINEAR, .sample = sample_dx);
