// files.h -- networks that are compared: files in a list, a result for each.
#ifndef GUISE_EVAL_FILES_H
#define GUISE_EVAL_FILES_H
#include "eval/eval.h"

// Calls one for each file of "a,b,c" until one fails. Errors: those of one; GUISE_NO_MEMORY;
// GUISE_BAD_ARGUMENT for an empty list.
guise_status eval_each_file(const char *list,
                            guise_status (*one)(void *user, const char *file, base_error *e),
                            void *user, base_error *e);
// A new result for the file, with its SHA-256. Its name is that of the file without ending, or of
// the folder where the file is a training's generator.safetensors; a number follows where the name
// is taken. Errors: GUISE_IO, GUISE_NO_MEMORY.
guise_status eval_add_file(eval_report *r, const char *file, size_t n_cases, eval_result **x,
                           base_error *e);

char *eval_file_name(const char *file); // that name, returned to you; NULL: out of memory
// Moves the results of another report into r, with its data, labels, networks and notes where r
// has not got them. from can only be freed afterwards, also on GUISE_NO_MEMORY.
guise_status eval_take_results(eval_report *r, eval_report *from, base_error *e);

#endif
