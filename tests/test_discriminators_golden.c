// test_discriminators_golden.c -- the discriminators against golden values. The projected one is
// tested with its losses in test_published.c.
#include "golden_net.h"
#include "test.h"

static void patchgan(bool train, const char *prefix)
{
    golden_case c;
    if (!golden_open(&c, "d_patchgan_64")) return;
    tg_shape s = {0};
    float *img = golden_picture(&c, "img_u8", false, &s);
    golden_net net;
    golden_net_options o = {
        .name = "patchgan", .tag = "D1", .train = train, .in = {{"img", s, img}}};
    if (golden_net_run(&net, &o)) CHECK(golden_net_compare(&net, &c, prefix, 2e-5) == 8);
    golden_net_close(&net);
    golden_close(&c);
    base_free(img);
}

TEST(patchgan_with_running_statistics) { patchgan(false, "eval."); }
TEST(patchgan_with_batch_statistics) { patchgan(true, "train."); }

TEST(projected_sizes) // 224: 64 logits a picture, 256: 100 (published trainer)
{
    static const int64_t side[] = {128, 224, 256}, logits[] = {4, 64, 100};
    for (int i = 0; i < 3; i++) {
        tg_graph *g = tg_new();
        nn_params *p = NULL;
        CHECK(!nn_params_open(&p, NULL));
        model_projected_options o = {0};
        tg_node *part[MODEL_PROJECTED_PARTS];
        tg_node *img = tg_input(g, TG_SHAPE(2, 3, side[i], side[i]), "img");
        model_projected_features(nn_root(p, g, true), img, &o, part);
        tg_node *y = model_projected_logits(nn_root(p, g, true), part, &o, NULL);
        CHECK(y && tg_same(tg_shape_of(y), TG_SHAPE(2, logits[i])));
        size_t trained = 0;
        for (size_t j = 0; j < nn_params_n(p); j++) {
            const nn_entry *e = nn_params_entry(p, j);
            if (e->kind == NN_WEIGHT && !e->frozen) trained += e->count;
        }
        CHECK(trained == 10331328); // the heads alone
        nn_params_close(&p);
        tg_free(g);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(patchgan_with_running_statistics),
               CASE(patchgan_with_batch_statistics), CASE(projected_sizes));
}
