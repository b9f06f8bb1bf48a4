// dnnl_shim.c -- oneDNN 2 and 3 behind one face.
#include "backend/dnnl_shim.h"
#include <pthread.h>

static dnnl_prop_kind_t direction(bool training)
{
    return training ? dnnl_forward_training : dnnl_forward_inference;
}

#if DNNL_VERSION_MAJOR >= 3

shim_desc shim_ref(const shim_md *d) { return d->made ? d->md : NULL; }

dnnl_status_t shim_md_of(shim_md *d, int rank, const int64_t dims[], dnnl_data_type_t type,
                         dnnl_format_tag_t tag)
{
    dnnl_status_t s = dnnl_memory_desc_create_with_tag(&d->md, rank, dims, type, tag);
    d->made = s == dnnl_success;
    return s;
}

dnnl_status_t shim_md_steps(shim_md *d, int rank, const int64_t dims[], const int64_t steps[])
{
    dnnl_status_t s = dnnl_memory_desc_create_with_strides(&d->md, rank, dims, dnnl_f32, steps);
    d->made = s == dnnl_success;
    return s;
}

void shim_md_end(shim_md *d)
{
    if (d->made) dnnl_memory_desc_destroy(d->md);
    *d = (shim_md){0};
}

dnnl_status_t shim_post_act(dnnl_post_ops_t ops, double slope)
{
    return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, (float)slope, 0);
}

dnnl_status_t shim_conv_desc(dnnl_primitive_desc_t *pd, cpu_conv_kind kind, const shim_conv *c,
                             bool training, const_dnnl_primitive_attr_t attr, dnnl_engine_t engine,
                             const_dnnl_primitive_desc_t hint)
{
    shim_desc x = shim_ref(&c->x), w = shim_ref(&c->w), b = shim_ref(&c->bias), y = shim_ref(&c->y);
    dnnl_alg_kind_t alg = dnnl_convolution_direct;
    if (kind == CPU_CONV_DX)
        return dnnl_convolution_backward_data_primitive_desc_create(
            pd, engine, alg, x, w, y, c->stride, c->dilate, c->before, c->after, hint, attr);
    if (kind == CPU_CONV_DW)
        return dnnl_convolution_backward_weights_primitive_desc_create(
            pd, engine, alg, x, w, b, y, c->stride, c->dilate, c->before, c->after, hint, attr);
    return dnnl_convolution_forward_primitive_desc_create(pd, engine, direction(training), alg, x,
                                                          w, b, y, c->stride, c->dilate, c->before,
                                                          c->after, attr);
}

static dnnl_status_t append_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1, 0, dnnl_data_type_undef);
}

static dnnl_status_t matmul_desc(dnnl_primitive_desc_t *pd, const shim_md *v, const shim_md *u,
                                 const shim_md *y, const_dnnl_primitive_attr_t attr,
                                 dnnl_engine_t engine)
{
    return dnnl_matmul_primitive_desc_create(pd, engine, shim_ref(v), shim_ref(u), NULL,
                                             shim_ref(y), attr);
}

bool shim_has_f16(dnnl_cpu_isa_t have)
{
    return (have & dnnl_cpu_isa_avx512_core_fp16) == dnnl_cpu_isa_avx512_core_fp16;
}

#else

bool shim_has_f16(dnnl_cpu_isa_t have) // version 2 has no such products
{
    (void)have;
    return false;
}

shim_desc shim_ref(const shim_md *d) { return d->made ? &d->md : NULL; }

dnnl_status_t shim_md_of(shim_md *d, int rank, const int64_t dims[], dnnl_data_type_t type,
                         dnnl_format_tag_t tag)
{
    dnnl_status_t s = dnnl_memory_desc_init_by_tag(&d->md, rank, dims, type, tag);
    d->made = s == dnnl_success;
    return s;
}

dnnl_status_t shim_md_steps(shim_md *d, int rank, const int64_t dims[], const int64_t steps[])
{
    dnnl_status_t s = dnnl_memory_desc_init_by_strides(&d->md, rank, dims, dnnl_f32, steps);
    d->made = s == dnnl_success;
    return s;
}

void shim_md_end(shim_md *d) { *d = (shim_md){0}; }

dnnl_status_t shim_post_act(dnnl_post_ops_t ops, double slope)
{
    return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, (float)slope, 0);
}

dnnl_status_t shim_conv_desc(dnnl_primitive_desc_t *pd, cpu_conv_kind kind, const shim_conv *c,
                             bool training, const_dnnl_primitive_attr_t attr, dnnl_engine_t engine,
                             const_dnnl_primitive_desc_t hint)
{
    shim_desc x = shim_ref(&c->x), w = shim_ref(&c->w), b = shim_ref(&c->bias), y = shim_ref(&c->y);
    dnnl_convolution_desc_t d;
    dnnl_alg_kind_t alg = dnnl_convolution_direct;
    dnnl_status_t s;
    if (kind == CPU_CONV_DX)
        s = dnnl_dilated_convolution_backward_data_desc_init(&d, alg, x, w, y, c->stride, c->dilate,
                                                             c->before, c->after);
    else if (kind == CPU_CONV_DW)
        s = dnnl_dilated_convolution_backward_weights_desc_init(&d, alg, x, w, b, y, c->stride,
                                                                c->dilate, c->before, c->after);
    else
        s = dnnl_dilated_convolution_forward_desc_init(&d, direction(training), alg, x, w, b, y,
                                                       c->stride, c->dilate, c->before, c->after);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, engine, hint) : s;
}

static dnnl_status_t append_sum(dnnl_post_ops_t ops) { return dnnl_post_ops_append_sum(ops, 1); }

static dnnl_status_t matmul_desc(dnnl_primitive_desc_t *pd, const shim_md *v, const shim_md *u,
                                 const shim_md *y, const_dnnl_primitive_attr_t attr,
                                 dnnl_engine_t engine)
{
    dnnl_matmul_desc_t d;
    dnnl_status_t s = dnnl_matmul_desc_init(&d, shim_ref(v), shim_ref(u), NULL, shim_ref(y));
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, engine, NULL) : s;
}

#endif

dnnl_status_t shim_matmul_desc(dnnl_primitive_desc_t *pd, const shim_md *v, const shim_md *u,
                               const shim_md *y, bool add, dnnl_engine_t engine)
{
    if (!add) return matmul_desc(pd, v, u, y, NULL, engine);
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t s = dnnl_primitive_attr_create(&attr);
    if (!s) s = dnnl_post_ops_create(&ops);
    if (!s) s = append_sum(ops);
    if (!s) s = dnnl_primitive_attr_set_post_ops(attr, ops);
    if (!s) s = matmul_desc(pd, v, u, y, attr, engine);
    if (ops) dnnl_post_ops_destroy(ops);
    if (attr) dnnl_primitive_attr_destroy(attr);
    return s;
}

static dnnl_engine_t the_engine; // one for the process, never changed after once() has made it
static void once(void)
{
    if (dnnl_engine_create(&the_engine, dnnl_cpu, 0) != dnnl_success) the_engine = NULL;
}

dnnl_engine_t shim_engine(void)
{
    static pthread_once_t made = PTHREAD_ONCE_INIT;
    pthread_once(&made, once);
    return the_engine;
}

dnnl_status_t shim_md_make(shim_md *d, int rank, const int64_t dims[], dnnl_format_tag_t tag)
{
    return shim_md_of(d, rank, dims, dnnl_f32, tag);
}

bool shim_same(shim_desc a, shim_desc b) { return dnnl_memory_desc_equal(a, b) != 0; }

size_t shim_bytes(shim_desc d) { return dnnl_memory_desc_get_size(d); }

shim_desc shim_query(const_dnnl_primitive_desc_t pd, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(pd, what, 0);
}

dnnl_status_t shim_memory(dnnl_memory_t *m, shim_desc d, dnnl_engine_t engine)
{
    return dnnl_memory_create(m, d, engine, DNNL_MEMORY_NONE);
}

dnnl_status_t shim_reorder(dnnl_primitive_t *p, shim_desc from, shim_desc to, dnnl_engine_t engine)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t s = dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, NULL);
    if (s == dnnl_success) s = dnnl_primitive_create(p, pd);
    if (pd) dnnl_primitive_desc_destroy(pd);
    return s;
}
