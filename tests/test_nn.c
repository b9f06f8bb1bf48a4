// test_nn.c -- the parameter store, initial values, layers' updates, Adam and averages.
#include "nn/nn.h"
#include "test.h"
#include <omp.h>

static nn_params *new_store(void)
{
    nn_params *p = NULL;
    CHECK(nn_params_open(&p, NULL) == GUISE_OK && p != NULL);
    return p;
}

static const nn_init zero = {.kind = NN_INIT_ZERO};

TEST(entries_lie_in_order_of_creation)
{
    nn_params *p = new_store();
    tg_graph *g = tg_new();
    nn m = nn_root(p, g, false);
    nn_conv(nn_at(m, "a.0"), tg_input(g, TG_SHAPE(1, 3, 5, 5), "x"), .out = 4, .k = 3);
    nn_weight(nn_at(m, "b"), "scale", TG_SHAPE(7), zero);
    nn_buffer(m, "mean", TG_SHAPE(2), zero);
    nn_counter(m, "count");
    static const char *const name[] = {"a.0.weight", "a.0.bias", "b.scale", "mean", "count"};
    static const size_t offset[] = {0, 108, 112, 119, 121}, count[] = {108, 4, 7, 2, 1};
    CHECK(nn_params_n(p) == 5 && nn_params_floats(p) == 122 && nn_params_weights(p) == 119);
    for (size_t i = 0; i < 5; i++) {
        const nn_entry *e = nn_params_entry(p, i);
        CHECK(!strcmp(e->name, name[i]) && e->offset == offset[i] && e->count == count[i]);
        CHECK(nn_params_find(p, name[i]) == e);
    }
    CHECK(!nn_params_find(p, "a.0"));
    CHECK(!tg_error(g));
    nn_params_close(&p);
    CHECK(!p);
    tg_free(g);
}

TEST(a_name_is_one_leaf_in_a_graph)
{
    nn_params *p = new_store();
    tg_graph *g = tg_new(), *h = tg_new();
    nn m = nn_root(p, g, false);
    tg_node *a = nn_weight(m, "w", TG_SHAPE(2), zero);
    CHECK(a && nn_weight(m, "w", TG_SHAPE(2), zero) == a);
    CHECK(nn_weight(nn_root(p, h, false), "w", TG_SHAPE(2), zero) != a);
    CHECK(nn_params_n(p) == 1 && nn_leaf(p, g, 0) == a);
    CHECK(!nn_weight(m, "w", TG_SHAPE(3), zero) && tg_error(g)); // another shape
    CHECK(!tg_error(h));
    nn_params_close(&p);
    tg_free(g);
    tg_free(h);
}

TEST(a_new_graph_at_an_old_address_is_new)
{
    nn_params *p = new_store();
    for (int i = 0; i < 20; i++) {
        tg_graph *g = tg_new();
        nn m = nn_root(p, g, true);
        tg_node *x = tg_input(g, TG_SHAPE(2, 3), "x");
        tg_node *y = nn_batch_norm(m, x, 1e-5);
        const nn_update *update;
        CHECK(nn_updates(p, g, &update) == 3);
        CHECK(y && tg_graph_of(y) == g && tg_graph_of(nn_leaf(p, g, 0)) == g);
        CHECK(tg_graph_of(update[0].node) == g);
        tg_free(g);
    }
    nn_params_close(&p);
}

static void make(nn m, bool other_order)
{
    tg_node *x = tg_input(m.graph, TG_SHAPE(1, 40, 8, 8), "x");
    if (other_order) nn_linear(nn_at(m, "second"), tg_reshape(x, TG_SHAPE(1, 2560)), 30, false);
    nn_conv(nn_at(m, "first"), x, .out = 300, .k = 3);
    nn_linear(nn_at(m, "second"), tg_reshape(x, TG_SHAPE(1, 2560)), 30, false);
    nn_weight(m, "n", TG_SHAPE(50000), (nn_init){NN_INIT_NORMAL, 0.5});
    nn_buffer(m, "u", TG_SHAPE(50), (nn_init){.kind = NN_INIT_UNIT});
}

TEST(initial_values_depend_on_name_and_seed_alone)
{
    nn_params *p[4];
    int threads = omp_get_max_threads();
    for (int i = 0; i < 4; i++) {
        p[i] = new_store();
        tg_graph *g = tg_new();
        omp_set_num_threads(i == 2 ? 1 : 3);
        make(nn_root(p[i], g, false), i == 1);
        CHECK(nn_settle(p[i], i == 3 ? 8 : 7, NULL) == GUISE_OK);
        tg_free(g);
    }
    omp_set_num_threads(threads);
    for (size_t j = 0; j < nn_params_n(p[0]); j++) {
        const nn_entry *e = nn_params_entry(p[0], j), *o = nn_params_find(p[1], e->name);
        size_t bytes = e->count * sizeof(float);
        const float *v = nn_params_data(p[0]) + e->offset;
        CHECK(!memcmp(v, nn_params_data(p[1]) + o->offset, bytes));
        CHECK(!memcmp(v, nn_params_data(p[2]) + e->offset, bytes));
        CHECK(memcmp(v, nn_params_data(p[3]) + e->offset, bytes) != 0);
    }
    CHECK(nn_params_entry(p[0], 0)->offset != nn_params_find(p[1], "first.weight")->offset);
    for (int i = 0; i < 4; i++) nn_params_close(&p[i]);
}

static double moment(const nn_params *p, const float *data, const char *name, int power)
{
    const nn_entry *e = nn_params_find(p, name);
    double sum = 0;
    for (size_t i = 0; i < e->count; i++) sum += pow(data[e->offset + i], power);
    return sum / (double)e->count;
}

TEST(initial_values_have_their_distribution)
{
    nn_params *p = new_store();
    tg_graph *g = tg_new();
    make(nn_root(p, g, false), false);
    CHECK(nn_settle(p, 1, NULL) == GUISE_OK);
    const float *v = nn_params_data(p);
    double bound = 1 / sqrt(360.0); // fan-in 40 * 9
    CHECK_NEAR(moment(p, v, "first.weight", 1), 0, bound * 0.01);
    CHECK_NEAR(moment(p, v, "first.weight", 2), bound * bound / 3, bound * bound * 0.005);
    CHECK_NEAR(moment(p, v, "first.weight", 4), pow(bound, 4) / 5, pow(bound, 4) * 0.005);
    CHECK_NEAR(moment(p, v, "n", 1), 0, 0.01);
    CHECK_NEAR(moment(p, v, "n", 2), 0.25, 0.01);
    CHECK_NEAR(moment(p, v, "n", 4), 3 * 0.0625, 0.01);
    CHECK_NEAR(moment(p, v, "u", 2) * 50, 1, 1e-6);
    nn_params_close(&p);
    tg_free(g);
}

TEST(settling_keeps_what_is_settled)
{
    nn_params *p = new_store();
    tg_graph *g = tg_new();
    nn m = nn_root(p, g, false);
    nn_weight(m, "a", TG_SHAPE(3), (nn_init){NN_INIT_VALUE, 2});
    CHECK(!nn_settle(p, 1, NULL));
    nn_params_data(p)[1] = 5;
    nn_weight(m, "b", TG_SHAPE(2), (nn_init){.kind = NN_INIT_ONE});
    CHECK(!nn_settle(p, 1, NULL));
    static const float want[] = {2, 5, 2, 1, 1};
    CHECK(test_distance(nn_params_data(p), want, 5) == 0);
    nn_params_close(&p);
    tg_free(g);
}

TEST(saving_and_loading_gives_the_same)
{
    nn_params *p = new_store(), *q = new_store();
    tg_graph *g = tg_new();
    nn m = nn_root(p, g, true), k = nn_root(q, g, true);
    tg_node *x = tg_input(g, TG_SHAPE(2, 3), "x");
    nn_batch_norm(m, x, 1e-5);
    nn_batch_norm(k, x, 1e-5);
    CHECK(!nn_settle(p, 1, NULL));
    for (int i = 0; i < 13; i++) nn_params_data(p)[i] = (float)i + 0.25f;
    nn_params_data(p)[12] = 41; // the counter
    base_tensors t = {0};
    CHECK(!nn_save(p, NULL, &t, NULL) && t.n == 5);
    CHECK(t.at[4].dtype == BASE_I64 && t.at[4].rank == 0 && base_tensor_at(&t.at[4], 0) == 41);
    CHECK(!nn_load(q, &t, true, NULL)); // unsettled: loading settles
    CHECK(!memcmp(nn_params_data(p), nn_params_data(q), 13 * sizeof(float)));
    base_tensors_free(&t);
    nn_params_close(&p);
    nn_params_close(&q);
    tg_free(g);
}

static guise_status load(bool strict, base_error *e, const char *name, int64_t n, bool more)
{
    nn_params *p = new_store();
    tg_graph *g = tg_new();
    nn m = nn_root(p, g, false);
    nn_weight(m, "a", TG_SHAPE(3), zero);
    nn_weight(m, "b", TG_SHAPE(1), zero);
    base_tensors t = {0};
    static const float v[8] = {1, 2, 3};
    *e = (base_error){{0}};
    base_tensors_add(&t, name, BASE_F32, 1, &n, v);
    base_tensors_add(&t, "b", BASE_F32, 1, (int64_t[]){1}, v);
    if (more) base_tensors_add(&t, "c", BASE_F32, 1, (int64_t[]){1}, v);
    CHECK(!nn_settle(p, 1, NULL));
    nn_params_data(p)[3] = 9;
    guise_status s = nn_load(p, &t, strict, e);
    CHECK((nn_params_data(p)[3] == 1) == !s); // all or nothing
    base_tensors_free(&t);
    nn_params_close(&p);
    tg_free(g);
    return s;
}

TEST(loading_says_what_does_not_fit)
{
    base_error e;
    CHECK(load(true, &e, "a", 3, false) == GUISE_OK);
    CHECK(load(false, &e, "a", 3, true) == GUISE_OK);
    CHECK(load(false, &e, "other", 3, false) == GUISE_OK);
    CHECK(load(true, &e, "other", 3, false) == GUISE_BAD_FILE && strstr(e.text, "lack a,"));
    CHECK(load(true, &e, "a", 3, true) == GUISE_BAD_FILE && strstr(e.text, "have c,"));
    CHECK(load(true, &e, "a", 4, false) == GUISE_BAD_FILE && strstr(e.text, "[4]"));
    CHECK(load(false, &e, "a", 4, false) == GUISE_BAD_FILE && strstr(e.text, "have a as"));
}

// Runs y and the updates of p's buffers, and copies those into the store.
static void step(nn_params *p, tg_graph *g, tg_node *y, tg_node *x, float *data, float *value)
{
    const nn_update *update;
    size_t n = nn_updates(p, g, &update);
    tg_node *out[16] = {y};
    for (size_t i = 0; i < n; i++) out[i + 1] = update[i].node;
    tg_plan *plan = NULL;
    base_error e = {{0}};
    guise_status s = tg_plan_open(&plan, g, out, (int)n + 1, NULL, &e);
    if (!s) s = nn_settle(p, 1, &e);
    if (!s) s = nn_bind(p, g, plan, &e);
    if (!s) s = tg_plan_bind(plan, x, data, &e);
    if (!s) s = tg_plan_run(plan, &e);
    if (s) printf("%s\n", e.text);
    CHECK(!s);
    for (size_t i = 0; !s && i < n; i++)
        memcpy(nn_params_data(p) + update[i].entry->offset, tg_plan_value(plan, update[i].node),
               update[i].entry->count * sizeof(float));
    if (!s && value) *value = tg_plan_value(plan, y)[0];
    tg_plan_close(&plan);
}

TEST(a_network_built_twice_updates_twice)
{
    nn_params *p = new_store();
    tg_graph *g = tg_new();
    nn m = nn_root(p, g, true);
    tg_node *x = tg_input(g, TG_SHAPE(2, 1), "x");
    tg_node *a = nn_batch_norm(m, x, 1e-5), *b = nn_batch_norm(m, tg_shift(x, 10), 1e-5);
    m.no_update = true;
    tg_node *c = nn_batch_norm(m, tg_shift(x, 50), 1e-5);
    float data[] = {1, 3}; // mean 2, unbiased variance 2
    step(p, g, tg_add(tg_add(a, b), c), x, data, NULL);
    const float *v = nn_params_data(p); // weight, bias, mean, variance, count
    CHECK_NEAR(v[2], 0.9 * 0.2 + 0.1 * 12, 1e-6);
    CHECK_NEAR(v[3], 0.9 * (0.9 + 0.2) + 0.2, 1e-6);
    CHECK(v[4] == 2);
    nn_params_close(&p);
    tg_free(g);
}

TEST(running_statistics_serve_in_evaluation)
{
    nn_params *p = new_store();
    tg_graph *g = tg_new();
    tg_node *x = tg_input(g, TG_SHAPE(1, 1), "x");
    tg_node *y = nn_batch_norm(nn_root(p, g, false), x, 0.5);
    CHECK(!nn_settle(p, 1, NULL));
    static const float values[] = {3, 1, 2, 3.5f, 0}; // weight, bias, mean, variance, count
    memcpy(nn_params_data(p), values, sizeof values);
    float data[] = {6}, out = 0;
    step(p, g, y, x, data, &out);
    CHECK_NEAR(out, (6 - 2) / 2.0 * 3 + 1, 1e-5);
    CHECK(nn_params_data(p)[4] == 0);
    nn_params_close(&p);
    tg_free(g);
}

TEST(one_value_a_channel_has_no_batch_statistics)
{
    nn_params *p = new_store();
    tg_graph *g = tg_new();
    CHECK(!nn_batch_norm(nn_root(p, g, true), tg_input(g, TG_SHAPE(1, 4), "x"), 1e-5));
    CHECK(tg_error(g) && strstr(tg_error(g), "batch"));
    nn_params_close(&p);
    tg_free(g);
}

TEST(gradients_pass_over_frozen_weights)
{
    nn_params *p = new_store();
    tg_graph *g = tg_new();
    nn m = nn_root(p, g, false), still = m;
    still.frozen = true;
    tg_node *x = tg_input(g, TG_SHAPE(2, 3), "x");
    tg_node *y = nn_linear(nn_at(still, "a"), x, 4, false);
    y = nn_batch_norm(nn_at(m, "b"), y, 1e-5);
    tg_node *d[7];
    CHECK(nn_params_n(p) == 7);
    nn_grad(p, tg_sum(tg_square(y)), d);
    CHECK(!d[0] && !d[1] && d[2] && d[3] && !d[4] && !d[5] && !d[6]);
    CHECK(nn_params_entry(p, 0)->frozen && !nn_params_entry(p, 2)->frozen);
    CHECK(tg_same(tg_shape_of(d[2]), TG_SHAPE(4)));
    nn_params_close(&p);
    tg_free(g);
}

TEST(adam_takes_the_steps_of_the_paper)
{
    nn_params *p = new_store();
    tg_graph *g = tg_new();
    nn m = nn_root(p, g, false), still = m;
    still.frozen = true;
    nn_weight(still, "frozen", TG_SHAPE(2), zero);
    nn_weight(m, "w", TG_SHAPE(2), zero);
    nn_buffer(m, "b", TG_SHAPE(1), zero);
    nn_weight(m, "v", TG_SHAPE(1), zero);
    float w[6] = {1, 1, 1, 1, 1, 1}, mean[6] = {0}, square[6] = {0};
    const float grad[6] = {9, 9, 0.5f, -2, 9, 4};
    nn_adam a = {.lr = 0.1, .beta1 = 0.5, .beta2 = 0.9, .eps = 1e-8};
    nn_adam_step(p, a, 1, grad, w, mean, square);
    CHECK(w[0] == 1 && w[1] == 1 && w[4] == 1 && mean[0] == 0 && square[4] == 0);
    CHECK_NEAR(w[2], 0.9, 1e-6); // the first step is lr whatever the gradient
    CHECK_NEAR(w[3], 1.1, 1e-6);
    CHECK_NEAR(w[5], 0.9, 1e-6);
    CHECK_NEAR(mean[2], 0.25, 1e-7);
    CHECK_NEAR(square[3], 0.4, 1e-6);
    const float second[6] = {0, 0, 1, 0, 0, 0};
    nn_adam_step(p, a, 2, second, w, mean, square);
    // m = 0.625, v = 0.1225; corrected m / 0.75, v / 0.19
    CHECK_NEAR(w[2], 0.9 - 0.1 * (0.625 / 0.75) / (sqrt(0.1225 / 0.19) + 1e-8), 1e-6);
    CHECK_NEAR(w[3], 1.1 - 0.1 * (-0.5 / 0.75) / sqrt(0.36 / 0.19), 1e-6);
    nn_params_close(&p);
    tg_free(g);
}

TEST(adam_gives_the_same_bits_for_any_threads)
{
    enum { N = 100003 };
    nn_params *p = new_store();
    tg_graph *g = tg_new();
    nn_weight(nn_root(p, g, false), "w", TG_SHAPE(N), (nn_init){NN_INIT_NORMAL, 1});
    CHECK(!nn_settle(p, 1, NULL));
    float *a = base_alloc(4 * N, sizeof *a), *b = base_alloc(4 * N, sizeof *b);
    int threads = omp_get_max_threads();
    for (int i = 0; i < N; i++) a[i] = b[i] = nn_params_data(p)[i];
    for (int i = 0; i < N; i++) a[3 * N + i] = b[3 * N + i] = (float)sin(i) * 1e-3f;
    for (int t = 1; t < 4; t++) {
        nn_adam o = {.lr = 1e-3, .beta1 = 0, .beta2 = 0.99, .eps = 1e-8};
        omp_set_num_threads(1);
        nn_adam_step(p, o, t, a + 3 * N, a, a + N, a + 2 * N);
        nn_ema(a + 3 * N, a, N, 0.999);
        omp_set_num_threads(t + 1);
        nn_adam_step(p, o, t, b + 3 * N, b, b + N, b + 2 * N);
        nn_ema(b + 3 * N, b, N, 0.999);
    }
    omp_set_num_threads(threads);
    CHECK(!memcmp(a, b, 4 * N * sizeof *a));
    base_free(a);
    base_free(b);
    nn_params_close(&p);
    tg_free(g);
}

TEST(average_of_weights)
{
    float average[] = {1, -2}, w[] = {3, 2};
    nn_ema(average, w, 2, 0.75);
    CHECK_NEAR(average[0], 1.5, 1e-6);
    CHECK_NEAR(average[1], -1, 1e-6);
}

TEST(no_memory_is_an_error)
{
    bool went_well = false;
    for (long n = 0; n < 200 && !went_well; n++) {
        base_error e = {{0}};
        nn_params *p = NULL;
        base_fail_allocation(n);
        tg_graph *g = tg_new();
        guise_status s = g ? nn_params_open(&p, &e) : base_no_memory(&e);
        if (!s) {
            tg_node *x = tg_input(g, TG_SHAPE(2, 3, 4, 4), "x");
            x = nn_conv(nn_at(nn_root(p, g, true), "c"), x, .out = 2, .k = 3);
            x = nn_batch_norm(nn_at(nn_root(p, g, true), "n"), x, 1e-5);
            tg_node *grad[8];
            if (x) nn_grad(p, x, grad);
            s = nn_settle(p, 1, &e);
            went_well = !s && !tg_error(g) && x;
        }
        base_fail_allocation(-1);
        CHECK(went_well || s == GUISE_NO_MEMORY || (g && tg_error(g)));
        nn_params_close(&p);
        tg_free(g);
    }
    CHECK(went_well);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(entries_lie_in_order_of_creation), CASE(a_name_is_one_leaf_in_a_graph),
        CASE(a_new_graph_at_an_old_address_is_new),
        CASE(initial_values_depend_on_name_and_seed_alone),
        CASE(initial_values_have_their_distribution), CASE(settling_keeps_what_is_settled),
        CASE(saving_and_loading_gives_the_same), CASE(loading_says_what_does_not_fit),
        CASE(a_network_built_twice_updates_twice), CASE(running_statistics_serve_in_evaluation),
        CASE(one_value_a_channel_has_no_batch_statistics), CASE(gradients_pass_over_frozen_weights),
        CASE(adam_takes_the_steps_of_the_paper), CASE(adam_gives_the_same_bits_for_any_threads),
        CASE(average_of_weights), CASE(no_memory_is_an_error));
}
