// cmd_swap.c -- guise swap: put the face of SOURCE on the face in TARGET.
#include "cli/progress.h"

typedef struct {
    guise_config config;
    guise_swap_options swap;
    const char *output, *json;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {
    {"output", 'o', BASE_TEXT, AT(output), NULL, "photo to write; the extension sets the format"},
    {"model", 'm', BASE_TEXT, AT(config.model), NULL,
     "generator; default: the one of largest pictures"},
    {"weights", 'w', BASE_TEXT, AT(config.weights), NULL, "file with the generator"},
    {"all", 'a', BASE_FLAG, AT(swap.all), NULL, "swap every face; else the largest"},
    {"reference", 'r', BASE_TEXT, AT(swap.reference), NULL,
     "photo: swap only faces of that person"},
    {"aligned", 0, BASE_FLAG, AT(swap.aligned), NULL,
     "SOURCE and TARGET are square crops, aligned as the model wants; nothing is detected"},
    {"template", 't', BASE_TEXT, AT(swap.layout), NULL,
     "with --aligned: they are aligned by this template instead: arcface, simswap, ffhq or reid"},
    {"mask", 0, BASE_TEXT, AT(swap.mask), NULL,
     "what is pasted: network (the face without what lies in front of it; default where its\n"
     "weights are found), oval or box"},
    {"plain", 0, BASE_FLAG, AT(swap.plain), NULL,
     "leave the colours and the sharpness that the generator gave; else the target's"},
    {"invert", 0, BASE_INT, AT(swap.invert), "0",
     "models of StyleSwap: steps that bring the styles nearer to the SOURCE photos; try 100"},
    {"refine", 0, BASE_MAYBE, AT(config.refine), NULL,
     "bring back what lay over the face, by the weights found for this generator, or a file's"},
    {"fast", 0, BASE_FLAG, AT(config.fast), NULL,
     "lower precision where the first face shows it to be faster and within 1e-2; pays for many"},
    CLI_JSON,
    CLI_DEVICE,
    CLI_DETECTOR,
    CLI_RECOGNISER,
    CLI_SCORE,
    {0}};

static json_t *report(const cli_call *c, const options *o, const guise_swap_report *r)
{
    json_t *sources = json_array();
    bool named = true;
    for (int i = 0; i < c->n - 1; i++)
        named &= !json_array_append_new(sources, json_string(c->arg[i]));
    if (!named) return json_decref(sources), NULL; // which is said as other names are
    json_t *seconds = json_pack("{s:f,s:f,s:f,s:f}", "detect", r->seconds[0], "identify",
                                r->seconds[1], "swap", r->seconds[2], "all", r->seconds[3]);
    json_t *all = json_pack(
        "{s:o,s:s,s:s,s:s,s:i,s:I,s:I,s:f,s:o}", "sources", sources, "target", c->arg[c->n - 1],
        "output", o->output, "model", r->model, "size", r->size, "found", (json_int_t)r->found,
        "swapped", (json_int_t)r->swapped, "best_score", (double)r->best, "seconds", seconds);
    if (all && o->swap.invert)
        json_object_set_new(all, "inversion",
                            json_pack("{s:f,s:f}", "before", r->cosine[0], "after", r->cosine[1]));
    return all;
}

static int run(const cli_call *c)
{
    const options *o = c->options;
    if (!o->output) return cli_usage("swap", "say where to write with -o FILE");
    guise_engine *g = NULL;
    guise_swap_report r = {0};
    guise_swap_options swap = o->swap;
    cli_progress p = {0};
    if (swap.invert) { // Ctrl-C ends these steps and swaps with the best styles so far
        cli_progress_begin(&p, stderr);
        swap.progress = cli_progress_show;
        swap.user = &p;
    }
    guise_status s = guise_open(&g, &o->config);
    if (!s)
        s = guise_swap_photo(g, (const char *const *)c->arg, (size_t)c->n - 1, c->arg[c->n - 1],
                             o->output, &swap, &r);
    cli_progress_end(&p);
    int code = s ? cli_fail("swap", s, guise_message(g)) : 0;
    if (!s && cli_text(o->json))
        printf("%s: %zu of %zu face%s swapped by %s at %d pixels in %.2f s; marked as synthetic\n",
               o->output, r.swapped, r.found, r.found == 1 ? "" : "s", r.model, r.size,
               r.seconds[3]);
    if (!s && swap.invert && cli_text(o->json))
        printf("cosine to the source: %.3f before the inversion, %.3f after, by the recogniser "
               "that guided it\n",
               r.cosine[0], r.cosine[1]);
    if (!s) code = cli_json("swap", o->json, report(c, o, &r));
    guise_close(&g);
    return code;
}

const cli_command cmd_swap = {
    .name = "swap",
    .args = "[SOURCE...] TARGET -o OUT",
    .summary = "put the face of SOURCE on the face in TARGET",
    .notes =
        "SOURCE is a photo or a saved face (see guise embed); of several the mean is taken.\n"
        "--invert lays other faces onto the SOURCE photos and learns to swap the source back;\n"
        "Ctrl-C ends that early, with the best so far.\n"
        "The result says in its metadata that it was made by a swap.",
    .example = "  guise swap ann.jpg bob.jpg -o swapped.jpg\n"
               "  guise swap bob.jpg --weights ann/generator.safetensors -o swapped.jpg\n"
               "  guise swap ann.safetensors group.jpg --reference bob.jpg -o swapped.png",
    .least = 1,
    .most = -1,
    .options = table,
    .size = sizeof(options),
    .run = run,
};
