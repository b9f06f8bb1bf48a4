// losses_faceshifter.c -- the losses of FaceShifter (Li et al. 2020, arXiv 1912.13457, equations 6
// to 10 and 14) and of DeepFakes. Norms of the paper are means here, as in every implementation.
#include "train/losses_faceshifter.h"
#include "train/losses.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(train_faceshifter_options, field)
const base_field train_faceshifter_fields[] = {
    {"lambda_adv", 0, BASE_REAL, AT(lambda_adv), "1", "weight of the adversarial loss"},
    {"lambda_att", 0, BASE_REAL, AT(lambda_att), "10", "weight of the attribute loss"},
    {"lambda_id", 0, BASE_REAL, AT(lambda_id), "5", "weight of the identity loss; ghost: 20"},
    {"lambda_rec", 0, BASE_REAL, AT(lambda_rec), "10",
     "weight of the reconstruction of same pairs"},
    {"attached", 0, BASE_FLAG, AT(attached), NULL,
     "the attribute loss also pulls the target's attributes, as the published code does; they may "
     "shrink to nothing"},
    {"adversarial", 0, BASE_TEXT, AT(adversarial), "hinge",
     "hinge (cut for the generator too, summed over scales) or linear (mean over scales)"},
    {0}};

void train_aei_run(nn m, const model_aei_options *o, tg_node *target, tg_node *id,
                   train_aei_pass *p)
{
    *p = (train_aei_pass){0};
    int levels = model_aei_attributes(m, target, o, p->target_att, NULL);
    p->made = model_aei_generate(m, p->target_att, levels, id, o, NULL);
    if (p->made) p->levels = model_aei_attributes(m, p->made, o, p->made_att, NULL);
}

tg_node *train_attribute_loss(tg_node *const made[], tg_node *const target[], int levels,
                              bool attached, tg_node *level[])
{
    tg_node *sum = NULL;
    for (int k = 0; k < levels; k++) {
        tg_node *want = attached ? target[k] : tg_detach(target[k]);
        tg_node *one = tg_mean(tg_square(tg_sub(made[k], want)));
        if (level) level[k] = one;
        sum = k ? tg_add(sum, one) : one;
    }
    return sum ? tg_scale(sum, 0.5) : NULL;
}

tg_node *train_same_loss(tg_node *made, tg_node *target, tg_node *same, bool whole)
{
    if (!made || !target || !same) return NULL;
    int64_t n = tg_dim(made, 0), each = tg_count(tg_shape_of(made)) / n;
    tg_node *d = tg_reshape(tg_square(tg_sub(made, target)), TG_SHAPE(n, each));
    tg_node *error = tg_reshape(tg_mean_to(d, TG_SHAPE(n, 1)), TG_SHAPE(n));
    tg_node *sum = tg_scale(tg_sum(tg_mul(error, same)), 0.5);
    // the floor is taotaonice's; it matters only where no sample is the same
    return whole ? tg_scale(sum, 1 / (double)n)
                 : tg_div(sum, tg_shift(tg_all_mean(tg_sum(same)), 1e-6));
}

static bool linear(const train_faceshifter_options *o, tg_graph *g)
{
    bool yes = o->adversarial && !strcmp(o->adversarial, "linear");
    if (!yes && o->adversarial && strcmp(o->adversarial, "hinge") != 0)
        tg_fail(g, "the adversarial loss is hinge or linear, not %s", o->adversarial);
    return yes;
}

static tg_node *weighted_sum(tg_node *const loss[], const double weight[], int n)
{
    tg_node *sum = NULL;
    for (int i = 0; i < n; i++) {
        if (!loss[i]) continue;
        tg_node *one = tg_scale(loss[i], weight[i]);
        sum = sum ? tg_add(sum, one) : one;
    }
    return sum;
}

void train_faceshifter_generator(const train_faceshifter_input *in,
                                 const train_faceshifter_options *o, train_faceshifter_losses *l)
{
    const train_aei_pass *p = in->pass;
    *l = (train_faceshifter_losses){0};
    if (!p->levels || !p->made) return; // the graph knows why
    l->att = train_attribute_loss(p->made_att, p->target_att, p->levels, o->attached, l->level);
    l->id = tg_mean(train_identity_loss(in->made_id, in->source_id));
    l->rec = train_same_loss(p->made, in->target, in->same, false);
    if (in->scales && linear(o, tg_graph_of(p->made)))
        l->adv = train_hinge_generator(in->logit, in->scales);
    else if (in->scales) // cut where the discriminator is convinced
        l->adv = tg_scale(train_hinge_real(in->logit, in->scales), in->scales);
    tg_node *loss[] = {l->adv, l->att, l->id, l->rec};
    double weight[] = {o->lambda_adv, o->lambda_att, o->lambda_id, o->lambda_rec};
    l->total = weighted_sum(loss, weight, 4);
}

tg_node *train_faceshifter_discriminator(tg_node *const real[], tg_node *const fake[], int scales,
                                         const train_faceshifter_options *o)
{
    if (scales < 1 || !real[0]) return NULL;
    tg_node *sum = tg_add(train_hinge_real(real, scales), train_hinge_fake(fake, scales));
    return linear(o, tg_graph_of(real[0])) ? sum : tg_scale(sum, 0.5 * scales);
}

void train_hear_loss(const train_hear_input *in, train_hear_losses *l)
{
    l->id = tg_mean(train_identity_loss(in->made_id, in->source_id));
    l->change = tg_mean(tg_abs(tg_sub(in->made, tg_detach(in->swapped))));
    l->rec = train_same_loss(in->made, in->target, in->same, false);
    l->total = tg_add(tg_add(l->id, l->change), l->rec);
}

tg_node *train_heuristic_error(tg_node *target, tg_node *rebuilt)
{
    return tg_sub(target, rebuilt);
}

tg_node *train_heuristic_score(tg_node *error)
{
    if (!error) return NULL;
    int64_t n = tg_dim(error, 0);
    tg_node *rows = tg_reshape(tg_abs(error), TG_SHAPE(n, tg_count(tg_shape_of(error)) / n));
    return tg_reshape(tg_mean_to(rows, TG_SHAPE(n, 1)), TG_SHAPE(n));
}

tg_node *train_hear_input_of(tg_node *swapped, tg_node *error)
{
    if (!swapped || !error) return NULL;
    return tg_concat((tg_node *[]){swapped, error}, 2, 1);
}

typedef struct {
    float score;
    size_t index;
} scored;

static int by_falling_score(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    bool lost = isnan(x->score), also = isnan(y->score);
    if (lost != also) return lost ? 1 : -1;
    if (!lost && x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

size_t train_pick_top(const float *score, size_t n, double share, size_t *pick)
{
    scored *all = base_alloc(n, sizeof *all);
    size_t count = (size_t)fmax(0, fmin(1, share) * (double)n);
    if (!all) return 0;
    for (size_t i = 0; i < n; i++) all[i] = (scored){score[i], i};
    if (n) qsort(all, n, sizeof *all, by_falling_score);
    if (!count && n) count = 1;
    for (size_t i = 0; i < count; i++) pick[i] = all[i].index;
    base_free(all);
    return count;
}

tg_node *train_deepfakes_loss(tg_node *made, tg_node *target)
{
    return train_reconstruction_loss(made, target, NULL);
}

nn_adam train_keras_adam(nn_adam a, int64_t step)
{
    a.eps /= sqrt(1 - pow(a.beta2, (double)step));
    return a;
}
