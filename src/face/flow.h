// flow.h -- dense registration of grey pictures.
#ifndef GUISE_FACE_FLOW_H
#define GUISE_FACE_FLOW_H
#include "base/base.h"

// A smooth field that bends moving onto fixed, both [side,side]:
// moving(x + flow[0][y][x], y + flow[1][y][x]) looks like fixed(x, y).
//   side  32 or more, best with many factors of two; pictures should have passed flow_normalise
//   flow  [2,side,side] pixels; in: where to start, out: the answer
// Returns false when out of memory.
bool flow_match(const float *moving, const float *fixed, int side, float *flow);
// Take out brightness and contrast of the neighbourhood. False when out of memory.
bool flow_normalise(float *x, int side);
// Value of a plane at a place between pixels: bilinear, the edge repeats.
float flow_sample(const float *x, int side, float at_x, float at_y);

#endif
