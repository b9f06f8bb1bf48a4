// judge.h -- SimSwap's discriminators, behind one call.
#ifndef GUISE_TRAIN_JUDGE_H
#define GUISE_TRAIN_JUDGE_H
#include "train/networks.h"

enum { TRAIN_SCALES = 4, TRAIN_LAYERS = 5 };
// What the discriminators say about images: a map of logits each, and the hidden layers that
// feature matching compares.
typedef struct {
    int scales, layers;
    tg_node *logit[TRAIN_SCALES];
    tg_node *layer[TRAIN_SCALES][TRAIN_LAYERS];
} train_verdict;
// img [n,3,h,w] RGB 0..1; the k'th patchgan (named D1, D2...) sees it halved k - 1 times
void train_judge(const train_network *n, nn m, int scales, tg_node *img, train_verdict *v);

#endif
