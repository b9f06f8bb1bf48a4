// cuda_api.h -- NVIDIA's libraries as a table of functions, filled when a device is opened. Only
// cuda_*.c files include this; without GUISE_CUDA it is empty.
//
// Searched for in the directory GUISE_CUDA_LIBS alone where that variable is set; else where the
// loader looks, then beside the headers that this was built with.
#ifndef GUISE_CUDA_API_H
#define GUISE_CUDA_API_H
#ifdef GUISE_CUDA
#include "base/base.h"
#include <cublasLt.h>
#include <cuda.h>
#include <cudnn.h>
#include <nvrtc.h>

// clang-format off
#define CUDA_DRIVER(F)                                                                             \
    F(cuInit) F(cuDriverGetVersion) F(cuDeviceGetCount) F(cuDeviceGet) F(cuDeviceGetName)          \
    F(cuDeviceTotalMem_v2) F(cuDeviceGetAttribute) F(cuDevicePrimaryCtxRetain)                     \
    F(cuDevicePrimaryCtxRelease_v2) F(cuCtxSetCurrent) F(cuStreamCreate) F(cuStreamDestroy_v2)     \
    F(cuStreamSynchronize) F(cuMemAlloc_v2) F(cuMemFree_v2) F(cuMemAllocManaged)                   \
    F(cuMemHostAlloc) F(cuMemFreeHost) F(cuMemcpyHtoDAsync_v2) F(cuMemcpyDtoHAsync_v2)             \
    F(cuMemcpyDtoDAsync_v2) F(cuMemsetD8Async) F(cuModuleLoadData) F(cuModuleUnload)               \
    F(cuModuleGetFunction) F(cuLaunchKernel) F(cuEventCreate) F(cuEventDestroy_v2)                 \
    F(cuEventRecord) F(cuEventSynchronize) F(cuStreamWaitEvent) F(cuStreamBeginCapture_v2)         \
    F(cuStreamEndCapture) F(cuGraphInstantiateWithFlags) F(cuGraphLaunch) F(cuGraphDestroy)        \
    F(cuGraphExecDestroy) F(cuGetErrorName) F(cuGetErrorString)
#define CUDA_NVRTC(F)                                                                              \
    F(nvrtcVersion) F(nvrtcCreateProgram) F(nvrtcCompileProgram) F(nvrtcGetCUBINSize)              \
    F(nvrtcGetCUBIN) F(nvrtcGetPTXSize) F(nvrtcGetPTX) F(nvrtcGetProgramLogSize)                   \
    F(nvrtcGetProgramLog) F(nvrtcDestroyProgram) F(nvrtcGetErrorString)                            \
    F(nvrtcGetNumSupportedArchs) F(nvrtcGetSupportedArchs)
#define CUDA_BLAS(F)                                                                               \
    F(cublasLtCreate) F(cublasLtDestroy) F(cublasLtMatmulDescCreate)                               \
    F(cublasLtMatmulDescSetAttribute) F(cublasLtMatmulDescDestroy) F(cublasLtMatrixLayoutCreate)   \
    F(cublasLtMatrixLayoutSetAttribute) F(cublasLtMatrixLayoutDestroy)                             \
    F(cublasLtMatmulPreferenceCreate) F(cublasLtMatmulPreferenceSetAttribute)                      \
    F(cublasLtMatmulPreferenceDestroy) F(cublasLtMatmulAlgoGetHeuristic) F(cublasLtMatmul)         \
    F(cublasLtGetVersion) F(cublasLtGetStatusString)
#define CUDA_DNN(F)                                                                                \
    F(cudnnCreate) F(cudnnDestroy) F(cudnnSetStream) F(cudnnGetVersion) F(cudnnGetErrorString)     \
    F(cudnnGetLastErrorString) F(cudnnBackendCreateDescriptor) F(cudnnBackendDestroyDescriptor)    \
    F(cudnnBackendSetAttribute) F(cudnnBackendGetAttribute) F(cudnnBackendFinalize)                \
    F(cudnnBackendExecute)
// clang-format on

typedef struct {
    void *driver, *nvrtc, *blas, *dnn; // handles of the libraries
    // cuEventElapsedTime_v2, or before 12.8 the one without a number, which does the same
    CUresult(CUDAAPI *elapsed)(float *ms, CUevent from, CUevent to);
#define CUDA_MEMBER(NAME) __typeof__(NAME) *NAME;
    CUDA_DRIVER(CUDA_MEMBER)
    CUDA_NVRTC(CUDA_MEMBER)
    CUDA_BLAS(CUDA_MEMBER)
    CUDA_DNN(CUDA_MEMBER)
#undef CUDA_MEMBER
} cuda_api;

// Errors: GUISE_BAD_ARGUMENT with one sentence that names the library and what is wrong with it.
// The driver alone: for machines without a GPU, where the rest may be missing too.
guise_status cuda_api_driver(cuda_api *api, base_error *e);
guise_status cuda_api_rest(cuda_api *api, base_error *e);     // NVRTC, cuBLASLt and cuDNN
guise_status cuda_api_compiler(cuda_api *api, base_error *e); // NVRTC alone: to compile, no GPU
// Any other library, "libnccl" 2: searched for like these. dlclose ends it.
guise_status cuda_api_open(const char *stem, int major, const char *what, void **library,
                           base_error *e);
void cuda_api_close(cuda_api *api); // what is open

#endif
#endif
