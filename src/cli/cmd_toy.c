// cmd_toy.c -- guise toy: drawn people, to try training on.
#include "cli/cli.h"

typedef struct {
    int people, photos, size, seed;
    const char *json;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {
    {"people", 'p', BASE_INT, AT(people), "60", "how many, 1 to 9999"},
    {"photos", 'n', BASE_INT, AT(photos), "20", "of each of them, 1 to 9999"},
    {"size", 's', BASE_INT, AT(size), "112", "side of a photo in pixels, 32 to 1024"},
    {"seed", 0, BASE_INT, AT(seed), "1", "another one gives other people"},
    CLI_JSON,
    {0}};

static int run(const cli_call *c)
{
    const options *o = c->options;
    guise_engine *g = NULL;
    guise_status s = guise_open(&g, NULL);
    if (!s) s = guise_toy(g, c->arg[0], o->people, o->photos, o->size, o->seed);
    int code = s ? cli_fail("toy", s, guise_message(g)) : 0;
    if (!s && cli_text(o->json))
        printf("%s/faces: %d drawn people, %d photos of each\n"
               "%s/teacher.onnx, judge.onnx: recognisers of them\n",
               c->arg[0], o->people, o->photos, c->arg[0]);
    if (!s)
        code = cli_json("toy", o->json,
                        json_pack("{s:s,s:i,s:i,s:i,s:i}", "folder", c->arg[0], "people", o->people,
                                  "photos", o->photos, "size", o->size, "seed", o->seed));
    guise_close(&g);
    return code;
}

const cli_command cmd_toy = {
    .name = "toy",
    .args = "DIR",
    .summary = "drawn people, to try training on: the right swap is known",
    .notes =
        "DIR/faces has a folder for each person, and five points for each photo beside it.\n"
        "DIR/teacher.onnx recognises drawn people for training, DIR/judge.onnx for measuring;\n"
        "guise eval toy says how far swaps are from the right ones.",
    .example = "  guise toy toys\n"
               "  guise train simswap-toy --data toys/faces --recogniser toys/teacher.onnx "
               "--out run\n"
               "  guise eval toy --data toys/faces --recogniser toys/teacher.onnx \\\n"
               "      --weights run/generator.safetensors --judge toys/judge.onnx --sheet toy.png",
    .least = 1,
    .most = 1,
    .options = table,
    .size = sizeof(options),
    .run = run,
};
