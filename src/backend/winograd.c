// winograd.c -- 3x3 convolutions by Winograd's minimal filtering: transformed tiles of the image
// times transformed weights, one matrix product for each of the (m + 2)^2 frequencies, by oneDNN.
//
// Images are channels-last, so a transform works on 16 channels at once. Tiles go in chunks that
// stay in the cache between the three passes.
#include "backend/winograd.h"
#include "backend/dnnl_shim.h"
#include "backend/wino_tiles.h"
#include <string.h>

enum { CHUNK_BYTES = 3 << 20 }; // transformed tiles of a chunk, in and out together

// Weights that are kept are transformed and packed once, for all output channels together. Weights
// that change with every run are transformed for one block of output channels after the other, so
// that the product finds them in the cache; they lie in scratch.
struct cpu_wino {
    cpu_conv_kind kind;
    wino_grid grid;
    int64_t o, block, blocks; // channels made, in one product
    int64_t chunk;            // tiles in one product
    int64_t v_step, y_step;   // floats from one frequency to the next
    bool act, add, bias, keep, packed;
    bool whole; // not kept: there are several chunks of tiles, so u holds all blocks
    float slope;
    float *u;     // [block][n*n][c][in a block], as the product wants it
    float *v, *y; // in scratch: [n*n][chunk][c], [n*n][chunk][in a block]
    size_t u_bytes, v_bytes, y_bytes;
    dnnl_primitive_t product, pack;
    dnnl_memory_t mem_v, mem_u, mem_y, mem_plain;
    dnnl_stream_t stream;
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

static void geometry(cpu_wino *w, const cpu_conv_shape *s)
{
    const wino_grid *g = &w->grid;
    w->o = w->kind == CPU_CONV_DX ? s->c : s->o;
    w->block = w->keep ? w->o : wino_block(w->o);
    w->blocks = w->o / w->block;
    // the product reads all weights for every chunk, so that many weights ask for large chunks
    int64_t frequencies = (int64_t)sizeof(float) * g->n * g->n;
    int64_t weights = frequencies * g->c * w->o / (w->keep ? 4 : 2);
    int64_t most =
        (weights > CHUNK_BYTES ? weights : CHUNK_BYTES) / (frequencies * (g->c + w->block));
    int64_t chunks = (g->tiles + most) / (most + 1);
    w->chunk = (g->tiles + chunks - 1) / chunks;
    w->whole = chunks > 1;
    // steps off the multiples of 4096 bytes, at which the lines of a tile would evict each other
    w->v_step = w->chunk * g->c + TILE_LANES;
    w->y_step = w->chunk * w->block + TILE_LANES;
}

static dnnl_status_t make_product(cpu_wino *w)
{
    int64_t f = w->grid.n * w->grid.n, c = w->grid.c, o = w->block;
    const int64_t v[] = {f, w->chunk, c}, u[] = {f, c, o}, y[] = {f, w->chunk, o};
    shim_md dv = {0}, du = {0}, any = {0}, dy = {0};
    dnnl_primitive_desc_t pd = NULL;
    dnnl_engine_t engine = shim_engine();
    const int64_t v_steps[] = {w->v_step, c, 1}, y_steps[] = {w->y_step, o, 1};
    dnnl_status_t e = shim_md_steps(&dv, 3, v, v_steps);
    if (!e) e = shim_md_make(&du, 3, u, dnnl_abc);
    if (!e) e = shim_md_make(&any, 3, u, w->keep ? dnnl_format_tag_any : dnnl_abc);
    if (!e) e = shim_md_steps(&dy, 3, y, y_steps);
    if (!e) e = shim_matmul_desc(&pd, &dv, &any, &dy, false, engine);
    if (!e) e = dnnl_primitive_create(&w->product, pd);
    shim_desc inside = e ? NULL : shim_query(pd, dnnl_query_weights_md);
    if (!e) e = shim_memory(&w->mem_v, shim_ref(&dv), engine);
    if (!e) e = shim_memory(&w->mem_y, shim_ref(&dy), engine);
    if (!e) e = shim_memory(&w->mem_u, inside, engine);
    if (!e) w->u_bytes = shim_bytes(inside);
    if (!e && !shim_same(inside, shim_ref(&du))) {
        e = shim_memory(&w->mem_plain, shim_ref(&du), engine);
        if (!e) e = shim_reorder(&w->pack, shim_ref(&du), inside, engine);
    }
    if (pd) dnnl_primitive_desc_destroy(pd);
    shim_md_end(&dv);
    shim_md_end(&du);
    shim_md_end(&any);
    shim_md_end(&dy);
    if (!e) e = dnnl_stream_create(&w->stream, engine, dnnl_stream_default_flags);
    return e;
}

static dnnl_status_t memory(cpu_wino *w)
{
    size_t f = (size_t)(w->grid.n * w->grid.n) * sizeof(float);
    w->v_bytes = (f * (size_t)w->v_step + 63) / 64 * 64;
    w->y_bytes = (f * (size_t)w->y_step + 63) / 64 * 64;
    if (!w->keep) return dnnl_success;
    w->u = base_aligned(w->u_bytes);
    return w->u ? dnnl_memory_set_data_handle(w->mem_u, w->u) : dnnl_out_of_memory;
}

int cpu_wino_open(cpu_wino **out, cpu_conv_kind kind, const cpu_conv_shape *s, int m,
                  const cpu_conv_post *post, bool keep_weights)
{
    *out = NULL;
    cpu_wino *w = base_alloc(1, sizeof *w);
    if (!w || !shim_engine()) return base_free(w), GUISE_NO_MEMORY;
    w->kind = kind;
    w->keep = keep_weights;
    w->grid = grid_of(kind, s, m);
    geometry(w, s);
    if (post) {
        w->bias = post->bias;
        w->act = post->act;
        w->add = post->add;
        w->slope = (float)post->slope;
    }
    dnnl_status_t e = make_product(w);
    if (!e) e = memory(w);
    if (e)
        cpu_wino_close(w);
    else
        *out = w;
    return e ? GUISE_NO_MEMORY : GUISE_OK;
}

void cpu_wino_close(cpu_wino *w)
{
    if (!w) return;
    if (w->product) dnnl_primitive_destroy(w->product);
    if (w->pack) dnnl_primitive_destroy(w->pack);
    if (w->mem_v) dnnl_memory_destroy(w->mem_v);
    if (w->mem_u) dnnl_memory_destroy(w->mem_u);
    if (w->mem_y) dnnl_memory_destroy(w->mem_y);
    if (w->mem_plain) dnnl_memory_destroy(w->mem_plain);
    if (w->stream) dnnl_stream_destroy(w->stream);
    if (w->keep) base_free(w->u);
    base_free(w);
}

// 16 kernels k, k + step, ... as lanes; mirrored for dx
static void gather(const float *k, int64_t step, int64_t lanes, bool mirror, tile_lanes g[9])
{
    for (int i = 0; i < 9; i++)
        for (int64_t l = 0; l < TILE_LANES; l++)
            g[i][l] = l < lanes ? k[l * step + (mirror ? 8 - i : i)] : 0;
}

// u[f][c][block] for output channels from o0 on, of weights [o][c][3][3]; for dx, whose input is
// dy, from [c][o] mirrored.
static void weights_into(const cpu_wino *w, const float *weights, int64_t o0, float *u)
{
    bool dx = w->kind == CPU_CONV_DX;
    int f = w->grid.n * w->grid.n;
    int64_t n = w->grid.c, bands = (w->block + TILE_LANES - 1) / TILE_LANES, step = n * w->block;
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < bands * 8; t++) { // eight stretches of c for each 16 of o
        int64_t k = t / 8 * TILE_LANES, o = o0 + k;
        int64_t lanes = w->block - k < TILE_LANES ? w->block - k : TILE_LANES;
        for (int64_t c = t % 8 * n / 8; c < (t % 8 + 1) * n / 8; c++) {
            tile_lanes g[9], all[TILE_MAX * TILE_MAX];
            gather(weights + (dx ? c * w->o + o : o * n + c) * 9, dx ? 9 : 9 * n, lanes, dx, g);
            tile_weight(w->grid.m, g, (float *)all, TILE_LANES);
            for (int64_t i = 0; i < f; i++)
                memcpy(u + i * step + c * w->block + k, &all[i], (size_t)lanes * sizeof *u);
        }
    }
}

static dnnl_status_t pack(cpu_wino *w, const float *weights) // those that are kept
{
    if (!w->pack) return weights_into(w, weights, 0, w->u), dnnl_success;
    int64_t f = w->grid.n * w->grid.n;
    float *plain = base_aligned(sizeof *plain * (size_t)(f * w->grid.c * w->o));
    if (!plain) return dnnl_out_of_memory;
    weights_into(w, weights, 0, plain);
    dnnl_status_t e = dnnl_memory_set_data_handle(w->mem_plain, plain);
    dnnl_exec_arg_t arg[] = {{DNNL_ARG_FROM, w->mem_plain}, {DNNL_ARG_TO, w->mem_u}};
    if (!e) e = dnnl_primitive_execute(w->pack, w->stream, 2, arg);
    if (!e) e = dnnl_stream_wait(w->stream);
    base_free(plain);
    return e;
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

// Tiles from..from + count of the block of channels from o0 on.
static void out_of_tiles(const cpu_wino *w, const float *bias, float *out, int64_t from,
                         int64_t count, int64_t o0)
{
    tile_output *transform = tile_output_of(w->grid.m);
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < count; t++) {
        wino_spot s = wino_spot_of(&w->grid, from + t);
        tile_lanes y[TILE_MAX * TILE_MAX];
        for (int64_t k = 0; k < w->block; k += TILE_LANES) {
            tile_lanes b = {0};
            int64_t lanes = w->block - k < TILE_LANES ? w->block - k : TILE_LANES;
            if (w->bias) memcpy(&b, bias + o0 + k, (size_t)lanes * sizeof *bias);
            transform(w->y + t * w->block + k, (size_t)w->y_step, y);
            put(w, s, o0 + k, lanes, y, &b, out);
        }
    }
}

// One block of output channels for the tiles that lie in v.
static dnnl_status_t run_block(cpu_wino *w, const float *weights, const float *bias, float *out,
                               int64_t from, int64_t count, int64_t b)
{
    dnnl_status_t e = dnnl_success;
    if (!w->keep) {
        float *u = w->u + (w->whole ? b : 0) * (int64_t)(w->u_bytes / sizeof(float));
        if (!from) weights_into(w, weights, b * w->block, u);
        e = dnnl_memory_set_data_handle(w->mem_u, u);
    }
    dnnl_exec_arg_t arg[] = {
        {DNNL_ARG_SRC, w->mem_v}, {DNNL_ARG_WEIGHTS, w->mem_u}, {DNNL_ARG_DST, w->mem_y}};
    if (!e) e = dnnl_primitive_execute(w->product, w->stream, 3, arg);
    if (!e) e = dnnl_stream_wait(w->stream);
    if (!e) out_of_tiles(w, bias, out, from, count, b * w->block);
    return e;
}

int cpu_wino_run(cpu_wino *w, const float *a, const float *weights, const float *bias, float *out,
                 void *scratch)
{
    dnnl_status_t e = dnnl_success;
    if (w->keep && !w->packed) e = pack(w, weights);
    w->packed = true;
    w->v = scratch;
    w->y = (float *)(void *)((char *)scratch + w->v_bytes);
    if (!w->keep) w->u = (float *)(void *)((char *)scratch + w->v_bytes + w->y_bytes);
    if (!e) e = dnnl_memory_set_data_handle(w->mem_v, w->v);
    if (!e) e = dnnl_memory_set_data_handle(w->mem_y, w->y);
    for (int64_t from = 0; !e && from < w->grid.tiles; from += w->chunk) {
        int64_t left = w->grid.tiles - from, count = left < w->chunk ? left : w->chunk;
        wino_into(&w->grid, a, from, count, w->v, w->v_step);
        for (int64_t b = 0; !e && b < w->blocks; b++)
            e = run_block(w, weights, bias, out, from, count, b);
    }
    return e ? GUISE_NO_MEMORY : GUISE_OK;
}

void cpu_wino_forget(cpu_wino *w) { w->packed = false; }

size_t cpu_wino_bytes(const cpu_wino *w) { return w->keep ? w->u_bytes : 0; }

size_t cpu_wino_scratch(const cpu_wino *w)
{
    size_t u = w->keep ? 0 : w->u_bytes * (size_t)(w->whole ? w->blocks : 1);
    return w->v_bytes + w->y_bytes + u;
}
