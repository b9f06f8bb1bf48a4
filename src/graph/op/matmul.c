// matmul.c -- y = op(a) op(b): matrix product; ta, tb transpose an operand first.
//   a [m,k], b [k,n] -> y [m,n], shapes after transposition
#include "backend/backend.h"
#include "graph/op.h"
#include <stddef.h>

typedef struct {
    int ta, tb;
} args;

static int64_t rows(const tg_node *x, int t) { return x->shape.dim[t ? 1 : 0]; }
static int64_t cols(const tg_node *x, int t) { return x->shape.dim[t ? 0 : 1]; }

static const char *shape(const tg_node *y, tg_shape *out)
{
    const args *p = y->args;
    const tg_node *a = y->in[0], *b = y->in[1];
    if (a->shape.rank != 2 || b->shape.rank != 2) return "operands must be matrices";
    if (cols(a, p->ta) != rows(b, p->tb)) return "inner dimensions differ";
    *out = TG_SHAPE(rows(a, p->ta), cols(b, p->tb));
    return NULL;
}

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[]) // da = dy b', db = a' dy
{
    const args *p = y->args;
    tg_node *a = y->in[0], *b = y->in[1];
    dx[0] = p->ta ? tg_matmul(b, dy, p->tb, true) : tg_matmul(dy, b, false, !p->tb);
    dx[1] = p->tb ? tg_matmul(dy, a, true, p->ta) : tg_matmul(a, dy, !p->ta, false);
}

static void ref(const tg_node *y, const double *const x[], double *out)
{
    const args *p = y->args;
    int64_t m = y->shape.dim[0], n = y->shape.dim[1], k = cols(y->in[0], p->ta);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += x[0][p->ta ? l * m + i : i * k + l] * x[1][p->tb ? j * k + l : l * n + j];
            out[i * n + j] = sum;
        }
}

static int cpu(const tg_call *c)
{
    const tg_node *y = c->y;
    const args *p = y->args;
    return cpu_gemm(p->ta, p->tb, y->shape.dim[0], y->shape.dim[1], cols(y->in[0], p->ta), c->x[0],
                    c->x[1], c->out);
}

static int gpu_prepare(const tg_node *y, const tg_gpu_wish *wish, void **state)
{
    const args *p = y->args;
    cuda_gemm_shape s = {.ta = p->ta,
                         .tb = p->tb,
                         .m = y->shape.dim[0],
                         .n = y->shape.dim[1],
                         .k = cols(y->in[0], p->ta),
                         .batch = 1};
    cuda_gemm *g = NULL;
    int e = cuda_gemm_open(&g, wish->device, &s, wish->x[0], wish->x[1], wish->out);
    *state = g;
    return e;
}

static int gpu(const tg_gpu_call *c)
{
    return cuda_gemm_run(c->state, c->x[0].at, c->x[1].at, c->out.at, c->scratch);
}

static void gpu_release(void *state)
{
    cuda_gemm *g = state;
    cuda_gemm_close(&g);
}
static size_t gpu_scratch(const void *state) { return cuda_gemm_scratch(state); }

static double macs(const tg_node *y)
{
    const args *p = y->args;
    return (double)tg_count(y->shape) * (double)cols(y->in[0], p->ta);
}

static tg_node *sample(tg_graph *g, base_rng *r)
{
    bool ta = base_rng_range(r, 0, 1), tb = base_rng_range(r, 0, 1);
    int64_t m = base_rng_range(r, 1, 4), k = base_rng_range(r, 1, 4), n = base_rng_range(r, 1, 4);
    tg_node *a = tg_randn(g, r, ta ? TG_SHAPE(k, m) : TG_SHAPE(m, k));
    return tg_matmul(a, tg_randn(g, r, tb ? TG_SHAPE(n, k) : TG_SHAPE(k, n)), ta, tb);
}

static const tg_field fields[] = {
    {"ta", TG_FIELD_INT, offsetof(args, ta), 1}, {"tb", TG_FIELD_INT, offsetof(args, tb), 1}, {0}};
TG_OP(matmul, "y = op(a) op(b), matrices", .fields = fields, .shape = shape, .vjp = vjp, .ref = ref,
      .cpu = cpu, .gpu = gpu, .gpu_prepare = gpu_prepare, .gpu_release = gpu_release,
      .gpu_scratch = gpu_scratch, .macs = macs, .sample = sample);

tg_node *tg_matmul(tg_node *a, tg_node *b, bool ta, bool tb)
{
    return tg_make(&tg_op_matmul, 2, (tg_node *[]){a, b}, &(args){ta, tb}, sizeof(args));
}
