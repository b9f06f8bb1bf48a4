// mixture.c -- faces between two people, bent a little.
#include "train/mixture.h"
#include <math.h>
#include <string.h>

enum { WAVES = 3 }; // of a bend, for each axis

typedef struct {
    bool mirrored; // b's face
    bool even;     // as much of b everywhere
    double share;  // of b, where even; else of the side, how far the border lies off the middle
    double nx, ny; // across the border
    double soft;   // its width, pixels
    double wave[2][WAVES][4]; // amplitude in pixels, waves in x and in y over the side, phase
} recipe;

static double between(base_rng *r, double low, double high)
{
    return low + (high - low) * base_rng_uniform(r);
}

static recipe draw(int side, base_rng *r)
{
    double turn = between(r, 0, 2 * 3.14159265358979);
    recipe m = {.nx = cos(turn), .ny = sin(turn)};
    m.mirrored = base_rng_uniform(r) < 0.5;
    m.even = base_rng_uniform(r) < 0.5;
    m.share = m.even ? between(r, 0.2, 0.8) : between(r, -0.2, 0.2);
    m.soft = between(r, 0.02, 0.15) * side;
    for (int axis = 0; axis < 2; axis++)
        for (int k = 0; k < WAVES; k++) {
            double *w = m.wave[axis][k];
            w[0] = between(r, 0, 0.03 / WAVES) * side;
            w[1] = between(r, -1.5, 1.5);
            w[2] = between(r, -1.5, 1.5);
            w[3] = between(r, 0, 2 * 3.14159265358979);
        }
    return m;
}

static double share_at(const recipe *m, int side, double x, double y)
{
    if (m->even) return m->share;
    double from = (x / side - 0.5) * m->nx + (y / side - 0.5) * m->ny - m->share;
    return 1 / (1 + exp(-from * side / m->soft));
}

static double bend(const recipe *m, int axis, int side, double x, double y)
{
    double sum = 0;
    for (int k = 0; k < WAVES; k++) {
        const double *w = m->wave[axis][k];
        sum += w[0] * sin(2 * 3.14159265358979 * (w[1] * x + w[2] * y) / side + w[3]);
    }
    return sum;
}

// bend along a row of pixels: sines turn on by a fixed angle, which is ten times as fast.
typedef struct {
    double sine[2][WAVES], cosine[2][WAVES], by_sine[2][WAVES], by_cosine[2][WAVES];
} row_waves;

static row_waves row_begin(const recipe *m, int side, int y)
{
    row_waves at;
    for (int axis = 0; axis < 2; axis++)
        for (int k = 0; k < WAVES; k++) {
            const double *w = m->wave[axis][k], turn = 2 * 3.14159265358979 / side;
            at.sine[axis][k] = sin(turn * w[2] * y + w[3]);
            at.cosine[axis][k] = cos(turn * w[2] * y + w[3]);
            at.by_sine[axis][k] = sin(turn * w[1]);
            at.by_cosine[axis][k] = cos(turn * w[1]);
        }
    return at;
}

static double row_next(row_waves *at, const recipe *m, int axis)
{
    double sum = 0;
    for (int k = 0; k < WAVES; k++) {
        double s = at->sine[axis][k], c = at->cosine[axis][k];
        double ds = at->by_sine[axis][k], dc = at->by_cosine[axis][k];
        sum += m->wave[axis][k][0] * s;
        at->sine[axis][k] = s * dc + c * ds;
        at->cosine[axis][k] = c * dc - s * ds;
    }
    return sum;
}

// Of [side,side,3] at (x, y), its border repeated outwards, bilinear; 0..1.
static void pick(const uint8_t *p, int side, double x, double y, double weight, float rgb[3])
{
    double most = side - 1.001;
    x = fmin(fmax(x, 0), most), y = fmin(fmax(y, 0), most);
    int x0 = (int)x, y0 = (int)y;
    double a = x - x0, b = y - y0;
    const uint8_t *q = p + 3 * (y0 * side + x0), *low = q + 3 * side;
    for (int c = 0; c < 3; c++)
        rgb[c] += (float)(weight / 255 *
                          ((q[c] * (1 - a) + q[c + 3] * a) * (1 - b) +
                           (low[c] * (1 - a) + low[c + 3] * a) * b));
}

void train_mixture_draw(train_wide_face a, train_wide_face b, int side, base_rng *r, float *planes,
                        face_point point[FACE_POINTS])
{
    recipe m = draw(side, r);
    size_t area = (size_t)side * (size_t)side;
    for (int y = 0; y < side; y++) {
        row_waves at = row_begin(&m, side, y);
        for (int x = 0; x < side; x++) {
            double u = x + row_next(&at, &m, 0), v = y + row_next(&at, &m, 1);
            double w = share_at(&m, side, u, v);
            float rgb[3] = {0};
            pick(a.pixels, side, u, v, 1 - w, rgb);
            pick(b.pixels, side, m.mirrored ? side - 1 - u : u, v, w, rgb);
            for (size_t c = 0; c < 3; c++) planes[c * area + (size_t)(y * side + x)] = rgb[c];
        }
    }
    for (int k = 0; k < FACE_POINTS; k++) {
        face_point p = a.point[k], q = m.mirrored ? face_mirror(b.point, k, side) : b.point[k];
        double w = share_at(&m, side, (p.x + q.x) / 2, (p.y + q.y) / 2);
        double x = p.x + w * (q.x - p.x), y = p.y + w * (q.y - p.y);
        point[k].x = (float)(x - bend(&m, 0, side, x, y));
        point[k].y = (float)(y - bend(&m, 1, side, x, y));
    }
}

void train_mixture_none(train_wide_face a, int side, float *planes, face_point point[FACE_POINTS])
{
    size_t area = (size_t)side * (size_t)side;
    for (size_t i = 0; i < area; i++)
        for (size_t c = 0; c < 3; c++) planes[c * area + i] = (float)a.pixels[i * 3 + c] / 255;
    memcpy(point, a.point, FACE_POINTS * sizeof *point);
}
