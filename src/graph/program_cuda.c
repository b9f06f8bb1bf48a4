// program_cuda.c -- a chain of pointwise ops as a GPU kernel: its text, made from the texts of its
// ops, and its launch. Sizes and numbers are arguments, so that chains alike share a kernel.
#include "graph/plan_device.h"
#include <string.h>

static void put(plan_source *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(plan_source *s, const char *format, ...)
{
    va_list list;
    for (int again = 0; !s->failed && again < 2; again++) {
        va_start(list, format);
        int n = vsnprintf(s->text + s->length, s->room - s->length, format, list);
        va_end(list);
        if (n >= 0 && (size_t)n < s->room - s->length) {
            s->length += (size_t)n;
            return;
        }
        size_t room = 2 * s->room + (size_t)(n > 0 ? n : 0) + 1;
        char *text = n < 0 ? NULL : base_grow(s->text, room, 1);
        s->failed = !text;
        if (text) s->text = text, s->room = room;
    }
}

static int add_step(plan_source *s, int64_t v)
{
    s->step[s->n_steps] = v;
    return s->n_steps++;
}

static int add_divisor(plan_source *s, int64_t v)
{
    s->divisor[s->n_divisors] = cuda_divide_by(v);
    return s->n_divisors++;
}

// Lines that take the index of dim d off `from` and add it, times step, to `to`. whole: no dim
// before it counts, so what is left of `from` is the index.
static void put_dim(plan_source *s, const char *from, const char *to, int64_t n, int64_t step,
                    bool whole)
{
    char times[40] = "";
    if (step > 1) snprintf(times, sizeof times, " * (INDEX)a.s[%d]", add_step(s, step));
    if (whole) {
        if (step) put(s, "        %s += %s%s;\n", to, from, times);
        return;
    }
    int d = add_divisor(s, n);
    put(s, "        t = OVER(%s, %d);\n", from, d);
    if (step) put(s, "        %s += (%s - t * (INDEX)a.d[%d].d)%s;\n", to, from, d, times);
    put(s, "        %s = t;\n", from);
}

// Where the walk reads for element i, as variable at<k>.
static void put_offset(plan_source *s, const tg_walk *w, int k)
{
    int first = 0;
    while (first < w->rank && !w->step[first]) first++;
    put(s, "    INDEX at%d = 0;\n", k);
    if (first == w->rank) return;
    char to[16];
    snprintf(to, sizeof to, "at%d", k);
    put(s, "    {\n        INDEX q = i, t = 0;\n        (void)t;\n");
    for (int d = w->rank - 1; d >= first; d--) put_dim(s, "q", to, w->n[d], w->step[d], d == 0);
    put(s, "    }\n");
}

static bool same_walk(const tg_walk *a, const tg_walk *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->n[i] != b->n[i] || a->step[i] != b->step[i]) return false;
    return true;
}

static bool spreads_one(const plan_operand *o) // neighbouring elements read the same number
{
    return o->repeat && !o->walk.step[o->walk.rank - 1];
}

static void put_operands(plan_source *s, const tg_plan *p, const plan_program *g, int n)
{
    for (int k = 0; k < g->n_operands; k++) {
        const plan_operand *o = &g->operand[k];
        char at[16] = "i";
        int like = o->repeat ? 0 : k;
        while (like < k &&
               !(g->operand[like].repeat && same_walk(&g->operand[like].walk, &o->walk)))
            like++;
        if (o->repeat && like == k) put_offset(s, &o->walk, k);
        if (o->repeat) snprintf(at, sizeof at, "at%d", like);
        const char *type = plan_type(p, o->value) == CUDA_BF16 ? "bf16" : "float";
        put(s, "    float x%d[%d];\n", k, n);
        if (spreads_one(o))
            put(s, "    for (int j = 0; j < %d; j++) x%d[j] = load((const %s *)a.p[%d], %s);\n", n,
                k, type, k, at);
        else
            put(s, "    read<%d>(x%d, (const %s *)a.p[%d] + %s);\n", n, k, type, k, at);
    }
}

static void put_source(char text[24], int src)
{
    snprintf(text, 24, src < 0 ? "x%d[j]" : "r%d", src < 0 ? ~src : src);
}

static void put_op(plan_source *s, const plan_op *o)
{
    static const char *const name[] = {"x", "b"};
    put(s, "        {\n");
    for (int i = 0; i < o->node->n_in; i++) {
        char from[24];
        put_source(from, o->src[i]);
        put(s, "            const float %s = %s;\n", name[i], from);
    }
    int k = 0;
    for (const tg_field *f = o->node->op->fields; f && f->name; f++) {
        if (f->type != TG_FIELD_REAL) continue;
        put(s, "            const float k%d = a.k[%d];\n", k++, s->n_numbers);
        s->number[s->n_numbers++] = (float)tg_arg(o->node, f->name, 0);
    }
    put(s, "            r%d = (float)(%s);\n        }\n", o->dst, o->node->op->text);
}

static void put_value(plan_source *s, const tg_plan *p, const plan_program *g, int n)
{
    char result[24];
    put(s, "__device__ inline void value(const args &a, INDEX i, float (&out)[%d])\n{\n", n);
    put_operands(s, p, g, n);
    put(s, "#pragma unroll\n    for (int j = 0; j < %d; j++) {\n", n);
    for (int i = 0; i < g->n_regs; i++) put(s, "        float r%d = 0;\n", i);
    for (int i = 0; i < g->n_ops; i++) put_op(s, &g->op[i]);
    put_source(result, g->result);
    put(s, "        out[j] = %s;\n    }\n}\n", result);
}

// The element that is term r of result k: the dims that are kept count results, the others terms.
static void put_element(plan_source *s, const tg_walk *w)
{
    int64_t stride[TG_MAX_RANK], n = 1;
    for (int d = w->rank - 1; d >= 0; d--) {
        stride[d] = n;
        n *= w->n[d];
    }
    put(s, "__device__ inline INDEX element(const args &a, INDEX k, INDEX r)\n{\n"
           "        INDEX i = 0, t = 0;\n        (void)t;\n");
    for (int kept = 0; kept < 2; kept++) {
        int first = 0;
        while (first < w->rank && (w->step[first] != 0) != kept) first++;
        for (int d = w->rank - 1; d >= first; d--)
            if ((w->step[d] != 0) == kept)
                put_dim(s, kept ? "k" : "r", "i", w->n[d], stride[d], d == first);
    }
    put(s, "        return i;\n}\n");
}

static bool in_rows(const plan_program *g) // what is added up ends in neighbours
{
    return !g->sum.step[g->sum.rank - 1];
}

static int64_t at_least(int64_t n, int64_t least) { return n > least ? n : least; }

// Neighbouring groups of n results that a block of 256 threads handles: a power of two up to 32.
static int64_t width_for(int64_t results, int n)
{
    int64_t width = 1, groups = (results + n - 1) / n;
    while (width < 32 && width < groups) width *= 2;
    return width;
}

// Long sums are cut into parts, so that all of a device is busy: by rules that do not look at the
// device, so that sums are the same on each.
static void cut(plan_source *s, const plan_program *g, int n)
{
    enum { BUSY = 1024, STEPS = 8, WIDEST = 8 }; // blocks; terms that a thread adds at least
    plan_args_head *h = &s->head;
    h->results = g->sum_count;
    h->terms = g->count / g->sum_count;
    int64_t width = width_for(h->results, n);
    int64_t blocks = in_rows(g) ? h->results : (h->results + width * n - 1) / (width * n);
    int64_t least = in_rows(g) ? (int64_t)256 * n * 2 : 256 / width * STEPS;
    int64_t parts = BUSY / blocks < h->terms / least ? BUSY / blocks : h->terms / least;
    parts = at_least(parts, 1);
    h->chunk = (h->terms + parts - 1) / parts;
    h->chunk = (h->chunk + WIDEST - 1) / WIDEST * WIDEST;
    h->parts = (h->terms + h->chunk - 1) / h->chunk;
}

int plan_program_wide(const tg_plan *p, const plan_step *t)
{
    const plan_program *g = t->program;
    bool half = plan_type(p, t->out) == CUDA_BF16;
    int64_t run = g->reduce ? g->sum.n[g->sum.rank - 1] : g->count;
    for (int n = 8; n > 2; n /= 2) {
        bool fits = run % n == 0;
        for (int k = 0; k < g->n_operands; k++) {
            const plan_operand *o = &g->operand[k];
            half |= plan_type(p, o->value) == CUDA_BF16;
            if (o->repeat && o->walk.rank > 1) fits &= o->walk.n[o->walk.rank - 1] % n == 0;
            if (o->repeat && o->walk.rank == 1 && o->walk.step[0]) fits &= o->walk.n[0] % n == 0;
        }
        if (fits && (n < 8 || half)) return n;
    }
    return 1;
}

guise_status plan_program_text(const tg_plan *p, const plan_step *t, int n, plan_source *s,
                               base_error *e)
{
    enum { START = 4096 };
    const plan_program *g = t->program;
    bool small = g->count < INT32_MAX;
    *s = (plan_source){.text = base_alloc(START, 1), .room = START, .n_operands = g->n_operands};
    s->failed = !s->text;
    s->head.count = g->count;
    // the number of steps and so on is known at the end, so the body is written first
    if (g->reduce) put_element(s, &g->sum);
    put_value(s, p, g, n);
    char *body = s->text;
    s->length = 0;
    s->room = START;
    s->text = s->failed ? NULL : base_alloc(START, 1);
    s->failed = !s->text;
    put(s, "#define %s\n#define N %d\n#define INDEX %s\n#define OUT %s\n",
        !g->reduce   ? "STORE"
        : in_rows(g) ? "ROWS"
                     : "COLUMNS",
        n, small ? "uint32_t" : "int64_t", plan_type(p, t->out) == CUDA_BF16 ? "bf16" : "float");
    put(s, "#define OVER(q, i) %s\n", small ? "quotient(q, a.d[i])" : "((q) / a.d[i].d)");
    put(s, "struct args {\n    uint64_t out;\n"
           "    int64_t count, results, terms, parts, chunk, width;\n");
    if (s->n_operands) put(s, "    uint64_t p[%d];\n", s->n_operands);
    if (s->n_steps) put(s, "    int64_t s[%d];\n", s->n_steps);
    if (s->n_divisors) put(s, "    divide d[%d];\n", s->n_divisors);
    if (s->n_numbers) put(s, "    float k[%d];\n", s->n_numbers);
    put(s, "};\n%s", body ? body : "");
    base_free(body);
    if (g->reduce) cut(s, g, n);
    return s->failed ? base_no_memory(e) : GUISE_OK;
}

static size_t append(unsigned char *to, size_t at, const void *from, size_t bytes)
{
    if (to && bytes) memcpy(to + at, from, bytes);
    return at + bytes;
}

static size_t pack_args(const plan_source *s, unsigned char *to) // to NULL: only count
{
    const uint64_t none[PLAN_MAX_OPERANDS] = {0};
    size_t at = append(to, 0, &s->head, sizeof s->head);
    at = append(to, at, none, sizeof *none * (size_t)s->n_operands);
    at = append(to, at, s->step, sizeof *s->step * (size_t)s->n_steps);
    at = append(to, at, s->divisor, sizeof *s->divisor * (size_t)s->n_divisors);
    at = append(to, at, s->number, sizeof *s->number * (size_t)s->n_numbers);
    return (at + 7) / 8 * 8;
}

static bool bound(const tg_plan *p, int value) // memory of somebody else's, at any address
{
    plan_place place = p->value[plan_root_value(p, value)].place;
    return place == AT_BOUND || place == AT_CONST;
}

static guise_status compile(tg_plan *p, plan_step *t, plan_source *s, int n, cuda_kernel **to,
                            base_error *e)
{
    base_free(s->text);
    guise_status st = plan_program_text(p, t, n, s, e);
    if (!st) st = cuda_kernel_get(p->on->cuda, cuda_text_program, s->text, "program", to, e);
    return st;
}

// The text for the widest threads comes last: its cut of sums into parts serves both.
guise_status plan_program_ready(tg_plan *p, plan_step *t, base_error *e)
{
    const plan_program *g = t->program;
    plan_source s = {0};
    int n = plan_program_wide(p, t);
    bool odd = n == 1 || bound(p, t->out);
    for (int k = 0; k < g->n_operands; k++) odd |= bound(p, g->operand[k].value);
    cuda_kernel *one = NULL, *wide = NULL, *finish = NULL;
    guise_status st = odd ? compile(p, t, &s, 1, &one, e) : GUISE_OK;
    if (!st && n > 1) st = compile(p, t, &s, n, &wide, e);
    if (!st && g->reduce && s.head.parts > 1)
        st = cuda_kernel_get(p->on->cuda, cuda_text_program, "#define FINISH\n", "program", &finish,
                             e);
    size_t size = st ? 0 : pack_args(&s, NULL);
    plan_kernels *k = st ? NULL : base_alloc(1, sizeof *k + size);
    if (k) {
        pack_args(&s, k->args);
        k->one = one;
        k->wide = wide;
        k->finish = finish;
        k->n = n;
        k->size = size;
        k->head = s.head;
        for (int i = 0; i < g->n_operands; i++) k->aligned[i] = !spreads_one(&g->operand[i]);
    } else if (!st) {
        st = base_no_memory(e);
    }
    base_free(s.text);
    t->kernels = k;
    size_t partial = k && finish ? (size_t)(s.head.parts * s.head.results) * sizeof(float) : 0;
    size_t count = (partial + sizeof(double) - 1) / sizeof(double);
    if (count > p->partial_count) p->partial_count = count;
    return st;
}

static int launch_store(const tg_plan *p, const plan_kernels *k, bool wide,
                        const unsigned char *args)
{
    return cuda_launch(p->on->cuda, wide ? k->wide : k->one,
                       cuda_blocks(k->head.count / (wide ? k->n : 1)), CUDA_THREADS, args, k->size);
}

typedef struct { // as in program.cu
    uint64_t from, out;
    int64_t results, parts, width;
} finish_args;

static int launch_sum(const tg_plan *p, const plan_step *t, bool wide, unsigned char *args)
{
    const plan_kernels *k = t->kernels;
    plan_args_head h;
    memcpy(&h, args, sizeof h);
    cuda_at out = h.out, partial = plan_arena_at(p->arena) + p->partial_at;
    int n = wide ? k->n : 1;
    if (k->finish) h.out = partial;
    h.width = width_for(h.results, n);
    memcpy(args, &h, sizeof h);
    int64_t blocks = in_rows(t->program) ? h.results : (h.results / n + h.width - 1) / h.width;
    int s = cuda_launch(p->on->cuda, wide ? k->wide : k->one, blocks * h.parts, CUDA_THREADS, args,
                        k->size);
    if (s || !k->finish) return s;
    finish_args f = {partial, out, h.results, h.parts, width_for(h.results, 1)};
    return cuda_launch(p->on->cuda, k->finish, (f.results + f.width - 1) / f.width, CUDA_THREADS,
                       &f, sizeof f);
}

int plan_program_launch(const tg_plan *p, const plan_step *t)
{
    const plan_kernels *k = t->kernels;
    const plan_program *g = t->program;
    _Alignas(8) unsigned char args[sizeof *k + sizeof(plan_source)];
    memcpy(args, k->args, k->size);
    plan_args_head head = k->head;
    head.out = plan_at(p, t->out);
    bool wide = k->wide && head.out % (cuda_size(plan_type(p, t->out)) * (size_t)k->n) == 0;
    for (int i = 0; i < g->n_operands; i++) {
        int value = g->operand[i].value;
        uint64_t at = plan_at(p, value);
        memcpy(args + sizeof head + sizeof at * (size_t)i, &at, sizeof at);
        if (k->aligned[i] && at % (cuda_size(plan_type(p, value)) * (size_t)k->n)) wide = false;
    }
    wide |= !k->one; // all memory is the plan's own, and aligned
    memcpy(args, &head, sizeof head);
    return g->reduce ? launch_sum(p, t, wide, args) : launch_store(p, k, wide, args);
}
