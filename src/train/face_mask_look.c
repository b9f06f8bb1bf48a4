// face_mask_look.c -- the face mask as it is, on held-out photos: how well it finds what was drawn
// over their faces, and a picture of it.
#include "media/media.h"
#include "train/face_mask.h"
#include <math.h>
#include <string.h>

const char *const face_mask_measures[] = {"overlap", "hidden_found", "face_found", NULL};

// Start of all random choices; any number, but the same for ever, so that figures compare.
enum { SEED = 2411, PHOTOS = 128, SHOWN = 32, ACROSS = 4 };

void face_mask_look_close(face_mask_look *l)
{
    tg_plan_close(&l->plan);
    tg_free(l->graph);
    nn_params_close(&l->params);
    base_free(l->img);
    *l = (face_mask_look){0};
}

static guise_status look_open(train_work *w, face_mask_look *l, base_error *e)
{
    int n = FACE_MASK_AT_ONCE, size = w->o->size;
    *l = (face_mask_look){.graph = tg_new()};
    l->img = base_alloc((size_t)n * 3 * (size_t)size * (size_t)size, sizeof *l->img);
    guise_status s = l->graph && l->img ? nn_params_open(&l->params, e) : base_no_memory(e);
    if (!s) {
        tg_node *img = tg_input(l->graph, TG_SHAPE(n, 3, size, size), "img");
        nn m = nn_root(l->params, l->graph, false);
        l->mask = tg_sigmoid(model_face_mask(m, tg_scale(img, 255), w->network[0].options));
        s = tg_check(l->graph, GUISE_BAD_ARGUMENT, e);
        if (!s) s = nn_settle(l->params, 0, e);
        if (!s)
            s = tg_plan_open(&l->plan, l->graph, &l->mask, 1, &(tg_plan_options){.train = true}, e);
        if (!s) s = nn_bind(l->params, l->graph, l->plan, e);
        if (!s) s = tg_plan_bind(l->plan, img, l->img, e);
    }
    if (s) face_mask_look_close(l);
    return s;
}

// The weights as they are now: their average where there is one.
static guise_status refresh(train_work *w, base_error *e)
{
    face_mask_look *l = &((face_mask_state *)w->own)->look;
    guise_status s = l->plan ? GUISE_OK : look_open(w, l, e);
    if (s) return s;
    train_learner_copy(&w->learner[0], l->params);
    tg_plan_params_changed(l->plan);
    return GUISE_OK;
}

static int photos_of(const train_work *w, int most)
{
    int people = w->held ? train_cache_people(w->held) : 0;
    return people < most ? people : most;
}

// Rows of FACE_MASK_AT_ONCE crops.
static guise_status rows_open(face_mask_row *all, size_t area, base_error *e)
{
    size_t n = FACE_MASK_AT_ONCE * area;
    all->label = base_alloc(n, sizeof(float));
    all->weight = base_alloc(n, sizeof(float));
    all->cover = base_alloc(n, sizeof(float));
    return all->label && all->weight && all->cover ? GUISE_OK : base_no_memory(e);
}

static void rows_close(face_mask_row *all)
{
    base_free(all->label);
    base_free(all->weight);
    base_free(all->cover);
}

// Held-out people first..first + FACE_MASK_AT_ONCE - 1 (counted round), and their masks. Depends on
// these alone. Every other one has nothing drawn over it where that is asked for.
static guise_status run(train_work *w, int first, bool half_plain, face_mask_row *all,
                        base_error *e)
{
    face_mask_look *l = &((face_mask_state *)w->own)->look;
    size_t area = (size_t)w->o->size * (size_t)w->o->size;
    guise_status s = GUISE_OK;
    all->planes = l->img;
    for (int i = 0; !s && i < FACE_MASK_AT_ONCE; i++) {
        size_t photo, n, k = (size_t)i;
        base_rng r = {SEED + (uint64_t)(first + i)};
        face_mask_row row = {all->planes + k * 3 * area, all->label + k * area,
                             all->weight + k * area, all->cover + k * area};
        train_cache_of_person(w->held, (first + i) % train_cache_people(w->held), &photo, &n);
        s = face_mask_draw(w, w->held, photo, half_plain && i % 2 == 0, &r, &row, e);
    }
    return s ? s : tg_plan_run(l->plan, e);
}

typedef struct {
    double both, either, hidden, hidden_found, face, face_found;
} sums;

static void add_row(const float *mask, const float *label, const float *weight, const float *cover,
                    size_t area, sums *t)
{
    for (size_t k = 0; k < area; k++) {
        if (weight[k] < 0.9F) continue; // the label is a guess
        bool got = mask[k] > 0.5F, want = label[k] > 0.5F;
        t->both += got && want;
        t->either += got || want;
        if (cover[k] > 0.5F) t->hidden++, t->hidden_found += !got;
        if (want) t->face++, t->face_found += got;
    }
}

guise_status face_mask_measure(train_work *w, double value[TRAIN_MEASURES], base_error *e)
{
    face_mask_row all = {0};
    sums t = {0};
    int photos = photos_of(w, PHOTOS);
    size_t area = (size_t)w->o->size * (size_t)w->o->size;
    guise_status s = refresh(w, e);
    if (!s) s = rows_open(&all, area, e);
    for (int i = 0; !s && i < photos; i += FACE_MASK_AT_ONCE) {
        s = run(w, i, false, &all, e);
        const face_mask_look *l = &((face_mask_state *)w->own)->look;
        for (size_t k = 0; !s && k < FACE_MASK_AT_ONCE && i + (int)k < photos; k++)
            add_row(tg_plan_value(l->plan, l->mask) + k * area, all.label + k * area,
                    all.weight + k * area, all.cover + k * area, area, &t);
    }
    rows_close(&all);
    if (s) return s;
    value[0] = t.either > 0 ? t.both / t.either : 0;
    value[1] = t.hidden > 0 ? t.hidden_found / t.hidden : 0;
    value[2] = t.face > 0 ? t.face_found / t.face : 0;
    return GUISE_OK;
}

// planes as the column'th picture of a row; what the mask leaves out is green. mask NULL: as it is.
static void place(base_image *sheet, const float *planes, const float *mask, int size, int column,
                  int row)
{
    size_t area = (size_t)size * (size_t)size;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            size_t i = (size_t)(y * size + x);
            int at = (row * size + y) * sheet->w + column * size + x;
            for (size_t c = 0; c < 3; c++) {
                float out = c == 1 ? 0.8F : 0.1F, k = mask ? mask[i] : 1;
                float v = k * planes[c * area + i] + (1 - k) * out;
                sheet->rgb[3 * (size_t)at + c] = (uint8_t)lroundf(255 * fminf(1, fmaxf(0, v)));
            }
        }
}

static guise_status fill_sheet(train_work *w, base_image *sheet, int photos, face_mask_row *all,
                               base_error *e)
{
    const face_mask_look *l = &((face_mask_state *)w->own)->look;
    int size = w->o->size;
    size_t area = (size_t)size * (size_t)size;
    guise_status s = GUISE_OK;
    for (int i = 0; !s && i < photos; i += FACE_MASK_AT_ONCE) {
        s = run(w, i, true, all, e);
        for (int k = 0; !s && k < FACE_MASK_AT_ONCE && i + k < photos; k++) {
            int column = (i + k) % ACROSS * 3, row = (i + k) / ACROSS;
            const float *planes = all->planes + (size_t)k * 3 * area;
            const float *mask = tg_plan_value(l->plan, l->mask) + (size_t)k * area;
            place(sheet, planes, NULL, size, column, row);
            place(sheet, planes, all->label + (size_t)k * area, size, column + 1, row);
            place(sheet, planes, mask, size, column + 2, row);
        }
    }
    return s;
}

// Crop, by its label, by the network; four a row, every other one as the photo is.
guise_status face_mask_sample(train_work *w, const char *path, base_error *e)
{
    int size = w->o->size, photos = photos_of(w, SHOWN);
    base_image sheet = {0};
    face_mask_row all = {0};
    if (!photos) return GUISE_OK; // nobody is held out
    guise_status s = refresh(w, e);
    if (!s) s = rows_open(&all, (size_t)size * (size_t)size, e);
    if (!s) s = base_image_new(&sheet, 3 * ACROSS * size, (photos + ACROSS - 1) / ACROSS * size, e);
    if (!s) s = fill_sheet(w, &sheet, photos, &all, e);
    if (!s) s = media_photo_write(&sheet, path, NULL, e);
    base_image_free(&sheet);
    rows_close(&all);
    return s;
}
