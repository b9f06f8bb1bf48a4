// styleswap.c -- StyleSwap's training (Xu et al. 2022, arXiv 2209.13514): the generator's step, its
// path length, then the discriminator's step and its R1.
//
// The paper's section on training could not be found: weights, ratio of same-person pairs and
// rates are those that spec/styleswap.md 5.4 recommends and nobody published; optimiser and
// regularisers are StyleGAN2's (Karras et al. 2020, by rosinality/stylegan2-pytorch, train.py). The
// discriminator judges the pictures of the generator's step, so one swap serves both. What the
// mask should be, a face parser says where its weights are given, else a soft oval around the
// target's landmarks.
#include "nn/style.h"
#include "train/label.h"
#include "train/losses.h"
#include "train/losses_styleswap.h"
#include "train/swap_losses.h"
#include <string.h>

typedef struct {
    const char *parser;
    double lambda_mask, lambda_fm, id_first, half_life, r1, path;
    int mask_from, fm_side, r1_every, path_every;
    train_swap_options swap;
} options;
_Static_assert(sizeof(options) <= TRAIN_OWN, "fits into train_options.own");

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"parser", 0, BASE_TEXT, AT(parser), NULL,
     "weights of the network parsing, which says what the mask should be, at 14 GMAC a photo; "
     "default: an oval around the landmarks"},
    {"lambda_mask", 0, BASE_REAL, AT(lambda_mask), "1", "weight of the mask's cross-entropy"},
    {"mask_from", 0, BASE_INT, AT(mask_from), "1024",
     "masks of this side and above learn the truth, and the last one in any case"},
    {"lambda_fm", 0, BASE_REAL, AT(lambda_fm), "10", "weight of feature matching; 0: none"},
    {"fm_side", 0, BASE_INT, AT(fm_side), "32", "features up to this side are matched"},
    {"id_first", 0, BASE_REAL, AT(id_first), "0",
     "weight of the identity loss in the first third; 0: as later"},
    {"half_life", 0, BASE_REAL, AT(half_life), "0",
     "photos after which the average has half forgotten, in place of ema; 0: ema"},
    {"r1", 0, BASE_REAL, AT(r1), "10", "gamma of R1; 0: none"},
    {"r1_every", 0, BASE_INT, AT(r1_every), "16", "R1 in every nth step, with n times the weight"},
    {"path", 0, BASE_REAL, AT(path), "0", "weight of the path length, 2 in StyleGAN2; 0: none"},
    {"path_every", 0, BASE_INT, AT(path_every), "4",
     "path length in every nth step, with n times the weight, on half the batch"},
    TRAIN_SWAP_FIELDS(options),
    {0}};

static guise_status check(const train_options *o, base_error *e)
{
    const options *own = (const void *)o->own;
    const train_bound bound[] = {{"mask_from", own->mask_from, 4, 1024},
                                 {"lambda_mask", own->lambda_mask, 0, 1e6},
                                 {"lambda_fm", own->lambda_fm, 0, 1e6},
                                 {"fm_side", own->fm_side, 4, 1024},
                                 {"id_first", own->id_first, 0, 1e6},
                                 {"half_life", own->half_life, 0, 1e9},
                                 {"r1", own->r1, 0, 1e6},
                                 {"r1_every", own->r1_every, 1, 1000},
                                 {"path", own->path, 0, 1e6},
                                 {"path_every", own->path_every, 1, 1000}};
    guise_status s = train_bounds(bound, sizeof bound / sizeof *bound, e);
    if (!s && strcmp(o->generator, "styleswap") != 0)
        s = base_fail(e, GUISE_BAD_ARGUMENT, "generator=%s: this system trains styleswap",
                      o->generator);
    if (!s && o->adv_from >= 0 && strcmp(o->discriminator, "stylegan2-d") != 0)
        s = base_fail(e, GUISE_BAD_ARGUMENT, "discriminator=%s: this system takes stylegan2-d",
                      o->discriminator);
    return s ? s : train_swap_check(o, &own->swap, e);
}

enum { ALL, ID, REC, ADV, FM, MASK, PATH, D, R1, AWAY, POINTS, FORM };
static const char *const loss_names[] = {"loss", "id", "rec",  "adv",    "fm",   "mask", "path",
                                         "d",    "r1", "away", "points", "form", NULL};

// Phases: the generator's four by what takes part, its path length, the discriminator's, its R1.
enum { WITH_ID = 1, WITH_D = 2, P_PATH = 4, P_D, P_R1 };

typedef struct {
    float *fake; // [n,3,s,s] -1..1
    train_swap_losses swap;
    float *share;     // [n] of each pair's reconstruction
    float *truth;     // [n,1,s,s] what the mask should be
    float *noise;     // [n / 2,3,s,s]
    float weight[3];  // now: identity, adversarial, feature matching
    float mean, next; // of path lengths, as the graph takes and gives it
    double kept;      // the same, as checkpoints keep it
    train_label label;
} state;

static const options *own_of(const train_work *w) { return (const void *)w->o->own; }
static tg_node *spread(tg_node *img) { return tg_affine(img, 2, -1); } // 0..1 -> -1..1

static void judge(const train_work *w, nn m, tg_node *img, model_stylegan2_verdict *v)
{
    model_stylegan2_d(m, img, w->network[1].options, v);
}

// Adversarial and feature matching terms; the target's features are constants.
static void add_verdict(train_work *w, tg_graph *g, tg_node *made, tg_node *target, tg_node **loss)
{
    model_stylegan2_verdict fake, real;
    nn m = nn_root(w->learner[1].params, g, true);
    judge(w, m, made, &fake);
    loss[ADV] = train_logistic_generator(fake.logit);
    if (own_of(w)->lambda_fm <= 0) return;
    judge(w, m, target, &real);
    int from = train_feature_at_most(w->o->size, own_of(w)->fm_side);
    loss[FM] = train_feature_matching(fake.feature, real.feature, from, fake.features - 1);
}

// Mean of w, moved by 0.005 a step as in NVlabs/stylegan2-ada-pytorch.
static void track(nn m, const model_styleswap_made *made)
{
    if (!made->w || !made->average) return;
    tg_shape row = TG_SHAPE(1, tg_dim(made->w, 1));
    tg_node *now = tg_reshape(tg_mean_to(tg_detach(made->w), row), tg_shape_of(made->average));
    now = tg_all_mean(now);
    nn_set_buffer(m, "latent_avg", tg_add(tg_scale(made->average, 0.995), tg_scale(now, 0.005)));
}

// Cross-entropy of the masks, each level's with the truth in its size: their mean.
static tg_node *mask_loss(const train_work *w, const model_styleswap_made *made, tg_node *truth)
{
    tg_node *sum = train_mask_loss(made->mask, truth);
    int n = 1;
    for (int i = 0; 8 << i <= w->o->size; i++) { // below the last
        int side = 4 << i, k = w->o->size / side;
        if (side < own_of(w)->mask_from) continue;
        tg_node *small = tg_avg_pool(truth, (tg_window){.kh = k, .kw = k, .stride = k});
        sum = tg_add(sum, train_mask_loss(made->level[i], small));
        n++;
    }
    return tg_scale(sum, 1.0 / n);
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
    tg_node *share = tg_input(g, TG_SHAPE(n, 1, 1, 1), "share");
    tg_node *truth = tg_input(g, TG_SHAPE(n, 1, size, size), "truth");
    tg_node *lambda[3] = {tg_input(g, TG_SHAPE(1), "lambda_id"),
                          tg_input(g, TG_SHAPE(1), "lambda_adv"),
                          tg_input(g, TG_SHAPE(1), "lambda_fm")};
    model_styleswap_made made;
    nn m = nn_root(w->learner[0].params, g, true);
    model_styleswap_of(m, target, in.given, w->network[0].options, &made);
    track(m, &made);
    p->loss[REC] = train_reconstruction_loss(made.out, spread(target), tg_mul(weight, share));
    tg_node *sum = tg_reshape(p->loss[REC], TG_SHAPE(1));
    if (made.mask) {
        p->loss[MASK] = mask_loss(w, &made, truth);
        sum = tg_add(sum, tg_scale(p->loss[MASK], own_of(w)->lambda_mask));
    }
    sum = train_swap_add(sum, &own->swap, w, &in, tg_affine(made.out, 0.5, 0.5), target,
                         with & WITH_ID ? lambda[0] : NULL, &p->loss[ID], &p->loss[AWAY]);
    if (with & WITH_D) {
        add_verdict(w, g, made.out, spread(target), p->loss);
        sum = tg_add(sum, tg_mul(p->loss[ADV], lambda[1]));
        if (p->loss[FM]) sum = tg_add(sum, tg_mul(p->loss[FM], lambda[2]));
    }
    p->total = p->loss[ALL] = sum;
    const train_tie tie[] = {TRAIN_SWAP_TIES(w, in),
                             {target, w->batch.target, false},
                             {weight, w->batch.weight, false},
                             {share, own->share, false},
                             {truth, own->truth, false},
                             {lambda[0], &own->weight[0], false},
                             {lambda[1], &own->weight[1], false},
                             {lambda[2], &own->weight[2], false},
                             {made.out, own->fake, true}};
    return train_phase_open(w, p, tie, sizeof tie / sizeof *tie, e);
}

static int half(const train_work *w) { return w->rows > 1 ? w->rows / 2 : 1; }

static guise_status plan_path(train_work *w, base_error *e)
{
    state *own = w->own;
    train_phase *p = &w->phase[P_PATH];
    *p = (train_phase){.name = "path length", .run.graph = train_work_graph(w)};
    if (!p->run.graph) return base_no_memory(e);
    tg_graph *g = p->run.graph;
    int n = half(w), size = w->o->size, layers = 0;
    for (int side = 4; side <= size; side *= 2) layers += 2;
    const model_styleswap_options *o = w->network[0].options;
    tg_shape picture = TG_SHAPE(n, 3, size, size);
    tg_node *target = tg_input(g, picture, "target"), *noise = tg_input(g, picture, "noise");
    tg_node *given = tg_input(g, TG_SHAPE(n, w->batch.length), "given");
    tg_node *mean = tg_input(g, (tg_shape){0}, "mean");
    nn m = nn_root(w->learner[0].params, g, false);
    tg_node *latents = nn_latents(model_styleswap_identity(m, given, o), layers);
    model_styleswap_made made;
    train_path path;
    model_styleswap(m, spread(target), latents, o, NULL, &made);
    train_path_length(made.out, latents, noise, mean, &path);
    p->loss[PATH] = path.penalty;
    p->total = tg_scale(path.penalty, own_of(w)->path * own_of(w)->path_every);
    const train_tie tie[] = {{target, w->batch.target, false},
                             {given, w->batch.given, false},
                             {noise, own->noise, false},
                             {mean, &own->mean, false},
                             {path.mean, &own->next, true}};
    return train_phase_open(w, p, tie, sizeof tie / sizeof *tie, e);
}

static guise_status plan_d(train_work *w, base_error *e)
{
    state *own = w->own;
    train_phase *p = &w->phase[P_D];
    *p =
        (train_phase){.name = "discriminator step", .network = 1, .run.graph = train_work_graph(w)};
    if (!p->run.graph) return base_no_memory(e);
    model_stylegan2_verdict of_real, of_fake;
    nn m = nn_root(w->learner[1].params, p->run.graph, true);
    tg_node *real = train_work_image(w, p->run.graph, "real");
    tg_node *fake = train_work_image(w, p->run.graph, "fake");
    judge(w, m, spread(real), &of_real);
    judge(w, m, fake, &of_fake);
    p->total = p->loss[D] = train_logistic_discriminator(of_real.logit, of_fake.logit);
    const train_tie tie[] = {{real, w->batch.target, false}, {fake, own->fake, false}};
    return train_phase_open(w, p, tie, sizeof tie / sizeof *tie, e);
}

static guise_status plan_r1(train_work *w, base_error *e)
{
    train_phase *p = &w->phase[P_R1];
    *p = (train_phase){.name = "R1", .network = 1, .run.graph = train_work_graph(w)};
    if (!p->run.graph) return base_no_memory(e);
    model_stylegan2_verdict v;
    tg_node *real = train_work_image(w, p->run.graph, "real"), *x = spread(real);
    judge(w, nn_root(w->learner[1].params, p->run.graph, true), x, &v);
    p->loss[R1] = train_r1(v.logit, x);
    p->total = tg_scale(p->loss[R1], own_of(w)->r1 / 2 * own_of(w)->r1_every);
    const train_tie tie[] = {{real, w->batch.target, false}};
    return train_phase_open(w, p, tie, 1, e);
}

static void build_generator(train_work *w, nn m)
{
    model_styleswap_made made;
    tg_node *id = tg_input(m.graph, TG_SHAPE(w->rows, w->batch.length), "id");
    model_styleswap_of(m, train_work_image(w, m.graph, "img"), id, w->network[0].options, &made);
}

static void build_discriminator(train_work *w, nn m)
{
    model_stylegan2_verdict v;
    judge(w, m, train_work_image(w, m.graph, "img"), &v);
}

static guise_status open(train_work *w, base_error *e)
{
    state *own = w->own;
    size_t n = (size_t)w->rows, area = (size_t)w->o->size * (size_t)w->o->size;
    own->fake = tg_floats(w->device, n * 3 * area);
    own->share = base_alloc(n, sizeof *own->share);
    own->truth = base_alloc(n * area, sizeof *own->truth);
    own->noise = base_alloc((size_t)half(w) * 3 * area, sizeof *own->noise);
    w->kept[0] = (train_kept){"path_mean", &own->kept, 1};
    guise_status s =
        own->fake && own->share && own->truth && own->noise ? GUISE_OK : base_no_memory(e);
    const char *parser = own_of(w)->parser;
    if (!s && own_of(w)->path > 0) s = train_check_half(w, e);
    if (!s && parser && *parser) s = train_label_open(&own->label, parser, e);
    if (!s) s = train_swap_losses_open(&own->swap, w->o, &own_of(w)->swap, e);
    bool average = w->o->ema > 0 || own_of(w)->half_life > 0;
    if (!s) s = train_work_learn(w, 0, build_generator, average, e);
    if (!s && w->o->adv_from >= 0) s = train_work_learn(w, 1, build_discriminator, false, e);
    return s;
}

static void close(train_work *w)
{
    state *own = w->own;
    tg_floats_free(w->device, own->fake);
    base_free(own->share);
    base_free(own->truth);
    base_free(own->noise);
    train_label_close(&own->label);
    train_swap_losses_close(&own->swap);
}

// The reconstruction of same-person pairs is their mean, however many a batch has; of all pairs in
// the warm-up.
static void fill_share(train_work *w, int step)
{
    state *own = w->own;
    const train_batch *b = &w->batch;
    bool all = step <= w->o->warmup;
    for (int i = 0; i < b->n; i++)
        own->share[i] = all || b->same[i] <= 0 ? 1 : (float)((double)b->all / b->all_same);
}

static guise_status fill_truth(train_work *w, base_error *e)
{
    state *own = w->own;
    const train_batch *b = &w->batch;
    size_t area = (size_t)b->side * (size_t)b->side;
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < (size_t)b->n; i++)
        if (own->label.plan)
            s = train_label_mask(&own->label, b->target + 3 * i * area, b->side,
                                 own->truth + i * area, e);
        else
            face_oval_mask(b->point + i * FACE_POINTS, b->side, 0, own->truth + i * area);
    return s;
}

// The lazily regularised network's step of Adam, and of its average.
static void move(train_work *w, int network, double lr, bool averages)
{
    const options *own = own_of(w);
    const train_options *o = w->o;
    train_learner *l = &w->learner[network];
    double weight = network ? own->r1 : own->path;
    int every = network ? own->r1_every : own->path_every;
    nn_adam adam = {lr, o->beta1, o->beta2, o->eps};
    if (weight > 0) adam = train_lazy_adam(adam, every);
    double ema = own->half_life > 0 ? train_average_decay(o->batch, own->half_life) : o->ema;
    train_learner_step(l, adam, averages ? ema : -1);
}

static guise_status step_path(train_work *w, base_rng *r, double *value, base_error *e)
{
    state *own = w->own;
    train_phase *p = &w->phase[P_PATH];
    guise_status s = p->run.plan ? GUISE_OK : plan_path(w, e);
    size_t n = 3 * (size_t)w->o->size * (size_t)w->o->size;
    train_draw_rows(w, own->noise, half(w) * base_team_size(w->team), n, r);
    own->mean = (float)own->kept;
    if (!s) s = train_phase_run(w, p, value, e);
    if (s) return s;
    own->kept = (double)own->next;
    move(w, 0, w->rates.lr, false); // the average moves once a batch
    return GUISE_OK;
}

static guise_status step_d(train_work *w, int step, double *value, base_error *e)
{
    const options *own = own_of(w);
    train_phase *p = &w->phase[P_D];
    guise_status s = p->run.plan ? GUISE_OK : plan_d(w, e);
    if (!s) s = train_phase_run(w, p, value, e);
    if (s) return s;
    move(w, 1, w->rates.lr_d, true);
    if (own->r1 <= 0 || step % own->r1_every) return GUISE_OK;
    p = &w->phase[P_R1];
    if (!p->run.plan) s = plan_r1(w, e);
    if (!s) s = train_phase_run(w, p, value, e);
    if (!s) move(w, 1, w->rates.lr_d, true);
    return s;
}

static guise_status step(train_work *w, int step, base_rng *r, double value[TRAIN_LOSSES],
                         base_error *e)
{
    const train_options *o = w->o;
    const options *mine = own_of(w);
    state *own = w->own;
    bool first = mine->id_first > 0 && (int64_t)step * 3 <= o->steps;
    own->weight[0] = (float)(first && w->rates.id > 0 ? mine->id_first : w->rates.id);
    own->weight[1] = (float)(o->lambda_adv * w->rates.adv);
    own->weight[2] = (float)(mine->lambda_fm * w->rates.adv);
    bool judged = own->weight[1] > 0 || own->weight[2] > 0;
    int with = (own->weight[0] > 0 ? WITH_ID : 0) | (judged ? WITH_D : 0);
    train_phase *p = &w->phase[with];
    fill_share(w, step);
    guise_status s = fill_truth(w, e);
    if (!s && !p->run.plan) s = plan_g(w, with, e);
    if (!s) s = train_phase_run(w, p, value, e);
    if (s) return s;
    move(w, 0, w->rates.lr, true);
    if (mine->path > 0 && step % mine->path_every == 0) s = step_path(w, r, value, e);
    if (!s && o->adv_from >= 0 && step > o->adv_from - o->d_lead) s = step_d(w, step, value, e);
    return s;
}

// Of all recipes but the last: rates, averages and regularisers of StyleGAN2; R1 of its preset for
// 256 pixels; weights as spec/styleswap.md 5.4 recommends.
#define STYLEGAN2                                                                                  \
    "generator=styleswap", "discriminator=stylegan2-d", "size=256", "batch=8", "lr=2e-3",          \
        "lr_d=2e-3", "beta1=0", "beta2=0.99", "half_life=10000", "same=0.25", "alternate=false",   \
        "id_first=20", "lambda_id=10", "lambda_rec=10", "r1=1"

// For 64 pixels on two cores: small networks whose identity layers learn like all others (8 layers
// at a hundredth of the rate want days), and what SimSwap's recipe for two cores learnt:
// reconstruction first, then a rising identity weight, the discriminator last. The rate is higher
// than StyleGAN2's, as short runs need: weights of N(0,1) move by 0.004 of their size a step. The
// numbers are those that the run of doc/networks.md ended with; it had found them on its way.
// Reconstruction would let the attributes of side 32 through and leave identity nothing but
// colours, so the mask that guards them learns where the face is, too.
#define SMALL_64                                                                                   \
    "generator=styleswap",                                                                         \
        "generator_options=variant=p channels=128,128,128,64,32 style=256 mapping=2 lr_mapping=1", \
        "discriminator=stylegan2-d", "discriminator_options=channels=128,128,96,64,32", "size=64", \
        "batch=16", "beta1=0", "beta2=0.99", "ema=0.998", "same=0.3", "alternate=false",           \
        "id_ramp=200", "lambda_rec=3", "rec_other=0.8", "rec_edge=1", "lambda_mask=3",             \
        "mask_from=32", "lambda_adv=2", "lambda_fm=5", "fm_side=16", "flip=true", "shift=2",       \
        "light=0.1", "colour=0.05", "sample_every=250", "save_every=200", "measure_every=200"

static const train_recipe recipes[] = {
    {"styleswap",
     &train_styleswap,
     "StyleSwap as in the paper, at StyleGAN2's own width: 256 px; weights recommended by us",
     {STYLEGAN2, "generator_options=variant=p multiplier=2 narrow=1", "path=2", NULL}},
    {"styleswap-r",
     &train_styleswap,
     "the network of StyleSwap's released code: 256 px; weights recommended by us",
     {STYLEGAN2, "generator_options=variant=r multiplier=1 narrow=0.5 strength=1",
      "discriminator_options=multiplier=1 narrow=0.5", "path=2", NULL}},
    {"styleswap-small",
     &train_styleswap,
     "StyleSwap in the width of the released code: 256 px, less than 6 GMAC",
     {STYLEGAN2, "generator_options=variant=p multiplier=1 narrow=0.5",
      "discriminator_options=multiplier=1 narrow=0.5", "path=2", NULL}},
    {"styleswap-64",
     &train_styleswap,
     "our narrow StyleSwap at 64 px for two cores: warm-up, rising identity, discriminator late",
     {SMALL_64, "steps=4200", "lr=4e-3", "lr_d=2e-3", "warmup=250", "lambda_id=15", "adv_from=2700",
      "adv_ramp=200", "d_lead=100", "decay=300", NULL}},
    {"styleswap-64-more",
     &train_styleswap,
     "goes on from styleswap-64 (start=, given=): nothing of the target, held pose; ours in "
     "weights/",
     {SMALL_64, "steps=3600", "lr=2e-3", "lr_d=1e-3", "lambda_id=20", "lambda_away=70",
      "lambda_points=400", "rec_eyes=8", "rec_mouth=3", "adv_from=150", "adv_ramp=150",
      "d_lead=120", "decay=1200", NULL}},
    {"styleswap-toy",
     &train_styleswap,
     "drawn faces (guise toy) at 32 px, without an adversary: seconds",
     {"generator=styleswap",
      "generator_options=variant=p channels=48,48,32,16 style=48 mapping=2 lr_mapping=1",
      "discriminator=stylegan2-d",
      "size=32",
      "batch=8",
      "steps=600",
      "lr=8e-3",
      "beta1=0",
      "beta2=0.99",
      "ema=0.998",
      "same=0.3",
      "alternate=false",
      "warmup=150",
      "lambda_id=2",
      "id_ramp=150",
      "lambda_rec=3",
      "rec_other=0.2",
      "rec_edge=1",
      "adv_from=-1",
      "decay=200",
      "sample_every=0",
      NULL}},
    {0}};

const train_system train_styleswap = {
    .name = "styleswap",
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
