// cuda_memory.c -- memory of a GPU, copies, and feeding it what the host gives anew for every run.
#include "backend/cuda_own.h"
#include <string.h>

static int allocate(cuda_device *d, cuda_kind kind, size_t bytes, cuda_at *at)
{
    CUdeviceptr p = 0;
    void *host = NULL;
    CUresult r = kind == CUDA_DEVICE   ? d->api.cuMemAlloc_v2(&p, bytes)
                 : kind == CUDA_SHARED ? d->api.cuMemAllocManaged(&p, bytes, CU_MEM_ATTACH_GLOBAL)
                                       : d->api.cuMemHostAlloc(&host, bytes, 0);
    if (r == CUDA_ERROR_OUT_OF_MEMORY) return GUISE_NO_MEMORY; // the caller's to tell, not kept
    if (r) return cuda_check(d, r, "memory");
    *at = host ? (cuda_at)(uintptr_t)host : p;
    if (!host) return cuda_check(d, d->api.cuMemsetD8Async(p, 0, bytes, d->stream), "memory");
    memset(host, 0, bytes);
    return 0;
}

static void release(cuda_device *d, cuda_kind kind, cuda_at at)
{
    if (kind == CUDA_PINNED)
        d->api.cuMemFreeHost((void *)(uintptr_t)at);
    else
        d->api.cuMemFree_v2(at);
}

cuda_at cuda_alloc(cuda_device *d, cuda_kind kind, size_t bytes)
{
    cuda_at at = 0;
    if (!bytes) bytes = 1;
    if (cuda_use(d) || !BASE_PUSH_ROOM(d->block, d->n_blocks, d->cap_blocks)) return 0;
    if (allocate(d, kind, bytes, &at)) {
        if (at) release(d, kind, at);
        return 0;
    }
    d->block[d->n_blocks++] = (cuda_block){at, bytes, kind};
    if (kind != CUDA_PINNED) d->allocated += bytes;
    return at;
}

void cuda_free(cuda_device *d, cuda_kind kind, cuda_at at)
{
    for (size_t i = 0; at && i < d->n_blocks; i++) {
        if (d->block[i].at != at) continue;
        if (!cuda_use(d)) { // a device that has failed for good can still be told
            cuda_check(d, d->api.cuStreamSynchronize(d->feeding), "freeing memory");
            cuda_check(d, d->api.cuStreamSynchronize(d->stream), "freeing memory");
        }
        release(d, kind, at);
        if (kind != CUDA_PINNED) d->allocated -= d->block[i].bytes;
        d->block[i] = d->block[--d->n_blocks];
        return;
    }
}

size_t cuda_allocated(const cuda_device *d) { return d->allocated; }

static bool pinned(const cuda_device *d, const void *p)
{
    cuda_at at = (cuda_at)(uintptr_t)p;
    for (size_t i = 0; i < d->n_blocks; i++) {
        const cuda_block *b = &d->block[i];
        if (b->kind == CUDA_PINNED && at >= b->at && at < b->at + b->bytes) return true;
    }
    return false;
}

int cuda_upload(cuda_device *d, cuda_at to, const void *from, size_t bytes)
{
    int s = cuda_use(d);
    if (!s) s = cuda_check(d, d->api.cuMemcpyHtoDAsync_v2(to, from, bytes, d->stream), "upload");
    if (s || pinned(d, from)) return s;
    return cuda_check(d, d->api.cuStreamSynchronize(d->stream), "upload");
}

int cuda_download(cuda_device *d, void *to, cuda_at from, size_t bytes)
{
    int s = cuda_use(d);
    if (!s) s = cuda_check(d, d->api.cuMemcpyDtoHAsync_v2(to, from, bytes, d->stream), "download");
    return s ? s : cuda_check(d, d->api.cuStreamSynchronize(d->stream), "download");
}

int cuda_fetch(cuda_device *d, cuda_at to, cuda_at from, size_t bytes)
{
    int s = cuda_use(d);
    void *host = (void *)(uintptr_t)to;
    return s ? s
             : cuda_check(d, d->api.cuMemcpyDtoHAsync_v2(host, from, bytes, d->stream), "download");
}

int cuda_copy(cuda_device *d, cuda_at to, cuda_at from, size_t bytes)
{
    int s = cuda_use(d);
    return s ? s : cuda_check(d, d->api.cuMemcpyDtoDAsync_v2(to, from, bytes, d->stream), "copy");
}

int cuda_clear(cuda_device *d, cuda_at p, size_t bytes)
{
    int s = cuda_use(d);
    return s ? s : cuda_check(d, d->api.cuMemsetD8Async(p, 0, bytes, d->stream), "clearing");
}

// Data goes from the host to pinned memory, by a stream of its own to a landing on the device, and
// from there to its place in the order of all work. Two of each, so that a copy can travel while
// the work that was queued before is still at the one ahead of it.
struct cuda_feed {
    cuda_device *device;
    size_t bytes;
    cuda_at at, pinned[2], landing[2];
    CUevent landed[2], taken[2];
    uint64_t puts;
};

static bool feed_ready(const cuda_feed *f)
{
    bool ready = f->at != 0;
    for (int i = 0; i < 2; i++)
        ready = ready && f->pinned[i] && f->landing[i] && f->landed[i] && f->taken[i];
    return ready;
}

int cuda_feed_open(cuda_feed **out, cuda_device *d, size_t bytes)
{
    cuda_feed *f = *out = base_alloc(1, sizeof *f);
    if (!f) return GUISE_NO_MEMORY;
    *f = (cuda_feed){.device = d, .bytes = bytes, .at = cuda_alloc(d, CUDA_DEVICE, bytes)};
    int s = 0;
    for (int i = 0; !s && i < 2; i++) {
        f->pinned[i] = cuda_alloc(d, CUDA_PINNED, bytes);
        f->landing[i] = cuda_alloc(d, CUDA_DEVICE, bytes);
        s = cuda_check(d, d->api.cuEventCreate(&f->landed[i], CU_EVENT_DISABLE_TIMING), "feed");
        if (!s)
            s = cuda_check(d, d->api.cuEventCreate(&f->taken[i], CU_EVENT_DISABLE_TIMING), "feed");
    }
    if (!s && !feed_ready(f)) s = GUISE_NO_MEMORY;
    // landings were cleared on the other stream
    if (!s) s = cuda_check(d, d->api.cuStreamSynchronize(d->stream), "feed");
    if (s) cuda_feed_close(out);
    return s;
}

void cuda_feed_close(cuda_feed **feed)
{
    cuda_feed *f = *feed;
    if (!f) return;
    cuda_device *d = f->device;
    cuda_free(d, CUDA_DEVICE, f->at);
    for (int i = 0; i < 2; i++) {
        cuda_free(d, CUDA_PINNED, f->pinned[i]);
        cuda_free(d, CUDA_DEVICE, f->landing[i]);
        if (f->landed[i]) d->api.cuEventDestroy_v2(f->landed[i]);
        if (f->taken[i]) d->api.cuEventDestroy_v2(f->taken[i]);
    }
    base_free(f);
    *feed = NULL;
}

int cuda_feed_put(cuda_feed *f, const void *from)
{
    cuda_device *d = f->device;
    const cuda_api *api = &d->api;
    int i = (int)(f->puts & 1), s = cuda_use(d);
    bool again = f->puts >= 2;
    void *host = (void *)(uintptr_t)f->pinned[i];
    if (!s && again) s = cuda_check(d, api->cuEventSynchronize(f->landed[i]), "feed");
    if (s) return s;
    memcpy(host, from, f->bytes);
    if (again) s = cuda_check(d, api->cuStreamWaitEvent(d->feeding, f->taken[i], 0), "feed");
    if (!s)
        s = cuda_check(d, api->cuMemcpyHtoDAsync_v2(f->landing[i], host, f->bytes, d->feeding),
                       "feed");
    if (!s) s = cuda_check(d, api->cuEventRecord(f->landed[i], d->feeding), "feed");
    if (!s) s = cuda_check(d, api->cuStreamWaitEvent(d->stream, f->landed[i], 0), "feed");
    if (!s) s = cuda_copy(d, f->at, f->landing[i], f->bytes);
    if (!s) s = cuda_check(d, api->cuEventRecord(f->taken[i], d->stream), "feed");
    f->puts++;
    return s;
}

cuda_at cuda_feed_at(const cuda_feed *f) { return f->at; }
