// hear.h -- what the files of HEAR-Net's training share: hear.c steps, hear_look.c measures.
#ifndef GUISE_TRAIN_HEAR_H
#define GUISE_TRAIN_HEAR_H
#include "model/faceshifter.h"
#include "train/system.h"

enum { HEAR_GENERATOR = 1 }; // network that is refined; its weights are train_work.frozen

// A forward pass over crops: bound to memory of its own.
typedef struct {
    int n;         // crops a run
    float *target; // [n,3,size,size] RGB 0..1
    float *vector; // [n,length] unit rows
    float *warp;   // [n,6] from the recogniser's crop
    tg_graph *graph;
    tg_plan *plan;
    nn_params *hear;                       // weights of HEAR-Net as they are shown, or NULL
    tg_node *score;                        // scan: [n] mean size of the heuristic error
    tg_node *swapped, *made;               // else: [n,3,size,size] RGB 0..1, without and with
    tg_node *swapped_cosine, *made_cosine; // [n] to vector, by the frozen recogniser
} hear_look;

typedef struct {
    size_t *pick; // photos to learn from, by falling heuristic error; NULL until the first batch
    size_t picks;
    float weight; // now: of the identity loss
    float *cover; // [batch,1,size,size] where something is drawn over the targets
    hear_look look;
    char refines[65]; // SHA-256 of the generator's file
} hear_state;

// From a picture RGB 0..1 with the identity of vector: the generator's, in -1..1, as HEAR-Net takes
// it. All of it is a constant to gradients.
tg_node *hear_swapped(train_work *w, tg_graph *g, tg_node *target, tg_node *vector);
// HEAR-Net's input for a target in 0..1 and what hear_swapped made of it: the generator's error on
// the target with its own identity, seen through the frozen recogniser.
tg_node *hear_input(train_work *w, tg_graph *g, tg_node *target, tg_node *swapped, tg_node *warp);

void hear_look_close(hear_look *l);
// The photos with the largest heuristic error into state->pick. Errors: GUISE_NO_MEMORY.
guise_status hear_choose(train_work *w, size_t scan, double top, base_error *e);
// On held-out photos with drawn occluders.
extern const char *const hear_measures[];
guise_status hear_measure(train_work *w, double value[TRAIN_MEASURES], base_error *e);
guise_status hear_sample(train_work *w, const char *path, base_error *e);

#endif
