// multiscale.c -- FaceShifter's discriminator: PatchGANs of one shape at several scales, as in
// pix2pixHD (Wang et al. 2018).
//   img [n,3,h,w] -> logits of the picture as it is, halved, halved again
// Names: network/MultiscaleDiscriminator.py of taotaonice/FaceShifter and ai-forever/ghost. Layer
// set 0 serves the smallest picture.
#include "model/faceshifter.h"
#include "model/nets.h"

typedef struct {
    int layers, width, scales;
    bool batch;
} plan;

static bool make_plan(nn m, const model_multiscale_options *o, plan *p)
{
    *p = (plan){.layers = o->layers ? o->layers : 6,
                .width = o->width ? o->width : 64,
                .scales = o->scales ? o->scales : 3,
                .batch = o->batch};
    if (p->layers >= 1 && p->layers <= 10 && p->width >= 1 && p->width <= 512 && p->scales >= 1 &&
        p->scales <= MODEL_MULTISCALE_MOST)
        return true;
    tg_fail(m.graph, "multiscale-d: layers lies in 1..10, width in 1..512, scales in 1..%d",
            MODEL_MULTISCALE_MOST);
    return false;
}

// Convolution at m.<at>, norm at m.<at + 1>.
static tg_node *layer(nn m, int at, tg_node *x, int out, int stride, bool batch)
{
    x = nn_conv(nn_at(m, "%d", at), x, .out = out, .k = 4, .stride = stride, .pad = 2);
    x = batch ? nn_batch_norm(nn_at(m, "%d", at + 1), x, 1e-5) : nn_instance_norm(x, 1e-5);
    return tg_leaky_relu(x, 0.2);
}

static tg_node *judge(nn m, tg_node *x, const plan *p)
{
    int c = p->width, at = 2, most = 8 * p->width; // 512 of 64
    x = nn_conv(nn_at(m, "0"), x, .out = c, .k = 4, .stride = 2, .pad = 2);
    x = tg_leaky_relu(x, 0.2);
    for (int i = 1; i <= p->layers; i++, at += 3) { // the last one keeps the size
        c = 2 * c < most ? 2 * c : most;
        x = layer(m, at, x, c, i < p->layers ? 2 : 1, p->batch);
    }
    return nn_conv(nn_at(m, "%d", at), x, .out = 1, .k = 4, .pad = 2);
}

int model_multiscale(nn m, tg_node *img, const model_multiscale_options *o,
                     tg_node *logit[MODEL_MULTISCALE_MOST], model_ports *io)
{
    plan p;
    char text[128];
    tg_node *scaled[MODEL_MULTISCALE_MOST] = {img};
    for (int i = 0; i < MODEL_MULTISCALE_MOST; i++) logit[i] = NULL;
    if (!img || !make_plan(m, o, &p)) return 0;
    if (tg_shape_of(img).rank != 4 || tg_dim(img, 1) != 3) {
        tg_fail(m.graph, "multiscale-d: wants img [n,3,h,w], not %s",
                tg_shape_text(tg_shape_of(img), text));
        return 0;
    }
    for (int i = 1; i < p.scales; i++) {
        scaled[i] = model_patchgan_half(scaled[i - 1]);
        model_stage(io, o->stages, tg_text(m.graph, "scale%d_input", i), scaled[i]);
    }
    for (int i = p.scales - 1; i >= 0; i--) { // in the order of names
        logit[i] = judge(nn_at(m, "layer%d", p.scales - 1 - i), scaled[i], &p);
        if (!logit[i]) return 0;
    }
    return p.scales;
}

#define AT(field) offsetof(model_multiscale_options, field)
static const base_field options[] = {
    {"layers", 0, BASE_INT, AT(layers), "6", "halvings: 6 (taotaonice), 5 (ghost), 3 (mindslab)"},
    {"width", 0, BASE_INT, AT(width), "64", "channels after the first halving, at most 8 times it"},
    {"scales", 0, BASE_INT, AT(scales), "3", "discriminators, each on half the size, 1 to 4"},
    {"batch", 0, BASE_FLAG, AT(batch), NULL, "batch norm (mindslab) instead of instance norm"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give the halved pictures as further outputs"},
    {0}};

static void build(nn m, const void *o, model_ports *io)
{
    static const char *const name[] = {"scale0_logits", "scale1_logits", "scale2_logits",
                                       "scale3_logits"};
    tg_node *logit[MODEL_MULTISCALE_MOST];
    int n = model_multiscale(m, model_in(io, m, "img"), o, logit, io);
    for (int i = 0; i < n; i++) model_out(io, name[i], logit[i]);
}

const model_net model_net_multiscale = {
    .name = "multiscale-d",
    .summary = "multi-scale PatchGAN discriminator of FaceShifter (Li et al. 2020)",
    .inputs = "img [n,3,h,w] RGB -1..1",
    .outputs = "scale0_logits [n,1,..] of img, scale1_logits of img halved, ...",
    .options = options,
    .size = sizeof(model_multiscale_options),
    .build = build,
};
