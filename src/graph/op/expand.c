// expand.c -- expand (repeat along dims of length 1) and its adjoint sum_to.
#include "graph/gpu.h"
#include <string.h>

static const char *check(tg_shape small, tg_shape big)
{
    if (small.rank > big.rank) return "target has lower rank";
    for (int i = 0; i < big.rank; i++) {
        int64_t d = tg_dim_at(small, i, big.rank);
        if (d != 1 && d != big.dim[i]) return "dims must be equal or 1";
    }
    return NULL;
}

static int64_t small_index(int64_t i, tg_shape small, tg_shape big)
{
    int64_t at = 0, step = 1;
    for (int k = big.rank - 1; k >= 0; k--) {
        int64_t d = tg_dim_at(small, k, big.rank);
        at += (d == 1 ? 0 : i % big.dim[k]) * step;
        step *= d;
        i /= big.dim[k];
    }
    return at;
}

static tg_shape thin(tg_shape s, base_rng *r) // some dims become 1
{
    for (int i = 0; i < s.rank; i++)
        if (base_rng_range(r, 0, 1)) s.dim[i] = 1;
    return s;
}

static tg_shape block(base_rng *r)
{
    tg_shape s = tg_small_shape(r);
    s.rank = base_rng_range(r, 2, 4);
    s.dim[3] = base_rng_range(r, 1, 4);
    if (s.rank == 4) s.dim[1] = base_rng_range(r, 1, 5);
    return s;
}

static const char *expand_shape(const tg_node *y, tg_shape *out)
{
    *out = *(const tg_shape *)y->args;
    return check(y->in[0]->shape, *out);
}

static void expand_vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    dx[0] = tg_sum_to(dy, y->in[0]->shape);
}

static void expand_ref(const tg_node *y, const double *const x[], double *out)
{
    for (int64_t i = 0, n = tg_count(y->shape); i < n; i++)
        out[i] = x[0][small_index(i, y->in[0]->shape, y->shape)];
}

static int expand_cpu(const tg_call *c)
{
    tg_walk w = tg_walk_make(c->y->in[0]->shape, c->y->shape, c->last);
    int64_t m = w.n[w.rank - 1], step = w.step[w.rank - 1], rows = tg_count(c->y->shape) / m;
#pragma omp parallel for schedule(static) if (rows * m > 16384)
    for (int64_t i = 0; i < rows; i++) {
        const float *x = c->x[0] + tg_walk_row(&w, i);
        float *o = c->out + i * m;
        if (step)
            memcpy(o, x, sizeof *o * (size_t)m);
        else
            for (int64_t j = 0; j < m; j++) o[j] = *x;
    }
    return 0;
}

static int expand_gpu(const tg_gpu_call *c)
{
    tg_walk w = tg_walk_make(c->y->in[0]->shape, c->y->shape, c->last);
    gpu_move_map m = {.rank = w.rank};
    tg_steps((tg_shape){w.rank, {w.n[0], w.n[1], w.n[2], w.n[3], w.n[4], w.n[5]}}, m.to);
    for (int i = 0; i < w.rank; i++) m.n[i] = w.n[i], m.from[i] = w.step[i];
    return gpu_move(c, 0, &m);
}

static tg_node *expand_sample(tg_graph *g, base_rng *r)
{
    tg_shape s = block(r);
    return tg_expand(tg_randn(g, r, thin(s, r)), s);
}

TG_OP(expand, "repeat along dims of length 1", .shape = expand_shape, .vjp = expand_vjp,
      .ref = expand_ref, .cpu = expand_cpu, .gpu = expand_gpu, .flags = TG_FOLLOW | TG_LINEAR,
      .sample = expand_sample);

// Equal nodes are found by the bytes of their arguments: those that are not used must be zero.
static tg_node *make(const tg_op *op, tg_node *x, tg_shape to)
{
    tg_shape all;
    memset(&all, 0, sizeof all);
    all.rank = to.rank;
    for (int i = 0; i < to.rank && i < TG_MAX_RANK; i++) all.dim[i] = to.dim[i];
    return tg_make(op, 1, (tg_node *[]){x}, &all, sizeof all);
}

// s with leading ones, of this rank. Rank 4 alone has a layout of its own (plan.c), so that the two
// sides of an op must agree in rank, but where there is one element.
static bool differs(tg_shape s, int rank)
{
    return s.rank < rank && rank <= TG_MAX_RANK && tg_count(s) > 1;
}

static tg_shape widened(tg_shape s, int rank)
{
    tg_shape w = {.rank = rank};
    for (int i = 0; i < rank; i++) w.dim[i] = tg_dim_at(s, i, rank);
    return w;
}

tg_node *tg_expand(tg_node *x, tg_shape to)
{
    if (!x || tg_same(x->shape, to)) return x;
    if (differs(x->shape, to.rank)) x = tg_reshape(x, widened(x->shape, to.rank));
    return make(&tg_op_expand, x, to);
}

static const char *sum_to_shape(const tg_node *y, tg_shape *out)
{
    *out = *(const tg_shape *)y->args;
    return check(*out, y->in[0]->shape);
}

static void sum_to_vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    dx[0] = tg_expand(dy, y->in[0]->shape);
}

static void sum_to_ref(const tg_node *y, const double *const x[], double *out)
{
    memset(out, 0, sizeof *out * (size_t)tg_count(y->shape));
    for (int64_t i = 0, n = tg_count(y->in[0]->shape); i < n; i++)
        out[small_index(i, y->shape, y->in[0]->shape)] += x[0][i];
}

static double row_sum(const float *x, int64_t n) // eight running sums, then in double
{
    float part[8] = {0};
    double sum = 0;
    for (int64_t i = 0; i + 8 <= n; i += 8) {
        for (int k = 0; k < 8; k++) part[k] += x[i + k];
        if ((i & 4095) == 4088) // short runs keep float's rounding small
            for (int k = 0; k < 8; k++) {
                sum += (double)part[k];
                part[k] = 0;
            }
    }
    for (int64_t i = n / 8 * 8; i < n; i++) sum += (double)x[i];
    for (int k = 0; k < 8; k++) sum += (double)part[k];
    return sum;
}

// The plan sums large arrays inside fused passes (fuse.c); this kernel serves everything else,
// in one thread's order, so that any number of threads gives the same bits.
static int sum_to_cpu(const tg_call *c)
{
    tg_walk w = tg_walk_make(c->y->shape, c->y->in[0]->shape, c->last);
    int64_t m = w.n[w.rank - 1], step = w.step[w.rank - 1];
    int64_t rows = tg_count(c->y->in[0]->shape) / m, n = tg_count(c->y->shape);
    double *sum = base_alloc((size_t)n, sizeof *sum);
    if (!sum) return GUISE_NO_MEMORY;
    for (int64_t i = 0; i < rows; i++) {
        const float *x = c->x[0] + i * m;
        double *s = sum + tg_walk_row(&w, i);
        if (step)
            for (int64_t j = 0; j < m; j++) s[j] += (double)x[j];
        else
            *s += row_sum(x, m);
    }
    for (int64_t i = 0; i < n; i++) c->out[i] = (float)sum[i];
    base_free(sum);
    return 0;
}

typedef struct { // as in sum_to.cu
    uint64_t x, y, part;
    int64_t outputs, terms, parts, kept_rank, gone_rank;
    int64_t kept_n[TG_MAX_RANK], kept[TG_MAX_RANK], gone_n[TG_MAX_RANK], gone[TG_MAX_RANK];
} sum_args;

typedef struct {
    sum_args args;
    bool rows; // x is contiguous along what is added up
} sum_state;

static int sum_to_gpu_prepare(const tg_node *y, const tg_gpu_wish *wish, void **state)
{
    enum { TERMS = 2048, BLOCKS = 512 }; // of a part at least; that keep a device busy
    tg_walk w = tg_walk_make(y->shape, y->in[0]->shape, wish->last);
    int64_t step[TG_MAX_RANK];
    sum_state *s = *state = base_alloc(1, sizeof *s);
    if (!s) return GUISE_NO_MEMORY;
    sum_args *a = &s->args;
    tg_steps((tg_shape){w.rank, {w.n[0], w.n[1], w.n[2], w.n[3], w.n[4], w.n[5]}}, step);
    for (int i = 0; i < w.rank; i++)
        if (w.step[i])
            a->kept_n[a->kept_rank] = w.n[i], a->kept[a->kept_rank++] = step[i];
        else
            a->gone_n[a->gone_rank] = w.n[i], a->gone[a->gone_rank++] = step[i];
    s->rows = !w.step[w.rank - 1];
    a->outputs = tg_count(y->shape);
    a->terms = tg_count(y->in[0]->shape) / a->outputs;
    int64_t most = a->terms / TERMS, blocks = s->rows ? a->outputs : (a->outputs + 31) / 32;
    a->parts = most < BLOCKS / blocks ? most : BLOCKS / blocks;
    if (a->parts < 1) a->parts = 1;
    return GUISE_OK;
}

static size_t sum_to_gpu_scratch(const void *state)
{
    const sum_state *s = state;
    return sizeof(float) * (size_t)(s->args.outputs * s->args.parts);
}

static int sum_to_gpu(const tg_gpu_call *c)
{
    const sum_state *s = c->state;
    sum_args a = s->args;
    char defines[GPU_DEFINES];
    a.x = c->x[0].at, a.y = c->out.at, a.part = c->scratch;
    gpu_defines(defines, sizeof defines, c->x[0].type, c->out.type, 1);
    int64_t blocks = (s->rows ? a.outputs : (a.outputs + 31) / 32) * a.parts;
    int e = gpu_launch(c, cuda_text_sum_to, defines, s->rows ? "sum_rows" : "sum_columns", &a,
                       sizeof a, blocks * CUDA_THREADS);
    if (e) return e;
    return gpu_launch(c, cuda_text_sum_to, defines, "sum_parts", &a, sizeof a, a.outputs);
}

static tg_node *sum_to_sample(tg_graph *g, base_rng *r)
{
    tg_shape s = block(r);
    return tg_sum_to(tg_randn(g, r, s), thin(s, r));
}

TG_OP(sum_to, "add up along dims that become 1", .shape = sum_to_shape, .vjp = sum_to_vjp,
      .ref = sum_to_ref, .cpu = sum_to_cpu, .gpu = sum_to_gpu, .gpu_prepare = sum_to_gpu_prepare,
      .gpu_release = base_free, .gpu_scratch = sum_to_gpu_scratch, .flags = TG_FOLLOW | TG_LINEAR,
      .sample = sum_to_sample);

tg_node *tg_sum_to(tg_node *x, tg_shape to)
{
    if (!x || tg_same(x->shape, to)) return x;
    if (!differs(to, x->shape.rank)) return make(&tg_op_sum_to, x, to);
    return tg_reshape(tg_sum_to(x, widened(to, x->shape.rank)), to);
}

tg_node *tg_sum(tg_node *x) { return tg_sum_to(x, (tg_shape){0}); }

tg_node *tg_mean_to(tg_node *x, tg_shape to)
{
    if (!x) return NULL;
    return tg_scale(tg_sum_to(x, to), (double)tg_count(to) / (double)tg_count(x->shape));
}

tg_node *tg_mean(tg_node *x) { return tg_mean_to(x, (tg_shape){0}); }
