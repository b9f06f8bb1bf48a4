// test_faceshifter_losses.c -- FaceShifter's losses on numbers worked out by hand; HEAR-Net's data;
// the watch over collapsing attributes.
#include "test.h"
#include "train/collapse.h"
#include "train/losses_faceshifter.h"

static double value(tg_node *x)
{
    const double *v = x ? tg_eval(x) : NULL;
    CHECK(v != NULL);
    return v ? *v : NAN;
}

static tg_node *node(tg_graph *g, tg_shape s, const float *v) { return tg_const(g, s, v); }

TEST(attributes_of_the_target_are_constants_unless_attached)
{
    tg_graph *g = tg_new();
    tg_node *made[2], *target[2], *level[2], *d[2];
    made[0] = node(g, TG_SHAPE(1, 2, 1, 1), (float[]){1, 2});
    target[0] = node(g, TG_SHAPE(1, 2, 1, 1), (float[]){0, 4});
    made[1] = node(g, TG_SHAPE(1, 1, 2, 2), (float[]){1, 1, 1, 1});
    target[1] = node(g, TG_SHAPE(1, 1, 2, 2), (float[]){1, 1, 1, 4});
    for (int attached = 0; attached < 2; attached++) {
        tg_node *loss = train_attribute_loss(made, target, 2, attached != 0, level);
        CHECK_NEAR(value(loss), 0.5 * (2.5 + 2.25), 1e-12); // means of 1, 4 and of 0, 0, 0, 9
        CHECK_NEAR(value(level[0]), 2.5, 1e-12);
        CHECK_NEAR(value(level[1]), 2.25, 1e-12);
        tg_grad(loss, NULL, target, 2, d);
        CHECK_NEAR(value(d[0]), attached ? -0.5 : 0, 1e-12); // (target - made) / 2 elements
        tg_grad(loss, NULL, made, 2, d);
        CHECK_NEAR(value(d[0]), 0.5, 1e-12);
    }
    tg_free(g);
}

TEST(reconstruction_counts_same_pairs_only)
{
    tg_graph *g = tg_new();
    tg_node *made = node(g, TG_SHAPE(3, 1, 1, 2), (float[]){1, 1, 0, 0, 2, 0});
    tg_node *target = node(g, TG_SHAPE(3, 1, 1, 2), (float[]){0, 0, 5, 5, 0, 0});
    tg_node *same = node(g, TG_SHAPE(3), (float[]){1, 0, 1});
    tg_node *none = node(g, TG_SHAPE(3), (float[]){0, 0, 0});
    CHECK_NEAR(value(train_same_loss(made, target, same, false)), 0.5 * (1 + 2) / 2, 1e-6);
    CHECK_NEAR(value(train_same_loss(made, target, same, true)), 0.5 * (1 + 2) / 3, 1e-12);
    CHECK_NEAR(value(train_same_loss(made, target, none, false)), 0, 1e-12);
    tg_free(g);
}

TEST(discriminator_and_forms)
{
    tg_graph *g = tg_new();
    tg_node *real[] = {node(g, TG_SHAPE(1, 1, 1, 2), (float[]){0.5F, 2}),
                       node(g, TG_SHAPE(1, 1, 1, 1), (float[]){-1})};
    tg_node *fake[] = {node(g, TG_SHAPE(1, 1, 1, 2), (float[]){-3, 0}),
                       node(g, TG_SHAPE(1, 1, 1, 1), (float[]){1})};
    train_faceshifter_options o;
    base_fields_init(train_faceshifter_fields, &o);
    CHECK(o.lambda_adv == 1 && o.lambda_att == 10 && o.lambda_id == 5 && o.lambda_rec == 10);
    CHECK(!o.attached);
    // real: 0.25 and 2; fake: 0.5 and 2
    CHECK_NEAR(value(train_faceshifter_discriminator(real, fake, 2, &o)), 0.5 * (2.25 + 2.5), 1e-9);
    o.adversarial = "linear";
    CHECK_NEAR(value(train_faceshifter_discriminator(real, fake, 2, &o)), 2.25 / 2 + 1.25, 1e-9);
    o.adversarial = "other";
    train_faceshifter_discriminator(real, fake, 2, &o);
    CHECK(tg_error(g) != NULL);
    tg_free(g);
}

TEST(hear_losses_have_equal_weights)
{
    tg_graph *g = tg_new();
    tg_shape s = TG_SHAPE(2, 3, 1, 1);
    train_hear_losses l;
    train_hear_input in = {
        .made = node(g, s, (float[]){1, 1, 1, 0, 0, 0}),
        .swapped = node(g, s, (float[]){0, 1, 2, 0, 0, 3}),
        .target = node(g, s, (float[]){1, 0, 1, 9, 9, 9}),
        .made_id = node(g, TG_SHAPE(2, 2), (float[]){1, 0, 0, 2}),
        .source_id = node(g, TG_SHAPE(2, 2), (float[]){0, 3, 0, 1}),
        .same = node(g, TG_SHAPE(2), (float[]){1, 0}),
    };
    train_hear_loss(&in, &l);
    CHECK_NEAR(value(l.id), 0.5, 1e-9);         // cosines 0 and 1
    CHECK_NEAR(value(l.change), 5.0 / 6, 1e-9); // |1| |1| |3|
    CHECK_NEAR(value(l.rec), 0.5 / 3, 1e-6);    // of the first sample
    CHECK_NEAR(value(l.total), value(l.id) + value(l.change) + value(l.rec), 1e-12);
    tg_node *d[2], *wrt[] = {in.swapped, in.source_id};
    tg_grad(l.total, NULL, wrt, 2, d);
    CHECK(value(d[0]) == 0 && value(d[1]) == 0); // constants
    tg_node *error = train_heuristic_error(in.target, in.swapped);
    const double *score = tg_eval(train_heuristic_score(error));
    CHECK_NEAR(score[0], 1, 1e-9);
    CHECK_NEAR(score[1], 8, 1e-9);
    tg_node *x = train_hear_input_of(in.swapped, error);
    CHECK(tg_same(tg_shape_of(x), TG_SHAPE(2, 6, 1, 1)));
    CHECK(tg_eval(x)[2] == 2 && tg_eval(x)[3] == 1);
    tg_free(g);
}

TEST(hear_gradient_reaches_the_network)
{
    tg_graph *g = tg_new();
    nn_params *p = NULL;
    base_error e = {{0}};
    CHECK(!nn_params_open(&p, &e));
    tg_shape s = TG_SHAPE(2, 3, 16, 16);
    tg_node *swapped = tg_input(g, s, "swapped"), *target = tg_input(g, s, "target");
    tg_node *rebuilt = tg_input(g, s, "rebuilt");
    model_hear_options o = {.width = 4, .depth = 3};
    tg_node *x = train_hear_input_of(swapped, train_heuristic_error(target, rebuilt));
    tg_node *y = model_hear(nn_root(p, g, true), x, &o, NULL);
    tg_node *id = tg_reshape(y, TG_SHAPE(2, 768));
    tg_node *want = tg_detach(tg_reshape(target, TG_SHAPE(2, 768)));
    train_hear_losses l;
    train_hear_input in = {y, swapped, target, id, want, tg_fill(g, TG_SHAPE(2), 1)};
    train_hear_loss(&in, &l);
    tg_node **grad = base_alloc(nn_params_n(p), sizeof *grad);
    nn_grad(p, l.total, grad);
    CHECK(!tg_check(g, GUISE_BAD_ARGUMENT, &e));
    for (size_t i = 0; i < nn_params_n(p); i++)
        CHECK((nn_params_entry(p, i)->kind == NN_WEIGHT) == (grad[i] != NULL));
    base_free(grad);
    nn_params_close(&p);
    tg_free(g);
}

TEST(top_tenth)
{
    float score[20];
    size_t pick[20];
    for (int i = 0; i < 20; i++) score[i] = (float)(i * 7 % 20);
    CHECK(train_pick_top(score, 20, 0.1, pick) == 2);
    CHECK(score[pick[0]] == 19 && score[pick[1]] == 18);
    CHECK(train_pick_top(score, 20, 1, pick) == 20);
    for (int i = 1; i < 20; i++) CHECK(score[pick[i]] < score[pick[i - 1]]);
    CHECK(train_pick_top(score, 5, 0.1, pick) == 1 && pick[0] == 2);
    CHECK(train_pick_top(score, 0, 0.1, pick) == 0);
    float odd[] = {NAN, 1, 1, NAN, 2};
    CHECK(train_pick_top(odd, 5, 0.9, pick) == 4);
    CHECK(pick[0] == 4 && pick[1] == 1 && pick[2] == 2 && pick[3] == 0);
}

TEST(keras_steps_are_ours_with_another_floor)
{
    nn_adam a = train_keras_adam((nn_adam){5e-5, 0.5, 0.999, 1e-7}, 3);
    double m = 0.02, v = 1e-9, rate = 5e-5 * sqrt(1 - pow(0.999, 3)) / (1 - pow(0.5, 3));
    double root = sqrt(1 - pow(0.999, 3));
    CHECK_NEAR(a.lr / (1 - pow(0.5, 3)) * m / (sqrt(v) / root + a.eps), rate * m / (sqrt(v) + 1e-7),
               1e-12);
}

TEST(norms_and_spreads)
{
    tg_graph *g = tg_new();
    tg_node *att[] = {node(g, TG_SHAPE(2, 2, 1, 1), (float[]){1, 5, 3, 5}),
                      node(g, TG_SHAPE(2, 1, 1, 2), (float[]){2, 2, 2, 2})};
    const double *norm = tg_eval(train_attribute_norms(att, 2));
    CHECK_NEAR(norm[0], sqrt((1 + 25 + 9 + 25) / 4.0), 1e-9);
    CHECK_NEAR(norm[1], 2, 1e-9);
    const double *spread = tg_eval(train_attribute_spreads(att, 2));
    CHECK_NEAR(spread[0], sqrt(0.5), 1e-9); // variances 1 and 0
    CHECK_NEAR(spread[1], 0, 1e-9);
    tg_free(g);
}

TEST(collapse_is_noticed_and_named)
{
    train_collapse c = {0};
    base_error e = {{0}};
    float spread[] = {1, 0.5F, 2};
    for (int i = 0; i < 500; i++) {
        for (int k = 0; k < 3; k++) spread[k] *= i % 2 ? 1.5F : 1 / 1.5F; // noise
        CHECK(!train_collapse_watch(&c, spread, 3, &e));
    }
    guise_status s = GUISE_OK;
    int steps = 0;
    spread[1] = 0.001F;
    for (; !s && steps < 1000; steps++) s = train_collapse_watch(&c, spread, 3, &e);
    CHECK(s == GUISE_BAD_ARGUMENT && strstr(e.text, "attribute collapse: level 2"));
    CHECK(steps > 50 && steps < 400);
    train_collapse fresh = {0};
    spread[0] = NAN;
    e = (base_error){{0}};
    CHECK(train_collapse_watch(&fresh, spread, 3, &e) == GUISE_BAD_ARGUMENT);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(attributes_of_the_target_are_constants_unless_attached),
               CASE(reconstruction_counts_same_pairs_only), CASE(discriminator_and_forms),
               CASE(hear_losses_have_equal_weights), CASE(hear_gradient_reaches_the_network),
               CASE(top_tenth), CASE(keras_steps_are_ours_with_another_floor),
               CASE(norms_and_spreads), CASE(collapse_is_noticed_and_named));
}
