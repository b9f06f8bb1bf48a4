// block.c -- the driver's stand-in: a grid of threads, one after the other in an order that changes
// from launch to launch. Where threads meet at __syncthreads each has a stack of its own, and runs
// until the next meeting; __shared__ memory begins as NaN. An access outside of memory ends the
// launch with the error that a GPU gives.
#include "standin.h"
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

// What device code sees: threadIdx and its like, and the meeting.
typedef struct {
    unsigned x, y, z;
} standin_three;
standin_three threadIdx, blockIdx, blockDim, gridDim;
void standin_sync(int line);

enum { STACK = 128 * 1024, THREADS = 1024 };

// One thread of a block on a stack of its own.
typedef struct {
    void *state[5]; // of __builtin_setjmp
    bool begun, done;
    int line; // of the meeting where it waits
    ucontext_t first;
} fibre;

static struct {
    fibre *fibre;
    char *stacks;
    void *back[5];
    ucontext_t main;
    unsigned now; // fibre that runs
    const standin_launch *launch;
    sigjmp_buf fault;
} at;

// A permutation of 0..n-1: from + i * step mod n, step without a common divisor with n.
typedef struct {
    unsigned n, from, step;
} order;

static order shuffle(unsigned n)
{
    order o = {n, (unsigned)(standin_random() % n), 1};
    for (int i = 0; i < 16; i++) {
        unsigned step = (unsigned)(standin_random() % n) | 1, a = n, b = step;
        while (b) {
            unsigned rest = a % b;
            a = b;
            b = rest;
        }
        if (a != 1) continue;
        o.step = step;
        return o;
    }
    return o;
}

static unsigned pick(order o, unsigned i)
{
    return (unsigned)((o.from + (uint64_t)i * o.step) % o.n);
}

static __attribute__((noinline)) void leave(void) { __builtin_longjmp(at.back, 1); }

// The fibre that runs waits; the block goes on with another.
void standin_sync(int line)
{
    fibre *f = &at.fibre[at.now];
    f->line = line;
    if (!__builtin_setjmp(f->state)) leave();
    threadIdx.x = at.now;
}

static void begin(void)
{
    at.launch->call(at.launch->args);
    at.fibre[at.now].done = true;
    leave();
}

static __attribute__((noinline)) void enter(fibre *f)
{
    if (f->begun) __builtin_longjmp(f->state, 1);
    f->begun = true;
    getcontext(&f->first);
    f->first.uc_stack.ss_sp = at.stacks + (size_t)at.now * STACK;
    f->first.uc_stack.ss_size = STACK;
    f->first.uc_link = NULL;
    makecontext(&f->first, begin, 0);
    setcontext(&f->first);
}

static __attribute__((noinline)) void resume(unsigned i)
{
    at.now = i;
    threadIdx.x = i;
    if (!__builtin_setjmp(at.back)) enter(&at.fibre[i]);
}

static bool make_stacks(void)
{
    if (at.stacks) return true;
    at.fibre = calloc(THREADS, sizeof *at.fibre);
    char *p = mmap(NULL, (size_t)THREADS * STACK, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED && at.fibre) at.stacks = p;
    return at.stacks;
}

// All threads to their next meeting, again and again. They must meet at the same place; threads
// that have ended need not come.
static CUresult run_together(const standin_launch *l)
{
    for (unsigned i = 0; i < l->threads; i++) at.fibre[i].begun = at.fibre[i].done = false;
    for (unsigned left = l->threads; left > 0;) {
        order o = shuffle(l->threads);
        int line = 0;
        left = 0;
        for (unsigned i = 0; i < l->threads; i++) {
            fibre *f = &at.fibre[pick(o, i)];
            if (f->done) continue;
            resume(pick(o, i));
            if (f->done) continue;
            if (left++ && f->line != line) return CUDA_ERROR_LAUNCH_FAILED;
            line = f->line;
        }
    }
    return CUDA_SUCCESS;
}

static CUresult run_blocks(const standin_launch *l)
{
    CUresult r = CUDA_SUCCESS;
    order blocks = shuffle(l->blocks);
    at.launch = l;
    for (unsigned b = 0; b < l->blocks && !r; b++) {
        blockIdx.x = pick(blocks, b);
        if (l->shared_bytes) memset(l->shared, 0xff, l->shared_bytes);
        if (l->together) {
            r = run_together(l);
            continue;
        }
        order threads = shuffle(l->threads);
        unsigned t = threads.from;
        for (unsigned i = 0; i < l->threads; i++) {
            threadIdx.x = t;
            l->call(l->args);
            t += threads.step;
            if (t >= l->threads) t -= l->threads;
        }
    }
    return r;
}

static void fault(int number)
{
    (void)number;
    siglongjmp(at.fault, 1);
}

CUresult standin_run_grid(const standin_launch *l)
{
    struct sigaction was[2], catch = {0};
    catch.sa_handler = fault;
    catch.sa_flags = SA_NODEFER;
    if (l->together && !make_stacks()) return CUDA_ERROR_OUT_OF_MEMORY;
    blockDim = (standin_three){l->threads, 1, 1};
    gridDim = (standin_three){l->blocks, 1, 1};
    threadIdx = blockIdx = (standin_three){0, 0, 0};
    sigaction(SIGSEGV, &catch, &was[0]);
    sigaction(SIGBUS, &catch, &was[1]);
    CUresult r = sigsetjmp(at.fault, 1) ? CUDA_ERROR_ILLEGAL_ADDRESS : run_blocks(l);
    sigaction(SIGSEGV, &was[0], NULL);
    sigaction(SIGBUS, &was[1], NULL);
    return r;
}
