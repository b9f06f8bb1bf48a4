// concat.c -- operands one behind the other along a dim; its derivatives are slices.
#include "graph/gpu.h"
#include "graph/op/move.h"

static int64_t dim_of(const tg_node *y) { return *(const int64_t *)y->args; }

static const char *shape(const tg_node *y, tg_shape *out)
{
    int64_t d = dim_of(y);
    *out = y->in[0]->shape;
    if (d < 0 || d >= out->rank) return "the operands do not have the dim to join along";
    for (int i = 1; i < y->n_in; i++) {
        tg_shape s = y->in[i]->shape;
        if (s.rank != out->rank) return "ranks differ";
        for (int k = 0; k < s.rank; k++)
            if (k != d && s.dim[k] != out->dim[k]) return "dims other than the joined one differ";
        if (out->dim[d] > INT64_MAX - s.dim[d]) return "the result would be too large";
        out->dim[d] += s.dim[d];
    }
    return move_wrong(*out);
}

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    int d = (int)dim_of(y);
    for (int64_t i = 0, from = 0; i < y->n_in; i++) {
        int64_t n = tg_dim(y->in[i], d);
        dx[i] = tg_slice(dy, d, from, n);
        from += n;
    }
}

static void ref(const tg_node *y, const double *const x[], double *out)
{
    int64_t d = dim_of(y), all = y->shape.dim[d], from = 0;
    for (int k = 0; k < y->n_in; k++) {
        move_along v = move_see(y->in[k]->shape, d, false);
        int64_t n = v.n * v.inner;
        for (int64_t o = 0; o < v.outer; o++)
            for (int64_t i = 0; i < n; i++)
                out[o * all * v.inner + from * v.inner + i] = x[k][o * n + i];
        from += v.n;
    }
}

static int cpu(const tg_call *c)
{
    int64_t d = dim_of(c->y), all = c->y->shape.dim[d], from = 0;
    for (int k = 0; k < c->y->n_in; k++) {
        move_along v = move_see(c->y->in[k]->shape, d, c->last);
        int64_t n = v.n * v.inner;
        move_copy(c->out + from * v.inner, all * v.inner, c->x[k], n, v.outer, n);
        from += v.n;
    }
    return 0;
}

static int gpu(const tg_gpu_call *c)
{
    int64_t d = dim_of(c->y), all = c->y->shape.dim[d], from = 0;
    int s = 0;
    for (int k = 0; !s && k < c->y->n_in; k++) {
        move_along v = move_see(c->y->in[k]->shape, d, c->last);
        int64_t n = v.n * v.inner;
        gpu_move_map m = {.rank = 2,
                          .n = {v.outer, n},
                          .from = {n, 1},
                          .to = {all * v.inner, 1},
                          .first_y = from * v.inner};
        s = gpu_move(c, k, &m);
        from += v.n;
    }
    return s;
}

static tg_node *sample(tg_graph *g, base_rng *r)
{
    tg_shape s = move_sample(r);
    tg_node *x[4];
    int dim = base_rng_range(r, 0, s.rank - 1), n = base_rng_range(r, 2, 4);
    for (int i = 0; i < n; i++) {
        s.dim[dim] = base_rng_range(r, 1, 3);
        x[i] = tg_randn(g, r, s);
    }
    return tg_concat(x, n, dim);
}

tg_node *tg_concat(tg_node *const x[], int n, int dim)
{
    tg_node *part[TG_MAX_IN];
    int64_t d = dim;
    if (n < 1) return NULL;
    if (n == 1) return x[0];
    if (n <= TG_MAX_IN) return tg_make(&tg_op_concat, n, x, &d, sizeof d);
    int each = (n + TG_MAX_IN - 1) / TG_MAX_IN, parts = 0; // a tree: each part is a concat itself
    for (int i = 0; i < n; i += each)
        part[parts++] = tg_concat(x + i, n - i < each ? n - i : each, dim);
    return tg_concat(part, parts, dim);
}

static const tg_field fields[] = {{"dim", TG_FIELD_INT64, 0, 1}, {0}};
TG_OP(concat, "operands one behind the other along a dim", .fields = fields, .shape = shape,
      .vjp = vjp, .ref = ref, .cpu = cpu, .gpu = gpu, .flags = TG_FOLLOW | TG_LINEAR,
      .sample = sample);
