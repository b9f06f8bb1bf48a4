// test_styleswap_golden.c -- both variants of StyleSwap against golden values: every stage, the
// result, and all gradients.
#include "model/stylegan2.h"
#include "style_case.h"
#include "test.h"

static const double forward = 2e-5, backward = 1e-4, exact = 1e-6;

static tg_node *stage(const model_ports *io, const char *name)
{
    for (size_t i = 0; i < model_ports_outputs(io); i++) {
        const char *have;
        tg_node *x = model_ports_output(io, i, &have);
        if (!strcmp(have, name)) return x;
    }
    return NULL;
}

static void want_stages(style_case *c, const model_ports *io, const char *const what[3])
{
    for (int side = 4; side <= 32; side *= 2)
        for (int i = 0; i < 3; i++) {
            const char *name = tg_text(c->g, "%s%d", what[i], side);
            style_want(c, name, stage(io, name), forward);
        }
}

// from: the case whose parameters these are.
static void network(const char *name, const char *from, model_styleswap_options o, int grads)
{
    style_case c;
    model_ports *io = NULL;
    CHECK(!model_ports_open(&io, NULL));
    if (style_open(&c, name)) {
        nn m = nn_root(c.p[0], c.g, true);
        o.widths.list = "24,20,16,12";
        o.latent = o.style = 32;
        o.stages = true;
        tg_node *in[] = {style_input(&c, "target"), style_input(&c, "id")}, *d[2] = {NULL};
        tg_node *w = model_styleswap_identity(m, in[1], &o);
        model_styleswap_made made;
        model_styleswap(m, in[0], w, &o, io, &made);
        style_want(&c, "w", w, forward);
        style_want(&c, "out", made.out, forward);
        style_want(&c, "rgb", made.rgb, forward);
        style_want(&c, "mask", made.mask, forward);
        bool paper = !strcmp(o.variant, "p");
        want_stages(&c, io, (const char *const[]){"enc", "rgb", paper ? "maskpre" : "mask"});
        tg_node *loss = tg_sum(tg_mul(made.out, style_input(&c, "g")));
        loss = tg_add(loss, tg_sum(tg_mul(made.mask, style_input(&c, "gm"))));
        tg_grad(loss, NULL, in, 2, d);
        style_want(&c, "gtarget", d[0], backward);
        style_want(&c, "gid", d[1], backward);
        CHECK(style_want_grads(&c, 0, "g:", "", loss, NULL, backward) == grads);
        CHECK((int)nn_params_n(c.p[0]) == grads);
        style_fill(&c, 0, from, "");
        style_check(&c, exact);
    }
    style_close(&c);
    model_ports_close(&io);
}

TEST(released)
{
    network("09_styleswap_rel32", "09_styleswap_rel32", (model_styleswap_options){.variant = "r"},
            90);
}

TEST(released_with_attributes_filled)
{
    model_styleswap_options o = {.variant = "r", .fill_above = 1};
    network("09b_styleswap_rel32_blank1", "09_styleswap_rel32", o, 90);
}

TEST(paper)
{
    network("10_styleswap_paper32", "10_styleswap_paper32",
            (model_styleswap_options){.variant = "p"}, 86);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(released), CASE(released_with_attributes_filled), CASE(paper));
}
