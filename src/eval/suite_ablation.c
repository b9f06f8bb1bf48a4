// suite_ablation.c -- eval ablation: SimSwap with other feature matching losses and identity
// weights (Chen et al. 2020, figure 7), each measured as eval swap measures, in one table.
#include "eval/files.h"
#include "eval/suites.h"
#include "model/card.h"
#include "weights/weights.h"
#include <math.h>
#include <string.h>

typedef struct {
    const char *generators, *runs, *people, *identity;
    int pairs, gallery, seed;
    bool by_name, pictures;
} options;

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"generators", 0, BASE_TEXT, AT(generators), NULL, "their files, with commas between"},
    {"runs", 0, BASE_TEXT, AT(runs), NULL,
     "or the folder that holds the folders of their trainings: RUNS/NAME/generator.safetensors"},
    {"pairs", 0, BASE_INT, AT(pairs), "500", "pairs of people, as for eval swap"},
    {"gallery", 0, BASE_INT, AT(gallery), "2000", "photos that retrieval looks through"},
    {"seed", 0, BASE_INT, AT(seed), "1", "of gallery and pairs: the same for all"},
    {"people", 0, BASE_TEXT, AT(people), "held-out", "held-out or all"},
    {"identity", 0, BASE_TEXT, AT(identity), NULL,
     "recogniser that measures; default: mobilefacenet.onnx"},
    {"by_name", 0, BASE_FLAG, AT(by_name), NULL, "file names tell people, not folders"},
    {"pictures", 0, BASE_FLAG, AT(pictures), NULL, "keep pictures of all pairs"},
    {0}};

// The paper's names of what our recipes train.
static const struct {
    const char *recipe, *name;
} variants[] = {
    {"simswap", "SimSwap"},          {"simswap-128", "SimSwap"},    {"simswap-toy", "SimSwap"},
    {"simswap-ofm", "oFM"},          {"simswap-nfm", "nFM"},        {"simswap-wfm-bar", "wFM-bar"},
    {"simswap-ofm-weak", "oFM-FM-"}, {"simswap-ofm-id", "oFM-id+"}, {"simswap-wfm-id", "wFM-id+"}};

// What the table keeps of eval swap.
static const char *const kept[] = {"retrieval_top1", "cosine_source",    "cosine_target",
                                   "pose_error",     "expression_error", "self_l1",
                                   "self_psnr",      "sharpness"};

// What the paper says of the order, in words: the first has the larger value.
static const struct {
    const char *metric, *more, *less;
} order[] = {{"retrieval_top1", "nFM", "SimSwap"},
             {"retrieval_top1", "SimSwap", "oFM"},
             {"retrieval_top1", "SimSwap", "wFM-bar"},
             {"retrieval_top1", "SimSwap", "oFM-FM-"},
             {"retrieval_top1", "SimSwap", "oFM-id+"},
             {"retrieval_top1", "nFM", "wFM-id+"},
             {"retrieval_top1", "nFM", "oFM"},
             {"pose_error", "nFM", "oFM"},
             {"pose_error", "SimSwap", "oFM"},
             {"self_l1", "nFM", "SimSwap"},
             {"self_l1", "nFM", "oFM"},
             {"self_l1", "SimSwap", "oFM"}};

typedef struct {
    const eval_call *c;
    const options *o;
    eval_report *r;
} work;

// The variant that a file's card says its recipe trained, or NULL: *name stays.
static guise_status variant_of(const char *file, const char **name, base_error *e)
{
    base_tensors t = {0};
    guise_status s = weights_read(&t, file, e);
    const char *recipe = s ? NULL : base_tensors_meta(&t, CARD_RECIPE);
    size_t n = recipe ? strcspn(recipe, " ") : 0;
    for (size_t i = 0; n && i < sizeof variants / sizeof *variants; i++)
        if (strlen(variants[i].recipe) == n && !strncmp(variants[i].recipe, recipe, n))
            *name = variants[i].name;
    base_tensors_free(&t);
    return s;
}

static void keep_some(eval_result *x)
{
    size_t n = 0;
    for (size_t k = 0; k < sizeof kept / sizeof *kept; k++)
        for (size_t i = n; i < x->n; i++) {
            if (strcmp(x->metric[i].is.name, kept[k]) != 0) continue;
            eval_metric m = x->metric[i];
            memmove(&x->metric[n + 1], &x->metric[n], (i - n) * sizeof m);
            x->metric[n++] = m;
        }
    for (size_t i = n; i < x->n; i++) base_free(x->metric[i].value);
    x->n = n;
}

// Options of eval swap out of ours.
static guise_status fill(const options *o, void *to, base_error *e)
{
    const struct {
        const char *name, *text;
        int number;
    } set[] = {{"pairs", NULL, o->pairs},
               {"gallery", NULL, o->gallery},
               {"seed", NULL, o->seed},
               {"people", o->people, 0},
               {"identity", o->identity, 0},
               {"by_name", o->by_name ? "yes" : "no", 0},
               {"pictures", o->pictures ? "yes" : "no", 0},
               {"runs", NULL, 1}};
    const base_field *f = eval_suite_swap.fields;
    guise_status s = GUISE_OK;
    base_fields_init(f, to);
    for (size_t i = 0; !s && i < sizeof set / sizeof *set; i++) {
        char number[32];
        snprintf(number, sizeof number, "%d", set[i].number);
        bool text = base_fields_find(f, set[i].name)->type != BASE_INT;
        if (text && !set[i].text) continue;
        s = base_fields_set(f, to, set[i].name, text ? set[i].text : number, e);
    }
    return s;
}

// Measured by eval swap in a folder of its own, so that every variant can be resumed.
static guise_status swap_with(work *w, const char *file, const char *own, eval_report *one,
                              base_error *e)
{
    eval_call c = *w->c;
    void *o = base_alloc(1, eval_suite_swap.size);
    char *dir = c.out ? base_format("%s/%s", c.out, own) : NULL;
    guise_status s = o && (dir || !c.out) ? fill(w->o, o, e) : base_no_memory(e);
    if (!s && dir) s = base_make_dir(dir, e);
    c.generator = file;
    c.out = dir;
    if (!s) s = eval_suite_swap.run(&c, o, one, e);
    base_free(dir);
    base_free(o);
    return s;
}

// The result as a line of the table: its name, its metrics, where its pictures are.
static guise_status settle(eval_report *r, eval_result *x, const char *variant, const char *own,
                           base_error *e)
{
    bool same = variant && !strcmp(own, variant);
    x->name = same      ? variant
              : variant ? eval_text(r, "%s (%s)", variant, own)
                        : eval_text(r, "%s", own);
    bool ok = x->name != NULL;
    for (size_t i = 0; ok && i < x->n_cases; i++) {
        eval_case *c = &x->cases[i];
        if (c->picture) ok = (c->picture = eval_text(r, "%s/%s", own, c->picture)) != NULL;
    }
    keep_some(x);
    return ok ? GUISE_OK : base_no_memory(e);
}

static guise_status measure(void *user, const char *file, base_error *e)
{
    work *w = user;
    eval_report one = {0};
    const char *variant = NULL;
    size_t before = w->r->n;
    if (*w->c->stopped) return GUISE_OK;
    char *own = eval_file_name(file);
    guise_status s = own ? variant_of(file, &variant, e) : base_no_memory(e);
    if (!s) s = swap_with(w, file, own, &one, e);
    if (!s && !*w->c->stopped) s = eval_take_results(w->r, &one, e);
    eval_report_free(&one);
    for (size_t i = before; !s && i < w->r->n; i++)
        s = settle(w->r, w->r->result[i], variant, own, e);
    base_free(own);
    return s;
}

static guise_status measure_runs(work *w, base_error *e)
{
    base_names l = {0};
    guise_status s = base_names_read(&l, w->o->runs, e);
    for (size_t i = 0; !s && i < l.n; i++) {
        char *file = base_format("%s/%s/generator.safetensors", w->o->runs, l.name[i]);
        if (!file) s = base_no_memory(e);
        if (!s && base_is_file(file)) s = measure(w, file, e);
        base_free(file);
    }
    base_names_free(&l);
    if (!s && !w->r->n && !*w->c->stopped)
        s = base_fail(e, GUISE_IO, "%s holds no NAME/generator.safetensors", w->o->runs);
    return s;
}

// The first result of a variant, or NULL.
static const eval_result *of_variant(const eval_report *r, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < r->n; i++)
        if (!strncmp(r->result[i]->name, name, n) &&
            (!r->result[i]->name[n] || r->result[i]->name[n] == ' '))
            return r->result[i];
    return NULL;
}

// Whether the paper's order holds, pair by pair. Means are known by eval_finish.
static guise_status compare(eval_report *r, base_error *e)
{
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const eval_result *a = of_variant(r, order[i].more), *b = of_variant(r, order[i].less);
        const eval_metric *more = a ? eval_metric_find(a, order[i].metric) : NULL;
        const eval_metric *less = b ? eval_metric_find(b, order[i].metric) : NULL;
        if (!more || !less) continue;
        bool apart = more->low > less->high || less->low > more->high;
        const char *note = eval_text(
            r, "%s: %s %.*f, %s %.*f. In the paper %s has the larger value: %s%s.", more->is.title,
            order[i].more, more->is.digits, more->mean, order[i].less, less->is.digits, less->mean,
            order[i].more, more->mean > less->mean ? "so it is here" : "not so here",
            apart ? "" : ", but the intervals overlap");
        if (!eval_add_note(r, note)) return base_no_memory(e);
    }
    return GUISE_OK;
}

static guise_status run(const eval_call *c, const void *given, eval_report *r, base_error *e)
{
    const options *o = given;
    work w = {.c = c, .o = o, .r = r};
    if (!c->data || !o->generators == !o->runs)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "say where photos are with --data, and where the variants are with "
                         "--generators or --runs");
    guise_status s =
        o->generators ? eval_each_file(o->generators, measure, &w, e) : measure_runs(&w, e);
    r->title = "Ablation: SimSwap's losses";
    if (!s && !*c->stopped) s = eval_finish(r, e);
    if (!s && !*c->stopped) s = compare(r, e);
    if (!s &&
        !eval_add_note(r, "The paper measures on FaceForensics++ and CelebAMask-HQ with other "
                          "networks, and prints figure 7 as a plot: its order, in words, is "
                          "what can be compared."))
        s = base_no_memory(e);
    return s;
}

const eval_suite eval_suite_ablation = {
    .name = "ablation",
    .summary = "SimSwap's variants in one table, and whether the paper's order holds",
    .fields = fields,
    .size = sizeof(options),
    .run = run,
};
