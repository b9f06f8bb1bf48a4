// step.h -- one training step of a SimSwap: the generator's, then the discriminator's.
//
// Both use the same batch and the same swapped pictures. (The published trainer draws a second
// batch and swaps again for the discriminator; one swap serves both here, at 2/3 of the time.)
#ifndef GUISE_TRAIN_STEP_H
#define GUISE_TRAIN_STEP_H
#include "train/data.h"
#include "train/learner.h"
#include "train/networks.h"

// Means over a batch, unweighted; 0 where a loss took no part.
typedef enum {
    TRAIN_LOSS, // the generator's weighted total
    TRAIN_ID,   // 1 - cos
    TRAIN_REC,  // with its weights
    TRAIN_ADV,
    TRAIN_FM,
    TRAIN_D_REAL,
    TRAIN_D_FAKE,
    TRAIN_GP,
    TRAIN_LOSSES
} train_loss;
extern const char *const train_loss_names[TRAIN_LOSSES];

enum { TRAIN_WITH_ID = 1, TRAIN_WITH_D = 2, TRAIN_STEPS = 4 };

typedef struct {
    const train_options *o; // borrowed
    const train_identity *identity;
    train_network generator, discriminator;
    train_learner g, d;             // d is empty where adv_from is negative
    train_step g_step[TRAIN_STEPS]; // planned when first needed: by TRAIN_WITH_
    train_step d_step[2];           // without and with the gradient penalty
    train_batch batch;
    tg_node *g_loss[TRAIN_STEPS][TRAIN_LOSSES], *d_loss[2][TRAIN_LOSSES];
    float *fake;     // [batch,3,size,size]
    float *mix;      // [batch] of the gradient penalty
    float weight[3]; // now: identity, adversarial, feature matching
} train_pair;

guise_status train_pair_open(train_pair *p, const train_options *o, const train_identity *id,
                             base_error *e);
void train_pair_close(train_pair *p);
// Weights of step: identity, adversarial, feature matching; learning rates.
void train_schedule(const train_options *o, int step, float weight[3], double *lr, double *lr_d);
// Train on the batch that p->batch holds; r serves the penalty. value: losses of this step.
// Errors: GUISE_NO_MEMORY; GUISE_BAD_ARGUMENT where the loss is no number any more.
guise_status train_pair_step(train_pair *p, int step, base_rng *r, double value[TRAIN_LOSSES],
                             base_error *e);

#endif
