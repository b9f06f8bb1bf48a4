// build.c -- from a network's table entry and texts to options, shapes and loaded parameters.
#include "engine/engine.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

guise_status options_fill(const model_net *net, void *options, const char *const set[], size_t n,
                          base_error *e)
{
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < n; i++) s = base_fields_assign(net->options, options, set[i], e);
    return s;
}

// One word between the brackets: "3", "n", "h", or the name of a whole-number option.
static int64_t dimension(const model_net *net, const void *options, const char *word, size_t n,
                         int size, int batch)
{
    char name[64];
    if (n == 0 || n >= sizeof name) return 0;
    memcpy(name, word, n);
    name[n] = 0;
    if (isdigit((unsigned char)name[0])) return strtol(name, NULL, 10);
    if (!strcmp(name, "n")) return batch;
    if (!strcmp(name, "h") || !strcmp(name, "w") || !strcmp(name, "size")) return size;
    const base_field *f = base_fields_find(net->options, name);
    return f && f->type == BASE_INT ? *(const int *)((const char *)options + f->offset) : 0;
}

static void read_shape(const model_net *net, const void *options, const char *text, int size,
                       int batch, tg_shape *out)
{
    const char *end = strchr(text, ']');
    *out = (tg_shape){0};
    while (end && text < end && out->rank < TG_MAX_RANK) {
        size_t n = strcspn(text, ",]");
        int64_t d = dimension(net, options, text, n, size, batch);
        if (d <= 0) { // not a word we know: the shape stays unknown
            *out = (tg_shape){0};
            return;
        }
        out->dim[out->rank++] = d;
        text += n + 1;
    }
}

int ports_read(const model_net *net, const void *options, int size, int batch,
               port_text out[PORTS_MAX])
{
    int n = 0;
    const char *text = net->inputs;
    while (*text && n < PORTS_MAX) {
        text += strspn(text, " ;");
        size_t word = strcspn(text, " [;");
        if (word == 0 || word >= sizeof out->name) break;
        memcpy(out[n].name, text, word);
        out[n].name[word] = 0;
        size_t part = strcspn(text, ";");
        const char *open = memchr(text, '[', part);
        out[n].shape = (tg_shape){0};
        if (open) read_shape(net, options, open + 1, size, batch, &out[n].shape);
        n++;
        text += part;
    }
    return n;
}

guise_status load_all(nn_params *p, const base_tensors *t, const char *path, base_error *e)
{
    for (size_t i = 0; i < nn_params_n(p); i++) {
        const nn_entry *entry = nn_params_entry(p, i);
        if (entry->kind != NN_COUNTER && !base_tensors_find(t, entry->name))
            return base_fail(e, GUISE_BAD_FILE, "%s: has no tensor '%s' that this network needs",
                             path, entry->name);
    }
    base_error why = {{0}};
    guise_status s = nn_load(p, t, false, &why);
    return s ? base_fail(e, s, "%s: %s", path, why.text) : GUISE_OK;
}
