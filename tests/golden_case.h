// golden_case.h -- one golden case: its file, pictures and latents as inputs, and the comparison of
// what we computed with what it holds.
#ifndef GUISE_TEST_GOLDEN_CASE_H
#define GUISE_TEST_GOLDEN_CASE_H
#include "golden_weights.h"

typedef struct {
    base_tensors file;
    const char *name;
} golden_case;

// False, and the test case counted as skipped, where the file is absent.
bool golden_open(golden_case *c, const char *name); // "g224_32"
void golden_close(golden_case *c);

// Values of a tensor, and how many; NULL where absent. The caller frees them (base_free).
float *golden_floats(const golden_case *c, const char *name, size_t *n);
double golden_number(const golden_case *c, const char *name); // element 0; NaN where absent
// A picture tensor u8 [h,w,3] or [n,h,w,3] as [n,3,h,w] in 0..1, or normalised by ImageNet's mean
// and deviation. The caller frees it.
float *golden_picture(const golden_case *c, const char *name, bool normalise, tg_shape *s);
// Unit vector of the hash of "latent/<tag>/<row>" for each row; the caller frees it.
float *golden_latent(const char *tag, int rows);

// Compare v, n values in row-major order, with the tensor called `name`, or with its statistics and
// samples <name>.stat and <name>.samp, or its first channels <name>.ch0_15: those that are there.
// tol is relative to the largest value, if that is above 1. Returns how many tensors it found.
int golden_compare(const golden_case *c, const char *name, const float *v, size_t n, double tol);
// Compare by the length of the difference, relative to the tensor's. For gradients: rounding can
// move a value over the kink of a ReLU, which changes a few elements by much and the whole by
// little.
void golden_compare_norm(const golden_case *c, const char *name, const float *v, size_t n,
                         double rel);
// Gradients by entry: rows of <name>.l2 within rel, and all but a few of <name>.samp8 within 4 rel,
// from the given row on, for the weights of p whose names begin with prefix; grad[i] is the value
// for entry i. Returns the row after the last.
int64_t golden_compare_grads(const golden_case *c, const char *name, int64_t row,
                             const nn_params *p, const char *prefix, const float *const grad[],
                             double rel);

#endif
