// cuda_conv.c -- a convolution on a GPU: an engine of cuDNN, and kernels of ours before and after
// it for what the engine does not do.
#include "backend/cuda_dnn.h"
#include <string.h>

extern const char cuda_text_cuda_conv[];

enum { ALIGN = 256 }; // of the parts of scratch memory

// One way to do it: a convolution that cuDNN does, and what is left to kernels of ours.
typedef struct {
    cuda_dnn_conv conv;
    bool padded; // by a kernel: x on its way in, or dx cropped on its way out
    bool after;  // bias and activation by a kernel
} way;

typedef struct { // bytes into scratch memory, where a begins; and all of it
    size_t b, bias, out, work, all;
} parts;

struct cuda_conv {
    cuda_device *device;
    cpu_conv_kind kind;
    cpu_conv_shape shape;
    cpu_conv_post post;
    cuda_conv_types types;
    way way;
    const cuda_dnn *dnn;
    parts at;
    bool keep, packed, packed_bias; // weights in cuDNN's order, and a bias in its type, are kept
    cuda_at kept;                   // in `kept`, and are up to date
    size_t kept_bias, kept_bytes;
    char how[64];
};

static size_t round_up(size_t n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

// Padding after the last element: any that gives the same number of windows will do, so where it
// can be as before the first, it is.
static int64_t even(int64_t n, int64_t k, int64_t out, int64_t stride, int64_t before)
{
    int64_t least = (out - 1) * stride + k - n - before, most = least + stride - 1;
    if (least < 0) least = 0;
    return before < least ? least : before > most ? most : before;
}

static way plain_way(const cuda_conv *c)
{
    const cpu_conv_shape *s = &c->shape;
    const cuda_conv_types *t = &c->types;
    cuda_type type = t->a; // bf16 where one of two images is
    if (c->kind == CPU_CONV_DW && t->b == CUDA_BF16) type = CUDA_BF16;
    way w = {.conv = {.kind = c->kind,
                      .n = s->n,
                      .c = s->c,
                      .h = s->h,
                      .w = s->w,
                      .o = s->o,
                      .oh = s->oh,
                      .ow = s->ow,
                      .kh = s->kh,
                      .kw = s->kw,
                      .stride = s->stride,
                      .groups = s->groups,
                      .before = {s->top, s->left},
                      .type = type,
                      .out = t->out,
                      .bias = c->post.bias,
                      .bias_type = c->post.bias ? type : CUDA_F32,
                      .act = c->post.act,
                      .slope = c->post.act ? c->post.slope : 0}};
    w.conv.after[0] = even(s->h, s->kh, s->oh, s->stride, s->top);
    w.conv.after[1] = even(s->w, s->kw, s->ow, s->stride, s->left);
    return w;
}

// All ways, those to be tried first in front; returns how many. Engines that are there without
// being compiled at run time want the bias in the type of the image (seen with cuDNN 9.19).
enum { MOST_WAYS = 8 };

static int ways_of(const cuda_conv *c, way w[MOST_WAYS])
{
    const cpu_conv_shape *s = &c->shape;
    way plain = plain_way(c), padded = plain;
    cuda_dnn_conv *p = &padded.conv;
    padded.padded = true;
    p->h = (s->oh - 1) * s->stride + s->kh;
    p->w = (s->ow - 1) * s->stride + s->kw;
    memset(p->before, 0, sizeof p->before);
    memset(p->after, 0, sizeof p->after);
    bool even_sides =
        plain.conv.before[0] == plain.conv.after[0] && plain.conv.before[1] == plain.conv.after[1];
    int n = 0;
    for (int k = s->reflect ? 1 : 0; k < (s->reflect || !even_sides ? 2 : 1); k++) {
        way one = k ? padded : plain;
        w[n++] = one;
        if (one.conv.bias_type != CUDA_F32) {
            one.conv.bias_type = CUDA_F32;
            w[n++] = one;
        }
        if (one.conv.bias || one.conv.act) {
            one.conv.bias = one.conv.act = 0;
            one.conv.slope = 0;
            one.after = true;
            w[n++] = one;
        }
        if (one.conv.out != one.conv.type) {
            one.conv.out = one.conv.type;
            w[n++] = one;
        }
    }
    return n;
}

static int choose(cuda_conv *c)
{
    way w[MOST_WAYS];
    int n = ways_of(c, w), s = 0;
    for (int effort = CUDA_DNN_BEST; !s && !c->dnn && effort <= CUDA_DNN_ANY; effort++)
        for (int i = 0; !s && !c->dnn && i < n; i++) {
            s = cuda_dnn_get(&c->dnn, c->device, &w[i].conv, (cuda_dnn_effort)effort);
            c->way = w[i];
        }
    if (s) return s;
    const cpu_conv_shape *g = &c->shape;
    if (!c->dnn)
        return cuda_failed(c->device, GUISE_BAD_ARGUMENT,
                           "GPU: cuDNN has no engine for a convolution of [%lld,%lld,%lld,%lld] to "
                           "%lld channels by %lld x %lld, stride %lld, %lld groups",
                           (long long)g->n, (long long)g->c, (long long)g->h, (long long)g->w,
                           (long long)g->o, (long long)g->kh, (long long)g->kw,
                           (long long)g->stride, (long long)g->groups);
    snprintf(c->how, sizeof c->how, "cudnn %lld%s%s", (long long)cuda_dnn_engine(c->dnn),
             c->way.padded ? ", padded before" : "", c->way.after ? ", bias after" : "");
    return 0;
}

static size_t image_bytes(const way *w, bool x, cuda_type type)
{
    const cuda_dnn_conv *c = &w->conv;
    int64_t n = x ? c->n * c->c * c->h * c->w : c->n * c->o * c->oh * c->ow;
    return round_up((size_t)n * cuda_size(type));
}

static size_t weight_bytes(const cuda_conv *c, cuda_type type)
{
    const cpu_conv_shape *s = &c->shape;
    return round_up((size_t)(s->o * s->c / s->groups * s->kh * s->kw) * cuda_size(type));
}

// Which images go through scratch memory: a, b of a weight gradient, and the result.
static bool moves_a(const cuda_conv *c)
{
    bool pad = c->way.padded && c->kind == CPU_CONV_Y;
    return pad || (int64_t)c->types.a != c->way.conv.type;
}
static bool moves_b(const cuda_conv *c)
{
    return c->way.padded || (int64_t)c->types.b != c->way.conv.type;
}
static bool moves_out(const cuda_conv *c)
{
    bool crop = c->way.padded && c->kind == CPU_CONV_DX;
    return crop || (int64_t)c->types.out != c->way.conv.out;
}

// Weights whose order is the same either way, and of the right type, are used where they are.
static bool weights_fit(const cuda_conv *c, cuda_at at, cuda_type have, int64_t want)
{
    const cpu_conv_shape *s = &c->shape;
    return (s->kh * s->kw == 1 || s->c == s->groups) && (int64_t)have == want &&
           at % CUDA_DNN_ALIGN == 0;
}

static size_t bias_bytes(const cuda_conv *c) // whatever its type
{
    return round_up((size_t)c->shape.o * sizeof(float));
}

static void lay_out(cuda_conv *c)
{
    const way *w = &c->way;
    cuda_type type = (cuda_type)w->conv.type, out = (cuda_type)w->conv.out;
    size_t a = moves_a(c) ? image_bytes(w, c->kind == CPU_CONV_Y, type) : 0, b = 0, o = 0;
    if (c->kind != CPU_CONV_DW)
        b = c->keep ? 0 : weight_bytes(c, type);
    else if (moves_b(c))
        b = image_bytes(w, true, type);
    if (c->kind == CPU_CONV_DW)
        o = weight_bytes(c, out);
    else if (moves_out(c))
        o = image_bytes(w, c->kind == CPU_CONV_DX, out);
    c->at.b = a;
    c->at.bias = c->at.b + b;
    c->at.out = c->at.bias + (w->conv.bias && !c->keep ? bias_bytes(c) : 0);
    c->at.work = c->at.out + o;
    c->at.all = c->at.work + round_up(cuda_dnn_workspace(c->dnn)) + ALIGN; // the last to align
}

int cuda_conv_open(cuda_conv **out, cuda_device *d, cpu_conv_kind kind, const cpu_conv_shape *s,
                   const cpu_conv_post *post, cuda_conv_types types, bool keep_weights)
{
    cuda_conv *c = *out = base_alloc(1, sizeof *c);
    if (!c) return GUISE_NO_MEMORY;
    *c = (cuda_conv){.device = d, .kind = kind, .shape = *s, .types = types};
    if (post) c->post = *post;
    c->keep = keep_weights && kind != CPU_CONV_DW;
    int e = c->post.add || (kind != CPU_CONV_Y && (c->post.bias || c->post.act))
                ? cuda_failed(d, GUISE_BAD_ARGUMENT, "GPU: a convolution with this epilogue")
                : choose(c);
    if (!e && c->keep) {
        c->kept_bias = weight_bytes(c, (cuda_type)c->way.conv.type);
        c->kept_bytes = c->kept_bias + (c->way.conv.bias ? bias_bytes(c) : 0);
        c->kept = cuda_alloc(d, CUDA_DEVICE, c->kept_bytes);
        if (!c->kept) e = GUISE_NO_MEMORY;
    }
    if (!e) lay_out(c);
    if (e) cuda_conv_close(out);
    return e;
}

void cuda_conv_close(cuda_conv **c)
{
    if (*c) cuda_free((*c)->device, CUDA_DEVICE, (*c)->kept);
    base_free(*c);
    *c = NULL;
}

size_t cuda_conv_scratch(const cuda_conv *c) { return c->at.all; }
size_t cuda_conv_bytes(const cuda_conv *c) { return c->kept_bytes; }
const char *cuda_conv_how(const cuda_conv *c) { return c->how; }
void cuda_conv_forget(cuda_conv *c) { c->packed = c->packed_bias = false; }

typedef struct { // as in cuda_conv.cu
    uint64_t x, y, bias;
    int64_t count;
    int64_t c, h, w, oh, ow;
    int64_t top, left, reflect;
    int64_t taps, act;
    float slope;
} args;

static int launch(cuda_device *d, const char *name, cuda_type x, cuda_type y, int pack,
                  const args *a)
{
    char defines[96];
    cuda_kernel *k = NULL;
    base_error e = {0};
    snprintf(defines, sizeof defines, "#define X %s\n#define Y %s\n#define PACK %d\n",
             x == CUDA_BF16 ? "bf16" : "float", y == CUDA_BF16 ? "bf16" : "float", pack);
    guise_status s = cuda_kernel_get(d, cuda_text_cuda_conv, defines, name, &k, &e);
    if (s) return cuda_failed(d, s, "%s", e.text);
    return cuda_launch(d, k, cuda_blocks(a->count), CUDA_THREADS, a, sizeof *a);
}

// Of channels for one thread. A pack is loaded at once, so it lies where its own size divides.
static int pack_of(int64_t channels, cuda_array x, cuda_array y)
{
    for (int pack = 8; pack > 2; pack /= 2) {
        size_t of_x = (size_t)pack * (x.type == CUDA_BF16 ? 2 : 4);
        size_t of_y = (size_t)pack * (y.type == CUDA_BF16 ? 2 : 4);
        if (channels % pack == 0 && x.at % of_x == 0 && y.at % of_y == 0) return pack;
    }
    return 1;
}

typedef struct { // images of n times c channels from one size to another
    int64_t n, c, h, w, oh, ow, top, left, reflect;
} move;

static int move_image(const cuda_conv *c, const move *m, cuda_at x, cuda_type x_type, cuda_at y,
                      cuda_type y_type)
{
    int pack = pack_of(m->c, (cuda_array){x, x_type}, (cuda_array){y, y_type});
    args a = {.x = x,
              .y = y,
              .count = m->n * m->c * m->oh * m->ow / pack,
              .c = m->c / pack,
              .h = m->h,
              .w = m->w,
              .oh = m->oh,
              .ow = m->ow,
              .top = m->top,
              .left = m->left,
              .reflect = m->reflect};
    return launch(c->device, "conv_image", x_type, y_type, pack, &a);
}

// x as it is given to x as cuDNN sees it.
static move into(const cuda_conv *c)
{
    const cpu_conv_shape *s = &c->shape;
    const cuda_dnn_conv *to = &c->way.conv;
    move m = {s->n, s->c, s->h, s->w, to->h, to->w, 0, 0, s->reflect};
    if (c->way.padded) m.top = s->top + s->reflect, m.left = s->left + s->reflect;
    return m;
}

static move same(int64_t n, int64_t c, int64_t h, int64_t w)
{
    return (move){n, c, h, w, h, w, 0, 0, 0};
}

// The weights in cuDNN's order and type, at *at.
static int bring_weights(cuda_conv *c, cuda_at w, cuda_at room, cuda_at *at)
{
    const cpu_conv_shape *s = &c->shape;
    cuda_type type = (cuda_type)c->way.conv.type;
    if (weights_fit(c, w, c->types.b, c->way.conv.type)) return *at = w, 0;
    *at = c->keep ? c->kept : room;
    if (c->keep && c->packed) return 0;
    args a = {.x = w,
              .y = *at,
              .count = s->o * (s->c / s->groups) * s->kh * s->kw,
              .c = s->c / s->groups,
              .taps = s->kh * s->kw};
    int e = launch(c->device, "conv_pack", c->types.b, type, 1, &a);
    c->packed = !e && !c->device->recording; // what is recorded has not run
    return e;
}

static int bring_bias(cuda_conv *c, cuda_at bias, cuda_at room, cuda_at *at)
{
    cuda_type type = (cuda_type)c->way.conv.bias_type;
    if (type == CUDA_F32 && bias % CUDA_DNN_ALIGN == 0) return *at = bias, 0;
    *at = c->keep ? c->kept + c->kept_bias : room;
    if (c->keep && c->packed_bias) return 0;
    int e =
        cuda_convert(c->device, (cuda_array){bias, CUDA_F32}, (cuda_array){*at, type}, c->shape.o);
    c->packed_bias = !e && !c->device->recording;
    return e;
}

static int finish_image(const cuda_conv *c, cuda_at from, cuda_at bias, cuda_at out)
{
    const cpu_conv_shape *s = &c->shape;
    cuda_type type = (cuda_type)c->way.conv.out;
    if (c->kind == CPU_CONV_DX) {
        const cuda_dnn_conv *g = &c->way.conv;
        move m = {s->n, s->c, g->h, g->w, s->h, s->w, 0, 0, 0};
        if (c->way.padded) m.top = -s->top, m.left = -s->left;
        return move_image(c, &m, from, type, out, c->types.out);
    }
    int pack = pack_of(s->o, (cuda_array){from, type}, (cuda_array){out, c->types.out});
    args a = {.x = from,
              .y = out,
              .bias = c->way.after && c->post.bias ? bias : 0,
              .count = s->n * s->o * s->oh * s->ow / pack,
              .c = s->o / pack,
              .act = c->way.after && c->post.act,
              .slope = (float)c->post.slope};
    return launch(c->device, "conv_epilogue", type, c->types.out, pack, &a);
}

static int finish_weights(const cuda_conv *c, cuda_at from, cuda_at out)
{
    const cpu_conv_shape *s = &c->shape;
    args a = {.x = from,
              .y = out,
              .count = s->o * (s->c / s->groups) * s->kh * s->kw,
              .c = s->c / s->groups,
              .taps = s->kh * s->kw};
    return launch(c->device, "conv_unpack", (cuda_type)c->way.conv.out, c->types.out, 1, &a);
}

// The operands as the engine takes them: what it cannot take as it is goes through scratch memory.
typedef struct {
    cuda_at a, b, bias, out;
} operands;

static int bring(cuda_conv *c, operands *o, cuda_at room)
{
    const cpu_conv_shape *s = &c->shape;
    cuda_type type = (cuda_type)c->way.conv.type;
    cuda_at a = o->a, b = o->b, bias = o->bias;
    int e = 0;
    if (moves_a(c)) {
        move m = c->kind == CPU_CONV_Y ? into(c) : same(s->n, s->o, s->oh, s->ow);
        o->a = room;
        e = move_image(c, &m, a, c->types.a, o->a, type);
    }
    if (!e && c->kind != CPU_CONV_DW) e = bring_weights(c, b, room + c->at.b, &o->b);
    if (!e && c->kind == CPU_CONV_DW && moves_b(c)) {
        move m = into(c);
        o->b = room + c->at.b;
        e = move_image(c, &m, b, c->types.b, o->b, type);
    }
    if (!e && c->way.conv.bias) e = bring_bias(c, bias, room + c->at.bias, &o->bias);
    if (c->kind == CPU_CONV_DW ? !weights_fit(c, o->out, c->types.out, c->way.conv.out)
                               : moves_out(c))
        o->out = room + c->at.out;
    if (!e && (o->a | o->b | o->out) % CUDA_DNN_ALIGN)
        e = cuda_failed(c->device, GUISE_BAD_ARGUMENT,
                        "GPU: an image of a convolution is not %d-byte aligned", CUDA_DNN_ALIGN);
    return e;
}

int cuda_conv_run(cuda_conv *c, cuda_at a, cuda_at b, cuda_at bias, cuda_at out, cuda_at scratch)
{
    cuda_at room = (scratch + ALIGN - 1) / ALIGN * ALIGN;
    operands o = {a, b, bias, out};
    int e = bring(c, &o, room);
    if (!e) e = cuda_dnn_run(c->dnn, c->device, o.a, o.b, o.bias, o.out, room + c->at.work);
    if (e || (o.out == out && !c->way.after)) return e;
    return c->kind == CPU_CONV_DW ? finish_weights(c, o.out, out)
                                  : finish_image(c, o.out, bias, out);
}

int cuda_convert(cuda_device *d, cuda_array x, cuda_array y, int64_t n)
{
    int pack = pack_of(n, x, y);
    args a = {.x = x.at, .y = y.at, .count = n / pack, .c = 1};
    return launch(d, "conv_epilogue", x.type, y.type, pack, &a);
}
