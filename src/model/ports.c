// ports.c -- named inputs and outputs of one build of a network.
#include "model/nets.h"
#include <string.h>

typedef struct {
    char *name;
    tg_shape shape; // of inputs that were given
    tg_node *node;  // of an input that was given: NULL, the network makes a leaf for it
} port;

typedef struct {
    port *at;
    size_t n, cap;
} port_list;

struct model_ports {
    port_list given, in, out;
};

static void clear(port_list *l)
{
    for (size_t i = 0; i < l->n; i++) base_free(l->at[i].name);
    base_free(l->at);
}

static bool push(port_list *l, const char *name, tg_shape s, tg_node *x)
{
    if (!BASE_PUSH_ROOM(l->at, l->n, l->cap)) return false;
    char *copy = base_copy_text(name);
    if (copy) l->at[l->n++] = (port){copy, s, x};
    return copy != NULL;
}

static port *find(const port_list *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->at[i].name, name)) return &l->at[i];
    return NULL;
}

guise_status model_ports_open(model_ports **io, base_error *e)
{
    *io = base_alloc(1, sizeof **io);
    return *io ? GUISE_OK : base_no_memory(e);
}

void model_ports_close(model_ports **io)
{
    if (!*io) return;
    clear(&(*io)->given);
    clear(&(*io)->in);
    clear(&(*io)->out);
    base_free(*io);
    *io = NULL;
}

guise_status model_ports_give(model_ports *io, const char *input, tg_shape s, base_error *e)
{
    if (find(&io->given, input))
        return base_fail(e, GUISE_BAD_ARGUMENT, "the input %s is given twice", input);
    return push(&io->given, input, s, NULL) ? GUISE_OK : base_no_memory(e);
}

guise_status model_ports_put(model_ports *io, const char *input, tg_node *x, base_error *e)
{
    if (!x) return GUISE_OK; // the graph knows why
    if (find(&io->given, input))
        return base_fail(e, GUISE_BAD_ARGUMENT, "the input %s is given twice", input);
    return push(&io->given, input, tg_shape_of(x), x) ? GUISE_OK : base_no_memory(e);
}

size_t model_ports_inputs(const model_ports *io) { return io->in.n; }
size_t model_ports_outputs(const model_ports *io) { return io->out.n; }

tg_node *model_ports_input(const model_ports *io, size_t i, const char **name)
{
    *name = io->in.at[i].name;
    return io->in.at[i].node;
}

tg_node *model_ports_output(const model_ports *io, size_t i, const char **name)
{
    *name = io->out.at[i].name;
    return io->out.at[i].node;
}

tg_node *model_in(model_ports *io, nn m, const char *name)
{
    const port *taken = find(&io->in, name), *given = find(&io->given, name);
    if (taken) return taken->node;
    if (!given) return tg_fail(m.graph, "the network needs the input %s, which is not given", name);
    tg_node *x = given->node ? given->node : tg_input(m.graph, given->shape, name);
    if (x && !push(&io->in, name, given->shape, x)) return tg_no_memory(m.graph);
    return x;
}

void model_out(model_ports *io, const char *name, tg_node *x)
{
    if (!x) return; // the graph knows why
    port *have = find(&io->out, name);
    if (have)
        have->node = x;
    else if (!push(&io->out, name, tg_shape_of(x), x))
        tg_no_memory(tg_graph_of(x));
}

tg_node *model_stage(model_ports *io, bool on, const char *name, tg_node *x)
{
    if (io && on) model_out(io, name, x);
    return x;
}
