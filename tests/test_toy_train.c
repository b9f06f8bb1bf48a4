// test_toy_train.c -- each system learns: trained for seconds on drawn faces, its swaps come nearer
// to the right ones, which are drawn too. A system with a recipe NAME-toy takes part by one line.
#include "test.h"
#include "train/toy_measure.h"
#include "train/toy_teach.h"
#include "train/train.h"

// The distance to the right swap, as a share of the one before training and of doing nothing.
typedef struct {
    const char *recipe, *steps;
    double before, idle; // at most
} lesson;

static const lesson lessons[] = {
    {"simswap-toy", "steps=1200", 0.85, 0.92},
};

static const toy_set people = {.people = 60, .photos = 8, .side = 80, .seed = 3};

static const char *faces(void)
{
    base_error e = {0};
    const char *dir = test_scratch("people");
    if (!base_is_dir(dir)) CHECK(!toy_set_write(&people, dir, &e));
    return dir;
}

static const char *teacher(void)
{
    base_error e = {0};
    toy_teaching t = {.kind = TOY_TEACHER, .faces = 2000, .steps = 600, .seed = 1};
    const char *path = test_scratch("teacher.onnx");
    if (!base_is_file(path)) CHECK(!toy_teach(&t, path, &e));
    return path;
}

// Train so many steps and measure.
static toy_measured taught(const lesson *l, const char *steps, const char *out)
{
    base_error e = {0};
    toy_measured m = {0};
    char generator[700], run[600], data[600], identity[600];
    snprintf(run, sizeof run, "%s", test_scratch(out));
    snprintf(generator, sizeof generator, "%s/generator.safetensors", run);
    snprintf(data, sizeof data, "%s", faces());
    snprintf(identity, sizeof identity, "%s", teacher());
    const char *set[] = {steps, "log_every=100000"};
    train_config c = {.recipe = l->recipe,
                      .set = set,
                      .n_set = 2,
                      .data = data,
                      .out = run,
                      .identity = identity};
    guise_status s = train_start(&c, &e);
    toy_measuring t = {.generator = generator, .identity = identity, .set = people, .pairs = 24};
    if (!s) s = toy_measure(&m, &t, &e);
    if (s) fprintf(stderr, "%s: %s\n", l->recipe, e.text);
    CHECK(!s);
    return m;
}

static void learns(const char *recipe)
{
    for (size_t i = 0; i < sizeof lessons / sizeof *lessons; i++) {
        const lesson *l = &lessons[i];
        char out[2][80];
        if (strcmp(l->recipe, recipe) != 0) continue;
        snprintf(out[0], sizeof out[0], "%s-before", recipe);
        snprintf(out[1], sizeof out[1], "%s-after", recipe);
        toy_measured before = taught(l, "steps=1", out[0]), after = taught(l, l->steps, out[1]);
        CHECK(before.wrong > 0.05 && before.idle > 0.05);
        CHECK(after.wrong <= l->before * before.wrong);
        CHECK(after.wrong <= l->idle * after.idle);
        fprintf(stderr, "%s: to the right swap %.3f, was %.3f, doing nothing %.3f\n", recipe,
                after.wrong, before.wrong, after.idle);
    }
}

TEST(simswap) { learns("simswap-toy"); }

int main(int argc, char **argv) { return RUN(argc, argv, CASE(simswap)); }
