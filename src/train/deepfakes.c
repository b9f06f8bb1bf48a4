// deepfakes.c -- DeepFakes' training (2017): one encoder and a decoder for each of two people, who
// take turns. The generator that is exported makes person A's face of whatever it sees; beside it
// lies generator-b.safetensors, which makes B's.
//
// Source: lib/ and plugins/Model_Original of deepfakes/faceswap at its first public commit
// (spec/faceshifter.md 5): warped faces in, the same faces straight out, mean absolute error, Adam
// 5e-5, 0.5, 0.999, batches of 64 of each person, A's colours shifted to B's. Each person's model
// has moments of its own for the shared encoder, so there are two learners, whose encoders are kept
// alike. Ours: a tenth of each person's photos is not trained on, to measure and to show.
#include "model/deepfakes.h"
#include "media/media.h"
#include "model/card.h"
#include "train/losses_faceshifter.h"
#include "train/run.h"
#include "train/warp_augment.h"
#include "weights/weights.h"
#include <math.h>
#include <string.h>

enum { A, B, PEOPLE };
enum { ALL, OF_A, OF_B };
static const char *const loss_names[] = {"loss", "a", "b", NULL};

typedef struct {
    const char *a, *b; // folders
    int detail;
    bool match;
} options;
_Static_assert(sizeof(options) <= TRAIN_OWN, "fits into train_options.own");

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"a", 0, BASE_TEXT, AT(a), NULL, "folder with photos of person A, whose face is made"},
    {"b", 0, BASE_TEXT, AT(b), NULL, "folder with photos of person B, on whom it is put"},
    {"detail", 0, BASE_INT, AT(detail), "4",
     "faces are kept at so many times the size, 2 or 4 (256 pixels for 64, as published)"},
    {"match", 0, BASE_FLAG, AT(match), "true",
     "shift A's colours to B's mean, as published; without it A keeps its own"},
    {0}};

typedef struct {
    float *bent[PEOPLE], *straight[PEOPLE]; // [batch,3,size,size]
    float *face, *moved;                    // [3,side,side]
    double shift[3];                        // of A's colours, to B's mean
    bool ready;                             // shift is known
    train_swapper swapper;                  // opened for the first sample or measurement
} state;

static const options *mine(const train_work *w) { return (const void *)w->o->own; }
static int side_of(const train_work *w) { return w->o->size * mine(w)->detail; }

static guise_status check(const train_options *o, base_error *e)
{
    const options *own = (const void *)o->own;
    if (own->detail != 2 && own->detail != 4)
        return base_fail(e, GUISE_BAD_ARGUMENT, "detail=%d: say 2 or 4", own->detail);
    if (o->size % 16)
        return base_fail(e, GUISE_BAD_ARGUMENT, "size=%d is no multiple of 16", o->size);
    if (o->adv_from >= 0)
        return base_fail(e, GUISE_BAD_ARGUMENT, "DeepFakes has no discriminator: adv_from=-1");
    return GUISE_OK;
}

// The inner 5/8 of a kept face is what a swap sees.
static guise_status photos(const train_options *o, const char *landmarks, train_photos *p,
                           train_cache_options *crops, base_error *e)
{
    const options *own = (const void *)o->own;
    *p = (train_photos){0};
    if (!own->a || !own->b)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "DeepFakes learns two people: give a folder of photos of each, a=DIR and "
                         "b=DIR");
    crops->size = o->size * own->detail * 5 / 8;
    crops->margin = (o->size * own->detail - crops->size) / 2;
    guise_status s = train_photos_add(p, own->a, landmarks, e);
    return s ? s : train_photos_add(p, own->b, landmarks, e);
}

static void build(train_work *w, nn m, char person)
{
    const model_deepfakes_options *o = w->network[0].options;
    tg_node *img = train_work_image(w, m.graph, "img");
    model_deepfakes_decode(m, model_deepfakes_encode(m, img, o, NULL), person, o, NULL);
}
static void build_a(train_work *w, nn m) { build(w, m, 'A'); }
static void build_b(train_work *w, nn m) { build(w, m, 'B'); }

// The encoder's entries come first in both learners.
static size_t encoder_floats(const train_work *w)
{
    const nn_params *p = w->learner[0].params;
    for (size_t i = 0; i < nn_params_n(p); i++)
        if (!strncmp(nn_params_entry(p, i)->name, "dec", 3)) return nn_params_entry(p, i)->offset;
    return 0;
}

static void share_encoder(train_work *w, int from)
{
    tg_copy(w->device, nn_params_data(w->learner[!from].params),
            nn_params_data(w->learner[from].params), encoder_floats(w), NULL); // tg_wait tells
}

static guise_status open_networks(train_work *w, base_error *e)
{
    const train_options *o = w->o;
    if (strcmp(w->network[0].net->name, "deepfakes") != 0)
        return base_fail(e, GUISE_BAD_ARGUMENT, "%s is not what DeepFakes trains; deepfakes is",
                         o->generator);
    char *text = base_format("%s person=b", o->generator_options);
    guise_status s =
        text ? train_network_open(&w->network[1], o->generator, text, e) : base_no_memory(e);
    base_free(text);
    if (!s) s = train_work_learn(w, 0, build_a, o->ema > 0, e);
    if (!s) s = train_work_learn(w, 1, build_b, o->ema > 0, e);
    if (s) return s;
    share_encoder(w, 0);
    for (int i = 0; i < PEOPLE && o->ema > 0; i++) // of what it starts from
        memcpy(w->learner[i].average, nn_params_data(w->learner[i].params),
               w->learner[i].floats * sizeof(float));
    return GUISE_OK;
}

static guise_status open(train_work *w, base_error *e)
{
    state *own = w->own;
    size_t side = (size_t)side_of(w), size = (size_t)w->o->size;
    bool ok = true;
    for (int i = 0; i < PEOPLE; i++) {
        own->bent[i] = base_alloc((size_t)w->o->batch * 3 * size * size, sizeof(float));
        own->straight[i] = base_alloc((size_t)w->o->batch * 3 * size * size, sizeof(float));
        ok &= own->bent[i] && own->straight[i];
    }
    own->face = base_alloc(3 * side * side, sizeof(float));
    own->moved = base_alloc(3 * side * side, sizeof(float));
    return ok && own->face && own->moved ? open_networks(w, e) : base_no_memory(e);
}

static void close(train_work *w)
{
    state *own = w->own;
    for (int i = 0; i < PEOPLE; i++) {
        base_free(own->bent[i]);
        base_free(own->straight[i]);
    }
    base_free(own->face);
    base_free(own->moved);
    train_swapper_close(&own->swapper);
}

// Photos of a person that are learnt from, and after them those that are not.
static void photos_of(const train_work *w, int person, size_t *first, size_t *n, size_t *kept)
{
    train_cache_of_person(w->cache, person, first, n);
    *kept = *n > 1 ? (*n + 9) / 10 : 0;
    *n -= *kept;
}

static void read_face(const train_work *w, size_t i, float *planes)
{
    base_image m = {.w = side_of(w),
                    .h = side_of(w),
                    .rgb = (uint8_t *)(uintptr_t)train_cache_pixels(w->cache, i)}; // only read
    base_image_to_planes(&m, false, 1.0F / 255, 0, planes);
}

// Both people's photos must be there, and the shift of A's colours known.
static guise_status prepare(train_work *w, base_error *e)
{
    state *own = w->own;
    double mean[PEOPLE][3] = {{0}};
    if (own->ready) return GUISE_OK;
    if (train_cache_people(w->cache) != PEOPLE)
        return base_fail(e, GUISE_NO_FACE, "one of the two folders has no usable photo");
    for (int k = 0; k < PEOPLE; k++) {
        size_t first = 0, n = 0, kept = 0;
        photos_of(w, k, &first, &n, &kept);
        for (size_t i = 0; i < n; i++) {
            double one[3];
            read_face(w, first + i, own->face);
            train_mean_colour(own->face, 1, side_of(w), one);
            for (int c = 0; c < 3; c++) mean[k][c] += one[c] / (double)n;
        }
    }
    for (int c = 0; c < 3 && mine(w)->match; c++) own->shift[c] = mean[B][c] - mean[A][c];
    own->ready = true;
    return GUISE_OK;
}

static guise_status fill(train_work *w, int step, base_rng *r, base_error *e)
{
    state *own = w->own;
    size_t plane = 3 * (size_t)w->o->size * (size_t)w->o->size;
    int side = side_of(w);
    (void)step;
    guise_status s = prepare(w, e);
    for (int k = 0; !s && k < PEOPLE; k++) {
        size_t first = 0, n = 0, kept = 0;
        photos_of(w, k, &first, &n, &kept);
        for (size_t i = 0; !s && i < (size_t)w->o->batch; i++) {
            train_warp warp;
            read_face(w, first + (size_t)base_rng_range(r, 0, (int)n - 1), own->face);
            if (k == A) train_shift_colour(own->face, side, own->shift);
            train_warp_draw(&warp, r);
            train_warp_move(own->face, side, train_warp_similarity(&warp, side), warp.flip,
                            own->moved);
            s = train_warp_pair(own->moved, side, &warp, w->o->size, own->bent[k] + i * plane,
                                own->straight[k] + i * plane, e);
        }
        base_team_keep(w->team, own->bent[k], w->o->batch, plane * sizeof(float));
        base_team_keep(w->team, own->straight[k], w->o->batch, plane * sizeof(float));
    }
    return s;
}

static guise_status plan(train_work *w, int person, base_error *e)
{
    static const char *const names[] = {"person A's step", "person B's step"};
    state *own = w->own;
    train_phase *p = &w->phase[person];
    *p = (train_phase){.name = names[person], .network = person, .run.graph = train_work_graph(w)};
    if (!p->run.graph) return base_no_memory(e);
    const model_deepfakes_options *o = w->network[0].options;
    nn m = nn_root(w->learner[person].params, p->run.graph, true);
    tg_node *bent = train_work_image(w, p->run.graph, "bent");
    tg_node *straight = train_work_image(w, p->run.graph, "straight");
    tg_node *code = model_deepfakes_encode(m, bent, o, NULL);
    tg_node *made = model_deepfakes_decode(m, code, person == A ? 'A' : 'B', o, NULL);
    p->total = p->loss[OF_A + person] = train_deepfakes_loss(made, straight);
    const train_tie tie[] = {{bent, own->bent[person], false},
                             {straight, own->straight[person], false}};
    return train_phase_open(w, p, tie, 2, e);
}

static guise_status step(train_work *w, int at, base_rng *r, double value[TRAIN_LOSSES],
                         base_error *e)
{
    const train_options *o = w->o;
    guise_status s = GUISE_OK;
    (void)at;
    (void)r;
    for (int k = 0; !s && k < PEOPLE; k++) {
        train_phase *p = &w->phase[k];
        train_learner *l = &w->learner[k];
        if (!p->run.plan) s = plan(w, k, e);
        if (!s) s = train_phase_run(w, p, value, e);
        if (s) return s;
        nn_adam adam = {w->rates.lr, o->beta1, o->beta2, o->eps};
        train_learner_step(l, train_keras_adam(adam, l->steps + 1), l->average ? o->ema : 0);
        share_encoder(w, k);
    }
    value[ALL] = (value[OF_A] + value[OF_B]) / 2;
    return s;
}

// Both decoders on the encoder of the one: a swapper that makes `person`.
static guise_status take(train_work *w, int person, base_error *e)
{
    state *own = w->own;
    train_swapper_close(&own->swapper);
    guise_status s = train_swapper_open(&own->swapper, &w->network[person], w->o->size, 1, e);
    if (!s) train_swapper_take(&own->swapper, train_learner_weights(&w->learner[person]));
    return s;
}

// The crop [3,size,size] of a kept face that a swap sees; A's with the colours that it was taught.
static void crop_of(const train_work *w, int person, size_t photo, float *to)
{
    state *own = w->own;
    int size = w->o->size, side = side_of(w);
    double k = (double)side * 5 / 8 / size, from = side * 3.0 / 16;
    read_face(w, photo, own->face);
    if (person == A) train_shift_colour(own->face, side, own->shift);
    train_warp_cut(own->face, side, (face_transform){{k, 0, from, 0, k, from}}, size, to);
}

// Crops of up to n photos of a person that were not learnt from, cyclically.
static void show(const train_work *w, int person, int n, float *to)
{
    size_t first = 0, learnt = 0, kept = 0, plane = 3 * (size_t)w->o->size * (size_t)w->o->size;
    photos_of(w, person, &first, &learnt, &kept);
    if (!kept) kept = learnt, learnt = 0;
    for (int i = 0; i < n; i++)
        crop_of(w, person, first + learnt + (size_t)i % kept, to + (size_t)i * plane);
}

static const char *const measure_names[] = {"self_a", "self_b", NULL};

// Mean absolute error of a person's faces through encoder and own decoder.
static guise_status measure(train_work *w, double value[TRAIN_MEASURES], base_error *e)
{
    state *own = w->own;
    const float *made = NULL;
    guise_status s = prepare(w, e);
    for (int k = 0; !s && k < PEOPLE; k++) {
        size_t n = (size_t)TRAIN_SWAPS * 3 * (size_t)w->o->size * (size_t)w->o->size;
        s = take(w, k, e);
        if (!s) show(w, k, TRAIN_SWAPS, own->swapper.target);
        if (!s) s = train_swapper_run(&own->swapper, &made, e);
        double sum = 0;
        for (size_t i = 0; !s && i < n; i++)
            sum += fabs((double)made[i] - (double)own->swapper.target[i]);
        value[k] = sum / (double)n;
    }
    return s;
}

static void place(base_image *sheet, const float *planes, int size, int column, int row)
{
    size_t area = (size_t)size * (size_t)size;
    for (size_t i = 0; i < area; i++) {
        size_t y = (size_t)row * (size_t)size + i / (size_t)size;
        uint8_t *to =
            sheet->rgb + 3 * (y * (size_t)sheet->w + (size_t)(column * size) + i % (size_t)size);
        for (size_t c = 0; c < 3; c++) {
            float v = planes[c * area + i] * 255 + 0.5F;
            to[c] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

// Columns: A, B's face on it, B, A's face on it; one new photo a row.
static guise_status sample(train_work *w, const char *path, base_error *e)
{
    state *own = w->own;
    int size = w->o->size;
    size_t plane = 3 * (size_t)size * (size_t)size;
    base_image sheet = {0};
    const float *made = NULL;
    guise_status s = prepare(w, e);
    if (!s) s = base_image_new(&sheet, 4 * size, TRAIN_SWAPS * size, e);
    for (int k = 0; !s && k < PEOPLE; k++) {
        s = take(w, !k, e);
        if (!s) show(w, k, TRAIN_SWAPS, own->swapper.target);
        if (!s) s = train_swapper_run(&own->swapper, &made, e);
        for (int i = 0; !s && i < TRAIN_SWAPS; i++) {
            place(&sheet, own->swapper.target + (size_t)i * plane, size, 2 * k, i);
            place(&sheet, made + (size_t)i * plane, size, 2 * k + 1, i);
        }
    }
    if (!s)
        s = media_photo_write(&sheet, path,
                              &(media_photo_options){.quality = 90, .mark = GUISE_SWAPPED}, e);
    base_image_free(&sheet);
    return s;
}

// generator-b.safetensors: like generator.safetensors, but for the person.
static guise_status export_b(train_work *w, const char *dir, base_error *e)
{
    base_tensors first = {0}, full = {0}, half = {0};
    char *from = base_format("%s/generator.safetensors", dir);
    char *to = base_format("%s/generator-b.safetensors", dir);
    char *words = train_network_print(&w->network[1]);
    guise_status s = from && to && words ? GUISE_OK : base_no_memory(e);
    if (!s) s = weights_read(&first, from, e);
    if (!s) s = nn_save(w->learner[B].params, train_learner_weights(&w->learner[B]), &full, e);
    for (size_t i = 0; !s && i < full.n; i++) s = train_add_half(&half, &full.at[i], e);
    for (size_t i = 0; !s && i < first.n_meta; i++) {
        const char *key = first.meta[2 * i], *value = first.meta[2 * i + 1];
        if (!base_tensors_set_meta(&half, key, strcmp(key, CARD_OPTIONS) != 0 ? value : words))
            s = base_no_memory(e);
    }
    if (!s) s = weights_safetensors_write(&half, to, e);
    base_tensors_free(&first);
    base_tensors_free(&full);
    base_tensors_free(&half);
    base_free(from);
    base_free(to);
    base_free(words);
    return s;
}

static const train_recipe recipes[] = {
    {"deepfakes",
     &train_deepfakes,
     "DeepFakes of 2017 for two people, a=DIR and b=DIR: 64 px, one encoder, two decoders",
     {"generator=deepfakes", "size=64", "batch=64", "steps=200000", "lr=5e-5", "beta1=0.5",
      "eps=1e-7", "adv_from=-1", NULL}},
    {"deepfakes-small",
     &train_deepfakes,
     "the same a quarter as wide and ten times as fast to learn: forty minutes of a processor",
     {"generator=deepfakes:small", "generator_options=he=true", "size=64", "batch=16", "steps=9000",
      "lr=5e-4", "beta1=0.5", "eps=1e-7", "adv_from=-1", "detail=2", "decay=3000",
      "sample_every=250", "measure_every=250", NULL}},
    {"deepfakes-toy",
     &train_deepfakes,
     "drawn faces (guise toy) at 32 px: seconds",
     {"generator=deepfakes", "generator_options=width=16 dense=128 he=true", "match=false",
      "size=32", "batch=8", "steps=900", "lr=2e-3", "beta1=0.5", "eps=1e-7", "adv_from=-1",
      "detail=2", "decay=400", "sample_every=0", NULL}},
    {0}};

const train_system train_deepfakes = {
    .name = "deepfakes",
    .shared = true,
    .looks = true, // at those of both people, for their mean
    .fields = fields,
    .options = sizeof(options),
    .recipes = recipes,
    .loss = loss_names,
    .no_identity = true,
    .state = sizeof(state),
    .check = check,
    .photos = photos,
    .open = open,
    .close = close,
    .fill = fill,
    .step = step,
    .measure_names = measure_names,
    .measure = measure,
    .sample = sample,
    .export = export_b,
};
