// cmd_eval.c -- guise eval: how good a generator is, on people whom no training saw.
#include "cli/cli.h"

typedef struct {
    guise_config config;
    guise_train_options train;
    const char *json, *sheet;
    int pairs;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {
    {"data", 'd', BASE_TEXT, AT(train.data), NULL, "folder of photos, one folder for each person"},
    {"measure", 0, BASE_TEXT, AT(train.measure), NULL,
     "ONNX recogniser that measures; not the one that training used"},
    {"model", 'm', BASE_TEXT, AT(config.model), NULL, "generator; default: the first one found"},
    {"weights", 'w', BASE_TEXT, AT(config.weights), NULL, "file with the generator"},
    {"pairs", 'n', BASE_INT, AT(pairs), "200", "pairs of people"},
    {"sheet", 's', BASE_TEXT, AT(sheet), NULL, "picture of the first pairs to write"},
    {"landmarks", 0, BASE_TEXT, AT(train.landmarks), NULL,
     "five points of each photo; default: DATA_landmarks5.txt where it is there"},
    CLI_DETECTOR,
    CLI_RECOGNISER,
    CLI_JSON,
    {0}};

static void print(const guise_measurement *m)
{
    printf("%d pairs of held-out people, cosines by the measuring recogniser\n", m->pairs);
    printf("  cosine to source    %6.3f   mean; -1 to 1, same person in two photos: about 0.7\n",
           m->to_source);
    printf("  cosine to target    %6.3f   mean\n", m->to_target);
    printf("  closer to source    %5.1f %%   of the results\n", 100 * m->closer);
    printf("  top-1 retrieval     %5.1f %%   nearest of %d sources is the right one\n",
           100 * m->top1, m->pairs);
    printf("  self-swap error     %6.3f   mean |result - target| of full range\n", m->self_l1);
    printf("  sharpness           %6.3f   gradient magnitude in the face, result / target\n",
           m->sharpness);
}

static int run(const cli_call *c)
{
    const options *o = c->options;
    if (!o->train.data || !o->train.measure)
        return cli_usage("eval", "say where photos are with --data, and which recogniser measures "
                                 "with --measure");
    guise_engine *g = NULL;
    guise_measurement m = {0};
    guise_status s = guise_open(&g, &o->config);
    if (!s) s = guise_measure(g, &o->train, o->pairs, o->sheet, &m);
    int code = s ? cli_fail("eval", s, guise_message(g)) : 0;
    if (!s && cli_text(o->json)) print(&m);
    if (!s)
        code = cli_json("eval", o->json,
                        json_pack("{s:i,s:f,s:f,s:f,s:f,s:f,s:f}", "pairs", m.pairs,
                                  "cosine_to_source", m.to_source, "cosine_to_target", m.to_target,
                                  "closer_to_source", m.closer, "top1", m.top1, "self_swap_l1",
                                  m.self_l1, "sharpness", m.sharpness));
    guise_close(&g);
    return code;
}

const cli_command cmd_eval = {
    .name = "eval",
    .args = "--data DIR --measure FILE",
    .summary = "measure a generator on people whom no training saw",
    .example =
        "  guise eval --data photos --measure mobilefacenet.onnx --weights generator.safetensors",
    .least = 0,
    .most = 0,
    .options = table,
    .size = sizeof(options),
    .run = run,
};
