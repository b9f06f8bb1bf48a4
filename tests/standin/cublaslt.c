// cublaslt.c -- cuBLASLt's stand-in: products of f32 and bf16 matrices as their layouts say. What
// an algorithm was chosen for (layouts, alignments, workspace) must hold when it runs.
#include "numbers.h"
#include "standin.h"
#include <cublasLt.h>
#include <stdlib.h>
#include <string.h>

enum { WORKSPACE = 4096 };

typedef struct {
    int32_t compute, scale, pointer_mode, trans[3];
    uint32_t epilogue;
} desc;

typedef struct {
    uint32_t type;
    int32_t order, batch;
    uint64_t rows, cols;
    int64_t ld, step;
} layout;

typedef struct {
    uint64_t workspace;
    uint32_t align[4]; // A, B, C, D
} preference;

// What cublasLtMatmulAlgo_t holds: the problem by a hash, and what was promised.
typedef struct {
    uint64_t problem, workspace;
    uint32_t align[4];
} algo;

size_t cublasLtGetVersion(void) { return CUBLAS_VERSION; }

const char *cublasLtGetStatusString(cublasStatus_t s)
{
    switch ((int)s) {
    case CUBLAS_STATUS_SUCCESS:
        return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_INVALID_VALUE:
        return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_NOT_SUPPORTED:
        return "CUBLAS_STATUS_NOT_SUPPORTED";
    case CUBLAS_STATUS_ALLOC_FAILED:
        return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_EXECUTION_FAILED:
        return "CUBLAS_STATUS_EXECUTION_FAILED";
    default:
        return "CUBLAS_STATUS unknown";
    }
}

// Everything here is an opaque pointer that its Destroy frees.
static cublasStatus_t create(const char *call, void *out, const void *content, size_t size)
{
    if (standin_fails(call)) return CUBLAS_STATUS_ALLOC_FAILED;
    if (!out) return CUBLAS_STATUS_INVALID_VALUE;
    void *p = malloc(size);
    if (!p) return CUBLAS_STATUS_ALLOC_FAILED;
    memcpy(p, content, size);
    memcpy(out, &p, sizeof p);
    standin_object(1);
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t destroy(const char *call, const void *p)
{
    bool fails = standin_fails(call);
    if (p) standin_object(-1);
    free((void *)(uintptr_t)p);
    return fails ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *out)
{
    int device = standin_current_device();
    if (device < 0) return CUBLAS_STATUS_NOT_INITIALIZED;
    return create(__func__, out, &device, sizeof device);
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t h) { return destroy(__func__, h); }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *out, cublasComputeType_t compute,
                                        cudaDataType_t scale)
{
    desc d = {.compute = (int32_t)compute, .scale = (int32_t)scale, .epilogue = 1};
    return create(__func__, out, &d, sizeof d);
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d) { return destroy(__func__, d); }

// One attribute: size is that of the field.
static cublasStatus_t put(void *field, size_t field_size, const void *from, size_t size)
{
    if (!field || !from || size != field_size) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(field, from, size);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t p,
                                              cublasLtMatmulDescAttributes_t a, const void *from,
                                              size_t size)
{
    desc *d = (desc *)(void *)p;
    if (standin_fails(__func__)) return CUBLAS_STATUS_EXECUTION_FAILED;
    if (!d) return CUBLAS_STATUS_INVALID_VALUE;
    switch ((int)a) {
    case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE:
        return put(&d->compute, 4, from, size);
    case CUBLASLT_MATMUL_DESC_SCALE_TYPE:
        return put(&d->scale, 4, from, size);
    case CUBLASLT_MATMUL_DESC_POINTER_MODE:
        return put(&d->pointer_mode, 4, from, size);
    case CUBLASLT_MATMUL_DESC_TRANSA:
        return put(&d->trans[0], 4, from, size);
    case CUBLASLT_MATMUL_DESC_TRANSB:
        return put(&d->trans[1], 4, from, size);
    case CUBLASLT_MATMUL_DESC_TRANSC:
        return put(&d->trans[2], 4, from, size);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        return put(&d->epilogue, 4, from, size);
    default:
        return CUBLAS_STATUS_INVALID_VALUE;
    }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *out, cudaDataType type,
                                          uint64_t rows, uint64_t cols, int64_t ld)
{
    layout l = {(uint32_t)type, CUBLASLT_ORDER_COL, 1, rows, cols, ld, 0};
    return create(__func__, out, &l, sizeof l);
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l)
{
    return destroy(__func__, l);
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t p,
                                                cublasLtMatrixLayoutAttribute_t a, const void *from,
                                                size_t size)
{
    layout *l = (layout *)(void *)p;
    if (standin_fails(__func__)) return CUBLAS_STATUS_EXECUTION_FAILED;
    if (!l) return CUBLAS_STATUS_INVALID_VALUE;
    switch ((int)a) {
    case CUBLASLT_MATRIX_LAYOUT_TYPE:
        return put(&l->type, 4, from, size);
    case CUBLASLT_MATRIX_LAYOUT_ORDER:
        return put(&l->order, 4, from, size);
    case CUBLASLT_MATRIX_LAYOUT_ROWS:
        return put(&l->rows, 8, from, size);
    case CUBLASLT_MATRIX_LAYOUT_COLS:
        return put(&l->cols, 8, from, size);
    case CUBLASLT_MATRIX_LAYOUT_LD:
        return put(&l->ld, 8, from, size);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
        return put(&l->batch, 4, from, size);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
        return put(&l->step, 8, from, size);
    default:
        return CUBLAS_STATUS_INVALID_VALUE;
    }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *out)
{
    preference p = {0, {256, 256, 256, 256}};
    return create(__func__, out, &p, sizeof p);
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p)
{
    return destroy(__func__, p);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t q,
                                                    cublasLtMatmulPreferenceAttributes_t a,
                                                    const void *from, size_t size)
{
    preference *p = (preference *)(void *)q;
    uint64_t other;
    if (standin_fails(__func__)) return CUBLAS_STATUS_EXECUTION_FAILED;
    if (!p) return CUBLAS_STATUS_INVALID_VALUE;
    switch ((int)a) {
    case CUBLASLT_MATMUL_PREF_SEARCH_MODE:
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
        return put(&other, 4, from, size);
    case CUBLASLT_MATMUL_PREF_IMPL_MASK:
        return put(&other, 8, from, size);
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
        return put(&p->workspace, 8, from, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
        return put(&p->align[0], 4, from, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
        return put(&p->align[1], 4, from, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
        return put(&p->align[2], 4, from, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
        return put(&p->align[3], 4, from, size);
    default:
        return CUBLAS_STATUS_INVALID_VALUE;
    }
}

// ---- A product

typedef struct {
    desc d;
    layout l[4]; // A, B, C, D
    int64_t m, n, k;
} problem;

static uint64_t hash(const void *p, size_t n, uint64_t h)
{
    const unsigned char *c = p;
    for (size_t i = 0; i < n; i++) h = (h ^ c[i]) * 1099511628211u;
    return h;
}

static uint64_t hash_of(const problem *p)
{
    uint64_t h = hash(&p->d, sizeof p->d, 14695981039346656037u);
    for (int i = 0; i < 4; i++) {
        const layout *l = &p->l[i];
        const int64_t part[] = {l->type,          l->order, l->batch, (int64_t)l->rows,
                                (int64_t)l->cols, l->ld,    l->step};
        h = hash(part, sizeof part, h);
    }
    return h;
}

static bool good_layout(const layout *l)
{
    bool row = l->order == CUBLASLT_ORDER_ROW;
    return (l->type == CUDA_R_32F || l->type == CUDA_R_16BF) && l->rows && l->cols &&
           (row || l->order == CUBLASLT_ORDER_COL) && l->batch >= 1 &&
           l->ld >= (int64_t)(row ? l->cols : l->rows);
}

static cublasStatus_t read_problem(problem *p, cublasLtMatmulDesc_t d, cublasLtMatrixLayout_t a,
                                   cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                   cublasLtMatrixLayout_t e)
{
    const void *from[] = {a, b, c, e};
    if (!d) return CUBLAS_STATUS_INVALID_VALUE;
    memset(p, 0, sizeof *p);
    memcpy(&p->d, d, sizeof p->d);
    for (int i = 0; i < 4; i++) {
        if (!from[i]) return CUBLAS_STATUS_INVALID_VALUE;
        memcpy(&p->l[i], from[i], sizeof p->l[i]);
        if (!good_layout(&p->l[i]) || p->l[i].batch != p->l[0].batch)
            return CUBLAS_STATUS_INVALID_VALUE;
    }
    bool ta = p->d.trans[0] == CUBLAS_OP_T, tb = p->d.trans[1] == CUBLAS_OP_T;
    const layout *l = p->l;
    p->m = (int64_t)(ta ? l[0].cols : l[0].rows);
    p->k = (int64_t)(ta ? l[0].rows : l[0].cols);
    p->n = (int64_t)(tb ? l[1].rows : l[1].cols);
    bool fits = p->k == (int64_t)(tb ? l[1].cols : l[1].rows) && (int64_t)l[3].rows == p->m &&
                (int64_t)l[3].cols == p->n && l[2].rows == l[3].rows && l[2].cols == l[3].cols;
    if (!fits || (p->d.trans[0] != CUBLAS_OP_N && !ta) || (p->d.trans[1] != CUBLAS_OP_N && !tb))
        return CUBLAS_STATUS_INVALID_VALUE;
    bool f32 = l[0].type == CUDA_R_32F;
    int32_t compute = p->d.compute;
    bool types = l[0].type == l[1].type && l[2].type == l[3].type &&
                 (!f32 || l[3].type == CUDA_R_32F) && p->d.scale == CUDA_R_32F &&
                 (compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_PEDANTIC ||
                  (f32 && (compute == CUBLAS_COMPUTE_32F_FAST_TF32 ||
                           compute == CUBLAS_COMPUTE_32F_FAST_16BF)));
    bool plain = p->d.pointer_mode == CUBLASLT_POINTER_MODE_HOST && p->d.trans[2] == CUBLAS_OP_N &&
                 p->d.epilogue == CUBLASLT_EPILOGUE_DEFAULT;
    if (l[3].batch > 1 && l[3].step == 0) return CUBLAS_STATUS_INVALID_VALUE; // all into one place
    return types && plain ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t h, cublasLtMatmulDesc_t d,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t e,
                                              cublasLtMatmulPreference_t q, int asked,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int *returned)
{
    problem p;
    preference wish;
    if (standin_fails(__func__)) return CUBLAS_STATUS_EXECUTION_FAILED;
    if (!h || !q || !results || !returned || asked < 1) return CUBLAS_STATUS_INVALID_VALUE;
    *returned = 0;
    cublasStatus_t s = read_problem(&p, d, a, b, c, e);
    if (s) return s;
    memcpy(&wish, q, sizeof wish);
    int n = 0;
    for (int way = 0; way < 2 && n < asked; way++) { // one with a workspace, one without
        if (!way && wish.workspace < WORKSPACE) continue;
        algo g = {.problem = hash_of(&p), .workspace = way ? 0 : WORKSPACE};
        memcpy(g.align, wish.align, sizeof g.align);
        results[n] = (cublasLtMatmulHeuristicResult_t){0};
        memcpy(&results[n].algo, &g, sizeof g);
        results[n].workspaceSize = g.workspace;
        results[n].state = CUBLAS_STATUS_SUCCESS;
        results[n++].wavesCount = 1;
    }
    *returned = n;
    return CUBLAS_STATUS_SUCCESS;
}

typedef struct {
    problem p;
    float alpha, beta;
    char *at[4], *workspace;
    size_t workspace_bytes;
} work;

static int64_t place(const layout *l, int64_t row, int64_t col)
{
    return l->order == CUBLASLT_ORDER_ROW ? row * l->ld + col : col * l->ld + row;
}

static size_t bytes_of(const layout *l)
{
    int64_t last = place(l, (int64_t)l->rows - 1, (int64_t)l->cols - 1) + 1;
    return (size_t)(last + (l->batch - 1) * (l->step > 0 ? l->step : 0)) *
           (l->type == CUDA_R_16BF ? 2 : 4);
}

static float *operand(const work *w, int i, int64_t batch, bool flip, int64_t rows, int64_t cols)
{
    const layout *l = &w->p.l[i];
    bool tf32 = w->p.d.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    bool rough = w->p.d.compute == CUBLAS_COMPUTE_32F_FAST_16BF;
    float *v = malloc((size_t)(rows * cols) * sizeof *v);
    for (int64_t r = 0; v && r < rows; r++)
        for (int64_t c = 0; c < cols; c++) {
            int64_t at = batch * l->step + (flip ? place(l, c, r) : place(l, r, c));
            float x = get_number(w->at[i], l->type == CUDA_R_16BF, at);
            v[r * cols + c] = tf32 ? round_tf32(x) : rough ? round_bf16(x) : x;
        }
    return v;
}

static CUresult multiply(const work *w, int64_t batch)
{
    const problem *p = &w->p;
    const layout *c = &p->l[2], *d = &p->l[3];
    float *a = operand(w, 0, batch, p->d.trans[0] == CUBLAS_OP_T, p->m, p->k);
    float *b = operand(w, 1, batch, p->d.trans[1] != CUBLAS_OP_T, p->n, p->k);
    for (int64_t i = 0; a && b && i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t k = 0; k < p->k; k++) sum += a[i * p->k + k] * b[j * p->k + k];
            sum *= w->alpha;
            if (w->beta != 0)
                sum += w->beta * get_number(w->at[2], c->type == CUDA_R_16BF,
                                            batch * c->step + place(c, i, j));
            put_number(w->at[3], d->type == CUDA_R_16BF, batch * d->step + place(d, i, j), sum);
        }
    CUresult r = a && b ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
    free(a);
    free(b);
    return r;
}

static CUresult run(void *data)
{
    const work *w = data;
    CUresult r = CUDA_SUCCESS;
    for (int i = 0; i < 4; i++)
        if ((i != 2 || w->beta != 0) &&
            !standin_holds((CUdeviceptr)(uintptr_t)w->at[i], bytes_of(&w->p.l[i])))
            return CUDA_ERROR_ILLEGAL_ADDRESS;
    if (w->workspace_bytes) {
        if (!standin_holds((CUdeviceptr)(uintptr_t)w->workspace, w->workspace_bytes))
            return CUDA_ERROR_ILLEGAL_ADDRESS;
        memset(w->workspace, 0xff, w->workspace_bytes);
    }
    for (int64_t i = 0; i < w->p.l[3].batch && !r; i++) r = multiply(w, i);
    return r;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t h, cublasLtMatmulDesc_t d, const void *alpha,
                              const void *a, cublasLtMatrixLayout_t la, const void *b,
                              cublasLtMatrixLayout_t lb, const void *beta, const void *c,
                              cublasLtMatrixLayout_t lc, void *e, cublasLtMatrixLayout_t le,
                              const cublasLtMatmulAlgo_t *chosen, void *workspace, size_t room,
                              cudaStream_t stream)
{
    work w = {.at = {(char *)(uintptr_t)a, (char *)(uintptr_t)b, (char *)(uintptr_t)c, e}};
    if (standin_fails(__func__)) return CUBLAS_STATUS_EXECUTION_FAILED;
    if (!h || !alpha || !beta || !a || !b || !c || !e) return CUBLAS_STATUS_INVALID_VALUE;
    cublasStatus_t s = read_problem(&w.p, d, la, lb, lc, le);
    if (s) return s;
    algo g = {hash_of(&w.p), 0, {256, 256, 256, 256}};
    uint64_t problem_now = g.problem;
    if (chosen) memcpy(&g, chosen, sizeof g);
    if (g.problem != problem_now || room < g.workspace || (g.workspace && !workspace))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (g.workspace && (uintptr_t)workspace % 256) return CUBLAS_STATUS_INVALID_VALUE;
    for (int i = 0; i < 4; i++)
        if ((uintptr_t)w.at[i] % g.align[i]) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(&w.alpha, alpha, sizeof w.alpha);
    memcpy(&w.beta, beta, sizeof w.beta);
    w.workspace = workspace;
    w.workspace_bytes = g.workspace;
    CUresult r = standin_queue((CUstream)stream, run, &w, sizeof w);
    return r ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}
