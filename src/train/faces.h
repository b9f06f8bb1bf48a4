// faces.h -- every face in the cached crops: the one a crop was cut for, and who stands beside.
#ifndef GUISE_TRAIN_FACES_H
#define GUISE_TRAIN_FACES_H
#include "train/data.h"

// Below this score a face is doubtful: neither to be learnt nor to be taught away.
#define TRAIN_FACE_SURE 0.6

typedef struct {
    face_list all; // of all crops, one crop's after the other's, its own face first; in pixels of
                   // the crop with its margin. The own one has score 1
    bool *seen;    // [n] the detector saw the own face
    size_t *first; // [n + 1] crop i has those from first[i] to first[i + 1]
} train_faces;

// The detector at path goes through all crops of side size + 2 margin; NULL, or where it does not
// see a crop's own face: that has the cache's landmarks and a box that is the mean one. Takes some
// milliseconds a crop.
//   quick  the detector's first look alone, as face_detect has it
// Errors: GUISE_IO, GUISE_BAD_FILE, GUISE_NO_MEMORY; closed then.
guise_status train_faces_open(train_faces *f, const train_cache *c, int size, int margin,
                              const char *path, bool quick, base_error *e);
void train_faces_close(train_faces *f);

#endif
