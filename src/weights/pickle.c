// pickle.c -- a reader of Python pickles, protocols 2 to 5, that makes plain values and runs
// nothing. Opcodes and their arguments: CPython, Lib/pickletools.py.
#include "weights/pickle.h"
#include <string.h>

enum { MAX_VALUES = 1 << 20, MAX_MARKS = 1 << 16 };

typedef struct {
    const unsigned char *p;
    size_t n, at;
    pk_heap *heap;
    pk_value **stack, **memo;
    size_t top, cap_stack, n_memo, cap_memo;
    size_t *mark, n_marks, cap_marks;
    bool done;
    base_error *e;
} reader;

typedef guise_status opcode(reader *r);

#define BAD(...) base_fail(r->e, GUISE_BAD_FILE, __VA_ARGS__)

pk_value *pk_new(pk_heap *h, pk_kind kind)
{
    pk_value *v = h->n < MAX_VALUES ? base_alloc(1, sizeof *v) : NULL;
    if (!v) return NULL;
    v->kind = kind;
    v->next = h->all;
    h->all = v;
    h->n++;
    return v;
}

bool pk_push(pk_value *to, pk_value *v)
{
    if (!BASE_PUSH_ROOM(to->item, to->n, to->cap)) return false;
    to->item[to->n++] = v;
    return true;
}

void pk_free(pk_heap *h)
{
    for (pk_value *v = h->all, *next; v; v = next) {
        next = v->next;
        base_free(v->text);
        base_free(v->item);
        base_free(v);
    }
    *h = (pk_heap){0};
}

pk_value *pk_get(const pk_value *v, const char *key)
{
    if (v && v->kind == PK_OBJECT) v = v->state;
    if (!v || v->kind != PK_DICT) return NULL;
    for (size_t i = v->n / 2; i-- > 0;)
        if (v->item[2 * i]->kind == PK_TEXT && !strcmp(v->item[2 * i]->text, key))
            return v->item[2 * i + 1];
    return NULL;
}

// The next n bytes, or NULL and an error.
static const unsigned char *bytes(reader *r, uint64_t n)
{
    if (n > r->n - r->at) {
        BAD("the pickle ends too early; the file is cut short, fetch it again");
        return NULL;
    }
    const unsigned char *p = r->p + r->at;
    r->at += (size_t)n;
    return p;
}

static uint64_t number(const unsigned char *p, int n) // little-endian
{
    uint64_t v = 0;
    for (int i = n; i-- > 0;) v = v << 8 | p[i];
    return v;
}

static guise_status push(reader *r, pk_value *v)
{
    if (!v && r->heap->n >= MAX_VALUES)
        return BAD("the pickle holds more than %d values, no file of weights", (int)MAX_VALUES);
    if (!v || !BASE_PUSH_ROOM(r->stack, r->top, r->cap_stack)) return base_no_memory(r->e);
    r->stack[r->top++] = v;
    return GUISE_OK;
}

static guise_status push_new(reader *r, pk_kind kind, int64_t i)
{
    pk_value *v = pk_new(r->heap, kind);
    if (v) v->i = i;
    return push(r, v);
}

// Lowest place on the stack that may be taken off: what lies under a mark is out of reach.
static size_t ground(const reader *r) { return r->n_marks ? r->mark[r->n_marks - 1] : 0; }

static pk_value *pop(reader *r)
{
    if (r->top <= ground(r)) {
        BAD("the pickle takes from an empty stack; the file is damaged");
        return NULL;
    }
    return r->stack[--r->top];
}

static guise_status mark(reader *r)
{
    if (r->n_marks >= MAX_MARKS) return BAD("the pickle is nested too deeply");
    if (!BASE_PUSH_ROOM(r->mark, r->n_marks, r->cap_marks)) return base_no_memory(r->e);
    r->mark[r->n_marks++] = r->top;
    return GUISE_OK;
}

// Take off the last mark; the values above it begin at *from.
static guise_status unmark(reader *r, size_t *from)
{
    if (!r->n_marks)
        return BAD("the pickle ends a list that it did not begin; the file is damaged");
    *from = r->mark[--r->n_marks];
    return GUISE_OK;
}

// Values from `from` up become items of `to` and leave the stack.
static guise_status collect(reader *r, pk_value *to, size_t from)
{
    for (size_t i = from; i < r->top; i++)
        if (!pk_push(to, r->stack[i])) return base_no_memory(r->e);
    r->top = from;
    return GUISE_OK;
}

static guise_status proto(reader *r)
{
    const unsigned char *p = bytes(r, 1);
    if (!p) return GUISE_BAD_FILE;
    return *p <= 5 ? GUISE_OK : BAD("pickle protocol %d is not known", *p);
}

static guise_status frame(reader *r) { return bytes(r, 8) ? GUISE_OK : GUISE_BAD_FILE; }

static guise_status stop(reader *r)
{
    r->done = true;
    return GUISE_OK;
}

static guise_status none(reader *r) { return push_new(r, PK_NONE, 0); }
static guise_status yes(reader *r) { return push_new(r, PK_INT, 1); }
static guise_status no(reader *r) { return push_new(r, PK_INT, 0); }

static guise_status integer(reader *r, int n) // n bytes; only 4 have a sign
{
    const unsigned char *p = bytes(r, (uint64_t)n);
    if (!p) return GUISE_BAD_FILE;
    uint64_t v = number(p, n);
    return push_new(r, PK_INT, n == 4 ? (int64_t)(int32_t)(uint32_t)v : (int64_t)v);
}

static guise_status int1(reader *r) { return integer(r, 1); }
static guise_status int2(reader *r) { return integer(r, 2); }
static guise_status int4(reader *r) { return integer(r, 4); }

// Two's complement of any length; what does not fit 64 bits is no size of ours and becomes -1.
static guise_status long_of(reader *r, int length)
{
    const unsigned char *p = bytes(r, (uint64_t)length);
    uint64_t n = p ? number(p, length) : 0;
    if (p) p = bytes(r, n);
    if (!p) return GUISE_BAD_FILE;
    if (n > 8) return push_new(r, PK_INT, -1);
    uint64_t v = number(p, (int)n);
    if (n && n < 8 && p[n - 1] & 0x80) v |= ~(uint64_t)0 << 8 * n;
    return push_new(r, PK_INT, (int64_t)v);
}

static guise_status long1(reader *r) { return long_of(r, 1); }
static guise_status long4(reader *r) { return long_of(r, 4); }

static guise_status real(reader *r) // its value is of no use here
{
    return bytes(r, 8) ? push_new(r, PK_REAL, 0) : GUISE_BAD_FILE;
}

static guise_status text_value(reader *r, pk_kind kind, const unsigned char *p, size_t n)
{
    pk_value *v = pk_new(r->heap, kind);
    if (v) v->text = base_alloc(n + 1, 1);
    if (v && !v->text) return base_no_memory(r->e);
    if (v) memcpy(v->text, p, n);
    return push(r, v);
}

static guise_status text_of(reader *r, int length)
{
    const unsigned char *p = bytes(r, (uint64_t)length);
    uint64_t n = p ? number(p, length) : 0;
    if (p) p = bytes(r, n);
    return p ? text_value(r, PK_TEXT, p, (size_t)n) : GUISE_BAD_FILE;
}

static guise_status text1(reader *r) { return text_of(r, 1); }
static guise_status text4(reader *r) { return text_of(r, 4); }
static guise_status text8(reader *r) { return text_of(r, 8); }

static guise_status empty_tuple(reader *r) { return push_new(r, PK_TUPLE, 0); }
static guise_status empty_list(reader *r) { return push_new(r, PK_LIST, 0); }
static guise_status empty_dict(reader *r) { return push_new(r, PK_DICT, 0); }

// Values above `from` become one new value.
static guise_status gather(reader *r, pk_kind kind, size_t from)
{
    pk_value *v = pk_new(r->heap, kind);
    guise_status s = v ? collect(r, v, from) : GUISE_OK;
    return s ? s : push(r, v);
}

static guise_status gather_marked(reader *r, pk_kind kind)
{
    size_t from = 0;
    guise_status s = unmark(r, &from);
    return s ? s : gather(r, kind, from);
}

static guise_status tuple(reader *r) { return gather_marked(r, PK_TUPLE); }
static guise_status list(reader *r) { return gather_marked(r, PK_LIST); }
static guise_status dict(reader *r) { return gather_marked(r, PK_DICT); }

static guise_status tuple_of(reader *r, size_t n)
{
    if (r->top - ground(r) < n)
        return pop(r) ? BAD("the pickle lacks values for a tuple") : GUISE_BAD_FILE;
    return gather(r, PK_TUPLE, r->top - n);
}

static guise_status tuple1(reader *r) { return tuple_of(r, 1); }
static guise_status tuple2(reader *r) { return tuple_of(r, 2); }
static guise_status tuple3(reader *r) { return tuple_of(r, 3); }

// The container that values from `from` up go into lies just under them.
static guise_status extend(reader *r, size_t from, bool pairs)
{
    if (from <= ground(r)) return BAD("the pickle adds to nothing; the file is damaged");
    pk_value *to = r->stack[from - 1];
    bool fits = to->kind == PK_OBJECT || to->kind == (pairs ? PK_DICT : PK_LIST);
    if (!fits || (pairs && (r->top - from) % 2))
        return BAD("the pickle adds to what is no %s; the file is damaged",
                   pairs ? "dictionary" : "list");
    if (to->kind == PK_OBJECT && !pairs) { // a list or set of a class that we do not know
        r->top = from;
        return GUISE_OK;
    }
    return collect(r, to, from);
}

static guise_status extend_marked(reader *r, bool pairs)
{
    size_t from = 0;
    guise_status s = unmark(r, &from);
    return s ? s : extend(r, from, pairs);
}

static guise_status appends(reader *r) { return extend_marked(r, false); }
static guise_status set_items(reader *r) { return extend_marked(r, true); }

static guise_status append(reader *r)
{
    return r->top < 2 ? BAD("the pickle adds to nothing; the file is damaged")
                      : extend(r, r->top - 1, false);
}

static guise_status set_item(reader *r)
{
    return r->top < 3 ? BAD("the pickle adds to nothing; the file is damaged")
                      : extend(r, r->top - 2, true);
}

static guise_status pop_one(reader *r)
{
    if (r->n_marks && r->top == ground(r)) { // the mark itself
        r->n_marks--;
        return GUISE_OK;
    }
    return pop(r) ? GUISE_OK : GUISE_BAD_FILE;
}

static guise_status pop_mark(reader *r)
{
    size_t from = 0;
    guise_status s = unmark(r, &from);
    if (!s) r->top = from;
    return s;
}

static guise_status dup(reader *r)
{
    pk_value *v = pop(r);
    guise_status s = v ? push(r, v) : GUISE_BAD_FILE;
    return s ? s : push(r, v);
}

static guise_status class_named(reader *r, const char *module, size_t m, const char *name, size_t n)
{
    pk_value *v = pk_new(r->heap, PK_CLASS);
    if (v) v->text = base_format("%.*s %.*s", (int)m, module, (int)n, name);
    if (v && !v->text) return base_no_memory(r->e);
    return push(r, v);
}

static guise_status global(reader *r) // two lines
{
    const char *line[2];
    size_t n[2];
    for (int i = 0; i < 2; i++) {
        line[i] = (const char *)r->p + r->at;
        const char *end = memchr(line[i], '\n', r->n - r->at);
        n[i] = end ? (size_t)(end - line[i]) : 0;
        if (!end || n[i] > 1000)
            return BAD("the pickle ends within a class name, or it is damaged");
        r->at += n[i] + 1;
    }
    return class_named(r, line[0], n[0], line[1], n[1]);
}

static guise_status stack_global(reader *r)
{
    const pk_value *name = pop(r), *module = name ? pop(r) : NULL;
    if (!module) return GUISE_BAD_FILE;
    if (name->kind != PK_TEXT || module->kind != PK_TEXT || strlen(name->text) > 1000 ||
        strlen(module->text) > 1000)
        return BAD("a class name in the pickle is no text; the file is damaged");
    return class_named(r, module->text, strlen(module->text), name->text, strlen(name->text));
}

static guise_status reduce(reader *r) // f(*args); NEWOBJ too
{
    pk_value *args = pop(r), *f = args ? pop(r) : NULL, *v = NULL;
    if (!f) return GUISE_BAD_FILE;
    guise_status s = pk_call(r->heap, f, args, &v, r->e);
    return s ? s : push(r, v);
}

static guise_status new_object_ex(reader *r) // class, args, keyword args
{
    return pop(r) ? reduce(r) : GUISE_BAD_FILE;
}

static guise_status build(reader *r) // give an object its state
{
    pk_value *state = pop(r), *to = state ? pop(r) : NULL;
    if (!to) return GUISE_BAD_FILE;
    // (dictionary, slots): the dictionary is what counts
    if (state->kind == PK_TUPLE && state->n == 2 && state->item[0]->kind == PK_DICT)
        state = state->item[0];
    if (to->kind == PK_OBJECT) to->state = state;
    return push(r, to);
}

static guise_status persistent(reader *r)
{
    pk_value *id = pop(r), *v = NULL;
    if (!id) return GUISE_BAD_FILE;
    guise_status s = pk_persistent(r->heap, id, &v, r->e);
    return s ? s : push(r, v);
}

static guise_status put_at(reader *r, uint64_t i)
{
    if (r->top <= ground(r) || i >= MAX_VALUES)
        return BAD("the pickle remembers value %llu wrongly; the file is damaged",
                   (unsigned long long)i);
    while (r->n_memo <= i) {
        if (!BASE_PUSH_ROOM(r->memo, r->n_memo, r->cap_memo)) return base_no_memory(r->e);
        r->memo[r->n_memo++] = NULL;
    }
    r->memo[i] = r->stack[r->top - 1];
    return GUISE_OK;
}

static guise_status put_of(reader *r, int length)
{
    const unsigned char *p = bytes(r, (uint64_t)length);
    return p ? put_at(r, number(p, length)) : GUISE_BAD_FILE;
}

static guise_status get_of(reader *r, int length)
{
    const unsigned char *p = bytes(r, (uint64_t)length);
    if (!p) return GUISE_BAD_FILE;
    uint64_t i = number(p, length);
    if (i >= r->n_memo || !r->memo[i])
        return BAD("the pickle recalls value %llu, which it never had; the file is damaged",
                   (unsigned long long)i);
    return push(r, r->memo[i]);
}

static guise_status put1(reader *r) { return put_of(r, 1); }
static guise_status put4(reader *r) { return put_of(r, 4); }
static guise_status get1(reader *r) { return get_of(r, 1); }
static guise_status get4(reader *r) { return get_of(r, 4); }
static guise_status memoize(reader *r) { return put_at(r, r->n_memo); }

static opcode *const table[256] = {
    ['('] = mark,           [')'] = empty_tuple,   ['.'] = stop,       ['0'] = pop_one,
    ['1'] = pop_mark,       ['2'] = dup,           ['B'] = text4,      ['C'] = text1,
    ['G'] = real,           ['J'] = int4,          ['K'] = int1,       ['M'] = int2,
    ['N'] = none,           ['Q'] = persistent,    ['R'] = reduce,     ['T'] = text4,
    ['U'] = text1,          ['X'] = text4,         [']'] = empty_list, ['a'] = append,
    ['b'] = build,          ['c'] = global,        ['d'] = dict,       ['e'] = appends,
    ['h'] = get1,           ['j'] = get4,          ['l'] = list,       ['q'] = put1,
    ['r'] = put4,           ['s'] = set_item,      ['t'] = tuple,      ['u'] = set_items,
    ['}'] = empty_dict,     [0x80] = proto,        [0x81] = reduce,    [0x85] = tuple1,
    [0x86] = tuple2,        [0x87] = tuple3,       [0x88] = yes,       [0x89] = no,
    [0x8a] = long1,         [0x8b] = long4,        [0x8c] = text1,     [0x8d] = text8,
    [0x8e] = text8,         [0x8f] = empty_list,   [0x90] = appends,   [0x91] = list,
    [0x92] = new_object_ex, [0x93] = stack_global, [0x94] = memoize,   [0x95] = frame,
    [0x96] = text8, // a set is kept as a list
};

guise_status pk_read(pk_heap *h, const unsigned char *p, size_t n, size_t *used, pk_value **out,
                     base_error *e)
{
    reader reading = {.p = p, .n = n, .heap = h, .e = e}, *r = &reading;
    guise_status s = GUISE_OK;
    while (!s && !r->done) {
        const unsigned char *op = bytes(r, 1);
        if (!op)
            s = GUISE_BAD_FILE;
        else if (!table[*op])
            s = BAD("byte 0x%02x is no pickle instruction that PyTorch writes; the file is damaged",
                    *op);
        else
            s = table[*op](r);
    }
    *used = r->at;
    *out = s ? NULL : pop(r);
    if (!s && !*out) s = GUISE_BAD_FILE;
    base_free(r->stack);
    base_free(r->memo);
    base_free(r->mark);
    return s;
}
