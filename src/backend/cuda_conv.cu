// cuda_conv.cu -- what surrounds cuDNN's convolutions: images padded, cropped and converted,
// weights in another order, bias and activation where the engine does not do them. Defines: X, Y:
// element types; PACK: channels that one thread handles together.
struct args { // as in cuda_conv.c; c in packs of channels
    uint64_t x, y, bias;
    int64_t count;
    int64_t c, h, w, oh, ow;    // sizes of x and of y
    int64_t top, left, reflect; // where x begins in y; its rim that is mirrored
    int64_t taps, act;          // kh kw
    float slope;
};

// The place in 0..n-1 of row or column i of x, whose rim of r is mirrored; -1: there is none.
__device__ inline int64_t source(int64_t i, int64_t n, int64_t r)
{
    if (i < -r || i >= n + r) return -1;
    return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i;
}

// y = x moved by top and left, zero where there is no x; channels-last.
KERNEL conv_image(args a)
{
    EACH(i, a.count)
    {
        const int64_t pixel = i / a.c, line = pixel / a.ow;
        const int64_t u = source(line % a.oh - a.top, a.h, a.reflect);
        const int64_t v = source(pixel % a.ow - a.left, a.w, a.reflect);
        float k[PACK] = {0};
        if (u >= 0 && v >= 0)
            read<PACK>(k, (const X *)a.x +
                              (((line / a.oh * a.h + u) * a.w + v) * a.c + i % a.c) * PACK);
        write<PACK>((Y *)a.y + i * PACK, k);
    }
}

// y = act(x + bias), channels-last; x and y may be the same array.
KERNEL conv_epilogue(args a)
{
    const float *bias = (const float *)a.bias;
    EACH(i, a.count)
    {
        float k[PACK];
        read<PACK>(k, (const X *)a.x + i * PACK);
#pragma unroll
        for (int l = 0; l < PACK; l++) {
            if (bias) k[l] += bias[i % a.c * PACK + l];
            if (a.act) k[l] = k[l] > 0 ? k[l] : a.slope * k[l];
        }
        write<PACK>((Y *)a.y + i * PACK, k);
    }
}

// Weights [o][c][taps] to [o][taps][c], and back. PACK is 1.
KERNEL conv_pack(args a)
{
    EACH(i, a.count)
    {
        const int64_t c = i % a.c, t = i / a.c % a.taps, o = i / a.c / a.taps;
        store((Y *)a.y, i, load((const X *)a.x, (o * a.c + c) * a.taps + t));
    }
}

KERNEL conv_unpack(args a)
{
    EACH(i, a.count)
    {
        const int64_t t = i % a.taps, c = i / a.taps % a.c, o = i / a.taps / a.c;
        store((Y *)a.y, i, load((const X *)a.x, (o * a.taps + t) * a.c + c));
    }
}
