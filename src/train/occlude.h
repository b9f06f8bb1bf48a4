// occlude.h -- things in front of faces, drawn by the program: hands and objects with texture,
// shadow and motion blur. HEAR-Net learns from them to bring back what AEI-Net takes away.
//
// The paper pastes photographed hands and rendered objects (Li et al. 2020, section 3.2: random
// rotation, size, colour matched); shares, angles and sizes are taotaonice's (spec/faceshifter.md
// 2.2).
#ifndef GUISE_TRAIN_OCCLUDE_H
#define GUISE_TRAIN_OCCLUDE_H
#include "base/base.h"

typedef enum {
    TRAIN_OCCLUDE_NOTHING,
    TRAIN_OCCLUDE_HAND,
    TRAIN_OCCLUDE_OBJECT,
    TRAIN_OCCLUDE_BOTH
} train_occluder;

// One of the four, each as likely as the others.
train_occluder train_occlude_draw(base_rng *r);
// Put it in front of the face of planes [3,side,side] RGB 0..1, a crop of template arcface: the
// centre anywhere on the face, turned by up to 90 degrees, 0.5 to 1 of its full size.
//   cover  [side,side] how much of each pixel is covered, or NULL. Where it is 0 the picture can
//          still lie in shadow.
guise_status train_occlude(float *planes, int side, train_occluder what, base_rng *r, float *cover,
                           base_error *e);

#endif
