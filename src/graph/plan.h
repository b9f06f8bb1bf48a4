// plan.h -- what a plan is made of. Only plan*.c, fuse.c and exec.c include this.
//
// A value is a node in one memory layout: number 2 * id is row-major, 2 * id + 1 channels-last.
// Arrays whose two layouts are the same bytes only have the first.
#ifndef GUISE_GRAPH_PLAN_H
#define GUISE_GRAPH_PLAN_H
#include "graph/op.h"

enum { PLAN_NONE = -1, PLAN_TILE = 1024, PLAN_MAX_OPS = 48, PLAN_MAX_OPERANDS = 16 };

// A chain of pointwise ops over the elements of one array, tile by tile; the result is stored, or
// added up into a smaller array.
typedef struct {
    int value; // what is read
    bool repeat;
    tg_walk walk;
} plan_operand;

typedef struct {
    const tg_node *node;
    int src[2]; // register, or ~operand
    int dst;    // register
} plan_op;

typedef struct {
    int64_t count, tile; // elements in all, in a tile
    int n_ops, n_operands, n_regs;
    plan_op op[PLAN_MAX_OPS];
    plan_operand operand[PLAN_MAX_OPERANDS];
    int reg[PLAN_MAX_OPERANDS]; // register that a repeating operand is spread into
    int result;                 // register or ~operand
    bool reduce;
    tg_walk sum; // of the result array over the elements
    int64_t sum_count;
    int parts; // independent partial sums, whatever the number of threads
} plan_program;

typedef enum { STEP_OP, STEP_FUSED, STEP_LAYOUT } plan_kind;

typedef struct {
    plan_kind kind;
    const tg_node *node; // whose value is made
    int out;             // value
    int in[PLAN_MAX_OPERANDS], n_in;
    bool last;
    void *state;
    void *other;        // while precision is chosen: state in the precision that is not in use
    bool lower;         // in lower precision; then
    double gain, error; // seconds saved in a run, and the difference that it makes
    plan_program *program;
    struct plan_kernels *kernels; // on a device: of a program, or of a change of layout
    double seconds;               // spent so far, when the plan keeps time
} plan_step;

// AT_ARENA: for the time of a run; AT_KEPT: from one run to the next
typedef enum { AT_NOWHERE, AT_ARENA, AT_KEPT, AT_BOUND, AT_CONST, AT_ALIAS } plan_place;

typedef struct {
    plan_place place;
    cuda_type type;  // on a device; else single precision
    size_t offset;   // AT_ARENA, AT_KEPT: bytes; AT_CONST: index into consts; AT_ALIAS: value
    int first, last; // steps that make it and use it last
} plan_value;

typedef struct { // what is known of a node while planning
    bool needed, output;
    signed char layout; // of its value: 0 row-major, 1 channels-last, -1 either
    int users, root;    // root: node whose program computes this one, PLAN_NONE where it is stored
    int conv;           // convolution whose epilogue ends in this node
    int pad;            // convolution: the reflection padding of x that it does itself
    int padders;        // reflection padding: readers that can do it themselves
    bool inside;        // swallowed by a convolution
    bool fixed;         // depends on constants, and for inference parameters, alone
} plan_note;

struct tg_plan {
    tg_graph *graph;
    tg_plan_options options;
    int n_nodes;
    tg_node **from, **to; // outputs as asked for, and what stands for them after simplifying
    int n_outs;
    plan_note *note;
    plan_value *value; // 2 * n_nodes
    plan_step *step;
    size_t n_steps, cap_steps;
    size_t n_fixed; // the first steps run once, and again when parameters have changed
    bool fixed_done;
    float **bound; // by node id: leaves and outputs
    float **own;   // by node id: output memory of the plan's own
    float **consts;
    size_t n_consts, cap_consts;
    tg_arena *arena; // values, then scratch of reductions, then that of steps while they run
    bool own_arena;
    size_t arena_bytes, partial_count, scratch_bytes;
    size_t partial_at, scratch_at; // bytes into the arena
    char *kept;
    size_t kept_bytes;
    bool chosen; // precision
    double error;
    struct plan_device *on; // where it runs; NULL: on the CPU
    tg_watch watch;         // .made NULL: nobody
};

// arena.c
char *plan_arena_data(const tg_arena *a);
bool plan_arena_grow(tg_arena *a, size_t bytes); // to at least so many; false: out of memory
cuda_at plan_arena_at(const tg_arena *a);
size_t plan_arena_moves(const tg_arena *a); // how often it was made anew there
bool plan_arena_grow_on(tg_arena *a, cuda_device *device, size_t bytes);

// simplify.c: now[i] computes what out[i] does, with fewer operations. Adds nodes to g.
guise_status plan_simplify(tg_graph *g, tg_node *const out[], int n, tg_node *now[], base_error *e);
bool plan_two_layouts(const tg_node *x); // its layouts differ in memory
int plan_value_of(const tg_node *x, int layout);
int plan_root_value(const tg_plan *p, int value); // through aliases
// The value of x in a layout, with the steps that bring it there.
guise_status plan_want(tg_plan *p, const tg_node *x, int layout, int *value, base_error *e);
// fuse.c: the program of root with everything that joined it; s->in are its operands.
guise_status plan_program_make(tg_plan *p, const tg_node *root, plan_step *s, base_error *e);
int plan_program_run(const tg_plan *p, const plan_step *s);
// plan_memory.c: places for all values, the arena and other memory; kernels.
guise_status plan_memory(tg_plan *p, base_error *e);
guise_status plan_prepare(tg_plan *p, base_error *e);
tg_wish plan_wish(const tg_plan *p, const plan_step *t); // of its op
// exec.c; 0 or a negative guise_status
int plan_run_op(const tg_plan *p, const plan_step *t, void *state, void *scratch, float *out);
guise_status plan_leaves(const tg_plan *p, base_error *e); // are they all bound?
void plan_tell(const tg_plan *p, const plan_step *t);      // the watcher: t has run
guise_status plan_run_step(const tg_plan *p, const plan_step *t, base_error *e);
// precision.c: the first run of a fast plan, whose leaves and outputs are bound.
guise_status plan_choose_precision(tg_plan *p, base_error *e);
float *plan_pointer(const tg_plan *p, int value);
int plan_padded_input(const tg_node *conv); // which input of a convolution may come unpadded
#endif
