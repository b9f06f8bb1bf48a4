// test_smooth_system.c -- Smooth-Swap through the loop, on drawn faces: its embedder learns to tell
// people apart and recognises as an ONNX file, its generator trains by that, both resume to the
// same bits.
#include "media/media.h"
#include "model/card.h"
#include "test.h"
#include "train/embedding.h"
#include "train/toy.h"
#include "weights/weights.h"
#include <stdlib.h>
#include <string.h>

enum { PEOPLE = 60, PHOTOS = 4, SIDE = 72, LATENT = 24 };

TEST(verification_by_hand)
{
    base_error e = {0};
    train_verification v = {0};
    const float vector[] = {1, 0, 0.8F, 0.6F, 0.6F, 0.8F, -0.8F, 0.6F};
    const int person[] = {4, 4, 9, 9};
    // pairs of two people: 0-2 0.6, 0-3 -0.8, 1-2 0.96, 1-3 -0.28; same: 0-1 0.8, 2-3 0
    CHECK(!train_verify(vector, person, 4, 2, &v, &e));
    CHECK_NEAR(v.auc, (3.0 + 2.0) / 8, 1e-9);
    CHECK_NEAR(v.top1, 0.5, 1e-9); // 0 finds 1; 1 finds 2; 2 finds 1; 3 finds 2
    const float alike[] = {1, 0, 1, 0, 1, 0};
    CHECK(!train_verify(alike, (int[]){1, 1, 2}, 3, 2, &v, &e));
    CHECK_NEAR(v.auc, 0.5, 1e-9);
    CHECK(train_verify(vector, (int[]){1, 2, 3, 4}, 4, 2, &v, &e) == GUISE_BAD_ARGUMENT);
    CHECK(train_verify(vector, (int[]){1, 1, 1, 1}, 4, 2, &v, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "two people") != NULL);
}

// Person and look of a photo: people differ as drawn ones do, looks by a fifth of that.
static void at(int person, int photo, toy_person *p, toy_look *l)
{
    toy_set_at(&(toy_set){.people = PEOPLE, .photos = PHOTOS, .side = SIDE, .seed = 8}, person,
               photo, p, l);
    for (int i = 0; i < TOY_WAYS; i++) l->way[i] *= 0.2F;
}

static void write_face(const char *dir, int person, int photo, FILE *marks)
{
    base_error e = {0};
    base_image m = {0};
    toy_person p;
    toy_look l;
    face_point point[FACE_POINTS];
    char name[16], path[700];
    at(person, photo, &p, &l);
    toy_set_name(person, name);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK(!base_make_dir(path, &e));
    snprintf(path, sizeof path, "%s/%s/%d.png", dir, name, photo);
    CHECK(!toy_picture(&p, &l, SIDE, &m, &e) && !media_photo_write(&m, path, NULL, &e));
    toy_points(&p, &l, SIDE, point);
    fprintf(marks, "%s/%d.png", name, photo);
    for (int i = 0; i < FACE_POINTS; i++)
        fprintf(marks, " %g %g", (double)point[i].x, (double)point[i].y);
    fputs("\n", marks);
    base_image_free(&m);
}

static const char *faces(void) // made once
{
    static char dir[500];
    snprintf(dir, sizeof dir, "%s", test_scratch("faces"));
    if (base_is_dir(dir)) return dir;
    CHECK(!base_make_dir(dir, NULL));
    FILE *marks = fopen(test_scratch("faces_landmarks5.txt"), "w");
    CHECK(marks != NULL);
    for (int i = 0; marks && i < PEOPLE * PHOTOS; i++)
        write_face(dir, i / PHOTOS, i % PHOTOS, marks);
    CHECK(marks && !fclose(marks));
    return dir;
}

typedef struct {
    int stop_at;
    const char *what;   // a word of the log's lines; NULL: auc
    double first, last; // its values
} watched;

static bool watch(void *user, const train_progress *p)
{
    watched *w = user;
    const char *word = w->what ? w->what : " auc ",
               *at_word = p->line ? strstr(p->line, word) : NULL;
    if (at_word) w->last = strtod(at_word + strlen(word), NULL);
    if (at_word && w->first == 0) w->first = w->last;
    return !w->stop_at || p->step < w->stop_at;
}

static guise_status start(const char *recipe, const char *out, const char *identity, bool resume,
                          watched *w, const char *const *set, size_t n)
{
    base_error e = {0};
    train_config c = {.recipe = recipe,
                      .set = set,
                      .n_set = n,
                      .data = faces(),
                      .out = out,
                      .identity = identity,
                      .resume = resume,
                      .progress = watch,
                      .user = w};
    guise_status s = train_start(&c, &e);
    if (s) printf("    %s\n", e.text);
    return s;
}

static const char *const embedder[] = {
    "size=32",        "batch=40",    "generator_options=width=8 latent=24",
    "steps=160",      "lr=0.1",      "tau=0.2",
    "weight_decay=0", "lr_warmup=5", "ema=0.9",
    "shift=1",        "log_every=4", "measure_every=20",
    "save_every=80"};
enum { EMBEDDER = sizeof embedder / sizeof *embedder };

// Of all pairs of people whom it never saw, few are in the wrong order.
TEST(embedder_learns_to_tell_people_apart)
{
    watched w = {0};
    CHECK(!start("smooth-embedder-56", test_scratch("id"), NULL, false, &w, embedder, EMBEDDER));
    CHECK(w.first > 0 && 1 - w.last < 0.5 * (1 - w.first));
    CHECK(w.last > 0.85);
    if (w.last <= 0.85) printf("    auc %g, then %g\n", w.first, w.last);
}

static double cosine(const float *a, const float *b, int n)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static void crop_of(int size, base_image *m, base_image *crop, face_point point[FACE_POINTS])
{
    base_error e = {0};
    toy_person p;
    toy_look l;
    face_transform t;
    at(3, 1, &p, &l);
    toy_points(&p, &l, 256, point);
    CHECK(!toy_picture(&p, &l, 256, m, &e));
    CHECK(!face_align(&t, point, FACE_ARCFACE, size, NULL, &e));
    CHECK(!face_crop_smooth(crop, m, t, size, &e));
}

// What the ONNX file says of a photo is what the network says of its crop.
TEST(embedder_is_a_recogniser_like_any_other)
{
    base_error e = {0};
    face_recogniser *r = NULL;
    train_network net = {0};
    train_embedder own = {0};
    base_tensors t = {0};
    face_point point[FACE_POINTS];
    base_image m = {0}, crop = {0};
    float said[LATENT];
    crop_of(112, &m, &crop, point);
    CHECK(!weights_safetensors_read(&t, test_scratch("id/generator.safetensors"), &e));
    CHECK(!train_network_open(&net, "smooth-embedder", base_tensors_meta(&t, CARD_OPTIONS), &e));
    CHECK(!train_embedder_open(&own, &net, 112, &e) && !nn_load(own.params, &t, true, &e));
    CHECK(!train_embedder_write(&own, test_scratch("own.onnx"), &e));
    CHECK(!face_recogniser_open(&r, test_scratch("own.onnx"), &e));
    CHECK(r && face_recogniser_length(r) == LATENT);
    if (r && crop.rgb) {
        CHECK(!face_recognise(r, &m, point, said, &e));
        base_image_to_planes(&crop, false, 1.0F / 255, 0, own.img);
        tg_plan_params_changed(own.plan);
        CHECK(!tg_plan_run(own.plan, &e));
        CHECK_NEAR(cosine(said, tg_plan_value(own.plan, own.unit), LATENT), 1, 1e-5);
    }
    base_image_free(&m);
    base_image_free(&crop);
    train_embedder_close(&own);
    train_network_close(&net);
    base_tensors_free(&t);
    face_recogniser_close(&r);
}

// A crop of 112 pixels made smaller is the crop of that size, but for how it is sampled.
TEST(embedder_sees_what_it_learnt_from)
{
    const int sizes[] = {32, 56, 64, 112, 128};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int size = sizes[k];
        base_image m = {0}, big = {0}, small = {0};
        face_point point[FACE_POINTS];
        crop_of(112, &m, &big, point);
        base_image_free(&m);
        crop_of(size, &m, &small, point);
        tg_graph *g = tg_new();
        tg_node *x = tg_input(g, TG_SHAPE(1, 3, 112, 112), "crop");
        for (int i = 0; big.rgb && i < 112 * 112 * 3; i++)
            tg_data(x)[i % 3 * 112 * 112 + i / 3] = big.rgb[i];
        const double *seen = tg_eval(train_embedder_see(x, size));
        double sum = 0;
        for (int i = 0; seen && small.rgb && i < size * size * 3; i++)
            sum += fabs(seen[i % 3 * size * size + i / 3] - small.rgb[i]) / 255;
        CHECK(seen && small.rgb);
        CHECK_NEAR(sum / (size * size * 3), 0, 0.025);
        tg_free(g);
        base_image_free(&m);
        base_image_free(&big);
        base_image_free(&small);
    }
}

// Taught by the first embedder, another one that contrast alone would make arbitrary lands in its
// space: it has vectors of that length, and they come to point the same way.
TEST(embedder_learns_from_a_recogniser)
{
    static const char *const set[] = {
        "size=32",         "batch=24",     "steps=120",        "lr=0.05",
        "lambda_teach=20", "between=0.25", "weight_decay=0",   "generator_options=width=8 latent=7",
        "log_every=4",     "lr_warmup=5",  "measure_every=60", "ema=0.9",
        "save_every=120",  "spoil=0.5"};
    watched w = {.what = " teach "};
    char onnx[600];
    base_tensors t = {0};
    snprintf(onnx, sizeof onnx, "%s", test_scratch("id/embedder.onnx"));
    CHECK(!start("smooth-embedder-56", test_scratch("taught"), onnx, false, &w, set,
                 sizeof set / sizeof *set));
    CHECK(w.first > 0.5 && w.last < 0.4 * w.first);
    if (w.last >= 0.4 * w.first) printf("    teach %g, then %g\n", w.first, w.last);
    CHECK(!weights_safetensors_read(&t, test_scratch("taught/generator.safetensors"), NULL));
    const char *options = base_tensors_meta(&t, CARD_OPTIONS);
    CHECK(options && strstr(options, "latent=24") != NULL);
    base_tensors_free(&t);
    CHECK(start("smooth-embedder-56", test_scratch("untaught"), NULL, false, &w, set,
                sizeof set / sizeof *set) == GUISE_BAD_ARGUMENT);
}

// Are all tensors of both runs' checkpoints of a step the same bits?
static bool same_state(const char *a, const char *b, int step)
{
    base_tensors t[2] = {{0}};
    bool same = true;
    for (int i = 0; i < 2; i++) {
        char path[900];
        snprintf(path, sizeof path, "%s/checkpoint-%09d.safetensors", i ? b : a, step);
        same = same && !weights_safetensors_read(&t[i], path, NULL);
    }
    same = same && t[0].n == t[1].n && t[0].n >= 5;
    for (size_t i = 0; same && i < t[0].n; i++) {
        const base_tensor *x = &t[0].at[i], *y = base_tensors_find(&t[1], x->name);
        if (!strcmp(x->name, "real")) continue; // has the seconds
        same = y && base_tensor_bytes(x) == base_tensor_bytes(y) &&
               !memcmp(x->data, y->data, base_tensor_bytes(x));
    }
    base_tensors_free(&t[0]);
    base_tensors_free(&t[1]);
    return same;
}

// A run as a whole, and one that stops at a step and is resumed.
static void check_resumed(const char *recipe, const char *name, const char *identity, int stop_at,
                          int last, const char *const *set, size_t n)
{
    char whole[600], halves[600];
    snprintf(whole, sizeof whole, "%s-whole", test_scratch(name));
    snprintf(halves, sizeof halves, "%s-halves", test_scratch(name));
    watched w = {0};
    CHECK(!start(recipe, whole, identity, false, &w, set, n));
    w.stop_at = stop_at;
    CHECK(!start(recipe, halves, identity, false, &w, set, n));
    w.stop_at = 0;
    CHECK(!start(recipe, halves, identity, true, &w, set, n));
    CHECK(same_state(whole, halves, last));
}

static const char *const swapper[] = {"size=32",
                                      "batch=4",
                                      "steps=18",
                                      "warmup=2",
                                      "lr_warmup=3",
                                      "adv_from=2",
                                      "adv_ramp=2",
                                      "d_lead=1",
                                      "id_ramp=4",
                                      "generator_options=width=8 multipliers=1,2 blocks=1 cond=16",
                                      "gamma=10",
                                      "log_every=3",
                                      "discriminator_options=channels=8,8,8,8 group=2",
                                      "ema=0.9",
                                      "save_every=6",
                                      "sample_every=9",
                                      "decay=0"};
enum { SWAPPER = sizeof swapper / sizeof *swapper };

TEST(resumed_runs_give_the_same_bits) // R1 is at step 16, and its last value is kept
{
    const char *few[] = {"size=32",
                         "batch=8",
                         "steps=6",
                         "momentum=0.9",
                         "ema=0.9",
                         "save_every=2",
                         "log_every=2",
                         "optimiser=sgd",
                         "lr=0.01",
                         "beta1=0",
                         "each=4",
                         "measure_every=0",
                         "weight_decay=0.01",
                         "generator_options=width=4 latent=8"};
    char onnx[600];
    snprintf(onnx, sizeof onnx, "%s", test_scratch("id/embedder.onnx"));
    check_resumed("smooth-embedder-56", "embed", NULL, 3, 6, few, sizeof few / sizeof *few);
    few[1] = "batch=10", few[11] = "lambda_teach=10", few[9] = "between=0.2";
    few[12] = "spoil=2";
    check_resumed("smooth-embedder-56", "pupil", onnx, 3, 6, few, sizeof few / sizeof *few);
    check_resumed("smoothswap-64", "swap", onnx, 17, 18, swapper, SWAPPER);
    base_tensors t = {0};
    char path[700];
    snprintf(path, sizeof path, "%s-whole/checkpoint-%09d.safetensors", test_scratch("swap"), 18);
    CHECK(!weights_safetensors_read(&t, path, NULL));
    const base_tensor *r1 = base_tensors_find(&t, "kept.r1");
    CHECK(r1 && *(const double *)r1->data > 0);
    base_tensors_free(&t);
    snprintf(path, sizeof path, "%s-whole/generator.safetensors", test_scratch("swap"));
    CHECK(!weights_safetensors_read(&t, path, NULL));
    const char *who = base_tensors_meta(&t, CARD_IDENTITY);
    CHECK(who && !strcmp(who, "embedder"));
    base_tensors_free(&t);
}

TEST(swapper_learns_identity_from_the_embedder)
{
    static const char *const set[] = {
        "size=32",
        "batch=8",
        "steps=120",
        "lr=3e-3",
        "lr_warmup=5",
        "adv_from=-1",
        "warmup=0",
        "lambda_id=4",
        "beta1=0",
        "id_ramp=0",
        "lambda_rec=0",
        "rec_other=0",
        "rec_edge=0",
        "ema=0",
        "decay=0",
        "log_every=10",
        "same=0",
        "save_every=1000",
        "sample_every=0",
        "measure_every=0",
        "generator_options=width=8 multipliers=1,2,2 blocks=1 cond=32 front=scaled-mlp"};
    watched w = {.what = " id "};
    char onnx[600];
    snprintf(onnx, sizeof onnx, "%s", test_scratch("id/embedder.onnx"));
    CHECK(!start("smoothswap-64", test_scratch("learns"), onnx, false, &w, set,
                 sizeof set / sizeof *set));
    CHECK(w.first > 0.3 && w.last < 0.5 * w.first);
}

TEST(bad_options_are_one_sentence)
{
    static const char *const bad[][3] = {
        {"smooth-embedder-56", "batch=7", "each=2"},
        {"smooth-embedder-56", "optimiser=lion", "sgd or adam"},
        {"smooth-embedder-56", "tau=0", "tau"},
        {"smooth-embedder-56", "size=16", "size"},
        {"smooth-embedder-56", "generator=ncsnpp", "smooth-embedder"},
        {"smooth-embedder-56", "adv_from=0", "no discriminator"},
        {"smooth-embedder-56", "lambda_teach=-1", "lambda_teach"},
        {"smooth-embedder-56", "between=1", "between"},
        {"smooth-embedder", "between=0.3", "lambda_teach="},
        {"smooth-embedder-56", "spoil=5", "spoil"},
        {"smoothswap-small", "discriminator=patchgan", "stylegan2-d"},
        {"smoothswap-small", "size=96", "power of two"},
        {"smoothswap-64", "gamma=-1", "gamma"},
        {"smoothswap-64", "lambda_change=-1", "lambda_change"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        base_error e = {0};
        train_options o;
        const train_recipe *r = train_recipe_find(bad[i][0]);
        CHECK(r && train_options_fill(&o, r, &bad[i][1], 1, &e) == GUISE_BAD_ARGUMENT);
        CHECK(strstr(e.text, bad[i][2]) != NULL);
        if (!strstr(e.text, bad[i][2])) printf("    %s: %s\n", bad[i][1], e.text);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(verification_by_hand), CASE(embedder_learns_to_tell_people_apart),
               CASE(embedder_is_a_recogniser_like_any_other),
               CASE(embedder_sees_what_it_learnt_from), CASE(embedder_learns_from_a_recogniser),
               CASE(resumed_runs_give_the_same_bits),
               CASE(swapper_learns_identity_from_the_embedder), CASE(bad_options_are_one_sentence));
}
