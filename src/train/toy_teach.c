// toy_teach.c -- recognisers of drawn faces: a small network learns to tell the traits.
#include "train/toy_teach.h"
#include "train/learner.h"
#include "weights/weights.h"
#include <math.h>
#include <string.h>

enum { SIDE = 28, INPUT = 112, BATCH = 32, TESTS = 4 * BATCH };

typedef struct {
    toy_teaching *t;
    size_t faces;  // to learn from; TESTS more follow
    float *planes; // [faces + TESTS,3,SIDE,SIDE]
    float *traits; // [faces + TESTS,TOY_TRAITS]
    float *img, *want;
    train_learner learner;
    train_step step;
    tg_node *loss, *said;
} teaching;

// img [n,3,SIDE,SIDE] RGB 0..1 -> [n,TOY_TRAITS,1,1]. The judge has finer kernels, one layer more,
// other widths.
static tg_node *network(nn m, toy_recogniser kind, tg_node *img)
{
    bool judge = kind == TOY_JUDGE;
    int k = judge ? 3 : 5, width = judge ? 20 : 16;
    tg_node *x = tg_affine(img, 4, -2);
    x = tg_leaky_relu(nn_conv(nn_at(m, "c1"), x, .out = width, .k = k, .stride = 2, .pad = k / 2),
                      0.1);
    if (judge) x = tg_leaky_relu(nn_conv(nn_at(m, "c2"), x, .out = width, .k = 3, .pad = 1), 0.1);
    x = tg_leaky_relu(nn_conv(nn_at(m, "c3"), x, .out = 32, .k = 3, .stride = 2, .pad = 1), 0.1);
    x = tg_leaky_relu(nn_conv(nn_at(m, "c4"), x, .out = 32, .k = 3, .pad = 1), 0.1);
    return nn_conv(nn_at(m, "out"), x, .out = TOY_TRAITS, .k = SIDE / 4);
}

static guise_status draw(teaching *w, base_error *e)
{
    size_t all = w->faces + TESTS, area = (size_t)SIDE * SIDE;
    base_rng r = {(uint64_t)w->t->seed * 2 + (w->t->kind == TOY_JUDGE)};
    guise_status s = GUISE_OK;
    w->planes = base_alloc(all, 3 * area * sizeof *w->planes);
    w->traits = base_alloc(all, TOY_TRAITS * sizeof *w->traits);
    if (!w->planes || !w->traits) return base_no_memory(e);
    for (size_t i = 0; !s && i < all; i++) {
        toy_person p;
        toy_look l;
        face_point point[FACE_POINTS];
        face_transform to;
        toy_person_draw(&p, &r);
        toy_look_draw(&l, &r);
        toy_points(&p, &l, INPUT, point);
        s = face_align(&to, point, FACE_ARCFACE, SIDE, NULL, e);
        if (!s) toy_crop(&p, &l, INPUT, face_invert(to), SIDE, w->planes + i * 3 * area);
        memcpy(w->traits + i * TOY_TRAITS, p.trait, sizeof p.trait);
    }
    return s;
}

static guise_status open_network(teaching *w, base_error *e)
{
    tg_graph *g = w->step.graph = tg_new();
    if (!g) return base_no_memory(e);
    w->img = base_alloc((size_t)BATCH * 3 * SIDE * SIDE, sizeof *w->img);
    w->want = base_alloc((size_t)BATCH * TOY_TRAITS, sizeof *w->want);
    if (!w->img || !w->want) return base_no_memory(e);
    guise_status s = train_learner_open(&w->learner, e);
    if (s) return s;
    tg_node *img = tg_input(g, TG_SHAPE(BATCH, 3, SIDE, SIDE), "img");
    tg_node *want = tg_input(g, TG_SHAPE(BATCH, TOY_TRAITS, 1, 1), "want");
    w->said = network(nn_root(w->learner.params, g, true), w->t->kind, img);
    w->loss = tg_mean(tg_square(tg_sub(w->said, want)));
    tg_node *out[] = {w->loss, w->said};
    s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    if (!s) s = train_learner_settle(&w->learner, (uint64_t)w->t->seed + 1, false, e);
    train_step_plan plan = {.loss = w->loss, .out = out, .n = 2};
    if (!s) s = train_step_open(&w->step, &w->learner, &plan, e);
    if (!s) s = tg_plan_bind(w->step.plan, img, w->img, e);
    return s ? s : tg_plan_bind(w->step.plan, want, w->want, e);
}

static float even(base_rng *r) { return (float)(base_rng_next(r) >> 40) / 8388608.0F - 1; }

// Patches of colour, CELLS to a side, and grain over all. A recogniser that has learnt without says
// much of single pixels, and what it teaches then are coloured specks in place of a face.
static void disturb(float *planes, base_rng *r)
{
    enum { CELLS = 7 };
    float patch[CELLS * CELLS], much = 0.15F * (even(r) + 1), fine = 0.2F * (even(r) + 1);
    for (int c = 0; c < 3; c++) {
        for (int k = 0; k < CELLS * CELLS; k++) patch[k] = much * even(r);
        for (int k = 0; k < SIDE * SIDE; k++)
            planes[c * SIDE * SIDE + k] +=
                patch[k / SIDE * CELLS / SIDE * CELLS + k % SIDE * CELLS / SIDE] + fine * even(r);
    }
}

// Face i as row of the batch, disturbed while learning.
static void show(teaching *w, size_t i, size_t row, base_rng *r)
{
    size_t count = (size_t)3 * SIDE * SIDE;
    float *to = w->img + row * count;
    memcpy(to, w->planes + i * count, count * sizeof *to);
    memcpy(w->want + row * TOY_TRAITS, w->traits + i * TOY_TRAITS, TOY_TRAITS * sizeof(float));
    if (r) disturb(to, r);
}

static guise_status learn(teaching *w, base_error *e)
{
    base_rng r = {(uint64_t)w->t->seed + 99};
    guise_status s = GUISE_OK;
    int steps = w->t->steps ? w->t->steps : 1200;
    for (int k = 0; !s && k < steps; k++) {
        for (size_t i = 0; i < BATCH; i++)
            show(w, (size_t)base_rng_range(&r, 0, (int)w->faces - 1), i, &r);
        s = train_step_run(&w->step, &w->learner, e);
        double rate = 2e-3 * fmin(1, 1.5 * (steps - k) / steps);
        if (!s) train_learner_step(&w->learner, (nn_adam){rate, 0.9, 0.99, 1e-8}, 0);
        if (!s) tg_plan_params_changed(w->step.plan);
    }
    return s;
}

static double cosine(const float *a, const float *b)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < TOY_TRAITS; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(fmax(aa * bb, 1e-12));
}

static guise_status examine(teaching *w, base_error *e)
{
    guise_status s = GUISE_OK;
    double sum = 0;
    for (size_t k = 0; !s && k < TESTS; k += BATCH) {
        for (size_t i = 0; i < BATCH; i++) show(w, w->faces + k + i, i, NULL);
        s = train_step_run(&w->step, &w->learner, e);
        const float *said = s ? NULL : tg_plan_value(w->step.plan, w->said);
        for (size_t i = 0; said && i < BATCH; i++)
            sum += cosine(said + i * TOY_TRAITS, w->want + i * TOY_TRAITS);
    }
    w->t->cosine = sum / TESTS;
    return s;
}

static const float *value_of(void *user, const tg_node *param)
{
    nn_params *p = user;
    const nn_entry *entry = nn_params_find(p, tg_name(param));
    return entry ? nn_params_data(p) + entry->offset : NULL;
}

static guise_status write_onnx(teaching *w, const char *path, base_error *e)
{
    tg_graph *g = tg_new();
    if (!g) return base_no_memory(e);
    tg_node *crop = tg_input(g, TG_SHAPE(1, 3, INPUT, INPUT), "crop");
    tg_node *x = tg_avg_pool(crop, (tg_window){.kh = 4, .kw = 4, .stride = 4});
    tg_node *y = network(nn_root(w->learner.params, g, false), w->t->kind, tg_scale(x, 1.0 / 255));
    guise_status s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    weights_onnx_names names = {.in = &crop,
                                .out = &y,
                                .in_name = (const char *[]){"crop"},
                                .out_name = (const char *[]){"traits"},
                                .n_in = 1,
                                .n_out = 1,
                                .value = value_of,
                                .user = w->learner.params};
    if (!s) s = weights_onnx_write(g, &names, path, e);
    tg_free(g);
    return s;
}

guise_status toy_teach(toy_teaching *t, const char *path, base_error *e)
{
    if (t->faces < 0 || t->faces > 1000000 || t->steps < 0 || t->steps > 1000000)
        return base_fail(e, GUISE_BAD_ARGUMENT, "a recogniser is taught from 1..1000000 faces");
    teaching w = {.t = t, .faces = t->faces ? (size_t)t->faces : 3000};
    guise_status s = draw(&w, e);
    if (!s) s = open_network(&w, e);
    if (!s) s = learn(&w, e);
    if (!s) s = examine(&w, e);
    if (!s) s = write_onnx(&w, path, e);
    train_step_close(&w.step);
    train_learner_close(&w.learner);
    base_free(w.planes);
    base_free(w.traits);
    base_free(w.img);
    base_free(w.want);
    return s;
}
