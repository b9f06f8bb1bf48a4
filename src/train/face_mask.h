// face_mask.h -- what the files of the face mask's training share: face_mask.c steps,
// face_mask_look.c measures.
#ifndef GUISE_TRAIN_FACE_MASK_H
#define GUISE_TRAIN_FACE_MASK_H
#include "model/own.h"
#include "train/system.h"

typedef struct {
    double hair, glasses, things; // how likely each is to lie over a face
    double spoil;
} face_mask_options;

// One crop with what was drawn over it. All [size,size] but planes [3,size,size].
typedef struct {
    float *planes, *label, *weight;
    float *cover; // how much of each pixel was drawn over
} face_mask_row;

// The network as it is, on AT_ONCE crops.
enum { FACE_MASK_AT_ONCE = 8 };
typedef struct {
    nn_params *params;
    tg_graph *graph;
    tg_plan *plan;
    tg_node *mask;
    float *img; // [n,3,size,size] RGB 0..1
} face_mask_look;

typedef struct {
    float *label; // [n,1,size,size]
    float *cover; // [size,size]
    face_mask_look look;
} face_mask_state;

// Crop i of the cache, shown at random, things drawn over it as o says, then made worse.
// plain: as it is in the cache, nothing drawn.
guise_status face_mask_draw(const train_work *w, const train_cache *c, size_t i, bool plain,
                            base_rng *r, face_mask_row *row, base_error *e);
void face_mask_look_close(face_mask_look *l);
// On held-out photos with things drawn over them.
extern const char *const face_mask_measures[];
guise_status face_mask_measure(train_work *w, double value[TRAIN_MEASURES], base_error *e);
guise_status face_mask_sample(train_work *w, const char *path, base_error *e);

#endif
