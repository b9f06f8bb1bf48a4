// face_id.c -- training our recogniser: it imitates a frozen one (Hinton et al. 2015, in the form
// of directions: Chen et al. 2018, DarkRank's simplest) on photos made worse and on faces that are
// between two people, whose teacher sees them whole; and it keeps the photos of a person together
// (Khosla et al. 2020). Its vectors live in the teacher's space, so generators that were trained
// with the one can take the other's.
//
// Weights, shares and augmentation: ours; nobody published this recipe.
#include "train/face_id.h"
#include "model/card.h"
#include "train/losses_smoothswap.h"
#include "train/mixture.h"
#include "train/spoil.h"
#include <math.h>
#include <string.h>

typedef struct {
    double lambda_label, tau; // contrastive
    double paired;            // share of a batch that shows people twice
    double between;           // share of the others that are faces between two people
    double turn, zoom;        // degrees; share
    double spoil;             // times as often as fill_row says
} options;
_Static_assert(sizeof(options) <= TRAIN_OWN, "fits into train_options.own");

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"lambda_label", 0, BASE_REAL, AT(lambda_label), "0.05",
     "weight of the contrastive loss between people"},
    {"tau", 0, BASE_REAL, AT(tau), "0.1", "its temperature"},
    {"paired", 0, BASE_REAL, AT(paired), "0.25", "share of a batch that shows people twice"},
    {"between", 0, BASE_REAL, AT(between), "0.9",
     "share of the others that are two people's mixture"},
    {"turn", 0, BASE_REAL, AT(turn), "8", "faces are turned by up to so many degrees"},
    {"zoom", 0, BASE_REAL, AT(zoom), "0.06", "and made larger or smaller by up to this share"},
    {"spoil", 0, BASE_REAL, AT(spoil), "1", "how often photos are made worse, 0 to 2"},
    {0}};

static guise_status check(const train_options *o, base_error *e)
{
    const options *own = (const void *)o->own;
    const train_bound bound[] = {{"lambda_label", own->lambda_label, 0, 100},
                                 {"tau", own->tau, 1e-3, 10},
                                 {"paired", own->paired, 0, 1},
                                 {"between", own->between, 0, 1},
                                 {"turn", own->turn, 0, 45},
                                 {"zoom", own->zoom, 0, 0.5},
                                 {"spoil", own->spoil, 0, 2},
                                 {"batch", o->batch, 4, 256}};
    return train_bounds(bound, sizeof bound / sizeof *bound, e);
}

enum { ALL, IMITATE, LABEL };
static const char *const loss_names[] = {"loss", "imitate", "label", NULL};

typedef struct {
    int *photos;         // of each person
    int *person, *photo; // drawn: the first rows of a batch, each person twice
    int *label;          // of each row; -1: nobody's
    float *same;         // [n,n]
    float *wide;         // [3,size + 2 shift,size + 2 shift] of the photo at hand
} state;

static void build(train_work *w, nn m)
{
    model_face_id(m, train_work_image(w, m.graph, "img"), w->network[0].options);
}

static size_t wide_side(const train_options *o) { return (size_t)(o->size + 2 * o->shift); }

static guise_status open(train_work *w, base_error *e)
{
    state *own = w->own;
    size_t n = (size_t)w->o->batch;
    if (strcmp(w->network[0].net->name, "face-id") != 0)
        return base_fail(e, GUISE_BAD_ARGUMENT, "generator=%s: this recipe trains face-id",
                         w->network[0].net->name);
    ((model_face_id_options *)w->network[0].options)->latent = w->identity->length;
    w->batch.sources = true;
    w->card_key = CARD_SPACE;
    w->card_text = w->identity->name;
    own->person = base_alloc(n, sizeof *own->person);
    own->photo = base_alloc(n, sizeof *own->photo);
    own->label = base_alloc(n, sizeof *own->label);
    own->same = base_alloc(n * n, sizeof *own->same);
    own->wide = base_alloc(3 * wide_side(w->o) * wide_side(w->o), sizeof *own->wide);
    if (!own->person || !own->photo || !own->label || !own->same || !own->wide)
        return base_no_memory(e);
    return train_work_learn(w, 0, build, w->o->ema > 0, e);
}

static void close(train_work *w)
{
    state *own = w->own;
    base_free(own->photos);
    base_free(own->person);
    base_free(own->photo);
    base_free(own->label);
    base_free(own->same);
    base_free(own->wide);
}

// How a crop is looked at: turned, larger or smaller, moved, mirrored.
typedef struct {
    double angle, scale, dx, dy;
    bool flip;
} view;

static view draw_view(const train_options *o, base_rng *r)
{
    const options *own = (const void *)o->own;
    view v = {.angle = own->turn * (2 * base_rng_uniform(r) - 1) * 3.14159265358979 / 180};
    v.scale = 1 + own->zoom * (2 * base_rng_uniform(r) - 1);
    v.dx = o->shift * (2 * base_rng_uniform(r) - 1);
    v.dy = o->shift * (2 * base_rng_uniform(r) - 1);
    v.flip = base_rng_uniform(r) < 0.5 && o->flip;
    return v;
}

// The wide crop as v sees it, bilinear, black outside; to [3,size,size].
static void show(const train_work *w, view v, float *to)
{
    const float *wide = ((const state *)w->own)->wide;
    int n = w->o->size, side = (int)wide_side(w->o);
    size_t area = (size_t)n * (size_t)n, from_area = (size_t)side * (size_t)side;
    double c = cos(v.angle) / v.scale, s = sin(v.angle) / v.scale;
    double half = (n - 1) / 2.0, middle = (side - 1) / 2.0;
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            double u = (v.flip ? n - 1 - x : x) - half - v.dx, t = y - half - v.dy;
            double fx = middle + c * u + s * t, fy = middle - s * u + c * t;
            int x0 = (int)floor(fx), y0 = (int)floor(fy);
            bool in = x0 >= 0 && y0 >= 0 && x0 < side - 1 && y0 < side - 1;
            float a = (float)(fx - x0), b = (float)(fy - y0);
            size_t at = (size_t)(in ? y0 * side + x0 : 0);
            for (size_t k = 0; k < 3; k++) {
                const float *p = wide + k * from_area + at;
                float top = p[0] * (1 - a) + p[1] * a;
                float low = p[side] * (1 - a) + p[side + 1] * a;
                to[k * area + (size_t)(y * n + x)] = in ? top * (1 - b) + low * b : 0;
            }
        }
}

// From the recogniser's crop to the one that is seen as it is, with landmarks in the wide one.
static guise_status warp_of(train_work *w, const face_point wide[FACE_POINTS], float warp[6],
                            base_error *e)
{
    face_point point[FACE_POINTS];
    face_transform t;
    float margin = (float)w->o->shift;
    for (int k = 0; k < FACE_POINTS; k++)
        point[k] = (face_point){wide[k].x - margin, wide[k].y - margin};
    guise_status s = face_align(&t, point, w->batch.frame, w->batch.frame_side, NULL, e);
    if (s) return s;
    t = face_invert(t);
    for (size_t k = 0; k < 6; k++) warp[k] = (float)t.m[k];
    return GUISE_OK;
}

static train_wide_face face_of(const train_work *w, size_t i)
{
    return (train_wide_face){train_cache_pixels(w->cache, i), train_cache_points(w->cache, i)};
}

// Row i: a photo as it is for the teacher, and made worse for us; or a mixture of two.
static guise_status fill_row(train_work *w, size_t i, size_t photo, size_t other, base_rng *r,
                             base_error *e)
{
    const train_options *o = w->o;
    double often = ((const options *)(const void *)o->own)->spoil;
    float *wide = ((state *)w->own)->wide;
    train_batch *b = &w->batch;
    face_point point[FACE_POINTS];
    int side = (int)wide_side(o);
    size_t count = 3 * (size_t)o->size * (size_t)o->size;
    if (photo == other)
        train_mixture_none(face_of(w, photo), side, wide, point);
    else
        train_mixture_draw(face_of(w, photo), face_of(w, other), side, r, wide, point);
    show(w, (view){.scale = 1}, b->source + i * count);
    show(w, draw_view(o, r), b->target + i * count);
    memcpy(b->vector + i * (size_t)b->length, train_cache_vector(w->cache, photo),
           (size_t)b->length * sizeof *b->vector);
    b->same[i] = photo == other;
    guise_status s = warp_of(w, point, b->warp + i * 6, e);
    train_spoil_chances c = {
        .grey = 0.1, .light = 0.25, .small = 0.15, .blur = 0.15, .noise = 0.15, .cover = 0.15};
    double *chance[] = {&c.grey, &c.light, &c.small, &c.blur, &c.noise, &c.cover};
    for (size_t k = 0; k < sizeof chance / sizeof *chance; k++) *chance[k] *= often;
    return s ? s : train_spoil(b->target + i * count, o->size, &c, r, e);
}

static guise_status count_photos(train_work *w, base_error *e)
{
    state *own = w->own;
    int people = train_cache_people(w->cache);
    if (own->photos) return GUISE_OK;
    own->photos = base_alloc((size_t)people, sizeof *own->photos);
    if (!own->photos) return base_no_memory(e);
    for (int i = 0; i < people; i++) {
        size_t first = 0, n = 0;
        train_cache_of_person(w->cache, i, &first, &n);
        own->photos[i] = (int)n;
    }
    return GUISE_OK;
}

static guise_status fill(train_work *w, int step, base_rng *r, base_error *e)
{
    const options *o = (const void *)w->o->own;
    state *own = w->own;
    int n = w->o->batch, pairs = (int)(n * o->paired / 2), all = (int)train_cache_n(w->cache);
    (void)step;
    guise_status s = count_photos(w, e);
    if (!s && pairs)
        s = train_draw_people(r, own->photos, train_cache_people(w->cache), pairs, 2, own->person,
                              own->photo, e);
    for (int i = 0; !s && i < n; i++) {
        size_t photo = (size_t)base_rng_range(r, 0, all - 1), first = 0, count = 0;
        size_t other = (size_t)base_rng_range(r, 0, all - 1);
        bool mixed = base_rng_uniform(r) < o->between && i >= 2 * pairs;
        if (i < 2 * pairs) {
            train_cache_of_person(w->cache, own->person[i], &first, &count);
            photo = first + (size_t)own->photo[i];
        }
        own->label[i] = mixed ? -1 : train_cache_person(w->cache, photo);
        s = fill_row(w, (size_t)i, photo, mixed ? other : photo, r, e);
    }
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            own->same[i * n + k] = i != k && own->label[i] >= 0 && own->label[i] == own->label[k];
    return s;
}

static guise_status plan(train_work *w, base_error *e)
{
    const options *o = (const void *)w->o->own;
    state *own = w->own;
    train_phase *p = &w->phase[0];
    *p = (train_phase){.name = "step", .run.graph = train_work_graph(w)};
    tg_graph *g = p->run.graph;
    if (!g) return base_no_memory(e);
    int n = w->rows, all = w->o->batch;
    tg_node *clean = train_work_image(w, g, "clean"), *worse = train_work_image(w, g, "worse");
    tg_node *vector = tg_input(g, TG_SHAPE(n, w->batch.length), "vector");
    tg_node *warp = tg_input(g, TG_SHAPE(n, 6), "warp"), *whole = tg_input(g, TG_SHAPE(n), "whole");
    tg_node *same = tg_input(g, TG_SHAPE(all, all), "same"),
            *rows = tg_reshape(whole, TG_SHAPE(n, 1));
    // The whole photo says more than its crop, so the teacher's word on that counts where it is.
    tg_node *seen = nn_unit(tg_detach(train_identity_of(w->identity, clean, warp)));
    tg_node *want = tg_add(tg_mul(vector, rows), tg_mul(seen, tg_affine(rows, -1, 1)));
    tg_node *got = model_face_id(train_root(w, g), tg_scale(worse, 255), w->network[0].options);
    p->loss[IMITATE] = tg_mean(tg_affine(nn_cosine(got, want), -1, 1));
    train_contrastive_options by = {.tau = o->tau};
    p->loss[LABEL] =
        train_contrastive_mean(train_contrastive_loss(tg_all_rows(got), same, &by), same);
    p->total = p->loss[ALL] = tg_add(p->loss[IMITATE], tg_scale(p->loss[LABEL], o->lambda_label));
    const train_tie tie[] = {{clean, w->batch.source, false},  {worse, w->batch.target, false},
                             {vector, w->batch.vector, false}, {warp, w->batch.warp, false},
                             {whole, w->batch.same, false},    {same, own->same, false}};
    return train_phase_open(w, p, tie, sizeof tie / sizeof *tie, e);
}

static guise_status step(train_work *w, int step, base_rng *r, double value[TRAIN_LOSSES],
                         base_error *e)
{
    (void)step, (void)r;
    return train_work_phase(w, plan, value, e);
}

static const train_recipe recipes[] = {
    {"face-id",
     &train_face_id,
     "our recogniser, taught by another one on photos made worse and on mixtures of people",
     {"generator=face-id", "size=112", "batch=32", "steps=34000", "lr=1e-3", "beta1=0.9",
      "beta2=0.999", "ema=0.999", "decay=6000", "shift=5", "flip=true", "turn=6", "spoil=0.4",
      "adv_from=-1", "sample_every=0", "save_every=500", NULL}},
    {0}};

const train_system train_face_id = {
    .name = "face-id",
    .shared = true,
    .fields = fields,
    .options = sizeof(options),
    .recipes = recipes,
    .loss = loss_names,
    .limits =
        "It imitates another recogniser, whose mistakes it shares, on photos of press agencies: "
        "mostly adults, mostly men,\nmostly from the front. Not for deciding who somebody "
        "is: only for what a swap needs.",
    .held_out = true,
    .state = sizeof(state),
    .check = check,
    .open = open,
    .close = close,
    .fill = fill,
    .step = step,
    .measure_names = face_id_measures,
    .measure = face_id_measure,
};
