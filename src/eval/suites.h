// suites.h -- the suites there are, one a file.
#ifndef GUISE_EVAL_SUITES_H
#define GUISE_EVAL_SUITES_H
#include "eval/eval.h"

extern const eval_suite eval_suite_swap;          // a generator on pairs of people
extern const eval_suite eval_suite_frames;        // how steady a generator is over frames
extern const eval_suite eval_suite_pairs;         // what a training shows of its progress
extern const eval_suite eval_suite_identity;      // an embedder on pairs of photos
extern const eval_suite eval_suite_smooth;        // how smooth an embedder's space is
extern const eval_suite eval_suite_detect;        // a detector against another one
extern const eval_suite eval_suite_toy;           // drawn faces, whose right swap is known
extern const eval_suite eval_suite_speed;         // what a swap costs
extern const eval_suite eval_suite_ablation;      // SimSwap's variants
extern const eval_suite eval_suite_faceforensics; // the papers' protocol on FaceForensics++
extern const eval_suite eval_suite_celeba;        // and on CelebAMask-HQ

#endif
