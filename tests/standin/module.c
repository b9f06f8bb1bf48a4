// module.c -- the driver's stand-in: kernels from images that nvrtc.c made, and their launch.
#include "standin.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct CUfunc_st {
    CUfunction next;
    void (*call)(const void *args);
    size_t args_size;
    CUmodule module;
};

struct CUmod_st {
    void *library;
    bool together; // the text meets at __syncthreads
    char *shared;
    size_t shared_bytes;
    CUfunction functions;
    CUcontext context;
};

// Does the library use a function that it does not have itself? Its name is in its bytes then.
static bool mentions(const char *bytes, size_t n, const char *name)
{
    return memmem(bytes, n, name, strlen(name)) != NULL;
}

// A shared library out of memory.
static void *open_image(const char *bytes, size_t n)
{
    int f = memfd_create("standin", MFD_CLOEXEC);
    char path[64];
    void *library = NULL;
    snprintf(path, sizeof path, "/proc/self/fd/%d", f);
    if (f >= 0 && write(f, bytes, n) == (ssize_t)n) library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (f >= 0 && !library) fprintf(stderr, "standin: %s\n", dlerror());
    // A path that is in use again would give the library that was there before: it stays open.
    if (f >= 0 && !library) close(f);
    return library;
}

CUresult cuModuleLoadData(CUmodule *out, const void *image)
{
    CUresult r = standin_begin(__func__);
    if (r) return r;
    if (!out || !image) return CUDA_ERROR_INVALID_VALUE;
    if (standin_capturing()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    standin_image head;
    memcpy(&head, image, sizeof head);
    if (memcmp(head.magic, STANDIN_MAGIC, sizeof head.magic) != 0) return CUDA_ERROR_INVALID_IMAGE;
    if (head.arch != STANDIN_ARCH) return CUDA_ERROR_NO_BINARY_FOR_GPU;
    const char *bytes = (const char *)image + sizeof head;
    CUmodule m = calloc(1, sizeof *m);
    if (m) m->library = open_image(bytes, head.bytes);
    if (!m || !m->library) {
        free(m);
        return CUDA_ERROR_INVALID_IMAGE;
    }
    m->context = standin_current;
    m->together = mentions(bytes, head.bytes, "standin_sync");
    char **ends = dlsym(m->library, "standin_shared_ends");
    if (ends) m->shared = ends[0];
    if (ends && ends[0]) m->shared_bytes = (size_t)(ends[1] - ends[0]);
    *out = m;
    standin_object(1);
    return CUDA_SUCCESS;
}

CUresult cuModuleUnload(CUmodule m)
{
    CUresult r = standin_begin(__func__);
    if (!m) return CUDA_ERROR_INVALID_HANDLE;
    standin_lock();
    standin_run_all();
    standin_unlock();
    dlclose(m->library);
    while (m->functions) {
        CUfunction f = m->functions;
        m->functions = f->next;
        free(f);
    }
    free(m);
    standin_object(-1);
    return r;
}

CUresult cuModuleGetFunction(CUfunction *out, CUmodule m, const char *name)
{
    char text[256];
    CUresult r = standin_begin(__func__);
    if (r) return r;
    if (!out || !m || !name || !*name) return CUDA_ERROR_INVALID_VALUE;
    snprintf(text, sizeof text, "standin_call_%s", name);
    void *call = dlsym(m->library, text);
    snprintf(text, sizeof text, "standin_size_%s", name);
    const size_t *size = dlsym(m->library, text);
    if (!call || !size) return CUDA_ERROR_NOT_FOUND;
    CUfunction f = calloc(1, sizeof *f);
    if (!f) return CUDA_ERROR_OUT_OF_MEMORY;
    memcpy(&f->call, &call, sizeof call);
    f->args_size = *size;
    f->module = m;
    f->next = m->functions;
    *out = m->functions = f;
    return CUDA_SUCCESS;
}

typedef struct {
    CUfunction f;
    unsigned blocks, threads;
} launch;

static CUresult run(void *data)
{
    launch l;
    memcpy(&l, data, sizeof l);
    CUmodule m = l.f->module;
    // The struct was copied behind the head; kernels take it at an address fit for any type.
    _Alignas(64) char args[4096];
    memcpy(args, (const char *)data + sizeof l, l.f->args_size);
    return standin_run_grid(&(standin_launch){l.f->call, l.blocks, l.threads, m->together,
                                              m->shared, m->shared_bytes, args});
}

// Either pointers to parameters, or all of them in a buffer whose size is given.
static CUresult arguments(const struct CUfunc_st *f, void **params, void **extra, const void **at)
{
    if (!params == !extra) return CUDA_ERROR_INVALID_VALUE;
    *at = params ? params[0] : NULL;
    size_t size = f->args_size;
    for (void **e = extra; e && *e != CU_LAUNCH_PARAM_END; e += 2) {
        if (*e == CU_LAUNCH_PARAM_BUFFER_POINTER) *at = e[1];
        if (*e == CU_LAUNCH_PARAM_BUFFER_SIZE) memcpy(&size, e[1], sizeof size);
    }
    // The driver cannot know the size behind a pointer; of a buffer it does.
    return *at && size == f->args_size && size <= 4000 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                        unsigned by, unsigned bz, unsigned shared, CUstream s, void **params,
                        void **extra)
{
    const void *args = NULL;
    standin_lock();
    CUresult r = standin_begin(__func__);
    if (!r && !f) r = CUDA_ERROR_INVALID_HANDLE;
    if (!r && f->module->context != standin_current) r = CUDA_ERROR_INVALID_HANDLE;
    if (!r && (!gx || gx > 0x7fffffff || gy != 1 || gz != 1 || !bx || bx > 1024 || by != 1 ||
               bz != 1 || shared))
        r = CUDA_ERROR_INVALID_VALUE;
    if (!r) r = arguments(f, params, extra, &args);
    if (!r) {
        char data[sizeof(launch) + 4096];
        launch l = {f, gx, bx};
        memcpy(data, &l, sizeof l);
        memcpy(data + sizeof l, args, f->args_size);
        r = standin_queue(s, run, data, sizeof l + f->args_size);
    }
    standin_unlock();
    return r;
}
