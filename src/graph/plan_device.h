// plan_device.h -- the part of a plan that runs on a GPU. Only plan*.c, exec*.c, program_cuda.c,
// device.c and tests include this.
#ifndef GUISE_GRAPH_PLAN_DEVICE_H
#define GUISE_GRAPH_PLAN_DEVICE_H
#include "graph/plan.h"

extern const char cuda_text_program[], cuda_text_layout[];

// What a program's kernel is called with: in device code `struct args`, this head, then addresses
// of operands, steps, divisors and numbers of the ops, as many as there are.
typedef struct {
    uint64_t out;
    int64_t count, results, terms, parts, chunk, width;
} plan_args_head;
enum { PLAN_MAX_STEPS = 16 * TG_MAX_RANK + TG_MAX_RANK, PLAN_MAX_NUMBERS = 2 * PLAN_MAX_OPS };

// A program as text. The same arguments serve for any number of elements in a thread.
typedef struct {
    char *text; // lines in front of cuda_text_program
    size_t length, room;
    bool failed; // out of memory
    plan_args_head head;
    int n_operands, n_steps, n_divisors, n_numbers;
    int64_t step[PLAN_MAX_STEPS];
    cuda_divide divisor[PLAN_MAX_STEPS];
    float number[PLAN_MAX_NUMBERS];
} plan_source;

// Elements that a thread can take together: 8, 4 or 1.
int plan_program_wide(const tg_plan *p, const plan_step *t);
// The text for n elements in a thread. Errors: GUISE_NO_MEMORY. Free text in any case.
guise_status plan_program_text(const tg_plan *p, const plan_step *t, int n, plan_source *s,
                               base_error *e);

// A program, or a change of layout, made ready.
typedef struct plan_kernels {
    cuda_kernel *one, *wide, *finish; // NULL where not needed
    int n;                            // elements in a thread of wide
    bool aligned[PLAN_MAX_OPERANDS];  // wide reads so many at once
    size_t size;                      // of args
    plan_args_head head;
    unsigned char args[];
} plan_kernels;
guise_status plan_program_ready(tg_plan *p, plan_step *t, base_error *e);
int plan_program_launch(const tg_plan *p, const plan_step *t);

struct plan_device {
    tg_device *device;
    cuda_device *cuda;
    cuda_at *at;        // by node id: leaves and outputs, wherever they are
    cuda_at *room;      // by node id: memory of the plan's own for those that are not shared
    cuda_at *pinned;    // by node id: outputs on the host
    cuda_feed **feed;   // by node id: inputs that are not shared
    const float **from; // by node id: what was bound when `at` was found
    size_t const_bytes;
    cuda_at kept;
    cuda_record *record;
    size_t recorded;  // moves of the arena by then
    bool plain;       // cannot be recorded
    bool again;       // has run since memory was bound
    cuda_mark **mark; // of steps; while the plan keeps time
};

// device.c
bool tg_device_owns(const tg_device *d, const void *p, size_t bytes);
// plan_device.c: after the steps are made, before their memory; and after it.
guise_status plan_device_open(tg_plan *p, base_error *e);
guise_status plan_device_prepare(tg_plan *p, base_error *e);
void plan_device_close(tg_plan *p);
size_t plan_device_kept(const tg_plan *p);
int plan_layout_launch(const tg_plan *p, const plan_step *t);
cuda_at plan_at(const tg_plan *p, int value);
cuda_type plan_type(const tg_plan *p, int value);
// exec_device.c
guise_status plan_device_run(tg_plan *p, base_error *e);
const float *plan_device_value(const tg_plan *p, int id);
void plan_device_forget(tg_plan *p);
guise_status plan_device_move(tg_plan *p, int id, float *to, base_error *e);

#endif
