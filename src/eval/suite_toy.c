// suite_toy.c -- eval toy: swaps of drawn faces against the right ones, which are drawn too.
#include "eval/suites.h"
#include "train/toy_measure.h"

typedef struct {
    const char *judge, *sheet;
    int pairs;
    bool pair;
} options;

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"judge", 0, BASE_TEXT, AT(judge), NULL,
     "ONNX recogniser of drawn faces that measures, DIR/judge.onnx of guise toy; default: none"},
    {"pairs", 0, BASE_INT, AT(pairs), "64", "pairs of people who were not trained on, 1 to 4000"},
    {"pair", 0, BASE_FLAG, AT(pair), NULL,
     "the first person's face on new photos of the second: for generators of one pair"},
    {"sheet", 0, BASE_TEXT, AT(sheet), NULL,
     "picture to write: source, target, result, right swap"},
    {0}};

static const eval_definition definitions[] = {
    {"wrong", "distance to the right swap", "share of full range",
     "mean |result - right swap| in the oval of the face; the right swap is drawn: the source's "
     "traits, shown as the target is",
     "ours", -1, 4},
    {"idle", "of doing nothing", "share of full range",
     "mean |target - right swap| in the oval of the face", "ours", 0, 4},
    {"ratio", "ratio of the two", "1: as wrong as doing nothing", "wrong / idle", "ours", -1, 3},
    {"rest", "around the face", "share of full range",
     "mean |result - right swap| outside of the oval: hair, background, clothes", "ours", -1, 4},
    {"self", "self-swap error", "share of full range",
     "mean |self-swap - target| over the crop; 0 where no self-swap is made", "ours", -1, 4},
    {"like", "cosine to source by the judge", "-1 to 1",
     "mean cosine of the result's vector to the source photo's", "ours", 1, 3},
    {"likeness", "the same of the right swap", "-1 to 1",
     "mean cosine of the right swap's vector to the source photo's", "ours", 0, 3},
};

static guise_status add(eval_report *r, const eval_call *c, const options *o, const toy_measured *m,
                        base_error *e)
{
    const double value[] = {m->wrong,   m->idle, m->idle > 0 ? m->wrong / m->idle : 0,
                            m->rest,    m->self, m->like,
                            m->likeness};
    eval_result *x = eval_add_result(r, c->generator, 0);
    for (int i = 0; i < (o->judge ? 7 : 5); i++)
        if (!x || !eval_add_number(x, &definitions[i], value[i])) return base_no_memory(e);
    r->data = eval_text(r, "%d pairs of drawn people like those of %s", m->pairs, c->data);
    if (!r->data) return base_no_memory(e);
    x->file = x->name;
    return base_sha256_file(&x->sha256, c->generator, e);
}

static guise_status run(const eval_call *c, const void *given, eval_report *r, base_error *e)
{
    const options *o = given;
    if (!c->data)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "say where drawn faces are with --data; guise toy makes them");
    if (o->pairs < 1 || o->pairs > 4000)
        return base_fail(e, GUISE_BAD_ARGUMENT, "pairs lies in 1..4000, not at %d", o->pairs);
    if (!c->generator)
        return base_fail(e, GUISE_IO, "there is no generator; name one with --weights");
    toy_measuring t = {.generator = c->generator,
                       .identity = c->recogniser,
                       .judge = o->judge,
                       .sheet = o->sheet,
                       .pairs = o->pairs,
                       .pair = o->pair};
    toy_measured m;
    guise_status s = toy_set_read(&t.set, c->data, e);
    if (!s) s = toy_measure(&m, &t, e);
    if (!s && o->judge) s = eval_add_network(r, "judge", o->judge, e);
    return s ? s : add(r, c, o, &m, e);
}

const eval_suite eval_suite_toy = {
    .name = "toy",
    .summary = "swaps of drawn faces (guise toy) against the right ones",
    .fields = fields,
    .size = sizeof(options),
    .run = run,
};
