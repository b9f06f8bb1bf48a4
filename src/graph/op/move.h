// move.h -- what the ops that move elements share: an array seen along one dim, threaded copies.
#ifndef GUISE_GRAPH_MOVE_H
#define GUISE_GRAPH_MOVE_H
#include "graph/op.h"

// Below this many elements a loop runs on one thread, since starting the others costs more.
enum { MOVE_ALONE = 1 << 14 };

// An array in memory, seen along one dim: [outer][n][inner], inner contiguous.
typedef struct {
    int64_t outer, n, inner;
} move_along;

move_along move_see(tg_shape s, int64_t dim, bool last); // last: rank 4 lies as n h w c

// Rows of n floats; row i starts i steps after the first. Threaded; the ranges must not overlap.
void move_copy(float *to, int64_t to_step, const float *from, int64_t from_step, int64_t rows,
               int64_t n);
void move_zero(float *to, int64_t step, int64_t rows, int64_t n);

// NULL, or why s can be no result: a dim below 1, a rank too high, too many elements.
const char *move_wrong(tg_shape s);

tg_shape move_sample(base_rng *r); // rank 2..4, dims 1..4, for sample()
#endif
