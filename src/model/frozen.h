// frozen.h -- a network out of a file, to be used and never changed: an ONNX file of anybody's, or
// a safetensors file of ours whose card names the network. Both are built into a graph with their
// weights as constants, so that whoever uses one need not know which it is.
#ifndef GUISE_MODEL_FROZEN_H
#define GUISE_MODEL_FROZEN_H
#include "model/model.h"
#include "weights/weights.h"

typedef struct model_frozen model_frozen;
// Read by content. Errors: GUISE_IO, GUISE_BAD_FILE, GUISE_NO_MEMORY.
guise_status model_frozen_open(model_frozen **f, const char *path, base_error *e);
void model_frozen_close(model_frozen **f);
bool model_frozen_own(const model_frozen *f); // of ours, not an ONNX file
size_t model_frozen_inputs(const model_frozen *f);
// Dimensions that are free are 0; so is dim 0.
const char *model_frozen_input(const model_frozen *f, size_t i, tg_shape *s);
size_t model_frozen_outputs(const model_frozen *f);
const char *model_frozen_output(const model_frozen *f, size_t i);
// in[i] for input i, out[i] is output i; differentiable. Mistakes are the graph's error. f must
// outlive the call only.
void model_frozen_build(const model_frozen *f, tg_graph *g, tg_node *const in[], tg_node *out[]);

#endif
