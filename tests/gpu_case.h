// gpu_case.h -- for tests that run on a GPU, or on the stand-in for one (standin/).
#ifndef GUISE_GPU_CASE_H
#define GUISE_GPU_CASE_H
#include "backend/cuda.h"
#include "test.h"
#include <dlfcn.h>

// False, and the case skipped with a word, where no GPU can be used.
static inline bool gpu_here(void)
{
    static int here = -1; // asked once
    static cuda_facts f;
    if (here < 0) cuda_describe(&f);
    here = !f.why[0];
    if (!here) {
        test_skipped++;
        printf("skipped: %s\n", f.why);
    }
    return here;
}

static inline cuda_device *gpu_open(bool deterministic, bool exact)
{
    cuda_device *d = NULL;
    base_error e = {0};
    if (!gpu_here()) return NULL;
    if (cuda_open(&d, 0, &(cuda_wish){deterministic, exact}, &e))
        test_report(__FILE__, __LINE__, e.text);
    return d;
}

// The stand-in's reins (standin/standin.h); all are NULL with NVIDIA's libraries.
typedef struct {
    void *handle;
    void (*fail_at)(long n);
    const char *(*failed)(void);
    long (*objects)(void);
    void (*memory)(size_t bytes);
    void (*seed)(uint64_t seed);
} gpu_reins;

static inline bool gpu_take(gpu_reins *r)
{
    const char *dir = getenv("GUISE_CUDA_LIBS");
    char *path = dir && *dir ? base_format("%s/libcuda.so.1", dir) : NULL;
    *r = (gpu_reins){.handle = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL};
    base_free(path);
    const char *const name[] = {"standin_fail_at", "standin_failed", "standin_objects",
                                "standin_memory", "standin_seed"};
    void *to[] = {&r->fail_at, &r->failed, &r->objects, &r->memory, &r->seed};
    for (int i = 0; r->handle && i < 5; i++) {
        void *p = dlsym(r->handle, name[i]);
        memcpy(to[i], &p, sizeof p);
    }
    if (r->fail_at) return true;
    if (r->handle) dlclose(r->handle);
    *r = (gpu_reins){0};
    return false;
}

static inline void gpu_leave(gpu_reins *r)
{
    if (r->handle) dlclose(r->handle);
    *r = (gpu_reins){0};
}

// Runs it with the first, second, .. call of NVIDIA's libraries failing, until none of a run does
// (or `most` have, every `step`-th). Each time it must end with a sentence or, as far as failures
// may go unnoticed, well; nothing may be left. Skipped with NVIDIA's libraries.
static inline void gpu_torture(const char *what, guise_status (*run)(base_error *), long step,
                               int unnoticed)
{
    gpu_reins r;
    base_error e = {0};
    long n = 1, failures = 0;
    if (!gpu_here()) return;
    if (!gpu_take(&r)) {
        test_skipped++;
        printf("skipped: NVIDIA's libraries do not fail by order\n");
        return;
    }
    r.fail_at(0);
    guise_status s = run(&e); // everything compiled, and well
    CHECK(!s);
    if (s) printf("without any failure: %s\n", e.text);
    long before = r.objects();
    for (; !s && n < 1000000; n += step) {
        e = (base_error){0};
        r.fail_at(n);
        guise_status now = run(&e);
        char call[64];
        if (!r.failed()) break;
        snprintf(call, sizeof call, "%s", r.failed());
        failures++;
        bool good = now ? e.text[0] != 0 : unnoticed-- > 0;
        bool left = r.objects() != before;
        r.fail_at(0);
        if (good && !left) continue;
        printf("%s: call %ld (%s) fails: status %d, \"%s\", %ld left\n", what, n, call, (int)now,
               e.text, r.objects() - before);
        CHECK(good && !left);
        break;
    }
    r.fail_at(0);
    CHECK(failures > 0);
    printf("%ld calls, %ld of them failed once: %s\n", n - 1, failures, what);
    gpu_leave(&r);
}
#endif
