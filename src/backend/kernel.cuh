// kernel.cuh -- what every piece of device code begins with: this text is put in front of it.
//
// Nothing is included: NVRTC has no system headers. A kernel takes one struct by value; arrays come
// as addresses (uint64_t) and are cast to their element type, float or bf16.
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long int64_t;
typedef unsigned long uint64_t;

#define KERNEL extern "C" __global__ void

// For all i of 0..n over the whole grid.
#define EACH(i, n)                                                                                 \
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n);                      \
         i += (int64_t)gridDim.x * blockDim.x)

// bfloat16: the upper half of a float, rounded to the nearest, ties to even; NaN stays NaN.
typedef uint16_t bf16;

__device__ inline float widen(float v) { return v; }
__device__ inline float widen(bf16 v)
{
    union {
        uint32_t bits;
        float value;
    } u;
    u.bits = (uint32_t)v << 16;
    return u.value;
}

__device__ inline void narrow(float v, float *to) { *to = v; }
__device__ inline void narrow(float v, bf16 *to)
{
    union {
        float value;
        uint32_t bits;
    } u;
    u.value = v;
    uint32_t up = u.bits + 0x7fff + (u.bits >> 16 & 1);
    *to = (bf16)((v != v ? u.bits | 0x400000 : up) >> 16);
}

template <typename T> __device__ inline float load(const T *p, int64_t i) { return widen(p[i]); }
template <typename T> __device__ inline void store(T *p, int64_t i, float v) { narrow(v, p + i); }

// N elements in one access; the address is a multiple of their size together.
template <typename T, int N> struct __attribute__((aligned(sizeof(T) * N))) pack {
    T v[N];
};

// N elements as floats, by one access each way.
template <int N, typename T> __device__ inline void read(float (&v)[N], const T *p)
{
    const pack<T, N> k = *(const pack<T, N> *)p;
#pragma unroll
    for (int i = 0; i < N; i++) v[i] = widen(k.v[i]);
}
template <int N, typename T> __device__ inline void write(T *p, const float (&v)[N])
{
    pack<T, N> k;
#pragma unroll
    for (int i = 0; i < N; i++) narrow(v[i], k.v + i);
    *(pack<T, N> *)p = k;
}

// The sum of v over the block's threads, which must be a power of two of at most 1024; the same in
// all threads, and always added in the same order.
__device__ inline float block_sum(float v)
{
    __shared__ float part[1024];
    __syncthreads(); // part may still be read from the last call
    part[threadIdx.x] = v;
    for (unsigned n = blockDim.x / 2; n; n /= 2) {
        __syncthreads();
        if (threadIdx.x < n) part[threadIdx.x] += part[threadIdx.x + n];
    }
    __syncthreads();
    return part[0];
}

// The largest v of the block's threads, likewise.
__device__ inline float block_max(float v)
{
    __shared__ float part[1024];
    __syncthreads();
    part[threadIdx.x] = v;
    for (unsigned n = blockDim.x / 2; n; n /= 2) {
        __syncthreads();
        if (threadIdx.x < n && part[threadIdx.x + n] > part[threadIdx.x])
            part[threadIdx.x] = part[threadIdx.x + n];
    }
    __syncthreads();
    return part[0];
}

// n / d for n and d below 2^31 without a division: Granlund and Montgomery 1994, figure 4.1.
// The host makes one by cuda_divide (cuda.h).
struct divide {
    uint32_t d, magic, shift;
};
__device__ inline uint32_t quotient(uint32_t n, divide by)
{
    uint32_t t = (uint32_t)((uint64_t)n * by.magic >> 32);
    return (t + n) >> by.shift;
}
