// toy_measure.h -- how far a generator's swaps of drawn faces are from the right ones.
#ifndef GUISE_TRAIN_TOY_MEASURE_H
#define GUISE_TRAIN_TOY_MEASURE_H
#include "train/toy.h"

typedef struct {
    const char *generator; // file that train_start exported
    const char *identity;  // ONNX file of its recogniser; NULL for networks that take no identity
    const char *judge;     // ONNX file of another one (TOY_JUDGE), or NULL
    const char *sheet;     // picture to write: source, target, result, right swap; or NULL
    toy_set set;           // that it was trained on
    int pairs;             // 0: 64
    bool pair;             // person 0 of the set on new photos of person 1, as for DeepFakes; else
                           // pairs of new people
} toy_measuring;
typedef struct {
    int pairs;
    // Means of |a - b|, shares of full range.
    double wrong;    // result to right swap, in the oval of the face that a swap pastes
    double idle;     // target to right swap there: what doing nothing would have
    double rest;     // result to right swap around it: hair, background, clothes
    double self;     // self-swap to target, everywhere
    double like;     // mean cosine of result to source by the judge; 0 without one, as the next
    double likeness; // the same of the right swap: as much as can be reached
} toy_measured;
// Errors: those of files; GUISE_BAD_ARGUMENT where the recogniser does not fit.
guise_status toy_measure(toy_measured *m, const toy_measuring *c, base_error *e);

#endif
