// move.c -- what the ops that move elements share: an array seen along one dim, threaded copies.
#include "graph/op/move.h"
#include <string.h>

enum { PIECE = 1 << 14 }; // floats copied by one thread at a time

move_along move_see(tg_shape s, int64_t dim, bool last)
{
    static const int64_t place[4] = {0, 3, 1, 2}; // of n c h w in n h w c
    if (last && s.rank == 4) dim = place[dim];
    tg_shape m = tg_memory_shape(s, last);
    move_along v = {1, m.dim[dim], 1};
    for (int64_t i = 0; i < dim; i++) v.outer *= m.dim[i];
    for (int64_t i = dim + 1; i < m.rank; i++) v.inner *= m.dim[i];
    return v;
}

void move_copy(float *to, int64_t to_step, const float *from, int64_t from_step, int64_t rows,
               int64_t n)
{
    int64_t pieces = (n + PIECE - 1) / PIECE;
#pragma omp parallel for schedule(static) if (rows * n > MOVE_ALONE)
    for (int64_t k = 0; k < rows * pieces; k++) {
        int64_t row = k / pieces, at = k % pieces * PIECE;
        int64_t len = n - at < PIECE ? n - at : PIECE;
        memcpy(to + row * to_step + at, from + row * from_step + at, sizeof(float) * (size_t)len);
    }
}

void move_zero(float *to, int64_t step, int64_t rows, int64_t n)
{
    int64_t pieces = (n + PIECE - 1) / PIECE;
#pragma omp parallel for schedule(static) if (rows * n > MOVE_ALONE)
    for (int64_t k = 0; k < rows * pieces; k++) {
        int64_t row = k / pieces, at = k % pieces * PIECE;
        int64_t len = n - at < PIECE ? n - at : PIECE;
        memset(to + row * step + at, 0, sizeof(float) * (size_t)len);
    }
}

const char *move_wrong(tg_shape s)
{
    const int64_t most = INT64_MAX / 64; // so that bytes, and sums of a few sizes, fit too
    int64_t n = 1;
    if (s.rank < 0 || s.rank > TG_MAX_RANK) return "the result has too many dims (6 at most)";
    for (int i = 0; i < s.rank; i++) {
        if (s.dim[i] < 1) return "the result would be empty";
        if (s.dim[i] > most / n) return "the result would be too large";
        n *= s.dim[i];
    }
    return NULL;
}

tg_shape move_sample(base_rng *r)
{
    tg_shape s = {.rank = base_rng_range(r, 2, 4)};
    for (int i = 0; i < s.rank; i++) s.dim[i] = base_rng_range(r, 1, 4);
    return s;
}
