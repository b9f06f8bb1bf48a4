// test_own.c -- the recogniser and the detector of our own learn from drawn people, resume to the
// same bits, and load as frozen networks; what makes photos worse, and scenes put together.
#include "model/frozen.h"
#include "test.h"
#include "told_detector.h"
#include "train/scene.h"
#include "train/spoil.h"
#include "train/system.h"
#include "train/toy_teach.h"
#include <math.h>

enum { SIDE = 40, AREA = SIDE * SIDE };

static void draw(float *planes)
{
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < AREA; i++)
            planes[c * AREA + i] = (float)((i % SIDE / 4 + i / SIDE / 4 + c) % 3) / 2;
}

// Mean |dx|: how much detail there is.
static double detail(const float *planes)
{
    double sum = 0;
    for (int i = 0; i < 3 * AREA - 1; i++) sum += fabs((double)planes[i + 1] - (double)planes[i]);
    return sum / (3 * AREA);
}

static void spoilt(float *planes, train_spoil_chances c)
{
    base_rng r = {9};
    draw(planes);
    CHECK(!train_spoil(planes, SIDE, &c, &r, NULL));
    for (int i = 0; i < 3 * AREA; i++) CHECK(planes[i] >= 0 && planes[i] <= 1);
}

TEST(photos_are_made_worse_as_asked)
{
    static float before[3 * AREA], now[3 * AREA];
    draw(before);
    spoilt(now, (train_spoil_chances){0});
    CHECK(!memcmp(before, now, sizeof now));
    spoilt(now, (train_spoil_chances){.grey = 1});
    for (int i = 0; i < AREA; i++) CHECK(now[i] == now[AREA + i] && now[i] == now[2 * AREA + i]);
    spoilt(now, (train_spoil_chances){.blur = 1});
    CHECK(detail(now) < 0.8 * detail(before));
    spoilt(now, (train_spoil_chances){.small = 1});
    CHECK(detail(now) < 0.8 * detail(before));
    spoilt(now, (train_spoil_chances){.noise = 1});
    CHECK(detail(now) > detail(before));
    spoilt(now, (train_spoil_chances){.light = 1});
    CHECK(memcmp(before, now, sizeof now) != 0);
    spoilt(now, (train_spoil_chances){.cover = 1});
    CHECK(memcmp(before, now, sizeof now) != 0);
}

// Where everything lies; made by the first case that needs it.
typedef struct {
    char data[500], marks[600], teacher[500];
} place;

static bool get_ready(place *p)
{
    base_error e = {{0}};
    snprintf(p->data, sizeof p->data, "%s", test_scratch("own_people"));
    snprintf(p->marks, sizeof p->marks, "%s_landmarks5.txt", p->data);
    snprintf(p->teacher, sizeof p->teacher, "%s", test_scratch("own_teacher.onnx"));
    if (base_is_dir(p->data)) return true;
    toy_teaching t = {.kind = TOY_TEACHER, .faces = 200, .steps = 20, .seed = 3};
    bool ok = !toy_set_write(&(toy_set){.people = 12, .photos = 3, .side = 128, .seed = 2}, p->data,
                             &e) &&
              !toy_teach(&t, p->teacher, &e);
    if (!ok) printf("    %s\n", e.text);
    return ok;
}

// Sums of the loss `name` over the log's first and last three lines.
typedef struct {
    const char *name; // " imitate "
    int lines, stop_at;
    double first, last[3];
} watched;

static bool watch(void *user, const train_progress *p)
{
    watched *w = user;
    const char *at = p->line ? strstr(p->line, w->name) : NULL;
    if (at) {
        double v = strtod(at + strlen(w->name), NULL);
        if (w->lines < 3) w->first += v;
        w->last[w->lines++ % 3] = v;
    }
    return !w->stop_at || p->step < w->stop_at;
}

typedef struct {
    const char *recipe, *loss;
    double factor; // that its loss falls by, at least
    const char *set[16];
} learner;

static const learner learners[] = {
    {"face-id",
     " imitate ",
     0.75,
     {"batch=8", "steps=60", "log_every=2", "generator_options=width=4", "lr=4e-3", "decay=0",
      "ema=0.9", "spoil=0.3", "paired=0.5", "between=0.3"}},
    {"face-detector",
     " score ",
     0.75,
     {"batch=2", "steps=60", "log_every=2", "generator_options=width=4", "lr=4e-3", "decay=0",
      "ema=0.9", "scene=96", "size=64", "shift=16", "settle=20"}},
    {"face-closer",
     " points ",
     0.8,
     {"batch=8", "steps=60", "log_every=2", "generator_options=width=4", "lr=4e-3", "decay=0",
      "ema=0.9", "size=64", "shift=16", "spoil=0.3", "measure_every=0"}},
    {"face-mask",
     " pixels ",
     0.8,
     {"batch=4", "steps=60", "log_every=2", "generator_options=width=4", "lr=1e-2", "decay=0",
      "ema=0.9", "size=48", "shift=4", "measure_every=0", "sample_every=0"}},
};
enum { LEARNERS = sizeof learners / sizeof *learners };

static guise_status train(const place *p, const learner *l, const char *out, watched *w, bool again)
{
    base_error e = {{0}};
    size_t n = 0;
    while (l->set[n]) n++;
    train_config c = {.recipe = l->recipe,
                      .set = l->set,
                      .n_set = n,
                      .data = p->data,
                      .out = out,
                      .identity = p->teacher,
                      .landmarks = p->marks,
                      .resume = again,
                      .progress = watch,
                      .user = w};
    guise_status s = train_start(&c, &e);
    if (s) printf("    %s: %s\n", l->recipe, e.text);
    return s;
}

static bool same_weights(const char *a, const char *b)
{
    base_tensors t[2] = {{0}};
    bool same = !weights_safetensors_read(&t[0], a, NULL) &&
                !weights_safetensors_read(&t[1], b, NULL) && t[0].n && t[0].n == t[1].n;
    for (size_t i = 0; same && i < t[0].n; i++)
        same = base_tensor_bytes(&t[0].at[i]) == base_tensor_bytes(&t[1].at[i]) &&
               !memcmp(t[0].at[i].data, t[1].at[i].data, base_tensor_bytes(&t[0].at[i]));
    base_tensors_free(&t[0]);
    base_tensors_free(&t[1]);
    return same;
}

TEST(they_learn_and_resume_to_the_same_bits)
{
    place p;
    CHECK(get_ready(&p));
    for (int i = 0; i < LEARNERS; i++) {
        const learner *l = &learners[i];
        watched w = {.name = l->loss}, half = {.name = l->loss, .stop_at = 7};
        char whole[500], halves[500], a[600], b[600];
        snprintf(whole, sizeof whole, "%s-%s", test_scratch("own-whole"), l->recipe);
        snprintf(halves, sizeof halves, "%s-%s", test_scratch("own-halves"), l->recipe);
        CHECK(!train(&p, l, whole, &w, false));
        double last = w.last[0] + w.last[1] + w.last[2];
        CHECK(w.lines >= 6 && last < l->factor * w.first);
        if (!(last < l->factor * w.first)) printf("    %s: %g to %g\n", l->recipe, w.first, last);
        CHECK(!train(&p, l, halves, &half, false));
        half.stop_at = 0;
        CHECK(!train(&p, l, halves, &half, true));
        snprintf(a, sizeof a, "%s/generator.safetensors", whole);
        snprintf(b, sizeof b, "%s/generator.safetensors", halves);
        CHECK(same_weights(a, b));
        model_frozen *f = NULL;
        CHECK(!model_frozen_open(&f, a, NULL) && model_frozen_outputs(f) >= 1);
        model_frozen_close(&f);
    }
}

// To each crop's own face a smaller one at its right edge, upright.
static void add_bystanders(train_faces *f, size_t n)
{
    face_list all = {0};
    for (size_t i = 0; i < n; i++) {
        face g = {.x0 = 72, .y0 = 30, .x1 = 92, .y1 = 60, .score = 1};
        const float x[] = {77, 87, 82, 78, 86}, y[] = {40, 40, 46, 52, 52};
        for (int k = 0; k < FACE_POINTS; k++) g.point[k] = (face_point){x[k], y[k]};
        CHECK(face_list_add(&all, f->all.at[f->first[i]]) && face_list_add(&all, g));
        f->first[i] = 2 * i;
    }
    f->first[n] = 2 * n;
    face_list_free(&f->all);
    f->all = all;
}

static void check_scene(const train_scene *s, int *small)
{
    CHECK(s->n <= SCENE_FACES);
    for (int i = 0; i < s->n; i++) {
        const scene_face *f = &s->face[i];
        float end = (float)s->side;
        bool inside = f->cx >= 0 && f->cy >= 0 && f->cx <= end && f->cy <= end;
        CHECK(inside || f->doubtful);
        CHECK(f->point[0].x < f->point[1].x || f->doubtful); // mirrored, sides change names
        CHECK(f->point[3].y > f->point[2].y || f->doubtful);
        *small += fabsf(f->h - 1.5f * f->w) < 1e-3f * f->h && !f->doubtful; // 20 x 30 in the crop
    }
}

// Crops of side 64 with a margin of 16 of all people, in a folder of that name.
static train_cache *open_crops(const char *name, train_photos *photos)
{
    place p;
    base_error e = {{0}};
    train_cache *c = NULL;
    const char *out = test_scratch(name);
    CHECK(get_ready(&p) && !base_make_dir(out, &e));
    CHECK(!train_photos_read(photos, p.data, p.marks, TRAIN_PEOPLE, &e));
    const train_cache_options o = {.out = out, .size = 64, .margin = 16};
    CHECK(!train_cache_open(&c, photos, &o, &e));
    return c;
}

TEST(who_stands_beside_is_known)
{
    base_error e = {{0}};
    train_photos photos = {0};
    train_cache *c = open_crops("own-crops", &photos);
    train_faces f = {0};
    train_scene s = {0};
    CHECK(!train_scene_open(&s, 96, &e));
    CHECK(c && !train_faces_open(&f, c, 64, 16, NULL, false, &e));
    if (!c || !f.all.at) return;
    size_t n = train_cache_n(c);
    CHECK(f.all.n == n && f.first[n] == n); // without a detector each crop's own face alone
    static float clean[3 * 96 * 96];
    const scene_options so = {c, &f, 64, 16, 16, 0, 0};
    int alone = 0, beside = 0;
    for (uint64_t k = 0; k < 60; k++) {
        base_rng r = {k};
        CHECK(!train_scene_draw(&s, &so, clean, &r, &e));
        check_scene(&s, &alone);
    }
    add_bystanders(&f, n);
    for (uint64_t k = 0; k < 60; k++) {
        base_rng r = {k};
        CHECK(!train_scene_draw(&s, &so, clean, &r, &e));
        check_scene(&s, &beside);
    }
    CHECK(!alone && beside > 10);
    train_scene_close(&s);
    train_faces_close(&f);
    train_cache_close(&c);
    train_photos_free(&photos);
}

// Landmarks that come with the photos may follow another convention than the detector's.
TEST(own_faces_are_as_the_detector_sees_them)
{
    base_error e = {{0}};
    train_photos photos = {0};
    train_cache *c = open_crops("own-seen", &photos);
    train_faces f = {0};
    const char *path = test_scratch("own-told.safetensors");
    CHECK(told_detector_write(path, 9, 0, false));
    CHECK(c && !train_faces_open(&f, c, 64, 16, path, true, &e));
    if (!c || !f.all.at) return;
    for (size_t i = 0; i < train_cache_n(c); i++) {
        const face *own = &f.all.at[f.first[i]];
        CHECK(own->score == 1);
        for (int k = 0; k < FACE_POINTS; k++) {
            CHECK_NEAR(own->point[k].x, told_points[2 * k], 1e-3);
            CHECK_NEAR(own->point[k].y, told_points[2 * k + 1], 1e-3);
        }
    }
    train_faces_close(&f);
    train_cache_close(&c);
    train_photos_free(&photos);
}

// The first look learns while the second lies in the same file, and is measured in the end.
TEST(the_first_look_learns_beside_the_second)
{
    place p;
    watched w = {.name = " score "};
    const learner l = {"face-detector",
                       " score ",
                       1,
                       {"batch=2", "steps=2", "log_every=1", "decay=0", "ema=0.9", "scene=96",
                        "size=64", "shift=16", "generator_options=width=4 closer=yes"}};
    CHECK(get_ready(&p));
    CHECK(!train(&p, &l, test_scratch("own-both"), &w, false));
}

// A generator that gets our recogniser's vectors learns something else than one that gets the
// teacher's, and the same each time.
TEST(a_generator_is_given_our_vectors)
{
    place p;
    char own[600], option[1700], out[3][500], weights[3][1600];
    CHECK(get_ready(&p));
    snprintf(own, sizeof own, "%s-face-id/generator.safetensors", test_scratch("own-whole"));
    snprintf(option, sizeof option, "given=%s", own);
    CHECK(base_is_file(own)); // by they_learn_and_resume_to_the_same_bits
    learner given = {0}, wrong = {"face-detector", " score ", 1, {option}};
    static const char *const recipes[] = {"simswap-toy", "faceshifter-toy", "styleswap-toy",
                                          "smoothswap-toy"};
    for (int k = 0; k < 4; k++) {
        const learner plain = {
            recipes[k], " id ", 1, {"steps=3", "warmup=1", "log_every=1", "lambda_away=5"}};
        given = plain;
        given.set[4] = option;
        for (int i = 0; i < 3; i++) {
            watched w = {.name = " away "};
            snprintf(out[i], sizeof out[i], "%s-%d%d", test_scratch("own-given"), k, i);
            CHECK(!train(&p, i ? &given : &plain, out[i], &w, false) && w.lines > 0);
            snprintf(weights[i], sizeof weights[i], "%s/generator.safetensors", out[i]);
        }
        CHECK(same_weights(weights[1], weights[2]) && !same_weights(weights[0], weights[1]));
    }
    watched w = {.name = " id "};
    CHECK(train(&p, &wrong, test_scratch("own-refused"), &w, false) == GUISE_BAD_ARGUMENT);
    snprintf(option, sizeof option, "given=%s", weights[0]); // no recogniser, and no space
    CHECK(train(&p, &given, test_scratch("own-refused"), &w, false) == GUISE_BAD_FILE);
}

TEST(bad_requests_are_refused)
{
    place p;
    watched w = {.name = " "};
    base_error e = {{0}};
    train_options o;
    CHECK(get_ready(&p));
    const char *scene[] = {"scene=100"}, *turn[] = {"turn=200"};
    const train_recipe *r = train_recipe_find("face-detector");
    CHECK(train_options_fill(&o, r, scene, 1, &e) && strstr(e.text, "multiple of 32"));
    e = (base_error){{0}};
    CHECK(train_options_fill(&o, r, turn, 1, &e) && strstr(e.text, "turn"));
    const learner wrong = {"face-id", " ", 1, {"generator=simswap", "steps=1"}};
    CHECK(train(&p, &wrong, test_scratch("own-wrong"), &w, false) == GUISE_BAD_ARGUMENT);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(photos_are_made_worse_as_asked),
               CASE(they_learn_and_resume_to_the_same_bits), CASE(who_stands_beside_is_known),
               CASE(own_faces_are_as_the_detector_sees_them),
               CASE(the_first_look_learns_beside_the_second),
               CASE(a_generator_is_given_our_vectors), CASE(bad_requests_are_refused));
}
