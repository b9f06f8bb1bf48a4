// cmd_train.c -- guise train: make a swapper from a folder of photos.
#include "base/team.h"
#include "cli/progress.h"
#include <string.h>
#include <unistd.h>

typedef struct {
    guise_config config;
    guise_train_options train;
    bool list;
    const char *json;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {
    {"data", 'd', BASE_TEXT, AT(train.data), NULL, "folder of photos, one folder for each person"},
    {"out", 'o', BASE_TEXT, AT(train.out), NULL, "folder for checkpoints, log, report, generator"},
    {"resume", 0, BASE_FLAG, AT(train.resume), NULL, "go on with the run in --out"},
    {"list", 'l', BASE_FLAG, AT(list), NULL, "show recipes, or the options of RECIPE; then end"},
    {"landmarks", 0, BASE_TEXT, AT(train.landmarks), NULL,
     "five points of each photo; default: DATA_landmarks5.txt where it is there"},
    {"measure", 0, BASE_TEXT, AT(train.measure), NULL,
     "ONNX recogniser that only measures; default: no measuring"},
    {"licence", 0, BASE_TEXT, AT(train.licence), NULL, "terms of the result, for its card"},
    {"commit", 0, BASE_TEXT, AT(train.commit), NULL, "version of the program, for the card"},
    CLI_DEVICE,
    {"detector", 0, BASE_TEXT, AT(config.detector), NULL,
     "file, or name, of what finds faces where there are no landmarks; default: ours; for our "
     "detector's own recipes yunet_n_dynamic.onnx"},
    {"recogniser", 0, BASE_TEXT, AT(config.recogniser), NULL,
     "file, or name, of what teaches identity; default: face_reid_0095.onnx where it is, else "
     "ours"},
    CLI_JSON,
    {0}};

static json_t *option_list(const char *recipe)
{
    json_t *list = json_array();
    guise_option f;
    for (size_t i = 0; guise_recipe_option(recipe, i, &f); i++)
        json_array_append_new(
            list, json_pack("{s:s,s:s*,s:s}", "name", f.name, "default", f.init, "help", f.help));
    return list;
}

static int list_options(const char *recipe, const char *json)
{
    guise_option f;
    if (!guise_recipe_option(recipe, 0, &f))
        return cli_usage("train", "there is no recipe '%s'; try: guise train --list", recipe);
    for (size_t i = 0; cli_text(json) && guise_recipe_option(recipe, i, &f); i++)
        printf("  --%-22s %-10s %s\n", f.name, f.init ? f.init : "", f.help);
    return cli_json("train", json, option_list(recipe));
}

static int list_recipes(const char *json)
{
    json_t *list = json_array();
    guise_option r;
    for (size_t i = 0; guise_recipe_at(i, &r); i++) {
        if (cli_text(json)) printf("%-20s %s\n", r.name, r.help);
        json_array_append_new(list, json_pack("{s:s,s:s,s:o}", "name", r.name, "summary", r.help,
                                              "options", option_list(r.name)));
    }
    return cli_json("train", json, list);
}

// What progress knows between calls.
typedef struct {
    FILE *to; // of its lines
    bool terminal;
    int first; // step of the first call, less one
    bool started;
    int step, steps; // of the last call
} state;

// One line that is overwritten on a terminal; the log's lines everywhere.
static bool progress(void *user, const guise_progress *p)
{
    state *st = user;
    if (p->steps > 0 && !st->started) *st = (state){st->to, st->terminal, p->step - 1, true, 0, 0};
    if (p->steps > 0) st->step = p->step, st->steps = p->steps;
    if (p->line)
        fprintf(st->to, "%s%s\n", st->terminal ? "\r\033[K" : "", p->line);
    else if (st->terminal && p->steps > 0 && p->step > st->first) {
        static const char *const bar = "##############################";
        char left[32];
        int n = (int)(30.0 * p->step / p->steps);
        double each = p->seconds / (p->step - st->first);
        fprintf(st->to, "\r[%-30.*s] %d of %d, %.1f photos/s, %s left\033[K", n < 30 ? n : 30, bar,
                p->step, p->steps, p->photos_per_second,
                cli_duration(each * (p->steps - p->step), left));
    }
    fflush(st->to);
    return !cli_stopped();
}

static int end(const options *o, const char *recipe, bool stopped)
{
    int code = cli_json(
        "train", o->json,
        json_pack("{s:s,s:s,s:b}", "recipe", recipe, "out", o->train.out, "finished", !stopped));
    if (!stopped) return code;
    // saved, but not what was asked for: a script must not go on
    fprintf(stderr, "guise train: stopped; add --resume to go on with %s\n", o->train.out);
    return 1;
}

// Some recipes take folders of their own: --a DIR --b DIR.
static bool names_photos(const cli_call *c)
{
    for (size_t i = 0; i < c->n_set; i++)
        if (!strncmp(c->set[i], "a=", 2)) return true;
    return false;
}

static int run(const cli_call *c)
{
    const options *o = c->options;
    if (o->list) return c->n ? list_options(c->arg[0], o->json) : list_recipes(o->json);
    if (!c->n) return cli_usage("train", "say which recipe; try: guise train --list");
    if ((!o->train.data && !names_photos(c)) || !o->train.out)
        return cli_usage("train", "say where photos are with --data and where to write with --out");
    state st = {.to = cli_text(o->json) ? stdout : stderr}; // JSON stands alone
    st.terminal = isatty(fileno(st.to));
    guise_train_options t = o->train;
    t.set = c->set;
    t.n_set = c->n_set;
    t.progress = progress;
    t.user = &st;
    guise_engine *g = NULL;
    guise_status s = guise_open(&g, &o->config);
    cli_stop_begin();
    if (!s) s = guise_train(g, c->arg[0], &t);
    if (st.terminal && st.started) fputc('\n', st.to);
    int code = s ? cli_fail("train", s, guise_message(g)) : 0;
    bool stopped = cli_stopped() || st.step < st.steps;
    if (!s && base_team_launched() == 0) // of several processes the first one speaks
        code = end(o, c->arg[0], stopped);
    else if (!s)
        code = stopped;
    guise_close(&g);
    return code;
}

const cli_command cmd_train = {
    .name = "train",
    .args = "RECIPE --data DIR --out DIR",
    .summary = "train a swapper from a folder of photos",
    .notes =
        "Options of the recipe are given like others: --steps 1000 --batch 8.\n"
        "Ctrl-C saves and ends; --resume goes on, to the same bits as without a stop.\n"
        "mpirun -n N guise train ... shares every batch among N processes (Open MPI), with the\n"
        "result of one up to rounding: sums over a batch, of batch norms and of losses that\n"
        "compare photos, go over all. --out must be on a disk that all see.",
    .example = "  guise train --list\n"
               "  guise train simswap-128 --data photos --out run --steps 60000\n"
               "  guise train simswap-128 --data photos --out run --resume\n"
               "  mpirun -n 4 guise train simswap-128 --data photos --out run\n"
               "  guise train deepfakes-small --a photos/ann --b photos/bob --out run",
    .least = 0,
    .most = 1,
    .options = table,
    .size = sizeof(options),
    .run = run,
    .sets = true,
    .loose = true,
};
