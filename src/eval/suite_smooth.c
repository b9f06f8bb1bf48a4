// suite_smooth.c -- eval smooth: how smooth an embedder's space is (Kim et al. 2022): walks between
// the identities of two photos, and what lies nearest on the way. Mathematics: train/smoothness.h.
#include "eval/album.h"
#include "eval/files.h"
#include "eval/suites.h"
#include "train/smoothness.h"
#include <math.h>
#include <string.h>

typedef struct {
    const char *embedder;
    int pairs, bank, seed;
    bool by_name;
} options;

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"embedder", 0, BASE_TEXT, AT(embedder), NULL,
     "ONNX recogniser or saved embedder; several with commas between; default: --weights, --model"},
    {"pairs", 0, BASE_INT, AT(pairs), "200", "pairs of held-out people, 1 to 100000"},
    {"bank", 0, BASE_INT, AT(bank), "2000",
     "photos of other people to meet on the way, at least 2"},
    {"seed", 0, BASE_INT, AT(seed), "1", "of pairs and bank"},
    {"by_name", 0, BASE_FLAG, AT(by_name), NULL,
     "file names tell people apart, by what stands before the first _; default: folders do"},
    {0}};

enum { RATIO, HALF, DISTANCE, ANGLE, COUNT, CHANGES, CASE_METRICS };
#define WALK                                                                                       \
    "at r = 0.1, 0.2 .. 0.9 of the great circle between the vectors of two photos of two people"
static const eval_definition of_case[CASE_METRICS] = {
    {"d_smooth", "d_smooth", "",
     "mean, " WALK ", of the distance to the nearest vector of the bank, divided by the distance "
     "between the two ends; the paper's denominator could not be read, so this one is a choice",
     "Kim et al. 2022, section 4", -1, 4},
    {"d_smooth_half", "d_smooth at the middle", "", "the same at r = 0.5 alone",
     "Kim et al. 2022, section 4", -1, 4},
    {"d_smooth_plain", "d_smooth, not divided", "",
     "mean, " WALK ", of the distance to the nearest vector of the bank", "ours", -1, 4},
    {"d_smooth_angle", "d_smooth by angles", "",
     "mean, " WALK ", of the angle to that vector, divided by the angle between the ends", "ours",
     -1, 4},
    {"count", "photos met", "photos",
     "how many different photos of the bank are nearest, " WALK "; 1 to 9",
     "Kim et al. 2022, figure 9", 1, 2},
    {"changes", "changes of the nearest", "changes",
     "how often the nearest photo of the bank changes on the way, 0 to 8", "ours", 1, 2}};
static const eval_definition spread = {
    "count_deviation",
    "spread of photos met",
    "photos",
    "standard deviation of the number of photos met over the pairs",
    "Kim et al. 2022, figure 9",
    0,
    2};

typedef struct {
    const eval_call *c;
    const options *o;
    eval_report *r;
    eval_album album;
    size_t *end;  // photos 2 i and 2 i + 1 of pair i
    size_t *bank; // photos
    size_t pairs, banks;
} work;

// The photos of one side of the split, in random order.
static size_t side(const eval_album *a, bool held_out, base_rng *r, int *order)
{
    int n = 0;
    for (size_t i = 0; i < a->n; i++)
        if (a->at[i].held_out == held_out) order[n++] = (int)i;
    base_rng_shuffle(r, order, n);
    return (size_t)n;
}

// Ends: photos drawn with replacement, of two people each. Bank: photos of people not held out.
static guise_status choose(work *w, base_error *e)
{
    const eval_album *a = &w->album;
    base_rng r = {(uint64_t)w->o->seed};
    int *order = base_alloc(a->n, sizeof *order);
    w->end = base_alloc(2 * (size_t)w->o->pairs, sizeof *w->end);
    w->bank = base_alloc((size_t)w->o->bank, sizeof *w->bank);
    guise_status s = order && w->end && w->bank ? GUISE_OK : base_no_memory(e);
    size_t n = s ? 0 : side(a, true, &r, order);
    bool two = false;
    for (size_t i = 1; i < n; i++) two |= a->at[order[i]].who != a->at[order[0]].who;
    while (!s && two && w->pairs < (size_t)w->o->pairs) {
        int x = order[base_rng_range(&r, 0, (int)n - 1)];
        int y = order[base_rng_range(&r, 0, (int)n - 1)];
        if (a->at[x].who == a->at[y].who) continue;
        w->end[2 * w->pairs] = (size_t)x;
        w->end[2 * w->pairs++ + 1] = (size_t)y;
    }
    n = s ? 0 : side(a, false, &r, order);
    for (; w->banks < n && w->banks < (size_t)w->o->bank; w->banks++)
        w->bank[w->banks] = (size_t)order[w->banks];
    base_free(order);
    if (!s && (!w->pairs || w->banks < 2))
        s = base_fail(e, GUISE_NO_FACE,
                      "%s has too few people: at least two that are held out and photos of others "
                      "are needed",
                      w->c->data);
    return s;
}

// Vectors of what was chosen, and the rows of the bank behind each other. Photos that have no
// vector are dropped from the bank.
static guise_status embed(work *w, const char *file, float **rows, size_t *n, base_error *e)
{
    eval_embedder *m = NULL;
    eval_album *a = &w->album;
    size_t missing;
    bool *want = base_alloc(a->n, sizeof *want);
    guise_status s = want ? eval_embedder_open(&m, file, e) : base_no_memory(e);
    for (size_t i = 0; !s && i < 2 * w->pairs; i++) want[w->end[i]] = true;
    for (size_t i = 0; !s && i < w->banks; i++) want[w->bank[i]] = true;
    if (!s) s = eval_album_embed(a, m, want, w->c, &missing, e);
    eval_embedder_close(&m);
    base_free(want);
    if (s || *w->c->stopped) return s;
    size_t length = (size_t)a->length;
    *rows = base_alloc(w->banks, length * sizeof **rows);
    if (!*rows) return base_no_memory(e);
    for (size_t i = 0; i < w->banks; i++) {
        const float *v = a->at[w->bank[i]].vector;
        if (v) memcpy(*rows + length * (*n)++, v, length * sizeof *v);
    }
    if (*n < 2) return base_fail(e, GUISE_NO_FACE, "the bank has no photos with faces");
    return GUISE_OK;
}

static void take(const train_walk *walk, double *const value[CASE_METRICS], size_t i)
{
    double ratio = 0, plain = 0, angle = 0;
    for (int k = 0; k < TRAIN_WALK_STEPS; k++) {
        plain += walk->distance[k] / TRAIN_WALK_STEPS;
        ratio += walk->distance[k] / walk->apart / TRAIN_WALK_STEPS;
        angle += walk->angle[k] / walk->angle_apart / TRAIN_WALK_STEPS;
    }
    bool apart = walk->apart > 0 && walk->angle_apart > 0;
    value[RATIO][i] = apart ? ratio : (double)NAN;
    value[HALF][i] = apart ? walk->distance[TRAIN_WALK_STEPS / 2] / walk->apart : (double)NAN;
    value[DISTANCE][i] = plain;
    value[ANGLE][i] = apart ? angle : (double)NAN;
    value[COUNT][i] = walk->distinct;
    value[CHANGES][i] = walk->changes;
}

// Mean distance over distance of the ends, by how far along the way.
static guise_status add_curve(eval_result *x, const train_walk *walk, base_error *e)
{
    eval_curve *c =
        eval_add_curve(x, "Distance to the nearest photo along the way", "r: share of the way",
                       "distance / distance of the ends", TRAIN_WALK_STEPS);
    if (!c) return base_no_memory(e);
    for (int k = 0; k < TRAIN_WALK_STEPS; k++) {
        double sum = 0;
        int n = 0;
        for (size_t i = 0; i < x->n_cases; i++)
            if (walk[i].apart > 0) sum += walk[i].distance[k] / walk[i].apart, n++;
        c->at[2 * k] = (k + 1) / (TRAIN_WALK_STEPS + 1.0);
        c->at[2 * k + 1] = n ? sum / n : 0;
    }
    return GUISE_OK;
}

static guise_status add_result(work *w, const char *file, const train_walk *walk, const bool *good,
                               base_error *e)
{
    eval_result *x = NULL;
    double *value[CASE_METRICS], mean = 0, squares = 0;
    size_t n = 0;
    guise_status s = eval_add_file(w->r, file, w->pairs, &x, e);
    for (int k = 0; !s && k < CASE_METRICS; k++) {
        eval_metric *m = eval_add_metric(x, &of_case[k]);
        value[k] = m ? m->value : NULL;
        if (!m) s = base_no_memory(e);
    }
    for (size_t i = 0; !s && i < w->pairs; i++) {
        eval_case *c = &x->cases[i];
        c->name = eval_text(w->r, "%05zu", i + 1);
        c->source = eval_text(w->r, "%s", w->album.at[w->end[2 * i]].key);
        c->target = eval_text(w->r, "%s", w->album.at[w->end[2 * i + 1]].key);
        if (!c->name || !c->source || !c->target) s = base_no_memory(e);
        if (!good[i]) continue;
        take(&walk[i], value, i);
        mean += walk[i].distinct;
        squares += (double)walk[i].distinct * walk[i].distinct;
        n++;
    }
    if (s) return s;
    double k = (double)n, variance = n > 1 ? (squares - mean * mean / k) / (k - 1) : (double)NAN;
    if (!eval_add_number(x, &spread, sqrt(fmax(variance, 0)))) return base_no_memory(e);
    return add_curve(x, walk, e);
}

static guise_status measure(void *user, const char *file, base_error *e)
{
    work *w = user;
    float *rows = NULL;
    size_t n = 0;
    if (*w->c->stopped) return GUISE_OK;
    guise_status s = embed(w, file, &rows, &n, e);
    if (!s && !*w->c->stopped) {
        train_walk *walk = base_alloc(w->pairs, sizeof *walk);
        bool *good = base_alloc(w->pairs, sizeof *good);
        int64_t pairs = walk && good ? (int64_t)w->pairs : 0;
#pragma omp parallel for schedule(static)
        for (int64_t i = 0; i < pairs; i++) {
            const float *a = w->album.at[w->end[2 * i]].vector;
            const float *b = w->album.at[w->end[2 * i + 1]].vector;
            good[i] = a && b;
            if (good[i]) train_walk_between(a, b, rows, n, w->album.length, &walk[i]);
        }
        s = walk && good ? add_result(w, file, walk, good, e) : base_no_memory(e);
        base_free(walk);
        base_free(good);
    }
    base_free(rows);
    return s;
}

static bool describe(work *w)
{
    static const struct {
        const char *method;
        double count, deviation;
    } figure9[] = {{"Smooth-Swap", 5.13, 1.18}, {"VGGFace2", 4.42, 1.41}, {"ArcFace", 4.25, 1.33}};
    static const char source[] = "Kim et al. 2022, figure 9";
    static const char note[] = "FFHQ: ends from its test photos, all of its training photos as "
                               "bank; how many pairs is not said";
    eval_report *r = w->r;
    bool ok = true;
    r->title = "Smoothness: walks between two identities";
    r->data = eval_text(r, "%s: %zu pairs of held-out people, a bank of %zu photos of others",
                        w->c->data, w->pairs, w->banks);
    for (size_t i = 0; ok && i < sizeof figure9 / sizeof *figure9; i++)
        ok = eval_add_published(
                 r, (eval_published){figure9[i].method, "count", figure9[i].count, source, note}) &&
             eval_add_published(r, (eval_published){figure9[i].method, "count_deviation",
                                                    figure9[i].deviation, source, note});
    return ok && r->data &&
           eval_add_note(r, "All of these depend on how many photos the bank has, and of whom: "
                            "only embedders measured with the same bank compare.");
}

static guise_status run(const eval_call *c, const void *given, eval_report *r, base_error *e)
{
    const options *o = given;
    work w = {.c = c, .o = o, .r = r};
    const char *from = o->embedder ? o->embedder : c->generator;
    if (!c->data || !from)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "say where photos are with --data, and which network makes identities "
                         "with --embedder");
    if (o->pairs < 1 || o->pairs > 100000 || o->bank < 2 || o->bank > 1000000)
        return base_fail(e, GUISE_BAD_ARGUMENT, "pairs lie in 1..100000, the bank in 2..1000000");
    guise_status s = eval_album_open(&w.album, c->data, c->landmarks, o->by_name, e);
    if (!s) s = choose(&w, e);
    if (!s) s = eval_each_file(from, measure, &w, e);
    if (!s && !*c->stopped && !describe(&w)) s = base_no_memory(e);
    eval_album_close(&w.album);
    base_free(w.end);
    base_free(w.bank);
    return s;
}

const eval_suite eval_suite_smooth = {
    .name = "smooth",
    .summary = "an embedder's smoothness: d_smooth, photos met between two people",
    .fields = fields,
    .size = sizeof(options),
    .run = run,
};
