// cuda_dnn.c -- one convolution as an operation graph of cuDNN 9
// (docs.nvidia.com/deeplearning/cudnn, "Graph API", backend descriptor types), and the engine that
// its heuristics put first.
#include "backend/cuda_dnn.h"
#include <string.h>

enum { MOST_MADE = 24, MOST_ENGINES = 64 };
enum { X = 'x', W = 'w', Y = 'y', BIAS = 'b', PRODUCT = 'p', SUM = 's' }; // names of arrays

struct cuda_dnn {
    cuda_dnn_conv conv;
    cuda_dnn_effort effort;
    bool usable;
    cudnnBackendDescriptor_t plan, made[MOST_MADE]; // made: what the plan stands on
    int n_made;
    int64_t workspace, engine;
};

typedef struct { // the first failure ends what follows
    cuda_device *d;
    cuda_dnn *p;
    cudnnStatus_t status;
} maker;

static cudnnBackendDescriptor_t make(maker *m, cudnnBackendDescriptorType_t type)
{
    cudnnBackendDescriptor_t made = NULL;
    if (m->status || m->p->n_made == MOST_MADE) return NULL;
    m->status = m->d->api.cudnnBackendCreateDescriptor(type, &made);
    if (made) m->p->made[m->p->n_made++] = made;
    return made;
}

static void set(maker *m, cudnnBackendDescriptor_t to, cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type, int64_t n, const void *values)
{
    if (!m->status) m->status = m->d->api.cudnnBackendSetAttribute(to, name, type, n, values);
}

static void set_one(maker *m, cudnnBackendDescriptor_t to, cudnnBackendAttributeName_t name,
                    cudnnBackendDescriptor_t value)
{
    set(m, to, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

static cudnnBackendDescriptor_t finish(maker *m, cudnnBackendDescriptor_t made)
{
    if (!m->status) m->status = m->d->api.cudnnBackendFinalize(made);
    return made;
}

static cudnnDataType_t data_type(int64_t t)
{
    return t == CUDA_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

// Dims in the order n c h w, as cuDNN names them; in memory channels come last.
static cudnnBackendDescriptor_t array(maker *m, int64_t name, const int64_t dim[4],
                                      cudnnDataType_t type, bool internal)
{
    int64_t step[4] = {dim[1] * dim[2] * dim[3], 1, dim[1] * dim[3], dim[1]};
    int64_t align = CUDA_DNN_ALIGN;
    cudnnBackendDescriptor_t t = make(m, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    set(m, t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &name);
    set(m, t, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    set(m, t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dim);
    set(m, t, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, step);
    set(m, t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &align);
    if (internal) set(m, t, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &internal);
    return finish(m, t);
}

static cudnnBackendDescriptor_t geometry(maker *m, const cuda_dnn_conv *c)
{
    const cudnnDataType_t sums = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    const int64_t dims = 2, stride[2] = {c->stride, c->stride}, dilation[2] = {1, 1};
    cudnnBackendDescriptor_t g = make(m, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    set(m, g, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &dims);
    set(m, g, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &sums);
    set(m, g, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    set(m, g, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, c->before);
    set(m, g, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, c->after);
    set(m, g, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilation);
    set(m, g, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, stride);
    return finish(m, g);
}

typedef struct { // of one kind of convolution
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t geometry, x, w, y, alpha, beta;
} names;

static const names names_of[] = {
    [CPU_CONV_Y] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    [CPU_CONV_DX] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    [CPU_CONV_DW] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};

static cudnnBackendDescriptor_t convolution(maker *m, const cuda_dnn_conv *c,
                                            cudnnBackendDescriptor_t y)
{
    const names *k = &names_of[c->kind];
    const float one = 1, zero = 0;
    const int64_t x_dim[4] = {c->n, c->c, c->h, c->w},
                  w_dim[4] = {c->o, c->c / c->groups, c->kh, c->kw};
    cudnnBackendDescriptor_t x, w, g = geometry(m, c);
    x = array(m, X, x_dim, data_type(c->kind == CPU_CONV_DX ? c->out : c->type), false);
    w = array(m, W, w_dim, data_type(c->kind == CPU_CONV_DW ? c->out : c->type), false);
    cudnnBackendDescriptor_t op = make(m, k->type);
    set_one(m, op, k->geometry, g);
    set_one(m, op, k->x, x);
    set_one(m, op, k->w, w);
    set_one(m, op, k->y, y);
    set(m, op, k->alpha, CUDNN_TYPE_FLOAT, 1, &one);
    set(m, op, k->beta, CUDNN_TYPE_FLOAT, 1, &zero);
    return finish(m, op);
}

// y = x + b, or an activation where b is NULL
static cudnnBackendDescriptor_t pointwise(maker *m, const cuda_dnn_conv *c,
                                          cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t b,
                                          cudnnBackendDescriptor_t y)
{
    const cudnnPointwiseMode_t mode = b ? CUDNN_POINTWISE_ADD : CUDNN_POINTWISE_RELU_FWD;
    const cudnnDataType_t sums = CUDNN_DATA_FLOAT;
    cudnnBackendDescriptor_t f = make(m, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    set(m, f, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    set(m, f, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &sums);
    if (!b && c->slope != 0)
        set(m, f, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, CUDNN_TYPE_DOUBLE, 1, &c->slope);
    finish(m, f);
    cudnnBackendDescriptor_t op = make(m, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    set_one(m, op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, f);
    set_one(m, op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b) set_one(m, op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
    set_one(m, op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    return finish(m, op);
}

static cudnnBackendDescriptor_t graph(maker *m, const cuda_dnn_conv *c)
{
    const int64_t y_dim[4] = {c->n, c->o, c->oh, c->ow}, b_dim[4] = {1, c->o, 1, 1};
    cudnnBackendDescriptor_t op[3];
    int n = 0;
    cudnnDataType_t type = data_type(c->kind == CPU_CONV_Y ? c->out : c->type);
    cudnnBackendDescriptor_t y = array(m, Y, y_dim, type, false), from = y, to;
    if (c->bias || c->act) from = array(m, PRODUCT, y_dim, CUDNN_DATA_FLOAT, true);
    op[n++] = convolution(m, c, from);
    if (c->bias) {
        to = c->act ? array(m, SUM, y_dim, CUDNN_DATA_FLOAT, true) : y;
        cudnnBackendDescriptor_t bias = array(m, BIAS, b_dim, data_type(c->bias_type), false);
        op[n++] = pointwise(m, c, from, bias, to);
        from = to;
    }
    if (c->act) op[n++] = pointwise(m, c, from, NULL, y);
    cudnnBackendDescriptor_t g = make(m, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    set(m, g, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, n, op);
    set(m, g, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &m->d->dnn);
    return finish(m, g);
}

// What an engine does to numbers that this device must not do.
static bool forbidden(const cuda_wish *wish, const cuda_dnn_conv *c, cudnnBackendNumericalNote_t n)
{
    if (n == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) return true;
    if (n == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) return wish->deterministic;
    if (!wish->exact || c->type != CUDA_F32) return false;
    return n == CUDNN_NUMERICAL_NOTE_TENSOR_CORE || n == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS ||
           n == CUDNN_NUMERICAL_NOTE_FFT || n == CUDNN_NUMERICAL_NOTE_WINOGRAD ||
           n == CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4 ||
           n == CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6 ||
           n == CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13;
}

// May the engine of a configuration be used? Its number is left in p.
static bool allowed(cuda_device *d, cuda_dnn *p, cudnnBackendDescriptor_t config)
{
    cudnnBackendNumericalNote_t note[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    cudnnBackendDescriptor_t engine = NULL;
    int64_t n = 0, notes = 0;
    const cuda_api *api = &d->api;
    if (api->cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine)) return false;
    bool ok = !api->cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                             CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &engine) &&
              !api->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                             CUDNN_TYPE_NUMERICAL_NOTE,
                                             CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &notes, note);
    for (int64_t i = 0; ok && i < notes && i < CUDNN_NUMERICAL_NOTE_TYPE_COUNT; i++)
        ok = !forbidden(&d->wish, &p->conv, note[i]);
    if (ok && api->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX,
                                            CUDNN_TYPE_INT64, 1, &n, &p->engine))
        p->engine = -1;
    api->cudnnBackendDestroyDescriptor(engine);
    return ok;
}

// An execution plan from a configuration, or NULL where the engine refuses or wants more memory
// than `most`.
static cudnnBackendDescriptor_t plan_of(cuda_device *d, cuda_dnn *p,
                                        cudnnBackendDescriptor_t config, int64_t most)
{
    const cuda_api *api = &d->api;
    cudnnBackendDescriptor_t plan = NULL;
    int64_t n = 0;
    if (api->cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan))
        return NULL;
    if (!api->cudnnBackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1,
                                       &d->dnn) &&
        !api->cudnnBackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                                       CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config) &&
        !api->cudnnBackendFinalize(plan) &&
        !api->cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                       CUDNN_TYPE_INT64, 1, &n, &p->workspace) &&
        p->workspace <= most)
        return plan;
    api->cudnnBackendDestroyDescriptor(plan);
    return NULL;
}

// The first engine of the list that may and can.
static void choose(cuda_device *d, cuda_dnn *p, cudnnBackendDescriptor_t heuristics)
{
    const int64_t most = p->effort == CUDA_DNN_BEST ? (int64_t)512 << 20 : INT64_MAX;
    cudnnBackendDescriptor_t config[MOST_ENGINES] = {0};
    const cuda_api *api = &d->api;
    int64_t n = 0, got = 0, made = 0;
    if (api->cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                      CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &n, NULL))
        return;
    if (n > MOST_ENGINES) n = MOST_ENGINES;
    while (made < n &&
           !api->cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &config[made]))
        made++;
    if (api->cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                      CUDNN_TYPE_BACKEND_DESCRIPTOR, made, &got, config))
        got = 0;
    for (int64_t i = 0; i < got && i < made && !p->plan; i++) {
        if (allowed(d, p, config[i])) p->plan = plan_of(d, p, config[i], most);
        if (!p->plan) continue;
        p->made[p->n_made++] = config[i]; // the plan stands on it
        config[i] = NULL;
    }
    for (int64_t i = 0; i < made; i++)
        if (config[i]) api->cudnnBackendDestroyDescriptor(config[i]);
}

static void take_apart(cuda_device *d, cuda_dnn *p)
{
    if (p->plan) d->api.cudnnBackendDestroyDescriptor(p->plan);
    while (p->n_made) d->api.cudnnBackendDestroyDescriptor(p->made[--p->n_made]);
    p->plan = NULL;
}

static void build(cuda_device *d, cuda_dnn *p)
{
    const cudnnBackendHeurMode_t mode =
        p->effort == CUDA_DNN_BEST ? CUDNN_HEUR_MODE_A : CUDNN_HEUR_MODE_FALLBACK;
    maker m = {d, p, CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t g = graph(&m, &p->conv);
    cudnnBackendDescriptor_t h = make(&m, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    set_one(&m, h, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, g);
    set(&m, h, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    finish(&m, h);
    if (!m.status && p->n_made < MOST_MADE) choose(d, p, h);
    p->usable = p->plan != NULL;
    if (!p->usable) take_apart(d, p);
}

int cuda_dnn_get(const cuda_dnn **out, cuda_device *d, const cuda_dnn_conv *c,
                 cuda_dnn_effort effort)
{
    *out = NULL;
    for (size_t i = 0; i < d->n_dnns; i++)
        if (d->dnns[i]->effort == effort && !memcmp(&d->dnns[i]->conv, c, sizeof *c)) {
            *out = d->dnns[i]->usable ? d->dnns[i] : NULL;
            return GUISE_OK;
        }
    if (cuda_use(d)) return d->failed;
    cuda_dnn *p = base_alloc(1, sizeof *p);
    if (!p || !BASE_PUSH_ROOM(d->dnns, d->n_dnns, d->cap_dnns))
        return base_free(p), GUISE_NO_MEMORY;
    p->conv = *c;
    p->effort = effort;
    build(d, p);
    d->dnns[d->n_dnns++] = p;
    *out = p->usable ? p : NULL;
    return GUISE_OK;
}

size_t cuda_dnn_workspace(const cuda_dnn *p) { return (size_t)p->workspace; }
int64_t cuda_dnn_engine(const cuda_dnn *p) { return p->engine; }

// cuDNN takes addresses as pointers.
static void *pointer(cuda_at at) { return (void *)(uintptr_t)at; }

int cuda_dnn_run(const cuda_dnn *p, cuda_device *d, cuda_at a, cuda_at b, cuda_at bias, cuda_at out,
                 cuda_at workspace)
{
    static const int64_t role[][3] = {
        [CPU_CONV_Y] = {X, W, Y}, [CPU_CONV_DX] = {Y, W, X}, [CPU_CONV_DW] = {Y, X, W}};
    const int64_t *r = role[p->conv.kind];
    int64_t name[4] = {r[0], r[1], r[2], BIAS};
    void *at[4] = {pointer(a), pointer(b), pointer(out), pointer(bias)}, *room = pointer(workspace);
    maker m = {d, NULL, cuda_use(d) ? CUDNN_STATUS_NOT_INITIALIZED : CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t v = NULL;
    int64_t n = p->conv.bias ? 4 : 3;
    if (!m.status)
        m.status = d->api.cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &v);
    set(&m, v, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, n, name);
    set(&m, v, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, n, at);
    set(&m, v, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &room);
    finish(&m, v);
    if (!m.status) m.status = d->api.cudnnBackendExecute(d->dnn, p->plan, v);
    if (v) d->api.cudnnBackendDestroyDescriptor(v);
    return cuda_check_dnn(d, m.status, "a convolution");
}

void cuda_dnn_free(cuda_device *d)
{
    for (size_t i = 0; i < d->n_dnns; i++) {
        take_apart(d, d->dnns[i]);
        base_free(d->dnns[i]);
    }
    base_free(d->dnns);
    d->dnns = NULL;
    d->n_dnns = d->cap_dnns = 0;
}
