// test_smooth_golden.c -- layers and networks of Smooth-Swap against golden values: forward and
// gradients.
#include "model/smoothswap.h"
#include "nn/ncsnpp.h"
#include "nn/style.h"
#include "smooth_case.h"
#include "test.h"

static const double forward = 1e-5, exact = 1e-6;

TEST(resampling)
{
    smooth_case c;
    if (smooth_open(&c, "01_fir")) {
        tg_node *x = smooth_input(&c, "x"), *up = nn_score_up(x, false);
        tg_node *down = nn_score_down(x, false);
        smooth_want(&c, "up.y", up, 1e-6);
        smooth_want(&c, "up.gx", smooth_grad(up, smooth_input(&c, "up.gy"), x), 1e-6);
        smooth_want(&c, "down.y", down, 1e-6);
        smooth_want(&c, "down.gx", smooth_grad(down, smooth_input(&c, "down.gy"), x), 1e-6);
        smooth_want(&c, "naive.up", nn_score_up(x, true), 1e-6);
        smooth_want(&c, "naive.down", nn_score_down(x, true), 1e-6);
        tg_node *one = smooth_input(&c, "imp.x"), *flat = tg_fill(c.g, TG_SHAPE(1, 1, 6, 6), 1);
        smooth_want(&c, "imp.up", nn_score_up(one, false), 1e-6);
        smooth_want(&c, "imp.down", nn_score_down(one, false), 1e-6);
        smooth_want(&c, "const.up", nn_score_up(flat, false), 1e-6);
        smooth_want(&c, "const.down", nn_score_down(flat, false), 1e-6);
        tg_node *w = smooth_input(&c, "convdown.w"), *gy = smooth_input(&c, "convdown.gy");
        tg_node *y = tg_conv2d(nn_fir_blur(x, 2, 2, 1), w, TG_CONV(.stride = 2));
        smooth_want(&c, "convdown.y", y, 1e-6);
        smooth_want(&c, "convdown.gx", smooth_grad(y, gy, x), 1e-6);
        smooth_want(&c, "convdown.gw", smooth_grad(y, gy, w), 1e-6);
        smooth_check(&c, exact);
    }
    smooth_close(&c);
}

TEST(asymmetric_filter) // which shows that the taps are flipped
{
    smooth_case c;
    if (smooth_open(&c, "01_fir")) {
        tg_node *x = smooth_input(&c, "x");
        for (int up = 0; up < 2; up++) {
            tg_fir_kernel k = {.up = {1, 1}, .down = {1, 1}, .size = {4, 4}};
            double sum = 0;
            for (int i = 0; i < 4; i++) sum += smooth_number(&c, "asym.k", i);
            for (int i = 0; i < 16; i++)
                k.tap[i] = smooth_number(&c, "asym.k", i / 4) * smooth_number(&c, "asym.k", i % 4) /
                           sum / sum * (up ? 4 : 1);
            for (int d = 0; d < 2; d++) {
                (up ? k.up : k.down)[d] = 2;
                k.before[d] = up ? 2 : 1;
                k.after[d] = 1;
            }
            smooth_want(&c, up ? "asym.up" : "asym.down", tg_fir(x, &k), 1e-6);
        }
        smooth_check(&c, exact);
    }
    smooth_close(&c);
}

TEST(group_norm_and_swish)
{
    static const char *const names[] = {"c8", "c16", "c256"};
    for (int i = 0; i < 3; i++) {
        smooth_case c;
        if (smooth_open(&c, "02_groupnorm_swish")) {
            tg_node *x = smooth_input(&c, tg_text(c.g, "%s.x", names[i])), *weight, *bias;
            tg_node *gy = smooth_input(&c, tg_text(c.g, "%s.gy", names[i]));
            nn m = nn_root(c.p[0], c.g, true);
            tg_node *y = nn_swish(nn_group_norm(m, x, 0));
            weight = nn_weight(m, "weight", TG_SHAPE(nn_channels(x)), (nn_init){0});
            bias = nn_weight(m, "bias", TG_SHAPE(nn_channels(x)), (nn_init){0});
            smooth_want(&c, tg_text(c.g, "%s.y", names[i]), y, forward);
            smooth_want(&c, tg_text(c.g, "%s.gx", names[i]), smooth_grad(y, gy, x), forward);
            smooth_want(&c, tg_text(c.g, "%s.ggamma", names[i]), smooth_grad(y, gy, weight),
                        forward);
            smooth_want(&c, tg_text(c.g, "%s.gbeta", names[i]), smooth_grad(y, gy, bias), forward);
            CHECK(!nn_settle(c.p[0], 1, NULL));
            const char *of[] = {"gamma", "beta"};
            for (size_t k = 0; k < 2; k++)
                for (int64_t j = 0; j < nn_channels(x); j++)
                    nn_params_data(c.p[0])[nn_params_entry(c.p[0], k)->offset + (size_t)j] =
                        (float)smooth_number(&c, tg_text(c.g, "%s.%s", names[i], of[k]), j);
            smooth_check(&c, exact);
        }
        smooth_close(&c);
    }
}

static void block(const char *name, nn_score_options o, int grads)
{
    smooth_case c;
    if (smooth_open(&c, name)) {
        tg_node *x = smooth_input(&c, "x"), *gy = smooth_input(&c, "gy");
        o.cond = smooth_input(&c, "temb");
        tg_node *y = nn_score_block_with(nn_root(c.p[0], c.g, true), x, o);
        smooth_want(&c, "y", y, forward);
        smooth_want(&c, "gx", smooth_grad(y, gy, x), forward);
        smooth_want(&c, "gtemb", smooth_grad(y, gy, o.cond), forward);
        CHECK(smooth_want_grads(&c, 0, "gw.", y, gy, forward) == grads);
        smooth_load(&c, 0, "w.", "");
        smooth_check(&c, exact);
    }
    smooth_close(&c);
}

TEST(residual_blocks)
{
    block("03a_resblock_plain_same", (nn_score_options){0}, 10);
    block("03b_resblock_plain_widen", (nn_score_options){.out = 24}, 12);
    block("03c_resblock_plain_narrow_40to16", (nn_score_options){.out = 16}, 12);
    block("03d_resblock_down_fir", (nn_score_options){.down = true}, 12);
    block("03e_resblock_up_fir", (nn_score_options){.up = true}, 12);
    block("03f_resblock_down_naive", (nn_score_options){.down = true, .naive = true}, 12);
    block("03g_resblock_up_naive", (nn_score_options){.up = true, .naive = true}, 12);
}

TEST(attention)
{
    smooth_case c;
    if (smooth_open(&c, "04_attention")) {
        tg_node *x = smooth_input(&c, "x"), *gy = smooth_input(&c, "gy");
        tg_node *y = nn_score_attention(nn_root(c.p[0], c.g, true), x);
        smooth_want(&c, "y", y, forward);
        smooth_want(&c, "gx", smooth_grad(y, gy, x), forward);
        CHECK(smooth_want_grads(&c, 0, "gw.", y, gy, forward) == 10);
        smooth_load(&c, 0, "w.", "");
        smooth_check(&c, exact);
    }
    smooth_close(&c);
}

static void adalin(bool biased)
{
    smooth_case c;
    if (smooth_open(&c, "12_adalin_spatialmap")) {
        const char *of = biased ? "biased" : "unbiased";
        nn m = nn_root(c.p[0], c.g, true);
        tg_node *x = smooth_input(&c, "x"), *gy = smooth_input(&c, "gy");
        tg_node *gain = smooth_input(&c, "gamma"), *bias = smooth_input(&c, "beta");
        tg_node *y = nn_adalin(m, x, gain, bias, biased);
        smooth_want(&c, tg_text(c.g, "%s.y", of), y, forward);
        smooth_want(&c, tg_text(c.g, "%s.gx", of), smooth_grad(y, gy, x), forward);
        smooth_want(&c, tg_text(c.g, "%s.ggamma", of), smooth_grad(y, gy, gain), forward);
        smooth_want(&c, tg_text(c.g, "%s.gbeta", of), smooth_grad(y, gy, bias), forward);
        CHECK(smooth_want_grads(&c, 0, tg_text(c.g, "%s.g", of), y, gy, forward) == 1);
        smooth_load(&c, 0, "", "");
        smooth_check(&c, exact);
    }
    smooth_close(&c);
}

TEST(adaptive_layer_instance_norm)
{
    adalin(false);
    adalin(true);
}

TEST(norm_by_a_map)
{
    smooth_case c;
    if (smooth_open(&c, "12_adalin_spatialmap")) {
        static const char *const from[] = {"sm.wg", "sm.bg", "sm.wb", "sm.bb"};
        tg_node *h = smooth_input(&c, "sm.h"), *s = smooth_input(&c, "sm.s");
        tg_node *gy = smooth_input(&c, "sm.gy"), *grad[4] = {NULL};
        tg_node *y = nn_style_map_norm(nn_root(c.p[0], c.g, true), h, s);
        smooth_want(&c, "sm.y", y, forward);
        smooth_want(&c, "sm.gh", smooth_grad(y, gy, h), forward);
        smooth_want(&c, "sm.gs", smooth_grad(y, gy, s), forward);
        nn_grad_with(c.p[0], y, gy, grad);
        smooth_want(&c, "sm.gwg", grad[0], forward);
        smooth_want(&c, "sm.gwb", grad[2], forward);
        CHECK(!nn_settle(c.p[0], 1, NULL) && nn_params_n(c.p[0]) == 4);
        for (size_t k = 0; k < 4; k++)
            base_tensor_floats(base_tensors_find(&c.file, from[k]),
                               nn_params_data(c.p[0]) + nn_params_entry(c.p[0], k)->offset);
        smooth_check(&c, exact);
    }
    smooth_close(&c);
}

// ---- The embedder

// Values that buffers get, by name "<prefix><entry>".
static void want_updates(smooth_case *c, const char *const from[], const char *const to[], int n)
{
    const nn_update *update;
    size_t updates = nn_updates(c->p[0], c->g, &update);
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < updates; k++)
            if (!strcmp(update[k].entry->name, from[i]))
                smooth_want(c, to[i], update[k].node, forward);
}

TEST(head)
{
    static const char *const entry[] = {"bn1.running_mean", "bn1.running_var", "bn2.running_mean",
                                        "bn2.running_var"};
    static const char *const after[] = {"bn1.running_mean1", "bn1.running_var1",
                                        "bn2.running_mean1", "bn2.running_var1"};
    for (int train = 0; train < 2; train++) {
        smooth_case c;
        if (smooth_open(&c, "08_embedder_head")) {
            tg_node *x = smooth_input(&c, "x"), *gy = smooth_input(&c, "gy");
            tg_node *z = model_smooth_head(nn_root(c.p[0], c.g, train), x, 16, 8);
            smooth_want(&c, train ? "train.z" : "eval.z", z, forward);
            smooth_want(&c, train ? "train.gx" : "eval.gx", smooth_grad(z, gy, x), forward);
            if (train) CHECK(smooth_want_grads(&c, 0, "train.gw.", z, gy, forward) == 8);
            if (train) want_updates(&c, entry, after, 4);
            if (train) CHECK(c.n == 14);
            CHECK(!nn_settle(c.p[0], 1, NULL));
            for (size_t k = 0; k < nn_params_n(c.p[0]); k++) {
                const nn_entry *e = nn_params_entry(c.p[0], k);
                if (e->kind == NN_COUNTER) continue;
                bool buffer = e->kind == NN_BUFFER;
                const char *name =
                    buffer ? tg_text(c.g, "%s0", e->name) : tg_text(c.g, "w.%s", e->name);
                const base_tensor *t = base_tensors_find(&c.file, name);
                CHECK(t != NULL);
                if (t) base_tensor_floats(t, nn_params_data(c.p[0]) + e->offset);
            }
            smooth_check(&c, exact);
        }
        smooth_close(&c);
    }
}

static void bottleneck(const char *name, int width, int stride, int grads)
{
    for (int train = 0; train < 2; train++) {
        smooth_case c;
        if (smooth_open(&c, name)) {
            tg_node *x = smooth_input(&c, "x"), *gy = smooth_input(&c, "gy");
            tg_node *y = model_bottleneck(nn_root(c.p[0], c.g, train), x, width, stride);
            smooth_want(&c, train ? "train.y" : "eval.y", y, forward);
            smooth_want(&c, train ? "train.gx" : "eval.gx", smooth_grad(y, gy, x), forward);
            if (train) CHECK(smooth_want_grads(&c, 0, "train.gw.", y, gy, forward) == grads);
            smooth_load(&c, 0, "w.", "buf.");
            smooth_check(&c, exact);
        }
        smooth_close(&c);
    }
}

TEST(bottlenecks)
{
    bottleneck("08b_bottleneck_s1_proj", 4, 1, 12);
    bottleneck("08c_bottleneck_s2_proj", 6, 2, 12);
    bottleneck("08d_bottleneck_identity", 4, 1, 9);
}

// Mean and root mean square over everything.
static tg_node *statistics(tg_node *x)
{
    tg_node *mean = tg_reshape(tg_mean(x), TG_SHAPE(1));
    tg_node *rms = tg_reshape(tg_sqrt(tg_mean(tg_square(x))), TG_SHAPE(1));
    return tg_concat((tg_node *[]){mean, rms}, 2, 0);
}

TEST(whole_embedder)
{
    smooth_case c;
    if (smooth_open(&c, "09_resnet50_full")) {
        model_smooth_embedder_options o = {.stages = true};
        model_ports *io = NULL;
        tg_node *x = smooth_input(&c, "x");
        CHECK(!model_ports_open(&io, NULL));
        tg_node *z = model_smooth_embedder(nn_root(c.p[0], c.g, false), x, &o, io);
        smooth_want(&c, "z512", z, 1e-4);
        CHECK(model_ports_outputs(io) == 6);
        for (size_t i = 0; i < model_ports_outputs(io); i++) {
            const char *name;
            tg_node *y = model_ports_output(io, i, &name);
            if (!strcmp(name, "pooled")) {
                smooth_want(&c, "pooled2048", y, 1e-4);
                continue;
            }
            smooth_want(&c, tg_text(c.g, "%s.mean_rms", name), statistics(y), 1e-4);
            y = tg_slice(tg_reshape(y, TG_SHAPE(tg_count(tg_shape_of(y)))), 0, 0, 16);
            smooth_want(&c, tg_text(c.g, "%s.probe_first16", name), y, 1e-4);
        }
        CHECK(nn_params_weights(c.p[0]) == 26134080);
        smooth_fill(c.p[0], 10000, 12000, 1, false);
        smooth_check(&c, 0);
        model_ports_close(&io);
    }
    smooth_close(&c);
}

// ---- The generator

static void generator(const char *name, const model_ncsnpp_options *o, uint32_t k)
{
    smooth_case c;
    if (smooth_open(&c, name)) {
        model_ports *io = NULL;
        tg_node *x = smooth_input(&c, "x_tgt"), *z = smooth_input(&c, "z_raw");
        tg_node *gy = smooth_input(&c, "gy");
        CHECK(!model_ports_open(&io, NULL));
        tg_node *y = model_ncsnpp(nn_root(c.p[0], c.g, true), x, nn_unit(z), o, io);
        smooth_want(&c, "x_swap", y, 3e-5);
        for (size_t i = 0; i < model_ports_outputs(io); i++) {
            const char *stage;
            tg_node *at = model_ports_output(io, i, &stage);
            smooth_want(&c, stage, at, 3e-5);
        }
        smooth_want(&c, "gx_tgt", smooth_grad(y, gy, x), 1e-4);
        smooth_want(&c, "gz_raw", smooth_grad(y, gy, z), 1e-4);
        CHECK(smooth_want_grads(&c, 0, "gw.", y, gy, 1e-4) > 200);
        smooth_load(&c, 0, "w.", "");
        float *v = nn_params_data(c.p[0]);
        size_t n = nn_params_floats(c.p[0]);
        float *copy = base_alloc(n, sizeof *copy);
        if (copy) memcpy(copy, v, n * sizeof *v);
        smooth_fill(c.p[0], k, 0, 1.5, false); // the formula makes the very same
        CHECK(copy && test_distance(copy, v, n) <= 0);
        base_free(copy);
        smooth_check(&c, 1e-5);
        model_ports_close(&io);
    }
    smooth_close(&c);
}

TEST(generator_with_mlp)
{
    model_ncsnpp_options o = {
        .width = 8, .multipliers = "1,2,2", .blocks = 1, .latent = 20, .stages = true};
    generator("05a_unet_ncsnpp_mlp", &o, 2000);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(resampling), CASE(asymmetric_filter), CASE(group_norm_and_swish),
               CASE(residual_blocks), CASE(attention), CASE(adaptive_layer_instance_norm),
               CASE(norm_by_a_map), CASE(head), CASE(bottlenecks), CASE(whole_embedder),
               CASE(generator_with_mlp));
}
