// style_case.h -- one golden case of StyleGAN2 and StyleSwap: its inputs and parameters, which are
// stored or made by a formula, and the comparison of nodes with what it holds.
#ifndef GUISE_TEST_STYLE_CASE_H
#define GUISE_TEST_STYLE_CASE_H
#include "base/tensors.h"
#include "nn/nn.h"

enum { STYLE_WANTS = 400, STYLE_STORES = 2 };

typedef struct {
    const char *name;
    base_tensors file;
    base_map formulas, scalars; // texts of all cases
    tg_graph *g;
    nn_params *p[STYLE_STORES];
    struct {
        char name[128];
        tg_node *x;
        float *want; // owned
        double tol;
    } want[STYLE_WANTS];
    int n;
} style_case;

// False, and the test case counted as skipped, where a file is absent.
bool style_open(style_case *c, const char *name); // "06_sg2_gen32"
void style_close(style_case *c);

// Values of a tensor of the case, and its shape; NULL, and a failed check, where it has none. The
// caller frees them (base_free).
float *style_values(const style_case *c, const char *name, tg_shape *s);
// The same as a constant.
tg_node *style_input(style_case *c, const char *name);
// Settle store i and give its weights the values of a case, whose names may lack a prefix.
void style_fill(style_case *c, int i, const char *from, const char *prefix);
double style_scalar(const style_case *c, const char *key); // NaN where absent

// What x should be: a tensor, or a number. tol is relative to the largest value.
void style_want(style_case *c, const char *name, tg_node *x, double tol);
void style_want_number(style_case *c, const char *what, tg_node *x, double want, double tol);
// Gradients of sum(y * cot) by the weights of store i against <kind><prefix><name>; those that the
// case lacks are zero. Returns how many it has.
int style_want_grads(style_case *c, int i, const char *kind, const char *prefix, tg_node *y,
                     tg_node *cot, double tol);
// By a plan, and by the reference in double precision: within `exact` there (0: not evaluated).
void style_check(style_case *c, double exact);

#endif
