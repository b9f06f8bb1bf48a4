// smooth_case.c -- golden cases of Smooth-Swap.
#include "smooth_case.h"
#include "test.h"
#include "weights/weights.h"

bool smooth_open(smooth_case *c, const char *name)
{
    char file[200];
    base_error e = {{0}};
    *c = (smooth_case){.name = name};
    snprintf(file, sizeof file, "smoothswap/%s.safetensors", name);
    const char *path = test_golden(file);
    if (!path) return false;
    bool ok = weights_safetensors_read(&c->file, path, &e) == GUISE_OK;
    if (!ok) printf("%s: %s\n", path, e.text);
    CHECK(ok);
    c->g = tg_new();
    for (int i = 0; i < SMOOTH_STORES; i++) CHECK(!nn_params_open(&c->p[i], NULL));
    return ok;
}

void smooth_close(smooth_case *c)
{
    for (int i = 0; i < c->n; i++) base_free(c->want[i].want);
    for (int i = 0; i < c->inputs; i++) base_free(c->in[i].value);
    for (int i = 0; i < SMOOTH_STORES; i++) nn_params_close(&c->p[i]);
    tg_free(c->g);
    base_tensors_free(&c->file);
    *c = (smooth_case){0};
}

bool smooth_has(const smooth_case *c, const char *name)
{
    return base_tensors_find(&c->file, name) != NULL;
}

double smooth_number(const smooth_case *c, const char *name, int64_t i)
{
    const base_tensor *t = base_tensors_find(&c->file, name);
    return t && i < base_tensor_count(t) ? base_tensor_at(t, i) : NAN;
}

// Values of a tensor, the caller's to free, and its shape; NULL where absent.
static float *stored(const smooth_case *c, const char *name, tg_shape *s)
{
    const base_tensor *t = base_tensors_find(&c->file, name);
    if (!t) return NULL;
    s->rank = t->rank;
    for (int i = 0; i < t->rank && i < TG_MAX_RANK; i++) s->dim[i] = t->dim[i];
    float *v = base_alloc((size_t)base_tensor_count(t), sizeof *v);
    if (v) base_tensor_floats(t, v);
    return v;
}

static tg_node *input(smooth_case *c, tg_shape s, float *v) // takes v
{
    tg_node *x = tg_input(c->g, s, "x");
    double *d = x ? tg_data(x) : NULL;
    if (!d || c->inputs == 16) {
        base_free(v);
        return tg_fail(c->g, "the test has no room for an input");
    }
    for (int64_t i = 0; i < tg_count(s); i++) d[i] = (double)v[i];
    c->in[c->inputs].x = x;
    c->in[c->inputs++].value = v;
    return x;
}

tg_node *smooth_input(smooth_case *c, const char *name)
{
    tg_shape s = {0};
    float *v = stored(c, name, &s);
    return v ? input(c, s, v) : tg_fail(c->g, "%s has no %s", c->name, name);
}

tg_node *smooth_values(smooth_case *c, tg_shape s, const float *v)
{
    float *copy = base_alloc((size_t)tg_count(s), sizeof *copy);
    if (copy) memcpy(copy, v, (size_t)tg_count(s) * sizeof *copy);
    return copy ? input(c, s, copy) : tg_no_memory(c->g);
}

void smooth_load(smooth_case *c, int i, const char *weights, const char *buffers)
{
    nn_params *p = c->p[i];
    CHECK(!nn_settle(p, 1, NULL));
    for (size_t k = 0; k < nn_params_n(p); k++) {
        const nn_entry *e = nn_params_entry(p, k);
        char name[200];
        if (e->kind == NN_COUNTER) continue;
        snprintf(name, sizeof name, "%s%s", e->kind == NN_WEIGHT ? weights : buffers, e->name);
        const base_tensor *t = base_tensors_find(&c->file, name);
        if (!t) printf("%s has no %s\n", c->name, name);
        CHECK(t && (size_t)base_tensor_count(t) == e->count);
        if (t && (size_t)base_tensor_count(t) == e->count)
            base_tensor_floats(t, nn_params_data(p) + e->offset);
    }
}

// ---- The formula

double smooth_formula(uint32_t i, uint32_t k)
{
    uint32_t x = i * 747796405u + k * 2891336453u + 1;
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    return ((double)(x >> 8) - 8388608) / 8388608;
}

static bool ends(const char *name, const char *with)
{
    size_t n = strlen(name), m = strlen(with);
    return n >= m && !strcmp(name + n - m, with);
}

static void fill(const nn_entry *e, uint32_t k, double gain, bool equal, float *v)
{
    double scale = 0.1, offset = 0, fan = 1;
    bool map = ends(e->name, ".W"); // of attention: [in,out]
    for (int i = map ? 0 : 1; i < (map ? 1 : e->shape.rank); i++) fan *= (double)e->shape.dim[i];
    if (e->shape.rank > 1)
        scale = sqrt(3 * gain / (equal ? 1 : fan));
    else if (ends(e->name, "weight") || ends(e->name, "running_var"))
        offset = 1, scale = 0.25;
    for (size_t i = 0; i < e->count; i++)
        v[i] = (float)(offset + scale * smooth_formula((uint32_t)i, k));
}

void smooth_fill(nn_params *p, uint32_t k, uint32_t k_buffers, double gain, bool equal)
{
    CHECK(!nn_settle(p, 1, NULL));
    for (size_t i = 0; i < nn_params_n(p); i++) {
        const nn_entry *e = nn_params_entry(p, i);
        float *v = nn_params_data(p) + e->offset;
        if (e->kind == NN_WEIGHT) fill(e, k++, gain, equal, v);
        if (e->kind == NN_BUFFER) fill(e, k_buffers++, gain, equal, v);
    }
}

// ---- Comparison

static void expect(smooth_case *c, const char *name, tg_node *x, float *want, double tol)
{
    CHECK(x != NULL && want != NULL);
    if (!x) printf("%s: no node for %s: %s\n", c->name, name, tg_error(c->g) ? tg_error(c->g) : "");
    if (!x || !want || c->n == SMOOTH_WANTS) {
        CHECK(c->n < SMOOTH_WANTS);
        base_free(want);
        return;
    }
    snprintf(c->want[c->n].name, sizeof c->want[c->n].name, "%s", name);
    c->want[c->n].x = x;
    c->want[c->n].want = want;
    c->want[c->n++].tol = tol;
}

void smooth_want(smooth_case *c, const char *name, tg_node *x, double tol)
{
    tg_shape s = {0};
    float *v = stored(c, name, &s);
    if (!v) printf("%s has no %s\n", c->name, name);
    bool fits = x && v && tg_count(s) == tg_count(tg_shape_of(x));
    if (x && v && !fits) printf("%s: %s has another size\n", c->name, name);
    CHECK(fits || !x);
    if (!fits) base_free(v);
    expect(c, name, x, fits ? v : NULL, tol);
}

void smooth_want_probe(smooth_case *c, const char *name, tg_node *x, double tol)
{
    enum { PROBES = 64 };
    tg_node *at[PROBES], *flat;
    int64_t size = tg_count(tg_shape_of(x));
    if (!(flat = tg_reshape(x, TG_SHAPE(size)))) return;
    for (int64_t i = 0; i < PROBES; i++) at[i] = tg_slice(flat, 0, (102947 * i + 11) % size, 1);
    smooth_want(c, name, tg_concat(at, PROBES, 0), tol);
}

void smooth_by_length(smooth_case *c)
{
    if (c->n) c->want[c->n - 1].length = true;
}

int smooth_want_grads(smooth_case *c, int i, const char *prefix, tg_node *y, tg_node *cot,
                      double tol)
{
    size_t n = nn_params_n(c->p[i]);
    int found = 0;
    tg_node **grad = base_alloc(n, sizeof *grad);
    if (!grad) return 0;
    nn_grad_with(c->p[i], y, cot, grad);
    for (size_t k = 0; k < n; k++) {
        char name[200];
        snprintf(name, sizeof name, "%s%s", prefix, nn_params_entry(c->p[i], k)->name);
        if (!smooth_has(c, name)) continue;
        smooth_want(c, name, grad[k], tol);
        found++;
    }
    base_free(grad);
    return found;
}

tg_node *smooth_grad(tg_node *y, tg_node *cot, tg_node *x)
{
    tg_node *d = NULL;
    if (y && x) tg_grad(y, cot, &x, 1, &d);
    return d;
}

static void report(const smooth_case *c, const char *how, const char *name, double off, double tol)
{
    char text[400];
    snprintf(text, sizeof text, "%s: %s %s is off by %.3g of the largest, at most %.3g", c->name,
             how, name, off, tol);
    test_checked++;
    if (!(off <= tol)) test_report(__FILE__, __LINE__, text);
    if (getenv("GOLDEN_VERBOSE")) printf("%s\n", text);
}

// Relative to the largest value. What is zero by symmetry, as the gradients of a bias before a
// softmax or a batch norm, comes out as rounding errors: those are relative to 1.
static double distance(const smooth_case *c, int i, const float *v, const double *d)
{
    const float *want = c->want[i].want;
    double worst = 0, largest = 0, squares = 0, of = 0;
    int64_t n = tg_count(tg_shape_of(c->want[i].x));
    for (int64_t k = 0; k < n; k++) {
        double off = fabs((v ? (double)v[k] : d[k]) - (double)want[k]);
        if (!(off <= worst)) worst = isnan(off) ? INFINITY : off;
        largest = fmax(largest, fabs((double)want[k]));
        squares += off * off;
        of += (double)want[k] * (double)want[k];
    }
    if (c->want[i].length) return sqrt(squares / of);
    return worst / (largest < 1e-6 ? 1 : largest);
}

static void check_plan(smooth_case *c)
{
    base_error e = {{0}};
    tg_plan *plan = NULL;
    tg_node *out[SMOOTH_WANTS];
    for (int i = 0; i < c->n; i++) out[i] = c->want[i].x;
    guise_status s = tg_plan_open(&plan, c->g, out, c->n, &(tg_plan_options){.train = true}, &e);
    for (int i = 0; !s && i < SMOOTH_STORES; i++)
        if (nn_params_n(c->p[i])) s = nn_bind(c->p[i], c->g, plan, &e);
    for (int i = 0; !s && i < c->inputs; i++)
        s = tg_plan_bind(plan, c->in[i].x, c->in[i].value, &e);
    if (!s) s = tg_plan_run(plan, &e);
    if (s) printf("%s: %s\n", c->name, e.text);
    CHECK(!s);
    for (int i = 0; !s && i < c->n; i++) {
        double off = distance(c, i, tg_plan_value(plan, out[i]), NULL);
        report(c, "plan", c->want[i].name, off, c->want[i].tol);
    }
    tg_plan_close(&plan);
}

static void check_reference(smooth_case *c, double exact)
{
    for (int k = 0; k < SMOOTH_STORES; k++)
        for (size_t i = 0; i < nn_params_n(c->p[k]); i++) {
            tg_node *leaf = nn_leaf(c->p[k], c->g, i);
            const nn_entry *e = nn_params_entry(c->p[k], i);
            double *d = leaf ? tg_data(leaf) : NULL;
            const float *v = nn_params_data(c->p[k]) + e->offset;
            for (size_t j = 0; d && j < e->count; j++) d[j] = (double)v[j];
        }
    for (int i = 0; i < c->n; i++) {
        const double *d = tg_eval(c->want[i].x);
        CHECK(d != NULL);
        if (d) report(c, "reference", c->want[i].name, distance(c, i, NULL, d), exact);
    }
}

void smooth_check(smooth_case *c, double exact)
{
    if (tg_error(c->g)) printf("%s: %s\n", c->name, tg_error(c->g));
    CHECK(!tg_error(c->g) && c->n > 0);
    if (tg_error(c->g) || !c->n) return;
    check_plan(c);
    if (exact > 0) check_reference(c, exact);
}
