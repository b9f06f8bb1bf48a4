// occluder.c -- hands and objects as shapes: their distance fields, colours and textures.
#include "train/occluder.h"
#include <math.h>
#include <string.h>

static float length_of(float x, float y) { return sqrtf(x * x + y * y); }

// What of a part is nearest to (x, y): the way along its axis, 0..1, and the vector from there.
typedef struct {
    float t, dx, dy;
} nearest;

static nearest near_axis(const occluder_part *p, float x, float y)
{
    float ux = p->bx - p->ax, uy = p->by - p->ay, length2 = ux * ux + uy * uy;
    float t = length2 > 0 ? ((x - p->ax) * ux + (y - p->ay) * uy) / length2 : 0;
    t = fminf(1, fmaxf(0, t));
    return (nearest){t, x - p->ax - t * ux, y - p->ay - t * uy};
}

float occluder_distance(const occluder_part *p, float x, float y)
{
    float clear = p->reach + 0.2F, mx = x - p->mx, my = y - p->my; // shadows end before that
    if (mx * mx + my * my > clear * clear) return 1;
    if (p->shape == PART_RING) return fabsf(length_of(x - p->ax, y - p->ay) - p->ra) - p->rb;
    if (p->shape == PART_CONE) {
        nearest k = near_axis(p, x, y);
        return length_of(k.dx, k.dy) - (p->ra + k.t * (p->rb - p->ra));
    }
    float ux = p->bx - p->ax, uy = p->by - p->ay, length = length_of(ux, uy);
    float cx = x - (p->ax + p->bx) / 2, cy = y - (p->ay + p->by) / 2;
    float k = length > 0 ? 1 / length : 0;
    float u = fabsf((cx * ux + cy * uy) * k) - length / 2 + p->rb;
    float v = fabsf((cy * ux - cx * uy) * k) - p->ra + p->rb;
    return length_of(fmaxf(u, 0), fmaxf(v, 0)) + fminf(0, fmaxf(u, v)) - p->rb;
}

static float hash(uint64_t seed, int x, int y)
{
    base_rng r = {seed ^ ((uint64_t)(uint32_t)x << 32 | (uint32_t)y)};
    return (float)base_rng_uniform(&r) * 2 - 1;
}

// Smooth noise in -1..1 that changes over a distance of 1.
static float noise(uint64_t seed, float x, float y)
{
    float fx = floorf(x), fy = floorf(y), u = x - fx, v = y - fy;
    int i = (int)fx, j = (int)fy;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    float top = hash(seed, i, j) * (1 - u) + hash(seed, i + 1, j) * u;
    float low = hash(seed, i, j + 1) * (1 - u) + hash(seed, i + 1, j + 1) * u;
    return top * (1 - v) + low * v;
}

static float octaves(uint64_t seed, float x, float y)
{
    return noise(seed, x, y) * 0.6F + noise(seed + 1, 2 * x, 2 * y) * 0.3F +
           noise(seed + 2, 4 * x, 4 * y) * 0.2F;
}

// Part of the second colour at (x, y), 0..1, and a factor for brightness.
static float texture(const occluder *o, const occluder_part *p, float x, float y, float *light)
{
    nearest k = near_axis(p, x, y);
    float ux = p->bx - p->ax, uy = p->by - p->ay, length = fmaxf(1e-6F, length_of(ux, uy));
    float along = ((x - p->ax) * ux + (y - p->ay) * uy) / length;
    float across = ((y - p->ay) * ux - (x - p->ax) * uy) / length;
    float pitch = fmaxf(p->pitch, 1e-3F);
    *light = 1;
    switch (p->texture) {
    case PART_PLAIN:
        *light += 0.04F * octaves(o->seed, x * 20, y * 20);
        break;
    case PART_SKIN: // mottled, creased where the part bends, paler at its tip
        *light += 0.06F * octaves(o->seed, x * 14, y * 14) + 0.05F * (k.t - 0.5F);
        *light -= 0.08F * expf(-400 * (k.t - 0.06F) * (k.t - 0.06F));
        break;
    case PART_STRIPES:
        return sinf(along / pitch * 6.2831853F) > 0 ? 1 : 0;
    case PART_GRID: {
        float gx = fabsf(along / pitch - roundf(along / pitch));
        float gy = fabsf(across / pitch - roundf(across / pitch));
        return fminf(gx, gy) < 0.14F ? 1 : 0;
    }
    case PART_CLOTH:
        *light += 0.18F * octaves(o->seed, x / pitch, y / pitch);
        *light += 0.05F * sinf(along * 150) * sinf(across * 150);
        break;
    }
    return 0;
}

void occluder_colour(const occluder *o, const occluder_part *p, float x, float y, float d,
                     float rgb[3])
{
    float light = 1, other = texture(o, p, x, y, &light);
    nearest k = near_axis(p, x, y);
    float width = fmaxf(1e-4F, p->shape == PART_RING ? p->rb : p->ra + k.t * (p->rb - p->ra));
    float edge = fminf(1, fmaxf(0, 1 + d / width)); // 0 on the axis, 1 at the edge
    float size = fmaxf(1e-6F, length_of(k.dx, k.dy));
    float facing = (k.dx * o->light_x + k.dy * o->light_y) / size;
    light *= 1 + p->round * edge * edge * (0.35F * facing - 0.25F);
    for (int c = 0; c < 3; c++)
        rgb[c] = fminf(1, fmaxf(0, light * (p->rgb[c] + other * (p->other[c] - p->rgb[c]))));
}

occluder_part *occluder_add(occluder *o, part_shape shape, float ax, float ay, float bx, float by,
                            float ra, float rb)
{
    occluder_part *p = &o->part[o->n < OCCLUDER_PARTS - 1 ? o->n++ : o->n];
    *p = (occluder_part){.shape = shape,
                         .ax = ax,
                         .ay = ay,
                         .bx = bx,
                         .by = by,
                         .ra = ra,
                         .rb = rb,
                         .pitch = 0.1F,
                         .round = 1};
    return p;
}

void occluder_finish(occluder *o)
{
    for (int i = 0; i < o->n; i++) {
        occluder_part *p = &o->part[i];
        bool ring = p->shape == PART_RING;
        p->mx = ring ? p->ax : (p->ax + p->bx) / 2;
        p->my = ring ? p->ay : (p->ay + p->by) / 2;
        p->reach = ring ? p->ra + p->rb
                        : length_of(p->bx - p->ax, p->by - p->ay) / 2 + fmaxf(p->ra, p->rb);
    }
}

void occluder_begin(occluder *o, base_rng *r)
{
    float a = occluder_even(r, 0, 6.2831853);
    *o = (occluder){.seed = base_rng_next(r), .light_x = cosf(a), .light_y = sinf(a)};
}

static void paint(occluder_part *p, const float rgb[3], float k)
{
    for (int c = 0; c < 3; c++) p->rgb[c] = fminf(1, rgb[c] * k);
}

// A finger from (x, y) in a direction, of two bones that bend, with a nail perhaps.
static void add_finger(occluder *o, float x, float y, float angle, float length, float thick,
                       const float skin[3], bool nails, base_rng *r)
{
    float bend = occluder_even(r, -0.35, 0.35), first = length * 0.55F;
    float mx = x + first * cosf(angle), my = y + first * sinf(angle);
    float ex = mx + (length - first) * cosf(angle + bend);
    float ey = my + (length - first) * sinf(angle + bend);
    occluder_part *p = occluder_add(o, PART_CONE, x, y, mx, my, thick, thick * 0.92F);
    p->texture = PART_SKIN;
    paint(p, skin, 1);
    p = occluder_add(o, PART_CONE, mx, my, ex, ey, thick * 0.92F, thick * 0.74F);
    p->texture = PART_SKIN;
    paint(p, skin, 1.02F);
    if (!nails) return;
    p = occluder_add(o, PART_BOX, mx + (ex - mx) * 0.72F, my + (ey - my) * 0.72F,
                     mx + (ex - mx) * 1.12F, my + (ey - my) * 1.12F, thick * 0.42F, thick * 0.36F);
    paint(p, skin, 1.15F);
    p->round = 0.3F;
}

static void colour(float rgb[3], float light, base_rng *r) // few things are gaudy
{
    float grey = occluder_even(r, 0.05, 0.95), vivid = occluder_even(r, 0, 1);
    for (int c = 0; c < 3; c++) {
        float v = grey + vivid * vivid * (occluder_even(r, 0, 1) - grey);
        rgb[c] = fminf(1, v * (0.3F + 1.2F * light)); // as bright as the scene, more or less
    }
}

static void colours(occluder_part *p, const float tone[3], base_rng *r)
{
    static const part_texture any[] = {PART_PLAIN, PART_PLAIN,   PART_PLAIN, PART_CLOTH,
                                       PART_CLOTH, PART_STRIPES, PART_GRID};
    float light = (tone[0] + tone[1] + tone[2]) / 3;
    p->texture = any[base_rng_range(r, 0, 6)];
    p->pitch = occluder_even(r, 0.03, 0.15);
    colour(p->rgb, light, r);
    colour(p->other, light, r);
}

void occluder_hand(occluder *o, const float tone[3], base_rng *r)
{
    float skin[3], light = occluder_even(r, 0.75, 1.15);
    occluder_begin(o, r);
    bool stranger = base_rng_uniform(r) < 0.25; // someone else's hand
    static const float palest[3] = {0.90F, 0.72F, 0.62F}, darkest[3] = {0.30F, 0.19F, 0.14F};
    float k = occluder_even(r, 0, 1);
    for (int c = 0; c < 3; c++) {
        float own = tone[c] * light * occluder_even(r, 0.95, 1.05);
        skin[c] = fminf(1, stranger ? palest[c] * k + darkest[c] * (1 - k) : own);
    }
    bool nails = base_rng_uniform(r) < 0.5;
    int fingers = base_rng_range(r, 0, 3) ? 4 : base_rng_range(r, 1, 3);
    float spread = occluder_even(r, 0.02, 0.16), thick = occluder_even(r, 0.042, 0.055);
    occluder_part *arm = occluder_add(o, PART_CONE, 0, 1.6F, 0, 0.3F, 0.17F, 0.13F);
    bool sleeve = base_rng_uniform(r) < 0.5;
    arm->texture = PART_SKIN;
    paint(arm, skin, 0.95F);
    for (int i = 0; i < fingers; i++) {
        float at = ((float)i - 1.5F) * 0.095F, length = i == 1 || i == 2 ? 0.42F
                                                        : i              ? 0.31F
                                                                         : 0.36F;
        float angle = -1.5707963F + ((float)i - 1.5F) * spread;
        add_finger(o, at, -0.02F, angle, length * occluder_even(r, 0.85, 1.1), thick, skin, nails,
                   r);
    }
    occluder_part *palm = occluder_add(o, PART_BOX, 0, -0.06F, 0, 0.38F, 0.195F, 0.1F);
    palm->texture = PART_SKIN;
    palm->round = 0.6F;
    paint(palm, skin, 0.98F);
    float side = base_rng_uniform(r) < 0.5 ? 1 : -1, out = occluder_even(r, 0.5, 1.1);
    add_finger(o, side * 0.15F, 0.24F, -1.5707963F + side * out, 0.33F, thick * 1.2F, skin, nails,
               r);
    if (sleeve) {
        occluder_part *cloth = occluder_add(o, PART_CONE, 0, 1.6F, 0, 0.62F, 0.24F, 0.18F);
        colours(cloth, tone, r);
        cloth->texture = PART_CLOTH;
        cloth->pitch = occluder_even(r, 0.05, 0.2);
    }
    occluder_finish(o);
}

static void like(occluder_part *p, const occluder_part *other) // of the same stuff
{
    p->texture = other->texture;
    p->pitch = other->pitch;
    memcpy(p->rgb, other->rgb, sizeof p->rgb);
    memcpy(p->other, other->other, sizeof p->other);
}

static void microphone(occluder *o, const float tone[3], base_rng *r)
{
    float head = occluder_even(r, 0.12, 0.18);
    occluder_part *p = occluder_add(o, PART_CONE, 0, 0, 0, 1.2F, 0.07F, 0.05F);
    colours(p, tone, r);
    p = occluder_add(o, PART_CONE, 0, -head * 0.3F, 0, 0, head, head);
    colours(p, tone, r);
    p->texture = PART_GRID;
    p->pitch = 0.03F;
}

static void cup(occluder *o, const float tone[3], base_rng *r)
{
    float w = occluder_even(r, 0.16, 0.24), h = occluder_even(r, 0.22, 0.34);
    occluder_part *p = occluder_add(o, PART_RING, w * 1.15F, 0, 0, 0, 0.11F, 0.025F);
    colours(p, tone, r);
    occluder_part handle = *p;
    p = occluder_add(o, PART_BOX, 0, -h, 0, h, w, 0.05F);
    like(p, &handle);
    p = occluder_add(o, PART_BOX, -w * 0.9F, -h * 0.96F, w * 0.9F, -h * 0.96F, 0.03F,
                     0.03F); // the rim
    paint(p, handle.rgb, 0.5F);
}

static void telephone(occluder *o, const float tone[3], base_rng *r)
{
    float w = occluder_even(r, 0.14, 0.18), h = w * 1.95F;
    occluder_part *p = occluder_add(o, PART_BOX, 0, -h, 0, h, w, 0.03F);
    colours(p, tone, r);
    p->texture = PART_PLAIN;
    p->round = 0.3F;
    p = occluder_add(o, PART_BOX, 0, -h * 0.9F, 0, h * 0.9F, w * 0.9F, 0.015F);
    for (int c = 0; c < 3; c++) p->rgb[c] = occluder_even(r, 0.02, 0.3);
    p->round = 0.1F;
}

static void sheet(occluder *o, const float tone[3], base_rng *r) // book, card, letter
{
    float w = occluder_even(r, 0.18, 0.4), h = occluder_even(r, 0.12, 0.3);
    occluder_part *p = occluder_add(o, PART_BOX, 0, -h, 0, h, w, 0.01F);
    colours(p, tone, r);
    p->round = 0.15F;
    if (base_rng_uniform(r) < 0.5) p->texture = PART_STRIPES;
}

static void sticks(occluder *o, const float tone[3], base_rng *r) // pens, straws, spoons, branches
{
    int n = base_rng_range(r, 1, 4);
    for (int i = 0; i < n; i++) {
        float x = occluder_even(r, -0.2, 0.2), lean = occluder_even(r, -0.3, 0.3);
        float thick = occluder_even(r, 0.012, 0.05);
        occluder_part *p = occluder_add(o, PART_CONE, x, -0.6F, x + lean, 0.7F, thick, thick);
        colours(p, tone, r);
    }
}

static void lump(occluder *o, const float tone[3], base_rng *r) // fruit, scarf, leaves
{
    int n = base_rng_range(r, 1, 7);
    occluder_part first = {0};
    for (int i = 0; i < n; i++) {
        float x = occluder_even(r, -0.2, 0.2), y = occluder_even(r, -0.2, 0.2);
        float to_x = x + occluder_even(r, -0.15, 0.15), to_y = y + occluder_even(r, -0.15, 0.15);
        float thick = occluder_even(r, 0.08, 0.2), end = occluder_even(r, 0.05, 0.15);
        occluder_part *p = occluder_add(o, PART_CONE, x, y, to_x, to_y, thick, end);
        if (i == 0) {
            colours(p, tone, r);
            first = *p;
        }
        like(p, &first);
        paint(p, first.rgb, occluder_even(r, 0.85, 1.15));
    }
}

void occluder_object(occluder *o, const float tone[3], base_rng *r)
{
    static void (*const kind[])(occluder *, const float[3],
                                base_rng *) = {microphone, cup, telephone, sheet, sticks, lump};
    occluder_begin(o, r);
    kind[base_rng_range(r, 0, 5)](o, tone, r);
    occluder_finish(o);
}
