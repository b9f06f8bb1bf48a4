// guise.h -- the public interface: everything the library exports is here.
//
//   guise_engine *g = NULL;
//   guise_status s = guise_open(&g, NULL);
//   const char *ann[] = {"ann.jpg"};
//   if (!s) s = guise_swap_photo(g, ann, 1, "bob.jpg", "out.jpg", NULL, NULL);
//   if (s) fprintf(stderr, "%s\n", guise_message(g));
//   guise_close(&g);
//
// Strings are UTF-8 and borrowed for the call. A zero field means its default, and a NULL struct
// of options means all defaults. One engine serves one thread at a time; different engines are
// independent. Structs that a function fills with memory are ended by their _free function, which
// accepts all-zero structs; on error they are left all zero.
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

// Where notes go (a slower path taken, a file ignored), one line each; for the whole process.
// NULL: nowhere, the default.
void guise_set_log(void (*log)(void *user, const char *line), void *user);

// ---- An engine: where networks are found and, once used, kept ready.
typedef struct guise_engine guise_engine;

typedef struct {
    const char *model;      // generator weights/NAME.safetensors; default: the first found
    const char *weights;    // file with the generator, in place of a name
    const char *detector;   // ONNX file; default: yunet_n_dynamic.onnx where models are looked for
    const char *recogniser; // ONNX file; default: what the generator takes
    double score;           // least score of a face, 0..1; default 0.6
} guise_config;

// Make an engine; networks are loaded when first used. Errors: GUISE_NO_MEMORY.
guise_status guise_open(guise_engine **g, const guise_config *c);
void guise_close(guise_engine **g); // sets *g to NULL; NULL and *g == NULL are fine
// Why the last call with g failed, as one sentence that says what to do; owned by g.
const char *guise_message(const guise_engine *g);

// ---- Photos: 8-bit sRGB in memory.
typedef struct {
    int w, h;
    unsigned char *rgb; // h rows of w pixels of R, G, B
} guise_image;

// Read JPEG, PNG, WebP, TIFF, HEIC...: upright, sRGB. Errors: GUISE_IO, GUISE_BAD_FILE.
guise_status guise_image_read(guise_engine *g, const char *path, guise_image *m);
// How a picture came about; written into its file (XMP: IPTC digital source type).
typedef enum { GUISE_PLAIN, GUISE_SWAPPED, GUISE_COMPOSED } guise_mark;
// Write by extension, whole or not at all.
// Errors: GUISE_IO; GUISE_BAD_ARGUMENT for an extension that cannot be written.
guise_status guise_image_write(guise_engine *g, const guise_image *m, const char *path,
                               guise_mark mark);
void guise_image_free(guise_image *m);

// ---- Faces.
typedef struct {
    float x0, y0, x1, y1; // box in pixels
    float score;          // 0..1
    float point[5][2];    // x, y of eye, eye, nose, mouth corner, mouth corner; left ones first
} guise_face;

typedef struct {
    guise_face *at; // largest first
    size_t n;
    float best; // best score seen, also of what was no face
} guise_faces;

// Find all faces; finding none is no error. Errors: GUISE_IO, GUISE_BAD_FILE (the detector).
guise_status guise_detect(guise_engine *g, const guise_image *m, guise_faces *f);
void guise_faces_free(guise_faces *f);
guise_status guise_draw(guise_engine *g, guise_image *m, const guise_faces *f); // boxes, points
// Turn, scale and cut out a face: the five points go where the template has them.
//   layout  "arcface", "simswap", "ffhq" or "reid";  size  side of the crop in pixels, 16..2048
guise_status guise_align(guise_engine *g, const guise_image *m, const guise_face *f,
                         const char *layout, int size, guise_image *crop);

// A face of nobody: the average of the largest faces of n photos of many people, aligned by layout.
//   seed  0: all count the same; else random weights, so that the same people make many faces
guise_status guise_compose(guise_engine *g, const char *const photo[], size_t n, const char *layout,
                           int size, unsigned long long seed, guise_image *m);

// ---- Identities: who a face is, as a vector of unit length.
typedef struct {
    char network[64]; // that made it; vectors of different networks do not compare
    float *at;
    size_t n;
} guise_identity;

// The identity of one face. f NULL: m is a square crop already aligned by layout; else layout is
// ignored. Errors: GUISE_IO, GUISE_BAD_FILE (the recogniser).
guise_status guise_embed(guise_engine *g, const guise_image *m, const guise_face *f,
                         const char *layout, guise_identity *id);
// Mean direction of n identities of one network. Errors: GUISE_BAD_ARGUMENT.
guise_status guise_identity_mean(guise_engine *g, const guise_identity *const from[], size_t n,
                                 guise_identity *id);
// A saved face: a small safetensors file. Errors: GUISE_IO, GUISE_BAD_FILE.
guise_status guise_identity_read(guise_engine *g, const char *path, guise_identity *id);
guise_status guise_identity_write(guise_engine *g, const guise_identity *id, const char *path);
double guise_identity_cosine(const guise_identity *a, const guise_identity *b); // -1..1; else NaN
void guise_identity_free(guise_identity *id);

// ---- Swaps.
typedef struct {
    const char *mask;      // what of the crop is pasted: "oval" (default) or "box"
    bool colour;           // match mean and spread of the colours to the target's
    bool sharpen;          // bring the swapped face to the sharpness of the target's
    bool all;              // every face of the target; default: the largest
    const char *reference; // photo: only faces of that person
    bool aligned;          // sources and target are square crops aligned as the generator wants
} guise_swap_options;

typedef struct {
    size_t found, swapped; // faces in the target
    float best;            // best score seen in the picture that decided
    char model[64];        // generator used
    int size;              // side of its crop in pixels
    double seconds[4];     // detect, identify, swap, all with reading and writing
} guise_swap_report;

// Put the face of the sources (photos or saved faces of one person; their mean) on the target.
// The result is marked as swapped. report: NULL is fine; what is known is also set on error.
// Errors: GUISE_NO_FACE, GUISE_IO, GUISE_BAD_FILE, GUISE_BAD_ARGUMENT. Nothing is written then.
guise_status guise_swap_photo(guise_engine *g, const char *const source[], size_t n,
                              const char *target, const char *out, const guise_swap_options *o,
                              guise_swap_report *report);
// In memory: change one face of a photo in place, or make a swapped crop from a crop.
guise_status guise_swap_face(guise_engine *g, guise_image *m, const guise_face *f,
                             const guise_identity *id, const guise_swap_options *o);
guise_status guise_swap_crop(guise_engine *g, const guise_image *crop, const guise_identity *id,
                             guise_image *out);

// ---- Networks by name.
typedef struct {
    const char *name, *init, *help; // init: default as text, may be NULL
} guise_option;
typedef struct {
    const char *name, *summary, *inputs, *outputs;
} guise_net;
bool guise_net_at(size_t i, guise_net *net); // false past the last
bool guise_net_option(const char *net, size_t i, guise_option *o);

typedef struct {
    const char *weights;    // safetensors, .pth or ONNX file; NULL: initialised by seed
    const char *const *set; // n_set times "option=value"
    size_t n_set;
    bool train;              // batch statistics; new values of buffers are written too
    const char *grad;        // output whose gradient is wanted
    unsigned long long seed; // of the initial values
    int size;                // describe: h and w of image inputs, 0 means 128
} guise_net_options;

typedef struct {
    size_t inputs, outputs;
    size_t parameters; // trained numbers
    double macs;       // multiply-accumulates of one run
    size_t bytes;      // memory of the plan
    double seconds;    // of the run
    char *shapes;      // one line for each input and output, returned to you
} guise_net_report;
void guise_net_report_free(guise_net_report *r);

// Run a network (a name, or an .onnx file) on the tensors of file in; write all outputs, with
// grad also the gradients of sum(output * cotangent) by inputs and parameters: "grad.<name>".
guise_status guise_net_run(guise_engine *g, const char *net, const char *in, const char *out,
                           const guise_net_options *o, guise_net_report *r);
guise_status guise_net_describe(guise_engine *g, const char *net, const guise_net_options *o,
                                guise_net_report *r);

// ---- Training.
bool guise_recipe_at(size_t i, guise_option *r); // name, and help: what it is
bool guise_recipe_option(const char *recipe, size_t i, guise_option *o);

typedef struct {
    int step, steps;
    double seconds, photos_per_second; // since the start or resumption; lately
    const char *line;                  // a line of the log, or NULL after a plain step
} guise_progress;

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
// Train until the recipe's last step or until progress says stop; both leave a good checkpoint
// and the exported generator. Errors: GUISE_BAD_ARGUMENT, GUISE_IO, GUISE_BAD_FILE.
guise_status guise_train(guise_engine *g, const char *recipe, const guise_train_options *o);

typedef struct {
    int pairs;
    double to_source, to_target; // mean cosine of the results, by the measuring recogniser
    double closer;               // share of results closer to the source than to the target
    double top1;                 // share whose nearest source of all is the right one
    double self_l1;              // self-swaps: mean |result - target|, share of full range
    double sharpness;            // mean gradient magnitude in the face, result / target
} guise_measurement;
// Measure the engine's generator on people of data whom no training sees.
//   pairs  0 means 200;  sheet  picture of the first pairs to write, or NULL
guise_status guise_measure(guise_engine *g, const guise_train_options *o, int pairs,
                           const char *sheet, guise_measurement *m);

// ---- Files and the machine.
// Any weights file to safetensors; half: in 16 bits.
guise_status guise_convert(guise_engine *g, const char *in, const char *out, bool half);

typedef struct {
    char *name, *path; // path NULL: not found
    char *use, *licence;
    const char *state; // "ok", "changed" (not the known bytes), "unknown" (no known sum), "absent"
    unsigned long long bytes;
    char sha256[65];
} guise_model;
guise_status guise_models(guise_engine *g, guise_model **list, size_t *n);
void guise_models_free(guise_model **list, size_t *n);

typedef struct {
    char cpu[128], isa[64], library[64], formats[128];
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
