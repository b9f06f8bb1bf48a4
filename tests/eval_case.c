// eval_case.c -- a made set of photos and small networks, for tests of suites.
#include "eval_case.h"
#include "media/media.h"
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

guise_status eval_case_embedder(const char *path, base_error *e)
{
    const model_smooth_embedder_options o = {.width = 4, .latent = 16, .normalise = true};
    nn_params *p = NULL;
    base_tensors t = {0};
    tg_graph *g = tg_new();
    guise_status s = g ? nn_params_open(&p, e) : base_no_memory(e);
    if (!s) {
        tg_node *img = tg_input(g, TG_SHAPE(1, 3, 64, 64), "img");
        model_smooth_embedder(nn_root(p, g, false), img, &o, NULL);
        s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    }
    if (!s) s = nn_settle(p, 11, e);
    if (!s) s = nn_save(p, NULL, &t, e);
    if (!s && !(base_tensors_set_meta(&t, "guise.network", "smooth-embedder") &&
                base_tensors_set_meta(&t, "guise.options", "width=4 latent=16 normalise=yes") &&
                base_tensors_set_meta(&t, "guise.size", "64") &&
                base_tensors_set_meta(&t, "guise.template", "ffhq")))
        s = base_no_memory(e);
    if (!s) s = weights_safetensors_write(&t, path, e);
    base_tensors_free(&t);
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

guise_status eval_case_run(const char *suite, const char *data, const char *out,
                           const char *const set[], int most, eval_report *r, base_error *e)
{
    watch w = {.most = most};
    const base_names none = {0};
    const eval_call c = {.data = data,
                         .out = out,
                         .command = "guise eval",
                         .generators = &none,
                         .find = find,
                         .progress = progress,
                         .user = &w,
                         .stopped = &w.stopped};
    size_t n = 0;
    while (set && set[n]) n++;
    return eval_run(&c, suite, set, n, r, e);
}
