// landmarks.h -- a frozen detector in a training graph: do the five points of the face stay?
#ifndef GUISE_TRAIN_LANDMARKS_H
#define GUISE_TRAIN_LANDMARKS_H
#include "model/frozen.h"

enum { TRAIN_STRIDES = 3 }; // 8, 16, 32
typedef struct {
    model_frozen *network; // NULL: not open
    size_t outputs;        // of it
    size_t class_of[TRAIN_STRIDES], object_of[TRAIN_STRIDES], points_of[TRAIN_STRIDES];
} train_landmarks;

// path: a detector with the outputs of YuNet, such as face-detector: cls_S, obj_S [n,cells,1] and
// kps_S [n,cells,10] for strides S of 8, 16, 32. Errors: GUISE_IO, GUISE_BAD_FILE,
// GUISE_NO_MEMORY; closed then.
guise_status train_landmarks_open(train_landmarks *l, const char *path, base_error *e);
void train_landmarks_close(train_landmarks *l);
// Mean distance of a landmark's coordinates in made and in target, in sides of the crop, over the
// cells that see the target's face; ours. made, target [n,3,s,s] RGB 0..1, s a multiple of 32 ->
// []. Target is a constant to the gradient.
tg_node *train_landmarks_loss(const train_landmarks *l, tg_node *made, tg_node *target);

#endif
