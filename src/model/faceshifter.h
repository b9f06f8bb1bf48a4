// faceshifter.h -- FaceShifter (Li et al. 2020, arXiv 1912.13457): AEI-Net, HEAR-Net and the
// multi-scale discriminator.
//
// The paper's code was never released. Layers and names are those that the open implementations
// share: ai-forever/ghost (whose weights are public), taotaonice/FaceShifter (spec/faceshifter.md).
// Numbers that are 0 mean theirs; pictures are RGB -1..1.
#ifndef GUISE_MODEL_FACESHIFTER_H
#define GUISE_MODEL_FACESHIFTER_H
#include "model/model.h"

enum { MODEL_AEI_LEVELS = 10 }; // most levels of attributes

typedef struct {
    const char *form;    // "ghost" (NULL too), or "mindslab": AAD with batch norm and 3x3
                         // convolutions, a mask for each channel, biases, sigmoid, pictures 0..1
    const char *encoder; // of attributes: "unet" (NULL too), "linknet", "resnet"
    int blocks;          // AAD layers with convolution in a residual block: 1 to 3; 0: 2
    int width;           // channels after the encoder's first halving; 0: 32
    int max_width;       // most channels of one feature map; 0: 32 width
    int depth;           // halvings; 0: as many as leave at least 2 pixels, 7 for 256
    int latent;          // length of id; 0: 512
    bool small;          // width 16 and one block unless given: 4.1 GMAC at 256
    bool stages;
} model_aei_options;

// The attributes of img [n,3,s,s], s a multiple of 2^depth: att[k] has (s >> depth) << k pixels a
// side. Returns the number of levels, depth + 1; 0 with the graph's error.
int model_aei_attributes(nn m, tg_node *img, const model_aei_options *o,
                         tg_node *att[MODEL_AEI_LEVELS], model_ports *io);
// att[0..levels) and id [n,latent] -> [n,3,s,s]
tg_node *model_aei_generate(nn m, tg_node *const att[], int levels, tg_node *id,
                            const model_aei_options *o, model_ports *io);
// Both: the face of id with the attributes of img.
tg_node *model_aei(nn m, tg_node *img, tg_node *id, const model_aei_options *o, model_ports *io);

typedef struct {
    const char *form; // as above
    int out;          // 0: one AAD layer; else a residual block with so many channels out
    int blocks;       // 0: 2
    bool stages;
} model_aad_options;
// The building block alone: h [n,c,h,w], att [n,a,h,w], id [n,l] -> [n,c or out,h,w]
tg_node *model_aad(nn m, tg_node *h, tg_node *att, tg_node *id, const model_aad_options *o,
                   model_ports *io);

typedef struct {
    int width;     // channels after the first halving; 0: 64
    int depth;     // halvings, channels double up to 8 width; 0: 5
    bool residual; // what is learnt is added to the swapped face; begins with nothing
    bool stages;
} model_hear_options;
// x [n,6,h,w], h and w multiples of 2^depth: a swapped face, then the heuristic error of the target
// -> [n,3,h,w]
tg_node *model_hear(nn m, tg_node *x, const model_hear_options *o, model_ports *io);

enum { MODEL_MULTISCALE_MOST = 4 };
typedef struct {
    int layers; // halvings L; 0: 6 (taotaonice), 5 is ghost's
    int width;  // channels after the first; 0: 64
    int scales; // discriminators, each on half the size; 0: 3
    bool batch; // batch norm with its parameters (mindslab, whose L is 3), else instance norm
    bool stages;
} model_multiscale_options;
// img [n,3,h,w] -> logit[i] [n,1,..] of the picture halved i times. Returns the scales, 0 with the
// graph's error.
int model_multiscale(nn m, tg_node *img, const model_multiscale_options *o,
                     tg_node *logit[MODEL_MULTISCALE_MOST], model_ports *io);

#endif
