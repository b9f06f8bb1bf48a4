// similarity.c -- affine maps of the plane, and the best similarity between point sets.
// Umeyama, "Least-squares estimation of transformation parameters between two point patterns"
// (1991). In the plane its singular value decomposition has a closed form: the rotation and scale
// are one complex number, sum(conj(x) y) / sum(|x|^2) over centred points.
#include "face/face.h"
#include <math.h>

face_transform face_invert(face_transform t)
{
    const double *m = t.m;
    double d = m[0] * m[4] - m[1] * m[3];
    d = d != 0 ? 1 / d : 0;
    double a = m[4] * d, b = -m[1] * d, c = -m[3] * d, k = m[0] * d;
    return (face_transform){{a, b, -a * m[2] - b * m[5], c, k, -c * m[2] - k * m[5]}};
}

face_transform face_compose(face_transform first, face_transform second)
{
    const double *a = second.m, *b = first.m;
    return (face_transform){{
        a[0] * b[0] + a[1] * b[3],
        a[0] * b[1] + a[1] * b[4],
        a[0] * b[2] + a[1] * b[5] + a[2],
        a[3] * b[0] + a[4] * b[3],
        a[3] * b[1] + a[4] * b[4],
        a[3] * b[2] + a[4] * b[5] + a[5],
    }};
}

face_point face_apply(face_transform t, face_point p)
{
    return (face_point){(float)(t.m[0] * p.x + t.m[1] * p.y + t.m[2]),
                        (float)(t.m[3] * p.x + t.m[4] * p.y + t.m[5])};
}

double face_scale(face_transform t) { return sqrt(fabs(t.m[0] * t.m[4] - t.m[1] * t.m[3])); }

guise_status face_similarity(face_transform *t, const face_point *from, const face_point *to, int n,
                             base_error *e)
{
    double fx = 0, fy = 0, tx = 0, ty = 0;
    for (int i = 0; i < n; i++) {
        fx += (double)from[i].x / n;
        fy += (double)from[i].y / n;
        tx += (double)to[i].x / n;
        ty += (double)to[i].y / n;
    }
    double spread = 0, re = 0, im = 0;
    for (int i = 0; i < n; i++) {
        double x = from[i].x - fx, y = from[i].y - fy, u = to[i].x - tx, v = to[i].y - ty;
        spread += x * x + y * y;
        re += x * u + y * v;
        im += x * v - y * u;
    }
    if (!isfinite(spread + re + im))
        return base_fail(e, GUISE_BAD_ARGUMENT, "landmarks must be finite numbers");
    if (!(spread > 0))
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "the landmarks all lie on one point: no alignment can be made of them");
    re /= spread;
    im /= spread;
    *t = (face_transform){{re, -im, tx - re * fx + im * fy, im, re, ty - im * fx - re * fy}};
    return GUISE_OK;
}
