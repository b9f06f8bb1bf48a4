// cuda.h -- one NVIDIA GPU: memory, kernels, products, convolutions. Only backend/cuda*.c includes
// NVIDIA's headers. Their libraries (driver, NVRTC, cuBLASLt, cuDNN) are opened at run time, so a
// binary built with CUDA also starts where none of them is; without CUDA all of this is there and
// cuda_open says so.
//
// Everything is queued on one stream and runs in order; nothing here waits but cuda_wait,
// cuda_download and where that is said. Functions that queue return 0 or a negative guise_status;
// the sentence of the first failure is kept (cuda_trouble).
#ifndef GUISE_CUDA_H
#define GUISE_CUDA_H
#include "backend/backend.h"

typedef struct cuda_device cuda_device;

typedef struct {
    bool deterministic; // same bits every time: no atomics in sums, cuDNN and cuBLASLt held to it
    bool exact;         // products in single precision; else TF32 is allowed
} cuda_wish;

// Errors: GUISE_BAD_ARGUMENT with one sentence on why the GPU cannot be used (built without CUDA,
// no driver, a library that is missing or too old, no such number).
guise_status cuda_open(cuda_device **d, int number, const cuda_wish *wish, base_error *e);
void cuda_close(cuda_device **d);               // NULL is fine; waits
const char *cuda_trouble(const cuda_device *d); // first failure since the last call of cuda_wait
cuda_wish cuda_wish_of(const cuda_device *d);

// For `guise doctor`, without opening a device. name and why are cut where they are too long.
typedef struct {
    int devices;
    char name[128];            // of device 0
    size_t bytes;              // its memory
    int major, minor;          // compute capability
    int driver, cudnn, cublas; // versions, 13000 for 13.0; 0: not found
    char why[256];             // why no GPU is used; "" where one can be
} cuda_facts;
void cuda_describe(cuda_facts *f);

// Memory. Addresses are the device's. Shared memory is the host's and the device's: the host may
// touch it after cuda_wait and before work that uses it is queued. Pinned memory is the host's, and
// copies from and to it do not wait.
typedef uint64_t cuda_at;
typedef enum { CUDA_DEVICE, CUDA_SHARED, CUDA_PINNED } cuda_kind;
cuda_at cuda_alloc(cuda_device *d, cuda_kind kind, size_t bytes); // 0: out of memory; zeroed
void cuda_free(cuda_device *d, cuda_kind kind, cuda_at p);        // 0 is fine; waits
size_t cuda_allocated(const cuda_device *d); // bytes now, CUDA_DEVICE and SHARED
// from is copied before the call returns, unless it is pinned: then it stays until cuda_wait.
int cuda_upload(cuda_device *d, cuda_at to, const void *from, size_t bytes);
int cuda_download(cuda_device *d, void *to, cuda_at from, size_t bytes);    // waits
int cuda_fetch(cuda_device *d, cuda_at pinned, cuda_at from, size_t bytes); // does not wait
int cuda_copy(cuda_device *d, cuda_at to, cuda_at from, size_t bytes);
int cuda_clear(cuda_device *d, cuda_at p, size_t bytes);
// Wait for all that is queued. Errors: GUISE_IO with what went wrong since the last call.
guise_status cuda_wait(cuda_device *d, base_error *e);
int cuda_settle(cuda_device *d); // waits, but leaves what went wrong for cuda_wait

// Data that the host gives anew for every run. What is put is copied at once, travels to the device
// beside the work that is queued already, and is at cuda_feed_at for the work that is queued next.
typedef struct cuda_feed cuda_feed;
int cuda_feed_open(cuda_feed **f, cuda_device *d, size_t bytes);
void cuda_feed_close(cuda_feed **f);
int cuda_feed_put(cuda_feed *f, const void *from); // waits while two before it are on their way
cuda_at cuda_feed_at(const cuda_feed *f);          // the same as long as f is open

// Work queued between begin and end is recorded, not run; replay runs it all with one call.
typedef struct cuda_record cuda_record;
int cuda_record_begin(cuda_device *d); // negative, without trouble: it cannot; run without
int cuda_record_end(cuda_device *d, cuda_record **r); // *r NULL where this cannot be recorded
int cuda_replay(cuda_device *d, const cuda_record *r);
void cuda_record_free(cuda_record **r);

// Marks on the stream, for timings: seconds between two, NAN until both are reached.
typedef struct cuda_mark cuda_mark;
cuda_mark *cuda_mark_new(cuda_device *d);
void cuda_mark_free(cuda_mark **m);
int cuda_mark_set(cuda_mark *m);
double cuda_mark_between(const cuda_mark *a, const cuda_mark *b); // waits for b

// Kernels of ours. text: CUDA source; compiled for this device on first use with the given lines
// ("#define X float\n", may be NULL) in front, and kept: in the device, and as a file in the user's
// cache directory. kernel.cuh of this folder is always in front. Takes seconds the first time.
typedef struct cuda_kernel cuda_kernel; // owned by the device
guise_status cuda_kernel_get(cuda_device *d, const char *text, const char *defines,
                             const char *name, cuda_kernel **k, base_error *e);
// For tests: does it compile for a compute capability, 90 for 9.0? Needs NVRTC, no device.
// Errors: GUISE_BAD_ARGUMENT without NVRTC; GUISE_IO with the compiler's words.
guise_status cuda_try_text(const char *text, const char *defines, int capability, base_error *e);
// One argument: a struct, copied. blocks * threads threads, 1-D; threads <= 1024.
int cuda_launch(cuda_device *d, const cuda_kernel *k, int64_t blocks, int threads, const void *args,
                size_t args_size);
enum { CUDA_THREADS = 256 };
int cuda_blocks(int64_t n); // of CUDA_THREADS for n elements by grid-stride loops; at least 1
// Division by a number that is known to the host (kernel.cuh: quotient). 0 < d < 2^31.
typedef struct {
    uint32_t d, magic, shift;
} cuda_divide;
cuda_divide cuda_divide_by(int64_t d);

// Element types in memory. All sums are single precision.
typedef enum { CUDA_F32, CUDA_BF16 } cuda_type;
size_t cuda_size(cuda_type t);
bool cuda_has_bf16(const cuda_device *d); // multiplies it: compute capability 8.0 and above
typedef struct {
    cuda_at at;
    cuda_type type;
} cuda_array;

// c[m,n] = op(a) op(b), row-major, `batch` of them one after the other in memory; a step of 0
// elements repeats the same matrix. scratch: cuda_gemm_scratch() bytes.
typedef struct {
    bool ta, tb;
    int64_t m, n, k, batch, step_a, step_b, step_c; // steps in elements, between matrices
} cuda_gemm_shape;
typedef struct cuda_gemm cuda_gemm;
int cuda_gemm_open(cuda_gemm **g, cuda_device *d, const cuda_gemm_shape *s, cuda_type a,
                   cuda_type b, cuda_type c);
void cuda_gemm_close(cuda_gemm **g);
size_t cuda_gemm_scratch(const cuda_gemm *g);
int cuda_gemm_run(const cuda_gemm *g, cuda_at a, cuda_at b, cuda_at c, cuda_at scratch);

int cuda_convert(cuda_device *d, cuda_array x, cuda_array y, int64_t n); // y = x, n elements

// Convolutions: kinds, geometry and epilogue as in backend.h, without `add`. x, y, dx, dy
// channels-last, 16-byte aligned; w and dw row-major [o,c/groups,kh,kw] (brought to cuDNN's order
// inside: every time, or with keep_weights, which is about the bias too, once until
// cuda_conv_forget, after which no record of runs before may be replayed).
// Errors: GUISE_BAD_ARGUMENT where cuDNN has no engine; GUISE_NO_MEMORY.
typedef struct {
    cuda_type a, b, out;
} cuda_conv_types;
typedef struct cuda_conv cuda_conv;
int cuda_conv_open(cuda_conv **c, cuda_device *d, cpu_conv_kind kind, const cpu_conv_shape *s,
                   const cpu_conv_post *post, cuda_conv_types types, bool keep_weights);
void cuda_conv_close(cuda_conv **c);
void cuda_conv_forget(cuda_conv *c); // the weights have changed
size_t cuda_conv_scratch(const cuda_conv *c);
size_t cuda_conv_bytes(const cuda_conv *c);    // kept weights
const char *cuda_conv_how(const cuda_conv *c); // cuDNN's engine, and what is done around it
// bias: [o] in single precision, or 0
int cuda_conv_run(cuda_conv *c, cuda_at a, cuda_at b, cuda_at bias, cuda_at out, cuda_at scratch);

#endif
