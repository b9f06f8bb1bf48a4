// test_nn_golden.c -- layers against golden values: norms, AdaIN, spectral norm, and their
// gradients, in the reference evaluator and in a plan.
#include "golden_case.h"
#include "test.h"

typedef struct {
    golden_case c;
    tg_graph *g;
    nn_params *p;
} setting;

static bool begin(setting *s)
{
    *s = (setting){0};
    if (!golden_open(&s->c, "ops")) return false;
    s->g = tg_new();
    CHECK(nn_params_open(&s->p, NULL) == GUISE_OK);
    return true;
}

static void end(setting *s)
{
    golden_close(&s->c);
    nn_params_close(&s->p);
    tg_free(s->g);
}

static tg_node *constant(setting *s, const char *name)
{
    const base_tensor *t = base_tensors_find(&s->c.file, name);
    size_t n = 0;
    float *v = golden_floats(&s->c, name, &n);
    CHECK(t && v);
    if (!t || !v) return NULL;
    tg_shape shape = {.rank = t->rank};
    for (int i = 0; i < t->rank; i++) shape.dim[i] = t->dim[i];
    tg_node *x = tg_const(s->g, shape, v);
    base_free(v);
    return x;
}

// 0, 1, 2, .. : the cotangent of losses that weigh each element by its index
static tg_node *arange(setting *s, tg_shape shape)
{
    size_t n = (size_t)tg_count(shape);
    float *v = base_alloc(n, sizeof *v);
    for (size_t i = 0; i < n; i++) v[i] = (float)i;
    tg_node *x = tg_const(s->g, shape, v);
    base_free(v);
    return x;
}

// Values of the store's entries from the case; missing ones become zero.
static void set(setting *s, const char *const names[][2])
{
    CHECK(nn_settle(s->p, 1, NULL) == GUISE_OK);
    for (int i = 0; names[i][0]; i++) {
        const nn_entry *e = nn_params_find(s->p, names[i][0]);
        size_t n = 0;
        float *v = golden_floats(&s->c, names[i][1], &n);
        CHECK(e && v && n == e->count);
        if (e && v) memcpy(nn_params_data(s->p) + e->offset, v, n * sizeof *v);
        base_free(v);
    }
    for (size_t i = 0; i < nn_params_n(s->p); i++) {
        tg_node *leaf = nn_leaf(s->p, s->g, i);
        const nn_entry *e = nn_params_entry(s->p, i);
        double *d = leaf ? tg_data(leaf) : NULL;
        for (size_t j = 0; d && j < e->count; j++) d[j] = nn_params_data(s->p)[e->offset + j];
    }
}

// x in both executors against the tensor `name`; tol is relative, as in golden_compare.
static void check(setting *s, const char *name, tg_node *x, double tol)
{
    CHECK(x != NULL);
    if (tg_error(s->g)) printf("%s: %s\n", name, tg_error(s->g));
    if (!x) return;
    size_t n = (size_t)tg_count(tg_shape_of(x));
    tg_plan *plan = NULL;
    base_error e = {{0}};
    guise_status st = tg_plan_open(&plan, s->g, &x, 1, NULL, &e);
    if (!st) st = nn_bind(s->p, s->g, plan, &e);
    if (!st) st = tg_plan_run(plan, &e);
    if (st) printf("%s: %s\n", name, e.text);
    CHECK(!st);
    if (!st) CHECK(golden_compare(&s->c, name, tg_plan_value(plan, x), n, tol) == 1);
    const double *d = tg_eval(x);
    float *v = base_alloc(n, sizeof *v);
    for (size_t i = 0; d && i < n; i++) v[i] = (float)d[i];
    CHECK(d && golden_compare(&s->c, name, v, n, 2e-7) == 1);
    base_free(v);
    tg_plan_close(&plan);
}

TEST(instance_norm)
{
    setting s;
    if (!begin(&s)) return;
    tg_node *x = constant(&s, "r"), *dx;
    tg_node *y = nn_instance_norm(x, 1e-8);
    tg_grad(y, arange(&s, tg_shape_of(y)), &x, 1, &dx);
    check(&s, "instnorm", y, 1e-6);
    check(&s, "instnorm.grad_arange", dx, 1e-5);
    end(&s);
}

TEST(adain)
{
    setting s;
    if (!begin(&s)) return;
    tg_node *x = constant(&s, "r");
    tg_node *style = nn_linear(nn_root(s.p, s.g, false), constant(&s, "adain.latent"), 4, false);
    tg_node *gain = tg_shift(tg_slice(style, 1, 0, 2), 1), *bias = tg_slice(style, 1, 2, 2);
    tg_node *y = nn_adain(x, gain, bias, 1e-8), *dx, *dw[2];
    tg_node *loss = tg_mul(tg_square(y), arange(&s, tg_shape_of(y)));
    tg_grad(loss, NULL, &x, 1, &dx);
    nn_grad(s.p, loss, dw);
    set(&s,
        (const char *const[][2]){{"weight", "adain.weight"}, {"bias", "adain.bias"}, {NULL, NULL}});
    check(&s, "adain.out", y, 1e-6);
    check(&s, "adain.gx", dx, 1e-5);
    check(&s, "adain.gw", dw[0], 1e-5);
    check(&s, "adain.gb", dw[1], 1e-5);
    end(&s);
}

TEST(batch_norm)
{
    setting s;
    if (!begin(&s)) return;
    tg_node *x = constant(&s, "bn.x"), *dx, *dw[5];
    tg_node *eval = nn_batch_norm(nn_root(s.p, s.g, false), x, 1e-5);
    tg_node *y = nn_batch_norm(nn_root(s.p, s.g, true), x, 1e-5);
    tg_node *cot = arange(&s, tg_shape_of(y));
    tg_grad(y, cot, &x, 1, &dx);
    nn_grad_with(s.p, y, cot, dw);
    set(&s, (const char *const[][2]){{"weight", "bn.weight"},
                                     {"bias", "bn.bias"},
                                     {"running_mean", "bn.rm0"},
                                     {"running_var", "bn.rv0"},
                                     {NULL, NULL}});
    check(&s, "bn.y_eval", eval, 1e-6);
    check(&s, "bn.y_train", y, 1e-6);
    check(&s, "bn.gx", dx, 2e-5);
    check(&s, "bn.gw", dw[0], 1e-5);
    check(&s, "bn.gb", dw[1], 1e-6);
    const nn_update *update;
    CHECK(nn_updates(s.p, s.g, &update) == 3);
    for (int i = 0; i < 3; i++) {
        const char *name = update[i].entry->name;
        if (!strcmp(name, "running_mean")) check(&s, "bn.rm1", update[i].node, 1e-6);
        if (!strcmp(name, "running_var")) check(&s, "bn.rv1", update[i].node, 1e-6);
    }
    end(&s);
}

static tg_node *newest(setting *s, const char *name)
{
    const nn_update *update;
    for (size_t i = nn_updates(s->p, s->g, &update); i-- > 0;)
        if (!strcmp(update[i].entry->name, name)) return update[i].node;
    return NULL;
}

TEST(spectral_norm) // two passes in training, gradients of the second, then evaluation
{
    setting s;
    if (!begin(&s)) return;
    nn m = nn_root(s.p, s.g, true), eval = nn_root(s.p, s.g, false);
    tg_node *x = constant(&s, "sn.x"), *dw[4];
    tg_node *y1 = nn_spectral_conv(m, x, .out = 6, .k = 4, .stride = 2, .pad = 1);
    tg_node *u1 = newest(&s, "weight_u"), *v1 = newest(&s, "weight_v");
    tg_node *y2 = nn_spectral_conv(m, x, .out = 6, .k = 4, .stride = 2, .pad = 1);
    tg_node *u2 = newest(&s, "weight_u"), *v2 = newest(&s, "weight_v");
    tg_node *y3 = nn_spectral_conv(eval, x, .out = 6, .k = 4, .stride = 2, .pad = 1);
    nn_grad(s.p, tg_square(y2), dw);
    set(&s, (const char *const[][2]){{"weight_orig", "sn.weight_orig"},
                                     {"bias", "sn.bias"},
                                     {"weight_u", "sn.u0"},
                                     {"weight_v", "sn.v0"},
                                     {NULL, NULL}});
    check(&s, "sn.y1", y1, 1e-6);
    check(&s, "sn.u1", u1, 1e-6);
    check(&s, "sn.v1", v1, 1e-6);
    check(&s, "sn.y2", y2, 1e-6);
    check(&s, "sn.u2", u2, 1e-6);
    check(&s, "sn.v2", v2, 1e-6);
    check(&s, "sn.y_eval", y3, 1e-6);
    check(&s, "sn.grad_bias2", dw[0], 1e-5);
    check(&s, "sn.grad_weight_orig2", dw[1], 1e-5);
    end(&s);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(instance_norm), CASE(adain), CASE(batch_norm), CASE(spectral_norm));
}
