// onnx_move.c -- ONNX operators that make, shape, cut and join values.
#include "weights/onnx.h"
#include <math.h>

static tg_shape listed(const onnx_list *l, bool *fits)
{
    tg_shape s = {.rank = l->n};
    *fits = l->n <= TG_MAX_RANK;
    for (int i = 0; *fits && i < l->n; i++) s.dim[i] = l->v[i];
    return s;
}

static tg_node *constant(onnx_call *c)
{
    const Onnx__Attribute *a = onnx_attr(c, "value");
    if (a && a->t) {
        c->out[0] = onnx_tensor_value(c->g, a->t, c->node->output[0]);
        c->host = c->out[0].host;
        c->whole = c->out[0].whole;
        return NULL;
    }
    if ((a = onnx_attr(c, "value_float"))) return tg_fill(c->g, (tg_shape){0}, (double)a->f);
    if ((a = onnx_attr(c, "value_floats")) && a->n_floats)
        return tg_const(c->g, TG_SHAPE((int64_t)a->n_floats), a->floats);
    c->whole = true;
    if ((a = onnx_attr(c, "value_int"))) return tg_fill(c->g, (tg_shape){0}, (double)a->i);
    onnx_list l;
    double v[ONNX_LIST];
    if (!onnx_ints(c, "value_ints", ONNX_NO_INPUT, &l)) return NULL;
    if (!l.n) return onnx_fail(c, "it has no value that is read");
    for (int i = 0; i < l.n; i++) v[i] = (double)l.v[i];
    return tg_double(c->g, TG_SHAPE(l.n), v);
}

static tg_node *constant_of_shape(onnx_call *c)
{
    const Onnx__Attribute *a = onnx_attr(c, "value");
    onnx_list l;
    bool fits = false;
    double value = 0;
    if (!onnx_ints(c, NULL, 0, &l)) return NULL;
    c->whole = false;
    if (a && a->t) {
        onnx_value v = onnx_tensor_value(c->g, a->t, "value");
        const double *from = v.node && v.host ? tg_eval(v.node) : NULL;
        if (!from) return onnx_fail(c, "its value is not one number");
        value = from[0];
        c->whole = v.whole;
    }
    tg_shape s = listed(&l, &fits);
    if (!fits) return onnx_fail(c, "a shape of %d dimensions", l.n);
    for (int i = 0; i < s.rank; i++)
        if (s.dim[i] == 0) {
            c->out[0].empty = true;
            return NULL;
        }
    return tg_fill(c->g, s, value);
}

static tg_node *shape(onnx_call *c)
{
    tg_shape s = tg_shape_of(onnx_in(c, 0));
    int64_t from = onnx_attr_int(c, "start", 0), to = onnx_attr_int(c, "end", s.rank);
    double v[TG_MAX_RANK];
    int n = 0;
    from = from < 0 ? from + s.rank : from;
    to = to < 0 ? to + s.rank : to;
    for (int i = 0; i < s.rank; i++)
        if (i >= from && i < to) v[n++] = (double)s.dim[i];
    c->host = c->whole = true;
    c->out[0].empty = n == 0;
    return n ? tg_double(c->g, TG_SHAPE(n), v) : NULL;
}

// Resolve 0 (as in x) and -1 (what is left) of a Reshape's target.
static bool resolve(onnx_call *c, tg_shape x, tg_shape *to)
{
    int open = -1;
    int64_t known = 1;
    for (int i = 0; i < to->rank; i++) {
        if (to->dim[i] == 0 && i < x.rank) to->dim[i] = x.dim[i];
        if (to->dim[i] == -1 && open < 0) {
            open = i;
            continue;
        }
        if (to->dim[i] <= 0 || __builtin_mul_overflow(known, to->dim[i], &known)) {
            onnx_fail(c, "the new shape has an impossible dimension, %lld", (long long)to->dim[i]);
            return false;
        }
    }
    if (open >= 0) to->dim[open] = tg_count(x) / known;
    return true;
}

static tg_node *reshape(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    tg_shape s = tg_shape_of(x);
    onnx_list l;
    bool fits = false;
    char a[128], b[128];
    if (!onnx_ints(c, NULL, 1, &l)) return NULL;
    tg_shape to = listed(&l, &fits);
    if (!fits) return onnx_fail(c, "a shape of %d dimensions; at most %d", l.n, (int)TG_MAX_RANK);
    // A model exported for batch 1 names the 1; a larger batch keeps its place.
    bool smaller = to.rank && s.rank && to.dim[0] == 1 && s.dim[0] > 1;
    if (c->batched && smaller && tg_count(to) != tg_count(s)) to.dim[0] = s.dim[0];
    if (!resolve(c, s, &to)) return NULL;
    if (tg_count(to) != tg_count(s))
        return onnx_fail(c, "%s cannot become %s", tg_shape_text(s, a), tg_shape_text(to, b));
    return tg_reshape(x, to);
}

static tg_node *flatten(onnx_call *c)
{
    tg_shape s = tg_shape_of(onnx_in(c, 0)), to = {2, {1, 1}};
    int64_t axis = onnx_attr_int(c, "axis", 1);
    axis = axis < 0 ? axis + s.rank : axis;
    if (axis < 0 || axis > s.rank) return onnx_fail(c, "axis %lld", (long long)axis);
    for (int i = 0; i < s.rank; i++) to.dim[i < axis ? 0 : 1] *= s.dim[i];
    return tg_reshape(onnx_in(c, 0), to);
}

static tg_node *squeeze(onnx_call *c)
{
    tg_shape s = tg_shape_of(onnx_in(c, 0)), to = {0};
    bool cut[TG_MAX_RANK] = {false};
    onnx_list axes;
    if (!onnx_ints(c, "axes", 1, &axes)) return NULL;
    for (int i = 0; i < axes.n; i++) {
        int k = 0;
        if (!onnx_axis(c, axes.v[i], s.rank, &k)) return NULL;
        if (s.dim[k] != 1)
            return onnx_fail(c, "dimension %d has %lld elements, not 1", k, (long long)s.dim[k]);
        cut[k] = true;
    }
    for (int i = 0; i < s.rank; i++)
        if (!(cut[i] || (!axes.n && s.dim[i] == 1))) to.dim[to.rank++] = s.dim[i];
    return tg_reshape(onnx_in(c, 0), to);
}

static tg_node *unsqueeze(onnx_call *c)
{
    tg_shape s = tg_shape_of(onnx_in(c, 0)), to = {0};
    bool one[TG_MAX_RANK] = {false};
    onnx_list axes;
    if (!onnx_ints(c, "axes", 1, &axes)) return NULL;
    to.rank = s.rank + axes.n;
    if (to.rank > TG_MAX_RANK) return onnx_fail(c, "more than %d dimensions", (int)TG_MAX_RANK);
    for (int i = 0; i < axes.n; i++) {
        int k = 0;
        if (!onnx_axis(c, axes.v[i], to.rank, &k)) return NULL;
        if (one[k]) return onnx_fail(c, "axis %d is given twice", k);
        one[k] = true;
    }
    for (int i = 0, from = 0; i < to.rank; i++) to.dim[i] = one[i] ? 1 : s.dim[from++];
    return tg_reshape(onnx_in(c, 0), to);
}

static tg_node *expand(onnx_call *c)
{
    onnx_list l;
    bool fits = false;
    if (!onnx_ints(c, NULL, 1, &l)) return NULL;
    tg_shape s = listed(&l, &fits);
    for (int i = 0; fits && i < s.rank; i++) fits = s.dim[i] > 0;
    if (!fits) return onnx_fail(c, "an impossible shape");
    tg_node *x = onnx_in(c, 0), *to = tg_fill(c->g, s, 0);
    if (!onnx_broadcast(c, &x, &to)) return NULL;
    tg_shape have = tg_shape_of(x), want = tg_shape_of(to);
    return tg_expand(x, want.rank > have.rank || tg_count(want) > tg_count(have) ? want : have);
}

static tg_node *transpose(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    int rank = tg_shape_of(x).rank, perm[TG_MAX_RANK] = {0};
    onnx_list l;
    unsigned seen = 0;
    if (!onnx_ints(c, "perm", ONNX_NO_INPUT, &l)) return NULL;
    if (l.given && l.n != rank) return onnx_fail(c, "perm has %d entries, not %d", l.n, rank);
    for (int i = 0; i < rank; i++) {
        perm[i] = rank - 1 - i;
        if (l.given && !onnx_axis(c, l.v[i], rank, &perm[i])) return NULL;
        seen |= 1u << perm[i];
    }
    if (seen != (1u << rank) - 1) return onnx_fail(c, "perm names a dimension twice");
    return tg_transpose(x, perm);
}

static tg_node *concat(onnx_call *c)
{
    tg_node **part = base_alloc(c->n_in + 1, sizeof *part), *y = NULL;
    int n = 0, axis = 0;
    if (!part) return tg_no_memory(c->g);
    c->whole = true;
    for (size_t i = 0; i < c->n_in; i++) {
        if (!c->in[i].node) continue; // empty
        part[n++] = c->in[i].node;
        c->whole = c->whole && c->in[i].whole;
    }
    if (!n)
        c->out[0].empty = true;
    else if (onnx_axis(c, onnx_attr_int(c, "axis", 0), tg_shape_of(part[0]).rank, &axis))
        y = n == 1 ? part[0] : tg_concat(part, n, axis);
    base_free(part);
    return y;
}

// Every step-th element of n along dim, from the first on.
static tg_node *every(tg_node *x, int dim, int64_t n, int64_t step)
{
    tg_shape s = tg_shape_of(x), rows = {.rank = s.rank + 1};
    if (step == 1 || n == 1) return tg_slice(x, dim, 0, n);
    if (s.rank == TG_MAX_RANK)
        return tg_fail(tg_graph_of(x), "strided slices of %d dimensions are not supported", s.rank);
    x = tg_slice(x, dim, 0, (n - 1) * step + 1);
    x = tg_pad(x, dim, 0, step - 1); // now n rows of step elements
    for (int i = 0, k = 0; i < s.rank; i++) {
        rows.dim[k++] = i == dim ? n : s.dim[i];
        if (i == dim) rows.dim[k++] = step;
    }
    s.dim[dim] = n;
    return tg_reshape(tg_slice(tg_reshape(x, rows), dim + 1, 0, 1), s);
}

// x[from:to:step] along dim, as in numpy; NULL and *empty where nothing is left.
static tg_node *cut(tg_node *x, int dim, int64_t from, int64_t to, int64_t step, bool *empty)
{
    int64_t n = tg_dim(x, dim);
    from = from < 0 ? from + n : from;
    to = to < 0 ? to + n : to;
    if (step < 0) { // the same, seen from the end
        from = n - 1 - from;
        to = n - 1 - to;
        step = -step;
        x = tg_flip(x, dim);
    }
    from = from < 0 ? 0 : from;
    to = to > n ? n : to;
    if (from >= to) {
        *empty = true;
        return NULL;
    }
    if (step > n) step = n; // one element in any case
    int64_t count = (to - from + step - 1) / step;
    return every(tg_slice(x, dim, from, n - from), dim, count, step);
}

static tg_node *slice(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    int rank = tg_shape_of(x).rank;
    onnx_list from, to, axes, step;
    if (!onnx_ints(c, "starts", 1, &from) || !onnx_ints(c, "ends", 2, &to) ||
        !onnx_ints(c, "axes", 3, &axes) || !onnx_ints(c, "steps", 4, &step))
        return NULL;
    if (from.n != to.n || (axes.given && axes.n != from.n) || (step.given && step.n != from.n))
        return onnx_fail(c, "starts, ends, axes and steps are of different lengths");
    for (int i = 0; x && i < from.n; i++) {
        int k = 0;
        bool empty = false;
        if (!onnx_axis(c, axes.given ? axes.v[i] : i, rank, &k)) return NULL;
        if (step.given && !step.v[i]) return onnx_fail(c, "a step of 0");
        // A negative step may name an end before the first element: that is none at all.
        int64_t by = step.given ? step.v[i] : 1, end = to.v[i], n = tg_dim(x, k);
        if (by < 0 && end < -n) end = -n - 1;
        if (by < 0 && from.v[i] >= n) from.v[i] = n - 1;
        x = cut(x, k, from.v[i], end, by, &empty);
        c->out[0].empty = empty;
    }
    return x;
}

static tg_node *split(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    onnx_list size;
    int axis = 0;
    int64_t at = 0, parts = (int64_t)c->n_out;
    if (!onnx_ints(c, "split", 1, &size) ||
        !onnx_axis(c, onnx_attr_int(c, "axis", 0), tg_shape_of(x).rank, &axis))
        return NULL;
    int64_t n = tg_dim(x, axis), each = (n + parts - 1) / parts;
    if (size.given && size.n != parts)
        return onnx_fail(c, "%d sizes for %lld outputs", size.n, (long long)parts);
    for (int64_t i = 0; i < parts; i++) {
        int64_t k = size.given ? size.v[i] : each < n - at ? each : n - at;
        if (k < 1 || k > n - at)
            return onnx_fail(c, "%lld elements do not split that way", (long long)n);
        c->out[i].node = tg_slice(x, axis, at, k);
        at += k;
    }
    return NULL;
}

// The elements of x at index[0..n) along dim, joined.
static tg_node *pick(onnx_call *c, tg_node *x, int dim, const double *index, int64_t n)
{
    tg_node **part = base_alloc((size_t)n, sizeof *part), *y = NULL;
    int64_t all = tg_dim(x, dim);
    bool ok = part != NULL;
    if (!part) tg_no_memory(c->g);
    for (int64_t i = 0; ok && i < n; i++) {
        int64_t k = onnx_whole(index[i]);
        k = k < 0 ? k + all : k;
        ok = k >= 0 && k < all;
        if (!ok) onnx_fail(c, "index %lld of %lld elements", (long long)k, (long long)all);
        if (ok) part[i] = tg_slice(x, dim, k, 1);
    }
    if (ok) y = n == 1 ? part[0] : tg_concat(part, (int)n, dim);
    base_free(part);
    return y;
}

static tg_node *gather(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    tg_shape s = tg_shape_of(x), k = tg_shape_of(onnx_in(c, 1)), to = {0};
    int axis = 0;
    int64_t n = 0;
    if (!onnx_axis(c, onnx_attr_int(c, "axis", 0), s.rank, &axis)) return NULL;
    const double *index = onnx_host(c, 1, &n);
    if (!index) return NULL;
    to.rank = s.rank - 1 + k.rank;
    if (to.rank > TG_MAX_RANK) return onnx_fail(c, "more than %d dimensions", (int)TG_MAX_RANK);
    for (int i = 0; i < to.rank; i++) // the index's dims stand in for the axis
        to.dim[i] = i < axis            ? s.dim[i]
                    : i < axis + k.rank ? k.dim[i - axis]
                                        : s.dim[i - k.rank + 1];
    tg_node *y = pick(c, x, axis, index, n);
    return y ? tg_reshape(y, to) : NULL;
}

static tg_node *equal(onnx_call *c) // of whole numbers, so the sign of a difference tells
{
    tg_node *a = onnx_in(c, 0), *b = onnx_in(c, 1);
    c->whole = true;
    if (!onnx_broadcast(c, &a, &b)) return NULL;
    return tg_affine(tg_abs(tg_sign(tg_sub(a, b))), -1, 1);
}

static tg_node *above(onnx_call *c, size_t i) // input i is larger than the other one
{
    tg_node *a = onnx_in(c, i), *b = onnx_in(c, 1 - i);
    c->whole = true;
    return onnx_broadcast(c, &a, &b) ? tg_step(tg_sub(a, b)) : NULL;
}

static tg_node *greater(onnx_call *c) { return above(c, 0); }
static tg_node *less(onnx_call *c) { return above(c, 1); }

static tg_node *where(onnx_call *c)
{
    tg_node *on = onnx_in(c, 0), *a = onnx_in(c, 1), *b = onnx_in(c, 2);
    c->whole = c->in[1].whole;
    if (!onnx_broadcast(c, &on, &a)) return NULL;
    tg_node *left = tg_mul(on, a), *off = tg_affine(on, -1, 1);
    if (!onnx_broadcast(c, &off, &b)) return NULL;
    tg_node *right = tg_mul(off, b);
    return onnx_broadcast(c, &left, &right) ? tg_add(left, right) : NULL;
}

// Blocks of b x b pixels from channels, or back. DCR: the block's index is the outer part.
static tg_node *depth_to_space(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    tg_shape s = tg_shape_of(x);
    int64_t b = onnx_attr_int(c, "blocksize", 0), part = b > 0 && b < 1024 ? b * b : 0;
    if (s.rank != 4 || !part || s.dim[1] % part)
        return onnx_fail(c, "blocksize %lld", (long long)b);
    int64_t d = s.dim[1] / part, h = s.dim[2], w = s.dim[3];
    if (onnx_attr_is(c, "mode", "DCR", "DCR")) {
        x = tg_reshape(x, TG_SHAPE(s.dim[0], b, b, d, h, w));
        x = tg_transpose(x, (int[]){0, 3, 4, 1, 5, 2});
    } else {
        x = tg_reshape(x, TG_SHAPE(s.dim[0], d, b, b, h, w));
        x = tg_transpose(x, (int[]){0, 1, 4, 2, 5, 3});
    }
    return tg_reshape(x, TG_SHAPE(s.dim[0], d, h * b, w * b));
}

static tg_node *space_to_depth(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0);
    tg_shape s = tg_shape_of(x);
    int64_t b = onnx_attr_int(c, "blocksize", 0);
    if (s.rank != 4 || b < 1 || b > 1024 || s.dim[2] % b || s.dim[3] % b)
        return onnx_fail(c, "blocksize %lld", (long long)b);
    int64_t h = s.dim[2] / b, w = s.dim[3] / b;
    x = tg_reshape(x, TG_SHAPE(s.dim[0], s.dim[1], h, b, w, b));
    x = tg_transpose(x, (int[]){0, 3, 5, 1, 2, 4});
    return tg_reshape(x, TG_SHAPE(s.dim[0], b * b * s.dim[1], h, w));
}

const onnx_op onnx_ops_move[] = {
    {"Concat", concat, 0, true},
    {"Constant", constant, 0, true},
    {"ConstantOfShape", constant_of_shape, 0, true},
    {"DepthToSpace", depth_to_space, 1, false},
    {"Equal", equal, 2, true},
    {"Expand", expand, 1, true},
    {"Flatten", flatten, 1, false},
    {"Gather", gather, 2, true},
    {"Greater", greater, 2, true},
    {"Less", less, 2, true},
    {"Reshape", reshape, 1, true},
    {"Shape", shape, 1, true},
    {"Slice", slice, 1, true},
    {"SpaceToDepth", space_to_depth, 1, false},
    {"Split", split, 1, true},
    {"Squeeze", squeeze, 1, true},
    {"Transpose", transpose, 1, true},
    {"Unsqueeze", unsqueeze, 1, true},
    {"Where", where, 3, true},
    {0},
};
