// face_mask.c -- training our face mask. Its labels need no parser: what is face on a photo follows
// from the photo's own colours (face_label.h), and what lies over it was drawn there by the program
// (occlude.h, occluder.h), so its place is known exactly.
//
// Losses: cross entropy of each pixel by how sure its label is, and the overlap of the whole mask
// (Milletari et al. 2016, V-Net). Shares and weights: ours.
#include "train/face_mask.h"
#include "train/face_label.h"
#include "train/occlude.h"
#include "train/occluder.h"
#include "train/spoil.h"
#include <math.h>
#include <string.h>

_Static_assert(sizeof(face_mask_options) <= TRAIN_OWN, "fits into train_options.own");

#define AT(field) offsetof(face_mask_options, field)
static const base_field fields[] = {
    {"hair", 0, BASE_REAL, AT(hair), "0.4", "share of faces with hair or a hat drawn over them"},
    {"glasses", 0, BASE_REAL, AT(glasses), "0.3", "share with glasses"},
    {"things", 0, BASE_REAL, AT(things), "0.5", "share with a hand or an object"},
    {"spoil", 0, BASE_REAL, AT(spoil), "1", "how often photos are made worse, 0 to 2"},
    {0}};

static guise_status check(const train_options *o, base_error *e)
{
    const face_mask_options *own = (const void *)o->own;
    const train_bound bound[] = {{"hair", own->hair, 0, 1},
                                 {"glasses", own->glasses, 0, 1},
                                 {"things", own->things, 0, 1},
                                 {"spoil", own->spoil, 0, 2}};
    guise_status s = train_bounds(bound, sizeof bound / sizeof *bound, e);
    if (!s && o->size % 16)
        s = base_fail(e, GUISE_BAD_ARGUMENT, "size=%d is no multiple of 16", o->size);
    return s;
}

enum { ALL, PIXELS, OVERLAP };
static const char *const loss_names[] = {"loss", "pixels", "overlap", NULL};

static void build(train_work *w, nn m)
{
    model_face_mask(m, train_work_image(w, m.graph, "img"), w->network[0].options);
}

static guise_status open(train_work *w, base_error *e)
{
    face_mask_state *own = w->own;
    size_t area = (size_t)w->o->size * (size_t)w->o->size;
    if (strcmp(w->network[0].net->name, "face-mask") != 0)
        return base_fail(e, GUISE_BAD_ARGUMENT, "generator=%s: this recipe trains face-mask",
                         w->network[0].net->name);
    own->label = base_alloc((size_t)w->o->batch * area, sizeof *own->label);
    own->cover = base_alloc(area, sizeof *own->cover);
    if (!own->label || !own->cover) return base_no_memory(e);
    return train_work_learn(w, 0, build, w->o->ema > 0, e);
}

static void close(train_work *w)
{
    face_mask_state *own = w->own;
    base_free(own->label);
    base_free(own->cover);
    face_mask_look_close(&own->look);
}

// Hair, glasses, a hand or an object, each over what was drawn before it; cover: all of them.
static guise_status dress(const train_options *o, const face_point point[FACE_POINTS], base_rng *r,
                          face_mask_row *row, float *scratch, base_error *e)
{
    const face_mask_options *own = (const void *)o->own;
    occluder worn;
    guise_status s = GUISE_OK;
    bool hair = base_rng_uniform(r) < own->hair, glasses = base_rng_uniform(r) < own->glasses;
    bool things = base_rng_uniform(r) < own->things;
    if (glasses) {
        occluder_glasses(&worn, point, o->size, r);
        s = occluder_put(&worn, row->planes, o->size, r, row->cover, e);
    }
    if (!s && hair) {
        occluder_hair(&worn, point, o->size, r);
        s = occluder_put(&worn, row->planes, o->size, r, row->cover, e);
    }
    if (s || !things) return s;
    train_occluder what = (train_occluder)(TRAIN_OCCLUDE_HAND + base_rng_range(r, 0, 2));
    s = train_occlude(row->planes, o->size, what, r, scratch, e);
    for (int i = 0; !s && i < o->size * o->size; i++)
        row->cover[i] += scratch[i] * (1 - row->cover[i]);
    return s;
}

guise_status face_mask_draw(const train_work *w, const train_cache *c, size_t i, bool plain,
                            base_rng *r, face_mask_row *row, base_error *e)
{
    const train_options *o = w->o;
    size_t area = (size_t)o->size * (size_t)o->size;
    face_point point[FACE_POINTS];
    float *scratch = base_alloc(area, sizeof *scratch);
    if (!scratch) return base_no_memory(e);
    train_view v = {.flip = base_rng_uniform(r) < 0.5 && o->flip, .gain = {1, 1, 1}};
    v.dx = base_rng_range(r, 0, 2 * o->shift);
    v.dy = base_rng_range(r, 0, 2 * o->shift);
    if (plain) v = (train_view){.dx = o->shift, .dy = o->shift, .gain = {1, 1, 1}};
    train_view_show(c, i, o, &v, row->planes, point);
    memset(row->cover, 0, area * sizeof *row->cover);
    guise_status s = train_face_label(row->planes, o->size, point, row->label, row->weight, e);
    if (!s && !plain) s = dress(o, point, r, row, scratch, e);
    for (size_t k = 0; !s && k < area; k++) {
        row->label[k] *= 1 - row->cover[k];
        row->weight[k] = fmaxf(row->weight[k], row->cover[k]);
    }
    double often = ((const face_mask_options *)(const void *)o->own)->spoil;
    train_spoil_chances chances = {.grey = 0.05 * often,
                                   .light = 0.25 * often,
                                   .small = 0.25 * often,
                                   .blur = 0.15 * often,
                                   .noise = 0.2 * often};
    if (!s && !plain) s = train_spoil(row->planes, o->size, &chances, r, e);
    base_free(scratch);
    return s;
}

static guise_status fill(train_work *w, int step, base_rng *r, base_error *e)
{
    face_mask_state *own = w->own;
    size_t area = (size_t)w->o->size * (size_t)w->o->size;
    guise_status s = GUISE_OK;
    (void)step;
    for (size_t i = 0; !s && i < (size_t)w->o->batch; i++) {
        size_t photo = (size_t)base_rng_range(r, 0, (int)train_cache_n(w->cache) - 1);
        face_mask_row row = {w->batch.target + i * 3 * area, own->label + i * area,
                             w->batch.weight + i * area, own->cover};
        s = face_mask_draw(w, w->cache, photo, false, r, &row, e);
    }
    base_team_keep(w->team, own->label, w->o->batch, area * sizeof *own->label);
    return s;
}

static guise_status plan(train_work *w, base_error *e)
{
    face_mask_state *own = w->own;
    train_phase *p = &w->phase[0];
    *p = (train_phase){.name = "step", .run.graph = train_work_graph(w)};
    tg_graph *g = p->run.graph;
    if (!g) return base_no_memory(e);
    tg_node *img = train_work_image(w, g, "img");
    tg_shape one = TG_SHAPE(w->rows, 1, w->o->size, w->o->size);
    tg_node *label = tg_input(g, one, "label"), *weight = tg_input(g, one, "weight");
    tg_node *logit = model_face_mask(train_root(w, g), tg_scale(img, 255), w->network[0].options);
    tg_node *entropy = tg_sub(tg_softplus(logit), tg_mul(logit, label));
    p->loss[PIXELS] = tg_mean(tg_mul(entropy, weight));
    tg_node *mask = tg_mul(tg_sigmoid(logit), weight), *want = tg_mul(label, weight);
    tg_node *both = tg_all_sum(tg_sum(tg_mul(tg_sigmoid(logit), want)));
    tg_node *sum = tg_shift(tg_all_sum(tg_add(tg_sum(mask), tg_sum(want))), 1e-3);
    p->loss[OVERLAP] = tg_affine(tg_div(both, sum), -2, 1);
    p->total = p->loss[ALL] = tg_add(p->loss[PIXELS], tg_scale(p->loss[OVERLAP], 0.3));
    const train_tie tie[] = {{img, w->batch.target, false},
                             {label, own->label, false},
                             {weight, w->batch.weight, false}};
    return train_phase_open(w, p, tie, sizeof tie / sizeof *tie, e);
}

static guise_status step(train_work *w, int step, base_rng *r, double value[TRAIN_LOSSES],
                         base_error *e)
{
    (void)step, (void)r;
    return train_work_phase(w, plan, value, e);
}

static const train_recipe recipes[] = {
    {"face-mask",
     &train_face_mask,
     "our face mask, taught by the colours of each face and by what is drawn over it",
     {"generator=face-mask", "size=128", "shift=6", "batch=16", "steps=4000", "lr=3e-3",
      "beta1=0.9", "beta2=0.999", "ema=0.998", "decay=2200", "flip=true", "adv_from=-1",
      "sample_every=1000", "measure_every=500", "save_every=500", NULL}},
    {0}};

const train_system train_face_mask = {
    .name = "face-mask",
    .shared = true,
    .fields = fields,
    .options = sizeof(face_mask_options),
    .recipes = recipes,
    .loss = loss_names,
    .limits =
        "What lies over faces was drawn by the program, and what is hair follows from colours: "
        "real glasses are found\nmore rarely than drawn ones, fair hair on fair skin and "
        "hands of the face's own tone only in part. For crops of\ntemplate arcface; from the "
        "side it saw few faces.",
    .no_identity = true,
    .held_out = true,
    .state = sizeof(face_mask_state),
    .check = check,
    .open = open,
    .close = close,
    .fill = fill,
    .step = step,
    .measure_names = face_mask_measures,
    .measure = face_mask_measure,
    .sample = face_mask_sample,
};
