// verify.h -- how well a recogniser tells whether two photos show one person: verification.
//
// A trial is a pair of photos with the score that the recogniser gives it (a cosine; larger: more
// alike) and the truth. Called the same where score >= threshold.
//   accuracy  share of trials called right; threshold of each fold chosen on all other folds
//             (Huang et al. 2007, "Labeled Faces in the Wild", view 2)
//   FAR, TAR  shares of different, of same pairs that are called the same
//   EER       FAR where it equals 1 - TAR, on the straight line between neighbouring thresholds
//   AUC       area under TAR over FAR: chance that a same pair scores above a different one
//   TAR at f  greatest TAR of the thresholds whose FAR is at most f
#ifndef GUISE_EVAL_VERIFY_H
#define GUISE_EVAL_VERIFY_H
#include "base/base.h"

typedef struct {
    double score;
    bool same;
    int fold;      // 0 .. folds - 1
    int person[2]; // who they are, numbered from 0
} eval_trial;

typedef struct {
    double threshold, far, tar;
} eval_roc_point;

enum { EVAL_FOLDS = 32, EVAL_FAR_RATES = 3 };
extern const double eval_far_rates[EVAL_FAR_RATES]; // FARs that TAR is told at: 1e-2, 1e-3, 1e-4

// Each with the interval that 95 % of the resamples give; NaN where it cannot be told.
typedef struct {
    double value, low, high;
} eval_figure;

typedef struct {
    size_t same, different; // trials
    int folds;
    eval_figure accuracy, auc, eer;
    eval_figure tar[EVAL_FAR_RATES]; // NaN with fewer than 1 / FAR different pairs
    double accuracy_error;           // deviation of the folds' accuracies / root of their number
    double fold_accuracy[EVAL_FOLDS], fold_threshold[EVAL_FOLDS];
    double threshold;    // mean of the folds'
    eval_roc_point *roc; // by falling threshold, from nothing to everything called the same
    size_t points;
} eval_verification;

// Intervals: people are drawn with replacement, a pair counts as often as its people do (Bolle et
// al. 2004, "Error analysis of pattern recognition systems": trials of one person hang together);
// of a pair of two people, as the product. Same trials, same seed: same bits.
//   folds  1 .. EVAL_FOLDS; 1: the threshold is chosen on all trials, which flatters
//   draws  of the resampling; 0: no intervals
// Errors: GUISE_BAD_ARGUMENT where there is no same or no different pair, a fold has none, or a
// score is no number; GUISE_NO_MEMORY. *r is all zero then.
guise_status eval_verify(const eval_trial *t, size_t n, int folds, int draws, uint64_t seed,
                         eval_verification *r, base_error *e);
void eval_verify_free(eval_verification *r);
// Shares called wrong at a threshold, of the trials for which take[i] is set (NULL: all):
// rates[0] of different pairs called the same, rates[1] of same pairs called different; NaN where
// there are none. counts: how many of either.
void eval_verify_at(const eval_trial *t, size_t n, const bool *take, double threshold,
                    double rates[2], size_t counts[2]);

#endif
