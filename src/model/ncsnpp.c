// ncsnpp.c -- generator of Smooth-Swap (Kim et al. 2022): NCSN++ (Song et al. 2021, arXiv
// 2011.13456) with the identity in the place of the noise level, and its output added to the
// target.
//   img [n,3,s,s] RGB -1..1, id [n,512] unit rows -> [n,3,s,s] in the same range
// Names: models/ncsnpp.py of yang-song/score_sde_pytorch, whose entry 0, the Fourier features, is
// gone; resampling has no entry. Facts: spec/smoothswap.md 3 and 10; drawn and closed are ours.
#include "nn/ncsnpp.h"
#include "model/nets.h"
#include "model/smoothswap.h"
#include "nn/style.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 9, BLOCKS = 8, SKIPS = LEVELS * (BLOCKS + 1), MAP = 64, MAP_SIDE = 8 };

typedef enum { MLP, DIRECT, SCALED, SCALED_MLP } front;
typedef enum { WAY_ADD, WAY_ADALIN, WAY_MAP, WAY_MAP_TARGET, WAY_STYLE_MAP } way;

typedef struct {
    int width, levels, multiplier[LEVELS], blocks, sides, attention[LEVELS], latent, cond;
    front front;
    way way;
    bool biased, input_skip, output_skip, naive, drawn;
    int closed;
} plan;

// A build: the entry that comes next, and what later entries take.
typedef struct {
    nn m;
    const plan *p;
    model_ports *io;
    bool stages;
    int entry;
    tg_node *cond, *map[LEVELS], *skip[SKIPS], *at_8;
    int skips;
} unet;

// ---- Options

static int or_default(int value, int otherwise) { return value ? value : otherwise; }

// Whole numbers with commas between them; -1 where the text is none.
static int read_list(const char *text, int list[LEVELS])
{
    int n = 0;
    for (char *end = NULL; *text; text = end) {
        long v = strtol(text, &end, 10);
        if (end == text || v < 1 || v > 1 << 16 || n == LEVELS) return -1;
        list[n++] = (int)v;
        if (*end == ',' && end[1]) end++;
    }
    return n;
}

// -1, with the graph's error, where there is no such word; NULL is the first one.
static int word(nn m, const char *what, const char *text, const char *const words[], int n)
{
    for (int i = 0; i < n; i++)
        if (!text || !strcmp(text, words[i])) return i;
    tg_fail(m.graph, "ncsnpp: there is no %s=%s; the first one there is: %s", what, text, words[0]);
    return -1;
}

// Levels down to a side of 4, of those that the network has at 256.
static int levels_of(int64_t side, int most)
{
    int n = 1;
    while (n < most && side % 2 == 0 && side >= 8) {
        side /= 2;
        n++;
    }
    return n;
}

static bool read_words(nn m, const model_ncsnpp_options *o, plan *p)
{
    static const char *const fronts[] = {"mlp", "direct", "scaled", "scaled-mlp"};
    static const char *const ways[] = {"add", "adalin", "map", "map-target", "stylemap"};
    int f = word(m, "front", o->front, fronts, 4), w = word(m, "way", o->way, ways, 5);
    if (f < 0 || w < 0) return false;
    p->front = (front)f;
    p->way = (way)w;
    return true;
}

static bool read_plan(nn m, const model_ncsnpp_options *o, int64_t side, plan *p)
{
    *p = (plan){.width = or_default(o->width, o->small ? 16 : 128),
                .blocks = or_default(o->blocks, o->small ? 1 : 2),
                .latent = or_default(o->latent, 512),
                .biased = o->biased,
                .input_skip = !o->no_input_skip,
                .output_skip = !o->no_output_skip,
                .naive = o->naive,
                .drawn = o->drawn,
                .closed = o->closed};
    p->cond = or_default(o->cond, o->small ? 256 : 4 * p->width);
    const char *otherwise = o->small ? "1,1,2,4,8,8,8" : "1,1,2,2,2,2,2";
    p->levels = read_list(o->multipliers ? o->multipliers : otherwise, p->multiplier);
    p->sides = read_list(o->attention ? o->attention : "16", p->attention);
    if (!o->multipliers) p->levels = levels_of(side, p->levels);
    bool numbers = p->width >= 4 && p->width <= 4096 && p->blocks >= 1 && p->blocks <= BLOCKS &&
                   p->latent >= 1 && p->latent <= 1 << 16 && p->cond >= 1 && p->cond <= 1 << 16;
    if (!numbers || p->levels < 1 || p->sides < 0) {
        tg_fail(m.graph,
                "ncsnpp: width lies in 4..4096, blocks in 1..%d, latent and cond in 1..65536; "
                "multipliers are 1 to %d numbers as 1,1,2, and attention at most so many sides",
                BLOCKS, LEVELS);
        return false;
    }
    if (p->closed < 0 || p->closed >= p->levels) {
        tg_fail(m.graph, "ncsnpp: closed lies in 0..%d, of %d levels", p->levels - 1, p->levels);
        return false;
    }
    return read_words(m, o, p);
}

// The map is doubled and halved to the sides of all levels, and side 8 is among them.
static bool map_fits(const plan *p, int64_t side)
{
    return side >= MAP_SIDE && !(side & (side - 1)) && side >> (p->levels - 1) <= MAP_SIDE;
}

static bool check_inputs(nn m, tg_node *img, tg_node *id, const plan *p)
{
    tg_shape s = tg_shape_of(img), v = tg_shape_of(id);
    int64_t unit = (int64_t)1 << (p->levels - 1);
    char text[2][128];
    if (s.rank != 4 || s.dim[1] != 3 || s.dim[2] != s.dim[3] || s.dim[2] % unit || v.rank != 2 ||
        v.dim[0] != s.dim[0] || v.dim[1] != p->latent)
        tg_fail(m.graph,
                "ncsnpp: wants img [n,3,s,s], s a multiple of %d, and id [n,%d], not %s, %s",
                (int)unit, p->latent, tg_shape_text(s, text[0]), tg_shape_text(v, text[1]));
    else if (p->way >= WAY_MAP && !map_fits(p, s.dim[2]))
        tg_fail(m.graph,
                "ncsnpp: with a map, the side is a power of two from %d on, and the levels "
                "come down to %d or less; this one is %lld in %d levels",
                MAP_SIDE, MAP_SIDE, (long long)s.dim[2], p->levels);
    else
        return true;
    return false;
}

// ---- Entries

static nn next(unet *u) { return nn_at(u->m, "all_modules.%d", u->entry++); }

static tg_node *shown(unet *u, tg_node *x)
{
    return model_stage(u->io, u->stages, tg_text(u->m.graph, "act.%d", u->entry - 1), x);
}

static int channels(const unet *u, int level) { return u->p->width * u->p->multiplier[level]; }

static tg_node *block(unet *u, tg_node *x, nn_score_options o)
{
    o.cond = u->cond;
    o.naive = u->p->naive;
    o.biased = u->p->biased;
    return shown(u, nn_score_block_with(next(u), x, o));
}

// A block of the decoder, whose output has this level's sides.
static tg_node *decoder_block(unet *u, tg_node *x, int level, nn_score_options o)
{
    static const nn_score_way ways[] = {NN_SCORE_ADD, NN_SCORE_ADALIN, NN_SCORE_MAP, NN_SCORE_MAP,
                                        NN_SCORE_STYLE_MAP};
    o.way = ways[u->p->way];
    o.map = u->map[level];
    return block(u, x, o);
}

static bool attends(const unet *u, const tg_node *x)
{
    for (int i = 0; i < u->p->sides; i++)
        if (u->p->attention[i] == tg_dim(x, 3)) return true;
    return false;
}

static tg_node *attention(unet *u, tg_node *x) { return shown(u, nn_score_attention(next(u), x)); }

static void push(unet *u, tg_node *x) { u->skip[u->skips++] = x; }

// Norm, swish and the convolution to a picture.
static tg_node *picture(unet *u, tg_node *x)
{
    x = nn_swish(shown(u, nn_group_norm(next(u), x, 0)));
    return shown(u, nn_score_conv(next(u), x, 3, 3, true));
}

// The vector that conditions the blocks: entries 1 and 2, or the identity itself.
static tg_node *condition(unet *u, tg_node *id)
{
    u->entry = 1;
    if (u->p->front != MLP && u->p->front != DIRECT) id = tg_scale(id, sqrt((double)u->p->latent));
    if (u->p->front == DIRECT || u->p->front == SCALED) {
        u->entry = 3;
        return id;
    }
    tg_node *x = shown(u, nn_score_linear(next(u), id, u->p->cond));
    return shown(u, nn_score_linear(next(u), nn_swish(x), u->p->cond));
}

// ---- The identity as a map: StyleMapGAN's (Kim et al. 2021) layers from a vector to [64,8,8]

static tg_node *to_side(tg_node *map, int64_t side)
{
    while (map && tg_dim(map, 3) < side) map = nn_fir_up(map);
    while (map && tg_dim(map, 3) > side) map = nn_score_down(map, true);
    return map;
}

// Pixel norm and eight linear layers, learning at a hundredth of the rate; then every level's size.
static void make_maps(unet *u, tg_node *id, int64_t side)
{
    enum { LAYERS = 8 };
    if (u->p->way < WAY_MAP) return;
    nn m = nn_at(u->m, "map");
    tg_node *x = nn_pixel_norm(id);
    for (int i = 0; i < LAYERS; i++)
        x = nn_equal_linear(nn_at(m, "%d", i + 1), x,
                            .out = i + 1 < LAYERS ? u->p->latent : MAP * MAP_SIDE * MAP_SIDE,
                            .lr_mul = 0.01, .activate = true);
    x = tg_reshape(x, TG_SHAPE(tg_dim(id, 0), MAP, MAP_SIDE, MAP_SIDE));
    if (u->p->way == WAY_MAP_TARGET) x = tg_concat((tg_node *[]){x, u->at_8}, 2, 1);
    for (int i = 0; i < u->p->levels; i++) u->map[i] = to_side(x, side >> i);
}

// ---- The network

static tg_node *encode(unet *u, tg_node *img)
{
    const plan *p = u->p;
    tg_node *small = img;
    tg_node *x = shown(u, nn_score_conv(next(u), img, p->width, 3, false));
    push(u, x);
    for (int i = 0; i < p->levels; i++) {
        for (int j = 0; j < p->blocks; j++) {
            x = block(u, x, (nn_score_options){.out = channels(u, i)});
            if (attends(u, x)) x = attention(u, x);
            push(u, x);
        }
        if (tg_dim(x, 3) == MAP_SIDE) u->at_8 = x;
        if (i + 1 == p->levels) break;
        x = block(u, x, (nn_score_options){.down = true});
        if (p->input_skip) {
            small = nn_score_down(small, p->naive);
            tg_node *y =
                nn_score_conv(nn_at(next(u), "Conv_0"), small, (int)nn_channels(x), 1, false);
            x = shown(u, tg_add(y, x));
        }
        push(u, x);
    }
    return x;
}

// -> the picture of differences
static tg_node *decode(unet *u, tg_node *x)
{
    const plan *p = u->p;
    tg_node *sum = NULL;
    for (int i = p->levels - 1; i >= 0; i--) {
        for (int j = 0; j <= p->blocks; j++) {
            tg_node *both[] = {x, u->skip[--u->skips]};
            tg_node *seen = i < p->closed ? x : tg_concat(both, 2, 1);
            x = decoder_block(u, seen, i, (nn_score_options){.out = channels(u, i)});
        }
        if (attends(u, x)) x = attention(u, x);
        if (p->output_skip) {
            tg_node *y = picture(u, x);
            sum = sum ? tg_add(nn_score_up(sum, p->naive), y) : y;
        }
        if (i) x = decoder_block(u, x, i - 1, (nn_score_options){.up = true});
    }
    return p->output_skip ? sum : picture(u, x);
}

tg_node *model_ncsnpp(nn m, tg_node *img, tg_node *id, const model_ncsnpp_options *o,
                      model_ports *io)
{
    plan p;
    if (!img || !id) return NULL;
    if (!read_plan(m, o, tg_dim(img, 3), &p) || !check_inputs(m, img, id, &p)) return NULL;
    unet u = {.m = m, .p = &p, .io = io, .stages = o->stages};
    u.cond = condition(&u, id);
    tg_node *x = encode(&u, img);
    x = block(&u, x, (nn_score_options){0});
    x = attention(&u, x);
    x = block(&u, x, (nn_score_options){0});
    make_maps(&u, id, tg_dim(img, 3));
    x = decode(&u, x);
    model_stage(io, o->stages, "delta", x);
    return p.drawn ? x : tg_add(img, x);
}

#define AT(field) offsetof(model_ncsnpp_options, field)
static const base_field options[] = {
    {"width", 0, BASE_INT, AT(width), "0", "channels at full size; 0: 128"},
    {"multipliers", 0, BASE_TEXT, AT(multipliers), NULL,
     "of the width at each level; without: 1,1,2,2,2,2,2 to a side of 4"},
    {"blocks", 0, BASE_INT, AT(blocks), "0", "residual blocks a level, 1 to 8; 0: 2"},
    {"attention", 0, BASE_TEXT, AT(attention), "16", "sides with attention, as 16,8"},
    {"latent", 0, BASE_INT, AT(latent), "512", "length of the identity vector"},
    {"cond", 0, BASE_INT, AT(cond), "0", "length of the blocks' vector, with mlp; 0: 4 width"},
    {"front", 0, BASE_TEXT, AT(front), "mlp",
     "from id to the blocks' vector: mlp, direct, scaled, scaled-mlp"},
    {"way", 0, BASE_TEXT, AT(way), "add",
     "into the decoder's blocks: add, adalin, map, map-target, stylemap"},
    {"biased", 0, BASE_FLAG, AT(biased), NULL, "adalin: variances over n, not n - 1"},
    {"no_input_skip", 0, BASE_FLAG, AT(no_input_skip), NULL, "no smaller pictures going in"},
    {"no_output_skip", 0, BASE_FLAG, AT(no_output_skip), NULL, "no smaller pictures coming out"},
    {"naive", 0, BASE_FLAG, AT(naive), NULL, "resample without a filter"},
    {"drawn", 0, BASE_FLAG, AT(drawn), NULL, "the result is what it draws, not img plus that"},
    {"closed", 0, BASE_INT, AT(closed), "0",
     "so many levels, from full size on, hand no features to the decoder"},
    {"small", 0, BASE_FLAG, AT(small), NULL,
     "width 16, multipliers 1,1,2,4,8,8,8, one block, cond 256 unless given"},
    {"stages", 0, BASE_FLAG, AT(stages), NULL, "give every entry's result as a further output"},
    {0}};

static void build(nn m, const void *o, model_ports *io)
{
    tg_node *img = model_in(io, m, "img"), *id = model_in(io, m, "id");
    model_out(io, "out", model_ncsnpp(m, img, id, o, io));
}

static int stride(const void *given)
{
    const model_ncsnpp_options *o = given;
    int list[LEVELS], n = o->multipliers ? read_list(o->multipliers, list) : 1;
    return n > 0 ? 1 << (n - 1) : 1;
}

static void fit(void *given, int size, int latent)
{
    (void)size; // the levels follow from it, or are listed
    ((model_ncsnpp_options *)given)->latent = latent;
}

static tg_node *swap(nn m, tg_node *target, tg_node *id, const void *o)
{
    return tg_affine(model_ncsnpp(m, tg_affine(target, 2, -1), id, o, NULL), 0.5, 0.5);
}

static const model_swapper swapper = {stride, fit, swap, "all_modules.1."};

const model_net model_net_ncsnpp = {
    .name = "ncsnpp",
    .summary = "generator of Smooth-Swap (Kim et al. 2022): NCSN++ conditioned by identity",
    .inputs =
        "img [n,3,h,w] RGB -1..1, h = w a multiple of 2^(levels - 1); id [n,latent] unit rows",
    .outputs = "out [n,3,h,w], in the range of img",
    .options = options,
    .size = sizeof(model_ncsnpp_options),
    .build = build,
    .swapper = &swapper,
};
