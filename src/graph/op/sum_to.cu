// sum_to.cu -- y[o] = sum over r of x[kept . o + gone . r]: one block for each output and part of
// its terms, or for 32 neighbouring outputs; parts are added up after. Always in the same order.
// Defines: X, Y: element types.
struct args { // as in expand.c
    uint64_t x, y, part;
    int64_t outputs, terms, parts;
    int64_t kept_rank, gone_rank;
    int64_t kept_n[6], kept[6], gone_n[6], gone[6]; // sizes, and steps in x
};

__device__ inline int64_t offset(int64_t i, int64_t rank, const int64_t *n, const int64_t *step)
{
    int64_t at = 0;
    for (int64_t k = rank - 1; k > 0; k--) {
        at += i % n[k] * step[k];
        i /= n[k];
    }
    return rank ? at + i * step[0] : 0;
}

enum { THREADS = 256, WIDE = 32, LINES = THREADS / WIDE };

// x is contiguous along what is added up.
KERNEL sum_rows(args a)
{
    const X *x = (const X *)a.x;
    for (int64_t b = blockIdx.x; b < a.outputs * a.parts; b += gridDim.x) {
        const int64_t o = b % a.outputs, part = b / a.outputs;
        const int64_t low = a.terms * part / a.parts, high = a.terms * (part + 1) / a.parts;
        const X *from = x + offset(o, a.kept_rank, a.kept_n, a.kept);
        float sum = 0;
        for (int64_t r = low + threadIdx.x; r < high; r += THREADS)
            sum += widen(from[offset(r, a.gone_rank, a.gone_n, a.gone)]);
        sum = block_sum(sum);
        if (threadIdx.x == 0) ((float *)a.part)[b] = sum;
    }
}

// x is contiguous along outputs.
KERNEL sum_columns(args a)
{
    __shared__ float sums[THREADS];
    const X *x = (const X *)a.x;
    const int column = threadIdx.x % WIDE, line = threadIdx.x / WIDE;
    const int64_t groups = (a.outputs + WIDE - 1) / WIDE;
    for (int64_t b = blockIdx.x; b < groups * a.parts; b += gridDim.x) {
        const int64_t o = b % groups * WIDE + column, part = b / groups;
        const int64_t low = a.terms * part / a.parts, high = a.terms * (part + 1) / a.parts;
        float sum = 0;
        if (o < a.outputs) {
            const X *from = x + offset(o, a.kept_rank, a.kept_n, a.kept);
            for (int64_t r = low + line; r < high; r += LINES)
                sum += widen(from[offset(r, a.gone_rank, a.gone_n, a.gone)]);
        }
        sums[threadIdx.x] = sum;
        for (int k = LINES / 2; k > 0; k /= 2) {
            __syncthreads();
            if (line < k) sums[threadIdx.x] += sums[threadIdx.x + k * WIDE];
        }
        if (line == 0 && o < a.outputs) ((float *)a.part)[part * a.outputs + o] = sums[column];
        __syncthreads();
    }
}

KERNEL sum_parts(args a)
{
    const float *part = (const float *)a.part;
    EACH(o, a.outputs)
    {
        float sum = 0;
        for (int64_t k = 0; k < a.parts; k++) sum += part[k * a.outputs + o];
        store((Y *)a.y, o, sum);
    }
}
