// generator.c -- a swap generator: built as the card in its weights file says, then run.
#include "engine/engine.h"
#include "model/stylegan2.h"
#include "train/card.h"
#include <string.h>

static guise_status read_card(generator *g, const base_tensors *t, const char *path, base_error *e)
{
    train_card c;
    guise_status s = train_card_read(&c, t, path, e);
    if (s) return s;
    find_stem(path, g->name);
    if (!(g->path = base_copy_text(path))) return base_no_memory(e);
    snprintf(g->identity, sizeof g->identity, "%s", c.identity);
    g->size = c.size;
    g->length = c.length;
    g->layout = c.layout;
    return train_card_network(&g->net, &c, t, path, e);
}

static guise_status build(generator *g, const base_tensors *t, const char *path, bool fast,
                          base_error *e)
{
    guise_status s = nn_params_open(&g->params, e);
    size_t pixels = 3 * (size_t)g->size * (size_t)g->size;
    g->graph = tg_new();
    g->crop = base_alloc(pixels, sizeof *g->crop);
    g->vector = base_alloc((size_t)g->length, sizeof *g->vector);
    if (!s && !(g->graph && g->crop && g->vector)) s = base_no_memory(e);
    if (s) return s;
    tg_node *img = tg_input(g->graph, TG_SHAPE(1, 3, g->size, g->size), "img");
    tg_node *id = tg_input(g->graph, TG_SHAPE(1, g->length), "id");
    tg_node *out = train_generate(&g->net, nn_root(g->params, g->graph, false), img, id);
    g->out = out;
    s = tg_check(g->graph, GUISE_BAD_FILE, NULL);
    if (s) return base_fail(e, s, "%s: %s", path, tg_error(g->graph));
    s = load_all(g->params, t, path, e);
    if (!s) s = nn_settle(g->params, 1, e); // what the file has not
    const tg_plan_options options = {.fast = fast, .device = g->device};
    if (!s) s = tg_plan_open(&g->plan, g->graph, &out, 1, &options, e);
    if (!s) s = nn_bind(g->params, g->graph, g->plan, e);
    if (!s) s = tg_plan_bind(g->plan, img, g->crop, e);
    return s ? s : tg_plan_bind(g->plan, id, g->vector, e);
}

guise_status generator_open(generator **out, const char *path, bool fast, tg_device *device,
                            base_error *e)
{
    *out = NULL;
    base_tensors t = {0};
    generator *g = base_alloc(1, sizeof *g);
    guise_status s = g ? weights_read(&t, path, e) : base_no_memory(e);
    if (g) g->device = device;
    if (!s) s = read_card(g, &t, path, e);
    if (!s) s = build(g, &t, path, fast, e);
    base_tensors_free(&t);
    *out = g;
    if (s) generator_close(out);
    return s;
}

// The same weights in a graph that takes style vectors.
struct generator_styled {
    tg_graph *graph;
    tg_plan *plan;
    const tg_node *out;
    float *wplus;
};

static guise_status build_styled(generator *g, struct generator_styled *y, const float *wplus,
                                 base_error *e)
{
    const model_styleswap_options *o = g->net.options;
    int style = o->style ? o->style : 512, layers = 0;
    for (int side = 4; side <= g->size; side *= 2) layers += 2;
    size_t n = (size_t)layers * (size_t)style;
    y->graph = tg_new();
    y->wplus = base_alloc(n, sizeof *y->wplus);
    if (!y->graph || !y->wplus) return base_no_memory(e);
    memcpy(y->wplus, wplus, n * sizeof *wplus);
    model_styleswap_made made;
    tg_node *img = tg_input(y->graph, TG_SHAPE(1, 3, g->size, g->size), "img");
    tg_node *w = tg_input(y->graph, TG_SHAPE(1, layers, style), "wplus");
    model_styleswap(nn_root(g->params, y->graph, false), tg_affine(img, 2, -1), w, o, NULL, &made);
    tg_node *out = tg_affine(made.out, 0.5, 0.5);
    y->out = out;
    guise_status s = tg_check(y->graph, GUISE_BAD_FILE, e);
    const tg_plan_options options = {.device = g->device};
    if (!s) s = tg_plan_open(&y->plan, y->graph, &out, 1, &options, e);
    if (!s) s = nn_bind(g->params, y->graph, y->plan, e);
    if (!s) s = tg_plan_bind(y->plan, img, g->crop, e);
    return s ? s : tg_plan_bind(y->plan, w, y->wplus, e);
}

static void unstyle(generator *g)
{
    struct generator_styled *y = g->styled;
    if (!y) return;
    tg_plan_close(&y->plan);
    tg_free(y->graph);
    base_free(y->wplus);
    base_free(y);
    g->styled = NULL;
}

guise_status generator_style(generator *g, const float *wplus, base_error *e)
{
    unstyle(g);
    if (!wplus) return GUISE_OK;
    g->styled = base_alloc(1, sizeof *g->styled);
    guise_status s = g->styled ? build_styled(g, g->styled, wplus, e) : base_no_memory(e);
    if (s) unstyle(g);
    return s;
}

void generator_close(generator **out)
{
    generator *g = *out;
    if (!g) return;
    unstyle(g);
    tg_plan_close(&g->plan);
    tg_free(g->graph);
    nn_params_close(&g->params);
    train_network_close(&g->net);
    base_free(g->path);
    base_free(g->crop);
    base_free(g->vector);
    base_free(g);
    *out = NULL;
}

bool generator_takes_nobody(const generator *g) { return !strcmp(g->identity, "none"); }

guise_status generator_run(generator *g, const base_image *crop, const float *vector,
                           const float **result, base_error *e)
{
    base_image_to_planes(crop, false, 1.0f / 255, 0, g->crop);
    for (int i = 0; i < g->length; i++) g->vector[i] = vector ? vector[i] : 0;
    tg_plan *plan = g->styled ? g->styled->plan : g->plan;
    guise_status s = tg_plan_run(plan, e);
    *result = s ? NULL : tg_plan_value(plan, g->styled ? g->styled->out : g->out);
    return s;
}
