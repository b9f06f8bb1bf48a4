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

static bool is_real(base_dtype t) { return is_wide(t) || t == BASE_F16; }

// t becomes the mean of itself and another of its shape, in its own type.
static void mean_with(base_tensor *t, const base_tensor *other)
{
    for (int64_t i = 0, n = base_tensor_count(t); i < n; i++) {
        double v = (base_tensor_at(t, i) + base_tensor_at(other, i)) / 2;
        if (t->dtype == BASE_F16)
            ((uint16_t *)(uintptr_t)t->data)[i] = base_float_to_half((float)v);
        else
            ((float *)(uintptr_t)t->data)[i] = (float)v;
    }
}

// Weights of two moments of one run, whose mean often serves better than either (Izmailov et al.
// 2018, "Averaging weights leads to wider optima and better generalization"). Counts stay.
static guise_status mix_in(base_tensors *all, const char *in, const char *mix, base_error *e)
{
    base_tensors other = {0};
    guise_status s = weights_read(&other, mix, e);
    for (size_t i = 0; !s && i < all->n; i++) {
        base_tensor *t = &all->at[i];
        const base_tensor *o = base_tensors_find(&other, t->name);
        bool same = o && o->rank == t->rank && o->dtype == t->dtype;
        for (int k = 0; same && k < t->rank; k++) same = o->dim[k] == t->dim[k];
        if (!same || (is_real(t->dtype) && t->dtype != BASE_F16 && t->dtype != BASE_F32))
            s = base_fail(e, GUISE_BAD_FILE,
                          "%s and %s have no common %s: only weights of one network, in 16 or 32 "
                          "bits, can be mixed",
                          in, mix, t->name);
        else if (is_real(t->dtype))
            mean_with(t, o);
    }
    base_tensors_free(&other);
    return s;
}

guise_status guise_convert(guise_engine *g, const char *in, const char *mix, const char *out,
                           bool half)
{
    base_error *e = engine_begin(g);
    base_tensors from = {0}, mixed = {0}, to = {0};
    base_sha256 sum;
    guise_status s = sums_check(in, e);
    if (!s && mix) s = sums_check(mix, e);
    if (!s) s = weights_read(&from, in, e);
    if (!s && mix && !copy(&mixed, &from, false)) s = base_no_memory(e);
    if (!s && mix) s = mix_in(&mixed, in, mix, e);
    if (!s) s = base_sha256_file(&sum, in, e);
    if (!s && !(copy(&to, mix ? &mixed : &from, half) &&
                base_tensors_set_meta(&to, CARD_SOURCE, sum.hex)))
        s = base_no_memory(e);
    if (!s) s = weights_safetensors_write(&to, out, e);
    base_tensors_free(&from);
    base_tensors_free(&mixed);
    base_tensors_free(&to);
    return s;
}
