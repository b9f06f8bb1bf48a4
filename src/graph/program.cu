// program.cu -- the kernels of a chain of pointwise ops: its values stored, or added up.
//
// In front come, made by program_cuda.c: `args`, `value(a, i, v)`, which computes the N values of
// the chain from element i on, INDEX, the type of element numbers, OUT, the type of the result;
// for sums `element(a, k, r)`, the number of term r of result k. One of STORE, ROWS, COLUMNS and
// FINISH is defined.

#ifdef STORE
KERNEL program(args a)
{
    OUT *out = (OUT *)a.out;
    EACH(q, a.count / N)
    {
        float v[N];
        value(a, (INDEX)q * N, v);
        write<N>(out + q * N, v);
    }
}
#endif

// The sum of v over the lanes of each of `width` columns, in a fixed order; all threads get it.
__device__ inline float over_lanes(float v, int width)
{
    __shared__ float part[256];
    __syncthreads();
    part[threadIdx.x] = v;
    for (int n = 128; n >= width; n /= 2) {
        __syncthreads();
        if ((int)threadIdx.x < n) part[threadIdx.x] += part[threadIdx.x + n];
    }
    __syncthreads();
    return part[threadIdx.x % (unsigned)width];
}

// What is added up ends in neighbouring elements: a block for each part of each result.
#ifdef ROWS
KERNEL program(args a)
{
    int64_t k = blockIdx.x / a.parts, part = blockIdx.x % a.parts;
    int64_t from = part * a.chunk, to = from + a.chunk < a.terms ? from + a.chunk : a.terms;
    float sum = 0;
    for (int64_t r = from + (int64_t)threadIdx.x * N; r < to; r += 256 * N) {
        float v[N];
        value(a, element(a, (INDEX)k, (INDEX)r), v);
        for (int j = 0; j < N; j++) sum += v[j];
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) ((float *)a.out)[part * a.results + k] = sum;
}
#endif

// Neighbouring elements belong to neighbouring results: `width` columns of N results in a block,
// whose lanes share the terms.
#ifdef COLUMNS
KERNEL program(args a)
{
    int width = (int)a.width;
    int64_t groups = (a.results / N + width - 1) / width;
    int64_t part = blockIdx.x / groups;
    int64_t k = (blockIdx.x % groups * width + threadIdx.x % (unsigned)width) * N;
    int64_t from = part * a.chunk, to = from + a.chunk < a.terms ? from + a.chunk : a.terms;
    int lane = (int)threadIdx.x / width;
    float sum[N];
    for (int j = 0; j < N; j++) sum[j] = 0;
    if (k < a.results)
        for (int64_t r = from + lane; r < to; r += 256 / width) {
            float v[N];
            value(a, element(a, (INDEX)k, (INDEX)r), v);
            for (int j = 0; j < N; j++) sum[j] += v[j];
        }
    for (int j = 0; j < N; j++) {
        float all = over_lanes(sum[j], width);
        if (lane == 0 && k < a.results) ((float *)a.out)[part * a.results + k + j] = all;
    }
}
#endif

// The parts of each result added up.
#ifdef FINISH
struct args {
    uint64_t from, out;
    int64_t results, parts, width;
};
KERNEL program(args a)
{
    int width = (int)a.width, lane = (int)threadIdx.x / width;
    int64_t k = (int64_t)blockIdx.x * width + threadIdx.x % (unsigned)width;
    const float *from = (const float *)a.from;
    float sum = 0;
    if (k < a.results)
        for (int64_t p = lane; p < a.parts; p += 256 / width) sum += from[p * a.results + k];
    sum = over_lanes(sum, width);
    if (lane == 0 && k < a.results) ((float *)a.out)[k] = sum;
}
#endif
