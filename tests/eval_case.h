// eval_case.h -- a made set of photos and small networks, for tests of suites.
#ifndef GUISE_TEST_EVAL_CASE_H
#define GUISE_TEST_EVAL_CASE_H
#include "eval/eval.h"

enum { EVAL_CASE_SIDE = 96 }; // of the photos

// A picture that depends on the person, and less on the photo of the person.
guise_status eval_case_photo(const char *path, int person, int photo, base_error *e);
// DIR/pNN/pNN_K.png, and DIR_landmarks5.txt beside it.
guise_status eval_case_people(const char *dir, int people, int photos, base_error *e);
// A line of landmarks: where the eyes, nose and mouth of every such picture would be.
guise_status eval_case_landmarks(const char *path, const base_names *keys, base_error *e);
// A smooth-embedder of little size with random weights and its card.
guise_status eval_case_embedder(const char *path, base_error *e);
// The same with other weights.
guise_status eval_case_other(const char *path, base_error *e);
// A face-detector of little size with random weights and its card.
guise_status eval_case_detector(const char *path, base_error *e);
// A generator of 32 pixels for these embedders' vectors, with random weights and its card.
guise_status eval_case_generator(const char *path, base_error *e);
typedef struct {
    const char *suite, *data, *out, *generator, *recogniser, *landmarks;
    const char *const *set; // "a=b", ended by NULL
} eval_case_ask;
// Runs a suite without detector and models.
guise_status eval_case_answer(const eval_case_ask *a, eval_report *r, base_error *e);
// Runs a suite without a detector; sets: "a=b", ended by NULL. progress stops after `most` cases,
// or never where it is 0.
guise_status eval_case_run(const char *suite, const char *data, const char *out,
                           const char *const set[], int most, eval_report *r, base_error *e);

#endif
