// backend.h -- the heavy float kernels that op files call: products and convolutions by oneDNN.
// Only this layer includes dnnl.h; the differences between its versions 2 and 3 end in dnnl_shim.h.
#ifndef GUISE_BACKEND_H
#define GUISE_BACKEND_H
#include "base/base.h"

// c[m,n] = op(a) op(b), row-major; op transposes where ta, tb. 0 or a negative guise_status.
int cpu_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a, const float *b,
             float *c);

// One convolution geometry: x [n,c,h,w], w [o,c/groups,kh,kw], y [n,o,oh,ow].
typedef struct {
    int64_t n, c, h, w, o, oh, ow, kh, kw, stride, groups;
    int64_t top, left, bottom, right; // zero padding
    int64_t reflect;                  // or mirrored padding of x, on all sides; not CPU_CONV_DX
} cpu_conv_shape;

typedef enum {
    CPU_CONV_Y,  // a = x, b = w, out = y
    CPU_CONV_DX, // a = dy, b = w, out = dx
    CPU_CONV_DW, // a = dy, b = x, out = dw
} cpu_conv_kind;

typedef struct {
    bool bias;    // y += bias[o], CPU_CONV_Y only
    bool act;     // then y = y > 0 ? y : slope y
    double slope; // 0: ReLU
    bool add;     // y += what out holds before, ahead of act
} cpu_conv_post;

// A convolution made ready. x, y, dx, dy are channels-last (n h w c); weights are row-major
// [o,c/groups,kh,kw] and packed on the way in: every time, or once where keep_weights is set
// (until cpu_conv_forget).
//
// There are several ways: oneDNN's direct convolution, and Winograd's with tiles of 2, 4 or 6. By
// default a fixed rule chooses, so that a training gives the same bits every time; with `measure`
// all are tried, and the fastest is remembered (tune.h).
//
// With a type below CPU_F32 images and weights are rounded to it on the way in; sums, bias and
// result stay single precision, or whole numbers until the end. CPU_CONV_Y without `add` only.
typedef enum { CPU_F32, CPU_BF16, CPU_F16, CPU_INT8, CPU_TYPES } cpu_type;
typedef struct {
    bool keep_weights, measure;
    bool no_winograd, no_narrow; // leave these ways out: to see what they bring
    cpu_type type;
} cpu_conv_wish;

typedef struct cpu_conv cpu_conv;
// With a lower type and `measure`, *c stays NULL where this machine has no instructions for it, or
// where it was not faster than single precision.
int cpu_conv_open(cpu_conv **c, cpu_conv_kind kind, const cpu_conv_shape *s,
                  const cpu_conv_post *post, cpu_conv_wish wish);
void cpu_conv_close(cpu_conv *c);
// scratch: cpu_conv_scratch bytes, 64-byte aligned, which steps of a plan can share.
int cpu_conv_run(cpu_conv *c, const float *a, const float *b, const float *bias, float *out,
                 void *scratch);
size_t cpu_conv_scratch(const cpu_conv *c);
void cpu_conv_forget(cpu_conv *c);           // the weights have changed
size_t cpu_conv_bytes(const cpu_conv *c);    // packed weights
const char *cpu_conv_how(const cpu_conv *c); // "winograd 4", or what oneDNN chose

// Where measured choices are kept between runs of the program: a text file, read now and appended
// to from here on. NULL: in memory only, the default. Any damage to the file costs time only.
void cpu_tune_file(const char *path);

// "oneDNN 2.6.3, AVX-512, 2 threads", with what is in use; text stays valid.
typedef struct {
    int dnnl_major, dnnl_minor, dnnl_patch, threads;
    const char *isa; // widest instruction set that oneDNN uses here
} cpu_facts;
void cpu_describe(cpu_facts *f);
void cpu_set_threads(int n); // for the whole process; 0: all cores
void cpu_take_threads(void); // for the calling thread, as it was set last; nothing where it was not
// Threads of process `rank` of so many on this machine: its share of the cores, unless
// OMP_NUM_THREADS or cpu_set_threads have said so. Call before there are other threads.
void cpu_share_cores(int rank, int of);

// Vectors that this machine has and ONEDNN_MAX_CPU_ISA allows: our kernels go by the same as
// oneDNN's.
typedef enum { CPU_PLAIN, CPU_AVX2, CPU_AVX512 } cpu_level;
cpu_level cpu_has(void);
bool cpu_has_type(cpu_type t);         // instructions that multiply it, not just conversions
const char *cpu_type_name(cpu_type t); // "bf16"

#endif
