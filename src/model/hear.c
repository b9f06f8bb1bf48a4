// hear.c -- HEAR-Net of FaceShifter (Li et al. 2020, arXiv 1912.13457, section 3.2): what lay in
// front of the target's face comes back.
//   x [n,6,h,w]: a swapped face -1..1, then the target minus its own reconstruction -> [n,3,h,w]
// Layers and names: network/HearNet.py of taotaonice/FaceShifter; N = 5 halvings is the paper's.
// residual is ours: what is learnt is a change of the swapped face, none at first.
#include "model/faceshifter.h"
#include "model/nets.h"

enum { MOST_HALVINGS = 9 };

static tg_node *norm(nn m, tg_node *x)
{
    return tg_leaky_relu(nn_batch_norm(nn_at(m, "1"), x, 1e-5), 0.1);
}

static tg_node *down(nn m, tg_node *x, int out)
{
    if (!x) return NULL;
    nn_glorot(nn_at(m, "0"), TG_SHAPE(out, nn_channels(x), 4, 4), false);
    return norm(m, nn_conv(nn_at(m, "0"), x, .out = out, .k = 4, .stride = 2, .pad = 1));
}

static tg_node *up(nn m, tg_node *x, int out)
{
    if (!x) return NULL;
    nn_glorot(nn_at(m, "0"), TG_SHAPE(nn_channels(x), out, 4, 4), false);
    return norm(m, nn_deconv(nn_at(m, "0"), x, .out = out, .k = 4, .stride = 2, .pad = 1));
}

static bool check(nn m, tg_node *x, int width, int depth)
{
    char text[128];
    if (!x) return false;
    if (width < 1 || width > 1024 || depth < 2 || depth > MOST_HALVINGS) {
        tg_fail(m.graph, "hear: width lies in 1..1024, depth in 2..%d", MOST_HALVINGS);
        return false;
    }
    int64_t unit = (int64_t)1 << depth;
    if (tg_shape_of(x).rank == 4 && tg_dim(x, 1) == 6 && tg_dim(x, 2) % unit == 0 &&
        tg_dim(x, 3) % unit == 0)
        return true;
    tg_fail(m.graph, "hear: wants x [n,6,h,w], h and w multiples of %d, not %s", (int)unit,
            tg_shape_text(tg_shape_of(x), text));
    return false;
}

// What the last layer says: the picture, or what is to be added to the swapped one.
static tg_node *finish(nn m, tg_node *x, tg_node *swapped, bool residual)
{
    if (!x) return NULL;
    tg_shape shape = TG_SHAPE(3, nn_channels(x), 3, 3);
    if (residual) {
        nn_weight(m, "weight", shape, (nn_init){.kind = NN_INIT_ZERO});
        nn_weight(m, "bias", TG_SHAPE(3), (nn_init){.kind = NN_INIT_ZERO});
    } else {
        nn_glorot(m, shape, false);
    }
    x = nn_conv(m, x, .out = 3, .k = 3, .pad = 1);
    return residual ? tg_add(swapped, x) : tg_tanh(x);
}

tg_node *model_hear(nn m, tg_node *x, const model_hear_options *o, model_ports *io)
{
    int width = o->width ? o->width : 64, d = o->depth ? o->depth : 5;
    if (!check(m, x, width, d)) return NULL;
    tg_node *skip[MOST_HALVINGS + 1] = {x}, *swapped = tg_slice(x, 1, 0, 3);
    for (int i = 1; i <= d; i++) {
        x = skip[i] = down(nn_at(m, "down%d", i), x, width << (i <= 4 ? i - 1 : 3));
        model_stage(io, o->stages, tg_text(m.graph, "c%d", i), x);
    }
    for (int i = 1; i < d; i++) {
        tg_node *old = skip[d - i];
        tg_node *new = up(nn_at(m, "up%d", i), x, (int)nn_channels(old));
        if (!new) return NULL;
        x = tg_concat((tg_node *[]){old, new}, 2, 1); // AEI-Net has them the other way round
        model_stage(io, o->stages, tg_text(m.graph, "m%d", i), x);
    }
    x = tg_resize(x, 2 * tg_dim(x, 2), 2 * tg_dim(x, 3), TG_BILINEAR_CORNER);
    return finish(nn_at(m, "up%d", d), x, swapped, o->residual);
}

#define AT(field) offsetof(model_hear_options, field)
static const base_field options[] = {
    {"width", 0, BASE_INT, AT(width), "64", "channels after the first halving, at most 8 times it"},
    {"depth", 0, BASE_INT, AT(depth), "5", "halvings, 2 to 9"},
    {"residual", 0, BASE_FLAG, AT(residual), NULL,
     "the output is added to the swapped face, and nothing at first"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every stage as a further output"},
    {0}};

static void build(nn m, const void *o, model_ports *io)
{
    model_out(io, "out", model_hear(m, model_in(io, m, "x"), o, io));
}

const model_net model_net_hear = {
    .name = "hear",
    .summary = "HEAR-Net of FaceShifter (Li et al. 2020): brings back what lay over the face",
    .inputs = "x [n,6,h,w] the swapped face RGB -1..1, then target minus its reconstruction; "
              "h and w multiples of 2^depth",
    .outputs = "out [n,3,h,w] RGB -1..1",
    .options = options,
    .size = sizeof(model_hear_options),
    .build = build,
};
