// tensors.c -- named arrays in memory, and their elements widened to float or double.
// Half precision is IEEE 754-2008 binary16; bfloat16 is the upper half of a binary32.
#include "base/tensors.h"
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[BASE_DTYPES] = {
    [BASE_F32] = {"F32", 4},   [BASE_F16] = {"F16", 2}, [BASE_BF16] = {"BF16", 2},
    [BASE_F64] = {"F64", 8},   [BASE_I64] = {"I64", 8}, [BASE_I32] = {"I32", 4},
    [BASE_I16] = {"I16", 2},   [BASE_I8] = {"I8", 1},   [BASE_U8] = {"U8", 1},
    [BASE_BOOL] = {"BOOL", 1},
};

size_t base_dtype_size(base_dtype t) { return dtypes[t].size; }

const char *base_dtype_name(base_dtype t) { return dtypes[t].name; }

float base_half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 31u, part = h & 0x3ffu;
    uint32_t bits;
    if (exponent == 31) // infinity, or not a number with its payload
        bits = sign | 0x7f800000u | part << 13;
    else if (exponent)
        bits = sign | (exponent + 112) << 23 | part << 13; // bias 15 becomes 127
    else if (!part)
        bits = sign;
    else { // subnormal: shift up to the implicit one
        uint32_t e = 113;
        while (!(part & 0x400u)) part <<= 1, e--;
        bits = sign | e << 23 | (part & 0x3ffu) << 13;
    }
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

// v >> shift, rounded to nearest, ties to even
static uint32_t shift_even(uint32_t v, uint32_t shift)
{
    uint32_t kept = v >> shift, rest = v & ((1u << shift) - 1), half = 1u << (shift - 1);
    return kept + (rest > half || (rest == half && (kept & 1u)));
}

uint16_t base_float_to_half(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u, exponent = bits >> 23 & 0xffu, part = bits & 0x7fffffu;
    if (exponent == 255) { // a payload that would vanish must not turn into infinity
        uint32_t payload = part >> 13;
        return (uint16_t)(sign | 0x7c00u | (part && !payload ? 1u : payload));
    }
    if (exponent < 102) return (uint16_t)sign; // below half of the smallest subnormal
    if (exponent < 113) return (uint16_t)(sign | shift_even(part | 0x800000u, 126 - exponent));
    // A carry out of the fraction moves on into the exponent, which is the right answer.
    uint32_t h = exponent > 142 ? 0x7c00u : shift_even((exponent - 112) << 23 | part, 13);
    return (uint16_t)(sign | (h > 0x7c00u ? 0x7c00u : h));
}

int64_t base_tensor_count(const base_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) n *= t->dim[i];
    return n;
}

size_t base_tensor_bytes(const base_tensor *t)
{
    return (size_t)base_tensor_count(t) * base_dtype_size(t->dtype);
}

static float bfloat(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

// One line a type: element i of v as the wider type W.
#define WIDEN(W)                                                                                   \
    switch (t->dtype) {                                                                            \
    case BASE_F32:                                                                                 \
        return (W)((const float *)t->data)[i];                                                     \
    case BASE_F16:                                                                                 \
        return (W)base_half_to_float(((const uint16_t *)t->data)[i]);                              \
    case BASE_BF16:                                                                                \
        return (W)bfloat(((const uint16_t *)t->data)[i]);                                          \
    case BASE_F64:                                                                                 \
        return (W)((const double *)t->data)[i];                                                    \
    case BASE_I64:                                                                                 \
        return (W)((const int64_t *)t->data)[i];                                                   \
    case BASE_I32:                                                                                 \
        return (W)((const int32_t *)t->data)[i];                                                   \
    case BASE_I16:                                                                                 \
        return (W)((const int16_t *)t->data)[i];                                                   \
    case BASE_I8:                                                                                  \
        return (W)((const int8_t *)t->data)[i];                                                    \
    case BASE_U8:                                                                                  \
        return (W)((const uint8_t *)t->data)[i];                                                   \
    case BASE_BOOL:                                                                                \
        return (W)(((const uint8_t *)t->data)[i] != 0);                                            \
    case BASE_DTYPES:                                                                              \
        break;                                                                                     \
    }                                                                                              \
    return 0

double base_tensor_at(const base_tensor *t, int64_t i) { WIDEN(double); }

static float float_at(const base_tensor *t, int64_t i) { WIDEN(float); }

void base_tensor_floats(const base_tensor *t, float *out)
{
    int64_t n = base_tensor_count(t);
    if (t->dtype == BASE_F32 && n > 0) {
        memcpy(out, t->data, (size_t)n * sizeof(float));
        return;
    }
    for (int64_t i = 0; i < n; i++) out[i] = float_at(t, i);
}

void base_tensors_free(base_tensors *t)
{
    for (size_t i = 0; i < t->n; i++) {
        base_free(t->at[i].name);
        base_free(t->at[i].owned);
    }
    for (size_t i = 0; i < 2 * t->n_meta; i++) base_free(t->meta[i]);
    base_free(t->at);
    base_free(t->meta);
    if (t->map.data) base_map_close(&t->map);
    *t = (base_tensors){0};
}

const base_tensor *base_tensors_find(const base_tensors *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->at[i].name, name)) return &t->at[i];
    return NULL;
}

const char *base_tensors_meta(const base_tensors *t, const char *key)
{
    for (size_t i = 0; i < t->n_meta; i++)
        if (!strcmp(t->meta[2 * i], key)) return t->meta[2 * i + 1];
    return NULL;
}

bool base_tensors_set_meta(base_tensors *t, const char *key, const char *value)
{
    char *v = base_copy_text(value);
    if (!v) return false;
    for (size_t i = 0; i < t->n_meta; i++)
        if (!strcmp(t->meta[2 * i], key)) {
            base_free(t->meta[2 * i + 1]);
            t->meta[2 * i + 1] = v;
            return true;
        }
    char *k = base_copy_text(key);
    // Two strings an entry: room for the second of the new pair is room for both.
    if (!k || !BASE_PUSH_ROOM(t->meta, 2 * t->n_meta + 1, t->cap_meta)) {
        base_free(k);
        base_free(v);
        return false;
    }
    t->meta[2 * t->n_meta] = k;
    t->meta[2 * t->n_meta + 1] = v;
    t->n_meta++;
    return true;
}

// Bytes of the array, or false where dims are negative or the product does not fit.
static bool bytes_of(base_dtype type, int rank, const int64_t dim[], size_t *bytes)
{
    size_t n = base_dtype_size(type);
    if (rank < 0 || rank > BASE_MAX_RANK) return false;
    for (int i = 0; i < rank; i++)
        if (dim[i] < 0 || __builtin_mul_overflow(n, (size_t)dim[i], &n)) return false;
    *bytes = n;
    return n <= PTRDIFF_MAX;
}

base_tensor *base_tensors_add(base_tensors *t, const char *name, base_dtype type, int rank,
                              const int64_t dim[], const void *data)
{
    size_t bytes = 0;
    if (!bytes_of(type, rank, dim, &bytes) || !BASE_PUSH_ROOM(t->at, t->n, t->cap)) return NULL;
    base_tensor v = {.dtype = type, .rank = rank};
    v.name = base_copy_text(name);
    v.owned = base_alloc(bytes ? bytes : 1, 1);
    if (!v.name || !v.owned) {
        base_free(v.name);
        base_free(v.owned);
        return NULL;
    }
    for (int i = 0; i < rank; i++) v.dim[i] = dim[i];
    if (data && bytes) memcpy(v.owned, data, bytes);
    v.data = v.owned;
    t->at[t->n] = v;
    return &t->at[t->n++];
}
