// eval.h -- measuring: what a suite found, how it is asked, and the table of suites.
//
// A suite is a function that fills a report: results (one for each generator, network or variant
// that is compared), each with cases and metrics. Whatever shows a report - the table, the JSON,
// the page - needs nothing but the report.
#ifndef GUISE_EVAL_H
#define GUISE_EVAL_H
#include "base/fields.h"
#include <jansson.h>

// What a metric is. All texts are constants, or come from eval_text.
typedef struct {
    const char *name;       // key in JSON and CSV: "cosine_source"
    const char *title;      // in tables: "cosine to source"
    const char *unit;       // "degrees", "share", "" for a plain number
    const char *definition; // what is computed, from what, in which range
    const char *source;     // paper and equation, or "ours"
    int better;             // 1: higher is better, -1: lower is, 0: neither
    int digits;             // after the point, where it is printed
} eval_definition;

typedef struct {
    eval_definition is;
    double *value;    // of each case of the result, NaN: none; NULL: a number of all cases together
    size_t n;         // cases with a value
    double mean;      // of them; or the number itself
    double low, high; // 95 % of bootstrap resamples lie there; NaN where there is no interval
} eval_metric;

enum { EVAL_LABELS = 8 };

typedef struct {
    const char *name;               // "0001"
    const char *source, *target;    // photos, below the data's folder; NULL: none
    const char *picture;            // below the report's folder, see eval_result.columns; NULL
    const char *label[EVAL_LABELS]; // values of the report's label_key; NULL: unknown
} eval_case;

typedef struct {
    const char *name, *x, *y; // "ROC", titles of the axes with units
    double *at;               // n times x, y
    size_t n;
} eval_curve;

// What was measured: one generator, one recogniser, one variant.
typedef struct {
    const char *name, *file; // file NULL: none
    base_sha256 sha256;      // of the file
    const char *columns;     // what a case's picture shows: "source, target, result, self-swap"
    const char *ranked; // the only metric that best and worst cases are shown by; NULL: several
    eval_case *cases;
    size_t n_cases;
    eval_metric *metric;
    size_t n, cap;
    eval_curve *curve;
    size_t n_curves, cap_curves;
} eval_result;

typedef struct { // a network that measured, or took part otherwise
    const char *role, *file;
    base_sha256 sha256;
} eval_network;

typedef struct {                 // a published number, to stand beside ours
    const char *method, *metric; // metric: an eval_definition.name
    double value;
    const char *source, *note; // where it was printed; why it does not compare
} eval_published;

typedef struct {
    const char *suite, *title;
    const char *command; // repeats it
    const char *data;    // in words: folder, people, photos, split
    const char *label_key[EVAL_LABELS];
    int labels;
    eval_result **result;
    size_t n, cap;
    eval_network *network;
    size_t n_networks, cap_networks;
    eval_published *published;
    size_t n_published, cap_published;
    const char **note; // sentences: limits, what does not compare
    size_t n_notes, cap_notes;
    base_names texts; // behind eval_text
} eval_report;
void eval_report_free(eval_report *r); // zeroed ones too

// Adding. Everything returned belongs to the report and stays where it is, but metrics: those move
// when the next one is added. NULL, false or GUISE_NO_MEMORY: out of memory.
const char *eval_text(eval_report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
eval_result *eval_add_result(eval_report *r, const char *name, size_t n_cases); // copies name
eval_metric *eval_add_metric(eval_result *r, const eval_definition *is);        // values: all NaN
bool eval_add_number(eval_result *r, const eval_definition *is, double value);
eval_curve *eval_add_curve(eval_result *r, const char *name, const char *x, const char *y,
                           size_t n);                 // texts as they are; points zero
bool eval_add_note(eval_report *r, const char *note); // as it is
bool eval_add_published(eval_report *r, eval_published p);
// Hashes the file.
guise_status eval_add_network(eval_report *r, const char *role, const char *file, base_error *e);
const eval_metric *eval_metric_find(const eval_result *r, const char *name); // NULL: absent
// What the results measure, each name once, in the order of its first result; NULL past the last.
const eval_definition *eval_definition_at(const eval_report *r, size_t i);
// Fill n, mean, low and high of all metrics that have values.
guise_status eval_finish(eval_report *r, base_error *e);
// Mean and interval of a metric over the cases whose label k has this value.
guise_status eval_group_mean(const eval_result *r, const eval_metric *m, int k, const char *value,
                             size_t *n, double *mean, double *low, double *high, base_error *e);

// Showing (show.c). The same report gives the same bytes, but for times and memory in it.
json_t *eval_json(const eval_report *r);                            // NULL: out of memory
char *eval_table(const eval_report *r);                             // for terminals
guise_status eval_write_csv(const eval_result *r, const char *path, // a line for each case
                            base_error *e);
void eval_put_field(FILE *f,
                    const char *s); // of CSV (RFC 4180): quoted where it must be; NULL: empty

// Asking.
typedef struct {
    const char *generator;                                // file; NULL: none was found
    const char *data, *landmarks, *detector, *recogniser; // files and folders; NULL: not given
    const char *out;                                      // folder, or NULL
    bool resume, force;
    const char *command;          // that repeats it
    const base_names *generators; // files of all generators that lie among the weights
    // Path of a network of others by its file name, returned to you; GUISE_IO: nowhere.
    guise_status (*find)(void *user, const char *file, char **path, base_error *e);
    // done of total; line NULL but for news. False: stop, which ends in GUISE_OK with *stopped.
    bool (*progress)(void *user, int done, int total, const char *line);
    void *user;
    bool *stopped;
} eval_call;

typedef struct {
    const char *name, *summary;
    const base_field *fields; // options
    size_t size;              // of their struct
    guise_status (*run)(const eval_call *c, const void *options, eval_report *r, base_error *e);
} eval_suite;
extern const eval_suite *const eval_suites[]; // ended by NULL
const eval_suite *eval_suite_find(const char *name);

// Run a suite with "key=value" options; where c->out is set, write report.json, a CSV for each
// result with cases and all else that suites keep there. r is zero on error.
// Errors: GUISE_BAD_ARGUMENT for an unknown suite or option, and those of the suite.
guise_status eval_run(const eval_call *c, const char *suite, const char *const set[], size_t n,
                      eval_report *r, base_error *e);

#endif
