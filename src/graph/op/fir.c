// fir.c -- resampling by a small filter: zeros between elements, a border, convolution, every
// down'th element. StyleGAN2 (Karras et al. 2020) calls it upfirdn2d. One op is its own family: the
// adjoint has up and down exchanged and the taps turned round.
//   y[o] = sum over i of x[i] tap[size - 1 - (i up + before - o down)], in each direction
#include "graph/op/move.h"
#include <string.h>

typedef tg_fir_kernel args; // only int64_t and double: no padding bytes

enum { ROWS, COLUMNS, CHANNELS = 16 };

static int64_t out_size(const args *p, int d, int64_t n)
{
    return (n * p->up[d] + p->before[d] + p->after[d] - p->size[d]) / p->down[d] + 1;
}

static const char *check_args(const args *p, tg_shape x)
{
    const int64_t most = 1 << 20;
    for (int d = 0; d < 2; d++) {
        if (p->size[d] < 1 || p->size[d] > TG_FIR_MOST) return "the filter has 1 to 8 taps a side";
        if (p->up[d] < 1 || p->down[d] < 1 || p->up[d] > most || p->down[d] > most)
            return "up and down must be positive";
        if (p->before[d] < -most || p->before[d] > most || p->after[d] < -most ||
            p->after[d] > most || x.dim[2 + d] > INT64_MAX / 4 / most)
            return "the border is too wide";
        if (x.dim[2 + d] * p->up[d] + p->before[d] + p->after[d] < p->size[d])
            return "the image with its border is smaller than the filter";
    }
    return NULL;
}

static const char *shape(const tg_node *y, tg_shape *out)
{
    const args *p = y->args;
    tg_shape x = y->in[0]->shape;
    if (x.rank != 4) return "x must have rank 4";
    const char *wrong = check_args(p, x);
    if (wrong) return wrong;
    *out = x;
    for (int d = 0; d < 2; d++) out->dim[2 + d] = out_size(p, d, x.dim[2 + d]);
    return move_wrong(*out);
}

static void vjp(tg_node *y, tg_node *dy, tg_node *dx[])
{
    const args *p = y->args;
    args q = *p;
    for (int d = 0; d < 2; d++) {
        int64_t n = tg_dim(y->in[0], 2 + d), o = tg_dim(y, 2 + d);
        q.up[d] = p->down[d];
        q.down[d] = p->up[d];
        q.before[d] = p->size[d] - 1 - p->before[d];
        q.after[d] = (n - 1) * p->up[d] + p->size[d] - o * p->down[d] - q.before[d];
    }
    int64_t taps = p->size[ROWS] * p->size[COLUMNS];
    for (int64_t t = 0; t < taps; t++) q.tap[t] = p->tap[taps - 1 - t];
    dx[0] = tg_fir(dy, &q);
}

// The elements that reach output o along d: from *i on, one after the other, by taps *t, *t - up ..
static int64_t reach(const args *p, int d, int64_t n, int64_t o, int64_t *i, int64_t *t)
{
    int64_t up = p->up[d], at = o * p->down[d] - p->before[d]; // position of the window
    int64_t first = at > 0 ? (at + up - 1) / up : 0;
    int64_t last = at + p->size[d] - 1; // floor(last / up), which rounds toward zero in C
    last = last < 0 ? -1 : last / up;
    if (last > n - 1) last = n - 1;
    *i = first;
    *t = p->size[d] - 1 - (first * up - at);
    return last < first ? 0 : last - first + 1;
}

static void ref(const tg_node *y, const double *const x[], double *out)
{
    const args *p = y->args;
    const int64_t *s = y->in[0]->shape.dim, *o = y->shape.dim;
    for (int64_t k = 0; k < tg_count(y->shape); k++) {
        const double *a = x[0] + k / (o[2] * o[3]) * s[2] * s[3];
        int64_t row = k / o[3] % o[2] * p->down[ROWS] - p->before[ROWS];
        int64_t column = k % o[3] * p->down[COLUMNS] - p->before[COLUMNS];
        out[k] = 0;
        for (int64_t u = 0; u < p->size[ROWS]; u++)
            for (int64_t v = 0; v < p->size[COLUMNS]; v++) {
                int64_t i = row + u, j = column + v; // in the image with zeros between elements
                if (i < 0 || j < 0 || i % p->up[ROWS] || j % p->up[COLUMNS]) continue;
                i /= p->up[ROWS], j /= p->up[COLUMNS];
                if (i >= s[2] || j >= s[3]) continue;
                out[k] +=
                    a[i * s[3] + j] *
                    p->tap[(p->size[ROWS] - 1 - u) * p->size[COLUMNS] + p->size[COLUMNS] - 1 - v];
            }
    }
}

// What one element of the output is made of: terms times the elements at offset, all channels.
typedef struct {
    int64_t n, offset[TG_FIR_MOST * TG_FIR_MOST];
    float k[TG_FIR_MOST * TG_FIR_MOST];
} terms;

// c channels of one element
BASE_SIMD static void sum_terms(const terms *t, int64_t c, const float *x, float *out)
{
    int64_t j = 0;
    for (; j + CHANNELS <= c; j += CHANNELS) {
        float sum[CHANNELS] = {0};
        for (int64_t i = 0; i < t->n; i++) {
            const float *a = x + t->offset[i] + j, k = t->k[i];
#pragma omp simd
            for (int l = 0; l < CHANNELS; l++) sum[l] += k * a[l];
        }
        memcpy(out + j, sum, sizeof sum);
    }
    for (; j < c; j++) {
        float sum = 0;
        for (int64_t i = 0; i < t->n; i++) sum += t->k[i] * x[t->offset[i] + j];
        out[j] = sum;
    }
}

static int cpu(const tg_call *c)
{
    const args *p = c->y->args;
    const int64_t *s = c->y->in[0]->shape.dim, *o = c->y->shape.dim;
    int64_t rows = o[0] * o[2];
#pragma omp parallel for schedule(static) if (tg_count(c->y->shape) > MOVE_ALONE)
    for (int64_t r = 0; r < rows; r++) {
        const float *x = c->x[0] + r / o[2] * s[1] * s[2] * s[3];
        int64_t i0, j0, u0, v0, h = reach(p, ROWS, s[2], r % o[2], &i0, &u0);
        for (int64_t j = 0; j < o[3]; j++) {
            int64_t w = reach(p, COLUMNS, s[3], j, &j0, &v0);
            terms t = {.n = h * w};
            for (int64_t k = 0; k < t.n; k++) {
                int64_t u = k / w, v = k % w;
                t.offset[k] = ((i0 + u) * s[3] + j0 + v) * s[1];
                t.k[k] =
                    (float)
                        p->tap[(u0 - u * p->up[ROWS]) * p->size[COLUMNS] + v0 - v * p->up[COLUMNS]];
            }
            sum_terms(&t, s[1], x, c->out + (r * o[3] + j) * s[1]);
        }
    }
    return 0;
}

static tg_node *sample(tg_graph *g, base_rng *r)
{
    args p = {.size = {base_rng_range(r, 1, 4), base_rng_range(r, 1, 4)}};
    tg_shape x = TG_SHAPE(base_rng_range(r, 1, 2), base_rng_range(r, 1, 18),
                          base_rng_range(r, 2, 4), base_rng_range(r, 2, 4));
    for (int d = 0; d < 2; d++) {
        p.up[d] = base_rng_range(r, 1, 3);
        p.down[d] = base_rng_range(r, 1, 3);
        p.before[d] = base_rng_range(r, -1, 3);
        p.after[d] = base_rng_range(r, -1, 3);
        if (x.dim[2 + d] * p.up[d] + p.before[d] + p.after[d] < p.size[d]) p.after[d] = p.size[d];
    }
    for (int64_t t = 0; t < p.size[0] * p.size[1]; t++) p.tap[t] = base_rng_normal(r);
    return tg_fir(tg_randn(g, r, x), &p);
}

TG_OP(fir, "zeros between elements, a border, a filter, every down'th element", .shape = shape,
      .vjp = vjp, .ref = ref, .cpu = cpu, .last = 1 | TG_LAST_OUT, .flags = TG_LINEAR,
      .sample = sample);

tg_node *tg_fir(tg_node *x, const tg_fir_kernel *k)
{
    return tg_make(&tg_op_fir, 1, (tg_node *[]){x}, k, sizeof *k);
}
