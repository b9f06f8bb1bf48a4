// grad.c -- reverse-mode differentiation: from nodes to nodes.
#include "graph/op.h"

static tg_node *plus(tg_node *a, tg_node *b) { return a && b ? tg_add(a, b) : b; }

// on[id]: the value of node id depends on one of wrt
static void mark(const tg_graph *g, int last, tg_node *const wrt[], int n, bool *on)
{
    for (int i = 0; i < n; i++)
        if (wrt[i] && wrt[i]->id <= last) on[wrt[i]->id] = true;
    for (int id = 0; id <= last; id++)
        for (int i = 0; i < tg_at(g, id)->n_in; i++)
            if (on[tg_at(g, id)->in[i]->id]) on[id] = true;
}

static void reverse(tg_graph *g, int last, const bool *on, tg_node **d)
{
    for (int id = last; id >= 0; id--) { // users before inputs
        tg_node *v = tg_at(g, id), *dx[TG_MAX_IN] = {0};
        if (!d[id] || !v->op || !on[id] || !v->op->vjp) continue;
        v->op->vjp(v, d[id], dx);
        for (int i = 0; i < v->n_in; i++)
            if (dx[i] && on[v->in[i]->id]) d[v->in[i]->id] = plus(d[v->in[i]->id], dx[i]);
    }
}

void tg_grad(tg_node *y, tg_node *cot, tg_node *const wrt[], int n, tg_node *out[])
{
    for (int i = 0; i < n; i++) out[i] = NULL;
    if (!y) return;
    tg_graph *g = y->graph;
    int last = y->id;
    tg_node **d = base_alloc((size_t)last + 1, sizeof *d); // d[id] = dy / d(node id)
    bool *on = base_alloc((size_t)last + 1, sizeof *on);
    if (!d || !on) tg_no_memory(g);
    if (cot && !tg_same(cot->shape, y->shape))
        tg_fail(g, "gradient: the cotangent must have the shape of the output");
    if (!tg_error(g)) {
        mark(g, last, wrt, n, on);
        d[last] = cot ? cot : tg_fill(g, y->shape, 1);
        reverse(g, last, on, d);
    }
    for (int i = 0; i < n && !tg_error(g); i++) {
        tg_node *dx = wrt[i] && wrt[i]->id <= last ? d[wrt[i]->id] : NULL;
        out[i] = dx ? dx : wrt[i] ? tg_fill(g, wrt[i]->shape, 0) : NULL;
    }
    base_free(d);
    base_free(on);
}
