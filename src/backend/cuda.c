// cuda.c -- opening and describing a GPU, errors kept until somebody waits, marks on the stream.
#include "backend/cuda_dnn.h"
#include <math.h>
#include <string.h>

int cuda_failed(cuda_device *d, guise_status s, const char *format, ...)
{
    if (d->failed) return s;
    d->failed = s;
    va_list list;
    va_start(list, format);
    vsnprintf(d->trouble, sizeof d->trouble, format, list);
    va_end(list);
    return s;
}

static const char *reason(const cuda_api *api, CUresult r)
{
    const char *text = NULL;
    return api->cuGetErrorString(r, &text) || !text ? "unknown error" : text;
}

int cuda_check(cuda_device *d, CUresult r, const char *what)
{
    if (r == CUDA_SUCCESS) return 0;
    guise_status s = r == CUDA_ERROR_OUT_OF_MEMORY ? GUISE_NO_MEMORY : GUISE_IO;
    return cuda_failed(d, s, "GPU: %s: %s", what, reason(&d->api, r));
}

int cuda_check_blas(cuda_device *d, cublasStatus_t r, const char *what)
{
    if (r == CUBLAS_STATUS_SUCCESS) return 0;
    guise_status s = r == CUBLAS_STATUS_ALLOC_FAILED ? GUISE_NO_MEMORY : GUISE_IO;
    return cuda_failed(d, s, "GPU: %s: cuBLASLt: %s", what, d->api.cublasLtGetStatusString(r));
}

int cuda_check_dnn(cuda_device *d, cudnnStatus_t r, const char *what)
{
    if (r == CUDNN_STATUS_SUCCESS) return 0;
    return cuda_failed(d, GUISE_IO, "GPU: %s: cuDNN: %s", what, d->api.cudnnGetErrorString(r));
}

int cuda_use(cuda_device *d) { return cuda_check(d, d->api.cuCtxSetCurrent(d->context), "use"); }

const char *cuda_trouble(const cuda_device *d) { return d->trouble; }
cuda_wish cuda_wish_of(const cuda_device *d) { return d->wish; }
bool cuda_has_bf16(const cuda_device *d) { return d->major >= 8; }

int cuda_settle(cuda_device *d)
{
    if (!cuda_use(d)) cuda_check(d, d->api.cuStreamSynchronize(d->stream), "waiting for its work");
    return d->failed;
}

guise_status cuda_wait(cuda_device *d, base_error *e)
{
    guise_status s = (guise_status)cuda_settle(d);
    if (s) base_fail(e, s, "%s", d->trouble);
    d->failed = GUISE_OK;
    d->trouble[0] = 0;
    return s;
}

// The driver ready and the number of devices, or one sentence.
static guise_status start(cuda_api *api, int *devices, base_error *e)
{
    guise_status s = cuda_api_driver(api, e);
    CUresult r = s ? CUDA_SUCCESS : api->cuInit(0);
    if (!s && (r == CUDA_SUCCESS || r == CUDA_ERROR_NO_DEVICE)) {
        r = r ? r : api->cuDeviceGetCount(devices);
        if (r == CUDA_ERROR_NO_DEVICE || (!r && *devices < 1))
            return base_fail(e, GUISE_BAD_ARGUMENT,
                             "no GPU is used: NVIDIA's driver is here, but finds no device");
    }
    if (s || !r) return s;
    return base_fail(e, GUISE_BAD_ARGUMENT, "no GPU is used: NVIDIA's driver does not start: %s",
                     reason(api, r));
}

static int attribute(const cuda_api *api, CUdevice device, CUdevice_attribute which)
{
    int value = 0;
    return api->cuDeviceGetAttribute(&value, which, device) ? 0 : value;
}

static guise_status find_device(cuda_device *d, base_error *e)
{
    int devices = 0;
    guise_status s = start(&d->api, &devices, e);
    if (s) return s;
    if (d->number < 0 || d->number >= devices)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "there is no GPU %d: this machine has %d, counted from 0", d->number,
                         devices);
    CUresult r = d->api.cuDeviceGet(&d->device, d->number);
    if (!r) r = d->api.cuDevicePrimaryCtxRetain(&d->context, d->device);
    if (r)
        return base_fail(e, GUISE_BAD_ARGUMENT, "GPU %d cannot be used: %s", d->number,
                         reason(&d->api, r));
    d->major = attribute(&d->api, d->device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    d->minor = attribute(&d->api, d->device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    if (!attribute(&d->api, d->device, CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY))
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "GPU %d cannot be used: it shares no memory with the host", d->number);
    if (!attribute(&d->api, d->device, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS))
        return base_fail(
            e, GUISE_BAD_ARGUMENT,
            "GPU %d cannot be used: host and GPU may not look at the memory they share at "
            "one time, as under WSL",
            d->number);
    return GUISE_OK;
}

static guise_status open_streams(cuda_device *d, base_error *e)
{
    int s = cuda_use(d);
    if (!s) s = cuda_check(d, d->api.cuStreamCreate(&d->stream, CU_STREAM_NON_BLOCKING), "stream");
    if (!s) s = cuda_check(d, d->api.cuStreamCreate(&d->feeding, CU_STREAM_NON_BLOCKING), "stream");
    if (!s) s = cuda_check_blas(d, d->api.cublasLtCreate(&d->blas), "opening");
    if (!s) s = cuda_check_dnn(d, d->api.cudnnCreate(&d->dnn), "opening");
    if (!s) s = cuda_check_dnn(d, d->api.cudnnSetStream(d->dnn, d->stream), "opening");
    return s ? base_fail(e, GUISE_BAD_ARGUMENT, "GPU %d cannot be used: %s", d->number, d->trouble)
             : GUISE_OK;
}

guise_status cuda_open(cuda_device **out, int number, const cuda_wish *wish, base_error *e)
{
    cuda_device *d = *out = base_alloc(1, sizeof *d);
    if (!d) return base_no_memory(e);
    d->number = number;
    if (wish) d->wish = *wish;
    guise_status s = find_device(d, e);
    if (!s) s = cuda_api_rest(&d->api, e);
    if (!s) s = open_streams(d, e);
    if (s) cuda_close(out);
    return s;
}

void cuda_close(cuda_device **device)
{
    cuda_device *d = *device;
    if (!d) return;
    if (d->context) {
        cuda_use(d);
        if (d->stream) d->api.cuStreamSynchronize(d->stream);
        while (d->n_blocks) cuda_free(d, d->block[0].kind, d->block[0].at);
        for (size_t i = 0; i < d->n_kernels; i++) cuda_kernel_free(d, d->kernel[i]);
        cuda_dnn_free(d);
        if (d->dnn) d->api.cudnnDestroy(d->dnn);
        if (d->blas) d->api.cublasLtDestroy(d->blas);
        if (d->feeding) d->api.cuStreamDestroy_v2(d->feeding);
        if (d->stream) d->api.cuStreamDestroy_v2(d->stream);
        d->api.cuDevicePrimaryCtxRelease_v2(d->device);
    }
    base_free(d->kernel);
    base_free(d->block);
    cuda_api_close(&d->api);
    base_free(d);
    *device = NULL;
}

void cuda_describe(cuda_facts *f)
{
    *f = (cuda_facts){0};
    cuda_api api = {0};
    base_error e = {0};
    CUdevice device;
    guise_status s = start(&api, &f->devices, &e);
    if (!s && !api.cuDeviceGet(&device, 0)) {
        api.cuDeviceGetName(f->name, sizeof f->name, device);
        f->name[sizeof f->name - 1] = 0;
        if (api.cuDeviceTotalMem_v2(&f->bytes, device)) f->bytes = 0;
        f->major = attribute(&api, device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
        f->minor = attribute(&api, device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    }
    if (!s && api.cuDriverGetVersion(&f->driver)) f->driver = 0;
    if (!s) s = cuda_api_rest(&api, &e);
    if (api.cudnnGetVersion) f->cudnn = (int)api.cudnnGetVersion();
    if (api.cublasLtGetVersion) f->cublas = (int)api.cublasLtGetVersion();
    if (s) snprintf(f->why, sizeof f->why, "%.*s", (int)sizeof f->why - 1, e.text);
    cuda_api_close(&api);
}

struct cuda_mark {
    cuda_device *device;
    CUevent event;
};

cuda_mark *cuda_mark_new(cuda_device *d)
{
    cuda_mark *m = base_alloc(1, sizeof *m);
    if (!m) return NULL;
    m->device = d;
    if (!cuda_use(d) && !cuda_check(d, d->api.cuEventCreate(&m->event, CU_EVENT_DEFAULT), "mark"))
        return m;
    base_free(m);
    return NULL;
}

void cuda_mark_free(cuda_mark **m)
{
    if (!*m) return;
    cuda_use((*m)->device);
    (*m)->device->api.cuEventDestroy_v2((*m)->event);
    base_free(*m);
    *m = NULL;
}

int cuda_mark_set(cuda_mark *m)
{
    cuda_device *d = m->device;
    int s = cuda_use(d);
    return s ? s : cuda_check(d, d->api.cuEventRecord(m->event, d->stream), "mark");
}

double cuda_mark_between(const cuda_mark *a, const cuda_mark *b)
{
    cuda_device *d = b->device;
    float ms = 0;
    if (cuda_use(d) || cuda_check(d, d->api.cuEventSynchronize(b->event), "mark") ||
        d->api.elapsed(&ms, a->event, b->event))
        return (double)NAN;
    return (double)ms / 1e3;
}
