// window.h -- the geometry of pooling windows, shared by avg_pool.c and max_pool.c.
#ifndef GUISE_GRAPH_WINDOW_H
#define GUISE_GRAPH_WINDOW_H
#include "graph/op/move.h"

// A tg_window as an op's args: without bytes of padding, so that equal nodes have equal bytes.
typedef struct {
    int64_t kh, kw, stride, pad, ceil, whole;
    int64_t h, w; // of x, for the adjoint that cannot see it; else 0
} window_args;

window_args window_pack(tg_window p, int64_t h, int64_t w);
tg_window window_unpack(const window_args *p);
// Shape of the pooled x [n,c,h,w]. NULL, or what is wrong. No window lies wholly outside x.
const char *window_shape(const window_args *p, tg_shape x, tg_shape *out);

// The part inside x of the window of output i: from..to - 1 along a dim of n elements.
typedef struct {
    int64_t from, to;
} window_span;
static inline window_span window_at(int64_t i, int64_t k, int64_t stride, int64_t pad, int64_t n)
{
    int64_t from = i * stride - pad, to = from + k;
    return (window_span){from < 0 ? 0 : from, to < n ? to : n};
}

// The pooling ops on a GPU: kernels of pool.cu. x: which input is searched; pooled: the pooled
// shape.
int window_gpu(const tg_gpu_call *c, int x, tg_shape pooled);

tg_window window_sample(base_rng *r);
tg_shape window_sample_x(base_rng *r, tg_window p); // an x that p fits
#endif
