// losses_faceshifter.h -- the losses of FaceShifter's two networks and of DeepFakes, as graph
// builders; all are [] unless said otherwise.
//
// Sources: Li et al. 2020 (arXiv 1912.13457) equations 6 to 10 and 14, with its weights; how the
// open implementations reduce them to numbers: spec/faceshifter.md 1.7.
#ifndef GUISE_TRAIN_LOSSES_FACESHIFTER_H
#define GUISE_TRAIN_LOSSES_FACESHIFTER_H
#include "base/fields.h"
#include "model/faceshifter.h"

typedef struct {
    double lambda_adv, lambda_att, lambda_id, lambda_rec;
    bool attached;           // see the table
    const char *adversarial; // "hinge" (NULL too) or "linear"
} train_faceshifter_options;
extern const base_field train_faceshifter_fields[]; // defaults: the paper's 1, 10, 5, 10

// AEI-Net's part of a step: the encoder sees the target, then what was made of it.
typedef struct {
    int levels; // 0: the graph knows why
    tg_node *made;
    tg_node *target_att[MODEL_AEI_LEVELS], *made_att[MODEL_AEI_LEVELS];
} train_aei_pass;
void train_aei_run(nn m, const model_aei_options *o, tg_node *target, tg_node *id,
                   train_aei_pass *p);

typedef struct {
    tg_node *total; // weighted
    tg_node *adv, *att, *id, *rec;
    tg_node *level[MODEL_AEI_LEVELS]; // mean squared difference of each level's attributes
} train_faceshifter_losses;
typedef struct {
    const train_aei_pass *pass;
    tg_node *target;              // [n,3,h,w]
    tg_node *made_id, *source_id; // [n,l] of the recogniser; the source's is a constant
    tg_node *same;                // [n] 1 where the target is the source's picture, else 0
    tg_node *const *logit;        // of made, by scale
    int scales;                   // 0: no adversarial loss
} train_faceshifter_input;
void train_faceshifter_generator(const train_faceshifter_input *in,
                                 const train_faceshifter_options *o, train_faceshifter_losses *l);
// Half of the sums over scales of the means of max(0, 1 - real) and max(0, 1 + fake); "linear": the
// means over scales, not halved.
tg_node *train_faceshifter_discriminator(tg_node *const real[], tg_node *const fake[], int scales,
                                         const train_faceshifter_options *o);

// Their parts. 1/2 sum over levels of the mean squared difference; the target's attributes are
// constants unless attached. level (NULL is fine) gets each level's.
tg_node *train_attribute_loss(tg_node *const made[], tg_node *const target[], int levels,
                              bool attached, tg_node *level[]);
// 1/2 mean squared error of each sample, averaged over those where same is 1 (0 where there are
// none); whole: over all samples, the others counting as 0 (mindslab).
tg_node *train_same_loss(tg_node *made, tg_node *target, tg_node *same, bool whole);

// HEAR-Net: equal weights, no adversary.
typedef struct {
    tg_node *total, *id, *change, *rec;
} train_hear_losses;
typedef struct {
    tg_node *made;                // HEAR-Net's [n,3,h,w]
    tg_node *swapped, *target;    // AEI-Net's, a constant; the photo with what lies over the face
    tg_node *made_id, *source_id; // [n,l]
    tg_node *same;                // [n]
} train_hear_input;
void train_hear_loss(const train_hear_input *in, train_hear_losses *l);
// What AEI-Net loses of a face that it gives its own identity: target - rebuilt. [n,3,h,w]
tg_node *train_heuristic_error(tg_node *target, tg_node *rebuilt);
tg_node *train_heuristic_score(tg_node *error); // its mean size by sample, [n]
// HEAR-Net's input: the swapped face, then the heuristic error. [n,6,h,w]
tg_node *train_hear_input_of(tg_node *swapped, tg_node *error);
// Indices of the largest share of n scores, largest first, into pick (room for n); HEAR-Net learns
// from the top tenth. Returns how many: at least one of any, 0 when out of memory. What is no
// number comes last.
size_t train_pick_top(const float *score, size_t n, double share, size_t *pick);

// DeepFakes: mean absolute difference.
tg_node *train_deepfakes_loss(tg_node *made, tg_node *target);
// The step of nn_adam_step that Keras' Adam makes with the same numbers: its eps is added to the
// uncorrected root.
nn_adam train_keras_adam(nn_adam a, int64_t step);

#endif
