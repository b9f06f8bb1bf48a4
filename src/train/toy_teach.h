// toy_teach.h -- recognisers of drawn faces (toy.h), taught in seconds from their known numbers and
// written as ONNX files, which training, swaps and measuring take like any other.
#ifndef GUISE_TRAIN_TOY_TEACH_H
#define GUISE_TRAIN_TOY_TEACH_H
#include "train/toy.h"

// Two kinds that share neither layers nor faces nor initial values, so that one can measure what
// was learnt from the other.
typedef enum { TOY_TEACHER, TOY_JUDGE } toy_recogniser;
typedef struct {
    toy_recogniser kind;
    int faces; // drawn to learn from, each of another person; 0: 3000
    int steps; // of 32 faces; 0: 1200
    int seed;
    double cosine; // result: between what it says of new faces and what is so, mean
} toy_teaching;
// Teach one to say the traits of a person, and write it: [1,3,112,112] RGB 0..255 aligned by
// template arcface -> [1,TOY_TRAITS,1,1].
// Errors: GUISE_IO, GUISE_NO_MEMORY, GUISE_BAD_ARGUMENT.
guise_status toy_teach(toy_teaching *t, const char *path, base_error *e);

#endif
