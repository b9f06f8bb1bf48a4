// wino_dw.c -- weight gradients by Winograd's filtering. Forward, at every frequency, y = v u, with
// v and u the transformed tiles and weights; so du = dy' v summed over the tiles, with dy' the
// output's adjoint of the gradient, and dw = G' du G.
#include "backend/wino_dw.h"
#include "backend/dnnl_shim.h"
#include "backend/wino_tiles.h"
#include <string.h>

enum {
    LEAST_BYTES = 4 << 20, // transformed tiles of a chunk, of x and dy together
    MOST_BYTES = 16 << 20,
};

struct cpu_wino_dw {
    wino_grid grid; // of x; dy lies on what it makes
    int64_t o, block, blocks, chunk, chunks;
    int64_t v_step, y_step; // floats from one frequency to the next
    size_t v_bytes, y_bytes, u_bytes;
    dnnl_primitive_t first, more; // products: the first chunk's, and those that add to it
    dnnl_memory_t mem_v, mem_u, mem_y;
    dnnl_stream_t stream;
};

static void geometry(cpu_wino_dw *w, const cpu_conv_shape *s, int m)
{
    w->grid = (wino_grid){.m = m,
                          .batch = s->n,
                          .h = s->h,
                          .w = s->w,
                          .c = s->c,
                          .oh = s->oh,
                          .ow = s->ow,
                          .reflect = s->reflect,
                          .top = s->reflect + s->top,
                          .left = s->reflect + s->left};
    wino_grid *g = &w->grid;
    wino_grid_count(g);
    w->o = s->o;
    w->block = wino_block(w->o);
    w->blocks = w->o / w->block;
    // every chunk reads and writes all sums, so that many weights ask for large chunks
    int64_t frequencies = (int64_t)sizeof(float) * g->n * g->n;
    int64_t bytes = 2 * frequencies * g->c * w->o;
    bytes = bytes < LEAST_BYTES ? LEAST_BYTES : bytes > MOST_BYTES ? MOST_BYTES : bytes;
    int64_t most = bytes / (frequencies * (g->c + w->o));
    w->chunks = (g->tiles + most) / (most + 1);
    w->chunk = (g->tiles + w->chunks - 1) / w->chunks;
    w->v_step = w->chunk * g->c + TILE_LANES; // off the multiples of 4096 bytes
    w->y_step = w->chunk * w->o + TILE_LANES;
    size_t f = (size_t)(g->n * g->n) * sizeof(float);
    w->v_bytes = (f * (size_t)w->v_step + 63) / 64 * 64;
    w->y_bytes = (f * (size_t)w->y_step + 63) / 64 * 64;
    w->u_bytes = (f * (size_t)(w->block * g->c) + 63) / 64 * 64; // of a block
}

// du[block][c] (+)= dy'[chunk][block]' v[chunk][c], for each frequency
static dnnl_status_t product(cpu_wino_dw *w, bool add, dnnl_primitive_t *p)
{
    int64_t f = w->grid.n * w->grid.n, c = w->grid.c;
    const int64_t y[] = {f, w->block, w->chunk}, v[] = {f, w->chunk, c}, u[] = {f, w->block, c};
    const int64_t y_steps[] = {w->y_step, 1, w->o}, v_steps[] = {w->v_step, c, 1};
    shim_md dy = {0}, dv = {0}, du = {0};
    dnnl_primitive_desc_t pd = NULL;
    dnnl_engine_t engine = shim_engine();
    dnnl_status_t e = shim_md_steps(&dy, 3, y, y_steps);
    if (!e) e = shim_md_steps(&dv, 3, v, v_steps);
    if (!e) e = shim_md_make(&du, 3, u, dnnl_abc);
    if (!e) e = shim_matmul_desc(&pd, &dy, &dv, &du, add, engine);
    if (!e) e = dnnl_primitive_create(p, pd);
    if (!e && !add) e = shim_memory(&w->mem_y, shim_ref(&dy), engine);
    if (!e && !add) e = shim_memory(&w->mem_v, shim_ref(&dv), engine);
    if (!e && !add) e = shim_memory(&w->mem_u, shim_ref(&du), engine);
    if (pd) dnnl_primitive_desc_destroy(pd);
    shim_md_end(&dy);
    shim_md_end(&dv);
    shim_md_end(&du);
    return e;
}

int cpu_wino_dw_open(cpu_wino_dw **out, const cpu_conv_shape *s, int m)
{
    *out = NULL;
    cpu_wino_dw *w = base_alloc(1, sizeof *w);
    if (!w || !shim_engine()) return base_free(w), GUISE_NO_MEMORY;
    geometry(w, s, m);
    dnnl_status_t e = product(w, false, &w->first);
    if (!e && w->chunks > 1) e = product(w, true, &w->more);
    if (!e) e = dnnl_stream_create(&w->stream, shim_engine(), dnnl_stream_default_flags);
    if (e)
        cpu_wino_dw_close(w);
    else
        *out = w;
    return e ? GUISE_NO_MEMORY : GUISE_OK;
}

void cpu_wino_dw_close(cpu_wino_dw *w)
{
    if (!w) return;
    if (w->first) dnnl_primitive_destroy(w->first);
    if (w->more) dnnl_primitive_destroy(w->more);
    if (w->mem_v) dnnl_memory_destroy(w->mem_v);
    if (w->mem_u) dnnl_memory_destroy(w->mem_u);
    if (w->mem_y) dnnl_memory_destroy(w->mem_y);
    if (w->stream) dnnl_stream_destroy(w->stream);
    base_free(w);
}

// dw[o][c][3][3] of a block from u[f][block][c]
static void weights_from(const cpu_wino_dw *w, const float *u, float *dw)
{
    int64_t c = w->grid.c, step = w->block * c;
    int f = w->grid.n * w->grid.n;
#pragma omp parallel for schedule(static)
    for (int64_t o = 0; o < w->block; o++)
        for (int64_t k = 0; k < c; k += TILE_LANES) {
            int64_t lanes = c - k < TILE_LANES ? c - k : TILE_LANES;
            tile_lanes g[9], part[TILE_MAX * TILE_MAX];
            const float *from = u + o * c + k;
            if (lanes < TILE_LANES) // what follows may lie outside
                for (int64_t i = 0; i < f; i++)
                    memcpy(&part[i], from + i * step, (size_t)lanes * sizeof *u);
            bool all = lanes == TILE_LANES;
            tile_weight_adjoint(w->grid.m, all ? from : (const float *)part,
                                all ? (size_t)step : TILE_LANES, g);
            float *to = dw + (o * c + k) * 9;
            for (int64_t l = 0; l < lanes; l++)
                for (int i = 0; i < 9; i++) to[9 * l + i] = g[i][l];
        }
}

// Tiles from `from` on into v and y; places that no tile takes are zero.
static void tiles_into(const cpu_wino_dw *w, const float *dy, const float *x, int64_t from,
                       float *v, float *y)
{
    const wino_grid *g = &w->grid;
    int64_t left = g->tiles - from, count = left < w->chunk ? left : w->chunk;
    wino_into(g, x, from, count, v, w->v_step);
    wino_back(g, dy, w->o, from, count, y, w->y_step);
    for (int64_t i = 0; count < w->chunk && i < g->n * g->n; i++) {
        size_t rest = sizeof *v * (size_t)(w->chunk - count);
        memset(v + i * w->v_step + count * g->c, 0, rest * (size_t)g->c);
        memset(y + i * w->y_step + count * w->o, 0, rest * (size_t)w->o);
    }
}

int cpu_wino_dw_run(cpu_wino_dw *w, const float *dy, const float *x, float *dw, void *scratch)
{
    float *v = scratch, *y = v + w->v_bytes / sizeof *v, *u = y + w->y_bytes / sizeof *v;
    dnnl_exec_arg_t arg[] = {
        {DNNL_ARG_SRC, w->mem_y}, {DNNL_ARG_WEIGHTS, w->mem_v}, {DNNL_ARG_DST, w->mem_u}};
    dnnl_status_t e = dnnl_memory_set_data_handle(w->mem_v, v);
    for (int64_t i = 0; !e && i < w->chunks; i++) {
        tiles_into(w, dy, x, i * w->chunk, v, y);
        for (int64_t b = 0; !e && b < w->blocks; b++) {
            float *at = u + (w->chunks > 1 ? b : 0) * (int64_t)(w->u_bytes / sizeof *u);
            e = dnnl_memory_set_data_handle(w->mem_y, y + b * w->block);
            if (!e) e = dnnl_memory_set_data_handle(w->mem_u, at);
            if (!e) e = dnnl_primitive_execute(i ? w->more : w->first, w->stream, 3, arg);
            if (!e) e = dnnl_stream_wait(w->stream);
            if (!e && i == w->chunks - 1) weights_from(w, at, dw + b * w->block * w->grid.c * 9);
        }
    }
    return e ? GUISE_NO_MEMORY : GUISE_OK;
}

size_t cpu_wino_dw_scratch(const cpu_wino_dw *w)
{
    return w->v_bytes + w->y_bytes + w->u_bytes * (size_t)(w->chunks > 1 ? w->blocks : 1);
}
