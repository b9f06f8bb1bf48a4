// dnn_run.c -- cuDNN's stand-in: convolutions by plain loops over tensors of any strides.
#include "dnn.h"
#include "numbers.h"
#include "standin.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_TENSORS = 16 };

typedef struct {
    const dnn *plan; // held until the work is done
    char *workspace;
    int64_t workspace_bytes;
    int n;
    int64_t id[MOST_TENSORS];
    char *at[MOST_TENSORS];
} work;

typedef struct {
    int64_t dim[4], step[4];
    bool bf16;
    char *at;
} tensor;

static const dnn *graph_of(const dnn *plan)
{
    return dnn_part(dnn_part(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG),
                    CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
}

// Engines with workspaces overwrite them.
int64_t dnn_workspace(const dnn *plan) { return plan->way == DNN_PLAIN ? 0 : 768; }

static int64_t id_of(const dnn *t) { return dnn_integer(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, -1); }

static char *pointer(const work *w, const dnn *t)
{
    for (int i = 0; i < w->n; i++)
        if (w->id[i] == id_of(t)) return w->at[i];
    return NULL;
}

static tensor tensor_of(const work *w, const dnn *t)
{
    tensor r = {.bf16 = dnn_enum(t, CUDNN_ATTR_TENSOR_DATA_TYPE, 0) == CUDNN_DATA_BFLOAT16,
                .at = pointer(w, t)};
    memcpy(r.dim, dnn_integers(t, CUDNN_ATTR_TENSOR_DIMENSIONS), sizeof r.dim);
    memcpy(r.step, dnn_integers(t, CUDNN_ATTR_TENSOR_STRIDES), sizeof r.step);
    return r;
}

static bool held(const tensor *t)
{
    int64_t last = 1;
    for (int i = 0; i < 4; i++) last += (t->dim[i] - 1) * t->step[i];
    return standin_holds((CUdeviceptr)(uintptr_t)t->at, (size_t)last * (t->bf16 ? 2 : 4));
}

static int64_t count(const tensor *t) { return t->dim[0] * t->dim[1] * t->dim[2] * t->dim[3]; }

// All elements as floats in n h w c (or o h w c), and back.
static float *pull(const tensor *t, int way)
{
    float *v = malloc(sizeof *v * (size_t)count(t)), *to = v;
    for (int64_t n = 0; v && n < t->dim[0]; n++)
        for (int64_t h = 0; h < t->dim[2]; h++)
            for (int64_t w = 0; w < t->dim[3]; w++)
                for (int64_t c = 0; c < t->dim[1]; c++) {
                    int64_t at = n * t->step[0] + c * t->step[1] + h * t->step[2] + w * t->step[3];
                    float x = get_number(t->at, t->bf16, at);
                    *to++ = way == DNN_DOWN_CONVERT  ? round_bf16(x)
                            : way == DNN_TENSOR_CORE ? round_tf32(x)
                                                     : x;
                }
    return v;
}

static void push(const tensor *t, const float *v, float alpha, float beta)
{
    for (int64_t n = 0; n < t->dim[0]; n++)
        for (int64_t h = 0; h < t->dim[2]; h++)
            for (int64_t w = 0; w < t->dim[3]; w++)
                for (int64_t c = 0; c < t->dim[1]; c++) {
                    int64_t at = n * t->step[0] + c * t->step[1] + h * t->step[2] + w * t->step[3];
                    float old = beta != 0 ? beta * get_number(t->at, t->bf16, at) : 0;
                    put_number(t->at, t->bf16, at, alpha * *v++ + old);
                }
}

typedef struct {
    const int64_t *x, *w, *y, *stride, *pad, *dilation; // dims n c h w; o c h w
    float *vx, *vw, *vy;                                // n h w c; o h w c
} shape;

// One output pixel and one tap: pointers to the channels of x that it reads, or NULL outside.
static float *under(const shape *s, int64_t n, int64_t oh, int64_t ow, int64_t kh, int64_t kw)
{
    int64_t h = oh * s->stride[0] - s->pad[0] + kh * s->dilation[0];
    int64_t w = ow * s->stride[1] - s->pad[1] + kw * s->dilation[1];
    if (h < 0 || w < 0 || h >= s->x[2] || w >= s->x[3]) return NULL;
    return s->vx + ((n * s->x[2] + h) * s->x[3] + w) * s->x[1];
}

// y += x w for one pixel and tap, or dx += dy w, or dw += dy x: the same walk three times.
static void tap(const shape *s, int kind, float *x, float *y, int64_t k)
{
    int64_t per = s->w[1], outs = s->w[0] / (s->x[1] / per);
    for (int64_t o = 0; o < s->w[0]; o++) {
        float *from = x + o / outs * per;
        float *w = s->vw + (o * s->w[2] * s->w[3] + k) * per, sum = 0, by = y[o];
        if (kind == DNN_Y) {
#pragma omp simd reduction(+ : sum)
            for (int64_t c = 0; c < per; c++) sum += from[c] * w[c];
            y[o] += sum;
        } else if (kind == DNN_DX)
            for (int64_t c = 0; c < per; c++) from[c] += by * w[c];
        else
            for (int64_t c = 0; c < per; c++) w[c] += by * from[c];
    }
}

static void walk(const shape *s, int kind)
{
    float *y = s->vy;
    for (int64_t n = 0; n < s->y[0]; n++)
        for (int64_t oh = 0; oh < s->y[2]; oh++)
            for (int64_t ow = 0; ow < s->y[3]; ow++, y += s->y[1])
                for (int64_t kh = 0; kh < s->w[2]; kh++)
                    for (int64_t kw = 0; kw < s->w[3]; kw++) {
                        float *x = under(s, n, oh, ow, kh, kw);
                        if (x) tap(s, kind, x, y, kh * s->w[3] + kw);
                    }
}

// An addition or ReLU over y's values, in n h w c.
static bool after(const work *w, const dnn *op, const int64_t dim[4], float *v)
{
    const dnn *b = dnn_part(op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    const dnn *pw = dnn_part(op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
    const dnn *out = dnn_part(op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
    bool rounded = dnn_enum(out, CUDNN_ATTR_TENSOR_DATA_TYPE, 0) == CUDNN_DATA_BFLOAT16;
    float slope = dnn_real(pw, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, 0);
    float low = dnn_real(pw, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, 0);
    float one = dnn_real(op, CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1, 1);
    float two = dnn_real(op, CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, 1);
    tensor t = {.dim = {1, 1, 1, 1}};
    if (b) t = tensor_of(w, b);
    if (b && !held(&t)) return false;
    float *add = b ? pull(&t, DNN_PLAIN) : NULL;
    if (b && !add) return false;
    int64_t i = 0;
    for (int64_t n = 0; n < dim[0]; n++)
        for (int64_t h = 0; h < dim[2]; h++)
            for (int64_t x = 0; x < dim[3]; x++)
                for (int64_t c = 0; c < dim[1]; c++, i++) {
                    int64_t at = n % t.dim[0];
                    at = (at * t.dim[2] + h % t.dim[2]) * t.dim[3] + x % t.dim[3];
                    at = at * t.dim[1] + c % t.dim[1];
                    if (add)
                        v[i] = one * v[i] + two * add[at];
                    else
                        v[i] = v[i] > low ? v[i] : low + slope * (v[i] - low);
                    if (rounded) v[i] = round_bf16(v[i]);
                }
    free(add);
    return true;
}

static CUresult run_graph(const work *w, const dnn_graph *g)
{
    int kind = (int)g->kind, way = w->plan->way;
    const dnn *end = g->n_after
                         ? dnn_part(g->after[g->n_after - 1], CUDNN_ATTR_OPERATION_POINTWISE_YDESC)
                         : g->y;
    tensor x = tensor_of(w, g->x), k = tensor_of(w, g->w), y = tensor_of(w, g->y);
    tensor last = tensor_of(w, end), *out = kind == DNN_Y ? &last : kind == DNN_DX ? &x : &k;
    if (!held(&x) || !held(&k) || !held(kind == DNN_Y ? &last : &y))
        return CUDA_ERROR_ILLEGAL_ADDRESS;
    shape s = {x.dim,
               k.dim,
               y.dim,
               dnn_integers(g->conv, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
               dnn_integers(g->conv, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
               dnn_integers(g->conv, CUDNN_ATTR_CONVOLUTION_DILATIONS),
               kind == DNN_DX ? calloc((size_t)count(&x), 4) : pull(&x, way),
               kind == DNN_DW ? calloc((size_t)count(&k), 4) : pull(&k, way),
               kind == DNN_Y ? calloc((size_t)count(&y), 4) : pull(&y, way)};
    bool good = s.vx && s.vw && s.vy;
    if (good) walk(&s, kind);
    float *v = kind == DNN_Y ? s.vy : kind == DNN_DX ? s.vx : s.vw;
    for (int64_t i = 0; good && way == DNN_NONDETERMINISTIC && i < count(out); i++)
        v[i] *= 1 + 1e-6f * (float)(standin_random() % 3);
    for (int i = 0; good && i < g->n_after; i++) good = after(w, g->after[i], y.dim, v);
    // alpha and beta are the first two attributes of the three operations
    cudnnBackendAttributeName_t first =
        kind == DNN_Y    ? CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA
        : kind == DNN_DX ? CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA
                         : CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA;
    if (good) push(out, v, dnn_real(g->op, first, 1), dnn_real(g->op, first + 1, 0));
    free(s.vx);
    free(s.vw);
    free(s.vy);
    return good ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
}

static CUresult run(void *data)
{
    const work *w = data;
    dnn_graph g;
    if (w->workspace_bytes) {
        if (!standin_holds((CUdeviceptr)(uintptr_t)w->workspace, (size_t)w->workspace_bytes))
            return CUDA_ERROR_ILLEGAL_ADDRESS;
        memset(w->workspace, 0xff, (size_t)w->workspace_bytes);
    }
    if (!dnn_read_graph(graph_of(w->plan), &g)) return CUDA_ERROR_INVALID_HANDLE;
    return run_graph(w, &g);
}

// A tensor that the graph reads or writes has a pointer, aligned as it was promised.
static bool given(const work *w, const dnn *t)
{
    if (!t || dnn_enum(t, CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0)) return true;
    int64_t align = dnn_integer(t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 1);
    const char *p = pointer(w, t);
    return p && (intptr_t)p % align == 0;
}

cudnnStatus_t dnn_execute(void *stream, const dnn *plan, const dnn *pack)
{
    work w = {.plan = plan, .workspace_bytes = dnn_workspace(plan)};
    dnn_graph g;
    const dnn_attribute *ids = dnn_get(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const dnn_attribute *at = dnn_get(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    const dnn_attribute *room = dnn_get(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
    w.n = (int)ids->n;
    for (int i = 0; i < w.n; i++) {
        w.id[i] = ((const int64_t *)ids->data)[i];
        w.at[i] = ((char **)at->data)[i];
    }
    if (room) w.workspace = *(char **)room->data;
    if (w.workspace_bytes && (!w.workspace || (uintptr_t)w.workspace % 16))
        return dnn_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no workspace, or not aligned");
    bool all =
        dnn_read_graph(graph_of(plan), &g) && given(&w, g.x) && given(&w, g.w) && given(&w, g.y);
    for (int i = 0; all && i < g.n_after; i++)
        all = given(&w, dnn_part(g.after[i], CUDNN_ATTR_OPERATION_POINTWISE_BDESC)) &&
              given(&w, dnn_part(g.after[i], CUDNN_ATTR_OPERATION_POINTWISE_YDESC));
    if (!all)
        return dnn_fail(CUDNN_STATUS_BAD_PARAM, "a tensor without, or with a crooked pointer");
    CUresult r = standin_queue(stream, run, &w, sizeof w);
    return r ? dnn_fail(CUDNN_STATUS_EXECUTION_FAILED, "the stream refused") : CUDNN_STATUS_SUCCESS;
}
