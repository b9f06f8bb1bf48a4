// image.c -- 8-bit RGB pictures and their way into and out of network tensors.
#include "base/image.h"
#include <string.h>

enum { MAX_SIDE = 1 << 20 };

guise_status base_image_new(base_image *m, int w, int h, base_error *e)
{
    *m = (base_image){0};
    if (w < 1 || h < 1 || w > MAX_SIDE || h > MAX_SIDE)
        return base_fail(e, GUISE_BAD_ARGUMENT, "a picture of %d x %d pixels cannot be made", w, h);
    uint8_t *rgb = base_alloc((size_t)w * (size_t)h, 3);
    if (!rgb) return base_no_memory(e);
    *m = (base_image){.w = w, .h = h, .rgb = rgb};
    return GUISE_OK;
}

guise_status base_image_copy(base_image *to, const base_image *from, base_error *e)
{
    guise_status s = base_image_new(to, from->w, from->h, e);
    if (s) return s;
    memcpy(to->rgb, from->rgb, (size_t)from->w * (size_t)from->h * 3);
    to->mark = from->mark;
    return GUISE_OK;
}

void base_image_free(base_image *m)
{
    base_free(m->rgb);
    *m = (base_image){0};
}

void base_image_to_planes(const base_image *m, bool bgr, float scale, float shift, float *planes)
{
    size_t n = (size_t)m->w * (size_t)m->h;
    for (size_t c = 0; c < 3; c++) {
        float *plane = planes + (bgr ? 2 - c : c) * n;
        for (size_t i = 0; i < n; i++) plane[i] = (float)m->rgb[3 * i + c] * scale + shift;
    }
}

void base_image_from_planes(base_image *m, const float *planes, bool bgr, float scale, float shift)
{
    size_t n = (size_t)m->w * (size_t)m->h;
    for (size_t c = 0; c < 3; c++) {
        const float *plane = planes + (bgr ? 2 - c : c) * n;
        for (size_t i = 0; i < n; i++) {
            float v = plane[i] * scale + shift;
            // written so that NaN becomes 0
            m->rgb[3 * i + c] = v >= 255.0F ? 255 : v > 0 ? (uint8_t)(v + 0.5F) : 0;
        }
    }
}
