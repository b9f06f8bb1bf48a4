// plan_device.c -- a plan made ready for a GPU: which values are bf16, kernels, memory.
#include "graph/plan_device.h"
#include <string.h>

cuda_type plan_type(const tg_plan *p, int value)
{
    return p->value[plan_root_value(p, value)].type;
}

cuda_at plan_at(const tg_plan *p, int value)
{
    const plan_value *v = &p->value[plan_root_value(p, value)];
    if (v->place == AT_ARENA) return plan_arena_at(p->arena) + v->offset;
    if (v->place == AT_KEPT) return p->on->kept + v->offset;
    return p->on->at[v->offset];
}

static bool is_image(tg_shape s) { return s.rank == 4 && s.dim[2] * s.dim[3] > 1; }

// What is known of a node while types are chosen.
enum { FROM_INPUT = 1, OF_WEIGHTS = 2 };

// Gradients of weights stay in single precision on their way to whoever reads them: what a
// convolution's weight gradient gives, and images made of that without another convolution.
static int note_of(const tg_node *x, const unsigned char *note)
{
    if (!x->op) return x->kind == TG_INPUT ? FROM_INPUT : 0;
    if (x->op == &tg_op_conv2d_dw) return FROM_INPUT | OF_WEIGHTS;
    bool product = x->op == &tg_op_conv2d || x->op == &tg_op_conv2d_dx || x->op == &tg_op_matmul;
    int n = 0;
    for (int i = 0; i < x->n_in; i++)
        n |= note[x->in[i]->id] &
             (product || !is_image(x->shape) ? FROM_INPUT : FROM_INPUT | OF_WEIGHTS);
    return n;
}

// bf16: images that depend on an input, and are neither sums, nor gradients of weights, nor
// memory of somebody else's.
static guise_status choose_types(tg_plan *p, base_error *e)
{
    bool wanted = p->options.mixed || p->options.fast;
    if (!wanted || !cuda_has_bf16(p->on->cuda)) return GUISE_OK;
    unsigned char *note = base_alloc((size_t)p->n_nodes, 1);
    if (!note) return base_no_memory(e);
    for (int id = 0; id < p->n_nodes; id++) {
        const tg_node *x = tg_at(p->graph, id);
        note[id] = (unsigned char)note_of(x, note);
        if (!is_image(x->shape) || note[id] != FROM_INPUT || x->op == &tg_op_sum_to) continue;
        for (int value = 2 * id; value < 2 * id + 2; value++) {
            bool others = !(value & 1) && (!x->op || p->note[id].output);
            plan_place place = p->value[value].place;
            if (place == AT_ARENA && !others) p->value[value].type = CUDA_BF16;
        }
    }
    base_free(note);
    return GUISE_OK;
}

// No op falls back to the CPU unseen.
static guise_status all_hooks(const tg_plan *p, base_error *e)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        const plan_step *t = &p->step[i];
        const tg_op *missing = t->kind == STEP_OP && !t->node->op->gpu ? t->node->op : NULL;
        for (int k = 0; t->kind == STEP_FUSED && k < t->program->n_ops; k++)
            if (!t->program->op[k].node->op->text) missing = t->program->op[k].node->op;
        if (missing)
            return base_fail(e, GUISE_BAD_ARGUMENT,
                             "the op %s has no GPU kernel; run this network on the CPU",
                             missing->name);
    }
    return GUISE_OK;
}

guise_status plan_device_open(tg_plan *p, base_error *e)
{
    size_t n = (size_t)p->n_nodes;
    struct plan_device *d = p->on = base_alloc(1, sizeof *d);
    if (!d) return base_no_memory(e);
    d->device = p->options.device;
    d->cuda = tg_device_cuda(d->device);
    d->at = base_alloc(n, sizeof *d->at);
    d->room = base_alloc(n, sizeof *d->room);
    d->pinned = base_alloc(n, sizeof *d->pinned);
    d->feed = base_alloc(n, sizeof(cuda_feed *));
    d->from = base_alloc(n, sizeof *d->from);
    if (!d->at || !d->room || !d->pinned || !d->feed || !d->from) return base_no_memory(e);
    guise_status s = all_hooks(p, e);
    return s ? s : choose_types(p, e);
}

static guise_status failed(const tg_plan *p, int s, base_error *e)
{
    if (s == GUISE_NO_MEMORY) return base_no_memory(e);
    return base_fail(e, (guise_status)s, "%s", cuda_trouble(p->on->cuda));
}

static guise_status prepare_op(tg_plan *p, plan_step *t, base_error *e)
{
    const tg_op *op = t->node->op;
    if (!op->gpu_prepare) return GUISE_OK;
    cuda_type types[PLAN_MAX_OPERANDS];
    for (int i = 0; i < t->n_in; i++) types[i] = plan_type(p, t->in[i]);
    tg_wish w = plan_wish(p, t);
    bool fixed_bias = !w.bias || p->note[t->in[t->n_in - 1] / 2].fixed;
    tg_gpu_wish wish = {.device = p->on->cuda,
                        .x = types,
                        .out = plan_type(p, t->out),
                        .keep_weights = w.keep_weights && fixed_bias,
                        .bias = w.bias,
                        .act = w.act,
                        .slope = w.slope,
                        .reflect = w.reflect,
                        .last = t->last};
    int s = op->gpu_prepare(t->node, &wish, &t->state);
    char text[128];
    return s ? base_fail(e, (guise_status)s, "%s of %s cannot be made ready for the GPU: %s",
                         op->name, tg_shape_text(t->node->shape, text),
                         *cuda_trouble(p->on->cuda) ? cuda_trouble(p->on->cuda) : "out of memory")
             : GUISE_OK;
}

// Rows and columns of what a change of layout turns.
static void sides(const plan_step *t, int64_t *rows, int64_t *cols)
{
    const int64_t *d = t->node->shape.dim;
    *rows = t->last ? d[1] : d[2] * d[3];
    *cols = t->last ? d[2] * d[3] : d[1];
}

typedef struct { // as in layout.cu
    uint64_t x, y;
    int64_t n, rows, cols;
} layout_args;

static guise_status prepare_layout(tg_plan *p, plan_step *t, base_error *e)
{
    enum { SHORT = 8 };
    static const char *const name[] = {[CUDA_F32] = "float", [CUDA_BF16] = "bf16"};
    int64_t rows, cols;
    sides(t, &rows, &cols);
    char defines[96];
    snprintf(defines, sizeof defines, "#define FROM %s\n#define TO %s\n%s",
             name[plan_type(p, t->in[0])], name[plan_type(p, t->out)],
             rows < SHORT || cols < SHORT ? "#define SMALL\n" : "");
    plan_kernels *k = t->kernels = base_alloc(1, sizeof *k);
    if (!k) return base_no_memory(e);
    k->n = rows < SHORT || cols < SHORT ? 1 : 0; // 0: by tiles
    return cuda_kernel_get(p->on->cuda, cuda_text_layout, defines, "layout", &k->one, e);
}

int plan_layout_launch(const tg_plan *p, const plan_step *t)
{
    layout_args a = {plan_at(p, t->in[0]), plan_at(p, t->out), t->node->shape.dim[0], 0, 0};
    sides(t, &a.rows, &a.cols);
    int64_t tiles = a.n * ((a.rows + 31) / 32) * ((a.cols + 31) / 32);
    return cuda_launch(p->on->cuda, t->kernels->one,
                       t->kernels->n ? cuda_blocks(a.n * a.rows * a.cols) : tiles, CUDA_THREADS, &a,
                       sizeof a);
}

// Constants are there from the start.
static guise_status upload_constants(tg_plan *p, base_error *e)
{
    struct plan_device *d = p->on;
    int s = 0;
    for (int id = 0; !s && id < p->n_nodes; id++) {
        const tg_node *x = tg_at(p->graph, id);
        if (p->value[2 * id].place != AT_CONST) continue;
        size_t bytes = (size_t)tg_count(x->shape) * sizeof(float);
        d->at[id] = d->room[id] = cuda_alloc(d->cuda, CUDA_DEVICE, bytes);
        d->const_bytes += bytes;
        if (!d->at[id]) return base_no_memory(e);
        s = cuda_upload(d->cuda, d->at[id], x->values ? x->values : p->bound[id], bytes);
    }
    return s ? failed(p, s, e) : GUISE_OK;
}

static guise_status take_memory(tg_plan *p, base_error *e)
{
    size_t align = 256;
    for (size_t i = 0; i < p->n_steps; i++) {
        const plan_step *t = &p->step[i];
        bool has = t->kind == STEP_OP && t->node->op->gpu_scratch;
        size_t n = has ? t->node->op->gpu_scratch(t->state) : 0;
        if (n > p->scratch_bytes) p->scratch_bytes = n;
    }
    p->partial_at = (p->arena_bytes + align - 1) / align * align;
    p->scratch_at = p->partial_at + p->partial_count * sizeof(double);
    p->scratch_at = (p->scratch_at + align - 1) / align * align;
    size_t all = p->scratch_at + p->scratch_bytes;
    p->own_arena = !p->options.arena;
    p->arena = p->own_arena ? tg_arena_new() : p->options.arena;
    if (!p->arena) return base_no_memory(e);
    bool kept =
        !p->kept_bytes || (p->on->kept = cuda_alloc(p->on->cuda, CUDA_DEVICE, p->kept_bytes)) != 0;
    if (kept && plan_arena_grow_on(p->arena, p->on->cuda, all)) return GUISE_OK;
    return base_fail(e, GUISE_NO_MEMORY,
                     "out of memory: this network needs %.0f MB on the GPU for its values; choose "
                     "a smaller size or batch",
                     (double)(all + p->kept_bytes) / 1e6);
}

guise_status plan_device_prepare(tg_plan *p, base_error *e)
{
    guise_status s = upload_constants(p, e);
    p->partial_count = 0; // so far what the CPU would need
    for (size_t i = 0; !s && i < p->n_steps; i++) {
        plan_step *t = &p->step[i];
        s = t->kind == STEP_OP      ? prepare_op(p, t, e)
            : t->kind == STEP_FUSED ? plan_program_ready(p, t, e)
                                    : prepare_layout(p, t, e);
    }
    if (!s) s = take_memory(p, e);
    if (s) cuda_wait(p->on->cuda, NULL); // told here, and not again by who comes next
    return s;
}

size_t plan_device_kept(const tg_plan *p)
{
    size_t n = p->on->const_bytes;
    for (size_t i = 0; i < p->n_steps; i++) {
        const plan_step *t = &p->step[i];
        if (t->state && t->node->op->gpu_bytes) n += t->node->op->gpu_bytes(t->state);
    }
    return n;
}

void plan_device_close(tg_plan *p)
{
    struct plan_device *d = p->on;
    cuda_settle(d->cuda); // what is queued still uses all of this
    cuda_record_free(&d->record);
    for (size_t i = 0; i < p->n_steps; i++) {
        plan_step *t = &p->step[i];
        if (t->state && t->node->op->gpu_release) t->node->op->gpu_release(t->state);
        t->state = NULL;
        base_free(t->kernels);
        if (d->mark) cuda_mark_free(&d->mark[i]);
    }
    if (d->mark) cuda_mark_free(&d->mark[p->n_steps]);
    for (int id = 0; id < p->n_nodes; id++) {
        if (d->room) cuda_free(d->cuda, CUDA_DEVICE, d->room[id]);
        if (d->pinned) cuda_free(d->cuda, CUDA_PINNED, d->pinned[id]);
        if (d->feed) cuda_feed_close(&d->feed[id]);
    }
    cuda_free(d->cuda, CUDA_DEVICE, d->kept);
    base_free(d->at);
    base_free(d->room);
    base_free(d->pinned);
    base_free(d->feed);
    base_free(d->from);
    base_free(d->mark);
}
