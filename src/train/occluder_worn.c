// occluder_worn.c -- what people wear over their faces, drawn where it sits: glasses, hair, hats.
// Shapes, sizes and colours: ours, in the proportions that portraits have.
#include "train/occluder.h"
#include <math.h>

// A point in radii of the face's oval, as a share of the picture's side.
static face_point at(const face_oval *o, int side, double u, double v)
{
    double x = o->cx + u * o->wide * o->ux + v * o->high * o->vx;
    double y = o->cy + u * o->wide * o->uy + v * o->high * o->vy;
    return (face_point){(float)((x + 0.5) / side), (float)((y + 0.5) / side)};
}

static occluder_part *line(occluder *o, face_point p, face_point q, float ra, float rb)
{
    return occluder_add(o, PART_CONE, p.x, p.y, q.x, q.y, ra, rb);
}

static void tint(occluder_part *p, const float rgb[3], float k)
{
    for (int c = 0; c < 3; c++) p->rgb[c] = fminf(1, fmaxf(0, rgb[c] * k));
}

static void frame_colour(float rgb[3], base_rng *r)
{
    float dark = occluder_even(r, 0.02, 0.2), pale = occluder_even(r, 0.4, 0.85);
    int kind = base_rng_range(r, 0, 4); // black, black, horn, metal, anything
    for (int c = 0; c < 3; c++)
        rgb[c] = kind < 2    ? dark
                 : kind == 2 ? dark * (c == 0   ? 2.0F
                                       : c == 1 ? 1.3F
                                                : 0.8F)
                 : kind == 3 ? pale
                             : occluder_even(r, 0, 1);
}

typedef struct {
    float rgb[3], dark[3], thick, wide, high;
    int shape;       // round, angular, sunglasses
    face_point x, y; // one pixel's way along the line of the eyes, and down
} spectacles;

static face_point off(face_point p, const spectacles *s, float x, float y)
{
    return (face_point){p.x + x * s->x.x + y * s->y.x, p.y + x * s->x.y + y * s->y.y};
}

static void lens(occluder *o, face_point eye, const spectacles *s)
{
    float w = s->wide, h = s->high;
    if (s->shape == 0) {
        tint(occluder_add(o, PART_RING, eye.x, eye.y, 0, 0, w, s->thick), s->rgb, 1);
        return;
    }
    if (s->shape == 2) {
        face_point p = off(eye, s, 0, -h), q = off(eye, s, 0, h);
        occluder_part *part = occluder_add(o, PART_BOX, p.x, p.y, q.x, q.y, w, 0.7F * h);
        tint(part, s->dark, 1);
        part->round = 0.2F;
        return;
    }
    const face_point corner[4] = {off(eye, s, -w, -h), off(eye, s, w, -h),
                                  off(eye, s, 0.85F * w, h), off(eye, s, -0.85F * w, h)};
    for (int i = 0; i < 4; i++) {
        float k = i == 0 ? 1.2F : 1; // heavier above
        tint(line(o, corner[i], corner[(i + 1) % 4], k * s->thick, k * s->thick), s->rgb, 1);
    }
}

void occluder_glasses(occluder *o, const face_point point[FACE_POINTS], int side, base_rng *r)
{
    face_oval oval = face_oval_of(point);
    float k = 1 / (float)side;
    face_point eye[2];
    for (int i = 0; i < 2; i++)
        eye[i] = (face_point){(point[i].x + 0.5F) * k, (point[i].y + 0.5F) * k};
    float between = hypotf(eye[1].x - eye[0].x, eye[1].y - eye[0].y);
    spectacles s = {.shape = base_rng_range(r, 0, 2)};
    s.x = (face_point){(float)oval.ux, (float)oval.uy};
    s.y = (face_point){(float)oval.vx, (float)oval.vy};
    frame_colour(s.rgb, r);
    for (int c = 0; c < 3; c++) s.dark[c] = occluder_even(r, 0.01, 0.15);
    s.thick = between * occluder_even(r, 0.015, s.shape == 1 ? 0.05 : 0.035);
    s.wide = between * occluder_even(r, 0.30, s.shape == 2 ? 0.46 : 0.42);
    s.high = s.wide * occluder_even(r, 0.55, 0.85);
    float down = between * occluder_even(r, -0.02, 0.1);
    occluder_begin(o, r);
    for (int i = 0; i < 2; i++) {
        face_point middle = off(eye[i], &s, 0, down);
        float out = i ? 1 : -1;
        lens(o, middle, &s);
        face_point rim = off(middle, &s, out * s.wide, -0.3F * s.high);
        face_point ear = off(rim, &s, out * between * 0.6F, occluder_even(r, -0.1, 0.1) * between);
        tint(line(o, rim, ear, s.thick, s.thick), s.rgb, 0.9F);
    }
    face_point left = off(eye[0], &s, s.wide, down - 0.2F * s.high);
    face_point right = off(eye[1], &s, -s.wide, down - 0.2F * s.high);
    tint(line(o, left, right, s.thick, s.thick), s.rgb, 1);
    occluder_finish(o);
}

static void hair_colour(float rgb[3], base_rng *r)
{
    static const float kinds[6][3] = {{0.05F, 0.04F, 0.04F}, {0.16F, 0.10F, 0.07F},
                                      {0.33F, 0.21F, 0.13F}, {0.66F, 0.52F, 0.34F},
                                      {0.47F, 0.22F, 0.12F}, {0.62F, 0.61F, 0.60F}};
    int i = base_rng_range(r, 0, 5);
    float light = occluder_even(r, 0.7, 1.4);
    for (int c = 0; c < 3; c++) rgb[c] = fminf(1, kinds[i][c] * light);
}

static void strand(occluder *o, face_point p, face_point q, float thick, const float rgb[3],
                   base_rng *r)
{
    occluder_part *part = line(o, p, q, thick, 0.4F * thick);
    tint(part, rgb, occluder_even(r, 0.75, 1.3));
    part->texture = PART_CLOTH;
    part->pitch = occluder_even(r, 0.01, 0.03);
    part->round = 0.7F;
}

// Strands from above the hairline down to somewhere over the forehead.
static void fringe(occluder *o, const face_oval *oval, int side, const float rgb[3], base_rng *r)
{
    int n = base_rng_range(r, 6, 28);
    double from = (double)occluder_even(r, -1, 0.2), to = (double)occluder_even(r, -0.2, 1);
    double end = (double)occluder_even(r, -0.8, -0.35), lean = (double)occluder_even(r, -0.4, 0.4);
    float wide = (float)oval->wide / (float)side;
    for (int i = 0; i < n; i++) {
        double u = from + (to - from) * i / n, v = end + (double)occluder_even(r, -0.12, 0.12);
        face_point p = at(oval, side, u, -1.25), q = at(oval, side, u + lean, v);
        strand(o, p, q, wide * occluder_even(r, 0.05, 0.13), rgb, r);
    }
}

// Strands that hang beside the face, over its rim.
static void locks(occluder *o, const face_oval *oval, int side, const float rgb[3], base_rng *r)
{
    int n = base_rng_range(r, 3, 10), sides = base_rng_range(r, 1, 3);
    double reach = (double)occluder_even(r, -0.2, 1.2),
           inside = (double)occluder_even(r, 0.6, 0.95);
    float wide = (float)oval->wide / (float)side;
    for (int k = 0; k < 2; k++) {
        double s = k ? 1 : -1;
        if (!(sides >> k & 1)) continue;
        for (int i = 0; i < n; i++) {
            double u = inside + 0.45 * i / n, top = (double)occluder_even(r, 0.3, 0.8);
            face_point p = at(oval, side, s * top, -1.15);
            face_point m = at(oval, side, s * (u + 0.1), -0.4);
            face_point q = at(oval, side, s * u, reach + (double)occluder_even(r, -0.1, 0.1));
            float thick = wide * occluder_even(r, 0.06, 0.12);
            strand(o, p, m, thick, rgb, r);
            if (reach > -0.3) strand(o, m, q, thick, rgb, r);
        }
    }
}

static void hat(occluder *o, const face_oval *oval, int side, const float rgb[3], base_rng *r)
{
    double low = (double)occluder_even(r, -0.85, -0.45), tip = (double)occluder_even(r, -0.1, 0.1);
    face_point left = at(oval, side, -1.3, -1.6), right = at(oval, side, 1.3, -1.6);
    face_point middle = at(oval, side, 0, -1.6), brim = at(oval, side, 0, low);
    float reach = hypotf(brim.x - middle.x, brim.y - middle.y);
    occluder_part *p = occluder_add(o, PART_BOX, left.x, left.y, right.x, right.y, reach, 0.02F);
    p->texture = base_rng_uniform(r) < 0.5 ? PART_CLOTH : PART_PLAIN;
    p->pitch = occluder_even(r, 0.02, 0.1);
    p->round = 0.1F;
    tint(p, rgb, 1);
    left = at(oval, side, -1.2, low + tip), right = at(oval, side, 1.2, low - tip);
    tint(line(o, left, right, 0.02F, 0.02F), rgb, occluder_even(r, 0.6, 1.2));
}

void occluder_hair(occluder *o, const face_point point[FACE_POINTS], int side, base_rng *r)
{
    face_oval oval = face_oval_of(point);
    float rgb[3];
    occluder_begin(o, r);
    hair_colour(rgb, r);
    int kind = base_rng_range(r, 0, 4);
    if (kind == 4) {
        for (int c = 0; c < 3; c++) rgb[c] = occluder_even(r, 0.02, 0.9);
        hat(o, &oval, side, rgb, r);
    } else {
        if (kind != 1) fringe(o, &oval, side, rgb, r);
        if (kind != 0) locks(o, &oval, side, rgb, r);
    }
    occluder_finish(o);
}
