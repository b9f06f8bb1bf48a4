// pickle.h -- values of a Python pickle, read without running anything.
//
// What a pickle would call is looked up in a short table (tensors, parameters, dictionaries);
// every other class makes an inert object that only keeps what it was given.
#ifndef GUISE_WEIGHTS_PICKLE_H
#define GUISE_WEIGHTS_PICKLE_H

#include "base/tensors.h"

typedef enum {
    PK_NONE,
    PK_INT, // truth values too
    PK_REAL,
    PK_TEXT,    // bytes too
    PK_TUPLE,   // item
    PK_LIST,    // item
    PK_DICT,    // item: key, value, key, value
    PK_CLASS,   // text: "module name"
    PK_OBJECT,  // of: class; state: what BUILD gave, or NULL; item: as of a dictionary
    PK_STORAGE, // text: key; i: elements; from: first element, where it is a view
    PK_TENSOR,  // of: storage; i: offset in elements; size, stride: tuples
} pk_kind;

typedef struct pk_value pk_value;
struct pk_value {
    pk_kind kind;
    base_dtype dtype; // PK_STORAGE
    bool open;        // a walk is inside it
    int64_t i, from;
    char *text;
    pk_value **item, *of, *state, *size, *stride;
    size_t n, cap;  // of item
    pk_value *next; // all values of the heap
};

typedef struct { // owns the values; all zero bytes is an empty one
    pk_value *all;
    size_t n;
    size_t copied; // entries of dictionaries out of lists, at most PK_COPIES
} pk_heap;
enum { PK_COPIES = 1 << 22 };

// Read one pickle from the start of p; *used is its length.
// Errors: GUISE_BAD_FILE, GUISE_NO_MEMORY. Values stay in h in any case.
guise_status pk_read(pk_heap *h, const unsigned char *p, size_t n, size_t *used, pk_value **out,
                     base_error *e);
void pk_free(pk_heap *h);

// Value of a text key of a dictionary or an object's state; NULL when absent, or v is neither.
// The last one counts.
pk_value *pk_get(const pk_value *v, const char *key);

// For pickle_call.c: a new value; NULL when out of memory or over the limit.
pk_value *pk_new(pk_heap *h, pk_kind kind);
bool pk_push(pk_value *to, pk_value *v); // one more item
// What calling f(args) gives, without calling anything. NULL when out of memory.
guise_status pk_call(pk_heap *h, pk_value *f, pk_value *args, pk_value **out, base_error *e);
// What a persistent id stands for: a storage, or the class of a module.
guise_status pk_persistent(pk_heap *h, pk_value *id, pk_value **out, base_error *e);
#endif
