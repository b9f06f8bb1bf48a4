// test_gpu_kernels.c -- kernels on a GPU at sizes that random instances of ops do not reach:
// several channels by one access, tiles, sums in parts, and every way that a convolution has; each
// as a plan in single precision and with images in bf16, against the definition.
#include "backend/cuda.h"
#include "gpu_case.h"
#include "op_case.h"

static tg_device *exact, *fast;

static bool open_devices(void)
{
    base_error e = {0};
    const tg_device_wish strict = {.deterministic = true, .exact = true};
    if (exact) return true;
    if (!gpu_here()) return false;
    if (tg_device_open(&exact, "cuda:0", &strict, &e) || tg_device_open(&fast, "cuda:0", NULL, &e))
        test_report(__FILE__, __LINE__, e.text);
    return exact && fast;
}

static guise_status bind(tg_plan *p, tg_node *x, float **to, base_error *e)
{
    if (x->kind != TG_INPUT) return GUISE_OK;
    *to = floats_of(x, false);
    return *to ? tg_plan_bind(p, x, *to, e) : base_no_memory(e);
}

// The largest difference of the plan's value to the definition, over the root of its mean square
// and the value itself.
static double error_of(tg_node *y, const tg_plan_options *o)
{
    tg_plan *p = NULL;
    base_error e = {0};
    double worst = 0, square = 0;
    int64_t n = tg_count(tg_shape_of(y));
    const double *want = tg_eval(y);
    tg_graph *g = tg_graph_of(y);
    guise_status s = tg_plan_open(&p, g, &y, 1, o, &e);
    int n_nodes = tg_n_nodes(g);
    float **bound = base_alloc((size_t)n_nodes, sizeof *bound);
    for (int id = 0; !s && bound && id < n_nodes; id++) s = bind(p, tg_at(g, id), &bound[id], &e);
    for (int64_t i = 0; want && i < n; i++) square += want[i] * want[i];
    const double size = sqrt(square / (double)n) + 1e-30;
    for (int run = 0; !s && run < 3; run++) { // as it is, recorded, replayed
        s = tg_plan_run(p, &e);
        const float *got = s ? NULL : tg_plan_value(p, y);
        for (int64_t i = 0; got && want && i < n; i++) {
            double d = fabs((double)got[i] - want[i]) / (size + fabs(want[i]));
            if (!(d <= worst)) worst = d;
        }
        if (!got || !want) worst = INFINITY;
    }
    if (s) printf("  %s\n", e.text);
    tg_plan_close(&p);
    for (int id = 0; bound && id < n_nodes; id++) base_free(bound[id]);
    base_free(bound);
    return s ? INFINITY : worst;
}

static void check(const char *what, int line, tg_node *y)
{
    const tg_plan_options single = {.device = exact}, alone = {.device = exact, .unfused = true};
    const tg_plan_options mixed = {.device = fast, .mixed = true};
    char text[200];
    double e[3] = {error_of(y, &single), error_of(y, &alone), error_of(y, &mixed)};
    const double most[3] = {3e-5, 3e-5, 6e-2};
    for (int i = 0; i < 3; i++) {
        test_checked++;
        if (e[i] <= most[i]) continue;
        snprintf(text, sizeof text, "%s, %s: off by %.2g", what,
                 i == 0   ? "fused"
                 : i == 1 ? "unfused"
                          : "mixed",
                 e[i]);
        test_report(__FILE__, line, text);
    }
}
#define SAME(WHAT, Y) check(WHAT, __LINE__, Y)

typedef struct {
    tg_graph *g;
    base_rng r;
} place;

// An input, since what is constant stays in single precision.
static tg_node *random_input(place *p, tg_shape s)
{
    tg_node *x = tg_input(p->g, s, "x");
    double *v = tg_data(x);
    for (int64_t i = 0; v && i < tg_count(s); i++) v[i] = (double)(float)base_rng_normal(&p->r);
    return x;
}

static tg_node *image(place *p, int64_t n, int64_t c, int64_t h, int64_t w)
{
    return random_input(p, TG_SHAPE(n, c, h, w));
}

static tg_node *with_bias(place *p, tg_node *y) // for every channel
{
    tg_shape s = tg_shape_of(y);
    tg_node *b = random_input(p, TG_SHAPE(1, s.dim[1], 1, 1));
    return tg_add(y, tg_expand(b, s));
}

TEST(convolutions)
{
    static const struct {
        const char *what;
        int64_t c, h, w, o, k, groups;
        tg_conv conv;
        int64_t reflect;
    } t[] = {
        {"3 x 3", 16, 6, 7, 24, 3, 1, {.pad = 1}, 0},
        {"1 x 1", 16, 5, 4, 8, 1, 1, {0}, 0},
        {"1 x 1, stride 2", 8, 6, 6, 8, 1, 1, {.stride = 2}, 0},
        {"few channels", 3, 9, 8, 16, 7, 1, {.pad = 3}, 0},
        {"few outputs", 8, 6, 6, 3, 3, 1, {.pad = 1}, 0},
        {"stride 2, even", 8, 8, 8, 16, 3, 1, {.stride = 2, .pad = 1}, 0},
        {"stride 2, odd", 8, 7, 9, 16, 3, 1, {.stride = 2, .pad = 1}, 0},
        {"rows left over", 8, 8, 8, 8, 3, 1, {.stride = 3}, 0},
        {"uneven padding", 8, 6, 6, 8, 4, 1, {.top = 1, .left = 1, .bottom = 2, .right = 2}, 0},
        {"uneven, stride 2", 8, 6, 6, 8, 3, 1, {.stride = 2, .bottom = 1, .right = 1}, 0},
        {"groups", 16, 5, 5, 16, 3, 4, {.pad = 1}, 0},
        {"each channel by itself", 16, 5, 5, 16, 3, 16, {.pad = 1}, 0},
        {"mirrored", 8, 6, 5, 8, 7, 1, {0}, 3},
    };
    if (!open_devices()) return;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        place p = {tg_new(), {i + 1}};
        tg_conv conv = t[i].conv;
        conv.groups = t[i].groups;
        tg_node *x = image(&p, 2, t[i].c, t[i].h, t[i].w);
        tg_node *w = image(&p, t[i].o, t[i].c / t[i].groups, t[i].k, t[i].k);
        tg_node *padded = tg_reflect_pad(x, t[i].reflect), *y = tg_conv2d(padded, w, conv);
        tg_node *dy = random_input(&p, tg_shape_of(y));
        check(t[i].what, __LINE__, y);
        check(t[i].what, __LINE__, with_bias(&p, y));
        check(t[i].what, __LINE__, tg_relu(with_bias(&p, y)));
        check(t[i].what, __LINE__, tg_leaky_relu(with_bias(&p, y), 0.2));
        check(t[i].what, __LINE__, tg_conv2d_dx(dy, w, tg_shape_of(padded), conv));
        check(t[i].what, __LINE__, tg_conv2d_dw(dy, padded, tg_shape_of(w), conv));
        CHECK(!tg_error(p.g));
        tg_free(p.g);
    }
}

TEST(moves)
{
    if (!open_devices()) return;
    place p = {tg_new(), {7}};
    tg_node *x = random_input(&p, TG_SHAPE(3, 40, 70)), *i = image(&p, 2, 16, 6, 8);
    tg_node *c = tg_conv2d(i, image(&p, 16, 16, 1, 1), TG_CONV(0)); // lies channels-last
    SAME("tiles", tg_transpose(x, (const int[]){0, 2, 1}));
    SAME("tiles across", tg_transpose(x, (const int[]){2, 1, 0}));
    SAME("rows", tg_transpose(x, (const int[]){1, 0, 2}));
    SAME("to channels-last", tg_transpose(i, (const int[]){0, 2, 3, 1}));
    SAME("a slice of 8", tg_slice(i, 3, 0, 4));
    for (int dim = 0; dim < 4; dim++) {
        int64_t half = tg_dim(c, dim) / 2;
        SAME("slice", tg_slice(c, dim, half, tg_dim(c, dim) - half));
        SAME("odd slice", tg_slice(c, dim, 1, half));
        SAME("pad", tg_pad(c, dim, 8, 4));
        SAME("odd pad", tg_pad(c, dim, 1, 2));
        SAME("flip", tg_flip(c, dim));
        SAME("concat", tg_concat((tg_node *[]){c, tg_slice(c, dim, 0, half), c}, 3, dim));
    }
    SAME("expand", tg_expand(tg_slice(c, 1, 3, 1), TG_SHAPE(2, 16, 6, 8)));
    SAME("expand pixels",
         tg_expand(tg_slice(tg_slice(c, 2, 1, 1), 3, 2, 1), TG_SHAPE(2, 16, 6, 8)));
    SAME("reshape", tg_reshape(c, TG_SHAPE(8, 24, 8)));
    CHECK(!tg_error(p.g));
    tg_free(p.g);
}

TEST(sums)
{
    static const tg_shape to[] = {{0, {0}},           {4, {1, 1, 1, 1}}, {4, {2, 40, 1, 1}},
                                  {4, {1, 40, 1, 1}}, {4, {2, 1, 1, 1}}, {4, {1, 40, 18, 20}},
                                  {4, {2, 1, 18, 20}}};
    if (!open_devices()) return;
    place p = {tg_new(), {9}};
    tg_node *x = tg_shift(image(&p, 2, 40, 18, 20), 0.5); // long enough to be added up in parts
    tg_node *c = tg_conv2d(image(&p, 2, 8, 18, 20), image(&p, 40, 8, 1, 1), TG_CONV(0));
    for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
        SAME("sum", tg_sum_to(x, to[i]));
        SAME("sum, channels-last", tg_sum_to(tg_square(c), to[i]));
    }
    CHECK(!tg_error(p.g));
    tg_free(p.g);
}

TEST(images)
{
    if (!open_devices()) return;
    for (int64_t c = 4; c <= 24; c += 20) {
        place p = {tg_new(), {(uint64_t)c}};
        const tg_window window = {.kh = 3, .kw = 3, .stride = 2, .pad = 1};
        const tg_window whole = {.kh = 12, .kw = 10, .stride = 1};
        tg_fir_kernel up = {{2, 2}, {1, 1}, {2, 2}, {1, 1}, {4, 4}, {0}}, down = up;
        for (int i = 0; i < 16; i++) up.tap[i] = down.tap[i] = 0.1 * (i + 1);
        down.up[0] = down.up[1] = 1, down.down[0] = down.down[1] = 2;
        const float map[12] = {0.8F, -0.3F, 1, 0.3F, 0.8F, -1, 1.5F, 0.2F, -2, -0.2F, 1.5F, 0.25F};
        tg_node *x = image(&p, 2, c, 12, 10), *m = tg_const(p.g, TG_SHAPE(2, 6), map);
        const float flat[12] = {1, 2, 0, 2, 4, 0, 0, 0, 3, 0, 0, 3}; // maps without an inverse
        tg_node *f = tg_const(p.g, TG_SHAPE(2, 6), flat), *y;
        SAME("reflect_pad", tg_reflect_pad(x, 3));
        SAME("reflect_pad_dx", tg_reflect_pad_dx(x, 3));
        for (tg_resize_mode mode = TG_NEAREST; mode <= TG_BICUBIC; mode++) {
            SAME("resize", tg_resize(x, 24, 20, mode));
            SAME("resize smaller", tg_resize(x, 5, 7, mode));
            SAME("resize_dx", tg_resize_dx(x, 6, 5, mode));
            SAME("resize_dx larger", tg_resize_dx(x, 30, 17, mode));
        }
        SAME("fir up", tg_fir(x, &up));
        SAME("fir down", tg_fir(x, &down));
        SAME("warp", tg_warp(x, m, 9, 16));
        SAME("warp_dx", tg_warp_dx(x, m, 9, 16));
        SAME("warp, flat", tg_warp(x, f, 9, 16));
        SAME("warp_dx, flat", tg_warp_dx(x, f, 9, 16));
        y = tg_avg_pool(x, window);
        SAME("avg_pool", y);
        SAME("avg_pool, all of it", tg_avg_pool(x, whole));
        SAME("avg_pool_dx", tg_avg_pool_dx(random_input(&p, tg_shape_of(y)), 12, 10, window));
        SAME("avg_pool_dx, all of it", tg_avg_pool_dx(image(&p, 2, c, 1, 1), 12, 10, whole));
        CHECK(!tg_error(p.g));
        tg_free(p.g);
    }
}

// Rounding to bf16 may move a maximum, so x has only values that it leaves as they are.
TEST(maxima)
{
    if (!open_devices()) return;
    place p = {tg_new(), {3}};
    const tg_window window = {.kh = 3, .kw = 3, .stride = 2, .pad = 1};
    enum { C = 16, H = 6, W = 7, N = 2 * C * H * W };
    float v[N];
    for (int i = 0; i < N; i++) v[i] = (float)base_rng_range(&p.r, -128, 127);
    tg_node *x = tg_const(p.g, TG_SHAPE(2, C, H, W), v), *y = tg_max_pool(x, window);
    SAME("max_pool", y);
    SAME("max_unpool", tg_max_unpool(random_input(&p, tg_shape_of(y)), x, window));
    SAME("max_pool_at", tg_max_pool_at(image(&p, 2, C, H, W), x, window));
    CHECK(!tg_error(p.g));
    tg_free(p.g);
}

// Products of several matrices, operands of two types, and a result at an odd address.
TEST(products)
{
    if (!gpu_here()) return;
    cuda_device *d = gpu_open(true, true);
    base_rng r = {11};
    enum { M = 5, N = 6, K = 7, BATCH = 3, ROOM = 1024 }; // bytes for each
    float a[BATCH * M * K], b[K * N], c[BATCH * M * N + 1];
    for (int i = 0; i < BATCH * M * K; i++) a[i] = (float)base_rng_range(&r, -64, 64);
    for (int i = 0; i < K * N; i++) b[i] = (float)base_rng_range(&r, -64, 64);
    cuda_at at = d ? cuda_alloc(d, CUDA_DEVICE, 4 * ROOM) : 0;
    cuda_at half = at + ROOM, to = half + ROOM, at_b = to + ROOM;
    CHECK(at && !cuda_upload(d, at, a, sizeof a) && !cuda_upload(d, at_b, b, sizeof b));
    CHECK(at && !cuda_convert(d, (cuda_array){at, CUDA_F32}, (cuda_array){half, CUDA_BF16},
                              BATCH * M * K));
    for (int odd = 0; at && odd < 2; odd++) { // the same b for all; c begins one element later
        cuda_gemm_shape s = {false, false, M, N, K, BATCH, M * K, 0, M * N};
        cuda_gemm *g = NULL;
        CHECK(!cuda_gemm_open(&g, d, &s, odd ? CUDA_BF16 : CUDA_F32, CUDA_F32, CUDA_F32));
        cuda_at scratch = g ? cuda_alloc(d, CUDA_DEVICE, cuda_gemm_scratch(g)) : 0;
        CHECK(scratch && !cuda_gemm_run(g, odd ? half : at, at_b, to + 4 * (uint64_t)odd, scratch));
        CHECK(!cuda_download(d, c, to + 4 * (uint64_t)odd, sizeof *c * BATCH * M * N));
        for (int i = 0; i < BATCH * M * N; i++) {
            float sum = 0;
            for (int k = 0; k < K; k++) sum += a[i / N * K + k] * b[k * N + i % N];
            CHECK_NEAR((double)c[i], (double)sum, 1e-3);
        }
        cuda_free(d, CUDA_DEVICE, scratch);
        cuda_gemm_close(&g);
    }
    if (d) cuda_free(d, CUDA_DEVICE, at);
    cuda_close(&d);
}

int main(int argc, char **argv)
{
    int status = RUN(argc, argv, CASE(convolutions), CASE(moves), CASE(sums), CASE(images),
                     CASE(maxima), CASE(products));
    tg_device_close(&exact);
    tg_device_close(&fast);
    return status;
}
