// test_teachers_golden.c -- the identity networks and the parsing network against golden values.
#include "golden_net.h"
#include "test.h"

// mean(1 - cos(embedding, target)) and its gradient by the picture, by hand from the network's own
// outputs: the cotangent of the unit embedding u is -target / n, and of the raw one follows in
// nets.
static void arcface(const char *name, const char *tag, const char *layers, bool no_se)
{
    golden_case c;
    if (!golden_open(&c, name)) return;
    tg_shape s = {0};
    size_t n = 0, n_target = 0, n_input = 0;
    float *img = golden_picture(&c, "img_u8", true, &s);
    float *target = golden_floats(&c, "latent_target", &n_target);
    float *input = golden_floats(&c, "input", &n_input);
    CHECK(input && n_input == (size_t)tg_count(s) && test_distance(img, input, n_input) < 1e-6);
    for (size_t i = 0; i < n_target; i++) target[i] = -target[i];
    golden_net net;
    golden_net_options o = {
        .name = "arcface-se",
        .tag = tag,
        .settings = {layers, no_se ? "no_se=true" : "no_se=false", "stages=true"},
        .in = {{"img", s, img}},
        .grad = "unit",
        .cotangent = target};
    if (golden_net_run(&net, &o)) {
        int found = 0;
        double cosine = 0;
        for (size_t i = 0; i < model_ports_outputs(net.io); i++) {
            const char *out;
            tg_node *x = model_ports_output(net.io, i, &out);
            const float *v = golden_net_value(&net, x, &n);
            const char *in_file = !strcmp(out, "embedding") ? "embedding_raw"
                                  : !strcmp(out, "unit")    ? "embedding_norm"
                                                            : out;
            double tol = !strcmp(out, "unit") ? 5e-6 : 5e-5;
            found += golden_compare(&c, in_file, v, n, tol);
            for (size_t j = 0; !strcmp(out, "unit") && j < n; j++) cosine -= v[j] * target[j];
        }
        CHECK(found >= (no_se ? 20 : 21));
        CHECK_NEAR(1 - cosine, golden_number(&c, "id_loss"), 1e-6);
        const float *d = golden_net_d_input(&net, "img", &n);
        golden_compare_norm(&c, "d_id_loss_d_input", d, n, 2e-2);
    }
    golden_net_close(&net);
    golden_close(&c);
    base_free(img);
    base_free(target);
    base_free(input);
}

TEST(identity_101_with_se) { arcface("arc_se101_112", "ARC101", "layers=101", false); }
TEST(identity_18_with_se) { arcface("arc_se18_112", "ARC18", "layers=18", false); }
TEST(identity_18_without_se) { arcface("arc_nose18_112", "ARC18N", "layers=18", true); }

// The class of each pixel, where the two best are apart by more than rounding.
static void compare_classes(const golden_case *c, const float *logits, int64_t pixels)
{
    const base_tensor *want = base_tensors_find(&c->file, "argmax_u8");
    CHECK(want && base_tensor_count(want) == pixels);
    int64_t wrong = 0;
    for (int64_t i = 0; want && i < pixels; i++) {
        int best = 0;
        for (int k = 1; k < MODEL_PARSING_CLASSES; k++)
            if (logits[k * pixels + i] > logits[best * pixels + i]) best = k;
        float chosen = logits[(int)base_tensor_at(want, i) * pixels + i];
        wrong += logits[best * pixels + i] - chosen > 1e-3f;
    }
    CHECK(wrong == 0);
}

TEST(parsing)
{
    golden_case c;
    if (!golden_open(&c, "bisenet_128")) return;
    tg_shape s = {0};
    float *img = golden_picture(&c, "img_u8", true, &s);
    golden_net net;
    golden_net_options o = {
        .name = "parsing", .tag = "BISE", .settings = {"stages=true"}, .in = {{"img", s, img}}};
    if (golden_net_run(&net, &o)) {
        CHECK(golden_net_compare(&net, &c, "", 1e-4) >= 10);
        size_t last = model_ports_outputs(net.io) - 1, n, n_want = 0;
        const char *name;
        const float *v = golden_net_value(&net, model_ports_output(net.io, last, &name), &n);
        CHECK(!strcmp(name, "logits") && n == 19 * 128 * 128);
        float *want = golden_floats(&c, "logits_ds2", &n_want); // every second pixel
        CHECK(want && n_want == 19 * 64 * 64);
        double worst = 0;
        for (int64_t i = 0; want && i < 19 * 64 * 64; i++) {
            int64_t k = i / 4096, y = i / 64 % 64, x = i % 64;
            worst = fmax(worst, fabs((double)v[(k * 128 + 2 * y) * 128 + 2 * x] - want[i]));
        }
        CHECK_NEAR(worst, 0, 1e-3);
        compare_classes(&c, v, 128 * 128);
        base_free(want);
    }
    golden_net_close(&net);
    golden_close(&c);
    base_free(img);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(identity_101_with_se), CASE(identity_18_with_se),
               CASE(identity_18_without_se), CASE(parsing));
}
