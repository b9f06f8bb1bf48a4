// test_faceshifter_full.c -- FaceShifter's networks at full size, with weights by formula:
// statistics and samples of every stage, and complete outputs.
#include "golden_mix.h"
#include "golden_net.h"
#include "model/faceshifter.h"
#include "test.h"

typedef struct {
    const char *net, *prefix, *settings[4];
    struct {
        const char *name, *value;
        tg_shape shape;
    } in[2];
    const char *table; // of statistics
    const char *whole; // what the file of complete outputs puts before the name of one
    const char *out;   // what both call "out"
    int rows;
    double rel, tol; // of statistics, relative to the largest value; of complete outputs
    bool fastest;    // kernels by measuring, as inference takes them
    double gmac;     // multiply-accumulates as counted for the open implementations, in 10^9
} full_case;

static const char *their_name(const full_case *a, const char *name)
{
    static const char *const ours[] = {"scale0_logits", "scale1_logits", "scale2_logits"};
    static const char *const theirs[] = {"logits_scale0", "logits_scale1", "logits_scale2"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(name, ours[i])) return theirs[i];
    return strcmp(name, "out") != 0 || !a->out ? name : a->out;
}

static void compare(const golden_net *net, const full_case *a)
{
    mix_case c;
    mix_row row;
    int compared = 0;
    mix_open(&c, "07_full_size_stats");
    for (size_t i = 0; i < model_ports_outputs(net->io); i++) {
        const char *name;
        size_t n;
        tg_node *x = model_ports_output(net->io, i, &name);
        const float *v = golden_net_value(net, x, &n);
        char full[128];
        bool seen = false;
        snprintf(full, sizeof full, "%s_%s", a->whole, their_name(a, name));
        for (int k = 0; !seen && mix_table_row(a->table, k, &row); k++) {
            if (strcmp(row.name, their_name(a, name)) != 0) continue;
            seen = true;
            compared++;
            mix_compare_row(a->table, &row, v, n, a->rel);
        }
        if (mix_has(&c, full)) mix_compare(&c, full, v, n, a->tol);
    }
    CHECK(compared == a->rows);
    mix_close(&c);
}

static void run(const full_case *a)
{
    golden_net_options o = {
        .name = a->net, .tag = a->prefix, .fill = mix_fill, .steady = !a->fastest};
    for (int i = 0; i < 4 && a->settings[i]; i++) o.settings[i] = a->settings[i];
    for (int i = 0; i < 2 && a->in[i].name; i++) {
        o.in[i].name = a->in[i].name;
        o.in[i].shape = a->in[i].shape;
        o.in[i].data = mix_input(a->in[i].value, a->in[i].shape, 1, 0);
    }
    golden_net net;
    if (golden_net_run(&net, &o)) {
        compare(&net, a);
        CHECK_NEAR(tg_plan_macs(net.plan) / 1e9, a->gmac, 0.006 * a->gmac);
    }
    golden_net_close(&net);
    for (int i = 0; i < 2; i++) base_free(o.in[i].data);
}

#define PICTURE                                                                                    \
    {                                                                                              \
        "img", "full.x",                                                                           \
        {                                                                                          \
            4, { 1, 3, 256, 256 }                                                                  \
        }                                                                                          \
    }
#define VECTOR                                                                                     \
    {                                                                                              \
        "id", "full.z_id",                                                                         \
        {                                                                                          \
            2, { 1, 512 }                                                                          \
        }                                                                                          \
    }

TEST(aei_net)
{
    full_case a = {.net = "aei",
                   .prefix = "full.aei.",
                   .settings = {"stages=true"},
                   .in = {PICTURE, VECTOR},
                   .table = "07_full_size_stats.aei_unet_2blocks_eval",
                   .whole = "aei_unet_2blocks_eval",
                   .out = "Y",
                   .rows = 18,
                   .rel = 2e-5,
                   .tol = 1e-4,
                   .gmac = 31.02};
    run(&a);
}

TEST(resnet_encoder)
{
    full_case a = {.net = "aei",
                   .prefix = "full.resenc.",
                   .settings = {"stages=true", "encoder=resnet", "blocks=1"},
                   .in = {PICTURE, VECTOR},
                   .table = "07_full_size_stats.ghost_resnet_encoder_eval",
                   .whole = "none",
                   .rows = 8,
                   .rel = 5e-6,
                   .gmac = 18.9};
    run(&a);
}

TEST(hear_net)
{
    full_case a = {.net = "hear",
                   .prefix = "full.hear.",
                   .settings = {"stages=true"},
                   .in = {{"x", "full.hear.x", {4, {1, 6, 256, 256}}}},
                   .table = "07_full_size_stats.hear_eval",
                   .whole = "hear_eval",
                   .rows = 10,
                   .rel = 5e-6,
                   .tol = 1e-5,
                   .gmac = 5.70};
    run(&a);
    a.fastest = true;
    a.rel = 2e-5;
    run(&a);
}

TEST(discriminators)
{
    static const char *const layers[] = {"layers=6", "layers=5", "layers=3"};
    static const char *const what[] = {"nl6_in", "nl5_in", "nl3_bn_eval"};
    static const double gmac[] = {3.29, 3.52, 4.89};
    for (int i = 0; i < 3; i++) {
        char prefix[32], table[64], whole[32];
        snprintf(prefix, sizeof prefix, "full.d.%s.", what[i]);
        snprintf(table, sizeof table, "07_full_size_stats.d_%s", what[i]);
        snprintf(whole, sizeof whole, "d_%s", what[i]);
        full_case a = {.net = "multiscale-d",
                       .prefix = prefix,
                       .settings = {layers[i], i == 2 ? "batch=true" : NULL},
                       .in = {PICTURE},
                       .table = table,
                       .whole = whole,
                       .rows = 3,
                       .rel = 2e-5,
                       .tol = 2e-5,
                       .gmac = gmac[i]};
        run(&a);
    }
}

// What a network for pictures of 256 costs, in 10^9.
static double cost(const char *encoder, int blocks, bool small)
{
    base_error e = {{0}};
    tg_graph *g = tg_new();
    nn_params *p = NULL;
    tg_plan *plan = NULL;
    double macs = 0;
    model_aei_options o = {.encoder = encoder, .blocks = blocks, .small = small};
    guise_status s = nn_params_open(&p, &e);
    tg_node *img = tg_input(g, TG_SHAPE(1, 3, 256, 256), "img");
    tg_node *id = tg_input(g, TG_SHAPE(1, 512), "id");
    tg_node *y = s ? NULL : model_aei(nn_root(p, g, false), img, id, &o, NULL);
    if (!s) s = tg_plan_open(&plan, g, &y, 1, &(tg_plan_options){.train = true}, &e);
    if (s) printf("%s\n", e.text);
    if (!s) macs = tg_plan_macs(plan) / 1e9;
    if (getenv("GOLDEN_VERBOSE"))
        printf("%s, %d, %s: %.2f GMAC, %zu parameters, %zu bytes\n", encoder, blocks,
               small ? "small" : "full", macs, nn_params_weights(p), tg_plan_bytes(plan));
    tg_plan_close(&plan);
    nn_params_close(&p);
    tg_free(g);
    return macs;
}

TEST(costs) // spec/faceshifter.md 4.2
{
    CHECK_NEAR(cost("unet", 1, false), 16.3, 0.05);
    CHECK_NEAR(cost("unet", 3, false), 45.7, 0.05);
    CHECK_NEAR(cost("linknet", 1, false), 13.9, 0.05);
    CHECK_NEAR(cost("linknet", 2, false), 27.7, 0.05);
    CHECK_NEAR(cost("linknet", 3, false), 41.5, 0.05);
    CHECK_NEAR(cost("resnet", 2, false), 33.6, 0.05);
    CHECK_NEAR(cost("resnet", 3, false), 48.3, 0.05);
    double small = cost("unet", 0, true);
    CHECK(small > 3 && small < 6);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(aei_net), CASE(resnet_encoder), CASE(hear_net),
               CASE(discriminators), CASE(costs));
}
