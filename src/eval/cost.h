// cost.h -- what a swap costs: numbers of the network, and time and memory on this machine.
#ifndef GUISE_EVAL_COST_H
#define GUISE_EVAL_COST_H
#include "base/base.h"

typedef struct {
    double parameters;   // trained numbers
    double macs;         // multiply-accumulates of convolutions and products, one face
    double seconds;      // of one face: median of the runs
    double weight_bytes; // of the parameters in memory
    double plan_bytes;   // besides: values, packed weights, scratch
} eval_cost;
// The generator of a weights file for one face at a time, made ready as for guise swap.
guise_status eval_cost_of(const char *path, int runs, eval_cost *c, base_error *e);

#endif
