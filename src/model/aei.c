// aei.c -- AEI-Net of FaceShifter (Li et al. 2020, arXiv 1912.13457): the face of one person with
// the attributes of another picture, level by level from coarse to fine.
//   img [n,3,s,s] RGB -1..1 (form mindslab: 0..1), id [n,latent] -> [n,3,s,s] in the same range
// Names: network/AEI_Net.py of ai-forever/ghost, whose weights are public. Sizes for 256 pixels:
// spec/faceshifter.md 1.4; other depths keep the widths by distance from full size.
#include "model/aei.h"
#include <string.h>

static int or_default(int value, int otherwise) { return value ? value : otherwise; }

// Halvings that leave at least 2 pixels.
static int most_halvings(int64_t side)
{
    int d = 0;
    while (d < MODEL_AEI_LEVELS - 1 && side % 2 == 0 && side >= 4) {
        side /= 2;
        d++;
    }
    return d;
}

static bool encoder_of(nn m, const char *name, aei_encoder *e)
{
    static const char *const names[] = {"unet", "linknet", "resnet"};
    *e = AEI_UNET;
    if (!name) return true;
    for (int i = 0; i < 3; i++) {
        *e = (aei_encoder)i;
        if (!strcmp(name, names[i])) return true;
    }
    tg_fail(m.graph, "aei: there are the encoders unet, linknet and resnet, not %s", name);
    return false;
}

static bool check_plan(nn m, const aei_plan *p)
{
    bool numbers = p->width >= 1 && p->width <= 1024 && p->max_width >= p->width &&
                   p->max_width <= 1 << 16 && p->latent >= 1 && p->blocks >= 1 && p->blocks <= 3;
    int64_t unit = (int64_t)1 << (p->depth > 0 && p->depth < MODEL_AEI_LEVELS ? p->depth : 0);
    if (!numbers)
        tg_fail(m.graph, "aei: width lies in 1..1024, max_width is at least width, blocks lies in "
                         "1..3, latent is positive");
    else if (p->depth < 2 || p->depth >= MODEL_AEI_LEVELS || p->side < 2 * unit || p->side % unit)
        tg_fail(m.graph,
                "aei: pictures of side %lld cannot be halved %d times down to 2 pixels or more; "
                "2 to %d halvings are possible networks",
                (long long)p->side, p->depth, MODEL_AEI_LEVELS - 1);
    else if (p->encoder == AEI_RESNET && (p->width % 4 || p->max_width % 4))
        tg_fail(m.graph, "aei: with the encoder resnet, widths are multiples of 4");
    else
        return true;
    return false;
}

bool aei_plan_make(nn m, const model_aei_options *o, int64_t side, int levels, aei_plan *p)
{
    *p = (aei_plan){.stages = o->stages,
                    .blocks = or_default(o->blocks, o->small ? 1 : 2),
                    .width = or_default(o->width, o->small ? 16 : 32),
                    .depth = levels ? levels - 1 : or_default(o->depth, most_halvings(side)),
                    .latent = or_default(o->latent, 512),
                    .side = side};
    p->max_width = or_default(o->max_width, 32 * p->width);
    if (!encoder_of(m, o->encoder, &p->encoder) || !aad_form(m, o->form, &p->mindslab))
        return false;
    if (!check_plan(m, p)) return false;
    p->first = side >> p->depth;
    return true;
}

int aei_width(const aei_plan *p, int doublings)
{
    int64_t w = (int64_t)p->width << doublings;
    return w < p->max_width ? (int)w : p->max_width;
}

// The U-Net's and resnet's levels hold two maps between the coarsest and the finest one, linknet's
// one; the finest is the one below it at twice the size.
int aei_level_width(const aei_plan *p, int k)
{
    int d = p->depth;
    if (k == 1) return aei_width(p, d - 1);
    int w = aei_width(p, k > d ? 0 : d - k);
    return p->encoder == AEI_LINKNET ? w : 2 * w;
}

// The identity as the first feature map: a transposed convolution of one pixel, which is a product.
static tg_node *start(nn m, tg_node *id, const aei_plan *p, int out)
{
    if (!id) return NULL;
    int64_t n = tg_dim(id, 0), c = nn_channels(id), k = p->first;
    nn_glorot(m, TG_SHAPE(c, out, k, k), false);
    tg_node *x = nn_deconv(m, tg_reshape(id, TG_SHAPE(n, c, 1, 1)), .out = out, .k = (int)k);
    return x;
}

static bool check_inputs(nn m, tg_node *const att[], tg_node *id, const aei_plan *p)
{
    char text[128];
    if (!id) return false;
    bool fits = tg_shape_of(id).rank == 2 && nn_channels(id) == p->latent &&
                tg_dim(id, 0) == tg_dim(att[0], 0);
    if (!fits)
        tg_fail(m.graph, "aei: wants id [%lld,%d], not %s", (long long)tg_dim(att[0], 0), p->latent,
                tg_shape_text(tg_shape_of(id), text));
    return fits;
}

tg_node *model_aei_generate(nn m, tg_node *const att[], int levels, tg_node *id,
                            const model_aei_options *o, model_ports *io)
{
    aei_plan p;
    if (levels < 1 || !att[levels - 1]) return NULL; // the graph knows why
    if (!aei_plan_make(m, o, tg_dim(att[levels - 1], 3), levels, &p)) return NULL;
    if (!check_inputs(m, att, id, &p)) return NULL;
    nn at = nn_at(m, "generator");
    tg_node *x = start(nn_at(at, "up1"), id, &p, aei_width(&p, p.depth + 1));
    model_stage(io, p.stages, "up1", x);
    for (int k = 1; k <= levels; k++) {
        aad_style s = {.att = att[k - 1], .id = id, .mindslab = p.mindslab, .blocks = p.blocks};
        int out = k < levels ? aei_width(&p, p.depth + 1 - k) : 3;
        if (k > 1) x = tg_resize(x, 2 * tg_dim(x, 2), 2 * tg_dim(x, 3), TG_BILINEAR_CORNER);
        x = aad_block(nn_at(at, "AADBlk%d", k), x, out, &s, (aad_tap){0});
        model_stage(io, p.stages, tg_text(m.graph, "blk%d_out", k), x);
    }
    return p.mindslab ? tg_sigmoid(x) : tg_tanh(x);
}

tg_node *model_aei(nn m, tg_node *img, tg_node *id, const model_aei_options *o, model_ports *io)
{
    tg_node *att[MODEL_AEI_LEVELS];
    int levels = model_aei_attributes(m, img, o, att, io);
    return model_aei_generate(m, att, levels, id, o, io);
}

#define AT(field) offsetof(model_aei_options, field)
static const base_field options[] = {
    {"form", 0, BASE_TEXT, AT(form), "ghost", "ghost (the common one) or mindslab"},
    {"encoder", 0, BASE_TEXT, AT(encoder), "unet", "of attributes: unet, linknet or resnet"},
    {"blocks", 0, BASE_INT, AT(blocks), "0", "AAD layers in a block's main path, 1 to 3; 0: 2"},
    {"width", 0, BASE_INT, AT(width), "0", "channels after the first halving; 0: 32"},
    {"max_width", 0, BASE_INT, AT(max_width), "0", "most channels of a map; 0: 32 width"},
    {"depth", 0, BASE_INT, AT(depth), "0",
     "halvings, 2 to 9; 0: down to at least 2 pixels, 7 for 256"},
    {"latent", 0, BASE_INT, AT(latent), "512", "length of the identity vector"},
    {"small", 0, BASE_FLAG, AT(small), NULL, "width 16 and one block unless given"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every stage as a further output"},
    {0}};

static void build(nn m, const void *o, model_ports *io)
{
    tg_node *img = model_in(io, m, "img"), *id = model_in(io, m, "id");
    model_out(io, "out", model_aei(m, img, id, o, io));
}

static int stride(const void *given)
{
    const model_aei_options *o = given;
    return 1 << (o->depth ? o->depth : 2);
}

static void fit(void *given, int size, int latent)
{
    (void)size; // the depth follows from it
    ((model_aei_options *)given)->latent = latent;
}

static tg_node *swap(nn m, tg_node *target, tg_node *id, const void *given)
{
    const model_aei_options *o = given;
    if (o->form && !strcmp(o->form, "mindslab")) return model_aei(m, target, id, o, NULL);
    return tg_affine(model_aei(m, tg_affine(target, 2, -1), id, o, NULL), 0.5, 0.5);
}

// Fast: AAD's layers that take the identity, fc1, fc2; fc_1, fc_2 in form mindslab.
static const model_swapper swapper = {stride, fit, swap, ".fc"};

const model_net model_net_aei = {
    .name = "aei",
    .summary = "AEI-Net of FaceShifter (Li et al. 2020), as in ghost's released weights",
    .inputs = "img [n,3,h,w] RGB -1..1 (mindslab: 0..1), square, side a multiple of 2^depth; "
              "id [n,latent]",
    .outputs = "out [n,3,h,w], in the range of img",
    .options = options,
    .size = sizeof(model_aei_options),
    .build = build,
    .swapper = &swapper,
};
