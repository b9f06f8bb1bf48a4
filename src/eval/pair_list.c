// pair_list.c -- lists of pairs: LFW's pairs.txt (Huang et al. 2007) and CSV.
#include "eval/pair_list.h"
#include "eval/verify.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_FOLDS = 10, CELLS = 5 };

void eval_pair_list_free(eval_pair_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        base_free(l->at[i].photo[0]);
        base_free(l->at[i].photo[1]);
    }
    base_free(l->at);
    *l = (eval_pair_list){0};
}

// Takes both texts, also on failure.
static guise_status add(eval_pair_list *l, char *a, char *b, bool same, int fold, base_error *e)
{
    if (a && b && BASE_PUSH_ROOM(l->at, l->n, l->cap)) {
        l->at[l->n++] = (eval_listed_pair){{a, b}, same, fold};
        return GUISE_OK;
    }
    base_free(a);
    base_free(b);
    return base_no_memory(e);
}

static size_t words(char *line, char *word[], size_t most)
{
    size_t n = 0;
    char *rest = line;
    for (char *w; (w = strtok_r(rest, " \t", &rest));) {
        if (n < most) word[n] = w;
        n++;
    }
    return n;
}

static bool whole(const char *s, int lo, int hi, int *v)
{
    char *end = NULL;
    long k = strtol(s, &end, 10);
    *v = (int)k;
    return isdigit((unsigned char)*s) && !*end && k >= lo && k <= hi;
}

static guise_status bad_line(const char *path, size_t line, const char *want, base_error *e)
{
    return base_fail(e, GUISE_BAD_FILE, "%s, line %zu of those with text: wants %s", path, line,
                     want);
}

// What the first line of an LFW file says.
typedef struct {
    int folds, pairs; // of either kind in a fold
} lfw_head;

static bool lfw_first(const char *line, lfw_head *h)
{
    char copy[64], *word[2];
    snprintf(copy, sizeof copy, "%s", line);
    size_t n = words(copy, word, 2);
    *h = (lfw_head){.folds = 1};
    if (n == 1) return whole(word[0], 1, 1 << 20, &h->pairs);
    return n == 2 && whole(word[0], 1, EVAL_FOLDS, &h->folds) &&
           whole(word[1], 1, 1 << 20, &h->pairs);
}

static guise_status read_lfw(eval_pair_list *l, const lfw_head *h, eval_lines *lines,
                             const char *path, base_error *e)
{
    guise_status s = GUISE_OK;
    size_t per_fold = 2 * (size_t)h->pairs, want = per_fold * (size_t)h->folds;
    l->folds = h->folds;
    for (char *line; !s && (line = eval_lines_next(lines));) {
        char *w[4];
        int i, k;
        size_t n = words(line, w, 4);
        if (n < 3 || n > 4 || !whole(w[1], 0, 9999, &i) || !whole(w[n - 1], 0, 9999, &k))
            return bad_line(path, l->n + 2, "NAME I J, or NAME I OTHER J", e);
        if (l->n == want)
            return base_fail(e, GUISE_BAD_FILE, "%s has more than the %zu pairs it announces", path,
                             want);
        const char *other = n == 4 ? w[2] : w[0];
        s = add(l, base_format("%s/%s_%04d.jpg", w[0], w[0], i),
                base_format("%s/%s_%04d.jpg", other, other, k), n == 3, (int)(l->n / per_fold), e);
    }
    if (!s && l->n != want)
        s = base_fail(e, GUISE_BAD_FILE, "%s announces %zu pairs, and holds %zu", path, want, l->n);
    return s;
}

static int truth(const char *s) // 1 same, 0 different, -1 neither
{
    static const char *const yes[] = {"1", "yes", "true"};
    static const char *const no[] = {"0", "no", "false"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (!strcasecmp(s, yes[i])) return 1;
        if (!strcasecmp(s, no[i])) return 0;
    }
    return -1;
}

static guise_status read_csv(eval_pair_list *l, char *line, eval_lines *lines, const char *path,
                             base_error *e)
{
    guise_status s = GUISE_OK;
    size_t columns = 0;
    int turn[2] = {0};
    bool first = true;
    for (; !s && line; line = eval_lines_next(lines)) {
        char *c[CELLS];
        size_t n = eval_csv_split(line, c, CELLS);
        int same = n >= 3 ? truth(c[2]) : -1, fold = 0;
        bool head = first && n >= 3 && same < 0;
        first = false;
        if (head) continue;
        if (n < 3 || n > 4 || same < 0 || !*c[0] || !*c[1] || (columns && n != columns) ||
            (n == 4 && !whole(c[3], 1, EVAL_FOLDS, &fold)))
            return bad_line(path, l->n + 1, "photo,photo,same[,fold], same being 1 or 0", e);
        columns = n;
        fold = n == 4 ? fold - 1 : turn[same]++ % DEFAULT_FOLDS;
        if (fold >= l->folds) l->folds = fold + 1;
        s = add(l, base_copy_text(c[0]), base_copy_text(c[1]), same, fold, e);
    }
    if (!s && !l->n) s = base_fail(e, GUISE_BAD_FILE, "%s holds no pair", path);
    return s;
}

guise_status eval_pair_list_read(eval_pair_list *l, const char *path, base_error *e)
{
    *l = (eval_pair_list){0};
    eval_lines lines;
    lfw_head h;
    guise_status s = eval_lines_open(&lines, path, e);
    char *first = s ? NULL : eval_lines_next(&lines);
    if (!s && !first) s = base_fail(e, GUISE_BAD_FILE, "%s is empty", path);
    if (!s && lfw_first(first, &h))
        s = read_lfw(l, &h, &lines, path, e);
    else if (!s)
        s = read_csv(l, first, &lines, path, e);
    eval_lines_close(&lines);
    if (s) eval_pair_list_free(l);
    return s;
}

guise_status eval_pair_list_write(const eval_pair_list *l, const char *path, base_error *e)
{
    base_out *out = NULL;
    guise_status s = base_out_open(&out, path, e);
    if (s) return s;
    FILE *f = base_out_file(out);
    fputs("photo_a,photo_b,same,fold\n", f);
    for (size_t i = 0; i < l->n; i++) {
        eval_put_field(f, l->at[i].photo[0]);
        fputc(',', f);
        eval_put_field(f, l->at[i].photo[1]);
        fprintf(f, ",%d,%d\n", l->at[i].same, l->at[i].fold + 1);
    }
    return base_out_commit(&out, e);
}
