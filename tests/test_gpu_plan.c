// test_gpu_plan.c -- plans on a GPU when things go wrong: memory runs out, and every call of
// NVIDIA's libraries fails once; and the gradient of a gradient, which is the hardest thing asked
// of them.
#include "gpu_case.h"
#include "graph/ops.h"

static float x[2 * 3 * 8 * 8], w[4 * 3 * 3 * 3], v[256 * 2];

// The gradient, by w, of a penalty on |d y / d x|.
static tg_node *penalty(tg_graph *g, tg_node **in, tg_node **filter)
{
    *in = tg_input(g, TG_SHAPE(2, 3, 8, 8), "x");
    *filter = tg_param(g, TG_SHAPE(4, 3, 3, 3), "w");
    tg_node *last = tg_const(g, TG_SHAPE(256, 2), v);
    tg_node *y = tg_leaky_relu(tg_conv2d(*in, *filter, TG_CONV(.stride = 2, .pad = 1)), 0.2);
    y = tg_add(y, tg_mean_to(y, TG_SHAPE(2, 4, 1, 1)));
    y = tg_resize(tg_tanh(tg_reflect_pad(y, 1)), 8, 8, TG_BILINEAR);
    tg_node *flat = tg_reshape(y, TG_SHAPE(2, 256)), *dx = NULL, *dw = NULL;
    tg_grad(tg_sum(tg_matmul(flat, last, false, false)), NULL, in, 1, &dx);
    tg_node *length = tg_sqrt(tg_shift(tg_sum(tg_square(dx)), 1e-6));
    tg_grad(length, NULL, filter, 1, &dw);
    return dw;
}

// Three runs, so that it is recorded and replayed; the result in out[108].
static guise_status run(tg_device *d, bool mixed, float *out, base_error *e)
{
    tg_plan *p = NULL;
    tg_node *in, *filter;
    tg_graph *g = tg_new();
    if (!g) return base_no_memory(e);
    tg_node *dw = penalty(g, &in, &filter);
    const tg_plan_options o = {.train = true, .device = d, .mixed = mixed};
    guise_status s = tg_plan_open(&p, g, &dw, 1, &o, e);
    if (!s) s = tg_plan_bind(p, in, x, e);
    if (!s) s = tg_plan_bind(p, filter, w, e);
    for (int i = 0; !s && i < 3; i++) s = tg_plan_run(p, e);
    const float *value = s ? NULL : tg_plan_value(p, dw);
    if (!s && !value) s = base_fail(e, GUISE_IO, "no value");
    for (int i = 0; !s && i < 108; i++) out[i] = value[i];
    tg_plan_close(&p);
    tg_free(g);
    return s;
}

static void fill(void)
{
    for (int i = 0; i < 384; i++) x[i] = sinf((float)i);
    for (int i = 0; i < 108; i++) w[i] = 0.1F * cosf((float)i);
    for (int i = 0; i < 512; i++) v[i] = 0.1F * sinf((float)(3 * i));
}

static double difference(const float *a, const float *b) // by lengths
{
    double sum = 0, of = 0;
    for (int i = 0; i < 108; i++) {
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        of += (double)b[i] * (double)b[i];
    }
    return sqrt(sum / of);
}

TEST(second_gradients_agree_with_the_cpu)
{
    const tg_device_wish strict = {.deterministic = true, .exact = true};
    float want[108], got[108], again[108];
    tg_device *d = NULL;
    base_error e = {0};
    if (!gpu_here()) return;
    fill();
    CHECK(!run(NULL, false, want, &e));
    CHECK(!tg_device_open(&d, "cuda:0", &strict, &e));
    CHECK(!run(d, false, got, &e) && difference(got, want) < 1e-5);
    CHECK(!run(d, false, again, &e) && !memcmp(got, again, sizeof got));
    CHECK(!run(d, true, got, &e) && difference(got, want) < 0.05);
    tg_device_close(&d);
    CHECK(!tg_device_open(&d, "cuda", NULL, &e)); // TF32 may do
    CHECK(!run(d, false, got, &e) && difference(got, want) < 0.02);
    if (e.text[0]) printf("%s\n", e.text);
    tg_device_close(&d);
}

TEST(names_of_devices)
{
    tg_device *d = NULL;
    base_error e = {0};
    CHECK(!tg_device_open(&d, "cpu", NULL, &e) && !d);
    CHECK(tg_device_open(&d, "gpu", NULL, &e) == GUISE_BAD_ARGUMENT && strstr(e.text, "gpu") && !d);
    e = (base_error){0};
    CHECK(tg_device_open(&d, "cuda:x", NULL, &e) == GUISE_BAD_ARGUMENT && !d);
    if (!gpu_here()) return;
    e = (base_error){0};
    CHECK(tg_device_open(&d, "cuda:999", NULL, &e) == GUISE_BAD_ARGUMENT && !d);
    CHECK(strstr(e.text, "999"));
}

static bool mixed_too;
static float right[108];

// What a failure did not end is as it should be.
static guise_status everything(base_error *e)
{
    float got[108];
    tg_device *d = NULL;
    guise_status s = tg_device_open(&d, "cuda:0", NULL, e);
    if (!s) s = run(d, mixed_too, got, e);
    if (!s) CHECK(difference(got, right) < 0.05);
    tg_device_close(&d);
    return s;
}

// A prime step reaches calls of every kind without trying each of thousands.
TEST(survives_every_failure)
{
    fill();
    CHECK(!run(NULL, false, right, NULL));
    mixed_too = false;
    gpu_torture("a plan on a device", everything, 3, 1000);
    mixed_too = true;
    gpu_torture("a mixed plan on a device", everything, 11, 1000);
}

TEST(runs_out_of_memory)
{
    gpu_reins r;
    float got[108];
    tg_device *d = NULL;
    base_error e = {0};
    if (!gpu_here() || !gpu_take(&r)) return;
    fill();
    CHECK(!tg_device_open(&d, "cuda:0", NULL, &e));
    bool done = false;
    for (size_t room = 1000; !done && room < 1 << 24; room += room / 4) {
        e = (base_error){0};
        r.memory(room);
        guise_status s = run(d, false, got, &e);
        done = !s;
        if (s) CHECK(s == GUISE_NO_MEMORY && e.text[0]);
        if (s != GUISE_OK && s != GUISE_NO_MEMORY) printf("%zu bytes: %s\n", room, e.text);
    }
    CHECK(done);
    r.memory((size_t)8 << 30);
    tg_device_close(&d);
    gpu_leave(&r);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(second_gradients_agree_with_the_cpu), CASE(names_of_devices),
               CASE(survives_every_failure), CASE(runs_out_of_memory));
}
