// graph_case.h -- a graph under test: inputs with values, and nodes with the values they should
// have. They are checked by tg_eval, by the plan and by the unfused plan.
#ifndef GUISE_GRAPH_CASE_H
#define GUISE_GRAPH_CASE_H
#include "graph/op.h"
#include "test.h"

enum { CASE_MOST = 48 };

typedef struct {
    const char *name;
    tg_node *node;
    double *want, exact, tol; // tol for floats, exact for tg_eval; relative to the largest |want|
    int64_t n, step;          // element k of want is element k * step of the node
} case_target;

typedef struct {
    tg_graph *g;
    tg_node *in[CASE_MOST];
    float *value[CASE_MOST];
    int n_in, n_want;
    case_target want[CASE_MOST];
} graph_case;

static inline graph_case case_open(void) { return (graph_case){.g = tg_new()}; }

// An input with these values, in row-major order.
static inline tg_node *case_floats(graph_case *c, tg_shape s, const float *v)
{
    tg_node *x = tg_input(c->g, s, "x");
    double *d = x ? tg_data(x) : NULL;
    float *copy = d ? base_alloc((size_t)tg_count(s), sizeof *copy) : NULL;
    if (!copy || c->n_in == CASE_MOST) return tg_fail(c->g, "the test has no room for an input");
    for (int64_t i = 0; i < tg_count(s); i++) d[i] = (double)(copy[i] = v[i]);
    c->in[c->n_in] = x;
    c->value[c->n_in++] = copy;
    return x;
}

#define CASE_IN(C, SHAPE, ...) case_floats((C), (SHAPE), (const float[]){__VA_ARGS__})

// want: n doubles, taken over (base_free).
static inline void case_expect(graph_case *c, const char *name, tg_node *x, double *want, int64_t n,
                               int64_t step, double exact, double tol)
{
    if (!x || !want || c->n_want == CASE_MOST) {
        test_report(__FILE__, __LINE__, tg_error(c->g) ? tg_error(c->g) : name);
        base_free(want);
        return;
    }
    c->want[c->n_want++] = (case_target){name, x, want, exact, tol, n, step};
}

static inline void case_values(graph_case *c, const char *name, tg_node *x, int64_t n,
                               const double *v)
{
    double *copy = base_alloc((size_t)n, sizeof *copy);
    if (copy) memcpy(copy, v, sizeof *copy * (size_t)n);
    CHECK(x && tg_count(x->shape) == n);
    case_expect(c, name, x, copy, n, 1, 1e-12, 2e-6);
}

#define CASE_WANT(C, NAME, X, ...)                                                                 \
    case_values((C), (NAME), (X), (int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)),     \
                (const double[]){__VA_ARGS__})

static inline void case_compare(const case_target *w, const double *exact, const float *got,
                                const char *how)
{
    double worst = 0, most = 1e-30, tol = exact ? w->exact : w->tol;
    int64_t n = tg_count(w->node->shape);
    char text[200];
    for (int64_t k = 0; k < w->n; k++) {
        if (k * w->step >= n) worst = INFINITY;
        if (k * w->step >= n) break;
        double v = exact ? exact[k * w->step] : (double)got[k * w->step];
        double d = fabs(v - w->want[k]);
        if (!(d <= worst)) worst = d;
        if (fabs(w->want[k]) > most) most = fabs(w->want[k]);
    }
    test_checked++;
    if (worst / most <= tol) return;
    snprintf(text, sizeof text, "%s by %s is off by %.3g of %.3g", w->name, how, worst, most);
    test_report(__FILE__, __LINE__, text);
}

static inline void case_plan(graph_case *c, bool unfused)
{
    tg_plan_options o = {.unfused = unfused};
    tg_node *out[CASE_MOST];
    tg_plan *p = NULL;
    base_error e = {""};
    for (int i = 0; i < c->n_want; i++) out[i] = c->want[i].node;
    guise_status s = tg_plan_open(&p, c->g, out, c->n_want, &o, &e);
    for (int i = 0; !s && i < c->n_in; i++) s = tg_plan_bind(p, c->in[i], c->value[i], &e);
    if (!s) s = tg_plan_run(p, &e);
    if (s) test_report(__FILE__, __LINE__, e.text);
    for (int i = 0; !s && i < c->n_want; i++)
        case_compare(&c->want[i], NULL, tg_plan_value(p, out[i]),
                     unfused ? "the unfused plan" : "the plan");
    tg_plan_close(&p);
}

// Checks everything that is expected, and ends the case.
static inline void case_run(graph_case *c)
{
    if (tg_error(c->g)) test_report(__FILE__, __LINE__, tg_error(c->g));
    for (int i = 0; i < c->n_want; i++) {
        const double *v = tg_eval(c->want[i].node);
        if (v) case_compare(&c->want[i], v, NULL, "tg_eval");
    }
    if (!tg_error(c->g) && c->n_want) {
        case_plan(c, false);
        case_plan(c, true);
    }
    for (int i = 0; i < c->n_want; i++) base_free(c->want[i].want);
    for (int i = 0; i < c->n_in; i++) base_free(c->value[i]);
    tg_free(c->g);
}
#endif
