// move.cu -- elements moved along strides: y[to . i] = x[from . i] for all indices i, the last of
// which varies fastest. Defines: RANK, X, Y: element types, RAW: bytes of an element that is copied
// as it is, in place of X and Y; BOUND: zeros where an index lies outside a range.
#ifdef RAW
typedef pack<uint16_t, RAW / 2> element;
typedef element X;
typedef element Y;
__device__ inline void move_one(element *y, element x) { *y = x; }
#else
__device__ inline void move_one(Y *y, X x) { narrow(widen(x), y); }
#endif

struct args { // as in move_gpu.c
    uint64_t x, y;
    int64_t count, n[6], from[6], to[6];
    int64_t dim, low, high;               // BOUND: zero unless low <= i[dim] < high
    int64_t first, second, along, across; // move_tiles: see there
};

KERNEL move_strided(args a)
{
    const X *x = (const X *)a.x;
    Y *y = (Y *)a.y;
    EACH(i, a.count)
    {
        int64_t rest = i, from = 0, to = 0;
        bool inside = true;
#pragma unroll
        for (int k = RANK - 1; k >= 0; k--) {
            int64_t at = rest;
            if (k > 0) at = rest % a.n[k], rest /= a.n[k];
            from += at * a.from[k];
            to += at * a.to[k];
#ifdef BOUND
            if (k == a.dim) inside = at >= a.low && at < a.high;
#endif
        }
        if (inside)
            move_one(y + to, x[from]);
        else
            y[to] = Y();
    }
}

// Where x is contiguous along another dim than y: tiles of 32 by 32 elements, read along x and
// written along y. first: the dim along which x is contiguous, of n[first] = along; the last dim
// has across; both have size 1 in n, and their steps are those of from and to.
enum { TILE = 32, LINES = 8 };

KERNEL move_tiles(args a)
{
    __shared__ X tile[TILE][TILE + 1];
    const X *x = (const X *)a.x;
    Y *y = (Y *)a.y;
    const int column = threadIdx.x % TILE, line = threadIdx.x / TILE;
    const int64_t high = (a.along + TILE - 1) / TILE, wide = (a.across + TILE - 1) / TILE;
    for (int64_t t = blockIdx.x; t < a.count; t += gridDim.x) {
        int64_t rest = t / (high * wide), from = 0, to = 0;
        const int64_t row = t / wide % high * TILE, col = t % wide * TILE;
#pragma unroll
        for (int k = RANK - 1; k >= 0; k--) {
            int64_t at = rest % a.n[k];
            rest /= a.n[k];
            from += at * a.from[k];
            to += at * a.to[k];
        }
        for (int i = line; i < TILE; i += LINES)
            if (row + column < a.along && col + i < a.across)
                tile[i][column] =
                    x[from + (row + column) * a.from[a.first] + (col + i) * a.from[a.second]];
        __syncthreads();
        for (int i = line; i < TILE; i += LINES)
            if (row + i < a.along && col + column < a.across)
                move_one(y + to + (row + i) * a.to[a.first] + (col + column) * a.to[a.second],
                         tile[column][i]);
        __syncthreads();
    }
}
