// cmd_doctor.c -- guise doctor: what this machine has, how fast it is, what is missing.
#include "cli/cli.h"
#include <string.h>

typedef struct {
    const char *json;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {CLI_JSON, {0}};

static void print(const guise_machine *m, const guise_model *list, size_t n)
{
    printf("backend          %s: %s\n", m->backend, m->why);
    printf("processor        %s\n", m->cpu);
    printf("instruction set  %s\n", m->isa);
    printf("threads          %d\n", m->threads);
    printf("speed            %.0f GFLOP/s, measured: 3x3 convolution, single precision\n",
           m->gflops);
    printf("library          %s\n", m->library);
    printf("photo formats    %s\n", m->formats);
    printf("processes        %s\n", m->processes);
    for (size_t i = 0; i < n; i++)
        printf("%-16s %-8s %s\n", i ? "" : "networks", list[i].state,
               list[i].path ? list[i].path : list[i].name);
}

static json_t *report(const guise_machine *m, const guise_model *list, size_t n)
{
    json_t *found = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(found, json_pack("{s:s,s:s,s:s*}", "name", list[i].name, "state",
                                               list[i].state, "path", list[i].path));
    return json_pack("{s:s,s:s,s:s,s:s,s:i,s:f,s:s,s:s,s:s,s:o}", "backend", m->backend, "why",
                     m->why, "processor", m->cpu, "instruction_set", m->isa, "threads", m->threads,
                     "gflops", m->gflops, "library", m->library, "formats", m->formats, "processes",
                     m->processes, "networks", found);
}

static int run(const cli_call *c)
{
    const options *o = c->options;
    guise_engine *g = NULL;
    guise_machine m;
    guise_model *list = NULL;
    size_t n = 0;
    guise_status s = guise_open(&g, NULL);
    if (!s) s = guise_doctor(g, &m);
    if (!s) s = guise_models(g, &list, &n);
    int code = s ? cli_fail("doctor", s, guise_message(g)) : 0;
    if (!s && cli_text(o->json)) print(&m, list, n);
    if (!s) code = cli_json("doctor", o->json, report(&m, list, n));
    guise_models_free(&list, &n);
    guise_close(&g);
    return code;
}

const cli_command cmd_doctor = {
    .name = "doctor",
    .args = "",
    .summary = "what this machine has, how fast it is, what is missing",
    .example = "  guise doctor",
    .least = 0,
    .most = 0,
    .options = table,
    .size = sizeof(options),
    .run = run,
};
