// smooth_embedder.c -- identity embedder of Smooth-Swap (Kim et al. 2022): ResNet-50 (He et al.
// 2016) and a head of two linear layers; trained by a contrastive loss, so that identities lie
// smoothly on the sphere.
//   img [n,3,h,w] RGB, ImageNet-normalised -> [n,512] unit rows
// Names: torchvision's resnet50 below "backbone"; form latentswap: model/embedder.py of
// usingcolor/LatentSwap. Facts: spec/smoothswap.md 2.1.
#include "model/nets.h"
#include "model/smoothswap.h"
#include <math.h>
#include <string.h>

static int or_default(int value, int otherwise) { return value ? value : otherwise; }

// torchvision's initial values: He et al. 2015, by the fan out.
static tg_node *conv(nn m, tg_node *x, int out, int k, int stride)
{
    if (!x) return NULL;
    nn_init init = {NN_INIT_NORMAL, sqrt(2.0 / ((double)out * k * k))};
    nn_weight(m, "weight", TG_SHAPE(out, nn_channels(x), k, k), init);
    return nn_conv(m, x, .out = out, .k = k, .stride = stride, .pad = k / 2, .no_bias = true);
}

static tg_node *norm(nn m, tg_node *x) { return nn_batch_norm(m, x, 1e-5); }

tg_node *model_bottleneck(nn m, tg_node *x, int width, int stride)
{
    tg_node *y = conv(nn_at(m, "conv1"), x, width, 1, 1);
    y = tg_relu(norm(nn_at(m, "bn1"), y));
    y = tg_relu(norm(nn_at(m, "bn2"), conv(nn_at(m, "conv2"), y, width, 3, stride)));
    y = norm(nn_at(m, "bn3"), conv(nn_at(m, "conv3"), y, 4 * width, 1, 1));
    if (stride > 1 || nn_channels(x) != 4 * width) {
        x = conv(nn_at(m, "downsample.0"), x, 4 * width, 1, stride);
        x = norm(nn_at(m, "downsample.1"), x);
    }
    return tg_relu(tg_add(y, x));
}

static tg_node *backbone(nn m, tg_node *img, int width, model_ports *io, bool stages)
{
    static const int blocks[] = {3, 4, 6, 3};
    tg_node *x = conv(nn_at(m, "conv1"), img, width, 7, 2);
    model_stage(io, stages, "conv1", x);
    x = tg_relu(norm(nn_at(m, "bn1"), x));
    x = tg_max_pool(x, (tg_window){.kh = 3, .kw = 3, .stride = 2, .pad = 1});
    for (int i = 0; i < 4; i++) {
        nn layer = nn_at(m, "layer%d", i + 1);
        for (int j = 0; j < blocks[i]; j++)
            x = model_bottleneck(nn_at(layer, "%d", j), x, width << i, i && !j ? 2 : 1);
        model_stage(io, stages, tg_text(m.graph, "layer%d", i + 1), x);
    }
    int64_t n = tg_dim(x, 0), c = nn_channels(x);
    x = tg_reshape(tg_mean_to(x, TG_SHAPE(n, c, 1, 1)), TG_SHAPE(n, c));
    return model_stage(io, stages, "pooled", x);
}

static tg_node *head(nn a, nn norm_a, nn b, nn norm_b, tg_node *x, int width, int out, double slope)
{
    x = norm(norm_a, nn_linear(a, x, width, false));
    x = nn_linear(b, tg_leaky_relu(x, slope), out, false);
    return nn_unit(norm(norm_b, x));
}

tg_node *model_smooth_head(nn m, tg_node *x, int width, int out)
{
    return head(nn_at(m, "fc1"), nn_at(m, "bn1"), nn_at(m, "fc2"), nn_at(m, "bn2"), x, width, out,
                0.2);
}

tg_node *model_imagenet(tg_node *img)
{
    static const float k[] = {0.5f / 0.229f, 0.5f / 0.224f, 0.5f / 0.225f};
    static const float c[] = {(0.5f - 0.485f) / 0.229f, (0.5f - 0.456f) / 0.224f,
                              (0.5f - 0.406f) / 0.225f};
    if (!img) return NULL;
    tg_graph *g = tg_graph_of(img);
    tg_shape s = TG_SHAPE(1, 3, 1, 1);
    return tg_add(tg_mul(img, tg_const(g, s, k)), tg_const(g, s, c));
}

static bool check(nn m, tg_node *img, const char *form, int width, int latent)
{
    tg_shape s = tg_shape_of(img);
    char text[128];
    bool known = !form || !strcmp(form, "plain") || !strcmp(form, "latentswap");
    if (!img) return false;
    if (!known)
        tg_fail(m.graph, "smooth-embedder: the forms are plain and latentswap, not %s", form);
    else if (width < 1 || width > 1024 || latent < 1 || latent > 1 << 16)
        tg_fail(m.graph, "smooth-embedder: width lies in 1..1024, latent in 1..65536");
    else if (s.rank != 4 || s.dim[1] != 3 || s.dim[2] < 32 || s.dim[3] < 32)
        tg_fail(m.graph, "smooth-embedder: wants img [n,3,h,w], sides of at least 32, not %s",
                tg_shape_text(s, text));
    else
        return true;
    return false;
}

tg_node *model_smooth_embedder(nn m, tg_node *img, const model_smooth_embedder_options *o,
                               model_ports *io)
{
    int width = or_default(o->width, o->small ? 32 : 64), latent = or_default(o->latent, 512);
    if (!check(m, img, o->form, width, latent)) return NULL;
    if (o->normalise) img = model_imagenet(img);
    bool latentswap = o->form && !strcmp(o->form, "latentswap");
    nn net = nn_at(m, latentswap ? "resnet" : "backbone"), last = nn_at(m, "last");
    tg_node *x = backbone(net, img, width, io, o->stages);
    if (!latentswap) return model_smooth_head(m, x, 16 * width, latent);
    x = nn_linear(nn_at(net, "fc"), x, 32 * width, false);
    return head(nn_at(last, "0"), nn_at(last, "1"), nn_at(last, "3"), nn_at(last, "4"), x,
                16 * width, latent, 0.01);
}

#define AT(field) offsetof(model_smooth_embedder_options, field)
static const base_field options[] = {
    {"form", 0, BASE_TEXT, AT(form), "plain", "plain or latentswap (one linear layer more)"},
    {"width", 0, BASE_INT, AT(width), "0", "channels after the first convolution; 0: 64"},
    {"latent", 0, BASE_INT, AT(latent), "512", "length of the identity vector"},
    {"normalise", 0, BASE_FLAG, AT(normalise), NULL, "take RGB -1..1 and normalise it"},
    {"small", 0, BASE_FLAG, AT(small), NULL, "width 32 unless given"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every stage as a further output"},
    {0}};

static void build(nn m, const void *o, model_ports *io)
{
    model_out(io, "unit", model_smooth_embedder(m, model_in(io, m, "img"), o, io));
}

const model_net model_net_smooth_embedder = {
    .name = "smooth-embedder",
    .summary = "identity embedder of Smooth-Swap (Kim et al. 2022): ResNet-50 and a head",
    .inputs = "img [n,3,h,w] RGB, ImageNet-normalised, sides of at least 32 (256 in training)",
    .outputs = "unit [n,latent], unit rows",
    .options = options,
    .size = sizeof(model_smooth_embedder_options),
    .build = build,
};
