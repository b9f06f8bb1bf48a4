// wino_tiles.c -- images cut into the tiles of Winograd's filtering and transformed, 16 channels
// at a time.
#include "backend/wino_tiles.h"
#include <string.h>

void wino_grid_count(wino_grid *g)
{
    g->n = g->m + 2;
    g->rows = (g->oh + g->m - 1) / g->m;
    g->cols = (g->ow + g->m - 1) / g->m;
    g->tiles = g->batch * g->rows * g->cols;
}

int64_t wino_block(int64_t o)
{
    for (int64_t n = 96; n >= 32; n -= 8)
        if (o % n == 0) return n;
    return o;
}

wino_spot wino_spot_of(const wino_grid *g, int64_t tile)
{
    int64_t of_image = tile % (g->rows * g->cols);
    return (wino_spot){tile / (g->rows * g->cols), of_image / g->cols * g->m,
                       of_image % g->cols * g->m};
}

// Row or column at of an image with a mirrored rim; tiles may reach further still, for outputs
// that are not kept.
static int64_t mirror(int64_t at, int64_t n)
{
    at = at < 0 ? -at : at >= n ? 2 * n - 2 - at : at;
    return at < 0 ? 0 : at;
}

typedef const float *pixels[TILE_MAX * TILE_MAX]; // of a tile; NULL outside

static void find_pixels(const wino_grid *g, const float *x, wino_spot s, pixels at)
{
    const float *image = x + s.image * g->h * g->w * g->c;
    for (int i = 0; i < g->n; i++)
        for (int j = 0; j < g->n; j++) {
            int64_t y = s.y + i - g->top, k = s.x + j - g->left;
            if (g->reflect) y = mirror(y, g->h), k = mirror(k, g->w);
            bool inside = y >= 0 && y < g->h && k >= 0 && k < g->w;
            at[i * g->n + j] = inside ? image + (y * g->w + k) * g->c : NULL;
        }
}

static void find_made(const wino_grid *g, const float *dy, int64_t o, wino_spot s, pixels at)
{
    const float *image = dy + s.image * g->oh * g->ow * o;
    for (int i = 0; i < g->m; i++)
        for (int j = 0; j < g->m; j++) {
            bool inside = s.y + i < g->oh && s.x + j < g->ow;
            at[i * g->m + j] = inside ? image + ((s.y + i) * g->ow + s.x + j) * o : NULL;
        }
}

// side * side pixels of c channels each through a transform, into f frequencies.
static void through(tile_input *transform, int side, int f, pixels at, int64_t c, float *v,
                    int64_t step)
{
    tile_lanes d[TILE_MAX * TILE_MAX] = {0}, all[TILE_MAX * TILE_MAX];
    int64_t k = 0;
    for (; k + TILE_LANES <= c; k += TILE_LANES) {
        for (int i = 0; i < side * side; i++)
            d[i] = at[i] ? *(const tile_lanes *)(const void *)(at[i] + k) : (tile_lanes){0};
        transform(d, v + k, (size_t)step);
    }
    if (k == c) return;
    // fewer channels than lanes: the lanes beyond would overwrite the next tile's
    size_t bytes = (size_t)(c - k) * sizeof *v;
    memset(d, 0, sizeof d);
    for (int i = 0; i < side * side; i++)
        if (at[i]) memcpy(&d[i], at[i] + k, bytes);
    transform(d, (float *)all, TILE_LANES);
    for (int64_t i = 0; i < f; i++) memcpy(v + k + i * step, &all[i], bytes);
}

void wino_into(const wino_grid *g, const float *x, int64_t from, int64_t count, float *v,
               int64_t step)
{
    tile_input *transform = tile_input_of(g->m);
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < count; t++) {
        pixels at;
        find_pixels(g, x, wino_spot_of(g, from + t), at);
        through(transform, g->n, g->n * g->n, at, g->c, v + t * g->c, step);
    }
}

void wino_back(const wino_grid *g, const float *dy, int64_t o, int64_t from, int64_t count,
               float *v, int64_t step)
{
    tile_input *transform = tile_adjoint_of(g->m);
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < count; t++) {
        pixels at;
        find_made(g, dy, o, wino_spot_of(g, from + t), at);
        through(transform, g->m, g->n * g->n, at, o, v + t * o, step);
    }
}
