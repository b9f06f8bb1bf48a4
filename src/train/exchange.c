// exchange.c -- gradients in buckets, as DistributedDataParallel has them (Li et al. 2020, arXiv
// 2006.15704): a small array is not worth a message, and one message at the end is too late.
#include "train/exchange.h"

enum { BUCKET = 1 << 20 }; // floats, at least; the last may have fewer

typedef struct {
    size_t offset, floats;
    int grads, missing; // gradients in it; those not made yet in this run
    bool started;
} bucket;

typedef struct {
    const tg_node *node;
    int bucket;
} gradient;

struct train_exchange {
    base_team *team;
    float *flat;
    bucket *bucket;
    gradient *grad; // by bucket
    size_t buckets, grads;
    tg_device *device; // to wait for; NULL: the team's sums are where the plan runs
    int status;        // of the first exchange that could not be started in this run
};

static void start(train_exchange *x, bucket *b)
{
    if (b->started) return;
    b->started = true;
    if (!x->status) x->status = x->team->start(x->team, x->flat + b->offset, b->floats);
}

static void made(void *user, const tg_node *out)
{
    train_exchange *x = user;
    for (size_t i = 0; out && i < x->grads; i++) {
        if (x->grad[i].node != out) continue;
        bucket *b = &x->bucket[x->grad[i].bucket];
        if (--b->missing == 0) start(x, b);
    }
    if (!x->status) x->status = x->team->poke(x->team);
}

// A gradient that depends on constants alone is made in the first run only: its bucket is started
// here.
static void all(void *user)
{
    train_exchange *x = user;
    for (size_t i = x->buckets; i-- > 0;) start(x, &x->bucket[i]);
    if (!x->status) x->status = x->team->finish(x->team);
}

static void begin(void *user)
{
    train_exchange *x = user;
    x->status = 0;
    for (size_t i = 0; i < x->buckets; i++) {
        x->bucket[i].missing = x->bucket[i].grads;
        x->bucket[i].started = false;
    }
}

// Gradients lie in the order of creation, that of the forward pass; so the last bucket is the first
// to be full.
static void fill(train_exchange *x, const nn_params *p, tg_node *const grad[])
{
    bucket *b = NULL;
    for (size_t i = 0; i < nn_params_n(p); i++) {
        const nn_entry *entry = nn_params_entry(p, i);
        if (!grad[i]) continue;
        if (!b || b->floats >= BUCKET) {
            b = &x->bucket[x->buckets++];
            b->offset = entry->offset;
        }
        b->floats = entry->offset + entry->count - b->offset; // what lies between is zero
        b->grads++;
        x->grad[x->grads++] = (gradient){grad[i], (int)(x->buckets - 1)};
    }
}

guise_status train_exchange_open(train_exchange **x, base_team *team, tg_plan *plan,
                                 const nn_params *p, tg_node *const grad[], float *flat,
                                 tg_device *device, base_error *e)
{
    train_exchange *n = *x = base_alloc(1, sizeof *n);
    if (!n) return base_no_memory(e);
    *n = (train_exchange){.team = team, .flat = flat};
    if (!team->on_device) n->device = device;
    n->bucket = base_alloc(nn_params_n(p) + 1, sizeof *n->bucket);
    n->grad = base_alloc(nn_params_n(p) + 1, sizeof *n->grad);
    if (!n->bucket || !n->grad) {
        train_exchange_close(x);
        return base_no_memory(e);
    }
    fill(n, p, grad);
    if (!n->device) tg_plan_watch(plan, (tg_watch){begin, made, all, n});
    return GUISE_OK;
}

void train_exchange_close(train_exchange **x)
{
    if (!*x) return;
    base_free((*x)->bucket);
    base_free((*x)->grad);
    base_free(*x);
    *x = NULL;
}

guise_status train_exchange_end(train_exchange *x, base_error *e)
{
    guise_status s = tg_wait(x->device, e);
    if (!s && x->device) begin(x), all(x);
    return s ? s : base_team_check(x->team, x->status, e);
}
