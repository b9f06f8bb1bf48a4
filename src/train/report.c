// report.c -- report.html: curves from log.csv, samples. One file that needs no server and no
// network (base/page.h, base/plot.h).
#include "base/page.h"
#include "base/plot.h"
#include "train/run.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 40, SHEETS = 10 };

// log.csv: the header's names and a table of numbers, NaN where a cell is empty.
typedef struct {
    char *text;
    char *name[COLUMNS];
    size_t columns, rows, cap;
    double (*row)[COLUMNS];
} table;

static size_t split(char *line, char *cell[COLUMNS])
{
    size_t n = 0;
    while (line && n < COLUMNS) {
        cell[n++] = line;
        line = strchr(line, ',');
        if (line) *line++ = '\0';
    }
    return n;
}

static void table_free(table *t)
{
    base_free(t->text);
    base_free(t->row);
    *t = (table){0};
}

static guise_status table_read(table *t, const char *out, base_error *e)
{
    char *path = base_format("%s/log.csv", out), *cell[COLUMNS];
    base_map map = {0};
    guise_status s = path ? base_map_open(&map, path, e) : base_no_memory(e);
    base_free(path);
    if (s) return s;
    t->text = base_alloc(map.size + 1, 1);
    if (t->text && map.size) memcpy(t->text, map.data, map.size);
    base_map_close(&map);
    if (!t->text) return base_no_memory(e);
    char *rest = t->text, *line = strtok_r(rest, "\n", &rest);
    t->columns = split(line, t->name);
    while ((line = strtok_r(rest, "\n", &rest))) {
        if (!BASE_PUSH_ROOM(t->row, t->rows, t->cap)) return base_no_memory(e);
        size_t n = split(line, cell);
        for (size_t i = 0; i < COLUMNS; i++)
            t->row[t->rows][i] = i < n && *cell[i] ? strtod(cell[i], NULL) : (double)NAN;
        t->rows++;
    }
    return GUISE_OK;
}

// A column against the step, without the rows where it is empty; nothing where it is always 0.
static guise_status curve(FILE *f, const table *t, size_t column, base_error *e)
{
    double *x = base_alloc(t->rows + 1, 2 * sizeof *x), *y = x ? x + t->rows : NULL;
    double lo = INFINITY, hi = -INFINITY;
    size_t n = 0;
    if (!x) return base_no_memory(e);
    for (size_t i = 0; i < t->rows; i++) {
        double v = t->row[i][column];
        if (isnan(v) || isnan(t->row[i][0])) continue;
        x[n] = t->row[i][0];
        y[n++] = v;
        lo = fmin(lo, v);
        hi = fmax(hi, v);
    }
    char title[200];
    snprintf(title, sizeof title, "%s, %.4g to %.4g", t->name[column], lo, hi);
    const plot_frame p = {.title = title, .x = "step", .y = "", .narrow = true};
    if (n && (lo != 0 || hi != 0)) plot_lines(f, &p, &(plot_line){t->name[column], x, y, n}, 1);
    base_free(x);
    return GUISE_OK;
}

static guise_status embed(FILE *f, const char *path, const char *caption, base_error *e)
{
    base_map map = {0};
    guise_status s = base_map_open(&map, path, e);
    if (s) return s;
    fputs("<h3>", f);
    page_text(f, caption);
    fputs("</h3>", f);
    s = page_picture(f, "image/jpeg", map.data, map.size, "source, target, result; twice a row", e);
    fputc('\n', f);
    base_map_close(&map);
    return s;
}

// Sheets from the newest; of many, SHEETS of them evenly spread.
static guise_status sheets(FILE *f, const char *out, base_error *e)
{
    base_names l = {0};
    char *dir = base_format("%s/samples", out);
    guise_status s = !dir               ? base_no_memory(e)
                     : base_is_dir(dir) ? base_names_read(&l, dir, e)
                                        : GUISE_OK;
    size_t shown = l.n < SHEETS ? l.n : SHEETS;
    for (size_t i = 0; !s && i < shown; i++) {
        const char *name = l.name[l.n - 1 - i * (l.n - 1) / (shown > 1 ? shown - 1 : 1)];
        char *path = base_format("%s/%s", dir, name);
        s = path ? embed(f, path, name, e) : base_no_memory(e);
        base_free(path);
    }
    base_names_free(&l);
    base_free(dir);
    return s;
}

static void head(FILE *f, const train_run *r)
{
    char lead[100];
    snprintf(lead, sizeof lead, "%d of %d steps, %.1f hours", r->step, r->o.steps,
             r->seconds / 3600);
    page_open(f, r->recipe->name, lead);
    fputs("<pre>", f);
    page_text(f, r->options_text);
    fputs("</pre>\n<h2>Curves</h2>\n<div class=plots>", f);
}

guise_status train_report(const train_run *r, base_error *e)
{
    table t = {0};
    base_out *out = NULL;
    char *path = base_format("%s/report.html", r->c->out);
    guise_status s = path ? table_read(&t, r->c->out, e) : base_no_memory(e);
    if (!s) s = base_out_open(&out, path, e);
    if (!s) {
        FILE *f = base_out_file(out);
        head(f, r);
        for (size_t i = 3; !s && i < t.columns; i++) s = curve(f, &t, i, e);
        fputs("</div>\n<h2>Samples</h2><p>People held out from training: source, target, result; "
              "two swaps a row. Newest first.</p>\n",
              f);
        if (!s) s = sheets(f, r->c->out, e);
        page_close(f);
    }
    if (!s) s = base_out_commit(&out, e);
    base_out_close(&out);
    base_free(path);
    table_free(&t);
    return s;
}
