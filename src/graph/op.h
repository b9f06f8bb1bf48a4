// op.h -- what an op is. Only op/*.c, plan and exec, and the tests include this.
#ifndef GUISE_GRAPH_OP_H
#define GUISE_GRAPH_OP_H

#include "backend/cuda.h"
#include "graph/ops.h"

// What a float kernel gets. All operands are whole arrays in the layout that the op asked for:
// row-major, or channels-last (n h w c) for the rank-4 operands where `last` applies.
typedef struct {
    const tg_node *y;
    const float *const *x; // inputs
    float *out;
    void *state;   // from prepare, or NULL
    void *scratch; // as many bytes as tg_op.scratch says
    bool last;     // TG_FOLLOW ops: rank-4 operands are channels-last
} tg_call;

// What the plan asks of prepare. bias and act only of ops with TG_EPILOGUE: then x[2] is a bias for
// each channel of the output, added before y = y > 0 ? y : slope y.
typedef struct {
    bool keep_weights; // input 1 does not change between runs, until forget
    bool bias, act;
    double slope;
    int reflect;  // conv2d: x comes without the reflection padding of so many pixels before it
    bool measure; // try the ways there are, and take the fastest
    bool no_winograd, no_narrow; // convolutions: leave these ways out
    int type; // ops with .type: cpu_type; *state stays NULL where that is not here or not faster
} tg_wish;

// What a GPU kernel gets: addresses of the device. Arrays lie as tg_op.last says, as for cpu. It
// queues its work and returns.
typedef struct {
    const tg_node *y;
    cuda_device *device;
    const cuda_array *x; // inputs, and the bias after them where there is one
    cuda_array out;
    void *state;     // from gpu_prepare, or NULL
    cuda_at scratch; // as many bytes as gpu_scratch says
    bool last;       // TG_FOLLOW ops: rank-4 operands are channels-last
} tg_gpu_call;

// Types are single precision; values of rank 4 can be bf16 in plans with .fast or .mixed.
typedef struct {
    cuda_device *device;
    const cuda_type *x; // of the inputs, and of the bias after them
    cuda_type out;
    bool keep_weights; // input 1, and a bias, do not change between runs, until gpu_forget
    bool bias, act;    // as in tg_wish
    double slope;
    int reflect;
    bool last; // as in tg_gpu_call
} tg_gpu_wish;

enum {               // tg_op.flags
    TG_FOLLOW = 1,   // takes rank-4 operands in either layout, all the same; call->last says which
    TG_LINEAR = 2,   // linear in each input, the others held
    TG_ALIAS = 8,    // the output is input 0's bytes, row-major: the plan may share the memory
    TG_EPILOGUE = 4, // can add a bias for each channel and a ReLU of any slope on the way out
};

enum { TG_LAST_OUT = 1 << 7 }; // tg_op.last: bit i for input i, this bit for the output

// One number, or a few in a row, of an op's args struct: for printing and for writing ONNX.
typedef struct {
    const char *name; // ends a table where NULL
    enum { TG_FIELD_INT64, TG_FIELD_INT, TG_FIELD_REAL } type;
    size_t offset;
    int n; // 0 means 1
} tg_field;

cuda_device *tg_device_cuda(const tg_device *d); // NULL for NULL

// One op, defined in one file and listed once in ops.def.
typedef struct tg_op {
    const char *name; // as in "tg_<name>"
    const char *doc;  // one line: the formula

    // Output shape from inputs and args. Returns NULL, or what is wrong, without a full stop.
    const char *(*shape)(const tg_node *y, tg_shape *out);

    // Vector-Jacobian product: given dy (shape of y), set dx[i] (shape of in[i]) for each
    // input, built from graph ops. Leave NULL where the derivative is zero.
    void (*vjp)(tg_node *y, tg_node *dy, tg_node *dx[]);

    // The definition in plain loops and double precision. Every backend is tested against it.
    void (*ref)(const tg_node *y, const double *const x[], double *out);

    // Float kernels, threaded by OpenMP inside; 0 or a negative guise_status.
    // Pointwise ops give map alone: out[i] = f(x[0][i], ...) for n contiguous elements. They are
    // fused by the plan. All other ops give cpu.
    void (*map)(const tg_node *y, int64_t n, const float *const x[], float *out);
    int (*cpu)(const tg_call *c);
    // Optional: choose and make kernels once, kept in *state until release.
    int (*prepare)(const tg_node *y, const tg_wish *wish, void **state);
    void (*release)(void *state);
    void (*forget)(void *state);           // params have changed: packed copies are stale
    size_t (*bytes)(const void *state);    // memory that the state holds
    size_t (*scratch)(const void *state);  // memory for the time of a call
    bool type;                             // prepare heeds wish->type
    const char *(*how)(const void *state); // which of several ways was taken, for timing tables

    // The same on a GPU. Pointwise ops, and sums over them, need none: programs are made of text,
    // the value as C++ of floats x and b (inputs) and k0, k1 (fields that are reals, in order).
    const char *text;
    int (*gpu)(const tg_gpu_call *c);
    int (*gpu_prepare)(const tg_node *y, const tg_gpu_wish *wish, void **state);
    void (*gpu_release)(void *state);
    void (*gpu_forget)(void *state);
    size_t (*gpu_bytes)(const void *state);
    size_t (*gpu_scratch)(const void *state);
    const char *(*gpu_how)(const void *state); // as how

    unsigned last; // which rank-4 operands cpu takes channels-last (bits; see TG_LAST_OUT)
    unsigned flags;

    const tg_field *fields; // of args, ended by {0}; NULL where there are none

    double (*macs)(const tg_node *y); // multiply-accumulates, or NULL for none

    // A random valid instance for the generic tests, with inputs from tg_randn().
    tg_node *(*sample)(tg_graph *g, base_rng *r);
} tg_op;

typedef enum { TG_OPERATION, TG_INPUT, TG_PARAM, TG_CONST } tg_kind;

struct tg_node {
    const tg_op *op; // NULL for leaves
    tg_graph *graph;
    tg_shape shape;
    tg_kind kind;
    int id, n_in; // ids grow, so an input's id is below its user's
    tg_node *in[TG_MAX_IN];
    const void *args; // the op's own struct
    size_t args_size;
    const char *name; // leaves
    float *values;    // TG_CONST: contents, unless made by tg_double
    bool view;        // values are somebody else's
    double *data;     // leaves: contents for tg_eval; others: cached value or NULL
};

// Make y = op(in...; args). args_size bytes are copied; padding bytes of args must be zero, since
// equal nodes are found by comparing them. NULL if an input is NULL or wrong.
tg_node *tg_make(const tg_op *op, int n, tg_node *const in[], const void *args, size_t args_size);
// Number i of the field called name; 0 where there is no such field.
double tg_arg(const tg_node *y, const char *name, int i);
int tg_n_nodes(const tg_graph *g);
tg_node *tg_at(const tg_graph *g, int id);

// The last statement of an op file.
#define TG_OP(NAME, DOC, ...) const tg_op tg_op_##NAME = {.name = #NAME, .doc = DOC, __VA_ARGS__}

extern const tg_op *const tg_ops[]; // the table, ended by NULL
#define OP(NAME) extern const tg_op tg_op_##NAME;
#include "graph/ops.def"
#undef OP

const char *tg_same_shape(const tg_node *y, tg_shape *out); // a .shape for pointwise ops

// The shape as it lies in memory: rank 4 and last: n h w c, else unchanged.
tg_shape tg_memory_shape(tg_shape s, bool last);
// Row-major steps of a shape, in elements.
void tg_steps(tg_shape s, int64_t step[TG_MAX_RANK]);

// How a small array repeats over a big one (expand, sum_to) as both lie in memory; neighbouring
// dims that behave alike are merged. n: dims of the big one; step: of the small one along them,
// 0 where it repeats. The last dim is walked as a row.
typedef struct {
    int rank; // at least 1
    int64_t n[TG_MAX_RANK], step[TG_MAX_RANK];
} tg_walk;
tg_walk tg_walk_make(tg_shape small, tg_shape big, bool last);
int64_t tg_walk_row(const tg_walk *w, int64_t row); // offset of a row in the small array
// dim of s at position i when s is padded on the left with 1s to the given rank
int64_t tg_dim_at(tg_shape s, int i, int rank);

// For sample(): random shapes and values.
tg_shape tg_small_shape(base_rng *r); // three dims of 1..3 elements
tg_node *tg_randn(tg_graph *g, base_rng *r, tg_shape s);
#endif
