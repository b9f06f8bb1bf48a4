// gauge.h -- ONNX networks that measure: what they want to see, and what their numbers mean.
#ifndef GUISE_EVAL_GAUGE_H
#define GUISE_EVAL_GAUGE_H
#include "face/face.h"

// Any network from one picture [1,3,s,s] to numbers; several outputs are joined in their order.
typedef struct eval_gauge eval_gauge;
guise_status eval_gauge_open(eval_gauge **n, const char *path, base_error *e);
void eval_gauge_close(eval_gauge **n);
int eval_gauge_side(const eval_gauge *n); // s
size_t eval_gauge_length(const eval_gauge *n);
// planes = byte * scale + shift, R G B or B G R. out [length]. Errors: GUISE_BAD_ARGUMENT for a
// picture of another size, GUISE_BAD_FILE for numbers that are not finite.
guise_status eval_gauge_see(eval_gauge *n, const base_image *m, bool bgr, float scale, float shift,
                            float *out, base_error *e);

// The upright box around a face that a detector would give, out of the five points: centre and
// sides as YuNet (Wu et al. 2023) gave them for 2,000 photos of Labeled Faces in the Wild, on
// average, in units of the distance between the eyes or from eyes to mouth, the larger one.
typedef struct {
    double x, y, w, h; // centre, sides
} eval_box;
eval_box eval_face_box(const face_point point[FACE_POINTS]);
// What lies in the box in size x size pixels, black outside the photo, mirrored where w is
// negative; new.
guise_status eval_cut(base_image *out, const base_image *m, eval_box b, int size, base_error *e);

// head-pose-estimation-adas-0001 (Open Model Zoo, per its card: B G R 0..255, three outputs).
// angle: pitch, roll, yaw in degrees, the mean of 18 looks: nine boxes, 3 % apart, and their
// mirrors.
guise_status eval_pose(eval_gauge *n, const base_image *m, const face_point point[FACE_POINTS],
                       double angle[3], base_error *e);

// 3DDFA_V2's MobileNet (Guo et al. 2020): 62 numbers, each less its mean and divided by its
// deviation over the network's training data: 12 of the pose, 40 of shape, 10 of expression.
enum { EVAL_SHAPE = 40, EVAL_EXPRESSION = 10 };
typedef struct {
    double shape[EVAL_SHAPE], expression[EVAL_EXPRESSION];
} eval_form;
guise_status eval_form_of(eval_gauge *n, const base_image *m, const face_point point[FACE_POINTS],
                          eval_form *f, base_error *e);

double eval_distance(const double *a, const double *b, size_t n); // Euclidean

#endif
