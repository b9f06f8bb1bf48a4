// test_plan.c -- plans beyond single ops: memory that plans share, what is kept from run to run,
// and paddings that convolutions do themselves.
#include "graph/ops.h"
#include "test.h"
#include <math.h>

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

// Leaves of a graph with numbers, bound to plans and given to tg_eval alike.
enum { LEAVES = 4 };
typedef struct {
    tg_graph *g;
    tg_node *leaf[LEAVES];
    float *v[LEAVES];
    int n;
} leaves;

static tg_node *add_leaf(leaves *l, tg_shape s)
{
    int k = l->n++;
    int64_t n = tg_count(s);
    l->leaf[k] = tg_input(l->g, s, tg_text(l->g, "leaf%d", k));
    l->v[k] = base_alloc((size_t)n, sizeof(float));
    numbers(l->v[k], (size_t)n, (uint64_t)k + 1);
    for (int64_t i = 0; i < n; i++) tg_data(l->leaf[k])[i] = (double)l->v[k][i];
    return l->leaf[k];
}

// Do plans give what tg_eval does: whole, in training, and without fusing?
static void check_plans(const leaves *l, tg_node *const out[], int n)
{
    const tg_plan_options all[] = {{0}, {.train = true}, {.unfused = true}};
    for (int i = 0; i < 3; i++) {
        tg_plan *p = NULL;
        base_error e = {{0}};
        CHECK(!tg_plan_open(&p, l->g, out, n, &all[i], &e));
        for (int k = 0; k < l->n; k++) CHECK(!tg_plan_bind(p, l->leaf[k], l->v[k], &e));
        CHECK(!tg_plan_run(p, &e));
        if (e.text[0]) printf("    %s\n", e.text);
        for (int k = 0; k < n && !e.text[0]; k++) {
            const double *want = tg_eval(out[k]);
            const float *have = tg_plan_value(p, out[k]);
            double worst = 0, most = 0;
            for (int64_t j = 0; j < tg_count(tg_shape_of(out[k])); j++) {
                worst = fmax(worst, fabs((double)have[j] - want[j]));
                most = fmax(most, fabs(want[j]));
            }
            CHECK_NEAR(worst / most, 0, 3e-5);
        }
        tg_plan_close(&p);
    }
}

static void free_leaves(leaves *l)
{
    tg_free(l->g);
    for (int k = 0; k < l->n; k++) base_free(l->v[k]);
}

// A convolution's result lies in memory channels last; what is spread over it, or added up from it,
// in fewer or more dimensions, does not.
TEST(layouts_meet_where_ranks_differ)
{
    leaves l = {.g = tg_new()};
    tg_node *x = add_leaf(&l, TG_SHAPE(1, 3, 4, 4)), *w = add_leaf(&l, TG_SHAPE(5, 3, 3, 3));
    tg_node *k = add_leaf(&l, TG_SHAPE(5, 2, 2)), *out[6];
    tg_node *y = tg_conv2d(x, w, TG_CONV(.stride = 1));
    out[0] = tg_tanh(tg_add(y, k));
    tg_grad(out[0], NULL, (tg_node *[]){x, w, k}, 3, out + 1);
    tg_node *more = tg_expand(y, TG_SHAPE(2, 1, 5, 2, 2)); // rank 5
    out[4] = tg_reshape(more, TG_SHAPE(40));
    tg_node *less = tg_sum_to(more, TG_SHAPE(1, 5, 2, 2));
    out[5] = tg_conv2d(less, tg_const(l.g, TG_SHAPE(1, 5, 1, 1), (float[]){1, -2, 3, 0.5F, 1}),
                       TG_CONV(.stride = 1));
    check_plans(&l, out, 6);
    free_leaves(&l);
}

// A sum of what has no layout of its own.
TEST(sums_of_spread_values_lie_in_order)
{
    leaves l = {.g = tg_new()};
    tg_node *x = add_leaf(&l, TG_SHAPE(2, 3, 4, 2)), *b = add_leaf(&l, TG_SHAPE(1, 3, 4, 2));
    tg_node *c = add_leaf(&l, TG_SHAPE(1, 3, 1, 1)), *out[3];
    out[0] = tg_square(tg_mean_to(tg_add(x, b), TG_SHAPE(2, 3, 1, 1)));
    tg_grad(out[0], NULL, &b, 1, out + 1);
    out[2] = tg_sum_to(tg_expand(c, TG_SHAPE(2, 3, 4, 5)), TG_SHAPE(1, 3, 4, 1));
    check_plans(&l, out, 3);
    free_leaves(&l);
}

// By every way that backends have: narrow, direct, Winograd.
TEST(zeros_around_a_reflection_stay_zeros)
{
    const int shape[3][3] = {{16, 3, 8}, {3, 4, 8}, {32, 64, 16}}; // channels in, out; side
    for (int i = 0; i < 3; i++) {
        leaves l = {.g = tg_new()};
        tg_node *x = add_leaf(&l, TG_SHAPE(1, shape[i][0], shape[i][2], shape[i][2])), *out[4];
        tg_node *w = add_leaf(&l, TG_SHAPE(shape[i][1], shape[i][0], 3, 3));
        tg_node *pad = tg_reflect_pad(tg_relu(x), 1);
        out[0] = tg_conv2d(pad, w, TG_CONV(.pad = 1));
        out[1] = tg_conv2d(pad, w, TG_CONV(.bottom = 1, .right = 1));
        tg_grad(out[1], NULL, (tg_node *[]){x, w}, 2, out + 2);
        check_plans(&l, out, 4);
        free_leaves(&l);
    }
}

// What is kept from run to run is made anew where another array is bound.
TEST(arrays_can_be_bound_anew)
{
    float a[2] = {1, 2}, b[2] = {0.5F, -1}, to[2][2];
    tg_graph *g = tg_new();
    tg_node *x = tg_param(g, TG_SHAPE(2), "x"), *y = tg_exp(x);
    tg_plan *p = NULL;
    CHECK(!tg_plan_open(&p, g, &y, 1, NULL, NULL));
    CHECK(!tg_plan_bind(p, x, a, NULL) && !tg_plan_bind(p, y, to[0], NULL));
    CHECK(!tg_plan_run(p, NULL));
    CHECK(!tg_plan_bind(p, y, to[1], NULL) && !tg_plan_run(p, NULL));
    for (int i = 0; i < 2; i++) CHECK_NEAR(to[1][i], exp(a[i]), 1e-5);
    CHECK(!tg_plan_bind(p, x, b, NULL) && !tg_plan_run(p, NULL));
    for (int i = 0; i < 2; i++) CHECK_NEAR(to[1][i], exp(b[i]), 1e-5);
    tg_plan_close(&p);
    tg_free(g);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(paddings_inside_convolutions), CASE(plans_share_an_arena),
               CASE(a_graph_keeps_what_its_constants_read), CASE(layouts_meet_where_ranks_differ),
               CASE(sums_of_spread_values_lie_in_order), CASE(zeros_around_a_reflection_stay_zeros),
               CASE(arrays_can_be_bound_anew));
}
