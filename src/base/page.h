// page.h -- pages of HTML that are one file: no server, no network, light and dark.
//
// Everything goes to a FILE whose errors show when it is committed (base_out_commit).
#ifndef GUISE_BASE_PAGE_H
#define GUISE_BASE_PAGE_H
#include "base/base.h"

// From the doctype to the title and a line below it (NULL: none), which are escaped.
void page_open(FILE *f, const char *title, const char *lead);
void page_close(FILE *f);
void page_text(FILE *f, const char *text); // escaped, for content and for quoted attributes
// A cell of a Markdown table: "|" and the ends of lines would end it.
void page_cell(FILE *f, const char *text);
// <img> with the bytes inside. kind: "image/jpeg"; alt is escaped.
// Errors: GUISE_BAD_FILE for more than 256 MB; GUISE_NO_MEMORY.
guise_status page_picture(FILE *f, const char *kind, const void *data, size_t n, const char *alt,
                          base_error *e);

#endif
