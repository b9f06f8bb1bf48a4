// smooth_embedder.c -- training of Smooth-Swap's identity embedder: batches of people with several
// photos each, the supervised contrastive loss; measured on people held out.
//
// Sources: Kim et al. 2022 (arXiv 2112.05907) for network and loss; Khosla et al. 2020
// (arXiv 2004.11362) for the loss. What the paper's readers do not know is recommended in
// spec/smoothswap.md 2.3 and 11, and nobody published it: temperature 0.07, two photos of each
// person, SGD with momentum 0.9, rate 0.05 at 256 photos, falling as a cosine, decay of weights
// 1e-4 (HobbitLong/SupContrast), 110,000 steps (the step in the name of usingcolor/LatentSwap's
// file). The paper's crops are aligned as FFHQ; here as all crops are, by template arcface, so that
// the result serves wherever a recogniser of that family does.
#include "model/smoothswap.h"
#include "train/embedding.h"
#include "train/losses.h"
#include "train/losses_smoothswap.h"
#include "train/smoothness.h"
#include "train/spoil.h"
#include "train/system.h"
#include <math.h>
#include <string.h>

typedef struct {
    const char *optimiser;
    double tau, momentum, weight_decay, lambda_teach, between, spoil;
    int each, lr_warmup;
    bool cosine;
} options;
_Static_assert(sizeof(options) <= TRAIN_OWN, "fits into train_options.own");

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"optimiser", 0, BASE_TEXT, AT(optimiser), "sgd", "sgd, with momentum, or adam"},
    {"tau", 0, BASE_REAL, AT(tau), "0.07", "temperature of the contrastive loss"},
    {"momentum", 0, BASE_REAL, AT(momentum), "0.9", "of sgd"},
    {"weight_decay", 0, BASE_REAL, AT(weight_decay), "1e-4",
     "sgd: times the weights, to the slope"},
    {"each", 0, BASE_INT, AT(each), "2", "photos of each person in a batch"},
    {"lr_warmup", 0, BASE_INT, AT(lr_warmup), "0", "steps in which the learning rate rises"},
    {"lambda_teach", 0, BASE_REAL, AT(lambda_teach), "0",
     "weight of the imitation of a recogniser, whose vectors' length is then ours; 0: none"},
    {"between", 0, BASE_REAL, AT(between), "0",
     "share of faces that are two people's mixture, with a vector between theirs"},
    {"spoil", 0, BASE_REAL, AT(spoil), "0",
     "how often photos are made worse (light, blur, noise, something in front), 0 to 4"},
    {"cosine", 0, BASE_FLAG, AT(cosine), "true", "the learning rate falls to zero as a cosine"},
    {0}};

static bool taught(const train_options *o)
{
    return ((const options *)(const void *)o->own)->lambda_teach > 0;
}

// Rows of a batch that show one person; the rest are mixtures.
static int labelled(const train_options *o)
{
    const options *own = (const void *)o->own;
    return (int)floor((1 - own->between) * o->batch / own->each + 1e-9) * own->each;
}

static guise_status check(const train_options *o, base_error *e)
{
    const options *own = (const void *)o->own;
    const train_bound bound[] = {{"tau", own->tau, 1e-3, 10},
                                 {"momentum", own->momentum, 0, 0.9999},
                                 {"weight_decay", own->weight_decay, 0, 1},
                                 {"each", own->each, 2, 64},
                                 {"lr_warmup", own->lr_warmup, 0, 1e9},
                                 {"lambda_teach", own->lambda_teach, 0, 1e6},
                                 {"between", own->between, 0, 0.9},
                                 {"spoil", own->spoil, 0, 4},
                                 {"size", o->size, 32, 1024}};
    guise_status s = train_bounds(bound, sizeof bound / sizeof *bound, e);
    if (!s && strcmp(own->optimiser, "sgd") != 0 && strcmp(own->optimiser, "adam") != 0)
        s = base_fail(e, GUISE_BAD_ARGUMENT, "optimiser=%s: say sgd or adam", own->optimiser);
    if (!s && own->between > 0 && !taught(o))
        s = base_fail(e, GUISE_BAD_ARGUMENT,
                      "between=%g: only a recogniser (lambda_teach=) knows where mixtures belong",
                      own->between);
    if (!s && ((own->between == 0 && o->batch % own->each) || labelled(o) < 2 * own->each))
        s = base_fail(e, GUISE_BAD_ARGUMENT,
                      "batch=%d does not hold each=%d photos of at least two people", o->batch,
                      own->each);
    if (!s && strcmp(o->generator, "smooth-embedder") != 0)
        s = base_fail(e, GUISE_BAD_ARGUMENT, "generator=%s: this recipe trains smooth-embedder",
                      o->generator);
    if (!s && o->adv_from >= 0)
        s = base_fail(e, GUISE_BAD_ARGUMENT, "adv_from=%d: an embedder meets no discriminator",
                      o->adv_from);
    return s;
}

enum { LOSS, SAME, OTHER, TEACH };
static const char *const loss_names[] = {"loss", "same", "other", "teach", NULL};

enum { MOST = 1200, BANK = 1000, WALKS = 200 }; // photos that are measured; of the bank; walks
enum { AUC, TOP1, SMOOTH, COUNT, DEVIATION };
static const char *const measure_names[] = {"auc", "top1", "d_smooth", "count", "deviation", NULL};

typedef struct {
    int *photos, *person, *photo; // of each person of the cache; of the batch
    float *second;                // [3,size,size], the other photo of a mixture
    train_embedder embedder;      // opened when first measured or exported
} state;

// ---- Steps

static void build(train_work *w, nn m)
{
    train_embed(&w->network[0], m, train_work_image(w, m.graph, "img"));
}

// Mean cosine of the pairs that mask [n,n] marks.
static tg_node *mean_of(tg_node *cosine, tg_node *mask)
{
    return tg_mul(tg_sum(tg_mul(cosine, mask)), tg_recip(tg_sum(mask)));
}

static guise_status plan(train_work *w, base_error *e)
{
    const options *o = (const void *)w->o->own;
    train_phase *p = &w->phase[0];
    int n = labelled(w->o), *label = base_alloc((size_t)n, sizeof *label);
    *p = (train_phase){.name = "embedder step", .run.graph = train_work_graph(w)};
    if (!p->run.graph || !label) {
        base_free(label);
        return base_no_memory(e);
    }
    tg_graph *g = p->run.graph;
    for (int i = 0; i < n; i++) label[i] = i / o->each; // all are different people
    tg_node *img = train_work_image(w, g, "img"), *same = train_same_label(g, label, n);
    for (int i = 0; i < n; i++) label[i] = 0;
    tg_node *pairs = train_same_label(g, label, n);
    base_free(label);
    tg_node *vector = tg_input(g, TG_SHAPE(w->rows, w->batch.length), "vector");
    tg_node *rows = train_embed(&w->network[0], train_root(w, g), img);
    tg_node *unit = tg_slice(tg_all_rows(rows), 0, 0, n); // photos of the whole batch compare
    tg_node *cosine = tg_matmul(unit, unit, false, true);
    p->loss[LOSS] =
        tg_mean(train_contrastive_loss(unit, same, &(train_contrastive_options){.tau = o->tau}));
    p->loss[SAME] = mean_of(cosine, same);
    p->loss[OTHER] = mean_of(cosine, tg_sub(pairs, same));
    if (taught(w->o)) {
        p->loss[TEACH] = tg_mean(train_identity_loss(rows, vector));
        p->loss[LOSS] = tg_add(p->loss[LOSS], tg_scale(p->loss[TEACH], o->lambda_teach));
    }
    p->total = p->loss[LOSS];
    const train_tie tie[] = {{img, w->batch.target, false},
                             {taught(w->o) ? vector : NULL, w->batch.vector, false}};
    return train_phase_open(w, p, tie, sizeof tie / sizeof *tie, e);
}

static guise_status open(train_work *w, base_error *e)
{
    if (taught(w->o))
        ((model_smooth_embedder_options *)w->network[0].options)->latent = w->identity->length;
    return train_work_learn(w, 0, build, w->o->ema > 0, e);
}

static void close(train_work *w)
{
    state *own = w->own;
    base_free(own->photos);
    base_free(own->person);
    base_free(own->photo);
    base_free(own->second);
    train_embedder_close(&own->embedder);
}

static guise_status count_photos(train_work *w, base_error *e)
{
    state *own = w->own;
    int people = train_cache_people(w->cache);
    own->photos = base_alloc((size_t)people, sizeof *own->photos);
    own->person = base_alloc((size_t)w->o->batch, sizeof *own->person);
    own->photo = base_alloc((size_t)w->o->batch, sizeof *own->photo);
    own->second = base_alloc(3 * (size_t)w->o->size * (size_t)w->o->size, sizeof *own->second);
    if (!own->photos || !own->person || !own->photo || !own->second) return base_no_memory(e);
    for (int i = 0; i < people; i++) {
        size_t first, n;
        train_cache_of_person(w->cache, i, &first, &n);
        own->photos[i] = (int)n;
    }
    return GUISE_OK;
}

// Row i: a photo, and where the recogniser has its person. Without one, vectors are a single 0.
static void fill_one(train_work *w, int i, base_rng *r)
{
    state *own = w->own;
    const train_options *o = w->o;
    size_t first, n, length = (size_t)w->batch.length, row = (size_t)i;
    train_cache_of_person(w->cache, own->person[i], &first, &n);
    size_t photo = first + (size_t)own->photo[i];
    train_batch_show(w->cache, photo, o, r,
                     w->batch.target + row * 3 * (size_t)o->size * (size_t)o->size);
    memcpy(w->batch.vector + row * length, train_cache_vector(w->cache, photo),
           length * sizeof(float));
}

// Row i: between two photos, whose share is any; its vector lies as far along the great circle.
static void fill_mixture(train_work *w, int i, base_rng *r)
{
    state *own = w->own;
    size_t planes = 3 * (size_t)w->o->size * (size_t)w->o->size;
    int all = (int)train_cache_n(w->cache);
    size_t a = (size_t)base_rng_range(r, 0, all - 1), b = (size_t)base_rng_range(r, 0, all - 1);
    double share = base_rng_uniform(r);
    float *to = w->batch.target + (size_t)i * planes;
    train_batch_show(w->cache, a, w->o, r, to);
    train_batch_show(w->cache, b, w->o, r, own->second);
    for (size_t k = 0; k < planes; k++) to[k] += (float)share * (own->second[k] - to[k]);
    train_slerp(train_cache_vector(w->cache, a), train_cache_vector(w->cache, b), w->batch.length,
                share, w->batch.vector + (size_t)i * (size_t)w->batch.length);
}

static guise_status fill(train_work *w, int step, base_rng *r, base_error *e)
{
    const train_options *o = w->o;
    const options *mine = (const void *)o->own;
    state *own = w->own;
    int each = mine->each, alone = labelled(o);
    size_t planes = 3 * (size_t)o->size * (size_t)o->size;
    double k = mine->spoil;
    // Colour stays: skin and hair are part of who somebody is (spec/smoothswap.md 2.3).
    const train_spoil_chances worse = {
        .light = 0.15 * k, .small = 0.15 * k, .blur = 0.15 * k, .noise = 0.2 * k, .cover = 0.1 * k};
    (void)step;
    guise_status s = own->photo ? GUISE_OK : count_photos(w, e);
    if (!s)
        s = train_draw_people(r, own->photos, train_cache_people(w->cache), alone / each, each,
                              own->person, own->photo, e);
    for (int i = 0; !s && i < o->batch; i++) {
        if (i < alone)
            fill_one(w, i, r);
        else
            fill_mixture(w, i, r);
        if (k > 0) s = train_spoil(w->batch.target + (size_t)i * planes, o->size, &worse, r, e);
    }
    return s;
}

// SGD as PyTorch's: the decay goes into the slope, the learner's first moment is the velocity.
static void move_sgd(train_learner *l, const options *o, double lr, double ema)
{
    float *w = nn_params_data(l->params);
    for (size_t i = 0; i < nn_params_n(l->params); i++) {
        const nn_entry *entry = nn_params_entry(l->params, i);
        if (entry->kind != NN_WEIGHT || entry->frozen) continue;
        for (size_t k = entry->offset; k < entry->offset + entry->count; k++) {
            double slope = (double)l->grad[k] + o->weight_decay * (double)w[k];
            l->m[k] = (float)(o->momentum * (double)l->m[k] + slope);
            w[k] -= (float)(lr * (double)l->m[k]);
        }
    }
    double n = (double)++l->steps, early = (1 + n) / (10 + n);
    if (l->average) nn_ema(l->average, w, l->floats, fmin(early, ema));
}

static guise_status step(train_work *w, int step_number, base_rng *r, double value[TRAIN_LOSSES],
                         base_error *e)
{
    const double pi = 3.14159265358979323846;
    const options *o = (const void *)w->o->own;
    train_phase *p = &w->phase[0];
    (void)r; // nothing is drawn beside the batch
    guise_status s = p->run.plan ? GUISE_OK : plan(w, e);
    if (!s) s = train_phase_run(w, p, value, e);
    if (s) return s;
    double rate = w->rates.lr, done = (double)(step_number - 1) / w->o->steps;
    if (o->cosine) rate *= (1 + cos(pi * done)) / 2;
    if (o->lr_warmup) rate *= fmin(1, (double)step_number / o->lr_warmup);
    if (!strcmp(o->optimiser, "adam"))
        train_work_move(w, 0, rate);
    else
        move_sgd(&w->learner[0], o, rate, w->o->ema);
    return GUISE_OK;
}

// ---- What it is worth

static guise_status ready(train_work *w, base_error *e)
{
    state *own = w->own;
    guise_status s = GUISE_OK;
    if (!own->embedder.plan) s = train_embedder_open(&own->embedder, &w->network[0], w->o->size, e);
    if (!s) train_embedder_take(&own->embedder, train_learner_weights(&w->learner[0]));
    return s;
}

// Vectors of at most `most` crops; returned to you.
static guise_status embed(train_work *w, const train_cache *c, size_t most, float **vector,
                          size_t *n, base_error *e)
{
    state *own = w->own;
    *n = train_cache_n(c) < most ? train_cache_n(c) : most;
    *vector = base_alloc(*n * (size_t)own->embedder.length, sizeof **vector);
    if (!*vector) return base_no_memory(e);
    return train_embedder_run(&own->embedder, c, w->o, *n, *vector, e);
}

// The walks are between photos of two people, the same ones each time.
static guise_status walk(const float *vector, const int *person, size_t n, const float *bank,
                         size_t n_bank, int length, double value[], base_error *e)
{
    size_t row = (size_t)length;
    float *ends = base_alloc(2 * WALKS * row, sizeof *ends);
    base_rng r = {1};
    train_smoothness t = {0};
    if (!ends) return base_no_memory(e);
    for (size_t i = 0; i < WALKS;) {
        size_t a = (size_t)base_rng_range(&r, 0, (int)n - 1);
        size_t b = (size_t)base_rng_range(&r, 0, (int)n - 1);
        if (person[a] == person[b]) continue;
        memcpy(ends + i * row, vector + a * row, row * sizeof *ends);
        memcpy(ends + (WALKS + i) * row, vector + b * row, row * sizeof *ends);
        i++;
    }
    guise_status s =
        train_smoothness_measure(ends, ends + WALKS * row, WALKS, bank, n_bank, length, &t, e);
    value[SMOOTH] = t.d_smooth;
    value[COUNT] = t.count;
    value[DEVIATION] = t.deviation;
    base_free(ends);
    return s;
}

static guise_status measure(train_work *w, double value[TRAIN_MEASURES], base_error *e)
{
    state *own = w->own;
    float *vector = NULL, *bank = NULL;
    int *person = NULL;
    size_t n = 0, n_bank = 0;
    train_verification v = {0};
    guise_status s = ready(w, e);
    if (!s) s = embed(w, w->held, MOST, &vector, &n, e);
    if (!s) s = embed(w, w->cache, BANK, &bank, &n_bank, e);
    if (!s && !(person = base_alloc(n, sizeof *person))) s = base_no_memory(e);
    for (size_t i = 0; !s && i < n; i++)
        person[i] = train_cache_person(w->held, train_embedded(i, n, w->held));
    // of one person alone, or of people with one photo each, nothing can be said
    guise_status told = s ? s : train_verify(vector, person, n, own->embedder.length, &v, NULL);
    if (!s && told == GUISE_NO_MEMORY) s = base_no_memory(e);
    value[AUC] = told ? NAN : v.auc;
    value[TOP1] = told ? NAN : v.top1;
    value[SMOOTH] = value[COUNT] = value[DEVIATION] = NAN;
    if (!s && n && person[0] != person[n - 1])
        s = walk(vector, person, n, bank, n_bank, own->embedder.length, value, e);
    base_free(person);
    base_free(vector);
    base_free(bank);
    return s;
}

static guise_status export(train_work *w, const char *dir, base_error *e)
{
    state *own = w->own;
    char *path = base_format("%s/embedder.onnx", dir);
    guise_status s = path ? ready(w, e) : base_no_memory(e);
    if (!s) s = train_embedder_write(&own->embedder, path, e);
    base_free(path);
    return s;
}

// Tried on two cores at 56 px: Adam at 1e-3 learns far slower than SGD at 0.1, and so does the
// temperature 0.07 than 0.1, which is HobbitLong/SupContrast's for ImageNet.
#define PAPER "generator=smooth-embedder", "adv_from=-1", "flip=true"
static const train_recipe recipes[] = {
    {"smooth-embedder",
     &train_smooth_embedder,
     "Smooth-Swap's identity embedder: ResNet-50 at 256 px, contrastive; unknowns as recommended",
     {PAPER, "size=256", "batch=256", "steps=110000", "lr=0.05", NULL}},
    {"smooth-embedder-small",
     &train_smooth_embedder,
     "our narrow embedder at 112 px: half of ResNet-50's width",
     {PAPER, "generator_options=small=true", "size=112", "batch=256", "steps=60000", "lr=0.1",
      "tau=0.1", "lr_warmup=100", "shift=3", "light=0.1", NULL}},
    {"smooth-embedder-56",
     &train_smooth_embedder,
     "our narrow embedder at 56 px for two cores",
     {PAPER, "generator_options=small=true latent=256", "size=56", "batch=192", "steps=1000",
      "lr=0.1", "tau=0.1", "lr_warmup=30", "ema=0.995", "shift=3", "light=0.15", "colour=0.05",
      "log_every=25", "save_every=50", "measure_every=100", "sample_every=0", NULL}},
    {"smooth-embedder-toy",
     &train_smooth_embedder,
     "drawn faces (guise toy) at 32 px: seconds",
     {PAPER, "generator_options=width=12 latent=64", "size=32", "batch=48", "steps=900", "lr=0.1",
      "tau=0.15", "lr_warmup=10", "ema=0.98", "shift=1", "light=0.05", "colour=0.05",
      "measure_every=300", "sample_every=0", NULL}},
    {0}};

const train_system train_smooth_embedder = {
    .name = "smooth-embedder",
    .shared = true,
    .looks = true, // steps of SGD are taken by the host, which must have waited
    .fields = fields,
    .options = sizeof(options),
    .recipes = recipes,
    .loss = loss_names,
    .no_identity = true,
    .taught = taught,
    .held_out = true,
    .state = sizeof(state),
    .check = check,
    .open = open,
    .close = close,
    .fill = fill,
    .step = step,
    .measure_names = measure_names,
    .measure = measure,
    .export = export,
};
