// test_stylegan2.c -- StyleGAN2 and StyleSwap without golden data: parameters of every published
// size, options, what the layers promise, and what is refused.
#include "nn/style.h"
#include "style_sizes.h"

static void check_weights(const size *s)
{
    built b;
    build(&b, s);
    if (tg_error(b.g)) printf("%s: %s\n", s->net, tg_error(b.g));
    CHECK(!tg_error(b.g));
    CHECK_NEAR((double)nn_params_weights(b.p), s->weights, 0);
    unbuild(&b);
}

TEST(parameters)
{
    for (int i = 0; i < SIZES; i++) check_weights(&sizes[i]);
}

static void refused(const char *net, int side, const char *setting, const char *word)
{
    built b;
    build(&b, &(size){.net = net, .settings = {setting}, .side = side});
    const char *why = tg_error(b.g);
    if (!why || !strstr(why, word)) printf("%s %s: %s\n", net, setting, why ? why : "no error");
    CHECK(why && strstr(why, word));
    unbuild(&b);
}

TEST(what_is_refused)
{
    refused("styleswap", 96, "variant=p", "power of two");
    refused("styleswap", 4, "variant=p", "power of two");
    refused("styleswap", 64, "variant=q", "variants");
    refused("styleswap", 64, "no_mask=yes", "without a mask");
    refused("styleswap", 64, "channels=8,8,8", "channels");
    refused("styleswap", 64, "channels=8,8,8,8,8,8", "channels");
    refused("styleswap", 64, "channels=8,8,0,8,8", "channels");
    refused("styleswap", 64, "channels=8,x,8,8,8", "channels");
    refused("styleswap", 64, "narrow=0.0001", "no channels");
    refused("styleswap", 64, "narrow=-1", "no channels");
    refused("styleswap", 64, "latent=256", "id [n,256]");
    refused("styleswap", 64, "mapping=99", "layers");
    refused("styleswap", 64, "wplus=yes", "wplus");
    refused("stylegan2", 0, "size=100", "power of two");
    refused("stylegan2", 0, "from=x", "wplus");
    refused("stylegan2", 0, "noise=loud", "stored");
    refused("stylegan2", 0, "style=100", "z [n,100]");
    refused("stylegan2-d", 2048, "group=4", "power of two");
    refused("stylegan2-d", 64, "group=-1", "sets");
}

TEST(a_batch_is_a_multiple_of_the_set)
{
    tg_graph *g = tg_new();
    CHECK(nn_minibatch_deviation(tg_fill(g, TG_SHAPE(8, 2, 4, 4), 1), 4) != NULL);
    CHECK(nn_minibatch_deviation(tg_fill(g, TG_SHAPE(3, 2, 4, 4), 1), 4) != NULL);
    CHECK(!tg_error(g));
    CHECK(!nn_minibatch_deviation(tg_fill(g, TG_SHAPE(6, 2, 4, 4), 1), 4));
    CHECK(tg_error(g) && strstr(tg_error(g), "multiple"));
    tg_free(g);
}

// Inside, doubling is bilinear with half-pixel centres; a constant stays constant, in both
// directions.
TEST(resampling)
{
    tg_graph *g = tg_new();
    base_rng r = {3};
    float v[64];
    for (int i = 0; i < 64; i++) v[i] = (float)base_rng_normal(&r);
    tg_node *x = tg_const(g, TG_SHAPE(1, 1, 8, 8), v);
    const double *a = tg_eval(nn_fir_up(x)), *b = tg_eval(tg_resize(x, 16, 16, TG_BILINEAR));
    for (int i = 1; i < 15; i++)
        for (int j = 1; j < 15; j++) CHECK_NEAR(a[16 * i + j], b[16 * i + j], 1e-12);
    const double *c = tg_eval(nn_fir_down(tg_fill(g, TG_SHAPE(1, 1, 8, 8), 3)));
    CHECK_NEAR(c[5], 3, 1e-12);
    tg_free(g);
}

static float *random_values(size_t n, uint64_t seed)
{
    base_rng r = {seed};
    float *v = base_alloc(n, sizeof *v);
    for (size_t i = 0; v && i < n; i++) v[i] = (float)base_rng_normal(&r);
    return v;
}

static tg_node *random_node(tg_graph *g, tg_shape s, uint64_t seed)
{
    float *v = random_values((size_t)tg_count(s), seed);
    tg_node *x = v ? tg_const(g, s, v) : NULL;
    base_free(v);
    return x;
}

typedef struct {
    tg_graph *g;
    nn_params *p;
    model_ports *io;
    model_styleswap_options o;
    model_styleswap_made made;
    tg_plan *plan;
} toy;

// A small network with random weights, 16 x 16, planned with all its stages.
static void toy_run(toy *t, model_styleswap_options o, bool wplus)
{
    base_error e = {{0}};
    *t = (toy){.g = tg_new(), .o = o};
    t->o.widths.list = "6,5,4";
    t->o.latent = t->o.style = 8;
    t->o.mapping = 2;
    t->o.stages = true;
    CHECK(!nn_params_open(&t->p, &e) && !model_ports_open(&t->io, &e));
    nn m = nn_root(t->p, t->g, false);
    tg_node *img = random_node(t->g, TG_SHAPE(2, 3, 16, 16), 5), *out[40];
    tg_node *w = model_styleswap_identity(m, random_node(t->g, TG_SHAPE(2, 8), 6), &t->o);
    if (wplus) w = nn_latents(w, 6);
    model_styleswap(m, img, w, &t->o, t->io, &t->made);
    int n = 0;
    const char *name;
    out[n++] = t->made.out;
    for (size_t i = 0; i < model_ports_outputs(t->io); i++)
        out[n++] = model_ports_output(t->io, i, &name);
    if (tg_error(t->g)) printf("%s\n", tg_error(t->g));
    CHECK(!tg_error(t->g) && !nn_settle(t->p, 4, &e));
    // strengths and biases are zero at first, which would hide what they do
    for (size_t i = 0; i < nn_params_n(t->p); i++) {
        const nn_entry *entry = nn_params_entry(t->p, i);
        float *v = nn_params_data(t->p) + entry->offset;
        for (size_t k = 0; k < entry->count; k++)
            if (v[k] == 0) v[k] = 0.1F * (float)(1 + (i + k) % 7);
    }
    CHECK(!tg_plan_open(&t->plan, t->g, out, n, NULL, &e) && !nn_bind(t->p, t->g, t->plan, &e) &&
          !tg_plan_run(t->plan, &e));
}

static const float *toy_stage(const toy *t, const char *want)
{
    for (size_t i = 0; i < model_ports_outputs(t->io); i++) {
        const char *name;
        tg_node *x = model_ports_output(t->io, i, &name);
        if (!strcmp(name, want)) return tg_plan_value(t->plan, x);
    }
    return NULL;
}

static void toy_close(toy *t)
{
    tg_plan_close(&t->plan);
    nn_params_close(&t->p);
    model_ports_close(&t->io);
    tg_free(t->g);
}

// e' = b mean + (1 - b) e with the mean of e under the mask b, each of whose pixels counts four
// times.
TEST(attributes_are_filled_with_their_mean)
{
    toy t;
    toy_run(&t, (model_styleswap_options){.variant = "r", .fill_above = 1}, false);
    const float *e = toy_stage(&t, "enc16"), *b = toy_stage(&t, "mask8");
    const float *have = toy_stage(&t, "filled16");
    CHECK(e && b && have && !toy_stage(&t, "filled8"));
    for (int k = 0; e && b && have && k < 2 * 4; k++) { // samples and channels
        double sum = 0, area = 0, worst = 0;
        for (int i = 0; i < 256; i++) {
            double m = b[k / 4 * 64 + i / 32 * 8 + i % 16 / 2];
            sum += m * e[256 * k + i];
            area += m;
        }
        for (int i = 0; i < 256; i++) {
            double m = b[k / 4 * 64 + i / 32 * 8 + i % 16 / 2];
            double want = m * sum / area + (1 - m) * e[256 * k + i];
            worst = fmax(worst, fabs(want - have[256 * k + i]));
        }
        CHECK_NEAR(worst, 0, 1e-5);
    }
    toy_close(&t);
    toy_run(&t, (model_styleswap_options){.variant = "r", .fill_above = -1}, false);
    CHECK(toy_stage(&t, "filled8") && toy_stage(&t, "filled16"));
    toy_close(&t);
    toy_run(&t, (model_styleswap_options){.variant = "r"}, false);
    CHECK(!toy_stage(&t, "filled8") && !toy_stage(&t, "filled16"));
    toy_close(&t);
}

TEST(one_style_is_the_same_style_for_all_layers)
{
    static const char *const variant[] = {"p", "r"};
    for (int i = 0; i < 2; i++) {
        toy one, all;
        toy_run(&one, (model_styleswap_options){.variant = variant[i]}, false);
        toy_run(&all, (model_styleswap_options){.variant = variant[i]}, true);
        const float *a = tg_plan_value(one.plan, one.made.out);
        const float *b = tg_plan_value(all.plan, all.made.out);
        CHECK_NEAR(test_distance(a, b, 2 * 3 * 256), 0, 1e-5);
        toy_close(&one);
        toy_close(&all);
    }
}

TEST(attributes_begin_as_strong_as_told)
{
    toy t;
    toy_run(&t, (model_styleswap_options){.variant = "r", .strength = 0.75}, false);
    const nn_entry *e = nn_params_find(t.p, "generator.convs.3.noise.weight");
    CHECK(e != NULL);
    if (e) CHECK_NEAR((double)nn_params_data(t.p)[e->offset], 0.75, 0);
    toy_close(&t);
}

TEST(without_a_mask_the_picture_is_raw)
{
    toy t;
    toy_run(&t, (model_styleswap_options){.variant = "r", .no_mask = true}, false);
    CHECK(t.made.out == t.made.rgb && !t.made.mask);
    CHECK(!nn_params_find(t.p, "generator.to_mask1.conv.weight"));
    toy_close(&t);
}

// Stored noise is part of the network; the strength is zero at first, so that it changes nothing.
TEST(stored_noise)
{
    tg_graph *g = tg_new();
    nn_params *p = NULL;
    base_error e = {{0}};
    model_stylegan2_options o = {.size = 8, .widths = {.list = "4,4"}, .style = 8};
    CHECK(!nn_params_open(&p, &e));
    nn m = nn_root(p, g, false);
    tg_node *w = random_node(g, TG_SHAPE(1, 8), 2);
    tg_node *with = model_stylegan2(m, w, NULL, &o, NULL);
    o.noise = "none";
    tg_node *without = model_stylegan2(m, w, NULL, &o, NULL);
    CHECK(!nn_settle(p, 1, &e));
    const nn_entry *map = nn_params_find(p, "noises.noise_2");
    CHECK(map && map->kind == NN_BUFFER && map->count == 64);
    CHECK(!nn_params_find(p, "noises.noise_3"));
    const nn_entry *strength = nn_params_find(p, "convs.1.noise.weight");
    for (int loud = 0; loud < 2 && strength; loud++) {
        tg_plan *plan = NULL;
        nn_params_data(p)[strength->offset] = (float)loud;
        CHECK(!tg_plan_open(&plan, g, (tg_node *[]){with, without}, 2, NULL, &e) &&
              !nn_bind(p, g, plan, &e) && !tg_plan_run(plan, &e));
        double off = test_distance(tg_plan_value(plan, with), tg_plan_value(plan, without), 192);
        CHECK(loud ? off > 1e-3 : off < 1e-6);
        tg_plan_close(&plan);
    }
    nn_params_close(&p);
    tg_free(g);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(parameters), CASE(what_is_refused), CASE(a_batch_is_a_multiple_of_the_set),
        CASE(resampling), CASE(attributes_are_filled_with_their_mean),
        CASE(one_style_is_the_same_style_for_all_layers), CASE(attributes_begin_as_strong_as_told),
        CASE(without_a_mask_the_picture_is_raw), CASE(stored_noise));
}
