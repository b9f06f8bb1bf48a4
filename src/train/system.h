// system.h -- what the training loop asks of a face swapping system, and what it gives one.
//
// The loop (loop.c) owns data, checkpoints, log, samples, measurements and export. A system owns
// its losses: which networks it trains, the graphs of their steps, and in which order these run.
// Each is one file, with its own options and its recipes, and one line of the table in recipes.c.
#ifndef GUISE_TRAIN_SYSTEM_H
#define GUISE_TRAIN_SYSTEM_H
#include "train/data.h"
#include "train/learner.h"
#include "train/networks.h"
#include "train/tally.h"

enum { TRAIN_LOSSES = TRAIN_TALLIES, TRAIN_NETWORKS = 3, TRAIN_PHASES = 12, TRAIN_KEPT = 4 };

// One planned graph: a gradient of one network.
typedef struct {
    const char *name;            // in tables of time: "generator step"
    int network;                 // whose learner it moves
    train_step run;              // run.plan NULL: not planned yet
    tg_node *total;              // [] or [1], what is differentiated
    tg_node *loss[TRAIN_LOSSES]; // [] or [1], what is shown; NULL: takes no part
} train_phase;

// Numbers of the system's that a checkpoint keeps: running means, a watch's memory.
typedef struct {
    const char *name;
    double *value;
    size_t n;
} train_kept;

// Rates and weights of a step, as the options schedule them.
typedef struct {
    double lr, lr_d;
    double id;  // weight of the identity loss; 0 in the warm-up
    double adv; // 0..1: share of the weights of all that the discriminator says
} train_rates;
void train_rates_at(train_rates *r, const train_options *o, int step);

// A system at work. Networks and their learners are numbered alike; 0 is the one that is exported,
// sampled and measured.
typedef struct {
    const train_options *o;                // borrowed, as the next two are
    const train_identity *identity;        // the frozen recogniser; network NULL: none
    base_team *team;                       // processes that train together; NULL: one
    tg_device *device;                     // where steps run, borrowed; NULL: the CPU
    train_tally tally;                     // of losses; plan NULL: each step reads them at once
    bool settled;                          // batch norms take their running statistics
    int rows;                              // of a batch, in this process; o->batch: in all
    const train_cache *cache;              // set before the first batch; NULL in benchmarks
    const train_cache *held;               // with system->held_out; NULL: nobody is held out
    train_network network[TRAIN_NETWORKS]; // .net NULL: not there
    train_learner learner[TRAIN_NETWORKS]; // .params NULL: not there
    nn_params *frozen;                     // further weights that graphs use, or NULL
    train_phase phase[TRAIN_PHASES];
    tg_arena *arena; // the phases run one after the other, in the same memory
    train_batch batch;
    train_kept kept[TRAIN_KEPT];
    train_rates rates;                // of the step at hand
    const char *card_key, *card_text; // a further word of the card that is exported, or NULL
    void *own;                        // system->state bytes, zero at first
} train_work;

struct train_system {
    const char *name;
    const base_field *fields;    // options of its own, of a struct in train_options.own; NULL: none
    size_t options;              // size of that struct
    const train_recipe *recipes; // ended by {0}
    const char *const *loss;     // names of its losses, ended by NULL; the first is a total
    const char *limits;          // for the card: what its network is not good at; NULL: a swapper's
    bool no_identity;            // takes no recogniser; identities are a single 0
    bool shared;                 // can be trained by several processes, as step says
    bool (*taught)(const train_options *o); // with that: yet these options need one; NULL: none
    bool gives;    // its generator gets batch.given, which may be another recogniser's vectors
    bool held_out; // measures on crops of people whom no step sees, if there are any
    bool looks;    // a step looks at its losses, so that a device cannot keep them
    size_t state;  // size of train_work.own
    guise_status (*check)(const train_options *o, base_error *e); // further bounds; NULL: none
    // The photos that options name, in place of DATA's, and the crops to take of them; NULL:
    // DATA's.
    guise_status (*photos)(const train_options *o, const char *landmarks, train_photos *p,
                           train_cache_options *crops, base_error *e);
    // Networks and learners; phases may be planned when first needed.
    guise_status (*open)(train_work *w, base_error *e);
    void (*close)(train_work *w); // of what own points to; NULL: nothing
    // Fill w->batch, all its rows in every process; train_batch_keep follows. NULL: pairs of
    // photos, train_batch_fill. What is drawn depends on r, the options and step alone.
    guise_status (*fill)(train_work *w, int step, base_rng *r, base_error *e);
    // One step on the batch. value: the losses, 0 where one took no part. With a team, the mean
    // over all processes of what a graph differentiates must be the loss of the whole batch: what
    // couples rows takes tg_all_sum and its like. Graphs are made by train_work_graph.
    guise_status (*step)(train_work *w, int step, base_rng *r, double value[TRAIN_LOSSES],
                         base_error *e);
    // The rest is NULL for systems whose network 0 swaps any faces (model_net.swapper): then
    // samples, measurement and export are those of every such network.
    const char *const *measure_names; // ended by NULL
    guise_status (*measure)(train_work *w, double value[TRAIN_MEASURES], base_error *e);
    guise_status (*sample)(train_work *w, const char *path, base_error *e); // picture, by extension
    guise_status (*export)(train_work *w, const char *dir, base_error *e);  // beside the generator
};
extern const char *const train_swap_measures[];   // those of networks that swap
extern const train_system *const train_systems[]; // ended by NULL
extern const train_system train_face_id;
extern const train_system train_face_detector;
extern const train_system train_face_closer;
extern const train_system train_simswap;
extern const train_system train_face_mask;
extern const train_system train_deepfakes;
extern const train_system train_stylegan2;
extern const train_system train_styleswap;
extern const train_system train_faceshifter;
extern const train_system train_hear;
extern const train_system train_smoothswap;
extern const train_system train_smooth_embedder;

// Does a run with these options take a recogniser?
bool train_takes_identity(const train_options *o);
// Opens all: batch, network 0 and, where adv_from is not negative, network 1 by name, then the
// system. Closing is right after any failure.
guise_status train_work_open(train_work *w, const train_options *o, const train_identity *id,
                             base_team *team, tg_device *device, base_error *e);
void train_work_close(train_work *w);
// Draw a batch and step on it. Errors: GUISE_NO_MEMORY; GUISE_BAD_ARGUMENT where a loss is no
// number any more.
guise_status train_work_fill(train_work *w, int step, base_rng *r, base_error *e);
guise_status train_work_step(train_work *w, int step, base_rng *r, double value[TRAIN_LOSSES],
                             base_error *e);
// Steps on a device say 0 for their losses. They wait here: all that is queued is done, and losses
// of steps since the last call are added to sum. Errors as those of steps.
guise_status train_work_read(train_work *w, int step, double sum[TRAIN_LOSSES], base_error *e);

// For systems.
typedef struct {
    const char *name;
    double value, least, most;
} train_bound;
// Errors: GUISE_BAD_ARGUMENT, naming the first value outside of its bounds.
guise_status train_bounds(const train_bound b[], size_t n, base_error *e);
// Learner i for what build makes in a graph that is thrown away: initial values by seed + i.
guise_status train_work_learn(train_work *w, int i, void (*build)(train_work *w, nn m),
                              bool average, base_error *e);
// Before a learner is settled: its values out of a file of weights, by name. What the file lacks
// stays new, as do further input channels of a convolution, which begin at zero; a line of the log
// tells how much was taken. Errors: GUISE_IO, GUISE_BAD_FILE, GUISE_NO_MEMORY.
guise_status train_start_with(train_learner *l, const char *path, base_error *e);
nn train_root(const train_work *w, tg_graph *g); // network 0, as it is trained now
tg_graph *train_work_graph(const train_work *w); // empty, of the team; NULL: out of memory
tg_node *train_work_image(const train_work *w, tg_graph *g, const char *name); // [rows,3,s,s]
// Normal numbers for all rows of a batch, so many each; x gets those of this process's rows.
void train_draw_rows(const train_work *w, float *x, int all, size_t each, base_rng *r);
// Can half of the batch be shared by all processes as the whole is? GUISE_BAD_ARGUMENT
guise_status train_check_half(const train_work *w, base_error *e);
// A leaf and where its value comes from; or an output and where it goes.
typedef struct {
    tg_node *node; // NULL: skipped
    float *data;
    bool output;
} train_tie;
// Plan p->run.graph, where p's total and losses are built: all of them, the outputs, and the
// gradient of the total by the weights of p->network.
guise_status train_phase_open(train_work *w, train_phase *p, const train_tie tie[], int n,
                              base_error *e);
// Run and read the losses that p has, their means over all processes, into value; then
// train_work_move changes the weights.
guise_status train_phase_run(train_work *w, train_phase *p, double value[TRAIN_LOSSES],
                             base_error *e);
void train_work_move(train_work *w, int network, double lr);
// The whole step of a system that has phase 0 alone, planned when it is first needed.
guise_status train_work_phase(train_work *w, guise_status (*plan)(train_work *w, base_error *e),
                              double value[TRAIN_LOSSES], base_error *e);

#endif
