// tiny.c -- small files for tests of the engine and the program.
#include "tiny.h"
#include "media/media.h"
#include "model/card.h"
#include "train/networks.h"
#include "weights/weights.h"

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
    if (!s) s = face(dir, "face.safetensors", "face_reid_0095", e);
    if (!s) s = face(dir, "other.safetensors", "another", e);
    if (!s) s = inputs(dir, e);
    if (!s) s = photo(dir, "crop.png", 24, 24, e);
    if (!s) s = photo(dir, "other.jpg", 24, 24, e);
    if (!s) s = photo(dir, "wide.png", 40, 24, e);
    return s ? s : photo(dir, "grey.png", 320, 240, e);
}
