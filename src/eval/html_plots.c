// html_plots.c -- the plots of a report: curves, distributions, groups by label.
#include "base/page.h"
#include "base/plot.h"
#include "eval/html.h"
#include "eval/statistics.h"
#include <math.h>
#include <string.h>

enum { SERIES = 6, GROUPS = 24, GROUP_METRICS = 8 };

// The curve of a name in a result, or NULL.
static const eval_curve *curve_of(const eval_result *r, const char *name)
{
    for (size_t i = 0; i < r->n_curves; i++)
        if (!strcmp(r->curve[i].name, name)) return &r->curve[i];
    return NULL;
}

// Decades suit an axis whose values, all from 0 on, span several of them.
static bool wants_decades(const double *x, size_t n, double *least)
{
    double most = 0;
    *least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (x[i] < 0) return false;
        if (x[i] > 0) *least = fmin(*least, x[i]);
        most = fmax(most, x[i]);
    }
    return most > 300 * *least;
}

// One plot with the curves of this name, of all results.
static guise_status draw_curves(FILE *f, const eval_report *r, const eval_curve *c, base_error *e)
{
    plot_line line[SERIES] = {{0}};
    double *copy[SERIES] = {0};
    plot_frame p = {.title = c->name, .x = c->x, .y = c->y};
    size_t n = 0;
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < r->n && n < SERIES; i++) {
        const eval_curve *k = curve_of(r->result[i], c->name);
        if (!k || !k->n) continue;
        double *v = copy[n] = base_alloc(k->n, 2 * sizeof *v), least;
        if (!v) s = base_no_memory(e);
        for (size_t j = 0; v && j < k->n; j++) {
            v[j] = k->at[2 * j];
            v[k->n + j] = k->at[2 * j + 1];
        }
        if (v && wants_decades(v, k->n, &least)) {
            p.x0 = p.log_x ? fmin(p.x0, least) : least;
            p.x1 = fmax(p.x1, v[k->n - 1]);
            p.log_x = true;
        }
        line[n++] = (plot_line){r->result[i]->name, v, v ? v + k->n : NULL, k->n};
    }
    if (!s) plot_lines(f, &p, line, n);
    for (size_t i = 0; i < n; i++) base_free(copy[i]);
    return s;
}

static guise_status curves(FILE *f, const eval_report *r, base_error *e)
{
    guise_status s = GUISE_OK;
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; !s && k < r->result[i]->n_curves; k++) {
            const eval_curve *c = &r->result[i]->curve[k];
            bool drawn = false;
            for (size_t j = 0; j < i; j++) drawn |= curve_of(r->result[j], c->name) != NULL;
            if (!drawn) s = draw_curves(f, r, c, e);
        }
    return s;
}

// Metrics that say the same of different things, such as cosine_source and cosine_target: they
// share the first word of their names, and the unit.
static bool alike(const eval_metric *a, const eval_metric *b)
{
    size_t n = strcspn(a->is.name, "_");
    return n == strcspn(b->is.name, "_") && !strncmp(a->is.name, b->is.name, n) &&
           !strcmp(a->is.unit, b->is.unit);
}

static bool has_distribution(const eval_result *x, const eval_metric *m)
{
    return m->value && m->n > 4 && !html_is_binary(x, m);
}

// The distributions of a metric and of those like it; nothing where an earlier one drew it.
static void draw_distribution(FILE *f, const eval_result *x, size_t at, bool named)
{
    const eval_metric *m = &x->metric[at];
    plot_sample sample[SERIES];
    size_t n = 0;
    char title[160], axis[160];
    for (size_t k = 0; k < x->n && n < SERIES; k++) {
        const eval_metric *other = &x->metric[k];
        if (!has_distribution(x, other) || !alike(m, other)) continue;
        if (k < at) return;
        sample[n++] = (plot_sample){other->is.title, other->value, x->n_cases};
    }
    int word = (int)strcspn(m->is.name, "_");
    snprintf(title, sizeof title, "%.*s%s%s", n > 1 ? word : 80, n > 1 ? m->is.name : m->is.title,
             named ? ", " : "", named ? x->name : "");
    snprintf(axis, sizeof axis, "%.*s%s%s", n > 1 ? word : 80, n > 1 ? m->is.name : m->is.title,
             *m->is.unit ? ", " : "", m->is.unit);
    const plot_frame p = {.title = title, .x = axis, .y = "cases, %", .narrow = n < 2};
    plot_histogram(f, &p, sample, n, 0);
}

guise_status html_plots(FILE *f, const eval_report *r, base_error *e)
{
    bool any = false;
    for (size_t i = 0; i < r->n; i++) {
        any |= r->result[i]->n_curves > 0;
        for (size_t k = 0; k < r->result[i]->n; k++)
            any |= has_distribution(r->result[i], &r->result[i]->metric[k]);
    }
    if (!any) return GUISE_OK;
    fputs("<h2>Plots</h2>\n<div class=plots>", f);
    guise_status s = curves(f, r, e);
    for (size_t i = 0; !s && i < r->n; i++)
        for (size_t k = 0; k < r->result[i]->n; k++)
            if (has_distribution(r->result[i], &r->result[i]->metric[k]))
                draw_distribution(f, r->result[i], k, r->n > 1);
    fputs("</div>\n", f);
    return s;
}

// The different values of label k, in the order of their texts. Returns how many.
static int values_of(const eval_result *x, int k, const char *value[GROUPS])
{
    int n = 0;
    for (size_t i = 0; i < x->n_cases; i++) {
        const char *v = x->cases[i].label[k];
        int at = 0;
        while (v && at < n && strcmp(value[at], v) < 0) at++;
        if (!v || (at < n && !strcmp(value[at], v)) || n == GROUPS) continue;
        memmove(&value[at + 1], &value[at], (size_t)(n - at) * sizeof *value);
        value[at] = v;
        n++;
    }
    return n;
}

static guise_status draw_groups(FILE *f, const eval_report *r, const eval_result *x, int k,
                                const eval_metric *m, base_error *e)
{
    const char *value[GROUPS + 1];
    plot_range row[GROUPS + 1];
    char title[160];
    int n = values_of(x, k, value);
    guise_status s = GUISE_OK;
    row[0] = (plot_range){"all", m->mean, m->low, m->high, m->n};
    for (int i = 0; !s && i < n; i++) {
        plot_range *g = &row[i + 1];
        g->name = value[i];
        s = eval_group_mean(x, m, k, value[i], &g->n, &g->value, &g->low, &g->high, e);
    }
    if (s) return s;
    snprintf(title, sizeof title, "%s%s%s", m->is.title, r->n > 1 ? ", " : "",
             r->n > 1 ? x->name : "");
    const plot_frame p = {
        .title = title, .x = *m->is.unit ? m->is.unit : m->is.title, .digits = m->is.digits};
    plot_ranges(f, &p, row, (size_t)n + 1);
    return GUISE_OK;
}

// Worth a plot: a mean of cases with a better end, which is not the same for all of them.
static bool worth_groups(const eval_result *x, const eval_metric *m)
{
    if (!m->value || !m->is.better || m->n < 2) return false;
    return !html_is_binary(x, m) || (m->mean > 0 && m->mean < 1);
}

// All that is told by one label.
static guise_status draw_label(FILE *f, const eval_report *r, int k, base_error *e)
{
    guise_status s = GUISE_OK;
    fputs("<details open><summary>by ", f);
    page_text(f, r->label_key[k]);
    fputs("</summary><div class=plots>", f);
    for (size_t i = 0; i < r->n; i++) {
        const eval_result *x = r->result[i];
        const char *value[GROUPS + 1];
        int shown = values_of(x, k, value) ? 0 : GROUP_METRICS;
        for (size_t j = 0; !s && j < x->n && shown < GROUP_METRICS; j++) {
            if (!worth_groups(x, &x->metric[j])) continue;
            s = draw_groups(f, r, x, k, &x->metric[j], e);
            shown++;
        }
    }
    fputs("</div></details>\n", f);
    return s;
}

guise_status html_groups(FILE *f, const eval_report *r, base_error *e)
{
    guise_status s = GUISE_OK;
    if (!r->labels) return s;
    fputs("<h2>Groups</h2><p class=soft>Means of the cases of each group, how many they are in "
          "brackets, with 95&nbsp;% intervals. A difference between groups means little where "
          "their intervals overlap, or where a group is small.</p>\n",
          f);
    for (int k = 0; !s && k < r->labels; k++) s = draw_label(f, r, k, e);
    return s;
}
