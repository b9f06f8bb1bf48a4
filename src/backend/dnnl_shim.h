// dnnl_shim.h -- one face for the C interfaces of oneDNN 2 (Debian 12) and 3 (Debian 13).
// Version 2 keeps memory descriptors as structs and makes operation descriptors first; version 3
// has opaque descriptors and makes primitive descriptors at once. All calls return dnnl_status_t.
#ifndef GUISE_BACKEND_DNNL_SHIM_H
#define GUISE_BACKEND_DNNL_SHIM_H
#include "backend/backend.h"
#include <dnnl.h>

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t shim_desc; // borrowed
#else
typedef const dnnl_memory_desc_t *shim_desc;
#endif

// An owned descriptor. All zero is empty.
typedef struct {
    dnnl_memory_desc_t md;
    bool made;
} shim_md;
shim_desc shim_ref(const shim_md *d); // NULL for an empty one

dnnl_status_t shim_md_make(shim_md *d, int rank, const int64_t dims[], dnnl_format_tag_t tag);
dnnl_status_t shim_md_of(shim_md *d, int rank, const int64_t dims[], dnnl_data_type_t type,
                         dnnl_format_tag_t tag);
bool shim_has_f16(dnnl_cpu_isa_t have); // products of half precision: AVX512-FP16
dnnl_status_t shim_md_steps(shim_md *d, int rank, const int64_t dims[], const int64_t steps[]);
void shim_md_end(shim_md *d);
bool shim_same(shim_desc a, shim_desc b);
size_t shim_bytes(shim_desc d);
// Descriptor of an operand that a primitive chose.
shim_desc shim_query(const_dnnl_primitive_desc_t pd, dnnl_query_t what);

dnnl_status_t shim_memory(dnnl_memory_t *m, shim_desc d, dnnl_engine_t engine);
dnnl_status_t shim_reorder(dnnl_primitive_t *p, shim_desc from, shim_desc to, dnnl_engine_t engine);
dnnl_status_t shim_post_act(dnnl_post_ops_t ops, double slope); // ReLU with a slope below 0

// Operands of a convolution: bias may be empty.
typedef struct {
    shim_md x, w, bias, y;
    dnnl_dims_t stride, dilate, before, after; // two each; gcc 14 wants the whole length
} shim_conv;
// hint: a forward descriptor, for the two backward kinds.
dnnl_status_t shim_conv_desc(dnnl_primitive_desc_t *pd, cpu_conv_kind kind, const shim_conv *c,
                             bool training, const_dnnl_primitive_attr_t attr, dnnl_engine_t engine,
                             const_dnnl_primitive_desc_t hint);
// y [b,m,n] = v [b,m,k] u [b,k,n]; add: to what y holds
dnnl_status_t shim_matmul_desc(dnnl_primitive_desc_t *pd, const shim_md *v, const shim_md *u,
                               const shim_md *y, bool add, dnnl_engine_t engine);
dnnl_engine_t shim_engine(void); // the process's one CPU engine; NULL if it cannot be made
#endif
