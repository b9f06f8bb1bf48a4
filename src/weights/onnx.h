// onnx.h -- what the files of the ONNX importer share: the open model, and one operator's call.
//
// Every value of a model becomes a graph node, integers too: shapes are small constant nodes in
// double precision, and an operator that needs their contents reads them by onnx_host(), which
// evaluates the (constant) node. So an operator is written once, for data and for shapes.
#ifndef GUISE_WEIGHTS_ONNX_H
#define GUISE_WEIGHTS_ONNX_H

#include "onnx.pb-c.h"
#include "weights/weights.h"
#include <stdatomic.h>

enum { ONNX_LIST = 64, ONNX_HOST_COUNT = 4096 };

struct weights_onnx {
    Onnx__Model *proto;
    const char **name;             // open addressing: slot -> name of a value, or NULL
    size_t cap;                    // slots, a power of two
    const Onnx__ValueInfo **input; // those that are no initialisers
    size_t n_inputs;
    size_t max_in, max_out; // of one node
    int64_t opset;
    atomic_int users; // who opened it, and graphs that read its weights
};

typedef struct {
    tg_node *node; // NULL: not given, or empty
    bool empty;    // given, with no elements
    bool host;     // small and made of constants alone
    bool whole;    // integers
} onnx_value;

typedef struct {
    const weights_onnx *m;
    const Onnx__Node *node;
    tg_graph *g;
    bool batched; // a model made for batch 1 is built for more
    size_t n_in, n_out;
    onnx_value *in, *out;
    bool host, whole; // of all outputs; an operator may change them
} onnx_call;

// An operator: builds from c->in and returns output 0, or sets c->out itself and returns NULL.
// Mistakes go to onnx_fail.
typedef struct {
    const char *name;
    tg_node *(*build)(onnx_call *c);
    size_t inputs; // how many are required
    bool fold;     // allowed on shapes
} onnx_op;

extern const onnx_op onnx_ops_math[], onnx_ops_move[], onnx_ops_net[]; // ended by {0}

// The graph's error, with the operator and node before it. Returns NULL.
void *onnx_fail(onnx_call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Input i, or NULL.
tg_node *onnx_in(const onnx_call *c, size_t i);

// Attributes, with what is meant where the node has none.
const Onnx__Attribute *onnx_attr(const onnx_call *c, const char *name);
int64_t onnx_attr_int(const onnx_call *c, const char *name, int64_t missing);
double onnx_attr_real(const onnx_call *c, const char *name, double missing);
bool onnx_attr_is(const onnx_call *c, const char *name, const char *missing, const char *text);

// Contents of input i, which must be constant: n numbers owned by the graph. NULL on error.
const double *onnx_host(onnx_call *c, size_t i, int64_t *n);
int64_t onnx_whole(double v); // toward zero, forgiving 1e-6, kept within +-2^62
// A constant of the same shape with the numbers of (constant) x turned whole by f.
tg_node *onnx_rounded(onnx_call *c, tg_node *x, double (*f)(double));

// A short list of integers from an attribute or, where the node has none, from input i.
typedef struct {
    bool given;
    int n;
    int64_t v[ONNX_LIST];
} onnx_list;
bool onnx_ints(onnx_call *c, const char *name, size_t i, onnx_list *l); // false on error
enum { ONNX_NO_INPUT = 1000 };                                          // an i that no node has
// Axis of a rank, negative ones counted from the end. False, and an error, when outside.
bool onnx_axis(onnx_call *c, int64_t axis, int rank, int *out);

// Helpers that several operators use.
tg_node *onnx_pad(tg_node *x, const int64_t before[], const int64_t after[], double value);
tg_node *onnx_channel(tg_node *v, int rank);            // [c] -> [1,c,1...]
tg_node *onnx_max_to(tg_node *x, const bool reduced[]); // largest along the reduced dims, kept as 1
bool onnx_broadcast(onnx_call *c, tg_node **a, tg_node **b);

// Tensors in the file. check: sizes, type and amount of data agree.
guise_status onnx_tensor_check(const Onnx__Tensor *t, const char *name, base_error *e);
int64_t onnx_tensor_count(const Onnx__Tensor *t);
// Floats are read where they are; all else is copied.
onnx_value onnx_tensor_value(tg_graph *g, const Onnx__Tensor *t, const char *name);
guise_status onnx_tensor_add(base_tensors *to, const Onnx__Tensor *t, const char *name,
                             base_error *e);
#endif
