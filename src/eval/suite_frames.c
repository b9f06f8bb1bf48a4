// suite_frames.c -- eval frames: how steady a generator is from one frame of a clip to the next.
#include "eval/files.h"
#include "eval/protocol.h"
#include "eval/statistics.h"
#include "eval/steady.h"
#include "eval/suites.h"
#include <math.h>
#include <string.h>

typedef struct {
    const char *identity, *source;
} options;

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"identity", 0, BASE_TEXT, AT(identity), NULL,
     "recogniser that measures; default: mobilefacenet.onnx"},
    {"source", 0, BASE_TEXT, AT(source), NULL,
     "photo whose face is put into all clips; default: the first frame of the next clip"},
    {0}};

enum { TO_SOURCE, FLICKER, JITTER, JITTER_TARGET, VALUES };

static const eval_definition definitions[VALUES] = {
    {"cosine_source", "cosine to source", "",
     "cosine of the frame's identity vector to the source photo's, by the measuring recogniser",
     "ours", 1, 3},
    {"flicker", "flicker", "share of full range",
     "how much the result changes from frame to frame beyond the target: mean of "
     "|(r[t] - r[t-1]) - (x[t] - x[t-1])| over pixels and channels in the face's box, r the frame "
     "with the result, x without; 0 for a change that stays as it is where the face does not move",
     "ours", -1, 4},
    {"jitter", "jitter of points", "distances between the eyes",
     "mean length of p[t] - 2 p[t-1] + p[t-2] of the five points p that the detector finds in the "
     "frames with the result",
     "ours", -1, 4},
    {"jitter_target", "jitter of points, targets", "distances between the eyes",
     "the same in the frames without it: what the detector and the movement give by themselves",
     "ours", 0, 4},
};
static const eval_definition variance = {
    "id_variance",
    "identity variance",
    "",
    "variance of the frames' cosines to the source within a clip, mean over clips",
    "the quantity that DreamID-V and others call variance of ID similarity over frames",
    -1,
    5};

// A frame with the result, and what is remembered of the one before.
typedef struct {
    base_image target, result;                              // whole frames
    face_point before[2][FACE_POINTS], points[FACE_POINTS]; // found in result: t-2, t-1; t
    face_point target_before[2][FACE_POINTS], target_points[FACE_POINTS];
    int known, target_known; // frames in a row whose points are found
} memory;

typedef struct {
    eval_protocol p;
    const eval_call *c;
    float *taken, *seen;   // of the source
    double *value[VALUES]; // [frames] each
    double *room;          // [frames]
    int done, last;        // last: the frame that m remembers
    memory m;
} frames;

static void forget(memory *m)
{
    base_image_free(&m->target);
    base_image_free(&m->result);
    m->known = m->target_known = 0;
}

// Points of the face nearest to where it was; false: none was found.
static guise_status find_points(frames *f, const base_image *m, const face_point near[FACE_POINTS],
                                face_point out[FACE_POINTS], bool *found, base_error *e)
{
    face_list all = {0};
    double best = INFINITY;
    guise_status s = face_detect(f->p.detector, m, NULL, &all, NULL, e);
    *found = false;
    for (size_t i = 0; !s && i < all.n; i++) {
        double away = hypot((double)all.at[i].point[2].x - (double)near[2].x,
                            (double)all.at[i].point[2].y - (double)near[2].y);
        if (away >= best) continue;
        best = away;
        *found = true;
        memcpy(out, all.at[i].point, sizeof all.at[i].point);
    }
    face_list_free(&all);
    return s;
}

// The jitter at this frame, whose points go into before.
static double take_points(face_point before[2][FACE_POINTS], const face_point now[FACE_POINTS],
                          int *known, bool found)
{
    if (!found) return *known = 0, (double)NAN;
    double jitter = *known >= 2 ? eval_jitter(before[0], before[1], now) : (double)NAN;
    memcpy(before[0], before[1], sizeof before[0]);
    memcpy(before[1], now, sizeof before[1]);
    *known += *known < 2;
    return jitter;
}

static guise_status measure_points(frames *f, int i, const base_image *target,
                                   const base_image *result, base_error *e)
{
    memory *m = &f->m;
    const face_point *near = f->p.album.at[i].photo->point;
    bool found = false;
    if (!f->p.detector) return GUISE_OK;
    guise_status s = find_points(f, result, near, m->points, &found, e);
    if (!s) f->value[JITTER][i] = take_points(m->before, m->points, &m->known, found);
    if (!s) s = find_points(f, target, near, m->target_points, &found, e);
    if (!s)
        f->value[JITTER_TARGET][i] =
            take_points(m->target_before, m->target_points, &m->target_known, found);
    return s;
}

// Measure frame i, whose photo the result's crop is put into, and remember it.
static guise_status measure(frames *f, int i, base_image *photo, const base_image *made,
                            face_transform t, base_error *e)
{
    const face_point *at = f->p.album.at[i].photo->point;
    size_t length = eval_embedder_length(f->p.judge), area = (size_t)made->w * (size_t)made->h;
    float *v = base_alloc(length, sizeof *v), *planes = base_alloc(3 * area, sizeof *planes);
    base_image result = {0};
    face_point point[FACE_POINTS];
    for (int k = 0; k < FACE_POINTS; k++) point[k] = face_apply(t, at[k]);
    guise_status s = v && planes ? base_image_copy(&result, photo, e) : base_no_memory(e);
    if (!s) s = eval_embed(f->p.judge, made, point, v, e);
    if (!s) {
        double sum = 0;
        for (size_t k = 0; k < length; k++) sum += (double)v[k] * (double)f->seen[k];
        f->value[TO_SOURCE][i] = sum;
        base_image_to_planes(made, false, 1.0f / 255, 0, planes);
        face_patch patch = {.size = made->w, .planes = planes, .erode = -1, .blur = -1};
        s = face_paste(&result, t, &patch, e);
    }
    if (!s && f->m.result.rgb)
        f->value[FLICKER][i] = eval_flicker(&result, photo, &f->m.result, &f->m.target, at);
    if (!s) s = measure_points(f, i, photo, &result, e);
    base_image_free(&f->m.target);
    base_image_free(&f->m.result);
    f->m.result = result;
    f->m.target = *photo;
    *photo = (base_image){0};
    base_free(v);
    base_free(planes);
    return s;
}

// Frames first .. first + n - 1 of one clip. One that cannot be used is told and left out.
typedef struct {
    base_image photo[TRAIN_SWAPS];
    face_transform t[TRAIN_SWAPS];
    int frame[TRAIN_SWAPS], n;
} batch;

static guise_status load(frames *f, batch *b, int frame, base_error *e)
{
    eval_protocol *p = &f->p;
    base_image crop = {0};
    base_error why = {{0}};
    size_t planes = 3 * (size_t)p->card.size * (size_t)p->card.size, at = (size_t)b->n;
    train_photo *photo = p->album.at[frame].photo;
    guise_status s = train_photo_load(photo, p->detector, &b->photo[at], &why);
    if (!s) s = face_align(&b->t[at], photo->point, p->card.layout, p->card.size, NULL, &why);
    if (!s) s = face_crop_smooth(&crop, &b->photo[at], b->t[at], p->card.size, &why);
    if (!s) {
        base_image_to_planes(&crop, false, 1.0f / 255, 0, p->swapper.target + at * planes);
        memcpy(p->swapper.vector + at * (size_t)p->card.length, f->taken,
               (size_t)p->card.length * sizeof *f->taken);
        b->frame[b->n++] = frame;
    } else {
        base_image_free(&b->photo[at]);
        base_log("left out: %s", why.text);
    }
    base_image_free(&crop);
    return s == GUISE_NO_MEMORY ? base_no_memory(e) : GUISE_OK;
}

static guise_status run_batch(frames *f, batch *b, base_error *e)
{
    int size = f->p.card.size;
    size_t planes = 3 * (size_t)size * (size_t)size;
    const float *out = NULL;
    base_image made = {0};
    guise_status s = b->n ? train_swapper_run(&f->p.swapper, &out, e) : GUISE_OK;
    if (!s) s = base_image_new(&made, size, size, e);
    for (int i = 0; !s && i < b->n; i++) {
        if (f->last != b->frame[i] - 1) forget(&f->m);
        f->last = b->frame[i];
        base_image_from_planes(&made, out + (size_t)i * planes, false, 255, 0);
        s = measure(f, b->frame[i], &b->photo[i], &made, b->t[i], e);
    }
    for (int i = 0; i < b->n; i++) base_image_free(&b->photo[i]);
    base_image_free(&made);
    return s;
}

// Vectors of the source's face by both recognisers.
static guise_status take_source(frames *f, const char *path, train_photo *known, base_error *e)
{
    base_image m = {0};
    train_photo other = {.path = base_copy_text(path ? path : known->path)};
    train_photo *photo = path ? &other : known;
    guise_status s = other.path ? train_photo_load(photo, f->p.detector, &m, e) : base_no_memory(e);
    if (!s) s = eval_embed(f->p.taker, &m, photo->point, f->taken, e);
    if (!s) s = eval_embed(f->p.judge, &m, photo->point, f->seen, e);
    base_image_free(&m);
    base_free(other.path);
    return s;
}

// first .. end - 1: frames of one clip.
static guise_status run_clip(frames *f, int first, int end, base_error *e)
{
    int n = (int)f->p.album.n;
    guise_status s = GUISE_OK;
    forget(&f->m);
    for (int i = first; !s && i < end && !*f->c->stopped;) {
        batch b = {.n = 0};
        int from = i;
        while (!s && i < end && b.n < TRAIN_SWAPS) s = load(f, &b, i++, e);
        if (!s) s = run_batch(f, &b, e);
        for (int k = 0; s && k < b.n; k++) base_image_free(&b.photo[k]);
        f->done += i - from;
        if (!s && f->c->progress && !f->c->progress(f->c->user, f->done, n, NULL))
            *f->c->stopped = true;
    }
    return s;
}

static guise_status run_clips(frames *f, const options *o, double *mean_variance, base_error *e)
{
    const eval_album *a = &f->p.album;
    int n = (int)a->n, clips = 0;
    double sum = 0;
    guise_status s = GUISE_OK;
    for (int first = 0, end; !s && first < n && !*f->c->stopped; first = end) {
        for (end = first; end < n && a->at[end].who == a->at[first].who;) end++;
        s = take_source(f, o->source, a->at[end < n ? end : 0].photo, e);
        if (!s) s = run_clip(f, first, end, e);
        size_t k = 0;
        for (int i = first; i < end; i++)
            if (!isnan(f->value[TO_SOURCE][i])) f->room[k++] = f->value[TO_SOURCE][i];
        if (k > 1) {
            sum += eval_variance(f->room, k);
            clips++;
        }
    }
    *mean_variance = clips ? sum / clips : (double)NAN;
    return s;
}

static guise_status open_frames(frames *f, const options *o, eval_report *r, base_error *e)
{
    const eval_call *c = f->c;
    if (!c->data || !c->generator)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "say where clips are with --data (DATA/CLIP/frame.png), and name a "
                         "generator with --weights where none is found");
    guise_status s = eval_protocol_open(&f->p, c, c->data, o->identity, c->generator, r, e);
    if (s) return s;
    if (!o->source && f->p.album.people < 2)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "%s holds one clip: name a photo to take the face from with --source",
                         c->data);
    f->taken = base_alloc(eval_embedder_length(f->p.taker), sizeof *f->taken);
    f->seen = base_alloc(eval_embedder_length(f->p.judge), sizeof *f->seen);
    f->room = base_alloc(f->p.album.n, sizeof *f->room);
    bool ok = f->taken && f->seen && f->room;
    for (int k = 0; k < VALUES; k++) {
        f->value[k] = base_alloc(f->p.album.n, sizeof(double));
        ok = ok && f->value[k];
        for (size_t i = 0; f->value[k] && i < f->p.album.n; i++) f->value[k][i] = NAN;
    }
    return ok ? GUISE_OK : base_no_memory(e);
}

static guise_status report(const frames *f, double mean_variance, eval_report *r, base_error *e)
{
    const eval_album *a = &f->p.album;
    char *name = eval_file_name(f->c->generator);
    eval_result *x = name ? eval_add_result(r, name, a->n) : NULL;
    base_free(name);
    r->data = eval_text(r, "%zu frames of %d clips in %s", a->n, a->people, f->c->data);
    if (!x || !r->data) return base_no_memory(e);
    r->label_key[0] = "clip";
    r->labels = 1;
    x->file = eval_text(r, "%s", f->c->generator);
    for (size_t i = 0; i < a->n; i++) {
        x->cases[i].name = x->cases[i].target = eval_text(r, "%s", a->at[i].key);
        x->cases[i].label[0] = eval_text(r, "%s", a->at[i].person);
        if (!x->cases[i].name || !x->cases[i].label[0]) return base_no_memory(e);
    }
    for (int k = 0; k < VALUES; k++) {
        if (k >= JITTER && !f->p.detector) continue;
        eval_metric *m = eval_add_metric(x, &definitions[k]);
        if (!m) return base_no_memory(e);
        memcpy(m->value, f->value[k], a->n * sizeof(double));
    }
    if (!x->file || !eval_add_number(x, &variance, mean_variance)) return base_no_memory(e);
    guise_status s = base_sha256_file(&x->sha256, x->file, e);
    return s ? s : eval_protocol_networks(&f->p, r, e);
}

static guise_status run(const eval_call *c, const void *given, eval_report *r, base_error *e)
{
    frames f = {.c = c};
    double mean_variance = 0;
    guise_status s = open_frames(&f, given, r, e);
    if (!s) s = run_clips(&f, given, &mean_variance, e);
    if (!s && !*c->stopped) s = report(&f, mean_variance, r, e);
    forget(&f.m);
    base_free(f.taken);
    base_free(f.seen);
    base_free(f.room);
    for (int k = 0; k < VALUES; k++) base_free(f.value[k]);
    eval_protocol_close(&f.p);
    return s;
}

const eval_suite eval_suite_frames = {
    .name = "frames",
    .summary = "how steady a generator is over the frames of clips",
    .fields = fields,
    .size = sizeof(options),
    .run = run,
};
