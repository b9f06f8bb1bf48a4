// prefix.hpp -- what NVRTC knows by itself, for a C++ compiler of the host: put before device code.
#define __CUDACC_RTC__ 1
#define __CUDACC__ 1
#define __CUDA_ARCH__ 900
#define __device__
#define __host__
#define __forceinline__ inline
#define __constant__ static
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define __shared__ static __attribute__((section("standin_shared")))
#define __align__(N) __attribute__((aligned(N)))
typedef decltype(sizeof(0)) size_t;
extern "C" {
struct standin_three {
    unsigned x, y, z;
};
extern standin_three threadIdx, blockIdx, blockDim, gridDim;
void standin_sync(int line);
float expf(float), exp2f(float), expm1f(float), logf(float), log2f(float), log1pf(float);
float sqrtf(float), fabsf(float), floorf(float), ceilf(float), rintf(float), roundf(float);
float truncf(float), powf(float, float), sinf(float), cosf(float), tanf(float), tanhf(float);
float fminf(float, float), fmaxf(float, float), fmaf(float, float, float), fmodf(float, float);
float atan2f(float, float), erff(float), copysignf(float, float);
double exp(double), log(double), sqrt(double), fabs(double), floor(double), pow(double, double);
}
#define __syncthreads() standin_sync(__LINE__)
static inline float exp(float x) { return expf(x); }
static inline float log(float x) { return logf(x); }
static inline float log1p(float x) { return log1pf(x); }
static inline float sqrt(float x) { return sqrtf(x); }
static inline float fabs(float x) { return fabsf(x); }
static inline float sin(float x) { return sinf(x); }
static inline float cos(float x) { return cosf(x); }
static inline float tanh(float x) { return tanhf(x); }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline float __expf(float x) { return expf(x); }
static inline float __logf(float x) { return logf(x); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline long min(long a, long b) { return a < b ? a : b; }
static inline long max(long a, long b) { return a > b ? a : b; }
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline bool isnan(float x) { return x != x; }
static inline bool isfinite(float x) { return x - x == 0.0f; }
template <typename T> static inline T __ldg(const T *p) { return *p; }
static inline unsigned __float_as_uint(float x) { unsigned u; __builtin_memcpy(&u, &x, 4); return u; }
static inline float __uint_as_float(unsigned u) { float x; __builtin_memcpy(&x, &u, 4); return x; }
static inline int __float_as_int(float x) { return (int)__float_as_uint(x); }
static inline float __int_as_float(int u) { return __uint_as_float((unsigned)u); }
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
extern "C" char __start_standin_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_standin_shared[] __attribute__((weak, visibility("hidden")));
extern "C" __attribute__((visibility("default"))) char *standin_shared_ends[2] = {
    __start_standin_shared, __stop_standin_shared};
#line 1 "kernel"
