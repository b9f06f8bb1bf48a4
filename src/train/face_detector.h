// face_detector.h -- what the files of our detector's training share.
#ifndef GUISE_TRAIN_FACE_DETECTOR_H
#define GUISE_TRAIN_FACE_DETECTOR_H
#include "model/own.h"
#include "train/scene.h"
#include "train/system.h"

typedef struct {
    int scene; // side
    double lambda_box, lambda_points;
    double smallest, turn, spoil;
} face_detector_options;

// On scenes of held-out people: share of faces found, false alarms a scene, distance of landmarks.
extern const char *const face_detector_measures[];
guise_status face_detector_measure(train_work *w, double value[TRAIN_MEASURES], base_error *e);

#endif
