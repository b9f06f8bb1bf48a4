// face_closer_look.c -- the closer look as it is, on crops of held-out people.
#include "train/face_closer.h"
#include <math.h>
#include <string.h>

const char *const face_closer_measures[] = {"faces", "others", "points", NULL};

// Start of all random choices; any number, but the same for ever, so that figures compare.
enum { SEED = 4417, CROPS = 1500, AREA = FACE_CLOSER * FACE_CLOSER };

typedef struct {
    nn_params *params;
    tg_graph *graph;
    tg_plan *plan;
    tg_node *out[2]; // score, points
    float img[3 * AREA];
} look;

static void look_close(look *l)
{
    if (!l) return;
    tg_plan_close(&l->plan);
    tg_free(l->graph);
    nn_params_close(&l->params);
    base_free(l);
}

// With the weights as they are now: their average where there is one.
static guise_status look_open(train_work *w, look *l, base_error *e)
{
    model_face_closer closer = {0};
    model_face_level level[MODEL_FACE_LEVELS];
    l->graph = tg_new();
    guise_status s = l->graph ? nn_params_open(&l->params, e) : base_no_memory(e);
    if (s) return s;
    nn m = nn_root(l->params, l->graph, false);
    tg_node *img = tg_input(l->graph, TG_SHAPE(1, 3, FACE_CLOSER, FACE_CLOSER), "img");
    tg_node *bgr = tg_flip(tg_scale(img, 255), 1);
    // all parameters, in the learner's order
    model_face_detector(m, bgr, w->network[0].options, level);
    if (model_face_look_closer(nn_at(m, "closer"), bgr, &closer)) {
        l->out[0] = tg_sigmoid(closer.logit);
        l->out[1] = closer.points;
    }
    s = tg_check(l->graph, GUISE_BAD_ARGUMENT, e);
    if (!s) s = nn_settle(l->params, 0, e);
    if (s) return s;
    train_learner_copy(&w->learner[0], l->params);
    s = tg_plan_open(&l->plan, l->graph, l->out, 2, &(tg_plan_options){.train = true}, e);
    if (!s) s = nn_bind(l->params, l->graph, l->plan, e);
    return s ? s : tg_plan_bind(l->plan, img, l->img, e);
}

typedef struct {
    double n[2], seen[2], apart; // of crops without a face, and with one
} sums;

static void count(const look *l, bool shows, const float want[2 * FACE_POINTS], sums *t)
{
    const float *got = tg_plan_value(l->plan, l->out[1]);
    t->n[shows]++;
    t->seen[shows] += tg_plan_value(l->plan, l->out[0])[0] >= 0.5f;
    for (size_t k = 0; shows && k < FACE_POINTS; k++) {
        double dx = (double)(got[2 * k] - want[2 * k]);
        t->apart += hypot(dx, (double)(got[2 * k + 1] - want[2 * k + 1])) / FACE_POINTS;
    }
}

guise_status face_closer_measure(train_work *w, const face_closer_ground *ground,
                                 double value[TRAIN_MEASURES], base_error *e)
{
    sums t = {{0}, {0}, 0};
    look *l = base_alloc(1, sizeof *l);
    guise_status s = l ? look_open(w, l, e) : base_no_memory(e);
    for (size_t i = 0; !s && i < CROPS; i++) {
        base_rng r = {SEED + (uint64_t)i};
        float shows, want[2 * FACE_POINTS];
        s = face_closer_draw(w, ground, i % train_cache_n(w->held), &r,
                             (face_closer_row){l->img, &shows, want}, e);
        if (!s) s = tg_plan_run(l->plan, e);
        if (!s) count(l, shows > 0, want, &t);
    }
    look_close(l);
    if (s) return s;
    value[0] = t.n[1] > 0 ? t.seen[1] / t.n[1] : NAN;
    value[1] = t.n[0] > 0 ? t.seen[0] / t.n[0] : NAN;
    value[2] = t.n[1] > 0 ? t.apart / t.n[1] : NAN;
    return GUISE_OK;
}
