// cmd_models.c -- guise models: which networks are there, where, and are they what they should be.
#include "cli/cli.h"
#include <string.h>

typedef struct {
    const char *json;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {CLI_JSON, {0}};

static void print(const guise_model *m)
{
    char size[32] = "";
    printf("%-26s %-8s %-8s %s\n", m->name, m->state, m->path ? cli_bytes(m->bytes, size) : "",
           m->use);
    printf("%26s licence: %s\n", "", m->licence);
    if (m->numbers) printf("%26s numbers: %s\n", "", m->numbers);
    if (m->path) printf("%26s %s\n%26s SHA-256 %s\n", "", m->path, "", m->sha256);
}

static json_t *entry(const guise_model *m)
{
    json_t *j = json_pack("{s:s,s:s,s:s,s:s}", "name", m->name, "state", m->state, "use", m->use,
                          "licence", m->licence);
    if (m->numbers) json_object_set_new(j, "numbers", json_string(m->numbers));
    if (!m->path) return j;
    json_object_set_new(j, "path", json_string(m->path));
    json_object_set_new(j, "bytes", json_integer((json_int_t)m->bytes));
    json_object_set_new(j, "sha256", json_string(m->sha256));
    return j;
}

static int run(const cli_call *c)
{
    const options *o = c->options;
    guise_engine *g = NULL;
    guise_model *list = NULL;
    size_t n = 0;
    guise_status s = guise_open(&g, NULL);
    if (!s) s = guise_models(g, &list, &n);
    int code = s ? cli_fail("models", s, guise_message(g)) : 0;
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++) {
        if (cli_text(o->json)) print(&list[i]);
        json_array_append_new(all, entry(&list[i]));
        if (!code && !strcmp(list[i].state, "changed")) {
            fprintf(stderr,
                    "guise models: %s: these are not the known bytes; fetch the file again\n",
                    list[i].path);
            code = 1;
        }
    }
    int written = s ? (json_decref(all), 0) : cli_json("models", o->json, all);
    guise_models_free(&list, &n);
    guise_close(&g);
    return code ? code : written;
}

const cli_command cmd_models = {
    .name = "models",
    .args = "",
    .summary = "which weights are there: size, licence, SHA-256",
    .notes =
        "Weights of ours - generators, detector, recogniser, face mask - are looked for in\n"
        "$GUISE_WEIGHTS, then in weights/ beside the program, in share/guise/weights where it is\n"
        "installed, and in weights/ here; networks of others in $GUISE_MODELS,\n"
        "~/.local/share/guise/models and models/: doc/others.md says where from. Numbers are\n"
        "those of NAME.md beside the weights. Exit status 1: a file does not have the known\n"
        "bytes, by SHA256SUMS beside it or by what is known of it; no command uses it then.",
    .example = "  guise models --json -",
    .least = 0,
    .most = 0,
    .options = table,
    .size = sizeof(options),
    .run = run,
};
