// gpu.h -- what the gpu hooks of op files share: kernels of ours, launched for the types at hand.
#ifndef GUISE_GRAPH_GPU_H
#define GUISE_GRAPH_GPU_H
#include "graph/op.h"

// Device code beside op files, in front of which goes kernel.cuh.
extern const char cuda_text_fir[], cuda_text_move[], cuda_text_pool[], cuda_text_reflect_pad[],
    cuda_text_resize[], cuda_text_sum_to[], cuda_text_warp[];

const char *gpu_type(cuda_type t); // "float", "bf16": as device code has it

// How many of n elements side by side a thread can move by one access: the most, up to 16 bytes of
// the smaller type, that divide n and whose size divides both addresses.
int gpu_pack(const cuda_array *a, const cuda_array *b, int64_t n);

// Compile text with the given lines in front, unless that is done, and start its kernel for `count`
// elements, or with `blocks` blocks.
int gpu_launch(const tg_gpu_call *c, const char *text, const char *defines, const char *name,
               const void *args, size_t size, int64_t count);
int gpu_launch_blocks(const tg_gpu_call *c, const char *text, const char *defines, const char *name,
                      const void *args, size_t size, int64_t blocks);

// The lines of a kernel from x to y that handles `pack` channels together; 128 bytes are enough.
void gpu_defines(char *text, size_t size, cuda_type x, cuda_type y, int pack);
enum { GPU_DEFINES = 256 };

// What every kernel for channels-last images begins with. c: packs of channels; h, w: size of the
// operand of the linear map, oh, ow: of its result; the adjoint goes from oh, ow to h, w.
typedef struct {
    uint64_t x, y;
    int64_t count, c, h, w, oh, ow; // count: packs in what is written
} gpu_image;
// Fills a from the call's first input and its result. Returns the channels of a pack.
int gpu_image_of(const tg_gpu_call *c, bool adjoint, gpu_image *a);

// Moving elements: y[first_y + to . i] = x[first_x + from . i] for all indices i below n, the last
// of which varies fastest in y; zero where an index lies outside a range.
typedef struct {
    int rank;
    int64_t n[TG_MAX_RANK], from[TG_MAX_RANK], to[TG_MAX_RANK]; // sizes; steps in x and y
    int64_t first_x, first_y;
    bool bound; // zero unless low <= i[dim] < high
    int dim;
    int64_t low, high;
} gpu_move_map;
int gpu_move(const tg_gpu_call *c, int input, const gpu_move_map *m);
#endif
