// simswap.c -- SimSwap's training: the generator's step, then its discriminator's.
//
// Both use the same batch and the same swapped pictures. (The published trainer draws a second
// batch and swaps again for the discriminator; one swap serves both here, at 2/3 of the time.)
//
// Sources: Chen et al. 2020 (arXiv 2106.06340), and where the paper is silent its first published
// training class (spec/simswap.md 4.2: batch 8, two PatchGANs, 10k + 10k steps a unit nobody
// states). Not given anywhere: the learning rate with beta1 = 0, taken from the published trainer
// (4e-4), and the first layer m of weak feature matching, taken as 3 of 5.
#include "train/judge.h"
#include "train/losses.h"
#include "train/swap_losses.h"
#include "weights/weights.h"
#include <string.h>

typedef struct {
    const char *features; // weights of a frozen feature network of the discriminator, a file
    const char *real;     // what the discriminator takes for real: "target" or "source" photos
    double lambda_fm, lambda_gp;
    train_swap_options swap;
    int fm_first, fm_last; // layers of feature matching, from 1; last 0: the last hidden
    int scales, gp_every;
} options;
_Static_assert(sizeof(options) <= TRAIN_OWN, "fits into train_options.own");

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"features", 0, BASE_TEXT, AT(features), NULL,
     "file of pretrained weights for projected-d's frozen network"},
    {"real", 0, BASE_TEXT, AT(real), "target",
     "photos that are real to the discriminator: target or source"},
    {"lambda_fm", 0, BASE_REAL, AT(lambda_fm), "10", "weight of feature matching; 0: none"},
    {"lambda_gp", 0, BASE_REAL, AT(lambda_gp), "1e-5", "weight of the gradient penalty; 0: none"},
    TRAIN_SWAP_FIELDS(options),
    {"fm_first", 0, BASE_INT, AT(fm_first), "3", "first layer of feature matching, from 1"},
    {"fm_last", 0, BASE_INT, AT(fm_last), "0", "last layer of it; 0: the last hidden one"},
    {"scales", 0, BASE_INT, AT(scales), "2", "discriminators, each on half the size"},
    {"gp_every", 0, BASE_INT, AT(gp_every), "1",
     "gradient penalty in every nth step, with n times the weight"},
    {0}};

static guise_status check(const train_options *o, base_error *e)
{
    const options *own = (const void *)o->own;
    const train_bound bound[] = {{"fm_first", own->fm_first, 1, 64},
                                 {"fm_last", own->fm_last, 0, 64},
                                 {"scales", own->scales, 1, TRAIN_SCALES},
                                 {"gp_every", own->gp_every, 1, 1000}};
    guise_status s = train_bounds(bound, sizeof bound / sizeof *bound, e);
    if (!s) s = train_swap_check(o, &own->swap, e);
    if (!s && strcmp(own->real, "target") != 0 && strcmp(own->real, "source") != 0)
        s = base_fail(e, GUISE_BAD_ARGUMENT, "real=%s: say target or source", own->real);
    return s;
}

enum { ALL, ID, REC, ADV, FM, D_REAL, D_FAKE, GP, AWAY, POINTS, FORM };
static const char *const loss_names[] = {"loss",   "id", "rec",  "adv",    "fm",   "d_real",
                                         "d_fake", "gp", "away", "points", "form", NULL};

// Phases: the generator's four by what takes part, then the discriminator's without and with the
// gradient penalty.
enum { WITH_ID = 1, WITH_D = 2, FIRST_D = 4 };

typedef struct {
    float *fake;     // [batch,3,size,size]
    float weight[3]; // now: identity, adversarial, feature matching
    train_swap_losses swap;
} state;

// An RGB 0..1 image as the generator's losses see it: normalised for variant c, else as it is.
static tg_node *loss_space(const train_work *w, tg_node *img)
{
    const model_simswap_options *o = w->network[0].options;
    bool simswap = !strcmp(w->network[0].net->name, "simswap");
    return simswap && o->variant && !strcmp(o->variant, "c") ? model_normalise(img) : img;
}

// Adversarial and feature matching terms. The features of the target are constants; its pass
// moves no running statistics, nor does that of the swapped one: the discriminator's own step
// does. (The published trainer lets both steps move them; nothing reads them here.)
static void judge(train_work *w, tg_graph *g, tg_node *made, tg_node *target, tg_node **loss)
{
    const options *o = (const void *)w->o->own;
    train_verdict of_made, of_target;
    nn m = nn_root(w->learner[1].params, g, true);
    m.no_update = true;
    train_judge(&w->network[1], m, o->scales, made, &of_made);
    loss[ADV] = train_hinge_generator(of_made.logit, o->scales);
    if (o->lambda_fm <= 0) return;
    train_judge(&w->network[1], m, o->scales, target, &of_target);
    int last = o->fm_last ? o->fm_last : of_made.layers;
    if (last > of_made.layers) last = of_made.layers;
    int first = o->fm_first < last ? o->fm_first : last;
    tg_node *sum = NULL;
    for (int k = 0; k < o->scales; k++) {
        tg_node *one =
            train_feature_matching(of_made.layer[k], of_target.layer[k], first - 1, last - 1);
        sum = k ? tg_add(sum, one) : one;
    }
    loss[FM] = sum;
}

static guise_status plan_g(train_work *w, int with, base_error *e)
{
    state *own = w->own;
    train_phase *p = &w->phase[with];
    *p = (train_phase){.name = "generator step", .run.graph = train_work_graph(w)};
    if (!p->run.graph) return base_no_memory(e);
    tg_graph *g = p->run.graph;
    int n = w->rows, size = w->o->size;
    tg_node *target = train_work_image(w, g, "target");
    train_swap_inputs in;
    train_swap_inputs_of(&in, w, g);
    tg_node *weight = tg_input(g, TG_SHAPE(n, 1, size, size), "weight");
    tg_node *lambda[3] = {tg_input(g, TG_SHAPE(1), "lambda_id"),
                          tg_input(g, TG_SHAPE(1), "lambda_adv"),
                          tg_input(g, TG_SHAPE(1), "lambda_fm")};
    tg_node *made = train_generate(&w->network[0], train_root(w, g), target, in.given);
    p->loss[REC] = train_reconstruction_loss(loss_space(w, made), loss_space(w, target), weight);
    tg_node *sum = tg_reshape(p->loss[REC], TG_SHAPE(1));
    sum = train_swap_add(sum, &own->swap, w, &in, made, target, with & WITH_ID ? lambda[0] : NULL,
                         &p->loss[ID], &p->loss[AWAY]);
    if (with & WITH_D) {
        judge(w, g, made, target, p->loss);
        sum = tg_add(sum, tg_mul(p->loss[ADV], lambda[1]));
        if (p->loss[FM]) sum = tg_add(sum, tg_mul(p->loss[FM], lambda[2]));
    }
    p->total = p->loss[ALL] = sum;
    const train_tie tie[] = {TRAIN_SWAP_TIES(w, in),
                             {target, w->batch.target, false},
                             {weight, w->batch.weight, false},
                             {lambda[0], &own->weight[0], false},
                             {lambda[1], &own->weight[1], false},
                             {lambda[2], &own->weight[2], false},
                             {made, own->fake, true}};
    return train_phase_open(w, p, tie, sizeof tie / sizeof *tie, e);
}

static tg_node *penalty_at(train_work *w, nn m, tg_node *x)
{
    const options *o = (const void *)w->o->own;
    train_verdict v;
    tg_node *all = NULL;
    m.no_update = true;
    train_judge(&w->network[1], m, o->scales, x, &v);
    for (int k = 0; k < o->scales; k++) {
        tg_node *one = train_gradient_penalty(v.logit[k], x);
        all = k ? tg_add(all, one) : one;
    }
    return all;
}

static guise_status plan_d(train_work *w, bool penalty, base_error *e)
{
    const options *o = (const void *)w->o->own;
    state *own = w->own;
    train_phase *p = &w->phase[FIRST_D + penalty];
    *p =
        (train_phase){.name = "discriminator step", .network = 1, .run.graph = train_work_graph(w)};
    if (!p->run.graph) return base_no_memory(e);
    tg_graph *g = p->run.graph;
    train_verdict of_real, of_fake;
    nn m = nn_root(w->learner[1].params, g, true);
    tg_node *real = train_work_image(w, g, "real"), *fake = train_work_image(w, g, "fake");
    tg_node *mix = NULL;
    train_judge(&w->network[1], m, o->scales, fake, &of_fake);
    train_judge(&w->network[1], m, o->scales, real, &of_real);
    p->loss[D_REAL] = train_hinge_real(of_real.logit, o->scales);
    p->loss[D_FAKE] = train_hinge_fake(of_fake.logit, o->scales);
    tg_node *sum = tg_add(p->loss[D_REAL], p->loss[D_FAKE]);
    if (penalty) {
        mix = tg_input(g, TG_SHAPE(w->rows), "mix");
        p->loss[GP] = penalty_at(w, m, train_mix(real, fake, mix));
        sum = tg_add(sum, tg_scale(p->loss[GP], o->lambda_gp * o->gp_every));
    }
    p->total = sum;
    float *from = w->batch.sources ? w->batch.source : w->batch.target;
    const train_tie tie[] = {
        {real, from, false}, {fake, own->fake, false}, {mix, w->batch.mix, false}};
    return train_phase_open(w, p, tie, 3, e);
}

static void build_generator(train_work *w, nn m)
{
    tg_node *id = tg_input(m.graph, TG_SHAPE(w->rows, w->batch.length), "id");
    train_generate(&w->network[0], m, train_work_image(w, m.graph, "img"), id);
}

static void build_discriminator(train_work *w, nn m)
{
    const options *o = (const void *)w->o->own;
    train_verdict v;
    train_judge(&w->network[1], m, o->scales, train_work_image(w, m.graph, "img"), &v);
}

// Features of random weights would teach nonsense.
static guise_status check_features(const nn_params *p, const base_tensors *t, const char *path,
                                   base_error *e)
{
    static const char taught[] = "feature_network.pretrained.";
    for (size_t i = 0; i < nn_params_n(p); i++) {
        const nn_entry *entry = nn_params_entry(p, i);
        if (strncmp(entry->name, taught, sizeof taught - 1) || base_tensors_find(t, entry->name))
            continue;
        return base_fail(e, GUISE_BAD_FILE,
                         "%s has no %s: it holds no pretrained feature network of projected-d",
                         path, entry->name);
    }
    return GUISE_OK;
}

// The projected discriminator stands on a feature network that others trained.
static guise_status load_features(train_work *w, base_error *e)
{
    const options *o = (const void *)w->o->own;
    if (strcmp(w->o->discriminator, "projected-d") != 0) return GUISE_OK;
    if (!o->features)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "projected-d needs features=FILE, the weights of its pretrained feature "
                         "network (names feature_network.*), .safetensors or .pth");
    base_tensors t = {0};
    guise_status s = weights_read(&t, o->features, e);
    if (!s) s = check_features(w->learner[1].params, &t, o->features, e);
    if (!s) s = nn_load(w->learner[1].params, &t, false, e);
    base_tensors_free(&t);
    return s;
}

static guise_status open(train_work *w, base_error *e)
{
    const train_options *o = w->o;
    state *own = w->own;
    size_t n = (size_t)w->rows;
    const options *mine = (const void *)o->own;
    w->batch.sources = !strcmp(mine->real, "source");
    own->fake = tg_floats(w->device, n * 3 * (size_t)o->size * (size_t)o->size);
    guise_status s = own->fake ? GUISE_OK : base_no_memory(e);
    if (!s) s = train_swap_losses_open(&own->swap, o, &mine->swap, e);
    if (!s) s = train_work_learn(w, 0, build_generator, o->ema > 0, e);
    if (s || o->adv_from < 0) return s;
    s = train_work_learn(w, 1, build_discriminator, false, e);
    return s ? s : load_features(w, e);
}

static void close(train_work *w)
{
    state *own = w->own;
    tg_floats_free(w->device, own->fake);
    train_swap_losses_close(&own->swap);
}

static guise_status step_d(train_work *w, int step, base_rng *r, double *value, base_error *e)
{
    const options *o = (const void *)w->o->own;
    bool penalty = o->lambda_gp > 0 && step % o->gp_every == 0;
    train_phase *p = &w->phase[FIRST_D + penalty];
    guise_status s = p->run.plan ? GUISE_OK : plan_d(w, penalty, e);
    for (int i = 0; penalty && i < w->o->batch; i++) {
        double k = base_rng_uniform(r);
        int row = base_team_row(w->team, i);
        if (row >= 0) w->batch.mix[row] = (float)k;
    }
    if (!s) s = train_phase_run(w, p, value, e);
    if (!s) train_work_move(w, 1, w->rates.lr_d);
    return s;
}

static guise_status step(train_work *w, int step, base_rng *r, double value[TRAIN_LOSSES],
                         base_error *e)
{
    const train_options *o = w->o;
    const options *mine = (const void *)o->own;
    state *own = w->own;
    own->weight[0] = (float)w->rates.id;
    own->weight[1] = (float)(o->lambda_adv * w->rates.adv);
    own->weight[2] = (float)(mine->lambda_fm * w->rates.adv);
    bool judged = own->weight[1] > 0 || own->weight[2] > 0;
    int with = (own->weight[0] > 0 ? WITH_ID : 0) | (judged ? WITH_D : 0);
    train_phase *p = &w->phase[with];
    guise_status s = p->run.plan ? GUISE_OK : plan_g(w, with, e);
    if (!s) s = train_phase_run(w, p, value, e);
    if (s) return s;
    train_work_move(w, 0, w->rates.lr);
    return o->adv_from >= 0 && step > o->adv_from - o->d_lead ? step_d(w, step, r, value, e)
                                                              : GUISE_OK;
}

// The first recipe of our own: 128 pixels on two cores within hours. What differs from the paper
// was learnt in short trials: reconstruction first, then a rising identity weight, the
// discriminator last; a narrow network that keeps 32 x 32 in the middle. The numbers of an identity
// vector of unit length are about 1/16, so the layers that take it learn 16 times too slowly for
// a run of hours: their weights moved from 0.036 to 0.06 in 5,000 steps, and no identity came.
#define OURS                                                                                       \
    "batch=16", "discriminator_options=width=32", "beta2=0.99", "alternate=false",                 \
        "style_rate=12", "rec_other=2.5", "rec_edge=5", "lambda_fm=5", "fm_first=4",               \
        "lambda_gp=0", "flip=true", "light=0.1", "colour=0.05"
static const train_recipe recipes[] = {
    {"simswap",
     &train_simswap,
     "SimSwap as in the paper: 224 px, two PatchGANs, hinge, weak feature matching, penalty",
     {NULL}},
    {"simswap-c",
     &train_simswap,
     "the published trainer of 2022: projected discriminator, lambda_id 30, no penalty",
     {"generator_options=variant=c", "discriminator=projected-d", "real=source", "scales=1",
      "batch=16", "steps=1000000", "beta2=0.99", "lambda_id=30", "lambda_gp=0", NULL}},
    {"simswap-ofm",
     &train_simswap,
     "ablation oFM: feature matching on every layer",
     {"fm_first=1", NULL}},
    {"simswap-nfm", &train_simswap, "ablation nFM: no feature matching", {"lambda_fm=0", NULL}},
    {"simswap-wfm-bar",
     &train_simswap,
     "ablation wFM-bar: feature matching on the first layers only",
     {"fm_first=1", "fm_last=2", NULL}},
    {"simswap-ofm-weak",
     &train_simswap,
     "ablation oFM-FM-: every layer, at half the weight",
     {"fm_first=1", "lambda_fm=5", NULL}},
    {"simswap-ofm-id",
     &train_simswap,
     "ablation oFM-id+: every layer, twice the identity weight",
     {"fm_first=1", "lambda_id=20", NULL}},
    {"simswap-wfm-id",
     &train_simswap,
     "ablation wFM-id+: weak feature matching, twice the identity weight",
     {"lambda_id=20", NULL}},
    {"simswap-128",
     &train_simswap,
     "our narrow SimSwap at 128 px for two cores: warm-up, rising identity, discriminator late",
     {OURS, "size=128", "steps=4200", "generator_options=width=24 depth=3 max_width=192 blocks=6",
      "ema=0.998", "same=0.35", "warmup=550", "lambda_id=15", "id_ramp=1200", "id_pool=2",
      "adv_from=2200", "adv_ramp=300", "d_lead=150", "shift=2", "decay=900", "sample_every=250",
      "save_every=200", "measure_every=500", NULL}},
    {"simswap-128-more",
     &train_simswap,
     "goes on from simswap-128 (start=, given=, form=): skips, held pose and gaze; our default",
     {OURS,
      "size=128",
      "steps=18700",
      "generator_options=width=24 depth=3 max_width=192 blocks=6 skips=1 window=true",
      "lr_d=2e-4",
      "ema=0.998",
      "same=0.4",
      "lambda_id=30",
      "lambda_away=110",
      "lambda_points=900",
      "lambda_form=35",
      "id_ramp=1200",
      "id_pool=2",
      "lambda_rec=15",
      "rec_eyes=40",
      "rec_mouth=12",
      "lambda_adv=1.5",
      "adv_from=250",
      "adv_ramp=300",
      "d_lead=250",
      "shift=2",
      "decay=2900",
      "settle=400",
      "sample_every=250",
      "save_every=200",
      "measure_every=500",
      NULL}},
    {"simswap-small",
     &train_simswap,
     "our narrow SimSwap at 256 px, 5 GMAC: the same with more steps; nobody ran it to its end",
     {OURS, "size=256", "steps=60000", "generator=simswap:small", "ema=0.999", "same=0.35",
      "warmup=1000", "lambda_id=15", "id_ramp=4000", "id_pool=4", "adv_from=10000", "adv_ramp=1000",
      "d_lead=500", "shift=4", "decay=10000", NULL}},
    {"simswap-toy",
     &train_simswap,
     "drawn faces (guise toy) at 32 px, without an adversary: seconds",
     {"size=32", "batch=4", "steps=1200",
      "generator_options=width=16 depth=1 max_width=32 blocks=1", "lr=4e-3", "beta1=0.5",
      "same=0.35", "alternate=false", "warmup=300", "lambda_id=2", "id_ramp=300", "style_rate=12",
      "rec_other=0.5", "rec_edge=10", "adv_from=-1", "decay=400", "sample_every=0", NULL}},
    {0}};

const train_system train_simswap = {
    .name = "simswap",
    .shared = true,
    .fields = fields,
    .options = sizeof(options),
    .recipes = recipes,
    .loss = loss_names,
    .gives = true,
    .state = sizeof(state),
    .check = check,
    .open = open,
    .close = close,
    .step = step,
};
