// swapper.h -- a generator in inference, a few pairs at a time: samples, measuring, export.
#ifndef GUISE_TRAIN_SWAPPER_H
#define GUISE_TRAIN_SWAPPER_H
#include "train/networks.h"

typedef struct {
    nn_params *params;
    tg_graph *graph;
    tg_plan *plan;
    tg_node *made;
    int n, size, length;
    float *target; // [n,3,size,size] RGB 0..1: fill, then run
    float *vector; // [n,length]
} train_swapper;

enum { TRAIN_SWAPS = 8 }; // pairs a run
guise_status train_swapper_open(train_swapper *s, const train_network *net, int size, int length,
                                base_error *e);
// The same from a generator's file, with its weights (model/card.h). Errors: GUISE_IO,
// GUISE_BAD_FILE.
guise_status train_swapper_read(train_swapper *s, const char *path, base_error *e);
void train_swapper_close(train_swapper *s);
// Take parameters laid out like s->params' flat array, or by name.
void train_swapper_take(train_swapper *s, const float *flat);
guise_status train_swapper_load(train_swapper *s, const base_tensors *t, base_error *e);
// -> [n,3,size,size], kept until the next run
guise_status train_swapper_run(train_swapper *s, const float **made, base_error *e);

#endif
