// statistics.h -- numbers about many numbers: means, spreads, quantiles, bootstrap intervals.
// Sums are doubles in the order given, so that the same values give the same bits.
#ifndef GUISE_EVAL_STATISTICS_H
#define GUISE_EVAL_STATISTICS_H
#include "base/base.h"

double eval_mean(const double *v, size_t n);     // NaN for none
double eval_variance(const double *v, size_t n); // divided by n - 1; NaN for fewer than two
// Linear between order statistics (type 7 of Hyndman and Fan 1996, numpy's default). q 0..1;
// sorted: ascending. NaN for none.
double eval_quantile(const double *sorted, size_t n, double q);
void eval_sort(double *v, size_t n); // ascending

enum { EVAL_RESAMPLES = 1000, EVAL_SEED = 1979 };
// Percentile bootstrap (Efron 1979) of the mean: `resamples` times n draws with replacement by
// seed; low and high are the 2.5 % and 97.5 % quantiles of the means. One value: itself twice.
// Errors: GUISE_NO_MEMORY; GUISE_BAD_ARGUMENT for no value.
guise_status eval_bootstrap(const double *v, size_t n, int resamples, uint64_t seed, double *low,
                            double *high, base_error *e);

// Frechet distance of two normal distributions fitted to rows of features (Heusel et al. 2017,
// eq. 6): |ma - mb|^2 + tr(Ca + Cb - 2 (Ca Cb)^1/2), covariances divided by n - 1.
//   a [na,d], b [nb,d]; na, nb at least 2
// Errors: GUISE_BAD_ARGUMENT for too few rows or numbers that are not finite; GUISE_NO_MEMORY.
guise_status eval_frechet(const float *a, size_t na, const float *b, size_t nb, size_t d,
                          double *distance, base_error *e);

#endif
