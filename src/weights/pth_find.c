// pth_find.c -- the tensors inside a pickle's value, named by their path.
// Names are those of Module.state_dict: torch/nn/modules/module.py.
#include "weights/pth.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_DEPTH = 200,
    MAX_VISITS = 1 << 17,
    MAX_TENSORS = 1 << 18,
    MAX_ENTRIES = 1 << 22,
    MAX_NAME = 1000
};

typedef struct {
    pth_list *l;
    base_error *e;
    char name[MAX_NAME + 1]; // path so far
    size_t length;
    int depth;
    size_t visits, entries;
} walk;

#define BAD(...) base_fail(w->e, GUISE_BAD_FILE, __VA_ARGS__)

static guise_status visit(walk *w, pk_value *v);

static guise_status add(walk *w, const pk_value *tensor)
{
    pth_list *l = w->l;
    if (l->n >= MAX_TENSORS) return BAD("the file holds more than %d tensors", (int)MAX_TENSORS);
    if (!BASE_PUSH_ROOM(l->at, l->n, l->cap)) return base_no_memory(w->e);
    char *name = base_copy_text(w->length ? w->name : "tensor");
    if (!name) return base_no_memory(w->e);
    l->at[l->n] = (pth_entry){name, tensor, l->n};
    l->n++;
    return GUISE_OK;
}

// Visit v as the child `key` of where we are; NULL: under the same name.
static guise_status child(walk *w, const char *key, pk_value *v)
{
    size_t was = w->length, n = key ? strlen(key) : 0;
    if (++w->entries > MAX_ENTRIES)
        return BAD("the pickle repeats itself too often, no file of weights");
    if (was + n + 1 > MAX_NAME) return BAD("a tensor's name is longer than %d", (int)MAX_NAME);
    if (key && was) w->name[w->length++] = '.';
    if (key) memcpy(w->name + w->length, key, n);
    w->length += n;
    w->name[w->length] = '\0';
    guise_status s = visit(w, v);
    w->length = was;
    w->name[was] = '\0';
    return s;
}

// Every entry of a dictionary under its key, text or number; of a list under its place.
static guise_status entries(walk *w, const pk_value *v)
{
    guise_status s = GUISE_OK;
    bool pairs = v->kind == PK_DICT || v->kind == PK_OBJECT;
    size_t n = pairs ? v->n / 2 : v->n;
    for (size_t i = 0; !s && i < n; i++) {
        const pk_value *key = pairs ? v->item[2 * i] : NULL;
        char number[24];
        snprintf(number, sizeof number, "%" PRId64, key ? key->i : (int64_t)i);
        if (key && key->kind == PK_TEXT)
            s = child(w, key->text, v->item[2 * i + 1]);
        else if (!key || key->kind == PK_INT)
            s = child(w, number, pairs ? v->item[2 * i + 1] : v->item[i]);
    }
    return s;
}

static bool is_parallel(const pk_value *v)
{
    return v->of && v->of->kind == PK_CLASS && strstr(v->of->text, "DataParallel");
}

// A module: its parameters, its buffers, its children. Any other object: all of its state.
static guise_status object(walk *w, const pk_value *v)
{
    static const char *const parts[] = {"_parameters", "_buffers", "_modules"};
    bool module = false;
    guise_status s = GUISE_OK;
    pk_value *inner = is_parallel(v) ? pk_get(pk_get(v, "_modules"), "module") : NULL;
    if (inner) return child(w, NULL, inner);
    for (size_t i = 0; !s && i < 3; i++) {
        pk_value *part = pk_get(v, parts[i]);
        module = module || part;
        if (part) s = child(w, NULL, part);
    }
    if (module || s) return s;
    if (v->state) s = child(w, NULL, v->state);
    return s ? s : entries(w, v);
}

static guise_status visit(walk *w, pk_value *v)
{
    bool holds =
        v->kind == PK_DICT || v->kind == PK_LIST || v->kind == PK_TUPLE || v->kind == PK_OBJECT;
    if (v->kind == PK_TENSOR) return add(w, v);
    if (!holds) return GUISE_OK;
    if (v->open) return BAD("'%.100s' in the pickle contains itself; the file is damaged", w->name);
    if (++w->visits > MAX_VISITS || w->depth >= MAX_DEPTH)
        return BAD("the pickle is nested too deeply or too often, no file of weights");
    v->open = true;
    w->depth++;
    guise_status s = v->kind == PK_OBJECT ? object(w, v) : entries(w, v);
    w->depth--;
    v->open = false;
    return s;
}

// What of a checkpoint is the network: possibly a state_dict within a model within the rest.
static pk_value *network(pk_value *root)
{
    static const char *const keys[] = {"state_dict", "model", "state_dict"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        pk_value *v = root->kind == PK_DICT ? pk_get(root, keys[i]) : NULL;
        if (v && (v->kind == PK_DICT || v->kind == PK_OBJECT)) root = v;
    }
    return root;
}

// "module." before every name is DataParallel's, saved by its own state_dict().
static void strip(pth_list *l)
{
    static const char prefix[] = "module.";
    size_t n = sizeof prefix - 1;
    for (size_t i = 0; i < l->n; i++)
        if (strncmp(l->at[i].name, prefix, n) != 0 || !l->at[i].name[n]) return;
    for (size_t i = 0; i < l->n; i++) { // by hand: gcc 12 with a sanitizer warns of memmove
        char *to = l->at[i].name;
        for (const char *from = to + n; (*to++ = *from++);) {
        }
    }
}

static int by_name(const void *a, const void *b)
{
    const pth_entry *p = a, *q = b;
    return strcmp(p->name, q->name);
}

guise_status pth_find(pth_list *l, pk_value *root, base_error *e)
{
    walk w = {.l = l, .e = e};
    guise_status s = visit(&w, network(root));
    if (s) return s;
    if (!l->n)
        return base_fail(e, GUISE_BAD_FILE,
                         "the file holds no tensors; give the file of weights "
                         "itself (a state_dict or a module)");
    strip(l);
    qsort(l->at, l->n, sizeof *l->at, by_name);
    for (size_t i = 1; i < l->n; i++)
        if (!strcmp(l->at[i].name, l->at[i - 1].name))
            return base_fail(e, GUISE_BAD_FILE, "two tensors are named '%.100s'", l->at[i].name);
    return GUISE_OK;
}

void pth_list_free(pth_list *l)
{
    for (size_t i = 0; i < l->n; i++) base_free(l->at[i].name);
    base_free(l->at);
    *l = (pth_list){0};
}
