// fir.c -- resampling by a small filter: zeros between elements, a border, convolution, every
// down'th element. StyleGAN2 (Karras et al. 2020) calls it upfirdn2d. One op is its own family: the
// adjoint has up and down exchanged and the taps turned round.
//   y[o] = sum over i of x[i] tap[size - 1 - (i up + before - o down)], in each direction
#include "graph/gpu.h"
#include "graph/op/move.h"
#include <string.h>

typedef tg_fir_kernel args; // only int64_t and double: no padding bytes

enum { ROWS, COLUMNS, CHANNELS = 16 };

static int64_t out_size(const args *p, int d, int64_t n)
{
    return (n * p->up[d] + p->before[d] + p->after[d] - p->size[d]) / p->down[d] + 1;
}

static const char *check_args(const args *p, tg_shape x)
{
    const int64_t most = 1 << 20;
    for (int d = 0; d < 2; d++) {
        if (p->size[d] < 1 || p->size[d] > TG_FIR_MOST) return "the filter has 1 to 8 taps a side";
        if (p->up[d] < 1 || p->down[d] < 1 || p->up[d] > most || p->down[d] > most)
            return "up and down must be positive";
        if (p->before[d] < -most || p->before[d] > most || p->after[d] < -most ||
            p->after[d] > most || x.dim[2 + d] > most)
            return "the border is too wide";
        if (x.dim[2 + d] * p->up[d] + p->before[d] + p->after[d] < p->size[d])
            return "the image with its border is smaller than the filter";
    }
    return NULL;
}

static const char *shape(const tg_node *y, tg_shape *out)
{
    const args *p = y->args;
    tg_shape x = y->in[0]->shape;
    if (x.rank != 4) return "x must have rank 4";
    const char *wrong = check_args(p, x);
    if (wrong) return wrong;
    *out = x;
    for (int d = 0; d < 2; d++) out->dim[2 + d] = out_size(p, d, x.dim[2 + d]);
    return move_wrong(*out);
}

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    const args *p = y->args;
    args q = *p;
    for (int d = 0; d < 2; d++) {
        int64_t n = tg_dim(y->in[0], 2 + d), o = tg_dim(y, 2 + d);
        q.up[d] = p->down[d];
        q.down[d] = p->up[d];
        q.before[d] = p->size[d] - 1 - p->before[d];
        q.after[d] = (n - 1) * p->up[d] + p->size[d] - o * p->down[d] - q.before[d];
    }
    int64_t taps = p->size[ROWS] * p->size[COLUMNS];
    for (int64_t t = 0; t < taps; t++) q.tap[t] = p->tap[taps - 1 - t];
    dx[0] = tg_fir(dy, &q);
}

static void ref(const tg_node *y, const double *const x[], double *out)
{
    const args *p = y->args;
    const int64_t *s = y->in[0]->shape.dim, *o = y->shape.dim;
    for (int64_t k = 0; k < tg_count(y->shape); k++) {
        const double *a = x[0] + k / (o[2] * o[3]) * s[2] * s[3];
        int64_t row = k / o[3] % o[2] * p->down[ROWS] - p->before[ROWS];
        int64_t column = k % o[3] * p->down[COLUMNS] - p->before[COLUMNS];
        out[k] = 0;
        for (int64_t u = 0; u < p->size[ROWS]; u++)
            for (int64_t v = 0; v < p->size[COLUMNS]; v++) {
                int64_t i = row + u, j = column + v; // in the image with zeros between elements
                if (i < 0 || j < 0 || i % p->up[ROWS] || j % p->up[COLUMNS]) continue;
                i /= p->up[ROWS], j /= p->up[COLUMNS];
                if (i >= s[2] || j >= s[3]) continue;
                out[k] +=
                    a[i * s[3] + j] *
                    p->tap[(p->size[ROWS] - 1 - u) * p->size[COLUMNS] + p->size[COLUMNS] - 1 - v];
            }
    }
}

// The elements of x that reach one row or column of the output: n from `first` on, under taps tap,
// tap - up, ..
typedef struct {
    int32_t first, n, tap;
} span;

typedef struct { // made once: spans of all rows, then of all columns
    size_t bytes;
    float tap[TG_FIR_MOST * TG_FIR_MOST];
    span span[];
} kernel;

static span reach(const args *p, int d, int64_t n, int64_t o)
{
    int64_t up = p->up[d], at = o * p->down[d] - p->before[d]; // where the window begins
    int64_t first = at > 0 ? (at + up - 1) / up : 0, end = at + p->size[d]; // of it, exclusive
    int64_t last = end > 0 ? (end - 1) / up : -1;
    if (last > n - 1) last = n - 1;
    if (last < first) return (span){0, 0, 0};
    return (span){(int32_t)first, (int32_t)(last - first + 1),
                  (int32_t)(p->size[d] - 1 - (first * up - at))};
}

static int prepare(const tg_node *y, const tg_wish *wish, void **state)
{
    (void)wish;
    const args *p = y->args;
    const int64_t *x = y->in[0]->shape.dim + 2, *o = y->shape.dim + 2;
    size_t size = sizeof(kernel) + (size_t)(o[0] + o[1]) * sizeof(span);
    kernel *k = base_alloc(1, size);
    if (!k) return GUISE_NO_MEMORY;
    k->bytes = size;
    for (int i = 0; i < TG_FIR_MOST * TG_FIR_MOST; i++) k->tap[i] = (float)p->tap[i];
    for (int64_t i = 0; i < o[0]; i++) k->span[i] = reach(p, ROWS, x[0], i);
    for (int64_t i = 0; i < o[1]; i++) k->span[o[0] + i] = reach(p, COLUMNS, x[1], i);
    *state = k;
    return GUISE_OK;
}

static void release(void *state) { base_free(state); }

static size_t bytes(const void *state) { return ((const kernel *)state)->bytes; }

typedef struct { // one row of the output
    const float *row[TG_FIR_MOST], *tap[TG_FIR_MOST];
    int64_t rows, up, c; // up: step between taps of neighbouring elements
} window;

// Channels from..from + n of one element; n is a constant where this is called.
static inline void sum(const window *w, span s, int64_t from, int n, float *out)
{
    float total[2 * CHANNELS] = {0};
    for (int64_t u = 0; u < w->rows; u++) {
        const float *x = w->row[u] + s.first * w->c + from, *tap = w->tap[u];
        for (int64_t v = 0; v < s.n; v++) {
            const float k = tap[s.tap - v * w->up], *a = x + v * w->c;
#pragma omp simd
            for (int l = 0; l < n; l++) total[l] += k * a[l];
        }
    }
    for (int l = 0; l < n; l++) out[from + l] = total[l];
}

BASE_SIMD static void run_row(const window *w, const span *column, int64_t columns, float *out)
{
    for (int64_t j = 0; j < columns; j++, out += w->c) {
        int64_t from = 0;
        for (; from + 2 * CHANNELS <= w->c; from += 2 * CHANNELS)
            sum(w, column[j], from, 2 * CHANNELS, out);
        for (; from + CHANNELS <= w->c; from += CHANNELS) sum(w, column[j], from, CHANNELS, out);
        for (; from < w->c; from++) sum(w, column[j], from, 1, out);
    }
}

static int cpu(const tg_call *c)
{
    const args *p = c->y->args;
    const kernel *k = c->state;
    const int64_t *s = c->y->in[0]->shape.dim, *o = c->y->shape.dim, wide = s[3] * s[1];
#pragma omp parallel for schedule(static) if (tg_count(c->y->shape) > MOVE_ALONE)
    for (int64_t r = 0; r < o[0] * o[2]; r++) {
        span row = k->span[r % o[2]];
        window w = {.rows = row.n, .up = p->up[COLUMNS], .c = s[1]};
        for (int64_t u = 0; u < row.n; u++) {
            w.row[u] = c->x[0] + (r / o[2] * s[2] + row.first + u) * wide;
            w.tap[u] = k->tap + (row.tap - u * p->up[ROWS]) * p->size[COLUMNS];
        }
        run_row(&w, k->span + o[2], o[3], c->out + r * o[3] * s[1]);
    }
    return 0;
}

static int gpu(const tg_gpu_call *c)
{
    const args *p = c->y->args;
    struct { // as in fir.cu
        gpu_image image;
        int64_t before[2];
        float tap[TG_FIR_MOST * TG_FIR_MOST];
    } a = {.before = {p->before[ROWS], p->before[COLUMNS]}};
    char defines[2 * GPU_DEFINES];
    int pack = gpu_image_of(c, false, &a.image);
    for (int i = 0; i < TG_FIR_MOST * TG_FIR_MOST; i++) a.tap[i] = (float)p->tap[i];
    gpu_defines(defines, sizeof defines, c->x[0].type, c->out.type, pack);
    size_t n = strlen(defines);
    snprintf(defines + n, sizeof defines - n,
             "#define UP0 %d\n#define UP1 %d\n#define DOWN0 %d\n#define DOWN1 %d\n"
             "#define SIZE0 %d\n#define SIZE1 %d\n",
             (int)p->up[ROWS], (int)p->up[COLUMNS], (int)p->down[ROWS], (int)p->down[COLUMNS],
             (int)p->size[ROWS], (int)p->size[COLUMNS]);
    return gpu_launch(c, cuda_text_fir, defines, "fir", &a, sizeof a, a.image.count);
}

static tg_node *sample(tg_graph *g, base_rng *r)
{
    args p = {.size = {base_rng_range(r, 1, 4), base_rng_range(r, 1, 4)}};
    int few = base_rng_range(r, 0, 9), c = few ? base_rng_range(r, 1, 3) : 3 * CHANNELS + 2;
    tg_shape x = TG_SHAPE(few ? base_rng_range(r, 1, 2) : 1, c, base_rng_range(r, 2, 4),
                          base_rng_range(r, 2, 4));
    for (int d = 0; d < 2; d++) {
        p.up[d] = base_rng_range(r, 1, 3);
        p.down[d] = base_rng_range(r, 1, 3);
        p.before[d] = base_rng_range(r, -1, 3);
        p.after[d] = base_rng_range(r, -1, 3);
        if (x.dim[2 + d] * p.up[d] + p.before[d] + p.after[d] < p.size[d]) p.after[d] = p.size[d];
    }
    for (int64_t t = 0; t < p.size[0] * p.size[1]; t++) p.tap[t] = base_rng_normal(r);
    return tg_fir(tg_randn(g, r, x), &p);
}

static const tg_field fields[] = {
    {"up", TG_FIELD_INT64, offsetof(args, up), 2},
    {"down", TG_FIELD_INT64, offsetof(args, down), 2},
    {"before", TG_FIELD_INT64, offsetof(args, before), 2},
    {"after", TG_FIELD_INT64, offsetof(args, after), 2},
    {"size", TG_FIELD_INT64, offsetof(args, size), 2},
    {"tap", TG_FIELD_REAL, offsetof(args, tap), TG_FIR_MOST *TG_FIR_MOST},
    {0}};

TG_OP(fir, "zeros between elements, a border, a filter, every down'th element", .fields = fields,
      .shape = shape, .vjp = vjp, .ref = ref, .cpu = cpu, .gpu = gpu, .prepare = prepare,
      .release = release, .bytes = bytes, .last = 1 | TG_LAST_OUT, .flags = TG_LINEAR,
      .sample = sample);

tg_node *tg_fir(tg_node *x, const tg_fir_kernel *k)
{
    return tg_make(&tg_op_fir, 1, (tg_node *[]){x}, k, sizeof *k);
}
