// identity.h -- the frozen recogniser that teaches identity, as part of a training graph.
#ifndef GUISE_TRAIN_IDENTITY_H
#define GUISE_TRAIN_IDENTITY_H
#include "face/face.h"

typedef struct {
    model_frozen *network; // NULL: none
    int length;            // of a vector
    int side;              // of its crops
    face_template frame;   // how they are aligned
    int pool;              // results are seen shrunk by so much; 0 means 1
    bool bgr;              // order of its channels, 0..255
    base_sha256 sha256;    // of the file
    char name[64];         // of the file, without folder and extension
} train_identity;

// What the recogniser wants follows from its input, as in face_recogniser_open: 128 x 128 is
// template reid in B G R, 112 x 112 is template arcface in R G B.
// Errors: GUISE_IO, GUISE_BAD_FILE for anything that maps no [1,3,s,s] to a vector.
guise_status train_identity_open(train_identity *id, const char *path, base_error *e);
void train_identity_close(train_identity *id);
// made [n,3,h,w] RGB 0..1, warp [n,6] from the recogniser's crop to made -> [n,length], of any
// length. Differentiable by made; the weights are constants.
tg_node *train_identity_of(const train_identity *id, tg_node *made, tg_node *warp);

#endif
