// learner.h -- a network that is being trained: parameters, gradient, moments, average.
#ifndef GUISE_TRAIN_LEARNER_H
#define GUISE_TRAIN_LEARNER_H
#include "train/exchange.h"

typedef struct {
    nn_params *params;
    float *grad, *m, *v, *average; // laid out as the parameters; average NULL where not wanted
    float *before;                 // fast weights ahead of a step, one after the other
    size_t floats;
    int64_t steps;         // of Adam
    double fast_rate;      // steps of weights whose names hold fast_name are so many times as long;
    const char *fast_name; // NULL: all alike
    tg_device *device;     // where all of it is, or NULL
    nn_mover *mover;       // on a device
} train_learner;

// Open an empty store; build the network in a graph; then settle: initial values and memory.
guise_status train_learner_open(train_learner *l, base_error *e);
// Before it settles: train on a device. The host may touch the learner's memory after tg_wait.
guise_status train_learner_place(train_learner *l, tg_device *device, base_error *e);
guise_status train_learner_settle(train_learner *l, uint64_t seed, bool average, base_error *e);
// Weights whose names hold `name` take steps `rate` times as long (rate 1, name NULL: none do).
guise_status train_learner_hurry(train_learner *l, const char *name, double rate, base_error *e);
void train_learner_close(train_learner *l);
// The weights as they are now, their average where there is one; and copied into params of the same
// network, or of its first part.
const float *train_learner_weights(const train_learner *l);
void train_learner_copy(const train_learner *l, nn_params *to);
// One step of Adam along grad, then of the average; ema below 0: that stays.
void train_learner_step(train_learner *l, nn_adam adam, double ema);

// Named "<prefix>.weights", ".m", ".v", ".average": flat arrays. Restoring checks the lengths.
guise_status train_learner_save(const train_learner *l, const char *prefix, base_tensors *t,
                                base_error *e);
guise_status train_learner_restore(train_learner *l, const char *prefix, const base_tensors *t,
                                   base_error *e);

// A graph of one step made ready: its plan, and what to copy back after a run.
typedef struct {
    tg_graph *graph;
    tg_plan *plan;
    const nn_update *update; // of the learner's buffers
    size_t updates;
    train_exchange *exchange; // of the gradient with other processes, or NULL
} train_step;
void train_step_close(train_step *s);
// Plan s->graph for out[0..n) and the gradients of loss by the learner's weights, which are bound
// to l->grad. The parameters of the others (each may be NULL) are bound too.
typedef struct {
    tg_node *loss;
    tg_node *const *out;
    int n;
    nn_params *const *other;
    int others;
    tg_arena *arena; // shared memory for runs, or NULL
    base_team *team; // processes over which the gradient is averaged, or NULL
} train_step_plan;
guise_status train_step_open(train_step *s, train_learner *l, const train_step_plan *p,
                             base_error *e);
// Run, then move new values of buffers (running statistics) into the learner.
guise_status train_step_run(train_step *s, train_learner *l, base_error *e);

#endif
