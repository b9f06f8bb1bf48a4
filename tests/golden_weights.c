// golden_weights.c -- weights by formula: a hash of the tensor's name and the element's index.
#include "golden_weights.h"
#include <math.h>
#include <string.h>

double golden_gain(const char *tag)
{
    static const char *const two[] = {"G224", "G512", "GDEEP", "D1", "D2", "DPROJ", "BISE"};
    static const char *const one[] = {"ARC18", "ARC101", "ARC18N", "TINY"};
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (!strcmp(tag, two[i])) return 2;
    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        if (!strcmp(tag, one[i])) return 1;
    return 0;
}

static uint32_t seed_of(const char *name) // FNV-1a, 32 bits
{
    uint32_t h = 2166136261u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

void golden_hash(const char *name, float *v, size_t n)
{
    uint32_t seed = seed_of(name);
#pragma omp parallel for schedule(static) if (n > 65536)
    for (size_t i = 0; i < n; i++) {
        uint32_t x = (uint32_t)i * 2654435769u + seed;
        x ^= x >> 16;
        x *= 0x7feb352du;
        x ^= x >> 15;
        x *= 0x846ca68bu;
        x ^= x >> 16;
        v[i] = (float)((int32_t)(x >> 8) - 8388608) * 0x1p-23f;
    }
}

static bool ends(const char *s, const char *tail)
{
    size_t n = strlen(s), k = strlen(tail);
    return n >= k && !strcmp(s + n - k, tail);
}

static void scale(float *v, size_t n, float k, float c)
{
    for (size_t i = 0; i < n; i++) {
        float t = k * v[i];
        v[i] = c + t;
    }
}

static void unit(float *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)v[i] * v[i];
    for (size_t i = 0; i < n; i++) v[i] = (float)(v[i] / sqrt(sum));
}

void golden_tensor(const char *tag, const char *key, tg_shape s, float *v)
{
    char name[300];
    snprintf(name, sizeof name, "%s/%s", tag, key);
    size_t n = (size_t)tg_count(s);
    golden_hash(name, v, n);
    int64_t fan_in = 1;
    for (int i = 1; i < s.rank; i++) fan_in *= s.dim[i];
    if (ends(key, "running_mean"))
        scale(v, n, 0.1f, 0);
    else if (ends(key, "running_var"))
        scale(v, n, 0.4f, 1);
    else if (ends(key, "weight_u") || ends(key, "weight_v"))
        unit(v, n);
    else if (ends(key, ".linear.weight"))
        scale(v, n, 0.5f, 0);
    else if (ends(key, "num_batches_tracked"))
        memset(v, 0, n * sizeof *v);
    else if (s.rank >= 2)
        scale(v, n, (float)sqrt(3 * golden_gain(tag) / (double)fan_in), 0);
    else if (ends(key, "bias"))
        scale(v, n, 0.1f, 0);
    else if (n == 1)
        scale(v, n, 0.05f, 0.25f);
    else
        scale(v, n, 0.2f, 1);
}

void golden_fill(nn_params *p, const char *tag)
{
    for (size_t i = 0; i < nn_params_n(p); i++) {
        const nn_entry *e = nn_params_entry(p, i);
        golden_tensor(tag, e->name, e->shape, nn_params_data(p) + e->offset);
    }
}
