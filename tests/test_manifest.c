// test_manifest.c -- parameter names, shapes and order of every network are those of the released
// files, and its parameter totals those that were counted there. No weights are needed.
#include "model/model.h"
#include "test.h"

typedef struct {
    const char *keys, *net;
    const char *settings[3];
    tg_shape img, id;
    size_t weights, buffers; // floats; 0: not known
} manifest;

static const manifest all[] = {
    {"G224_official", "simswap", {"variant=a"}, {4, {1, 3, 32, 32}}, {2, {1, 512}}, 55051779, 2816},
    {"G512beta_official",
     "simswap",
     {"variant=b"},
     {4, {1, 3, 32, 32}},
     {2, {1, 512}},
     55079427,
     2944},
    {"Gtrain_deepFalse",
     "simswap",
     {"variant=c"},
     {4, {1, 3, 32, 32}},
     {2, {1, 512}},
     55051779,
     2816},
    {"Gtrain_deepTrue",
     "simswap",
     {"variant=c", "deep=true"},
     {4, {1, 3, 32, 32}},
     {2, {1, 512}},
     59773443,
     4864},
    {"ARC_se101", "arcface-se", {"layers=101"}, {4, {1, 3, 112, 112}}, {0}, 52193215, 50944},
    {"ARC_se50", "arcface-se", {"layers=50"}, {4, {1, 3, 112, 112}}, {0}, 0, 0},
    {"ARC_se18", "arcface-se", {"layers=18"}, {4, {1, 3, 112, 112}}, {0}, 0, 0},
    {"D_patchgan", "patchgan", {NULL}, {4, {1, 3, 64, 64}}, {0}, 6962369, 2816},
    {"D_projected", "projected-d", {NULL}, {4, {1, 3, 128, 128}}, {0}, 13666944, 107236},
    {"BiSeNet19", "parsing", {NULL}, {4, {1, 3, 64, 64}}, {0}, 13300416, 12672},
};

static nn_params *entries_of(const manifest *want)
{
    const model_net *net = model_find(want->net);
    CHECK(net != NULL);
    base_error e = {{0}};
    void *options = base_alloc(1, net->size);
    nn_params *p = NULL;
    model_ports *io = NULL;
    tg_graph *g = tg_new();
    base_fields_init(net->options, options);
    guise_status s = nn_params_open(&p, &e);
    for (int i = 0; !s && i < 3 && want->settings[i]; i++)
        s = base_fields_assign(net->options, options, want->settings[i], &e);
    if (!s) s = model_ports_open(&io, &e);
    if (!s) s = model_ports_give(io, "img", want->img, &e);
    if (!s && want->id.rank) s = model_ports_give(io, "id", want->id, &e);
    if (!s) net->build(nn_root(p, g, false), options, io);
    if (s || tg_error(g)) printf("%s: %s\n", want->keys, s ? e.text : tg_error(g));
    CHECK(!s && !tg_error(g));
    model_ports_close(&io);
    tg_free(g);
    base_free(options);
    return p;
}

// "64x3x7x7", or "scalar"
static void shape_words(tg_shape s, char text[128])
{
    int n = 0;
    if (!s.rank) snprintf(text, 128, "scalar");
    for (int i = 0; i < s.rank; i++)
        n += snprintf(text + n, (size_t)(128 - n), i ? "x%lld" : "%lld", (long long)s.dim[i]);
}

static void compare(const nn_params *p, FILE *f, const char *keys)
{
    char line[400], shape[128];
    size_t n = 0;
    if (!fgets(line, sizeof line, f)) line[0] = 0; // the heading
    for (; fgets(line, sizeof line, f); n++) {
        char *field[5], *rest = line;
        for (int i = 0; i < 5; i++) field[i] = strsep(&rest, "\t\n");
        const nn_entry *e = n < nn_params_n(p) ? nn_params_entry(p, n) : NULL;
        if (e) shape_words(e->shape, shape);
        bool same = e && !strcmp(e->name, field[0]) && !strcmp(shape, field[2]) &&
                    (e->kind == NN_COUNTER) == !strcmp(field[1], "int64") &&
                    (e->kind == NN_WEIGHT) == !strcmp(field[4], "param");
        if (!same)
            printf("%s, entry %zu: %s, want %s %s\n", keys, n, e ? e->name : "none", field[0],
                   field[2]);
        CHECK(same);
    }
    CHECK(n == nn_params_n(p) && n > 0);
}

TEST(networks_have_the_released_parameters)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        nn_params *p = entries_of(&all[i]);
        char path[200];
        snprintf(path, sizeof path, "golden/simswap/keys/%s.tsv", all[i].keys);
        FILE *f = fopen(test_file(path), "r");
        CHECK(f != NULL);
        if (f) compare(p, f, all[i].keys);
        if (f) fclose(f);
        size_t counters = 0;
        for (size_t j = 0; j < nn_params_n(p); j++)
            counters += nn_params_entry(p, j)->kind == NN_COUNTER;
        if (all[i].weights) CHECK(nn_params_weights(p) == all[i].weights);
        if (all[i].weights)
            CHECK(nn_params_floats(p) - nn_params_weights(p) - counters == all[i].buffers);
        nn_params_close(&p);
    }
}

TEST(options_make_narrow_networks)
{
    const manifest narrow = {"narrow",
                             "simswap",
                             {"width=32", "depth=2", "blocks=6"},
                             {4, {1, 3, 16, 16}},
                             {2, {1, 512}},
                             0,
                             0};
    nn_params *p = entries_of(&narrow);
    const nn_entry *e = nn_params_find(p, "BottleNeck.5.conv2.1.weight");
    CHECK(e && tg_same(e->shape, TG_SHAPE(128, 128, 3, 3)));
    CHECK(!nn_params_find(p, "BottleNeck.6.conv1.1.weight") &&
          !nn_params_find(p, "down3.0.weight"));
    CHECK(nn_params_find(p, "up2.1.weight") && nn_params_find(p, "last_layer.1.weight"));
    nn_params_close(&p);
}

typedef struct {
    const char *net, *setting;
    tg_shape img, id;
} wrong;

TEST(wrong_options_and_shapes_are_one_sentence)
{
    static const wrong cases[] = {
        {"simswap", "variant=d", {4, {1, 3, 32, 32}}, {2, {1, 512}}},
        {"simswap", "deep=true", {4, {1, 3, 32, 32}}, {2, {1, 512}}},
        {"simswap", "depth=40", {4, {1, 3, 32, 32}}, {2, {1, 512}}},
        {"simswap", "width=-3", {4, {1, 3, 32, 32}}, {2, {1, 512}}},
        {"simswap", "variant=a", {4, {1, 3, 36, 32}}, {2, {1, 512}}},
        {"simswap", "variant=a", {4, {1, 3, 8, 8}}, {2, {1, 512}}},
        {"simswap", "variant=a", {4, {1, 1, 32, 32}}, {2, {1, 512}}},
        {"simswap", "variant=a", {4, {2, 3, 32, 32}}, {2, {1, 512}}},
        {"simswap", "variant=a", {4, {1, 3, 32, 32}}, {2, {1, 256}}},
        {"simswap", "variant=a", {4, {1, 3, 32, 32}}, {0}}, // id missing
        {"arcface-se", "layers=34", {4, {1, 3, 112, 112}}, {0}},
        {"arcface-se", "layers=18", {4, {1, 3, 64, 64}}, {0}},
        {"patchgan", "family=other", {4, {1, 3, 64, 64}}, {0}},
        {"patchgan", "family=simswap", {4, {1, 3, 8, 8}}, {0}},
        {"patchgan", "width=-1", {4, {1, 3, 64, 64}}, {0}},
        {"projected-d", "stages=true", {4, {1, 3, 64, 64}}, {0}},
        {"parsing", "stages=true", {4, {1, 4, 64, 64}}, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const model_net *net = model_find(cases[i].net);
        void *options = base_alloc(1, net->size);
        nn_params *p = NULL;
        model_ports *io = NULL;
        tg_graph *g = tg_new();
        base_fields_init(net->options, options);
        CHECK(!base_fields_assign(net->options, options, cases[i].setting, NULL));
        CHECK(!nn_params_open(&p, NULL) && !model_ports_open(&io, NULL));
        CHECK(!model_ports_give(io, "img", cases[i].img, NULL));
        if (cases[i].id.rank) CHECK(!model_ports_give(io, "id", cases[i].id, NULL));
        net->build(nn_root(p, g, false), options, io);
        if (!tg_error(g)) printf("no error: %s %s\n", cases[i].net, cases[i].setting);
        CHECK(tg_error(g) != NULL);
        nn_params_close(&p);
        model_ports_close(&io);
        tg_free(g);
        base_free(options);
    }
}

TEST(table_has_no_name_twice)
{
    for (int i = 0; model_nets[i]; i++) CHECK(model_find(model_nets[i]->name) == model_nets[i]);
    CHECK(!model_find("nothing"));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(networks_have_the_released_parameters),
               CASE(options_make_narrow_networks), CASE(wrong_options_and_shapes_are_one_sentence),
               CASE(table_has_no_name_twice));
}
