// checkpoint.c -- all of a run's state in one file, so that a killed run goes on to the same bits.
#include "train/run.h"
#include "weights/weights.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEPT = 2 };

// Step of "checkpoint-<step>.safetensors", or -1.
static int step_of(const char *name)
{
    int step = 0, n = 0;
    if (sscanf(name, "checkpoint-%9d.safetensors%n", &step, &n) != 1 || !n || name[n]) return -1;
    return step;
}

// Names of the checkpoints; sorted, and since steps have nine digits the newest is the last.
static guise_status list(base_names *l, const char *out, base_error *e)
{
    base_names all = {0};
    guise_status s = base_is_dir(out) ? base_names_read(&all, out, e) : GUISE_OK;
    for (size_t i = 0; !s && i < all.n; i++)
        if (step_of(all.name[i]) >= 0 && !base_names_add(l, all.name[i])) s = base_no_memory(e);
    base_names_free(&all);
    return s;
}

bool train_checkpoint_exists(const char *out)
{
    base_names l = {0};
    bool any = !list(&l, out, NULL) && l.n;
    base_names_free(&l);
    return any;
}

static bool add(base_tensors *t, const char *name, base_dtype type, int64_t n, const void *data)
{
    return base_tensors_add(t, name, type, 1, (int64_t[]){n}, data) != NULL;
}

// Prefixes of the learners' tensors; the first two are those of files made before there were
// other systems.
static const char *const learner_names[TRAIN_NETWORKS] = {"generator", "discriminator", "third"};

static guise_status add_kept(const train_run *r, base_tensors *t, base_error *e)
{
    for (int i = 0; i < TRAIN_KEPT && r->work.kept[i].n; i++) {
        const train_kept *k = &r->work.kept[i];
        char name[64];
        snprintf(name, sizeof name, "kept.%s", k->name);
        if (!add(t, name, BASE_F64, (int64_t)k->n, k->value)) return base_no_memory(e);
    }
    return GUISE_OK;
}

static guise_status gather(const train_run *r, base_tensors *t, base_error *e)
{
    const train_learner *l = r->work.learner;
    int64_t whole[] = {r->step, (int64_t)r->rng.state, l[0].steps, l[1].steps, l[2].steps,
                       r->lines};
    double real[2 + TRAIN_LOSSES] = {r->seconds, r->since};
    memcpy(real + 2, r->sum, sizeof r->sum);
    bool ok = base_tensors_set_meta(t, "recipe", r->recipe->name) &&
              base_tensors_set_meta(t, "options", r->options_text) &&
              add(t, "whole", BASE_I64, sizeof whole / sizeof *whole, whole) &&
              add(t, "real", BASE_F64, sizeof real / sizeof *real, real);
    guise_status s = ok ? add_kept(r, t, e) : base_no_memory(e);
    for (int i = 0; !s && i < TRAIN_NETWORKS; i++)
        if (l[i].params) s = train_learner_save(&l[i], learner_names[i], t, e);
    return s;
}

// Older ones than the last two go; one that cannot be removed is no harm.
static void prune(const char *out)
{
    base_names l = {0};
    guise_status s = list(&l, out, NULL);
    for (size_t i = 0; !s && i + KEPT < l.n; i++) {
        char *path = base_format("%s/%s", out, l.name[i]);
        if (path && unlink(path)) base_log("cannot remove %s", path);
        base_free(path);
    }
    base_names_free(&l);
}

guise_status train_checkpoint_write(train_run *r, base_error *e)
{
    base_tensors t = {0};
    char *path = base_format("%s/checkpoint-%09d.safetensors", r->c->out, r->step);
    guise_status s = path ? gather(r, &t, e) : base_no_memory(e);
    if (!s) s = weights_safetensors_write(&t, path, e);
    if (!s) prune(r->c->out);
    base_tensors_free(&t);
    base_free(path);
    return s;
}

static guise_status restore_kept(train_run *r, const base_tensors *t, const char *path,
                                 base_error *e)
{
    for (int i = 0; i < TRAIN_KEPT && r->work.kept[i].n; i++) {
        const train_kept *k = &r->work.kept[i];
        char name[64];
        snprintf(name, sizeof name, "kept.%s", k->name);
        const base_tensor *x = base_tensors_find(t, name);
        if (!x || x->dtype != BASE_F64 || base_tensor_count(x) != (int64_t)k->n)
            return base_fail(e, GUISE_BAD_FILE, "%s lacks %s, which this system keeps", path, name);
        memcpy(k->value, x->data, k->n * sizeof *k->value);
    }
    return GUISE_OK;
}

static guise_status restore(train_run *r, const base_tensors *t, const char *path, base_error *e)
{
    const base_tensor *whole = base_tensors_find(t, "whole"), *real = base_tensors_find(t, "real");
    if (!whole || whole->dtype != BASE_I64 || base_tensor_count(whole) != 6 || !real ||
        real->dtype != BASE_F64 || base_tensor_count(real) < 3 ||
        base_tensor_count(real) > 2 + TRAIN_LOSSES) // fewer: made when there were fewer losses
        return base_fail(e, GUISE_BAD_FILE, "%s is no checkpoint of a training run", path);
    const int64_t *w = whole->data;
    const double *d = real->data;
    train_learner *l = r->work.learner;
    guise_status s = restore_kept(r, t, path, e);
    for (int i = 0; !s && i < TRAIN_NETWORKS; i++)
        if (l[i].params) s = train_learner_restore(&l[i], learner_names[i], t, e);
    if (s) return s;
    r->step = (int)w[0];
    r->rng.state = (uint64_t)w[1];
    for (int i = 0; i < TRAIN_NETWORKS; i++) l[i].steps = w[2 + i];
    r->lines = (int)w[5];
    r->seconds = d[0];
    r->since = d[1];
    memcpy(r->sum, d + 2, (size_t)(base_tensor_count(real) - 2) * sizeof *d);
    return GUISE_OK;
}

// Going on with other options is allowed (that is how a run is steered), but said.
static void tell_changes(const train_run *r, const base_tensors *t)
{
    const char *recipe = base_tensors_meta(t, "recipe"), *options = base_tensors_meta(t, "options");
    if (recipe && strcmp(recipe, r->recipe->name) != 0)
        base_log("resuming with recipe %s what was begun with %s", r->recipe->name, recipe);
    if (options && strcmp(options, r->options_text) != 0)
        base_log("resuming with changed options; before: %s", options);
}

guise_status train_checkpoint_read(train_run *r, base_error *e)
{
    base_names l = {0};
    guise_status s = list(&l, r->c->out, e);
    if (!s && !l.n)
        s = base_fail(e, GUISE_IO, "%s holds no checkpoint to resume from; start without resume",
                      r->c->out);
    if (!s) {
        base_tensors t = {0};
        char *path = base_format("%s/%s", r->c->out, l.name[l.n - 1]);
        s = path ? weights_safetensors_read(&t, path, e) : base_no_memory(e);
        if (!s && base_team_leads(r->c->team)) tell_changes(r, &t);
        if (!s) s = restore(r, &t, path, e);
        base_tensors_free(&t);
        base_free(path);
    }
    base_names_free(&l);
    return s;
}
