// test_ops.c -- what every op must satisfy, read off the op table, for 20 random instances each:
//   1. first and second derivatives agree with finite differences of the definition (ref);
//   2. the float kernel agrees with the definition: called directly in either layout, as a plan of
//      one op, fused and unfused, and in a fused plan with a bias and a leaky ReLU behind it.
// test_ops NAME runs one op; a failure names the seed.
#include "op_case.h"

enum { SEEDS = 20, MAX_LEAVES = 64 };

typedef struct {
    tg_node *leaf[MAX_LEAVES];
    int n;
} leaves;

// The leaves made by tg_double that y depends on: those the test may move a little.
static void collect(tg_node *y, leaves *l)
{
    const tg_graph *g = tg_graph_of(y);
    bool *needed = base_alloc((size_t)y->id + 1, sizeof *needed);
    if (!needed) return;
    needed[y->id] = true;
    for (int id = y->id; id >= 0; id--) {
        tg_node *x = tg_at(g, id);
        if (!needed[id]) continue;
        for (int i = 0; i < x->n_in; i++) needed[x->in[i]->id] = true;
        if (x->kind == TG_CONST && !x->values && l->n < MAX_LEAVES) l->leaf[l->n++] = x;
    }
    base_free(needed);
}

static tg_node *dot(tg_node *x, base_rng *r) // <x, random constant>
{
    return x ? tg_sum(tg_mul(x, tg_randn(x->graph, r, x->shape))) : NULL;
}

// Largest error of the symbolic gradient of the scalar y against central differences.
static double grad_error(tg_node *y, const leaves *l, tg_node *grad[])
{
    const double h = 1e-5;
    double worst = 0;
    tg_grad(y, NULL, l->leaf, l->n, grad);
    for (int i = 0; i < l->n; i++)
        for (int64_t k = 0, n = tg_count(l->leaf[i]->shape); k < n; k++) {
            double x0 = tg_data(l->leaf[i])[k];
            tg_data(l->leaf[i])[k] = x0 + h;
            const double *up = tg_eval(y);
            if (!up) return INFINITY;
            double above = *up;
            tg_data(l->leaf[i])[k] = x0 - h;
            double below = *tg_eval(y);
            tg_data(l->leaf[i])[k] = x0;
            const double *got = tg_eval(grad[i]);
            if (!got) return INFINITY;
            worse(&worst, (above - below) / (2 * h), got[k]);
        }
    return worst;
}

// The kernel itself, with the layouts that a plan would give it.
static double kernel_error(tg_node *y, bool last)
{
    const tg_op *op = y->op;
    float *in[TG_MAX_IN] = {0}, *out, *want;
    const float *x[TG_MAX_IN];
    bool follow = op->flags & TG_FOLLOW;
    bool out_last = follow ? last : op->last & TG_LAST_OUT;
    tg_wish wish = {0};
    tg_call call = {.y = y, .x = x, .last = last};
    double worst = 0;
    for (int i = 0; i < y->n_in; i++) {
        in[i] = floats_of(y->in[i], follow ? last : op->last >> i & 1);
        x[i] = in[i];
    }
    want = floats_of(y, out_last);
    out = base_aligned(sizeof *out * (size_t)tg_count(y->shape));
    memset(out, 0xff, sizeof *out * (size_t)tg_count(y->shape)); // NaN where nothing is written
    call.out = out;
    if (op->map) op->map(y, tg_count(y->shape), x, out);
    if (op->cpu && op->prepare && op->prepare(y, &wish, &call.state)) worst = INFINITY;
    size_t room = op->scratch && !(worst > 0) ? op->scratch(call.state) : 0;
    if (room && (call.scratch = base_aligned(room))) memset(call.scratch, 0xff, room);
    if (op->cpu && !(worst > 0) && op->cpu(&call)) worst = INFINITY;
    if (op->release) op->release(call.state);
    base_free(call.scratch);
    for (int64_t k = 0; k < tg_count(y->shape); k++) worse(&worst, (double)want[k], (double)out[k]);
    for (int i = 0; i < y->n_in; i++) base_free(in[i]);
    base_free(want);
    base_free(out);
    return worst;
}

static double plan_error(copy *c, tg_node *y, bool unfused)
{
    tg_plan *p = NULL;
    tg_plan_options o = {.unfused = unfused};
    base_error e = {""};
    double worst = 0;
    guise_status s = tg_plan_open(&p, c->g, &y, 1, &o, &e);
    for (int i = 0; !s && i < c->n; i++) s = tg_plan_bind(p, c->in[i], c->value[i], &e);
    if (!s) s = tg_plan_run(p, &e);
    const double *want = s ? NULL : tg_eval(y);
    const float *got = s ? NULL : tg_plan_value(p, y);
    if (!want || !got) printf("  plan: %s\n", e.text);
    if (!want || !got) worst = INFINITY;
    for (int64_t k = 0; want && got && k < tg_count(y->shape); k++)
        worse(&worst, want[k], (double)got[k]);
    tg_plan_close(&p);
    return worst;
}

static void report(const tg_op *op, int seed, const char *what, double error, double limit)
{
    char text[200];
    test_checked++;
    if (error <= limit) return;
    snprintf(text, sizeof text, "%s, seed %d: %s is off by %.2g", op->name, seed, what, error);
    test_report(__FILE__, __LINE__, text);
}

// Returns whether the instance was one of op: a builder may see that there is nothing to do.
static bool check(const tg_op *op, int seed)
{
    base_rng r = {(uint64_t)seed};
    tg_graph *g = tg_new();
    leaves l = {0};
    tg_node *y = op->sample(g, &r), *g1[MAX_LEAVES], *g2[MAX_LEAVES], *h = NULL;
    if (!y || y->op != op) {
        if (!y) test_report(__FILE__, __LINE__, tg_error(g));
        tg_free(g);
        return false;
    }
    collect(y, &l);
    report(op, seed, "the first derivative", grad_error(dot(y, &r), &l, g1), 1e-7);
    for (int i = 0; i < l.n; i++) h = h ? tg_add(h, dot(g1[i], &r)) : dot(g1[i], &r);
    if (h) report(op, seed, "the second derivative", grad_error(h, &l, g2), 1e-6);
    report(op, seed, "the kernel", kernel_error(y, false), 1e-5);
    report(op, seed, "the kernel, channels last", kernel_error(y, true), 1e-5);
    copy c = copy_of(y);
    report(op, seed, "the plan", plan_error(&c, c.y, false), 1e-5);
    report(op, seed, "the unfused plan", plan_error(&c, c.y, true), 1e-5);
    report(op, seed, "the plan with a tail", plan_error(&c, with_tail(&c, &r), false), 1e-5);
    CHECK(!tg_error(g) && !tg_error(c.g));
    drop(&c);
    tg_free(g);
    return true;
}

static void check_all(const tg_op *op)
{
    int n = 0;
    for (int seed = 1; seed <= SEEDS; seed++) n += check(op, seed);
    CHECK(n >= SEEDS / 2);
}

#define OP(NAME)                                                                                   \
    TEST(op_##NAME) { check_all(&tg_op_##NAME); }
#include "graph/ops.def"
#undef OP

int main(int argc, char **argv)
{
#define OP(NAME) {#NAME, op_##NAME},
    static const test_case cases[] = {
#include "graph/ops.def"
    };
#undef OP
    return test_main(argc, argv, cases, (int)(sizeof cases / sizeof *cases));
}
