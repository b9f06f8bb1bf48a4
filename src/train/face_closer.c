// face_closer.c -- training our detector's closer look (model_face_look_closer) on crops around
// faces and around what is none (face_closer_draw.c). The first part is left as it is: start=FILE
// names a file with a trained one.
//
// Losses: cross entropy; landmarks by smooth L1, as in face_detector.c. Shares and weights: ours.
#include "train/face_closer.h"
#include "train/losses.h"
#include <string.h>

_Static_assert(sizeof(face_closer_options) <= TRAIN_OWN, "fits into train_options.own");
_Static_assert((int)FACE_CLOSER == (int)MODEL_CLOSER, "one crop");

#define AT(field) offsetof(face_closer_options, field)
static const base_field fields[] = {
    {"lambda_points", 0, BASE_REAL, AT(lambda_points), "10", "weight of the landmarks"},
    {"faces", 0, BASE_REAL, AT(faces), "0.6", "share of crops that show a face"},
    {"beside", 0, BASE_REAL, AT(beside), "0.35", "share of these that were beside another face"},
    {"mistaken", 0, BASE_REAL, AT(mistaken), "0.5",
     "share of the others that the first look took for faces"},
    {"turn", 0, BASE_REAL, AT(turn), "25", "faces are found turned by up to so many degrees"},
    {"zoom", 0, BASE_REAL, AT(zoom), "1.4", "and larger or smaller by up to this factor"},
    {"move", 0, BASE_REAL, AT(move), "0.15", "and moved by up to this share of the crop"},
    {"spoil", 0, BASE_REAL, AT(spoil), "1", "how often crops are made worse, 0 to 2"},
    {0}};

static guise_status check(const train_options *o, base_error *e)
{
    const face_closer_options *own = (const void *)o->own;
    const train_bound bound[] = {{"lambda_points", own->lambda_points, 0, 1000},
                                 {"faces", own->faces, 0.05, 1},
                                 {"beside", own->beside, 0, 1},
                                 {"mistaken", own->mistaken, 0, 1},
                                 {"turn", own->turn, 0, 90},
                                 {"zoom", own->zoom, 1, 4},
                                 {"move", own->move, 0, 0.5},
                                 {"spoil", own->spoil, 0, 2}};
    return train_bounds(bound, sizeof bound / sizeof *bound, e);
}

enum { ALL, SCORE, POINTS };
static const char *const loss_names[] = {"loss", "score", "points", NULL};
enum { NUMBERS = 2 * FACE_POINTS, AREA = FACE_CLOSER * FACE_CLOSER };

typedef struct {
    face_closer_ground ground; // from the first step on
    face_closer_ground held;   // from the first measurement on
    float *img;                // [n,3,64,64] RGB 0..1
    float *shows;              // [n,1]
    float *points;             // [n,10]
} state;

static void build(train_work *w, nn m)
{
    enum { SIDE = 64 }; // any multiple of 32
    model_face_level level[MODEL_FACE_LEVELS];
    model_face_closer closer;
    tg_node *img = tg_input(m.graph, TG_SHAPE(1, 3, SIDE, SIDE), "img");
    model_face_detector(m, img, w->network[0].options, level);
    img = tg_input(m.graph, TG_SHAPE(1, 3, FACE_CLOSER, FACE_CLOSER), "crop");
    model_face_look_closer(nn_at(m, "closer"), img, &closer);
}

static guise_status open(train_work *w, base_error *e)
{
    state *own = w->own;
    size_t n = (size_t)w->o->batch;
    if (strcmp(w->network[0].net->name, "face-detector") != 0)
        return base_fail(e, GUISE_BAD_ARGUMENT, "generator=%s: this recipe trains face-detector",
                         w->network[0].net->name);
    if (!*w->o->start) base_log("without start=FILE the detector's first part stays untrained");
    ((model_face_detector_options *)w->network[0].options)->closer = true;
    own->img = base_alloc(n * 3 * AREA, sizeof *own->img);
    own->shows = base_alloc(n, sizeof *own->shows);
    own->points = base_alloc(n * NUMBERS, sizeof *own->points);
    if (!own->img || !own->shows || !own->points) return base_no_memory(e);
    return train_work_learn(w, 0, build, w->o->ema > 0, e);
}

static void close(train_work *w)
{
    state *own = w->own;
    face_closer_ground_close(&own->ground);
    face_closer_ground_close(&own->held);
    base_free(own->img);
    base_free(own->shows);
    base_free(own->points);
}

static guise_status fill(train_work *w, int step, base_rng *r, base_error *e)
{
    state *own = w->own;
    int n = w->o->batch, last = (int)train_cache_n(w->cache) - 1;
    guise_status s = GUISE_OK;
    (void)step;
    if (!own->ground.cache) s = face_closer_ground_open(&own->ground, w->cache, w->o, e);
    for (int i = 0; !s && i < n; i++) {
        face_closer_row row = {own->img + (size_t)i * 3 * AREA, own->shows + i,
                               own->points + (size_t)i * NUMBERS};
        s = face_closer_draw(w, &own->ground, (size_t)base_rng_range(r, 0, last), r, row, e);
    }
    base_team_keep(w->team, own->img, n, 3 * AREA * sizeof *own->img);
    base_team_keep(w->team, own->shows, n, sizeof *own->shows);
    base_team_keep(w->team, own->points, n, NUMBERS * sizeof *own->points);
    return s;
}

static guise_status plan(train_work *w, base_error *e)
{
    const face_closer_options *o = (const void *)w->o->own;
    state *own = w->own;
    train_phase *p = &w->phase[0];
    *p = (train_phase){.name = "step", .run.graph = train_work_graph(w)};
    tg_graph *g = p->run.graph;
    if (!g) return base_no_memory(e);
    int n = w->rows;
    tg_node *img = tg_input(g, TG_SHAPE(n, 3, FACE_CLOSER, FACE_CLOSER), "img");
    tg_node *shows = tg_input(g, TG_SHAPE(n, 1), "shows");
    tg_node *points = tg_input(g, TG_SHAPE(n, NUMBERS), "points");
    model_face_closer got = {0};
    model_face_look_closer(nn_at(train_root(w, g), "closer"), tg_flip(tg_scale(img, 255), 1), &got);
    tg_node *entropy = tg_sub(tg_softplus(got.logit), tg_mul(got.logit, shows));
    p->loss[SCORE] = tg_mean(entropy);
    tg_node *off = train_smooth_l1(tg_sub(got.points, points), 0.03);
    p->loss[POINTS] = tg_scale(tg_mean(tg_mul(off, shows)), 1 / o->faces);
    p->total = p->loss[ALL] = tg_add(p->loss[SCORE], tg_scale(p->loss[POINTS], o->lambda_points));
    const train_tie tie[] = {
        {img, own->img, false}, {shows, own->shows, false}, {points, own->points, false}};
    return train_phase_open(w, p, tie, sizeof tie / sizeof *tie, e);
}

static guise_status step(train_work *w, int step, base_rng *r, double value[TRAIN_LOSSES],
                         base_error *e)
{
    (void)step, (void)r;
    return train_work_phase(w, plan, value, e);
}

static guise_status measure(train_work *w, double value[TRAIN_MEASURES], base_error *e)
{
    face_closer_ground *held = &((state *)w->own)->held;
    guise_status s = held->cache ? GUISE_OK : face_closer_ground_open(held, w->held, w->o, e);
    return s ? s : face_closer_measure(w, held, value, e);
}

static const train_recipe recipes[] = {
    {"face-closer",
     &train_face_closer,
     "our detector's closer look at each face; start=FILE: a detector whose first look is trained",
     {"generator=face-detector", "size=128", "shift=64", "batch=64", "steps=36000", "lr=2e-3",
      "beta1=0.9", "beta2=0.999", "ema=0.999", "decay=16000", "adv_from=-1", "sample_every=0",
      "measure_every=2000", "save_every=1000", "spoil=0.6", NULL}},
    {0}};

const train_system train_face_closer = {
    .name = "face-closer",
    .shared = true,
    .fields = fields,
    .options = sizeof(face_closer_options),
    .recipes = recipes,
    .loss = loss_names,
    .limits = FACE_DETECTOR_LIMITS,
    .no_identity = true,
    .held_out = true,
    .state = sizeof(state),
    .check = check,
    .open = open,
    .close = close,
    .fill = fill,
    .step = step,
    .measure_names = face_closer_measures,
    .measure = measure,
};
