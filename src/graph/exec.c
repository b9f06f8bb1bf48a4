// exec.c -- running a plan: binding memory, steps one after the other, values out.
#include "graph/plan_device.h"
#include <string.h>

float *plan_pointer(const tg_plan *p, int value)
{
    value = plan_root_value(p, value);
    const plan_value *v = &p->value[value];
    if (v->place == AT_ARENA) return (float *)(void *)(plan_arena_data(p->arena) + v->offset);
    if (v->place == AT_KEPT) return (float *)(void *)(p->kept + v->offset);
    const tg_node *x = tg_at(p->graph, (int)v->offset);
    return x->kind == TG_CONST && x->values ? x->values : p->bound[v->offset];
}

// What stands for an output after simplifying.
static const tg_node *now(const tg_plan *p, const tg_node *x)
{
    for (int i = 0; x && x->op && i < p->n_outs; i++)
        if (p->from[i] == x) return p->to[i];
    return x;
}

guise_status tg_plan_bind(tg_plan *p, const tg_node *x, float *data, base_error *e)
{
    x = now(p, x);
    if (!x || x->graph != p->graph)
        return base_fail(e, GUISE_BAD_ARGUMENT, "%s", "bind: the node is not of the plan's graph");
    if (x->kind == TG_CONST) return GUISE_OK;
    if (x->op && (x->id >= p->n_nodes || !p->note[x->id].output))
        return base_fail(e, GUISE_BAD_ARGUMENT, "bind: %s is neither a leaf nor an output",
                         x->op->name);
    if (x->id >= p->n_nodes || p->bound[x->id] == data) return GUISE_OK;
    p->bound[x->id] = data;
    if (p->fixed_done && p->note[x->id].fixed)
        tg_plan_params_changed(p); // what was kept is of the old array
    return GUISE_OK;
}

guise_status plan_leaves(const tg_plan *p, base_error *e)
{
    for (int id = 0; id < p->n_nodes; id++) {
        const tg_node *x = tg_at(p->graph, id);
        char text[128];
        if (p->note[id].needed && !p->bound[id] && !x->op && x->kind != TG_CONST &&
            p->value[2 * id].place == AT_BOUND)
            return base_fail(e, GUISE_BAD_ARGUMENT, "input %s %s has no data bound to it",
                             tg_name(x), tg_shape_text(x->shape, text));
    }
    return GUISE_OK;
}

// Leaves must be bound; outputs that are not get memory of the plan's own.
static guise_status complete(tg_plan *p, base_error *e)
{
    guise_status s = plan_leaves(p, e);
    for (int id = 0; !s && id < p->n_nodes; id++) {
        const tg_node *x = tg_at(p->graph, id);
        if (!p->note[id].needed || p->bound[id]) continue;
        if (!x->op || !p->note[id].output) continue;
        p->own[id] = base_aligned(sizeof(float) * (size_t)tg_count(x->shape));
        if (!p->own[id]) return base_no_memory(e);
        p->bound[id] = p->own[id];
    }
    return s;
}

enum { BLOCK = 32 };

// out[j][i] = x[i][j] for a [rows,cols] matrix, n of them
static void transpose(const float *x, float *out, int64_t n, int64_t rows, int64_t cols)
{
    int64_t bands = (rows + BLOCK - 1) / BLOCK;
#pragma omp parallel for schedule(static) if (n * rows * cols > 16384)
    for (int64_t t = 0; t < n * bands; t++) {
        const float *a = x + t / bands * rows * cols;
        float *o = out + t / bands * rows * cols;
        int64_t i0 = t % bands * BLOCK, i1 = i0 + BLOCK < rows ? i0 + BLOCK : rows;
        for (int64_t j0 = 0; j0 < cols; j0 += BLOCK) {
            int64_t j1 = j0 + BLOCK < cols ? j0 + BLOCK : cols;
            for (int64_t j = j0; j < j1; j++)
                for (int64_t i = i0; i < i1; i++) o[j * rows + i] = a[i * cols + j];
        }
    }
}

static int run_layout(const tg_plan *p, const plan_step *s)
{
    const int64_t *d = s->node->shape.dim;
    int64_t c = d[1], hw = d[2] * d[3];
    transpose(plan_pointer(p, s->in[0]), plan_pointer(p, s->out), d[0], s->last ? c : hw,
              s->last ? hw : c);
    return 0;
}

// Pointwise ops by themselves, and ops without a float kernel, which the reference serves.
static int run_reference(const tg_call *c)
{
    const tg_node *y = c->y;
    double *x[TG_MAX_IN] = {0}, *out = NULL;
    int64_t n = tg_count(y->shape);
    bool ok = (out = base_alloc((size_t)n, sizeof *out)) != NULL;
    for (int i = 0; ok && i < y->n_in; i++) {
        int64_t m = tg_count(y->in[i]->shape);
        ok = (x[i] = base_alloc((size_t)m, sizeof *x[i])) != NULL;
        for (int64_t k = 0; ok && k < m; k++) x[i][k] = (double)c->x[i][k];
    }
    if (ok) y->op->ref(y, (const double *const *)x, out);
    for (int64_t k = 0; ok && k < n; k++) c->out[k] = (float)out[k];
    for (int i = 0; i < y->n_in; i++) base_free(x[i]);
    base_free(out);
    return ok ? 0 : GUISE_NO_MEMORY;
}

int plan_run_op(const tg_plan *p, const plan_step *s, void *state, void *scratch, float *out)
{
    const float *x[PLAN_MAX_OPERANDS];
    for (int i = 0; i < s->n_in; i++) x[i] = plan_pointer(p, s->in[i]);
    tg_call c = {s->node, x, out, state, scratch, s->last};
    const tg_op *op = s->node->op;
    if (op->cpu) return op->cpu(&c);
    if (!op->map) return run_reference(&c);
    op->map(s->node, tg_count(s->node->shape), x, c.out);
    return 0;
}

static int run_op(const tg_plan *p, const plan_step *s)
{
    char *scratch = plan_arena_data(p->arena);
    return plan_run_op(p, s, s->state, scratch ? scratch + p->scratch_at : NULL,
                       plan_pointer(p, s->out));
}

guise_status plan_run_step(const tg_plan *p, const plan_step *t, base_error *e)
{
    guise_status s = (guise_status)(t->kind == STEP_OP      ? run_op(p, t)
                                    : t->kind == STEP_FUSED ? plan_program_run(p, t)
                                                            : run_layout(p, t));
    if (s == GUISE_IO)
        return base_fail(e, s, "%s: the exchange with the other processes failed",
                         t->node->op->name);
    return s ? base_no_memory(e) : GUISE_OK;
}

void tg_plan_watch(tg_plan *p, tg_watch w) { p->watch = w; }

// Outputs are row-major, so what a layout of its own makes is not one.
void plan_tell(const tg_plan *p, const plan_step *t)
{
    int id = t->out / 2;
    const tg_node *out = !(t->out & 1) && p->note[id].output ? tg_at(p->graph, id) : NULL,
                  *as = NULL;
    if (!p->watch.made) return;
    for (int i = 0; out && !as && i < p->n_outs; i++)
        if (p->to[i] == out) as = p->from[i];
    p->watch.made(p->watch.user, as);
}

guise_status tg_plan_run(tg_plan *p, base_error *e)
{
    if (p->on) return plan_device_run(p, e);
    guise_status s = complete(p, e);
    if (!s && !plan_arena_grow(p->arena, p->scratch_at + p->scratch_bytes)) s = base_no_memory(e);
    if (!s && p->options.fast && !p->options.train && !p->chosen) s = plan_choose_precision(p, e);
    if (!s && p->watch.made) p->watch.begin(p->watch.user);
    for (size_t i = p->fixed_done ? p->n_fixed : 0; !s && i < p->n_steps; i++) {
        plan_step *t = &p->step[i];
        double start = p->options.time ? base_seconds() : 0;
        s = plan_run_step(p, t, e);
        if (p->options.time) t->seconds += base_seconds() - start;
        if (!s) plan_tell(p, t);
    }
    if (!s && p->watch.made) p->watch.all(p->watch.user);
    p->fixed_done = !s;
    return s;
}

double tg_plan_error(const tg_plan *p) { return p->error; }

const float *tg_plan_value(const tg_plan *p, const tg_node *out)
{
    out = now(p, out);
    if (!out || out->id >= p->n_nodes || !p->note[out->id].output) return NULL;
    return p->on ? plan_device_value(p, out->id) : plan_pointer(p, 2 * out->id);
}

guise_status tg_plan_move(tg_plan *p, const tg_node *out, float *to, base_error *e)
{
    out = now(p, out);
    if (!out || out->id >= p->n_nodes || !p->note[out->id].output)
        return base_fail(e, GUISE_BAD_ARGUMENT, "move: the node is no output of the plan");
    if (p->on) return plan_device_move(p, out->id, to, e);
    memcpy(to, plan_pointer(p, 2 * out->id), (size_t)tg_count(out->shape) * sizeof *to);
    return GUISE_OK;
}

void tg_plan_params_changed(tg_plan *p)
{
    p->fixed_done = false;
    if (p->on) plan_device_forget(p);
    for (size_t i = 0; !p->on && i < p->n_steps; i++) {
        const tg_op *op = p->step[i].node->op;
        if (p->step[i].state && op->forget) op->forget(p->step[i].state);
    }
}

size_t tg_plan_bytes(const tg_plan *p)
{
    return p->scratch_at + p->scratch_bytes + tg_plan_kept(p);
}

size_t tg_plan_kept(const tg_plan *p)
{
    size_t n = p->kept_bytes;
    if (p->on) return n + plan_device_kept(p);
    for (size_t i = 0; i < p->n_steps; i++) {
        const tg_op *op = p->step[i].node->op;
        if (p->step[i].state && op->bytes) n += op->bytes(p->step[i].state);
    }
    return n;
}

static double macs_of(const plan_step *s)
{
    const tg_op *op = s->node->op;
    return s->kind == STEP_OP && op->macs ? op->macs(s->node) : 0;
}

void tg_plan_times(const tg_plan *p, void (*f)(void *user, const tg_step_time *t), void *user)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        const plan_step *s = &p->step[i];
        const tg_op *op = s->node->op;
        char text[64];
        tg_step_time t = {s->kind == STEP_LAYOUT ? "layout" : op->name,
                          NULL,
                          s->node->shape,
                          s->seconds,
                          macs_of(s),
                          s->gain,
                          s->error};
        if (s->kind == STEP_FUSED) {
            snprintf(text, sizeof text, s->program->reduce ? "sum of %d" : "fused %d",
                     s->program->n_ops);
            t.what = text;
        }
        if (s->kind == STEP_OP && !p->on && s->state && op->how) t.how = op->how(s->state);
        f(user, &t);
    }
}

void tg_plan_forget_times(tg_plan *p)
{
    for (size_t i = 0; i < p->n_steps; i++) p->step[i].seconds = 0;
}

void tg_plan_keep_times(tg_plan *p)
{
    p->options.time = true;
    tg_plan_forget_times(p);
}

double tg_plan_macs(const tg_plan *p)
{
    double n = 0;
    for (size_t i = 0; i < p->n_steps; i++) n += macs_of(&p->step[i]);
    return n;
}
