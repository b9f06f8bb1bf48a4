// losses_smoothswap.c -- losses of Smooth-Swap (Kim et al. 2022); supervised contrastive loss of
// Khosla et al. 2020 (arXiv 2004.11362). Facts: spec/smoothswap.md 2.2, 4.1, 5.
#include "train/losses_smoothswap.h"
#include "train/losses.h"
#include "train/losses_styleswap.h"
#include <math.h>

tg_node *train_same_label(tg_graph *g, const int *label, int n)
{
    if (n < 1) return tg_fail(g, "a batch has at least one photo");
    float *v = base_alloc((size_t)n * (size_t)n, sizeof *v);
    if (!v) return tg_no_memory(g);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) v[i * n + j] = i != j && label[i] == label[j];
    tg_node *same = tg_const(g, TG_SHAPE(n, n), v);
    base_free(v);
    return same;
}

static tg_node *others(tg_graph *g, int64_t n) // 1 but for the diagonal
{
    float *v = base_alloc((size_t)(n * n), sizeof *v);
    if (!v) return tg_no_memory(g);
    for (int64_t i = 0; i < n * n; i++) v[i] = i / n != i % n;
    tg_node *x = tg_const(g, TG_SHAPE(n, n), v);
    base_free(v);
    return x;
}

// Rows of s less the largest of those elements where `of` is 1: it cancels, and keeps exp finite.
static tg_node *less_largest(tg_node *s, tg_node *of)
{
    const double far = 1e4;
    int64_t n = tg_dim(s, 0);
    tg_node *x = tg_sub(tg_detach(s), tg_affine(of, -far, far));
    x = tg_max_pool(tg_reshape(x, TG_SHAPE(1, 1, n, n)),
                    (tg_window){.kh = 1, .kw = n, .stride = 1});
    return tg_sub(s, tg_detach(tg_reshape(x, TG_SHAPE(n, 1))));
}

static tg_node *row_sums(tg_node *x) { return tg_sum_to(x, TG_SHAPE(tg_dim(x, 0), 1)); }

// 1 / how many positives a row has, 0 for none
static tg_node *share_of_positives(tg_node *same)
{
    tg_node *n = row_sums(same);
    return tg_mul(tg_recip(tg_clip(n, 1, INFINITY)), tg_step(n));
}

tg_node *train_contrastive_loss(tg_node *unit, tg_node *same, const train_contrastive_options *o)
{
    int64_t n = tg_dim(unit, 0);
    double tau = o->tau > 0 ? o->tau : 0.07, by = o->base_tau > 0 ? tau / o->base_tau : 1;
    const double least = 1e-30; // where nobody counts, or all are too far for a float
    if (!unit || !same) return NULL;
    tg_graph *g = tg_graph_of(unit);
    if (tg_shape_of(unit).rank != 2 || !tg_same(tg_shape_of(same), TG_SHAPE(n, n)))
        return tg_fail(g,
                       "the contrastive loss wants rows [n,d] and a table [n,n] of who is alike");
    tg_node *all = others(g, n), *negative = tg_sub(all, same);
    tg_node *s = less_largest(tg_scale(tg_matmul(unit, unit, false, true), 1 / tau), all);
    // the diagonal would be the largest, and overflow; it counts nowhere
    s = tg_mul(s, all);
    tg_node *e = tg_exp(s);
    tg_node *sum = row_sums(tg_mul(e, o->against == TRAIN_AGAINST_ALL ? all : negative));
    if (o->against == TRAIN_AGAINST_OTHERS_AND_IT) sum = tg_add(e, sum); // [n,n], by positive
    tg_node *gain = tg_sub(s, tg_log(tg_clip(sum, least, INFINITY)));
    tg_node *loss = tg_mul(row_sums(tg_mul(gain, same)), share_of_positives(same));
    return tg_reshape(tg_scale(loss, -by), TG_SHAPE(n));
}

tg_node *train_contrastive_mean(tg_node *loss, tg_node *same)
{
    tg_node *valid = tg_sum(tg_step(row_sums(same)));
    return tg_mul(tg_sum(loss), tg_recip(tg_clip(valid, 1, INFINITY)));
}

tg_node *train_change_loss(tg_node *made, tg_node *target)
{
    return tg_mean(tg_square(tg_sub(made, target)));
}

const train_smoothswap_weights train_smoothswap_recommended = {.id = 4, .change = 1, .adv = 1};

void train_smoothswap_loss(tg_node *made, tg_node *target, tg_node *made_id, tg_node *source_id,
                           tg_node *logit, const train_smoothswap_weights *w,
                           train_smoothswap_losses *l)
{
    *l = (train_smoothswap_losses){0};
    l->id = tg_mean(train_identity_loss(made_id, source_id));
    l->change = train_change_loss(made, target);
    l->total = tg_add(tg_scale(l->id, w->id), tg_scale(l->change, w->change));
    if (!logit) return;
    l->adv = train_logistic_generator(logit);
    l->total = tg_add(l->total, tg_scale(l->adv, w->adv));
}

void train_smoothswap_d_loss(tg_node *real, tg_node *fake, tg_node *x, double gamma,
                             train_smoothswap_d_losses *l)
{
    *l = (train_smoothswap_d_losses){.logistic = train_logistic_discriminator(real, fake)};
    l->total = l->logistic;
    if (!x) return;
    l->r1 = train_r1(real, x);
    l->total = tg_add(l->total, tg_scale(l->r1, gamma / 2 * TRAIN_R1_EVERY));
}

// The first n of v become a random choice of all, each order as likely.
static void choose(base_rng *r, int *v, int all, int n)
{
    for (int i = 0; i < n; i++) {
        int j = base_rng_range(r, i, all - 1), t = v[i];
        v[i] = v[j];
        v[j] = t;
    }
}

guise_status train_draw_people(base_rng *r, const int *photos, int all, int people, int each,
                               int *person, int *photo, base_error *e)
{
    int fit = 0, most = 0;
    if (people < 1 || each < 1)
        return base_fail(e, GUISE_BAD_ARGUMENT, "a batch has at least one person and one photo");
    for (int i = 0; i < all; i++) most = photos[i] > most ? photos[i] : most;
    int *who = base_alloc((size_t)all, sizeof *who), *which = base_alloc((size_t)most, sizeof *who);
    bool memory = (who || !all) && (which || !most);
    for (int i = 0; memory && i < all; i++)
        if (photos[i] >= each) who[fit++] = i;
    bool enough = fit >= people;
    if (memory && enough) choose(r, who, fit, people);
    for (int i = 0; memory && enough && i < people; i++) {
        for (int j = 0; j < photos[who[i]]; j++) which[j] = j;
        choose(r, which, photos[who[i]], each);
        for (int j = 0; j < each; j++) {
            person[i * each + j] = who[i];
            photo[i * each + j] = which[j];
        }
    }
    base_free(who);
    base_free(which);
    if (!memory) return base_no_memory(e);
    if (enough) return GUISE_OK;
    return base_fail(
        e, GUISE_BAD_ARGUMENT,
        "only %d people have %d photos or more, and a batch takes %d; choose fewer, or "
        "add photos",
        fit, each, people);
}
