// csv.h -- lines of comma-separated values, and what a table of them says about photos.
#ifndef GUISE_EVAL_CSV_H
#define GUISE_EVAL_CSV_H
#include "eval/eval.h"

// Splits a line in place (RFC 4180: quotes, doubled inside quotes; no line break in a cell), blanks
// around cells dropped. Returns how many cells there are; only the first `most` are set.
size_t eval_csv_split(char *line, char *cell[], size_t most);
// The file as text, each line ended by '\0', one after the other; a byte order mark is left out.
typedef struct {
    char *text, *next; // next: NULL past the last line
} eval_lines;
guise_status eval_lines_open(eval_lines *l, const char *path, base_error *e);
char *eval_lines_next(eval_lines *l); // NULL: no more. Lines without anything are passed over
void eval_lines_close(eval_lines *l);

// Labels of people or photos: the first column is an id, the others are what groups are made by.
// A column of numbers with more than 8 different ones is grouped by tens: "20-29". Values that are
// empty, ".", "NA" or "?" are unknown.
typedef struct {
    const char *key[EVAL_LABELS]; // names of the columns
    int keys;
    struct eval_label_row *row; // sorted by id
    size_t n;
    char *text;
} eval_labels;
// Errors: GUISE_BAD_FILE without a header of at least two columns or without a row.
guise_status eval_labels_read(eval_labels *l, const char *path, base_error *e);
void eval_labels_free(eval_labels *l);
// The value of column k for a photo "PERSON/file.jpg": of the row whose id is PERSON; else is the
// file's name up to its first '_' or '.', or to its last '.'. NULL: none. Owned by l.
const char *eval_labels_of(const eval_labels *l, const char *photo, int k);
// The labels file: the given one; else DATA/labels.csv or DATA/NAME_info.csv, NAME being DATA's own
// name. NULL, with GUISE_OK, where there is none. *path is returned to you.
guise_status eval_labels_find(const char *given, const char *data, char **path, base_error *e);

#endif
