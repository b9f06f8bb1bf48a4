// inversion.c -- Swapping-Guided ID Inversion (Xu et al. 2022, section 3.3, algorithm 1).
#include "train/inversion.h"
#include "nn/style.h"
#include "train/learner.h"
#include "train/losses.h"
#include <string.h>

static double or_default(double value, double otherwise) { return value != 0 ? value : otherwise; }

tg_node *train_inversion_start(nn m, tg_node *ids, int layers, const model_styleswap_options *o)
{
    int64_t k = tg_dim(ids, 0);
    if (k > 1) ids = tg_mean_to(nn_unit(ids), TG_SHAPE(1, tg_dim(ids, 1)));
    return nn_latents(model_styleswap_identity(m, ids, o), layers);
}

static tg_node *swap(const train_inversion_nets *n, tg_node *target, tg_node *latents)
{
    model_styleswap_made made = {0};
    if (!target || !latents) return NULL;
    nn m = nn_root(n->generator, tg_graph_of(target), false);
    model_styleswap(m, target, latents, n->options, NULL, &made);
    return made.out;
}

// Sum over rows of ids of 1 - cos(a, row), a [1,d] of what was made.
static tg_node *identity_sum(const train_inversion_nets *n, tg_node *made, tg_node *warp,
                             tg_node *ids)
{
    if (!made || !ids) return NULL;
    tg_node *a = n->identity(n->user, made, warp);
    return tg_sum(train_identity_loss(tg_expand(a, tg_shape_of(ids)), ids));
}

void train_inversion_build(const train_inversion_nets *n, const train_inversion_inputs *in,
                           train_inversion_nodes *out)
{
    *out = (train_inversion_nodes){0};
    if (!in->source || !in->random_id) return;
    nn m = nn_root(n->generator, tg_graph_of(in->source), false);
    tg_node *random = model_styleswap_identity(m, in->random_id, n->options);
    out->other = tg_detach(swap(n, in->source, random));
    out->back = swap(n, out->other, in->wplus);
    out->swap = swap(n, in->target, in->wplus);
    out->rec = train_reconstruction_loss(out->back, in->source, NULL);
    out->id = identity_sum(n, out->back, in->source_warp, in->source_id);
    out->loss = tg_add(tg_scale(out->rec, or_default(n->lambda_rec, 10)),
                       tg_scale(out->id, or_default(n->lambda_id, 10)));
    out->chosen = identity_sum(n, out->swap, in->target_warp, in->all_ids);
}

// ---- The optimisation

typedef struct {
    const train_inversion *v;
    train_learner vectors; // one entry, "wplus"
    train_step step;
    train_inversion_inputs in;
    train_inversion_nodes out;
    float *best;
} inversion;

static int levels_of(int size)
{
    int levels = 0;
    for (int side = 4; side <= size; side *= 2) levels++;
    return levels;
}

// First vectors: a small graph of its own, whose result becomes the parameter's value.
static guise_status start(const inversion *i, float *w, base_error *e)
{
    const train_inversion *v = i->v;
    tg_graph *g = tg_new();
    tg_plan *plan = NULL;
    if (!g) return base_no_memory(e);
    tg_node *ids = tg_const(g, tg_shape_of(i->in.all_ids), v->source_id);
    tg_node *w0 = train_inversion_start(nn_root(v->nets.generator, g, false), ids,
                                        2 * levels_of(v->size), v->nets.options);
    guise_status s = tg_plan_open(&plan, g, &w0, 1, NULL, e);
    if (!s) s = nn_bind(v->nets.generator, g, plan, e);
    if (!s) s = tg_plan_run(plan, e);
    if (!s) memcpy(w, tg_plan_value(plan, w0), (size_t)tg_count(tg_shape_of(w0)) * sizeof *w);
    tg_plan_close(&plan);
    tg_free(g);
    return s;
}

static int or_default_int(int value, int otherwise) { return value ? value : otherwise; }

static guise_status build(inversion *i, base_error *e)
{
    const train_inversion *v = i->v;
    const model_styleswap_options *o = v->nets.options;
    int latent = or_default_int(o->latent, 512), style = or_default_int(o->style, 512);
    guise_status s = train_learner_open(&i->vectors, e);
    tg_graph *g = i->step.graph = tg_new();
    if (s || !g) return s ? s : base_no_memory(e);
    tg_shape picture = TG_SHAPE(1, 3, v->size, v->size);
    tg_shape vectors = TG_SHAPE(1, 2 * levels_of(v->size), style);
    i->in = (train_inversion_inputs){
        .source = tg_input(g, picture, "source"),
        .source_id = tg_input(g, TG_SHAPE(1, latent), "source_id"),
        .all_ids = tg_input(g, TG_SHAPE(v->sources, latent), "all_ids"),
        .random_id = tg_input(g, TG_SHAPE(1, latent), "random_id"),
        .target = tg_input(g, picture, "target"),
        .wplus = nn_weight(nn_root(i->vectors.params, g, false), "wplus", vectors, (nn_init){0})};
    if (v->source_warp) {
        i->in.source_warp = tg_input(g, TG_SHAPE(1, 6), "source_warp");
        i->in.target_warp = tg_input(g, TG_SHAPE(1, 6), "target_warp");
    }
    train_inversion_build(&v->nets, &i->in, &i->out);
    s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    if (!s) s = train_learner_settle(&i->vectors, 0, false, e);
    tg_node *out[] = {i->out.rec, i->out.id, i->out.chosen};
    nn_params *const other[] = {v->nets.generator};
    train_step_plan plan = {.loss = i->out.loss, .out = out, .n = 3, .other = other, .others = 1};
    if (!s) s = train_step_open(&i->step, &i->vectors, &plan, e);
    return s;
}

// The plan reads the caller's arrays, which it does not change.
static guise_status give(const inversion *i, const tg_node *x, const float *v, base_error *e)
{
    return tg_plan_bind(i->step.plan, x, (float *)(uintptr_t)v, e);
}

static guise_status give_step(const inversion *i, int step, base_error *e)
{
    const train_inversion *v = i->v;
    size_t k = (size_t)(step % v->sources), r = (size_t)(step % v->randoms);
    size_t pixels = 3 * (size_t)v->size * (size_t)v->size;
    size_t latent = (size_t)tg_dim(i->in.source_id, 1);
    guise_status s = give(i, i->in.source, v->source + k * pixels, e);
    if (!s && v->source_warp) s = give(i, i->in.source_warp, v->source_warp + k * 6, e);
    if (!s) s = give(i, i->in.source_id, v->source_id + k * latent, e);
    return s ? s : give(i, i->in.random_id, v->random_id + r * latent, e);
}

// One step; *ends where progress wants no more.
static guise_status take(inversion *i, int step, train_inversion_result *r, bool *ends,
                         base_error *e)
{
    const train_inversion *v = i->v;
    guise_status s = give_step(i, step, e);
    if (!s) s = train_step_run(&i->step, &i->vectors, e);
    if (s) return s;
    double rec = *tg_plan_value(i->step.plan, i->out.rec);
    double id = *tg_plan_value(i->step.plan, i->out.id);
    double chosen = *tg_plan_value(i->step.plan, i->out.chosen);
    if (!step) r->at_start = chosen;
    if (!step || chosen < r->chosen) { // the vectors before this step's change
        r->chosen = chosen;
        r->best = step;
        memcpy(i->best, nn_params_data(i->vectors.params), i->vectors.floats * sizeof *i->best);
    }
    nn_adam adam = {or_default(v->lr, 0.01), 0.9, 0.999, 1e-8};
    train_learner_step(&i->vectors, adam, 0);
    r->steps = step + 1;
    *ends = step - r->best >= or_default_int(v->patience, 20) ||
            (v->progress && !v->progress(v->progress_user, step, rec, id, chosen));
    return GUISE_OK;
}

guise_status train_invert(const train_inversion *v, float *wplus, train_inversion_result *r,
                          base_error *e)
{
    inversion i = {.v = v};
    *r = (train_inversion_result){0};
    if (v->sources < 1 || v->randoms < 1 || v->size < 8 || !v->source_warp != !v->target_warp)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "inversion needs a source, a random identity, pictures of a side from 8 "
                         "on, and warps of both source and target or of neither");
    guise_status s = build(&i, e);
    if (!s && !(i.best = base_alloc(i.vectors.floats, sizeof *i.best))) s = base_no_memory(e);
    if (!s) s = start(&i, nn_params_data(i.vectors.params), e);
    if (!s) s = give(&i, i.in.target, v->target, e);
    if (!s && v->target_warp) s = give(&i, i.in.target_warp, v->target_warp, e);
    if (!s) s = give(&i, i.in.all_ids, v->source_id, e);
    int steps = or_default_int(v->steps, 100);
    bool ends = false;
    for (int k = 0; !s && !ends && k < steps; k++) s = take(&i, k, r, &ends, e);
    if (!s) memcpy(wplus, i.best, i.vectors.floats * sizeof *wplus);
    train_step_close(&i.step);
    train_learner_close(&i.vectors);
    base_free(i.best);
    return s;
}
