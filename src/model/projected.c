// projected.c -- projected discriminator (Sauer et al. 2021) of SimSwap's trainer (2022): a frozen
// EfficientNet-lite0, random projections of four of its stages, a small discriminator on each.
//   img [n,3,h,w], ImageNet-normalised, at least 128 a side -> logits [n,k] (128: 4, 224: 64)
// Names are those of the trainer's net_D files (neuralchen/SimSwap, pg_modules/), backbone and
// its TensorFlow padding as tf_efficientnet_lite0 of timm 0.5.4 (Tan & Le 2019, lite form).
#include "model/nets.h"

static tg_node *bn(nn m, const char *name, tg_node *x)
{
    return nn_batch_norm(nn_at(m, "%s", name), x, 1e-3);
}

static tg_node *relu6(tg_node *x) { return tg_clip(x, 0, 6); }

static tg_node *pointwise(nn m, const char *name, tg_node *x, int out)
{
    return nn_conv(nn_at(m, "%s", name), x, .out = out, .k = 1, .no_bias = true);
}

static tg_node *depthwise(nn m, tg_node *x, int k, int stride)
{
    int c = (int)nn_channels(x);
    return nn_conv(nn_at(m, "conv_dw"), x, .out = c, .k = k, .stride = stride, .groups = c,
                   .no_bias = true, .same = true);
}

// Inverted residual (Sandler et al. 2018), expansion 6.
static tg_node *inverted(nn m, tg_node *x, int out, int k, int stride)
{
    tg_node *y = relu6(bn(m, "bn1", pointwise(m, "conv_pw", x, 6 * (int)nn_channels(x))));
    y = relu6(bn(m, "bn2", depthwise(m, y, k, stride)));
    y = bn(m, "bn3", pointwise(m, "conv_pwl", y, out));
    return stride == 1 && nn_channels(x) == out ? tg_add(x, y) : y;
}

static tg_node *group(nn m, tg_node *x, int blocks, int out, int k, int stride)
{
    for (int i = 0; i < blocks; i++) x = inverted(nn_at(m, "%d", i), x, out, k, i ? 1 : stride);
    return x;
}

static tg_node *stem(nn m, tg_node *x) // -> [n,16,h/2,w/2]
{
    x = nn_conv(nn_at(m, "0"), x, .out = 32, .k = 3, .stride = 2, .no_bias = true, .same = true);
    x = relu6(bn(m, "1", x));
    nn first = nn_at(m, "3.0");
    x = relu6(bn(first, "bn1", depthwise(first, x, 3, 1)));
    return bn(first, "bn2", pointwise(first, "conv_pw", x, 16));
}

void model_projected_features(nn m, tg_node *img, const model_projected_options *o,
                              tg_node *part[MODEL_PROJECTED_PARTS])
{
    for (int i = 0; i < MODEL_PROJECTED_PARTS; i++) part[i] = NULL;
    char text[128];
    if (img && (tg_shape_of(img).rank != 4 || tg_dim(img, 1) != 3 || tg_dim(img, 2) < 128 ||
                tg_dim(img, 3) < 128)) {
        tg_fail(m.graph, "projected-d: wants img [n,3,h,w], h and w at least 128, not %s",
                tg_shape_text(tg_shape_of(img), text));
        return;
    }
    nn net = nn_at(m, "feature_network.pretrained");
    net.frozen = true;
    if (o->backbone_eval) net.train = false;
    tg_node *x = stem(nn_at(net, "layer0"), img);
    part[0] = x = group(nn_at(net, "layer0.4"), x, 2, 24, 3, 2);
    part[1] = x = group(nn_at(net, "layer1.0"), x, 2, 40, 5, 2);
    x = group(nn_at(net, "layer2.0"), x, 3, 80, 3, 2);
    part[2] = x = group(nn_at(net, "layer2.1"), x, 3, 112, 5, 1);
    x = group(nn_at(net, "layer3.0"), x, 4, 192, 5, 2);
    part[3] = group(nn_at(net, "layer3.1"), x, 1, 320, 3, 1);
}

// Cross-channel mixing: each part to a power of two of channels.
static tg_node *mix(nn m, int i, tg_node *x)
{
    static const int out[] = {64, 128, 256, 512};
    return nn_conv(nn_at(m, "layer%d_ccm", i), x, .out = out[i], .k = 1);
}

// Cross-scale mixing: twice the size, corners aligned, then a 1x1 convolution; here the other way
// round, which gives the same and costs a quarter.
static tg_node *grow(nn m, int i, tg_node *x)
{
    static const int out[] = {64, 64, 128, 256};
    x = nn_conv(nn_at(m, "layer%d_csm.out_conv", i), x, .out = out[i], .k = 1);
    return tg_resize(x, 2 * tg_dim(x, 2), 2 * tg_dim(x, 3), TG_BILINEAR_CORNER);
}

static tg_node *mini_discriminator(nn m, int i, tg_node *x) // -> [n,k]
{
    static const int width[] = {64, 128, 256, 512}; // disc i begins at width[i], ends at 512
    m = nn_at(m, "mini_discs.%d.main", i);
    int first = i, n = 0;
    for (int j = first; j < 4; j++, n++) {
        nn down = nn_at(m, "%d.main", n);
        x = nn_spectral_conv(nn_at(down, "0"), x, .out = width[j], .k = 4, .stride = 2, .pad = 1);
        x = tg_leaky_relu(nn_batch_norm(nn_at(down, "1"), x, 1e-5), 0.2);
    }
    x = nn_spectral_conv(nn_at(m, "%d", n), x, .out = 1, .k = 4, .no_bias = true);
    return tg_reshape(x, TG_SHAPE(tg_dim(x, 0), tg_dim(x, 2) * tg_dim(x, 3)));
}

tg_node *model_projected_logits(nn m, tg_node *const part[MODEL_PROJECTED_PARTS],
                                const model_projected_options *o, model_ports *io)
{
    nn scratch = nn_at(m, "feature_network.scratch"), heads = nn_at(m, "discriminator");
    scratch.frozen = true;
    tg_node *c[MODEL_PROJECTED_PARTS], *s[MODEL_PROJECTED_PARTS], *logit[MODEL_PROJECTED_PARTS];
    for (int i = 0; i < MODEL_PROJECTED_PARTS; i++) c[i] = mix(scratch, i, part[i]);
    s[3] = grow(scratch, 3, c[3]);
    for (int i = 2; i >= 0; i--) s[i] = grow(scratch, i, tg_add(s[i + 1], c[i]));
    static const char *const stage[] = {"s0", "s1", "s2", "s3"};
    for (int i = 0; i < MODEL_PROJECTED_PARTS; i++) {
        model_stage(io, o->stages, stage[i], s[i]);
        logit[i] = mini_discriminator(heads, i, s[i]);
        if (!logit[i]) return NULL;
    }
    return tg_concat(logit, MODEL_PROJECTED_PARTS, 1);
}

#define AT(field) offsetof(model_projected_options, field)
static const base_field options[] = {
    {"backbone_eval", 0, BASE_FLAG, AT(backbone_eval), NULL,
     "running statistics in the backbone, also in training"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every stage as a further output"},
    {0}};

static void build(nn m, const void *opt, model_ports *io)
{
    static const char *const name[] = {"part0", "part1", "part2", "part3"};
    const model_projected_options *o = opt;
    tg_node *part[MODEL_PROJECTED_PARTS];
    model_projected_features(m, model_in(io, m, "img"), o, part);
    model_out(io, "logits", model_projected_logits(m, part, o, io));
    for (int i = 0; i < MODEL_PROJECTED_PARTS; i++)
        if (o->stages || i == 3) model_out(io, name[i], part[i]);
}

const model_net model_net_projected = {
    .name = "projected-d",
    .summary =
        "projected discriminator (Sauer et al. 2021) on EfficientNet-lite0, SimSwap's trainer",
    .inputs = "img [n,3,h,w] RGB, ImageNet-normalised, h and w at least 128",
    .outputs = "logits [n,k]; part3 [n,320,h/32,w/32] the backbone's last features",
    .options = options,
    .size = sizeof(model_projected_options),
    .build = build,
};
