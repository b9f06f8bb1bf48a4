// direct.c -- convolutions by oneDNN: channels-last images, weights packed as the primitive wants.
#include "backend/direct.h"
#include "backend/dnnl_shim.h"
#include <string.h>

// An operand: what the caller has, what the primitive takes, and the way between if they differ.
typedef struct {
    dnnl_memory_t user, inside; // the same handle where the descriptors agree
    dnnl_primitive_t reorder;   // user -> inside for inputs, inside -> user for the output
    void *buffer;               // behind inside where that is kept; else it lies in scratch
    size_t bytes;               // of inside, when it is not user
} operand;

struct cpu_direct {
    dnnl_primitive_t prim;
    dnnl_stream_t stream;
    operand a, b, out;
    dnnl_memory_t bias;
    bool keep, packed, post_bias;
    int arg_a, arg_b, arg_out;
    char how[64];
};

// image layouts to ask oneDNN for: channels-last, what it likes best, or in sixteens
enum { LAST, ANY, SIXTEENS };

static dnnl_status_t describe(shim_conv *d, const cpu_conv_shape *s, bool bias, int layout,
                              cpu_type type)
{
    dnnl_data_type_t t = type == CPU_BF16 ? dnnl_bf16 : type == CPU_F16 ? dnnl_f16 : dnnl_f32;
    const int64_t x[] = {s->n, s->c, s->h, s->w}, y[] = {s->n, s->o, s->oh, s->ow}, b[] = {s->o};
    const int64_t w[] = {s->groups, s->o / s->groups, s->c / s->groups, s->kh, s->kw};
    dnnl_format_tag_t tag = layout == LAST  ? dnnl_nhwc
                            : layout == ANY ? dnnl_format_tag_any
                                            : dnnl_nChw16c;
    *d = (shim_conv){.stride = {s->stride, s->stride},
                     .before = {s->top, s->left},
                     .after = {s->bottom, s->right}};
    dnnl_status_t e = shim_md_of(&d->x, 4, x, t, tag);
    if (!e) e = shim_md_make(&d->y, 4, y, tag);
    if (!e && s->groups > 1) e = shim_md_of(&d->w, 5, w, t, dnnl_format_tag_any);
    if (!e && s->groups == 1)
        e = shim_md_of(&d->w, 4, (int64_t[]){s->o, s->c, s->kh, s->kw}, t, dnnl_format_tag_any);
    if (!e && bias) e = shim_md_make(&d->bias, 1, b, dnnl_a);
    return e;
}

static void end(shim_conv *d)
{
    shim_md_end(&d->x);
    shim_md_end(&d->w);
    shim_md_end(&d->bias);
    shim_md_end(&d->y);
}

static dnnl_status_t attributes(dnnl_primitive_attr_t *attr, const cpu_conv_post *post)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t e = dnnl_primitive_attr_create(attr);
    if (!e) e = dnnl_post_ops_create(&ops);
#if DNNL_VERSION_MAJOR >= 3
    if (!e && post->add) e = dnnl_post_ops_append_sum(ops, 1, 0, dnnl_data_type_undef);
#else
    if (!e && post->add) e = dnnl_post_ops_append_sum(ops, 1);
#endif
    if (!e && post->act) e = shim_post_act(ops, post->slope);
    if (!e) e = dnnl_primitive_attr_set_post_ops(*attr, ops);
    if (ops) dnnl_post_ops_destroy(ops);
    return e;
}

// The primitive descriptor for one layout, or NULL where oneDNN has none.
static dnnl_primitive_desc_t choose(cpu_conv_kind kind, const cpu_conv_shape *s,
                                    const cpu_conv_post *post, int layout, cpu_type type)
{
    dnnl_primitive_desc_t pd = NULL, hint = NULL;
    dnnl_primitive_attr_t attr = NULL;
    shim_conv d = {0};
    dnnl_status_t e = describe(&d, s, post->bias, layout, type);
    if (!e) e = attributes(&attr, post);
    if (!e && kind != CPU_CONV_Y)
        e = shim_conv_desc(&hint, CPU_CONV_Y, &d, true, NULL, shim_engine(), NULL);
    if (!e) e = shim_conv_desc(&pd, kind, &d, false, attr, shim_engine(), hint);
    end(&d);
    if (attr) dnnl_primitive_attr_destroy(attr);
    if (hint) dnnl_primitive_desc_destroy(hint);
    return e ? NULL : pd;
}

// Reference and product-based implementations are several times slower than the generated ones.
static bool slow(const_dnnl_primitive_desc_t pd)
{
    const char *how = "";
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&how);
    return strncmp(how, "jit", 3) != 0 && strncmp(how, "brg", 3) != 0;
}

static dnnl_primitive_desc_t best(cpu_conv_kind kind, const cpu_conv_shape *s,
                                  const cpu_conv_post *post, cpu_type type)
{
    // oneDNN 2.6 runs over the end of its own memory in the weight gradients of strides with four
    // to fifteen channels-last channels: found as a crash some calls later
    bool spills = kind == CPU_CONV_DW && s->stride > 1 && s->c > 3 && s->c < 16;
    if (spills) return choose(kind, s, post, SIXTEENS, type);
    dnnl_primitive_desc_t last = choose(kind, s, post, LAST, type), any = NULL;
    // weight gradients of strides step through channels-last images at half the speed
    bool blocked = kind == CPU_CONV_DW && s->stride > 1 && s->c >= 64 && s->o >= 64;
    if (last && !slow(last) && !blocked) return last;
    any = choose(kind, s, post, ANY, type);
    if (!any || (last && slow(any))) {
        if (any) dnnl_primitive_desc_destroy(any);
        return last;
    }
    if (last) dnnl_primitive_desc_destroy(last);
    return any;
}

static dnnl_status_t operand_open(operand *o, const shim_md *user, shim_desc inside, bool output,
                                  bool keep)
{
    dnnl_status_t e = shim_memory(&o->user, shim_ref(user), shim_engine());
    if (e || shim_same(shim_ref(user), inside)) return e;
    o->bytes = (shim_bytes(inside) + 63) / 64 * 64;
    if (keep && !(o->buffer = base_aligned(o->bytes))) return dnnl_out_of_memory;
    e = shim_memory(&o->inside, inside, shim_engine());
    if (!e && keep) e = dnnl_memory_set_data_handle(o->inside, o->buffer);
    if (!e)
        e = output ? shim_reorder(&o->reorder, inside, shim_ref(user), shim_engine())
                   : shim_reorder(&o->reorder, shim_ref(user), inside, shim_engine());
    return e;
}

static void operand_close(operand *o)
{
    if (o->user) dnnl_memory_destroy(o->user);
    if (o->inside) dnnl_memory_destroy(o->inside);
    if (o->reorder) dnnl_primitive_destroy(o->reorder);
    base_free(o->buffer);
}

static dnnl_status_t operands(cpu_direct *c, cpu_conv_kind kind, const cpu_conv_shape *s,
                              const_dnnl_primitive_desc_t pd, bool bias)
{
    c->keep &= kind != CPU_CONV_DW;
    bool grouped = s->groups > 1;
    const int64_t xd[] = {s->n, s->c, s->h, s->w}, yd[] = {s->n, s->o, s->oh, s->ow};
    const int64_t wd[] = {s->groups, s->o / s->groups, s->c / s->groups, s->kh, s->kw};
    const int64_t wp[] = {s->o, s->c, s->kh, s->kw};
    shim_md x = {0}, w = {0}, y = {0}, b = {0};
    dnnl_status_t e = shim_md_make(&x, 4, xd, dnnl_nhwc);
    if (!e) e = shim_md_make(&y, 4, yd, dnnl_nhwc);
    if (!e)
        e = shim_md_make(&w, grouped ? 5 : 4, grouped ? wd : wp, grouped ? dnnl_goihw : dnnl_oihw);
    if (!e && bias) e = shim_md_make(&b, 1, (int64_t[]){s->o}, dnnl_a);
    bool dx = kind == CPU_CONV_DX, dw = kind == CPU_CONV_DW;
    shim_desc xi = shim_query(pd, dx ? dnnl_query_diff_src_md : dnnl_query_src_md);
    shim_desc wi = shim_query(pd, dw ? dnnl_query_diff_weights_md : dnnl_query_weights_md);
    shim_desc yi = shim_query(pd, dx || dw ? dnnl_query_diff_dst_md : dnnl_query_dst_md);
    if (!e) e = operand_open(&c->a, dx || dw ? &y : &x, dx || dw ? yi : xi, false, false);
    if (!e) e = operand_open(&c->b, dw ? &x : &w, dw ? xi : wi, false, c->keep);
    if (!e) e = operand_open(&c->out, dx ? &x : dw ? &w : &y, dx ? xi : dw ? wi : yi, true, false);
    if (!e && bias) e = shim_memory(&c->bias, shim_ref(&b), shim_engine());
    c->arg_a = dx || dw ? DNNL_ARG_DIFF_DST : DNNL_ARG_SRC;
    c->arg_b = dw ? DNNL_ARG_SRC : DNNL_ARG_WEIGHTS;
    c->arg_out = dx ? DNNL_ARG_DIFF_SRC : dw ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_DST;
    shim_md_end(&x);
    shim_md_end(&w);
    shim_md_end(&y);
    shim_md_end(&b);
    return e;
}

int cpu_direct_open(cpu_direct **out, cpu_conv_kind kind, const cpu_conv_shape *s,
                    const cpu_conv_post *post, bool keep_weights, cpu_type type)
{
    static const cpu_conv_post none;
    *out = NULL;
    if (!post) post = &none;
    cpu_direct *c = base_alloc(1, sizeof *c);
    dnnl_primitive_desc_t pd = shim_engine() && c ? best(kind, s, post, type) : NULL;
    dnnl_status_t e = pd ? dnnl_success : dnnl_out_of_memory;
    if (!e) {
        const char *how = "";
        dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&how);
        snprintf(c->how, sizeof c->how, "%s", how);
        c->keep = keep_weights;
        e = operands(c, kind, s, pd, post->bias);
    }
    if (!e) e = dnnl_primitive_create(&c->prim, pd);
    if (!e) e = dnnl_stream_create(&c->stream, shim_engine(), dnnl_stream_default_flags);
    if (pd) dnnl_primitive_desc_destroy(pd);
    if (e)
        cpu_direct_close(c);
    else
        *out = c;
    return e ? GUISE_NO_MEMORY : GUISE_OK;
}

void cpu_direct_close(cpu_direct *c)
{
    if (!c) return;
    operand_close(&c->a);
    operand_close(&c->b);
    operand_close(&c->out);
    if (c->bias) dnnl_memory_destroy(c->bias);
    if (c->prim) dnnl_primitive_destroy(c->prim);
    if (c->stream) dnnl_stream_destroy(c->stream);
    base_free(c);
}

static dnnl_status_t move(cpu_direct *c, operand *o, bool output)
{
    dnnl_memory_t from = output ? o->inside : o->user, to = output ? o->user : o->inside;
    dnnl_exec_arg_t arg[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    return o->reorder ? dnnl_primitive_execute(o->reorder, c->stream, 2, arg) : dnnl_success;
}

static dnnl_status_t give(operand *o, const float *data)
{
    return dnnl_memory_set_data_handle(o->user, (void *)(uintptr_t)data);
}

// Memory for operands that do not keep theirs, one after the other.
static dnnl_status_t give_scratch(cpu_direct *c, char *scratch)
{
    operand *all[] = {&c->a, &c->b, &c->out};
    dnnl_status_t e = dnnl_success;
    for (int i = 0; !e && i < 3; i++) {
        if (!all[i]->reorder || all[i]->buffer) continue;
        e = dnnl_memory_set_data_handle(all[i]->inside, scratch);
        scratch += all[i]->bytes;
    }
    return e;
}

int cpu_direct_run(cpu_direct *c, const float *a, const float *b, const float *bias, float *out,
                   void *scratch)
{
    dnnl_status_t e = give_scratch(c, scratch);
    if (!e) e = give(&c->a, a);
    if (!e) e = give(&c->b, b);
    if (!e) e = give(&c->out, out);
    if (!e && c->bias) e = dnnl_memory_set_data_handle(c->bias, (void *)(uintptr_t)bias);
    if (!e) e = move(c, &c->a, false);
    if (!e && !(c->keep && c->packed)) e = move(c, &c->b, false);
    if (!e) c->packed = true;
    dnnl_exec_arg_t arg[] = {{c->arg_a, c->a.reorder ? c->a.inside : c->a.user},
                             {c->arg_b, c->b.reorder ? c->b.inside : c->b.user},
                             {c->arg_out, c->out.reorder ? c->out.inside : c->out.user},
                             {DNNL_ARG_BIAS, c->bias}};
    if (!e) e = dnnl_primitive_execute(c->prim, c->stream, c->bias ? 4 : 3, arg);
    if (!e) e = move(c, &c->out, true);
    if (!e) e = dnnl_stream_wait(c->stream);
    return e ? GUISE_NO_MEMORY : GUISE_OK;
}

void cpu_direct_forget(cpu_direct *c) { c->packed = false; }

size_t cpu_direct_bytes(const cpu_direct *c) { return c->b.buffer ? c->b.bytes : 0; }

size_t cpu_direct_scratch(const cpu_direct *c)
{
    return c->a.bytes + c->out.bytes + (c->b.buffer ? 0 : c->b.bytes);
}

const char *cpu_direct_how(const cpu_direct *c) { return c->how; }
