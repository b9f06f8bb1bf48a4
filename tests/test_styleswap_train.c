// test_styleswap_train.c -- StyleSwap's losses, one whole generator loss, the optimiser's constants
// and the inversion against golden values.
#include "nn/style.h"
#include "style_case.h"
#include "test.h"
#include "train/inversion.h"
#include "train/losses.h"
#include "train/losses_styleswap.h"
#include <math.h>

static const double forward = 2e-5, backward = 1e-4, exact = 1e-6;

static tg_node *grad(tg_node *y, tg_node *x)
{
    tg_node *d = NULL;
    if (y && x) tg_grad(y, NULL, &x, 1, &d);
    return d;
}

static void want_loss(style_case *c, const char *name, tg_node *loss)
{
    style_want_number(c, name, loss, style_scalar(c, name), forward);
}

TEST(losses)
{
    style_case c;
    if (style_open(&c, "11_losses")) {
        tg_node *real = style_input(&c, "d_real"), *fake = style_input(&c, "d_fake");
        tg_node *d = train_logistic_discriminator(real, fake);
        want_loss(&c, "d_logistic", d);
        style_want(&c, "g_d_real", grad(d, real), backward);
        style_want(&c, "g_d_fake", grad(d, fake), backward);
        tg_node *g = train_logistic_generator(fake);
        want_loss(&c, "g_nonsat", g);
        style_want(&c, "g_nonsat_grad", grad(g, fake), backward);
        tg_node *mask = style_input(&c, "mask_pred");
        tg_node *bce = train_mask_loss(mask, style_input(&c, "mask_gt"));
        want_loss(&c, "bce", bce);
        style_want(&c, "bce_grad", grad(bce, mask), backward);
        tg_node *a = style_input(&c, "img_a");
        tg_node *rec = train_same_l1(a, style_input(&c, "img_b"), style_input(&c, "same"));
        want_loss(&c, "rec_l1_same", rec);
        style_want(&c, "rec_l1_grad", grad(rec, a), backward);
        tg_node *made = style_input(&c, "emb_a");
        tg_node *id = tg_mean(train_identity_loss(made, style_input(&c, "emb_b")));
        want_loss(&c, "id_cos", id);
        style_want(&c, "id_grad", grad(id, made), backward);
        style_check(&c, exact);
    }
    style_close(&c);
}

// The recogniser of the cases: means of 8x8 blocks, 3x4x4, times a matrix.
static tg_node *toy_identity(void *user, tg_node *img, tg_node *warp)
{
    (void)warp; // none is given
    tg_node *x = tg_avg_pool(img, (tg_window){.kh = 8, .kw = 8, .stride = 8});
    if (!x) return NULL;
    x = tg_reshape(x, TG_SHAPE(tg_dim(x, 0), 48));
    tg_shape s = {0};
    float *v = style_values(user, "idmat", &s);
    tg_node *m = v ? tg_const(tg_graph_of(x), s, v) : NULL;
    base_free(v);
    return tg_matmul(x, m, false, true);
}

static const model_styleswap_options toy = {
    .variant = "r", .widths = {.list = "24,20,16,12"}, .latent = 32, .style = 32};

TEST(generator_loss)
{
    style_case c, toys;
    if (style_open(&c, "15_trainstep") && style_open(&toys, "12_inversion")) {
        nn m = nn_root(c.p[0], c.g, true), dm = nn_root(c.p[1], c.g, true);
        tg_node *target = style_input(&c, "target"), *source = style_input(&c, "source");
        tg_node *id = toy_identity(&toys, source, NULL);
        model_styleswap_made made;
        model_styleswap(m, target, model_styleswap_identity(m, id, &toy), &toy, NULL, &made);
        model_stylegan2_d_options o = {.widths = {.list = "24,20,16,12"}};
        model_stylegan2_verdict fake, real;
        model_stylegan2_d(dm, made.out, &o, &fake);
        model_stylegan2_d(dm, target, &o, &real);
        train_styleswap_seen seen = {.made = made.out,
                                     .target = target,
                                     .same = style_input(&c, "same"),
                                     .mask = made.mask,
                                     .truth = style_input(&c, "mask_gt"),
                                     .made_id = toy_identity(&toys, made.out, NULL),
                                     .source_id = id,
                                     .fake = &fake,
                                     .real = &real,
                                     .fm_from = train_feature_at_most(32, 8)};
        train_styleswap_losses l;
        train_styleswap_loss(&seen, &train_styleswap_recommended, &l);
        style_want(&c, "out", made.out, forward);
        style_want(&c, "mask", made.mask, forward);
        want_loss(&c, "adv", l.adv);
        want_loss(&c, "id", l.id);
        want_loss(&c, "bce", l.mask);
        want_loss(&c, "fm", l.fm);
        want_loss(&c, "rec", l.rec);
        want_loss(&c, "total", l.total);
        CHECK(style_want_grads(&c, 0, "g:", "", l.total, NULL, backward) == 90);
        style_fill(&c, 0, "09_styleswap_rel32", "");
        style_fill(&c, 1, "07_disc32", "");
        style_check(&c, exact);
    }
    style_close(&toys);
    style_close(&c);
}

// ---- Inversion

static float *values(const style_case *c, const char *name)
{
    tg_shape s;
    return style_values(c, name, &s);
}

// One step of the trace: the graph pieces at the vectors that the trace had.
static void inversion_step(int i)
{
    style_case c;
    if (style_open(&c, "12_inversion")) {
        train_inversion_nets nets = {
            .options = &toy, .generator = c.p[0], .identity = toy_identity, .user = &c};
        const char *before = i ? tg_text(c.g, "iter%d.W_after", i - 1) : "w_init";
        tg_node *source = style_input(&c, "source");
        tg_node *id = toy_identity(&c, source, NULL);
        tg_node *random = style_input(&c, tg_text(c.g, "rand%d", i));
        train_inversion_inputs in = {.source = source,
                                     .source_id = id,
                                     .all_ids = id,
                                     .random_id = toy_identity(&c, random, NULL),
                                     .target = style_input(&c, "target"),
                                     .wplus = style_input(&c, before)};
        train_inversion_nodes n;
        train_inversion_build(&nets, &in, &n);
        struct {
            const char *name;
            tg_node *x;
        } number[] = {{"L_rec", n.rec}, {"L_id", n.id}, {"L", n.loss}, {"L_id_target", n.chosen}};
        for (int k = 0; k < 4; k++)
            want_loss(&c, tg_text(c.g, "iter%d.%s", i, number[k].name), number[k].x);
        style_want(&c, tg_text(c.g, "iter%d.I_rs", i), n.other, forward);
        style_want(&c, tg_text(c.g, "iter%d.I_srs", i), n.back, forward);
        style_want(&c, tg_text(c.g, "iter%d.I_st", i), n.swap, forward);
        style_want(&c, tg_text(c.g, "iter%d.g", i), grad(n.loss, in.wplus), backward);
        if (!i)
            style_want(&c, "w_init",
                       train_inversion_start(nn_root(c.p[0], c.g, false), id, 8, &toy), forward);
        style_fill(&c, 0, "09_styleswap_rel32", "");
        style_check(&c, 2e-6);
    }
    style_close(&c);
}

TEST(inversion_steps)
{
    for (int i = 0; i < 5; i++) inversion_step(i);
}

static void identity_of(style_case *c, const char *name, float *out)
{
    const double *d = tg_eval(toy_identity(c, style_input(c, name), NULL));
    for (int i = 0; d && i < 32; i++) out[i] = (float)d[i];
}

// A first build makes the generator's entries, which the case then fills.
static void fill_generator(style_case *c)
{
    model_styleswap_made made;
    nn m = nn_root(c->p[0], c->g, false);
    tg_node *style = model_styleswap_identity(m, tg_fill(c->g, TG_SHAPE(1, 32), 0), &toy);
    model_styleswap(m, style_input(c, "source"), style, &toy, NULL, &made);
    style_fill(c, 0, "09_styleswap_rel32", "");
}

typedef struct {
    const style_case *c;
    int steps;
    double worst;
} watched;

static bool watch(void *user, int step, double rec, double id, double chosen)
{
    watched *w = user;
    char key[64];
    const char *const name[] = {"L_rec", "L_id", "L_id_target"};
    const double have[] = {rec, id, chosen};
    for (int i = 0; i < 3; i++) {
        snprintf(key, sizeof key, "iter%d.%s", step, name[i]);
        w->worst = fmax(w->worst, fabs(have[i] - style_scalar(w->c, key)));
    }
    w->steps++;
    return true;
}

TEST(inversion_as_a_whole)
{
    style_case c;
    if (style_open(&c, "12_inversion")) {
        float id[32], random[5 * 32], w[8 * 32];
        float *source = values(&c, "source"), *target = values(&c, "target");
        float *best = values(&c, "W_best");
        fill_generator(&c);
        identity_of(&c, "source", id);
        for (int i = 0; i < 5; i++)
            identity_of(&c, tg_text(c.g, "rand%d", i), random + (size_t)i * 32);
        watched seen = {.c = &c};
        train_inversion v = {
            .nets = {.options = &toy, .generator = c.p[0], .identity = toy_identity, .user = &c},
            .size = 32,
            .sources = 1,
            .source = source,
            .source_id = id,
            .target = target,
            .random_id = random,
            .randoms = 5,
            .steps = 5,
            .progress = watch,
            .progress_user = &seen};
        train_inversion_result r;
        base_error e = {{0}};
        guise_status s = train_invert(&v, w, &r, &e);
        if (s) printf("%s\n", e.text);
        CHECK(!s && r.steps == 5 && seen.steps == 5);
        CHECK(r.best == (int)style_scalar(&c, "best_iter"));
        CHECK_NEAR(r.chosen, style_scalar(&c, "best_L_id"), 2e-5);
        CHECK_NEAR(seen.worst, 0, 1e-4);
        CHECK_NEAR(best ? test_distance(w, best, 256) : 1, 0, 1e-3);
        base_free(source);
        base_free(target);
        base_free(best);
    }
    style_close(&c);
}

// Two sources: both choose, they take turns, and an end comes when nothing gets better.
TEST(inversion_with_several_sources)
{
    style_case c;
    if (style_open(&c, "12_inversion")) {
        static float source[2 * 3 * 1024], id[2 * 32], random[32], w[8 * 32];
        float *one = values(&c, "source"), *other = values(&c, "rand1");
        float *target = values(&c, "target");
        memcpy(source, one, sizeof source / 2);
        memcpy(source + 3 * 1024, other, sizeof source / 2);
        fill_generator(&c);
        identity_of(&c, "source", id);
        identity_of(&c, "rand1", id + 32);
        identity_of(&c, "rand0", random);
        train_inversion v = {
            .nets = {.options = &toy, .generator = c.p[0], .identity = toy_identity, .user = &c},
            .size = 32,
            .sources = 2,
            .source = source,
            .source_id = id,
            .target = target,
            .random_id = random,
            .randoms = 1,
            .steps = 40};
        train_inversion_result r, still;
        base_error e = {{0}};
        guise_status s = train_invert(&v, w, &r, &e);
        if (s) printf("%s\n", e.text);
        CHECK(!s && r.chosen < r.at_start - 0.02);
        v.lr = 1e-30;
        v.patience = 3;
        CHECK(!train_invert(&v, w, &still, &e));
        CHECK(still.steps == 4 && still.best == 0 && still.chosen == still.at_start);
        CHECK_NEAR(still.at_start, r.at_start, 1e-6);
        // the first vectors swap both sources in: the sum over both of 1 - cos
        tg_node *ids = tg_const(c.g, TG_SHAPE(2, 32), id);
        tg_node *w0 = train_inversion_start(nn_root(c.p[0], c.g, false), ids, 8, &toy);
        model_styleswap_made made;
        model_styleswap(nn_root(c.p[0], c.g, false), style_input(&c, "target"), w0, &toy, NULL,
                        &made);
        tg_node *a = toy_identity(&c, made.out, NULL);
        tg_node *cosines = nn_cosine(tg_expand(a, TG_SHAPE(2, 32)), ids);
        style_want_number(&c, "both", tg_affine(tg_sum(cosines), -1, 2), r.at_start, 1e-4);
        style_check(&c, 0);
        v.sources = 0;
        w[0] = 42;
        CHECK(train_invert(&v, w, &r, &e) == GUISE_BAD_ARGUMENT && w[0] == 42);
        v.sources = 1;
        v.size = 31;
        CHECK(train_invert(&v, w, &r, &e) == GUISE_BAD_ARGUMENT && w[0] == 42);
        base_free(one);
        base_free(other);
        base_free(target);
    }
    style_close(&c);
}

// ---- The optimiser

static void optimiser(char net, int every)
{
    style_case c;
    if (style_open(&c, "14_optim")) {
        nn_adam a = train_lazy_adam((nn_adam){0.002, 0, 0.99, 1e-8}, every);
        double decay = train_average_decay(32, 10000);
        char key[64];
        snprintf(key, sizeof key, "%c_lr", net);
        CHECK_NEAR(a.lr, style_scalar(&c, key), 1e-15);
        snprintf(key, sizeof key, "%c_beta2", net);
        CHECK_NEAR(a.beta2, style_scalar(&c, key), 1e-15);
        CHECK_NEAR(decay, style_scalar(&c, "ema_decay"), 1e-15);
        nn_weight(nn_root(c.p[0], c.g, true), "p", TG_SHAPE(10), (nn_init){0});
        CHECK(!nn_settle(c.p[0], 1, NULL));
        float *p0 = values(&c, "p0"), *w = nn_params_data(c.p[0]), mean[10], m[10] = {0},
              v[10] = {0};
        memcpy(w, p0, sizeof mean);
        memcpy(mean, p0, sizeof mean);
        for (int i = 0; i < 3; i++) {
            snprintf(key, sizeof key, "g%d", i);
            float *g = values(&c, key);
            nn_adam_step(c.p[0], a, i + 1, g, w, m, v);
            nn_ema(mean, w, 10, decay);
            snprintf(key, sizeof key, "%c_p_after%d", net, i);
            float *want = values(&c, key);
            CHECK_NEAR(test_distance(w, want, 10), 0, 2e-7);
            base_free(want);
            snprintf(key, sizeof key, "%c_ema_after%d", net, i);
            want = values(&c, key);
            CHECK_NEAR(test_distance(mean, want, 10), 0, 2e-7);
            base_free(want);
            base_free(g);
        }
        base_free(p0);
    }
    style_close(&c);
}

TEST(optimiser_of_the_generator) { optimiser('G', TRAIN_PATH_EVERY); }
TEST(optimiser_of_the_discriminator) { optimiser('D', TRAIN_R1_EVERY); }

TEST(mixing_keeps_the_first_layers)
{
    base_rng r = {5};
    float keep[8];
    int at[9] = {0};
    for (int i = 0; i < 8000; i++) {
        train_mixing(&r, 0.9, 8, keep);
        int n = 0;
        while (n < 8 && keep[n] == 1) n++;
        for (int k = n; k < 8; k++) CHECK(keep[k] == 0);
        at[n]++;
    }
    CHECK(at[0] == 0);
    CHECK_NEAR(at[8] / 8000.0, 0.1, 0.02); // not mixed
    for (int n = 1; n < 8; n++) CHECK_NEAR(at[n] / 8000.0, 0.9 / 7, 0.02);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(losses), CASE(generator_loss), CASE(inversion_steps),
               CASE(inversion_as_a_whole), CASE(inversion_with_several_sources),
               CASE(optimiser_of_the_generator), CASE(optimiser_of_the_discriminator),
               CASE(mixing_keeps_the_first_layers));
}
