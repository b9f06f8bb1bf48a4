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

// For its card, whichever part was trained last.
#define FACE_DETECTOR_LIMITS                                                                       \
    "Its boxes and landmarks are another detector's, on photos of press agencies: mostly adults, " \
    "mostly from the front.\nFaces below 16 pixels, profiles and faces turned by more than 45 "    \
    "degrees are often missed."

// On scenes of held-out people: share of faces found, false alarms a scene, distance of landmarks.
extern const char *const face_detector_measures[];
guise_status face_detector_measure(train_work *w, double value[TRAIN_MEASURES], base_error *e);

#endif
