// outcomes.h -- many results of a protocol: measured in batches, and as metrics of a report.
#ifndef GUISE_EVAL_OUTCOMES_H
#define GUISE_EVAL_OUTCOMES_H
#include "eval/protocol.h"

enum {
    OUTCOME_RETRIEVAL,
    OUTCOME_TO_SOURCE,
    OUTCOME_TO_TARGET,
    OUTCOME_LOSS,
    OUTCOME_POSE,
    OUTCOME_EXPRESSION,
    OUTCOME_SELF,
    OUTCOME_METRICS
};

// pictures: folder for NAME-00001.jpg of each, or NULL. *done rises; total is for the progress.
guise_status eval_outcomes_measure(eval_protocol *p, eval_outcome *o, size_t n,
                                   const char *pictures, const char *name, int *done, int total,
                                   base_error *e);

typedef struct {
    unsigned metrics;   // bits 1 << OUTCOME_...
    const int *gallery; // photos of the album that retrieval looks through
    int n_gallery;
    const double *self;          // reconstruction loss of each, or NULL
    const char *pictures, *name; // folder below the report's, and what names begin with; or NULL
} outcome_view;
// Cases and metrics of x, which has n cases.
guise_status eval_outcomes_report(const eval_protocol *p, const eval_outcome *o, size_t n,
                                  const outcome_view *v, eval_report *r, eval_result *x,
                                  base_error *e);

#endif
