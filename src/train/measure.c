// measure.c -- how good a generator is, on pairs of held-out people.
//
// Cosines are of vectors by a recogniser that took no part in training. Source and target vectors
// come from the photos, the result's from the made crop with the target's landmarks.
#include "train/pairs.h"
#include "train/system.h"
#include <math.h>
#include <string.h>

const char *const train_swap_measures[] = {"to_source", "to_target", "closer", "top1",
                                           "self_l1",   "sharpness", NULL};

static double cosine(const float *a, const float *b, size_t n) // both of unit length
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

// Sums over pairs, divided at the end.
typedef struct {
    double source, target, closer, top, self, sharp_made, sharp_target;
} sums;

// What one result needs room for.
typedef struct {
    base_image image;
    float *vector, *mask, *planes;
} scratch;

static guise_status scratch_open(scratch *w, const train_pairs *p, base_error *e)
{
    size_t area = (size_t)p->size * (size_t)p->size;
    w->vector = base_alloc(p->measure_length, sizeof *w->vector);
    w->mask = base_alloc(area, sizeof *w->mask);
    w->planes = base_alloc(3 * area, sizeof *w->planes);
    if (!w->vector || !w->mask || !w->planes) return base_no_memory(e);
    return base_image_new(&w->image, p->size, p->size, e);
}

static void scratch_close(scratch *w)
{
    base_image_free(&w->image);
    base_free(w->vector);
    base_free(w->mask);
    base_free(w->planes);
}

static bool nearest_is(const train_pairs *p, const float *vector, int i)
{
    double own = cosine(vector, train_pairs_source(p, i)->measure, p->measure_length);
    for (int k = 0; k < p->pairs; k++)
        if (k != i && cosine(vector, train_pairs_source(p, k)->measure, p->measure_length) >= own)
            return false;
    return true;
}

static guise_status add_swap(const train_pairs *p, int i, const float *made, scratch *w, sums *t,
                             base_error *e)
{
    const train_face *source = train_pairs_source(p, i), *target = train_pairs_target(p, i);
    base_image_from_planes(&w->image, made, false, 255, 0);
    guise_status s = face_recognise(p->measure, &w->image, target->point, w->vector, e);
    if (s) return s;
    double to_source = cosine(w->vector, source->measure, p->measure_length);
    double to_target = cosine(w->vector, target->measure, p->measure_length);
    t->source += to_source;
    t->target += to_target;
    t->closer += to_source > to_target;
    t->top += nearest_is(p, w->vector, i);
    face_oval_mask(target->point, p->size, 0, w->mask);
    base_image_to_planes(&target->crop, false, 1.0f / 255, 0, w->planes);
    t->sharp_target += face_sharpness(w->planes, w->mask, p->size);
    t->sharp_made += face_sharpness(made, w->mask, p->size);
    return GUISE_OK;
}

static void add_self(const train_pairs *p, const float *target, const float *made, sums *t)
{
    size_t n = 3 * (size_t)p->size * (size_t)p->size;
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += fabs((double)made[i] - (double)target[i]);
    t->self += sum / (double)n;
}

// Pairs from..from + n - 1: each target with its source's identity, then with its own.
static guise_status add_pairs(const train_pairs *p, train_swapper *s, int from, int n, scratch *w,
                              sums *t, base_error *e)
{
    size_t planes = 3 * (size_t)p->size * (size_t)p->size;
    guise_status st = GUISE_OK;
    for (int self = 0; !st && self < 2; self++) {
        const float *made = NULL;
        for (int i = 0; i < n; i++) {
            const train_face *target = train_pairs_target(p, from + i);
            const train_face *source = self ? target : train_pairs_source(p, from + i);
            base_image_to_planes(&target->crop, false, 1.0f / 255, 0,
                                 s->target + (size_t)i * planes);
            memcpy(s->vector + (size_t)i * p->length, source->id, p->length * sizeof(float));
        }
        st = train_swapper_run(s, &made, e);
        for (int i = 0; !st && i < n; i++) {
            size_t at = (size_t)i * planes;
            if (self)
                add_self(p, s->target + at, made + at, t);
            else
                st = add_swap(p, from + i, made + at, w, t, e);
        }
    }
    return st;
}

guise_status train_pairs_measure(const train_pairs *p, train_swapper *s, train_measurement *m,
                                 base_error *e)
{
    sums t = {0};
    scratch w = {0};
    guise_status st = scratch_open(&w, p, e);
    for (int i = 0; !st && i < p->pairs; i += s->n)
        st = add_pairs(p, s, i, p->pairs - i < s->n ? p->pairs - i : s->n, &w, &t, e);
    scratch_close(&w);
    if (st) return st;
    double k = 1.0 / p->pairs;
    *m = (train_measurement){
        .pairs = p->pairs,
        .to_source = t.source * k,
        .to_target = t.target * k,
        .closer = t.closer * k,
        .top1 = t.top * k,
        .self_l1 = t.self * k,
        .sharpness = t.sharp_target > 0 ? t.sharp_made / t.sharp_target : 0,
    };
    return GUISE_OK;
}

static guise_status run(train_measurement *m, const train_measure_config *c, train_swapper *s,
                        base_error *e)
{
    train_pairs p = {0};
    train_pairs_options o = {.data = c->data,
                             .landmarks = c->landmarks,
                             .detector = c->detector,
                             .identity = c->identity,
                             .measure = c->measure,
                             .size = s->size,
                             .pairs = c->pairs > 0 ? c->pairs : 200};
    guise_status st = train_pairs_open(&p, &o, e);
    if (!st && p.length != (size_t)s->length)
        st = base_fail(e, GUISE_BAD_ARGUMENT,
                       "%s makes vectors of %zu numbers, but the generator "
                       "was trained with %d",
                       c->identity, p.length, s->length);
    if (!st) st = train_pairs_measure(&p, s, m, e);
    if (!st && c->sheet) st = train_pairs_sheet(&p, s, 8, c->sheet, e);
    train_pairs_close(&p);
    return st;
}

guise_status train_measure(train_measurement *m, const train_measure_config *c, base_error *e)
{
    train_swapper s = {0};
    if (!c->measure)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "measuring needs a recogniser that took no part in training (measure)");
    guise_status st = train_swapper_read(&s, c->generator, e);
    if (!st) st = run(m, c, &s, e);
    train_swapper_close(&s);
    return st;
}
