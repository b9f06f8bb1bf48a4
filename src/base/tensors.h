// tensors.h -- named arrays in memory: what weight files hold and networks take.
#ifndef GUISE_BASE_TENSORS_H
#define GUISE_BASE_TENSORS_H

#include "base/base.h"

enum { BASE_MAX_RANK = 8 };

typedef enum {
    BASE_F32,
    BASE_F16,
    BASE_BF16,
    BASE_F64,
    BASE_I64,
    BASE_I32,
    BASE_I16,
    BASE_I8,
    BASE_U8,
    BASE_BOOL,
    BASE_DTYPES
} base_dtype;

size_t base_dtype_size(base_dtype t);      // bytes of one element
const char *base_dtype_name(base_dtype t); // as safetensors spells it: "F32", "BOOL"

typedef struct {
    char *name; // owned by the collection
    base_dtype dtype;
    int rank;
    int64_t dim[BASE_MAX_RANK]; // row-major
    const void *data;           // little-endian, aligned to the element; may point into a map
    void *owned;                // what to free, or NULL where data is borrowed from the map
} base_tensor;

typedef struct {
    base_tensor *at;
    size_t n, cap;
    char **meta; // 2 * n_meta strings: key, value, key, value
    size_t n_meta, cap_meta;
    base_map map; // the file that borrowed data points into
} base_tensors;

int64_t base_tensor_count(const base_tensor *t);
size_t base_tensor_bytes(const base_tensor *t);
// Element i widened to double / count elements widened to float.
double base_tensor_at(const base_tensor *t, int64_t i);
void base_tensor_floats(const base_tensor *t, float *out);

// Empty collections are all zero bytes. free accepts those too.
void base_tensors_free(base_tensors *t);
const base_tensor *base_tensors_find(const base_tensors *t, const char *name); // NULL: absent
const char *base_tensors_meta(const base_tensors *t, const char *key);         // NULL: absent
bool base_tensors_set_meta(base_tensors *t, const char *key, const char *value);
// Add a copy of the data (NULL: zeros). Returns the new tensor, or NULL when out of memory.
base_tensor *base_tensors_add(base_tensors *t, const char *name, base_dtype type, int rank,
                              const int64_t dim[], const void *data);

// IEEE half precision, round to nearest even.
float base_half_to_float(uint16_t h);
uint16_t base_float_to_half(float f);

#endif
