// losses_smoothswap.h -- the losses of Smooth-Swap (Kim et al. 2022) as graph builders: the
// contrastive loss of its embedder, and those of generator and discriminator.
//
// Identity is train_identity_loss, the adversarial terms and R1 are StyleGAN2's
// (losses_styleswap.h). Constants that the paper's readers do not know are recommended in
// spec/smoothswap.md 11, nobody published them.
#ifndef GUISE_TRAIN_LOSSES_SMOOTHSWAP_H
#define GUISE_TRAIN_LOSSES_SMOOTHSWAP_H
#include "graph/ops.h"

// Who counts in the logarithm beside the positive: everybody else (L_out of Khosla et al. 2020);
// only the others' photos, and the positive; the others' alone. The first two are the same where
// everybody has two photos in the batch.
typedef enum {
    TRAIN_AGAINST_ALL,
    TRAIN_AGAINST_OTHERS_AND_IT,
    TRAIN_AGAINST_OTHERS,
} train_against;
typedef struct {
    double tau;      // temperature; 0: 0.07 (HobbitLong/SupContrast; the paper's is unknown)
    double base_tau; // the loss is times tau / base_tau; 0: as tau
    train_against against;
} train_contrastive_options;
// 1 where two of n labels are the same and are not one and the same: a constant [n,n].
tg_node *train_same_label(tg_graph *g, const int *label, int n);
// Supervised contrastive loss of unit rows [n,d] -> [n], one for each row; 0 for rows that have no
// positive. same [n,n] as above, or an input.
tg_node *train_contrastive_loss(tg_node *unit, tg_node *same, const train_contrastive_options *o);
// Its mean over the rows that have a positive; tg_mean is that over all, as SupContrast's.
tg_node *train_contrastive_mean(tg_node *loss, tg_node *same);

// Mean (made - target)^2 over all elements.
tg_node *train_change_loss(tg_node *made, tg_node *target);

typedef struct {
    double id, change, adv;
} train_smoothswap_weights;
extern const train_smoothswap_weights train_smoothswap_recommended; // 4, 1, 1
typedef struct {
    tg_node *id, *change, *adv; // unweighted
    tg_node *total;
} train_smoothswap_losses;
// made, target [n,3,s,s]; made_id, source_id [n,d] by the embedder; logit [n,1] of made, or NULL:
// no such loss
void train_smoothswap_loss(tg_node *made, tg_node *target, tg_node *made_id, tg_node *source_id,
                           tg_node *logit, const train_smoothswap_weights *w,
                           train_smoothswap_losses *l);

// The discriminator's: logistic, plus gamma / 2 times R1 at x, the node that `real` was built from,
// times TRAIN_R1_EVERY; x NULL: without. gamma 10 (StyleGAN2, config F).
typedef struct {
    tg_node *logistic, *r1; // unweighted; r1 NULL without x
    tg_node *total;
} train_smoothswap_d_losses;
void train_smoothswap_d_loss(tg_node *real, tg_node *fake, tg_node *x, double gamma,
                             train_smoothswap_d_losses *l);

// Draw a batch for the contrastive loss: `people` different people and `each` different photos of
// every one, so that every row has positives. photos[i] is how many photos person i has, of `all`;
// those with fewer than `each` are not drawn. person, photo: people * each numbers, each person's
// in a row. Errors: GUISE_BAD_ARGUMENT where too few people have so many; GUISE_NO_MEMORY.
guise_status train_draw_people(base_rng *r, const int *photos, int all, int people, int each,
                               int *person, int *photo, base_error *e);

#endif
