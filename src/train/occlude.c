// occlude.c -- an occluder drawn over a face: layer, motion blur, shadow, and the mixing of all.
#include "train/occlude.h"
#include "train/occluder.h"
#include <math.h>

train_occluder train_occlude_draw(base_rng *r) { return (train_occluder)base_rng_range(r, 0, 3); }

// How the occluder lies in the picture; lengths in sides of it.
typedef struct {
    float cx, cy, cosine, sine, scale;
    float move_x, move_y;                   // during the exposure
    float shade_x, shade_y, soft, strength; // of its shadow
} pose;

// The face of template arcface: an ellipse about (0.50, 0.59), 0.33 wide and 0.42 high, to its rim.
static bool on_face(float x, float y)
{
    float u = (x - 0.50F) / 0.33F, v = (y - 0.59F) / 0.42F;
    return u * u + v * v < 1;
}

static pose draw_pose(base_rng *r, const occluder *o)
{
    pose p = {0};
    do {
        p.cx = occluder_even(r, 0.17, 0.83);
        p.cy = occluder_even(r, 0.17, 1);
    } while (!on_face(p.cx, p.cy));
    float angle = occluder_even(r, -1.5707963, 1.5707963);
    p.cosine = cosf(angle);
    p.sine = sinf(angle);
    p.scale = occluder_even(r, 0.5, 1);
    float far = occluder_even(r, 0.01, 0.05), way = occluder_even(r, 0, 6.2831853);
    float moved = base_rng_uniform(r) < 0.4 ? occluder_even(r, 0.01, 0.06) : 0;
    p.move_x = moved * cosf(way);
    p.move_y = moved * sinf(way);
    // the shadow falls away from the light, in the picture's frame
    p.shade_x = -far * (o->light_x * p.cosine - o->light_y * p.sine);
    p.shade_y = -far * (o->light_x * p.sine + o->light_y * p.cosine);
    p.soft = occluder_even(r, 0.01, 0.06);
    p.strength = occluder_even(r, 0, 0.5);
    return p;
}

static float smooth(float v)
{
    v = fminf(1, fmaxf(0, v));
    return v * v * (3 - 2 * v);
}

// Picture coordinates 0..1 to the occluder's.
static void to_own(const pose *p, float x, float y, float *u, float *v)
{
    x = (x - p->cx) / p->scale;
    y = (y - p->cy) / p->scale;
    *u = x * p->cosine + y * p->sine;
    *v = y * p->cosine - x * p->sine;
}

// Colour times cover, and cover, at one pixel.
static void draw_pixel(const occluder *o, const pose *p, float x, float y, int side, float out[4])
{
    float u, v, rgb[3];
    to_own(p, x, y, &u, &v);
    out[0] = out[1] = out[2] = out[3] = 0;
    for (int i = 0; i < o->n; i++) {
        float d = occluder_distance(&o->part[i], u, v);
        float a = fminf(1, fmaxf(0, 0.5F - d * p->scale * (float)side));
        if (a <= 0) continue;
        occluder_colour(o, &o->part[i], u, v, d, rgb);
        for (int c = 0; c < 3; c++) out[c] = out[c] * (1 - a) + rgb[c] * a;
        out[3] = out[3] * (1 - a) + a;
    }
}

static float shade(const occluder *o, const pose *p, float x, float y)
{
    float u, v, least = 1e9F;
    to_own(p, x - p->shade_x, y - p->shade_y, &u, &v);
    for (int i = 0; i < o->n; i++) least = fminf(least, occluder_distance(&o->part[i], u, v));
    return p->strength * smooth(0.5F - least * p->scale / (2 * p->soft));
}

// Mean of the layer along the way that it moved; what moves in from outside looks like the rim.
static void blurred(const float *layer, int side, const pose *p, int x, int y, float out[4])
{
    float way = sqrtf(p->move_x * p->move_x + p->move_y * p->move_y) * (float)side;
    int taps = way < 0.5F ? 1 : (int)ceilf(way) + 1;
    out[0] = out[1] = out[2] = out[3] = 0;
    for (int k = 0; k < taps; k++) {
        float t = taps > 1 ? (float)k / (float)(taps - 1) - 0.5F : 0;
        int i = (int)lroundf((float)y + t * p->move_y * (float)side);
        int j = (int)lroundf((float)x + t * p->move_x * (float)side);
        i = i < 0 ? 0 : i >= side ? side - 1 : i;
        j = j < 0 ? 0 : j >= side ? side - 1 : j;
        for (int c = 0; c < 4; c++) out[c] += layer[4 * (i * side + j) + c] / (float)taps;
    }
}

static void mix(float *planes, int side, const occluder *o, const pose *p, const float *layer,
                float *cover)
{
    int area = side * side;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            float top[4], k = 1 / (float)side;
            blurred(layer, side, p, x, y, top);
            float dark = 1 - shade(o, p, ((float)x + 0.5F) * k, ((float)y + 0.5F) * k);
            int at = y * side + x;
            for (int c = 0; c < 3; c++)
                planes[c * area + at] = planes[c * area + at] * dark * (1 - top[3]) + top[c];
            if (cover) cover[at] = cover[at] * (1 - top[3]) + top[3];
        }
}

static void mean_of_face(const float *planes, int side, float tone[3])
{
    double sum[3] = {0}, n = 0;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            if (!on_face((float)x / (float)side, (float)y / (float)side)) continue;
            for (int c = 0; c < 3; c++) sum[c] += planes[(c * side + y) * side + x];
            n++;
        }
    for (int c = 0; c < 3; c++) tone[c] = n > 0 ? (float)(sum[c] / n) : 0.5F;
}

static void cover_with(float *planes, int side, bool hand, base_rng *r, float *layer, float *cover)
{
    occluder o;
    float tone[3], k = 1 / (float)side;
    mean_of_face(planes, side, tone);
    if (hand)
        occluder_hand(&o, tone, r);
    else
        occluder_object(&o, tone, r);
    pose p = draw_pose(r, &o);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            draw_pixel(&o, &p, ((float)x + 0.5F) * k, ((float)y + 0.5F) * k, side,
                       layer + 4 * (y * side + x));
    mix(planes, side, &o, &p, layer, cover);
}

guise_status occluder_put(const occluder *o, float *planes, int side, base_rng *r, float *cover,
                          base_error *e)
{
    pose p = {.cosine = 1, .scale = 1};
    float far = occluder_even(r, 0, 0.02), k = 1 / (float)side;
    p.shade_x = -far * o->light_x;
    p.shade_y = -far * o->light_y;
    p.soft = occluder_even(r, 0.01, 0.04);
    p.strength = occluder_even(r, 0, 0.4);
    float *layer = base_alloc((size_t)side * (size_t)side, 4 * sizeof *layer);
    if (!layer) return base_no_memory(e);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            draw_pixel(o, &p, ((float)x + 0.5F) * k, ((float)y + 0.5F) * k, side,
                       layer + 4 * (y * side + x));
    mix(planes, side, o, &p, layer, cover);
    base_free(layer);
    return GUISE_OK;
}

guise_status train_occlude(float *planes, int side, train_occluder what, base_rng *r, float *cover,
                           base_error *e)
{
    if (side < 8 || side > 4096)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "faces of %d pixels cannot be occluded; 8 to 4096 are possible", side);
    for (int i = 0; cover && i < side * side; i++) cover[i] = 0;
    if (what == TRAIN_OCCLUDE_NOTHING) return GUISE_OK;
    float *layer = base_alloc((size_t)side * (size_t)side, 4 * sizeof *layer);
    if (!layer) return base_no_memory(e);
    if (what != TRAIN_OCCLUDE_HAND) cover_with(planes, side, false, r, layer, cover);
    if (what != TRAIN_OCCLUDE_OBJECT) cover_with(planes, side, true, r, layer, cover);
    base_free(layer);
    return GUISE_OK;
}
