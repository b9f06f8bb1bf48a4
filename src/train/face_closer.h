// face_closer.h -- what the files of the closer look's training share.
#ifndef GUISE_TRAIN_FACE_CLOSER_H
#define GUISE_TRAIN_FACE_CLOSER_H
#include "train/face_detector.h"

typedef struct {
    double lambda_points, faces, beside, mistaken;
    double turn, zoom, move; // of faces as they are found: degrees; factor; share of the crop
    double spoil;
} face_closer_options;

// What crops are drawn from.
typedef struct {
    size_t crop;
    const face *face; // in pixels of the crop with its margin
} face_closer_spot;
typedef struct {
    const train_cache *cache;
    train_faces faces, guesses;       // by a detector that knows; by our first look
    const face **guess;               // of each face, or NULL
    face_closer_spot *beside, *wrong; // faces beside a crop's own; guesses that are no face
    size_t n_beside, n_wrong;
} face_closer_ground;
// Looks through all crops twice, with start= alone by the first look. Closed after an error.
// Errors: those of train_faces_open.
guise_status face_closer_ground_open(face_closer_ground *g, const train_cache *c,
                                     const train_options *o, base_error *e);
void face_closer_ground_close(face_closer_ground *g);

// One crop of the batch; borrowed.
typedef struct {
    float *planes; // [3,64,64] RGB 0..1
    float *shows;  // 1: a face; 0: none
    float *points; // [10] as model_face_closer has them; 0 where there is no face
} face_closer_row;
// A face as a first look may find it, that of crop i or one that stands beside another; or what a
// first look took or may take for one.
guise_status face_closer_draw(const train_work *w, const face_closer_ground *g, size_t i,
                              base_rng *r, face_closer_row row, base_error *e);

// On crops of held-out people: share of faces that are seen as such, share of other places that
// are, and distance of landmarks in distances of the eyes, all after a single look. ground is
// theirs.
extern const char *const face_closer_measures[];
guise_status face_closer_measure(train_work *w, const face_closer_ground *ground,
                                 double value[TRAIN_MEASURES], base_error *e);

#endif
