// conv2d.c -- 2-D convolution and its two adjoints. All three are sums over the same set of
// index triples (one element of x, w and y each), so one walk serves as every ref kernel, and
// each op's VJP is the other two: the family is closed under differentiation.
#include "backend/backend.h"
#include "graph/op.h"
#include <stddef.h>
#include <string.h>

typedef struct {
    int64_t stride, groups, top, left, bottom, right;
    int64_t want[4]; // shape of the output of dx and dw
} args;

static tg_shape wanted(const args *p)
{
    return TG_SHAPE(p->want[0], p->want[1], p->want[2], p->want[3]);
}

static tg_shape out_shape(tg_shape x, tg_shape w, const args *p)
{
    return TG_SHAPE(x.dim[0], w.dim[0], (x.dim[2] + p->top + p->bottom - w.dim[2]) / p->stride + 1,
                    (x.dim[3] + p->left + p->right - w.dim[3]) / p->stride + 1);
}

static const char *check_args(const args *p)
{
    if (p->stride < 1 || p->groups < 1) return "stride and groups must be positive";
    if (p->top < 0 || p->left < 0 || p->bottom < 0 || p->right < 0)
        return "padding must not be negative";
    return NULL;
}

static const char *check(tg_shape x, tg_shape w, tg_shape y, const args *p)
{
    if (x.rank != 4 || w.rank != 4 || y.rank != 4) return "operands must have rank 4";
    if (x.dim[1] != w.dim[1] * p->groups) return "input channels differ from the weight's";
    if (w.dim[0] % p->groups) return "output channels must be a multiple of the groups";
    if (x.dim[2] + p->top + p->bottom < w.dim[2] || x.dim[3] + p->left + p->right < w.dim[3])
        return "the image with its padding is smaller than the kernel";
    if (!tg_same(out_shape(x, w, p), y)) return "kernel, stride and padding do not fit";
    return NULL;
}

enum { X, W, Y }; // the roles an operand can have

// out += in[0] in[1] over all elements of x, w and y that meet; a, b, o: roles of in and out.
// NOLINTNEXTLINE(readability-function-cognitive-complexity): one plain sum over seven indices
static void walk(tg_shape x, tg_shape w, tg_shape y, const args *p, const double *const in[], int a,
                 int b, int o, double *out)
{
    const int64_t *xd = x.dim, *wd = w.dim, *yd = y.dim, per = wd[0] / p->groups;
    memset(out, 0, sizeof *out * (size_t)tg_count(o == X ? x : o == W ? w : y));
    // clang-format off
    for (int64_t n = 0; n < yd[0]; n++)
    for (int64_t m = 0; m < yd[1]; m++)
    for (int64_t i = 0; i < yd[2]; i++)
    for (int64_t j = 0; j < yd[3]; j++)
    for (int64_t c = 0; c < wd[1]; c++)
    for (int64_t u = 0; u < wd[2]; u++)
    for (int64_t v = 0; v < wd[3]; v++) {
        int64_t h = i * p->stride + u - p->top, k = j * p->stride + v - p->left;
        if (h < 0 || h >= xd[2] || k < 0 || k >= xd[3]) continue;
        int64_t at[] = {
            [X] = ((n * xd[1] + m / per * wd[1] + c) * xd[2] + h) * xd[3] + k,
            [W] = ((m * wd[1] + c) * wd[2] + u) * wd[3] + v,
            [Y] = ((n * yd[1] + m) * yd[2] + i) * yd[3] + j,
        };
        out[at[o]] += in[0][at[a]] * in[1][at[b]];
    }
    // clang-format on
}

// The three shapes of node t, whatever its role.
static void shapes(const tg_node *t, int role, tg_shape *x, tg_shape *w, tg_shape *y)
{
    tg_shape a = t->in[0]->shape, b = t->in[1]->shape;
    *y = role == Y ? t->shape : a;
    *x = role == X ? t->shape : role == Y ? a : b;
    *w = role == W ? t->shape : b;
}

static void ref(const tg_node *t, int role, const double *const in[], double *out)
{
    tg_shape x, w, y;
    shapes(t, role, &x, &w, &y);
    walk(x, w, y, t->args, in, role == Y ? X : Y, role == W ? X : W, role, out);
}

static double macs(const tg_node *t, int role)
{
    tg_shape x, w, y;
    shapes(t, role, &x, &w, &y);
    return (double)tg_count(y) * (double)(w.dim[1] * w.dim[2] * w.dim[3]);
}

// As the backend has it, for an x that comes without a mirrored rim of `reflect` pixels.
static cpu_conv_shape geometry(const tg_node *t, int role, int reflect)
{
    tg_shape x, w, y;
    shapes(t, role, &x, &w, &y);
    const args *p = t->args;
    cpu_conv_shape s = {.n = x.dim[0],
                        .c = x.dim[1],
                        .h = x.dim[2],
                        .w = x.dim[3],
                        .o = w.dim[0],
                        .oh = y.dim[2],
                        .ow = y.dim[3],
                        .kh = w.dim[2],
                        .kw = w.dim[3],
                        .stride = p->stride,
                        .groups = p->groups,
                        .top = p->top,
                        .left = p->left,
                        .bottom = p->bottom,
                        .right = p->right};
    // oneDNN wants the padding that the output size implies, even where the last rows stay unused
    s.bottom = (s.oh - 1) * s.stride + s.kh - s.h - s.top;
    s.right = (s.ow - 1) * s.stride + s.kw - s.w - s.left;
    s.reflect = reflect;
    s.h -= 2 * s.reflect;
    s.w -= 2 * s.reflect;
    return s;
}

static cpu_conv_kind kind_of(int role)
{
    return role == Y ? CPU_CONV_Y : role == X ? CPU_CONV_DX : CPU_CONV_DW;
}

static int prepare(const tg_node *t, int role, const tg_wish *wish, void **state)
{
    cpu_conv_shape s = geometry(t, role, wish->reflect);
    cpu_conv_post post = {.bias = wish->bias, .act = wish->act, .slope = wish->slope};
    cpu_conv *c = NULL;
    int e = cpu_conv_open(&c, kind_of(role), &s, &post,
                          (cpu_conv_wish){wish->keep_weights, wish->measure, wish->no_winograd,
                                          wish->no_narrow, (cpu_type)wish->type});
    *state = c;
    return e;
}

static int cpu(const tg_call *c)
{
    return cpu_conv_run(c->state, c->x[0], c->x[1], c->y->op == &tg_op_conv2d ? c->x[2] : NULL,
                        c->out, c->scratch);
}
static void release(void *state) { cpu_conv_close(state); }
static void forget(void *state) { cpu_conv_forget(state); }
static size_t bytes(const void *state) { return cpu_conv_bytes(state); }
static size_t scratch(const void *state) { return cpu_conv_scratch(state); }
static const char *how(const void *state) { return cpu_conv_how(state); }

typedef struct {
    cuda_conv *conv;
    bool bias;
} gpu_state;

static void gpu_release(void *state)
{
    gpu_state *s = state;
    if (s) cuda_conv_close(&s->conv);
    base_free(s);
}

static int gpu_prepare(const tg_node *t, const tg_gpu_wish *wish, void **state)
{
    int role = t->op == &tg_op_conv2d ? Y : t->op == &tg_op_conv2d_dx ? X : W;
    cpu_conv_shape shape = geometry(t, role, wish->reflect);
    cpu_conv_post post = {.bias = wish->bias, .act = wish->act, .slope = wish->slope};
    gpu_state *s = base_alloc(1, sizeof *s);
    if (!s) return GUISE_NO_MEMORY;
    s->bias = wish->bias;
    int e =
        cuda_conv_open(&s->conv, wish->device, kind_of(role), &shape, &post,
                       (cuda_conv_types){wish->x[0], wish->x[1], wish->out}, wish->keep_weights);
    if (e) gpu_release(s), s = NULL;
    *state = s;
    return e;
}

static int gpu(const tg_gpu_call *c)
{
    const gpu_state *s = c->state;
    return cuda_conv_run(s->conv, c->x[0].at, c->x[1].at, s->bias ? c->x[2].at : 0, c->out.at,
                         c->scratch);
}
static void gpu_forget(void *state) { cuda_conv_forget(((gpu_state *)state)->conv); }
static size_t gpu_bytes(const void *s) { return cuda_conv_bytes(((const gpu_state *)s)->conv); }
static size_t gpu_scratch(const void *s) { return cuda_conv_scratch(((const gpu_state *)s)->conv); }
static const char *gpu_how(const void *s) { return cuda_conv_how(((const gpu_state *)s)->conv); }

static tg_conv conv_of(const args *p) // tg_conv as builders take it
{
    return TG_CONV(.stride = p->stride, .groups = p->groups, .top = p->top, .left = p->left,
                   .bottom = p->bottom, .right = p->right);
}

// y = conv2d(x, w)
static const char *y_shape(const tg_node *y, tg_shape *out)
{
    tg_shape x = y->in[0]->shape, w = y->in[1]->shape;
    const char *wrong = check_args(y->args);
    if (wrong) return wrong;
    if (x.rank != 4 || w.rank != 4) return "operands must have rank 4";
    *out = out_shape(x, w, y->args);
    return check(x, w, *out, y->args);
}
static void y_vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    dx[0] = tg_conv2d_dx(dy, y->in[1], y->in[0]->shape, conv_of(y->args));
    dx[1] = tg_conv2d_dw(dy, y->in[0], y->in[1]->shape, conv_of(y->args));
}
static void y_ref(const tg_node *y, const double *const in[], double *o) { ref(y, Y, in, o); }
static double y_macs(const tg_node *y) { return macs(y, Y); }
static int y_prepare(const tg_node *y, const tg_wish *k, void **s) { return prepare(y, Y, k, s); }

// x = conv2d_dx(y, w): the adjoint in x, also known as transposed convolution
static const char *x_shape(const tg_node *x, tg_shape *out)
{
    *out = wanted(x->args);
    const char *wrong = check_args(x->args);
    return wrong ? wrong : check(*out, x->in[1]->shape, x->in[0]->shape, x->args);
}
static void x_vjp(tg_node *x, tg_node *dx, tg_node *d[])
{
    d[0] = tg_conv2d(dx, x->in[1], conv_of(x->args));
    d[1] = tg_conv2d_dw(x->in[0], dx, x->in[1]->shape, conv_of(x->args));
}
static void x_ref(const tg_node *x, const double *const in[], double *o) { ref(x, X, in, o); }
static double x_macs(const tg_node *x) { return macs(x, X); }
static int x_prepare(const tg_node *x, const tg_wish *k, void **s) { return prepare(x, X, k, s); }

// w = conv2d_dw(y, x): the adjoint in w
static const char *w_shape(const tg_node *w, tg_shape *out)
{
    *out = wanted(w->args);
    const char *wrong = check_args(w->args);
    return wrong ? wrong : check(w->in[1]->shape, *out, w->in[0]->shape, w->args);
}
static void w_vjp(tg_node *w, tg_node *dw, tg_node *d[])
{
    d[0] = tg_conv2d(w->in[1], dw, conv_of(w->args));
    d[1] = tg_conv2d_dx(w->in[0], dw, w->in[1]->shape, conv_of(w->args));
}
static void w_ref(const tg_node *w, const double *const in[], double *o) { ref(w, W, in, o); }
static double w_macs(const tg_node *w) { return macs(w, W); }
static int w_prepare(const tg_node *w, const tg_wish *k, void **s) { return prepare(w, W, k, s); }

static tg_node *sample(tg_graph *g, base_rng *r, int role)
{
    int k = base_rng_range(r, 1, 3), groups = base_rng_range(r, 1, 2);
    tg_conv c = TG_CONV(.stride = base_rng_range(r, 1, 2), .pad = base_rng_range(r, 0, 1),
                        .groups = groups, .bottom = base_rng_range(r, 0, 1));
    tg_shape x = TG_SHAPE(base_rng_range(r, 1, 2), groups * base_rng_range(r, 1, 2),
                          k + base_rng_range(r, 0, 3), k + 1);
    tg_shape w = TG_SHAPE(groups * base_rng_range(r, 1, 2), x.dim[1] / groups, k, k);
    tg_node *y = tg_conv2d(tg_randn(g, r, x), tg_randn(g, r, w), c);
    if (role == Y) return y;
    tg_node *dy = tg_randn(g, r, tg_shape_of(y));
    return role == X ? tg_conv2d_dx(dy, tg_randn(g, r, w), x, c)
                     : tg_conv2d_dw(dy, tg_randn(g, r, x), w, c);
}
static tg_node *y_sample(tg_graph *g, base_rng *r) { return sample(g, r, Y); }
static tg_node *x_sample(tg_graph *g, base_rng *r) { return sample(g, r, X); }
static tg_node *w_sample(tg_graph *g, base_rng *r) { return sample(g, r, W); }

static const tg_field fields[] = {{"stride", TG_FIELD_INT64, offsetof(args, stride), 1},
                                  {"groups", TG_FIELD_INT64, offsetof(args, groups), 1},
                                  {"top", TG_FIELD_INT64, offsetof(args, top), 1},
                                  {"left", TG_FIELD_INT64, offsetof(args, left), 1},
                                  {"bottom", TG_FIELD_INT64, offsetof(args, bottom), 1},
                                  {"right", TG_FIELD_INT64, offsetof(args, right), 1},
                                  {0}};
#define KERNEL                                                                                     \
    .cpu = cpu, .release = release, .forget = forget, .bytes = bytes, .scratch = scratch,          \
    .how = how, .gpu = gpu, .gpu_prepare = gpu_prepare, .gpu_release = gpu_release,                \
    .gpu_forget = gpu_forget, .gpu_bytes = gpu_bytes, .gpu_scratch = gpu_scratch,                  \
    .gpu_how = gpu_how
TG_OP(conv2d, "y = x * w, cross-correlation", .fields = fields, .shape = y_shape, .vjp = y_vjp,
      .ref = y_ref, .prepare = y_prepare, KERNEL, .type = true, .last = 1 | TG_LAST_OUT,
      .flags = TG_LINEAR | TG_EPILOGUE, .macs = y_macs, .sample = y_sample);
TG_OP(conv2d_dx, "adjoint of conv2d in x", .fields = fields, .shape = x_shape, .vjp = x_vjp,
      .ref = x_ref, .prepare = x_prepare, KERNEL, .last = 1 | TG_LAST_OUT, .flags = TG_LINEAR,
      .macs = x_macs, .sample = x_sample);
TG_OP(conv2d_dw, "adjoint of conv2d in w", .fields = fields, .shape = w_shape, .vjp = w_vjp,
      .ref = w_ref, .prepare = w_prepare, KERNEL, .last = 3, .flags = TG_LINEAR, .macs = w_macs,
      .sample = w_sample);

static args make_args(tg_conv c, tg_shape want)
{
    args a = {.stride = c.stride ? c.stride : 1,
              .groups = c.groups ? c.groups : 1,
              .top = c.top + c.pad,
              .left = c.left + c.pad,
              .bottom = c.bottom + c.pad,
              .right = c.right + c.pad};
    for (int i = 0; i < 4 && i < want.rank; i++) a.want[i] = want.dim[i];
    return a;
}

tg_node *tg_conv2d(tg_node *x, tg_node *w, tg_conv c)
{
    args a = make_args(c, (tg_shape){0});
    return tg_make(&tg_op_conv2d, 2, (tg_node *[]){x, w}, &a, sizeof a);
}

tg_node *tg_conv2d_dx(tg_node *dy, tg_node *w, tg_shape x, tg_conv c)
{
    args a = make_args(c, x);
    return tg_make(&tg_op_conv2d_dx, 2, (tg_node *[]){dy, w}, &a, sizeof a);
}

tg_node *tg_conv2d_dw(tg_node *dy, tg_node *x, tg_shape w, tg_conv c)
{
    args a = make_args(c, w);
    return tg_make(&tg_op_conv2d_dw, 2, (tg_node *[]){dy, x}, &a, sizeof a);
}
