// engine.h -- the inside of an engine: its files, its networks, and what its parts share.
#ifndef GUISE_ENGINE_H
#define GUISE_ENGINE_H
#include "face/face.h"
#include "guise.h"
#include "train/networks.h"

// A generator ready to run: built as its weights file says (model/card.h).
typedef struct {
    char *path;        // of its file
    char name[64];     // file name without ending
    char identity[64]; // network whose vectors it takes
    int size, length;  // side of its crop; numbers in a vector
    face_template layout;
    train_network net;
    nn_params *params;
    tg_graph *graph;
    tg_plan *plan;
    const tg_node *out;
    tg_device *device;               // where it runs, borrowed; NULL: the CPU
    float *crop, *vector;            // bound inputs: [3,size,size] RGB 0..1, [length]
    struct generator_styled *styled; // NULL: vectors say who it is
} generator;

guise_status generator_open(generator **out, const char *path, bool fast, tg_device *device,
                            base_error *e);
void generator_close(generator **g);
bool generator_takes_nobody(const generator *g); // it makes one person's face (DeepFakes)
// vector: unit length; NULL: zeros; result points to [3,size,size] RGB, valid until the next run
guise_status generator_run(generator *g, const base_image *crop, const float *vector,
                           const float **result, base_error *e);
// For a StyleSwap: from now on these style vectors W+ [layers,style], copied, are who it is, and
// vectors are not read. NULL: vectors again; never fails.
guise_status generator_style(generator *g, const float *wplus, base_error *e);

typedef struct refiner refiner; // refine.h

struct guise_engine {
    base_error error;
    guise_config config; // texts are copies
    char *copies[6];
    tg_device *device;    // as configured, once it is used; NULL: the CPU
    generator *generator; // NULL until used, as the next three
    refiner *refiner;
    face_detector *detector;
    face_recogniser *recogniser;
    char recogniser_name[64], recogniser_space[64]; // its file's stem; whose vectors compare
    face_masker *masker;
    char gpu[512]; // what guise_doctor says of it
};

base_error *engine_begin(guise_engine *g); // forgets the last error
// Remember the fastest convolutions in $GUISE_TUNE (none: only in memory), or in the user's cache
// directory. Where that cannot be, they are remembered in memory, silently.
void engine_tune(void);
guise_status engine_generator(guise_engine *g, generator **out);
guise_status engine_device(guise_engine *g, tg_device **d); // NULL: the CPU
guise_status engine_detector(guise_engine *g, face_detector **out);
// wanted: name of the network whose vectors are needed, its own or of its space; NULL: any
guise_status engine_recogniser(guise_engine *g, const char *wanted, face_recogniser **out);
// *out NULL: none is found, which is an error where it must be there.
guise_status engine_masker(guise_engine *g, bool must, face_masker **out);
// What o says is pasted: a box, or what *masker says, or (NULL) the oval. Errors: no such mask.
guise_status engine_mask(guise_engine *g, const guise_swap_options *o, bool *box,
                         face_masker **masker);
bool engine_is_saved_face(const char *path); // not a photo, by its ending

// Paths. Directories are tried in order; the first that has the file wins. Returned to you.
//   weights  $GUISE_WEIGHTS, ../weights, ../../weights, ../share/guise/weights of the program,
//            weights
//   models   $GUISE_MODELS, ~/.local/share/guise/models, models
guise_status find_weights(const char *name, char **path, base_error *e); // GUISE_IO: nowhere
guise_status find_model(const char *file, char **path, base_error *e);
char *find_optional(const char *file, bool weights); // NULL: nowhere
bool find_weights_dirs(base_names *dirs);            // all of them that exist
char *find_own(const char *network);                 // weights of ours by this name; NULL: nowhere
// What the user named: a file, or a name among weights or models. what: "detector", for the error.
guise_status find_named(const char *named, const char *what, char **path, base_error *e);
// As configured; else ours; else that of others. wanted as above; ours only if it is of that space.
guise_status find_detector(const guise_engine *g, char **path, base_error *e);
// Ours alone, if its vectors compare with those of the wanted network, NULL: any; else NULL.
char *find_own_recogniser(const char *wanted);
guise_status find_recogniser(const guise_engine *g, const char *wanted, char **path, base_error *e);
// Those that swap faces, in the first folder that holds one; false: out of memory.
bool find_generators(base_names *all);
// Of the largest pictures; of several, the first by name. Errors: GUISE_IO, GUISE_NO_MEMORY.
guise_status find_default_generator(char **path, base_error *e);
char *find_stem(const char *path, char name[64]); // "a/b.onnx" -> "b"

// Networks that are known by their bytes.
typedef struct {
    const char *file, *use, *licence, *sha256;
} known_model;
extern const known_model known_models[]; // ended by {0}
// Errors: GUISE_BAD_FILE where SHA256SUMS beside the file, or known_models, says other bytes.
guise_status sums_check(const char *path, base_error *e);
// "sum  name" lines: where the one of the file begins, or NULL.
const char *sums_listed(const base_map *sums, const char *file);

// "img [n,3,h,w] in 0..1; id [n,512] unit": names and shapes of a model_net's inputs.
typedef struct {
    char name[64];
    tg_shape shape; // with n, h, w filled in; rank 0: not understood
} port_text;
enum { PORTS_MAX = 16 };
// h, w become size, n the batch, other words the option of that name. Returns how many.
int ports_read(const model_net *net, const void *options, int size, int batch,
               port_text out[PORTS_MAX]);

// A list of "a=1" into memory of net's struct.
guise_status options_fill(const model_net *net, void *options, const char *const set[], size_t n,
                          base_error *e);
// Every entry of p from t, which may hold more. Errors: GUISE_BAD_FILE, naming path and tensor.
guise_status load_all(nn_params *p, const base_tensors *t, const char *path, base_error *e);

static inline base_image image_of(const guise_image *m)
{
    return (base_image){m->w, m->h, m->rgb, m->mark};
}
static inline guise_image image_give(base_image m)
{
    return (guise_image){m.w, m.h, m.rgb, m.mark};
}
const char *identity_space(const guise_identity *id); // whose vectors it compares with
void face_points(const guise_face *f, face_point out[FACE_POINTS]);
guise_status template_by_name(const char *name, face_template *t, base_error *e);
// A square picture in size x size pixels; new.
guise_status resize_square(const base_image *from, int size, const char *what, base_image *to,
                           base_error *e);

// Where the points of a crop aligned by layout ("arcface", ...) lie: those of the frontal pose.
// Errors: GUISE_BAD_ARGUMENT for an unknown layout, GUISE_BAD_FILE for a crop that is not square.
guise_status engine_aligned_points(const base_image *m, const char *layout,
                                   face_point point[FACE_POINTS], base_error *e);

#endif
