// identity.c -- the frozen recogniser in a training graph: crop, colours, the ONNX network.
#include "train/identity.h"
#include <string.h>

static void name_of(train_identity *id, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *from = slash ? slash + 1 : path, *dot = strrchr(from, '.');
    int n = dot ? (int)(dot - from) : (int)strlen(from);
    snprintf(id->name, sizeof id->name, "%.*s", n, from);
}

// made shrunk by averaging, and the warp in its pixels: x -> (x + 0.5) / k - 0.5. A recogniser's
// gradient by single pixels is mostly noise that differs from face to face.
static tg_node *shrink(tg_node *made, int k, tg_node **warp)
{
    tg_graph *g = made && *warp ? tg_graph_of(made) : NULL;
    if (!g) return NULL;
    float move = 0.5f / (float)k - 0.5f, shift[6] = {0, 0, move, 0, 0, move};
    *warp = tg_add(tg_scale(*warp, 1.0 / k), tg_const(g, TG_SHAPE(1, 6), shift));
    return tg_avg_pool(made, (tg_window){.kh = k, .kw = k, .stride = k});
}

tg_node *train_identity_of(const train_identity *id, tg_node *made, tg_node *warp)
{
    if (id->pool > 1) made = shrink(made, id->pool, &warp);
    tg_node *x = tg_scale(tg_warp(made, warp, id->side, id->side), 255), *out = NULL;
    if (!x) return NULL;
    model_frozen_build(id->network, tg_graph_of(x), (tg_node *[]){id->bgr ? tg_flip(x, 1) : x},
                       &out);
    if (!out) return NULL;
    int64_t n = tg_dim(made, 0);
    return tg_reshape(out, TG_SHAPE(n, tg_count(tg_shape_of(out)) / n));
}

// Build it once to learn the length of its vectors.
static guise_status measure_length(train_identity *id, const char *path, base_error *e)
{
    tg_graph *g = tg_new();
    if (!g) return base_no_memory(e);
    tg_node *made = tg_input(g, TG_SHAPE(1, 3, id->side, id->side), "made");
    tg_node *y = train_identity_of(id, made, tg_input(g, TG_SHAPE(1, 6), "warp"));
    id->length = (int)tg_dim(y, 1);
    guise_status s = tg_check(g, GUISE_BAD_FILE, NULL);
    if (s == GUISE_NO_MEMORY)
        base_no_memory(e);
    else if (!y || id->length < 2)
        s = base_fail(e, GUISE_BAD_FILE, "%s cannot be used as a recogniser: %s", path,
                      tg_error(g) ? tg_error(g) : "it gives no vector");
    tg_free(g);
    return s;
}

guise_status train_identity_open(train_identity *id, const char *path, base_error *e)
{
    *id = (train_identity){0};
    name_of(id, path);
    guise_status s = base_sha256_file(&id->sha256, path, e);
    if (!s) s = model_frozen_open(&id->network, path, e);
    if (s) return s;
    tg_shape in = {0};
    if (model_frozen_inputs(id->network) == 1) model_frozen_input(id->network, 0, &in);
    bool reid = in.rank == 4 && in.dim[2] == 128, arc = in.rank == 4 && in.dim[2] == 112;
    if ((!reid && !arc) || in.dim[1] != 3 || in.dim[2] != in.dim[3] ||
        model_frozen_outputs(id->network) != 1)
        s = base_fail(e, GUISE_BAD_FILE,
                      "%s is no recogniser that is known here: it should take "
                      "one picture of 128 x 128 or 112 x 112",
                      path);
    id->side = reid ? 128 : 112;
    id->frame = reid ? FACE_REID : FACE_ARCFACE;
    id->bgr = reid;
    if (!s) s = measure_length(id, path, e);
    if (s) train_identity_close(id);
    return s;
}

void train_identity_close(train_identity *id)
{
    model_frozen_close(&id->network);
    *id = (train_identity){0};
}
