// mixture.h -- faces between two people, bent a little: nobody's, so that a teacher can say of ever
// new faces who they are, where photos are few (Beyer et al. 2022, "Knowledge distillation: A good
// teacher is patient and consistent": aggressive mixing, the teacher asked anew each time).
#ifndef GUISE_TRAIN_MIXTURE_H
#define GUISE_TRAIN_MIXTURE_H
#include "face/face.h"

// One crop of template arcface with its margin: [side,side,3] RGB, and landmarks in it.
typedef struct {
    const uint8_t *pixels;
    const face_point *point;
} train_wide_face;

// planes [3,side,side] RGB 0..1: a's and b's face, b's mirrored in half of all cases, mixed all
// over or one half into the other, and bent by up to 3 % of the side. point: where its landmarks
// lie then. What is drawn depends on r alone.
void train_mixture_draw(train_wide_face a, train_wide_face b, int side, base_rng *r, float *planes,
                        face_point point[FACE_POINTS]);
// The crop alone as planes.
void train_mixture_none(train_wide_face a, int side, float *planes, face_point point[FACE_POINTS]);

#endif
