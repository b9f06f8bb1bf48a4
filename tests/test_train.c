// test_train.c -- losses by hand, second derivatives, the split, the schedule, and whole small runs
// on drawn faces: learning, resuming to the same bits, being killed.
#include "base/image.h"
#include "media/media.h"
#include "model/card.h"
#include "nn/nn.h"
#include "test.h"
#include "test_device.h"
#include "train/losses.h"
#include "train/system.h"
#include "weights/weights.h"
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static tg_node *values(tg_graph *g, tg_shape s, const float *v) { return tg_const(g, s, v); }

static double number(tg_node *x)
{
    const double *v = tg_eval(x);
    return v ? v[0] : (double)NAN;
}

TEST(identity_is_one_minus_cosine)
{
    tg_graph *g = tg_new();
    tg_node *a = values(g, TG_SHAPE(2, 2), (float[]){3, 4, 0, 2});
    tg_node *b = values(g, TG_SHAPE(2, 2), (float[]){1, 0, 0, -5});
    const double *v = tg_eval(train_identity_loss(a, b));
    CHECK(v != NULL);
    CHECK_NEAR(v ? v[0] : 9, 1 - 0.6, 1e-9);
    CHECK_NEAR(v ? v[1] : 9, 2, 1e-9);
    tg_free(g);
}

TEST(reconstruction_is_gated)
{
    tg_graph *g = tg_new();
    tg_shape s = TG_SHAPE(2, 1, 1, 2);
    tg_node *a = values(g, s, (float[]){1, 2, 3, 4}), *b = values(g, s, (float[]){0, 4, 3, 14});
    tg_node *gate = values(g, TG_SHAPE(2), (float[]){10, 0});
    tg_node *map = values(g, TG_SHAPE(2, 1, 1, 2), (float[]){0, 1, 1, 2});
    CHECK_NEAR(number(train_reconstruction_loss(a, b, NULL)), (1 + 2 + 0 + 10) / 4.0, 1e-9);
    CHECK_NEAR(number(train_reconstruction_loss(a, b, gate)), 10 * (1 + 2) / 4.0, 1e-9);
    CHECK_NEAR(number(train_reconstruction_loss(a, b, map)), (2 + 0 + 20) / 4.0, 1e-9);
    tg_free(g);
}

TEST(hinge_averages_maps_not_elements)
{
    tg_graph *g = tg_new();
    tg_node *l[] = {values(g, TG_SHAPE(1, 1, 1, 2), (float[]){2, -1}),
                    values(g, TG_SHAPE(1, 1, 1, 1), (float[]){0.5f})};
    CHECK_NEAR(number(train_hinge_real(l, 2)), ((0 + 2) / 2.0 + 0.5) / 2, 1e-9);
    CHECK_NEAR(number(train_hinge_fake(l, 2)), ((3 + 0) / 2.0 + 1.5) / 2, 1e-9);
    CHECK_NEAR(number(train_hinge_generator(l, 2)), (-0.5 - 0.5) / 2, 1e-9);
    tg_free(g);
}

TEST(feature_matching_takes_its_layers)
{
    tg_graph *g = tg_new();
    tg_node *made[3], *real[3], *dx[2];
    for (int i = 0; i < 3; i++) {
        made[i] = tg_fill(g, TG_SHAPE(1, 2), i + 1);
        real[i] = tg_fill(g, TG_SHAPE(1, 2), -i);
    }
    CHECK_NEAR(number(train_feature_matching(made, real, 0, 2)), 1 + 3 + 5, 1e-9); // oFM
    CHECK_NEAR(number(train_feature_matching(made, real, 1, 2)), 3 + 5, 1e-9);     // weak
    CHECK_NEAR(number(train_feature_matching(made, real, 0, 1)), 1 + 3, 1e-9);     // wFM-bar
    tg_grad(train_feature_matching(made, real, 2, 2), NULL, (tg_node *[]){made[2], real[2]}, 2, dx);
    CHECK_NEAR(number(dx[0]), 0.5, 1e-9);
    CHECK_NEAR(number(dx[1]), 0, 0); // the target's features are constants
    tg_free(g);
}

// A small discriminator: two convolutions with a leaky step between, whose weights are leaves.
static tg_node *small_judge(tg_node *x, tg_node *w1, tg_node *w2)
{
    return tg_conv2d(tg_tanh(tg_conv2d(x, w1, TG_CONV(.stride = 2, .pad = 1))), w2,
                     TG_CONV(.stride = 1));
}

TEST(penalty_has_a_true_second_derivative)
{
    tg_graph *g = tg_new();
    base_rng r = {7};
    tg_shape image = TG_SHAPE(2, 2, 6, 6), s1 = TG_SHAPE(3, 2, 3, 3), s2 = TG_SHAPE(1, 3, 2, 2);
    tg_node *real = tg_input(g, image, "real"), *fake = tg_input(g, image, "fake");
    tg_node *w1 = tg_param(g, s1, "w1"), *w2 = tg_param(g, s2, "w2"),
            *leaf[] = {real, fake, w1, w2};
    for (int k = 0; k < 4; k++)
        for (int64_t i = 0, n = tg_count(tg_shape_of(leaf[k])); i < n; i++)
            tg_data(leaf[k])[i] = 0.5 * base_rng_normal(&r);
    tg_node *x = train_mix(real, fake, values(g, TG_SHAPE(2), (float[]){0.3f, 0.7f}));
    tg_node *loss = train_gradient_penalty(small_judge(x, w1, w2), x), *d[2];
    tg_grad(loss, NULL, (tg_node *[]){w1, w2}, 2, d);
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < tg_count(tg_shape_of(leaf[2 + k])); i += 5) {
            double h = 1e-5, was = tg_data(leaf[2 + k])[i];
            tg_data(leaf[2 + k])[i] = was + h;
            double up = number(loss);
            tg_data(leaf[2 + k])[i] = was - h;
            double down = number(loss);
            tg_data(leaf[2 + k])[i] = was;
            CHECK_NEAR(tg_eval(d[k])[i], (up - down) / (2 * h), 1e-6);
        }
    CHECK(tg_error(g) == NULL);
    tg_free(g);
}

TEST(penalty_by_hand) // logit = 3 x0 + 4 x1: gradient length 5, penalty 16, whatever the mix
{
    tg_graph *g = tg_new();
    tg_shape s = TG_SHAPE(1, 1, 1, 2);
    tg_node *x = train_mix(tg_fill(g, s, 2), tg_fill(g, s, 1), tg_fill(g, TG_SHAPE(1), 0.25));
    CHECK_NEAR(number(x), 0.25 * 2 + 0.75, 1e-9);
    tg_node *logit = tg_sum(tg_mul(x, values(g, s, (float[]){3, 4})));
    CHECK_NEAR(number(train_gradient_penalty(logit, x)), 16, 1e-4);
    tg_free(g);
}

// Remainders by an independent program: python3 -c
// 'import hashlib; print(int(hashlib.sha1(b"Nora").hexdigest(), 16) % 10)'
TEST(split_is_by_the_hash_of_the_name)
{
    CHECK(train_is_held_out("Nora"));
    CHECK(train_is_held_out("Vera"));
    CHECK(!train_is_held_out("Ada"));
    CHECK(!train_is_held_out("Ben"));
}

TEST(recipes_differ_as_they_say)
{
    base_error e = {0};
    train_options o, of;
    CHECK(!train_options_fill(&o, train_recipe_find("simswap"), NULL, 0, &e));
    CHECK(o.lambda_id == 10 && o.lambda_rec == 10 && train_option_number(&o, "lambda_fm") == 10);
    CHECK(train_option_number(&o, "lambda_gp") == 1e-5 && train_option_number(&o, "scales") == 2);
    CHECK(o.size == 224 && o.beta1 == 0 && train_option_number(&o, "fm_first") > 1 && o.alternate);
    CHECK(!train_options_fill(&of, train_recipe_find("simswap-ofm"), NULL, 0, &e));
    CHECK(train_option_number(&of, "fm_first") == 1 && train_option_number(&of, "fm_last") == 0);
    CHECK(of.lambda_id == o.lambda_id && train_option_number(&of, "no such") == 0);
    const train_recipe *r = NULL;
    for (size_t i = 0; (r = train_recipe_at(i)); i++) {
        CHECK(!train_options_fill(&o, r, NULL, 0, &e));
        CHECK(train_recipe_find(r->name) == r);
    }
    CHECK(train_recipe_find("simswap-129") == NULL);
    const char *bad[] = {"batch=0", "scales=9", "lambda_gq=1"};
    r = train_recipe_at(0);
    CHECK(train_options_fill(&o, r, bad, 1, &e) == GUISE_BAD_ARGUMENT && strstr(e.text, "batch"));
    e = (base_error){{0}};
    CHECK(train_options_fill(&o, r, bad + 1, 1, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "scales") != NULL);
    e = (base_error){{0}};
    CHECK(train_options_fill(&o, r, bad + 2, 1, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "lambda_gq") != NULL);
}

TEST(schedule_warms_up_ramps_and_falls)
{
    train_options o = {.steps = 100,
                       .decay = 10,
                       .lr = 1,
                       .lr_d = 2,
                       .warmup = 20,
                       .id_ramp = 40,
                       .id_start = 2,
                       .lambda_id = 10,
                       .adv_from = 50,
                       .adv_ramp = 10};
    train_rates r;
    train_rates_at(&r, &o, 20);
    CHECK(r.id == 0 && r.adv == 0 && r.lr == 1 && r.lr_d == 2);
    train_rates_at(&r, &o, 40);
    CHECK_NEAR(r.id, 6, 1e-6);
    train_rates_at(&r, &o, 55);
    CHECK_NEAR(r.adv, 0.5, 1e-6);
    train_rates_at(&r, &o, 100);
    CHECK_NEAR(r.id, 10, 1e-6);
    CHECK_NEAR(r.lr, 0.1, 1e-9);
}

TEST(identity_layers_step_further)
{
    train_learner l;
    base_error e = {0};
    tg_graph *g = tg_new();
    CHECK(!train_learner_open(&l, &e));
    nn m = nn_root(l.params, g, true);
    tg_node *x = tg_input(g, TG_SHAPE(1, 4), "x");
    nn_linear(nn_at(m, "style1.linear"), x, 2, true);
    nn_linear(nn_at(m, "other"), x, 2, true);
    CHECK(!train_learner_settle(&l, 1, false, &e));
    CHECK(!train_learner_hurry(&l, ".linear.weight", 16, &e));
    float was[16];
    memcpy(was, nn_params_data(l.params), sizeof was);
    for (int i = 0; i < 16; i++) l.grad[i] = 3; // Adam's first step is lr, whatever the gradient
    train_learner_step(&l, (nn_adam){0.01, 0, 0.99, 1e-8}, 0);
    const float *now = nn_params_data(l.params);
    CHECK_NEAR(was[0] - now[0], 0.16, 1e-5);
    CHECK_NEAR(was[8] - now[8], 0.01, 1e-6);
    train_learner_close(&l);
    tg_free(g);
}

// --- A made recogniser: ONNX bytes of conv 3x3 stride 16, then the mean over the picture.

typedef struct {
    unsigned char at[8000];
    size_t n;
} bytes;

static void put(bytes *b, const void *data, size_t n)
{
    memcpy(b->at + b->n, data, n);
    b->n += n;
}

static void put_varint(bytes *b, uint64_t v)
{
    for (; v > 127; v >>= 7) put(b, &(unsigned char){(unsigned char)(v | 128)}, 1);
    put(b, &(unsigned char){(unsigned char)v}, 1);
}

static void put_int(bytes *b, int field, uint64_t v)
{
    put_varint(b, (uint64_t)field << 3);
    put_varint(b, v);
}

static void put_block(bytes *b, int field, const void *data, size_t n)
{
    put_varint(b, (uint64_t)field << 3 | 2);
    put_varint(b, n);
    put(b, data, n);
}

static void put_text(bytes *b, int field, const char *s) { put_block(b, field, s, strlen(s)); }

static void put_message(bytes *b, int field, const bytes *m) { put_block(b, field, m->at, m->n); }

static void put_value(bytes *graph, int field, const char *name, const int *dim, int rank)
{
    bytes shape = {0}, tensor = {0}, type = {0}, value = {0};
    for (int i = 0; i < rank; i++) {
        bytes d = {0};
        put_int(&d, 1, (uint64_t)dim[i]);
        put_message(&shape, 1, &d);
    }
    put_int(&tensor, 1, 1); // float
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&value, 1, name);
    put_message(&value, 2, &type);
    put_message(graph, field, &value);
}

static void put_ints(bytes *node, const char *name, const int *v, int n)
{
    bytes a = {0};
    put_text(&a, 1, name);
    for (int i = 0; i < n; i++) put_int(&a, 8, (uint64_t)v[i]);
    put_int(&a, 20, 7); // INTS
    put_message(node, 5, &a);
}

static void put_node(bytes *graph, const char *op, const char *in, const char *w, const char *out)
{
    bytes node = {0};
    put_text(&node, 1, in);
    if (w) put_text(&node, 1, w);
    put_text(&node, 2, out);
    put_text(&node, 4, op);
    if (w) put_ints(&node, "strides", (int[]){16, 16}, 2);
    put_message(graph, 1, &node);
}

enum { LENGTH = 8 };

static bool write_recogniser(const char *path)
{
    static bytes graph, model, weight, opset;
    float w[LENGTH * 3 * 9];
    base_rng r = {5};
    graph = model = weight = opset = (bytes){0};
    for (size_t i = 0; i < sizeof w / sizeof *w; i++) w[i] = (float)base_rng_normal(&r) * 0.02f;
    put_node(&graph, "Conv", "picture", "w", "a");
    put_node(&graph, "Tanh", "a", NULL, "b");
    put_node(&graph, "GlobalAveragePool", "b", NULL, "c");
    put_node(&graph, "Flatten", "c", NULL, "vector");
    put_text(&graph, 2, "made");
    for (int i = 0; i < 4; i++) put_int(&weight, 1, (uint64_t)(int[]){LENGTH, 3, 3, 3}[i]);
    put_int(&weight, 2, 1);
    put_text(&weight, 8, "w");
    put_block(&weight, 9, w, sizeof w);
    put_message(&graph, 5, &weight);
    put_value(&graph, 11, "picture", (int[]){1, 3, 112, 112}, 4);
    put_value(&graph, 12, "vector", (int[]){1, LENGTH}, 2);
    put_int(&model, 1, 8);
    put_message(&model, 7, &graph);
    put_int(&opset, 2, 13);
    put_message(&model, 8, &opset);
    return !base_write_file(path, model.at, model.n, NULL);
}

// --- Drawn people: a coloured oval with eyes and a mouth, another one for each.

static void draw(base_image *m, base_rng *look, int shift)
{
    int skin[3], hair[3];
    for (int i = 0; i < 3; i++) skin[i] = base_rng_range(look, 90, 230), hair[i] = 250 - skin[i];
    for (int y = 0; y < m->h; y++)
        for (int x = 0; x < m->w; x++) {
            double u = (x - 40 - shift) / 26.0, v = (y - 44) / 32.0;
            bool skinned = u * u + v * v < 1;
            bool dark = (abs(y - 36) < 3 && (abs(x - 28 - shift) < 4 || abs(x - 52 - shift) < 4)) ||
                        (abs(y - 62) < 2 && abs(x - 40 - shift) < 11);
            for (int c = 0; c < 3; c++)
                m->rgb[(y * m->w + x) * 3 + c] = (uint8_t)(dark ? 20 : skinned ? skin[c] : hair[c]);
        }
}

static bool write_people(const char *dir, const char *marks)
{
    static const char *const name[] = {"Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Nora", "Vera"};
    FILE *f = fopen(marks, "w");
    bool ok = f != NULL;
    for (size_t p = 0; ok && p < sizeof name / sizeof *name; p++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", dir, name[p]);
        ok = !base_make_dir(path, NULL);
        for (int i = 0; ok && i < 1 + (int)p % 3; i++) {
            base_image m = {0};
            base_rng look = {p + 1};
            ok = !base_image_new(&m, 80, 88, NULL);
            if (ok) draw(&m, &look, i);
            snprintf(path, sizeof path, "%s/%s/%d.png", dir, name[p], i);
            ok = ok && !media_photo_write(&m, path, NULL, NULL);
            fprintf(f, "%s %d 36 %d 36 %d 50 %d 62 %d 62 1\n", path, 28 + i, 52 + i, 40 + i, 31 + i,
                    49 + i);
            base_image_free(&m);
        }
    }
    return f && !fclose(f) && ok;
}

// Where everything lies; made by the first case that needs it.
typedef struct {
    char data[500], marks[500], id[500], other[500];
} place;

static bool get_ready(place *p)
{
    snprintf(p->data, sizeof p->data, "%s", test_scratch("people"));
    snprintf(p->marks, sizeof p->marks, "%s", test_scratch("people_marks.txt"));
    snprintf(p->id, sizeof p->id, "%s", test_scratch("made.onnx"));
    return base_is_dir(p->data) || (write_people(p->data, p->marks) && write_recogniser(p->id));
}

static const char *const small[] = {"size=48",
                                    "batch=4",
                                    "steps=12",
                                    "generator_options=width=4 depth=2 blocks=1",
                                    "discriminator_options=width=4",
                                    "scales=1",
                                    "warmup=4",
                                    "id_ramp=2",
                                    "adv_from=6",
                                    "adv_ramp=2",
                                    "d_lead=1",
                                    "lambda_gp=0.01",
                                    "gp_every=2",
                                    "ema=0.9",
                                    "alternate=false",
                                    "shift=1",
                                    "flip=true",
                                    "light=0.1",
                                    "decay=0",
                                    "log_every=2",
                                    "save_every=4",
                                    "sample_every=6"};
enum { SMALL = sizeof small / sizeof *small };

static train_config config(const place *p, const char *out, const char *const *set, size_t n)
{
    return (train_config){.recipe = "simswap",
                          .set = set,
                          .n_set = n,
                          .data = p->data,
                          .out = out,
                          .identity = p->id,
                          .landmarks = p->marks,
                          .device = test_device_name()};
}

static bool same_file(const char *path_a, const char *path_b)
{
    base_sha256 a = {{0}}, b = {{1}};
    return !base_sha256_file(&a, path_a, NULL) && !base_sha256_file(&b, path_b, NULL) &&
           !strcmp(a.hex, b.hex);
}

// Are the parameters, moments and averages of both runs' checkpoints of a step the same bits?
static bool same_state(const char *dir_a, const char *dir_b, int step)
{
    base_tensors t[2] = {{0}};
    bool same = true;
    for (int i = 0; i < 2; i++) {
        char path[900];
        snprintf(path, sizeof path, "%s/checkpoint-%09d.safetensors", i ? dir_b : dir_a, step);
        same = same && !weights_safetensors_read(&t[i], path, NULL);
    }
    same = same && t[0].n == t[1].n && t[0].n >= 9;
    for (size_t i = 0; same && i < t[0].n; i++) {
        const base_tensor *a = &t[0].at[i], *b = base_tensors_find(&t[1], a->name);
        if (!strcmp(a->name, "real")) continue; // has the seconds
        same = b && base_tensor_bytes(a) == base_tensor_bytes(b) &&
               !memcmp(a->data, b->data, base_tensor_bytes(a));
    }
    base_tensors_free(&t[0]);
    base_tensors_free(&t[1]);
    return same;
}

typedef struct {
    int stop_at;        // step
    double first, last; // rec of the log's lines
} watched;

static bool watch(void *user, const train_progress *p)
{
    watched *w = user;
    const char *rec = p->line ? strstr(p->line, " rec ") : NULL;
    if (rec) w->last = strtod(rec + 5, NULL);
    if (rec && w->first == 0) w->first = w->last;
    return !w->stop_at || p->step < w->stop_at;
}

// Starts the run and says why it failed, where it did.
static guise_status start(const train_config *c)
{
    base_error e = {0};
    guise_status s = train_start(c, &e);
    if (s) printf("    %s\n", e.text);
    return s;
}

TEST(reconstruction_is_learnt)
{
    place p;
    CHECK(get_ready(&p));
    const char *set[] = {"size=32",      "batch=8",
                         "steps=120",    "warmup=120",
                         "adv_from=-1",  "generator_options=width=6 depth=2 blocks=1",
                         "log_every=10", "lr=4e-3"};
    char out[500];
    snprintf(out, sizeof out, "%s", test_scratch("learns"));
    train_config c = config(&p, out, set, sizeof set / sizeof *set);
    watched w = {0};
    c.progress = watch;
    c.user = &w;
    CHECK(!start(&c));
    CHECK(w.first > 0 && w.last < 0.6 * w.first);
}

TEST(resumed_run_gives_the_same_bits)
{
    place p;
    base_error e = {0};
    char whole[500], halves[500], path[900];
    CHECK(get_ready(&p));
    snprintf(whole, sizeof whole, "%s", test_scratch("whole"));
    snprintf(halves, sizeof halves, "%s", test_scratch("halves"));
    train_config a = config(&p, whole, small, SMALL), b = config(&p, halves, small, SMALL);
    CHECK(!start(&a));
    CHECK(train_start(&a, &e) == GUISE_BAD_ARGUMENT); // holds a run already
    watched w = {.stop_at = 7};
    b.progress = watch;
    b.user = &w;
    CHECK(!start(&b)); // stops at step 7, which is no multiple of save_every
    b.resume = true;
    b.progress = NULL;
    CHECK(!start(&b));
    CHECK(same_state(whole, halves, 12));
    snprintf(path, sizeof path, "%s/checkpoint-%09d.safetensors", whole, 4);
    CHECK(!base_is_file(path)); // two are kept
    base_tensors t = {0};
    snprintf(path, sizeof path, "%s/generator.safetensors", whole);
    CHECK(!weights_safetensors_read(&t, path, NULL));
    CHECK(t.n && t.at[0].dtype == BASE_F16);
    CHECK(!strcmp(base_tensors_meta(&t, CARD_SIZE) ? base_tensors_meta(&t, CARD_SIZE) : "", "48"));
    base_tensors_free(&t);
    snprintf(path, sizeof path, "%s/report.html", whole);
    CHECK(base_is_file(path));
    snprintf(path, sizeof path, "%s/samples/step-000000012.jpg", whole);
    CHECK(same_file(path, test_scratch("halves/samples/step-000000012.jpg")));
}

// A program of its own, since threads of libraries do not survive a fork: test_train --killed
// DATA MARKS RECOGNISER OUT trains until step 11, after the checkpoint of 8 and the row of 10.
static bool kill_me(void *user, const train_progress *p)
{
    if (p->step == *(const int *)user) kill(getpid(), SIGKILL);
    return true;
}

static int train_and_die(char **arg)
{
    place p;
    int at = 11;
    snprintf(p.data, sizeof p.data, "%s", arg[0]);
    snprintf(p.marks, sizeof p.marks, "%s", arg[1]);
    snprintf(p.id, sizeof p.id, "%s", arg[2]);
    train_config c = config(&p, arg[3], small, SMALL);
    c.progress = kill_me;
    c.user = &at;
    return start(&c) ? 1 : 0;
}

TEST(killed_run_goes_on_to_the_same_bits)
{
    place p;
    char out[500], path[900], line[300];
    CHECK(get_ready(&p));
    snprintf(out, sizeof out, "%s", test_scratch("killed"));
    train_config c = config(&p, out, small, SMALL);
    int status = 0, rows = 0;
    pid_t child = fork();
    if (!child) {
        execl("/proc/self/exe", "test_train", "--killed", p.data, p.marks, p.id, out, (char *)NULL);
        _exit(1);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    c.resume = true;
    CHECK(!start(&c));
    CHECK(same_state(out, test_scratch("whole"), 12));
    snprintf(path, sizeof path, "%s/log.csv", out);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) rows++;
    if (f) fclose(f);
    CHECK(rows == 1 + 6); // header; steps 2, 4 .. 12, each once
}

TEST(measuring_refuses_the_teacher)
{
    place p;
    base_error e = {0};
    train_measurement m = {0};
    char generator[700];
    CHECK(get_ready(&p));
    snprintf(generator, sizeof generator, "%s", test_scratch("whole/generator.safetensors"));
    train_measure_config c = {.generator = generator,
                              .data = p.data,
                              .landmarks = p.marks,
                              .identity = p.id,
                              .measure = p.id};
    CHECK(train_measure(&m, &c, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "another") != NULL);
}

TEST(bad_requests_say_what_is_wrong)
{
    place p;
    CHECK(get_ready(&p));
    const char *size[] = {"size=50", "adv_from=-1"};
    train_config c = config(&p, test_scratch("bad"), size, 2);
    base_error e = {0};
    CHECK(train_start(&c, &e) == GUISE_BAD_ARGUMENT && strstr(e.text, "multiple"));
    c.recipe = "simswop";
    e = (base_error){{0}};
    CHECK(train_start(&c, &e) == GUISE_BAD_ARGUMENT && strstr(e.text, "simswop"));
    c.recipe = "simswap-c";
    c.n_set = 0;
    e = (base_error){{0}};
    CHECK(train_start(&c, &e) == GUISE_BAD_ARGUMENT && strstr(e.text, "features"));
    c.resume = true;
    c.recipe = "simswap";
    c.set = small, c.n_set = SMALL;
    e = (base_error){{0}};
    CHECK(train_start(&c, &e) == GUISE_IO && strstr(e.text, "no checkpoint"));
}

int main(int argc, char **argv)
{
    if (argc == 6 && !strcmp(argv[1], "--killed")) return train_and_die(argv + 2);
    return RUN(argc, argv, CASE(identity_is_one_minus_cosine), CASE(reconstruction_is_gated),
               CASE(hinge_averages_maps_not_elements), CASE(feature_matching_takes_its_layers),
               CASE(penalty_has_a_true_second_derivative), CASE(penalty_by_hand),
               CASE(split_is_by_the_hash_of_the_name), CASE(recipes_differ_as_they_say),
               CASE(schedule_warms_up_ramps_and_falls), CASE(identity_layers_step_further),
               CASE(reconstruction_is_learnt), CASE(resumed_run_gives_the_same_bits),
               CASE(killed_run_goes_on_to_the_same_bits), CASE(measuring_refuses_the_teacher),
               CASE(bad_requests_say_what_is_wrong));
}
