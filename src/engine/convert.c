// convert.c -- weights files of any kind to safetensors.
#include "engine/engine.h"
#include "model/card.h"
#include <math.h>

static bool is_wide(base_dtype t) { return t == BASE_F32 || t == BASE_F64 || t == BASE_BF16; }

// Add t's tensor in half precision; one with a number that is too large for that stays as it is.
static bool add_half(base_tensors *out, const base_tensor *t)
{
    size_t n = (size_t)base_tensor_count(t);
    uint16_t *v = base_alloc(n, sizeof *v);
    if (!v) return false;
    bool fits = true;
    for (size_t i = 0; i < n; i++) {
        double x = base_tensor_at(t, (int64_t)i);
        v[i] = base_float_to_half((float)x);
        fits &= fabs(x) < 65520 || !isfinite(x); // what rounds to a half
    }
    if (!fits) base_log("%s stays wide: it holds numbers that are too large for 16 bits", t->name);
    bool ok = base_tensors_add(out, t->name, fits ? BASE_F16 : t->dtype, t->rank, t->dim,
                               fits ? v : t->data) != NULL;
    base_free(v);
    return ok;
}

static bool copy(base_tensors *out, const base_tensors *in, bool half)
{
    bool ok = true;
    for (size_t i = 0; ok && i < in->n; i++) {
        const base_tensor *t = &in->at[i];
        ok = half && is_wide(t->dtype)
                 ? add_half(out, t)
                 : base_tensors_add(out, t->name, t->dtype, t->rank, t->dim, t->data) != NULL;
    }
    for (size_t i = 0; ok && i < in->n_meta; i++)
        ok = base_tensors_set_meta(out, in->meta[2 * i], in->meta[2 * i + 1]);
    return ok;
}

guise_status guise_convert(guise_engine *g, const char *in, const char *out, bool half)
{
    base_error *e = engine_begin(g);
    base_tensors from = {0}, to = {0};
    base_sha256 sum;
    guise_status s = weights_read(&from, in, e);
    if (!s) s = base_sha256_file(&sum, in, e);
    if (!s && !(copy(&to, &from, half) && base_tensors_set_meta(&to, CARD_SOURCE, sum.hex)))
        s = base_no_memory(e);
    if (!s) s = weights_safetensors_write(&to, out, e);
    base_tensors_free(&from);
    base_tensors_free(&to);
    return s;
}
