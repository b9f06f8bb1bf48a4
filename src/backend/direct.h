// direct.h -- one convolution primitive of oneDNN. Arguments as cpu_conv's, without reflection.
#ifndef GUISE_BACKEND_DIRECT_H
#define GUISE_BACKEND_DIRECT_H
#include "backend/backend.h"

// type: of products, not CPU_INT8; images and results are floats in any case.
typedef struct cpu_direct cpu_direct;
int cpu_direct_open(cpu_direct **c, cpu_conv_kind kind, const cpu_conv_shape *s,
                    const cpu_conv_post *post, bool keep_weights, cpu_type type);
void cpu_direct_close(cpu_direct *c);
// scratch: cpu_direct_scratch bytes, 64-byte aligned.
int cpu_direct_run(cpu_direct *c, const float *a, const float *b, const float *bias, float *out,
                   void *scratch);
size_t cpu_direct_scratch(const cpu_direct *c);
void cpu_direct_forget(cpu_direct *c);
size_t cpu_direct_bytes(const cpu_direct *c);    // packed weights
const char *cpu_direct_how(const cpu_direct *c); // what oneDNN chose

#endif
