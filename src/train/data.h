// data.h -- photos of people to train on: the list, the split, aligned crops kept in a file.
#ifndef GUISE_TRAIN_DATA_H
#define GUISE_TRAIN_DATA_H
#include "base/team.h"
#include "face/face.h"
#include "train/identity.h"
#include "train/train.h"

typedef struct {
    char *path;
    int person;
    bool known;                    // point is set
    face_point point[FACE_POINTS]; // pixels of the photo
} train_photo;

typedef struct {
    train_photo *at; // in the order of names, so the same for every run
    size_t n, cap;
    int people;
    char *digest_text; // names of all photos, for telling a changed folder
    size_t digest_size, digest_cap;
} train_photos;

typedef enum { TRAIN_PEOPLE, TRAIN_HELD_OUT, TRAIN_EVERYBODY } train_split;

// List DATA/NAME/* of one side of the split; landmarks from the file (NULL: beside the data where
// there is one). Errors: GUISE_IO, GUISE_BAD_FILE, GUISE_NO_FACE for no photo at all.
guise_status train_photos_read(train_photos *p, const char *data, const char *landmarks,
                               train_split split, base_error *e);
// Add DIR/*, all of one person. Landmarks from the file (NULL: beside the folder that DIR lies in).
// Errors: as above; p is freed then.
guise_status train_photos_add(train_photos *p, const char *dir, const char *landmarks,
                              base_error *e);
void train_photos_free(train_photos *p);
// Read the photo, and find its face where the landmarks are not known. d may be NULL.
// Errors: GUISE_NO_FACE, GUISE_IO, GUISE_BAD_FILE.
guise_status train_photo_load(train_photo *p, face_detector *d, base_image *m, base_error *e);
// Aligned crop (template arcface) with side size + 2 margin; point: the landmarks in it.
guise_status train_photo_crop(const train_photo *p, const base_image *m, int size, int margin,
                              base_image *crop, face_point point[FACE_POINTS], base_error *e);

// Crops, landmarks and identity vectors of all photos, made once and mapped from OUT afterwards.
typedef struct train_cache train_cache;
typedef struct {
    const char *out;
    int size, margin;
    const char *identity;                           // ONNX file; NULL: vectors are a single 0
    const char *detector;                           // or NULL
    bool (*progress)(void *user, const char *line); // NULL is fine; false: stop
    void *user;
} train_cache_options;
// Errors: those of the parts; GUISE_NO_FACE where not a single photo is usable.
guise_status train_cache_open(train_cache **c, train_photos *p, const train_cache_options *o,
                              base_error *e);
void train_cache_close(train_cache **c);
size_t train_cache_n(const train_cache *c);
int train_cache_people(const train_cache *c);
int train_cache_length(const train_cache *c); // of identity vectors
// Of crop i; all borrowed.
const uint8_t *train_cache_pixels(const train_cache *c, size_t i); // [side,side,3]
const face_point *train_cache_points(const train_cache *c, size_t i);
const float *train_cache_vector(const train_cache *c, size_t i); // unit length
// The vector that the generator gets: the same, or one out of FILE, [n,length] called vector, by
// train_cache_give. Errors of that: GUISE_BAD_FILE, GUISE_IO, GUISE_NO_MEMORY.
const float *train_cache_given(const train_cache *c, size_t i);
guise_status train_cache_give(train_cache *c, const char *file, base_error *e);
const char *train_cache_made_from(const train_cache *c); // a digest of photos and options
int train_cache_person(const train_cache *c, size_t i);
// Crops first..first + count - 1 belong to the person.
void train_cache_of_person(const train_cache *c, int person, size_t *first, size_t *count);

// One batch of pairs, in memory that stays where it is (plans are bound to it).
typedef struct {
    int n, side, length; // n: rows of this process
    int all, all_same;   // rows of all processes; those of them whose same is 1
    bool whole;          // filling lays out all of them, and train_batch_keep keeps ours
    base_team *team;     // borrowed; NULL: this process is alone
    face_template frame; // of the recogniser's crops
    int frame_side;
    float *target;      // [n,3,side,side] RGB 0..1
    float *source;      // [n,3,side,side], filled where wanted
    bool sources;       // it is
    float *same;        // [n] 1 where the target is the source's person, else 0
    float *vector;      // [n,length] of the source
    float *given;       // [n,length] the same, as the generator gets it
    float *theirs;      // [n,length] of the target
    float *warp;        // [n,6] from the recogniser's crop to the target's (tg_warp)
    float *weight;      // [n,1,side,side] of the reconstruction loss
    face_point *point;  // [n,5] the target's landmarks
    float *mix;         // [n] for a gradient penalty: whoever has one draws it
    const size_t *pick; // [picks] photos that are targets, borrowed; NULL: all
    size_t picks;
} train_batch;
guise_status train_batch_open(train_batch *b, const train_options *o, const train_identity *id,
                              base_team *team, bool whole, base_error *e);
void train_batch_close(train_batch *b);
void train_batch_keep(train_batch *b);
// How one crop is shown.
typedef struct {
    bool flip;
    int dx, dy;    // of the window in the crop, 0..2 margin
    float gain[3]; // of R, G, B
} train_view;
// The window of crop i that the view sees, cut at white: planes [3,size,size] RGB 0..1. point: the
// landmarks there (mirrored, left and right change places); NULL is fine.
void train_view_show(const train_cache *c, size_t i, const train_options *o, const train_view *v,
                     float *planes, face_point point[FACE_POINTS]);
// Crop i as one view of it is seen: planes [3,size,size] RGB 0..1. r NULL: its middle, unchanged.
void train_batch_show(const train_cache *c, size_t i, const train_options *o, base_rng *r,
                      float *planes);
// What is drawn depends on r, o and step alone, and is drawn for the rows of all processes.
guise_status train_batch_fill(train_batch *b, const train_cache *c, const train_options *o,
                              int step, base_rng *r, base_error *e);

#endif
