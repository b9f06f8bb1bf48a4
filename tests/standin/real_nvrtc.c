// real_nvrtc.c -- device code through the real NVRTC, which needs no GPU: GUISE_STANDIN_NVRTC names
// the library, GUISE_STANDIN_ARCHS ("75,80") architectures in place of the one that is asked for.
#include "compile.h"
#include <dlfcn.h>
#include <nvrtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *library;

static bool get(const char *name, void *function)
{
    void *p = library ? dlsym(library, name) : NULL;
    memcpy(function, &p, sizeof p);
    return p != NULL;
}

#define REAL(NAME) __typeof__(NAME) *real_##NAME = NULL
#define GET(NAME)  get(#NAME, &real_##NAME)

static bool take(const char *text, int n, const char *const *options, int arch, char **log)
{
    REAL(nvrtcCreateProgram);
    REAL(nvrtcCompileProgram);
    REAL(nvrtcDestroyProgram);
    REAL(nvrtcGetProgramLogSize);
    REAL(nvrtcGetProgramLog);
    nvrtcProgram p = NULL;
    const char *all[32];
    char name[64];
    size_t size = 0;
    if (!GET(nvrtcCreateProgram) || !GET(nvrtcCompileProgram) || !GET(nvrtcDestroyProgram) ||
        !GET(nvrtcGetProgramLogSize) || !GET(nvrtcGetProgramLog) || n > 31)
        return false;
    snprintf(name, sizeof name, "--gpu-architecture=sm_%d", arch);
    for (int i = 0; i < n; i++) {
        bool which = strstr(options[i], "arch=") || strstr(options[i], "architecture=");
        all[i] = which && arch ? name : options[i];
    }
    bool good = !real_nvrtcCreateProgram(&p, text, "kernel", 0, NULL, NULL) &&
                !real_nvrtcCompileProgram(p, n, all);
    if (!good && p && !real_nvrtcGetProgramLogSize(p, &size) && size && (*log = malloc(size)))
        real_nvrtcGetProgramLog(p, *log);
    if (p) real_nvrtcDestroyProgram(&p);
    return good;
}

bool real_nvrtc_takes(const char *text, int n, const char *const *options, char **log)
{
    const char *path = getenv("GUISE_STANDIN_NVRTC"), *archs = getenv("GUISE_STANDIN_ARCHS");
    if (!path || !*path) return true;
    if (!library) library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        *log = strdup(dlerror());
        return false;
    }
    bool good = archs && *archs ? true : take(text, n, options, 0, log);
    while (archs && *archs && good) {
        char *end;
        good = take(text, n, options, (int)strtol(archs, &end, 10), log);
        archs = *end == ',' ? end + 1 : "";
    }
    return good;
}
