// pointwise.c -- y_i = f(x_i) for every line of pointwise.def.
#include "graph/op.h"
#include <tgmath.h>

static tg_node *sample_any(tg_graph *g, base_rng *r) { return tg_randn(g, r, tg_small_shape(r)); }

static tg_node *sample_positive(tg_graph *g, base_rng *r) // at least 0.5, away from the poles
{
    tg_node *x = sample_any(g, r);
    int64_t n = x ? tg_count(x->shape) : 0;
    for (int64_t i = 0; i < n; i++) x->data[i] = 0.5 + fabs(x->data[i]);
    return x;
}

#define POINTWISE(NAME, DOMAIN, F, DF)                                                             \
    static void NAME##_ref(const tg_node *node, const double *const in[], double *out)             \
    {                                                                                              \
        for (int64_t i = 0, n = tg_count(node->shape); i < n; i++) {                               \
            double x = in[0][i];                                                                   \
            out[i] = (F);                                                                          \
        }                                                                                          \
    }                                                                                              \
    BASE_SIMD static void NAME##_map(const tg_node *node, int64_t n, const float *const in[],      \
                                     float *out)                                                   \
    {                                                                                              \
        (void)node;                                                                                \
        const float *a = in[0];                                                                    \
        float *o = out;                                                                            \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                        \
        {                                                                                          \
            float x = a[i];                                                                        \
            o[i] = (float)(F);                                                                     \
        }                                                                                          \
    }                                                                                              \
    static void NAME##_vjp(tg_node *y, tg_node *dy, tg_node *dx[])                                 \
    {                                                                                              \
        tg_node *x = y->in[0], *slope = (DF);                                                      \
        (void)x;                                                                                   \
        dx[0] = slope ? tg_mul(dy, slope) : NULL;                                                  \
    }                                                                                              \
    static tg_node *NAME##_sample(tg_graph *g, base_rng *r)                                        \
    {                                                                                              \
        return tg_##NAME(sample_##DOMAIN(g, r));                                                   \
    }                                                                                              \
    TG_OP(NAME, "y = " #F, .shape = tg_same_shape, .vjp = NAME##_vjp, .ref = NAME##_ref,           \
          .map = NAME##_map, .text = #F, .sample = NAME##_sample);                                 \
    tg_node *tg_##NAME(tg_node *x) { return tg_make(&tg_op_##NAME, 1, (tg_node *[]){x}, NULL, 0); }
#include "graph/op/pointwise.def"
