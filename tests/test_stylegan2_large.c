// test_stylegan2_large.c -- the published sizes of StyleGAN2 and StyleSwap, whole: their cost, and
// that they run with weights as they are at first.
#include "style_sizes.h"

// Inputs: smooth pictures, and rows of a wave, about as large as what the networks see.
static guise_status give(const built *b, tg_plan *plan, float *data[2], base_error *e)
{
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < model_ports_inputs(b->io); i++) {
        const char *name;
        tg_node *x = model_ports_input(b->io, i, &name);
        int64_t n = tg_count(tg_shape_of(x));
        float *v = data[i] = base_alloc((size_t)n, sizeof *v);
        for (int64_t k = 0; v && k < n; k++) v[k] = sinf(0.013F * (float)(k % 7919));
        s = v ? tg_plan_bind(plan, x, v, e) : base_no_memory(e);
    }
    return s;
}

static guise_status run(built *b, tg_plan *plan, base_error *e)
{
    float *data[2] = {NULL};
    guise_status s = nn_settle(b->p, 1, e);
    if (!s) s = nn_bind(b->p, b->g, plan, e);
    if (!s) s = give(b, plan, data, e);
    if (!s) s = tg_plan_run(plan, e);
    base_free(data[0]);
    base_free(data[1]);
    return s;
}

static void whole(const size *s)
{
    built b;
    base_error e = {{0}};
    tg_plan *plan = NULL;
    const char *name;
    build(&b, s);
    CHECK(!tg_error(b.g));
    CHECK_NEAR((double)nn_params_weights(b.p), s->weights, 0);
    size_t n = tg_error(b.g) ? 0 : model_ports_outputs(b.io);
    tg_node *out[4] = {NULL};
    for (size_t i = 0; i < n && i < 4; i++) out[i] = model_ports_output(b.io, i, &name);
    CHECK(n > 0 && !tg_plan_open(&plan, b.g, out, (int)n, NULL, &e));
    // the blurs are left out there and here
    if (plan) CHECK_NEAR(tg_plan_macs(plan) / 1e9, s->gmac, s->within * s->gmac);
    double start = base_seconds();
    CHECK(plan && !run(&b, plan, &e));
    if (getenv("GOLDEN_VERBOSE") && plan)
        printf("%s at %d: %.0f parameters, %.3f GMAC, %.0f MB, %.2f s\n", s->net, s->side,
               (double)nn_params_weights(b.p), tg_plan_macs(plan) / 1e9,
               (double)tg_plan_bytes(plan) / 1e6, base_seconds() - start);
    int64_t count = tg_count(tg_shape_of(out[0]));
    const float *v = plan ? tg_plan_value(plan, out[0]) : NULL;
    double sum = 0;
    for (int64_t i = 0; v && i < count; i++) sum += fabs((double)v[i]);
    CHECK(v && isfinite(sum) && sum / (double)count > 1e-4 && sum / (double)count < 100);
    tg_plan_close(&plan);
    unbuild(&b);
}

TEST(styleswap_of_the_paper)
{
    for (int i = 0; i < 4; i++) whole(&sizes[i]);
}

TEST(styleswap_as_released)
{
    for (int i = 4; i < 7; i++) whole(&sizes[i]);
}

TEST(generators)
{
    for (int i = 7; i < 9; i++) whole(&sizes[i]);
}

TEST(discriminators)
{
    for (int i = 9; i < SIZES; i++) whole(&sizes[i]);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(styleswap_of_the_paper), CASE(styleswap_as_released),
               CASE(generators), CASE(discriminators));
}
