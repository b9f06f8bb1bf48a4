// test_onnx_write.c -- graphs written as ONNX and read back compute the same.
#include "graph/op.h"
#include "model/model.h"
#include "test.h"
#include "weights/weights.h"

enum { MOST = 12 };

// A graph with one or more outputs of inputs "in0".. and parameters from a store, or none.
typedef struct {
    tg_graph *g;
    nn_params *params;
    tg_node *in[MOST], *out[MOST];
    float *data[MOST];
    size_t n_in, n_out;
} net;

static const char *const in_names[MOST] = {"in0", "in1", "in2", "in3", "in4", "in5"};
static const char *const out_names[MOST] = {"out0", "out1", "out2", "out3", "out4",  "out5",
                                            "out6", "out7", "out8", "out9", "out10", "out11"};

static tg_node *add_input(net *n, tg_shape s)
{
    size_t i = n->n_in++;
    size_t count = (size_t)tg_count(s);
    n->in[i] = tg_input(n->g, s, in_names[i]);
    n->data[i] = calloc(count, sizeof(float));
    for (size_t k = 0; n->data[i] && k < count; k++)
        n->data[i][k] = (float)((7 * k + 3 + i) % 23) / 11 - 0.9F;
    return n->in[i];
}

static void add_output(net *n, tg_node *y) { n->out[n->n_out++] = y; }

static void drop(net *n)
{
    for (size_t i = 0; i < n->n_in; i++) free(n->data[i]);
    nn_params_close(&n->params);
    tg_free(n->g);
}

static const float *value_of(void *user, const tg_node *x)
{
    nn_params *p = user;
    const nn_entry *e = p ? nn_params_find(p, tg_name(x)) : NULL;
    return e ? nn_params_data(p) + e->offset : NULL;
}

static guise_status write_net(const net *n, const char *path, base_error *e)
{
    weights_onnx_names names = {.in = n->in,
                                .in_name = in_names,
                                .n_in = n->n_in,
                                .out = n->out,
                                .out_name = out_names,
                                .n_out = n->n_out,
                                .value = value_of,
                                .user = n->params};
    return weights_onnx_write(n->g, &names, path, e);
}

// Runs the graph on n's data; v[i] is output i, yours.
static bool run(tg_graph *g, tg_node *const in[], tg_node *const out[], const net *n,
                nn_params *params, float *v[MOST])
{
    base_error e = {{0}};
    tg_plan *p = NULL;
    guise_status s = tg_plan_open(&p, g, out, (int)n->n_out, NULL, &e);
    for (size_t i = 0; !s && i < n->n_in; i++) s = tg_plan_bind(p, in[i], n->data[i], &e);
    if (!s && params) s = nn_bind(params, g, p, &e);
    if (!s) s = tg_plan_run(p, &e);
    for (size_t i = 0; !s && i < n->n_out; i++) {
        size_t bytes = (size_t)tg_count(tg_shape_of(out[i])) * sizeof(float);
        v[i] = malloc(bytes);
        if (v[i]) memcpy(v[i], tg_plan_value(p, out[i]), bytes);
    }
    if (s) printf("    %s\n", e.text);
    tg_plan_close(&p);
    return !s;
}

static void read_back(const net *n, weights_onnx *m, const char *what, double tol)
{
    tg_node *in[MOST], *out[MOST] = {NULL};
    float *want[MOST] = {NULL}, *have[MOST] = {NULL};
    tg_graph *g = tg_new();
    bool names = weights_onnx_inputs(m) == n->n_in && weights_onnx_outputs(m) == n->n_out;
    CHECK(names);
    for (size_t i = 0; names && i < n->n_in; i++) {
        tg_shape s;
        names = !strcmp(weights_onnx_input(m, i, &s), in_names[i]);
        names = names && tg_same(s, tg_shape_of(n->in[i]));
        in[i] = tg_input(g, s, in_names[i]);
    }
    for (size_t i = 0; names && i < n->n_out; i++)
        names = !strcmp(weights_onnx_output(m, i), out_names[i]);
    CHECK(names);
    if (names) weights_onnx_build(m, g, in, out);
    if (tg_error(g)) printf("    %s: %s\n", what, tg_error(g));
    CHECK(names && !tg_error(g));
    bool ok = names && !tg_error(g) && run(n->g, n->in, n->out, n, n->params, want) &&
              run(g, in, out, n, NULL, have);
    CHECK(ok);
    for (size_t i = 0; ok && i < n->n_out; i++) {
        tg_shape s = tg_shape_of(n->out[i]);
        double most = 1;
        for (int64_t k = 0; k < tg_count(s); k++) most = fmax(most, fabs((double)want[i][k]));
        double off = test_distance(want[i], have[i], (size_t)tg_count(s));
        if (off > tol * most) printf("    %s, output %zu\n", what, i);
        CHECK(tg_same(s, tg_shape_of(out[i])));
        CHECK_NEAR(off, 0, tol * most);
    }
    for (size_t i = 0; i < MOST; i++) {
        free(want[i]);
        free(have[i]);
    }
    tg_free(g);
}

static void check_same(net *n, const char *what, double tol)
{
    base_error e = {{0}};
    weights_onnx *m = NULL;
    const char *path = test_scratch("written.onnx");
    guise_status s = write_net(n, path, &e);
    if (!s) s = weights_onnx_open(&m, path, &e);
    if (s) printf("    %s: %s\n", what, e.text);
    CHECK(!s);
    if (!s) read_back(n, m, what, tol);
    weights_onnx_close(&m);
    drop(n);
}

static net begin(void) { return (net){.g = tg_new()}; }

TEST(elementwise)
{
    tg_node *(*const any[])(tg_node *) = {tg_exp,  tg_tanh, tg_sigmoid, tg_softplus,
                                          tg_relu, tg_abs,  tg_sign,    tg_sin,
                                          tg_cos,  tg_step, tg_square,  tg_detach};
    tg_node *(*const positive[])(tg_node *) = {tg_log, tg_sqrt, tg_rsqrt, tg_recip};
    net n = begin(), p = begin(), k = begin();
    tg_node *x = add_input(&n, TG_SHAPE(2, 3, 4)), *q = add_input(&p, TG_SHAPE(2, 5));
    for (size_t i = 0; i < sizeof any / sizeof *any; i++) add_output(&n, any[i](x));
    check_same(&n, "elementwise", 1e-5);
    for (size_t i = 0; i < 4; i++) add_output(&p, positive[i](tg_shift(tg_square(q), 0.5)));
    check_same(&p, "positive", 1e-5);
    x = add_input(&k, TG_SHAPE(2, 3));
    add_output(&k, tg_leaky_relu(x, 0.2));
    add_output(&k, tg_affine(x, 2, 3));
    add_output(&k, tg_scale(x, -3));
    add_output(&k, tg_shift(x, 0.25));
    add_output(&k, tg_clip(x, -0.5, 0.25));
    check_same(&k, "with constants", 1e-5);
}

TEST(binary_and_sums)
{
    net n = begin();
    tg_node *a = add_input(&n, TG_SHAPE(2, 3, 4, 4)), *b = add_input(&n, TG_SHAPE(1, 3, 1, 1));
    tg_node *wide = tg_expand(b, TG_SHAPE(2, 3, 4, 4));
    add_output(&n, tg_add(a, b));
    add_output(&n, tg_sub(b, a));
    add_output(&n, tg_mul(a, b));
    add_output(&n, tg_mul(a, a));
    add_output(&n, tg_mul(wide, tg_expand(tg_square(b), TG_SHAPE(2, 3, 4, 4))));
    add_output(&n, wide);
    add_output(&n, tg_sum_to(a, TG_SHAPE(1, 3, 1, 1)));
    add_output(&n, tg_sum_to(a, TG_SHAPE(4, 4)));
    add_output(&n, tg_sum(a));
    add_output(&n, tg_prelu(a, b));
    check_same(&n, "binary and sums", 1e-5);
}

TEST(moving)
{
    net n = begin();
    tg_node *x = add_input(&n, TG_SHAPE(2, 3, 4, 5)), *z = add_input(&n, TG_SHAPE(2, 1, 4, 5));
    add_output(&n, tg_reshape(x, TG_SHAPE(6, 20)));
    add_output(&n, tg_transpose(x, (int[]){0, 2, 3, 1}));
    add_output(&n, tg_slice(x, 2, 1, 2));
    add_output(&n, tg_flip(x, 3));
    add_output(&n, tg_pad(x, 3, 1, 2));
    add_output(&n, tg_reflect_pad(x, 2));
    add_output(&n, tg_concat((tg_node *[]){x, z, x}, 3, 1));
    check_same(&n, "moving", 0);
}

TEST(resizing)
{
    static const int64_t size[][2] = {{8, 10}, {12, 15}, {2, 5}};
    for (int m = TG_NEAREST; m <= TG_BICUBIC; m++) {
        net n = begin();
        tg_node *x = add_input(&n, TG_SHAPE(1, 2, 4, 5));
        for (int i = 0; i < (m == TG_BILINEAR_CORNER || m == TG_NEAREST ? 1 : 3); i++)
            add_output(&n, tg_resize(x, size[i][0], size[i][1], (tg_resize_mode)m));
        check_same(&n, "resize", 1e-5);
    }
}

TEST(products)
{
    net n = begin();
    tg_node *a = add_input(&n, TG_SHAPE(3, 4)), *b = add_input(&n, TG_SHAPE(4, 5));
    tg_node *c = add_input(&n, TG_SHAPE(5, 4)), *d = add_input(&n, TG_SHAPE(4, 3));
    add_output(&n, tg_matmul(a, b, false, false));
    add_output(&n, tg_matmul(a, c, false, true));
    add_output(&n, tg_matmul(d, b, true, false));
    add_output(&n, tg_matmul(d, c, true, true));
    check_same(&n, "products", 1e-5);
}

TEST(convolutions_and_pools)
{
    net n = begin();
    tg_node *x = add_input(&n, TG_SHAPE(2, 4, 9, 8)), *w = add_input(&n, TG_SHAPE(6, 2, 3, 3));
    tg_conv c = TG_CONV(.stride = 2, .groups = 2, .pad = 1, .bottom = 1);
    tg_node *y = tg_conv2d(x, w, c);
    add_output(&n, y);
    add_output(&n, tg_conv2d_dx(y, w, tg_shape_of(x), c));
    add_output(&n, tg_conv2d(x, w, TG_CONV(.groups = 2)));
    tg_window some = {.kh = 3, .kw = 3, .stride = 2, .pad = 1};
    tg_window whole = some, up = {.kh = 2, .kw = 2, .stride = 2, .ceil = true};
    whole.whole = true;
    add_output(&n, tg_avg_pool(x, some));
    add_output(&n, tg_avg_pool(x, whole));
    add_output(&n, tg_max_pool(x, some));
    add_output(&n, tg_max_pool(x, up));
    check_same(&n, "convolutions and pools", 1e-5);
}

TEST(filters)
{
    net n = begin();
    tg_node *x = add_input(&n, TG_SHAPE(2, 3, 6, 5));
    tg_fir_kernel k = {{2, 2}, {1, 1}, {2, 2}, {1, 1}, {2, 3}, {1, 2, 3, 4, 5, 7}};
    tg_fir_kernel up = k, down = k, blur = k, crop = k;
    up.before[0] = up.before[1] = 1;
    up.after[0] = 0;
    add_output(&n, tg_fir(x, &up));
    down.up[0] = down.up[1] = 1;
    down.down[0] = down.down[1] = 2;
    add_output(&n, tg_fir(x, &down));
    blur.up[0] = blur.up[1] = 1;
    add_output(&n, tg_fir(x, &blur));
    check_same(&n, "filters", 1e-5);
    net m = begin();
    base_error e = {{0}};
    crop.down[0] = 2;
    add_output(&m, tg_fir(add_input(&m, TG_SHAPE(2, 3, 6, 5)), &crop));
    CHECK(write_net(&m, test_scratch("fir.onnx"), &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "fir") != NULL);
    drop(&m);
}

TEST(outputs_that_are_inputs_or_the_same)
{
    net n = begin();
    tg_node *x = add_input(&n, TG_SHAPE(2, 3)), *y = tg_exp(x);
    add_output(&n, x);
    add_output(&n, y);
    add_output(&n, y);
    add_output(&n, tg_mul(y, tg_const(n.g, TG_SHAPE(3), (float[]){1, 2, 3})));
    add_output(&n, tg_mul(x, tg_fill(n.g, TG_SHAPE(2, 3), 0.5)));
    check_same(&n, "same outputs", 1e-6);
}

// A network of the table with initial values.
static net network(const char *name, const char *const set[], const tg_shape in[],
                   const char *const port[])
{
    base_error e = {{0}};
    net n = begin();
    const model_net *of = model_find(name);
    model_ports *io = NULL;
    void *options = base_alloc(1, of->size);
    guise_status s = model_ports_open(&io, &e);
    if (!s) s = nn_params_open(&n.params, &e);
    base_fields_init(of->options, options);
    for (int i = 0; !s && set[i]; i++) s = base_fields_assign(of->options, options, set[i], &e);
    for (int i = 0; !s && port[i]; i++) s = model_ports_give(io, port[i], in[i], &e);
    if (!s) of->build(nn_root(n.params, n.g, false), options, io);
    for (size_t i = 0; !s && i < model_ports_inputs(io); i++) {
        tg_node *made = model_ports_input(io, i, &(const char *){NULL});
        add_input(&n, tg_shape_of(made));
        n.in[i] = made;
    }
    for (size_t i = 0; !s && i < model_ports_outputs(io); i++)
        add_output(&n, model_ports_output(io, i, &(const char *){NULL}));
    if (!s) s = nn_settle(n.params, 5, &e);
    if (s || tg_error(n.g)) printf("    %s: %s\n", name, s ? e.text : tg_error(n.g));
    CHECK(!s && !tg_error(n.g));
    model_ports_close(&io);
    base_free(options);
    return n;
}

static void check_network(const char *name, const char *const set[], const tg_shape in[],
                          const char *const port[])
{
    net n = network(name, set, in, port);
    check_same(&n, name, 1e-5);
}

static const char *const img_id[] = {"img", "id", NULL}, *const img[] = {"img", NULL};

TEST(networks)
{
    const tg_shape two[] = {TG_SHAPE(2, 3, 16, 16), TG_SHAPE(2, 4)};
    check_network("simswap", (const char *[]){"width=4", "depth=1", "blocks=2", "latent=4", NULL},
                  two, img_id);
    check_network("arcface-se", (const char *[]){"layers=18", NULL},
                  (tg_shape[]){TG_SHAPE(1, 3, 112, 112)}, img);
    check_network("patchgan", (const char *[]){"width=4", NULL},
                  (tg_shape[]){TG_SHAPE(1, 3, 64, 64)}, img);
    check_network("parsing", (const char *[]){NULL}, (tg_shape[]){TG_SHAPE(1, 3, 64, 64)}, img);
}

TEST(larger_batches) // of a network that was written for one picture
{
    base_error e = {{0}};
    weights_onnx *m = NULL;
    net n = network("arcface-se", (const char *[]){"layers=18", NULL},
                    (tg_shape[]){TG_SHAPE(1, 3, 112, 112)}, img);
    const char *path = test_scratch("batch.onnx");
    guise_status s = write_net(&n, path, &e);
    if (!s) s = weights_onnx_open(&m, path, &e);
    CHECK(!s);
    tg_node *out[MOST] = {NULL};
    tg_node *in = tg_input(n.g, TG_SHAPE(2, 3, 112, 112), "two");
    if (!s) weights_onnx_build(m, n.g, &in, out);
    if (tg_error(n.g)) printf("    %s\n", tg_error(n.g));
    CHECK(!s && tg_same(tg_shape_of(out[0]), TG_SHAPE(2, 512)));
    weights_onnx_close(&m);
    drop(&n);
}

TEST(refuses)
{
    base_error e = {{0}};
    net n = begin();
    const char *path = test_scratch("refused.onnx");
    tg_node *x = add_input(&n, TG_SHAPE(1, 2, 4, 4)), *m = add_input(&n, TG_SHAPE(1, 6));
    add_output(&n, tg_warp(x, m, 4, 4));
    CHECK(write_net(&n, path, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "ONNX has no operator for warp"));
    CHECK(!base_is_file(path));
    drop(&n);
    net p = begin();
    add_output(&p, tg_exp(tg_param(p.g, TG_SHAPE(3), "nobody")));
    e.text[0] = 0;
    CHECK(write_net(&p, path, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "nobody has no value"));
    e.text[0] = 0;
    CHECK(tg_matmul(p.out[0], p.out[0], false, false) == NULL); // the graph's mistake is told
    CHECK(write_net(&p, path, &e) == GUISE_BAD_ARGUMENT && e.text[0]);
    drop(&p);
    net d = begin();
    add_output(&d, tg_exp(add_input(&d, TG_SHAPE(3))));
    CHECK(write_net(&d, test_scratch("no/such/place.onnx"), &e) == GUISE_IO);
    drop(&d);
}

TEST(without_memory)
{
    const tg_shape two[] = {TG_SHAPE(1, 3, 8, 8), TG_SHAPE(1, 2)};
    net n = network("simswap", (const char *[]){"width=2", "depth=1", "blocks=1", "latent=2", NULL},
                    two, img_id);
    const char *path = test_scratch("memory.onnx");
    guise_status s = GUISE_NO_MEMORY;
    long i = 0;
    for (; s && i < 20000; i++) {
        base_error e = {{0}};
        base_fail_allocation(i);
        s = write_net(&n, path, &e);
        base_fail_allocation(-1);
        if (s) CHECK(s == GUISE_NO_MEMORY && e.text[0] && !base_is_file(path));
    }
    CHECK(!s && i > 100);
    check_same(&n, "after that", 1e-5);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(elementwise), CASE(binary_and_sums), CASE(moving), CASE(resizing),
               CASE(products), CASE(convolutions_and_pools), CASE(filters),
               CASE(outputs_that_are_inputs_or_the_same), CASE(networks), CASE(larger_batches),
               CASE(refuses), CASE(without_memory));
}
