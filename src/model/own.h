// own.h -- the small networks that a swap needs beside its generator, so that a fresh clone needs
// nothing else. They take pictures as the networks they learnt from do.
#ifndef GUISE_MODEL_OWN_H
#define GUISE_MODEL_OWN_H
#include "model/model.h"

typedef struct {
    int width;  // channels after the first layer; 0: 32
    int latent; // length of the vector; 0: 256
} model_face_id_options;
// img [n,3,112,112] RGB 0..255, aligned by template arcface -> [n,latent] unit rows
tg_node *model_face_id(nn m, tg_node *img, const model_face_id_options *o);

enum { MODEL_FACE_LEVELS = 3 }; // strides 8, 16, 32
typedef struct {
    int width;   // channels after the first layer; 0: 16
    bool closer; // with the part that takes a closer look
} model_face_detector_options;
// Of one level, cells in rows: face_decode in face/face.h says what they mean.
typedef struct {
    tg_node *logit;  // [n,cells,1]; its sigmoid is the score
    tg_node *box;    // [n,cells,4]
    tg_node *points; // [n,cells,10]
} model_face_level;
// img [n,3,h,w] B G R 0..255, h and w multiples of 32. False with the graph's error.
bool model_face_detector(nn m, tg_node *img, const model_face_detector_options *o,
                         model_face_level out[MODEL_FACE_LEVELS]);

// The detector's closer look at a crop around one face (face_closer_align).
enum { MODEL_CLOSER = 64 }; // its side
typedef struct {
    tg_node *logit;  // [n,1]; its sigmoid says how surely the crop shows a face
    tg_node *points; // [n,10] x, y of the landmarks from where the template has them, in shares of
                     // the template's distance of the eyes
} model_face_closer;
// img [n,3,64,64] B G R 0..255. False with the graph's error.
bool model_face_look_closer(nn m, tg_node *img, model_face_closer *out);

typedef struct {
    int width; // channels after the first layer; 0: 16
} model_face_mask_options;
// img [n,3,h,w] RGB 0..255, aligned by template arcface, h and w multiples of 16 -> logits
// [n,1,h,w]; their sigmoid is how much of a pixel is face
tg_node *model_face_mask(nn m, tg_node *img, const model_face_mask_options *o);

#endif
