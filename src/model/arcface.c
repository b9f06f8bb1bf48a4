// arcface.c -- SE-IR identity networks (ArcFace: Deng et al. 2019; squeeze-excitation: Hu et al.
// 2018), as foamliu/InsightFace-v2 models.py trained them and SimSwap uses them.
//   img [n,3,112,112] RGB, ImageNet-normalised -> [n,512], not normalised
// Names are those of arcface_checkpoint.tar. Dropout before the last layer is always off.
#include "model/nets.h"

static tg_node *batch_norm(nn m, const char *name, tg_node *x)
{
    return nn_batch_norm(nn_at(m, "%s", name), x, 1e-5);
}

// [n,c,h,w] -> gates [n,c,1,1] in 0..1
static tg_node *squeeze_excite(nn m, tg_node *x)
{
    int64_t n = tg_dim(x, 0), c = nn_channels(x);
    tg_node *y = tg_reshape(tg_mean_to(x, TG_SHAPE(n, c, 1, 1)), TG_SHAPE(n, c));
    y = nn_prelu(nn_at(m, "fc.1"), nn_linear(nn_at(m, "fc.0"), y, c / 16, false));
    y = tg_sigmoid(nn_linear(nn_at(m, "fc.2"), y, c, false));
    return tg_reshape(y, TG_SHAPE(n, c, 1, 1));
}

static tg_node *shortcut(nn m, tg_node *x, int out, int stride)
{
    if (stride == 1 && nn_channels(x) == out) return x;
    x = nn_conv(nn_at(m, "downsample.0"), x, .out = out, .k = 1, .stride = stride, .no_bias = true);
    return batch_norm(m, "downsample.1", x);
}

// One slope serves both PReLUs of a block.
static tg_node *block(nn m, tg_node *x, int out, int stride, const model_arcface_options *o,
                      model_ports *io)
{
    tg_node *y = batch_norm(m, "bn0", x);
    y = nn_conv(nn_at(m, "conv1"), y, .out = (int)nn_channels(x), .k = 3, .pad = 1,
                .no_bias = true);
    y = nn_prelu(nn_at(m, "prelu"), batch_norm(m, "bn1", y));
    y = nn_conv(nn_at(m, "conv2"), y, .out = out, .k = 3, .stride = stride, .pad = 1,
                .no_bias = true);
    y = batch_norm(m, "bn2", y);
    tg_node *around = shortcut(m, x, out, stride);
    if (!o->no_se) {
        nn se = nn_at(m, "se");
        tg_node *gate = squeeze_excite(se, y);
        if (gate && se.path) {
            tg_node *flat = tg_reshape(gate, TG_SHAPE(tg_dim(y, 0), out));
            model_stage(io, o->stages, tg_text(m.graph, "%s.gate", se.path), flat);
        }
        y = tg_mul(y, gate);
    }
    return nn_prelu(nn_at(m, "prelu"), tg_add(y, around));
}

// Blocks in each of the four stages, or NULL for a depth that there is not.
static const int *stages_of(int layers)
{
    static const int b18[] = {2, 2, 2, 2}, b50[] = {3, 4, 6, 3}, b101[] = {3, 4, 23, 3};
    return layers == 18 ? b18 : layers == 50 ? b50 : layers == 101 || !layers ? b101 : NULL;
}

tg_node *model_arcface(nn m, tg_node *img, const model_arcface_options *o, model_ports *io)
{
    const int *blocks = stages_of(o->layers);
    if (!blocks)
        return tg_fail(m.graph, "arcface: there are 18, 50 and 101 layers, not %d", o->layers);
    tg_shape s = tg_shape_of(img);
    char text[128];
    if (img && !(s.rank == 4 && s.dim[1] == 3 && s.dim[2] == 112 && s.dim[3] == 112))
        return tg_fail(m.graph, "arcface: wants img [n,3,112,112], not %s", tg_shape_text(s, text));
    bool on = o->stages;
    tg_node *x = nn_conv(nn_at(m, "conv1"), img, .out = 64, .k = 3, .no_bias = true); // no padding
    model_stage(io, on, "conv1", x);
    x = nn_prelu(nn_at(m, "prelu"), batch_norm(m, "bn1", x));
    x = tg_max_pool(x, (tg_window){.kh = 2, .kw = 2, .stride = 2}); // 110 -> 55
    model_stage(io, on, "maxpool", x);
    for (int i = 0; i < 4; i++) {
        nn layer = nn_at(m, "layer%d", i + 1);
        for (int j = 0; j < blocks[i]; j++) {
            nn at = nn_at(layer, "%d", j);
            x = block(at, x, 64 << i, i > 0 && j == 0 ? 2 : 1, o, io);
            if (i == 0 && j == 0) model_stage(io, on, at.path, x);
        }
        model_stage(io, on, layer.path, x);
    }
    x = batch_norm(m, "bn2", x); // [n,512,7,7]
    model_stage(io, on, "bn2", x);
    x = tg_reshape(x, TG_SHAPE(s.dim[0], 512 * 7 * 7));
    x = nn_linear(nn_at(m, "fc"), x, 512, false);
    model_stage(io, on, "fc", x);
    return batch_norm(m, "bn3", x);
}

#define AT(field) offsetof(model_arcface_options, field)
static const base_field options[] = {
    {"layers", 0, BASE_INT, AT(layers), "101", "18, 50 or 101"},
    {"no_se", 0, BASE_FLAG, AT(no_se), NULL, "without squeeze-and-excitation"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every stage as a further output"},
    {0}};

static void build(nn m, const void *o, model_ports *io)
{
    tg_node *raw = model_arcface(m, model_in(io, m, "img"), o, io);
    model_out(io, "embedding", raw);
    model_out(io, "unit", nn_unit(raw));
}

const model_net model_net_arcface = {
    .name = "arcface-se",
    .summary = "SE-IR identity network (ArcFace: Deng et al. 2019), SimSwap's recogniser",
    .inputs = "img [n,3,112,112] RGB, ImageNet-normalised",
    .outputs = "embedding [n,512]; unit [n,512] the same, length 1",
    .options = options,
    .size = sizeof(model_arcface_options),
    .build = build,
};
