// networks.h -- what a recipe trains, behind one face: a generator, and discriminators.
#ifndef GUISE_TRAIN_NETWORKS_H
#define GUISE_TRAIN_NETWORKS_H
#include "model/model.h"
#include "train/train.h"

// A network's name with its options, read from "key=value key=value".
typedef struct {
    const model_net *net;
    void *options; // struct of the net
    char *text;    // the words that texts in options point into
} train_network;
// Errors: GUISE_BAD_ARGUMENT for an unknown network or option; GUISE_NO_MEMORY.
guise_status train_network_open(train_network *n, const char *name, const char *options,
                                base_error *e);
void train_network_close(train_network *n);
// Text of all options, returned to you; NULL when out of memory.
char *train_network_print(const train_network *n);
// Side that crops must be a multiple of.
int train_network_stride(const train_network *n);

// Set from the length of the recogniser's vectors.
void train_network_set_latent(train_network *n, int length);
// img [n,3,h,w] RGB 0..1, id [n,l] unit rows -> [n,3,h,w] RGB, about 0..1 (variant c may leave it)
tg_node *train_generate(const train_network *n, nn m, tg_node *img, tg_node *id);
// An RGB 0..1 image as the generator's losses see it: normalised for variant c, else as it is.
tg_node *train_loss_space(const train_network *generator, tg_node *img);

enum { TRAIN_SCALES = 4, TRAIN_LAYERS = 5 };
// What the discriminators say about images: a map of logits each, and the hidden layers that
// feature matching compares.
typedef struct {
    int scales, layers;
    tg_node *logit[TRAIN_SCALES];
    tg_node *layer[TRAIN_SCALES][TRAIN_LAYERS];
} train_verdict;
// img [n,3,h,w] RGB 0..1; the k'th patchgan (named D1, D2...) sees it halved k - 1 times
void train_judge(const train_network *n, nn m, int scales, tg_node *img, train_verdict *v);

#endif
