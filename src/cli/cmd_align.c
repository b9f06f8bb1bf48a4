// cmd_align.c -- guise align: cut out faces, turned and scaled as networks want them.
#include "cli/cli.h"
#include <string.h>

typedef struct {
    guise_config config;
    const char *output, *layout, *json;
    int size;
    bool all;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {
    {"output", 'o', BASE_TEXT, AT(output), NULL, "picture to write; with --all: NAME-1.EXT, ..."},
    {"template", 't', BASE_TEXT, AT(layout), "arcface", "arcface, simswap, ffhq or reid"},
    {"size", 's', BASE_INT, AT(size), "224", "side of the crop in pixels, 16 to 2048"},
    {"all", 'a', BASE_FLAG, AT(all), NULL, "every face, largest first; else the largest"},
    CLI_JSON,
    CLI_DETECTOR,
    CLI_SCORE,
    {0}};

// "out.png", 2 -> "out-2.png"; returned to you
static char *numbered(const char *path, size_t i)
{
    const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
    if (!dot || (slash && dot < slash)) dot = path + strlen(path);
    return base_format("%.*s-%zu%s", (int)(dot - path), path, i, dot);
}

static guise_status write_one(guise_engine *g, const guise_image *m, const guise_face *f,
                              const char *path, const options *o)
{
    guise_image crop = {0};
    guise_status s = guise_align(g, m, f, o->layout, o->size, &crop);
    if (!s) s = guise_image_write(g, &crop, path, GUISE_PLAIN);
    guise_image_free(&crop);
    return s;
}

static int write_all(guise_engine *g, const guise_image *m, const guise_faces *f, const options *o)
{
    json_t *list = json_array();
    int code = 0;
    for (size_t i = 0; !code && i < (o->all ? f->n : 1); i++) {
        char *path = o->all ? numbered(o->output, i + 1) : base_copy_text(o->output);
        if (!path) {
            code = cli_fail("align", GUISE_NO_MEMORY, "out of memory");
            break;
        }
        guise_status s = write_one(g, m, &f->at[i], path, o);
        if (s)
            code = cli_fail("align", s, guise_message(g));
        else if (cli_text(o->json))
            printf("%s\n", path);
        json_t *face = cli_json_face(&f->at[i]);
        json_object_set_new(face, "file", json_string(path));
        json_array_append_new(list, face);
        base_free(path);
    }
    json_t *root =
        json_pack("{s:s,s:i,s:o}", "template", o->layout, "size", o->size, "crops", list);
    if (!code) return cli_json("align", o->json, root);
    json_decref(root);
    return code;
}

static int run(const cli_call *c)
{
    const options *o = c->options;
    if (!o->output) return cli_usage("align", "say where to write with -o FILE");
    guise_engine *g = NULL;
    guise_image m = {0};
    guise_faces f = {0};
    guise_status s = guise_open(&g, &o->config);
    if (!s) s = guise_image_read(g, c->arg[0], &m);
    if (!s) s = guise_detect(g, &m, &f);
    int code = s ? cli_fail("align", s, guise_message(g)) : 0;
    if (!code && !f.n) code = cli_no_face("align", c->arg[0], f.best, o->config.score);
    if (!code) code = write_all(g, &m, &f, o);
    guise_faces_free(&f);
    guise_image_free(&m);
    guise_close(&g);
    return code;
}

const cli_command cmd_align = {
    .name = "align",
    .args = "PHOTO -o OUT",
    .summary = "cut out faces, turned and scaled by their five points",
    .example = "  guise align ann.jpg -o crop.png --template ffhq --size 512",
    .least = 1,
    .most = 1,
    .options = table,
    .size = sizeof(options),
    .run = run,
};
