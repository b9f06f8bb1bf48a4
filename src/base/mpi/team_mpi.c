// team_mpi.c -- a team by MPI: a module of its own, so that the program does not need MPI to start.
// Gradients travel by non-blocking all-reduces of a communicator of their own, since other sums go
// on between them (MPI 3.1, section 5.12: such calls match by their order in a communicator).
#include "base/team.h"
#include <mpi.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GRAIN = 1 << 30 }; // most bytes of a call: MPI counts in int

typedef struct {
    MPI_Request request;
    float *x;
    size_t n;
} started;

typedef struct {
    MPI_Comm now, later; // sums that are waited for; those between start and finish
    started *at;
    size_t n, cap, done; // done: the first ones have ended
} joined;

static int failed(base_team *t, int code)
{
    char text[MPI_MAX_ERROR_STRING + 1] = "";
    int n = 0;
    if (code == MPI_SUCCESS) return 0;
    MPI_Error_string(code, text, &n);
    snprintf(t->why, sizeof t->why, "%.250s", text);
    return GUISE_IO;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Wait, and leave the processor to whoever has something to do: there may be more processes than
// processors. Where `asleep`, what takes long is waited for so (a measurement of the first
// process); not where much data is on its way, which goes on in calls of MPI only.
static int wait_for(base_team *t, MPI_Request *r, bool asleep)
{
    enum { SPIN = 64, LONG = 50, NAP = 500000 }; // tests; milliseconds; nanoseconds
    double begun = seconds(), last = begun;
    for (long i = 1;; i++) {
        int done = 0, code = MPI_Test(r, &done, MPI_STATUS_IGNORE);
        if (code || done) return failed(t, code);
        if (i <= SPIN) continue;
        double now = seconds();
        if (!asleep || now < begun + 1e-3 * LONG)
            sched_yield();
        else
            nanosleep(&(struct timespec){0, NAP}, NULL);
        if (now < last + 0.05) continue;
        last = now;
        if (t->waits) t->waits(t->user);
    }
}

static int sum_of(base_team *t, void *x, size_t n, size_t size, MPI_Datatype type)
{
    const joined *j = t->own;
    int s = 0;
    for (size_t i = 0; !s && i < n;) {
        size_t part = n - i < GRAIN / size ? n - i : GRAIN / size;
        MPI_Request r = MPI_REQUEST_NULL;
        s = failed(t, MPI_Iallreduce(MPI_IN_PLACE, (char *)x + i * size, (int)part, type, MPI_SUM,
                                     j->now, &r));
        if (!s) s = wait_for(t, &r, type == MPI_DOUBLE);
        i += part;
    }
    return s;
}

static int sum(base_team *t, float *x, size_t n) { return sum_of(t, x, n, sizeof *x, MPI_FLOAT); }

static int sum_double(base_team *t, double *x, size_t n)
{
    return sum_of(t, x, n, sizeof *x, MPI_DOUBLE);
}

static int start_part(base_team *t, float *x, size_t n)
{
    joined *j = t->own;
    if (j->n == j->cap) {
        size_t cap = j->cap ? 2 * j->cap : 16;
        started *at = realloc(j->at, cap * sizeof *at);
        if (!at) return GUISE_NO_MEMORY;
        j->at = at;
        j->cap = cap;
    }
    started *s = &j->at[j->n++];
    *s = (started){MPI_REQUEST_NULL, x, n};
    return failed(
        t, MPI_Iallreduce(MPI_IN_PLACE, x, (int)n, MPI_FLOAT, MPI_SUM, j->later, &s->request));
}

static int start(base_team *t, float *x, size_t n)
{
    int s = 0;
    for (size_t i = 0; !s && i < n; i += GRAIN / sizeof *x)
        s = start_part(t, x + i, n - i < GRAIN / sizeof *x ? n - i : GRAIN / sizeof *x);
    return s;
}

static void divide(float *x, size_t n, float by)
{
    for (size_t i = 0; i < n; i++) x[i] /= by;
}

static int poke(base_team *t)
{
    joined *j = t->own;
    int s = 0, done = 1;
    while (!s && done && j->done < j->n) {
        started *first = &j->at[j->done];
        s = failed(t, MPI_Test(&first->request, &done, MPI_STATUS_IGNORE));
        if (s || !done) break;
        divide(first->x, first->n, (float)t->size);
        j->done++;
    }
    return s;
}

static int finish(base_team *t)
{
    joined *j = t->own;
    int s = 0;
    for (; !s && j->done < j->n; j->done++) {
        s = wait_for(t, &j->at[j->done].request, false);
        if (!s) divide(j->at[j->done].x, j->at[j->done].n, (float)t->size);
    }
    if (!s) j->n = j->done = 0;
    return s;
}

static int broadcast(base_team *t, void *data, size_t bytes)
{
    const joined *j = t->own;
    int s = 0;
    for (size_t i = 0; !s && i < bytes; i += GRAIN) {
        size_t part = bytes - i < GRAIN ? bytes - i : GRAIN;
        MPI_Request r = MPI_REQUEST_NULL;
        s = failed(t, MPI_Ibcast((char *)data + i, (int)part, MPI_BYTE, 0, j->now, &r));
        if (!s) s = wait_for(t, &r, true);
    }
    return s;
}

static int barrier(base_team *t)
{
    const joined *j = t->own;
    MPI_Request r = MPI_REQUEST_NULL;
    int s = failed(t, MPI_Ibarrier(j->now, &r));
    return s ? s : wait_for(t, &r, true);
}

static void close(base_team *t, bool well)
{
    joined *j = t->own;
    if (well && !barrier(t)) MPI_Finalize();
    free(j->at);
    free(j);
    t->own = NULL;
}

// Communicators, and who is on this machine.
static int meet(base_team *t, joined *j)
{
    MPI_Comm here = MPI_COMM_NULL;
    int code = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN); // copies inherit it
    if (!code) code = MPI_Comm_dup(MPI_COMM_WORLD, &j->now);
    if (!code) code = MPI_Comm_dup(MPI_COMM_WORLD, &j->later);
    if (!code) code = MPI_Comm_rank(j->now, &t->rank);
    if (!code) code = MPI_Comm_size(j->now, &t->size);
    if (!code)
        code = MPI_Comm_split_type(j->now, MPI_COMM_TYPE_SHARED, t->rank, MPI_INFO_NULL, &here);
    if (!code) code = MPI_Comm_rank(here, &t->local_rank);
    if (!code) code = MPI_Comm_size(here, &t->local_size);
    if (here != MPI_COMM_NULL) MPI_Comm_free(&here);
    return failed(t, code);
}

static int begin(base_team *t)
{
    int begun = 0, ended = 0, level = 0;
    MPI_Initialized(&begun);
    MPI_Finalized(&ended);
    if (!begun) return failed(t, MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level));
    if (!ended) return 0;
    snprintf(t->why, sizeof t->why, "MPI has ended in this process: one training for each start");
    return GUISE_BAD_ARGUMENT;
}

__attribute__((visibility("default"))) base_team_join guise_team_join;
__attribute__((visibility("default"))) base_team_version guise_team_version;

int guise_team_join(base_team *t, size_t size)
{
    *t = (base_team){.sum = sum,
                     .sum_double = sum_double,
                     .start = start,
                     .poke = poke,
                     .finish = finish,
                     .broadcast = broadcast,
                     .barrier = barrier,
                     .close = close};
    if (size != sizeof *t) return GUISE_BAD_ARGUMENT;
    joined *j = calloc(1, sizeof *j);
    int s = j ? begin(t) : GUISE_NO_MEMORY;
    if (!s) s = meet(t, j);
    t->own = j;
    if (!s) return 0;
    free(j);
    t->own = NULL;
    return s;
}

int guise_team_version(char *text, size_t n)
{
    char all[MPI_MAX_LIBRARY_VERSION_STRING + 1] = "";
    int length = 0;
    if (MPI_Get_library_version(all, &length)) return GUISE_IO;
    snprintf(text, n, "%.*s", (int)strcspn(all, ","), all);
    return 0;
}
