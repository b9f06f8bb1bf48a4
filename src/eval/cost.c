// cost.c -- parameters, operations, time and memory of a generator, one face at a time.
#include "eval/cost.h"
#include "backend/tune.h"
#include "eval/statistics.h"
#include "train/card.h"
#include "weights/weights.h"

typedef struct {
    train_network net;
    nn_params *params;
    tg_graph *graph;
    tg_plan *plan;
    float *crop, *vector;
} runner;

static void runner_close(runner *r)
{
    tg_plan_close(&r->plan);
    tg_free(r->graph);
    nn_params_close(&r->params);
    train_network_close(&r->net);
    base_free(r->crop);
    base_free(r->vector);
}

static guise_status runner_build(runner *r, const train_card *c, const base_tensors *t,
                                 base_error *e)
{
    size_t pixels = 3 * (size_t)c->size * (size_t)c->size;
    base_rng rng = {1};
    r->graph = tg_new();
    r->crop = base_alloc(pixels, sizeof *r->crop);
    r->vector = base_alloc((size_t)c->length, sizeof *r->vector);
    guise_status s = r->graph && r->crop && r->vector ? GUISE_OK : base_no_memory(e);
    if (!s) s = nn_params_open(&r->params, e);
    if (s) return s;
    for (size_t i = 0; i < pixels; i++) r->crop[i] = (float)base_rng_uniform(&rng);
    r->vector[0] = 1;
    tg_node *img = tg_input(r->graph, TG_SHAPE(1, 3, c->size, c->size), "img");
    tg_node *id = tg_input(r->graph, TG_SHAPE(1, c->length), "id");
    tg_node *out = train_generate(&r->net, nn_root(r->params, r->graph, false), img, id);
    s = tg_check(r->graph, GUISE_BAD_FILE, e);
    if (!s) s = nn_settle(r->params, 1, e);
    if (!s) s = nn_load(r->params, t, true, e);
    if (!s) s = tg_plan_open(&r->plan, r->graph, &out, 1, NULL, e);
    if (!s) s = nn_bind(r->params, r->graph, r->plan, e);
    if (!s) s = tg_plan_bind(r->plan, img, r->crop, e);
    return s ? s : tg_plan_bind(r->plan, id, r->vector, e);
}

static guise_status timed(runner *r, int runs, double *median, base_error *e)
{
    double *seconds = base_alloc((size_t)runs, sizeof *seconds);
    guise_status s = seconds ? tg_plan_run(r->plan, e) : base_no_memory(e); // packs weights
    for (int i = 0; !s && i < runs; i++) {
        double start = base_seconds();
        s = tg_plan_run(r->plan, e);
        seconds[i] = base_seconds() - start;
    }
    if (!s) {
        eval_sort(seconds, (size_t)runs);
        *median = eval_quantile(seconds, (size_t)runs, 0.5);
    }
    base_free(seconds);
    return s;
}

guise_status eval_cost_of(const char *path, int runs, eval_cost *c, base_error *e)
{
    base_tensors t = {0};
    train_card card;
    runner r = {0};
    *c = (eval_cost){0};
    bool fixed = cpu_tune_is_fixed(); // a swap uses what is fastest
    cpu_tune_fixed(false);
    guise_status s = weights_read(&t, path, e);
    if (!s) s = train_card_read(&card, &t, path, e);
    if (!s) s = train_card_network(&r.net, &card, &t, path, e);
    if (!s) s = runner_build(&r, &card, &t, e);
    if (!s) s = timed(&r, runs > 0 ? runs : 10, &c->seconds, e);
    if (!s) {
        c->parameters = (double)nn_params_weights(r.params);
        c->macs = tg_plan_macs(r.plan);
        c->weight_bytes = (double)(nn_params_floats(r.params) * sizeof(float));
        c->plan_bytes = (double)tg_plan_bytes(r.plan);
    }
    runner_close(&r);
    base_tensors_free(&t);
    cpu_tune_fixed(fixed);
    return s;
}
