// detect_match.h -- which faces that a detector found are there, and which are not.
#ifndef GUISE_EVAL_DETECT_MATCH_H
#define GUISE_EVAL_DETECT_MATCH_H
#include "face/face.h"

// What there is on one picture. Faces that nobody can be sure of count neither as found nor as
// false alarms.
typedef struct {
    face_list sure, unsure;
} eval_faces;
void eval_faces_free(eval_faces *f);

// A face that is there, after matching.
typedef struct {
    double score;    // of the detection that has it; below 0: none
    double distance; // mean of its five landmarks' errors, over the distance of the eyes; NaN: none
} eval_found;

typedef struct {
    double *at;
    size_t n, cap;
} eval_scores;

#define EVAL_OVERLAP 0.4
// Detections take, by falling score, the sure face that they overlap most, if that is by at least
// EVAL_OVERLAP and nobody has it yet. What overlaps only an unsure face, or is less than `least`
// pixels high, is passed over; the scores of all others are added to alarm.
//   got    sorted by falling score, as face_detect gives it
//   found  one for each sure face
guise_status eval_match_faces(const face_list *got, const eval_faces *there, double least,
                              eval_found *found, eval_scores *alarm, base_error *e);

// The least threshold at which at most `most` of n scores pass. score is sorted, ascending.
double eval_threshold_for(const double *score, size_t n, size_t most);

#endif
