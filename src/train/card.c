// card.c -- what a generator's file says about itself.
#include "train/card.h"
#include "model/card.h"
#include <stdlib.h>
#include <string.h>

// A whole number out of the card.
static guise_status number(const base_tensors *t, const char *path, const char *key, int least,
                           int most, int *out, base_error *e)
{
    const char *text = base_tensors_meta(t, key);
    char *end = NULL;
    long v = text ? strtol(text, &end, 10) : 0;
    if (!text || end == text || *end || v < least || v > most)
        return base_fail(e, GUISE_BAD_FILE, "%s: its card says no usable %s (%d to %d)", path, key,
                         least, most);
    *out = (int)v;
    return GUISE_OK;
}

guise_status train_card_read(train_card *c, const base_tensors *t, const char *path, base_error *e)
{
    const char *network = base_tensors_meta(t, CARD_NETWORK);
    const char *layout = base_tensors_meta(t, CARD_TEMPLATE);
    const char *identity = base_tensors_meta(t, CARD_IDENTITY);
    *c = (train_card){0};
    if (!network || !layout || !identity)
        return base_fail(e, GUISE_BAD_FILE,
                         "%s: is no generator of ours: its metadata lacks %s, %s or %s", path,
                         CARD_NETWORK, CARD_TEMPLATE, CARD_IDENTITY);
    snprintf(c->network, sizeof c->network, "%s", network);
    snprintf(c->identity, sizeof c->identity, "%s", identity);
    int k = 0;
    while (k < FACE_TEMPLATES && strcmp(face_template_name((face_template)k), layout) != 0) k++;
    if (k == FACE_TEMPLATES)
        return base_fail(e, GUISE_BAD_FILE, "%s: there is no template '%s'", path, layout);
    c->layout = (face_template)k;
    guise_status s = number(t, path, CARD_SIZE, 16, 2048, &c->size, e);
    return s ? s : number(t, path, CARD_LENGTH, 1, 65536, &c->length, e);
}

guise_status train_card_network(train_network *net, const train_card *c, const base_tensors *t,
                                const char *path, base_error *e)
{
    base_error why = {{0}};
    guise_status s = train_network_open(net, c->network, base_tensors_meta(t, CARD_OPTIONS), &why);
    if (s) return base_fail(e, s == GUISE_NO_MEMORY ? s : GUISE_BAD_FILE, "%s: %s", path, why.text);
    return GUISE_OK;
}
