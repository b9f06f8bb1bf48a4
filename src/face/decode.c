// decode.c -- from YuNet's raw outputs to faces, best first, without doubles.
// Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector"; outputs as in OpenCV's model zoo
// (face_detection_yunet): offsets in cells, sizes as logarithms of cells.
#include "face/face.h"
#include <math.h>
#include <stdlib.h>

// Nobody's face lies within another's.
#define INSIDE 0.9

static float unit(float v) { return v > 1 ? 1 : v > 0 ? v : 0; }

static bool finite_face(const face *f)
{
    float sum = f->x0 + f->y0 + f->x1 + f->y1;
    for (int i = 0; i < FACE_POINTS; i++) sum += f->point[i].x + f->point[i].y;
    return isfinite(sum);
}

bool face_decode(face_list *out, face_level l, double least, float *best)
{
    float stride = (float)l.stride;
    for (int i = 0; i < l.w * l.h; i++) {
        float score = sqrtf(unit(l.cls[i]) * unit(l.obj[i]));
        if (score > *best) *best = score;
        if (!(score >= least)) continue;
        float x = (float)(i % l.w), y = (float)(i / l.w); // cell
        const float *b = l.bbox + 4 * (size_t)i, *k = l.kps + 2 * FACE_POINTS * (size_t)i;
        float cx = (x + b[0]) * stride, cy = (y + b[1]) * stride;
        float w = expf(b[2]) * stride, h = expf(b[3]) * stride;
        face f = {cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, score, {{0, 0}}};
        for (int j = 0; j < FACE_POINTS; j++)
            f.point[j] = (face_point){(x + k[2 * j]) * stride, (y + k[2 * j + 1]) * stride};
        if (finite_face(&f) && !face_list_add(out, f)) return false;
    }
    return true;
}

// Best first; equal scores from left to right, so that the order is always the same.
static int better(const void *a, const void *b)
{
    const face *f = a, *g = b;
    if (f->score != g->score) return f->score > g->score ? -1 : 1;
    if (f->x0 != g->x0) return f->x0 < g->x0 ? -1 : 1;
    return f->y0 < g->y0 ? -1 : f->y0 > g->y0;
}

static double area(const face *f) { return ((double)f->x1 - f->x0) * ((double)f->y1 - f->y0); }

static double common(const face *f, const face *g)
{
    double w = fmin(f->x1, g->x1) - fmax(f->x0, g->x0);
    double h = fmin(f->y1, g->y1) - fmax(f->y0, g->y0);
    return w <= 0 || h <= 0 ? 0 : w * h;
}

double face_overlap(const face *f, const face *g)
{
    double both = common(f, g);
    return both > 0 ? both / (area(f) + area(g) - both) : 0;
}

// Share of the smaller box that lies in the other: a mouth or half a face found as one of its own.
static double inside(const face *f, const face *g)
{
    double both = common(f, g);
    return both > 0 ? both / fmin(area(f), area(g)) : 0;
}

void face_suppress(face_list *l, double overlap)
{
    size_t kept = 0;
    if (l->n) qsort(l->at, l->n, sizeof *l->at, better);
    for (size_t i = 0; i < l->n; i++) {
        bool keep = true;
        for (size_t j = 0; j < kept && keep; j++)
            keep = face_overlap(&l->at[i], &l->at[j]) <= overlap &&
                   inside(&l->at[i], &l->at[j]) <= INSIDE;
        if (keep) l->at[kept++] = l->at[i];
    }
    l->n = kept;
}

static bool twins(const face *a, const face *b)
{
    double eyes = hypot((double)a->point[1].x - (double)a->point[0].x,
                        (double)a->point[1].y - (double)a->point[0].y);
    double sum = 0;
    for (int i = 0; i < FACE_POINTS; i++)
        sum += hypot((double)a->point[i].x - (double)b->point[i].x,
                     (double)a->point[i].y - (double)b->point[i].y);
    return sum / FACE_POINTS < 0.5 * eyes;
}

void face_drop_twins(face_list *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
        bool twin = false;
        for (size_t k = 0; k < kept; k++) twin |= twins(&l->at[k], &l->at[i]);
        if (!twin) l->at[kept++] = l->at[i];
    }
    l->n = kept;
}
