// swap_losses.h -- what every swapper may be asked besides its paper's own losses: the source's
// identity, none of the target's, and the target's landmarks, pose and expression.
#ifndef GUISE_TRAIN_SWAP_LOSSES_H
#define GUISE_TRAIN_SWAP_LOSSES_H
#include "train/form.h"
#include "train/landmarks.h"
#include "train/system.h"

// A system has these in its options as the member `swap`, and their lines in its table of fields.
typedef struct {
    const char *form; // a frozen face model, a file
    double lambda_away, lambda_points, lambda_form;
} train_swap_options;
#define TRAIN_SWAP_FIELDS(options)                                                                 \
    {"lambda_away", 0,                                                                             \
     BASE_REAL,     offsetof(options, swap.lambda_away),                                           \
     "0",           "weight of the target's identity that is left in the result (ours); 0: none"}, \
        {"lambda_points",                                                                          \
         0,                                                                                        \
         BASE_REAL,                                                                                \
         offsetof(options, swap.lambda_points),                                                    \
         "0",                                                                                      \
         "weight of how far the five landmarks move, in sides of the crop (ours); 0: none"},       \
        {"form",    0,                                                                             \
         BASE_TEXT, offsetof(options, swap.form),                                                  \
         NULL,      "file of 3DDFA_V2's MobileNet, for lambda_form"},                              \
    {                                                                                              \
        "lambda_form", 0, BASE_REAL, offsetof(options, swap.lambda_form), "0",                     \
            "weight of how far pose and expression move, in deviations (ours); 0: none"            \
    }
// Errors: GUISE_BAD_ARGUMENT.
guise_status train_swap_check(const train_options *o, const train_swap_options *own, base_error *e);

// The frozen networks beside the recogniser that these losses need.
typedef struct {
    const train_swap_options *o; // borrowed
    train_landmarks landmarks;
    train_form form;
} train_swap_losses;
// Errors: GUISE_BAD_ARGUMENT where a file is not named, GUISE_IO, GUISE_BAD_FILE,
// GUISE_NO_MEMORY. Close after an error, too.
guise_status train_swap_losses_open(train_swap_losses *l, const train_options *o,
                                    const train_swap_options *own, base_error *e);
void train_swap_losses_close(train_swap_losses *l);

// What a generator's graph takes of the batch besides the target, and the ties that feed it.
typedef struct {
    tg_node *given;           // [rows,length] the source, as the generator gets it
    tg_node *vector, *theirs; // [rows,length] of source and target, as the losses want it
    tg_node *warp;            // [rows,6]
} train_swap_inputs;
void train_swap_inputs_of(train_swap_inputs *in, const train_work *w, tg_graph *g);
#define TRAIN_SWAP_TIES(w, in)                                                                     \
    {(in).given, (w)->batch.given, false}, {(in).vector, (w)->batch.vector, false},                \
        {(in).theirs, (w)->batch.theirs, false},                                                   \
    {                                                                                              \
        (in).warp, (w)->batch.warp, false                                                          \
    }

// sum with all of them added, [1]. made, target [rows,3,s,s] RGB 0..1; lambda [1] the weight of
// the identity loss as it is now, or NULL where identity takes no part. *id and held[0..2], what
// is left of the target, landmarks, and pose and expression, are set where they take part.
tg_node *train_swap_add(tg_node *sum, const train_swap_losses *l, const train_work *w,
                        const train_swap_inputs *in, tg_node *made, tg_node *target,
                        tg_node *lambda, tg_node **id, tg_node *held[3]);

#endif
