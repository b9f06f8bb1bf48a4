// model.h -- the networks: one function each, in a file of its family; and the table of them.
//
// The table serves `guise net`: any network by name, with options, on named tensors.
#ifndef GUISE_MODEL_H
#define GUISE_MODEL_H
#include "base/fields.h"
#include "nn/nn.h"

typedef struct model_ports model_ports; // named inputs and outputs of one build, see ports.c

// What every network that swaps faces can do, so that training, swapping and measuring need not
// know which one it is.
typedef struct {
    int (*stride)(const void *options);               // sides are multiples of it
    void (*fit)(void *options, int size, int latent); // side; length of the identity
    // target [n,3,s,s] RGB 0..1, id [n,latent] unit rows -> [n,3,s,s] RGB, about 0..1
    tg_node *(*swap)(nn m, tg_node *target, tg_node *id, const void *options);
    const char *fast; // in the names of the weights that take the identity; NULL: none are apart
} model_swapper;

typedef struct {
    const char *name;          // "simswap"
    const char *summary;       // one line with the source
    const char *inputs;        // "img [n,3,h,w] in 0..1, h and w multiples of 8; id [n,512] unit"
    const char *outputs;       // "out [n,3,h,w] in 0..1; ..."
    const base_field *options; // of the struct that build takes
    size_t size;               // of that struct
    // Take inputs with model_in(), give outputs with model_out().
    void (*build)(nn m, const void *options, model_ports *io);
    const model_swapper *swapper; // NULL: swaps no faces
    bool any_size;                // its pictures may have any, whatever it learnt from
} model_net;

extern const model_net *const model_nets[];    // ended by NULL
const model_net *model_find(const char *name); // NULL: unknown

// Named sizes of networks, options each: "simswap:small" (sizes.c).
typedef struct {
    const char *network, *name; // "simswap", "small"
    const char *options;        // "key=value key=value"
    int side;                   // of the pictures that it is for
} model_size;
extern const model_size model_sizes[]; // ended by {0}
// "NAME" or "NAME:SIZE"; *options are the size's, "" for none. NULL: unknown.
const model_net *model_find_sized(const char *name, const char **options);
// Set options from "key=value key=value"; text is cut into words, and texts in options point to it.
// Errors: GUISE_BAD_ARGUMENT.
guise_status model_options_set(const model_net *net, void *options, char *text, base_error *e);

// What a build is given: shape for each named input. The caller owns everything.
guise_status model_ports_open(model_ports **io, base_error *e);
void model_ports_close(model_ports **io);
guise_status model_ports_give(model_ports *io, const char *input, tg_shape s, base_error *e);
// The same with a node of the graph that will be built in.
guise_status model_ports_put(model_ports *io, const char *input, tg_node *x, base_error *e);
size_t model_ports_inputs(const model_ports *io); // inputs taken, outputs given, after a build
size_t model_ports_outputs(const model_ports *io);
tg_node *model_ports_input(const model_ports *io, size_t i, const char **name);
tg_node *model_ports_output(const model_ports *io, size_t i, const char **name);
// RGB 0..1 [n,3,h,w] -> normalised by ImageNet's mean and deviation, and back
tg_node *model_normalise(tg_node *img);
tg_node *model_denormalise(tg_node *img);

// For build functions: the leaf for an input (a missing one is the graph's error), an output.
tg_node *model_in(model_ports *io, nn m, const char *name);
void model_out(model_ports *io, const char *name, tg_node *x);

// The networks. Parameters are named as in the released files. Numbers that are 0 mean the
// released ones, and base_fields_init with the table's `options` gives those too. io takes the
// stages of a network as further outputs where `stages` is set; NULL is fine.

typedef struct {
    const char *variant; // "a" (NULL too), "b", "c"
    int width;           // channels after the first convolution
    int depth;           // downsamplings, each doubling the channels up to max_width
    int blocks;          // identity blocks
    int latent;          // length of id
    int max_width;
    int skips;   // ours: so many ups, from the deepest, see the downs' features and the identity
    bool deep;   // variant c with one level more
    bool window; // ours: outside of the face the target itself, for crops of template arcface
    bool stages;
} model_simswap_options;
// img [n,3,h,w], h and w multiples of 2^depth; id [n,latent] unit rows -> [n,3,h,w].
// a, b: RGB 0..1 in and out. c: normalised by ImageNet's mean and deviation, in and out.
tg_node *model_simswap(nn m, tg_node *img, tg_node *id, const model_simswap_options *o,
                       model_ports *io);

typedef struct {
    int layers; // 18, 50 or 101
    bool no_se; // without squeeze-and-excitation
    bool stages;
} model_arcface_options;
// img [n,3,112,112] RGB, ImageNet-normalised -> [n,512], not normalised (nn_unit makes it so)
tg_node *model_arcface(nn m, tg_node *img, const model_arcface_options *o, model_ports *io);

enum { MODEL_PATCHGAN_OUT = 6 };
typedef struct {
    const char *family; // "simswap" (NULL too)
    int width;          // channels after the first convolution
} model_patchgan_options;
// img [n,3,h,w] -> what each of the six layers gives; the last is the map of logits
void model_patchgan(nn m, tg_node *img, const model_patchgan_options *o,
                    tg_node *out[MODEL_PATCHGAN_OUT]);
tg_node *model_patchgan_half(tg_node *img); // the image for the second discriminator

enum { MODEL_PROJECTED_PARTS = 4 };
typedef struct {
    bool backbone_eval; // running statistics in the frozen backbone, also in training
    bool stages;
} model_projected_options;
// img [n,3,h,w], ImageNet-normalised, h and w at least 128. All but the mini-discriminators,
// entries below "discriminator.", is frozen.
// part: features of the backbone at 1/4, 1/8, 1/16, 1/32 of the size: [n,24|40|112|320,..]
void model_projected_features(nn m, tg_node *img, const model_projected_options *o,
                              tg_node *part[MODEL_PROJECTED_PARTS]);
// -> logits [n,k], the four mini-discriminators' one after the other
tg_node *model_projected_logits(nn m, tg_node *const part[MODEL_PROJECTED_PARTS],
                                const model_projected_options *o, model_ports *io);

enum { MODEL_PARSING_CLASSES = 19 };
typedef struct {
    bool stages;
} model_parsing_options;
// img [n,3,h,w], ImageNet-normalised -> scores [n,19,h,w]
tg_node *model_parsing(nn m, tg_node *img, const model_parsing_options *o, model_ports *io);

#endif
