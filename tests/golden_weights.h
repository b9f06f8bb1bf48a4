// golden_weights.h -- the formula that gives the networks of the golden cases their weights, and
// reading of golden tensors. The formula stands in golden/README.md.
#ifndef GUISE_TEST_GOLDEN_WEIGHTS_H
#define GUISE_TEST_GOLDEN_WEIGHTS_H
#include "nn/nn.h"

// Gain of a network's tag ("G224": 2); 0 for a tag that there is not.
double golden_gain(const char *tag);
// Pseudo-random values in -1..1 of a name.
void golden_hash(const char *name, float *v, size_t n);
// Value of tensor `key` of the network `tag`, by the first rule that fits.
void golden_tensor(const char *tag, const char *key, tg_shape s, float *v);
void golden_fill(nn_params *p, const char *tag); // all entries of a settled store

#endif
