// pickle_call.c -- what the calls inside PyTorch's pickles mean.
// Names and argument orders: torch/_utils.py (_rebuild_*), torch/serialization.py (persistent_id).
#include "weights/pickle.h"
#include <string.h>

static const pk_value *arg(const pk_value *args, size_t i)
{
    return args && args->kind == PK_TUPLE && i < args->n ? args->item[i] : NULL;
}

static bool is_kind(const pk_value *v, pk_kind kind) { return v && v->kind == kind; }

// _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)
static guise_status tensor(pk_heap *h, pk_value *args, pk_value **out, base_error *e)
{
    const pk_value *offset = arg(args, 1);
    bool ok = is_kind(arg(args, 0), PK_STORAGE) && is_kind(offset, PK_INT) &&
              is_kind(arg(args, 2), PK_TUPLE) && is_kind(arg(args, 3), PK_TUPLE);
    if (!ok)
        return base_fail(e, GUISE_BAD_FILE,
                         "a tensor in the pickle is not made of storage, offset, size and stride; "
                         "the file is damaged");
    pk_value *t = pk_new(h, PK_TENSOR);
    if (!t) return base_no_memory(e);
    t->of = args->item[0];
    t->i = offset->i;
    t->size = args->item[2];
    t->stride = args->item[3];
    *out = t;
    return GUISE_OK;
}

// _rebuild_parameter(data, ...), torch.Size(tuple): the first argument
static guise_status first(pk_heap *h, pk_value *args, pk_value **out, base_error *e)
{
    (void)h;
    if (!arg(args, 0))
        return base_fail(e, GUISE_BAD_FILE,
                         "a call in the pickle has no argument; the file is "
                         "damaged");
    *out = args->item[0];
    return GUISE_OK;
}

// OrderedDict(), or OrderedDict([[key, value], ...])
static guise_status dictionary(pk_heap *h, pk_value *args, pk_value **out, base_error *e)
{
    pk_value *d = pk_new(h, PK_DICT);
    const pk_value *from = arg(args, 0);
    if (!d) return base_no_memory(e);
    for (size_t i = 0; is_kind(from, PK_LIST) && i < from->n; i++) {
        const pk_value *pair = from->item[i];
        bool two = (pair->kind == PK_TUPLE || pair->kind == PK_LIST) && pair->n == 2;
        if (two && ++h->copied > PK_COPIES)
            return base_fail(e, GUISE_BAD_FILE,
                             "the pickle copies more than %d entries of dictionaries, no file of "
                             "weights",
                             (int)PK_COPIES);
        if (two && (!pk_push(d, pair->item[0]) || !pk_push(d, pair->item[1])))
            return base_no_memory(e);
    }
    *out = d;
    return GUISE_OK;
}

// _rebuild_from_type_v2(function, type, args, state): function(*args)
static guise_status from_type(pk_heap *h, pk_value *args, pk_value **out, base_error *e)
{
    const pk_value *f = arg(args, 0);
    if (!is_kind(f, PK_CLASS) || !strcmp(f->text, "torch._tensor _rebuild_from_type_v2") ||
        !arg(args, 2))
        return base_fail(e, GUISE_BAD_FILE,
                         "a tensor in the pickle is not made of a function and "
                         "its arguments; the file is damaged");
    return pk_call(h, args->item[0], args->item[2], out, e);
}

static const struct {
    const char *name;
    guise_status (*call)(pk_heap *h, pk_value *args, pk_value **out, base_error *e);
} known[] = {
    {"torch._utils _rebuild_tensor_v2", tensor},
    {"torch._utils _rebuild_tensor", tensor},
    {"torch._utils _rebuild_parameter", first},
    {"torch._utils _rebuild_parameter_with_state", first},
    {"torch._tensor _rebuild_from_type_v2", from_type},
    {"torch Size", first},
    {"collections OrderedDict", dictionary},
    {"collections defaultdict", dictionary},
    {"builtins dict", dictionary},
    {"__builtin__ dict", dictionary},
};

guise_status pk_call(pk_heap *h, pk_value *f, pk_value *args, pk_value **out, base_error *e)
{
    for (size_t i = 0; f->kind == PK_CLASS && i < sizeof known / sizeof *known; i++)
        if (!strcmp(f->text, known[i].name)) return known[i].call(h, args, out, e);
    pk_value *o = pk_new(h, PK_OBJECT); // inert
    if (!o) return base_no_memory(e);
    // copyreg's way of making an object: its class is the first argument
    bool maker = f->kind == PK_CLASS && strstr(f->text, " _reconstructor") && arg(args, 0);
    o->of = maker ? args->item[0] : f;
    *out = o;
    return GUISE_OK;
}

static const struct {
    const char *name;
    base_dtype dtype;
} storages[] = {
    {"FloatStorage", BASE_F32},  {"HalfStorage", BASE_F16}, {"BFloat16Storage", BASE_BF16},
    {"DoubleStorage", BASE_F64}, {"LongStorage", BASE_I64}, {"IntStorage", BASE_I32},
    {"ShortStorage", BASE_I16},  {"CharStorage", BASE_I8},  {"ByteStorage", BASE_U8},
    {"BoolStorage", BASE_BOOL},
};

// ('storage', type, key, location, elements[, view]); view: None or (key, from, elements)
static guise_status storage(pk_heap *h, pk_value *id, pk_value **out, base_error *e)
{
    const pk_value *type = arg(id, 1), *key = arg(id, 2), *n = arg(id, 4), *view = arg(id, 5);
    if (!is_kind(type, PK_CLASS) || !is_kind(key, PK_TEXT) || !is_kind(n, PK_INT))
        return base_fail(e, GUISE_BAD_FILE,
                         "a storage in the pickle has no type, key and size; "
                         "the file is damaged");
    pk_value *s = pk_new(h, PK_STORAGE);
    if (!s) return base_no_memory(e);
    s->text = base_copy_text(key->text);
    if (!s->text) return base_no_memory(e);
    s->i = n->i;
    if (is_kind(arg(view, 1), PK_INT)) s->from = arg(view, 1)->i;
    *out = s;
    const char *name = strrchr(type->text, ' ') + 1; // "torch FloatStorage", "torch.cuda ..."
    for (size_t i = 0; i < sizeof storages / sizeof *storages; i++)
        if (!strcmp(name, storages[i].name)) {
            s->dtype = storages[i].dtype;
            return GUISE_OK;
        }
    return base_fail(e, GUISE_BAD_FILE,
                     "a storage of type %.60s is not read; save the weights as "
                     "float32 or float16",
                     type->text);
}

guise_status pk_persistent(pk_heap *h, pk_value *id, pk_value **out, base_error *e)
{
    const pk_value *kind = arg(id, 0);
    if (is_kind(kind, PK_TEXT) && !strcmp(kind->text, "storage")) return storage(h, id, out, e);
    if (is_kind(kind, PK_TEXT) && !strcmp(kind->text, "module") && is_kind(arg(id, 1), PK_CLASS)) {
        *out = id->item[1];
        return GUISE_OK;
    }
    return base_fail(e, GUISE_BAD_FILE,
                     "the pickle refers to something that is neither a storage "
                     "nor a module; the file is not from PyTorch or damaged");
}
