// ncsnpp.c -- layers of NCSN++ (Song et al. 2021), parameters as yang-song/score_sde_pytorch names
// them; AdaLIN (Kim et al. 2020) and StyleMapGAN's norm (Kim et al. 2021). Facts:
// spec/smoothswap.md 3.3 to 3.5, 3.8, 10.
#include "nn/ncsnpp.h"
#include "nn/style.h"
#include <math.h>

static const double rescale = 0.70710678118654752; // a sum of two keeps its variance

tg_node *nn_swish(tg_node *x) { return tg_mul(x, tg_sigmoid(x)); }

// ---- Norms

// Moments of each channel, [n,c,1,1]. Those of a group of channels follow from them.
typedef struct {
    tg_node *centred, *mean, *variance;
} moments;

static moments channel_moments(tg_node *x)
{
    moments m;
    tg_shape to = TG_SHAPE(tg_dim(x, 0), tg_dim(x, 1), 1, 1);
    m.mean = tg_mean_to(x, to);
    m.centred = tg_sub(x, m.mean);
    m.variance = tg_mean_to(tg_square(m.centred), to);
    return m;
}

// Mean over each group of channels of v [n,c,1,1], for every channel.
static tg_node *group_mean(tg_node *v, int64_t groups)
{
    tg_shape s = tg_shape_of(v);
    if (!v || groups < 1) return NULL;
    tg_shape parts = TG_SHAPE(s.dim[0], groups, s.dim[1] / groups);
    tg_node *mean = tg_mean_to(tg_reshape(v, parts), TG_SHAPE(s.dim[0], groups, 1));
    return tg_reshape(tg_expand(mean, parts), s);
}

typedef struct {
    tg_node *shift;   // what to add to the centred channel: its mean less the group's
    tg_node *inverse; // 1 / deviation of the group
} group_moments;

// by: factor of the biased variance
static group_moments of_groups(const moments *m, int64_t groups, double eps, double by)
{
    group_moments g;
    g.shift = tg_sub(m->mean, group_mean(m->mean, groups));
    tg_node *variance = group_mean(tg_add(m->variance, tg_square(g.shift)), groups);
    g.inverse = tg_rsqrt(tg_affine(variance, by, eps));
    return g;
}

static tg_node *channel_weight(nn m, const char *name, int64_t c, nn_init_kind kind)
{
    tg_node *w = nn_weight(m, name, TG_SHAPE(c), (nn_init){.kind = kind});
    return tg_reshape(w, TG_SHAPE(1, c, 1, 1));
}

tg_node *nn_group_norm(nn m, tg_node *x, int groups)
{
    int64_t c = nn_channels(x);
    if (!x) return NULL;
    if (!groups) groups = c / 4 < 32 ? (int)(c / 4) : 32;
    if (tg_shape_of(x).rank != 4 || groups < 1 || c % groups)
        return tg_fail(m.graph,
                       "%s: %lld channels do not fall into %d groups; choose a width that "
                       "is a multiple",
                       m.path ? m.path : "", (long long)c, groups);
    moments s = channel_moments(x);
    group_moments g = of_groups(&s, groups, 1e-6, 1);
    tg_node *k = tg_mul(g.inverse, channel_weight(m, "weight", c, NN_INIT_ONE));
    tg_node *b = tg_add(tg_mul(g.shift, k), channel_weight(m, "bias", c, NN_INIT_ZERO));
    return tg_add(tg_mul(s.centred, k), b);
}

tg_node *nn_adalin(nn m, tg_node *x, tg_node *gain, tg_node *bias, bool biased)
{
    int64_t n = tg_dim(x, 0), c = nn_channels(x), area = tg_dim(x, 2) * tg_dim(x, 3);
    if (!x || !gain || !bias) return NULL;
    if (!biased && area < 2)
        return tg_fail(m.graph, "%s: AdaLIN wants more than one pixel", m.path ? m.path : "");
    double area_by = biased ? 1 : (double)area / (double)(area - 1);
    double all_by = biased ? 1 : (double)(c * area) / (double)(c * area - 1);
    const double eps = 1e-5;
    tg_node *rho = nn_share(m, "rho", TG_SHAPE(1, c, 1, 1), 0.9);
    moments s = channel_moments(x);
    group_moments layer = of_groups(&s, 1, eps, all_by);
    tg_node *instance = tg_rsqrt(tg_affine(s.variance, area_by, eps));
    gain = tg_reshape(gain, TG_SHAPE(n, c, 1, 1));
    bias = tg_reshape(bias, TG_SHAPE(n, c, 1, 1));
    tg_node *of_layer = tg_mul(tg_affine(rho, -1, 1), layer.inverse);
    tg_node *k = tg_mul(gain, tg_add(tg_mul(rho, instance), of_layer));
    tg_node *b = tg_add(tg_mul(gain, tg_mul(of_layer, layer.shift)), bias);
    return tg_add(tg_mul(s.centred, k), b);
}

static tg_node *map_conv(nn m, tg_node *map, int out, double at_first)
{
    tg_node *y = nn_equal_conv(m, map, .out = out, .k = 3);
    tg_node *b = nn_weight(m, "bias", TG_SHAPE(out), (nn_init){NN_INIT_VALUE, at_first});
    return tg_add(y, tg_reshape(b, TG_SHAPE(1, out, 1, 1)));
}

tg_node *nn_style_map_norm(nn m, tg_node *x, tg_node *map)
{
    int c = (int)nn_channels(x);
    if (!x || !map) return NULL;
    tg_node *gain = map_conv(nn_at(m, "gamma"), map, c, 1);
    tg_node *bias = map_conv(nn_at(m, "beta"), map, c, 0);
    return tg_add(tg_mul(nn_instance_norm(x, 1e-5), gain), bias);
}

// ---- Layers with their initial values

// The entries weight and bias of a layer: uniform, variance 2 / (fan_in + fan_out) times scale.
static void entries(nn m, tg_shape weight, double scale)
{
    double area = 1;
    for (int i = 2; i < weight.rank; i++) area *= (double)weight.dim[i];
    double fans = area * (double)(weight.dim[0] + weight.dim[1]);
    nn_init init = {NN_INIT_UNIFORM, fans > 0 ? sqrt(6 * scale / fans) : 0};
    nn_weight(m, "weight", weight, init);
    nn_weight(m, "bias", TG_SHAPE(weight.dim[0]), (nn_init){.kind = NN_INIT_ZERO});
}

static const double next_to_nothing = 1e-10;

tg_node *nn_score_conv(nn m, tg_node *x, int out, int k, bool zero)
{
    if (!x) return NULL;
    entries(m, TG_SHAPE(out, nn_channels(x), k, k), zero ? next_to_nothing : 1);
    return nn_conv(m, x, .out = out, .k = k, .pad = k / 2);
}

tg_node *nn_score_linear(nn m, tg_node *x, int out)
{
    if (!x) return NULL;
    entries(m, TG_SHAPE(out, nn_channels(x)), 1);
    return nn_linear(m, x, out, false);
}

tg_node *nn_score_up(tg_node *x, bool naive)
{
    return naive ? tg_resize(x, 2 * tg_dim(x, 2), 2 * tg_dim(x, 3), TG_NEAREST) : nn_fir_up(x);
}

tg_node *nn_score_down(tg_node *x, bool naive)
{
    return naive ? tg_avg_pool(x, (tg_window){.kh = 2, .kw = 2, .stride = 2}) : nn_fir_down(x);
}

// ---- Attention

// Rows [r,c] times W [c,c], plus b
static tg_node *nin(nn m, tg_node *x, double scale)
{
    int64_t c = nn_channels(x);
    if (!x) return NULL;
    nn_init init = {NN_INIT_UNIFORM, sqrt(3 * scale / (double)c)};
    tg_node *w = nn_weight(m, "W", TG_SHAPE(c, c), init);
    tg_node *b = nn_weight(m, "b", TG_SHAPE(c), (nn_init){.kind = NN_INIT_ZERO});
    return tg_add(tg_matmul(x, w, false, false), b);
}

// Rows of x [r,c] as a distribution; the largest element of a row cancels and prevents overflow.
static tg_node *softmax(tg_node *x)
{
    int64_t r = tg_dim(x, 0), c = tg_dim(x, 1);
    tg_node *most = tg_reshape(tg_detach(x), TG_SHAPE(1, 1, r, c));
    most = tg_max_pool(most, (tg_window){.kh = 1, .kw = c, .stride = 1});
    tg_node *e = tg_exp(tg_sub(x, tg_detach(tg_reshape(most, TG_SHAPE(r, 1)))));
    return tg_mul(e, tg_recip(tg_sum_to(e, TG_SHAPE(r, 1))));
}

// For each sample: rows of q [n p,c] weigh the rows of v by their products with those of k.
static tg_node *attend(tg_node *q, tg_node *k, tg_node *v, int64_t n)
{
    tg_graph *g = tg_graph_of(q);
    int64_t p = tg_dim(q, 0) / n;
    tg_node **out = base_alloc((size_t)n, sizeof *out), *all;
    if (!out) return tg_no_memory(g);
    for (int64_t i = 0; i < n; i++) {
        tg_node *of[3] = {q, k, v};
        for (int j = 0; j < 3; j++) of[j] = tg_slice(of[j], 0, i * p, p);
        tg_node *w = tg_matmul(of[0], of[1], false, true);
        w = softmax(tg_scale(w, 1 / sqrt((double)tg_dim(q, 1))));
        out[i] = tg_matmul(w, of[2], false, false);
    }
    all = tg_concat(out, (int)n, 0);
    base_free(out);
    return all;
}

tg_node *nn_score_attention(nn m, tg_node *x)
{
    tg_shape s = tg_shape_of(x);
    tg_node *h = nn_group_norm(nn_at(m, "GroupNorm_0"), x, 0), *of[3];
    if (!h) return NULL;
    h = tg_transpose(h, (const int[]){0, 2, 3, 1});
    h = tg_reshape(h, TG_SHAPE(s.dim[0] * s.dim[2] * s.dim[3], s.dim[1]));
    for (int i = 0; i < 3; i++) of[i] = nin(nn_at(m, "NIN_%d", i), h, 0.1);
    if (!of[0] || !of[1] || !of[2]) return NULL;
    h = nin(nn_at(m, "NIN_3"), attend(of[0], of[1], of[2], s.dim[0]), next_to_nothing);
    h = tg_reshape(h, TG_SHAPE(s.dim[0], s.dim[2], s.dim[3], s.dim[1]));
    return tg_scale(tg_add(x, tg_transpose(h, (const int[]){0, 3, 1, 2})), rescale);
}

// ---- The residual block

static tg_node *resample(tg_node *x, const nn_score_options *o)
{
    if (o->up) return nn_score_up(x, o->naive);
    return o->down ? nn_score_down(x, o->naive) : x;
}

// A linear map without bias of the condition, 0 at first.
static tg_node *from_nothing(nn m, tg_node *cond, int64_t c)
{
    if (!cond) return NULL;
    nn_weight(m, "weight", TG_SHAPE(c, nn_channels(cond)), (nn_init){.kind = NN_INIT_ZERO});
    return nn_linear(m, cond, c, true);
}

// A 3x3 convolution of the map, 0 at first.
static tg_node *from_map(nn m, tg_node *map, int64_t c)
{
    if (!map) return NULL;
    nn_init zero = {.kind = NN_INIT_ZERO};
    nn_weight(m, "weight", TG_SHAPE(c, nn_channels(map), 3, 3), zero);
    nn_weight(m, "bias", TG_SHAPE(c), zero);
    return nn_conv(m, map, .out = (int)c, .k = 3, .pad = 1);
}

// What the condition and the second norm make of the first convolution's output.
static tg_node *conditioned(nn m, tg_node *h, const nn_score_options *o)
{
    int64_t n = tg_dim(h, 0), c = nn_channels(h);
    tg_node *cond = o->cond ? nn_swish(o->cond) : NULL, *gain, *bias;
    nn norm = nn_at(m, "GroupNorm_1"), at = nn_at(m, "AdaLIN_0");
    switch (o->way) {
    case NN_SCORE_ADD:
        bias = nn_score_linear(nn_at(m, "Dense_0"), cond, (int)c);
        return nn_group_norm(norm, tg_add(h, tg_reshape(bias, TG_SHAPE(n, c, 1, 1))), 0);
    case NN_SCORE_ADALIN:
        gain = from_nothing(nn_at(at, "gamma"), cond, c);
        bias = from_nothing(nn_at(at, "beta"), cond, c);
        return nn_adalin(at, h, tg_shift(gain, 1), bias, o->biased);
    case NN_SCORE_MAP:
        h = nn_group_norm(norm, h, 0);
        gain = from_map(nn_at(m, "Gamma_0"), o->map, c);
        bias = from_map(nn_at(m, "Beta_0"), o->map, c);
        return tg_add(tg_mul(h, tg_shift(gain, 1)), bias);
    case NN_SCORE_STYLE_MAP:
        return nn_style_map_norm(nn_at(m, "StyleMap_0"), h, o->map);
    }
    return NULL;
}

tg_node *nn_score_block_with(nn m, tg_node *x, nn_score_options o)
{
    if (!x) return NULL;
    bool of_map = o.way == NN_SCORE_MAP || o.way == NN_SCORE_STYLE_MAP;
    if (!(of_map ? o.map : o.cond)) // the caller's graph knows why, or learns it here
        return tg_fail(m.graph, "%s: the block lacks its condition", m.path ? m.path : "");
    int c = (int)nn_channels(x), out = o.out ? o.out : c;
    tg_node *h = nn_swish(nn_group_norm(nn_at(m, "GroupNorm_0"), x, 0));
    h = nn_score_conv(nn_at(m, "Conv_0"), resample(h, &o), out, 3, false);
    h = nn_swish(conditioned(m, h, &o));
    h = nn_score_conv(nn_at(m, "Conv_1"), h, out, 3, true);
    x = resample(x, &o);
    if (out != c || o.up || o.down) x = nn_score_conv(nn_at(m, "Conv_2"), x, out, 1, false);
    return tg_scale(tg_add(x, h), rescale);
}
