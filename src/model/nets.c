// nets.c -- the table of networks.
#include "model/nets.h"
#include <string.h>

const model_net *const model_nets[] = {
    &model_net_simswap,
    &model_net_arcface,
    &model_net_patchgan,
    &model_net_projected,
    &model_net_parsing,
    &model_net_aei,
    &model_net_aad,
    &model_net_hear,
    &model_net_multiscale,
    &model_net_deepfakes,
    &model_net_stylegan2,
    &model_net_stylegan2_d,
    &model_net_styleswap,
    &model_net_smooth_embedder,
    &model_net_ncsnpp,
    &model_net_face_id,
    &model_net_face_detector,
    &model_net_face_mask,
    NULL,
};

const model_net *model_find(const char *name)
{
    for (const model_net *const *n = model_nets; *n; n++)
        if (!strcmp((*n)->name, name)) return *n;
    return NULL;
}
