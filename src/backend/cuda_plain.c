// cuda_plain.c -- what needs no device: sizes of elements, grids, division by multiplication.
#include "backend/cuda.h"

size_t cuda_size(cuda_type t) { return t == CUDA_BF16 ? 2 : 4; }

int cuda_blocks(int64_t n)
{
    enum { MOST = 132 * 16 }; // several rounds on the largest devices there are
    int64_t blocks = (n + CUDA_THREADS - 1) / CUDA_THREADS;
    return blocks < 1 ? 1 : blocks > MOST ? MOST : (int)blocks;
}

cuda_divide cuda_divide_by(int64_t d)
{
    uint32_t shift = 0;
    while (((int64_t)1 << shift) < d) shift++;
    uint64_t magic = ((uint64_t)(((int64_t)1 << shift) - d) << 32) / (uint64_t)d + 1;
    return (cuda_divide){(uint32_t)d, (uint32_t)magic, shift};
}
