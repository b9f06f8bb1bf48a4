// test_legacy_step.c -- one step of SimSwap's 2021 training class: every loss, the gradients of the
// generator and of both PatchGANs, the gradient penalty with its second derivative, statistics.
#include "golden_case.h"
#include "model/model.h"
#include "test.h"
#include "train/losses.h"

enum { G, D1, D2, ID, STORES, LAYERS = MODEL_PATCHGAN_OUT - 1 };

typedef struct {
    golden_case c;
    tg_graph *g;
    nn_params *p[STORES];
    tg_node *att, *photo, *alpha; // inputs
    float *att_data, *photo_data, *alpha_data;
    tg_node *latent, *fake;
    tg_node *made[2][MODEL_PATCHGAN_OUT], *real[2][MODEL_PATCHGAN_OUT], *cut[2][MODEL_PATCHGAN_OUT];
    tg_node *loss_gan, *loss_fm, *loss_id, *loss_rec, *loss_real, *loss_fake, *raw[2][LAYERS];
    tg_node *penalty[2];
} training;

static tg_node *normalised(tg_node *x)
{
    static const float mean[] = {0.485f, 0.456f, 0.406f}, deviation[] = {0.229f, 0.224f, 0.225f};
    tg_graph *g = tg_graph_of(x);
    tg_shape s = TG_SHAPE(1, 3, 1, 1);
    return tg_div(tg_sub(x, tg_const(g, s, mean)), tg_const(g, s, deviation));
}

static tg_node *identity(training *t, tg_node *img) // [n,512], not normalised
{
    tg_node *x = tg_resize(normalised(img), 112, 112, TG_NEAREST);
    return model_arcface(nn_root(t->p[ID], t->g, false), x, &(model_arcface_options){0}, NULL);
}

static void discriminate(training *t, tg_node *img, tg_node *out[2][MODEL_PATCHGAN_OUT])
{
    const model_patchgan_options o = {0};
    model_patchgan(nn_root(t->p[D1], t->g, true), img, &o, out[0]);
    model_patchgan(nn_root(t->p[D2], t->g, true), model_patchgan_half(img), &o, out[1]);
}

static void losses(training *t)
{
    tg_node *made[2] = {t->made[0][LAYERS], t->made[1][LAYERS]};
    tg_node *real[2] = {t->real[0][LAYERS], t->real[1][LAYERS]};
    tg_node *cut[2] = {t->cut[0][LAYERS], t->cut[1][LAYERS]};
    t->loss_gan = train_hinge_generator(made, 2);
    t->loss_real = train_hinge_real(real, 2);
    t->loss_fake = train_hinge_fake(cut, 2);
    tg_node *fm[2];
    for (int d = 0; d < 2; d++) {
        fm[d] = train_feature_matching(t->made[d], t->real[d], 0, LAYERS - 1);
        for (int i = 0; i < LAYERS; i++)
            t->raw[d][i] = train_feature_matching(t->made[d], t->real[d], i, i);
    }
    t->loss_fm = tg_scale(tg_add(fm[0], fm[1]), 0.4 * 10); // 4 / 5 layers, 1 / 2 scales
    t->loss_id = train_identity_loss(identity(t, t->fake), t->latent);
    t->loss_rec = tg_scale(train_reconstruction_loss(t->fake, t->att, NULL), 10);
}

static void penalties(training *t) // each discriminator by the picture that it sees
{
    tg_node *x = train_mix(t->att, tg_detach(t->fake), t->alpha), *out[MODEL_PATCHGAN_OUT];
    const model_patchgan_options o = {0};
    for (int d = 0; d < 2; d++) {
        nn m = nn_root(t->p[D1 + d], t->g, true);
        tg_node *seen = d ? model_patchgan_half(x) : x;
        model_patchgan(m, seen, &o, out);
        t->penalty[d] = train_gradient_penalty(out[LAYERS], seen);
    }
}

static bool begin(training *t)
{
    static const char *const tag[] = {"G224", "D1", "D2", "ARC101"};
    *t = (training){0};
    if (!golden_open(&t->c, "train_legacy_step_128")) return false;
    tg_shape s = {0};
    size_t n;
    t->att_data = golden_picture(&t->c, "img_att_u8", false, &s);
    t->photo_data = golden_picture(&t->c, "img_id_u8", false, &s);
    t->alpha_data = golden_floats(&t->c, "gp_alpha", &n);
    t->g = tg_new();
    for (int i = 0; i < STORES; i++) CHECK(!nn_params_open(&t->p[i], NULL));
    t->att = tg_input(t->g, s, "img_att");
    t->photo = tg_input(t->g, s, "img_id");
    t->alpha = tg_input(t->g, TG_SHAPE(2), "alpha");
    t->latent = nn_unit(identity(t, t->photo));
    t->fake = model_simswap(nn_root(t->p[G], t->g, true), t->att, t->latent,
                            &(model_simswap_options){0}, NULL);
    discriminate(t, tg_detach(t->fake), t->cut);
    discriminate(t, t->att, t->real);
    discriminate(t, t->fake, t->made);
    losses(t);
    penalties(t);
    for (int i = 0; i < STORES; i++) {
        CHECK(!nn_settle(t->p[i], 1, NULL));
        golden_fill(t->p[i], tag[i]);
    }
    if (tg_error(t->g)) printf("%s\n", tg_error(t->g));
    CHECK(!tg_error(t->g));
    return !tg_error(t->g);
}

static void end(training *t)
{
    for (int i = 0; i < STORES; i++) nn_params_close(&t->p[i]);
    tg_free(t->g);
    golden_close(&t->c);
    base_free(t->att_data);
    base_free(t->photo_data);
    base_free(t->alpha_data);
}

static tg_plan *run(training *t, tg_node *const out[], int n)
{
    tg_plan *plan = NULL;
    base_error e = {{0}};
    guise_status s = tg_plan_open(&plan, t->g, out, n, &(tg_plan_options){.train = true}, &e);
    for (int i = 0; !s && i < STORES; i++) s = nn_bind(t->p[i], t->g, plan, &e);
    if (!s) s = tg_plan_bind(plan, t->att, t->att_data, &e);
    if (!s) s = tg_plan_bind(plan, t->photo, t->photo_data, &e);
    if (!s) s = tg_plan_bind(plan, t->alpha, t->alpha_data, &e);
    if (!s) s = tg_plan_run(plan, &e);
    if (s) printf("%s\n", e.text);
    CHECK(!s);
    return plan;
}

static void compare(const training *t, const tg_plan *p, const char *name, tg_node *x, double tol)
{
    size_t n = (size_t)tg_count(tg_shape_of(x));
    CHECK(golden_compare(&t->c, name, tg_plan_value(p, x), n, tol) > 0);
}

// The sum of parts, its value under name.total where there is one, and gradients by two stores.
static void gradients(training *t, const char *name, tg_node *loss, int first, int stores,
                      double rel)
{
    tg_node *out[400] = {loss}, *grad[2][200];
    int n = 1;
    for (int k = 0; k < stores; k++) {
        nn_grad(t->p[first + k], loss, grad[k]);
        for (size_t i = 0; i < nn_params_n(t->p[first + k]); i++)
            if (grad[k][i]) out[n++] = grad[k][i];
    }
    tg_plan *plan = run(t, out, n);
    char text[64];
    snprintf(text, sizeof text, "%s.total", name);
    if (base_tensors_find(&t->c.file, text)) compare(t, plan, text, loss, 1e-4);
    int64_t row = 0;
    snprintf(text, sizeof text, "%s.grad", name);
    for (int k = 0; k < stores; k++) {
        const float *value[200] = {0};
        for (size_t i = 0; i < nn_params_n(t->p[first + k]); i++)
            value[i] = grad[k][i] ? tg_plan_value(plan, grad[k][i]) : NULL;
        row = golden_compare_grads(&t->c, text, row, t->p[first + k], "", value, rel);
    }
    CHECK(row == (first == G ? 102 : 40));
    tg_plan_close(&plan);
}

TEST(losses_and_statistics)
{
    training t;
    if (!begin(&t)) return;
    tg_node *d_fake, *out[64] = {t.latent,     t.fake,       t.loss_gan,       t.loss_fm,
                                 t.loss_id,    t.loss_rec,   t.loss_real,      t.loss_fake,
                                 t.penalty[0], t.penalty[1], t.cut[0][LAYERS], t.cut[1][LAYERS]};
    int n = 12;
    tg_grad(t.loss_gan, NULL, &t.fake, 1, &d_fake);
    out[n++] = d_fake;
    for (int d = 0; d < 2; d++)
        for (int i = 0; i <= LAYERS; i++) out[n++] = t.real[d][i];
    for (int d = 0; d < 2; d++)
        for (int i = 0; i < LAYERS; i++) out[n++] = t.raw[d][i];
    const nn_update *update[2];
    for (int d = 0; d < 2; d++) {
        size_t updates = nn_updates(t.p[D1 + d], t.g, &update[d]);
        for (size_t i = 0; i < updates; i++)
            if (strstr(update[d][i].entry->name, "down2.1.running")) out[n++] = update[d][i].node;
    }
    tg_plan *p = run(&t, out, n);
    compare(&t, p, "latent_id", t.latent, 1e-5);
    compare(&t, p, "fake", t.fake, 2e-4);
    compare(&t, p, "loss.G_GAN", t.loss_gan, 1e-4);
    compare(&t, p, "loss.G_GAN_Feat", t.loss_fm, 1e-4);
    compare(&t, p, "loss.G_ID", t.loss_id, 1e-4);
    compare(&t, p, "loss.G_Rec", t.loss_rec, 1e-4);
    compare(&t, p, "loss.D_real", t.loss_real, 1e-4);
    compare(&t, p, "loss.D_fake", t.loss_fake, 1e-4);
    compare(&t, p, "gp.D1", t.penalty[0], 1e-3);
    compare(&t, p, "gp.D2", t.penalty[1], 1e-3);
    compare(&t, p, "d_GGAN_d_fake", d_fake, 1e-3);
    const base_tensor *raw = base_tensors_find(&t.c.file, "fm_l1_raw_D_by_layer");
    for (int d = 0; d < 2; d++) {
        char name[64];
        snprintf(name, sizeof name, "D%d.logits_fake", d + 1);
        compare(&t, p, name, t.cut[d][LAYERS], 1e-4);
        snprintf(name, sizeof name, "D%d.logits_real", d + 1);
        compare(&t, p, name, t.real[d][LAYERS], 1e-4);
        for (int i = 0; i < LAYERS; i++) {
            snprintf(name, sizeof name, "D%d.real.layer%d", d + 1, i);
            compare(&t, p, name, t.real[d][i], 1e-4);
            CHECK_NEAR(*tg_plan_value(p, t.raw[d][i]), base_tensor_at(raw, 5 * d + i), 1e-4);
        }
    }
    for (int i = n - 4; i < n; i++) { // statistics after all four passes
        const nn_update *u = update[i >= n - 2];
        while (u->node != out[i]) u++;
        char name[100];
        snprintf(name, sizeof name, "after.netD%d.%s", i >= n - 2 ? 2 : 1, u->entry->name);
        compare(&t, p, name, out[i], 1e-5);
    }
    tg_plan_close(&p);
    end(&t);
}

TEST(gradients_of_the_generator_as_released)
{
    training t;
    if (!begin(&t)) return;
    tg_node *id = tg_scale(tg_mean(t.loss_id), 20);
    tg_node *loss = tg_add(tg_add(t.loss_gan, t.loss_fm), tg_add(id, t.loss_rec));
    gradients(&t, "LG_code", loss, G, 1, 2e-2);
    end(&t);
}

TEST(gradients_of_the_generator_with_weak_feature_matching) // layers 2, 3, 4 counted from 0
{
    training t;
    if (!begin(&t)) return;
    tg_node *fm = tg_add(train_feature_matching(t.made[0], t.real[0], 2, 4),
                         train_feature_matching(t.made[1], t.real[1], 2, 4));
    tg_node *id = tg_scale(tg_mean(t.loss_id), 10);
    tg_node *loss = tg_add(tg_add(t.loss_gan, tg_scale(fm, 10)), tg_add(id, t.loss_rec));
    gradients(&t, "LG_wfm", loss, G, 1, 2e-2);
    end(&t);
}

TEST(gradients_of_the_discriminators)
{
    training t;
    if (!begin(&t)) return;
    gradients(&t, "LD", tg_add(t.loss_real, t.loss_fake), D1, 2, 1e-2);
    end(&t);
}

TEST(gradients_of_the_penalty) // second order, through batch statistics
{
    training t;
    if (!begin(&t)) return;
    gradients(&t, "GP", tg_add(t.penalty[0], t.penalty[1]), D1, 2, 2e-2);
    end(&t);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(losses_and_statistics),
               CASE(gradients_of_the_generator_as_released),
               CASE(gradients_of_the_generator_with_weak_feature_matching),
               CASE(gradients_of_the_discriminators), CASE(gradients_of_the_penalty));
}
