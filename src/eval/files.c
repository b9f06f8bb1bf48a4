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

char *eval_file_name(const char *file)
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
    char *name = eval_file_name(file);
    const char *used = name;
    for (int k = 2; used && taken(r, used); k++) used = eval_text(r, "%s-%d", name, k);
    *x = used ? eval_add_result(r, used, n_cases) : NULL;
    base_free(name);
    if (!*x || !((*x)->file = eval_text(r, "%s", file))) return base_no_memory(e);
    return base_sha256_file(&(*x)->sha256, file, e);
}

static bool has_network(const eval_report *r, const eval_network *n)
{
    for (size_t i = 0; i < r->n_networks; i++)
        if (!strcmp(r->network[i].role, n->role) &&
            !strcmp(r->network[i].sha256.hex, n->sha256.hex))
            return true;
    return false;
}

static bool has_note(const eval_report *r, const char *note)
{
    for (size_t i = 0; i < r->n_notes; i++)
        if (!strcmp(r->note[i], note)) return true;
    return false;
}

guise_status eval_take_results(eval_report *r, eval_report *from, base_error *e)
{
    bool ok = true;
    for (size_t i = 0; ok && i < from->texts.n; i++) { // what the results point to
        ok = BASE_PUSH_ROOM(r->texts.name, r->texts.n, r->texts.cap);
        if (ok) r->texts.name[r->texts.n++] = from->texts.name[i];
        if (ok) from->texts.name[i] = NULL;
    }
    size_t moved = 0;
    while (ok && moved < from->n && (ok = BASE_PUSH_ROOM(r->result, r->n, r->cap)))
        r->result[r->n++] = from->result[moved++];
    from->n -= moved;
    if (from->n) memmove(from->result, from->result + moved, from->n * sizeof *from->result);
    for (size_t i = 0; ok && i < from->n_networks; i++) {
        if (has_network(r, &from->network[i])) continue;
        ok = BASE_PUSH_ROOM(r->network, r->n_networks, r->cap_networks);
        if (ok) r->network[r->n_networks++] = from->network[i];
    }
    for (size_t i = 0; ok && i < from->n_notes; i++)
        if (!has_note(r, from->note[i])) ok = eval_add_note(r, from->note[i]);
    if (!r->data) r->data = from->data;
    for (int k = 0; !r->labels && k < from->labels; k++) r->label_key[k] = from->label_key[k];
    if (!r->labels) r->labels = from->labels;
    return ok ? GUISE_OK : base_no_memory(e);
}
