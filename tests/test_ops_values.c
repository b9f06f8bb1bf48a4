// test_ops_values.c -- every op on numbers worked out by hand: published constants for functions,
// counting on paper for the rest. The last case sees that no op of the table is left out.
#include "base/team.h"
#include "graph_case.h"

enum { MOST_OPS = 128 };

// Which ops a case has expected values of. Cases run one after the other in one process.
static const tg_op *seen[MOST_OPS];
static int n_seen;

static void finish(graph_case *c)
{
    for (int i = 0; i < c->n_want; i++)
        if (n_seen < MOST_OPS) seen[n_seen++] = c->want[i].node->op;
    case_run(c);
}

TEST(functions)
{
    graph_case c = case_open();
    tg_node *x = CASE_IN(&c, TG_SHAPE(4), -1, 0, 0.5, 2);
    tg_node *p = CASE_IN(&c, TG_SHAPE(4), 0.25, 1, 2, 10);
    CASE_WANT(&c, "exp", tg_exp(x), 0.36787944117144233, 1, 1.6487212707001282, 7.3890560989306502);
    CASE_WANT(&c, "log", tg_log(p), -1.3862943611198906, 0, 0.69314718055994531,
              2.3025850929940457);
    CASE_WANT(&c, "tanh", tg_tanh(x), -0.76159415595576489, 0, 0.46211715726000976,
              0.96402758007581688);
    CASE_WANT(&c, "sigmoid", tg_sigmoid(x), 0.26894142136999512, 0.5, 0.62245933120185457,
              0.88079707797788244);
    CASE_WANT(&c, "softplus", tg_softplus(x), 0.31326168751822284, 0.69314718055994531,
              0.97407698418010669, 2.1269280110429727);
    CASE_WANT(&c, "sin", tg_sin(x), -0.8414709848078965, 0, 0.47942553860420301,
              0.90929742682568170);
    CASE_WANT(&c, "cos", tg_cos(x), 0.54030230586813972, 1, 0.87758256189037271,
              -0.41614683654714239);
    CASE_WANT(&c, "sqrt", tg_sqrt(p), 0.5, 1, 1.4142135623730950, 3.1622776601683793);
    CASE_WANT(&c, "rsqrt", tg_rsqrt(p), 2, 1, 0.70710678118654752, 0.31622776601683793);
    CASE_WANT(&c, "recip", tg_recip(p), 4, 1, 0.5, 0.1);
    finish(&c);
}

TEST(pieces)
{
    graph_case c = case_open();
    tg_node *x = CASE_IN(&c, TG_SHAPE(5), -3, -0.5, 0, 0.25, 2);
    CASE_WANT(&c, "square", tg_square(x), 9, 0.25, 0, 0.0625, 4);
    CASE_WANT(&c, "relu", tg_relu(x), 0, 0, 0, 0.25, 2);
    CASE_WANT(&c, "step", tg_step(x), 0, 0, 0, 1, 1);
    CASE_WANT(&c, "abs", tg_abs(x), 3, 0.5, 0, 0.25, 2);
    CASE_WANT(&c, "sign", tg_sign(x), -1, -1, 0, 1, 1);
    CASE_WANT(&c, "leaky_relu", tg_leaky_relu(x, 0.25), -0.75, -0.125, 0, 0.25, 2);
    CASE_WANT(&c, "affine", tg_affine(x, 2, -1), -7, -2, -1, -0.5, 3);
    CASE_WANT(&c, "clip", tg_clip(x, -1, 0.125), -1, -0.5, 0, 0.125, 0.125);
    CASE_WANT(&c, "within", tg_within(x, -1, 0.125), 0, 1, 1, 0, 0);
    CASE_WANT(&c, "detach", tg_detach(x), -3, -0.5, 0, 0.25, 2);
    finish(&c);
}

TEST(pairs_and_sums)
{
    graph_case c = case_open();
    tg_node *a = CASE_IN(&c, TG_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    tg_node *b = CASE_IN(&c, TG_SHAPE(2, 1), 10, -2);
    CASE_WANT(&c, "add", tg_add(a, b), 11, 12, 13, 2, 3, 4);
    CASE_WANT(&c, "sub", tg_sub(b, a), 9, 8, 7, -6, -7, -8);
    CASE_WANT(&c, "mul", tg_mul(a, b), 10, 20, 30, -8, -10, -12);
    CASE_WANT(&c, "expand", tg_expand(b, TG_SHAPE(2, 2, 2)), 10, 10, -2, -2, 10, 10, -2, -2);
    CASE_WANT(&c, "sum_to", tg_sum_to(a, TG_SHAPE(1, 3)), 5, 7, 9);
    CASE_WANT(&c, "sum", tg_sum(a), 21);
    CASE_WANT(&c, "matmul", tg_matmul(a, b, true, false), 2, 10, 18);
    finish(&c);
}

TEST(moves)
{
    graph_case c = case_open();
    tg_node *a = CASE_IN(&c, TG_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
    tg_node *x = CASE_IN(&c, TG_SHAPE(1, 2, 2, 2), 1, 2, 3, 4, 5, 6, 7, 8);
    CASE_WANT(&c, "reshape", tg_reshape(a, TG_SHAPE(3, 2)), 1, 2, 3, 4, 5, 6);
    CASE_WANT(&c, "transpose", tg_transpose(a, (const int[]){1, 0}), 1, 4, 2, 5, 3, 6);
    CASE_WANT(&c, "transpose of four", tg_transpose(x, (const int[]){2, 0, 3, 1}), 1, 5, 2, 6, 3, 7,
              4, 8);
    CASE_WANT(&c, "slice", tg_slice(a, 1, 1, 2), 2, 3, 5, 6);
    CASE_WANT(&c, "slice of four", tg_slice(x, 3, 1, 1), 2, 4, 6, 8);
    CASE_WANT(&c, "pad", tg_pad(a, 1, 1, 2), 0, 1, 2, 3, 0, 0, 0, 4, 5, 6, 0, 0);
    CASE_WANT(&c, "pad of four", tg_pad(x, 1, 1, 0), 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8);
    CASE_WANT(&c, "concat", tg_concat((tg_node *[]){a, tg_slice(a, 1, 0, 1)}, 2, 1), 1, 2, 3, 1, 4,
              5, 6, 4);
    CASE_WANT(&c, "flip", tg_flip(a, 1), 3, 2, 1, 6, 5, 4);
    CASE_WANT(&c, "flip of four", tg_flip(x, 2), 3, 4, 1, 2, 7, 8, 5, 6);
    tg_node *many[20];
    for (int i = 0; i < 20; i++) many[i] = tg_slice(x, 3, i % 2, 1);
    tg_node *joined = tg_concat(many, 20, 3); // more than an op has operands
    CASE_WANT(&c, "concat of twenty", tg_slice(tg_slice(joined, 3, 15, 3), 1, 1, 1), 6, 5, 6, 8, 7,
              8);
    finish(&c);
}

TEST(convolution)
{
    graph_case c = case_open();
    tg_node *x = CASE_IN(&c, TG_SHAPE(1, 1, 3, 3), 1, 2, 3, 4, 5, 6, 7, 8, 9);
    tg_node *w = CASE_IN(&c, TG_SHAPE(1, 1, 2, 2), 1, 2, 3, 4);
    tg_node *dy = CASE_IN(&c, TG_SHAPE(1, 1, 2, 2), 1, 0, -1, 2);
    CASE_WANT(&c, "conv2d", tg_conv2d(x, w, TG_CONV(0)), 37, 47, 67, 77);
    CASE_WANT(&c, "conv2d, stride 2, pad 1", tg_conv2d(x, w, TG_CONV(.stride = 2, .pad = 1)), 4, 18,
              36, 77);
    // dy laid over w at each of its places: 1 at (0,0), -1 at (1,0), 2 at (1,1)
    CASE_WANT(&c, "conv2d_dx", tg_conv2d_dx(dy, w, TG_SHAPE(1, 1, 3, 3), TG_CONV(0)), 1, 2, 0, 2, 4,
              4, -3, 2, 8);
    // x00 - x10 + 2 x11 and so on
    CASE_WANT(&c, "conv2d_dw", tg_conv2d_dw(dy, x, TG_SHAPE(1, 1, 2, 2), TG_CONV(0)), 7, 9, 13, 15);
    finish(&c);
}

TEST(reflection)
{
    graph_case c = case_open();
    tg_node *x = CASE_IN(&c, TG_SHAPE(1, 1, 2, 3), 1, 2, 3, 4, 5, 6);
    tg_node *d = CASE_IN(&c, TG_SHAPE(1, 1, 4, 5), 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                         1, 1, 1, 1);
    CASE_WANT(&c, "reflect_pad", tg_reflect_pad(x, 1), 5, 4, 5, 6, 5, 2, 1, 2, 3, 2, 5, 4, 5, 6, 5,
              2, 1, 2, 3, 2);
    // how often each element was copied: rows 2 and 2 times, columns 1, 3, 1 times
    CASE_WANT(&c, "reflect_pad_dx", tg_reflect_pad_dx(d, 1), 2, 6, 2, 2, 6, 2);
    finish(&c);
}

TEST(resizing)
{
    graph_case c = case_open();
    tg_node *x = CASE_IN(&c, TG_SHAPE(1, 1, 1, 3), 0, 4, 12);
    tg_node *d = CASE_IN(&c, TG_SHAPE(1, 1, 1, 6), 1, 2, 3, 4, 5, 6);
    tg_node *s = CASE_IN(&c, TG_SHAPE(1, 1, 1, 4), 0, 0, 64, 0);
    CASE_WANT(&c, "resize, nearest", tg_resize(x, 2, 5, TG_NEAREST), 0, 0, 4, 4, 12, 0, 0, 4, 4,
              12);
    CASE_WANT(&c, "resize, bilinear", tg_resize(x, 1, 6, TG_BILINEAR), 0, 1, 3, 6, 10, 12);
    CASE_WANT(&c, "resize, corners", tg_resize(x, 1, 5, TG_BILINEAR_CORNER), 0, 2, 4, 8, 12);
    // Keys's kernel with a = -0.75 at distances 1.5, 0.5, 0.5, 1.5: -0.09375, 0.59375
    CASE_WANT(&c, "resize, bicubic", tg_resize(s, 1, 2, TG_BICUBIC), -6, 38);
    CASE_WANT(&c, "resize_dx, nearest", tg_resize_dx(d, 1, 3, TG_NEAREST), 3, 7, 11);
    CASE_WANT(&c, "resize_dx, bilinear", tg_resize_dx(d, 1, 3, TG_BILINEAR), 3.25, 7, 10.75);
    CASE_WANT(&c, "resize_dx, skipping", tg_resize_dx(x, 1, 6, TG_NEAREST), 0, 0, 4, 0, 12, 0);
    finish(&c);
}

TEST(filtering)
{
    graph_case c = case_open();
    tg_node *x = CASE_IN(&c, TG_SHAPE(1, 1, 1, 3), 1, 2, 4);
    // 1 0 2 0 4 0 and a zero on either side, under the turned taps 3 10
    tg_fir_kernel up = {{1, 2}, {1, 1}, {0, 1}, {0, 1}, {1, 2}, {10, 3}};
    CASE_WANT(&c, "twice as wide", tg_fir(x, &up), 10, 3, 20, 6, 40, 12, 0);
    tg_fir_kernel down = {{1, 1}, {1, 2}, {0, 1}, {0, -1}, {1, 2}, {10, 3}};
    CASE_WANT(&c, "every second", tg_fir(x, &down), 10);
    finish(&c);
}

TEST(pooling)
{
    graph_case c = case_open();
    tg_node *x = CASE_IN(&c, TG_SHAPE(1, 1, 3, 3), 1, 9, 2, 3, 9, 4, 8, 5, 6);
    tg_node *d = CASE_IN(&c, TG_SHAPE(1, 1, 2, 2), 10, 20, 30, 40);
    tg_node *v = CASE_IN(&c, TG_SHAPE(1, 1, 3, 3), 1, 2, 3, 4, 5, 6, 7, 8, 9);
    tg_window two = {.kh = 2, .kw = 2, .stride = 1},
              edge = {.kh = 3, .kw = 3, .stride = 2, .pad = 1};
    CASE_WANT(&c, "max_pool", tg_max_pool(x, two), 9, 9, 9, 9);
    // the first of equal maxima counts: (0,1) in the upper windows, (1,1) in the lower ones
    CASE_WANT(&c, "max_unpool", tg_max_unpool(d, x, two), 0, 30, 0, 0, 70, 0, 0, 0, 0);
    CASE_WANT(&c, "max_pool_at", tg_max_pool_at(v, x, two), 2, 2, 5, 5);
    CASE_WANT(&c, "max_pool, negative", tg_max_pool(tg_neg(x), edge), -1, -2, -3, -4);
    CASE_WANT(&c, "avg_pool", tg_avg_pool(v, edge), 3, 4, 6, 7);
    edge.whole = true;
    CASE_WANT(&c, "avg_pool, whole", tg_avg_pool(v, edge), 12 / 9.0, 16 / 9.0, 24 / 9.0, 28 / 9.0);
    CASE_WANT(&c, "avg_pool_dx", tg_avg_pool_dx(d, 3, 3, two), 2.5, 7.5, 5, 10, 25, 15, 7.5, 17.5,
              10);
    tg_window up = {.kh = 2, .kw = 2, .stride = 2, .ceil = true};
    CASE_WANT(&c, "avg_pool, ceil", tg_avg_pool(v, up), 3, 4.5, 7.5, 9);
    CASE_WANT(&c, "max_pool, ceil", tg_max_pool(v, up), 5, 6, 8, 9);
    finish(&c);
}

TEST(warping)
{
    graph_case c = case_open();
    tg_node *x = CASE_IN(&c, TG_SHAPE(1, 1, 2, 3), 1, 2, 3, 4, 5, 6);
    tg_node *half = CASE_IN(&c, TG_SHAPE(1, 6), 1, 0, 0.5, 0, 1, 0);
    tg_node *turn = CASE_IN(&c, TG_SHAPE(1, 6), 0, 1, 0, -1, 0, 1); // column i, row 1 - j
    CASE_WANT(&c, "warp, half a pixel", tg_warp(x, half, 2, 3), 1.5, 2.5, 1.5, 4.5, 5.5, 3);
    CASE_WANT(&c, "warp, a quarter turn", tg_warp(x, turn, 3, 2), 4, 1, 5, 2, 6, 3);
    CASE_WANT(&c, "warp, outside", tg_warp(x, turn, 4, 3), 4, 1, 0, 5, 2, 0, 6, 3, 0, 0, 0, 0);
    CASE_WANT(&c, "warp_dx", tg_warp_dx(x, half, 2, 3), 0.5, 1.5, 2.5, 2, 4.5, 5.5);
    finish(&c);
}

// A process beside this one, which has 10, 20, 30.
static int with_other(base_team *t, float *x, size_t n)
{
    (void)t;
    for (size_t i = 0; i < n; i++) x[i] += 10 * (float)(i + 1);
    return 0;
}
static int with_other_double(base_team *t, double *x, size_t n)
{
    (void)t;
    for (size_t i = 0; i < n; i++) x[i] += 10 * (double)(i + 1);
    return 0;
}

TEST(sums_over_processes)
{
    base_team two = {.size = 2, .sum = with_other, .sum_double = with_other_double};
    graph_case c = case_open();
    tg_node *x = CASE_IN(&c, TG_SHAPE(3), 1, 2, -3);
    CASE_WANT(&c, "all_sum", tg_all_sum_of(x, &two), 11, 22, 27);
    finish(&c);
}

TEST(nan_wins_a_maximum)
{
    graph_case c = case_open();
    tg_node *x = CASE_IN(&c, TG_SHAPE(1, 1, 2, 2), 1, NAN, 3, 2);
    tg_node *y = tg_max_pool(x, (tg_window){.kh = 2, .kw = 2, .stride = 1});
    const double *v = tg_eval(y);
    CHECK(v && isnan(v[0]));
    case_run(&c);
}

TEST(nothing_to_do_makes_no_node)
{
    graph_case c = case_open();
    tg_node *x = CASE_IN(&c, TG_SHAPE(1, 2, 1, 1), 1, 2);
    CHECK(tg_reshape(x, TG_SHAPE(1, 2, 1, 1)) == x);
    CHECK(tg_transpose(x, (const int[]){0, 1, 2, 3}) == x);
    CHECK(tg_slice(x, 1, 0, 2) == x);
    CHECK(tg_pad(x, 1, 0, 0) == x);
    CHECK(tg_concat(&x, 1, 0) == x);
    CHECK(tg_reflect_pad(x, 0) == x);
    CHECK(tg_resize(x, 1, 1, TG_BICUBIC) == x);
    case_run(&c);
}

TEST(every_op_has_values)
{
    for (int i = 0; tg_ops[i]; i++) {
        bool found = false;
        for (int k = 0; k < n_seen; k++) found = found || seen[k] == tg_ops[i];
        test_checked++;
        if (!found) test_report(__FILE__, __LINE__, tg_ops[i]->name);
    }
}

int main(int argc, char **argv)
{
    // The last case needs those before it, so it only makes sense in a whole run.
    return RUN(argc, argv, CASE(functions), CASE(pieces), CASE(pairs_and_sums), CASE(moves),
               CASE(convolution), CASE(reflection), CASE(resizing), CASE(filtering), CASE(pooling),
               CASE(warping), CASE(sums_over_processes), CASE(nan_wins_a_maximum),
               CASE(nothing_to_do_makes_no_node), CASE(every_op_has_values));
}
