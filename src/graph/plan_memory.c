// plan_memory.c -- where every value of a plan lives: one arena, by liveness; and the kernels.
#include "graph/plan.h"
#include <string.h>

enum { ALIGN = 64 };

typedef struct { // a free stretch of the arena
    size_t at, size;
} hole;

typedef struct {
    hole *hole;
    size_t n, cap, end; // end: bytes of arena in use so far at its highest
} holes;

static bool give(holes *h, size_t at, size_t size) // keeps holes sorted and merged
{
    size_t i = 0;
    while (i < h->n && h->hole[i].at < at) i++;
    bool left = i > 0 && h->hole[i - 1].at + h->hole[i - 1].size == at;
    bool right = i < h->n && at + size == h->hole[i].at;
    if (left) {
        h->hole[i - 1].size += size + (right ? h->hole[i].size : 0);
        if (right) memmove(h->hole + i, h->hole + i + 1, sizeof(hole) * (--h->n - i));
    } else if (right) {
        h->hole[i] = (hole){at, size + h->hole[i].size};
    } else {
        if (!BASE_PUSH_ROOM(h->hole, h->n, h->cap)) return false;
        memmove(h->hole + i + 1, h->hole + i, sizeof(hole) * (h->n++ - i));
        h->hole[i] = (hole){at, size};
    }
    return true;
}

static size_t take(holes *h, size_t size) // best fit, else at the end
{
    size_t best = h->n;
    for (size_t i = 0; i < h->n; i++)
        if (h->hole[i].size >= size && (best == h->n || h->hole[i].size < h->hole[best].size))
            best = i;
    if (best < h->n) {
        size_t at = h->hole[best].at;
        h->hole[best].at += size;
        h->hole[best].size -= size;
        if (!h->hole[best].size)
            memmove(h->hole + best, h->hole + best + 1, sizeof(hole) * (--h->n - best));
        return at;
    }
    size_t at = h->end; // a hole that reaches the end grows
    if (h->n && h->hole[h->n - 1].at + h->hole[h->n - 1].size == h->end) at = h->hole[--h->n].at;
    h->end = at + size;
    return at;
}

int plan_root_value(const tg_plan *p, int value)
{
    while (p->value[value].place == AT_ALIAS) value = (int)p->value[value].offset;
    return value;
}

static size_t round_up(size_t bytes) { return (bytes + ALIGN - 1) / ALIGN * ALIGN; }

static size_t bytes_of(const tg_plan *p, int value)
{
    return round_up((size_t)tg_count(tg_at(p->graph, value / 2)->shape) *
                    cuda_size(p->value[value].type));
}

// First and last uses. What fixed steps leave for others is kept from run to run.
static void live(tg_plan *p)
{
    for (int i = 0; i < (int)p->n_steps; i++) {
        const plan_step *s = &p->step[i];
        p->value[s->out].first = p->value[s->out].last = i;
        for (int k = 0; k < s->n_in; k++) {
            plan_value *v = &p->value[plan_root_value(p, s->in[k])];
            bool kept = v->place == AT_ARENA && v->first < (int)p->n_fixed && i >= (int)p->n_fixed;
            if (kept) v->place = AT_KEPT;
            v->last = i;
        }
    }
}

// An operand that a program reads element by element, and nobody after it: the result may take
// its place. PLAN_NONE if there is none.
static int dying_operand(const tg_plan *p, size_t step)
{
    const plan_step *s = &p->step[step];
    if (s->kind != STEP_FUSED || s->program->reduce) return PLAN_NONE;
    if (p->options.without & TG_PART_REUSE) return PLAN_NONE;
    for (int k = 0; k < s->n_in; k++) {
        int v = plan_root_value(p, s->in[k]);
        if (p->value[v].place != AT_ARENA || p->value[v].last != (int)step) continue;
        if (s->program->operand[k].repeat || bytes_of(p, v) != bytes_of(p, s->out)) continue;
        bool shared = false;
        for (int j = 0; j < s->n_in; j++) shared |= j != k && plan_root_value(p, s->in[j]) == v;
        if (!shared) return v;
    }
    return PLAN_NONE;
}

static bool place_step(tg_plan *p, holes *h, size_t i)
{
    const plan_step *s = &p->step[i];
    int reuse = PLAN_NONE;
    if (p->value[s->out].place == AT_ARENA) {
        reuse = dying_operand(p, i);
        p->value[s->out].offset =
            reuse == PLAN_NONE ? take(h, bytes_of(p, s->out)) : p->value[reuse].offset;
    }
    bool ok = true;
    if (p->options.without & TG_PART_REUSE) return true;
    for (int k = 0; ok && k < s->n_in; k++) {
        int v = plan_root_value(p, s->in[k]);
        bool first = true; // an operand may be named twice
        for (int j = 0; j < k; j++) first &= plan_root_value(p, s->in[j]) != v;
        if (first && v != reuse && p->value[v].place == AT_ARENA && p->value[v].last == (int)i)
            ok = give(h, p->value[v].offset, bytes_of(p, v));
    }
    const plan_value *out = &p->value[s->out]; // a result that nobody reads
    if (ok && out->place == AT_ARENA && out->last == (int)i)
        ok = give(h, out->offset, bytes_of(p, s->out));
    return ok;
}

static guise_status constants(tg_plan *p, base_error *e)
{
    for (int id = 0; id < p->n_nodes; id++) {
        const tg_node *x = tg_at(p->graph, id);
        if (p->value[2 * id].place != AT_CONST || x->values) continue;
        if (!BASE_PUSH_ROOM(p->consts, p->n_consts, p->cap_consts)) return base_no_memory(e);
        int64_t n = tg_count(x->shape);
        float *v = base_aligned(sizeof *v * (size_t)n);
        if (!v) return base_no_memory(e);
        for (int64_t i = 0; i < n; i++) v[i] = (float)x->data[i];
        p->bound[id] = p->consts[p->n_consts++] = v;
    }
    return GUISE_OK;
}

static void outputs(tg_plan *p) // live outside the arena
{
    for (int id = 0; id < p->n_nodes; id++) {
        if (!p->note[id].output || !tg_at(p->graph, id)->op) continue;
        p->value[2 * id].place = AT_BOUND;
        p->value[2 * id].offset = (size_t)id;
    }
}

static void keep(tg_plan *p)
{
    for (int v = 0; v < 2 * p->n_nodes; v++) {
        if (p->value[v].place != AT_KEPT) continue;
        p->value[v].offset = p->kept_bytes;
        p->kept_bytes += bytes_of(p, v);
    }
}

guise_status plan_memory(tg_plan *p, base_error *e)
{
    outputs(p);
    guise_status s = constants(p, e);
    live(p);
    keep(p);
    holes h = {0};
    for (size_t i = 0; !s && i < p->n_steps; i++)
        if (!place_step(p, &h, i)) s = base_no_memory(e);
    p->arena_bytes = h.end;
    base_free(h.hole);
    if (!s && p->kept_bytes && !p->on && !(p->kept = base_aligned(p->kept_bytes)))
        s = base_no_memory(e);
    return s;
}

static guise_status scratch(tg_plan *p, base_error *e)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        const plan_step *t = &p->step[i];
        size_t n = t->state && t->node->op->scratch ? t->node->op->scratch(t->state) : 0;
        if (n > p->scratch_bytes) p->scratch_bytes = n;
    }
    p->partial_at = p->arena_bytes;
    p->scratch_at = p->partial_at + round_up(p->partial_count * sizeof(double));
    size_t all = p->scratch_at + p->scratch_bytes;
    p->own_arena = !p->options.arena;
    p->arena = p->own_arena ? tg_arena_new() : p->options.arena;
    if (!p->arena) return base_no_memory(e);
    if (plan_arena_grow(p->arena, all)) return GUISE_OK;
    return base_fail(e, GUISE_NO_MEMORY,
                     "out of memory: this network needs %.0f MB for its values; choose a smaller "
                     "size or batch",
                     (double)all / 1e6);
}

tg_wish plan_wish(const tg_plan *p, const plan_step *t)
{
    const tg_node *k = t->node, *end = tg_at(p->graph, t->out / 2);
    unsigned without = p->options.without;
    // in training, packed copies of a frozen network would be memory that is short
    bool keep = k->n_in > 1 && p->note[k->in[1]->id].fixed && !p->options.train;
    tg_wish wish = {.keep_weights = keep && !(without & TG_PART_PACKING),
                    .bias = t->n_in > k->n_in,
                    .reflect = p->note[k->id].pad,
                    .measure = !p->options.train && !(without & TG_PART_MEASURE),
                    .no_winograd = (without & TG_PART_WINOGRAD) != 0,
                    .no_narrow = (without & TG_PART_NARROW) != 0};
    if (wish.bias && end->op == &tg_op_relu) wish.act = true;
    if (wish.bias && end->op == &tg_op_leaky_relu) {
        wish.act = true;
        wish.slope = *(const double *)end->args;
    }
    return wish;
}

guise_status plan_prepare(tg_plan *p, base_error *e)
{
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < p->n_steps; i++) {
        plan_step *t = &p->step[i];
        if (t->kind != STEP_OP || !t->node->op->prepare) continue;
        tg_wish wish = plan_wish(p, t);
        s = (guise_status)t->node->op->prepare(t->node, &wish, &t->state);
        char text[128];
        if (s)
            base_fail(e, s, "%s of %s cannot be made ready: out of memory, or oneDNN refuses it",
                      t->node->op->name, tg_shape_text(t->node->shape, text));
    }
    return s ? s : scratch(p, e);
}
