// ops.h -- every op on one page: what it computes, and the shapes it takes.
// [..] is a shape; "same" means all operands have it. Definitions: op/<name>.c
#ifndef GUISE_GRAPH_OPS_H
#define GUISE_GRAPH_OPS_H
#include "graph/graph.h"

// Pointwise (op/pointwise.def): y_i = f(x_i), shape kept.
tg_node *tg_exp(tg_node *x);
tg_node *tg_log(tg_node *x);
tg_node *tg_tanh(tg_node *x);
tg_node *tg_sigmoid(tg_node *x);
tg_node *tg_softplus(tg_node *x); // log(1 + e^x)
tg_node *tg_sqrt(tg_node *x);
tg_node *tg_rsqrt(tg_node *x); // 1 / sqrt(x)
tg_node *tg_recip(tg_node *x); // 1 / x
tg_node *tg_square(tg_node *x);
tg_node *tg_relu(tg_node *x);
tg_node *tg_step(tg_node *x); // 1 where x > 0, else 0; its derivative is 0
tg_node *tg_abs(tg_node *x);
tg_node *tg_sign(tg_node *x); // -1, 0 or 1; its derivative is 0
tg_node *tg_sin(tg_node *x);
tg_node *tg_cos(tg_node *x);
tg_node *tg_leaky_relu(tg_node *x, double slope);     // x where x > 0, else slope x
tg_node *tg_affine(tg_node *x, double k, double c);   // k x + c
tg_node *tg_clip(tg_node *x, double lo, double hi);   // derivative 1 inside lo..hi, else 0
tg_node *tg_within(tg_node *x, double lo, double hi); // 1 where lo < x < hi, else 0
tg_node *tg_scale(tg_node *x, double k);              // k x
tg_node *tg_shift(tg_node *x, double c);              // x + c
tg_node *tg_neg(tg_node *x);
tg_node *tg_detach(tg_node *x); // x, but a constant to tg_grad

// Binary. Shapes equal, or one can be expanded to the other (dims of 1, missing leading dims).
tg_node *tg_add(tg_node *a, tg_node *b);
tg_node *tg_sub(tg_node *a, tg_node *b);
tg_node *tg_mul(tg_node *a, tg_node *b);
tg_node *tg_div(tg_node *a, tg_node *b);       // a recip(b)
tg_node *tg_maximum(tg_node *a, tg_node *b);   // composed
tg_node *tg_prelu(tg_node *x, tg_node *slope); // x > 0 ? x : slope x, slope expands; composed

// Expanding and adding up; each is the other's adjoint.
tg_node *tg_expand(tg_node *x, tg_shape to); // repeat along dims of length 1 and missing ones
tg_node *tg_sum_to(tg_node *x, tg_shape to); // add up along dims that become 1 or vanish
tg_node *tg_sum(tg_node *x);                 // [any] -> []
tg_node *tg_mean(tg_node *x);                // [any] -> []
tg_node *tg_mean_to(tg_node *x, tg_shape to);

// Moving elements. slice and pad are each other's adjoint.
tg_node *tg_reshape(tg_node *x, tg_shape to);        // same count, row-major order kept
tg_node *tg_transpose(tg_node *x, const int perm[]); // y.dim[i] = x.dim[perm[i]]
tg_node *tg_slice(tg_node *x, int dim, int64_t from, int64_t n);
tg_node *tg_pad(tg_node *x, int dim, int64_t before, int64_t after); // zeros
tg_node *tg_concat(tg_node *const x[], int n, int dim);              // any n
tg_node *tg_flip(tg_node *x, int dim);                               // reverse the order along dim

// Products. Transposition flags come first to the operand they name.
tg_node *tg_matmul(tg_node *a, tg_node *b, bool ta, bool tb); // [m,k] [k,n] -> [m,n]

// Convolution (cross-correlation), NCHW; conv2d and its two adjoints are one family.
//   x [n,c,h,w], w [o,c/groups,kh,kw] -> y [n,o,oh,ow],  oh = (h + top + bottom - kh) / stride + 1
// pad is added to all four sides; top.. add to it.
typedef struct {
    int64_t stride, pad, groups; // 0 means 1, 0, 1
    int64_t top, left, bottom, right;
} tg_conv;
#define TG_CONV(...) ((tg_conv){__VA_ARGS__})
tg_node *tg_conv2d(tg_node *x, tg_node *w, tg_conv c);
tg_node *tg_conv2d_dx(tg_node *dy, tg_node *w, tg_shape x, tg_conv c);
tg_node *tg_conv2d_dw(tg_node *dy, tg_node *x, tg_shape w, tg_conv c);

// Images, [n,c,h,w]; all linear, each with its adjoint (_dx, whose shape argument is that of x).
tg_node *tg_reflect_pad(tg_node *x, int64_t pad); // mirrored, edge not repeated; pad < h, w
tg_node *tg_reflect_pad_dx(tg_node *dy, int64_t pad);
typedef enum {
    TG_NEAREST,         // index floor(i * in / out)
    TG_BILINEAR,        // half-pixel centres, edge clamped
    TG_BILINEAR_CORNER, // corners aligned
    TG_BICUBIC,         // half-pixel centres, a = -0.75, edge clamped, no antialias
} tg_resize_mode;
tg_node *tg_resize(tg_node *x, int64_t h, int64_t w, tg_resize_mode mode);
tg_node *tg_resize_dx(tg_node *dy, int64_t h, int64_t w, tg_resize_mode mode); // h, w of x
// Resampling by a small filter (upfirdn2d), rows before columns: up - 1 zeros after each element, a
// border of zeros (negative: cropped), true convolution with the taps, every down'th element from
// the first: h -> (h up + before + after - size) / down + 1. Its gradient is such an op again.
enum { TG_FIR_MOST = 8 };
typedef struct {
    int64_t up[2], down[2], before[2], after[2], size[2];
    double tap[TG_FIR_MOST * TG_FIR_MOST]; // [size[0],size[1]]
} tg_fir_kernel;
tg_node *tg_fir(tg_node *x, const tg_fir_kernel *k);
typedef struct {
    int64_t kh, kw, stride, pad; // zero padding on all sides
    bool ceil;                   // round the output size up
    bool whole;                  // avg: divide by kh kw, not by the elements inside
} tg_window;
tg_node *tg_avg_pool(tg_node *x, tg_window p);
tg_node *tg_avg_pool_dx(tg_node *dy, int64_t h, int64_t w, tg_window p);
// max_pool; unpool scatters dy to where x had its maxima, and pool_at reads v there.
tg_node *tg_max_pool(tg_node *x, tg_window p);
tg_node *tg_max_unpool(tg_node *dy, tg_node *x, tg_window p);
tg_node *tg_max_pool_at(tg_node *v, tg_node *x, tg_window p);
// Sample x at (m0 j + m1 i + m2, m3 j + m4 i + m5) = (column, row) for output column j, row i:
// bilinear, pixel centres at whole numbers, zero outside. m [n,6] has no gradient.
tg_node *tg_warp(tg_node *x, tg_node *m, int64_t h, int64_t w);     // -> [n,c,h,w]
tg_node *tg_warp_dx(tg_node *dy, tg_node *m, int64_t h, int64_t w); // h, w of x

// Between the processes of the graph's team (tg_join); x itself where there is none. Gradients are
// those of the sum of what all processes differentiate.
tg_node *tg_all_sum(tg_node *x); // added up over all
tg_node *tg_all_sum_of(tg_node *x, struct base_team *team);
tg_node *tg_all_mean(tg_node *x);
tg_node *tg_all_rows(tg_node *x); // [n,..] -> [n size,..]: the whole batch, rows in its order
tg_node *tg_own_rows(tg_node *x); // [n size,..] -> [n,..]: those of this process
#endif
