// form.h -- a frozen face model in a training graph: do pose and expression stay?
#ifndef GUISE_TRAIN_FORM_H
#define GUISE_TRAIN_FORM_H
#include "model/frozen.h"

typedef struct {
    model_frozen *network; // NULL: not open
} train_form;

// path: 3DDFA_V2's MobileNet as ONNX (Guo et al. 2020), 3 x 120 x 120 -> 62 numbers: 12 of the
// pose, 40 of shape, 10 of expression, each less its mean and divided by its deviation. Errors:
// GUISE_IO, GUISE_BAD_FILE, GUISE_NO_MEMORY; closed then.
guise_status train_form_open(train_form *f, const char *path, base_error *e);
void train_form_close(train_form *f);
// Mean absolute difference of pose and expression of made and target, in deviations; shape, which
// is the person's, is free. The idea is HifiFace's (Wang et al. 2021), whose generator gets these
// numbers; ours only answers for them. made, target [n,3,s,s] RGB 0..1 of template arcface -> [].
// Target is a constant to the gradient.
tg_node *train_form_loss(const train_form *f, tg_node *made, tg_node *target);

#endif
