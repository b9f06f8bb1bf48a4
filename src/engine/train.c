// train.c -- training: the public functions over train.
#include "backend/backend.h"
#include "engine/engine.h"
#include "train/system.h"
#include <string.h>

bool guise_recipe_at(size_t i, guise_option *r)
{
    const train_recipe *t = train_recipe_at(i);
    if (t) *r = (guise_option){t->name, NULL, t->summary};
    return t != NULL;
}

// What a recipe sets in place of a field's own default.
static const char *recipe_value(const train_recipe *r, const char *name)
{
    size_t n = strlen(name);
    const char *value = NULL;
    for (int i = 0; i < TRAIN_SETS && r->set[i]; i++)
        if (!strncmp(r->set[i], name, n) && r->set[i][n] == '=') value = r->set[i] + n + 1;
    return value;
}

bool guise_recipe_option(const char *recipe, size_t i, guise_option *o)
{
    const train_recipe *r = train_recipe_find(recipe);
    const base_field *f = r ? train_recipe_field(r, i) : NULL;
    if (!f) return false;
    const char *value = recipe_value(r, f->name);
    const char *init = f->init ? f->init : f->type == BASE_FLAG ? "no" : NULL;
    *o = (guise_option){f->name, value ? value : init, f->help};
    return true;
}

static bool pass_on(void *user, const train_progress *p)
{
    const guise_train_options *o = user;
    guise_progress q = {p->step, p->steps, p->seconds, p->photos_per_second, p->line};
    return !o->progress || o->progress(o->user, &q);
}

// The recogniser's file: as configured, else the one that our recipes train with; NULL where a run
// of the recipe takes none.
static guise_status identity_file(guise_engine *g, const train_recipe *recipe,
                                  const guise_train_options *o, char **path)
{
    train_options run;
    *path = NULL;
    guise_status s = train_options_fill(&run, recipe, o->set, o->n_set, &g->error);
    if (s || !train_takes_identity(&run)) return s;
    if (g->config.recogniser) return find_recogniser(g, NULL, path, &g->error);
    // the network that ours learnt from teaches better; and ours does not teach itself
    if ((*path = find_optional("face_reid_0095.onnx", false))) return GUISE_OK;
    if (recipe->system == &train_face_id) return find_model("face_reid_0095.onnx", path, &g->error);
    return find_recogniser(g, NULL, path, &g->error);
}

// The detector is needed only where there are no landmarks: one that nobody named may be absent.
// Ours does not teach itself.
static guise_status detector_file(guise_engine *g, const train_recipe *recipe, char **path)
{
    bool ours = recipe->system == &train_face_detector || recipe->system == &train_face_closer;
    if (!g->config.detector && ours)
        *path = find_optional("yunet_n_dynamic.onnx", false);
    else if (find_detector(g, path, &g->error) && g->config.detector)
        return GUISE_IO;
    engine_begin(g);
    return GUISE_OK;
}

// Which of several processes has failed is part of what went wrong.
static void name_process(const base_team *t, base_error *e)
{
    base_error why = *e;
    snprintf(e->text, sizeof e->text, "process %d of %d: %.460s", t->rank + 1, t->size, why.text);
}

// With the processes that the launcher started together, if there are others.
static guise_status start(train_config *c, base_error *e)
{
    base_team *team = NULL;
    guise_status s = base_team_open(&team, e);
    if (s) return s;
    if (team) cpu_share_cores(team->local_rank, team->local_size);
    c->team = team;
    s = train_start(c, e);
    if (team && s) name_process(team, e);
    base_team_close(&team, !s);
    return s;
}

guise_status guise_train(guise_engine *g, const char *recipe, const guise_train_options *o)
{
    base_error *e = engine_begin(g);
    if (!o || !o->out)
        return base_fail(e, GUISE_BAD_ARGUMENT, "training needs out, a directory for the run");
    if (!train_recipe_find(recipe))
        return base_fail(e, GUISE_BAD_ARGUMENT, "there is no recipe '%s'; see guise train --list",
                         recipe);
    char *identity = NULL, *detector = NULL;
    guise_train_options copy = *o;
    guise_status s = identity_file(g, train_recipe_find(recipe), o, &identity);
    if (!s) s = detector_file(g, train_recipe_find(recipe), &detector);
    if (!s && identity) s = sums_check(identity, e);
    if (!s && detector) s = sums_check(detector, e);
    if (!s) {
        train_config c = {.recipe = recipe,
                          .set = o->set,
                          .n_set = o->n_set,
                          .data = o->data,
                          .out = o->out,
                          .identity = identity,
                          .landmarks = o->landmarks,
                          .detector = detector,
                          .measure = o->measure,
                          .licence = o->licence,
                          .commit = o->commit,
                          .device = g->config.device,
                          .resume = o->resume,
                          .save_seconds = 600,
                          .progress = pass_on,
                          .user = &copy};
        s = start(&c, e);
    }
    base_free(identity);
    base_free(detector);
    return s;
}
