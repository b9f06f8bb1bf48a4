// deepfakes.c -- the DeepFakes autoencoder of December 2017 ("Original", 64 pixels).
//   img [n,3,h,w] 0..1 -> out_A, out_B [n,3,h,w]: the face as either person
// Layers: plugins/Model_Original of deepfakes/faceswap at its first public commit
// (spec/faceshifter.md 5.1). That is Keras: kernels there are [k,k,in,out], here [out,in,k,k];
// maps are flattened with the channel last; Glorot-uniform kernels, zero biases. Today's plugin of
// that name begins with He et al. 2015 instead (5.5), which does not fade from layer to layer.
#include "model/deepfakes.h"
#include "model/nets.h"
#include <math.h>
#include <string.h>

typedef model_deepfakes_options options;

static void init(nn m, const options *o, tg_shape weight)
{
    double fan_in = (double)tg_count(weight) / (double)weight.dim[0];
    if (o->he)
        nn_weight(m, "weight", weight, (nn_init){NN_INIT_UNIFORM, sqrt(6 / fan_in)});
    else
        nn_glorot(m, weight, true);
    nn_weight(m, "bias", TG_SHAPE(weight.dim[0]), (nn_init){.kind = NN_INIT_ZERO});
}

static tg_node *conv(nn m, const options *o, tg_node *x, int out, int k, int stride)
{
    if (!x) return NULL;
    init(m, o, TG_SHAPE(out, nn_channels(x), k, k));
    return nn_conv(m, x, .out = out, .k = k, .stride = stride, .same = true);
}

static tg_node *dense(nn m, const options *o, tg_node *x, int64_t out)
{
    if (!x) return NULL;
    init(m, o, TG_SHAPE(out, nn_channels(x)));
    return nn_linear(m, x, out, false);
}

// Depth to space: [n,4 c,h,w] -> [n,c,2 h,2 w], channel (2 dy + dx) c + i to pixel (dy, dx).
// (PyTorch's pixel shuffle counts 4 i + 2 dy + dx.)
static tg_node *shuffle(tg_node *x)
{
    static const int perm[] = {0, 3, 4, 1, 5, 2}; // n,dy,dx,c,h,w -> n,c,h,dy,w,dx
    int64_t n = tg_dim(x, 0), c = tg_dim(x, 1) / 4, h = tg_dim(x, 2), w = tg_dim(x, 3);
    x = tg_transpose(tg_reshape(x, TG_SHAPE(n, 2, 2, c, h, w)), perm);
    return tg_reshape(x, TG_SHAPE(n, c, 2 * h, 2 * w));
}

static tg_node *upscale(nn m, const options *o, tg_node *x,
                        int out) // the activation comes before the shuffle
{
    return shuffle(tg_leaky_relu(conv(m, o, x, 4 * out, 3, 1), 0.1));
}

static tg_node *flatten(tg_node *x) // rows, columns, channels
{
    static const int perm[] = {0, 2, 3, 1};
    return tg_reshape(tg_transpose(x, perm),
                      TG_SHAPE(tg_dim(x, 0), tg_count(tg_shape_of(x)) / tg_dim(x, 0)));
}

static tg_node *unflatten(tg_node *x, int64_t c, int64_t h, int64_t w)
{
    static const int perm[] = {0, 3, 1, 2};
    return tg_transpose(tg_reshape(x, TG_SHAPE(tg_dim(x, 0), h, w, c)), perm);
}

static bool check(nn m, tg_node *img, int width, int code)
{
    char text[128];
    if (!img) return false;
    if (width < 1 || width > 1024 || code < 1) {
        tg_fail(m.graph, "deepfakes: width lies in 1..1024, dense is positive");
        return false;
    }
    if (tg_shape_of(img).rank == 4 && tg_dim(img, 1) == 3 && tg_dim(img, 2) % 16 == 0 &&
        tg_dim(img, 3) % 16 == 0)
        return true;
    tg_fail(m.graph, "deepfakes: wants img [n,3,h,w], h and w multiples of 16, not %s",
            tg_shape_text(tg_shape_of(img), text));
    return false;
}

static tg_node *show(const options *o, model_ports *io, const char *where, int i, tg_node *x)
{
    return x ? model_stage(io, o->stages, tg_text(tg_graph_of(x), "%s%d", where, i), x) : NULL;
}

tg_node *model_deepfakes_encode(nn m, tg_node *img, const model_deepfakes_options *o,
                                model_ports *io)
{
    int width = o->width ? o->width : 128, code = o->dense ? o->dense : width * (o->lowmem ? 4 : 8);
    if (!check(m, img, width, code)) return NULL;
    int64_t h = tg_dim(img, 2) / 16, w = tg_dim(img, 3) / 16;
    nn at = nn_at(m, "enc");
    tg_node *x = img;
    for (int i = 1; i <= (o->lowmem ? 3 : 4); i++) {
        x = tg_leaky_relu(conv(nn_at(at, "conv%d", i), o, x, width << (i - 1), 5, 2), 0.1);
        show(o, io, "enc_conv", i, x);
    }
    x = show(o, io, "enc_dense", 1, dense(nn_at(at, "dense1"), o, flatten(x), code));
    x = unflatten(dense(nn_at(at, "dense2"), o, x, 8 * width * h * w), 8 * width, h, w);
    show(o, io, "enc_dense", 2, x);
    return model_stage(io, o->stages, "enc_out", upscale(nn_at(at, "up1"), o, x, 4 * width));
}

tg_node *model_deepfakes_decode(nn m, tg_node *code, char person, const model_deepfakes_options *o,
                                model_ports *io)
{
    int width = o->width ? o->width : 128;
    if (!code) return NULL;
    if (width < 2) return tg_fail(m.graph, "deepfakes: the decoders need a width of at least 2");
    nn at = nn_at(m, "dec%c", person);
    const char *stage = tg_text(m.graph, "dec%c_up", person);
    tg_node *x = code;
    for (int i = 1; i <= 3; i++) {
        x = upscale(nn_at(at, "up%d", i), o, x, (4 * width) >> i);
        show(o, io, stage, i, x);
    }
    return tg_sigmoid(conv(nn_at(at, "out"), o, x, 3, 5, 1));
}

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"width", 0, BASE_INT, AT(width), "128", "channels after the first convolution"},
    {"dense", 0, BASE_INT, AT(dense), "0", "length of the code; 0: 8 width, lowmem 4 width"},
    {"lowmem", 0, BASE_FLAG, AT(lowmem), NULL, "without the fourth convolution"},
    {"he", 0, BASE_FLAG, AT(he), NULL, "begin with He's weights, as today's plugin does"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every stage as a further output"},
    {"person", 0, BASE_TEXT, AT(person), "a", "whose face a swap makes: a or b"},
    {0}};

static void build(nn m, const void *o, model_ports *io)
{
    tg_node *code = model_deepfakes_encode(m, model_in(io, m, "img"), o, io);
    model_out(io, "out_A", model_deepfakes_decode(m, code, 'A', o, io));
    model_out(io, "out_B", model_deepfakes_decode(m, code, 'B', o, io));
}

static int stride(const void *o)
{
    (void)o;
    return 16;
}

static void fit(void *o, int size, int latent) // who it is, is in the weights
{
    (void)o;
    (void)size;
    (void)latent;
}

static tg_node *swap(nn m, tg_node *target, tg_node *id, const void *given)
{
    (void)id;
    const options *o = given;
    bool b = o->person && !strcmp(o->person, "b");
    if (o->person && !b && strcmp(o->person, "a") != 0)
        return tg_fail(m.graph, "deepfakes: person is a or b, not %s", o->person);
    tg_node *code = model_deepfakes_encode(m, target, o, NULL);
    return model_deepfakes_decode(m, code, b ? 'B' : 'A', o, NULL);
}

static const model_swapper swapper = {stride, fit, swap, NULL};

const model_net model_net_deepfakes = {
    .name = "deepfakes",
    .summary = "DeepFakes autoencoder (2017): one encoder, a decoder for each of two people",
    .inputs = "img [n,3,h,w] 0..1, h and w multiples of 16 (the original: 64)",
    .outputs = "out_A, out_B [n,3,h,w] 0..1, the face as person A and as person B",
    .options = fields,
    .size = sizeof(options),
    .build = build,
    .swapper = &swapper,
};
