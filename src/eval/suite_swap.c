// suite_swap.c -- eval swap: a generator on pairs of people whom its training never saw.
#include "backend/tune.h"
#include "eval/suites.h"
#include "eval/swap.h"
#include "eval/teachers.h"
#include "weights/weights.h"
#include <string.h>

#define AT(field) offsetof(swap_options, field)
static const base_field fields[] = {
    {"pairs", 0, BASE_INT, AT(pairs), "500", "pairs of different people, 2 to 100000"},
    {"seed", 0, BASE_INT, AT(seed), "1", "of the gallery and the pairs"},
    {"gallery", 0, BASE_INT, AT(gallery), "2000", "photos that retrieval looks through, at most"},
    {"people", 0, BASE_TEXT, AT(people), "held-out",
     "held-out: those that no training of guise sees; all: whom this training never saw anyway"},
    {"by_name", 0, BASE_FLAG, AT(by_name), NULL,
     "file names tell people, not folders: FOLDER/001_smiling.jpg"},
    {"identity", 0, BASE_TEXT, AT(identity), NULL,
     "recogniser that measures; default: mobilefacenet.onnx"},
    {"pose", 0, BASE_TEXT, AT(pose), NULL,
     "ONNX network of head pose; default: headpose_adas_0001.onnx, where it is found"},
    {"shape", 0, BASE_TEXT, AT(shape), NULL,
     "ONNX network of 3DDFA; default: 3ddfa_mb05_120x120.onnx, where it is found"},
    {"features", 0, BASE_TEXT, AT(features), NULL,
     "ONNX network of the Frechet distance; default: the one of identity"},
    {"range", 0, BASE_TEXT, AT(range), "255", "what it takes: 255 (0..255), 1 (0..1), -1 (-1..1)"},
    {"labels", 0, BASE_TEXT, AT(labels), NULL,
     "CSV of people's labels; default: DATA/labels.csv or DATA/DATA_info.csv, where it is there"},
    {"pictures", 0, BASE_FLAG, AT(pictures), "yes", "keep a picture of each pair in OUT/cases"},
    {"every", 0, BASE_FLAG, AT(every), NULL,
     "all generators that lie among the weights, each with its own recogniser"},
    {"runs", 0, BASE_INT, AT(runs), "10", "timed runs of one swap, 1 to 1000"},
    {0}};

static guise_status check(const eval_call *c, const swap_options *o, base_error *e)
{
    if (!c->data) return base_fail(e, GUISE_BAD_ARGUMENT, "say where photos are with --data");
    if (!c->generator)
        return base_fail(e, GUISE_IO, "there is no generator; name one with --weights");
    if (o->pairs < 2 || o->pairs > 100000)
        return base_fail(e, GUISE_BAD_ARGUMENT, "pairs lies in 2..100000, not at %d", o->pairs);
    if (o->gallery < 2 || o->runs < 1 || o->runs > 1000)
        return base_fail(e, GUISE_BAD_ARGUMENT, "gallery is at least 2, and runs lies in 1..1000");
    if (strcmp(o->people, "held-out") != 0 && strcmp(o->people, "all") != 0)
        return base_fail(e, GUISE_BAD_ARGUMENT, "people is held-out or all, not '%s'", o->people);
    if (strcmp(o->range, "255") != 0 && strcmp(o->range, "1") != 0 && strcmp(o->range, "-1") != 0)
        return base_fail(e, GUISE_BAD_ARGUMENT, "range is 255, 1 or -1, not '%s'", o->range);
    return GUISE_OK;
}

static guise_status choose_files(swap_run *r, base_error *e)
{
    const swap_options *o = r->o;
    char *usual = base_format("%s.onnx", r->card.identity);
    guise_status s = usual ? GUISE_OK : base_no_memory(e);
    if (!s) s = eval_choose(r->c, r->c->recogniser, usual, true, &r->identity_file, e);
    if (!s) s = eval_choose(r->c, o->identity, "mobilefacenet.onnx", true, &r->judge_file, e);
    if (!s) s = eval_choose(r->c, o->pose, "headpose_adas_0001.onnx", false, &r->pose_file, e);
    if (!s) s = eval_choose(r->c, o->shape, "3ddfa_mb05_120x120.onnx", false, &r->form_file, e);
    if (!s)
        s = eval_choose(r->c, o->features ? o->features : r->judge_file, "", true,
                        &r->features_file, e);
    base_free(usual);
    return s;
}

static guise_status open_networks(swap_run *r, base_error *e)
{
    guise_status s = train_swapper_read(&r->swapper, r->c->generator, e);
    if (!s) s = eval_embedder_open(&r->taker, r->identity_file, e);
    if (!s && eval_embedder_length(r->taker) != (size_t)r->card.length)
        s = base_fail(e, GUISE_BAD_ARGUMENT,
                      "%s makes vectors of %zu numbers, but the generator takes %d",
                      r->identity_file, eval_embedder_length(r->taker), r->card.length);
    if (!s) s = eval_embedder_open(&r->judge, r->judge_file, e);
    if (!s && r->pose_file) s = eval_gauge_open(&r->pose, r->pose_file, e);
    if (!s && r->form_file) s = eval_gauge_open(&r->form, r->form_file, e);
    return s ? s : eval_gauge_open(&r->features, r->features_file, e);
}

static guise_status begin(swap_run *r, eval_report *to, base_error *e)
{
    base_tensors t = {0};
    eval_stem(r->c->generator, r->name);
    guise_status s = weights_read(&t, r->c->generator, e);
    if (!s) s = train_card_read(&r->card, &t, r->c->generator, e);
    if (!s) s = choose_files(r, e);
    if (!s && !r->o->shape)
        s = eval_leave_out_form(r->c, &t, &r->form_file, r->name, &r->form_taught, to, e);
    char *const judge[] = {r->judge_file, r->pose_file, r->form_file, r->features_file};
    if (!s) s = eval_refuse_teachers(r->c, &t, r->identity_file, judge, 4, r->name, to, e);
    if (!s) s = open_networks(r, e);
    base_tensors_free(&t);
    return s;
}

static void end(swap_run *r)
{
    swap_people_close(r);
    train_swapper_close(&r->swapper);
    eval_embedder_close(&r->taker);
    eval_embedder_close(&r->judge);
    eval_gauge_close(&r->pose);
    eval_gauge_close(&r->form);
    eval_gauge_close(&r->features);
    char *const file[5] = {r->identity_file, r->judge_file, r->pose_file, r->form_file,
                           r->features_file};
    for (int i = 0; i < 5; i++) base_free(file[i]);
}

// All that the numbers depend on: files by their bytes, options, who was drawn, and where faces
// are.
static guise_status key_of(const swap_run *r, base_sha256 *key, base_error *e)
{
    const char *const file[] = {r->c->generator, r->identity_file, r->judge_file,
                                r->pose_file,    r->form_file,     r->features_file};
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return base_no_memory(e);
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < sizeof file / sizeof *file; i++) {
        base_sha256 h = {{0}};
        if (file[i]) s = base_sha256_file(&h, file[i], e);
        fprintf(f, "%s\n", h.hex);
    }
    fprintf(f, "%d %d %s %d\n", r->o->pairs, r->n_gallery, r->o->range, r->o->pictures);
    for (int i = 0; i < r->n_gallery; i++) {
        const eval_photo *a = &r->album.at[r->gallery[i]];
        fprintf(f, "%s", a->key);
        for (int k = 0; k < FACE_POINTS; k++)
            fprintf(f, " %a %a", (double)a->photo->point[k].x, (double)a->photo->point[k].y);
        fprintf(f, "\n");
    }
    for (int i = 0; i < r->o->pairs; i++)
        fprintf(f, "%d %d\n", r->pair[i].source, r->pair[i].target);
    if (fclose(f)) s = base_no_memory(e);
    if (!s) base_sha256_bytes(key, text, size);
    base_free(text);
    return s;
}

// Pairs in batches, those that the records have left.
static guise_status measure_all(swap_run *r, swap_records *f, int from, base_error *e)
{
    guise_status s = GUISE_OK;
    r->done += from;
    for (int i = from; !s && i < r->o->pairs && !*r->c->stopped; i += TRAIN_SWAPS) {
        int n = r->o->pairs - i < TRAIN_SWAPS ? r->o->pairs - i : TRAIN_SWAPS;
        s = swap_measure(r, i, n, e);
        if (!s && f) s = swap_records_add(f, r, i, n, e);
        for (int k = 0; !s && k < n; k++) swap_tell(r);
    }
    return s;
}

static guise_status measure(swap_run *r, base_error *e)
{
    const char *out = r->c->out;
    swap_records *f = NULL;
    base_sha256 key;
    int from = 0;
    char *cases = out ? base_format("%s/cases", out) : NULL;
    char *records = out ? base_format("%s/%s.records", out, r->name) : NULL;
    char *pairs = out ? base_format("%s/pairs.csv", out) : NULL;
    guise_status s = out && (!cases || !records || !pairs) ? base_no_memory(e) : GUISE_OK;
    if (!s && out && r->o->pictures) s = base_make_dir(cases, e);
    if (!s && out) s = key_of(r, &key, e);
    if (!s && out) s = swap_records_open(&f, records, &key, r->c->resume, r, &from, e);
    if (!s && out) s = swap_write_pairs(r, pairs, e);
    if (!s) s = measure_all(r, f, from, e);
    swap_records_close(&f);
    base_free(cases);
    base_free(records);
    base_free(pairs);
    return s;
}

static guise_status run_one(const eval_call *c, const swap_options *o, eval_report *to,
                            base_error *e)
{
    swap_run r = {.c = c, .o = o};
    guise_status s = begin(&r, to, e);
    if (!s) s = swap_people_open(&r, e);
    if (!s && !*c->stopped) s = measure(&r, e);
    if (!s && !*c->stopped) s = swap_report(&r, to, e);
    end(&r);
    return s;
}

static guise_status run(const eval_call *c, const void *options, eval_report *to, base_error *e)
{
    const swap_options *o = options;
    guise_status s = check(c, o, e);
    if (!o->every) return s ? s : run_one(c, o, to, e);
    for (size_t i = 0; !s && i < c->generators->n && !*c->stopped; i++) {
        eval_call one = *c;
        one.generator = c->generators->name[i];
        s = run_one(&one, o, to, e);
    }
    return s;
}

const eval_suite eval_suite_swap = {
    .name = "swap",
    .summary = "a generator on pairs of people whom its training never saw",
    .fields = fields,
    .size = sizeof(swap_options),
    .run = run,
};
