// ncsnpp.h -- layers of NCSN++ (Song et al. 2021, arXiv 2011.13456, appendix H) with a vector in
// the place of its noise level, and three other ways for a condition to enter a residual block.
//
// Parameter names and initial values are those of yang-song/score_sde_pytorch,
// models/layerspp.py and layers.py. "Zero" initial values are theirs too: a ten-billionth of the
// usual variance. All layers are compositions, so they have gradients of any order.
#ifndef GUISE_NN_NCSNPP_H
#define GUISE_NN_NCSNPP_H
#include "nn/nn.h"

// x sigmoid(x), also known as SiLU
tg_node *nn_swish(tg_node *x);
// x [n,c,h,w] normalised over groups of neighbouring channels, times weight [c], plus bias [c]; eps
// 1e-6. groups 0: min(c / 4, 32) of them.
tg_node *nn_group_norm(nn m, tg_node *x, int groups);
// k x k convolution or linear layer with the initial values above: bias 0.
tg_node *nn_score_conv(nn m, tg_node *x, int out, int k, bool zero);
tg_node *nn_score_linear(nn m, tg_node *x, int out);
// Twice or half the sides: by the filter 1 3 3 1, or naively (nearest, mean of four).
tg_node *nn_score_up(tg_node *x, bool naive);
tg_node *nn_score_down(tg_node *x, bool naive);
// One head over all positions of x [n,c,h,w], between GroupNorm_0 and a halved sum with x; NIN_0 to
// NIN_3 are W [in,out], b [out].
tg_node *nn_score_attention(nn m, tg_node *x);

// Adaptive layer-instance norm (Kim et al. 2020, arXiv 1907.10830): gain times a mix of instance
// and layer norm of x [n,c,h,w], plus bias; gain, bias [n,c]; m.rho [1,c,1,1] in 0..1 is the share
// of instance norm, 0.9 at first and kept in its range by nn_adam_step. eps 1e-5. Variances over
// n - 1 as in znxlwm/UGATIT-pytorch, or over n: biased.
tg_node *nn_adalin(nn m, tg_node *x, tg_node *gain, tg_node *bias, bool biased);
// Instance norm (eps 1e-5) of x [n,c,h,w], times gain plus bias that two 3x3 convolutions with
// equalised learning rate make of map [n,k,h,w]: m.gamma, m.beta with weight [c,k,3,3], bias [c],
// which is 1 and 0 at first. Source: naver-ai/StyleMapGAN (Kim et al. 2021, arXiv 2104.14754).
tg_node *nn_style_map_norm(nn m, tg_node *x, tg_node *map);

typedef enum {
    NN_SCORE_ADD,       // NCSN++: Dense_0 of the condition is added before the second norm
    NN_SCORE_ADALIN,    // the second norm is AdaLIN, gain 1 + gamma, bias beta; both 0 at first
    NN_SCORE_MAP,       // gain 1 + Gamma_0, bias Beta_0 of the map on the second norm; 0 at first
    NN_SCORE_STYLE_MAP, // the second norm is nn_style_map_norm
} nn_score_way;
typedef struct {
    int out;       // channels; 0: those of x
    bool up, down; // twice or half the sides
    bool naive;    // resampling
    tg_node *cond; // [n,d]; ADD and ADALIN
    tg_node *map;  // [n,k,h,w] at the size of the output; MAP and STYLE_MAP
    nn_score_way way;
    bool biased; // ADALIN
} nn_score_options;
// Residual block as in BigGAN: norm, swish, resampling, 3x3 convolution, condition, norm, swish,
// 3x3 convolution; the sum with x, resampled alike and through Conv_2 where channels or sides
// change, is divided by sqrt(2).
#define nn_score_block(m, x, ...) nn_score_block_with((m), (x), (nn_score_options){__VA_ARGS__})
tg_node *nn_score_block_with(nn m, tg_node *x, nn_score_options o);

#endif
