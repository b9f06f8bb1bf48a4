// aei_encoder.c -- what a face looks like apart from who it is: AEI-Net's attribute encoders.
//   img [n,3,s,s] -> levels 1..depth + 1 of attributes, coarsest first, the last one at full size
// Names and layers: network/AEI_Net.py and network/resnet.py of ai-forever/ghost; the paper's is
// the U-Net (spec/faceshifter.md 1.1, 4.2).
#include "model/aei.h"

static tg_node *down(nn m, tg_node *x, int out, bool bias)
{
    if (!x) return NULL;
    nn_glorot(nn_at(m, "0"), TG_SHAPE(out, nn_channels(x), 4, 4), false);
    x = nn_conv(nn_at(m, "0"), x, .out = out, .k = 4, .stride = 2, .pad = 1, .no_bias = !bias);
    return tg_leaky_relu(nn_batch_norm(nn_at(m, "1"), x, 1e-5), 0.1);
}

static tg_node *up(nn m, tg_node *x, int out, bool bias)
{
    nn at = nn_at(m, "deconv");
    if (!x) return NULL;
    nn_glorot(at, TG_SHAPE(nn_channels(x), out, 4, 4), false);
    x = nn_deconv(at, x, .out = out, .k = 4, .stride = 2, .pad = 1, .no_bias = !bias);
    return tg_leaky_relu(nn_batch_norm(nn_at(m, "bn"), x, 1e-5), 0.1);
}

static tg_node *twice(tg_node *x) // corners aligned
{
    return tg_resize(x, 2 * tg_dim(x, 2), 2 * tg_dim(x, 3), TG_BILINEAR_CORNER);
}

// Down to the coarsest level and up again, meeting the features of the way down: linknet adds
// them, the U-Net puts them behind the new ones.
static void encode_hourglass(nn m, tg_node *img, const aei_plan *p, tg_node **att)
{
    tg_node *skip[MODEL_AEI_LEVELS];
    int d = p->depth;
    skip[0] = img;
    for (int i = 1; i <= d; i++)
        skip[i] = down(nn_at(m, "conv%d", i), skip[i - 1], aei_width(p, i - 1), p->mindslab);
    att[0] = skip[d];
    for (int k = 1; k < d; k++) {
        tg_node *old = skip[d - k];
        tg_node *x = up(nn_at(m, "deconv%d", k), att[k - 1], (int)nn_channels(old), p->mindslab);
        if (!x || !old) return;
        att[k] =
            p->encoder == AEI_LINKNET ? tg_add(x, old) : tg_concat((tg_node *[]){x, old}, 2, 1);
    }
    att[d] = twice(att[d - 1]);
}

static tg_node *conv_bn(nn m, const char *conv, const char *bn, tg_node *x, nn_conv_options o)
{
    if (!x) return NULL;
    o.no_bias = true;
    nn_glorot(nn_at(m, "%s", conv), TG_SHAPE(o.out, nn_channels(x), o.k, o.k), false);
    return nn_batch_norm(nn_at(m, "%s", bn), nn_conv_with(nn_at(m, "%s", conv), x, o), 1e-5);
}

// Bottleneck (He et al. 2016), expansion 4; the stride is in the first convolution.
static tg_node *bottleneck(nn m, tg_node *x, int planes, int stride)
{
    nn_conv_options first = {.out = planes, .k = 1, .stride = stride};
    nn_conv_options last = {.out = 4 * planes, .k = 1}, past = last;
    past.stride = stride;
    tg_node *y = tg_relu(conv_bn(m, "conv1", "bn1", x, first));
    y = tg_relu(conv_bn(m, "conv2", "bn2", y, (nn_conv_options){.out = planes, .k = 3, .pad = 1}));
    y = conv_bn(m, "conv3", "bn3", y, last);
    if (stride > 1) x = conv_bn(nn_at(m, "downsample"), "0", "1", x, past);
    return tg_relu(tg_add(y, x));
}

// The way down only: each halving is a level.
static void encode_resnet(nn m, tg_node *img, const aei_plan *p, tg_node **att)
{
    int d = p->depth;
    nn_conv_options stem = {.out = aei_level_width(p, d + 1), .k = 7, .pad = 3};
    tg_node *x = tg_relu(conv_bn(m, "conv0", "bn0", img, stem));
    att[d] = x;
    stem.stride = 2;
    att[d - 1] = x = tg_relu(conv_bn(m, "conv1", "bn1", x, stem));
    for (int k = d - 1; k >= 1; k--) {
        nn stage = nn_at(m, "layer%d", d - k);
        int planes = aei_level_width(p, k) / 4;
        x = bottleneck(nn_at(stage, "0"), x, planes, 2);
        att[k - 1] = x = bottleneck(nn_at(stage, "1"), x, planes, 1);
    }
}

int model_aei_attributes(nn m, tg_node *img, const model_aei_options *o,
                         tg_node *att[MODEL_AEI_LEVELS], model_ports *io)
{
    aei_plan p;
    char text[128];
    for (int i = 0; i < MODEL_AEI_LEVELS; i++) att[i] = NULL;
    if (!img || !aei_plan_make(m, o, tg_dim(img, 3), 0, &p)) return 0;
    if (tg_shape_of(img).rank != 4 || tg_dim(img, 1) != 3 || tg_dim(img, 2) != tg_dim(img, 3)) {
        tg_fail(m.graph, "aei: wants img [n,3,s,s], not %s", tg_shape_text(tg_shape_of(img), text));
        return 0;
    }
    nn at = nn_at(m, "encoder");
    if (p.encoder == AEI_RESNET)
        encode_resnet(at, img, &p, att);
    else
        encode_hourglass(at, img, &p, att);
    for (int k = 0; k <= p.depth; k++) {
        if (!att[k]) return 0; // the graph knows why
        model_stage(io, p.stages, tg_text(m.graph, "z_att%d", k + 1), att[k]);
    }
    return p.depth + 1;
}
