// cuda_jit.c -- device code from text: compiled by NVRTC for the device's architecture, kept as
// files in the user's cache directory (XDG Base Directory Specification), and launched.
//
// A file of the cache is the SHA-256 of what follows in 64 hexadecimal digits, and the machine
// code. Any damage to it costs time only.
#include "backend/cuda_own.h"
#include <stdlib.h>
#include <string.h>

extern const char cuda_text_kernel[];

enum { HEX = 64 };

typedef struct { // machine code, or PTX
    char *data;
    size_t bytes;
} binary;

// Machine code for what is here where NVRTC knows it; for newer devices PTX for the newest that it
// knows, which the driver translates.
static guise_status architecture(const cuda_api *api, int want, char text[40], base_error *e)
{
    int n = 0, best = 0, list[128];
    if (api->nvrtcGetNumSupportedArchs(&n) || n > 128 || api->nvrtcGetSupportedArchs(list)) n = 0;
    for (int i = 0; i < n; i++)
        if (list[i] <= want && list[i] > best) best = list[i];
    if (!best)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "no GPU is used: its compute capability %d.%d is too old for this NVRTC",
                         want / 10, want % 10);
    snprintf(text, 40, "--gpu-architecture=%s_%d", best == want ? "sm" : "compute", best);
    return GUISE_OK;
}

static guise_status complain(const cuda_api *api, nvrtcProgram p, nvrtcResult r, base_error *e)
{
    size_t n = 0;
    char *log = api->nvrtcGetProgramLogSize(p, &n) ? NULL : base_alloc(n + 1, 1);
    if (log && api->nvrtcGetProgramLog(p, log)) log[0] = 0;
    base_fail(e, GUISE_IO, "device code does not compile (%s): %.300s", api->nvrtcGetErrorString(r),
              log ? log : "");
    base_free(log);
    return GUISE_IO;
}

static guise_status take(const cuda_api *api, nvrtcProgram p, bool ptx, binary *to, base_error *e)
{
    nvrtcResult r =
        ptx ? api->nvrtcGetPTXSize(p, &to->bytes) : api->nvrtcGetCUBINSize(p, &to->bytes);
    to->data = r ? NULL : base_alloc(to->bytes + 1, 1);
    if (!r && !to->data) return base_no_memory(e);
    if (!r) r = ptx ? api->nvrtcGetPTX(p, to->data) : api->nvrtcGetCUBIN(p, to->data);
    return r ? complain(api, p, r, e) : GUISE_OK;
}

static guise_status compile(const cuda_api *api, const char *source, const char *arch, binary *to,
                            base_error *e)
{
    const char *option[] = {arch, "--std=c++17"};
    nvrtcProgram p = NULL;
    nvrtcResult r = api->nvrtcCreateProgram(&p, source, "guise.cu", 0, NULL, NULL);
    if (r) return base_fail(e, GUISE_IO, "NVRTC: %s", api->nvrtcGetErrorString(r));
    r = api->nvrtcCompileProgram(p, sizeof option / sizeof *option, option);
    guise_status s = r ? complain(api, p, r, e) : GUISE_OK;
    if (!s) s = take(api, p, strstr(arch, "=compute_") != NULL, to, e);
    api->nvrtcDestroyProgram(&p);
    return s;
}

// guise below $XDG_CACHE_HOME, which counts only as an absolute path, or below ~/.cache.
static char *cache_file(const char *key)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool own = cache && cache[0] == '/';
    if (!own && (!home || home[0] != '/')) return NULL;
    char *dir = base_format("%s%s/guise/kernels", own ? cache : home, own ? "" : "/.cache");
    char *file = dir && !base_make_dir(dir, NULL) ? base_format("%s/%s", dir, key) : NULL;
    base_free(dir);
    return file;
}

static bool read_cache(const char *file, binary *to)
{
    base_map m = {0};
    if (!file || !base_is_file(file) || base_map_open(&m, file, NULL)) return false;
    bool whole = m.size > HEX;
    if (whole) {
        base_sha256 h;
        base_sha256_bytes(&h, m.data + HEX, m.size - HEX);
        whole = !memcmp(h.hex, m.data, HEX);
    }
    to->bytes = whole ? m.size - HEX : 0;
    to->data = whole ? base_alloc(to->bytes + 1, 1) : NULL;
    if (to->data) memcpy(to->data, m.data + HEX, to->bytes);
    base_map_close(&m);
    return to->data != NULL;
}

static void write_cache(const char *file, const binary *b) // failing costs time only
{
    char *all = file ? base_alloc(HEX + b->bytes, 1) : NULL;
    if (!all) return;
    base_sha256 h;
    base_sha256_bytes(&h, b->data, b->bytes);
    memcpy(all, h.hex, HEX);
    memcpy(all + HEX, b->data, b->bytes);
    base_write_file(file, all, HEX + b->bytes, NULL);
    base_free(all);
}

static guise_status load(cuda_device *d, cuda_kernel *k, const binary *b, const char *name,
                         base_error *e)
{
    CUresult r = d->api.cuModuleLoadData(&k->module, b->data);
    if (!r) r = d->api.cuModuleGetFunction(&k->function, k->module, name);
    if (!r) return GUISE_OK;
    if (k->module) d->api.cuModuleUnload(k->module);
    k->module = NULL;
    const char *why = NULL;
    d->api.cuGetErrorString(r, &why);
    return base_fail(e, GUISE_IO, "GPU: the kernel %s cannot be loaded: %s", name, why ? why : "");
}

static guise_status make(cuda_device *d, cuda_kernel *k, const char *source, const char *name,
                         base_error *e)
{
    char arch[40], version[64];
    int major = 0, minor = 0;
    guise_status s = architecture(&d->api, d->major * 10 + d->minor, arch, e);
    d->api.nvrtcVersion(&major, &minor);
    snprintf(version, sizeof version, "%d.%d %s\n", major, minor, arch);
    char *all = s ? NULL : base_format("%s%s", version, source);
    if (!s && !all) s = base_no_memory(e);
    if (s) return s;
    base_sha256 key;
    base_sha256_bytes(&key, all, strlen(all));
    base_free(all);
    binary b = {0};
    char *file = cache_file(key.hex);
    bool found = read_cache(file, &b);
    if (found && load(d, k, &b, name, NULL)) { // whole, but not for this driver
        base_free(b.data);
        b = (binary){0};
        found = false;
    }
    if (!found) {
        s = compile(&d->api, source, arch, &b, e);
        if (!s) s = load(d, k, &b, name, e);
        if (!s) write_cache(file, &b);
    }
    base_free(b.data);
    base_free(file);
    return s;
}

static char *source_of(const char *text, const char *defines)
{
    return base_format("%s\n%s\n%s", cuda_text_kernel, defines ? defines : "", text);
}

// Is it made from these pieces? Without putting them together, as this is asked at every launch of
// kernels that nobody holds on to.
static bool is_of(const cuda_kernel *k, const char *text, const char *defines, const char *name)
{
    size_t front = k->front, middle = defines ? strlen(defines) : 0;
    if (strcmp(k->name, name) != 0 ||
        strncmp(k->source + front, defines ? defines : "", middle) != 0)
        return false;
    return k->source[front + middle] == '\n' && !strcmp(k->source + front + middle + 1, text);
}

static guise_status make_kernel(cuda_device *d, cuda_kernel *k, const char *text,
                                const char *defines, const char *name, base_error *e)
{
    k->source = source_of(text, defines);
    k->name = base_copy_text(name);
    k->front = strlen(cuda_text_kernel) + 1;
    if (!k->source || !k->name || !BASE_PUSH_ROOM(d->kernel, d->n_kernels, d->cap_kernels))
        return base_no_memory(e);
    if (cuda_use(d)) return base_fail(e, d->failed, "%s", d->trouble);
    return make(d, k, k->source, name, e);
}

guise_status cuda_kernel_get(cuda_device *d, const char *text, const char *defines,
                             const char *name, cuda_kernel **out, base_error *e)
{
    for (size_t i = 0; i < d->n_kernels; i++)
        if (is_of(d->kernel[i], text, defines, name)) return *out = d->kernel[i], GUISE_OK;
    cuda_kernel *k = *out = base_alloc(1, sizeof *k);
    guise_status s = k ? make_kernel(d, k, text, defines, name, e) : base_no_memory(e);
    if (!s) {
        d->kernel[d->n_kernels++] = k;
    } else {
        *out = NULL;
        cuda_kernel_free(d, k);
    }
    return s;
}

void cuda_kernel_free(cuda_device *d, cuda_kernel *k)
{
    if (!k) return;
    if (k->module) d->api.cuModuleUnload(k->module);
    base_free(k->source);
    base_free(k->name);
    base_free(k);
}

guise_status cuda_try_text(const char *text, const char *defines, int capability, base_error *e)
{
    cuda_api api = {0};
    char arch[40];
    binary b = {0};
    char *source = source_of(text, defines);
    guise_status s = source ? cuda_api_compiler(&api, e) : base_no_memory(e);
    if (!s) s = architecture(&api, capability, arch, e);
    if (!s) s = compile(&api, source, arch, &b, e);
    base_free(b.data);
    base_free(source);
    cuda_api_close(&api);
    return s;
}

int cuda_launch(cuda_device *d, const cuda_kernel *k, int64_t blocks, int threads, const void *args,
                size_t args_size)
{
    enum { MOST_ARGS = 4096 }; // CUDA C++ Programming Guide: bytes of a kernel's parameters
    if (args_size > MOST_ARGS || blocks < 1 || blocks > INT32_MAX || threads < 1)
        return cuda_failed(d, GUISE_BAD_ARGUMENT, "GPU: a kernel of %lld blocks and %zu bytes",
                           (long long)blocks, args_size);
    char copy[MOST_ARGS]; // the driver takes it from memory that is not const
    memcpy(copy, args, args_size);
    void *params[] = {copy};
    int s = cuda_use(d);
    return s ? s
             : cuda_check(d,
                          d->api.cuLaunchKernel(k->function, (unsigned)blocks, 1, 1,
                                                (unsigned)threads, 1, 1, 0, d->stream, params,
                                                NULL),
                          "launching a kernel");
}
