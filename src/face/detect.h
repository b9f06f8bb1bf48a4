// detect.h -- what the files of the detector share.
#ifndef GUISE_FACE_DETECT_H
#define GUISE_FACE_DETECT_H
#include "face/face.h"

// All cells of one picture at its own size that reach `least`, doubles included, added to out.
// m fits into what the network takes (detect_side).
guise_status detect_look(face_detector *d, const base_image *m, double least, face_list *out,
                         float *best, base_error *e);
int detect_side(const face_detector *d); // longest side of a square that it can look at
// Better landmarks for a face found in m.
guise_status detect_steady(face_detector *d, const base_image *m, face *f, base_error *e);

// The detector's own closer look, where its model has one; else *c is NULL.
typedef struct face_closer face_closer;
guise_status detect_closer_open(face_closer **c, const model_frozen *m, base_error *e);
void detect_closer_close(face_closer **c);
// Better landmarks, and a score that is the root of both looks' product.
guise_status detect_closer(face_closer *c, const base_image *m, face *f, base_error *e);

#endif
