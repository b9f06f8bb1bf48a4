// base.h -- status with a message, memory that can be made to fail, random numbers, file helpers.
#ifndef GUISE_BASE_H
#define GUISE_BASE_H

#include "guise.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// For inner loops that the compiler vectorises: built for several instruction sets, the best one
// picked when the program starts. (Sanitizers do not go with that.)
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BASE_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define BASE_SIMD
#endif

// Why something failed, as one sentence: what, where, what to do. Whoever detects an error writes
// it; everyone above only returns the status.
typedef struct {
    char text[512];
} base_error;

// Write the sentence into e (NULL is fine) and return s. The first sentence stays.
guise_status base_fail(base_error *e, guise_status s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
guise_status base_no_memory(base_error *e); // GUISE_NO_MEMORY with its sentence

// All memory of the project. Zeroed; NULL when there is none or n * size overflows.
void *base_alloc(size_t n, size_t size);
void *base_grow(void *p, size_t n, size_t size); // like realloc; p stays valid on NULL
void *base_aligned(size_t bytes);                // 64-byte aligned, not zeroed; base_free ends it
char *base_copy_text(const char *s);             // returned to you
char *base_format(const char *format, ...) __attribute__((format(printf, 1, 2))); // returned to you
void base_free(void *p);
// Tests: let the nth allocation from now fail once (0: the next one); negative: none.
void base_fail_allocation(long n);

// Doubling growth of a typed array: makes room for one more element. False when out of memory.
#define BASE_PUSH_ROOM(array, n, cap) base_room((void **)&(array), (n), &(cap), sizeof *(array))
bool base_room(void **array, size_t n, size_t *cap, size_t size);

// splitmix64 (Steele et al. 2014): one word of state, so a checkpoint can hold it.
typedef struct {
    uint64_t state;
} base_rng;
uint64_t base_rng_next(base_rng *r);
double base_rng_uniform(base_rng *r); // 0..1, 1 excluded
double base_rng_normal(base_rng *r);
int base_rng_range(base_rng *r, int lo, int hi); // lo..hi, both included
void base_rng_shuffle(base_rng *r, int *v, int n);

// A file mapped for reading.
typedef struct {
    const unsigned char *data;
    size_t size;
} base_map;
guise_status base_map_open(base_map *m, const char *path, base_error *e); // GUISE_IO
void base_map_close(base_map *m);

// A file that appears under its name only when whole: it is written without a name (or beside)
// and renamed by commit. Close without commit leaves nothing behind.
typedef struct base_out base_out;
guise_status base_out_open(base_out **o, const char *path, base_error *e);
FILE *base_out_file(base_out *o);
guise_status base_out_commit(base_out **o, base_error *e); // ends o in any case
void base_out_close(base_out **o);                         // gives up, unless committed
guise_status base_write_file(const char *path, const void *data, size_t n, base_error *e);

bool base_is_dir(const char *path);
bool base_is_file(const char *path);
guise_status base_make_dir(const char *path, base_error *e); // with parents; exists is fine

// Names of the entries of a directory, sorted bytewise, without "." and "..".
typedef struct {
    char **name;
    size_t n, cap;
} base_names;
guise_status base_names_read(base_names *l, const char *dir, base_error *e);
bool base_names_add(base_names *l, const char *name);
void base_names_free(base_names *l);

typedef struct {
    char hex[65];
} base_sha256;
guise_status base_sha256_file(base_sha256 *h, const char *path, base_error *e);
void base_sha256_bytes(base_sha256 *h, const void *data, size_t n);

double base_seconds(void); // monotonic clock

// One line to the log callback (guise_set_log), without a newline.
void base_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
