// store.c -- the parameter store: entries by name, the flat array, the graphs it serves.
#include "nn/store.h"
#include "graph/op.h"
#include <inttypes.h>
#include <string.h>

guise_status nn_params_open(nn_params **p, base_error *e)
{
    *p = base_alloc(1, sizeof **p);
    return *p ? GUISE_OK : base_no_memory(e);
}

static void scope_clear(nn_scope *s)
{
    base_free(s->slot);
    base_free(s->update);
    *s = (nn_scope){0};
}

void nn_params_close(nn_params **p)
{
    nn_params *q = *p;
    if (!q) return;
    for (size_t i = 0; i < q->n; i++) base_free(q->record[i]);
    for (size_t i = 0; i < q->n_scopes; i++) scope_clear(&q->scope[i]);
    base_free(q->record);
    base_free(q->scope);
    tg_floats_free(q->device, q->data);
    base_free(q);
    *p = NULL;
}

size_t nn_params_n(const nn_params *p) { return p->n; }
const nn_entry *nn_params_entry(const nn_params *p, size_t i) { return &p->record[i]->e; }
size_t nn_params_floats(const nn_params *p) { return p->floats; }
float *nn_params_data(nn_params *p) { return p->data; }

size_t nn_params_weights(const nn_params *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->record[i]->e.kind == NN_WEIGHT) n += p->record[i]->e.count;
    return n;
}

uint64_t nn_hash(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return h;
}

nn_record *nn_record_find(const nn_params *p, const char *name)
{
    uint64_t h = nn_hash(name);
    for (size_t i = 0; i < p->n; i++)
        if (p->record[i]->hash == h && !strcmp(p->record[i]->e.name, name)) return p->record[i];
    return NULL;
}

const nn_entry *nn_params_find(const nn_params *p, const char *name)
{
    nn_record *r = nn_record_find(p, name);
    return r ? &r->e : NULL;
}

guise_status nn_room(nn_params *p, base_error *e)
{
    if (p->floats_held == p->floats && p->data) return GUISE_OK;
    float *data = tg_floats(p->device, p->floats);
    if (!data) return base_no_memory(e);
    if (p->floats_held) memcpy(data, p->data, p->floats_held * sizeof *data);
    tg_floats_free(p->device, p->data);
    p->data = data;
    p->floats_held = p->floats;
    return GUISE_OK;
}

guise_status nn_params_place(nn_params *p, tg_device *d, base_error *e)
{
    if (p->device == d) return GUISE_OK;
    float *data = p->data ? tg_floats(d, p->floats_held) : NULL;
    if (p->data && !data) return base_no_memory(e);
    if (data) memcpy(data, p->data, p->floats_held * sizeof *data);
    tg_floats_free(p->device, p->data);
    p->data = data;
    p->device = d;
    return GUISE_OK;
}

static bool scope_alive(const nn_scope *s)
{
    if (s->mark_id >= tg_n_nodes(s->graph)) return false;
    const tg_node *x = tg_at(s->graph, s->mark_id);
    return x->kind == TG_INPUT && !strcmp(tg_name(x), s->mark);
}

static bool scope_begin(nn_params *p, nn_scope *s, tg_graph *g)
{
    snprintf(s->mark, sizeof s->mark, "store %p, use %lu", (void *)p, p->marks++);
    s->graph = g;
    s->mark_id = tg_n_nodes(g);
    return tg_input(g, TG_SHAPE(1), s->mark) != NULL;
}

nn_scope *nn_scope_of(nn_params *p, tg_graph *g)
{
    nn_scope *s = NULL;
    for (size_t i = 0; i < p->n_scopes && !s; i++)
        if (p->scope[i].graph == g) s = &p->scope[i];
    if (s && scope_alive(s)) return s;
    if (!s) {
        if (!BASE_PUSH_ROOM(p->scope, p->n_scopes, p->cap_scopes)) return tg_no_memory(g);
        s = &p->scope[p->n_scopes++];
    } else {
        base_free(s->slot);
        base_free(s->update);
    }
    *s = (nn_scope){0};
    if (scope_begin(p, s, g)) return s;
    s->graph = NULL;
    return NULL;
}

nn_slot *nn_slot_of(nn_params *p, nn_scope *s, const nn_record *r)
{
    if (r->index >= s->n_slots) {
        size_t n = p->cap > r->index ? p->cap : r->index + 1;
        nn_slot *slot = base_grow(s->slot, n, sizeof *slot);
        if (!slot) return NULL;
        memset(slot + s->n_slots, 0, (n - s->n_slots) * sizeof *slot);
        s->slot = slot;
        s->n_slots = n;
    }
    return &s->slot[r->index];
}

tg_node *nn_leaf(nn_params *p, tg_graph *g, size_t i)
{
    nn_scope *s = nn_scope_of(p, g);
    return s && i < s->n_slots ? s->slot[i].leaf : NULL;
}

guise_status nn_bind(nn_params *p, tg_graph *g, tg_plan *plan, base_error *e)
{
    nn_scope *s = nn_scope_of(p, g);
    if (!s) return base_no_memory(e);
    for (size_t i = 0; i < p->n && i < s->n_slots; i++) {
        if (!s->slot[i].leaf) continue;
        const nn_record *r = p->record[i];
        if (!r->settled)
            return base_fail(e, GUISE_BAD_ARGUMENT,
                             "the parameter %s has no values yet; call nn_settle first", r->e.name);
        guise_status st = tg_plan_bind(plan, s->slot[i].leaf, p->data + r->e.offset, e);
        if (st) return st;
    }
    return GUISE_OK;
}

size_t nn_updates(nn_params *p, tg_graph *g, const nn_update **list)
{
    nn_scope *s = nn_scope_of(p, g);
    *list = s ? s->update : NULL;
    return s ? s->n_updates : 0;
}

// Each gradient is bound to memory of its own, so equal ones and leaves get a copy.
static tg_node *own(tg_node *const d[], size_t n, tg_node *x)
{
    bool taken = x && tg_name(x)[0]; // a leaf
    for (size_t i = 0; i < n; i++) taken |= d[i] == x;
    return x && taken ? own(d, n, tg_detach(x)) : x;
}

void nn_grad_with(nn_params *p, tg_node *y, tg_node *cot, tg_node *grad[])
{
    for (size_t i = 0; i < p->n; i++) grad[i] = NULL;
    if (!y) return;
    tg_graph *g = tg_graph_of(y);
    nn_scope *s = nn_scope_of(p, g);
    tg_node **leaf = base_alloc(2 * p->n, sizeof *leaf), **d = leaf ? leaf + p->n : NULL;
    size_t n = 0;
    if (!leaf) tg_no_memory(g);
    if (!leaf || !s) goto done;
    for (size_t i = 0; i < p->n && i < s->n_slots; i++) {
        const nn_entry *e = &p->record[i]->e;
        if (s->slot[i].leaf && e->kind == NN_WEIGHT && !e->frozen) leaf[n++] = s->slot[i].leaf;
    }
    if (n) tg_grad(y, cot, leaf, (int)n, d);
    for (size_t i = 0; i < n; i++) d[i] = own(d, i, d[i]);
    for (size_t i = p->n, k = n; i-- > 0;)
        if (k && i < s->n_slots && s->slot[i].leaf == leaf[k - 1]) grad[i] = d[--k];
done:
    base_free(leaf);
}

void nn_grad(nn_params *p, tg_node *y, tg_node *grad[]) { nn_grad_with(p, y, NULL, grad); }
