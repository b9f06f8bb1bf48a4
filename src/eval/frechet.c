// frechet.c -- the distance of two sets of features, as normal distributions (Heusel et al. 2017).
//
// tr((Ca Cb)^1/2) is the sum of the square roots of the eigenvalues of Ca Cb. Those are the
// eigenvalues of the symmetric matrix Ca^1/2 Cb Ca^1/2, so two symmetric eigen-decompositions by
// LAPACK are enough, and no complex number appears.
#include "eval/statistics.h"
#include <lapacke.h>
#include <math.h>
#include <string.h>

// Mean [d] and covariance [d,d] of the rows.
static void moments(const float *x, size_t n, size_t d, double *mean, double *cov)
{
    for (size_t j = 0; j < d; j++) mean[j] = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) mean[j] += (double)x[i * d + j];
    for (size_t j = 0; j < d; j++) mean[j] /= (double)n;
    memset(cov, 0, d * d * sizeof *cov);
    for (size_t i = 0; i < n; i++) {
        const float *row = x + i * d;
        for (size_t j = 0; j < d; j++) {
            double a = (double)row[j] - mean[j];
            for (size_t k = j; k < d; k++) cov[j * d + k] += a * ((double)row[k] - mean[k]);
        }
    }
    for (size_t j = 0; j < d; j++)
        for (size_t k = j; k < d; k++) {
            cov[j * d + k] /= (double)(n - 1);
            cov[k * d + j] = cov[j * d + k];
        }
}

// Eigenvalues ascending; rows of a become eigenvectors where vectors is set. Negative rounding
// errors become 0.
static guise_status eigen(double *a, size_t d, bool vectors, double *value, base_error *e)
{
    lapack_int n = (lapack_int)d; // column-major, so that vectors come out as our rows
    lapack_int failed = LAPACKE_dsyevd(LAPACK_COL_MAJOR, vectors ? 'V' : 'N', 'L', n, a, n, value);
    if (failed == LAPACK_WORK_MEMORY_ERROR) return base_no_memory(e);
    if (failed)
        return base_fail(e, GUISE_BAD_ARGUMENT, "the features' covariance has no eigenvalues");
    for (size_t i = 0; i < d; i++)
        if (value[i] < 0) value[i] = 0;
    return GUISE_OK;
}

// out = a b, all [d,d]
static void product(const double *a, const double *b, size_t d, double *out)
{
    memset(out, 0, d * d * sizeof *out);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k < d; k++) {
            double x = a[i * d + k];
            for (size_t j = 0; j < d; j++) out[i * d + j] += x * b[k * d + j];
        }
}

typedef struct {
    double *ma, *mb, *value, *ca, *cb, *root, *work; // [d] three times, [d,d] four times
} matrices;

static bool matrices_open(matrices *m, size_t d)
{
    m->ma = base_alloc(d, 3 * sizeof(double));
    m->ca = d <= 65536 ? base_alloc(d * d, 4 * sizeof(double)) : NULL;
    if (!m->ma || !m->ca) return false;
    m->mb = m->ma + d;
    m->value = m->mb + d;
    m->cb = m->ca + d * d;
    m->root = m->cb + d * d;
    m->work = m->root + d * d;
    return true;
}

// m->root = Ca^1/2: eigenvectors V as rows, so V' diag(sqrt value) V. Ca is lost.
static guise_status square_root(matrices *m, size_t d, base_error *e)
{
    guise_status s = eigen(m->ca, d, true, m->value, e);
    if (s) return s;
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++) {
            m->work[j * d + i] = m->ca[i * d + j];
            m->ca[i * d + j] *= sqrt(m->value[i]);
        }
    product(m->work, m->ca, d, m->root);
    return GUISE_OK;
}

static guise_status between(matrices *m, size_t d, double *distance, base_error *e)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++) {
        sum += (m->ma[j] - m->mb[j]) * (m->ma[j] - m->mb[j]);
        sum += m->ca[j * d + j] + m->cb[j * d + j];
    }
    guise_status s = square_root(m, d, e);
    if (s) return s;
    product(m->root, m->cb, d, m->work);
    product(m->work, m->root, d, m->ca);
    s = eigen(m->ca, d, false, m->value, e);
    for (size_t j = 0; !s && j < d; j++) sum -= 2 * sqrt(m->value[j]);
    if (!s) *distance = sum > 0 ? sum : 0;
    return s;
}

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

guise_status eval_frechet(const float *a, size_t na, const float *b, size_t nb, size_t d,
                          double *distance, base_error *e)
{
    if (na < 2 || nb < 2 || !d)
        return base_fail(e, GUISE_BAD_ARGUMENT, "a Frechet distance needs two pictures a side");
    if (!all_finite(a, na * d) || !all_finite(b, nb * d))
        return base_fail(e, GUISE_BAD_ARGUMENT, "the features are not finite numbers");
    matrices m = {0};
    guise_status s = matrices_open(&m, d) ? GUISE_OK : base_no_memory(e);
    if (!s) {
        moments(a, na, d, m.ma, m.ca);
        moments(b, nb, d, m.mb, m.cb);
        s = between(&m, d, distance, e);
    }
    base_free(m.ma);
    base_free(m.ca);
    return s;
}
