// face_closer_draw.c -- what the closer look learns from: faces as a first look finds them, turned,
// moved, too large or too small, those at a photo's edge among them; and what is none: what the
// first look took for one, fists and ears, and any place, a mouth alone, half a face, a collar.
#include "train/face_closer.h"
#include "train/spoil.h"
#include <math.h>
#include <string.h>

enum { NUMBERS = 2 * FACE_POINTS };
static const double box_height = 0.79; // of a face, as a share of the crop's (closer.c)

void face_closer_ground_close(face_closer_ground *g)
{
    train_faces_close(&g->faces);
    train_faces_close(&g->guesses);
    base_free(g->guess);
    base_free(g->beside);
    base_free(g->wrong);
    *g = (face_closer_ground){0};
}

// Is guess k of crop i on none of its faces?
static bool is_wrong(const face_closer_ground *g, size_t i, size_t k)
{
    for (size_t j = g->faces.first[i]; j < g->faces.first[i + 1]; j++)
        if (face_overlap(&g->guesses.all.at[k], &g->faces.all.at[j]) > 0.2) return false;
    return true;
}

// Crop i's guess that lies on this face of it, the best one, or NULL: it was not seen.
static const face *guess_at(const face_closer_ground *g, size_t i, const face *f)
{
    const face *best = NULL;
    double most = 0.4;
    for (size_t k = g->guesses.first[i] + !g->guesses.seen[i]; k < g->guesses.first[i + 1]; k++) {
        double o = face_overlap(&g->guesses.all.at[k], f);
        if (o > most) best = &g->guesses.all.at[k], most = o;
    }
    return best;
}

static guise_status note_guesses(face_closer_ground *g, base_error *e)
{
    g->guess = base_alloc(g->faces.all.n, sizeof *g->guess);
    if (!g->guess) return base_no_memory(e);
    for (size_t i = 0; g->guesses.first && i < train_cache_n(g->cache); i++)
        for (size_t k = g->faces.first[i]; k < g->faces.first[i + 1]; k++)
            g->guess[k] = guess_at(g, i, &g->faces.all.at[k]);
    return GUISE_OK;
}

static guise_status note_spots(face_closer_ground *g, base_error *e)
{
    size_t n = train_cache_n(g->cache);
    g->beside = base_alloc(g->faces.all.n, sizeof *g->beside);
    g->wrong = base_alloc(g->guesses.all.n + 1, sizeof *g->wrong);
    if (!g->beside || !g->wrong) return base_no_memory(e);
    for (size_t i = 0; i < n; i++)
        for (size_t k = g->faces.first[i] + 1; k < g->faces.first[i + 1]; k++)
            if ((double)g->faces.all.at[k].score >= TRAIN_FACE_SURE)
                g->beside[g->n_beside++] = (face_closer_spot){i, &g->faces.all.at[k]};
    for (size_t i = 0; g->guesses.first && i < n; i++)
        for (size_t k = g->guesses.first[i] + 1; k < g->guesses.first[i + 1]; k++)
            if (is_wrong(g, i, k))
                g->wrong[g->n_wrong++] = (face_closer_spot){i, &g->guesses.all.at[k]};
    base_log("%zu faces stand beside others; the first look takes %zu places for faces",
             g->n_beside, g->n_wrong);
    return GUISE_OK;
}

guise_status face_closer_ground_open(face_closer_ground *g, const train_cache *c,
                                     const train_options *o, base_error *e)
{
    *g = (face_closer_ground){.cache = c};
    guise_status s = train_faces_open(&g->faces, c, o->size, o->shift, o->detector, false, e);
    // without a detector whoever stands beside would count as a wrong guess
    if (!s && *o->start && o->detector)
        s = train_faces_open(&g->guesses, c, o->size, o->shift, o->start, true, e);
    if (!s) s = note_guesses(g, e);
    if (!s) s = note_spots(g, e);
    if (s) face_closer_ground_close(g);
    return s;
}

static double between(base_rng *r, double from, double to)
{
    return from + (to - from) * base_rng_uniform(r);
}

// Turned by angle, k times as large, and moved, about the middle of the crop.
static face_transform move(double angle, double k, double dx, double dy)
{
    double c = k * cos(angle), s = k * sin(angle), half = (FACE_CLOSER - 1) / 2.0;
    return (face_transform){
        {c, -s, half - c * half + s * half + dx, s, c, half - s * half - c * half + dy}};
}

// As a first look finds a face: turned, resized and moved by so much of what the options say.
static face_transform found(const face_closer_options *o, double much, base_rng *r)
{
    double shift = much * o->move * FACE_CLOSER;
    double angle = between(r, -1, 1) * much * o->turn * 3.14159265358979 / 180;
    double k = exp(between(r, -1, 1) * much * log(o->zoom));
    double dx = between(r, -shift, shift), dy = between(r, -shift, shift);
    return move(angle, k, dx, dy);
}

// Would a crop by t show one of the faces much as it should be shown, or nearly?
static bool shows_one(const train_faces *faces, size_t i, face_transform t)
{
    double half = (FACE_CLOSER - 1) / 2.0;
    for (size_t k = faces->first[i]; k < faces->first[i + 1]; k++) {
        const face *f = &faces->all.at[k];
        face_point m = face_apply(t, (face_point){(f->x0 + f->x1) / 2, (f->y0 + f->y1) / 2});
        double size = (double)(f->y1 - f->y0) * face_scale(t) / (box_height * FACE_CLOSER);
        double off = hypot((double)m.x - half, (double)m.y - half) / FACE_CLOSER;
        if (off < 0.4 * fmax(1, size) && size > 0.5 && size < 2) return true;
    }
    return false;
}

// Any place of a picture of this side, at any angle, that is no face; false where none was drawn.
static bool elsewhere(const train_faces *faces, size_t i, int side, base_rng *r, face_transform *t)
{
    double half = (FACE_CLOSER - 1) / 2.0;
    for (int tries = 0; tries < 30; tries++) {
        double k = FACE_CLOSER / exp(between(r, log(20), log(1.2 * side)));
        double most = base_rng_uniform(r) < 0.7 ? 0.5 : 3.14159265358979;
        double x = between(r, 0.1, 0.9) * side, y = between(r, 0.1, 0.9) * side;
        face_transform to = {{1, 0, half - x, 0, 1, half - y}};
        *t = face_compose(to, move(between(r, -most, most), k, 0, 0));
        if (!shows_one(faces, i, *t)) return true;
    }
    return false;
}

// Where the landmarks lie in the crop by t, from where the template has them.
static void want_points(const face_point point[FACE_POINTS], face_transform t, bool flip,
                        float out[NUMBERS])
{
    face_point place[FACE_POINTS];
    face_closer_points(place);
    float eyes = place[1].x - place[0].x;
    for (int k = 0; k < FACE_POINTS; k++) {
        face_point p = face_apply(t, point[flip ? face_mirrored[k] : k]);
        out[2 * k] = (p.x - place[k].x) / eyes;
        out[2 * k + 1] = (p.y - place[k].y) / eyes;
    }
}

static guise_status show(const train_work *w, const face_closer_ground *g, size_t crop,
                         face_transform t, base_rng *r, float *planes, base_error *e)
{
    int side = w->o->size + 2 * w->o->shift;
    base_image m = {
        .w = side, .h = side, .rgb = (uint8_t *)(uintptr_t)train_cache_pixels(g->cache, crop)};
    base_image shown = {0};
    guise_status s = face_crop_smooth(&shown, &m, t, FACE_CLOSER, e);
    if (!s) base_image_to_planes(&shown, false, 1.0f / 255, 0, planes);
    base_image_free(&shown);
    double often = ((const face_closer_options *)(const void *)w->o->own)->spoil;
    train_spoil_chances chances = {.grey = 0.1 * often,
                                   .light = 0.25 * often,
                                   .small = 0.3 * often,
                                   .blur = 0.1 * often,
                                   .noise = 0.15 * often,
                                   .cover = 0.1 * often};
    return s ? s : train_spoil(planes, FACE_CLOSER, &chances, r, e);
}

// From a crop to what the closer look sees of a face, or of a place that the first look took for
// one: half the time as after a first look, else as after a second one, which errs little.
static guise_status look_at(const face_closer_options *o, const face *f, const face *guess,
                            base_rng *r, face_transform *t, base_error *e)
{
    bool first = base_rng_uniform(r) < 0.5, guessed = first && guess && base_rng_uniform(r) < 0.7;
    if (!guessed || face_closer_align(t, guess->point, NULL)) {
        guise_status s = face_closer_align(t, f->point, e);
        if (s) return s;
    }
    *t = face_compose(*t, found(o, first && !guessed ? 1 : 0.2, r));
    return GUISE_OK;
}

guise_status face_closer_draw(const train_work *w, const face_closer_ground *g, size_t i,
                              base_rng *r, face_closer_row row, base_error *e)
{
    const face_closer_options *o = (const void *)w->o->own;
    int side = w->o->size + 2 * w->o->shift;
    face_closer_spot at = {i, &g->faces.all.at[g->faces.first[i]]};
    face_transform t, flip = {{-1, 0, FACE_CLOSER - 1, 0, 1, 0}};
    double pick = base_rng_uniform(r), kind = base_rng_uniform(r);
    bool shows = pick < o->faces, mirror = base_rng_uniform(r) < 0.5, any = false;
    if (shows && kind < o->beside && g->n_beside)
        at = g->beside[base_rng_range(r, 0, (int)g->n_beside - 1)];
    else if (!shows && kind < o->mistaken && g->n_wrong)
        at = g->wrong[base_rng_range(r, 0, (int)g->n_wrong - 1)];
    else if (!shows)
        any = elsewhere(&g->faces, i, side, r, &t), shows = !any;
    if (!any) {
        const face *guess = shows ? g->guess[at.face - g->faces.all.at] : NULL;
        guise_status s = look_at(o, at.face, guess, r, &t, e);
        if (s) return s;
    }
    if (mirror) t = face_compose(t, flip);
    *row.shows = shows;
    memset(row.points, 0, NUMBERS * sizeof *row.points);
    if (shows) want_points(at.face->point, t, mirror, row.points);
    return show(w, g, at.crop, t, r, row.planes, e);
}
