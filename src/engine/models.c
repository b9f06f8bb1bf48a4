// models.c -- which weights are on this machine, and whether they are what they should be.
#include "engine/engine.h"
#include "model/card.h"
#include <string.h>
#include <sys/stat.h>

typedef struct {
    guise_model *at;
    size_t n, cap;
} model_list;

static guise_model *add(model_list *l, const char *name, const char *use, const char *licence)
{
    if (!BASE_PUSH_ROOM(l->at, l->n, l->cap)) return NULL;
    guise_model *m = &l->at[l->n++];
    *m = (guise_model){.name = base_copy_text(name),
                       .use = base_copy_text(use),
                       .licence = base_copy_text(licence),
                       .state = "absent"};
    return m->name && m->use && m->licence ? m : NULL;
}

static guise_status measure_file(guise_model *m, base_error *e)
{
    base_sha256 h;
    struct stat st;
    guise_status s = base_sha256_file(&h, m->path, e);
    if (s) return s;
    memcpy(m->sha256, h.hex, sizeof m->sha256);
    if (!stat(m->path, &st)) m->bytes = (unsigned long long)st.st_size;
    return GUISE_OK;
}

static guise_status add_known(model_list *l, base_error *e)
{
    for (const known_model *k = known_models; k->file; k++) {
        guise_model *m = add(l, k->file, k->use, k->licence);
        if (!m) return base_no_memory(e);
        m->path = find_optional(k->file, false);
        guise_status s = m->path ? measure_file(m, e) : GUISE_OK;
        if (s) return s;
        if (m->path) m->state = strcmp(m->sha256, k->sha256) ? "changed" : "ok";
    }
    return GUISE_OK;
}

// "sum  name" lines, as sha256sum writes them: the sum of a file, or NULL.
static const char *listed_sum(const base_map *sums, const char *file)
{
    const char *text = (const char *)sums->data, *end = text + sums->size;
    size_t n = strlen(file);
    while (text && text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop) stop = end;
        if ((size_t)(stop - text) == 66 + n && !memcmp(text + 66, file, n)) return text;
        text = stop + 1;
    }
    return NULL;
}

// What a weights file says of itself. NULL: out of memory.
static guise_model *add_card(model_list *l, const char *name, const char *path)
{
    base_tensors t = {0};
    char use[160] = "unreadable";
    if (!weights_safetensors_read(&t, path, NULL)) {
        const char *network = base_tensors_meta(&t, CARD_NETWORK);
        const char *size = base_tensors_meta(&t, CARD_SIZE);
        snprintf(use, sizeof use, network ? "generator: %s at %s pixels" : "weights, with no card",
                 network, size ? size : "?");
    }
    const char *licence = base_tensors_meta(&t, CARD_LICENCE);
    guise_model *m = add(l, name, use, licence ? licence : "not stated; see its card");
    base_tensors_free(&t);
    return m;
}

static guise_status add_ours(model_list *l, const char *dir, const char *file, const base_map *sums,
                             base_error *e)
{
    char stem[64];
    find_stem(file, stem);
    for (size_t i = 0; i < l->n; i++) // the first directory wins, as in a swap
        if (!strcmp(l->at[i].name, stem)) return GUISE_OK;
    char *path = base_format("%s/%s", dir, file);
    guise_model *m = path ? add_card(l, stem, path) : NULL;
    if (!m) return base_free(path), base_no_memory(e);
    m->path = path;
    guise_status s = measure_file(m, e);
    const char *sum = s ? NULL : listed_sum(sums, file);
    m->state = !sum ? "unknown" : strncmp(sum, m->sha256, 64) ? "changed" : "ok";
    return s;
}

static guise_status add_dir(model_list *l, const char *dir, base_error *e)
{
    base_names files = {0};
    base_map sums = {0};
    guise_status s = base_names_read(&files, dir, e);
    char *path = base_format("%s/SHA256SUMS", dir);
    if (!s && !path) s = base_no_memory(e);
    if (!s && base_is_file(path)) s = base_map_open(&sums, path, e);
    for (size_t i = 0; !s && i < files.n; i++) {
        const char *dot = strrchr(files.name[i], '.');
        if (dot && !strcmp(dot, ".safetensors")) s = add_ours(l, dir, files.name[i], &sums, e);
    }
    base_map_close(&sums);
    base_free(path);
    base_names_free(&files);
    return s;
}

guise_status guise_models(guise_engine *g, guise_model **list, size_t *n)
{
    model_list l = {0};
    base_names dirs = {0};
    base_error *e = engine_begin(g);
    guise_status s = find_weights_dirs(&dirs) ? GUISE_OK : base_no_memory(e);
    for (size_t i = 0; !s && i < dirs.n; i++) s = add_dir(&l, dirs.name[i], e);
    if (!s) s = add_known(&l, e);
    base_names_free(&dirs);
    *list = l.at;
    *n = l.n;
    if (s) guise_models_free(list, n);
    return s;
}

void guise_models_free(guise_model **list, size_t *n)
{
    for (size_t i = 0; i < *n; i++) {
        base_free((*list)[i].name);
        base_free((*list)[i].path);
        base_free((*list)[i].use);
        base_free((*list)[i].licence);
    }
    base_free(*list);
    *list = NULL;
    *n = 0;
}
