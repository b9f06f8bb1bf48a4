// likeness.c -- mean absolute difference, peak signal-to-noise ratio, structural similarity (Wang,
// Bovik, Sheikh and Simoncelli 2004, "Image quality assessment: from error visibility to
// structural similarity").
#include "eval/likeness.h"
#include <math.h>

enum { WINDOW = 11, MOMENTS = 5 };

static void gaussian(double w[WINDOW])
{
    double sum = 0;
    for (int i = 0; i < WINDOW; i++) {
        double d = i - WINDOW / 2;
        w[i] = exp(-d * d / (2 * 1.5 * 1.5));
        sum += w[i];
    }
    for (int i = 0; i < WINDOW; i++) w[i] /= sum;
}

// a, b, a a, b b, a b of one pixel and channel
static void products(const base_image *a, const base_image *b, size_t at, double v[MOMENTS])
{
    double x = a->rgb[at], y = b->rgb[at];
    v[0] = x;
    v[1] = y;
    v[2] = x * x;
    v[3] = y * y;
    v[4] = x * y;
}

// Weighted means of the products along each row: rows [h, w - 10, MOMENTS] of one channel.
static void along_rows(const base_image *a, const base_image *b, int channel,
                       const double g[WINDOW], double *rows)
{
    int inner = a->w - WINDOW + 1;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < a->h; y++)
        for (int x = 0; x < inner; x++) {
            double sum[MOMENTS] = {0}, v[MOMENTS];
            for (int i = 0; i < WINDOW; i++) {
                products(a, b, ((size_t)y * (size_t)a->w + (size_t)(x + i)) * 3 + (size_t)channel,
                         v);
                for (int k = 0; k < MOMENTS; k++) sum[k] += g[i] * v[k];
            }
            double *to = rows + ((size_t)y * (size_t)inner + (size_t)x) * MOMENTS;
            for (int k = 0; k < MOMENTS; k++) to[k] = sum[k];
        }
}

static double similarity(const double m[MOMENTS])
{
    const double c1 = 0.01 * 255 * 0.01 * 255, c2 = 0.03 * 255 * 0.03 * 255;
    double va = m[2] - m[0] * m[0], vb = m[3] - m[1] * m[1], ab = m[4] - m[0] * m[1];
    return (2 * m[0] * m[1] + c1) * (2 * ab + c2) /
           ((m[0] * m[0] + m[1] * m[1] + c1) * (va + vb + c2));
}

static guise_status structure(const base_image *a, const base_image *b, double *ssim, base_error *e)
{
    double g[WINDOW], total = 0;
    int w = a->w - WINDOW + 1, h = a->h - WINDOW + 1;
    double *rows = base_alloc((size_t)a->h * (size_t)w, MOMENTS * sizeof *rows);
    if (!rows) return base_no_memory(e);
    gaussian(g);
    for (int channel = 0; channel < 3; channel++) {
        along_rows(a, b, channel, g, rows);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                double m[MOMENTS] = {0};
                for (int i = 0; i < WINDOW; i++)
                    for (int k = 0; k < MOMENTS; k++)
                        m[k] +=
                            g[i] *
                            rows[((size_t)(y + i) * (size_t)w + (size_t)x) * MOMENTS + (size_t)k];
                total += similarity(m);
            }
    }
    base_free(rows);
    *ssim = total / (3.0 * w * h);
    return GUISE_OK;
}

guise_status eval_alike(const base_image *a, const base_image *b, eval_likeness *l, base_error *e)
{
    *l = (eval_likeness){0};
    if (a->w != b->w || a->h != b->h || a->w < WINDOW || a->h < WINDOW)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "pictures of %d x %d and %d x %d cannot be compared: one size of at least "
                         "11 x 11 is needed",
                         a->w, a->h, b->w, b->h);
    size_t n = 3 * (size_t)a->w * (size_t)a->h;
    int64_t sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        int d = a->rgb[i] - b->rgb[i];
        sum += d < 0 ? -d : d;
        squares += d * d;
    }
    l->l1 = (double)sum / (255.0 * (double)n);
    l->psnr = squares ? 10 * log10(255.0 * 255.0 * (double)n / (double)squares) : 100;
    return structure(a, b, &l->ssim, e);
}
