// exchange.h -- gradients averaged over the processes of a team, while the backward pass goes on.
#ifndef GUISE_TRAIN_EXCHANGE_H
#define GUISE_TRAIN_EXCHANGE_H
#include "base/team.h"
#include "nn/nn.h"

typedef struct train_exchange train_exchange;

// Watches plan (tg_plan_watch): grad[i], NULL or an output bound to flat + the offset of entry i of
// p, travels once all of its bucket, neighbours in flat, has been made.
// Where the plan runs on a device, but the team's sums are the host's, all of flat travels at the
// end, after tg_wait.
guise_status train_exchange_open(train_exchange **x, base_team *team, tg_plan *plan,
                                 const nn_params *p, tg_node *const grad[], float *flat,
                                 tg_device *device, base_error *e);
void train_exchange_close(train_exchange **x); // NULL is fine
// After a run of plan: flat is the mean over all processes; on a GPU for what is queued from here
// on. Errors: GUISE_IO.
guise_status train_exchange_end(train_exchange *x, base_error *e);

#endif
