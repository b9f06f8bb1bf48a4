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

// What a network is for, by its entry in the table.
static void describe(const base_tensors *t, char use[160])
{
    const char *network = base_tensors_meta(t, CARD_NETWORK),
               *size = base_tensors_meta(t, CARD_SIZE);
    const model_net *net = network ? model_find(network) : NULL;
    const char *kind = "network";
    if (net && net->swapper) kind = "generator";
    if (net && base_tensors_meta(t, CARD_REFINES)) kind = "refiner";
    static const char *const own[][2] = {{"face-detector", "detector"},
                                         {"face-id", "recogniser"},
                                         {"smooth-embedder", "recogniser"},
                                         {"face-mask", "face mask"}};
    for (size_t i = 0; net && i < sizeof own / sizeof *own; i++)
        if (!strcmp(own[i][0], network)) kind = own[i][1];
    if (!network)
        snprintf(use, 160, "%s",
                 base_tensors_find(t, CARD_FACE_TENSOR) ? "saved face" : "weights, with no card");
    else if (!size || (net && net->any_size))
        snprintf(use, 160, "%s: %.60s", kind, network);
    else
        snprintf(use, 160, "%s: %.60s at %.20s pixels", kind, network, size);
}

// What a weights file says of itself. NULL: out of memory.
static guise_model *add_card(model_list *l, const char *name, const char *path)
{
    base_tensors t = {0};
    char use[160] = "unreadable";
    if (!weights_safetensors_read(&t, path, NULL)) describe(&t, use);
    const char *licence = base_tensors_meta(&t, CARD_LICENCE);
    guise_model *m = add(l, name, use, licence ? licence : "not stated; see its card");
    base_tensors_free(&t);
    return m;
}

// Rows "| measure | value |" of the first table between these lines of a card, without its head, as
// "measure value; measure value"; returned to you. NULL: none. False: out of memory.
static bool join_numbers(const char *text, const char *end, char **out)
{
    const char *at = text;
    int row = 0; // of the table
    *out = NULL;
    for (const char *stop; at < end; at = stop + 1) {
        if (!(stop = memchr(at, '\n', (size_t)(end - at)))) stop = end;
        char line[200], what[120], value[80];
        snprintf(line, sizeof line, "%.*s", (int)(stop - at), at);
        if (line[0] != '|' && row) break;
        if (line[0] != '|' || row++ < 2) continue;
        if (sscanf(line, "| %119[^|] | %79[^|] |", what, value) != 2) continue;
        for (size_t n = strlen(what); n && what[n - 1] == ' ';) what[--n] = 0;
        for (size_t n = strlen(value); n && value[n - 1] == ' ';) value[--n] = 0;
        char *more = base_format("%s%s%s %s", *out ? *out : "", *out ? "; " : "", what, value);
        base_free(*out);
        if (!(*out = more)) return false;
    }
    return true;
}

// The numbers of the card that lies beside the file, NAME.md.
static guise_status read_numbers(guise_model *m, base_error *e)
{
    static const char head[] = "\n## Numbers";
    size_t stem = strlen(m->path) - strlen(".safetensors");
    char *path = base_format("%.*s.md", (int)stem, m->path);
    base_map card = {0};
    guise_status s = path ? GUISE_OK : base_no_memory(e);
    if (!s && base_is_file(path)) s = base_map_open(&card, path, e);
    base_free(path);
    if (s || !card.size) return base_map_close(&card), s;
    char *text = base_format("%.*s", (int)card.size, (const char *)card.data);
    base_map_close(&card);
    if (!text) return base_no_memory(e);
    const char *from = strstr(text, head),
               *to = from ? strstr(from + sizeof head - 1, "\n## ") : NULL;
    if (from && !join_numbers(from + sizeof head - 1, to ? to : text + strlen(text), &m->numbers))
        s = base_no_memory(e);
    base_free(text);
    return s;
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
    if (!s) s = read_numbers(m, e);
    const char *sum = s ? NULL : sums_listed(sums, file);
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
        base_free((*list)[i].numbers);
    }
    base_free(*list);
    *list = NULL;
    *n = 0;
}
