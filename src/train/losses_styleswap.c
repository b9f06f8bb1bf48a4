// losses_styleswap.c -- losses and regularisers of StyleGAN2 (Karras et al. 2020) and StyleSwap (Xu
// et al. 2022). Facts: spec/styleswap.md 2.6 and 5.
#include "train/losses_styleswap.h"
#include "base/team.h"
#include "train/losses.h"
#include <math.h>

tg_node *train_logistic_discriminator(tg_node *real, tg_node *fake)
{
    return tg_add(tg_mean(tg_softplus(tg_neg(real))), tg_mean(tg_softplus(fake)));
}

tg_node *train_logistic_generator(tg_node *fake) { return tg_mean(tg_softplus(tg_neg(fake))); }

tg_node *train_r1(tg_node *logit, tg_node *x)
{
    tg_node *g = NULL;
    if (!logit || !x) return NULL;
    tg_grad(logit, NULL, &x, 1, &g);
    return tg_scale(tg_sum(tg_square(g)), 1 / (double)tg_dim(x, 0));
}

void train_path_length(tg_node *img, tg_node *latents, tg_node *noise, tg_node *mean, train_path *p)
{
    *p = (train_path){0};
    if (!img || !latents || !noise || !mean) return;
    int64_t n = tg_dim(latents, 0), layers = tg_dim(latents, 1), d = tg_dim(latents, 2);
    if (tg_shape_of(latents).rank != 3 || tg_shape_of(img).rank != 4) {
        tg_fail(tg_graph_of(img), "path length wants a style vector for each layer: [n,layers,d]");
        return;
    }
    tg_node *cot = tg_scale(noise, 1 / sqrt((double)(tg_dim(img, 2) * tg_dim(img, 3))));
    tg_grad(img, cot, &latents, 1, &p->jacobian);
    if (!p->jacobian) return;
    tg_node *rows = tg_reshape(tg_square(p->jacobian), TG_SHAPE(n, layers * d));
    tg_node *sum = tg_scale(tg_sum_to(rows, TG_SHAPE(n, 1)), 1 / (double)layers);
    // the floor keeps the root's derivative finite where a sample has no gradient at all
    p->lengths = tg_reshape(tg_sqrt(tg_shift(sum, 1e-12)), TG_SHAPE(n));
    tg_node *last = tg_detach(mean);
    p->mean = tg_add(tg_scale(last, 0.99), tg_scale(tg_all_mean(tg_mean(p->lengths)), 0.01));
    p->penalty = tg_mean(tg_square(tg_sub(p->lengths, p->mean)));
}

nn_adam train_lazy_adam(nn_adam a, int every)
{
    double r = every / (every + 1.0);
    return (nn_adam){a.lr * r, pow(a.beta1, r), pow(a.beta2, r), a.eps};
}

double train_average_decay(int batch, double half_life) { return pow(0.5, batch / half_life); }

void train_mixing(base_rng *r, double probability, int layers, float *keep)
{
    bool mixed = base_rng_uniform(r) < probability;
    int at = layers > 1 ? base_rng_range(r, 1, layers - 1) : layers;
    for (int i = 0; i < layers; i++) keep[i] = !mixed || i < at;
}

tg_node *train_mask_loss(tg_node *mask, tg_node *truth)
{
    const double least = 1e-12; // where the gradient of PyTorch's ends, too
    tg_node *in = tg_mul(truth, tg_log(tg_clip(mask, least, 2)));
    tg_node *out =
        tg_mul(tg_affine(truth, -1, 1), tg_log(tg_clip(tg_affine(mask, -1, 1), least, 2)));
    return tg_neg(tg_mean(tg_add(in, out)));
}

tg_node *train_same_l1(tg_node *made, tg_node *target, tg_node *same)
{
    if (!made || !target || !same) return NULL;
    int64_t n = tg_dim(made, 0);
    tg_shape one = TG_SHAPE(n, 1, 1, 1);
    tg_node *each = tg_reshape(tg_mean_to(tg_abs(tg_sub(made, target)), one), TG_SHAPE(n));
    int processes = base_team_size(tg_team_of(made));
    tg_node *count = tg_scale(tg_clip(tg_all_sum(tg_sum(same)), 1, INFINITY), 1.0 / processes);
    return tg_div(tg_sum(tg_mul(each, same)), count);
}

const train_styleswap_weights train_styleswap_recommended = {
    .adv = 1, .id = 10, .mask = 1, .fm = 10, .rec = 10};

static tg_node *weighted(tg_node *total, tg_node *loss, double weight)
{
    if (!loss) return total;
    loss = tg_scale(loss, weight);
    return total ? tg_add(total, loss) : loss;
}

void train_styleswap_loss(const train_styleswap_seen *s, const train_styleswap_weights *w,
                          train_styleswap_losses *l)
{
    *l = (train_styleswap_losses){0};
    l->adv = train_logistic_generator(s->fake->logit);
    l->id = tg_mean(train_identity_loss(s->made_id, s->source_id));
    if (s->mask) l->mask = train_mask_loss(s->mask, s->truth);
    l->fm = train_feature_matching(s->fake->feature, s->real->feature, s->fm_from,
                                   s->fake->features - 1);
    l->rec = train_same_l1(s->made, s->target, s->same);
    l->total = weighted(NULL, l->adv, w->adv);
    l->total = weighted(l->total, l->id, w->id);
    l->total = weighted(l->total, l->mask, w->mask);
    l->total = weighted(l->total, l->fm, w->fm);
    l->total = weighted(l->total, l->rec, w->rec);
}

int train_feature_at_most(int s, int side)
{
    int i = 0;
    while (s >> i > side && s >> i > 4) i++;
    return i;
}
