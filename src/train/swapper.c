// swapper.c -- a generator in inference: its own store, graph and plan.
#include "train/swapper.h"
#include "model/card.h"
#include "weights/weights.h"
#include <stdlib.h>
#include <string.h>

static guise_status build(train_swapper *s, const train_network *net, base_error *e)
{
    int n = s->n, side = s->size;
    tg_node *img = tg_input(s->graph, TG_SHAPE(n, 3, side, side), "img");
    tg_node *id = tg_input(s->graph, TG_SHAPE(n, s->length), "id");
    s->made = tg_clip(train_generate(net, nn_root(s->params, s->graph, false), img, id), 0, 1);
    guise_status st = nn_settle(s->params, 0, e);
    if (!st)
        st = tg_plan_open(&s->plan, s->graph, &s->made, 1, &(tg_plan_options){.train = true}, e);
    if (!st) st = nn_bind(s->params, s->graph, s->plan, e);
    if (!st) st = tg_plan_bind(s->plan, img, s->target, e);
    if (!st) st = tg_plan_bind(s->plan, id, s->vector, e);
    return st;
}

guise_status train_swapper_open(train_swapper *s, const train_network *net, int size, int length,
                                base_error *e)
{
    *s = (train_swapper){.n = TRAIN_SWAPS, .size = size, .length = length, .graph = tg_new()};
    s->target = base_alloc((size_t)s->n * 3 * (size_t)size * (size_t)size, sizeof *s->target);
    s->vector = base_alloc((size_t)s->n * (size_t)length, sizeof *s->vector);
    guise_status st = s->graph && s->target && s->vector ? GUISE_OK : base_no_memory(e);
    if (!st) st = nn_params_open(&s->params, e);
    if (!st) st = build(s, net, e);
    if (st) train_swapper_close(s);
    return st;
}

void train_swapper_close(train_swapper *s)
{
    tg_plan_close(&s->plan);
    tg_free(s->graph);
    nn_params_close(&s->params);
    base_free(s->target);
    base_free(s->vector);
    *s = (train_swapper){0};
}

void train_swapper_take(train_swapper *s, const float *flat)
{
    memcpy(nn_params_data(s->params), flat, nn_params_floats(s->params) * sizeof *flat);
    tg_plan_params_changed(s->plan);
}

guise_status train_swapper_load(train_swapper *s, const base_tensors *t, base_error *e)
{
    guise_status st = nn_load(s->params, t, true, e);
    if (!st) tg_plan_params_changed(s->plan);
    return st;
}

guise_status train_swapper_run(train_swapper *s, const float **made, base_error *e)
{
    guise_status st = tg_plan_run(s->plan, e);
    if (!st) *made = tg_plan_value(s->plan, s->made);
    return st;
}

// A number of the file's card, or 0.
static int card_number(const base_tensors *t, const char *key)
{
    const char *text = base_tensors_meta(t, key);
    long v = text ? strtol(text, NULL, 10) : 0;
    return v > 0 && v < 1 << 20 ? (int)v : 0;
}

static guise_status open_card(train_swapper *s, const base_tensors *t, const char *path,
                              base_error *e)
{
    const char *name = base_tensors_meta(t, CARD_NETWORK);
    int size = card_number(t, CARD_SIZE), length = card_number(t, CARD_LENGTH);
    if (!name || !size || !length)
        return base_fail(e, GUISE_BAD_FILE,
                         "%s does not say which network it holds; give a "
                         "generator.safetensors that guise trained",
                         path);
    train_network net = {0};
    guise_status st = train_network_open(&net, name, base_tensors_meta(t, CARD_OPTIONS), e);
    if (!st) st = train_swapper_open(s, &net, size, length, e);
    if (!st) st = train_swapper_load(s, t, e);
    train_network_close(&net);
    return st;
}

guise_status train_swapper_read(train_swapper *s, const char *path, base_error *e)
{
    *s = (train_swapper){0};
    base_tensors t = {0};
    guise_status st = weights_read(&t, path, e);
    if (!st) st = open_card(s, &t, path, e);
    base_tensors_free(&t);
    if (st) train_swapper_close(s);
    return st;
}
