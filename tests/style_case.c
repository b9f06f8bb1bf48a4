// style_case.c -- golden cases of StyleGAN2 and StyleSwap. The formula of their inputs and
// parameters: splitmix64, see golden/styleswap/README.md.
#include "style_case.h"
#include "test.h"
#include "weights/weights.h"

static bool map_text(base_map *m, const char *name)
{
    base_error e = {{0}};
    const char *path = test_golden(name);
    if (!path) return false;
    bool ok = base_map_open(m, path, &e) == GUISE_OK;
    CHECK(ok);
    return ok;
}

bool style_open(style_case *c, const char *name)
{
    char file[200];
    base_error e = {{0}};
    *c = (style_case){.name = name};
    snprintf(file, sizeof file, "styleswap/%s.safetensors", name);
    const char *path = test_golden(file);
    if (!path) return false;
    bool ok = weights_safetensors_read(&c->file, path, &e) == GUISE_OK;
    if (!ok) printf("%s: %s\n", path, e.text);
    CHECK(ok);
    c->g = tg_new();
    for (int i = 0; i < STYLE_STORES; i++) CHECK(!nn_params_open(&c->p[i], NULL));
    return ok && map_text(&c->formulas, "styleswap/formula_tensors.txt") &&
           map_text(&c->scalars, "styleswap/scalars.txt");
}

void style_close(style_case *c)
{
    for (int i = 0; i < c->n; i++) base_free(c->want[i].want);
    for (int i = 0; i < STYLE_STORES; i++) nn_params_close(&c->p[i]);
    tg_free(c->g);
    base_map_close(&c->formulas);
    base_map_close(&c->scalars);
    base_tensors_free(&c->file);
    *c = (style_case){0};
}

// What follows "<from> <name> " on its line of a text, copied to line; false where there is none.
static bool find_line(const base_map *m, const char *from, const char *name, char line[200])
{
    char key[300];
    size_t n = (size_t)snprintf(key, sizeof key, "%s %s ", from, name);
    const char *text = (const char *)m->data, *end = text + m->size;
    for (const char *at = text; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        if ((size_t)(stop - at) > n && !memcmp(at, key, n)) {
            size_t rest = (size_t)(stop - at) - n;
            rest = rest < 199 ? rest : 199;
            memcpy(line, at + n, rest);
            line[rest] = 0;
            return true;
        }
        at = stop + 1;
    }
    return false;
}

double style_scalar(const style_case *c, const char *key)
{
    char line[200];
    return find_line(&c->scalars, c->name, key, line) ? strtod(line, NULL) : NAN;
}

static float element(uint64_t seed, int64_t i, float amp, float offset)
{
    uint64_t z = seed + ((uint64_t)i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    double u = (double)(z >> 40) / (1 << 23) - 1;
    float v = (float)(u * (double)amp);
    return offset != 0 ? (float)((double)v + (double)offset) : v;
}

// Values by the formula, and their shape; NULL where the table has none. Frees are the caller's.
static float *by_formula(const style_case *c, const char *from, const char *name, tg_shape *s)
{
    char line[200], *at = line;
    if (!find_line(&c->formulas, from, name, line)) return NULL;
    at += strcspn(at, " "); // "input" or "param"
    uint64_t seed = strtoull(at, &at, 10);
    float amp = strtof(at, &at), offset = strtof(at, &at);
    double want = strtod(at, &at), sum = 0;
    *s = (tg_shape){.rank = (int)strtol(at, &at, 10)};
    for (int i = 0; i < s->rank; i++) s->dim[i] = strtoll(at, &at, 10);
    int64_t n = tg_count(*s);
    float *v = base_alloc((size_t)n, sizeof *v);
    for (int64_t i = 0; v && i < n; i++) sum += (double)(v[i] = element(seed, i, amp, offset));
    CHECK_NEAR(sum, want, 1e-6 * (1 + fabs(want)));
    return v;
}

static float *stored(const style_case *c, const char *name, tg_shape *s)
{
    const base_tensor *t = base_tensors_find(&c->file, name);
    if (!t) return NULL;
    *s = (tg_shape){.rank = t->rank};
    for (int i = 0; i < t->rank; i++) s->dim[i] = t->dim[i];
    float *v = base_alloc((size_t)base_tensor_count(t), sizeof *v);
    if (v) base_tensor_floats(t, v);
    return v;
}

float *style_values(const style_case *c, const char *name, tg_shape *s)
{
    float *v = stored(c, name, s);
    if (!v) v = by_formula(c, c->name, name, s);
    if (!v) printf("%s has no %s\n", c->name, name);
    CHECK(v != NULL);
    return v;
}

tg_node *style_input(style_case *c, const char *name)
{
    tg_shape s = {0};
    float *v = style_values(c, name, &s);
    tg_node *x = v ? tg_const(c->g, s, v) : NULL;
    base_free(v);
    return x;
}

void style_fill(style_case *c, int i, const char *from, const char *prefix)
{
    CHECK(!nn_settle(c->p[i], 1, NULL));
    for (size_t k = 0; k < nn_params_n(c->p[i]); k++) {
        const nn_entry *e = nn_params_entry(c->p[i], k);
        char name[300];
        tg_shape s = {0};
        snprintf(name, sizeof name, "%s%s", prefix, e->name);
        float *v = by_formula(c, from, name, &s);
        if (!v || !tg_same(s, e->shape)) printf("%s: no parameter %s\n", from, name);
        CHECK(v && tg_same(s, e->shape));
        if (v && tg_same(s, e->shape))
            memcpy(nn_params_data(c->p[i]) + e->offset, v, e->count * sizeof *v);
        base_free(v);
    }
}

static void expect(style_case *c, const char *name, tg_node *x, float *want, double tol)
{
    CHECK(c->n < STYLE_WANTS && x != NULL && want != NULL);
    if (!x) printf("%s: no node for %s: %s\n", c->name, name, tg_error(c->g) ? tg_error(c->g) : "");
    if (c->n == STYLE_WANTS || !x || !want) {
        base_free(want);
        return;
    }
    snprintf(c->want[c->n].name, sizeof c->want[c->n].name, "%s", name);
    c->want[c->n].x = x;
    c->want[c->n].want = want;
    c->want[c->n++].tol = tol;
}

void style_want(style_case *c, const char *name, tg_node *x, double tol)
{
    tg_shape s = {0};
    float *v = stored(c, name, &s);
    if (!v) printf("%s has no %s\n", c->name, name);
    if (v && x) CHECK(tg_count(s) == tg_count(tg_shape_of(x)));
    if (v && x && tg_count(s) != tg_count(tg_shape_of(x))) x = NULL;
    expect(c, name, x, v, tol);
}

void style_want_number(style_case *c, const char *what, tg_node *x, double want, double tol)
{
    float *v = base_alloc(1, sizeof *v);
    CHECK(isfinite(want) && tg_count(tg_shape_of(x)) == 1);
    if (v) *v = (float)want;
    expect(c, what, x, v, tol);
}

int style_want_grads(style_case *c, int i, const char *kind, const char *prefix, tg_node *y,
                     tg_node *cot, double tol)
{
    size_t n = nn_params_n(c->p[i]);
    int found = 0;
    tg_node **grad = base_alloc(n, sizeof *grad);
    if (!grad) return 0;
    nn_grad_with(c->p[i], y, cot, grad);
    for (size_t k = 0; k < n; k++) {
        const nn_entry *e = nn_params_entry(c->p[i], k);
        char name[300];
        snprintf(name, sizeof name, "%s%s%s", kind, prefix, e->name);
        bool has = base_tensors_find(&c->file, name) != NULL;
        found += has;
        if (has)
            style_want(c, name, grad[k], tol);
        else if (grad[k])
            expect(c, name, grad[k], base_alloc(e->count, sizeof(float)), tol);
    }
    base_free(grad);
    return found;
}

static void report(const style_case *c, const char *how, const char *name, double off, double tol)
{
    char text[400];
    snprintf(text, sizeof text, "%s: %s %s is off by %.3g of the largest, at most %.3g", c->name,
             how, name, off, tol);
    test_checked++;
    if (!(off <= tol)) test_report(__FILE__, __LINE__, text);
    if (getenv("GOLDEN_VERBOSE")) printf("%s\n", text);
}

static double distance(const float *want, const float *v, const double *d, int64_t n)
{
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < n; i++) {
        double off = fabs((v ? (double)v[i] : d[i]) - (double)want[i]);
        if (!(off <= worst)) worst = isnan(off) ? INFINITY : off;
        largest = fmax(largest, fabs((double)want[i]));
    }
    return worst / (largest > 0 ? largest : 1);
}

static void check_plan(style_case *c)
{
    base_error e = {{0}};
    tg_plan *plan = NULL;
    tg_node *out[STYLE_WANTS];
    for (int i = 0; i < c->n; i++) out[i] = c->want[i].x;
    guise_status s = tg_plan_open(&plan, c->g, out, c->n, &(tg_plan_options){.train = true}, &e);
    for (int i = 0; !s && i < STYLE_STORES; i++)
        if (nn_params_n(c->p[i])) s = nn_bind(c->p[i], c->g, plan, &e);
    if (!s) s = tg_plan_run(plan, &e);
    if (s) printf("%s: %s\n", c->name, e.text);
    CHECK(!s);
    for (int i = 0; !s && i < c->n; i++) {
        int64_t n = tg_count(tg_shape_of(out[i]));
        report(c, "plan", c->want[i].name,
               distance(c->want[i].want, tg_plan_value(plan, out[i]), NULL, n), c->want[i].tol);
    }
    tg_plan_close(&plan);
}

static void check_reference(style_case *c, double exact)
{
    for (int k = 0; k < STYLE_STORES; k++)
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
        if (d)
            report(c, "reference", c->want[i].name,
                   distance(c->want[i].want, NULL, d, tg_count(tg_shape_of(c->want[i].x))), exact);
    }
}

void style_check(style_case *c, double exact)
{
    if (tg_error(c->g)) printf("%s: %s\n", c->name, tg_error(c->g));
    CHECK(!tg_error(c->g) && c->n > 0);
    if (tg_error(c->g) || !c->n) return;
    check_plan(c);
    if (exact > 0) check_reference(c, exact);
}
