// steady.h -- how much faces move from frame to frame.
#ifndef GUISE_EVAL_STEADY_H
#define GUISE_EVAL_STEADY_H
#include "eval/gauge.h"

// Mean of |(result - result_0) - (target - target_0)| over pixels and channels in the box of the
// face whose points these are, share of full range; result_0 and target_0 are the frames before.
// NaN where the frames differ in size, or the box lies outside.
double eval_flicker(const base_image *result, const base_image *target, const base_image *result_0,
                    const base_image *target_0, const face_point point[FACE_POINTS]);
// Mean length of c - 2 b + a over the points, divided by the distance between the eyes in c.
double eval_jitter(const face_point a[FACE_POINTS], const face_point b[FACE_POINTS],
                   const face_point c[FACE_POINTS]);

#endif
