// more.c -- the driver's stand-in: what the real NVRTC and cuDNN look for when they judge beside
// it. They compile kernels and load them, and launch none. Without NVIDIA's header, whose other
// functions of these names have numbers.
#include <stddef.h>

enum { GOOD = 0, INVALID = 1, NOT_FOUND = 500, NOT_SUPPORTED = 801 };
static char anything; // stands for whatever was loaded

int cuGetExportTable(const void **table, const void *id);
int cuGetExportTable(const void **table, const void *id)
{
    (void)id;
    if (table) *table = NULL;
    return NOT_FOUND;
}

// The first argument is where the loaded thing goes; there are more.
int cuLibraryLoadData(void **library, const void *code);
int cuLibraryLoadData(void **library, const void *code)
{
    if (!library || !code) return INVALID;
    *library = &anything;
    return GOOD;
}

int cuLibraryGetKernel(void **kernel, const void *library, const char *name);
int cuLibraryGetKernel(void **kernel, const void *library, const char *name)
{
    if (!kernel || !library || !name) return INVALID;
    *kernel = &anything;
    return GOOD;
}

int cuLibraryUnload(void *library);
int cuLibraryUnload(void *library) { return library ? GOOD : INVALID; }

int cuKernelSetAttribute(int attribute, int value, void *kernel, int device);
int cuKernelSetAttribute(int attribute, int value, void *kernel, int device)
{
    (void)attribute, (void)value, (void)device;
    return kernel ? GOOD : INVALID;
}

// Looked up, and not called.
#define NAMED(NAME)                                                                                \
    int NAME(void);                                                                                \
    int NAME(void) { return NOT_SUPPORTED; }
NAMED(cuCtxGetCurrent)
NAMED(cuCtxGetLimit)
NAMED(cuCtxPopCurrent)
NAMED(cuCtxPushCurrent)
NAMED(cuStreamGetCtx)
NAMED(cuLinkCreate)
NAMED(cuLinkAddData)
NAMED(cuLinkComplete)
NAMED(cuLinkDestroy)
NAMED(cuLaunchCooperativeKernel)
NAMED(cuLaunchKernelEx)
NAMED(cuLibraryLoadFromFile)
NAMED(cuKernelGetAttribute)
NAMED(cuOccupancyMaxPotentialClusterSize)
