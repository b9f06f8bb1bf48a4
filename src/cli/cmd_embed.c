// cmd_embed.c -- guise embed: who the faces are, as vectors; and saved faces.
#include "cli/cli.h"
#include <string.h>

typedef struct {
    guise_config config;
    const char *output, *aligned, *json;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {
    {"output", 'o', BASE_TEXT, AT(output), NULL,
     "saved face to write (.safetensors): mean of the largest faces of the photos"},
    {"aligned", 0, BASE_TEXT, AT(aligned), NULL,
     "photos are crops aligned by this template: arcface, simswap, ffhq or reid"},
    CLI_JSON,
    CLI_DETECTOR,
    CLI_RECOGNISER,
    CLI_SCORE,
    {0}};

// Identities of all photos: the largest face of each is its first.
typedef struct {
    guise_engine *g;
    const options *o;
    guise_identity *id; // n of them
    size_t n, cap;
    size_t *largest; // n_photos indices into id
    size_t n_photos;
    json_t *report;
} collection;

static guise_status add_face(collection *c, const guise_image *m, const guise_face *f, json_t *list)
{
    if (!BASE_PUSH_ROOM(c->id, c->n, c->cap)) return GUISE_NO_MEMORY;
    guise_identity *id = &c->id[c->n];
    *id = (guise_identity){0};
    guise_status s = guise_embed(c->g, m, f, c->o->aligned, id);
    if (s) return s;
    c->n++;
    double cosine = guise_identity_cosine(&c->id[0], id);
    if (cli_text(c->o->json)) {
        printf("  %s, %zu numbers", id->network, id->n);
        if (f)
            printf(", box %.0f %.0f to %.0f %.0f, score %.3f", (double)f->x0, (double)f->y0,
                   (double)f->x1, (double)f->y1, (double)f->score);
        printf(", cosine to the first face %.4f\n", cosine);
    }
    json_t *face = f ? cli_json_face(f) : json_object(), *vector = json_array();
    for (size_t i = 0; i < id->n; i++) json_array_append_new(vector, json_real((double)id->at[i]));
    json_object_set_new(face, "network", json_string(id->network));
    json_object_set_new(face, "cosine_to_first", json_real(cosine));
    json_object_set_new(face, "vector", vector);
    json_array_append_new(list, face);
    return GUISE_OK;
}

static int add_photo(collection *c, const char *path)
{
    guise_image m = {0};
    guise_faces f = {0};
    json_t *list = json_array();
    guise_status s = guise_image_read(c->g, path, &m);
    if (!s && !c->o->aligned) s = guise_detect(c->g, &m, &f);
    int code = 0;
    if (!s && !c->o->aligned && !f.n) code = cli_no_face("embed", path, f.best, c->o->config.score);
    if (!s && !code) {
        if (cli_text(c->o->json)) printf("%s\n", path);
        c->largest[c->n_photos++] = c->n;
        if (c->o->aligned) s = add_face(c, &m, NULL, list);
        for (size_t i = 0; !s && i < f.n; i++) s = add_face(c, &m, &f.at[i], list);
    }
    if (s) code = cli_fail("embed", s, guise_message(c->g));
    if (json_array_append_new(c->report, json_pack("{s:s,s:o}", "image", path, "faces", list)) &&
        c->o->json && !code)
        code = cli_fail("embed", GUISE_BAD_ARGUMENT, "a file's name is no UTF-8, as JSON needs it");
    guise_faces_free(&f);
    guise_image_free(&m);
    return code;
}

static guise_status save(collection *c)
{
    const guise_identity **from = base_alloc(c->n_photos, sizeof *from);
    if (!from) return GUISE_NO_MEMORY;
    for (size_t i = 0; i < c->n_photos; i++) from[i] = &c->id[c->largest[i]];
    guise_identity mean = {0};
    guise_status s = guise_identity_mean(c->g, from, c->n_photos, &mean);
    if (!s) s = guise_identity_write(c->g, &mean, c->o->output);
    guise_identity_free(&mean);
    base_free(from);
    return s;
}

static bool names_face(const char *path) // as guise swap tells a saved face from a photo
{
    size_t n = strlen(path), ending = strlen(".safetensors");
    return n > ending && !strcmp(path + n - ending, ".safetensors");
}

static int run(const cli_call *call)
{
    const options *o = call->options;
    if (o->output && !names_face(o->output))
        return cli_usage("embed", "%s: a saved face is named *.safetensors", o->output);
    collection c = {.o = o, .report = json_array()};
    c.largest = base_alloc((size_t)call->n, sizeof *c.largest);
    guise_status s = c.largest ? guise_open(&c.g, &c.o->config) : GUISE_NO_MEMORY;
    int code = s ? cli_fail("embed", s, "out of memory") : 0;
    for (int i = 0; !code && i < call->n; i++) code = add_photo(&c, call->arg[i]);
    if (!code && c.o->output && (s = save(&c))) code = cli_fail("embed", s, guise_message(c.g));
    if (!code) code = cli_json("embed", c.o->json, json_incref(c.report));
    json_decref(c.report);
    for (size_t i = 0; i < c.n; i++) guise_identity_free(&c.id[i]);
    base_free(c.id);
    base_free(c.largest);
    guise_close(&c.g);
    return code;
}

const cli_command cmd_embed = {
    .name = "embed",
    .args = "PHOTO...",
    .summary = "who the faces are: identity vectors, and saved faces for guise swap",
    .example = "  guise embed ann1.jpg ann2.jpg -o ann.safetensors\n"
               "  guise embed ann.jpg result.jpg    (how alike are they?)",
    .least = 1,
    .most = -1,
    .options = table,
    .size = sizeof(options),
    .run = run,
};
