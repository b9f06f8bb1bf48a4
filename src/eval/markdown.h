// markdown.h -- a report as a page of Markdown, for documents.
#ifndef GUISE_EVAL_MARKDOWN_H
#define GUISE_EVAL_MARKDOWN_H
#include "eval/eval.h"

// A table with a column for each result, definitions, networks by file name and SHA-256, notes and
// the command that repeats it. Paths are left out: only names of files. Errors: GUISE_IO.
guise_status eval_write_markdown(const eval_report *r, const char *path, base_error *e);

#endif
