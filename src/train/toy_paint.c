// toy_paint.c -- the colour of a drawn face at a point: a head as a solid of revolution, lit, with
// what is on its front. Distances are in halves of the head's height; edges are soft.
#include "train/toy.h"
#include <math.h>

enum { LEFT = -1, RIGHT = 1 };

static float clamp(float x, float lo, float hi) { return x < lo ? lo : x > hi ? hi : x; }
static float mix(float a, float b, float t) { return a + t * (b - a); }

// Along a list of colours, t in 0..1.
static void ramp(const float (*stop)[3], int n, float t, float rgb[3])
{
    float at = clamp(t, 0, 1) * (float)(n - 1);
    int i = at >= (float)(n - 1) ? n - 2 : (int)at;
    for (int c = 0; c < 3; c++) rgb[c] = mix(stop[i][c], stop[i + 1][c], at - (float)i);
}

static void colours(toy_face *f, const float *t, const float *w)
{
    static const float skins[4][3] = {
        {0.97F, 0.83F, 0.74F}, {0.89F, 0.69F, 0.55F}, {0.67F, 0.46F, 0.33F}, {0.40F, 0.26F, 0.19F}};
    static const float eyes[3][3] = {
        {0.28F, 0.16F, 0.08F}, {0.30F, 0.46F, 0.22F}, {0.25F, 0.48F, 0.78F}};
    static const float hairs[3][3] = {
        {0.86F, 0.72F, 0.45F}, {0.42F, 0.27F, 0.15F}, {0.09F, 0.07F, 0.07F}};
    ramp(skins, 4, (t[TOY_SKIN] + 1) / 2, f->skin);
    f->skin[0] += 0.02F * t[TOY_TINT];
    f->skin[1] -= 0.035F * t[TOY_TINT];
    f->skin[2] += 0.025F * t[TOY_TINT];
    ramp(eyes, 3, (t[TOY_EYE_COLOUR] + 1) / 2, f->iris);
    ramp(hairs, 3, (w[TOY_HAIR] + 1) / 2, f->hair);
    f->hair[0] += 0.08F * (w[TOY_HAIR_RED] + 1);
    float dark = 0.5F + 0.25F * t[TOY_BROW_DARK], red = 0.5F + 0.3F * t[TOY_LIP_RED];
    static const float brown[3] = {0.13F, 0.08F, 0.05F}, rose[3] = {0.74F, 0.20F, 0.24F};
    for (int c = 0; c < 3; c++) {
        f->brow[c] = mix(f->skin[c], brown[c], dark + 0.15F);
        f->lips[c] = mix(f->skin[c] * 0.86F, rose[c], red);
        f->back[c] = 0.5F + 0.3F * w[TOY_BACK_RED + c];
        f->cloth[c] = 0.45F + 0.35F * w[TOY_CLOTH_RED + c];
        f->gain[c] = 1 + 0.15F * w[TOY_GAIN] + 0.05F * w[TOY_WARM] * (float)(1 - c);
    }
    f->fall = 0.25F * w[TOY_BACK_FALL];
    f->beard = clamp((t[TOY_BEARD] + 0.2F) / 1.2F, 0, 1) * 0.75F;
}

static void frame(toy_face *f, const float *w, float side)
{
    float roll = w[TOY_ROLL] * 12 * 3.14159265F / 180;
    f->sine = sinf(roll);
    f->cosine = cosf(roll);
    f->unit = side * 0.36F * (1 + 0.08F * w[TOY_NEAR]);
    f->x0 = side * (0.5F + 0.04F * w[TOY_RIGHT]);
    f->y0 = side * (0.5F + 0.04F * w[TOY_DOWN]);
    f->soft = 1 / f->unit;
    f->turn = w[TOY_TURN] * 24 * 3.14159265F / 180;
    f->nod = 0.12F * w[TOY_NOD];
    float x = 0.8F * w[TOY_LIGHT_X], y = 0.7F * w[TOY_LIGHT_Y] - 0.25F;
    float length = sqrtf(x * x + y * y + 1);
    f->light[0] = x / length;
    f->light[1] = y / length;
    f->light[2] = 1 / length;
    f->hard = 0.42F + 0.2F * w[TOY_LIGHT];
}

void toy_face_make(toy_face *f, const toy_person *p, const toy_look *l, float side)
{
    const float *t = p->trait, *w = l->way;
    *f = (toy_face){0};
    frame(f, w, side);
    colours(f, t, w);
    f->width = 0.72F + 0.07F * t[TOY_WIDTH];
    f->jaw = 2.5F + 0.7F * t[TOY_JAW];
    f->eye_x = 0.33F + 0.045F * t[TOY_EYES_APART];
    f->eye_y = -0.13F;
    f->eye_w = 0.155F * (1 + 0.2F * t[TOY_EYE_SIZE]);
    f->eye_h = f->eye_w * (0.52F + 0.28F * w[TOY_LIDS]);
    f->slant = 0.16F * t[TOY_EYE_SLANT];
    f->brow_y = -0.36F - 0.035F * t[TOY_BROW_HIGH] - 0.035F * w[TOY_LIFT];
    f->brow_t = 0.040F * (1 + 0.55F * t[TOY_BROW_THICK]);
    f->brow_arch = 0.055F + 0.05F * t[TOY_BROW_ARCH];
    f->nose_y = 0.21F + 0.055F * t[TOY_NOSE_LONG];
    f->nose_w = 0.135F * (1 + 0.3F * t[TOY_NOSE_WIDE]);
    f->mouth_y = 0.52F;
    f->mouth_w = 0.265F + 0.05F * t[TOY_MOUTH_WIDE] + 0.03F * w[TOY_SMILE];
    f->corner = -0.055F * w[TOY_SMILE];
    f->middle = 0.03F * w[TOY_SMILE];
    f->gap = 0.16F * clamp((w[TOY_OPEN] + 0.3F) / 1.3F, 0, 1);
    f->lip = 0.065F * (1 + 0.45F * t[TOY_LIPS]);
    f->hair_line = -0.62F + 0.1F * w[TOY_HAIR_LINE];
    f->hair_end = 0.45F + 0.85F * w[TOY_HAIR_LONG];
    f->gaze[0] = 0.35F * w[TOY_GAZE_X];
    f->gaze[1] = 0.22F * w[TOY_GAZE_Y];
}

// Half the head's width at height y; its lower half follows the jaw.
static float radius(const toy_face *f, float y)
{
    float k = y < 0 ? y * y : powf(fminf(y, 1), f->jaw);
    return f->width * sqrtf(fmaxf(1e-4F, 1 - k));
}

// Signed distance to the head's outline, negative inside; near enough at its edge.
static float outline(const toy_face *f, float x, float y)
{
    float n = y < 0 ? 2 : f->jaw, a = fabsf(y) + 1e-4F, u = x / f->width;
    float value = u * u + powf(a, n) - 1, dx = 2 * u / f->width, dy = n * powf(a, n - 1);
    return value / sqrtf(dx * dx + dy * dy + 1e-4F);
}

// How much of the nod a height takes part in.
static float nodding(const toy_face *f, float y) { return f->nod * fmaxf(0, 1 - y * y); }

void toy_face_front(const toy_face *f, float x, float y, float *front_x, float *front_y)
{
    float r = radius(f, y), angle = asinf(clamp(x / r, -1, 1)) - f->turn;
    *front_y = y - nodding(f, y);
    *front_x = r * sinf(clamp(angle, -1.5707963F, 1.5707963F));
}

void toy_face_place(const toy_face *f, float front_x, float front_y, float *x, float *y)
{
    float at = front_y;
    for (int i = 0; i < 40; i++) at = front_y + nodding(f, at); // a contraction by 0.24
    float r = radius(f, at);
    *y = at;
    *x = r * sinf(asinf(clamp(front_x / r, -1, 1)) + f->turn);
}

static void cover(float rgb[3], const float with[3], float share)
{
    for (int c = 0; c < 3; c++) rgb[c] = mix(rgb[c], with[c], share);
}

static void shade(float rgb[3], float by)
{
    for (int c = 0; c < 3; c++) rgb[c] *= by;
}

// 1 inside, 0 outside, over the width of an edge.
static float inside(const toy_face *f, float distance)
{
    return clamp(0.5F - distance / f->soft, 0, 1);
}

static float bump(float x, float y, float w, float h)
{
    if (fabsf(x) > 3 * w || fabsf(y) > 3 * h) return 0; // below 1.3e-4
    return expf(-(x * x) / (w * w) - (y * y) / (h * h));
}

static float ellipse(float x, float y, float a, float b)
{
    float u = x / a, v = y / b, length = sqrtf(u * u + v * v);
    return (length - 1) * fminf(a, b);
}

static void paint_eye(const toy_face *f, int side, float x, float y, float light, float rgb[3])
{
    static const float white[3] = {0.95F, 0.94F, 0.93F}, black[3] = {0.03F, 0.02F, 0.02F};
    static const float lash[3] = {0.12F, 0.07F, 0.06F}, glint[3] = {1, 1, 1};
    float dx = x - (float)side * f->eye_x, dy = y - f->eye_y;
    dy += f->slant * (float)side * dx;
    float u = dx / f->eye_w, bow = 1 - u * u;
    shade(rgb, 1 - 0.16F * bump(dx, dy + 0.03F, 0.2F, 0.13F)); // the socket
    if (fabsf(u) > 1.3F || fabsf(dy) > 0.3F) return;
    float top = -f->eye_h * bow, low = 0.62F * f->eye_h * bow;
    float d = fmaxf(top - dy, dy - low), ball[3];
    for (int c = 0; c < 3; c++) ball[c] = white[c] * mix(1, light, 0.6F);
    float gx = dx - f->gaze[0] * f->eye_w, gy = dy - f->gaze[1] * f->eye_h;
    float iris = sqrtf(gx * gx + gy * gy) - 0.47F * f->eye_w;
    cover(ball, f->iris, inside(f, iris));
    cover(ball, black, inside(f, iris + 0.26F * f->eye_w));
    float hx = gx - 0.14F * f->eye_w, hy = gy + 0.14F * f->eye_w;
    cover(ball, glint, 0.8F * inside(f, sqrtf(hx * hx + hy * hy) - 0.09F * f->eye_w));
    if (bow > 0) cover(rgb, ball, inside(f, d));
    float line = fabsf(dy - top) - 0.022F * clamp(bow + 0.35F, 0, 1);
    if (bow > -0.15F) cover(rgb, lash, 0.9F * inside(f, line));
}

static void paint_brow(const toy_face *f, int side, float x, float y, float rgb[3])
{
    float u = ((float)side * x - f->eye_x) / (1.25F * f->eye_w); // -1 near the nose
    float line = f->brow_y - f->brow_arch * (1 - u * u) + 0.02F * u;
    float thick = f->brow_t * (1 - 0.45F * clamp(u, -0.2F, 1));
    float d = fmaxf(fabsf(y - line) - thick, (fabsf(u) - 1) * f->eye_w);
    cover(rgb, f->brow, inside(f, d));
}

static void paint_nose(const toy_face *f, float x, float y, float rgb[3])
{
    float up = f->nose_y - f->eye_y, along = clamp((y - f->eye_y) / up, 0, 1);
    float bridge = mix(0.05F, 0.55F * f->nose_w, along);
    float on =
        clamp((y - f->eye_y + 0.08F) / 0.12F, 0, 1) * clamp((f->nose_y + 0.03F - y) / 0.08F, 0, 1);
    float away = f->light[0] >= 0 ? -1 : 1; // the dark side
    float strength = 0.06F + 0.2F * fabsf(f->light[0]);
    shade(rgb, 1 - strength * on * bump(x - away * bridge * 1.3F, 0, bridge, 1));
    shade(rgb, 1 - 0.05F * on * bump(x + away * bridge * 1.3F, 0, bridge * 0.8F, 1));
    shade(rgb, 1 + 0.12F * bump(x, y - f->nose_y + 0.03F, 0.5F * f->nose_w, 0.06F));
    shade(rgb, 1 - 0.28F * bump(x, y - f->nose_y - 0.075F, 0.95F * f->nose_w, 0.028F));
    for (int side = LEFT; side <= RIGHT; side += 2) {
        float hole = ellipse(x - (float)side * 0.45F * f->nose_w, y - f->nose_y - 0.045F,
                             0.3F * f->nose_w, 0.021F);
        static const float dark[3] = {0.12F, 0.05F, 0.04F};
        cover(rgb, dark, 0.75F * inside(f, hole));
        shade(rgb, 1 - 0.2F * bump(x - (float)side * f->nose_w, y - f->nose_y, 0.03F, 0.055F));
    }
}

static void paint_mouth(const toy_face *f, float x, float y, float rgb[3])
{
    static const float deep[3] = {0.22F, 0.05F, 0.06F}, teeth[3] = {0.93F, 0.91F, 0.87F};
    float u = x / f->mouth_w, bow = 1 - u * u;
    if (fabsf(u) > 1.15F || fabsf(y - f->mouth_y) > 0.45F) return;
    float v = y - f->mouth_y - mix(f->corner, f->middle, clamp(bow, 0, 1));
    float full = clamp(bow, 0, 1), dip = 1 - 0.3F * expf(-u * u * 30);
    float top = -f->lip * full * dip - 0.3F * f->gap * full;
    float low = (1.25F * f->lip + 0.8F * f->gap) * full;
    float lips[3];
    for (int c = 0; c < 3; c++) lips[c] = f->lips[c] * (v < 0 ? 0.92F : 1.04F);
    if (bow > 0) cover(rgb, lips, inside(f, fmaxf(top - v, v - low)));
    float upper = -0.3F * f->gap * full, lower = 0.8F * f->gap * full;
    if (bow > 0 && f->gap > 0) {
        float open = inside(f, fmaxf(upper - v, v - lower));
        cover(rgb, deep, open);
        cover(rgb, teeth, open * inside(f, v - upper - 0.05F));
    }
    float line = fabsf(v - upper) - 0.011F; // between the lips
    if (bow > -0.1F) cover(rgb, deep, 0.75F * inside(f, line));
    shade(rgb, 1 - 0.1F * bump(x, v - low - 0.05F, 0.15F, 0.03F)); // below the lower lip
}

static void paint_beard(const toy_face *f, float x, float y, float rgb[3])
{
    float rim = fabsf(x) / radius(f, y), low = clamp((y - 0.1F) / 0.25F, 0, 1);
    float chin = clamp((y - 0.36F) / 0.08F, 0, 1) * clamp((0.42F - fabsf(x)) / 0.14F, 0, 1);
    float jaw = clamp((rim - 0.66F) / 0.2F, 0, 1) * low;
    float under = clamp((y - 0.62F) / 0.12F, 0, 1);
    cover(rgb, f->brow, f->beard * fmaxf(fmaxf(chin, jaw), under));
}

// The head's surface towards us at (x, y): how bright the light makes it.
static float lit(const toy_face *f, float x, float y)
{
    float nx = x / (f->width * 1.05F), ny = y / 1.1F;
    float nz = sqrtf(fmaxf(0.06F, 1 - nx * nx - ny * ny));
    float facing = nx * f->light[0] + ny * f->light[1] + nz * f->light[2];
    return 1.08F - f->hard + f->hard * fmaxf(0, facing);
}

// in: the share of the head here
static void paint_head(const toy_face *f, float x, float y, float in, float rgb[3])
{
    float skin[3] = {f->skin[0], f->skin[1], f->skin[2]};
    float fx = 0, fy = 0, light = lit(f, x, y);
    toy_face_front(f, x, y, &fx, &fy);
    for (int side = LEFT; side <= RIGHT; side += 2) { // cheeks
        float red = 0.1F * bump(fx - (float)side * 0.4F, fy - 0.22F, 0.17F, 0.14F);
        cover(skin, (const float[3]){0.85F, 0.35F, 0.32F}, red);
    }
    paint_beard(f, fx, fy, skin);
    for (int c = 0; c < 3; c++) skin[c] *= light;
    paint_nose(f, fx, fy, skin);
    paint_mouth(f, fx, fy, skin);
    for (int side = LEFT; side <= RIGHT; side += 2) {
        paint_eye(f, side, fx, fy, light, skin);
        paint_brow(f, side, fx, fy, skin);
    }
    float temple = fx / f->width, t4 = temple * temple * temple * temple;
    float hair[3] = {f->hair[0], f->hair[1], f->hair[2]};
    shade(hair, light);
    cover(skin, hair, inside(f, (fy - f->hair_line - 0.55F * t4) * 0.6F));
    for (int c = 0; c < 3; c++) rgb[c] = in < 1 ? mix(rgb[c], skin[c], in) : skin[c];
}

// What lies behind the head, from back to front: wall, clothes, hair, neck, ears.
static void paint_behind(const toy_face *f, float x, float y, float rgb[3])
{
    float light = lit(f, clamp(x, -f->width, f->width), clamp(y, -1, 1)), part[3];
    float wall = 1 + f->fall * y;
    for (int c = 0; c < 3; c++) rgb[c] = f->back[c] * wall;
    float shoulder = ellipse(x, y - 1.95F, 1.35F, 0.75F);
    cover(rgb, f->cloth, inside(f, shoulder));
    for (int c = 0; c < 3; c++) part[c] = f->hair[c] * light * 0.9F;
    float cap = ellipse(x, y + 0.22F, f->width + 0.13F, 0.9F);
    float fall = fmaxf(fabsf(x) - f->width - 0.1F, fmaxf(-0.25F - y, y - f->hair_end));
    cover(rgb, part, inside(f, fminf(cap, fall)));
    for (int c = 0; c < 3; c++) part[c] = f->skin[c] * light * 0.72F;
    cover(rgb, part, inside(f, fmaxf(fabsf(x) - 0.36F, fmaxf(0.4F - y, y - 1.4F))));
    for (int side = LEFT; side <= RIGHT; side += 2) {
        float at = f->width * 1.02F * sinf((float)side * 1.62F + f->turn);
        for (int c = 0; c < 3; c++) part[c] = f->skin[c] * light * 0.9F;
        cover(rgb, part, inside(f, ellipse(x - at, y + 0.02F - f->nod, 0.1F, 0.17F)));
    }
}

void toy_face_colour(const toy_face *f, float x, float y, float rgb[3])
{
    float head = inside(f, outline(f, x, y));
    if (head < 1) paint_behind(f, x, y, rgb);
    if (head > 0) paint_head(f, x, y, head, rgb);
    for (int c = 0; c < 3; c++) rgb[c] = clamp(rgb[c] * f->gain[c], 0, 1);
}
