// onnx_tensor.c -- tensors inside an ONNX file: checked, widened, made constants of a graph.
// Where each type is stored: comments of TensorProto in onnx/onnx.proto.
#include "weights/onnx.h"
#include <string.h>

enum { STORE_FLOAT, STORE_INT32, STORE_INT64, STORE_DOUBLE, STORE_UINT64 };

// By TensorProto.DataType. `as` is the narrowest of our types that holds every value.
static const struct onnx_type {
    unsigned size; // bytes of an element in raw_data; 0: not a number we read
    int store;     // the field with its values when there is no raw_data
    base_dtype as;
} types[] = {
    [1] = {4, STORE_FLOAT, BASE_F32},   [2] = {1, STORE_INT32, BASE_U8},
    [3] = {1, STORE_INT32, BASE_I8},    [4] = {2, STORE_INT32, BASE_I32},
    [5] = {2, STORE_INT32, BASE_I16},   [6] = {4, STORE_INT32, BASE_I32},
    [7] = {8, STORE_INT64, BASE_I64},   [9] = {1, STORE_INT32, BASE_BOOL},
    [10] = {2, STORE_INT32, BASE_F16},  [11] = {8, STORE_DOUBLE, BASE_F64},
    [12] = {4, STORE_UINT64, BASE_I64}, [13] = {8, STORE_UINT64, BASE_I64},
    [16] = {2, STORE_INT32, BASE_BF16},
};

static const struct onnx_type *type_of(const Onnx__Tensor *t)
{
    size_t n = sizeof types / sizeof *types;
    if (t->data_type < 0 || (size_t)t->data_type >= n || !types[t->data_type].size) return NULL;
    return &types[t->data_type];
}

static bool is_real(base_dtype d)
{
    return d == BASE_F32 || d == BASE_F16 || d == BASE_BF16 || d == BASE_F64;
}

int64_t onnx_tensor_count(const Onnx__Tensor *t)
{
    int64_t n = 1;
    for (size_t i = 0; i < t->n_dims; i++) n *= t->dims[i];
    return n;
}

static size_t stored(const Onnx__Tensor *t, int store)
{
    switch (store) {
    case STORE_FLOAT:
        return t->n_float_data;
    case STORE_INT32:
        return t->n_int32_data;
    case STORE_INT64:
        return t->n_int64_data;
    case STORE_DOUBLE:
        return t->n_double_data;
    }
    return t->n_uint64_data;
}

guise_status onnx_tensor_check(const Onnx__Tensor *t, const char *name, base_error *e)
{
    const struct onnx_type *type = type_of(t);
    if (t->data_location == 1 || t->n_external_data)
        return base_fail(e, GUISE_BAD_FILE,
                         "tensor '%.100s' keeps its data in another file; save the model with its "
                         "weights inside",
                         name);
    if (!type)
        return base_fail(e, GUISE_BAD_FILE,
                         "tensor '%.100s' has elements of ONNX type %d, which is not a number type "
                         "that is read",
                         name, (int)t->data_type);
    if (t->n_dims > TG_MAX_RANK)
        return base_fail(e, GUISE_BAD_FILE, "tensor '%.100s' has %zu dimensions, more than %d",
                         name, t->n_dims, (int)TG_MAX_RANK);
    int64_t n = 1;
    for (size_t i = 0; i < t->n_dims; i++)
        if (t->dims[i] < 0 || __builtin_mul_overflow(n, t->dims[i], &n) || n > INT64_MAX / 16)
            return base_fail(e, GUISE_BAD_FILE,
                             "tensor '%.100s' has an impossible dimension, %lld; the file is "
                             "damaged",
                             name, (long long)t->dims[i]);
    size_t have = t->has_raw_data && t->raw_data.len ? t->raw_data.len : 0;
    size_t want = (size_t)n * type->size;
    if (!have) have = stored(t, type->store), want = (size_t)n;
    if (have != want)
        return base_fail(e, GUISE_BAD_FILE,
                         "tensor '%.100s' should hold %zu %s but holds %zu; the file is damaged or "
                         "cut short",
                         name, want, want == (size_t)n * type->size ? "bytes" : "values", have);
    return GUISE_OK;
}

static float bfloat(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

#define AT(T) ((T *)memcpy(&(T){0}, t->raw_data.data + (size_t)i * sizeof(T), sizeof(T)))[0]

static double raw_at(const Onnx__Tensor *t, int64_t i)
{
    switch (t->data_type) {
    case 1:
        return (double)AT(float);
    case 2:
        return AT(uint8_t);
    case 3:
        return AT(int8_t);
    case 4:
        return AT(uint16_t);
    case 5:
        return AT(int16_t);
    case 6:
        return AT(int32_t);
    case 7:
        return (double)AT(int64_t);
    case 9:
        return AT(uint8_t) != 0;
    case 10:
        return (double)base_half_to_float(AT(uint16_t));
    case 11:
        return AT(double);
    case 12:
        return AT(uint32_t);
    case 13:
        return (double)AT(uint64_t);
    }
    return (double)bfloat(AT(uint16_t)); // 16: the check let nothing else pass
}

static double value_at(const Onnx__Tensor *t, int64_t i)
{
    if (t->has_raw_data && t->raw_data.len) return raw_at(t, i);
    switch (types[t->data_type].store) {
    case STORE_FLOAT:
        return (double)t->float_data[i];
    case STORE_INT64:
        return (double)t->int64_data[i];
    case STORE_DOUBLE:
        return t->double_data[i];
    case STORE_UINT64:
        return (double)t->uint64_data[i];
    }
    int32_t v = t->int32_data[i];
    if (t->data_type == 10) return (double)base_half_to_float((uint16_t)v);
    if (t->data_type == 16) return (double)bfloat((uint16_t)v);
    return v;
}

// Weights in float, without a copy where the file has floats.
static tg_node *reals(tg_graph *g, const Onnx__Tensor *t, tg_shape s)
{
    int64_t n = tg_count(s);
    bool raw = t->has_raw_data && t->raw_data.len;
    const float *at = raw ? (const float *)(const void *)t->raw_data.data : t->float_data;
    if (t->data_type == 1 && (uintptr_t)at % sizeof *at == 0) return tg_const_view(g, s, at);
    float *v = base_alloc((size_t)n, sizeof *v);
    if (!v) return tg_no_memory(g);
    if (t->data_type == 1)
        memcpy(v, t->raw_data.data, (size_t)n * sizeof *v);
    else
        for (int64_t i = 0; i < n; i++) v[i] = (float)value_at(t, i);
    tg_node *x = tg_const(g, s, v);
    base_free(v);
    return x;
}

static tg_node *integers(tg_graph *g, const Onnx__Tensor *t, tg_shape s)
{
    int64_t n = tg_count(s);
    double *v = base_alloc((size_t)n, sizeof *v);
    if (!v) return tg_no_memory(g);
    for (int64_t i = 0; i < n; i++) v[i] = value_at(t, i);
    tg_node *x = tg_double(g, s, v);
    base_free(v);
    return x;
}

onnx_value onnx_tensor_value(tg_graph *g, const Onnx__Tensor *t, const char *name)
{
    base_error e = {0};
    if (onnx_tensor_check(t, name, &e)) return (onnx_value){tg_fail(g, "%s", e.text), 0, 0, 0};
    tg_shape s = {.rank = (int)t->n_dims};
    for (int i = 0; i < s.rank; i++) s.dim[i] = t->dims[i];
    int64_t n = onnx_tensor_count(t);
    bool real = is_real(types[t->data_type].as);
    if (n == 0) return (onnx_value){.empty = true, .host = true, .whole = !real};
    return (onnx_value){.node = real ? reals(g, t, s) : integers(g, t, s),
                        .host = n <= ONNX_HOST_COUNT,
                        .whole = !real};
}

static void put(base_dtype as, void *to, int64_t i, const Onnx__Tensor *t)
{
    double v = as == BASE_I64 ? 0 : value_at(t, i);
    switch (as) {
    case BASE_F32:
        ((float *)to)[i] = (float)v;
        return;
    case BASE_F64:
        ((double *)to)[i] = v;
        return;
    case BASE_I32:
        ((int32_t *)to)[i] = (int32_t)v;
        return;
    case BASE_I16:
        ((int16_t *)to)[i] = (int16_t)v;
        return;
    case BASE_I8:
        ((int8_t *)to)[i] = (int8_t)v;
        return;
    case BASE_U8:
    case BASE_BOOL:
        ((uint8_t *)to)[i] = (uint8_t)v;
        return;
    default:
        break;
    }
    int64_t *w = to;
    if (t->has_raw_data && t->raw_data.len)
        w[i] = t->data_type == 12 ? (int64_t)AT(uint32_t) : AT(int64_t);
    else
        w[i] = t->data_type == 7 ? t->int64_data[i] : (int64_t)t->uint64_data[i];
}

guise_status onnx_tensor_add(base_tensors *to, const Onnx__Tensor *t, const char *name,
                             base_error *e)
{
    guise_status s = onnx_tensor_check(t, name, e);
    if (s) return s;
    base_dtype as = types[t->data_type].as;
    bool half = as == BASE_F16 || as == BASE_BF16; // bits, wherever they are stored
    const base_tensor *made = base_tensors_add(to, name, as, (int)t->n_dims, t->dims, NULL);
    if (!made) return base_no_memory(e);
    int64_t n = onnx_tensor_count(t);
    for (int64_t i = 0; i < n; i++) {
        if (!half)
            put(as, made->owned, i, t);
        else if (t->has_raw_data && t->raw_data.len)
            ((uint16_t *)made->owned)[i] = AT(uint16_t);
        else
            ((uint16_t *)made->owned)[i] = (uint16_t)t->int32_data[i];
    }
    return GUISE_OK;
}
