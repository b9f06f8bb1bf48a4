// onnx_write.c -- a graph as an ONNX file, so that other engines can run what we run.
//
// Operator set 11, float32. Expansions that only feed elementwise operators are left to ONNX's
// broadcasting. Ops of training (adjoints, warp) have no counterpart and are refused by name.
#include "graph/op.h"
#include "onnx.pb-c.h"
#include "weights/weights.h"
#include <math.h>
#include <string.h>

enum { OPSET = 11, IR_VERSION = 6, FLOAT = 1, INT64 = 7, TEXT = 32 };

typedef struct { // everything hangs on one list of allocations, freed together
    Onnx__Graph graph;
    void **held;
    size_t n_held, cap_held, cap_node, cap_init;
    const weights_onnx_names *names;
    guise_status status;
    base_error *e;
} writer;

static void *hold(writer *w, size_t n, size_t size)
{
    void *p = w->status ? NULL : base_alloc(n, size);
    if (p && BASE_PUSH_ROOM(w->held, w->n_held, w->cap_held)) return w->held[w->n_held++] = p;
    base_free(p);
    if (!w->status) w->status = base_no_memory(w->e);
    return NULL;
}

static char *text(writer *w, const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = hold(w, n, 1);
    return p ? memcpy(p, s, n) : NULL;
}

// Name of x's value: leaves and outputs as told, others by their number.
static char *name_of(writer *w, const tg_node *x)
{
    const weights_onnx_names *n = w->names;
    for (size_t i = 0; i < n->n_in; i++)
        if (n->in[i] == x) return text(w, n->in_name[i]);
    for (size_t i = 0; i < n->n_out; i++)
        if (n->out[i] == x) return text(w, n->out_name[i]);
    char name[TEXT];
    snprintf(name, sizeof name, "v%d", x->id);
    return text(w, tg_name(x)[0] ? tg_name(x) : name);
}

static Onnx__Tensor *initialiser(writer *w, char *name, int type, tg_shape s)
{
    Onnx__Tensor *t = hold(w, 1, sizeof *t);
    size_t n = (size_t)tg_count(s);
    if (!t || !BASE_PUSH_ROOM(w->graph.initializer, w->graph.n_initializer, w->cap_init)) {
        if (!w->status) w->status = base_no_memory(w->e);
        return NULL;
    }
    onnx__tensor__init(t);
    t->name = name;
    t->has_data_type = 1;
    t->data_type = type;
    t->n_dims = (size_t)s.rank;
    if (s.rank && (t->dims = hold(w, (size_t)s.rank, sizeof *t->dims)))
        memcpy(t->dims, s.dim, (size_t)s.rank * sizeof *t->dims);
    t->has_raw_data = 1;
    t->raw_data.len = n * (type == FLOAT ? sizeof(float) : sizeof(int64_t));
    t->raw_data.data = hold(w, t->raw_data.len, 1);
    w->graph.initializer[w->graph.n_initializer++] = t;
    return t->raw_data.data ? t : NULL;
}

static char *floats(writer *w, char *name, tg_shape s, const float *v)
{
    Onnx__Tensor *t = name ? initialiser(w, name, FLOAT, s) : NULL;
    if (t) memcpy(t->raw_data.data, v, t->raw_data.len);
    return name;
}

static char *fresh(writer *w)
{
    char name[TEXT];
    snprintf(name, sizeof name, "c%zu", w->n_held);
    return text(w, name);
}

static char *number(writer *w, double v)
{
    float f = (float)v;
    return floats(w, fresh(w), (tg_shape){0}, &f);
}

static char *numbers(writer *w, const int64_t *v, int n)
{
    char *name = fresh(w);
    Onnx__Tensor *t = name ? initialiser(w, name, INT64, TG_SHAPE(n)) : NULL;
    if (t) memcpy(t->raw_data.data, v, t->raw_data.len);
    return name;
}

static Onnx__Node *operator(writer *w, const char *type, char *const in[], size_t n, char *out)
{
    Onnx__Node *k = hold(w, 1, sizeof *k);
    if (!k || !BASE_PUSH_ROOM(w->graph.node, w->graph.n_node, w->cap_node)) {
        if (!w->status) w->status = base_no_memory(w->e);
        return NULL;
    }
    onnx__node__init(k);
    k->op_type = text(w, type);
    k->name = out;
    k->input = hold(w, n, sizeof *k->input);
    k->output = hold(w, 1, sizeof *k->output);
    if (k->input) memcpy(k->input, in, n * sizeof *in);
    if (k->output) k->output[0] = out;
    k->n_input = n;
    k->n_output = 1;
    w->graph.node[w->graph.n_node++] = k;
    return w->status ? NULL : k;
}

static Onnx__Attribute *attribute(writer *w, Onnx__Node *k, const char *name, int type)
{
    Onnx__Attribute *a = k ? hold(w, 1, sizeof *a) : NULL;
    Onnx__Attribute **all = a ? hold(w, k->n_attribute + 1, sizeof *all) : NULL;
    if (!all) return NULL;
    onnx__attribute__init(a);
    a->name = text(w, name);
    a->has_type = 1;
    a->type = type;
    if (k->n_attribute) memcpy(all, k->attribute, k->n_attribute * sizeof *all);
    all[k->n_attribute++] = a;
    k->attribute = all;
    return a;
}

enum { ATTR_FLOAT = 1, ATTR_INT = 2, ATTR_TEXT = 3, ATTR_INTS = 7 };

static void set_int(writer *w, Onnx__Node *k, const char *name, int64_t v)
{
    Onnx__Attribute *a = attribute(w, k, name, ATTR_INT);
    if (a) a->has_i = 1, a->i = v;
}

static void set_float(writer *w, Onnx__Node *k, const char *name, double v)
{
    Onnx__Attribute *a = attribute(w, k, name, ATTR_FLOAT);
    if (a) a->has_f = 1, a->f = (float)v;
}

static void set_text(writer *w, Onnx__Node *k, const char *name, const char *v)
{
    Onnx__Attribute *a = attribute(w, k, name, ATTR_TEXT);
    if (!a) return;
    a->has_s = 1;
    a->s.data = (uint8_t *)text(w, v);
    a->s.len = strlen(v);
}

static void set_ints(writer *w, Onnx__Node *k, const char *name, const int64_t *v, size_t n)
{
    Onnx__Attribute *a = attribute(w, k, name, ATTR_INTS);
    if (!a || !(a->ints = hold(w, n, sizeof *v))) return;
    memcpy(a->ints, v, n * sizeof *v);
    a->n_ints = n;
}

#define IN(...) ((char *[]){__VA_ARGS__}), sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)

static bool is(const tg_node *y, const tg_op *op) { return y->op == op; }

static void put_affine(writer *w, const tg_node *y, char *out)
{
    const tg_node *x = y->in[0];
    double k = tg_arg(y, "k", 0), c = tg_arg(y, "c", 0);
    char *at = name_of(w, x);
    if (k != 1) {
        char *to = c != 0 ? fresh(w) : out;
        operator(w, "Mul", IN(at, number(w, k)), to);
        at = to;
    }
    if (c != 0 || k == 1) operator(w, "Add", IN(at, number(w, c)), out);
}

static void put_sum(writer *w, const tg_node *y, char *out)
{
    tg_shape from = y->in[0]->shape, to = y->shape;
    int64_t axes[TG_MAX_RANK];
    size_t n = 0;
    for (int i = 0; i < from.rank; i++)
        if (tg_dim_at(to, i, from.rank) != from.dim[i]) axes[n++] = i;
    char *sum = to.rank < from.rank ? fresh(w) : out;
    Onnx__Node *k = operator(w, n ? "ReduceSum" : "Identity", IN(name_of(w, y->in[0])), sum);
    if (n) set_ints(w, k, "axes", axes, n);
    if (n) set_int(w, k, "keepdims", 1);
    if (to.rank < from.rank) operator(w, "Reshape", IN(sum, numbers(w, to.dim, to.rank)), out);
}

static void put_conv(writer *w, const tg_node *y, char *out)
{
    bool back = is(y, &tg_op_conv2d_dx);
    int64_t s = (int64_t)tg_arg(y, "stride", 0);
    int64_t pads[] = {(int64_t)tg_arg(y, "top", 0), (int64_t)tg_arg(y, "left", 0),
                      (int64_t)tg_arg(y, "bottom", 0), (int64_t)tg_arg(y, "right", 0)};
    Onnx__Node *k = operator(w, back ? "ConvTranspose" : "Conv",
                             IN(name_of(w, y->in[0]), name_of(w, y->in[1])), out);
    set_ints(w, k, "kernel_shape", y->in[1]->shape.dim + 2, 2);
    set_ints(w, k, "strides", (int64_t[]){s, s}, 2);
    set_int(w, k, "group", (int64_t)tg_arg(y, "groups", 0));
    set_ints(w, k, "pads", pads, 4);
    if (!back) return;
    const int64_t *dy = y->in[0]->shape.dim, *kd = y->in[1]->shape.dim, *x = y->shape.dim;
    int64_t more[2]; // rows and columns that no output of the convolution reached
    for (int i = 0; i < 2; i++)
        more[i] = x[2 + i] - ((dy[2 + i] - 1) * s + kd[2 + i] - pads[i] - pads[2 + i]);
    set_ints(w, k, "output_padding", more, 2);
}

// A filter with the same taps for each channel: a convolution where there is only a border before
// it, a transposed one where zeros come between the elements. What is left over is not written.
static void put_fir(writer *w, const tg_node *y, char *out)
{
    int64_t up[2], down[2], size[2], pads[4], c = y->shape.dim[1];
    for (int i = 0; i < 2; i++) {
        up[i] = (int64_t)tg_arg(y, "up", i);
        down[i] = (int64_t)tg_arg(y, "down", i);
        size[i] = (int64_t)tg_arg(y, "size", i);
        pads[i] = (int64_t)tg_arg(y, "before", i);
        pads[2 + i] = (int64_t)tg_arg(y, "after", i);
    }
    bool back = up[0] > 1 || up[1] > 1, fits = !back || (down[0] == 1 && down[1] == 1);
    for (int i = 0; back && i < 2; i++) { // then the pads are what is cut off
        pads[i] = size[i] - 1 - pads[i];
        int64_t all = (y->in[0]->shape.dim[2 + i] - 1) * up[i] + size[i];
        pads[2 + i] = all - pads[i] - y->shape.dim[2 + i];
    }
    for (int i = 0; i < 4; i++) fits &= pads[i] >= 0;
    if (!fits && !w->status)
        w->status =
            base_fail(w->e, GUISE_BAD_ARGUMENT,
                      "ONNX has no operator for fir with a negative border, or up and down");
    int64_t taps = size[0] * size[1];
    float *v = hold(w, (size_t)(c * taps), sizeof *v);
    for (int64_t i = 0; v && i < c * taps; i++)
        v[i] = (float)tg_arg(y, "tap", (int)(back ? i % taps : taps - 1 - i % taps));
    if (!v) return;
    char *weight = floats(w, fresh(w), TG_SHAPE(c, 1, size[0], size[1]), v);
    Onnx__Node *k = operator(w, back ? "ConvTranspose" : "Conv", IN(name_of(w, y->in[0]), weight),
                             out);
    set_ints(w, k, "kernel_shape", size, 2);
    set_ints(w, k, "strides", back ? up : down, 2);
    set_int(w, k, "group", c);
    set_ints(w, k, "pads", pads, 4);
}

static void put_pad(writer *w, const tg_node *y, char *out)
{
    int64_t pads[2 * TG_MAX_RANK] = {0};
    int rank = y->shape.rank;
    bool reflect = is(y, &tg_op_reflect_pad);
    if (reflect) {
        for (int i = 2; i < 4; i++) pads[i] = pads[rank + i] = (int64_t)tg_arg(y, "pad", 0);
    } else {
        int dim = (int)tg_arg(y, "dim", 0);
        pads[dim] = (int64_t)tg_arg(y, "before", 0);
        pads[rank + dim] = (int64_t)tg_arg(y, "after", 0);
    }
    Onnx__Node *k = operator(w, "Pad", IN(name_of(w, y->in[0]), numbers(w, pads, 2 * rank)), out);
    if (reflect) set_text(w, k, "mode", "reflect");
}

static void put_slice(writer *w, const tg_node *y, char *out)
{
    bool flip = is(y, &tg_op_flip);
    int64_t dim = (int64_t)tg_arg(y, "dim", 0), from = (int64_t)tg_arg(y, "from", 0);
    int64_t to = from + (int64_t)tg_arg(y, "n", 0), step = 1;
    if (flip) from = -1, to = INT64_MIN, step = -1;
    operator(w, "Slice",
             IN(name_of(w, y->in[0]), numbers(w, &from, 1), numbers(w, &to, 1), numbers(w, &dim, 1),
                numbers(w, &step, 1)),
             out);
}

static void put_resize(writer *w, const tg_node *y, char *out)
{
    static const char *const mode[] = {"nearest", "linear", "linear", "cubic"};
    static const char *const where[] = {"asymmetric", "half_pixel", "align_corners", "half_pixel"};
    int m = (int)tg_arg(y, "mode", 0);
    char *none = floats(w, fresh(w), TG_SHAPE(0), &(float){0}); // no region, no scales: sizes
    Onnx__Node *k = operator(
        w, "Resize", IN(name_of(w, y->in[0]), none, none, numbers(w, y->shape.dim, y->shape.rank)),
        out);
    set_text(w, k, "mode", mode[m]);
    set_text(w, k, "coordinate_transformation_mode", where[m]);
    if (m == TG_NEAREST) set_text(w, k, "nearest_mode", "floor");
    if (m == TG_BICUBIC) set_float(w, k, "cubic_coeff_a", -0.75); // as the op's own
}

static void put_pool(writer *w, const tg_node *y, char *out)
{
    bool avg = is(y, &tg_op_avg_pool);
    int64_t size[] = {(int64_t)tg_arg(y, "kh", 0), (int64_t)tg_arg(y, "kw", 0)};
    int64_t s = (int64_t)tg_arg(y, "stride", 0), p = (int64_t)tg_arg(y, "pad", 0);
    Onnx__Node *k = operator(w, avg ? "AveragePool" : "MaxPool", IN(name_of(w, y->in[0])), out);
    set_ints(w, k, "kernel_shape", size, 2);
    set_ints(w, k, "strides", (int64_t[]){s, s}, 2);
    set_ints(w, k, "pads", (int64_t[]){p, p, p, p}, 4);
    set_int(w, k, "ceil_mode", (int64_t)tg_arg(y, "ceil", 0));
    if (avg) set_int(w, k, "count_include_pad", (int64_t)tg_arg(y, "whole", 0));
}

static void put_matmul(writer *w, const tg_node *y, char *out)
{
    Onnx__Node *k = operator(w, "Gemm", IN(name_of(w, y->in[0]), name_of(w, y->in[1])), out);
    set_int(w, k, "transA", tg_arg(y, "ta", 0) != 0);
    set_int(w, k, "transB", tg_arg(y, "tb", 0) != 0);
}

static void put_transpose(writer *w, const tg_node *y, char *out)
{
    int64_t perm[TG_MAX_RANK];
    for (int i = 0; i < y->shape.rank; i++) perm[i] = (int64_t)tg_arg(y, "perm", i);
    Onnx__Node *k = operator(w, "Transpose", IN(name_of(w, y->in[0])), out);
    set_ints(w, k, "perm", perm, (size_t)y->shape.rank);
}

static void put_concat(writer *w, const tg_node *y, char *out)
{
    char *in[TG_MAX_IN];
    for (int i = 0; i < y->n_in; i++) in[i] = name_of(w, y->in[i]);
    set_int(w, operator(w, "Concat", in, (size_t)y->n_in, out), "axis",
            (int64_t)tg_arg(y, "dim", 0));
}

static void put_shape(writer *w, const tg_node *y, char *out) // Reshape and Expand
{
    operator(w, is(y, &tg_op_reshape) ? "Reshape" : "Expand",
             IN(name_of(w, y->in[0]), numbers(w, y->shape.dim, y->shape.rank)), out);
}

static void put_rsqrt(writer *w, const tg_node *y, char *out)
{
    char *root = fresh(w);
    operator(w, "Sqrt", IN(name_of(w, y->in[0])), root);
    operator(w, "Reciprocal", IN(root), out);
}

static void put_square(writer *w, const tg_node *y, char *out)
{
    operator(w, "Mul", IN(name_of(w, y->in[0]), name_of(w, y->in[0])), out);
}

static void put_step(writer *w, const tg_node *y, char *out)
{
    char *on = fresh(w);
    operator(w, "Greater", IN(name_of(w, y->in[0]), number(w, 0)), on);
    set_int(w, operator(w, "Cast", IN(on), out), "to", FLOAT);
}

static void put_clip(writer *w, const tg_node *y, char *out)
{
    operator(w, "Clip",
             IN(name_of(w, y->in[0]), number(w, tg_arg(y, "lo", 0)), number(w, tg_arg(y, "hi", 0))),
             out);
}

static void put_leaky_relu(writer *w, const tg_node *y, char *out)
{
    set_float(w, operator(w, "LeakyRelu", IN(name_of(w, y->in[0])), out), "alpha",
              *(const double *)y->args);
}

typedef struct {
    const tg_op *op;
    const char *type; // where one elementwise operator does the same
    void (*put)(writer *w, const tg_node *y, char *out);
} rule;

static const rule rules[] = {
    {&tg_op_exp, "Exp", NULL},           {&tg_op_log, "Log", NULL},
    {&tg_op_tanh, "Tanh", NULL},         {&tg_op_sigmoid, "Sigmoid", NULL},
    {&tg_op_softplus, "Softplus", NULL}, {&tg_op_sqrt, "Sqrt", NULL},
    {&tg_op_recip, "Reciprocal", NULL},  {&tg_op_relu, "Relu", NULL},
    {&tg_op_abs, "Abs", NULL},           {&tg_op_sign, "Sign", NULL},
    {&tg_op_sin, "Sin", NULL},           {&tg_op_cos, "Cos", NULL},
    {&tg_op_detach, "Identity", NULL},   {&tg_op_add, "Add", NULL},
    {&tg_op_sub, "Sub", NULL},           {&tg_op_mul, "Mul", NULL},
    {&tg_op_rsqrt, NULL, put_rsqrt},     {&tg_op_square, NULL, put_square},
    {&tg_op_step, NULL, put_step},       {&tg_op_leaky_relu, NULL, put_leaky_relu},
    {&tg_op_affine, NULL, put_affine},   {&tg_op_clip, NULL, put_clip},
    {&tg_op_expand, NULL, put_shape},    {&tg_op_reshape, NULL, put_shape},
    {&tg_op_sum_to, NULL, put_sum},      {&tg_op_matmul, NULL, put_matmul},
    {&tg_op_conv2d, NULL, put_conv},     {&tg_op_conv2d_dx, NULL, put_conv},
    {&tg_op_fir, NULL, put_fir},         {&tg_op_transpose, NULL, put_transpose},
    {&tg_op_slice, NULL, put_slice},     {&tg_op_flip, NULL, put_slice},
    {&tg_op_pad, NULL, put_pad},         {&tg_op_reflect_pad, NULL, put_pad},
    {&tg_op_concat, NULL, put_concat},   {&tg_op_resize, NULL, put_resize},
    {&tg_op_avg_pool, NULL, put_pool},   {&tg_op_max_pool, NULL, put_pool},
};

static bool broadcasts(const tg_node *y) // a binary operator that can read unexpanded operands
{
    if (y->n_in != 2 || !y->op->map) return false;
    return (y->in[0]->op == &tg_op_expand) != (y->in[1]->op == &tg_op_expand);
}

static void put(writer *w, const tg_node *y)
{
    char *in[2], *out = name_of(w, y);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].op != y->op) continue;
        if (!rules[i].type) {
            rules[i].put(w, y, out);
            return;
        }
        for (int k = 0; k < y->n_in; k++) {
            const tg_node *x = y->in[k];
            in[k] = name_of(w, broadcasts(y) && x->op == &tg_op_expand ? x->in[0] : x);
        }
        operator(w, rules[i].type, in, (size_t)y->n_in, out);
        return;
    }
    if (!w->status)
        w->status = base_fail(w->e, GUISE_BAD_ARGUMENT,
                              "ONNX has no operator for %s, so this network cannot be exported",
                              y->op->name);
}

// What the outputs need, expansions left out where all their readers broadcast.
static void mark(const weights_onnx_names *n, tg_graph *g, bool *needed)
{
    for (size_t i = 0; i < n->n_out; i++) needed[n->out[i]->id] = true;
    for (int id = tg_n_nodes(g) - 1; id >= 0; id--) {
        const tg_node *y = tg_at(g, id);
        for (int k = 0; needed[id] && k < y->n_in; k++) {
            const tg_node *x = y->in[k];
            needed[broadcasts(y) && x->op == &tg_op_expand ? x->in[0]->id : x->id] = true;
        }
    }
}

static void put_leaf(writer *w, const tg_node *x)
{
    size_t n = (size_t)tg_count(x->shape);
    for (size_t i = 0; i < w->names->n_in; i++)
        if (w->names->in[i] == x) return;
    const float *v = x->kind == TG_CONST ? x->values : NULL;
    if (x->kind == TG_PARAM) v = w->names->value(w->names->user, x);
    float *copy = v || x->kind != TG_CONST ? NULL : hold(w, n, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++) copy[i] = (float)x->data[i];
    if (copy) v = copy;
    if (v)
        floats(w, name_of(w, x), x->shape, v);
    else if (!w->status)
        w->status = base_fail(w->e, GUISE_BAD_ARGUMENT, "%s has no value to export", tg_name(x));
}

static Onnx__ValueInfo **infos(writer *w, tg_node *const x[], const char *const name[], size_t n)
{
    Onnx__ValueInfo **all = hold(w, n ? n : 1, sizeof *all);
    for (size_t i = 0; all && i < n; i++) {
        Onnx__ValueInfo *v = all[i] = hold(w, 1, sizeof *v);
        Onnx__Type *type = hold(w, 1, sizeof *type);
        Onnx__TensorType *tensor = hold(w, 1, sizeof *tensor);
        Onnx__TensorShape *shape = hold(w, 1, sizeof *shape);
        Onnx__Dimension **dim = hold(w, TG_MAX_RANK, sizeof *dim);
        if (!v || !type || !tensor || !shape || !dim) return NULL;
        onnx__value_info__init(v);
        onnx__type__init(type);
        onnx__tensor_type__init(tensor);
        onnx__tensor_shape__init(shape);
        v->name = text(w, name[i]);
        v->type = type;
        type->tensor_type = tensor;
        tensor->has_elem_type = 1;
        tensor->elem_type = FLOAT;
        tensor->shape = shape;
        shape->dim = dim;
        for (int k = 0; k < x[i]->shape.rank; k++) {
            if (!(dim[k] = hold(w, 1, sizeof *dim[k]))) return NULL;
            onnx__dimension__init(dim[k]);
            dim[k]->has_dim_value = 1;
            dim[k]->dim_value = x[i]->shape.dim[k];
            shape->n_dim++;
        }
    }
    return all;
}

static void save(writer *w, const char *path)
{
    Onnx__Model model = ONNX__MODEL__INIT;
    Onnx__OperatorSetId set = ONNX__OPERATOR_SET_ID__INIT, *sets = &set;
    set.domain = text(w, "");
    set.has_version = 1;
    set.version = OPSET;
    model.has_ir_version = 1;
    model.ir_version = IR_VERSION;
    model.graph = &w->graph;
    model.n_opset_import = 1;
    model.opset_import = &sets;
    w->graph.name = text(w, "guise");
    w->graph.n_input = w->names->n_in;
    w->graph.input = infos(w, w->names->in, w->names->in_name, w->names->n_in);
    w->graph.n_output = w->names->n_out;
    w->graph.output = infos(w, w->names->out, w->names->out_name, w->names->n_out);
    if (w->status) return;
    size_t n = onnx__model__get_packed_size(&model);
    uint8_t *bytes = base_alloc(n, 1);
    w->status = bytes ? GUISE_OK : base_no_memory(w->e);
    if (bytes) onnx__model__pack(&model, bytes);
    if (bytes) w->status = base_write_file(path, bytes, n, w->e);
    base_free(bytes);
}

guise_status weights_onnx_write(tg_graph *g, const weights_onnx_names *names, const char *path,
                                base_error *e)
{
    writer w = {.graph = ONNX__GRAPH__INIT, .names = names, .e = e};
    if (tg_error(g)) return base_fail(e, GUISE_BAD_ARGUMENT, "%s", tg_error(g));
    bool *needed = base_alloc((size_t)tg_n_nodes(g), sizeof *needed);
    if (!needed) return base_no_memory(e);
    mark(names, g, needed);
    for (int id = 0; !w.status && id < tg_n_nodes(g); id++) {
        if (!needed[id]) continue;
        const tg_node *y = tg_at(g, id);
        if (y->op)
            put(&w, y);
        else
            put_leaf(&w, y);
    }
    for (size_t i = 0; !w.status && i < names->n_out; i++) { // outputs that are inputs, or equal
        char *at = name_of(&w, names->out[i]), *out = text(&w, names->out_name[i]);
        if (at && out && strcmp(at, out) != 0) operator(&w, "Identity", IN(at), out);
    }
    if (!w.status) save(&w, path);
    for (size_t i = 0; i < w.n_held; i++) base_free(w.held[i]);
    base_free(w.held);
    base_free(w.graph.node);
    base_free(w.graph.initializer);
    base_free(needed);
    return w.status;
}
