// test_eval_swap.c -- eval swap on drawn photos, a tiny generator and linear measuring networks:
// what it draws, what it refuses, going on after a stop, ranks by hand; and the measuring networks
// on pictures whose answer is known.
#include "eval/cost.h"
#include "eval/statistics.h"
#include "eval/steady.h"
#include "eval/swap.h"
#include "eval_case.h"
#include "model/card.h"
#include "test.h"
#include "tiny.h"
#include <sys/stat.h>

enum { CELLS = 48 }; // a measuring network sees 4 x 4 means of 3 channels

// y [outs] = W means, W by seed; returned through weight [CELLS, outs] where it is not NULL.
static guise_status linear(const char *path, int side, int outs, uint64_t seed, float *weight,
                           base_error *e)
{
    float w[CELLS * 62];
    base_rng r = {seed};
    tg_graph *g = tg_new();
    for (int i = 0; i < CELLS * outs; i++) w[i] = (float)(base_rng_uniform(&r) - 0.5);
    if (weight) memcpy(weight, w, sizeof *w * (size_t)(CELLS * outs));
    tg_node *x = tg_input(g, TG_SHAPE(1, 3, side, side), "x");
    tg_node *p = tg_avg_pool(x, (tg_window){.kh = side / 4, .kw = side / 4, .stride = side / 4});
    tg_node *y = tg_matmul(tg_reshape(p, TG_SHAPE(1, CELLS)), tg_const(g, TG_SHAPE(CELLS, outs), w),
                           false, false);
    weights_onnx_names names = {.in = &x,
                                .out = &y,
                                .in_name = (const char *[]){"x"},
                                .out_name = (const char *[]){"y"},
                                .n_in = 1,
                                .n_out = 1};
    guise_status s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    if (!s) s = weights_onnx_write(g, &names, path, e);
    tg_free(g);
    return s;
}

// ---- A run of the suite.

typedef struct {
    char dir[200], data[240], generator[240], taker[240];
    char set[8][300];
    const char *sets[9];
    const char *form; // the usual face model, where it is found; NULL: nowhere
    int most;         // progress ends after so many, 0: never
    bool stopped;
} world;

enum { PEOPLE = 6, PHOTOS = 2, PAIRS = 12 };

static void world_make(world *w)
{
    base_error e = {{0}};
    snprintf(w->dir, sizeof w->dir, "%s", test_scratch("swap"));
    snprintf(w->data, sizeof w->data, "%s/people", w->dir);
    snprintf(w->generator, sizeof w->generator, "%s/tiny.safetensors", w->dir);
    snprintf(w->taker, sizeof w->taker, "%s/face_reid_0095.onnx", w->dir);
    snprintf(w->set[0], 300, "people=all");
    snprintf(w->set[1], 300, "identity=%s/judge.onnx", w->dir);
    snprintf(w->set[2], 300, "pose=%s/angles.onnx", w->dir);
    snprintf(w->set[3], 300, "shape=%s/form.onnx", w->dir);
    snprintf(w->set[4], 300, "pairs=%d", PAIRS);
    snprintf(w->set[5], 300, "runs=1");
    for (int i = 0; i < 8; i++) w->sets[i] = w->set[i][0] ? w->set[i] : NULL;
    if (base_is_dir(w->data)) return;
    CHECK(!base_make_dir(w->dir, &e) && !tiny_make(w->dir, &e));
    CHECK(!eval_case_people(w->data, PEOPLE, PHOTOS, &e));
    CHECK(!linear(w->taker, 128, 4, 1, NULL, &e));
    CHECK(!linear(w->set[1] + 9, 112, 8, 2, NULL, &e));
    CHECK(!linear(w->set[2] + 5, 60, 3, 3, NULL, &e));
    CHECK(!linear(w->set[3] + 6, 120, 62, 4, NULL, &e));
    if (e.text[0]) printf("%s\n", e.text);
}

static bool progress(void *user, int done, int total, const char *line)
{
    world *w = user;
    (void)line;
    CHECK(done >= 1 && done <= total && total > PEOPLE * PHOTOS && w != NULL);
    return !w->most || done < w->most;
}

static guise_status find(void *user, const char *file, char **path, base_error *e)
{
    const world *w = user;
    *path =
        w && w->form && !strcmp(file, "3ddfa_mb05_120x120.onnx") ? base_copy_text(w->form) : NULL;
    if (*path) return GUISE_OK;
    return base_fail(e, GUISE_IO, "%s: nowhere", file);
}

static guise_status measure(world *w, const char *out, bool resume, bool force, eval_report *r,
                            base_error *e)
{
    const base_names none = {0};
    char *path = out ? base_format("%s/%s", w->dir, out) : NULL;
    eval_call c = {.generator = w->generator,
                   .data = w->data,
                   .recogniser = w->taker,
                   .out = path,
                   .resume = resume,
                   .force = force,
                   .generators = &none,
                   .find = find,
                   .progress = progress,
                   .user = w,
                   .stopped = &w->stopped};
    size_t n = 0;
    while (w->sets[n]) n++;
    w->stopped = false;
    guise_status s = eval_run(&c, "swap", w->sets, n, r, e);
    base_free(path);
    return s;
}

static void same_values(const eval_report *a, const eval_report *b)
{
    CHECK(a->n == 1 && b->n == 1 && a->result[0]->n == b->result[0]->n);
    for (size_t k = 0; k < a->result[0]->n; k++) {
        const eval_metric *x = &a->result[0]->metric[k], *y = &b->result[0]->metric[k];
        if (!strcmp(x->is.name, "ms")) continue;
        CHECK(!memcmp(&x->mean, &y->mean, sizeof x->mean));
        for (size_t i = 0; x->value && i < a->result[0]->n_cases; i++)
            CHECK(!memcmp(&x->value[i], &y->value[i], sizeof x->value[i]));
    }
}

static double mean_of(const eval_report *r, const char *name)
{
    const eval_metric *m = r->n ? eval_metric_find(r->result[0], name) : NULL;
    return m ? m->mean : (double)NAN;
}

TEST(pairs_are_fair)
{
    static world w;
    eval_report r = {0};
    base_error e = {{0}};
    int times[2][PEOPLE] = {{0}};
    world_make(&w);
    CHECK(!measure(&w, NULL, false, false, &r, &e));
    if (e.text[0]) printf("%s\n", e.text);
    for (size_t i = 0; r.n && i < r.result[0]->n_cases; i++) {
        const eval_case *c = &r.result[0]->cases[i];
        CHECK(strncmp(c->source, c->target, 4) != 0); // "pNN/"
        times[0][strtol(c->source + 1, NULL, 10)]++;
        times[1][strtol(c->target + 1, NULL, 10)]++;
        CHECK(c->picture == NULL);
    }
    for (int i = 0; i < PEOPLE; i++) CHECK(times[0][i] == PAIRS / PEOPLE);
    for (int i = 0; i < PEOPLE; i++) CHECK(times[1][i] == PAIRS / PEOPLE);
    const char *const names[] = {
        "cosine_source", "retrieval_top1", "pose_error", "expression_error",
        "shape_error",   "self_l1",        "frechet",    "gmac"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(isfinite(mean_of(&r, names[i])));
    CHECK(mean_of(&r, "retrieval_top1") <= mean_of(&r, "retrieval_top5"));
    CHECK(mean_of(&r, "self_l1") > 0 && mean_of(&r, "self_ssim") < 1);
    eval_report_free(&r);
}

TEST(goes_on_after_a_stop)
{
    static world w;
    eval_report whole = {0}, part = {0}, rest = {0};
    base_error e = {{0}};
    world_make(&w);
    CHECK(!measure(&w, "whole", false, false, &whole, &e));
    w.most = PEOPLE * PHOTOS + 3; // in the first batch, which is finished
    CHECK(!measure(&w, "part", false, false, &part, &e) && w.stopped);
    CHECK(part.n == 0);
    eval_report_free(&part);
    char path[300], picture[300];
    snprintf(path, sizeof path, "%s/part/tiny.records", w.dir);
    struct stat before;
    CHECK(!stat(path, &before) && before.st_size > 0);
    FILE *f = fopen(path, "ab"); // as if the program had been killed while it wrote
    if (f) CHECK(fwrite("half a record", 1, 13, f) == 13 && !fclose(f));
    w.most = 0;
    CHECK(!measure(&w, "part", true, false, &rest, &e));
    same_values(&whole, &rest);
    snprintf(picture, sizeof picture, "%s/part/%s", w.dir,
             rest.n ? rest.result[0]->cases[PAIRS - 1].picture : "");
    CHECK(base_is_file(picture));
    eval_report_free(&rest);
    CHECK(!measure(&w, "part", true, false, &rest, &e)); // nothing is left to do
    same_values(&whole, &rest);
    eval_report_free(&rest);
    snprintf(w.set[6], 300, "seed=2");
    w.sets[6] = w.set[6];
    CHECK(measure(&w, "part", true, false, &rest, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "another run") != NULL);
    eval_report_free(&whole);
}

TEST(teachers_do_not_judge)
{
    static world w;
    eval_report r = {0};
    base_error e = {{0}};
    world_make(&w);
    snprintf(w.set[1], 300, "identity=%s", w.taker);
    CHECK(measure(&w, NULL, false, false, &r, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "--force") != NULL && r.n == 0);
    e = (base_error){{0}};
    CHECK(!measure(&w, NULL, false, true, &r, &e));
    CHECK(r.n_notes >= 1 && strstr(r.note[0], "Forced") != NULL);
    eval_report_free(&r);
}

// Named in the generator's card, the usual face model is left out with a note; named by the user,
// it is refused.
TEST(the_usual_face_model_judges_nothing_that_it_taught)
{
    static world w;
    static char form[600], generator[600];
    eval_report r = {0};
    base_error e = {{0}};
    base_tensors t = {0};
    world_make(&w);
    snprintf(form, sizeof form, "%s/taught.onnx", w.dir);
    snprintf(generator, sizeof generator, "%s/pupil.safetensors", w.dir);
    CHECK(!linear(form, 120, 62, 4, NULL, &e));
    CHECK(!weights_safetensors_read(&t, w.generator, &e));
    CHECK(base_tensors_set_meta(&t, CARD_RECIPE, "simswap-128 form=x/taught.onnx"));
    CHECK(!weights_safetensors_write(&t, generator, &e));
    base_tensors_free(&t);
    w.form = form;
    w.sets[3] = "runs=1"; // in place of shape=
    CHECK(!measure(&w, NULL, false, false, &r, &e));
    CHECK(isfinite(mean_of(&r, "expression_error")));
    eval_report_free(&r);
    snprintf(w.generator, sizeof w.generator, "%.239s", generator);
    CHECK(!measure(&w, NULL, false, false, &r, &e));
    CHECK(!isfinite(mean_of(&r, "expression_error")) && isfinite(mean_of(&r, "pose_error")));
    CHECK(r.n_notes && strstr(r.note[0], "taught took part in the training of pupil"));
    eval_report_free(&r);
    snprintf(w.set[3], 300, "shape=%.280s", form);
    w.sets[3] = w.set[3];
    CHECK(measure(&w, NULL, false, false, &r, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "--force") != NULL);
    snprintf(w.set[3], 300, "measure=%.280s", form);
    const eval_call c = {.generator = w.generator, .data = w.data, .find = find, .user = &w};
    e = (base_error){{0}};
    CHECK(eval_run(&c, "pairs", &w.sets[3], 1, &r, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "--force") != NULL);
}

TEST(refuses_with_a_sentence)
{
    static const char *const wrong[][2] = {{"pairs=1", "2..100000"},
                                           {"people=some", "held-out"},
                                           {"range=2", "255"},
                                           {"people=held-out", "two are needed"},
                                           {"pose=nosuch.onnx", "nosuch"},
                                           {"nosuch=1", "nosuch"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        static world w;
        eval_report r = {0};
        base_error e = {{0}};
        world_make(&w);
        w.sets[6] = wrong[i][0];
        guise_status s = measure(&w, NULL, false, false, &r, &e);
        CHECK(s != 0 && strstr(e.text, wrong[i][1]));
        eval_report_free(&r);
    }
}

TEST(ranks_by_hand)
{
    float at[5][2] = {{1, 0}, {0.6f, 0.8f}, {0, 1}, {0, 1}, {-1, 0}};
    const int who[5] = {0, 0, 1, 2, 3};
    eval_photo album[5] = {{0}};
    swap_photo photo[5] = {{0}};
    int gallery[5] = {0, 1, 2, 3, 4};
    for (int i = 0; i < 5; i++) {
        album[i].who = who[i];
        photo[i].seen = at[i];
    }
    swap_run r = {
        .album = {.at = album, .n = 5}, .photo = photo, .gallery = gallery, .n_gallery = 5};
    const float right[2] = {1, 0}, up[2] = {0, 1}, left[2] = {-1, 0};
    CHECK(swap_rank(&r, right, 2, 0) == 1 && swap_rank(&r, right, 2, 3) == 4);
    CHECK(swap_rank(&r, right, 2, 1) == 3); // 2 is as near, and comes first
    CHECK(swap_rank(&r, up, 2, 0) == 3);    // by its second photo
    CHECK(swap_rank(&r, left, 2, 0) == 4 && swap_rank(&r, left, 2, 3) == 1);
}

// ---- Measuring networks

TEST(gauges_of_a_flat_picture)
{
    float w[CELLS * 62];
    double angle[3], sum[62] = {0};
    eval_form f;
    eval_gauge *g = NULL;
    base_image m = {0};
    base_error e = {{0}};
    const face_point point[FACE_POINTS] = {{90, 90}, {110, 90}, {100, 100}, {92, 112}, {108, 112}};
    const char *path = test_scratch("flat.onnx");
    CHECK(!base_image_new(&m, 200, 200, &e));
    for (int i = 0; i < 3 * 200 * 200; i++) m.rgb[i] = (uint8_t)(100 + 20 * (i % 3)); // R G B
    CHECK(!linear(path, 60, 3, 9, w, &e) && !eval_gauge_open(&g, path, &e));
    for (int i = 0; i < CELLS; i++) // the network is given B G R
        for (int k = 0; k < 3; k++) sum[k] += (double)w[3 * i + k] * (140 - 20 * (i / 16));
    CHECK(g && !eval_pose(g, &m, point, angle, &e));
    for (int k = 0; k < 3; k++) CHECK_NEAR(angle[k], k ? 0 : sum[k], 1e-2); // it has a mirror
    CHECK(g && eval_form_of(g, &m, point, &f, &e) == GUISE_BAD_FILE);
    eval_gauge_close(&g);
    CHECK(!linear(path, 120, 62, 9, w, &e) && !eval_gauge_open(&g, path, &e));
    memset(sum, 0, sizeof sum);
    for (int i = 0; i < CELLS; i++)
        for (int k = 0; k < 62; k++)
            sum[k] += (double)w[62 * i + k] * (140 - 20 * (i / 16) - 127.5) / 128;
    CHECK(g && !eval_form_of(g, &m, point, &f, &e));
    CHECK_NEAR(f.shape[0], sum[12], 1e-3);
    CHECK_NEAR(f.shape[39], sum[51], 1e-3);
    CHECK_NEAR(f.expression[9], sum[61], 1e-3);
    e = (base_error){{0}};
    CHECK(g && eval_pose(g, &m, point, angle, &e) == GUISE_BAD_FILE && e.text[0]);
    eval_gauge_close(&g);
    base_image_free(&m);
}

TEST(pose_of_a_mirror_image)
{
    float w[CELLS * 3];
    double angle[3], mirrored[3];
    eval_gauge *g = NULL;
    base_image m = {0}, r = {0};
    base_error e = {{0}};
    const face_point point[FACE_POINTS] = {{90, 90}, {114, 92}, {101, 103}, {92, 112}, {108, 113}};
    face_point seen[FACE_POINTS];
    const char *path = test_scratch("angles.onnx");
    CHECK(!base_image_new(&m, 200, 200, &e) && !base_image_new(&r, 200, 200, &e));
    for (int y = 0; y < 200; y++)
        for (int x = 0; x < 200; x++)
            for (int c = 0; c < 3; c++)
                m.rgb[3 * (200 * y + x) + c] = r.rgb[3 * (200 * y + 199 - x) + c] =
                    (uint8_t)(128 + 60 * sin(0.05 * x + 0.02 * y + c));
    for (int k = 0; k < FACE_POINTS; k++) seen[k] = face_mirror(point, k, 200);
    CHECK(!linear(path, 60, 3, 9, w, &e) && !eval_gauge_open(&g, path, &e));
    CHECK(g && !eval_pose(g, &m, point, angle, &e) && !eval_pose(g, &r, seen, mirrored, &e));
    CHECK_NEAR(mirrored[0], angle[0], 0.02 * fabs(angle[0]));
    for (int k = 1; k < 3; k++) {
        CHECK(fabs(angle[k]) > 1);
        CHECK_NEAR(mirrored[k], -angle[k], 0.02 * fabs(angle[k]));
    }
    eval_gauge_close(&g);
    base_image_free(&m);
    base_image_free(&r);
}

TEST(boxes_follow_the_points)
{
    face_point p[FACE_POINTS] = {{80, 100}, {120, 100}, {100, 120}, {85, 150}, {115, 150}};
    eval_box b = eval_face_box(p); // eyes to mouth, 50, is the larger distance
    CHECK_NEAR(b.x, 100, 1e-9);
    CHECK_NEAR(b.y, 125 - 0.13 * 50, 1e-9);
    CHECK_NEAR(b.w, 2.09 * 50, 1e-9);
    CHECK_NEAR(b.h, 2.87 * 50, 1e-9);
    base_image m = {0}, cut = {0};
    base_error e = {{0}};
    CHECK(!base_image_new(&m, 200, 200, &e));
    for (int i = 0; i < 200 * 200; i++) m.rgb[3 * i] = (uint8_t)(i % 200);     // red tells x,
    for (int i = 0; i < 200 * 200; i++) m.rgb[3 * i + 1] = (uint8_t)(i / 200); // green tells y
    CHECK(!eval_cut(&cut, &m, (eval_box){100, 80, 60, 40}, 21, &e));
    const uint8_t *middle = cut.rgb + 3 * (10 * 21 + 10), *right = middle + 3 * 7;
    CHECK(abs(middle[0] - 100) <= 1 && abs(middle[1] - 80) <= 1);
    CHECK(abs(right[0] - 120) <= 1 && abs(right[1] - 80) <= 1); // 7 of 21 of 60 pixels
    CHECK(eval_cut(&cut, &m, (eval_box){0}, 21, &e) == GUISE_BAD_ARGUMENT);
    base_image_free(&m);
    base_image_free(&cut);
}

TEST(costs_of_the_tiny_network)
{
    static world w;
    eval_cost c = {0};
    base_error e = {{0}};
    world_make(&w);
    CHECK(!eval_cost_of(w.generator, 2, &c, &e));
    CHECK(c.parameters > 100 && c.weight_bytes >= 4 * c.parameters);
    CHECK(c.macs > 0 && c.seconds > 0 && c.plan_bytes > 0);
    CHECK(eval_cost_of(w.taker, 2, &c, &e) == GUISE_BAD_FILE);
}

// ---- Frames of clips

TEST(steadiness_by_hand)
{
    const face_point a[FACE_POINTS] = {{40, 50}, {60, 50}, {50, 60}, {42, 70}, {58, 70}};
    face_point b[FACE_POINTS], c[FACE_POINTS];
    for (int i = 0; i < FACE_POINTS; i++) {
        b[i] = (face_point){a[i].x + 5, a[i].y - 2};
        c[i] = (face_point){a[i].x + 10, a[i].y - 4}; // the same again: no jitter
    }
    CHECK_NEAR(eval_jitter(a, b, c), 0, 1e-6);
    c[3].y += 8;
    CHECK_NEAR(eval_jitter(a, b, c), 8.0 / 5 / 20, 1e-6);
    base_image m[4] = {{0}}, other = {0};
    base_error e = {{0}};
    for (int i = 0; i < 4; i++) CHECK(!base_image_new(&m[i], 100, 100, &e));
    memset(m[0].rgb, 30, 30000); // result
    memset(m[1].rgb, 50, 30000); // target
    memset(m[2].rgb, 60, 30000); // before
    memset(m[3].rgb, 40, 30000);
    CHECK_NEAR(eval_flicker(&m[0], &m[1], &m[2], &m[3], a), 40 / 255.0, 1e-12);
    memset(m[2].rgb, 20, 30000); // result and target change alike
    CHECK_NEAR(eval_flicker(&m[0], &m[1], &m[2], &m[3], a), 0, 1e-12);
    m[0].rgb[0] = 255; // outside the face
    CHECK_NEAR(eval_flicker(&m[0], &m[1], &m[2], &m[3], a), 0, 1e-12);
    CHECK(!base_image_new(&other, 50, 100, &e));
    CHECK(isnan(eval_flicker(&m[0], &m[1], &other, &m[3], a)));
    for (int i = 0; i < 4; i++) base_image_free(&m[i]);
    base_image_free(&other);
}

// Clips of frames that do not change have steady results; with changes, they have not.
TEST(clips_that_stand_still)
{
    static world w;
    base_error e = {{0}};
    world_make(&w);
    base_names keys = {0};
    char clips[260], path[320];
    snprintf(clips, sizeof clips, "%s/clips", w.dir);
    for (int clip = 0; clip < 2; clip++) {
        snprintf(path, sizeof path, "%s/c%d", clips, clip);
        CHECK(!base_make_dir(path, &e));
        for (int i = 0; i < 10; i++) { // more than a batch; the second clip changes in the end
            snprintf(path, sizeof path, "%s/c%d/%02d.png", clips, clip, i);
            CHECK(!eval_case_photo(path, 3 + clip + (clip && i >= 8), 0, &e));
            char key[32];
            snprintf(key, sizeof key, "c%d/%02d.png", clip, i);
            CHECK(base_names_add(&keys, key));
        }
    }
    snprintf(path, sizeof path, "%s_landmarks5.txt", clips);
    CHECK(!eval_case_landmarks(path, &keys, &e));
    base_names_free(&keys);
    const base_names none = {0};
    const char *set[] = {w.set[1]};
    eval_call c = {.generator = w.generator,
                   .data = clips,
                   .recogniser = w.taker,
                   .generators = &none,
                   .find = find,
                   .stopped = &w.stopped};
    eval_report r = {0};
    CHECK(!eval_run(&c, "frames", set, 1, &r, &e));
    if (e.text[0]) printf("%s\n", e.text);
    const eval_metric *flicker = r.n ? eval_metric_find(r.result[0], "flicker") : NULL;
    const eval_metric *cosine = r.n ? eval_metric_find(r.result[0], "cosine_source") : NULL;
    CHECK(flicker && cosine && flicker->n == 18 && cosine->n == 20);
    for (int i = 0; flicker && i < 20; i++) {
        bool first = i % 10 == 0, changed = i == 18;
        CHECK(first ? isnan(flicker->value[i]) : (flicker->value[i] > 0) == changed);
    }
    double v[10];
    for (int i = 0; cosine && i < 10; i++) v[i] = cosine->value[10 + i];
    double mean = eval_mean(v, 10), sum = 0;
    for (int i = 0; i < 10; i++) sum += (v[i] - mean) * (v[i] - mean);
    CHECK(sum > 0);
    CHECK_NEAR(mean_of(&r, "id_variance"), sum / 9 / 2, 1e-12); // the first clip's is 0
    CHECK(r.n && !eval_metric_find(r.result[0], "jitter"));     // no detector
    eval_report_free(&r);
}

TEST(without_memory)
{
    static world w;
    world_make(&w);
    w.sets[4] = "pairs=2";
    w.most = 1 << 20;
    int failed = 0, in_a_row = 0; // successes: an allocation that only serves speed may fail
    for (long n = 0; in_a_row < 3 && n < 1000000; n = n * 5 / 4 + 1) {
        eval_report r = {0};
        base_error e = {{0}};
        base_fail_allocation(n);
        guise_status s = measure(&w, "poor", false, false, &r, &e);
        base_fail_allocation(-1);
        eval_report_free(&r);
        failed += s != 0;
        in_a_row = s ? 0 : in_a_row + 1;
        CHECK(!s || (s == GUISE_NO_MEMORY && e.text[0]));
        if (s && s != GUISE_NO_MEMORY) printf("allocation %ld: %d %s\n", n, (int)s, e.text);
    }
    printf("%d failures\n", failed);
    CHECK(failed > 20);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(pairs_are_fair), CASE(goes_on_after_a_stop), CASE(teachers_do_not_judge),
        CASE(the_usual_face_model_judges_nothing_that_it_taught), CASE(refuses_with_a_sentence),
        CASE(ranks_by_hand), CASE(gauges_of_a_flat_picture), CASE(pose_of_a_mirror_image),
        CASE(boxes_follow_the_points), CASE(costs_of_the_tiny_network), CASE(steadiness_by_hand),
        CASE(clips_that_stand_still), CASE(without_memory));
}
