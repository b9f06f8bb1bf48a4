// real_cudnn.c -- every descriptor in the real cuDNN too, which checks graphs, heuristics and plans
// without a GPU once it is told the properties of one (a descriptor of its own).
#include "dnn.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    bool tried;
    void *handle, *properties;
    __typeof__(cudnnBackendCreateDescriptor) *create;
    __typeof__(cudnnBackendDestroyDescriptor) *destroy;
    __typeof__(cudnnBackendSetAttribute) *set;
    __typeof__(cudnnBackendGetAttribute) *get;
    __typeof__(cudnnBackendFinalize) *finalize;
    __typeof__(cudnnGetLastErrorString) *last;
} real;

static cudnnStatus_t said(cudnnStatus_t s)
{
    char text[300] = "", all[400];
    if (!s) return s;
    real.last(text, sizeof text);
    snprintf(all, sizeof all, "the real cuDNN: %s", text);
    return dnn_fail(s, all);
}

static bool get(const char *name, void *function)
{
    void *p = dlsym(real.handle, name);
    memcpy(function, &p, sizeof p);
    return p != NULL;
}

// An H100 (sm_90), A100 (sm_80) or T4 (sm_75), by NVIDIA's data sheets.
static cudnnStatus_t describe(int sm)
{
    char text[1200];
    int n = snprintf(
        text, sizeof text,
        "{\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],"
        "\"regsPerBlock\":65536,\"multiProcessorCount\":%d,\"warpSize\":32,"
        "\"maxSharedMemoryPerBlock\":49152,\"maxSharedMemoryPerBlockOptin\":%d,"
        "\"reservedSharedMemoryPerBlock\":%d,\"maxRegistersPerSM\":65536,\"maxCtasPerSM\":%d,"
        "\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":%d,\"pciDeviceId\":0,\"isTccDriver\":0,"
        "\"supportCoopLaunch\":1,\"totalGlobalMem\":16000000000,\"smClockRateKHz\":1500000,"
        "\"memClockRateKHz\":2000000,\"l2CacheSize\":41943040,\"cudaDeviceId\":0,"
        "\"deviceVer\":%d,\"driverVer\":%d,\"deviceName\":\"GPU of sm_%d\"}",
        sm == 90   ? 132
        : sm == 80 ? 108
                   : 40,
        sm == 90   ? 232448
        : sm == 80 ? 166912
                   : 65536,
        sm == 75 ? 0 : 1024, sm == 75 ? 16 : 32, sm == 75 ? 1024 : 2048, sm * 10, 13000, sm);
    cudnnStatus_t s = real.create(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &real.properties);
    if (!s)
        s = real.set(real.properties, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                     n + 1, text);
    return s ? s : real.finalize(real.properties);
}

static bool here(void)
{
    const char *path = getenv("GUISE_STANDIN_CUDNN"), *sm = getenv("GUISE_STANDIN_SM");
    if (real.tried) return real.handle;
    real.tried = true;
    if (!path || !*path) return false;
    real.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    bool good =
        real.handle && get("cudnnBackendCreateDescriptor", &real.create) &&
        get("cudnnBackendDestroyDescriptor", &real.destroy) &&
        get("cudnnBackendSetAttribute", &real.set) && get("cudnnBackendGetAttribute", &real.get) &&
        get("cudnnBackendFinalize", &real.finalize) && get("cudnnGetLastErrorString", &real.last);
    if (good) good = !said(describe(sm ? (int)strtol(sm, NULL, 10) : 90));
    if (!good) {
        const char *why = dlerror();
        fprintf(stderr, "standin: the real cuDNN %s is of no use: %s\n", path, why ? why : "");
        real.handle = NULL;
    }
    return good;
}

// Which descriptors the real library takes part in: not the caller's variant packs, and engines
// that the stand-in's heuristic made.
static bool shared(cudnnBackendDescriptorType_t t)
{
    return t != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR && t != CUDNN_BACKEND_ENGINECFG_DESCRIPTOR &&
           t != CUDNN_BACKEND_ENGINE_DESCRIPTOR && t != CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR &&
           t != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR;
}

cudnnStatus_t real_create(dnn *d)
{
    return here() && shared(d->type) ? said(real.create(d->type, &d->real)) : CUDNN_STATUS_SUCCESS;
}

void real_destroy(dnn *d)
{
    if (d->real) real.destroy(d->real);
}

cudnnStatus_t real_set(dnn *d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                       int64_t n, const void *data)
{
    void *part[DNN_MAX_OPS];
    if (!d->real || type == CUDNN_TYPE_HANDLE) return CUDNN_STATUS_SUCCESS;
    if (type != CUDNN_TYPE_BACKEND_DESCRIPTOR) return said(real.set(d->real, name, type, n, data));
    for (int64_t i = 0; i < n && i < DNN_MAX_OPS; i++) part[i] = ((dnn *const *)data)[i]->real;
    return said(real.set(d->real, name, type, n, part));
}

// The first of the engines which the real heuristic finds whose plan it finalizes.
static cudnnStatus_t try_plan(void *graph, cudnnBackendHeurMode_t mode, bool *found)
{
    enum { MOST = 32 };
    void *list = NULL, *config[MOST] = {0};
    int64_t n = 0;
    cudnnStatus_t s = real.create(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, &list);
    if (!s)
        s = real.set(list, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                     &graph);
    if (!s) s = real.set(list, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    if (!s)
        s = real.set(list, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                     &real.properties);
    if (!s) s = real.finalize(list);
    for (int i = 0; !s && i < MOST; i++)
        s = real.create(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &config[i]);
    if (!s)
        s = real.get(list, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, MOST, &n,
                     config);
    for (int64_t i = 0; !s && i < n && !*found; i++) {
        void *plan = NULL;
        *found = !real.create(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan) &&
                 !real.set(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                           CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config[i]) &&
                 !real.set(plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,
                           CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &real.properties) &&
                 !real.finalize(plan);
        if (plan) real.destroy(plan);
    }
    for (int i = 0; i < MOST; i++)
        if (config[i]) real.destroy(config[i]);
    if (list) real.destroy(list);
    return s;
}

cudnnStatus_t real_finalize(dnn *d)
{
    if (d->real) return said(real.finalize(d->real));
    if (d->type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR || !here()) return CUDNN_STATUS_SUCCESS;
    const dnn *config = dnn_part(d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
    dnn *graph = dnn_part(config, CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
    bool found = graph->way; // known from an earlier plan
    cudnnStatus_t s = CUDNN_STATUS_SUCCESS;
    if (!found) s = try_plan(graph->real, CUDNN_HEUR_MODE_A, &found);
    if (!found) s = try_plan(graph->real, CUDNN_HEUR_MODE_FALLBACK, &found);
    graph->way = found;
    if (found) return CUDNN_STATUS_SUCCESS;
    return s ? said(s) : dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "the real cuDNN has no engine");
}
