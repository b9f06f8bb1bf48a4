// pth.h -- what the files of the .pth reader share: tensors found in a pickle, and their bytes.
#ifndef GUISE_WEIGHTS_PTH_H
#define GUISE_WEIGHTS_PTH_H

#include "weights/pickle.h"

typedef struct {
    char *name;
    const pk_value *tensor;
    size_t index; // order in the file
} pth_entry;

typedef struct {
    pth_entry *at;
    size_t n, cap;
} pth_list;

// Walk the value of a pickle: dictionaries, lists and modules down to tensors, each named by its
// path. A checkpoint's 'model' or 'state_dict' stands for the whole; DataParallel's 'module' is
// left out of names.
// Errors: GUISE_BAD_FILE (no tensors, nested in itself, two of one name), GUISE_NO_MEMORY.
guise_status pth_find(pth_list *l, pk_value *root, base_error *e);
void pth_list_free(pth_list *l);

// Where the bytes of storages are: by key. *owned is set where the caller must free them.
typedef struct pth_source pth_source;
struct pth_source {
    guise_status (*bytes)(const pth_source *s, const char *key, size_t element,
                          const unsigned char **p, size_t *n, void **owned, base_error *e);
    void *from;     // of bytes()
    uint64_t limit; // bytes that all tensors may take together
};
// Make every tensor of l, contiguous, in their order. *t is empty on error.
guise_status pth_make(base_tensors *t, pth_list *l, const pth_source *from, base_error *e);
#endif
