// generator.c -- a swap generator: built as the card in its weights file says, then run.
#include "engine/engine.h"
#include "train/card.h"
#include <string.h>

static guise_status read_card(generator *g, const base_tensors *t, const char *path, base_error *e)
{
    train_card c;
    guise_status s = train_card_read(&c, t, path, e);
    if (s) return s;
    find_stem(path, g->name);
    snprintf(g->identity, sizeof g->identity, "%s", c.identity);
    g->size = c.size;
    g->length = c.length;
    g->layout = c.layout;
    return train_card_network(&g->net, &c, t, path, e);
}

static guise_status build(generator *g, const base_tensors *t, const char *path, base_error *e)
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
    if (!s) s = tg_plan_open(&g->plan, g->graph, &out, 1, NULL, e);
    if (!s) s = nn_bind(g->params, g->graph, g->plan, e);
    if (!s) s = tg_plan_bind(g->plan, img, g->crop, e);
    return s ? s : tg_plan_bind(g->plan, id, g->vector, e);
}

guise_status generator_open(generator **out, const char *path, base_error *e)
{
    *out = NULL;
    base_tensors t = {0};
    generator *g = base_alloc(1, sizeof *g);
    guise_status s = g ? weights_read(&t, path, e) : base_no_memory(e);
    if (!s) s = read_card(g, &t, path, e);
    if (!s) s = build(g, &t, path, e);
    base_tensors_free(&t);
    *out = g;
    if (s) generator_close(out);
    return s;
}

void generator_close(generator **out)
{
    generator *g = *out;
    if (!g) return;
    tg_plan_close(&g->plan);
    tg_free(g->graph);
    nn_params_close(&g->params);
    train_network_close(&g->net);
    base_free(g->crop);
    base_free(g->vector);
    base_free(g);
    *out = NULL;
}

guise_status generator_run(generator *g, const base_image *crop, const float *vector,
                           const float **result, base_error *e)
{
    base_image_to_planes(crop, false, 1.0f / 255, 0, g->crop);
    memcpy(g->vector, vector, (size_t)g->length * sizeof *vector);
    guise_status s = tg_plan_run(g->plan, e);
    *result = s ? NULL : tg_plan_value(g->plan, g->out);
    return s;
}
