// losses.c -- the losses of SimSwap (Chen et al. 2020, section 3.3; spec/simswap.md 4).
#include "train/losses.h"
#include "nn/nn.h"

tg_node *train_identity_loss(tg_node *made, tg_node *source)
{
    if (!made || !source) return NULL;
    return tg_affine(nn_cosine(made, tg_detach(source)), -1, 1);
}

tg_node *train_reconstruction_loss(tg_node *made, tg_node *target, tg_node *weight)
{
    tg_node *d = tg_abs(tg_sub(made, target));
    if (weight && tg_shape_of(weight).rank == 1)
        weight = tg_reshape(weight, TG_SHAPE(tg_dim(weight, 0), 1, 1, 1));
    return tg_mean(weight ? tg_mul(d, weight) : d);
}

// mean over the maps of mean(max(0, 1 + sign l)); or of mean(sign l) where not cut
static tg_node *mean_of_maps(tg_node *const logit[], int n, double sign, bool cut)
{
    tg_node *sum = NULL;
    for (int i = 0; i < n; i++) {
        tg_node *l = cut ? tg_relu(tg_affine(logit[i], sign, 1)) : tg_scale(logit[i], sign);
        sum = i ? tg_add(sum, tg_mean(l)) : tg_mean(l);
    }
    return tg_scale(sum, 1.0 / n);
}

tg_node *train_hinge_real(tg_node *const logit[], int n)
{
    return mean_of_maps(logit, n, -1, true);
}

tg_node *train_hinge_fake(tg_node *const logit[], int n) { return mean_of_maps(logit, n, 1, true); }

tg_node *train_hinge_generator(tg_node *const logit[], int n)
{
    return mean_of_maps(logit, n, -1, false);
}

tg_node *train_feature_matching(tg_node *const made[], tg_node *const real[], int first, int last)
{
    tg_node *sum = NULL;
    for (int i = first; i <= last; i++) {
        tg_node *d = tg_mean(tg_abs(tg_sub(made[i], tg_detach(real[i]))));
        sum = i > first ? tg_add(sum, d) : d;
    }
    return sum;
}

tg_node *train_mix(tg_node *real, tg_node *fake, tg_node *a)
{
    tg_node *k = a ? tg_reshape(a, TG_SHAPE(tg_dim(a, 0), 1, 1, 1)) : NULL;
    return tg_add(tg_mul(real, k), tg_mul(fake, tg_affine(k, -1, 1)));
}

tg_node *train_gradient_penalty(tg_node *logit, tg_node *x)
{
    tg_node *g = NULL;
    if (!logit || !x) return NULL;
    tg_grad(logit, NULL, &x, 1, &g);
    if (!g) return NULL;
    int64_t n = tg_dim(x, 0);
    tg_node *rows = tg_reshape(tg_square(g), TG_SHAPE(n, tg_count(tg_shape_of(x)) / n));
    tg_node *sum = tg_reshape(tg_sum_to(rows, TG_SHAPE(n, 1)), TG_SHAPE(n));
    // the floor keeps the root's derivative finite where a sample has no gradient at all
    tg_node *length = tg_sqrt(tg_shift(sum, 1e-12));
    return tg_mean(tg_square(tg_affine(length, 1, -1)));
}

tg_node *train_smooth_l1(tg_node *x, double beta)
{
    tg_node *size = tg_abs(x), *in = tg_clip(size, 0, beta);
    return tg_add(tg_scale(tg_square(in), 0.5 / beta), tg_sub(size, in));
}
