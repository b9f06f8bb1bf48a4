// networks.c -- networks by name, with options from text.
#include "train/networks.h"
#include <string.h>

guise_status train_network_open(train_network *n, const char *name, const char *options,
                                base_error *e)
{
    const char *sized = "";
    *n = (train_network){.net = model_find_sized(name, &sized)};
    if (!n->net)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "there is no network '%s'; 'guise net list' shows "
                         "them",
                         name ? name : "");
    n->options = base_alloc(1, n->net->size ? n->net->size : 1);
    n->text = base_format("%s %s", sized, options ? options : "");
    if (!n->options || !n->text) {
        train_network_close(n);
        return base_no_memory(e);
    }
    base_fields_init(n->net->options, n->options);
    guise_status s = model_options_set(n->net, n->options, n->text, e);
    if (s) train_network_close(n);
    return s;
}

void train_network_close(train_network *n)
{
    base_free(n->options);
    base_free(n->text);
    *n = (train_network){0};
}

char *train_network_print(const train_network *n)
{
    return base_fields_print(n->net->options, n->options);
}

void train_network_fit(train_network *n, int size, int length)
{
    n->net->swapper->fit(n->options, size, length);
}

tg_node *train_generate(const train_network *n, nn m, tg_node *img, tg_node *id)
{
    if (!n->net->swapper)
        return tg_fail(m.graph, "%s is no network that swaps faces", n->net->name);
    return n->net->swapper->swap(m, img, id, n->options);
}
