// device.c -- the devices that plans run on, by name, and memory that they share with the host.
#include "backend/cuda_team.h"
#include "graph/plan_device.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    char *data;
    size_t bytes;
} block;

struct tg_device {
    cuda_device *cuda;
    block *block;
    size_t n, cap;
};

// "cuda:3" -> 3; "cuda" -> this process's place on its machine, as Open MPI's launcher says, or 0;
// -1 for anything else. n: characters of it.
static int number_of(const char *name, size_t n)
{
    const char *digits = name + 5;
    if (n == 4) digits = getenv("OMPI_COMM_WORLD_LOCAL_RANK");
    if (n < 4 || strncmp(name, "cuda", 4) != 0 || (n > 4 && (n < 6 || name[4] != ':'))) return -1;
    if (!digits) return 0;
    long v = 0;
    for (size_t i = 0; n == 4 ? digits[i] != 0 : i < n - 5; i++) {
        if (digits[i] < '0' || digits[i] > '9' || v > 999) return -1;
        v = 10 * v + digits[i] - '0';
    }
    return (int)v;
}

static guise_status read_words(const char *text, cuda_wish *w, base_error *e)
{
    while (*text == ',') {
        size_t n = strcspn(++text, ",");
        if (n == 6 && !strncmp(text, "single", n))
            w->exact = true;
        else if (n == 13 && !strncmp(text, "deterministic", n))
            w->deterministic = true;
        else
            return base_fail(e, GUISE_BAD_ARGUMENT,
                             "device: '%.*s' is not known; there are single and deterministic",
                             (int)n, text);
        text += n;
    }
    return GUISE_OK;
}

guise_status tg_device_open(tg_device **out, const char *name, const tg_device_wish *wish,
                            base_error *e)
{
    *out = NULL;
    if (!name || !*name || !strcmp(name, "cpu")) return GUISE_OK;
    size_t n = strcspn(name, ",");
    int number = number_of(name, n);
    cuda_wish w = {0};
    if (wish) w = (cuda_wish){.deterministic = wish->deterministic, .exact = wish->exact};
    if (number < 0)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "there is no device '%.*s'; there are cpu, cuda and cuda:N", (int)n, name);
    guise_status s = read_words(name + n, &w, e);
    if (s) return s;
    tg_device *d = base_alloc(1, sizeof *d);
    if (!d) return base_no_memory(e);
    s = cuda_open(&d->cuda, number, &w, e);
    *out = d;
    if (s) tg_device_close(out);
    return s;
}

bool tg_device_mixed(const tg_device *d) { return d && !cuda_wish_of(d->cuda).exact; }

void tg_device_close(tg_device **device)
{
    tg_device *d = *device;
    if (!d) return;
    cuda_close(&d->cuda); // with all of its memory
    base_free(d->block);
    base_free(d);
    *device = NULL;
}

cuda_device *tg_device_cuda(const tg_device *d) { return d ? d->cuda : NULL; }

guise_status tg_device_join(tg_device *d, struct base_team *host, struct base_team **t,
                            base_error *e)
{
    return cuda_team_open(t, d->cuda, host, e);
}

bool tg_device_owns(const tg_device *d, const void *p, size_t bytes)
{
    const char *at = p;
    for (size_t i = 0; i < d->n; i++) {
        const block *b = &d->block[i];
        if (at >= b->data && at + bytes <= b->data + b->bytes) return true;
    }
    return false;
}

static cuda_at at_of(const float *p) { return (cuda_at)(uintptr_t)p; }

float *tg_floats(tg_device *d, size_t n)
{
    if (!d) return base_alloc(n ? n : 1, sizeof(float));
    if (n > SIZE_MAX / sizeof(float) || !BASE_PUSH_ROOM(d->block, d->n, d->cap)) return NULL;
    size_t bytes = (n ? n : 1) * sizeof(float);
    char *data = (char *)(uintptr_t)cuda_alloc(d->cuda, CUDA_SHARED, bytes);
    // it is cleared in the device's order, and the host may touch it right away
    if (!data || cuda_settle(d->cuda)) return NULL;
    d->block[d->n++] = (block){data, bytes};
    return (float *)(void *)data;
}

void tg_floats_free(tg_device *d, float *p)
{
    if (!d) {
        base_free(p);
        return;
    }
    for (size_t i = 0; p && i < d->n; i++) {
        if (d->block[i].data != (char *)p) continue;
        cuda_free(d->cuda, CUDA_SHARED, at_of(p));
        d->block[i] = d->block[--d->n];
        return;
    }
}

static guise_status done(const tg_device *d, int s, base_error *e)
{
    return s ? base_fail(e, (guise_status)s, "%s", cuda_trouble(d->cuda)) : GUISE_OK;
}

guise_status tg_copy(tg_device *d, float *to, const float *from, size_t n, base_error *e)
{
    if (d) return done(d, cuda_copy(d->cuda, at_of(to), at_of(from), n * sizeof *to), e);
    memcpy(to, from, n * sizeof *to);
    return GUISE_OK;
}

guise_status tg_zero(tg_device *d, float *to, size_t n, base_error *e)
{
    if (d) return done(d, cuda_clear(d->cuda, at_of(to), n * sizeof *to), e);
    memset(to, 0, n * sizeof *to);
    return GUISE_OK;
}

guise_status tg_wait(tg_device *d, base_error *e) { return d ? cuda_wait(d->cuda, e) : GUISE_OK; }
