// wino_tiles.h -- images cut into the tiles of Winograd's filtering and transformed.
#ifndef GUISE_BACKEND_WINO_TILES_H
#define GUISE_BACKEND_WINO_TILES_H
#include "backend/tile.h"

// A 3x3 convolution of stride 1 as it lies over two channels-last images: [batch,h,w,c] is read,
// [batch,oh,ow,..] is covered by tiles of side m. Frequencies: n * n, n = m + 2.
typedef struct {
    int m, n;
    int64_t batch, h, w, c, oh, ow;
    int64_t reflect;   // mirrored rim of the image read, or 0 for zeros; part of top and left
    int64_t top, left; // padding
    int64_t rows, cols, tiles;
} wino_grid;
void wino_grid_count(wino_grid *g); // n, rows, cols and tiles from the rest

typedef struct { // where a tile is: its first pixel in the image made
    int64_t image, y, x;
} wino_spot;
wino_spot wino_spot_of(const wino_grid *g, int64_t tile);

// v[f][count][c], `step` floats from one frequency to the next: tiles from..from + count of the
// image read, transformed.
void wino_into(const wino_grid *g, const float *x, int64_t from, int64_t count, float *v,
               int64_t step);
// v[f][count][o]: the adjoint of the way out, for a gradient dy [batch,oh,ow,o].
void wino_back(const wino_grid *g, const float *dy, int64_t o, int64_t from, int64_t count,
               float *v, int64_t step);

// How many of o output channels (a multiple of 8) to do at a time, so that their transformed
// weights stay in the cache: a divisor of o from 32 to 96 that is a multiple of 8, else o.
int64_t wino_block(int64_t o);

#endif
