// reflect_pad.cu -- rows and columns of channels-last images mirrored at the edges; the adjoint.
// Defines: X, Y: element types; PACK: channels that one thread handles together.
struct args { // gpu_image of gpu.h, then as in reflect_pad.c
    uint64_t x, y;
    int64_t count;           // packs in y
    int64_t c, h, w, oh, ow; // packs of channels, sizes without and with the rim
    int64_t pad;
};

__device__ inline int64_t mirror(int64_t i, int64_t n)
{
    return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i;
}

KERNEL reflect_pad(args a)
{
    EACH(i, a.count)
    {
        int64_t pixel = i / a.c, row = pixel / a.ow;
        int64_t u = mirror(row % a.oh - a.pad, a.h), v = mirror(pixel % a.ow - a.pad, a.w);
        float k[PACK];
        read<PACK>(k, (const X *)a.x + (((row / a.oh * a.h + u) * a.w + v) * a.c + i % a.c) * PACK);
        write<PACK>((Y *)a.y + i * PACK, k);
    }
}

// Where in the padded image index i of n was copied to: at most three places, one after another.
__device__ inline int64_t place(int64_t i, int64_t n, int64_t pad, int k)
{
    if (k == 0) return i + pad;
    if (k == 1) return i >= 1 && i <= pad ? pad - i : -1;
    return i >= n - 1 - pad && i <= n - 2 ? 2 * (n - 1) - i + pad : -1;
}

KERNEL reflect_pad_dx(args a)
{
    EACH(i, a.count)
    {
        int64_t pixel = i / a.c, row = pixel / a.w, column = pixel % a.w;
        float sum[PACK] = {0};
        for (int p = 0; p < 3; p++) {
            int64_t u = place(row % a.h, a.h, a.pad, p);
            if (u < 0) continue;
            for (int q = 0; q < 3; q++) {
                int64_t v = place(column, a.w, a.pad, q);
                if (v < 0) continue;
                float k[PACK];
                read<PACK>(k, (const X *)a.x +
                                  (((row / a.h * a.oh + u) * a.ow + v) * a.c + i % a.c) * PACK);
                for (int l = 0; l < PACK; l++) sum[l] += k[l];
            }
        }
        write<PACK>((Y *)a.y + i * PACK, sum);
    }
}
