// window.c -- the geometry of pooling windows, shared by avg_pool.c and max_pool.c.
#include "graph/op/window.h"
#include "graph/gpu.h"
#include <string.h>

window_args window_pack(tg_window p, int64_t h, int64_t w)
{
    return (window_args){p.kh, p.kw, p.stride, p.pad, p.ceil, p.whole, h, w};
}

tg_window window_unpack(const window_args *p)
{
    return (tg_window){p->kh, p->kw, p->stride, p->pad, p->ceil != 0, p->whole != 0};
}

// Rounding up adds a last window only where it starts inside x, as in PyTorch.
static int64_t outputs(const window_args *p, int64_t n, int64_t k)
{
    int64_t room = n + 2 * p->pad - k, out = room / p->stride + 1;
    if (p->ceil && room % p->stride && out * p->stride < n + p->pad) out++;
    return out;
}

const char *window_shape(const window_args *p, tg_shape x, tg_shape *out)
{
    const int64_t most = INT32_MAX; // keeps sums and products of a few sizes exact
    *out = x;
    if (x.rank != 4) return "the operand must be [n,c,h,w]";
    if (p->kh < 1 || p->kw < 1) return "the window must have at least one element";
    if (p->stride < 1) return "the stride must be at least 1";
    if (p->pad < 0) return "padding must not be negative";
    if (p->pad >= p->kh || p->pad >= p->kw) return "padding must be less than the window";
    if (p->kh > most || p->kw > most || p->stride > most || x.dim[2] > most || x.dim[3] > most)
        return "a size is too large";
    if (x.dim[2] * x.dim[3] > most) return "the image is too large";
    if (p->kh > x.dim[2] + 2 * p->pad || p->kw > x.dim[3] + 2 * p->pad)
        return "the window is larger than the padded image";
    out->dim[2] = outputs(p, x.dim[2], p->kh);
    out->dim[3] = outputs(p, x.dim[3], p->kw);
    return move_wrong(*out);
}

static int smaller(int a, int b) { return a < b ? a : b; }

int window_gpu(const tg_gpu_call *call, int x, tg_shape pooled)
{
    const window_args *p = call->y->args;
    tg_shape s = call->y->op == &tg_op_avg_pool_dx ? call->y->shape : call->y->in[x]->shape;
    const cuda_array *from = &call->x[x], *read = &call->x[0], *out = &call->out;
    int pack = smaller(gpu_pack(from, out, s.dim[1]), gpu_pack(read, out, s.dim[1]));
    struct { // as in pool.cu
        gpu_image image;
        uint64_t v;
        int64_t kh, kw, stride, pad, whole;
    } a = {{from->at, out->at, tg_count(call->y->shape) / pack, s.dim[1] / pack, s.dim[2], s.dim[3],
            pooled.dim[2], pooled.dim[3]},
           read->at,
           p->kh,
           p->kw,
           p->stride,
           p->pad,
           p->whole};
    char defines[GPU_DEFINES];
    gpu_defines(defines, sizeof defines, from->type, out->type, pack);
    size_t n = strlen(defines);
    snprintf(defines + n, sizeof defines - n, "#define V %s\n", gpu_type(read->type));
    return gpu_launch(call, cuda_text_pool, defines, call->y->op->name, &a, sizeof a,
                      a.image.count);
}

tg_window window_sample(base_rng *r)
{
    tg_window p = {.kh = base_rng_range(r, 1, 3), .kw = base_rng_range(r, 1, 3)};
    int64_t least = p.kh < p.kw ? p.kh : p.kw;
    p.stride = base_rng_range(r, 1, 3);
    p.pad = base_rng_range(r, 0, (int)least - 1);
    p.ceil = base_rng_range(r, 0, 1);
    p.whole = base_rng_range(r, 0, 1);
    return p;
}

tg_shape window_sample_x(base_rng *r, tg_window p)
{
    return TG_SHAPE(base_rng_range(r, 1, 2), base_rng_range(r, 1, 3),
                    p.kh + base_rng_range(r, 0, 4), p.kw + base_rng_range(r, 0, 4));
}
