// test_precision.c -- convolutions of lower precision: each type against single precision, with
// zero and mirrored rims; plans that may use them, and steps that must not; no memory; and the
// parts of planning that can be left out.
#include "backend/backend.h"
#include "graph/ops.h"
#include "test.h"

static float *noise(base_rng *r, int64_t n, bool positive)
{
    float *v = base_aligned(sizeof *v * (size_t)n);
    for (int64_t i = 0; v && i < n; i++) {
        v[i] = (float)base_rng_normal(r);
        if (positive && v[i] < 0) v[i] = 0;
    }
    return v;
}

// 1 where there is no such type here.
static int run(const cpu_conv_shape *s, const cpu_conv_post *post, cpu_type type, const float *x,
               const float *w, const float *bias, float *y)
{
    cpu_conv *c = NULL;
    cpu_conv_wish wish = {.keep_weights = true, .type = type};
    int e = cpu_conv_open(&c, CPU_CONV_Y, s, post, wish);
    if (e || !c) return e ? e : 1;
    void *scratch = base_aligned(cpu_conv_scratch(c));
    if (!scratch) e = GUISE_NO_MEMORY;
    for (int i = 0; !e && i < 2; i++) e = cpu_conv_run(c, x, w, bias, y, scratch);
    base_free(scratch);
    cpu_conv_close(c);
    return e;
}

static double difference(const float *a, const float *b, int64_t n)
{
    double off = 0, all = 0;
    for (int64_t i = 0; i < n; i++) {
        off += pow((double)a[i] - (double)b[i], 2);
        all += pow((double)b[i], 2);
    }
    return sqrt(off / all);
}

static void check(cpu_conv_shape s, bool positive)
{
    // Rounding alone, for operands of a normal distribution: 2^-9 / sqrt(3) for each of two in
    // bf16, an eighth of it in f16; steps of some 7 deviations / 255 in 8 bits.
    static const double most[CPU_TYPES] = {1e-6, 4e-3, 5e-4, 3e-2};
    s.groups = 1;
    s.oh = (s.h + 2 * s.reflect + s.top + s.bottom - s.kh) / s.stride + 1;
    s.ow = (s.w + 2 * s.reflect + s.left + s.right - s.kw) / s.stride + 1;
    int64_t ny = s.n * s.oh * s.ow * s.o;
    cpu_conv_post post = {.bias = true, .act = true, .slope = 0.2};
    base_rng r = {5};
    float *x = noise(&r, s.n * s.h * s.w * s.c, positive);
    float *w = noise(&r, s.o * s.c * s.kh * s.kw, false), *bias = noise(&r, s.o, false);
    float *want = noise(&r, ny, false), *y = noise(&r, ny, false);
    CHECK(run(&s, &post, CPU_F32, x, w, bias, want) == 0);
    for (int t = CPU_BF16; t < CPU_TYPES; t++) {
        int e = run(&s, &post, (cpu_type)t, x, w, bias, y);
        CHECK(e == (cpu_has_type((cpu_type)t) ? 0 : 1)); // refused where the machine has no such
        if (e) continue;
        double off = difference(y, want, ny);
        CHECK(off < most[t]);
        CHECK(off > 0); // it was not single precision
    }
    base_free(x);
    base_free(w);
    base_free(bias);
    base_free(want);
    base_free(y);
}

TEST(zero_rims)
{
    cpu_conv_shape s = {.n = 2, .c = 32, .h = 9, .w = 11, .o = 24, .kh = 3, .kw = 3, .stride = 2};
    s.top = s.left = s.bottom = 1;
    check(s, true);
}

TEST(mirrored_rims_and_negative_values)
{
    cpu_conv_shape s = {.n = 1, .c = 16, .h = 10, .w = 8, .o = 16, .kh = 5, .kw = 5, .stride = 1};
    s.reflect = 2;
    check(s, false);
}

TEST(few_channels)
{
    cpu_conv_shape s = {.n = 1, .c = 3, .h = 12, .w = 12, .o = 5, .kh = 1, .kw = 1, .stride = 1};
    check(s, false);
}

// y = w1 * relu(w0 * x), and with `cancel` the small difference of that and nearly the same again:
// a rounding that a layer can bear is too much for the output.
enum { C = 16, SIDE = 12, N = C * SIDE * SIDE, NW = C * C * 9 };
typedef struct {
    tg_graph *g;
    tg_node *x, *w[3], *y;
    float *data[4]; // of x and w
} net;

static void build(net *n, bool cancel)
{
    *n = (net){.g = tg_new()};
    base_rng r = {9};
    n->x = tg_input(n->g, TG_SHAPE(1, C, SIDE, SIDE), "x");
    const char *const name[] = {"w0", "w1", "w2"};
    for (int i = 0; i < 3; i++) n->w[i] = tg_param(n->g, TG_SHAPE(C, C, 3, 3), name[i]);
    tg_node *h = tg_relu(tg_conv2d(n->x, n->w[0], TG_CONV(.pad = 1)));
    n->y = tg_conv2d(h, n->w[1], TG_CONV(.pad = 1));
    if (cancel) n->y = tg_sub(n->y, tg_conv2d(h, n->w[2], TG_CONV(.pad = 1)));
    n->data[0] = noise(&r, N, false);
    for (int i = 1; i < 4; i++) n->data[i] = noise(&r, NW, false);
    for (int i = 0; i < NW; i++) n->data[3][i] = n->data[2][i] * (1 + 1e-3F * n->data[3][i]);
}

static void end(net *n)
{
    tg_free(n->g);
    for (int i = 0; i < 4; i++) base_free(n->data[i]);
}

static guise_status plan_run(net *n, tg_plan_options o, tg_plan **p)
{
    o.without |= TG_PART_MEASURE; // what is chosen must not depend on time
    guise_status s = tg_plan_open(p, n->g, &n->y, 1, &o, NULL);
    if (!s) s = tg_plan_bind(*p, n->x, n->data[0], NULL);
    for (int i = 0; !s && i < 3; i++) s = tg_plan_bind(*p, n->w[i], n->data[i + 1], NULL);
    return s ? s : tg_plan_run(*p, NULL);
}

static void count_lower(void *user, const tg_step_time *t)
{
    int *lower = user;
    *lower += t->error > 0;
    CHECK(t->error <= 1e-2);
}

static void plans(bool cancel)
{
    net n;
    tg_plan *exact = NULL, *fast = NULL;
    int lower = 0, of_exact = 0;
    bool can = cpu_has_type(CPU_BF16) || cpu_has_type(CPU_F16);
    build(&n, cancel);
    CHECK(plan_run(&n, (tg_plan_options){0}, &exact) == GUISE_OK);
    CHECK(plan_run(&n, (tg_plan_options){.fast = true}, &fast) == GUISE_OK);
    tg_plan_times(exact, count_lower, &of_exact);
    tg_plan_times(fast, count_lower, &lower);
    const float *b = tg_plan_value(exact, n.y);
    double off = difference(tg_plan_value(fast, n.y), b, N);
    CHECK(of_exact == 0 && tg_plan_error(exact) == 0);
    CHECK(off <= 1e-2);
    CHECK_NEAR(tg_plan_error(fast), off, 1e-9);
    if (!cancel && can) CHECK(lower == 2); // 16 bits at least are exact enough
    if (!can && !cpu_has_type(CPU_INT8)) CHECK(lower == 0 && off == 0);
    if (cancel) CHECK(lower < 3);               // at least one had to return
    CHECK(tg_plan_run(fast, NULL) == GUISE_OK); // the choice stays
    CHECK_NEAR(difference(tg_plan_value(fast, n.y), b, N), off, 0);
    tg_plan_close(&exact);
    tg_plan_close(&fast);
    end(&n);
}

TEST(a_plan_in_lower_precision) { plans(false); }
TEST(what_spoils_the_output_returns) { plans(true); }

// Each allocation of opening and of the first run fails once: nothing is lost, and a run that
// failed can be repeated.
TEST(no_memory)
{
    net n;
    bool done = false;
    build(&n, false);
    for (long i = 0; !done && i < 1000; i++) {
        tg_plan *p = NULL;
        base_fail_allocation(i);
        guise_status s = plan_run(&n, (tg_plan_options){.fast = true}, &p);
        base_fail_allocation(-1);
        done = s == GUISE_OK;
        CHECK(s == GUISE_OK || s == GUISE_NO_MEMORY);
        tg_plan_close(&p);
    }
    CHECK(done);
    end(&n);
}

TEST(parts_of_planning)
{
    base_error e = {0};
    CHECK(tg_plan_parts("norms,measure", &e) == (TG_PART_NORMS | TG_PART_MEASURE));
    CHECK(tg_plan_parts("winograd", &e) == TG_PART_WINOGRAD);
    CHECK(tg_plan_parts("chains,fuse", &e) == 0 && strstr(e.text, "'fuse'"));
    net n;
    tg_plan *all = NULL;
    build(&n, true);
    CHECK(plan_run(&n, (tg_plan_options){0}, &all) == GUISE_OK);
    for (unsigned bit = 1; bit <= TG_PART_MEASURE; bit *= 2) { // none changes the result
        tg_plan *p = NULL;
        CHECK(plan_run(&n, (tg_plan_options){.without = bit}, &p) == GUISE_OK);
        CHECK(tg_plan_run(p, NULL) == GUISE_OK);
        CHECK(difference(tg_plan_value(p, n.y), tg_plan_value(all, n.y), N) < 2e-3);
        tg_plan_close(&p);
    }
    tg_plan_close(&all);
    end(&n);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(zero_rims), CASE(mirrored_rims_and_negative_values),
               CASE(few_channels), CASE(a_plan_in_lower_precision),
               CASE(what_spoils_the_output_returns), CASE(no_memory), CASE(parts_of_planning));
}
