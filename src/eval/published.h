// published.h -- numbers that papers and repositories print, to stand beside ours. Only those that
// were read at their source; where a table could not be read, it is not here.
#ifndef GUISE_EVAL_PUBLISHED_H
#define GUISE_EVAL_PUBLISHED_H
#include "eval/eval.h"

// Ended by {0}. Metrics: retrieval, pose, expression, cosine_source.
extern const eval_published eval_published_faceforensics[];
extern const eval_published eval_published_portraits[]; // pairs of portraits, not of CelebAMask-HQ

bool eval_add_all_published(eval_report *r, const eval_published *p); // false: out of memory

#endif
