// batch.c -- pairs of photos: drawn, mirrored, moved, lit, and laid out for the networks.
//
// Random numbers: people are drawn evenly for the source, photos evenly for the target. A person
// with one photo pairs with it for same-person pairs.
#include "train/data.h"
#include <math.h>
#include <string.h>

guise_status train_batch_open(train_batch *b, const train_options *o, const train_identity *id,
                              base_team *team, bool whole, base_error *e)
{
    int rows = o->batch / base_team_size(team);
    size_t n = (size_t)(whole ? o->batch : rows), area = (size_t)o->size * (size_t)o->size;
    *b = (train_batch){.n = rows,
                       .all = o->batch,
                       .team = team,
                       .whole = whole,
                       .side = o->size,
                       .length = id->length,
                       .frame = id->frame,
                       .frame_side = id->side};
    b->target = base_alloc(n * 3 * area, sizeof *b->target);
    b->source = base_alloc(n * 3 * area, sizeof *b->source);
    b->vector = base_alloc(n * (size_t)id->length, sizeof *b->vector);
    b->given = base_alloc(n * (size_t)id->length, sizeof *b->given);
    b->theirs = base_alloc(n * (size_t)id->length, sizeof *b->theirs);
    b->warp = base_alloc(n * 6, sizeof *b->warp);
    b->weight = base_alloc(n * area, sizeof *b->weight);
    b->same = base_alloc(n, sizeof *b->same);
    b->mix = base_alloc(n, sizeof *b->mix);
    b->point = base_alloc(n * FACE_POINTS, sizeof *b->point);
    if (b->target && b->source && b->vector && b->given && b->theirs && b->warp && b->weight &&
        b->same && b->mix && b->point)
        return GUISE_OK;
    train_batch_close(b);
    return base_no_memory(e);
}

void train_batch_close(train_batch *b)
{
    base_free(b->target);
    base_free(b->source);
    base_free(b->vector);
    base_free(b->given);
    base_free(b->theirs);
    base_free(b->warp);
    base_free(b->weight);
    base_free(b->same);
    base_free(b->mix);
    base_free(b->point);
    *b = (train_batch){0};
}

void train_batch_keep(train_batch *b)
{
    size_t area = (size_t)b->side * (size_t)b->side, number = sizeof(float);
    if (!b->whole) return;
    base_team_keep(b->team, b->target, b->all, 3 * area * number);
    base_team_keep(b->team, b->source, b->all, 3 * area * number);
    base_team_keep(b->team, b->vector, b->all, (size_t)b->length * number);
    base_team_keep(b->team, b->given, b->all, (size_t)b->length * number);
    base_team_keep(b->team, b->theirs, b->all, (size_t)b->length * number);
    base_team_keep(b->team, b->warp, b->all, 6 * number);
    base_team_keep(b->team, b->weight, b->all, area * number);
    base_team_keep(b->team, b->same, b->all, number);
    base_team_keep(b->team, b->mix, b->all, number);
    base_team_keep(b->team, b->point, b->all, FACE_POINTS * sizeof *b->point);
}

static float around_one(base_rng *r, double by)
{
    return (float)(1 + by * (2 * base_rng_uniform(r) - 1));
}

// Always draws the same count of numbers, so that options do not move the others' randomness.
static train_view draw_view(const train_options *o, base_rng *r)
{
    train_view v = {.flip = base_rng_uniform(r) < 0.5 && o->flip};
    v.dx = base_rng_range(r, 0, 2 * o->shift);
    v.dy = base_rng_range(r, 0, 2 * o->shift);
    float light = around_one(r, o->light);
    for (int i = 0; i < 3; i++) v.gain[i] = light * around_one(r, o->colour);
    return v;
}

// Mirrored, left and right change places.
static void show_points(const face_point *from, const train_options *o, const train_view *v,
                        face_point to[FACE_POINTS])
{
    for (int i = 0; i < FACE_POINTS; i++) {
        face_point p = from[v->flip ? face_mirrored[i] : i];
        p.x -= (float)v->dx;
        p.y -= (float)v->dy;
        if (v->flip) p.x = (float)(o->size - 1) - p.x;
        to[i] = p;
    }
}

void train_view_show(const train_cache *c, size_t i, const train_options *o, const train_view *v,
                     float *planes, face_point point[FACE_POINTS])
{
    size_t n = (size_t)o->size, side = n + 2 * (size_t)o->shift;
    const uint8_t *pixels = train_cache_pixels(c, i);
    for (size_t y = 0; y < n; y++)
        for (size_t x = 0; x < n; x++) {
            size_t at = (y + (size_t)v->dy) * side + (v->flip ? n - 1 - x : x) + (size_t)v->dx;
            for (size_t k = 0; k < 3; k++)
                planes[(k * n + y) * n + x] =
                    fminf(1, (float)pixels[at * 3 + k] / 255 * v->gain[k]);
        }
    if (point) show_points(train_cache_points(c, i), o, v, point);
}

void train_batch_show(const train_cache *c, size_t i, const train_options *o, base_rng *r,
                      float *planes)
{
    train_view v = {.dx = o->shift, .dy = o->shift, .gain = {1, 1, 1}};
    if (r) v = draw_view(o, r);
    train_view_show(c, i, o, &v, planes, NULL);
}

// Where the face is in a crop of template arcface: an ellipse around (0.50, 0.59) of the side,
// 0.33 wide and 0.42 high, with a soft rim; 1 inside, 0 outside.
static float face_at(int x, int y, int size)
{
    double u = ((x + 0.5) / size - 0.50) / 0.33, v = ((y + 0.5) / size - 0.59) / 0.42;
    double k = (1.2 - sqrt(u * u + v * v)) / 0.4;
    k = k < 0 ? 0 : k > 1 ? 1 : k;
    return (float)(k * k * (3 - 2 * k));
}

// 1 at the middle of a to b and less around it: a Gaussian whose deviations are `along` and
// `across` times the distance of a and b.
static float spot_at(int x, int y, face_point a, face_point b, double middle, double along,
                     double across)
{
    double ux = (double)b.x - (double)a.x, uy = (double)b.y - (double)a.y, d = ux * ux + uy * uy;
    double px = x - (double)a.x - middle * ux, py = y - (double)a.y - middle * uy;
    double u = (px * ux + py * uy) / (along * d), v = (py * ux - px * uy) / (across * d);
    return d > 0 ? (float)exp(-(u * u + v * v) / 2) : 0;
}

// Both irises with the white around them, which say where somebody looks: the deviations are half
// of an open eye's 0.5 by 0.16 distances of the pupils, less what the lids cover. Source: ours.
static float eyes_at(int x, int y, const face_point p[FACE_POINTS])
{
    return spot_at(x, y, p[0], p[1], 0, 0.15, 0.08) + spot_at(x, y, p[0], p[1], 1, 0.15, 0.08);
}

// Between the lips: where a smile shows teeth.
static float mouth_at(int x, int y, const face_point p[FACE_POINTS])
{
    return spot_at(x, y, p[3], p[4], 0.5, 0.3, 0.12);
}

static void fill_weight(float *weight, const train_options *o, bool same,
                        const face_point point[FACE_POINTS])
{
    float inside = (float)(same ? o->lambda_rec : o->rec_other);
    float outside = (float)(same ? o->lambda_rec : o->rec_edge);
    for (int y = 0; y < o->size; y++)
        for (int x = 0; x < o->size; x++) {
            float k = inside == outside ? 1 : face_at(x, y, o->size);
            float *to = &weight[y * o->size + x];
            *to = k * inside + (1 - k) * outside;
            if (o->rec_eyes > 0) *to += (float)o->rec_eyes * eyes_at(x, y, point);
            if (o->rec_mouth > 0) *to += (float)o->rec_mouth * mouth_at(x, y, point);
        }
}

static size_t draw_of_person(const train_cache *c, int person, size_t not, base_rng *r)
{
    size_t first = 0, n = 0;
    train_cache_of_person(c, person, &first, &n);
    size_t i = first + (size_t)base_rng_range(r, 0, (int)n - 1);
    return i != not || n == 1 ? i : first + (i - first + 1) % n;
}

static bool draw_same(const train_options *o, int step, base_rng *r)
{
    bool drawn = base_rng_uniform(r) < o->same;
    return o->alternate ? step % 2 == 0 : drawn;
}

// Row `row` of the whole batch: drawn, and laid out where it is ours.
static guise_status fill_row(train_batch *b, int row, const train_cache *c, const train_options *o,
                             int step, base_rng *r, base_error *e)
{
    size_t area = (size_t)b->side * (size_t)b->side;
    int place = b->whole ? row : base_team_row(b->team, row);
    size_t i = (size_t)place;
    size_t photos = b->pick ? b->picks : train_cache_n(c);
    size_t target = (size_t)base_rng_range(r, 0, (int)photos - 1);
    if (b->pick) target = b->pick[target];
    bool same = draw_same(o, step, r);
    int person = base_rng_range(r, 0, train_cache_people(c) - 1);
    if (same) person = train_cache_person(c, target);
    size_t source = draw_of_person(c, person, target, r);
    if (same && o->same_photo) source = target;
    same = o->same_photo ? source == target : person == train_cache_person(c, target);
    train_view v = draw_view(o, r), u = draw_view(o, r);
    b->all_same += same;
    if (place < 0) return GUISE_OK;
    face_point *point = b->point + i * FACE_POINTS;
    train_view_show(c, target, o, &v, b->target + i * 3 * area, point);
    b->same[i] = same;
    if (b->sources) train_view_show(c, source, o, &u, b->source + i * 3 * area, NULL);
    memcpy(b->vector + i * (size_t)b->length, train_cache_vector(c, source),
           (size_t)b->length * sizeof *b->vector);
    memcpy(b->given + i * (size_t)b->length, train_cache_given(c, source),
           (size_t)b->length * sizeof *b->given);
    memcpy(b->theirs + i * (size_t)b->length, train_cache_vector(c, target),
           (size_t)b->length * sizeof *b->theirs);
    fill_weight(b->weight + i * area, o, same || step <= o->warmup, point);

    face_transform t;
    if (!b->frame_side) return GUISE_OK; // no recogniser
    guise_status s = face_align(&t, point, b->frame, b->frame_side, NULL, e);
    if (s) return s;
    t = face_invert(t);
    for (size_t k = 0; k < 6; k++) b->warp[i * 6 + k] = (float)t.m[k];
    return GUISE_OK;
}

guise_status train_batch_fill(train_batch *b, const train_cache *c, const train_options *o,
                              int step, base_rng *r, base_error *e)
{
    guise_status s = GUISE_OK;
    b->all_same = 0;
    for (int i = 0; !s && i < b->all; i++) s = fill_row(b, i, c, o, step, r, e);
    return s;
}
