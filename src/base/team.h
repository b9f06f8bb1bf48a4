// team.h -- processes that do one thing together, each on its share of the rows of a batch (data
// parallelism): who one is, and what is exchanged. Words are MPI's: rank, size, broadcast, barrier.
//
// An exchange is asked for by every process, by all in the same order, and ends when all have
// asked. Row i of a batch of n belongs to process i % size, where it is row i / size: so the first
// half of a batch is the first half of every process's rows.
#ifndef GUISE_BASE_TEAM_H
#define GUISE_BASE_TEAM_H
#include "base/base.h"

// Filled in by what joins the processes: a module for MPI (mpi/team_mpi.c), NCCL between GPUs, the
// threads of a test. Functions give 0, or a negative guise_status with the reason in why.
typedef struct base_team base_team;
struct base_team {
    int rank, size;             // this process, 0..size - 1
    int local_rank, local_size; // among those on this machine
    bool on_device; // sum, start and finish take addresses of a GPU, and queue their work there
    // x[i] becomes its sum over all processes, in all of them the same bits.
    int (*sum)(base_team *t, float *x, size_t n);
    int (*sum_double)(base_team *t, double *x, size_t n); // always the host's
    // x[i] becomes its mean over all processes: begun by start, ended for all that was started by
    // finish; in between x is not to be touched. poke gives time to what goes on meanwhile.
    int (*start)(base_team *t, float *x, size_t n);
    int (*poke)(base_team *t);
    int (*finish)(base_team *t);
    int (*broadcast)(base_team *t, void *data, size_t bytes); // all get what rank 0 has
    int (*barrier)(base_team *t);
    void (*close)(base_team *t, bool well);
    // Called some twenty times a second while this process waits for others; may be NULL.
    void (*waits)(void *user);
    void *user;
    void *own; // of the functions
    char why[256];
};

// The processes that a launcher started together: mpirun -n N. NULL where this one is alone.
// Errors: GUISE_BAD_ARGUMENT where there are several, but no way to join them: what to install.
guise_status base_team_open(base_team **t, base_error *e);
// Which of them this one is, as the launcher says: 0 too where it is alone.
int base_team_launched(void);
// Part in peace: waits for the others. Not well: leaves at once; when this process then ends, the
// launcher ends the others. NULL is fine.
void base_team_close(base_team **t, bool well);
// Can processes be joined here? text: with what, or why not and what to install.
bool base_team_describe(char text[256]);

// A sentence for a failed exchange; GUISE_OK for 0.
guise_status base_team_check(const base_team *t, int status, base_error *e);
static inline bool base_team_leads(const base_team *t) { return !t || t->rank == 0; }
static inline int base_team_size(const base_team *t) { return t ? t->size : 1; }
// Row i of a batch among the rows of this process, or -1.
static inline int base_team_row(const base_team *t, int i)
{
    return !t ? i : i % t->size == t->rank ? i / t->size : -1;
}
// Of all rows, one after the other in memory, so many bytes each: those of this process move to the
// front.
void base_team_keep(const base_team *t, void *rows, int all, size_t bytes);

// What the module exports. size: of base_team; another one than the module was built with is
// refused.
typedef int base_team_join(base_team *t, size_t size);
typedef int base_team_version(char *text, size_t n);
#define BASE_TEAM_JOIN    "guise_team_join"
#define BASE_TEAM_VERSION "guise_team_version"

#endif
