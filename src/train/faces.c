// faces.c -- who is in a crop, by a detector. Photos of one person often show others at the edge:
// unless these are known, a detector that learns from such crops is taught not to see them.
#include "train/faces.h"
#include <math.h>

static const double doubtful = 0.2; // least score

static face mean_box(const train_cache *c, size_t i, int size, int margin)
{
    face_share box = face_box_share;
    face f = {.x0 = (float)(margin + (box.x - box.w / 2) * size),
              .y0 = (float)(margin + (box.y - box.h / 2) * size),
              .x1 = (float)(margin + (box.x + box.w / 2) * size),
              .y1 = (float)(margin + (box.y + box.h / 2) * size),
              .score = 1};
    for (int k = 0; k < FACE_POINTS; k++) f.point[k] = train_cache_points(c, i)[k];
    return f;
}

// The crop's own face is the detection that lies on it, whose landmarks agree with those of the
// others; those that a data set comes with may follow another convention.
static guise_status add_crop(train_faces *f, size_t i, const face_list *seen, const face *own,
                             base_error *e)
{
    const face *best = NULL;
    double most = 0.4;
    for (size_t k = 0; k < seen->n; k++) {
        double o = face_overlap(&seen->at[k], own);
        if (o > most) best = &seen->at[k], most = o;
    }
    face first = best ? *best : *own;
    first.score = own->score;
    f->seen[i] = best != NULL;
    bool ok = face_list_add(&f->all, first);
    for (size_t k = 0; ok && k < seen->n; k++)
        if (&seen->at[k] != best) ok = face_list_add(&f->all, seen->at[k]);
    return ok ? GUISE_OK : base_no_memory(e);
}

static guise_status look(train_faces *f, const train_cache *c, int size, int margin,
                         face_detector *d, bool quick, base_error *e)
{
    size_t n = train_cache_n(c);
    int side = size + 2 * margin;
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < n; i++) {
        face own = mean_box(c, i, size, margin);
        face_list seen = {0};
        base_image m = {
            .w = side, .h = side, .rgb = (uint8_t *)(uintptr_t)train_cache_pixels(c, i)};
        if (d)
            s = face_detect(d, &m, &(face_detect_options){.score = doubtful, .quick = quick}, &seen,
                            NULL, e);
        f->first[i] = f->all.n;
        if (!s) s = add_crop(f, i, &seen, &own, e);
        face_list_free(&seen);
    }
    f->first[n] = f->all.n;
    return s;
}

guise_status train_faces_open(train_faces *f, const train_cache *c, int size, int margin,
                              const char *path, bool quick, base_error *e)
{
    face_detector *d = NULL;
    *f = (train_faces){.first = base_alloc(train_cache_n(c) + 1, sizeof *f->first)};
    f->seen = base_alloc(train_cache_n(c) + 1, sizeof *f->seen);
    guise_status s = f->first && f->seen ? GUISE_OK : base_no_memory(e);
    if (!s && path) s = face_detector_open(&d, path, e);
    if (!s) s = look(f, c, size, margin, d, quick, e);
    if (!s && path) base_log("%zu crops show %zu faces", train_cache_n(c), f->all.n);
    face_detector_close(&d);
    if (s) train_faces_close(f);
    return s;
}

void train_faces_close(train_faces *f)
{
    face_list_free(&f->all);
    base_free(f->first);
    base_free(f->seen);
    *f = (train_faces){0};
}
