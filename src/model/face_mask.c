// face_mask.c -- our face mask: which pixels of an aligned crop show the face, and not hair,
// glasses, a hand or what else lies in front of it.
//   img [n,3,h,w] RGB 0..255, h and w multiples of 16, aligned by template arcface -> mask
//   [n,1,h,w] 0..1
// Depthwise and pointwise convolutions (Howard et al. 2017) down to a sixteenth and up again, each
// level joined with the one of its size on the way down (Ronneberger et al. 2015, U-Net; added, not
// laid side by side). The finest level is half the picture's.
#include "model/nets.h"
#include "model/own.h"

enum { LEVELS = 4 };

static tg_node *conv_norm(nn m, tg_node *x, int out, int k, int stride, int groups)
{
    x = nn_conv(nn_at(m, "conv"), x, .out = out, .k = k, .stride = stride, .pad = k / 2,
                .groups = groups, .no_bias = true);
    return nn_batch_norm(nn_at(m, "norm"), x, 1e-5);
}

// 3x3 over each channel, then 1x1 over all.
static tg_node *separable(nn m, tg_node *x, int out, int stride)
{
    int c = (int)nn_channels(x);
    x = tg_relu(conv_norm(nn_at(m, "deep"), x, c, 3, stride, c));
    return tg_relu(conv_norm(nn_at(m, "wide"), x, out, 1, 1, 1));
}

tg_node *model_face_mask(nn m, tg_node *img, const model_face_mask_options *o)
{
    int w = o->width ? o->width : 16;
    if (!img) return NULL;
    tg_shape s = tg_shape_of(img);
    bool ok = s.rank == 4 && s.dim[1] == 3 && s.dim[2] % 16 == 0 && s.dim[3] % 16 == 0;
    if (!ok || w < 4 || w > 128)
        return tg_fail(m.graph, ok ? "face-mask: width lies in 4..128"
                                   : "face-mask takes pictures of 3 x h x w, multiples of 16");
    tg_node *x = tg_affine(img, 1 / 127.5, -1), *level[LEVELS];
    x = level[0] = tg_relu(conv_norm(nn_at(m, "stem"), x, w, 3, 2, 1));
    for (int l = 1; l < LEVELS; l++) {
        int c = w << (l < 3 ? l : 3);
        x = separable(nn_at(m, "down%d.0", l), x, c, 2);
        for (int b = 1; b < (l < LEVELS - 1 ? 2 : 4); b++)
            x = separable(nn_at(m, "down%d.%d", l, b), x, c, 1);
        level[l] = x;
    }
    for (int l = LEVELS - 2; l >= 0; l--) {
        x = conv_norm(nn_at(m, "up%d", l), x, (int)nn_channels(level[l]), 1, 1, 1);
        x = tg_resize(x, 2 * tg_dim(x, 2), 2 * tg_dim(x, 3), TG_BILINEAR);
        x = separable(nn_at(m, "merge%d", l), tg_add(x, level[l]), (int)nn_channels(level[l]), 1);
    }
    x = nn_conv(nn_at(m, "mask"), x, .out = 1, .k = 3, .pad = 1);
    return tg_resize(x, s.dim[2], s.dim[3], TG_BILINEAR);
}

#define AT(field) offsetof(model_face_mask_options, field)
static const base_field options[] = {
    {"width", 0, BASE_INT, AT(width), "16", "channels after the first layer"}, {0}};

static void build(nn m, const void *o, model_ports *io)
{
    model_out(io, "mask", tg_sigmoid(model_face_mask(m, model_in(io, m, "img"), o)));
}

const model_net model_net_face_mask = {
    .name = "face-mask",
    .summary = "our face mask: skin and features against hair, glasses and hands",
    .inputs = "img [n,3,h,w] RGB 0..255, h and w multiples of 16, aligned by template arcface",
    .outputs = "mask [n,1,h,w] 0..1",
    .options = options,
    .size = sizeof(model_face_mask_options),
    .build = build,
};
