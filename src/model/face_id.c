// face_id.c -- our recogniser: a small residual network from an aligned face to an identity.
//   img [n,3,112,112] RGB 0..255, aligned by template arcface -> unit [n,latent]
// Basic residual blocks (He et al. 2016), strides on the first convolution of a level, and
// ArcFace's way to the vector: batch norm, a linear layer over all positions, batch norm (Deng et
// al. 2019).
#include "model/nets.h"
#include "model/own.h"

enum { SIDE = 112, LEVELS = 4 };

static tg_node *conv_norm(nn m, tg_node *x, int out, int k, int stride)
{
    x = nn_conv(nn_at(m, "conv"), x, .out = out, .k = k, .stride = stride, .pad = k / 2,
                .no_bias = true);
    return nn_batch_norm(nn_at(m, "norm"), x, 1e-5);
}

static tg_node *block(nn m, tg_node *x, int out, int stride)
{
    tg_node *y = tg_relu(conv_norm(nn_at(m, "first"), x, out, 3, stride));
    y = conv_norm(nn_at(m, "second"), y, out, 3, 1);
    bool same = stride == 1 && nn_channels(x) == out;
    return tg_relu(tg_add(y, same ? x : conv_norm(nn_at(m, "short"), x, out, 1, stride)));
}

tg_node *model_face_id(nn m, tg_node *img, const model_face_id_options *o)
{
    static const int blocks[LEVELS] = {1, 2, 3, 2};
    int width = o->width ? o->width : 32, latent = o->latent ? o->latent : 256;
    if (!img) return NULL;
    tg_shape s = tg_shape_of(img);
    if (s.rank != 4 || s.dim[1] != 3 || s.dim[2] != SIDE || s.dim[3] != SIDE)
        return tg_fail(m.graph, "face-id takes pictures of 3 x 112 x 112");
    if (width < 1 || width > 256 || latent < 2 || latent > 4096)
        return tg_fail(m.graph, "face-id: width lies in 1..256, latent in 2..4096");
    tg_node *x = tg_affine(img, 1 / 127.5, -1);
    x = tg_relu(conv_norm(nn_at(m, "stem"), x, width, 3, 2));
    for (int l = 0; l < LEVELS; l++)
        for (int b = 0; b < blocks[l]; b++)
            x = block(nn_at(m, "level%d.%d", l + 1, b), x, width << l, l && !b ? 2 : 1);
    x = tg_relu(conv_norm(nn_at(m, "last"), x, 4 * width, 1, 1));
    int64_t n = tg_dim(x, 0);
    x = nn_linear(nn_at(m, "linear"), tg_reshape(x, TG_SHAPE(n, tg_count(tg_shape_of(x)) / n)),
                  latent, true);
    return nn_unit(nn_batch_norm(nn_at(m, "norm"), x, 1e-5));
}

#define AT(field) offsetof(model_face_id_options, field)
static const base_field options[] = {
    {"width", 0, BASE_INT, AT(width), "32", "channels after the first layer"},
    {"latent", 0, BASE_INT, AT(latent), "256", "length of the vector"},
    {0}};

static void build(nn m, const void *o, model_ports *io)
{
    model_out(io, "unit", model_face_id(m, model_in(io, m, "img"), o));
}

const model_net model_net_face_id = {
    .name = "face-id",
    .summary = "our recogniser: a small residual network",
    .inputs = "img [n,3,112,112] RGB 0..255, aligned by template arcface",
    .outputs = "unit [n,latent]",
    .options = options,
    .size = sizeof(model_face_id_options),
    .build = build,
};
