// embedding.c -- an identity embedder in inference, and how well its vectors tell people apart.
#include "train/embedding.h"
#include "model/smoothswap.h"
#include <stdlib.h>
#include <string.h>

enum { BATCH = 16, INPUT = 112 };

tg_node *train_embed(const train_network *n, nn m, tg_node *img)
{
    const model_smooth_embedder_options *o = n->options;
    img = o->normalise ? tg_affine(img, 2, -1) : model_normalise(img);
    return model_smooth_embedder(m, img, o, NULL);
}

static guise_status build(train_embedder *s, base_error *e)
{
    tg_node *img = tg_input(s->graph, TG_SHAPE(s->n, 3, s->size, s->size), "img");
    s->unit = train_embed(s->net, nn_root(s->params, s->graph, false), img);
    guise_status st = tg_check(s->graph, GUISE_BAD_ARGUMENT, e);
    if (st) return st;
    s->length = (int)tg_dim(s->unit, 1);
    st = nn_settle(s->params, 0, e);
    if (!st)
        st = tg_plan_open(&s->plan, s->graph, &s->unit, 1, &(tg_plan_options){.train = true}, e);
    if (!st) st = nn_bind(s->params, s->graph, s->plan, e);
    return st ? st : tg_plan_bind(s->plan, img, s->img, e);
}

guise_status train_embedder_open(train_embedder *s, const train_network *net, int size,
                                 base_error *e)
{
    *s = (train_embedder){.net = net, .n = BATCH, .size = size, .graph = tg_new()};
    s->img = base_alloc((size_t)s->n * 3 * (size_t)size * (size_t)size, sizeof *s->img);
    guise_status st = s->graph && s->img ? GUISE_OK : base_no_memory(e);
    if (!st) st = nn_params_open(&s->params, e);
    if (!st) st = build(s, e);
    if (st) train_embedder_close(s);
    return st;
}

void train_embedder_close(train_embedder *s)
{
    tg_plan_close(&s->plan);
    tg_free(s->graph);
    nn_params_close(&s->params);
    base_free(s->img);
    *s = (train_embedder){0};
}

void train_embedder_take(train_embedder *s, const float *flat)
{
    memcpy(nn_params_data(s->params), flat, nn_params_floats(s->params) * sizeof *flat);
    tg_plan_params_changed(s->plan);
}

size_t train_embedded(size_t i, size_t count, const train_cache *c)
{
    enum { RUN = 8 }; // photos of a person lie together
    size_t all = train_cache_n(c), runs = (count + RUN - 1) / RUN;
    if (count >= all || runs < 2) return i;
    return (i / RUN) * (all - RUN) / (runs - 1) + i % RUN;
}

guise_status train_embedder_run(train_embedder *s, const train_cache *c, const train_options *o,
                                size_t count, float *vector, base_error *e)
{
    size_t planes = 3 * (size_t)s->size * (size_t)s->size, length = (size_t)s->length;
    for (size_t from = 0; from < count; from += BATCH) {
        size_t n = count - from < BATCH ? count - from : BATCH;
        for (size_t i = 0; i < n; i++)
            train_batch_show(c, train_embedded(from + i, count, c), o, NULL, s->img + i * planes);
        guise_status st = tg_plan_run(s->plan, e);
        if (st) return st;
        memcpy(vector + from * length, tg_plan_value(s->plan, s->unit),
               n * length * sizeof *vector);
    }
    return GUISE_OK;
}

// ---- ONNX

static const float *value_of(void *user, const tg_node *param)
{
    nn_params *p = user;
    const nn_entry *entry = nn_params_find(p, tg_name(param));
    return entry ? nn_params_data(p) + entry->offset : NULL;
}

tg_node *train_embedder_see(tg_node *x, int size)
{
    for (int64_t side = tg_dim(x, 3) / 2; side >= size; side /= 2) // so that nothing is passed over
        x = tg_avg_pool(x, (tg_window){.kh = 2, .kw = 2, .stride = 2});
    return tg_dim(x, 3) == size ? x : tg_resize(x, size, size, TG_BILINEAR);
}

guise_status train_embedder_write(const train_embedder *s, const char *path, base_error *e)
{
    tg_graph *g = tg_new();
    if (!g) return base_no_memory(e);
    tg_node *crop = tg_input(g, TG_SHAPE(1, 3, INPUT, INPUT), "crop");
    tg_node *x = tg_scale(train_embedder_see(crop, s->size), 1.0 / 255);
    tg_node *y = train_embed(s->net, nn_root(s->params, g, false), x);
    guise_status st = tg_check(g, GUISE_BAD_ARGUMENT, e);
    weights_onnx_names names = {.in = &crop,
                                .out = &y,
                                .in_name = (const char *[]){"crop"},
                                .out_name = (const char *[]){"identity"},
                                .n_in = 1,
                                .n_out = 1,
                                .value = value_of,
                                .user = s->params};
    if (!st) st = weights_onnx_write(g, &names, path, e);
    tg_free(g);
    return st;
}

// ---- Verification

typedef struct {
    double score;
    bool same;
} trial;

static int by_score(const void *a, const void *b)
{
    double x = ((const trial *)a)->score, y = ((const trial *)b)->score;
    return (x > y) - (x < y);
}

// From trials by rising score: each different pair below a same one counts 1, beside it a half.
static double area(const trial *t, size_t n)
{
    double different = 0, same = 0, won = 0;
    for (size_t i = 0; i < n;) {
        double ties[2] = {0};
        double score = t[i].score;
        for (; i < n && t[i].score == score; i++) ties[t[i].same]++;
        won += ties[1] * (different + ties[0] / 2);
        different += ties[0];
        same += ties[1];
    }
    return won / (same * different);
}

static double product(const float *a, const float *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

// Where photo i's nearest other one is, and whether its person has others at all.
static size_t nearest(const float *vector, const int *person, size_t n, int length, size_t i,
                      bool *others)
{
    size_t best = i, step = (size_t)length;
    double most = -2;
    *others = false;
    for (size_t k = 0; k < n; k++) {
        if (k == i) continue;
        *others = *others || person[k] == person[i];
        double score = product(vector + i * step, vector + k * step, length);
        if (score > most) most = score, best = k;
    }
    return best;
}

guise_status train_verify(const float *vector, const int *person, size_t n, int length,
                          train_verification *v, base_error *e)
{
    size_t pairs = n ? n * (n - 1) / 2 : 0, at = 0, same = 0, step = (size_t)length;
    trial *t = base_alloc(pairs ? pairs : 1, sizeof *t);
    if (!t) return base_no_memory(e);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++) {
            t[at].score = product(vector + i * step, vector + k * step, length);
            t[at].same = person[i] == person[k];
            same += t[at++].same;
        }
    bool both = same > 0 && same < pairs;
    if (both) {
        double asked = 0, found = 0;
        qsort(t, pairs, sizeof *t, by_score);
        v->auc = area(t, pairs);
        for (size_t i = 0; i < n; i++) {
            bool others;
            size_t k = nearest(vector, person, n, length, i, &others);
            asked += others;
            found += others && person[k] == person[i];
        }
        v->top1 = found / asked;
    }
    base_free(t);
    if (both) return GUISE_OK;
    return base_fail(e, GUISE_BAD_ARGUMENT,
                     "verification needs two photos of one person, and photos of two people");
}
