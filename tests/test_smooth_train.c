// test_smooth_train.c -- Smooth-Swap's losses, discriminator with R1, one whole generator step and
// the measures of smoothness against golden values; drawing people for a batch.
#include "model/smoothswap.h"
#include "model/stylegan2.h"
#include "nn/style.h"
#include "smooth_case.h"
#include "test.h"
#include "train/losses.h"
#include "train/losses_smoothswap.h"
#include "train/losses_styleswap.h"
#include "train/smoothness.h"
#include <math.h>

static const double forward = 1e-5, second = 1e-4, exact = 1e-6;

static tg_node *one(tg_node *x) { return tg_reshape(x, TG_SHAPE(1)); }

// ---- Contrastive loss

static tg_node *same_of(smooth_case *c, const char *set)
{
    int label[16], n = 0;
    const char *name = tg_text(c->g, "%s.labels", set);
    for (double v; n < 16 && isfinite(v = smooth_number(c, name, n)); n++) label[n] = (int)v;
    return train_same_label(c->g, label, n);
}

static void contrastive(const char *set, const char *tau, train_against against, const char *name)
{
    smooth_case c;
    if (smooth_open(&c, "07_supcon")) {
        train_contrastive_options o = {.tau = strtod(tau, NULL), .against = against};
        const char *at = tg_text(c.g, "%s.tau%s.%s", set, tau, name);
        tg_node *raw = smooth_input(&c, tg_text(c.g, "%s.raw", set)), *unit = nn_unit(raw);
        tg_node *free = smooth_input(&c, tg_text(c.g, "%s.unit", set)), *same = same_of(&c, set);
        tg_node *loss = train_contrastive_loss(unit, same, &o);
        tg_node *of_free = tg_mean(train_contrastive_loss(free, same, &o));
        smooth_want(&c, tg_text(c.g, "%s.mean", at), one(tg_mean(loss)), forward);
        if (against != TRAIN_AGAINST_OTHERS) {
            tg_node *d = smooth_grad(tg_mean(loss), NULL, raw);
            smooth_want(&c, tg_text(c.g, "%s.per_anchor", at), loss, forward);
            smooth_want(&c, tg_text(c.g, "%s.grad_raw", at), d, forward);
        }
        if (against == TRAIN_AGAINST_ALL) {
            smooth_want(&c, tg_text(c.g, "%s.grad_unit_unconstrained", at),
                        smooth_grad(of_free, NULL, free), forward);
            smooth_want(&c, tg_text(c.g, "%s.mean_over_valid_anchors", at),
                        one(train_contrastive_mean(loss, same)), forward);
        }
        smooth_check(&c, exact);
    }
    smooth_close(&c);
}

TEST(contrastive_loss)
{
    static const char *const sets[] = {"a", "b", "c"}, *const taus[] = {"0.07", "0.1", "0.5"};
    for (int i = 0; i < 9; i++) {
        contrastive(sets[i / 3], taus[i % 3], TRAIN_AGAINST_ALL, "all");
        contrastive(sets[i / 3], taus[i % 3], TRAIN_AGAINST_OTHERS_AND_IT, "posneg");
        contrastive(sets[i / 3], taus[i % 3], TRAIN_AGAINST_OTHERS, "negonly");
    }
}

static double value(tg_node *x)
{
    const double *v = tg_eval(x);
    return v ? *v : NAN;
}

TEST(contrastive_loss_at_its_limits)
{
    static const float v[] = {1, 0, 0, 1, -1, 0, 0.6f, 0.8f};
    static const int alone[] = {1, 2, 3, 4}, alike[] = {5, 5, 5, 5}, two[] = {1, 1, 2, 2};
    tg_graph *g = tg_new();
    tg_node *x = tg_const(g, TG_SHAPE(4, 2), v), *d = NULL;
    train_contrastive_options o = {0}, scaled = {.tau = 0.1, .base_tau = 0.07},
                              cold = {.tau = 1e-3};
    tg_node *none = train_same_label(g, alone, 4), *all = train_same_label(g, alike, 4);
    CHECK_NEAR(value(tg_mean(train_contrastive_loss(x, none, &o))), 0, 0);
    CHECK_NEAR(value(train_contrastive_mean(train_contrastive_loss(x, none, &o), none)), 0, 0);
    o.against = TRAIN_AGAINST_OTHERS; // of whom there are none
    CHECK(isfinite(value(tg_mean(train_contrastive_loss(x, all, &o)))));
    tg_node *same = train_same_label(g, two, 4), *p = train_contrastive_loss(x, same, &scaled);
    scaled.base_tau = 0;
    tg_node *q = train_contrastive_loss(x, same, &scaled);
    CHECK_NEAR(value(tg_mean(p)) / value(tg_mean(q)), 0.1 / 0.07, 1e-9);
    tg_node *far = tg_mean(train_contrastive_loss(x, same, &cold)); // exp(1000) is no float
    tg_grad(far, NULL, &x, 1, &d);
    CHECK(isfinite(value(far)) && isfinite(value(tg_sum(d))));
    CHECK(!train_contrastive_loss(x, tg_fill(g, TG_SHAPE(3, 3), 1), &o) && tg_error(g));
    tg_free(g);
}

TEST(draws_people)
{
    static const int photos[] = {5, 1, 2, 9, 0, 3, 2, 40};
    base_rng r = {7};
    int person[8], photo[8], seen[8] = {0};
    base_error e = {{0}};
    for (int k = 0; k < 400; k++) {
        CHECK(!train_draw_people(&r, photos, 8, 4, 2, person, photo, &e));
        for (int i = 0; i < 4; i++) {
            CHECK(person[2 * i] == person[2 * i + 1] && photo[2 * i] != photo[2 * i + 1]);
            for (int j = 0; j < i; j++) CHECK(person[2 * j] != person[2 * i]);
            seen[person[2 * i]]++;
        }
        for (int i = 0; i < 8; i++) CHECK(photo[i] >= 0 && photo[i] < photos[person[i]]);
    }
    CHECK(!seen[1] && !seen[4]); // too few photos
    for (int i = 0; i < 8; i++)
        if (photos[i] >= 2) CHECK(seen[i] > 200 && seen[i] < 340); // evenly: 267 of 400
    CHECK(train_draw_people(&r, photos, 8, 3, 6, person, photo, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "only 2 people have 6 photos"));
    CHECK(train_draw_people(&r, photos, 8, 0, 2, person, photo, NULL) == GUISE_BAD_ARGUMENT);
    CHECK(train_draw_people(&r, photos, 0, 1, 2, person, photo, NULL) == GUISE_BAD_ARGUMENT);
}

// ---- Generator and discriminator

TEST(losses)
{
    smooth_case c;
    if (smooth_open(&c, "11_losses")) {
        tg_node *made = smooth_input(&c, "x_swap"), *target = smooth_input(&c, "x_tgt");
        tg_node *made_id = smooth_input(&c, "z_swap_raw"), *id = smooth_input(&c, "z_src_raw");
        tg_node *logit = smooth_input(&c, "logit");
        train_smoothswap_losses l;
        train_smoothswap_loss(made, target, made_id, id, logit, &train_smoothswap_recommended, &l);
        smooth_want(&c, "L_id.per_sample", train_identity_loss(made_id, id), 1e-6);
        smooth_want(&c, "L_id.mean", one(l.id), 1e-6);
        smooth_want(&c, "L_id.grad_z_swap_raw", smooth_grad(l.id, NULL, made_id), 1e-6);
        smooth_want(&c, "L_chg.mean", one(l.change), 1e-6);
        smooth_want(&c, "L_chg.grad_x_swap", smooth_grad(l.change, NULL, made), 1e-6);
        smooth_want(&c, "L_adv.mean", one(l.adv), 1e-6);
        smooth_want(&c, "L_adv.grad_logit", smooth_grad(l.adv, NULL, logit), 1e-6);
        smooth_want(&c, "L_total_4_1_1", one(l.total), 1e-6);
        train_smoothswap_losses without;
        train_smoothswap_loss(made, target, made_id, id, NULL, &train_smoothswap_recommended,
                              &without);
        CHECK(!without.adv);
        smooth_want(&c, "L_total_4_1_1", one(tg_add(without.total, l.adv)), 1e-6);
        smooth_check(&c, exact);
    }
    smooth_close(&c);
}

static const model_stylegan2_d_options small_d = {.widths = {.list = "12,10,8,6"}};

static tg_node *rows(tg_node *x) // [n,...] -> [n], added up
{
    int64_t n = tg_dim(x, 0);
    x = tg_reshape(x, TG_SHAPE(n, tg_count(tg_shape_of(x)) / n));
    return tg_reshape(tg_sum_to(x, TG_SHAPE(n, 1)), TG_SHAPE(n));
}

static tg_node *length(nn_params *p, tg_node *y) // of the gradient by all weights
{
    tg_node *grad[100] = {NULL}, *sum = NULL;
    nn_grad(p, y, grad);
    for (size_t i = 0; i < nn_params_n(p); i++)
        if (grad[i]) {
            tg_node *one_of = tg_sum(tg_square(grad[i]));
            sum = sum ? tg_add(sum, one_of) : one_of;
        }
    return one(tg_sqrt(sum));
}

static void want_discriminator(smooth_case *c, nn m, tg_node *x, tg_node *made)
{
    model_stylegan2_verdict real, fake;
    train_smoothswap_d_losses l;
    model_stylegan2_d(m, x, &small_d, &real);
    model_stylegan2_d(m, made, &small_d, &fake);
    smooth_want(c, "logits_real", real.logit, forward);
    smooth_want(c, "logits_fake", fake.logit, forward);
    for (int i = 0; i < real.features; i++) {
        const char *name = tg_text(c->g, "act.conv%d", i);
        if (smooth_has(c, name)) smooth_want(c, name, real.feature[i], forward);
    }
    tg_node *deviation = nn_minibatch_deviation(real.feature[3], 4);
    int64_t n = tg_dim(x, 0), sets = n > 4 ? n / 4 : 1;
    deviation = tg_slice(tg_slice(deviation, 0, 0, sets), 1, nn_channels(deviation) - 1, 1);
    deviation = tg_slice(tg_slice(deviation, 2, 0, 1), 3, 0, 1);
    smooth_want(c, "act.mbstd_per_subgroup", deviation, forward);
    train_smoothswap_d_loss(real.logit, fake.logit, x, 10, &l);
    smooth_want(c, "d_logistic_loss", one(l.logistic), forward);
    CHECK(smooth_want_grads(c, 0, "gD.", l.logistic, NULL, forward) == 23);
    tg_node *g = train_logistic_generator(fake.logit);
    smooth_want(c, "g_nonsat_loss", one(g), forward);
    smooth_want(c, "g_nonsat.gx_fake", smooth_grad(g, NULL, made), forward);
    tg_node *dx = smooth_grad(real.logit, NULL, x), *squares = rows(tg_square(dx));
    smooth_want(c, "r1.grad_x", dx, second);
    smooth_want(c, "r1.per_sample", squares, second);
    smooth_want(c, "r1.grad_norm_per_sample", tg_sqrt(squares), second);
    smooth_want(c, "r1.mean", one(l.r1), second);
    tg_node *r1 = tg_scale(l.r1, 10.0 / 2);
    smooth_want(c, "r1.loss_gamma10", one(r1), second);
    CHECK(smooth_want_grads(c, 0, "gR1.", r1, NULL, second) == 23);
    smooth_want(c, "r1.param_grad_l2norm", length(c->p[0], r1), second);
    tg_node *lazy = tg_scale(tg_sub(l.total, l.logistic), 1.0 / TRAIN_R1_EVERY);
    smooth_want(c, "r1.loss_gamma10", one(lazy), second);
    tg_node *hinge = tg_add(train_hinge_real(&real.logit, 1), train_hinge_fake(&fake.logit, 1));
    smooth_want(c, "alt.hinge_d", one(hinge), forward);
    smooth_want(c, "alt.hinge_g", one(train_hinge_generator(&fake.logit, 1)), forward);
}

static void discriminator(const char *name)
{
    smooth_case c;
    if (smooth_open(&c, name)) {
        tg_node *x = smooth_input(&c, "x_real"), *made = smooth_input(&c, "x_fake");
        want_discriminator(&c, nn_root(c.p[0], c.g, true), x, made);
        CHECK(nn_params_weights(c.p[0]) == 8103);
        smooth_fill(c.p[0], 4000, 0, 1.5, true);
        if (smooth_has(&c, "w.convs.0.0.weight")) smooth_load(&c, 0, "w.", "");
        smooth_check(&c, 1e-5);
    }
    smooth_close(&c);
}

TEST(discriminator_of_4) { discriminator("06a_sg2d_b4"); }
TEST(discriminator_of_8) { discriminator("06b_sg2d_b8"); } // two sets
TEST(discriminator_of_3) { discriminator("06c_sg2d_b3"); }

// ---- One generator step

// The embedder of the case: means of 4x4 pixels, times a matrix, unit length.
static tg_node *embed(tg_node *x, tg_node *w)
{
    x = tg_avg_pool(x, (tg_window){.kh = 4, .kw = 4, .stride = 4});
    x = tg_reshape(x, TG_SHAPE(tg_dim(x, 0), 192));
    return nn_unit(tg_matmul(x, w, false, true));
}

static tg_node *made_by(smooth_case *c, train_smoothswap_losses *l)
{
    static const model_ncsnpp_options o = {
        .width = 8, .multipliers = "1,2,2", .blocks = 1, .latent = 20};
    model_stylegan2_verdict v;
    tg_node *w = smooth_input(c, "embed.W"), *target = smooth_input(c, "x_tgt");
    tg_node *id = embed(smooth_input(c, "x_src"), w);
    tg_node *made = model_ncsnpp(nn_root(c->p[0], c->g, true), target, id, &o, NULL);
    tg_node *made_id = embed(made, w);
    model_stylegan2_d(nn_root(c->p[1], c->g, true), made, &small_d, &v);
    train_smoothswap_loss(made, target, made_id, id, v.logit, &train_smoothswap_recommended, l);
    smooth_want(c, "z_src", id, second);
    smooth_want(c, "x_swap", made, second);
    smooth_want(c, "delta", tg_sub(made, target), second);
    smooth_want(c, "z_swap", made_id, second);
    smooth_want(c, "logit", v.logit, second);
    smooth_fill(c->p[0], 2000, 0, 1.5, false);
    smooth_fill(c->p[1], 4000, 0, 1.5, true);
    return made;
}

TEST(generator_step)
{
    smooth_case c;
    if (smooth_open(&c, "13_generator_step")) {
        train_smoothswap_losses l;
        tg_node *made = made_by(&c, &l);
        smooth_want(&c, "L_id", one(l.id), second);
        smooth_want(&c, "L_chg", one(l.change), second);
        smooth_want(&c, "L_adv", one(l.adv), second);
        smooth_want(&c, "L_total", one(l.total), second);
        smooth_want(&c, "gx_id", smooth_grad(l.id, NULL, made), second);
        smooth_want(&c, "gx_chg", smooth_grad(l.change, NULL, made), second);
        smooth_want(&c, "gx_adv", smooth_grad(l.adv, NULL, made), second);
        smooth_want(&c, "gx_total", smooth_grad(l.total, NULL, made), second);
        CHECK(smooth_want_grads(&c, 0, "gG.", l.total, NULL, second) == 224);
        smooth_check(&c, 1e-5);
    }
    smooth_close(&c);
}

// Runs the plan for the loss and all gradients, which are written to grad.
static double run_step(smooth_case *c, tg_node *loss, float *grad)
{
    enum { MOST = 300 };
    tg_node *out[MOST] = {NULL}, *of[MOST] = {NULL};
    size_t n = nn_params_n(c->p[0]);
    base_error e = {{0}};
    tg_plan *plan = NULL;
    double v = NAN;
    nn_grad(c->p[0], loss, out);
    int used = 0;
    for (size_t i = 0; i < n; i++)
        if (out[i]) of[used++] = out[i];
    of[used++] = loss;
    guise_status s = tg_plan_open(&plan, c->g, of, used, &(tg_plan_options){.train = true}, &e);
    for (int i = 0; !s && i < 2; i++) s = nn_bind(c->p[i], c->g, plan, &e);
    for (int i = 0; !s && i < c->inputs; i++)
        s = tg_plan_bind(plan, c->in[i].x, c->in[i].value, &e);
    if (!s) s = tg_plan_run(plan, &e);
    if (s) printf("%s\n", e.text);
    CHECK(!s);
    if (!s) v = (double)*tg_plan_value(plan, loss);
    for (size_t i = 0; !s && i < n; i++) {
        const nn_entry *entry = nn_params_entry(c->p[0], i);
        if (out[i])
            memcpy(grad + entry->offset, tg_plan_value(plan, out[i]), entry->count * sizeof *grad);
    }
    tg_plan_close(&plan);
    return v;
}

TEST(adam_step)
{
    smooth_case c;
    if (smooth_open(&c, "13_generator_step")) {
        train_smoothswap_losses l;
        made_by(&c, &l);
        size_t n = nn_params_floats(c.p[0]);
        float *grad = base_alloc(n, sizeof *grad), *m = base_alloc(n, sizeof *m);
        float *v = base_alloc(n, sizeof *v), *before = base_alloc(n, sizeof *before);
        float *w = nn_params_data(c.p[0]);
        memcpy(before, w, n * sizeof *w);
        CHECK_NEAR(run_step(&c, l.total, grad) / smooth_number(&c, "L_total", 0), 1, 1e-4);
        nn_adam_step(c.p[0], (nn_adam){1e-3, 0, 0.99, 1e-8}, 1, grad, w, m, v);
        const nn_entry *e = nn_params_find(c.p[0], "all_modules.3.weight");
        CHECK(e != NULL);
        for (size_t i = 0; e && i < e->count; i++) {
            double moved = (double)w[e->offset + i] - (double)before[e->offset + i];
            double want = smooth_number(&c, "adam1.delta_all_modules.3.weight", (int64_t)i);
            CHECK_NEAR(moved, want, 1e-7); // steps are 1e-3; weights are floats near 1
        }
        double after = run_step(&c, l.total, grad);
        CHECK_NEAR(after / smooth_number(&c, "adam1.L_total_after", 0), 1, 1e-4);
        if (getenv("GOLDEN_VERBOSE")) printf("after the step: %.7g\n", after);
        base_free(grad);
        base_free(m);
        base_free(v);
        base_free(before);
    }
    smooth_close(&c);
}

// ---- Smoothness

static float *floats(const smooth_case *c, const char *name)
{
    const base_tensor *t = base_tensors_find(&c->file, name);
    CHECK(t != NULL);
    float *v = t ? base_alloc((size_t)base_tensor_count(t), sizeof *v) : NULL;
    if (v) base_tensor_floats(t, v);
    return v;
}

enum { PAIRS = 6, BANK = 60, LONG = 8 };

static void walks(const smooth_case *c, const float *a, const float *b, const float *bank)
{
    for (int i = 0; i < PAIRS; i++) {
        train_walk w;
        train_walk_between(a + i * LONG, b + i * LONG, bank, BANK, LONG, &w);
        CHECK_NEAR(w.apart, smooth_number(c, "dist_AB", i), 1e-5);
        CHECK_NEAR(w.angle_apart, smooth_number(c, "angle_AB", i), 1e-5);
        CHECK((double)w.distinct == smooth_number(c, "count.distinct", i));
        CHECK((double)w.changes == smooth_number(c, "count.transitions", i));
        CHECK_NEAR(w.distance[4] / w.apart, smooth_number(c, "d_smooth.mid_ratio_per_pair", i),
                   1e-5);
        for (int k = 0; k < TRAIN_WALK_STEPS; k++) {
            float at[LONG];
            int64_t row = i * TRAIN_WALK_STEPS + k;
            train_slerp(a + i * LONG, b + i * LONG, LONG, (k + 1) / 10.0, at);
            for (int j = 0; j < LONG; j++)
                CHECK_NEAR((double)at[j], smooth_number(c, "slerp", row * LONG + j), 1e-5);
            CHECK((double)w.nearest[k] == smooth_number(c, "nn_index", row));
            CHECK_NEAR(w.distance[k], smooth_number(c, "nn_dist", row), 1e-5);
        }
    }
}

TEST(smoothness)
{
    smooth_case c;
    if (smooth_open(&c, "10_smoothness")) {
        float *a = floats(&c, "zA"), *b = floats(&c, "zB"), *bank = floats(&c, "bank");
        train_smoothness s;
        walks(&c, a, b, bank);
        CHECK(!train_smoothness_measure(a, b, PAIRS, bank, BANK, LONG, &s, NULL));
        CHECK_NEAR(s.d_smooth, smooth_number(&c, "d_smooth.allr_ratio_mean", 0), 1e-5);
        CHECK_NEAR(s.at_half, smooth_number(&c, "d_smooth.mid_ratio_mean", 0), 1e-5);
        CHECK_NEAR(s.distance, smooth_number(&c, "d_smooth.allr_unnormalised_mean", 0), 1e-5);
        CHECK_NEAR(s.angle, smooth_number(&c, "d_smooth.allr_angle_ratio_mean", 0), 1e-5);
        const char *name = "count.distinct_mean_popstd_samplestd";
        CHECK_NEAR(s.count, smooth_number(&c, name, 0), 1e-5);
        CHECK_NEAR(s.deviation, smooth_number(&c, name, 2), 1e-5);
        // pairs of the same photo leave the ratios alone
        memcpy(b, a, LONG * sizeof *b);
        double apart = s.at_half * PAIRS - smooth_number(&c, "d_smooth.mid_ratio_per_pair", 0);
        CHECK(!train_smoothness_measure(a, b, PAIRS, bank, BANK, LONG, &s, NULL));
        CHECK_NEAR(s.at_half, apart / (PAIRS - 1), 1e-5);
        CHECK(train_smoothness_measure(a, b, 0, bank, BANK, LONG, &s, NULL) == GUISE_BAD_ARGUMENT);
        CHECK(train_smoothness_measure(a, b, 1, bank, 0, LONG, &s, NULL) == GUISE_BAD_ARGUMENT);
        base_free(a);
        base_free(b);
        base_free(bank);
    }
    smooth_close(&c);
}

TEST(slerp_near_its_poles)
{
    smooth_case c;
    if (smooth_open(&c, "10_smoothness")) {
        static const char *const ends[] = {"edge.b_parallel", "edge.b_antipodal"};
        static const char *const want[] = {"edge.parallel_r0.3", "edge.antipodal_r0.3"};
        float *a = floats(&c, "edge.a"), at[LONG];
        for (int k = 0; k < 2; k++) {
            float *b = floats(&c, ends[k]);
            train_slerp(a, b, LONG, 0.3, at);
            // the case's b was no float: the last digit of one, 3e-8, times sin(0.3 pi) / 0.001
            for (int j = 0; j < LONG; j++)
                CHECK_NEAR((double)at[j], smooth_number(&c, want[k], j), k ? 3e-5 : 1e-6);
            base_free(b);
        }
        base_free(a);
    }
    smooth_close(&c);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(contrastive_loss), CASE(contrastive_loss_at_its_limits),
               CASE(draws_people), CASE(losses), CASE(discriminator_of_4), CASE(discriminator_of_8),
               CASE(discriminator_of_3), CASE(generator_step), CASE(adam_step), CASE(smoothness),
               CASE(slerp_near_its_poles));
}
