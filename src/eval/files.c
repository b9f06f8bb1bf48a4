// files.c -- networks that are compared: lists of files, results named after them.
#include "eval/files.h"
#include <string.h>

guise_status eval_each_file(const char *list,
                            guise_status (*one)(void *user, const char *file, base_error *e),
                            void *user, base_error *e)
{
    char *copy = base_copy_text(list), *rest = copy;
    guise_status s = copy ? GUISE_OK : base_no_memory(e);
    bool any = false;
    for (char *file; !s && (file = strtok_r(rest, ",", &rest));) {
        s = one(user, file, e);
        any = true;
    }
    base_free(copy);
    if (!s && !any) return base_fail(e, GUISE_BAD_ARGUMENT, "the list of files is empty");
    return s;
}

// What the file is called in tables; returned to you.
static char *name_of(const char *file)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    if (slash && !strcmp(name, "generator.safetensors")) {
        const char *from = slash;
        while (from > file && from[-1] != '/') from--;
        if (from < slash) return base_format("%.*s", (int)(slash - from), from);
    }
    const char *dot = strrchr(name, '.');
    return base_format("%.*s", (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name)),
                       name);
}

static bool taken(const eval_report *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (!strcmp(r->result[i]->name, name)) return true;
    return false;
}

guise_status eval_add_file(eval_report *r, const char *file, size_t n_cases, eval_result **x,
                           base_error *e)
{
    char *name = name_of(file);
    const char *used = name;
    for (int k = 2; used && taken(r, used); k++) used = eval_text(r, "%s-%d", name, k);
    *x = used ? eval_add_result(r, used, n_cases) : NULL;
    base_free(name);
    if (!*x || !((*x)->file = eval_text(r, "%s", file))) return base_no_memory(e);
    return base_sha256_file(&(*x)->sha256, file, e);
}
