// show.c -- a report as JSON, as a table for terminals, and its cases as CSV.
#include "eval/eval.h"
#include <math.h>
#include <string.h>

// A file's name may be no UTF-8, as JSON needs it: such bytes become "?".
static json_t *text_json(const char *text)
{
    json_t *j = json_string(text);
    char *copy = j ? NULL : base_copy_text(text);
    for (char *c = copy; c && *c; c++)
        if (*c & 0x80) *c = '?';
    if (copy) j = json_string(copy);
    base_free(copy);
    return j;
}

// Like json_object_set_new, but a text may be NULL (left out), a number NaN (null).
static bool set_text(json_t *to, const char *key, const char *text)
{
    return !text || !json_object_set_new(to, key, text_json(text));
}

static bool set_number(json_t *to, const char *key, double v)
{
    return !json_object_set_new(to, key, isfinite(v) ? json_real(v) : json_null());
}

static json_t *metric_json(const eval_result *r, const eval_metric *m)
{
    const eval_definition *d = &m->is;
    static const char *const better[3] = {"lower", "neither", "higher"};
    json_t *j = json_object();
    bool ok = j && set_text(j, "name", d->name) && set_text(j, "title", d->title) &&
              set_text(j, "unit", d->unit) && set_text(j, "definition", d->definition) &&
              set_text(j, "source", d->source) &&
              set_text(j, "better",
                       better[d->better < 0   ? 0
                              : d->better > 0 ? 2
                                              : 1]) &&
              set_number(j, m->value ? "mean" : "value", m->mean);
    if (ok && (m->value || isfinite(m->low)))
        ok = set_number(j, "low", m->low) && set_number(j, "high", m->high);
    if (ok && m->value) {
        json_t *values = json_array();
        ok = !json_object_set_new(j, "cases", json_integer((json_int_t)m->n)) &&
             !json_object_set_new(j, "values", values);
        for (size_t i = 0; ok && i < r->n_cases; i++)
            ok = !json_array_append_new(values, isfinite(m->value[i]) ? json_real(m->value[i])
                                                                      : json_null());
    }
    if (ok) return j;
    json_decref(j);
    return NULL;
}

static json_t *case_json(const eval_report *r, const eval_case *c)
{
    json_t *j = json_object();
    bool ok = j && set_text(j, "name", c->name) && set_text(j, "source", c->source) &&
              set_text(j, "target", c->target) && set_text(j, "picture", c->picture);
    for (int k = 0; ok && k < r->labels; k++) ok = set_text(j, r->label_key[k], c->label[k]);
    if (ok) return j;
    json_decref(j);
    return NULL;
}

static json_t *curve_json(const eval_curve *c)
{
    json_t *points = json_array();
    bool ok = points != NULL;
    for (size_t i = 0; ok && i < c->n; i++)
        ok = !json_array_append_new(points, json_pack("[ff]", c->at[2 * i], c->at[2 * i + 1]));
    json_t *j =
        ok ? json_pack("{s:s,s:s,s:s,s:O}", "name", c->name, "x", c->x, "y", c->y, "points", points)
           : NULL;
    json_decref(points);
    return j;
}

static json_t *result_json(const eval_report *r, const eval_result *x)
{
    json_t *j = json_object(), *metrics = json_array(), *cases = json_array(),
           *curves = json_array();
    bool ok = j && set_text(j, "name", x->name) && set_text(j, "file", x->file) &&
              set_text(j, "sha256", x->sha256.hex[0] ? x->sha256.hex : NULL) &&
              set_text(j, "columns", x->columns);
    for (size_t i = 0; ok && i < x->n; i++)
        ok = !json_array_append_new(metrics, metric_json(x, &x->metric[i]));
    for (size_t i = 0; ok && i < x->n_cases; i++)
        ok = !json_array_append_new(cases, case_json(r, &x->cases[i]));
    for (size_t i = 0; ok && i < x->n_curves; i++)
        ok = !json_array_append_new(curves, curve_json(&x->curve[i]));
    ok = ok && !json_object_set(j, "metrics", metrics) && !json_object_set(j, "cases", cases) &&
         !json_object_set(j, "curves", curves);
    json_decref(metrics);
    json_decref(cases);
    json_decref(curves);
    if (ok) return j;
    json_decref(j);
    return NULL;
}

// The parts that are lists; each joins root.
static bool lists_json(const eval_report *r, json_t *root)
{
    json_t *results = json_array(), *networks = json_array(), *published = json_array(),
           *notes = json_array();
    bool ok = results && networks && published && notes;
    for (size_t i = 0; ok && i < r->n; i++)
        ok = !json_array_append_new(results, result_json(r, r->result[i]));
    for (size_t i = 0; ok && i < r->n_networks; i++) {
        const eval_network *n = &r->network[i];
        ok = !json_array_append_new(networks,
                                    json_pack("{s:s,s:o,s:s}", "role", n->role, "file",
                                              text_json(n->file), "sha256", n->sha256.hex));
    }
    for (size_t i = 0; ok && i < r->n_published; i++) {
        const eval_published *p = &r->published[i];
        ok = !json_array_append_new(
            published, json_pack("{s:s,s:s,s:f,s:s,s:s*}", "method", p->method, "metric", p->metric,
                                 "value", p->value, "source", p->source, "note", p->note));
    }
    for (size_t i = 0; ok && i < r->n_notes; i++)
        ok = !json_array_append_new(notes, text_json(r->note[i]));
    ok = ok && !json_object_set(root, "results", results) &&
         !json_object_set(root, "networks", networks) &&
         !json_object_set(root, "published", published) && !json_object_set(root, "notes", notes);
    json_decref(results);
    json_decref(networks);
    json_decref(published);
    json_decref(notes);
    return ok;
}

json_t *eval_json(const eval_report *r)
{
    json_t *root = json_object();
    bool ok = root && set_text(root, "suite", r->suite) && set_text(root, "title", r->title) &&
              set_text(root, "command", r->command) && set_text(root, "data", r->data) &&
              lists_json(r, root);
    if (ok) return root;
    json_decref(root);
    return NULL;
}

// A growing text.
typedef struct {
    char *at;
    size_t n, size;
    bool failed;
} text;

static void put(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(text *t, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    size_t need = t->n + (size_t)(n > 0 ? n : 0) + 1;
    if (!t->failed && need > t->size) {
        char *grown = base_grow(t->at, 2 * need, 1);
        t->failed = !grown;
        if (grown) {
            t->at = grown;
            t->size = 2 * need;
        }
    }
    if (t->failed) return;
    va_start(ap, format);
    vsnprintf(t->at + t->n, t->size - t->n, format, ap);
    va_end(ap);
    t->n = need - 1;
}

static void put_metric(text *t, const eval_metric *m)
{
    const eval_definition *d = &m->is;
    if (isnan(m->mean)) {
        put(t, "  %-30s %10s\n", d->title, "-");
        return;
    }
    put(t, "  %-30s %10.*f", d->title, d->digits, m->mean);
    if (isfinite(m->low)) put(t, "  (%.*f to %.*f)", d->digits, m->low, d->digits, m->high);
    put(t, "%s%s\n", *d->unit ? "  " : "", d->unit);
}

char *eval_table(const eval_report *r)
{
    text t = {0};
    put(&t, "%s\n", r->title ? r->title : r->suite);
    if (r->data) put(&t, "%s\n", r->data);
    for (size_t i = 0; i < r->n; i++) {
        const eval_result *x = r->result[i];
        put(&t, "\n%s", x->name);
        if (x->n_cases) put(&t, ", %zu cases", x->n_cases);
        put(&t, "\n");
        for (size_t k = 0; k < x->n; k++) put_metric(&t, &x->metric[k]);
    }
    if (r->n_networks) put(&t, "\nMeasured by\n");
    for (size_t i = 0; i < r->n_networks; i++)
        put(&t, "  %-18s %s  %.16s\n", r->network[i].role, r->network[i].file,
            r->network[i].sha256.hex);
    if (r->n_published) put(&t, "\nPublished; protocols differ, so they do not compare\n");
    for (size_t i = 0; i < r->n_published; i++) {
        const eval_published *p = &r->published[i];
        put(&t, "  %-18s %-18s %10g  %s\n", p->method, p->metric, p->value, p->source);
    }
    for (size_t i = 0; i < r->n_notes; i++) put(&t, "%s%s\n", i ? "" : "\n", r->note[i]);
    if (t.failed) {
        base_free(t.at);
        return NULL;
    }
    return t.at;
}

void eval_put_field(FILE *f, const char *s)
{
    if (!s) return;
    if (!strpbrk(s, ",\"\r\n")) {
        fputs(s, f);
        return;
    }
    fputc('"', f);
    for (; *s; s++) {
        if (*s == '"') fputc('"', f);
        fputc(*s, f);
    }
    fputc('"', f);
}

guise_status eval_write_csv(const eval_result *r, const char *path, base_error *e)
{
    base_out *out = NULL;
    guise_status s = base_out_open(&out, path, e);
    if (s) return s;
    FILE *f = base_out_file(out);
    fputs("case,source,target", f);
    for (size_t k = 0; k < r->n; k++)
        if (r->metric[k].value) fprintf(f, ",%s", r->metric[k].is.name);
    fputc('\n', f);
    for (size_t i = 0; i < r->n_cases; i++) {
        const char *const head[3] = {r->cases[i].name, r->cases[i].source, r->cases[i].target};
        for (int k = 0; k < 3; k++) {
            if (k) fputc(',', f);
            eval_put_field(f, head[k]);
        }
        for (size_t k = 0; k < r->n; k++) {
            if (!r->metric[k].value) continue;
            double v = r->metric[k].value[i];
            fputc(',', f);
            if (isfinite(v)) fprintf(f, "%.9g", v);
        }
        fputc('\n', f);
    }
    return base_out_commit(&out, e);
}
