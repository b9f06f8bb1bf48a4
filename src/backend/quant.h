// quant.h -- convolutions of 8-bit numbers, for inference (VNNI): images in 256 steps between their
// least and largest value of each run, weights in 255 for each channel made.
#ifndef GUISE_BACKEND_QUANT_H
#define GUISE_BACKEND_QUANT_H
#include "backend/backend.h"

typedef struct cpu_quant cpu_quant;
// CPU_CONV_Y, one group, no post->add. Arguments as cpu_conv's.
int cpu_quant_open(cpu_quant **q, const cpu_conv_shape *s, const cpu_conv_post *post,
                   bool keep_weights);
void cpu_quant_close(cpu_quant *q);
int cpu_quant_run(cpu_quant *q, const float *x, const float *weights, const float *bias, float *out,
                  void *scratch);
size_t cpu_quant_scratch(const cpu_quant *q);
void cpu_quant_forget(cpu_quant *q);
size_t cpu_quant_bytes(const cpu_quant *q);
const char *cpu_quant_how(const cpu_quant *q);

#endif
