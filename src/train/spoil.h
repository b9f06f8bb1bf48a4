// spoil.h -- photos made worse, as the world makes them: what learns from these stands them later.
#ifndef GUISE_TRAIN_SPOIL_H
#define GUISE_TRAIN_SPOIL_H
#include "base/base.h"

// How likely each is, 0..1.
typedef struct {
    double grey;  // no colour
    double light; // gamma 0.6 to 1.7, and down to a quarter of the light
    double small; // 1.5 to 4 times less resolution
    double blur;  // one or two passes of a box of 3 or 5 pixels
    double noise; // normal, deviation up to 0.06
    double cover; // a hand or an object in front (occlude.h)
} train_spoil_chances;
// planes [3,side,side] RGB 0..1, a crop of template arcface, in place. What is done
// depends on r alone. Errors: GUISE_NO_MEMORY.
guise_status train_spoil(float *planes, int side, const train_spoil_chances *c, base_rng *r,
                         base_error *e);

#endif
