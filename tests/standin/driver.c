// driver.c -- the driver's stand-in: devices, contexts, errors, and which call fails by order.
#include "standin.h"
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Thread_local CUcontext standin_current;

static struct {
    pthread_mutex_t mutex;
    pthread_once_t once;
    bool initialised;
    long calls, fail_at, objects;
    char failed[64];
    CUresult broken;
    uint64_t seed;
    struct CUctx_st context[8];
} all = {.once = PTHREAD_ONCE_INIT, .seed = 1};

static void start(void)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&all.mutex, &a);
    pthread_mutexattr_destroy(&a);
    const char *fail = getenv("GUISE_STANDIN_FAIL"), *seed = getenv("GUISE_STANDIN_SEED");
    if (fail) all.fail_at = strtol(fail, NULL, 10);
    if (seed) all.seed = strtoull(seed, NULL, 10);
    for (int i = 0; i < 8; i++) all.context[i].device = i;
    // Kernels find threadIdx and its like in this library, which was opened for its opener alone.
    Dl_info me;
    if (dladdr(all.failed, &me) && me.dli_fname)
        dlopen(me.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

void standin_lock(void)
{
    pthread_once(&all.once, start);
    pthread_mutex_lock(&all.mutex);
}

void standin_unlock(void) { pthread_mutex_unlock(&all.mutex); }

bool standin_fails(const char *call)
{
    standin_lock();
    bool fails = ++all.calls == all.fail_at;
    if (fails) snprintf(all.failed, sizeof all.failed, "%s", call);
    standin_unlock();
    return fails;
}

void standin_fail_at(long n)
{
    standin_lock();
    all.calls = 0;
    all.fail_at = n;
    all.failed[0] = 0;
    all.broken = CUDA_SUCCESS;
    standin_unlock();
}

long standin_calls(void) { return all.calls; }
const char *standin_failed(void) { return all.failed[0] ? all.failed : NULL; }
void standin_seed(uint64_t seed) { all.seed = seed; }

void standin_object(int more)
{
    standin_lock();
    all.objects += more;
    standin_unlock();
}

long standin_objects(void) { return all.objects; }

uint64_t standin_random(void) // splitmix64
{
    uint64_t z = (all.seed += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

CUresult standin_broken(void) { return all.broken; }

CUresult standin_break(CUresult why)
{
    if (!all.broken) all.broken = why;
    return why;
}

CUresult standin_begin(const char *call)
{
    if (standin_fails(call)) return CUDA_ERROR_UNKNOWN;
    if (!all.initialised) return CUDA_ERROR_NOT_INITIALIZED;
    if (all.broken) return all.broken;
    return standin_current ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

int standin_devices(void)
{
    const char *n = getenv("GUISE_STANDIN_DEVICES");
    long devices = n ? strtol(n, NULL, 10) : 2;
    return devices < 0 ? 0 : devices > 8 ? 8 : (int)devices;
}

CUresult cuInit(unsigned flags)
{
    if (standin_fails(__func__)) return CUDA_ERROR_UNKNOWN;
    if (flags) return CUDA_ERROR_INVALID_VALUE;
    if (!standin_devices()) return CUDA_ERROR_NO_DEVICE;
    all.initialised = true;
    return CUDA_SUCCESS;
}

CUresult cuDriverGetVersion(int *version)
{
    if (standin_fails(__func__)) return CUDA_ERROR_UNKNOWN;
    if (!version) return CUDA_ERROR_INVALID_VALUE;
    *version = CUDA_VERSION;
    return CUDA_SUCCESS;
}

// For calls before there is a context.
static CUresult early(const char *call)
{
    if (standin_fails(call)) return CUDA_ERROR_UNKNOWN;
    return all.initialised ? all.broken : CUDA_ERROR_NOT_INITIALIZED;
}

CUresult cuDeviceGetCount(int *count)
{
    CUresult r = early(__func__);
    if (!r && !count) r = CUDA_ERROR_INVALID_VALUE;
    if (!r) *count = standin_devices();
    return r;
}

CUresult cuDeviceGet(CUdevice *device, int number)
{
    CUresult r = early(__func__);
    if (!r && !device) r = CUDA_ERROR_INVALID_VALUE;
    if (!r && (number < 0 || number >= standin_devices())) r = CUDA_ERROR_INVALID_DEVICE;
    if (!r) *device = number;
    return r;
}

static CUresult check_device(const char *call, const void *out, CUdevice d)
{
    CUresult r = early(call);
    if (!r && !out) r = CUDA_ERROR_INVALID_VALUE;
    if (!r && (d < 0 || d >= standin_devices())) r = CUDA_ERROR_INVALID_DEVICE;
    return r;
}

CUresult cuDeviceGetName(char *name, int size, CUdevice d)
{
    CUresult r = check_device(__func__, name, d);
    if (!r && size < 1) r = CUDA_ERROR_INVALID_VALUE;
    if (!r) snprintf(name, (size_t)size, "stand-in %d", d);
    return r;
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute a, CUdevice d)
{
    CUresult r = check_device(__func__, value, d);
    if (r) return r;
    switch ((int)a) {
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
        *value = 1024;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
        *value = 1024;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
        *value = 0x7fffffff;
        break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
        *value = STANDIN_SHARED_MOST;
        break;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
        *value = 32;
        break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
        *value = 4;
        break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
        *value = STANDIN_ARCH / 10;
        break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
        *value = STANDIN_ARCH % 10;
        break;
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
    case CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY:
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS:
        *value = 1;
        break;
    default:
        *value = 0;
    }
    return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice d)
{
    CUresult r = check_device(__func__, context, d);
    if (r) return r;
    standin_lock();
    all.context[d].users++;
    standin_object(1);
    *context = &all.context[d];
    standin_unlock();
    return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice d)
{
    CUresult r = check_device(__func__, &d, d);
    if (d < 0 || d >= standin_devices()) return r; // else released, whatever went wrong before
    standin_lock();
    if (all.context[d].users < 1)
        r = CUDA_ERROR_INVALID_CONTEXT;
    else {
        all.context[d].users--;
        standin_object(-1);
    }
    standin_unlock();
    return r;
}

CUresult cuCtxSetCurrent(CUcontext context)
{
    CUresult r = early(__func__);
    if (!r && context && context->users < 1) r = CUDA_ERROR_INVALID_CONTEXT;
    if (!r) standin_current = context;
    return r;
}

static const struct {
    CUresult r;
    const char *name, *text;
} words[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS",
     "an illegal memory access was encountered"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static CUresult word(CUresult r, bool name, const char **text)
{
    *text = NULL;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].r == r) *text = name ? words[i].name : words[i].text;
    return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorName(CUresult r, const char **text) { return word(r, true, text); }
CUresult cuGetErrorString(CUresult r, const char **text) { return word(r, false, text); }

int standin_current_device(void) { return standin_current ? standin_current->device : -1; }
