// base.c -- errors, memory that can be made to fail, random numbers, clock and log.
#include "base/base.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void (*log_line)(void *, const char *);
static void *log_user;

void guise_set_log(void (*log)(void *user, const char *line), void *user)
{
    log_line = log;
    log_user = user;
}

void base_log(const char *format, ...)
{
    if (!log_line) return;
    char line[512];
    va_list ap;
    va_start(ap, format);
    vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    log_line(log_user, line);
}

guise_status base_fail(base_error *e, guise_status s, const char *format, ...)
{
    if (!e || e->text[0]) return s;
    va_list ap;
    va_start(ap, format);
    vsnprintf(e->text, sizeof e->text, format, ap);
    va_end(ap);
    return s;
}

guise_status base_no_memory(base_error *e)
{
    return base_fail(e, GUISE_NO_MEMORY,
                     "out of memory; close other programs or choose a smaller size or batch");
}

static _Atomic long countdown = -1; // allocations until the one that fails; negative: never

void base_fail_allocation(long n) { countdown = n; }

static bool refused(void) { return countdown >= 0 && countdown-- == 0; }

void *base_alloc(size_t n, size_t size)
{
    if (refused()) return NULL;
    return calloc(n ? n : 1, size ? size : 1); // calloc refuses an overflowing product
}

void *base_grow(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (refused() || __builtin_mul_overflow(n, size, &bytes)) return NULL;
    return realloc(p, bytes ? bytes : 1);
}

void *base_aligned(size_t bytes)
{
    if (refused() || bytes > PTRDIFF_MAX - 64) return NULL;
    return aligned_alloc(64, (bytes + 64) / 64 * 64);
}

void base_free(void *p) { free(p); }

bool base_room(void **array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) return true;
    size_t more = *cap ? 2 * *cap : 16;
    void *p = base_grow(*array, more, size);
    if (!p) return false;
    *array = p;
    *cap = more;
    return true;
}

char *base_copy_text(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = base_alloc(n, 1);
    return copy ? memcpy(copy, s, n) : NULL;
}

char *base_format(const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    char *text = n < 0 ? NULL : base_alloc((size_t)n + 1, 1);
    if (text) vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(ap);
    return text;
}

uint64_t base_rng_next(base_rng *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double base_rng_uniform(base_rng *r) { return (double)(base_rng_next(r) >> 11) * 0x1p-53; }

double base_rng_normal(base_rng *r) // Box & Muller 1958
{
    double u = base_rng_uniform(r) + 0x1p-54, v = base_rng_uniform(r);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

int base_rng_range(base_rng *r, int lo, int hi)
{
    return lo + (int)(base_rng_next(r) % (uint64_t)((int64_t)hi - lo + 1));
}

void base_rng_shuffle(base_rng *r, int *v, int n) // Fisher & Yates
{
    for (int i = n - 1; i > 0; i--) {
        int j = base_rng_range(r, 0, i), t = v[i];
        v[i] = v[j];
        v[j] = t;
    }
}

double base_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
