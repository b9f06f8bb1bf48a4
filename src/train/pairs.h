// pairs.h -- fixed pairs of held-out people: to measure a generator and to show samples.
#ifndef GUISE_TRAIN_PAIRS_H
#define GUISE_TRAIN_PAIRS_H
#include "train/data.h"
#include "train/swapper.h"

typedef struct {
    base_image crop;               // aligned, side of the generator
    face_point point[FACE_POINTS]; // in it
    float *id, *measure;           // vectors by the two recognisers; measure may be NULL
} train_face;

typedef struct {
    train_face *face;         // of different people
    size_t n;                 // faces
    int pairs, size;          // pair i: source face i, target face target_of(i)
    face_recogniser *measure; // or NULL
    size_t length, measure_length;
} train_pairs;

typedef struct {
    const char *data, *landmarks, *detector;
    const char *identity, *measure; // what gives vectors, what measures; measure may be NULL
    const char *teacher;            // what trained the generator; NULL: identity
    int size, pairs;
} train_pairs_options;
// The choice depends on the photos alone. Fewer people than 2 pairs: faces serve twice.
// Errors: GUISE_NO_FACE with fewer than two people; GUISE_BAD_ARGUMENT where measure is the same
// network as identity or teacher; those of reading.
guise_status train_pairs_open(train_pairs *p, const train_pairs_options *o, base_error *e);
void train_pairs_close(train_pairs *p);
const train_face *train_pairs_source(const train_pairs *p, int i);
const train_face *train_pairs_target(const train_pairs *p, int i);

// All pairs through the generator. Needs p->measure.
guise_status train_pairs_measure(const train_pairs *p, train_swapper *s, train_measurement *m,
                                 base_error *e);
// Picture with the first `rows` pairs, two to a row: source, target, result. By extension.
guise_status train_pairs_sheet(const train_pairs *p, train_swapper *s, int rows, const char *path,
                               base_error *e);

#endif
