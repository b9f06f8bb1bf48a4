// standin.h -- a GPU that is not there: what the stand-ins for NVIDIA's libraries share.
//
// Four libraries with NVIDIA's names carry out on the CPU the calls that Guise makes (README.md).
// The driver's (driver.c, memory.c, stream.c, graph.c, module.c, block.c) exports what is declared
// here for the other three, and for tests by dlsym.
#ifndef GUISE_STANDIN_H
#define GUISE_STANDIN_H
#include <cuda.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Begins every call of every library: counts it, and says whether it is the one that must fail.
bool standin_fails(const char *call);
// The n-th call from now fails, 1 being the next; 0: none. Also GUISE_STANDIN_FAIL=N at start.
void standin_fail_at(long n);
long standin_calls(void);          // so many since the last standin_fail_at
const char *standin_failed(void);  // the call that failed, or NULL
void standin_seed(uint64_t seed);  // of the order of threads and blocks, and of what runs early
void standin_memory(size_t bytes); // memory of each device
void standin_object(int more);     // +1: something of the caller's now lives; -1: no more
long standin_objects(void);        // memory, streams, descriptors .. that live
uint64_t standin_random(void);     // next of the seeded numbers

// Work: run(data) is called when the stream gets there, in its order; data is copied. Between
// cuStreamBeginCapture and EndCapture it becomes part of the graph.
typedef CUresult standin_work(void *data);
CUresult standin_queue(CUstream stream, standin_work *run, const void *data, size_t bytes);
bool standin_capturing(void);     // any stream is being captured
int standin_current_device(void); // of the context of this thread, or -1
void standin_lock(void);          // one call at a time over all libraries; may be taken again
void standin_unlock(void);
// Is [p, p + bytes) inside one live allocation that kernels can reach?
bool standin_holds(CUdeviceptr p, size_t bytes);

// ---- Inside the driver's library

struct CUctx_st {
    int device, users;
};
extern _Thread_local CUcontext standin_current;
CUresult standin_begin(const char *call); // fails by order, after a sticky error, without a context
CUresult standin_break(CUresult why);     // from here on every call fails with it
CUresult standin_broken(void);
CUresult standin_drain(CUstream stream); // carries out what is queued; NULL: on all streams
CUresult standin_run_all(void);          // of the current context, as freeing memory does
CUresult standin_run_quietly(standin_work *run, void *data); // with device memory within reach
bool standin_pinned(const void *p, size_t bytes);
bool standin_stream_live(CUstream stream);
void standin_hidden(bool hidden); // device memory from the host's eyes
int standin_devices(void);

// One launch: a grid of blocks of threads, each calling call(args).
typedef struct {
    void (*call)(const void *args);
    unsigned blocks, threads;
    bool together; // threads meet at __syncthreads
    char *shared;  // __shared__ memory of a block
    size_t shared_bytes;
    const void *args;
} standin_launch;
CUresult standin_run_grid(const standin_launch *l);

// Image of a kernel, as "cubin": this, then bytes of a shared library.
typedef struct {
    char magic[8]; // STANDIN_MAGIC
    int arch;      // 90
    int reserved;
    size_t bytes;
} standin_image;
#define STANDIN_MAGIC "standin"
enum { STANDIN_ARCH = 90, STANDIN_SHARED_MOST = 48 * 1024, STANDIN_MAX_PARAMS = 8 };
// What the library has beside the kernel <name>: "standin_call_<name>" (void (const void *)), and
// "standin_size_<name>" (size_t) of its one argument.
#endif
