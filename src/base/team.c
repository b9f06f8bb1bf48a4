// team.c -- which processes were started together; the module that joins them, opened only then.
#include "base/team.h"
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char module_name[] = "guise-mpi.so";
static const char advice[] =
    "install Open MPI (Debian: openmpi-bin, and libopenmpi-dev where guise "
    "is built)";

// How many processes the launcher says there are: mpirun of Open MPI; those of MPICH and Intel;
// Slurm's srun where it joins processes by PMIx.
static int launched(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *v = getenv(names[i]);
        long n = v ? strtol(v, NULL, 10) : 0;
        if (n > 0 && n < INT_MAX) return (int)n;
    }
    const char *slurm = getenv("SLURM_NTASKS"); // also set for a batch script, which is alone
    long n = slurm && getenv("PMIX_RANK") ? strtol(slurm, NULL, 10) : 1;
    return n > 0 && n < INT_MAX ? (int)n : 1;
}

int base_team_launched(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"};
    for (size_t i = 0; launched() > 1 && i < sizeof names / sizeof *names; i++)
        if (getenv(names[i])) return (int)strtol(getenv(names[i]), NULL, 10);
    return 0;
}

// Beside the program, as it is built; or where it is installed. NULL: nowhere, or no memory.
static char *module_path(void)
{
    static const char *const places[] = {"", "../lib/guise/", "../../lib/guise/"};
    char dir[PATH_MAX];
    const char *set = getenv("GUISE_MODULES");
    if (set && *set) return base_format("%s/%s", set, module_name);
    ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX - 1);
    dir[n > 0 ? n : 0] = 0;
    char *slash = strrchr(dir, '/');
    if (slash) slash[1] = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *path = base_format("%s%s%s", dir, places[i], module_name);
        if (path && base_is_file(path)) return path;
        base_free(path);
    }
    return NULL;
}

// The module, or NULL with the reason in why. MPI's library looks for its symbols itself, so they
// are for all.
static void *open_module(char why[256])
{
    char *path = module_path();
    void *module = path ? dlopen(path, RTLD_NOW | RTLD_GLOBAL) : NULL;
    const char *text = path ? dlerror() : NULL;
    if (!path)
        snprintf(why, 256, "%s is not there", module_name);
    else if (!module)
        snprintf(why, 256, "%.250s", text ? text : path);
    base_free(path);
    return module;
}

// A function of the module: POSIX has pointers to data and to functions alike.
static bool find(void *module, const char *name, void *function)
{
    void *at = dlsym(module, name);
    memcpy(function, &at, sizeof at);
    return at != NULL;
}

static guise_status join(base_team *t, int n, base_error *e)
{
    char why[256] = "";
    base_team_join *f = NULL;
    void *module = open_module(why);
    if (!module || !find(module, BASE_TEAM_JOIN, &f))
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "%d processes were started together, but cannot be joined: %s; %s, or "
                         "start guise without a launcher",
                         n, why, advice);
    if (f(t, sizeof *t))
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "%d processes were started together, but cannot be joined: %s", n, t->why);
    if (t->size == n) return GUISE_OK;
    t->close(t, false);
    return base_fail(e, GUISE_BAD_ARGUMENT,
                     "%d processes were started together, but Open MPI knows of %d: use its own "
                     "mpirun, not that of another MPI",
                     n, t->size);
}

guise_status base_team_open(base_team **t, base_error *e)
{
    int n = launched();
    *t = NULL;
    if (n < 2) return GUISE_OK;
    base_team *new = base_alloc(1, sizeof *new);
    guise_status s = new ? join(new, n, e) : base_no_memory(e);
    if (s)
        base_free(new);
    else
        *t = new;
    return s;
}

void base_team_close(base_team **t, bool well)
{
    if (!*t) return;
    (*t)->close(*t, well);
    base_free(*t);
    *t = NULL;
}

bool base_team_describe(char text[256])
{
    char why[256] = "", name[128] = "";
    base_team_version *f = NULL;
    void *module = open_module(why);
    bool ok = module && find(module, BASE_TEAM_VERSION, &f) && !f(name, sizeof name);
    if (ok)
        snprintf(text, 256, "mpirun -n N guise train ..., by %s", name);
    else
        snprintf(text, 256, "none: %.130s; %s", why, advice);
    return ok;
}

void base_team_keep(const base_team *t, void *rows, int all, size_t bytes)
{
    char *at = rows;
    if (!t || !rows) return;
    for (int i = t->rank, k = 0; i < all; i += t->size, k++) // i >= k: none is lost
        memmove(at + (size_t)k * bytes, at + (size_t)i * bytes, bytes);
}

guise_status base_team_check(const base_team *t, int status, base_error *e)
{
    if (!status) return GUISE_OK;
    if (status == GUISE_NO_MEMORY) return base_no_memory(e);
    return base_fail(e, (guise_status)status, "the exchange with the other processes failed: %s",
                     t->why);
}
