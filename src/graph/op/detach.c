// detach.c -- y = x, but a constant to tg_grad.
#include "graph/op.h"
#include <string.h>

static void ref(const tg_node *y, const double *const x[], double *out)
{
    memcpy(out, x[0], sizeof *out * (size_t)tg_count(y->shape));
}

static void map(const tg_node *y, int64_t n, const float *const x[], float *out)
{
    (void)y;
    memcpy(out, x[0], sizeof *out * (size_t)n);
}

static tg_node *sample(tg_graph *g, base_rng *r)
{
    tg_node *x = tg_randn(g, r, tg_small_shape(r)); // with a path that has a derivative, too
    return tg_detach(tg_const(g, x->shape, (const float[27]){0.5F, -1, 2}));
}

tg_node *tg_detach(tg_node *x) { return tg_make(&tg_op_detach, 1, (tg_node *[]){x}, NULL, 0); }

TG_OP(detach, "y = x, with no derivative", .shape = tg_same_shape, .ref = ref, .map = map,
      .text = "x", .sample = sample);
