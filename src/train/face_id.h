// face_id.h -- what the files of our recogniser's training share.
#ifndef GUISE_TRAIN_FACE_ID_H
#define GUISE_TRAIN_FACE_ID_H
#include "model/own.h"
#include "train/system.h"

// On held-out photos: cosine to the teacher's vectors; train_verify's two.
extern const char *const face_id_measures[];
guise_status face_id_measure(train_work *w, double value[TRAIN_MEASURES], base_error *e);

#endif
