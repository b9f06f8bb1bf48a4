// guise.h -- the public interface: everything the library exports is here.
//   guise_engine *g = NULL;
//   guise_status s = guise_open(&g, NULL);
//   const char *ann[] = {"ann.jpg"};
//   if (!s) s = guise_swap_photo(g, ann, 1, "bob.jpg", "out.jpg", NULL, NULL);
//   if (s) fprintf(stderr, "%s\n", guise_message(g));
//   guise_close(&g);
//
// Strings are UTF-8 and borrowed. A zero field means its default, a NULL struct of options all
// defaults. One engine serves one thread at a time. Structs that a function fills with memory are
// ended by their _free function, which accepts all-zero structs; on error they are all zero.
#ifndef GUISE_H
#define GUISE_H
#include <stdbool.h>
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)
#define GUISE_VERSION "0.1.0"
typedef enum {
    GUISE_OK = 0,
    GUISE_NO_MEMORY = -1,
    GUISE_BAD_ARGUMENT = -2,
    GUISE_BAD_FILE = -3, // exists, but is not what it should be
    GUISE_IO = -4,       // cannot be opened, read or written
    GUISE_NO_FACE = -5,
} guise_status;
// Where notes go, one line each; for the whole process. NULL: nowhere, the default.
void guise_set_log(void (*log)(void *user, const char *line), void *user);

// ---- An engine: where networks are found and, once used, kept ready.
typedef struct guise_engine guise_engine;
typedef struct {
    const char *model, *weights; // generator: NAME in weights, default the largest; or a file
    const char *refine, *device; // weights that refine its swaps, "": those found; NULL: the CPU
    const char *detector, *recogniser; // files, or names; default: ours, in weights
    double score;                      // least score of a face, 0..1; default 0.6
    bool fast; // lower precision where the first swap shows it to be faster and within 1e-2
} guise_config;
guise_status guise_open(guise_engine **g, const guise_config *c);
void guise_close(guise_engine **g); // sets *g to NULL; NULL and *g == NULL are fine
// Why the last call with g failed, as one sentence that says what to do; owned by g.
const char *guise_message(const guise_engine *g);

// ---- Photos: 8-bit sRGB in memory.
typedef enum { GUISE_PLAIN, GUISE_SWAPPED, GUISE_COMPOSED } guise_mark;
typedef struct {
    int w, h;
    unsigned char *rgb; // h rows of w pixels of R, G, B
    guise_mark mark;    // how it came about, as its file said (XMP: IPTC digital source type)
} guise_image;
// Read JPEG, PNG, WebP, TIFF, HEIC...: upright, sRGB.
guise_status guise_image_read(guise_engine *g, const char *path, guise_image *m);
// By extension, whole or not at all; m's own mark stays. GUISE_BAD_ARGUMENT: unknown extension.
guise_status guise_image_write(guise_engine *g, const guise_image *m, const char *path,
                               guise_mark mark);
void guise_image_free(guise_image *m);

// ---- Faces.
typedef struct {
    float x0, y0, x1, y1, score; // box in pixels; 0..1
    float point[5][2]; // x, y of eye, eye, nose, mouth corner, mouth corner; left ones first
} guise_face;
typedef struct {
    guise_face *at; // largest first, doubtful ones behind sure ones
    size_t n;
    float best; // best score seen, also of what was no face
} guise_faces;
// Find all faces; finding none is no error. Errors: GUISE_IO, GUISE_BAD_FILE (the detector).
guise_status guise_detect(guise_engine *g, const guise_image *m, guise_faces *f);
void guise_faces_free(guise_faces *f);
guise_status guise_draw(guise_engine *g, guise_image *m, const guise_faces *f); // boxes, points
// Cut out a face: its points go where the template has them. size: side in pixels, 16..2048
//   layout  "arcface", "simswap", "ffhq" or "reid"
guise_status guise_align(guise_engine *g, const guise_image *m, const guise_face *f,
                         const char *layout, int size, guise_image *crop);
// A face of nobody: the average of the largest faces of n photos of many people.
//   seed  0: all count the same; else random weights, so that the same people make many faces
guise_status guise_compose(guise_engine *g, const char *const photo[], size_t n, const char *layout,
                           int size, unsigned long long seed, guise_image *m);

// ---- Identities: who a face is, as a vector of unit length.
typedef struct {
    char network[64], space[64]; // that made it; whose vectors it compares with, "": its own
    float *at;
    size_t n;
} guise_identity;
// f NULL: m is a square crop already aligned by layout; else layout is ignored.
guise_status guise_embed(guise_engine *g, const guise_image *m, const guise_face *f,
                         const char *layout, guise_identity *id);
guise_status guise_identity_mean(guise_engine *g, const guise_identity *const from[], size_t n,
                                 guise_identity *id);
// A saved face: a small safetensors file.
guise_status guise_identity_read(guise_engine *g, const char *path, guise_identity *id);
guise_status guise_identity_write(guise_engine *g, const guise_identity *id, const char *path);
double guise_identity_cosine(const guise_identity *a, const guise_identity *b); // -1..1; else NaN
void guise_identity_free(guise_identity *id);

// ---- Swaps.
typedef struct {
    int step, steps;
    double seconds, photos_per_second; // since the start or resumption; lately
    const char *line;                  // a line of the log, or NULL after a plain step
} guise_progress;
typedef struct {
    const char *mask, *reference; // pasted: "network", if found, "oval" or "box"; photo: only them
    bool plain;         // leave colours and sharpness as they are; else brought to the target's
    bool all, aligned;  // every face, not only the largest; square crops, nothing is detected
    const char *layout; // their template; NULL: the generator's, whose crop is then written
    int invert; // StyleSwap: steps that bring the styles nearer to the sources' photos; 0: none
    bool (*progress)(void *user, const guise_progress *p); // of those steps; false: end them
    void *user;
} guise_swap_options;
typedef struct {
    size_t found, swapped;        // faces in the target
    float best;                   // best score seen in the picture that decided
    char model[64];               // generator used
    int size;                     // side of its crop in pixels
    double seconds[4], cosine[2]; // detect, identify, swap, all; invert: to sources before, after
} guise_swap_report;
// Put the face of the sources (photos or saved faces of one person; their mean) on the target.
// report: NULL is fine; what is known is also set on error. Nothing is written then.
guise_status guise_swap_photo(guise_engine *g, const char *const source[], size_t n,
                              const char *target, const char *out, const guise_swap_options *o,
                              guise_swap_report *report);
// In memory: change one face of a photo in place, or make a swapped crop; both are marked so.
guise_status guise_swap_face(guise_engine *g, guise_image *m, const guise_face *f,
                             const guise_identity *id, const guise_swap_options *o);
guise_status guise_swap_crop(guise_engine *g, const guise_image *crop, const guise_identity *id,
                             guise_image *out); // id NULL: for a generator of one face

// ---- Networks by name.
// clang-format off
typedef struct { const char *name, *init, *help; } guise_option; // init: default as text, or NULL
typedef struct { const char *name, *summary, *inputs, *outputs; } guise_net;
typedef struct { char *table, *json; } guise_eval_report; // NULL where progress ended it
// clang-format on
bool guise_net_at(size_t i, guise_net *net); // false past the last
bool guise_net_option(const char *net, size_t i, guise_option *o);
bool guise_net_size_at(size_t i, guise_option *s, int *side); // NAME:INIT; its options
typedef struct {
    const char *weights;    // safetensors, .pth or ONNX file; NULL: initialised by seed
    const char *const *set; // n_set times "option=value"
    size_t n_set;
    bool train, fast, measure; // batch statistics, new buffers; lower precision; run: as bench does
    const char *grad, *without; // output whose gradient is wanted, export's only; parts of planning
    unsigned long long seed;    // of the initial values
    int size, batch;            // but for run: h and w of image inputs, 0 means 128; n, 0 means 1
} guise_net_options;
typedef struct {
    size_t inputs, outputs, parameters, bytes; // trained numbers; memory of the plan
    double macs, seconds;                      // of one run: multiply-accumulates, time
    char *shapes; // one line for each input and output, returned to you
} guise_net_report;
void guise_net_report_free(guise_net_report *r);
// Run a network (a name, or an .onnx file) on the tensors of file in; write all outputs, with grad
// also gradients of sum(output * cotangent) by inputs and parameters: "grad.<name>".
guise_status guise_net_run(guise_engine *g, const char *net, const char *in, const char *out,
                           const guise_net_options *o, guise_net_report *r);
guise_status guise_net_describe(guise_engine *g, const char *net, const guise_net_options *o,
                                guise_net_report *r);
// Write it as ONNX (operator set 11). Errors: GUISE_BAD_ARGUMENT for what ONNX cannot say.
guise_status guise_net_export(guise_engine *g, const char *net, const char *out,
                              const guise_net_options *o);

// ---- Training.
bool guise_recipe_at(size_t i, guise_option *r); // name, and help: what it is
bool guise_recipe_option(const char *recipe, size_t i, guise_option *o);
typedef struct {
    const char *data;       // directory: DATA/PERSON/photo.jpg
    const char *out;        // directory: checkpoints, log.csv, report.html, generator.safetensors
    bool resume;            // go on with the run that out holds, to the same bits
    const char *const *set; // n_set times "option=value"
    size_t n_set;
    const char *landmarks;        // file of five points a photo; default: DATA_landmarks5.txt
    const char *measure;          // ONNX recogniser that only measures; default: no measuring
    const char *licence, *commit; // words for the card
    bool (*progress)(void *user, const guise_progress *p); // false: save and end
    void *user;
} guise_train_options;
// Until the recipe's last step or progress says stop; both leave a checkpoint and the generator.
guise_status guise_train(guise_engine *g, const char *recipe, const guise_train_options *o);
// Drawn people to try it on, DIR/faces, and recognisers of them, DIR/teacher.onnx and judge.onnx.
guise_status guise_toy(guise_engine *g, const char *dir, int people, int each, int size, int seed);

// ---- Measuring by a suite, such as "swap": how good a generator is, on people it never saw.
bool guise_suite_at(size_t i, guise_option *s); // name, and help: what it measures
bool guise_suite_option(const char *suite, size_t i, guise_option *o);
typedef struct {
    const char *data, *landmarks; // as for training
    const char *out, *command; // folder for all that is found, or NULL; what repeats it, in words
    bool resume, force;        // go on with what out holds; measure by what a training used
    const char *const *set;    // n_set times "option=value"
    size_t n_set;
    bool (*progress)(void *user, const guise_progress *p); // false: end
    void *user;
} guise_eval_options;
void guise_eval_free(guise_eval_report *r);
guise_status guise_eval(guise_engine *g, const char *suite, const guise_eval_options *o,
                        guise_eval_report *r);

// ---- Timing, on random data. Only times of one session on a quiet machine compare.
typedef struct {
    char what[32], how[48], shape[64]; // step of a network, how it is done; or part of a work
    int count;                         // such steps in a run
    double seconds, macs, gain, error; // of a run, together; fast: saved, largest difference
} guise_bench_row;
typedef struct {
    int runs, threads;
    double median, least, spread;         // seconds of a run; between its quartiles
    double load, plan, first, plan_again; // seconds: weights, making ready, first run; once more
    double macs, peak, error; // of a run; of a second of a large matrix product; fast: difference
    size_t plan_bytes, peak_bytes, n; // memory of the plan, of the process at most; rows
    guise_bench_row *row;             // slowest first
} guise_bench;
void guise_bench_free(guise_bench *b);
guise_status guise_bench_net(guise_engine *g, const char *net, const guise_net_options *o, int runs,
                             guise_bench *b);
// Steps of a recipe; of o: set, size, batch. save: file for networks, batch and losses, or NULL.
guise_status guise_bench_step(guise_engine *g, const char *recipe, const guise_net_options *o,
                              int runs, const char *save, guise_bench *b);
guise_status guise_bench_swap(guise_engine *g, const char *source, const char *target, int runs,
                              guise_bench *b);

// ---- Files and the machine.
void guise_set_threads(int n); // of the process; 0: as many as processors, the default
// Any weights file to safetensors; half: in 16 bits. mix (or NULL): mean with those of this file.
guise_status guise_convert(guise_engine *g, const char *in, const char *mix, const char *out,
                           bool half);
typedef struct {
    char *name, *path, *use, *licence, *numbers; // path, numbers NULL: not found, not stated
    const char *state; // "ok", "changed" (not the known bytes), "unknown" (no known sum), "absent"
    unsigned long long bytes;
    char sha256[65];
} guise_model;
guise_status guise_models(guise_engine *g, guise_model **list, size_t *n);
void guise_models_free(guise_model **list, size_t *n);
typedef struct {
    char cpu[128], isa[64], library[64], formats[128], processes[256]; // the last: by mpirun
    int threads;
    double gflops;             // measured, single precision, 3x3 convolution
    const char *backend, *why; // "CPU", and why not the other
} guise_machine;
guise_status guise_doctor(guise_engine *g, guise_machine *m); // takes about a second
#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
