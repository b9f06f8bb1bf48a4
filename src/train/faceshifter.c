// faceshifter.c -- FaceShifter's first stage: AEI-Net against a multi-scale discriminator, with a
// watch on its attributes.
//
// Sources: Li et al. 2020 (arXiv 1912.13457): losses and their weights 1, 10, 5, 10, different
// people in 80 % of pairs, the reconstruction of pairs of one photo. Its code was never released;
// Adam's numbers, the hinge and the source as what is real are those that the open implementations
// share (spec/faceshifter.md 1.7, 1.8). Where they differ from all of these, recipes say so.
#include "train/collapse.h"
#include "train/losses.h"
#include "train/losses_faceshifter.h"
#include "train/swap_losses.h"
#include <string.h>

typedef struct {
    double lambda_att;
    bool attached;
    const char *adversarial, *real, *rec;
    train_swap_options swap;
} options;
_Static_assert(sizeof(options) <= TRAIN_OWN, "fits into train_options.own");

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"lambda_att", 0, BASE_REAL, AT(lambda_att), "10", "weight of the attribute loss"},
    {"attached", 0, BASE_FLAG, AT(attached), NULL,
     "the attribute loss also pulls the target's attributes, as the published code does; they may "
     "shrink to nothing"},
    {"adversarial", 0, BASE_TEXT, AT(adversarial), "hinge",
     "hinge (cut for the generator too, summed over scales) or linear (mean over scales)"},
    {"real", 0, BASE_TEXT, AT(real), "source",
     "photos that are real to the discriminator: target or source"},
    {"rec", 0, BASE_TEXT, AT(rec), "l2",
     "reconstruction by half the squared error (l2, the paper's) or the absolute one (l1)"},
    TRAIN_SWAP_FIELDS(options),
    {0}};

static guise_status one_of(const char *key, const char *value, const char *a, const char *b,
                           base_error *e)
{
    if (!strcmp(value, a) || !strcmp(value, b)) return GUISE_OK;
    return base_fail(e, GUISE_BAD_ARGUMENT, "%s=%s: say %s or %s", key, value, a, b);
}

static guise_status check(const train_options *o, base_error *e)
{
    const options *own = (const void *)o->own;
    const train_bound bound[] = {{"lambda_att", own->lambda_att, 0, 1e6}};
    guise_status s = train_bounds(bound, sizeof bound / sizeof *bound, e);
    if (!s) s = one_of("adversarial", own->adversarial, "hinge", "linear", e);
    if (!s) s = one_of("real", own->real, "target", "source", e);
    if (!s) s = one_of("rec", own->rec, "l2", "l1", e);
    return s ? s : train_swap_check(o, &own->swap, e);
}

enum {
    ALL,
    ADV,
    ATT,
    ID,
    REC,
    KEEP,
    D,
    AWAY,
    POINTS,
    FORM,
    NORM
}; // NORM, NORM + 1...: of each level
_Static_assert(NORM + MODEL_AEI_LEVELS <= TRAIN_LOSSES, "a column for each level");
static const char *const loss_names[] = {"loss",  "adv",    "att",    "id",    "rec",   "keep",
                                         "d",     "away",   "points", "form",  "norm1", "norm2",
                                         "norm3", "norm4",  "norm5",  "norm6", "norm7", "norm8",
                                         "norm9", "norm10", NULL};

// Phases: the generator's four by what takes part, then the discriminator's.
enum { WITH_ID = 1, WITH_D = 2, OF_D = 4 };

typedef struct {
    float *fake;     // [batch,3,size,size] in the network's range
    float *same;     // [batch] whose reconstruction counts: all in the warm-up
    float *keep;     // [batch,1,size,size] weights of the others' (rec_other and so on)
    float weight[2]; // now: identity, adversarial
    float spread[MODEL_AEI_LEVELS];
    int levels;
    train_collapse watch;
    train_swap_losses swap;
} state;

static const model_aei_options *aei(const train_work *w) { return w->network[0].options; }

// RGB 0..1 and the range of the network's pictures.
static bool unit_range(const train_work *w)
{
    return aei(w)->form && !strcmp(aei(w)->form, "mindslab");
}
static tg_node *to_net(const train_work *w, tg_node *x)
{
    return unit_range(w) ? x : tg_affine(x, 2, -1);
}
static tg_node *from_net(const train_work *w, tg_node *x)
{
    return unit_range(w) ? x : tg_affine(x, 0.5, 0.5);
}

static int judge(train_work *w, tg_graph *g, tg_node *img, bool update,
                 tg_node *logit[MODEL_MULTISCALE_MOST])
{
    nn m = nn_root(w->learner[1].params, g, true);
    m.no_update = !update;
    return model_multiscale(m, img, w->network[1].options, logit, NULL);
}

static tg_node *reconstruction(const options *o, tg_node *made, tg_node *target, tg_node *same)
{
    if (!strcmp(o->rec, "l2")) return train_same_loss(made, target, same, false);
    tg_node *sum = tg_sum(same); // as ReliableSwap has it, over those that are the same
    tg_node *share = tg_scale(sum, same ? 1.0 / (double)tg_dim(same, 0) : 1);
    return tg_div(train_reconstruction_loss(made, target, same),
                  tg_shift(tg_all_mean(share), 1e-6));
}

static tg_node *plus(tg_node *sum, tg_node *x, double weight)
{
    return tg_add(sum, tg_scale(x, weight));
}

// What the discriminator says of made, as the generator's loss.
static tg_node *adversarial(train_work *w, tg_graph *g, tg_node *made)
{
    const options *o = (const void *)w->o->own;
    tg_node *logit[MODEL_MULTISCALE_MOST];
    int scales = judge(w, g, made, false, logit);
    if (!scales) return NULL;
    if (!strcmp(o->adversarial, "linear")) return train_hinge_generator(logit, scales);
    return tg_scale(train_hinge_real(logit, scales), scales);
}

// Is there something of the target to keep beside the reconstruction of same pairs?
static bool keeps(const train_options *o)
{
    return o->rec_other > 0 || o->rec_edge > 0 || o->rec_eyes > 0 || o->rec_mouth > 0;
}

// Losses that always take part, from AEI-Net's pass over the batch.
static void build_losses(train_work *w, train_phase *p, const train_aei_pass *pass, tg_node *target,
                         tg_node *same, tg_node *keep)
{
    const options *o = (const void *)w->o->own;
    tg_node *norm = train_attribute_norms(pass->target_att, pass->levels);
    for (int k = 0; k < pass->levels; k++) p->loss[NORM + k] = tg_slice(norm, 0, k, 1);
    p->loss[ATT] =
        train_attribute_loss(pass->made_att, pass->target_att, pass->levels, o->attached, NULL);
    p->loss[REC] = reconstruction(o, pass->made, target, same);
    p->total = plus(tg_scale(p->loss[ATT], o->lambda_att), p->loss[REC], w->o->lambda_rec);
    if (!keeps(w->o)) return;
    p->loss[KEEP] = train_reconstruction_loss(from_net(w, pass->made), from_net(w, target), keep);
    p->total = tg_add(p->total, p->loss[KEEP]);
}

static guise_status plan_g(train_work *w, int with, base_error *e)
{
    state *own = w->own;
    train_phase *p = &w->phase[with];
    *p = (train_phase){.name = "generator step", .run.graph = train_work_graph(w)};
    if (!p->run.graph) return base_no_memory(e);
    tg_graph *g = p->run.graph;
    int n = w->rows, size = w->o->size;
    tg_node *photo = train_work_image(w, g, "target");
    tg_node *same = tg_input(g, TG_SHAPE(n), "same");
    tg_node *keep = tg_input(g, TG_SHAPE(n, 1, size, size), "keep");
    tg_node *lambda[2] = {tg_input(g, TG_SHAPE(1), "lambda_id"),
                          tg_input(g, TG_SHAPE(1), "lambda_adv")};
    tg_node *target = to_net(w, photo);
    train_swap_inputs in;
    train_swap_inputs_of(&in, w, g);
    train_aei_pass pass;
    train_aei_run(train_root(w, g), aei(w), target, in.given, &pass);
    if (!pass.levels) return tg_check(g, GUISE_BAD_ARGUMENT, e);
    build_losses(w, p, &pass, target, same, keep);
    p->total = train_swap_add(tg_reshape(p->total, TG_SHAPE(1)), &own->swap, w, &in,
                              from_net(w, pass.made), photo, with & WITH_ID ? lambda[0] : NULL,
                              &p->loss[ID], &p->loss[AWAY]);
    if (with & WITH_D) {
        p->loss[ADV] = adversarial(w, g, pass.made);
        p->total = tg_add(p->total, tg_mul(p->loss[ADV], lambda[1]));
    }
    p->loss[ALL] = p->total;
    own->levels = pass.levels;
    const train_tie tie[] = {
        TRAIN_SWAP_TIES(w, in),
        {photo, w->batch.target, false},
        {same, own->same, false},
        {keep, own->keep, false},
        {lambda[0], &own->weight[0], false},
        {lambda[1], &own->weight[1], false},
        {pass.made, own->fake, true},
        {train_attribute_spreads(pass.target_att, pass.levels), own->spread, true}};
    return train_phase_open(w, p, tie, sizeof tie / sizeof *tie, e);
}

static guise_status plan_d(train_work *w, base_error *e)
{
    const options *o = (const void *)w->o->own;
    state *own = w->own;
    train_phase *p = &w->phase[OF_D];
    *p =
        (train_phase){.name = "discriminator step", .network = 1, .run.graph = train_work_graph(w)};
    if (!p->run.graph) return base_no_memory(e);
    tg_graph *g = p->run.graph;
    tg_node *real[MODEL_MULTISCALE_MOST], *fake[MODEL_MULTISCALE_MOST];
    tg_node *photo = train_work_image(w, g, "real"), *made = train_work_image(w, g, "fake");
    int scales = judge(w, g, to_net(w, photo), true, real);
    if (judge(w, g, made, true, fake) != scales || !scales)
        return tg_check(g, GUISE_BAD_ARGUMENT, e);
    train_faceshifter_options form = {.adversarial = o->adversarial};
    p->total = p->loss[D] = train_faceshifter_discriminator(real, fake, scales, &form);
    float *from = w->batch.sources ? w->batch.source : w->batch.target;
    return train_phase_open(w, p, (train_tie[]){{photo, from, false}, {made, own->fake, false}}, 2,
                            e);
}

static void build_generator(train_work *w, nn m)
{
    tg_node *id = tg_input(m.graph, TG_SHAPE(w->rows, w->batch.length), "id");
    train_generate(&w->network[0], m, train_work_image(w, m.graph, "img"), id);
}

static void build_discriminator(train_work *w, nn m)
{
    tg_node *logit[MODEL_MULTISCALE_MOST], *img = train_work_image(w, m.graph, "img");
    model_multiscale(m, img, w->network[1].options, logit, NULL);
}

// The options of a network are read as those of the one that must be there.
static guise_status want(const train_network *n, const char *what, const char *name, base_error *e)
{
    if (!strcmp(n->net->name, name)) return GUISE_OK;
    return base_fail(e, GUISE_BAD_ARGUMENT, "faceshifter takes %s=%s, not %s", what, name,
                     n->net->name);
}

static guise_status open(train_work *w, base_error *e)
{
    const train_options *o = w->o;
    state *own = w->own;
    size_t n = (size_t)w->rows, area = (size_t)o->size * (size_t)o->size;
    guise_status s = want(&w->network[0], "generator", "aei", e);
    if (!s && o->adv_from >= 0) s = want(&w->network[1], "discriminator", "multiscale-d", e);
    if (s) return s;
    const options *mine = (const void *)o->own;
    w->batch.sources = o->adv_from >= 0 && !strcmp(mine->real, "source");
    w->kept[0] = (train_kept){"collapse.steps", &own->watch.steps, 1};
    w->kept[1] = (train_kept){"collapse.first", own->watch.first, MODEL_AEI_LEVELS};
    w->kept[2] = (train_kept){"collapse.now", own->watch.now, MODEL_AEI_LEVELS};
    own->fake = tg_floats(w->device, n * 3 * area);
    own->same = base_alloc(n, sizeof *own->same);
    own->keep = base_alloc(n * area, sizeof *own->keep);
    s = own->fake && own->same && own->keep ? GUISE_OK : base_no_memory(e);
    if (!s) s = train_swap_losses_open(&own->swap, o, &mine->swap, e);
    if (!s) s = train_work_learn(w, 0, build_generator, o->ema > 0, e);
    if (s || o->adv_from < 0) return s;
    return train_work_learn(w, 1, build_discriminator, false, e);
}

static void close(train_work *w)
{
    state *own = w->own;
    tg_floats_free(w->device, own->fake);
    base_free(own->same);
    base_free(own->keep);
    train_swap_losses_close(&own->swap);
}

// Which pairs are to be reconstructed, and how much is kept besides.
static void weigh(train_work *w, int step)
{
    state *own = w->own;
    size_t area = (size_t)w->o->size * (size_t)w->o->size;
    for (size_t i = 0; i < (size_t)w->rows; i++) {
        own->same[i] = step <= w->o->warmup ? 1 : w->batch.same[i];
        float counted = own->same[i] > 0 ? (float)w->o->lambda_rec : 0; // by the reconstruction
        for (size_t k = i * area; k < (i + 1) * area; k++)
            own->keep[k] = w->batch.weight[k] - counted;
    }
    own->weight[0] = (float)w->rates.id;
    own->weight[1] = (float)(w->o->lambda_adv * w->rates.adv);
}

static guise_status step_d(train_work *w, double *value, base_error *e)
{
    train_phase *p = &w->phase[OF_D];
    guise_status s = p->run.plan ? GUISE_OK : plan_d(w, e);
    if (!s) s = train_phase_run(w, p, value, e);
    if (!s) train_work_move(w, 1, w->rates.lr_d);
    return s;
}

static guise_status step(train_work *w, int step, base_rng *r, double value[TRAIN_LOSSES],
                         base_error *e)
{
    (void)r;
    const train_options *o = w->o;
    state *own = w->own;
    weigh(w, step);
    int with = (own->weight[0] > 0 ? WITH_ID : 0) | (own->weight[1] > 0 ? WITH_D : 0);
    train_phase *p = &w->phase[with];
    guise_status s = p->run.plan ? GUISE_OK : plan_g(w, with, e);
    if (!s) s = train_phase_run(w, p, value, e);
    if (!s) s = train_collapse_watch(&own->watch, own->spread, own->levels, e);
    if (s) return s;
    train_work_move(w, 0, w->rates.lr);
    return o->adv_from >= 0 && step > o->adv_from - o->d_lead ? step_d(w, value, e) : GUISE_OK;
}

// The paper's numbers. Its batch (four GPUs with 8 pairs each) is recalled, not verified; 500,000
// steps are quoted from it by users.
#define PAPER                                                                                      \
    "generator=aei", "discriminator=multiscale-d", "size=256", "batch=32", "steps=500000",         \
        "lambda_id=5", "same=0.2", "same_photo=true", "alternate=false"

// Ours, recommended by nobody else; what differs from the paper was learnt in short trials on two
// cores. Faces need no warm-up: a mask that has learnt to look at attributes alone unlearns it
// slowly. Absolute errors keep small pictures sharp. The layers that take a unit vector begin at
// 0.001 and learn too slowly for a run of an hour (simswap.c).
#define SMALL_SIZES                                                                                \
    PAPER, "lr=6e-4", "beta2=0.99", "ema=0.998", "same=0.25", "warmup=250", "lambda_id=15",        \
        "id_ramp=300", "style_rate=12", "rec=l1", "adv_ramp=200", "d_lead=100", "flip=true",       \
        "shift=2", "light=0.1", "colour=0.05", "decay=700", "log_every=50", "sample_every=300",    \
        "save_every=150", "measure_every=300"

static const train_recipe recipes[] = {
    {"faceshifter",
     &train_faceshifter,
     "FaceShifter's AEI-Net as in the paper: 256 px, weights 1 10 5 10, 20 % same-photo pairs",
     {PAPER, NULL}},
    {"faceshifter-ghost",
     &train_faceshifter,
     "ghost's published trainer: lambda_id 20, batch 16, another photo of the same person",
     {PAPER, "discriminator_options=layers=5", "batch=16", "lambda_id=20", "same_photo=false",
      NULL}},
    {"faceshifter-small",
     &train_faceshifter,
     "our AEI-Net of 4 GMAC at 256 px: half the channels, one AAD layer a block",
     {PAPER, "generator=aei:small", "discriminator_options=width=32", "batch=16", "style_rate=12",
      "ema=0.999", NULL}},
    {"faceshifter-128",
     &train_faceshifter,
     "our AEI-Net at 128 px for two cores, hours: fast identity layers, the discriminator late",
     {SMALL_SIZES, "size=128", "batch=16", "steps=9000", "id_pool=2",
      "generator_options=width=16 max_width=256 blocks=1",
      "discriminator_options=width=24 layers=4", "adv_from=6000", NULL}},
    {"faceshifter-64",
     &train_faceshifter,
     "the same at 64 px: half an hour of two cores",
     {SMALL_SIZES, "size=64", "batch=8", "steps=3800",
      "generator_options=width=16 max_width=192 depth=4 blocks=1",
      "discriminator_options=width=16 layers=3", "adv_from=3000", NULL}},
    {"faceshifter-64-more",
     &train_faceshifter,
     "goes on from faceshifter-64 (start=, given=): nothing of the target, held pose; ours in "
     "weights/",
     {SMALL_SIZES,
      "size=64",
      "batch=8",
      "steps=9000",
      "decay=2500",
      "generator_options=width=16 max_width=192 depth=4 blocks=1",
      "discriminator_options=width=16 layers=3",
      "lr=5e-4",
      "warmup=0",
      "id_ramp=200",
      "lambda_id=20",
      "lambda_away=80",
      "lambda_points=400",
      "rec_other=1",
      "rec_edge=4",
      "rec_eyes=15",
      "rec_mouth=5",
      "adv_from=150",
      "adv_ramp=150",
      "d_lead=120",
      NULL}},
    {"faceshifter-toy",
     &train_faceshifter,
     "drawn faces (guise toy) at 32 px, without an adversary: seconds",
     {PAPER, "size=32", "batch=4", "steps=1200",
      "generator_options=width=8 depth=3 max_width=64 blocks=1", "lr=4e-3", "beta1=0.5",
      "style_rate=12", "rec=l1", "adv_from=-1", "decay=400", "sample_every=0", NULL}},
    {0}};

const train_system train_faceshifter = {
    .name = "faceshifter",
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
