// face_detector.c -- training our detector on scenes whose faces are known: boxes and points come
// from another detector's on the upright photo, carried along as the photo is turned and shrunk.
//
// Which cells answer for a face: those near the middle of its box, on the levels whose cells are
// neither too coarse nor too fine for it (Tian et al. 2019, FCOS). Scores by quality focal loss
// with targets 0 and 1 (Li et al. 2020), boxes and points by smooth L1 in units of the face.
// Weights and scenes: ours.
#include "train/face_detector.h"
#include "train/losses.h"
#include <math.h>
#include <string.h>

typedef face_detector_options options;
_Static_assert(sizeof(options) <= TRAIN_OWN, "fits into train_options.own");

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"scene", 0, BASE_INT, AT(scene), "320", "side of the scenes in pixels, a multiple of 32"},
    {"lambda_box", 0, BASE_REAL, AT(lambda_box), "4", "weight of the boxes"},
    {"lambda_points", 0, BASE_REAL, AT(lambda_points), "8", "weight of the landmarks"},
    {"smallest", 0, BASE_REAL, AT(smallest), "16", "height of the smallest faces in pixels"},
    {"turn", 0, BASE_REAL, AT(turn), "45", "faces are turned by up to so many degrees"},
    {"spoil", 0, BASE_REAL, AT(spoil), "1", "how often scenes are made worse, 0 to 2"},
    {0}};

static guise_status check(const train_options *o, base_error *e)
{
    const options *own = (const void *)o->own;
    const train_bound bound[] = {{"scene", own->scene, 64, 2048},
                                 {"lambda_box", own->lambda_box, 0, 1000},
                                 {"lambda_points", own->lambda_points, 0, 1000},
                                 {"smallest", own->smallest, 8, 512},
                                 {"turn", own->turn, 0, 180},
                                 {"spoil", own->spoil, 0, 2}};
    guise_status s = train_bounds(bound, sizeof bound / sizeof *bound, e);
    if (!s && own->scene % 32)
        s = base_fail(e, GUISE_BAD_ARGUMENT, "scene=%d is no multiple of 32", own->scene);
    return s;
}

enum { ALL, SCORE, BOX, POINTS };
static const char *const loss_names[] = {"loss", "score", "box", "points", NULL};
enum { BOX_NUMBERS = 4, POINT_NUMBERS = 2 * FACE_POINTS };

// Of one level, a row a cell, all pictures of the batch.
typedef struct {
    int grid;      // cells a side
    float *score;  // [n,cells,1] 0 or 1
    float *count;  // [n,cells,1] does the score count?
    float *box;    // [n,cells,4]
    float *points; // [n,cells,10]
    float *face;   // [n,cells,1] 1 / cells that answer, where one does
    float *unit;   // [n,cells,1] the same times the cells' side in units of the face
} level;

typedef struct {
    train_faces faces; // of the cache's crops, from the first step on
    train_scene scene;
    float *worse; // [n,3,scene,scene]
    float *clean; // [3,scene,scene]
    level at[MODEL_FACE_LEVELS];
} state;

static void build(train_work *w, nn m)
{
    int side = ((const options *)(const void *)w->o->own)->scene;
    const model_face_detector_options *net = w->network[0].options;
    model_face_level got[MODEL_FACE_LEVELS];
    model_face_closer closer;
    model_face_detector(m, tg_input(m.graph, TG_SHAPE(1, 3, side, side), "img"), net, got);
    tg_node *crop = tg_input(m.graph, TG_SHAPE(1, 3, MODEL_CLOSER, MODEL_CLOSER), "crop");
    if (net->closer) model_face_look_closer(nn_at(m, "closer"), crop, &closer); // is left alone
}

static guise_status open(train_work *w, base_error *e)
{
    const options *o = (const void *)w->o->own;
    state *own = w->own;
    size_t n = (size_t)w->o->batch, side = (size_t)o->scene;
    if (strcmp(w->network[0].net->name, "face-detector") != 0)
        return base_fail(e, GUISE_BAD_ARGUMENT, "generator=%s: this recipe trains face-detector",
                         w->network[0].net->name);
    guise_status s = train_scene_open(&own->scene, o->scene, e);
    own->worse = base_alloc(n * 3 * side * side, sizeof *own->worse);
    own->clean = base_alloc(3 * side * side, sizeof *own->clean);
    if (!s && (!own->worse || !own->clean)) s = base_no_memory(e);
    for (int l = 0; !s && l < MODEL_FACE_LEVELS; l++) {
        level *at = &own->at[l];
        at->grid = o->scene / (8 << l);
        size_t cells = n * (size_t)at->grid * (size_t)at->grid;
        at->score = base_alloc(cells, sizeof *at->score);
        at->count = base_alloc(cells, sizeof *at->count);
        at->box = base_alloc(cells * BOX_NUMBERS, sizeof *at->box);
        at->points = base_alloc(cells * POINT_NUMBERS, sizeof *at->points);
        at->face = base_alloc(cells, sizeof *at->face);
        at->unit = base_alloc(cells, sizeof *at->unit);
        if (!at->score || !at->count || !at->box || !at->points || !at->face || !at->unit)
            s = base_no_memory(e);
    }
    return s ? s : train_work_learn(w, 0, build, w->o->ema > 0, e);
}

static void close(train_work *w)
{
    state *own = w->own;
    train_scene_close(&own->scene);
    train_faces_close(&own->faces);
    base_free(own->worse);
    base_free(own->clean);
    for (int l = 0; l < MODEL_FACE_LEVELS; l++) {
        level *at = &own->at[l];
        base_free(at->score);
        base_free(at->count);
        base_free(at->box);
        base_free(at->points);
        base_free(at->face);
        base_free(at->unit);
    }
}

// Cell i of the level answers for the face f: what it should say (face_decode).
static void answer(level *at, size_t i, int x, int y, int stride, const scene_face *f)
{
    float k = (float)stride;
    at->score[i] = 1;
    at->count[i] = 1;
    at->face[i] = 1; // divided by how many, at the end
    at->unit[i] = k / sqrtf(f->w * f->h);
    float *b = at->box + i * BOX_NUMBERS, *p = at->points + i * POINT_NUMBERS;
    b[0] = f->cx / k - (float)x, b[1] = f->cy / k - (float)y;
    b[2] = logf(f->w / k), b[3] = logf(f->h / k);
    for (int j = 0; j < FACE_POINTS; j++) {
        p[2 * j] = f->point[j].x / k - (float)x;
        p[2 * j + 1] = f->point[j].y / k - (float)y;
    }
}

// Cells within a quarter of the box of its middle answer, if faces of this size are the level's
// own (2 to 7 cells; the first level takes smaller ones, the last larger ones, too). The other
// cells within the middle four tenths, on any level, may say what they like, as all may of a
// doubtful face, where the face is nearly the level's own: cells of much finer levels would see a
// face of half its size in its middle.
static void mark(state *own, size_t row, int l, const scene_face *f)
{
    level *at = &own->at[l];
    int stride = 8 << l;
    float size = sqrtf(f->w * f->h), cells = size / (float)stride;
    bool mine = (cells >= 2 || !l) && (cells < 7 || l == MODEL_FACE_LEVELS - 1);
    bool nearly = mine || (cells >= 1.4f && cells < 10);
    float near = fmaxf(0.25f * cells, 0.71f);
    for (int y = 0; y < at->grid; y++)
        for (int x = 0; x < at->grid; x++) {
            float dx = fabsf((float)x + 0.5f - f->cx / (float)stride);
            float dy = fabsf((float)y + 0.5f - f->cy / (float)stride);
            float d = fmaxf(dx, dy);
            size_t i = row * (size_t)(at->grid * at->grid) + (size_t)(y * at->grid + x);
            if (mine && d <= near && !f->doubtful)
                answer(at, i, x, y, stride, f);
            else if ((nearly || f->doubtful) && d <= fmaxf(0.4f * cells, 0.5f) && at->score[i] == 0)
                at->count[i] = 0;
        }
}

static void clear(state *own, size_t n)
{
    for (int l = 0; l < MODEL_FACE_LEVELS; l++) {
        level *at = &own->at[l];
        size_t cells = n * (size_t)at->grid * (size_t)at->grid;
        memset(at->score, 0, cells * sizeof *at->score);
        memset(at->box, 0, cells * BOX_NUMBERS * sizeof *at->box);
        memset(at->points, 0, cells * POINT_NUMBERS * sizeof *at->points);
        memset(at->face, 0, cells * sizeof *at->face);
        memset(at->unit, 0, cells * sizeof *at->unit);
        for (size_t i = 0; i < cells; i++) at->count[i] = 1;
    }
}

// Every share is of all cells that answer in the batch, so that losses are means over them; the
// mean over processes, too.
static void share(state *own, size_t n, int processes)
{
    double sum = 0;
    for (int l = 0; l < MODEL_FACE_LEVELS; l++)
        for (size_t i = 0; i < n * (size_t)own->at[l].grid * (size_t)own->at[l].grid; i++)
            sum += (double)own->at[l].face[i];
    float each = (float)processes / (float)fmax(1, sum);
    for (int l = 0; l < MODEL_FACE_LEVELS; l++)
        for (size_t i = 0; i < n * (size_t)own->at[l].grid * (size_t)own->at[l].grid; i++) {
            own->at[l].face[i] *= each;
            own->at[l].unit[i] *= own->at[l].face[i];
            own->at[l].count[i] *= each;
        }
}

static void keep(const train_work *w, level *at)
{
    size_t row = (size_t)at->grid * (size_t)at->grid * sizeof(float);
    base_team_keep(w->team, at->score, w->o->batch, row);
    base_team_keep(w->team, at->count, w->o->batch, row);
    base_team_keep(w->team, at->box, w->o->batch, row * BOX_NUMBERS);
    base_team_keep(w->team, at->points, w->o->batch, row * POINT_NUMBERS);
    base_team_keep(w->team, at->face, w->o->batch, row);
    base_team_keep(w->team, at->unit, w->o->batch, row);
}

static guise_status fill(train_work *w, int step, base_rng *r, base_error *e)
{
    const options *o = (const void *)w->o->own;
    state *own = w->own;
    size_t n = (size_t)w->o->batch, area = (size_t)o->scene * (size_t)o->scene;
    const scene_options so = {w->cache,    &own->faces, w->o->size, w->o->shift,
                              o->smallest, o->turn,     o->spoil};
    guise_status s = GUISE_OK;
    (void)step;
    if (!own->faces.first)
        s = train_faces_open(&own->faces, w->cache, w->o->size, w->o->shift, w->o->detector, false,
                             e);
    clear(own, n);
    for (size_t i = 0; !s && i < n; i++) {
        s = train_scene_draw(&own->scene, &so, own->clean, r, e);
        memcpy(own->worse + i * 3 * area, own->scene.planes, 3 * area * sizeof *own->worse);
        for (int l = 0; l < MODEL_FACE_LEVELS; l++)
            for (int k = 0; k < own->scene.n; k++) mark(own, i, l, &own->scene.face[k]);
    }
    share(own, n, base_team_size(w->team));
    base_team_keep(w->team, own->worse, w->o->batch, 3 * area * sizeof *own->worse);
    for (int l = 0; l < MODEL_FACE_LEVELS; l++) keep(w, &own->at[l]);
    return s;
}

static tg_node *smooth_l1(tg_node *got, tg_node *want, tg_node *weight, double beta)
{
    return tg_sum(tg_mul(train_smooth_l1(tg_sub(got, want), beta), weight));
}

static tg_node *plus(tg_node *sum, tg_node *x) { return sum ? tg_add(sum, x) : x; }

// One level's losses added to loss; its leaves' ties to tie.
static void build_level(train_work *w, tg_graph *g, int l, const model_face_level *got,
                        tg_node **loss, train_tie tie[6])
{
    level *at = &((state *)w->own)->at[l];
    int64_t n = w->rows, cells = (int64_t)at->grid * at->grid;
    tg_shape one = TG_SHAPE(n, cells, 1);
    tg_node *score = tg_input(g, one, tg_text(g, "score%d", l));
    tg_node *count = tg_input(g, one, tg_text(g, "count%d", l));
    tg_node *box = tg_input(g, TG_SHAPE(n, cells, BOX_NUMBERS), tg_text(g, "box%d", l));
    tg_node *points = tg_input(g, TG_SHAPE(n, cells, POINT_NUMBERS), tg_text(g, "points%d", l));
    tg_node *answers = tg_input(g, one, tg_text(g, "face%d", l));
    tg_node *unit = tg_input(g, one, tg_text(g, "unit%d", l));
    tg_node *entropy = tg_sub(tg_softplus(got->logit), tg_mul(got->logit, score));
    tg_node *off = tg_square(tg_sub(score, tg_sigmoid(got->logit)));
    loss[SCORE] = plus(loss[SCORE], tg_sum(tg_mul(tg_mul(entropy, off), count)));
    // centres in units of the face, as the points are; sizes are logarithms, so they are already
    tg_node *centre = tg_slice(got->box, 2, 0, 2), *size = tg_slice(got->box, 2, 2, 2);
    tg_node *box_loss = tg_add(smooth_l1(centre, tg_slice(box, 2, 0, 2), unit, 0.1),
                               smooth_l1(size, tg_slice(box, 2, 2, 2), answers, 0.1));
    loss[BOX] = plus(loss[BOX], box_loss);
    loss[POINTS] = plus(loss[POINTS], tg_scale(smooth_l1(got->points, points, unit, 0.02), 0.2));
    const train_tie all[6] = {{score, at->score, false},  {count, at->count, false},
                              {box, at->box, false},      {points, at->points, false},
                              {answers, at->face, false}, {unit, at->unit, false}};
    memcpy(tie, all, sizeof all);
}

static guise_status plan(train_work *w, base_error *e)
{
    const options *o = (const void *)w->o->own;
    state *own = w->own;
    train_phase *p = &w->phase[0];
    *p = (train_phase){.name = "step", .run.graph = train_work_graph(w)};
    tg_graph *g = p->run.graph;
    if (!g) return base_no_memory(e);
    tg_node *img = tg_input(g, TG_SHAPE(w->rows, 3, o->scene, o->scene), "img");
    model_face_level got[MODEL_FACE_LEVELS] = {{0}};
    train_tie tie[1 + 6 * MODEL_FACE_LEVELS] = {{img, own->worse, false}};
    tg_node *bgr = tg_flip(tg_scale(img, 255), 1);
    if (model_face_detector(train_root(w, g), bgr, w->network[0].options, got))
        for (int l = 0; l < MODEL_FACE_LEVELS; l++)
            build_level(w, g, l, &got[l], p->loss, tie + 1 + 6 * l);
    p->total = p->loss[ALL] =
        tg_add(p->loss[SCORE], tg_add(tg_scale(p->loss[BOX], o->lambda_box),
                                      tg_scale(p->loss[POINTS], o->lambda_points)));
    return train_phase_open(w, p, tie, sizeof tie / sizeof *tie, e);
}

static guise_status step(train_work *w, int step, base_rng *r, double value[TRAIN_LOSSES],
                         base_error *e)
{
    (void)step, (void)r;
    return train_work_phase(w, plan, value, e);
}

static const train_recipe recipes[] = {
    {"face-detector",
     &train_face_detector,
     "our detector, taught by another one's boxes and landmarks on scenes put together",
     {"generator=face-detector", "size=128", "shift=48", "batch=8", "steps=21400", "lr=2e-3",
      "beta1=0.9", "beta2=0.999", "ema=0.999", "decay=5000", "settle=300", "adv_from=-1",
      "sample_every=0", "measure_every=0", "save_every=500", NULL}},
    {0}};

const train_system train_face_detector = {
    .name = "face-detector",
    .shared = true,
    .fields = fields,
    .options = sizeof(options),
    .recipes = recipes,
    .loss = loss_names,
    .limits = FACE_DETECTOR_LIMITS,
    .no_identity = true,
    .held_out = true,
    .state = sizeof(state),
    .check = check,
    .open = open,
    .close = close,
    .fill = fill,
    .step = step,
    .measure_names = face_detector_measures,
    .measure = face_detector_measure,
};
