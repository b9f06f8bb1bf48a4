// test_published.c -- the losses of SimSwap's published trainer (2022), each on its own, with the
// projected discriminator's backbone in batch-statistics and in evaluation mode.
#include "golden_case.h"
#include "model/model.h"
#include "test.h"
#include "train/losses.h"

typedef struct {
    golden_case c;
    tg_graph *g;
    nn_params *d, *id;
    model_projected_options o;
    tg_node *a1, *a2, *fake; // [2,3,128,128], ImageNet-normalised: target, identity, made
    float *data[3];
} training;

static bool begin(training *t, bool backbone_eval)
{
    *t = (training){.o = {.backbone_eval = backbone_eval}};
    if (!golden_open(&t->c, "train_published_components_128")) return false;
    tg_shape s = {0};
    t->data[0] = golden_picture(&t->c, "img_a1_u8", true, &s);
    t->data[1] = golden_picture(&t->c, "img_a2_u8", true, &s);
    t->data[2] = golden_picture(&t->c, "img_b1_u8", true, &s);
    for (int64_t i = 0; i < tg_count(s); i++)
        t->data[2][i] = (float)(0.8 * t->data[0][i] + 0.2 * t->data[2][i]);
    t->g = tg_new();
    CHECK(!nn_params_open(&t->d, NULL) && !nn_params_open(&t->id, NULL));
    t->a1 = tg_input(t->g, s, "a1");
    t->a2 = tg_input(t->g, s, "a2");
    t->fake = tg_input(t->g, s, "fake");
    return true;
}

static void end(training *t)
{
    nn_params_close(&t->d);
    nn_params_close(&t->id);
    tg_free(t->g);
    golden_close(&t->c);
    for (int i = 0; i < 3; i++) base_free(t->data[i]);
}

static tg_plan *run(training *t, tg_node *const out[], int n)
{
    tg_plan *plan = NULL;
    base_error e = {{0}};
    tg_node *in[] = {t->a1, t->a2, t->fake};
    guise_status s = nn_settle(t->d, 1, &e);
    if (!s) s = nn_settle(t->id, 1, &e);
    golden_fill(t->d, "DPROJ");
    golden_fill(t->id, "ARC101");
    if (!s) s = tg_plan_open(&plan, t->g, out, n, &(tg_plan_options){.train = true}, &e);
    if (!s) s = nn_bind(t->d, t->g, plan, &e);
    if (!s) s = nn_bind(t->id, t->g, plan, &e);
    for (int i = 0; !s && i < 3; i++) s = tg_plan_bind(plan, in[i], t->data[i], &e);
    if (!s) s = tg_plan_run(plan, &e);
    if (s) printf("%s\n", e.text);
    CHECK(!s);
    return plan;
}

static tg_node *discriminate(training *t, tg_node *img, tg_node **feature)
{
    tg_node *part[MODEL_PROJECTED_PARTS];
    nn m = nn_root(t->d, t->g, true);
    model_projected_features(m, img, &t->o, part);
    tg_node *logits = model_projected_logits(m, part, &t->o, NULL);
    if (feature) *feature = part[MODEL_PROJECTED_PARTS - 1];
    return logits;
}

static tg_node *identity(training *t, tg_node *img)
{
    tg_node *x = tg_resize(img, 112, 112, TG_BICUBIC);
    return nn_unit(
        model_arcface(nn_root(t->id, t->g, false), x, &(model_arcface_options){0}, NULL));
}

// Loss and gradient by the made picture: its value, and the length of the difference of the rows
// that the case holds.
static void check(training *t, const char *name, tg_node *loss, tg_node *logits, double rel)
{
    const char *mode = t->o.backbone_eval ? "bbeval" : "bbtrain";
    tg_node *d, *out[3] = {loss, NULL, logits};
    char text[100];
    tg_grad(loss, NULL, &t->fake, 1, &d);
    out[1] = d;
    tg_plan *p = run(t, out, logits ? 3 : 2);
    snprintf(text, sizeof text, "%s.loss.%s", mode, name);
    CHECK(golden_compare(&t->c, text, tg_plan_value(p, loss), 1, 1e-4) == 1);
    snprintf(text, sizeof text, "%s.logits", mode);
    if (logits) CHECK(golden_compare(&t->c, text, tg_plan_value(p, logits), 8, 1e-3) == 1);
    float rows[3 * 16 * 128];
    for (size_t k = 0; k < 3; k++)
        memcpy(rows + k * 2048, tg_plan_value(p, d) + (k * 128 + 56) * 128, 2048 * sizeof *rows);
    snprintf(text, sizeof text, "%s.d_%s_d_fake.img0_rows56_71", mode, name);
    golden_compare_norm(&t->c, text, rows, sizeof rows / sizeof *rows, rel);
    tg_plan_close(&p);
}

static void adversarial(bool backbone_eval, double rel)
{
    training t;
    if (!begin(&t, backbone_eval)) return;
    tg_node *logits = discriminate(&t, t.fake, NULL);
    check(&t, "Gmain", train_hinge_generator(&logits, 1), logits, rel);
    end(&t);
}

static void feature_matching(bool backbone_eval, double rel)
{
    training t;
    tg_node *made, *real;
    if (!begin(&t, backbone_eval)) return;
    discriminate(&t, t.fake, &made);
    discriminate(&t, t.a1, &real);
    check(&t, "FM", train_feature_matching(&made, &real, 0, 0), NULL, rel);
    end(&t);
}

static void discriminator(bool backbone_eval, double rel)
{
    training t;
    if (!begin(&t, backbone_eval)) return;
    tg_node *fake = discriminate(&t, t.fake, NULL), *real = discriminate(&t, t.a2, NULL);
    tg_node *loss = tg_add(train_hinge_fake(&fake, 1), train_hinge_real(&real, 1));
    tg_node *grad[500], *out[100] = {loss};
    const float *value[500] = {0};
    int n = 1;
    CHECK(nn_params_n(t.d) == 406);
    nn_grad(t.d, loss, grad);
    for (size_t i = 0; i < nn_params_n(t.d); i++)
        if (grad[i]) out[n++] = grad[i];
    CHECK(n == 45); // the backbone and the projections are frozen
    tg_plan *p = run(&t, out, n);
    for (size_t i = 0; i < nn_params_n(t.d); i++)
        if (grad[i]) value[i] = tg_plan_value(p, grad[i]);
    const char *mode = backbone_eval ? "bbeval" : "bbtrain";
    char text[100];
    snprintf(text, sizeof text, "%s.loss.D", mode);
    CHECK(golden_compare(&t.c, text, tg_plan_value(p, loss), 1, 1e-4) == 1);
    snprintf(text, sizeof text, "%s.D.grad", mode);
    CHECK(golden_compare_grads(&t.c, text, 0, t.d, "discriminator.", value, rel) == 44);
    tg_plan_close(&p);
    end(&t);
}

TEST(adversarial_loss) { adversarial(false, 5e-2); }
TEST(adversarial_loss_with_backbone_in_evaluation) { adversarial(true, 2e-2); }
TEST(feature_matching_loss) { feature_matching(false, 2e-2); }
TEST(feature_matching_loss_with_backbone_in_evaluation) { feature_matching(true, 2e-2); }
TEST(discriminator_loss) { discriminator(false, 2e-2); }
TEST(discriminator_loss_with_backbone_in_evaluation) { discriminator(true, 2e-2); }

TEST(identity_loss)
{
    training t;
    if (!begin(&t, false)) return;
    tg_node *loss = tg_mean(train_identity_loss(identity(&t, t.fake), identity(&t, t.a2)));
    check(&t, "ID", loss, NULL, 1e-2);
    end(&t);
}

TEST(reconstruction_loss) // many pixels are equal, where the sign is a matter of rounding
{
    training t;
    if (!begin(&t, false)) return;
    tg_node *loss = train_reconstruction_loss(t.fake, t.a1, NULL), *d;
    tg_grad(loss, NULL, &t.fake, 1, &d);
    tg_plan *p = run(&t, (tg_node *[]){loss, d}, 2);
    CHECK(golden_compare(&t.c, "bbtrain.loss.Rec", tg_plan_value(p, loss), 1, 1e-6) == 1);
    size_t n = 0, wrong = 0, compared = 0;
    float *want = golden_floats(&t.c, "bbtrain.d_Rec_d_fake.img0_rows56_71", &n);
    CHECK(want && n == 3 * 16 * 128);
    for (size_t i = 0; want && i < n; i++) {
        size_t at = (i / 2048 * 128 + 56 + i % 2048 / 128) * 128 + i % 128;
        if (fabsf(t.data[2][at] - t.data[0][at]) <= 1e-6f) continue;
        wrong += fabsf(tg_plan_value(p, d)[at] - want[i]) > 1e-9f;
        compared++;
    }
    CHECK(wrong == 0 && compared > n / 2);
    base_free(want);
    tg_plan_close(&p);
    end(&t);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(adversarial_loss),
               CASE(adversarial_loss_with_backbone_in_evaluation), CASE(feature_matching_loss),
               CASE(feature_matching_loss_with_backbone_in_evaluation), CASE(identity_loss),
               CASE(reconstruction_loss), CASE(discriminator_loss),
               CASE(discriminator_loss_with_backbone_in_evaluation));
}
