// cuda_nccl.c -- sums between GPUs by NCCL (NVIDIA's library of collectives, 2.10 or later), opened
// at run time as the others are.
//
// All calls go to one stream with one communicator, so they have the same order on every GPU, as
// NCCL demands. Two events tie it to the device's own stream: what is sent was ready, and what
// comes next finds it done. Recorded with the rest of a step, NCCL's kernels are replayed.
#include "backend/cuda_team.h"
#if defined GUISE_CUDA && defined GUISE_NCCL
#include "backend/cuda_own.h"
#include <dlfcn.h>
#include <nccl.h>
#include <string.h>

// clang-format off
#define NCCL(F)                                                                                    \
    F(ncclGetUniqueId) F(ncclCommInitRank) F(ncclCommDestroy) F(ncclCommAbort) F(ncclAllReduce)    \
    F(ncclGetErrorString)
// clang-format on

typedef struct {
    base_team *host;
    cuda_device *device;
    void *library;
    ncclComm_t comm;
    CUstream stream;
    CUevent ready, done;
#define NCCL_MEMBER(NAME) __typeof__(NAME) *NAME;
    NCCL(NCCL_MEMBER)
} joined;

static int failed(base_team *t, const char *why)
{
    snprintf(t->why, sizeof t->why, "NCCL: %.240s", why);
    return GUISE_IO;
}

static int check(base_team *t, ncclResult_t r)
{
    const joined *j = t->own;
    return r == ncclSuccess ? 0 : failed(t, j->ncclGetErrorString(r));
}

static int check_driver(base_team *t, CUresult r, const char *what)
{
    const joined *j = t->own;
    return cuda_check(j->device, r, what) ? failed(t, j->device->trouble) : 0;
}

// What has been queued on one stream so far comes before what will be on the other.
static int after(base_team *t, CUevent event, CUstream from, CUstream to)
{
    const cuda_api *api = &((const joined *)t->own)->device->api;
    int s = check_driver(t, api->cuEventRecord(event, from), "an event before NCCL's work");
    return s ? s : check_driver(t, api->cuStreamWaitEvent(to, event, 0), "a wait for NCCL's work");
}

static int queue(base_team *t, float *x, size_t n, ncclRedOp_t op)
{
    const joined *j = t->own;
    int s = after(t, j->ready, j->device->stream, j->stream);
    return s ? s : check(t, j->ncclAllReduce(x, x, n, ncclFloat32, op, j->comm, j->stream));
}

static int finish(base_team *t)
{
    const joined *j = t->own;
    return after(t, j->done, j->stream, j->device->stream);
}

static int sum(base_team *t, float *x, size_t n)
{
    int s = queue(t, x, n, ncclSum);
    return s ? s : finish(t);
}

static int start(base_team *t, float *x, size_t n) { return queue(t, x, n, ncclAvg); }

static int poke(base_team *t) // the GPU goes on by itself
{
    (void)t;
    return 0;
}

// What the host does, with its reasons.
static int told(base_team *t, int status)
{
    const base_team *host = ((const joined *)t->own)->host;
    if (status) memcpy(t->why, host->why, sizeof t->why);
    return status;
}

static base_team *host_of(const base_team *t)
{
    base_team *host = ((const joined *)t->own)->host;
    host->waits = t->waits;
    host->user = t->user;
    return host;
}

static int sum_double(base_team *t, double *x, size_t n)
{
    base_team *host = host_of(t);
    return told(t, host->sum_double(host, x, n));
}

static int broadcast(base_team *t, void *data, size_t bytes)
{
    base_team *host = host_of(t);
    return told(t, host->broadcast(host, data, bytes));
}

static int barrier(base_team *t)
{
    base_team *host = host_of(t);
    return told(t, host->barrier(host));
}

static void close(base_team *t, bool well)
{
    joined *j = t->own;
    const cuda_api *api = &j->device->api;
    if (j->comm && well) api->cuStreamSynchronize(j->stream);
    if (j->comm) well ? j->ncclCommDestroy(j->comm) : j->ncclCommAbort(j->comm);
    if (j->ready) api->cuEventDestroy_v2(j->ready);
    if (j->done) api->cuEventDestroy_v2(j->done);
    if (j->stream) api->cuStreamDestroy_v2(j->stream);
    if (j->library) dlclose(j->library);
    base_free(j);
    t->own = NULL;
}

static bool find(void *library, const char *name, void *function)
{
    void *at = dlsym(library, name);
    memcpy(function, &at, sizeof at);
    return at != NULL;
}

static guise_status open_library(joined *j, base_error *e)
{
    guise_status s = cuda_api_open("libnccl", NCCL_MAJOR, "NCCL", &j->library, NULL);
    if (s)
        return base_fail(e, s, "NVIDIA's library NCCL (libnccl.so.%d) is not found; install it",
                         NCCL_MAJOR);
#define NCCL_TAKE(NAME)                                                                            \
    if (!s && !find(j->library, #NAME, &j->NAME))                                                  \
        s = base_fail(e, GUISE_BAD_ARGUMENT,                                                       \
                      "several GPUs cannot be used: NCCL has no %s; install a newer one", #NAME);
    NCCL(NCCL_TAKE)
    return s;
}

// Have all processes come so far? Who goes on alone waits for ever.
static bool agree(base_team *t, int status)
{
    double lost = status != 0;
    return !sum_double(t, &lost, 1) && lost == 0;
}

// The first process makes a name for the meeting, which the others get from it.
static int meet(base_team *t)
{
    joined *j = t->own;
    const cuda_api *api = &j->device->api;
    ncclUniqueId id;
    memset(&id, 0, sizeof id);
    int s = cuda_use(j->device) ? failed(t, j->device->trouble) : 0;
    if (!s)
        s = check_driver(t, api->cuStreamCreate(&j->stream, CU_STREAM_NON_BLOCKING), "a stream");
    if (!s) s = check_driver(t, api->cuEventCreate(&j->ready, CU_EVENT_DISABLE_TIMING), "an event");
    if (!s) s = check_driver(t, api->cuEventCreate(&j->done, CU_EVENT_DISABLE_TIMING), "an event");
    if (!s && t->rank == 0) s = check(t, j->ncclGetUniqueId(&id));
    if (!agree(t, s)) return s ? s : failed(t, "another process cannot use it");
    s = broadcast(t, &id, sizeof id);
    return s ? s : check(t, j->ncclCommInitRank(&j->comm, t->size, id, t->rank));
}

guise_status cuda_team_open(base_team **t, cuda_device *d, base_team *host, base_error *e)
{
    base_team *n = base_alloc(1, sizeof *n);
    joined *j = base_alloc(1, sizeof *j);
    *t = NULL;
    if (!n || !j) {
        base_free(n);
        base_free(j);
        return base_no_memory(e);
    }
    *n = *host;
    *j = (joined){.host = host, .device = d};
    n->on_device = true;
    n->sum = sum;
    n->sum_double = sum_double;
    n->start = start;
    n->poke = poke;
    n->finish = finish;
    n->broadcast = broadcast;
    n->barrier = barrier;
    n->close = close;
    n->own = j;
    guise_status s = open_library(j, e);
    if (!agree(n, s) && !s)
        s = base_fail(e, GUISE_BAD_ARGUMENT, "several GPUs cannot be used: %s",
                      "another process has no NCCL");
    int met = s ? 0 : meet(n);
    if (!s && !agree(n, met))
        s = base_fail(e, GUISE_BAD_ARGUMENT, "several GPUs cannot be used: %s",
                      met ? n->why : "another process could not join");
    *t = n;
    if (s) base_team_close(t, false);
    return s;
}

#else

guise_status cuda_team_open(base_team **t, cuda_device *d, base_team *host, base_error *e)
{
    (void)d, (void)host;
    *t = NULL;
    return base_fail(e, GUISE_BAD_ARGUMENT,
                     "several GPUs cannot be used: this guise was built without NCCL; build it "
                     "where NVIDIA's toolkit and NCCL are, or train with one process");
}

#endif
