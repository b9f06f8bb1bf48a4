// device_peak.c -- how fast a device multiplies large matrices, which timings are held against.
#include "graph/op.h"
#include <math.h>

enum { LEAST = 512, MOST = 8192, TIMES = 8 };

// Seconds of one product of n x n matrices, the mean of a few; NAN where it fails.
static double time_product(cuda_device *d, int64_t n, cuda_type type)
{
    size_t bytes = (size_t)(n * n) * cuda_size(type);
    const cuda_gemm_shape shape = {
        .m = n, .n = n, .k = n, .batch = 1, .step_a = n * n, .step_b = n * n, .step_c = n * n};
    cuda_gemm *g = NULL;
    cuda_mark *mark[2] = {cuda_mark_new(d), cuda_mark_new(d)};
    cuda_at at[3] = {cuda_alloc(d, CUDA_DEVICE, bytes), cuda_alloc(d, CUDA_DEVICE, bytes),
                     cuda_alloc(d, CUDA_DEVICE, bytes)};
    int s = cuda_gemm_open(&g, d, &shape, type, type, type);
    cuda_at scratch = s ? 0 : cuda_alloc(d, CUDA_DEVICE, cuda_gemm_scratch(g));
    bool ready = !s && mark[0] && mark[1] && at[0] && at[1] && at[2] && scratch;
    if (ready) s = cuda_gemm_run(g, at[0], at[1], at[2], scratch);
    if (ready && !s) s = cuda_mark_set(mark[0]);
    for (int i = 0; ready && !s && i < TIMES; i++)
        s = cuda_gemm_run(g, at[0], at[1], at[2], scratch);
    if (ready && !s) s = cuda_mark_set(mark[1]);
    double took = ready && !s ? cuda_mark_between(mark[0], mark[1]) / TIMES : (double)NAN;
    cuda_free(d, CUDA_DEVICE, scratch);
    for (int i = 0; i < 3; i++) cuda_free(d, CUDA_DEVICE, at[i]);
    for (int i = 0; i < 2; i++) cuda_mark_free(&mark[i]);
    cuda_gemm_close(&g);
    return took;
}

guise_status tg_device_peak(tg_device *d, bool mixed, double *macs, base_error *e)
{
    const double enough = 1e-3; // seconds: a launch no longer counts
    cuda_device *cuda = tg_device_cuda(d);
    double best = 0, took = 0;
    for (int64_t n = LEAST; n <= MOST && took < enough; n *= 2) {
        took = time_product(cuda, n, mixed && cuda_has_bf16(cuda) ? CUDA_BF16 : CUDA_F32);
        double speed = (double)(n * n * n) / took;
        if (isfinite(speed) && speed > best) best = speed;
        if (isnan(took)) break;
    }
    *macs = best;
    if (best > 0) return cuda_wait(cuda, NULL), GUISE_OK; // of sizes beyond its memory
    guise_status s = cuda_wait(cuda, e);
    return s ? s : base_no_memory(e);
}
