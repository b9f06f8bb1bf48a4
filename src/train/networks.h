// networks.h -- a network that a recipe or a card names.
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
// name: of a network, or NAME:SIZE (model_sizes), whose options come first.
// Errors: GUISE_BAD_ARGUMENT for an unknown network or option; GUISE_NO_MEMORY.
guise_status train_network_open(train_network *n, const char *name, const char *options,
                                base_error *e);
void train_network_close(train_network *n);
// Text of all options, returned to you; NULL when out of memory.
char *train_network_print(const train_network *n);
// For networks that swap (net->swapper): the side of the crops and the length of the recogniser's
// vectors, into the options.
void train_network_fit(train_network *n, int size, int length);
// img [n,3,h,w] RGB 0..1, id [n,l] unit rows -> [n,3,h,w] RGB, about 0..1; the graph's error where
// the network swaps no faces.
tg_node *train_generate(const train_network *n, nn m, tg_node *img, tg_node *id);

#endif
