// fields.c -- structs described by tables: defaults, parsing and printing.
#include "base/fields.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const base_field *base_fields_find(const base_field *f, const char *name)
{
    for (; f->name; f++)
        if (!strcmp(f->name, name)) return f;
    return NULL;
}

static void *place(const base_field *f, void *o) { return (char *)o + f->offset; }

static guise_status set_int(const base_field *f, void *o, const char *value, base_error *e)
{
    char *end = NULL;
    errno = 0;
    long v = strtol(value, &end, 10);
    if (end == value || *end || errno || v < INT_MIN || v > INT_MAX)
        return base_fail(e, GUISE_BAD_ARGUMENT, "%s takes a whole number (%s), not '%s'", f->name,
                         f->help ? f->help : "", value);
    *(int *)place(f, o) = (int)v;
    return GUISE_OK;
}

static guise_status set_real(const base_field *f, void *o, const char *value, base_error *e)
{
    char *end = NULL;
    double v = strtod(value, &end);
    if (end == value || *end || !isfinite(v))
        return base_fail(e, GUISE_BAD_ARGUMENT, "%s takes a number (%s), not '%s'", f->name,
                         f->help ? f->help : "", value);
    *(double *)place(f, o) = v;
    return GUISE_OK;
}

static guise_status set_flag(const base_field *f, void *o, const char *value, base_error *e)
{
    static const char *const words[] = {"0", "1", "no", "yes", "false", "true", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(value, words[i])) {
            *(bool *)place(f, o) = i % 2 != 0;
            return GUISE_OK;
        }
    return base_fail(e, GUISE_BAD_ARGUMENT, "%s takes yes or no (%s), not '%s'", f->name,
                     f->help ? f->help : "", value);
}

static guise_status set(const base_field *f, void *o, const char *value, base_error *e)
{
    switch (f->type) {
    case BASE_INT:
        return set_int(f, o, value, e);
    case BASE_REAL:
        return set_real(f, o, value, e);
    case BASE_FLAG:
        return set_flag(f, o, value, e);
    case BASE_TEXT:
    case BASE_MAYBE:
        break;
    }
    *(const char **)place(f, o) = value;
    return GUISE_OK;
}

void base_fields_init(const base_field *f, void *o)
{
    for (; f->name; f++) {
        switch (f->type) {
        case BASE_INT:
            *(int *)place(f, o) = 0;
            break;
        case BASE_REAL:
            *(double *)place(f, o) = 0;
            break;
        case BASE_FLAG:
            *(bool *)place(f, o) = false;
            break;
        case BASE_TEXT:
        case BASE_MAYBE:
            *(const char **)place(f, o) = NULL;
            break;
        }
        if (f->init) set(f, o, f->init, NULL);
    }
}

// All names of the table, for the sentence about an unknown one.
static void name_list(const base_field *f, char *text, size_t size)
{
    size_t n = 0;
    text[0] = '\0';
    for (const base_field *i = f; i->name && n + 1 < size; i++) {
        int k = snprintf(text + n, size - n, "%s%s", i == f ? "" : ", ", i->name);
        if (k < 0) return;
        n += (size_t)k;
    }
}

guise_status base_fields_set(const base_field *f, void *o, const char *name, const char *value,
                             base_error *e)
{
    const base_field *found = base_fields_find(f, name);
    if (!found) {
        char names[300];
        name_list(f, names, sizeof names);
        if (!f->name)
            return base_fail(e, GUISE_BAD_ARGUMENT, "there is no option '%s', and none at all here",
                             name);
        return base_fail(e, GUISE_BAD_ARGUMENT, "there is no option '%s'; there are: %s", name,
                         names);
    }
    if (!value)
        return base_fail(e, GUISE_BAD_ARGUMENT, "%s needs a value (%s)", name,
                         found->help ? found->help : "");
    return set(found, o, value, e);
}

guise_status base_fields_assign(const base_field *f, void *o, const char *assignment, base_error *e)
{
    const char *eq = strchr(assignment, '=');
    if (!eq)
        return base_fail(e, GUISE_BAD_ARGUMENT, "'%s' is not of the form name=value", assignment);
    char name[64];
    size_t n = (size_t)(eq - assignment);
    if (n >= sizeof name) n = sizeof name - 1; // longer than any name: unknown in any case
    memcpy(name, assignment, n);
    name[n] = '\0';
    return base_fields_set(f, o, name, eq + 1, e);
}

// Shortest form that reads back as the same number.
static char *print_real(const char *name, double v)
{
    for (int digits = 6;; digits++) {
        char text[40];
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (digits == 17 || strtod(text, NULL) == v) return base_format("%s=%s", name, text);
    }
}

static char *print_one(const base_field *f, const void *o)
{
    const void *at = (const char *)o + f->offset;
    switch (f->type) {
    case BASE_INT:
        return base_format("%s=%d", f->name, *(const int *)at);
    case BASE_REAL:
        return print_real(f->name, *(const double *)at);
    case BASE_FLAG:
        return base_format("%s=%s", f->name, *(const bool *)at ? "yes" : "no");
    case BASE_TEXT:
    case BASE_MAYBE:
        break;
    }
    return base_format("%s=%s", f->name, *(const char *const *)at);
}

// A text that is as good as not there, as it is by default.
static bool is_no_text(const base_field *f, const void *o)
{
    if (f->type != BASE_TEXT && f->type != BASE_MAYBE) return false;
    const char *text = *(const char *const *)((const char *)o + f->offset);
    return !text || (!*text && f->init && !*f->init);
}

char *base_fields_print(const base_field *f, const void *o)
{
    char *all = base_copy_text("");
    for (const base_field *i = f; all && i->name; i++) {
        if (is_no_text(i, o)) continue;
        char *one = print_one(i, o);
        char *both = one ? base_format("%s%s%s", all, *all ? " " : "", one) : NULL;
        base_free(one);
        base_free(all);
        all = both;
    }
    return all;
}
