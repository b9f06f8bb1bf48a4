// winograd.c -- 3x3 convolutions by Winograd's minimal filtering: transformed tiles of the image
// times transformed weights, one matrix product for each of the (m + 2)^2 frequencies, by oneDNN.
//
// Images are channels-last, so a transform works on 16 channels at once. Tiles go in chunks that
// stay in the cache between the three passes.
#include "backend/winograd.h"
#include "backend/dnnl_shim.h"
#include "backend/tile.h"
#include <string.h>

enum { CHUNK_BYTES = 3 << 20 }; // transformed tiles of a chunk, in and out together

struct cpu_wino {
    cpu_conv_kind kind;
    int m, n;                          // side of output and input tiles
    int64_t batch, h, w, c, oh, ow, o; // the image read and the image made
    int64_t reflect, pad_top, pad_left, rows, cols, tiles, chunk; // tiles in all, in a chunk
    int64_t v_step, y_step; // floats from one frequency to the next
    bool act, add, bias, keep, packed;
    float slope;
    float *u;     // [n*n][c][o], as the product wants it
    float *v, *y; // in scratch: [n*n][chunk][c], [n*n][chunk][o]
    float *plain; // u in row-major order, where the product wants another; kept if packed often
    size_t u_bytes, plain_bytes, v_bytes, y_bytes;
    dnnl_primitive_t product, pack;
    dnnl_memory_t mem_v, mem_u, mem_y, mem_plain;
    dnnl_stream_t stream;
};

bool cpu_wino_fits(cpu_conv_kind kind, const cpu_conv_shape *s)
{
    return kind != CPU_CONV_DW && s->kh == 3 && s->kw == 3 && s->stride == 1 && s->groups == 1 &&
           s->top >= 0 && s->left >= 0 && s->top <= 2 && s->left <= 2 && s->c % 8 == 0 &&
           s->o % 8 == 0 && (!s->reflect || (kind == CPU_CONV_Y && !s->top && !s->left));
}

static void geometry(cpu_wino *w, cpu_conv_kind kind, const cpu_conv_shape *s, int m)
{
    bool dx = kind == CPU_CONV_DX; // dx is the convolution of dy with mirrored weights
    w->kind = kind;
    w->m = m;
    w->n = m + 2;
    w->batch = s->n;
    w->h = dx ? s->oh : s->h;
    w->w = dx ? s->ow : s->w;
    w->c = dx ? s->o : s->c;
    w->oh = dx ? s->h : s->oh;
    w->ow = dx ? s->w : s->ow;
    w->o = dx ? s->c : s->o;
    w->reflect = s->reflect;
    w->pad_top = s->reflect + (dx ? 2 - s->top : s->top);
    w->pad_left = s->reflect + (dx ? 2 - s->left : s->left);
    w->rows = (w->oh + m - 1) / m;
    w->cols = (w->ow + m - 1) / m;
    w->tiles = w->batch * w->rows * w->cols;
    // the product reads all weights for every chunk, so that many weights ask for large chunks
    int64_t frequencies = (int64_t)sizeof(float) * w->n * w->n;
    int64_t weights = frequencies * w->c * w->o / 4;
    int64_t most = (weights > CHUNK_BYTES ? weights : CHUNK_BYTES) / (frequencies * (w->c + w->o));
    int64_t chunks = (w->tiles + most) / (most + 1);
    w->chunk = (w->tiles + chunks - 1) / chunks;
    // steps off the multiples of 4096 bytes, at which the lines of a tile would evict each other
    w->v_step = w->chunk * w->c + TILE_LANES;
    w->y_step = w->chunk * w->o + TILE_LANES;
}

static dnnl_status_t make_product(cpu_wino *w)
{
    int64_t f = w->n * w->n;
    const int64_t v[] = {f, w->chunk, w->c}, u[] = {f, w->c, w->o}, y[] = {f, w->chunk, w->o};
    shim_md dv = {0}, du = {0}, any = {0}, dy = {0};
    dnnl_primitive_desc_t pd = NULL;
    dnnl_engine_t engine = shim_engine();
    const int64_t v_steps[] = {w->v_step, w->c, 1}, y_steps[] = {w->y_step, w->o, 1};
    dnnl_status_t e = shim_md_steps(&dv, 3, v, v_steps);
    if (!e) e = shim_md_make(&du, 3, u, dnnl_abc);
    if (!e) e = shim_md_make(&any, 3, u, dnnl_format_tag_any);
    if (!e) e = shim_md_steps(&dy, 3, y, y_steps);
    if (!e) e = shim_matmul_desc(&pd, &dv, &any, &dy, engine);
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
    size_t f = (size_t)(w->n * w->n) * sizeof(float);
    w->v_bytes = (f * (size_t)w->v_step + 63) / 64 * 64;
    w->y_bytes = (f * (size_t)w->y_step + 63) / 64 * 64;
    w->plain_bytes = w->pack ? f * (size_t)(w->c * w->o) : 0;
    w->u = base_aligned(w->u_bytes);
    return w->u ? dnnl_memory_set_data_handle(w->mem_u, w->u) : dnnl_out_of_memory;
}

int cpu_wino_open(cpu_wino **out, cpu_conv_kind kind, const cpu_conv_shape *s, int m,
                  const cpu_conv_post *post, bool keep_weights)
{
    *out = NULL;
    cpu_wino *w = base_alloc(1, sizeof *w);
    if (!w || !shim_engine()) return base_free(w), GUISE_NO_MEMORY;
    geometry(w, kind, s, m);
    w->keep = keep_weights;
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
    base_free(w->u);
    base_free(w->plain);
    base_free(w);
}

// 16 kernels k, k + step, ... as lanes; mirrored for dx
static void gather(const float *k, int64_t step, int64_t lanes, bool mirror, tile_lanes g[9])
{
    for (int i = 0; i < 9; i++)
        for (int64_t l = 0; l < TILE_LANES; l++)
            g[i][l] = l < lanes ? k[l * step + (mirror ? 8 - i : i)] : 0;
}

// u[f][c][o] from weights [o][c][3][3]; for dx, whose input is dy, from [c][o] mirrored.
static void weights_into(const cpu_wino *w, const float *weights, float *u)
{
    bool dx = w->kind == CPU_CONV_DX;
    int f = w->n * w->n;
    int64_t bands = (w->o + TILE_LANES - 1) / TILE_LANES, step = w->c * w->o;
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < bands * 8; t++) { // eight stretches of c for each 16 of o
        int64_t o = t / 8 * TILE_LANES, lanes = w->o - o < TILE_LANES ? w->o - o : TILE_LANES;
        for (int64_t c = t % 8 * w->c / 8; c < (t % 8 + 1) * w->c / 8; c++) {
            tile_lanes g[9], all[TILE_MAX * TILE_MAX];
            gather(weights + (dx ? c * w->o + o : o * w->c + c) * 9, dx ? 9 : 9 * w->c, lanes, dx,
                   g);
            tile_weight(w->m, g, (float *)all, TILE_LANES);
            for (int64_t i = 0; i < f; i++)
                memcpy(u + i * step + c * w->o + o, &all[i], (size_t)lanes * sizeof *u);
        }
    }
}

static dnnl_status_t pack(cpu_wino *w, const float *weights)
{
    if (!w->pack) return weights_into(w, weights, w->u), dnnl_success;
    if (!w->plain && !(w->plain = base_aligned(w->plain_bytes))) return dnnl_out_of_memory;
    weights_into(w, weights, w->plain);
    dnnl_status_t e = dnnl_memory_set_data_handle(w->mem_plain, w->plain);
    dnnl_exec_arg_t arg[] = {{DNNL_ARG_FROM, w->mem_plain}, {DNNL_ARG_TO, w->mem_u}};
    if (!e) e = dnnl_primitive_execute(w->pack, w->stream, 2, arg);
    if (!e) e = dnnl_stream_wait(w->stream);
    if (w->keep) { // not needed again soon
        base_free(w->plain);
        w->plain = NULL;
    }
    return e;
}

typedef struct { // where a tile is
    int64_t image, y, x;
} spot;

static spot spot_of(const cpu_wino *w, int64_t tile)
{
    int64_t of_image = tile % (w->rows * w->cols);
    return (spot){tile / (w->rows * w->cols), of_image / w->cols * w->m, of_image % w->cols * w->m};
}

// Row or column at of an image with a mirrored rim; tiles may reach further still, for outputs
// that are not kept.
static int64_t mirror(int64_t at, int64_t n)
{
    at = at < 0 ? -at : at >= n ? 2 * n - 2 - at : at;
    return at < 0 ? 0 : at;
}

typedef const float *pixels[TILE_MAX * TILE_MAX]; // of a tile; NULL in the zero padding

static void find_pixels(const cpu_wino *w, const float *x, spot s, pixels at)
{
    const float *image = x + s.image * w->h * w->w * w->c;
    for (int i = 0; i < w->n; i++)
        for (int j = 0; j < w->n; j++) {
            int64_t y = s.y + i - w->pad_top, k = s.x + j - w->pad_left;
            if (w->reflect) y = mirror(y, w->h), k = mirror(k, w->w);
            bool inside = y >= 0 && y < w->h && k >= 0 && k < w->w;
            at[i * w->n + j] = inside ? image + (y * w->w + k) * w->c : NULL;
        }
}

// The last channels of a tile, fewer than there are lanes: the lanes beyond would overwrite the
// next tile's.
static void edge_lanes(const cpu_wino *w, const pixels at, int64_t c, float *v)
{
    tile_lanes d[TILE_MAX * TILE_MAX] = {0}, all[TILE_MAX * TILE_MAX];
    size_t bytes = (size_t)(w->c - c) * sizeof *v;
    for (int i = 0; i < w->n * w->n; i++)
        if (at[i]) memcpy(&d[i], at[i] + c, bytes);
    tile_input_of(w->m)(d, (float *)all, TILE_LANES);
    for (int64_t i = 0; i < w->n * w->n; i++) memcpy(v + i * w->v_step, &all[i], bytes);
}

static void into_tiles(const cpu_wino *w, const float *x, int64_t from, int64_t count)
{
    tile_input *transform = tile_input_of(w->m);
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < count; t++) {
        pixels at;
        tile_lanes d[TILE_MAX * TILE_MAX];
        int64_t c = 0;
        find_pixels(w, x, spot_of(w, from + t), at);
        for (; c + TILE_LANES <= w->c; c += TILE_LANES) {
            for (int i = 0; i < w->n * w->n; i++)
                d[i] = at[i] ? *(const tile_lanes *)(const void *)(at[i] + c) : (tile_lanes){0};
            transform(d, w->v + t * w->c + c, (size_t)w->v_step);
        }
        if (c < w->c) edge_lanes(w, at, c, w->v + t * w->c + c);
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
static void put(const cpu_wino *w, spot s, int64_t o, const tile_lanes *y, const tile_lanes *bias,
                float *out)
{
    int64_t lanes = w->o - o < TILE_LANES ? w->o - o : TILE_LANES;
    for (int i = 0; i < w->m && s.y + i < w->oh; i++)
        for (int j = 0; j < w->m && s.x + j < w->ow; j++) {
            float *to = out + ((s.image * w->oh + s.y + i) * w->ow + s.x + j) * w->o + o;
            tile_lanes v = y[i * w->m + j], before = {0};
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
    tile_output *transform = tile_output_of(w->m);
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < count; t++) {
        spot s = spot_of(w, from + t);
        tile_lanes y[TILE_MAX * TILE_MAX];
        for (int64_t o = 0; o < w->o; o += TILE_LANES) {
            tile_lanes b = {0};
            int64_t lanes = w->o - o < TILE_LANES ? w->o - o : TILE_LANES;
            if (w->bias) memcpy(&b, bias + o, (size_t)lanes * sizeof *bias);
            transform(w->y + t * w->o + o, (size_t)w->y_step, y);
            put(w, s, o, y, &b, out);
        }
    }
}

int cpu_wino_run(cpu_wino *w, const float *a, const float *weights, const float *bias, float *out,
                 void *scratch)
{
    dnnl_status_t e = dnnl_success;
    if (!(w->keep && w->packed)) e = pack(w, weights);
    w->packed = true;
    w->v = scratch;
    w->y = (float *)(void *)((char *)scratch + w->v_bytes);
    if (!e) e = dnnl_memory_set_data_handle(w->mem_v, w->v);
    if (!e) e = dnnl_memory_set_data_handle(w->mem_y, w->y);
    dnnl_exec_arg_t arg[] = {
        {DNNL_ARG_SRC, w->mem_v}, {DNNL_ARG_WEIGHTS, w->mem_u}, {DNNL_ARG_DST, w->mem_y}};
    for (int64_t from = 0; !e && from < w->tiles; from += w->chunk) {
        int64_t count = w->tiles - from < w->chunk ? w->tiles - from : w->chunk;
        into_tiles(w, a, from, count);
        e = dnnl_primitive_execute(w->product, w->stream, 3, arg);
        if (!e) e = dnnl_stream_wait(w->stream);
        if (!e) out_of_tiles(w, bias, out, from, count);
    }
    return e ? GUISE_NO_MEMORY : GUISE_OK;
}

void cpu_wino_forget(cpu_wino *w) { w->packed = false; }

size_t cpu_wino_bytes(const cpu_wino *w) { return w->u_bytes + (w->plain ? w->plain_bytes : 0); }

size_t cpu_wino_scratch(const cpu_wino *w) { return w->v_bytes + w->y_bytes; }
