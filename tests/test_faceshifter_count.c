// test_faceshifter_count.c -- parameters and names of FaceShifter's networks and of DeepFakes, for
// every option, against counts made from the open implementations; wrong options and shapes are one
// sentence.
#include "model/deepfakes.h"
#include "model/faceshifter.h"
#include "test.h"

typedef struct {
    const char *net, *settings[4];
    struct {
        const char *name;
        tg_shape shape;
    } in[3];
    const char *prefix; // of the entries that are counted
    size_t weights;
    size_t unit; // the count is known to so many
} count_case;

// Builds the network; NULL where that fails, with the sentence in why.
static nn_params *entries(const count_case *c, char why[600])
{
    const model_net *net = model_find(c->net);
    CHECK(net != NULL);
    base_error e = {{0}};
    void *options = base_alloc(1, net->size);
    nn_params *p = NULL;
    model_ports *io = NULL;
    tg_graph *g = tg_new();
    base_fields_init(net->options, options);
    guise_status s = nn_params_open(&p, &e);
    for (int i = 0; !s && i < 4 && c->settings[i]; i++)
        s = base_fields_assign(net->options, options, c->settings[i], &e);
    if (!s) s = model_ports_open(&io, &e);
    for (int i = 0; !s && i < 3 && c->in[i].name; i++)
        s = model_ports_give(io, c->in[i].name, c->in[i].shape, &e);
    if (!s) net->build(nn_root(p, g, false), options, io);
    snprintf(why, 600, "%s", s ? e.text : tg_error(g) ? tg_error(g) : "");
    CHECK(!s);
    model_ports_close(&io);
    tg_free(g);
    base_free(options);
    if (*why) nn_params_close(&p);
    return p;
}

static size_t count(const nn_params *p, const char *prefix)
{
    size_t n = 0;
    for (size_t i = 0; i < nn_params_n(p); i++) {
        const nn_entry *e = nn_params_entry(p, i);
        if (e->kind == NN_WEIGHT && !strncmp(e->name, prefix, strlen(prefix))) n += e->count;
    }
    return n;
}

#define IMG(N, S)                                                                                  \
    {                                                                                              \
        "img",                                                                                     \
        {                                                                                          \
            4, { N, 3, S, S }                                                                      \
        }                                                                                          \
    }
#define ID(L)                                                                                      \
    {                                                                                              \
        "id",                                                                                      \
        {                                                                                          \
            2, { 1, L }                                                                            \
        }                                                                                          \
    }
#define AEI                                                                                        \
    {                                                                                              \
        IMG(1, 256), ID(512)                                                                       \
    }

static const count_case counts[] = {
    // spec/faceshifter.md 1.1, 1.4, 1.6, 2.1, 4.1, 4.2, 5.1
    {"aei", {NULL}, AEI, "encoder.", 67087744, 1},
    {"aei", {NULL}, AEI, "generator.", 117255637, 1},
    {"aei", {NULL}, AEI, "", 184343381, 1},
    {"aei", {"latent=256"}, {IMG(1, 256), ID(256)}, "generator.", 110013909, 1},
    {"aei", {"latent=256"}, {IMG(1, 256), ID(256)}, "", 177101653, 1},
    {"aei", {"blocks=1"}, AEI, "", 128500000, 100000},
    {"aei", {"blocks=3"}, AEI, "", 240200000, 100000},
    {"aei", {"encoder=linknet", "blocks=1"}, AEI, "", 112700000, 100000},
    {"aei", {"encoder=linknet"}, AEI, "", 164800000, 100000},
    {"aei", {"encoder=linknet", "blocks=3"}, AEI, "", 216800000, 100000},
    {"aei", {"encoder=resnet", "blocks=1"}, AEI, "", 80200000, 100000},
    {"aei", {"encoder=resnet"}, AEI, "", 136100000, 100000},
    {"aei", {"encoder=resnet", "blocks=3"}, AEI, "", 191900000, 100000},
    {"aei", {"encoder=resnet"}, AEI, "encoder.", 18800000, 100000},
    {"aei",
     {"form=mindslab", "latent=256"},
     {IMG(1, 256), ID(256)},
     "generator.",
     372200000,
     100000},
    {"aei", {"form=mindslab", "latent=256"}, {IMG(1, 256), ID(256)}, "", 439300000, 100000},
    {"aei", {"width=2", "latent=32"}, {IMG(1, 256), ID(32)}, "", 0, 0},
    {"hear", {NULL}, {{"x", {4, {1, 6, 256, 256}}}}, "", 16663043, 1},
    {"multiscale-d", {NULL}, {IMG(1, 256)}, "", 46047555, 1},
    {"multiscale-d", {"layers=5"}, {IMG(1, 256)}, "", 33463107, 1},
    {"multiscale-d", {"layers=3", "batch=true"}, {IMG(1, 256)}, "", 8299587, 1},
    {"deepfakes", {NULL}, {IMG(1, 64)}, "enc.", 69662976, 1},
    {"deepfakes", {NULL}, {IMG(1, 64)}, "decA.", 6199747, 1},
    {"deepfakes", {NULL}, {IMG(1, 64)}, "decB.", 6199747, 1},
};

TEST(parameters)
{
    char why[600];
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const count_case *c = &counts[i];
        nn_params *p = entries(c, why);
        if (!p) printf("%s\n", why);
        CHECK(p != NULL);
        if (!p) continue;
        size_t n = count(p, c->prefix);
        bool same = !c->unit || (n + c->unit / 2) / c->unit == c->weights / c->unit;
        if (!same)
            printf("%s %s: %zu, want %zu\n", c->net, c->settings[0] ? c->settings[0] : "", n,
                   c->weights);
        CHECK(same);
        nn_params_close(&p);
    }
}

TEST(narrow_network_of_the_golden_cases) // 725,233 stored values, without counters
{
    char why[600];
    const count_case c = {.net = "aei",
                          .settings = {"width=2", "latent=32"},
                          .in = {IMG(1, 256), ID(32)},
                          .prefix = ""};
    nn_params *p = entries(&c, why);
    size_t values = 0;
    for (size_t i = 0; p && i < nn_params_n(p); i++)
        if (nn_params_entry(p, i)->kind != NN_COUNTER) values += nn_params_entry(p, i)->count;
    CHECK(values == 725233);
    nn_params_close(&p);
}

static bool has(const nn_params *p, const char *name, tg_shape s)
{
    const nn_entry *e = nn_params_find(p, name);
    if (!e) printf("no %s\n", name);
    return e && tg_same(e->shape, s);
}

TEST(names_of_the_released_generator) // spec/faceshifter.md 4.5
{
    char why[600];
    const count_case c = {.net = "aei", .in = AEI, .prefix = ""};
    nn_params *p = entries(&c, why);
    CHECK(p && nn_params_n(p) == 311);
    if (!p) return;
    CHECK(has(p, "encoder.conv7.0.weight", TG_SHAPE(1024, 1024, 4, 4)));
    CHECK(has(p, "encoder.conv1.1.running_var", TG_SHAPE(32)));
    CHECK(nn_params_find(p, "encoder.conv1.1.num_batches_tracked"));
    CHECK(has(p, "encoder.deconv2.deconv.weight", TG_SHAPE(2048, 512, 4, 4)));
    CHECK(has(p, "encoder.deconv6.bn.bias", TG_SHAPE(32)));
    CHECK(has(p, "generator.up1.weight", TG_SHAPE(512, 1024, 2, 2)));
    CHECK(has(p, "generator.up1.bias", TG_SHAPE(1024)));
    CHECK(has(p, "generator.AADBlk2.add_blocks.3.conv1.weight", TG_SHAPE(1024, 2048, 1, 1)));
    CHECK(has(p, "generator.AADBlk4.last_add_block.0.conv_h.weight", TG_SHAPE(1, 1024, 1, 1)));
    CHECK(has(p, "generator.AADBlk4.last_add_block.2.weight", TG_SHAPE(512, 1024, 3, 3)));
    CHECK(has(p, "generator.AADBlk8.add_blocks.5.weight", TG_SHAPE(3, 64, 3, 3)));
    CHECK(has(p, "generator.AADBlk8.add_blocks.0.fc2.weight", TG_SHAPE(64, 512)));
    CHECK(!nn_params_find(p, "generator.AADBlk3.last_add_block.2.weight"));
    nn_params_close(&p);
}

TEST(names_of_the_resnet_encoder) // as listed from ghost's own
{
    char why[600], line[300], shape[64];
    const count_case c = {.net = "aei", .settings = {"encoder=resnet"}, .in = AEI, .prefix = ""};
    nn_params *p = entries(&c, why);
    const char *path = "golden/faceshifter/07_full_size_stats.ghost_resnet_encoder_keys.tsv";
    FILE *f = fopen(test_file(path), "r");
    CHECK(p && f);
    size_t at = 0, n = 0;
    while (p && f && fgets(line, sizeof line, f)) {
        char *rest = line, *name = strsep(&rest, "\t\n"), *want = strsep(&rest, "\t\n");
        if (!strncmp(name, "encoder.", 8) && want) {
            while (at < nn_params_n(p) && nn_params_entry(p, at)->kind == NN_COUNTER) at++;
            const nn_entry *e = at < nn_params_n(p) ? nn_params_entry(p, at++) : NULL;
            int k = 0;
            for (int i = 0; e && i < e->shape.rank; i++)
                k += snprintf(shape + k, sizeof shape - (size_t)k, i ? "x%lld" : "%lld",
                              (long long)e->shape.dim[i]);
            bool same = e && !strcmp(e->name, name) && !strcmp(shape, want);
            if (!same) printf("%s %s, not %s %s\n", name, want, e ? e->name : "", shape);
            CHECK(same);
            n++;
        }
    }
    CHECK(n == 220);
    if (f) fclose(f);
    nn_params_close(&p);
}

TEST(names_of_the_discriminator)
{
    char why[600];
    const count_case c = {
        .net = "multiscale-d", .settings = {"layers=5"}, .in = {IMG(1, 64)}, .prefix = ""};
    static const int conv[] = {0, 2, 5, 8, 11, 14, 17};
    nn_params *p = entries(&c, why);
    CHECK(p && nn_params_n(p) == 3 * 14);
    for (int k = 0; p && k < 21; k++) {
        char name[64];
        snprintf(name, sizeof name, "layer%d.%d.weight", k / 7, conv[k % 7]);
        CHECK(nn_params_find(p, name));
    }
    nn_params_close(&p);
}

TEST(other_sizes_and_depths)
{
    static const count_case cases[] = {
        {"aei", {"width=4"}, {IMG(2, 128), {"id", {2, {2, 512}}}}, "", 0, 0},
        {"aei", {"width=4", "depth=3"}, {IMG(1, 64), ID(512)}, "", 0, 0},
        {"aei", {"width=4", "encoder=resnet", "depth=2"}, {IMG(1, 64), ID(512)}, "", 0, 0},
        {"aei", {"width=4", "encoder=linknet"}, {IMG(1, 224), ID(512)}, "", 0, 0},
        {"aei", {"width=4", "max_width=32"}, {IMG(1, 64), ID(512)}, "", 0, 0},
        {"aei", {"small=true"}, AEI, "", 0, 0},
        {"hear", {"width=8", "depth=3"}, {{"x", {4, {1, 6, 64, 32}}}}, "", 0, 0},
        {"deepfakes", {"lowmem=true", "width=16"}, {IMG(2, 64)}, "", 0, 0},
        {"deepfakes", {"width=16"}, {IMG(2, 128)}, "", 0, 0},
        {"multiscale-d", {"scales=2", "layers=3"}, {IMG(2, 64)}, "", 0, 0},
        {"aad", {"out=4"}, {{"h", {4, {1, 8, 4, 4}}}, {"att", {4, {1, 3, 4, 4}}}, ID(8)}, "", 0, 0},
    };
    char why[600];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nn_params *p = entries(&cases[i], why);
        if (!p) printf("%s %s: %s\n", cases[i].net, cases[i].settings[0], why);
        CHECK(p != NULL);
        nn_params_close(&p);
    }
}

TEST(wrong_options_and_shapes_are_one_sentence)
{
    static const count_case cases[] = {
        {"aei", {"form=other"}, AEI, "", 0, 0},
        {"aei", {"encoder=other"}, AEI, "", 0, 0},
        {"aei", {"blocks=4"}, AEI, "", 0, 0},
        {"aei", {"width=-1"}, AEI, "", 0, 0},
        {"aei", {"depth=8"}, AEI, "", 0, 0},
        {"aei", {"depth=1"}, AEI, "", 0, 0},
        {"aei", {"depth=-3"}, AEI, "", 0, 0},
        {"aei", {"encoder=resnet", "width=6"}, AEI, "", 0, 0},
        {"aei", {NULL}, {IMG(1, 255), ID(512)}, "", 0, 0},
        {"aei", {NULL}, {{"img", {4, {1, 3, 256, 128}}}, ID(512)}, "", 0, 0},
        {"aei", {NULL}, {{"img", {4, {1, 4, 256, 256}}}, ID(512)}, "", 0, 0},
        {"aei", {NULL}, {{"img", {2, {3, 256}}}, ID(512)}, "", 0, 0},
        {"aei", {NULL}, {IMG(2, 256), ID(512)}, "", 0, 0},
        {"aei", {NULL}, {IMG(1, 256), ID(256)}, "", 0, 0},
        {"aei", {NULL}, {IMG(1, 256)}, "", 0, 0},
        {"aad",
         {"blocks=7"},
         {{"h", {4, {1, 8, 4, 4}}}, {"att", {4, {1, 3, 4, 4}}}, ID(8)},
         "",
         0,
         0},
        {"aad",
         {"form=x"},
         {{"h", {4, {1, 8, 4, 4}}}, {"att", {4, {1, 3, 4, 4}}}, ID(8)},
         "",
         0,
         0},
        {"aad", {NULL}, {{"h", {4, {1, 8, 4, 4}}}, {"att", {4, {1, 3, 4, 5}}}, ID(8)}, "", 0, 0},
        {"hear", {NULL}, {{"x", {4, {1, 6, 48, 64}}}}, "", 0, 0},
        {"hear", {NULL}, {{"x", {4, {1, 3, 64, 64}}}}, "", 0, 0},
        {"hear", {"depth=12"}, {{"x", {4, {1, 6, 64, 64}}}}, "", 0, 0},
        {"deepfakes", {NULL}, {IMG(1, 40)}, "", 0, 0},
        {"deepfakes", {"width=1"}, {IMG(1, 64)}, "", 0, 0},
        {"deepfakes", {"dense=-5"}, {IMG(1, 64)}, "", 0, 0},
        {"multiscale-d", {"scales=9"}, {IMG(1, 64)}, "", 0, 0},
        {"multiscale-d", {"layers=-2"}, {IMG(1, 64)}, "", 0, 0},
        {"multiscale-d", {NULL}, {{"img", {4, {1, 1, 64, 64}}}}, "", 0, 0},
    };
    char why[600];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nn_params *p = entries(&cases[i], why);
        if (p) printf("no error: %s %zu\n", cases[i].net, i);
        CHECK(!p);
        if (getenv("GOLDEN_VERBOSE")) printf("%s\n", why);
        nn_params_close(&p);
    }
}

TEST(initial_values) // linear layers next to nothing, so that the mask only blends towards zero
{
    char why[600];
    base_error e = {{0}};
    const count_case c = {.net = "aei",
                          .settings = {"width=4", "latent=64"},
                          .in = {IMG(1, 64), ID(64)},
                          .prefix = ""};
    nn_params *p = entries(&c, why);
    CHECK(p && !nn_settle(p, 5, &e));
    if (!p) return;
    const nn_entry *fc = nn_params_find(p, "generator.AADBlk1.add_blocks.0.fc1.weight");
    const nn_entry *conv = nn_params_find(p, "generator.AADBlk1.add_blocks.2.weight");
    const nn_entry *of[] = {fc, conv};
    for (int i = 0; i < 2; i++) {
        double sum = 0;
        for (size_t k = 0; k < of[i]->count; k++) {
            double v = nn_params_data(p)[of[i]->offset + k];
            sum += v * v;
        }
        double fans = 9 * (double)(conv->shape.dim[0] + conv->shape.dim[1]);
        double want = i ? sqrt(2 / fans) : 0.001;
        CHECK_NEAR(sqrt(sum / (double)of[i]->count) / want, 1, 0.05);
    }
    nn_params_close(&p);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(parameters), CASE(narrow_network_of_the_golden_cases),
               CASE(names_of_the_released_generator), CASE(names_of_the_resnet_encoder),
               CASE(names_of_the_discriminator), CASE(other_sizes_and_depths),
               CASE(wrong_options_and_shapes_are_one_sentence), CASE(initial_values));
}
