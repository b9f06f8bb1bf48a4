// test_team.c -- each system, trained by several processes with a share of every batch, gives what
// one process gives, up to rounding; here threads stand for processes (mpi/run.sh has real ones).
//
// What is compared are gradients, which Adam's first moment keeps, and everything else that a
// checkpoint has. Adam divides by the size of a gradient, so where that is rounding alone (a bias
// before a batch norm) its steps are noise, and batch norms of a few small pictures make much of
// that; a large eps and a small lr keep it from growing. (Where the bounds are wide, one process
// with other instructions, ONEDNN_MAX_CPU_ISA=AVX2, is as far from itself.)
#include "graph/ops.h"
#include "test.h"
#include "thread_team.h"
#include "train/exchange.h"
#include "train/toy_teach.h"
#include "train/train.h"
#include "weights/weights.h"

// ---- Sums and rows

static bool rows_of_all(void *user, base_team *t)
{
    tg_graph *g = tg_new();
    base_error e = {0};
    const double *whole = user; // [4,2]
    double own[4];
    for (int i = 0; i < 4; i++) {
        int row = base_team_row(t, i);
        for (int k = 0; row >= 0 && k < 2; k++) own[2 * row + k] = whole[2 * i + k];
    }
    tg_join(g, t);
    tg_node *x = tg_double(g, TG_SHAPE(2, 2), own), *all = tg_all_rows(x), *dx = NULL, *ddx = NULL;
    tg_node *back = tg_own_rows(all), *out[3], *mean = tg_all_mean(tg_mean(x));
    // rows meet the mean of all: x's derivative of the sum over all processes of sum((x - mean)^3)
    tg_grad(tg_mul(tg_square(tg_sub(x, mean)), tg_sub(x, mean)), NULL, &x, 1, &dx);
    tg_grad(dx, NULL, &x, 1, &ddx); // sum of the first is zero, whatever x
    out[0] = all, out[1] = dx, out[2] = back;
    tg_plan *p = NULL;
    bool ok = !tg_plan_open(&p, g, out, 3, NULL, &e) && !tg_plan_run(p, &e);
    const double *first = tg_eval(dx), *second = tg_eval(ddx);
    double average = 0, square = 0;
    for (int i = 0; i < 8; i++) average += whole[i] / 8;
    for (int i = 0; i < 8; i++) square += (whole[i] - average) * (whole[i] - average) / 8;
    for (int i = 0; ok && i < 8; i++) ok = fabs((double)tg_plan_value(p, all)[i] - whole[i]) < 1e-6;
    for (int i = 0; ok && i < 4; i++) {
        double want = 3 * (own[i] - average) * (own[i] - average) - 3 * square;
        ok = fabs(first[i] - want) < 1e-9 && fabs((double)tg_plan_value(p, dx)[i] - want) < 1e-5 &&
             fabs((double)tg_plan_value(p, back)[i] - own[i]) < 1e-6 && fabs(second[i]) < 1e-9;
    }
    tg_plan_close(&p);
    tg_free(g);
    return ok;
}

TEST(derivatives_go_over_all)
{
    double whole[8] = {0.5, -1, 2, 0.25, 3, -2.5, 1, 0.75};
    CHECK(thread_team_run(2, rows_of_all, whole));
    whole[5] = 9;
    CHECK(thread_team_run(2, rows_of_all, whole));
}

static bool keeps(void *user, base_team *t)
{
    int all[6] = {0, 1, 2, 3, 4, 5};
    (void)user;
    base_team_keep(t, all, 6, sizeof *all);
    for (int i = 0; i < 6; i++)
        if (base_team_row(t, i) >= 0 && all[base_team_row(t, i)] != i) return false;
    return true;
}

TEST(everyone_keeps_their_rows)
{
    CHECK(thread_team_run(3, keeps, NULL));
    CHECK(thread_team_run(2, keeps, NULL));
    CHECK(base_team_row(NULL, 4) == 4 && base_team_leads(NULL) && base_team_size(NULL) == 1);
}

// ---- Systems

typedef struct {
    const char *recipe;
    const char *set[24]; // ended by NULL
    const char *out;     // under the scratch directory; "-1", "-2".. behind it
} lesson;

typedef struct {
    const lesson *lesson;
    char out[600], data[600], identity[600];
} course;

static const char *faces(char path[600])
{
    static const toy_set people = {.people = 24, .photos = 4, .side = 48, .seed = 3};
    base_error e = {0};
    snprintf(path, 600, "%s", test_scratch("people"));
    if (!base_is_dir(path)) CHECK(!toy_set_write(&people, path, &e));
    return path;
}

static const char *teacher(char path[600])
{
    base_error e = {0};
    toy_teaching t = {.kind = TOY_TEACHER, .faces = 32, .steps = 2, .seed = 1};
    snprintf(path, 600, "%s", test_scratch("teacher.onnx"));
    if (!base_is_file(path)) CHECK(!toy_teach(&t, path, &e));
    return path;
}

static bool train(void *user, base_team *t)
{
    const course *c = user;
    const lesson *l = c->lesson;
    base_error e = {0};
    char out[700];
    size_t n = 0;
    while (l->set[n]) n++;
    snprintf(out, sizeof out, "%s-%d", c->out, base_team_size(t));
    train_config config = {.recipe = l->recipe,
                           .set = l->set,
                           .n_set = n,
                           .data = c->data,
                           .out = out,
                           .identity = c->identity,
                           .team = t};
    guise_status s = train_start(&config, &e);
    if (s) fprintf(stderr, "%s: %s\n", l->recipe, e.text);
    return !s;
}

static bool last_checkpoint(const char *out, int size, base_tensors *t)
{
    base_error e = {0};
    base_names l = {0};
    char dir[700], path[1000] = "";
    snprintf(dir, sizeof dir, "%s-%d", out, size);
    if (base_names_read(&l, dir, &e)) return false;
    for (size_t i = 0; i < l.n; i++)
        if (!strncmp(l.name[i], "checkpoint-", 11))
            snprintf(path, sizeof path, "%s/%s", dir, l.name[i]);
    base_names_free(&l);
    return !weights_safetensors_read(t, path, &e);
}

// Root of the mean square difference of the weights, averages and moments of all networks, over
// that of the values: the largest. single: the largest difference of one weight or statistic, which
// have hardly moved.
static double distance(const base_tensors *a, const base_tensors *b, int *compared, double *single)
{
    double worst = 0;
    *single = 0;
    *compared = 0;
    for (size_t i = 0; i < a->n; i++) {
        const base_tensor *x = &a->at[i], *y = base_tensors_find(b, x->name);
        const char *kind = strrchr(x->name, '.');
        if (x->dtype != BASE_F32 || !kind || !strcmp(kind, ".v")) continue;
        if (!y || base_tensor_count(y) != base_tensor_count(x)) return INFINITY;
        double difference = 0, size = 0;
        for (int64_t k = 0; k < base_tensor_count(x); k++) {
            double u = (double)((const float *)x->data)[k], v = (double)((const float *)y->data)[k];
            difference += (u - v) * (u - v);
            size += u * u;
            double apart = fabs(u - v) / (1 + fabs(u));
            if (!strcmp(kind, ".weights") && !(apart <= *single)) *single = apart;
        }
        double d = sqrt(difference / fmax(size, 1e-30));
        if (!(d <= worst)) worst = d;
        ++*compared;
    }
    return worst;
}

// One process and `size` of them.
static void compare(const lesson *l, int size, double within)
{
    base_tensors one = {0}, many = {0};
    course c = {.lesson = l};
    int compared = 0;
    snprintf(c.out, sizeof c.out, "%s", test_scratch(l->out));
    faces(c.data);
    teacher(c.identity);
    CHECK(train(&c, NULL));
    CHECK(thread_team_run(size, train, &c));
    CHECK(last_checkpoint(c.out, 1, &one) && last_checkpoint(c.out, size, &many));
    double single, d = distance(&one, &many, &compared, &single);
    fprintf(stderr, "%-19s %d processes: %.2g, %.2g of %d arrays\n", l->recipe, size, d, single,
            compared);
    CHECK(compared >= 2);
    CHECK(single <= within / 100);
    CHECK(d <= within);
    base_tensors_free(&one);
    base_tensors_free(&many);
}

#define SMALL "eps=1e-3", "lr=1e-6", "lr_d=1e-6", "log_every=1", "decay=0", "sample_every=0"

// Batch norms in both networks, and the gradient penalty through them.
TEST(simswap)
{
    lesson l = {"simswap-toy",
                {SMALL, "steps=3", "size=64", "warmup=1", "id_ramp=1", "adv_from=0", "scales=1",
                 "lambda_gp=1", "discriminator_options=width=8", "ema=0.9", NULL},
                "simswap"};
    compare(&l, 2, 1e-4);
}

TEST(three_processes)
{
    lesson l = {"simswap-toy", {SMALL, "steps=2", "batch=6", "warmup=0", NULL}, "three"};
    compare(&l, 3, 1e-4);
}

TEST(faceshifter)
{
    lesson l = {"faceshifter-toy",
                {SMALL, "steps=3", "adv_from=0", "discriminator_options=width=8 layers=2",
                 "same=0.5", NULL},
                "faceshifter"};
    compare(&l, 2, 1e-4);
    lesson squared = {"faceshifter-toy", {SMALL, "steps=2", "rec=l2", "same=0.5", NULL}, "squared"};
    compare(&squared, 2, 1e-4);
}

// A set of the minibatch deviation is the whole batch here, over both processes; then R1.
TEST(smoothswap)
{
    lesson l = {"smoothswap-toy",
                {SMALL, "steps=16", "size=16", "adv_from=13", "gamma=1", "lr_warmup=0",
                 "generator_options=width=8 multipliers=1,2 blocks=1 cond=16 front=scaled-mlp",
                 "discriminator_options=channels=16,16,16", NULL},
                "smoothswap"};
    compare(&l, 2, 1e-4);
}

TEST(smooth_embedder)
{
    lesson l = {"smooth-embedder-toy",
                {SMALL, "steps=1", "batch=8", "generator_options=width=8 latent=16", NULL},
                "embedder"};
    compare(&l, 2, 1e-2);
}

// Sets of the minibatch deviation lie within processes; path length with its mean; half a batch.
TEST(stylegan2)
{
    lesson l = {"stylegan2-64",
                {SMALL, "steps=2", "size=16", "batch=8", "r1_every=2", "path_every=2",
                 "generator_options=channels=16,16,16 style=16 mapping=2",
                 "discriminator_options=channels=16,16,16", "sample_columns=1", NULL},
                "stylegan2"};
    compare(&l, 2, 1e-4);
}

TEST(styleswap)
{
    lesson l = {"styleswap-64",
                {SMALL, "steps=2", "size=32", "batch=4", "warmup=0", "id_ramp=0", "adv_from=0",
                 "adv_ramp=0", "d_lead=0", "path=1", "path_every=2", "r1_every=2", "same=1",
                 "generator_options=variant=p channels=16,16,16,16 style=16 mapping=2",
                 "discriminator_options=channels=16,16,16,16", NULL},
                "styleswap"};
    compare(&l, 2, 1e-4);
}

TEST(deepfakes)
{
    char people[600], a[640], b[640];
    snprintf(a, sizeof a, "a=%s/toy-0000", faces(people));
    snprintf(b, sizeof b, "b=%s/toy-0001", people);
    lesson l = {"deepfakes-toy", {SMALL, "steps=2", "batch=2", a, b, NULL}, "deepfakes"};
    compare(&l, 2, 1e-4);
}

TEST(our_own)
{
    lesson id = {"face-id", {SMALL, "steps=1", "batch=8", NULL}, "face-id"};
    compare(&id, 2, 1e-2);
    lesson detector = {"face-detector",
                       {SMALL, "steps=2", "batch=2", "scene=64", "size=32", "shift=8", NULL},
                       "face-detector"};
    compare(&detector, 2, 1e-2);
    lesson mask = {"face-mask", {SMALL, "steps=2", "batch=4", "size=32", NULL}, "face-mask"};
    compare(&mask, 2, 1e-4);
}

TEST(hear) // on what the first test has trained
{
    char refines[700];
    snprintf(refines, sizeof refines, "refines=%s/generator.safetensors",
             test_scratch("simswap-1"));
    if (!base_is_file(refines + 8)) simswap();
    lesson l = {"hear-64",
                {SMALL, refines, "steps=2", "batch=4", "scan=8", "top=0.5", "shift=0",
                 "generator_options=width=8", "ema=0", NULL},
                "hear"};
    compare(&l, 2, 1e-4);
}

static bool refused(void *user, base_team *t)
{
    const char *const *set = user;
    base_error e = {0};
    char data[600], out[600];
    snprintf(out, sizeof out, "%s", test_scratch(set[0]));
    snprintf(data, sizeof data, "%s", test_scratch("people"));
    train_config c = {
        .recipe = "stylegan2-64", .set = set, .n_set = 2, .data = data, .out = out, .team = t};
    return train_start(&c, &e) == GUISE_BAD_ARGUMENT && strstr(e.text, "evenly");
}

TEST(uneven_batches_are_refused)
{
    char data[600];
    faces(data);
    CHECK(thread_team_run(2, refused, (const char *[]){"batch=5", "path=0"}));
    CHECK(thread_team_run(2, refused, (const char *[]){"batch=6", "path=2"}));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(derivatives_go_over_all), CASE(everyone_keeps_their_rows),
               CASE(simswap), CASE(three_processes), CASE(faceshifter), CASE(smoothswap),
               CASE(smooth_embedder), CASE(stylegan2), CASE(styleswap), CASE(deepfakes),
               CASE(our_own), CASE(hear), CASE(uneven_batches_are_refused));
}
