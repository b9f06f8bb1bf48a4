// html.c -- a report as a page: results, notes, published numbers, definitions, how to repeat it.
#include "eval/html.h"
#include "base/page.h"
#include <ctype.h>
#include <math.h>
#include <string.h>

enum { CARDS = 8, ROWS_FROM = 4 }; // cards of a single result; so many results are rows

static bool is_share(const eval_definition *d) { return !strncmp(d->unit, "share", 5); }

void html_value(FILE *f, const eval_definition *d, double v)
{
    if (!isfinite(v))
        fputs("&ndash;", f);
    else if (is_share(d))
        fprintf(f, "%.*f&nbsp;%%", d->digits > 2 ? d->digits - 2 : 0, 100 * v);
    else
        fprintf(f, "%.*f", d->digits, v);
}

void html_interval(FILE *f, const eval_metric *m)
{
    if (!isfinite(m->low) || !isfinite(m->high)) return;
    double k = is_share(&m->is) ? 100 : 1;
    int digits = m->is.digits - (k > 1 ? 2 : 0);
    fprintf(f, "(%.*f&nbsp;to&nbsp;%.*f)", digits > 0 ? digits : 0, k * m->low,
            digits > 0 ? digits : 0, k * m->high);
}

bool html_is_binary(const eval_result *r, const eval_metric *m)
{
    for (size_t i = 0; m->value && i < r->n_cases; i++)
        if (!isnan(m->value[i]) && m->value[i] != 0 && m->value[i] != 1) return false;
    return true;
}

// What the unit adds to a number: nothing where it is told as percent.
static const char *unit_of(const eval_definition *d)
{
    return is_share(d) ? (d->unit[5] == ' ' ? d->unit + 6 : "") : d->unit;
}

static const char *arrow(const eval_definition *d)
{
    return d->better > 0   ? " <small title='higher is better'>&uarr;</small>"
           : d->better < 0 ? " <small title='lower is better'>&darr;</small>"
                           : "";
}

static void cards(FILE *f, const eval_result *x)
{
    int shown = 0;
    fputs("<div class=cards>", f);
    for (size_t k = 0; k < x->n && shown < CARDS; k++) {
        const eval_metric *m = &x->metric[k];
        if (!m->is.better || !isfinite(m->mean)) continue;
        fputs("<div class=card><span>", f);
        page_text(f, m->is.title);
        fprintf(f, "%s</span><b>", arrow(&m->is));
        html_value(f, &m->is, m->mean);
        if (!is_share(&m->is) && strlen(m->is.unit) < 10) {
            fputs(" <small>", f);
            page_text(f, m->is.unit);
            fputs("</small>", f);
        }
        fputs("</b><small>", f);
        html_interval(f, m);
        fputs("</small></div>\n", f);
        shown++;
    }
    fputs("</div>\n", f);
}

static void head_cell(FILE *f, const eval_definition *d)
{
    fputs("<th class=n>", f);
    page_text(f, d->title);
    fputs(arrow(d), f);
    if (*unit_of(d)) {
        fputs("<br><small>", f);
        page_text(f, unit_of(d));
        fputs("</small>", f);
    }
    fputs("</th>", f);
}

static void value_cell(FILE *f, const eval_metric *m, const char *between)
{
    fputs("<td class=n>", f);
    if (m) html_value(f, &m->is, m->mean);
    fputs(between, f);
    if (m) html_interval(f, m);
    fputs("</small></td>", f);
}

// Metrics down, results across: for few results.
static void table_down(FILE *f, const eval_report *r)
{
    fputs("<div class=wide><table><tr><th>measure</th>", f);
    for (size_t i = 0; i < r->n; i++) {
        fputs("<th class=n>", f);
        page_text(f, r->result[i]->name);
        fputs("</th><th></th>", f);
    }
    fputs("<th>unit</th></tr>\n", f);
    const eval_definition *d;
    for (size_t k = 0; (d = eval_definition_at(r, k)); k++) {
        fputs("<tr><td>", f);
        page_text(f, d->title);
        fprintf(f, "%s</td>", arrow(d));
        for (size_t i = 0; i < r->n; i++)
            value_cell(f, eval_metric_find(r->result[i], d->name), "</td><td class=i><small>");
        fputs("<td class=soft>", f);
        page_text(f, unit_of(d));
        fputs("</td></tr>\n", f);
    }
    fputs("</table></div>\n", f);
}

// Results down, metrics across: for many.
static void table_across(FILE *f, const eval_report *r)
{
    fputs("<div class=wide><table><tr><th></th>", f);
    const eval_definition *d;
    for (size_t k = 0; (d = eval_definition_at(r, k)); k++) head_cell(f, d);
    fputs("</tr>\n", f);
    for (size_t i = 0; i < r->n; i++) {
        fputs("<tr><td>", f);
        page_text(f, r->result[i]->name);
        fputs("</td>", f);
        for (size_t k = 0; (d = eval_definition_at(r, k)); k++)
            value_cell(f, eval_metric_find(r->result[i], d->name), "<br><small>");
        fputs("</tr>\n", f);
    }
    fputs("</table></div>\n", f);
}

static void results(FILE *f, const eval_report *r)
{
    if (!r->n) return;
    if (r->n == 1) cards(f, r->result[0]);
    fputs("<h2>Results</h2><p class=soft>In brackets: interval that holds 95&nbsp;% of bootstrap "
          "resamples. Arrows: which way is better.</p>\n",
          f);
    if (r->n < ROWS_FROM)
        table_down(f, r);
    else
        table_across(f, r);
    for (size_t i = 0; i < r->n_notes; i++) {
        fputs("<p>", f);
        page_text(f, r->note[i]);
        fputs("</p>\n", f);
    }
}

static const eval_definition *definition(const eval_report *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++) {
        const eval_metric *m = eval_metric_find(r->result[i], name);
        if (m) return &m->is;
    }
    return NULL;
}

static void published(FILE *f, const eval_report *r)
{
    if (!r->n_published) return;
    fputs("<h2>Published numbers</h2><p>As their sources print them, measured by other networks on "
          "other photos: they stand here to tell what was claimed, and do not compare with the "
          "numbers above unless the last column says so.</p>\n<div class=wide><table><tr>"
          "<th>method</th><th>measure</th><th class=n>value</th><th>source</th>"
          "<th>protocol</th></tr>\n",
          f);
    for (size_t i = 0; i < r->n_published; i++) {
        const eval_published *p = &r->published[i];
        const eval_definition *d = definition(r, p->metric);
        fputs("<tr class=apart><td>", f);
        page_text(f, p->method);
        fputs("</td><td>", f);
        page_text(f, d ? d->title : p->metric);
        fputs("</td><td class=n>", f);
        if (d)
            html_value(f, d, p->value);
        else
            fprintf(f, "%g", p->value);
        fputs("</td><td>", f);
        page_text(f, p->source);
        fputs("</td><td>", f);
        if (p->note) page_text(f, p->note);
        fputs("</td></tr>\n", f);
    }
    fputs("</table></div>\n", f);
}

static bool seen_before(const eval_report *r, size_t result, const char *name)
{
    for (size_t i = 0; i < result; i++)
        if (eval_metric_find(r->result[i], name)) return true;
    return false;
}

static void definitions(FILE *f, const eval_report *r)
{
    fputs("<h2>Definitions</h2>\n<dl>", f);
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->result[i]->n; k++) {
            const eval_definition *d = &r->result[i]->metric[k].is;
            if (seen_before(r, i, d->name)) continue;
            fputs("<dt>", f);
            page_text(f, d->title);
            if (*d->unit) {
                fputs("<br><small>", f);
                page_text(f, d->unit);
                fputs("</small>", f);
            }
            fputs("</dt><dd>", f);
            page_text(f, d->definition);
            if (d->source && strcmp(d->source, "ours") != 0) {
                fputs(" <small>", f);
                page_text(f, d->source);
                fputs("</small>", f);
            }
            fputs("</dd>\n", f);
        }
    fputs("</dl>\n", f);
}

static void file_row(FILE *f, const char *role, const char *file, const char *hex)
{
    fputs("<tr><td>", f);
    page_text(f, role);
    fputs("</td><td><code>", f);
    page_text(f, file);
    fprintf(f, "</code></td><td><code class=soft>%s</code></td></tr>\n", hex);
}

static void repeat(FILE *f, const eval_report *r)
{
    fputs("<h2>How to repeat it</h2>\n", f);
    if (r->command) {
        fputs("<pre>", f);
        page_text(f, r->command);
        fputs("</pre>\n", f);
    }
    fputs("<div class=wide><table><tr><th>part</th><th>file</th><th>SHA-256</th></tr>\n", f);
    for (size_t i = 0; i < r->n; i++)
        if (r->result[i]->file)
            file_row(f, r->result[i]->name, r->result[i]->file, r->result[i]->sha256.hex);
    for (size_t i = 0; i < r->n_networks; i++)
        file_row(f, r->network[i].role, r->network[i].file, r->network[i].sha256.hex);
    fputs("</table></div>\n<p class=soft>guise " GUISE_VERSION
          ". Same files, same command: same numbers. Pictures in this page may show people who "
          "did not agree to be shown: keep it to yourself.</p>\n",
          f);
}

guise_status eval_write_html(const eval_report *r, const char *out, base_error *e)
{
    char *path = base_format("%s/report.html", out);
    base_out *o = NULL;
    guise_status s = path ? base_out_open(&o, path, e) : base_no_memory(e);
    if (!s) {
        FILE *f = base_out_file(o);
        char title[200];
        snprintf(title, sizeof title, "%s", r->title ? r->title : r->suite);
        title[0] = (char)toupper((unsigned char)title[0]);
        page_open(f, title, r->data);
        results(f, r);
        published(f, r);
        s = html_plots(f, r, e);
        if (!s) s = html_groups(f, r, e);
        if (!s) s = html_cases(f, r, out, e);
        definitions(f, r);
        repeat(f, r);
        page_close(f);
    }
    if (!s) s = base_out_commit(&o, e);
    base_out_close(&o);
    base_free(path);
    return s;
}
