// fuse.c -- chains of pointwise ops, and sums over them, in one pass over cache-sized tiles.
#include "graph/plan.h"
#include <omp.h>
#include <string.h>

typedef struct { // a program in the making
    tg_plan *plan;
    plan_program *g;
    plan_step *step;
    int root, layout;
    base_error *e;
    guise_status status;
} maker;

static bool same_walk(const tg_walk *a, const tg_walk *b)
{
    size_t n = (size_t)a->rank * sizeof a->n[0];
    return a->rank == b->rank && !memcmp(a->n, b->n, n) && !memcmp(a->step, b->step, n);
}

static int operand(maker *m, const tg_node *x)
{
    plan_program *g = m->g;
    const tg_node *from = x;
    bool repeat = x->op == &tg_op_expand && !(m->plan->options.without & TG_PART_SPREAD);
    if (repeat) from = x->in[0];
    int value;
    if (!m->status) m->status = plan_want(m->plan, from, m->layout, &value, m->e);
    if (m->status) return ~0;
    tg_walk w = tg_walk_make(from->shape, x->shape, m->layout == 1);
    for (int i = 0; i < g->n_operands; i++)
        if (g->operand[i].value == value && g->operand[i].repeat == repeat &&
            same_walk(&g->operand[i].walk, &w))
            return ~i;
    int i = g->n_operands++;
    g->operand[i] = (plan_operand){value, repeat, w};
    m->step->in[i] = value;
    return ~i;
}

static int emit(maker *m, const tg_node *x) // register number or ~operand
{
    plan_program *g = m->g;
    bool mine = m->plan->note[x->id].root == m->root || (x->id == m->root && x->op->map);
    if (!mine) return operand(m, x);
    for (int i = 0; i < g->n_ops; i++)
        if (g->op[i].node == x) return i;
    int src[2] = {0, 0};
    for (int i = 0; i < x->n_in; i++) src[i] = emit(m, x->in[i]);
    g->op[g->n_ops] = (plan_op){.node = x, .src = {src[0], src[1]}};
    return g->n_ops++; // for now every op has a register of its own
}

// Few registers instead of one an op: a register is free again after its last reader.
static void allocate(plan_program *g)
{
    int last[PLAN_MAX_OPS] = {0}, at[PLAN_MAX_OPS] = {0};
    bool busy[PLAN_MAX_OPS + PLAN_MAX_OPERANDS] = {0};
    for (int i = 0; i < g->n_ops; i++)
        for (int k = 0; k < g->op[i].node->n_in; k++)
            if (g->op[i].src[k] >= 0) last[g->op[i].src[k]] = i;
    for (int i = 0; i < g->n_operands; i++)
        if (g->operand[i].repeat) busy[g->reg[i] = g->n_regs++] = true;
    for (int i = 0; i < g->n_ops; i++) {
        plan_op *o = &g->op[i];
        for (int k = 0; k < o->node->n_in; k++)
            if (o->src[k] >= 0) {
                int virtual_src = o->src[k];
                o->src[k] = at[virtual_src];
                if (last[virtual_src] == i) busy[at[virtual_src]] = false;
            }
        int r = 0;
        while (busy[r]) r++;
        busy[r] = true;
        at[i] = o->dst = r;
        if (r >= g->n_regs) g->n_regs = r + 1;
    }
    if (g->result >= 0) g->result = at[g->result];
}

static void choose_tile(plan_program *g)
{
    g->tile = PLAN_TILE;
    for (int i = 0; i < g->n_operands; i++) {
        const tg_walk *w = &g->operand[i].walk;
        int64_t row = w->n[w->rank - 1];
        if (g->operand[i].repeat && w->step[w->rank - 1] && row <= PLAN_TILE) {
            g->tile = PLAN_TILE / row * row;
            break;
        }
    }
    int64_t tiles = (g->count + g->tile - 1) / g->tile;
    g->parts = 1;
    if (!g->reduce) return;
    int64_t parts = tiles / 8, room = g->count / 32 / g->sum_count; // scratch stays small
    parts = parts < room ? parts : room;
    g->parts = parts < 1 ? 1 : parts > 64 ? 64 : (int)parts;
}

guise_status plan_program_make(tg_plan *p, const tg_node *root, plan_step *s, base_error *e)
{
    plan_program *g = base_alloc(1, sizeof *g);
    if (!g) return base_no_memory(e);
    const tg_node *over = root->op->map ? root : root->in[0]; // whose elements are walked
    int layout = plan_two_layouts(over) && p->note[over->id].layout != 0;
    maker m = {p, g, s, root->id, layout, e, GUISE_OK};
    g->count = tg_count(over->shape);
    g->reduce = !root->op->map;
    g->result = emit(&m, over);
    if (g->reduce) {
        g->sum = tg_walk_make(root->shape, over->shape, layout == 1);
        g->sum_count = tg_count(root->shape);
    }
    if (!m.status) {
        allocate(g);
        choose_tile(g);
        if (g->reduce && (size_t)(g->parts * g->sum_count) > p->partial_count)
            p->partial_count = (size_t)(g->parts * g->sum_count);
    } else {
        base_free(g);
        return m.status;
    }
    s->program = g;
    s->n_in = g->n_operands;
    return GUISE_OK;
}

// Rows (last dim of a walk) that read from, or add to, the same place follow each other where the
// dim before repeats. Elements from `at` to the end of such a run, and its offset.
static int64_t run_of(const tg_walk *w, int64_t at, int64_t *offset)
{
    int64_t m = w->n[w->rank - 1], run = m;
    if (w->rank > 1 && !w->step[w->rank - 2]) run *= w->n[w->rank - 2];
    *offset = tg_walk_row(w, at / m);
    return run - at % run;
}

// out[0..n) = x repeated with period m, beginning at phase
static void repeat_row(const float *x, int64_t m, int64_t phase, int64_t n, float *out)
{
    int64_t k = m < n ? m : n;
    for (int64_t i = 0; i < k; i++) out[i] = x[phase + i < m ? phase + i : phase + i - m];
    for (int64_t have = k; have < n; have += k) { // the copy itself repeats
        k = have < n - have ? have : n - have;
        memcpy(out + have, out, sizeof *out * (size_t)k);
    }
}

// out[0..n) = what w spreads from x over elements from..from+n
static void fill(const tg_walk *w, const float *x, int64_t from, int64_t n, float *out)
{
    int64_t m = w->n[w->rank - 1];
    while (n > 0) {
        int64_t at, run = run_of(w, from, &at), k = run < n ? run : n;
        if (w->step[w->rank - 1])
            repeat_row(x + at, m, from % m, k, out);
        else
            for (int64_t i = 0; i < k; i++) out[i] = x[at];
        out += k;
        from += k;
        n -= k;
    }
}

// sum[j] += all rows of x, of m elements each; few rows, so adding in float first loses nothing
BASE_SIMD static void add_rows(double *sum, const float *x, int64_t m, int64_t rows)
{
    for (int64_t j0 = 0; j0 < m; j0 += 64) {
        float part[64] = {0};
        int64_t k = m - j0 < 64 ? m - j0 : 64;
        for (int64_t i = 0; i < rows; i++) {
#pragma omp simd
            for (int64_t j = 0; j < k; j++) part[j] += x[i * m + j0 + j];
        }
#pragma omp simd
        for (int64_t j = 0; j < k; j++) sum[j0 + j] += (double)part[j];
    }
}

BASE_SIMD static double row_total(const float *x, int64_t n)
{
    double part[16] = {0}, total = 0; // a fixed order of adding, so the same bits everywhere
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
#pragma omp simd
        for (int k = 0; k < 16; k++) part[k] += (double)x[i + k];
    }
    for (; i < n; i++) total += (double)x[i];
    for (int k = 0; k < 16; k++) total += part[k];
    return total;
}

static void accumulate(const tg_walk *w, const float *x, int64_t from, int64_t n, double *sum)
{
    int64_t m = w->n[w->rank - 1];
    bool rows = w->step[w->rank - 1] != 0;
    while (n > 0) {
        int64_t at, run = run_of(w, from, &at), k = run < n ? run : n, phase = from % m;
        if (!rows) {
            sum[at] += row_total(x, k);
        } else if (phase || k < m) { // up to the end of a row begun earlier
            k = m - phase < k ? m - phase : k;
            add_rows(sum + at + phase, x, k, 1);
        } else {
            k = k / m * m;
            add_rows(sum + at, x, m, k / m);
        }
        x += k;
        from += k;
        n -= k;
    }
}

// Does the operand look the same in every tile?
static bool steady(const plan_program *g, const tg_walk *w)
{
    if (w->rank == 1) return w->step[0] == 0;
    return w->rank == 2 && w->step[0] == 0 && w->step[1] && g->tile % w->n[1] == 0;
}

static void fill_steady(const tg_plan *p, const plan_program *g, float *regs)
{
    for (int i = 0; i < g->n_operands; i++)
        if (g->operand[i].repeat && steady(g, &g->operand[i].walk))
            fill(&g->operand[i].walk, plan_pointer(p, g->operand[i].value), 0,
                 g->tile < g->count ? g->tile : g->count, regs + g->reg[i] * PLAN_TILE);
}

// One tile: the result is left in out, or in a register or operand, whose address is returned.
static const float *run_tile(const tg_plan *p, const plan_program *g, float *regs, int64_t from,
                             int64_t n, float *out)
{
    const float *x[PLAN_MAX_OPERANDS], *in[2] = {NULL, NULL};
    for (int i = 0; i < g->n_operands; i++) {
        const plan_operand *o = &g->operand[i];
        float *r = regs + g->reg[i] * PLAN_TILE;
        if (o->repeat && !steady(g, &o->walk))
            fill(&o->walk, plan_pointer(p, o->value), from, n, r);
        x[i] = o->repeat ? r : plan_pointer(p, o->value) + from;
    }
    for (int i = 0; i < g->n_ops; i++) {
        const plan_op *o = &g->op[i];
        for (int k = 0; k < o->node->n_in; k++)
            in[k] = o->src[k] < 0 ? x[~o->src[k]] : regs + o->src[k] * PLAN_TILE;
        bool store = out && i == g->n_ops - 1;
        o->node->op->map(o->node, n, in, store ? out : regs + o->dst * PLAN_TILE);
    }
    return g->result < 0 ? x[~g->result] : regs + g->result * PLAN_TILE;
}

enum { MAX_REGS = PLAN_MAX_OPS + PLAN_MAX_OPERANDS, PARALLEL_FROM = 16384 };

static void run_store(const tg_plan *p, const plan_program *g, float *out)
{
    int64_t tiles = (g->count + g->tile - 1) / g->tile;
#pragma omp parallel if (g->count > PARALLEL_FROM)
    {
        _Alignas(64) float regs[MAX_REGS * PLAN_TILE];
        fill_steady(p, g, regs);
#pragma omp for schedule(static)
        for (int64_t t = 0; t < tiles; t++) {
            int64_t from = t * g->tile, n = g->count - from < g->tile ? g->count - from : g->tile;
            run_tile(p, g, regs, from, n, out + from);
        }
    }
}

static void run_reduce(const tg_plan *p, const plan_program *g, float *out)
{
    int64_t tiles = (g->count + g->tile - 1) / g->tile, m = g->sum_count;
    double *partial = (double *)(void *)(plan_arena_data(p->arena) + p->partial_at);
#pragma omp parallel if (g->count > PARALLEL_FROM)
    {
        _Alignas(64) float regs[MAX_REGS * PLAN_TILE];
        fill_steady(p, g, regs);
#pragma omp for schedule(static)
        for (int part = 0; part < g->parts; part++) {
            double *sum = partial + part * m;
            memset(sum, 0, sizeof *sum * (size_t)m);
            for (int64_t t = tiles * part / g->parts; t < tiles * (part + 1) / g->parts; t++) {
                int64_t from = t * g->tile;
                int64_t n = g->count - from < g->tile ? g->count - from : g->tile;
                accumulate(&g->sum, run_tile(p, g, regs, from, n, NULL), from, n, sum);
            }
        }
    }
    for (int part = 1; part < g->parts; part++)
        for (int64_t i = 0; i < m; i++) partial[i] += partial[part * m + i];
    for (int64_t i = 0; i < m; i++) out[i] = (float)partial[i];
}

int plan_program_run(const tg_plan *p, const plan_step *s)
{
    float *out = plan_pointer(p, s->out);
    if (s->program->reduce)
        run_reduce(p, s->program, out);
    else
        run_store(p, s->program, out);
    return 0;
}
