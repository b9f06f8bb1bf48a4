// flip.c -- the order along one dim reversed; its own adjoint.
#include "graph/gpu.h"
#include "graph/op/move.h"
#include <string.h>

static int64_t dim_of(const tg_node *y) { return *(const int64_t *)y->args; }

static const char *shape(const tg_node *y, tg_shape *out)
{
    *out = y->in[0]->shape;
    return dim_of(y) < 0 || dim_of(y) >= out->rank ? "x does not have the dim to flip" : NULL;
}

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[]) { dx[0] = tg_flip(dy, (int)dim_of(y)); }

static void ref(const tg_node *y, const double *const x[], double *out)
{
    move_along v = move_see(y->shape, dim_of(y), false);
    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t i = 0; i < v.n; i++)
            for (int64_t k = 0; k < v.inner; k++)
                out[(o * v.n + i) * v.inner + k] = x[0][(o * v.n + v.n - 1 - i) * v.inner + k];
}

static int cpu(const tg_call *c)
{
    move_along v = move_see(c->y->shape, dim_of(c->y), c->last);
    const float *x = c->x[0];
    if (v.inner > 1) {
#pragma omp parallel for schedule(static) if (v.outer * v.n * v.inner > MOVE_ALONE)
        for (int64_t i = 0; i < v.outer * v.n; i++) {
            int64_t from = i - i % v.n + v.n - 1 - i % v.n;
            memcpy(c->out + i * v.inner, x + from * v.inner, sizeof *x * (size_t)v.inner);
        }
        return 0;
    }
#pragma omp parallel for schedule(static) if (v.outer * v.n > MOVE_ALONE)
    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t i = 0; i < v.n; i++) c->out[o * v.n + i] = x[o * v.n + v.n - 1 - i];
    return 0;
}

static int gpu(const tg_gpu_call *c)
{
    move_along v = move_see(c->y->shape, dim_of(c->y), c->last);
    gpu_move_map m = {.rank = 3,
                      .n = {v.outer, v.n, v.inner},
                      .from = {v.n * v.inner, -v.inner, 1},
                      .to = {v.n * v.inner, v.inner, 1},
                      .first_x = (v.n - 1) * v.inner};
    return gpu_move(c, 0, &m);
}

static tg_node *sample(tg_graph *g, base_rng *r)
{
    tg_shape s = move_sample(r);
    int dim = base_rng_range(r, 0, s.rank - 1);
    return tg_flip(tg_randn(g, r, s), dim);
}

tg_node *tg_flip(tg_node *x, int dim)
{
    int64_t d = dim;
    return tg_make(&tg_op_flip, 1, (tg_node *[]){x}, &d, sizeof d);
}

static const tg_field fields[] = {{"dim", TG_FIELD_INT64, 0, 1}, {0}};
TG_OP(flip, "the order along one dim reversed", .fields = fields, .shape = shape, .vjp = vjp,
      .ref = ref, .cpu = cpu, .gpu = gpu, .flags = TG_FOLLOW | TG_LINEAR, .sample = sample);
