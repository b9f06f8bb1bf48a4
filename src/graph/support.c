// support.c -- what op files share: shapes, steps, samples.
#include "graph/op.h"
#include <string.h>

const char *tg_same_shape(const tg_node *y, tg_shape *out)
{
    *out = y->in[0]->shape;
    return NULL;
}

tg_shape tg_memory_shape(tg_shape s, bool last)
{
    if (s.rank != 4 || !last) return s;
    return TG_SHAPE(s.dim[0], s.dim[2], s.dim[3], s.dim[1]);
}

void tg_steps(tg_shape s, int64_t step[TG_MAX_RANK])
{
    int64_t n = 1;
    for (int i = s.rank - 1; i >= 0; i--) {
        step[i] = n;
        n *= s.dim[i];
    }
}

int64_t tg_dim_at(tg_shape s, int i, int rank)
{
    int j = i - (rank - s.rank);
    return j < 0 ? 1 : s.dim[j];
}

tg_walk tg_walk_make(tg_shape small, tg_shape big, bool last)
{
    tg_shape s = {.rank = big.rank}, b = tg_memory_shape(big, last);
    for (int i = 0; i < big.rank; i++) s.dim[i] = tg_dim_at(small, i, big.rank);
    s = tg_memory_shape(s, last);
    int64_t step[TG_MAX_RANK];
    tg_steps(s, step);
    tg_walk w = {.rank = 1, .n = {1}};
    for (int i = 0; i < b.rank; i++) {
        if (b.dim[i] == 1) continue;
        int64_t st = s.dim[i] == 1 ? 0 : step[i];
        int k = w.rank - 1;
        if (w.n[k] == 1) {
            w.n[k] = b.dim[i];
            w.step[k] = st;
        } else if (w.step[k] == (st ? st * b.dim[i] : 0)) {
            w.n[k] *= b.dim[i];
            w.step[k] = st;
        } else {
            w.n[w.rank] = b.dim[i];
            w.step[w.rank++] = st;
        }
    }
    return w;
}

int64_t tg_walk_row(const tg_walk *w, int64_t row)
{
    int64_t at = 0;
    for (int k = w->rank - 2; k >= 0; k--) {
        at += row % w->n[k] * w->step[k];
        row /= w->n[k];
    }
    return at;
}

tg_shape tg_small_shape(base_rng *r)
{
    return TG_SHAPE(base_rng_range(r, 1, 3), base_rng_range(r, 1, 3), base_rng_range(r, 1, 3));
}

tg_node *tg_randn(tg_graph *g, base_rng *r, tg_shape s)
{
    int64_t n = tg_count(s);
    double *v = base_alloc((size_t)n, sizeof *v);
    if (!v) return tg_no_memory(g);
    for (int64_t i = 0; i < n; i++) v[i] = base_rng_normal(r);
    tg_node *x = tg_double(g, s, v);
    base_free(v);
    return x;
}

double tg_arg(const tg_node *y, const char *name, int i)
{
    for (const tg_field *f = y->op ? y->op->fields : NULL; f && f->name; f++) {
        if (strcmp(f->name, name) != 0 || i < 0 || i >= (f->n ? f->n : 1)) continue;
        const char *at = (const char *)y->args + f->offset;
        if (f->type == TG_FIELD_INT64) return (double)((const int64_t *)(const void *)at)[i];
        if (f->type == TG_FIELD_INT) return (double)((const int *)(const void *)at)[i];
        return ((const double *)(const void *)at)[i];
    }
    return 0;
}
