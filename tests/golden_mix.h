// golden_mix.h -- golden cases of FaceShifter and DeepFakes: values by formula (splitmix64 of a
// tensor's name), the cases' files, and comparison with them.
//
// Large cases are kept outside the project; of each of their tensors `samples.safetensors` holds
// some values, evenly spaced, and the length. Where the large file is there it is compared whole.
#ifndef GUISE_TEST_GOLDEN_MIX_H
#define GUISE_TEST_GOLDEN_MIX_H
#include "golden_case.h"

// scale * f + offset for the elements of the tensor called name; f in [-1, 1)
void mix_values(const char *name, double scale, double offset, float *v, size_t n);
// The same as a new array; the caller frees it.
float *mix_input(const char *name, tg_shape s, double scale, double offset);
// All entries of a settled store, each named prefix + its name. Counters become 0.
void mix_fill(nn_params *p, const char *prefix);

typedef struct {
    const char *name;
    golden_case whole, samples; // one of them is open
} mix_case;
void mix_open(mix_case *c, const char *name); // "05_aei_small"
void mix_close(mix_case *c);
// Is there such a tensor (or its samples)?
bool mix_has(const mix_case *c, const char *name);
// What stands for a tensor of n values: itself, or every so many of them. NULL is a failed check.
const base_tensor *mix_expected(const mix_case *c, const char *name, size_t n, size_t *every);
// Every value within tol, which is absolute.
void mix_compare(const mix_case *c, const char *name, const float *v, size_t n, double tol);
// The length of the difference, relative to the tensor's; tensors shorter than 1e-4 are passed over
// (false).
bool mix_compare_norm(const mix_case *c, const char *name, const float *v, size_t n, double rel);
// A number of <case>.scalars.tsv; NaN where absent.
double mix_scalar(const char *file, const char *name);

// One row of a table of statistics: name, shape, mean, deviation, length, least, largest, and
// twelve values: the first four, four at a quarter, the last four.
typedef struct {
    char name[64], shape[64];
    double mean, deviation, l2, min, max, value[12];
} mix_row;
// Row i of the file; false at its end, and where it is absent.
bool mix_table_row(const char *file, int i, mix_row *r);
// v against the row. rel is relative to the largest value.
void mix_compare_row(const char *file, const mix_row *r, const float *v, size_t n, double rel);

#endif
