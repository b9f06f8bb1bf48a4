// nvrtc.c -- NVRTC's stand-in: device code compiled for this machine by its C++ compiler.
//
// The preprocessed text is searched for kernels, each gets a function that calls it with its
// argument (standin.h), and the whole becomes a shared library, which is the "cubin". Libraries are
// kept beside this one, in cache/, by a hash of the text. With GUISE_STANDIN_NVRTC=LIBRARY the real
// NVRTC compiles every text too, and what it refuses is refused.
#include "compile.h"
#include "standin.h"
#include <nvrtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct _nvrtcProgram {
    char *text, *log;
    char *image; // standin_image and bytes, once compiled
    size_t bytes;
    bool native; // for sm_N, not compute_N
};

nvrtcResult nvrtcVersion(int *major, int *minor)
{
    if (standin_fails(__func__)) return NVRTC_ERROR_INTERNAL_ERROR;
    if (!major || !minor) return NVRTC_ERROR_INVALID_INPUT;
    *major = CUDA_VERSION / 1000;
    *minor = CUDA_VERSION % 1000 / 10;
    return NVRTC_SUCCESS;
}

static const int archs[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};
enum { ARCHS = sizeof archs / sizeof *archs };

nvrtcResult nvrtcGetNumSupportedArchs(int *n)
{
    if (standin_fails(__func__)) return NVRTC_ERROR_INTERNAL_ERROR;
    if (!n) return NVRTC_ERROR_INVALID_INPUT;
    *n = ARCHS;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetSupportedArchs(int *out)
{
    if (standin_fails(__func__)) return NVRTC_ERROR_INTERNAL_ERROR;
    if (!out) return NVRTC_ERROR_INVALID_INPUT;
    memcpy(out, archs, sizeof archs);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram *out, const char *text, const char *name, int n_headers,
                               const char *const *headers, const char *const *names)
{
    (void)name;
    if (standin_fails(__func__)) return NVRTC_ERROR_OUT_OF_MEMORY;
    if (!out || !text || n_headers < 0) return NVRTC_ERROR_INVALID_INPUT;
    if (n_headers || headers || names) return NVRTC_ERROR_PROGRAM_CREATION_FAILURE; // not here
    nvrtcProgram p = calloc(1, sizeof *p);
    if (p) p->text = strdup(text);
    if (p) p->log = strdup("");
    if (!p || !p->text || !p->log) {
        if (p) free(p->text), free(p->log);
        free(p);
        return NVRTC_ERROR_OUT_OF_MEMORY;
    }
    *out = p;
    standin_object(1);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *p)
{
    bool fails = standin_fails(__func__);
    if (!p || !*p) return NVRTC_ERROR_INVALID_PROGRAM;
    free((*p)->text);
    free((*p)->log);
    free((*p)->image);
    free(*p);
    *p = NULL;
    standin_object(-1);
    return fails ? NVRTC_ERROR_INTERNAL_ERROR : NVRTC_SUCCESS;
}

// What follows the option's name, "--name=" or "-short=".
static const char *value(const char *option, const char *name, const char *brief)
{
    size_t n = strlen(name), m = strlen(brief);
    if (!strncmp(option, name, n)) return option + n;
    return m && !strncmp(option, brief, m) ? option + m : NULL;
}

static bool known_switch(const char *o)
{
    static const char *const names[] = {"--use_fast_math",
                                        "-use_fast_math",
                                        "--generate-line-info",
                                        "-lineinfo",
                                        "--restrict",
                                        "-restrict",
                                        "--device-as-default-execution-space",
                                        "-default-device",
                                        "--extra-device-vectorization",
                                        "-extra-device-vectorization",
                                        "--disable-warnings",
                                        "-w",
                                        "--fmad=true",
                                        "--fmad=false",
                                        "-fmad=true",
                                        "-fmad=false",
                                        "--ftz=true",
                                        "--ftz=false",
                                        "-ftz=true",
                                        "-ftz=false",
                                        "--prec-div=true",
                                        "--prec-div=false",
                                        "--prec-sqrt=true",
                                        "--prec-sqrt=false"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(o, names[i])) return true;
    return value(o, "--std=c++", "-std=c++") || !strncmp(o, "-D", 2);
}

static nvrtcResult read_options(nvrtcProgram p, int n, const char *const *options, int *arch)
{
    p->native = false;
    *arch = 75;
    for (int i = 0; i < n; i++) {
        const char *v = value(options[i], "--gpu-architecture=", "-arch=");
        if (!v && known_switch(options[i])) continue;
        if (!v) return NVRTC_ERROR_INVALID_OPTION;
        p->native = !strncmp(v, "sm_", 3);
        if (!p->native && strncmp(v, "compute_", 8) != 0) return NVRTC_ERROR_INVALID_OPTION;
        *arch = (int)strtol(v + (p->native ? 3 : 8), NULL, 10);
        bool known = false;
        for (int k = 0; k < ARCHS; k++) known = known || archs[k] == *arch;
        if (!known) return NVRTC_ERROR_INVALID_OPTION;
    }
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram p, int n, const char *const *options)
{
    int arch;
    if (standin_fails(__func__)) return NVRTC_ERROR_COMPILATION;
    if (!p) return NVRTC_ERROR_INVALID_PROGRAM;
    nvrtcResult r = read_options(p, n, options, &arch);
    if (r) return r;
    free(p->image);
    p->image = NULL;
    char *log = NULL;
    size_t bytes = 0;
    standin_lock();
    char *library = compile_text(p->text, n, options, &bytes, &log);
    standin_unlock();
    if (log) {
        free(p->log);
        p->log = log;
    }
    if (!library) return NVRTC_ERROR_COMPILATION;
    standin_image head = {STANDIN_MAGIC, p->native ? arch : STANDIN_ARCH, 0, bytes};
    p->bytes = sizeof head + bytes;
    p->image = malloc(p->bytes);
    if (p->image) {
        memcpy(p->image, &head, sizeof head);
        memcpy(p->image + sizeof head, library, bytes);
    }
    free(library);
    return p->image ? NVRTC_SUCCESS : NVRTC_ERROR_OUT_OF_MEMORY;
}

static nvrtcResult size_of(const char *call, nvrtcProgram p, bool native, size_t *size)
{
    if (standin_fails(call)) return NVRTC_ERROR_INTERNAL_ERROR;
    if (!p) return NVRTC_ERROR_INVALID_PROGRAM;
    if (!size) return NVRTC_ERROR_INVALID_INPUT;
    *size = p->image && (!native || p->native) ? p->bytes : 0;
    return NVRTC_SUCCESS;
}

static nvrtcResult bytes_of(const char *call, nvrtcProgram p, bool native, char *out)
{
    if (standin_fails(call)) return NVRTC_ERROR_INTERNAL_ERROR;
    if (!p) return NVRTC_ERROR_INVALID_PROGRAM;
    if (!out || !p->image || (native && !p->native)) return NVRTC_ERROR_INVALID_INPUT;
    memcpy(out, p->image, p->bytes);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram p, size_t *n) { return size_of(__func__, p, true, n); }
nvrtcResult nvrtcGetCUBIN(nvrtcProgram p, char *out) { return bytes_of(__func__, p, true, out); }
nvrtcResult nvrtcGetPTXSize(nvrtcProgram p, size_t *n) { return size_of(__func__, p, false, n); }
nvrtcResult nvrtcGetPTX(nvrtcProgram p, char *out) { return bytes_of(__func__, p, false, out); }

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram p, size_t *size)
{
    if (standin_fails(__func__)) return NVRTC_ERROR_INTERNAL_ERROR;
    if (!p || !size) return NVRTC_ERROR_INVALID_INPUT;
    *size = strlen(p->log) + 1;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram p, char *out)
{
    if (standin_fails(__func__)) return NVRTC_ERROR_INTERNAL_ERROR;
    if (!p || !out) return NVRTC_ERROR_INVALID_INPUT;
    memcpy(out, p->log, strlen(p->log) + 1);
    return NVRTC_SUCCESS;
}

const char *nvrtcGetErrorString(nvrtcResult r)
{
    switch ((int)r) {
    case NVRTC_SUCCESS:
        return "NVRTC_SUCCESS";
    case NVRTC_ERROR_OUT_OF_MEMORY:
        return "NVRTC_ERROR_OUT_OF_MEMORY";
    case NVRTC_ERROR_INVALID_INPUT:
        return "NVRTC_ERROR_INVALID_INPUT";
    case NVRTC_ERROR_INVALID_PROGRAM:
        return "NVRTC_ERROR_INVALID_PROGRAM";
    case NVRTC_ERROR_INVALID_OPTION:
        return "NVRTC_ERROR_INVALID_OPTION";
    case NVRTC_ERROR_COMPILATION:
        return "NVRTC_ERROR_COMPILATION";
    default:
        return "NVRTC_ERROR unknown";
    }
}
