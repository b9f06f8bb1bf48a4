// html_cases.c -- the best and the worst cases of a report, as grids of pictures inside the page.
#include "base/page.h"
#include "eval/html.h"
#include <math.h>
#include <string.h>

// Pictures of either end, and where they are long; metrics that cases are ranked by.
enum { SHOWN = 8, LONG = 6, METRICS = 4 };

// A case that has a picture and a value, to be ranked.
static bool usable(const eval_result *x, const eval_metric *m, size_t i)
{
    return x->cases[i].picture && isfinite(m->value[i]);
}

// The cases from the worst (end = false) or the best on, ties in their order. Returns how many.
static int rank(const eval_result *x, const eval_metric *m, bool best, size_t at[SHOWN])
{
    bool falling = (m->is.better > 0) == best;
    int n = 0;
    for (size_t i = 0; i < x->n_cases; i++) {
        if (!usable(x, m, i)) continue;
        int k = n;
        while (k > 0 &&
               (falling ? m->value[at[k - 1]] < m->value[i] : m->value[at[k - 1]] > m->value[i]))
            k--;
        if (k == SHOWN) continue;
        int moved = (n < SHOWN ? n : SHOWN - 1) - k;
        memmove(&at[k + 1], &at[k], (size_t)moved * sizeof *at);
        at[k] = i;
        if (n < SHOWN) n++;
    }
    return n;
}

static guise_status figure(FILE *f, const eval_result *x, const eval_metric *m, size_t i,
                           const char *out, base_error *e)
{
    const eval_case *c = &x->cases[i];
    char *path = base_format("%s/%s", out, c->picture);
    char *alt = base_format("%s: %s", c->name, x->columns ? x->columns : "picture");
    base_map map = {0};
    guise_status s = path && alt ? base_map_open(&map, path, e) : base_no_memory(e);
    if (!s) {
        const char *dot = strrchr(c->picture, '.');
        bool png = dot && !strcmp(dot, ".png");
        fputs("<figure>", f);
        s = page_picture(f, png ? "image/png" : "image/jpeg", map.data, map.size, alt, e);
        fputs("<figcaption><strong>", f);
        html_value(f, &m->is, m->value[i]);
        fprintf(f, "</strong> case %s", c->name);
        for (int k = 0; k < 2; k++) {
            const char *name = k ? c->target : c->source;
            if (!name) continue;
            const char *slash = strrchr(name, '/');
            fputs("<br>", f);
            page_text(f, slash ? slash + 1 : name);
        }
        fputs("</figcaption></figure>\n", f);
    }
    base_map_close(&map);
    base_free(path);
    base_free(alt);
    return s;
}

static guise_status grid(FILE *f, const eval_result *x, const eval_metric *m, bool best,
                         const char *out, base_error *e)
{
    size_t at[SHOWN];
    int n = rank(x, m, best, at);
    guise_status s = GUISE_OK;
    fprintf(f, "<h3>%s by ", best ? "Best" : "Worst");
    page_text(f, m->is.title);
    int beside = 1; // pictures in one
    for (const char *c = x->columns; c && *c; c++) beside += *c == ',';
    fprintf(f, "</h3>\n<div class='grid-of%s'>", beside > 2 ? " long" : "");
    if (beside > 2 && n > LONG) n = LONG;
    for (int i = 0; !s && i < n; i++) s = figure(f, x, m, at[i], out, e);
    fputs("</div>\n", f);
    return s;
}

// Ranked by: the metric that the result names, else those with a better end.
static bool ranks(const eval_result *x, const eval_metric *m)
{
    if (!m->value || !m->is.better || html_is_binary(x, m)) return false;
    if (x->ranked && strcmp(x->ranked, m->is.name) != 0) return false;
    for (size_t i = 0; i < x->n_cases; i++)
        if (usable(x, m, i)) return true;
    return false;
}

guise_status html_cases(FILE *f, const eval_report *r, const char *out, base_error *e)
{
    guise_status s = GUISE_OK;
    for (size_t i = 0; i < r->n; i++) {
        const eval_result *x = r->result[i];
        int shown = 0;
        for (size_t k = 0; !s && k < x->n && shown < METRICS; k++) {
            if (!ranks(x, &x->metric[k])) continue;
            if (!shown++) {
                fputs("<h2>Best and worst cases", f);
                if (r->n > 1) {
                    fputs(": ", f);
                    page_text(f, x->name);
                }
                fputs("</h2><p class=soft>Each picture, from the left: ", f);
                page_text(f, x->columns ? x->columns : "as the suite made it");
                fputs(".</p>\n", f);
            }
            s = grid(f, x, &x->metric[k], false, out, e);
            if (!s) s = grid(f, x, &x->metric[k], true, out, e);
        }
    }
    return s;
}
