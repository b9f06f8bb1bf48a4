// detect.c -- YuNet on whole photos. A plan for each padded size, the last few of them kept.
#include "face/detect.h"
#include <limits.h>
#include <math.h>
#include <string.h>

enum { STRIDES = 3, KINDS = 4, OUTPUTS = STRIDES * KINDS, KEPT = 4, ALIGN = 32 };
static const int strides[STRIDES] = {8, 16, 32};
static const char *const kinds[KINDS] = {"cls", "obj", "bbox", "kps"};
static const int lengths[KINDS] = {1, 1, 4, 2 * FACE_POINTS};

typedef struct {
    int w, h; // 0: free
    tg_graph *graph;
    tg_plan *plan;
    float *planes;         // [3,h,w] B, G, R
    tg_node *out[OUTPUTS]; // strides x kinds
    uint64_t used;         // when, to find the oldest
} ready;

struct face_detector {
    model_frozen *model;
    size_t at[OUTPUTS]; // which output of the model
    size_t outputs;
    int w, h; // what the model insists on, or 0
    ready kept[KEPT];
    uint64_t clock;
    face_closer *closer; // or NULL
};

static void forget(ready *r)
{
    tg_plan_close(&r->plan);
    tg_free(r->graph);
    base_free(r->planes);
    *r = (ready){0};
}

void face_detector_close(face_detector **d)
{
    if (!*d) return;
    for (int i = 0; i < KEPT; i++) forget(&(*d)->kept[i]);
    detect_closer_close(&(*d)->closer);
    model_frozen_close(&(*d)->model);
    base_free(*d);
    *d = NULL;
}

// Is this YuNet? One input of three planes and twelve outputs with their names.
static guise_status inspect(face_detector *d, const char *path, base_error *e)
{
    tg_shape s = {0};
    if (model_frozen_inputs(d->model) == 1) model_frozen_input(d->model, 0, &s);
    bool ok = s.rank == 4 && s.dim[1] == 3 && s.dim[2] % ALIGN == 0 && s.dim[3] % ALIGN == 0 &&
              s.dim[2] <= 4096 && s.dim[3] <= 4096 && !s.dim[2] == !s.dim[3]; // free, both or none
    d->h = ok ? (int)s.dim[2] : 0;
    d->w = ok ? (int)s.dim[3] : 0;
    d->outputs = model_frozen_outputs(d->model);
    for (int i = 0; i < OUTPUTS && ok; i++) {
        char name[16];
        snprintf(name, sizeof name, "%s_%d", kinds[i % KINDS], strides[i / KINDS]);
        size_t j = 0;
        while (j < d->outputs && strcmp(model_frozen_output(d->model, j), name) != 0) j++;
        d->at[i] = j;
        ok = j < d->outputs;
    }
    if (ok) return GUISE_OK;
    return base_fail(e, GUISE_BAD_FILE,
                     "%s is not a YuNet face detector: one image input and the outputs cls_8, "
                     "obj_8, bbox_8, kps_8 and so on are needed",
                     path);
}

guise_status face_detector_open(face_detector **d, const char *path, base_error *e)
{
    *d = base_alloc(1, sizeof **d);
    if (!*d) return base_no_memory(e);
    guise_status s = model_frozen_open(&(*d)->model, path, e);
    if (!s) s = inspect(*d, path, e);
    if (!s) s = detect_closer_open(&(*d)->closer, (*d)->model, e);
    if (s) face_detector_close(d);
    return s;
}

static guise_status check_shapes(const ready *r, base_error *e)
{
    for (int i = 0; i < OUTPUTS; i++) {
        int64_t cells = (int64_t)(r->w / strides[i / KINDS]) * (r->h / strides[i / KINDS]);
        if (r->out[i] && tg_count(tg_shape_of(r->out[i])) == cells * lengths[i % KINDS]) continue;
        return base_fail(e, GUISE_BAD_FILE, "the detector's output %s_%d has an unexpected size",
                         kinds[i % KINDS], strides[i / KINDS]);
    }
    return GUISE_OK;
}

static guise_status prepare(const face_detector *d, ready *r, int w, int h, base_error *e)
{
    *r = (ready){.w = w, .h = h, .graph = tg_new()};
    r->planes = base_alloc((size_t)w * (size_t)h, 3 * sizeof(float));
    tg_node **out = base_alloc(d->outputs, sizeof(tg_node *));
    guise_status s = r->graph && r->planes && out ? GUISE_OK : base_no_memory(e);
    if (!s) {
        tg_node *in = tg_input(r->graph, TG_SHAPE(1, 3, h, w), "image");
        model_frozen_build(d->model, r->graph, &in, out);
        for (int i = 0; i < OUTPUTS; i++) r->out[i] = out[d->at[i]];
        s = tg_check(r->graph, GUISE_BAD_FILE, e);
        if (!s) s = check_shapes(r, e);
        if (!s) s = tg_plan_open(&r->plan, r->graph, r->out, OUTPUTS, NULL, e);
        if (!s) s = tg_plan_bind(r->plan, in, r->planes, e);
    }
    base_free(out);
    return s;
}

static guise_status get_ready(face_detector *d, int w, int h, ready **found, base_error *e)
{
    ready *oldest = &d->kept[0];
    d->clock++;
    for (int i = 0; i < KEPT; i++) {
        ready *r = &d->kept[i];
        if (r->w == w && r->h == h) {
            r->used = d->clock;
            *found = r;
            return GUISE_OK;
        }
        if (r->used < oldest->used) oldest = r;
    }
    forget(oldest);
    guise_status s = prepare(d, oldest, w, h, e);
    if (s) {
        forget(oldest);
        return s;
    }
    oldest->used = d->clock;
    *found = oldest;
    return GUISE_OK;
}

// m into the top left of the planes, black beside and below.
static void fill(ready *r, const base_image *m)
{
    size_t plane = (size_t)r->w * (size_t)r->h;
    memset(r->planes, 0, 3 * plane * sizeof *r->planes);
    for (int y = 0; y < m->h; y++)
        for (int x = 0; x < m->w; x++) {
            const uint8_t *p = m->rgb + 3 * ((size_t)y * (size_t)m->w + (size_t)x);
            size_t at = (size_t)y * (size_t)r->w + (size_t)x;
            for (size_t c = 0; c < 3; c++) r->planes[(2 - c) * plane + at] = p[c];
        }
}

// Size to look at: the longer side at most `side`, and all of it inside what the model takes.
static void look_size(const face_detector *d, const base_image *m, int side, int *w, int *h)
{
    double scale = fmin(1, (double)side / (m->w > m->h ? m->w : m->h));
    if (d->w) scale = fmin(scale, fmin((double)d->w / m->w, (double)d->h / m->h));
    *w = (int)fmax(1, floor(m->w * scale + 1e-9));
    *h = (int)fmax(1, floor(m->h * scale + 1e-9));
}

int detect_side(const face_detector *d) { return d->w ? (d->w < d->h ? d->w : d->h) : INT_MAX; }

guise_status detect_look(face_detector *d, const base_image *m, double least, face_list *out,
                         float *best, base_error *e)
{
    ready *r = NULL;
    int w = d->w ? d->w : (m->w + ALIGN - 1) / ALIGN * ALIGN;
    int h = d->h ? d->h : (m->h + ALIGN - 1) / ALIGN * ALIGN;
    guise_status s = get_ready(d, w, h, &r, e);
    if (s) return s;
    fill(r, m);
    s = tg_plan_run(r->plan, e);
    for (int i = 0; i < STRIDES && !s; i++) {
        const float *v[KINDS];
        for (int k = 0; k < KINDS; k++) v[k] = tg_plan_value(r->plan, r->out[i * KINDS + k]);
        face_level l = {strides[i], w / strides[i], h / strides[i], v[0], v[1], v[2], v[3]};
        if (!face_decode(out, l, least, best)) s = base_no_memory(e);
    }
    return s;
}

static void grow(face *f, double kx, double ky) // centres of pixels, not corners, are at 0
{
    f->x0 = (float)((f->x0 + 0.5) * kx - 0.5), f->x1 = (float)((f->x1 + 0.5) * kx - 0.5);
    f->y0 = (float)((f->y0 + 0.5) * ky - 0.5), f->y1 = (float)((f->y1 + 0.5) * ky - 0.5);
    for (int i = 0; i < FACE_POINTS; i++) {
        f->point[i].x = (float)((f->point[i].x + 0.5) * kx - 0.5);
        f->point[i].y = (float)((f->point[i].y + 0.5) * ky - 0.5);
    }
}

// Landmarks and scores by the closer look; faces below `least` go. *top: the best score then.
static guise_status look_closer(face_detector *d, const base_image *m, double least, face_list *l,
                                float *top, base_error *e)
{
    guise_status s = GUISE_OK;
    size_t kept = 0;
    if (l->n) *top = 0;
    for (size_t i = 0; i < l->n && !s; i++) {
        face *f = &l->at[i];
        s = detect_closer(d->closer, m, f, e);
        *top = fmaxf(*top, f->score);
        if ((double)f->score >= least) l->at[kept++] = *f;
    }
    if (!s) l->n = kept;
    return s;
}

guise_status face_detect(face_detector *d, const base_image *m, const face_detect_options *o,
                         face_list *out, float *best, base_error *e)
{
    face_detect_options set = o ? *o : (face_detect_options){0};
    double least = set.score > 0 ? set.score : 0.6, overlap = set.overlap > 0 ? set.overlap : 0.3;
    bool closer = d->closer && !set.quick; // which may be sure where the first look is not
    float top = 0;
    int w, h, side = set.side > 0 ? set.side : 640;
    *out = (face_list){0};
    if (!m->rgb) return base_fail(e, GUISE_BAD_ARGUMENT, "there is no picture to look at");
    look_size(d, m, side, &w, &h);
    base_image small = {0};
    bool whole = w == m->w && h == m->h;
    guise_status s = whole ? GUISE_OK : face_shrink(&small, m, w, h, e);
    if (!s) s = detect_look(d, whole ? m : &small, closer ? least * least : least, out, &top, e);
    base_image_free(&small);
    face_suppress(out, overlap);
    for (size_t i = 0; i < out->n && !whole; i++)
        grow(&out->at[i], (double)m->w / w, (double)m->h / h);
    if (closer) {
        if (!s) s = look_closer(d, m, least, out, &top, e);
        face_suppress(out, overlap); // best first
        face_drop_twins(out);        // boxes apart that turned out to be one face
    }
    for (size_t i = 0; i < out->n && !s && !closer && !set.quick; i++)
        s = detect_steady(d, m, &out->at[i], e);
    if (best) *best = top;
    if (s) face_list_free(out);
    return s;
}
