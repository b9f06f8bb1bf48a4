// onnx_call.c -- what operators ask of their node: inputs, attributes, lists, constant contents.
#include "weights/onnx.h"
#include <math.h>
#include <string.h>

tg_node *onnx_in(const onnx_call *c, size_t i) { return i < c->n_in ? c->in[i].node : NULL; }

const Onnx__Attribute *onnx_attr(const onnx_call *c, const char *name)
{
    for (size_t i = 0; i < c->node->n_attribute; i++) {
        const Onnx__Attribute *a = c->node->attribute[i];
        if (a->name && !strcmp(a->name, name)) return a;
    }
    return NULL;
}

int64_t onnx_attr_int(const onnx_call *c, const char *name, int64_t missing)
{
    const Onnx__Attribute *a = onnx_attr(c, name);
    return a ? a->i : missing;
}

double onnx_attr_real(const onnx_call *c, const char *name, double missing)
{
    const Onnx__Attribute *a = onnx_attr(c, name);
    return a ? (double)a->f : missing;
}

bool onnx_attr_is(const onnx_call *c, const char *name, const char *missing, const char *text)
{
    const Onnx__Attribute *a = onnx_attr(c, name);
    if (!a) return !strcmp(missing, text);
    return a->s.len == strlen(text) && !memcmp(a->s.data, text, a->s.len);
}

int64_t onnx_whole(double v)
{
    double near = nearbyint(v), limit = 4611686018427387904.0; // 2^62: sums of two still fit
    if (!(fabs(v - near) < 1e-6)) near = trunc(v);
    if (isnan(near)) return 0;
    return near > limit ? (int64_t)limit : near < -limit ? -(int64_t)limit : (int64_t)near;
}

const double *onnx_host(onnx_call *c, size_t i, int64_t *n)
{
    tg_node *x = onnx_in(c, i);
    if (!x) return onnx_fail(c, "input %zu is missing", i);
    if (!c->in[i].host)
        return onnx_fail(c, "input %zu must be a constant of at most %d numbers", i,
                         (int)ONNX_HOST_COUNT);
    *n = tg_count(tg_shape_of(x));
    return tg_eval(x);
}

tg_node *onnx_rounded(onnx_call *c, tg_node *x, double (*f)(double))
{
    const double *from = tg_eval(x);
    double v[ONNX_HOST_COUNT];
    tg_shape s = tg_shape_of(x);
    if (!from) return NULL;
    if (tg_count(s) > ONNX_HOST_COUNT)
        return onnx_fail(c, "more than %d constant numbers", (int)ONNX_HOST_COUNT);
    for (int64_t i = 0; i < tg_count(s); i++) {
        double near = nearbyint(from[i]); // quotients of floats may miss a whole number
        v[i] = fabs(from[i] - near) < 1e-6 ? near : f(from[i]);
    }
    return tg_double(c->g, s, v);
}

bool onnx_ints(onnx_call *c, const char *name, size_t i, onnx_list *l)
{
    const Onnx__Attribute *a = name ? onnx_attr(c, name) : NULL;
    const double *v = NULL;
    int64_t n = 0;
    *l = (onnx_list){0};
    if (a) n = (int64_t)a->n_ints;
    bool empty = !a && i < c->n_in && c->in[i].empty && *c->node->input[i];
    if (!a && onnx_in(c, i) && !(v = onnx_host(c, i, &n))) return false;
    if (!a && !v && !empty) return true;
    if (n > ONNX_LIST) {
        onnx_fail(c, "a list of %lld numbers is longer than %d", (long long)n, (int)ONNX_LIST);
        return false;
    }
    l->given = true;
    l->n = (int)n;
    for (int k = 0; k < l->n; k++) l->v[k] = onnx_whole(a ? (double)a->ints[k] : v[k]);
    return true;
}

bool onnx_axis(onnx_call *c, int64_t axis, int rank, int *out)
{
    int64_t k = axis < 0 ? axis + rank : axis;
    if (k < 0 || k >= rank) {
        onnx_fail(c, "axis %lld is outside a value of %d dimensions", (long long)axis, rank);
        return false;
    }
    *out = (int)k;
    return true;
}

tg_node *onnx_channel(tg_node *v, int rank)
{
    tg_shape s = {.rank = rank < 2 ? 2 : rank};
    for (int i = 0; i < s.rank; i++) s.dim[i] = 1;
    s.dim[1] = tg_count(tg_shape_of(v));
    return tg_reshape(v, s);
}

bool onnx_broadcast(onnx_call *c, tg_node **a, tg_node **b)
{
    tg_shape p = tg_shape_of(*a), q = tg_shape_of(*b), both = {0};
    char s[128], t[128];
    both.rank = p.rank > q.rank ? p.rank : q.rank;
    for (int i = 1; i <= both.rank; i++) { // from the last dimension on
        int64_t m = i <= p.rank ? p.dim[p.rank - i] : 1, n = i <= q.rank ? q.dim[q.rank - i] : 1;
        if (m != n && m != 1 && n != 1) {
            onnx_fail(c, "shapes %s and %s do not go together", tg_shape_text(p, s),
                      tg_shape_text(q, t));
            return false;
        }
        both.dim[both.rank - i] = m == 1 ? n : m;
    }
    // One that needs no expanding leaves the other to the op itself.
    if (!tg_same(p, both) && !tg_same(q, both)) {
        *a = tg_expand(*a, both);
        *b = tg_expand(*b, both);
    }
    return true;
}

// A block of one value beside x along dim: n elements, 0 for none.
static tg_node *block(tg_node *x, int dim, int64_t n, double value)
{
    tg_shape s = tg_shape_of(x);
    s.dim[dim] = n;
    return tg_fill(tg_graph_of(x), s, value);
}

tg_node *onnx_pad(tg_node *x, const int64_t before[], const int64_t after[], double value)
{
    int rank = tg_shape_of(x).rank;
    for (int i = 0; x && i < rank; i++) {
        tg_node *part[3];
        int n = 0;
        if (!before[i] && !after[i]) continue;
        if (value == 0) {
            x = tg_pad(x, i, before[i], after[i]);
            continue;
        }
        if (before[i]) part[n++] = block(x, i, before[i], value);
        part[n++] = x;
        if (after[i]) part[n++] = block(x, i, after[i], value);
        x = tg_concat(part, n, i);
    }
    return x;
}

tg_node *onnx_max_to(tg_node *x, const bool reduced[])
{
    int rank = tg_shape_of(x).rank;
    for (int i = 0; i < rank; i++) {
        if (!reduced[i]) continue;
        for (int64_t n = tg_dim(x, i); n > 1; n = tg_dim(x, i)) { // halve until one is left
            int64_t half = (n + 1) / 2;                           // the middle is compared twice
            x = tg_maximum(tg_slice(x, i, 0, half), tg_slice(x, i, n - half, half));
        }
    }
    return x;
}
