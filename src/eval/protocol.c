// protocol.c -- results of published protocols: made or read, and measured against the originals.
#include "eval/protocol.h"
#include "eval/likeness.h"
#include "eval/picture.h"
#include "eval/teachers.h"
#include "media/media.h"
#include "weights/weights.h"
#include <math.h>
#include <string.h>

static guise_status open_generator(eval_protocol *p, const char *file, eval_report *to,
                                   base_error *e)
{
    base_tensors t = {0};
    char *usual = NULL, name[64];
    eval_stem(file, name);
    guise_status s = weights_read(&t, file, e);
    if (!s) s = train_card_read(&p->card, &t, file, e);
    if (!s && !(usual = base_format("%s.onnx", p->card.identity))) s = base_no_memory(e);
    if (!s) s = eval_choose(p->c, p->c->recogniser, usual, true, &p->taker_file, e);
    base_free(usual);
    if (!s) s = eval_leave_out_form(p->c, &t, &p->form_file, name, &p->form_taught, to, e);
    char *const judge[] = {p->judge_file, p->pose_file, p->form_file};
    if (!s) s = eval_refuse_teachers(p->c, &t, p->taker_file, judge, 3, name, to, e);
    base_tensors_free(&t);
    if (!s) s = train_swapper_read(&p->swapper, file, e);
    if (!s) s = eval_embedder_open(&p->taker, p->taker_file, e);
    if (!s && eval_embedder_length(p->taker) != (size_t)p->card.length)
        s = base_fail(e, GUISE_BAD_ARGUMENT,
                      "%s makes vectors of %zu numbers, but the generator takes %d", p->taker_file,
                      eval_embedder_length(p->taker), p->card.length);
    return s;
}

guise_status eval_protocol_open(eval_protocol *p, const eval_call *c, const char *data,
                                const char *identity, const char *generator, eval_report *to,
                                base_error *e)
{
    *p = (eval_protocol){.c = c};
    guise_status s = eval_choose(c, identity, "mobilefacenet.onnx", true, &p->judge_file, e);
    if (!s) s = eval_choose(c, NULL, "headpose_adas_0001.onnx", false, &p->pose_file, e);
    if (!s) s = eval_choose(c, NULL, "3ddfa_mb05_120x120.onnx", false, &p->form_file, e);
    if (!s && generator) s = open_generator(p, generator, to, e);
    if (!s) s = eval_embedder_open(&p->judge, p->judge_file, e);
    if (!s && eval_embedder_length(p->judge) > PROTOCOL_VECTOR)
        s = base_fail(e, GUISE_BAD_FILE, "%s: its vectors are longer than %d", p->judge_file,
                      PROTOCOL_VECTOR);
    if (!s && p->pose_file) s = eval_gauge_open(&p->pose, p->pose_file, e);
    if (!s && p->form_file) s = eval_gauge_open(&p->form, p->form_file, e);
    if (!s && c->detector) s = face_detector_open(&p->detector, c->detector, e);
    if (!s) s = eval_album_open(&p->album, data, c->landmarks, false, e);
    if (!s && !(p->taken = base_alloc(p->album.n, sizeof *p->taken))) s = base_no_memory(e);
    if (s) eval_protocol_close(p);
    return s;
}

void eval_protocol_close(eval_protocol *p)
{
    for (size_t i = 0; p->taken && i < p->album.n; i++) base_free(p->taken[i]);
    base_free(p->taken);
    eval_album_close(&p->album);
    face_detector_close(&p->detector);
    eval_gauge_close(&p->pose);
    eval_gauge_close(&p->form);
    eval_embedder_close(&p->judge);
    eval_embedder_close(&p->taker);
    train_swapper_close(&p->swapper);
    char *const file[] = {p->judge_file, p->pose_file, p->form_file, p->taker_file};
    for (int i = 0; i < 4; i++) base_free(file[i]);
    *p = (eval_protocol){0};
}

guise_status eval_protocol_networks(const eval_protocol *p, eval_report *r, base_error *e)
{
    guise_status s = eval_add_network(r, "identity", p->judge_file, e);
    if (!s && p->pose_file) s = eval_add_network(r, "pose", p->pose_file, e);
    if (!s && p->form_file) s = eval_add_network(r, "expression", p->form_file, e);
    if (!s && p->taker_file) s = eval_add_network(r, "identity given", p->taker_file, e);
    if (!s && (!p->pose_file || (!p->form_file && !p->form_taught)) &&
        !eval_add_note(r, "Pose or expression were not measured: their network was not found."))
        s = base_no_memory(e);
    return s;
}

// One result while it is worked on.
typedef struct {
    base_image target, crop, made, result; // photo; crops; the photo with the result in it
    face_transform t;                      // from the photo to the crop
    base_error why;                        // why it is left out
    guise_status s;
} job;

static void job_close(job *w)
{
    base_image_free(&w->target);
    base_image_free(&w->crop);
    base_image_free(&w->made);
    base_image_free(&w->result);
}

static const face_point *points_of(const eval_protocol *p, int photo)
{
    return p->album.at[photo].photo->point;
}

static guise_status put_back(base_image *m, const base_image *crop, face_transform t, base_error *e)
{
    float *planes = base_alloc(3 * (size_t)crop->w * (size_t)crop->h, sizeof *planes);
    if (!planes) return base_no_memory(e);
    base_image_to_planes(crop, false, 1.0f / 255, 0, planes);
    const face_patch patch = {.size = crop->w, .planes = planes, .erode = -1, .blur = -1};
    guise_status s = face_paste(m, t, &patch, e);
    base_free(planes);
    return s;
}

static guise_status cut(const eval_protocol *p, int photo, const base_image *m, base_image *crop,
                        face_transform *t, base_error *e)
{
    guise_status s = face_align(t, points_of(p, photo), p->card.layout, p->card.size, NULL, e);
    return s ? s : face_crop_smooth(crop, m, *t, p->card.size, e);
}

// The vector that the generator takes of a source, made when first wanted.
static guise_status take_source(eval_protocol *p, int photo, base_error *e)
{
    base_image m = {0};
    if (p->taken[photo]) return GUISE_OK;
    float *v = base_alloc(eval_embedder_length(p->taker), sizeof *v);
    if (!v) return base_no_memory(e);
    guise_status s = train_photo_load(p->album.at[photo].photo, p->detector, &m, e);
    if (!s) s = eval_embed(p->taker, &m, points_of(p, photo), v, e);
    base_image_free(&m);
    if (s)
        base_free(v);
    else
        p->taken[photo] = v;
    return s;
}

static guise_status prepare(eval_protocol *p, const eval_outcome *o, job *w, base_error *e)
{
    const eval_photo *target = &p->album.at[o->target];
    if (!p->album.at[o->source].vector || !target->vector)
        return base_fail(e, GUISE_NO_FACE, "%s or %s shows no face", p->album.at[o->source].key,
                         target->key);
    guise_status s = train_photo_load(target->photo, p->detector, &w->target, e);
    if (s) return s;
    if (!o->file) {
        s = take_source(p, o->source, e);
        return s ? s : cut(p, o->target, &w->target, &w->crop, &w->t, e);
    }
    s = media_photo_read(&w->result, o->file, e);
    if (!s && (w->result.w != w->target.w || w->result.h != w->target.h))
        s = base_fail(e, GUISE_BAD_FILE, "%s has %d x %d pixels, its target %d x %d", o->file,
                      w->result.w, w->result.h, w->target.w, w->target.h);
    return s;
}

// Crops of the jobs that have one, through the generator; the targets then hold their own crops put
// back, so that target and result are resampled alike.
static guise_status generate(eval_protocol *p, const eval_outcome *o, job *w, int n, base_error *e)
{
    train_swapper *g = &p->swapper;
    size_t planes = 3 * (size_t)p->card.size * (size_t)p->card.size;
    const float *out = NULL;
    bool any = false;
    for (int i = 0; i < n; i++) {
        if (o[i].file || w[i].s) continue;
        any = true;
        base_image_to_planes(&w[i].crop, false, 1.0f / 255, 0, g->target + (size_t)i * planes);
        memcpy(g->vector + i * g->length, p->taken[o[i].source],
               (size_t)g->length * sizeof *g->vector);
    }
    guise_status s = any ? train_swapper_run(g, &out, e) : GUISE_OK;
    for (int i = 0; !s && i < n; i++) {
        if (o[i].file || w[i].s) continue;
        s = base_image_new(&w[i].made, p->card.size, p->card.size, e);
        if (!s) base_image_from_planes(&w[i].made, out + (size_t)i * planes, false, 255, 0);
        if (!s) s = base_image_copy(&w[i].result, &w[i].target, e);
        if (!s) s = put_back(&w[i].result, &w[i].made, w[i].t, e);
        if (!s) s = put_back(&w[i].target, &w[i].crop, w[i].t, e);
    }
    return s;
}

static double cosine(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static guise_status measure_form(eval_protocol *p, eval_outcome *o, const job *w, base_error *e)
{
    const face_point *point = points_of(p, o->target);
    double a[3], b[3];
    eval_form f, g;
    guise_status s = GUISE_OK;
    if (p->pose) {
        s = eval_pose(p->pose, &w->target, point, a, e);
        if (!s) s = eval_pose(p->pose, &w->result, point, b, e);
        if (!s) o->pose = eval_distance(a, b, 3);
    }
    if (!s && p->form) {
        s = eval_form_of(p->form, &w->target, point, &f, e);
        if (!s) s = eval_form_of(p->form, &w->result, point, &g, e);
        if (!s) o->expression = eval_distance(f.expression, g.expression, EVAL_EXPRESSION);
    }
    return s;
}

static guise_status measure(eval_protocol *p, eval_outcome *o, const job *w, base_error *e)
{
    size_t n = eval_embedder_length(p->judge);
    guise_status s = eval_embed(p->judge, &w->result, points_of(p, o->target), o->vector, e);
    if (s) return s;
    o->to_source = cosine(o->vector, p->album.at[o->source].vector, n);
    o->to_target = cosine(o->vector, p->album.at[o->target].vector, n);
    if (!o->file) {
        eval_likeness l;
        s = eval_alike(&w->made, &w->crop, &l, e);
        if (!s) o->l1 = l.l1;
    }
    if (!s) s = measure_form(p, o, w, e);
    if (!s) o->usable = true;
    return s;
}

enum { SHOWN = 160 }; // side of a crop in pictures

static guise_status show(eval_protocol *p, const eval_outcome *o, const job *w, const char *path,
                         base_error *e)
{
    base_image crop[3] = {{0}}, all = {0}, source = {0};
    const base_image *const from[3] = {&source, &w->target, &w->result};
    guise_status s = train_photo_load(p->album.at[o->source].photo, p->detector, &source, e);
    for (int k = 0; !s && k < 3; k++) {
        face_transform t;
        const face_point *point = points_of(p, k ? o->target : o->source);
        s = face_align(&t, point, FACE_ARCFACE, SHOWN, NULL, e);
        if (!s) s = face_crop_smooth(&crop[k], from[k], t, SHOWN, e);
    }
    if (!s) s = eval_side_by_side(&all, crop, 3, e);
    if (!s) s = media_photo_write(&all, path, &(media_photo_options){.mark = GUISE_SWAPPED}, e);
    for (int k = 0; k < 3; k++) base_image_free(&crop[k]);
    base_image_free(&all);
    base_image_free(&source);
    return s;
}

// What is wrong with one result leaves it out; what is wrong with memory or the disk ends all.
static guise_status leave_out(job *w, guise_status s)
{
    if (s == GUISE_NO_MEMORY || !s) return s;
    w->s = s;
    base_log("left out: %s", w->why.text);
    return GUISE_OK;
}

guise_status eval_protocol_measure(eval_protocol *p, eval_outcome *o, int n, char *const *picture,
                                   base_error *e)
{
    job w[TRAIN_SWAPS] = {0};
    guise_status s = GUISE_OK;
    if (n > TRAIN_SWAPS)
        return base_fail(e, GUISE_BAD_ARGUMENT, "at most %d results are measured at once",
                         TRAIN_SWAPS);
    for (int i = 0; !s && i < n; i++) {
        o[i].usable = false;
        o[i].to_source = o[i].to_target = o[i].pose = o[i].expression = o[i].l1 = NAN;
        s = leave_out(&w[i], prepare(p, &o[i], &w[i], &w[i].why));
    }
    if (!s) s = generate(p, o, w, n, e);
    for (int i = 0; !s && i < n; i++) {
        if (w[i].s) continue;
        s = leave_out(&w[i], measure(p, &o[i], &w[i], &w[i].why));
        if (!s && o[i].usable && picture && picture[i]) s = show(p, &o[i], &w[i], picture[i], e);
    }
    if (s == GUISE_NO_MEMORY) base_no_memory(e);
    for (int i = 0; i < n; i++) job_close(&w[i]);
    return s;
}
