// smoothness.h -- how smooth an embedder's space is (Kim et al. 2022): walks between the identities
// of two photos along the sphere, and what lies nearest on the way among the photos of a bank.
//
// The paper's d_smooth is a ratio whose denominator could not be read; spec/smoothswap.md 2.4
// recommends the distance between the ends. Its count is 5.13 +- 1.18 for the paper's embedder,
// 4.25 +- 1.33 for ArcFace (figure 9).
#ifndef GUISE_TRAIN_SMOOTHNESS_H
#define GUISE_TRAIN_SMOOTHNESS_H
#include "base/base.h"

enum { TRAIN_WALK_STEPS = 9 }; // r = 0.1, 0.2 .. 0.9

// out [length]: between unit vectors a and b at r in 0..1, along the great circle; along the chord
// where they are the same or opposite (sine of the angle below 1e-6).
void train_slerp(const float *a, const float *b, int length, double r, float *out);

typedef struct {
    size_t nearest[TRAIN_WALK_STEPS];  // row of the bank, the first where several are as near
    double distance[TRAIN_WALK_STEPS]; // to it
    double angle[TRAIN_WALK_STEPS];    // to it, radians
    double apart, angle_apart;         // of the ends
    int distinct;                      // rows met; a path A, B, A meets two
    int changes;                       // from one row to another
} train_walk;
// bank [n,length] unit rows, n at least 1. Threads are the caller's.
void train_walk_between(const float *a, const float *b, const float *bank, size_t n, int length,
                        train_walk *w);

// Means over the walks of pairs a[i], b[i].
typedef struct {
    double d_smooth;  // distance / apart, over all steps
    double at_half;   // the same at r = 0.5 alone
    double distance;  // not divided
    double angle;     // angle / angle_apart
    double count;     // of distinct rows
    double deviation; // of that, over pairs - 1
    double changes;
} train_smoothness;
// a, b [pairs,length] unit rows. Pairs whose ends are the same do not enter the ratios.
// Errors: GUISE_BAD_ARGUMENT for no pair or an empty bank; GUISE_NO_MEMORY.
guise_status train_smoothness_measure(const float *a, const float *b, size_t pairs,
                                      const float *bank, size_t n, int length, train_smoothness *s,
                                      base_error *e);

#endif
