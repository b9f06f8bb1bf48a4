// smooth_case.h -- one golden case of Smooth-Swap: its inputs and parameters, which are stored or
// made by a formula (golden/smoothswap/README.md), and the comparison of nodes with what it holds.
#ifndef GUISE_TEST_SMOOTH_CASE_H
#define GUISE_TEST_SMOOTH_CASE_H
#include "base/tensors.h"
#include "nn/nn.h"

enum { SMOOTH_WANTS = 400, SMOOTH_STORES = 2 };

typedef struct {
    const char *name;
    base_tensors file;
    tg_graph *g;
    nn_params *p[SMOOTH_STORES];
    struct {
        tg_node *x;
        float *value; // owned
    } in[16];
    struct {
        char name[128];
        tg_node *x;
        float *want; // owned
        double tol;
        bool length; // compared as a whole
    } want[SMOOTH_WANTS];
    int n, inputs;
} smooth_case;

// False, and the test case counted as skipped, where the file is absent.
bool smooth_open(smooth_case *c, const char *name); // "03a_resblock_plain_same"
void smooth_close(smooth_case *c);
bool smooth_has(const smooth_case *c, const char *name);
double smooth_number(const smooth_case *c, const char *name, int64_t i); // NaN where absent

// A tensor of the case as an input.
tg_node *smooth_input(smooth_case *c, const char *name);
tg_node *smooth_values(smooth_case *c, tg_shape s, const float *v); // the same from values
// Settle store i and give its entries the values of <prefix><name>.
void smooth_load(smooth_case *c, int i, const char *weights, const char *buffers);
// Element i of array k of the formula, in [-1, 1).
double smooth_formula(uint32_t i, uint32_t k);
// Settle p and fill it: weights from k on in the order of their making, buffers from k_buffers on.
// equal: weights are stored without their factor (equalised learning rate).
void smooth_fill(nn_params *p, uint32_t k, uint32_t k_buffers, double gain, bool equal);

// What x should be, within tol of the largest value.
void smooth_want(smooth_case *c, const char *name, tg_node *x, double tol);
// Elements (102947 m + 11) mod size, m = 0..63.
void smooth_want_probe(smooth_case *c, const char *name, tg_node *x, double tol);
// The last one is compared by the length of the difference, relative to its own: in a gradient,
// rounding can move a value over the kink of a ReLU, which changes a few elements by more.
void smooth_by_length(smooth_case *c);
// Gradients of y, or sum(y * cot), by the weights of store i against <prefix><name>; those that the
// case lacks are not checked. Returns how many it has.
int smooth_want_grads(smooth_case *c, int i, const char *prefix, tg_node *y, tg_node *cot,
                      double tol);
// d sum(y * cot) / d x; cot NULL: ones.
tg_node *smooth_grad(tg_node *y, tg_node *cot, tg_node *x);
// By a plan, and by the reference in double precision within `exact` (0: not evaluated).
void smooth_check(smooth_case *c, double exact);

#endif
