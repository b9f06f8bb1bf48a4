// run.h -- the state of one training run, and the files that it keeps in its directory.
#ifndef GUISE_TRAIN_RUN_H
#define GUISE_TRAIN_RUN_H
#include "train/pairs.h"
#include "train/system.h"

typedef struct {
    const train_config *c; // borrowed
    const train_recipe *recipe;
    train_options o;
    char *options_text; // all of o
    train_identity identity;
    train_cache *cache, *held_cache; // of people held out, where the system measures on them
    tg_device *device;               // where steps run; NULL: the CPU
    base_team *team, *devices;       // of the steps: c->team, or its devices; the latter or NULL
    train_work work;
    train_swapper swapper; // of network 0, where it swaps
    train_pairs held;      // n 0: no samples, no measuring
    FILE *csv;

    // The position: all of it is in a checkpoint.
    int step; // done
    base_rng rng;
    double seconds;                  // spent in steps, all sessions together
    double sum[TRAIN_LOSSES];        // since the last line of the log
    double since;                    // seconds at the last line
    int lines;                       // steps in sum
    double measured[TRAIN_MEASURES]; // the last ones, by train_run_measures
    int measured_pairs;              // 0: none yet
    int measured_step;               // whose weights they are of
    bool stopped;
    double told; // with other processes: when one that waits was told to end; 0: not
    bool said;   // and has said so
} train_run;

// together.c: runs by several processes.
// Do all begin from the same state? GUISE_BAD_ARGUMENT where they do not.
guise_status train_together_begin(train_run *r, base_error *e);
// What one wishes, all do: r->stopped and *save become true where they are in any process.
guise_status train_together_agree(train_run *r, bool *save, base_error *e);
void train_together_waits(void *run); // base_team.waits: Ctrl-C, and lost processes

// given.c: with the option given, the cache's crops get that recogniser's vectors, too.
guise_status train_give(train_run *r, base_error *e);

// checkpoint.c: OUT/checkpoint-<step>.safetensors, the last two are kept.
guise_status train_checkpoint_write(train_run *r, base_error *e);
// The newest one into r. GUISE_IO where there is none.
guise_status train_checkpoint_read(train_run *r, base_error *e);
bool train_checkpoint_exists(const char *out);

// Names of what is measured, ended by NULL.
const char *const *train_run_measures(const train_run *r);

// log.c: OUT/log.csv and the line that progress gets.
// Open; with resume drop the rows after r->step.
guise_status train_log_open(train_run *r, base_error *e);
// Write a row, clear the sums. measured: r->measured is of this step.
guise_status train_log_row(train_run *r, bool measured, base_error *e);
void train_log_line(const train_run *r, char *line, size_t n); // before the row clears the sums

// export.c: OUT/generator.safetensors (f16, with its card as metadata) and OUT/generator.md.
guise_status train_export(train_run *r, base_error *e);
// Add a copy of x, of floats in half precision.
guise_status train_add_half(base_tensors *to, const base_tensor *x, base_error *e);
// Parameters that are shown and exported: the average where there is one.
const float *train_run_weights(train_run *r);

// report.c: OUT/report.html from log.csv and OUT/samples, one file that needs nothing else.
guise_status train_report(const train_run *r, base_error *e);

#endif
