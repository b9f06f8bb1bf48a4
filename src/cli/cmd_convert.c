// cmd_convert.c -- guise convert: weights of any kind to safetensors.
#include "cli/cli.h"

typedef struct {
    const char *json, *mix;
    bool half;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {
    {"half", 0, BASE_FLAG, AT(half), NULL, "16-bit numbers in place of 32-bit ones"},
    {"mix", 0, BASE_TEXT, AT(mix), NULL, "mean with the weights of this file, of the same network"},
    CLI_JSON,
    {0}};

static int run(const cli_call *c)
{
    const options *o = c->options;
    guise_engine *g = NULL;
    guise_status s = guise_open(&g, NULL);
    if (!s) s = guise_convert(g, c->arg[0], o->mix, c->arg[1], o->half);
    int code = s ? cli_fail("convert", s, guise_message(g)) : 0;
    if (!s)
        code = cli_json(
            "convert", o->json,
            json_pack("{s:s,s:s,s:b}", "from", c->arg[0], "to", c->arg[1], "half", o->half));
    guise_close(&g);
    return code;
}

const cli_command cmd_convert = {
    .name = "convert",
    .args = "IN OUT.safetensors",
    .summary = "weights from .pth, .onnx or .safetensors to safetensors",
    .example = "  guise convert simswap.pth simswap.safetensors --half\n"
               "  guise convert late.safetensors both.safetensors --mix early.safetensors",
    .least = 2,
    .most = 2,
    .options = table,
    .size = sizeof(options),
    .run = run,
};
