// deepfakes.h -- the autoencoder of 2017 that gave deepfakes their name: one encoder for two
// people, a decoder for each. To swap, encode one person and decode as the other.
#ifndef GUISE_MODEL_DEEPFAKES_H
#define GUISE_MODEL_DEEPFAKES_H
#include "model/model.h"

typedef struct {
    int width;   // channels after the first convolution; 0: 128
    int dense;   // length of the code; 0: 8 width, lowmem 4 width
    bool lowmem; // without the fourth convolution
    bool he;     // begins with He's weights in place of Glorot's
    bool stages;
    const char *person; // whose face a swap makes: "a" (NULL too) or "b"
} model_deepfakes_options;

// img [n,3,h,w] 0..1, h and w multiples of 16 -> code [n,4 width,h/8,w/8]
tg_node *model_deepfakes_encode(nn m, tg_node *img, const model_deepfakes_options *o,
                                model_ports *io);
// code -> [n,3,h,w] 0..1 as the face of person 'A' or 'B'
tg_node *model_deepfakes_decode(nn m, tg_node *code, char person, const model_deepfakes_options *o,
                                model_ports *io);

#endif
