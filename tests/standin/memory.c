// memory.c -- the driver's stand-in: memory. Device memory begins as NaN, ends at a page that
// nobody may touch, and is out of the host's reach but while queued work runs.
#include "standin.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef enum { DEVICE, MANAGED, PINNED } kind;

typedef struct block {
    struct block *next;
    kind kind;
    int device;
    char *at; // what the caller has
    size_t bytes, mapped;
    char *map; // pages, the last of which is the guard
} block;

static block *blocks;
static size_t used[8], most;
static bool shown;

void standin_memory(size_t bytes) { most = bytes; }

static size_t limit(void)
{
    const char *text = getenv("GUISE_STANDIN_MEMORY");
    if (!most) most = text ? strtoull(text, NULL, 10) : (size_t)8 << 30;
    return most;
}

// Large blocks stay within reach: to change many pages takes long.
static void protect(const block *b, bool reach)
{
    if (b->mapped > 4 << 20) return;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    mprotect(b->map, b->mapped - page, reach ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void standin_hidden(bool hidden)
{
    shown = !hidden;
    for (const block *b = blocks; b; b = b->next)
        if (b->kind == DEVICE) protect(b, shown);
}

// Freed addresses stay out of reach for a while, so that use after freeing is seen.
static void bury(char *map, size_t mapped)
{
    enum { GRAVES = 1024 };
    static struct {
        char *map;
        size_t mapped;
    } grave[GRAVES];
    static size_t next;
    if (grave[next].map) munmap(grave[next].map, grave[next].mapped);
    madvise(map, mapped, MADV_DONTNEED);
    mprotect(map, mapped, PROT_NONE);
    grave[next].map = map;
    grave[next].mapped = mapped;
    next = (next + 1) % GRAVES;
}

static block *block_of(const void *p, size_t bytes)
{
    const char *from = p;
    for (block *b = blocks; b; b = b->next)
        if (from >= b->at && bytes <= b->bytes && from <= b->at + (b->bytes - bytes)) return b;
    return NULL;
}

bool standin_holds(CUdeviceptr p, size_t bytes)
{
    const void *at = (const void *)(uintptr_t)p;
    return p && block_of(at, bytes);
}

bool standin_pinned(const void *p, size_t bytes)
{
    block *b = block_of(p, bytes);
    return b && b->kind == PINNED;
}

static CUresult make(const char *call, kind k, void **out, size_t bytes)
{
    CUresult r = standin_begin(call);
    if (r) return r == CUDA_ERROR_UNKNOWN ? CUDA_ERROR_OUT_OF_MEMORY : r;
    if (!out || !bytes) return CUDA_ERROR_INVALID_VALUE;
    if (standin_capturing()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (bytes + 255) / 256 * 256;
    size_t mapped = (room + page - 1) / page * page + page;
    int d = standin_current->device;
    if (bytes > limit() || used[d] + room > limit()) return CUDA_ERROR_OUT_OF_MEMORY;
    block *b = calloc(1, sizeof *b);
    char *map = b ? mmap(NULL, mapped, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                  : MAP_FAILED;
    if (map == MAP_FAILED) {
        free(b);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    mprotect(map + mapped - page, page, PROT_NONE);
    *b = (block){blocks, k, d, map + mapped - page - room, bytes, mapped, map};
    memset(map, 0xff, mapped - page);
    blocks = b;
    used[d] += room;
    if (k == DEVICE && !shown) protect(b, false);
    standin_object(1);
    *out = b->at;
    return CUDA_SUCCESS;
}

static CUresult locked_make(const char *call, kind k, void **out, size_t bytes)
{
    standin_lock();
    CUresult r = make(call, k, out, bytes);
    standin_unlock();
    return r;
}

CUresult cuMemAlloc_v2(CUdeviceptr *p, size_t bytes)
{
    void *at = NULL;
    CUresult r = locked_make(__func__, DEVICE, p ? &at : NULL, bytes);
    if (!r) *p = (CUdeviceptr)(uintptr_t)at;
    return r;
}

CUresult cuMemAllocManaged(CUdeviceptr *p, size_t bytes, unsigned flags)
{
    void *at = NULL;
    if (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult r = locked_make(__func__, MANAGED, p ? &at : NULL, bytes);
    if (!r) *p = (CUdeviceptr)(uintptr_t)at;
    return r;
}

CUresult cuMemHostAlloc(void **p, size_t bytes, unsigned flags)
{
    if (flags & ~7u) return CUDA_ERROR_INVALID_VALUE;
    return locked_make(__func__, PINNED, p, bytes);
}

// Freeing waits for what is queued; it happens even when the call reports what went wrong before.
static CUresult drop(const char *call, bool pinned, const void *p)
{
    CUresult r = standin_begin(call);
    if (r == CUDA_ERROR_NOT_INITIALIZED || r == CUDA_ERROR_INVALID_CONTEXT) return r;
    if (!p) return pinned ? CUDA_ERROR_INVALID_VALUE : r;
    if (standin_capturing()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    CUresult late = standin_run_all();
    block **at = &blocks;
    while (*at && ((*at)->at != p || ((*at)->kind == PINNED) != pinned)) at = &(*at)->next;
    block *b = *at;
    if (!b) return CUDA_ERROR_INVALID_VALUE;
    *at = b->next;
    used[b->device] -= (b->bytes + 255) / 256 * 256;
    bury(b->map, b->mapped);
    free(b);
    standin_object(-1);
    return r ? r : late;
}

CUresult cuMemFree_v2(CUdeviceptr p)
{
    standin_lock();
    CUresult r = drop(__func__, false, (const void *)(uintptr_t)p);
    standin_unlock();
    return r;
}

CUresult cuMemFreeHost(void *p)
{
    standin_lock();
    CUresult r = drop(__func__, true, p);
    standin_unlock();
    return r;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice d)
{
    if (standin_fails(__func__)) return CUDA_ERROR_UNKNOWN;
    if (!bytes || d < 0 || d >= standin_devices()) return CUDA_ERROR_INVALID_VALUE;
    *bytes = limit();
    return CUDA_SUCCESS;
}

// ---- Copies. Ends that are ordinary memory of the host are read or written during the call.

typedef struct {
    char *to;
    const char *from;
    size_t bytes;
    int value; // of a fill, where from is NULL
    bool to_device, from_device;
} copy;

static CUresult run_copy(void *data)
{
    const copy *c = data;
    bool held = (!c->to_device || standin_holds((CUdeviceptr)(uintptr_t)c->to, c->bytes)) &&
                (!c->from_device || standin_holds((CUdeviceptr)(uintptr_t)c->from, c->bytes));
    if (!held) return CUDA_ERROR_ILLEGAL_ADDRESS;
    if (c->from)
        memmove(c->to, c->from, c->bytes);
    else
        memset(c->to, c->value, c->bytes);
    return CUDA_SUCCESS;
}

// The bytes themselves travel with the work.
static CUresult run_carried(void *data)
{
    copy c;
    memcpy(&c, data, sizeof c);
    c.from = (const char *)data + sizeof c;
    return run_copy(&c);
}

static CUresult carry(CUstream s, const copy *c)
{
    char *data = malloc(sizeof *c + c->bytes);
    if (!data) return CUDA_ERROR_OUT_OF_MEMORY;
    memcpy(data, c, sizeof *c);
    memcpy(data + sizeof *c, c->from, c->bytes);
    CUresult r = standin_queue(s, run_carried, data, sizeof *c + c->bytes);
    free(data);
    return r;
}

// What the device would find out at once: an address that is not its own.
static CUresult check(const char *call, const copy *c, CUstream s)
{
    CUresult r = standin_begin(call);
    if (!r && !standin_stream_live(s)) r = CUDA_ERROR_INVALID_HANDLE;
    if (!r && c->to_device && !standin_holds((CUdeviceptr)(uintptr_t)c->to, c->bytes))
        r = CUDA_ERROR_INVALID_VALUE;
    if (!r && c->from_device && !standin_holds((CUdeviceptr)(uintptr_t)c->from, c->bytes))
        r = CUDA_ERROR_INVALID_VALUE;
    return r;
}

static CUresult transfer(const char *call, copy c, CUstream s)
{
    standin_lock();
    CUresult r = check(call, &c, s);
    const void *host = !c.to_device ? c.to : c.from && !c.from_device ? c.from : NULL;
    bool ordinary = host && !standin_pinned(host, c.bytes);
    if (!r && ordinary && standin_capturing()) r = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (!r && c.bytes) {
        if (ordinary && c.to_device)
            r = carry(s, &c);
        else
            r = standin_queue(s, run_copy, &c, sizeof c);
        if (!r && ordinary && !c.to_device) r = standin_drain(s);
    }
    standin_unlock();
    return r;
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream s)
{
    if (!from) return CUDA_ERROR_INVALID_VALUE;
    return transfer(__func__, (copy){(char *)(uintptr_t)to, from, bytes, 0, true, false}, s);
}

CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream s)
{
    if (!to) return CUDA_ERROR_INVALID_VALUE;
    copy c = {to, (const char *)(uintptr_t)from, bytes, 0, false, true};
    return transfer(__func__, c, s);
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream s)
{
    copy c = {(char *)(uintptr_t)to, (const char *)(uintptr_t)from, bytes, 0, true, true};
    if (to < from + bytes && from < to + bytes) return CUDA_ERROR_INVALID_VALUE; // they overlap
    return transfer(__func__, c, s);
}

CUresult cuMemsetD8Async(CUdeviceptr p, unsigned char value, size_t bytes, CUstream s)
{
    return transfer(__func__, (copy){(char *)(uintptr_t)p, NULL, bytes, value, true, false}, s);
}
