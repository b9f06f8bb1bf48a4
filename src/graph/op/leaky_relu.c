// leaky_relu.c -- y = x where x > 0, else slope x. Maas et al. 2013.
#include "graph/op.h"
#include <stddef.h>

static double slope(const tg_node *y) { return *(const double *)y->args; }

// dx = dy (slope + (1 - slope) [x > 0]). Taking the sign from y, where it is the same, means that
// x need not be kept for the backward pass.
static void vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    tg_node *on = tg_step(slope(y) >= 0 ? y : y->in[0]);
    dx[0] = tg_mul(dy, tg_affine(on, 1 - slope(y), slope(y)));
}

static void ref(const tg_node *y, const double *const x[], double *out)
{
    for (int64_t i = 0, n = tg_count(y->shape); i < n; i++)
        out[i] = x[0][i] > 0 ? x[0][i] : slope(y) * x[0][i];
}

BASE_SIMD static void map(const tg_node *y, int64_t n, const float *const x[], float *out)
{
    const float k = (float)slope(y), *a = x[0];
    float *o = out;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) o[i] = a[i] > 0 ? a[i] : k * a[i];
}

static tg_node *sample(tg_graph *g, base_rng *r)
{
    return tg_leaky_relu(tg_randn(g, r, tg_small_shape(r)), 0.1 * base_rng_range(r, 0, 5));
}

tg_node *tg_leaky_relu(tg_node *x, double k)
{
    return tg_make(&tg_op_leaky_relu, 1, (tg_node *[]){x}, &k, sizeof k);
}

static const tg_field fields[] = {{"slope", TG_FIELD_REAL, 0, 1}, {0}};
TG_OP(leaky_relu, "y = x > 0 ? x : slope x", .fields = fields, .shape = tg_same_shape, .vjp = vjp,
      .ref = ref, .map = map, .text = "x > 0 ? x : k0 * x", .sample = sample);
