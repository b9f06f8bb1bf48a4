// resize.cu -- channels-last images to another height and width: each output is a sum over taps in
// rows and columns, from tables made by resize.c. The adjoint is the same with other tables.
// Defines: X, Y: element types; PACK: channels that one thread handles together.
struct args { // gpu_image of gpu.h, then as in resize.c
    uint64_t x, y;
    int64_t count;           // packs in y
    int64_t c, h, w, oh, ow; // packs of channels, sizes of x and of y
    uint64_t row_start, row_tap, column_start, column_tap;
};

struct tap { // as in resize.c
    int at;
    float w;
};

KERNEL resize(args a)
{
    const int *row_start = (const int *)a.row_start, *column_start = (const int *)a.column_start;
    const tap *row_tap = (const tap *)a.row_tap, *column_tap = (const tap *)a.column_tap;
    EACH(i, a.count)
    {
        const int64_t pixel = i / a.c, row = pixel / a.ow;
        const int64_t u = row % a.oh, v = pixel % a.ow;
        const X *x = (const X *)a.x + (row / a.oh * a.h * a.w * a.c + i % a.c) * PACK;
        const int first = column_start[v], end = column_start[v + 1];
        float sum[PACK] = {0};
        for (int p = row_start[u]; p < row_start[u + 1]; p++) {
            const tap r = row_tap[p];
            float line[PACK] = {0};
            for (int q = first; q < end; q++) {
                const tap s = column_tap[q];
                float k[PACK];
                read<PACK>(k, x + (r.at * a.w + s.at) * a.c * PACK);
#pragma unroll
                for (int l = 0; l < PACK; l++) line[l] += s.w * k[l];
            }
#pragma unroll
            for (int l = 0; l < PACK; l++) sum[l] += r.w * line[l];
        }
        write<PACK>((Y *)a.y + i * PACK, sum);
    }
}
