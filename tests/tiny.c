// tiny.c -- small files for tests of the engine and the program.
#include "tiny.h"
#include "media/media.h"
#include "model/card.h"
#include "train/networks.h"
#include "weights/weights.h"
#include <string.h>

enum { SIDE = 16, LENGTH = 4 };

// Adds a tensor of numbers in 0..1.
static bool add(base_tensors *t, const char *name, int rank, const int64_t dim[], base_rng *rng)
{
    base_tensor *v = base_tensors_add(t, name, BASE_F32, rank, dim, NULL);
    float *x = v ? v->owned : NULL;
    for (int64_t i = 0; x && i < base_tensor_count(v); i++) x[i] = (float)base_rng_uniform(rng);
    return v != NULL;
}

static guise_status write(base_tensors *t, const char *dir, const char *file, base_error *e)
{
    char *path = base_format("%s/%s", dir, file);
    guise_status s = path ? weights_safetensors_write(t, path, e) : base_no_memory(e);
    base_free(path);
    base_tensors_free(t);
    return s;
}

static guise_status generator(const char *dir, base_error *e)
{
    static const char *const meta[][2] = {{CARD_NETWORK, "simswap"},
                                          {CARD_OPTIONS, "width=2 depth=1 blocks=1 latent=4"},
                                          {CARD_SIZE, "16"},
                                          {CARD_TEMPLATE, "arcface"},
                                          {CARD_IDENTITY, "face_reid_0095"},
                                          {CARD_LENGTH, "4"}};
    train_network net = {0};
    nn_params *p = NULL;
    base_tensors t = {0};
    tg_graph *g = tg_new();
    guise_status s = g ? nn_params_open(&p, e) : base_no_memory(e);
    if (!s) s = train_network_open(&net, meta[0][1], meta[1][1], e);
    if (!s) {
        train_generate(&net, nn_root(p, g, false), tg_input(g, TG_SHAPE(1, 3, SIDE, SIDE), "img"),
                       tg_input(g, TG_SHAPE(1, LENGTH), "id"));
        s = tg_error(g) ? base_fail(e, GUISE_BAD_ARGUMENT, "%s", tg_error(g)) : nn_settle(p, 7, e);
    }
    if (!s) s = nn_save(p, NULL, &t, e);
    for (size_t i = 0; !s && i < sizeof meta / sizeof *meta; i++)
        if (!base_tensors_set_meta(&t, meta[i][0], meta[i][1])) s = base_no_memory(e);
    if (!s) s = write(&t, dir, "tiny.safetensors", e);
    base_tensors_free(&t);
    train_network_close(&net);
    nn_params_close(&p);
    tg_free(g);
    return s;
}

static void set_entry(nn_params *p, const char *name, const float *from, float value)
{
    const nn_entry *x = nn_params_find(p, name);
    for (size_t i = 0; x && i < x->count; i++)
        nn_params_data(p)[x->offset + i] = from ? from[i] : value;
}

// A detector that sees a face of about 200 pixels from every cell of the last level, whatever the
// picture: cells of 32 pixels, the middle of the box, logarithms of its sides, five points.
static void see_faces(nn_params *p)
{
    static const float box[4] = {4.4F, 3.6F, 1.8F, 1.8F};
    static const float points[10] = {3.4F, 2.6F, 5.4F, 2.6F, 4.4F, 3.8F, 3.6F, 4.9F, 5.2F, 4.9F};
    static const char *const heads[] = {"score", "box", "points"};
    for (int l = 0; l < 3; l++)
        for (int i = 0; i < 3; i++) {
            char name[64];
            snprintf(name, sizeof name, "head%d.%s.weight", l, heads[i]);
            set_entry(p, name, NULL, 0);
            snprintf(name, sizeof name, "head%d.%s.bias", l, heads[i]);
            set_entry(p, name, i == 1 ? box : i == 2 ? points : NULL, l == 2 ? 9 : -9);
        }
}

// One of our networks that a swap needs beside its generator, with values as they begin.
static guise_status own(const char *dir, const char *network, const char *set, int side,
                        base_error *e)
{
    const char *const meta[][2] = {{CARD_NETWORK, network},
                                   {CARD_OPTIONS, set},
                                   {CARD_SIZE, side == 112  ? "112"
                                               : side == 64 ? "64"
                                                            : "0"},
                                   {CARD_LICENCE, "none: made for a test"},
                                   {CARD_SPACE, "face_reid_0095"}};
    train_network net = {0};
    nn_params *p = NULL;
    base_tensors t = {0};
    model_ports *io = NULL;
    tg_graph *g = tg_new();
    char file[64];
    snprintf(file, sizeof file, "%s.safetensors", network);
    guise_status s = g ? nn_params_open(&p, e) : base_no_memory(e);
    if (!s) s = train_network_open(&net, network, set, e);
    if (!s) s = model_ports_open(&io, e);
    if (!s) s = model_ports_put(io, "img", tg_input(g, TG_SHAPE(1, 3, side, side), "img"), e);
    if (!s) net.net->build(nn_root(p, g, false), net.options, io);
    if (!s) s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    if (!s) s = nn_settle(p, 7, e);
    if (!s && !strcmp(network, "face-detector")) see_faces(p);
    if (!s) s = nn_save(p, NULL, &t, e);
    for (size_t i = 0; !s && i < sizeof meta / sizeof *meta; i++)
        if (!base_tensors_set_meta(&t, meta[i][0], meta[i][1])) s = base_no_memory(e);
    if (!s) s = write(&t, dir, file, e);
    base_tensors_free(&t);
    model_ports_close(&io);
    train_network_close(&net);
    nn_params_close(&p);
    tg_free(g);
    return s;
}

// DIR/own: what a clone with weights of its own has.
static guise_status owns(const char *dir, base_error *e)
{
    char *sub = base_format("%s/own", dir);
    guise_status s = sub ? base_make_dir(sub, e) : base_no_memory(e);
    if (!s) s = own(sub, "face-detector", "width=4", 96, e);
    if (!s) s = own(sub, "face-id", "width=2 latent=4", 112, e);
    if (!s) s = own(sub, "face-mask", "width=4", 64, e);
    if (!s) s = generator(sub, e);
    base_free(sub);
    return s;
}

static guise_status face(const char *dir, const char *file, const char *network, base_error *e)
{
    base_rng rng = {3};
    base_tensors t = {0};
    bool ok = add(&t, CARD_FACE_TENSOR, 1, (const int64_t[]){LENGTH}, &rng) &&
              base_tensors_set_meta(&t, CARD_IDENTITY, network);
    return ok ? write(&t, dir, file, e) : base_no_memory(e);
}

static guise_status inputs(const char *dir, base_error *e)
{
    base_rng rng = {4};
    base_tensors t = {0};
    const int64_t picture[4] = {1, 3, SIDE, SIDE};
    bool ok = add(&t, "img", 4, picture, &rng) &&
              add(&t, "id", 2, (const int64_t[]){1, LENGTH}, &rng) &&
              add(&t, "cotangent", 4, picture, &rng);
    return ok ? write(&t, dir, "in.safetensors", e) : base_no_memory(e);
}

// A picture of soft stripes.
static guise_status photo(const char *dir, const char *file, int w, int h, base_error *e)
{
    base_image m = {0};
    char *path = base_format("%s/%s", dir, file);
    guise_status s = path ? base_image_new(&m, w, h, e) : base_no_memory(e);
    for (int i = 0; !s && i < w * h * 3; i++)
        m.rgb[i] = (uint8_t)(100 + 40 * (i % 3) + i / (3 * w) % 32);
    if (!s) s = media_photo_write(&m, path, NULL, e);
    base_image_free(&m);
    base_free(path);
    return s;
}

guise_status tiny_make(const char *dir, base_error *e)
{
    guise_status s = generator(dir, e);
    if (!s) s = owns(dir, e);
    if (!s) s = face(dir, "face.safetensors", "face_reid_0095", e);
    if (!s) s = face(dir, "other.safetensors", "another", e);
    if (!s) s = inputs(dir, e);
    if (!s) s = photo(dir, "crop.png", 24, 24, e);
    if (!s) s = photo(dir, "other.jpg", 24, 24, e);
    if (!s) s = photo(dir, "wide.png", 40, 24, e);
    return s ? s : photo(dir, "grey.png", 320, 240, e);
}
