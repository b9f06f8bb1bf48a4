// aad.c -- adaptive attentional denormalisation (FaceShifter, arXiv 1912.13457, equations 2 to 5)
// and the residual block made of it.
//   h [n,c,h,w], att [n,a,h,w], id [n,l]
// Names: network/AADLayer.py of ai-forever/ghost; leaf names of form mindslab: aei_net of
// mindslab-ai/faceshifter. Gains are used as they are, without 1 +.
#include "model/aei.h"
#include <string.h>

bool aad_form(nn m, const char *form, bool *mindslab)
{
    *mindslab = form && !strcmp(form, "mindslab");
    if (!form || *mindslab || !strcmp(form, "ghost")) return true;
    tg_fail(m.graph, "AAD has the forms ghost and mindslab, not %s", form);
    return false;
}

static tg_node *show(aad_tap t, const char *what, tg_node *x)
{
    if (x && t.name) model_stage(t.io, true, tg_text(tg_graph_of(x), "%s%s", t.name, what), x);
    return x;
}

// Fully connected layers begin next to nothing: N(0, 0.001^2), bias 0 (ghost, taotaonice).
static tg_node *linear(nn m, tg_node *x, int out)
{
    nn_weight(m, "weight", TG_SHAPE(out, nn_channels(x)), (nn_init){NN_INIT_NORMAL, 0.001});
    nn_weight(m, "bias", TG_SHAPE(out), (nn_init){.kind = NN_INIT_ZERO});
    return nn_linear(m, x, out, false);
}

static tg_node *conv(nn m, tg_node *x, int out, int k, bool bias)
{
    if (!x) return NULL;
    nn_glorot(m, TG_SHAPE(out, nn_channels(x), k, k), false);
    return nn_conv(m, x, .out = out, .k = k, .pad = k / 2, .no_bias = !bias);
}

// What the layer's branches say about the normalised h.
typedef struct {
    tg_node *h, *mask, *gamma_att, *beta_att, *gamma_id, *beta_id;
} branches;

static branches ghost_branches(nn m, tg_node *h, const aad_style *s)
{
    int c = (int)nn_channels(h);
    branches b = {.h = nn_instance_norm(h, 1e-5)};
    b.gamma_att = conv(nn_at(m, "conv1"), s->att, c, 1, true);
    b.beta_att = conv(nn_at(m, "conv2"), s->att, c, 1, true);
    b.gamma_id = linear(nn_at(m, "fc1"), s->id, c);
    b.beta_id = linear(nn_at(m, "fc2"), s->id, c);
    b.mask = conv(nn_at(m, "conv_h"), b.h, 1, 1, true);
    return b;
}

static branches mindslab_branches(nn m, tg_node *h, const aad_style *s)
{
    int c = (int)nn_channels(h);
    branches b = {.h = nn_batch_norm(nn_at(m, "BNorm"), h, 1e-5)};
    b.mask = conv(nn_at(m, "conv_f"), b.h, c, 3, true);
    b.gamma_id = linear(nn_at(m, "fc_1"), s->id, c);
    b.beta_id = linear(nn_at(m, "fc_2"), s->id, c);
    b.gamma_att = conv(nn_at(m, "conv1"), s->att, c, 3, true);
    b.beta_att = conv(nn_at(m, "conv2"), s->att, c, 3, true);
    return b;
}

static tg_node *layer(nn m, tg_node *h, const aad_style *s, aad_tap t)
{
    if (!h || !s->att || !s->id) return NULL;
    branches b = s->mindslab ? mindslab_branches(m, h, s) : ghost_branches(m, h, s);
    if (!b.beta_att || !b.beta_id || !b.mask) return NULL;
    show(t, "h_norm", b.h);
    show(t, "gamma_att", b.gamma_att);
    show(t, "beta_att", b.beta_att);
    show(t, "gamma_id", b.gamma_id);
    show(t, "beta_id", b.beta_id);
    tg_shape row = TG_SHAPE(tg_dim(h, 0), nn_channels(h), 1, 1);
    tg_node *gamma_id = tg_reshape(b.gamma_id, row), *beta_id = tg_reshape(b.beta_id, row);
    tg_node *att = show(t, "A", tg_add(tg_mul(b.gamma_att, b.h), b.beta_att));
    tg_node *id = show(t, "I", tg_add(tg_mul(b.h, gamma_id), beta_id));
    tg_node *mask = show(t, "M", tg_sigmoid(b.mask));
    return tg_add(att, tg_mul(tg_sub(id, att), mask)); // (1 - M) A + M I
}

// AAD, ReLU, 3x3 convolution at m.<3 i> and m.<3 i + 2>, shown as <path>_aad<number>,
// _conv<number>.
static tg_node *unit(nn m, int i, tg_node *x, int out, const aad_style *s, aad_tap t,
                     const char *path, const char *number)
{
    x = layer(nn_at(m, "%d", 3 * i), x, s, (aad_tap){0});
    show(t, tg_text(m.graph, "%s_aad%s", path, number), x);
    x = conv(nn_at(m, "%d", 3 * i + 2), tg_relu(x), out, 3, s->mindslab);
    return show(t, tg_text(m.graph, "%s_conv%s", path, number), x);
}

tg_node *aad_block(nn m, tg_node *x, int out, const aad_style *s, aad_tap t)
{
    static const char *const number[] = {"1", "2", "3"};
    int c = (int)nn_channels(x);
    nn main_path = nn_at(m, "add_blocks"), skip = nn_at(m, "last_add_block");
    tg_node *y = x;
    for (int i = 0; i < s->blocks; i++)
        y = unit(main_path, i, y, i + 1 < s->blocks ? c : out, s, t, "main", number[i]);
    return tg_add(y, out == c ? x : unit(skip, 0, x, out, s, t, "skip", ""));
}

tg_node *model_aad(nn m, tg_node *h, tg_node *att, tg_node *id, const model_aad_options *o,
                   model_ports *io)
{
    aad_style s = {.att = att, .id = id, .blocks = o->blocks ? o->blocks : 2};
    aad_tap tap = {io, io && o->stages ? "" : NULL};
    char text[3][128];
    if (!h || !att || !id || !aad_form(m, o->form, &s.mindslab)) return NULL;
    if (s.blocks < 1 || s.blocks > 3 || o->out < 0)
        return tg_fail(m.graph, "aad: blocks lies in 1..3, and out is not negative");
    bool fits = tg_shape_of(h).rank == 4 && tg_shape_of(att).rank == 4 &&
                tg_shape_of(id).rank == 2 && tg_dim(att, 2) == tg_dim(h, 2) &&
                tg_dim(att, 3) == tg_dim(h, 3) && tg_dim(att, 0) == tg_dim(h, 0) &&
                tg_dim(id, 0) == tg_dim(h, 0);
    if (!fits)
        return tg_fail(
            m.graph, "aad: wants h [n,c,h,w], att [n,a,h,w] and id [n,l], not %s, %s, %s",
            tg_shape_text(tg_shape_of(h), text[0]), tg_shape_text(tg_shape_of(att), text[1]),
            tg_shape_text(tg_shape_of(id), text[2]));
    return o->out ? aad_block(m, h, o->out, &s, tap) : layer(m, h, &s, tap);
}

#define AT(field) offsetof(model_aad_options, field)
static const base_field options[] = {
    {"form", 0, BASE_TEXT, AT(form), "ghost", "ghost (the common one) or mindslab"},
    {"out", 0, BASE_INT, AT(out), "0", "channels out of a residual block; 0: one AAD layer"},
    {"blocks", 0, BASE_INT, AT(blocks), "2", "AAD layers in the block's main path, 1 to 3"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every stage as a further output"},
    {0}};

static void build(nn m, const void *o, model_ports *io)
{
    tg_node *h = model_in(io, m, "h"), *att = model_in(io, m, "att"), *id = model_in(io, m, "id");
    model_out(io, "out", model_aad(m, h, att, id, o, io));
}

const model_net model_net_aad = {
    .name = "aad",
    .summary = "FaceShifter's AAD layer (Li et al. 2020), or a residual block of such",
    .inputs = "h [n,64,h,w]; att [n,64,h,w]; id [n,512]; any number of channels",
    .outputs = "out [n,c,h,w]",
    .options = options,
    .size = sizeof(model_aad_options),
    .build = build,
};
