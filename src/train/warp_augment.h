// warp_augment.h -- what DeepFakes (2017) learns from: a face that is bent at random, and the same
// face straight.
//
// Planes are [3,side,side], square; coordinates are pixels, the centre of the first at (0, 0).
#ifndef GUISE_TRAIN_WARP_AUGMENT_H
#define GUISE_TRAIN_WARP_AUGMENT_H
#include "face/face.h"

enum { TRAIN_WARP_GRID = 5 };

typedef struct {
    double angle, scale; // degrees; factor
    double dx, dy;       // shift as a share of the side
    bool flip;
    float noise_x[TRAIN_WARP_GRID * TRAIN_WARP_GRID]; // pixels of a picture of 256
    float noise_y[TRAIN_WARP_GRID * TRAIN_WARP_GRID];
} train_warp;
// Angle within 10, scale within 0.05 of 1, shift within 0.05, flipped in 0.4 of the cases, noise of
// deviation 5.
void train_warp_draw(train_warp *w, base_rng *r);

// The similarity of w about (side / 2, side / 2), from the picture to the moved one.
face_transform train_warp_similarity(const train_warp *w, int side);
// out = planes moved by t, its border repeated outwards; mirrored afterwards where flip is set.
void train_warp_move(const float *planes, int side, face_transform t, bool flip, float *out);
// The bent face [3,out,out] and the straight one [3,out,out] of w's noise; out a multiple of 8, as
// 64. The published geometry puts them half a pixel apart (spec/faceshifter.md 5.2); kept.
guise_status train_warp_pair(const float *planes, int side, const train_warp *w, int out,
                             float *bent, float *straight, base_error *e);
// Where pixel (j, i) of the bent face comes from: maps [out,out].
void train_warp_maps(const train_warp *w, int side, int out, float *map_x, float *map_y);
// The similarity from the picture to the straight face.
guise_status train_warp_straight(const train_warp *w, int side, int out, face_transform *t,
                                 base_error *e);

// out [3,out,out] is planes where from, from out's pixels to theirs, takes them; 0 outside.
void train_warp_cut(const float *planes, int side, face_transform from, int out, float *to);

// Mean colour of n pictures; and adding `by` to each channel of one, cut at 0..1. DeepFakes gives
// person A the mean colour of person B.
void train_mean_colour(const float *planes, size_t n, int side, double mean[3]);
void train_shift_colour(float *planes, int side, const double by[3]);

#endif
