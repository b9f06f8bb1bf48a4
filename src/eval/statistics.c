// statistics.c -- means, quantiles, bootstrap intervals.
#include "eval/statistics.h"
#include <math.h>
#include <stdlib.h>

double eval_mean(const double *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += v[i];
    return n ? sum / (double)n : (double)NAN;
}

double eval_variance(const double *v, size_t n)
{
    if (n < 2) return (double)NAN;
    double mean = eval_mean(v, n), sum = 0;
    for (size_t i = 0; i < n; i++) sum += (v[i] - mean) * (v[i] - mean);
    return sum / (double)(n - 1);
}

double eval_quantile(const double *sorted, size_t n, double q)
{
    if (!n) return (double)NAN;
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= n) return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void eval_sort(double *v, size_t n)
{
    if (n) qsort(v, n, sizeof *v, ascending);
}

guise_status eval_bootstrap(const double *v, size_t n, int resamples, uint64_t seed, double *low,
                            double *high, base_error *e)
{
    if (!n || resamples < 1)
        return base_fail(e, GUISE_BAD_ARGUMENT, "an interval needs at least one value");
    double *mean = base_alloc((size_t)resamples, sizeof *mean);
    if (!mean) return base_no_memory(e);
    base_rng r = {seed};
    for (int k = 0; k < resamples; k++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += v[base_rng_next(&r) % n];
        mean[k] = sum / (double)n;
    }
    eval_sort(mean, (size_t)resamples);
    *low = eval_quantile(mean, (size_t)resamples, 0.025);
    *high = eval_quantile(mean, (size_t)resamples, 0.975);
    base_free(mean);
    return GUISE_OK;
}
