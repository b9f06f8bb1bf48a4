// norm.c -- batch and instance normalisation as compositions of ops, so that they have gradients of
// any order. Factors are combined while they are small ([.,c,1,1]) and expanded once.
//   Batch: Ioffe & Szegedy 2015. Instance: Ulyanov et al. 2016. Variance in two passes, biased.
#include "base/team.h"
#include "nn/nn.h"

// x - mean and the variance, over the dims in which `to` has 1
typedef struct {
    tg_node *mean, *centred, *variance;
} moments;

static moments moments_of(tg_node *x, tg_shape to)
{
    moments m = {.mean = tg_mean_to(x, to)};
    m.centred = tg_sub(x, m.mean);
    m.variance = tg_mean_to(tg_square(m.centred), to);
    return m;
}

// The same where the rows of x are a share of a batch: over all of it.
static moments moments_of_all(tg_node *x, tg_shape to)
{
    moments m = {.mean = tg_all_mean(tg_mean_to(x, to))};
    m.centred = tg_sub(x, m.mean);
    m.variance = tg_all_mean(tg_mean_to(tg_square(m.centred), to));
    return m;
}

static tg_node *inverse_deviation(tg_node *variance, double eps)
{
    return tg_rsqrt(tg_shift(variance, eps));
}

// [1,c] or [1,c,1,1]
static tg_shape channel_shape(const tg_node *x)
{
    tg_shape s = tg_shape_of(x);
    for (int i = 0; i < s.rank; i++)
        if (i != 1) s.dim[i] = 1;
    return s;
}

typedef struct {
    tg_node *gamma, *beta, *mean, *variance; // [c]
} bn_entries;

static bn_entries entries(nn m, int64_t c)
{
    tg_shape s = TG_SHAPE(c);
    nn_init one = {.kind = NN_INIT_ONE}, zero = {.kind = NN_INIT_ZERO};
    bn_entries e;
    e.gamma = nn_weight(m, "weight", s, one);
    e.beta = nn_weight(m, "bias", s, zero);
    e.mean = nn_buffer(m, "running_mean", s, zero);
    e.variance = nn_buffer(m, "running_var", s, one);
    return e;
}

void nn_batch_norm_entries(nn m, int64_t c)
{
    entries(m, c);
    m.train = false; // no pass yet
    nn_counter(m, "num_batches_tracked");
}

// old + 0.1 (new - old), PyTorch's momentum
static void track(nn m, const char *name, tg_node *old, tg_node *now, double scale)
{
    tg_node *flat = tg_reshape(tg_detach(now), tg_shape_of(old));
    nn_set_buffer(m, name, tg_add(tg_scale(old, 0.9), tg_scale(flat, 0.1 * scale)));
}

tg_node *nn_batch_norm(nn m, tg_node *x, double eps)
{
    if (!x) return NULL;
    tg_shape to = channel_shape(x);
    bn_entries e = entries(m, nn_channels(x));
    nn_counter(m, "num_batches_tracked");
    tg_node *gamma = tg_reshape(e.gamma, to), *beta = tg_reshape(e.beta, to);
    if (!m.train) {
        tg_node *k = tg_mul(gamma, inverse_deviation(tg_reshape(e.variance, to), eps));
        tg_node *b = tg_sub(beta, tg_mul(tg_reshape(e.mean, to), k));
        return tg_add(tg_mul(x, k), b);
    }
    double n = (double)(tg_count(tg_shape_of(x)) / nn_channels(x));
    n *= base_team_size(tg_team_of(x));
    if (n < 2)
        return tg_fail(m.graph,
                       "%s: batch statistics need more than one value a channel; use a "
                       "larger batch or picture",
                       m.path ? m.path : "");
    moments s = moments_of_all(x, to);
    track(m, "running_mean", e.mean, s.mean, 1);
    track(m, "running_var", e.variance, s.variance, n / (n - 1)); // unbiased
    tg_node *k = tg_mul(gamma, inverse_deviation(s.variance, eps));
    return tg_add(tg_mul(s.centred, k), beta);
}

tg_node *nn_instance_norm(tg_node *x, double eps)
{
    moments s = moments_of(x, TG_SHAPE(tg_dim(x, 0), tg_dim(x, 1), 1, 1));
    return tg_mul(s.centred, inverse_deviation(s.variance, eps));
}

tg_node *nn_adain(tg_node *x, tg_node *gain, tg_node *bias, double eps)
{
    tg_shape to = TG_SHAPE(tg_dim(x, 0), tg_dim(x, 1), 1, 1);
    moments s = moments_of(x, to);
    tg_node *k = tg_mul(tg_reshape(gain, to), inverse_deviation(s.variance, eps));
    return tg_add(tg_mul(s.centred, k), tg_reshape(bias, to));
}
