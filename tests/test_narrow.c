// test_narrow.c -- convolutions to a few channels against plain loops: every width, strides, zero
// and mirrored rims, rows too short for a block of pixels, bias, sum and activation.
#include "backend/narrow.h"
#include "test.h"
#include <omp.h>

static float *noise(base_rng *r, int64_t n)
{
    float *v = base_aligned(sizeof *v * (size_t)n);
    for (int64_t i = 0; v && i < n; i++) v[i] = (float)base_rng_normal(r);
    return v;
}

static int64_t mirror(int64_t i, int64_t n) { return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i; }

// One output element, channels-last.
static double at(const cpu_conv_shape *s, const float *x, const float *w, int64_t n, int64_t i,
                 int64_t j, int64_t o)
{
    double sum = 0;
    for (int64_t t = 0; t < s->kh * s->kw; t++) {
        int64_t p = i * s->stride + t / s->kw - s->top - s->reflect;
        int64_t q = j * s->stride + t % s->kw - s->left - s->reflect;
        if (s->reflect) p = mirror(p, s->h), q = mirror(q, s->w);
        if (p < 0 || p >= s->h || q < 0 || q >= s->w) continue;
        for (int64_t c = 0; c < s->c; c++)
            sum += (double)x[((n * s->h + p) * s->w + q) * s->c + c] *
                   (double)w[(o * s->c + c) * s->kh * s->kw + t];
    }
    return sum;
}

static void check(cpu_conv_shape s, const cpu_conv_post *post)
{
    s.groups = 1;
    s.oh = (s.h + 2 * s.reflect + s.top + s.bottom - s.kh) / s.stride + 1;
    s.ow = (s.w + 2 * s.reflect + s.left + s.right - s.kw) / s.stride + 1;
    if (!cpu_narrow_fits(CPU_CONV_Y, &s)) {
        test_skipped++; // neither AVX2 nor AVX-512
        return;
    }
    int64_t ny = s.n * s.oh * s.ow * s.o;
    base_rng r = {3};
    float *x = noise(&r, s.n * s.h * s.w * s.c), *w = noise(&r, s.o * s.c * s.kh * s.kw);
    float *bias = noise(&r, s.o), *before = noise(&r, ny), *out = base_aligned(4 * (size_t)ny);
    cpu_narrow *c = NULL;
    CHECK(cpu_narrow_open(&c, &s, post, true) == 0);
    for (int threads = 1; threads <= 3; threads += 2) {
        omp_set_num_threads(threads);
        memcpy(out, before, 4 * (size_t)ny);
        cpu_narrow_run(c, x, w, bias, out);
        double worst = 0;
        for (int64_t k = 0; k < ny; k++) {
            int64_t o = k % s.o, j = k / s.o % s.ow, i = k / s.o / s.ow % s.oh;
            double want = at(&s, x, w, k / s.o / s.ow / s.oh, i, j, o);
            if (post && post->bias) want += (double)bias[o];
            if (post && post->add) want += (double)before[k];
            if (post && post->act && want <= 0) want *= post->slope;
            worst = fmax(worst, fabs((double)out[k] - want));
        }
        CHECK(worst < 2e-4); // of sums over up to 49 x 48 products of unit variance
    }
    cpu_narrow_close(c);
    base_free(x);
    base_free(w);
    base_free(bias);
    base_free(before);
    base_free(out);
}

TEST(widths)
{
    for (int o = 1; o <= 4; o++)
        check((cpu_conv_shape){.n = 2,
                               .c = 48,
                               .h = 9,
                               .w = 37,
                               .o = o,
                               .kh = 3,
                               .kw = 3,
                               .stride = 1,
                               .top = 1,
                               .left = 1,
                               .bottom = 1,
                               .right = 1},
              NULL);
}

TEST(last_of_a_generator)
{
    cpu_conv_post post = {.bias = true, .act = true, .slope = 0.2};
    check(
        (cpu_conv_shape){
            .n = 1, .c = 32, .h = 20, .w = 30, .o = 3, .kh = 7, .kw = 7, .stride = 1, .reflect = 3},
        &post);
}

TEST(strides_and_uneven_padding)
{
    cpu_conv_post post = {.add = true};
    check((cpu_conv_shape){.n = 1,
                           .c = 16,
                           .h = 12,
                           .w = 50,
                           .o = 2,
                           .kh = 5,
                           .kw = 4,
                           .stride = 2,
                           .top = 2,
                           .left = 1,
                           .right = 3},
          &post);
}

TEST(short_rows)
{
    check((cpu_conv_shape){.n = 3, .c = 16, .h = 3, .w = 2, .o = 3, .kh = 1, .kw = 1, .stride = 1},
          NULL);
}

TEST(not_for_others)
{
    cpu_conv_shape s = {.n = 1, .c = 24, .h = 4, .w = 4, .o = 3, .kh = 1, .kw = 1, .groups = 1};
    CHECK(!cpu_narrow_fits(CPU_CONV_Y, &s)); // 24 channels are no multiple of 16
    s.c = 32;
    CHECK(!cpu_narrow_fits(CPU_CONV_DX, &s));
    s.o = 5;
    CHECK(!cpu_narrow_fits(CPU_CONV_Y, &s));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(widths), CASE(last_of_a_generator),
               CASE(strides_and_uneven_padding), CASE(short_rows), CASE(not_for_others));
}
