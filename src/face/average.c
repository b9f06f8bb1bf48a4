// average.c -- a face of nobody: many people on their mean shape, averaged.
#include "face/face.h"
#include "face/flow.h"
#include <math.h>

enum { SIDE = 256, ROUNDS = 3 }; // what is registered, and how often the mean is made anew
enum { PIXELS = SIDE * SIDE };
enum { GRID = 64 };                // cells a side in which people are compared
static const double TYPICAL = 30;  // how far colours of one place differ between people, 0..255
static const float SHARPEN = 0.6F; // averages are soft: unsharp masking by this much

typedef struct {
    const face_part *part;
    size_t n;
    int size;         // of crops and result
    base_image *crop; // n of size x size
    float *grey;      // n of [SIDE,SIDE], normalised
    float *flow;      // n of [2,SIDE,SIDE]
    float *mean;      // [SIDE,SIDE]
    double all;       // sum of the weights
    float *share;     // [GRID,GRID,n]: how much of each is seen around each cell's middle
} group;

static void group_free(group *g)
{
    for (size_t i = 0; g->crop && i < g->n; i++) base_image_free(&g->crop[i]);
    base_free(g->crop);
    base_free(g->grey);
    base_free(g->flow);
    base_free(g->mean);
    base_free(g->share);
}

// ITU-R BT.601 luma, made comparable between people and light.
static guise_status add_grey(const face_part *p, face_template name, float *grey, base_error *e)
{
    face_transform t;
    base_image m = {0};
    guise_status s = face_align(&t, p->point, name, SIDE, NULL, e);
    if (!s) s = face_crop_smooth(&m, p->photo, t, SIDE, e);
    for (size_t i = 0; !s && i < PIXELS; i++) {
        const uint8_t *q = m.rgb + 3 * i;
        grey[i] = (float)(299 * q[0] + 587 * q[1] + 114 * q[2]) / 255000.0F;
    }
    if (!s && !flow_normalise(grey, SIDE)) s = base_no_memory(e);
    base_image_free(&m);
    return s;
}

static guise_status gather(group *g, face_template name, base_error *e)
{
    g->crop = base_alloc(g->n, sizeof *g->crop);
    g->grey = base_alloc(g->n, PIXELS * sizeof *g->grey);
    g->flow = base_alloc(g->n, 2 * PIXELS * sizeof *g->flow);
    g->mean = base_alloc(PIXELS, sizeof *g->mean);
    if (!g->crop || !g->grey || !g->flow || !g->mean) return base_no_memory(e);
    for (size_t i = 0; i < g->n; i++) {
        const face_part *p = &g->part[i];
        face_transform t;
        guise_status s = face_align(&t, p->point, name, g->size, NULL, e);
        if (!s) s = face_crop_smooth(&g->crop[i], p->photo, t, g->size, e);
        if (!s) s = add_grey(p, name, g->grey + i * PIXELS, e);
        if (s) return s;
        g->all += p->weight;
    }
    return GUISE_OK;
}

// The mean of all as they are bent now.
static void average_grey(group *g)
{
#pragma omp parallel for schedule(static)
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            size_t at = (size_t)(y * SIDE + x);
            double sum = 0;
            for (size_t i = 0; i < g->n; i++) {
                const float *f = g->flow + 2 * i * PIXELS + at;
                sum +=
                    g->part[i].weight * (double)flow_sample(g->grey + i * PIXELS, SIDE,
                                                            (float)x + f[0], (float)y + f[PIXELS]);
            }
            g->mean[at] = (float)(sum / g->all);
        }
}

// Fields shall have mean zero, or the mean shape would drift.
static void centre_flows(group *g)
{
#pragma omp parallel for schedule(static)
    for (size_t at = 0; at < 2 * (size_t)PIXELS; at++) {
        double sum = 0;
        for (size_t i = 0; i < g->n; i++)
            sum += g->part[i].weight * (double)g->flow[2 * i * PIXELS + at];
        for (size_t i = 0; i < g->n; i++) g->flow[2 * i * PIXELS + at] -= (float)(sum / g->all);
    }
}

static guise_status bend(group *g, base_error *e)
{
    bool failed = false;
    for (int k = 0; k < ROUNDS; k++) {
        average_grey(g);
#pragma omp parallel for schedule(dynamic)
        for (size_t i = 0; i < g->n; i++)
            if (!flow_match(g->grey + i * PIXELS, g->mean, SIDE, g->flow + 2 * i * PIXELS)) {
#pragma omp atomic write
                failed = true;
            }
        if (failed) return base_no_memory(e);
        centre_flows(g);
    }
    return GUISE_OK;
}

// The i'th crop where its field points from (x, y) of the result, added to out.
static void add_bent(const group *g, size_t i, float x, float y, float weight, float out[3])
{
    const float *f = g->flow + 2 * i * PIXELS;
    float k = (float)g->size / SIDE, top = (float)(g->size - 1);
    float u = (x + 0.5F) / k - 0.5F, v = (y + 0.5F) / k - 0.5F; // in the field
    float px = fminf(fmaxf(x + k * flow_sample(f, SIDE, u, v), 0), top);
    float py = fminf(fmaxf(y + k * flow_sample(f + PIXELS, SIDE, u, v), 0), top);
    int a = px < top ? (int)px : g->size - 2, b = py < top ? (int)py : g->size - 2;
    float fx = px - (float)a, fy = py - (float)b;
    const uint8_t *p = g->crop[i].rgb + 3 * (b * g->size + a), *q = p + 3 * g->size;
    for (int c = 0; c < 3; c++)
        out[c] += weight * ((1 - fy) * ((1 - fx) * p[c] + fx * p[c + 3]) +
                            fy * ((1 - fx) * q[c] + fx * q[c + 3]));
}

// Shares of a weighted mean in which the far-off count less (Geman & McClure 1987), so that one
// person's hair against another's wall leaves no ghost.
static void robust_shares(const group *g, const float *colour, float *share)
{
    double mean[3] = {0}, all = 0;
    for (int round = 0; round < 5; round++) {
        double sum[3] = {0};
        all = 0;
        for (size_t i = 0; i < g->n; i++) {
            const float *v = colour + 3 * i;
            double far = 0, w = g->part[i].weight;
            for (int c = 0; c < 3; c++) far += ((double)v[c] - mean[c]) * ((double)v[c] - mean[c]);
            double k = 1 + far / (3 * TYPICAL * TYPICAL);
            if (round) w /= k * k; // the first round is the plain mean
            for (int c = 0; c < 3; c++) sum[c] += w * (double)v[c];
            share[i] = (float)w;
            all += w;
        }
        for (int c = 0; c < 3; c++) mean[c] = sum[c] / all;
    }
    for (size_t i = 0; i < g->n; i++) share[i] /= (float)all;
}

// Shares of a cell, from the mean colour of 4 x 4 places in it.
static void compare_cell(const group *g, int column, int row, float *colour)
{
    float step = (float)g->size / GRID;
    for (size_t i = 0; i < g->n; i++) {
        for (int c = 0; c < 3; c++) colour[3 * i + (size_t)c] = 0;
        for (int k = 0; k < 16; k++) {
            float x = ((float)column + ((float)(k % 4) + 0.5F) / 4) * step - 0.5F;
            float y = ((float)row + ((float)(k / 4) + 0.5F) / 4) * step - 0.5F;
            add_bent(g, i, x, y, 1.0F / 16, colour + 3 * i);
        }
    }
    robust_shares(g, colour, g->share + (size_t)(row * GRID + column) * g->n);
}

static guise_status compare_all(group *g, base_error *e)
{
    bool failed = false;
    g->share = base_alloc(g->n, (size_t)GRID * GRID * sizeof *g->share);
    if (!g->share) return base_no_memory(e);
#pragma omp parallel
    {
        float *colour = base_alloc(g->n, 3 * sizeof *colour);
        if (!colour) {
#pragma omp atomic write
            failed = true;
        }
#pragma omp for schedule(static)
        for (int i = 0; i < GRID * GRID; i++)
            if (colour) compare_cell(g, i % GRID, i / GRID, colour);
        base_free(colour);
    }
    return failed ? base_no_memory(e) : GUISE_OK;
}

// One pixel of the result: shares between the middles of four cells.
static void blend_pixel(const group *g, int x, int y, uint8_t out[3])
{
    float k = (float)GRID / (float)g->size, top = GRID - 1, sum[3] = {0};
    float u = fminf(fmaxf(((float)x + 0.5F) * k - 0.5F, 0), top);
    float v = fminf(fmaxf(((float)y + 0.5F) * k - 0.5F, 0), top);
    int a = u < top ? (int)u : GRID - 2, b = v < top ? (int)v : GRID - 2;
    float fx = u - (float)a, fy = v - (float)b;
    const float *s = g->share + (size_t)(b * GRID + a) * g->n, *t = s + GRID * g->n;
    for (size_t i = 0; i < g->n; i++) {
        float high = (1 - fx) * s[i] + fx * s[g->n + i], low = (1 - fx) * t[i] + fx * t[g->n + i];
        add_bent(g, i, (float)x, (float)y, (1 - fy) * high + fy * low, sum);
    }
    for (int c = 0; c < 3; c++) out[c] = (uint8_t)fminf(sum[c] + 0.5F, 255);
}

static guise_status blend_all(group *g, base_image *out, base_error *e)
{
    guise_status s = compare_all(g, e);
    if (!s) s = base_image_new(out, g->size, g->size, e);
    if (s) return s;
#pragma omp parallel for schedule(static)
    for (int y = 0; y < g->size; y++)
        for (int x = 0; x < g->size; x++) blend_pixel(g, x, y, out->rgb + 3 * (y * g->size + x));
    return GUISE_OK;
}

// Unsharp masking with the mean of 3 x 3 pixels; from and to differ, edges stay.
static void sharpen(const base_image *from, base_image *to)
{
    int row = 3 * from->w;
    for (int y = 1; y + 1 < from->h; y++)
        for (int i = 3; i < row - 3; i++) {
            const uint8_t *p = from->rgb + y * row + i;
            int sum = 0;
            for (int k = -1; k <= 1; k++) sum += p[k * row - 3] + p[k * row] + p[k * row + 3];
            float v = (float)p[0] + SHARPEN * ((float)p[0] - (float)sum / 9);
            to->rgb[y * row + i] = v >= 255 ? 255 : v > 0 ? (uint8_t)(v + 0.5F) : 0;
        }
}

guise_status face_average(base_image *out, const face_part *part, size_t n, face_template name,
                          int size, base_error *e)
{
    *out = (base_image){0};
    if (n < 2) return base_fail(e, GUISE_BAD_ARGUMENT, "an average needs two faces or more");
    if (size < 16 || size > 4096)
        return base_fail(e, GUISE_BAD_ARGUMENT, "the size %d is outside 16..4096", size);
    if (name == FACE_SIMSWAP) name = FACE_ARCFACE; // its frontal pose: all faces meet there
    for (size_t i = 0; i < n; i++)
        if (!(part[i].weight > 0) || !isfinite(part[i].weight))
            return base_fail(e, GUISE_BAD_ARGUMENT, "weights of an average must be positive");
    group g = {.part = part, .n = n, .size = size};
    base_image soft = {0};
    guise_status s = gather(&g, name, e);
    if (!s) s = bend(&g, e);
    if (!s) s = blend_all(&g, &soft, e);
    if (!s) s = base_image_copy(out, &soft, e);
    if (!s) sharpen(&soft, out);
    for (size_t i = 0; !s && i < n; i++)
        if (part[i].photo->mark == GUISE_SWAPPED) out->mark = GUISE_SWAPPED;
    base_image_free(&soft);
    group_free(&g);
    return s;
}
