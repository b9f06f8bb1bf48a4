// loop.c -- the training loop: from a recipe to steps, samples, measurements, checkpoints.
#include "backend/tune.h"
#include "train/run.h"
#include <string.h>

static bool leads(const train_run *r) { return base_team_leads(r->c->team); }

static bool tell(train_run *r, const char *line, double session, double photos_per_second)
{
    if (!r->c->progress) return true;
    if (!leads(r)) return r->c->progress(r->c->user, &(train_progress){0});
    train_progress p = {.step = r->step,
                        .steps = r->o.steps,
                        .seconds = session,
                        .photos_per_second = photos_per_second,
                        .line = line};
    return r->c->progress(r->c->user, &p);
}

static bool tell_cache(void *user, const char *line) { return tell(user, line, 0, 0); }

static guise_status open_recipe(train_run *r, base_error *e)
{
    const train_config *c = r->c;
    r->recipe = train_recipe_find(c->recipe);
    if (!r->recipe)
        return base_fail(e, GUISE_BAD_ARGUMENT, "there is no recipe '%s'",
                         c->recipe ? c->recipe : "");
    const train_system *system = r->recipe->system;
    guise_status s = train_options_fill(&r->o, r->recipe, c->set, c->n_set, e);
    if (s) return s;
    r->o.detector = c->detector;
    r->o.resumed = c->resume;
    if ((!c->data && !system->photos) || !c->out || (!c->identity && train_takes_identity(&r->o)))
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "training needs a folder of photos, a folder for "
                         "the run, and a recogniser");
    r->options_text = train_options_print(&r->o);
    if (!r->options_text) return base_no_memory(e);
    if (!c->resume && train_checkpoint_exists(c->out))
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "%s holds a run already; resume it, or name "
                         "another folder",
                         c->out);
    return base_make_dir(c->out, e);
}

static guise_status read_photos(const train_run *r, train_split split, train_photos *p,
                                train_cache_options *crops, base_error *e)
{
    const train_system *system = r->o.system;
    if (system->photos) return system->photos(&r->o, r->c->landmarks, p, crops, e);
    return train_photos_read(p, r->c->data, r->c->landmarks, split, e);
}

static guise_status open_cache(train_run *r, train_split split, const char *out, train_cache **to,
                               base_error *e)
{
    const train_config *c = r->c;
    train_photos photos = {0};
    train_cache_options o = {.out = out,
                             .size = r->o.size,
                             .margin = r->o.shift,
                             .identity = train_takes_identity(&r->o) ? c->identity : NULL,
                             .detector = c->detector,
                             .progress = tell_cache,
                             .user = r};
    guise_status s = read_photos(r, split, &photos, &o, e);
    if (!s) s = train_cache_open(to, &photos, &o, e);
    train_photos_free(&photos);
    return s;
}

// Nobody held out: nothing is measured, and that is no reason not to train.
static guise_status open_held_cache(train_run *r, base_error *e)
{
    base_error why = {0};
    char *dir = base_format("%s/held-out", r->c->out);
    guise_status s = dir ? base_make_dir(dir, &why) : base_no_memory(&why);
    if (!s) s = open_cache(r, TRAIN_HELD_OUT, dir, &r->held_cache, &why);
    base_free(dir);
    if (s == GUISE_NO_FACE) base_log("no measuring: %s", why.text);
    return s && s != GUISE_NO_FACE ? base_fail(e, s, "%s", why.text) : GUISE_OK;
}

// The first process makes the cache, the others read it then.
static guise_status open_data(train_run *r, base_error *e)
{
    base_team *t = r->c->team;
    guise_status s = leads(r) ? GUISE_OK : base_team_check(t, t->barrier(t), e);
    if (!s) s = open_cache(r, TRAIN_PEOPLE, r->c->out, &r->cache, e);
    if (!s) s = train_give(r, e);
    if (!s && t && leads(r)) s = base_team_check(t, t->barrier(t), e);
    if (!s && leads(r) && r->o.system->held_out) s = open_held_cache(r, e);
    r->work.cache = r->cache;
    r->work.held = r->held_cache;
    return s;
}

// Without two held-out people there are no samples; that is no reason not to train.
static guise_status open_held(train_run *r, base_error *e)
{
    const train_config *c = r->c;
    base_error why = {0};
    train_pairs_options o = {.data = c->data,
                             .landmarks = c->landmarks,
                             .detector = c->detector,
                             .identity = *r->o.given ? r->o.given : c->identity,
                             .teacher = c->identity,
                             .measure = c->measure,
                             .size = r->o.size,
                             .pairs = c->measure ? 200 : 2 * TRAIN_SWAPS};
    guise_status s = train_pairs_open(&r->held, &o, &why);
    if (s == GUISE_NO_FACE) {
        base_log("no samples and no measuring: %s", why.text);
        return GUISE_OK;
    }
    return s ? base_fail(e, s, "%s", why.text) : GUISE_OK;
}

static guise_status open_identity(train_run *r, base_error *e)
{
    if (!train_takes_identity(&r->o)) {
        r->identity.length = 1;
        return GUISE_OK;
    }
    guise_status s = train_identity_open(&r->identity, r->c->identity, e);
    r->identity.pool = r->o.id_pool;
    return s;
}

// Does it swap the faces of any people?
static bool swaps(const train_run *r)
{
    return r->work.network[0].net->swapper && !r->o.system->sample;
}

// From device to device where they can be joined; else by way of the host, which is slower.
static guise_status open_team(train_run *r, base_error *e)
{
    base_error why = {0};
    r->team = r->c->team;
    if (!r->team || !r->device) return GUISE_OK;
    guise_status s = tg_device_join(r->device, r->team, &r->devices, &why);
    if (!s) r->team = r->devices;
    if (s && leads(r)) base_log("sums over processes go by way of the host: %s", why.text);
    return s == GUISE_NO_MEMORY ? base_no_memory(e) : GUISE_OK;
}

static guise_status open_run(train_run *r, base_error *e)
{
    guise_status s = open_recipe(r, e);
    if (!s) s = open_identity(r, e);
    if (!s) s = tg_device_open(&r->device, r->c->device, NULL, e);
    if (!s) s = open_team(r, e);
    if (!s) s = train_work_open(&r->work, &r->o, &r->identity, r->team, r->device, e);
    if (!s) s = open_data(r, e);
    if (!s && train_cache_length(r->cache) != r->identity.length)
        s = base_fail(e, GUISE_BAD_FILE, "the cached vectors have another length than %s gives",
                      r->c->identity);
    if (!s && swaps(r) && leads(r)) s = open_held(r, e);
    if (!s && swaps(r) && leads(r))
        s = train_swapper_open(&r->swapper, &r->work.network[0], r->o.size, r->identity.length, e);
    r->rng.state = (uint64_t)r->o.seed;
    if (!s && r->c->resume) s = train_checkpoint_read(r, e);
    if (!s) s = train_together_begin(r, e);
    return !s && leads(r) ? train_log_open(r, e) : s;
}

static void close_run(train_run *r, bool well)
{
    if (r->csv) fclose(r->csv);
    train_pairs_close(&r->held);
    train_swapper_close(&r->swapper);
    train_work_close(&r->work);
    train_cache_close(&r->cache);
    train_cache_close(&r->held_cache);
    train_identity_close(&r->identity);
    base_team_close(&r->devices, well);
    tg_device_close(&r->device);
    base_free(r->options_text);
}

static bool due(const train_run *r, int every) { return every > 0 && r->step % every == 0; }

// Does somebody look at losses or weights now? Else steps on a device follow each other unwatched.
static bool looked_at(const train_run *r)
{
    const train_options *o = &r->o;
    return due(r, o->log_every) || due(r, o->measure_every) || due(r, o->sample_every) ||
           due(r, o->save_every) || r->step == o->steps || r->stopped;
}

static guise_status one_step(train_run *r, base_error *e)
{
    double value[TRAIN_LOSSES], start = base_seconds();
    int step = r->step + 1;
    guise_status s = train_work_fill(&r->work, step, &r->rng, e);
    if (!s) s = train_work_step(&r->work, step, &r->rng, value, e);
    if (s) return s;
    r->step = step;
    r->lines++;
    for (int i = 0; i < TRAIN_LOSSES; i++) r->sum[i] += value[i];
    if (looked_at(r) && (s = train_work_read(&r->work, step, r->sum, e))) return s;
    r->seconds += base_seconds() - start;
    return GUISE_OK;
}

static guise_status sample(train_run *r, base_error *e)
{
    const train_system *system = r->o.system;
    if (!system->sample && !r->held.n) return GUISE_OK;
    char *dir = base_format("%s/samples", r->c->out);
    char *path = base_format("%s/samples/step-%09d.jpg", r->c->out, r->step);
    guise_status s = dir && path ? base_make_dir(dir, e) : base_no_memory(e);
    if (!s && system->sample) {
        s = system->sample(&r->work, path, e);
    } else if (!s) {
        train_swapper_take(&r->swapper, train_run_weights(r));
        s = train_pairs_sheet(&r->held, &r->swapper, 6, path, e);
    }
    base_free(path);
    base_free(dir);
    return s ? s : train_report(r, e);
}

const char *const *train_run_measures(const train_run *r)
{
    static const char *const none[] = {NULL};
    if (r->o.system->measure) return r->o.system->measure_names;
    return swaps(r) ? train_swap_measures : none;
}

static bool can_measure(const train_run *r)
{
    const train_system *system = r->o.system;
    return system->measure ? !system->held_out || r->held_cache : r->held.measure != NULL;
}

static guise_status take_measures(train_run *r, base_error *e)
{
    train_measurement m = {0};
    r->measured_step = r->step;
    if (r->o.system->measure) {
        r->measured_pairs = 1;
        return r->o.system->measure(&r->work, r->measured, e);
    }
    train_swapper_take(&r->swapper, train_run_weights(r));
    guise_status s = train_pairs_measure(&r->held, &r->swapper, &m, e);
    const double value[] = {m.to_source, m.to_target, m.closer, m.top1, m.self_l1, m.sharpness};
    memcpy(r->measured, value, sizeof value);
    r->measured_pairs = m.pairs;
    return s;
}

static guise_status measure(train_run *r, base_error *e)
{
    char line[400];
    guise_status s = take_measures(r, e);
    if (s) return s;
    int at = snprintf(line, sizeof line, "measured at step %d:", r->step);
    for (int i = 0; train_run_measures(r)[i] && at > 0 && at < (int)sizeof line; i++)
        at += snprintf(line + at, sizeof line - (size_t)at, "%s %s %.4f", i ? "," : "",
                       train_run_measures(r)[i], r->measured[i]);
    if (!tell(r, line, 0, 0)) r->stopped = true;
    return GUISE_OK;
}

// What is shown after a step: log, measurement, samples.
static guise_status show_step(train_run *r, double began, base_error *e)
{
    guise_status s = GUISE_OK;
    bool last = r->step == r->o.steps, row = due(r, r->o.log_every) || last;
    bool measured = can_measure(r) && (due(r, r->o.measure_every) || last);
    char line[400];
    double rate = r->seconds > r->since ? r->lines * r->o.batch / (r->seconds - r->since) : 0;
    if (row) train_log_line(r, line, sizeof line);
    if (!tell(r, row ? line : NULL, base_seconds() - began, rate)) r->stopped = true;
    if (measured) s = measure(r, e);
    if (!s && (row || measured)) s = train_log_row(r, measured, e);
    if (!s && (due(r, r->o.sample_every) || last)) s = sample(r, e);
    return s;
}

// A checkpoint comes last, so that it covers what was shown.
static guise_status after_step(train_run *r, double began, double *saved, base_error *e)
{
    guise_status s = GUISE_OK;
    if (leads(r))
        s = show_step(r, began, e);
    else if (!tell(r, NULL, 0, 0))
        r->stopped = true;
    bool save = r->c->save_seconds > 0 && base_seconds() - *saved >= r->c->save_seconds;
    if (!s) s = train_together_agree(r, &save, e);
    save |= due(r, r->o.save_every) || r->step == r->o.steps || r->stopped;
    if (s || !save) return s;
    s = train_work_read(&r->work, r->step, r->sum, e);
    if (s) return s;
    *saved = base_seconds();
    return leads(r) ? train_checkpoint_write(r, e) : GUISE_OK;
}

static guise_status finish(train_run *r, base_error *e)
{
    bool unknown = r->step >= r->o.steps && !r->measured_pairs; // it ended in a session before
    guise_status s = unknown && can_measure(r) ? measure(r, e) : GUISE_OK;
    if (!s) s = train_export(r, e);
    if (!s && r->o.system->export) s = r->o.system->export(&r->work, r->c->out, e);
    return s ? s : train_report(r, e);
}

guise_status train_start(const train_config *c, base_error *e)
{
    train_run r = {.c = c};
    cpu_tune_fixed(true); // what a detector finds, too, is the same in each session
    if (c->team) c->team->user = &r, c->team->waits = train_together_waits;
    guise_status s = open_run(&r, e);
    double began = base_seconds(), saved = began;
    while (!s && !r.stopped && r.step < r.o.steps) {
        s = one_step(&r, e);
        if (!s) s = after_step(&r, began, &saved, e);
    }
    if (!s && leads(&r)) s = finish(&r, e);
    if (c->team) c->team->waits = NULL;
    close_run(&r, !s);
    cpu_tune_fixed(false);
    return s;
}
