// nn.h -- layers: ops that own parameters. A parameter's name is its path, as in the released
// PyTorch weights, so importing weights is looking names up.
//
// A store holds the parameters of one network in one flat array of floats. Building a network
// in a graph adds what the store does not know yet and makes a leaf for each. Afterwards
// nn_settle() gives new entries their initial values, and nn_bind() ties a plan to the array.
// One store may serve several graphs (generator step, discriminator step, inference).
#ifndef GUISE_NN_H
#define GUISE_NN_H
#include "base/tensors.h"
#include "graph/ops.h"

typedef struct nn_params nn_params;

typedef enum {
    NN_WEIGHT,  // trained
    NN_BUFFER,  // kept and saved, not trained: running statistics, spectral u and v
    NN_COUNTER, // one whole number, saved as I64: num_batches_tracked
} nn_kind;

typedef enum {
    NN_INIT_ZERO,
    NN_INIT_ONE,
    NN_INIT_VALUE,   // .scale everywhere
    NN_INIT_UNIFORM, // -scale..scale
    NN_INIT_NORMAL,  // mean 0, standard deviation scale
    NN_INIT_UNIT,    // normal, then divided by its length
} nn_init_kind;

typedef struct {
    nn_init_kind kind;
    double scale;
} nn_init;

typedef struct {
    const char *name;
    tg_shape shape;
    nn_kind kind;
    nn_init init;
    bool frozen;   // a weight that no step of ours changes: nn_grad and nn_adam_step pass over it
    bool share;    // nn_adam_step keeps it in 0..1
    size_t offset; // into the flat array, in floats; entries lie in order of creation
    size_t count;
} nn_entry;

guise_status nn_params_open(nn_params **p, base_error *e);
// The flat array in memory that d shares, now and when it grows. NULL d: ordinary memory.
guise_status nn_params_place(nn_params *p, tg_device *d, base_error *e);
void nn_params_close(nn_params **p);
size_t nn_params_n(const nn_params *p);
const nn_entry *nn_params_entry(const nn_params *p, size_t i);
const nn_entry *nn_params_find(const nn_params *p, const char *name); // NULL: absent
size_t nn_params_floats(const nn_params *p);                          // length of the flat array
size_t nn_params_weights(const nn_params *p); // floats of all weights: "parameters" of a table
float *nn_params_data(nn_params *p);          // the flat array; moves when nn_settle adds entries

// Give memory and initial values to entries made since the last call. Each entry draws from a
// stream of its own (seed and name), so the values do not depend on the order of building.
guise_status nn_settle(nn_params *p, uint64_t seed, base_error *e);
// Tie the leaves that this store made in plan's graph g to the flat array.
guise_status nn_bind(nn_params *p, tg_graph *g, tg_plan *plan, base_error *e);
// Gradients of y, or of sum(y * cot), by the trained weights of p that y's graph uses: adds nodes
// to it; grad[i] belongs to entry i, NULL where entry i is no weight, frozen or not in the graph.
// grad has room for nn_params_n.
void nn_grad(nn_params *p, tg_node *y, tg_node *grad[]);
void nn_grad_with(nn_params *p, tg_node *y, tg_node *cot, tg_node *grad[]);
// The leaf of entry i in g, or NULL where g does not use it.
tg_node *nn_leaf(nn_params *p, tg_graph *g, size_t i);

// New values for buffers, made by building with train set: BN statistics, spectral norms.
// node[i] belongs to *entry[i]. After a run, copy tg_plan_value of each into the flat array.
typedef struct {
    const nn_entry *entry;
    tg_node *node;
} nn_update;
size_t nn_updates(nn_params *p, tg_graph *g, const nn_update **list); // list owned by p

// Copy the values of same-named tensors into entries, which count as settled then. strict: every
// entry must be there, and nothing else; else missing and additional ones are fine. Shapes must
// match in any case. On error the values are as before.
// Errors: GUISE_BAD_FILE, naming the first tensor that does not fit; GUISE_NO_MEMORY.
guise_status nn_load(nn_params *p, const base_tensors *t, bool strict, base_error *e);
// Add every entry with values from `data` (an array like the flat one; NULL: the flat one).
guise_status nn_save(nn_params *p, const float *data, base_tensors *t, base_error *e);

// Where we are in the network; a small value, passed by copy.
typedef struct {
    tg_graph *graph;
    nn_params *params;
    const char *path; // "BottleNeck.3.style1", in the graph's arena; "" at the root
    bool train;       // batch statistics, and updates of buffers
    bool no_update;   // with train: batch statistics, but buffers stay as they are
    bool frozen;      // weights made below are frozen
    bool constant;    // leaves are constants of the graph, with the values the store has by now
} nn;

nn nn_root(nn_params *p, tg_graph *g, bool train);
nn nn_at(nn m, const char *format, ...) __attribute__((format(printf, 2, 3))); // child

// The leaf for m.<name>, made on first use and the same node afterwards in this graph.
tg_node *nn_weight(nn m, const char *name, tg_shape s, nn_init init);
// The same for a share of something: every step keeps it in 0..1.
tg_node *nn_share(nn m, const char *name, tg_shape s, double at_first);
// The same for a buffer, unless nn_set_buffer has changed it in this graph: then its newest
// value. So a network that is built twice in one graph sees its buffers as two passes would.
tg_node *nn_buffer(nn m, const char *name, tg_shape s, nn_init init);
void nn_set_buffer(nn m, const char *name, tg_node *value); // its value after this step
void nn_counter(nn m, const char *name);                    // one more with each pass in training

typedef struct {
    int out, k;       // output channels, kernel size: required
    int stride;       // 0 means 1
    int pad, reflect; // zero padding, mirrored padding
    int groups;       // 0 means 1
    bool no_bias;
    bool same; // zero padding as TensorFlow's SAME: output ceil(h / stride), odd pixel at the end
} nn_conv_options;
#define nn_conv(m, x, ...) nn_conv_with((m), (x), (nn_conv_options){__VA_ARGS__})

// x [n,c,h,w] -> [n,out,..]; weight [out,c/groups,k,k], bias [out]; U(+-1/sqrt(fan_in)) both
tg_node *nn_conv_with(nn m, tg_node *x, nn_conv_options o);
// The same with its weight divided by its largest singular value, estimated by one power iteration
// a pass in training: bias, weight_orig, weight_u, weight_v. No groups.
// Source: Miyato et al. 2018, algorithm 1; eps 1e-12 as PyTorch.
#define nn_spectral_conv(m, x, ...) nn_spectral_conv_with((m), (x), (nn_conv_options){__VA_ARGS__})
tg_node *nn_spectral_conv_with(nn m, tg_node *x, nn_conv_options o);
tg_node *nn_linear(nn m, tg_node *x, int64_t out, bool no_bias); // x [n,c] -> [n,out]
// Transposed convolution: x [n,c,h,w] -> [n,out,(h - 1) stride - 2 pad + k,..]; weight [c,out,k,k],
// bias [out]. Of the options it takes out, k, stride, pad and no_bias.
#define nn_deconv(m, x, ...) nn_deconv_with((m), (x), (nn_conv_options){__VA_ARGS__})
tg_node *nn_deconv_with(nn m, tg_node *x, nn_conv_options o);
// Make the entry m.weight ahead of its layer, so that it begins with the values of Glorot & Bengio
// 2010: variance 2 / (fan_in + fan_out). uniform: within +-sqrt(6 / (fan_in + fan_out)).
void nn_glorot(nn m, tg_shape weight, bool uniform);
// weight, bias, running_mean, running_var, num_batches_tracked over dim 1 of [n,c] or [n,c,h,w];
// momentum 0.1, running_var unbiased, as PyTorch. Statistics are those of the whole batch, also
// where x is a process's share of it.
tg_node *nn_batch_norm(nn m, tg_node *x, double eps);
tg_node *nn_instance_norm(tg_node *x, double eps); // per sample and channel; no parameters
// instance_norm(x) * gain + bias, gain and bias [n,c]: AdaIN (Huang & Belongie 2017), in one pass
tg_node *nn_adain(tg_node *x, tg_node *gain, tg_node *bias, double eps);
tg_node *nn_prelu(nn m, tg_node *x); // one slope for all channels: weight [1], 0.25 at first
// Make the entries of a layer ahead of the layer, where released files list them earlier than the
// network comes to them. x of the layer has c channels.
void nn_conv_entries(nn m, int64_t c, nn_conv_options o);
void nn_batch_norm_entries(nn m, int64_t c);
tg_node *nn_upsample(tg_node *x, int factor); // bilinear, half-pixel centres
int64_t nn_channels(const tg_node *x);        // dim 1
tg_node *nn_unit(tg_node *x);                 // [n,c] rows divided by max(length, 1e-12)
tg_node *nn_cosine(tg_node *a, tg_node *b);   // [n,c], [n,c] -> [n]

// Adam (Kingma & Ba 2015) on flat arrays; moments m, v have the layout of the parameters.
typedef struct {
    double lr, beta1, beta2, eps;
} nn_adam;
// One step for entries of p that are weights and not frozen. All arrays are laid out like the flat
// one. step counts from 1. Threaded, same bits always.
void nn_adam_step(const nn_params *p, nn_adam a, int64_t step, const float *grad, float *w,
                  float *m, float *v);
// The same on a device, where all arrays are of tg_floats: queued, not waited for. A failure is
// told by tg_wait.
typedef struct nn_mover nn_mover;
guise_status nn_mover_open(nn_mover **m, tg_device *d, base_error *e); // d NULL: *m is NULL
void nn_mover_close(nn_mover **m);
void nn_mover_adam(const nn_mover *mover, const nn_params *p, nn_adam a, int64_t step,
                   const float *grad, float *w, float *m, float *v);
void nn_mover_average(const nn_mover *m, float *average, const float *w, size_t n, double decay);
// w = before + rate (w - before): a step made longer
void nn_mover_lengthen(const nn_mover *m, const float *before, float *w, size_t n, double rate);
void nn_ema(float *average, const float *w, size_t n, double decay); // average of weights

#endif
