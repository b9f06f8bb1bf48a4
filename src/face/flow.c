// flow.c -- dense registration by demons (Thirion 1998), from coarse to fine: every pixel pushes
// along the gradient of what it should look like, and the field is smoothed after each push.
#include "face/flow.h"
#include <math.h>
#include <string.h>

enum { COARSEST = 32, PUSHES = 24, REACH = 12 }; // REACH: half of the widest blur
static const double FLUID = 1.0, DIFFUSE = 1.6;  // blur of a push and of the field, in pixels

float flow_sample(const float *x, int side, float at_x, float at_y)
{
    float top = (float)(side - 1);
    at_x = fminf(fmaxf(at_x, 0), top);
    at_y = fminf(fmaxf(at_y, 0), top);
    int i = at_x < top ? (int)at_x : side - 2, j = at_y < top ? (int)at_y : side - 2;
    float fx = at_x - (float)i, fy = at_y - (float)j;
    const float *p = x + j * side + i;
    float a = p[0] + fx * (p[1] - p[0]), b = p[side] + fx * (p[side + 1] - p[side]);
    return a + fy * (b - a);
}

// Gaussian blur in place; line has side + 2 REACH floats.
static void blur(float *x, int side, double sigma, float *line)
{
    float w[REACH + 1], sum = 0;
    int r = (int)fmin(ceil(3 * sigma), REACH);
    for (int i = 0; i <= r; i++) {
        w[i] = (float)exp(-i * i / (2 * sigma * sigma));
        sum += i ? 2 * w[i] : w[i];
    }
    for (int pass = 0; pass < 2; pass++) // along rows, then along columns
        for (int k = 0; k < side; k++) {
            float *at = pass ? x + k : x + k * side;
            int step = pass ? side : 1;
            for (int i = -r; i < side + r; i++)
                line[i + r] = at[(i < 0 ? 0 : i >= side ? side - 1 : i) * step];
            for (int i = 0; i < side; i++) {
                float v = w[0] * line[i + r];
                for (int j = 1; j <= r; j++) v += w[j] * (line[i + r - j] + line[i + r + j]);
                at[i * step] = v / sum;
            }
        }
}

bool flow_normalise(float *x, int side)
{
    size_t n = (size_t)side * (size_t)side;
    float *mean = base_alloc(n, sizeof *mean), *square = base_alloc(n, sizeof *square);
    float *line = base_alloc((size_t)side + 2 * REACH, sizeof *line);
    bool ok = mean && square && line;
    if (ok) {
        double sigma = fmin(side / 32.0, REACH / 1.5); // about an eye
        memcpy(mean, x, n * sizeof *x);
        blur(mean, side, sigma, line);
        for (size_t i = 0; i < n; i++) x[i] -= mean[i], square[i] = x[i] * x[i];
        blur(square, side, sigma, line);
        // 0.02 of full brightness: less contrast than that is noise
        for (size_t i = 0; i < n; i++) x[i] /= sqrtf(square[i] + 0.02F * 0.02F);
    }
    base_free(mean);
    base_free(square);
    base_free(line);
    return ok;
}

static void halve(const float *x, int side, float scale, float *out)
{
    int half = side / 2;
    for (int y = 0; y < half; y++)
        for (int i = 0; i < half; i++) {
            const float *p = x + 2 * y * side + 2 * i;
            out[y * half + i] = scale * (p[0] + p[1] + p[side] + p[side + 1]) / 4;
        }
}

static void twice(const float *x, int side, float scale, float *out) // side: of out
{
    for (int y = 0; y < side; y++)
        for (int i = 0; i < side; i++)
            out[y * side + i] =
                scale * flow_sample(x, side / 2, (float)i / 2 - 0.25F, (float)y / 2 - 0.25F);
}

// One push of every pixel of which `push` [2,side,side] takes the direction.
static void push_all(const float *moving, const float *fixed, int side, const float *flow,
                     float *push)
{
    int n = side * side;
    memset(push, 0, 2 * (size_t)n * sizeof *push);
    for (int y = 1; y + 1 < side; y++)
        for (int x = 1; x + 1 < side; x++) {
            int i = y * side + x;
            float gx = (fixed[i + 1] - fixed[i - 1]) / 2;
            float gy = (fixed[i + side] - fixed[i - side]) / 2;
            float d =
                flow_sample(moving, side, (float)x + flow[i], (float)y + flow[n + i]) - fixed[i];
            float k = gx * gx + gy * gy + d * d;
            if (k < 1e-6F) continue;
            push[i] = -d * gx / k;
            push[n + i] = -d * gy / k;
        }
}

static void settle(const float *moving, const float *fixed, int side, float *flow, float *push,
                   float *line)
{
    int n = side * side;
    for (int k = 0; k < PUSHES; k++) {
        push_all(moving, fixed, side, flow, push);
        for (int c = 0; c < 2; c++) {
            blur(push + c * n, side, FLUID, line);
            for (int i = c * n; i < (c + 1) * n; i++) flow[i] += push[i];
            blur(flow + c * n, side, DIFFUSE, line);
        }
    }
}

bool flow_match(const float *moving, const float *fixed, int side, float *flow)
{
    size_t n = (size_t)side * (size_t)side;
    float *room = base_alloc(3 * n + (size_t)side + 2 * REACH, sizeof *room);
    bool ok = room != NULL;
    if (ok && side > COARSEST && side % 2 == 0) {
        float *small = room, *other = room + n / 4, *field = room + n / 2; // 2 n / 4
        halve(moving, side, 1, small);
        halve(fixed, side, 1, other);
        for (size_t c = 0; c < 2; c++) halve(flow + c * n, side, 0.5F, field + c * n / 4);
        ok = flow_match(small, other, side / 2, field);
        for (size_t c = 0; c < 2; c++) twice(field + c * n / 4, side, 2, flow + c * n);
    }
    if (ok) settle(moving, fixed, side, flow, room, room + 2 * n);
    base_free(room);
    return ok;
}
