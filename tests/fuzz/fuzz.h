// fuzz.h -- what the fuzz targets share. A target is a parser and one LLVMFuzzerTestOneInput; the
// same file is run by libFuzzer (GUISE_FUZZ) and, over corpus/ and mutations of it, by replay.c.
#ifndef GUISE_FUZZ_H
#define GUISE_FUZZ_H
#include "base/tensors.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

// What must hold for any input at all.
static inline void fuzz_check(bool ok)
{
    if (!ok) abort();
}

// Reads every element, so that a pointer outside its array is noticed.
static inline void fuzz_look(const base_tensors *t)
{
    volatile double sum = 0;
    for (size_t i = 0; i < t->n; i++)
        for (int64_t k = 0, n = base_tensor_count(&t->at[i]); k < n; k++)
            sum = sum + base_tensor_at(&t->at[i], k);
}
#endif
