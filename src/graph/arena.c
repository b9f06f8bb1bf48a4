// arena.c -- memory for what lives during one run of a plan; several plans can share it.
#include "graph/plan.h"

struct tg_arena {
    char *data;
    size_t bytes;
};

tg_arena *tg_arena_new(void) { return base_alloc(1, sizeof(tg_arena)); }

void tg_arena_free(tg_arena *a)
{
    if (!a) return;
    base_free(a->data);
    base_free(a);
}

size_t tg_arena_bytes(const tg_arena *a) { return a->bytes; }

char *plan_arena_data(const tg_arena *a) { return a->data; }

bool plan_arena_grow(tg_arena *a, size_t bytes)
{
    if (bytes <= a->bytes) return true;
    base_free(a->data); // first: both at once could be too much
    a->bytes = 0;
    a->data = base_aligned(bytes);
    if (a->data) a->bytes = bytes;
    return a->data != NULL;
}
