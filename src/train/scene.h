// scene.h -- pictures with faces whose places are known, put together from aligned crops: what a
// detector learns from.
#ifndef GUISE_TRAIN_SCENE_H
#define GUISE_TRAIN_SCENE_H
#include "train/faces.h"

typedef struct {
    float cx, cy, w, h; // box: centre and size in pixels of the scene
    face_point point[FACE_POINTS];
    bool doubtful; // hardly visible: whoever looks may find it or not
} scene_face;

enum { SCENE_FACES = 24 };
typedef struct {
    int side;
    float *planes; // [3,side,side] RGB 0..1
    scene_face face[SCENE_FACES];
    int n;
} train_scene;

// Where crops come from, and how they are laid into a scene.
typedef struct {
    const train_cache *cache;
    const train_faces *faces; // of these crops
    int size, margin;         // of them
    double smallest, turn;    // least height of a face in pixels; degrees, most
    double spoil;             // how often scenes are made worse, 0..2
} scene_options;
guise_status train_scene_open(train_scene *s, int side, base_error *e);
void train_scene_close(train_scene *s);
// clean: the same scene before it was made worse, [3,side,side]. All follows from r.
// Errors: GUISE_NO_MEMORY.
guise_status train_scene_draw(train_scene *s, const scene_options *o, float *clean, base_rng *r,
                              base_error *e);

#endif
