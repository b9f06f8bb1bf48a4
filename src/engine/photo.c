// photo.c -- photos, faces in them, aligned crops: the public functions over media and face.
#include "engine/engine.h"
#include "media/media.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

guise_status guise_image_read(guise_engine *g, const char *path, guise_image *m)
{
    base_image b = {0};
    guise_status s = media_photo_read(&b, path, engine_begin(g));
    *m = image_give(b);
    return s;
}

void guise_image_free(guise_image *m)
{
    base_free(m->rgb);
    *m = (guise_image){0};
}

void face_points(const guise_face *f, face_point out[FACE_POINTS])
{
    for (int i = 0; i < FACE_POINTS; i++) out[i] = (face_point){f->point[i][0], f->point[i][1]};
}

guise_status template_by_name(const char *name, face_template *t, base_error *e)
{
    for (int i = 0; name && i < FACE_TEMPLATES; i++)
        if (!strcmp(name, face_template_name((face_template)i))) {
            *t = (face_template)i;
            return GUISE_OK;
        }
    return base_fail(e, GUISE_BAD_ARGUMENT,
                     "there is no template '%s'; there are: simswap, arcface, ffhq, reid",
                     name ? name : "");
}

// A large face that is hardly one comes after a sure one that is smaller: at a score of 0.65
// against 0.99, unless it is five times as large.
static double importance(const guise_face *f)
{
    double area = (double)(f->x1 - f->x0) * (double)(f->y1 - f->y0), sure = (double)f->score;
    return area * sure * sure * sure * sure;
}

static int by_importance(const void *a, const void *b)
{
    double x = importance(a), y = importance(b);
    return (x < y) - (x > y);
}

static guise_face public_face(const face *f)
{
    guise_face p = {f->x0, f->y0, f->x1, f->y1, f->score, {{0}}};
    for (int i = 0; i < FACE_POINTS; i++) {
        p.point[i][0] = f->point[i].x;
        p.point[i][1] = f->point[i].y;
    }
    return p;
}

guise_status guise_detect(guise_engine *g, const guise_image *m, guise_faces *out)
{
    *out = (guise_faces){0};
    base_error *e = engine_begin(g);
    if (g->config.score < 0 || g->config.score > 1)
        return base_fail(e, GUISE_BAD_ARGUMENT, "the least score of a face lies in 0..1, not at %g",
                         g->config.score);
    face_list list = {0};
    face_detector *d = NULL;
    base_image b = image_of(m);
    guise_status s = engine_detector(g, &d);
    face_detect_options o = {.score = g->config.score};
    if (!s) s = face_detect(d, &b, &o, &list, &out->best, e);
    if (!s && list.n && !(out->at = base_alloc(list.n, sizeof *out->at))) s = base_no_memory(e);
    if (!s) {
        for (size_t i = 0; i < list.n; i++) out->at[i] = public_face(&list.at[i]);
        out->n = list.n;
        if (out->n) qsort(out->at, out->n, sizeof *out->at, by_importance);
    }
    face_list_free(&list);
    return s;
}

void guise_faces_free(guise_faces *f)
{
    base_free(f->at);
    *f = (guise_faces){0};
}

// A filled square of the mark's colour around (x, y), clipped to the picture.
static void dot(guise_image *m, int x, int y, int radius, const unsigned char colour[3])
{
    for (int j = y - radius; j <= y + radius; j++)
        for (int i = x - radius; i <= x + radius; i++)
            if (i >= 0 && j >= 0 && i < m->w && j < m->h)
                memcpy(m->rgb + 3 * ((size_t)j * (size_t)m->w + (size_t)i), colour, 3);
}

static int pixel(float v, int most) { return v > 0 ? v < (float)most ? (int)lrintf(v) : most : 0; }

guise_status guise_draw(guise_engine *g, guise_image *m, const guise_faces *f)
{
    static const unsigned char box[3] = {0, 220, 90}, points[5][3] = {{255, 60, 60},
                                                                      {60, 120, 255},
                                                                      {255, 220, 0},
                                                                      {255, 0, 220},
                                                                      {0, 220, 255}};
    engine_begin(g);
    int thick =
        (m->w > m->h ? m->w : m->h) / 800; // a line to be seen when the photo fills a screen
    for (size_t k = 0; k < f->n; k++) {
        const guise_face *a = &f->at[k];
        int x0 = pixel(a->x0, m->w - 1), x1 = pixel(a->x1, m->w - 1);
        int y0 = pixel(a->y0, m->h - 1), y1 = pixel(a->y1, m->h - 1);
        for (int x = x0; x <= x1; x++) dot(m, x, y0, thick, box), dot(m, x, y1, thick, box);
        for (int y = y0; y <= y1; y++) dot(m, x0, y, thick, box), dot(m, x1, y, thick, box);
        for (int i = 0; i < 5; i++)
            dot(m, pixel(a->point[i][0], m->w - 1), pixel(a->point[i][1], m->h - 1), thick + 1,
                points[i]);
    }
    return GUISE_OK;
}

guise_status guise_align(guise_engine *g, const guise_image *m, const guise_face *f,
                         const char *layout, int size, guise_image *crop)
{
    base_error *e = engine_begin(g);
    *crop = (guise_image){0};
    if (size < 16 || size > 2048)
        return base_fail(e, GUISE_BAD_ARGUMENT, "the side of a crop lies in 16..2048, not at %d",
                         size);
    face_template t = FACE_ARCFACE;
    face_transform to;
    face_point point[FACE_POINTS];
    base_image b = image_of(m), out = {0};
    face_points(f, point);
    guise_status s = template_by_name(layout, &t, e);
    if (!s) s = face_align(&to, point, t, size, NULL, e);
    if (!s) s = face_crop_smooth(&out, &b, to, size, e);
    *crop = image_give(out);
    return s;
}

// A picture whose edges are repeated `by` times around it.
static guise_status with_border(const base_image *from, int by, base_image *to, base_error *e)
{
    guise_status s = base_image_new(to, from->w + 2 * by, from->h + 2 * by, e);
    for (int y = 0; !s && y < to->h; y++)
        for (int x = 0; x < to->w; x++) {
            int u = x < by ? 0 : x - by < from->w ? x - by : from->w - 1;
            int v = y < by ? 0 : y - by < from->h ? y - by : from->h - 1;
            memcpy(to->rgb + 3 * ((size_t)y * (size_t)to->w + (size_t)x),
                   from->rgb + 3 * ((size_t)v * (size_t)from->w + (size_t)u), 3);
        }
    to->mark = from->mark;
    return s;
}

guise_status resize_square(const base_image *from, int size, const char *what, base_image *to,
                           base_error *e)
{
    if (from->w != from->h)
        return base_fail(e, GUISE_BAD_FILE, "%s is %d x %d; an aligned crop must be square", what,
                         from->w, from->h);
    if (from->w == size) return base_image_copy(to, from, e);
    // as templates grow (face_template_points): what lies at x comes to k x
    double k = (double)size / from->w;
    int by = 2 * (int)ceil(1 / k) + 2; // so far the crop's pixels reach
    base_image wide = {0};
    guise_status s = with_border(from, by, &wide, e);
    if (!s)
        s = face_crop_smooth(to, &wide, (face_transform){{k, 0, -k * by, 0, k, -k * by}}, size, e);
    base_image_free(&wide);
    return s;
}
