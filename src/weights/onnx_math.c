// onnx_math.c -- ONNX operators that compute element by element, or reduce.
#include "weights/onnx.h"
#include <float.h>
#include <math.h>

// One line an operator for those that are one of our ops.
#define UNARY(NAME, OP)                                                                            \
    static tg_node *NAME(onnx_call *c) { return OP(onnx_in(c, 0)); }
UNARY(identity, )
UNARY(relu, tg_relu)
UNARY(sigmoid, tg_sigmoid)
UNARY(tanh_, tg_tanh)
UNARY(exp_, tg_exp)
UNARY(log_, tg_log)
UNARY(sqrt_, tg_sqrt)
UNARY(neg, tg_neg)
UNARY(abs_, tg_abs)
UNARY(sign, tg_sign)
UNARY(sin_, tg_sin)
UNARY(cos_, tg_cos)
UNARY(reciprocal, tg_recip)
UNARY(softplus, tg_softplus)

static tg_node *two(onnx_call *c, tg_node *(*op)(tg_node *, tg_node *))
{
    tg_node *a = onnx_in(c, 0), *b = onnx_in(c, 1);
    return onnx_broadcast(c, &a, &b) ? op(a, b) : NULL;
}

static tg_node *add(onnx_call *c) { return two(c, tg_add); }
static tg_node *sub(onnx_call *c) { return two(c, tg_sub); }
static tg_node *mul(onnx_call *c) { return two(c, tg_mul); }

static tg_node *divide(onnx_call *c)
{
    tg_node *y = two(c, tg_div);
    if (!c->in[0].whole || !c->in[1].whole) return y;
    if (!c->host) return onnx_fail(c, "division of integers that are not constant");
    return onnx_rounded(c, y, trunc);
}

static tg_node *minimum(tg_node *a, tg_node *b) { return tg_neg(tg_maximum(tg_neg(a), tg_neg(b))); }

// Max, Min, Sum and Mean take any number of inputs.
static tg_node *many(onnx_call *c, tg_node *(*op)(tg_node *, tg_node *))
{
    tg_node *y = onnx_in(c, 0);
    for (size_t i = 1; y && i < c->n_in; i++) {
        tg_node *x = onnx_in(c, i);
        if (!x) return onnx_fail(c, "input %zu is missing", i);
        if (!onnx_broadcast(c, &y, &x)) return NULL;
        y = op(y, x);
    }
    return y;
}

static tg_node *max(onnx_call *c) { return many(c, tg_maximum); }
static tg_node *min(onnx_call *c) { return many(c, minimum); }
static tg_node *sum(onnx_call *c) { return many(c, tg_add); }
static tg_node *mean(onnx_call *c) { return tg_scale(many(c, tg_add), 1.0 / (double)c->n_in); }

static tg_node *leaky_relu(onnx_call *c)
{
    return tg_leaky_relu(onnx_in(c, 0), onnx_attr_real(c, "alpha", 0.01));
}

static tg_node *prelu(onnx_call *c)
{
    tg_node *x = onnx_in(c, 0), *slope = onnx_in(c, 1);
    tg_shape s = tg_shape_of(x), k = tg_shape_of(slope);
    // Some exporters write one slope a channel as a bare list.
    if (k.rank == 1 && s.rank > 2 && k.dim[0] == s.dim[1] && k.dim[0] != 1)
        slope = onnx_channel(slope, s.rank);
    if (!onnx_broadcast(c, &x, &slope)) return NULL;
    return tg_prelu(x, slope);
}

static tg_node *elu(onnx_call *c) // x > 0 ? x : alpha (exp(x) - 1)
{
    tg_node *x = onnx_in(c, 0), *low = tg_neg(tg_relu(tg_neg(x)));
    return tg_add(tg_relu(x), tg_scale(tg_shift(tg_exp(low), -1), onnx_attr_real(c, "alpha", 1)));
}

static tg_node *hard_sigmoid(onnx_call *c)
{
    double k = onnx_attr_real(c, "alpha", 0.2), b = onnx_attr_real(c, "beta", 0.5);
    return tg_clip(tg_affine(onnx_in(c, 0), k, b), 0, 1);
}

static tg_node *hard_swish(onnx_call *c) // x clip(x / 6 + 1/2, 0, 1)
{
    tg_node *x = onnx_in(c, 0);
    return tg_mul(x, tg_clip(tg_affine(x, 1.0 / 6, 0.5), 0, 1));
}

// Bound of a Clip: an attribute before operator set 11, an input since.
static bool bound(onnx_call *c, const char *name, size_t i, double *v)
{
    int64_t n = 0;
    *v = onnx_attr_real(c, name, *v);
    if (!onnx_in(c, i)) return true;
    const double *from = onnx_host(c, i, &n);
    if (from) *v = from[0];
    return from != NULL;
}

static tg_node *clip(onnx_call *c)
{
    double lo = -FLT_MAX, hi = FLT_MAX;
    if (!bound(c, "min", 1, &lo) || !bound(c, "max", 2, &hi)) return NULL;
    return tg_clip(onnx_in(c, 0), lo, hi);
}

static tg_node *power(onnx_call *c)
{
    int64_t n = 0;
    tg_node *x = onnx_in(c, 0);
    const double *k = onnx_host(c, 1, &n);
    if (!k) return NULL;
    if (n == 1 && k[0] == 2) return tg_square(x);
    if (n == 1 && k[0] == 0.5) return tg_sqrt(x);
    if (n == 1 && k[0] == 1) return x;
    if (n == 1 && k[0] == 3) return tg_mul(x, tg_square(x));
    if (n == 1 && k[0] == -1) return tg_recip(x);
    if (n == 1 && k[0] == -0.5) return tg_rsqrt(x);
    return onnx_fail(c, "the exponent must be one of -1, -0.5, 0.5, 1, 2, 3");
}

// TensorProto.DataType of the result: 1, 10, 11, 16 are real numbers, 9 is truth.
static tg_node *cast(onnx_call *c)
{
    int64_t to = onnx_attr_int(c, "to", 1);
    tg_node *x = onnx_in(c, 0);
    bool was_whole = c->in[0].whole;
    c->whole = to != 1 && to != 10 && to != 11 && to != 16;
    if (to == 9 && was_whole) return tg_step(tg_abs(x));
    if (!c->whole || was_whole) return x;
    if (!c->host || to == 9)
        return onnx_fail(c, "only constants can be cast to integers, and only reals computed");
    return onnx_rounded(c, x, trunc);
}

static tg_node *round_by(onnx_call *c, double (*f)(double))
{
    if (!c->host) return onnx_fail(c, "supported on constants only");
    return onnx_rounded(c, onnx_in(c, 0), f);
}

static tg_node *round_down(onnx_call *c) { return round_by(c, floor); }
static tg_node *round_up(onnx_call *c) { return round_by(c, ceil); }

// Which dims a reduction removes, and the shape with those as 1.
static bool reduced_dims(onnx_call *c, bool cut[TG_MAX_RANK], tg_shape *to)
{
    onnx_list axes;
    *to = tg_shape_of(onnx_in(c, 0));
    for (int i = 0; i < TG_MAX_RANK; i++) cut[i] = false;
    if (!onnx_ints(c, "axes", 1, &axes)) return false;
    bool all = !axes.n && !onnx_attr_int(c, "noop_with_empty_axes", 0);
    for (int i = 0; i < to->rank && all; i++) cut[i] = true;
    for (int i = 0; i < axes.n; i++) {
        int k = 0;
        if (!onnx_axis(c, axes.v[i], to->rank, &k)) return false;
        cut[k] = true;
    }
    for (int i = 0; i < to->rank; i++)
        if (cut[i]) to->dim[i] = 1;
    return true;
}

static tg_node *drop(onnx_call *c, tg_node *y, const bool cut[])
{
    tg_shape s = tg_shape_of(y), kept = {0};
    if (onnx_attr_int(c, "keepdims", 1)) return y;
    for (int i = 0; i < s.rank; i++)
        if (!cut[i]) kept.dim[kept.rank++] = s.dim[i];
    return tg_reshape(y, kept);
}

static tg_node *reduce(onnx_call *c, tg_node *x, tg_node *(*to)(tg_node *, tg_shape),
                       tg_node *(*then)(tg_node *))
{
    bool cut[TG_MAX_RANK];
    tg_shape s;
    if (!reduced_dims(c, cut, &s)) return NULL;
    tg_node *y = to(x, s);
    return drop(c, then ? then(y) : y, cut);
}

static tg_node *reduce_mean(onnx_call *c) { return reduce(c, onnx_in(c, 0), tg_mean_to, NULL); }
static tg_node *reduce_sum(onnx_call *c) { return reduce(c, onnx_in(c, 0), tg_sum_to, NULL); }

static tg_node *reduce_l2(onnx_call *c)
{
    return reduce(c, tg_square(onnx_in(c, 0)), tg_sum_to, tg_sqrt);
}

static tg_node *reduce_max(onnx_call *c)
{
    bool cut[TG_MAX_RANK];
    tg_shape s;
    if (!reduced_dims(c, cut, &s)) return NULL;
    return drop(c, onnx_max_to(onnx_in(c, 0), cut), cut);
}

// exp(x - m) / sum exp(x - m), m the largest of each sum, which cancels and prevents overflow.
// Before operator set 13 the sum runs over all dims from the axis on.
static tg_node *soft(onnx_call *c, bool logarithm)
{
    tg_node *x = onnx_in(c, 0);
    tg_shape s = tg_shape_of(x);
    bool cut[TG_MAX_RANK] = {false};
    int axis = 0;
    if (!onnx_axis(c, onnx_attr_int(c, "axis", c->m->opset < 13 ? 1 : -1), s.rank, &axis))
        return NULL;
    for (int i = axis; i < (c->m->opset < 13 ? s.rank : axis + 1); i++) {
        cut[i] = true;
        s.dim[i] = 1;
    }
    x = tg_sub(x, tg_detach(onnx_max_to(x, cut)));
    tg_node *e = tg_exp(x), *total = tg_sum_to(e, s);
    return logarithm ? tg_sub(x, tg_log(total)) : tg_div(e, total);
}

static tg_node *softmax(onnx_call *c) { return soft(c, false); }
static tg_node *log_softmax(onnx_call *c) { return soft(c, true); }

const onnx_op onnx_ops_math[] = {
    {"Abs", abs_, 1, true},
    {"Add", add, 2, true},
    {"Cast", cast, 1, true},
    {"Ceil", round_up, 1, true},
    {"Clip", clip, 1, false},
    {"Cos", cos_, 1, false},
    {"Div", divide, 2, true},
    {"Dropout", identity, 1, false},
    {"Elu", elu, 1, false},
    {"Exp", exp_, 1, false},
    {"Floor", round_down, 1, true},
    {"HardSigmoid", hard_sigmoid, 1, false},
    {"HardSwish", hard_swish, 1, false},
    {"Identity", identity, 1, true},
    {"LeakyRelu", leaky_relu, 1, false},
    {"Log", log_, 1, false},
    {"LogSoftmax", log_softmax, 1, false},
    {"Max", max, 1, true},
    {"Mean", mean, 1, false},
    {"Min", min, 1, true},
    {"Mul", mul, 2, true},
    {"Neg", neg, 1, true},
    {"PRelu", prelu, 2, false},
    {"Pow", power, 2, false},
    {"Reciprocal", reciprocal, 1, true},
    {"ReduceL2", reduce_l2, 1, false},
    {"ReduceMax", reduce_max, 1, true},
    {"ReduceMean", reduce_mean, 1, false},
    {"ReduceSum", reduce_sum, 1, true},
    {"Relu", relu, 1, false},
    {"Sigmoid", sigmoid, 1, false},
    {"Sign", sign, 1, true},
    {"Sin", sin_, 1, false},
    {"Softmax", softmax, 1, false},
    {"Softplus", softplus, 1, false},
    {"Sqrt", sqrt_, 1, true},
    {"Sub", sub, 2, true},
    {"Sum", sum, 1, true},
    {"Tanh", tanh_, 1, false},
    {0},
};
