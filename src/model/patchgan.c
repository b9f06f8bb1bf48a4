// patchgan.c -- PatchGAN discriminator (Isola et al. 2017), as in pix2pixHD (Wang et al. 2018).
//   img [n,3,h,w] -> six feature maps, the last one logits [n,1,h/16 - 2,w/16 - 2]
// Family "simswap": names and shapes of netD1 and netD2 in neuralchen/SimSwap,
// models/fs_networks.py. D2 sees the image at half its size.
#include "model/nets.h"
#include <string.h>

static tg_node *layer(nn m, tg_node *x, int out, int stride, bool norm)
{
    x = nn_conv(nn_at(m, "0"), x, .out = out, .k = 4, .stride = stride, .pad = 1);
    if (norm) x = nn_batch_norm(nn_at(m, "1"), x, 1e-5);
    return tg_leaky_relu(x, 0.2);
}

void model_patchgan(nn m, tg_node *img, const model_patchgan_options *o,
                    tg_node *out[MODEL_PATCHGAN_OUT])
{
    int w = o->width ? o->width : 64;
    memset(out, 0, MODEL_PATCHGAN_OUT * sizeof *out);
    if (o->family && strcmp(o->family, "simswap") != 0) {
        tg_fail(m.graph, "patchgan: there is the family simswap, not %s", o->family);
        return;
    }
    out[0] = layer(nn_at(m, "down1"), img, w, 2, false);
    out[1] = layer(nn_at(m, "down2"), out[0], 2 * w, 2, true);
    out[2] = layer(nn_at(m, "down3"), out[1], 4 * w, 2, true);
    out[3] = layer(nn_at(m, "down4"), out[2], 8 * w, 2, true);
    out[4] = layer(nn_at(m, "conv1"), out[3], 8 * w, 1, true);
    out[5] = nn_conv(nn_at(m, "conv2.0"), out[4], .out = 1, .k = 4, .pad = 1);
}

tg_node *model_patchgan_half(tg_node *img) // padding does not count in the averages
{
    return tg_avg_pool(img, (tg_window){.kh = 3, .kw = 3, .stride = 2, .pad = 1});
}

#define AT(field) offsetof(model_patchgan_options, field)
static const base_field options[] = {
    {"family", 0, BASE_TEXT, AT(family), "simswap", "simswap"},
    {"width", 0, BASE_INT, AT(width), "64", "channels after the first layer"},
    {0}};

static void build(nn m, const void *o, model_ports *io)
{
    static const char *const name[] = {"out0", "out1", "out2", "out3", "out4", "out5"};
    tg_node *out[MODEL_PATCHGAN_OUT];
    model_patchgan(m, model_in(io, m, "img"), o, out);
    for (int i = 0; i < MODEL_PATCHGAN_OUT; i++) model_out(io, name[i], out[i]);
}

const model_net model_net_patchgan = {
    .name = "patchgan",
    .summary = "PatchGAN discriminator (Isola et al. 2017) of SimSwap's 2021 training class",
    .inputs = "img [n,3,h,w] RGB",
    .outputs = "out0..out5, features of each layer; out5 [n,1,..] logits",
    .options = options,
    .size = sizeof(model_patchgan_options),
    .build = build,
};
