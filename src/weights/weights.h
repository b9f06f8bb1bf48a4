// weights.h -- files to named tensors and back: safetensors, PyTorch's .pth, ONNX.
// All parsers take any bytes: what is wrong comes back as one sentence, never as a crash.
#ifndef GUISE_WEIGHTS_H
#define GUISE_WEIGHTS_H
#include "base/tensors.h"
#include "graph/ops.h"

// Read by content, not by file name: safetensors, .pth/.tar (zip or legacy), .onnx initialisers.
// Errors: GUISE_IO, GUISE_BAD_FILE, GUISE_NO_MEMORY; *t is empty then.
guise_status weights_read(base_tensors *t, const char *path, base_error *e);

// safetensors: u64 little-endian header length, JSON header, data. The file stays mapped and
// tensors point into it. Limits: header 64 MiB, rank 8, no overlap, no hole is required.
guise_status weights_safetensors_read(base_tensors *t, const char *path, base_error *e);
guise_status weights_safetensors_parse(base_tensors *t, const void *data, size_t n, base_error *e);
guise_status weights_safetensors_write(const base_tensors *t, const char *path, base_error *e);

// .pth, zip and legacy. A restricted unpickler: tensors, containers, modules; nothing runs.
guise_status weights_pth_read(base_tensors *t, const char *path, base_error *e);
guise_status weights_pth_parse(base_tensors *t, const void *data, size_t n, base_error *e);

// ONNX as a network: nodes of g for the whole model, with the weights as constants.
typedef struct weights_onnx weights_onnx;
guise_status weights_onnx_open(weights_onnx **m, const char *path, base_error *e);
guise_status weights_onnx_parse(weights_onnx **m, const void *data, size_t n, base_error *e);
void weights_onnx_close(weights_onnx **m);
size_t weights_onnx_inputs(const weights_onnx *m); // without initialisers
const char *weights_onnx_input(const weights_onnx *m, size_t i, tg_shape *s); // dim 0: free
size_t weights_onnx_outputs(const weights_onnx *m);
const char *weights_onnx_output(const weights_onnx *m, size_t i);
// Build with in[i] for input i (shapes may fill free dims, and batch any model whose graph allows
// it); out[i] is output i. Differentiable. What cannot be built is the graph's error: an unknown
// operator is named with its node. The caller may close the model at once: the graph reads the
// weights where they are, and keeps what it needs until it is freed.
void weights_onnx_build(const weights_onnx *m, tg_graph *g, tg_node *const in[], tg_node *out[]);
// The other way: the part of g that outputs need, as an ONNX file (operator set 11, float32).
typedef struct {
    tg_node *const *in, *const *out; // borrowed, with their names
    const char *const *in_name, *const *out_name;
    size_t n_in, n_out;
    const float *(*value)(void *user, const tg_node *param); // of the parameters
    void *user;
} weights_onnx_names;
// Errors: GUISE_BAD_ARGUMENT for an op that ONNX has not (those of training), GUISE_IO.
guise_status weights_onnx_write(tg_graph *g, const weights_onnx_names *names, const char *path,
                                base_error *e);
guise_status weights_onnx_tensors(const weights_onnx *m, base_tensors *t, base_error *e);

#endif
