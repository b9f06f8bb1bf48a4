// clip.c -- y = min(max(x, lo), hi); and within, its derivative: 1 where lo < x < hi, else 0.
#include "graph/op.h"
#include <stddef.h>

typedef struct {
    double lo, hi;
} args;

static void clip_vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    const args *p = y->args;
    dx[0] = tg_mul(dy, tg_within(y->in[0], p->lo, p->hi));
}

static void clip_ref(const tg_node *y, const double *const x[], double *out)
{
    const args *p = y->args;
    for (int64_t i = 0, n = tg_count(y->shape); i < n; i++)
        out[i] = x[0][i] < p->lo ? p->lo : x[0][i] > p->hi ? p->hi : x[0][i];
}

BASE_SIMD static void clip_map(const tg_node *y, int64_t n, const float *const x[], float *out)
{
    const args *p = y->args;
    const float lo = (float)p->lo, hi = (float)p->hi, *a = x[0];
    float *o = out;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++)
    {
        float v = a[i] < lo ? lo : a[i];
        o[i] = v > hi ? hi : v;
    }
}

static void within_ref(const tg_node *y, const double *const x[], double *out)
{
    const args *p = y->args;
    for (int64_t i = 0, n = tg_count(y->shape); i < n; i++)
        out[i] = x[0][i] > p->lo && x[0][i] < p->hi;
}

BASE_SIMD static void within_map(const tg_node *y, int64_t n, const float *const x[], float *out)
{
    const args *p = y->args;
    const float lo = (float)p->lo, hi = (float)p->hi, *a = x[0];
    float *o = out;
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) o[i] = a[i] > lo && a[i] < hi ? 1.0F : 0.0F;
}

static tg_node *clip_sample(tg_graph *g, base_rng *r)
{
    tg_node *x = tg_randn(g, r, tg_small_shape(r));
    return tg_clip(x, -0.5 - base_rng_uniform(r), 0.5);
}

static tg_node *within_sample(tg_graph *g, base_rng *r)
{
    return tg_within(tg_randn(g, r, tg_small_shape(r)), -0.5, 0.5 + base_rng_uniform(r));
}

tg_node *tg_clip(tg_node *x, double lo, double hi)
{
    return tg_make(&tg_op_clip, 1, (tg_node *[]){x}, &(args){lo, hi}, sizeof(args));
}

tg_node *tg_within(tg_node *x, double lo, double hi)
{
    return tg_make(&tg_op_within, 1, (tg_node *[]){x}, &(args){lo, hi}, sizeof(args));
}

static const tg_field fields[] = {{"lo", TG_FIELD_REAL, offsetof(args, lo), 1},
                                  {"hi", TG_FIELD_REAL, offsetof(args, hi), 1},
                                  {0}};
TG_OP(clip, "y = min(max(x, lo), hi)", .fields = fields, .shape = tg_same_shape, .vjp = clip_vjp,
      .ref = clip_ref, .map = clip_map, .text = "x < k0 ? k0 : x > k1 ? k1 : x",
      .sample = clip_sample);
TG_OP(within, "y = 1 where lo < x < hi, else 0", .fields = fields, .shape = tg_same_shape,
      .ref = within_ref, .map = within_map, .text = "x > k0 && x < k1 ? 1 : 0",
      .sample = within_sample);
