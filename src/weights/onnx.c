// onnx.c -- an ONNX model opened, checked, and built as graph nodes.
// Meaning of the format: onnx/docs/IR.md; of the operators: onnx/docs/Operators.md.
#include "weights/onnx.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_OPERATOR_INPUTS = 1 << 16 };

// protobuf-c through our memory, so that tests can make it fail.
static void *proto_alloc(void *failed, size_t n)
{
    void *p = base_alloc(n ? n : 1, 1);
    if (!p) *(bool *)failed = true;
    return p;
}

static void proto_free(void *unused, void *p)
{
    (void)unused;
    base_free(p);
}

static const char *text(const char *s) { return s ? s : ""; }

// Slot of a name: where it is, or the free one where it would go.
static size_t slot_of(const weights_onnx *m, const char *name)
{
    uint32_t h = 2166136261u; // FNV-1a
    for (const char *s = name; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    size_t i = h & (m->cap - 1);
    while (m->name[i] && strcmp(m->name[i], name) != 0) i = (i + 1) & (m->cap - 1);
    return i;
}

static void name_values(weights_onnx *m)
{
    const Onnx__Graph *g = m->proto->graph;
    for (size_t i = 0; i < g->n_initializer; i++)
        m->name[slot_of(m, text(g->initializer[i]->name))] = text(g->initializer[i]->name);
    for (size_t i = 0; i < m->n_inputs; i++)
        m->name[slot_of(m, text(m->input[i]->name))] = text(m->input[i]->name);
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_output; k++)
            m->name[slot_of(m, g->node[i]->output[k])] = g->node[i]->output[k];
}

// Names of values and the largest node, over the whole graph.
static guise_status index_names(weights_onnx *m, base_error *e)
{
    const Onnx__Graph *g = m->proto->graph;
    size_t n = g->n_initializer + m->n_inputs;
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__Node *v = g->node[i];
        if (v->n_input > MAX_OPERATOR_INPUTS || v->n_output > MAX_OPERATOR_INPUTS)
            return base_fail(e, GUISE_BAD_FILE,
                             "a node of type %.60s has %zu inputs; at most %d "
                             "are read",
                             text(v->op_type), v->n_input, (int)MAX_OPERATOR_INPUTS);
        n += v->n_output;
        if (v->n_input > m->max_in) m->max_in = v->n_input;
        if (v->n_output > m->max_out) m->max_out = v->n_output;
    }
    for (m->cap = 16; m->cap < 2 * n; m->cap *= 2) {
    }
    m->name = base_alloc(m->cap, sizeof *m->name);
    if (!m->name) return base_no_memory(e);
    name_values(m);
    return GUISE_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Inputs of the model: those listed, less those that only give an initialiser's type.
static guise_status find_inputs(weights_onnx *m, base_error *e)
{
    const Onnx__Graph *g = m->proto->graph;
    const char **given = base_alloc(g->n_initializer + 1, sizeof *given);
    m->input = base_alloc(g->n_input + 1, sizeof *m->input);
    if (!given || !m->input) {
        base_free(given);
        return base_no_memory(e);
    }
    for (size_t i = 0; i < g->n_initializer; i++) given[i] = text(g->initializer[i]->name);
    qsort(given, g->n_initializer, sizeof *given, by_name);
    for (size_t i = 0; i < g->n_input; i++) {
        const char *name = text(g->input[i]->name);
        if (!bsearch(&name, given, g->n_initializer, sizeof *given, by_name))
            m->input[m->n_inputs++] = g->input[i];
    }
    base_free(given);
    return GUISE_OK;
}

static const Onnx__TensorShape *shape_in(const Onnx__ValueInfo *v)
{
    return v->type && v->type->tensor_type ? v->type->tensor_type->shape : NULL;
}

static guise_status check_input(const Onnx__ValueInfo *v, base_error *e)
{
    const Onnx__TensorShape *s = shape_in(v);
    if (!s)
        return base_fail(e, GUISE_BAD_FILE,
                         "input '%.100s' of the model has no shape; run ONNX "
                         "shape inference on the model first",
                         text(v->name));
    if (s->n_dim > TG_MAX_RANK)
        return base_fail(e, GUISE_BAD_FILE,
                         "input '%.100s' of the model has %zu dimensions, more "
                         "than %d",
                         text(v->name), s->n_dim, (int)TG_MAX_RANK);
    for (size_t i = 0; i < s->n_dim; i++)
        if (s->dim[i]->dim_value < 0 || s->dim[i]->dim_value > INT32_MAX)
            return base_fail(e, GUISE_BAD_FILE,
                             "input '%.100s' of the model has an impossible "
                             "dimension, %lld",
                             text(v->name), (long long)s->dim[i]->dim_value);
    return GUISE_OK;
}

static guise_status check(weights_onnx *m, base_error *e)
{
    if (!m->proto->graph || !m->proto->graph->n_output)
        return base_fail(e, GUISE_BAD_FILE,
                         "this is no ONNX model: there is no graph with outputs");
    const Onnx__Graph *g = m->proto->graph;
    for (size_t i = 0; i < m->proto->n_opset_import; i++) {
        const Onnx__OperatorSetId *o = m->proto->opset_import[i];
        if (!*text(o->domain) || !strcmp(o->domain, "ai.onnx")) m->opset = o->version;
    }
    if (m->opset < 7) // before 7, broadcasting was an attribute
        return base_fail(e, GUISE_BAD_FILE,
                         "the model is of ONNX operator set %lld; export it "
                         "with operator set 7 or later (11 is widely supported)",
                         (long long)m->opset);
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < g->n_initializer; i++)
        s = onnx_tensor_check(g->initializer[i], text(g->initializer[i]->name), e);
    if (!s) s = find_inputs(m, e);
    for (size_t i = 0; !s && i < m->n_inputs; i++) s = check_input(m->input[i], e);
    return s ? s : index_names(m, e);
}

guise_status weights_onnx_parse(weights_onnx **out, const void *data, size_t n, base_error *e)
{
    bool failed = false;
    ProtobufCAllocator a = {proto_alloc, proto_free, &failed};
    weights_onnx *m = base_alloc(1, sizeof *m);
    if (!m) return base_no_memory(e);
    atomic_init(&m->users, 1);
    guise_status s;
    m->proto = onnx__model__unpack(&a, n, data);
    if (m->proto)
        s = check(m, e);
    else if (failed)
        s = base_no_memory(e);
    else
        s = base_fail(e, GUISE_BAD_FILE,
                      "this is no ONNX model, or it is damaged: it cannot be decoded");
    if (s) weights_onnx_close(&m);
    if (!s) *out = m;
    return s;
}

guise_status weights_onnx_open(weights_onnx **m, const char *path, base_error *e)
{
    base_map map = {0};
    base_error inner = {0};
    guise_status s = base_map_open(&map, path, e);
    if (s) return s;
    s = weights_onnx_parse(m, map.data, map.size, &inner);
    base_map_close(&map);
    if (s == GUISE_BAD_FILE) return base_fail(e, s, "%s: %s", path, inner.text);
    return s ? base_no_memory(e) : GUISE_OK;
}

static void release(void *model)
{
    weights_onnx *m = model;
    if (atomic_fetch_sub(&m->users, 1) > 1) return;
    ProtobufCAllocator a = {proto_alloc, proto_free, NULL};
    if (m->proto) onnx__model__free_unpacked(m->proto, &a);
    base_free(m->name);
    base_free(m->input);
    base_free(m);
}

void weights_onnx_close(weights_onnx **m)
{
    if (!m || !*m) return;
    release(*m);
    *m = NULL;
}

size_t weights_onnx_inputs(const weights_onnx *m) { return m->n_inputs; }

const char *weights_onnx_input(const weights_onnx *m, size_t i, tg_shape *s)
{
    const Onnx__TensorShape *from = shape_in(m->input[i]);
    *s = (tg_shape){.rank = (int)from->n_dim};
    for (int k = 0; k < s->rank; k++) s->dim[k] = from->dim[k]->dim_value;
    return text(m->input[i]->name);
}

size_t weights_onnx_outputs(const weights_onnx *m) { return m->proto->graph->n_output; }

const char *weights_onnx_output(const weights_onnx *m, size_t i)
{
    return text(m->proto->graph->output[i]->name);
}

guise_status weights_onnx_tensors(const weights_onnx *m, base_tensors *t, base_error *e)
{
    const Onnx__Graph *g = m->proto->graph;
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < g->n_initializer; i++)
        s = onnx_tensor_add(t, g->initializer[i], text(g->initializer[i]->name), e);
    for (size_t i = 0; !s && i < g->n_node; i++) { // many exporters write weights as nodes
        const Onnx__Node *v = g->node[i];
        if (strcmp(text(v->op_type), "Constant") != 0 || !v->n_output) continue;
        for (size_t k = 0; !s && k < v->n_attribute; k++)
            if (v->attribute[k]->t) s = onnx_tensor_add(t, v->attribute[k]->t, v->output[0], e);
    }
    if (s) base_tensors_free(t);
    return s;
}

void *onnx_fail(onnx_call *c, const char *format, ...)
{
    char why[300];
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    const char *name = text(c->node->name);
    if (!*name && c->node->n_output) name = c->node->output[0];
    return tg_fail(c->g, "ONNX operator %.60s, node '%.100s': %s", text(c->node->op_type), name,
                   why);
}

static const onnx_op *find_op(const Onnx__Node *v)
{
    static const onnx_op *const tables[] = {onnx_ops_math, onnx_ops_move, onnx_ops_net};
    if (*text(v->domain) && strcmp(v->domain, "ai.onnx") != 0) return NULL;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const onnx_op *op = tables[i]; op->name; op++)
            if (!strcmp(op->name, text(v->op_type))) return op;
    return NULL;
}

// The values that c's node reads, out of all values so far.
static bool gather_inputs(onnx_call *c, const onnx_op *op, const onnx_value *all)
{
    c->host = op->fold;
    for (size_t i = 0; i < c->n_in; i++) {
        const char *name = c->node->input[i];
        c->in[i] = (onnx_value){.empty = true, .host = true}; // "" leaves an input out
        if (!*name) continue;
        size_t slot = slot_of(c->m, name);
        if (c->m->name[slot]) c->in[i] = all[slot];
        if (!c->m->name[slot] || (!c->in[i].node && !c->in[i].empty)) {
            onnx_fail(c, "it reads '%.100s', which nothing before it gives", name);
            return false;
        }
        c->host = c->host && c->in[i].host;
    }
    for (size_t i = 0; i < op->inputs; i++)
        if (!onnx_in(c, i)) {
            onnx_fail(c, "input %zu is missing", i);
            return false;
        }
    c->whole = c->n_in && c->in[0].whole;
    return true;
}

static bool build_node(onnx_call *c, onnx_value *all)
{
    const onnx_op *op = find_op(c->node);
    if (!op) {
        onnx_fail(c, "this operator is not supported%s", *text(c->node->domain) ? " (domain)" : "");
        return false;
    }
    c->n_in = c->node->n_input;
    c->n_out = c->node->n_output;
    for (size_t i = 0; i < c->n_out; i++) c->out[i] = (onnx_value){0};
    if (!c->n_out || !gather_inputs(c, op, all)) return c->n_out == 0;
    tg_node *y = op->build(c);
    if (y) c->out[0].node = y;
    if (tg_error(c->g)) return false;
    for (size_t i = 0; i < c->n_out; i++) {
        c->out[i].whole = c->whole;
        c->out[i].host = c->host && tg_count(tg_shape_of(c->out[i].node)) <= ONNX_HOST_COUNT;
        if (*c->node->output[i]) all[slot_of(c->m, c->node->output[i])] = c->out[i];
    }
    return true;
}

// Is what the caller gives for input i of the shape that the model declares?
static bool fits(const weights_onnx *m, tg_graph *g, size_t i, tg_node *in, bool *batched)
{
    tg_shape want, have = tg_shape_of(in);
    char a[128], b[128];
    const char *name = weights_onnx_input(m, i, &want);
    bool same = in && want.rank == have.rank;
    for (int k = 0; same && k < want.rank; k++) {
        bool batch = k == 0 && want.dim[0] == 1;
        if (batch && have.dim[0] > 1) *batched = true;
        same = want.dim[k] == 0 || want.dim[k] == have.dim[k] || batch;
    }
    if (!same)
        tg_fail(g, "input '%.100s' of the ONNX model takes %s (0: any), not %s", name,
                tg_shape_text(want, a), tg_shape_text(have, b));
    return same;
}

static bool build_all(onnx_call *c, onnx_value *all, tg_node *const in[])
{
    const Onnx__Graph *from = c->m->proto->graph;
    for (size_t i = 0; i < c->m->n_inputs; i++) {
        if (!fits(c->m, c->g, i, in[i], &c->batched)) return false;
        all[slot_of(c->m, text(c->m->input[i]->name))] = (onnx_value){.node = in[i]};
    }
    for (size_t i = 0; i < from->n_initializer; i++) {
        const char *name = text(from->initializer[i]->name);
        all[slot_of(c->m, name)] = onnx_tensor_value(c->g, from->initializer[i], name);
        if (tg_error(c->g)) return false;
    }
    for (size_t i = 0; i < from->n_node; i++) {
        c->node = from->node[i];
        if (!build_node(c, all)) return false;
    }
    return true;
}

void weights_onnx_build(const weights_onnx *m, tg_graph *g, tg_node *const in[], tg_node *out[])
{
    size_t n = weights_onnx_outputs(m);
    onnx_call c = {.m = m, .g = g};
    onnx_value *all = base_alloc(m->cap, sizeof *all);
    c.in = base_alloc(m->max_in + 1, sizeof *c.in);
    c.out = base_alloc(m->max_out + 1, sizeof *c.out);
    for (size_t i = 0; i < n; i++) out[i] = NULL;
    weights_onnx *counted = (weights_onnx *)(uintptr_t)m; // readers alone change with a graph
    if (tg_keep(g, counted, release)) atomic_fetch_add(&counted->users, 1);
    if (!all || !c.in || !c.out)
        tg_no_memory(g);
    else if (!tg_error(g) && build_all(&c, all, in))
        for (size_t i = 0; i < n; i++) {
            size_t slot = slot_of(m, weights_onnx_output(m, i));
            out[i] = m->name[slot] ? all[slot].node : NULL;
            if (!out[i])
                tg_fail(g, "output '%.100s' of the ONNX model comes from no node",
                        weights_onnx_output(m, i));
        }
    base_free(all);
    base_free(c.in);
    base_free(c.out);
}
