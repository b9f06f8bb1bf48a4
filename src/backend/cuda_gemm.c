// cuda_gemm.c -- matrix products by cuBLASLt. It counts rows down columns: a row-major matrix is
// its transpose there, so that c = a b is asked for as c' = b' a'.
#include "backend/cuda_own.h"

enum { ALIGN = 256, WIDE = 16 }; // of parts of scratch memory; of operands for the fast way

typedef struct { // how one operand lies, as cuBLASLt sees it
    int64_t rows, cols, step;
    cudaDataType_t type;
} matrix;

struct cuda_gemm {
    cuda_device *device;
    cuda_gemm_shape shape;
    cuda_type a, b, c;   // as given
    cuda_type ab, out;   // as multiplied
    size_t at_b, at_out; // bytes into scratch memory of operands that are converted, after a
    size_t at_work, scratch;
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t left, right, result;
    cublasLtMatmulAlgo_t aligned, any; // for operands at multiples of WIDE bytes, and for all
    bool has_aligned, has_any;
    size_t work_aligned, work_any;
};

static size_t round_up(size_t n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }
static cudaDataType_t data_type(cuda_type t) { return t == CUDA_BF16 ? CUDA_R_16BF : CUDA_R_32F; }

// Elements that an operand of rows times cols takes with all its copies.
static int64_t elements(const cuda_gemm *g, int64_t rows, int64_t cols, int64_t step)
{
    return rows * cols + (g->shape.batch - 1) * step;
}

static int describe(cuda_gemm *g)
{
    const cuda_api *api = &g->device->api;
    const cuda_gemm_shape *s = &g->shape;
    bool tf32 = g->ab == CUDA_F32 && !g->device->wish.exact;
    const cublasOperation_t left = s->tb ? CUBLAS_OP_T : CUBLAS_OP_N,
                            right = s->ta ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasStatus_t r = api->cublasLtMatmulDescCreate(
        &g->desc, tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F);
    if (!r)
        r = api->cublasLtMatmulDescSetAttribute(g->desc, CUBLASLT_MATMUL_DESC_TRANSA, &left,
                                                sizeof left);
    if (!r)
        r = api->cublasLtMatmulDescSetAttribute(g->desc, CUBLASLT_MATMUL_DESC_TRANSB, &right,
                                                sizeof right);
    return cuda_check_blas(g->device, r, "a product");
}

static int lay(cuda_gemm *g, cublasLtMatrixLayout_t *to, const matrix *m)
{
    const cuda_api *api = &g->device->api;
    int32_t batch = (int32_t)g->shape.batch;
    cublasStatus_t r =
        api->cublasLtMatrixLayoutCreate(to, m->type, (uint64_t)m->rows, (uint64_t)m->cols, m->rows);
    if (!r && batch > 1) {
        r = api->cublasLtMatrixLayoutSetAttribute(*to, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch,
                                                  sizeof batch);
        if (!r)
            r = api->cublasLtMatrixLayoutSetAttribute(
                *to, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &m->step, sizeof m->step);
    }
    return cuda_check_blas(g->device, r, "a product");
}

static int lay_all(cuda_gemm *g)
{
    const cuda_gemm_shape *s = &g->shape;
    const cudaDataType_t type = data_type(g->ab);
    matrix left = {s->tb ? s->k : s->n, s->tb ? s->n : s->k, s->step_b, type};
    matrix right = {s->ta ? s->m : s->k, s->ta ? s->k : s->m, s->step_a, type};
    matrix result = {s->n, s->m, s->step_c, data_type(g->out)};
    int e = lay(g, &g->left, &left);
    if (!e) e = lay(g, &g->right, &right);
    return e ? e : lay(g, &g->result, &result);
}

// The way that cuBLASLt's heuristics put first for operands at multiples of `align` bytes; *found
// stays false where there is none. Parts of sums are added up in single precision.
static int search(cuda_gemm *g, uint32_t align, cublasLtMatmulAlgo_t *algo, size_t *work,
                  bool *found)
{
    static const cublasLtMatmulPreferenceAttributes_t aligned[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    const cuda_api *api = &g->device->api;
    // NVIDIA, cuBLAS documentation, cublasSetWorkspace: 32 MiB for Hopper, 4 MiB for others
    const uint64_t room = (uint64_t)(g->device->major >= 9 ? 32 : 4) << 20;
    const uint32_t sums = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    cublasLtMatmulPreference_t wish = NULL;
    cublasLtMatmulHeuristicResult_t best = {0};
    int n = 0;
    cublasStatus_t r = api->cublasLtMatmulPreferenceCreate(&wish);
    if (!r)
        r = api->cublasLtMatmulPreferenceSetAttribute(
            wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room, sizeof room);
    if (!r)
        r = api->cublasLtMatmulPreferenceSetAttribute(
            wish, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &sums, sizeof sums);
    for (size_t i = 0; !r && i < sizeof aligned / sizeof *aligned; i++)
        r = api->cublasLtMatmulPreferenceSetAttribute(wish, aligned[i], &align, sizeof align);
    int e = cuda_check_blas(g->device, r, "a product");
    if (!e) { // no way at all is an answer here, not a failure
        r = api->cublasLtMatmulAlgoGetHeuristic(g->device->blas, g->desc, g->left, g->right,
                                                g->result, g->result, wish, 1, &best, &n);
        *found = !r && n == 1 && !best.state;
        *algo = best.algo;
        *work = *found ? best.workspaceSize : 0;
    }
    if (wish) api->cublasLtMatmulPreferenceDestroy(wish);
    return e;
}

static int choose(cuda_gemm *g)
{
    int e = search(g, WIDE, &g->aligned, &g->work_aligned, &g->has_aligned);
    if (!e) e = search(g, (uint32_t)cuda_size(g->ab), &g->any, &g->work_any, &g->has_any);
    if (e || g->has_aligned || g->has_any) return e;
    return cuda_failed(g->device, GUISE_BAD_ARGUMENT,
                       "GPU: cuBLASLt has no way for a product of %lld x %lld by %lld x %lld",
                       (long long)g->shape.m, (long long)g->shape.k, (long long)g->shape.k,
                       (long long)g->shape.n);
}

static void lay_out(cuda_gemm *g)
{
    const cuda_gemm_shape *s = &g->shape;
    size_t a = 0, b = 0, c = 0;
    if (g->a != g->ab) a = round_up((size_t)elements(g, s->m, s->k, s->step_a) * cuda_size(g->ab));
    if (g->b != g->ab) b = round_up((size_t)elements(g, s->k, s->n, s->step_b) * cuda_size(g->ab));
    if (g->c != g->out)
        c = round_up((size_t)elements(g, s->m, s->n, s->step_c) * cuda_size(g->out));
    size_t work = g->work_aligned > g->work_any ? g->work_aligned : g->work_any;
    g->at_b = a;
    g->at_out = g->at_b + b;
    g->at_work = g->at_out + c;
    g->scratch = g->at_work + round_up(work) + ALIGN; // the last to align
}

int cuda_gemm_open(cuda_gemm **out, cuda_device *d, const cuda_gemm_shape *s, cuda_type a,
                   cuda_type b, cuda_type c)
{
    cuda_gemm *g = *out = base_alloc(1, sizeof *g);
    if (!g) return GUISE_NO_MEMORY;
    *g = (cuda_gemm){.device = d, .shape = *s, .a = a, .b = b, .c = c};
    if (g->shape.batch < 1) g->shape.batch = 1;
    g->ab = a == b ? a : CUDA_F32;
    g->out = g->ab == CUDA_BF16 ? c : CUDA_F32;
    int e = g->shape.batch > INT32_MAX
                ? cuda_failed(d, GUISE_BAD_ARGUMENT, "GPU: too many products in one call")
                : cuda_use(d);
    if (!e) e = describe(g);
    if (!e) e = lay_all(g);
    if (!e) e = choose(g);
    if (!e) lay_out(g);
    if (e) cuda_gemm_close(out);
    return e;
}

void cuda_gemm_close(cuda_gemm **gemm)
{
    cuda_gemm *g = *gemm;
    if (!g) return;
    const cuda_api *api = &g->device->api;
    if (g->left) api->cublasLtMatrixLayoutDestroy(g->left);
    if (g->right) api->cublasLtMatrixLayoutDestroy(g->right);
    if (g->result) api->cublasLtMatrixLayoutDestroy(g->result);
    if (g->desc) api->cublasLtMatmulDescDestroy(g->desc);
    base_free(g);
    *gemm = NULL;
}

size_t cuda_gemm_scratch(const cuda_gemm *g) { return g->scratch; }

// The operand in the type that is multiplied.
static int bring(const cuda_gemm *g, cuda_at *at, cuda_type type, cuda_at room, int64_t n)
{
    if (type == g->ab) return 0;
    cuda_array from = {*at, type}, to = {room, g->ab};
    *at = room;
    return cuda_convert(g->device, from, to, n);
}

// cuBLASLt takes addresses as pointers.
static void *pointer(cuda_at at) { return (void *)(uintptr_t)at; }

static int multiply(const cuda_gemm *g, cuda_at a, cuda_at b, cuda_at c, cuda_at work)
{
    const float one = 1, zero = 0;
    cuda_device *d = g->device;
    bool aligned = g->has_aligned && (a | b | c) % WIDE == 0;
    if (!aligned && !g->has_any)
        return cuda_failed(d, GUISE_BAD_ARGUMENT,
                           "GPU: cuBLASLt multiplies these matrices at multiples of %d bytes only",
                           WIDE);
    int e = cuda_use(d);
    if (e) return e;
    return cuda_check_blas(
        d,
        d->api.cublasLtMatmul(d->blas, g->desc, &one, pointer(b), g->left, pointer(a), g->right,
                              &zero, pointer(c), g->result, pointer(c), g->result,
                              aligned ? &g->aligned : &g->any, pointer(work),
                              aligned ? g->work_aligned : g->work_any, d->stream),
        "a product");
}

int cuda_gemm_run(const cuda_gemm *g, cuda_at a, cuda_at b, cuda_at c, cuda_at scratch)
{
    const cuda_gemm_shape *s = &g->shape;
    cuda_at room = (scratch + ALIGN - 1) / ALIGN * ALIGN;
    cuda_at out = g->c == g->out ? c : room + g->at_out;
    int e = bring(g, &a, g->a, room, elements(g, s->m, s->k, s->step_a));
    if (!e) e = bring(g, &b, g->b, room + g->at_b, elements(g, s->k, s->n, s->step_b));
    if (!e) e = multiply(g, a, b, out, room + g->at_work);
    if (e || out == c) return e;
    return cuda_convert(g->device, (cuda_array){out, g->out}, (cuda_array){c, g->c},
                        elements(g, s->m, s->n, s->step_c));
}
