// teachers.h -- networks that took part in a generator's training, and so cannot judge it.
#ifndef GUISE_EVAL_TEACHERS_H
#define GUISE_EVAL_TEACHERS_H
#include "base/tensors.h"
#include "eval/eval.h"

// "a/b.onnx" -> "b"
void eval_stem(const char *path, char stem[64]);
// The file that was named, or is found by the name given; else the one that is found by its usual
// name; NULL where it may be missing and is. Errors: those of finding it; GUISE_NO_MEMORY.
guise_status eval_choose(const eval_call *c, const char *named, const char *usual, bool must,
                         char **path, base_error *e);
// A teacher among judges (NULL: none there) is an error without c->force, GUISE_BAD_ARGUMENT, with
// it a note of the report: the one that gives the generator its identities (taker; NULL: not
// asked), or one whose name the generator's card holds. name: the generator's.
guise_status eval_refuse_teachers(const eval_call *c, const base_tensors *card, const char *taker,
                                  char *const judge[], size_t n, const char *name, eval_report *to,
                                  base_error *e);
// The usual face model at *path is left out, with a note, where it taught and nobody forces it:
// *path is freed, NULL then, and *left_out true.
guise_status eval_leave_out_form(const eval_call *c, const base_tensors *card, char **path,
                                 const char *name, bool *left_out, eval_report *to, base_error *e);

#endif
