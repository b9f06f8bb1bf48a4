// hear_look.c -- a trained generator and HEAR-Net as they are, on crops: which photos a generator
// does worst at, and how much of what was drawn over held-out faces comes back.
#include "media/media.h"
#include "train/hear.h"
#include "train/losses_faceshifter.h"
#include "train/occlude.h"
#include <math.h>
#include <string.h>

const char *const hear_measures[] = {"hidden_before", "hidden_after", "clear_change",
                                     "id_before",     "id_after",     NULL};

// Start of all random choices; any number, but the same for ever, so that figures compare.
enum { SEED = 1912, PAIRS = 96, AT_ONCE = 8, ROWS = 6 };

void hear_look_close(hear_look *l)
{
    tg_plan_close(&l->plan);
    tg_free(l->graph);
    nn_params_close(&l->hear);
    base_free(l->target);
    base_free(l->vector);
    base_free(l->warp);
    *l = (hear_look){0};
}

static tg_node *shown(tg_node *x) { return tg_clip(tg_affine(x, 0.5, 0.5), 0, 1); }

static tg_node *cosine(train_work *w, tg_node *img, tg_node *vector, tg_node *warp)
{
    train_identity sharp = *w->identity;
    sharp.pool = 1;
    return nn_cosine(train_identity_of(&sharp, img, warp), vector);
}

// The graph: with HEAR-Net, or the heuristic error alone, of crops whose own identity is given.
static int build(train_work *w, hear_look *l, bool scan, tg_node *in[3], tg_node *out[4])
{
    tg_graph *g = l->graph;
    int size = w->o->size;
    in[0] = tg_input(g, TG_SHAPE(l->n, 3, size, size), "target");
    in[1] = tg_input(g, TG_SHAPE(l->n, w->identity->length), "vector");
    in[2] = scan ? NULL : tg_input(g, TG_SHAPE(l->n, 6), "warp");
    tg_node *swapped = hear_swapped(w, g, in[0], in[1]);
    if (scan) {
        tg_node *error = train_heuristic_error(tg_affine(in[0], 2, -1), swapped);
        out[0] = l->score = train_heuristic_score(error);
        return 1;
    }
    tg_node *x = hear_input(w, g, in[0], swapped, in[2]);
    tg_node *made = model_hear(nn_root(l->hear, g, false), x, w->network[0].options, NULL);
    out[0] = l->swapped = shown(swapped);
    out[1] = l->made = shown(made);
    out[2] = l->swapped_cosine = cosine(w, l->swapped, in[1], in[2]);
    out[3] = l->made_cosine = cosine(w, l->made, in[1], in[2]);
    return 4;
}

static guise_status look_plan(train_work *w, hear_look *l, bool scan, base_error *e)
{
    tg_node *in[3], *out[4];
    int n = build(w, l, scan, in, out);
    guise_status s = tg_check(l->graph, GUISE_BAD_ARGUMENT, e);
    if (!s && l->hear) s = nn_settle(l->hear, 0, e);
    if (!s) s = tg_plan_open(&l->plan, l->graph, out, n, &(tg_plan_options){.train = true}, e);
    if (!s) s = nn_bind(w->frozen, l->graph, l->plan, e);
    if (!s && l->hear) s = nn_bind(l->hear, l->graph, l->plan, e);
    if (!s) s = tg_plan_bind(l->plan, in[0], l->target, e);
    if (!s) s = tg_plan_bind(l->plan, in[1], l->vector, e);
    return s || !in[2] ? s : tg_plan_bind(l->plan, in[2], l->warp, e);
}

static guise_status look_open(train_work *w, hear_look *l, bool scan, base_error *e)
{
    size_t n = AT_ONCE, area = (size_t)w->o->size * (size_t)w->o->size;
    *l = (hear_look){.n = AT_ONCE, .graph = tg_new()};
    l->target = base_alloc(n * 3 * area, sizeof *l->target);
    l->vector = base_alloc(n * (size_t)w->identity->length, sizeof *l->vector);
    l->warp = base_alloc(n * 6, sizeof *l->warp);
    guise_status s = l->graph && l->target && l->vector && l->warp ? GUISE_OK : base_no_memory(e);
    if (!s && !scan) s = nn_params_open(&l->hear, e);
    if (!s) s = look_plan(w, l, scan, e);
    if (s) hear_look_close(l);
    return s;
}

// The middle of a crop, as planes; margin: what the cache has around it.
static void put_planes(const uint8_t *pixels, int size, int margin, float *planes)
{
    size_t n = (size_t)size, m = (size_t)margin, side = n + 2 * m;
    for (size_t c = 0; c < 3; c++)
        for (size_t y = 0; y < n; y++)
            for (size_t x = 0; x < n; x++)
                planes[(c * n + y) * n + x] = (float)pixels[((y + m) * side + x + m) * 3 + c] / 255;
}

// Row i: a crop of the cache, as the target of another one's identity.
static guise_status put_row(const train_work *w, hear_look *l, int i, const train_cache *c,
                            size_t target, size_t source, base_error *e)
{
    size_t length = (size_t)w->identity->length, area = (size_t)w->o->size * (size_t)w->o->size;
    put_planes(train_cache_pixels(c, target), w->o->size, w->o->shift,
               l->target + (size_t)i * 3 * area);
    memcpy(l->vector + (size_t)i * length, train_cache_vector(c, source),
           length * sizeof *l->vector);
    face_point point[FACE_POINTS];
    face_transform t;
    for (int k = 0; k < FACE_POINTS; k++) {
        point[k] = train_cache_points(c, target)[k];
        point[k].x -= (float)w->o->shift;
        point[k].y -= (float)w->o->shift;
    }
    guise_status s = face_align(&t, point, w->identity->frame, w->identity->side, NULL, e);
    if (s) return s;
    t = face_invert(t);
    for (int k = 0; k < 6; k++) l->warp[i * 6 + k] = (float)t.m[k];
    return GUISE_OK;
}

// Heuristic errors of photos order[0..n).
static guise_status scan_all(train_work *w, hear_look *l, const int *order, size_t n, float *score,
                             base_error *e)
{
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < n; i += AT_ONCE) {
        for (size_t k = 0; !s && k < AT_ONCE; k++) { // the last row again where there are no more
            size_t at = (size_t)order[i + k < n ? i + k : n - 1];
            s = put_row(w, l, (int)k, w->cache, at, at, e);
        }
        if (!s) s = tg_plan_run(l->plan, e);
        if (s) break;
        const float *v = tg_plan_value(l->plan, l->score);
        for (size_t k = 0; k < AT_ONCE && i + k < n; k++) score[i + k] = v[k];
    }
    return s;
}

guise_status hear_choose(train_work *w, size_t scan, double top, base_error *e)
{
    hear_state *st = w->own;
    hear_look l = {0};
    base_rng r = {SEED};
    size_t all = train_cache_n(w->cache), n = scan && scan < all ? scan : all;
    int *order = base_alloc(all, sizeof *order);
    float *score = base_alloc(n, sizeof *score);
    size_t *pick = base_alloc(n, sizeof *pick);
    guise_status s = order && score && pick ? GUISE_OK : base_no_memory(e);
    for (size_t i = 0; !s && i < all; i++) order[i] = (int)i;
    if (!s && n < all) base_rng_shuffle(&r, order, (int)all);
    if (!s) base_log("looking for the largest heuristic errors among %zu photos", n);
    if (!s) s = look_open(w, &l, true, e);
    if (!s) s = scan_all(w, &l, order, n, score, e);
    if (!s && !(st->picks = train_pick_top(score, n, top, pick))) s = base_no_memory(e);
    for (size_t i = 0; !s && i < st->picks; i++) pick[i] = (size_t)order[pick[i]];
    if (!s) st->pick = pick;
    if (s) base_free(pick);
    hear_look_close(&l);
    base_free(order);
    base_free(score);
    return s;
}

// The look with HEAR-Net's weights as they are now: their average where there is one.
static guise_status refresh(train_work *w, base_error *e)
{
    hear_state *st = w->own;
    if (!st->look.plan) {
        guise_status s = look_open(w, &st->look, false, e);
        if (s) return s;
    }
    train_learner_copy(&w->learner[0], st->look.hear);
    tg_plan_params_changed(st->look.plan);
    return GUISE_OK;
}

static int pairs_of(const train_work *w)
{
    int people = w->held ? train_cache_people(w->held) : 0;
    return people < 2 ? 0 : people < PAIRS ? people : PAIRS;
}

// Held-out people first..first + AT_ONCE - 1 (counted round), each with the face of the one half
// way around, something drawn over each target; cover [AT_ONCE,size,size]. Depends on these alone.
static guise_status draw_held(train_work *w, hear_look *l, int first, float *cover, base_error *e)
{
    int people = train_cache_people(w->held), size = w->o->size;
    size_t area = (size_t)size * (size_t)size;
    guise_status s = GUISE_OK;
    for (int i = 0; !s && i < AT_ONCE; i++) {
        size_t target, source, n;
        base_rng r = {SEED + (uint64_t)(first + i)};
        train_cache_of_person(w->held, (first + i) % people, &target, &n);
        train_cache_of_person(w->held, (first + i + people / 2) % people, &source, &n);
        s = put_row(w, l, i, w->held, target, source, e);
        train_occluder what = (train_occluder)(TRAIN_OCCLUDE_HAND + (first + i) % 3);
        if (!s)
            s = train_occlude(l->target + (size_t)i * 3 * area, size, what, &r,
                              cover + (size_t)i * area, e);
    }
    return s;
}

typedef struct {
    double before, after, hidden, change, clear, id_before, id_after;
} sums;

// Of row i: errors against the target where it is covered, the change where it is not.
static void add_row(const train_work *w, const hear_look *l, int i, const float *cover, sums *t)
{
    size_t area = (size_t)w->o->size * (size_t)w->o->size, at = (size_t)i * 3 * area;
    const float *swapped = tg_plan_value(l->plan, l->swapped) + at;
    const float *made = tg_plan_value(l->plan, l->made) + at, *target = l->target + at;
    cover += (size_t)i * area;
    for (size_t k = 0; k < 3 * area; k++) {
        double c = (double)cover[k % area];
        t->before += c * fabs((double)swapped[k] - (double)target[k]);
        t->after += c * fabs((double)made[k] - (double)target[k]);
        t->change += (1 - c) * fabs((double)made[k] - (double)swapped[k]);
        t->hidden += c;
        t->clear += 1 - c;
    }
    t->id_before += (double)tg_plan_value(l->plan, l->swapped_cosine)[i];
    t->id_after += (double)tg_plan_value(l->plan, l->made_cosine)[i];
}

guise_status hear_measure(train_work *w, double value[TRAIN_MEASURES], base_error *e)
{
    hear_state *st = w->own;
    sums t = {0};
    int pairs = pairs_of(w);
    float *cover = base_alloc((size_t)AT_ONCE * (size_t)w->o->size, (size_t)w->o->size * 4);
    guise_status s = cover ? refresh(w, e) : base_no_memory(e);
    for (int i = 0; !s && i < pairs; i += AT_ONCE) {
        s = draw_held(w, &st->look, i, cover, e);
        if (!s) s = tg_plan_run(st->look.plan, e);
        for (int k = 0; !s && k < AT_ONCE && i + k < pairs; k++)
            add_row(w, &st->look, k, cover, &t);
    }
    base_free(cover);
    if (s) return s;
    value[0] = t.hidden > 0 ? t.before / t.hidden : 0;
    value[1] = t.hidden > 0 ? t.after / t.hidden : 0;
    value[2] = t.clear > 0 ? t.change / t.clear : 0;
    value[3] = pairs ? t.id_before / pairs : 0;
    value[4] = pairs ? t.id_after / pairs : 0;
    for (int i = 0; i < 5 && !pairs; i++) value[i] = NAN; // one person: no pair to measure
    return GUISE_OK;
}

// planes [3,size,size] as the column'th picture of a row of the sheet.
static void place(base_image *sheet, const float *planes, int size, int column, int row)
{
    size_t area = (size_t)size * (size_t)size;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            int at = (row * size + y) * sheet->w + column * size + x;
            for (size_t c = 0; c < 3; c++) {
                float v = planes[c * area + (size_t)(y * size + x)];
                sheet->rgb[3 * (size_t)at + c] = (uint8_t)lroundf(255 * fminf(1, fmaxf(0, v)));
            }
        }
}

static guise_status fill_sheet(train_work *w, base_image *sheet, int pairs, float *cover,
                               float *planes, base_error *e)
{
    hear_look *l = &((hear_state *)w->own)->look;
    int size = w->o->size, people = train_cache_people(w->held);
    size_t each = 3 * (size_t)size * (size_t)size;
    guise_status s = GUISE_OK;
    for (int i = 0; !s && i < pairs; i += AT_ONCE) {
        s = draw_held(w, l, i, cover, e);
        if (!s) s = tg_plan_run(l->plan, e);
        for (int k = 0; !s && k < AT_ONCE && i + k < pairs; k++) {
            int column = (i + k) % 2 * 4, row = (i + k) / 2;
            size_t source, n;
            train_cache_of_person(w->held, (i + k + people / 2) % people, &source, &n);
            put_planes(train_cache_pixels(w->held, source), size, w->o->shift, planes);
            place(sheet, planes, size, column, row);
            place(sheet, l->target + (size_t)k * each, size, column + 1, row);
            place(sheet, tg_plan_value(l->plan, l->swapped) + (size_t)k * each, size, column + 2,
                  row);
            place(sheet, tg_plan_value(l->plan, l->made) + (size_t)k * each, size, column + 3, row);
        }
    }
    return s;
}

// Source, target with what lies over it, swapped, refined; two a row.
guise_status hear_sample(train_work *w, const char *path, base_error *e)
{
    int size = w->o->size, pairs = pairs_of(w) < 2 * ROWS ? pairs_of(w) : 2 * ROWS;
    size_t area = (size_t)size * (size_t)size;
    base_image sheet = {0};
    if (!pairs) return GUISE_OK; // nobody is held out
    float *cover = base_alloc(AT_ONCE * area, sizeof *cover);
    float *planes = base_alloc(3 * area, sizeof *planes);
    guise_status s = cover && planes ? refresh(w, e) : base_no_memory(e);
    if (!s) s = base_image_new(&sheet, 8 * size, (pairs + 1) / 2 * size, e);
    if (!s) s = fill_sheet(w, &sheet, pairs, cover, planes, e);
    if (!s)
        s = media_photo_write(&sheet, path,
                              &(media_photo_options){.quality = 90, .mark = GUISE_SWAPPED}, e);
    base_image_free(&sheet);
    base_free(cover);
    base_free(planes);
    return s;
}
