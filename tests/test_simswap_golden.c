// test_simswap_golden.c -- the generator against golden outputs, stages and gradients; small cases.
#include "golden_net.h"
#include "test.h"

// One forward case; channels of the answer are compared stage by stage.
static void forward(const char *name, const char *tag, const char *const settings[], bool normalise,
                    bool train, double tol, int least)
{
    golden_case c;
    if (!golden_open(&c, name)) return;
    tg_shape s = {0};
    size_t n = 0;
    float *img = golden_picture(&c, "img_u8", normalise, &s), *id = golden_floats(&c, "latent", &n);
    golden_net net;
    golden_net_options o = {.name = "simswap",
                            .tag = tag,
                            .settings = {settings[0], settings[1], "stages=true"},
                            .train = train,
                            .in = {{"img", s, img}, {"id", TG_SHAPE(s.dim[0], 512), id}}};
    if (!settings[1]) o.settings[1] = "latent=512";
    CHECK(n == (size_t)s.dim[0] * 512);
    if (golden_net_run(&net, &o)) {
        CHECK(golden_net_compare(&net, &c, "", tol) >= least);
        const nn_update *update;
        size_t updates = nn_updates(net.params, net.graph, &update);
        for (size_t i = 0; i < updates; i++) {
            if (!base_tensors_find(&c.file, update[i].entry->name)) continue;
            const float *v = golden_net_value(&net, update[i].node, &n);
            CHECK(golden_compare(&c, update[i].entry->name, v, n, tol) == 1);
        }
    }
    golden_net_close(&net);
    golden_close(&c);
    base_free(img);
    base_free(id);
}

TEST(variant_a_with_one_block)
{
    forward("g224_nblocks1_32", "G224", (const char *[]){"variant=a", "blocks=1"}, false, false,
            2e-5, 20);
}

TEST(variant_a) // stages and output; float32 itself is about 1e-5 off
{
    forward("g224_32", "G224", (const char *[]){"variant=a", NULL}, false, false, 1e-4, 40);
}

TEST(variant_a_two_pictures)
{
    forward("g224_48x40_batch2", "G224", (const char *[]){"variant=a", NULL}, false, false, 1e-4,
            1);
}

TEST(variant_b)
{
    forward("g512beta_64", "G512", (const char *[]){"variant=b", NULL}, false, false, 1e-4, 10);
}

TEST(variant_c)
{
    forward("gtrain_deepfalse_32", "G224", (const char *[]){"variant=c", NULL}, true, false, 1e-4,
            30);
}

TEST(variant_c_deep)
{
    forward("gtrain_deeptrue_64", "GDEEP", (const char *[]){"variant=c", "deep=true"}, true, false,
            1e-4, 30);
}

TEST(variant_c_in_training) // batch statistics, and the running ones after the pass
{
    golden_case c;
    forward("gtrain_deepfalse_trainmode_64_b2", "G224", (const char *[]){"variant=c", NULL}, true,
            true, 2e-4, 1);
    if (!golden_open(&c, "gtrain_deepfalse_trainmode_64_b2")) return;
    CHECK(c.file.n == 17);
    golden_close(&c);
}

// A bias before a norm has a gradient of zero, in float rounding noise.
static void compare_full(const golden_case *c, const char *name, const float *v, size_t n,
                         double rel)
{
    size_t count;
    float *want = golden_floats(c, name, &count);
    double largest = 0;
    for (size_t i = 0; want && i < count; i++) largest = fmax(largest, fabs((double)want[i]));
    if (largest > 1e-6)
        golden_compare_norm(c, name, v, n, rel);
    else
        golden_compare(c, name, v, n, 1e-3);
    base_free(want);
}

static void backward(const char *mode, bool train, const char *blocks, double rel)
{
    golden_case c;
    if (!golden_open(&c, "g_backward_32")) return;
    char prefix[64], what[200];
    snprintf(prefix, sizeof prefix, "%s.", mode);
    tg_shape s = {0};
    float *img = golden_picture(&c, "img_u8", true, &s), *id = golden_latent("gb", 2);
    float *cot = base_alloc((size_t)tg_count(s), sizeof *cot);
    golden_hash("gb/up", cot, (size_t)tg_count(s));
    golden_net net;
    golden_net_options o = {.name = "simswap",
                            .tag = "G224",
                            .settings = {"variant=c", blocks},
                            .train = train,
                            .in = {{"img", s, img}, {"id", TG_SHAPE(s.dim[0], 512), id}},
                            .grad = "out",
                            .cotangent = cot};
    if (golden_net_run(&net, &o)) {
        size_t n;
        CHECK(golden_net_compare(&net, &c, prefix, 1e-4) == 1);
        snprintf(what, sizeof what, "%sd_input", prefix);
        const float *v = golden_net_d_input(&net, "img", &n);
        golden_compare_norm(&c, what, v, n, rel);
        snprintf(what, sizeof what, "%sd_latent", prefix);
        v = golden_net_d_input(&net, "id", &n);
        golden_compare_norm(&c, what, v, n, rel);
        snprintf(what, sizeof what, "%sgrad", prefix);
        CHECK(golden_compare_grads(&c, what, 0, net.params, "", net.grad_values, rel) == 38);
        for (size_t i = 0; i < nn_params_n(net.params); i++) {
            const nn_entry *e = nn_params_entry(net.params, i);
            snprintf(what, sizeof what, "%sgradfull.%s", prefix, e->name);
            if (base_tensors_find(&c.file, what))
                compare_full(&c, what, net.grad_values[i], e->count, rel);
        }
    }
    golden_net_close(&net);
    golden_close(&c);
    base_free(img);
    base_free(id);
    base_free(cot);
}

TEST(gradients_of_one_block) { backward("eval_nb1", false, "blocks=1", 2e-3); }
TEST(gradients_of_one_block_in_training) { backward("train_nb1", true, "blocks=1", 2e-3); }

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(variant_a_with_one_block), CASE(variant_a),
               CASE(variant_a_two_pictures), CASE(variant_b), CASE(variant_c), CASE(variant_c_deep),
               CASE(variant_c_in_training), CASE(gradients_of_one_block),
               CASE(gradients_of_one_block_in_training));
}
