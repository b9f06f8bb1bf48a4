// work.c -- what the systems share: networks and learners by the options, schedule, phases.
#include "model/model.h"
#include "train/system.h"
#include <math.h>

void train_rates_at(train_rates *r, const train_options *o, int step)
{
    double up = o->id_ramp ? (double)(step - o->warmup) / o->id_ramp : 1;
    double adv = o->adv_ramp ? (double)(step - o->adv_from) / o->adv_ramp : 1;
    double down = o->decay ? (double)(o->steps - step + 1) / o->decay : 1;
    bool met = o->adv_from >= 0 && step > o->adv_from;
    *r = (train_rates){
        .lr = o->lr * fmin(1, down),
        .lr_d = o->lr_d * fmin(1, down),
        .id = step > o->warmup ? o->id_start + (o->lambda_id - o->id_start) * fmin(1, up) : 0,
        .adv = met ? fmin(1, adv) : 0,
    };
}

static guise_status open_generator(train_work *w, base_error *e)
{
    const train_options *o = w->o;
    train_network *n = &w->network[0];
    guise_status s = train_network_open(n, o->generator, o->generator_options, e);
    if (s || !n->net->swapper) return s;
    train_network_fit(n, o->size, w->identity->length);
    int stride = n->net->swapper->stride(n->options);
    if (o->size % stride)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "size=%d is no multiple of %d, which the generator needs", o->size,
                         stride);
    return GUISE_OK;
}

// All processes have as many rows, so that means over all are means of theirs.
static guise_status share_rows(train_work *w, base_error *e)
{
    int size = base_team_size(w->team);
    w->rows = w->o->batch / size;
    if (size > 1 && !w->o->system->shared)
        return base_fail(e, GUISE_BAD_ARGUMENT, "%s is trained by one process; start it alone",
                         w->o->system->name);
    if (w->rows * size == w->o->batch) return GUISE_OK;
    return base_fail(e, GUISE_BAD_ARGUMENT,
                     "batch=%d cannot be shared evenly by %d processes; choose a multiple of that",
                     w->o->batch, size);
}

guise_status train_work_open(train_work *w, const train_options *o, const train_identity *id,
                             base_team *team, tg_device *device, base_error *e)
{
    const train_system *system = o->system;
    *w = (train_work){.o = o, .identity = id, .team = team, .device = device};
    w->own = base_alloc(1, system->state ? system->state : 1);
    w->arena = tg_arena_new();
    guise_status s = w->own && w->arena ? GUISE_OK : base_no_memory(e);
    if (!s) s = share_rows(w, e);
    if (!s) s = train_batch_open(&w->batch, o, id, team, system->fill != NULL, e);
    if (!s) s = open_generator(w, e);
    if (!s && o->adv_from >= 0)
        s = train_network_open(&w->network[1], o->discriminator, o->discriminator_options, e);
    if (!s) s = system->open(w, e);
    if (!s && w->frozen) s = nn_params_place(w->frozen, device, e);
    if (!s && device && !system->looks && base_team_size(team) == 1)
        s = train_tally_open(&w->tally, device, e);
    const model_swapper *swapper = w->network[0].net ? w->network[0].net->swapper : NULL;
    if (!s && swapper) s = train_learner_hurry(&w->learner[0], swapper->fast, o->style_rate, e);
    return s;
}

void train_work_close(train_work *w)
{
    if (w->own && w->o->system->close) w->o->system->close(w);
    for (int i = 0; i < TRAIN_PHASES; i++) train_step_close(&w->phase[i].run);
    for (int i = 0; i < TRAIN_NETWORKS; i++) {
        train_learner_close(&w->learner[i]);
        train_network_close(&w->network[i]);
    }
    train_tally_close(&w->tally);
    tg_arena_free(w->arena);
    nn_params_close(&w->frozen);
    train_batch_close(&w->batch);
    base_free(w->own);
    *w = (train_work){0};
}

guise_status train_work_fill(train_work *w, int step, base_rng *r, base_error *e)
{
    if (!w->o->system->fill) return train_batch_fill(&w->batch, w->cache, w->o, step, r, e);
    guise_status s = w->o->system->fill(w, step, r, e);
    if (!s) train_batch_keep(&w->batch);
    return s;
}

static guise_status check_losses(const train_work *w, int step, const double value[TRAIN_LOSSES],
                                 base_error *e)
{
    for (int i = 0; i < TRAIN_LOSSES; i++)
        if (!isfinite(value[i]))
            return base_fail(e, GUISE_BAD_ARGUMENT,
                             "the loss '%s' is no number any more at step %d; resume from the last "
                             "checkpoint with a lower learning rate (lr=, lr_d=)",
                             w->o->system->loss[i], step);
    return GUISE_OK;
}

// From the first of the last steps on, all phases are planned anew.
static guise_status settle(train_work *w, int step, base_error *e)
{
    bool settled = w->o->settle && step > w->o->steps - w->o->settle;
    if (settled == w->settled) return GUISE_OK;
    guise_status s = tg_wait(w->device, e);
    for (int i = 0; i < TRAIN_PHASES; i++) train_step_close(&w->phase[i].run);
    w->settled = settled;
    return s;
}

guise_status train_work_step(train_work *w, int step, base_rng *r, double value[TRAIN_LOSSES],
                             base_error *e)
{
    for (int i = 0; i < TRAIN_LOSSES; i++) value[i] = 0;
    train_rates_at(&w->rates, w->o, step);
    guise_status s = settle(w, step, e);
    if (!s) s = w->o->system->step(w, step, r, value, e);
    if (!s) s = check_losses(w, step, value, e);
    return s || !w->tally.plan ? s : train_tally_step(&w->tally, e);
}

guise_status train_work_read(train_work *w, int step, double sum[TRAIN_LOSSES], base_error *e)
{
    if (!w->tally.plan) return tg_wait(w->device, e);
    guise_status s = train_tally_read(&w->tally, sum, e);
    return s ? s : check_losses(w, step, sum, e);
}

guise_status train_work_learn(train_work *w, int i, void (*build)(train_work *w, nn m),
                              bool average, base_error *e)
{
    train_learner *l = &w->learner[i];
    tg_graph *g = train_work_graph(w);
    if (!g) return base_no_memory(e);
    guise_status s = train_learner_open(l, e);
    if (!s) s = train_learner_place(l, w->device, e);
    if (!s) build(w, nn_root(l->params, g, true));
    if (!s) s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    if (!s && i == 0 && *w->o->start && !w->o->resumed) s = train_start_with(l, w->o->start, e);
    if (!s) s = train_learner_settle(l, (uint64_t)w->o->seed * 2 + (uint64_t)i, average, e);
    tg_free(g);
    return s;
}

tg_graph *train_work_graph(const train_work *w)
{
    tg_graph *g = tg_new();
    if (g) tg_join(g, w->team);
    return g;
}

nn train_root(const train_work *w, tg_graph *g)
{
    return nn_root(w->learner[0].params, g, !w->settled);
}

tg_node *train_work_image(const train_work *w, tg_graph *g, const char *name)
{
    return tg_input(g, TG_SHAPE(w->rows, 3, w->o->size, w->o->size), name);
}

void train_draw_rows(const train_work *w, float *x, int all, size_t each, base_rng *r)
{
    for (int i = 0; i < all; i++) {
        int row = base_team_row(w->team, i);
        for (size_t k = 0; k < each; k++) {
            float v = (float)base_rng_normal(r);
            if (row >= 0) x[(size_t)row * each + k] = v;
        }
    }
}

guise_status train_check_half(const train_work *w, base_error *e)
{
    int size = base_team_size(w->team);
    if (size == 1 || w->rows % 2 == 0) return GUISE_OK;
    return base_fail(e, GUISE_BAD_ARGUMENT,
                     "path length takes half of batch=%d, which %d processes cannot share evenly; "
                     "choose a multiple of %d, or path=0",
                     w->o->batch, size, 2 * size);
}

static guise_status open_phase(train_work *w, train_phase *p, const train_tie tie[], int n,
                               tg_node **out, base_error *e)
{
    nn_params *other[TRAIN_NETWORKS + 1] = {w->frozen};
    int n_out = 0;
    for (int i = 0; i < TRAIN_LOSSES; i++)
        if (p->loss[i]) out[n_out++] = p->loss[i];
    for (int i = 0; i < n; i++)
        if (tie[i].node && tie[i].output) out[n_out++] = tie[i].node;
    for (int i = 0; i < TRAIN_NETWORKS; i++)
        if (i != p->network) other[i + 1] = w->learner[i].params;
    train_step_plan plan = {.loss = p->total,
                            .out = out,
                            .n = n_out,
                            .other = other,
                            .others = TRAIN_NETWORKS + 1,
                            .arena = w->arena,
                            .team = w->team};
    guise_status s = train_step_open(&p->run, &w->learner[p->network], &plan, e);
    for (int i = 0; !s && i < n; i++)
        if (tie[i].node) s = tg_plan_bind(p->run.plan, tie[i].node, tie[i].data, e);
    return s;
}

guise_status train_phase_open(train_work *w, train_phase *p, const train_tie tie[], int n,
                              base_error *e)
{
    tg_node **out = base_alloc((size_t)n + TRAIN_LOSSES, sizeof *out);
    guise_status s = out ? tg_check(p->run.graph, GUISE_BAD_ARGUMENT, e) : base_no_memory(e);
    if (!s) s = open_phase(w, p, tie, n, out, e);
    if (s) train_step_close(&p->run);
    base_free(out);
    return s;
}

static guise_status read_loss(const train_work *w, const train_phase *p, int i, double *value,
                              base_error *e)
{
    const float *v = tg_plan_value(p->run.plan, p->loss[i]);
    if (v) *value = (double)v[0];
    return v ? GUISE_OK : tg_wait(w->device, e); // which says why not
}

guise_status train_phase_run(train_work *w, train_phase *p, double value[TRAIN_LOSSES],
                             base_error *e)
{
    guise_status s = train_step_run(&p->run, &w->learner[p->network], e);
    for (int i = 0; w->tally.plan && !s && i < TRAIN_LOSSES; i++)
        if (p->loss[i]) s = train_tally_take(&w->tally, p->run.plan, p->loss[i], i, e);
    if (s || w->tally.plan) return s;
    double seen[TRAIN_LOSSES] = {0};
    for (int i = 0; !s && i < TRAIN_LOSSES; i++)
        if (p->loss[i]) s = read_loss(w, p, i, &seen[i], e);
    if (!s && w->team)
        s = base_team_check(w->team, w->team->sum_double(w->team, seen, TRAIN_LOSSES), e);
    for (int i = 0; !s && i < TRAIN_LOSSES; i++)
        if (p->loss[i]) value[i] = seen[i] / base_team_size(w->team);
    return s;
}

void train_work_move(train_work *w, int network, double lr)
{
    const train_options *o = w->o;
    train_learner *l = &w->learner[network];
    train_learner_step(l, (nn_adam){lr, o->beta1, o->beta2, o->eps}, l->average ? o->ema : 0);
}

guise_status train_work_phase(train_work *w, guise_status (*plan)(train_work *w, base_error *e),
                              double value[TRAIN_LOSSES], base_error *e)
{
    guise_status s = w->phase[0].run.plan ? GUISE_OK : plan(w, e);
    if (!s) s = train_phase_run(w, &w->phase[0], value, e);
    if (!s) train_work_move(w, 0, w->rates.lr);
    return s;
}
