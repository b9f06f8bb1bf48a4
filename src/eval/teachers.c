// teachers.c -- networks that took part in a generator's training, and so cannot judge it.
#include "eval/teachers.h"
#include "model/card.h"
#include "weights/weights.h"
#include <string.h>

void eval_stem(const char *path, char stem[64])
{
    const char *slash = strrchr(path, '/'), *start = slash ? slash + 1 : path;
    const char *dot = strrchr(start, '.');
    snprintf(stem, 64, "%.*s", dot && dot > start ? (int)(dot - start) : (int)strlen(start), start);
}

// Does the card name the network: its stem in any of the card's texts?
static bool named_in(const base_tensors *card, const char *path)
{
    char stem[64];
    eval_stem(path, stem);
    for (size_t i = 0; i < card->n_meta; i++)
        if (strstr(card->meta[2 * i + 1], stem)) return true;
    return false;
}

// Did it learn to make the vectors of the network that taught?
static bool imitates(const base_tensors *card, const char *path)
{
    base_tensors t = {0};
    const char *taught = base_tensors_meta(card, CARD_IDENTITY), *space = NULL;
    if (!weights_safetensors_read(&t, path, NULL)) space = base_tensors_meta(&t, CARD_SPACE);
    bool yes = taught && space && !strcmp(taught, space);
    base_tensors_free(&t);
    return yes;
}

guise_status eval_choose(const eval_call *c, const char *named, const char *usual, bool must,
                         char **path, base_error *e)
{
    base_error why = {{0}};
    bool file = named && (base_is_file(named) || strchr(named, '/')); // else a name to be found
    *path = file ? base_copy_text(named) : NULL;
    if (file) return *path ? GUISE_OK : base_no_memory(e);
    guise_status s = c->find(c->user, named ? named : usual, path, &why);
    if (s == GUISE_NO_MEMORY) return base_no_memory(e);
    return s && (must || named) ? base_fail(e, s, "%s", why.text) : GUISE_OK;
}

guise_status eval_refuse_teachers(const eval_call *c, const base_tensors *card, const char *taker,
                                  char *const judge[], size_t n, const char *name, eval_report *to,
                                  base_error *e)
{
    base_sha256 teacher = {{0}}, own = {{0}};
    guise_status s = taker ? base_sha256_file(&teacher, taker, e) : GUISE_OK;
    for (size_t i = 0; !s && i < n; i++) {
        if (!judge[i]) continue;
        if (taker) s = base_sha256_file(&own, judge[i], e);
        bool taught = named_in(card, judge[i]) || imitates(card, judge[i]) ||
                      (taker && !strcmp(teacher.hex, own.hex));
        if (s || !taught) continue;
        if (!c->force)
            return base_fail(e, GUISE_BAD_ARGUMENT,
                             "%s took part in the training of %s, so what it measures flatters; "
                             "measure with another network, or add --force",
                             judge[i], name);
        char stem[64];
        eval_stem(judge[i], stem);
        if (!eval_add_note(to, eval_text(to,
                                         "Forced: %s took part in the training, so what it "
                                         "measures flatters.",
                                         stem)))
            s = base_no_memory(e);
    }
    return s;
}

guise_status eval_leave_out_form(const eval_call *c, const base_tensors *card, char **path,
                                 const char *name, bool *left_out, eval_report *to, base_error *e)
{
    char stem[64];
    *left_out = *path && !c->force && named_in(card, *path);
    if (!*left_out) return GUISE_OK;
    eval_stem(*path, stem);
    base_free(*path);
    *path = NULL;
    bool ok = eval_add_note(to, eval_text(to,
                                          "%s took part in the training of %s, whose expression "
                                          "and shape are therefore not measured.",
                                          stem, name));
    return ok ? GUISE_OK : base_no_memory(e);
}
