// range.c -- pictures in RGB 0..1, as people keep them, and normalised by ImageNet's mean and
// deviation, as the networks that began on ImageNet want them (spec/simswap.md 2.4, 4.3).
#include "model/model.h"

static const float mean[3] = {0.485f, 0.456f, 0.406f};
static const float deviation[3] = {0.229f, 0.224f, 0.225f};

static tg_node *each_channel(tg_node *x, const float k[3], const float c[3])
{
    if (!x) return NULL;
    tg_graph *g = tg_graph_of(x);
    tg_shape s = TG_SHAPE(1, 3, 1, 1);
    return tg_add(tg_mul(x, tg_const(g, s, k)), tg_const(g, s, c));
}

tg_node *model_normalise(tg_node *x)
{
    float k[3], c[3];
    for (int i = 0; i < 3; i++) k[i] = 1 / deviation[i], c[i] = -mean[i] / deviation[i];
    return each_channel(x, k, c);
}

tg_node *model_denormalise(tg_node *x) { return each_channel(x, deviation, mean); }
