// suite_identity.c -- eval identity: how well an embedder tells people apart, on pairs of photos.
// Protocol: Huang et al. 2007, "Labeled Faces in the Wild", view 2; figures in eval/verify.h.
#include "eval/files.h"
#include "eval/pair_list.h"
#include "eval/picture.h"
#include "eval/statistics.h"
#include "eval/suites.h"
#include "eval/verify.h"
#include "media/media.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 12, CROP = 160 }; // of the best and of the worst pairs; side of a crop

typedef struct {
    const char *embedder, *pairs, *labels;
    int make_pairs, different, folds, seed;
    bool everybody, by_name;
} options;

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"embedder", 0, BASE_TEXT, AT(embedder), NULL,
     "ONNX recogniser or saved embedder; several with commas between; default: --weights, --model"},
    {"pairs", 0, BASE_TEXT, AT(pairs), NULL,
     "list of pairs: LFW's pairs.txt or CSV; default: pairs are made by rule"},
    {"make_pairs", 0, BASE_INT, AT(make_pairs), "1500",
     "pairs of one person to make where there is no list, and as many of two"},
    {"different", 0, BASE_INT, AT(different), "0", "pairs of two people to make; 0: as many"},
    {"folds", 0, BASE_INT, AT(folds), "10", "folds of the pairs that are made, 1 to 32"},
    {"seed", 0, BASE_INT, AT(seed), "1", "of the pairs that are made"},
    {"everybody", 0, BASE_FLAG, AT(everybody), NULL,
     "make pairs of everybody; default: of people whom no training here sees"},
    {"by_name", 0, BASE_FLAG, AT(by_name), NULL,
     "file names tell people apart, by what stands before the first _; default: folders do"},
    {"labels", 0, BASE_TEXT, AT(labels), NULL,
     "CSV of people or photos with what groups are made by; default: one beside the data"},
    {0}};

// What each case tells, and what all tell together.
enum { SAME, DIFFERENT, RIGHT, MARGIN, CASE_METRICS };
static const eval_definition of_case[CASE_METRICS] = {
    {"cosine_same", "cosine, one person", "",
     "cosine of the two vectors of a pair of photos of one person, -1 to 1", "ours", 1, 3},
    {"cosine_different", "cosine, two people", "",
     "cosine of the two vectors of a pair of photos of two people, -1 to 1", "ours", -1, 3},
    {"right", "called right", "share",
     "1 where cosine >= threshold says the truth, else 0; the threshold is the one with most pairs "
     "right in all other folds; the interval takes pairs as independent",
     "Huang et al. 2007, view 2", 1, 4},
    {"margin", "margin", "",
     "cosine minus threshold for pairs of one person, threshold minus cosine for pairs of two: "
     "below 0 the pair is called wrong",
     "ours", 1, 3}};

enum { ACCURACY, ERROR, AUC, EER, TAR2, TAR3, TAR4, THRESHOLD, NUMBERS };
static const eval_definition of_all[NUMBERS] = {
    {"accuracy", "accuracy", "share of pairs",
     "mean over the folds of the share of pairs called right, with the threshold chosen on all "
     "other folds; interval: 95 % of resamples of people (Bolle et al. 2004)",
     "Huang et al. 2007, view 2", 1, 4},
    {"accuracy_error", "standard error of it", "share of pairs",
     "deviation of the folds' accuracies, divided by the root of their number",
     "Huang et al. 2007, view 2", -1, 4},
    {"auc", "area under ROC", "",
     "chance that a pair of one person scores above a pair of two; ties count half", "ours", 1, 5},
    {"eer", "equal error rate", "share",
     "share of pairs of two people called the same where it equals the share of pairs of one "
     "person called different, on the line between neighbouring thresholds",
     "ours", -1, 4},
    {"tar_1e-2", "TAR at FAR 1e-2", "share",
     "greatest share of pairs of one person called the same while at most 1 in 100 pairs of two "
     "are; not known with fewer than 100 of those",
     "ours", 1, 4},
    {"tar_1e-3", "TAR at FAR 1e-3", "share",
     "the same at 1 in 1000; not known with fewer than 1000 pairs of two people", "ours", 1, 4},
    {"tar_1e-4", "TAR at FAR 1e-4", "share",
     "the same at 1 in 10000; not known with fewer than 10000 pairs of two people", "ours", 1, 4},
    {"threshold", "threshold", "cosine", "mean of the thresholds chosen for the folds", "ours", 0,
     3}};

// Open while the suite runs.
typedef struct {
    const eval_call *c;
    const options *o;
    eval_report *r;
    eval_album album;
    eval_pair_list list;
    eval_labels labels;
    eval_trial *trial; // of usable pairs
    size_t *pair;      // their place in the list
    size_t n;
} work;

static guise_status prepare(work *w, base_error *e)
{
    const eval_call *c = w->c;
    const options *o = w->o;
    char *labels = NULL;
    guise_status s = eval_album_open(&w->album, c->data, c->landmarks, o->by_name, e);
    eval_pair_rule rule = {.same = o->make_pairs,
                           .different = o->different ? o->different : o->make_pairs,
                           .folds = o->folds,
                           .seed = (uint64_t)o->seed,
                           .everybody = o->everybody};
    if (!s && o->pairs) s = eval_pair_list_read(&w->list, o->pairs, e);
    if (!s && !o->pairs) s = eval_pair_list_make(&w->list, &w->album, &rule, e);
    if (!s) s = eval_labels_find(o->labels, c->data, &labels, e);
    if (!s && labels) s = eval_labels_read(&w->labels, labels, e);
    base_free(labels);
    if (s) return s;
    w->r->labels = w->labels.keys;
    for (int k = 0; k < w->labels.keys; k++)
        if (!(w->r->label_key[k] = eval_text(w->r, "%s", w->labels.key[k])))
            return base_no_memory(e);
    w->trial = base_alloc(w->list.n, sizeof *w->trial);
    w->pair = base_alloc(w->list.n, sizeof *w->pair);
    return w->trial && w->pair ? GUISE_OK : base_no_memory(e);
}

static void finish(work *w)
{
    eval_album_close(&w->album);
    eval_pair_list_free(&w->list);
    eval_labels_free(&w->labels);
    base_free(w->trial);
    base_free(w->pair);
}

// Vectors of the photos that pairs need, and a trial for each pair that has both.
static guise_status score(work *w, eval_embedder *m, base_error *e)
{
    eval_album *a = &w->album;
    size_t missing;
    bool *want = base_alloc(a->n, sizeof *want);
    if (!want) return base_no_memory(e);
    for (size_t i = 0; i < 2 * w->list.n; i++) {
        const eval_photo *p = eval_album_find(a, w->list.at[i / 2].photo[i % 2]);
        if (p) want[p - a->at] = true;
    }
    guise_status s = eval_album_embed(a, m, want, w->c, &missing, e);
    base_free(want);
    if (s || *w->c->stopped) return s;
    w->n = 0;
    for (size_t i = 0; i < w->list.n; i++) {
        const eval_listed_pair *p = &w->list.at[i];
        const eval_photo *x = eval_album_find(a, p->photo[0]), *y = eval_album_find(a, p->photo[1]);
        if (!x || !y || !x->vector || !y->vector) continue;
        w->trial[w->n] =
            (eval_trial){eval_album_cosine(a, x, y), p->same, p->fold, {x->who, y->who}};
        w->pair[w->n++] = i;
    }
    if (!w->n)
        return base_fail(e, GUISE_NO_FACE, "no pair has two usable photos below %s", w->c->data);
    return GUISE_OK;
}

static guise_status add_cases(work *w, const eval_verification *v, eval_result *x, base_error *e)
{
    double *value[CASE_METRICS];
    for (int k = 0; k < CASE_METRICS; k++) {
        eval_metric *m = eval_add_metric(x, &of_case[k]);
        if (!m) return base_no_memory(e);
        value[k] = m->value;
    }
    for (size_t i = 0; i < w->n; i++) {
        const eval_trial *t = &w->trial[i];
        const eval_listed_pair *p = &w->list.at[w->pair[i]];
        double above = t->score - v->fold_threshold[t->fold];
        eval_case *c = &x->cases[i];
        c->name = eval_text(w->r, "%05zu", w->pair[i] + 1);
        c->source = eval_text(w->r, "%s", p->photo[0]);
        c->target = eval_text(w->r, "%s", p->photo[1]);
        if (!c->name || !c->source || !c->target) return base_no_memory(e);
        for (int k = 0; k < w->labels.keys; k++) {
            const char *a = eval_labels_of(&w->labels, c->source, k);
            const char *b = eval_labels_of(&w->labels, c->target, k);
            if (!a || !b || strcmp(a, b) != 0) continue; // of two groups: in neither
            if (!(c->label[k] = eval_text(w->r, "%s", a))) return base_no_memory(e);
        }
        value[t->same ? SAME : DIFFERENT][i] = t->score;
        value[RIGHT][i] = (above >= 0) == t->same;
        value[MARGIN][i] = t->same ? above : -above;
    }
    return GUISE_OK;
}

static guise_status add_numbers(eval_result *x, const eval_verification *v, base_error *e)
{
    const eval_figure none = {v->accuracy_error, NAN, NAN}, at = {v->threshold, NAN, NAN};
    const eval_figure f[NUMBERS] = {v->accuracy, none,      v->auc,    v->eer,
                                    v->tar[0],   v->tar[1], v->tar[2], at};
    for (int k = 0; k < NUMBERS; k++) {
        if (!eval_add_number(x, &of_all[k], f[k].value)) return base_no_memory(e);
        x->metric[x->n - 1].low = f[k].low;
        x->metric[x->n - 1].high = f[k].high;
    }
    return GUISE_OK;
}

// The corners of the ROC, without those that nobody could see.
static guise_status add_roc(eval_result *x, const eval_verification *v, base_error *e)
{
    eval_curve *c = eval_add_curve(x, "ROC", "FAR: share of pairs of two people called the same",
                                   "TAR: of pairs of one person", v->points);
    if (!c) return base_no_memory(e);
    c->n = 0;
    for (size_t i = 0; i < v->points; i++) {
        const eval_roc_point *p = &v->roc[i];
        const double *last = c->n ? &c->at[2 * (c->n - 1)] : NULL;
        bool end = i + 1 == v->points, edge = !end && v->roc[i + 1].far > p->far;
        if (last && !end && !(edge && p->tar > last[1] + 2e-4) && p->far < 1.03 * last[0]) continue;
        c->at[2 * c->n] = p->far;
        c->at[2 * c->n + 1] = p->tar;
        c->n++;
    }
    return GUISE_OK;
}

static guise_status write_picture(work *w, eval_result *x, size_t i, face_detector *d,
                                  base_error *e)
{
    eval_case *c = &x->cases[i];
    base_image crop[2] = {{0}}, both = {0};
    char *path = NULL;
    c->picture = eval_text(w->r, "pictures/%s-%s.jpg", x->name, c->name);
    if (c->picture) path = base_format("%s/%s", w->c->out, c->picture);
    guise_status s = path ? GUISE_OK : base_no_memory(e);
    const char *const key[2] = {c->source, c->target};
    for (int k = 0; !s && k < 2; k++)
        s = eval_album_crop(eval_album_find(&w->album, key[k]), d, CROP, &crop[k], e);
    if (!s) s = eval_side_by_side(&both, crop, 2, e);
    if (!s) s = media_photo_write(&both, path, NULL, e);
    base_image_free(&crop[0]);
    base_image_free(&crop[1]);
    base_image_free(&both);
    base_free(path);
    return s;
}

// Of the pairs with the greatest and the least margins.
static guise_status add_pictures(work *w, eval_result *x, base_error *e)
{
    const double *margin = eval_metric_find(x, "margin")->value;
    double *sorted = base_alloc(w->n, sizeof *sorted);
    char *dir = base_format("%s/pictures", w->c->out);
    face_detector *d = NULL;
    guise_status s = sorted && dir ? base_make_dir(dir, e) : base_no_memory(e);
    if (!s && w->c->detector) s = face_detector_open(&d, w->c->detector, e);
    if (!s) {
        memcpy(sorted, margin, w->n * sizeof *sorted);
        eval_sort(sorted, w->n);
        size_t k = w->n < SHOWN ? w->n : SHOWN;
        double low = sorted[k - 1], high = sorted[w->n - k];
        for (size_t i = 0; !s && i < w->n; i++)
            if (margin[i] <= low || margin[i] >= high) s = write_picture(w, x, i, d, e);
        x->columns = "first photo, second photo";
        x->ranked = "margin";
    }
    face_detector_close(&d);
    base_free(dir);
    base_free(sorted);
    return s;
}

static guise_status measure(void *user, const char *file, base_error *e)
{
    work *w = user;
    eval_embedder *m = NULL;
    eval_verification v = {0};
    eval_result *x = NULL;
    if (*w->c->stopped) return GUISE_OK;
    guise_status s = eval_embedder_open(&m, file, e);
    if (!s) s = score(w, m, e);
    eval_embedder_close(&m);
    if (!s && !*w->c->stopped) {
        s = eval_verify(w->trial, w->n, w->list.folds, EVAL_RESAMPLES, EVAL_SEED, &v, e);
        if (!s) s = eval_add_file(w->r, file, w->n, &x, e);
        if (!s) s = add_numbers(x, &v, e);
        if (!s) s = add_cases(w, &v, x, e);
        if (!s) s = add_roc(x, &v, e);
        if (!s && w->c->out) s = add_pictures(w, x, e);
    }
    eval_verify_free(&v);
    return s;
}

static const char all_of_lfw[] = "LFW's own list of 6000 pairs: the same protocol, other pairs";
static const eval_published published[] = {
    {"MobileFaceNet", "accuracy", 0.9955, "Chen et al. 2018, abstract", all_of_lfw},
    {"face-reidentification-retail-0095", "accuracy", 0.9947, "Open Model Zoo, its model card",
     all_of_lfw}};

// What the reader must know of the pairs.
static guise_status add_notes(work *w, base_error *e)
{
    eval_report *r = w->r;
    const eval_pair_list *l = &w->list;
    size_t same = 0, seen = 0, left_out = l->n - w->n;
    for (size_t i = 0; i < w->n; i++) {
        const eval_listed_pair *p = &l->at[w->pair[i]];
        same += w->trial[i].same;
        seen += !eval_album_find(&w->album, p->photo[0])->held_out ||
                !eval_album_find(&w->album, p->photo[1])->held_out;
    }
    r->data = eval_text(r, "%s: %zu pairs of one person and %zu of two in %d fold%s, %s",
                        w->c->data, same, w->n - same, l->folds, l->folds == 1 ? "" : "s",
                        w->o->pairs ? w->o->pairs : "made by rule (doc/eval.md)");
    bool ok = r->data != NULL;
    if (left_out)
        ok = ok && eval_add_note(r, eval_text(r,
                                              "%zu of %zu pairs are left out: a photo of theirs is "
                                              "not there, or shows no face.",
                                              left_out, l->n));
    if (seen)
        ok = ok && eval_add_note(r, eval_text(r,
                                              "%zu pairs show people who are not held out from "
                                              "trainings here (doc/eval.md); an embedder that was "
                                              "trained on this folder is flattered by them.",
                                              seen));
    if (l->folds == 1)
        ok = ok && eval_add_note(r, "There is one fold, so the threshold is chosen on the pairs "
                                    "that it judges: accuracy is flattered.");
    for (size_t i = 0; ok && i < sizeof published / sizeof *published; i++)
        ok = eval_add_published(r, published[i]);
    if (same * 2 != w->n)
        ok = ok && eval_add_note(r, "Pairs of one person and of two are not equally many: accuracy "
                                    "is that of this mixture.");
    return ok ? GUISE_OK : base_no_memory(e);
}

static guise_status write_list(const work *w, base_error *e)
{
    char *path = w->c->out ? base_format("%s/pairs.csv", w->c->out) : NULL;
    if (!w->c->out) return GUISE_OK;
    guise_status s = path ? eval_pair_list_write(&w->list, path, e) : base_no_memory(e);
    base_free(path);
    return s;
}

static guise_status run(const eval_call *c, const void *given, eval_report *r, base_error *e)
{
    const options *o = given;
    work w = {.c = c, .o = o, .r = r};
    const char *from = o->embedder ? o->embedder : c->generator;
    if (!c->data || !from)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "say where photos are with --data, and which network makes identities "
                         "with --embedder");
    guise_status s = prepare(&w, e);
    r->title = "Identity: how well an embedder tells people apart";
    if (!s) s = eval_each_file(from, measure, &w, e);
    if (!s && !*c->stopped) s = add_notes(&w, e);
    if (!s && !*c->stopped) s = write_list(&w, e);
    finish(&w);
    return s;
}

const eval_suite eval_suite_identity = {
    .name = "identity",
    .summary = "an embedder on pairs of photos: accuracy in folds, ROC, TAR at FAR",
    .fields = fields,
    .size = sizeof(options),
    .run = run,
};
