// narrow.c -- convolutions to up to four channels: sums over the input channels as vectors, several
// pixels at a time so that they stay in registers.
#include "backend/narrow.h"
#include "backend/lanes.h"
#include <string.h>

enum { MOST = 4, TAPS = 49, ROUND = 16 };

typedef float lanes4 __attribute__((vector_size(16), aligned(4)));

static inline float total(const float *part, int n)
{
    lanes4 s = {0};
    for (int i = 0; i < n; i += 4) s += *(const lanes4 *)(const void *)(part + i);
    return (s[0] + s[1]) + (s[2] + s[3]);
}

// out[PIXELS][O] = sums over taps and channels. at: where the first pixel's taps read, NULL for
// zeros; the next pixels read step floats on. w: [tap][c / ROUND][O][ROUND]
#define KERNEL(NAME, TARGET, LANES, FMA, PIXELS, O)                                                \
    TARGET static void NAME(const float *const *at, int taps, int64_t c, int64_t step,             \
                            const float *w, float *out)                                            \
    {                                                                                              \
        enum { L = sizeof(LANES) / sizeof(float) };                                                \
        LANES sum[PIXELS][O] = {0};                                                                \
        for (int t = 0; t < taps; t++, w += (O)*c)                                                 \
            for (int64_t b = 0; at[t] && b < c; b += L) {                                          \
                const float *v = w + b / ROUND * ROUND * (O) + b % ROUND;                          \
                LANES k[O];                                                                        \
                LANES_UNROLL for (int o = 0; o < (O); o++) k[o] =                                  \
                    *(const LANES *)(const void *)(v + o * ROUND);                                 \
                LANES_UNROLL for (int p = 0; p < (PIXELS); p++)                                    \
                {                                                                                  \
                    LANES x = *(const LANES *)(const void *)(at[t] + b + p * step);                \
                    LANES_UNROLL for (int o = 0; o < (O); o++) sum[p][o] =                         \
                        FMA(x, k[o], sum[p][o]);                                                   \
                }                                                                                  \
            }                                                                                      \
        float part[(PIXELS) * (O)][L]; /* so that sum itself needs no address */                   \
        LANES_UNROLL for (int p = 0; p < (PIXELS); p++)                                            \
                LANES_UNROLL for (int o = 0; o < (O); o++) *                                       \
            (LANES *)(void *)part[p * (O) + o] = sum[p][o];                                        \
        for (int i = 0; i < (PIXELS) * (O); i++) out[i] = total(part[i], L);                       \
    }

typedef void kernel(const float *const *at, int taps, int64_t c, int64_t step, const float *w,
                    float *out);
typedef struct {
    kernel *many, *one;
    int pixels; // of many
} ways;

// Four widths, each with the pixels that the registers hold, and with one.
#define KERNELS(NAME, TARGET, LANES, FMA, P1, P2, P3, P4)                                          \
    KERNEL(NAME##1_many, TARGET, LANES, FMA, P1, 1)                                                \
    KERNEL(NAME##1_one, TARGET, LANES, FMA, 1, 1)                                                  \
    KERNEL(NAME##2_many, TARGET, LANES, FMA, P2, 2)                                                \
    KERNEL(NAME##2_one, TARGET, LANES, FMA, 1, 2)                                                  \
    KERNEL(NAME##3_many, TARGET, LANES, FMA, P3, 3)                                                \
    KERNEL(NAME##3_one, TARGET, LANES, FMA, 1, 3)                                                  \
    KERNEL(NAME##4_many, TARGET, LANES, FMA, P4, 4)                                                \
    KERNEL(NAME##4_one, TARGET, LANES, FMA, 1, 4)                                                  \
    static const ways NAME##ways[MOST] = {{NAME##1_many, NAME##1_one, P1},                         \
                                          {NAME##2_many, NAME##2_one, P2},                         \
                                          {NAME##3_many, NAME##3_one, P3},                         \
                                          {NAME##4_many, NAME##4_one, P4}};

#ifdef __x86_64__
KERNELS(avx2_, LANES_AVX2, lanes8, LANES_FMA8, 8, 5, 4, 2)
KERNELS(avx512_, LANES_AVX512, lanes16, LANES_FMA16, 12, 12, 8, 6)
#endif

struct cpu_narrow {
    cpu_conv_shape s;
    cpu_conv_post post;
    bool keep, packed;
    const ways *way;
    float *w;
};

static const ways *all_ways(void) // NULL: this machine has none
{
#ifdef __x86_64__
    cpu_level level = cpu_has();
    if (level >= CPU_AVX512) return avx512_ways;
    if (level == CPU_AVX2) return avx2_ways;
#endif
    return NULL;
}

bool cpu_narrow_fits(cpu_conv_kind kind, const cpu_conv_shape *s)
{
    return kind == CPU_CONV_Y && s->groups == 1 && s->o >= 1 && s->o <= MOST && s->c % ROUND == 0 &&
           s->kh * s->kw <= TAPS && all_ways();
}

int cpu_narrow_open(cpu_narrow **out, const cpu_conv_shape *s, const cpu_conv_post *post, bool keep)
{
    *out = NULL;
    cpu_narrow *n = base_alloc(1, sizeof *n);
    if (!n) return GUISE_NO_MEMORY;
    *n = (cpu_narrow){.s = *s, .keep = keep, .way = &all_ways()[s->o - 1]};
    if (post) n->post = *post;
    n->w = base_aligned(cpu_narrow_bytes(n));
    if (n->w)
        *out = n;
    else
        base_free(n);
    return *out ? GUISE_OK : GUISE_NO_MEMORY;
}

void cpu_narrow_close(cpu_narrow *n)
{
    if (!n) return;
    base_free(n->w);
    base_free(n);
}

static void pack(cpu_narrow *n, const float *weights) // from [o][c][kh][kw]
{
    const cpu_conv_shape *s = &n->s;
    int64_t taps = s->kh * s->kw;
    for (int64_t o = 0; o < s->o; o++)
        for (int64_t c = 0; c < s->c; c++)
            for (int64_t t = 0; t < taps; t++)
                n->w[((t * s->c + c - c % ROUND) * s->o) + o * ROUND + c % ROUND] =
                    weights[(o * s->c + c) * taps + t];
    n->packed = true;
}

static int64_t mirror(int64_t at, int64_t n) { return at < 0 ? -at : at < n ? at : 2 * n - 2 - at; }

// Where the taps of the output pixel at y, x read; inside: all columns are in the image.
static void find_taps(const cpu_conv_shape *s, const float *image, int64_t y, int64_t x,
                      bool inside, const float **at)
{
    int64_t left = x * s->stride - s->left - s->reflect;
    for (int64_t u = 0; u < s->kh; u++, at += s->kw) {
        int64_t i = y * s->stride + u - s->top - s->reflect;
        if (s->reflect) i = mirror(i, s->h);
        const float *row = i >= 0 && i < s->h ? image + i * s->w * s->c : NULL;
        for (int64_t v = 0; v < s->kw; v++) {
            int64_t j = left + v;
            if (s->reflect && !inside) j = mirror(j, s->w);
            at[v] = row && (inside || (j >= 0 && j < s->w)) ? row + j * s->c : NULL;
        }
    }
}

// sums + bias (+ out), activation, into out
static void finish(const cpu_narrow *n, const float *sum, const float *bias, int64_t pixels,
                   float *out)
{
    for (int64_t i = 0; i < pixels * n->s.o; i++) {
        float v = sum[i] + (n->post.bias ? bias[i % n->s.o] : 0) + (n->post.add ? out[i] : 0);
        out[i] = n->post.act && v <= 0 ? (float)n->post.slope * v : v;
    }
}

// One row of the output. Pixels whose taps all lie inside go together; the last such block begins
// where it ends with them, and what it makes twice is kept once.
static void run_row(const cpu_narrow *n, const float *image, int64_t y, const float *bias,
                    float *out)
{
    const cpu_conv_shape *s = &n->s;
    const float *at[TAPS];
    float sum[16 * MOST];
    int64_t rim = s->left + s->reflect, most = n->way->pixels;
    int64_t from = (rim + s->stride - 1) / s->stride; // first and last of those pixels
    int64_t end = s->w + rim >= s->kw ? (s->w + rim - s->kw) / s->stride + 1 : 0;
    if (end > s->ow) end = s->ow;
    for (int64_t x = 0; x < s->ow;) {
        bool many = x >= from && end - from >= most && x < end;
        int64_t first = many && x + most > end ? end - most : x, count = many ? most : 1;
        find_taps(s, image, y, first, many, at);
        (many ? n->way->many : n->way->one)(at, (int)(s->kh * s->kw), s->c, s->stride * s->c, n->w,
                                            sum);
        int64_t skip = x - first;
        finish(n, sum + skip * s->o, bias, count - skip, out + x * s->o);
        x = first + count;
    }
}

void cpu_narrow_run(cpu_narrow *n, const float *x, const float *weights, const float *bias,
                    float *out)
{
    const cpu_conv_shape *s = &n->s;
    if (!n->keep || !n->packed) pack(n, weights);
#pragma omp parallel for schedule(static) if (s->oh * s->ow * s->c > 16384)
    for (int64_t row = 0; row < s->n * s->oh; row++)
        run_row(n, x + row / s->oh * s->h * s->w * s->c, row % s->oh, bias,
                out + row * s->ow * s->o);
}

void cpu_narrow_forget(cpu_narrow *n) { n->packed = false; }

size_t cpu_narrow_bytes(const cpu_narrow *n)
{
    return sizeof(float) * (size_t)(n->s.o * n->s.c * n->s.kh * n->s.kw);
}
