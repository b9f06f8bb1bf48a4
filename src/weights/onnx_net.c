// onnx_net.c -- ONNX operators of networks: convolutions, products, pools, norms, padding,
// resizing.
#include "weights/onnx.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { MAX_WINDOW = 1 << 20 }; // largest kernel side, stride or padding that is believed

// Where a convolution or pool looks: from kernel_shape, strides, pads, auto_pad, dilations.
typedef struct {
    int64_t k[2], stride;
    int64_t before[TG_MAX_RANK], after[TG_MAX_RANK]; // padding of n c h w
} window;

static bool in_range(onnx_call *c, const char *what, const onnx_list *l, int64_t least)
{
    for (int i = 0; i < l->n; i++)
        if (l->v[i] < least || l->v[i] > MAX_WINDOW) {
            onnx_fail(c, "%s of %lld", what, (long long)l->v[i]);
            return false;
        }
    return true;
}

// auto_pad SAME_*: as much as makes the output ceil(size / stride).
static void same_padding(onnx_call *c, tg_shape x, window *w)
{
    bool lower = onnx_attr_is(c, "auto_pad", "NOTSET", "SAME_LOWER");
    for (int i = 2; i < 4; i++) {
        int64_t out = (x.dim[i] + w->stride - 1) / w->stride;
        int64_t all = (out - 1) * w->stride + w->k[i - 2] - x.dim[i];
        all = all < 0 ? 0 : all;
        w->before[i] = lower ? all - all / 2 : all / 2;
        w->after[i] = all - w->before[i];
    }
}

static bool read_window(onnx_call *c, tg_shape x, tg_shape kernel, window *w)
{
    onnx_list k, stride, pads, dilation;
    *w = (window){.stride = 1};
    if (x.rank != 4) {
        onnx_fail(c, "supported on images only, not on values of %d dimensions", x.rank);
        return false;
    }
    if (!onnx_ints(c, "kernel_shape", ONNX_NO_INPUT, &k) ||
        !onnx_ints(c, "strides", ONNX_NO_INPUT, &stride) ||
        !onnx_ints(c, "pads", ONNX_NO_INPUT, &pads) ||
        !onnx_ints(c, "dilations", ONNX_NO_INPUT, &dilation) || !in_range(c, "a kernel", &k, 1) ||
        !in_range(c, "a stride", &stride, 1) || !in_range(c, "padding", &pads, 0))
        return false;
    for (int i = 0; i < 2; i++)
        w->k[i] = k.n == 2 ? k.v[i] : kernel.rank == 4 ? kernel.dim[i + 2] : 0;
    bool ok = (!k.given || k.n == 2) && (!stride.given || stride.n == 2) &&
              (!pads.given || pads.n == 4) && w->k[0] && w->k[1];
    if (ok && stride.given) w->stride = stride.v[0];
    if (!ok || (stride.given && stride.v[1] != w->stride)) {
        onnx_fail(c, "only windows over height and width with one stride are supported");
        return false;
    }
    for (int i = 0; i < dilation.n; i++)
        if (dilation.v[i] != 1) {
            onnx_fail(c, "dilation %lld is not supported", (long long)dilation.v[i]);
            return false;
        }
    for (int i = 0; pads.given && i < 2; i++) {
        w->before[i + 2] = pads.v[i];
        w->after[i + 2] = pads.v[i + 2];
    }
    if (onnx_attr_is(c, "auto_pad", "NOTSET", "SAME_UPPER") ||
        onnx_attr_is(c, "auto_pad", "NOTSET", "SAME_LOWER"))
        same_padding(c, x, w);
    return true;
}

static bool is_even(const window *w) // the same padding on all four sides
{
    int64_t p = w->before[2];
    return w->after[2] == p && w->before[3] == p && w->after[3] == p;
}

static tg_conv conv_options(const window *w, int64_t groups)
{
    if (is_even(w)) return TG_CONV(.stride = w->stride, .pad = w->before[2], .groups = groups);
    return TG_CONV(.stride = w->stride, .groups = groups, .top = w->before[2], .left = w->before[3],
                   .bottom = w->after[2], .right = w->after[3]);
}

static tg_node *plus_bias(onnx_call *c, tg_node *y)
{
    tg_node *b = onnx_in(c, 2);
    if (!b || !y) return y;
    if (tg_count(tg_shape_of(b)) != tg_dim(y, 1))
        return onnx_fail(c, "a bias of %lld for %lld channels", (long long)tg_count(tg_shape_of(b)),
                         (long long)tg_dim(y, 1));
    return tg_add(y, onnx_channel(b, tg_shape_of(y).rank));
}

static tg_node *conv(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0), *w = onnx_in(c, 1);
    tg_shape s = tg_shape_of(x), k = tg_shape_of(w);
    window at;
    int64_t groups = onnx_attr_int(c, "group", 1);
    char a[128], b[128];
    if (!read_window(c, s, k, &at)) return NULL;
    bool fits = k.rank == 4 && groups > 0 && s.dim[1] % groups == 0 && k.dim[0] % groups == 0 &&
                k.dim[1] == s.dim[1] / groups && k.dim[2] == at.k[0] && k.dim[3] == at.k[1];
    if (!fits)
        return onnx_fail(c, "weights %s with %lld groups do not fit input %s", tg_shape_text(k, a),
                         (long long)groups, tg_shape_text(s, b));
    return plus_bias(c, tg_conv2d(x, w, conv_options(&at, groups)));
}

// The adjoint of a convolution from the output's shape to that of x.
static tg_node *conv_transpose(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0), *w = onnx_in(c, 1);
    tg_shape s = tg_shape_of(x), k = tg_shape_of(w);
    window at;
    onnx_list more;
    int64_t groups = onnx_attr_int(c, "group", 1);
    if (!read_window(c, s, k, &at) || !onnx_ints(c, "output_padding", ONNX_NO_INPUT, &more))
        return NULL;
    bool explicit =
        onnx_attr_is(c, "auto_pad", "NOTSET", "NOTSET") && !onnx_attr(c, "output_shape");
    if (!explicit || k.rank != 4 || groups < 1 || groups > MAX_WINDOW || k.dim[0] != s.dim[1] ||
        k.dim[1] > INT32_MAX || s.dim[1] % groups || (more.given && more.n != 2))
        return onnx_fail(c, "supported with explicit padding and fitting weights only");
    tg_shape to = {4, {s.dim[0], k.dim[1] * groups, 0, 0}};
    for (int i = 2; i < 4; i++) {
        int64_t extra = more.given ? more.v[i - 2] : 0;
        if (extra < 0 || (extra && extra >= at.stride))
            return onnx_fail(c, "output_padding %lld", (long long)extra);
        to.dim[i] = (s.dim[i] - 1) * at.stride + at.k[i - 2] - at.before[i] - at.after[i] + extra;
        if (to.dim[i] < 1) return onnx_fail(c, "the padding leaves no output");
    }
    return plus_bias(c, tg_conv2d_dx(x, w, to, conv_options(&at, groups)));
}

static tg_node *gemm(onnx_call *c) // alpha A B + beta C
{
    tg_node *a = onnx_in(c, 0), *b = onnx_in(c, 1), *add = onnx_in(c, 2);
    bool ta = onnx_attr_int(c, "transA", 0), tb = onnx_attr_int(c, "transB", 0);
    double alpha = onnx_attr_real(c, "alpha", 1), beta = onnx_attr_real(c, "beta", 1);
    if (tg_shape_of(a).rank != 2 || tg_shape_of(b).rank != 2)
        return onnx_fail(c, "takes two matrices");
    tg_node *y = tg_matmul(a, b, ta, tb);
    if (alpha != 1) y = tg_scale(y, alpha);
    if (!add || !y) return y;
    if (beta != 1) add = tg_scale(add, beta);
    return onnx_broadcast(c, &y, &add) ? tg_add(y, add) : NULL;
}

// Products of the last two dims, one for each of the same dims before them.
static tg_node *batched_product(onnx_call *c, tg_node *a, tg_node *b)
{
    tg_shape p = tg_shape_of(a), q = tg_shape_of(b), to = p;
    int64_t n = 1;
    bool same = p.rank == q.rank;
    for (int i = 0; same && i < p.rank - 2; i++) {
        same = p.dim[i] == q.dim[i];
        n *= p.dim[i];
    }
    if (!same || n > ONNX_HOST_COUNT)
        return onnx_fail(c, "supported for equal leading dimensions, at most %d products",
                         (int)ONNX_HOST_COUNT);
    int64_t rows = p.dim[p.rank - 2], k = p.dim[p.rank - 1], l = q.dim[q.rank - 2];
    int64_t cols = q.dim[q.rank - 1];
    tg_node **y = base_alloc((size_t)n, sizeof *y);
    if (!y) return tg_no_memory(c->g);
    a = tg_reshape(a, TG_SHAPE(n * rows, k));
    b = tg_reshape(b, TG_SHAPE(n * l, cols));
    for (int64_t i = 0; i < n; i++)
        y[i] = tg_matmul(tg_slice(a, 0, i * rows, rows), tg_slice(b, 0, i * l, l), false, false);
    to.dim[to.rank - 1] = cols;
    tg_node *all = tg_reshape(n == 1 ? y[0] : tg_concat(y, (int)n, 0), to);
    base_free(y);
    return all;
}

static tg_node *matmul(onnx_call *c)
{
    tg_node *a = onnx_in(c, 0), *b = onnx_in(c, 1);
    tg_shape p = tg_shape_of(a), q = tg_shape_of(b), to = p;
    if (p.rank < 2 || q.rank < 2) return onnx_fail(c, "vectors are not supported, only matrices");
    if (p.dim[p.rank - 1] != q.dim[q.rank - 2])
        return onnx_fail(c, "inner dimensions differ: %lld and %lld", (long long)p.dim[p.rank - 1],
                         (long long)q.dim[q.rank - 2]);
    if (q.rank > 2) return batched_product(c, a, b);
    if (p.rank == 2) return tg_matmul(a, b, false, false);
    int64_t k = p.dim[p.rank - 1];
    to.dim[to.rank - 1] = q.dim[1];
    return tg_reshape(tg_matmul(tg_reshape(a, TG_SHAPE(tg_count(p) / k, k)), b, false, false), to);
}

static tg_node *global_average_pool(onnx_call *c)
{
    tg_shape to = tg_shape_of(onnx_in(c, 0));
    for (int i = 2; i < to.rank; i++) to.dim[i] = 1;
    return tg_mean_to(onnx_in(c, 0), to);
}

static tg_node *global_max_pool(onnx_call *c)
{
    bool cut[TG_MAX_RANK] = {false, false, true, true, true, true};
    return onnx_max_to(onnx_in(c, 0), cut);
}

static bool pool_window(onnx_call *c, window *w, tg_window *p)
{
    tg_shape s = tg_shape_of(onnx_in(c, 0));
    if (!read_window(c, s, (tg_shape){0}, w)) return false;
    *p = (tg_window){.kh = w->k[0], .kw = w->k[1], .stride = w->stride};
    p->ceil = onnx_attr_int(c, "ceil_mode", 0) != 0;
    for (int i = 2; i < 4; i++) {
        int64_t n = s.dim[i] + w->before[i] + w->after[i], k = w->k[i - 2];
        if (w->before[i] >= k || w->after[i] >= k || n < k) {
            onnx_fail(c, "a window of %lld does not fit %lld elements padded to %lld", (long long)k,
                      (long long)s.dim[i], (long long)n);
            return false;
        }
    }
    return true;
}

static tg_node *max_pool(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    window w;
    tg_window p;
    if (!pool_window(c, &w, &p)) return NULL;
    if (is_even(&w))
        p.pad = w.before[2];
    else
        x = onnx_pad(x, w.before, w.after, -FLT_MAX);
    return tg_max_pool(x, p);
}

static tg_node *average_pool(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    window w;
    tg_window p;
    if (!pool_window(c, &w, &p)) return NULL;
    p.whole = onnx_attr_int(c, "count_include_pad", 0) != 0;
    if (is_even(&w)) {
        p.pad = w.before[2];
        return tg_avg_pool(x, p);
    }
    tg_node *y = tg_avg_pool(onnx_pad(x, w.before, w.after, 0), p);
    if (p.whole) return y;
    // Divide by the share of each window that lies on the image.
    tg_node *on = onnx_pad(tg_fill(c->g, tg_shape_of(x), 1), w.before, w.after, 0);
    return tg_div(y, tg_avg_pool(on, p));
}

static tg_node *batch_norm(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    int rank = tg_shape_of(x).rank;
    if (onnx_attr_int(c, "training_mode", 0))
        return onnx_fail(c, "training mode is not supported; export the model for inference");
    for (size_t i = 1; i < 5; i++)
        if (rank < 2 || tg_count(tg_shape_of(onnx_in(c, i))) != tg_dim(x, 1))
            return onnx_fail(c, "input %zu is not one number a channel", i);
    tg_node *inv = tg_rsqrt(tg_shift(onnx_in(c, 4), onnx_attr_real(c, "epsilon", 1e-5)));
    tg_node *k = tg_mul(onnx_in(c, 1), inv); // y = k x + (b - k mean)
    tg_node *b = tg_sub(onnx_in(c, 2), tg_mul(k, onnx_in(c, 3)));
    return tg_add(tg_mul(x, onnx_channel(k, rank)), onnx_channel(b, rank));
}

static tg_node *instance_norm(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    tg_shape to = tg_shape_of(x);
    for (size_t i = 1; i < 3; i++)
        if (to.rank < 3 || tg_count(tg_shape_of(onnx_in(c, i))) != tg_dim(x, 1))
            return onnx_fail(c, "input %zu is not one number a channel", i);
    for (int i = 2; i < to.rank; i++) to.dim[i] = 1;
    x = tg_sub(x, tg_mean_to(x, to));
    tg_node *var = tg_mean_to(tg_square(x), to);
    tg_node *y = tg_mul(x, tg_rsqrt(tg_shift(var, onnx_attr_real(c, "epsilon", 1e-5))));
    y = tg_mul(y, onnx_channel(onnx_in(c, 1), to.rank));
    return tg_add(y, onnx_channel(onnx_in(c, 2), to.rank));
}

// Mirrored along one dim: the edge is not repeated.
static tg_node *reflect(onnx_call *c, tg_node *x, int dim, int64_t before, int64_t after)
{
    tg_node *part[3];
    int n = 0;
    int64_t size = tg_dim(x, dim);
    if (before < 0 || after < 0 || before >= size || after >= size)
        return onnx_fail(c, "padding of %lld and %lld by reflection of %lld elements",
                         (long long)before, (long long)after, (long long)size);
    if (before) part[n++] = tg_flip(tg_slice(x, dim, 1, before), dim);
    part[n++] = x;
    if (after) part[n++] = tg_flip(tg_slice(x, dim, size - 1 - after, after), dim);
    return n == 1 ? x : tg_concat(part, n, dim);
}

// pads of all dims: begins, then ends; since operator set 18 maybe of the listed axes only.
static bool read_pads(onnx_call *c, int rank, int64_t before[], int64_t after[])
{
    onnx_list pads, axes;
    if (!onnx_ints(c, "pads", 1, &pads) || !onnx_ints(c, NULL, 3, &axes)) return false;
    int n = axes.given ? axes.n : rank;
    if (pads.n != 2 * n) {
        onnx_fail(c, "%d pads for %d dimensions", pads.n, n);
        return false;
    }
    for (int i = 0; i < rank; i++) before[i] = after[i] = 0;
    for (int i = 0; i < n; i++) {
        int k = i;
        if (axes.given && !onnx_axis(c, axes.v[i], rank, &k)) return false;
        before[k] = pads.v[i];
        after[k] = pads.v[n + i];
        if (llabs(before[k]) > MAX_WINDOW || llabs(after[k]) > MAX_WINDOW) {
            onnx_fail(c, "padding of %lld and %lld", (long long)before[k], (long long)after[k]);
            return false;
        }
    }
    return true;
}

// Negative padding cuts; what is left to add stays in before and after.
static tg_node *crop(onnx_call *c, tg_node *x, int64_t before[], int64_t after[])
{
    for (int i = 0; x && i < tg_shape_of(x).rank; i++) {
        int64_t from = before[i] < 0 ? -before[i] : 0, end = after[i] < 0 ? -after[i] : 0;
        int64_t n = tg_dim(x, i) - from - end;
        if (n < 1) return onnx_fail(c, "the padding removes everything");
        if (from || end) x = tg_slice(x, i, from, n);
        before[i] += from;
        after[i] += end;
    }
    return x;
}

static tg_node *pad(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    tg_shape s = tg_shape_of(x);
    int64_t before[TG_MAX_RANK] = {0}, after[TG_MAX_RANK] = {0}, n = 0;
    double value = onnx_attr_real(c, "value", 0);
    if (!read_pads(c, s.rank, before, after)) return NULL;
    if (onnx_attr_is(c, "mode", "constant", "constant")) {
        const double *v = onnx_in(c, 2) ? onnx_host(c, 2, &n) : &value;
        if (!v) return NULL;
        x = crop(c, x, before, after);
        return x ? onnx_pad(x, before, after, v[0]) : NULL;
    }
    if (!onnx_attr_is(c, "mode", "constant", "reflect"))
        return onnx_fail(c, "only modes constant and reflect are supported");
    bool even = s.rank == 4 && !before[0] && !after[0] && !before[1] && !after[1] &&
                before[2] > 0 && after[2] == before[2] && before[3] == before[2] &&
                after[3] == before[2];
    if (even && before[2] < s.dim[2] && before[2] < s.dim[3]) return tg_reflect_pad(x, before[2]);
    for (int i = 0; x && i < s.rank; i++) x = reflect(c, x, i, before[i], after[i]);
    return x;
}

// Which of our resizings gives the same as the node's, by mode and coordinates.
static bool resize_mode(onnx_call *c, double times, bool one, tg_resize_mode *mode)
{
    bool new = c->m->opset >= 11; // before: asymmetric and floor, and nothing else
    const char *was = new ? "half_pixel" : "asymmetric";
    bool half =
        onnx_attr_is(c, "coordinate_transformation_mode", was, "half_pixel") ||
        (onnx_attr_is(c, "coordinate_transformation_mode", was, "pytorch_half_pixel") && !one);
    bool corner = onnx_attr_is(c, "coordinate_transformation_mode", was, "align_corners");
    bool plain = onnx_attr_is(c, "coordinate_transformation_mode", was, "asymmetric");
    const char *round = new ? "round_prefer_floor" : "floor";
    bool down = onnx_attr_is(c, "nearest_mode", round, "floor");
    bool nearest = down || onnx_attr_is(c, "nearest_mode", round, "round_prefer_floor");
    // Up by a whole factor, centres rounded fall where floor(i / factor) does; so do plain
    // coordinates for a factor of 2, whose halves are rounded down.
    bool up = times >= 1 && times == floor(times);
    if (onnx_attr_is(c, "mode", "nearest", "nearest")) {
        *mode = TG_NEAREST;
        return (plain && down) || (half && up && !down && nearest) ||
               (plain && up && times <= 2 && nearest);
    }
    if (onnx_attr_is(c, "mode", "nearest", "cubic")) {
        *mode = TG_BICUBIC;
        return half && onnx_attr_real(c, "cubic_coeff_a", -0.75) == -0.75;
    }
    *mode = corner ? TG_BILINEAR_CORNER : TG_BILINEAR;
    return half || corner;
}

// New height and width, from scales or sizes; only those dims may change.
static bool resize_to(onnx_call *c, tg_shape s, int64_t to[2], double *times)
{
    size_t at = c->m->opset >= 11 ? 2 : 1;
    int64_t n = 0;
    const Onnx__Attribute *a = onnx_attr(c, "scales"); // Upsample of operator set 7
    const double *size = NULL, *scale = NULL;
    if (onnx_in(c, 3) && !(size = onnx_host(c, 3, &n))) return false;
    if (!size && !a && !(scale = onnx_host(c, at, &n))) return false;
    if (!size && !scale) n = (int64_t)a->n_floats;
    if (s.rank != 4 || n != 4) {
        onnx_fail(c, "supported on images, with four sizes or scales");
        return false;
    }
    for (int i = 0; i < 4; i++) {
        double k = size ? size[i] / (double)s.dim[i] : scale ? scale[i] : (double)a->floats[i];
        if (c->batched && !i && size && size[0] == 1) k = 1;
        double out = k * (double)s.dim[i], near = nearbyint(out);
        bool ok = out >= 1 && out <= MAX_WINDOW && fabs(out - near) < 1e-3 && (i > 1 || k == 1);
        if (!ok) {
            onnx_fail(c, "scale %g of a dimension of %lld is not supported", k,
                      (long long)s.dim[i]);
            return false;
        }
        if (i > 1) to[i - 2] = (int64_t)near;
        // The factor that both sides share; 0, no whole factor, where they differ.
        double factor = near / (double)s.dim[i];
        *times = i == 3 && factor != *times ? 0 : factor;
    }
    return true;
}

static tg_node *resize(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    int64_t to[2] = {0, 0};
    double times = 0;
    tg_resize_mode mode = TG_NEAREST;
    if (onnx_attr(c, "axes") || onnx_attr_int(c, "antialias", 0) ||
        onnx_attr_int(c, "exclude_outside", 0) ||
        !onnx_attr_is(c, "keep_aspect_ratio_policy", "stretch", "stretch"))
        return onnx_fail(c, "axes, antialias, exclude_outside and keep_aspect_ratio_policy are not "
                            "supported");
    if (!resize_to(c, tg_shape_of(x), to, &times)) return NULL;
    if (to[0] == tg_dim(x, 2) && to[1] == tg_dim(x, 3)) return x;
    if (!resize_mode(c, times, to[0] == 1 || to[1] == 1, &mode))
        return onnx_fail(c, "this combination of mode, coordinate_transformation_mode and "
                            "nearest_mode is not supported");
    return tg_resize(x, to[0], to[1], mode);
}

const onnx_op onnx_ops_net[] = {
    {"AveragePool", average_pool, 1, false},
    {"BatchNormalization", batch_norm, 5, false},
    {"Conv", conv, 2, false},
    {"ConvTranspose", conv_transpose, 2, false},
    {"Gemm", gemm, 2, false},
    {"GlobalAveragePool", global_average_pool, 1, false},
    {"GlobalMaxPool", global_max_pool, 1, false},
    {"InstanceNormalization", instance_norm, 3, false},
    {"MatMul", matmul, 2, false},
    {"MaxPool", max_pool, 1, false},
    {"Pad", pad, 1, false},
    {"Resize", resize, 1, false},
    {"Upsample", resize, 1, false},
    {0},
};
