// suite_pairs.c -- eval pairs: the few numbers that a training shows of its progress, again.
#include "eval/suites.h"
#include "eval/teachers.h"
#include "model/card.h"
#include "train/train.h"
#include "weights/weights.h"
#include <string.h>

typedef struct {
    const char *measure, *sheet;
    int pairs;
} options;

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"measure", 0, BASE_TEXT, AT(measure), NULL,
     "ONNX recogniser that measures; not the one that training used"},
    {"pairs", 0, BASE_INT, AT(pairs), "200", "pairs of people, 1 to 100000"},
    {"sheet", 0, BASE_TEXT, AT(sheet), NULL, "picture of the first pairs to write"},
    {0}};

static const eval_definition definitions[] = {
    {"cosine_to_source", "cosine to source", "-1 to 1; same person in two photos: about 0.7",
     "mean cosine of the result's vector to the source photo's, by the measuring recogniser",
     "ours", 1, 3},
    {"cosine_to_target", "cosine to target", "",
     "mean cosine of the result's vector to the target photo's", "ours", -1, 3},
    {"closer_to_source", "closer to source", "share of the results",
     "share of results whose cosine to the source is larger than to the target", "ours", 1, 3},
    {"top1", "top-1 retrieval", "share: nearest of all sources is the right one",
     "share of results whose nearest source of all pairs is the right one", "ours", 1, 3},
    {"self_swap_l1", "self-swap error", "mean |result - target| of full range",
     "mean absolute difference of the target with its own identity to the target", "ours", -1, 4},
    {"sharpness", "sharpness", "result / target",
     "mean gradient magnitude of luma in the face's oval, result divided by target", "ours", 0, 3},
};

static guise_status run(const eval_call *c, const void *given, eval_report *r, base_error *e)
{
    const options *o = given;
    if (!c->data || !o->measure)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "say where photos are with --data, and which recogniser measures with "
                         "--measure");
    if (o->pairs < 1 || o->pairs > 100000)
        return base_fail(e, GUISE_BAD_ARGUMENT, "pairs lies in 1..100000, not at %d", o->pairs);
    if (!c->generator)
        return base_fail(e, GUISE_IO, "there is no generator; name one with --weights");
    base_tensors card = {0};
    char name[64], *judge = (char *)(uintptr_t)o->measure;
    eval_stem(c->generator, name);
    guise_status s = weights_read(&card, c->generator, e);
    if (!s) s = eval_refuse_teachers(c, &card, NULL, &judge, 1, name, r, e);
    const char *space = base_tensors_meta(&card, CARD_IDENTITY);
    char *identity = NULL, *usual = base_format("%s.onnx", space ? space : "face_reid_0095");
    if (!s && !usual) s = base_no_memory(e);
    if (!s) s = eval_choose(c, c->recogniser, usual, true, &identity, e);
    base_free(usual);
    base_tensors_free(&card);
    train_measure_config config = {.generator = c->generator,
                                   .data = c->data,
                                   .landmarks = c->landmarks,
                                   .detector = c->detector,
                                   .identity = identity,
                                   .measure = o->measure,
                                   .sheet = o->sheet,
                                   .pairs = o->pairs};
    train_measurement m = {0};
    if (!s) s = train_measure(&m, &config, e);
    base_free(identity);
    if (!s) s = eval_add_network(r, "identity", o->measure, e);
    if (s) return s;
    const double value[] = {m.to_source, m.to_target, m.closer, m.top1, m.self_l1, m.sharpness};
    r->data = eval_text(r, "%d pairs of held-out people of %s", m.pairs, c->data);
    eval_result *x = eval_add_result(r, c->generator, 0);
    for (size_t i = 0; i < sizeof value / sizeof *value; i++)
        if (!x || !r->data || !eval_add_number(x, &definitions[i], value[i]))
            return base_no_memory(e);
    x->file = x->name;
    return base_sha256_file(&x->sha256, c->generator, e);
}

const eval_suite eval_suite_pairs = {
    .name = "pairs",
    .summary = "a generator on pairs of held-out people, as its training measured it",
    .fields = fields,
    .size = sizeof(options),
    .run = run,
};
