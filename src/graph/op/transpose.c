// transpose.c -- dims in another order: y.dim[i] = x.dim[perm[i]].
#include "graph/gpu.h"
#include "graph/op/move.h"
#include <string.h>

typedef struct {
    int perm[TG_MAX_RANK];
} args;

static const char *shape(const tg_node *y, tg_shape *out)
{
    const args *p = y->args;
    tg_shape x = y->in[0]->shape;
    unsigned seen = 0;
    *out = (tg_shape){.rank = x.rank};
    for (int i = 0; i < x.rank; i++) {
        int k = p->perm[i];
        if (k < 0 || k >= x.rank) return "the order names a dim that x does not have";
        if (seen & 1u << k) return "the order names a dim twice";
        seen |= 1u << k;
        out->dim[i] = x.dim[k];
    }
    return NULL;
}

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    const args *p = y->args;
    int back[TG_MAX_RANK] = {0};
    for (int i = 0; i < y->shape.rank; i++) back[p->perm[i]] = i;
    dx[0] = tg_transpose(dy, back);
}

static void ref(const tg_node *y, const double *const x[], double *out)
{
    const args *p = y->args;
    int64_t step[TG_MAX_RANK];
    tg_steps(y->in[0]->shape, step);
    for (int64_t i = 0, n = tg_count(y->shape); i < n; i++) {
        int64_t at = 0, rest = i;
        for (int k = y->shape.rank - 1; k >= 0; k--) {
            at += rest % y->shape.dim[k] * step[p->perm[k]];
            rest /= y->shape.dim[k];
        }
        out[i] = x[0][at];
    }
}

// The dims of y with their steps in x and y, after dims of 1 are left out and neighbours that
// stay neighbours are made one.
typedef struct {
    int rank;
    int64_t dim[TG_MAX_RANK], from[TG_MAX_RANK], to[TG_MAX_RANK];
} walk;

static walk simplify(const tg_node *y)
{
    const args *p = y->args;
    int64_t from[TG_MAX_RANK], to[TG_MAX_RANK];
    tg_steps(y->in[0]->shape, from);
    tg_steps(y->shape, to);
    walk w = {0};
    for (int i = 0; i < y->shape.rank; i++) {
        int64_t n = y->shape.dim[i], f = from[p->perm[i]];
        int k = w.rank - 1; // the dim before
        if (n == 1) continue;
        if (k >= 0 && w.from[k] == f * n) {
            w.dim[k] *= n, w.from[k] = f, w.to[k] = to[i];
        } else {
            w.dim[w.rank] = n, w.from[w.rank] = f, w.to[w.rank++] = to[i];
        }
    }
    return w;
}

static int fastest_of_x(const walk *w) // the dim along which x is contiguous
{
    int k = w->rank - 1;
    while (k > 0 && w->from[k] != 1) k--;
    return k;
}

// A strip of n rows: y[a * step_a + b] = x[a + b * step_b], in tiles that stay in cache.
static void strip(float *y, int64_t step_a, const float *x, int64_t step_b, int64_t n, int64_t m)
{
    enum { TILE = 32 };
    for (int64_t b0 = 0; b0 < m; b0 += TILE) {
        int64_t b1 = b0 + TILE < m ? b0 + TILE : m;
        for (int64_t a = 0; a < n; a++)
            for (int64_t b = b0; b < b1; b++) y[a * step_a + b] = x[a + b * step_b];
    }
}

static int cpu(const tg_call *c)
{
    enum { STRIP = 32 };
    walk w = simplify(c->y);
    int64_t count = tg_count(c->y->shape);
    int last = w.rank - 1, k = fastest_of_x(&w);
    if (w.rank < 2) return move_copy(c->out, count, c->x[0], count, 1, count), 0;
    // One task is a strip of dim k by the whole last dim, or one row where both are the same.
    int64_t width = k == last ? 1 : STRIP, along = k == last ? 1 : w.dim[k];
    int64_t strips = (along + width - 1) / width, tasks = count / w.dim[last] / along * strips;
#pragma omp parallel for schedule(static) if (count > MOVE_ALONE)
    for (int64_t t = 0; t < tasks; t++) {
        int64_t a = t % strips * width, rest = t / strips;
        int64_t from = k == last ? 0 : a, to = k == last ? 0 : a * w.to[k];
        for (int i = last - 1; i >= 0; i--) {
            if (i == k) continue;
            from += rest % w.dim[i] * w.from[i], to += rest % w.dim[i] * w.to[i];
            rest /= w.dim[i];
        }
        const float *x = c->x[0] + from;
        if (k == last) {
            memcpy(c->out + to, x, sizeof *x * (size_t)w.dim[last]);
        } else {
            int64_t n = along - a < width ? along - a : width;
            strip(c->out + to, w.to[k], x, w.from[last], n, w.dim[last]);
        }
    }
    return 0;
}

static int gpu(const tg_gpu_call *c)
{
    const args *p = c->y->args;
    int64_t from[TG_MAX_RANK];
    gpu_move_map m = {.rank = c->y->shape.rank};
    tg_steps(c->y->in[0]->shape, from);
    tg_steps(c->y->shape, m.to);
    for (int i = 0; i < m.rank; i++) m.n[i] = c->y->shape.dim[i], m.from[i] = from[p->perm[i]];
    return gpu_move(c, 0, &m);
}

static tg_node *sample(tg_graph *g, base_rng *r)
{
    int perm[TG_MAX_RANK] = {0, 1, 2, 3, 4, 5};
    tg_shape s = {.rank = base_rng_range(r, 2, 5)};
    for (int i = 0; i < s.rank; i++) s.dim[i] = base_rng_range(r, 1, 3);
    base_rng_shuffle(r, perm, s.rank);
    if (perm[0] == 0) perm[0] = perm[s.rank - 1], perm[s.rank - 1] = 0; // the identity is no node
    return tg_transpose(tg_randn(g, r, s), perm);
}

tg_node *tg_transpose(tg_node *x, const int perm[])
{
    args p = {{0}};
    bool same = true;
    if (!x) return NULL;
    for (int i = 0; i < x->shape.rank; i++) p.perm[i] = perm[i], same = same && perm[i] == i;
    return same ? x : tg_make(&tg_op_transpose, 1, (tg_node *[]){x}, &p, sizeof p);
}

static const tg_field fields[] = {{"perm", TG_FIELD_INT, offsetof(args, perm), TG_MAX_RANK}, {0}};
TG_OP(transpose, "y.dim[i] = x.dim[perm[i]]", .fields = fields, .shape = shape, .vjp = vjp,
      .ref = ref, .cpu = cpu, .gpu = gpu, .flags = TG_LINEAR, .sample = sample);
