// pool.cu -- means and maxima over windows of channels-last images, and their adjoints, as
// avg_pool.c and max_pool.c define them.
// Defines: X, V, Y: element types of what is searched, read, and written; PACK: channels that one
// thread handles together.
struct args { // gpu_image of gpu.h, then as in window.c
    uint64_t x, y;
    int64_t count;           // packs in y
    int64_t c, h, w, oh, ow; // packs of channels, sizes of x and of the pooled image
    uint64_t v;
    int64_t kh, kw, stride, pad, whole;
};

struct span {
    int from, to;
};

__device__ inline span window_at(int i, int64_t k, const args &a,
                                 int64_t n) // what output i looks at
{
    int from = i * (int)a.stride - (int)a.pad, to = from + (int)k;
    return span{from < 0 ? 0 : from, to < (int)n ? to : (int)n};
}

__device__ inline span users(int i, int64_t k, const args &a,
                             int64_t out) // outputs that look at element i
{
    int first = i + (int)a.pad - (int)k + 1, last = (i + (int)a.pad) / (int)a.stride;
    return span{first > 0 ? (first + (int)a.stride - 1) / (int)a.stride : 0,
                last < (int)out ? last + 1 : (int)out};
}

__device__ inline float share(const args &a, span rows, span columns)
{
    int64_t n =
        a.whole ? a.kh * a.kw : (int64_t)(rows.to - rows.from) * (columns.to - columns.from);
    return 1.0f / (float)n;
}

KERNEL avg_pool(args a)
{
    EACH(i, a.count)
    {
        const int64_t pixel = i / a.c, line = pixel / a.ow;
        const span rows = window_at((int)(line % a.oh), a.kh, a, a.h);
        const span columns = window_at((int)(pixel % a.ow), a.kw, a, a.w);
        const X *x = (const X *)a.x + (line / a.oh * a.h * a.w * a.c + i % a.c) * PACK;
        float sum[PACK] = {0};
        for (int u = rows.from; u < rows.to; u++) {
            float part[PACK] = {0}; // rows by themselves: less is lost in large windows
            for (int v = columns.from; v < columns.to; v++) {
                float k[PACK];
                read<PACK>(k, x + (u * a.w + v) * a.c * PACK);
#pragma unroll
                for (int l = 0; l < PACK; l++) part[l] += k[l];
            }
#pragma unroll
            for (int l = 0; l < PACK; l++) sum[l] += part[l];
        }
        const float s = share(a, rows, columns);
#pragma unroll
        for (int l = 0; l < PACK; l++) sum[l] *= s;
        write<PACK>((Y *)a.y + i * PACK, sum);
    }
}

KERNEL avg_pool_dx(args a)
{
    EACH(i, a.count)
    {
        const int64_t pixel = i / a.c, line = pixel / a.w;
        const span rows = users((int)(line % a.h), a.kh, a, a.oh);
        const span columns = users((int)(pixel % a.w), a.kw, a, a.ow);
        const X *dy = (const X *)a.x + (line / a.h * a.oh * a.ow * a.c + i % a.c) * PACK;
        float sum[PACK] = {0};
        for (int u = rows.from; u < rows.to; u++)
            for (int v = columns.from; v < columns.to; v++) {
                const float s = share(a, window_at(u, a.kh, a, a.h), window_at(v, a.kw, a, a.w));
                float k[PACK];
                read<PACK>(k, dy + (u * a.ow + v) * a.c * PACK);
#pragma unroll
                for (int l = 0; l < PACK; l++) sum[l] += s * k[l];
            }
        write<PACK>((Y *)a.y + i * PACK, sum);
    }
}

// The maxima of the window at output (i, j) and their pixels: NaN wins, and the first stays.
__device__ inline void find(const args &a, const X *x, int i, int j, float (&best)[PACK],
                            int (&at)[PACK])
{
    const span rows = window_at(i, a.kh, a, a.h), columns = window_at(j, a.kw, a, a.w);
    const int first = rows.from * (int)a.w + columns.from;
    read<PACK>(best, x + first * a.c * PACK);
#pragma unroll
    for (int l = 0; l < PACK; l++) at[l] = first;
    for (int u = rows.from; u < rows.to; u++)
        for (int v = columns.from; v < columns.to; v++) {
            const int here = u * (int)a.w + v;
            float k[PACK];
            read<PACK>(k, x + here * a.c * PACK);
#pragma unroll
            for (int l = 0; l < PACK; l++)
                if (k[l] > best[l] || (k[l] != k[l] && best[l] == best[l]))
                    best[l] = k[l], at[l] = here;
        }
}

KERNEL max_pool(args a)
{
    EACH(i, a.count)
    {
        const int64_t pixel = i / a.c, line = pixel / a.ow;
        const X *x = (const X *)a.x + (line / a.oh * a.h * a.w * a.c + i % a.c) * PACK;
        float best[PACK];
        int at[PACK];
        find(a, x, (int)(line % a.oh), (int)(pixel % a.ow), best, at);
        write<PACK>((Y *)a.y + i * PACK, best);
    }
}

KERNEL max_pool_at(args a)
{
    EACH(i, a.count)
    {
        const int64_t pixel = i / a.c, line = pixel / a.ow;
        const int64_t image = line / a.oh * a.h * a.w * a.c + i % a.c;
        float best[PACK];
        int at[PACK];
        find(a, (const X *)a.x + image * PACK, (int)(line % a.oh), (int)(pixel % a.ow), best, at);
#pragma unroll
        for (int l = 0; l < PACK; l++)
            best[l] = widen(((const V *)a.v)[(image + at[l] * a.c) * PACK + l]);
        write<PACK>((Y *)a.y + i * PACK, best);
    }
}

KERNEL max_unpool(args a)
{
    EACH(i, a.count)
    {
        const int64_t pixel = i / a.c, line = pixel / a.w, n = line / a.h;
        const int row = (int)(line % a.h), column = (int)(pixel % a.w),
                  here = row * (int)a.w + column;
        const X *x = (const X *)a.x + (n * a.h * a.w * a.c + i % a.c) * PACK;
        const V *dy = (const V *)a.v + (n * a.oh * a.ow * a.c + i % a.c) * PACK;
        const span rows = users(row, a.kh, a, a.oh), columns = users(column, a.kw, a, a.ow);
        float sum[PACK] = {0};
        for (int u = rows.from; u < rows.to; u++)
            for (int v = columns.from; v < columns.to; v++) {
                float best[PACK], k[PACK];
                int at[PACK];
                find(a, x, u, v, best, at);
                read<PACK>(k, dy + (u * a.ow + v) * a.c * PACK);
#pragma unroll
                for (int l = 0; l < PACK; l++) sum[l] += at[l] == here ? k[l] : 0;
            }
        write<PACK>((Y *)a.y + i * PACK, sum);
    }
}
