// winograd.h -- 3x3 convolutions of stride 1 with fewer products: Winograd's minimal filtering
// (Lavin & Gray 2016, arXiv 1509.09308), F(2x2,3x3), F(4x4,3x3) and F(6x6,3x3).
// oneDNN dropped its own in 2023, and Debian 13 has none.
#ifndef GUISE_BACKEND_WINOGRAD_H
#define GUISE_BACKEND_WINOGRAD_H
#include "backend/backend.h"

typedef struct cpu_wino cpu_wino;

// Can this convolution be done so? Stride 1, 3x3, one group, padding 0..2. Weight gradients:
// wino_dw.h.
bool cpu_wino_fits(cpu_conv_kind kind, const cpu_conv_shape *s);
// m: side of the output tiles, 2, 4 or 6. CPU_CONV_Y and CPU_CONV_DX; layouts as cpu_conv.
int cpu_wino_open(cpu_wino **w, cpu_conv_kind kind, const cpu_conv_shape *s, int m,
                  const cpu_conv_post *post, bool keep_weights);
void cpu_wino_close(cpu_wino *w);
// scratch: cpu_wino_scratch bytes, 64-byte aligned; its contents do not matter before or after.
int cpu_wino_run(cpu_wino *w, const float *a, const float *weights, const float *bias, float *out,
                 void *scratch);
size_t cpu_wino_scratch(const cpu_wino *w);
void cpu_wino_forget(cpu_wino *w);
size_t cpu_wino_bytes(const cpu_wino *w);

#endif
