// golden_mix.c -- values by splitmix64, golden files whole or sampled.
#include "golden_mix.h"
#include "test.h"
#include "weights/weights.h"

void mix_values(const char *name, double scale, double offset, float *v, size_t n)
{
    uint64_t state = 0xcbf29ce484222325u; // FNV-1a
    for (; *name; name++) state = (state ^ (unsigned char)*name) * 0x100000001b3u;
    float k = (float)scale, c = (float)offset;
#pragma omp parallel for simd schedule(static) if (n > 65536)
    for (size_t i = 0; i < n; i++) {
        uint64_t z = state + (i + 1) * 0x9E3779B97F4A7C15u;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        z = z ^ z >> 31;
        float f = (float)(int64_t)(z >> 40) * 0x1p-23f - 1.0f;
        v[i] = offset == 0 ? k * f : c + k * f; // two roundings: contraction is off
    }
}

float *mix_input(const char *name, tg_shape s, double scale, double offset)
{
    float *v = base_alloc((size_t)tg_count(s), sizeof *v);
    CHECK(v != NULL);
    if (v) mix_values(name, scale, offset, v, (size_t)tg_count(s));
    return v;
}

static bool ends(const char *s, const char *tail)
{
    size_t n = strlen(s), k = strlen(tail);
    return n >= k && !strcmp(s + n - k, tail);
}

// Inputs that a value of the output is a sum of.
static double fan_in(const char *name, tg_shape s)
{
    bool first = ends(name, "up1.weight") && s.rank == 4; // from one pixel
    bool hear = strstr(name, "up") && ends(name, ".0.weight") && s.dim[3] == 4;
    bool transposed = strstr(name, "deconv") || hear; // 4x4, stride 2
    double n = 1;
    for (int i = 1; i < s.rank; i++) n *= (double)s.dim[i];
    return first ? (double)s.dim[0] : transposed ? (double)(s.dim[0] * s.dim[2] * s.dim[3]) / 4 : n;
}

void mix_fill(nn_params *p, const char *prefix)
{
    for (size_t i = 0; i < nn_params_n(p); i++) {
        const nn_entry *e = nn_params_entry(p, i);
        char name[300];
        snprintf(name, sizeof name, "%s%s", prefix, e->name);
        float *v = nn_params_data(p) + e->offset;
        double scale = 0.1, offset = 0;
        if (e->kind == NN_COUNTER) scale = 0;
        if (e->shape.rank >= 2)
            scale = (double)(float)sqrt(3 / fan_in(e->name, e->shape));
        else if (ends(name, "running_var"))
            scale = 0.5, offset = 1;
        else if (ends(name, "weight"))
            scale = 0.2, offset = 1;
        mix_values(name, scale, offset, v, e->count);
    }
}

static bool read_case(golden_case *c, const char *path, const char *name)
{
    base_error e = {{0}};
    c->name = name;
    bool ok = weights_safetensors_read(&c->file, path, &e) == GUISE_OK;
    if (!ok) printf("%s: %s\n", path, e.text);
    CHECK(ok);
    return ok;
}

void mix_open(mix_case *c, const char *name)
{
    char file[200];
    *c = (mix_case){.name = name};
    snprintf(file, sizeof file, "faceshifter/%s.safetensors", name);
    int skipped = test_skipped;
    const char *path = test_golden(file);
    test_skipped = skipped; // not skipped: there are samples
    if (path && read_case(&c->whole, path, name)) return;
    read_case(&c->samples, test_file("golden/faceshifter/samples.safetensors"), name);
}

void mix_close(mix_case *c)
{
    golden_close(&c->whole);
    golden_close(&c->samples);
}

static const base_tensor *sample(const mix_case *c, const char *name, const char *what)
{
    char full[400];
    snprintf(full, sizeof full, "%s/%s%s", c->name, name, what);
    return base_tensors_find(&c->samples.file, full);
}

bool mix_has(const mix_case *c, const char *name)
{
    return base_tensors_find(&c->whole.file, name) || sample(c, name, ".samp");
}

static void verdict(const char *where, const char *name, double worst, double tol)
{
    char text[800];
    snprintf(text, sizeof text, "%s: %s differs by %.3g, at most %.3g allowed", where, name, worst,
             tol);
    test_checked++;
    if (!(worst <= tol)) test_report(__FILE__, __LINE__, text);
    if (getenv("GOLDEN_VERBOSE")) printf("%s: %s %.3g (%.3g)\n", where, name, worst, tol);
}

const base_tensor *mix_expected(const mix_case *c, const char *name, size_t n, size_t *every)
{
    const base_tensor *t = base_tensors_find(&c->whole.file, name), *s = sample(c, name, ".samp");
    *every = 1;
    if (t && (size_t)base_tensor_count(t) == n) return t;
    size_t k = s ? (size_t)base_tensor_count(s) : 0;
    if (k && k <= n) {
        *every = n / k;
        return s;
    }
    char text[400];
    snprintf(text, sizeof text, "%s has no %s of %zu values", c->name, name, n);
    test_report(__FILE__, __LINE__, text);
    return NULL;
}

void mix_compare(const mix_case *c, const char *name, const float *v, size_t n, double tol)
{
    size_t every;
    const base_tensor *t = mix_expected(c, name, n, &every);
    if (!v) test_report(__FILE__, __LINE__, name);
    if (!t || !v) return;
    double worst = 0;
    for (int64_t i = 0; i < base_tensor_count(t); i++) {
        double d = fabs((double)v[(size_t)i * every] - base_tensor_at(t, i));
        worst = d <= worst ? worst : isnan(d) ? 1e300 : d;
    }
    verdict(c->name, name, worst, tol);
}

static double length(const float *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)v[i] * v[i];
    return sqrt(sum);
}

bool mix_compare_norm(const mix_case *c, const char *name, const float *v, size_t n, double rel)
{
    size_t every;
    const base_tensor *t = mix_expected(c, name, n, &every), *l2 = sample(c, name, ".l2");
    if (!v) test_report(__FILE__, __LINE__, name);
    if (!t || !v) return false;
    double off = 0, sum = 0;
    int64_t k = base_tensor_count(t);
    for (int64_t i = 0; i < k; i++) {
        double want = base_tensor_at(t, i), d = (double)v[(size_t)i * every] - want;
        off += d * d;
        sum += want * want;
    }
    double size = l2 ? base_tensor_at(l2, 0) : sqrt(sum);
    if (size < 1e-4) return false;
    if (l2) verdict(c->name, name, fabs(length(v, n) - size) / size, rel);
    // some values alone can be off by more than all of them together
    double part = l2 ? 10 * size * sqrt((double)k / (double)n) : size;
    verdict(c->name, name, sqrt(off) / part, rel);
    return true;
}

// The value of a line "name\tvalue".
double mix_scalar(const char *file, const char *name)
{
    char path[200], line[300];
    double value = NAN;
    snprintf(path, sizeof path, "golden/faceshifter/%s.scalars.tsv", file);
    FILE *f = fopen(test_file(path), "r");
    size_t n = strlen(name);
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, name, n) && line[n] == '\t') value = strtod(line + n + 1, NULL);
    if (f) fclose(f);
    if (isnan(value)) test_report(__FILE__, __LINE__, name);
    return value;
}

bool mix_table_row(const char *file, int i, mix_row *r)
{
    char path[200], line[1000] = "";
    snprintf(path, sizeof path, "golden/faceshifter/%s.tsv", file);
    FILE *f = fopen(test_file(path), "r");
    bool found = f != NULL;
    for (int k = -1; found && k <= i; k++) found = fgets(line, sizeof line, f) != NULL; // heading
    if (f) fclose(f);
    if (!found) return false;
    *r = (mix_row){{0}, {0}, 0, 0, 0, 0, 0, {0}};
    double *number[] = {&r->mean, &r->deviation, &r->l2, &r->min, &r->max};
    char *rest = line;
    for (int k = 0; k < 10; k++) {
        char *field = strsep(&rest, "\t\n");
        if (!field) return false;
        if (k < 2)
            snprintf(k ? r->shape : r->name, sizeof r->name, "%s", field);
        else if (k < 7)
            *number[k - 2] = strtod(field, NULL);
        for (int j = 0; k >= 7 && j < 4; j++, field += *field == ',')
            r->value[4 * (k - 7) + j] = strtod(field, &field);
    }
    return true;
}

void mix_compare_row(const char *file, const mix_row *r, const float *v, size_t n, double rel)
{
    double sum = 0, squares = 0, lo = INFINITY, hi = -INFINITY, off = 0;
    CHECK(v != NULL && n >= 12);
    if (!v || n < 12) return;
    for (size_t i = 0; i < n; i++) {
        sum += v[i];
        squares += (double)v[i] * v[i];
        lo = fmin(lo, v[i]);
        hi = fmax(hi, v[i]);
    }
    size_t from[] = {0, n / 4, n - 4};
    for (size_t i = 0; i < 12; i++) off = fmax(off, fabs(v[from[i / 4] + i % 4] - r->value[i]));
    double mean = sum / (double)n, size = fmax(fabs(r->min), fabs(r->max));
    off = fmax(off, fmax(fabs(lo - r->min), fabs(hi - r->max)));
    off = fmax(off, fabs(mean - r->mean));
    off = fmax(off, fabs(sqrt(fmax(0, squares / (double)n - mean * mean)) - r->deviation));
    verdict(file, r->name, off / size, rel);
    verdict(file, r->name, fabs(sqrt(squares) - r->l2) / r->l2, rel);
}
