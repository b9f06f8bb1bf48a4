// layers.c -- layers with parameters: convolution, transposed convolution, linear, spectral norm,
// PReLU; and small helpers. Initial values are PyTorch's: weights and biases U(+-1/sqrt(fan_in)),
// PReLU 0.25.
#include "nn/nn.h"
#include <math.h>

int64_t nn_channels(const tg_node *x) { return tg_dim(x, 1); }

static int64_t or_one(int64_t n) { return n ? n : 1; }

static nn_init fan_in(int64_t n)
{
    return (nn_init){NN_INIT_UNIFORM, n > 0 ? 1 / sqrt((double)n) : 0};
}

// c channels of input are at hand
static bool conv_fits(nn m, int64_t c, nn_conv_options o)
{
    int64_t groups = or_one(o.groups);
    if (o.out > 0 && o.k > 0 && c > 0 && c % groups == 0 && o.out % groups == 0) return true;
    tg_fail(m.graph, "%s: no convolution %dx%d from %lld to %d channels in %lld groups",
            m.path ? m.path : "", o.k, o.k, (long long)c, o.out, (long long)groups);
    return false;
}

static tg_shape conv_shape(int64_t c, nn_conv_options o)
{
    return TG_SHAPE(o.out, c / or_one(o.groups), o.k, o.k);
}

static int64_t conv_fan_in(int64_t c, nn_conv_options o)
{
    return c / or_one(o.groups) * o.k * o.k;
}

static tg_node *conv_weight(nn m, const char *name, int64_t c, nn_conv_options o)
{
    return nn_weight(m, name, conv_shape(c, o), fan_in(conv_fan_in(c, o)));
}

static tg_node *conv_bias(nn m, int64_t c, nn_conv_options o)
{
    return nn_weight(m, "bias", TG_SHAPE(o.out), fan_in(conv_fan_in(c, o)));
}

void nn_conv_entries(nn m, int64_t c, nn_conv_options o)
{
    if (!conv_fits(m, c, o)) return;
    conv_weight(m, "weight", c, o);
    if (!o.no_bias) conv_bias(m, c, o);
}

static tg_node *add_bias(tg_node *y, tg_node *bias)
{
    return bias ? tg_add(y, tg_reshape(bias, TG_SHAPE(1, nn_channels(y), 1, 1))) : NULL;
}

// Padding of TensorFlow's SAME for one side: all of it, of which the smaller half comes first.
static int64_t same_pad(int64_t n, int64_t k, int64_t stride)
{
    int64_t all = ((n + stride - 1) / stride - 1) * stride + k - n;
    return all > 0 ? all : 0;
}

static tg_node *convolve(tg_node *x, tg_node *w, nn_conv_options o)
{
    if (o.reflect) x = tg_reflect_pad(x, o.reflect);
    tg_conv c = {.stride = or_one(o.stride), .pad = o.pad, .groups = or_one(o.groups)};
    if (o.same) {
        int64_t v = same_pad(tg_dim(x, 2), o.k, c.stride);
        int64_t h = same_pad(tg_dim(x, 3), o.k, c.stride);
        c.top = v / 2, c.bottom = v - c.top;
        c.left = h / 2, c.right = h - c.left;
    }
    return tg_conv2d(x, w, c);
}

tg_node *nn_conv_with(nn m, tg_node *x, nn_conv_options o)
{
    if (!x || !conv_fits(m, nn_channels(x), o)) return NULL;
    tg_node *w = conv_weight(m, "weight", nn_channels(x), o);
    tg_node *b = o.no_bias ? NULL : conv_bias(m, nn_channels(x), o);
    tg_node *y = convolve(x, w, o);
    return o.no_bias ? y : add_bias(y, b);
}

// The largest singular value of w [o,k] by one power iteration from u [o], v [k]; in training
// they are replaced by the better ones. They are constants to the gradient.
static tg_node *singular_value(nn m, tg_node *w)
{
    int64_t o = tg_dim(w, 0), k = tg_dim(w, 1);
    nn_init unit = {.kind = NN_INIT_UNIT};
    tg_node *u = tg_reshape(nn_buffer(m, "weight_u", TG_SHAPE(o), unit), TG_SHAPE(1, o));
    tg_node *v = tg_reshape(nn_buffer(m, "weight_v", TG_SHAPE(k), unit), TG_SHAPE(1, k));
    if (m.train) v = nn_unit(tg_matmul(u, tg_detach(w), false, false));
    tg_node *wv = tg_matmul(tg_detach(v), w, false, true); // [1,o]
    if (m.train) {
        u = nn_unit(tg_detach(wv));
        nn_set_buffer(m, "weight_u", tg_reshape(tg_detach(u), TG_SHAPE(o)));
        nn_set_buffer(m, "weight_v", tg_reshape(tg_detach(v), TG_SHAPE(k)));
    }
    return tg_sum(tg_mul(tg_detach(u), wv));
}

tg_node *nn_spectral_conv_with(nn m, tg_node *x, nn_conv_options o)
{
    if (!x || !conv_fits(m, nn_channels(x), o)) return NULL;
    int64_t c = nn_channels(x);
    tg_node *b = o.no_bias ? NULL : conv_bias(m, c, o);
    tg_node *w = conv_weight(m, "weight_orig", c, o);
    tg_node *sigma = singular_value(m, tg_reshape(w, TG_SHAPE(o.out, c * o.k * o.k)));
    // conv(x, w / sigma) = conv(x, w) / sigma: w itself is not written again
    tg_node *y = tg_mul(convolve(x, w, o), tg_recip(sigma));
    return o.no_bias ? y : add_bias(y, b);
}

tg_node *nn_linear(nn m, tg_node *x, int64_t out, bool no_bias)
{
    if (!x) return NULL;
    int64_t c = nn_channels(x);
    tg_node *w = nn_weight(m, "weight", TG_SHAPE(out, c), fan_in(c));
    tg_node *b = no_bias ? NULL : nn_weight(m, "bias", TG_SHAPE(out), fan_in(c));
    tg_node *y = tg_matmul(x, w, false, true);
    return no_bias ? y : tg_add(y, b);
}

tg_node *nn_deconv_with(nn m, tg_node *x, nn_conv_options o)
{
    if (!x || !conv_fits(m, nn_channels(x), o)) return NULL;
    int64_t c = nn_channels(x), stride = or_one(o.stride), n = tg_dim(x, 0);
    nn_init init = fan_in((int64_t)o.out * o.k * o.k); // PyTorch counts dim 1 as the inputs
    tg_node *w = nn_weight(m, "weight", TG_SHAPE(c, o.out, o.k, o.k), init);
    tg_node *b = o.no_bias ? NULL : nn_weight(m, "bias", TG_SHAPE(o.out), init);
    tg_shape y = TG_SHAPE(n, o.out, (tg_dim(x, 2) - 1) * stride - 2 * o.pad + o.k,
                          (tg_dim(x, 3) - 1) * stride - 2 * o.pad + o.k);
    tg_node *sum = tg_conv2d_dx(x, w, y, TG_CONV(.stride = stride, .pad = o.pad));
    return o.no_bias ? sum : add_bias(sum, b);
}

void nn_glorot(nn m, tg_shape weight, bool uniform)
{
    if (weight.rank < 2) return;
    double area = 1;
    for (int i = 2; i < weight.rank; i++) area *= (double)weight.dim[i];
    double fans = area * (double)(weight.dim[0] + weight.dim[1]);
    nn_init normal = {NN_INIT_NORMAL, sqrt(2 / fans)}, even = {NN_INIT_UNIFORM, sqrt(6 / fans)};
    nn_weight(m, "weight", weight, uniform ? even : normal);
}

tg_node *nn_prelu(nn m, tg_node *x)
{
    return tg_prelu(x, nn_weight(m, "weight", TG_SHAPE(1), (nn_init){NN_INIT_VALUE, 0.25}));
}

tg_node *nn_upsample(tg_node *x, int factor)
{
    return tg_resize(x, tg_dim(x, 2) * factor, tg_dim(x, 3) * factor, TG_BILINEAR);
}

tg_node *nn_unit(tg_node *x)
{
    tg_node *length2 = tg_sum_to(tg_square(x), TG_SHAPE(tg_dim(x, 0), 1));
    return tg_mul(x, tg_rsqrt(tg_clip(length2, 1e-24, INFINITY)));
}

tg_node *nn_cosine(tg_node *a, tg_node *b)
{
    int64_t n = tg_dim(a, 0);
    tg_node *sum = tg_sum_to(tg_mul(nn_unit(a), nn_unit(b)), TG_SHAPE(n, 1));
    return tg_reshape(sum, TG_SHAPE(n));
}
