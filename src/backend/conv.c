// conv.c -- a convolution by the way that suits it: oneDNN's direct one, Winograd's, one for few
// channels, or where that is wished for, one of lower precision.
#include "backend/direct.h"
#include "backend/narrow.h"
#include "backend/quant.h"
#include "backend/tune.h"
#include "backend/wino_dw.h"
#include "backend/winograd.h"
#include <omp.h>
#include <string.h>

enum { DIRECT, WINO_2, WINO_4, WINO_6, NARROW, WAYS }; // numbers in the file of choices
enum { LOWER = WAYS };                                 // + cpu_type: that type

struct cpu_conv {
    cpu_direct *direct;
    cpu_wino *wino;
    cpu_wino_dw *wino_dw;
    cpu_narrow *narrow;
    cpu_quant *quant;
    cpu_conv_kind kind;
    cpu_conv_shape shape;
    size_t padded_bytes; // for the direct way: x with its mirrored rim, in scratch
    char how[32];
};

static int make(cpu_conv *c, cpu_conv_kind kind, int way, const cpu_conv_post *post, bool keep)
{
    cpu_conv_shape s = c->shape;
    if (way == NARROW) return cpu_narrow_open(&c->narrow, &s, post, keep);
    if (way == LOWER + CPU_INT8) return cpu_quant_open(&c->quant, &s, post, keep);
    if (way != DIRECT && way < WAYS) {
        snprintf(c->how, sizeof c->how, "winograd %d", 2 * way);
        if (kind == CPU_CONV_DW) return cpu_wino_dw_open(&c->wino_dw, &s, 2 * way);
        return cpu_wino_open(&c->wino, kind, &s, 2 * way, post, keep);
    }
    if (s.reflect) {
        s.h += 2 * s.reflect;
        s.w += 2 * s.reflect;
        c->padded_bytes = (sizeof(float) * (size_t)(s.n * s.h * s.w * s.c) + 63) / 64 * 64;
    }
    cpu_type type = way < WAYS ? CPU_F32 : (cpu_type)(way - LOWER);
    return cpu_direct_open(&c->direct, kind, &s, post, keep, type);
}

static void unmake(cpu_conv *c)
{
    cpu_direct_close(c->direct);
    cpu_wino_close(c->wino);
    cpu_narrow_close(c->narrow);
    cpu_quant_close(c->quant);
    cpu_wino_dw_close(c->wino_dw);
    *c = (cpu_conv){.kind = c->kind, .shape = c->shape};
}

static bool fits(int way, cpu_conv_kind kind, const cpu_conv_shape *s)
{
    if (way == DIRECT) return true;
    return way == NARROW ? cpu_narrow_fits(kind, s) : cpu_wino_fits(kind, s);
}

// Without measuring: Winograd's way where it was faster on every machine tried. Its transforms
// cost as much for few channels as for many, and those of the weights as much for few pixels.
static int rule(cpu_conv_kind kind, const cpu_conv_shape *s)
{
    if (cpu_narrow_fits(kind, s) && s->kh * s->kw > 1) return NARROW;
    bool wide = s->c >= 24 && s->o >= 24 && s->c + s->o >= 72;
    bool large = s->oh * s->ow >= 144 || (s->oh * s->ow >= 49 && s->n * s->oh * s->ow >= 300);
    return wide && large && cpu_wino_fits(kind, s) ? WINO_4 : DIRECT;
}

typedef struct { // operands for trying, all zeros
    float *a, *b, *bias, *out;
} trial;

static bool trial_open(trial *t, cpu_conv_kind kind, const cpu_conv_shape *s)
{
    size_t x = (size_t)(s->n * s->c * s->h * s->w), y = (size_t)(s->n * s->o * s->oh * s->ow);
    size_t w = (size_t)(s->o * s->c / s->groups * s->kh * s->kw);
    size_t a = kind == CPU_CONV_Y ? x : y, b = kind == CPU_CONV_DW ? x : w;
    size_t out = kind == CPU_CONV_Y ? y : kind == CPU_CONV_DX ? x : w;
    t->a = base_alloc(a, sizeof(float));
    t->b = base_alloc(b, sizeof(float));
    t->bias = base_alloc((size_t)s->o, sizeof(float));
    t->out = base_alloc(out, sizeof(float));
    return t->a && t->b && t->bias && t->out;
}

static void trial_close(trial *t)
{
    base_free(t->a);
    base_free(t->b);
    base_free(t->bias);
    base_free(t->out);
}

// Seconds of the fastest of a few runs; negative where the way does not work.
static double seconds(cpu_conv *c, cpu_conv_kind kind, int way, const cpu_conv_post *post,
                      bool keep, const trial *t)
{
    double best = -1;
    int e = make(c, kind, way, post, keep);
    void *scratch = e ? NULL : base_aligned(cpu_conv_scratch(c));
    if (!e && !scratch) e = GUISE_NO_MEMORY;
    for (int i = 0; !e && i < 4; i++) { // the first packs weights and warms up
        double start = base_seconds();
        e = cpu_conv_run(c, t->a, t->b, t->bias, t->out, scratch);
        double took = base_seconds() - start;
        if (!e && i && (best < 0 || took < best)) best = took;
    }
    unmake(c);
    base_free(scratch);
    return e ? -1 : best;
}

static int measured(cpu_conv *c, cpu_conv_kind kind, const cpu_conv_post *post, bool keep)
{
    const cpu_conv_shape *s = &c->shape;
    if (!cpu_wino_fits(kind, s) && !cpu_narrow_fits(kind, s)) return DIRECT;
    cpu_tune_key key = {*s, kind, post->bias, post->act, keep, omp_get_max_threads(), CPU_F32};
    int way = cpu_tune_find(&key);
    if (way >= 0 && way < WAYS && fits(way, kind, s)) return way;
    cpu_tune_tell();
    trial t = {0};
    double best = -1;
    way = rule(kind, s);
    for (int i = 0; trial_open(&t, kind, s) && i < WAYS; i++) {
        double took = fits(i, kind, s) ? seconds(c, kind, i, post, keep, &t) : -1;
        if (took >= 0 && (best < 0 || took < best)) {
            best = took;
            way = i;
        }
        trial_close(&t);
        t = (trial){0};
    }
    trial_close(&t);
    if (best >= 0) cpu_tune_put(&key, way);
    return way;
}

// Is a lower type faster here, by more than timings waver?
static bool worth(cpu_conv *c, cpu_conv_kind kind, const cpu_conv_post *post, cpu_conv_wish wish)
{
    const cpu_conv_shape *s = &c->shape;
    if (kind != CPU_CONV_Y || post->add || !cpu_has_type(wish.type)) return false;
    if (wish.type == CPU_INT8 && s->groups > 1) return false;
    if (!wish.measure) return true;
    cpu_tune_key key = {
        *s, kind, post->bias, post->act, wish.keep_weights, omp_get_max_threads(), wish.type};
    int known = cpu_tune_find(&key);
    if (known >= 0) return known > 0;
    int way = measured(c, kind, post, wish.keep_weights);
    trial t = {0};
    double single = -1, lower = -1;
    if (trial_open(&t, kind, s)) {
        single = seconds(c, kind, way, post, wish.keep_weights, &t);
        lower = seconds(c, kind, LOWER + (int)wish.type, post, wish.keep_weights, &t);
    }
    trial_close(&t);
    if (single < 0) return false; // memory ran out
    bool faster = lower >= 0 && lower < 0.95 * single;
    cpu_tune_put(&key, faster);
    return faster;
}

// The way in single precision.
static int choose(cpu_conv *c, cpu_conv_kind kind, const cpu_conv_post *post, cpu_conv_wish wish)
{
    bool measure = wish.measure && !cpu_tune_is_fixed();
    int way = measure ? measured(c, kind, post, wish.keep_weights) : rule(kind, &c->shape);
    bool out = way == NARROW ? wish.no_narrow : way != DIRECT && wish.no_winograd;
    return out ? DIRECT : way;
}

int cpu_conv_open(cpu_conv **out, cpu_conv_kind kind, const cpu_conv_shape *s,
                  const cpu_conv_post *post, cpu_conv_wish wish)
{
    static const cpu_conv_post none;
    *out = NULL;
    cpu_conv *c = base_alloc(1, sizeof *c);
    if (!c) return GUISE_NO_MEMORY;
    c->kind = kind;
    c->shape = *s;
    if (!post) post = &none;
    if (wish.type && !worth(c, kind, post, wish)) return base_free(c), GUISE_OK;
    int way = wish.type ? LOWER + (int)wish.type : choose(c, kind, post, wish);
    int e = make(c, kind, way, post, wish.keep_weights);
    if (e)
        cpu_conv_close(c);
    else
        *out = c;
    return e;
}

void cpu_conv_close(cpu_conv *c)
{
    if (!c) return;
    unmake(c);
    base_free(c);
}

static int64_t mirror(int64_t at, int64_t n) { return at < 0 ? -at : at < n ? at : 2 * n - 2 - at; }

static void pad(const cpu_conv_shape *s, const float *x, float *out)
{
    int64_t r = s->reflect, h = s->h + 2 * r, w = s->w + 2 * r, c = s->c;
#pragma omp parallel for schedule(static) if (s->n * h * w * c > 16384)
    for (int64_t row = 0; row < s->n * h; row++) {
        const float *from = x + (row / h * s->h + mirror(row % h - r, s->h)) * s->w * c;
        float *to = out + row * w * c;
        memcpy(to + r * c, from, sizeof *to * (size_t)(s->w * c));
        for (int64_t j = 0; j < r; j++) {
            memcpy(to + j * c, from + (r - j) * c, sizeof *to * (size_t)c);
            memcpy(to + (w - 1 - j) * c, from + (s->w - 1 - r + j) * c, sizeof *to * (size_t)c);
        }
    }
}

int cpu_conv_run(cpu_conv *c, const float *a, const float *b, const float *bias, float *out,
                 void *scratch)
{
    if (c->wino) return cpu_wino_run(c->wino, a, b, bias, out, scratch);
    if (c->narrow) return cpu_narrow_run(c->narrow, a, b, bias, out), GUISE_OK;
    if (c->quant) return cpu_quant_run(c->quant, a, b, bias, out, scratch);
    if (c->wino_dw) return cpu_wino_dw_run(c->wino_dw, a, b, out, scratch);
    void *rest = (char *)scratch + c->padded_bytes;
    const float *x = c->kind == CPU_CONV_DW ? b : a;
    if (c->shape.reflect) {
        pad(&c->shape, x, scratch);
        x = scratch;
    }
    return c->kind == CPU_CONV_DW ? cpu_direct_run(c->direct, a, x, bias, out, rest)
                                  : cpu_direct_run(c->direct, x, b, bias, out, rest);
}

size_t cpu_conv_scratch(const cpu_conv *c)
{
    if (c->wino) return cpu_wino_scratch(c->wino);
    if (c->wino_dw) return cpu_wino_dw_scratch(c->wino_dw);
    if (c->quant) return cpu_quant_scratch(c->quant);
    if (c->narrow) return 0;
    return c->padded_bytes + cpu_direct_scratch(c->direct);
}

void cpu_conv_forget(cpu_conv *c)
{
    if (c->wino) cpu_wino_forget(c->wino);
    if (c->narrow) cpu_narrow_forget(c->narrow);
    if (c->quant) cpu_quant_forget(c->quant);
    if (c->direct) cpu_direct_forget(c->direct);
}

size_t cpu_conv_bytes(const cpu_conv *c)
{
    if (c->narrow) return cpu_narrow_bytes(c->narrow);
    if (c->quant) return cpu_quant_bytes(c->quant);
    return c->wino ? cpu_wino_bytes(c->wino) : c->direct ? cpu_direct_bytes(c->direct) : 0;
}

const char *cpu_conv_how(const cpu_conv *c)
{
    if (c->quant) return cpu_quant_how(c->quant);
    return c->narrow ? "narrow" : c->direct ? cpu_direct_how(c->direct) : c->how;
}
