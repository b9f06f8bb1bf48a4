// crop.c -- crops of a photo under a transform, and shrinking by area averages.
#include "face/warp.h"
#include <string.h>

static void blend_pixel(uint8_t out[3], const base_image *m, warp_at a)
{
    // weights in 1/1024; a corner outside the picture is black
    int w[4] = {(32 - a.fx) * (32 - a.fy), a.fx * (32 - a.fy), (32 - a.fx) * a.fy, a.fx * a.fy};
    int sum[3] = {512, 512, 512};
    for (int i = 0; i < 4; i++) {
        int x = a.x + (i & 1), y = a.y + (i >> 1);
        if (x < 0 || y < 0 || x >= m->w || y >= m->h) continue;
        const uint8_t *p = m->rgb + 3 * ((size_t)y * (size_t)m->w + (size_t)x);
        for (int c = 0; c < 3; c++) sum[c] += w[i] * p[c];
    }
    for (int c = 0; c < 3; c++) out[c] = (uint8_t)(sum[c] >> 10);
}

guise_status face_crop(base_image *crop, const base_image *m, face_transform t, int size,
                       base_error *e)
{
    guise_status s = base_image_new(crop, size, size, e);
    if (s) return s;
    face_transform from = face_invert(t);
    crop->mark = m->mark;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            blend_pixel(crop->rgb + 3 * ((size_t)y * (size_t)size + (size_t)x), m,
                        warp_from(&from, x, y));
    return GUISE_OK;
}

// One output row: rows y0..y1 of `from` averaged with their shares, then columns.
static void shrink_row(uint8_t *out, const base_image *from, int w, double y0, double y1,
                       double *row)
{
    size_t n = (size_t)from->w * 3;
    memset(row, 0, n * sizeof *row);
    for (int y = (int)y0; y < y1 && y < from->h; y++) {
        double share = fmin(y + 1, y1) - fmax(y, y0);
        const uint8_t *p = from->rgb + (size_t)y * n;
        for (size_t i = 0; i < n; i++) row[i] += share * p[i];
    }
    double step = (double)from->w / w;
    for (int x = 0; x < w; x++) {
        double x0 = x * step, x1 = (x + 1) * step, sum[3] = {0};
        for (int i = (int)x0; i < x1 && i < from->w; i++) {
            double share = fmin(i + 1, x1) - fmax(i, x0);
            for (int c = 0; c < 3; c++) sum[c] += share * row[3 * i + c];
        }
        for (int c = 0; c < 3; c++)
            out[3 * x + c] = (uint8_t)fmin(sum[c] / (step * (y1 - y0)) + 0.5, 255);
    }
}

guise_status face_shrink(base_image *to, const base_image *from, int w, int h, base_error *e)
{
    guise_status s = base_image_new(to, w, h, e);
    if (s) return s;
    to->mark = from->mark;
    bool failed = false;
#pragma omp parallel
    {
        double *row = base_alloc((size_t)from->w * 3, sizeof *row);
        if (!row) {
#pragma omp atomic write
            failed = true;
        }
#pragma omp for schedule(static)
        for (int y = 0; y < h; y++) {
            double step = (double)from->h / h;
            if (row)
                shrink_row(to->rgb + (size_t)y * (size_t)w * 3, from, w, y * step, (y + 1) * step,
                           row);
        }
        base_free(row);
    }
    if (!failed) return GUISE_OK;
    base_image_free(to);
    return base_no_memory(e);
}

typedef struct {
    int x0, y0, x1, y1; // x1, y1 excluded
} area;

// What the crop sees of the picture, with a margin, clipped.
static area seen(const base_image *m, face_transform from, int size, double margin)
{
    double x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY;
    for (int i = 0; i < 4; i++) {
        double u = i & 1 ? size : -1, v = i & 2 ? size : -1;
        double x = from.m[0] * u + from.m[1] * v + from.m[2];
        double y = from.m[3] * u + from.m[4] * v + from.m[5];
        x0 = fmin(x0, x), x1 = fmax(x1, x), y0 = fmin(y0, y), y1 = fmax(y1, y);
    }
    return (area){
        (int)fmin(fmax(floor(x0 - margin), 0), m->w), (int)fmin(fmax(floor(y0 - margin), 0), m->h),
        (int)fmax(fmin(ceil(x1 + margin), m->w), 0), (int)fmax(fmin(ceil(y1 + margin), m->h), 0)};
}

// The part a of m, k x k pixels made one; what is left over at the far edges is left out.
static guise_status shrink_part(base_image *to, const base_image *m, area a, int k, base_error *e)
{
    int w = (a.x1 - a.x0) / k, h = (a.y1 - a.y0) / k;
    guise_status s = base_image_new(to, w, h, e);
    if (s) return s;
    to->mark = m->mark;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            int sum[3] = {k * k / 2, k * k / 2, k * k / 2};
            for (int j = 0; j < k; j++) {
                size_t at = (size_t)(a.y0 + y * k + j) * (size_t)m->w + (size_t)(a.x0 + x * k);
                for (int i = 0; i < 3 * k; i++) sum[i % 3] += m->rgb[3 * at + (size_t)i];
            }
            for (int c = 0; c < 3; c++)
                to->rgb[3 * ((size_t)y * (size_t)w + (size_t)x) + (size_t)c] =
                    (uint8_t)(sum[c] / (k * k));
        }
    return GUISE_OK;
}

guise_status face_crop_smooth(base_image *crop, const base_image *m, face_transform t, int size,
                              base_error *e)
{
    double scale = face_scale(t);
    *crop = (base_image){0};
    if (!(scale > 0 && scale <= 0.5)) return face_crop(crop, m, t, size, e);
    int k = (int)fmin(1 / scale, 64);
    area a = seen(m, face_invert(t), size, 2.0 * k);
    if (a.x1 - a.x0 < k || a.y1 - a.y0 < k) return face_crop(crop, m, t, size, e);
    base_image part;
    guise_status s = shrink_part(&part, m, a, k, e);
    if (s) return s;
    // centre of part pixel u is a.x0 + k u + (k - 1) / 2 of the picture
    double half = (k - 1) / 2.0;
    face_transform out = {{k, 0, a.x0 + half, 0, k, a.y0 + half}};
    s = face_crop(crop, &part, face_compose(out, t), size, e);
    base_image_free(&part);
    return s;
}
