// test_onnx_models.c -- whole ONNX models against a separate evaluation in numpy (double precision,
// golden/onnx). The models are looked for in $GUISE_MODELS, default ../shared/models beside the
// source, and are no part of the project.
#include "test.h"
#include "weights/weights.h"
#include <unistd.h>

static const char *model_path(const char *name)
{
    static char path[1024];
    const char *dir = getenv("GUISE_MODELS");
    snprintf(path, sizeof path, "%s/%s.onnx", dir && *dir ? dir : test_file("../../shared/models"),
             name);
    if (!access(path, R_OK)) return path;
    test_skipped++;
    printf("skipped: no model %s\n", name);
    return NULL;
}

// Element i of a picture of noise, 0..255
static float noise(uint32_t i)
{
    uint32_t v = i * 2654435761u + 12345u;
    v ^= v >> 15;
    v *= 0x2c1b3c6du;
    v ^= v >> 12;
    return (float)(v >> 8 & 255);
}

typedef struct {
    weights_onnx *m;
    tg_graph *g;
    tg_node *in, *out[16];
    float *x;
    tg_plan *plan;
} running;

static void end(running *r)
{
    tg_plan_close(&r->plan);
    tg_free(r->g);
    weights_onnx_close(&r->m);
    base_free(r->x);
}

// The model built for a shape and run; input is noise * scale + shift.
static bool start(running *r, const char *path, tg_shape s, double scale, double shift)
{
    base_error e = {0};
    *r = (running){.g = tg_new()};
    guise_status status = weights_onnx_open(&r->m, path, &e);
    size_t n = status ? 0 : weights_onnx_outputs(r->m);
    if (!status && n <= 16) {
        r->in = tg_input(r->g, s, "x");
        weights_onnx_build(r->m, r->g, &r->in, r->out);
        r->x = base_alloc((size_t)tg_count(s), sizeof *r->x);
        for (int64_t i = 0; i < tg_count(s); i++)
            r->x[i] = (float)((double)noise((uint32_t)i) * scale + shift);
        status = tg_plan_open(&r->plan, r->g, r->out, (int)n, NULL, &e);
    }
    if (!status) status = tg_plan_bind(r->plan, r->in, r->x, &e);
    if (!status) status = tg_plan_run(r->plan, &e);
    if (status) printf("%s\n", e.text);
    CHECK(!status);
    return !status;
}

static void compare(const char *name, tg_shape s, double scale, double shift, double tol)
{
    char golden[100];
    snprintf(golden, sizeof golden, "onnx/%s.safetensors", name);
    const char *path = model_path(name), *want_path = test_golden(golden);
    base_tensors want = {0};
    base_error e = {0};
    running r;
    if (!path || !want_path) return;
    CHECK(!weights_safetensors_read(&want, want_path, &e));
    if (start(&r, path, s, scale, shift)) {
        CHECK(want.n == weights_onnx_outputs(r.m));
        for (size_t i = 0; i < want.n && i < weights_onnx_outputs(r.m); i++) {
            const base_tensor *w = base_tensors_find(&want, weights_onnx_output(r.m, i));
            int64_t n = tg_count(tg_shape_of(r.out[i]));
            CHECK(w && base_tensor_count(w) == n);
            if (!w || base_tensor_count(w) != n) continue;
            double d = test_distance(tg_plan_value(r.plan, r.out[i]), w->data, (size_t)n);
            printf("%s %s: off by %.2g\n", name, w->name, d);
            CHECK(d <= tol);
        }
    }
    end(&r);
    base_tensors_free(&want);
}

TEST(face_reid) { compare("face_reid_0095", TG_SHAPE(1, 3, 128, 128), 1, 0, 2e-5); }
TEST(mobilefacenet) { compare("mobilefacenet", TG_SHAPE(1, 3, 112, 112), 1, 0, 2e-5); }
TEST(headpose) { compare("headpose_adas_0001", TG_SHAPE(1, 3, 60, 60), 1, 0, 5e-5); }
TEST(three_d)
{
    compare("3ddfa_mb05_120x120", TG_SHAPE(1, 3, 120, 120), 1.0 / 128, -127.5 / 128, 5e-5);
}
TEST(yunet_dynamic) { compare("yunet_n_dynamic", TG_SHAPE(2, 3, 64, 96), 1, 0, 2e-5); }

// Each picture of a batch gives what it gives alone; and an input of another size is refused.
TEST(batches)
{
    const char *path = model_path("headpose_adas_0001");
    running one, two, bad;
    if (!path) return;
    if (start(&one, path, TG_SHAPE(1, 3, 60, 60), 1, 0) &&
        start(&two, path, TG_SHAPE(2, 3, 60, 60), 1, 0)) {
        for (int i = 0; i < 3; i++)
            CHECK_NEAR((double)tg_plan_value(two.plan, two.out[i])[0],
                       (double)tg_plan_value(one.plan, one.out[i])[0], 1e-5);
        CHECK(tg_same(tg_shape_of(two.out[0]), TG_SHAPE(2, 1)));
    }
    end(&one);
    end(&two);
    base_error e = {0};
    bad = (running){.g = tg_new()};
    CHECK(!weights_onnx_open(&bad.m, path, &e));
    bad.in = tg_input(bad.g, TG_SHAPE(1, 3, 61, 60), "x");
    weights_onnx_build(bad.m, bad.g, &bad.in, bad.out);
    CHECK(tg_error(bad.g) && strstr(tg_error(bad.g), "takes [1,3,60,60] (0: any), not"));
    end(&bad);
}

// The gradient that an identity loss needs, along one direction, against a difference quotient.
TEST(differentiable)
{
    const char *path = model_path("face_reid_0095");
    base_error e = {0};
    tg_shape s = TG_SHAPE(1, 3, 128, 128);
    weights_onnx *m = NULL;
    if (!path || weights_onnx_open(&m, path, &e)) return;
    tg_graph *g = tg_new();
    tg_node *x = tg_input(g, s, "x"), *y = NULL, *dx = NULL;
    weights_onnx_build(m, g, &x, &y);
    y = tg_sum(tg_square(y));
    tg_grad(y, NULL, &x, 1, &dx);
    const double step = 1e-3; // of 0..255
    double *v = tg_data(x), value[2], slope = 0;
    for (int side = 0; v && side < 2; side++) {
        for (int64_t i = 0; i < tg_count(s); i++)
            v[i] = (double)noise((uint32_t)i) + (side ? step : -step) * (double)(i % 3 - 1);
        value[side] = tg_eval(y)[0];
        tg_data(x); // forgets values
    }
    for (int64_t i = 0; v && i < tg_count(s); i++) v[i] = (double)noise((uint32_t)i);
    const double *d = v ? tg_eval(dx) : NULL;
    CHECK(d != NULL);
    for (int64_t i = 0; d && i < tg_count(s); i++) slope += d[i] * (double)(i % 3 - 1);
    if (d) CHECK_NEAR((value[1] - value[0]) / (2 * step) / slope, 1, 1e-3);
    tg_free(g);
    weights_onnx_close(&m);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(face_reid), CASE(mobilefacenet), CASE(headpose), CASE(three_d),
               CASE(yunet_dynamic), CASE(batches), CASE(differentiable));
}
