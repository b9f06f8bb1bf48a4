// html.h -- a report as a page: one file of HTML that needs no server and no network.
#ifndef GUISE_EVAL_HTML_H
#define GUISE_EVAL_HTML_H
#include "eval/eval.h"

// OUT/report.html, whole or not at all: results with intervals, plots, groups by label, the best
// and the worst cases with the pictures that lie in OUT, definitions, and how to repeat it.
// Errors: GUISE_IO, GUISE_BAD_FILE for a picture, GUISE_NO_MEMORY.
guise_status eval_write_html(const eval_report *r, const char *out, base_error *e);

// Its parts, each in a file of its own.
void html_value(FILE *f, const eval_definition *d, double v); // with unit %, where it is a share
void html_interval(FILE *f, const eval_metric *m);            // "(1.2 to 1.4)", or nothing
bool html_is_binary(const eval_result *r, const eval_metric *m);
guise_status html_plots(FILE *f, const eval_report *r, base_error *e);
guise_status html_groups(FILE *f, const eval_report *r, base_error *e);
guise_status html_cases(FILE *f, const eval_report *r, const char *out, base_error *e);

#endif
