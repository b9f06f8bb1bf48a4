// embedder.h -- any network that makes identity vectors: an ONNX recogniser (face.h), or an
// embedder of ours, saved as safetensors with a card (model/card.h).
#ifndef GUISE_EVAL_EMBEDDER_H
#define GUISE_EVAL_EMBEDDER_H
#include "face/face.h"

typedef struct eval_embedder eval_embedder;
// A saved one names its network, options, size and template in its card; the network has one input
// "img" and an output "unit". Errors: GUISE_IO; GUISE_BAD_FILE for anything else.
guise_status eval_embedder_open(eval_embedder **m, const char *path, base_error *e);
void eval_embedder_close(eval_embedder **m);
size_t eval_embedder_length(const eval_embedder *m); // numbers in a vector
// vector: unit length. The crop is made here, by the template that the network wants.
guise_status eval_embed(eval_embedder *m, const base_image *photo,
                        const face_point point[FACE_POINTS], float *vector, base_error *e);

#endif
