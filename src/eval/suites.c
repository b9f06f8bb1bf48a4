// suites.c -- the table of suites, and running one: options, report, files.
#include "eval/suites.h"
#include "backend/tune.h"
#include "eval/html.h"
#include "eval/markdown.h"
#include <stdlib.h>
#include <string.h>

const eval_suite *const eval_suites[] = {
    &eval_suite_swap,     &eval_suite_frames,        &eval_suite_pairs,  &eval_suite_identity,
    &eval_suite_smooth,   &eval_suite_detect,        &eval_suite_toy,    &eval_suite_speed,
    &eval_suite_ablation, &eval_suite_faceforensics, &eval_suite_celeba, NULL};

const eval_suite *eval_suite_find(const char *name)
{
    for (size_t i = 0; eval_suites[i]; i++)
        if (!strcmp(eval_suites[i]->name, name)) return eval_suites[i];
    return NULL;
}

static guise_status write_json(const eval_report *r, const char *path, base_error *e)
{
    json_t *root = eval_json(r);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(root);
    guise_status s = text ? base_write_file(path, text, strlen(text), e) : base_no_memory(e);
    free(text); // jansson's
    return s;
}

// DIR/report.json, DIR/report.html, DIR/report.md, and DIR/NAME.csv for each result with cases.
static guise_status write_files(const eval_report *r, const char *dir, base_error *e)
{
    char *path = base_format("%s/report.json", dir);
    guise_status s = path ? write_json(r, path, e) : base_no_memory(e);
    base_free(path);
    if (!s) s = eval_write_html(r, dir, e);
    path = base_format("%s/report.md", dir);
    if (!s) s = path ? eval_write_markdown(r, path, e) : base_no_memory(e);
    base_free(path);
    for (size_t i = 0; !s && i < r->n; i++) {
        if (!r->result[i]->n_cases) continue;
        path = base_format("%s/%s.csv", dir, r->result[i]->name);
        s = path ? eval_write_csv(r->result[i], path, e) : base_no_memory(e);
        base_free(path);
    }
    return s;
}

guise_status eval_run(const eval_call *c, const char *suite, const char *const set[], size_t n,
                      eval_report *r, base_error *e)
{
    *r = (eval_report){0};
    const eval_suite *x = eval_suite_find(suite);
    if (!x)
        return base_fail(e, GUISE_BAD_ARGUMENT, "there is no suite '%s'; see guise eval --list",
                         suite);
    void *options = base_alloc(1, x->size ? x->size : 1);
    guise_status s = options ? GUISE_OK : base_no_memory(e);
    if (!s) base_fields_init(x->fields, options);
    for (size_t i = 0; !s && i < n; i++) s = base_fields_assign(x->fields, options, set[i], e);
    if (!s && c->out) s = base_make_dir(c->out, e);
    if (!s) {
        r->suite = x->name;
        r->title = x->summary;
        r->command = c->command ? eval_text(r, "%s", c->command) : NULL;
        if (c->command && !r->command) s = base_no_memory(e);
    }
    if (!s) {
        cpu_tune_fixed(true); // the same numbers every time, on every machine
        s = x->run(c, options, r, e);
        cpu_tune_fixed(false);
    }
    bool whole = !s && !*c->stopped;
    if (whole) s = eval_finish(r, e);
    if (whole && !s && c->out) s = write_files(r, c->out, e);
    base_free(options);
    if (s) eval_report_free(r);
    return s;
}
