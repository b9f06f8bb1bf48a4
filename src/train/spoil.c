// spoil.c -- grey, dark, coarse, blurred, noisy and covered photos.
#include "train/spoil.h"
#include "train/occlude.h"
#include <math.h>
#include <string.h>

static double between(base_rng *r, double from, double to)
{
    return from + (to - from) * base_rng_uniform(r);
}

static void make_grey(float *p, size_t area)
{
    for (size_t i = 0; i < area; i++) {
        float luma = 0.299f * p[i] + 0.587f * p[area + i] + 0.114f * p[2 * area + i];
        p[i] = p[area + i] = p[2 * area + i] = luma;
    }
}

static void relight(float *p, size_t n, double gamma, double gain)
{
    for (size_t i = 0; i < n; i++) p[i] = (float)(gain * pow(fmax(0, (double)p[i]), gamma));
}

// One plane at position (x, y), cut to its edges, bilinear.
static float sample(const float *p, int side, double x, double y)
{
    x = fmin(fmax(x, 0), side - 1);
    y = fmin(fmax(y, 0), side - 1);
    int x0 = (int)x, y0 = (int)y, x1 = x0 + (x0 < side - 1), y1 = y0 + (y0 < side - 1);
    float u = (float)(x - x0), v = (float)(y - y0);
    float top = p[y0 * side + x0] * (1 - u) + p[y0 * side + x1] * u;
    float bottom = p[y1 * side + x0] * (1 - u) + p[y1 * side + x1] * u;
    return top * (1 - v) + bottom * v;
}

// Means of boxes of k pixels along x (step 1) or y (step side); from and to differ.
static void box(const float *from, float *to, int side, int k, bool along_x)
{
    int half = k / 2;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            float sum = 0;
            for (int d = -half; d <= half; d++) {
                int at = (along_x ? x : y) + d;
                at = at < 0 ? 0 : at >= side ? side - 1 : at;
                sum += along_x ? from[y * side + at] : from[at * side + x];
            }
            to[y * side + x] = sum / (float)k;
        }
}

static void blur(float *p, float *scratch, int side, int k, int passes)
{
    size_t area = (size_t)side * (size_t)side;
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < passes; i++) {
            box(p + (size_t)c * area, scratch, side, k, true);
            box(scratch, p + (size_t)c * area, side, k, false);
        }
}

// Every pixel from a grid that is `by` times as coarse, after a blur that hides nothing it keeps.
static void coarsen(float *p, float *scratch, int side, double by)
{
    size_t area = (size_t)side * (size_t)side;
    blur(p, scratch, side, by > 2.5 ? 5 : 3, 1);
    for (size_t c = 0; c < 3; c++) {
        memcpy(scratch, p + c * area, area * sizeof *p);
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++) {
                // corners of the coarse cell that the pixel lies in, and its place between them
                double gx = floor(x / by) * by, gy = floor(y / by) * by;
                float u = (float)((x - gx) / by), v = (float)((y - gy) / by);
                float top = sample(scratch, side, gx, gy) * (1 - u) +
                            sample(scratch, side, gx + by, gy) * u;
                float bottom = sample(scratch, side, gx, gy + by) * (1 - u) +
                               sample(scratch, side, gx + by, gy + by) * u;
                p[c * area + (size_t)(y * side + x)] = top * (1 - v) + bottom * v;
            }
    }
}

guise_status train_spoil(float *planes, int side, const train_spoil_chances *c, base_rng *r,
                         base_error *e)
{
    size_t area = (size_t)side * (size_t)side;
    guise_status s = GUISE_OK;
    float *scratch = base_alloc(area, sizeof *scratch);
    if (!scratch) return base_no_memory(e);
    if (base_rng_uniform(r) < c->cover)
        s = train_occlude(planes, side, 1 + base_rng_range(r, 0, 1), r, NULL, e);
    if (base_rng_uniform(r) < c->small) coarsen(planes, scratch, side, between(r, 1.5, 4));
    if (base_rng_uniform(r) < c->blur) {
        int k = 3 + 2 * base_rng_range(r, 0, 1);
        blur(planes, scratch, side, k, base_rng_range(r, 1, 2));
    }
    if (base_rng_uniform(r) < c->grey) make_grey(planes, area);
    if (base_rng_uniform(r) < c->light) {
        double gamma = exp(between(r, log(0.6), log(1.7))); // in two steps: the order is stated
        relight(planes, 3 * area, gamma, between(r, 0.25, 1));
    }
    if (base_rng_uniform(r) < c->noise) {
        double deviation = between(r, 0, 0.06);
        for (size_t i = 0; i < 3 * area; i++) planes[i] += (float)(deviation * base_rng_normal(r));
    }
    for (size_t i = 0; i < 3 * area; i++) planes[i] = fminf(1, fmaxf(0, planes[i]));
    base_free(scratch);
    return s;
}
