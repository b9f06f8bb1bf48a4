// result.c -- reports in memory: adding to them, means with intervals, means of groups.
#include "eval/eval.h"
#include "eval/statistics.h"
#include <math.h>
#include <string.h>

const char *eval_text(eval_report *r, const char *format, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    if (n < 0 || !(text = base_alloc((size_t)n + 1, 1))) return NULL;
    va_start(ap, format);
    vsnprintf(text, (size_t)n + 1, format, ap);
    va_end(ap);
    bool ok = BASE_PUSH_ROOM(r->texts.name, r->texts.n, r->texts.cap);
    if (ok) r->texts.name[r->texts.n++] = text;
    if (!ok) base_free(text);
    return ok ? text : NULL;
}

static void result_free(eval_result *r)
{
    for (size_t i = 0; i < r->n; i++) base_free(r->metric[i].value);
    for (size_t i = 0; i < r->n_curves; i++) base_free(r->curve[i].at);
    base_free(r->metric);
    base_free(r->curve);
    base_free(r->cases);
    base_free(r);
}

void eval_report_free(eval_report *r)
{
    for (size_t i = 0; i < r->n; i++) result_free(r->result[i]);
    base_free(r->result);
    base_free(r->network);
    base_free(r->published);
    base_free(r->note);
    base_names_free(&r->texts);
    *r = (eval_report){0};
}

eval_result *eval_add_result(eval_report *r, const char *name, size_t n_cases)
{
    const char *copy = eval_text(r, "%s", name);
    if (!copy || !BASE_PUSH_ROOM(r->result, r->n, r->cap)) return NULL;
    eval_result *new = base_alloc(1, sizeof *new);
    if (!new) return NULL;
    r->result[r->n++] = new;
    new->name = copy;
    new->n_cases = n_cases;
    new->cases = base_alloc(n_cases ? n_cases : 1, sizeof *new->cases);
    return new->cases ? new : NULL;
}

eval_metric *eval_add_metric(eval_result *r, const eval_definition *is)
{
    if (!BASE_PUSH_ROOM(r->metric, r->n, r->cap)) return NULL;
    double *value = base_alloc(r->n_cases ? r->n_cases : 1, sizeof *value);
    if (!value) return NULL;
    for (size_t i = 0; i < r->n_cases; i++) value[i] = NAN;
    r->metric[r->n] =
        (eval_metric){.is = *is, .value = value, .mean = NAN, .low = NAN, .high = NAN};
    return &r->metric[r->n++];
}

bool eval_add_number(eval_result *r, const eval_definition *is, double value)
{
    if (!BASE_PUSH_ROOM(r->metric, r->n, r->cap)) return false;
    r->metric[r->n++] = (eval_metric){.is = *is, .mean = value, .low = NAN, .high = NAN};
    return true;
}

eval_curve *eval_add_curve(eval_result *r, const char *name, const char *x, const char *y, size_t n)
{
    if (!BASE_PUSH_ROOM(r->curve, r->n_curves, r->cap_curves)) return NULL;
    double *at = base_alloc(n ? n : 1, 2 * sizeof *at);
    if (!at) return NULL;
    r->curve[r->n_curves] = (eval_curve){name, x, y, at, n};
    return &r->curve[r->n_curves++];
}

bool eval_add_note(eval_report *r, const char *note)
{
    if (!note || !BASE_PUSH_ROOM(r->note, r->n_notes, r->cap_notes)) return false;
    r->note[r->n_notes++] = note;
    return true;
}

bool eval_add_published(eval_report *r, eval_published p)
{
    if (!BASE_PUSH_ROOM(r->published, r->n_published, r->cap_published)) return false;
    r->published[r->n_published++] = p;
    return true;
}

guise_status eval_add_network(eval_report *r, const char *role, const char *file, base_error *e)
{
    eval_network new = {.role = role, .file = eval_text(r, "%s", file)};
    if (!new.file || !BASE_PUSH_ROOM(r->network, r->n_networks, r->cap_networks))
        return base_no_memory(e);
    guise_status s = base_sha256_file(&new.sha256, file, e);
    if (!s) r->network[r->n_networks++] = new;
    return s;
}

static bool first_of_name(const eval_report *r, size_t result, const char *name)
{
    for (size_t i = 0; i < result; i++)
        if (eval_metric_find(r->result[i], name)) return false;
    return true;
}

const eval_definition *eval_definition_at(const eval_report *r, size_t i)
{
    for (size_t j = 0; j < r->n; j++)
        for (size_t k = 0; k < r->result[j]->n; k++) {
            const eval_definition *d = &r->result[j]->metric[k].is;
            if (first_of_name(r, j, d->name) && i-- == 0) return d;
        }
    return NULL;
}

const eval_metric *eval_metric_find(const eval_result *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (!strcmp(r->metric[i].is.name, name)) return &r->metric[i];
    return NULL;
}

// Mean and interval of the values that are there and whose case is of the group (k < 0: all).
static guise_status summarise(const eval_result *r, const eval_metric *m, int k, const char *value,
                              eval_metric *out, base_error *e)
{
    double *v = base_alloc(r->n_cases ? r->n_cases : 1, sizeof *v);
    if (!v) return base_no_memory(e);
    out->n = 0;
    for (size_t i = 0; m->value && i < r->n_cases; i++) {
        const char *label = k < 0 ? NULL : r->cases[i].label[k];
        if (isnan(m->value[i]) || (k >= 0 && (!label || strcmp(label, value) != 0))) continue;
        v[out->n++] = m->value[i];
    }
    out->mean = eval_mean(v, out->n);
    out->low = out->high = NAN;
    guise_status s = GUISE_OK;
    if (out->n) s = eval_bootstrap(v, out->n, EVAL_RESAMPLES, EVAL_SEED, &out->low, &out->high, e);
    base_free(v);
    return s;
}

guise_status eval_finish(eval_report *r, base_error *e)
{
    guise_status s = GUISE_OK;
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; !s && k < r->result[i]->n; k++) {
            eval_metric *m = &r->result[i]->metric[k];
            if (m->value) s = summarise(r->result[i], m, -1, NULL, m, e);
        }
    return s;
}

guise_status eval_group_mean(const eval_result *r, const eval_metric *m, int k, const char *value,
                             size_t *n, double *mean, double *low, double *high, base_error *e)
{
    if (k < 0 || k >= EVAL_LABELS || !value)
        return base_fail(e, GUISE_BAD_ARGUMENT, "a group needs a label below %d and its value",
                         EVAL_LABELS);
    eval_metric out = {0};
    guise_status s = summarise(r, m, k, value, &out, e);
    *n = out.n;
    *mean = out.mean;
    *low = out.low;
    *high = out.high;
    return s;
}
