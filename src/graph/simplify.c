// simplify.c -- before planning for inference: a graph of the same outputs with batch norms folded
// into the convolutions before them.
//
// Nodes are made again with simplified inputs; tg_make finds those that have not changed, so only
// what follows a change is new, and new nodes come in the right order.
#include "graph/plan.h"

typedef struct {
    tg_graph *graph;
    tg_node **now; // by old id: what stands for the node
    int *users;    // by old id
    bool *fixed;   // by id: depends on parameters and constants alone
    size_t n_fixed, cap_fixed;
} simplifier;

static bool is_fixed(simplifier *s, const tg_node *x) // fills the table up to x
{
    for (; s->n_fixed <= (size_t)x->id; s->n_fixed++) {
        if (!BASE_PUSH_ROOM(s->fixed, s->n_fixed, s->cap_fixed))
            return tg_fail(s->graph, "out of memory while planning") != NULL;
        const tg_node *y = tg_at(s->graph, (int)s->n_fixed);
        bool all = y->kind != TG_INPUT;
        for (int i = 0; i < y->n_in; i++) all &= s->fixed[y->in[i]->id];
        s->fixed[s->n_fixed] = all;
    }
    return s->fixed[x->id];
}

// The [1,c,1,1] array of which x is the expansion, if it is fixed; else NULL.
static tg_node *channel_factor(simplifier *s, tg_node *x)
{
    if (x->op != &tg_op_expand || x->shape.rank != 4) return NULL;
    tg_node *k = x->in[0];
    tg_shape want = TG_SHAPE(1, x->shape.dim[1], 1, 1);
    return tg_same(k->shape, want) && is_fixed(s, k) ? k : NULL;
}

static bool is_conv(simplifier *s, const tg_node *x)
{
    return x->op == &tg_op_conv2d && is_fixed(s, x->in[1]);
}

// Other operand of a binary node than the channel factor k, which is set.
static tg_node *split(simplifier *s, tg_node *const in[2], tg_node **k)
{
    for (int i = 1; i >= 0; i--)
        if ((*k = channel_factor(s, in[i]))) return in[1 - i];
    return NULL;
}

// conv(x, w) k = conv(x, w k), for a factor k of each output channel
static tg_node *scaled_conv(tg_node *conv, tg_node *k)
{
    tg_node *w = conv->in[1];
    tg_node *rows = tg_reshape(k, TG_SHAPE(w->shape.dim[0], 1, 1, 1));
    return tg_make(conv->op, 2, (tg_node *[]){conv->in[0], tg_mul(w, rows)}, conv->args,
                   conv->args_size);
}

// (conv + b) k = conv k + b k
static tg_node *fold_factor(simplifier *s, tg_node *const in[2])
{
    tg_node *k, *b, *x = split(s, in, &k);
    if (!x) return NULL;
    if (is_conv(s, x)) return scaled_conv(x, k);
    if (x->op != &tg_op_add) return NULL;
    tg_node *conv = split(s, x->in, &b);
    if (!conv || !is_conv(s, conv)) return NULL;
    return tg_add(scaled_conv(conv, k), tg_mul(b, k));
}

// (conv + b) + c = conv + (b + c)
static tg_node *fold_bias(simplifier *s, tg_node *const in[2])
{
    tg_node *b, *c, *x = split(s, in, &c);
    if (!x || x->op != &tg_op_add) return NULL;
    tg_node *conv = split(s, x->in, &b);
    return conv && is_conv(s, conv) ? tg_add(conv, tg_add(b, c)) : NULL;
}

static tg_node *renew(simplifier *s, tg_node *y)
{
    tg_node *in[TG_MAX_IN];
    bool alone = true; // the inputs that would be folded have no other reader
    for (int i = 0; i < y->n_in; i++) {
        if (!(in[i] = s->now[y->in[i]->id])) return NULL;
        alone &= y->in[i]->op == &tg_op_expand || s->users[y->in[i]->id] == 1;
    }
    tg_node *folded = NULL;
    if (alone && y->op == &tg_op_mul) folded = fold_factor(s, in);
    if (alone && y->op == &tg_op_add) folded = fold_bias(s, in);
    return folded ? folded : tg_make(y->op, y->n_in, in, y->args, y->args_size);
}

guise_status plan_simplify(tg_graph *g, tg_node *const out[], int n, tg_node *now[], base_error *e)
{
    size_t nodes = (size_t)tg_n_nodes(g);
    simplifier s = {.graph = g};
    s.now = base_alloc(nodes, sizeof *s.now);
    s.users = base_alloc(nodes, sizeof *s.users);
    bool *needed = base_alloc(nodes, sizeof *needed);
    guise_status st = s.now && s.users && needed ? GUISE_OK : base_no_memory(e);
    for (int i = 0; !st && i < n; i++) {
        needed[out[i]->id] = true;
        s.users[out[i]->id]++;
    }
    for (size_t id = nodes; !st && id-- > 0;)
        for (int i = 0; needed[id] && i < tg_at(g, (int)id)->n_in; i++) {
            needed[tg_at(g, (int)id)->in[i]->id] = true;
            s.users[tg_at(g, (int)id)->in[i]->id]++;
        }
    for (size_t id = 0; !st && id < nodes; id++) {
        tg_node *y = tg_at(g, (int)id);
        if (needed[id]) s.now[id] = y->op ? renew(&s, y) : y;
    }
    for (int i = 0; !st && i < n; i++) now[i] = s.now[out[i]->id];
    if (!st && tg_error(g)) st = base_no_memory(e);
    base_free(s.now);
    base_free(s.users);
    base_free(s.fixed);
    base_free(needed);
    return st;
}
