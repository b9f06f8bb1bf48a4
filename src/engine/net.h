// net.h -- one network in one graph: what running, exporting and timing it have in common.
#ifndef GUISE_ENGINE_NET_H
#define GUISE_ENGINE_NET_H
#include "engine/engine.h"

// A node with the name that it has in files.
typedef struct {
    char *name;
    tg_node *node;
    bool whole; // a counter: written as I64
} net_port;

typedef struct {
    net_port *at;
    size_t n, cap;
} net_ports;

typedef struct {
    guise_engine *g;
    const char *name;
    const guise_net_options *o;
    const model_net *net; // NULL: onnx
    weights_onnx *onnx;
    void *options;
    char *sized; // that the texts of options by size point into
    model_ports *ports;
    nn_params *params; // NULL with onnx
    tg_graph *graph;
    tg_plan *plan;
    tg_node *cotangent;
    net_ports in, out;
    float **data; // of in, each its own
} net_run;

// All report to g's error. Close whatever open said.
guise_status net_run_open(net_run *r, guise_engine *g, const char *name,
                          const guise_net_options *o);
void net_run_close(net_run *r);
guise_status net_run_build(net_run *r);   // for o->size and o->batch
guise_status net_run_weights(net_run *r); // o->weights, or initial values; where r->params is set
guise_status net_run_plan(net_run *r, const tg_plan_options *options); // and bind the parameters

#endif
