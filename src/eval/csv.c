// csv.c -- tables of comma-separated values: splitting lines, and labels of photos for groups.
#include "eval/csv.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY_NUMBERS = 8, CELL_TEXT = 24 };

typedef struct eval_label_row {
    const char *id, *value[EVAL_LABELS];
    char binned[EVAL_LABELS][CELL_TEXT]; // where value is of tens
} label_row;

static char *trim(char *s)
{
    while (isspace((unsigned char)*s)) s++;
    size_t n = strlen(s);
    while (n && isspace((unsigned char)s[n - 1])) s[--n] = '\0';
    return s;
}

// The cell that begins at s, unquoted in place; *next: behind its comma, or NULL.
static char *quoted(char *s, char **next)
{
    char *to = s, *from = s + 1;
    for (; *from && !(*from == '"' && from[1] != '"'); from++) {
        if (*from == '"') from++;
        *to++ = *from;
    }
    char *comma = strchr(from, ',');
    *next = comma ? comma + 1 : NULL;
    *to = '\0';
    return s;
}

size_t eval_csv_split(char *line, char *cell[], size_t most)
{
    size_t n = 0;
    for (char *at = line, *next; at; at = next) {
        char *s = at + strspn(at, " \t");
        if (*s == '"') {
            s = quoted(s, &next);
        } else {
            char *comma = strchr(s, ',');
            if (comma) *comma = '\0';
            next = comma ? comma + 1 : NULL;
            s = trim(s);
        }
        if (n < most) cell[n] = s;
        n++;
    }
    return n;
}

guise_status eval_lines_open(eval_lines *l, const char *path, base_error *e)
{
    *l = (eval_lines){0};
    base_map map = {0};
    guise_status s = base_map_open(&map, path, e);
    if (s) return s;
    static const char mark[] = "\xef\xbb\xbf";
    size_t skip = map.size >= 3 && !memcmp(map.data, mark, 3) ? 3 : 0, n = map.size - skip;
    if (n && memchr(map.data, 0, map.size))
        s = base_fail(e, GUISE_BAD_FILE, "%s is not a text file", path);
    if (!s && !(l->text = base_alloc(n + 1, 1))) s = base_no_memory(e);
    if (!s && n) memcpy(l->text, map.data + skip, n);
    base_map_close(&map);
    l->next = l->text;
    return s;
}

char *eval_lines_next(eval_lines *l)
{
    while (l->next && *l->next) {
        char *line = l->next, *end = strchr(line, '\n');
        l->next = end ? end + 1 : NULL;
        if (end) *end = '\0';
        size_t n = strlen(line);
        if (n && line[n - 1] == '\r') line[n - 1] = '\0';
        if (line[strspn(line, " \t")]) return line;
    }
    return NULL;
}

void eval_lines_close(eval_lines *l)
{
    base_free(l->text);
    *l = (eval_lines){0};
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const label_row *)a)->id, ((const label_row *)b)->id);
}

static bool unknown(const char *s)
{
    return !*s || !strcmp(s, ".") || !strcmp(s, "?") || !strcasecmp(s, "NA");
}

static bool number(const char *s, double *v)
{
    char *end = NULL;
    *v = strtod(s, &end);
    return end != s && !*end && isfinite(*v) && fabs(*v) < 1e9;
}

// Is column k one of numbers, with so many different ones that groups must be ranges?
static bool of_numbers(const eval_labels *l, int k)
{
    double seen[MANY_NUMBERS + 1];
    int n = 0;
    for (size_t i = 0; i < l->n; i++) {
        double v;
        bool known = false;
        if (!l->row[i].value[k]) continue;
        if (!number(l->row[i].value[k], &v)) return false;
        for (int j = 0; j < n; j++) known |= seen[j] == v;
        if (!known && n <= MANY_NUMBERS) seen[n++] = v;
    }
    return n > MANY_NUMBERS;
}

static void bin_column(eval_labels *l, int k)
{
    for (size_t i = 0; i < l->n; i++) {
        label_row *r = &l->row[i];
        double v;
        if (!r->value[k] || !number(r->value[k], &v)) continue;
        long tens = 10 * (long)floor(v / 10);
        snprintf(r->binned[k], CELL_TEXT, "%ld-%ld", tens, tens + 9);
        r->value[k] = r->binned[k];
    }
}

static guise_status read_rows(eval_labels *l, eval_lines *lines, const char *path, base_error *e)
{
    char *cell[1 + EVAL_LABELS] = {0}, *line;
    size_t cap = 0, n = 0;
    if ((line = eval_lines_next(lines))) n = eval_csv_split(line, cell, 1 + EVAL_LABELS);
    if (n < 2)
        return base_fail(e, GUISE_BAD_FILE,
                         "%s is no table of labels: its first line names the columns, an id first",
                         path);
    l->keys = (int)(n - 1 < EVAL_LABELS ? n - 1 : EVAL_LABELS);
    for (int k = 0; k < l->keys; k++) l->key[k] = cell[1 + k];
    while ((line = eval_lines_next(lines))) {
        if (!BASE_PUSH_ROOM(l->row, l->n, cap)) return base_no_memory(e);
        label_row *r = &l->row[l->n++];
        *r = (label_row){0};
        n = eval_csv_split(line, cell, 1 + EVAL_LABELS);
        r->id = cell[0];
        for (size_t k = 1; k < n && (int)k <= l->keys; k++)
            if (!unknown(cell[k])) r->value[k - 1] = cell[k];
    }
    if (!l->n) return base_fail(e, GUISE_BAD_FILE, "%s has no row of labels", path);
    return GUISE_OK;
}

guise_status eval_labels_read(eval_labels *l, const char *path, base_error *e)
{
    *l = (eval_labels){0};
    eval_lines lines;
    guise_status s = eval_lines_open(&lines, path, e);
    if (!s) s = read_rows(l, &lines, path, e);
    l->text = lines.text;
    if (!s) qsort(l->row, l->n, sizeof *l->row, by_id); // first: bins lie in the rows
    for (int k = 0; !s && k < l->keys; k++)
        if (of_numbers(l, k)) bin_column(l, k);
    if (s) eval_labels_free(l);
    return s;
}

void eval_labels_free(eval_labels *l)
{
    base_free(l->row);
    base_free(l->text);
    *l = (eval_labels){0};
}

// The row whose id is the first n bytes of a text.
static const label_row *find(const eval_labels *l, const char *id, size_t n)
{
    char key[256];
    if (!l->n || n >= sizeof key) return NULL;
    snprintf(key, sizeof key, "%.*s", (int)n, id);
    const label_row wanted = {.id = key};
    return bsearch(&wanted, l->row, l->n, sizeof *l->row, by_id);
}

const char *eval_labels_of(const eval_labels *l, const char *photo, int k)
{
    const char *slash = strrchr(photo, '/'), *name = slash ? slash + 1 : photo;
    const char *person = slash;
    while (person && person > photo && person[-1] != '/') person--;
    const label_row *r = person ? find(l, person, (size_t)(slash - person)) : NULL;
    if (!r) r = find(l, name, strcspn(name, "_."));
    const char *dot = strrchr(name, '.');
    if (!r && dot) r = find(l, name, (size_t)(dot - name));
    return r && k >= 0 && k < l->keys ? r->value[k] : NULL;
}

guise_status eval_labels_find(const char *given, const char *data, char **path, base_error *e)
{
    *path = NULL;
    if (given) return (*path = base_copy_text(given)) ? GUISE_OK : base_no_memory(e);
    size_t n = strlen(data);
    while (n > 1 && data[n - 1] == '/') n--;
    size_t from = n;
    while (from > 0 && data[from - 1] != '/') from--;
    char *const tried[] = {
        base_format("%.*s/labels.csv", (int)n, data),
        base_format("%.*s/%.*s_info.csv", (int)n, data, (int)(n - from), data + from)};
    guise_status s = tried[0] && tried[1] ? GUISE_OK : base_no_memory(e);
    for (int i = 0; i < 2; i++) {
        if (!s && !*path && base_is_file(tried[i]))
            *path = tried[i];
        else
            base_free(tried[i]);
    }
    return s;
}
