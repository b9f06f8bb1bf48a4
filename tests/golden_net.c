// golden_net.c -- networks of the table with golden weights.
#include "golden_net.h"
#include "test.h"
#include "test_device.h"

static bool fine(guise_status s, const base_error *e)
{
    if (s) printf("%s\n", e->text);
    CHECK(s == GUISE_OK);
    return s == GUISE_OK;
}

static guise_status set_options(golden_net *n, const model_net *net, const golden_net_options *o,
                                base_error *e)
{
    n->options = base_alloc(1, net->size);
    if (!n->options) return base_no_memory(e);
    base_fields_init(net->options, n->options);
    guise_status s = GUISE_OK;
    for (int i = 0; !s && i < 6 && o->settings[i]; i++)
        s = base_fields_assign(net->options, n->options, o->settings[i], e);
    return s;
}

static tg_node *output(const golden_net *n, const char *name)
{
    for (size_t i = 0; i < model_ports_outputs(n->io); i++) {
        const char *have;
        tg_node *x = model_ports_output(n->io, i, &have);
        if (!strcmp(have, name)) return x;
    }
    return NULL;
}

// Gradients by weights through nn_grad, and by inputs.
static guise_status differentiate(golden_net *n, const golden_net_options *o, base_error *e)
{
    size_t inputs = model_ports_inputs(n->io), entries = nn_params_n(n->params);
    n->grad = base_alloc(entries, sizeof *n->grad);
    n->d_in = base_alloc(inputs, sizeof *n->d_in);
    n->grad_values = base_alloc(entries, sizeof *n->grad_values);
    if (!n->grad || !n->d_in || !n->grad_values) return base_no_memory(e);
    if (!o->grad) return GUISE_OK;
    tg_node *y = output(n, o->grad), *in[3];
    tg_node *cot = o->cotangent ? tg_const(n->graph, tg_shape_of(y), o->cotangent) : NULL;
    const char *name;
    for (size_t i = 0; i < inputs; i++) in[i] = model_ports_input(n->io, i, &name);
    nn_grad_with(n->params, y, cot, n->grad);
    tg_grad(y, cot, in, (int)inputs, n->d_in);
    return GUISE_OK;
}

static guise_status build(golden_net *n, const golden_net_options *o, base_error *e)
{
    const model_net *net = model_find(o->name);
    guise_status s = set_options(n, net, o, e);
    n->graph = tg_new();
    if (!n->graph) return base_no_memory(e);
    if (!s) s = nn_params_open(&n->params, e);
    if (!s) s = model_ports_open(&n->io, e);
    for (int i = 0; !s && i < 3 && o->in[i].name; i++)
        s = model_ports_give(n->io, o->in[i].name, o->in[i].shape, e);
    if (s) return s;
    net->build(nn_root(n->params, n->graph, o->train), n->options, n->io);
    if (tg_error(n->graph)) return base_fail(e, GUISE_BAD_ARGUMENT, "%s", tg_error(n->graph));
    s = nn_settle(n->params, 1, e);
    if (!s) (o->fill ? o->fill : golden_fill)(n->params, o->tag);
    return s ? s : differentiate(n, o, e);
}

static guise_status open_plan(golden_net *n, bool steady, base_error *e)
{
    const nn_update *update;
    size_t updates = nn_updates(n->params, n->graph, &update), count = 0;
    size_t outputs = model_ports_outputs(n->io), inputs = model_ports_inputs(n->io);
    size_t entries = nn_params_n(n->params);
    tg_node **out = base_alloc(outputs + updates + inputs + entries, sizeof *out);
    if (!out) return base_no_memory(e);
    const char *name;
    for (size_t i = 0; i < outputs; i++) out[count++] = model_ports_output(n->io, i, &name);
    for (size_t i = 0; i < updates; i++) out[count++] = update[i].node;
    for (size_t i = 0; i < inputs; i++)
        if (n->d_in[i]) out[count++] = n->d_in[i];
    for (size_t i = 0; i < entries; i++)
        if (n->grad[i]) out[count++] = n->grad[i];
    tg_plan_options o = {.train = n->grad[0] != NULL || steady, .device = n->device};
    guise_status s = tg_plan_open(&n->plan, n->graph, out, (int)count, &o, e);
    base_free(out);
    return s;
}

bool golden_net_run(golden_net *n, const golden_net_options *o)
{
    base_error e = {{0}};
    *n = (golden_net){0};
    guise_status s =
        test_device_name() ? tg_device_open(&n->device, test_device_name(), NULL, &e) : GUISE_OK;
    if (!s) s = build(n, o, &e);
    if (!s) s = open_plan(n, o->steady, &e);
    if (!s) s = nn_bind(n->params, n->graph, n->plan, &e);
    for (size_t i = 0; !s && i < model_ports_inputs(n->io); i++) {
        const char *name;
        tg_node *x = model_ports_input(n->io, i, &name);
        for (int j = 0; !s && j < 3 && o->in[j].name; j++)
            if (!strcmp(name, o->in[j].name)) s = tg_plan_bind(n->plan, x, o->in[j].data, &e);
    }
    if (!s) s = tg_plan_run(n->plan, &e);
    for (size_t i = 0; !s && i < nn_params_n(n->params); i++)
        if (n->grad[i]) n->grad_values[i] = tg_plan_value(n->plan, n->grad[i]);
    return fine(s, &e);
}

void golden_net_close(golden_net *n)
{
    tg_plan_close(&n->plan);
    nn_params_close(&n->params);
    model_ports_close(&n->io);
    tg_free(n->graph);
    base_free(n->options);
    base_free(n->grad);
    base_free(n->d_in);
    base_free(n->grad_values);
    tg_device_close(&n->device);
    *n = (golden_net){0};
}

const float *golden_net_value(const golden_net *n, const tg_node *x, size_t *count)
{
    *count = (size_t)tg_count(tg_shape_of(x));
    return x ? tg_plan_value(n->plan, x) : NULL;
}

int golden_net_compare(const golden_net *n, const golden_case *c, const char *prefix, double tol)
{
    int found = 0;
    for (size_t i = 0; i < model_ports_outputs(n->io); i++) {
        const char *name;
        tg_node *x = model_ports_output(n->io, i, &name);
        char full[300];
        snprintf(full, sizeof full, "%s%s", prefix, strcmp(name, "out") ? name : "output");
        size_t count;
        const float *v = golden_net_value(n, x, &count);
        found += golden_compare(c, full, v, count, tol);
    }
    return found;
}

const float *golden_net_update(const golden_net *n, const char *entry, size_t *count)
{
    const nn_update *update;
    size_t updates = nn_updates(n->params, n->graph, &update);
    for (size_t i = 0; i < updates; i++)
        if (!strcmp(update[i].entry->name, entry))
            return golden_net_value(n, update[i].node, count);
    return NULL;
}

const float *golden_net_d_input(const golden_net *n, const char *input, size_t *count)
{
    for (size_t i = 0; i < model_ports_inputs(n->io); i++) {
        const char *name;
        model_ports_input(n->io, i, &name);
        if (!strcmp(name, input)) return golden_net_value(n, n->d_in[i], count);
    }
    return NULL;
}
