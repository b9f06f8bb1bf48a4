// protocol.h -- what the papers' protocols share: frames of originals with the identities that a
// measuring recogniser gives, results made by a generator or read from files, and what is measured
// of a result against its target and its source.
#ifndef GUISE_EVAL_PROTOCOL_H
#define GUISE_EVAL_PROTOCOL_H
#include "eval/album.h"
#include "eval/gauge.h"
#include "train/card.h"
#include "train/swapper.h"

typedef struct {
    const eval_call *c;
    char *judge_file, *pose_file, *form_file, *taker_file; // NULL: not used
    eval_embedder *judge, *taker; // measures; makes what the generator takes
    eval_gauge *pose, *form;      // NULL: not found, not measured
    bool form_taught;             // the usual face model took part in the training: form is NULL
    face_detector *detector;
    train_card card; // of the generator, where there is one
    train_swapper swapper;
    eval_album album; // vectors: the judge's
    float **taken;    // of each photo, by the taker; NULL: not made yet
} eval_protocol;

// Measuring networks (identity: named, or mobilefacenet.onnx; pose and shape as eval swap, where
// they are found) and the album of DATA; with generator (NULL: none) that too. Networks that taught
// the generator do not judge it (teachers.h); notes about that go to the report.
// Errors: those of the parts.
guise_status eval_protocol_open(eval_protocol *p, const eval_call *c, const char *data,
                                const char *identity, const char *generator, eval_report *to,
                                base_error *e);
void eval_protocol_close(eval_protocol *p);
guise_status eval_protocol_networks(const eval_protocol *p, eval_report *r, base_error *e);

enum { PROTOCOL_VECTOR = 1024 }; // numbers in a judge's vector, at most

// A result: the target's photo with another face in it.
typedef struct {
    int source, target; // photos of the album
    const char *file;   // the result as a picture of the target's size; NULL: the generator's
    // Filled in:
    bool usable;
    double to_source, to_target, pose, expression; // cosines, degrees, deviations; NaN: not known
    double l1;                                     // of the crop to the target's; generator only
    float vector[PROTOCOL_VECTOR];                 // the judge's, of unit length
} eval_outcome;
// Makes or reads n results and measures them. One that cannot be used is told in the log and left.
// picture (NULL: none): the paths to write source, target and result to, of each; NULL: not.
guise_status eval_protocol_measure(eval_protocol *p, eval_outcome *o, int n, char *const *picture,
                                   base_error *e);

#endif
