// train.h -- training a face swapper: recipe, data, steps, checkpoints, report, measurement.
//
// A run lives in one directory: cache of aligned crops, checkpoints (the last two), log.csv,
// samples, report.html, and generator.safetensors with its card generator.md. A run that was
// killed at any moment and resumed gives the same bits as one that was not.
#ifndef GUISE_TRAIN_H
#define GUISE_TRAIN_H
#include "base/fields.h"
#include "base/team.h"
#include <stddef.h>

// What a run does. Steps count batches from 1. Defaults of the table are those of Chen et al. 2020
// where it gives them; each recipe states what it changes.
typedef struct train_system train_system; // see system.h
enum { TRAIN_OWN = 256 };
typedef struct {
    const train_system *system;
    const char *generator, *generator_options; // network by name; "key=value key=value"
    const char *start;                         // file of weights to begin with; "": none
    const char *given;    // recogniser of the generator; "": the one that teaches
    const char *detector; // file, as the run has it; NULL: none
    bool resumed;         // weights come out of a checkpoint, not out of `start`
    const char *discriminator, *discriminator_options;
    int size, batch, steps;
    double lr, lr_d, beta1, beta2, eps;
    double style_rate; // see train_fields
    int settle;        // last steps, in which batch norms take their running statistics
    int decay;         // last steps, over which the learning rates fall to zero in a line
    double ema;        // decay of the average of the generator's weights; 0: none
    double same;       // share of same-person pairs
    bool same_photo;   // such pairs are one photo twice
    bool alternate;    // whole batches take turns, as published; else pairs are mixed
    int warmup;        // first steps: reconstruction only, of every pair
    double lambda_id, id_start;
    int id_pool; // the identity loss sees results shrunk by so much
    int id_ramp; // the identity weight goes from id_start to lambda_id in so many steps
    double lambda_rec, rec_other, rec_edge; // same person; others, in the face; others, around it
    double rec_eyes, rec_mouth;             // added for all, in the eyes and between the lips
    double lambda_adv;
    int adv_from, adv_ramp, d_lead; // see train_fields
    bool flip;
    int shift;            // pixels
    double light, colour; // see train_fields
    int seed, log_every, sample_every, save_every, measure_every;
    _Alignas(max_align_t) unsigned char own[TRAIN_OWN]; // the system's: as its fields describe
} train_options;

extern const base_field train_fields[]; // of all systems

enum { TRAIN_SETS = 64 };
typedef struct {
    const char *name;
    const train_system *system;
    const char *summary;         // one line: where it comes from, what it changes
    const char *set[TRAIN_SETS]; // "key=value", ended by NULL
} train_recipe;

const train_recipe *train_recipe_at(size_t i);           // of all systems; NULL: no more
const train_recipe *train_recipe_find(const char *name); // NULL: unknown
// Option i of the recipe's system: those of all systems, then its own. NULL: no more.
const base_field *train_recipe_field(const train_recipe *r, size_t i);
// The recipe's options with further "key=value" ones on top. Texts are borrowed.
// Errors: GUISE_BAD_ARGUMENT, naming what is wrong.
guise_status train_options_fill(train_options *o, const train_recipe *r, const char *const set[],
                                size_t n, base_error *e);
// The value of a numeric option, also of the system's own; 0 where there is none.
double train_option_number(const train_options *o, const char *name);
// "key=value ..." of everything; returned to you, NULL when out of memory.
char *train_options_print(const train_options *o);

typedef struct {
    int step, steps;
    double seconds, photos_per_second; // of this session; of the last stretch
    const char *line;                  // a line of the log
} train_progress;

typedef struct {
    const char *recipe;
    const char *const *set; // n_set times "key=value"
    size_t n_set;
    const char *data;      // DATA/NAME/photo.jpg, a directory for each person
    const char *out;       // made where it is not there
    const char *identity;  // ONNX file of the frozen recogniser; NULL where the system has none
    const char *landmarks; // file of five points a photo; NULL: <data>_landmarks5.txt if there
    const char *detector;  // ONNX file of YuNet, used where there are no landmarks; NULL: none
    const char *measure;   // ONNX file of another recogniser, for measuring; NULL: do not
    const char *licence, *commit; // words for the card; NULL: unknown
    const char *device;           // where steps run, as tg_device_open takes it; NULL: the CPU
    bool resume;
    int save_seconds; // also a checkpoint each so many seconds; 0: only by steps
    // Processes that train together, each with its share of every batch; NULL: this one alone.
    // out is one directory that all see; process 0 writes. The others have no lines, and steps 0.
    base_team *team;
    // Called after each step (line NULL) and for each line. False: save and stop. NULL is fine.
    bool (*progress)(void *user, const train_progress *p);
    void *user;
} train_config;

// Train until the recipe's last step, or until progress says stop: both end with a checkpoint,
// the exported generator, its card and the report.
// Errors: GUISE_BAD_ARGUMENT (unknown recipe or key, out holds a run and resume is not set, the
// measure is the frozen recogniser), GUISE_IO, GUISE_BAD_FILE, GUISE_NO_MEMORY. The last
// checkpoint stays good in any case.
guise_status train_start(const train_config *c, base_error *e);

// How good a generator is, on people whom no training sees (train_is_held_out).
typedef struct {
    const char *generator; // file that train_start exported
    const char *data, *landmarks, *detector;
    const char *identity; // ONNX file of the recogniser that the generator was trained with
    const char *measure;  // ONNX file of another one; refused when it is the same
    const char *sheet;    // picture of the first pairs to write, or NULL
    int pairs;            // 0 means 200
} train_measure_config;

typedef struct {
    int pairs;
    double to_source, to_target; // mean cosine of the result to the source, to the target
    double closer;               // share of results closer to the source than to the target
    double top1;                 // share whose nearest source of all is the right one
    double self_l1;              // self-swaps: mean |result - target|, 0..1 of full range
    double sharpness;            // mean gradient magnitude in the face, result / target
} train_measurement;
enum { TRAIN_MEASURES = 8 };

guise_status train_measure(train_measurement *m, const train_measure_config *c, base_error *e);

// SHA-1 of the name as a big number, modulo 10, is 0: this person is kept for measuring.
bool train_is_held_out(const char *person);

#endif
