// pth_make.c -- tensors from storages: checked against the bytes there are, and made contiguous.
#include "weights/pth.h"
#include <stdlib.h>
#include <string.h>

typedef struct { // a view of a storage
    base_dtype dtype;
    int rank;
    int64_t dim[BASE_MAX_RANK], step[BASE_MAX_RANK]; // in elements
    uint64_t from, end;                              // elements of the storage: first, one past
    uint64_t count;
} view;

static guise_status damaged(const pth_entry *x, const char *what, base_error *e)
{
    return base_fail(e, GUISE_BAD_FILE, "tensor '%.100s' has %s; the file is damaged", x->name,
                     what);
}

// The last element that a view reaches decides how much storage it needs.
static guise_status read_view(const pth_entry *x, view *v, base_error *e)
{
    const pk_value *t = x->tensor, *storage = t->of;
    *v = (view){.dtype = storage->dtype, .rank = (int)t->size->n, .count = 1};
    uint64_t last = 0, move = 0;
    if (t->size->n > BASE_MAX_RANK || t->stride->n != t->size->n)
        return damaged(x, "an impossible number of dimensions", e);
    if (t->i < 0 || storage->from < 0 || storage->i < 0)
        return damaged(x, "an impossible place", e);
    v->from = (uint64_t)t->i + (uint64_t)storage->from;
    for (int i = 0; i < v->rank; i++) {
        const pk_value *d = t->size->item[i], *step = t->stride->item[i];
        if (d->kind != PK_INT || step->kind != PK_INT || d->i < 0 || step->i < 0)
            return damaged(x, "an impossible size or stride", e);
        v->dim[i] = d->i;
        v->step[i] = step->i;
        if (__builtin_mul_overflow(v->count, (uint64_t)d->i, &v->count) ||
            v->count > PTRDIFF_MAX / 8)
            return damaged(x, "more elements than can exist", e);
        if (d->i && (__builtin_mul_overflow((uint64_t)d->i - 1, (uint64_t)step->i, &move) ||
                     __builtin_add_overflow(last, move, &last)))
            return damaged(x, "an impossible stride", e);
    }
    if (last > PTRDIFF_MAX / 8 || v->from > PTRDIFF_MAX / 8)
        return damaged(x, "an impossible place", e);
    v->end = v->count ? v->from + last + 1 : 0;
    return GUISE_OK;
}

static bool is_contiguous(const view *v)
{
    int64_t step = 1;
    for (int i = v->rank; i-- > 0;) {
        if (v->dim[i] != 1 && v->step[i] != step) return false;
        step *= v->dim[i];
    }
    return true;
}

static void copy(const view *v, const unsigned char *from, unsigned char *to)
{
    size_t size = base_dtype_size(v->dtype);
    from += v->from * size;
    if (is_contiguous(v)) {
        if (v->count) memcpy(to, from, v->count * size);
        return;
    }
    int64_t at[BASE_MAX_RANK] = {0}, place = 0;
    for (uint64_t i = 0; i < v->count; i++) {
        memcpy(to + i * size, from + (size_t)place * size, size);
        for (int k = v->rank; k-- > 0;) { // the next element in row-major order
            place += v->step[k];
            if (++at[k] < v->dim[k]) break;
            place -= v->step[k] * v->dim[k];
            at[k] = 0;
        }
    }
}

// One tensor from the n bytes of its storage. A tensor that is the whole of a storage that only it
// uses takes the bytes over: *owned becomes NULL.
static guise_status make(base_tensor *t, const pth_entry *x, const unsigned char *p, size_t n,
                         void **owned, bool alone, base_error *e)
{
    view v;
    guise_status s = read_view(x, &v, e);
    if (s) return s;
    size_t size = base_dtype_size(v.dtype);
    if (v.end > n / size)
        return base_fail(e, GUISE_BAD_FILE,
                         "tensor '%.100s' needs %llu elements of storage %.40s, which has %zu; the "
                         "file is cut short or damaged",
                         x->name, (unsigned long long)v.end, x->tensor->of->text, n / size);
    t->dtype = v.dtype;
    t->rank = v.rank;
    memcpy(t->dim, v.dim, sizeof t->dim);
    if (alone && *owned && !v.from && is_contiguous(&v) && v.count * size == n) {
        t->owned = *owned;
        *owned = NULL;
    } else {
        t->owned = base_alloc(v.count ? v.count : 1, size);
        if (!t->owned) return base_no_memory(e);
        copy(&v, p, t->owned);
    }
    t->data = t->owned;
    return GUISE_OK;
}

static int by_storage(const void *a, const void *b)
{
    const pth_entry *p = a, *q = b;
    int order = strcmp(p->tensor->of->text, q->tensor->of->text);
    return order ? order : p->index < q->index ? -1 : p->index > q->index;
}

// All together must stay within reason: views may repeat a few bytes without end.
static guise_status check_total(const pth_list *l, uint64_t limit, base_error *e)
{
    uint64_t total = 0;
    for (size_t i = 0; i < l->n; i++) {
        view v;
        guise_status s = read_view(&l->at[i], &v, e);
        if (s) return s;
        uint64_t bytes = v.count * base_dtype_size(v.dtype);
        if (bytes > limit - total)
            return base_fail(e, GUISE_BAD_FILE,
                             "tensor '%.100s' repeats its storage beyond reason; the file is "
                             "damaged",
                             l->at[i].name);
        total += bytes;
    }
    return GUISE_OK;
}

// The entries from..to of one storage.
static guise_status make_group(base_tensors *t, const pth_list *l, size_t from, size_t to,
                               const pth_source *source, base_error *e)
{
    const unsigned char *p = NULL;
    size_t n = 0;
    void *owned = NULL;
    const pk_value *storage = l->at[from].tensor->of;
    guise_status s =
        source->bytes(source, storage->text, base_dtype_size(storage->dtype), &p, &n, &owned, e);
    for (size_t i = from; !s && i < to; i++)
        s = make(&t->at[l->at[i].index], &l->at[i], p, n, &owned, to - from == 1, e);
    base_free(owned);
    return s;
}

guise_status pth_make(base_tensors *t, pth_list *l, const pth_source *source, base_error *e)
{
    *t = (base_tensors){0};
    guise_status s = check_total(l, source->limit, e);
    if (s) return s;
    t->at = base_alloc(l->n, sizeof *t->at);
    if (!t->at) return base_no_memory(e);
    t->n = t->cap = l->n;
    qsort(l->at, l->n, sizeof *l->at, by_storage);
    for (size_t i = 0; !s && i < l->n; i++) {
        char **name = &t->at[l->at[i].index].name;
        *name = base_copy_text(l->at[i].name);
        if (!*name) s = base_no_memory(e);
    }
    for (size_t i = 0, k; !s && i < l->n; i = k) {
        for (k = i + 1; k < l->n; k++)
            if (strcmp(l->at[k].tensor->of->text, l->at[i].tensor->of->text) != 0) break;
        s = make_group(t, l, i, k, source, e);
    }
    if (s) base_tensors_free(t);
    return s;
}
