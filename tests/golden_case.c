// golden_case.c -- golden cases, their inputs, and comparison.
#include "golden_case.h"
#include "test.h"
#include "weights/weights.h"

bool golden_open(golden_case *c, const char *name)
{
    char file[200];
    *c = (golden_case){.name = name};
    snprintf(file, sizeof file, "simswap/%s.safetensors", name);
    const char *path = test_golden(file);
    if (!path) return false;
    base_error e = {{0}};
    bool ok = weights_safetensors_read(&c->file, path, &e) == GUISE_OK;
    if (!ok) printf("%s: %s\n", path, e.text);
    CHECK(ok);
    return ok;
}

void golden_close(golden_case *c) { base_tensors_free(&c->file); }

float *golden_floats(const golden_case *c, const char *name, size_t *n)
{
    const base_tensor *t = base_tensors_find(&c->file, name);
    if (!t) return NULL;
    *n = (size_t)base_tensor_count(t);
    float *v = base_alloc(*n, sizeof *v);
    if (v) base_tensor_floats(t, v);
    return v;
}

double golden_number(const golden_case *c, const char *name)
{
    const base_tensor *t = base_tensors_find(&c->file, name);
    return t ? base_tensor_at(t, 0) : NAN;
}

float *golden_picture(const golden_case *c, const char *name, bool normalise, tg_shape *s)
{
    static const float mean[] = {0.485f, 0.456f, 0.406f}, deviation[] = {0.229f, 0.224f, 0.225f};
    const base_tensor *t = base_tensors_find(&c->file, name);
    CHECK(t && t->dtype == BASE_U8 && (t->rank == 3 || t->rank == 4));
    if (!t) return NULL;
    const int64_t *d = t->dim + (t->rank - 3);
    int64_t images = t->rank == 4 ? t->dim[0] : 1, h = d[0], w = d[1];
    *s = TG_SHAPE(images, 3, h, w);
    float *v = base_alloc((size_t)tg_count(*s), sizeof *v);
    const uint8_t *u = t->data;
    for (int64_t i = 0; v && i < images * h * w; i++)
        for (int k = 0; k < 3; k++) {
            float x = (float)u[3 * i + k] / 255.0f;
            if (normalise) x = (x - mean[k]) / deviation[k];
            v[(i / (h * w) * 3 + k) * h * w + i % (h * w)] = x;
        }
    return v;
}

float *golden_latent(const char *tag, int rows)
{
    float *v = base_alloc((size_t)rows * 512, sizeof *v);
    for (int r = 0; v && r < rows; r++) {
        char name[64];
        snprintf(name, sizeof name, "latent/%s/%d", tag, r);
        float *row = v + 512 * r;
        golden_hash(name, row, 512);
        double sum = 0;
        for (int i = 0; i < 512; i++) sum += (double)row[i] * row[i];
        for (int i = 0; i < 512; i++) row[i] = (float)(row[i] / sqrt(sum));
    }
    return v;
}

static const base_tensor *find(const golden_case *c, const char *name, const char *what)
{
    char text[300];
    snprintf(text, sizeof text, "%s%s", name, what);
    return base_tensors_find(&c->file, text);
}

static void verdict(const golden_case *c, const char *name, double worst, double tol)
{
    char text[800];
    snprintf(text, sizeof text, "%s: %s differs by %.3g, at most %.3g allowed", c->name, name,
             worst, tol);
    test_checked++;
    if (!(worst <= tol)) test_report(__FILE__, __LINE__, text);
    if (getenv("GOLDEN_VERBOSE")) printf("%s: %s %.3g (%.3g)\n", c->name, name, worst, tol);
}

static double larger(double a, double b) { return b <= a ? a : isnan(b) ? 1e300 : b; }

static void compare_all(const golden_case *c, const char *name, const base_tensor *t,
                        const float *v, size_t n, double tol)
{
    CHECK((size_t)base_tensor_count(t) == n);
    double worst = 0, size = 1;
    for (size_t i = 0; i < n && (size_t)base_tensor_count(t) == n; i++) {
        double want = base_tensor_at(t, (int64_t)i);
        worst = larger(worst, fabs(v[i] - want));
        size = larger(size, fabs(want));
    }
    verdict(c, name, worst, tol * size);
}

// [numel, sum, l2, min, max]
static void compare_stat(const golden_case *c, const char *name, const base_tensor *t,
                         const float *v, size_t n, double tol)
{
    double sum = 0, squares = 0, lo = v[0], hi = v[0];
    for (size_t i = 0; i < n; i++) {
        sum += v[i];
        squares += (double)v[i] * v[i];
        lo = v[i] < lo ? v[i] : lo;
        hi = v[i] > hi ? v[i] : hi;
    }
    double low = base_tensor_at(t, 3), high = base_tensor_at(t, 4), l2 = base_tensor_at(t, 2);
    double size = fmax(1, fmax(fabs(low), fabs(high)));
    CHECK((double)n == base_tensor_at(t, 0));
    char what[300];
    snprintf(what, sizeof what, "%s.stat min and max", name);
    verdict(c, what, larger(fabs(lo - low), fabs(hi - high)), tol * size);
    snprintf(what, sizeof what, "%s.stat l2", name);
    verdict(c, what, fabs(sqrt(squares) - l2), tol * fmax(1, l2));
    snprintf(what, sizeof what, "%s.stat mean", name);
    verdict(c, what, fabs(sum - base_tensor_at(t, 1)) / (double)n, tol * size);
}

// Elements at flat index i max(1, n / k)
static void compare_samples(const golden_case *c, const char *name, const base_tensor *t,
                            const float *v, size_t n, double tol)
{
    size_t k = (size_t)base_tensor_count(t), every = n / k ? n / k : 1;
    double worst = 0, size = 1;
    for (size_t i = 0; i < k && i * every < n; i++) {
        double want = base_tensor_at(t, (int64_t)i);
        worst = larger(worst, fabs(v[i * every] - want));
        size = larger(size, fabs(want));
    }
    verdict(c, name, worst, tol * size);
}

int golden_compare(const golden_case *c, const char *name, const float *v, size_t n, double tol)
{
    const base_tensor *all = find(c, name, ""), *stat = find(c, name, ".stat");
    const base_tensor *samples = find(c, name, ".samp"), *some = find(c, name, ".ch0_15");
    if (!v) {
        printf("%s: nothing to compare with %s\n", c->name, name);
        CHECK(v != NULL);
        return 0;
    }
    if (all) compare_all(c, name, all, v, n, tol);
    if (stat) compare_stat(c, name, stat, v, n, tol);
    if (samples) compare_samples(c, name, samples, v, n, tol);
    if (some) compare_all(c, name, some, v, (size_t)base_tensor_count(some), tol); // of sample 0
    return (all != NULL) + (stat != NULL) + (samples != NULL) + (some != NULL);
}

static double norm(const float *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)v[i] * v[i];
    return sqrt(sum);
}

void golden_compare_norm(const golden_case *c, const char *name, const float *v, size_t n,
                         double rel)
{
    size_t count = 0;
    float *want = golden_floats(c, name, &count);
    CHECK(want && v && count == n);
    if (want && v && count == n) {
        double size = norm(want, n);
        for (size_t i = 0; i < n; i++) want[i] -= v[i];
        verdict(c, name, norm(want, n) / size, rel);
    }
    base_free(want);
}

// Samples of one row that are off by more than rel of their own size or the tensor's typical one.
static int samples_off(const base_tensor *samples, int64_t row, const nn_entry *e, const float *v,
                       double l2, double rel)
{
    int off = 0;
    for (int64_t j = 0; j < 8; j++) {
        double want = base_tensor_at(samples, 8 * row + j);
        double have = v[(size_t)j * e->count / 8];
        double size = fmax(l2 / sqrt((double)e->count), fabs(want));
        off += !(fabs(have - want) <= rel * size);
    }
    return off;
}

int64_t golden_compare_grads(const golden_case *c, const char *name, int64_t row,
                             const nn_params *p, const char *prefix, const float *const grad[],
                             double rel)
{
    const base_tensor *l2 = find(c, name, ".l2"), *samples = find(c, name, ".samp8");
    CHECK(l2 && samples);
    if (!l2 || !samples) return -1;
    int64_t rows = base_tensor_count(l2), compared = 0, off = 0;
    double largest = 0, worst = 0;
    for (int64_t i = 0; i < rows; i++) largest = fmax(largest, base_tensor_at(l2, i));
    for (size_t i = 0; i < nn_params_n(p) && row < rows; i++) {
        const nn_entry *e = nn_params_entry(p, i);
        if (e->kind != NN_WEIGHT || strncmp(e->name, prefix, strlen(prefix)) != 0) continue;
        double want = base_tensor_at(l2, row);
        CHECK(grad[i] != NULL);
        if (want > 1e-7 * largest &&
            grad[i]) { // else NaN, no gradient, or rounding noise around zero
            worst = larger(worst, fabs(norm(grad[i], e->count) - want) / want);
            off += samples_off(samples, row, e, grad[i], want, 4 * rel);
            compared += 8;
        }
        row++;
    }
    CHECK(compared > 0);
    char what[400];
    snprintf(what, sizeof what, "%s.l2", name);
    verdict(c, what, worst, rel);
    snprintf(what, sizeof what, "%s.samp8, part of samples that are off,", name);
    verdict(c, what, compared ? (double)off / (double)compared : 1, 0.03);
    return row;
}
