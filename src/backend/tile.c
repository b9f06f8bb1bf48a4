// tile.c -- Winograd's transforms for F(2x2,3x3), F(4x4,3x3), F(6x6,3x3).
//
// Matrices: Lavin & Gray 2016 (arXiv 1509.09308), section 4, for m = 2 and 4 (points 0, +-1, +-2,
// infinity); m = 6 by the same construction with the points 0, +-1, +-2, +-1/2, infinity.
#include "backend/tile.h"

static const float bt2[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
static const float at2[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
static const float g2[4][3] = {{1, 0, 0}, {0.5F, 0.5F, 0.5F}, {0.5F, -0.5F, 0.5F}, {0, 0, 1}};

static const float bt4[6][6] = {{4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
                                {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
static const float at4[4][6] = {
    {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};
static const float g4[6][3] = {{1 / 4.0F, 0, 0},
                               {-1 / 6.0F, -1 / 6.0F, -1 / 6.0F},
                               {-1 / 6.0F, 1 / 6.0F, -1 / 6.0F},
                               {1 / 24.0F, 1 / 12.0F, 1 / 6.0F},
                               {1 / 24.0F, -1 / 12.0F, 1 / 6.0F},
                               {0, 0, 1}};

static const float bt6[8][8] = {
    {1, 0, -5.25F, 0, 5.25F, 0, -1, 0},        {0, 1, 1, -4.25F, -4.25F, 1, 1, 0},
    {0, -1, 1, 4.25F, -4.25F, -1, 1, 0},       {0, 0.5F, 0.25F, -2.5F, -1.25F, 2, 1, 0},
    {0, -0.5F, 0.25F, 2.5F, -1.25F, -2, 1, 0}, {0, 2, 4, -2.5F, -5, 0.5F, 1, 0},
    {0, -2, 4, 2.5F, -5, -0.5F, 1, 0},         {0, -1, 0, 5.25F, 0, -5.25F, 0, 1}};
static const float at6[6][8] = {{1, 1, 1, 1, 1, 1, 1, 0},
                                {0, 1, -1, 2, -2, 0.5F, -0.5F, 0},
                                {0, 1, 1, 4, 4, 0.25F, 0.25F, 0},
                                {0, 1, -1, 8, -8, 0.125F, -0.125F, 0},
                                {0, 1, 1, 16, 16, 0.0625F, 0.0625F, 0},
                                {0, 1, -1, 32, -32, 0.03125F, -0.03125F, 1}};
static const float g6[8][3] = {{1, 0, 0},
                               {-2 / 9.0F, -2 / 9.0F, -2 / 9.0F},
                               {-2 / 9.0F, 2 / 9.0F, -2 / 9.0F},
                               {1 / 90.0F, 1 / 45.0F, 2 / 45.0F},
                               {1 / 90.0F, -1 / 45.0F, 2 / 45.0F},
                               {32 / 45.0F, 16 / 45.0F, 8 / 45.0F},
                               {32 / 45.0F, -16 / 45.0F, 8 / 45.0F},
                               {0, 0, 1}};

#define LANES(P)  (*(tile_lanes *)(void *)(P))
#define CLANES(P) (*(const tile_lanes *)(const void *)(P))

// Sanitizers and other compilers take minutes over the unrolled loops.
#if defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&                  \
    !defined(__SANITIZE_THREAD__)
#define UNROLL _Pragma("GCC unroll 8")
#else
#define UNROLL
#endif

// The loops have constant bounds and coefficients: unrolled, they are the sums of a hand-written
// transform, without the zeros.
#define TRANSFORMS(M, N, BT, AT, G)                                                                \
    BASE_SIMD static void input##M(const tile_lanes *d, float *v, size_t step)                     \
    {                                                                                              \
        tile_lanes t[N][N];                                                                        \
        UNROLL for (int i = 0; i < (N); i++) UNROLL for (int j = 0; j < (N); j++)                  \
        {                                                                                          \
            tile_lanes s = {0};                                                                    \
            UNROLL for (int k = 0; k < (N); k++) if (BT[i][k] != 0) s +=                           \
                BT[i][k] * d[k * (N) + j];                                                         \
            t[i][j] = s;                                                                           \
        }                                                                                          \
        UNROLL for (int i = 0; i < (N); i++) UNROLL for (int j = 0; j < (N); j++)                  \
        {                                                                                          \
            tile_lanes s = {0};                                                                    \
            UNROLL for (int k = 0; k < (N); k++) if (BT[j][k] != 0) s += BT[j][k] * t[i][k];       \
            LANES(v + (size_t)(i * (N) + j) * step) = s;                                           \
        }                                                                                          \
    }                                                                                              \
    BASE_SIMD static void output##M(const float *v, size_t step, tile_lanes *y)                    \
    {                                                                                              \
        tile_lanes t[M][N];                                                                        \
        UNROLL for (int j = 0; j < (N); j++)                                                       \
        {                                                                                          \
            tile_lanes c[N];                                                                       \
            UNROLL for (int k = 0; k < (N); k++) c[k] = CLANES(v + (size_t)(k * (N) + j) * step);  \
            UNROLL for (int i = 0; i < (M); i++)                                                   \
            {                                                                                      \
                tile_lanes s = {0};                                                                \
                UNROLL for (int k = 0; k < (N); k++) if (AT[i][k] != 0) s += AT[i][k] * c[k];      \
                t[i][j] = s;                                                                       \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int i = 0; i < (M); i++) UNROLL for (int j = 0; j < (M); j++)                  \
        {                                                                                          \
            tile_lanes s = {0};                                                                    \
            UNROLL for (int k = 0; k < (N); k++) if (AT[j][k] != 0) s += AT[j][k] * t[i][k];       \
            y[i * (M) + j] = s;                                                                    \
        }                                                                                          \
    }                                                                                              \
    BASE_SIMD static void adjoint##M(const tile_lanes *d, float *v, size_t step)                   \
    {                                                                                              \
        tile_lanes t[N][M];                                                                        \
        UNROLL for (int i = 0; i < (N); i++) UNROLL for (int j = 0; j < (M); j++)                  \
        {                                                                                          \
            tile_lanes s = {0};                                                                    \
            UNROLL for (int k = 0; k < (M); k++) if (AT[k][i] != 0) s +=                           \
                AT[k][i] * d[k * (M) + j];                                                         \
            t[i][j] = s;                                                                           \
        }                                                                                          \
        UNROLL for (int i = 0; i < (N); i++) UNROLL for (int j = 0; j < (N); j++)                  \
        {                                                                                          \
            tile_lanes s = {0};                                                                    \
            UNROLL for (int k = 0; k < (M); k++) if (AT[k][j] != 0) s += AT[k][j] * t[i][k];       \
            LANES(v + (size_t)(i * (N) + j) * step) = s;                                           \
        }                                                                                          \
    }                                                                                              \
    BASE_SIMD static void weights##M(const float *g, int64_t c, int row, float *u, size_t step)    \
    {                                                                                              \
        enum { PARTS = TILE_WIDE / TILE_LANES };                                                   \
        const float *r = G[row];                                                                   \
        for (int64_t i = 0; i < PARTS * c; i++) {                                                  \
            const float *k = g + i / PARTS * 9 * TILE_WIDE + i % PARTS * TILE_LANES;               \
            float *to = u + i * TILE_LANES;                                                        \
            tile_lanes t[3];                                                                       \
            UNROLL for (int j = 0; j < 3; j++) t[j] = r[0] * CLANES(k + j * TILE_WIDE) +           \
                                                      r[1] * CLANES(k + (3 + j) * TILE_WIDE) +     \
                                                      r[2] * CLANES(k + (6 + j) * TILE_WIDE);      \
            UNROLL for (int j = 0; j < (N); j++)                                                   \
            {                                                                                      \
                tile_lanes s = {0};                                                                \
                UNROLL for (int l = 0; l < 3; l++) if (G[j][l] != 0) s += G[j][l] * t[l];          \
                LANES(to + (size_t)j * step) = s;                                                  \
            }                                                                                      \
        }                                                                                          \
    }
TRANSFORMS(2, 4, bt2, at2, g2)
TRANSFORMS(4, 6, bt4, at4, g4)
TRANSFORMS(6, 8, bt6, at6, g6)

tile_input *tile_input_of(int m) { return m == 2 ? input2 : m == 4 ? input4 : input6; }
tile_output *tile_output_of(int m) { return m == 2 ? output2 : m == 4 ? output4 : output6; }
tile_input *tile_adjoint_of(int m) { return m == 2 ? adjoint2 : m == 4 ? adjoint4 : adjoint6; }

tile_weights *tile_weights_of(int m) { return m == 2 ? weights2 : m == 4 ? weights4 : weights6; }

BASE_SIMD void tile_weight_adjoint(int m, const float *u, size_t step, tile_lanes g[9])
{
    const float(*a)[3] = m == 2 ? g2 : m == 4 ? g4 : g6;
    int n = m + 2;
    tile_lanes t[3][TILE_MAX] = {0};
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            tile_lanes x = CLANES(u + (size_t)(i * n + j) * step);
            for (int k = 0; k < 3; k++) t[k][j] += a[i][k] * x;
        }
    for (int k = 0; k < 3; k++)
        for (int l = 0; l < 3; l++) {
            tile_lanes s = {0};
            for (int j = 0; j < n; j++) s += a[j][l] * t[k][j];
            g[3 * k + l] = s;
        }
}
