// face_id_look.c -- our recogniser as it is, on held-out photos: how near it comes to its teacher,
// and how well it tells people apart.
#include "train/embedding.h"
#include "train/face_id.h"
#include <math.h>
#include <string.h>

const char *const face_id_measures[] = {"teacher", "apart", "nearest", NULL};

enum { AT_ONCE = 8, MOST = 1000 }; // photos

typedef struct {
    nn_params *params;
    tg_graph *graph;
    tg_plan *plan;
    tg_node *unit;
    float *img; // [AT_ONCE,3,size,size] RGB 0..1
} look;

static void look_close(look *l)
{
    tg_plan_close(&l->plan);
    tg_free(l->graph);
    nn_params_close(&l->params);
    base_free(l->img);
}

// With the weights as they are now: their average where there is one.
static guise_status look_open(train_work *w, look *l, base_error *e)
{
    int size = w->o->size;
    *l = (look){.graph = tg_new()};
    l->img = base_alloc((size_t)size * (size_t)size * 3 * AT_ONCE, sizeof *l->img);
    guise_status s = l->graph && l->img ? nn_params_open(&l->params, e) : base_no_memory(e);
    if (s) return s;
    tg_node *img = tg_input(l->graph, TG_SHAPE(AT_ONCE, 3, size, size), "img");
    nn m = nn_root(l->params, l->graph, false);
    l->unit = model_face_id(m, tg_scale(img, 255), w->network[0].options);
    s = tg_check(l->graph, GUISE_BAD_ARGUMENT, e);
    if (!s) s = nn_settle(l->params, 0, e);
    if (s) return s;
    train_learner_copy(&w->learner[0], l->params);
    s = tg_plan_open(&l->plan, l->graph, &l->unit, 1, &(tg_plan_options){.train = true}, e);
    if (!s) s = nn_bind(l->params, l->graph, l->plan, e);
    return s ? s : tg_plan_bind(l->plan, img, l->img, e);
}

// Vectors [n,length] of the first n photos.
static guise_status embed(train_work *w, look *l, size_t n, float *vector, base_error *e)
{
    size_t each = 3 * (size_t)w->o->size * (size_t)w->o->size, length = (size_t)w->identity->length;
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < n; i += AT_ONCE) {
        for (size_t k = 0; k < AT_ONCE; k++) // the last one again where there are no more
            train_batch_show(w->held, i + k < n ? i + k : n - 1, w->o, NULL, l->img + k * each);
        s = tg_plan_run(l->plan, e);
        size_t some = n - i < AT_ONCE ? n - i : AT_ONCE;
        if (!s)
            memcpy(vector + i * length, tg_plan_value(l->plan, l->unit),
                   some * length * sizeof *vector);
    }
    return s;
}

static guise_status compare(train_work *w, const float *vector, int *person, size_t n,
                            double value[TRAIN_MEASURES], base_error *e)
{
    size_t length = (size_t)w->identity->length;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const float *teacher = train_cache_vector(w->held, i);
        person[i] = train_cache_person(w->held, i);
        for (size_t k = 0; k < length; k++)
            sum += (double)teacher[k] * (double)vector[i * length + k];
    }
    train_verification v = {NAN, NAN}; // of people with one photo each nothing can be said
    guise_status s = train_verify(vector, person, n, (int)length, &v, NULL);
    if (s == GUISE_NO_MEMORY) return base_no_memory(e);
    value[0] = sum / (double)n;
    value[1] = s ? NAN : v.auc;
    value[2] = s ? NAN : v.top1;
    return GUISE_OK;
}

guise_status face_id_measure(train_work *w, double value[TRAIN_MEASURES], base_error *e)
{
    look l = {0};
    size_t all = train_cache_n(w->held), n = all < MOST ? all : MOST;
    float *vector = base_alloc(n * (size_t)w->identity->length, sizeof *vector);
    int *person = base_alloc(n, sizeof *person);
    guise_status s = vector && person ? look_open(w, &l, e) : base_no_memory(e);
    if (!s) s = embed(w, &l, n, vector, e);
    if (!s) s = compare(w, vector, person, n, value, e);
    look_close(&l);
    base_free(vector);
    base_free(person);
    return s;
}
