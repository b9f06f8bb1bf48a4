// compose.c -- a face of nobody: the mean of many faces, each bent so that its five points meet.
#include "engine/engine.h"
#include <math.h>
#include <string.h>

// Where the face's points lie in the crop (at), and where the template has them (to).
typedef struct {
    face_point at[FACE_POINTS], to[FACE_POINTS];
    double reach; // squared distance at which a point's pull has halved
} bend;

// Offset at (x, y) of the template into the crop: Shepard's weighted mean (1968) of the points'
// offsets, with a fixed point everywhere far away.
static void offset(const bend *b, double x, double y, double *dx, double *dy)
{
    double sum = 0.02, ox = 0, oy = 0;
    for (int i = 0; i < FACE_POINTS; i++) {
        double px = x - (double)b->to[i].x, py = y - (double)b->to[i].y;
        double near = b->reach / (b->reach + px * px + py * py), w = near * near;
        w *= w / (1.001 - near); // exact at the points, nearly
        sum += w;
        ox += w * (double)(b->at[i].x - b->to[i].x);
        oy += w * (double)(b->at[i].y - b->to[i].y);
    }
    *dx = ox / sum;
    *dy = oy / sum;
}

// Adds the bent crop to planes [3,size,size], in 0..1; bilinear, edge clamped.
static void add_bent(const base_image *crop, const bend *b, float *planes)
{
    int size = crop->w;
    size_t n = (size_t)size * (size_t)size, row = 3 * (size_t)size;
    double most = size - 1.001;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            double dx, dy;
            offset(b, x, y, &dx, &dy);
            double sx = fmin(fmax(x + dx, 0), most), sy = fmin(fmax(y + dy, 0), most);
            double fx = sx - floor(sx), fy = sy - floor(sy);
            const uint8_t *p = crop->rgb + (size_t)sy * row + 3 * (size_t)sx;
            for (size_t c = 0; c < 3; c++) {
                double top = p[c] * (1 - fx) + p[c + 3] * fx;
                double low = p[c + row] * (1 - fx) + p[c + row + 3] * fx;
                planes[c * n + (size_t)y * (size_t)size + (size_t)x] +=
                    (float)((top * (1 - fy) + low * fy) / 255);
            }
        }
}

typedef struct {
    face_template layout;
    int size;
    float *sum, *last, *mask; // [3,size,size] twice, [size,size]
} work;

static guise_status add_photo(guise_engine *g, const char *path, work *w)
{
    base_error *e = &g->error;
    guise_image m = {0};
    guise_faces f = {0};
    base_image crop = {0}, photo;
    face_transform t;
    face_point point[FACE_POINTS];
    bend b = {.reach = pow(0.08 * w->size, 2)};
    guise_status s = guise_image_read(g, path, &m);
    if (!s) s = guise_detect(g, &m, &f);
    if (!s && !f.n)
        s = base_fail(e, GUISE_NO_FACE, "%s: no face found; the best score was %.2f", path,
                      (double)f.best);
    if (!s) {
        photo = image_of(&m);
        face_points(&f.at[0], point);
        s = face_align(&t, point, w->layout, w->size, NULL, e);
    }
    if (!s) s = face_crop_smooth(&crop, &photo, t, w->size, e);
    if (!s) {
        face_template_points(w->layout, 0, w->size, b.to);
        for (int i = 0; i < FACE_POINTS; i++) b.at[i] = face_apply(t, point[i]);
        add_bent(&crop, &b, w->sum);
        base_image_to_planes(&crop, false, 1.0f / 255, 0, w->last);
    }
    base_image_free(&crop);
    guise_faces_free(&f);
    guise_image_free(&m);
    return s;
}

static guise_status finish(work *w, size_t n, bool sharpen, base_image *out, base_error *e)
{
    size_t pixels = (size_t)w->size * (size_t)w->size;
    face_point at[FACE_POINTS];
    for (size_t i = 0; i < 3 * pixels; i++) w->sum[i] /= (float)n;
    face_template_points(w->layout, 0, w->size, at);
    face_oval_mask(at, w->size, 0, w->mask);
    guise_status s = GUISE_OK;
    if (sharpen) s = face_match_sharpness(w->sum, w->last, w->mask, w->size, 0, NULL, e);
    if (!s) s = base_image_new(out, w->size, w->size, e);
    if (!s) base_image_from_planes(out, w->sum, false, 255, 0);
    return s;
}

guise_status guise_compose(guise_engine *g, const char *const photo[], size_t n, const char *layout,
                           int size, bool sharpen, guise_image *m)
{
    base_error *e = engine_begin(g);
    *m = (guise_image){0};
    work w = {.size = size};
    base_image out = {0};
    if (n < 2) return base_fail(e, GUISE_BAD_ARGUMENT, "a composite needs at least two photos");
    if (size < 16 || size > 2048)
        return base_fail(e, GUISE_BAD_ARGUMENT, "the side of a crop lies in 16..2048, not at %d",
                         size);
    guise_status s = template_by_name(layout, &w.layout, e);
    if (w.layout == FACE_SIMSWAP) w.layout = FACE_ARCFACE; // its frontal pose: all faces meet there
    size_t pixels = (size_t)size * (size_t)size;
    w.sum = base_alloc(3 * pixels, sizeof *w.sum);
    w.last = base_alloc(3 * pixels, sizeof *w.last);
    w.mask = base_alloc(pixels, sizeof *w.mask);
    if (!s && !(w.sum && w.last && w.mask)) s = base_no_memory(e);
    for (size_t i = 0; !s && i < n; i++) s = add_photo(g, photo[i], &w);
    if (!s) s = finish(&w, n, sharpen, &out, e);
    *m = image_give(out);
    base_free(w.sum);
    base_free(w.last);
    base_free(w.mask);
    return s;
}
