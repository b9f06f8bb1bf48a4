// graph.h -- build, differentiate and run tensor graphs.
//
// A graph is an arena: it owns every node made in it and tg_free() releases them all.
// A node is a value: its op, inputs, arguments and shape never change once made.
// Builders return nodes, not codes. The first mistake is kept by the graph (tg_error), later
// builders pass NULL through, and the caller checks once, when the graph is whole.
// A plan is a graph made ready: order, memory, kernels. It runs in float on the CPU, or on a
// device.
//
//   tg_graph *g = tg_new();
//   tg_node *x = tg_input(g, TG_SHAPE(1, 3, 64, 64), "x");
//   tg_node *y = tg_relu(tg_conv2d(x, w, TG_CONV(.stride = 2, .pad = 1)));
//   tg_plan *p = NULL;
//   guise_status s = tg_plan_open(&p, g, &y, 1, NULL, &e);
//   if (!s) s = tg_plan_bind(p, x, pixels, &e);
//   if (!s) s = tg_plan_run(p, &e);          // then read tg_plan_value(p, y)
#ifndef GUISE_GRAPH_H
#define GUISE_GRAPH_H

#include "base/base.h"

enum { TG_MAX_RANK = 6, TG_MAX_IN = 8 };

typedef struct tg_graph tg_graph; // opaque arena
typedef struct tg_node tg_node;   // value, owned by its graph
struct base_team;                 // base/team.h

typedef struct {
    int rank;
    int64_t dim[TG_MAX_RANK]; // row-major: dim[rank - 1] varies fastest
} tg_shape;

#define TG_SHAPE(...)                                                                              \
    ((tg_shape){sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), {__VA_ARGS__}})

tg_graph *tg_new(void);                  // NULL if out of memory
void tg_free(tg_graph *g);               // NULL is fine
const char *tg_error(const tg_graph *g); // first mistake, as one sentence, or NULL
// Record what went wrong, unless something already has. Returns NULL.
void *tg_fail(tg_graph *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The same where memory ran out. Returns NULL.
void *tg_no_memory(tg_graph *g);
// 0 for a graph without a mistake. Else GUISE_NO_MEMORY, or kind with the mistake as the sentence.
guise_status tg_check(const tg_graph *g, guise_status kind, base_error *e);
// Text in the graph's arena; NULL and tg_error when out of memory.
const char *tg_text(tg_graph *g, const char *format, ...) __attribute__((format(printf, 2, 3)));

tg_graph *tg_graph_of(const tg_node *x);
tg_shape tg_shape_of(const tg_node *x); // rank 0 for NULL
int64_t tg_count(tg_shape s);           // number of elements
bool tg_same(tg_shape a, tg_shape b);
int64_t tg_dim(const tg_node *x, int i); // 0 for NULL or outside the rank
// The batch of g is one process's share of a larger one (base/team.h): sums over a batch then go
// over all processes, which build the same graph and run its plans together. team is borrowed;
// NULL: alone.
void tg_join(tg_graph *g, struct base_team *team);
struct base_team *tg_team_of(const tg_node *x);
// "[1,3,64,64]" into the given buffer, which is returned.
const char *tg_shape_text(tg_shape s, char text[128]);

// Leaves.
tg_node *tg_input(tg_graph *g, tg_shape s, const char *name); // bound anew for runs of a plan
tg_node *tg_param(tg_graph *g, tg_shape s, const char *name); // bound; changes only where told
tg_node *tg_const(tg_graph *g, tg_shape s, const float *v);   // copied into the graph
// Not copied: v stays as it is until the graph is freed. See tg_keep.
tg_node *tg_const_view(tg_graph *g, tg_shape s, const float *v);
// Call release(thing) when the graph is freed. False, and tg_error, when out of memory: then thing
// is still the caller's.
bool tg_keep(tg_graph *g, void *thing, void (*release)(void *thing));
tg_node *tg_double(tg_graph *g, tg_shape s, const double *v); // copied; for tests of derivatives
tg_node *tg_fill(tg_graph *g, tg_shape s, double value);      // the same value everywhere
const char *tg_name(const tg_node *leaf);                     // "" where it has none

// out[i] = d y / d wrt[i], as nodes of the same graph, so they can be differentiated again.
//   y      any shape; the gradient is that of sum(y * cotangent)
//   cot    shape of y, or NULL for ones
//   wrt    n nodes of the same graph; where y does not depend on wrt[i], out[i] is zeros
void tg_grad(tg_node *y, tg_node *cot, tg_node *const wrt[], int n, tg_node *out[]);

// Value of x by the reference kernels, in double precision. NULL on tg_error.
// The array is owned by the graph and valid until the next change of a leaf.
const double *tg_eval(tg_node *x);
// The array behind a leaf (zeros for input and param until written); writing it forgets values.
double *tg_data(tg_node *leaf);

// Devices that plans run on. NULL stands for the CPU everywhere, so that nobody above needs to ask.
typedef struct tg_device tg_device;
typedef struct {
    bool deterministic; // the same bits every time, at some cost in speed
    bool exact;         // products in single precision throughout; else TF32, of 10 bits, may do
} tg_device_wish;
// "cpu", "" or NULL: *d is NULL. "cuda:N": NVIDIA's GPU number N; "cuda": the first, or the one by
// the process's place on its machine under Open MPI's launcher. Words may follow, as in
// "cuda:0,single,deterministic", that add to the wish: single is exact, and tg_device_mixed is
// false. wish may be NULL. A device outlives plans, arenas and memory that were made for it.
// Errors: GUISE_BAD_ARGUMENT with one sentence on why it cannot be used.
guise_status tg_device_open(tg_device **d, const char *name, const tg_device_wish *wish,
                            base_error *e);
void tg_device_close(tg_device **d);
// Multiply-accumulates in a second of a product of two large matrices, in bf16 or as the wish says.
guise_status tg_device_peak(tg_device *d, bool mixed, double *macs, base_error *e);
bool tg_device_mixed(const tg_device *d); // is lower precision wanted for training? false for NULL
// Zeroed memory that plans on d use in place when it is bound, and the host touches after tg_wait.
float *tg_floats(tg_device *d, size_t n); // NULL: out of memory
void tg_floats_free(tg_device *d, float *p);
// In the order of the work that is queued on d, without waiting. All memory is of tg_floats.
guise_status tg_copy(tg_device *d, float *to, const float *from, size_t n, base_error *e);
guise_status tg_zero(tg_device *d, float *to, size_t n, base_error *e);
// Until all that was queued is done. Errors: the first failure since the last time.
guise_status tg_wait(tg_device *d, base_error *e);

// A team whose sums go from device to device (backend/cuda_team.h): for graphs whose plans run on
// d. Ended by base_team_close before d is. Errors: as of cuda_team_open.
guise_status tg_device_join(tg_device *d, struct base_team *host, struct base_team **t,
                            base_error *e);

// Plans.
typedef struct tg_plan tg_plan;
// Memory for what lives during one run. Plans that never run at the same time can share one, which
// grows to what the largest of them needs; it must outlive them.
typedef struct tg_arena tg_arena;
tg_arena *tg_arena_new(void);    // empty; NULL if out of memory
void tg_arena_free(tg_arena *a); // NULL is fine
size_t tg_arena_bytes(const tg_arena *a);

// Steps of planning that can be left out, to see what each brings.
typedef enum {
    TG_PART_NORMS = 1,     // batch norms folded into the convolutions before them
    TG_PART_FIXED = 2,     // what depends on weights alone computed once
    TG_PART_EPILOGUE = 4,  // bias and activation inside the convolution
    TG_PART_PADDING = 8,   // reflection inside the convolution
    TG_PART_CHAINS = 16,   // pointwise ops, and sums over them, in one pass
    TG_PART_SPREAD = 32,   // repeated operands of those never stored
    TG_PART_REUSE = 64,    // memory of dead values used again
    TG_PART_PACKING = 128, // weights packed once
    TG_PART_WINOGRAD = 256,
    TG_PART_NARROW = 512,   // kernels for few channels
    TG_PART_MEASURE = 1024, // the fastest convolution by measuring, in place of a rule
} tg_plan_part;
// Bits of names in commas, "norms,padding"; 0 with the sentence where a name is unknown.
unsigned tg_plan_parts(const char *names, base_error *e);

typedef struct {
    bool train;       // params change between runs: do not keep packed copies of them
    bool unfused;     // run every op by itself (tests compare)
    bool time;        // keep the time of every step for tg_plan_times
    unsigned without; // tg_plan_part bits; unfused implies the first six
    // Lower precision where that is faster and exact enough: the first run, in single precision
    // too, finds out on its own data. No layer may differ by more than 1e-2, as the root of the
    // mean square over that of the result, and neither may any output. Not in training.
    bool fast;
    tg_arena *arena; // shared memory for runs; NULL: the plan's own
    // Where it runs. Memory of tg_floats is used in place; other inputs are copied there for every
    // run, other parameters once (in training for every run), other outputs back.
    tg_device *device;
    // On a device: images in memory as bf16; sums, weights and their gradients in single precision.
    // Where .fast is set, too.
    bool mixed;
    // On a device: a run only queues its work, unless an output is bound to other memory;
    // tg_plan_value and tg_wait wait for it, and say what failed.
    bool ahead;
} tg_plan_options;

// Make the graph ready to compute out[0..n). The graph must outlive the plan and gain no use of
// its nodes by later building. o may be NULL.
// Errors: GUISE_NO_MEMORY; GUISE_BAD_ARGUMENT with the graph's first mistake.
guise_status tg_plan_open(tg_plan **p, tg_graph *g, tg_node *const out[], int n,
                          const tg_plan_options *o, base_error *e);
void tg_plan_close(tg_plan **p);
// Tie a leaf, or an output, to memory of yours: row-major floats of its shape, kept by you until
// the plan closes or binds anew. A node that the plan does not need is fine and ignored.
guise_status tg_plan_bind(tg_plan *p, const tg_node *x, float *data, base_error *e);
// Errors: GUISE_BAD_ARGUMENT for a leaf that nobody bound; GUISE_NO_MEMORY.
guise_status tg_plan_run(tg_plan *p, base_error *e);
const float *tg_plan_value(const tg_plan *p, const tg_node *out); // row-major; NULL: no output
// The value of an output to memory of tg_floats, in the order of the work that is queued.
guise_status tg_plan_move(tg_plan *p, const tg_node *out, float *to, base_error *e);
void tg_plan_params_changed(tg_plan *p); // packed copies of params are made again
// In every run call begin(user) before the first step - again where a run begins anew, since it
// could not be recorded - made(user, out) after each, out the output that it has made or NULL, and
// all(user) after the last one. On a GPU steps have been queued by then, not done; a run that
// repeats a recorded one repeats what these calls queued, and calls nobody. made NULL: no more.
typedef struct {
    void (*begin)(void *user);
    void (*made)(void *user, const tg_node *out);
    void (*all)(void *user);
    void *user;
} tg_watch;
void tg_plan_watch(tg_plan *p, tg_watch w);
size_t tg_plan_bytes(const tg_plan *p); // its share of an arena, and what it keeps, together
size_t tg_plan_kept(const tg_plan *p);  // packed weights and other values from run to run

// One step of a plan: its op ("conv2d", "fused 5", "layout") and, where there are several, the way
// it is done ("winograd 4"); seconds over all runs since the plan was opened with .time set, or
// since the last tg_plan_forget_times.
typedef struct {
    const char *what, *how; // how may be NULL; both valid for the call
    tg_shape shape;         // of the result
    double seconds, macs;   // macs: of one run
    double gain, error;     // lower precision: seconds saved in a run, difference; else 0
} tg_step_time;
void tg_plan_times(const tg_plan *p, void (*f)(void *user, const tg_step_time *t), void *user);
void tg_plan_forget_times(tg_plan *p);
void tg_plan_keep_times(tg_plan *p); // from here on, as .time does

// The largest difference of an output to single precision, after the first run of a fast plan; 0 on
// a device, where nobody looks.
double tg_plan_error(const tg_plan *p);

// What a plan would spend: multiply-accumulates of convolutions and products.
double tg_plan_macs(const tg_plan *p);

#endif
