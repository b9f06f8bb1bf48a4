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

// Where the team's sums are of the host's arrays, processes meet there. That waits, so runs with it
// are not recorded.
static int on_host(const tg_gpu_call *c, base_team *t, size_t n)
{
    float *v = base_alloc(n, sizeof *v);
    int s = v ? cuda_download(c->device, v, c->out.at, n * sizeof *v) : GUISE_NO_MEMORY;
    if (!s) s = t->sum(t, v, n);
    if (!s) s = cuda_upload(c->device, c->out.at, v, n * sizeof *v);
    base_free(v);
    return s;
}

// A row is in single precision, but where it is another shape of a picture it is as that one is.
static int gpu(const tg_gpu_call *c)
{
    base_team *t = team_of(c->y);
    size_t n = (size_t)tg_count(c->y->shape);
    int s = c->x[0].type == CUDA_F32
                ? cuda_copy(c->device, c->out.at, c->x[0].at, n * sizeof(float))
                : cuda_convert(c->device, c->x[0], c->out, (int64_t)n);
    if (!s && !t->on_device) return on_host(c, t, n);
    return s ? s : t->sum(t, (float *)(uintptr_t)c->out.at, n);
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
    tg_node *x = tg_randn(g, r, TG_SHAPE(base_rng_range(r, 1, 27)));
    return tg_all_sum_of(x, t);
}

tg_node *tg_all_sum_of(tg_node *x, base_team *team)
{
    if (base_team_size(team) < 2 || !x) return x;
    // in a row: pictures may be kept in lower precision, which sums are not
    tg_node *row = tg_reshape(x, TG_SHAPE(tg_count(x->shape)));
    row = tg_make(&tg_op_all_sum, 1, &row, &(all_args){team}, sizeof(all_args));
    return tg_reshape(row, x->shape);
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
      .cpu = cpu, .gpu = gpu, .flags = TG_LINEAR, .sample = sample);
