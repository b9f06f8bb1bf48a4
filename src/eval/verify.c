// verify.c -- verification on pairs: accuracy by folds, ROC and what is read off it, intervals.
#include "eval/verify.h"
#include "eval/statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const double eval_far_rates[EVAL_FAR_RATES] = {1e-2, 1e-3, 1e-4};

// The trials by falling score, and how often each counts.
typedef struct {
    const eval_trial *t;
    size_t n;
    double *weight;                   // of each, in t's order of the original
    size_t *order;                    // indices by falling score
    bool *right;                      // called right by the threshold of its fold
    double *draw[3 + EVAL_FAR_RATES]; // figures of the resamples
    int *times;                       // how often a person was drawn
    int people;
} work;

typedef struct {
    double accuracy, auc, eer, tar[EVAL_FAR_RATES];
} figures;

static void work_free(work *w)
{
    base_free(w->weight);
    base_free(w->order);
    base_free(w->right);
    base_free(w->times);
    for (int i = 0; i < 3 + EVAL_FAR_RATES; i++) base_free(w->draw[i]);
}

// By falling score; equal scores in the order given.
static int falling(const void *a, const void *b, void *user)
{
    const eval_trial *t = user;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    if (t[i].score != t[k].score) return t[i].score < t[k].score ? 1 : -1;
    return (i > k) - (i < k);
}

static guise_status work_open(work *w, const eval_trial *t, size_t n, int draws, base_error *e)
{
    *w = (work){.t = t, .n = n};
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 2; k++)
            if (t[i].person[k] >= w->people) w->people = t[i].person[k] + 1;
    w->weight = base_alloc(n, sizeof *w->weight);
    w->order = base_alloc(n, sizeof *w->order);
    w->right = base_alloc(n, sizeof *w->right);
    w->times = base_alloc((size_t)w->people + 1, sizeof *w->times);
    bool ok = w->weight && w->order && w->right && w->times;
    for (int i = 0; i < 3 + EVAL_FAR_RATES; i++)
        ok &= (w->draw[i] = base_alloc((size_t)draws + 1, sizeof(double))) != NULL;
    if (!ok) return base_no_memory(e);
    for (size_t i = 0; i < n; i++) w->order[i] = i, w->weight[i] = 1;
    qsort_r(w->order, n, sizeof *w->order, falling, (void *)(uintptr_t)t);
    return GUISE_OK;
}

static guise_status check(const eval_trial *t, size_t n, int folds, base_error *e)
{
    size_t count[EVAL_FOLDS] = {0}, same = 0;
    if (folds < 1 || folds > EVAL_FOLDS)
        return base_fail(e, GUISE_BAD_ARGUMENT, "folds lie in 1..%d, not at %d", EVAL_FOLDS, folds);
    for (size_t i = 0; i < n; i++) {
        const eval_trial *v = &t[i];
        if (!isfinite(v->score) || v->fold < 0 || v->fold >= folds || v->person[0] < 0 ||
            v->person[1] < 0)
            return base_fail(e, GUISE_BAD_ARGUMENT, "pair %zu has no usable score, fold or person",
                             i + 1);
        same += v->same;
        count[v->fold]++;
    }
    if (!same || same == n)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "verification needs pairs of the same and of different people: there are "
                         "%zu and %zu",
                         same, n - same);
    for (int i = 0; i < folds; i++)
        if (!count[i])
            return base_fail(e, GUISE_BAD_ARGUMENT,
                             "fold %d of %d has no pair; give more pairs or fewer folds", i + 1,
                             folds);
    return GUISE_OK;
}

// End of the run of equal scores that begins at place i of the order.
static size_t run_end(const work *w, size_t i)
{
    size_t k = i + 1;
    while (k < w->n && w->t[w->order[k]].score == w->t[w->order[i]].score) k++;
    return k;
}

// Halfway between the scores above and below place i of the order; beyond the ends, by 1: scores
// are cosines.
static double threshold_before(const work *w, size_t i)
{
    if (i == 0) return w->t[w->order[0]].score + 1;
    double above = w->t[w->order[i - 1]].score;
    if (i == w->n) return above - 1;
    double below = w->t[w->order[i]].score, half = above + (below - above) / 2;
    return half > below ? half : above; // scores that are next to each other as doubles
}

// The threshold with most trials right outside the fold (or at all, where it is the only one);
// of several, the greatest.
static double choose(const work *w, int fold, int folds)
{
    int64_t right = 0, best;
    size_t at = 0;
    for (size_t i = 0; i < w->n; i++)
        right += (folds == 1 || w->t[i].fold != fold) && !w->t[i].same;
    best = right;
    for (size_t i = 0; i < w->n;) {
        size_t end = run_end(w, i);
        for (; i < end; i++) {
            const eval_trial *t = &w->t[w->order[i]];
            if (folds == 1 || t->fold != fold) right += t->same ? 1 : -1;
        }
        if (right > best) best = right, at = end;
    }
    return threshold_before(w, at);
}

static void folds_run(work *w, eval_verification *r)
{
    int count[EVAL_FOLDS] = {0}, right[EVAL_FOLDS] = {0};
    double mean = 0, squares = 0;
    for (int k = 0; k < r->folds; k++) {
        r->fold_threshold[k] = choose(w, k, r->folds);
        r->threshold += r->fold_threshold[k] / r->folds;
    }
    for (size_t i = 0; i < w->n; i++) {
        const eval_trial *t = &w->t[i];
        w->right[i] = (t->score >= r->fold_threshold[t->fold]) == t->same;
        count[t->fold]++;
        right[t->fold] += w->right[i];
    }
    for (int k = 0; k < r->folds; k++) {
        r->fold_accuracy[k] = (double)right[k] / count[k];
        mean += r->fold_accuracy[k] / r->folds;
    }
    for (int k = 0; k < r->folds; k++)
        squares += (r->fold_accuracy[k] - mean) * (r->fold_accuracy[k] - mean);
    r->accuracy_error = r->folds > 1 ? sqrt(squares / (r->folds - 1) / r->folds) : NAN;
}

// Mean over the folds of the share called right; a fold that no draw hit is left out.
static double accuracy(const work *w, int folds)
{
    double all[EVAL_FOLDS] = {0}, right[EVAL_FOLDS] = {0}, sum = 0;
    int hit = 0;
    for (size_t i = 0; i < w->n; i++) {
        all[w->t[i].fold] += w->weight[i];
        right[w->t[i].fold] += w->right[i] ? w->weight[i] : 0;
    }
    for (int k = 0; k < folds; k++)
        if (all[k] > 0) sum += right[k] / all[k], hit++;
    return hit ? sum / hit : NAN;
}

// One walk down the thresholds with the weights as they are. False where a kind has no weight.
static bool walk(const work *w, int folds, figures *f, eval_roc_point *roc, size_t *points)
{
    double all[2] = {0}, seen[2] = {0}, far = 0, tar = 0;
    for (size_t i = 0; i < w->n; i++) all[w->t[i].same] += w->weight[i];
    if (!(all[0] > 0) || !(all[1] > 0)) return false;
    *f = (figures){.accuracy = accuracy(w, folds), .eer = NAN};
    if (roc) roc[(*points)++] = (eval_roc_point){threshold_before(w, 0), 0, 0};
    for (size_t i = 0; i < w->n;) {
        size_t end = run_end(w, i);
        for (; i < end; i++) seen[w->t[w->order[i]].same] += w->weight[w->order[i]];
        double far0 = far, tar0 = tar;
        far = seen[0] / all[0], tar = seen[1] / all[1];
        f->auc += (far - far0) * (tar + tar0) / 2;
        double before = 1 - tar0 - far0, after = 1 - tar - far;
        if (before > 0 && after <= 0) f->eer = far0 + (far - far0) * before / (before - after);
        for (int k = 0; k < EVAL_FAR_RATES; k++)
            if (far <= eval_far_rates[k]) f->tar[k] = tar;
        if (roc) roc[(*points)++] = (eval_roc_point){w->t[w->order[end - 1]].score, far, tar};
    }
    return true;
}

static void draw_people(work *w, base_rng *rng)
{
    memset(w->times, 0, (size_t)w->people * sizeof *w->times);
    for (int i = 0; i < w->people; i++) w->times[base_rng_range(rng, 0, w->people - 1)]++;
    for (size_t i = 0; i < w->n; i++) {
        const int *p = w->t[i].person;
        w->weight[i] = p[0] == p[1] ? w->times[p[0]] : w->times[p[0]] * w->times[p[1]];
    }
}

static void interval(eval_figure *f, double *draws, int n)
{
    f->low = f->high = NAN;
    if (n < 2 || isnan(f->value)) return;
    eval_sort(draws, (size_t)n);
    f->low = eval_quantile(draws, (size_t)n, 0.025);
    f->high = eval_quantile(draws, (size_t)n, 0.975);
}

static void resample(work *w, int draws, uint64_t seed, eval_verification *r)
{
    base_rng rng = {seed};
    int n = 0;
    for (int i = 0; i < draws; i++) {
        figures f;
        draw_people(w, &rng);
        if (!walk(w, r->folds, &f, NULL, NULL)) continue; // too few people: a kind is missing
        w->draw[0][n] = f.accuracy;
        w->draw[1][n] = f.auc;
        w->draw[2][n] = f.eer;
        for (int k = 0; k < EVAL_FAR_RATES; k++) w->draw[3 + k][n] = f.tar[k];
        n++;
    }
    interval(&r->accuracy, w->draw[0], n);
    interval(&r->auc, w->draw[1], n);
    interval(&r->eer, w->draw[2], n);
    for (int k = 0; k < EVAL_FAR_RATES; k++) interval(&r->tar[k], w->draw[3 + k], n);
}

guise_status eval_verify(const eval_trial *t, size_t n, int folds, int draws, uint64_t seed,
                         eval_verification *r, base_error *e)
{
    *r = (eval_verification){.folds = folds};
    work w = {0};
    figures f = {0};
    guise_status s = check(t, n, folds, e);
    if (!s) s = work_open(&w, t, n, draws, e);
    if (!s && !(r->roc = base_alloc(n + 1, sizeof *r->roc))) s = base_no_memory(e);
    if (!s) {
        for (size_t i = 0; i < n; i++) *(t[i].same ? &r->same : &r->different) += 1;
        folds_run(&w, r);
        walk(&w, folds, &f, r->roc, &r->points);
        r->accuracy.value = f.accuracy;
        r->auc.value = f.auc;
        r->eer.value = f.eer;
        for (int k = 0; k < EVAL_FAR_RATES; k++)
            r->tar[k].value =
                (double)r->different * eval_far_rates[k] >= 1 ? f.tar[k] : (double)NAN;
        resample(&w, draws, seed, r);
    }
    work_free(&w);
    if (s) eval_verify_free(r);
    return s;
}

void eval_verify_free(eval_verification *r)
{
    base_free(r->roc);
    *r = (eval_verification){0};
}

void eval_verify_at(const eval_trial *t, size_t n, const bool *take, double threshold,
                    double rates[2], size_t counts[2])
{
    size_t wrong[2] = {0};
    counts[0] = counts[1] = 0;
    for (size_t i = 0; i < n; i++) {
        if (take && !take[i]) continue;
        counts[t[i].same]++;
        wrong[t[i].same] += (t[i].score >= threshold) != t[i].same;
    }
    for (int k = 0; k < 2; k++)
        rates[k] = counts[k] ? (double)wrong[k] / (double)counts[k] : (double)NAN;
}
