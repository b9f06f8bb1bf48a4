// op_case.h -- what tests of all ops share: an instance's values in either layout, a copy of it
// whose operands are inputs, and what often follows it.
#ifndef GUISE_OP_CASE_H
#define GUISE_OP_CASE_H
#include "graph/op.h"
#include "test.h"

static inline void worse(double *worst, double want, double got)
{
    double error = fabs(want - got) / (1 + fabs(want));
    if (!(error <= *worst)) *worst = error;
}

static inline float *floats_of(tg_node *x, bool last) // its value, in the layout asked for
{
    const double *v = tg_eval(x);
    tg_shape s = x->shape;
    int64_t n = tg_count(s), area = s.rank == 4 ? s.dim[2] * s.dim[3] : 1;
    float *f = base_aligned(sizeof *f * (size_t)n);
    for (int64_t i = 0; f && v && i < n; i++) {
        int64_t at = i;
        if (last && s.rank == 4)
            at = (i / area / s.dim[1] * area + i % area) * s.dim[1] + i / area % s.dim[1];
        f[at] = (float)v[i];
    }
    return f;
}

// A copy of y in a graph of its own, whose operands are inputs with the values that y's have.
typedef struct {
    tg_graph *g;
    tg_node *in[TG_MAX_IN], *y;
    float *value[TG_MAX_IN];
    int n;
} copy;

static inline copy copy_of(tg_node *y)
{
    copy c = {.g = tg_new(), .n = y->n_in};
    for (int i = 0; i < c.n; i++) {
        c.in[i] = tg_input(c.g, y->in[i]->shape, "x");
        c.value[i] = floats_of(y->in[i], false);
        double *v = tg_data(c.in[i]);
        for (int64_t k = 0; k < tg_count(y->in[i]->shape); k++) v[k] = (double)c.value[i][k];
    }
    c.y = tg_make(y->op, c.n, c.in, y->args, y->args_size);
    return c;
}

static inline void drop(copy *c)
{
    for (int i = 0; i < c->n; i++) base_free(c->value[i]);
    tg_free(c->g);
}

// y, a bias for each channel, and a leaky ReLU: what the plan may make one pass of.
static inline tg_node *with_tail(copy *c, base_rng *r)
{
    float bias[64];
    tg_shape s = c->y ? c->y->shape : (tg_shape){0};
    int64_t n = s.rank > 1 && s.dim[1] <= 64 ? s.dim[1] : 1;
    for (int64_t i = 0; i < n; i++) bias[i] = (float)base_rng_normal(r);
    tg_node *b = tg_const(c->g, TG_SHAPE(n), bias);
    tg_shape to = {.rank = s.rank, .dim = {1, 1, 1, 1, 1, 1}};
    if (n > 1 || s.rank > 1) to.dim[1] = n;
    return tg_leaky_relu(tg_add(c->y, tg_reshape(b, to)), 0.2);
}
#endif
