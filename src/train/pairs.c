// pairs.c -- fixed pairs of held-out people: choosing them, swapping them, a sheet of samples.
#include "train/pairs.h"
#include "media/media.h"
#include "model/card.h"
#include "weights/weights.h"
#include <string.h>

// Start of the random choice; any number, but the same for ever, so that figures compare.
enum { PAIRS_SEED = 2020 };

const train_face *train_pairs_source(const train_pairs *p, int i) { return &p->face[i]; }

const train_face *train_pairs_target(const train_pairs *p, int i)
{
    size_t by = p->n >= 2 * (size_t)p->pairs ? (size_t)p->pairs : p->n / 2;
    return &p->face[((size_t)i + by) % p->n];
}

static void face_free(train_face *f)
{
    base_image_free(&f->crop);
    base_free(f->id);
    base_free(f->measure);
    *f = (train_face){0};
}

// What is open while the faces are made ready.
typedef struct {
    face_detector *detector;
    face_recogniser *identity;
    train_pairs *pairs;
} preparing;

static guise_status prepare_face(const preparing *w, train_photo *photo, train_face *f,
                                 base_error *e)
{
    base_image m = {0};
    train_pairs *p = w->pairs;
    f->id = base_alloc(p->length, sizeof *f->id);
    if (p->measure) f->measure = base_alloc(p->measure_length, sizeof *f->measure);
    if (!f->id || (p->measure && !f->measure)) return base_no_memory(e);
    guise_status s = train_photo_load(photo, w->detector, &m, e);
    if (!s) s = train_photo_crop(photo, &m, p->size, 0, &f->crop, f->point, e);
    if (!s) s = face_recognise(w->identity, &m, photo->point, f->id, e);
    if (!s && p->measure) s = face_recognise(p->measure, &m, photo->point, f->measure, e);
    base_image_free(&m);
    return s;
}

// One photo of each person in a random order, until there are enough.
static guise_status prepare(const preparing *w, train_photos *photos, size_t want, base_error *e)
{
    train_pairs *p = w->pairs;
    base_rng r = {PAIRS_SEED};
    int people = photos->people;
    int *order = base_alloc((size_t)people, sizeof *order);
    size_t *first = base_alloc((size_t)people + 1, sizeof *first);
    guise_status s = order && first ? GUISE_OK : base_no_memory(e);
    if (!s) {
        for (int i = 0; i < people; i++) order[i] = i;
        for (size_t i = photos->n; i-- > 0;) first[photos->at[i].person] = i;
        first[people] = photos->n;
        base_rng_shuffle(&r, order, people);
    }
    for (int i = 0; !s && i < people && p->n < want; i++) {
        size_t at = first[order[i]], n = first[order[i] + 1] - at;
        base_error why = {0};
        train_photo *photo = &photos->at[at + (size_t)base_rng_range(&r, 0, (int)n - 1)];
        s = prepare_face(w, photo, &p->face[p->n], &why);
        if (!s) {
            p->n++;
            continue;
        }
        face_free(&p->face[p->n]);
        s = s == GUISE_NO_MEMORY ? base_no_memory(e) : GUISE_OK;
        base_log("left out: %s", why.text);
    }
    base_free(first);
    base_free(order);
    return s;
}

// Did the judge learn to make the teacher's vectors, as ours do?
static bool imitates(const train_pairs_options *o)
{
    base_tensors t = {0};
    const char *path = o->teacher ? o->teacher : o->identity, *space = NULL;
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path;
    if (!weights_safetensors_read(&t, o->measure, NULL)) space = base_tensors_meta(&t, CARD_SPACE);
    bool yes = space && !strncmp(stem, space, strlen(space)) && stem[strlen(space)] == '.';
    base_tensors_free(&t);
    return yes;
}

// A recogniser that taught the generator cannot judge it.
static guise_status refuse_same(const train_pairs_options *o, base_error *e)
{
    base_sha256 a, b, c;
    if (!o->measure) return GUISE_OK;
    guise_status s = base_sha256_file(&a, o->identity, e);
    if (!s) s = base_sha256_file(&b, o->measure, e);
    if (!s) s = base_sha256_file(&c, o->teacher ? o->teacher : o->identity, e);
    if (!s && (!strcmp(a.hex, b.hex) || !strcmp(c.hex, b.hex) || imitates(o)))
        s = base_fail(e, GUISE_BAD_ARGUMENT,
                      "%s is the recogniser that the generator is trained with, or learnt from it; "
                      "measure with another one",
                      o->measure);
    return s;
}

static guise_status open_parts(preparing *w, const train_pairs_options *o, base_error *e)
{
    train_pairs *p = w->pairs;
    guise_status s = refuse_same(o, e);
    if (!s) s = face_recogniser_open(&w->identity, o->identity, e);
    if (!s) p->length = face_recogniser_length(w->identity);
    if (!s && o->measure) s = face_recogniser_open(&p->measure, o->measure, e);
    if (!s && p->measure) p->measure_length = face_recogniser_length(p->measure);
    if (!s && o->detector) s = face_detector_open(&w->detector, o->detector, e);
    return s;
}

guise_status train_pairs_open(train_pairs *p, const train_pairs_options *o, base_error *e)
{
    *p = (train_pairs){.pairs = o->pairs, .size = o->size};
    preparing w = {.pairs = p};
    train_photos photos = {0};
    size_t want = 2 * (size_t)o->pairs;
    guise_status s = open_parts(&w, o, e);
    if (!s) s = train_photos_read(&photos, o->data, o->landmarks, TRAIN_HELD_OUT, e);
    if (!s && !(p->face = base_alloc(want + 1, sizeof *p->face))) s = base_no_memory(e);
    if (!s) s = prepare(&w, &photos, want, e);
    if (!s && p->n < 2)
        s = base_fail(e, GUISE_NO_FACE,
                      "%s has %zu held-out people with a usable photo; two are "
                      "needed to measure",
                      o->data, p->n);
    if (!s && (size_t)p->pairs > p->n) p->pairs = (int)p->n;
    train_photos_free(&photos);
    face_recogniser_close(&w.identity);
    face_detector_close(&w.detector);
    if (s) train_pairs_close(p);
    return s;
}

void train_pairs_close(train_pairs *p)
{
    for (size_t i = 0; i < p->n; i++) face_free(&p->face[i]);
    base_free(p->face);
    face_recogniser_close(&p->measure);
    *p = (train_pairs){0};
}

static void place(base_image *sheet, const base_image *m, int column, int row)
{
    for (int y = 0; y < m->h; y++) {
        size_t at = (size_t)(row * m->h + y) * (size_t)sheet->w + (size_t)(column * m->w);
        memcpy(sheet->rgb + at * 3, m->rgb + (size_t)y * (size_t)m->w * 3, (size_t)m->w * 3);
    }
}

// Pairs from..from + n - 1 into the sheet.
static guise_status fill_sheet(const train_pairs *p, train_swapper *s, int from, int n,
                               base_image *sheet, base_error *e)
{
    size_t planes = 3 * (size_t)p->size * (size_t)p->size;
    const float *made = NULL;
    for (int i = 0; i < n; i++) {
        base_image_to_planes(&train_pairs_target(p, from + i)->crop, false, 1.0f / 255, 0,
                             s->target + (size_t)i * planes);
        memcpy(s->vector + (size_t)i * p->length, train_pairs_source(p, from + i)->id,
               p->length * sizeof *s->vector);
    }
    base_image m = {0};
    guise_status st = base_image_new(&m, p->size, p->size, e);
    if (!st) st = train_swapper_run(s, &made, e);
    for (int i = 0; !st && i < n; i++) {
        int column = (from + i) % 2 * 3, row = (from + i) / 2;
        place(sheet, &train_pairs_source(p, from + i)->crop, column, row);
        place(sheet, &train_pairs_target(p, from + i)->crop, column + 1, row);
        base_image_from_planes(&m, made + (size_t)i * planes, false, 255, 0);
        place(sheet, &m, column + 2, row);
    }
    base_image_free(&m);
    return st;
}

guise_status train_pairs_sheet(const train_pairs *p, train_swapper *s, int rows, const char *path,
                               base_error *e)
{
    int n = rows * 2 < p->pairs ? rows * 2 : p->pairs;
    base_image sheet = {0};
    guise_status st = base_image_new(&sheet, 6 * p->size, (n + 1) / 2 * p->size, e);
    for (int i = 0; !st && i < n; i += s->n)
        st = fill_sheet(p, s, i, n - i < s->n ? n - i : s->n, &sheet, e);
    if (!st)
        st = media_photo_write(&sheet, path,
                               &(media_photo_options){.quality = 90, .mark = GUISE_SWAPPED}, e);
    base_image_free(&sheet);
    return st;
}
