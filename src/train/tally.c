// tally.c -- sums of losses on a device: a plan of one addition, queued behind every step.
#include "train/tally.h"
#include "graph/ops.h"

guise_status train_tally_open(train_tally *t, tg_device *d, base_error *e)
{
    *t = (train_tally){.device = d,
                       .now = tg_floats(d, TRAIN_TALLIES),
                       .sum = tg_floats(d, TRAIN_TALLIES),
                       .next = tg_floats(d, TRAIN_TALLIES),
                       .graph = tg_new()};
    if (!t->now || !t->sum || !t->next || !t->graph) return base_no_memory(e);
    tg_node *sum = tg_input(t->graph, TG_SHAPE(TRAIN_TALLIES), "sum");
    tg_node *now = tg_input(t->graph, TG_SHAPE(TRAIN_TALLIES), "now"), *next = tg_add(sum, now);
    const tg_plan_options o = {.train = true, .device = d, .ahead = true};
    guise_status s = tg_plan_open(&t->plan, t->graph, &next, 1, &o, e);
    if (!s) s = tg_plan_bind(t->plan, sum, t->sum, e);
    if (!s) s = tg_plan_bind(t->plan, now, t->now, e);
    return s ? s : tg_plan_bind(t->plan, next, t->next, e);
}

void train_tally_close(train_tally *t)
{
    tg_plan_close(&t->plan);
    tg_free(t->graph);
    tg_floats_free(t->device, t->now);
    tg_floats_free(t->device, t->sum);
    tg_floats_free(t->device, t->next);
    *t = (train_tally){0};
}

guise_status train_tally_take(train_tally *t, tg_plan *p, const tg_node *loss, int i, base_error *e)
{
    return tg_plan_move(p, loss, t->now + i, e);
}

guise_status train_tally_step(train_tally *t, base_error *e)
{
    guise_status s = tg_plan_run(t->plan, e);
    if (!s) s = tg_copy(t->device, t->sum, t->next, TRAIN_TALLIES, e);
    return s ? s : tg_zero(t->device, t->now, TRAIN_TALLIES, e);
}

guise_status train_tally_read(train_tally *t, double sum[TRAIN_TALLIES], base_error *e)
{
    guise_status s = tg_wait(t->device, e);
    for (int i = 0; !s && i < TRAIN_TALLIES; i++) sum[i] += (double)t->sum[i];
    return s ? s : tg_zero(t->device, t->sum, TRAIN_TALLIES, e);
}
