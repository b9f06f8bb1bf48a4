// graph.c -- the arena, leaves, tg_make (which finds equal nodes) and the reference evaluator.
#include "graph/op.h"
#include <math.h>
#include <string.h>

typedef struct chunk {
    struct chunk *next;
    size_t used, size;
    max_align_t data[];
} chunk;

typedef struct {
    void *thing;
    void (*release)(void *thing);
} keepsake;

struct tg_graph {
    chunk *chunks;
    keepsake *kept;
    size_t n_kept, cap_kept;
    tg_node **node;
    size_t n, cap;
    int *slot; // hash table of node ids + 1, for finding equal nodes; slots is a power of two
    size_t slots;
    struct base_team *team;
    char error[400];
    bool no_memory; // is what error says
};

#define OP(NAME) &tg_op_##NAME,
const tg_op *const tg_ops[] = {
#include "graph/ops.def"
    NULL};
#undef OP

tg_graph *tg_new(void) { return base_alloc(1, sizeof(tg_graph)); }

void tg_free(tg_graph *g)
{
    if (!g) return;
    for (size_t i = 0; i < g->n; i++) {
        base_free(g->node[i]->data);
        if (!g->node[i]->view) base_free(g->node[i]->values);
    }
    for (size_t i = 0; i < g->n_kept; i++) g->kept[i].release(g->kept[i].thing);
    base_free(g->kept);
    for (chunk *c = g->chunks, *next; c; c = next) {
        next = c->next;
        base_free(c);
    }
    base_free(g->node);
    base_free(g->slot);
    base_free(g);
}

const char *tg_error(const tg_graph *g) { return g->error[0] ? g->error : NULL; }

void *tg_fail(tg_graph *g, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    if (!g->error[0]) vsnprintf(g->error, sizeof g->error, format, ap);
    va_end(ap);
    return NULL;
}

void *tg_no_memory(tg_graph *g)
{
    if (!g->error[0]) g->no_memory = true;
    return tg_fail(g, "out of memory for a graph of %zu nodes", g->n);
}

guise_status tg_check(const tg_graph *g, guise_status kind, base_error *e)
{
    if (!g->error[0]) return GUISE_OK;
    return g->no_memory ? base_no_memory(e) : base_fail(e, kind, "%s", g->error);
}

static void *take(tg_graph *g, size_t size) // zeroed memory of the arena
{
    size = (size + 15) / 16 * 16;
    chunk *c = g->chunks;
    if (!c || c->size - c->used < size) {
        size_t room = size > 65536 ? size : 65536;
        c = base_alloc(1, sizeof *c + room);
        if (!c) return tg_no_memory(g);
        *c = (chunk){.next = g->chunks, .size = room};
        g->chunks = c;
    }
    void *p = (char *)c->data + c->used;
    c->used += size;
    return p;
}

const char *tg_text(tg_graph *g, const char *format, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    size_t n = strlen(text) + 1;
    char *p = take(g, n);
    return p ? memcpy(p, text, n) : NULL;
}

void tg_join(tg_graph *g, struct base_team *team) { g->team = team; }
struct base_team *tg_team_of(const tg_node *x) { return x->graph->team; }

tg_graph *tg_graph_of(const tg_node *x) { return x->graph; }
tg_shape tg_shape_of(const tg_node *x) { return x ? x->shape : (tg_shape){0}; }
const char *tg_name(const tg_node *leaf) { return leaf && leaf->name ? leaf->name : ""; }
int tg_n_nodes(const tg_graph *g) { return (int)g->n; }
tg_node *tg_at(const tg_graph *g, int id) { return g->node[id]; }

int64_t tg_dim(const tg_node *x, int i)
{
    return x && i >= 0 && i < x->shape.rank ? x->shape.dim[i] : 0;
}

int64_t tg_count(tg_shape s)
{
    int64_t n = 1;
    for (int i = 0; i < s.rank; i++) n *= s.dim[i];
    return n;
}

bool tg_same(tg_shape a, tg_shape b)
{
    if (a.rank != b.rank) return false;
    for (int i = 0; i < a.rank; i++)
        if (a.dim[i] != b.dim[i]) return false;
    return true;
}

const char *tg_shape_text(tg_shape s, char text[128])
{
    int n = snprintf(text, 128, "[");
    for (int i = 0; i < s.rank && i < TG_MAX_RANK; i++)
        n += snprintf(text + n, (size_t)(128 - n), i ? ",%lld" : "%lld", (long long)s.dim[i]);
    snprintf(text + n, (size_t)(128 - n), "]");
    return text;
}

// What is wrong with a shape, or NULL: every dim positive, and a byte count that fits.
static const char *bad_shape(tg_shape s)
{
    int64_t n = sizeof(double);
    if (s.rank < 0 || s.rank > TG_MAX_RANK) return "the rank must be 0 to 6";
    for (int i = 0; i < s.rank; i++) {
        if (s.dim[i] < 1) return "every dimension must be at least 1";
        if (__builtin_mul_overflow(n, s.dim[i], &n)) return "the tensor is too large";
    }
    return NULL;
}

static uint64_t hash_bytes(uint64_t h, const void *data, size_t n) // FNV-1a, 64 bits
{
    for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)data)[i]) * 0x100000001b3u;
    return h;
}

static uint64_t hash_node(const tg_node *y)
{
    uint64_t h = hash_bytes(0xcbf29ce484222325u, &y->op, sizeof y->op);
    for (int i = 0; i < y->n_in; i++) h = hash_bytes(h, &y->in[i]->id, sizeof(int));
    return y->args ? hash_bytes(h, y->args, y->args_size) : h;
}

static bool equal(const tg_node *a, const tg_node *b)
{
    if (a->op != b->op || a->n_in != b->n_in || a->args_size != b->args_size) return false;
    for (int i = 0; i < a->n_in; i++)
        if (a->in[i] != b->in[i]) return false;
    return a->args_size == 0 || memcmp(a->args, b->args, a->args_size) == 0;
}

static int *slot_of(const tg_graph *g, const tg_node *y) // where y is, or would go
{
    size_t i = hash_node(y) & (g->slots - 1);
    while (g->slot[i] && !equal(g->node[g->slot[i] - 1], y)) i = (i + 1) & (g->slots - 1);
    return &g->slot[i];
}

static bool make_slots(tg_graph *g) // keeps the table at most half full
{
    if (2 * (g->n + 1) <= g->slots) return true;
    size_t slots = g->slots ? 2 * g->slots : 256;
    int *slot = base_alloc(slots, sizeof *slot);
    if (!slot) return false;
    base_free(g->slot);
    g->slot = slot;
    g->slots = slots;
    for (size_t i = 0; i < g->n; i++)
        if (g->node[i]->op) *slot_of(g, g->node[i]) = (int)i + 1;
    return true;
}

static tg_node *push(tg_graph *g, const tg_node *x)
{
    tg_node *y = take(g, sizeof *y);
    if (!y) return NULL;
    *y = *x;
    y->graph = g;
    y->id = (int)g->n;
    if (!BASE_PUSH_ROOM(g->node, g->n, g->cap) || !make_slots(g)) return tg_no_memory(g);
    g->node[g->n++] = y;
    if (y->op) *slot_of(g, y) = (int)g->n;
    return y;
}

static void *refuse(tg_graph *g, const tg_node *y, const char *why)
{
    char shapes[TG_MAX_IN * 130] = "", text[128];
    size_t n = 0;
    for (int i = 0; i < y->n_in; i++)
        n += (size_t)snprintf(shapes + n, sizeof shapes - n, " %s",
                              tg_shape_text(y->in[i]->shape, text));
    return tg_fail(g, "%s of%s: %s", y->op->name, shapes, why);
}

tg_node *tg_make(const tg_op *op, int n, tg_node *const in[], const void *args, size_t size)
{
    for (int i = 0; i < n; i++)
        if (!in[i]) return NULL; // an earlier error is already on record
    tg_graph *g = in[0]->graph;
    if (tg_error(g)) return NULL;
    tg_node y = {.op = op, .graph = g, .kind = TG_OPERATION, .n_in = n, .args_size = size};
    memcpy(y.in, in, sizeof *in * (size_t)n);
    y.args = size ? args : NULL;
    if (make_slots(g) && *slot_of(g, &y)) return g->node[*slot_of(g, &y) - 1];
    void *copy = size ? take(g, size) : NULL;
    if (tg_error(g)) return NULL;
    if (size) y.args = memcpy(copy, args, size);
    const char *wrong = op->shape(&y, &y.shape);
    if (!wrong) wrong = bad_shape(y.shape);
    return wrong ? refuse(g, &y, wrong) : push(g, &y);
}

static tg_node *leaf(tg_graph *g, tg_kind kind, tg_shape s, const char *name)
{
    if (!g || tg_error(g)) return NULL;
    const char *wrong = bad_shape(s);
    char text[128];
    if (wrong) return tg_fail(g, "%s %s: %s", name ? name : "leaf", tg_shape_text(s, text), wrong);
    tg_node x = {.kind = kind, .shape = s, .name = name ? tg_text(g, "%s", name) : NULL};
    return tg_error(g) ? NULL : push(g, &x);
}

tg_node *tg_input(tg_graph *g, tg_shape s, const char *name) { return leaf(g, TG_INPUT, s, name); }
tg_node *tg_param(tg_graph *g, tg_shape s, const char *name) { return leaf(g, TG_PARAM, s, name); }

tg_node *tg_const(tg_graph *g, tg_shape s, const float *v)
{
    tg_node *x = leaf(g, TG_CONST, s, NULL);
    if (!x) return NULL;
    x->values = base_aligned(sizeof *v * (size_t)tg_count(s));
    if (!x->values) return tg_no_memory(g);
    memcpy(x->values, v, sizeof *v * (size_t)tg_count(s));
    return x;
}

tg_node *tg_const_view(tg_graph *g, tg_shape s, const float *v)
{
    tg_node *x = leaf(g, TG_CONST, s, NULL);
    if (!x) return NULL;
    x->values = (float *)(uintptr_t)v; // only read
    x->view = true;
    return x;
}

bool tg_keep(tg_graph *g, void *thing, void (*release)(void *thing))
{
    if (!BASE_PUSH_ROOM(g->kept, g->n_kept, g->cap_kept)) return tg_no_memory(g) != NULL;
    g->kept[g->n_kept++] = (keepsake){thing, release};
    return true;
}

tg_node *tg_double(tg_graph *g, tg_shape s, const double *v)
{
    tg_node *x = leaf(g, TG_CONST, s, NULL);
    if (!x) return NULL;
    x->data = base_alloc((size_t)tg_count(s), sizeof *v);
    if (!x->data) return tg_no_memory(g);
    memcpy(x->data, v, sizeof *v * (size_t)tg_count(s));
    return x;
}

tg_node *tg_fill(tg_graph *g, tg_shape s, double value)
{
    tg_node *x = tg_double(g, (tg_shape){0}, &value);
    return x && s.rank ? tg_expand(x, s) : x;
}

static double *contents(tg_node *leaf_node) // made on first use: zeros, or a constant widened
{
    if (leaf_node->data) return leaf_node->data;
    int64_t n = tg_count(leaf_node->shape);
    leaf_node->data = base_alloc((size_t)n, sizeof(double));
    if (!leaf_node->data) return tg_no_memory(leaf_node->graph);
    for (int64_t i = 0; leaf_node->values && i < n; i++)
        leaf_node->data[i] = (double)leaf_node->values[i];
    return leaf_node->data;
}

double *tg_data(tg_node *leaf_node)
{
    const tg_graph *g = leaf_node->graph;
    for (size_t i = 0; i < g->n; i++) // forget cached values
        if (g->node[i]->op) {
            base_free(g->node[i]->data);
            g->node[i]->data = NULL;
        }
    return contents(leaf_node);
}

const double *tg_eval(tg_node *x)
{
    if (!x || tg_error(x->graph)) return NULL; // a graph with a mistake has no values
    if (x->data) return x->data;
    if (!x->op) return contents(x);
    const double *in[TG_MAX_IN];
    for (int i = 0; i < x->n_in; i++)
        if (!(in[i] = tg_eval(x->in[i]))) return NULL;
    x->data = base_alloc((size_t)tg_count(x->shape), sizeof(double));
    if (!x->data) return tg_no_memory(x->graph);
    x->op->ref(x, in, x->data);
    return x->data;
}
