// product.c -- matrix products in registers, for each instruction set.
#include "backend/product.h"
#include "backend/backend.h"
#include "backend/lanes.h"

typedef void block(int64_t k, const float *a, int64_t lda, const float *b, float *y, int64_t ldy);

#define OF(LANES, P) (*(const LANES *)(const void *)(P))

// ROWS rows of two vectors each, which are sums in registers for all of k.
#define BLOCK(NAME, TARGET, LANES, ALL, FMA, ROWS)                                                 \
    TARGET static void NAME(int64_t k, const float *a, int64_t lda, const float *b, float *y,      \
                            int64_t ldy)                                                           \
    {                                                                                              \
        enum { L = sizeof(LANES) / sizeof(float) };                                                \
        LANES sum[ROWS][2] = {0};                                                                  \
        for (int64_t l = 0; l < k; l++, b += PRODUCT_WIDE) {                                       \
            LANES w0 = OF(LANES, b), w1 = OF(LANES, b + L);                                        \
            LANES_UNROLL for (int i = 0; i < (ROWS); i++)                                          \
            {                                                                                      \
                LANES x = ALL(a[i * lda + l]);                                                     \
                sum[i][0] = FMA(x, w0, sum[i][0]);                                                 \
                sum[i][1] = FMA(x, w1, sum[i][1]);                                                 \
            }                                                                                      \
        }                                                                                          \
        LANES_UNROLL for (int i = 0; i < (ROWS); i++)                                              \
        {                                                                                          \
            *(LANES *)(void *)(y + i * ldy) = sum[i][0];                                           \
            *(LANES *)(void *)(y + i * ldy + L) = sum[i][1];                                       \
        }                                                                                          \
    }

// MOST: rows that the registers hold. Blocks are of nearly the same height, since short ones leave
// the processor waiting; each is taken for all columns while its part of a is at hand.
#define PRODUCT(NAME, MOST, ...)                                                                   \
    BLOCK(NAME##1, __VA_ARGS__, 1)                                                                 \
    BLOCK(NAME##2, __VA_ARGS__, 2)                                                                 \
    BLOCK(NAME##3, __VA_ARGS__, 3)                                                                 \
    BLOCK(NAME##4, __VA_ARGS__, 4)                                                                 \
    BLOCK(NAME##5, __VA_ARGS__, 5)                                                                 \
    BLOCK(NAME##6, __VA_ARGS__, 6)                                                                 \
    BLOCK(NAME##7, __VA_ARGS__, 7)                                                                 \
    static void NAME(int64_t m, int64_t k, const float *a, int64_t lda, const float *b, float *y,  \
                     int64_t ldy)                                                                  \
    {                                                                                              \
        static block *const of[] = {                                                               \
            NAME##1, NAME##2, NAME##3, NAME##4, NAME##5, NAME##6, NAME##7};                        \
        int64_t blocks = (m + (MOST)-1) / (MOST);                                                  \
        for (int64_t i = 0; i < blocks; i++) {                                                     \
            int64_t from = m * i / blocks, rows = m * (i + 1) / blocks - from;                     \
            for (int64_t c = 0; c < PRODUCT_WIDE; c += 2 * LANES_IN(__VA_ARGS__))                  \
                of[rows - 1](k, a + from * lda, lda, b + c, y + from * ldy + c, ldy);              \
        }                                                                                          \
    }
#define LANES_IN(TARGET, LANES, ...) (int64_t)(sizeof(LANES) / sizeof(float))

PRODUCT(plain, 6, LANES_PLAIN, lanes8, LANES_ALL, LANES_ADD8)
#ifdef __x86_64__
PRODUCT(avx2, 6, LANES_AVX2, lanes8, LANES_ALL8, LANES_FMA8)
PRODUCT(avx512, 7, LANES_AVX512, lanes16, LANES_ALL16, LANES_FMA16)
#endif

product_kernel *product_f32(void)
{
#ifdef __x86_64__
    cpu_level level = cpu_has();
    if (level >= CPU_AVX512) return avx512;
    if (level == CPU_AVX2) return avx2;
#endif
    return plain;
}
