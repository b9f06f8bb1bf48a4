// cuda_own.h -- the inside of a device, for cuda_*.c. Without GUISE_CUDA it is empty.
#ifndef GUISE_CUDA_OWN_H
#define GUISE_CUDA_OWN_H
#ifdef GUISE_CUDA
#include "backend/cuda.h"
#include "backend/cuda_api.h"

struct cuda_kernel {
    char *source, *name;
    size_t front; // bytes of source before what cuda_kernel_get was given
    CUmodule module;
    CUfunction function;
};

typedef struct { // a block of cuda_alloc
    cuda_at at;
    size_t bytes;
    cuda_kind kind;
} cuda_block;

struct cuda_device {
    cuda_api api;
    cuda_wish wish;
    int number, major, minor; // major, minor: compute capability
    CUdevice device;
    CUcontext context;
    CUstream stream, feeding; // all work; data on its way to the device
    cublasLtHandle_t blas;
    cudnnHandle_t dnn; // on stream
    cuda_block *block;
    size_t n_blocks, cap_blocks, allocated;
    cuda_kernel **kernel;
    size_t n_kernels, cap_kernels;
    struct cuda_dnn **dnns; // convolutions of cuDNN made so far (cuda_dnn.h)
    size_t n_dnns, cap_dnns;
    bool recording;
    guise_status failed; // first failure since the last cuda_wait, and its sentence
    char trouble[400];
};

// 0 where r is success; else the first failure is kept: "<what>: <why>".
int cuda_check(cuda_device *d, CUresult r, const char *what);
int cuda_check_blas(cuda_device *d, cublasStatus_t r, const char *what);
int cuda_check_dnn(cuda_device *d, cudnnStatus_t r, const char *what);
int cuda_failed(cuda_device *d, guise_status s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cuda_kernel_free(cuda_device *d, cuda_kernel *k); // NULL is fine
int cuda_use(cuda_device *d); // the thread that calls works with d from here on

#endif
#endif
