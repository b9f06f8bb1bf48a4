// store.h -- the inside of nn_params: entries, and which nodes stand for them in each graph.
#ifndef GUISE_NN_STORE_H
#define GUISE_NN_STORE_H
#include "nn/nn.h"

typedef struct {
    nn_entry e; // first, so that a pointer to one is a pointer to the other
    uint64_t hash;
    size_t index;
    bool settled; // has values
} nn_record;

// What one entry is in one graph.
typedef struct {
    tg_node *leaf;  // NULL: not used there
    tg_node *value; // buffers: newest value there, or NULL
    size_t update;  // 1 + index into updates, or 0
} nn_slot;

// One graph that the store serves. A graph can be freed and another made at its address, so each
// scope leaves a node of its own name in the graph and looks for it before it trusts its nodes.
typedef struct {
    tg_graph *graph;
    int mark_id;
    char mark[64];
    nn_slot *slot; // by index of the entry
    size_t n_slots;
    nn_update *update;
    size_t n_updates, cap_updates;
} nn_scope;

struct nn_params {
    nn_record **record;
    size_t n, cap;
    size_t floats; // of all entries
    float *data;
    size_t floats_held; // of data
    tg_device *device;  // that shares data, or NULL
    nn_scope *scope;
    size_t n_scopes, cap_scopes;
    unsigned long marks; // made so far
};

uint64_t nn_hash(const char *name); // FNV-1a, 64 bits
nn_record *nn_record_find(const nn_params *p, const char *name);
// The scope of g, made when there is none; NULL when out of memory, which is g's error then.
nn_scope *nn_scope_of(nn_params *p, tg_graph *g);
nn_slot *nn_slot_of(nn_params *p, nn_scope *s, const nn_record *r); // NULL: out of memory
guise_status nn_room(nn_params *p, base_error *e);                  // data for all entries

#endif
