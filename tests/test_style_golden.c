// test_style_golden.c -- layers of StyleGAN2 against golden values: modulated convolutions,
// injected noise and features, heads, the mapping; forward and gradients.
#include "nn/style.h"
#include "style_case.h"
#include "test.h"
#include <math.h>

static const double forward = 2e-5, backward = 1e-4, exact = 3e-7;

// Gradients of y with cotangent g by all parameters, and by x and w.
static void want_all(style_case *c, tg_node *y, tg_node *x, tg_node *w)
{
    tg_node *g = style_input(c, "g"), *in[] = {x, w}, *d[2] = {NULL};
    style_want(c, "y", y, forward);
    tg_grad(y, g, in, 2, d);
    style_want(c, "gx", d[0], backward);
    style_want(c, "gw", d[1], backward);
    CHECK(style_want_grads(c, 0, "g:", "", y, g, backward) == (int)nn_params_n(c->p[0]));
}

static void modulated(const char *name, nn_modulated_options o)
{
    style_case c;
    if (style_open(&c, name)) {
        nn m = nn_root(c.p[0], c.g, true);
        tg_node *x = style_input(&c, "x"), *w = style_input(&c, "w");
        o.out = 4;
        tg_node *y = nn_modulated_conv_with(m, x, w, o);
        style_want(&c, "s", nn_equal_linear(nn_at(m, "modulation"), w, .out = 5, .bias = 1),
                   forward);
        want_all(&c, y, x, w);
        if (!o.no_demod) { // the factors by themselves
            o.no_demod = true;
            tg_node *d = tg_reshape(style_input(&c, "demod"), TG_SHAPE(2, 4, 1, 1));
            style_want(&c, "y", tg_mul(nn_modulated_conv_with(m, x, w, o), d), forward);
        }
        style_fill(&c, 0, name, "");
        style_check(&c, exact);
    }
    style_close(&c);
}

TEST(modulated_plain) { modulated("02_modconv_plain", (nn_modulated_options){.k = 3}); }
TEST(modulated_up) { modulated("02_modconv_up", (nn_modulated_options){.k = 3, .up = true}); }
TEST(modulated_down) { modulated("02_modconv_down", (nn_modulated_options){.k = 3, .down = true}); }
TEST(modulated_1x1) { modulated("02_modconv_k1_demod", (nn_modulated_options){.k = 1}); }
TEST(modulated_1x1_as_it_is)
{
    modulated("02_modconv_k1_nodemod", (nn_modulated_options){.k = 1, .no_demod = true});
}

static void styled(const char *name, bool up, bool join)
{
    style_case c;
    if (style_open(&c, name)) {
        tg_node *x = style_input(&c, "x"), *w = style_input(&c, "w"), *n = style_input(&c, "n");
        tg_node *y = nn_styled_conv(nn_root(c.p[0], c.g, true), x, w, .out = 4, .up = up,
                                    .join = join, .inject = n);
        tg_node *dn = NULL;
        want_all(&c, y, x, w);
        tg_grad(y, style_input(&c, "g"), &n, 1, &dn);
        style_want(&c, "gn", dn, backward);
        style_fill(&c, 0, name, "");
        style_check(&c, exact);
    }
    style_close(&c);
}

TEST(noise_plain) { styled("03_styledconv_add_plain", false, false); }
TEST(noise_up) { styled("03_styledconv_add_up", true, false); }
TEST(features_plain) { styled("03_styledconv_cat_plain", false, true); }
TEST(features_up) { styled("03_styledconv_cat_up", true, true); }

TEST(picture_head)
{
    style_case c;
    if (style_open(&c, "04_torgb_skip")) {
        tg_node *x = style_input(&c, "x"), *w = style_input(&c, "w");
        tg_node *skip = style_input(&c, "skip"), *d = NULL;
        tg_node *y = nn_to_picture(nn_root(c.p[0], c.g, true), x, w, skip, 3, false);
        want_all(&c, y, x, w);
        tg_grad(y, style_input(&c, "g"), &skip, 1, &d);
        style_want(&c, "gskip", d, backward);
        style_want(&c, "skip_up", nn_fir_up(skip), forward);
        style_fill(&c, 0, c.name, "");
        style_check(&c, exact);
    }
    style_close(&c);
}

TEST(mask_head)
{
    style_case c;
    if (style_open(&c, "04_tomask_official")) {
        tg_node *x = style_input(&c, "x"), *w = style_input(&c, "w");
        tg_node *last = style_input(&c, "prev_mask"), *d = NULL;
        nn m = nn_root(c.p[0], c.g, true);
        tg_node *y = tg_sigmoid(nn_to_picture(m, x, w, last, 1, true));
        want_all(&c, y, x, w);
        tg_grad(y, style_input(&c, "g"), &last, 1, &d);
        style_want(&c, "gprev_mask", d, backward);
        style_fill(&c, 0, c.name, "");
        style_check(&c, exact);
    }
    style_close(&c);
}

TEST(mapping)
{
    style_case c;
    if (style_open(&c, "05_mapping")) {
        nn m = nn_root(c.p[0], c.g, true);
        tg_node *id = style_input(&c, "id"), *d = NULL, *g = style_input(&c, "g");
        tg_node *h = nn_equal_linear(nn_at(m, "final_linear.0"), id, .out = 16, .activate = true);
        style_want(&c, "final_linear_out", h, forward);
        h = nn_pixel_norm(h);
        style_want(&c, "h0", h, forward);
        for (int i = 1; i <= 8; i++) {
            h = nn_equal_linear(nn_at(m, "style.%d", i), h, .out = 16, .lr_mul = 0.01,
                                .activate = true);
            style_want(&c, tg_text(c.g, "h%d", i), h, forward);
        }
        style_want(&c, "w", h, forward);
        tg_grad(h, g, &id, 1, &d);
        style_want(&c, "gid", d, backward);
        CHECK(style_want_grads(&c, 0, "g:", "", h, g, backward) == 18);
        style_fill(&c, 0, c.name, "");
        style_check(&c, exact);
    }
    style_close(&c);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(modulated_plain), CASE(modulated_up), CASE(modulated_down),
               CASE(modulated_1x1), CASE(modulated_1x1_as_it_is), CASE(noise_plain), CASE(noise_up),
               CASE(features_plain), CASE(features_up), CASE(picture_head), CASE(mask_head),
               CASE(mapping));
}
