// product.h -- the inner loop of matrix products in registers, 64 columns at a time.
#ifndef GUISE_BACKEND_PRODUCT_H
#define GUISE_BACKEND_PRODUCT_H
#include "base/base.h"

enum { PRODUCT_WIDE = 64 };

// y[m][64] = a[m][k] b[k][64]. Rows of a and y follow each other at steps of lda and ldy floats; b
// is dense. One thread; the sums over k are added in order.
typedef void product_kernel(int64_t m, int64_t k, const float *a, int64_t lda, const float *b,
                            float *y, int64_t ldy);
product_kernel *product_f32(void); // the one for this machine

#endif
