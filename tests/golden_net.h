// golden_net.h -- a network of the table, built with golden weights, planned and run.
#ifndef GUISE_TEST_GOLDEN_NET_H
#define GUISE_TEST_GOLDEN_NET_H
#include "golden_case.h"
#include "model/model.h"

typedef struct {
    const char *name, *tag;  // "simswap", "G224"
    const char *settings[6]; // "key=value"
    bool train;
    void (*fill)(nn_params *p, const char *tag); // NULL: golden_fill
    bool steady; // kernels by rule: inference takes the fastest, whose rounding differs by run
    struct {
        const char *name;
        tg_shape shape;
        float *data; // borrowed
    } in[3];
    // The output to differentiate, by all inputs and weights: sum(output * cotangent).
    const char *grad;
    float *cotangent; // borrowed; NULL: ones
} golden_net_options;

typedef struct {
    tg_device *device; // test_device()
    tg_graph *graph;
    nn_params *params;
    model_ports *io;
    tg_plan *plan;
    void *options;
    tg_node **grad;            // by entry
    tg_node **d_in;            // by input
    const float **grad_values; // by entry, after a run
} golden_net;

// Build, fill, plan and run. False where something failed (which is a failed check).
bool golden_net_run(golden_net *n, const golden_net_options *o);
void golden_net_close(golden_net *n);
const float *golden_net_value(const golden_net *n, const tg_node *x, size_t *count);
// Compare every output with what the case holds under prefix + its name. Returns the tensors found.
int golden_net_compare(const golden_net *n, const golden_case *c, const char *prefix, double tol);
// The value for an entry by name, of a buffer's update; NULL where there is none.
const float *golden_net_update(const golden_net *n, const char *entry, size_t *count);
const float *golden_net_d_input(const golden_net *n, const char *input, size_t *count);

#endif
