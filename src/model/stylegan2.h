// stylegan2.h -- StyleGAN2 (Karras et al. 2020) and StyleSwap (Xu et al. 2022), which is made of
// its layers. Pictures are RGB -1..1, square, side a power of two from 8 to 1024; levels are the
// sides 4, 8, .. up to it. Numbers that are 0 mean the released ones.
#ifndef GUISE_MODEL_STYLEGAN2_H
#define GUISE_MODEL_STYLEGAN2_H
#include "model/model.h"

enum { MODEL_STYLE_LEVELS = 9 };

// Channels at each side: 512 up to 32, then 256 m, 128 m .. 16 m, all times `narrow`; or as listed.
typedef struct {
    const char *list;  // at sides 4, 8, ..: "256,256,128,64"; NULL: by the other two
    double multiplier; // m
    double narrow;
} model_style_widths;
// Levels of a square picture of this side; 0, with the graph's error, where it is none.
int model_style_levels(nn m, const char *net, int64_t h, int64_t w);
// False, with the graph's error, where the list does not fit. multiplier and narrow stand in for 0.
bool model_style_channels(nn m, const model_style_widths *o, double multiplier, double narrow,
                          int levels, int out[MODEL_STYLE_LEVELS]);
// z or features [n,style] -> w: pixel norm and `layers` linear layers m.style.1, ..
tg_node *model_style_mapping(nn m, tg_node *z, int style, int layers, double lr_mul);
tg_node *model_style_average(nn m, int style); // the buffer latent_avg [style]: the mean of w

typedef struct {
    int size;                  // side of the picture; 0: 256
    model_style_widths widths; // 0: 2 and 1 (config F)
    int style;                 // length of z and w; 0: 512
    int mapping;               // layers; 0: 8
    double lr_mapping;         // their learning rate; 0: 0.01
    const char *from;          // "z" (NULL too), "w" or "wplus"
    const char *noise;         // "stored" (NULL too), "given" or "none"
    double truncation;         // psi; 0 and 1: none, else the buffer latent_avg is the mean
    bool stages;
} model_stylegan2_options;
// z [n,style] -> w [n,style]
tg_node *model_stylegan2_mapping(nn m, tg_node *z, const model_stylegan2_options *o);
// latents: w [n,style] for all layers, or one a layer [n,2 levels,style] -> picture [n,3,s,s].
// noise: a map for each styled convolution, [n or 1,1,r,r] at sides r 4, 8, 8, 16, 16, ..; NULL: by
// o->noise, whose stored maps are the buffers noises.noise_0, ..
tg_node *model_stylegan2(nn m, tg_node *latents, tg_node *const noise[],
                         const model_stylegan2_options *o, model_ports *io);

typedef struct {
    model_style_widths widths; // 0: 2 and 1
    int group;                 // most samples of a set of the minibatch deviation; 0: 4
    bool stages;
} model_stylegan2_d_options;
typedef struct {
    tg_node *logit; // [n,1]
    tg_node
        *feature[MODEL_STYLE_LEVELS]; // of the first convolution and each block: sides s, s/2..4
    int features;
} model_stylegan2_verdict;
// img [n,3,s,s], n a multiple of min(n, group)
void model_stylegan2_d(nn m, tg_node *img, const model_stylegan2_d_options *o,
                       model_stylegan2_verdict *v);

typedef struct {
    const char *variant;       // "p" (NULL too): of the paper; "r": of the released code
    model_style_widths widths; // 0: 1 and 0.5, as released for 256
    int latent, style;         // length of the identity and of w; 0: 512
    int mapping;               // layers after the first; 0: 8
    double lr_mapping;         // 0: 0.01
    double strength;           // r: of the attributes, at first
    bool no_mask;              // r: no mask, the result is the raw picture (released for 512)
    // r: where the style index of a level's first convolution is above this, the attributes under
    // the mask become their mean; 0: 9 (sides from 256), -1: everywhere
    int fill_above;
    // The identity is brought to length sqrt(latent), as ArcFace's vectors about have, since
    // training hands out unit rows: their numbers would drown in the first layer's biases.
    bool unit;
    double truncation; // psi, as of model_stylegan2_options
    bool wplus;        // the network takes style vectors for all layers in place of the identity
    bool stages;
} model_styleswap_options;
// id [n,latent], as the recogniser gives it -> w [n,style]
tg_node *model_styleswap_identity(nn m, tg_node *id, const model_styleswap_options *o);
typedef struct {
    tg_node *out;                       // [n,3,s,s]
    tg_node *rgb;                       // before it is laid over the target; not bounded to -1..1
    tg_node *mask;                      // [n,1,s,s] in 0..1; NULL with no_mask
    tg_node *level[MODEL_STYLE_LEVELS]; // the masks at sides 4, 8, ..; the last is `mask`
    tg_node *w, *average; // by model_styleswap_of: [n,style]; the buffer with its mean [style]
} model_styleswap_made;
// img [n,3,s,s], the target; latents: w for all layers, or W+ [n,2 levels,style].
void model_styleswap(nn m, tg_node *img, tg_node *latents, const model_styleswap_options *o,
                     model_ports *io, model_styleswap_made *made);
// The same from a target in RGB 0..1 and an identity; what is made is in -1..1 all the same.
void model_styleswap_of(nn m, tg_node *target, tg_node *id, const model_styleswap_options *o,
                        model_styleswap_made *made);

#endif
