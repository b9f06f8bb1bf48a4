// styleswap.c -- StyleSwap (Xu et al. 2022, arXiv 2209.13514): a StyleGAN2 generator whose style is
// the source's identity, fed at every level with the target's attributes, and with a mask beside
// the picture: what it keeps out is the target.
//   img [n,3,s,s] RGB -1..1, id [n,512] -> [n,3,s,s]
// Variant p: the network of the paper; r: of the released code, Seanseattle/StyleSwap (3adcfc1),
// whose names it has with the generator below "generator.". p has no published weights; its names
// are those of spec/styleswap.md 3, whose sections 3 and 4 hold the facts for both.
#include "model/nets.h"
#include "model/stylegan2.h"
#include "nn/style.h"
#include <math.h>
#include <string.h>

typedef struct { // what the options come to
    const model_styleswap_options *o;
    bool released, masks;
    int levels, channels[MODEL_STYLE_LEVELS], style, fill_above;
    model_ports *io; // NULL: no stages
} plan;

static int or_default(int value, int otherwise) { return value ? value : otherwise; }

// 'p', 'r', or 0 with the graph's error.
static char variant_of(nn m, const model_styleswap_options *o)
{
    const char *v = o->variant ? o->variant : "p";
    if (!strcmp(v, "p") && o->no_mask)
        return tg_fail(m.graph, "styleswap: only variant r can be without a mask"), 0;
    if (!strcmp(v, "p") || !strcmp(v, "r")) return *v;
    return tg_fail(m.graph, "styleswap: there are the variants p and r, not %s", v), 0;
}

static bool make_plan(nn m, tg_node *img, tg_node *latents, const model_styleswap_options *o,
                      plan *p)
{
    char variant = variant_of(m, o), img_text[128], text[128];
    if (!variant || !img || !latents) return false;
    int levels = model_style_levels(m, "styleswap", tg_dim(img, 2), tg_dim(img, 3));
    *p = (plan){.o = o,
                .released = variant == 'r',
                .masks = !o->no_mask,
                .levels = levels,
                .style = or_default(o->style, 512),
                .fill_above = or_default(o->fill_above, 9)};
    if (!levels || !model_style_channels(m, &o->widths, 1, 0.5, levels, p->channels)) return false;
    tg_shape s = tg_shape_of(latents);
    bool one = s.rank == 2 && s.dim[1] == p->style;
    bool all = s.rank == 3 && s.dim[1] == 2 * levels && s.dim[2] == p->style;
    if (tg_shape_of(img).rank == 4 && tg_dim(img, 1) == 3 && (one || all) &&
        s.dim[0] == tg_dim(img, 0))
        return true;
    tg_fail(m.graph,
            "styleswap: wants img [n,3,s,s] and style vectors [n,%d] or [n,%d,%d], not %s and %s",
            p->style, 2 * levels, p->style, tg_shape_text(tg_shape_of(img), img_text),
            tg_shape_text(s, text));
    return false;
}

static tg_node *show(const plan *p, const char *what, int r, tg_node *x)
{
    if (x && p->io) model_stage(p->io, true, tg_text(tg_graph_of(x), "%s%d", what, r), x);
    return x;
}

tg_node *model_styleswap_identity(nn m, tg_node *id, const model_styleswap_options *o)
{
    char variant = variant_of(m, o), text[128];
    int style = or_default(o->style, 512), latent = or_default(o->latent, 512);
    int layers = or_default(o->mapping, 8);
    if (!variant || !id) return NULL;
    if (tg_shape_of(id).rank != 2 || tg_dim(id, 1) != latent || layers < 1 || layers > 64)
        return tg_fail(m.graph, "styleswap: wants id [n,%d] and 1 to 64 layers of mapping, not %s",
                       latent, tg_shape_text(tg_shape_of(id), text));
    bool released = variant == 'r';
    if (o->unit) id = tg_scale(nn_unit(id), sqrt((double)latent));
    tg_node *w = nn_equal_linear(nn_at(m, released ? "final_linear.0" : "final_linear"), id,
                                 .out = style, .activate = true);
    w = model_style_mapping(released ? nn_at(m, "generator") : m, w, style, layers,
                            o->lr_mapping != 0 ? o->lr_mapping : 0.01);
    if (o->truncation == 0 || o->truncation == 1) return w;
    return nn_truncate(w, model_style_average(m, style), o->truncation);
}

// e[i]: attributes of the target at side 4 << i
static void encode(nn m, const plan *p, tg_node *img, tg_node *e[])
{
    int last = p->levels - 1;
    for (int j = 0; j <= last; j++) {
        nn at = p->released ? nn_at(m, "ecd%d.0", j) : nn_at(m, "enc.%d", j);
        nn conv = nn_at(at, j ? "1" : "0"), act = nn_at(at, j ? "2" : "1");
        int out = p->channels[last - j];
        e[last - j] = nn_equal_conv_act(conv, act, j ? e[last - j + 1] : img, .out = out,
                                        .k = j ? 3 : 1, .half = j > 0);
        show(p, "enc", 4 << (last - j), e[last - j]);
    }
}

static tg_node *rest(tg_node *mask) { return tg_affine(mask, -1, 1); }

// ---- Variant p

// Convolution i with its bias and activation.
static tg_node *conv_p(nn m, const plan *p, tg_node *x, tg_node *latents, int i, bool up)
{
    x = nn_modulated_conv(nn_at(m, "conv.%d", i), x, nn_latent(latents, i),
                          .out = p->channels[(i + 1) / 2], .k = 3, .up = up);
    return nn_bias_act(nn_at(m, "act.%d", i), x);
}

// The mask before its sigmoid; as the picture's branch, but its own bias is a scalar.
static tg_node *to_mask_p(nn m, tg_node *x, tg_node *w, tg_node *skip, int k)
{
    tg_node *y =
        nn_modulated_conv(nn_at(m, "to_mask.%d", k), x, w, .out = 1, .k = 1, .no_demod = true);
    char name[16];
    snprintf(name, sizeof name, "%d", k);
    tg_node *b =
        nn_weight(nn_at(m, "mask_bias"), name, TG_SHAPE(1), (nn_init){.kind = NN_INIT_ZERO});
    y = tg_add(y, tg_reshape(b, TG_SHAPE(1, 1, 1, 1)));
    return skip ? tg_add(y, nn_fir_up(skip)) : y;
}

static void synthesise_p(nn m, const plan *p, tg_node *const e[], tg_node *latents,
                         model_styleswap_made *made)
{
    tg_node *x = e[0], *rgb = NULL, *mask = NULL;
    for (int k = 0; k < p->levels; k++) {
        if (k) { // the attributes of the level before, where its mask leaves the target alone
            tg_node *kept = tg_mul(e[k - 1], rest(made->level[k - 1]));
            x = tg_concat((tg_node *[]){x, kept}, 2, 1);
            x = conv_p(m, p, x, latents, 2 * k - 1, true);
        }
        x = conv_p(m, p, x, latents, 2 * k, false);
        tg_node *w = nn_latent(latents, 2 * k + 1);
        rgb = show(p, "rgb", 4 << k, nn_to_picture(nn_at(m, "to_rgb.%d", k), x, w, rgb, 3, false));
        mask = show(p, "maskpre", 4 << k, to_mask_p(m, x, w, mask, k));
        made->level[k] = tg_sigmoid(mask);
    }
    made->rgb = rgb;
    made->mask = made->level[p->levels - 1];
}

// ---- Variant r

// Attributes under the mask (the last level's, each pixel doubled) replaced by their mean there.
static tg_node *fill(tg_node *e, tg_node *mask)
{
    int64_t n = tg_dim(e, 0), c = nn_channels(e);
    tg_node *b = tg_resize(mask, tg_dim(e, 2), tg_dim(e, 3), TG_NEAREST);
    tg_node *sum = tg_sum_to(tg_mul(e, b), TG_SHAPE(n, c, 1, 1));
    tg_node *mean = tg_div(sum, tg_sum_to(b, TG_SHAPE(n, 1, 1, 1)));
    return tg_add(e, tg_mul(tg_sub(mean, e), b));
}

static tg_node *conv_r(nn m, const plan *p, tg_node *x, tg_node *w, tg_node *e, bool up)
{
    return nn_styled_conv(m, x, w, .out = (int)nn_channels(e), .up = up, .join = true, .inject = e,
                          .strength = p->o->strength);
}

static void synthesise_r(nn m, const plan *p, tg_node *const e[], tg_node *latents,
                         model_styleswap_made *made)
{
    int c = p->channels[0];
    tg_node *rgb = NULL, *mask = NULL, *x = NULL;
    x = nn_weight(nn_at(m, "input"), "input", TG_SHAPE(1, c, 4, 4), (nn_init){NN_INIT_NORMAL, 1});
    x = tg_expand(x, TG_SHAPE(tg_dim(latents, 0), c, 4, 4));
    for (int k = 0; k < p->levels; k++) {
        tg_node *a = e[k];
        if (!k) x = conv_r(nn_at(m, "conv1"), p, x, nn_latent(latents, 0), a, false);
        if (k) {
            int i = 2 * k - 1; // index of the style, and of the convolution after the first
            if (mask && i > p->fill_above) a = show(p, "filled", 4 << k, fill(a, mask));
            x = conv_r(nn_at(m, "convs.%d", i - 1), p, x, nn_latent(latents, i), a, true);
            x = conv_r(nn_at(m, "convs.%d", i), p, x, nn_latent(latents, i + 1), a, false);
        }
        tg_node *w = nn_latent(latents, 2 * k + 1);
        nn to_rgb = k ? nn_at(m, "to_rgbs.%d", k - 1) : nn_at(m, "to_rgb1");
        nn to_mask = k ? nn_at(m, "to_masks.%d", k - 1) : nn_at(m, "to_mask1");
        rgb = show(p, "rgb", 4 << k, nn_to_picture(to_rgb, x, w, rgb, 3, false));
        if (p->masks) mask = tg_sigmoid(nn_to_picture(to_mask, x, w, mask, 1, true));
        made->level[k] = show(p, "mask", 4 << k, mask);
    }
    made->rgb = rgb;
    made->mask = mask;
}

void model_styleswap(nn m, tg_node *img, tg_node *latents, const model_styleswap_options *o,
                     model_ports *io, model_styleswap_made *made)
{
    plan p;
    tg_node *e[MODEL_STYLE_LEVELS] = {NULL};
    *made = (model_styleswap_made){0};
    if (!make_plan(m, img, latents, o, &p)) return;
    p.io = o->stages ? io : NULL;
    encode(m, &p, img, e);
    if (p.released)
        synthesise_r(nn_at(m, "generator"), &p, e, latents, made);
    else
        synthesise_p(m, &p, e, latents, made);
    made->out = made->rgb;
    if (made->mask)
        made->out = tg_add(tg_mul(made->mask, made->rgb), tg_mul(rest(made->mask), img));
}

#define AT(field) offsetof(model_styleswap_options, field)
static const base_field options[] = {
    {"variant", 0, BASE_TEXT, AT(variant), "p", "p (paper) or r (released code)"},
    {"channels", 0, BASE_TEXT, AT(widths.list), NULL, "at sides 4, 8, ..: 256,256,128"},
    {"multiplier", 0, BASE_REAL, AT(widths.multiplier), "1", "of the channels from side 64 on"},
    {"narrow", 0, BASE_REAL, AT(widths.narrow), "0.5", "of all channels"},
    {"latent", 0, BASE_INT, AT(latent), "512", "length of the identity vector"},
    {"style", 0, BASE_INT, AT(style), "512", "length of w"},
    {"mapping", 0, BASE_INT, AT(mapping), "8", "layers from identity to w, after the first"},
    {"lr_mapping", 0, BASE_REAL, AT(lr_mapping), "0.01", "their learning rate"},
    {"strength", 0, BASE_REAL, AT(strength), "0",
     "r: of the attributes at first; 1 where nothing was trained before"},
    {"no_mask", 0, BASE_FLAG, AT(no_mask), NULL, "without the mask branch (variant r)"},
    {"fill_above", 0, BASE_INT, AT(fill_above), "9",
     "r: fill the attributes under the mask above this style index; -1: at all sides"},
    {"unit", 0, BASE_FLAG, AT(unit), NULL, "bring the identity to length sqrt(latent) first"},
    {"truncation", 0, BASE_REAL, AT(truncation), "1", "psi around latent_avg; 1: none"},
    {"wplus", 0, BASE_FLAG, AT(wplus), NULL, "take wplus in place of id"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every stage as a further output"},
    {0}};

static void build(nn m, const void *options_of_net, model_ports *io)
{
    const model_styleswap_options *o = options_of_net;
    model_styleswap_made made;
    tg_node *img = model_in(io, m, "img"), *w = model_in(io, m, o->wplus ? "wplus" : "id");
    if (!o->wplus) w = model_stage(io, o->stages, "w", model_styleswap_identity(m, w, o));
    model_styleswap(m, img, w, o, io, &made);
    model_out(io, "out", made.out);
    model_out(io, "rgb", made.rgb);
    if (made.mask) model_out(io, "mask", made.mask);
}

static int stride(const void *given)
{
    (void)given; // a power of two besides, as the network says
    return 8;
}

static void fit(void *given, int size, int latent)
{
    model_styleswap_options *o = given;
    (void)size; // any
    o->latent = latent;
    o->unit = true;
}

void model_styleswap_of(nn m, tg_node *target, tg_node *id, const model_styleswap_options *o,
                        model_styleswap_made *made)
{
    tg_node *w = model_styleswap_identity(m, id, o);
    model_styleswap(m, tg_affine(target, 2, -1), w, o, NULL, made);
    made->w = w;
    made->average = model_style_average(m, or_default(o->style, 512));
}

static tg_node *swap(nn m, tg_node *target, tg_node *id, const void *given)
{
    model_styleswap_made made;
    model_styleswap_of(m, target, id, given, &made);
    return tg_affine(made.out, 0.5, 0.5);
}

// No layers are apart: the identity comes to them at a length of its own.
static const model_swapper swapper = {stride, fit, swap, NULL};

const model_net model_net_styleswap = {
    .name = "styleswap",
    .summary = "StyleSwap generator (Xu et al. 2022): of the paper, and as released",
    .inputs = "img [n,3,h,w] RGB -1..1, h = w a power of two; id [n,latent], with wplus=yes wplus "
              "[n,2 levels,style] in its place",
    .outputs = "out [n,3,h,w] RGB; rgb, before it is laid over img; mask [n,1,h,w] in 0..1",
    .options = options,
    .size = sizeof(model_styleswap_options),
    .build = build,
    .swapper = &swapper,
};
