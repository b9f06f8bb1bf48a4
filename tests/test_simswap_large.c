// test_simswap_large.c -- the generator at its working size, and gradients through all nine blocks.
#include "golden_net.h"
#include "test.h"

static void forward(const char *name, const char *tag, const char *variant, double tol, int least)
{
    golden_case c;
    if (!golden_open(&c, name)) return;
    tg_shape s = {0};
    size_t n = 0;
    float *img = golden_picture(&c, "img_u8", false, &s), *id = golden_floats(&c, "latent", &n);
    golden_net net;
    golden_net_options o = {.name = "simswap",
                            .tag = tag,
                            .settings = {variant, "stages=true"},
                            .in = {{"img", s, img}, {"id", TG_SHAPE(s.dim[0], 512), id}}};
    if (golden_net_run(&net, &o)) CHECK(golden_net_compare(&net, &c, "", tol) >= least);
    golden_net_close(&net);
    golden_close(&c);
    base_free(img);
    base_free(id);
}

TEST(variant_a_at_224) { forward("g224_224", "G224", "variant=a", 2e-4, 40); }
TEST(variant_b_at_512) { forward("g512beta_512_f32", "G512", "variant=b", 1e-3, 1); }

static void backward(const char *mode, bool train, double rel)
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
                            .settings = {"variant=c"},
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
        CHECK(golden_compare_grads(&c, what, 0, net.params, "", net.grad_values, rel) == 102);
    }
    golden_net_close(&net);
    golden_close(&c);
    base_free(img);
    base_free(id);
    base_free(cot);
}

// A flipped ReLU of the 4x4 bottleneck is a large part of it here; one block is tested closely.
TEST(gradients_of_nine_blocks) { backward("eval_nb9", false, 0.1); }
TEST(gradients_of_nine_blocks_in_training) { backward("train_nb9", true, 0.1); }

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(variant_a_at_224), CASE(variant_b_at_512),
               CASE(gradients_of_nine_blocks), CASE(gradients_of_nine_blocks_in_training));
}
