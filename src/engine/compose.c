// compose.c -- a face of nobody: photos to aligned faces of many people, and their average.
#include "engine/engine.h"
#include "media/mark.h"

// The largest face of a photo as an aligned crop, which is all that is kept of the photo.
static guise_status add_photo(guise_engine *g, const char *path, face_template layout, int size,
                              base_image *crop, face_part *part)
{
    base_error *e = &g->error;
    guise_image m = {0};
    guise_faces f = {0};
    face_transform t;
    face_point point[FACE_POINTS];
    guise_status s = guise_image_read(g, path, &m);
    if (!s) s = guise_detect(g, &m, &f);
    if (!s && !f.n)
        s = base_fail(e, GUISE_NO_FACE, "%s: no face found; the best score was %.2f", path,
                      (double)f.best);
    if (!s) {
        base_image photo = image_of(&m);
        face_points(&f.at[0], point);
        s = face_align(&t, point, layout, size, NULL, e);
        if (!s) s = face_crop_smooth(crop, &photo, t, size, e);
    }
    for (int i = 0; !s && i < FACE_POINTS; i++) part->point[i] = face_apply(t, point[i]);
    part->photo = crop;
    guise_faces_free(&f);
    guise_image_free(&m);
    return s;
}

guise_status guise_compose(guise_engine *g, const char *const photo[], size_t n, const char *layout,
                           int size, unsigned long long seed, guise_image *m)
{
    base_error *e = engine_begin(g);
    face_template t = FACE_ARCFACE;
    base_image out = {0};
    base_rng rng = {seed};
    *m = (guise_image){0};
    if (n < 2) return base_fail(e, GUISE_BAD_ARGUMENT, "a composite needs at least two photos");
    if (size < 16 || size > 2048)
        return base_fail(e, GUISE_BAD_ARGUMENT, "the side of a picture lies in 16..2048, not at %d",
                         size);
    guise_status s = template_by_name(layout, &t, e);
    if (s) return s;
    if (t == FACE_SIMSWAP) t = FACE_ARCFACE; // its frontal pose: all faces meet there
    base_image *crop = base_alloc(n, sizeof *crop);
    face_part *part = base_alloc(n, sizeof *part);
    if (!crop || !part) s = base_no_memory(e);
    for (size_t i = 0; !s && i < n; i++) {
        s = add_photo(g, photo[i], t, size, &crop[i], &part[i]);
        part[i].weight = seed ? 0.1 + base_rng_uniform(&rng) : 1; // nobody alone, nobody left out
    }
    if (!s) s = face_average(&out, part, n, t, size, e);
    for (size_t i = 0; !s && i < n; i++) out.mark = media_mark_both(out.mark, crop[i].mark);
    if (!s) out.mark = media_mark_both(out.mark, GUISE_COMPOSED);
    *m = image_give(out);
    for (size_t i = 0; crop && i < n; i++) base_image_free(&crop[i]);
    base_free(crop);
    base_free(part);
    return s;
}
