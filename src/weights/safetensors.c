// safetensors.c -- read, check and write .safetensors files.
// Format: huggingface/safetensors README, "Format": u64 little-endian header length, a JSON
// header {name: {dtype, shape, data_offsets}}, then the data; offsets count from the header's end.
#include "weights/weights.h"
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LIMIT ((uint64_t)64 << 20) // bytes

typedef struct {
    uint64_t from, to;
    const char *name;
} extent;

typedef struct {               // one reading
    const unsigned char *data; // after the header
    uint64_t size;
    bool borrow;
    extent *used;
    size_t n_used;
    base_tensors *t;
    base_error *e;
} reading;

#define BAD(...) base_fail(r->e, GUISE_BAD_FILE, __VA_ARGS__)

static guise_status dtype_of(reading *r, const char *name, const json_t *v, base_dtype *d)
{
    const char *s = json_string_value(v);
    if (!s) return BAD("tensor '%.100s' has no dtype; the header is damaged", name);
    for (int i = 0; i < BASE_DTYPES; i++)
        if (!strcmp(s, base_dtype_name((base_dtype)i))) {
            *d = (base_dtype)i;
            return GUISE_OK;
        }
    return BAD("tensor '%.100s' is of dtype '%.20s', which is not read; convert it to F32 or F16",
               name, s);
}

// dims and the bytes that they make
static guise_status shape_of(reading *r, const char *name, const json_t *v, base_tensor *t,
                             uint64_t *bytes)
{
    if (!json_is_array(v)) return BAD("tensor '%.100s' has no shape; the header is damaged", name);
    if (json_array_size(v) > BASE_MAX_RANK)
        return BAD("tensor '%.100s' has %zu dimensions; at most %d are read", name,
                   json_array_size(v), (int)BASE_MAX_RANK);
    *bytes = base_dtype_size(t->dtype);
    t->rank = (int)json_array_size(v);
    for (int i = 0; i < t->rank; i++) {
        const json_t *d = json_array_get(v, (size_t)i);
        t->dim[i] = json_integer_value(d);
        if (!json_is_integer(d) || t->dim[i] < 0)
            return BAD("dimension %d of tensor '%.100s' is not a whole number from 0 up; the "
                       "header is damaged",
                       i, name);
        if (__builtin_mul_overflow(*bytes, (uint64_t)t->dim[i], bytes) || *bytes > PTRDIFF_MAX)
            return BAD("tensor '%.100s' claims more elements than can exist; the header is damaged",
                       name);
    }
    return GUISE_OK;
}

static guise_status place_of(reading *r, const char *name, const json_t *v, uint64_t bytes,
                             extent *x)
{
    const json_t *from = json_array_get(v, 0), *to = json_array_get(v, 1);
    if (json_array_size(v) != 2 || !json_is_integer(from) || !json_is_integer(to) ||
        json_integer_value(from) < 0 || json_integer_value(to) < json_integer_value(from))
        return BAD("data_offsets of tensor '%.100s' are not two rising numbers; the header is "
                   "damaged",
                   name);
    *x = (extent){(uint64_t)json_integer_value(from), (uint64_t)json_integer_value(to), name};
    if (x->to > r->size)
        return BAD("tensor '%.100s' ends at byte %llu of %llu; the file is cut short, fetch it "
                   "again",
                   name, (unsigned long long)x->to, (unsigned long long)r->size);
    if (x->to - x->from != bytes)
        return BAD("tensor '%.100s' has %llu bytes of data where its shape and dtype make %llu; "
                   "the header is damaged",
                   name, (unsigned long long)(x->to - x->from), (unsigned long long)bytes);
    return GUISE_OK;
}

static guise_status take_tensor(reading *r, const char *name, const json_t *v)
{
    base_tensor t = {0};
    uint64_t bytes = 0;
    extent x = {0};
    if (!json_is_object(v)) return BAD("'%.100s' in the header describes no tensor", name);
    guise_status s = dtype_of(r, name, json_object_get(v, "dtype"), &t.dtype);
    if (!s) s = shape_of(r, name, json_object_get(v, "shape"), &t, &bytes);
    if (!s) s = place_of(r, name, json_object_get(v, "data_offsets"), bytes, &x);
    if (s) return s;
    const unsigned char *at = r->data + x.from;
    if (!r->borrow || (uintptr_t)at % base_dtype_size(t.dtype)) {
        const base_tensor *made = base_tensors_add(r->t, name, t.dtype, t.rank, t.dim, at);
        if (!made) return base_no_memory(r->e);
    } else {
        t.data = at;
        t.name = BASE_PUSH_ROOM(r->t->at, r->t->n, r->t->cap) ? base_copy_text(name) : NULL;
        if (!t.name) return base_no_memory(r->e);
        r->t->at[r->t->n++] = t;
    }
    if (bytes) r->used[r->n_used++] = x;
    return GUISE_OK;
}

static guise_status take_meta(reading *r, json_t *meta)
{
    const char *key;
    json_t *v;
    if (!json_is_object(meta)) return BAD("__metadata__ in the header is not an object of texts");
    json_object_foreach(meta, key, v)
    {
        if (!json_is_string(v)) return BAD("metadata '%.100s' in the header is not a text", key);
        if (!base_tensors_set_meta(r->t, key, json_string_value(v))) return base_no_memory(r->e);
    }
    return GUISE_OK;
}

static int by_place(const void *a, const void *b)
{
    const extent *p = a, *q = b;
    return p->from < q->from ? -1 : p->from > q->from;
}

static guise_status take_all(reading *r, json_t *header)
{
    const char *name;
    json_t *v;
    guise_status s = GUISE_OK;
    if (!json_is_object(header)) return BAD("the header is not a JSON object");
    r->used = base_alloc(json_object_size(header) + 1, sizeof *r->used);
    if (!r->used) return base_no_memory(r->e);
    json_object_foreach(header, name, v)
    {
        if (!s && !strcmp(name, "__metadata__"))
            s = take_meta(r, v);
        else if (!s)
            s = take_tensor(r, name, v);
    }
    if (s) return s;
    qsort(r->used, r->n_used, sizeof *r->used, by_place);
    for (size_t i = 1; i < r->n_used; i++)
        if (r->used[i].from < r->used[i - 1].to)
            return BAD("tensors '%.100s' and '%.100s' overlap; the header is damaged",
                       r->used[i - 1].name, r->used[i].name);
    return GUISE_OK;
}

static guise_status parse(base_tensors *t, const unsigned char *p, size_t n, bool borrow,
                          base_error *e)
{
    uint64_t length = 0;
    if (n < 10)
        return base_fail(e, GUISE_BAD_FILE, "no safetensors file: it has %zu bytes, too few", n);
    for (int i = 7; i >= 0; i--) length = length << 8 | p[i];
    if (length > HEADER_LIMIT)
        return base_fail(e, GUISE_BAD_FILE,
                         "no safetensors file, or a damaged one: its header claims %llu bytes; at "
                         "most %llu are read",
                         (unsigned long long)length, (unsigned long long)HEADER_LIMIT);
    if (length > n - 8)
        return base_fail(e, GUISE_BAD_FILE,
                         "the header claims %llu bytes but the file has %zu; it is cut short, "
                         "fetch it again",
                         (unsigned long long)length, n);
    json_error_t why;
    json_t *header = json_loadb((const char *)p + 8, (size_t)length, JSON_REJECT_DUPLICATES, &why);
    if (!header && json_error_code(&why) == json_error_out_of_memory) return base_no_memory(e);
    if (!header)
        return base_fail(e, GUISE_BAD_FILE, "the header is not JSON: %s at byte %d", why.text,
                         why.position);
    reading r = {p + 8 + length, n - 8 - length, borrow, NULL, 0, t, e};
    guise_status s = take_all(&r, header);
    base_free(r.used);
    json_decref(header);
    return s;
}

guise_status weights_safetensors_parse(base_tensors *t, const void *data, size_t n, base_error *e)
{
    *t = (base_tensors){0};
    guise_status s = parse(t, data, n, false, e);
    if (s) base_tensors_free(t);
    return s;
}

guise_status weights_safetensors_read(base_tensors *t, const char *path, base_error *e)
{
    base_error inner = {0};
    *t = (base_tensors){0};
    guise_status s = base_map_open(&t->map, path, e);
    if (s) return s;
    s = parse(t, t->map.data, t->map.size, true, &inner);
    if (s) base_tensors_free(t);
    if (s == GUISE_BAD_FILE) return base_fail(e, s, "%s: %s", path, inner.text);
    return s ? base_no_memory(e) : GUISE_OK;
}

// The header's entry of one tensor whose data begin at *at, which moves on.
static json_t *entry_of(const base_tensor *t, uint64_t at)
{
    json_t *shape = json_array();
    for (int i = 0; shape && i < t->rank; i++)
        if (json_array_append_new(shape, json_integer(t->dim[i]))) {
            json_decref(shape);
            shape = NULL;
        }
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", base_dtype_name(t->dtype), "shape", shape,
                     "data_offsets", (json_int_t)at,
                     (json_int_t)at + (json_int_t)base_tensor_bytes(t));
}

static guise_status put_meta(json_t *header, const base_tensors *t, base_error *e)
{
    if (!t->n_meta) return GUISE_OK;
    json_t *meta = json_object();
    if (json_object_set_new(header, "__metadata__", meta)) return base_no_memory(e);
    for (size_t i = 0; i < t->n_meta; i++) {
        json_t *v = json_string(t->meta[2 * i + 1]);
        if (!v || json_object_set_new(meta, t->meta[2 * i], v))
            return base_fail(e, GUISE_BAD_ARGUMENT, "metadata '%.100s' is not text in UTF-8",
                             t->meta[2 * i]);
    }
    return GUISE_OK;
}

// Data lie by falling element size, so that every array is aligned; the header keeps the order.
static guise_status put_entries(json_t *header, const base_tensors *t, const base_tensor **order,
                                base_error *e)
{
    uint64_t at = 0;
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const char *name = t->at[i].name;
        if (!strcmp(name, "__metadata__") || json_object_get(header, name))
            return base_fail(e, GUISE_BAD_ARGUMENT, "two tensors are named '%.100s'", name);
        if (json_object_set_new(header, name, json_null()))
            return base_fail(e, GUISE_BAD_ARGUMENT, "the name '%.100s' is not text in UTF-8", name);
    }
    for (size_t size = 8; size; size /= 2)
        for (size_t i = 0; i < t->n; i++) {
            const base_tensor *x = &t->at[i];
            if (base_dtype_size(x->dtype) != size) continue;
            if (json_object_set_new(header, x->name, entry_of(x, at))) return base_no_memory(e);
            at += base_tensor_bytes(x);
            order[n++] = x;
        }
    return GUISE_OK;
}

static bool put_bytes(FILE *f, const char *header, const base_tensor *const *order, size_t n)
{
    size_t length = strlen(header), padded = (length + 7) / 8 * 8;
    unsigned char count[8];
    for (int i = 0; i < 8; i++) count[i] = (unsigned char)(padded >> 8 * i);
    bool ok = fwrite(count, 1, 8, f) == 8 && fwrite(header, 1, length, f) == length;
    for (size_t i = length; i < padded; i++) ok = ok && putc(' ', f) != EOF;
    for (size_t i = 0; ok && i < n; i++) {
        size_t bytes = base_tensor_bytes(order[i]);
        ok = fwrite(order[i]->data, 1, bytes, f) == bytes;
    }
    return ok;
}

static guise_status write_file(const char *path, const char *header,
                               const base_tensor *const *order, size_t n, base_error *e)
{
    base_out *o = NULL;
    guise_status s = base_out_open(&o, path, e);
    if (s) return s;
    if (put_bytes(base_out_file(o), header, order, n)) return base_out_commit(&o, e);
    base_out_close(&o);
    return base_fail(e, GUISE_IO, "%s: cannot be written whole; is the disk full?", path);
}

guise_status weights_safetensors_write(const base_tensors *t, const char *path, base_error *e)
{
    json_t *header = json_object();
    const base_tensor **order = base_alloc(t->n + 1, sizeof *order);
    char *text = NULL;
    guise_status s = header && order ? GUISE_OK : base_no_memory(e);
    if (!s) s = put_meta(header, t, e);
    if (!s) s = put_entries(header, t, order, e);
    if (!s) text = json_dumps(header, JSON_COMPACT);
    if (!s) s = text ? write_file(path, text, order, t->n, e) : base_no_memory(e);
    free(text); // jansson's
    json_decref(header);
    base_free(order);
    return s;
}
