// suite_speed.c -- eval speed: what a swap costs with each of several generators.
#include "eval/cost.h"
#include "eval/files.h"
#include "eval/suites.h"
#include "train/card.h"
#include "weights/weights.h"
#include <math.h>
#include <string.h>

typedef struct {
    const char *generators;
    int runs;
} options;

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"generators", 0, BASE_TEXT, AT(generators), NULL,
     "files of generators with commas between; default: all that are found among the weights"},
    {"runs", 0, BASE_INT, AT(runs), "20", "runs that are timed, after a first one, 1 to 1000"},
    {0}};

enum { SIDE, PARAMETERS, GMAC, MS, RATE, MEMORY, WEIGHTS, FILE_SIZE, NUMBERS };
static const eval_definition of[NUMBERS] = {
    {"side", "crop", "pixels", "side of the crop that the generator makes", "ours", 0, 0},
    {"parameters", "parameters", "million", "trained numbers of the generator", "ours", -1, 2},
    {"gmac", "operations", "GMAC",
     "multiply-accumulates of convolutions and products for one face; one is two FLOP", "ours", -1,
     3},
    {"ms", "time of one face", "ms, this machine",
     "median time of the generator alone, one face at a time, after a first run; detection, "
     "recognition and pasting are not in it (guise bench swap)",
     "ours", -1, 1},
    {"gmac_per_s", "rate", "GMAC/s, this machine", "operations divided by the time", "ours", 1, 0},
    {"megabytes", "memory", "MB",
     "parameters, packed weights, values and scratch for one face at a time", "ours", -1, 1},
    {"weight_megabytes", "of it, parameters", "MB", "parameters as 32-bit numbers", "ours", -1, 1},
    {"file_megabytes", "file", "MB", "size of the weights file", "ours", -1, 1}};

// Costs as papers and vendors print them; another resolution and machine each.
static const char other_machine[] = "no time on this machine; other resolution";
static const eval_published published[] = {
    {"inswapper_128", "parameters", 138.3, "inswapper-512-live, README", "128 x 128"},
    {"inswapper_128", "gmac", 174.7 / 2, "inswapper-512-live, README",
     "128 x 128; 174.7 GFLOP counted as half as many multiply-accumulates"},
    {"inswapper_512_live_base", "parameters", 9.5, "inswapper-512-live, README", "512 x 512"},
    {"inswapper_512_live_base", "gmac", 12.1 / 2, "inswapper-512-live, README",
     "512 x 512; 12.1 GFLOP counted as half as many multiply-accumulates"},
    {"SimSwap++", "gmac", 2.5, "SimSwap++, abstract: 2.5 GFLOPs",
     "counted there as GFLOPs; whether that means multiply-accumulates is not said"},
    {"FaceShifter", "parameters", 250, "LatentSwap, README", other_machine},
    {"SimSwap", "parameters", 120, "LatentSwap, README", other_machine},
    {"InfoSwap", "parameters", 251, "LatentSwap, README", other_machine},
    {"MegaFS", "parameters", 338, "LatentSwap, README", other_machine},
    {"HifiFace", "parameters", 244, "LatentSwap, README", other_machine}};

typedef struct {
    const eval_call *c;
    const options *o;
    eval_report *r;
    int done, total;
} work;

static guise_status sizes(const char *file, double *side, double *megabytes, base_error *e)
{
    base_tensors t = {0};
    train_card card;
    base_map map = {0};
    guise_status s = weights_read(&t, file, e);
    if (!s) s = train_card_read(&card, &t, file, e);
    if (!s) s = base_map_open(&map, file, e);
    if (!s) {
        *side = card.size;
        *megabytes = (double)map.size / 1e6;
    }
    base_map_close(&map);
    base_tensors_free(&t);
    return s;
}

static guise_status measure(void *user, const char *file, base_error *e)
{
    work *w = user;
    eval_result *x = NULL;
    eval_cost c;
    double v[NUMBERS] = {0};
    if (*w->c->stopped) return GUISE_OK;
    guise_status s = sizes(file, &v[SIDE], &v[FILE_SIZE], e);
    if (!s) s = eval_cost_of(file, w->o->runs, &c, e);
    if (!s) s = eval_add_file(w->r, file, 0, &x, e);
    if (s) return s;
    v[PARAMETERS] = c.parameters / 1e6;
    v[GMAC] = c.macs / 1e9;
    v[MS] = 1e3 * c.seconds;
    v[RATE] = c.seconds > 0 ? c.macs / 1e9 / c.seconds : (double)NAN;
    v[MEMORY] = (c.weight_bytes + c.plan_bytes) / 1e6;
    v[WEIGHTS] = c.weight_bytes / 1e6;
    for (int k = 0; k < NUMBERS; k++)
        if (!eval_add_number(x, &of[k], v[k])) return base_no_memory(e);
    w->done++;
    if (w->c->progress && !w->c->progress(w->c->user, w->done, w->total, NULL))
        *w->c->stopped = true;
    return GUISE_OK;
}

static guise_status run(const eval_call *c, const void *given, eval_report *r, base_error *e)
{
    const options *o = given;
    work w = {.c = c, .o = o, .r = r};
    if (o->runs < 1 || o->runs > 1000)
        return base_fail(e, GUISE_BAD_ARGUMENT, "runs lie in 1..1000, not at %d", o->runs);
    const char *list = o->generators;
    guise_status s = GUISE_OK;
    if (list) {
        w.total = 1;
        for (const char *k = list; *k; k++) w.total += *k == ',';
        s = eval_each_file(list, measure, &w, e);
    } else {
        w.total = (int)c->generators->n;
        if (!w.total) s = base_fail(e, GUISE_IO, "there is no generator; name one with --weights");
        for (size_t i = 0; !s && i < c->generators->n; i++)
            s = measure(&w, c->generators->name[i], e);
    }
    r->title = "Speed: what a swap costs";
    r->data = "one face at a time; times are of this machine, and only compare within one run";
    bool ok = true;
    for (size_t i = 0; !s && ok && i < sizeof published / sizeof *published; i++)
        ok = eval_add_published(r, published[i]);
    return s ? s : ok ? GUISE_OK : base_no_memory(e);
}

const eval_suite eval_suite_speed = {
    .name = "speed",
    .summary = "what a swap costs: parameters, operations, time, memory of generators",
    .fields = fields,
    .size = sizeof(options),
    .run = run,
};
