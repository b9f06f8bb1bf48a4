// smoothness.c -- walks between identities (Kim et al. 2022, figures 4 and 9); spherical
// interpolation: Shoemake 1985. Facts: spec/smoothswap.md 2.4.
#include "train/smoothness.h"
#include <math.h>

static double between(const float *a, const float *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double d = (double)a[i] - (double)b[i];
        sum += d * d;
    }
    return sqrt(sum);
}

// Of unit vectors, by half the angle: the arc cosine of their product would lose all digits near
// its ends, where a float's last digit is an angle of 3e-4.
static double angle_of(const float *a, const float *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double d = (double)a[i] + (double)b[i];
        sum += d * d;
    }
    return 2 * atan2(between(a, b, n), sqrt(sum));
}

// How much of either end there is at r, for ends this far apart.
static void parts(double angle, double r, double part[2])
{
    double sine = sin(angle);
    bool apart = sine >= 1e-6;
    part[0] = apart ? sin((1 - r) * angle) / sine : 1 - r;
    part[1] = apart ? sin(r * angle) / sine : r;
}

void train_slerp(const float *a, const float *b, int length, double r, float *out)
{
    double k[2];
    parts(angle_of(a, b, length), r, k);
    for (int i = 0; i < length; i++) out[i] = (float)(k[0] * (double)a[i] + k[1] * (double)b[i]);
}

// One step. The point is not kept as floats, so that its distances are exact.
static void step(const float *a, const float *b, const float *bank, size_t n, int length, int i,
                 train_walk *w)
{
    double k[2];
    parts(w->angle_apart, (i + 1) / (TRAIN_WALK_STEPS + 1.0), k);
    double best = INFINITY, along = 0, squares = 0;
    for (size_t at = 0; at < n; at++) {
        const float *row = bank + at * (size_t)length;
        double sum = 0;
        for (int j = 0; j < length; j++) {
            double d = k[0] * (double)a[j] + k[1] * (double)b[j] - (double)row[j];
            sum += d * d;
        }
        if (!(sum < best)) continue;
        best = sum;
        w->nearest[i] = at;
    }
    const float *row = bank + w->nearest[i] * (size_t)length;
    for (int j = 0; j < length; j++) {
        double p = k[0] * (double)a[j] + k[1] * (double)b[j];
        along += p * (double)row[j];
        squares += p * p;
    }
    w->distance[i] = sqrt(best);
    w->angle[i] = acos(fmin(1, fmax(-1, squares > 0 ? along / sqrt(squares) : 0)));
}

static bool met(const train_walk *w, int i) // earlier than at step i
{
    for (int j = 0; j < i; j++)
        if (w->nearest[j] == w->nearest[i]) return true;
    return false;
}

void train_walk_between(const float *a, const float *b, const float *bank, size_t n, int length,
                        train_walk *w)
{
    *w = (train_walk){.apart = between(a, b, length), .angle_apart = angle_of(a, b, length)};
    for (int i = 0; i < TRAIN_WALK_STEPS; i++) {
        step(a, b, bank, n, length, i, w);
        w->distinct += !met(w, i);
        w->changes += i && w->nearest[i] != w->nearest[i - 1];
    }
}

// Means of what the walks found, in their order: the same for any number of threads.
static void sum_up(const train_walk *walk, size_t pairs, train_smoothness *s)
{
    double apart = 0, squares = 0;
    *s = (train_smoothness){0};
    for (size_t i = 0; i < pairs; i++) {
        const train_walk *w = &walk[i];
        for (int k = 0; k < TRAIN_WALK_STEPS; k++) {
            s->distance += w->distance[k] / TRAIN_WALK_STEPS;
            if (!(w->apart > 0 && w->angle_apart > 0)) continue;
            s->d_smooth += w->distance[k] / w->apart / TRAIN_WALK_STEPS;
            s->angle += w->angle[k] / w->angle_apart / TRAIN_WALK_STEPS;
        }
        if (w->apart > 0 && w->angle_apart > 0) {
            s->at_half += w->distance[TRAIN_WALK_STEPS / 2] / w->apart;
            apart++;
        }
        s->count += w->distinct;
        s->changes += w->changes;
    }
    double n = (double)pairs, ratios = apart > 0 ? apart : 1;
    s->distance /= n;
    s->count /= n;
    s->changes /= n;
    s->d_smooth /= ratios;
    s->angle /= ratios;
    s->at_half /= ratios;
    for (size_t i = 0; i < pairs; i++)
        squares += (walk[i].distinct - s->count) * (walk[i].distinct - s->count);
    s->deviation = pairs > 1 ? sqrt(squares / (n - 1)) : 0;
}

guise_status train_smoothness_measure(const float *a, const float *b, size_t pairs,
                                      const float *bank, size_t n, int length, train_smoothness *s,
                                      base_error *e)
{
    if (!pairs || !n || length < 1)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "smoothness is measured with at least one pair and one photo to meet");
    train_walk *walk = base_alloc(pairs, sizeof *walk);
    if (!walk) return base_no_memory(e);
    int64_t walks = (int64_t)pairs;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < walks; i++)
        train_walk_between(a + i * length, b + i * length, bank, n, length, &walk[i]);
    sum_up(walk, pairs, s);
    base_free(walk);
    return GUISE_OK;
}
