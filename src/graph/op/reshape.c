// reshape.c -- the same elements in row-major order under another shape.
#include "graph/gpu.h"
#include "graph/op/move.h"
#include <string.h>

typedef struct {
    int64_t rank, dim[TG_MAX_RANK]; // unused dims are 0, so that equal nodes have equal bytes
} args;

static const char *shape(const tg_node *y, tg_shape *out)
{
    const args *p = y->args;
    if (p->rank < 0 || p->rank > TG_MAX_RANK) return "the new shape has too many dims (6 at most)";
    *out = (tg_shape){.rank = (int)p->rank};
    memcpy(out->dim, p->dim, sizeof p->dim);
    const char *wrong = move_wrong(*out);
    if (wrong) return wrong;
    if (tg_count(*out) != tg_count(y->in[0]->shape)) return "the new shape has another count";
    return NULL;
}

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[]) { dx[0] = tg_reshape(dy, y->in[0]->shape); }

static void ref(const tg_node *y, const double *const x[], double *out)
{
    memcpy(out, x[0], sizeof *out * (size_t)tg_count(y->shape));
}

static int cpu(const tg_call *c)
{
    int64_t n = tg_count(c->y->shape);
    move_copy(c->out, n, c->x[0], n, 1, n);
    return 0;
}

static int gpu(const tg_gpu_call *c)
{
    gpu_move_map m = {.rank = 1, .n = {tg_count(c->y->shape)}, .from = {1}, .to = {1}};
    return gpu_move(c, 0, &m);
}

static tg_node *sample(tg_graph *g, base_rng *r)
{
    int64_t a = base_rng_range(r, 1, 4), b = base_rng_range(r, 1, 4), k = base_rng_range(r, 1, 3);
    tg_node *x = tg_randn(g, r, TG_SHAPE(a, b, k));
    if (base_rng_range(r, 0, 1)) return tg_reshape(x, TG_SHAPE(b * k, a));
    return tg_reshape(x, TG_SHAPE(k, a, 1, b));
}

tg_node *tg_reshape(tg_node *x, tg_shape to)
{
    if (!x || tg_same(x->shape, to)) return x;
    args p = {.rank = to.rank};
    for (int i = 0; i < to.rank && i < TG_MAX_RANK; i++) p.dim[i] = to.dim[i];
    return tg_make(&tg_op_reshape, 1, (tg_node *[]){x}, &p, sizeof p);
}

TG_OP(reshape, "the elements of x in row-major order under another shape", .shape = shape,
      .vjp = vjp, .ref = ref, .cpu = cpu, .gpu = gpu, .flags = TG_LINEAR | TG_ALIAS,
      .sample = sample);
