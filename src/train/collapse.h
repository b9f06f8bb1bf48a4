// collapse.h -- watching AEI-Net's attributes: they can shrink to nothing, which makes the
// attribute loss vanish and ruins reconstruction (reported by users of the open implementations;
// spec/faceshifter.md 7.5).
#ifndef GUISE_TRAIN_COLLAPSE_H
#define GUISE_TRAIN_COLLAPSE_H
#include "model/faceshifter.h"

// Root mean square of each level's attributes, [levels].
tg_node *train_attribute_norms(tg_node *const att[], int levels);
// How much they differ between the pictures of a batch: the root of the mean variance at each
// place of each channel, [levels]. What is the same for every picture tells nothing about it.
tg_node *train_attribute_spreads(tg_node *const att[], int levels);

// All zero bytes before the first step; plain numbers, to be kept in a checkpoint.
typedef struct {
    double steps;                                          // a whole number
    double first[MODEL_AEI_LEVELS], now[MODEL_AEI_LEVELS]; // averages of spreads
} train_collapse;
// After each step, with the spreads of its target's attributes. The first 100 steps say what is
// usual; when the average of about the last 100 is below a twentieth of that, it is over.
// Errors: GUISE_BAD_ARGUMENT, naming the level and what to do.
guise_status train_collapse_watch(train_collapse *c, const float *spread, int levels,
                                  base_error *e);

#endif
