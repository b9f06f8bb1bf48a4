// label.h -- where the face is in a crop, by a face parser (BiSeNet, model/parsing.c).
#ifndef GUISE_TRAIN_LABEL_H
#define GUISE_TRAIN_LABEL_H
#include "base/base.h"
#include "nn/nn.h"

typedef struct {
    nn_params *params;
    tg_graph *graph;
    tg_plan *plan; // NULL: not open
    const tg_node *logits;
    float *img; // [3,512,512]
} train_label;

// path: weights of the network parsing, .safetensors or .pth. Errors: GUISE_IO, GUISE_BAD_FILE,
// GUISE_NO_MEMORY; closed then.
guise_status train_label_open(train_label *l, const char *path, base_error *e);
void train_label_close(train_label *l);
// planes [3,size,size] RGB 0..1 -> mask [size,size]: the share of each pixel that is skin, brows,
// eyes, glasses, nose, mouth or lips. size: up to 512.
guise_status train_label_mask(train_label *l, const float *planes, int size, float *mask,
                              base_error *e);

#endif
