// cmd_bench.c -- guise bench: how long a network, a training step or a swap takes here, and why.
#include "cli/cli.h"
#include <string.h>

typedef struct {
    guise_config config;
    const char *save, *without, *json;
    int seed, size, batch, threads, runs;
    bool fast;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {
    {"size", 's', BASE_INT, AT(size), "0", "height and width of pictures; 0: 128, or the recipe's"},
    {"batch", 'b', BASE_INT, AT(batch), "0", "pictures at a time; 0: 1, or the recipe's"},
    {"threads", 't', BASE_INT, AT(threads), "0", "threads; 0: as many as processors"},
    {"runs", 'n', BASE_INT, AT(runs), "10", "runs that are timed, after a first one"},
    {"weights", 'w', BASE_TEXT, AT(config.weights), NULL, "net: its weights; swap: the generator"},
    {"seed", 0, BASE_INT, AT(seed), "1", "net: of the initial values where there are no weights"},
    {"model", 'm', BASE_TEXT, AT(config.model), NULL, "swap: generator; default: the largest"},
    {"without", 0, BASE_TEXT, AT(without), NULL,
     "net: parts of planning to leave out, in commas; doc/speed.md says which there are"},
    {"fast", 0, BASE_FLAG, AT(fast), NULL,
     "net: lower precision where that is faster and differs by 1e-2 at most"},
    {"save", 0, BASE_TEXT, AT(save), NULL,
     "step: safetensors file for networks, batch and losses of the first step"},
    CLI_DEVICE,
    CLI_DETECTOR,
    {"recogniser", 0, BASE_TEXT, AT(config.recogniser), NULL,
     "ONNX file; swap: default as for guise swap; step: default none, and no identity loss"},
    CLI_JSON,
    {0}};

// The time of all rows that begin alike, in b's order of the slowest.
static void print_ops(const guise_bench *b)
{
    printf("   share   time ms  GFLOP/s  steps  op\n");
    for (size_t i = 0; i < b->n; i++) {
        const guise_bench_row *r = &b->row[i];
        double seconds = 0, macs = 0;
        int count = 0;
        bool seen = false;
        for (size_t k = 0; k < b->n; k++) {
            if (strcmp(b->row[k].what, r->what) != 0) continue;
            seen |= k < i;
            seconds += b->row[k].seconds;
            macs += b->row[k].macs;
            count += b->row[k].count;
        }
        if (seen) continue;
        printf("  %5.1f %%  %8.3f  ", 100 * seconds / b->median, 1e3 * seconds);
        if (macs > 0)
            printf("%7.1f", 2e-9 * macs / seconds);
        else
            printf("%7s", "");
        printf("  %5d  %s\n", count, r->what);
    }
}

static void print_ways(const guise_bench *b)
{
    bool first = true;
    for (size_t i = 0; i < b->n; i++) {
        const guise_bench_row *r = &b->row[i];
        if (!r->how[0]) continue;
        if (first) printf("  which way each convolution took\n");
        first = false;
        printf("  %5.1f %%  %8.3f  %7.1f  %5d  %s %s: %s", 100 * r->seconds / b->median,
               1e3 * r->seconds, 2e-9 * r->macs / r->seconds, r->count, r->what, r->shape, r->how);
        if (r->gain > 0) printf("; saves %.3f ms, differs by %.1e", 1e3 * r->gain, r->error);
        printf("\n");
    }
}

static void print(const char *name, const guise_bench *b)
{
    char plan[32], all[32];
    printf("%s: median %.2f ms, least %.2f, half of %d runs within %.2f; %d thread%s\n", name,
           1e3 * b->median, 1e3 * b->least, b->runs, 1e3 * b->spread, b->threads,
           b->threads == 1 ? "" : "s");
    if (b->macs > 0)
        printf("  %.2f GFLOP, %.1f GFLOP/s: %.0f %% of the %.1f that a large matrix product "
               "reaches here\n",
               2e-9 * b->macs, 2e-9 * b->macs / b->median, 100 * b->macs / b->median / b->peak,
               2e-9 * b->peak);
    if (b->plan_bytes)
        printf("  plan %s, process at most %s\n", cli_bytes(b->plan_bytes, plan),
               cli_bytes(b->peak_bytes, all));
    else
        printf("  process at most %s\n", cli_bytes(b->peak_bytes, all));
    if (b->plan > 0)
        printf("  weights in %.0f ms, planned in %.1f ms, once more in %.1f ms\n", 1e3 * b->load,
               1e3 * b->plan, 1e3 * b->plan_again);
    printf("  first run %.1f ms\n", 1e3 * b->first);
    if (b->error > 0) printf("  outputs differ from single precision by %.1e\n", b->error);
    print_ops(b);
    print_ways(b);
}

static json_t *report(const char *kind, const char *name, const guise_bench *b)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < b->n; i++) {
        const guise_bench_row *r = &b->row[i];
        json_array_append_new(rows, json_pack("{s:s,s:s,s:s,s:i,s:f,s:f,s:f,s:f}", "what", r->what,
                                              "how", r->how, "shape", r->shape, "count", r->count,
                                              "seconds", r->seconds, "macs", r->macs, "gain",
                                              r->gain, "error", r->error));
    }
    json_t *all = json_pack("{s:s,s:s,s:i,s:i,s:f,s:f,s:f}", "kind", kind, "name", name, "runs",
                            b->runs, "threads", b->threads, "median", b->median, "least", b->least,
                            "spread", b->spread);
    json_object_update_new(all, json_pack("{s:f,s:f,s:f,s:f,s:I,s:I,s:o}", "macs", b->macs,
                                          "gflops", 2e-9 * b->macs / b->median, "machine_gflops",
                                          2e-9 * b->peak, "share", b->macs / b->median / b->peak,
                                          "plan_bytes", (json_int_t)b->plan_bytes, "peak_bytes",
                                          (json_int_t)b->peak_bytes, "rows", rows));
    json_object_update_new(all, json_pack("{s:f,s:f,s:f,s:f,s:f}", "error", b->error, "load",
                                          b->load, "plan", b->plan, "plan_again", b->plan_again,
                                          "first", b->first));
    return all;
}

static guise_status measure(guise_engine *g, const cli_call *c, const options *o, guise_bench *b)
{
    const char *verb = c->arg[0];
    guise_net_options n = {.weights = o->config.weights,
                           .set = c->set,
                           .n_set = c->n_set,
                           .seed = (unsigned long long)o->seed,
                           .size = o->size,
                           .batch = o->batch,
                           .without = o->without,
                           .fast = o->fast};
    if (!strcmp(verb, "net")) return guise_bench_net(g, c->arg[1], &n, o->runs, b);
    if (!strcmp(verb, "step")) return guise_bench_step(g, c->arg[1], &n, o->runs, o->save, b);
    return guise_bench_swap(g, c->arg[1], c->arg[2], o->runs, b);
}

static int run(const cli_call *c)
{
    const options *o = c->options;
    const char *verb = c->arg[0];
    bool net = !strcmp(verb, "net"), step = !strcmp(verb, "step"), swap = !strcmp(verb, "swap");
    if (!net && !step && !swap) return cli_usage("bench", "say net, step or swap, not '%s'", verb);
    if (c->n != (swap ? 3 : 2))
        return cli_usage("bench", "%s",
                         net    ? "say which network; try: guise net list"
                         : step ? "say which recipe; try: guise train --list"
                                : "say SOURCE and TARGET, two photos");
    if (o->runs < 1) return cli_usage("bench", "--runs is at least 1");
    guise_engine *g = NULL;
    guise_bench b = {0};
    guise_status s = guise_open(&g, &o->config);
    guise_set_threads(o->threads);
    if (!s) s = measure(g, c, o, &b);
    int code = s ? cli_fail("bench", s, guise_message(g)) : 0;
    if (!s && cli_text(o->json)) print(c->arg[1], &b);
    if (!s) code = cli_json("bench", o->json, report(verb, c->arg[1], &b));
    guise_bench_free(&b);
    guise_close(&g);
    return code;
}

const cli_command cmd_bench = {
    .name = "bench",
    .args = "net NAME | step RECIPE | swap SOURCE TARGET",
    .summary = "how long a network, a training step or a swap takes here",
    .notes = "NAME is a network of guise net list, or an .onnx file. Data are random, weights too\n"
             "where none are given. --set sets options of the network or the recipe.",
    .example = "  guise bench net simswap --size 224\n"
               "  guise bench step simswap-128 --batch 16 --json step.json\n"
               "  guise bench swap ann.jpg bob.jpg",
    .least = 2,
    .most = 3,
    .options = table,
    .size = sizeof(options),
    .run = run,
    .sets = true,
};
