// markdown.c -- a report as a page of Markdown.
#include "eval/markdown.h"
#include "base/page.h"
#include <math.h>
#include <string.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void put_value(FILE *f, const eval_metric *m)
{
    if (!m || isnan(m->mean)) {
        fputs(" - |", f);
        return;
    }
    fprintf(f, " %.*f", m->is.digits, m->mean);
    if (m->value && isfinite(m->low))
        fprintf(f, " (%.*f to %.*f)", m->is.digits, m->low, m->is.digits, m->high);
    fputs(" |", f);
}

static void put_table(FILE *f, const eval_report *r)
{
    fputs("| |", f);
    for (size_t i = 0; i < r->n; i++) {
        fputc(' ', f);
        page_cell(f, r->result[i]->name);
        fputs(" |", f);
    }
    fputs("\n| --- |", f);
    for (size_t i = 0; i < r->n; i++) fputs(" --- |", f);
    fputc('\n', f);
    const eval_definition *d;
    for (size_t i = 0; (d = eval_definition_at(r, i)); i++) {
        fputs("| ", f);
        page_cell(f, d->title);
        if (*d->unit) fputs(", ", f);
        page_cell(f, d->unit);
        fputs(" |", f);
        for (size_t j = 0; j < r->n; j++) put_value(f, eval_metric_find(r->result[j], d->name));
        fputc('\n', f);
    }
}

static void put_definitions(FILE *f, const eval_report *r)
{
    fputs("\n## What is measured\n\n", f);
    const eval_definition *d;
    for (size_t i = 0; (d = eval_definition_at(r, i)); i++)
        fprintf(f, "- **%s** (%s%s%s): %s. Source: %s.\n", d->title,
                d->better > 0   ? "higher is better"
                : d->better < 0 ? "lower is better"
                                : "neither is better",
                *d->unit ? "; " : "", d->unit, d->definition, d->source);
}

static void put_file(FILE *f, const char *role, const char *file, const char *hex)
{
    fprintf(f, "| %s | ", role);
    page_cell(f, base_name(file));
    fprintf(f, " | %s |\n", hex);
}

static void put_rest(FILE *f, const eval_report *r)
{
    fputs("\n## By which networks\n\n| role | file | SHA-256 |\n| --- | --- | --- |\n", f);
    for (size_t i = 0; i < r->n; i++)
        if (r->result[i]->file)
            put_file(f, "measured", r->result[i]->file, r->result[i]->sha256.hex);
    for (size_t i = 0; i < r->n_networks; i++)
        put_file(f, r->network[i].role, r->network[i].file, r->network[i].sha256.hex);
    if (r->n_published) fputs("\n## Published; protocols differ, so they do not compare\n\n", f);
    for (size_t i = 0; i < r->n_published; i++) {
        const eval_published *p = &r->published[i];
        fprintf(f, "- %s, %s: %g. %s%s%s\n", p->method, p->metric, p->value, p->source,
                p->note ? "; " : "", p->note ? p->note : "");
    }
    if (r->n_notes) fputs("\n## Notes\n\n", f);
    for (size_t i = 0; i < r->n_notes; i++) fprintf(f, "- %s\n", r->note[i]);
    if (r->command) fprintf(f, "\n## Again\n\n    %s\n", r->command);
}

guise_status eval_write_markdown(const eval_report *r, const char *path, base_error *e)
{
    base_out *out = NULL;
    guise_status s = base_out_open(&out, path, e);
    if (s) return s;
    FILE *f = base_out_file(out);
    fprintf(f, "# %s\n\n", r->title ? r->title : r->suite);
    if (r->data) fprintf(f, "%s. ", r->data);
    fputs("In brackets: 95 % of bootstrap means.\n\n", f);
    put_table(f, r);
    put_definitions(f, r);
    put_rest(f, r);
    return base_out_commit(&out, e);
}
