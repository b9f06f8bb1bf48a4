// test_plan.c -- plans beyond single ops: memory that plans share, what is kept from run to run,
// and paddings that convolutions do themselves.
#include "graph/ops.h"
#include "test.h"

enum { SIDE = 12, AREA = SIDE * SIDE };

typedef struct {
    tg_graph *g;
    tg_node *x, *w, *out[3];
    tg_plan *plan;
} work;

static void numbers(float *v, size_t n, uint64_t seed)
{
    base_rng r = {seed};
    for (size_t i = 0; i < n; i++) v[i] = (float)base_rng_normal(&r);
}

// A convolution of a mirrored image and its gradients; the constant in it makes kept values.
static void build(work *k, int channels)
{
    float table[AREA];
    numbers(table, AREA, 3);
    k->g = tg_new();
    k->x = tg_input(k->g, TG_SHAPE(1, channels, SIDE, SIDE), "x");
    k->w = tg_param(k->g, TG_SHAPE(4, channels, 3, 3), "w");
    tg_node *c = tg_exp(tg_const(k->g, TG_SHAPE(1, 1, SIDE, SIDE), table));
    tg_node *y = tg_conv2d(tg_reflect_pad(tg_relu(k->x), 1), k->w, TG_CONV(.stride = 1));
    k->out[0] = tg_tanh(tg_mul(y, c));
    tg_grad(k->out[0], NULL, (tg_node *[]){k->x, k->w}, 2, k->out + 1);
}

static bool open_plan(work *k, const tg_plan_options *o, float *x, float *w)
{
    base_error e = {{0}};
    guise_status s = tg_plan_open(&k->plan, k->g, k->out, 3, o, &e);
    if (!s) s = tg_plan_bind(k->plan, k->x, x, &e);
    if (!s) s = tg_plan_bind(k->plan, k->w, w, &e);
    if (s) test_report(__FILE__, __LINE__, e.text);
    return s == GUISE_OK;
}

static void close_work(work *k)
{
    tg_plan_close(&k->plan);
    tg_free(k->g);
}

// The outputs as tg_eval has them, with x and w as they are bound.
static void check_values(work *k, const float *x, const float *w)
{
    double *in = tg_data(k->x);
    for (int64_t i = 0; i < tg_count(tg_shape_of(k->x)); i++) in[i] = (double)x[i];
    in = tg_data(k->w);
    for (int64_t i = 0; i < tg_count(tg_shape_of(k->w)); i++) in[i] = (double)w[i];
    for (int o = 0; o < 3; o++) {
        const double *want = tg_eval(k->out[o]);
        const float *have = tg_plan_value(k->plan, k->out[o]);
        int64_t n = tg_count(tg_shape_of(k->out[o]));
        double worst = 0, most = 0;
        for (int64_t i = 0; i < n; i++) {
            worst = fmax(worst, fabs((double)have[i] - want[i]));
            most = fmax(most, fabs(want[i]));
        }
        CHECK_NEAR(worst / most, 0, 3e-5);
    }
}

TEST(paddings_inside_convolutions)
{
    float x[3 * AREA], w[4 * 3 * 9];
    numbers(x, 3 * AREA, 1);
    numbers(w, 4 * 3 * 9, 2);
    const tg_plan_options all[] = {{0}, {.train = true}, {.unfused = true}};
    size_t bytes[3];
    for (int i = 0; i < 3; i++) {
        work k = {0};
        build(&k, 3);
        if (!open_plan(&k, &all[i], x, w)) return;
        CHECK(tg_plan_run(k.plan, NULL) == GUISE_OK);
        check_values(&k, x, w);
        bytes[i] = tg_plan_bytes(k.plan);
        close_work(&k);
    }
    CHECK(bytes[1] < bytes[2]);
}

TEST(plans_share_an_arena)
{
    float x[2][5 * AREA], w[2][4 * 5 * 9];
    for (int i = 0; i < 2; i++) {
        numbers(x[i], 5 * AREA, (uint64_t)i + 1);
        numbers(w[i], 4 * 5 * 9, (uint64_t)i + 7);
    }
    tg_arena *a = tg_arena_new();
    const tg_plan_options o = {.train = true, .arena = a};
    work k[2] = {{0}, {0}};
    build(&k[0], 2);
    if (!open_plan(&k[0], &o, x[0], w[0])) return;
    CHECK(tg_plan_run(k[0].plan, NULL) == GUISE_OK);
    size_t before = tg_arena_bytes(a);
    CHECK(tg_plan_kept(k[0].plan) > 0);
    build(&k[1], 5); // the larger one moves the memory
    if (!open_plan(&k[1], &o, x[1], w[1])) return;
    CHECK(tg_arena_bytes(a) > before);
    for (int turn = 0; turn < 3; turn++)
        for (int i = 0; i < 2; i++) {
            numbers(x[i], 5 * AREA, (uint64_t)(10 * turn + i));
            CHECK(tg_plan_run(k[i].plan, NULL) == GUISE_OK);
            check_values(&k[i], x[i], w[i]);
        }
    close_work(&k[0]);
    CHECK(tg_plan_run(k[1].plan, NULL) == GUISE_OK);
    close_work(&k[1]);
    tg_arena_free(a);
}

static void count(void *thing) { ++*(int *)thing; }

TEST(a_graph_keeps_what_its_constants_read)
{
    static const float v[4] = {1, 2, 3, 4};
    int released = 0;
    tg_graph *g = tg_new();
    CHECK(tg_keep(g, &released, count));
    tg_node *x = tg_const_view(g, TG_SHAPE(4), v), *y = tg_scale(x, 2);
    tg_plan *p = NULL;
    CHECK(tg_plan_open(&p, g, &y, 1, NULL, NULL) == GUISE_OK);
    CHECK(tg_plan_run(p, NULL) == GUISE_OK);
    CHECK_NEAR(tg_plan_value(p, y)[3], 8, 0);
    CHECK_NEAR(tg_eval(y)[2], 6, 0);
    tg_plan_close(&p);
    CHECK(released == 0);
    tg_free(g);
    CHECK(released == 1);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(paddings_inside_convolutions), CASE(plans_share_an_arena),
               CASE(a_graph_keeps_what_its_constants_read));
}
