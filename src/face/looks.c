// looks.c -- making a swapped crop look like its target: colour, sharpness, blending.
#include "face/face.h"
#include <math.h>

typedef struct {
    double l, a, b;
} oklab;

static double to_linear(double v) // sRGB, IEC 61966-2-1
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double from_linear(double v)
{
    return v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

// Oklab (Ottosson 2020, "A perceptual color space for image processing"), his matrices.
static oklab to_oklab(double r, double g, double b)
{
    r = to_linear(fmin(fmax(r, 0), 1));
    g = to_linear(fmin(fmax(g, 0), 1));
    b = to_linear(fmin(fmax(b, 0), 1));
    double l = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
    double m = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
    double s = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
    return (oklab){0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
                   1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
                   0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

static void from_oklab(oklab c, float *r, float *g, float *b)
{
    double l = pow(c.l + 0.3963377774 * c.a + 0.2158037573 * c.b, 3);
    double m = pow(c.l - 0.1055613458 * c.a - 0.0638541728 * c.b, 3);
    double s = pow(c.l - 0.0894841775 * c.a - 1.2914855480 * c.b, 3);
    double x = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
    double y = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
    double z = -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s;
    *r = (float)fmin(fmax(from_linear(x), 0), 1);
    *g = (float)fmin(fmax(from_linear(y), 0), 1);
    *b = (float)fmin(fmax(from_linear(z), 0), 1);
}

typedef struct {
    double mean[3], spread[3];
} statistics;

static bool measure(statistics *out, const float *planes, const float *mask, size_t n)
{
    double weight = 0, sum[3] = {0}, square[3] = {0};
    for (size_t i = 0; i < n; i++) {
        if (!(mask[i] > 0)) continue;
        oklab c = to_oklab(planes[i], planes[n + i], planes[2 * n + i]);
        double v[3] = {c.l, c.a, c.b};
        weight += mask[i];
        for (int k = 0; k < 3; k++) sum[k] += mask[i] * v[k], square[k] += mask[i] * v[k] * v[k];
    }
    if (!(weight > 0)) return false;
    for (int k = 0; k < 3; k++) {
        out->mean[k] = sum[k] / weight;
        out->spread[k] = sqrt(fmax(square[k] / weight - out->mean[k] * out->mean[k], 0));
    }
    return true;
}

// Spreads also differ because hair or a hand is in the mask: never by more than this.
static const double MOST = 1.5;

void face_match_colour(float *planes, const float *target, const float *mask, int size,
                       double strength)
{
    size_t n = (size_t)size * (size_t)size;
    statistics of, to;
    if (!measure(&of, planes, mask, n) || !measure(&to, target, mask, n)) return;
    double gain[3];
    for (int k = 0; k < 3; k++) {
        gain[k] = of.spread[k] > 1e-6 ? fmin(fmax(to.spread[k] / of.spread[k], 1 / MOST), MOST) : 1;
        gain[k] = 1 + strength * (gain[k] - 1);
        to.mean[k] = of.mean[k] + strength * (to.mean[k] - of.mean[k]);
    }
    for (size_t i = 0; i < n; i++) {
        if (!(mask[i] > 0)) continue;
        oklab c = to_oklab(planes[i], planes[n + i], planes[2 * n + i]);
        c.l = to.mean[0] + gain[0] * (c.l - of.mean[0]);
        c.a = to.mean[1] + gain[1] * (c.a - of.mean[1]);
        c.b = to.mean[2] + gain[2] * (c.b - of.mean[2]);
        from_oklab(c, planes + i, planes + n + i, planes + 2 * n + i);
    }
}

// ITU-R BT.601 luma of a pixel.
static double luma(const float *planes, size_t n, size_t i)
{
    return 0.299 * planes[i] + 0.587 * planes[n + i] + 0.114 * planes[2 * n + i];
}

// Mean gradient of luma + k detail, weighted by the mask; detail may be NULL.
static double gradient(const float *planes, const float *detail, double k, const float *mask,
                       int size)
{
    size_t side = (size_t)size, n = side * side;
    double sum = 0, weight = 0;
    for (size_t y = 1; y + 1 < side; y++)
        for (size_t x = 1; x + 1 < side; x++) {
            size_t i = y * side + x;
            if (!(mask[i] > 0)) continue;
            double dx = luma(planes, n, i + 1) - luma(planes, n, i - 1);
            double dy = luma(planes, n, i + side) - luma(planes, n, i - side);
            if (detail) {
                dx += k * (luma(detail, n, i + 1) - luma(detail, n, i - 1));
                dy += k * (luma(detail, n, i + side) - luma(detail, n, i - side));
            }
            sum += mask[i] * hypot(dx, dy) / 2;
            weight += mask[i];
        }
    return weight > 0 ? sum / weight : 0;
}

double face_sharpness(const float *planes, const float *mask, int size)
{
    return gradient(planes, NULL, 0, mask, size);
}

// detail = x - Gaussian of radius one pixel, of one plane; edges repeat.
static void find_detail(const float *x, int size, float *detail)
{
    static const double w[5] = {0.05448868, 0.24420134, 0.40261996, 0.24420134, 0.05448868};
    for (int y = 0; y < size; y++)
        for (int c = 0; c < size; c++) {
            double sum = 0;
            for (int j = 0; j < 5; j++) {
                int row = y + j - 2 < 0 ? 0 : y + j - 2 >= size ? size - 1 : y + j - 2;
                for (int i = 0; i < 5; i++) {
                    int col = c + i - 2 < 0 ? 0 : c + i - 2 >= size ? size - 1 : c + i - 2;
                    sum += w[j] * w[i] * x[row * size + col];
                }
            }
            detail[y * size + c] = x[y * size + c] - (float)sum;
        }
}

guise_status face_match_sharpness(float *planes, const float *target, const float *mask, int size,
                                  double most, double *amount, base_error *e)
{
    size_t n = (size_t)size * (size_t)size;
    double want = face_sharpness(target, mask, size), lo = 0, hi = most > 0 ? most : 1.5;
    if (amount) *amount = 0;
    if (face_sharpness(planes, mask, size) >= want) return GUISE_OK;
    float *detail = base_alloc(3 * n, sizeof *detail);
    if (!detail) return base_no_memory(e);
    for (size_t c = 0; c < 3; c++) find_detail(planes + c * n, size, detail + c * n);
    for (int i = 0; i < 12; i++) { // the gradient grows with the amount: halve
        double k = i ? (lo + hi) / 2 : hi;
        if (gradient(planes, detail, k, mask, size) < want)
            lo = k;
        else
            hi = k;
        if (lo == hi) break; // not even the largest amount is enough
    }
    for (size_t i = 0; i < 3 * n; i++) {
        double w = mask[i % n];
        if (w > 0) planes[i] = (float)fmin(fmax(planes[i] + hi * w * detail[i], 0), 1);
    }
    base_free(detail);
    if (amount) *amount = hi;
    return GUISE_OK;
}

void face_blend(float *planes, const float *target, const float *mask, int size)
{
    size_t n = (size_t)size * (size_t)size;
    for (size_t i = 0; i < 3 * n; i++)
        planes[i] = target[i] + mask[i % n] * (planes[i] - target[i]);
}

// Means over 2 r + 1 along a line of n values, stride apart; outside nothing counts.
static void mean_line(const float *from, float *to, int n, int stride, int r)
{
    double sum = 0;
    for (int i = 0; i < n + r; i++) {
        if (i < n) sum += (double)from[i * stride];
        if (i > 2 * r) sum -= (double)from[(i - 2 * r - 1) * stride];
        if (i >= r) to[(i - r) * stride] = (float)(sum / (2 * r + 1));
    }
}

// Three passes of a box of 2 r + 1 in both directions, which is nearly a Gaussian.
static void blur(float *x, float *scratch, int size, int r)
{
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < size; k++) mean_line(x + k * size, scratch + k * size, size, 1, r);
        for (int k = 0; k < size; k++) mean_line(scratch + k, x + k, size, size, r);
    }
}

// Light falls slowly over a face, so what differs slowly is light; tints may differ a little
// faster.
static const double LIGHT = 0.09, TINT = 0.05; // radius of a box, as a share of the crop

// d = mask blurred difference of target and planes, over mask blurred.
static void slow_difference(float *d, const float *weight, const float *mask, size_t n)
{
    for (size_t i = 0; i < n; i++) d[i] = mask[i] > 0 ? d[i] / fmaxf(weight[i], 1e-4F) : 0;
}

guise_status face_match_light(float *planes, const float *target, const float *mask, int size,
                              base_error *e)
{
    size_t n = (size_t)size * (size_t)size;
    float *d = base_alloc(5 * n, sizeof *d); // light, red - light, blue - light; weight, scratch
    if (!d) return base_no_memory(e);
    float *weight = d + 3 * n, *scratch = d + 4 * n;
    for (size_t i = 0; i < n; i++) {
        double y = luma(target, n, i) - luma(planes, n, i);
        d[i] = (float)(mask[i] * y);
        d[n + i] = (float)(mask[i] * (target[i] - planes[i] - y));
        d[2 * n + i] = (float)(mask[i] * (target[2 * n + i] - planes[2 * n + i] - y));
    }
    for (size_t k = 0; k < 3; k++) {
        int r = (int)fmax(1, (k ? TINT : LIGHT) * size);
        for (size_t i = 0; i < n && k < 2; i++) weight[i] = mask[i];
        if (k < 2) blur(weight, scratch, size, r);
        blur(d + k * n, scratch, size, r);
        slow_difference(d + k * n, weight, mask, n);
    }
    for (size_t i = 0; i < n; i++) {
        double y = d[i], r = d[n + i], b = d[2 * n + i];
        double g = -(0.299 * r + 0.114 * b) / 0.587; // so that luma gains y alone
        planes[i] = (float)fmin(fmax(planes[i] + y + r, 0), 1);
        planes[n + i] = (float)fmin(fmax(planes[n + i] + y + g, 0), 1);
        planes[2 * n + i] = (float)fmin(fmax(planes[2 * n + i] + y + b, 0), 1);
    }
    base_free(d);
    return GUISE_OK;
}

guise_status face_match_looks(float *planes, const float *target, const float *mask, int size,
                              base_error *e)
{
    face_match_colour(planes, target, mask, size, 1);
    guise_status s = face_match_light(planes, target, mask, size, e);
    return s ? s : face_match_sharpness(planes, target, mask, size, 0, NULL, e);
}
