// occluder.h -- an occluder as parts in a plane of its own, in which it is about 1 high.
#ifndef GUISE_TRAIN_OCCLUDER_H
#define GUISE_TRAIN_OCCLUDER_H
#include "face/face.h"

typedef enum { PART_CONE, PART_BOX, PART_RING } part_shape;
typedef enum { PART_PLAIN, PART_SKIN, PART_STRIPES, PART_GRID, PART_CLOTH } part_texture;

typedef struct {
    part_shape shape;
    float ax, ay, bx, by; // CONE, BOX: along this axis
    float ra, rb;         // CONE: radius at a, at b. BOX: half its width, its corners' radius.
                          // RING around a: radius, half its thickness
    part_texture texture;
    float rgb[3], other[3]; // 0..1; the second colour of STRIPES and GRID
    float pitch;            // of the texture
    float round;            // how much its edge is turned away from the light, 0..1
    float mx, my, reach;    // a circle around it
} occluder_part;

enum { OCCLUDER_PARTS = 32 };
typedef struct {
    occluder_part part[OCCLUDER_PARTS]; // the later ones in front
    int n;
    uint64_t seed;          // of the textures
    float light_x, light_y; // where light comes from, unit length
} occluder;

// tone: colour of the face, which hands share more or less.
void occluder_hand(occluder *o, const float tone[3], base_rng *r);
void occluder_object(occluder *o, const float tone[3], base_rng *r);
// Distance from (x, y) to the edge, negative inside.
float occluder_distance(const occluder_part *p, float x, float y);
void occluder_colour(const occluder *o, const occluder_part *p, float x, float y, float d,
                     float rgb[3]);

// What people wear over the face whose landmarks these are (pixels of a picture of that side), as
// parts in sides of the picture: glasses; a fringe, strands beside the face, or a hat.
void occluder_glasses(occluder *o, const face_point point[FACE_POINTS], int side, base_rng *r);
void occluder_hair(occluder *o, const face_point point[FACE_POINTS], int side, base_rng *r);
// In front of planes [3,side,side] RGB 0..1, where it lies, with a shadow; adds to cover
// [side,side]. Errors: GUISE_NO_MEMORY.
guise_status occluder_put(const occluder *o, float *planes, int side, base_rng *r, float *cover,
                          base_error *e);
// For what makes occluders: begin, add parts, finish.
void occluder_begin(occluder *o, base_rng *r);
occluder_part *occluder_add(occluder *o, part_shape shape, float ax, float ay, float bx, float by,
                            float ra, float rb);
void occluder_finish(occluder *o);

static inline float occluder_even(base_rng *r, double from, double to)
{
    return (float)(from + (to - from) * base_rng_uniform(r));
}

#endif
