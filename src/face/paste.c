// paste.c -- a swapped crop back into its frame, spec/simswap.md 6.5: box mask, warp, blend.
#include "face/warp.h"
#include <string.h>

enum { ERODE = 40, BLUR = 41 }; // pixels of the frame, as SimSwap's scripts have it

// Bilinear sample of a plane [size,size]; outside zero, or the nearest edge.
static float sample(const float *plane, int size, warp_at a, bool clamp)
{
    float fx = (float)a.fx / 32, fy = (float)a.fy / 32;
    float w[4] = {(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy}, sum = 0;
    for (int i = 0; i < 4; i++) {
        int x = a.x + (i & 1), y = a.y + (i >> 1);
        if (clamp) {
            x = x < 0 ? 0 : x >= size ? size - 1 : x;
            y = y < 0 ? 0 : y >= size ? size - 1 : y;
        } else if (x < 0 || y < 0 || x >= size || y >= size) {
            continue;
        }
        sum += w[i] * plane[(size_t)y * (size_t)size + (size_t)x];
    }
    return sum;
}

// The sixteen pixels around a place, and how much each counts: Keys 1981, cubic convolution with
// a = -1/2, which keeps a crop that is made larger sharper than lines do. Edges repeat.
typedef struct {
    int x[4], y[4];
    float wx[4], wy[4];
} taps;

static void along(int at, float f, int size, int i[4], float w[4])
{
    for (int k = 0; k < 4; k++) {
        int to = at + k - 1;
        i[k] = to < 0 ? 0 : to >= size ? size - 1 : to;
    }
    w[0] = ((2 - f) * f - 1) * f / 2;
    w[1] = ((3 * f - 5) * f * f + 2) / 2;
    w[2] = ((4 - 3 * f) * f + 1) * f / 2;
    w[3] = (f - 1) * f * f / 2;
}

static float sharp_sample(const float *plane, int size, const taps *t)
{
    float sum = 0;
    for (int j = 0; j < 4; j++) {
        const float *row = plane + (size_t)t->y[j] * (size_t)size;
        for (int i = 0; i < 4; i++) sum += t->wy[j] * t->wx[i] * row[t->x[i]];
    }
    return sum;
}

// How much of a white crop shows at a, 0..255.
static float white(int size, warp_at a)
{
    int wx = (a.x >= 0 && a.x < size ? 32 - a.fx : 0) + (a.x >= -1 && a.x < size - 1 ? a.fx : 0);
    int wy = (a.y >= 0 && a.y < size ? 32 - a.fy : 0) + (a.y >= -1 && a.y < size - 1 ? a.fy : 0);
    return 255.0F * (float)(wx * wy) / 1024;
}

// The rectangle of the frame that the crop covers, grown by margin, clipped.
static face_box cover(int frame_w, int frame_h, face_transform t, int size, int margin)
{
    face_transform back = face_invert(t);
    double x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY;
    for (int i = 0; i < 4; i++) {
        face_point p = {(float)(i & 1 ? size : -1), (float)(i & 2 ? size : -1)};
        double x = back.m[0] * p.x + back.m[1] * p.y + back.m[2];
        double y = back.m[3] * p.x + back.m[4] * p.y + back.m[5];
        x0 = fmin(x0, x), x1 = fmax(x1, x), y0 = fmin(y0, y), y1 = fmax(y1, y);
    }
    if (!isfinite(x0 + y0 + x1 + y1)) return (face_box){0};
    int left = (int)fmin(fmax(floor(x0) - margin, 0), frame_w);
    int top = (int)fmin(fmax(floor(y0) - margin, 0), frame_h);
    int right = (int)fmax(fmin(ceil(x1) + margin + 1, frame_w), 0);
    int bottom = (int)fmax(fmin(ceil(y1) + margin + 1, frame_h), 0);
    if (right <= left || bottom <= top) return (face_box){0};
    return (face_box){left, top, right - left, bottom - top, NULL};
}

// A line or a column of lines with room on both sides.
typedef struct {
    int before, n, after;    // elements (lines) before the first, of the box, and after the last
    bool frame_lo, frame_hi; // the box ends there because the frame does
} span;

static span span_of(int at, int n, int frame, int before, int after)
{
    return (span){before, n, after, at == 0, at + n == frame};
}

// Which line of the box stands for line i, which may lie outside: at the edge of the frame
// mirrored without repeating the edge (OpenCV's default border), else -1, where all is zero.
static int mirrored(span s, int i)
{
    for (int turns = 0; turns < 4; turns++) {
        if (i >= 0 && i < s.n) return i;
        if (i < 0 && s.frame_lo)
            i = -i;
        else if (i >= s.n && s.frame_hi)
            i = 2 * (s.n - 1) - i;
        else
            return -1;
    }
    return -1;
}

// Least of k neighbours along one line of `before + n + after` values, in place: value i becomes
// the least of i .. i + k - 1. Windows double until one more overlap completes k.
static void least_of(float *line, int total, int k)
{
    int width = 1;
    while (width < k) {
        int by = 2 * width <= k ? width : k - width;
        for (int i = 0; i + by < total; i++) line[i] = fminf(line[i], line[i + by]);
        width += by;
    }
}

// Erosion along x or y (stride apart): the window reaches k / 2 back (OpenCV's anchor). Outside the
// frame nothing is eaten; outside the box, but inside the frame, the mask is zero.
static void erode_line(float *at, size_t stride, span s, int k, float *line)
{
    for (int i = 0; i < s.before; i++) line[i] = s.frame_lo ? 255 : 0;
    for (int i = 0; i < s.n; i++) line[s.before + i] = at[(size_t)i * stride];
    for (int i = 0; i < s.after; i++) line[s.before + s.n + i] = s.frame_hi ? 255 : 0;
    least_of(line, s.before + s.n + s.after, k);
    for (int i = 0; i < s.n; i++) at[(size_t)i * stride] = line[i];
}

static void blur_line(float *at, size_t stride, span s, const float *kernel, float *line)
{
    for (int i = -s.before; i < s.n + s.after; i++) {
        int from = mirrored(s, i);
        line[s.before + i] = from < 0 ? 0 : at[(size_t)from * stride];
    }
    for (int i = 0; i < s.n; i++) {
        float sum = 0;
        for (int j = 0; j <= s.before + s.after; j++) sum += kernel[j] * line[i + j];
        at[(size_t)i * stride] = sum;
    }
}

// Gaussian with the width that OpenCV gives a kernel of k values (getGaussianKernel).
static void gaussian(int k, float *kernel)
{
    double sigma = 0.3 * ((k - 1) * 0.5 - 1) + 0.8, sum = 0;
    for (int i = 0; i < k; i++) sum += exp(-pow(i - (k - 1) / 2.0, 2) / (2 * sigma * sigma));
    for (int i = 0; i < k; i++)
        kernel[i] = (float)(exp(-pow(i - (k - 1) / 2.0, 2) / (2 * sigma * sigma)) / sum);
}

typedef struct {
    face_box box;
    span x, y;
    int k;               // side of the window
    const float *kernel; // NULL: erode
} filter;

// All rows, then all columns. False when out of memory.
static bool run(const filter *f)
{
    int longest = f->box.w > f->box.h ? f->box.w : f->box.h;
    bool failed = false;
#pragma omp parallel
    {
        float *line = base_alloc((size_t)longest + (size_t)f->k, sizeof *line);
        if (!line) {
#pragma omp atomic write
            failed = true;
        }
        size_t w = (size_t)f->box.w;
#pragma omp for schedule(static)
        for (int y = 0; y < f->box.h; y++) {
            if (line && f->kernel)
                blur_line(f->box.at + (size_t)y * w, 1, f->x, f->kernel, line);
            else if (line)
                erode_line(f->box.at + (size_t)y * w, 1, f->x, f->k, line);
        }
#pragma omp for schedule(static)
        for (int x = 0; x < f->box.w; x++) {
            if (line && f->kernel)
                blur_line(f->box.at + x, w, f->y, f->kernel, line);
            else if (line)
                erode_line(f->box.at + x, w, f->y, f->k, line);
        }
        base_free(line);
    }
    return !failed;
}

static bool soften(face_box b, int frame_w, int frame_h, int erode, int blur)
{
    if (erode > 0) {
        int back = erode / 2, on = erode - 1 - back;
        filter f = {b, span_of(b.x0, b.w, frame_w, back, on), span_of(b.y0, b.h, frame_h, back, on),
                    erode, NULL};
        if (!run(&f)) return false;
    }
    if (blur > 0) {
        int r = blur / 2;
        float *kernel = base_alloc((size_t)blur, sizeof *kernel);
        if (!kernel) return false;
        gaussian(blur, kernel);
        filter f = {b, span_of(b.x0, b.w, frame_w, r, r), span_of(b.y0, b.h, frame_h, r, r), blur,
                    kernel};
        bool ok = run(&f);
        base_free(kernel);
        if (!ok) return false;
    }
    return true;
}

guise_status face_box_mask(face_box *b, int frame_w, int frame_h, face_transform t, int size,
                           int erode, int blur, base_error *e)
{
    erode = erode ? erode : ERODE;
    blur = (blur ? blur : BLUR) | 1;
    *b = cover(frame_w, frame_h, t, size, blur > 0 ? blur / 2 + 1 : 0);
    if (!b->w) return GUISE_OK;
    size_t n = (size_t)b->w * (size_t)b->h;
    b->at = base_alloc(n, sizeof *b->at);
    if (!b->at) return base_no_memory(e);
#pragma omp parallel for schedule(static)
    for (int y = 0; y < b->h; y++)
        for (int x = 0; x < b->w; x++) {
            float v = white(size, warp_from(&t, b->x0 + x, b->y0 + y));
            b->at[(size_t)y * (size_t)b->w + (size_t)x] = v > 20 ? 255 : v;
        }
    if (soften(*b, frame_w, frame_h, erode, blur)) {
        for (size_t i = 0; i < n; i++) b->at[i] /= 255;
        return GUISE_OK;
    }
    base_free(b->at);
    *b = (face_box){0};
    return base_no_memory(e);
}

// What the frame has at a place beyond its crop: all of it where it is faint, as skin and noise
// are, and nothing where it is strong, as the edges of features are, which lie elsewhere now.
static float grain(float frame, float crop)
{
    float d = frame - crop, k = d / 14;
    return d * expf(-k * k);
}

static void paste_pixel(uint8_t *out, const face_patch *p, warp_at a, float weight)
{
    taps t;
    if (p->mask) weight *= sample(p->mask, p->size, a, false);
    if (!(weight > 0)) return;
    along(a.x, (float)a.fx / 32, p->size, t.x, t.wx);
    along(a.y, (float)a.fy / 32, p->size, t.y, t.wy);
    for (size_t c = 0; c < 3; c++) {
        size_t plane = c * (size_t)p->size * (size_t)p->size;
        float v = 255 * (p->target ? sharp_sample(p->planes + plane, p->size, &t)
                                   : sample(p->planes + plane, p->size, a, true));
        if (p->target)
            v += grain((float)out[c], 255 * sharp_sample(p->target + plane, p->size, &t));
        v = weight * v + (1 - weight) * (float)out[c];
        out[c] = v >= 255.0F ? 255 : v > 0 ? (uint8_t)(v + 0.5F) : 0;
    }
}

guise_status face_paste(base_image *frame, face_transform t, const face_patch *p, base_error *e)
{
    face_box b;
    guise_status s = face_box_mask(&b, frame->w, frame->h, t, p->size, p->erode, p->blur, e);
    if (s || !b.w) return s;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < b.h; y++)
        for (int x = 0; x < b.w; x++) {
            size_t at = (size_t)(b.y0 + y) * (size_t)frame->w + (size_t)(b.x0 + x);
            paste_pixel(frame->rgb + 3 * at, p, warp_from(&t, b.x0 + x, b.y0 + y),
                        b.at[(size_t)y * (size_t)b.w + (size_t)x]);
        }
    base_free(b.at);
    return GUISE_OK;
}
