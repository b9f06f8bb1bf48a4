// swap_pairs.c -- a few pairs of eval swap: swapped, swapped with themselves, and measured.
#include "eval/likeness.h"
#include "eval/picture.h"
#include "eval/swap.h"
#include "media/media.h"
#include <math.h>
#include <string.h>

// One pair while it is worked on.
typedef struct {
    base_image photo, crop, made, self; // of the target; what the generator made
    face_transform t;                   // from the photo to the crop
    face_point point[FACE_POINTS];      // in the crop
} work;

static void work_close(work *w)
{
    base_image_free(&w->photo);
    base_image_free(&w->crop);
    base_image_free(&w->made);
    base_image_free(&w->self);
}

static guise_status prepare(swap_run *r, swap_pair pair, work *w, base_error *e)
{
    base_image source = {0};
    guise_status s = swap_photo_load(r, pair.target, &w->photo, e);
    if (!s) s = swap_people_complete(r, pair.target, &w->photo, e);
    if (!s && !r->photo[pair.source].whole) {
        s = swap_photo_load(r, pair.source, &source, e);
        if (!s) s = swap_people_complete(r, pair.source, &source, e);
        base_image_free(&source);
    }
    if (!s) s = swap_cut(r, pair.target, &w->photo, &w->crop, &w->t, e);
    for (int i = 0; !s && i < FACE_POINTS; i++)
        w->point[i] = face_apply(w->t, r->album.at[pair.target].photo->point[i]);
    return s;
}

// The n targets with the vectors of their sources, or with their own, into made or self.
static guise_status generate(swap_run *r, const swap_pair *pair, work *w, int n, bool self,
                             base_error *e)
{
    train_swapper *g = &r->swapper;
    size_t planes = 3 * (size_t)r->card.size * (size_t)r->card.size;
    const float *out = NULL;
    for (int i = 0; i < n; i++) {
        const swap_photo *from = &r->photo[self ? pair[i].target : pair[i].source];
        base_image_to_planes(&w[i].crop, false, 1.0f / 255, 0, g->target + (size_t)i * planes);
        memcpy(g->vector + i * g->length, from->taken, (size_t)g->length * sizeof *g->vector);
    }
    guise_status s = train_swapper_run(g, &out, e);
    for (int i = 0; !s && i < n; i++) {
        base_image *to = self ? &w[i].self : &w[i].made;
        s = base_image_new(to, r->card.size, r->card.size, e);
        if (!s) base_image_from_planes(to, out + (size_t)i * planes, false, 255, 0);
    }
    return s;
}

static double cosine(const float *a, const float *b, size_t n) // of unit vectors
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

int swap_rank(const swap_run *r, const float *v, size_t length, int person)
{
    int rank = 1;
    double own = -2;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < r->n_gallery;) { // photos of a person lie together
            int who = r->album.at[r->gallery[i]].who;
            double best = -2;
            for (; i < r->n_gallery && r->album.at[r->gallery[i]].who == who; i++)
                if ((who == person) == !pass)
                    best = fmax(best, cosine(v, r->photo[r->gallery[i]].seen, length));
            if (!pass && who == person) own = best;
            if (pass && who != person) rank += best >= own;
        }
    return rank;
}

static guise_status measure_identity(swap_run *r, swap_pair pair, const work *w, double *value,
                                     base_error *e)
{
    size_t length = eval_embedder_length(r->judge);
    float *v = base_alloc(length, sizeof *v);
    guise_status s = v ? eval_embed(r->judge, &w->made, w->point, v, e) : base_no_memory(e);
    if (!s) {
        value[SWAP_TO_SOURCE] = cosine(v, r->photo[pair.source].seen, length);
        value[SWAP_TO_TARGET] = cosine(v, r->photo[pair.target].seen, length);
        value[SWAP_RANK] = swap_rank(r, v, length, r->album.at[pair.source].who);
    }
    base_free(v);
    return s;
}

// How far the face in w->photo has turned from the target.
static guise_status measure_pose(swap_run *r, swap_pair pair, const work *w, double *value,
                                 base_error *e)
{
    double angle[3];
    guise_status s = eval_pose(r->pose, &w->photo, r->album.at[pair.target].photo->point, angle, e);
    if (!s) *value = eval_distance(angle, r->photo[pair.target].angle, 3);
    return s;
}

// Pose, expression and shape of the result, and pose of the self-swap, each put back as a whole
// into its photo, so that these networks see a face as they are used to.
static guise_status measure_form(swap_run *r, swap_pair pair, work *w, double *value, base_error *e)
{
    const face_point *point = r->album.at[pair.target].photo->point;
    const swap_photo *source = &r->photo[pair.source], *target = &r->photo[pair.target];
    guise_status s = GUISE_OK;
    if (!r->pose && !r->form) return s;
    if (r->pose) s = swap_put_back(r, &w->photo, &w->self, w->t, e);
    if (!s && r->pose) s = measure_pose(r, pair, w, &value[SWAP_SELF_POSE], e);
    if (!s) s = swap_put_back(r, &w->photo, &w->made, w->t, e);
    if (!s && r->pose) s = measure_pose(r, pair, w, &value[SWAP_POSE], e);
    eval_form f;
    if (!s && r->form) s = eval_form_of(r->form, &w->photo, point, &f, e);
    if (s || !r->form) return s;
    value[SWAP_EXPRESSION] = eval_distance(f.expression, target->form.expression, EVAL_EXPRESSION);
    value[SWAP_SHAPE] = eval_distance(f.shape, source->form.shape, EVAL_SHAPE);
    value[SWAP_SHAPE_UNSWAPPED] = eval_distance(target->form.shape, source->form.shape, EVAL_SHAPE);
    return GUISE_OK;
}

static guise_status measure_pixels(swap_run *r, work *w, double *value, base_error *e)
{
    size_t area = (size_t)r->card.size * (size_t)r->card.size;
    eval_likeness l;
    guise_status s = eval_alike(&w->self, &w->crop, &l, e);
    if (s) return s;
    value[SWAP_L1] = l.l1;
    value[SWAP_PSNR] = l.psnr;
    value[SWAP_SSIM] = l.ssim;
    float *planes = base_alloc(area, 4 * sizeof *planes), *mask = planes + 3 * area;
    if (!planes) return base_no_memory(e);
    face_oval_mask(w->point, r->card.size, 0, mask);
    base_image_to_planes(&w->crop, false, 1.0f / 255, 0, planes);
    double target = face_sharpness(planes, mask, r->card.size);
    base_image_to_planes(&w->made, false, 1.0f / 255, 0, planes);
    double made = face_sharpness(planes, mask, r->card.size);
    if (target > 0) value[SWAP_SHARPNESS] = made / target;
    base_free(planes);
    return GUISE_OK;
}

static guise_status keep_picture(swap_run *r, int i, const work *w, base_error *e)
{
    base_image photo = {0}, crop = {0}, strip = {0};
    face_transform t;
    char *path = base_format("%s/cases/%s-%04d.jpg", r->c->out, r->name, i + 1);
    int source = r->pair[i].source;
    guise_status s = path ? swap_photo_load(r, source, &photo, e) : base_no_memory(e);
    if (!s) s = swap_cut(r, source, &photo, &crop, &t, e);
    if (!s) s = eval_side_by_side(&strip, (base_image[]){crop, w->crop, w->made, w->self}, 4, e);
    if (!s)
        s = media_photo_write(&strip, path,
                              &(media_photo_options){.quality = 92, .mark = GUISE_SWAPPED}, e);
    base_image_free(&photo);
    base_image_free(&crop);
    base_image_free(&strip);
    base_free(path);
    return s;
}

static guise_status measure(swap_run *r, int i, work *w, base_error *e)
{
    double *value = r->value + (size_t)i * SWAP_VALUES;
    guise_status s = measure_identity(r, r->pair[i], w, value, e);
    if (!s) s = measure_form(r, r->pair[i], w, value, e);
    if (!s) s = measure_pixels(r, w, value, e);
    if (!s && r->features)
        s = swap_features_of(r, &w->made, w->point, r->made + (size_t)i * swap_features(r), e);
    if (!s && r->c->out && r->o->pictures) s = keep_picture(r, i, w, e);
    return s;
}

guise_status swap_measure(swap_run *r, int first, int n, base_error *e)
{
    work w[TRAIN_SWAPS] = {0};
    const swap_pair *pair = r->pair + first;
    guise_status s = GUISE_OK;
    for (int i = 0; !s && i < n; i++) s = prepare(r, pair[i], &w[i], e);
    if (!s) s = generate(r, pair, w, n, false, e);
    if (!s) s = generate(r, pair, w, n, true, e);
    for (int i = 0; !s && i < n; i++) s = measure(r, first + i, &w[i], e);
    for (int i = 0; i < n; i++) work_close(&w[i]);
    return s;
}
