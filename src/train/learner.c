// learner.c -- parameters with gradient and moments, and steps that compute the gradient.
#include "train/learner.h"
#include <string.h>

guise_status train_learner_open(train_learner *l, base_error *e)
{
    *l = (train_learner){0};
    return nn_params_open(&l->params, e);
}

guise_status train_learner_place(train_learner *l, tg_device *device, base_error *e)
{
    l->device = device;
    guise_status s = nn_params_place(l->params, device, e);
    return s ? s : nn_mover_open(&l->mover, device, e);
}

guise_status train_learner_settle(train_learner *l, uint64_t seed, bool average, base_error *e)
{
    guise_status s = nn_settle(l->params, seed, e);
    if (s) return s;
    l->floats = nn_params_floats(l->params);
    l->grad = tg_floats(l->device, l->floats);
    l->m = tg_floats(l->device, l->floats);
    l->v = tg_floats(l->device, l->floats);
    if (average) l->average = tg_floats(l->device, l->floats);
    if (!l->grad || !l->m || !l->v || (average && !l->average)) return base_no_memory(e);
    if (average) memcpy(l->average, nn_params_data(l->params), l->floats * sizeof *l->average);
    return GUISE_OK;
}

void train_learner_close(train_learner *l)
{
    nn_params_close(&l->params);
    float *all[] = {l->grad, l->m, l->v, l->average, l->before};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) tg_floats_free(l->device, all[i]);
    nn_mover_close(&l->mover);
    *l = (train_learner){0};
}

static bool is_fast(const train_learner *l, const nn_entry *e)
{
    return l->fast_name && e->kind == NN_WEIGHT && !e->frozen && strstr(e->name, l->fast_name);
}

guise_status train_learner_hurry(train_learner *l, const char *name, double rate, base_error *e)
{
    size_t fast = 0;
    l->fast_name = name && rate != 1 ? name : NULL;
    l->fast_rate = rate;
    for (size_t i = 0; i < nn_params_n(l->params); i++)
        if (is_fast(l, nn_params_entry(l->params, i))) fast += nn_params_entry(l->params, i)->count;
    tg_floats_free(l->device, l->before);
    l->before = tg_floats(l->device, fast);
    return l->before ? GUISE_OK : base_no_memory(e);
}

static void remember(const train_learner *l, const float *w)
{
    float *to = l->before;
    for (size_t i = 0; l->fast_name && i < nn_params_n(l->params); i++) {
        const nn_entry *e = nn_params_entry(l->params, i);
        if (!is_fast(l, e)) continue;
        tg_copy(l->device, to, w + e->offset, e->count, NULL); // tg_wait tells what fails
        to += e->count;
    }
}

// Adam has moved all weights by one step: make that of the fast ones longer.
static void lengthen(const train_learner *l, float *w)
{
    const float *from = l->before;
    for (size_t i = 0; l->fast_name && i < nn_params_n(l->params); i++) {
        const nn_entry *e = nn_params_entry(l->params, i);
        if (!is_fast(l, e)) continue;
        if (l->mover) nn_mover_lengthen(l->mover, from, w + e->offset, e->count, l->fast_rate);
        for (size_t k = 0; !l->mover && k < e->count; k++) {
            float *now = &w[e->offset + k];
            *now = (float)(from[k] + l->fast_rate * ((double)*now - from[k]));
        }
        from += e->count;
    }
}

const float *train_learner_weights(const train_learner *l)
{
    return l->average ? l->average : nn_params_data(l->params);
}

void train_learner_copy(const train_learner *l, nn_params *to)
{
    size_t n = nn_params_floats(to) < l->floats ? nn_params_floats(to) : l->floats;
    memcpy(nn_params_data(to), train_learner_weights(l), n * sizeof(float));
}

void train_learner_step(train_learner *l, nn_adam adam, double ema)
{
    float *w = nn_params_data(l->params);
    remember(l, w);
    l->steps++;
    if (l->mover)
        nn_mover_adam(l->mover, l->params, adam, l->steps, l->grad, w, l->m, l->v);
    else
        nn_adam_step(l->params, adam, l->steps, l->grad, w, l->m, l->v);
    lengthen(l, w);
    // early on the average follows faster, so that it forgets the initial values
    double k = (double)l->steps, decay = (1 + k) / (10 + k);
    if (!l->average || ema < 0) return;
    if (l->mover)
        nn_mover_average(l->mover, l->average, w, l->floats, decay < ema ? decay : ema);
    else
        nn_ema(l->average, w, l->floats, decay < ema ? decay : ema);
}

typedef struct {
    const char *name;
    float *data;
} part;

static int parts(const train_learner *l, part out[4])
{
    out[0] = (part){"weights", nn_params_data(l->params)};
    out[1] = (part){"m", l->m};
    out[2] = (part){"v", l->v};
    out[3] = (part){"average", l->average};
    return l->average ? 4 : 3;
}

guise_status train_learner_save(const train_learner *l, const char *prefix, base_tensors *t,
                                base_error *e)
{
    part p[4];
    for (int i = 0, n = parts(l, p); i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%s", prefix, p[i].name);
        if (!base_tensors_add(t, name, BASE_F32, 1, (int64_t[]){(int64_t)l->floats}, p[i].data))
            return base_no_memory(e);
    }
    return GUISE_OK;
}

guise_status train_learner_restore(train_learner *l, const char *prefix, const base_tensors *t,
                                   base_error *e)
{
    part p[4];
    for (int i = 0, n = parts(l, p); i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%s", prefix, p[i].name);
        const base_tensor *x = base_tensors_find(t, name);
        if (!x || x->dtype != BASE_F32 || x->rank != 1 || x->dim[0] != (int64_t)l->floats)
            return base_fail(e, GUISE_BAD_FILE,
                             "the checkpoint's %s does not fit this network; resume with the "
                             "recipe and network options it was made with",
                             name);
        memcpy(p[i].data, x->data, l->floats * sizeof(float));
    }
    return GUISE_OK;
}

void train_step_close(train_step *s)
{
    tg_plan_close(&s->plan);
    train_exchange_close(&s->exchange);
    tg_free(s->graph);
    *s = (train_step){0};
}

// grad, out: room for all entries; for all outputs, gradients and updates.
static guise_status open_plan(train_step *s, train_learner *l, const train_step_plan *p,
                              tg_node **grad, tg_node **out, base_error *e)
{
    size_t entries = nn_params_n(l->params);
    int n = 0;
    nn_grad(l->params, p->loss, grad);
    for (int i = 0; i < p->n; i++) out[n++] = p->out[i];
    for (size_t i = 0; i < entries; i++)
        if (grad[i]) out[n++] = grad[i];
    s->updates = nn_updates(l->params, s->graph, &s->update);
    for (size_t i = 0; i < s->updates; i++) out[n++] = s->update[i].node;
    tg_plan_options options = {.train = true,
                               .arena = p->arena,
                               .device = l->device,
                               .mixed = tg_device_mixed(l->device),
                               .ahead = true};
    guise_status st = tg_plan_open(&s->plan, s->graph, out, n, &options, e);
    if (!st) st = nn_bind(l->params, s->graph, s->plan, e);
    for (int i = 0; !st && i < p->others; i++)
        if (p->other[i]) st = nn_bind(p->other[i], s->graph, s->plan, e);
    for (size_t i = 0; !st && i < entries; i++)
        if (grad[i])
            st = tg_plan_bind(s->plan, grad[i], l->grad + nn_params_entry(l->params, i)->offset, e);
    if (!st && base_team_size(p->team) > 1)
        st = train_exchange_open(&s->exchange, p->team, s->plan, l->params, grad, l->grad,
                                 l->device, e);
    return st;
}

guise_status train_step_open(train_step *s, train_learner *l, const train_step_plan *p,
                             base_error *e)
{
    const nn_update *update = NULL;
    size_t entries = nn_params_n(l->params), updates = nn_updates(l->params, s->graph, &update);
    tg_node **grad = base_alloc(entries, sizeof *grad);
    tg_node **out = base_alloc(entries + updates + (size_t)p->n, sizeof *out);
    guise_status st = grad && out ? GUISE_OK : base_no_memory(e);
    if (!st) st = tg_check(s->graph, GUISE_BAD_ARGUMENT, e);
    if (!st) st = open_plan(s, l, p, grad, out, e);
    base_free(grad);
    base_free(out);
    return st;
}

guise_status train_step_run(train_step *s, train_learner *l, base_error *e)
{
    // what this graph has no gradient for must not keep that of another one
    guise_status st = tg_zero(l->device, l->grad, l->floats, e);
    if (!st) st = tg_plan_run(s->plan, e);
    if (!st && s->exchange) st = train_exchange_end(s->exchange, e);
    float *w = nn_params_data(l->params);
    for (size_t i = 0; !st && i < s->updates; i++) {
        const nn_entry *to = s->update[i].entry;
        st = tg_plan_move(s->plan, s->update[i].node, w + to->offset, e);
    }
    return st;
}
