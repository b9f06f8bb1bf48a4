// test_start.c -- a training that begins with another's weights, and one whose landmarks a frozen
// detector holds in place.
#include "model/card.h"
#include "model/own.h"
#include "test.h"
#include "train/landmarks.h"
#include "train/system.h"
#include <math.h>
#include <string.h>

enum { LATENT = 4, SIZE = 16 };

static void build(nn m, int skips)
{
    const model_simswap_options o = {
        .width = 2, .depth = 1, .blocks = 1, .latent = LATENT, .max_width = 4, .skips = skips};
    tg_node *img = tg_input(m.graph, TG_SHAPE(1, 3, SIZE, SIZE), "img");
    model_simswap(m, img, tg_input(m.graph, TG_SHAPE(1, LATENT), "id"), &o, NULL);
}

// Open learners only: their values come from a file or from settling.
static guise_status learner_of(train_learner *l, int skips, base_error *e)
{
    tg_graph *g = tg_new();
    guise_status s = g ? train_learner_open(l, e) : base_no_memory(e);
    if (!s) build(nn_root(l->params, g, true), skips);
    if (!s) s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    tg_free(g);
    return s;
}

static guise_status write_weights(train_learner *l, const char *path, base_error *e)
{
    base_tensors t = {0};
    guise_status s = learner_of(l, 0, e);
    if (!s) s = train_learner_settle(l, 7, false, e);
    if (!s) s = nn_save(l->params, NULL, &t, e);
    if (!s) s = weights_safetensors_write(&t, path, e);
    base_tensors_free(&t);
    return s;
}

static const float *values(const train_learner *l, const char *name, size_t *count)
{
    const nn_entry *e = nn_params_find(l->params, name);
    CHECK(e != NULL);
    *count = e ? e->count : 0;
    return e ? nn_params_data(l->params) + e->offset : NULL;
}

TEST(starts_with_the_weights_of_a_file)
{
    base_error e = {{0}};
    train_learner from = {0}, to = {0};
    const char *path = test_scratch("start.safetensors");
    CHECK(!write_weights(&from, path, &e));
    CHECK(!learner_of(&to, 1, &e) && !train_start_with(&to, path, &e));
    CHECK(!train_learner_settle(&to, 8, true, &e));
    for (size_t i = 0; i < nn_params_n(from.params); i++) {
        const nn_entry *a = nn_params_entry(from.params, i);
        size_t n = 0;
        const float *b = values(&to, a->name, &n);
        if (n == a->count && b)
            CHECK(!memcmp(b, nn_params_data(from.params) + a->offset, n * sizeof *b));
        else
            CHECK(!strcmp(a->name, "up1.1.weight"));
    }
    // [2,4,3,3] became [2,4+2,3,3]: what the layer sees in addition counts for nothing at first
    size_t n = 0, m = 0;
    const float *a = values(&from, "up1.1.weight", &m), *b = values(&to, "up1.1.weight", &n);
    CHECK(m == 2 * 4 * 9 && n == 2 * 6 * 9);
    for (int k = 0; a && b && k < 2; k++)
        for (int i = 0; i < 6 * 9; i++) CHECK_NEAR(b[k * 54 + i], i < 36 ? a[k * 36 + i] : 0, 0);
    // what the file lacks has values of its own, and the average begins with all of them
    const float *style = values(&to, "up1.style.linear.weight", &n);
    double sum = 0;
    for (size_t i = 0; style && i < n; i++) sum += fabs((double)style[i]);
    CHECK(n && sum > 0);
    CHECK(!memcmp(to.average, nn_params_data(to.params), to.floats * sizeof(float)));
    train_learner_close(&from);
    train_learner_close(&to);
}

TEST(a_start_that_does_not_fit_is_refused)
{
    base_error e = {{0}};
    train_learner from = {0}, to = {0};
    base_tensors t = {0};
    const char *path = test_scratch("start.safetensors"), *none = test_scratch("no.safetensors");
    CHECK(!learner_of(&from, 1, &e) && !train_learner_settle(&from, 7, false, &e));
    CHECK(!nn_save(from.params, NULL, &t, &e) && !weights_safetensors_write(&t, path, &e));
    base_tensors_free(&t);
    CHECK(!learner_of(&to, 0, &e));
    CHECK(train_start_with(&to, path, &e) == GUISE_BAD_FILE); // the file sees more
    CHECK(strstr(e.text, "up1.1.weight") && strstr(e.text, path));
    float one = 1;
    e = (base_error){{0}};
    CHECK(base_tensors_add(&t, "other", BASE_F32, 1, (int64_t[]){1}, &one) != NULL);
    CHECK(!weights_safetensors_write(&t, none, &e));
    CHECK(train_start_with(&to, none, &e) == GUISE_BAD_FILE);
    CHECK(strstr(e.text, "no weights that this network takes"));
    CHECK(train_start_with(&to, "/nowhere.safetensors", &e) == GUISE_IO);
    base_tensors_free(&t);
    train_learner_close(&from);
    train_learner_close(&to);
}

enum { ROWS = 2, SIDE = 64 };

static guise_status write_detector(const char *path, base_error *e)
{
    const model_face_detector_options o = {.width = 4};
    model_face_level level[MODEL_FACE_LEVELS];
    nn_params *p = NULL;
    base_tensors t = {0};
    tg_graph *g = tg_new();
    guise_status s = nn_params_open(&p, e);
    tg_node *img = tg_input(g, TG_SHAPE(1, 3, SIDE, SIDE), "img");
    if (!s && !model_face_detector(nn_root(p, g, false), img, &o, level))
        s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    if (!s) s = nn_settle(p, 5, e);
    if (!s) s = nn_save(p, NULL, &t, e);
    if (!s && (!base_tensors_set_meta(&t, CARD_NETWORK, "face-detector") ||
               !base_tensors_set_meta(&t, CARD_SIZE, "64") ||
               !base_tensors_set_meta(&t, CARD_OPTIONS, "width=4")))
        s = base_no_memory(e);
    if (!s) s = weights_safetensors_write(&t, path, e);
    tg_free(g);
    base_tensors_free(&t);
    nn_params_close(&p);
    return s;
}

static tg_node *picture(tg_graph *g, uint64_t seed)
{
    static float v[ROWS * 3 * SIDE * SIDE];
    base_rng r = {seed};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) v[i] = (float)base_rng_uniform(&r);
    return tg_const(g, TG_SHAPE(ROWS, 3, SIDE, SIDE), v);
}

// The mean over cells, weighted by their scores in want, of how far the points lie apart.
static double by_hand(const model_frozen *f, tg_node *made, tg_node *target)
{
    tg_node *in[2], *got[16] = {NULL}, *want[16] = {NULL};
    double all = 0;
    in[0] = tg_flip(tg_scale(made, 255), 1), in[1] = tg_flip(tg_scale(target, 255), 1);
    model_frozen_build(f, tg_graph_of(made), &in[0], got);
    model_frozen_build(f, tg_graph_of(made), &in[1], want);
    for (int row = 0; row < ROWS; row++) {
        double sum = 0, weights = 0;
        for (int l = 0; l < 3; l++) { // outputs: cls, obj, bbox, kps of each stride
            int cells = (SIDE / (8 << l)) * (SIDE / (8 << l));
            const double *c = tg_eval(want[4 * l]), *o = tg_eval(want[4 * l + 1]);
            const double *p = tg_eval(got[4 * l + 3]), *q = tg_eval(want[4 * l + 3]);
            for (int i = row * cells; c && o && p && q && i < (row + 1) * cells; i++) {
                double off = 0;
                for (int k = 0; k < 10; k++) off += fabs(p[10 * i + k] - q[10 * i + k]) / 10;
                sum += c[i] * o[i] * off * (8 << l) / SIDE;
                weights += c[i] * o[i];
            }
        }
        all += sum / (weights + 1e-3) / ROWS;
    }
    return all;
}

TEST(landmarks_stay_where_the_detector_sees_them)
{
    base_error e = {{0}};
    train_landmarks l = {0};
    const char *path = test_scratch("detector.safetensors");
    CHECK(!write_detector(path, &e) && !train_landmarks_open(&l, path, &e));
    if (!l.network) return;
    tg_graph *g = tg_new();
    tg_node *made = picture(g, 1), *target = picture(g, 2), *d[2];
    tg_node *loss = train_landmarks_loss(&l, made, target);
    const double *v = tg_eval(loss), *same = tg_eval(train_landmarks_loss(&l, target, target));
    double want = by_hand(l.network, made, target);
    CHECK(v && want > 1e-9); // random weights move little
    CHECK_NEAR(v ? v[0] : 9, want, 1e-6 * want);
    CHECK_NEAR(same ? same[0] : 9, 0, 0);
    tg_grad(loss, NULL, (tg_node *[]){made, target}, 2, d);
    const double *by_made = tg_eval(tg_sum(tg_abs(d[0]))), *by_target = tg_eval(tg_sum(d[1]));
    CHECK(by_made && by_made[0] > 0);
    CHECK_NEAR(by_target ? by_target[0] : 9, 0, 0); // a constant
    tg_free(g);
    train_landmarks_close(&l);
    CHECK(train_landmarks_open(&l, "/nowhere.onnx", &e) == GUISE_IO);
}

TEST(options_of_landmarks_are_checked)
{
    base_error e = {{0}};
    train_options o;
    static const char *const recipes[] = {"simswap-128", "faceshifter-64", "styleswap-64",
                                          "smoothswap-64"};
    for (int i = 0; i < 4; i++) {
        const train_recipe *r = train_recipe_find(recipes[i]);
        const char *const size[] = {"lambda_points=9", "size=80", "adv_from=-1"};
        e = (base_error){{0}};
        CHECK(train_options_fill(&o, r, size, 3, &e) == GUISE_BAD_ARGUMENT);
        CHECK(strstr(e.text, "size=80"));
        e = (base_error){{0}};
        const char *const away[] = {"lambda_id=0", "lambda_away=2"};
        CHECK(train_options_fill(&o, r, away, 2, &e) == GUISE_BAD_ARGUMENT);
        CHECK(strstr(e.text, "lambda_id must be above 0"));
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(starts_with_the_weights_of_a_file),
               CASE(a_start_that_does_not_fit_is_refused),
               CASE(landmarks_stay_where_the_detector_sees_them),
               CASE(options_of_landmarks_are_checked));
}
