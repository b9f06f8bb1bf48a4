// eval_case.c -- a made set of photos and small networks, for tests of suites.
#include "eval_case.h"
#include "media/media.h"
#include "model/own.h"
#include "model/smoothswap.h"
#include "weights/weights.h"
#include <math.h>

guise_status eval_case_photo(const char *path, int person, int photo, base_error *e)
{
    base_image m = {0};
    base_rng r = {(uint64_t)(1000 * person + photo)};
    guise_status s = base_image_new(&m, EVAL_CASE_SIDE, EVAL_CASE_SIDE, e);
    for (int i = 0; !s && i < 3 * EVAL_CASE_SIDE * EVAL_CASE_SIDE; i++) {
        int c = i % 3, x = i / 3 % EVAL_CASE_SIDE, y = i / 3 / EVAL_CASE_SIDE;
        double a = x * (0.05 + 0.011 * (person * 7 % 13)),
               b = y * (0.04 + 0.013 * (person * 5 % 11));
        double v = 128 + 70 * sin(a + c + person) * cos(b - c) + 8 * base_rng_uniform(&r) + photo;
        m.rgb[i] = (uint8_t)v;
    }
    if (!s) s = media_photo_write(&m, path, NULL, e);
    base_image_free(&m);
    return s;
}

guise_status eval_case_landmarks(const char *path, const base_names *keys, base_error *e)
{
    base_out *o = NULL;
    guise_status s = base_out_open(&o, path, e);
    if (s) return s;
    for (size_t i = 0; i < keys->n; i++)
        fprintf(base_out_file(o), "%s 34 40 62 40 48 54 37 68 59 68 0.9\n", keys->name[i]);
    return base_out_commit(&o, e);
}

guise_status eval_case_people(const char *dir, int people, int photos, base_error *e)
{
    base_names keys = {0};
    guise_status s = GUISE_OK;
    for (int i = 0; !s && i < people; i++) {
        char *person = base_format("%s/p%02d", dir, i);
        s = person ? base_make_dir(person, e) : base_no_memory(e);
        for (int k = 0; !s && k < photos; k++) {
            char *key = base_format("p%02d/p%02d_%d.png", i, i, k);
            char *path = base_format("%s/p%02d_%d.png", person, i, k);
            s = key && path && base_names_add(&keys, key) ? eval_case_photo(path, i, k, e)
                                                          : base_no_memory(e);
            base_free(key);
            base_free(path);
        }
        base_free(person);
    }
    char *marks = base_format("%s_landmarks5.txt", dir);
    if (!s) s = marks ? eval_case_landmarks(marks, &keys, e) : base_no_memory(e);
    base_free(marks);
    base_names_free(&keys);
    return s;
}

// Parameters of what was built in g, with random values, into a file with a card.
static guise_status save(const char *path, nn_params *p, const tg_graph *g, uint64_t seed,
                         const char *const card[][2], base_error *e)
{
    base_tensors t = {0};
    guise_status s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    if (!s) s = nn_settle(p, seed, e);
    if (!s) s = nn_save(p, NULL, &t, e);
    for (int i = 0; !s && card[i][0]; i++)
        if (!base_tensors_set_meta(&t, card[i][0], card[i][1])) s = base_no_memory(e);
    if (!s) s = weights_safetensors_write(&t, path, e);
    base_tensors_free(&t);
    return s;
}

static guise_status embedder(const char *path, uint64_t seed, base_error *e)
{
    static const char *const card[][2] = {{"guise.network", "smooth-embedder"},
                                          {"guise.options", "width=4 latent=16 normalise=yes"},
                                          {"guise.size", "64"},
                                          {"guise.template", "ffhq"},
                                          {NULL, NULL}};
    const model_smooth_embedder_options o = {.width = 4, .latent = 16, .normalise = true};
    nn_params *p = NULL;
    tg_graph *g = tg_new();
    guise_status s = g ? nn_params_open(&p, e) : base_no_memory(e);
    if (!s) {
        tg_node *img = tg_input(g, TG_SHAPE(1, 3, 64, 64), "img");
        model_smooth_embedder(nn_root(p, g, false), img, &o, NULL);
        s = save(path, p, g, seed, card, e);
    }
    nn_params_close(&p);
    tg_free(g);
    return s;
}

guise_status eval_case_detector(const char *path, base_error *e)
{
    static const char *const card[][2] = {{"guise.network", "face-detector"},
                                          {"guise.options", "width=4"},
                                          {"guise.size", "64"}, // of its training, no limit
                                          {NULL, NULL}};
    const model_face_detector_options o = {.width = 4};
    model_face_level level[MODEL_FACE_LEVELS];
    nn_params *p = NULL;
    tg_graph *g = tg_new();
    guise_status s = g ? nn_params_open(&p, e) : base_no_memory(e);
    if (!s) {
        tg_node *img = tg_input(g, TG_SHAPE(1, 3, 64, 64), "img");
        model_face_detector(nn_root(p, g, false), img, &o, level);
        s = save(path, p, g, 5, card, e);
    }
    nn_params_close(&p);
    tg_free(g);
    return s;
}

guise_status eval_case_embedder(const char *path, base_error *e) { return embedder(path, 11, e); }
guise_status eval_case_other(const char *path, base_error *e) { return embedder(path, 12, e); }

guise_status eval_case_generator(const char *path, base_error *e)
{
    static const char *const card[][2] = {
        {"guise.network", "simswap"},
        {"guise.options", "width=4 depth=2 blocks=1 latent=16 max_width=8"},
        {"guise.size", "32"},
        {"guise.template", "arcface"},
        {"guise.identity", "other"},
        {"guise.identity_length", "16"},
        {"guise.recipe", "simswap-ofm steps=1"},
        {NULL, NULL}};
    const model_simswap_options o = {
        .width = 4, .depth = 2, .blocks = 1, .latent = 16, .max_width = 8};
    nn_params *p = NULL;
    tg_graph *g = tg_new();
    guise_status s = g ? nn_params_open(&p, e) : base_no_memory(e);
    if (!s) {
        tg_node *img = tg_input(g, TG_SHAPE(1, 3, 32, 32), "img");
        tg_node *id = tg_input(g, TG_SHAPE(1, 16), "id");
        model_simswap(nn_root(p, g, false), img, id, &o, NULL);
        s = save(path, p, g, 5, card, e);
    }
    nn_params_close(&p);
    tg_free(g);
    return s;
}

typedef struct {
    int most;
    bool stopped;
} watch;

static bool progress(void *user, int done, int total, const char *line)
{
    watch *w = user;
    (void)total, (void)line;
    if (w->most && done >= w->most) w->stopped = true;
    return !w->stopped;
}

static guise_status find(void *user, const char *file, char **path, base_error *e)
{
    (void)user;
    *path = NULL;
    return base_fail(e, GUISE_IO, "%s: nowhere", file);
}

static guise_status answer(const eval_case_ask *a, int most, eval_report *r, base_error *e)
{
    watch w = {.most = most};
    const base_names none = {0};
    const eval_call c = {.data = a->data,
                         .out = a->out,
                         .generator = a->generator,
                         .recogniser = a->recogniser,
                         .landmarks = a->landmarks,
                         .command = "guise eval",
                         .generators = &none,
                         .find = find,
                         .progress = progress,
                         .user = &w,
                         .stopped = &w.stopped};
    size_t n = 0;
    while (a->set && a->set[n]) n++;
    return eval_run(&c, a->suite, a->set, n, r, e);
}

guise_status eval_case_answer(const eval_case_ask *a, eval_report *r, base_error *e)
{
    return answer(a, 0, r, e);
}

guise_status eval_case_run(const char *suite, const char *data, const char *out,
                           const char *const set[], int most, eval_report *r, base_error *e)
{
    return answer(&(eval_case_ask){.suite = suite, .data = data, .out = out, .set = set}, most, r,
                  e);
}
