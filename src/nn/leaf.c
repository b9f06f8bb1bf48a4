// leaf.c -- positions in a network, and the leaf of each parameter in a graph.
#include "nn/store.h"
#include <string.h>

nn nn_root(nn_params *p, tg_graph *g, bool train)
{
    return (nn){.graph = g, .params = p, .path = "", .train = train};
}

// "path.name", or NULL with the graph's error where that is too long.
static const char *join(nn m, const char *name, char text[256])
{
    if (!m.path) return NULL;
    int n = snprintf(text, 256, "%s%s%s", m.path, *m.path ? "." : "", name);
    if (n < 0 || n >= 256) return tg_fail(m.graph, "the parameter name %s.. is too long", text);
    return text;
}

nn nn_at(nn m, const char *format, ...)
{
    char name[128], path[256];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(name, sizeof name, format, ap);
    va_end(ap);
    if (n < 0 || n >= (int)sizeof name) tg_fail(m.graph, "the layer name %s.. is too long", name);
    const char *joined = join(m, name, path);
    m.path = joined ? tg_text(m.graph, "%s", joined) : NULL;
    return m;
}

static nn_record *add_record(nn_params *p, const char *name)
{
    if (!BASE_PUSH_ROOM(p->record, p->n, p->cap)) return NULL;
    size_t n = strlen(name) + 1;
    nn_record *r = base_alloc(1, sizeof *r + n);
    if (!r) return NULL;
    r->e.name = memcpy((char *)(r + 1), name, n);
    r->hash = nn_hash(name);
    r->index = p->n;
    p->record[p->n++] = r;
    return r;
}

// The record of m.<name>, made when the store has none.
static nn_record *record_of(nn m, const char *name, nn_entry e)
{
    char text[256], have[128], want[128];
    const char *full = join(m, name, text);
    if (!full) return NULL;
    nn_params *p = m.params;
    nn_record *r = nn_record_find(p, full);
    if (r && (!tg_same(r->e.shape, e.shape) || r->e.kind != e.kind))
        return tg_fail(m.graph, "the parameter %s is %s in this network and %s in its store", full,
                       tg_shape_text(e.shape, want), tg_shape_text(r->e.shape, have));
    if (r) return r;
    int64_t count = tg_count(e.shape);
    if (count <= 0)
        return tg_fail(m.graph, "the parameter %s has no elements: %s", full,
                       tg_shape_text(e.shape, want));
    if (!(r = add_record(p, full))) return tg_no_memory(m.graph);
    e.name = r->e.name;
    e.offset = p->floats;
    e.count = (size_t)count;
    r->e = e;
    p->floats += e.count;
    return r;
}

// What stands for m.<name> in m's graph.
static nn_slot *slot_of(nn m, const char *name, nn_entry e)
{
    nn_record *r = record_of(m, name, e);
    nn_scope *s = r ? nn_scope_of(m.params, m.graph) : NULL;
    if (!s) return NULL;
    nn_slot *slot = nn_slot_of(m.params, s, r);
    if (!slot) return tg_no_memory(m.graph);
    if (slot->leaf) return slot;
    if (m.constant && !r->settled)
        return tg_fail(m.graph, "the parameter %s has no value to be constant", r->e.name);
    slot->leaf = m.constant ? tg_const(m.graph, r->e.shape, m.params->data + r->e.offset)
                            : tg_param(m.graph, r->e.shape, r->e.name);
    return slot->leaf ? slot : NULL;
}

tg_node *nn_weight(nn m, const char *name, tg_shape s, nn_init init)
{
    nn_entry e = {.shape = s, .kind = NN_WEIGHT, .init = init, .frozen = m.frozen};
    nn_slot *slot = slot_of(m, name, e);
    return slot ? slot->leaf : NULL;
}

tg_node *nn_share(nn m, const char *name, tg_shape s, double at_first)
{
    nn_init init = {NN_INIT_VALUE, at_first};
    nn_entry e = {.shape = s, .kind = NN_WEIGHT, .init = init, .frozen = m.frozen, .share = true};
    nn_slot *slot = slot_of(m, name, e);
    return slot ? slot->leaf : NULL;
}

tg_node *nn_buffer(nn m, const char *name, tg_shape s, nn_init init)
{
    nn_slot *slot = slot_of(m, name, (nn_entry){.shape = s, .kind = NN_BUFFER, .init = init});
    return !slot ? NULL : slot->value ? slot->value : slot->leaf;
}

static void set_value(nn m, nn_slot *slot, const nn_entry *entry, tg_node *value)
{
    nn_scope *s = nn_scope_of(m.params, m.graph);
    if (!s) return;
    if (!slot->update) {
        if (!BASE_PUSH_ROOM(s->update, s->n_updates, s->cap_updates)) {
            tg_no_memory(m.graph);
            return;
        }
        s->update[s->n_updates++].entry = entry;
        slot->update = s->n_updates;
    }
    s->update[slot->update - 1].node = value;
    slot->value = value;
}

void nn_set_buffer(nn m, const char *name, tg_node *value)
{
    char text[256];
    if (!m.train || m.no_update || !value) return;
    const char *full = join(m, name, text);
    nn_record *r = full ? nn_record_find(m.params, full) : NULL;
    nn_scope *s = nn_scope_of(m.params, m.graph);
    if (!full || !s) return;
    if (!r || r->index >= s->n_slots || !s->slot[r->index].leaf) {
        tg_fail(m.graph, "there is no buffer %s to change", full);
        return;
    }
    if (!tg_same(r->e.shape, tg_shape_of(value))) {
        char have[128], want[128];
        tg_fail(m.graph, "the buffer %s is %s, its new value %s", full,
                tg_shape_text(r->e.shape, have), tg_shape_text(tg_shape_of(value), want));
        return;
    }
    set_value(m, &s->slot[r->index], &r->e, value);
}

void nn_counter(nn m, const char *name)
{
    nn_entry e = {.shape = {0}, .kind = NN_COUNTER};
    if (!m.train || m.no_update) {
        record_of(m, name, e);
        return;
    }
    nn_slot *slot = slot_of(m, name, e);
    if (slot) nn_set_buffer(m, name, tg_shift(slot->value ? slot->value : slot->leaf, 1));
}
