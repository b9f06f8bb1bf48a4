// face_label.h -- which pixels of a photo show the face, by its landmarks and its own colours.
#ifndef GUISE_TRAIN_FACE_LABEL_H
#define GUISE_TRAIN_FACE_LABEL_H
#include "face/face.h"

// planes [3,size,size] RGB 0..1 with a face at point -> label [size,size], 0 or 1: inside the
// oval around the landmarks, and not of the hair, hat or background that reaches in from outside;
// weight [size,size] 0..1: how sure that is.
// Errors: GUISE_NO_MEMORY.
guise_status train_face_label(const float *planes, int size, const face_point point[FACE_POINTS],
                              float *label, float *weight, base_error *e);

#endif
