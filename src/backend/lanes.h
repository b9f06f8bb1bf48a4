// lanes.h -- vectors of floats with fused multiply-adds, for kernels that are compiled once for
// each instruction set. (-ffp-contract=off everywhere: elsewhere sums are what they say.)
#ifndef GUISE_BACKEND_LANES_H
#define GUISE_BACKEND_LANES_H
#ifdef __x86_64__
#include <immintrin.h>
#define LANES_AVX2           __attribute__((target("avx2,fma")))
#define LANES_AVX512         __attribute__((target("avx512f,fma")))
#define LANES_FMA8(A, B, C)  ((lanes8)_mm256_fmadd_ps((__m256)(A), (__m256)(B), (__m256)(C)))
#define LANES_FMA16(A, B, C) ((lanes16)_mm512_fmadd_ps((__m512)(A), (__m512)(B), (__m512)(C)))
#define LANES_ALL8(X)        ((lanes8)_mm256_set1_ps(X)) // X in every lane
#define LANES_ALL16(X)       ((lanes16)_mm512_set1_ps(X))
#endif
#define LANES_PLAIN
#define LANES_ALL(X)        ((lanes8){0} + (X))
#define LANES_ADD8(A, B, C) ((A) * (B) + (C))

typedef float lanes16 __attribute__((vector_size(64), aligned(4)));
typedef float lanes8 __attribute__((vector_size(32), aligned(4)));

// Constant bounds are unrolled; clang does it by itself.
#if defined(__GNUC__) && !defined(__clang__)
#define LANES_UNROLL _Pragma("GCC unroll 16")
#else
#define LANES_UNROLL
#endif

#endif
