// plan.c -- making a graph ready: which nodes are needed, in which memory layout, what is folded
// into what, and the steps in order. Memory: plan_memory.c; pointwise chains: fuse.c.
#include "graph/plan_device.h"
#include <string.h>

bool plan_two_layouts(const tg_node *x)
{
    const int64_t *d = x->shape.dim;
    return x->shape.rank == 4 && d[1] > 1 && d[2] * d[3] > 1;
}

int plan_value_of(const tg_node *x, int layout)
{
    return 2 * x->id + (layout == 1 && plan_two_layouts(x));
}

static bool follows(const tg_node *y) { return y->op->map || (y->op->flags & TG_FOLLOW); }

// Are the rank-4 operands of y, an op that follows its operands, channels-last?
static bool follows_last(const tg_plan *p, const tg_node *y)
{
    if (plan_two_layouts(y)) return p->note[y->id].layout != 0;
    for (int i = 0; i < y->n_in; i++)
        if (plan_two_layouts(y->in[i]) && p->note[y->in[i]->id].layout != 0) return true;
    return false;
}

static int wanted_layout(const tg_plan *p, const tg_node *y, int i) // of input i
{
    if (follows(y)) return follows_last(p, y);
    return (y->op->last >> i & 1) != 0;
}

static signed char own_layout(const tg_plan *p, const tg_node *y)
{
    if (!y->op || !plan_two_layouts(y)) return 0;
    if (!follows(y)) return (y->op->last & TG_LAST_OUT) != 0;
    signed char l = -1;
    for (int i = 0; i < y->n_in; i++)
        if (plan_two_layouts(y->in[i])) {
            signed char k = p->note[y->in[i]->id].layout;
            if (k > l) l = k;
        }
    return l < 0 && (y->op->map || y->op == &tg_op_sum_to) ? 1 : l; // which makes an array
}

static void notes(tg_plan *p, tg_node *const out[], int n)
{
    for (int i = 0; i < n; i++) p->note[out[i]->id].needed = p->note[out[i]->id].output = true;
    for (int id = p->n_nodes - 1; id >= 0; id--) {
        const tg_node *y = tg_at(p->graph, id);
        p->note[id].root = p->note[id].conv = PLAN_NONE;
        for (int i = 0; p->note[id].needed && i < y->n_in; i++) {
            p->note[y->in[i]->id].needed = true;
            p->note[y->in[i]->id].users++;
        }
    }
    for (int id = 0; id < p->n_nodes; id++) {
        const tg_node *y = tg_at(p->graph, id);
        if (!p->note[id].needed) continue;
        p->note[id].layout = own_layout(p, y);
        bool fixed = (y->op && !(p->options.without & TG_PART_FIXED)) || y->kind == TG_CONST ||
                     (y->kind == TG_PARAM && !p->options.train);
        // a gradient is taken again in each step of training, also where it never changes
        if (p->options.train && p->note[id].output) fixed = false;
        for (int i = 0; i < y->n_in; i++) fixed &= p->note[y->in[i]->id].fixed;
        p->note[id].fixed = fixed;
    }
}

static bool lone(const tg_plan *p, const tg_node *x) // one user, and nobody outside
{
    return p->note[x->id].users == 1 && !p->note[x->id].output;
}

static bool is_bias(const tg_node *x, const tg_node *conv) // [1,o,1,1] expanded to conv's shape
{
    if (!x->op || x->op != &tg_op_expand) return false;
    tg_shape s = x->in[0]->shape;
    return s.rank == 4 && s.dim[1] == conv->shape.dim[1] && tg_count(s) == s.dim[1];
}

// The bias of the epilogue that ends in y: the array behind the expand.
static const tg_node *bias_of(const tg_node *y, const tg_node *conv)
{
    const tg_node *sum = y->op == &tg_op_add ? y : y->in[0];
    return sum->in[sum->in[0] == conv ? 1 : 0]->in[0];
}

// conv + bias, and an activation after it, become one step, which makes the last node of them.
static void fold_epilogue(tg_plan *p, const tg_node *y)
{
    plan_note *note = p->note;
    if (y->op == &tg_op_add) {
        for (int i = 0; i < 2; i++) {
            const tg_node *c = y->in[i], *b = y->in[1 - i];
            if (!c->op || !(c->op->flags & TG_EPILOGUE) || !lone(p, c) || !is_bias(b, c)) continue;
            note[y->id].conv = c->id;
            note[c->id].inside = true;
            if (--note[b->id].users == 0 && !note[b->id].output) note[b->id].needed = false;
            return;
        }
    } else if (y->op == &tg_op_relu || y->op == &tg_op_leaky_relu) {
        const tg_node *a = y->in[0];
        if (a->op != &tg_op_add || note[a->id].conv == PLAN_NONE || !lone(p, a)) return;
        note[y->id].conv = note[a->id].conv;
        note[a->id].inside = true;
    }
}

int plan_padded_input(const tg_node *conv)
{
    return conv->op == &tg_op_conv2d ? 0 : conv->op == &tg_op_conv2d_dw ? 1 : PLAN_NONE;
}

// The reflection padding that convolution y reads as its x and nothing else; or NULL. Backends pad
// with zeros or by reflection, not with both.
static const tg_node *padding_of(const tg_node *y)
{
    static const char *const sides[] = {"top", "left", "bottom", "right"};
    int i = plan_padded_input(y);
    if (i == PLAN_NONE || y->in[i]->op != &tg_op_reflect_pad || y->in[0] == y->in[1]) return NULL;
    for (int k = 0; k < 4; k++)
        if (tg_arg(y, sides[k], 0) != 0) return NULL;
    return y->in[i];
}

// A reflection padding that only convolutions and their weight gradients read is done by them, so
// that training does not keep both the image and its padded copy.
static void fold_paddings(tg_plan *p)
{
    for (int k = 0; k < 2; k++) // all readers must be counted before the first is told
        for (int id = 0; id < p->n_nodes; id++) {
            const tg_node *y = tg_at(p->graph, id);
            const tg_node *x = p->note[id].needed && y->op ? padding_of(y) : NULL;
            plan_note *n = x ? &p->note[x->id] : NULL;
            if (!n || n->output) continue;
            if (k == 0) n->padders++;
            if (k == 0 || n->padders != n->users) continue;
            p->note[id].pad = (int)((x->shape.dim[2] - x->in[0]->shape.dim[2]) / 2);
            n->inside = true;
        }
}

// Pointwise nodes join the program of their only reader. Users come after their inputs, so going
// down, all readers of a node have been seen: seen[id] is their common root, or -2 for mixed.
enum { UNSEEN = -1, MIXED = -2 };

static void see(int *seen, int id, int root)
{
    seen[id] = seen[id] == UNSEEN || seen[id] == root ? root : MIXED;
}

static void group(tg_plan *p, int *seen, int *ops, int *operands)
{
    for (int id = p->n_nodes - 1; id >= 0; id--) {
        const tg_node *y = tg_at(p->graph, id);
        plan_note *note = &p->note[id];
        if (note->inside && y->op == &tg_op_reflect_pad) see(seen, y->in[0]->id, MIXED);
        if (!note->needed || !y->op || note->inside) continue;
        bool chain = (y->op->map && note->conv == PLAN_NONE) || y->op == &tg_op_sum_to;
        int root = seen[id];
        if (y->op->map && chain && root >= 0 && note->fixed == p->note[root].fixed &&
            !note->output && ops[root] < PLAN_MAX_OPS &&
            operands[root] + y->n_in - 1 <= PLAN_MAX_OPERANDS &&
            (note->layout != 0) == follows_last(p, tg_at(p->graph, root))) {
            note->root = root;
            ops[root]++;
            operands[root] += y->n_in - 1;
        } else if (y->op->map && chain) {
            ops[id] = 1;
            operands[id] = y->n_in;
        } else if (chain) {
            operands[id] = 1;
        }
        root = !chain ? MIXED : note->root != PLAN_NONE ? note->root : id;
        const tg_node *from = note->conv == PLAN_NONE ? y : tg_at(p->graph, note->conv);
        for (int i = 0; i < from->n_in; i++) see(seen, from->in[i]->id, root);
        if (from != y) see(seen, bias_of(y, from)->id, MIXED);
    }
}

// Expanded operands of programs alone are spread tile by tile and never stored: users = 0.
static void spread(tg_plan *p)
{
    for (int id = 0; id < p->n_nodes; id++) {
        const tg_node *y = tg_at(p->graph, id);
        if (!p->note[id].needed || !y->op || p->note[id].inside) continue;
        bool chain = (y->op->map && p->note[id].conv == PLAN_NONE) || y->op == &tg_op_sum_to;
        for (int i = 0; chain && i < y->n_in; i++)
            if (y->in[i]->op == &tg_op_expand) p->note[y->in[i]->id].users--;
    }
}

static guise_status fold(tg_plan *p, base_error *e)
{
    size_t n = (size_t)p->n_nodes;
    int *seen = base_alloc(3 * n, sizeof *seen);
    if (!seen) return base_no_memory(e);
    for (size_t i = 0; i < n; i++) seen[i] = UNSEEN;
    if (!(p->options.without & TG_PART_PADDING)) fold_paddings(p);
    for (int id = 0; id < p->n_nodes; id++) {
        const tg_node *y = tg_at(p->graph, id);
        if (p->note[id].needed && y->op && !(p->options.without & TG_PART_EPILOGUE))
            fold_epilogue(p, y);
    }
    if (!(p->options.without & TG_PART_CHAINS)) {
        group(p, seen, seen + n, seen + 2 * n);
        if (!(p->options.without & TG_PART_SPREAD)) spread(p);
    }
    base_free(seen);
    return GUISE_OK;
}

static plan_step *push(tg_plan *p, plan_kind kind, const tg_node *node, int out, base_error *e)
{
    if (!BASE_PUSH_ROOM(p->step, p->n_steps, p->cap_steps)) return base_no_memory(e), NULL;
    plan_step *s = &p->step[p->n_steps++];
    *s = (plan_step){.kind = kind, .node = node, .out = out};
    p->value[out].place = AT_ARENA;
    return s;
}

static guise_status make_step(tg_plan *p, const tg_node *y, int layout, base_error *e);

guise_status plan_want(tg_plan *p, const tg_node *x, int layout, int *value, base_error *e)
{
    *value = plan_value_of(x, layout);
    if (p->value[*value].place != AT_NOWHERE) return GUISE_OK;
    if (x->op && p->note[x->id].layout < 0) return make_step(p, x, layout, e);
    plan_step *s = push(p, STEP_LAYOUT, x, *value, e);
    if (!s) return GUISE_NO_MEMORY;
    s->in[0] = *value ^ 1;
    s->n_in = 1;
    s->last = *value & 1;
    return GUISE_OK;
}

static guise_status make_op(tg_plan *p, const tg_node *y, int layout, base_error *e)
{
    int conv = p->note[y->id].conv, in[TG_MAX_IN + 1], n = 0;
    const tg_node *k = conv == PLAN_NONE ? y : tg_at(p->graph, conv);
    bool last = follows(k) && (plan_two_layouts(k) ? layout == 1 : follows_last(p, k));
    guise_status s = GUISE_OK;
    for (; !s && n < k->n_in; n++) {
        bool unpadded = p->note[k->id].pad && n == plan_padded_input(k);
        const tg_node *x = unpadded ? k->in[n]->in[0] : k->in[n];
        s = plan_want(p, x, follows(k) ? last : wanted_layout(p, k, n), &in[n], e);
    }
    if (!s && conv != PLAN_NONE) s = plan_want(p, bias_of(y, k), 0, &in[n++], e);
    plan_step *t = s ? NULL : push(p, STEP_OP, k, plan_value_of(y, layout), e);
    if (!t) return GUISE_NO_MEMORY;
    memcpy(t->in, in, sizeof *in * (size_t)n);
    t->n_in = n;
    t->last = last;
    return GUISE_OK;
}

static guise_status make_step(tg_plan *p, const tg_node *y, int layout, base_error *e)
{
    plan_note *note = &p->note[y->id];
    int out = plan_value_of(y, layout), in;
    if ((y->op->flags & TG_ALIAS) && !note->output) {
        guise_status s = plan_want(p, y->in[0], 0, &in, e);
        p->value[out].place = AT_ALIAS;
        p->value[out].offset = (size_t)in;
        return s;
    }
    bool alone = (p->options.without & TG_PART_CHAINS) && !p->options.device;
    if (alone || note->conv != PLAN_NONE || (!y->op->map && y->op != &tg_op_sum_to))
        return make_op(p, y, layout, e);
    plan_step t = {0};
    guise_status s = plan_program_make(p, y, &t, e);
    if (s) return s;
    plan_step *at = push(p, STEP_FUSED, y, out, e);
    if (!at) return base_free(t.program), GUISE_NO_MEMORY;
    t.kind = STEP_FUSED;
    t.node = y;
    t.out = out;
    *at = t;
    return GUISE_OK;
}

static void place_leaf(tg_plan *p, const tg_node *x)
{
    p->value[2 * x->id].place = x->kind == TG_CONST ? AT_CONST : AT_BOUND;
    p->value[2 * x->id].offset = (size_t)x->id;
}

// Steps that depend on fixed values alone come first: what they leave must not be overwritten.
static guise_status make_steps(tg_plan *p, bool fixed, base_error *e)
{
    guise_status s = GUISE_OK;
    for (int id = 0; !s && id < p->n_nodes; id++) {
        const tg_node *y = tg_at(p->graph, id);
        const plan_note *note = &p->note[id];
        if (!note->needed || note->inside) continue;
        if (!y->op) {
            if (fixed) place_leaf(p, y);
            continue;
        }
        bool spread_out = y->op == &tg_op_expand && note->users <= 0;
        if (note->fixed != fixed) continue;
        if (!note->output && (note->root != PLAN_NONE || spread_out || note->layout < 0)) continue;
        if (note->layout >= 0) s = make_step(p, y, note->layout, e);
        int value;
        if (!s && note->output) s = plan_want(p, y, 0, &value, e);
    }
    if (fixed) p->n_fixed = p->n_steps;
    return s;
}

static guise_status shapes_left(tg_plan *p, tg_node *const out[], int n, base_error *e)
{
    guise_status s = tg_check(p->graph, GUISE_BAD_ARGUMENT, e);
    for (int i = 0; i < n && !s; i++)
        if (!out[i]) s = base_fail(e, GUISE_BAD_ARGUMENT, "an output is missing");
    return s;
}

static guise_status simplify(tg_plan *p, tg_node *const out[], int n, base_error *e)
{
    p->n_outs = n;
    p->from = base_alloc(2 * (size_t)n, sizeof *p->from);
    if (!p->from) return base_no_memory(e);
    p->to = p->from + n;
    memcpy(p->from, out, sizeof *out * (size_t)n);
    memcpy(p->to, out, sizeof *out * (size_t)n);
    if (p->options.train || (p->options.without & TG_PART_NORMS)) return GUISE_OK;
    guise_status s = plan_simplify(p->graph, out, n, p->to, e);
    for (int i = 0; !s && i < n; i++) // two outputs that became one need memory each
        for (int k = 0; k < i; k++)
            if (p->to[k] == p->to[i] && p->from[k] != p->from[i]) {
                p->to[i] = tg_detach(p->to[i]);
                k = -1;
            }
    return !s && tg_error(p->graph) ? base_no_memory(e) : s;
}

static guise_status tables(tg_plan *p, base_error *e)
{
    size_t n = (size_t)(p->n_nodes = tg_n_nodes(p->graph));
    p->note = base_alloc(n, sizeof *p->note);
    p->value = base_alloc(2 * n, sizeof *p->value);
    p->bound = base_alloc(n, sizeof *p->bound);
    p->own = base_alloc(n, sizeof *p->own);
    return p->note && p->value && p->bound && p->own ? GUISE_OK : base_no_memory(e);
}

unsigned tg_plan_parts(const char *names, base_error *e)
{
    static const char *const name[] = {"norms",    "fixed",  "epilogue", "padding",
                                       "chains",   "spread", "reuse",    "packing",
                                       "winograd", "narrow", "measure"};
    enum { N = sizeof name / sizeof *name };
    unsigned bits = 0;
    for (const char *at = names; *at;) {
        size_t n = strcspn(at, ",");
        int i = 0;
        while (i < N && (strlen(name[i]) != n || strncmp(name[i], at, n) != 0)) i++;
        if (i == N) {
            base_fail(e, GUISE_BAD_ARGUMENT,
                      "'%.*s' is no step of planning; there are norms, fixed, epilogue, padding, "
                      "chains, spread, reuse, packing, winograd, narrow, measure",
                      (int)n, at);
            return 0;
        }
        bits |= 1U << i;
        at += n + (at[n] == ',');
    }
    return bits;
}

guise_status tg_plan_open(tg_plan **out, tg_graph *g, tg_node *const want_out[], int n,
                          const tg_plan_options *o, base_error *e)
{
    *out = NULL;
    tg_plan *p = base_alloc(1, sizeof *p);
    if (!p) return base_no_memory(e);
    *p = (tg_plan){.graph = g};
    if (o) p->options = *o;
    if (p->options.unfused)
        p->options.without |=
            TG_PART_NORMS | TG_PART_EPILOGUE | TG_PART_PADDING | TG_PART_CHAINS | TG_PART_SPREAD;
    guise_status s = shapes_left(p, want_out, n, e);
    if (!s) s = simplify(p, want_out, n, e);
    if (!s) s = tables(p, e);
    if (!s) notes(p, p->to, n);
    if (!s) s = fold(p, e);
    if (!s) s = make_steps(p, true, e);
    if (!s) s = make_steps(p, false, e);
    if (!s && p->options.device) s = plan_device_open(p, e);
    if (!s) s = plan_memory(p, e);
    if (!s) s = p->on ? plan_device_prepare(p, e) : plan_prepare(p, e);
    if (s) base_no_memory(e); // a sentence where a lower call had none
    *out = p;
    if (s) tg_plan_close(out);
    return s;
}

void tg_plan_close(tg_plan **plan)
{
    tg_plan *p = *plan;
    if (!p) return;
    if (p->on) plan_device_close(p);
    for (size_t i = 0; i < p->n_steps; i++) {
        const tg_op *op = p->step[i].node->op;
        if (p->step[i].state && op->release) op->release(p->step[i].state);
        if (p->step[i].other && op->release) op->release(p->step[i].other);
        base_free(p->step[i].program);
    }
    for (int i = 0; p->own && i < p->n_nodes; i++) base_free(p->own[i]);
    for (size_t i = 0; i < p->n_consts; i++) base_free(p->consts[i]);
    base_free(p->consts);
    base_free(p->own);
    base_free(p->bound);
    base_free(p->value);
    base_free(p->note);
    base_free(p->from);
    base_free(p->step);
    base_free(p->kept);
    if (p->own_arena) tg_arena_free(p->arena);
    base_free(p->on);
    base_free(p);
    *plan = NULL;
}
