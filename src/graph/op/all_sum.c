// all_sum.c -- the sum over all processes of a team (an all-reduce), and what is made of it.
//
// Every process builds the same graph over its own rows; what is differentiated is the sum of all
// their results. So dx of one process collects dy of all: the op is its own adjoint, and a graph
// with it has, of any order, the derivatives of one process that has all the rows.
#include "base/team.h"
#include "graph/op.h"
#include <string.h>

typedef struct {
    base_team *team;
} all_args;

static base_team *team_of(const tg_node *y) { return ((const all_args *)y->args)->team; }

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[]) { dx[0] = tg_all_sum_of(dy, team_of(y)); }

static void ref(const tg_node *y, const double *const x[], double *out)
{
    base_team *t = team_of(y);
    size_t n = (size_t)tg_count(y->shape);
    memcpy(out, x[0], sizeof *out * n);
    t->sum_double(t, out, n);
}

static int cpu(const tg_call *c)
{
    base_team *t = team_of(c->y);
    size_t n = (size_t)tg_count(c->y->shape);
    memcpy(c->out, c->x[0], sizeof *c->out * n);
    return t->sum(t, c->out, n);
}

static float widen(uint16_t half) // bf16 is a float's upper half
{
    uint32_t bits = (uint32_t)half << 16;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static uint16_t narrow(float v) // to nearest, ties to even
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    uint32_t up = bits + 0x7fff + (bits >> 16 & 1);
    return (uint16_t)((v != v ? bits | 0x400000 : up) >> 16);
}

// Processes meet on the host. That waits, so runs with this op are not recorded.
static int gpu(const tg_gpu_call *c)
{
    base_team *t = team_of(c->y);
    size_t n = (size_t)tg_count(c->y->shape);
    size_t in = n * cuda_size(c->x[0].type), out = n * cuda_size(c->out.type);
    float *v = base_alloc(n, sizeof *v);
    uint16_t *half = base_alloc(n, sizeof *half);
    bool halves = c->x[0].type == CUDA_BF16;
    int s = v && half ? 0 : GUISE_NO_MEMORY;
    if (!s) s = cuda_download(c->device, halves ? (void *)half : (void *)v, c->x[0].at, in);
    for (size_t i = 0; !s && halves && i < n; i++) v[i] = widen(half[i]);
    if (!s) s = t->sum(t, v, n);
    halves = c->out.type == CUDA_BF16;
    for (size_t i = 0; !s && halves && i < n; i++) half[i] = narrow(v[i]);
    if (!s) s = cuda_upload(c->device, c->out.at, halves ? (void *)half : (void *)v, out);
    base_free(v);
    base_free(half);
    return s;
}

// Two processes that always have the same.
static int twice(base_team *t, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] *= (float)t->size;
    return 0;
}
static int twice_double(base_team *t, double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] *= t->size;
    return 0;
}
static const base_team twins = {.size = 2, .sum = twice, .sum_double = twice_double};

static tg_node *sample(tg_graph *g, base_rng *r)
{
    base_team *t = (base_team *)(uintptr_t)&twins; // nothing in it changes
    return tg_all_sum_of(tg_randn(g, r, tg_small_shape(r)), t);
}

tg_node *tg_all_sum_of(tg_node *x, base_team *team)
{
    if (base_team_size(team) < 2) return x;
    return tg_make(&tg_op_all_sum, 1, (tg_node *[]){x}, &(all_args){team}, sizeof(all_args));
}

tg_node *tg_all_sum(tg_node *x) { return x ? tg_all_sum_of(x, tg_team_of(x)) : NULL; }

tg_node *tg_all_mean(tg_node *x)
{
    int n = x ? base_team_size(tg_team_of(x)) : 1;
    return n < 2 ? x : tg_scale(tg_all_sum(x), 1.0 / n);
}

tg_node *tg_all_rows(tg_node *x)
{
    base_team *t = x ? tg_team_of(x) : NULL;
    if (base_team_size(t) < 2) return x;
    tg_shape s = tg_shape_of(x);
    int64_t n = s.dim[0], k = tg_count(s) / (n ? n : 1);
    tg_node *mine = tg_pad(tg_reshape(x, TG_SHAPE(n, 1, k)), 1, t->rank, t->size - 1 - t->rank);
    s.dim[0] = n * t->size;
    return tg_reshape(tg_all_sum(mine), s); // zeros where others have theirs
}

tg_node *tg_own_rows(tg_node *x)
{
    base_team *t = x ? tg_team_of(x) : NULL;
    if (base_team_size(t) < 2) return x;
    tg_shape s = tg_shape_of(x);
    int64_t n = s.dim[0] / t->size, k = tg_count(s) / (s.dim[0] ? s.dim[0] : 1);
    if (n * t->size != s.dim[0])
        return tg_fail(tg_graph_of(x), "%lld rows cannot be shared by %d processes",
                       (long long)s.dim[0], t->size);
    s.dim[0] = n;
    return tg_reshape(tg_slice(tg_reshape(x, TG_SHAPE(n, t->size, k)), 1, t->rank, 1), s);
}

TG_OP(all_sum, "y = sum of x over all processes", .shape = tg_same_shape, .vjp = vjp, .ref = ref,
      .cpu = cpu, .gpu = gpu, .flags = TG_FOLLOW | TG_LINEAR, .sample = sample);
