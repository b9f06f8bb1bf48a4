// stylegan2.c -- unconditional StyleGAN2 (Karras et al. 2020, arXiv 1912.04958): faces of nobody.
//
// Steps and their order are those of rosinality/stylegan2-pytorch, train.py: logistic losses, style
// mixing, lazy R1, lazy path length on half the batch, an average of the weights by half life; but
// the discriminator judges the pictures of the generator's step, so one pass serves both. The mean
// of w is tracked as in NVlabs/stylegan2-ada-pytorch, for truncation. Facts: spec/styleswap.md 2.
#include "media/media.h"
#include "nn/style.h"
#include "train/losses_styleswap.h"
#include "train/system.h"
#include <string.h>

typedef struct {
    double mixing, half_life, r1, path, truncation;
    int r1_every, path_every, columns;
} options;
_Static_assert(sizeof(options) <= TRAIN_OWN, "fits into train_options.own");

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"mixing", 0, BASE_REAL, AT(mixing), "0.9", "probability of two styles in a batch's pictures"},
    {"half_life", 0, BASE_REAL, AT(half_life), "10000",
     "photos after which the average has half forgotten; 0: ema says"},
    {"r1", 0, BASE_REAL, AT(r1), "10", "gamma of R1; 0: none"},
    {"r1_every", 0, BASE_INT, AT(r1_every), "16", "R1 in every nth step, with n times the weight"},
    {"path", 0, BASE_REAL, AT(path), "2", "weight of the path length; 0: none"},
    {"path_every", 0, BASE_INT, AT(path_every), "4",
     "path length in every nth step, with n times the weight, on half the batch"},
    {"sample_psi", 0, BASE_REAL, AT(truncation), "0.7", "truncation of the samples, 0 to 1"},
    {"sample_columns", 0, BASE_INT, AT(columns), "8", "samples are so many wide and high"},
    {0}};

static guise_status check(const train_options *o, base_error *e)
{
    const options *own = (const void *)o->own;
    const train_bound bound[] = {
        {"mixing", own->mixing, 0, 1},
        {"half_life", own->half_life, 0, 1e9},
        {"r1", own->r1, 0, 1e6},
        {"r1_every", own->r1_every, 1, 1000},
        {"path", own->path, 0, 1e6},
        {"path_every", own->path_every, 1, 1000},
        {"sample_psi", own->truncation, 0, 1},
        {"sample_columns", own->columns, 1, 16},
        {"adv_from (it learns by its discriminator alone)", o->adv_from, 0, 0}};
    guise_status s = train_bounds(bound, sizeof bound / sizeof *bound, e);
    if (!s && strcmp(o->generator, "stylegan2") != 0)
        s = base_fail(e, GUISE_BAD_ARGUMENT, "generator=%s: this system trains stylegan2",
                      o->generator);
    if (!s && strcmp(o->discriminator, "stylegan2-d") != 0)
        s = base_fail(e, GUISE_BAD_ARGUMENT, "discriminator=%s: this system takes stylegan2-d",
                      o->discriminator);
    return s;
}

enum { G, D, PATH, R1 }; // losses, and the phases that give them
static const char *const loss_names[] = {"g", "d", "path", "r1", NULL};

enum { MAPS = 2 * MODEL_STYLE_LEVELS };
typedef struct {
    float *fake;        // [n,3,s,s]
    float *z[2];        // [n,style] each
    float *keep;        // [layers]: 1 where the first style is taken
    float *noise[MAPS]; // [n,1,r,r]
    float *path_noise;  // [n / 2,3,s,s]
    int style, layers;
    float mean, next; // of path lengths, as the graph takes and gives it
    double kept;      // the same, as checkpoints keep it
} state;

static const options *own_of(const train_work *w) { return (const void *)w->o->own; }
static int half(const train_work *w) { return w->rows > 1 ? w->rows / 2 : 1; }

static const model_stylegan2_options *net_of(const train_work *w) { return w->network[0].options; }

// What a picture is made of: styles, mixed, and noise, for n samples.
typedef struct {
    tg_node *z[2], *keep, *noise[MAPS], *latents, *w; // w: of the first
} parts;

static void make_parts(const train_work *w, nn m, int n, parts *p)
{
    const state *own = w->own;
    static const char *const name[] = {"z0", "z1"};
    tg_node *style[2];
    *p = (parts){0};
    for (int i = 0; i < 2; i++) {
        p->z[i] = tg_input(m.graph, TG_SHAPE(n, own->style), name[i]);
        style[i] = model_stylegan2_mapping(m, p->z[i], net_of(w));
    }
    p->w = style[0];
    p->keep = tg_input(m.graph, TG_SHAPE(own->layers), "keep");
    p->latents = nn_latents_mix(style[0], style[1], p->keep);
    for (int i = 0; i < own->layers - 1; i++) {
        int r = 4 << ((i + 1) / 2); // sides 4, 8, 8, 16, 16, ..
        p->noise[i] = tg_input(m.graph, TG_SHAPE(n, 1, r, r), tg_text(m.graph, "noise%d", i));
    }
}

// Inputs from the state's arrays; those of half a batch take their beginnings.
static int tie_parts(const train_work *w, const parts *p, train_tie *tie)
{
    const state *own = w->own;
    int n = 0;
    for (int i = 0; i < 2; i++) tie[n++] = (train_tie){p->z[i], own->z[i], false};
    tie[n++] = (train_tie){p->keep, own->keep, false};
    for (int i = 0; i < own->layers - 1; i++)
        tie[n++] = (train_tie){p->noise[i], own->noise[i], false};
    return n;
}

static tg_node *judge(const train_work *w, nn m, tg_node *img)
{
    model_stylegan2_verdict v;
    model_stylegan2_d(m, img, w->network[1].options, &v);
    return v.logit;
}

static void track(nn m, tg_node *w, int style)
{
    if (!w) return;
    tg_node *last = model_style_average(m, style);
    tg_node *now = tg_reshape(tg_mean_to(tg_detach(w), TG_SHAPE(1, style)), TG_SHAPE(style));
    now = tg_all_mean(now);
    nn_set_buffer(m, "latent_avg", tg_add(tg_scale(last, 0.995), tg_scale(now, 0.005)));
}

static train_phase *begin(train_work *w, int which, const char *name, int network)
{
    train_phase *p = &w->phase[which];
    *p = (train_phase){.name = name, .network = network, .run.graph = train_work_graph(w)};
    return p->run.graph ? p : NULL;
}

static guise_status plan_g(train_work *w, base_error *e)
{
    state *own = w->own;
    train_phase *p = begin(w, G, "generator step", 0);
    if (!p) return base_no_memory(e);
    nn m = nn_root(w->learner[0].params, p->run.graph, true);
    parts a;
    train_tie tie[MAPS + 4];
    make_parts(w, m, w->rows, &a);
    tg_node *made = model_stylegan2(m, a.latents, a.noise, net_of(w), NULL);
    track(m, a.w, own->style);
    nn dm = nn_root(w->learner[1].params, p->run.graph, true);
    p->total = p->loss[G] = train_logistic_generator(judge(w, dm, made));
    int n = tie_parts(w, &a, tie);
    tie[n++] = (train_tie){made, own->fake, true};
    return train_phase_open(w, p, tie, n, e);
}

static guise_status plan_path(train_work *w, base_error *e)
{
    state *own = w->own;
    train_phase *p = begin(w, PATH, "path length", 0);
    if (!p) return base_no_memory(e);
    nn m = nn_root(w->learner[0].params, p->run.graph, false);
    parts a;
    train_path path;
    train_tie tie[MAPS + 6];
    make_parts(w, m, half(w), &a);
    tg_node *made = model_stylegan2(m, a.latents, a.noise, net_of(w), NULL);
    tg_node *noise = tg_input(p->run.graph, tg_shape_of(made), "noise");
    tg_node *mean = tg_input(p->run.graph, (tg_shape){0}, "mean");
    train_path_length(made, a.latents, noise, mean, &path);
    p->loss[PATH] = path.penalty;
    p->total = tg_scale(path.penalty, own_of(w)->path * own_of(w)->path_every);
    int n = tie_parts(w, &a, tie);
    tie[n++] = (train_tie){noise, own->path_noise, false};
    tie[n++] = (train_tie){mean, &own->mean, false};
    tie[n++] = (train_tie){path.mean, &own->next, true};
    return train_phase_open(w, p, tie, n, e);
}

static tg_node *real_of(const train_work *w, tg_graph *g, tg_node **input)
{
    *input = train_work_image(w, g, "real");
    return tg_affine(*input, 2, -1); // 0..1 -> -1..1
}

static guise_status plan_d(train_work *w, base_error *e)
{
    state *own = w->own;
    train_phase *p = begin(w, D, "discriminator step", 1);
    if (!p) return base_no_memory(e);
    nn m = nn_root(w->learner[1].params, p->run.graph, true);
    tg_node *input = NULL, *real = real_of(w, p->run.graph, &input);
    tg_node *fake = train_work_image(w, p->run.graph, "fake");
    p->total = p->loss[D] = train_logistic_discriminator(judge(w, m, real), judge(w, m, fake));
    const train_tie tie[] = {{input, w->batch.target, false}, {fake, own->fake, false}};
    return train_phase_open(w, p, tie, 2, e);
}

static guise_status plan_r1(train_work *w, base_error *e)
{
    train_phase *p = begin(w, R1, "R1", 1);
    if (!p) return base_no_memory(e);
    nn m = nn_root(w->learner[1].params, p->run.graph, true);
    tg_node *input = NULL, *real = real_of(w, p->run.graph, &input);
    p->loss[R1] = train_r1(judge(w, m, real), real);
    p->total = tg_scale(p->loss[R1], own_of(w)->r1 / 2 * own_of(w)->r1_every);
    return train_phase_open(w, p, &(train_tie){input, w->batch.target, false}, 1, e);
}

// ---- Opening

// The network as its file is used: stored noise, and the mean of w for truncation.
static void build_generator(train_work *w, nn m)
{
    const state *own = w->own;
    tg_node *z = tg_input(m.graph, TG_SHAPE(w->rows, own->style), "z");
    model_stylegan2(m, model_stylegan2_mapping(m, z, net_of(w)), NULL, net_of(w), NULL);
    model_style_average(m, own->style);
}

static void build_discriminator(train_work *w, nn m)
{
    judge(w, m, train_work_image(w, m.graph, "img"));
}

static guise_status open_arrays(train_work *w, base_error *e)
{
    state *own = w->own;
    size_t n = (size_t)w->rows, image = 3 * (size_t)w->o->size * (size_t)w->o->size;
    for (int side = 4; side <= w->o->size; side *= 2) own->layers += 2;
    if (own->layers > MAPS)
        return base_fail(e, GUISE_BAD_ARGUMENT, "size=%d: StyleGAN2 goes up to 1024", w->o->size);
    own->fake = tg_floats(w->device, n * image);
    own->path_noise = base_alloc((size_t)half(w) * image, sizeof *own->path_noise);
    own->keep = base_alloc((size_t)own->layers, sizeof *own->keep);
    bool ok = own->fake && own->path_noise && own->keep;
    for (int i = 0; i < 2; i++) {
        own->z[i] = base_alloc(n * (size_t)own->style, sizeof *own->z[i]);
        ok = ok && own->z[i];
    }
    for (int i = 0; i < own->layers - 1; i++) {
        size_t r = (size_t)4 << ((i + 1) / 2);
        own->noise[i] = base_alloc(n * r * r, sizeof *own->noise[i]);
        ok = ok && own->noise[i];
    }
    return ok ? GUISE_OK : base_no_memory(e);
}

static guise_status open(train_work *w, base_error *e)
{
    state *own = w->own;
    model_stylegan2_options *net = w->network[0].options;
    net->size = w->o->size;
    own->style = net->style ? net->style : 512;
    w->kept[0] = (train_kept){"path_mean", &own->kept, 1};
    if (own->style < 1)
        return base_fail(e, GUISE_BAD_ARGUMENT, "style=%d: it must be at least 1", own->style);
    if (net->truncation != 0 && net->truncation != 1)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "truncation is for making pictures; train without it");
    guise_status s = own_of(w)->path > 0 ? train_check_half(w, e) : GUISE_OK;
    if (!s) s = open_arrays(w, e);
    bool average = w->o->ema > 0 || own_of(w)->half_life > 0;
    if (!s) s = train_work_learn(w, 0, build_generator, average, e);
    return s ? s : train_work_learn(w, 1, build_discriminator, false, e);
}

static void close(train_work *w)
{
    state *own = w->own;
    tg_floats_free(w->device, own->fake);
    base_free(own->path_noise);
    base_free(own->keep);
    for (int i = 0; i < 2; i++) base_free(own->z[i]);
    for (int i = 0; i < MAPS; i++) base_free(own->noise[i]);
}

// ---- Steps

static void draw(float *x, size_t n, base_rng *r)
{
    for (size_t i = 0; i < n; i++) x[i] = (float)base_rng_normal(r);
}

static void draw_parts(train_work *w, base_rng *r)
{
    state *own = w->own;
    int all = w->o->batch;
    for (int i = 0; i < 2; i++) train_draw_rows(w, own->z[i], all, (size_t)own->style, r);
    for (int i = 0; i < own->layers - 1; i++) {
        size_t side = (size_t)4 << ((i + 1) / 2);
        train_draw_rows(w, own->noise[i], all, side * side, r);
    }
    train_mixing(r, own_of(w)->mixing, own->layers, own->keep);
}

static guise_status run(train_work *w, int which, guise_status (*plan)(train_work *, base_error *),
                        double *value, base_error *e)
{
    const options *own = own_of(w);
    const train_options *o = w->o;
    train_phase *p = &w->phase[which];
    guise_status s = p->run.plan ? GUISE_OK : plan(w, e);
    if (!s) s = train_phase_run(w, p, value, e);
    if (s) return s;
    bool judges = p->network == 1;
    nn_adam adam = {judges ? w->rates.lr_d : w->rates.lr, o->beta1, o->beta2, o->eps};
    if ((judges ? own->r1 : own->path) > 0)
        adam = train_lazy_adam(adam, judges ? own->r1_every : own->path_every);
    train_learner *l = &w->learner[p->network];
    double ema = own->half_life > 0 ? train_average_decay(o->batch, own->half_life) : o->ema;
    train_learner_step(l, adam, which == PATH ? -1 : ema); // the average moves once a batch
    return GUISE_OK;
}

static guise_status step(train_work *w, int step, base_rng *r, double value[TRAIN_LOSSES],
                         base_error *e)
{
    const options *o = own_of(w);
    state *own = w->own;
    draw_parts(w, r);
    guise_status s = run(w, G, plan_g, value, e);
    if (!s) s = run(w, D, plan_d, value, e);
    if (!s && o->r1 > 0 && step % o->r1_every == 0) s = run(w, R1, plan_r1, value, e);
    if (s || o->path <= 0 || step % o->path_every) return s;
    draw_parts(w, r);
    train_draw_rows(w, own->path_noise, half(w) * base_team_size(w->team),
                    3 * (size_t)w->o->size * (size_t)w->o->size, r);
    own->mean = (float)own->kept;
    s = run(w, PATH, plan_path, value, e);
    own->kept = (double)own->next;
    return s;
}

// ---- Samples: the same styles each time, with the averaged weights

static guise_status paint(train_work *w, tg_graph *g, int columns, base_image *sheet, base_error *e)
{
    const state *own = w->own;
    const train_learner *l = &w->learner[0];
    nn_params *p = l->params;
    tg_plan *plan = NULL;
    nn m = nn_root(p, g, false);
    int n = columns, side = w->o->size;
    tg_node *z = tg_input(g, TG_SHAPE(n, own->style), "z");
    tg_node *style = model_stylegan2_mapping(m, z, net_of(w));
    style = nn_truncate(style, model_style_average(m, own->style), own_of(w)->truncation);
    tg_node *made = tg_clip(model_stylegan2(m, style, NULL, net_of(w), NULL), -1, 1);
    base_rng r = {(uint64_t)w->o->seed};
    float *values = base_alloc((size_t)n * (size_t)own->style, sizeof *values);
    base_image one = {0};
    guise_status s = values ? base_image_new(&one, side, side, e) : base_no_memory(e);
    if (!s) s = tg_plan_open(&plan, g, &made, 1, NULL, e);
    if (!s) s = nn_bind(p, g, plan, e);
    if (!s) s = tg_plan_bind(plan, z, values, e);
    for (int row = 0; !s && row < columns; row++) {
        draw(values, (size_t)n * (size_t)own->style, &r);
        s = tg_plan_run(plan, e);
        for (int i = 0; !s && i < n; i++) {
            size_t planes = 3 * (size_t)side * (size_t)side;
            base_image_from_planes(&one, tg_plan_value(plan, made) + (size_t)i * planes, false,
                                   127.5f, 127.5f);
            for (int y = 0; y < side; y++)
                memcpy(sheet->rgb +
                           3 * ((size_t)(row * side + y) * (size_t)sheet->w + (size_t)(i * side)),
                       one.rgb + 3 * (size_t)y * (size_t)side, 3 * (size_t)side);
        }
    }
    tg_plan_close(&plan);
    base_image_free(&one);
    base_free(values);
    return s;
}

// Change the weights for their average, or back.
static void exchange(train_learner *l)
{
    float *w = nn_params_data(l->params);
    for (size_t i = 0; l->average && i < l->floats; i++) {
        float was = w[i];
        w[i] = l->average[i];
        l->average[i] = was;
    }
}

static guise_status sample(train_work *w, const char *path, base_error *e)
{
    int columns = own_of(w)->columns, side = columns * w->o->size;
    base_image sheet = {0};
    tg_graph *g = tg_new();
    guise_status s = g ? base_image_new(&sheet, side, side, e) : base_no_memory(e);
    exchange(&w->learner[0]);
    if (!s) s = paint(w, g, columns, &sheet, e);
    exchange(&w->learner[0]);
    if (!s)
        s = media_photo_write(&sheet, path,
                              &(media_photo_options){.quality = 90, .mark = GUISE_SWAPPED}, e);
    base_image_free(&sheet);
    tg_free(g);
    return s;
}

// Rates and regularisers are StyleGAN2's: those of rosinality/stylegan2-pytorch, gamma of R1 and
// half life for 256 pixels of NVlabs' preset paper256. The small one is ours: fewer channels, less
// R1, half life by the rule of NVlabs' preset auto.
static const train_recipe recipes[] = {
    {"stylegan2",
     &train_stylegan2,
     "StyleGAN2 (config F) as in the paper: 256 px, faces of nobody",
     {"generator=stylegan2", "discriminator=stylegan2-d", "size=256", "batch=32", "steps=800000",
      "lr=2e-3", "lr_d=2e-3", "beta1=0", "beta2=0.99", "r1=1", "half_life=20000", "flip=true",
      NULL}},
    {"stylegan2-64",
     &train_stylegan2,
     "our small StyleGAN2 at 64 px: faces of nobody within hours",
     {"generator=stylegan2", "generator_options=channels=192,192,192,96,48 style=256 mapping=4",
      "discriminator=stylegan2-d", "discriminator_options=channels=192,192,192,96,48", "size=64",
      "batch=16", "steps=40000", "lr=2e-3", "lr_d=2e-3", "beta1=0", "beta2=0.99", "r1=0.5",
      "half_life=5000", "flip=true", "save_every=500", "sample_every=500", NULL}},
    {0}};

const train_system train_stylegan2 = {
    .name = "stylegan2",
    .shared = true,
    .fields = fields,
    .options = sizeof(options),
    .recipes = recipes,
    .loss = loss_names,
    .no_identity = true,
    .state = sizeof(state),
    .check = check,
    .open = open,
    .close = close,
    .step = step,
    .sample = sample,
};
