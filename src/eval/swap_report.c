// swap_report.c -- what eval swap says: definitions, metrics, labels, notes.
#include "backend/backend.h"
#include "eval/cost.h"
#include "eval/statistics.h"
#include "eval/swap.h"
#include <math.h>
#include <string.h>

// Of cases.
enum {
    TO_SOURCE,
    TO_TARGET,
    CLOSER,
    TOP1,
    TOP5,
    UNSWAPPED,
    SAME_PERSON,
    POSE,
    SELF_POSE,
    EXPRESSION,
    SHAPE,
    SHAPE_UNSWAPPED,
    SELF_L1,
    SELF_PSNR,
    SELF_SSIM,
    SHARPNESS,
    METRICS
};

static const eval_definition definitions[METRICS] = {
    [TO_SOURCE] =
        {"cosine_source", "cosine to source", "",
         "cosine of the result's identity vector to the source photo's, by the measuring "
         "recogniser, -1 to 1; the result is measured as a crop, with the target's points",
         "ours, after Chen et al. 2020 (SimSwap)", 1, 3},
    [TO_TARGET] = {"cosine_target", "cosine to target", "",
                   "cosine of the result's identity vector to the target photo's", "ours", -1, 3},
    [CLOSER] = {"closer_source", "closer to source", "share",
                "share of results whose cosine to the source is larger than to the target", "ours",
                1, 3},
    [TOP1] = {"retrieval_top1", "ID retrieval, top 1", "share",
              "share of results whose nearest photo in the gallery, by cosine, shows the source's "
              "person; all of the gallery's people count, the target's too",
              "Li et al. 2020 (FaceShifter), with another recogniser and gallery", 1, 3},
    [TOP5] = {"retrieval_top5", "ID retrieval, top 5", "share",
              "share of results with the source's person among the five nearest people of the "
              "gallery",
              "ours", 1, 3},
    [UNSWAPPED] = {"cosine_unswapped", "cosine without a swap", "",
                   "cosine of the target photo's vector to the source photo's: what a generator "
                   "that changes nothing reaches",
                   "ours", 0, 3},
    [SAME_PERSON] = {"cosine_same", "cosine of another photo", "",
                     "cosine of another photo of the source's person, the first in the gallery, to "
                     "the source photo: what a perfect swap might reach",
                     "ours", 0, 3},
    [POSE] = {"pose_error", "pose error", "degrees",
              "Euclidean distance of pitch, roll and yaw, each the mean of 18 looks, of the result "
              "and of the "
              "target, both as the generator's crop put back whole into the target photo",
              "after Chen et al. 2020 (SimSwap), with another network", -1, 2},
    [SELF_POSE] = {"self_pose_error", "pose error of a self-swap", "degrees",
                   "the same of the target with its own identity: what the network that measures "
                   "makes of a face that is painted anew and should not have turned at all",
                   "ours", -1, 2},
    [EXPRESSION] = {"expression_error", "expression error", "standard deviations",
                    "Euclidean distance of the 10 expression parameters of 3DDFA_V2 of the result "
                    "and of the target, each divided by its deviation over that network's training "
                    "data; measured as the pose",
                    "after Li et al. 2020 (FaceShifter), with another model", -1, 2},
    [SHAPE] = {"shape_error", "shape error", "standard deviations",
               "Euclidean distance of the 40 shape parameters of 3DDFA_V2 of the result and of the "
               "source, each divided by its deviation; measured as the pose",
               "after Kim et al. 2022 (Smooth-Swap), with another model", -1, 2},
    [SHAPE_UNSWAPPED] = {"shape_unswapped", "shape error without a swap", "standard deviations",
                         "the same distance of the target to the source", "ours", 0, 2},
    [SELF_L1] = {"self_l1", "self-swap, L1", "share of full range",
                 "target with its own identity: mean absolute difference to the target's crop over "
                 "pixels and channels, 0 to 1",
                 "ours", -1, 4},
    [SELF_PSNR] = {"self_psnr", "self-swap, PSNR", "dB",
                   "the same: 10 log10 of 255 squared over the mean square difference", "ours", 1,
                   2},
    [SELF_SSIM] = {"self_ssim", "self-swap, SSIM", "",
                   "the same: structural similarity, Gaussian window of 11 x 11 with deviation "
                   "1.5, mean over R, G, B and windows inside the crop, -1 to 1",
                   "Wang et al. 2004", 1, 3},
    [SHARPNESS] = {"sharpness", "sharpness", "result / target",
                   "mean length of luma's gradient in the oval of the face, of the result divided "
                   "by that of the target's crop; 1 is as sharp",
                   "ours", 0, 3},
};

static const eval_definition frechet = {
    "frechet",
    "Frechet distance",
    "",
    "Frechet distance between the features of the results and of all the gallery's photos, both "
    "cut as the generator's crops; features: first outputs of the stated network. Depends on the "
    "network and on how many there are: no FID of another protocol compares",
    "Heusel et al. 2017, eq. 6, with other features",
    -1,
    2};
static const eval_definition frechet_floor = {
    "frechet_floor",
    "Frechet distance, targets",
    "",
    "the same for the target photos themselves: what no swap reaches",
    "ours",
    0,
    2};
static const eval_definition parameters = {
    "parameters", "parameters", "million", "trained numbers of the generator", "ours", -1, 2};
static const eval_definition macs = {
    "gmac", "operations", "GMAC", "multiply-accumulates of convolutions and products for one face",
    "ours", -1,           3};
static const eval_definition milliseconds = {
    "ms",
    "time of one face",
    "ms, this machine",
    "median time of the generator alone, one face at a time, after one run to warm up",
    "ours",
    -1,
    1};
static const eval_definition memory = {
    "megabytes",
    "memory",
    "MB",
    "parameters, packed weights, values and scratch for one face at a time",
    "ours",
    -1,
    1};

// Another photo of the person in the gallery; -1: none.
static int other_photo(const swap_run *r, int photo)
{
    for (int i = 0; i < r->n_gallery; i++)
        if (r->gallery[i] != photo && r->album.at[r->gallery[i]].who == r->album.at[photo].who)
            return r->gallery[i];
    return -1;
}

static double seen_cosine(const swap_run *r, int a, int b)
{
    double sum = 0;
    for (size_t i = 0; i < eval_embedder_length(r->judge); i++)
        sum += (double)r->photo[a].seen[i] * (double)r->photo[b].seen[i];
    return sum;
}

static void values_of(const swap_run *r, int i, double to[METRICS])
{
    const double *v = r->value + (size_t)i * SWAP_VALUES;
    swap_pair p = r->pair[i];
    int other = other_photo(r, p.source);
    to[TO_SOURCE] = v[SWAP_TO_SOURCE];
    to[TO_TARGET] = v[SWAP_TO_TARGET];
    to[CLOSER] = v[SWAP_TO_SOURCE] > v[SWAP_TO_TARGET];
    to[TOP1] = v[SWAP_RANK] <= 1;
    to[TOP5] = v[SWAP_RANK] <= 5;
    to[UNSWAPPED] = seen_cosine(r, p.source, p.target);
    to[SAME_PERSON] = other < 0 ? (double)NAN : seen_cosine(r, p.source, other);
    to[POSE] = v[SWAP_POSE];
    to[SELF_POSE] = v[SWAP_SELF_POSE];
    to[EXPRESSION] = v[SWAP_EXPRESSION];
    to[SHAPE] = v[SWAP_SHAPE];
    to[SHAPE_UNSWAPPED] = v[SWAP_SHAPE_UNSWAPPED];
    to[SELF_L1] = v[SWAP_L1];
    to[SELF_PSNR] = v[SWAP_PSNR];
    to[SELF_SSIM] = v[SWAP_SSIM];
    to[SHARPNESS] = v[SWAP_SHARPNESS];
}

static guise_status add_metrics(const swap_run *r, eval_result *x, base_error *e)
{
    double v[METRICS];
    for (int k = 0; k < METRICS; k++) {
        bool missing = ((k == POSE || k == SELF_POSE) && !r->pose) ||
                       (k >= EXPRESSION && k <= SHAPE_UNSWAPPED && !r->form);
        if (missing) continue;
        eval_metric *m = eval_add_metric(x, &definitions[k]);
        if (!m) return base_no_memory(e);
        for (int i = 0; i < r->o->pairs; i++) {
            values_of(r, i, v);
            m->value[i] = v[k];
        }
    }
    return GUISE_OK;
}

// Features of the pairs' targets, which are rows of the gallery's.
static guise_status target_features(const swap_run *r, float **out, base_error *e)
{
    size_t d = swap_features(r), n = (size_t)r->o->pairs;
    float *at = base_alloc(n * d, sizeof *at);
    if (!at) return base_no_memory(e);
    for (size_t i = 0; i < n; i++) {
        int k = 0;
        while (r->gallery[k] != r->pair[i].target) k++;
        memcpy(at + i * d, r->real + (size_t)k * d, d * sizeof *at);
    }
    *out = at;
    return GUISE_OK;
}

static guise_status add_frechet(const swap_run *r, eval_result *x, base_error *e)
{
    float *targets = NULL;
    size_t d = swap_features(r), n = (size_t)r->o->pairs, real = (size_t)r->n_gallery;
    double distance = 0, least = 0;
    guise_status s = target_features(r, &targets, e);
    if (!s) s = eval_frechet(r->made, n, r->real, real, d, &distance, e);
    if (!s) s = eval_frechet(targets, n, r->real, real, d, &least, e);
    base_free(targets);
    if (!s &&
        (!eval_add_number(x, &frechet, distance) || !eval_add_number(x, &frechet_floor, least)))
        s = base_no_memory(e);
    return s;
}

static guise_status add_cost(const swap_run *r, eval_report *to, eval_result *x, base_error *e)
{
    eval_cost c;
    guise_status s = eval_cost_of(r->c->generator, r->o->runs, &c, e);
    if (s) return s;
    cpu_facts f;
    cpu_describe(&f);
    bool ok = to->n > 1 || eval_add_note(to, eval_text(to, "Time: with %d thread%s, %s.", f.threads,
                                                       f.threads > 1 ? "s" : "", f.isa));
    ok = ok && eval_add_number(x, &parameters, c.parameters / 1e6) &&
         eval_add_number(x, &macs, c.macs / 1e9) &&
         eval_add_number(x, &milliseconds, 1e3 * c.seconds) &&
         eval_add_number(x, &memory, (c.weight_bytes + c.plan_bytes) / 1e6);
    return ok ? GUISE_OK : base_no_memory(e);
}

// Labels of both people, where a file has them: "source gender", "target gender"...
static guise_status add_labels(const swap_run *r, eval_report *to, eval_result *x, base_error *e)
{
    eval_labels l = {0};
    char *path = NULL;
    guise_status s = eval_labels_find(r->o->labels, r->c->data, &path, e);
    if (!s && path) s = eval_labels_read(&l, path, e);
    for (int k = 0; !s && k < l.keys && 2 * k + 2 <= EVAL_LABELS; k++)
        for (int side = 0; !s && side < 2; side++) {
            int column = 2 * k + side; // the same for every generator
            if (column >= to->labels) to->labels = column + 1;
            to->label_key[column] = eval_text(to, "%s %s", side ? "target" : "source", l.key[k]);
            if (!to->label_key[column]) s = base_no_memory(e);
            for (int i = 0; !s && i < r->o->pairs; i++) {
                int photo = side ? r->pair[i].target : r->pair[i].source;
                const char *v = eval_labels_of(&l, r->album.at[photo].key, k);
                x->cases[i].label[column] = v ? eval_text(to, "%s", v) : NULL;
                if (v && !x->cases[i].label[column]) s = base_no_memory(e);
            }
        }
    eval_labels_free(&l);
    base_free(path);
    return s;
}

static guise_status name_cases(const swap_run *r, eval_report *to, eval_result *x, base_error *e)
{
    bool pictures = r->c->out && r->o->pictures, ok = true;
    for (int i = 0; ok && i < r->o->pairs; i++) {
        eval_case *c = &x->cases[i];
        c->name = eval_text(to, "%04d", i + 1);
        c->source = eval_text(to, "%s", r->album.at[r->pair[i].source].key);
        c->target = eval_text(to, "%s", r->album.at[r->pair[i].target].key);
        if (pictures) c->picture = eval_text(to, "cases/%s-%04d.jpg", r->name, i + 1);
        ok = c->name && c->source && c->target && (!pictures || c->picture);
    }
    if (pictures) x->columns = "source, target, result, target with its own identity";
    return ok ? GUISE_OK : base_no_memory(e);
}

// Each network once, where several generators are measured by the same ones.
static guise_status add_network(eval_report *to, const char *role, const char *file, base_error *e)
{
    for (size_t i = 0; i < to->n_networks; i++)
        if (!strcmp(to->network[i].role, role)) return GUISE_OK;
    return file ? eval_add_network(to, role, file, e) : GUISE_OK;
}

static guise_status add_networks(const swap_run *r, eval_report *to, base_error *e)
{
    guise_status s = add_network(to, "identity", r->judge_file, e);
    if (!s) s = add_network(to, "pose", r->pose_file, e);
    if (!s) s = add_network(to, "expression, shape", r->form_file, e);
    if (!s) s = add_network(to, "features", r->features_file, e);
    if (!s) s = add_network(to, "identity given", r->identity_file, e);
    if (!s && to->n == 1 && (!r->pose_file || (!r->form_file && !r->form_taught)) &&
        !eval_add_note(to, "Pose, or expression and shape, were not measured: their network was "
                           "not found."))
        s = base_no_memory(e);
    return s;
}

guise_status swap_report(swap_run *r, eval_report *to, base_error *e)
{
    bool all = !strcmp(r->o->people, "all");
    to->data = eval_text(to, "%d pairs out of a gallery of %d photos of %d %s in %s, seed %d",
                         r->o->pairs, r->n_gallery, r->people, all ? "people" : "held-out people",
                         r->c->data, r->o->seed);
    eval_result *x = eval_add_result(to, r->name, (size_t)r->o->pairs);
    if (!to->data || !x) return base_no_memory(e);
    x->file = eval_text(to, "%s", r->c->generator);
    guise_status s = x->file ? base_sha256_file(&x->sha256, x->file, e) : base_no_memory(e);
    if (!s) s = name_cases(r, to, x, e);
    if (!s) s = add_labels(r, to, x, e);
    if (!s) s = add_metrics(r, x, e);
    if (!s) s = add_frechet(r, x, e);
    if (!s) s = add_cost(r, to, x, e);
    return s ? s : add_networks(r, to, e);
}
