// narrow.h -- convolutions to a few channels, which oneDNN computes as if they were sixteen: the
// last layer of every generator.
#ifndef GUISE_BACKEND_NARROW_H
#define GUISE_BACKEND_NARROW_H
#include "backend/backend.h"

typedef struct cpu_narrow cpu_narrow;

// Up to 4 channels out of a multiple of 16, one group, CPU_CONV_Y.
bool cpu_narrow_fits(cpu_conv_kind kind, const cpu_conv_shape *s);
// As cpu_conv's.
int cpu_narrow_open(cpu_narrow **n, const cpu_conv_shape *s, const cpu_conv_post *post, bool keep);
void cpu_narrow_close(cpu_narrow *n);
void cpu_narrow_run(cpu_narrow *n, const float *x, const float *weights, const float *bias,
                    float *out);
void cpu_narrow_forget(cpu_narrow *n);
size_t cpu_narrow_bytes(const cpu_narrow *n);

#endif
