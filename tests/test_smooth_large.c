// test_smooth_large.c -- the whole generator and discriminator of Smooth-Swap for 256 pixels, with
// weights by formula, against probes of golden values; without those, they run.
#include "model/smoothswap.h"
#include "model/stylegan2.h"
#include "smooth_case.h"
#include "test.h"

static const double tol = 1e-3;
enum { SIDE = 256 };

// A picture of waves: 0.8 sin(0.031 (c + 1) i + 0.047 j + 0.5 c + 0.7 n)
static tg_node *waves(smooth_case *c, int n)
{
    float *v = base_alloc((size_t)n * 3 * SIDE * SIDE, sizeof *v), *at = v;
    for (int k = 0; v && k < n; k++)
        for (int ch = 0; ch < 3; ch++)
            for (int i = 0; i < SIDE; i++)
                for (int j = 0; j < SIDE; j++)
                    *at++ =
                        (float)(0.8 * sin(0.031 * (ch + 1) * i + 0.047 * j + 0.5 * ch + 0.7 * k));
    tg_node *x = v ? smooth_values(c, TG_SHAPE(n, 3, SIDE, SIDE), v) : NULL;
    base_free(v);
    return x;
}

// Mean, root mean square, and the extremes, which are those of a pool over everything.
static tg_node *statistics(tg_node *x)
{
    int64_t n = tg_count(tg_shape_of(x));
    tg_node *flat = tg_reshape(x, TG_SHAPE(1, 1, n / 64, 64));
    tg_window all = {.kh = n / 64, .kw = 64, .stride = 1};
    tg_node *part[] = {tg_mean(x), tg_sqrt(tg_mean(tg_square(x))),
                       tg_neg(tg_max_pool(tg_neg(flat), all)), tg_max_pool(flat, all)};
    for (int i = 0; i < 4; i++) part[i] = tg_reshape(part[i], TG_SHAPE(1));
    return tg_concat(part, 4, 0);
}

TEST(discriminator)
{
    smooth_case c;
    if (smooth_open(&c, "15_discriminator256_full")) {
        static const model_stylegan2_d_options o = {0};
        model_stylegan2_verdict v;
        tg_node *x = waves(&c, 2);
        model_stylegan2_d(nn_root(c.p[0], c.g, true), x, &o, &v);
        tg_node *d = smooth_grad(v.logit, NULL, x);
        smooth_want(&c, "logits", v.logit, tol);
        // of 33 million activations some lie so near 0 that Winograd's rounding turns their slope
        smooth_want_probe(&c, "grad_x.probe", d, 5e-3);
        smooth_by_length(&c);
        smooth_want(&c, "grad_x.stats_mean_rms_min_max", statistics(d), tol);
        tg_node *squares = tg_reshape(tg_square(d), TG_SHAPE(2, 3 * SIDE * SIDE));
        smooth_want(&c, "grad_x_sqnorm", tg_sum_to(squares, TG_SHAPE(2, 1)), tol);
        for (int i = 0; i < v.features; i++) {
            smooth_want_probe(&c, tg_text(c.g, "act.conv%d.probe", i), v.feature[i], tol);
            smooth_want(&c, tg_text(c.g, "act.conv%d.stats_mean_rms_min_max", i),
                        statistics(v.feature[i]), tol);
        }
        CHECK(nn_params_weights(c.p[0]) == 28864129);
        smooth_fill(c.p[0], 30000, 0, 1.5, true);
        smooth_check(&c, 0);
    }
    smooth_close(&c);
}

// One run of the generator by a plan of this kind; out [3,SIDE,SIDE].
static bool generate(smooth_case *c, tg_node *made, bool train, float *out)
{
    base_error e = {{0}};
    tg_plan *plan = NULL;
    guise_status s = tg_plan_open(&plan, c->g, &made, 1, &(tg_plan_options){.train = train}, &e);
    if (!s) s = nn_bind(c->p[0], c->g, plan, &e);
    for (int i = 0; !s && i < c->inputs; i++)
        s = tg_plan_bind(plan, c->in[i].x, c->in[i].value, &e);
    if (!s) s = tg_plan_run(plan, &e);
    if (s) printf("%s\n", e.text);
    if (!s) memcpy(out, tg_plan_value(plan, made), 3 * SIDE * SIDE * sizeof *out);
    if (plan && getenv("GOLDEN_VERBOSE"))
        printf("%.1f GMAC, %.2f GB\n", tg_plan_macs(plan) / 1e9, (double)tg_plan_bytes(plan) / 1e9);
    tg_plan_close(&plan);
    return !s;
}

// By the kernels for training, and by those for inference: the same.
TEST(generator)
{
    enum { LATENT = 512, SIZE = 3 * SIDE * SIDE };
    static const model_ncsnpp_options o = {0};
    static float id[LATENT], out[SIZE], again[SIZE];
    smooth_case c = {.name = "generator", .g = tg_new()};
    CHECK(!nn_params_open(&c.p[0], NULL));
    for (uint32_t i = 0; i < LATENT; i++) id[i] = (float)smooth_formula(i, 21000);
    tg_node *x = waves(&c, 1), *z = smooth_values(&c, TG_SHAPE(1, LATENT), id);
    tg_node *made = model_ncsnpp(nn_root(c.p[0], c.g, false), x, nn_unit(z), &o, NULL);
    CHECK(!tg_error(c.g) && nn_params_weights(c.p[0]) == 65705493);
    smooth_fill(c.p[0], 20000, 0, 1.5, false);
    CHECK(generate(&c, made, true, out) && generate(&c, made, false, again));
    double sum = 0;
    for (int i = 0; i < SIZE; i++) {
        double d = (double)out[i] - (double)c.in[0].value[i];
        sum += d * d;
    }
    double rms = sqrt(sum / SIZE);
    if (getenv("GOLDEN_VERBOSE"))
        printf("delta's rms %.6g, plans apart %.3g\n", rms, test_distance(out, again, SIZE));
    CHECK(isfinite(rms) && rms > 0.1 && test_distance(out, again, SIZE) < tol * 10 * rms);
    smooth_close(&c);
}

int main(int argc, char **argv) { return RUN(argc, argv, CASE(discriminator), CASE(generator)); }
