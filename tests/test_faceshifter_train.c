// test_faceshifter_train.c -- FaceShifter through the training loop, on drawn faces: HEAR-Net
// brings back what was drawn over a face; it and AEI-Net resume to the same bits; a collapse ends a
// run; a swap is refined by weights that are found by their card. (That AEI-Net comes nearer to the
// right swap: test_toy_train.c.)
#include "guise.h"
#include "model/card.h"
#include "test.h"
#include "train/toy_teach.h"
#include "train/train.h"
#include "weights/weights.h"
#include <stdlib.h>
#include <string.h>

enum { PATH = 600 };

typedef struct {
    char faces[PATH], teacher[PATH], aei[PATH], hear[PATH];
} place;

static const char *in(char path[PATH], const char *name)
{
    snprintf(path, PATH, "%s", test_scratch(name));
    return path;
}

// Drawn people and a recogniser that has hardly learnt: any will do here.
static bool get_ready(place *p)
{
    base_error e = {0};
    toy_set set = {.people = 40, .photos = 2, .side = 64, .seed = 4};
    toy_teaching teacher = {.kind = TOY_TEACHER, .faces = 64, .steps = 2, .seed = 1};
    in(p->faces, "faces");
    in(p->teacher, "teacher.onnx");
    in(p->aei, "aei");
    in(p->hear, "hear");
    if (base_is_file(p->teacher)) return true;
    bool ok = !toy_set_write(&set, p->faces, &e) && !toy_teach(&teacher, p->teacher, &e);
    if (!ok) printf("    %s\n", e.text);
    return ok;
}

typedef struct {
    int stop_at;
    double hidden[2]; // before, after: as measured last
} watched;

static bool watch(void *user, const train_progress *p)
{
    watched *w = user;
    const char *line = p->line ? p->line : "";
    const char *before = strstr(line, "hidden_before "), *after = strstr(line, "hidden_after ");
    if (before && after) {
        w->hidden[0] = strtod(before + 14, NULL);
        w->hidden[1] = strtod(after + 13, NULL);
    }
    return !w->stop_at || p->step < w->stop_at;
}

static guise_status run(const place *p, const char *recipe, const char *out, const char *const *set,
                        size_t n, watched *w, bool resume, base_error *e)
{
    train_config c = {.recipe = recipe,
                      .set = set,
                      .n_set = n,
                      .data = p->faces,
                      .out = out,
                      .identity = p->teacher,
                      .resume = resume,
                      .progress = w ? watch : NULL,
                      .user = w};
    *e = (base_error){{0}};
    guise_status s = train_start(&c, e);
    return s;
}

static bool said(guise_status s, guise_status wanted, const base_error *e, const char *words)
{
    bool yes = s == wanted && strstr(e->text, words);
    if (!yes) printf("    status %d: %s\n", s, e->text);
    return yes;
}

// Everything that a checkpoint holds but its seconds.
static bool same_state(const char *dir_a, const char *dir_b, int step)
{
    base_tensors t[2] = {{0}};
    bool same = true;
    for (int i = 0; i < 2; i++) {
        char path[PATH + 60];
        snprintf(path, sizeof path, "%s/checkpoint-%09d.safetensors", i ? dir_b : dir_a, step);
        same = same && !weights_safetensors_read(&t[i], path, NULL);
    }
    same = same && t[0].n == t[1].n && t[0].n >= 5;
    for (size_t i = 0; same && i < t[0].n; i++) {
        const base_tensor *a = &t[0].at[i], *b = base_tensors_find(&t[1], a->name);
        if (!strcmp(a->name, "real")) continue;
        same = b && base_tensor_bytes(a) == base_tensor_bytes(b) &&
               !memcmp(a->data, b->data, base_tensor_bytes(a));
    }
    base_tensors_free(&t[0]);
    base_tensors_free(&t[1]);
    return same;
}

static const char *const whole[] = {"size=32",
                                    "batch=4",
                                    "steps=9",
                                    "generator_options=width=4 depth=2 max_width=16 blocks=1",
                                    "discriminator=multiscale-d",
                                    "discriminator_options=width=4 layers=2 scales=2",
                                    "warmup=2",
                                    "id_ramp=2",
                                    "rec_other=1",
                                    "rec_edge=2",
                                    "adv_from=4",
                                    "d_lead=1",
                                    "ema=0.9",
                                    "shift=1",
                                    "log_every=3",
                                    "save_every=4",
                                    "decay=0"};
enum { WHOLE = sizeof whole / sizeof *whole };

TEST(a_resumed_run_gives_the_same_bits)
{
    place p;
    base_error e;
    watched w = {.stop_at = 5};
    char a[PATH], b[PATH], path[PATH + 60];
    CHECK(get_ready(&p));
    CHECK(!run(&p, "faceshifter-toy", in(a, "whole"), whole, WHOLE, NULL, false, &e));
    CHECK(!run(&p, "faceshifter-toy", in(b, "halves"), whole, WHOLE, &w, false, &e));
    CHECK(!run(&p, "faceshifter-toy", b, whole, WHOLE, NULL, true, &e));
    CHECK(same_state(a, b, 9));
    base_tensors t = {0};
    snprintf(path, sizeof path, "%s/checkpoint-%09d.safetensors", a, 9);
    CHECK(!weights_safetensors_read(&t, path, &e));
    const base_tensor *steps = base_tensors_find(&t, "kept.collapse.steps");
    CHECK(steps && ((const double *)steps->data)[0] == 9);
    base_tensors_free(&t);
}

// A checkpoint whose watch remembers attributes that spread a million times as far.
static bool remember_more(const char *path)
{
    base_tensors t = {0}, to = {0};
    double steps = 200, first[16];
    for (int i = 0; i < 16; i++) first[i] = 1e6;
    bool ok = !weights_safetensors_read(&t, path, NULL);
    for (size_t i = 0; ok && i < t.n; i++) {
        const base_tensor *x = &t.at[i];
        const void *data = !strcmp(x->name, "kept.collapse.steps")   ? &steps
                           : !strcmp(x->name, "kept.collapse.first") ? first
                                                                     : x->data;
        ok = base_tensors_add(&to, x->name, x->dtype, x->rank, x->dim, data) != NULL;
    }
    ok = ok && !weights_safetensors_write(&to, path, NULL);
    base_tensors_free(&t);
    base_tensors_free(&to);
    return ok;
}

TEST(collapse_stops_a_run_that_remembers_better_days)
{
    place p;
    base_error e;
    const char *set[WHOLE + 2];
    char out[PATH], path[PATH + 60];
    CHECK(get_ready(&p));
    memcpy(set, whole, sizeof whole);
    set[WHOLE] = "steps=4";
    set[WHOLE + 1] = "steps=12";
    CHECK(!run(&p, "faceshifter-toy", in(out, "collapse"), set, WHOLE + 1, NULL, false, &e));
    snprintf(path, sizeof path, "%s/checkpoint-%09d.safetensors", out, 4);
    CHECK(remember_more(path));
    guise_status s = run(&p, "faceshifter-toy", out, set, WHOLE + 2, NULL, true, &e);
    CHECK(said(s, GUISE_BAD_ARGUMENT, &e, "attribute collapse"));
    CHECK(base_is_file(path));
    snprintf(path, sizeof path, "%s/checkpoint-%09d.safetensors", out, 8);
    CHECK(!base_is_file(path));
}

TEST(bad_options_are_one_sentence)
{
    static const char *const bad[][2] = {
        {"real=both", "real=both: say target or source"},
        {"adversarial=lsgan", "adversarial=lsgan"},
        {"rec=l3", "rec=l3"},
        {"lambda_att=-1", "lambda_att=-1 is not within"},
        {"generator=simswap", "faceshifter takes generator=aei"},
        {"generator_options=encoder=vgg", "unet, linknet and resnet"},
        {"generator_options=blocks=4", "blocks lies in 1..3"},
        {"size=36", "no multiple of 8"},
    };
    place p;
    base_error e;
    char out[PATH];
    CHECK(get_ready(&p));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        guise_status s = run(&p, "faceshifter-toy", in(out, "bad"), bad[i], 1, NULL, false, &e);
        CHECK(said(s, GUISE_BAD_ARGUMENT, &e, bad[i][1]));
    }
    const char *judge[] = {"adv_from=0", "discriminator=patchgan"};
    guise_status s = run(&p, "faceshifter-toy", out, judge, 2, NULL, false, &e);
    CHECK(said(s, GUISE_BAD_ARGUMENT, &e, "discriminator=multiscale-d"));
}

// An AEI-Net that has learnt little but to reconstruct, for HEAR-Net to refine.
TEST(aei_trains)
{
    place p;
    base_error e;
    const char *set[] = {"steps=80", "warmup=80", "decay=20",
                         "generator_options=width=8 depth=3 max_width=32 blocks=1"};
    CHECK(get_ready(&p));
    CHECK(!run(&p, "faceshifter-toy", p.aei, set, sizeof set / sizeof *set, NULL, false, &e));
}

// "refines=<its file>", and small numbers.
enum { OF_HEAR = 10 };
static void hear_options(const place *p, const char *set[OF_HEAR], const char *steps)
{
    static char refines[PATH + 60];
    snprintf(refines, sizeof refines, "refines=%s/generator.safetensors", p->aei);
    const char *const all[OF_HEAR] = {refines,
                                      "size=32",
                                      "shift=0",
                                      "batch=4",
                                      "decay=40",
                                      "lr=4e-3",
                                      "top=1",
                                      "measure_every=1000",
                                      "sample_every=1000",
                                      steps};
    memcpy(set, all, sizeof all);
}

TEST(hear_brings_back_what_was_drawn_over_faces)
{
    place p;
    base_error e;
    watched w = {0};
    const char *set[OF_HEAR];
    char path[PATH + 60];
    CHECK(get_ready(&p));
    hear_options(&p, set, "steps=120");
    CHECK(!run(&p, "hear-64", p.hear, set, OF_HEAR, &w, false, &e));
    printf("    hidden: %.4f swapped, %.4f refined\n", w.hidden[0], w.hidden[1]);
    CHECK(w.hidden[0] > 0 && w.hidden[1] < 0.95 * w.hidden[0]);
    base_tensors t = {0};
    base_sha256 sum = {{0}};
    snprintf(path, sizeof path, "%s/generator.safetensors", p.aei);
    CHECK(!base_sha256_file(&sum, path, &e));
    snprintf(path, sizeof path, "%s/generator.safetensors", p.hear);
    CHECK(!weights_safetensors_read(&t, path, &e));
    const char *refines = base_tensors_meta(&t, CARD_REFINES);
    CHECK(refines && !strcmp(refines, sum.hex));
    base_tensors_free(&t);
    snprintf(path, sizeof path, "%s/samples/step-000000120.jpg", p.hear);
    CHECK(base_is_file(path));
}

TEST(hear_resumes_to_the_same_bits)
{
    place p;
    base_error e;
    watched w = {.stop_at = 3};
    const char *set[OF_HEAR];
    char a[PATH], b[PATH];
    CHECK(get_ready(&p));
    hear_options(&p, set, "steps=6");
    CHECK(!run(&p, "hear-64", in(a, "hear-whole"), set, OF_HEAR, NULL, false, &e));
    CHECK(!run(&p, "hear-64", in(b, "hear-halves"), set, OF_HEAR, &w, false, &e));
    CHECK(!run(&p, "hear-64", b, set, OF_HEAR, NULL, true, &e));
    CHECK(same_state(a, b, 6));
}

TEST(hear_says_what_it_lacks)
{
    place p;
    base_error e;
    const char *set[OF_HEAR];
    char out[PATH], file[PATH + 60];
    CHECK(get_ready(&p));
    in(out, "none");
    hear_options(&p, set, "steps=6");
    guise_status s = run(&p, "hear-64", out, set + 1, OF_HEAR - 1, NULL, false, &e);
    CHECK(said(s, GUISE_BAD_ARGUMENT, &e, "hear needs refines=FILE"));
    set[OF_HEAR - 1] = "size=64";
    s = run(&p, "hear-64", out, set, OF_HEAR, NULL, false, &e);
    CHECK(said(s, GUISE_BAD_ARGUMENT, &e, "say size=32"));
    set[OF_HEAR - 1] = "adv_from=0";
    s = run(&p, "hear-64", out, set, OF_HEAR, NULL, false, &e);
    CHECK(said(s, GUISE_BAD_ARGUMENT, &e, "no discriminator"));
    set[OF_HEAR - 1] = "top=0";
    s = run(&p, "hear-64", out, set, OF_HEAR, NULL, false, &e);
    CHECK(said(s, GUISE_BAD_ARGUMENT, &e, "top=0"));
    set[OF_HEAR - 1] = "refines=nosuch.safetensors";
    s = run(&p, "hear-64", out, set, OF_HEAR, NULL, false, &e);
    CHECK(said(s, GUISE_IO, &e, "nosuch.safetensors"));
    snprintf(file, sizeof file, "refines=%s/generator.safetensors", p.hear);
    set[OF_HEAR - 1] = file; // HEAR-Net's own weights are no generator
    s = run(&p, "hear-64", out, set, OF_HEAR, NULL, false, &e);
    CHECK(said(s, GUISE_BAD_FILE, &e, "swaps"));
}

// The difference of two swaps of the same crop.
static double apart(const guise_image *a, const guise_image *b)
{
    double sum = 0;
    if (a->w != b->w || a->h != b->h) return -1;
    for (int i = 0; i < a->w * a->h * 3; i++) sum += abs(a->rgb[i] - b->rgb[i]);
    return sum / (a->w * a->h * 3);
}

static guise_status swap(const place *p, const char *refine, guise_image *out, char text[400])
{
    char weights[PATH + 40], photo[PATH + 40];
    guise_engine *g = NULL;
    guise_image m = {0};
    guise_identity id = {0};
    snprintf(weights, sizeof weights, "%s/generator.safetensors", p->aei);
    snprintf(photo, sizeof photo, "%s/toy-0001/0000.png", p->faces);
    guise_config c = {.weights = weights, .recogniser = p->teacher, .refine = refine};
    guise_status s = guise_open(&g, &c);
    if (!s) s = guise_image_read(g, photo, &m);
    if (!s) s = guise_embed(g, &m, NULL, "arcface", &id);
    if (!s) s = guise_swap_crop(g, &m, &id, out);
    snprintf(text, 400, "%s", guise_message(g));
    guise_identity_free(&id);
    guise_image_free(&m);
    guise_close(&g);
    return s;
}

TEST(a_swap_is_refined)
{
    place p;
    guise_image plain = {0}, refined = {0}, found = {0}, none = {0};
    char text[400], file[PATH + 40];
    CHECK(get_ready(&p));
    snprintf(file, sizeof file, "%s/generator.safetensors", p.hear);
    CHECK(!swap(&p, NULL, &plain, text));
    CHECK(!swap(&p, file, &refined, text));
    CHECK(apart(&plain, &refined) > 0.5);
    setenv("GUISE_WEIGHTS", p.hear, 1); // looked for by its card
    CHECK(!swap(&p, "", &found, text));
    CHECK(apart(&refined, &found) == 0);
    setenv("GUISE_WEIGHTS", p.aei, 1);
    CHECK(swap(&p, "", &none, text) == GUISE_IO);
    CHECK(strstr(text, "no weights that refine generator were found") != NULL);
    CHECK(swap(&p, "nosuch.safetensors", &none, text) == GUISE_IO);
    snprintf(file, sizeof file, "%s/generator.safetensors", p.aei);
    CHECK(swap(&p, file, &none, text) == GUISE_BAD_FILE);
    CHECK(strstr(text, "refines no generator") != NULL);
    CHECK(none.rgb == NULL);
    unsetenv("GUISE_WEIGHTS");
    guise_image_free(&plain);
    guise_image_free(&refined);
    guise_image_free(&found);
}

// One that follows another generator is refused: its heuristic error would be another one.
TEST(the_refiner_of_another_generator_is_refused)
{
    place p;
    base_error e = {0};
    base_tensors t = {0};
    guise_image none = {0};
    char text[400], file[PATH + 40];
    CHECK(get_ready(&p));
    snprintf(file, sizeof file, "%s/generator.safetensors", p.hear);
    CHECK(!weights_safetensors_read(&t, file, &e));
    CHECK(base_tensors_set_meta(&t, CARD_REFINES, "0123456789abcdef"));
    in(file, "other.safetensors");
    CHECK(!weights_safetensors_write(&t, file, &e));
    base_tensors_free(&t);
    CHECK(swap(&p, file, &none, text) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(text, "refines another generator than") != NULL);
    CHECK(none.rgb == NULL);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(aei_trains), CASE(a_resumed_run_gives_the_same_bits),
               CASE(collapse_stops_a_run_that_remembers_better_days),
               CASE(bad_options_are_one_sentence), CASE(hear_brings_back_what_was_drawn_over_faces),
               CASE(hear_resumes_to_the_same_bits), CASE(hear_says_what_it_lacks),
               CASE(a_swap_is_refined), CASE(the_refiner_of_another_generator_is_refused));
}
