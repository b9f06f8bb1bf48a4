// net.c -- any network by name, or an ONNX file, on named tensors: run, differentiate, describe.
#include "engine/net.h"
#include <string.h>

bool guise_net_at(size_t i, guise_net *net)
{
    size_t n = 0;
    while (model_nets[n]) n++;
    if (i >= n) return false;
    const model_net *m = model_nets[i];
    *net = (guise_net){m->name, m->summary, m->inputs, m->outputs};
    return true;
}

bool guise_net_size_at(size_t i, guise_option *o, int *side)
{
    const model_size *s = model_sizes;
    for (; s->network && i > 0; i--) s++;
    if (!s->network) return false;
    *o = (guise_option){s->network, s->name, s->options};
    *side = s->side;
    return true;
}

bool guise_net_option(const char *name, size_t i, guise_option *o)
{
    const char *sized = "";
    const model_net *net = model_find_sized(name, &sized);
    for (const base_field *f = net ? net->options : NULL; f && f->name; f++)
        if (i-- == 0) {
            const char *init = f->init ? f->init : f->type == BASE_FLAG ? "no" : NULL;
            *o = (guise_option){f->name, init, f->help};
            return true;
        }
    return false;
}

static bool add_port(net_ports *l, const char *prefix, const char *name, tg_node *node)
{
    char *copy = base_format("%s%s", prefix, name);
    if (!copy || !BASE_PUSH_ROOM(l->at, l->n, l->cap)) return base_free(copy), false;
    l->at[l->n++] = (net_port){copy, node, false};
    return true;
}

static void free_ports(net_ports *l)
{
    for (size_t i = 0; i < l->n; i++) base_free(l->at[i].name);
    base_free(l->at);
}

static tg_node *find_port(const net_ports *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->at[i].name, name)) return l->at[i].node;
    return NULL;
}

void net_run_close(net_run *r)
{
    for (size_t i = 0; r->data && i < r->in.n; i++) base_free(r->data[i]);
    base_free(r->data);
    free_ports(&r->in);
    free_ports(&r->out);
    tg_plan_close(&r->plan);
    tg_free(r->graph);
    model_ports_close(&r->ports);
    nn_params_close(&r->params);
    weights_onnx_close(&r->onnx);
    base_free(r->options);
    base_free(r->sized);
}

static bool is_onnx(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && !strcmp(name + n - 5, ".onnx");
}

guise_status net_run_open(net_run *r, guise_engine *g, const char *name, const guise_net_options *o)
{
    static const guise_net_options none = {0};
    const char *sized = "";
    *r = (net_run){.g = g, .name = name, .o = o ? o : &none};
    r->net = model_find_sized(name, &sized);
    base_error *e = engine_begin(g);
    if (!r->net && !is_onnx(name))
        return base_fail(e, GUISE_BAD_ARGUMENT, "there is no network '%s'; see guise net list",
                         name);
    if (!(r->graph = tg_new())) return base_no_memory(e);
    if (!r->net && (r->o->n_set || r->o->weights || r->o->train))
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "%s holds its own weights and options: neither weights, options nor train "
                         "go with an ONNX file",
                         name);
    if (!r->net) return weights_onnx_open(&r->onnx, name, e);
    r->options = base_alloc(1, r->net->size);
    r->sized = base_copy_text(sized);
    if (!r->options || !r->sized) return base_no_memory(e);
    base_fields_init(r->net->options, r->options);
    guise_status s = model_options_set(r->net, r->options, r->sized, e);
    if (!s) s = options_fill(r->net, r->options, r->o->set, r->o->n_set, e);
    if (!s) s = model_ports_open(&r->ports, e);
    return s ? s : nn_params_open(&r->params, e);
}

// The graph's first mistake is the fault of what was put in: a file, or the size of a picture.
static guise_status graph_error(const net_run *r)
{
    if (r->net) return tg_check(r->graph, GUISE_BAD_FILE, &r->g->error); // it names the network
    guise_status s = tg_check(r->graph, GUISE_BAD_FILE, NULL);
    return s ? base_fail(&r->g->error, s, "%s: %s", r->name, tg_error(r->graph)) : s;
}

static guise_status build_net(net_run *r)
{
    bool ok = true;
    const char *name = NULL;
    r->net->build(nn_root(r->params, r->graph, r->o->train), r->options, r->ports);
    guise_status s = graph_error(r);
    for (size_t i = 0; !s && ok && i < model_ports_inputs(r->ports); i++) {
        tg_node *x = model_ports_input(r->ports, i, &name);
        ok = add_port(&r->in, "", name, x);
    }
    for (size_t i = 0; !s && ok && i < model_ports_outputs(r->ports); i++) {
        tg_node *y = model_ports_output(r->ports, i, &name);
        ok = add_port(&r->out, "", name, y);
    }
    return s ? s : ok ? GUISE_OK : base_no_memory(&r->g->error);
}

// shape_of: shape for an input by name; rank 0 leaves the file's own
static guise_status build_onnx(net_run *r, const base_tensors *t)
{
    size_t n_in = weights_onnx_inputs(r->onnx), n_out = weights_onnx_outputs(r->onnx);
    tg_node **in = base_alloc(n_in, sizeof *in), **out = base_alloc(n_out, sizeof *out);
    bool ok = in && out;
    for (size_t i = 0; ok && i < n_in; i++) {
        tg_shape s;
        const char *name = weights_onnx_input(r->onnx, i, &s);
        const base_tensor *v = t ? base_tensors_find(t, name) : NULL;
        if (v && v->rank <= TG_MAX_RANK) {
            s.rank = v->rank;
            memcpy(s.dim, v->dim, (size_t)s.rank * sizeof *s.dim);
        }
        if (!v && s.rank && r->o->batch && s.dim[0] <= 1) s.dim[0] = r->o->batch;
        for (int k = 0; k < s.rank; k++) // free dimensions, where nothing says them
            if (s.dim[k] <= 0) s.dim[k] = k < 2 ? 1 : r->o->size ? r->o->size : 128;
        in[i] = tg_input(r->graph, s, tg_text(r->graph, "%s", name));
        ok = add_port(&r->in, "", name, in[i]);
    }
    if (ok) weights_onnx_build(r->onnx, r->graph, in, out);
    guise_status s = ok ? graph_error(r) : base_no_memory(&r->g->error);
    for (size_t i = 0; !s && i < n_out; i++)
        if (!add_port(&r->out, "", weights_onnx_output(r->onnx, i), out[i]))
            s = base_no_memory(&r->g->error);
    base_free(in);
    base_free(out);
    return s;
}

// Tensors of the file are shapes of inputs; which of them the network takes, it says itself.
static guise_status give_file(net_run *r, const base_tensors *t)
{
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < t->n; i++) {
        const base_tensor *v = &t->at[i];
        if (v->rank > TG_MAX_RANK) continue;
        tg_shape shape = {.rank = v->rank};
        memcpy(shape.dim, v->dim, (size_t)v->rank * sizeof *v->dim);
        s = model_ports_give(r->ports, v->name, shape, &r->g->error);
    }
    return s;
}

static guise_status give_size(net_run *r)
{
    port_text text[PORTS_MAX];
    int size = r->o->size ? r->o->size : 128, batch = r->o->batch ? r->o->batch : 1;
    int n = ports_read(r->net, r->options, size, batch, text);
    guise_status s = GUISE_OK;
    for (int i = 0; !s && i < n; i++)
        if (text[i].shape.rank)
            s = model_ports_give(r->ports, text[i].name, text[i].shape, &r->g->error);
    return s;
}

guise_status net_run_build(net_run *r)
{
    base_error *e = &r->g->error;
    if (r->o->size < 0 || r->o->size > 4096)
        return base_fail(e, GUISE_BAD_ARGUMENT, "size lies in 1..4096, not at %d", r->o->size);
    if (r->o->batch < 0 || r->o->batch > 256)
        return base_fail(e, GUISE_BAD_ARGUMENT, "batch lies in 1..256, not at %d", r->o->batch);
    guise_status s = r->net ? give_size(r) : GUISE_OK;
    return s ? s : r->net ? build_net(r) : build_onnx(r, NULL);
}

// Nodes grad.<input> and grad.<parameter> of sum(output * cotangent).
static guise_status add_gradients(net_run *r)
{
    tg_node *y = find_port(&r->out, r->o->grad);
    if (!y)
        return base_fail(&r->g->error, GUISE_BAD_ARGUMENT, "%s has no output '%s'", r->name,
                         r->o->grad);
    size_t n_in = r->in.n, n_p = r->params ? nn_params_n(r->params) : 0;
    r->cotangent = tg_input(r->graph, tg_shape_of(y), "cotangent");
    tg_node *sum = tg_sum(tg_mul(y, r->cotangent));
    tg_node **in = base_alloc(n_in, sizeof *in), **d = base_alloc(n_in + n_p, sizeof *d);
    bool ok = in && d;
    for (size_t i = 0; ok && i < n_in; i++) in[i] = r->in.at[i].node;
    if (ok) tg_grad(sum, NULL, in, (int)n_in, d);
    if (ok && r->params) nn_grad(r->params, sum, d + n_in);
    for (size_t i = 0; ok && i < n_in; i++) ok = add_port(&r->out, "grad.", r->in.at[i].name, d[i]);
    for (size_t i = 0; ok && i < n_p; i++)
        if (d[n_in + i])
            ok = add_port(&r->out, "grad.", nn_params_entry(r->params, i)->name, d[n_in + i]);
    base_free(in);
    base_free(d);
    if (ok) ok = add_port(&r->in, "", "cotangent", r->cotangent);
    return ok ? graph_error(r) : base_no_memory(&r->g->error);
}

static guise_status add_buffers(net_run *r)
{
    const nn_update *list = NULL;
    size_t n = nn_updates(r->params, r->graph, &list);
    for (size_t i = 0; i < n; i++) {
        if (!add_port(&r->out, "", list[i].entry->name, list[i].node))
            return base_no_memory(&r->g->error);
        r->out.at[r->out.n - 1].whole = list[i].entry->kind == NN_COUNTER;
    }
    return GUISE_OK;
}

guise_status net_run_weights(net_run *r)
{
    base_error *e = &r->g->error;
    base_tensors t = {0};
    guise_status s = r->o->weights ? sums_check(r->o->weights, e) : GUISE_OK;
    if (!s && r->o->weights) s = weights_read(&t, r->o->weights, e);
    if (!s && r->o->weights) s = load_all(r->params, &t, r->o->weights, e);
    if (!s) s = nn_settle(r->params, r->o->seed, e); // what the file has not
    base_tensors_free(&t);
    return s;
}

guise_status net_run_plan(net_run *r, const tg_plan_options *options)
{
    base_error *e = &r->g->error;
    tg_node **out = base_alloc(r->out.n, sizeof *out);
    if (!out) return base_no_memory(e);
    for (size_t i = 0; i < r->out.n; i++) out[i] = r->out.at[i].node;
    guise_status s = tg_plan_open(&r->plan, r->graph, out, (int)r->out.n, options, e);
    base_free(out);
    return s || !r->params ? s : nn_bind(r->params, r->graph, r->plan, e);
}

static guise_status bind_file(net_run *r, const base_tensors *t, const char *path)
{
    base_error *e = &r->g->error;
    r->data = base_alloc(r->in.n, sizeof *r->data);
    guise_status s = r->data ? GUISE_OK : base_no_memory(e);
    for (size_t i = 0; !s && i < r->in.n; i++) {
        const net_port *p = &r->in.at[i];
        const base_tensor *v = base_tensors_find(t, p->name);
        tg_shape want = tg_shape_of(p->node);
        char text[128];
        if (!v || base_tensor_count(v) != tg_count(want))
            return base_fail(e, GUISE_BAD_FILE, "%s: has no tensor '%s' of shape %s", path, p->name,
                             tg_shape_text(want, text));
        r->data[i] = base_alloc((size_t)tg_count(want), sizeof(float));
        if (!r->data[i]) return base_no_memory(e);
        base_tensor_floats(v, r->data[i]);
        s = tg_plan_bind(r->plan, p->node, r->data[i], e);
    }
    return s;
}

static guise_status write_outputs(net_run *r, const char *path)
{
    base_tensors t = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < r->out.n; i++) {
        const net_port *p = &r->out.at[i];
        const float *v = tg_plan_value(r->plan, p->node);
        tg_shape s = tg_shape_of(p->node);
        int64_t whole = p->whole ? (int64_t)*v : 0;
        ok = base_tensors_add(&t, p->name, p->whole ? BASE_I64 : BASE_F32, s.rank, s.dim,
                              p->whole ? (const void *)&whole : v) != NULL;
    }
    guise_status s =
        ok ? weights_safetensors_write(&t, path, &r->g->error) : base_no_memory(&r->g->error);
    base_tensors_free(&t);
    return s;
}

static void fill_report(const net_run *r, guise_net_report *report)
{
    report->inputs = r->in.n;
    report->outputs = r->out.n;
    report->parameters = r->params ? nn_params_weights(r->params) : 0;
    report->macs = tg_plan_macs(r->plan);
    report->bytes = tg_plan_bytes(r->plan);
}

guise_status guise_net_run(guise_engine *g, const char *net, const char *in, const char *out,
                           const guise_net_options *o, guise_net_report *report)
{
    net_run r;
    base_tensors t = {0};
    guise_net_report unseen;
    if (!report) report = &unseen;
    *report = (guise_net_report){0};
    guise_status s = net_run_open(&r, g, net, o);
    if (!s) s = weights_read(&t, in, &g->error);
    if (!s && r.net) s = give_file(&r, &t);
    if (!s) s = r.net ? build_net(&r) : build_onnx(&r, &t);
    if (!s && r.params) s = net_run_weights(&r);
    if (!s && r.o->grad) s = add_gradients(&r);
    if (!s && r.params && r.o->train) s = add_buffers(&r);
    // by the fixed rule: the same bits every time, whatever was measured
    tg_device *device = NULL;
    if (!s) s = engine_device(g, &device);
    tg_plan_options how = {
        .fast = r.o->fast, .device = device, .without = r.o->measure ? 0 : TG_PART_MEASURE};
    if (!s) s = net_run_plan(&r, &how);
    if (!s) s = bind_file(&r, &t, in);
    double start = base_seconds();
    if (!s) s = tg_plan_run(r.plan, &g->error);
    report->seconds = base_seconds() - start;
    if (!s) s = write_outputs(&r, out);
    if (!s) fill_report(&r, report);
    base_tensors_free(&t);
    net_run_close(&r);
    return s;
}

static const float *value_of(void *user, const tg_node *param)
{
    nn_params *p = user;
    const nn_entry *entry = p ? nn_params_find(p, tg_name(param)) : NULL;
    return entry ? nn_params_data(p) + entry->offset : NULL;
}

static guise_status write_onnx(net_run *r, const char *path)
{
    size_t n_in = r->in.n, n = n_in + r->out.n;
    tg_node **node = base_alloc(n, sizeof *node);
    const char **name = base_alloc(n, sizeof *name);
    const char *only = r->o->grad;
    guise_status s = node && name ? GUISE_OK : base_no_memory(&r->g->error);
    size_t n_out = 0;
    for (size_t i = 0; !s && i < n; i++) {
        const net_port *p = i < n_in ? &r->in.at[i] : &r->out.at[i - n_in];
        if (i >= n_in && only && strcmp(p->name, only) != 0) continue;
        size_t at = i < n_in ? i : n_in + n_out++;
        node[at] = p->node;
        name[at] = p->name;
    }
    if (!s && !n_out)
        s = base_fail(&r->g->error, GUISE_BAD_ARGUMENT, "%s has no output '%s'", r->name,
                      only ? only : "");
    if (!s)
        s = weights_onnx_write(r->graph,
                               &(weights_onnx_names){.in = node,
                                                     .out = node + n_in,
                                                     .in_name = name,
                                                     .out_name = name + n_in,
                                                     .n_in = n_in,
                                                     .n_out = n_out,
                                                     .value = value_of,
                                                     .user = r->params},
                               path, &r->g->error);
    base_free(node);
    base_free(name);
    return s;
}

guise_status guise_net_export(guise_engine *g, const char *net, const char *out,
                              const guise_net_options *o)
{
    net_run r;
    guise_status s = net_run_open(&r, g, net, o);
    if (!s) s = net_run_build(&r);
    if (!s && r.params) s = net_run_weights(&r);
    if (!s) s = write_onnx(&r, out);
    net_run_close(&r);
    return s;
}

static char *shapes_text(const net_run *r)
{
    char *all = base_copy_text(""), text[128];
    for (size_t i = 0; all && i < r->in.n + r->out.n; i++) {
        bool in = i < r->in.n;
        const net_port *p = in ? &r->in.at[i] : &r->out.at[i - r->in.n];
        char *more = base_format("%s  %s %s %s\n", all, in ? "in " : "out", p->name,
                                 tg_shape_text(tg_shape_of(p->node), text));
        base_free(all);
        all = more;
    }
    return all;
}

guise_status guise_net_describe(guise_engine *g, const char *net, const guise_net_options *o,
                                guise_net_report *report)
{
    net_run r;
    *report = (guise_net_report){0};
    guise_status s = net_run_open(&r, g, net, o);
    if (!s) s = net_run_build(&r);
    if (!s && r.params) s = net_run_weights(&r);
    if (!s) s = net_run_plan(&r, NULL);
    if (!s && !(report->shapes = shapes_text(&r))) s = base_no_memory(&g->error);
    if (!s) fill_report(&r, report);
    net_run_close(&r);
    return s;
}

void guise_net_report_free(guise_net_report *r)
{
    base_free(r->shapes);
    *r = (guise_net_report){0};
}
