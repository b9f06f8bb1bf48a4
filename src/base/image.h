// image.h -- 8-bit RGB pictures in memory.
#ifndef GUISE_BASE_IMAGE_H
#define GUISE_BASE_IMAGE_H

#include "base/base.h"

typedef struct {
    int w, h;
    uint8_t *rgb;    // h rows of w pixels of R, G, B; sRGB 0..255
    guise_mark mark; // how it came about, as its file said
} base_image;

guise_status base_image_new(base_image *m, int w, int h, base_error *e); // black
guise_status base_image_copy(base_image *to, const base_image *from, base_error *e);
void base_image_free(base_image *m);

// Between pictures and network tensors [3,h,w]: value = byte * scale + shift, planes R G B, or
// B G R where bgr is set. from_planes rounds to nearest and clips to 0..255.
void base_image_to_planes(const base_image *m, bool bgr, float scale, float shift, float *planes);
void base_image_from_planes(base_image *m, const float *planes, bool bgr, float scale, float shift);

#endif
