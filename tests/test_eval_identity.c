// test_eval_identity.c -- suites that measure embedders, on made people; and the pages they write.
#include "eval/album.h"
#include "eval/files.h"
#include "eval/verify.h"
#include "eval_case.h"
#include "media/media.h"
#include "model/smoothswap.h"
#include "test.h"
#include "train/smoothness.h"

enum { PEOPLE = 60, PHOTOS = 3 };
static char data[4200], embedder[4200];

static void prepare(void)
{
    base_error e = {{0}};
    snprintf(data, sizeof data, "%s", test_scratch("people"));
    snprintf(embedder, sizeof embedder, "%s", test_scratch("embedder.safetensors"));
    if (base_is_file(embedder)) return;
    CHECK(!eval_case_people(data, PEOPLE, PHOTOS, &e));
    CHECK(!eval_case_embedder(embedder, &e));
    if (e.text[0]) printf("%s\n", e.text);
}

// The embedder's vector is that of its network, on the crop that its card asks for.
TEST(embeds_as_the_network_does)
{
    prepare();
    base_error e = {{0}};
    eval_embedder *m = NULL;
    base_image photo = {0}, crop = {0};
    face_transform t;
    const face_point point[FACE_POINTS] = {{34, 40}, {62, 40}, {48, 54}, {37, 68}, {59, 68}};
    float vector[16], *planes = base_alloc(3 * 64 * 64, sizeof *planes);
    char path[4300];
    snprintf(path, sizeof path, "%s/p07/p07_1.png", data);
    CHECK(!eval_embedder_open(&m, embedder, &e) && eval_embedder_length(m) == 16);
    CHECK(!media_photo_read(&photo, path, &e));
    CHECK(!eval_embed(m, &photo, point, vector, &e));
    CHECK(!face_align(&t, point, FACE_FFHQ, 64, NULL, &e));
    CHECK(!face_crop_smooth(&crop, &photo, t, 64, &e));
    base_image_to_planes(&crop, false, 2.0f / 255, -1, planes);

    nn_params *p = NULL;
    tg_graph *g = tg_new();
    tg_plan *plan = NULL;
    base_tensors w = {0};
    tg_node *img = tg_input(g, TG_SHAPE(1, 3, 64, 64), "img");
    CHECK(!nn_params_open(&p, &e) && !weights_read(&w, embedder, &e));
    tg_node *out = model_smooth_embedder(
        nn_root(p, g, false), img,
        &(model_smooth_embedder_options){.width = 4, .latent = 16, .normalise = true}, NULL);
    CHECK(!nn_settle(p, 0, &e) && !nn_load(p, &w, true, &e));
    CHECK(!tg_plan_open(&plan, g, &out, 1, NULL, &e) && !nn_bind(p, g, plan, &e));
    CHECK(!tg_plan_bind(plan, img, planes, &e) && !tg_plan_run(plan, &e));
    CHECK(test_distance(vector, tg_plan_value(plan, out), 16) < 1e-5);
    tg_plan_close(&plan);
    tg_free(g);
    nn_params_close(&p);
    base_tensors_free(&w);
    base_free(planes);
    base_image_free(&photo);
    base_image_free(&crop);
    eval_embedder_close(&m);
}

static bool contains(const char *path, const char *what)
{
    base_map map;
    CHECK(!base_map_open(&map, path, NULL));
    bool found = map.size && memmem(map.data, map.size, what, strlen(what)) != NULL;
    base_map_close(&map);
    return found;
}

static double of(const eval_result *x, const char *name)
{
    const eval_metric *m = eval_metric_find(x, name);
    CHECK(m != NULL);
    return m ? m->mean : (double)NAN;
}

// The suite's numbers are those of the mathematics on its own cases.
TEST(identity_adds_up)
{
    prepare();
    base_error e = {{0}};
    eval_report r;
    char out[4300], path[4400], labels[4300], set[8000], file[8000];
    snprintf(out, sizeof out, "%s", test_scratch("identity"));
    snprintf(labels, sizeof labels, "%s", test_scratch("labels.csv"));
    snprintf(set, sizeof set, "labels=%s", labels);
    snprintf(file, sizeof file, "embedder=%s", embedder);
    char text[2000] = "id,kind\n";
    for (int i = 0; i < PEOPLE; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "p%02d,%s\n", i,
                 i % 2 ? "odd" : "even & <so>");
    CHECK(!base_write_file(labels, text, strlen(text), &e));
    const char *const sets[] = {file, set, "make_pairs=60", "everybody=yes", "folds=5", NULL};
    CHECK(!eval_case_run("identity", data, out, sets, 0, &r, &e));
    if (e.text[0]) printf("%s\n", e.text);
    CHECK(r.n == 1 && r.labels == 1 && r.result[0]->n_cases == 120);
    const eval_result *x = r.result[0];
    eval_trial t[120];
    eval_verification v;
    const eval_metric *same = eval_metric_find(x, "cosine_same");
    const eval_metric *different = eval_metric_find(x, "cosine_different");
    CHECK(same->n == 60 && different->n == 60 && same->mean > different->mean);
    for (int i = 0; i < 120; i++) {
        bool one = !isnan(same->value[i]);
        t[i] = (eval_trial){one ? same->value[i] : different->value[i], one, 0, {i, i}};
        CHECK(one == !strncmp(x->cases[i].source, x->cases[i].target, 3));
        bool kin = (x->cases[i].source[2] - x->cases[i].target[2]) % 2 == 0;
        CHECK(kin == (x->cases[i].label[0] != NULL)); // pairs of two kinds are of neither
    }
    CHECK(!eval_verify(t, 120, 1, 0, 1, &v, &e));
    CHECK_NEAR(of(x, "auc"), v.auc.value, 1e-12); // folds do not matter to these two
    CHECK_NEAR(of(x, "eer"), v.eer.value, 1e-12);
    CHECK_NEAR(of(x, "accuracy"), of(x, "right"), 1e-9); // folds are equally large
    CHECK(of(x, "accuracy") > 0.6 && of(x, "auc") > 0.8);
    eval_verify_free(&v);
    snprintf(path, sizeof path, "%s/report.html", out);
    CHECK(contains(path, "area under ROC") && contains(path, "data:image/jpeg;base64,"));
    CHECK(contains(path, "even &amp; &lt;so&gt;") && !contains(path, "even & <so>"));
    CHECK(!contains(path, "http://") && !contains(path, "https://"));
    CHECK(contains(path, x->sha256.hex));
    snprintf(path, sizeof path, "%s/pairs.csv", out);
    snprintf(set, sizeof set, "pairs=%s", path);
    const char *const again[] = {file, set, NULL}; // the list that was written gives the same
    eval_report second;
    CHECK(!eval_case_run("identity", data, NULL, again, 0, &second, &e));
    CHECK(of(second.result[0], "auc") == of(x, "auc"));
    CHECK(of(second.result[0], "accuracy") == of(x, "accuracy"));
    eval_report_free(&second);
    eval_report_free(&r);
}

// What the suite tells is what train_smoothness_measure finds in the same vectors.
TEST(smooth_adds_up)
{
    prepare();
    base_error e = {{0}};
    eval_report r;
    char file[8000];
    snprintf(file, sizeof file, "embedder=%s", embedder);
    const char *const sets[] = {file, "pairs=12", "bank=40", NULL};
    CHECK(!eval_case_run("smooth", data, NULL, sets, 0, &r, &e));
    if (e.text[0]) printf("%s\n", e.text);
    const eval_result *x = r.result[0];
    CHECK(x->n_cases == 12 && r.n_published == 6 && x->n_curves == 1 && x->curve[0].n == 9);
    double curve = 0;
    for (int k = 0; k < 9; k++) curve += x->curve[0].at[2 * k + 1] / 9;
    CHECK_NEAR(curve, of(x, "d_smooth"), 1e-9);
    CHECK_NEAR(x->curve[0].at[9], of(x, "d_smooth_half"), 1e-9);
    CHECK(of(x, "count") >= 1 && of(x, "count") <= 9);
    CHECK(of(x, "changes") >= of(x, "count") - 1 - 1e-9);
    for (size_t i = 0; i < 12; i++) {
        CHECK(strncmp(x->cases[i].source, x->cases[i].target, 3) != 0);
        char person[4] = {0};
        memcpy(person, x->cases[i].source, 3);
        CHECK(train_is_held_out(person));
    }
    // a bank with everybody else: the choice is known, so the numbers can be had another way
    eval_album a;
    eval_embedder *m = NULL;
    bool stopped = false;
    const eval_call c = {.data = data, .stopped = &stopped};
    size_t missing, n = 0;
    float *ends = base_alloc(2 * 12 * 16, sizeof *ends), *bank = base_alloc(16 * 200, sizeof *bank);
    CHECK(!eval_album_open(&a, data, NULL, false, &e) && !eval_embedder_open(&m, embedder, &e));
    CHECK(!eval_album_embed(&a, m, NULL, &c, &missing, &e) && missing == 0);
    const char *const all[] = {file, "pairs=12", "bank=1000", NULL};
    eval_report full;
    CHECK(!eval_case_run("smooth", data, NULL, all, 0, &full, &e));
    for (size_t i = 0; i < a.n; i++)
        if (!a.at[i].held_out) memcpy(bank + 16 * n++, a.at[i].vector, 16 * sizeof *bank);
    for (size_t i = 0; i < 12; i++) {
        const eval_case *k = &full.result[0]->cases[i];
        memcpy(ends + 16 * i, eval_album_find(&a, k->source)->vector, 16 * sizeof *ends);
        memcpy(ends + 16 * (12 + i), eval_album_find(&a, k->target)->vector, 16 * sizeof *ends);
    }
    train_smoothness s;
    CHECK(!train_smoothness_measure(ends, ends + 16 * 12, 12, bank, n, 16, &s, &e));
    CHECK_NEAR(of(full.result[0], "d_smooth"), s.d_smooth, 1e-5);
    CHECK_NEAR(of(full.result[0], "d_smooth_half"), s.at_half, 1e-5);
    CHECK_NEAR(of(full.result[0], "d_smooth_plain"), s.distance, 1e-5);
    CHECK_NEAR(of(full.result[0], "d_smooth_angle"), s.angle, 1e-5);
    CHECK_NEAR(of(full.result[0], "count"), s.count, 1e-5);
    CHECK_NEAR(of(full.result[0], "changes"), s.changes, 1e-5);
    CHECK_NEAR(of(full.result[0], "count_deviation"), s.deviation, 1e-5);
    base_free(ends);
    base_free(bank);
    eval_embedder_close(&m);
    eval_album_close(&a);
    eval_report_free(&full);
    eval_report_free(&r);
}

TEST(refuses_and_stops)
{
    prepare();
    base_error e = {{0}};
    eval_report r;
    char file[8000], other[4300];
    snprintf(file, sizeof file, "embedder=%s", embedder);
    const char *const sets[] = {file, "make_pairs=60", "everybody=yes", NULL};
    CHECK(!eval_case_run("identity", data, NULL, sets, 20, &r, &e)); // stopped half-way
    CHECK(r.n == 0);
    eval_report_free(&r);
    const char *const none[] = {"make_pairs=60", NULL};
    CHECK(eval_case_run("identity", data, NULL, none, 0, &r, &e) == GUISE_BAD_ARGUMENT);
    snprintf(other, sizeof other, "%s", test_scratch("not.safetensors"));
    base_tensors t = {0};
    CHECK(base_tensors_add(&t, "x", BASE_F32, 1, (int64_t[]){2}, NULL) != NULL);
    CHECK(!weights_safetensors_write(&t, other, &e));
    base_tensors_free(&t);
    snprintf(file, sizeof file, "embedder=%s", other);
    const char *const bad[] = {file, "make_pairs=60", "everybody=yes", NULL};
    e = (base_error){{0}};
    CHECK(eval_case_run("identity", data, NULL, bad, 0, &r, &e) == GUISE_BAD_FILE);
    CHECK(strstr(e.text, "guise.network") != NULL);
    const char *const few[] = {file, "pairs=0", NULL};
    CHECK(eval_case_run("smooth", data, NULL, few, 0, &r, NULL) == GUISE_BAD_ARGUMENT);
}

TEST(results_have_names)
{
    eval_report r = {0};
    eval_result *x = NULL;
    base_error e = {{0}};
    char dir[4300], path[4400];
    snprintf(dir, sizeof dir, "%s", test_scratch("runs/ofm"));
    CHECK(!base_make_dir(dir, &e));
    snprintf(path, sizeof path, "%s/generator.safetensors", dir);
    CHECK(!base_write_file(path, "abc", 3, &e) && !eval_add_file(&r, path, 0, &x, &e));
    CHECK(!strcmp(x->name, "ofm") && !strcmp(x->file, path));
    CHECK(!strcmp(x->sha256.hex, // of "abc": FIPS 180-4's example
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    CHECK(!eval_add_file(&r, path, 0, &x, &e) && !strcmp(x->name, "ofm-2"));
    snprintf(path, sizeof path, "%s/a.b.onnx", dir);
    CHECK(!base_write_file(path, "abc", 3, &e) && !eval_add_file(&r, path, 0, &x, &e));
    CHECK(!strcmp(x->name, "a.b"));
    CHECK(eval_add_file(&r, "nowhere", 0, &x, NULL) == GUISE_IO);
    eval_report_free(&r);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(embeds_as_the_network_does), CASE(identity_adds_up),
               CASE(smooth_adds_up), CASE(refuses_and_stops), CASE(results_have_names));
}
