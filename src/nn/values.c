// values.c -- values of parameters: initial ones, from named tensors and to them.
#include "nn/store.h"
#include <math.h>
#include <string.h>

// splitmix64 counts, so element i of a stream can be drawn without those before it, by any thread.
static base_rng stream(uint64_t seed, const nn_record *r)
{
    base_rng a = {seed}, b = {r->hash ^ base_rng_next(&a)};
    return (base_rng){base_rng_next(&b)};
}

static const uint64_t step = 0x9e3779b97f4a7c15u; // of splitmix64's counter

static void fill_uniform(float *v, int64_t n, base_rng from, double scale)
{
#pragma omp parallel for schedule(static) if (n > 65536)
    for (int64_t i = 0; i < n; i++) {
        base_rng r = {from.state + (uint64_t)i * step};
        v[i] = (float)((2 * base_rng_uniform(&r) - 1) * scale);
    }
}

static void fill_normal(float *v, int64_t n, base_rng from, double scale)
{
#pragma omp parallel for schedule(static) if (n > 16384)
    for (int64_t i = 0; i < n; i++) {
        base_rng at = {from.state + (uint64_t)i * step}, r = {base_rng_next(&at)};
        v[i] = (float)(base_rng_normal(&r) * scale);
    }
}

static void make_unit(float *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)v[i] * v[i];
    double k = 1 / fmax(sqrt(sum), 1e-12);
    for (int64_t i = 0; i < n; i++) v[i] = (float)(v[i] * k);
}

static void fill(float *v, const nn_record *r, uint64_t seed)
{
    int64_t n = (int64_t)r->e.count;
    nn_init init = r->e.init;
    switch (init.kind) {
    case NN_INIT_ZERO:
        memset(v, 0, (size_t)n * sizeof *v);
        break;
    case NN_INIT_ONE:
        init.scale = 1; // fall through
    case NN_INIT_VALUE:
        for (int64_t i = 0; i < n; i++) v[i] = (float)init.scale;
        break;
    case NN_INIT_UNIFORM:
        fill_uniform(v, n, stream(seed, r), init.scale);
        break;
    case NN_INIT_NORMAL:
        fill_normal(v, n, stream(seed, r), init.scale);
        break;
    case NN_INIT_UNIT:
        fill_normal(v, n, stream(seed, r), 1);
        make_unit(v, n);
        break;
    }
}

guise_status nn_settle(nn_params *p, uint64_t seed, base_error *e)
{
    guise_status s = nn_room(p, e);
    if (s) return s;
    for (size_t i = 0; i < p->n; i++) {
        nn_record *r = p->record[i];
        if (!r->settled) fill(p->data + r->e.offset, r, seed);
        r->settled = true;
    }
    return GUISE_OK;
}

static tg_shape shape_of(const base_tensor *t)
{
    tg_shape s = {.rank = t->rank};
    for (int i = 0; i < t->rank && i < TG_MAX_RANK; i++) s.dim[i] = t->dim[i];
    return s;
}

// A counter may come as a scalar or as one element, and anything else only in its own shape.
static bool fits(const nn_record *r, const base_tensor *t)
{
    if (r->e.kind == NN_COUNTER) return base_tensor_count(t) == 1;
    return t->rank <= TG_MAX_RANK && tg_same(r->e.shape, shape_of(t));
}

static guise_status check(const nn_params *p, const base_tensors *t, bool strict, base_error *e)
{
    size_t found = 0;
    for (size_t i = 0; i < p->n; i++) {
        const nn_record *r = p->record[i];
        const base_tensor *x = base_tensors_find(t, r->e.name);
        char have[128], want[128];
        found += x != NULL;
        if (x && x->rank > TG_MAX_RANK)
            return base_fail(e, GUISE_BAD_FILE,
                             "the weights have %s with %d dimensions, more than %d", r->e.name,
                             x->rank, TG_MAX_RANK);
        if (!x && strict)
            return base_fail(e, GUISE_BAD_FILE,
                             "the weights lack %s, which this network needs; is the file for "
                             "another network, or are other options needed?",
                             r->e.name);
        if (x && !fits(r, x))
            return base_fail(e, GUISE_BAD_FILE,
                             "the weights have %s as %s where this network has %s; is the file "
                             "for another network, or are other options needed?",
                             r->e.name, tg_shape_text(shape_of(x), have),
                             tg_shape_text(r->e.shape, want));
    }
    for (size_t i = 0; strict && found < t->n && i < t->n; i++)
        if (!nn_record_find(p, t->at[i].name))
            return base_fail(e, GUISE_BAD_FILE,
                             "the weights have %s, which this network lacks; is the file for "
                             "another network, or are other options needed?",
                             t->at[i].name);
    return GUISE_OK;
}

guise_status nn_load(nn_params *p, const base_tensors *t, bool strict, base_error *e)
{
    guise_status s = check(p, t, strict, e);
    if (!s) s = nn_room(p, e);
    if (s) return s;
#pragma omp parallel for schedule(dynamic) if (p->floats > 1 << 20) // half of it is page faults
    for (size_t i = 0; i < p->n; i++) {
        nn_record *r = p->record[i];
        const base_tensor *x = base_tensors_find(t, r->e.name);
        if (x) base_tensor_floats(x, p->data + r->e.offset);
        r->settled |= x != NULL;
    }
    return GUISE_OK;
}

guise_status nn_save(nn_params *p, const float *data, base_tensors *t, base_error *e)
{
    if (!data) data = p->data;
    if (!data && p->n)
        return base_fail(e, GUISE_BAD_ARGUMENT, "there are no values to save; settle them first");
    for (size_t i = 0; i < p->n; i++) {
        const nn_entry *r = &p->record[i]->e;
        const float *v = data + r->offset;
        int64_t count = llroundf(*v);
        bool whole = r->kind == NN_COUNTER;
        if (!base_tensors_add(t, r->name, whole ? BASE_I64 : BASE_F32, r->shape.rank, r->shape.dim,
                              whole ? (const void *)&count : v))
            return base_no_memory(e);
    }
    return GUISE_OK;
}
