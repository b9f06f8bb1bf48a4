// dnn.h -- the inside of cuDNN's stand-in: descriptors are bags of attributes.
#ifndef GUISE_STANDIN_DNN_H
#define GUISE_STANDIN_DNN_H
#include <cudnn.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct dnn dnn;

typedef struct {
    cudnnBackendAttributeName_t name;
    cudnnBackendAttributeType_t type;
    int64_t n;
    void *data; // n elements; of descriptors: dnn *, each held
} dnn_attribute;

enum { DNN_MAX_ATTRIBUTES = 16, DNN_MAX_OPS = 4 };

struct dnn {
    cudnnBackendDescriptorType_t type;
    int users; // the caller and descriptors that hold it
    bool final;
    int n;
    dnn_attribute attribute[DNN_MAX_ATTRIBUTES];
    int way;    // engine, its configuration, plan: dnn_way
    void *real; // the same in the real library, or NULL (real_cudnn.c)
};

// The engines there are for a graph, as a heuristic lists them.
typedef enum {
    DNN_BROKEN,           // its plan does not finalize
    DNN_DOWN_CONVERT,     // f32 rounded to bf16; says so
    DNN_TENSOR_CORE,      // f32 rounded to TF32
    DNN_NONDETERMINISTIC, // differs from run to run
    DNN_PLAIN,
    DNN_WAYS
} dnn_way;

size_t dnn_size(cudnnBackendAttributeType_t type); // of an element, 0: a type that is not known
const dnn_attribute *dnn_get(const dnn *d, cudnnBackendAttributeName_t name); // or NULL
const int64_t *dnn_integers(const dnn *d, cudnnBackendAttributeName_t name);  // or NULL
int64_t dnn_integer(const dnn *d, cudnnBackendAttributeName_t name, int64_t otherwise);
int dnn_enum(const dnn *d, cudnnBackendAttributeName_t name, int otherwise);
float dnn_real(const dnn *d, cudnnBackendAttributeName_t name, float otherwise); // FLOAT or DOUBLE
dnn *dnn_part(const dnn *d, cudnnBackendAttributeName_t name);                   // or NULL
dnn *dnn_nth(const dnn *d, cudnnBackendAttributeName_t name, int i);
// Keeps the sentence for cudnnGetLastErrorString; returns s.
cudnnStatus_t dnn_fail(cudnnStatus_t s, const char *text);

// dnn_check.c: is the attribute one of the descriptor's, of this type and count? Is all there, and
// does it fit together?
cudnnStatus_t dnn_check_attribute(const dnn *d, cudnnBackendAttributeName_t name,
                                  cudnnBackendAttributeType_t type, int64_t n);
cudnnStatus_t dnn_check(const dnn *d);
bool dnn_way_fits(const dnn *graph, dnn_way way);

// A convolution and what follows it, of a graph that was checked.
typedef struct {
    enum { DNN_Y, DNN_DX, DNN_DW } kind;
    const dnn *op, *conv, *x, *w, *y; // tensors: x or dx, w or dw, y or dy
    int n_after;
    const dnn *after[DNN_MAX_OPS]; // pointwise operations
} dnn_graph;
bool dnn_read_graph(const dnn *graph, dnn_graph *g);

// dnn_run.c: the plan with the pointers of the variant pack, queued.
cudnnStatus_t dnn_execute(void *stream, const dnn *plan, const dnn *pack);
int64_t dnn_workspace(const dnn *plan);

// real_cudnn.c: every descriptor is made in the real library of GUISE_STANDIN_CUDNN too, which
// works without a GPU when told the properties of one (GUISE_STANDIN_SM=90); what it refuses is
// refused. Nothing happens where the variable is not set.
cudnnStatus_t real_create(dnn *d);
void real_destroy(dnn *d);
cudnnStatus_t real_set(dnn *d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                       int64_t n, const void *data);
cudnnStatus_t real_finalize(dnn *d);
#endif
