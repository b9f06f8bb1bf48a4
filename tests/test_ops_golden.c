// test_ops_golden.c -- ops, and small nets made of them, against numbers that other programs
// computed in double precision from float inputs (tests/golden).
#include "graph_case.h"
#include "weights/weights.h"

// A case whose inputs and expected values are tensors of one file.
typedef struct {
    base_tensors file;
    graph_case c;
    bool open;
} golden;

static golden open_golden(const char *name)
{
    golden t = {.c = case_open()};
    base_error e = {""};
    const char *path = test_golden(name);
    if (path && weights_safetensors_read(&t.file, path, &e))
        test_report(__FILE__, __LINE__, e.text);
    t.open = t.file.n > 0;
    return t;
}

static void finish(golden *t)
{
    case_run(&t->c);
    base_tensors_free(&t->file);
}

static const base_tensor *find(golden *t, const char *name)
{
    const base_tensor *x = base_tensors_find(&t->file, name);
    if (!x) test_report(__FILE__, __LINE__, name);
    return x;
}

// The tensor as an input, under another shape of the same count.
static tg_node *input_as(golden *t, const char *name, tg_shape s)
{
    const base_tensor *x = find(t, name);
    if (!x || base_tensor_count(x) != tg_count(s))
        return tg_fail(t->c.g, "%s has another count", name);
    float *v = base_alloc((size_t)tg_count(s), sizeof *v);
    if (!v) return NULL;
    base_tensor_floats(x, v);
    tg_node *node = case_floats(&t->c, s, v);
    base_free(v);
    return node;
}

static tg_node *input(golden *t, const char *name)
{
    const base_tensor *x = find(t, name);
    tg_shape s = {0};
    if (!x || x->rank > TG_MAX_RANK) return tg_fail(t->c.g, "%s has too many dims", name);
    for (s.rank = 0; s.rank < x->rank; s.rank++) s.dim[s.rank] = x->dim[s.rank];
    return input_as(t, name, s);
}

static double *values(golden *t, const char *name, int64_t *n)
{
    const base_tensor *x = find(t, name);
    *n = x ? base_tensor_count(x) : 0;
    double *v = x ? base_alloc((size_t)*n, sizeof *v) : NULL;
    for (int64_t i = 0; v && i < *n; i++) v[i] = base_tensor_at(x, i);
    return v;
}

static void expect(golden *t, tg_node *x, const char *name)
{
    int64_t n;
    double *v = values(t, name, &n);
    CHECK(x && tg_count(x->shape) == n);
    case_expect(&t->c, name, x, v, n, 1, 3e-7, 1e-5);
}

static void expect_sampled(golden *t, tg_node *x, const char *name) // n elements, evenly spaced
{
    int64_t n;
    double *v = values(t, name, &n);
    case_expect(&t->c, name, x, v, n, x && n ? tg_count(x->shape) / n : 1, 3e-7, 1e-5);
}

// [count, sum, length, ..]; a sum of many terms of either sign is compared at its own scale.
static void expect_stat(golden *t, tg_node *x, const char *name)
{
    int64_t n;
    double *v = values(t, name, &n);
    if (!v || !x || n < 3) {
        base_free(v);
        test_report(__FILE__, __LINE__, name);
        return;
    }
    CHECK((int64_t)v[0] == tg_count(x->shape));
    case_values(&t->c, name, tg_sqrt(tg_sum(tg_square(x))), 1, v + 2);
    t->c.want[t->c.n_want - 1].exact = 1e-9;
    case_values(&t->c, name, tg_sum(x), 1, v + 1);
    t->c.want[t->c.n_want - 1].exact = 1e-9;
    t->c.want[t->c.n_want - 1].tol = 1e-4;
    base_free(v);
}

static tg_node *grad(tg_node *y, tg_node *cot, tg_node *x)
{
    tg_node *dx = NULL;
    if (y && x) tg_grad(y, cot, &x, 1, &dx);
    return dx;
}

static tg_node *counting(tg_node *like) // 0, 1, 2 .. in its shape
{
    if (!like) return NULL;
    float *v = base_alloc((size_t)tg_count(like->shape), sizeof *v);
    for (int64_t i = 0; v && i < tg_count(like->shape); i++) v[i] = (float)i;
    tg_node *x = v ? tg_const(like->graph, like->shape, v) : NULL;
    base_free(v);
    return x;
}

// The hash-defined tensors of golden/simswap/README.md.
static tg_node *hashed(golden *t, const char *name, tg_shape s)
{
    uint32_t seed = 2166136261u;
    for (const char *p = name; *p; p++) seed = (seed ^ (unsigned char)*p) * 16777619u;
    float *v = base_alloc((size_t)tg_count(s), sizeof *v);
    for (int64_t i = 0; v && i < tg_count(s); i++) {
        uint32_t x = (uint32_t)i * 2654435769u + seed;
        x = (x ^ x >> 16) * 0x7feb352du;
        x = (x ^ x >> 15) * 0x846ca68bu;
        x ^= x >> 16;
        v[i] = (float)((int)(x >> 8) - 8388608) * 0x1p-23f;
    }
    tg_node *x = v ? case_floats(&t->c, s, v) : NULL;
    base_free(v);
    return x;
}

TEST(nearest_picks_the_published_pixels)
{
    static const int size[] = {128, 160, 200, 250, 256, 300, 512, 224};
    golden t = open_golden("simswap/ops.safetensors");
    for (int i = 0; t.open && i < 8; i++) {
        const char *name = tg_text(t.c.g, "nearest_%d_112.idx%s", size[i], i == 7 ? "_rows" : "");
        float v[512];
        for (int k = 0; k < 512; k++) v[k] = (float)k;
        tg_node *rows = case_floats(&t.c, TG_SHAPE(1, 1, size[i], 1), v);
        tg_node *cols = case_floats(&t.c, TG_SHAPE(1, 1, 1, size[i]), v);
        expect(&t, tg_resize(rows, 112, 1, TG_NEAREST), name);
        expect(&t, tg_resize(cols, 1, 112, TG_NEAREST), name);
    }
    finish(&t);
}

TEST(bicubic_forward_and_back)
{
    golden t = open_golden("simswap/ops.safetensors");
    if (!t.open) {
        finish(&t);
        return;
    }
    tg_node *x = hashed(&t, "ops/img", TG_SHAPE(1, 3, 224, 224));
    tg_node *cot = hashed(&t, "ops/gout", TG_SHAPE(1, 3, 112, 112));
    tg_node *small = hashed(&t, "ops/small", TG_SHAPE(1, 2, 128, 128));
    expect(&t, tg_slice(tg_reshape(x, TG_SHAPE(3 * 224 * 224)), 0, 0, 8),
           "img224_tag_ops_img_first8");
    tg_node *y = tg_resize(x, 112, 112, TG_BICUBIC), *dx = grad(y, cot, x);
    expect(&t, tg_slice(y, 1, 0, 1), "bicubic_224_112.ch0");
    expect_sampled(&t, y, "bicubic_224_112.samp");
    expect_stat(&t, y, "bicubic_224_112.stat");
    expect(&t, tg_slice(tg_slice(dx, 1, 0, 1), 2, 0, 16), "bicubic_224_112.grad_ch0_rows0_15");
    expect_sampled(&t, dx, "bicubic_224_112.grad.samp");
    expect_stat(&t, dx, "bicubic_224_112.grad.stat");
    y = tg_resize(small, 112, 112, TG_BICUBIC);
    dx = grad(tg_sum(tg_square(y)), NULL, small);
    expect(&t, tg_slice(y, 1, 0, 1), "bicubic_128_112.ch0");
    expect_sampled(&t, dx, "bicubic_128_112.grad_sumsq.samp");
    expect_stat(&t, dx, "bicubic_128_112.grad_sumsq.stat");
    finish(&t);
}

// y and the gradient of sum(y k), k counting.
static void both_ways(golden *t, tg_node *x, tg_node *y, const char *name)
{
    expect(t, y, name);
    expect(t, grad(y, counting(y), x), tg_text(t->c.g, "%s.grad_arange", name));
}

static tg_node *instance_norm(tg_node *x, double eps)
{
    tg_shape s = tg_shape_of(x);
    s.dim[2] = s.dim[3] = 1;
    tg_node *d = tg_sub(x, tg_mean_to(x, s));
    return tg_mul(d, tg_rsqrt(tg_shift(tg_mean_to(tg_square(d), s), eps)));
}

TEST(image_ops_forward_and_back)
{
    golden t = open_golden("simswap/ops.safetensors");
    if (!t.open) {
        finish(&t);
        return;
    }
    tg_node *x = input(&t, "t"), *r = input(&t, "r");
    tg_window p = {.kh = 3, .kw = 3, .stride = 2, .pad = 1};
    both_ways(&t, x, tg_resize(x, 10, 14, TG_BILINEAR), "bilinear_x2");
    both_ways(&t, x, tg_resize(x, 10, 14, TG_BILINEAR_CORNER), "bilinear_ac_x2");
    both_ways(&t, r, tg_reflect_pad(r, 1), "reflect1");
    both_ways(&t, r, tg_reflect_pad(r, 3), "reflect3");
    both_ways(&t, r, tg_avg_pool(r, p), "avgpool3s2p1_excl");
    both_ways(&t, r, instance_norm(r, 1e-8), "instnorm");
    finish(&t);
}

TEST(adaptive_instance_norm)
{
    golden t = open_golden("simswap/ops.safetensors");
    if (!t.open) {
        finish(&t);
        return;
    }
    tg_node *x = input(&t, "r"), *w = input(&t, "adain.weight"), *b = input(&t, "adain.bias");
    tg_node *style = tg_add(tg_matmul(input(&t, "adain.latent"), w, false, true), b);
    tg_node *gain = tg_reshape(tg_slice(style, 1, 0, 2), TG_SHAPE(1, 2, 1, 1));
    tg_node *bias = tg_reshape(tg_slice(style, 1, 2, 2), TG_SHAPE(1, 2, 1, 1));
    tg_node *y = tg_add(tg_mul(instance_norm(x, 1e-8), tg_shift(gain, 1)), bias);
    tg_node *loss = tg_sum(tg_mul(tg_square(y), counting(y)));
    expect(&t, y, "adain.out");
    expect(&t, grad(loss, NULL, x), "adain.gx");
    expect(&t, grad(loss, NULL, w), "adain.gw");
    expect(&t, grad(loss, NULL, b), "adain.gb");
    finish(&t);
}

static tg_node *unit(tg_node *x) { return tg_mul(x, tg_rsqrt(tg_sum(tg_square(x)))); }

TEST(spectral_norm) // one step of power iteration in each of two forward passes
{
    golden t = open_golden("simswap/ops.safetensors");
    if (!t.open) {
        finish(&t);
        return;
    }
    tg_node *w = input(&t, "sn.weight_orig"), *b = input(&t, "sn.bias"), *x = input(&t, "sn.x");
    tg_node *m = tg_reshape(w, TG_SHAPE(6, 64)), *u = input_as(&t, "sn.u0", TG_SHAPE(6, 1));
    tg_node *y = NULL;
    for (int pass = 1; pass <= 2; pass++) {
        tg_node *v = tg_detach(unit(tg_matmul(m, u, true, false)));
        u = tg_detach(unit(tg_matmul(m, v, false, false)));
        tg_node *sigma = tg_sum(tg_mul(u, tg_matmul(m, v, false, false)));
        tg_node *normal = tg_mul(w, tg_recip(sigma));
        y = tg_conv2d(x, normal, TG_CONV(.stride = 2, .pad = 1));
        y = tg_add(y, tg_reshape(b, TG_SHAPE(1, 6, 1, 1)));
        expect(&t, u, tg_text(t.c.g, "sn.u%d", pass));
        expect(&t, v, tg_text(t.c.g, "sn.v%d", pass));
        expect(&t, normal, tg_text(t.c.g, "sn.w%d", pass));
        expect(&t, y, tg_text(t.c.g, "sn.y%d", pass));
    }
    expect(&t, y, "sn.y_eval");
    tg_node *loss = tg_sum(tg_square(y));
    expect(&t, grad(loss, NULL, w), "sn.grad_weight_orig2");
    expect(&t, grad(loss, NULL, b), "sn.grad_bias2");
    finish(&t);
}

typedef struct {
    tg_node *y, *mean, *var; // var: unbiased
} normed;

static normed batch_norm(tg_node *x, tg_node *w, tg_node *b)
{
    tg_shape s = tg_shape_of(x), one = TG_SHAPE(1, s.dim[1], 1, 1);
    double n = (double)(tg_count(s) / s.dim[1]);
    tg_node *mean = tg_mean_to(x, one), *d = tg_sub(x, mean);
    tg_node *var = tg_mean_to(tg_square(d), one);
    tg_node *y = tg_mul(d, tg_rsqrt(tg_shift(var, 1e-5)));
    return (normed){tg_add(tg_mul(y, w), b), mean, tg_scale(var, n / (n - 1))};
}

static tg_node *update(tg_node *old, tg_node *value) // of a running statistic
{
    return tg_add(tg_scale(old, 0.9), tg_scale(value, 0.1));
}

TEST(batch_norm_simswap)
{
    golden t = open_golden("simswap/ops.safetensors");
    if (!t.open) {
        finish(&t);
        return;
    }
    tg_shape one = TG_SHAPE(1, 3, 1, 1);
    tg_node *x = input(&t, "bn.x"), *w = input_as(&t, "bn.weight", one);
    tg_node *b = input_as(&t, "bn.bias", one);
    tg_node *mean = input_as(&t, "bn.rm0", one), *var = input_as(&t, "bn.rv0", one);
    tg_node *still = tg_mul(tg_sub(x, mean), tg_rsqrt(tg_shift(var, 1e-5)));
    normed v = batch_norm(x, w, b);
    tg_node *cot = counting(v.y);
    expect(&t, tg_add(tg_mul(still, w), b), "bn.y_eval");
    expect(&t, v.y, "bn.y_train");
    expect(&t, update(mean, v.mean), "bn.rm1");
    expect(&t, update(var, v.var), "bn.rv1");
    expect(&t, grad(v.y, cot, x), "bn.gx");
    expect(&t, grad(v.y, cot, w), "bn.gw");
    expect(&t, grad(v.y, cot, b), "bn.gb");
    finish(&t);
}

TEST(batch_norm_faceshifter)
{
    golden t = open_golden("faceshifter/15_primitives.safetensors");
    if (!t.open) {
        finish(&t);
        return;
    }
    tg_shape one = TG_SHAPE(1, 3, 1, 1);
    tg_node *x = input(&t, "batchnorm_in"), *cot = input(&t, "batchnorm_gout");
    tg_node *w = input_as(&t, "batchnorm_params/bn.weight", one);
    tg_node *b = input_as(&t, "batchnorm_params/bn.bias", one);
    tg_node *mean = input_as(&t, "batchnorm_params/bn.running_mean", one);
    tg_node *var = input_as(&t, "batchnorm_params/bn.running_var", one);
    normed v = batch_norm(x, w, b);
    expect(&t, v.y, "batchnorm_out_train");
    expect(&t, grad(v.y, cot, x), "batchnorm_gin");
    expect(&t, grad(v.y, cot, w), "batchnorm_gweight");
    expect(&t, grad(v.y, cot, b), "batchnorm_gbias");
    expect(&t, update(mean, v.mean), "batchnorm_after_running_mean");
    expect(&t, update(var, v.var), "batchnorm_after_running_var");
    tg_node *still = tg_mul(tg_sub(x, mean), tg_rsqrt(tg_shift(var, 1e-5)));
    expect(&t, tg_add(tg_mul(still, w), b), "batchnorm_out_eval");
    finish(&t);
}

TEST(primitives_of_faceshifter)
{
    golden t = open_golden("faceshifter/15_primitives.safetensors");
    if (!t.open) {
        finish(&t);
        return;
    }
    tg_node *x = input(&t, "up2_ac_true_in"), *y = tg_resize(x, 8, 10, TG_BILINEAR_CORNER);
    expect(&t, y, "up2_ac_true_out");
    expect(&t, grad(y, input(&t, "up2_ac_true_gout"), x), "up2_ac_true_gin");
    expect(&t, tg_resize(x, 8, 10, TG_BILINEAR), "up2_ac_false_out");
    x = input(&t, "resize21to11_ac_true_in");
    y = tg_resize(x, 11, 11, TG_BILINEAR_CORNER);
    expect(&t, y, "resize21to11_ac_true_out");
    expect(&t, grad(y, input(&t, "resize21to11_ac_true_gout"), x), "resize21to11_ac_true_gin");
    expect(&t, tg_resize(x, 11, 11, TG_BILINEAR), "resize21to11_ac_false_out");
    x = input(&t, "avgpool3s2p1_nopadcount_in");
    y = tg_avg_pool(x, (tg_window){.kh = 3, .kw = 3, .stride = 2, .pad = 1});
    expect(&t, y, "avgpool3s2p1_nopadcount_out");
    expect(&t, grad(y, input(&t, "avgpool3s2p1_nopadcount_gout"), x),
           "avgpool3s2p1_nopadcount_gin");
    x = input(&t, "instancenorm_in");
    y = instance_norm(x, 1e-5);
    expect(&t, y, "instancenorm_out");
    expect(&t, grad(y, input(&t, "instancenorm_gout"), x), "instancenorm_gin");
    finish(&t);
}

TEST(convolutions_of_faceshifter)
{
    static const struct {
        const char *name;
        tg_conv conv;
    } list[] = {{"conv_k4s2p1", {.stride = 2, .pad = 1}},
                {"conv_k4s2p2", {.stride = 2, .pad = 2}},
                {"conv_k4s1p2", {.stride = 1, .pad = 2}}};
    golden t = open_golden("faceshifter/15_primitives.safetensors");
    if (!t.open) {
        finish(&t);
        return;
    }
    tg_node *x = input(&t, "conv_k4_in"), *w = input(&t, "conv_k4_params/c.weight");
    tg_node *b = input_as(&t, "conv_k4_params/c.bias", TG_SHAPE(1, 4, 1, 1));
    for (int i = 0; i < 3; i++) {
        tg_node *y = tg_add(tg_conv2d(x, w, list[i].conv), b);
        tg_node *cot = input(&t, tg_text(t.c.g, "%s_gout", list[i].name));
        expect(&t, y, tg_text(t.c.g, "%s_out", list[i].name));
        expect(&t, grad(y, cot, x), tg_text(t.c.g, "%s_gin", list[i].name));
        expect(&t, grad(y, cot, w), tg_text(t.c.g, "%s_gweight", list[i].name));
        expect(&t, grad(y, cot, b), tg_text(t.c.g, "%s_gbias", list[i].name));
    }
    finish(&t);
}

TEST(transposed_convolutions_of_faceshifter)
{
    golden t = open_golden("faceshifter/15_primitives.safetensors");
    if (!t.open) {
        finish(&t);
        return;
    }
    tg_node *x = input(&t, "deconv_k4s2p1_in"), *w = input(&t, "deconv_k4s2p1_params/dc.weight");
    tg_node *b = input_as(&t, "deconv_k4s2p1_params/dc.bias", TG_SHAPE(1, 4, 1, 1));
    tg_node *cot = input(&t, "deconv_k4s2p1_gout");
    tg_conv two = {.stride = 2, .pad = 1};
    tg_node *y = tg_add(tg_conv2d_dx(x, w, TG_SHAPE(2, 4, 6, 8), two), b);
    expect(&t, y, "deconv_k4s2p1_out");
    expect(&t, grad(y, cot, x), "deconv_k4s2p1_gin");
    expect(&t, grad(y, cot, w), "deconv_k4s2p1_gweight");
    expect(&t, grad(y, cot, b), "deconv_k4s2p1_gbias");
    x = input_as(&t, "deconv_k2s1p0_from_1x1_in", TG_SHAPE(2, 5, 1, 1));
    w = input(&t, "deconv_k2s1p0_from_1x1_params/up1.weight");
    b = input_as(&t, "deconv_k2s1p0_from_1x1_params/up1.bias", TG_SHAPE(1, 6, 1, 1));
    y = tg_add(tg_conv2d_dx(x, w, TG_SHAPE(2, 6, 2, 2), TG_CONV(0)), b);
    expect(&t, y, "deconv_k2s1p0_from_1x1_out");
    finish(&t);
}

typedef struct {
    const char *name;
    int up[2], down[2], pad[4]; // x, y; x0 x1 y0 y1
} fir;

static tg_node *border(tg_node *x, int dim, int before, int after) // negative: cut off
{
    if (before < 0) x = tg_slice(x, dim, -before, tg_dim(x, dim) + before);
    if (after < 0) x = tg_slice(x, dim, 0, tg_dim(x, dim) + after);
    return tg_pad(x, dim, before < 0 ? 0 : before, after < 0 ? 0 : after);
}

static tg_node *every(tg_node *x, int dim, int64_t step) // each step-th element
{
    tg_shape s = tg_shape_of(x);
    int64_t n = (s.dim[dim] - 1) / step + 1;
    if (!x || step == 1) return x;
    x = tg_pad(x, dim, 0, n * step - s.dim[dim]);
    tg_shape split = {.rank = s.rank + 1}, keep = s;
    for (int i = 0; i < split.rank; i++) split.dim[i] = s.dim[i <= dim ? i : i - 1];
    split.dim[dim] = keep.dim[dim] = n;
    split.dim[dim + 1] = step;
    return tg_reshape(tg_slice(tg_reshape(x, split), dim + 1, 0, 1), keep);
}

// Zeros between the elements, a border, true convolution with k, and every down-th element.
static tg_node *upfirdn(tg_node *x, tg_node *k, const fir *f)
{
    tg_shape s = tg_shape_of(x);
    int64_t n = s.dim[0] * s.dim[1], h = s.dim[2] * f->up[1], w = s.dim[3] * f->up[0];
    tg_node *y = tg_reshape(x, TG_SHAPE(n, s.dim[2], 1, s.dim[3], 1));
    y = tg_pad(tg_pad(y, 2, 0, f->up[1] - 1), 4, 0, f->up[0] - 1);
    y = tg_reshape(y, TG_SHAPE(n, 1, h, w));
    y = border(border(y, 3, f->pad[0], f->pad[1]), 2, f->pad[2], f->pad[3]);
    k = tg_flip(tg_flip(k, 0), 1);
    y = tg_conv2d(y, tg_reshape(k, TG_SHAPE(1, 1, tg_dim(k, 0), tg_dim(k, 1))), TG_CONV(0));
    y = every(every(y, 2, f->down[1]), 3, f->down[0]);
    return tg_reshape(y, TG_SHAPE(s.dim[0], s.dim[1], tg_dim(y, 2), tg_dim(y, 3)));
}

// The same as one op.
static tg_fir_kernel kernel(golden *t, const char *name, const fir *f)
{
    tg_fir_kernel k = {.up = {f->up[1], f->up[0]},
                       .down = {f->down[1], f->down[0]},
                       .before = {f->pad[2], f->pad[0]},
                       .after = {f->pad[3], f->pad[1]}};
    const base_tensor *x = find(t, name);
    for (int d = 0; x && d < 2; d++) k.size[d] = x->dim[d];
    for (int64_t i = 0; x && i < base_tensor_count(x); i++) k.tap[i] = base_tensor_at(x, i);
    return k;
}

TEST(filters_of_styleswap)
{
    static const fir list[] = {{"up2", {2, 2}, {1, 1}, {2, 1, 2, 1}},
                               {"down2", {1, 1}, {2, 2}, {1, 1, 1, 1}},
                               {"blur_after_upconv", {1, 1}, {1, 1}, {1, 1, 1, 1}},
                               {"blur_before_down3", {1, 1}, {1, 1}, {2, 2, 2, 2}},
                               {"blur_before_down1", {1, 1}, {1, 1}, {1, 1, 1, 1}},
                               {"asym_kernel", {2, 1}, {1, 2}, {1, 2, 3, 0}},
                               {"up2_down2", {2, 2}, {2, 2}, {2, 1, 1, 2}},
                               {"neg_pad", {1, 1}, {1, 1}, {-1, 2, 3, -2}},
                               {"up3_down2", {3, 3}, {2, 2}, {2, 2, 1, 3}}};
    golden t = open_golden("styleswap/01_upfirdn.safetensors");
    for (size_t i = 0; t.open && i < sizeof list / sizeof *list; i++) {
        const char *name = list[i].name;
        tg_node *x = input(&t, tg_text(t.c.g, "%s.x", name));
        tg_node *y = upfirdn(x, input(&t, tg_text(t.c.g, "%s.k", name)), &list[i]);
        expect(&t, y, tg_text(t.c.g, "%s.y", name));
        tg_node *cot = input(&t, tg_text(t.c.g, "%s.g", name));
        expect(&t, grad(y, cot, x), tg_text(t.c.g, "%s.gx", name));
        tg_fir_kernel k = kernel(&t, tg_text(t.c.g, "%s.k", name), &list[i]);
        y = tg_fir(x, &k);
        expect(&t, y, tg_text(t.c.g, "%s.y", name));
        expect(&t, grad(y, cot, x), tg_text(t.c.g, "%s.gx", name));
    }
    finish(&t);
}

static tg_node *square_kernel(tg_node *k, double gain) // [4] -> [4,4], summing to gain
{
    tg_node *a = tg_reshape(k, TG_SHAPE(4, 1));
    tg_node *outer = tg_matmul(a, a, false, true);
    return tg_scale(tg_mul(outer, tg_recip(tg_sum(outer))), gain);
}

TEST(filters_of_smoothswap)
{
    static const fir up = {"up", {2, 2}, {1, 1}, {2, 1, 2, 1}};
    static const fir down = {"down", {1, 1}, {2, 2}, {1, 1, 1, 1}};
    static const fir blur = {"blur", {1, 1}, {1, 1}, {2, 2, 2, 2}};
    golden t = open_golden("smoothswap/01_fir.safetensors");
    if (!t.open) {
        finish(&t);
        return;
    }
    tg_node *k = CASE_IN(&t.c, TG_SHAPE(4), 1, 3, 3, 1), *x = input(&t, "x"),
            *i = input(&t, "imp.x");
    tg_node *k1 = square_kernel(k, 1), *k4 = square_kernel(k, 4), *y = upfirdn(x, k4, &up);
    expect(&t, y, "up.y");
    expect(&t, grad(y, input(&t, "up.gy"), x), "up.gx");
    y = upfirdn(x, k1, &down);
    expect(&t, y, "down.y");
    expect(&t, grad(y, input(&t, "down.gy"), x), "down.gx");
    expect(&t, upfirdn(i, k4, &up), "imp.up");
    expect(&t, upfirdn(i, k1, &down), "imp.down");
    tg_node *ones = tg_fill(t.c.g, TG_SHAPE(1, 1, 6, 6), 1), *odd = input(&t, "asym.k");
    expect(&t, upfirdn(ones, k4, &up), "const.up");
    expect(&t, upfirdn(ones, k1, &down), "const.down");
    expect(&t, upfirdn(x, square_kernel(odd, 4), &up), "asym.up");
    expect(&t, upfirdn(x, square_kernel(odd, 1), &down), "asym.down");
    tg_node *w = input(&t, "convdown.w"), *cot = input(&t, "convdown.gy");
    y = tg_conv2d(upfirdn(x, k1, &blur), w, TG_CONV(.stride = 2));
    expect(&t, y, "convdown.y");
    expect(&t, grad(y, cot, x), "convdown.gx");
    expect(&t, grad(y, cot, w), "convdown.gw");
    expect(&t, tg_resize(x, 16, 16, TG_NEAREST), "naive.up");
    expect(&t, tg_avg_pool(x, (tg_window){.kh = 2, .kw = 2, .stride = 2}), "naive.down");
    finish(&t);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(nearest_picks_the_published_pixels), CASE(bicubic_forward_and_back),
               CASE(image_ops_forward_and_back), CASE(adaptive_instance_norm), CASE(spectral_norm),
               CASE(batch_norm_simswap), CASE(batch_norm_faceshifter),
               CASE(primitives_of_faceshifter), CASE(convolutions_of_faceshifter),
               CASE(transposed_convolutions_of_faceshifter), CASE(filters_of_styleswap),
               CASE(filters_of_smoothswap));
}
