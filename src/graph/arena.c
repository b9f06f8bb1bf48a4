// arena.c -- memory for what lives during one run of a plan, on the host or on a device; several
// plans can share it.
#include "graph/plan.h"

struct tg_arena {
    char *data;
    size_t bytes;
    cuda_device *device; // NULL: nothing there
    cuda_at at;
    size_t device_bytes, moves;
};

tg_arena *tg_arena_new(void) { return base_alloc(1, sizeof(tg_arena)); }

void tg_arena_free(tg_arena *a)
{
    if (!a) return;
    if (a->device) cuda_free(a->device, CUDA_DEVICE, a->at);
    base_free(a->data);
    base_free(a);
}

size_t tg_arena_bytes(const tg_arena *a) { return a->bytes + a->device_bytes; }

char *plan_arena_data(const tg_arena *a) { return a->data; }
cuda_at plan_arena_at(const tg_arena *a) { return a->at; }
size_t plan_arena_moves(const tg_arena *a) { return a->moves; }

bool plan_arena_grow(tg_arena *a, size_t bytes)
{
    if (bytes <= a->bytes) return true;
    base_free(a->data); // first: both at once could be too much
    a->bytes = 0;
    a->data = base_aligned(bytes); // NULL: a run of whoever shares it asks again
    if (a->data) a->bytes = bytes;
    return a->data != NULL;
}

bool plan_arena_grow_on(tg_arena *a, cuda_device *device, size_t bytes)
{
    if (bytes <= a->device_bytes && a->device == device) return true;
    if (a->device) cuda_free(a->device, CUDA_DEVICE, a->at);
    a->device_bytes = 0;
    a->moves++;
    a->device = device;
    a->at = cuda_alloc(device, CUDA_DEVICE, bytes);
    if (a->at) a->device_bytes = bytes;
    return a->at != 0;
}
