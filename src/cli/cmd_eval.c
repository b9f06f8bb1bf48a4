// cmd_eval.c -- guise eval: how good a generator is, on people whom no training saw.
#include "cli/cli.h"
#include "cli/progress.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    guise_config config;
    guise_eval_options eval;
    const char *json;
    bool list;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {
    {"data", 'd', BASE_TEXT, AT(eval.data), NULL, "folder of photos, one folder for each person"},
    {"out", 'o', BASE_TEXT, AT(eval.out), NULL,
     "folder for the report, pictures and values of each case; default: nothing is kept"},
    {"resume", 0, BASE_FLAG, AT(eval.resume), NULL, "go on with the run in --out"},
    {"force", 0, BASE_FLAG, AT(eval.force), NULL, "measure by a network that a training used"},
    {"list", 'l', BASE_FLAG, AT(list), NULL, "show suites, or the options of SUITE; then end"},
    {"model", 'm', BASE_TEXT, AT(config.model), NULL,
     "generator; default: the one of largest pictures"},
    {"weights", 'w', BASE_TEXT, AT(config.weights), NULL, "file with the generator"},
    {"landmarks", 0, BASE_TEXT, AT(eval.landmarks), NULL,
     "five points of each photo; default: DATA_landmarks5.txt where it is there"},
    CLI_DETECTOR,
    CLI_RECOGNISER,
    CLI_JSON,
    {0}};

static int list_options(const char *suite, const char *json)
{
    guise_option f;
    bool known = false;
    for (size_t i = 0; guise_suite_at(i, &f); i++) known |= !strcmp(f.name, suite);
    if (!known) return cli_usage("eval", "there is no suite '%s'; try: guise eval --list", suite);
    json_t *list = json_array();
    for (size_t i = 0; guise_suite_option(suite, i, &f); i++) {
        if (cli_text(json)) printf("  --%-14s %-8s %s\n", f.name, f.init ? f.init : "", f.help);
        json_array_append_new(
            list, json_pack("{s:s,s:s*,s:s}", "name", f.name, "default", f.init, "help", f.help));
    }
    return cli_json("eval", json, list);
}

static int list_suites(const char *json)
{
    json_t *list = json_array();
    guise_option s;
    for (size_t i = 0; guise_suite_at(i, &s); i++) {
        if (cli_text(json)) printf("%-12s %s\n", s.name, s.help);
        json_array_append_new(list, json_pack("{s:s,s:s}", "name", s.name, "summary", s.help));
    }
    return cli_json("eval", json, list);
}

// A word of a command line, quoted for a shell where it must be.
static void put_word(FILE *f, const char *word)
{
    bool plain = *word != 0;
    for (const char *c = word; *c; c++)
        plain &= strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=+,:@%",
                        *c) != NULL;
    fputc(' ', f);
    if (plain) {
        fputs(word, f);
        return;
    }
    fputc('\'', f);
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", f);
        else
            fputc(*word, f);
    }
    fputc('\'', f);
}

// The command that repeats this, but for where it writes: "guise eval swap --data lfw ...". To be
// freed; NULL when out of memory.
static char *command_text(const char *suite, const options *o, const cli_call *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    fprintf(f, "guise eval %s", suite);
    const char *const given[][2] = {
        {"--data", o->eval.data},           {"--model", o->config.model},
        {"--weights", o->config.weights},   {"--landmarks", o->eval.landmarks},
        {"--detector", o->config.detector}, {"--recogniser", o->config.recogniser}};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        if (!given[i][1]) continue;
        fprintf(f, " %s", given[i][0]);
        put_word(f, given[i][1]);
    }
    if (o->eval.force) fputs(" --force", f);
    for (size_t i = 0; i < c->n_set; i++) {
        fputs(" --set", f);
        put_word(f, c->set[i]);
    }
    if (fclose(f)) {
        free(text);
        return NULL;
    }
    return text;
}

static int report(const options *o, const guise_eval_report *r)
{
    if (!r->json) {
        fprintf(stderr, "guise eval: stopped%s\n",
                o->eval.out ? "; add --resume to go on" : ", and nothing was kept (no --out)");
        return 1;
    }
    if (cli_text(o->json)) fputs(r->table, stdout);
    return o->json ? cli_json("eval", o->json, json_loads(r->json, 0, NULL)) : 0;
}

static int run(const cli_call *c)
{
    const options *o = c->options;
    if (o->list) return c->n ? list_options(c->arg[0], o->json) : list_suites(o->json);
    const char *suite = c->n ? c->arg[0] : "pairs";
    guise_eval_options e = o->eval;
    cli_progress p;
    e.set = c->set;
    e.n_set = c->n_set;
    e.progress = cli_progress_show;
    e.user = &p;
    char *command = command_text(suite, o, c);
    if (!command) return cli_fail("eval", GUISE_NO_MEMORY, "out of memory");
    e.command = command;
    guise_engine *g = NULL;
    guise_eval_report r = {0};
    cli_progress_begin(&p, stderr);
    guise_status s = guise_open(&g, &o->config);
    if (!s) s = guise_eval(g, suite, &e, &r);
    cli_progress_end(&p);
    int code = s ? cli_fail("eval", s, guise_message(g)) : report(o, &r);
    guise_eval_free(&r);
    guise_close(&g);
    free(command); // open_memstream's
    return code;
}

const cli_command cmd_eval = {
    .name = "eval",
    .args = "SUITE --data DIR",
    .summary = "measure a generator on people whom no training saw",
    .notes =
        "Options of the suite are given like others: --pairs 100 --seed 2. Without SUITE: pairs.\n"
        "Ctrl-C ends; with --out, --resume goes on and gives the same numbers as without a stop.",
    .example =
        "  guise eval --list\n"
        "  guise eval swap --list\n"
        "  guise eval swap --data photos --out report\n"
        "  guise eval --data photos --measure mobilefacenet.onnx --weights generator.safetensors",
    .least = 0,
    .most = 1,
    .options = table,
    .size = sizeof(options),
    .run = run,
    .sets = true,
    .loose = true,
};
