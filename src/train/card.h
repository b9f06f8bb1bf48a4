// card.h -- what a generator's file says about itself (model/card.h), checked.
#ifndef GUISE_TRAIN_CARD_H
#define GUISE_TRAIN_CARD_H
#include "face/face.h"
#include "train/networks.h"

typedef struct {
    char network[64];     // "simswap"
    char identity[64];    // network whose vectors it takes
    int size, length;     // side of its crop; numbers in a vector
    face_template layout; // how crops are aligned
} train_card;

// Errors: GUISE_BAD_FILE, naming path, for what is no generator of ours.
guise_status train_card_read(train_card *c, const base_tensors *t, const char *path, base_error *e);
// The network that the card names, with its options. Errors: GUISE_BAD_FILE, GUISE_NO_MEMORY.
guise_status train_card_network(train_network *net, const train_card *c, const base_tensors *t,
                                const char *path, base_error *e);

#endif
