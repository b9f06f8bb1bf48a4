// face.h -- from photos to aligned crops and back: detect, align, crop, mask, paste, recognise.
// Points are pixels, x to the right, y down, the centre of the first pixel at (0, 0).
#ifndef GUISE_FACE_H
#define GUISE_FACE_H
#include "base/image.h"
#include "weights/weights.h"

typedef struct {
    float x, y;
} face_point;

// left and right as seen in the image: eye, eye, nose, mouth corner, mouth corner
enum { FACE_POINTS = 5 };

typedef struct {
    float x0, y0, x1, y1; // box
    float score;          // 0..1
    face_point point[FACE_POINTS];
} face;

typedef struct {
    face *at;
    size_t n, cap;
} face_list;
void face_list_free(face_list *l);

// Column-major thinking aside: (x, y) -> (m0 x + m1 y + m2, m3 x + m4 y + m5).
typedef struct {
    double m[6];
} face_transform;
face_transform face_invert(face_transform t);
face_transform face_compose(face_transform first, face_transform second);
face_point face_apply(face_transform t, face_point p);

// Least-squares similarity (Umeyama 1991: rotation, uniform scale, translation) from -> to.
// Errors: GUISE_BAD_ARGUMENT where all points of from coincide.
guise_status face_similarity(face_transform *t, const face_point *from, const face_point *to, int n,
                             base_error *e);

typedef enum {
    FACE_SIMSWAP, // five poses at 112, the nearest wins (spec/simswap.md 6.2)
    FACE_ARCFACE, // the frontal one of them (T3)
    FACE_FFHQ,    // for 512
    FACE_REID,    // face_reid_0095 at 128
    FACE_TEMPLATES
} face_template;
const char *face_template_name(face_template t); // "simswap", "arcface", "ffhq", "reid"
// The pose'th template (0 unless FACE_SIMSWAP) for a crop of size pixels.
void face_template_points(face_template t, int pose, int size, face_point out[FACE_POINTS]);
// Landmarks to crop pixels; *pose says which template won (NULL is fine).
guise_status face_align(face_transform *t, const face_point point[FACE_POINTS], face_template name,
                        int size, int *pose, base_error *e);
// crop = image sampled under the inverse of t, bilinear, black outside; size x size, new.
// Pixel-exact (+-1) with OpenCV's warpAffine, whose weights are quantised to 1/32.
guise_status face_crop(base_image *crop, const base_image *m, face_transform t, int size,
                       base_error *e);

// Paste-back. The mask is a float 0..1 plane of the crop's size, or NULL for the box alone.
// Only the rectangle of the frame that the crop covers is touched. spec/simswap.md 6.5.
//   planes  [3,size,size] RGB 0..1, the swapped crop
typedef struct {
    int size;            // of the crop
    const float *planes; // borrowed
    const float *mask;   // [size,size] 0..1, or NULL
    double erode, blur;  // box mask: side of the erosion and of the blur in crop pixels; 0: 40, 41
} face_patch;
guise_status face_paste(base_image *frame, face_transform t, const face_patch *p, base_error *e);
// Soft erosion of a mask [size,size], in place (spec/simswap.md 6.5, step 4).
guise_status face_soft_erode(float *mask, int size, base_error *e);
// Skin and features from 19-class labels of 512 x 512 to a soft mask [size,size].
guise_status face_label_mask(const uint8_t *labels, int size, float *mask, base_error *e);

// Detection: YuNet through the ONNX reader, planned for each padded size once and kept.
typedef struct face_detector face_detector;
typedef struct {
    double score;    // least score, 0 means 0.6
    double overlap;  // non-maximum suppression, 0 means 0.3
    int side;        // photos are shrunk so that the longer side is this; 0 means 640
} face_detect_options;
guise_status face_detector_open(face_detector **d, const char *path, base_error *e);
void face_detector_close(face_detector **d);
// All faces, best score first. *best (NULL is fine) is the best score seen, also of rejected ones.
guise_status face_detect(face_detector *d, const base_image *m, const face_detect_options *o,
                         face_list *out, float *best, base_error *e);

// Recognition: an ONNX network from an aligned crop to an identity vector.
typedef struct face_recogniser face_recogniser;
guise_status face_recogniser_open(face_recogniser **r, const char *path, base_error *e);
void face_recogniser_close(face_recogniser **r);
size_t face_recogniser_length(const face_recogniser *r); // of the vector
// vector: unit length. The crop is made here, by the template that the network wants.
guise_status face_recognise(face_recogniser *r, const base_image *m,
                            const face_point point[FACE_POINTS], float *vector, base_error *e);

#endif
