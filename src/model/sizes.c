// sizes.c -- the sizes that networks have names for. Small ones swap at 256 pixels for at most 6
// GMAC, so that a processor makes a face in a fraction of a second.
//
// Paper sizes are the specifications' (the networks' own files say where they come from).
// StyleSwap's paper does not print its channels: those of StyleGAN2 at full size are taken.
#include "model/model.h"
#include <string.h>

const model_size model_sizes[] = {
    {"simswap", "paper", "", 224},
    {"simswap", "b", "variant=b", 512},
    {"simswap", "small", "width=20 max_width=160 blocks=6", 256},
    {"aei", "paper", "", 256},
    {"aei", "small", "small=true", 256},
    {"hear", "paper", "", 256},
    {"hear", "small", "width=32", 256},
    {"smooth-embedder", "paper", "", 256},
    {"smooth-embedder", "small", "small=true", 256},
    {"ncsnpp", "paper", "", 256},
    {"ncsnpp", "small", "small=true", 256},
    {"styleswap", "paper", "narrow=1 multiplier=2", 256},
    {"styleswap", "released", "variant=r", 256},
    {"styleswap", "small", "", 256},
    {"deepfakes", "paper", "", 64},
    {"deepfakes", "small", "width=32", 64},
    {0},
};

const model_net *model_find_sized(const char *name, const char **options)
{
    const char *colon = name ? strchr(name, ':') : NULL;
    *options = "";
    if (!colon) return name ? model_find(name) : NULL;
    size_t n = (size_t)(colon - name);
    for (const model_size *s = model_sizes; s->network; s++)
        if (strlen(s->network) == n && !strncmp(s->network, name, n) &&
            !strcmp(s->name, colon + 1)) {
            *options = s->options;
            return model_find(s->network);
        }
    return NULL;
}

guise_status model_options_set(const model_net *net, void *options, char *text, base_error *e)
{
    guise_status s = GUISE_OK;
    char *rest = text;
    for (char *word; !s && (word = strtok_r(rest, " ", &rest));)
        s = base_fields_assign(net->options, options, word, e);
    return s;
}
