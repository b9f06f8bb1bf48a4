// losses.h -- the losses of SimSwap as graph builders; all return [] unless said otherwise.
//
// Weights (lambda) are the caller's: multiply the result. Sources: Chen et al. 2020
// (arXiv 2106.06340) section 3.3, and the two published training classes (spec/simswap.md 4).
#ifndef GUISE_TRAIN_LOSSES_H
#define GUISE_TRAIN_LOSSES_H
#include "graph/ops.h"

// Identity: 1 - cos of each sample. made, source [n,c], any lengths -> [n]; take tg_mean of it.
// The source's vector is a constant to the gradient.
tg_node *train_identity_loss(tg_node *made, tg_node *source);

// Reconstruction: mean |made - target| over all elements, each times its weight.
//   weight  [n] (0 for pairs of different people), a map that expands to made such as
//           [n,1,h,w], or NULL for ones
tg_node *train_reconstruction_loss(tg_node *made, tg_node *target, tg_node *weight);

// Hinge (Lim & Ye 2017) on n maps of logits, one a discriminator: each map's mean, then the mean
// over the maps.
tg_node *train_hinge_real(tg_node *const logit[], int n);      // max(0, 1 - l)
tg_node *train_hinge_fake(tg_node *const logit[], int n);      // max(0, 1 + l)
tg_node *train_hinge_generator(tg_node *const logit[], int n); // -l

// Feature matching on one discriminator: the sum over layers first..last (counted from 0, both
// included) of the mean |made - real|; the real features are constants to the gradient.
// oFM: first 0, last M - 1. Weak: first > 0. wFM-bar: last < M - 1.
tg_node *train_feature_matching(tg_node *const made[], tg_node *const real[], int first, int last);

// x^ = a real + (1 - a) fake; real, fake [n,c,h,w], a [n] in 0..1
tg_node *train_mix(tg_node *real, tg_node *fake, tg_node *a);
// One-centred gradient penalty: mean over samples of (|d sum(logit) / d x|_2 - 1)^2. x [n,...] is
// the node that logit was built from, its samples are rows of dim 0. A true second derivative
// follows when the result is differentiated by the discriminator's weights.
tg_node *train_gradient_penalty(tg_node *logit, tg_node *x);

// Of each number: x^2 / (2 beta) within beta, |x| - beta / 2 outside (Girshick 2015, smooth L1).
tg_node *train_smooth_l1(tg_node *x, double beta);

#endif
