// cuda_api.c -- opening NVIDIA's libraries.
#include "backend/cuda_api.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { MAJOR = CUDA_VERSION / 1000 };

typedef struct {
    const char *stem; // "libnvrtc"
    int major;        // of the library file
    const char *what; // for sentences
} library;

static void *open_at(const char *dir, const library *l, bool numbered)
{
    char number[16] = "";
    if (numbered) snprintf(number, sizeof number, ".%d", l->major);
    char *path = base_format("%s%s%s.so%s", dir, *dir ? "/" : "", l->stem, number);
    void *handle = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    base_free(path);
    return handle;
}

static guise_status open_library(const library *l, void **handle, base_error *e)
{
    const char *only = getenv("GUISE_CUDA_LIBS");
    const char *place[] = {only && *only ? only : "", GUISE_CUDA_DIR "/lib64",
                           GUISE_CUDA_DIR "/lib"};
    int places = only && *only ? 1 : 3;
    for (int i = 0; !*handle && i < places; i++) {
        *handle = open_at(place[i], l, true);
        if (!*handle) *handle = open_at(place[i], l, false);
    }
    if (*handle) return GUISE_OK;
    return base_fail(e, GUISE_BAD_ARGUMENT,
                     "no GPU is used: %s (%s.so.%d) is not found; install it, or run on the CPU",
                     l->what, l->stem, l->major);
}

guise_status cuda_api_open(const char *stem, int major, const char *what, void **handle,
                           base_error *e)
{
    *handle = NULL;
    return open_library(&(library){stem, major, what}, handle, e);
}

// dlsym gives a data pointer for a function; POSIX has the two alike.
static bool find(void *handle, const char *name, void *function)
{
    void *p = dlsym(handle, name);
    memcpy(function, &p, sizeof p);
    return p != NULL;
}

static guise_status too_old(const library *l, const char *name, base_error *e)
{
    return base_fail(e, GUISE_BAD_ARGUMENT,
                     "no GPU is used: %s has no %s; install a newer one, or run on the CPU",
                     l->what, name);
}

#define TAKE(NAME)                                                                                 \
    if (!s && !find(handle, #NAME, &api->NAME)) s = too_old(&l, #NAME, e);

guise_status cuda_api_driver(cuda_api *api, base_error *e)
{
    const library l = {"libcuda", 1, "NVIDIA's driver"};
    guise_status s = open_library(&l, &api->driver, e);
    void *handle = api->driver;
    CUDA_DRIVER(TAKE)
    if (!s && !find(handle, "cuEventElapsedTime_v2", &api->elapsed) &&
        !find(handle, "cuEventElapsedTime", &api->elapsed))
        s = too_old(&l, "cuEventElapsedTime", e);
    return s;
}

guise_status cuda_api_compiler(cuda_api *api, base_error *e)
{
    const library l = {"libnvrtc", MAJOR, "NVIDIA's run time compiler NVRTC"};
    guise_status s = open_library(&l, &api->nvrtc, e);
    void *handle = api->nvrtc;
    CUDA_NVRTC(TAKE)
    return s;
}

static guise_status open_blas(cuda_api *api, base_error *e)
{
    const library l = {"libcublasLt", MAJOR, "NVIDIA's library cuBLASLt"};
    guise_status s = open_library(&l, &api->blas, e);
    void *handle = api->blas;
    CUDA_BLAS(TAKE)
    return s;
}

static guise_status open_dnn(cuda_api *api, base_error *e)
{
    const library l = {"libcudnn", CUDNN_MAJOR, "NVIDIA's library cuDNN"};
    guise_status s = open_library(&l, &api->dnn, e);
    void *handle = api->dnn;
    CUDA_DNN(TAKE)
    return s;
}

guise_status cuda_api_rest(cuda_api *api, base_error *e)
{
    guise_status s = cuda_api_compiler(api, e);
    if (!s) s = open_blas(api, e);
    if (!s) s = open_dnn(api, e);
    return s;
}

void cuda_api_close(cuda_api *api)
{
    void *handle[] = {api->dnn, api->blas, api->nvrtc, api->driver};
    for (size_t i = 0; i < sizeof handle / sizeof *handle; i++)
        if (handle[i]) dlclose(handle[i]);
    *api = (cuda_api){0};
}
