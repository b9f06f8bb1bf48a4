// stylegan2_d.c -- StyleGAN2 discriminator, residual (Karras et al. 2020).
//   img [n,3,s,s] RGB -1..1 -> logits [n,1]
// Names are those of rosinality/stylegan2-pytorch, model.py, Discriminator; the constant blur
// kernels of its files are not needed. Facts: spec/styleswap.md 2.5.
#include "model/nets.h"
#include "model/stylegan2.h"
#include "nn/style.h"
#include <math.h>

static tg_node *block(nn m, tg_node *x, int out)
{
    nn a = nn_at(m, "conv1"), b = nn_at(m, "conv2");
    tg_node *y =
        nn_equal_conv_act(nn_at(a, "0"), nn_at(a, "1"), x, .out = (int)nn_channels(x), .k = 3);
    y = nn_equal_conv_act(nn_at(b, "1"), nn_at(b, "2"), y, .out = out, .k = 3, .half = true);
    x = nn_equal_conv(nn_at(m, "skip.1"), x, .out = out, .k = 1, .half = true);
    return tg_scale(tg_add(y, x), sqrt(0.5));
}

void model_stylegan2_d(nn m, tg_node *img, const model_stylegan2_d_options *o,
                       model_stylegan2_verdict *v)
{
    *v = (model_stylegan2_verdict){0};
    int channels[MODEL_STYLE_LEVELS];
    if (!img) return;
    int levels = model_style_levels(m, "stylegan2-d", tg_dim(img, 2), tg_dim(img, 3));
    if (!levels || !model_style_channels(m, &o->widths, 2, 1, levels, channels)) return;
    nn first = nn_at(m, "convs.0");
    tg_node *x = nn_equal_conv_act(nn_at(first, "0"), nn_at(first, "1"), img,
                                   .out = channels[levels - 1], .k = 1);
    v->feature[v->features++] = x;
    for (int i = levels - 2; i >= 0; i--) {
        x = block(nn_at(m, "convs.%d", v->features), x, channels[i]);
        v->feature[v->features++] = x;
    }
    x = nn_minibatch_deviation(x, o->group ? o->group : 4);
    nn last = nn_at(m, "final_conv"), linear = nn_at(m, "final_linear");
    int c = channels[0];
    x = nn_equal_conv_act(nn_at(last, "0"), nn_at(last, "1"), x, .out = c, .k = 3);
    x = tg_reshape(x, TG_SHAPE(tg_dim(img, 0), 16 * (int64_t)c));
    x = nn_equal_linear(nn_at(linear, "0"), x, .out = c, .activate = true);
    v->logit = nn_equal_linear(nn_at(linear, "1"), x, .out = 1);
}

#define AT(field) offsetof(model_stylegan2_d_options, field)
static const base_field options[] = {
    {"channels", 0, BASE_TEXT, AT(widths.list), NULL, "at sides 4, 8, ..: 512,512,256"},
    {"multiplier", 0, BASE_REAL, AT(widths.multiplier), "2", "of the channels from side 64 on"},
    {"narrow", 0, BASE_REAL, AT(widths.narrow), "1", "of all channels"},
    {"group", 0, BASE_INT, AT(group), "4", "most samples of a set of the minibatch deviation"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every stage as a further output"},
    {0}};

static void build(nn m, const void *options_of_net, model_ports *io)
{
    const model_stylegan2_d_options *o = options_of_net;
    model_stylegan2_verdict v;
    model_stylegan2_d(m, model_in(io, m, "img"), o, &v);
    for (int i = 0; o->stages && i < v.features; i++)
        model_out(io, tg_text(m.graph, "feat%d", i), v.feature[i]);
    model_out(io, "logits", v.logit);
}

const model_net model_net_stylegan2_d = {
    .name = "stylegan2-d",
    .summary = "StyleGAN2 discriminator, residual (Karras et al. 2020)",
    .inputs = "img [n,3,h,w] RGB -1..1, h = w a power of two, n a multiple of min(n, group)",
    .outputs = "logits [n,1]",
    .options = options,
    .size = sizeof(model_stylegan2_d_options),
    .build = build,
};
