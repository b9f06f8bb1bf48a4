// test_smooth_count.c -- parameters, names, cost and options of Smooth-Swap's networks; what they
// are at first; second derivatives; wrong options and shapes are one sentence.
#include "model/smoothswap.h"
#include "nn/ncsnpp.h"
#include "test.h"

typedef struct {
    const char *net, *settings[5];
    int64_t batch, side, latent; // latent 0: no id
    size_t weights;              // 0: any
    double gmac;                 // 0: not compared; for 0.05 of it
} net_case;

typedef struct {
    tg_graph *g;
    nn_params *p;
    model_ports *io;
    char why[600];
} built;

static void open_net(built *b, const net_case *c)
{
    const model_net *net = model_find(c->net);
    base_error e = {{0}};
    *b = (built){.g = tg_new()};
    CHECK(net && b->g);
    void *o = base_alloc(1, net->size);
    base_fields_init(net->options, o);
    guise_status s = nn_params_open(&b->p, &e);
    for (int i = 0; !s && i < 5 && c->settings[i]; i++)
        s = base_fields_assign(net->options, o, c->settings[i], &e);
    if (!s) s = model_ports_open(&b->io, &e);
    if (!s) s = model_ports_give(b->io, "img", TG_SHAPE(c->batch, 3, c->side, c->side), &e);
    if (!s && c->latent) s = model_ports_give(b->io, "id", TG_SHAPE(c->batch, c->latent), &e);
    if (!s) net->build(nn_root(b->p, b->g, false), o, b->io);
    snprintf(b->why, sizeof b->why, "%s", s ? e.text : tg_error(b->g) ? tg_error(b->g) : "");
    base_free(o);
}

static void close_net(built *b)
{
    model_ports_close(&b->io);
    nn_params_close(&b->p);
    tg_free(b->g);
}

static tg_node *port(const built *b, bool out, const char *name)
{
    size_t n = out ? model_ports_outputs(b->io) : model_ports_inputs(b->io);
    for (size_t i = 0; i < n; i++) {
        const char *have;
        tg_node *x = out ? model_ports_output(b->io, i, &have) : model_ports_input(b->io, i, &have);
        if (!strcmp(have, name)) return x;
    }
    return NULL;
}

// Of one picture, in units of 10^9.
static double gmac_of(const built *b, const net_case *c)
{
    base_error e = {{0}};
    tg_plan *plan = NULL;
    tg_node *out = port(b, true,
                        c->latent                       ? "out"
                        : strcmp(c->net, "stylegan2-d") ? "unit"
                                                        : "logits");
    tg_plan_options o = {.train = true}; // makes no choice by measuring
    CHECK(!tg_plan_open(&plan, b->g, &out, 1, &o, &e));
    double v = plan ? tg_plan_macs(plan) / 1e9 / (double)c->batch : NAN;
    tg_plan_close(&plan);
    return v;
}

static void check_case(const net_case *c)
{
    built b;
    open_net(&b, c);
    if (*b.why) printf("%s: %s\n", c->net, b.why);
    CHECK(!*b.why);
    size_t n = nn_params_weights(b.p);
    if (c->weights && n != c->weights)
        printf("%s %s: %zu parameters, want %zu\n", c->net, c->settings[0] ? c->settings[0] : "", n,
               c->weights);
    CHECK(!c->weights || n == c->weights);
    if (c->gmac > 0 && !*b.why) {
        double have = gmac_of(&b, c);
        if (getenv("GOLDEN_VERBOSE"))
            printf("%s %s: %zu, %.2f GMAC\n", c->net, c->settings[0] ? c->settings[0] : "", n,
                   have);
        CHECK_NEAR(have / c->gmac, 1, 0.005);
    }
    close_net(&b);
}

static const net_case counts[] = {
    // spec/smoothswap.md 2.1, 3.2, 3.7, 4
    {"ncsnpp", {NULL}, 1, 256, 512, 65705493, 265.8},
    {"ncsnpp", {"front=direct"}, 1, 256, 512, 65180181, 0},
    {"ncsnpp", {"front=scaled"}, 1, 256, 512, 65180181, 0},
    {"ncsnpp", {"width=64"}, 1, 256, 512, 0, 66.6},
    {"ncsnpp", {"width=64", "blocks=1"}, 1, 256, 512, 0, 46.6},
    {"ncsnpp", {"width=32", "multipliers=1,1,2,2,4,4,4", "blocks=1"}, 1, 256, 512, 0, 12.4},
    {"ncsnpp", {"width=64", "multipliers=1,1,2,2,2", "blocks=1"}, 1, 128, 512, 0, 11.7},
    {"smooth-embedder", {NULL}, 1, 256, 0, 26134080, 5.34},
    {"smooth-embedder", {NULL}, 1, 224, 0, 26134080, 4.09},
    {"smooth-embedder", {"form=latentswap"}, 1, 224, 0, 30330432, 0},
    {"stylegan2-d", {NULL}, 1, 256, 0, 28864129, 46.5},
    {"stylegan2-d", {"multiplier=1"}, 1, 256, 0, 24001089, 15.4},
};

TEST(parameters_and_cost)
{
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) check_case(&counts[i]);
}

TEST(parameters_of_smaller_networks) // known to 0.05 million
{
    static const struct {
        net_case c;
        double millions;
    } cases[] = {
        {{"ncsnpp", {"width=64"}, 1, 256, 512, 0, 0}, 16.5},
        {{"ncsnpp", {"width=64", "blocks=1"}, 1, 256, 512, 0, 0}, 11.8},
        {{"ncsnpp", {"width=32", "multipliers=1,1,2,2,4,4,4", "blocks=1"}, 1, 256, 512, 0, 0}, 7.6},
        {{"ncsnpp", {"width=64", "multipliers=1,1,2,2,2", "blocks=1"}, 1, 128, 512, 0, 0}, 7.7},
        {{"ncsnpp", {"width=32", "multipliers=1,2,2,2", "blocks=1"}, 1, 64, 512, 0, 0}, 1.84},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        built b;
        open_net(&b, &cases[i].c);
        CHECK(!*b.why);
        CHECK_NEAR((double)nn_params_weights(b.p) / 1e6, cases[i].millions, 0.05);
        close_net(&b);
    }
}

TEST(small_ones_cost_little)
{
    static const net_case cases[] = {{"ncsnpp", {"small=true"}, 1, 256, 512, 0, 0},
                                     {"smooth-embedder", {"small=true"}, 1, 256, 0, 0, 0}};
    for (int i = 0; i < 2; i++) {
        built b;
        open_net(&b, &cases[i]);
        CHECK(!*b.why);
        double gmac = gmac_of(&b, &cases[i]);
        if (getenv("GOLDEN_VERBOSE"))
            printf("small %s: %zu, %.2f GMAC\n", cases[i].net, nn_params_weights(b.p), gmac);
        CHECK(gmac > 0.5 && gmac <= 6);
        close_net(&b);
    }
}

// ---- Names

static bool has(const nn_params *p, const char *name, tg_shape s)
{
    const nn_entry *e = nn_params_find(p, name);
    if (!e) printf("no %s\n", name);
    return e && tg_same(e->shape, s);
}

TEST(names)
{
    static const net_case cases[] = {
        {"ncsnpp", {NULL}, 1, 256, 512, 0, 0},
        {"ncsnpp",
         {"front=direct", "no_input_skip=true", "no_output_skip=true", "width=8"},
         1,
         64,
         512,
         0,
         0},
        {"ncsnpp", {"way=adalin", "width=8"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"way=map-target", "width=8"}, 1, 64, 512, 0, 0},
        {"smooth-embedder", {"form=latentswap", "width=8"}, 1, 64, 0, 0, 0}};
    built b[5];
    for (int i = 0; i < 5; i++) {
        open_net(&b[i], &cases[i]);
        if (*b[i].why) printf("%s\n", b[i].why);
        CHECK(!*b[i].why);
    }
    CHECK(has(b[0].p, "all_modules.2.weight", TG_SHAPE(512, 512)));
    CHECK(has(b[0].p, "all_modules.7.Conv_0.weight", TG_SHAPE(128, 3, 1, 1)));
    CHECK(has(b[0].p, "all_modules.33.NIN_2.W", TG_SHAPE(256, 256)));
    CHECK(has(b[0].p, "all_modules.38.weight", TG_SHAPE(256)));
    CHECK(has(b[0].p, "all_modules.50.NIN_3.b", TG_SHAPE(256)));
    CHECK(has(b[0].p, "all_modules.62.Conv_2.weight", TG_SHAPE(256, 384, 1, 1)));
    CHECK(has(b[0].p, "all_modules.76.weight", TG_SHAPE(3, 128, 3, 3)));
    CHECK(!nn_params_find(b[0].p, "all_modules.77.weight"));
    CHECK(!nn_params_find(b[1].p, "all_modules.2.weight"));
    CHECK(has(b[1].p, "all_modules.3.weight", TG_SHAPE(8, 3, 3, 3)));
    CHECK(has(b[1].p, "all_modules.6.Conv_2.weight", TG_SHAPE(8, 8, 1, 1))); // a block down
    CHECK(has(b[1].p, "all_modules.7.Dense_0.weight", TG_SHAPE(8, 512)));
    // side 64, five levels: entries 27 on are the decoder's
    CHECK(has(b[2].p, "all_modules.32.AdaLIN_0.rho", TG_SHAPE(1, 16, 1, 1)));
    CHECK(has(b[2].p, "all_modules.32.AdaLIN_0.gamma.weight", TG_SHAPE(16, 32)));
    CHECK(!nn_params_find(b[2].p, "all_modules.32.Dense_0.weight"));
    CHECK(nn_params_find(b[2].p, "all_modules.4.Dense_0.weight") != NULL);
    CHECK(has(b[3].p, "map.8.weight", TG_SHAPE(4096, 512)));
    CHECK(has(b[4].p, "resnet.fc.weight", TG_SHAPE(256, 256)));
    CHECK(has(b[4].p, "last.4.running_var", TG_SHAPE(512)));
    for (int i = 0; i < 5; i++) close_net(&b[i]);
}

// ---- Values

static void fill_inputs(built *b, const net_case *c, float *img, float *id)
{
    base_rng r = {3};
    for (int64_t i = 0; i < c->batch * 3 * c->side * c->side; i++)
        img[i] = (float)(2 * base_rng_uniform(&r) - 1);
    for (int64_t n = 0; n < c->batch; n++) {
        double sum = 0;
        float *row = id + n * c->latent;
        for (int64_t i = 0; i < c->latent; i++) {
            row[i] = (float)base_rng_normal(&r);
            sum += (double)row[i] * (double)row[i];
        }
        for (int64_t i = 0; i < c->latent; i++) row[i] /= (float)sqrt(sum);
    }
    CHECK(!nn_settle(b->p, 11, NULL));
}

// Runs the network; out [batch,3,side,side] is the caller's.
static bool run(built *b, const float *img, const float *id, float *out)
{
    base_error e = {{0}};
    tg_plan *plan = NULL;
    tg_node *x = port(b, true, "out");
    guise_status s = tg_plan_open(&plan, b->g, &x, 1, &(tg_plan_options){.train = true}, &e);
    if (!s) s = nn_bind(b->p, b->g, plan, &e);
    if (!s) s = tg_plan_bind(plan, port(b, false, "img"), (float *)(uintptr_t)img, &e);
    if (!s) s = tg_plan_bind(plan, port(b, false, "id"), (float *)(uintptr_t)id, &e);
    if (!s) s = tg_plan_run(plan, &e);
    if (s) printf("%s\n", e.text);
    if (!s) memcpy(out, tg_plan_value(plan, x), (size_t)tg_count(tg_shape_of(x)) * sizeof *out);
    tg_plan_close(&plan);
    return !s;
}

static void stir(nn_params *p) // weights that are 0 at first, too
{
    base_rng r = {5};
    for (size_t i = 0; i < nn_params_n(p); i++) {
        const nn_entry *e = nn_params_entry(p, i);
        for (size_t k = 0; k < e->count; k++)
            nn_params_data(p)[e->offset + k] += (float)(0.1 * base_rng_normal(&r));
    }
}

// At first the network hands the target back; later it depends on the identity in every way.
TEST(starts_as_the_target_and_uses_the_identity)
{
    static const char *const ways[] = {"way=add",        "way=adalin",   "way=map",
                                       "way=map-target", "way=stylemap", "way=adalin"};
    enum { SIDE = 16, BATCH = 2, LATENT = 24, SIZE = BATCH * 3 * SIDE * SIDE };
    for (int i = 0; i < 6; i++) {
        net_case c = {
            "ncsnpp",
            {ways[i], "width=8", "multipliers=1,2", "latent=24", i > 4 ? "biased=true" : NULL},
            BATCH,
            SIDE,
            LATENT,
            0,
            0};
        static float img[SIZE], id[BATCH * LATENT], out[SIZE], other[SIZE];
        built b;
        open_net(&b, &c);
        if (*b.why) printf("%s\n", b.why);
        CHECK(!*b.why);
        fill_inputs(&b, &c, img, id);
        CHECK(run(&b, img, id, out) && test_distance(out, img, SIZE) < 1e-3);
        stir(b.p);
        CHECK(run(&b, img, id, out) && test_distance(out, img, SIZE) > 0.05);
        memcpy(id, id + LATENT, LATENT * sizeof *id); // the first now has the second's
        CHECK(run(&b, img, id, other));
        CHECK(test_distance(out, other, SIZE / 2) > 1e-3);
        CHECK(test_distance(out + SIZE / 2, other + SIZE / 2, SIZE / 2) <= 1e-6);
        close_net(&b);
    }
}

// drawn: what is added to the target, alone. The weights are the same.
TEST(drawn_is_the_difference_alone)
{
    enum { SIDE = 16, LATENT = 24, SIZE = 3 * SIDE * SIDE };
    static float img[SIZE], id[LATENT], out[2][SIZE];
    for (int k = 0; k < 2; k++) {
        net_case c = {
            "ncsnpp", {"width=8", "multipliers=1,2", "latent=24", k ? "drawn=true" : NULL},
            1,        SIDE,
            LATENT,   0,
            0};
        built b;
        open_net(&b, &c);
        CHECK(!*b.why);
        fill_inputs(&b, &c, img, id);
        CHECK(run(&b, img, id, out[k]));
        if (k) CHECK(test_distance(out[k], (float[SIZE]){0}, SIZE) < 1e-3);
        stir(b.p);
        CHECK(run(&b, img, id, out[k]));
        close_net(&b);
    }
    for (int i = 0; i < SIZE; i++) out[1][i] += img[i];
    CHECK(test_distance(out[0], out[1], SIZE) < 1e-5);
}

// closed: the decoder's blocks of that size take what comes from below, 16 channels and then their
// own 8, and nothing beside; those below take 16 and 16.
TEST(closed_levels_hand_nothing_over)
{
    static const net_case c = {
        "ncsnpp", {"width=8", "multipliers=1,2", "latent=24", "closed=1", "attention=512"},
        1,        32,
        24,       0,
        0};
    built b;
    open_net(&b, &c);
    CHECK(!*b.why);
    CHECK(has(b.p, "all_modules.14.Conv_0.weight", TG_SHAPE(16, 32, 3, 3)));
    CHECK(has(b.p, "all_modules.19.Conv_0.weight", TG_SHAPE(8, 16, 3, 3)));
    CHECK(has(b.p, "all_modules.20.Conv_0.weight", TG_SHAPE(8, 8, 3, 3)));
    CHECK(has(b.p, "all_modules.23.weight", TG_SHAPE(3, 8, 3, 3)));
    close_net(&b);
}

TEST(shares_stay_in_their_range)
{
    tg_graph *g = tg_new();
    nn_params *p = NULL;
    CHECK(!nn_params_open(&p, NULL));
    nn m = nn_root(p, g, true);
    tg_node *x = tg_fill(g, TG_SHAPE(1, 3, 2, 2), 1), *v = tg_fill(g, TG_SHAPE(1, 3), 1);
    CHECK(nn_adalin(m, x, v, v, false) && nn_weight(m, "free", TG_SHAPE(3), (nn_init){0}));
    CHECK(!nn_settle(p, 1, NULL) && nn_params_floats(p) == 6);
    float grad[] = {-1, 1, 0, -1, 1, 0}, mean[6] = {0}, square[6] = {0};
    CHECK_NEAR((double)nn_params_data(p)[0], 0.9, 1e-6);
    for (int i = 1; i <= 2; i++)
        nn_adam_step(p, (nn_adam){0.8, 0, 0.99, 1e-8}, i, grad, nn_params_data(p), mean, square);
    const float want[] = {1, 0, 0.9f, 1.6f, -1.6f, 0};
    CHECK(test_distance(nn_params_data(p), want, 6) < 1e-5);
    nn_params_close(&p);
    tg_free(g);
}

// ---- Second derivatives: d sum(u dy/dx) / dx along v against differences of sum(u dy/dx)

static tg_node *layer(nn m, int which, tg_node *x, tg_node *cond)
{
    tg_node *gain = tg_slice(cond, 1, 0, 8), *bias = tg_slice(cond, 1, 1, 8);
    if (which == 0) return nn_score_attention(m, x);
    if (which == 1) return nn_score_block(m, x, .out = 12, .cond = cond, .down = true);
    if (which == 2) return nn_adalin(m, x, gain, bias, false);
    return nn_style_map_norm(m, x, tg_sin(x));
}

static double slope_at(int which, const double *v, double along, double *exact)
{
    enum { COUNT = 2 * 8 * 4 * 4 };
    double x0[COUNT], u[COUNT], w[18];
    base_rng r = {9};
    for (int i = 0; i < COUNT; i++) x0[i] = base_rng_normal(&r) + along * v[i];
    for (int i = 0; i < COUNT; i++) u[i] = base_rng_normal(&r);
    for (int i = 0; i < 18; i++) w[i] = base_rng_normal(&r);
    tg_graph *g = tg_new();
    nn_params *p = NULL;
    tg_shape s = TG_SHAPE(2, 8, 4, 4);
    CHECK(!nn_params_open(&p, NULL));
    tg_node *x = tg_double(g, s, x0), *d = NULL, *dd = NULL;
    tg_node *y = layer(nn_root(p, g, true), which, x, tg_double(g, TG_SHAPE(2, 9), w));
    CHECK(!nn_settle(p, 2, NULL));
    stir(p);
    for (size_t i = 0; i < nn_params_n(p); i++) {
        const nn_entry *e = nn_params_entry(p, i);
        double *leaf = tg_data(nn_leaf(p, g, i));
        for (size_t k = 0; k < e->count; k++) leaf[k] = (double)nn_params_data(p)[e->offset + k];
    }
    tg_grad(tg_sum(tg_square(y)), NULL, &x, 1, &d);
    tg_node *sum = tg_sum(tg_mul(d, tg_double(g, s, u)));
    tg_grad(sum, NULL, &x, 1, &dd);
    if (tg_error(g)) printf("%s\n", tg_error(g));
    const double *value = tg_eval(sum), *second = tg_eval(dd);
    CHECK(value && second);
    *exact = 0;
    for (int i = 0; second && i < COUNT; i++) *exact += second[i] * v[i];
    double found = value ? *value : NAN;
    nn_params_close(&p);
    tg_free(g);
    return found;
}

TEST(second_derivatives)
{
    double v[2 * 8 * 4 * 4], exact, unused;
    base_rng r = {13};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) v[i] = base_rng_normal(&r);
    for (int which = 0; which < 4; which++) {
        const double step = 1e-5;
        slope_at(which, v, 0, &exact);
        double up = slope_at(which, v, step, &unused), down = slope_at(which, v, -step, &unused);
        CHECK_NEAR((up - down) / (2 * step) / exact, 1, 1e-5);
    }
}

TEST(wrong_options_and_shapes_are_one_sentence)
{
    static const net_case cases[] = {
        {"ncsnpp", {"way=other"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"front=other"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"multipliers=1,x"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"multipliers=1,2,"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"multipliers="}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"multipliers=1,1,1,1,1,1,1,1,1,1"}, 1, 512, 512, 0, 0},
        {"ncsnpp", {"multipliers=1,0"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"multipliers=1,2,2,2"}, 1, 36, 512, 0, 0},
        {"ncsnpp", {"attention=-3"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"width=3"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"width=-8"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"width=33"}, 1, 64, 512, 0, 0}, // 33 channels in 8 groups
        {"ncsnpp", {"blocks=9"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"latent=-1"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"latent=256"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"cond=-4"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {NULL}, 1, 64, 0, 0, 0},
        {"ncsnpp", {"way=map", "multipliers=1,1,1"}, 1, 48, 512, 0, 0},
        {"ncsnpp", {"way=map-target", "multipliers=1,1"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"closed=-1"}, 1, 64, 512, 0, 0},
        {"ncsnpp", {"closed=5"}, 1, 64, 512, 0, 0}, // of five levels
        {"smooth-embedder", {"form=other"}, 1, 64, 0, 0, 0},
        {"smooth-embedder", {"width=-2"}, 1, 64, 0, 0, 0},
        {"smooth-embedder", {"latent=-2"}, 1, 64, 0, 0, 0},
        {"smooth-embedder", {NULL}, 1, 16, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        built b;
        open_net(&b, &cases[i]);
        if (!*b.why) printf("no error: %s %s\n", cases[i].net, cases[i].settings[0]);
        CHECK(*b.why);
        if (getenv("GOLDEN_VERBOSE")) printf("%s\n", b.why);
        close_net(&b);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(parameters_and_cost), CASE(parameters_of_smaller_networks),
               CASE(small_ones_cost_little), CASE(names),
               CASE(starts_as_the_target_and_uses_the_identity),
               CASE(drawn_is_the_difference_alone), CASE(closed_levels_hand_nothing_over),
               CASE(shares_stay_in_their_range), CASE(second_derivatives),
               CASE(wrong_options_and_shapes_are_one_sentence));
}
