// wino_dw.h -- the weight gradient of 3x3 convolutions of stride 1 by Winograd's filtering: the
// adjoint of F(m x m,3x3) in its weights.
#ifndef GUISE_BACKEND_WINO_DW_H
#define GUISE_BACKEND_WINO_DW_H
#include "backend/backend.h"

typedef struct cpu_wino_dw cpu_wino_dw;
// Where cpu_wino_fits(CPU_CONV_DW, s); m: 2, 4 or 6.
int cpu_wino_dw_open(cpu_wino_dw **w, const cpu_conv_shape *s, int m);
void cpu_wino_dw_close(cpu_wino_dw *w);
// dy, x channels-last, dw [o,c,3,3]; scratch: cpu_wino_dw_scratch bytes, 64-byte aligned.
int cpu_wino_dw_run(cpu_wino_dw *w, const float *dy, const float *x, float *dw, void *scratch);
size_t cpu_wino_dw_scratch(const cpu_wino_dw *w);

#endif
