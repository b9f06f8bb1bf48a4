// test_winograd.c -- Winograd's convolutions, forward, by the image and by the weights, against
// plain loops: odd sizes, channels that fill no vector, several chunks and blocks, mirrored rims.
// Two runs give the same bits, and but for weight gradients, any number of threads does.
#include "backend/wino_dw.h"
#include "backend/winograd.h"
#include "test.h"
#include <omp.h>

static float *noise(base_rng *r, int64_t n)
{
    float *v = base_aligned(sizeof *v * (size_t)n);
    for (int64_t i = 0; v && i < n; i++) v[i] = (float)base_rng_normal(r);
    return v;
}

static int64_t mirror(int64_t i, int64_t n) { return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i; }

typedef struct {
    cpu_conv_kind kind;
    const float *a, *b;
    double *want;
} sum;

// All channels of one pixel of x, one of y and one place of the kernel: offsets into the arrays.
static void add(sum *s, int64_t channels, int64_t made, int64_t x, int64_t k, int64_t y)
{
    for (int64_t o = 0; o < made; o++)
        for (int64_t c = 0; c < channels; c++) {
            int64_t w = (o * channels + c) * 9 + k;
            if (s->kind == CPU_CONV_Y) s->want[y + o] += (double)s->a[x + c] * (double)s->b[w];
            if (s->kind == CPU_CONV_DX) s->want[x + c] += (double)s->a[y + o] * (double)s->b[w];
            if (s->kind == CPU_CONV_DW) s->want[w] += (double)s->a[y + o] * (double)s->b[x + c];
        }
}

static void walk(const cpu_conv_shape *s, sum *of)
{
    int64_t r = s->reflect;
    for (int64_t at = 0; at < s->n * s->oh * s->ow * 9; at++) {
        int64_t k = at % 9, j = at / 9 % s->ow, i = at / 9 / s->ow % s->oh;
        int64_t n = at / 9 / s->ow / s->oh;
        int64_t p = i + k / 3 - s->top - r, q = j + k % 3 - s->left - r;
        if (r) p = mirror(p, s->h), q = mirror(q, s->w);
        if (p < 0 || p >= s->h || q < 0 || q >= s->w) continue;
        add(of, s->c, s->o, ((n * s->h + p) * s->w + q) * s->c, k,
            ((n * s->oh + i) * s->ow + j) * s->o);
    }
}

static int run(cpu_conv_kind kind, const cpu_conv_shape *s, int m, bool keep, const float *a,
               const float *b, float *out)
{
    cpu_wino *w = NULL;
    cpu_wino_dw *dw = NULL;
    int e = kind == CPU_CONV_DW ? cpu_wino_dw_open(&dw, s, m)
                                : cpu_wino_open(&w, kind, s, m, NULL, keep);
    size_t room = e ? 0 : dw ? cpu_wino_dw_scratch(dw) : cpu_wino_scratch(w);
    void *scratch = base_aligned(room);
    if (!scratch) e = GUISE_NO_MEMORY;
    if (scratch) memset(scratch, 0xff, room); // NaN: what is read must have been written
    if (!e)
        e = dw ? cpu_wino_dw_run(dw, a, b, out, scratch)
               : cpu_wino_run(w, a, b, NULL, out, scratch);
    cpu_wino_dw_close(dw);
    cpu_wino_close(w);
    base_free(scratch);
    return e;
}

// Largest difference, as a share of the largest value; m = 6 rounds most.
static double off(const float *have, const double *want, int64_t n)
{
    double worst = 0, most = 0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(have[i])) return INFINITY;
        worst = fmax(worst, fabs((double)have[i] - want[i]));
        most = fmax(most, fabs(want[i]));
    }
    return worst / most;
}

static void check(cpu_conv_shape s)
{
    s.kh = s.kw = 3;
    s.stride = s.groups = 1;
    s.oh = s.h + 2 * s.reflect + s.top + s.bottom - 2;
    s.ow = s.w + 2 * s.reflect + s.left + s.right - 2;
    int64_t nx = s.n * s.h * s.w * s.c, ny = s.n * s.oh * s.ow * s.o, nw = s.o * s.c * 9;
    base_rng r = {7};
    float *x = noise(&r, nx), *y = noise(&r, ny), *w = noise(&r, nw);
    for (int kind = CPU_CONV_Y; kind <= CPU_CONV_DW; kind++) {
        cpu_conv_kind k = (cpu_conv_kind)kind;
        if (!cpu_wino_fits(k, &s)) continue;
        int64_t n = k == CPU_CONV_Y ? ny : k == CPU_CONV_DX ? nx : nw;
        sum of = {k, k == CPU_CONV_Y ? x : y, k == CPU_CONV_DW ? x : w, base_alloc((size_t)n, 8)};
        float *out = base_aligned(sizeof *out * (size_t)n),
              *again = base_aligned(sizeof *out * (size_t)n);
        walk(&s, &of);
        for (int m = 2; m <= 6; m += 2)
            for (int keep = 0; keep < (k == CPU_CONV_DW ? 1 : 2); keep++) {
                memset(out, 0xff, sizeof *out * (size_t)n);
                memset(again, 0xff, sizeof *out * (size_t)n);
                omp_set_num_threads(3);
                CHECK(run(k, &s, m, keep, of.a, of.b, out) == 0);
                if (k != CPU_CONV_DW) omp_set_num_threads(1);
                CHECK(run(k, &s, m, keep, of.a, of.b, again) == 0);
                CHECK(off(out, of.want, n) < (m == 2 ? 1e-6 : 2e-5));
                CHECK(!memcmp(out, again, sizeof *out * (size_t)n));
            }
        base_free(of.want);
        base_free(out);
        base_free(again);
    }
    base_free(x);
    base_free(y);
    base_free(w);
}

static cpu_conv_shape shape(int64_t n, int64_t c, int64_t o, int64_t h, int64_t w, int64_t pad)
{
    return (cpu_conv_shape){.n = n,
                            .c = c,
                            .o = o,
                            .h = h,
                            .w = w,
                            .top = pad,
                            .left = pad,
                            .bottom = pad,
                            .right = pad};
}

TEST(odd_sizes) { check(shape(2, 24, 40, 11, 7, 1)); }
TEST(one_tile) { check(shape(1, 8, 8, 4, 3, 0)); }
TEST(uneven_padding)
{
    cpu_conv_shape s = shape(1, 16, 8, 9, 14, 1);
    s.top = 2;
    s.left = 0;
    check(s);
}
TEST(mirrored_rim)
{
    cpu_conv_shape s = shape(2, 16, 24, 10, 13, 0);
    s.reflect = 1;
    check(s);
}
TEST(blocks_of_channels) { check(shape(1, 136, 192, 9, 10, 1)); }
TEST(weights_not_held) { check(shape(1, 200, 184, 7, 6, 1)); }
TEST(no_even_blocks) { check(shape(1, 40, 104, 5, 6, 1)); }
TEST(chunks_of_tiles) { check(shape(2, 48, 32, 70, 66, 1)); }
TEST(chunks_and_blocks) { check(shape(1, 112, 128, 40, 36, 1)); }

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(odd_sizes), CASE(one_tile), CASE(uneven_padding),
               CASE(mirrored_rim), CASE(blocks_of_channels), CASE(weights_not_held),
               CASE(no_even_blocks), CASE(chunks_of_tiles), CASE(chunks_and_blocks));
}
