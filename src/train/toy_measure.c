// toy_measure.c -- drawn faces swapped, and compared to the right swap, which is drawn as well.
#include "train/toy_measure.h"
#include "media/media.h"
#include "model/card.h"
#include "train/swapper.h"
#include "weights/weights.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// One pair: photos of the source, of the target, and of the right swap, with the target's crop.
typedef struct {
    base_image source, target, right;
    face_point source_point[FACE_POINTS], target_point[FACE_POINTS];
    base_image crop, right_crop;
} toy_pair;

typedef struct {
    const toy_measuring *c;
    train_swapper s;
    face_recogniser *identity, *judge;
    float *vector[3]; // by the judge: of source, of result, of right swap
    base_image sheet;
    float *mask; // [size,size] 1 in the face
    toy_measured sum;
} measuring;

static void pair_free(toy_pair *p)
{
    base_image *all[] = {&p->source, &p->target, &p->right, &p->crop, &p->right_crop};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) base_image_free(all[i]);
}

static guise_status cut(const base_image *m, const face_point point[FACE_POINTS], int size,
                        base_image *crop, base_error *e)
{
    face_transform t;
    guise_status s = face_align(&t, point, FACE_ARCFACE, size, NULL, e);
    return s ? s : face_crop(crop, m, t, size, e);
}

static guise_status pair_draw(const measuring *w, int i, toy_pair *p, base_error *e)
{
    const toy_set *set = &w->c->set;
    toy_person a, b;
    toy_look of_a, of_b;
    bool pair = w->c->pair;
    toy_set_at(set, pair ? 0 : set->people + 2 * i, set->photos + i, &a, &of_a);
    toy_set_at(set, pair ? 1 : set->people + 2 * i + 1, set->photos + i, &b, &of_b);
    toy_points(&a, &of_a, set->side, p->source_point);
    toy_points(&b, &of_b, set->side, p->target_point);
    guise_status s = toy_picture(&a, &of_a, set->side, &p->source, e);
    if (!s) s = toy_picture(&b, &of_b, set->side, &p->target, e);
    if (!s) s = toy_picture(&a, &of_b, set->side, &p->right, e);
    if (!s) s = cut(&p->target, p->target_point, w->s.size, &p->crop, e);
    return s ? s : cut(&p->right, p->target_point, w->s.size, &p->right_crop, e);
}

// The swap of crop by the identity on photo m, as a new picture.
static guise_status swap(measuring *w, const base_image *crop, const base_image *m,
                         const face_point point[FACE_POINTS], base_image *out, base_error *e)
{
    const float *made = NULL;
    base_image_to_planes(crop, false, 1.0F / 255, 0, w->s.target);
    guise_status s = GUISE_OK;
    if (w->identity) s = face_recognise(w->identity, m, point, w->s.vector, e);
    if (!s) s = train_swapper_run(&w->s, &made, e);
    if (!s) s = base_image_new(out, w->s.size, w->s.size, e);
    if (!s) base_image_from_planes(out, made, false, 255, 0);
    return s;
}

// Mean difference in the mask, or where it leaves out; mask NULL: everywhere.
static double difference(const base_image *a, const base_image *b, const float *mask, bool in)
{
    double sum = 0, weight = 0;
    for (int i = 0; i < a->w * a->h; i++) {
        double k = !mask ? 1 : in ? (double)mask[i] : 1 - (double)mask[i];
        for (int c = 0; c < 3; c++) sum += k * abs(a->rgb[3 * i + c] - b->rgb[3 * i + c]);
        weight += k;
    }
    return weight > 0 ? sum / (weight * 3 * 255) : 0;
}

static double cosine(const float *a, const float *b, size_t n) // both of unit length
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

// What the judge says of the result, which it sees as a crop.
static guise_status ask(measuring *w, const toy_pair *p, const base_image *made, base_error *e)
{
    if (!w->judge) return GUISE_OK;
    size_t n = face_recogniser_length(w->judge);
    face_transform t;
    face_point at[FACE_POINTS];
    guise_status s = face_align(&t, p->target_point, FACE_ARCFACE, w->s.size, NULL, e);
    for (int i = 0; !s && i < FACE_POINTS; i++) at[i] = face_apply(t, p->target_point[i]);
    if (!s) s = face_recognise(w->judge, &p->source, p->source_point, w->vector[0], e);
    if (!s) s = face_recognise(w->judge, made, at, w->vector[1], e);
    if (!s) s = face_recognise(w->judge, &p->right_crop, at, w->vector[2], e);
    if (s) return s;
    w->sum.like += cosine(w->vector[0], w->vector[1], n);
    w->sum.likeness += cosine(w->vector[0], w->vector[2], n);
    return GUISE_OK;
}

enum { ROWS = 8, COLUMNS = 4 };

static void place(base_image *sheet, const base_image *m, int column, int row)
{
    for (int y = 0; y < m->h; y++)
        memcpy(sheet->rgb +
                   ((size_t)(row * m->h + y) * (size_t)sheet->w + (size_t)(column * m->w)) * 3,
               m->rgb + (size_t)y * (size_t)m->w * 3, (size_t)m->w * 3);
}

static guise_status show(measuring *w, int row, const toy_pair *p, const base_image *made,
                         base_error *e)
{
    base_image source = {0};
    if (!w->c->sheet || row >= ROWS) return GUISE_OK;
    guise_status s = cut(&p->source, p->source_point, w->s.size, &source, e);
    const base_image *m[COLUMNS] = {&source, &p->crop, made, &p->right_crop};
    for (int i = 0; !s && i < COLUMNS; i++) place(&w->sheet, m[i], i, row);
    base_image_free(&source);
    return s;
}

static guise_status measure_pair(measuring *w, int i, base_error *e)
{
    toy_pair p = {0};
    base_image made = {0}, self = {0};
    guise_status s = pair_draw(w, i, &p, e);
    if (!s) s = swap(w, &p.crop, &p.source, p.source_point, &made, e);
    if (!s && !w->c->pair) s = swap(w, &p.crop, &p.target, p.target_point, &self, e);
    if (!s) s = ask(w, &p, &made, e);
    if (!s) {
        face_point at[FACE_POINTS];
        face_template_points(FACE_ARCFACE, 0, w->s.size, at);
        face_oval_mask(at, w->s.size, 0, w->mask);
        w->sum.wrong += difference(&made, &p.right_crop, w->mask, true);
        w->sum.idle += difference(&p.crop, &p.right_crop, w->mask, true);
        w->sum.rest += difference(&made, &p.right_crop, w->mask, false);
        if (self.rgb) w->sum.self += difference(&self, &p.crop, NULL, true);
        s = show(w, i, &p, &made, e);
    }
    base_image_free(&made);
    base_image_free(&self);
    pair_free(&p);
    return s;
}

// Without a recogniser a generator that takes identities would get none.
static guise_status check_identity(const toy_measuring *c, base_error *e)
{
    base_tensors t = {0};
    if (c->identity) return GUISE_OK;
    guise_status s = weights_read(&t, c->generator, e);
    const char *wants = s ? NULL : base_tensors_meta(&t, CARD_IDENTITY);
    if (wants && strcmp(wants, "none") != 0)
        s = base_fail(e, GUISE_BAD_ARGUMENT,
                      "%s takes identities of %s: name that recogniser's file", c->generator,
                      wants);
    base_tensors_free(&t);
    return s;
}

static guise_status open_parts(measuring *w, base_error *e)
{
    const toy_measuring *c = w->c;
    guise_status s = check_identity(c, e);
    if (!s) s = train_swapper_read(&w->s, c->generator, e);
    if (!s && c->identity) s = face_recogniser_open(&w->identity, c->identity, e);
    if (!s && w->identity && face_recogniser_length(w->identity) != (size_t)w->s.length)
        s = base_fail(e, GUISE_BAD_ARGUMENT,
                      "%s makes vectors of %zu numbers, but the generator takes %d", c->identity,
                      face_recogniser_length(w->identity), w->s.length);
    if (!s && c->judge) s = face_recogniser_open(&w->judge, c->judge, e);
    for (int i = 0; !s && w->judge && i < 3; i++) {
        w->vector[i] = base_alloc(face_recogniser_length(w->judge), sizeof(float));
        if (!w->vector[i]) s = base_no_memory(e);
    }
    if (!s) w->mask = base_alloc((size_t)w->s.size * (size_t)w->s.size, sizeof *w->mask);
    if (!s && !w->mask) s = base_no_memory(e);
    if (!s && c->sheet) s = base_image_new(&w->sheet, COLUMNS * w->s.size, ROWS * w->s.size, e);
    return s;
}

guise_status toy_measure(toy_measured *m, const toy_measuring *c, base_error *e)
{
    measuring w = {.c = c};
    int pairs = c->pairs > 0 ? c->pairs : 64;
    *m = (toy_measured){0};
    guise_status s = open_parts(&w, e);
    for (int i = 0; !s && i < pairs; i++) s = measure_pair(&w, i, e);
    if (!s && c->sheet) s = media_photo_write(&w.sheet, c->sheet, NULL, e);
    if (!s) {
        const double k = 1.0 / pairs;
        const toy_measured t = w.sum;
        *m = (toy_measured){pairs,      t.wrong * k, t.idle * k,    t.rest * k,
                            t.self * k, t.like * k,  t.likeness * k};
    }
    base_image_free(&w.sheet);
    for (int i = 0; i < 3; i++) base_free(w.vector[i]);
    base_free(w.mask);
    face_recogniser_close(&w.identity);
    face_recogniser_close(&w.judge);
    train_swapper_close(&w.s);
    return s;
}
