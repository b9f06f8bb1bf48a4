// masker.c -- a network's word on which pixels show the face. It looks at a crop of its own,
// aligned by template arcface, whatever the generator's is; its mask is then carried over to that.
#include "face/face.h"
#include <math.h>

struct face_masker {
    tg_graph *graph;
    tg_plan *plan;
    tg_node *out;
    float *planes; // [3,size,size]
    int size;
};

void face_masker_close(face_masker **m)
{
    if (!*m) return;
    tg_plan_close(&(*m)->plan);
    tg_free((*m)->graph);
    base_free((*m)->planes);
    base_free(*m);
    *m = NULL;
}

static guise_status prepare(face_masker *m, const model_frozen *f, const char *path, base_error *e)
{
    tg_shape s = {0};
    if (model_frozen_inputs(f) == 1 && model_frozen_outputs(f) == 1) model_frozen_input(f, 0, &s);
    bool ok =
        s.rank == 4 && s.dim[1] == 3 && s.dim[2] == s.dim[3] && s.dim[2] >= 16 && s.dim[2] <= 1024;
    m->size = ok ? (int)s.dim[2] : 0;
    m->graph = tg_new();
    m->planes = base_alloc((size_t)m->size * (size_t)m->size, 3 * sizeof(float));
    if (!ok || !m->graph || !m->planes)
        return ok ? base_no_memory(e)
                  : base_fail(e, GUISE_BAD_FILE,
                              "%s is no face mask: one square picture in and one mask out are "
                              "needed",
                              path);
    tg_node *in = tg_input(m->graph, TG_SHAPE(1, 3, m->size, m->size), "crop");
    model_frozen_build(f, m->graph, &in, &m->out);
    guise_status st = tg_check(m->graph, GUISE_BAD_FILE, e);
    if (!st && tg_count(tg_shape_of(m->out)) != (int64_t)m->size * m->size)
        st = base_fail(e, GUISE_BAD_FILE, "%s is no face mask: its output has another size", path);
    if (!st) st = tg_plan_open(&m->plan, m->graph, &m->out, 1, NULL, e);
    return st ? st : tg_plan_bind(m->plan, in, m->planes, e);
}

guise_status face_masker_open(face_masker **out, const char *path, base_error *e)
{
    face_masker *m = *out = base_alloc(1, sizeof *m);
    model_frozen *f = NULL;
    guise_status s = m ? model_frozen_open(&f, path, e) : base_no_memory(e);
    if (!s) s = prepare(m, f, path, e);
    model_frozen_close(&f);
    if (s) face_masker_close(out);
    return s;
}

// Bilinear; the nearest edge outside.
static float sample(const float *plane, int size, double x, double y)
{
    x = fmin(fmax(x, 0), size - 1);
    y = fmin(fmax(y, 0), size - 1);
    int i = (int)fmin(x, size - 2), j = (int)fmin(y, size - 2);
    float u = (float)(x - i), v = (float)(y - j);
    const float *p = plane + (size_t)j * (size_t)size + (size_t)i;
    float top = p[0] * (1 - u) + p[1] * u, low = p[size] * (1 - u) + p[size + 1] * u;
    return top * (1 - v) + low * v;
}

guise_status face_masker_run(face_masker *m, const base_image *photo,
                             const face_point point[FACE_POINTS], face_transform t, int size,
                             float *mask, base_error *e)
{
    face_transform own;
    base_image crop = {0};
    guise_status s = face_align(&own, point, FACE_ARCFACE, m->size, NULL, e);
    if (!s) s = face_crop_smooth(&crop, photo, own, m->size, e);
    if (!s) base_image_to_planes(&crop, false, 1, 0, m->planes);
    base_image_free(&crop);
    if (!s) s = tg_plan_run(m->plan, e);
    if (s) return s;
    const float *v = tg_plan_value(m->plan, m->out);
    face_transform to = face_compose(face_invert(t), own); // crop of t to photo to ours
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            face_point p = face_apply(to, (face_point){(float)x, (float)y});
            mask[(size_t)y * (size_t)size + (size_t)x] =
                sample(v, m->size, (double)p.x, (double)p.y);
        }
    return GUISE_OK;
}
