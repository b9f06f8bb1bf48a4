// test_eval_protocols.c -- the suites of FaceForensics++ and CelebAMask-HQ, on tiny made folders of
// the same layout.
#include "eval/protocol.h"
#include "eval_case.h"
#include "media/media.h"
#include "test.h"
#include <unistd.h>

static char judge[4200], taker[4200], generator[4200];

static void prepare(void)
{
    base_error e = {{0}};
    snprintf(judge, sizeof judge, "%s", test_scratch("judge.safetensors"));
    snprintf(taker, sizeof taker, "%s", test_scratch("taker.safetensors"));
    snprintf(generator, sizeof generator, "%s", test_scratch("generator.safetensors"));
    if (base_is_file(generator)) return;
    CHECK(!eval_case_embedder(judge, &e) && !eval_case_other(taker, &e));
    CHECK(!eval_case_generator(generator, &e));
}

static double of(const eval_result *x, const char *name)
{
    const eval_metric *m = eval_metric_find(x, name);
    CHECK(m != NULL);
    return m ? m->mean : (double)NAN;
}

enum { VIDEOS = 4, FRAMES = 6 };

// Frame f of video v; the result folder DIR/NAME/ with frames of a video under another's names.
static void video(const char *dir, const char *name, int v, base_names *keys)
{
    char path[4400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK(!base_make_dir(path, NULL));
    for (int f = 0; f < FRAMES; f++) {
        snprintf(path, sizeof path, "%s/%s/%04d.png", dir, name, 10 * f);
        CHECK(!eval_case_photo(path, v, f, NULL));
        snprintf(path, sizeof path, "%s/%04d.png", name, 10 * f);
        if (keys) CHECK(base_names_add(keys, path));
    }
}

static const char *faceforensics(void)
{
    static char root[4200];
    char dir[4300];
    base_names keys = {0};
    snprintf(root, sizeof root, "%s", test_scratch("ff"));
    if (base_is_dir(root)) return root;
    snprintf(dir, sizeof dir, "%s/original_sequences/youtube/c40/images", root);
    for (int v = 0; v < VIDEOS; v++) {
        char name[16];
        snprintf(name, sizeof name, "%03d", v);
        video(dir, name, v, &keys);
    }
    char marks[4400];
    snprintf(marks, sizeof marks, "%s_landmarks5.txt", dir);
    CHECK(!eval_case_landmarks(marks, &keys, NULL));
    base_names_free(&keys);
    snprintf(dir, sizeof dir, "%s/manipulated_sequences/Perfect/c40/images", root);
    video(dir, "000_001", 1, NULL); // the target becomes the source
    video(dir, "001_000", 0, NULL);
    video(dir, "002_003", 3, NULL);
    video(dir, "000_999", 0, NULL); // of a video that is not there
    snprintf(dir, sizeof dir, "%s/manipulated_sequences/Nothing/c40/images", root);
    video(dir, "000_001", 0, NULL);
    snprintf(dir, sizeof dir, "%s/manipulated_sequences/Face2Face/c40/images", root);
    video(dir, "000_001", 0, NULL); // no swap: left out
    return root;
}

TEST(faceforensics_of_released_results)
{
    prepare();
    base_error e = {{0}};
    eval_report r;
    char identity[4300];
    snprintf(identity, sizeof identity, "identity=%s", judge);
    const char *const set[] = {identity, "compression=c40", "frames=3", "released=yes", NULL};
    const eval_case_ask ask = {.suite = "faceforensics", .data = faceforensics(), .set = set};
    CHECK(!eval_case_answer(&ask, &r, &e));
    if (e.text[0]) printf("%s\n", e.text);
    CHECK(r.n == 2 && !strcmp(r.result[0]->name, "Nothing") && r.result[0]->n_cases == 3);
    CHECK(!strcmp(r.result[1]->name, "Perfect") && r.result[1]->n_cases == 9);
    CHECK_NEAR(of(r.result[0], "cosine_target"), 1, 1e-6);
    CHECK(of(r.result[0], "retrieval") == 0);
    CHECK_NEAR(of(r.result[1], "cosine_source"), 1, 1e-6);
    CHECK(of(r.result[1], "retrieval") == 1);
    CHECK(of(r.result[1], "cosine_target") < 1 - 1e-6);
    // three of six frames, evenly spread: the second, fourth and sixth
    CHECK(!strcmp(r.result[0]->cases[0].target, "000/0010.png"));
    CHECK(!strcmp(r.result[0]->cases[1].target, "000/0030.png"));
    CHECK(!strcmp(r.result[0]->cases[2].source, "001/0050.png"));
    CHECK(r.n_published > 20 && r.n_networks == 1);
    eval_report_free(&r);
}

TEST(faceforensics_of_a_generator)
{
    prepare();
    base_error e = {{0}};
    eval_report r;
    char identity[4300], splits[4400], split[4300], out[4300], path[4400];
    snprintf(identity, sizeof identity, "identity=%s", judge);
    snprintf(split, sizeof split, "%s", test_scratch("test.json"));
    snprintf(splits, sizeof splits, "splits=%s", split);
    snprintf(out, sizeof out, "%s", test_scratch("ff-out"));
    const char list[] = "[[\"000\", \"001\"], [\"002\", \"777\"]]";
    CHECK(!base_write_file(split, list, strlen(list), &e));
    const char *const set[] = {identity, splits, "compression=c40", "frames=5", NULL};
    const eval_case_ask ask = {.suite = "faceforensics",
                               .data = faceforensics(),
                               .out = out,
                               .generator = generator,
                               .recogniser = taker,
                               .set = set};
    CHECK(!eval_case_answer(&ask, &r, &e));
    if (e.text[0]) printf("%s\n", e.text);
    CHECK(r.n == 3 && r.result[2]->n_cases == 10); // 000_001 and 001_000, five frames each
    CHECK(r.result[1]->n_cases == 10);             // Perfect has both; 002_003 is not in the list
    CHECK(!strncmp(r.result[2]->cases[0].target, "000", 3));
    CHECK(!strncmp(r.result[2]->cases[0].source, "001", 3));
    CHECK(of(r.result[2], "cosine_source") <= 1 && of(r.result[2], "cosine_target") <= 1);
    CHECK(r.n_networks == 2); // the measuring one, and the one that the generator takes
    snprintf(path, sizeof path, "%s/%s", out, r.result[2]->cases[0].picture);
    CHECK(base_is_file(path));
    snprintf(path, sizeof path, "%s/report.html", out);
    CHECK(base_is_file(path));
    eval_report_free(&r);
    snprintf(identity, sizeof identity, "identity=%s", taker); // it taught the generator
    e = (base_error){{0}};
    CHECK(eval_case_answer(&ask, &r, &e) == GUISE_BAD_ARGUMENT && strstr(e.text, "flatters"));
}

TEST(faceforensics_refuses)
{
    prepare();
    base_error e = {{0}};
    eval_report r;
    char identity[4300];
    snprintf(identity, sizeof identity, "identity=%s", judge);
    const char *const raw[] = {identity, "compression=raw", "released=yes", NULL};
    eval_case_ask ask = {.suite = "faceforensics", .data = faceforensics(), .set = raw};
    CHECK(eval_case_answer(&ask, &r, &e) == GUISE_IO && strstr(e.text, "youtube/raw/images"));
    const char *const none[] = {identity, "compression=c40", "methods=Absent", NULL};
    ask.set = none;
    CHECK(eval_case_answer(&ask, &r, NULL) == GUISE_IO);
}

static const char *celeba(void)
{
    static char root[4200];
    char path[4300], text[2000];
    base_names keys = {0};
    snprintf(root, sizeof root, "%s", test_scratch("celeba"));
    if (base_is_dir(root)) return root;
    snprintf(path, sizeof path, "%s/CelebA-HQ-img", root);
    CHECK(!base_make_dir(path, NULL));
    for (int i = 0; i < 12; i++) { // 0, 1 are person 0; 2, 3 person 1 ...
        snprintf(path, sizeof path, "%s/CelebA-HQ-img/%d.png", root, i);
        CHECK(!eval_case_photo(path, i / 2, i % 2, NULL));
        snprintf(path, sizeof path, "CelebA-HQ-img/%d.png", i);
        CHECK(base_names_add(&keys, path));
    }
    snprintf(path, sizeof path, "%s_landmarks5.txt", root);
    CHECK(!eval_case_landmarks(path, &keys, NULL));
    base_names_free(&keys);
    snprintf(text, sizeof text, "idx   orig_idx    orig_file\n");
    for (int i = 0; i < 12; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d %d %06d.jpg\n", i, 99 - i,
                 100 - i);
    snprintf(path, sizeof path, "%s/CelebA-HQ-to-CelebA-mapping.txt", root);
    CHECK(!base_write_file(path, text, strlen(text), NULL));
    *text = 0;
    for (int i = 0; i < 12; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%06d.jpg %d\n", 100 - i, i / 2);
    snprintf(path, sizeof path, "%s/identity_CelebA.txt", root);
    CHECK(!base_write_file(path, text, strlen(text), NULL));
    snprintf(text, sizeof text, "12\nBald Male Young\n");
    for (int i = 0; i < 12; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d.png -1 %d 1\n", i,
                 i / 2 % 2 ? 1 : -1);
    snprintf(path, sizeof path, "%s/CelebAMask-HQ-attribute-anno.txt", root);
    CHECK(!base_write_file(path, text, strlen(text), NULL));
    return root;
}

// What the generator makes of a photo with its own identity, by its parts.
static double self_error(const char *path)
{
    base_error e = {{0}};
    base_image m = {0}, crop = {0};
    face_transform t;
    const face_point point[FACE_POINTS] = {{34, 40}, {62, 40}, {48, 54}, {37, 68}, {59, 68}};
    eval_embedder *em = NULL;
    train_swapper g;
    const float *made = NULL;
    double sum = 0;
    CHECK(!media_photo_read(&m, path, &e) && !eval_embedder_open(&em, taker, &e));
    CHECK(!train_swapper_read(&g, generator, &e));
    CHECK(!eval_embed(em, &m, point, g.vector, &e));
    CHECK(!face_align(&t, point, FACE_ARCFACE, 32, NULL, &e));
    CHECK(!face_crop_smooth(&crop, &m, t, 32, &e));
    base_image_to_planes(&crop, false, 1.0f / 255, 0, g.target);
    CHECK(!train_swapper_run(&g, &made, &e));
    for (int i = 0; i < 3 * 32 * 32; i++)
        sum += fabs(round((double)made[i] * 255) / 255 - (double)g.target[i]);
    train_swapper_close(&g);
    eval_embedder_close(&em);
    base_image_free(&m);
    base_image_free(&crop);
    return sum / (3 * 32 * 32);
}

// "CelebA-HQ-img/7.png" -> 7
static int number(const char *key) { return (int)strtol(strrchr(key, '/') + 1, NULL, 10); }

TEST(celeba_pairs_and_losses)
{
    prepare();
    base_error e = {{0}};
    eval_report r;
    char identity[4300], path[4400];
    snprintf(identity, sizeof identity, "identity=%s", judge);
    const char *const set[] = {identity, "pairs=20", "pictures=no", NULL};
    const eval_case_ask ask = {.suite = "celeba",
                               .data = celeba(),
                               .generator = generator,
                               .recogniser = taker,
                               .set = set};
    CHECK(!eval_case_answer(&ask, &r, &e));
    if (e.text[0]) printf("%s\n", e.text);
    const eval_result *x = r.result[0];
    CHECK(r.n == 1 && x->n_cases == 20 && r.labels == 6);
    for (int i = 0; i < 20; i++) {
        int a = number(x->cases[i].source), b = number(x->cases[i].target);
        CHECK(a / 2 != b / 2); // two people each
        CHECK(!strcmp(r.label_key[1], "target Male"));
        CHECK(!strcmp(x->cases[i].label[1], b / 2 % 2 ? "yes" : "no"));
        CHECK(!strcmp(x->cases[i].label[2], "yes") &&
              !x->cases[i].label[4]); // Young; no Eyeglasses
    }
    CHECK_NEAR(of(x, "identity_loss"), 1 - of(x, "cosine_source"), 1e-9);
    snprintf(path, sizeof path, "%s/%s", celeba(), x->cases[0].target);
    CHECK_NEAR(eval_metric_find(x, "reconstruction")->value[0], self_error(path), 2e-4);
    CHECK(r.n_notes == 2); // the paper's figure; no networks of pose and form. People are known
    eval_report_free(&r);
    snprintf(path, sizeof path, "%s/identity_CelebA.txt", celeba());
    CHECK(!unlink(path));
    CHECK(!eval_case_answer(&ask, &r, &e) && r.n_notes == 3);
    eval_report_free(&r);
}

TEST(memory_runs_out)
{
    prepare();
    char identity[4300];
    snprintf(identity, sizeof identity, "identity=%s", judge);
    const char *const set[] = {identity,       "compression=c40", "frames=1",
                               "released=yes", "methods=Nothing", NULL};
    const eval_case_ask ask = {.suite = "faceforensics", .data = faceforensics(), .set = set};
    bool ok = false;
    for (int i = 0; i < 60000 && !ok; i += 1 + i / 12) { // not each: a network is opened every time
        eval_report r;
        base_error e = {{0}};
        base_fail_allocation(i);
        guise_status s = eval_case_answer(&ask, &r, &e);
        base_fail_allocation(-1);
        CHECK(!s || s == GUISE_NO_MEMORY);
        CHECK(!s || (!r.n && !r.texts.n));
        ok = !s;
        eval_report_free(&r);
    }
    CHECK(ok);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(faceforensics_of_released_results),
               CASE(faceforensics_of_a_generator), CASE(faceforensics_refuses),
               CASE(celeba_pairs_and_losses), CASE(memory_runs_out));
}
