// losses_styleswap.h -- the losses and regularisers of StyleGAN2 and StyleSwap as graph builders;
// all return [] unless said otherwise. Weights are the caller's: multiply the result.
//
// Sources: Karras et al. 2020 (arXiv 1912.04958) with rosinality/stylegan2-pytorch, train.py;
// Xu et al. 2022 (arXiv 2209.13514). Its section on training names L_rec and L_id but its weights
// could not be found: those below are recommended in spec/styleswap.md 5.4, nobody published them.
#ifndef GUISE_TRAIN_LOSSES_STYLESWAP_H
#define GUISE_TRAIN_LOSSES_STYLESWAP_H
#include "model/stylegan2.h"

// Non-saturating logistic, means over the batch: softplus(-real) + softplus(fake); softplus(-fake).
tg_node *train_logistic_discriminator(tg_node *real, tg_node *fake);
tg_node *train_logistic_generator(tg_node *fake);

// R1 (Mescheder et al. 2018): mean over samples of |d sum(logit) / d x|^2, x [n,...] the node that
// logit was built from. Its gradient by the discriminator's weights is a true second derivative.
// The step adds gamma / 2 * R1 * 16 every 16 steps, gamma 10 (256 px preset: 1).
tg_node *train_r1(tg_node *logit, tg_node *x);

// Path length: J = d sum(img noise) / d latents / sqrt(h w), its length for each sample, and the
// mean square of how far that is from the running mean.
//   latents  [n,layers,d], the node that img [n,3,h,w] was built from
//   noise    N(0,1), shape of img
//   mean     [], of the last time; 0 at first
// The gradient flows through the new mean, too, as in the reference. The step adds
// 2 * penalty * 4 every 4 steps, on half the batch.
typedef struct {
    tg_node *jacobian; // [n,layers,d]
    tg_node *lengths;  // [n]
    tg_node *mean;     // new running mean, by 0.01 of the way; keep its value for the next time
    tg_node *penalty;
} train_path;
void train_path_length(tg_node *img, tg_node *latents, tg_node *noise, tg_node *mean,
                       train_path *p);

enum { TRAIN_R1_EVERY = 16, TRAIN_PATH_EVERY = 4 };
// Adam for a network whose regulariser comes every so many steps: rate lr r, betas to the power r,
// r = every / (every + 1).
nn_adam train_lazy_adam(nn_adam a, int every);
// Decay of the weights' average: 0.5 ^ (batch / half_life), half_life in pictures (10000).
double train_average_decay(int batch, double half_life);

// Style mixing: keep [layers] for nn_latents_mix: with the given probability (0.9) layers from a
// random one on, 1 to layers - 1, are 0; else all are 1.
void train_mixing(base_rng *r, double probability, int layers, float *keep);

// Binary cross-entropy of a mask in 0..1, mean; logarithms of at least 1e-12.
tg_node *train_mask_loss(tg_node *mask, tg_node *truth);
// Mean |made - target| of the pairs with the same identity (same [n] 1, else 0): their mean; 0
// where there is none.
tg_node *train_same_l1(tg_node *made, tg_node *target, tg_node *same);

// Weights that spec/styleswap.md 5.4 recommends. Identity 20 in the first third of a training.
typedef struct {
    double adv, id, mask, fm, rec;
} train_styleswap_weights;
extern const train_styleswap_weights train_styleswap_recommended; // 1, 10, 1, 10, 10

// What the generator's loss looks at; all pictures as the discriminator sees them.
typedef struct {
    tg_node *made, *target;       // [n,3,s,s]: the result laid over the target; the target
    tg_node *same;                // [n]
    tg_node *mask, *truth;        // [n,1,s,s]; NULL, both: no such loss
    tg_node *made_id, *source_id; // [n,d], by the recogniser
    const model_stylegan2_verdict *fake, *real;
    int fm_from; // first feature that is matched, from 0 (the first convolution's)
} train_styleswap_seen;
typedef struct {
    tg_node *adv, *id, *mask, *fm, *rec; // unweighted
    tg_node *total;
} train_styleswap_losses;
// fm: sum over features of the mean |fake - real|; real ones are constants to the gradient.
void train_styleswap_loss(const train_styleswap_seen *s, const train_styleswap_weights *w,
                          train_styleswap_losses *l);
// First feature of a discriminator whose map has at most this side, for pictures of side s.
int train_feature_at_most(int s, int side);

#endif
