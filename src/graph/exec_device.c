// exec_device.c -- running a plan on a GPU: where leaves and outputs are, what travels there and
// back, and the run itself, which is recorded the second time and replayed from then on.
#include "graph/plan_device.h"
#include <string.h>

static size_t bytes_of(const tg_node *x) { return (size_t)tg_count(x->shape) * sizeof(float); }

static guise_status failed(const tg_plan *p, int s, base_error *e)
{
    struct plan_device *d = p->on;
    const char *why = cuda_trouble(d->cuda);
    base_fail(e, (guise_status)s, "%s", *why ? why : "out of memory on the GPU");
    cuda_wait(d->cuda, NULL); // the next run starts afresh
    return (guise_status)s;
}

static void stale(struct plan_device *d)
{
    cuda_record_free(&d->record);
    d->again = false;
}

// Is it needed at run time, and neither computed in the arena nor a constant?
static bool outside(const tg_plan *p, int id)
{
    return p->note[id].needed && p->value[2 * id].place == AT_BOUND;
}

static bool shared(const tg_plan *p, int id)
{
    return p->bound[id] &&
           tg_device_owns(p->on->device, p->bound[id], bytes_of(tg_at(p->graph, id)));
}

// Memory of the plan's own for a leaf or output that is not shared.
static int own_room(tg_plan *p, int id, cuda_at *at)
{
    struct plan_device *d = p->on;
    const tg_node *x = tg_at(p->graph, id);
    if (x->kind == TG_INPUT && !x->op) {
        int s = d->feed[id] ? 0 : cuda_feed_open(&d->feed[id], d->cuda, bytes_of(x));
        if (!s) *at = cuda_feed_at(d->feed[id]);
        return s;
    }
    if (!d->room[id]) d->room[id] = cuda_alloc(d->cuda, CUDA_DEVICE, bytes_of(x));
    if (x->op && !d->pinned[id]) d->pinned[id] = cuda_alloc(d->cuda, CUDA_PINNED, bytes_of(x));
    *at = d->room[id];
    return *at && (!x->op || d->pinned[id]) ? 0 : GUISE_NO_MEMORY;
}

static int find_places(tg_plan *p)
{
    struct plan_device *d = p->on;
    int s = 0;
    for (int id = 0; !s && id < p->n_nodes; id++) {
        if (!outside(p, id)) continue;
        cuda_at at = (cuda_at)(uintptr_t)p->bound[id];
        if (!shared(p, id)) s = own_room(p, id, &at);
        if (at != d->at[id]) stale(d);
        d->at[id] = at;
        if (p->bound[id] == d->from[id]) continue;
        d->from[id] = p->bound[id];
        if (tg_at(p->graph, id)->op) stale(d); // its copy to the host is part of a record
        if (tg_at(p->graph, id)->kind == TG_PARAM) p->fixed_done = false;
    }
    // not by its address, which may be the old one in one of several processes alone
    if (plan_arena_moves(p->arena) != d->recorded) stale(d);
    d->recorded = plan_arena_moves(p->arena);
    return s;
}

// Inputs for every run; parameters where they may have changed.
static int send(tg_plan *p)
{
    struct plan_device *d = p->on;
    int s = 0;
    for (int id = 0; !s && id < p->n_nodes; id++) {
        const tg_node *x = tg_at(p->graph, id);
        if (!outside(p, id) || x->op || shared(p, id)) continue;
        if (x->kind == TG_INPUT)
            s = cuda_feed_put(d->feed[id], p->bound[id]);
        else if (!p->fixed_done || p->options.train)
            s = cuda_upload(d->cuda, d->at[id], p->bound[id], bytes_of(x));
    }
    return s;
}

static int run_op(const tg_plan *p, const plan_step *t)
{
    cuda_array x[PLAN_MAX_OPERANDS];
    for (int i = 0; i < t->n_in; i++)
        x[i] = (cuda_array){plan_at(p, t->in[i]), plan_type(p, t->in[i])};
    tg_gpu_call c = {.y = t->node,
                     .device = p->on->cuda,
                     .x = x,
                     .out = {plan_at(p, t->out), plan_type(p, t->out)},
                     .state = t->state,
                     .scratch = plan_arena_at(p->arena) + p->scratch_at,
                     .last = t->last};
    return t->node->op->gpu(&c);
}

static int run_step(const tg_plan *p, const plan_step *t)
{
    return t->kind == STEP_OP      ? run_op(p, t)
           : t->kind == STEP_FUSED ? plan_program_launch(p, t)
                                   : plan_layout_launch(p, t);
}

// Outputs that the host reads, unless it asks for them itself.
static bool comes_back(const tg_plan *p, int id)
{
    return outside(p, id) && tg_at(p->graph, id)->op && !shared(p, id) &&
           (!p->options.ahead || p->bound[id]);
}

static int queue(const tg_plan *p, size_t from)
{
    struct plan_device *d = p->on;
    bool time = p->options.time && d->mark;
    int s = 0;
    if (p->watch.made) p->watch.begin(p->watch.user);
    for (size_t i = from; !s && i < p->n_steps; i++) {
        if (time) s = cuda_mark_set(d->mark[i]);
        if (!s) s = run_step(p, &p->step[i]);
        if (!s) plan_tell(p, &p->step[i]);
    }
    if (!s && p->watch.made) p->watch.all(p->watch.user);
    if (!s && time) s = cuda_mark_set(d->mark[p->n_steps]);
    for (int id = 0; !s && id < p->n_nodes; id++)
        if (comes_back(p, id))
            s = cuda_fetch(d->cuda, d->pinned[id], d->at[id], bytes_of(tg_at(p->graph, id)));
    return s;
}

// The first run is run, so that whatever is made on first use is there; the second is recorded.
static int run(tg_plan *p)
{
    struct plan_device *d = p->on;
    if (p->options.time) stale(d);
    if (!p->fixed_done || !d->again || d->plain || p->options.time) {
        int s = queue(p, p->fixed_done ? p->n_fixed : 0);
        d->again = !s;
        return s;
    }
    if (!d->record) {
        int s = cuda_record_begin(d->cuda);
        if (s && cuda_trouble(d->cuda)[0]) return s; // of work before this
        if (!s) queue(p, p->n_fixed);
        cuda_record_end(d->cuda, &d->record);
        d->plain = !d->record;
        if (d->plain) return queue(p, p->n_fixed);
    }
    return cuda_replay(d->cuda, d->record);
}

static guise_status open_marks(tg_plan *p, base_error *e)
{
    struct plan_device *d = p->on;
    if (!p->options.time || d->mark) return GUISE_OK;
    d->mark = base_alloc(p->n_steps + 1, sizeof(cuda_mark *));
    if (!d->mark) return base_no_memory(e);
    for (size_t i = 0; i <= p->n_steps; i++)
        if (!(d->mark[i] = cuda_mark_new(d->cuda))) return base_no_memory(e);
    return GUISE_OK;
}

static void add_times(tg_plan *p, size_t from)
{
    for (size_t i = from; i < p->n_steps; i++)
        p->step[i].seconds += cuda_mark_between(p->on->mark[i], p->on->mark[i + 1]);
}

static guise_status bring_back(tg_plan *p, base_error *e)
{
    bool any = !p->options.ahead || p->options.time;
    for (int id = 0; !any && id < p->n_nodes; id++) any = comes_back(p, id);
    guise_status s = any ? cuda_wait(p->on->cuda, e) : GUISE_OK;
    for (int id = 0; any && !s && id < p->n_nodes; id++)
        if (comes_back(p, id) && p->bound[id])
            memcpy(p->bound[id], (const void *)(uintptr_t)p->on->pinned[id],
                   bytes_of(tg_at(p->graph, id)));
    return s;
}

guise_status plan_device_run(tg_plan *p, base_error *e)
{
    guise_status st = plan_leaves(p, e);
    if (!st) st = open_marks(p, e);
    if (st) return st;
    bool room = plan_arena_grow_on(p->arena, p->on->cuda, p->scratch_at + p->scratch_bytes);
    int s = room ? find_places(p) : GUISE_NO_MEMORY;
    size_t from = p->fixed_done ? p->n_fixed : 0;
    if (!s) s = send(p);
    if (!s) s = run(p);
    if (s) {
        stale(p->on);
        return failed(p, s, e);
    }
    st = bring_back(p, e);
    p->fixed_done = !st;
    if (!st && p->options.time) add_times(p, from);
    return st;
}

// Where the host finds it. With .ahead, outputs that nobody bound are fetched now.
const float *plan_device_value(const tg_plan *p, int id)
{
    struct plan_device *d = p->on;
    const void *host = (const void *)(uintptr_t)d->pinned[id];
    if (p->value[2 * id].place == AT_CONST) return plan_pointer(p, 2 * id);
    if (!outside(p, id) || !d->at[id]) return NULL;
    bool fetched = comes_back(p, id) || shared(p, id);
    if (p->options.ahead && !fetched &&
        cuda_fetch(d->cuda, d->pinned[id], d->at[id], bytes_of(tg_at(p->graph, id))))
        return NULL;
    // a failure is told by tg_wait or the next run
    if (p->options.ahead && cuda_settle(d->cuda)) return NULL;
    return p->bound[id] ? p->bound[id] : host;
}

guise_status plan_device_move(tg_plan *p, int id, float *to, base_error *e)
{
    struct plan_device *d = p->on;
    const tg_node *x = tg_at(p->graph, id);
    if (!d->at[id]) return base_fail(e, GUISE_BAD_ARGUMENT, "move: the plan has not run");
    int s = cuda_copy(d->cuda, (cuda_at)(uintptr_t)to, d->at[id], bytes_of(x));
    return s ? failed(p, s, e) : GUISE_OK;
}

void plan_device_forget(tg_plan *p)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        const tg_op *op = p->step[i].node->op;
        if (p->step[i].state && op->gpu_forget) op->gpu_forget(p->step[i].state);
    }
}
