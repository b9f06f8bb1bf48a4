// gpu.c -- what the gpu hooks of op files share: kernels of ours, launched for the types at hand.
#include "graph/gpu.h"

const char *gpu_type(cuda_type t) { return t == CUDA_BF16 ? "bf16" : "float"; }

int gpu_pack(const cuda_array *a, const cuda_array *b, int64_t n)
{
    size_t least = cuda_size(a->type), other = cuda_size(b->type);
    if (other < least) least = other;
    for (size_t k = 16 / least; k > 1; k /= 2)
        if (n % (int64_t)k == 0 && a->at % (k * cuda_size(a->type)) == 0 &&
            b->at % (k * cuda_size(b->type)) == 0)
            return (int)k;
    return 1;
}

int gpu_launch_blocks(const tg_gpu_call *c, const char *text, const char *defines, const char *name,
                      const void *args, size_t size, int64_t blocks)
{
    cuda_kernel *k = NULL;
    base_error e = {0};
    guise_status s = cuda_kernel_get(c->device, text, defines, name, &k, &e);
    return s ? s : cuda_launch(c->device, k, blocks, CUDA_THREADS, args, size);
}

int gpu_launch(const tg_gpu_call *c, const char *text, const char *defines, const char *name,
               const void *args, size_t size, int64_t count)
{
    return gpu_launch_blocks(c, text, defines, name, args, size, cuda_blocks(count));
}

void gpu_defines(char *text, size_t size, cuda_type x, cuda_type y, int pack)
{
    snprintf(text, size, "#define X %s\n#define Y %s\n#define PACK %d\n", gpu_type(x), gpu_type(y),
             pack);
}

int gpu_image_of(const tg_gpu_call *c, bool adjoint, gpu_image *a)
{
    tg_shape out = c->y->shape, x = adjoint ? out : c->y->in[0]->shape;
    tg_shape y = adjoint ? c->y->in[0]->shape : out;
    int pack = gpu_pack(&c->x[0], &c->out, out.dim[1]);
    *a = (gpu_image){.x = c->x[0].at,
                     .y = c->out.at,
                     .count = tg_count(out) / pack,
                     .c = out.dim[1] / pack,
                     .h = x.dim[2],
                     .w = x.dim[3],
                     .oh = y.dim[2],
                     .ow = y.dim[3]};
    return pack;
}
