// bench.c -- how long things take: a network, a training step, a swap, stage by stage.
#include "engine/bench.h"
#include "backend/backend.h"
#include "engine/net.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

void guise_set_threads(int n) { cpu_set_threads(n); }

void guise_bench_free(guise_bench *b)
{
    base_free(b->row);
    *b = (guise_bench){0};
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Between the two nearest of n sorted numbers, in a line.
static double quantile(const double *v, int n, double q)
{
    double at = q * (n - 1);
    int i = (int)at, k = i + 1 < n ? i + 1 : i;
    return v[i] + (v[k] - v[i]) * (at - i);
}

double bench_median(double *seconds, int n)
{
    qsort(seconds, (size_t)n, sizeof *seconds, ascending);
    return quantile(seconds, n, 0.5);
}

void bench_summary(guise_bench *b, double *seconds, int n)
{
    b->runs = n;
    b->median = bench_median(seconds, n);
    b->least = seconds[0];
    b->spread = quantile(seconds, n, 0.75) - quantile(seconds, n, 0.25);
}

guise_status bench_runs(int *runs, double **seconds, int rows, base_error *e)
{
    if (*runs < 0 || *runs > 10000)
        return base_fail(e, GUISE_BAD_ARGUMENT, "runs lie in 1..10000, not at %d", *runs);
    if (!*runs) *runs = 10;
    *seconds = base_alloc((size_t)(*runs * rows), sizeof **seconds);
    return *seconds ? GUISE_OK : base_no_memory(e);
}

guise_bench_row *bench_row(guise_bench *b, size_t *cap)
{
    if (!BASE_PUSH_ROOM(b->row, b->n, *cap)) return NULL;
    b->row[b->n] = (guise_bench_row){0};
    return &b->row[b->n++];
}

// Multiply-accumulates in a second of a product of two large matrices, the fastest of a few.
static guise_status matrix_speed(double *speed, base_error *e)
{
    enum { SIDE = 1536, TIMES = 6 };
    size_t n = (size_t)SIDE * SIDE;
    float *a = base_aligned(n * sizeof *a), *b = base_aligned(n * sizeof *b);
    float *c = base_aligned(n * sizeof *c);
    guise_status s = a && b && c ? GUISE_OK : base_no_memory(e);
    for (size_t i = 0; !s && i < n; i++) a[i] = b[i] = (float)(i % 7) / 7;
    double best = 0;
    for (int i = 0; !s && i < TIMES; i++) {
        double start = base_seconds();
        s = (guise_status)cpu_gemm(false, false, SIDE, SIDE, SIDE, a, b, c);
        double took = base_seconds() - start;
        if (!s && (!best || took < best)) best = took;
    }
    base_free(a);
    base_free(b);
    base_free(c);
    if (s) return base_no_memory(e);
    *speed = (double)SIDE * SIDE * SIDE / fmax(best, 1e-9);
    return GUISE_OK;
}

guise_status bench_machine(guise_bench *b, tg_device *device, bool mixed, base_error *e)
{
    struct rusage use;
    cpu_facts facts;
    cpu_describe(&facts);
    b->threads = facts.threads;
    if (!getrusage(RUSAGE_SELF, &use)) b->peak_bytes = (size_t)use.ru_maxrss * 1024;
    return device ? tg_device_peak(device, mixed, &b->peak, e) : matrix_speed(&b->peak, e);
}

// Steps of one kind, way and shape are one row.
typedef struct {
    guise_bench *b;
    size_t cap;
    bool full; // out of memory
} rows;

static void add_time(void *user, const tg_step_time *t)
{
    rows *r = user;
    char shape[128];
    guise_bench_row *at = NULL, want = {.seconds = t->seconds / r->b->runs,
                                        .macs = t->macs,
                                        .gain = t->gain,
                                        .error = t->error};
    snprintf(want.what, sizeof want.what, "%s", t->what);
    snprintf(want.how, sizeof want.how, "%s", t->how ? t->how : "");
    snprintf(want.shape, sizeof want.shape, "%.63s", tg_shape_text(t->shape, shape));
    for (size_t i = 0; !at && i < r->b->n; i++) {
        guise_bench_row *k = &r->b->row[i];
        if (!strcmp(k->what, want.what) && !strcmp(k->how, want.how) &&
            !strcmp(k->shape, want.shape) && k->macs == want.macs * k->count)
            at = k;
    }
    if (!at) at = bench_row(r->b, &r->cap);
    if (!at) {
        r->full = true;
        return;
    }
    want.count = at->count + 1;
    want.seconds += at->seconds;
    want.macs += at->macs;
    want.gain += at->gain;
    want.error = fmax(want.error, at->error);
    *at = want;
}

guise_status bench_ops(guise_bench *b, size_t *cap, const tg_plan *plan, base_error *e)
{
    rows found = {b, *cap, false};
    tg_plan_times(plan, add_time, &found);
    *cap = found.cap;
    return found.full ? base_no_memory(e) : GUISE_OK;
}

static int slowest_first(const void *a, const void *b)
{
    return -ascending(&((const guise_bench_row *)a)->seconds,
                      &((const guise_bench_row *)b)->seconds);
}

// Pictures of 0..1; rows of a matrix have about unit length.
static guise_status bind_random(net_run *r)
{
    base_rng rng = {1};
    base_error *e = &r->g->error;
    guise_status s =
        (r->data = base_alloc(r->in.n, sizeof *r->data)) ? GUISE_OK : base_no_memory(e);
    for (size_t i = 0; !s && i < r->in.n; i++) {
        tg_shape shape = tg_shape_of(r->in.at[i].node);
        size_t n = (size_t)tg_count(shape);
        double unit = shape.rank == 2 ? 1 / sqrt((double)shape.dim[1]) : 0;
        if (!(r->data[i] = base_alloc(n, sizeof(float)))) return base_no_memory(e);
        for (size_t k = 0; k < n; k++)
            r->data[i][k] =
                (float)(unit > 0 ? unit * base_rng_normal(&rng) : base_rng_uniform(&rng));
        s = tg_plan_bind(r->plan, r->in.at[i].node, r->data[i], e);
    }
    return s;
}

static double since(double *mark) // seconds since the mark, which moves to now
{
    double now = base_seconds(), took = now - *mark;
    *mark = now;
    return took;
}

static guise_status time_plan(net_run *r, guise_bench *b, double *seconds, int n)
{
    base_error *e = &r->g->error;
    double mark = base_seconds();
    guise_status s = tg_plan_run(r->plan, e);
    b->first = since(&mark);
    tg_plan_forget_times(r->plan);
    if (!s && r->g->device) s = tg_plan_run(r->plan, e); // is recorded
    for (int i = 0; !s && i < n; i++) {
        since(&mark);
        s = tg_plan_run(r->plan, e);
        seconds[i] = since(&mark);
    }
    if (s) return s;
    bench_summary(b, seconds, n);
    if (r->g->device) tg_plan_keep_times(r->plan); // steps apart, which replays are not
    for (int i = 0; !s && r->g->device && i < n; i++) s = tg_plan_run(r->plan, e);
    if (s) return s;
    size_t cap = 0;
    s = bench_ops(b, &cap, r->plan, e);
    if (s) return s;
    qsort(b->row, b->n, sizeof *b->row, slowest_first);
    b->macs = tg_plan_macs(r->plan);
    b->plan_bytes = tg_plan_bytes(r->plan);
    b->error = tg_plan_error(r->plan);
    return bench_machine(b, r->g->device, r->o->fast, e);
}

guise_status guise_bench_net(guise_engine *g, const char *net, const guise_net_options *o, int runs,
                             guise_bench *b)
{
    *b = (guise_bench){0};
    net_run r;
    double *seconds = NULL, mark = base_seconds();
    tg_plan_options timed = {.fast = o && o->fast};
    guise_status s = net_run_open(&r, g, net, o);
    if (!s) s = engine_device(g, &timed.device);
    timed.time = !timed.device;
    if (!s && o && o->without && !(timed.without = tg_plan_parts(o->without, &g->error)))
        s = GUISE_BAD_ARGUMENT;
    if (!s) s = bench_runs(&runs, &seconds, 1, &g->error);
    if (!s) s = net_run_build(&r);
    if (!s && r.params) s = net_run_weights(&r);
    b->load = since(&mark);
    if (!s) s = net_run_plan(&r, &timed);
    b->plan = since(&mark);
    if (!s) s = bind_random(&r);
    if (!s) s = time_plan(&r, b, seconds, runs);
    tg_plan_close(&r.plan); // then once more: choices are known now
    since(&mark);
    if (!s) s = net_run_plan(&r, &timed);
    b->plan_again = since(&mark);
    net_run_close(&r);
    base_free(seconds);
    if (s) guise_bench_free(b);
    return s;
}
