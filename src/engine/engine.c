// engine.c -- engines: their configuration, and networks that are loaded when first used.
#include "backend/backend.h"
#include "engine/refine.h"
#include <string.h>

static guise_status copy_config(guise_engine *g, const guise_config *c)
{
    const char *from[6] = {c->model, c->weights, c->detector, c->recogniser, c->refine, c->device};
    for (int i = 0; i < 6; i++)
        if (from[i] && !(g->copies[i] = base_copy_text(from[i]))) return GUISE_NO_MEMORY;
    g->config = (guise_config){.model = g->copies[0],
                               .weights = g->copies[1],
                               .detector = g->copies[2],
                               .recogniser = g->copies[3],
                               .refine = g->copies[4],
                               .device = g->copies[5],
                               .score = c->score,
                               .fast = c->fast};
    return GUISE_OK;
}

guise_status guise_open(guise_engine **out, const guise_config *c)
{
    *out = NULL;
    guise_engine *g = base_alloc(1, sizeof *g);
    if (!g) return GUISE_NO_MEMORY;
    engine_tune();
    guise_status s = c ? copy_config(g, c) : GUISE_OK;
    *out = g;
    if (s) guise_close(out);
    return s;
}

void guise_close(guise_engine **out)
{
    guise_engine *g = out ? *out : NULL;
    if (!g) return;
    generator_close(&g->generator);
    refiner_close(&g->refiner);
    face_detector_close(&g->detector);
    face_recogniser_close(&g->recogniser);
    face_masker_close(&g->masker);
    tg_device_close(&g->device);
    for (int i = 0; i < 6; i++) base_free(g->copies[i]);
    base_free(g);
    *out = NULL;
}

const char *guise_message(const guise_engine *g)
{
    return g && g->error.text[0] ? g->error.text : "out of memory; close other programs";
}

base_error *engine_begin(guise_engine *g)
{
    cpu_take_threads(); // whichever thread calls
    g->error.text[0] = 0;
    return &g->error;
}

guise_status engine_device(guise_engine *g, tg_device **d)
{
    guise_status s = GUISE_OK;
    if (!g->device) s = tg_device_open(&g->device, g->config.device, NULL, &g->error);
    *d = g->device;
    return s;
}

guise_status engine_generator(guise_engine *g, generator **out)
{
    char *path = NULL;
    tg_device *device = NULL;
    guise_status s = engine_device(g, &device);
    if (s) return s;
    if (!g->generator) {
        const guise_config *c = &g->config;
        if (c->weights && c->model)
            s = base_fail(&g->error, GUISE_BAD_ARGUMENT,
                          "model %s and weights %s both name a generator; leave one out", c->model,
                          c->weights);
        else if (c->weights)
            s = (path = base_copy_text(c->weights)) ? s : base_no_memory(&g->error);
        else if (c->model)
            s = find_weights(c->model, &path, &g->error);
        else
            s = find_default_generator(&path, &g->error);
        if (!s) s = sums_check(path, &g->error);
        if (!s) s = generator_open(&g->generator, path, g->config.fast, device, &g->error);
        base_free(path);
    }
    *out = g->generator;
    return s;
}
