// parsing.c -- BiSeNet (Yu et al. 2018) with a ResNet-18 context path: 19 parts of a face.
//   img [n,3,h,w] RGB, ImageNet-normalised, 512 a side in use -> scores [n,19,h,w]
// Names are those of 79999_iter.pth (zllrunning/face-parsing.PyTorch, model.py). No bias before a
// batch norm.
#include "model/nets.h"

static tg_node *batch_norm(nn m, const char *name, tg_node *x)
{
    return nn_batch_norm(nn_at(m, "%s", name), x, 1e-5);
}

static tg_node *conv_bn_relu(nn m, tg_node *x, int out, int k)
{
    x = nn_conv(nn_at(m, "conv"), x, .out = out, .k = k, .pad = k / 2, .no_bias = true);
    return tg_relu(batch_norm(m, "bn", x));
}

static tg_node *basic_block(nn m, tg_node *x, int out, int stride) // He et al. 2016
{
    tg_node *y = nn_conv(nn_at(m, "conv1"), x, .out = out, .k = 3, .stride = stride, .pad = 1,
                         .no_bias = true);
    y = tg_relu(batch_norm(m, "bn1", y));
    y = nn_conv(nn_at(m, "conv2"), y, .out = out, .k = 3, .pad = 1, .no_bias = true);
    y = batch_norm(m, "bn2", y);
    if (stride != 1 || nn_channels(x) != out) {
        x = nn_conv(nn_at(m, "downsample.0"), x, .out = out, .k = 1, .stride = stride,
                    .no_bias = true);
        x = batch_norm(m, "downsample.1", x);
    }
    return tg_relu(tg_add(x, y));
}

typedef struct {
    tg_node *at8, *at16, *at32; // [n,128|256|512,..] at that part of the size
} features;

static features resnet18(nn m, tg_node *x)
{
    x = nn_conv(nn_at(m, "conv1"), x, .out = 64, .k = 7, .stride = 2, .pad = 3, .no_bias = true);
    x = tg_relu(batch_norm(m, "bn1", x)); // not negative, so zero padding suits the maximum
    x = tg_max_pool(x, (tg_window){.kh = 3, .kw = 3, .stride = 2, .pad = 1});
    tg_node *out[4];
    for (int i = 0; i < 4; i++) {
        nn layer = nn_at(m, "layer%d", i + 1);
        x = basic_block(nn_at(layer, "0"), x, 64 << i, i ? 2 : 1);
        out[i] = x = basic_block(nn_at(layer, "1"), x, 64 << i, 1);
    }
    return (features){out[1], out[2], out[3]};
}

static tg_node *global_average(tg_node *x)
{
    return tg_mean_to(x, TG_SHAPE(tg_dim(x, 0), nn_channels(x), 1, 1));
}

static tg_node *attention_refinement(nn m, tg_node *x)
{
    x = conv_bn_relu(nn_at(m, "conv"), x, 128, 3);
    tg_node *a =
        nn_conv(nn_at(m, "conv_atten"), global_average(x), .out = 128, .k = 1, .no_bias = true);
    return tg_mul(x, tg_sigmoid(batch_norm(m, "bn_atten", a)));
}

static tg_node *nearest_to(tg_node *x, const tg_node *like)
{
    return tg_resize(x, tg_dim(like, 2), tg_dim(like, 3), TG_NEAREST);
}

// The file lists the two heads before conv_avg, which the first of them needs.
static void head_entries(nn m)
{
    nn_conv_entries(nn_at(m, "conv"), 128, (nn_conv_options){.out = 128, .k = 3, .no_bias = true});
    nn_batch_norm_entries(nn_at(m, "bn"), 128);
}

typedef struct {
    tg_node *at8, *up8, *up16; // ResNet's, and what the context path gives at 1/8 and 1/16
} context;

static context context_path(nn m, tg_node *img, model_ports *io, bool on)
{
    features f = resnet18(nn_at(m, "resnet"), img);
    model_stage(io, on, "feat8", f.at8);
    model_stage(io, on, "feat16", f.at16);
    model_stage(io, on, "feat32", f.at32);
    tg_node *arm16 = attention_refinement(nn_at(m, "arm16"), f.at16);
    tg_node *arm32 = attention_refinement(nn_at(m, "arm32"), f.at32);
    nn head32 = nn_at(m, "conv_head32"), head16 = nn_at(m, "conv_head16");
    head_entries(head32);
    head_entries(head16);
    tg_node *all = conv_bn_relu(nn_at(m, "conv_avg"), global_average(f.at32), 128, 1);
    tg_node *up16 = conv_bn_relu(head32, nearest_to(tg_add(arm32, all), f.at16), 128, 3);
    tg_node *up8 = conv_bn_relu(head16, nearest_to(tg_add(arm16, up16), f.at8), 128, 3);
    return (context){f.at8, up8, up16};
}

static tg_node *fusion(nn m, tg_node *a, tg_node *b)
{
    tg_node *x = conv_bn_relu(nn_at(m, "convblk"), tg_concat((tg_node *[]){a, b}, 2, 1), 256, 1);
    tg_node *y = nn_conv(nn_at(m, "conv1"), global_average(x), .out = 64, .k = 1, .no_bias = true);
    y = nn_conv(nn_at(m, "conv2"), tg_relu(y), .out = 256, .k = 1, .no_bias = true);
    return tg_mul(x, tg_shift(tg_sigmoid(y), 1)); // x attention + x
}

static tg_node *head(nn m, tg_node *x, int width, const tg_node *like)
{
    x = conv_bn_relu(nn_at(m, "conv"), x, width, 3);
    x = nn_conv(nn_at(m, "conv_out"), x, .out = MODEL_PARSING_CLASSES, .k = 1, .no_bias = true);
    return tg_resize(x, tg_dim(like, 2), tg_dim(like, 3), TG_BILINEAR_CORNER);
}

tg_node *model_parsing(nn m, tg_node *img, const model_parsing_options *o, model_ports *io)
{
    char text[128];
    if (img && (tg_shape_of(img).rank != 4 || tg_dim(img, 1) != 3))
        return tg_fail(m.graph, "parsing: wants img [n,3,h,w], not %s",
                       tg_shape_text(tg_shape_of(img), text));
    context c = context_path(nn_at(m, "cp"), img, io, o->stages);
    tg_node *x = fusion(nn_at(m, "ffm"), c.at8, c.up8);
    model_stage(io, o->stages, "ffm", x);
    x = head(nn_at(m, "conv_out"), x, 256, img);
    tg_node *at16 = head(nn_at(m, "conv_out16"), c.up8, 64, img); // for training alone
    tg_node *at32 = head(nn_at(m, "conv_out32"), c.up16, 64, img);
    model_stage(io, o->stages, "auxiliary16", at16);
    model_stage(io, o->stages, "auxiliary32", at32);
    return x;
}

#define AT(field) offsetof(model_parsing_options, field)
static const base_field options[] = {
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every stage as a further output"}, {0}};

static void build(nn m, const void *o, model_ports *io)
{
    model_out(io, "logits", model_parsing(m, model_in(io, m, "img"), o, io));
}

const model_net model_net_parsing = {
    .name = "parsing",
    .summary = "BiSeNet (Yu et al. 2018): which of 19 parts of a face each pixel belongs to",
    .inputs = "img [n,3,h,w] RGB, ImageNet-normalised",
    .outputs = "logits [n,19,h,w]",
    .options = options,
    .size = sizeof(model_parsing_options),
    .build = build,
};
