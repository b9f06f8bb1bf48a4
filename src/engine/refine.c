// refine.c -- FaceShifter's second stage in a swap (Li et al. 2020, arXiv 1912.13457, section 3.2):
// the generator runs once more, on the target with its own identity; what it loses there is the
// heuristic error, by which HEAR-Net repairs the swap.
#include "engine/refine.h"
#include "model/card.h"
#include "model/faceshifter.h"
#include "weights/weights.h"
#include <string.h>

struct refiner {
    train_network net;
    nn_params *params;
    tg_graph *graph;
    tg_plan *plan;
    const tg_node *out;
    float *in;     // [6,size,size] -1..1: the swap, then the heuristic error
    float *vector; // [length] who the target is
};

void refiner_close(refiner **out)
{
    refiner *r = *out;
    if (!r) return;
    tg_plan_close(&r->plan);
    tg_free(r->graph);
    nn_params_close(&r->params);
    train_network_close(&r->net);
    base_free(r->in);
    base_free(r->vector);
    base_free(r);
    *out = NULL;
}

// Is this file HEAR-Net's, and of the generator with that sum?
static guise_status check_card(const base_tensors *t, const char *path, const generator *n,
                               const char *sum, base_error *e)
{
    const char *network = base_tensors_meta(t, CARD_NETWORK);
    const char *refines = base_tensors_meta(t, CARD_REFINES);
    if (!network || !refines || strcmp(network, "hear") != 0)
        return base_fail(e, GUISE_BAD_FILE,
                         "%s: refines no generator: its metadata lacks %s or names another %s than "
                         "hear",
                         path, CARD_REFINES, CARD_NETWORK);
    if (!strcmp(refines, sum)) return GUISE_OK;
    return base_fail(
        e, GUISE_BAD_ARGUMENT,
        "%s refines another generator than %s: one whose file has the SHA-256 %.12s..., "
        "not %.12s...; train hear with refines=%s",
        path, n->name, refines, sum, n->path);
}

static guise_status build(refiner *r, const base_tensors *t, const char *path, const generator *n,
                          base_error *e)
{
    base_error why = {{0}};
    size_t area = (size_t)n->size * (size_t)n->size;
    guise_status s = train_network_open(&r->net, "hear", base_tensors_meta(t, CARD_OPTIONS), &why);
    if (s) return base_fail(e, s == GUISE_NO_MEMORY ? s : GUISE_BAD_FILE, "%s: %s", path, why.text);
    s = nn_params_open(&r->params, e);
    r->graph = tg_new();
    r->in = base_alloc(6 * area, sizeof *r->in);
    r->vector = base_alloc((size_t)n->length, sizeof *r->vector);
    if (!s && !(r->graph && r->in && r->vector)) s = base_no_memory(e);
    if (s) return s;
    tg_node *in = tg_input(r->graph, TG_SHAPE(1, 6, n->size, n->size), "x");
    nn m = nn_root(r->params, r->graph, false);
    tg_node *out = tg_affine(model_hear(m, in, r->net.options, NULL), 0.5, 0.5);
    r->out = out;
    s = tg_check(r->graph, GUISE_BAD_FILE, NULL);
    if (s) return base_fail(e, s, "%s: %s", path, tg_error(r->graph));
    s = nn_settle(r->params, 1, e);
    if (!s) s = load_all(r->params, t, path, e);
    if (!s) s = tg_plan_open(&r->plan, r->graph, &out, 1, NULL, e);
    if (!s) s = nn_bind(r->params, r->graph, r->plan, e);
    return s ? s : tg_plan_bind(r->plan, in, r->in, e);
}

static guise_status open_file(refiner **out, const char *path, const generator *n, const char *sum,
                              base_error *e)
{
    base_tensors t = {0};
    refiner *r = base_alloc(1, sizeof *r);
    guise_status s = r ? weights_read(&t, path, e) : base_no_memory(e);
    if (!s) s = check_card(&t, path, n, sum, e);
    if (!s) s = build(r, &t, path, n, e);
    base_tensors_free(&t);
    *out = r;
    if (s) refiner_close(out);
    return s;
}

// Does the card of this file say that it refines the generator with the sum?
static bool is_refiner(const char *path, const char *sum)
{
    base_tensors t = {0};
    const char *refines = NULL;
    if (!weights_safetensors_read(&t, path, NULL)) refines = base_tensors_meta(&t, CARD_REFINES);
    bool yes = refines && !strcmp(refines, sum);
    base_tensors_free(&t);
    return yes;
}

// The first such file of a folder, or NULL.
static guise_status find_in(const char *dir, const char *sum, char **path, base_error *e)
{
    base_names files = {0};
    guise_status s = GUISE_OK;
    if (base_names_read(&files, dir, NULL)) return GUISE_OK; // not ours to read
    for (size_t i = 0; !s && !*path && i < files.n; i++) {
        const char *dot = strrchr(files.name[i], '.');
        if (!dot || strcmp(dot, ".safetensors") != 0) continue;
        char *file = base_format("%s/%s", dir, files.name[i]);
        if (!file) s = base_no_memory(e);
        if (file && is_refiner(file, sum))
            *path = file;
        else
            base_free(file);
    }
    base_names_free(&files);
    return s;
}

static guise_status find(const generator *n, const char *sum, char **path, base_error *e)
{
    base_names dirs = {0};
    guise_status s = find_weights_dirs(&dirs) ? GUISE_OK : base_no_memory(e);
    *path = NULL;
    for (size_t i = 0; !s && !*path && i < dirs.n; i++) s = find_in(dirs.name[i], sum, path, e);
    base_names_free(&dirs);
    if (s || *path) return s;
    return base_fail(e, GUISE_IO,
                     "no weights that refine %s were found; train them (guise train hear --refines "
                     "%s), or name their file with --refine=FILE",
                     n->name, n->path);
}

static guise_status engine_refiner(guise_engine *g, const generator *n)
{
    char *path = NULL;
    base_sha256 sum;
    base_error *e = &g->error;
    if (g->refiner) return GUISE_OK;
    guise_status s = base_sha256_file(&sum, n->path, e);
    if (!s && *g->config.refine)
        s = (path = base_copy_text(g->config.refine)) ? s : base_no_memory(e);
    else if (!s)
        s = find(n, sum.hex, &path, e);
    if (!s) s = sums_check(path, e);
    if (!s) s = open_file(&g->refiner, path, n, sum.hex, e);
    base_free(path);
    return s;
}

guise_status engine_refine(guise_engine *g, generator *n, const base_image *crop,
                           const face_point point[FACE_POINTS], const float **made)
{
    face_recogniser *who = NULL;
    if (!g->config.refine) return GUISE_OK;
    if (n->styled)
        return base_fail(&g->error, GUISE_BAD_ARGUMENT,
                         "refine goes not with invert: the target's own styles are not known");
    size_t each = 3 * (size_t)n->size * (size_t)n->size;
    const float *rebuilt = NULL;
    guise_status s = engine_refiner(g, n);
    refiner *r = g->refiner;
    if (!s) s = engine_recogniser(g, n->identity, &who);
    if (!s && face_recogniser_length(who) != (size_t)n->length)
        s = base_fail(&g->error, GUISE_BAD_FILE, "%s makes vectors of %zu numbers, %s takes %d",
                      g->recogniser_name, face_recogniser_length(who), n->name, n->length);
    if (!s) s = face_recognise(who, crop, point, r->vector, &g->error);
    if (s) return s;
    for (size_t i = 0; i < each; i++) r->in[i] = 2 * (*made)[i] - 1;
    s = generator_run(n, crop, r->vector, &rebuilt, &g->error);
    if (s) return s;
    for (size_t i = 0; i < each; i++) r->in[each + i] = 2 * (n->crop[i] - rebuilt[i]);
    s = tg_plan_run(r->plan, &g->error);
    if (!s) *made = tg_plan_value(r->plan, r->out);
    return s;
}
