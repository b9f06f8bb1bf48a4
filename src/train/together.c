// together.c -- a run by several processes: they begin alike, stop together, and say so when one is
// lost. What is drawn, they all draw; each takes its rows of the batch (base/team.h).
#include "train/run.h"
#include <string.h>

static uint64_t mix(uint64_t h, const void *data, size_t bytes) // FNV-1a, eight bytes at a time
{
    const unsigned char *at = data;
    for (; bytes >= sizeof h; bytes -= sizeof h, at += sizeof h) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        h = (h ^ word) * 0x100000001b3u;
        h ^= h >> 29;
    }
    for (; bytes; bytes--, at++) h = (h ^ *at) * 0x100000001b3u;
    return h;
}

// All that decides what comes next.
static uint64_t state_of(const train_run *r)
{
    uint64_t h = mix(0xcbf29ce484222325u, r->options_text, strlen(r->options_text));
    h = mix(h, r->recipe->name, strlen(r->recipe->name));
    uint64_t some[] = {(uint64_t)r->step, r->rng.state, train_cache_n(r->cache),
                       (uint64_t)train_cache_people(r->cache)};
    h = mix(h, some, sizeof some);
    for (int i = 0; i < TRAIN_NETWORKS; i++) {
        const train_learner *l = &r->work.learner[i];
        size_t bytes = l->floats * sizeof(float);
        if (!l->params) continue;
        h = mix(h, nn_params_data(l->params), bytes);
        h = mix(h, l->m, bytes);
        h = mix(h, l->v, bytes);
        if (l->average) h = mix(h, l->average, bytes);
    }
    for (int i = 0; i < TRAIN_KEPT && r->work.kept[i].n; i++)
        h = mix(h, r->work.kept[i].value, r->work.kept[i].n * sizeof(double));
    return h;
}

guise_status train_together_begin(train_run *r, base_error *e)
{
    base_team *t = r->c->team;
    if (!t) return GUISE_OK;
    guise_status s = tg_wait(r->device, e);
    if (s) return s;
    uint64_t mine = state_of(r), first = mine;
    s = base_team_check(t, t->broadcast(t, &first, sizeof first), e);
    double differ = mine != first;
    if (!s) s = base_team_check(t, t->sum_double(t, &differ, 1), e);
    if (!s && differ > 0)
        s = base_fail(e, GUISE_BAD_ARGUMENT,
                      "%.0f of %d processes do not begin as the first one does: all need the same "
                      "options, the same photos, and %s on a disk that all see",
                      differ, t->size, r->c->out);
    return s;
}

guise_status train_together_agree(train_run *r, bool *save, base_error *e)
{
    base_team *t = r->c->team;
    double wish[] = {r->stopped, *save};
    guise_status s = t ? base_team_check(t, t->sum_double(t, wish, 2), e) : GUISE_OK;
    if (s) return s;
    r->stopped = wish[0] > 0;
    *save = wish[1] > 0;
    return GUISE_OK;
}

// A launcher that has lost a process tells the others to end, half a second or more before it ends
// them. One that waits for the lost one cannot but say so.
void train_together_waits(void *user)
{
    train_run *r = user;
    const double patience = 0.1; // seconds
    const train_progress p = {0};
    if (r->said || !r->c->progress || r->c->progress(r->c->user, &p)) return;
    r->stopped = true;
    if (r->told == 0) r->told = base_seconds();
    if (base_seconds() < r->told + patience) return;
    r->said = true;
    if (r->c->team->rank > 1) return; // two are enough
    base_log("process %d of %d was told to end while it waits for the others; if one of them is "
             "lost, this run ends here: the last checkpoint in %s is whole, and --resume goes on "
             "with it",
             r->c->team->rank + 1, r->c->team->size, r->c->out);
}
