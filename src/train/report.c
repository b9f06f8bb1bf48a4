// report.c -- report.html: curves from log.csv as inline SVG, samples as data URIs. One file that
// needs no server and no network.
#include "train/run.h"
#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 40, WIDTH = 460, HEIGHT = 180, SHEETS = 10 };

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

static double cell_at(const table *t, size_t row, size_t column) { return t->row[row][column]; }

// Least and greatest of a column; false where it has no number.
static bool range(const table *t, size_t column, double *lo, double *hi)
{
    *lo = INFINITY, *hi = -INFINITY;
    for (size_t i = 0; i < t->rows; i++) {
        double v = cell_at(t, i, column);
        if (isnan(v)) continue;
        *lo = fmin(*lo, v);
        *hi = fmax(*hi, v);
    }
    return *lo <= *hi;
}

static void curve(FILE *f, const table *t, size_t column)
{
    double lo, hi, from, to;
    if (!range(t, column, &lo, &hi) || !range(t, 0, &from, &to) || (lo == 0 && hi == 0)) return;
    double dy = hi > lo ? hi - lo : 1, dx = to > from ? to - from : 1;
    fprintf(f,
            "<figure><figcaption>%s <small>%.4g to %.4g</small></figcaption><svg "
            "viewBox='0 0 %d %d'><polyline points='",
            t->name[column], lo, hi, WIDTH, HEIGHT);
    for (size_t i = 0; i < t->rows; i++) {
        double v = cell_at(t, i, column);
        if (isnan(v)) continue;
        fprintf(f, "%.1f,%.1f ", 4 + (cell_at(t, i, 0) - from) / dx * (WIDTH - 8),
                HEIGHT - 4 - (v - lo) / dy * (HEIGHT - 8));
    }
    fputs("'/></svg></figure>\n", f);
}

static guise_status embed(FILE *f, const char *path, const char *caption, base_error *e)
{
    base_map map = {0};
    guise_status s = base_map_open(&map, path, e);
    if (s) return s;
    if (map.size > 1 << 28) {
        base_map_close(&map);
        return base_fail(e, GUISE_BAD_FILE, "%s is too large for a report", path);
    }
    unsigned char *text = base_alloc(map.size / 3 + 2, 4);
    if (text) {
        EVP_EncodeBlock(text, map.data, (int)map.size);
        fprintf(f,
                "<h3>%s</h3><img alt='source, target, result; twice a row' "
                "src='data:image/jpeg;base64,%s'>\n",
                caption, (char *)text);
    }
    base_free(text);
    base_map_close(&map);
    return text ? GUISE_OK : base_no_memory(e);
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

static void escaped(FILE *f, const char *text)
{
    for (; *text; text++) switch (*text) {
        case '&':
            fputs("&amp;", f);
            break;
        case '<':
            fputs("&lt;", f);
            break;
        default:
            fputc(*text, f);
        }
}

static void head(FILE *f, const train_run *r)
{
    fprintf(f,
            "<!doctype html><html lang=en><meta charset=utf-8>"
            "<meta name=viewport content='width=device-width'><title>%s</title><style>"
            "body{font:15px/1.5 system-ui,sans-serif;max-width:980px;margin:2em auto;"
            "padding:0 1em;color:#222;background:#fff}"
            "main{display:flex;flex-wrap:wrap;gap:16px}figure{margin:0;flex:1 1 280px}"
            "svg{width:100%%;background:#f4f4f2}"
            "polyline{fill:none;stroke:#205080;stroke-width:1.5}"
            "img{max-width:100%%}small,code{color:#666}</style>\n",
            r->recipe->name);
    fprintf(f, "<h1>%s</h1><p>%d of %d steps, %.1f hours.</p><p><code>", r->recipe->name, r->step,
            r->o.steps, r->seconds / 3600);
    escaped(f, r->options_text);
    fputs("</code></p>\n<h2>Curves</h2><p>Against the step; the range of each beside its name.</p>"
          "<main>\n",
          f);
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
        for (size_t i = 3; i < t.columns; i++) curve(f, &t, i);
        fputs("</main><h2>Samples</h2><p>People held out from training: source, target, result; "
              "two swaps a row. Newest first.</p>\n",
              f);
        s = sheets(f, r->c->out, e);
    }
    if (!s) s = base_out_commit(&out, e);
    base_out_close(&out);
    base_free(path);
    table_free(&t);
    return s;
}
