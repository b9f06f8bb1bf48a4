// binary.c -- y = a + b, y = a - b and y = a b, elementwise.
#include "graph/op.h"
#include <string.h>

static const char *same(const tg_node *y, tg_shape *out)
{
    *out = y->in[0]->shape;
    return tg_same(y->in[0]->shape, y->in[1]->shape) ? NULL : "shapes differ and do not expand";
}

static bool expands(tg_shape from, tg_shape to)
{
    int lead = to.rank - from.rank;
    if (lead < 0) return false;
    for (int i = 0; i < from.rank; i++)
        if (from.dim[i] != 1 && from.dim[i] != to.dim[lead + i]) return false;
    return true;
}

static tg_node *fit(tg_node *x, const tg_node *like)
{
    if (!x || !like || tg_same(x->shape, like->shape) || !expands(x->shape, like->shape)) return x;
    return tg_expand(x, like->shape);
}

static tg_node *pair(const tg_op *op, tg_node *a, tg_node *b)
{
    tg_node *x = fit(a, b);
    return tg_make(op, 2, (tg_node *[]){x, fit(b, x)}, NULL, 0);
}

#define BINARY(NAME, SIGN, DOC)                                                                    \
    static void NAME##_ref(const tg_node *y, const double *const x[], double *out)                 \
    {                                                                                              \
        for (int64_t i = 0, n = tg_count(y->shape); i < n; i++) out[i] = x[0][i] SIGN x[1][i];     \
    }                                                                                              \
    BASE_SIMD static void NAME##_map(const tg_node *y, int64_t n, const float *const x[],          \
                                     float *out)                                                   \
    {                                                                                              \
        (void)y;                                                                                   \
        const float *a = x[0], *b = x[1];                                                          \
        float *o = out;                                                                            \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) o[i] = a[i] SIGN b[i];                 \
    }                                                                                              \
    static tg_node *NAME##_sample(tg_graph *g, base_rng *r)                                        \
    {                                                                                              \
        tg_shape s = tg_small_shape(r);                                                            \
        return tg_##NAME(tg_randn(g, r, s), tg_randn(g, r, s));                                    \
    }                                                                                              \
    TG_OP(NAME, DOC, .shape = same, .vjp = NAME##_vjp, .ref = NAME##_ref, .map = NAME##_map,       \
          .text = "x " #SIGN " b", .sample = NAME##_sample);                                       \
    tg_node *tg_##NAME(tg_node *a, tg_node *b) { return pair(&tg_op_##NAME, a, b); }

static void add_vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    (void)y;
    dx[0] = dx[1] = dy;
}
BINARY(add, +, "y = a + b")

static void sub_vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    (void)y;
    dx[0] = dy;
    dx[1] = tg_neg(dy);
}
BINARY(sub, -, "y = a - b")

static void mul_vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    dx[0] = tg_mul(dy, y->in[1]);
    dx[1] = tg_mul(dy, y->in[0]);
}
BINARY(mul, *, "y = a b")

tg_node *tg_div(tg_node *a, tg_node *b) { return tg_mul(a, tg_recip(b)); }

tg_node *tg_maximum(tg_node *a, tg_node *b) { return tg_add(b, tg_relu(tg_sub(a, b))); }

tg_node *tg_prelu(tg_node *x, tg_node *slope) // relu(x) - slope relu(-x)
{
    return tg_sub(tg_relu(x), tg_mul(tg_relu(tg_neg(x)), slope));
}
