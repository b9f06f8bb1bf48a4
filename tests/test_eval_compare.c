// test_eval_compare.c -- suites that compare generators: SimSwap's variants in one table, costs.
#include "eval/cost.h"
#include "eval/files.h"
#include "eval/suites.h"
#include "eval_case.h"
#include "test.h"
#include "weights/weights.h"

static char data[4200], taker[4200], judge[4200], runs[4200];

// A recogniser of 112 pixels: 4 x 4 means of 3 channels, mixed by random numbers.
static guise_status recogniser(const char *path, base_error *e)
{
    enum { CELLS = 48, OUT = 8 };
    float w[CELLS * OUT];
    base_rng r = {9};
    tg_graph *g = tg_new();
    for (int i = 0; i < CELLS * OUT; i++) w[i] = (float)(base_rng_uniform(&r) - 0.5);
    tg_node *x = tg_input(g, TG_SHAPE(1, 3, 112, 112), "x");
    tg_node *p = tg_avg_pool(x, (tg_window){.kh = 28, .kw = 28, .stride = 28});
    tg_node *y = tg_matmul(tg_reshape(p, TG_SHAPE(1, CELLS)), tg_const(g, TG_SHAPE(CELLS, OUT), w),
                           false, false);
    weights_onnx_names names = {.in = &x,
                                .out = &y,
                                .in_name = (const char *[]){"x"},
                                .out_name = (const char *[]){"y"},
                                .n_in = 1,
                                .n_out = 1};
    guise_status s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    if (!s) s = weights_onnx_write(g, &names, path, e);
    tg_free(g);
    return s;
}

// RUNS/NAME/generator.safetensors, as a training of this recipe would leave it.
static void trained(const char *name, const char *recipe, float twist)
{
    base_error e = {{0}};
    base_tensors t = {0};
    char dir[4300], path[4400];
    snprintf(dir, sizeof dir, "%s/%s", runs, name);
    snprintf(path, sizeof path, "%s/generator.safetensors", dir);
    CHECK(!base_make_dir(dir, &e) && !eval_case_generator(path, &e));
    CHECK(!weights_read(&t, path, &e) && base_tensors_set_meta(&t, "guise.recipe", recipe));
    for (size_t i = 0; i < t.n; i++) { // other weights, so another generator
        int64_t n = base_tensor_count(&t.at[i]);
        float *v = base_alloc((size_t)n, sizeof *v);
        base_tensor_floats(&t.at[i], v);
        for (int64_t k = 0; k < n; k++) v[k] *= twist;
        if (t.at[i].dtype == BASE_F32) {
            base_free(t.at[i].owned);
            t.at[i].data = t.at[i].owned = v;
        } else {
            base_free(v);
        }
    }
    CHECK(!weights_safetensors_write(&t, path, &e));
    if (e.text[0]) printf("%s\n", e.text);
    base_tensors_free(&t);
}

static void prepare(void)
{
    base_error e = {{0}};
    snprintf(data, sizeof data, "%s", test_scratch("people"));
    snprintf(runs, sizeof runs, "%s", test_scratch("runs"));
    snprintf(taker, sizeof taker, "%s", test_scratch("taker.safetensors"));
    snprintf(judge, sizeof judge, "%s", test_scratch("judge.onnx"));
    if (base_is_file(judge)) return;
    CHECK(!eval_case_people(data, 6, 2, &e));
    CHECK(!eval_case_other(taker, &e) && !recogniser(judge, &e));
    trained("a", "simswap-ofm steps=3", 1);
    trained("b", "simswap-nfm steps=3", 0.7f);
    trained("oFM-id+", "simswap-ofm-id steps=3", 0.5f);
    trained("other", "my own", 0.9f);
}

TEST(ablation_is_one_table)
{
    prepare();
    base_error e = {{0}};
    eval_report r, one;
    char from[4300], identity[4300], out[4300], path[4400];
    snprintf(from, sizeof from, "runs=%s", runs);
    snprintf(identity, sizeof identity, "identity=%s", judge);
    snprintf(out, sizeof out, "%s", test_scratch("ablation"));
    const char *const set[] = {from, identity, "pairs=10", "people=all", "pictures=yes", NULL};
    const eval_case_ask ask = {
        .suite = "ablation", .data = data, .out = out, .recogniser = taker, .set = set};
    CHECK(!eval_case_answer(&ask, &r, &e));
    if (e.text[0]) printf("%s\n", e.text);
    CHECK(r.n == 4);
    if (r.n != 4) return;
    CHECK(!strcmp(r.result[0]->name, "oFM (a)") && !strcmp(r.result[1]->name, "nFM (b)"));
    CHECK(!strcmp(r.result[2]->name, "oFM-id+") && !strcmp(r.result[3]->name, "other"));
    CHECK(!strcmp(r.result[0]->metric[0].is.name, "retrieval_top1"));
    CHECK(!eval_metric_find(r.result[0], "frechet") && eval_metric_find(r.result[0], "self_l1"));
    snprintf(path, sizeof path, "%s/%s", out, r.result[1]->cases[3].picture);
    CHECK(base_is_file(path) && strstr(path, "/b/") != NULL);
    int told = 0; // nFM and oFM are there, so of the paper's order retrieval and self-swaps are
    for (size_t i = 0; i < r.n_notes; i++) told += strstr(r.note[i], "In the paper") != NULL;
    CHECK(told == 2);
    snprintf(path, sizeof path, "%s/a/generator.safetensors", runs); // as eval swap says
    const char *const alone[] = {identity, "pairs=10", "people=all", "runs=1", NULL};
    const eval_case_ask swap = {
        .suite = "swap", .data = data, .generator = path, .recogniser = taker, .set = alone};
    CHECK(!eval_case_answer(&swap, &one, &e));
    for (size_t k = 0; k < r.result[0]->n; k++) {
        const eval_metric *m = &r.result[0]->metric[k];
        const eval_metric *same = eval_metric_find(one.result[0], m->is.name);
        CHECK(same && same->mean == m->mean && same->low == m->low);
    }
    eval_report_free(&one);
    eval_report_free(&r);
}

TEST(ablation_refuses)
{
    prepare();
    base_error e = {{0}};
    eval_report r;
    char from[4300], both[4300];
    snprintf(from, sizeof from, "runs=%s", data); // folders without a training
    snprintf(both, sizeof both, "generators=%s", taker);
    const char *const none[] = {from, NULL}, *const two[] = {from, both, NULL};
    eval_case_ask ask = {.suite = "ablation", .data = data, .recogniser = taker, .set = none};
    CHECK(eval_case_answer(&ask, &r, &e) == GUISE_IO && strstr(e.text, "holds no NAME"));
    ask.set = two;
    CHECK(eval_case_answer(&ask, &r, NULL) == GUISE_BAD_ARGUMENT);
}

// Parameters: those of the file that training moves. A 3 x 3 convolution's products by hand.
TEST(speed_counts)
{
    prepare();
    base_error e = {{0}};
    eval_report r;
    eval_cost c;
    char path[4300], list[9000];
    snprintf(path, sizeof path, "%s/a/generator.safetensors", runs);
    snprintf(list, sizeof list, "generators=%s,%s/b/generator.safetensors", path, runs);
    const char *const set[] = {list, "runs=2", NULL};
    const eval_case_ask ask = {.suite = "speed", .set = set};
    CHECK(!eval_case_answer(&ask, &r, &e));
    if (e.text[0]) printf("%s\n", e.text);
    CHECK(r.n == 2 && !strcmp(r.result[0]->name, "a") && !strcmp(r.result[1]->name, "b"));
    base_tensors t = {0};
    double numbers = 0, bytes = 0;
    CHECK(!weights_read(&t, path, &e));
    for (size_t i = 0; i < t.n; i++) {
        const char *dot = strrchr(t.at[i].name, '.');
        bool buffer = dot && (!strncmp(dot, ".running", 8) || !strncmp(dot, ".num_batches", 12));
        if (!buffer) numbers += (double)base_tensor_count(&t.at[i]);
    }
    base_tensors_free(&t);
    base_map map;
    CHECK(!base_map_open(&map, path, &e));
    bytes = (double)map.size;
    base_map_close(&map);
    CHECK(!eval_cost_of(path, 1, &c, &e));
    CHECK_NEAR(eval_metric_find(r.result[0], "parameters")->mean, numbers / 1e6, 1e-12);
    CHECK_NEAR(eval_metric_find(r.result[0], "file_megabytes")->mean, bytes / 1e6, 1e-12);
    CHECK_NEAR(eval_metric_find(r.result[0], "gmac")->mean, c.macs / 1e9, 1e-12);
    CHECK(eval_metric_find(r.result[0], "side")->mean == 32 && r.n_published > 5);
    CHECK(eval_metric_find(r.result[0], "ms")->mean > 0);
    // 32 x 32: first 7 x 7, two halvings to 8 channels, 8 x 8 in the middle, and back
    CHECK(c.macs > 32.0 * 32 * 49 * 3 * 4 * 2 && c.macs < 1e7);
    eval_report_free(&r);
    const char *const nothing[] = {"runs=2", NULL};
    const eval_case_ask bare = {.suite = "speed", .set = nothing};
    CHECK(eval_case_answer(&bare, &r, NULL) == GUISE_IO);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(ablation_is_one_table), CASE(ablation_refuses), CASE(speed_counts));
}
