// cudnn.c -- cuDNN's stand-in: handles and descriptors. What is asked of them is in dnn_check.c,
// what they compute in dnn_run.c.
#include "dnn.h"
#include "standin.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cudnnContext {
    CUstream stream;
};

static char last[400];

cudnnStatus_t dnn_fail(cudnnStatus_t s, const char *text)
{
    snprintf(last, sizeof last, "%s", text);
    return s;
}

size_t cudnnGetVersion(void) { return CUDNN_VERSION; }

const char *cudnnGetErrorString(cudnnStatus_t s)
{
    switch ((int)s / 1000) {
    case 0:
        return "CUDNN_STATUS_SUCCESS";
    case 1:
        return "CUDNN_STATUS_NOT_INITIALIZED";
    case 2:
        return "CUDNN_STATUS_BAD_PARAM";
    case 3:
        return "CUDNN_STATUS_NOT_SUPPORTED";
    case 4:
        return "CUDNN_STATUS_INTERNAL_ERROR";
    default:
        return "CUDNN_STATUS_EXECUTION_FAILED";
    }
}

void cudnnGetLastErrorString(char *text, size_t size)
{
    if (text && size) snprintf(text, size, "%s", last);
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *out)
{
    if (standin_fails(__func__)) return dnn_fail(CUDNN_STATUS_NOT_INITIALIZED, "by order");
    if (!out) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    if (standin_current_device() < 0)
        return dnn_fail(CUDNN_STATUS_NOT_INITIALIZED, "no context of this thread");
    cudnnHandle_t h = calloc(1, sizeof *h);
    if (!h) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    *out = h;
    standin_object(1);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t h)
{
    bool fails = standin_fails(__func__);
    if (h) standin_object(-1);
    free(h);
    return fails ? CUDNN_STATUS_INTERNAL_ERROR : CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t h, cudaStream_t stream)
{
    if (standin_fails(__func__)) return dnn_fail(CUDNN_STATUS_BAD_PARAM, "by order");
    if (!h) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    h->stream = (CUstream)stream;
    return CUDNN_STATUS_SUCCESS;
}

// ---- Attributes

size_t dnn_size(cudnnBackendAttributeType_t type)
{
    switch ((int)type) {
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
        return sizeof(void *);
    case CUDNN_TYPE_INT64:
        return sizeof(int64_t);
    case CUDNN_TYPE_DOUBLE:
        return sizeof(double);
    case CUDNN_TYPE_FLOAT:
        return sizeof(float);
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
        return 1;
    case CUDNN_TYPE_DATA_TYPE:
    case CUDNN_TYPE_CONVOLUTION_MODE:
    case CUDNN_TYPE_HEUR_MODE:
    case CUDNN_TYPE_NUMERICAL_NOTE:
    case CUDNN_TYPE_BEHAVIOR_NOTE:
    case CUDNN_TYPE_INT32:
    case CUDNN_TYPE_POINTWISE_MODE:
        return sizeof(int);
    default:
        return 0;
    }
}

const dnn_attribute *dnn_get(const dnn *d, cudnnBackendAttributeName_t name)
{
    for (int i = 0; d && i < d->n; i++)
        if (d->attribute[i].name == name) return &d->attribute[i];
    return NULL;
}

const int64_t *dnn_integers(const dnn *d, cudnnBackendAttributeName_t name)
{
    const dnn_attribute *a = dnn_get(d, name);
    return a ? a->data : NULL;
}

int64_t dnn_integer(const dnn *d, cudnnBackendAttributeName_t name, int64_t otherwise)
{
    const int64_t *v = dnn_integers(d, name);
    return v ? *v : otherwise;
}

int dnn_enum(const dnn *d, cudnnBackendAttributeName_t name, int otherwise)
{
    const dnn_attribute *a = dnn_get(d, name);
    int v = otherwise;
    if (a && dnn_size(a->type) == 1) return *(const char *)a->data;
    if (a) memcpy(&v, a->data, sizeof v);
    return v;
}

float dnn_real(const dnn *d, cudnnBackendAttributeName_t name, float otherwise)
{
    const dnn_attribute *a = dnn_get(d, name);
    if (!a) return otherwise;
    return a->type == CUDNN_TYPE_DOUBLE ? (float)*(const double *)a->data : *(const float *)a->data;
}

dnn *dnn_nth(const dnn *d, cudnnBackendAttributeName_t name, int i)
{
    const dnn_attribute *a = dnn_get(d, name);
    return a && i < a->n ? ((dnn **)a->data)[i] : NULL;
}

dnn *dnn_part(const dnn *d, cudnnBackendAttributeName_t name) { return dnn_nth(d, name, 0); }

// ---- Descriptors

static void drop(dnn *d);

static void empty(dnn_attribute *a)
{
    for (int64_t i = 0; a->type == CUDNN_TYPE_BACKEND_DESCRIPTOR && i < a->n; i++)
        drop(((dnn **)a->data)[i]);
    free(a->data);
}

static void drop(dnn *d)
{
    if (!d || --d->users > 0) return;
    for (int i = 0; i < d->n; i++) empty(&d->attribute[i]);
    real_destroy(d);
    free(d);
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t *out)
{
    if (standin_fails(__func__))
        return dnn_fail(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, "by order");
    if (!out) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    dnn *d = calloc(1, sizeof *d);
    if (!d) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    d->type = type;
    d->users = 1;
    cudnnStatus_t s = real_create(d);
    if (s) {
        free(d);
        return s;
    }
    *out = d;
    standin_object(1);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t p)
{
    bool fails = standin_fails(__func__);
    if (p) standin_object(-1);
    standin_lock();
    drop(p);
    standin_unlock();
    return fails ? CUDNN_STATUS_INTERNAL_ERROR : CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t keep(dnn *d, cudnnBackendAttributeName_t name,
                          cudnnBackendAttributeType_t type, int64_t n, const void *data)
{
    size_t bytes = dnn_size(type) * (size_t)n;
    void *copy = malloc(bytes + 1);
    if (!copy) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    memcpy(copy, data, bytes);
    for (int64_t i = 0; type == CUDNN_TYPE_BACKEND_DESCRIPTOR && i < n; i++)
        ((dnn **)copy)[i]->users++;
    dnn_attribute *a = (dnn_attribute *)(uintptr_t)dnn_get(d, name);
    if (a)
        empty(a);
    else if (d->n == DNN_MAX_ATTRIBUTES) {
        free(copy);
        return dnn_fail(CUDNN_STATUS_INTERNAL_ERROR, "more attributes than the stand-in keeps");
    } else
        a = &d->attribute[d->n++];
    *a = (dnn_attribute){name, type, n, copy};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t p, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t n,
                                       const void *data)
{
    dnn *d = p;
    if (standin_fails(__func__)) return dnn_fail(CUDNN_STATUS_BAD_PARAM, "by order");
    if (!d || !data) return dnn_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "a null pointer");
    if (d->final) return dnn_fail(CUDNN_STATUS_NOT_INITIALIZED, "set after finalizing");
    cudnnStatus_t s = dnn_check_attribute(d, name, type, n);
    for (int64_t i = 0; !s && type == CUDNN_TYPE_BACKEND_DESCRIPTOR && i < n; i++) {
        const dnn *part = ((dnn *const *)data)[i];
        if (!part || !part->final)
            s = dnn_fail(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "a part that is not finalized");
    }
    if (!s) s = real_set(d, name, type, n, data);
    return s ? s : keep(d, name, type, n, data);
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t p)
{
    dnn *d = p;
    if (standin_fails(__func__)) return dnn_fail(CUDNN_STATUS_INTERNAL_ERROR, "by order");
    if (!d) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    if (d->final) return dnn_fail(CUDNN_STATUS_BAD_PARAM, "finalized twice");
    cudnnStatus_t s = dnn_check(d);
    if (!s && d->type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
        d->way = dnn_part(d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)->way;
        if (d->way == DNN_BROKEN) return dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "not this engine");
    }
    if (!s) s = real_finalize(d);
    d->final = !s;
    return s;
}

// ---- What can be asked

// Fills descriptors that the caller made; the caller is told of one more than there are, as the
// real library counts engines that it finds unfit later.
static cudnnStatus_t give_configs(const dnn *d, int64_t asked, int64_t *n, void *out)
{
    const dnn *graph = dnn_part(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    bool fallback = dnn_enum(d, CUDNN_ATTR_ENGINEHEUR_MODE, 0) == CUDNN_HEUR_MODE_FALLBACK;
    *n = 0;
    for (int way = 0; way < DNN_WAYS; way++) {
        if (!dnn_way_fits(graph, (dnn_way)way) || fallback != (way == DNN_PLAIN)) continue;
        if (out && *n == asked) break;
        dnn *c = out ? ((dnn **)out)[*n] : NULL;
        ++*n;
        if (!c) continue;
        if (c->type != CUDNN_BACKEND_ENGINECFG_DESCRIPTOR || c->final)
            return dnn_fail(CUDNN_STATUS_BAD_PARAM, "not an open engine configuration");
        c->way = way;
        c->final = true;
        cudnnStatus_t s =
            keep(c, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph);
        if (s) return s;
    }
    if (!out) ++*n;
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t give_engine(const dnn *d, int64_t asked, int64_t *n, void *out)
{
    *n = 1;
    if (!out || !asked) return CUDNN_STATUS_SUCCESS;
    dnn *e = *(dnn **)out;
    if (!e || e->type != CUDNN_BACKEND_ENGINE_DESCRIPTOR || e->final)
        return dnn_fail(CUDNN_STATUS_BAD_PARAM, "not an open engine");
    const dnn *graph = dnn_part(d, CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
    e->way = d->way;
    e->final = true;
    return keep(e, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph);
}

static bool in_bf16(const dnn *graph)
{
    dnn_graph g;
    return dnn_read_graph(graph, &g) &&
           dnn_enum(g.x, CUDNN_ATTR_TENSOR_DATA_TYPE, 0) == CUDNN_DATA_BFLOAT16;
}

static cudnnStatus_t give_notes(const dnn *d, int64_t asked, int64_t *n, void *out)
{
    cudnnBackendNumericalNote_t note[2];
    *n = 0;
    if (d->way == DNN_DOWN_CONVERT) note[(*n)++] = CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS;
    if (d->way == DNN_NONDETERMINISTIC) note[(*n)++] = CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
    if (d->way == DNN_TENSOR_CORE || in_bf16(dnn_part(d, CUDNN_ATTR_ENGINE_OPERATION_GRAPH)))
        note[(*n)++] = CUDNN_NUMERICAL_NOTE_TENSOR_CORE;
    if (out && asked < *n) *n = asked;
    if (out) memcpy(out, note, sizeof *note * (size_t)*n);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t give(const dnn *d, cudnnBackendAttributeName_t name,
                          cudnnBackendAttributeType_t type, int64_t asked, int64_t *n, void *out)
{
    const struct {
        cudnnBackendAttributeName_t name;
        cudnnBackendDescriptorType_t of;
        cudnnBackendAttributeType_t type;
    } known[] = {
        {CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR,
         CUDNN_TYPE_BACKEND_DESCRIPTOR},
        {CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR,
         CUDNN_TYPE_BACKEND_DESCRIPTOR},
        {CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_BACKEND_ENGINE_DESCRIPTOR,
         CUDNN_TYPE_NUMERICAL_NOTE},
        {CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_BACKEND_ENGINE_DESCRIPTOR,
         CUDNN_TYPE_BEHAVIOR_NOTE},
        {CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR,
         CUDNN_TYPE_INT64},
    };
    int which = -1;
    for (int i = 0; i < 5; i++)
        if (known[i].name == name && known[i].of == d->type) which = i;
    if (which < 0) return dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "no such attribute to read");
    if (known[which].type != type)
        return dnn_fail(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "an attribute of another type");
    switch (which) {
    case 0:
        return give_configs(d, asked, n, out);
    case 1:
        return give_engine(d, asked, n, out);
    case 2:
        return give_notes(d, asked, n, out);
    case 3:
        *n = 0;
        return CUDNN_STATUS_SUCCESS;
    default:
        *n = 1;
    }
    int64_t bytes = dnn_workspace(d);
    if (out && asked) memcpy(out, &bytes, sizeof bytes);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const p,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t asked,
                                       int64_t *returned, void *out)
{
    const dnn *d = p;
    int64_t n = 0;
    if (standin_fails(__func__)) return dnn_fail(CUDNN_STATUS_BAD_PARAM, "by order");
    if (!d) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    if (!d->final) return dnn_fail(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "not finalized");
    cudnnStatus_t s = give(d, name, type, asked, &n, out);
    if (!s && returned) *returned = n;
    return s;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t h, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t pack)
{
    const dnn *p = plan, *v = pack;
    if (standin_fails(__func__)) return dnn_fail(CUDNN_STATUS_EXECUTION_FAILED, "by order");
    if (!h || !p || !v) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    if (p->type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR ||
        v->type != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
        return dnn_fail(CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE, "not a plan and a variant pack");
    if (!p->final || !v->final)
        return dnn_fail(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "not finalized");
    return dnn_execute(h->stream, p, v);
}
