// cmd_compose.c -- guise compose: a face of nobody, the mean of many.
#include "cli/cli.h"

typedef struct {
    guise_config config;
    const char *output, *layout, *json;
    int size, seed;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {
    {"output", 'o', BASE_TEXT, AT(output), NULL, "picture to write"},
    {"template", 't', BASE_TEXT, AT(layout), "arcface", "arcface, simswap, ffhq or reid"},
    {"size", 's', BASE_INT, AT(size), "256", "side of the picture in pixels, 16 to 2048"},
    {"seed", 0, BASE_INT, AT(seed), "0",
     "0: all photos count the same; else random weights, to make another face"},
    CLI_JSON,
    CLI_DETECTOR,
    CLI_SCORE,
    {0}};

static int run(const cli_call *c)
{
    const options *o = c->options;
    if (!o->output) return cli_usage("compose", "say where to write with -o FILE");
    guise_engine *g = NULL;
    guise_image m = {0};
    guise_status s = guise_open(&g, &o->config);
    if (!s)
        s = guise_compose(g, (const char *const *)c->arg, (size_t)c->n, o->layout, o->size,
                          (unsigned long long)o->seed, &m);
    if (!s) s = guise_image_write(g, &m, o->output, GUISE_COMPOSED);
    int code = s ? cli_fail("compose", s, guise_message(g)) : 0;
    if (!s && cli_text(o->json)) printf("%s: a face of %d photos\n", o->output, c->n);
    if (!s)
        code = cli_json("compose", o->json,
                        json_pack("{s:s,s:i,s:s,s:i}", "output", o->output, "photos", c->n,
                                  "template", o->layout, "size", o->size));
    guise_image_free(&m);
    guise_close(&g);
    return code;
}

const cli_command cmd_compose = {
    .name = "compose",
    .args = "PHOTO PHOTO... -o OUT",
    .summary = "a face of nobody: the mean of photos of many people",
    .notes = "Take more than 20 people; guise embed tells how alike the result is to each of them.",
    .example = "  guise compose people/*.jpg -o nobody.png\n"
               "  guise embed nobody.png people/*.jpg",
    .least = 2,
    .most = -1,
    .options = table,
    .size = sizeof(options),
    .run = run,
};
