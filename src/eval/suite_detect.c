// suite_detect.c -- eval detect: a detector against another one, whose faces are taken as what
// there is, on single photos or on pictures put together from many.
#include "eval/album.h"
#include "eval/detect_match.h"
#include "eval/files.h"
#include "eval/statistics.h"
#include "eval/suites.h"
#include "eval/teachers.h"
#include "media/media.h"
#include <math.h>
#include <string.h>

typedef struct {
    const char *detectors, *reference;
    int photos, group, side, smallest, seed;
    double sure, unsure;
    bool everybody;
} options;

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"detectors", 0, BASE_TEXT, AT(detectors), NULL,
     "detectors to measure, several with commas between; default: --detector"},
    {"reference", 0, BASE_TEXT, AT(reference), NULL,
     "detector whose faces are taken as what there is, a file or a name; default: "
     "yunet_n_dynamic.onnx"},
    {"photos", 0, BASE_INT, AT(photos), "1000", "photos at most, drawn by the seed"},
    {"group", 0, BASE_INT, AT(group), "1", "photos in one picture, 1 to 64"},
    {"side", 0, BASE_INT, AT(side), "640",
     "longer side of a picture in pixels; photos alone are never made larger; 0: as they are"},
    {"smallest", 0, BASE_INT, AT(smallest), "16", "faces of less height count for nothing"},
    {"sure", 0, BASE_REAL, AT(sure), "0.8", "score from which the reference's faces are there"},
    {"unsure", 0, BASE_REAL, AT(unsure), "0.2",
     "score from which they may be there, and count for nothing"},
    {"seed", 0, BASE_INT, AT(seed), "1", "of the photos that are drawn"},
    {"everybody", 0, BASE_FLAG, AT(everybody), NULL,
     "photos of everybody; default: of people whom no training here sees"},
    {0}};

enum { FOUND, DISTANCE, CASE_METRICS };
static const eval_definition of_case[CASE_METRICS] = {
    {"recall", "faces found", "share",
     "1 where a detection of score >= 0.6 overlaps the face by 0.4 of the union of the boxes or "
     "more, else 0",
     "ours", 1, 4},
    {"landmarks", "landmark error", "share of the eye distance",
     "mean distance of the five landmarks from the reference's, divided by the distance of its "
     "eyes, of faces found at any score",
     "ours", -1, 4}};
enum { ALARMS, EQUAL, THRESHOLD, SECONDS, NUMBERS };
static const eval_definition of_all[NUMBERS] = {
    {"alarms", "false alarms", "per picture",
     "detections of score >= 0.6 on no face of the reference, unsure ones included", "ours", -1, 4},
    {"recall_equal", "found at equal alarms", "share",
     "share of faces found where the threshold lets pass as many false alarms as the reference "
     "itself has at 0.6 on the same pictures",
     "ours", 1, 4},
    {"threshold_equal", "threshold for that", "score", "of detections", "ours", 0, 3},
    {"milliseconds", "time", "ms a picture", "median, on this machine", "ours", -1, 1}};
#define SCORE 0.6 // face_detect's own

typedef struct {
    base_image image;
    eval_faces there;
    const char *name;
} picture;

typedef struct {
    const eval_call *c;
    const options *o;
    char *reference; // its file
    eval_report *r;
    eval_album album;
    int *order;
    size_t drawn; // photos
    picture *at;
    size_t n, faces; // faces: sure ones of all pictures
    double budget;   // false alarms of the reference; NaN: not known yet
} work;

static guise_status choose(work *w, base_error *e)
{
    const eval_album *a = &w->album;
    base_rng r = {(uint64_t)w->o->seed};
    w->order = base_alloc(a->n, sizeof *w->order);
    if (!w->order) return base_no_memory(e);
    int n = 0;
    for (size_t i = 0; i < a->n; i++)
        if (w->o->everybody || a->at[i].held_out) w->order[n++] = (int)i;
    base_rng_shuffle(&r, w->order, n);
    w->drawn = (size_t)(n < w->o->photos ? n : w->o->photos);
    size_t group = (size_t)w->o->group;
    w->n = w->drawn / group;
    w->at = base_alloc(w->n ? w->n : 1, sizeof *w->at);
    if (!w->at) return base_no_memory(e);
    if (!w->n)
        return base_fail(e, GUISE_NO_FACE,
                         "%s has too few photos of people that are held out; add --everybody",
                         w->c->data);
    return GUISE_OK;
}

// Faces of a photo as they lie in a picture that shows it smaller by k and moved.
static guise_status add_faces(work *w, picture *p, const face_list *seen, double k, int x, int y,
                              base_error *e)
{
    for (size_t i = 0; i < seen->n; i++) {
        face f = seen->at[i];
        float *number[] = {&f.x0, &f.x1, &f.y0, &f.y1};
        for (int j = 0; j < 4; j++) *number[j] = (float)(*number[j] * k + (j < 2 ? x : y));
        for (int j = 0; j < FACE_POINTS; j++) {
            f.point[j].x = (float)((f.point[j].x + 0.5) * k - 0.5 + x);
            f.point[j].y = (float)((f.point[j].y + 0.5) * k - 0.5 + y);
        }
        bool sure = f.score >= w->o->sure && f.y1 - f.y0 >= w->o->smallest;
        if (!face_list_add(sure ? &p->there.sure : &p->there.unsure, f)) return base_no_memory(e);
    }
    return GUISE_OK;
}

static void lay(base_image *to, const base_image *m, int x, int y)
{
    for (int i = 0; i < m->h; i++)
        memcpy(to->rgb + 3 * ((size_t)(y + i) * (size_t)to->w + (size_t)x),
               m->rgb + 3 * (size_t)i * (size_t)m->w, 3 * (size_t)m->w);
}

// One photo into the cell of the picture whose corner is (x, y), with the reference's faces.
static guise_status add_photo(work *w, face_detector *d, picture *p, const base_image *photo,
                              int cell, int x, int y, base_error *e)
{
    face_detect_options look = {.score = w->o->unsure};
    face_list seen = {0};
    base_image small = {0};
    int longer = photo->w > photo->h ? photo->w : photo->h;
    double k = cell && longer > cell ? (double)cell / longer : 1;
    int sw = (int)fmax(1, round(photo->w * k)), sh = (int)fmax(1, round(photo->h * k));
    guise_status s = face_detect(d, photo, &look, &seen, NULL, e);
    if (!s) s = face_shrink(&small, photo, sw, sh, e);
    if (!s && !p->image.rgb) s = base_image_new(&p->image, sw, sh, e); // a photo alone
    if (!s) lay(&p->image, &small, x, y);
    if (!s) s = add_faces(w, p, &seen, k, x, y, e);
    base_image_free(&small);
    face_list_free(&seen);
    return s;
}

static guise_status make_picture(work *w, face_detector *d, size_t number, base_error *e)
{
    picture *p = &w->at[number];
    int group = w->o->group, across = (int)ceil(sqrt(group)), cell = w->o->side;
    int rows = (group + across - 1) / across;
    guise_status s = GUISE_OK;
    if (group > 1) {
        cell = w->o->side / across;
        s = base_image_new(&p->image, cell * across, cell * rows, e);
    }
    for (int i = 0; !s && i < group; i++) {
        const eval_photo *photo = &w->album.at[w->order[number * (size_t)group + (size_t)i]];
        base_image m = {0};
        base_error why = {0};
        s = media_photo_read(&m, photo->photo->path, &why);
        if (s == GUISE_NO_MEMORY) return base_no_memory(e);
        // a photo that cannot be read is left out
        if (!s)
            s = add_photo(w, d, p, &m, cell, i % across * cell, i / across * cell, e);
        else
            s = GUISE_OK;
        p->name = photo->key;
        base_image_free(&m);
    }
    w->faces += p->there.sure.n;
    return s;
}

static bool go_on(work *w, size_t done, const char *line)
{
    const eval_call *c = w->c;
    if (!*c->stopped && c->progress && !c->progress(c->user, (int)done, (int)w->n, line))
        *c->stopped = true;
    return !*c->stopped;
}

static guise_status make_pictures(work *w, base_error *e)
{
    face_detector *d = NULL;
    guise_status s = face_detector_open(&d, w->reference, e);
    for (size_t i = 0; !s && i < w->n && go_on(w, i, NULL); i++) s = make_picture(w, d, i, e);
    face_detector_close(&d);
    if (!s && !*w->c->stopped && !w->faces)
        s = base_fail(e, GUISE_NO_FACE, "%s finds no face in %s that it is sure of", w->reference,
                      w->c->data);
    return s;
}

// What a detector said of all pictures.
typedef struct {
    eval_found *found; // of all sure faces, picture by picture
    eval_scores alarm;
    double *seconds; // a picture
} outcome;

static void outcome_free(outcome *x)
{
    base_free(x->found);
    base_free(x->alarm.at);
    base_free(x->seconds);
}

static guise_status look(work *w, const char *file, outcome *x, base_error *e)
{
    face_detector *d = NULL;
    face_detect_options low = {.score = fmin(0.05, w->o->unsure)};
    size_t at = 0;
    x->found = base_alloc(w->faces, sizeof *x->found);
    x->seconds = base_alloc(w->n, sizeof *x->seconds);
    if (!x->found || !x->seconds) return base_no_memory(e);
    guise_status s = face_detector_open(&d, file, e);
    for (size_t i = 0; !s && i < w->n && go_on(w, i, NULL); i++) {
        const picture *p = &w->at[i];
        face_list got = {0};
        if (p->image.rgb) s = face_detect(d, &p->image, &low, &got, NULL, e);
        if (!s) s = eval_match_faces(&got, &p->there, w->o->smallest, x->found + at, &x->alarm, e);
        at += p->there.sure.n;
        face_list_free(&got);
        // as a user has it: with the threshold that is usual
        double start = base_seconds();
        if (!s && p->image.rgb) s = face_detect(d, &p->image, NULL, &got, NULL, e);
        x->seconds[i] = base_seconds() - start;
        face_list_free(&got);
    }
    face_detector_close(&d);
    if (s) return s;
    eval_sort(x->alarm.at, x->alarm.n);
    eval_sort(x->seconds, w->n);
    return GUISE_OK;
}

static size_t passing(const eval_scores *s, double threshold)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) n += s->at[i] >= threshold;
    return n;
}

static guise_status add_cases(work *w, const outcome *x, eval_result *to, base_error *e)
{
    double *value[CASE_METRICS];
    for (int k = 0; k < CASE_METRICS; k++) {
        eval_metric *m = eval_add_metric(to, &of_case[k]);
        if (!m) return base_no_memory(e);
        value[k] = m->value;
    }
    for (size_t i = 0, at = 0; i < w->n; i++)
        for (size_t k = 0; k < w->at[i].there.sure.n; k++, at++) {
            eval_case *c = &to->cases[at];
            c->name = eval_text(w->r, "%05zu-%zu", i + 1, k + 1);
            c->target = eval_text(w->r, "%s", w->at[i].name);
            if (!c->name || !c->target) return base_no_memory(e);
            value[FOUND][at] = x->found[at].score >= SCORE;
            value[DISTANCE][at] = x->found[at].distance;
        }
    return GUISE_OK;
}

static guise_status add_numbers(work *w, const outcome *x, eval_result *to, base_error *e)
{
    double alarms = (double)passing(&x->alarm, SCORE), n = (double)w->n;
    if (isnan(w->budget)) w->budget = alarms; // the reference comes first
    double equal = eval_threshold_for(x->alarm.at, x->alarm.n, (size_t)w->budget);
    size_t found = 0;
    for (size_t i = 0; i < w->faces; i++) found += x->found[i].score >= equal;
    const double number[NUMBERS] = {alarms / n, (double)found / (double)w->faces, equal,
                                    eval_quantile(x->seconds, w->n, 0.5) * 1e3};
    for (int k = 0; k < NUMBERS; k++)
        if (!eval_add_number(to, &of_all[k], number[k])) return base_no_memory(e);
    return GUISE_OK;
}

// Faces found against false alarms a picture, by threshold.
static guise_status add_curve(work *w, const outcome *x, eval_result *to, base_error *e)
{
    enum { POINTS = 19 };
    eval_curve *c = eval_add_curve(to, "Faces found", "false alarms per picture",
                                   "share of faces found", POINTS);
    if (!c) return base_no_memory(e);
    for (int i = 0; i < POINTS; i++) {
        double threshold = 0.95 - 0.05 * i;
        size_t found = 0;
        for (size_t k = 0; k < w->faces; k++) found += x->found[k].score >= threshold;
        c->at[2 * i] = (double)passing(&x->alarm, threshold) / (double)w->n;
        c->at[2 * i + 1] = (double)found / (double)w->faces;
    }
    return GUISE_OK;
}

static guise_status measure(void *user, const char *file, base_error *e)
{
    work *w = user;
    outcome x = {0};
    eval_result *to = NULL;
    if (*w->c->stopped) return GUISE_OK;
    guise_status s = look(w, file, &x, e);
    if (!s && !*w->c->stopped) {
        s = eval_add_file(w->r, file, w->faces, &to, e);
        if (!s) s = add_cases(w, &x, to, e);
        if (!s) s = add_numbers(w, &x, to, e);
        if (!s) s = add_curve(w, &x, to, e);
    }
    outcome_free(&x);
    return s;
}

static guise_status check(const eval_call *c, const options *o, base_error *e)
{
    if (!c->data) return base_fail(e, GUISE_BAD_ARGUMENT, "say where photos are with --data");
    if (o->photos < 1 || o->group < 1 || o->group > 64 || o->side < 0 || o->side > 8192 ||
        (o->group > 1 && o->side < 32 * o->group) || !(o->unsure > 0) || !(o->sure >= o->unsure))
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "photos is at least 1, group 1 to 64, side at most 8192 and at least 32 "
                         "times group, and unsure lies between 0 and sure");
    return GUISE_OK;
}

static guise_status run(const eval_call *c, const void *given, eval_report *r, base_error *e)
{
    const options *o = given;
    work w = {.c = c, .o = o, .r = r, .budget = NAN};
    const char *from = o->detectors ? o->detectors : c->detector;
    guise_status s = check(c, o, e);
    r->title = "Detection: faces found, false alarms, landmarks";
    if (!s) s = eval_choose(c, o->reference, "yunet_n_dynamic.onnx", true, &w.reference, e);
    if (!s) s = eval_album_open(&w.album, c->data, c->landmarks, false, e);
    if (!s) s = choose(&w, e);
    if (!s) s = make_pictures(&w, e);
    if (!s && !*c->stopped) s = measure(&w, w.reference, e);
    if (!s && !*c->stopped && from && strcmp(from, w.reference) != 0)
        s = eval_each_file(from, measure, &w, e);
    if (!s && !*c->stopped) {
        r->data = eval_text(r, "%s: %zu pictures of %d photo%s, %zu faces", c->data, w.n, o->group,
                            o->group > 1 ? "s" : "", w.faces);
        if (!r->data ||
            !eval_add_note(r, "What there is, is what the reference finds in each photo by itself "
                              "with the score of `sure`: it is not the truth, and the reference's "
                              "own numbers say only what a change of size and company does."))
            s = base_no_memory(e);
    }
    for (size_t i = 0; w.at && i < w.n; i++) {
        base_image_free(&w.at[i].image);
        eval_faces_free(&w.at[i].there);
    }
    base_free(w.reference);
    base_free(w.at);
    base_free(w.order);
    eval_album_close(&w.album);
    return s;
}

const eval_suite eval_suite_detect = {
    .name = "detect",
    .summary = "a detector against another: faces found, false alarms, landmark error, time",
    .fields = fields,
    .size = sizeof(options),
    .run = run,
};
