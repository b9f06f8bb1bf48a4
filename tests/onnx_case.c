// onnx_case.c -- what onnx_case.h declares.
#include "onnx_case.h"

// Memory of the test program: everything that a case refers to lives until the program ends.
static union {
    char bytes[1 << 22];
    max_align_t align;
} store;
static size_t taken;

static void *take(size_t n)
{
    void *p = store.bytes + taken;
    taken += (n + 15) / 16 * 16;
    if (taken > sizeof store.bytes) {
        printf("onnx_case.c: no room left\n");
        exit(1);
    }
    return memset(p, 0, n);
}

static void *keep(const void *v, size_t n)
{
    void *p = take(n ? n : 1);
    return n ? memcpy(p, v, n) : p;
}

static char *keep_text(const char *s) { return keep(s, strlen(s) + 1); }

float case_value(int64_t i) { return (float)((7 * i + 3) % 13 - 6) / 4; }

onnx_case case_model(const char *op, int64_t opset)
{
    return (onnx_case){.op = op, .opset = opset, .outputs = 1, .domain = ""};
}

void case_input(onnx_case *c, const char *name, int rank, const int64_t dim[])
{
    c->name[c->n_names++] = c->input[c->n_inputs].name = keep_text(name);
    c->input[c->n_inputs].rank = rank;
    for (int i = 0; i < rank; i++) c->input[c->n_inputs].dim[i] = dim[i];
    c->n_inputs++;
}

static Onnx__Tensor *tensor(onnx_case *c, const char *name, int rank, const int64_t dim[], int type)
{
    Onnx__Tensor *t = &c->tensor[c->n_tensors++];
    *t = (Onnx__Tensor)ONNX__TENSOR__INIT;
    c->name[c->n_names++] = t->name = keep_text(name);
    t->dims = keep(dim, sizeof *dim * (size_t)rank);
    t->n_dims = (size_t)rank;
    t->has_data_type = 1;
    t->data_type = type;
    return t;
}

void case_reals(onnx_case *c, const char *name, int rank, const int64_t dim[], const float *v)
{
    size_t n = 1;
    for (int i = 0; i < rank; i++) n *= (size_t)dim[i];
    Onnx__Tensor *t = tensor(c, name, rank, dim, 1);
    float *to = take(n * sizeof *to + 1);
    for (size_t i = 0; i < n; i++) to[i] = v ? v[i] : case_value((int64_t)i);
    t->has_raw_data = 1; // one way to store values here, the other for integers
    t->raw_data = (ProtobufCBinaryData){n * sizeof *to, (uint8_t *)to};
}

void case_ints(onnx_case *c, const char *name, int64_t n, const int64_t *v)
{
    Onnx__Tensor *t = tensor(c, name, n < 0 ? 0 : 1, &n, 7);
    t->n_int64_data = n < 0 ? 1 : (size_t)n;
    t->int64_data = keep(v, sizeof *v * t->n_int64_data);
}

void case_skip(onnx_case *c) { c->name[c->n_names++] = keep_text(""); }

static Onnx__Attribute *attribute(onnx_case *c, const char *name)
{
    Onnx__Attribute *a = &c->attr[c->n_attr++];
    *a = (Onnx__Attribute)ONNX__ATTRIBUTE__INIT;
    a->name = keep_text(name);
    return a;
}

void case_set(onnx_case *c, const char *name, double v)
{
    Onnx__Attribute *a = attribute(c, name);
    a->has_f = 1;
    a->f = (float)v;
}

void case_set_int(onnx_case *c, const char *name, int64_t v)
{
    Onnx__Attribute *a = attribute(c, name);
    a->has_i = 1;
    a->i = v;
}

void case_set_ints(onnx_case *c, const char *name, size_t n, const int64_t *v)
{
    Onnx__Attribute *a = attribute(c, name);
    a->n_ints = n;
    a->ints = keep(v, n * sizeof *v);
}

void case_set_text(onnx_case *c, const char *name, const char *v)
{
    Onnx__Attribute *a = attribute(c, name);
    a->has_s = 1;
    a->s = (ProtobufCBinaryData){strlen(v), (uint8_t *)keep_text(v)};
}

static Onnx__ValueInfo *value_info(char *name, int rank, const int64_t *dim)
{
    Onnx__ValueInfo *v = take(sizeof *v);
    *v = (Onnx__ValueInfo)ONNX__VALUE_INFO__INIT;
    v->name = name;
    v->type = take(sizeof *v->type);
    *v->type = (Onnx__Type)ONNX__TYPE__INIT;
    Onnx__TensorType *t = v->type->tensor_type = take(sizeof *t);
    *t = (Onnx__TensorType)ONNX__TENSOR_TYPE__INIT;
    t->shape = take(sizeof *t->shape);
    *t->shape = (Onnx__TensorShape)ONNX__TENSOR_SHAPE__INIT;
    t->shape->n_dim = (size_t)rank;
    t->shape->dim = take(sizeof *t->shape->dim * ((size_t)rank + 1));
    for (int i = 0; i < rank; i++) {
        Onnx__Dimension *d = t->shape->dim[i] = take(sizeof *d);
        *d = (Onnx__Dimension)ONNX__DIMENSION__INIT;
        d->has_dim_value = 1;
        d->dim_value = dim[i];
    }
    return v;
}

static Onnx__Node *node_of(const onnx_case *c)
{
    Onnx__Node *v = take(sizeof *v);
    *v = (Onnx__Node)ONNX__NODE__INIT;
    v->op_type = keep_text(c->op);
    v->domain = keep_text(c->domain);
    v->name = keep_text("the node");
    v->n_input = c->n_names;
    v->input = keep(c->name, sizeof *c->name * ONNX_MOST);
    v->n_output = c->outputs;
    v->output = take(sizeof *v->output * c->outputs);
    for (size_t i = 0; i < c->outputs; i++) {
        char name[16];
        snprintf(name, sizeof name, i ? "y%zu" : "y", i);
        v->output[i] = keep_text(name);
    }
    v->n_attribute = c->n_attr;
    v->attribute = take(sizeof *v->attribute * ONNX_MOST);
    for (size_t i = 0; i < c->n_attr; i++) v->attribute[i] = keep(&c->attr[i], sizeof c->attr[i]);
    return v;
}

unsigned char *case_bytes(const onnx_case *c, size_t *n)
{
    size_t before = taken;
    Onnx__Graph g = ONNX__GRAPH__INIT;
    Onnx__OperatorSetId set = ONNX__OPERATOR_SET_ID__INIT;
    Onnx__Model m = ONNX__MODEL__INIT;
    Onnx__Node *node = node_of(c);
    Onnx__ValueInfo *in[4], *out = value_info(node->output[c->shown], 0, NULL);
    Onnx__Tensor *initializer[ONNX_MOST];
    for (size_t i = 0; i < c->n_inputs; i++)
        in[i] = value_info(c->input[i].name, c->input[i].rank, c->input[i].dim);
    for (size_t i = 0; i < c->n_tensors; i++)
        initializer[i] = keep(&c->tensor[i], sizeof c->tensor[i]);
    set.has_version = m.has_ir_version = 1;
    set.version = c->opset;
    m.ir_version = 7;
    m.graph = &g;
    m.n_opset_import = 1;
    m.opset_import = (Onnx__OperatorSetId *[]){&set};
    g.n_node = g.n_output = 1;
    g.node = &node;
    g.n_input = c->n_inputs;
    g.input = in;
    g.output = &out;
    g.n_initializer = c->n_tensors;
    g.initializer = initializer;
    *n = onnx__model__get_packed_size(&m);
    unsigned char *p = malloc(*n);
    if (p) onnx__model__pack(&m, p);
    taken = before;
    return p;
}

// Nodes of the case in g; input values bound for the plan into `value`.
static tg_node *build(const onnx_case *c, tg_graph *g, tg_node *in[], float *value[], base_error *e)
{
    weights_onnx *m = NULL;
    tg_node *out = NULL;
    size_t n = 0;
    unsigned char *p = case_bytes(c, &n);
    if (!weights_onnx_parse(&m, p, n, e)) {
        for (size_t i = 0; i < weights_onnx_inputs(m); i++) {
            tg_shape s;
            weights_onnx_input(m, i, &s);
            if (c->batch) s.dim[0] = c->batch;
            in[i] = tg_input(g, s, "x");
            value[i] = take(sizeof(float) * (size_t)tg_count(s));
            double *to = tg_data(in[i]);
            for (int64_t k = 0; to && k < tg_count(s); k++)
                to[k] = (double)(value[i][k] = case_value(k));
        }
        weights_onnx_build(m, g, in, &out);
    }
    weights_onnx_close(&m);
    free(p);
    return out;
}

int64_t case_run(const onnx_case *c, double *v, tg_shape *s, char why[512])
{
    base_error e = {0};
    tg_graph *g = tg_new();
    tg_plan *plan = NULL;
    tg_node *in[4] = {NULL}, *out;
    float *value[4];
    int64_t n = 0;
    out = build(c, g, in, value, &e);
    if (!e.text[0] && tg_error(g)) snprintf(e.text, sizeof e.text, "%s", tg_error(g));
    if (!e.text[0]) tg_plan_open(&plan, g, &out, 1, NULL, &e);
    for (size_t i = 0; !e.text[0] && i < c->n_inputs; i++) tg_plan_bind(plan, in[i], value[i], &e);
    if (!e.text[0] && !tg_plan_run(plan, &e)) {
        const double *exact = tg_eval(out);
        const float *fast = tg_plan_value(plan, out);
        *s = tg_shape_of(out);
        n = tg_count(*s);
        for (int64_t i = 0; i < n && i < ONNX_ROOM; i++) {
            v[i] = exact[i];
            CHECK(fabs((double)fast[i] - exact[i]) <= 1e-5 * (1 + fabs(exact[i])));
        }
    }
    snprintf(why, 512, "%s", e.text);
    tg_plan_close(&plan);
    tg_free(g);
    return n;
}

void case_check(const char *file, int line, const onnx_case *c, double tol, int n,
                const double *want)
{
    double v[ONNX_ROOM];
    char why[512], text[700], shape[128] = "";
    tg_shape s = {0};
    int64_t have = case_run(c, v, &s, why);
    test_checked++;
    if (have != n) {
        snprintf(text, sizeof text, "%s gives %lld numbers %s, want %d: %s", c->op, (long long)have,
                 tg_shape_text(s, shape), n, why);
        test_report(file, line, text);
        return;
    }
    for (int i = 0; i < n; i++) {
        test_checked++;
        if (fabs(v[i] - want[i]) <= tol) continue;
        snprintf(text, sizeof text, "%s: element %d is %.9g, want %.9g", c->op, i, v[i], want[i]);
        test_report(file, line, text);
    }
}

void case_check_refused(const char *file, int line, const onnx_case *c, const char *part)
{
    double v[ONNX_ROOM];
    char why[512], text[700];
    tg_shape s;
    int64_t n = case_run(c, v, &s, why);
    test_checked++;
    if (n == 0 && strstr(why, part)) return;
    snprintf(text, sizeof text, "%s: refused with '%s', want '%s'", c->op, why, part);
    test_report(file, line, text);
}
