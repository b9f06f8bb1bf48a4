// cuda_none.c -- cuda.h in a build without CUDA: there is no device, and one sentence says so.
#include "backend/cuda.h"
#include <math.h>

static const char why[] = "no GPU is used: this guise was built without CUDA; build it where "
                          "NVIDIA's toolkit and cuDNN are, or run on the CPU";

guise_status cuda_open(cuda_device **d, int number, const cuda_wish *wish, base_error *e)
{
    (void)number, (void)wish;
    *d = NULL;
    return base_fail(e, GUISE_BAD_ARGUMENT, "%s", why);
}

void cuda_describe(cuda_facts *f)
{
    *f = (cuda_facts){0};
    snprintf(f->why, sizeof f->why, "%s", why);
}

// The rest cannot be reached, since nobody has a device.
void cuda_close(cuda_device **d) { (void)d; }
const char *cuda_trouble(const cuda_device *d) { return (void)d, why; }
cuda_wish cuda_wish_of(const cuda_device *d) { return (void)d, (cuda_wish){0}; }

bool cuda_has_bf16(const cuda_device *d)
{
    (void)d;
    return false;
}
cuda_at cuda_alloc(cuda_device *d, cuda_kind kind, size_t bytes)
{
    return (void)d, (void)kind, (void)bytes, (cuda_at)0;
}
void cuda_free(cuda_device *d, cuda_kind kind, cuda_at p) { (void)d, (void)kind, (void)p; }
size_t cuda_allocated(const cuda_device *d) { return (void)d, (size_t)0; }
int cuda_upload(cuda_device *d, cuda_at to, const void *from, size_t bytes)
{
    return (void)d, (void)to, (void)from, (void)bytes, GUISE_BAD_ARGUMENT;
}
int cuda_download(cuda_device *d, void *to, cuda_at from, size_t bytes)
{
    return (void)d, (void)to, (void)from, (void)bytes, GUISE_BAD_ARGUMENT;
}
int cuda_fetch(cuda_device *d, cuda_at pinned, cuda_at from, size_t bytes)
{
    return (void)d, (void)pinned, (void)from, (void)bytes, GUISE_BAD_ARGUMENT;
}
int cuda_copy(cuda_device *d, cuda_at to, cuda_at from, size_t bytes)
{
    return (void)d, (void)to, (void)from, (void)bytes, GUISE_BAD_ARGUMENT;
}
int cuda_clear(cuda_device *d, cuda_at p, size_t bytes)
{
    return (void)d, (void)p, (void)bytes, GUISE_BAD_ARGUMENT;
}
guise_status cuda_wait(cuda_device *d, base_error *e)
{
    return (void)d, base_fail(e, GUISE_BAD_ARGUMENT, "%s", why);
}
int cuda_settle(cuda_device *d) { return (void)d, GUISE_BAD_ARGUMENT; }
int cuda_feed_open(cuda_feed **f, cuda_device *d, size_t bytes)
{
    return (void)d, (void)bytes, *f = NULL, GUISE_BAD_ARGUMENT;
}
void cuda_feed_close(cuda_feed **f) { (void)f; }
int cuda_feed_put(cuda_feed *f, const void *from)
{
    return (void)f, (void)from, GUISE_BAD_ARGUMENT;
}
cuda_at cuda_feed_at(const cuda_feed *f) { return (void)f, (cuda_at)0; }
int cuda_record_begin(cuda_device *d) { return (void)d, GUISE_BAD_ARGUMENT; }
int cuda_record_end(cuda_device *d, cuda_record **r)
{
    return (void)d, *r = NULL, GUISE_BAD_ARGUMENT;
}
int cuda_replay(cuda_device *d, const cuda_record *r)
{
    return (void)d, (void)r, GUISE_BAD_ARGUMENT;
}
void cuda_record_free(cuda_record **r) { (void)r; }
cuda_mark *cuda_mark_new(cuda_device *d) { return (void)d, NULL; }
void cuda_mark_free(cuda_mark **m) { (void)m; }
int cuda_mark_set(cuda_mark *m) { return (void)m, GUISE_BAD_ARGUMENT; }
double cuda_mark_between(const cuda_mark *a, const cuda_mark *b)
{
    return (void)a, (void)b, (double)NAN;
}
guise_status cuda_kernel_get(cuda_device *d, const char *text, const char *defines,
                             const char *name, cuda_kernel **k, base_error *e)
{
    (void)d, (void)text, (void)defines, (void)name;
    *k = NULL;
    return base_fail(e, GUISE_BAD_ARGUMENT, "%s", why);
}
guise_status cuda_try_text(const char *text, const char *defines, int capability, base_error *e)
{
    (void)text, (void)defines, (void)capability;
    return base_fail(e, GUISE_BAD_ARGUMENT, "%s", why);
}
int cuda_launch(cuda_device *d, const cuda_kernel *k, int64_t blocks, int threads, const void *args,
                size_t args_size)
{
    return (void)d, (void)k, (void)blocks, (void)threads, (void)args, (void)args_size,
           GUISE_BAD_ARGUMENT;
}
int cuda_gemm_open(cuda_gemm **g, cuda_device *d, const cuda_gemm_shape *s, cuda_type a,
                   cuda_type b, cuda_type c)
{
    return (void)d, (void)s, (void)a, (void)b, (void)c, *g = NULL, GUISE_BAD_ARGUMENT;
}
void cuda_gemm_close(cuda_gemm **g) { (void)g; }
size_t cuda_gemm_scratch(const cuda_gemm *g) { return (void)g, (size_t)0; }
int cuda_gemm_run(const cuda_gemm *g, cuda_at a, cuda_at b, cuda_at c, cuda_at scratch)
{
    return (void)g, (void)a, (void)b, (void)c, (void)scratch, GUISE_BAD_ARGUMENT;
}
int cuda_conv_open(cuda_conv **c, cuda_device *d, cpu_conv_kind kind, const cpu_conv_shape *s,
                   const cpu_conv_post *post, cuda_conv_types types, bool keep_weights)
{
    (void)d, (void)kind, (void)s, (void)post, (void)types, (void)keep_weights;
    return *c = NULL, GUISE_BAD_ARGUMENT;
}
void cuda_conv_close(cuda_conv **c) { (void)c; }
void cuda_conv_forget(cuda_conv *c) { (void)c; }
size_t cuda_conv_scratch(const cuda_conv *c) { return (void)c, (size_t)0; }
size_t cuda_conv_bytes(const cuda_conv *c) { return (void)c, (size_t)0; }
const char *cuda_conv_how(const cuda_conv *c) { return (void)c, why; }
int cuda_convert(cuda_device *d, cuda_array x, cuda_array y, int64_t n)
{
    return (void)d, (void)x, (void)y, (void)n, GUISE_BAD_ARGUMENT;
}
int cuda_conv_run(cuda_conv *c, cuda_at a, cuda_at b, cuda_at bias, cuda_at out, cuda_at scratch)
{
    return (void)c, (void)a, (void)b, (void)bias, (void)out, (void)scratch, GUISE_BAD_ARGUMENT;
}
