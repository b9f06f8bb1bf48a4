// test_gpu_ops.c -- every op on a GPU against its definition in double precision, for random
// instances: its kernel called directly in either layout, in single precision and with images in
// bf16; and as a plan, fused, unfused, with a bias and a leaky ReLU behind it, and in bf16, twice,
// so that it is recorded and replayed. test_gpu_ops NAME runs one op; a failure names the seed.
#include "gpu_case.h"
#include "op_case.h"

enum { SEEDS = 20 };

// One device for all: exact, and the same bits every time.
static cuda_device *raw;
static tg_device *exact, *fast;

static bool open_devices(void)
{
    base_error e = {0};
    if (raw) return true;
    if (!gpu_here()) return false;
    const tg_device_wish strict = {.deterministic = true, .exact = true};
    raw = gpu_open(true, true);
    if (!raw || tg_device_open(&exact, "cuda:0", &strict, &e) ||
        tg_device_open(&fast, "cuda", NULL, &e))
        test_report(__FILE__, __LINE__, e.text);
    return raw && exact && fast;
}

static bool is_image(tg_shape s) { return s.rank == 4 && s.dim[2] * s.dim[3] > 1; }

static uint16_t to_bf16(float v) // to nearest, ties to even
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static float from_bf16(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

// The values at v on the device, as they are or as bf16.
static cuda_array put(const float *v, int64_t n, cuda_type type)
{
    cuda_array a = {cuda_alloc(raw, CUDA_DEVICE, cuda_size(type) * (size_t)n), type};
    uint16_t *half = type == CUDA_BF16 ? base_alloc((size_t)n, sizeof *half) : NULL;
    for (int64_t i = 0; half && i < n; i++) half[i] = to_bf16(v[i]);
    CHECK(a.at && !cuda_upload(raw, a.at, half ? (void *)half : (const void *)v,
                               cuda_size(type) * (size_t)n));
    base_free(half);
    return a;
}

static void get(float *v, int64_t n, cuda_array a)
{
    uint16_t *half = a.type == CUDA_BF16 ? base_alloc((size_t)n, sizeof *half) : NULL;
    cuda_download(raw, half ? (void *)half : (void *)v, a.at, cuda_size(a.type) * (size_t)n);
    for (int64_t i = 0; half && i < n; i++) v[i] = from_bf16(half[i]);
    base_free(half);
}

static cuda_array nothing(int64_t n, cuda_type type) // NaN, where nobody writes
{
    float *v = base_alloc((size_t)n, sizeof *v);
    for (int64_t i = 0; v && i < n; i++) v[i] = NAN;
    cuda_array a = put(v, n, type);
    base_free(v);
    return a;
}

// y's kernel on values of its operands; false where it fails.
static bool call(const tg_node *y, const cuda_array *x, cuda_array out, bool last)
{
    const tg_op *op = y->op;
    cuda_type types[TG_MAX_IN];
    for (int i = 0; i < y->n_in; i++) types[i] = x[i].type;
    tg_gpu_wish wish = {.device = raw, .x = types, .out = out.type, .last = last};
    tg_gpu_call c = {.y = y, .device = raw, .x = x, .out = out, .last = last};
    base_error e = {0};
    bool good = !op->gpu_prepare || !op->gpu_prepare(y, &wish, &c.state);
    size_t room = good && op->gpu_scratch ? op->gpu_scratch(c.state) : 0;
    cuda_array scratch = {0};
    if (room) scratch = nothing((int64_t)(room + 3) / 4, CUDA_F32);
    c.scratch = scratch.at;
    good = good && !op->gpu(&c);
    if (cuda_wait(raw, &e)) good = false;
    if (!good) printf("  %s: %s\n", op->name, e.text);
    if (c.state && op->gpu_release) op->gpu_release(c.state);
    cuda_free(raw, CUDA_DEVICE, scratch.at);
    return good;
}

// In the layouts that a plan would give it. Images are bf16 where asked; their values are so
// before, in the copy, so that the definition is asked the same.
static double kernel_error(copy *c, bool last, bool half)
{
    tg_node *y = c->y;
    const tg_op *op = y->op;
    bool follow = op->flags & TG_FOLLOW;
    bool out_last = follow ? last : op->last & TG_LAST_OUT;
    int64_t n = tg_count(y->shape);
    cuda_array x[TG_MAX_IN] = {0};
    double worst = 0;
    for (int i = 0; i < y->n_in; i++) {
        float *v = floats_of(y->in[i], follow ? last : op->last >> i & 1);
        x[i] = put(v, tg_count(y->in[i]->shape),
                   half && is_image(y->in[i]->shape) ? CUDA_BF16 : CUDA_F32);
        base_free(v);
    }
    cuda_array out = nothing(n, half && is_image(y->shape) ? CUDA_BF16 : CUDA_F32);
    float *want = floats_of(y, out_last), *got = base_alloc((size_t)n, sizeof *got);
    if (!want || !got || !call(y, x, out, last)) worst = INFINITY;
    if (got) get(got, n, out);
    for (int64_t k = 0; want && got && k < n; k++) worse(&worst, (double)want[k], (double)got[k]);
    for (int i = 0; i < y->n_in; i++) cuda_free(raw, CUDA_DEVICE, x[i].at);
    cuda_free(raw, CUDA_DEVICE, out.at);
    base_free(want);
    base_free(got);
    return worst;
}

static double plan_error(copy *c, tg_node *y, const tg_plan_options *o)
{
    tg_plan *p = NULL;
    base_error e = {""};
    double worst = 0;
    guise_status s = tg_plan_open(&p, c->g, &y, 1, o, &e);
    for (int i = 0; !s && i < c->n; i++) s = tg_plan_bind(p, c->in[i], c->value[i], &e);
    const double *want = s ? NULL : tg_eval(y);
    for (int run = 0; !s && run < 3; run++) { // as it is, recorded, replayed
        s = tg_plan_run(p, &e);
        const float *got = s ? NULL : tg_plan_value(p, y);
        if (!want || !got) worst = INFINITY;
        for (int64_t k = 0; want && got && k < tg_count(y->shape); k++)
            worse(&worst, want[k], (double)got[k]);
    }
    if (s) printf("  plan: %s\n", e.text);
    tg_plan_close(&p);
    return s ? INFINITY : worst;
}

static void report(const tg_op *op, int seed, const char *what, double error, double limit)
{
    char text[200];
    test_checked++;
    if (error <= limit) return;
    snprintf(text, sizeof text, "%s, seed %d: %s is off by %.2g", op->name, seed, what, error);
    test_report(__FILE__, __LINE__, text);
}

// The copy's inputs rounded to bf16, where they are images.
static void round_inputs(copy *c)
{
    for (int i = 0; i < c->n; i++) {
        double *v = tg_data(c->in[i]);
        for (int64_t k = 0; k < tg_count(c->in[i]->shape) && is_image(c->in[i]->shape); k++) {
            c->value[i][k] = from_bf16(to_bf16(c->value[i][k]));
            v[k] = (double)c->value[i][k];
        }
    }
}

static bool check(const tg_op *op, int seed)
{
    base_rng r = {(uint64_t)seed};
    tg_graph *g = tg_new();
    tg_node *y = op->sample(g, &r);
    if (!y || y->op != op) {
        if (!y) test_report(__FILE__, __LINE__, tg_error(g));
        tg_free(g);
        return false;
    }
    copy c = copy_of(y);
    bool product = op == &tg_op_conv2d || op == &tg_op_conv2d_dx || op == &tg_op_conv2d_dw;
    CHECK(op->gpu || op->text || op->map);
    if (op->gpu) {
        report(op, seed, "the kernel", kernel_error(&c, false, false), 2e-5);
        report(op, seed, "the kernel, channels last", kernel_error(&c, true, false), 2e-5);
    }
    const tg_plan_options fused = {.device = exact}, unfused = {.device = exact, .unfused = true};
    report(op, seed, "the plan", plan_error(&c, c.y, &fused), 2e-5);
    report(op, seed, "the unfused plan", plan_error(&c, c.y, &unfused), 2e-5);
    tg_node *tail = with_tail(&c, &r);
    report(op, seed, "the plan with a tail", plan_error(&c, tail, &fused), 2e-5);
    round_inputs(&c);
    if (op->gpu && !product) {
        report(op, seed, "the bf16 kernel", kernel_error(&c, false, true), 1e-2);
        report(op, seed, "the bf16 kernel, channels last", kernel_error(&c, true, true), 1e-2);
    }
    const tg_plan_options mixed = {.device = fast, .mixed = true};
    report(op, seed, "the mixed plan with a tail", plan_error(&c, tail, &mixed), 4e-2);
    CHECK(!tg_error(g) && !tg_error(c.g));
    drop(&c);
    tg_free(g);
    return true;
}

static void check_all(const tg_op *op)
{
    const char *text = getenv("GUISE_TEST_SEEDS");
    int n = 0, seeds = text ? (int)strtol(text, NULL, 10) : SEEDS;
    if (!open_devices()) return;
    for (int seed = 1; seed <= seeds; seed++) n += check(op, seed);
    CHECK(n >= seeds / 2);
}

#define OP(NAME)                                                                                   \
    TEST(op_##NAME) { check_all(&tg_op_##NAME); }
#include "graph/ops.def"
#undef OP

int main(int argc, char **argv)
{
#define OP(NAME) {#NAME, op_##NAME},
    static const test_case cases[] = {
#include "graph/ops.def"
    };
#undef OP
    int status = test_main(argc, argv, cases, (int)(sizeof cases / sizeof *cases));
    tg_device_close(&exact);
    tg_device_close(&fast);
    cuda_close(&raw);
    return status;
}
