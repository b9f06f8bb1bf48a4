// step.c -- the graphs of a generator's and a discriminator's step, and running them.
#include "train/step.h"
#include "train/losses.h"
#include "weights/weights.h"
#include <math.h>
#include <string.h>

const char *const train_loss_names[TRAIN_LOSSES] = {"loss", "id",     "rec",    "adv",
                                                    "fm",   "d_real", "d_fake", "gp"};

void train_schedule(const train_options *o, int step, float weight[3], double *lr, double *lr_d)
{
    double up = o->id_ramp ? (double)(step - o->warmup) / o->id_ramp : 1;
    double adv = o->adv_ramp ? (double)(step - o->adv_from) / o->adv_ramp : 1;
    double down = o->decay ? (double)(o->steps - step + 1) / o->decay : 1;
    bool met = o->adv_from >= 0 && step > o->adv_from;
    double id = o->id_start + (o->lambda_id - o->id_start) * fmin(1, up);
    weight[0] = step > o->warmup ? (float)id : 0;
    weight[1] = met ? (float)(o->lambda_adv * fmin(1, adv)) : 0;
    weight[2] = met ? (float)(o->lambda_fm * fmin(1, adv)) : 0;
    *lr = o->lr * fmin(1, down);
    *lr_d = o->lr_d * fmin(1, down);
}

static tg_node *image(const train_pair *p, tg_graph *g, const char *name)
{
    return tg_input(g, TG_SHAPE(p->o->batch, 3, p->o->size, p->o->size), name);
}

// Adversarial and feature matching terms. The features of the target are constants; its pass
// moves no running statistics, nor does that of the swapped one: the discriminator's own step
// does. (The published trainer lets both steps move them; nothing reads them here.)
static void judge(train_pair *p, tg_graph *g, tg_node *made, tg_node *target,
                  tg_node *loss[TRAIN_LOSSES])
{
    const train_options *o = p->o;
    train_verdict of_made, of_target;
    nn m = nn_root(p->d.params, g, true);
    m.no_update = true;
    train_judge(&p->discriminator, m, o->scales, made, &of_made);
    loss[TRAIN_ADV] = train_hinge_generator(of_made.logit, o->scales);
    if (o->lambda_fm <= 0) return;
    train_judge(&p->discriminator, m, o->scales, target, &of_target);
    int last = o->fm_last ? o->fm_last : of_made.layers;
    if (last > of_made.layers) last = of_made.layers;
    int first = o->fm_first < last ? o->fm_first : last;
    tg_node *sum = NULL;
    for (int k = 0; k < o->scales; k++) {
        tg_node *one =
            train_feature_matching(of_made.layer[k], of_target.layer[k], first - 1, last - 1);
        sum = k ? tg_add(sum, one) : one;
    }
    loss[TRAIN_FM] = sum;
}

// Leaves of a generator's step.
typedef struct {
    tg_node *target, *vector, *warp, *weight, *lambda[3], *made;
} g_leaves;

static void build_g(train_pair *p, int with, tg_graph *g, g_leaves *l, tg_node **loss)
{
    static const char *const names[] = {"lambda_id", "lambda_adv", "lambda_fm"};
    int n = p->o->batch, size = p->o->size;
    l->target = image(p, g, "target");
    l->vector = tg_input(g, TG_SHAPE(n, p->batch.length), "vector");
    l->warp = tg_input(g, TG_SHAPE(n, 6), "warp");
    l->weight = tg_input(g, TG_SHAPE(n, 1, size, size), "weight");
    for (int i = 0; i < 3; i++) l->lambda[i] = tg_input(g, TG_SHAPE(1), names[i]);
    l->made = train_generate(&p->generator, nn_root(p->g.params, g, true), l->target, l->vector);
    loss[TRAIN_REC] =
        train_reconstruction_loss(train_loss_space(&p->generator, l->made),
                                  train_loss_space(&p->generator, l->target), l->weight);
    tg_node *sum = tg_reshape(loss[TRAIN_REC], TG_SHAPE(1));
    if (with & TRAIN_WITH_ID) {
        tg_node *v = train_identity_of(p->identity, l->made, l->warp);
        loss[TRAIN_ID] = tg_mean(train_identity_loss(v, l->vector));
        sum = tg_add(sum, tg_mul(loss[TRAIN_ID], l->lambda[0]));
    }
    if (with & TRAIN_WITH_D) {
        judge(p, g, l->made, l->target, loss);
        sum = tg_add(sum, tg_mul(loss[TRAIN_ADV], l->lambda[1]));
        if (loss[TRAIN_FM]) sum = tg_add(sum, tg_mul(loss[TRAIN_FM], l->lambda[2]));
    }
    loss[TRAIN_LOSS] = sum;
}

static int outputs_of(tg_node *const loss[TRAIN_LOSSES], tg_node *out[TRAIN_LOSSES + 1])
{
    int n = 0;
    for (int i = 0; i < TRAIN_LOSSES; i++)
        if (loss[i]) out[n++] = loss[i];
    return n;
}

static guise_status bind_all(tg_plan *plan, tg_node *const leaf[], float *const data[], int n,
                             base_error *e)
{
    guise_status s = GUISE_OK;
    for (int i = 0; !s && i < n; i++)
        if (leaf[i]) s = tg_plan_bind(plan, leaf[i], data[i], e);
    return s;
}

static guise_status plan_g(train_pair *p, int with, base_error *e)
{
    train_step *s = &p->g_step[with];
    g_leaves l = {0};
    tg_node *out[TRAIN_LOSSES + 1];
    if (!(s->graph = tg_new())) return base_no_memory(e);
    build_g(p, with, s->graph, &l, p->g_loss[with]);
    int n = outputs_of(p->g_loss[with], out);
    out[n++] = l.made;
    train_step_plan plan = {.loss = p->g_loss[with][TRAIN_LOSS],
                            .out = out,
                            .n = n,
                            .other = with & TRAIN_WITH_D ? p->d.params : NULL};
    guise_status st = train_step_open(s, &p->g, &plan, e);
    tg_node *leaf[] = {l.target,    l.vector,    l.warp,      l.weight,
                       l.lambda[0], l.lambda[1], l.lambda[2], l.made};
    float *data[] = {p->batch.target, p->batch.vector, p->batch.warp, p->batch.weight,
                     &p->weight[0],   &p->weight[1],   &p->weight[2], p->fake};
    return st ? st : bind_all(s->plan, leaf, data, (int)(sizeof leaf / sizeof *leaf), e);
}

// Leaves of a discriminator's step.
typedef struct {
    tg_node *real, *fake, *mix;
} d_leaves;

static void build_d(train_pair *p, bool penalty, tg_graph *g, d_leaves *l, tg_node **loss)
{
    const train_options *o = p->o;
    train_verdict of_real, of_fake, of_mix;
    nn m = nn_root(p->d.params, g, true);
    l->real = image(p, g, "real");
    l->fake = image(p, g, "fake");
    train_judge(&p->discriminator, m, o->scales, l->fake, &of_fake);
    train_judge(&p->discriminator, m, o->scales, l->real, &of_real);
    loss[TRAIN_D_REAL] = train_hinge_real(of_real.logit, o->scales);
    loss[TRAIN_D_FAKE] = train_hinge_fake(of_fake.logit, o->scales);
    tg_node *sum = tg_add(loss[TRAIN_D_REAL], loss[TRAIN_D_FAKE]);
    if (penalty) {
        l->mix = tg_input(g, TG_SHAPE(o->batch), "mix");
        tg_node *x = train_mix(l->real, l->fake, l->mix), *all = NULL;
        m.no_update = true;
        train_judge(&p->discriminator, m, o->scales, x, &of_mix);
        for (int k = 0; k < o->scales; k++) {
            tg_node *one = train_gradient_penalty(of_mix.logit[k], x);
            all = k ? tg_add(all, one) : one;
        }
        loss[TRAIN_GP] = all;
        sum = tg_add(sum, tg_scale(all, o->lambda_gp * o->gp_every));
    }
    loss[TRAIN_LOSS] = sum;
}

static guise_status plan_d(train_pair *p, bool penalty, base_error *e)
{
    train_step *s = &p->d_step[penalty];
    d_leaves l = {0};
    tg_node *out[TRAIN_LOSSES + 1];
    if (!(s->graph = tg_new())) return base_no_memory(e);
    build_d(p, penalty, s->graph, &l, p->d_loss[penalty]);
    train_step_plan plan = {.loss = p->d_loss[penalty][TRAIN_LOSS],
                            .out = out,
                            .n = outputs_of(p->d_loss[penalty], out)};
    guise_status st = train_step_open(s, &p->d, &plan, e);
    bool source = !strcmp(p->o->real, "source");
    tg_node *leaf[] = {l.real, l.fake, l.mix};
    float *data[] = {source ? p->batch.source : p->batch.target, p->fake, p->mix};
    return st ? st : bind_all(s->plan, leaf, data, 3, e);
}

// Entries come from building once; the graph itself is not needed.
static guise_status settle(train_pair *p, train_learner *l, bool generator, base_error *e)
{
    tg_graph *g = tg_new();
    if (!g) return base_no_memory(e);
    guise_status s = train_learner_open(l, e);
    tg_node *img = image(p, g, "img");
    nn m = nn_root(l->params, g, true);
    if (!s && generator) {
        tg_node *id = tg_input(g, TG_SHAPE(p->o->batch, p->batch.length), "id");
        train_generate(&p->generator, m, img, id);
    } else if (!s) {
        train_verdict v;
        train_judge(&p->discriminator, m, p->o->scales, img, &v);
    }
    if (!s) s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    uint64_t seed = (uint64_t)p->o->seed * 2 + (generator ? 0 : 1);
    if (!s) s = train_learner_settle(l, seed, generator && p->o->ema > 0, e);
    tg_free(g);
    return s;
}

// The projected discriminator stands on a feature network that others trained.
static guise_status load_features(train_pair *p, base_error *e)
{
    if (strcmp(p->o->discriminator, "projected-d") != 0) return GUISE_OK;
    if (!p->o->features)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "projected-d needs features=FILE, the weights of its pretrained feature "
                         "network (names feature_network.*), .safetensors or .pth");
    base_tensors t = {0};
    guise_status s = weights_read(&t, p->o->features, e);
    if (!s) s = nn_load(p->d.params, &t, false, e);
    base_tensors_free(&t);
    return s;
}

static guise_status open_networks(train_pair *p, base_error *e)
{
    const train_options *o = p->o;
    guise_status s = train_network_open(&p->generator, o->generator, o->generator_options, e);
    if (s) return s;
    train_network_set_latent(&p->generator, p->identity->length);
    int stride = train_network_stride(&p->generator);
    if (o->size % stride)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "size=%d is no multiple of %d, which the generator "
                         "needs",
                         o->size, stride);
    s = settle(p, &p->g, true, e);
    p->g.fast_name = o->style_rate > 1 ? ".linear.weight" : NULL; // of the AdaIN layers
    p->g.fast_rate = o->style_rate;
    if (s || o->adv_from < 0) return s;
    s = train_network_open(&p->discriminator, o->discriminator, o->discriminator_options, e);
    if (!s) s = settle(p, &p->d, false, e);
    return s ? s : load_features(p, e);
}

guise_status train_pair_open(train_pair *p, const train_options *o, const train_identity *id,
                             base_error *e)
{
    *p = (train_pair){.o = o, .identity = id};
    size_t n = (size_t)o->batch;
    p->fake = base_alloc(n * 3 * (size_t)o->size * (size_t)o->size, sizeof *p->fake);
    p->mix = base_alloc(n, sizeof *p->mix);
    guise_status s = p->fake && p->mix ? GUISE_OK : base_no_memory(e);
    if (!s) s = train_batch_open(&p->batch, o, id, e);
    if (!s) s = open_networks(p, e);
    if (s) train_pair_close(p);
    return s;
}

void train_pair_close(train_pair *p)
{
    for (int i = 0; i < TRAIN_STEPS; i++) train_step_close(&p->g_step[i]);
    for (int i = 0; i < 2; i++) train_step_close(&p->d_step[i]);
    train_learner_close(&p->g);
    train_learner_close(&p->d);
    train_network_close(&p->generator);
    train_network_close(&p->discriminator);
    train_batch_close(&p->batch);
    base_free(p->fake);
    base_free(p->mix);
    *p = (train_pair){0};
}

static void read_losses(const tg_plan *plan, tg_node *const loss[TRAIN_LOSSES], train_loss from,
                        double value[TRAIN_LOSSES])
{
    for (int i = (int)from; i < TRAIN_LOSSES; i++)
        if (loss[i]) value[i] = (double)tg_plan_value(plan, loss[i])[0];
}

static guise_status step_d(train_pair *p, int step, double lr, base_rng *r,
                           double value[TRAIN_LOSSES], base_error *e)
{
    const train_options *o = p->o;
    bool penalty = o->lambda_gp > 0 && step % o->gp_every == 0;
    train_step *s = &p->d_step[penalty];
    guise_status st = s->plan ? GUISE_OK : plan_d(p, penalty, e);
    for (int i = 0; penalty && i < o->batch; i++) p->mix[i] = (float)base_rng_uniform(r);
    if (!st) st = train_step_run(s, &p->d, e);
    if (st) return st;
    read_losses(s->plan, p->d_loss[penalty], TRAIN_D_REAL, value);
    train_learner_step(&p->d, (nn_adam){lr, o->beta1, o->beta2, o->eps}, 0);
    return GUISE_OK;
}

guise_status train_pair_step(train_pair *p, int step, base_rng *r, double value[TRAIN_LOSSES],
                             base_error *e)
{
    const train_options *o = p->o;
    double lr = 0, lr_d = 0;
    for (int i = 0; i < TRAIN_LOSSES; i++) value[i] = 0;
    train_schedule(o, step, p->weight, &lr, &lr_d);
    int with = (p->weight[0] > 0 ? TRAIN_WITH_ID : 0) | (p->weight[1] > 0 ? TRAIN_WITH_D : 0);
    train_step *s = &p->g_step[with];
    guise_status st = s->plan ? GUISE_OK : plan_g(p, with, e);
    if (!st) st = train_step_run(s, &p->g, e);
    if (st) return st;
    read_losses(s->plan, p->g_loss[with], TRAIN_LOSS, value);
    if (!isfinite(value[TRAIN_LOSS]))
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "the loss is no number any more at step %d; resume from the last "
                         "checkpoint with a lower learning rate (lr=)",
                         step);
    train_learner_step(&p->g, (nn_adam){lr, o->beta1, o->beta2, o->eps}, o->ema);
    if (o->adv_from >= 0 && step > o->adv_from - o->d_lead) st = step_d(p, step, lr_d, r, value, e);
    return st;
}
