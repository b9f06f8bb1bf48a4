// likeness.h -- how alike two pictures are.
#ifndef GUISE_EVAL_LIKENESS_H
#define GUISE_EVAL_LIKENESS_H
#include "base/image.h"

typedef struct {
    double l1;   // mean |a - b| of all channels, share of full range: 0..1
    double psnr; // 10 log10(255^2 / mean square difference), dB; 100 where there is no difference
    double ssim; // structural similarity, -1..1
} eval_likeness;

// SSIM after Wang et al. 2004, section III: an 11 x 11 Gaussian window of deviation 1.5, K1 = 0.01,
// K2 = 0.03, range 255, weighted moments (not sample covariance); mean over windows that lie
// wholly inside the picture and over R, G, B. (The paper takes grey pictures.)
// Errors: GUISE_BAD_ARGUMENT for pictures of different sizes or below 11 x 11; GUISE_NO_MEMORY.
guise_status eval_alike(const base_image *a, const base_image *b, eval_likeness *l, base_error *e);

#endif
