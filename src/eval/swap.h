// swap.h -- the inside of eval swap: people, pairs of them, what is measured of a pair, and the
// file that remembers it.
#ifndef GUISE_EVAL_SWAP_H
#define GUISE_EVAL_SWAP_H
#include "eval/album.h"
#include "eval/gauge.h"
#include "train/card.h"
#include "train/swapper.h"

typedef struct {
    int pairs, seed, gallery;
    const char *people; // "held-out" or "all"
    bool by_name, pictures, every;
    const char *identity, *pose, *shape, *features; // ONNX files; NULL: those that are found
    const char *range;                              // of what the feature network sees
    const char *labels;                             // CSV; NULL: see eval_labels_find
    int runs;                                       // for the time of a swap
} swap_options;

enum { // of a pair
    SWAP_TO_SOURCE,
    SWAP_TO_TARGET,
    SWAP_RANK, // of the source among the gallery's people, from 1
    SWAP_POSE,
    SWAP_SELF_POSE,
    SWAP_EXPRESSION,
    SWAP_SHAPE,
    SWAP_SHAPE_UNSWAPPED,
    SWAP_L1,
    SWAP_PSNR,
    SWAP_SSIM,
    SWAP_SHARPNESS,
    SWAP_VALUES
};

// A photo of the gallery. Vectors are of unit length.
typedef struct {
    bool usable, whole; // seen and features are there; the rest is, too
    float *seen;        // by the measuring recogniser
    float *taken;       // by the recogniser that the generator takes
    double angle[3];
    eval_form form;
} swap_photo;

typedef struct {
    int source, target; // photos of the album
} swap_pair;

typedef struct swap_records swap_records;

typedef struct {
    const eval_call *c;
    const swap_options *o;
    char name[64]; // of the generator's file
    train_card card;
    train_swapper swapper;
    face_detector *detector;
    eval_embedder *taker, *judge;
    eval_gauge *pose, *form, *features; // NULL: not measured
    char *identity_file, *judge_file, *pose_file, *form_file, *features_file;
    bool form_taught; // the usual form_file took part in the training: form_file is NULL
    eval_album album;
    swap_photo *photo; // of each of the album
    int *gallery;      // photos of the album that are in it, usable ones
    int n_gallery, people;
    swap_pair *pair;
    float *real;   // features of the gallery's photos [n_gallery, length]
    double *value; // [pairs, SWAP_VALUES], NaN: not measured
    float *made;   // features of the results [pairs, length]
    int done, total;
} swap_run;

// swap_people.c
// Read photos of the gallery, which is drawn by seed, and draw the pairs from it: source and target
// are different people, everybody is source as often as everybody else, and target too.
// Errors: GUISE_NO_FACE with fewer than two people; those of reading networks.
guise_status swap_people_open(swap_run *r, base_error *e);
// What a photo of a pair needs besides: the generator's vector, pose, form. m: the photo.
guise_status swap_people_complete(swap_run *r, int photo, const base_image *m, base_error *e);
void swap_people_close(swap_run *r);
// The photo, with its points known.
guise_status swap_photo_load(swap_run *r, int photo, base_image *m, base_error *e);
// The generator's crop of a photo m, and where it lies; put another crop into its place, whole.
guise_status swap_cut(const swap_run *r, int photo, const base_image *m, base_image *crop,
                      face_transform *t, base_error *e);
guise_status swap_put_back(const swap_run *r, base_image *m, const base_image *crop,
                           face_transform t, base_error *e);
guise_status swap_write_pairs(const swap_run *r, const char *path, base_error *e); // CSV
size_t swap_features(const swap_run *r);                                           // numbers
// Features of a generator's crop with its points, by the measuring network.
guise_status swap_features_of(swap_run *r, const base_image *crop,
                              const face_point point[FACE_POINTS], float *out, base_error *e);
// One more thing done; false: the user wants to end.
bool swap_tell(swap_run *r);

// swap_pairs.c
// Where a person comes when the gallery's people are sorted by the largest cosine of their photos
// to v [length]; from 1. Whoever is as near comes first.
int swap_rank(const swap_run *r, const float *v, size_t length, int person);
// Pairs first .. first + n - 1, n at most TRAIN_SWAPS.
guise_status swap_measure(swap_run *r, int first, int n, base_error *e);

// swap_records.c: values and features of the pairs done so far, in a file that only grows, so that
// a run that was killed goes on. Numbers are kept bit by bit.
// key: of all that the numbers depend on. resume: what is there is taken over into r, and *pairs
// says how many; GUISE_BAD_ARGUMENT where the file is of another run.
guise_status swap_records_open(swap_records **f, const char *path, const base_sha256 *key,
                               bool resume, swap_run *r, int *pairs, base_error *e);
guise_status swap_records_add(swap_records *f, const swap_run *r, int first, int n, base_error *e);
void swap_records_close(swap_records **f);

// swap_report.c
guise_status swap_report(swap_run *r, eval_report *to, base_error *e);

#endif
