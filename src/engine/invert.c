// invert.c -- the sources' identity as styles of a StyleSwap: Swapping-Guided ID Inversion (Xu et
// al. 2022, section 3.3) on the photos of one swap.
//
// The random identities that it lays onto the sources are random directions: vectors of different
// people are nearly at right angles, as those are, and no gallery of faces is needed.
#include "engine/invert.h"
#include "train/identity.h"
#include "train/inversion.h"
#include <math.h>
#include <string.h>

// What the optimisation reads.
typedef struct {
    train_identity identity;
    float *source, *source_id, *source_warp; // [k,3,s,s], [k,length], [k,6]
    float *target, *random, *wplus;          // [3,s,s], [steps,length], [layers,style]
    float target_warp[6];
} inversion;

static guise_status check(guise_engine *g, const generator *n, const engine_inversion *v)
{
    base_error *e = &g->error;
    if (v->o->invert > 100000)
        return base_fail(e, GUISE_BAD_ARGUMENT, "invert=%d: up to 100000 steps are possible",
                         v->o->invert);
    if (strcmp(n->net.net->name, "styleswap") != 0)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "%s is a %s; only a StyleSwap has styles that can be inverted: name one "
                         "with --model, or leave invert out",
                         n->name, n->net.net->name);
    for (size_t i = 0; i < v->n; i++)
        if (engine_is_saved_face(v->source[i]))
            return base_fail(e, GUISE_BAD_ARGUMENT,
                             "%s holds an identity but no picture; an inversion needs photos of "
                             "the source",
                             v->source[i]);
    return GUISE_OK;
}

static int layers_of(const generator *n)
{
    int layers = 0;
    for (int side = 4; side <= n->size; side *= 2) layers += 2;
    return layers;
}

static int style_of(const generator *n)
{
    const model_styleswap_options *o = n->net.options;
    return o->style ? o->style : 512;
}

static guise_status open_arrays(inversion *w, const generator *n, const engine_inversion *v,
                                base_error *e)
{
    size_t pixels = 3 * (size_t)n->size * (size_t)n->size, length = (size_t)n->length;
    w->source = base_alloc(v->n * pixels, sizeof *w->source);
    w->source_id = base_alloc(v->n * length, sizeof *w->source_id);
    w->source_warp = base_alloc(v->n * 6, sizeof *w->source_warp);
    w->target = base_alloc(pixels, sizeof *w->target);
    w->random = base_alloc((size_t)v->o->invert * length, sizeof *w->random);
    w->wplus = base_alloc((size_t)layers_of(n) * (size_t)style_of(n), sizeof *w->wplus);
    bool ok = w->source && w->source_id && w->source_warp && w->target && w->random && w->wplus;
    return ok ? GUISE_OK : base_no_memory(e);
}

static void close(inversion *w)
{
    train_identity_close(&w->identity);
    base_free(w->source);
    base_free(w->source_id);
    base_free(w->source_warp);
    base_free(w->target);
    base_free(w->random);
    base_free(w->wplus);
}

// The face as the generator sees it, -1..1, and the way to it from the recogniser's crop.
static guise_status put_face(const inversion *w, const generator *n, const guise_image *m,
                             const face_point point[FACE_POINTS], float *planes, float warp[6],
                             base_error *e)
{
    face_transform t, u;
    face_point at[FACE_POINTS];
    base_image frame = image_of(m), crop = {0};
    guise_status s = face_align(&t, point, n->layout, n->size, NULL, e);
    if (!s) s = face_crop_smooth(&crop, &frame, t, n->size, e);
    if (!s) base_image_to_planes(&crop, false, 1 / 127.5f, -1, planes);
    for (int i = 0; !s && i < FACE_POINTS; i++) at[i] = face_apply(t, point[i]);
    if (!s) s = face_align(&u, at, w->identity.frame, w->identity.side, NULL, e);
    if (!s) u = face_invert(u);
    for (int i = 0; !s && i < 6; i++) warp[i] = (float)u.m[i];
    base_image_free(&crop);
    return s;
}

static guise_status put_source(inversion *w, guise_engine *g, const generator *n,
                               const engine_inversion *v, size_t i)
{
    guise_image m = {0};
    guise_faces f = {0};
    guise_identity id = {0};
    face_point point[FACE_POINTS];
    size_t pixels = 3 * (size_t)n->size * (size_t)n->size, length = (size_t)n->length;
    guise_status s = guise_image_read(g, v->source[i], &m);
    base_image b = image_of(&m);
    if (!s && v->layout) s = engine_aligned_points(&b, v->layout, point, &g->error);
    if (!s && !v->layout) s = guise_detect(g, &m, &f);
    if (!s && !v->layout && !f.n)
        s = base_fail(&g->error, GUISE_NO_FACE, "%s: no face found", v->source[i]);
    if (!s && !v->layout) face_points(&f.at[0], point);
    if (!s) s = guise_embed(g, &m, v->layout ? NULL : &f.at[0], v->layout, &id);
    if (!s && id.n != length)
        s = base_fail(&g->error, GUISE_BAD_ARGUMENT, "%s takes identities of %d numbers, not %zu",
                      n->name, n->length, id.n);
    if (!s) memcpy(w->source_id + i * length, id.at, length * sizeof *id.at);
    if (!s)
        s = put_face(w, n, &m, point, w->source + i * pixels, w->source_warp + i * 6, &g->error);
    guise_identity_free(&id);
    guise_faces_free(&f);
    guise_image_free(&m);
    return s;
}

static void draw_directions(float *x, int n, int length)
{
    base_rng r = {1}; // the same for every swap: the result is a function of its photos
    for (int i = 0; i < n; i++) {
        double sum = 0;
        float *row = x + (size_t)i * (size_t)length;
        for (int k = 0; k < length; k++) {
            row[k] = (float)base_rng_normal(&r);
            sum += (double)row[k] * (double)row[k];
        }
        for (int k = 0; k < length; k++) row[k] = (float)((double)row[k] / sqrt(sum));
    }
}

static tg_node *identify(void *user, tg_node *img, tg_node *warp)
{
    return train_identity_of(user, tg_affine(img, 0.5, 0.5), warp);
}

// What progress sees.
typedef struct {
    const guise_swap_options *o;
    double start;
} watch;

static bool tell(void *user, int step, double rec, double id, double chosen)
{
    const watch *w = user;
    (void)rec, (void)id, (void)chosen;
    if (!w->o->progress) return true;
    guise_progress p = {.step = step + 1, .steps = w->o->invert};
    p.seconds = base_seconds() - w->start;
    return w->o->progress(w->o->user, &p);
}

static guise_status optimise(inversion *w, const generator *n, const engine_inversion *v,
                             double cosine[2], base_error *e)
{
    watch seen = {v->o, base_seconds()};
    train_inversion_result r;
    train_inversion i = {.nets = {.options = n->net.options,
                                  .generator = n->params,
                                  .identity = identify,
                                  .user = &w->identity},
                         .size = n->size,
                         .sources = (int)v->n,
                         .source = w->source,
                         .source_id = w->source_id,
                         .target = w->target,
                         .source_warp = w->source_warp,
                         .target_warp = w->target_warp,
                         .random_id = w->random,
                         .randoms = v->o->invert,
                         .steps = v->o->invert,
                         .patience = v->o->invert, // all steps that were asked for
                         .progress = tell,
                         .progress_user = &seen};
    guise_status s = train_invert(&i, w->wplus, &r, e);
    if (s) return s;
    cosine[0] = 1 - r.at_start / (double)v->n;
    cosine[1] = 1 - r.chosen / (double)v->n;
    return GUISE_OK;
}

guise_status engine_invert(guise_engine *g, generator *n, const engine_inversion *v,
                           double cosine[2])
{
    inversion w = {0};
    char *path = NULL;
    guise_status s = check(g, n, v);
    if (!s) s = find_recogniser(g, n->identity, &path, &g->error);
    if (!s) s = train_identity_open(&w.identity, path, &g->error);
    if (!s) s = open_arrays(&w, n, v, &g->error);
    for (size_t i = 0; !s && i < v->n; i++) s = put_source(&w, g, n, v, i);
    if (!s) s = put_face(&w, n, v->target, v->point, w.target, w.target_warp, &g->error);
    if (!s) draw_directions(w.random, v->o->invert, n->length);
    if (!s) s = optimise(&w, n, v, cosine, &g->error);
    if (!s) s = generator_style(n, w.wplus, &g->error);
    base_free(path);
    close(&w);
    return s;
}
