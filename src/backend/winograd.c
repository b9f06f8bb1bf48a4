// winograd.c -- 3x3 convolutions by Winograd's minimal filtering: transformed tiles of the image
// times transformed weights, one matrix product for each of the (m + 2)^2 frequencies.
//
// Images are channels-last, so a transform works on 16 channels at once. Tiles go in chunks that
// stay in the cache between the three passes. Transformed weights are at least four times as large
// as the kernels. Where they would not stay in the cache they are made anew for each chunk, 64
// channels and one row of frequencies at a time: that takes a quarter of the memory, and reading it
// would take as long.
#include "backend/winograd.h"
#include "backend/product.h"
#include "backend/wino_tiles.h"
#include <omp.h>
#include <string.h>

_Static_assert((int)TILE_WIDE == (int)PRODUCT_WIDE, "panels of weights are as wide as products");

enum {
    CHUNK_BYTES = 3 << 20, // transformed tiles of a chunk, in and out together
    HELD_BYTES = 4 << 20,  // transformed weights, where they are held
};

struct cpu_wino {
    cpu_conv_kind kind;
    wino_grid grid;
    int64_t o, panels;               // channels made, TILE_WIDE of them at a time
    int64_t chunk;                   // tiles at a time
    int64_t v_step, y_step, y_width; // floats from one frequency to the next; of a tile in y
    int threads;
    product_kernel *product;
    bool act, add, bias, keep, hold, packed;
    float slope;
    size_t g_bytes, u_bytes, v_bytes, y_bytes, now_bytes;
    float *kept;  // g and u, where weights are kept; else they lie in scratch
    float *g;     // kernels: [panels][c][9][TILE_WIDE]
    float *u;     // where they are held: [panels][n*n][c][TILE_WIDE]
    float *v, *y; // in scratch: [n*n][chunk][c], [n*n][chunk][y_width]
    float *now;   // in scratch, where u is not held: a row of a panel for each thread
};

bool cpu_wino_fits(cpu_conv_kind kind, const cpu_conv_shape *s)
{
    return s->kh == 3 && s->kw == 3 && s->stride == 1 && s->groups == 1 && s->top >= 0 &&
           s->left >= 0 && s->top <= 2 && s->left <= 2 && s->c % 8 == 0 && s->o % 8 == 0 &&
           (!s->reflect || (kind != CPU_CONV_DX && !s->top && !s->left));
}

static wino_grid grid_of(cpu_conv_kind kind, const cpu_conv_shape *s, int m)
{
    bool dx = kind == CPU_CONV_DX; // dx is the convolution of dy with mirrored weights
    wino_grid g = {.m = m,
                   .batch = s->n,
                   .h = dx ? s->oh : s->h,
                   .w = dx ? s->ow : s->w,
                   .c = dx ? s->o : s->c,
                   .oh = dx ? s->h : s->oh,
                   .ow = dx ? s->w : s->ow,
                   .reflect = s->reflect,
                   .top = s->reflect + (dx ? 2 - s->top : s->top),
                   .left = s->reflect + (dx ? 2 - s->left : s->left)};
    wino_grid_count(&g);
    return g;
}

static size_t whole_lines(int64_t floats)
{
    return ((size_t)floats * sizeof(float) + 63) / 64 * 64;
}

static void geometry(cpu_wino *w, const cpu_conv_shape *s)
{
    const wino_grid *g = &w->grid;
    int64_t f = (int64_t)g->n * g->n;
    w->o = w->kind == CPU_CONV_DX ? s->c : s->o;
    w->panels = (w->o + TILE_WIDE - 1) / TILE_WIDE;
    w->y_width = w->panels * TILE_WIDE;
    w->g_bytes = whole_lines(w->panels * g->c * 9 * TILE_WIDE);
    w->u_bytes = whole_lines(w->panels * f * g->c * TILE_WIDE);
    // all weights are read for every chunk, so that many weights ask for large chunks
    w->hold = w->u_bytes <= HELD_BYTES;
    int64_t bytes = (int64_t)w->u_bytes, tile = (int64_t)sizeof(float) * f * (g->c + w->o);
    int64_t most = (bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES) / tile;
    int64_t chunks = (g->tiles + most) / (most + 1);
    w->chunk = (g->tiles + chunks - 1) / chunks;
    w->hold = w->hold && (w->keep || chunks > 1);
    // steps off the multiples of 4096 bytes, at which the lines of a tile would evict each other
    w->v_step = w->chunk * g->c + TILE_LANES;
    w->y_step = w->chunk * w->y_width + TILE_LANES;
    w->v_bytes = whole_lines(f * w->v_step);
    w->y_bytes = whole_lines(f * w->y_step);
    w->now_bytes = w->hold ? 0 : whole_lines(w->threads * g->n * g->c * TILE_WIDE);
}

int cpu_wino_open(cpu_wino **out, cpu_conv_kind kind, const cpu_conv_shape *s, int m,
                  const cpu_conv_post *post, bool keep_weights)
{
    *out = NULL;
    cpu_wino *w = base_alloc(1, sizeof *w);
    if (!w) return GUISE_NO_MEMORY;
    w->kind = kind;
    w->keep = keep_weights;
    w->threads = omp_get_max_threads();
    w->product = product_f32();
    w->grid = grid_of(kind, s, m);
    geometry(w, s);
    if (post) {
        w->bias = post->bias;
        w->act = post->act;
        w->add = post->add;
        w->slope = (float)post->slope;
    }
    if (w->keep && !(w->kept = base_aligned(cpu_wino_bytes(w))))
        return base_free(w), GUISE_NO_MEMORY;
    *out = w;
    return GUISE_OK;
}

void cpu_wino_close(cpu_wino *w)
{
    if (w) base_free(w->kept);
    base_free(w);
}

// Kernels of a panel from [o][c][3][3]; for dx, whose input is dy, from [c][o] mirrored.
static void pack_panel(const cpu_wino *w, const float *weights, int64_t panel)
{
    int64_t n = w->grid.c, first = panel * TILE_WIDE, lanes = w->o - first;
    float *g = w->g + panel * n * 9 * TILE_WIDE;
    bool dx = w->kind == CPU_CONV_DX;
    if (lanes < TILE_WIDE) memset(g, 0, sizeof *g * (size_t)(n * 9 * TILE_WIDE));
    for (int64_t l = 0; l < lanes && l < TILE_WIDE; l++)
        for (int64_t c = 0; c < n; c++) {
            const float *k = weights + 9 * (dx ? c * w->o + first + l : (first + l) * n + c);
            for (int i = 0; i < 9; i++) g[(c * 9 + i) * TILE_WIDE + l] = k[dx ? 8 - i : i];
        }
}

// A row of frequencies of a panel: u[n][c][TILE_WIDE]
static void transform(const cpu_wino *w, int64_t panel, int row, float *u)
{
    const float *g = w->g + panel * w->grid.c * 9 * TILE_WIDE;
    tile_weights_of(w->grid.m)(g, w->grid.c, row, u, (size_t)(w->grid.c * TILE_WIDE));
}

static float *held(const cpu_wino *w, int64_t panel, int row)
{
    return w->u + (panel * w->grid.n + row) * w->grid.n * w->grid.c * TILE_WIDE;
}

static void pack(cpu_wino *w, const float *weights)
{
#pragma omp parallel for schedule(static)
    for (int64_t panel = 0; panel < w->panels; panel++) {
        pack_panel(w, weights, panel);
        for (int row = 0; w->hold && row < w->grid.n; row++)
            transform(w, panel, row, held(w, panel, row));
    }
    w->packed = true;
}

// y = v u, a panel and a row of frequencies at a time; rows change first, for the kernels of a
// panel are in the cache then.
static void multiply(const cpu_wino *w, int64_t count)
{
    int64_t n = w->grid.n, c = w->grid.c, size = c * TILE_WIDE;
#pragma omp parallel for schedule(static) num_threads(w->threads)
    for (int64_t t = 0; t < w->panels * n; t++) {
        int64_t panel = t / n;
        int row = (int)(t % n);
        float *u = w->hold ? held(w, panel, row) : w->now + omp_get_thread_num() * n * size;
        if (!w->hold) transform(w, panel, row, u);
        for (int64_t k = 0; k < n; k++) {
            int64_t f = row * n + k;
            w->product(count, c, w->v + f * w->v_step, c, u + k * size,
                       w->y + f * w->y_step + panel * TILE_WIDE, w->y_width);
        }
    }
}

typedef int32_t lane_bits __attribute__((vector_size(TILE_LANES * sizeof(int32_t)), aligned(4)));

// y + bias (+ out), activation, into out
static void finish(const cpu_wino *w, tile_lanes *y, const tile_lanes *bias, const float *before)
{
    *y += *bias;
    if (before) *y += *(const tile_lanes *)(const void *)before;
    if (!w->act) return;
    lane_bits on = *y > 0;
    *y = (tile_lanes)((on & (lane_bits)*y) | (~on & (lane_bits)(w->slope * *y)));
}

// One tile, up to 16 channels from o on, where it lies inside the image.
static void put(const cpu_wino *w, wino_spot s, int64_t o, int64_t lanes, const tile_lanes *y,
                const tile_lanes *bias, float *out)
{
    const wino_grid *g = &w->grid;
    for (int i = 0; i < g->m && s.y + i < g->oh; i++)
        for (int j = 0; j < g->m && s.x + j < g->ow; j++) {
            float *to = out + ((s.image * g->oh + s.y + i) * g->ow + s.x + j) * w->o + o;
            tile_lanes v = y[i * g->m + j], before = {0};
            if (w->add) memcpy(&before, to, (size_t)lanes * sizeof *to);
            finish(w, &v, bias, w->add ? (const float *)&before : NULL);
            if (lanes == TILE_LANES)
                *(tile_lanes *)(void *)to = v;
            else
                memcpy(to, &v, (size_t)lanes * sizeof *to);
        }
}

static void out_of_tiles(const cpu_wino *w, const float *bias, float *out, int64_t from,
                         int64_t count)
{
    tile_output *back = tile_output_of(w->grid.m);
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < count; t++) {
        wino_spot s = wino_spot_of(&w->grid, from + t);
        tile_lanes y[TILE_MAX * TILE_MAX];
        for (int64_t o = 0; o < w->o; o += TILE_LANES) {
            tile_lanes b = {0};
            int64_t lanes = w->o - o < TILE_LANES ? w->o - o : TILE_LANES;
            if (w->bias) memcpy(&b, bias + o, (size_t)lanes * sizeof *bias);
            back(w->y + t * w->y_width + o, (size_t)w->y_step, y);
            put(w, s, o, lanes, y, &b, out);
        }
    }
}

static float *take(char **from, size_t bytes)
{
    float *p = (float *)(void *)*from;
    *from += bytes;
    return p;
}

int cpu_wino_run(cpu_wino *w, const float *a, const float *weights, const float *bias, float *out,
                 void *scratch)
{
    char *free = scratch, **at = &free, *kept = (char *)w->kept;
    w->v = take(at, w->v_bytes);
    w->y = take(at, w->y_bytes);
    w->now = take(at, w->now_bytes);
    if (w->keep) at = &kept;
    w->g = take(at, w->g_bytes);
    w->u = take(at, w->hold ? w->u_bytes : 0);
    if (!w->keep || !w->packed) pack(w, weights);
    for (int64_t from = 0; from < w->grid.tiles; from += w->chunk) {
        int64_t left = w->grid.tiles - from, count = left < w->chunk ? left : w->chunk;
        wino_into(&w->grid, a, from, count, w->v, w->v_step);
        multiply(w, count);
        out_of_tiles(w, bias, out, from, count);
    }
    return GUISE_OK;
}

void cpu_wino_forget(cpu_wino *w) { w->packed = false; }

static size_t weights_bytes(const cpu_wino *w) { return w->g_bytes + (w->hold ? w->u_bytes : 0); }

size_t cpu_wino_bytes(const cpu_wino *w) { return w->keep ? weights_bytes(w) : 0; }

size_t cpu_wino_scratch(const cpu_wino *w)
{
    return w->v_bytes + w->y_bytes + w->now_bytes + (w->keep ? 0 : weights_bytes(w));
}
