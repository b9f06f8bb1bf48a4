// test_faceshifter_golden.c -- FaceShifter's layers and networks, narrow, against golden values:
// forward, gradients, running statistics.
#include "golden_mix.h"
#include "golden_net.h"
#include "model/faceshifter.h"
#include "test.h"

TEST(values_by_formula)
{
    float v[4];
    mix_values("c01.h", 1, 0, v, 4);
    static const uint32_t first[] = {0x3e5dd200, 0x3edd1660, 0xbf33562c, 0xbf75ed64};
    CHECK(!memcmp(v, first, sizeof v));
    mix_values("full.x", 1, 0, v, 4);
    static const uint32_t full[] = {0xbf0740a6, 0xbe911104, 0xbcbbd1c0, 0x3ebe3db0};
    CHECK(!memcmp(v, full, sizeof v));
}

// Every output of the net that the case holds as prefix + name.
// tol: of all, of what comes out of generator blocks.
static int compare_outputs(const golden_net *net, const mix_case *c, const char *prefix,
                           const double tol[2])
{
    int found = 0;
    for (size_t i = 0; i < model_ports_outputs(net->io); i++) {
        const char *name;
        size_t n;
        tg_node *x = model_ports_output(net->io, i, &name);
        const float *v = golden_net_value(net, x, &n);
        char full[300];
        snprintf(full, sizeof full, "%s%s", prefix, name);
        if (!mix_has(c, full)) continue;
        found++;
        mix_compare(c, full, v, n, tol[!strncmp(name, "blk", 3)]);
    }
    return found;
}

static int compare_buffers(const golden_net *net, const mix_case *c, const char *prefix, double tol)
{
    int found = 0;
    for (size_t i = 0; i < nn_params_n(net->params); i++) {
        const char *name = nn_params_entry(net->params, i)->name;
        char full[300];
        size_t n;
        snprintf(full, sizeof full, "%s%s", prefix, name);
        const float *v = golden_net_update(net, name, &n);
        if (!v || !mix_has(c, full)) continue;
        found++;
        mix_compare(c, full, v, n, tol);
    }
    return found;
}

// The weights by formula are those of the file.
static void compare_weights(const golden_net *net, const mix_case *c, const char *prefix)
{
    for (size_t i = 0; i < nn_params_n(net->params); i++) {
        const nn_entry *e = nn_params_entry(net->params, i);
        char full[300];
        snprintf(full, sizeof full, "params/%s%s", prefix, e->name);
        if (e->kind == NN_COUNTER) continue;
        CHECK(mix_has(c, full));
        mix_compare(c, full, nn_params_data(net->params) + e->offset, e->count, 0);
    }
}

static const float *output(const golden_net *net, const char *want, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < model_ports_outputs(net->io); i++) {
        const char *name;
        tg_node *x = model_ports_output(net->io, i, &name);
        if (!strcmp(name, want)) return golden_net_value(net, x, n);
    }
    return NULL;
}

static void compare_norm_statistics(const golden_net *net, const mix_case *c)
{
    size_t n;
    const float *mean = golden_net_update(net, "BNorm.running_mean", &n);
    mix_compare(c, "after_BNorm_running_mean", mean, n, 1e-6);
    const float *var = golden_net_update(net, "BNorm.running_var", &n);
    mix_compare(c, "after_BNorm_running_var", var, n, 1e-6);
}

// One AAD layer or block: h [2,ch,h,w], attributes of 10 channels, identity of 16 numbers.
typedef struct {
    const char *file, *prefix, *path; // "c01.", "aad."
    const char *settings[3];
    int64_t c, out, h, w;
    int outputs;
} aad_case;

static void run_aad(const aad_case *a, bool train, const char *out)
{
    mix_case c;
    mix_open(&c, a->file);
    tg_shape h = TG_SHAPE(2, a->c, a->h, a->w), att = TG_SHAPE(2, 10, a->h, a->w);
    tg_shape id = TG_SHAPE(2, 16), y = TG_SHAPE(2, a->out, a->h, a->w);
    char name[4][64], tag[64];
    static const char *const what[] = {"h", "z_att", "z_id", "gout"};
    for (int i = 0; i < 4; i++) snprintf(name[i], sizeof name[i], "%s%s", a->prefix, what[i]);
    snprintf(tag, sizeof tag, "%s%s", a->prefix, a->path);
    float *in[] = {mix_input(name[0], h, 1, 0), mix_input(name[1], att, 1, 0),
                   mix_input(name[2], id, 1, 0), mix_input(name[3], y, 1, 0)};
    golden_net_options o = {
        .name = "aad",
        .tag = tag,
        .settings = {"stages=true", a->settings[0], a->settings[1], a->settings[2]},
        .train = train,
        .fill = mix_fill,
        .in = {{"h", h, in[0]}, {"att", att, in[1]}, {"id", id, in[2]}},
        .grad = "out",
        .cotangent = in[3]};
    golden_net net;
    if (golden_net_run(&net, &o)) {
        size_t n;
        const float *v = output(&net, "out", &n);
        mix_compare(&c, out, v, n, 4e-6);
        compare_weights(&net, &c, a->path);
        if (train) CHECK(compare_outputs(&net, &c, "mid_", (double[]){4e-6, 0}) == a->outputs);
        static const char *const input[] = {"h", "att", "id"};
        for (int i = 0; train && i < 3; i++) {
            char full[64];
            snprintf(full, sizeof full, "grad_%s", what[i]);
            v = golden_net_d_input(&net, input[i], &n);
            mix_compare_norm(&c, full, v, n, 1e-5);
        }
        int compared = 0, weights = 0;
        for (size_t i = 0; train && i < nn_params_n(net.params); i++) {
            const nn_entry *e = nn_params_entry(net.params, i);
            char full[300];
            snprintf(full, sizeof full, "grads/%s%s", a->path, e->name);
            if (e->kind != NN_WEIGHT) continue;
            weights++;
            compared += mix_compare_norm(&c, full, net.grad_values[i], e->count, 1e-5);
        }
        CHECK(compared == weights);
        if (train && !*a->path) compare_norm_statistics(&net, &c);
    }
    golden_net_close(&net);
    mix_close(&c);
    for (int i = 0; i < 4; i++) base_free(in[i]);
}

TEST(aad_layer)
{
    const aad_case a = {"01_aad_layer_in", "c01.", "aad.", {NULL}, 6, 6, 5, 7, 8};
    run_aad(&a, true, "out");
}

TEST(aad_layer_of_mindslab)
{
    const aad_case a = {"02_aad_layer_bn3x3", "c02.", "", {"form=mindslab"}, 6, 6, 5, 7, 4};
    run_aad(&a, true, "out_train");
    run_aad(&a, false, "out_eval");
}

TEST(residual_blocks)
{
    const aad_case a[] = {
        {"03_aad_resblk_same", "c03.", "blk.", {"out=6"}, 6, 6, 6, 6, 4},
        {"04_aad_resblk_proj", "c04.", "blk.", {"out=4"}, 8, 4, 6, 6, 6},
        {"04b_aad_resblk_proj_1block", "c04b.", "blk.", {"out=4", "blocks=1"}, 8, 4, 6, 6, 4},
    };
    for (int i = 0; i < 3; i++) run_aad(&a[i], true, "out");
}

// A network on one input or two, in training and with running statistics.
typedef struct {
    const char *file, *net, *prefix, *settings[4];
    struct {
        const char *name, *value;
        tg_shape shape;
    } in[2];
    const char *out; // what the file calls the output "out"
    int outputs[2];  // in the file: with running statistics, in training
    double tol[2], tol_out[2];
    int buffers;
} net_case;

static void run_net(const net_case *a, bool train)
{
    mix_case c;
    mix_open(&c, a->file);
    golden_net_options o = {
        .name = a->net, .tag = a->prefix, .train = train, .fill = mix_fill, .steady = true};
    for (int i = 0; i < 4 && a->settings[i]; i++) o.settings[i] = a->settings[i];
    for (int i = 0; i < 2 && a->in[i].name; i++) {
        o.in[i].name = a->in[i].name;
        o.in[i].shape = a->in[i].shape;
        o.in[i].data = mix_input(a->in[i].value, a->in[i].shape, 1, 0);
    }
    golden_net net;
    if (golden_net_run(&net, &o)) {
        char name[64];
        const char *prefix = !a->out ? "" : train ? "train_" : "eval_";
        double tol[] = {a->tol[train], a->tol_out[train]};
        CHECK(compare_outputs(&net, &c, prefix, tol) == a->outputs[train]);
        size_t n;
        const float *v = output(&net, "out", &n);
        snprintf(name, sizeof name, "%s%s", prefix, a->out ? a->out : "");
        if (a->out) mix_compare(&c, name, v, n, a->tol_out[train]);
        compare_weights(&net, &c, "");
        if (train)
            CHECK(compare_buffers(&net, &c, "running_stats_after_one_train_forward/", 5e-6) ==
                  a->buffers);
    }
    golden_net_close(&net);
    mix_close(&c);
    for (int i = 0; i < 2; i++) base_free(o.in[i].data);
}

TEST(aei_net)
{
    static const net_case a = {
        "05_aei_small",
        "aei",
        "c05.",
        {"width=2", "latent=32", "stages=true"},
        {{"img", "c05.Xt", {4, {2, 3, 256, 256}}}, {"id", "c05.z_id", {2, {2, 32}}}},
        "Y",
        {12, 17},
        {8e-6, 6e-5},
        {3e-4, 7e-4},
        26};
    run_net(&a, false);
    run_net(&a, true);
}

TEST(hear_net)
{
    static const net_case a = {"08_hear_small",
                               "hear",
                               "c08.",
                               {"width=8", "stages=true"},
                               {{"x", "c08.x", {4, {2, 6, 64, 64}}}},
                               "out",
                               {10, 10},
                               {1e-5, 1e-5},
                               {1e-5, 1e-5},
                               18};
    run_net(&a, false);
    run_net(&a, true);
}

TEST(discriminators)
{
    static const net_case instance = {"09a_d_nl6_in",
                                      "multiscale-d",
                                      "c09a.",
                                      {"width=8", "stages=true"},
                                      {{"img", "c09.x", {4, {2, 3, 256, 256}}}},
                                      NULL,
                                      {5, 5},
                                      {2e-5, 2e-5},
                                      {0, 0},
                                      0};
    static const net_case batch = {"09c_d_nl3_bn",
                                   "multiscale-d",
                                   "c09c.",
                                   {"width=8", "layers=3", "batch=true"},
                                   {{"img", "c09.x", {4, {2, 3, 256, 256}}}},
                                   NULL,
                                   {3, 3},
                                   {2e-5, 2e-5},
                                   {0, 0},
                                   18};
    run_net(&instance, true);
    run_net(&batch, true);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(values_by_formula), CASE(aad_layer), CASE(aad_layer_of_mindslab),
               CASE(residual_blocks), CASE(aei_net), CASE(hear_net), CASE(discriminators));
}
