// tile.h -- the transforms of Winograd's minimal filtering, 16 channels at a time.
#ifndef GUISE_BACKEND_TILE_H
#define GUISE_BACKEND_TILE_H
#include "base/base.h"

enum { TILE_LANES = 16, TILE_WIDE = 64, TILE_MAX = 8 };
typedef float tile_lanes __attribute__((vector_size(TILE_LANES * sizeof(float)), aligned(4)));

// For output tiles of side m (2, 4, 6), with n = m + 2:
//   input  d [n][n] -> v [n*n], v at steps of `step` floats: B' d B
//   output v [n*n] at steps of `step` floats -> y [m][m]: A' v A
//   adjoint dy [m][m] -> v [n*n] at steps of `step` floats: A dy A'
// All elements are TILE_LANES channels.
typedef void tile_input(const tile_lanes *d, float *v, size_t step);
typedef void tile_output(const float *v, size_t step, tile_lanes *y);
tile_input *tile_input_of(int m);
tile_output *tile_output_of(int m);
tile_input *tile_adjoint_of(int m);
// One row of frequencies of G g G' for the kernels of c channels: g [c][9][TILE_WIDE], row-major ->
// u [n] at steps of `step` floats, [c][TILE_WIDE] each. TILE_WIDE channels out.
typedef void tile_weights(const float *g, int64_t c, int row, float *u, size_t step);
tile_weights *tile_weights_of(int m);
// u [n*n] at steps of `step` floats -> g [9], 16 kernels: G' u G, the adjoint of all rows
void tile_weight_adjoint(int m, const float *u, size_t step, tile_lanes g[9]);

#endif
