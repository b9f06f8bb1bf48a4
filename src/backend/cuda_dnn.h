// cuda_dnn.h -- one convolution as cuDNN's graph interface takes it. For cuda_conv.c; empty without
// GUISE_CUDA.
#ifndef GUISE_CUDA_DNN_H
#define GUISE_CUDA_DNN_H
#ifdef GUISE_CUDA
#include "backend/cuda_own.h"

// All arrays are channels-last, weights [o,kh,kw,c/groups]; sums are single precision.
typedef struct {  // compared byte by byte: members of 8 bytes only
    int64_t kind; // cpu_conv_kind
    int64_t n, c, h, w, o, oh, ow, kh, kw, stride, groups;
    int64_t before[2], after[2];  // zero padding of rows and columns
    int64_t type, out;            // cuda_type: of both operands, of the result
    int64_t bias, bias_type, act; // y + bias[o], cuda_type; then y > 0 ? y : slope y
    double slope;
} cuda_dnn_conv;

// How hard to look for an engine: cuDNN's first choices, or any that can do it at all.
typedef enum { CUDA_DNN_BEST, CUDA_DNN_ANY } cuda_dnn_effort;

typedef struct cuda_dnn cuda_dnn;
// An engine that keeps what the device was opened with (deterministic, exact), made once for a
// device and owned by it. *p NULL: there is none. Errors: GUISE_NO_MEMORY.
int cuda_dnn_get(const cuda_dnn **p, cuda_device *d, const cuda_dnn_conv *c,
                 cuda_dnn_effort effort);
size_t cuda_dnn_workspace(const cuda_dnn *p);
int64_t cuda_dnn_engine(const cuda_dnn *p); // cuDNN's number of it
// a, b, out as in cuda_conv_run; all addresses are multiples of CUDA_DNN_ALIGN.
enum { CUDA_DNN_ALIGN = 16 };
int cuda_dnn_run(const cuda_dnn *p, cuda_device *d, cuda_at a, cuda_at b, cuda_at bias, cuda_at out,
                 cuda_at workspace);
void cuda_dnn_free(cuda_device *d); // all of the device's

#endif
#endif
