// test_published_step.c -- whole steps of SimSwap's published trainer (2022): generator with the
// same person (even) and with another (odd), Adam, then the discriminator. In float the gradients
// of the whole are good to a few per cent; test_published.c looks at each part closely.
#include "golden_case.h"
#include "model/model.h"
#include "test.h"
#include "train/losses.h"

enum { G, D, ID, STORES };
static const nn_adam adam = {.lr = 4e-4, .beta1 = 0, .beta2 = 0.99, .eps = 1e-8};

typedef struct {
    golden_case c;
    nn_params *p[STORES];
    tg_shape shape;
    float *a1, *a2, *b1, *b2; // normalised pictures of two pairs
    model_projected_options o;
} state;

typedef struct { // one phase: its graph, and what it gives
    tg_graph *g;
    tg_node *target, *source, *latent, *fake, *made_latent, *logits[2], *feature[2], *loss[5];
    tg_plan *plan;
    tg_node *grad[500];
    int store; // whose gradient
} phase;

static bool begin(state *s, bool backbone_eval)
{
    *s = (state){.o = {.backbone_eval = backbone_eval}};
    if (!golden_open(&s->c, "train_published_step_128")) return false;
    s->a1 = golden_picture(&s->c, "img_a1_u8", true, &s->shape);
    s->a2 = golden_picture(&s->c, "img_a2_u8", true, &s->shape);
    s->b1 = golden_picture(&s->c, "img_b1_u8", true, &s->shape);
    s->b2 = golden_picture(&s->c, "img_b2_u8", true, &s->shape);
    for (int i = 0; i < STORES; i++) CHECK(!nn_params_open(&s->p[i], NULL));
    return true;
}

static void end(state *s)
{
    for (int i = 0; i < STORES; i++) nn_params_close(&s->p[i]);
    golden_close(&s->c);
    base_free(s->a1);
    base_free(s->a2);
    base_free(s->b1);
    base_free(s->b2);
}

static tg_node *identity(state *s, tg_graph *g, tg_node *img)
{
    tg_node *x = tg_resize(img, 112, 112, TG_BICUBIC);
    nn m = nn_root(s->p[ID], g, false);
    return nn_unit(model_arcface(m, x, &(model_arcface_options){0}, NULL));
}

static tg_node *features(state *s, tg_graph *g, tg_node *img, tg_node **logits)
{
    tg_node *part[MODEL_PROJECTED_PARTS];
    nn m = nn_root(s->p[D], g, true);
    model_projected_features(m, img, &s->o, part);
    if (logits) *logits = model_projected_logits(m, part, &s->o, NULL);
    return part[MODEL_PROJECTED_PARTS - 1];
}

static void make_fake(state *s, phase *f)
{
    *f = (phase){.g = tg_new()};
    f->target = tg_input(f->g, s->shape, "target");
    f->source = tg_input(f->g, s->shape, "source");
    f->latent = identity(s, f->g, f->source);
    model_simswap_options o = {.variant = "c"};
    f->fake = model_simswap(nn_root(s->p[G], f->g, true), f->target, f->latent, &o, NULL);
}

// Loss 0: adversarial, 1: identity, 2: feature matching, 3: reconstruction, 4: total
static void build_generator(state *s, phase *f, bool same)
{
    make_fake(s, f);
    f->feature[0] = features(s, f->g, f->fake, &f->logits[0]);
    f->feature[1] = features(s, f->g, f->target, NULL);
    f->made_latent = identity(s, f->g, f->fake);
    f->loss[0] = train_hinge_generator(&f->logits[0], 1);
    f->loss[1] = tg_mean(train_identity_loss(f->made_latent, f->latent));
    f->loss[2] = train_feature_matching(&f->feature[0], &f->feature[1], 0, 0);
    f->loss[3] = train_reconstruction_loss(f->fake, f->target, NULL);
    tg_node *sum = tg_add(f->loss[0], tg_scale(f->loss[1], 30));
    sum = tg_add(sum, tg_scale(f->loss[2], 10));
    f->loss[4] = same ? tg_add(sum, tg_scale(f->loss[3], 10)) : sum;
    f->store = G;
}

// Loss 0: of the made picture, 1: of the real one, 2: total
static void build_discriminator(state *s, phase *f)
{
    make_fake(s, f);
    features(s, f->g, tg_detach(f->fake), &f->logits[0]);
    features(s, f->g, f->source, &f->logits[1]);
    f->loss[0] = train_hinge_fake(&f->logits[0], 1);
    f->loss[1] = train_hinge_real(&f->logits[1], 1);
    f->loss[2] = tg_add(f->loss[0], f->loss[1]);
    f->store = D;
}

static void run(state *s, phase *f, tg_node *loss, float *target, float *source)
{
    static const char *const tag[] = {"G224", "DPROJ", "ARC101"};
    tg_node *out[700], *wanted[] = {f->fake,      f->latent,     f->made_latent, f->logits[0],
                                    f->logits[1], f->feature[0], f->feature[1]};
    int n = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (wanted[i]) out[n++] = wanted[i];
    for (int i = 0; i < 5; i++)
        if (f->loss[i]) out[n++] = f->loss[i];
    nn_grad(s->p[f->store], loss, f->grad);
    for (size_t i = 0; i < nn_params_n(s->p[f->store]); i++)
        if (f->grad[i]) out[n++] = f->grad[i];
    const nn_update *update;
    for (int k = 0; k < STORES; k++) {
        size_t updates = nn_updates(s->p[k], f->g, &update);
        for (size_t i = 0; i < updates; i++) out[n++] = update[i].node;
        bool fresh = !nn_params_data(s->p[k]);
        CHECK(!nn_settle(s->p[k], 1, NULL));
        if (fresh) golden_fill(s->p[k], tag[k]);
    }
    base_error e = {{0}};
    guise_status st = tg_plan_open(&f->plan, f->g, out, n, &(tg_plan_options){.train = true}, &e);
    for (int k = 0; !st && k < STORES; k++) st = nn_bind(s->p[k], f->g, f->plan, &e);
    if (!st) st = tg_plan_bind(f->plan, f->target, target, &e);
    if (!st) st = tg_plan_bind(f->plan, f->source, source, &e);
    if (!st) st = tg_plan_run(f->plan, &e);
    if (st) printf("%s\n", e.text);
    CHECK(!st);
}

static void compare(state *s, const phase *f, const char *prefix, const char *name, tg_node *x,
                    double tol)
{
    char text[100];
    size_t n = (size_t)tg_count(tg_shape_of(x));
    snprintf(text, sizeof text, "%s.%s", prefix, name);
    golden_compare(&s->c, text, tg_plan_value(f->plan, x), n, tol);
}

static void compare_gradients(state *s, const phase *f, const char *prefix, const char *entries,
                              int64_t rows)
{
    const float *value[500] = {0};
    char text[100];
    for (size_t i = 0; i < nn_params_n(s->p[f->store]); i++)
        if (f->grad[i]) value[i] = tg_plan_value(f->plan, f->grad[i]);
    snprintf(text, sizeof text, "%s.grad", prefix);
    CHECK(golden_compare_grads(&s->c, text, 0, s->p[f->store], entries, value, 0.15) == rows);
}

// Adam's first step and the buffers' new values go into the stores.
static void apply(state *s, phase *f)
{
    nn_params *p = s->p[f->store];
    size_t n = nn_params_floats(p);
    float *grad = base_alloc(3 * n, sizeof *grad); // and two moments
    for (size_t i = 0; i < nn_params_n(p); i++) {
        const nn_entry *e = nn_params_entry(p, i);
        if (f->grad[i])
            memcpy(grad + e->offset, tg_plan_value(f->plan, f->grad[i]), e->count * sizeof *grad);
    }
    const nn_update *update;
    for (int k = 0; k < STORES; k++) {
        size_t updates = nn_updates(s->p[k], f->g, &update);
        for (size_t i = 0; i < updates; i++)
            memcpy(nn_params_data(s->p[k]) + update[i].entry->offset,
                   tg_plan_value(f->plan, update[i].node), update[i].entry->count * sizeof *grad);
    }
    nn_adam_step(p, adam, 1, grad, nn_params_data(p), grad + n, grad + 2 * n);
    base_free(grad);
}

// Parameters after Adam, where the true gradient is not zero. With beta1 = 0 the first step is
// lr in the gradient's direction, so an element is right or wrong by twice that.
static void compare_parameters(state *s, const char *prefix, int store, const char *entries)
{
    char text[100];
    snprintf(text, sizeof text, "%s.param_after_adam.samp8", prefix);
    const base_tensor *want = base_tensors_find(&s->c.file, text);
    snprintf(text, sizeof text, "%s.grad.l2", prefix);
    const base_tensor *l2 = base_tensors_find(&s->c.file, text);
    CHECK(want && l2);
    double largest = 0;
    int64_t row = 0, off = 0, compared = 0;
    for (int64_t i = 0; l2 && i < base_tensor_count(l2); i++)
        largest = fmax(largest, base_tensor_at(l2, i));
    for (size_t i = 0; want && l2 && i < nn_params_n(s->p[store]); i++) {
        const nn_entry *e = nn_params_entry(s->p[store], i);
        if (e->kind != NN_WEIGHT || strncmp(e->name, entries, strlen(entries)) != 0) continue;
        for (size_t j = 0; j < 8 && base_tensor_at(l2, row) > 1e-7 * largest; j++, compared++) {
            float have = nn_params_data(s->p[store])[e->offset + j * e->count / 8];
            off += fabs(have - base_tensor_at(want, 8 * row + (int64_t)j)) > 1e-5;
        }
        row++;
    }
    CHECK(l2 && row == base_tensor_count(l2) && compared > 4 * row);
    CHECK_NEAR((double)off / (double)compared, 0, 0.05);
}

static void compare_generator(state *s, phase *f, const char *prefix, bool same)
{
    compare(s, f, prefix, "loss.Gmain", f->loss[0], 2e-3);
    compare(s, f, prefix, "loss.ID", f->loss[1], 1e-4);
    compare(s, f, prefix, "loss.FM", f->loss[2], 2e-3);
    if (same) compare(s, f, prefix, "loss.Rec", f->loss[3], 1e-4);
    compare(s, f, prefix, "loss.total", f->loss[4], 2e-3);
    compare(s, f, prefix, "latent_id", f->latent, 1e-4);
    compare(s, f, prefix, "latent_fake", f->made_latent, 1e-3);
    compare(s, f, prefix, "logits", f->logits[0], 1e-2);
    compare(s, f, prefix, "fake", f->fake, 1e-3);
    compare_gradients(s, f, prefix, "", 102);
}

// Buffers after the step: tensors <prefix>.<entry> of the file.
static void compare_buffers(state *s, const char *prefix, int store)
{
    for (size_t i = 0; i < nn_params_n(s->p[store]); i++) {
        const nn_entry *e = nn_params_entry(s->p[store], i);
        char text[200];
        snprintf(text, sizeof text, "%s.%s", prefix, e->name);
        if (e->kind != NN_BUFFER || !base_tensors_find(&s->c.file, text)) continue;
        const float *v = nn_params_data(s->p[store]) + e->offset;
        CHECK(golden_compare(&s->c, text, v, e->count, 1e-3) == 1);
    }
}

static void finish(phase *f)
{
    tg_plan_close(&f->plan);
    tg_free(f->g);
}

TEST(same_person_then_discriminator)
{
    state s;
    phase f;
    if (!begin(&s, false)) return;
    build_generator(&s, &f, true);
    run(&s, &f, f.loss[4], s.a1, s.a2);
    compare_generator(&s, &f, "G.even", true);
    apply(&s, &f);
    compare_parameters(&s, "G.even", G, "");
    compare_buffers(&s, "G.even.after", G);
    compare_buffers(&s, "G.even.D_after", D);
    finish(&f);
    build_discriminator(&s, &f);
    run(&s, &f, f.loss[2], s.b1, s.b2);
    compare(&s, &f, "D", "loss.gen", f.loss[0], 2e-2);
    compare(&s, &f, "D", "loss.real", f.loss[1], 2e-2);
    compare(&s, &f, "D", "loss.total", f.loss[2], 2e-2);
    compare_gradients(&s, &f, "D", "discriminator.", 44);
    apply(&s, &f);
    compare_parameters(&s, "D", D, "discriminator.");
    finish(&f);
    end(&s);
}

TEST(another_person)
{
    state s;
    phase f;
    if (!begin(&s, false)) return;
    int64_t half = tg_count(s.shape) / 2;
    for (int64_t i = 0; i < half; i++) { // the two sources change places
        float t = s.a2[i];
        s.a2[i] = s.a2[half + i];
        s.a2[half + i] = t;
    }
    build_generator(&s, &f, false);
    run(&s, &f, f.loss[4], s.a1, s.a2);
    compare_generator(&s, &f, "G.odd", false);
    finish(&f);
    end(&s);
}

TEST(same_person_with_backbone_in_evaluation)
{
    state s;
    phase f;
    if (!begin(&s, true)) return;
    build_generator(&s, &f, true);
    run(&s, &f, f.loss[4], s.a1, s.a2);
    compare_generator(&s, &f, "Gbackboneeval.even", true);
    finish(&f);
    end(&s);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(same_person_then_discriminator), CASE(another_person),
               CASE(same_person_with_backbone_in_evaluation));
}
