// test_stylegan2_golden.c -- StyleGAN2's generator and discriminator against golden values:
// forward, gradients, and the second derivatives of R1 and of the path length.
#include "model/stylegan2.h"
#include "nn/style.h"
#include "style_case.h"
#include "test.h"
#include "train/losses_styleswap.h"
#include <math.h>

static const double forward = 2e-5, backward = 1e-4, second = 1e-3, exact = 1e-6;

static const model_stylegan2_options generator = {
    .size = 32, .widths = {.list = "24,20,16,12"}, .style = 32, .noise = "given"};

static void noise_maps(style_case *c, tg_node *noise[7])
{
    for (int i = 0; i < 7; i++) noise[i] = style_input(c, tg_text(c->g, "noise%d", i));
}

TEST(generator_forward_and_back)
{
    style_case c;
    if (style_open(&c, "06_sg2_gen32")) {
        nn m = nn_root(c.p[0], c.g, true);
        tg_node *noise[7], *w = style_input(&c, "wplus"), *g = style_input(&c, "g"), *d = NULL;
        noise_maps(&c, noise);
        tg_node *img = model_stylegan2(m, w, noise, &generator, NULL);
        style_want(&c, "img", img, forward);
        tg_grad(img, g, &w, 1, &d);
        style_want(&c, "gwplus", d, backward);
        CHECK(style_want_grads(&c, 0, "g:", "", img, g, backward) == 52);
        style_fill(&c, 0, c.name, "");
        style_check(&c, exact);
    }
    style_close(&c);
}

TEST(styles_mapped_mixed_and_truncated)
{
    style_case c;
    if (style_open(&c, "06_sg2_gen32")) {
        static const float first3[8] = {1, 1, 1};
        nn m = nn_root(c.p[0], c.g, false);
        tg_node *noise[7];
        noise_maps(&c, noise);
        tg_node *one = style_input(&c, "w_single");
        style_want(&c, "img_single", model_stylegan2(m, one, noise, &generator, NULL), forward);
        tg_node *w = model_stylegan2_mapping(m, style_input(&c, "z"), &generator);
        style_want(&c, "w_from_z", w, forward);
        style_want(&c, "img_from_z", model_stylegan2(m, w, noise, &generator, NULL), forward);
        tg_node *other = model_stylegan2_mapping(m, style_input(&c, "z2"), &generator);
        tg_node *mixed = nn_latents_mix(w, other, tg_const(c.g, TG_SHAPE(8), first3));
        style_want(&c, "latents_mix3", mixed, forward);
        style_want(&c, "img_mix3", model_stylegan2(m, mixed, noise, &generator, NULL), forward);
        tg_node *mean = tg_reshape(style_input(&c, "trunc_mean"), TG_SHAPE(32));
        tg_node *cut = nn_truncate(w, mean, 0.7);
        style_want(&c, "img_trunc07", model_stylegan2(m, cut, noise, &generator, NULL), forward);
        style_fill(&c, 0, c.name, "");
        style_check(&c, exact);
    }
    style_close(&c);
}

static const model_stylegan2_d_options discriminator = {.widths = {.list = "24,20,16,12"}};

static tg_node *logits(nn m, tg_node *img, int group)
{
    model_stylegan2_d_options o = discriminator;
    model_stylegan2_verdict v;
    o.group = group;
    model_stylegan2_d(m, img, &o, &v);
    return v.logit;
}

TEST(discriminator_forward_and_back)
{
    style_case c;
    if (style_open(&c, "07_disc32")) {
        nn m = nn_root(c.p[0], c.g, true);
        model_stylegan2_verdict v;
        tg_node *x = style_input(&c, "x"), *x8 = style_input(&c, "x8"), *d = NULL;
        model_stylegan2_d(m, x, &discriminator, &v);
        style_want(&c, "logits", v.logit, forward);
        CHECK(v.features == 4);
        style_want(&c, "feat2", v.feature[2], forward);
        style_want(&c, "feat3", v.feature[3], forward);
        style_want(&c, "logits8", logits(m, x8, 4), forward);
        style_want(&c, "logits8_wholebatch_group", logits(m, x8, 100), forward);
        style_want(&c, "logits3", logits(m, tg_slice(x8, 0, 0, 3), 4), forward);
        tg_node *loss = train_logistic_generator(v.logit); // softplus(-logit), as for real ones
        style_want_number(&c, "loss_real", loss, style_scalar(&c, "loss_real"), forward);
        tg_grad(loss, NULL, &x, 1, &d);
        style_want(&c, "gx_loss_real", d, backward);
        CHECK(style_want_grads(&c, 0, "g:", "", loss, NULL, backward) == 23);
        style_fill(&c, 0, c.name, "");
        style_check(&c, exact);
    }
    style_close(&c);
}

TEST(r1_penalty)
{
    style_case c;
    if (style_open(&c, "07_disc32")) {
        tg_node *x = style_input(&c, "x"), *d = NULL;
        tg_node *logit = logits(nn_root(c.p[0], c.g, true), x, 0);
        tg_grad(logit, NULL, &x, 1, &d);
        style_want(&c, "r1_gx", d, backward);
        tg_node *r1 = train_r1(logit, x);
        style_want_number(&c, "r1", r1, style_scalar(&c, "r1"), backward);
        tg_node *loss = tg_scale(r1, 10.0 / 2 * TRAIN_R1_EVERY);
        style_want_number(&c, "r1_weighted", loss, style_scalar(&c, "r1_weighted"), backward);
        tg_grad(loss, NULL, &x, 1, &d);
        style_want(&c, "r1_weighted_gx", d, second);
        CHECK(style_want_grads(&c, 0, "r:", "", loss, NULL, second) >= 22);
        style_fill(&c, 0, c.name, "");
        style_check(&c, 1e-5);
    }
    style_close(&c);
}

static tg_node *norm_of_grads(style_case *c, tg_node *y)
{
    tg_node *grad[100] = {NULL}, *sum = tg_fill(c->g, (tg_shape){0}, 0);
    nn_grad(c->p[0], y, grad);
    for (size_t i = 0; i < nn_params_n(c->p[0]); i++)
        if (grad[i]) sum = tg_add(sum, tg_sum(tg_square(grad[i])));
    return tg_sqrt(sum);
}

static void path_length(const char *which, bool grads)
{
    style_case c, from;
    if (style_open(&c, "08_pathlen") && style_open(&from, "06_sg2_gen32")) {
        tg_graph *g = from.g; // inputs of the other case, in this one's graph
        from.g = c.g;
        nn m = nn_root(c.p[0], c.g, true);
        tg_node *noise[7], *w = style_input(&from, "wplus"), *d = NULL;
        noise_maps(&from, noise);
        tg_node *img = model_stylegan2(m, w, noise, &generator, NULL);
        double last = style_scalar(&c, tg_text(c.g, "mean_prev_%s", which));
        double mean = style_scalar(&c, tg_text(c.g, "mean_new_%s", which));
        double penalty = style_scalar(&c, tg_text(c.g, "penalty_%s", which));
        double norm = style_scalar(&c, tg_text(c.g, "gradnorm_params_%s", which));
        train_path p;
        train_path_length(img, w, style_input(&c, "y"), tg_fill(c.g, (tg_shape){0}, last), &p);
        style_want(&c, "J", p.jacobian, backward);
        style_want(&c, "path_lengths", p.lengths, backward);
        style_want_number(&c, "mean", p.mean, mean, backward);
        style_want_number(&c, "penalty", p.penalty, penalty, backward);
        tg_grad(p.penalty, NULL, &w, 1, &d);
        style_want(&c, tg_text(c.g, "gwplus_%s", which), d, second);
        style_want_number(&c, "norm", norm_of_grads(&c, p.penalty), norm, second);
        if (grads) CHECK(style_want_grads(&c, 0, "g:", "", p.penalty, NULL, second) > 30);
        style_fill(&c, 0, "06_sg2_gen32", "");
        style_check(&c, 1e-5);
        from.g = g;
        style_close(&from);
    }
    style_close(&c);
}

TEST(path_length_from_nothing) { path_length("a", true); }
TEST(path_length_around_a_mean) { path_length("b", false); }

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(generator_forward_and_back),
               CASE(styles_mapped_mixed_and_truncated), CASE(discriminator_forward_and_back),
               CASE(r1_penalty), CASE(path_length_from_nothing), CASE(path_length_around_a_mean));
}
