// dnn_check.c -- cuDNN's stand-in: which attributes descriptors have, and what must fit together.
// As cuDNN's documentation of its backend has it; the real library, where it is, is asked as well.
#include "dnn.h"
#include "standin.h"
#include <stddef.h>

typedef struct {
    cudnnBackendDescriptorType_t of;
    cudnnBackendAttributeName_t name;
    cudnnBackendAttributeType_t type, or_type;
    int64_t least, most; // elements
    bool needed;
} schema;

#define ONE(OF, NAME, TYPE, NEEDED)                                                                \
    {                                                                                              \
        CUDNN_BACKEND_##OF##_DESCRIPTOR, CUDNN_ATTR_##NAME, CUDNN_TYPE_##TYPE, CUDNN_TYPE_##TYPE,  \
            1, 1, NEEDED                                                                           \
    }
#define MANY(OF, NAME, TYPE, LEAST, MOST)                                                          \
    {                                                                                              \
        CUDNN_BACKEND_##OF##_DESCRIPTOR, CUDNN_ATTR_##NAME, CUDNN_TYPE_##TYPE, CUDNN_TYPE_##TYPE,  \
            LEAST, MOST, true                                                                      \
    }
#define SCALE(OF, NAME)                                                                            \
    {                                                                                              \
        CUDNN_BACKEND_##OF##_DESCRIPTOR, CUDNN_ATTR_##NAME, CUDNN_TYPE_FLOAT, CUDNN_TYPE_DOUBLE,   \
            1, 1, false                                                                            \
    }
#define CONV_OP(OF, NAME, X, W, Y)                                                                 \
    SCALE(OF, OPERATION_CONVOLUTION_##NAME##_ALPHA),                                               \
        SCALE(OF, OPERATION_CONVOLUTION_##NAME##_BETA),                                            \
        ONE(OF, OPERATION_CONVOLUTION_##NAME##_CONV_DESC, BACKEND_DESCRIPTOR, true),               \
        ONE(OF, OPERATION_CONVOLUTION_##NAME##_##X, BACKEND_DESCRIPTOR, true),                     \
        ONE(OF, OPERATION_CONVOLUTION_##NAME##_##W, BACKEND_DESCRIPTOR, true),                     \
        ONE(OF, OPERATION_CONVOLUTION_##NAME##_##Y, BACKEND_DESCRIPTOR, true)

static const schema table[] = {
    MANY(TENSOR, TENSOR_DIMENSIONS, INT64, 1, CUDNN_DIM_MAX),
    MANY(TENSOR, TENSOR_STRIDES, INT64, 1, CUDNN_DIM_MAX),
    ONE(TENSOR, TENSOR_DATA_TYPE, DATA_TYPE, true),
    ONE(TENSOR, TENSOR_UNIQUE_ID, INT64, true),
    ONE(TENSOR, TENSOR_BYTE_ALIGNMENT, INT64, true),
    ONE(TENSOR, TENSOR_IS_VIRTUAL, BOOLEAN, false),
    MANY(CONVOLUTION, CONVOLUTION_DILATIONS, INT64, 1, CUDNN_DIM_MAX),
    MANY(CONVOLUTION, CONVOLUTION_FILTER_STRIDES, INT64, 1, CUDNN_DIM_MAX),
    MANY(CONVOLUTION, CONVOLUTION_PRE_PADDINGS, INT64, 1, CUDNN_DIM_MAX),
    MANY(CONVOLUTION, CONVOLUTION_POST_PADDINGS, INT64, 1, CUDNN_DIM_MAX),
    ONE(CONVOLUTION, CONVOLUTION_SPATIAL_DIMS, INT64, true),
    ONE(CONVOLUTION, CONVOLUTION_COMP_TYPE, DATA_TYPE, true),
    ONE(CONVOLUTION, CONVOLUTION_CONV_MODE, CONVOLUTION_MODE, true),
    CONV_OP(OPERATION_CONVOLUTION_FORWARD, FORWARD, X, W, Y),
    CONV_OP(OPERATION_CONVOLUTION_BACKWARD_DATA, BWD_DATA, DX, W, DY),
    CONV_OP(OPERATION_CONVOLUTION_BACKWARD_FILTER, BWD_FILTER, X, DW, DY),
    ONE(POINTWISE, POINTWISE_MODE, POINTWISE_MODE, true),
    ONE(POINTWISE, POINTWISE_MATH_PREC, DATA_TYPE, true),
    ONE(POINTWISE, POINTWISE_RELU_LOWER_CLIP, DOUBLE, false),
    ONE(POINTWISE, POINTWISE_RELU_UPPER_CLIP, DOUBLE, false),
    ONE(POINTWISE, POINTWISE_RELU_LOWER_CLIP_SLOPE, DOUBLE, false),
    ONE(OPERATION_POINTWISE, OPERATION_POINTWISE_PW_DESCRIPTOR, BACKEND_DESCRIPTOR, true),
    ONE(OPERATION_POINTWISE, OPERATION_POINTWISE_XDESC, BACKEND_DESCRIPTOR, true),
    ONE(OPERATION_POINTWISE, OPERATION_POINTWISE_BDESC, BACKEND_DESCRIPTOR, false),
    ONE(OPERATION_POINTWISE, OPERATION_POINTWISE_YDESC, BACKEND_DESCRIPTOR, true),
    SCALE(OPERATION_POINTWISE, OPERATION_POINTWISE_ALPHA1),
    SCALE(OPERATION_POINTWISE, OPERATION_POINTWISE_ALPHA2),
    ONE(OPERATIONGRAPH, OPERATIONGRAPH_HANDLE, HANDLE, true),
    MANY(OPERATIONGRAPH, OPERATIONGRAPH_OPS, BACKEND_DESCRIPTOR, 1, DNN_MAX_OPS),
    ONE(ENGINEHEUR, ENGINEHEUR_OPERATION_GRAPH, BACKEND_DESCRIPTOR, true),
    ONE(ENGINEHEUR, ENGINEHEUR_MODE, HEUR_MODE, true),
    ONE(EXECUTION_PLAN, EXECUTION_PLAN_HANDLE, HANDLE, true),
    ONE(EXECUTION_PLAN, EXECUTION_PLAN_ENGINE_CONFIG, BACKEND_DESCRIPTOR, true),
    MANY(VARIANT_PACK, VARIANT_PACK_UNIQUE_IDS, INT64, 1, 16),
    MANY(VARIANT_PACK, VARIANT_PACK_DATA_POINTERS, VOID_PTR, 1, 16),
    ONE(VARIANT_PACK, VARIANT_PACK_WORKSPACE, VOID_PTR, false),
};
enum { ROWS = sizeof table / sizeof *table };

cudnnStatus_t dnn_check_attribute(const dnn *d, cudnnBackendAttributeName_t name,
                                  cudnnBackendAttributeType_t type, int64_t n)
{
    for (int i = 0; i < ROWS; i++) {
        const schema *s = &table[i];
        if (s->of != d->type || s->name != name) continue;
        if (s->type != type && s->or_type != type)
            return dnn_fail(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "an attribute of another type");
        if (n < s->least || n > s->most)
            return dnn_fail(CUDNN_STATUS_BAD_PARAM, "an attribute of another count");
        return CUDNN_STATUS_SUCCESS;
    }
    return dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "an attribute that the descriptor does not have");
}

static cudnnStatus_t bad(const char *why) { return dnn_fail(CUDNN_STATUS_BAD_PARAM, why); }

static int64_t count(const dnn *d, cudnnBackendAttributeName_t name)
{
    const dnn_attribute *a = dnn_get(d, name);
    return a ? a->n : 0;
}

static const int64_t *dims(const dnn *t) { return dnn_integers(t, CUDNN_ATTR_TENSOR_DIMENSIONS); }
static int64_t rank(const dnn *t) { return count(t, CUDNN_ATTR_TENSOR_DIMENSIONS); }
static int type_of(const dnn *t) { return dnn_enum(t, CUDNN_ATTR_TENSOR_DATA_TYPE, -1); }
static bool is_virtual(const dnn *t) { return dnn_enum(t, CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0); }

static cudnnStatus_t check_tensor(const dnn *t)
{
    const int64_t *dim = dims(t), *step = dnn_integers(t, CUDNN_ATTR_TENSOR_STRIDES);
    int64_t align = dnn_integer(t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 0);
    if (rank(t) != count(t, CUDNN_ATTR_TENSOR_STRIDES)) return bad("as many strides as dims");
    for (int64_t i = 0; i < rank(t); i++)
        if (dim[i] < 1 || step[i] < 1) return bad("a dim or stride below 1");
    if (align < 1 || align & (align - 1)) return bad("an alignment that is no power of two");
    if (type_of(t) != CUDNN_DATA_FLOAT && type_of(t) != CUDNN_DATA_BFLOAT16)
        return dnn_fail(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "neither float nor bfloat16");
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_convolution(const dnn *c)
{
    int64_t n = dnn_integer(c, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 0);
    const cudnnBackendAttributeName_t name[] = {
        CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES,
        CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS};
    for (int i = 0; i < 4; i++) {
        if (count(c, name[i]) != n) return bad("as many numbers as spatial dims");
        for (int64_t k = 0; k < n; k++)
            if (dnn_integers(c, name[i])[k] < (i < 2)) return bad("a number out of range");
    }
    return n == 2 ? CUDNN_STATUS_SUCCESS : bad("2 spatial dims");
}

static bool read_op(const dnn *op, dnn_graph *g)
{
    const cudnnBackendAttributeName_t f = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                                      d = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                                      w = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA;
    switch ((int)op->type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR: // alpha beta conv w x y
        *g = (dnn_graph){.kind = DNN_Y,
                         .conv = dnn_part(op, f + 2),
                         .w = dnn_part(op, f + 3),
                         .x = dnn_part(op, f + 4),
                         .y = dnn_part(op, f + 5)};
        break;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR: // .. conv w dx dy
        *g = (dnn_graph){.kind = DNN_DX,
                         .conv = dnn_part(op, d + 2),
                         .w = dnn_part(op, d + 3),
                         .x = dnn_part(op, d + 4),
                         .y = dnn_part(op, d + 5)};
        break;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR: // .. conv dw x dy
        *g = (dnn_graph){.kind = DNN_DW,
                         .conv = dnn_part(op, w + 2),
                         .w = dnn_part(op, w + 3),
                         .x = dnn_part(op, w + 4),
                         .y = dnn_part(op, w + 5)};
        break;
    default:
        return false;
    }
    g->op = op;
    return g->conv && g->x && g->w && g->y;
}

static cudnnStatus_t check_conv_op(const dnn *op)
{
    dnn_graph g;
    if (!read_op(op, &g)) return bad("a part is missing");
    if (rank(g.x) != 4 || rank(g.w) != 4 || rank(g.y) != 4) return bad("tensors of 4 dims");
    const int64_t *x = dims(g.x), *w = dims(g.w), *y = dims(g.y);
    if (x[0] != y[0]) return bad("batches differ");
    if (w[0] != y[1]) return bad("output channels differ");
    if (x[1] % w[1] || w[0] % (x[1] / w[1])) return bad("channels do not make groups");
    for (int i = 0; i < 2; i++) {
        int64_t all = x[2 + i] + dnn_integers(g.conv, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS)[i] +
                      dnn_integers(g.conv, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS)[i];
        int64_t span =
            (w[2 + i] - 1) * dnn_integers(g.conv, CUDNN_ATTR_CONVOLUTION_DILATIONS)[i] + 1;
        int64_t stride = dnn_integers(g.conv, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES)[i];
        if (all < span || (all - span) / stride + 1 != y[2 + i])
            return bad("the output's size is another");
    }
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_pointwise_op(const dnn *op)
{
    const dnn *x = dnn_part(op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC);
    const dnn *b = dnn_part(op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    const dnn *y = dnn_part(op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
    const dnn *pw = dnn_part(op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
    int mode = dnn_enum(pw, CUDNN_ATTR_POINTWISE_MODE, -1);
    if (mode != CUDNN_POINTWISE_ADD && mode != CUDNN_POINTWISE_RELU_FWD)
        return dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "the stand-in adds and has ReLUs");
    if ((mode == CUDNN_POINTWISE_ADD) != (b != NULL)) return bad("b is there for two operands");
    if (rank(x) != rank(y) || (b && rank(b) != rank(x))) return bad("ranks differ");
    for (int64_t i = 0; i < rank(x); i++)
        if (dims(x)[i] != dims(y)[i] || (b && dims(b)[i] != dims(x)[i] && dims(b)[i] != 1))
            return bad("dims differ");
    return CUDNN_STATUS_SUCCESS;
}

bool dnn_read_graph(const dnn *graph, dnn_graph *g)
{
    int64_t n = count(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS);
    const dnn *first = dnn_part(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS);
    if (!first || !read_op(first, g)) return false;
    for (int i = 1; i < n; i++)
        g->after[g->n_after++] = dnn_nth(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, i);
    return true;
}

static int64_t id(const dnn *t) { return dnn_integer(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, -1); }

// One convolution, behind a forward one sums and ReLUs; what is between is virtual.
static cudnnStatus_t check_graph(const dnn *graph)
{
    dnn_graph g;
    const char *const pattern = "no engine for this graph";
    if (!dnn_read_graph(graph, &g) || (g.n_after && g.kind != DNN_Y))
        return dnn_fail(CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN, pattern);
    const dnn *last = g.y;
    for (int i = 0; i < g.n_after; i++) {
        const dnn *op = g.after[i];
        if (op->type != CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR || !is_virtual(last) ||
            id(dnn_part(op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC)) != id(last))
            return dnn_fail(CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN, pattern);
        last = dnn_part(op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
    }
    if (is_virtual(last) || is_virtual(g.x) || is_virtual(g.w))
        return bad("an end of the graph is virtual");
    return CUDNN_STATUS_SUCCESS;
}

// Engines that exist have inputs and result of one type; what is virtual may be float.
static cudnnStatus_t check_types(const dnn *graph)
{
    dnn_graph g;
    dnn_read_graph(graph, &g);
    int t = type_of(g.x);
    const dnn *last =
        g.n_after ? dnn_part(g.after[g.n_after - 1], CUDNN_ATTR_OPERATION_POINTWISE_YDESC) : g.y;
    if (type_of(g.w) != t || type_of(last) != t)
        return dnn_fail(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "types differ");
    if (dnn_enum(g.conv, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, -1) != CUDNN_DATA_FLOAT ||
        dnn_enum(g.conv, CUDNN_ATTR_CONVOLUTION_CONV_MODE, -1) != CUDNN_CROSS_CORRELATION)
        return dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "not a correlation in float");
    return CUDNN_STATUS_SUCCESS;
}

bool dnn_way_fits(const dnn *graph, dnn_way way)
{
    dnn_graph g;
    if (!dnn_read_graph(graph, &g) || check_types(graph)) return false;
    if (way == DNN_DOWN_CONVERT) return type_of(g.x) == CUDNN_DATA_FLOAT;
    return way != DNN_NONDETERMINISTIC || g.kind != DNN_Y;
}

static cudnnStatus_t check_pack(const dnn *d)
{
    int64_t n = count(d, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    if (n != count(d, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)) return bad("as many ids as pointers");
    const int64_t *v = dnn_integers(d, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < i; k++)
            if (v[i] == v[k])
                return dnn_fail(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES, "an id twice");
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t dnn_check(const dnn *d)
{
    for (int i = 0; i < ROWS; i++)
        if (table[i].of == d->type && table[i].needed && !dnn_get(d, table[i].name))
            return bad("an attribute is missing");
    switch ((int)d->type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
        return check_tensor(d);
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
        return check_convolution(d);
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
        return check_conv_op(d);
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
        return check_pointwise_op(d);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
        return check_graph(d);
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
        return check_pack(d);
    case CUDNN_BACKEND_POINTWISE_DESCRIPTOR:
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
        return CUDNN_STATUS_SUCCESS;
    default:
        return dnn_fail(CUDNN_STATUS_BAD_PARAM, "the caller does not finalize these");
    }
}
