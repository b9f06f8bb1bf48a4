// warp.h -- source positions of an affine warp, quantised as OpenCV's warpAffine does: steps in x
// rounded to 1/1024, the sum rounded to 1/32 of a pixel (imgwarp.cpp of OpenCV 4.6, WarpAffine).
#ifndef GUISE_FACE_WARP_H
#define GUISE_FACE_WARP_H
#include "face/face.h"
#include <math.h>

typedef struct {
    int x, y;   // pixel above and to the left
    int fx, fy; // 1/32 of the way to the next, 0..31
} warp_at;

// Fixed point with ten bits; far outside any picture is as good as outside.
static inline int64_t warp_fix(double v)
{
    return v > 1e12 ? (int64_t)1e12 : v < -1e12 ? (int64_t)-1e12 : llrint(v * 1024);
}

// Where t takes pixel (x, y).
static inline warp_at warp_from(const face_transform *t, int x, int y)
{
    const double *m = t->m;
    int64_t u = (warp_fix(m[1] * y + m[2]) + 16 + warp_fix(m[0] * x)) >> 5;
    int64_t v = (warp_fix(m[4] * y + m[5]) + 16 + warp_fix(m[3] * x)) >> 5;
    int64_t far = (int64_t)1 << 30; // in pixels
    int64_t ix = u >> 5, iy = v >> 5;
    ix = ix > far ? far : ix < -far ? -far : ix;
    iy = iy > far ? far : iy < -far ? -far : iy;
    return (warp_at){(int)ix, (int)iy, (int)(u & 31), (int)(v & 31)};
}

#endif
