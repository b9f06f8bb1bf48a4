// precision.c -- which steps of an inference plan can do with bf16, f16 or 8-bit numbers: those
// that are faster so (or any, where the plan measures nothing), and exact enough on the data of
// the plan's first run.
//
// All steps run in single precision. After each, types that are faster on this machine are tried on
// the same input, the fastest first, until one is exact enough. Then the whole network runs with
// all of them; while an output is off by more than it may be, the least exact step returns.
#include "backend/backend.h"
#include "graph/plan.h"
#include <math.h>
#include <string.h>

static const double limit = 1e-2;                              // of steps and of outputs
static const cpu_type types[] = {CPU_INT8, CPU_F16, CPU_BF16}; // fastest first

typedef struct {
    tg_plan *plan;
    base_error *e;
    float **exact;          // outputs in single precision, by node id
    void *result, *scratch; // of a step that is tried
    size_t result_bytes, scratch_bytes;
} chooser;

// |a - b| / |b|, as roots of sums of squares; 1 where that is no number
static double difference(const float *a, const float *b, int64_t n)
{
    double off = 0, all = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = (double)a[i] - (double)b[i];
        off += d * d;
        all += (double)b[i] * (double)b[i];
    }
    double share = off > 0 ? sqrt(off / all) : 0;
    return isfinite(off) && isfinite(share) ? share : 1;
}

static bool room(void **p, size_t *have, size_t bytes)
{
    if (bytes <= *have) return true;
    base_free(*p);
    *p = base_aligned(bytes);
    *have = *p ? bytes : 0;
    return *p != NULL;
}

static size_t scratch_of(const plan_step *t, const void *state)
{
    return t->node->op->scratch ? t->node->op->scratch(state) : 0;
}

// Seconds of the faster of two runs after a first one, which packs weights. Negative: no memory.
static double time_op(chooser *c, const plan_step *t, void *state)
{
    double best = -1;
    if (!room(&c->scratch, &c->scratch_bytes, scratch_of(t, state))) return -1;
    for (int i = 0; i < 3; i++) {
        double start = base_seconds();
        if (plan_run_op(c->plan, t, state, c->scratch, c->result)) return -1;
        double took = base_seconds() - start;
        if (i && (best < 0 || took < best)) best = took;
    }
    return best;
}

// The type of `wish` for a step that has run in single precision; *took: whether it will do.
static guise_status try_type(chooser *c, plan_step *t, const tg_wish *wish, bool *took)
{
    void *state = NULL;
    guise_status s = (guise_status)t->node->op->prepare(t->node, wish, &state);
    if (s) return base_no_memory(c->e);
    if (!state) return GUISE_OK; // not here, or not faster
    int64_t n = tg_count(tg_at(c->plan->graph, t->out / 2)->shape);
    double single = time_op(c, t, t->state), lower = time_op(c, t, state);
    *took = false;
    if (single < 0 || lower < 0) {
        s = base_no_memory(c->e);
    } else {
        double error = difference(c->result, plan_pointer(c->plan, t->out), n);
        *took = error <= limit && (lower < single || !wish->measure);
        if (*took) t->error = error, t->gain = single - lower;
    }
    if (*took)
        t->other = state;
    else
        t->node->op->release(state);
    return s;
}

static guise_status try_step(chooser *c, plan_step *t)
{
    if (t->kind != STEP_OP || !t->state || !t->node->op->type) return GUISE_OK;
    tg_wish wish = plan_wish(c->plan, t);
    int64_t n = tg_count(tg_at(c->plan->graph, t->out / 2)->shape);
    if (!wish.keep_weights) return GUISE_OK;
    if (!room(&c->result, &c->result_bytes, sizeof(float) * (size_t)n)) return base_no_memory(c->e);
    guise_status s = GUISE_OK;
    bool took = false;
    for (size_t i = 0; !s && !took && i < sizeof types / sizeof *types; i++) {
        wish.type = (int)types[i];
        s = try_type(c, t, &wish, &took);
    }
    return s;
}

static guise_status run_from(chooser *c, size_t from, bool try)
{
    tg_plan *p = c->plan;
    guise_status s = GUISE_OK;
    for (size_t i = from; !s && i < p->n_steps; i++) {
        s = plan_run_step(p, &p->step[i], c->e);
        if (!s && try && i >= p->n_fixed) s = try_step(c, &p->step[i]);
    }
    p->fixed_done = !s;
    return s;
}

static guise_status keep_exact(chooser *c)
{
    tg_plan *p = c->plan;
    for (int id = 0; id < p->n_nodes; id++) {
        const tg_node *x = tg_at(p->graph, id);
        if (!p->note[id].output || !x->op) continue;
        size_t bytes = sizeof(float) * (size_t)tg_count(x->shape);
        if (!(c->exact[id] = base_aligned(bytes))) return base_no_memory(c->e);
        memcpy(c->exact[id], plan_pointer(p, 2 * id), bytes);
    }
    return GUISE_OK;
}

static double worst_output(const chooser *c)
{
    const tg_plan *p = c->plan;
    double worst = 0;
    for (int id = 0; id < p->n_nodes; id++) {
        if (!c->exact[id]) continue;
        int64_t n = tg_count(tg_at(p->graph, id)->shape);
        worst = fmax(worst, difference(plan_pointer(p, 2 * id), c->exact[id], n));
    }
    return worst;
}

static void swap(plan_step *t)
{
    void *now = t->state;
    t->state = t->other;
    t->other = now;
    t->lower = !t->lower;
}

static plan_step *least_exact(tg_plan *p)
{
    plan_step *worst = NULL;
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->step[i].lower && (!worst || p->step[i].error > worst->error)) worst = &p->step[i];
    return worst;
}

// All steps that can, then without the least exact ones.
static guise_status settle(chooser *c)
{
    tg_plan *p = c->plan;
    for (size_t i = 0; i < p->n_steps; i++) {
        plan_step *t = &p->step[i];
        if (!t->other) continue;
        swap(t);
        size_t need = scratch_of(t, t->state);
        if (need > p->scratch_bytes) p->scratch_bytes = need;
    }
    if (!plan_arena_grow(p->arena, p->scratch_at + p->scratch_bytes)) return base_no_memory(c->e);
    guise_status s = run_from(c, p->n_fixed, false);
    plan_step *worst = NULL;
    while (!s && (p->error = worst_output(c)) > limit && (worst = least_exact(p))) {
        swap(worst);
        s = run_from(c, p->n_fixed, false);
    }
    return s;
}

guise_status plan_choose_precision(tg_plan *p, base_error *e)
{
    chooser c = {.plan = p, .e = e, .exact = base_alloc((size_t)p->n_nodes, sizeof(float *))};
    guise_status s = c.exact ? run_from(&c, 0, true) : base_no_memory(e);
    if (!s) s = keep_exact(&c);
    if (!s) s = settle(&c);
    for (size_t i = 0; i < p->n_steps; i++) { // on failure, single precision stays
        plan_step *t = &p->step[i];
        if (s && t->lower) swap(t);
        if (!t->lower) t->gain = t->error = 0;
        if (t->other) t->node->op->release(t->other);
        t->other = NULL;
    }
    for (int id = 0; c.exact && id < p->n_nodes; id++) base_free(c.exact[id]);
    base_free(c.exact);
    base_free(c.result);
    base_free(c.scratch);
    p->chosen = !s;
    return s;
}
