// eval.c -- measuring: the public functions over eval.
#include "eval/eval.h"
#include "engine/engine.h"
#include "model/card.h"
#include <stdlib.h>
#include <string.h>

bool guise_suite_at(size_t i, guise_option *s)
{
    const eval_suite *const *all = eval_suites;
    for (; *all && i > 0; i--) all++;
    if (!*all) return false;
    *s = (guise_option){(*all)->name, NULL, (*all)->summary};
    return true;
}

bool guise_suite_option(const char *suite, size_t i, guise_option *o)
{
    const eval_suite *x = eval_suite_find(suite);
    for (const base_field *f = x ? x->fields : NULL; f && f->name; f++)
        if (i-- == 0) {
            const char *init = f->init ? f->init : f->type == BASE_FLAG ? "no" : NULL;
            *o = (guise_option){f->name, init, f->help};
            return true;
        }
    return false;
}

typedef struct {
    const guise_eval_options *o;
    bool stopped;
    double start;
} state;

// Networks by the names of their ONNX files; recognisers that ours stands for, as in a swap, by
// ours.
static guise_status find(void *user, const char *file, char **path, base_error *e)
{
    (void)user;
    char name[64];
    guise_status s = GUISE_OK;
    if (!(*path = find_own_recogniser(find_stem(file, name)))) s = find_model(file, path, e);
    if (!s) s = sums_check(*path, e);
    if (s) base_free(*path), *path = NULL;
    return s;
}

static bool progress(void *user, int done, int total, const char *line)
{
    state *st = user;
    double seconds = base_seconds() - st->start;
    guise_progress p = {done, total, seconds, seconds > 0 ? done / seconds : 0, line};
    if (st->o->progress && !st->o->progress(st->o->user, &p)) st->stopped = true;
    return !st->stopped;
}

// Files that the user named, or that are found; what nobody named may be missing.
static guise_status part_files(guise_engine *g, char **detector, char **recogniser)
{
    base_error *e = &g->error;
    guise_status s = GUISE_OK;
    if (g->config.recogniser) s = find_recogniser(g, NULL, recogniser, e);
    if (s) return s;
    s = find_detector(g, detector, e);
    if (!s || g->config.detector) return s;
    engine_begin(g);
    return GUISE_OK;
}

// The engine's generator as a file. Suites that need none do without, so that it may be missing.
static char *generator_file(const guise_engine *g)
{
    char *path = NULL;
    if (g->config.weights) return base_copy_text(g->config.weights);
    if (g->config.model && base_is_file(g->config.model)) return base_copy_text(g->config.model);
    if (g->config.model)
        find_weights(g->config.model, &path, NULL);
    else
        find_default_generator(&path, NULL);
    return path;
}

static guise_status call(guise_engine *g, const char *suite, const guise_eval_options *o, state *st,
                         eval_report *r)
{
    base_error *e = &g->error;
    base_names generators = {0};
    char *weights = generator_file(g), *detector = NULL, *recogniser = NULL;
    guise_status s = part_files(g, &detector, &recogniser);
    if (!s && !find_generators(&generators)) s = base_no_memory(e);
    eval_call c = {.generator = weights,
                   .data = o->data,
                   .landmarks = o->landmarks,
                   .detector = detector,
                   .recogniser = recogniser,
                   .out = o->out,
                   .resume = o->resume,
                   .force = o->force,
                   .command = o->command,
                   .generators = &generators,
                   .find = find,
                   .progress = progress,
                   .user = st,
                   .stopped = &st->stopped};
    if (!s && g->config.model && !weights) s = find_weights(g->config.model, &weights, e);
    c.generator = weights;
    if (!s && weights) s = sums_check(weights, e);
    if (!s && detector) s = sums_check(detector, e);
    if (!s && recogniser) s = sums_check(recogniser, e);
    if (!s) s = eval_run(&c, suite, o->set, o->n_set, r, e);
    base_names_free(&generators);
    base_free(weights);
    base_free(detector);
    base_free(recogniser);
    return s;
}

void guise_eval_free(guise_eval_report *r)
{
    base_free(r->table);
    base_free(r->json);
    *r = (guise_eval_report){0};
}

guise_status guise_eval(guise_engine *g, const char *suite, const guise_eval_options *o,
                        guise_eval_report *out)
{
    base_error *e = engine_begin(g);
    *out = (guise_eval_report){0};
    if (!suite || !o) return base_fail(e, GUISE_BAD_ARGUMENT, "measuring needs a suite");
    if (g->config.device && strcmp(g->config.device, "cpu") != 0)
        return base_fail(e, GUISE_BAD_ARGUMENT, "device=%s: suites measure on the CPU",
                         g->config.device);
    if (o->resume && !o->out)
        return base_fail(e, GUISE_BAD_ARGUMENT, "resuming needs the folder that holds the run");
    state st = {.o = o, .start = base_seconds()};
    eval_report r = {0};
    guise_status s = call(g, suite, o, &st, &r);
    if (!s && !st.stopped) {
        json_t *root = eval_json(&r);
        char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
        out->json = text ? base_copy_text(text) : NULL;
        out->table = eval_table(&r);
        free(text); // jansson's
        json_decref(root);
        if (!out->json || !out->table) s = base_no_memory(e);
    }
    eval_report_free(&r);
    if (s) guise_eval_free(out);
    return s;
}
