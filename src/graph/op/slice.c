// slice.c -- a range of one dim, and its adjoint, padding with zeros.
#include "graph/gpu.h"
#include "graph/op/move.h"
#include <string.h>

typedef struct {
    int64_t dim, from, n;
} slice_args;

static const char *slice_shape(const tg_node *y, tg_shape *out)
{
    const slice_args *p = y->args;
    *out = y->in[0]->shape;
    if (p->dim < 0 || p->dim >= out->rank) return "x does not have the dim to slice";
    if (p->n < 1) return "a slice needs at least one element";
    if (p->from < 0 || p->from > out->dim[p->dim] - p->n) return "the slice reaches outside x";
    out->dim[p->dim] = p->n;
    return NULL;
}

static void slice_vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    const slice_args *p = y->args;
    dx[0] = tg_pad(dy, (int)p->dim, p->from, tg_dim(y->in[0], (int)p->dim) - p->from - p->n);
}

static void slice_ref(const tg_node *y, const double *const x[], double *out)
{
    const slice_args *p = y->args;
    move_along v = move_see(y->in[0]->shape, p->dim, false);
    int64_t n = p->n * v.inner;
    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t i = 0; i < n; i++) out[o * n + i] = x[0][(o * v.n + p->from) * v.inner + i];
}

static int slice_cpu(const tg_call *c)
{
    const slice_args *p = c->y->args;
    move_along v = move_see(c->y->in[0]->shape, p->dim, c->last);
    int64_t n = p->n * v.inner;
    move_copy(c->out, n, c->x[0] + p->from * v.inner, v.n * v.inner, v.outer, n);
    return 0;
}

static int slice_gpu(const tg_gpu_call *c)
{
    const slice_args *p = c->y->args;
    move_along v = move_see(c->y->in[0]->shape, p->dim, c->last);
    int64_t n = p->n * v.inner;
    gpu_move_map m = {.rank = 2,
                      .n = {v.outer, n},
                      .from = {v.n * v.inner, 1},
                      .to = {n, 1},
                      .first_x = p->from * v.inner};
    return gpu_move(c, 0, &m);
}

static tg_node *slice_sample(tg_graph *g, base_rng *r)
{
    tg_shape s = move_sample(r);
    int dim = base_rng_range(r, 0, s.rank - 1), n = base_rng_range(r, 1, 3);
    int before = base_rng_range(r, 0, 2), after = base_rng_range(r, before ? 0 : 1, 2);
    s.dim[dim] = before + n + after;
    return tg_slice(tg_randn(g, r, s), dim, before, n);
}

tg_node *tg_slice(tg_node *x, int dim, int64_t from, int64_t n)
{
    if (x && dim >= 0 && dim < x->shape.rank && from == 0 && n == x->shape.dim[dim]) return x;
    slice_args p = {dim, from, n};
    return tg_make(&tg_op_slice, 1, (tg_node *[]){x}, &p, sizeof p);
}

static const tg_field slice_fields[] = {{"dim", TG_FIELD_INT64, offsetof(slice_args, dim), 1},
                                        {"from", TG_FIELD_INT64, offsetof(slice_args, from), 1},
                                        {"n", TG_FIELD_INT64, offsetof(slice_args, n), 1},
                                        {0}};
TG_OP(slice, "n elements of one dim, starting at from", .fields = slice_fields,
      .shape = slice_shape, .vjp = slice_vjp, .ref = slice_ref, .cpu = slice_cpu, .gpu = slice_gpu,
      .flags = TG_FOLLOW | TG_LINEAR, .sample = slice_sample);

typedef struct {
    int64_t dim, before, after;
} pad_args;

static const char *pad_shape(const tg_node *y, tg_shape *out)
{
    const pad_args *p = y->args;
    *out = y->in[0]->shape;
    if (p->dim < 0 || p->dim >= out->rank) return "x does not have the dim to pad";
    if (p->before < 0 || p->after < 0) return "padding must not be negative";
    if (p->before > INT64_MAX / 4 || p->after > INT64_MAX / 4) return "the padding is too large";
    out->dim[p->dim] += p->before + p->after;
    return move_wrong(*out);
}

static void pad_vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    const pad_args *p = y->args;
    dx[0] = tg_slice(dy, (int)p->dim, p->before, tg_dim(y->in[0], (int)p->dim));
}

static void pad_ref(const tg_node *y, const double *const x[], double *out)
{
    const pad_args *p = y->args;
    move_along v = move_see(y->in[0]->shape, p->dim, false);
    int64_t n = v.n * v.inner, all = y->shape.dim[p->dim] * v.inner;
    memset(out, 0, sizeof *out * (size_t)tg_count(y->shape));
    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t i = 0; i < n; i++) out[o * all + p->before * v.inner + i] = x[0][o * n + i];
}

static int pad_cpu(const tg_call *c)
{
    const pad_args *p = c->y->args;
    move_along v = move_see(c->y->in[0]->shape, p->dim, c->last);
    int64_t n = v.n * v.inner, before = p->before * v.inner, after = p->after * v.inner;
    int64_t all = before + n + after;
    move_zero(c->out, all, v.outer, before);
    move_copy(c->out + before, all, c->x[0], n, v.outer, n);
    move_zero(c->out + before + n, all, v.outer, after);
    return 0;
}

static int pad_gpu(const tg_gpu_call *c)
{
    const pad_args *p = c->y->args;
    move_along v = move_see(c->y->in[0]->shape, p->dim, c->last);
    int64_t all = p->before + v.n + p->after;
    gpu_move_map m = {.rank = 3,
                      .n = {v.outer, all, v.inner},
                      .from = {v.n * v.inner, v.inner, 1},
                      .to = {all * v.inner, v.inner, 1},
                      .first_x = -p->before * v.inner,
                      .bound = true,
                      .dim = 1,
                      .low = p->before,
                      .high = p->before + v.n};
    return gpu_move(c, 0, &m);
}

static tg_node *pad_sample(tg_graph *g, base_rng *r)
{
    tg_shape s = move_sample(r);
    int dim = base_rng_range(r, 0, s.rank - 1);
    int before = base_rng_range(r, 0, 2), after = base_rng_range(r, before ? 0 : 1, 2);
    return tg_pad(tg_randn(g, r, s), dim, before, after);
}

tg_node *tg_pad(tg_node *x, int dim, int64_t before, int64_t after)
{
    if (x && dim >= 0 && dim < x->shape.rank && !before && !after) return x;
    pad_args p = {dim, before, after};
    return tg_make(&tg_op_pad, 1, (tg_node *[]){x}, &p, sizeof p);
}

static const tg_field pad_fields[] = {{"dim", TG_FIELD_INT64, offsetof(pad_args, dim), 1},
                                      {"before", TG_FIELD_INT64, offsetof(pad_args, before), 1},
                                      {"after", TG_FIELD_INT64, offsetof(pad_args, after), 1},
                                      {0}};
TG_OP(pad, "zeros before and after x along one dim", .fields = pad_fields, .shape = pad_shape,
      .vjp = pad_vjp, .ref = pad_ref, .cpu = pad_cpu, .gpu = pad_gpu,
      .flags = TG_FOLLOW | TG_LINEAR, .sample = pad_sample);
