// steady.c -- how much faces move from frame to frame.
#include "eval/steady.h"
#include <math.h>

double eval_flicker(const base_image *result, const base_image *target, const base_image *result_0,
                    const base_image *target_0, const face_point point[FACE_POINTS])
{
    eval_box b = eval_face_box(point);
    int w = result->w, h = result->h;
    if (result_0->w != w || result_0->h != h) return (double)NAN;
    int x0 = (int)fmax(0, floor(b.x - b.w / 2)), x1 = (int)fmin(w, ceil(b.x + b.w / 2));
    int y0 = (int)fmax(0, floor(b.y - b.h / 2)), y1 = (int)fmin(h, ceil(b.y + b.h / 2));
    int64_t sum = 0, n = 0;
    for (int y = y0; y < y1; y++)
        for (size_t i = 3 * ((size_t)y * (size_t)w + (size_t)x0);
             i < 3 * ((size_t)y * (size_t)w + (size_t)x1); i++) {
            int d = (result->rgb[i] - result_0->rgb[i]) - (target->rgb[i] - target_0->rgb[i]);
            sum += d < 0 ? -d : d;
            n++;
        }
    return n ? (double)sum / (255.0 * (double)n) : (double)NAN;
}

double eval_jitter(const face_point a[FACE_POINTS], const face_point b[FACE_POINTS],
                   const face_point c[FACE_POINTS])
{
    double sum = 0;
    for (int i = 0; i < FACE_POINTS; i++)
        sum += hypot((double)c[i].x - 2 * (double)b[i].x + (double)a[i].x,
                     (double)c[i].y - 2 * (double)b[i].y + (double)a[i].y);
    double eyes = hypot((double)c[1].x - (double)c[0].x, (double)c[1].y - (double)c[0].y);
    return eyes > 0 ? sum / FACE_POINTS / eyes : (double)NAN;
}
