// simswap.c -- SimSwap generator (Chen et al. 2020): encode, inject the identity, decode.
//   img [n,3,h,w] RGB, h and w multiples of 2^depth; id [n,512] unit rows -> [n,3,h,w]
//   a: the 224 network of 2020, and b: "512 beta" of 2021, 0..1 in and out; c: the trainer's
//   network of 2022, normalised by ImageNet's mean and deviation in and out, one level more when
//   deep
// Names are those of the released weights: neuralchen/SimSwap, models/fs_networks.py (a),
// fs_networks_512.py (b), fs_networks_fix.py (c).
//
// Two options are ours, for trainings of hours: with `skips` the first up levels also see what the
// down levels of their size saw, and the identity, so that pose, gaze and light need not pass the
// bottleneck; with `window` the network paints the face alone.
#include "model/nets.h"
#include <math.h>
#include <string.h>

typedef struct { // what the options come to
    int first;   // number of the first level: down0 in b, down1 else
    int width, depth, blocks, latent, max_width, skips;
    bool tanh, stages;
} plan;

static int or_default(int value, int otherwise) { return value ? value : otherwise; }

// False, with the graph's error, where the options make no network.
static bool make_plan(nn m, const model_simswap_options *o, plan *p)
{
    const char *v = o->variant ? o->variant : "a";
    bool b = !strcmp(v, "b"), c = !strcmp(v, "c");
    *p = (plan){.first = b ? 0 : 1,
                .width = or_default(o->width, b ? 32 : 64),
                .depth = or_default(o->depth, b || (c && o->deep) ? 4 : 3),
                .blocks = or_default(o->blocks, 9),
                .latent = or_default(o->latent, 512),
                .max_width = or_default(o->max_width, 512),
                .tanh = !c,
                .stages = o->stages,
                .skips = o->skips};
    if (!b && !c && strcmp(v, "a") != 0)
        tg_fail(m.graph, "simswap: there are the variants a, b and c, not %s", v);
    else if (o->deep && !c)
        tg_fail(m.graph, "simswap: only variant c can be deep");
    else if (p->width < 1 || p->max_width < p->width || p->depth < 1 || p->depth > 8 ||
             p->blocks < 1 || p->blocks > 64 || p->latent < 1 || p->skips < 0 ||
             p->skips > p->depth)
        tg_fail(m.graph, "simswap: width and latent must be at least 1, max_width at least width, "
                         "depth 1 to 8, blocks 1 to 64, skips 0 to depth");
    else
        return true;
    return false;
}

static bool check_inputs(nn m, const plan *p, tg_node *img, tg_node *id)
{
    if (!img || !id) return false;
    int64_t h = tg_dim(img, 2), w = tg_dim(img, 3), unit = (int64_t)1 << p->depth;
    char img_text[128], id_text[128];
    bool sides = h % unit == 0 && w % unit == 0 && h >= 2 * unit && w >= 2 * unit;
    if (tg_shape_of(img).rank == 4 && tg_dim(img, 1) == 3 && sides && tg_shape_of(id).rank == 2 &&
        tg_dim(id, 0) == tg_dim(img, 0) && tg_dim(id, 1) == p->latent)
        return true;
    tg_fail(m.graph,
            "simswap: wants img [n,3,h,w], h and w multiples of %d and at least %d, and id [n,%d], "
            "not %s and %s",
            (int)unit, (int)(2 * unit), p->latent, tg_shape_text(tg_shape_of(img), img_text),
            tg_shape_text(tg_shape_of(id), id_text));
    return false;
}

// Channels after i downsamplings.
static int width_at(const plan *p, int i)
{
    int64_t w = (int64_t)p->width << i;
    return w < p->max_width ? (int)w : p->max_width;
}

// Convolution at m.<first>, batch norm at m.<first + 1>, ReLU.
#define conv_bn_relu(m, first, x, ...)                                                             \
    conv_bn_relu_with((m), (first), (x), (nn_conv_options){__VA_ARGS__})
static tg_node *conv_bn_relu_with(nn m, int first, tg_node *x, nn_conv_options o)
{
    x = nn_conv_with(nn_at(m, "%d", first), x, o);
    return tg_relu(nn_batch_norm(nn_at(m, "%d", first + 1), x, 1e-5));
}

// Stages of the first identity block have names of their own.
typedef struct {
    model_ports *io;
    bool on;
} tap;

static void show(tap t, const char *what, int i, tg_node *x)
{
    if (x && t.on) model_stage(t.io, true, tg_text(tg_graph_of(x), "block0.%s%d", what, i), x);
}

// The identity sets each channel's gain, around 1, and bias. Instance norm's eps is 1e-8.
static tg_node *adain(nn m, tg_node *x, tg_node *id, tap t, int i)
{
    int64_t c = nn_channels(x);
    tg_node *style = nn_linear(nn_at(m, "style%d.linear", i), id, 2 * c, false);
    tg_node *gain = tg_shift(tg_slice(style, 1, 0, c), 1), *bias = tg_slice(style, 1, c, c);
    tg_node *y = nn_adain(x, gain, bias, 1e-8);
    show(t, "style", i, style);
    show(t, "adain", i, y);
    return y;
}

static tg_node *conv3(nn m, tg_node *x, tap t, int i)
{
    x = nn_conv(nn_at(m, "conv%d.1", i), x, .out = (int)nn_channels(x), .k = 3, .reflect = 1);
    show(t, "conv", i, x);
    if (t.on) show(t, "in", i, nn_instance_norm(x, 1e-8));
    return x;
}

static tg_node *id_block(nn m, tg_node *x, tg_node *id, tap t)
{
    tg_node *y = conv3(m, x, t, 1);
    y = tg_relu(adain(m, y, id, t, 1));
    y = conv3(m, y, t, 2);
    return tg_add(x, adain(m, y, id, t, 2));
}

// An up level with skips: the identity sets each channel's gain and bias, but what the channel's
// mean says of colour and light stays, other than in AdaIN.
static tg_node *up_seeing(nn m, tg_node *x, tg_node *seen, tg_node *id, int out)
{
    x = tg_concat((tg_node *[]){nn_upsample(x, 2), seen}, 2, 1);
    x = nn_conv(nn_at(m, "1"), x, .out = out, .k = 3, .pad = 1);
    x = nn_batch_norm(nn_at(m, "2"), x, 1e-5);
    tg_node *style = nn_linear(nn_at(m, "style.linear"), id, 2 * out, false);
    tg_shape column = TG_SHAPE(tg_dim(id, 0), out, 1, 1);
    tg_node *gain = tg_reshape(tg_shift(tg_slice(style, 1, 0, out), 1), column);
    tg_node *bias = tg_reshape(tg_slice(style, 1, out, out), column);
    return tg_relu(tg_add(tg_mul(x, gain), bias));
}

// The face of template arcface: an ellipse around (0.50, 0.59) of the side, 0.33 wide and 0.42
// high; 1 inside, falling to 0 at 1.25 times its size.
static tg_node *window_of(tg_graph *g, int64_t h, int64_t w)
{
    float *k = base_alloc((size_t)(h * w), sizeof *k);
    if (!k) return tg_no_memory(g);
    for (int64_t i = 0; i < h * w; i++) {
        double u = ((double)(i % w) + 0.5) / (double)w, v = ((double)(i / w) + 0.5) / (double)h;
        double t = (1.25 - hypot((u - 0.50) / 0.33, (v - 0.59) / 0.42)) / 0.25;
        t = fmin(fmax(t, 0), 1);
        k[i] = (float)(t * t * (3 - 2 * t));
    }
    tg_node *y = tg_const(g, TG_SHAPE(1, 1, h, w), k);
    base_free(k);
    return y;
}

tg_node *model_simswap(nn m, tg_node *img, tg_node *id, const model_simswap_options *o,
                       model_ports *io)
{
    plan p;
    if (!make_plan(m, o, &p) || !check_inputs(m, &p, img, id)) return NULL;
    bool on = p.stages && io;
    tg_node *x =
        conv_bn_relu(nn_at(m, "first_layer"), 1, img, .out = p.width, .k = 7, .reflect = 3);
    model_stage(io, on, "first_layer", x);
    tg_node *seen[9];
    for (int i = 0; i < p.depth; i++) {
        seen[i] = x;
        nn down = nn_at(m, "down%d", p.first + i);
        x = conv_bn_relu(down, 0, x, .out = width_at(&p, i + 1), .k = 3, .stride = 2, .pad = 1);
        model_stage(io, on, down.path, x);
    }
    model_stage(io, on, "block0.in", x);
    for (int i = 0; i < p.blocks; i++) {
        nn block = nn_at(m, "BottleNeck.%d", i);
        x = id_block(block, x, id, (tap){io, on && i == 0});
        model_stage(io, on, block.path, x);
        if (i == 0) model_stage(io, on, "block0.out", x);
    }
    for (int i = p.depth - 1; i >= 0; i--) {
        nn up = nn_at(m, "up%d", p.first + i);
        int out = width_at(&p, i);
        x = i >= p.depth - p.skips
                ? up_seeing(up, x, seen[i], id, out)
                : conv_bn_relu(up, 1, nn_upsample(x, 2), .out = out, .k = 3, .pad = 1);
        model_stage(io, on, up.path, x);
    }
    x = nn_conv(nn_at(m, "last_layer.1"), x, .out = 3, .k = 7, .reflect = 3);
    if (p.tanh) x = tg_tanh(x);
    model_stage(io, on, "last_layer", x);
    if (p.tanh) x = tg_affine(x, 0.5, 0.5);
    if (!o->window) return x;
    tg_node *window = window_of(m.graph, tg_dim(img, 2), tg_dim(img, 3));
    return tg_add(img, tg_mul(window, tg_sub(x, img)));
}

#define AT(field) offsetof(model_simswap_options, field)
static const base_field options[] = {
    {"variant", 0, BASE_TEXT, AT(variant), "a", "a (224), b (512 beta) or c (trainer's)"},
    {"width", 0, BASE_INT, AT(width), "0", "channels after the first layer; 0: 64, in b 32"},
    {"depth", 0, BASE_INT, AT(depth), "0", "downsamplings; 0: 3, in b and c deep 4"},
    {"blocks", 0, BASE_INT, AT(blocks), "9", "identity blocks, 1 to 64"},
    {"latent", 0, BASE_INT, AT(latent), "512", "length of the identity vector"},
    {"max_width", 0, BASE_INT, AT(max_width), "512", "most channels"},
    {"deep", 0, BASE_FLAG, AT(deep), NULL, "one level more (variant c)"},
    {"skips", 0, BASE_INT, AT(skips), "0", "so many ups see the downs' features and the identity"},
    {"window", 0, BASE_FLAG, AT(window), NULL, "outside of the face the target itself"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every stage as a further output"},
    {0}};

static void build(nn m, const void *o, model_ports *io)
{
    tg_node *img = model_in(io, m, "img"), *id = model_in(io, m, "id");
    model_out(io, "out", model_simswap(m, img, id, o, io));
}

static bool variant(const model_simswap_options *o, const char *name)
{
    return o->variant && !strcmp(o->variant, name);
}

static int stride(const void *given)
{
    const model_simswap_options *o = given;
    return 1 << (o->depth ? o->depth : variant(o, "b") || o->deep ? 4 : 3);
}

static void fit(void *given, int size, int latent)
{
    (void)size; // any
    ((model_simswap_options *)given)->latent = latent;
}

static tg_node *swap(nn m, tg_node *target, tg_node *id, const void *given)
{
    if (!variant(given, "c")) return model_simswap(m, target, id, given, NULL);
    return model_denormalise(model_simswap(m, model_normalise(target), id, given, NULL));
}

static const model_swapper swapper = {stride, fit, swap, ".linear.weight"}; // of the AdaIN layers

const model_net model_net_simswap = {
    .name = "simswap",
    .summary = "SimSwap generator (Chen et al. 2020): 224, 512 beta and trainer's form",
    .inputs = "img [n,3,h,w] RGB, 0..1 (c: ImageNet-normalised), h and w multiples of 2^depth; "
              "id [n,latent] unit rows",
    .outputs = "out [n,3,h,w], in the range of img",
    .options = options,
    .size = sizeof(model_simswap_options),
    .build = build,
    .swapper = &swapper,
};
