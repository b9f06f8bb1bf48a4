// swap_photo.c -- from files to a file: sources to one identity, faces chosen, swapped, written.
#include "engine/invert.h"
#include "media/media.h"
#include <math.h>
#include <string.h>

// Cosine above which two faces count as one person. face_reid_0095 gives about 0.68 for photos of
// one person and 0.0 for two; no pair of different people of its authors' test comes near 0.4.
#define SAME_PERSON 0.4

bool engine_is_saved_face(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && !strcmp(dot, ".safetensors");
}

// The identity for a generator that takes none.
static guise_status nobody(guise_engine *g, const generator *net, guise_identity *id)
{
    snprintf(id->network, sizeof id->network, "%s", net->identity);
    id->n = (size_t)net->length;
    id->at = base_alloc(id->n, sizeof *id->at);
    return id->at ? GUISE_OK : base_no_memory(&g->error);
}

static guise_status no_face(guise_engine *g, const char *path, float best)
{
    double least = g->config.score > 0 ? g->config.score : 0.6;
    return base_fail(&g->error, GUISE_NO_FACE,
                     "%s: no face found; the best score was %.2f, needed is %.2f", path,
                     (double)best, least);
}

// Identity of the largest face of a photo, or of an aligned crop.
static guise_status photo_identity(guise_engine *g, const char *path, const char *layout,
                                   guise_identity *id, float *best)
{
    guise_image m = {0};
    guise_faces f = {0};
    guise_status s = guise_image_read(g, path, &m);
    if (!s && !layout) s = guise_detect(g, &m, &f);
    *best = f.best;
    if (!s && !layout && !f.n) s = no_face(g, path, f.best);
    if (!s) s = guise_embed(g, &m, layout ? NULL : &f.at[0], layout, id);
    guise_faces_free(&f);
    guise_image_free(&m);
    return s;
}

// The mean identity of all sources.
static guise_status sources_identity(guise_engine *g, const char *const source[], size_t n,
                                     const char *layout, guise_identity *mean, float *best)
{
    guise_identity *id = base_alloc(n, sizeof *id);
    const guise_identity **from = base_alloc(n, sizeof *from);
    guise_status s = id && from ? GUISE_OK : base_no_memory(&g->error);
    for (size_t i = 0; !s && i < n; i++) {
        from[i] = &id[i];
        s = engine_is_saved_face(source[i]) ? guise_identity_read(g, source[i], &id[i])
                                            : photo_identity(g, source[i], layout, &id[i], best);
    }
    if (!s) s = guise_identity_mean(g, from, n, mean);
    for (size_t i = 0; id && i < n; i++) guise_identity_free(&id[i]);
    base_free(id);
    base_free(from);
    return s;
}

// One call of guise_swap_photo under way.
typedef struct {
    guise_engine *g;
    const guise_swap_options *o;
    const char *target;
    const char *const *sources;
    size_t n;
    const char *layout; // template of aligned sources, or NULL
    generator *net;
    guise_identity source;
    guise_swap_report *report;
} job;

// Before the first face is swapped: styles in place of the identity, for all faces.
static guise_status invert(job *j, const guise_image *m, const face_point point[FACE_POINTS])
{
    if (!j->o->invert || j->net->styled) return GUISE_OK;
    engine_inversion v = {j->sources, j->n, j->layout, m, point, j->o};
    double start = base_seconds();
    guise_status s = engine_invert(j->g, j->net, &v, j->report->cosine);
    j->report->seconds[1] += base_seconds() - start;
    return s;
}

static guise_status swap_one(job *j, guise_image *m, const guise_face *f)
{
    face_point point[FACE_POINTS];
    face_points(f, point);
    guise_status s = invert(j, m, point);
    double start = base_seconds();
    if (!s) s = guise_swap_face(j->g, m, f, &j->source, j->o);
    j->report->seconds[2] += base_seconds() - start;
    if (!s) j->report->swapped++;
    return s;
}

// Only faces of the person on the reference photo. All are compared before the first is changed.
static guise_status swap_like(job *j, guise_image *m, const guise_faces *f)
{
    guise_identity wanted = {0}, here = {0};
    bool *same = base_alloc(f->n, sizeof *same);
    double best = -1;
    guise_status s = same ? GUISE_OK : base_no_memory(&j->g->error);
    if (!s) s = photo_identity(j->g, j->o->reference, NULL, &wanted, &j->report->best);
    for (size_t i = 0; !s && i < f->n; i++) {
        s = guise_embed(j->g, m, &f->at[i], NULL, &here);
        double cosine = s ? -1 : guise_identity_cosine(&wanted, &here);
        same[i] = cosine >= SAME_PERSON;
        best = fmax(best, cosine);
        guise_identity_free(&here);
    }
    for (size_t i = 0; !s && i < f->n; i++)
        if (same[i]) s = swap_one(j, m, &f->at[i]);
    if (!s && !j->report->swapped)
        s = base_fail(&j->g->error, GUISE_NO_FACE,
                      "%s: no face like %s; the best cosine was %.2f, needed is %.2f", j->target,
                      j->o->reference, best, SAME_PERSON);
    guise_identity_free(&wanted);
    base_free(same);
    return s;
}

static guise_status swap_faces(job *j, guise_image *m)
{
    guise_faces f = {0};
    double start = base_seconds();
    guise_status s = guise_detect(j->g, m, &f);
    j->report->seconds[0] += base_seconds() - start;
    j->report->found = f.n;
    j->report->best = f.best;
    if (!s && !f.n) s = no_face(j->g, j->target, f.best);
    if (!s && j->o->reference)
        s = swap_like(j, m, &f);
    else if (!s)
        for (size_t i = 0; !s && i < (j->o->all ? f.n : 1); i++) s = swap_one(j, m, &f.at[i]);
    guise_faces_free(&f);
    return s;
}

// A crop of a template that is not the generator's: its face is where the template says.
static guise_status swap_in_layout(job *j, guise_image *m)
{
    face_point point[FACE_POINTS];
    guise_face f = {0};
    base_image b = image_of(m);
    guise_status s = engine_aligned_points(&b, j->o->layout, point, &j->g->error);
    for (int i = 0; i < FACE_POINTS; i++) {
        f.point[i][0] = point[i].x;
        f.point[i][1] = point[i].y;
    }
    j->report->found = !s;
    return s ? s : swap_one(j, m, &f);
}

static guise_status swap_aligned(job *j, guise_image *m)
{
    if (j->o->layout) return swap_in_layout(j, m);
    guise_image out = {0};
    base_image b = image_of(m);
    face_point point[FACE_POINTS];
    guise_status s = GUISE_OK;
    if (j->o->invert) s = engine_aligned_points(&b, j->layout, point, &j->g->error);
    if (!s) s = invert(j, m, point);
    double start = base_seconds();
    if (!s) s = guise_swap_crop(j->g, m, &j->source, &out);
    j->report->seconds[2] += base_seconds() - start;
    if (s) return s;
    guise_image_free(m);
    *m = out;
    j->report->found = j->report->swapped = 1;
    return GUISE_OK;
}

// A generator of one person's face (DeepFakes) takes no source, any other at least one.
static guise_status check_sources(guise_engine *g, const generator *net, size_t n)
{
    if (generator_takes_nobody(net) == !n) return GUISE_OK;
    if (!n) return base_fail(&g->error, GUISE_BAD_ARGUMENT, "a swap needs at least one source");
    return base_fail(
        &g->error, GUISE_BAD_ARGUMENT,
        "%s makes the face of one person, so it takes no source: name the target alone", net->name);
}

static guise_status check_options(guise_engine *g, const guise_swap_options *o)
{
    base_error *e = engine_begin(g);
    if (o->reference && (o->all || o->aligned))
        return base_fail(e, GUISE_BAD_ARGUMENT, "reference goes neither with all nor with aligned");
    if (o->invert < 0)
        return base_fail(e, GUISE_BAD_ARGUMENT, "invert=%d: a number of steps, or 0", o->invert);
    if (o->layout && !o->aligned)
        return base_fail(e, GUISE_BAD_ARGUMENT, "a template is only for aligned crops");
    if (o->aligned && o->all)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "aligned crops have one face: all goes not with them");
    if (o->aligned && !o->layout && (o->mask || o->plain))
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "crops of the generator's own template are made whole: neither mask nor "
                         "plain goes with aligned alone");
    if (o->invert && g->config.refine && *g->config.refine)
        return base_fail(e, GUISE_BAD_ARGUMENT, "refine goes not with invert");
    return GUISE_OK;
}

guise_status guise_swap_photo(guise_engine *g, const char *const source[], size_t n,
                              const char *target, const char *out, const guise_swap_options *o,
                              guise_swap_report *report)
{
    guise_swap_report unseen;
    job j = {.g = g, .o = o ? o : &(guise_swap_options){0}, .target = target};
    j.sources = source;
    j.n = n;
    j.report = report ? report : &unseen;
    *j.report = (guise_swap_report){0};
    generator *net = NULL;
    guise_image m = {0};
    face_recogniser *r = NULL;
    double start = base_seconds();
    bool box = false, crops = j.o->aligned && !j.o->layout; // which are written, nothing is pasted
    face_masker *masker = NULL;
    guise_status s = check_options(g, j.o);
    if (!s) s = media_photo_may_write(out, &g->error); // before the work
    if (!s && !crops) s = engine_mask(g, j.o, &box, &masker);
    if (!s) s = engine_generator(g, &net);
    if (!s) s = check_sources(g, net, n);
    bool photos = j.o->reference != NULL;
    for (size_t i = 0; i < n; i++) photos |= !engine_is_saved_face(source[i]);
    if (!s && photos) s = engine_recogniser(g, n ? net->identity : NULL, &r);
    const char *layout = !s && j.o->aligned ? face_template_name(net->layout) : NULL;
    if (layout && j.o->layout) layout = j.o->layout;
    j.layout = layout;
    j.net = net;
    double identify = base_seconds();
    if (!s)
        s = n ? sources_identity(g, source, n, layout, &j.source, &j.report->best)
              : nobody(g, net, &j.source);
    j.report->seconds[1] = base_seconds() - identify;
    if (!s) s = guise_image_read(g, target, &m);
    if (!s) s = j.o->aligned ? swap_aligned(&j, &m) : swap_faces(&j, &m);
    if (!s) s = guise_image_write(g, &m, out, GUISE_SWAPPED);
    if (net) {
        generator_style(net, NULL, &g->error);
        snprintf(j.report->model, sizeof j.report->model, "%s", net->name);
        j.report->size = net->size;
    }
    j.report->seconds[3] = base_seconds() - start;
    guise_image_free(&m);
    guise_identity_free(&j.source);
    return s;
}
