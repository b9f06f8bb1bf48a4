// affine.c -- y = k x + c with plain numbers k and c.
#include "graph/op.h"
#include <stddef.h>

typedef struct {
    double k, c;
} args;

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    dx[0] = tg_scale(dy, ((const args *)y->args)->k);
}

static void ref(const tg_node *y, const double *const x[], double *out)
{
    const args *p = y->args;
    for (int64_t i = 0, n = tg_count(y->shape); i < n; i++) out[i] = p->k * x[0][i] + p->c;
}

BASE_SIMD static void map(const tg_node *y, int64_t n, const float *const x[], float *out)
{
    const args *p = y->args;
    const float k = (float)p->k, c = (float)p->c, *a = x[0];
    float *o = out;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) o[i] = k * a[i] + c;
}

static tg_node *sample(tg_graph *g, base_rng *r)
{
    tg_node *x = tg_randn(g, r, tg_small_shape(r));
    return tg_affine(x, base_rng_range(r, 2, 5), base_rng_range(r, -3, 3));
}

tg_node *tg_affine(tg_node *x, double k, double c)
{
    if (!x || (k == 1 && c == 0)) return x;
    return tg_make(&tg_op_affine, 1, (tg_node *[]){x}, &(args){k, c}, sizeof(args));
}
tg_node *tg_scale(tg_node *x, double k) { return tg_affine(x, k, 0); }
tg_node *tg_shift(tg_node *x, double c) { return tg_affine(x, 1, c); }
tg_node *tg_neg(tg_node *x) { return tg_affine(x, -1, 0); }

static const tg_field fields[] = {
    {"k", TG_FIELD_REAL, offsetof(args, k), 1}, {"c", TG_FIELD_REAL, offsetof(args, c), 1}, {0}};
TG_OP(affine, "y = k x + c", .fields = fields, .shape = tg_same_shape, .vjp = vjp, .ref = ref,
      .map = map, .text = "k0 * x + k1", .sample = sample);
