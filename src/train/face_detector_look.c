// face_detector_look.c -- our detector as it is, on scenes of held-out people: what it finds of the
// faces that were put there, what it sees where none is, and how far its landmarks are off.
#include "train/face_detector.h"
#include <math.h>
#include <string.h>

const char *const face_detector_measures[] = {"found", "false", "points", NULL};

// Start of all random choices; any number, but the same for ever, so that figures compare.
enum { SEED = 7731, SCENES = 160 };

typedef struct {
    nn_params *params;
    tg_graph *graph;
    tg_plan *plan;
    tg_node *out[3 * MODEL_FACE_LEVELS]; // of each level: score, box, points
    train_scene scene;
    float *clean;
} look;

static void look_close(look *l)
{
    tg_plan_close(&l->plan);
    tg_free(l->graph);
    nn_params_close(&l->params);
    train_scene_close(&l->scene);
    base_free(l->clean);
}

// With the weights as they are now: their average where there is one.
static guise_status look_open(train_work *w, look *l, base_error *e)
{
    const face_detector_options *o = (const void *)w->o->own;
    model_face_level level[MODEL_FACE_LEVELS] = {{0}};
    guise_status s = train_scene_open(&l->scene, o->scene, e);
    if (s) return s;
    l->graph = tg_new();
    l->clean = base_alloc((size_t)o->scene * (size_t)o->scene, 3 * sizeof *l->clean);
    s = l->graph && l->clean ? nn_params_open(&l->params, e) : base_no_memory(e);
    if (s) return s;
    tg_node *img = tg_input(l->graph, TG_SHAPE(1, 3, o->scene, o->scene), "img");
    model_face_detector(nn_root(l->params, l->graph, false), tg_flip(tg_scale(img, 255), 1),
                        w->network[0].options, level);
    for (int i = 0; i < MODEL_FACE_LEVELS; i++) {
        l->out[3 * i] = tg_sigmoid(level[i].logit);
        l->out[3 * i + 1] = level[i].box;
        l->out[3 * i + 2] = level[i].points;
    }
    s = tg_check(l->graph, GUISE_BAD_ARGUMENT, e);
    if (!s) s = nn_settle(l->params, 0, e);
    if (s) return s;
    train_learner_copy(&w->learner[0], l->params);
    s = tg_plan_open(&l->plan, l->graph, l->out, 3 * MODEL_FACE_LEVELS,
                     &(tg_plan_options){.train = true}, e);
    if (!s) s = nn_bind(l->params, l->graph, l->plan, e);
    return s ? s : tg_plan_bind(l->plan, img, l->scene.planes, e);
}

static guise_status detect(look *l, face_list *f, base_error *e)
{
    float best = 0;
    guise_status s = tg_plan_run(l->plan, e);
    for (int i = 0; !s && i < MODEL_FACE_LEVELS; i++) {
        const float *v[3];
        for (int k = 0; k < 3; k++) v[k] = tg_plan_value(l->plan, l->out[3 * i + k]);
        int stride = 8 << i, cells = l->scene.side / stride;
        face_level at = {stride, cells, cells, v[0], v[0], v[1], v[2]};
        if (!face_decode(f, at, 0.6, &best)) s = base_no_memory(e);
    }
    face_suppress(f, 0.3);
    return s;
}

static double points_apart(const face *f, const scene_face *g)
{
    double sum = 0, eyes = hypot(g->point[1].x - g->point[0].x, g->point[1].y - g->point[0].y);
    for (int i = 0; i < FACE_POINTS; i++)
        sum += hypot(f->point[i].x - g->point[i].x, f->point[i].y - g->point[i].y);
    return sum / FACE_POINTS / fmax(eyes, 1e-6);
}

typedef struct {
    double faces, found, alarms, apart;
} sums;

// A face is found where a box shares half of what it and the face's cover.
static void count(const train_scene *scene, const face_list *f, sums *t)
{
    size_t used = 0;
    for (int i = 0; i < scene->n; i++) {
        const scene_face *g = &scene->face[i];
        const face there = {.x0 = g->cx - g->w / 2,
                            .y0 = g->cy - g->h / 2,
                            .x1 = g->cx + g->w / 2,
                            .y1 = g->cy + g->h / 2};
        const face *best = NULL;
        double most = 0.5;
        for (size_t k = 0; k < f->n; k++)
            if (face_overlap(&f->at[k], &there) >= most)
                best = &f->at[k], most = face_overlap(best, &there);
        used += best != NULL;
        if (g->doubtful) continue;
        t->faces++;
        if (!best) continue;
        t->found++;
        t->apart += points_apart(best, g);
    }
    t->alarms += f->n > used ? (double)(f->n - used) : 0;
}

guise_status face_detector_measure(train_work *w, double value[TRAIN_MEASURES], base_error *e)
{
    const face_detector_options *o = (const void *)w->o->own;
    train_faces faces = {0};
    const scene_options so = {w->held,     &faces,  w->o->size, w->o->shift,
                              o->smallest, o->turn, o->spoil};
    look l = {0};
    sums t = {0};
    guise_status s =
        train_faces_open(&faces, w->held, w->o->size, w->o->shift, w->o->detector, false, e);
    if (!s) s = look_open(w, &l, e);
    for (int i = 0; !s && i < SCENES; i++) {
        base_rng r = {SEED + (uint64_t)i};
        face_list f = {0};
        s = train_scene_draw(&l.scene, &so, l.clean, &r, e);
        if (!s) s = detect(&l, &f, e);
        if (!s) count(&l.scene, &f, &t);
        face_list_free(&f);
    }
    look_close(&l);
    train_faces_close(&faces);
    if (s) return s;
    value[0] = t.faces > 0 ? t.found / t.faces : 0;
    value[1] = t.alarms / SCENES;
    value[2] = t.found > 0 ? t.apart / t.found : NAN; // nothing was found
    return GUISE_OK;
}
