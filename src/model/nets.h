// nets.h -- the entries of the table in nets.c; each stands at the end of its family's file.
#ifndef GUISE_MODEL_NETS_H
#define GUISE_MODEL_NETS_H
#include "model/model.h"

extern const model_net model_net_simswap;
extern const model_net model_net_arcface;
extern const model_net model_net_patchgan;
extern const model_net model_net_projected;
extern const model_net model_net_parsing;
extern const model_net model_net_aei;
extern const model_net model_net_aad;
extern const model_net model_net_hear;
extern const model_net model_net_multiscale;
extern const model_net model_net_deepfakes;
extern const model_net model_net_stylegan2;
extern const model_net model_net_stylegan2_d;
extern const model_net model_net_styleswap;
extern const model_net model_net_smooth_embedder;
extern const model_net model_net_ncsnpp;
extern const model_net model_net_face_id;
extern const model_net model_net_face_detector;
extern const model_net model_net_face_mask;

// x as a further output, where io and on are set. Returns x.
tg_node *model_stage(model_ports *io, bool on, const char *name, tg_node *x);

#endif
