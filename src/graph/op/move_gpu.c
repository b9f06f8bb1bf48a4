// move_gpu.c -- moving elements on a GPU: maps made simple, then one of the kernels of move.cu.
#include "graph/gpu.h"

enum { FEW = 8, TILE = 32 }; // TILE as in move.cu; dims shorter than FEW are not worth tiles

typedef struct { // as in move.cu
    uint64_t x, y;
    int64_t count, n[TG_MAX_RANK], from[TG_MAX_RANK], to[TG_MAX_RANK];
    int64_t dim, low, high;
    int64_t first, second, along, across;
} args;

static bool joins(const gpu_move_map *m, int k, int64_t n, int64_t from, int64_t to)
{
    return m->from[k] == from * n && m->to[k] == to * n;
}

// Dims of one element left out, and neighbours that stay neighbours made one.
static gpu_move_map simple(const gpu_move_map *m)
{
    gpu_move_map s = *m;
    s.rank = 0;
    for (int i = 0; i < m->rank; i++) {
        int64_t n = m->n[i], from = m->from[i], to = m->to[i];
        bool bound = m->bound && m->dim == i;
        if (n == 1 && !bound) continue;
        int k = s.rank - 1; // the dim before
        bool fixed = bound || (m->bound && m->dim < i && s.dim == k);
        if (k >= 0 && !fixed && joins(&s, k, n, from, to)) {
            s.n[k] *= n, s.from[k] = from, s.to[k] = to;
            continue;
        }
        if (bound) s.dim = s.rank;
        s.n[s.rank] = n, s.from[s.rank] = from, s.to[s.rank++] = to;
    }
    if (s.rank == 0) s.rank = 1, s.n[0] = 1, s.from[0] = s.to[0] = 1;
    return s;
}

static bool divides(const gpu_move_map *m, int64_t k) // all steps but the last one of 1
{
    int last = m->rank - 1;
    bool whole = m->n[last] % k == 0 && m->first_x % k == 0 && m->first_y % k == 0;
    for (int i = 0; i < last; i++) whole &= m->from[i] % k == 0 && m->to[i] % k == 0;
    return whole && !(m->bound && m->dim == last && (m->low % k || m->high % k));
}

// Several neighbours become one element of up to 16 bytes; returns its size.
static int widen(gpu_move_map *m, const tg_gpu_call *c, int input)
{
    int size = (int)cuda_size(c->out.type), last = m->rank - 1;
    if (m->from[last] != 1 || m->to[last] != 1) return size;
    for (int k = 16 / size; k > 1; k /= 2) {
        uint64_t bytes = (uint64_t)(k * size);
        if (!divides(m, k) || c->x[input].at % bytes || c->out.at % bytes) continue;
        for (int i = 0; i < last; i++) m->from[i] /= k, m->to[i] /= k;
        m->n[last] /= k, m->first_x /= k, m->first_y /= k;
        if (m->bound && m->dim == last) m->low /= k, m->high /= k;
        return k * size;
    }
    return size;
}

static int dim_along_x(const gpu_move_map *m) // in which x is contiguous, if tiles pay; or -1
{
    int last = m->rank - 1;
    if (m->bound || m->from[last] == 1 || m->n[last] < FEW) return -1;
    for (int k = 0; k < last; k++)
        if (m->from[k] == 1 && m->n[k] >= FEW) return k;
    return -1;
}

int gpu_move(const tg_gpu_call *c, int input, const gpu_move_map *map)
{
    char defines[GPU_DEFINES];
    gpu_move_map m = simple(map);
    cuda_type from = c->x[input].type, to = c->out.type;
    int size = from == to ? widen(&m, c, input) : 0;
    int64_t each_x = size ? size : (int64_t)cuda_size(from);
    int64_t each_y = size ? size : (int64_t)cuda_size(to);
    if (size)
        snprintf(defines, sizeof defines, "#define RANK %d\n#define RAW %d\n%s", m.rank, size,
                 m.bound ? "#define BOUND\n" : "");
    else
        snprintf(defines, sizeof defines, "#define RANK %d\n#define X %s\n#define Y %s\n%s", m.rank,
                 gpu_type(from), gpu_type(to), m.bound ? "#define BOUND\n" : "");
    args a = {.x = c->x[input].at + (uint64_t)(m.first_x * each_x),
              .y = c->out.at + (uint64_t)(m.first_y * each_y),
              .count = 1,
              .dim = m.dim,
              .low = m.low,
              .high = m.high};
    for (int i = 0; i < m.rank; i++)
        a.n[i] = m.n[i], a.from[i] = m.from[i], a.to[i] = m.to[i], a.count *= m.n[i];
    int k = dim_along_x(&m), last = m.rank - 1;
    if (k < 0) return gpu_launch(c, cuda_text_move, defines, "move_strided", &a, sizeof a, a.count);
    a.first = k, a.second = last, a.along = m.n[k], a.across = m.n[last];
    a.count /= a.along * a.across;
    a.count *= (a.along + TILE - 1) / TILE * ((a.across + TILE - 1) / TILE);
    a.n[k] = a.n[last] = 1;
    return gpu_launch(c, cuda_text_move, defines, "move_tiles", &a, sizeof a,
                      a.count * CUDA_THREADS);
}
