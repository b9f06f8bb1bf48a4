// scene.c -- one photo that fills the scene, or several pasted onto a ground; faces of any size,
// turned, half outside, behind hands; then dark, grey, blurred, noisy, or as a coarse JPEG.
#include "train/scene.h"
#include "media/media.h"
#include "train/occlude.h"
#include "train/spoil.h"
#include <math.h>
#include <string.h>

guise_status train_scene_open(train_scene *s, int side, base_error *e)
{
    *s = (train_scene){.side = side};
    s->planes = base_alloc(3 * (size_t)side * (size_t)side, sizeof *s->planes);
    return s->planes ? GUISE_OK : base_no_memory(e);
}

void train_scene_close(train_scene *s)
{
    base_free(s->planes);
    *s = (train_scene){0};
}

static double between(base_rng *r, double from, double to)
{
    return from + (to - from) * base_rng_uniform(r);
}

// A smooth ground: colours at the four corners, and waves.
static void draw_ground(train_scene *s, base_rng *r)
{
    size_t area = (size_t)s->side * (size_t)s->side;
    for (size_t c = 0; c < 3; c++) {
        double corner[4], strength = between(r, 0, 0.15);
        double fx = between(r, 0, 40) / s->side, fy = between(r, 0, 40) / s->side;
        double phase = between(r, 0, 6.3);
        for (int i = 0; i < 4; i++) corner[i] = base_rng_uniform(r);
        for (int y = 0; y < s->side; y++)
            for (int x = 0; x < s->side; x++) {
                double u = (double)x / s->side, v = (double)y / s->side;
                double top = corner[0] * (1 - u) + corner[1] * u;
                double low = corner[2] * (1 - u) + corner[3] * u;
                double wave = strength * sin(fx * x + fy * y + phase);
                double k = top * (1 - v) + low * v + wave;
                s->planes[c * area + (size_t)(y * s->side + x)] = (float)(k < 0   ? 0
                                                                          : k > 1 ? 1
                                                                                  : k);
            }
    }
}

// A crop with its margin, mirrored or not, with something in front of the face or not.
typedef struct {
    float *planes; // [3,side,side]
    int side, n;
    face face[8];        // its own first, then who stands beside
    double cx, cy, w, h; // box of its own
} patch;

static guise_status cover_face(patch *p, const scene_options *o, base_rng *r, base_error *e)
{
    size_t n = (size_t)o->size, side = (size_t)p->side, m = (size_t)o->margin;
    float *inner = base_alloc(3 * n * n, sizeof *inner);
    if (!inner) return base_no_memory(e);
    for (size_t c = 0; c < 3; c++)
        for (size_t y = 0; y < n; y++)
            memcpy(inner + (c * n + y) * n, p->planes + (c * side + y + m) * side + m,
                   n * sizeof *inner);
    guise_status s = train_occlude(inner, o->size, 1 + base_rng_range(r, 0, 2), r, NULL, e);
    for (size_t c = 0; !s && c < 3; c++)
        for (size_t y = 0; y < n; y++)
            memcpy(p->planes + (c * side + y + m) * side + m, inner + (c * n + y) * n,
                   n * sizeof *inner);
    base_free(inner);
    return s;
}

static face mirror(const face *f, int side)
{
    face m = *f;
    float last = (float)(side - 1);
    m.x0 = last - f->x1, m.x1 = last - f->x0;
    for (int i = 0; i < FACE_POINTS; i++) m.point[i] = face_mirror(f->point, i, side);
    return m;
}

static void take_faces(patch *p, const scene_options *o, size_t photo, bool flip)
{
    const train_faces *all = o->faces;
    size_t first = all->first[photo], n = all->first[photo + 1] - first;
    p->n = (int)(n < sizeof p->face / sizeof *p->face ? n : sizeof p->face / sizeof *p->face);
    for (int i = 0; i < p->n; i++) {
        p->face[i] = all->all.at[first + (size_t)i];
        if (flip) p->face[i] = mirror(&p->face[i], p->side);
    }
    const face *own = &p->face[0];
    p->cx = (double)(own->x0 + own->x1) / 2, p->w = (double)(own->x1 - own->x0);
    p->cy = (double)(own->y0 + own->y1) / 2, p->h = (double)(own->y1 - own->y0);
}

static guise_status take_patch(patch *p, const scene_options *o, base_rng *r, base_error *e)
{
    int side = p->side;
    size_t photo = (size_t)base_rng_range(r, 0, (int)train_cache_n(o->cache) - 1);
    size_t area = (size_t)side * (size_t)side;
    bool flip = base_rng_uniform(r) < 0.5, covered = base_rng_uniform(r) < 0.15;
    const uint8_t *from = train_cache_pixels(o->cache, photo);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            for (size_t c = 0; c < 3; c++)
                p->planes[c * area + (size_t)(y * side + x)] =
                    (float)from[(size_t)(y * side + (flip ? side - 1 - x : x)) * 3 + c] / 255;
    take_faces(p, o, photo, flip);
    return covered ? cover_face(p, o, r, e) : GUISE_OK;
}

static float sample(const float *p, int side, double x, double y)
{
    int x0 = (int)x, y0 = (int)y;
    float a = (float)(x - x0), b = (float)(y - y0);
    p += y0 * side + x0;
    return (p[0] * (1 - a) + p[1] * a) * (1 - b) + (p[side] * (1 - a) + p[side + 1] * a) * b;
}

// Part of a patch, in its pixels.
typedef struct {
    double x0, y0, x1, y1;
} part;

static double lesser(double a, double b) { return a < b ? a : b; }

// Rows or columns of the scene that the part can reach under t, as the row of its matrix says.
static void reach(const double m[3], part a, int side, int *from, int *to)
{
    double middle = (m[0] * (a.x0 + a.x1) + m[1] * (a.y0 + a.y1)) / 2 + m[2];
    double half = (fabs(m[0]) * (a.x1 - a.x0) + fabs(m[1]) * (a.y1 - a.y0)) / 2 + 1;
    *from = (int)fmin(fmax(floor(middle - half), 0), side);
    *to = (int)fmin(fmax(ceil(middle + half) + 1, 0), side);
}

// Lay part a of the patch over the scene under t, from patch to scene, with an edge that falls over
// `soft` pixels of the patch. Shrunk by more than two, pixels are averaged.
static void lay(train_scene *s, const patch *p, part a, face_transform t, double soft)
{
    face_transform back = face_invert(t);
    int many = (int)fmin(6, fmax(1, round(1 / face_scale(t)))), x0, x1, y0, y1;
    double end = p->side - 1, sharp = soft > 0 ? 1 / soft : 0;
    size_t area = (size_t)s->side * (size_t)s->side, from = (size_t)p->side * (size_t)p->side;
    reach(t.m, a, s->side, &x0, &x1);
    reach(t.m + 3, a, s->side, &y0, &y1);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            float sum[3] = {0}, weight = 0;
            for (int k = 0; k < many * many; k++) {
                double dx = (k % many + 0.5) / many - 0.5, dy = (k / many + 0.5) / many - 0.5;
                double u = back.m[0] * (x + dx) + back.m[1] * (y + dy) + back.m[2];
                double v = back.m[3] * (x + dx) + back.m[4] * (y + dy) + back.m[5];
                double inside = lesser(lesser(u - a.x0, a.x1 - u), lesser(v - a.y0, a.y1 - v));
                if (inside < 0 || u >= end || v >= end) continue;
                float w = soft > 0 ? (float)lesser(1, inside * sharp) : 1;
                for (size_t c = 0; c < 3; c++)
                    sum[c] += w * sample(p->planes + c * from, p->side, u, v);
                weight += w;
            }
            float share = weight / (float)(many * many);
            for (size_t c = 0; weight > 0 && c < 3; c++) {
                float *to = &s->planes[c * area + (size_t)(y * s->side + x)];
                *to = *to * (1 - share) + sum[c] / weight * share;
            }
        }
}

// The map that scales by k, turns by angle and takes (cx, cy) to (x, y).
static face_transform carry(double k, double angle, double cx, double cy, double x, double y)
{
    double c = k * cos(angle), n = k * sin(angle);
    return (face_transform){{c, -n, x - c * cx + n * cy, n, c, y - n * cx - c * cy}};
}

// Boxes that overlap by more than a little: the lower face would be hidden.
static bool crowded(const train_scene *s, double cx, double cy, double size)
{
    for (int i = 0; i < s->n; i++) {
        const scene_face *f = &s->face[i];
        double d = fmax(fabs(cx - f->cx), fabs(cy - f->cy));
        if (d < 0.6 * (size + f->h)) return true;
    }
    return false;
}

static bool within(part a, double x, double y)
{
    return x >= a.x0 && x <= a.x1 && y >= a.y0 && y <= a.y1;
}

// What is laid over others hides them.
static void hide_faces(train_scene *s, part a, face_transform t)
{
    face_transform back = face_invert(t);
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        face_point m = face_apply(back, (face_point){s->face[i].cx, s->face[i].cy});
        if (!within(a, (double)m.x, (double)m.y)) s->face[n++] = s->face[i];
    }
    s->n = n;
}

// Face i of the patch, where the part of it that is laid shows its middle.
static void note_face(train_scene *s, const patch *p, int i, part a, face_transform t)
{
    const face *from = &p->face[i];
    double k = face_scale(t), side = s->side;
    face_point m = {(from->x0 + from->x1) / 2, (from->y0 + from->y1) / 2};
    if (s->n == SCENE_FACES || !within(a, (double)m.x, (double)m.y)) return;
    m = face_apply(t, m);
    scene_face f = {.cx = m.x,
                    .cy = m.y,
                    .w = (float)((double)(from->x1 - from->x0) * k),
                    .h = (float)((double)(from->y1 - from->y0) * k),
                    .doubtful = (double)from->score < TRAIN_FACE_SURE};
    for (int j = 0; j < FACE_POINTS; j++) f.point[j] = face_apply(t, from->point[j]);
    // more than half outside is hardly a face, and far outside none
    double out =
        fmax(fmax(-(double)m.x, (double)m.x - side), fmax(-(double)m.y, (double)m.y - side));
    if (out > 0) f.doubtful = true;
    if (out < 0.5 * (double)f.h) s->face[s->n++] = f;
}

static void lay_patch(train_scene *s, const patch *p, part a, face_transform t, double soft)
{
    lay(s, p, a, t, soft);
    hide_faces(s, a, t);
    for (int i = 0; i < p->n; i++) note_face(s, p, i, a, t);
}

// One face of the given height with its box's centre at (cx, cy).
static guise_status add_face(train_scene *s, patch *p, const scene_options *o, double height,
                             double cx, double cy, base_rng *r, base_error *e)
{
    guise_status st = take_patch(p, o, r, e);
    bool little = base_rng_uniform(r) < 0.7;
    double most = little ? fmin(15, o->turn) : o->turn;
    double angle = between(r, -most, most) * 3.14159265358979 / 180;
    double keep = base_rng_uniform(r), soft = base_rng_uniform(r) < 0.5 ? between(r, 0, 30) : 0;
    if (st) return st;
    double edge = o->margin * (1 - keep), last = p->side - 1 - edge;
    face_transform t = carry(height / p->h, angle, p->cx, p->cy, cx, cy);
    lay_patch(s, p, (part){edge, edge, last, last}, t, soft);
    return GUISE_OK;
}

// What surrounds a face in its photo, without the face: hair, necks, clothes, walls, at any scale
// and angle. Things that are no face are learnt from these. Who stands there, at whatever angle, is
// neither.
static guise_status add_surroundings(train_scene *s, patch *p, const scene_options *o, base_rng *r,
                                     base_error *e)
{
    guise_status st = take_patch(p, o, r, e);
    if (st) return st;
    double end = p->side - 1, x0 = fmax(p->cx - p->w / 2, 8), x1 = fmin(p->cx + p->w / 2, end - 8);
    double y0 = fmax(p->cy - p->h / 2, 8), y1 = fmin(p->cy + p->h / 2, end - 8);
    const part around[] = {{0, 0, x0, end}, {x1, 0, end, end}, {0, 0, end, y0}, {0, y1, end, end}};
    part a = around[base_rng_range(r, 0, 3)];
    double long_side = fmax(a.x1 - a.x0, a.y1 - a.y0);
    double k = exp(between(r, log(0.1), log(1.5))) * s->side / long_side;
    double angle = between(r, -3.14159265358979, 3.14159265358979);
    double soft = base_rng_uniform(r) < 0.5 ? between(r, 0, 20) : 0;
    double x = between(r, 0, s->side), y = between(r, 0, s->side);
    face_transform t = carry(k, angle, (a.x0 + a.x1) / 2, (a.y0 + a.y1) / 2, x, y);
    for (int i = 0; i < p->n; i++) p->face[i].score = 0;
    lay_patch(s, p, a, t, soft);
    return GUISE_OK;
}

static guise_status lay_faces(train_scene *s, patch *p, const scene_options *o, base_rng *r,
                              base_error *e)
{
    static const int counts[] = {0, 0, 1, 1, 1, 2, 2, 3, 4, 5};
    bool fills = base_rng_uniform(r) < 0.35; // a photo that covers the whole scene
    int n = fills ? 1 : counts[base_rng_range(r, 0, 9)];
    guise_status st = GUISE_OK;
    for (int i = base_rng_range(r, 0, 8); !st && !fills && i > 0; i--)
        st = add_surroundings(s, p, o, r, e);
    for (int i = 0; !st && i < n; i++) {
        double span = fills ? 0.95 : i ? 0.4 : 0.8;
        double least = fills ? 0.4 * s->side : o->smallest;
        double height = exp(between(r, log(least), log(span * s->side)));
        double cx = between(r, 0, s->side), cy = between(r, 0, s->side);
        if (fills) cx = between(r, 0.35, 0.65) * s->side, cy = between(r, 0.35, 0.65) * s->side;
        if (i && crowded(s, cx, cy, height)) continue;
        st = add_face(s, p, o, height, cx, cy, r, e);
    }
    return st;
}

// What a JPEG file of low quality leaves of it.
static guise_status compress(train_scene *s, base_rng *r, base_error *e)
{
    base_image m = {0};
    int quality = base_rng_range(r, 12, 60);
    guise_status st = base_image_new(&m, s->side, s->side, e);
    if (!st) base_image_from_planes(&m, s->planes, false, 255, 0);
    if (!st) st = media_photo_compress(&m, quality, e);
    if (!st) base_image_to_planes(&m, false, 1.0f / 255, 0, s->planes);
    base_image_free(&m);
    return st;
}

guise_status train_scene_draw(train_scene *s, const scene_options *o, float *clean, base_rng *r,
                              base_error *e)
{
    patch p = {.side = o->size + 2 * o->margin};
    p.planes = base_alloc(3 * (size_t)p.side * (size_t)p.side, sizeof *p.planes);
    if (!p.planes) return base_no_memory(e);
    s->n = 0;
    draw_ground(s, r);
    guise_status st = lay_faces(s, &p, o, r, e);
    base_free(p.planes);
    memcpy(clean, s->planes, 3 * (size_t)s->side * (size_t)s->side * sizeof *clean);
    const train_spoil_chances c = {.grey = 0.1 * o->spoil,
                                   .light = 0.25 * o->spoil,
                                   .small = 0.05 * o->spoil,
                                   .blur = 0.1 * o->spoil,
                                   .noise = 0.15 * o->spoil};
    if (!st) st = train_spoil(s->planes, s->side, &c, r, e);
    bool coarse = base_rng_uniform(r) < 0.15 * o->spoil;
    return st || !coarse ? st : compress(s, r, e);
}
