// resize.c -- images to another height and width by interpolation along rows, then columns.
// Conventions are those of ONNX Resize (github.com/onnx/onnx, docs/Operators.md): half_pixel,
// align_corners, asymmetric with floor. Cubic kernel: Keys 1981, with a = -0.75.
#include "graph/gpu.h"
#include "graph/op/move.h"
#include <math.h>
#include <omp.h>
#include <string.h>

typedef struct {
    int64_t h, w, mode; // of the output, also for the adjoint
} args;

enum { MOST = 4 }; // inputs that an output is made of, along one dim

typedef struct {
    int64_t at;
    double w;
} tap;

static double cubic(double t) // Keys's kernel at distance t, 0..2
{
    const double a = -0.75;
    if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
}

static int64_t clamp(int64_t i, int64_t n) { return i < 0 ? 0 : i < n ? i : n - 1; }

// What output i of `out` is made of, among `in` inputs. Returns the number of taps.
static int taps(tg_resize_mode mode, int64_t i, int64_t in, int64_t out, tap t[MOST])
{
    double ratio = (double)in / (double)out, at = ((double)i + 0.5) * ratio - 0.5;
    if (mode == TG_NEAREST) {
        t[0] = (tap){i * in / out, 1};
        return 1;
    }
    if (mode == TG_BICUBIC) {
        double f = floor(at), d = at - f;
        for (int k = 0; k < 4; k++)
            t[k] = (tap){clamp((int64_t)f + k - 1, in), cubic(fabs(d + 1 - k))};
        return 4;
    }
    if (mode == TG_BILINEAR_CORNER) at = out > 1 ? (double)(i * (in - 1)) / (double)(out - 1) : 0;
    if (at < 0) at = 0;
    int64_t low = clamp((int64_t)at, in);
    double d = at - (double)low;
    t[0] = (tap){low, 1 - d}, t[1] = (tap){clamp(low + 1, in), d};
    return t[1].at == low || d == 0 ? t[0].w = 1, 1 : 2;
}

static const char *check(const tg_node *y, tg_shape *out)
{
    const args *p = y->args;
    *out = y->in[0]->shape;
    if (out->rank != 4) return "the operand must be [n,c,h,w]";
    if (p->mode < TG_NEAREST || p->mode > TG_BICUBIC) return "there is no such mode";
    for (int i = 2; i < 4; i++) { // sizes are multiplied by one another above
        int64_t to = i == 2 ? p->h : p->w;
        if (to < 1) return "height and width must be positive";
        if (to > INT32_MAX || out->dim[i] > INT32_MAX) return "height or width is too large";
        out->dim[i] = to;
    }
    return move_wrong(*out);
}

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    const args *p = y->args;
    tg_shape x = y->in[0]->shape;
    dx[0] = tg_resize_dx(dy, x.dim[2], x.dim[3], (tg_resize_mode)p->mode);
}

static void vjp_dx(tg_node *y, tg_node *d, tg_node *dx[])
{
    const args *p = y->args;
    tg_shape x = y->in[0]->shape;
    dx[0] = tg_resize(d, x.dim[2], x.dim[3], (tg_resize_mode)p->mode);
}

// The walk behind both definitions: y += w x for the op, x += w y for its adjoint.
static void walk(const tg_node *node, tg_shape x, tg_shape y, const double *from, double *to)
{
    const args *p = node->args;
    bool adjoint = node->op == &tg_op_resize_dx;
    tap a[MOST], b[MOST];
    memset(to, 0, sizeof *to * (size_t)tg_count(node->shape));
    for (int64_t m = 0; m < y.dim[0] * y.dim[1]; m++)
        for (int64_t i = 0; i < y.dim[2]; i++)
            for (int64_t j = 0; j < y.dim[3]; j++) {
                int na = taps((tg_resize_mode)p->mode, i, x.dim[2], y.dim[2], a);
                int nb = taps((tg_resize_mode)p->mode, j, x.dim[3], y.dim[3], b);
                int64_t at_y = (m * y.dim[2] + i) * y.dim[3] + j;
                for (int k = 0; k < na * nb; k++) {
                    tap u = a[k / nb], v = b[k % nb];
                    int64_t at_x = (m * x.dim[2] + u.at) * x.dim[3] + v.at;
                    to[adjoint ? at_x : at_y] += u.w * v.w * from[adjoint ? at_y : at_x];
                }
            }
}

static void ref(const tg_node *y, const double *const x[], double *out)
{
    walk(y, y->in[0]->shape, y->shape, x[0], out);
}

static void ref_dx(const tg_node *y, const double *const x[], double *out)
{
    walk(y, y->shape, y->in[0]->shape, x[0], out);
}

// The taps of all outputs along one dim: those of output i are tap[start[i]] .. tap[start[i+1]-1].
// The adjoint's table is the transposed one, so that both run the same kernel and gather.
typedef struct {
    int64_t *start;
    tap *tap;
} table;

typedef struct {
    table rows, cols;
    size_t bytes;
} tables;

static int make_table(table *t, tg_resize_mode mode, int64_t in, int64_t out, bool adjoint)
{
    tap v[MOST];
    int64_t n = adjoint ? in : out;
    t->start = base_alloc((size_t)n + 2, sizeof *t->start);
    t->tap = base_alloc((size_t)out * MOST, sizeof *t->tap);
    if (!t->start || !t->tap) return GUISE_NO_MEMORY;
    for (int64_t i = 0; i < out; i++) // two places ahead: filling moves the starts by one
        for (int k = taps(mode, i, in, out, v) - 1; k >= 0; k--)
            t->start[(adjoint ? v[k].at : i) + 2]++;
    for (int64_t i = 2; i <= n; i++) t->start[i] += t->start[i - 1];
    for (int64_t i = 0; i < out; i++) {
        int m = taps(mode, i, in, out, v);
        for (int k = 0; k < m; k++) {
            int64_t *next = &t->start[(adjoint ? v[k].at : i) + 1];
            t->tap[(*next)++] = adjoint ? (tap){i, v[k].w} : v[k];
        }
    }
    return 0;
}

static void release(void *state)
{
    tables *t = state;
    if (!t) return;
    base_free(t->rows.start), base_free(t->rows.tap);
    base_free(t->cols.start), base_free(t->cols.tap);
    base_free(t);
}

static int prepare(const tg_node *y, const tg_wish *wish, void **state)
{
    (void)wish;
    const args *p = y->args;
    bool adjoint = y->op == &tg_op_resize_dx;
    tg_shape in = adjoint ? y->shape : y->in[0]->shape, out = adjoint ? y->in[0]->shape : y->shape;
    tables *t = base_alloc(1, sizeof *t);
    if (!t) return GUISE_NO_MEMORY;
    int s = make_table(&t->rows, (tg_resize_mode)p->mode, in.dim[2], out.dim[2], adjoint);
    if (!s) s = make_table(&t->cols, (tg_resize_mode)p->mode, in.dim[3], out.dim[3], adjoint);
    if (s) return release(t), s;
    t->bytes = sizeof *t;
    for (int i = 2; i < 4; i++)
        t->bytes += (size_t)(in.dim[i] + MOST * out.dim[i]) * (sizeof(tap) + sizeof(int64_t));
    *state = t;
    return 0;
}

// y = sum of t[k].w * x[t[k].at * n ..], n floats each.
BASE_SIMD static void mix(float *restrict y, const float *restrict x, const tap *t, int64_t taps_n,
                          int64_t n)
{
    int64_t k = taps_n % 2 ? 1 : 2;
    if (taps_n == 0) {
        memset(y, 0, sizeof *y * (size_t)n);
    } else if (k == 1) {
        const float *a = x + t[0].at * n;
        float u = (float)t[0].w;
        for (int64_t i = 0; i < n; i++) y[i] = u * a[i];
    } else {
        const float *a = x + t[0].at * n, *b = x + t[1].at * n;
        float u = (float)t[0].w, v = (float)t[1].w;
        for (int64_t i = 0; i < n; i++) y[i] = u * a[i] + v * b[i];
    }
    for (; k < taps_n; k += 2) {
        const float *a = x + t[k].at * n, *b = x + t[k + 1].at * n;
        float u = (float)t[k].w, v = (float)t[k + 1].w;
        for (int64_t i = 0; i < n; i++) y[i] += u * a[i] + v * b[i];
    }
}

static void row(const tables *t, int64_t i, int64_t w, int64_t w_out, int64_t c, const float *x,
                float *line, float *y)
{
    const tap *a = t->rows.tap + t->rows.start[i];
    int64_t n = t->rows.start[i + 1] - t->rows.start[i];
    const float *from = line;
    if (n == 1 && a->w == 1)
        from = x + a->at * w * c; // nothing to mix
    else
        mix(line, x, a, n, w * c);
    for (int64_t j = 0; j < w_out; j++) {
        const tap *b = t->cols.tap + t->cols.start[j];
        mix(y + j * c, from, b, t->cols.start[j + 1] - t->cols.start[j], c);
    }
}

static int cpu(const tg_call *call)
{
    tg_shape s = call->y->in[0]->shape, o = call->y->shape;
    int64_t c = s.dim[1], line = (s.dim[3] * c + 15) / 16 * 16;
    float *lines = base_aligned(sizeof(float) * (size_t)line * (size_t)omp_get_max_threads());
    if (!lines) return GUISE_NO_MEMORY;
#pragma omp parallel for schedule(static) if (tg_count(o) > MOVE_ALONE)
    for (int64_t k = 0; k < o.dim[0] * o.dim[2]; k++) {
        const float *x = call->x[0] + k / o.dim[2] * s.dim[2] * s.dim[3] * c;
        row(call->state, k % o.dim[2], s.dim[3], o.dim[3], c, x,
            lines + omp_get_thread_num() * line, call->out + k * o.dim[3] * c);
    }
    base_free(lines);
    return 0;
}

// On a GPU the tables lie one behind the other: starts of rows and of columns as int32_t, then
// taps.
typedef struct { // as in resize.cu
    int32_t at;
    float w;
} gpu_tap;

typedef struct {
    cuda_device *device;
    cuda_at memory;
    size_t bytes;
    uint64_t start[2], tap[2]; // addresses, of rows and of columns
} gpu_state;

static void gpu_release(void *state)
{
    gpu_state *s = state;
    if (s) cuda_free(s->device, CUDA_DEVICE, s->memory);
    base_free(s);
}

// Puts the table of n outputs into memory at *start and *tap, moves both on.
static void lay_out(const table *t, int64_t n, int32_t **start, gpu_tap **to)
{
    for (int64_t i = 0; i <= n; i++) *(*start)++ = (int32_t)t->start[i];
    for (int64_t i = 0; i < t->start[n]; i++)
        *(*to)++ = (gpu_tap){(int32_t)t->tap[i].at, (float)t->tap[i].w};
}

static int upload(gpu_state *s, const tables *t, const int64_t n[2])
{
    int64_t taps_n[2] = {t->rows.start[n[0]], t->cols.start[n[1]]};
    size_t starts = ((size_t)(n[0] + n[1] + 2) * sizeof(int32_t) + 15) / 16 * 16;
    s->bytes = starts + (size_t)(taps_n[0] + taps_n[1]) * sizeof(gpu_tap);
    s->memory = cuda_alloc(s->device, CUDA_DEVICE, s->bytes);
    char *all = base_alloc(s->bytes, 1);
    if (!all || !s->memory) return base_free(all), GUISE_NO_MEMORY;
    int32_t *start = (int32_t *)(void *)all;
    gpu_tap *to = (gpu_tap *)(void *)(all + starts);
    lay_out(&t->rows, n[0], &start, &to);
    lay_out(&t->cols, n[1], &start, &to);
    s->start[0] = s->memory;
    s->start[1] = s->memory + (uint64_t)(n[0] + 1) * sizeof(int32_t);
    s->tap[0] = s->memory + starts;
    s->tap[1] = s->tap[0] + (uint64_t)taps_n[0] * sizeof(gpu_tap);
    int e = cuda_upload(s->device, s->memory, all, s->bytes);
    base_free(all);
    return e;
}

static int gpu_prepare(const tg_node *y, const tg_gpu_wish *wish, void **state)
{
    void *t = NULL;
    gpu_state *s = base_alloc(1, sizeof *s);
    int e = s ? prepare(y, NULL, &t) : GUISE_NO_MEMORY;
    if (!e) {
        s->device = wish->device;
        e = upload(s, t, y->shape.dim + 2);
    }
    release(t);
    if (e) gpu_release(s), s = NULL;
    *state = s;
    return e;
}

static size_t gpu_bytes(const void *state) { return ((const gpu_state *)state)->bytes; }

static int gpu(const tg_gpu_call *c)
{
    const gpu_state *s = c->state;
    struct { // as in resize.cu
        gpu_image image;
        uint64_t row_start, row_tap, column_start, column_tap;
    } a = {.row_start = s->start[0],
           .row_tap = s->tap[0],
           .column_start = s->start[1],
           .column_tap = s->tap[1]};
    char defines[GPU_DEFINES];
    int pack = gpu_image_of(c, false, &a.image); // the adjoint only has other tables
    gpu_defines(defines, sizeof defines, c->x[0].type, c->out.type, pack);
    return gpu_launch(c, cuda_text_resize, defines, "resize", &a, sizeof a, a.image.count);
}

static tg_node *pick(tg_graph *g, base_rng *r,
                     tg_node *(*make)(tg_node *, int64_t, int64_t, tg_resize_mode))
{
    int h = base_rng_range(r, 1, 6), w = base_rng_range(r, 1, 6), to = base_rng_range(r, 1, 9);
    tg_shape s = TG_SHAPE(base_rng_range(r, 1, 2), base_rng_range(r, 1, 3), h, w);
    tg_resize_mode mode = (tg_resize_mode)base_rng_range(r, TG_NEAREST, TG_BICUBIC);
    return make(tg_randn(g, r, s), base_rng_range(r, 1, 9), to == w ? to + 1 : to, mode);
}
static tg_node *sample(tg_graph *g, base_rng *r) { return pick(g, r, tg_resize); }
static tg_node *sample_dx(tg_graph *g, base_rng *r) { return pick(g, r, tg_resize_dx); }

static tg_node *make(const tg_op *op, tg_node *x, int64_t h, int64_t w, tg_resize_mode mode)
{
    args p = {h, w, mode};
    if (x && x->shape.rank == 4 && x->shape.dim[2] == h && x->shape.dim[3] == w) return x;
    return tg_make(op, 1, (tg_node *[]){x}, &p, sizeof p);
}

tg_node *tg_resize(tg_node *x, int64_t h, int64_t w, tg_resize_mode mode)
{
    return make(&tg_op_resize, x, h, w, mode);
}

tg_node *tg_resize_dx(tg_node *dy, int64_t h, int64_t w, tg_resize_mode mode)
{
    return make(&tg_op_resize_dx, dy, h, w, mode);
}

static const tg_field fields[] = {{"h", TG_FIELD_INT64, offsetof(args, h), 1},
                                  {"w", TG_FIELD_INT64, offsetof(args, w), 1},
                                  {"mode", TG_FIELD_INT64, offsetof(args, mode), 1},
                                  {0}};
#define GPU                                                                                        \
    .gpu = gpu, .gpu_prepare = gpu_prepare, .gpu_release = gpu_release, .gpu_bytes = gpu_bytes
TG_OP(resize, "interpolation to another height and width", .fields = fields, .shape = check,
      .vjp = vjp, .ref = ref, .cpu = cpu, .prepare = prepare, .release = release, GPU,
      .last = 1 | TG_LAST_OUT, .flags = TG_LINEAR, .sample = sample);
TG_OP(resize_dx, "adjoint of resize", .fields = fields, .shape = check, .vjp = vjp_dx,
      .ref = ref_dx, .cpu = cpu, .prepare = prepare, .release = release, GPU,
      .last = 1 | TG_LAST_OUT, .flags = TG_LINEAR, .sample = sample_dx);
