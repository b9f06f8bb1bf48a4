// test_styleswap_large.c -- the released StyleSwap at its full size, 256 px, against golden values.
#include "model/stylegan2.h"
#include "style_case.h"
#include "test.h"

static tg_node *stage(const model_ports *io, const char *name)
{
    for (size_t i = 0; i < model_ports_outputs(io); i++) {
        const char *have;
        tg_node *x = model_ports_output(io, i, &have);
        if (!strcmp(have, name)) return x;
    }
    return NULL;
}

TEST(released_at_256)
{
    style_case c;
    model_ports *io = NULL;
    CHECK(!model_ports_open(&io, NULL));
    if (style_open(&c, "13_styleswap_rel256")) {
        nn m = nn_root(c.p[0], c.g, false);
        model_styleswap_options o = {.variant = "r", .stages = true};
        tg_node *w = model_styleswap_identity(m, style_input(&c, "id"), &o);
        model_styleswap_made made;
        model_styleswap(m, style_input(&c, "target"), w, &o, io, &made);
        style_want(&c, "w", w, 1e-4);
        style_want(&c, "enc16", stage(io, "enc16"), 1e-4);
        style_want(&c, "rgb64", stage(io, "rgb64"), 1e-4);
        style_want(&c, "mask64", stage(io, "mask64"), 1e-4);
        style_want(&c, "mask", made.mask, 1e-4);
        style_want(&c, "out", made.out, 1e-4);
        style_fill(&c, 0, c.name, "");
        style_check(&c, 0);
    }
    style_close(&c);
    model_ports_close(&io);
}

int main(int argc, char **argv) { return RUN(argc, argv, CASE(released_at_256)); }
