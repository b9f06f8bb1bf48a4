// told_detector.h -- a detector of ours that says the same of every picture.
#ifndef GUISE_TOLD_DETECTOR_H
#define GUISE_TOLD_DETECTOR_H
#include <stdbool.h>

// Where the closer look says the landmarks lie, in distances of the eyes from where they should.
extern const float told_off[10];
// The landmarks that the first look says its face has, in a picture of 96 x 96: x, y.
extern const float told_points[10];

// Writes one to path. Its first look sees one face of 62 pixels in the middle of a picture of 96 x
// 96, surely by `first`, a logit; the closer one, where it has one, says `second`, a logit, and
// told_off. False, and a CHECK failed, where that cannot be done.
bool told_detector_write(const char *path, float first, float second, bool closer);

#endif
