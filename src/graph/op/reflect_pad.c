// reflect_pad.c -- rows and columns mirrored at the edges, the edge itself not repeated; adjoint.
//   x [n,c,h,w] -> y [n,c,h+2p,w+2p], y(i,j) = x(mirror(i - p), mirror(j - p))
#include "graph/gpu.h"
#include "graph/op/move.h"
#include <string.h>

static int64_t pad_of(const tg_node *y) { return *(const int64_t *)y->args; }

static int64_t mirror(int64_t i, int64_t n)
{
    if (i < 0) return -i;
    return i < n ? i : 2 * (n - 1) - i;
}

static const char *shape(const tg_node *y, tg_shape *out)
{
    int64_t p = pad_of(y);
    *out = y->in[0]->shape;
    if (out->rank != 4) return "x must be [n,c,h,w]";
    if (p < 0) return "padding must not be negative";
    if (p >= out->dim[2] || p >= out->dim[3]) return "padding must be less than height and width";
    out->dim[2] += 2 * p, out->dim[3] += 2 * p;
    return move_wrong(*out);
}

static const char *shape_dx(const tg_node *y, tg_shape *out)
{
    int64_t p = pad_of(y);
    *out = y->in[0]->shape;
    if (out->rank != 4) return "dy must be [n,c,h,w]";
    if (p < 0) return "padding must not be negative";
    if (p > (out->dim[2] - 1) / 3 || p > (out->dim[3] - 1) / 3)
        return "dy is smaller than anything with this padding";
    out->dim[2] -= 2 * p, out->dim[3] -= 2 * p;
    return NULL;
}

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    dx[0] = tg_reflect_pad_dx(dy, pad_of(y));
}
static void vjp_dx(tg_node *y, tg_node *d, tg_node *dx[]) { dx[0] = tg_reflect_pad(d, pad_of(y)); }

static void ref(const tg_node *y, const double *const x[], double *out)
{
    tg_shape s = y->in[0]->shape, t = y->shape;
    int64_t p = pad_of(y), h = s.dim[2], w = s.dim[3];
    for (int64_t m = 0; m < t.dim[0] * t.dim[1]; m++)
        for (int64_t i = 0; i < t.dim[2]; i++)
            for (int64_t j = 0; j < t.dim[3]; j++)
                *out++ = x[0][(m * h + mirror(i - p, h)) * w + mirror(j - p, w)];
}

static void ref_dx(const tg_node *y, const double *const x[], double *out)
{
    tg_shape s = y->shape, t = y->in[0]->shape;
    int64_t p = pad_of(y), h = s.dim[2], w = s.dim[3];
    const double *dy = x[0];
    memset(out, 0, sizeof *out * (size_t)tg_count(s));
    for (int64_t m = 0; m < t.dim[0] * t.dim[1]; m++)
        for (int64_t i = 0; i < t.dim[2]; i++)
            for (int64_t j = 0; j < t.dim[3]; j++)
                out[(m * h + mirror(i - p, h)) * w + mirror(j - p, w)] += *dy++;
}

static void copy(float *to, const float *from, int64_t n)
{
    memcpy(to, from, sizeof *to * (size_t)n);
}

BASE_SIMD static void add(float *restrict to, const float *restrict from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

static int cpu(const tg_call *call)
{
    tg_shape s = call->y->in[0]->shape, t = call->y->shape;
    int64_t p = pad_of(call->y), c = s.dim[1], h = s.dim[2], w = s.dim[3];
#pragma omp parallel for schedule(static) if (tg_count(t) > MOVE_ALONE)
    for (int64_t row = 0; row < t.dim[0] * t.dim[2]; row++) {
        int64_t n = row / t.dim[2], i = mirror(row % t.dim[2] - p, h);
        const float *x = call->x[0] + (n * h + i) * w * c;
        float *y = call->out + row * t.dim[3] * c;
        for (int64_t j = 0; j < p; j++) copy(y + j * c, x + (p - j) * c, c);
        copy(y + p * c, x, w * c);
        for (int64_t j = 0; j < p; j++) copy(y + (p + w + j) * c, x + (w - 2 - j) * c, c);
    }
    return 0;
}

// Row i of x was copied to up to three rows of y; which.
static int copies(int64_t i, int64_t h, int64_t p, int64_t row[3])
{
    int n = 0;
    row[n++] = i + p;
    if (i >= 1 && i <= p) row[n++] = p - i;
    if (i >= h - 1 - p && i <= h - 2) row[n++] = 2 * (h - 1) - i + p;
    return n;
}

static int cpu_dx(const tg_call *call)
{
    tg_shape s = call->y->shape, t = call->y->in[0]->shape;
    int64_t p = pad_of(call->y), c = s.dim[1], h = s.dim[2], w = s.dim[3];
#pragma omp parallel for schedule(static) if (tg_count(t) > MOVE_ALONE)
    for (int64_t k = 0; k < s.dim[0] * h; k++) {
        int64_t row[3], n = k / h;
        int rows = copies(k % h, h, p, row);
        float *x = call->out + k * w * c;
        for (int m = 0; m < rows; m++) {
            const float *dy = call->x[0] + (n * t.dim[2] + row[m]) * t.dim[3] * c;
            if (m == 0) copy(x, dy + p * c, w * c);
            if (m > 0) add(x, dy + p * c, w * c);
            for (int64_t j = 0; j < p; j++) add(x + (p - j) * c, dy + j * c, c);
            for (int64_t j = 0; j < p; j++) add(x + (w - 2 - j) * c, dy + (p + w + j) * c, c);
        }
    }
    return 0;
}

static int gpu(const tg_gpu_call *c)
{
    struct { // as in reflect_pad.cu
        gpu_image image;
        int64_t pad;
    } a = {.pad = pad_of(c->y)};
    bool adjoint = c->y->op == &tg_op_reflect_pad_dx;
    char defines[GPU_DEFINES];
    int pack = gpu_image_of(c, adjoint, &a.image);
    gpu_defines(defines, sizeof defines, c->x[0].type, c->out.type, pack);
    return gpu_launch(c, cuda_text_reflect_pad, defines, c->y->op->name, &a, sizeof a,
                      a.image.count);
}

static tg_shape sample_shape(base_rng *r, int pad, int more)
{
    return TG_SHAPE(base_rng_range(r, 1, 2), base_rng_range(r, 1, 3),
                    base_rng_range(r, pad + 1, pad + 3) + more,
                    base_rng_range(r, pad + 1, pad + 3) + more);
}

static tg_node *sample(tg_graph *g, base_rng *r)
{
    int p = base_rng_range(r, 1, 3);
    return tg_reflect_pad(tg_randn(g, r, sample_shape(r, p, 0)), p);
}

static tg_node *sample_dx(tg_graph *g, base_rng *r)
{
    int p = base_rng_range(r, 1, 3);
    return tg_reflect_pad_dx(tg_randn(g, r, sample_shape(r, p, 2 * p)), p);
}

tg_node *tg_reflect_pad(tg_node *x, int64_t pad)
{
    if (!pad && x && x->shape.rank == 4) return x;
    return tg_make(&tg_op_reflect_pad, 1, (tg_node *[]){x}, &pad, sizeof pad);
}

tg_node *tg_reflect_pad_dx(tg_node *dy, int64_t pad)
{
    if (!pad && dy && dy->shape.rank == 4) return dy;
    return tg_make(&tg_op_reflect_pad_dx, 1, (tg_node *[]){dy}, &pad, sizeof pad);
}

static const tg_field fields[] = {{"pad", TG_FIELD_INT64, 0, 1}, {0}};
TG_OP(reflect_pad, "rows and columns mirrored at the edges", .fields = fields, .shape = shape,
      .vjp = vjp, .ref = ref, .cpu = cpu, .gpu = gpu, .last = 1 | TG_LAST_OUT, .flags = TG_LINEAR,
      .sample = sample);
TG_OP(reflect_pad_dx, "adjoint of reflect_pad", .fields = fields, .shape = shape_dx, .vjp = vjp_dx,
      .ref = ref_dx, .cpu = cpu_dx, .gpu = gpu, .last = 1 | TG_LAST_OUT, .flags = TG_LINEAR,
      .sample = sample_dx);
