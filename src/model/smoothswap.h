// smoothswap.h -- Smooth-Swap (Kim et al. 2022, arXiv 2112.05907): the smooth identity embedder and
// the generator, an NCSN++ U-Net that takes the identity in the place of the noise level. Its
// discriminator is StyleGAN2's (model/stylegan2.h), as it is.
//
// The paper's code was never released, and its body could not be read: spec/smoothswap.md says
// where each number comes from. Numbers that are 0 mean those of the paper's form.
#ifndef GUISE_MODEL_SMOOTHSWAP_H
#define GUISE_MODEL_SMOOTHSWAP_H
#include "model/model.h"

typedef struct {
    const char *form; // "plain" (NULL too), or "latentswap": names of usingcolor/LatentSwap, which
                      // keeps a linear layer after the backbone; slope 0.01
    int width;        // channels after the first convolution; 0: 64
    int latent;       // length of the result; 0: 512
    bool normalise;   // img is RGB -1..1, and its mean and deviation are made ImageNet's
    bool small;       // width 32 unless given: 1.4 GMAC at 256
    bool stages;
} model_smooth_embedder_options;
// img [n,3,h,w] RGB, ImageNet-normalised; 224 or 256 a side, at least 32 -> [n,latent] unit rows
tg_node *model_smooth_embedder(nn m, tg_node *img, const model_smooth_embedder_options *o,
                               model_ports *io);
// Its parts. Residual block with 4 width channels out, its stride on the 3x3 convolution:
tg_node *model_bottleneck(nn m, tg_node *x, int width, int stride);
// x [n,c] -> fc1, bn1, leaky ReLU, fc2, bn2, unit rows [n,out]
tg_node *model_smooth_head(nn m, tg_node *x, int width, int out);
// RGB -1..1 -> ImageNet-normalised
tg_node *model_imagenet(tg_node *img);

typedef struct {
    int width;               // channels at full size; 0: 128
    const char *multipliers; // of the width at each level; NULL: 1,1,2,2,2,2,2 to a side of 4
    int blocks;              // residual blocks a level; 0: 2
    const char *attention;   // sides with attention, "16,8"; NULL: 16; the middle always has it
    int latent;              // length of id; 0: 512
    int cond;                // length of the vector that mlp makes of it; 0: 4 width
    const char *front; // from id to the blocks' vector: "mlp" (NULL too) or "direct"; "scaled" and
                       // "scaled-mlp" do the same to id times sqrt(latent)
    const char *way; // into the decoder's blocks: "add" (NULL too), as in NCSN++; "adalin"; "map",
                     // of two dimensions; "map-target", which sees the target's features at side 8;
                     // "stylemap", with StyleMapGAN's norm
    bool biased;     // adalin: variances over n
    bool no_input_skip, no_output_skip; // without pictures of all sizes going in, coming out
    bool naive;                         // resampling by nearest and mean of four
    bool drawn;                         // the result is what the network makes, not img plus that
    int closed; // so many levels, from full size on, hand no features to the decoder
    bool small; // width 16, multipliers 1,1,2,4,8,8,8, one block, cond 256 unless given:
                // 4.3 GMAC at 256
    bool stages;
} model_ncsnpp_options;
// img [n,3,s,s] RGB -1..1, id [n,latent] unit rows -> [n,3,s,s], img plus what the network makes,
// nothing at first; drawn: what it makes
tg_node *model_ncsnpp(nn m, tg_node *img, tg_node *id, const model_ncsnpp_options *o,
                      model_ports *io);

#endif
