// style_sizes.h -- every published size of StyleGAN2 and StyleSwap: parameters and cost; and a way
// to build a network of the table with options.
#ifndef GUISE_TEST_STYLE_SIZES_H
#define GUISE_TEST_STYLE_SIZES_H
#include "model/stylegan2.h"
#include "test.h"

typedef struct {
    const char *net;
    const char *settings[5];
    int side; // of img; 0: the network takes none
    double weights, gmac;
    double within; // of gmac
} size;

// Figures of spec/styleswap.md 2 to 4 and spec/smoothswap.md 4; those given there to fewer digits
// were counted again from the tables of channels.
enum { SIZES = 13 };
static const size sizes[SIZES] = {
    {"styleswap", {"variant=p"}, 256, 14563260, 5.954, 0.001}, // the small one
    {"styleswap", {"variant=p"}, 128, 14383704, 4.433, 0.001},
    {"styleswap", {"variant=p", "narrow=1"}, 256, 44807516, 23.76, 0.01},
    {"styleswap", {"variant=p", "multiplier=2", "narrow=1"}, 256, 55073436, 70.91, 0.01},
    {"styleswap", {"variant=r"}, 256, 18326946, 8.577, 0.001},
    {"styleswap",
     {"variant=r", "multiplier=2", "narrow=1", "no_mask=yes"},
     512,
     67073063,
     137.06,
     0.01},
    {"styleswap", {"variant=r", "multiplier=2", "narrow=1"}, 256, 69541410, 103.14, 0.01},
    {"stylegan2", {"size=256"}, 0, 30034338, 45.12, 0.01},
    {"stylegan2", {"size=256", "multiplier=1"}, 0, 24767458, 14.90, 0.01},
    {"stylegan2-d", {"multiplier=2"}, 256, 28864129, 46.53, 0.01},
    {"stylegan2-d", {"multiplier=1"}, 256, 24001089, 15.38, 0.01},
    {"stylegan2-d", {"multiplier=1", "narrow=0.5"}, 256, 6002977, 3.848, 0.001},
    {"stylegan2-d", {"multiplier=2"}, 512, 28982849, 61.59, 0.01},
};

typedef struct {
    tg_graph *g;
    nn_params *p;
    model_ports *io;
    void *options;
} built;

static inline void build(built *b, const size *s)
{
    const model_net *net = model_find(s->net);
    base_error e = {{0}};
    *b = (built){.g = tg_new()};
    CHECK(net != NULL && !nn_params_open(&b->p, &e) && !model_ports_open(&b->io, &e));
    b->options = base_alloc(1, net->size);
    base_fields_init(net->options, b->options);
    for (int i = 0; i < 5 && s->settings[i]; i++)
        CHECK(!base_fields_assign(net->options, b->options, s->settings[i], &e));
    tg_shape img = TG_SHAPE(1, 3, s->side, s->side), row = TG_SHAPE(1, 512);
    CHECK(!model_ports_give(b->io, "img", img, &e) && !model_ports_give(b->io, "id", row, &e) &&
          !model_ports_give(b->io, "z", row, &e));
    net->build(nn_root(b->p, b->g, false), b->options, b->io);
}

static inline void unbuild(built *b)
{
    nn_params_close(&b->p);
    model_ports_close(&b->io);
    tg_free(b->g);
    base_free(b->options);
}

#endif
