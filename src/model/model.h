// model.h -- the networks: one function each, in a file of its family; and the table of them.
//
// The table serves `guise net`: any network by name, with options, on named tensors.
#ifndef GUISE_MODEL_H
#define GUISE_MODEL_H
#include "base/fields.h"
#include "nn/nn.h"

typedef struct model_ports model_ports; // named inputs and outputs of one build, see ports.c

typedef struct {
    const char *name;          // "simswap"
    const char *summary;       // one line with the source
    const char *inputs;        // "img [n,3,h,w] in 0..1, h and w multiples of 8; id [n,512] unit"
    const char *outputs;       // "out [n,3,h,w] in 0..1; ..."
    const base_field *options; // of the struct that build takes
    size_t size;               // of that struct
    // Take inputs with model_in(), give outputs with model_out().
    void (*build)(nn m, const void *options, model_ports *io);
} model_net;

extern const model_net *const model_nets[]; // ended by NULL
const model_net *model_find(const char *name); // NULL: unknown

// What a build is given: shape for each named input. The caller owns everything.
guise_status model_ports_open(model_ports **io, base_error *e);
void model_ports_close(model_ports **io);
guise_status model_ports_give(model_ports *io, const char *input, tg_shape s, base_error *e);
size_t model_ports_inputs(const model_ports *io); // inputs taken, outputs given, after a build
size_t model_ports_outputs(const model_ports *io);
tg_node *model_ports_input(const model_ports *io, size_t i, const char **name);
tg_node *model_ports_output(const model_ports *io, size_t i, const char **name);
// For build functions: the leaf for an input (a missing one is the graph's error), an output.
tg_node *model_in(model_ports *io, nn m, const char *name);
void model_out(model_ports *io, const char *name, tg_node *x);

#endif
