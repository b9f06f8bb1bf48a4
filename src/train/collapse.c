// collapse.c -- size and spread of AEI-Net's attributes, and when to stop.
#include "train/collapse.h"
#include <math.h>

enum { USUAL = 100 };             // steps
static const double least = 0.05; // of the usual spread

static tg_node *rows(tg_node *const one[], int levels)
{
    tg_node *all = NULL;
    for (int k = 0; k < levels; k++) {
        if (!one[k]) return NULL;
        tg_node *row = tg_reshape(one[k], TG_SHAPE(1));
        all = k ? tg_concat((tg_node *[]){all, row}, 2, 0) : row;
    }
    return all;
}

tg_node *train_attribute_norms(tg_node *const att[], int levels)
{
    tg_node *one[MODEL_AEI_LEVELS];
    for (int k = 0; k < levels; k++)
        one[k] = tg_sqrt(tg_all_mean(tg_mean(tg_square(tg_detach(att[k])))));
    return rows(one, levels);
}

tg_node *train_attribute_spreads(tg_node *const att[], int levels)
{
    tg_node *one[MODEL_AEI_LEVELS];
    for (int k = 0; k < levels; k++) {
        tg_node *x = tg_detach(att[k]);
        tg_node *mean =
            tg_all_mean(tg_mean_to(x, TG_SHAPE(1, tg_dim(x, 1), tg_dim(x, 2), tg_dim(x, 3))));
        one[k] = tg_sqrt(tg_all_mean(tg_mean(tg_square(tg_sub(x, mean)))));
    }
    return rows(one, levels);
}

guise_status train_collapse_watch(train_collapse *c, const float *spread, int levels, base_error *e)
{
    c->steps++;
    bool learning = c->steps <= USUAL;
    double part = 1.0 / (learning ? c->steps : USUAL);
    for (int k = 0; k < levels && k < MODEL_AEI_LEVELS; k++) {
        double v = spread[k];
        if (!isfinite(v))
            return base_fail(e, GUISE_BAD_ARGUMENT,
                             "the attributes of level %d are no numbers any more; resume from an "
                             "earlier checkpoint with a lower learning rate (lr=)",
                             k + 1);
        c->now[k] += part * (v - c->now[k]);
        if (learning) c->first[k] = c->now[k];
        if (learning || c->now[k] >= least * c->first[k]) continue;
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "attribute collapse: level %d hardly differs between pictures any more "
                         "(spread %.3g, %.3g in the first steps), so the attribute loss says "
                         "nothing; resume from an earlier checkpoint with a lower learning rate "
                         "(lr=), and without attached=yes",
                         k + 1, c->now[k], c->first[k]);
    }
    return GUISE_OK;
}
