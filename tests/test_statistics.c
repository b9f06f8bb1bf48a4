// test_statistics.c -- means, quantiles, bootstrap, Frechet distance, likeness of pictures: against
// closed forms, and against numbers that numpy 1.24 gave for the same values. The Frechet distances
// came from the eigenvalues of the unsymmetric product of the covariances, SSIM from direct sums
// over each window.
#include "eval/likeness.h"
#include "eval/statistics.h"
#include "test.h"

TEST(quantiles_are_numpys)
{
    double v[] = {3, 1, 4, 1, 5, 9, 2, 6};
    CHECK_NEAR(eval_mean(v, 8), 3.875, 1e-15);
    CHECK_NEAR(eval_variance(v, 8), 7.553571428571429, 1e-14);
    eval_sort(v, 8);
    const double q[] = {0, 0.025, 0.3, 0.5, 0.975, 1}, want[] = {1, 1, 2.1, 3.5, 8.475, 9};
    for (int i = 0; i < 6; i++) CHECK_NEAR(eval_quantile(v, 8, q[i]), want[i], 1e-12);
    CHECK(isnan(eval_mean(v, 0)) && isnan(eval_variance(v, 1)) && isnan(eval_quantile(v, 0, 0.5)));
}

TEST(bootstrap_by_seed)
{
    const double v[] = {3, 1, 4, 1, 5, 9, 2, 6};
    double low = 0, high = 0, low2 = 0, high2 = 0;
    CHECK(!eval_bootstrap(v, 8, 1000, EVAL_SEED, &low, &high, NULL));
    CHECK_NEAR(low, 2.125, 1e-12);
    CHECK_NEAR(high, 5.628125, 1e-12);
    CHECK(!eval_bootstrap(v, 8, 1000, EVAL_SEED + 1, &low2, &high2, NULL));
    CHECK(low2 != low || high2 != high);
    CHECK(!eval_bootstrap(v, 1, 10, 1, &low, &high, NULL));
    CHECK(low == 3 && high == 3);
    CHECK(eval_bootstrap(v, 0, 10, 1, &low, &high, NULL) == GUISE_BAD_ARGUMENT);
}

// Of a normal sample, the interval is the mean and 1.96 standard errors to either side.
TEST(bootstrap_of_a_normal_sample)
{
    enum { N = 400 };
    double v[N], low = 0, high = 0;
    base_rng r = {11};
    for (int i = 0; i < N; i++) v[i] = base_rng_normal(&r);
    double mean = eval_mean(v, N), error = sqrt(eval_variance(v, N) / N);
    CHECK(!eval_bootstrap(v, N, 4000, 3, &low, &high, NULL));
    CHECK_NEAR(low, mean - 1.96 * error, 0.1 * error);
    CHECK_NEAR(high, mean + 1.96 * error, 0.1 * error);
}

TEST(frechet_of_numpy)
{
    float a[9 * 4], b[7 * 4], c[5 * 12], d[6 * 12];
    double distance = 0;
    base_rng r = {5};
    for (int k = 0; k < 9; k++)
        for (int j = 0; j < 4; j++) a[k * 4 + j] = (float)(base_rng_uniform(&r) + 0.1 * j * k);
    for (int k = 0; k < 7; k++)
        for (int j = 0; j < 4; j++) b[k * 4 + j] = (float)(base_rng_uniform(&r) * (j + 1));
    CHECK(!eval_frechet(a, 9, b, 7, 4, &distance, NULL));
    CHECK_NEAR(distance, 0.948013075724603, 1e-6);
    r.state = 6; // fewer rows than numbers: covariances without an inverse
    for (int i = 0; i < 5 * 12; i++) c[i] = (float)base_rng_uniform(&r);
    for (int i = 0; i < 6 * 12; i++) {
        double u = base_rng_uniform(&r);
        d[i] = (float)(u * u);
    }
    CHECK(!eval_frechet(c, 5, d, 6, 12, &distance, NULL));
    CHECK_NEAR(distance, 1.8078777159445418, 1e-6);
    CHECK(!eval_frechet(d, 6, c, 5, 12, &distance, NULL));
    CHECK_NEAR(distance, 1.8078777159445418, 1e-6);
    CHECK(!eval_frechet(c, 5, c, 5, 12, &distance, NULL));
    CHECK_NEAR(distance, 0, 1e-6);
}

// Independent numbers: |ma - mb|^2 + sum (sa - sb)^2, in closed form.
TEST(frechet_of_independent_numbers)
{
    float a[4 * 2], b[4 * 2];
    const float sign[4][2] = {{1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
    for (int i = 0; i < 4; i++) {
        a[2 * i] = 3 * sign[i][0];
        a[2 * i + 1] = 5 * sign[i][1];
        b[2 * i] = 7 + 4 * sign[i][0];
        b[2 * i + 1] = 2 + sign[i][1];
    }
    double distance = 0, k = 4.0 / 3; // variances are divided by n - 1
    CHECK(!eval_frechet(a, 4, b, 4, 2, &distance, NULL));
    CHECK_NEAR(distance, 49 + 4 + k * (1 * 1 + 4 * 4), 1e-9);
    a[0] = NAN;
    CHECK(eval_frechet(a, 4, b, 4, 2, &distance, NULL) == GUISE_BAD_ARGUMENT);
    CHECK(eval_frechet(b, 1, b, 4, 2, &distance, NULL) == GUISE_BAD_ARGUMENT);
}

// The pictures of which numpy was asked.
static void draw(base_image *a, base_image *b)
{
    base_rng r = {7};
    CHECK(!base_image_new(a, 16, 14, NULL) && !base_image_new(b, 16, 14, NULL));
    for (int i = 0; i < 3 * 16 * 14; i++)
        a->rgb[i] = (uint8_t)(10 * (i / 3 % 16) + 5 * (i / 48) + 40 * (i % 3) +
                              (int)(base_rng_next(&r) % 64));
    for (int i = 0; i < 3 * 16 * 14; i++) {
        int v = a->rgb[i] / 2 + (int)(base_rng_next(&r) % 64);
        b->rgb[i] = (uint8_t)(v > 255 ? 255 : v);
    }
}

TEST(likeness_of_numpy)
{
    base_image a = {0}, b = {0}, small = {0};
    eval_likeness l = {0};
    draw(&a, &b);
    CHECK(!eval_alike(&a, &b, &l, NULL));
    CHECK_NEAR(l.l1, 0.19076797385620917, 1e-12);
    CHECK_NEAR(l.psnr, 12.982718062726166, 1e-9);
    CHECK_NEAR(l.ssim, 0.5874112736320285, 1e-9);
    CHECK(!eval_alike(&a, &a, &l, NULL));
    CHECK(l.l1 == 0 && l.psnr == 100);
    CHECK_NEAR(l.ssim, 1, 1e-12);
    CHECK(!base_image_new(&small, 10, 14, NULL));
    CHECK(eval_alike(&small, &small, &l, NULL) == GUISE_BAD_ARGUMENT);
    CHECK(eval_alike(&a, &small, &l, NULL) == GUISE_BAD_ARGUMENT);
    base_image_free(&a);
    base_image_free(&b);
    base_image_free(&small);
}

// Two flat pictures: structure and contrast agree, and luminance by its formula.
TEST(likeness_of_flat_pictures)
{
    base_image a = {0}, b = {0};
    eval_likeness l = {0};
    CHECK(!base_image_new(&a, 12, 11, NULL) && !base_image_new(&b, 12, 11, NULL));
    memset(a.rgb, 100, 3 * 12 * 11);
    memset(b.rgb, 120, 3 * 12 * 11);
    CHECK(!eval_alike(&a, &b, &l, NULL));
    double c1 = 2.55 * 2.55;
    CHECK_NEAR(l.ssim, (2 * 100 * 120 + c1) / (100.0 * 100 + 120 * 120 + c1), 1e-9);
    CHECK_NEAR(l.l1, 20 / 255.0, 1e-12);
    CHECK_NEAR(l.psnr, 20 * log10(255 / 20.0), 1e-9);
    base_image_free(&a);
    base_image_free(&b);
}

TEST(without_memory)
{
    double v[3] = {1, 2, 4}, low, high, distance;
    float f[8] = {1, 2, 3, 4, 5, 7, 7, 1};
    base_image a = {0}, b = {0};
    eval_likeness l;
    draw(&a, &b);
    base_error e = {{0}};
    base_fail_allocation(0);
    CHECK(eval_bootstrap(v, 3, 10, 1, &low, &high, &e) == GUISE_NO_MEMORY && e.text[0]);
    for (int i = 0; i < 2; i++) {
        base_fail_allocation(i);
        CHECK(eval_frechet(f, 4, f, 4, 2, &distance, &e) == GUISE_NO_MEMORY);
    }
    base_fail_allocation(0);
    CHECK(eval_alike(&a, &b, &l, &e) == GUISE_NO_MEMORY);
    base_fail_allocation(-1);
    base_image_free(&a);
    base_image_free(&b);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(quantiles_are_numpys), CASE(bootstrap_by_seed),
               CASE(bootstrap_of_a_normal_sample), CASE(frechet_of_numpy),
               CASE(frechet_of_independent_numbers), CASE(likeness_of_numpy),
               CASE(likeness_of_flat_pictures), CASE(without_memory));
}
