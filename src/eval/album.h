// album.h -- the photos of a folder with who is on them and the vectors that an embedder gives.
#ifndef GUISE_EVAL_ALBUM_H
#define GUISE_EVAL_ALBUM_H
#include "eval/csv.h"
#include "eval/embedder.h"
#include "train/data.h"

typedef struct {
    const char *key; // below the data's folder: "PERSON/photo.jpg"
    char *person;    // the folder's name; or, by file names, what stands before the first '_'
    int who;         // persons numbered from 0 in the order of their names
    bool held_out;   // no training here sees this person (train_is_held_out)
    train_photo *photo;
    float *vector; // unit length; NULL: not made, or no face was found
} eval_photo;

typedef struct {
    eval_photo *at; // sorted by key
    size_t n;
    int people, length; // length: of vectors, once made
    train_photos photos;
} eval_album;

// Every photo of DATA/FOLDER/. by_name: folders are not people, file names tell who it is
// ("001_smiling.jpg"). landmarks: as train_photos_read.
// Errors: GUISE_IO, GUISE_BAD_FILE, GUISE_NO_FACE for no photo at all; GUISE_NO_MEMORY.
guise_status eval_album_open(eval_album *a, const char *data, const char *landmarks, bool by_name,
                             base_error *e);
void eval_album_close(eval_album *a);
const eval_photo *eval_album_find(const eval_album *a, const char *key); // NULL: absent

// Vectors of the photos for which want is set (NULL: all). A photo without a face, or one that
// cannot be read, is left without, which *missing counts and the log tells. Shows progress and can
// be stopped by c->progress, which sets *c->stopped.
// Errors: GUISE_NO_FACE where a photo has no landmarks and c no detector; GUISE_NO_MEMORY.
guise_status eval_album_embed(eval_album *a, eval_embedder *m, const bool *want, const eval_call *c,
                              size_t *missing, base_error *e);
double eval_album_cosine(const eval_album *a, const eval_photo *x, const eval_photo *y);

// An aligned crop of the photo, template arcface, as a picture of size x size; new.
guise_status eval_album_crop(const eval_photo *p, face_detector *d, int size, base_image *crop,
                             base_error *e);

#endif
