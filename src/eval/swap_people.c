// swap_people.c -- the people of eval swap: gallery, pairs, and what is known of each photo.
#include "eval/swap.h"
#include <math.h>
#include <string.h>

bool swap_tell(swap_run *r)
{
    r->done++;
    if (r->c->progress && !r->c->progress(r->c->user, r->done, r->total, NULL))
        *r->c->stopped = true;
    return !*r->c->stopped;
}

size_t swap_features(const swap_run *r) { return r->features ? eval_gauge_length(r->features) : 0; }

guise_status swap_photo_load(swap_run *r, int photo, base_image *m, base_error *e)
{
    return train_photo_load(r->album.at[photo].photo, r->detector, m, e);
}

guise_status swap_features_of(swap_run *r, const base_image *crop,
                              const face_point point[FACE_POINTS], float *out, base_error *e)
{
    face_transform t;
    base_image cut = {0};
    int side = eval_gauge_side(r->features);
    bool one = !strcmp(r->o->range, "1"), both = !strcmp(r->o->range, "-1");
    float scale = one ? 1.0f / 255 : both ? 2.0f / 255 : 1, shift = both ? -1 : 0;
    guise_status s = face_align(&t, point, FACE_ARCFACE, side, NULL, e);
    if (!s) s = face_crop_smooth(&cut, crop, t, side, e);
    if (!s) s = eval_gauge_see(r->features, &cut, false, scale, shift, out, e);
    base_image_free(&cut);
    return s;
}

// A photo joins the gallery. Its features go behind those of the others.
static guise_status join(swap_run *r, int photo, base_error *e)
{
    swap_photo *p = &r->photo[photo];
    const face_point *point = r->album.at[photo].photo->point;
    base_image m = {0}, crop = {0};
    face_transform t;
    face_point at[FACE_POINTS];
    p->seen = base_alloc(eval_embedder_length(r->judge), sizeof *p->seen);
    if (!p->seen) return base_no_memory(e);
    guise_status s = swap_photo_load(r, photo, &m, e);
    if (!s) s = eval_embed(r->judge, &m, point, p->seen, e);
    if (!s && r->features) {
        s = swap_cut(r, photo, &m, &crop, &t, e);
        for (int i = 0; !s && i < FACE_POINTS; i++) at[i] = face_apply(t, point[i]);
        float *to = r->real + (size_t)r->n_gallery * swap_features(r);
        if (!s) s = swap_features_of(r, &crop, at, to, e);
    }
    base_image_free(&crop);
    base_image_free(&m);
    if (!s) p->usable = true;
    return s;
}

guise_status swap_cut(const swap_run *r, int photo, const base_image *m, base_image *crop,
                      face_transform *t, base_error *e)
{
    const face_point *point = r->album.at[photo].photo->point;
    guise_status s = face_align(t, point, r->card.layout, r->card.size, NULL, e);
    return s ? s : face_crop_smooth(crop, m, *t, r->card.size, e);
}

guise_status swap_put_back(const swap_run *r, base_image *m, const base_image *crop,
                           face_transform t, base_error *e)
{
    float *planes = base_alloc(3 * (size_t)crop->w * (size_t)crop->h, sizeof *planes);
    if (!planes) return base_no_memory(e);
    base_image_to_planes(crop, false, 1.0f / 255, 0, planes);
    face_patch patch = {.size = r->card.size, .planes = planes, .erode = -1, .blur = -1};
    guise_status s = face_paste(m, t, &patch, e);
    base_free(planes);
    return s;
}

// Pose and form of the photo with its own crop put back, so that it is as blurred as a result.
static guise_status measure_form(swap_run *r, int photo, const base_image *m, base_error *e)
{
    swap_photo *p = &r->photo[photo];
    const face_point *point = r->album.at[photo].photo->point;
    base_image copy = {0}, crop = {0};
    face_transform t;
    guise_status s = base_image_copy(&copy, m, e);
    if (!s) s = swap_cut(r, photo, m, &crop, &t, e);
    if (!s) s = swap_put_back(r, &copy, &crop, t, e);
    if (!s && r->pose) s = eval_pose(r->pose, &copy, point, p->angle, e);
    if (!s && r->form) s = eval_form_of(r->form, &copy, point, &p->form, e);
    base_image_free(&copy);
    base_image_free(&crop);
    return s;
}

guise_status swap_people_complete(swap_run *r, int photo, const base_image *m, base_error *e)
{
    swap_photo *p = &r->photo[photo];
    if (p->whole) return GUISE_OK;
    p->taken = base_alloc(eval_embedder_length(r->taker), sizeof *p->taken);
    if (!p->taken) return base_no_memory(e);
    guise_status s = eval_embed(r->taker, m, r->album.at[photo].photo->point, p->taken, e);
    if (!s && (r->pose || r->form)) s = measure_form(r, photo, m, e);
    p->whole = !s;
    return s;
}

// Numbers 0 .. n - 1 in random order; NULL: out of memory.
static int *shuffled(base_rng *rng, int n)
{
    int *order = base_alloc((size_t)n, sizeof *order);
    for (int i = 0; order && i < n; i++) order[i] = i;
    if (order) base_rng_shuffle(rng, order, n);
    return order;
}

// Photos of the album sorted by person: at[first[k]] .. at[first[k + 1] - 1] are of person k.
typedef struct {
    int *at, *first;
} by_person;

static guise_status sort_people(const eval_album *a, by_person *p, base_error *e)
{
    p->at = base_alloc(a->n, sizeof *p->at);
    p->first = base_alloc((size_t)a->people + 2, sizeof *p->first);
    if (!p->at || !p->first) return base_no_memory(e);
    for (size_t i = 0; i < a->n; i++) p->first[a->at[i].who + 2]++;
    for (int k = 1; k < a->people; k++) p->first[k + 1] += p->first[k];
    for (size_t i = 0; i < a->n; i++) p->at[p->first[a->at[i].who + 1]++] = (int)i;
    return GUISE_OK;
}

// A photo that cannot be used is told and left out.
static guise_status try_join(swap_run *r, int photo, base_error *e)
{
    base_error why = {{0}};
    guise_status s = join(r, photo, &why);
    if (s == GUISE_NO_MEMORY) return base_no_memory(e);
    if (s)
        base_log("left out: %s", why.text);
    else
        r->gallery[r->n_gallery++] = photo;
    return GUISE_OK;
}

// People in random order join with all their photos, until the gallery is full.
static guise_status fill_gallery(swap_run *r, base_rng *rng, base_error *e)
{
    const eval_album *a = &r->album;
    bool all = !strcmp(r->o->people, "all"), go = true;
    by_person p = {0};
    int *order = shuffled(rng, a->people), tried = 0, photos = 0;
    guise_status s = order ? sort_people(a, &p, e) : base_no_memory(e);
    for (size_t i = 0; i < a->n; i++) photos += all || a->at[i].held_out;
    if (photos > r->o->gallery) photos = r->o->gallery;
    r->total = photos + r->o->pairs;
    for (int k = 0; !s && go && tried < photos && k < a->people; k++) {
        int before = r->n_gallery, from = p.first[order[k]], to = p.first[order[k] + 1];
        for (int i = from; !s && go && i < to && tried < photos; i++) {
            if (!all && !a->at[p.at[i]].held_out) continue;
            tried++;
            s = try_join(r, p.at[i], e);
            go = swap_tell(r);
        }
        r->people += r->n_gallery > before;
    }
    base_free(order);
    base_free(p.at);
    base_free(p.first);
    return s;
}

// first[k] .. first[k + 1] - 1: the k'th person's places in the gallery.
static int *places(const swap_run *r, base_error *e)
{
    int *first = base_alloc((size_t)r->people + 1, sizeof *first), n = 0;
    if (!first) return base_no_memory(e), NULL;
    for (int i = 0; i < r->n_gallery; i++)
        if (!i || r->album.at[r->gallery[i]].who != r->album.at[r->gallery[i - 1]].who)
            first[n++] = i;
    first[n] = r->n_gallery;
    return first;
}

static int any_photo(const swap_run *r, const int *first, base_rng *rng, int person)
{
    return r->gallery[base_rng_range(rng, first[person], first[person + 1] - 1)];
}

// Nobody is swapped with himself: who would be changes targets with the next one, the last with the
// first.
static void pass_on(const int *source, int *target, int n)
{
    for (int k = 0; k < n; k++)
        if (source[k] == target[k]) {
            int other = (k + 1) % n, t = target[k];
            target[k] = target[other];
            target[other] = t;
        }
}

static guise_status draw_pairs(swap_run *r, base_rng *rng, base_error *e)
{
    int n = r->people, *first = places(r, e);
    int *source = shuffled(rng, n), *target = shuffled(rng, n);
    guise_status s = first && source && target ? GUISE_OK : base_no_memory(e);
    for (int i = 0; !s && i < r->o->pairs; i++) {
        int k = i % n;
        if (!k && i) {
            base_rng_shuffle(rng, source, n);
            base_rng_shuffle(rng, target, n);
        }
        if (!k) pass_on(source, target, n);
        r->pair[i].source = any_photo(r, first, rng, source[k]);
        r->pair[i].target = any_photo(r, first, rng, target[k]);
    }
    base_free(source);
    base_free(target);
    base_free(first);
    return s;
}

static guise_status make_room(swap_run *r, base_error *e)
{
    size_t n = (size_t)r->o->pairs, d = swap_features(r);
    r->photo = base_alloc(r->album.n, sizeof *r->photo);
    r->gallery = base_alloc(r->album.n, sizeof *r->gallery);
    r->real = base_alloc(r->album.n * d + 1, sizeof *r->real);
    r->pair = base_alloc(n, sizeof *r->pair);
    r->value = base_alloc(n, SWAP_VALUES * sizeof *r->value);
    r->made = base_alloc(n * d + 1, sizeof *r->made);
    if (!r->photo || !r->gallery || !r->real || !r->pair || !r->value || !r->made)
        return base_no_memory(e);
    for (size_t i = 0; i < n * SWAP_VALUES; i++) r->value[i] = NAN;
    return GUISE_OK;
}

guise_status swap_people_open(swap_run *r, base_error *e)
{
    base_rng rng = {(uint64_t)r->o->seed};
    guise_status s = eval_album_open(&r->album, r->c->data, r->c->landmarks, r->o->by_name, e);
    if (!s && r->c->detector) s = face_detector_open(&r->detector, r->c->detector, e);
    if (!s) s = make_room(r, e);
    if (!s) s = fill_gallery(r, &rng, e);
    if (s || *r->c->stopped) return s;
    if (r->people < 2)
        return base_fail(e, GUISE_NO_FACE,
                         "%s has %d %s with a usable photo; two are needed to measure", r->c->data,
                         r->people, strcmp(r->o->people, "all") ? "held-out people" : "people");
    return draw_pairs(r, &rng, e);
}

void swap_people_close(swap_run *r)
{
    for (size_t i = 0; r->photo && i < r->album.n; i++) {
        base_free(r->photo[i].seen);
        base_free(r->photo[i].taken);
    }
    base_free(r->photo);
    base_free(r->gallery);
    base_free(r->real);
    base_free(r->pair);
    base_free(r->value);
    base_free(r->made);
    face_detector_close(&r->detector);
    eval_album_close(&r->album);
}

guise_status swap_write_pairs(const swap_run *r, const char *path, base_error *e)
{
    base_out *out = NULL;
    guise_status s = base_out_open(&out, path, e);
    if (s) return s;
    FILE *f = base_out_file(out);
    fprintf(f, "case,source,target\n");
    for (int i = 0; i < r->o->pairs; i++) {
        const char *const key[2] = {r->album.at[r->pair[i].source].key,
                                    r->album.at[r->pair[i].target].key};
        fprintf(f, "%04d", i + 1);
        for (int k = 0; k < 2; k++) {
            fputc(',', f);
            eval_put_field(f, key[k]);
        }
        fputc('\n', f);
    }
    return base_out_commit(&out, e);
}
