// fir.cu -- resampling of channels-last images by a small filter, as fir.c defines it.
// Defines: X, Y: element types; PACK: channels that one thread handles together; UP0, UP1, DOWN0,
// DOWN1, SIZE0, SIZE1: factors and taps of rows and columns.
struct args { // gpu_image of gpu.h, then as in fir.c
    uint64_t x, y;
    int64_t count;           // packs in y
    int64_t c, h, w, oh, ow; // packs of channels, sizes of x and of y
    int64_t before0, before1;
    float tap[64];
};

// The first place, 0..up - 1, of a window from `at` on that holds an element of x, not a zero.
__device__ inline int phase(int64_t at, int up)
{
    const int rest = (int)(at % up);
    return rest > 0 ? up - rest : -rest;
}

KERNEL fir(args a)
{
    EACH(i, a.count)
    {
        const int64_t pixel = i / a.c, line = pixel / a.ow;
        const int64_t row = line % a.oh * DOWN0 - a.before0;
        const int64_t column = pixel % a.ow * DOWN1 - a.before1;
        const X *x = (const X *)a.x + (line / a.oh * a.h * a.w * a.c + i % a.c) * PACK;
        const int p0 = phase(row, UP0), p1 = phase(column, UP1);
        float sum[PACK] = {0};
#pragma unroll
        for (int s = 0; s < SIZE0; s += UP0) {
            const int u = p0 + s;
            const int64_t r = (row + u) / UP0;
            if (u >= SIZE0 || row + u < 0 || r >= a.h) continue;
#pragma unroll
            for (int t = 0; t < SIZE1; t += UP1) {
                const int v = p1 + t;
                const int64_t q = (column + v) / UP1;
                if (v >= SIZE1 || column + v < 0 || q >= a.w) continue;
                const float k = a.tap[(SIZE0 - 1 - u) * SIZE1 + SIZE1 - 1 - v];
                float b[PACK];
                read<PACK>(b, x + (r * a.w + q) * a.c * PACK);
#pragma unroll
                for (int l = 0; l < PACK; l++) sum[l] += k * b[l];
            }
        }
        write<PACK>((Y *)a.y + i * PACK, sum);
    }
}
