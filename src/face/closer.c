// closer.c -- the closer look of our detector at a face that it has found: is it one, and where
// exactly are its landmarks. First by the landmarks of the first look; then, where these are
// better, once more and at the mirror image, whose mean errs less than either.
#include "face/detect.h"
#include <math.h>
#include <string.h>

// How the crop shows a face: FACE_ARCFACE's places drawn together by this factor, so that a box is
// 0.79 of the crop's height, and its middle in the middle.
static const double near = 0.8;

struct face_closer {
    tg_graph *graph;
    tg_plan *plan;
    tg_node *out[2]; // score, points
    float *planes;   // [3,64,64] B, G, R
};

static face_transform drawn_together(void)
{
    double last = FACE_CLOSER - 1, half = last / 2;
    return (face_transform){{near, 0, half - near * face_box_share.x * last, 0, near,
                             half - near * face_box_share.y * last}};
}

void face_closer_points(face_point place[FACE_POINTS])
{
    face_transform t = drawn_together();
    face_template_points(FACE_ARCFACE, 0, FACE_CLOSER, place);
    for (int i = 0; i < FACE_POINTS; i++) place[i] = face_apply(t, place[i]);
}

guise_status face_closer_align(face_transform *t, const face_point point[FACE_POINTS],
                               base_error *e)
{
    guise_status s = face_align(t, point, FACE_ARCFACE, FACE_CLOSER, NULL, e);
    if (!s) *t = face_compose(*t, drawn_together());
    return s;
}

void detect_closer_close(face_closer **c)
{
    if (!*c) return;
    tg_plan_close(&(*c)->plan);
    tg_free((*c)->graph);
    base_free((*c)->planes);
    base_free(*c);
    *c = NULL;
}

static bool find_output(const model_frozen *m, const char *name, size_t *at)
{
    size_t n = model_frozen_outputs(m);
    for (*at = 0; *at < n; ++*at)
        if (!strcmp(model_frozen_output(m, *at), name)) return true;
    return false;
}

guise_status detect_closer_open(face_closer **out, const model_frozen *m, base_error *e)
{
    size_t at[2];
    *out = NULL;
    if (!model_frozen_own(m)) return GUISE_OK; // of others' outputs the sizes are not known
    if (!find_output(m, "closer_score", &at[0]) || !find_output(m, "closer_points", &at[1]))
        return GUISE_OK;
    face_closer *c = *out = base_alloc(1, sizeof *c);
    tg_node **all = base_alloc(model_frozen_outputs(m), sizeof(tg_node *));
    if (c) c->graph = tg_new();
    if (c) c->planes = base_alloc((size_t)FACE_CLOSER * FACE_CLOSER, 3 * sizeof(float));
    guise_status s = c && all && c->graph && c->planes ? GUISE_OK : base_no_memory(e);
    if (!s) {
        tg_node *in = tg_input(c->graph, TG_SHAPE(1, 3, FACE_CLOSER, FACE_CLOSER), "crop");
        model_frozen_build(m, c->graph, &in, all);
        for (int i = 0; i < 2; i++) c->out[i] = all[at[i]];
        s = tg_check(c->graph, GUISE_BAD_FILE, e);
        if (!s) s = tg_plan_open(&c->plan, c->graph, c->out, 2, NULL, e);
        if (!s) s = tg_plan_bind(c->plan, in, c->planes, e);
    }
    base_free(all);
    if (s) detect_closer_close(out);
    return s;
}

// One look by t, from m's pixels to the crop's: score, and landmarks in m's pixels.
static guise_status look(face_closer *c, const base_image *m, face_transform t, bool mirror,
                         double *score, face_point point[FACE_POINTS], base_error *e)
{
    face_transform flip = {{-1, 0, FACE_CLOSER - 1, 0, 1, 0}};
    face_point place[FACE_POINTS];
    base_image crop = {0};
    if (mirror) t = face_compose(t, flip);
    guise_status s = face_crop_smooth(&crop, m, t, FACE_CLOSER, e);
    if (!s) base_image_to_planes(&crop, true, 1, 0, c->planes);
    base_image_free(&crop);
    if (!s) s = tg_plan_run(c->plan, e);
    if (s) return s;
    face_transform back = face_invert(t);
    const float *off = tg_plan_value(c->plan, c->out[1]);
    face_closer_points(place);
    float eyes = place[1].x - place[0].x;
    for (int i = 0; i < FACE_POINTS; i++) {
        int k = mirror ? face_mirrored[i] : i;
        face_point p = {place[k].x + eyes * off[2 * k], place[k].y + eyes * off[2 * k + 1]};
        point[i] = face_apply(back, p);
    }
    *score = (double)tg_plan_value(c->plan, c->out[0])[0];
    return GUISE_OK;
}

static bool all_finite(const face_point p[FACE_POINTS])
{
    float sum = 0;
    for (int i = 0; i < FACE_POINTS; i++) sum += p[i].x + p[i].y;
    return isfinite(sum);
}

guise_status detect_closer(face_closer *c, const base_image *m, face *f, base_error *e)
{
    face_point a[FACE_POINTS], b[FACE_POINTS];
    face_transform t;
    double score = 0, other = 0;
    if (face_closer_align(&t, f->point, NULL)) return GUISE_OK; // points coincide
    guise_status s = look(c, m, t, false, &score, a, e);
    // where it is hardly a face, the points say nothing
    if (!s && score > 0.1 && all_finite(a) && !face_closer_align(&t, a, NULL)) {
        s = look(c, m, t, false, &score, a, e);
        if (!s) s = look(c, m, t, true, &other, b, e);
        score = (score + other) / 2;
        for (int i = 0; !s && i < FACE_POINTS && all_finite(a) && all_finite(b); i++)
            f->point[i] = (face_point){(a[i].x + b[i].x) / 2, (a[i].y + b[i].y) / 2};
    }
    if (!s) f->score = (float)sqrt((double)f->score * fmax(0, score));
    return s;
}
