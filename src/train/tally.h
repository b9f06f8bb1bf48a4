// tally.h -- losses of steps on a device, added up there, so that no step waits for the host.
#ifndef GUISE_TRAIN_TALLY_H
#define GUISE_TRAIN_TALLY_H
#include "graph/graph.h"

enum { TRAIN_TALLIES = 24 };

typedef struct {
    tg_device *device;
    float *now, *sum, *next; // of the step at hand; of all since they were read
    tg_graph *graph;
    tg_plan *plan; // next = sum + now
} train_tally;

guise_status train_tally_open(train_tally *t, tg_device *d, base_error *e);
void train_tally_close(train_tally *t);
// The value of an output of a plan's last run is loss i of this step.
guise_status train_tally_take(train_tally *t, tg_plan *p, const tg_node *loss, int i,
                              base_error *e);
guise_status train_tally_step(train_tally *t, base_error *e); // the step is over
// Add the sums to `sum` and begin anew. Waits. Errors: also what failed in steps before.
guise_status train_tally_read(train_tally *t, double sum[TRAIN_TALLIES], base_error *e);

#endif
