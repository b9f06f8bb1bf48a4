// aei.h -- what the files of AEI-Net share: the options come to numbers, and AAD blocks.
#ifndef GUISE_MODEL_AEI_H
#define GUISE_MODEL_AEI_H
#include "model/faceshifter.h"
#include "model/nets.h"

typedef enum { AEI_UNET, AEI_LINKNET, AEI_RESNET } aei_encoder;

typedef struct {
    bool mindslab, stages;
    aei_encoder encoder;
    int blocks, width, max_width, depth, latent;
    int64_t side, first; // of the picture; of the first level
} aei_plan;

// What the options mean for pictures of a side, with levels of attributes (0: from the options).
// False with the graph's error.
bool aei_plan_make(nn m, const model_aei_options *o, int64_t side, int levels, aei_plan *p);
int aei_width(const aei_plan *p, int doublings); // width doubled so often, at most max_width
int aei_level_width(const aei_plan *p, int k);   // channels of the attributes of level k, from 1

bool aad_form(nn m, const char *form, bool *mindslab); // false with the graph's error

// One place in a network whose values are given as stages: "<name><what>".
typedef struct {
    model_ports *io;
    const char *name; // NULL: no stages
} aad_tap;
typedef struct {
    tg_node *att, *id;
    bool mindslab;
    int blocks;
} aad_style;
// x -> out channels; all its AAD layers see the same attributes and identity.
tg_node *aad_block(nn m, tg_node *x, int out, const aad_style *s, aad_tap t);

#endif
