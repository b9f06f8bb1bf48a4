// mask.c -- which pixels of a crop belong to the face: soft erosion, labels, an oval.
#include "face/face.h"
#include <math.h>
#include <string.h>

// Numbers of SimSwap's soft erosion, spec/simswap.md 6.5 step 4.
enum { KERNEL = 17, HALF = KERNEL / 2, ROUNDS = 6 };
static const float FULL = 0.9F; // from here on it is all face

static void soft_kernel(float k[KERNEL * KERNEL])
{
    double far = hypot(HALF, HALF), sum = 0;
    for (int i = 0; i < KERNEL * KERNEL; i++)
        sum += far - hypot(i / KERNEL - HALF, i % KERNEL - HALF);
    for (int i = 0; i < KERNEL * KERNEL; i++)
        k[i] = (float)((far - hypot(i / KERNEL - HALF, i % KERNEL - HALF)) / sum);
}

// out = convolution of x [size,size] with k, zeros outside; pad has (size + 16) rows and columns.
static void convolve(const float *x, const float *k, int size, float *pad, float *out)
{
    size_t n = (size_t)size, wide = n + 2 * HALF;
    for (size_t y = 0; y < n; y++) memcpy(pad + (y + HALF) * wide + HALF, x + y * n, n * sizeof *x);
#pragma omp parallel for schedule(static)
    for (size_t y = 0; y < n; y++) {
        float *row = out + y * n;
        memset(row, 0, n * sizeof *row);
        for (size_t j = 0; j < KERNEL; j++)
            for (size_t i = 0; i < KERNEL; i++) {
                const float *p = pad + (y + j) * wide + i, w = k[j * KERNEL + i];
                for (size_t c = 0; c < n; c++) row[c] += w * p[c];
            }
    }
}

static void saturate(float *x, size_t n)
{
    float top = 0;
    for (size_t i = 0; i < n; i++)
        if (x[i] < FULL && x[i] > top) top = x[i];
    for (size_t i = 0; i < n; i++) x[i] = x[i] >= FULL ? 1 : top > 0 ? x[i] / top : 0;
}

guise_status face_soft_erode(float *mask, int size, base_error *e)
{
    size_t n = (size_t)size * (size_t)size, wide = (size_t)size + 2 * HALF;
    float kernel[KERNEL * KERNEL];
    float *pad = base_alloc(wide * wide, sizeof *pad), *out = base_alloc(n, sizeof *out);
    guise_status s = pad && out ? GUISE_OK : base_no_memory(e);
    if (!s) {
        soft_kernel(kernel);
        for (int i = 0; i < ROUNDS; i++) {
            convolve(mask, kernel, size, pad, out);
            for (size_t j = 0; j < n; j++) mask[j] = fminf(mask[j], out[j]);
        }
        convolve(mask, kernel, size, pad, out);
        memcpy(mask, out, n * sizeof *mask);
        saturate(mask, n);
    }
    base_free(pad);
    base_free(out);
    return s;
}

enum { LABELS = 512 }; // side of the label map

// Labels of zllrunning's face parsing, spec/simswap.md 6.5 step 2: skin, brows, eyes, glasses,
// nose, lips; the inside of the mouth is the other map, which is added, so one set serves both.
static bool is_face(uint8_t label)
{
    static const uint8_t set[14] = {[1] = 1, [2] = 1,  [3] = 1,  [4] = 1,  [5] = 1,
                                    [6] = 1, [10] = 1, [11] = 1, [12] = 1, [13] = 1};
    return label < 14 && set[label];
}

static void label_tap(double at, int *i, double *share)
{
    at = fmin(fmax(at, 0), LABELS - 1);
    *i = (int)at < LABELS - 1 ? (int)at : LABELS - 2;
    *share = at - *i;
}

guise_status face_label_mask(const uint8_t *labels, int size, float *mask, base_error *e)
{
    size_t found = 0, n = (size_t)size * (size_t)size;
    for (size_t i = 0; i < (size_t)LABELS * LABELS; i++) found += is_face(labels[i]);
    if (found * 255 < 5000) { // too few to believe: no mask
        for (size_t i = 0; i < n; i++) mask[i] = 1;
        return GUISE_OK;
    }
    double step = (double)LABELS / size;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) { // bilinear, half-pixel centres, no averaging
            int i, j;
            double fx, fy;
            label_tap((x + 0.5) * step - 0.5, &i, &fx);
            label_tap((y + 0.5) * step - 0.5, &j, &fy);
            const uint8_t *p = labels + j * LABELS + i;
            double top = is_face(p[0]) * (1 - fx) + is_face(p[1]) * fx;
            double low = is_face(p[LABELS]) * (1 - fx) + is_face(p[LABELS + 1]) * fx;
            mask[(size_t)y * (size_t)size + (size_t)x] = (float)(top * (1 - fy) + low * fy);
        }
    return face_soft_erode(mask, size, e);
}

static double smooth(double x) // 0..1 to 0..1, flat at both ends
{
    x = fmin(fmax(x, 0), 1);
    return x * x * (3 - 2 * x);
}

face_oval face_oval_of(const face_point point[FACE_POINTS])
{
    // Axes: down from between the eyes to between the mouth corners, and across. Proportions, in
    // that distance d, are of the adult face: hairline 0.95 d above the eyes, chin 1.75 d below,
    // half the width 1.1 times the distance of the eyes, which is about 0.9 d from the front.
    double ex = (point[0].x + point[1].x) / 2.0, ey = (point[0].y + point[1].y) / 2.0;
    double mx = (point[3].x + point[4].x) / 2.0, my = (point[3].y + point[4].y) / 2.0;
    double d = fmax(hypot(mx - ex, my - ey), 1e-3);
    face_oval o = {.vx = (mx - ex) / d, .vy = (my - ey) / d, .high = 1.35 * d};
    o.ux = o.vy, o.uy = -o.vx;
    double eyes = fabs((point[1].x - point[0].x) * o.ux + (point[1].y - point[0].y) * o.uy);
    double nose = (point[2].x - ex) * o.ux + (point[2].y - ey) * o.uy;
    o.wide = 0.5 * (1.1 * eyes + d);
    // a head turned aside hides one cheek and shows more of the other: away from the nose
    o.cx = ex + 0.4 * d * o.vx - 0.35 * nose * o.ux;
    o.cy = ey + 0.4 * d * o.vy - 0.35 * nose * o.uy;
    return o;
}

void face_oval_place(const face_oval *o, double x, double y, double *u, double *v)
{
    *u = ((x - o->cx) * o->ux + (y - o->cy) * o->uy) / o->wide;
    *v = ((x - o->cx) * o->vx + (y - o->cy) * o->vy) / o->high;
}

void face_oval_mask(const face_point point[FACE_POINTS], int size, double feather, float *mask)
{
    face_oval o = face_oval_of(point);
    double fall = feather > 0 ? feather : 0.35, edge = 0.08 * size;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            double u, v;
            face_oval_place(&o, x, y, &u, &v);
            int near = x < y ? x : y, far = size - 1 - (x > y ? x : y);
            double rim = smooth((near < far ? near : far) / edge);
            mask[(size_t)y * (size_t)size + (size_t)x] =
                (float)(smooth((1 - hypot(u, v)) / fall) * rim);
        }
}
