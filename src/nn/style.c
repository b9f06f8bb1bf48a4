// style.c -- layers of StyleGAN2 (Karras et al. 2020), parameters as rosinality/stylegan2-pytorch
// names them. Facts: spec/styleswap.md 2.1 to 2.5.
//
// A modulated convolution is written as "scale in, convolve, scale out": the same numbers as
// weights made for each sample, with one weight for the whole batch. Constant factors go where they
// cost nothing: into the style, or, since leaky_relu(k x) = k leaky_relu(x), into weights and
// biases.
#include "nn/style.h"
#include "base/team.h"
#include <math.h>

static const double slope = 0.2, gain = 1.4142135623730951, eps = 1e-8;

enum { TAPS = 4 };

// The filter outer(1 3 3 1) gain / 64.
static tg_fir_kernel filter(double by)
{
    static const double tap[TAPS] = {1, 3, 3, 1};
    tg_fir_kernel k = {{1, 1}, {1, 1}, {0, 0}, {0, 0}, {TAPS, TAPS}, {0}};
    for (int i = 0; i < TAPS * TAPS; i++) k.tap[i] = by * tap[i / TAPS] * tap[i % TAPS] / 64;
    return k;
}

static tg_node *resample(tg_node *x, int up, int down, int before, int after, double by)
{
    tg_fir_kernel k = filter(by);
    for (int d = 0; d < 2; d++) {
        k.up[d] = up;
        k.down[d] = down;
        k.before[d] = before;
        k.after[d] = after;
    }
    return tg_fir(x, &k);
}

tg_node *nn_fir_up(tg_node *x) { return resample(x, 2, 1, 2, 1, 4); }
tg_node *nn_fir_down(tg_node *x) { return resample(x, 1, 2, 1, 1, 1); }

tg_node *nn_fir_blur(tg_node *x, int before, int after, double by)
{
    return resample(x, 1, 1, before, after, by);
}

// Before a halving convolution with k taps; after a doubling one (spec 2.2).
static tg_node *blur_before(tg_node *x, int k)
{
    int p = TAPS - 2 + k - 1;
    return nn_fir_blur(x, (p + 1) / 2, p / 2, 1);
}

static tg_node *blur_after(tg_node *x, int k)
{
    int p = TAPS - 2 - (k - 1);
    return nn_fir_blur(x, (p + 1) / 2 + 1, p / 2 + 1, 4);
}

static tg_shape channels(tg_node *x, int64_t c) // a vector of c over x
{
    return tg_shape_of(x).rank == 4 ? TG_SHAPE(1, c, 1, 1) : TG_SHAPE(1, c);
}

static tg_node *activate(tg_node *x) { return tg_scale(tg_leaky_relu(x, slope), gain); }

tg_node *nn_bias_act(nn m, tg_node *x)
{
    int64_t c = nn_channels(x);
    if (!x) return NULL;
    tg_node *b = nn_weight(m, "bias", TG_SHAPE(c), (nn_init){.kind = NN_INIT_ZERO});
    return activate(tg_add(x, tg_reshape(b, channels(x, c))));
}

tg_node *nn_equal_linear_with(nn m, tg_node *x, nn_equal_linear_options o)
{
    if (!x) return NULL;
    int64_t c = nn_channels(x);
    double lr = o.lr_mul != 0 ? o.lr_mul : 1;
    tg_node *w = nn_weight(m, "weight", TG_SHAPE(o.out, c), (nn_init){NN_INIT_NORMAL, 1 / lr});
    tg_node *b = nn_weight(m, "bias", TG_SHAPE(o.out), (nn_init){NN_INIT_VALUE, o.bias});
    tg_node *y = tg_scale(tg_matmul(x, w, false, true), lr / sqrt((double)(c > 0 ? c : 1)));
    y = tg_add(y, tg_scale(b, lr));
    return o.activate ? activate(y) : y;
}

static bool conv_fits(nn m, int64_t c, int out, int k)
{
    if (c > 0 && out > 0 && k > 0) return true;
    tg_fail(m.graph, "%s: no convolution %dx%d from %lld to %d channels", m.path ? m.path : "", k,
            k, (long long)c, out);
    return false;
}

static double inputs(int64_t c, int k) // factor of equalised learning rate
{
    return 1 / sqrt((double)c * k * k);
}

static tg_node *equal_conv(nn m, tg_node *x, nn_equal_conv_options o, double by)
{
    int64_t c = nn_channels(x);
    if (!x || !conv_fits(m, c, o.out, o.k)) return NULL;
    tg_node *w = nn_weight(m, "weight", TG_SHAPE(o.out, c, o.k, o.k), (nn_init){NN_INIT_NORMAL, 1});
    w = tg_scale(w, by * inputs(c, o.k));
    if (!o.half) return tg_conv2d(x, w, TG_CONV(.pad = o.k / 2));
    // the elements between those that a 1x1 convolution takes are not even made
    if (o.k == 1) return tg_conv2d(nn_fir_down(x), w, TG_CONV(0));
    return tg_conv2d(blur_before(x, o.k), w, TG_CONV(.stride = 2));
}

tg_node *nn_equal_conv_with(nn m, tg_node *x, nn_equal_conv_options o)
{
    return equal_conv(m, x, o, 1);
}

tg_node *nn_equal_conv_act_with(nn m, nn act, tg_node *x, nn_equal_conv_options o)
{
    tg_node *y = equal_conv(m, x, o, gain);
    if (!y) return NULL;
    tg_node *b = nn_weight(act, "bias", TG_SHAPE(o.out), (nn_init){.kind = NN_INIT_ZERO});
    b = tg_reshape(tg_scale(b, gain), TG_SHAPE(1, o.out, 1, 1));
    return tg_leaky_relu(tg_add(y, b), slope);
}

// Convolution with w [out,c,k,k] at the same, double or half the size.
static tg_node *convolve(tg_node *x, tg_node *w, nn_modulated_options o)
{
    if (o.down) return tg_conv2d(blur_before(x, o.k), w, TG_CONV(.stride = 2));
    if (!o.up) return tg_conv2d(x, w, TG_CONV(.pad = o.k / 2));
    tg_shape s = tg_shape_of(x);
    s.dim[1] = o.out;
    for (int d = 2; d < 4; d++) s.dim[d] = 2 * s.dim[d] - 2 + o.k;
    w = tg_transpose(w, (const int[]){1, 0, 2, 3}); // the adjoint takes [in,out,k,k]
    return blur_after(tg_conv2d_dx(x, w, s, TG_CONV(.stride = 2)), o.k);
}

tg_node *nn_modulated_conv_with(nn m, tg_node *x, tg_node *w, nn_modulated_options o)
{
    int64_t n = tg_dim(x, 0), c = nn_channels(x), kk = (int64_t)o.k * o.k;
    tg_shape s5 = TG_SHAPE(1, o.out, c, o.k, o.k), s4 = TG_SHAPE(o.out, c, o.k, o.k);
    if (!x || !w || !conv_fits(m, c, o.out, o.k)) return NULL;
    double by = inputs(c, o.k);
    tg_node *weight = tg_reshape(nn_weight(m, "weight", s5, (nn_init){NN_INIT_NORMAL, 1}), s4);
    tg_node *s = nn_equal_linear(nn_at(m, "modulation"), w, .out = (int)c, .bias = 1);
    s = tg_scale(s, by);
    tg_node *y = convolve(tg_mul(x, tg_reshape(s, TG_SHAPE(n, c, 1, 1))), weight, o);
    if (o.no_demod) return y;
    tg_node *squares = tg_square(tg_reshape(weight, TG_SHAPE(o.out, c, kk)));
    squares = tg_reshape(tg_sum_to(squares, TG_SHAPE(o.out, c, 1)), TG_SHAPE(o.out, c));
    tg_node *d = tg_rsqrt(tg_shift(tg_matmul(tg_square(s), squares, false, true), eps));
    return tg_mul(y, tg_reshape(d, TG_SHAPE(n, o.out, 1, 1)));
}

// Bias b [c] of a part of the channels, and the activation.
static tg_node *part_act(tg_node *x, tg_node *b, int64_t from)
{
    int64_t c = nn_channels(x);
    return activate(tg_add(x, tg_reshape(tg_slice(b, 0, from, c), channels(x, c))));
}

tg_node *nn_styled_conv_with(nn m, tg_node *x, tg_node *w, nn_styled_options o)
{
    nn act = nn_at(m, "activate");
    tg_node *y = nn_modulated_conv(nn_at(m, "conv"), x, w, .out = o.out, .k = 3, .up = o.up);
    if (!o.inject) return nn_bias_act(act, y);
    nn_init first = {NN_INIT_VALUE, o.strength};
    tg_node *strength = nn_weight(nn_at(m, "noise"), "weight", TG_SHAPE(1), first);
    tg_node *injected = tg_mul(o.inject, tg_reshape(strength, TG_SHAPE(1, 1, 1, 1)));
    if (!o.join) return nn_bias_act(act, tg_add(y, injected));
    int64_t c = o.out + nn_channels(injected);
    if (!injected) return NULL;
    tg_node *b = nn_weight(act, "bias", TG_SHAPE(c), (nn_init){.kind = NN_INIT_ZERO});
    tg_node *part[] = {part_act(y, b, 0), part_act(injected, b, o.out)};
    return tg_concat(part, 2, 1);
}

tg_node *nn_to_picture(nn m, tg_node *x, tg_node *w, tg_node *skip, int out, bool no_bias)
{
    tg_node *y = nn_modulated_conv(nn_at(m, "conv"), x, w, .out = out, .k = 1, .no_demod = true);
    if (!no_bias)
        y = tg_add(y,
                   nn_weight(m, "bias", TG_SHAPE(1, out, 1, 1), (nn_init){.kind = NN_INIT_ZERO}));
    return skip ? tg_add(y, nn_fir_up(skip)) : y;
}

tg_node *nn_pixel_norm(tg_node *x)
{
    tg_node *mean = tg_mean_to(tg_square(x), TG_SHAPE(tg_dim(x, 0), 1));
    return tg_mul(x, tg_rsqrt(tg_shift(mean, eps)));
}

// The mean deviation within each of so many sets, for each row: [n,..] -> [n,1,1,1]. A set's rows
// are `sets` apart.
static tg_node *deviation(tg_node *x, int64_t sets)
{
    int64_t n = tg_dim(x, 0), set = n / sets, k = tg_count(tg_shape_of(x)) / n;
    tg_node *y = tg_reshape(x, TG_SHAPE(set, sets, k));
    y = tg_sub(y, tg_mean_to(y, TG_SHAPE(1, sets, k)));
    y = tg_sqrt(tg_shift(tg_mean_to(tg_square(y), TG_SHAPE(1, sets, k)), eps));
    y = tg_expand(tg_mean_to(y, TG_SHAPE(1, sets, 1)), TG_SHAPE(set, sets, 1));
    return tg_reshape(y, TG_SHAPE(n, 1, 1, 1));
}

tg_node *nn_minibatch_deviation(tg_node *x, int most)
{
    if (!x) return NULL;
    int64_t processes = base_team_size(tg_team_of(x)), n = tg_dim(x, 0) * processes;
    int64_t set = n < most ? n : most, sets = set > 0 ? n / set : 0;
    tg_shape s = tg_shape_of(x);
    if (s.rank != 4 || set < 1 || sets * set != n)
        return tg_fail(tg_graph_of(x),
                       "the deviation over a batch of %lld is taken in sets of %lld: choose a "
                       "batch that is a multiple",
                       (long long)n, (long long)set);
    bool whole = sets % processes == 0; // sets lie within processes: see base/team.h
    tg_node *y =
        whole ? deviation(x, sets / processes) : tg_own_rows(deviation(tg_all_rows(x), sets));
    s.dim[1] = 1;
    return tg_concat((tg_node *[]){x, tg_expand(y, s)}, 2, 1);
}

tg_node *nn_latents(tg_node *w, int64_t layers)
{
    int64_t n = tg_dim(w, 0), d = tg_dim(w, 1);
    return tg_expand(tg_reshape(w, TG_SHAPE(n, 1, d)), TG_SHAPE(n, layers, d));
}

tg_node *nn_latent(tg_node *latents, int64_t i)
{
    if (tg_shape_of(latents).rank != 3) return latents;
    return tg_reshape(tg_slice(latents, 1, i, 1), TG_SHAPE(tg_dim(latents, 0), tg_dim(latents, 2)));
}

tg_node *nn_latents_mix(tg_node *a, tg_node *b, tg_node *keep)
{
    int64_t layers = tg_dim(keep, 0);
    if (tg_shape_of(a).rank == 2) a = nn_latents(a, layers);
    if (tg_shape_of(b).rank == 2) b = nn_latents(b, layers);
    tg_node *k = tg_reshape(keep, TG_SHAPE(1, layers, 1));
    return tg_add(tg_mul(a, k), tg_mul(b, tg_affine(k, -1, 1)));
}

tg_node *nn_truncate(tg_node *w, tg_node *mean, double psi)
{
    return tg_add(tg_scale(w, psi), tg_scale(mean, 1 - psi));
}
