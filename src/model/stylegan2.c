// stylegan2.c -- StyleGAN2 generator (Karras et al. 2020).
//   z [n,512], or w, or w for each layer -> [n,3,s,s] RGB, about -1..1
// Names are those of rosinality/stylegan2-pytorch, model.py, Generator; the constant blur kernels
// of its files are not needed. Facts: spec/styleswap.md 2.4.
#include "model/stylegan2.h"
#include "model/nets.h"
#include "nn/style.h"
#include <stdlib.h>
#include <string.h>

int model_style_levels(nn m, const char *net, int64_t h, int64_t w)
{
    int levels = 0;
    for (int64_t side = 4; side <= h; side *= 2) levels++;
    if (h == w && h >= 8 && h <= 1024 && (int64_t)2 << levels == h) return levels;
    tg_fail(m.graph, "%s: the side must be a power of two from 8 to 1024, not %lldx%lld", net,
            (long long)w, (long long)h);
    return 0;
}

static bool read_list(nn m, const char *list, int levels, int out[MODEL_STYLE_LEVELS])
{
    const char *at = list;
    for (int i = 0; i < levels; i++) {
        char *end = NULL;
        long v = strtol(at, &end, 10);
        bool last = i == levels - 1;
        if (end == at || v < 1 || v > 65536 || *end != (last ? '\0' : ',')) {
            tg_fail(m.graph, "the channels '%s' are not %d numbers with commas between, one a side",
                    list, levels);
            return false;
        }
        out[i] = (int)v;
        at = end + 1;
    }
    return true;
}

bool model_style_channels(nn m, const model_style_widths *o, double multiplier, double narrow,
                          int levels, int out[MODEL_STYLE_LEVELS])
{
    if (o->list && *o->list) return read_list(m, o->list, levels, out);
    if (o->multiplier != 0) multiplier = o->multiplier;
    if (o->narrow != 0) narrow = o->narrow;
    for (int i = 0; i < levels; i++) {
        double c = i < 4 ? 512 : multiplier * (512 >> (i - 3)); // 256 m at side 64
        if (!(c * narrow >= 1 && c * narrow <= 65536)) {
            tg_fail(m.graph, "multiplier %g and narrow %g leave no channels at side %d", multiplier,
                    narrow, 4 << i);
            return false;
        }
        out[i] = (int)(c * narrow);
    }
    return true;
}

tg_node *model_style_mapping(nn m, tg_node *z, int style, int layers, double lr_mul)
{
    tg_node *w = nn_pixel_norm(z);
    for (int i = 1; i <= layers; i++)
        w = nn_equal_linear(nn_at(m, "style.%d", i), w, .out = style, .lr_mul = lr_mul,
                            .activate = true);
    return w;
}

tg_node *model_style_average(nn m, int style)
{
    return nn_buffer(m, "latent_avg", TG_SHAPE(style), (nn_init){.kind = NN_INIT_ZERO});
}

static int or_default(int value, int otherwise) { return value ? value : otherwise; }

tg_node *model_stylegan2_mapping(nn m, tg_node *z, const model_stylegan2_options *o)
{
    int style = or_default(o->style, 512), layers = or_default(o->mapping, 8);
    if (!z) return NULL;
    if (tg_shape_of(z).rank != 2 || tg_dim(z, 1) != style || layers < 1 || layers > 64)
        return tg_fail(m.graph, "stylegan2: wants z [n,%d] and 1 to 64 layers of mapping", style);
    return model_style_mapping(m, z, style, layers, o->lr_mapping != 0 ? o->lr_mapping : 0.01);
}

// Noise map i of side r, or NULL for none.
static tg_node *noise_map(nn m, tg_node *const noise[], const model_stylegan2_options *o, int i,
                          int r)
{
    char name[32];
    if (noise) return noise[i];
    if (o->noise && !strcmp(o->noise, "none")) return NULL;
    snprintf(name, sizeof name, "noise_%d", i);
    return nn_buffer(nn_at(m, "noises"), name, TG_SHAPE(1, 1, r, r), (nn_init){NN_INIT_NORMAL, 1});
}

static tg_node *show(model_ports *io, const model_stylegan2_options *o, int r, tg_node *x)
{
    if (x && io && o->stages) model_stage(io, true, tg_text(tg_graph_of(x), "rgb%d", r), x);
    return x;
}

static bool check_latents(nn m, tg_node *latents, int layers, int style)
{
    tg_shape s = tg_shape_of(latents);
    char text[128];
    if (!latents) return false;
    bool one = s.rank == 2 && s.dim[1] == style;
    bool all = s.rank == 3 && s.dim[1] == layers && s.dim[2] == style;
    if (!one && !all)
        tg_fail(m.graph, "stylegan2: wants style vectors [n,%d] or [n,%d,%d], not %s", style,
                layers, style, tg_shape_text(s, text));
    return one || all;
}

tg_node *model_stylegan2(nn m, tg_node *latents, tg_node *const noise[],
                         const model_stylegan2_options *o, model_ports *io)
{
    int size = or_default(o->size, 256), style = or_default(o->style, 512);
    int channels[MODEL_STYLE_LEVELS], levels = model_style_levels(m, "stylegan2", size, size);
    if (!levels || !model_style_channels(m, &o->widths, 2, 1, levels, channels)) return NULL;
    if (!check_latents(m, latents, 2 * levels, style)) return NULL;
    int64_t n = tg_dim(latents, 0);
    int c = channels[0];
    tg_node *x =
        nn_weight(nn_at(m, "input"), "input", TG_SHAPE(1, c, 4, 4), (nn_init){NN_INIT_NORMAL, 1});
    x = tg_expand(x, TG_SHAPE(n, c, 4, 4));
    x = nn_styled_conv(nn_at(m, "conv1"), x, nn_latent(latents, 0), .out = c,
                       .inject = noise_map(m, noise, o, 0, 4));
    tg_node *rgb = nn_to_picture(nn_at(m, "to_rgb1"), x, nn_latent(latents, 1), NULL, 3, false);
    show(io, o, 4, rgb);
    for (int k = 1; k < levels; k++) {
        c = channels[k];
        x = nn_styled_conv(nn_at(m, "convs.%d", 2 * k - 2), x, nn_latent(latents, 2 * k - 1),
                           .out = c, .up = true,
                           .inject = noise_map(m, noise, o, 2 * k - 1, 4 << k));
        x = nn_styled_conv(nn_at(m, "convs.%d", 2 * k - 1), x, nn_latent(latents, 2 * k), .out = c,
                           .inject = noise_map(m, noise, o, 2 * k, 4 << k));
        rgb = nn_to_picture(nn_at(m, "to_rgbs.%d", k - 1), x, nn_latent(latents, 2 * k + 1), rgb, 3,
                            false);
        show(io, o, 4 << k, rgb);
    }
    return rgb;
}

#define AT(field) offsetof(model_stylegan2_options, field)
static const base_field options[] = {
    {"size", 0, BASE_INT, AT(size), "256", "side of the picture, a power of two"},
    {"channels", 0, BASE_TEXT, AT(widths.list), NULL, "at sides 4, 8, ..: 512,512,256"},
    {"multiplier", 0, BASE_REAL, AT(widths.multiplier), "2", "of the channels from side 64 on"},
    {"narrow", 0, BASE_REAL, AT(widths.narrow), "1", "of all channels"},
    {"style", 0, BASE_INT, AT(style), "512", "length of z and w"},
    {"mapping", 0, BASE_INT, AT(mapping), "8", "layers from z to w"},
    {"lr_mapping", 0, BASE_REAL, AT(lr_mapping), "0.01", "their learning rate"},
    {"from", 0, BASE_TEXT, AT(from), "z", "z, w or wplus"},
    {"noise", 0, BASE_TEXT, AT(noise), "stored", "stored, given (noise0, ..) or none"},
    {"truncation", 0, BASE_REAL, AT(truncation), "1", "psi around latent_avg; 1: none"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every stage as a further output"},
    {0}};

// One of the words, or 0 with the graph's error.
static const char *choose(nn m, const char *given, const char *const words[3], const char *what)
{
    for (int i = 0; i < 3; i++)
        if (!strcmp(given ? given : words[0], words[i])) return words[i];
    return tg_fail(m.graph, "stylegan2: %s is %s, %s or %s, not %s", what, words[0], words[1],
                   words[2], given);
}

static void build(nn m, const void *options_of_net, model_ports *io)
{
    static const char *const inputs[] = {"z", "w", "wplus"};
    static const char *const noises[] = {"stored", "given", "none"};
    const model_stylegan2_options *o = options_of_net;
    const char *from = choose(m, o->from, inputs, "from");
    const char *how = choose(m, o->noise, noises, "noise");
    int size = or_default(o->size, 256), levels = model_style_levels(m, "stylegan2", size, size);
    if (!from || !how || !levels) return;
    tg_node *w = model_in(io, m, from), *noise[2 * MODEL_STYLE_LEVELS] = {NULL};
    bool given = !strcmp(how, "given");
    for (int i = 0; given && i < 2 * levels - 1; i++)
        noise[i] = model_in(io, m, tg_text(m.graph, "noise%d", i));
    if (!strcmp(from, "z")) w = model_stylegan2_mapping(m, w, o);
    if (o->truncation != 0 && o->truncation != 1)
        w = nn_truncate(w, model_style_average(m, or_default(o->style, 512)), o->truncation);
    if (strcmp(from, "wplus") != 0) model_stage(io, o->stages && w, "w", w);
    model_out(io, "out", model_stylegan2(m, w, given ? noise : NULL, o, io));
}

const model_net model_net_stylegan2 = {
    .name = "stylegan2",
    .summary = "StyleGAN2 generator (Karras et al. 2020)",
    .inputs =
        "z [n,style] normal; with from=w or from=wplus w [n,style] or wplus [n,2 levels,style] "
        "in its place, with noise=given also noise0 [n,1,4,4], noise1, noise2 [n,1,8,8], ..",
    .outputs = "out [n,3,size,size] RGB, about -1..1",
    .options = options,
    .size = sizeof(model_stylegan2_options),
    .build = build,
};
