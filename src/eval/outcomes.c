// outcomes.c -- many results of a protocol: measured in batches, and as metrics of a report.
#include "eval/outcomes.h"
#include <math.h>
#include <string.h>

static const eval_definition definitions[OUTCOME_METRICS] = {
    [OUTCOME_RETRIEVAL] =
        {"retrieval", "ID retrieval", "share",
         "share of results whose nearest frame among those of all originals, by cosine, is of the "
         "source's video",
         "Li et al. 2020 (FaceShifter), section 4.2, with another recogniser", 1, 4},
    [OUTCOME_TO_SOURCE] = {"cosine_source", "cosine to source", "",
                           "cosine of the result's identity vector to the source's, by the "
                           "measuring recogniser, -1 to 1; points are the target's",
                           "ours", 1, 3},
    [OUTCOME_TO_TARGET] = {"cosine_target", "cosine to target", "",
                           "the same to the target's, -1 to 1", "ours", -1, 3},
    [OUTCOME_LOSS] = {"identity_loss", "identity loss", "",
                      "1 minus the cosine to the source, 0 to 2",
                      "Chen et al. 2020 (SimSwap), figure 7, by a recogniser that taught nobody",
                      -1, 3},
    [OUTCOME_POSE] = {"pose", "pose error", "degrees",
                      "Euclidean distance of pitch, roll and yaw of the result and of the target, "
                      "each the mean of 18 looks",
                      "after Li et al. 2020 and Chen et al. 2020, with another network", -1, 2},
    [OUTCOME_EXPRESSION] = {"expression", "expression error", "standard deviations",
                            "Euclidean distance of the 10 expression parameters of 3DDFA_V2 of the "
                            "result and of the target, each divided by its deviation",
                            "after Li et al. 2020, with another model", -1, 3},
    [OUTCOME_SELF] = {"reconstruction", "reconstruction loss", "share of full range",
                      "mean absolute difference of the target's crop to what the generator makes "
                      "of it with its own identity, 0 to 1",
                      "Chen et al. 2020 (SimSwap), figure 7", -1, 4},
};

guise_status eval_outcomes_measure(eval_protocol *p, eval_outcome *o, size_t n,
                                   const char *pictures, const char *name, int *done, int total,
                                   base_error *e)
{
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < n && !*p->c->stopped; i += TRAIN_SWAPS) {
        int k = n - i < TRAIN_SWAPS ? (int)(n - i) : TRAIN_SWAPS;
        char *path[TRAIN_SWAPS] = {0};
        for (int j = 0; pictures && !s && j < k; j++) {
            path[j] = base_format("%s/%s-%05zu.jpg", pictures, name, i + (size_t)j + 1);
            if (!path[j]) s = base_no_memory(e);
        }
        if (!s) s = eval_protocol_measure(p, o + i, k, path, e);
        for (int j = 0; j < TRAIN_SWAPS; j++) base_free(path[j]);
        *done += k;
        if (!s && p->c->progress && !p->c->progress(p->c->user, *done, total, NULL))
            *p->c->stopped = true;
    }
    return s;
}

// Is the gallery's photo that is nearest to the result of the source's video? Of equally near ones
// the first counts.
static bool retrieved(const eval_protocol *p, const eval_outcome *o, const int *gallery, int n)
{
    double best = -2;
    int who = -1;
    for (int i = 0; i < n; i++) {
        const eval_photo *g = &p->album.at[gallery[i]];
        double cosine = 0;
        if (!g->vector) continue;
        for (int k = 0; k < p->album.length; k++)
            cosine += (double)o->vector[k] * (double)g->vector[k];
        if (cosine > best) best = cosine, who = g->who;
    }
    return who == p->album.at[o->source].who;
}

static double value_of(const eval_protocol *p, const eval_outcome *o, const double *self, size_t i,
                       const int *gallery, int n_gallery, int metric)
{
    if (metric == OUTCOME_SELF) return self ? self[i] : (double)NAN;
    if (!o->usable) return (double)NAN;
    switch (metric) {
    case OUTCOME_RETRIEVAL:
        return retrieved(p, o, gallery, n_gallery);
    case OUTCOME_TO_SOURCE:
        return o->to_source;
    case OUTCOME_TO_TARGET:
        return o->to_target;
    case OUTCOME_LOSS:
        return 1 - o->to_source;
    case OUTCOME_POSE:
        return o->pose;
    default:
        return o->expression;
    }
}

guise_status eval_outcomes_report(const eval_protocol *p, const eval_outcome *o, size_t n,
                                  const outcome_view *v, eval_report *r, eval_result *x,
                                  base_error *e)
{
    for (int k = 0; k < OUTCOME_METRICS; k++) {
        if (!(v->metrics & 1u << k)) continue;
        if ((k == OUTCOME_POSE && !p->pose) || (k == OUTCOME_EXPRESSION && !p->form)) continue;
        eval_metric *m = eval_add_metric(x, &definitions[k]);
        if (!m) return base_no_memory(e);
        for (size_t i = 0; i < n; i++)
            m->value[i] = value_of(p, &o[i], v->self, i, v->gallery, v->n_gallery, k);
    }
    for (size_t i = 0; i < n; i++) {
        eval_case *c = &x->cases[i];
        c->name = eval_text(r, "%05zu", i + 1);
        c->source = eval_text(r, "%s", p->album.at[o[i].source].key);
        c->target = eval_text(r, "%s", p->album.at[o[i].target].key);
        if (v->pictures && o[i].usable)
            c->picture = eval_text(r, "%s/%s-%05zu.jpg", v->pictures, v->name, i + 1);
        if (!c->name || !c->source || !c->target || (v->pictures && o[i].usable && !c->picture))
            return base_no_memory(e);
    }
    if (v->pictures) x->columns = "source, target, result";
    return GUISE_OK;
}
