// quant.c -- convolutions of 8-bit numbers by oneDNN. With x = sx (qx - z) and w = sw[o] qw,
//   y[o] = sx sw[o] (sum of qx qw - z sum of qw) + bias[o]
// Padding is z, so the image is padded while it is rounded. Scales are applied here and not by
// oneDNN, whose interface for them changed between versions.
#include "backend/quant.h"
#include "backend/dnnl_shim.h"
#include <math.h>
#include <string.h>

struct cpu_quant {
    cpu_conv_shape s;
    cpu_conv_post post;
    bool keep, packed;
    int64_t h, w; // of the image with its rim
    dnnl_primitive_t prim, reorder;
    dnnl_stream_t stream;
    dnnl_memory_t x, y, plain, inside; // plain weights: [o][c][kh][kw]
    void *packed_w;
    size_t x_bytes, w_bytes;
    float *scale, *total; // [o]: sw, and the sum of qw
    char how[64];
};

static dnnl_status_t make(cpu_quant *q)
{
    const cpu_conv_shape *s = &q->s;
    const int64_t x[] = {s->n, s->c, q->h, q->w}, y[] = {s->n, s->o, s->oh, s->ow};
    const int64_t w[] = {s->o, s->c, s->kh, s->kw};
    shim_conv d = {.stride = {s->stride, s->stride}};
    shim_md plain = {0};
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t e = shim_md_of(&d.x, 4, x, dnnl_u8, dnnl_nhwc);
    if (!e) e = shim_md_of(&d.w, 4, w, dnnl_s8, dnnl_format_tag_any);
    if (!e) e = shim_md_of(&d.y, 4, y, dnnl_f32, dnnl_nhwc);
    if (!e) e = shim_md_of(&plain, 4, w, dnnl_s8, dnnl_oihw);
    if (!e) e = shim_conv_desc(&pd, CPU_CONV_Y, &d, false, NULL, shim_engine(), NULL);
    const char *how = "";
    if (!e) dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&how);
    snprintf(q->how, sizeof q->how, "int8 %s", how);
    shim_desc inside = e ? NULL : shim_query(pd, dnnl_query_weights_md);
    if (!e) e = shim_memory(&q->x, shim_ref(&d.x), shim_engine());
    if (!e) e = shim_memory(&q->y, shim_ref(&d.y), shim_engine());
    if (!e) e = shim_memory(&q->plain, shim_ref(&plain), shim_engine());
    if (!e) e = shim_memory(&q->inside, inside, shim_engine());
    if (!e) e = shim_reorder(&q->reorder, shim_ref(&plain), inside, shim_engine());
    if (!e) q->w_bytes = shim_bytes(inside);
    if (!e) e = dnnl_primitive_create(&q->prim, pd);
    if (!e) e = dnnl_stream_create(&q->stream, shim_engine(), dnnl_stream_default_flags);
    if (pd) dnnl_primitive_desc_destroy(pd);
    shim_md_end(&plain);
    shim_md_end(&d.x);
    shim_md_end(&d.w);
    shim_md_end(&d.y);
    return e;
}

int cpu_quant_open(cpu_quant **out, const cpu_conv_shape *s, const cpu_conv_post *post,
                   bool keep_weights)
{
    *out = NULL;
    cpu_quant *q = base_alloc(1, sizeof *q);
    if (!q || !shim_engine()) return base_free(q), GUISE_NO_MEMORY;
    *q = (cpu_quant){.s = *s,
                     .post = *post,
                     .keep = keep_weights,
                     .h = (s->oh - 1) * s->stride + s->kh,
                     .w = (s->ow - 1) * s->stride + s->kw};
    q->x_bytes = ((size_t)(s->n * q->h * q->w * s->c) + 63) / 64 * 64;
    dnnl_status_t e = make(q);
    if (!e) {
        q->scale = base_alloc(2 * (size_t)s->o, sizeof *q->scale);
        q->packed_w = base_aligned(q->w_bytes);
        q->total = q->scale ? q->scale + s->o : NULL;
    }
    if (!e && q->scale && q->packed_w)
        *out = q;
    else
        cpu_quant_close(q);
    return *out ? GUISE_OK : GUISE_NO_MEMORY;
}

void cpu_quant_close(cpu_quant *q)
{
    if (!q) return;
    if (q->prim) dnnl_primitive_destroy(q->prim);
    if (q->reorder) dnnl_primitive_destroy(q->reorder);
    if (q->x) dnnl_memory_destroy(q->x);
    if (q->y) dnnl_memory_destroy(q->y);
    if (q->plain) dnnl_memory_destroy(q->plain);
    if (q->inside) dnnl_memory_destroy(q->inside);
    if (q->stream) dnnl_stream_destroy(q->stream);
    base_free(q->packed_w);
    base_free(q->scale);
    base_free(q);
}

static dnnl_status_t pack(cpu_quant *q, const float *weights)
{
    int64_t n = q->s.c * q->s.kh * q->s.kw;
    int8_t *plain = base_alloc((size_t)(q->s.o * n), 1);
    if (!plain) return dnnl_out_of_memory;
#pragma omp parallel for schedule(static)
    for (int64_t o = 0; o < q->s.o; o++) {
        const float *w = weights + o * n;
        float most = 0, sum = 0;
        for (int64_t i = 0; i < n; i++) most = fmaxf(most, fabsf(w[i]));
        float scale = most > 0 ? most / 127 : 1;
        for (int64_t i = 0; i < n; i++) {
            plain[o * n + i] = (int8_t)lrintf(w[i] / scale);
            sum += (float)plain[o * n + i];
        }
        q->scale[o] = scale;
        q->total[o] = sum;
    }
    dnnl_status_t e = dnnl_memory_set_data_handle(q->plain, plain);
    if (!e) e = dnnl_memory_set_data_handle(q->inside, q->packed_w);
    dnnl_exec_arg_t arg[] = {{DNNL_ARG_FROM, q->plain}, {DNNL_ARG_TO, q->inside}};
    if (!e) e = dnnl_primitive_execute(q->reorder, q->stream, 2, arg);
    if (!e) e = dnnl_stream_wait(q->stream);
    q->packed = !e;
    base_free(plain);
    return e;
}

typedef struct {
    float step, zero; // x = step (q - zero)
} steps;

static steps find_steps(const cpu_quant *q, const float *x)
{
    int64_t n = q->s.n * q->s.h * q->s.w * q->s.c;
    float lo = 0, hi = 0; // zeros of the rim have a step of their own
#pragma omp parallel for simd schedule(static) reduction(min : lo) reduction(max : hi)
    for (int64_t i = 0; i < n; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    float step = hi > lo ? (hi - lo) / 255 : 1;
    return (steps){step, roundf(-lo / step)};
}

BASE_SIMD static void round_row(const float *x, int64_t n, steps k, uint8_t *out)
{
    float by = 1 / k.step, plus = k.zero + 0.5F;
    for (int64_t i = 0; i < n; i++) {
        int v = (int)(x[i] * by + plus); // at least 0: the sum is
        out[i] = (uint8_t)(v > 255 ? 255 : v);
    }
}

static int64_t mirror(int64_t at, int64_t n) { return at < 0 ? -at : at < n ? at : 2 * n - 2 - at; }

// The image with its rim, in steps.
static void round_image(const cpu_quant *q, const float *x, steps k, uint8_t *out)
{
    const cpu_conv_shape *s = &q->s;
    int64_t left = s->left + s->reflect, c = s->c;
    int64_t inside = s->w < q->w - left ? s->w : q->w - left; // columns may stay unused
    uint8_t zero = (uint8_t)k.zero;
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < s->n * q->h; row++) {
        int64_t i = row % q->h - s->top - s->reflect;
        if (s->reflect) i = mirror(i, s->h);
        uint8_t *to = out + row * q->w * c;
        memset(to, zero, (size_t)(q->w * c));
        if (i < 0 || i >= s->h) continue;
        round_row(x + (row / q->h * s->h + i) * s->w * c, inside * c, k, to + left * c);
        for (int64_t j = 0; s->reflect && j < q->w; j++)
            if (j < left || j >= left + s->w)
                memcpy(to + j * c, to + (left + mirror(j - left, s->w)) * c, (size_t)c);
    }
}

BASE_SIMD static void finish_row(float *y, int64_t n, const float *by, const float *plus, bool act,
                                 float slope)
{
    for (int64_t i = 0; i < n; i++) {
        float v = y[i] * by[i] + plus[i];
        y[i] = act && v <= 0 ? slope * v : v;
    }
}

// factors: [2][o]
static void finish(const cpu_quant *q, steps k, const float *bias, float *factors, float *out)
{
    int64_t o = q->s.o;
    for (int64_t i = 0; i < o; i++) {
        factors[i] = k.step * q->scale[i];
        factors[o + i] = (q->post.bias ? bias[i] : 0) - factors[i] * k.zero * q->total[i];
    }
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < q->s.n * q->s.oh * q->s.ow; p++)
        finish_row(out + p * o, o, factors, factors + o, q->post.act, (float)q->post.slope);
}

int cpu_quant_run(cpu_quant *q, const float *x, const float *weights, const float *bias, float *out,
                  void *scratch)
{
    dnnl_status_t e = q->keep && q->packed ? dnnl_success : pack(q, weights);
    if (e) return GUISE_NO_MEMORY;
    steps k = find_steps(q, x);
    round_image(q, x, k, scratch);
    e = dnnl_memory_set_data_handle(q->x, scratch);
    if (!e) e = dnnl_memory_set_data_handle(q->y, out);
    dnnl_exec_arg_t arg[] = {
        {DNNL_ARG_SRC, q->x}, {DNNL_ARG_WEIGHTS, q->inside}, {DNNL_ARG_DST, q->y}};
    if (!e) e = dnnl_primitive_execute(q->prim, q->stream, 3, arg);
    if (!e) e = dnnl_stream_wait(q->stream);
    if (e) return GUISE_NO_MEMORY;
    finish(q, k, bias, (float *)(void *)((char *)scratch + q->x_bytes), out);
    return GUISE_OK;
}

size_t cpu_quant_scratch(const cpu_quant *q)
{
    return q->x_bytes + 2 * (size_t)q->s.o * sizeof(float);
}

void cpu_quant_forget(cpu_quant *q) { q->packed = false; }

size_t cpu_quant_bytes(const cpu_quant *q)
{
    return q->w_bytes + 2 * (size_t)q->s.o * sizeof(float);
}

const char *cpu_quant_how(const cpu_quant *q) { return q->how; }
