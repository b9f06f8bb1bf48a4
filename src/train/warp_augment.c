// warp_augment.c -- the augmentation of DeepFakes: lib/training_data of deepfakes/faceswap at its
// first public commit (spec/faceshifter.md 5.2), with exact bilinear sampling.
#include "train/warp_augment.h"
#include <math.h>

enum { GRID = TRAIN_WARP_GRID };
static const double pi = 3.14159265358979323846;

static double even(base_rng *r, double from, double to)
{
    return from + (to - from) * base_rng_uniform(r);
}

void train_warp_draw(train_warp *w, base_rng *r)
{
    w->angle = even(r, -10, 10);
    w->scale = even(r, 0.95, 1.05);
    w->dx = even(r, -0.05, 0.05);
    w->dy = even(r, -0.05, 0.05);
    w->flip = base_rng_uniform(r) < 0.4;
    for (int i = 0; i < GRID * GRID; i++) w->noise_x[i] = (float)(5 * base_rng_normal(r));
    for (int i = 0; i < GRID * GRID; i++) w->noise_y[i] = (float)(5 * base_rng_normal(r));
}

face_transform train_warp_similarity(const train_warp *w, int side)
{
    double a = w->scale * cos(w->angle * pi / 180), b = w->scale * sin(w->angle * pi / 180);
    double c = side / 2.0;
    return (face_transform){
        {a, b, (1 - a) * c - b * c + w->dx * side, -b, a, b * c + (1 - a) * c + w->dy * side}};
}

// One plane at (x, y), bilinear; outside it is 0, or its border where `repeat` is set.
static float sample(const float *p, int side, double x, double y, bool repeat)
{
    double last = side - 1;
    if (repeat) {
        x = fmin(fmax(x, 0), last);
        y = fmin(fmax(y, 0), last);
    }
    if (!(x > -1 && y > -1 && x < side && y < side)) return 0;
    double fx = floor(x), fy = floor(y), sum = 0;
    for (int k = 0; k < 4; k++) {
        int i = (int)fy + k / 2, j = (int)fx + k % 2;
        if (i < 0 || j < 0 || i >= side || j >= side) continue;
        double wx = k % 2 ? x - fx : 1 - (x - fx), wy = k / 2 ? y - fy : 1 - (y - fy);
        sum += wx * wy * p[(size_t)i * (size_t)side + (size_t)j];
    }
    return (float)sum;
}

// Output pixel (j, i) is read where t, from output to picture, takes it.
static void sample_all(const float *planes, int side, const face_transform *t, bool repeat, int out,
                       float *to)
{
    const double *m = t->m;
    size_t area = (size_t)side * (size_t)side, k = 0;
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < out; i++)
            for (int j = 0; j < out; j++)
                to[k++] = sample(planes + (size_t)c * area, side, m[0] * j + m[1] * i + m[2],
                                 m[3] * j + m[4] * i + m[5], repeat);
}

void train_warp_move(const float *planes, int side, face_transform t, bool flip, float *out)
{
    face_transform from = face_invert(t);
    if (flip) {
        face_transform mirror = {{-1, 0, side - 1, 0, 1, 0}};
        from = face_compose(mirror, from);
    }
    sample_all(planes, side, &from, true, side, out);
}

// Point (row, column) of the bent grid: 5 x 5 over the inner 5/8 of the picture.
static double grid_at(const train_warp *w, int side, int row, int column, bool y)
{
    double step = side / 256.0 * 40;
    const float *noise = y ? w->noise_y : w->noise_x;
    return side / 256.0 * (48 + (double)noise[row * GRID + column]) + step * (y ? row : column);
}

static double grid_between(const train_warp *w, int side, double row, double column, bool y)
{
    row = fmin(fmax(row, 0), GRID - 1);
    column = fmin(fmax(column, 0), GRID - 1);
    int i = (int)fmin(floor(row), GRID - 2), j = (int)fmin(floor(column), GRID - 2);
    double u = row - i, v = column - j;
    return (1 - u) * ((1 - v) * grid_at(w, side, i, j, y) + v * grid_at(w, side, i, j + 1, y)) +
           u * ((1 - v) * grid_at(w, side, i + 1, j, y) + v * grid_at(w, side, i + 1, j + 1, y));
}

// The grid is stretched to 5/4 of the size, half-pixel centres, and its middle kept: 80,
// then 8..71.
static double bent_at(const train_warp *w, int side, int out, int i, int j, bool y)
{
    double k = 4.0 / out; // grid steps a pixel
    double row = (i + out / 8 + 0.5) * k - 0.5, column = (j + out / 8 + 0.5) * k - 0.5;
    return grid_between(w, side, row, column, y);
}

void train_warp_maps(const train_warp *w, int side, int out, float *map_x, float *map_y)
{
    for (int i = 0; i < out; i++)
        for (int j = 0; j < out; j++) {
            map_x[i * out + j] = (float)bent_at(w, side, out, i, j, false);
            map_y[i * out + j] = (float)bent_at(w, side, out, i, j, true);
        }
}

guise_status train_warp_straight(const train_warp *w, int side, int out, face_transform *t,
                                 base_error *e)
{
    face_point from[GRID * GRID], to[GRID * GRID];
    double c = side / 2.0; // about the centre, where single precision loses least
    for (int k = 0; k < GRID * GRID; k++) {
        int i = k / GRID, j = k % GRID;
        from[k].x = (float)(grid_at(w, side, i, j, false) - c);
        from[k].y = (float)(grid_at(w, side, i, j, true) - c);
        to[k] = (face_point){(float)(out * j) / 4, (float)(out * i) / 4};
    }
    guise_status s = face_similarity(t, from, to, GRID * GRID, e);
    if (s) return s;
    *t = face_compose((face_transform){{1, 0, -c, 0, 1, -c}}, *t);
    return GUISE_OK;
}

guise_status train_warp_pair(const float *planes, int side, const train_warp *w, int out,
                             float *bent, float *straight, base_error *e)
{
    if (side < 16 || out < 8 || out % 8)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "faces of %d pixels cannot be bent to %d; the latter is a multiple of 8",
                         side, out);
    face_transform t;
    guise_status s = train_warp_straight(w, side, out, &t, e);
    if (s) return s;
    size_t area = (size_t)side * (size_t)side, k = 0;
    for (int i = 0; i < out; i++)
        for (int j = 0; j < out; j++, k++) {
            double x = bent_at(w, side, out, i, j, false), y = bent_at(w, side, out, i, j, true);
            for (size_t c = 0; c < 3; c++)
                bent[c * (size_t)out * (size_t)out + k] =
                    sample(planes + c * area, side, x, y, false);
        }
    t = face_invert(t);
    sample_all(planes, side, &t, false, out, straight);
    return GUISE_OK;
}

void train_warp_cut(const float *planes, int side, face_transform from, int out, float *to)
{
    sample_all(planes, side, &from, false, out, to);
}

void train_mean_colour(const float *planes, size_t n, int side, double mean[3])
{
    size_t area = (size_t)side * (size_t)side;
    for (size_t c = 0; c < 3; c++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < area; k++) sum += planes[(3 * i + c) * area + k];
        mean[c] = n && area ? sum / (double)(n * area) : 0;
    }
}

void train_shift_colour(float *planes, int side, const double by[3])
{
    size_t area = (size_t)side * (size_t)side;
    for (size_t k = 0; k < 3 * area; k++)
        planes[k] = (float)fmin(1, fmax(0, planes[k] + by[k / area]));
}
