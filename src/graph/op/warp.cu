// warp.cu -- channels-last images sampled along affine maps, as warp.c defines it, and the adjoint.
// Places are in double precision, as on the CPU, so that both see the same corners.
// Defines: X, Y: element types; PACK: channels that one thread handles together.
struct args { // gpu_image of gpu.h, then as in warp.c
    uint64_t x, y;
    int64_t count;           // packs in y
    int64_t c, h, w, oh, ow; // packs of channels, sizes of what is sampled and of the map
    uint64_t m;
};

struct place { // what pixel (i, j) samples: column left + right, row top + down
    bool inside;
    int64_t left, top;
    double right, down;
};

__device__ inline place place_of(const float *m, int64_t i, int64_t j, const args &a)
{
    double x = (double)j, y = (double)i;
    double column = m[0] * x + m[1] * y + m[2], row = m[3] * x + m[4] * y + m[5];
    place p = {column > -1 && column < (double)a.w && row > -1 && row < (double)a.h, 0, 0, 0, 0};
    if (!p.inside) return p;                                            // NaN too
    p.left = (int64_t)(column + 1) - 1, p.top = (int64_t)(row + 1) - 1; // rounded down
    p.right = column - (double)p.left, p.down = row - (double)p.top;
    return p;
}

KERNEL warp(args a)
{
    EACH(i, a.count)
    {
        const int64_t pixel = i / a.c, line = pixel / a.ow, n = line / a.oh;
        const place p = place_of((const float *)a.m + n * 6, line % a.oh, pixel % a.ow, a);
        const X *x = (const X *)a.x + (n * a.h * a.w * a.c + i % a.c) * PACK;
        float sum[PACK] = {0};
        for (int k = 0; p.inside && k < 4; k++) {
            const int64_t column = p.left + k % 2, row = p.top + k / 2;
            if (column < 0 || column >= a.w || row < 0 || row >= a.h) continue;
            const float u =
                (float)((k % 2 ? p.right : 1 - p.right) * (k / 2 ? p.down : 1 - p.down));
            float v[PACK];
            if (u == 0) continue; // so that what is not sampled may be infinite
            read<PACK>(v, x + (row * a.w + column) * a.c * PACK);
#pragma unroll
            for (int l = 0; l < PACK; l++) sum[l] += u * v[l];
        }
        write<PACK>((Y *)a.y + i * PACK, sum);
    }
}

struct span {
    int64_t from, to;
};

__device__ inline span clip(double middle, double half,
                            int64_t n) // whole numbers around it, and some room
{
    double low = middle - half - 1.5, high = middle + half + 2.5;
    if (!(low > 0)) low = 0; // NaN too
    if (!(high < (double)n)) high = (double)n;
    return span{(int64_t)low, (int64_t)high};
}

// x(row, column) += weight dy(i, j) for all i, j that sample there. They lie in the image of the
// square around (row, column) under the inverse map; where that is not finite, anywhere.
KERNEL warp_dx(args a)
{
    EACH(i, a.count)
    {
        const int64_t pixel = i / a.c, line = pixel / a.w, n = line / a.h;
        const int64_t row = line % a.h, column = pixel % a.w;
        const float *m = (const float *)a.m + n * 6;
        const double p = m[0], q = m[1], r = m[3], s = m[4], det = 1 / (p * s - q * r);
        const double x = (double)column - m[2], y = (double)row - m[5];
        const span js = clip(det * (s * x - q * y), fabs(det) * (fabs(s) + fabs(q)), a.ow);
        const span is = clip(det * (p * y - r * x), fabs(det) * (fabs(p) + fabs(r)), a.oh);
        float sum[PACK] = {0};
        for (int64_t u = is.from; u < is.to; u++)
            for (int64_t v = js.from; v < js.to; v++) {
                const place b = place_of(m, u, v, a);
                const int64_t right = column - b.left, down = row - b.top;
                if (!b.inside || right < 0 || right > 1 || down < 0 || down > 1) continue;
                const float k =
                    (float)((right ? b.right : 1 - b.right) * (down ? b.down : 1 - b.down));
                float d[PACK];
                if (k == 0) continue;
                read<PACK>(d,
                           (const X *)a.x + (((n * a.oh + u) * a.ow + v) * a.c + i % a.c) * PACK);
#pragma unroll
                for (int l = 0; l < PACK; l++) sum[l] += k * d[l];
            }
        write<PACK>((Y *)a.y + i * PACK, sum);
    }
}
