// bench_work.c -- how long a training step and a whole swap take, by their parts.
#include "engine/bench.h"
#include "train/system.h"
#include "weights/weights.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// One part's times: `of` seconds from index part * runs on.
static guise_status add_part(guise_bench *b, size_t *cap, const char *what, double *seconds,
                             double macs, base_error *e)
{
    guise_bench_row *row = bench_row(b, cap);
    if (!row) return base_no_memory(e);
    snprintf(row->what, sizeof row->what, "%s", what);
    row->count = 1;
    row->seconds = bench_median(seconds, b->runs);
    row->macs = macs;
    return GUISE_OK;
}

// A recipe's step on random pictures.
typedef struct {
    train_options o;
    train_identity identity;
    train_work pair;
    int step; // of the schedule: all losses at full weight
    base_rng rng;
} work;

static guise_status read_recipe(work *w, const char *recipe, const guise_net_options *o,
                                base_error *e)
{
    const train_recipe *r = train_recipe_find(recipe);
    if (!r)
        return base_fail(e, GUISE_BAD_ARGUMENT, "there is no recipe '%s'; see guise train --list",
                         recipe);
    guise_status s = train_options_fill(&w->o, r, o->set, o->n_set, e);
    if (!s && o->size) w->o.size = o->size;
    if (!s && o->batch) w->o.batch = o->batch;
    if (!s && (w->o.size < 16 || w->o.size > 1024 || w->o.batch < 1 || w->o.batch > 256))
        s = base_fail(e, GUISE_BAD_ARGUMENT, "size lies in 16..1024 and batch in 1..256");
    if (!s && r->system->fill)
        s = base_fail(e, GUISE_BAD_ARGUMENT,
                      "%s cannot be timed on random pictures: it draws its batches from photos",
                      recipe);
    int every = s ? 1 : (int)train_option_number(&w->o, "gp_every");
    w->step = w->o.steps - (every > 1 ? w->o.steps % every : 0);
    if (w->step < 1) w->step = w->o.steps;
    return s;
}

static guise_status open_identity(work *w, const char *file, base_error *e)
{
    if (file && !w->o.system->no_identity) {
        guise_status s = train_identity_open(&w->identity, file, e);
        w->identity.pool = w->o.id_pool;
        return s;
    }
    w->identity = (train_identity){
        .length = w->o.system->no_identity ? 1 : 512, .side = 112, .frame = FACE_ARCFACE};
    w->o.lambda_id = w->o.id_start = 0;
    return GUISE_OK;
}

static void fill_batch(work *w)
{
    train_batch *b = &w->pair.batch;
    size_t area = (size_t)b->side * (size_t)b->side, n = (size_t)b->n;
    for (size_t i = 0; i < n * 3 * area; i++) b->target[i] = (float)base_rng_uniform(&w->rng);
    for (size_t i = 0; i < n * 3 * area; i++) b->source[i] = (float)base_rng_uniform(&w->rng);
    for (size_t i = 0; i < n * area; i++) b->weight[i] = (float)(2 * base_rng_uniform(&w->rng));
    for (size_t i = 0; i < n; i++) {
        float *v = b->vector + i * (size_t)b->length, *m = b->warp + 6 * i;
        double length = 0;
        for (int k = 0; k < b->length; k++) v[k] = (float)base_rng_normal(&w->rng);
        for (int k = 0; k < b->length; k++) length += (double)v[k] * (double)v[k];
        for (int k = 0; k < b->length; k++) v[k] /= (float)sqrt(length);
        memcpy(b->given + i * (size_t)b->length, v, (size_t)b->length * sizeof *v);
        // as the next one's source
        memcpy(b->theirs + (i + 1) % n * (size_t)b->length, v, (size_t)b->length * sizeof *v);
        float scale = (float)b->side / (float)b->frame_side; // the whole crop
        memcpy(m, (float[6]){scale, 0, 0, 0, scale, 0}, 6 * sizeof *m);
    }
}

static bool add(base_tensors *t, const char *name, int rank, const int64_t *dim, const float *v)
{
    return base_tensors_add(t, name, BASE_F32, rank, dim, v) != NULL;
}

// The networks and the batch before the step; the losses join after it.
static guise_status note_start(work *w, base_tensors *t, base_error *e)
{
    const train_batch *b = &w->pair.batch;
    int64_t n = b->n, side = b->side;
    guise_status s = GUISE_OK;
    for (int i = 0; !s && i < TRAIN_NETWORKS; i++)
        if (w->pair.learner[i].params) s = nn_save(w->pair.learner[i].params, NULL, t, e);
    if (s) return s;
    bool ok = add(t, "batch.target", 4, (int64_t[]){n, 3, side, side}, b->target) &&
              add(t, "batch.source", 4, (int64_t[]){n, 3, side, side}, b->source) &&
              add(t, "batch.vector", 2, (int64_t[]){n, b->length}, b->vector) &&
              add(t, "batch.warp", 2, (int64_t[]){n, 6}, b->warp) &&
              add(t, "batch.weight", 4, (int64_t[]){n, 1, side, side}, b->weight);
    return ok ? GUISE_OK : base_no_memory(e);
}

// Weights and layers that other systems than SimSwap do not have are 0 there.
static guise_status note_end(work *w, base_tensors *t, const double value[TRAIN_LOSSES],
                             base_error *e)
{
    const train_options *o = &w->o;
    const train_rates *now = &w->pair.rates;
    const double of[] = {now->id, o->lambda_adv * now->adv,
                         train_option_number(o, "lambda_fm") * now->adv};
    const float rates[2] = {(float)now->lr, (float)now->lr_d};
    const float lambdas[3] = {(float)of[0], (float)of[1], (float)of[2]};
    const float adam[4] = {(float)o->beta1, (float)o->beta2, (float)o->eps, (float)o->ema};
    const float layers[2] = {(float)train_option_number(o, "fm_first"),
                             (float)train_option_number(o, "fm_last")};
    float weight =
        (float)(train_option_number(o, "lambda_gp") * train_option_number(o, "gp_every"));
    bool ok = add(t, "batch.mix", 1, (int64_t[]){o->batch}, w->pair.batch.mix) &&
              add(t, "rates", 1, (int64_t[]){2}, rates) &&
              add(t, "adam", 1, (int64_t[]){4}, adam) &&
              add(t, "layers", 1, (int64_t[]){2}, layers) && add(t, "penalty", 0, NULL, &weight) &&
              add(t, "lambdas", 1, (int64_t[]){3}, lambdas);
    for (int i = 0; ok && o->system->loss[i]; i++) {
        float v = (float)value[i];
        char name[32];
        snprintf(name, sizeof name, "loss.%s", o->system->loss[i]);
        ok = add(t, name, 0, NULL, &v);
    }
    return ok ? GUISE_OK : base_no_memory(e);
}

// The first step also plans. It is what `save` holds.
static guise_status first_step(work *w, const char *save, guise_bench *b, base_error *e)
{
    base_tensors t = {0};
    double value[TRAIN_LOSSES];
    guise_status s = save ? note_start(w, &t, e) : GUISE_OK;
    double start = base_seconds();
    if (!s) s = train_work_step(&w->pair, w->step, &w->rng, value, e);
    if (!s) s = train_work_read(&w->pair, w->step, value, e);
    b->first = base_seconds() - start;
    if (!s && save) s = note_end(w, &t, value, e);
    if (!s && save) s = weights_safetensors_write(&t, save, e);
    base_tensors_free(&t);
    return s;
}

static guise_status run_phase(work *w, train_phase *p, base_error *e)
{
    double value[TRAIN_LOSSES];
    guise_status s = train_phase_run(&w->pair, p, value, e);
    if (!s)
        train_work_move(&w->pair, p->network, p->network ? w->pair.rates.lr_d : w->pair.rates.lr);
    return s ? s : tg_wait(w->pair.device, e);
}

// The phases of a step are those that the first one planned. seconds: runs of whole steps, then
// those of each phase, one after the other.
static guise_status time_steps(work *w, guise_bench *b, double *seconds, int runs, base_error *e)
{
    guise_status s = GUISE_OK;
    train_phase *phase[TRAIN_PHASES];
    size_t cap = 0;
    int n = 0;
    for (int i = 0; i < TRAIN_PHASES; i++)
        if (w->pair.phase[i].run.plan) phase[n++] = &w->pair.phase[i];
    bool apart = !w->pair.device; // on a device steps are timed afterwards: replays have none
    for (int k = 0; apart && k < n; k++) tg_plan_keep_times(phase[k]->run.plan);
    for (int i = apart ? 0 : -2; !s && i < runs; i++) // there, two are run and recorded first
        for (int k = 0; !s && k < n; k++) {
            double start = base_seconds();
            s = run_phase(w, phase[k], e);
            if (i < 0) continue;
            seconds[(k + 1) * runs + i] = base_seconds() - start;
            seconds[i] += seconds[(k + 1) * runs + i];
        }
    for (int k = 0; !apart && k < n; k++) tg_plan_keep_times(phase[k]->run.plan);
    for (int i = 0; !apart && !s && i < runs * n; i++) s = run_phase(w, phase[i % n], e);
    if (s) return s;
    bench_summary(b, seconds, runs);
    b->plan_bytes = tg_arena_bytes(w->pair.arena);
    for (int k = 0; !s && k < n; k++) {
        const tg_plan *plan = phase[k]->run.plan;
        b->plan_bytes += tg_plan_kept(plan);
        b->macs += tg_plan_macs(plan);
        s = add_part(b, &cap, phase[k]->name, seconds + (k + 1) * runs, tg_plan_macs(plan), e);
        if (!s) s = bench_ops(b, &cap, plan, e);
    }
    return s;
}

guise_status guise_bench_step(guise_engine *g, const char *recipe, const guise_net_options *o,
                              int runs, const char *save, guise_bench *b)
{
    base_error *e = engine_begin(g);
    double *seconds = NULL;
    *b = (guise_bench){0};
    work *w = base_alloc(1, sizeof *w);
    if (!w) return base_no_memory(e);
    w->rng = (base_rng){1};
    double start = base_seconds();
    guise_status s = bench_runs(&runs, &seconds, TRAIN_PHASES + 1, e);
    if (!s) s = read_recipe(w, recipe, o ? o : &(guise_net_options){0}, e);
    char *detector = NULL, *recogniser = NULL;
    if (!s && train_option_number(&w->o, "lambda_points") > 0) s = find_detector(g, &detector, e);
    w->o.detector = detector;
    if (!s && g->config.recogniser) s = find_recogniser(g, NULL, &recogniser, e);
    if (!s) s = open_identity(w, recogniser, e);
    tg_device *device = NULL;
    if (!s) s = engine_device(g, &device);
    if (!s) s = train_work_open(&w->pair, &w->o, &w->identity, NULL, device, e);
    if (!s) fill_batch(w);
    b->load = base_seconds() - start;
    if (!s) s = first_step(w, save, b, e);
    if (!s) s = time_steps(w, b, seconds, runs, e);
    if (!s) s = bench_machine(b, w->pair.device, tg_device_mixed(w->pair.device), e);
    train_work_close(&w->pair);
    train_identity_close(&w->identity);
    base_free(detector);
    base_free(recogniser);
    base_free(w);
    base_free(seconds);
    if (s) guise_bench_free(b);
    return s;
}

// A swap from file to file, in parts that a person would name.
enum { READ, DETECT, IDENTIFY, SWAP, WRITE, PARTS };
static const char *const part_names[PARTS] = {"read photos", "detect", "identify", "swap", "write"};

typedef struct {
    guise_engine *g;
    const char *source, *target, *out;
} swap_work;

static guise_status need_face(const swap_work *w, const char *path, const guise_faces *f)
{
    if (f->n) return GUISE_OK;
    return base_fail(&w->g->error, GUISE_NO_FACE, "%s: no face found; the best score was %.2f",
                     path, (double)f->best);
}

static guise_status swap_once(const swap_work *w, double seconds[PARTS])
{
    guise_engine *g = w->g;
    guise_image from = {0}, to = {0};
    guise_faces of_from = {0}, of_to = {0};
    guise_identity id = {0};
    generator *net = NULL;
    face_recogniser *r = NULL;
    double mark[PARTS + 1] = {base_seconds()};
    guise_status s = guise_image_read(g, w->source, &from);
    if (!s) s = guise_image_read(g, w->target, &to);
    mark[READ + 1] = base_seconds();
    if (!s) s = engine_generator(g, &net);
    bool nobody = !s && generator_takes_nobody(net);
    if (!s && !nobody) s = engine_recogniser(g, net->identity, &r); // as in a swap
    if (!s) s = guise_detect(g, &from, &of_from);
    if (!s) s = guise_detect(g, &to, &of_to);
    if (!s) s = need_face(w, w->source, &of_from);
    if (!s) s = need_face(w, w->target, &of_to);
    mark[DETECT + 1] = base_seconds();
    if (!s && !nobody) s = guise_embed(g, &from, &of_from.at[0], NULL, &id);
    mark[IDENTIFY + 1] = base_seconds();
    if (!s) s = guise_swap_face(g, &to, &of_to.at[0], nobody ? NULL : &id, NULL);
    mark[SWAP + 1] = base_seconds();
    if (!s) s = guise_image_write(g, &to, w->out, GUISE_SWAPPED);
    mark[WRITE + 1] = base_seconds();
    for (int i = 0; i < PARTS; i++) seconds[i] = mark[i + 1] - mark[i];
    guise_identity_free(&id);
    guise_faces_free(&of_from);
    guise_faces_free(&of_to);
    guise_image_free(&from);
    guise_image_free(&to);
    return s;
}

static guise_status time_swaps(const swap_work *w, guise_bench *b, double *seconds, int runs)
{
    double part[PARTS];
    size_t cap = 0, n = (size_t)runs;
    double start = base_seconds();
    guise_status s = swap_once(w, part); // loads the networks
    b->first = base_seconds() - start;
    for (int i = 0; !s && i < runs; i++) {
        s = swap_once(w, part);
        for (int k = 0; k < PARTS; k++) {
            seconds[i] += part[k];
            seconds[(size_t)(k + 1) * n + (size_t)i] = part[k];
        }
    }
    if (!s) bench_summary(b, seconds, runs);
    for (int k = 0; !s && k < PARTS; k++)
        s = add_part(b, &cap, part_names[k], seconds + (size_t)(k + 1) * n, 0, &w->g->error);
    return s;
}

guise_status guise_bench_swap(guise_engine *g, const char *source, const char *target, int runs,
                              guise_bench *b)
{
    base_error *e = engine_begin(g);
    const char *tmp = getenv("TMPDIR");
    double *seconds = NULL;
    *b = (guise_bench){0};
    char *dir = base_format("%s/guise-bench-XXXXXX", tmp && *tmp ? tmp : "/tmp"), *out = NULL;
    guise_status s = dir ? bench_runs(&runs, &seconds, PARTS + 1, e) : base_no_memory(e);
    if (!s && !mkdtemp(dir))
        s = base_fail(e, GUISE_IO, "%s cannot be made: %s", dir, strerror(errno));
    else if (!s && !(out = base_format("%s/out.jpg", dir)))
        s = base_no_memory(e);
    if (!s) s = time_swaps(&(swap_work){g, source, target, out}, b, seconds, runs);
    if (!s) s = bench_machine(b, g->device, g->config.fast, e);
    if (out) unlink(out);
    if (out) rmdir(dir);
    base_free(out);
    base_free(dir);
    base_free(seconds);
    if (s) guise_bench_free(b);
    return s;
}
