// style.h -- layers of StyleGAN2 (Karras et al. 2020, arXiv 1912.04958): equalised learning rate,
// resampling by the filter 1 3 3 1, modulated convolution, what goes with them.
//
// Names and shapes of parameters are those of rosinality/stylegan2-pytorch, model.py. Stored
// weights are N(0,1) at first and are multiplied by 1/sqrt(inputs) when used. "Activation" is
// sqrt(2) leaky_relu(x, 0.2). All layers are compositions, so they have gradients of any order.
#ifndef GUISE_NN_STYLE_H
#define GUISE_NN_STYLE_H
#include "nn/nn.h"

// Filters outer(1 3 3 1) / 64: doubling and halving a picture [n,c,h,w]; halving wants even sides.
tg_node *nn_fir_up(tg_node *x);
tg_node *nn_fir_down(tg_node *x);
// The filter alone with a border of zeros before and after: h -> h + before + after - 3.
tg_node *nn_fir_blur(tg_node *x, int before, int after, double gain);

typedef struct {
    int out;       // required
    double lr_mul; // of weight and bias; 0 means 1
    double bias;   // at first
    bool activate;
} nn_equal_linear_options;
#define nn_equal_linear(m, x, ...)                                                                 \
    nn_equal_linear_with((m), (x), (nn_equal_linear_options){__VA_ARGS__})
// x [n,c] -> [n,out]; weight [out,c] / lr_mul, bias [out]
tg_node *nn_equal_linear_with(nn m, tg_node *x, nn_equal_linear_options o);

typedef struct {
    int out, k; // required
    bool half;  // of the size: k 3 after a blur, k 1 after a filter
} nn_equal_conv_options;
#define nn_equal_conv(m, x, ...) nn_equal_conv_with((m), (x), (nn_equal_conv_options){__VA_ARGS__})
// x [n,c,h,w] -> [n,out,..], size kept or halved; weight [out,c,k,k], no bias
tg_node *nn_equal_conv_with(nn m, tg_node *x, nn_equal_conv_options o);
// The same, then bias [out] at `act` and the activation.
#define nn_equal_conv_act(m, act, x, ...)                                                          \
    nn_equal_conv_act_with((m), (act), (x), (nn_equal_conv_options){__VA_ARGS__})
tg_node *nn_equal_conv_act_with(nn m, nn act, tg_node *x, nn_equal_conv_options o);

typedef struct {
    int out, k;    // required
    bool up, down; // double or halve the size
    bool no_demod; // leave the length of the filters as the style makes it
} nn_modulated_options;
#define nn_modulated_conv(m, x, w, ...)                                                            \
    nn_modulated_conv_with((m), (x), (w), (nn_modulated_options){__VA_ARGS__})
// x [n,c,h,w], style vector w [n,d] -> [n,out,..]; weight [1,out,c,k,k], modulation.weight [c,d],
// modulation.bias [c]. The style scales the input, demodulation (eps 1e-8) the output.
tg_node *nn_modulated_conv_with(nn m, tg_node *x, tg_node *w, nn_modulated_options o);

// Modulated 3x3 convolution at m.conv, bias at m.activate, activation. With `inject` also
// m.noise.weight [1] times inject: of one channel, it is added to all; of `out` channels, with
// `join`, it is put behind them (the bias is [2 out] then). inject NULL: neither.
typedef struct {
    int out; // required
    bool up, join;
    tg_node *inject; // [n or 1,1 or out,h,w] at the size of the output
    double strength; // of it at first
} nn_styled_options;
#define nn_styled_conv(m, x, w, ...)                                                               \
    nn_styled_conv_with((m), (x), (w), (nn_styled_options){__VA_ARGS__})
tg_node *nn_styled_conv_with(nn m, tg_node *x, tg_node *w, nn_styled_options o);

// sqrt(2) leaky_relu(x + bias, 0.2), x [n,c] or [n,c,h,w], m.bias [c]
tg_node *nn_bias_act(nn m, tg_node *x);
// 1x1 modulated convolution at m.conv without demodulation, m.bias [1,out,1,1] unless no_bias, plus
// the doubled `skip` (NULL: none)
tg_node *nn_to_picture(nn m, tg_node *x, tg_node *w, tg_node *skip, int out, bool no_bias);
// Rows of x [n,c] by the root of their mean square, eps 1e-8.
tg_node *nn_pixel_norm(tg_node *x);
// x [n,c,h,w] -> [n,c + 1,h,w]: one more channel with the deviation over sets of min(n, most)
// samples, mean over c, h, w. Sample i belongs to set i mod (n / set); n a multiple of the set.
tg_node *nn_minibatch_deviation(tg_node *x, int most);

// Style vectors for all layers of a generator: w [n,d] -> [n,layers,d].
tg_node *nn_latents(tg_node *w, int64_t layers);
// Vector of layer i, from [n,layers,d]; or w [n,d] itself, which serves all layers.
tg_node *nn_latent(tg_node *latents, int64_t i);
// Style mixing: layers where keep [layers] is 1 from a, where it is 0 from b; a, b [n,d] or
// [n,layers,d].
tg_node *nn_latents_mix(tg_node *a, tg_node *b, tg_node *keep);
// Truncation: mean + psi (w - mean), mean [d], w [n,d] or [n,layers,d].
tg_node *nn_truncate(tg_node *w, tg_node *mean, double psi);

#endif
