// cmd_net.c -- guise net: any network by name, on tensors from a file.
#include "cli/cli.h"
#include <string.h>

typedef struct {
    guise_config config;
    const char *in, *out, *weights, *grad, *only, *json;
    bool train, measure, fast;
    int seed, size, batch;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {
    {"weights", 'w', BASE_TEXT, AT(weights), NULL,
     "safetensors, .pth or ONNX file; default: initial values"},
    {"in", 'i', BASE_TEXT, AT(in), NULL, "safetensors file with the inputs by name"},
    {"out", 'o', BASE_TEXT, AT(out), NULL,
     "file to write: run's outputs as safetensors, export's ONNX"},
    {"train", 0, BASE_FLAG, AT(train), NULL, "batch statistics; also writes new buffers"},
    {"measure", 0, BASE_FLAG, AT(measure), NULL,
     "run: the fastest ways by measuring, not the fixed ones that give the same bits every time"},
    {"fast", 0, BASE_FLAG, AT(fast), NULL,
     "run: lower precision where that is faster and differs by 1e-2 at most"},
    {"grad", 'g', BASE_TEXT, AT(grad), NULL,
     "output; writes the gradients of sum(output * cotangent), which is among the inputs"},
    {"only", 0, BASE_TEXT, AT(only), NULL, "export: this output alone"},
    {"seed", 0, BASE_INT, AT(seed), "1", "of the initial values where there are no weights"},
    {"size", 's', BASE_INT, AT(size), "128", "info, export: height and width of pictures"},
    {"batch", 'b', BASE_INT, AT(batch), "1", "info, export: pictures at a time"},
    CLI_DEVICE,
    CLI_JSON,
    {0}};

static int list(const options *o)
{
    json_t *all = json_array();
    guise_net n;
    for (size_t i = 0; guise_net_at(i, &n); i++) {
        if (cli_text(o->json)) printf("%-18s %s\n", n.name, n.summary);
        json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:s}", "name", n.name, "summary",
                                             n.summary, "inputs", n.inputs, "outputs", n.outputs));
    }
    return cli_json("net", o->json, all);
}

// The table of doc/networks.md. Every size is built, so this takes some seconds.
static int sizes(guise_engine *g, const options *o)
{
    json_t *all = json_array();
    guise_option f;
    guise_status s = GUISE_OK;
    int side = 0;
    if (cli_text(o->json))
        printf("| network | pixels | parameters | GMAC | memory | options |\n"
               "| --- | ---: | ---: | ---: | ---: | --- |\n");
    for (size_t i = 0; !s && guise_net_size_at(i, &f, &side); i++) {
        char name[64], text[32];
        guise_net_report r = {0};
        snprintf(name, sizeof name, "%s:%s", f.name, f.init);
        s = guise_net_describe(g, name, &(guise_net_options){.size = side, .batch = 1}, &r);
        if (s) continue;
        if (cli_text(o->json))
            printf("| `%s` | %d | %zu | %.3f | %s | %s |\n", name, side, r.parameters, r.macs / 1e9,
                   cli_bytes(4 * r.parameters + r.bytes, text), *f.help ? f.help : "its defaults");
        json_array_append_new(all,
                              json_pack("{s:s,s:i,s:I,s:f,s:I,s:I,s:s}", "network", name, "size",
                                        side, "parameters", (json_int_t)r.parameters, "macs",
                                        r.macs, "weights", (json_int_t)(4 * r.parameters), "plan",
                                        (json_int_t)r.bytes, "options", f.help));
        guise_net_report_free(&r);
    }
    if (!s) return cli_json("net", o->json, all);
    json_decref(all);
    return cli_fail("net", s, guise_message(g));
}

static json_t *numbers(const char *name, const guise_net_report *r)
{
    return json_pack("{s:s,s:I,s:I,s:I,s:f,s:I,s:f}", "network", name, "inputs",
                     (json_int_t)r->inputs, "outputs", (json_int_t)r->outputs, "parameters",
                     (json_int_t)r->parameters, "macs", r->macs, "bytes", (json_int_t)r->bytes,
                     "seconds", r->seconds);
}

static void print_options(const char *name)
{
    guise_option f;
    for (size_t i = 0; guise_net_option(name, i, &f); i++)
        printf("  --set %s=%s   %s\n", f.name, f.init ? f.init : "", f.help);
}

static json_t *described(const char *name, const guise_net_report *r)
{
    json_t *all = numbers(name, r), *list_of = json_array();
    guise_option f;
    for (size_t i = 0; guise_net_option(name, i, &f); i++)
        json_array_append_new(list_of, json_pack("{s:s,s:s*,s:s}", "name", f.name, "default",
                                                 f.init, "help", f.help));
    json_object_set_new(all, "options", list_of);
    json_object_set_new(all, "ports", json_string(r->shapes));
    json_object_del(all, "seconds");
    return all;
}

static int info(guise_engine *g, const cli_call *c, const options *o, const guise_net_options *n)
{
    guise_net_report r = {0};
    guise_status s = guise_net_describe(g, c->arg[1], n, &r);
    if (s) return cli_fail("net", s, guise_message(g));
    char text[32];
    if (cli_text(o->json)) {
        printf("%s\n%s", c->arg[1], r.shapes);
        printf("  %zu parameters, %.3f GMAC and a plan of %s for these shapes\n", r.parameters,
               r.macs / 1e9, cli_bytes(r.bytes, text));
        print_options(c->arg[1]);
    }
    int code = cli_json("net", o->json, described(c->arg[1], &r));
    guise_net_report_free(&r);
    return code;
}

static int run_net(guise_engine *g, const cli_call *c, const options *o, const guise_net_options *n)
{
    if (!o->in || !o->out)
        return cli_usage("net", "say where inputs are with --in and where to write with --out");
    guise_net_report r = {0};
    guise_status s = guise_net_run(g, c->arg[1], o->in, o->out, n, &r);
    if (s) return cli_fail("net", s, guise_message(g));
    char text[32];
    if (cli_text(o->json))
        printf("%s: %zu tensors written in %.3f s; plan %s\n", o->out, r.outputs, r.seconds,
               cli_bytes(r.bytes, text));
    json_t *root = numbers(c->arg[1], &r);
    guise_net_report_free(&r);
    return cli_json("net", o->json, root);
}

static int export_net(guise_engine *g, const cli_call *c, const options *o,
                      const guise_net_options *n)
{
    if (!o->out) return cli_usage("net", "say where to write with --out");
    guise_status s = guise_net_export(g, c->arg[1], o->out, n);
    if (s) return cli_fail("net", s, guise_message(g));
    if (cli_text(o->json)) printf("%s written\n", o->out);
    return cli_json("net", o->json, json_pack("{s:s,s:s}", "network", c->arg[1], "output", o->out));
}

static int run(const cli_call *c)
{
    const options *o = c->options;
    const char *verb = c->arg[0];
    if (!strcmp(verb, "list"))
        return c->n > 1 ? cli_usage("net", "list takes no argument") : list(o);
    bool describe = !strcmp(verb, "info"), write = !strcmp(verb, "export");
    bool every = !strcmp(verb, "sizes");
    if (!describe && !write && !every && strcmp(verb, "run") != 0)
        return cli_usage("net", "say list, sizes, info, run or export, not '%s'", verb);
    if (every && c->n > 1) return cli_usage("net", "sizes takes no argument");
    if (c->n < 2 && !every) return cli_usage("net", "say which network; try: guise net list");
    if ((o->only && !write) || (o->grad && (write || describe)))
        return cli_usage("net", "--only goes with export, --grad with run alone");
    guise_net_options n = {.weights = o->weights,
                           .set = c->set,
                           .n_set = c->n_set,
                           .train = o->train,
                           .fast = o->fast,
                           .measure = o->measure,
                           .grad = write ? o->only : o->grad,
                           .seed = (unsigned long long)o->seed,
                           .size = o->size,
                           .batch = o->batch};
    guise_engine *g = NULL;
    guise_status s = guise_open(&g, &o->config);
    int code = s ? cli_fail("net", s, guise_message(g)) : 0;
    if (!code)
        code = every      ? sizes(g, o)
               : describe ? info(g, c, o, &n)
               : write    ? export_net(g, c, o, &n)
                          : run_net(g, c, o, &n);
    guise_close(&g);
    return code;
}

const cli_command cmd_net = {
    .name = "net",
    .args = "list | sizes | info NAME | run NAME | export NAME",
    .summary = "any network by name on tensors from a file",
    .notes = "NAME is a network of guise net list, NETWORK:SIZE of guise net sizes, or an .onnx\n"
             "file. Outputs have their names;\n"
             "gradients are grad.INPUT and grad.PARAMETER, new buffers have the buffers' names.",
    .example = "  guise net info simswap --size 224\n"
               "  guise net run simswap --weights g.safetensors --in in.safetensors "
               "--out out.safetensors\n"
               "  guise net export simswap --weights g.safetensors --size 224 --out g.onnx",
    .least = 1,
    .most = 2,
    .options = table,
    .size = sizeof(options),
    .run = run,
    .sets = true,
};
