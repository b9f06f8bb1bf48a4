// test_deepfakes_golden.c -- the DeepFakes autoencoder against golden values in Keras' layout:
// forward, gradients, alternating Adam; and its augmentation.
#include "golden_mix.h"
#include "golden_net.h"
#include "model/deepfakes.h"
#include "test.h"
#include "train/losses_faceshifter.h"
#include "train/warp_augment.h"

enum { N = 2, SIDE = 64 };
static const tg_shape nhwc = {4, {N, SIDE, SIDE, 3}}, nchw = {4, {N, 3, SIDE, SIDE}};

// [n,h,w,c] from [n,c,h,w] or, with back, the other way. The caller frees it.
static float *move_channels(const float *v, tg_shape s, bool back)
{
    int64_t n = s.dim[0], c = s.dim[1], area = s.dim[2] * s.dim[3];
    float *to = base_alloc((size_t)(n * c * area), sizeof *to);
    for (int64_t i = 0; to && i < n; i++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t a = 0; a < area; a++) {
                int64_t planes = (i * c + k) * area + a, pixels = (i * area + a) * c + k;
                to[back ? planes : pixels] = v[back ? pixels : planes];
            }
    return to;
}

// A kernel [out,in,k,k] as Keras has it, [k,k,in,out]; matrices the other way round likewise.
static void to_keras(const float *v, tg_shape s, float *to, bool back)
{
    int64_t o = s.dim[0], c = s.dim[1], area = s.rank == 4 ? s.dim[2] * s.dim[3] : 1;
    for (int64_t i = 0; i < o; i++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t a = 0; a < area; a++) {
                int64_t ours = (i * c + k) * area + a, keras = (a * c + k) * o + i;
                to[back ? ours : keras] = v[back ? keras : ours];
            }
}

// "enc.conv1.weight" is "enc.conv1.kernel" there.
static void keras_name(const char *prefix, const char *ours, char name[300])
{
    size_t n = strlen(ours);
    bool kernel = n > 6 && !strcmp(ours + n - 6, "weight");
    snprintf(name, 300, "%s%.*s%s", prefix, (int)(kernel ? n - 6 : n), ours,
             kernel ? "kernel" : "");
}

static void fill(nn_params *p, const char *prefix)
{
    for (size_t i = 0; i < nn_params_n(p); i++) {
        const nn_entry *e = nn_params_entry(p, i);
        char name[300];
        keras_name(prefix, e->name, name);
        float *v = base_alloc(e->count, sizeof *v), *to = nn_params_data(p) + e->offset;
        double fan_in = 1;
        for (int k = 1; k < e->shape.rank; k++) fan_in *= (double)e->shape.dim[k];
        bool kernel = e->shape.rank > 1;
        mix_values(name, kernel ? (double)(float)sqrt(3 / fan_in) : 0.1, 0, v, e->count);
        if (kernel)
            to_keras(v, e->shape, to, true);
        else
            memcpy(to, v, e->count * sizeof *v);
        base_free(v);
    }
}

// A picture by formula as [n,c,h,w].
static float *planes(const char *name)
{
    float *pixels = mix_input(name, nhwc, 0.5, 0.5), *v = move_channels(pixels, nchw, true);
    base_free(pixels);
    return v;
}

static const float *find(const golden_net *net, const char *want, tg_shape *s)
{
    for (size_t i = 0; i < model_ports_outputs(net->io); i++) {
        const char *name;
        size_t n;
        tg_node *x = model_ports_output(net->io, i, &name);
        *s = tg_shape_of(x);
        if (!strcmp(name, want)) return golden_net_value(net, x, &n);
    }
    return NULL;
}

static void compare_as_pixels(const golden_net *net, const mix_case *c, const char *ours,
                              const char *theirs)
{
    tg_shape s = {0};
    const float *v = find(net, ours, &s);
    CHECK(v != NULL);
    if (!v) return;
    float *pixels = s.rank == 4 ? move_channels(v, s, false) : NULL;
    mix_compare(c, theirs, pixels ? pixels : v, (size_t)tg_count(s), 1e-6);
    base_free(pixels);
}

TEST(both_people_and_every_stage)
{
    mix_case c;
    mix_open(&c, "13_deepfakes_ae_small");
    static const char *const in[] = {"c13.warpA", "c13.warpB"};
    for (int person = 0; person < 2; person++) {
        float *img = planes(in[person]);
        golden_net_options o = {.name = "deepfakes",
                                .tag = "c13.",
                                .settings = {"width=8", "stages=true"},
                                .fill = fill,
                                .steady = true,
                                .in = {{"img", nchw, img}}};
        golden_net net;
        if (golden_net_run(&net, &o) && person == 0) {
            static const char *const stage[] = {
                "enc_conv1",  "enc_conv2", "enc_conv3", "enc_conv4", "enc_dense1",
                "enc_dense2", "enc_out",   "decA_up1",  "decA_up2",  "decA_up3"};
            for (size_t i = 0; i < sizeof stage / sizeof *stage; i++) {
                char name[64];
                snprintf(name, sizeof name, "A_%s", stage[i]);
                compare_as_pixels(&net, &c, stage[i], name);
            }
            compare_as_pixels(&net, &c, "out_A", "out_AA");
            compare_as_pixels(&net, &c, "out_B", "out_swap_A_through_B");
        } else if (person == 1) {
            compare_as_pixels(&net, &c, "out_B", "out_BB");
        }
        golden_net_close(&net);
        base_free(img);
    }
    mix_close(&c);
}

TEST(full_size)
{
    const char *table = "07_full_size_stats.deepfakes_original_64";
    tg_shape one = TG_SHAPE(1, SIDE, SIDE, 3), img_shape = TG_SHAPE(1, 3, SIDE, SIDE), s = {0};
    float *pixels = mix_input("full.df.x", one, 0.5, 0.5);
    float *img = move_channels(pixels, img_shape, true);
    mix_case c;
    mix_open(&c, "07_full_size_stats");
    golden_net_options o = {.name = "deepfakes",
                            .tag = "full.df.",
                            .settings = {"stages=true"},
                            .fill = fill,
                            .steady = true,
                            .in = {{"img", img_shape, img}}};
    golden_net net;
    mix_row row;
    int rows = 0;
    bool ran = golden_net_run(&net, &o);
    for (; ran && mix_table_row(table, rows, &row); rows++) {
        const float *v = find(&net, row.name, &s);
        CHECK(v != NULL);
        if (!v) continue;
        size_t n = (size_t)tg_count(s);
        float *moved = s.rank == 4 ? move_channels(v, s, false) : NULL;
        mix_compare_row(table, &row, moved ? moved : v, n, 5e-6);
        char name[80];
        snprintf(name, sizeof name, "deepfakes_%s", row.name);
        if (mix_has(&c, name)) mix_compare(&c, name, moved ? moved : v, n, 7e-7);
        base_free(moved);
    }
    CHECK(rows == 12);
    golden_net_close(&net);
    mix_close(&c);
    base_free(pixels);
    base_free(img);
}

// One autoencoder's step: encoder and one decoder, moments of its own.
typedef struct {
    tg_graph *graph;
    tg_node *loss, **grad;
    tg_plan *plan;
    float *img, *target, *g, *m, *v;
} side;

static guise_status open_side(side *s, nn_params *p, char person, base_error *e)
{
    static const model_deepfakes_options o = {.width = 8};
    char warp[16], straight[16];
    snprintf(warp, sizeof warp, "c13.warp%c", person);
    snprintf(straight, sizeof straight, "c13.target%c", person);
    *s = (side){.graph = tg_new(), .img = planes(warp), .target = planes(straight)};
    nn m = nn_root(p, s->graph, true);
    tg_node *img = tg_input(s->graph, nchw, "img"), *want = tg_input(s->graph, nchw, "want");
    tg_node *code = model_deepfakes_encode(m, img, &o, NULL);
    s->loss = train_deepfakes_loss(model_deepfakes_decode(m, code, person, &o, NULL), want);
    if (person == 'A') model_deepfakes_decode(m, code, 'B', &o, NULL); // its entries
    guise_status st = nn_settle(p, 1, e);
    if (person == 'A') fill(p, "c13.");
    size_t n = nn_params_n(p), floats = nn_params_floats(p);
    tg_node **out = base_alloc(n + 1, sizeof *out);
    s->grad = base_alloc(n, sizeof *s->grad);
    s->g = base_alloc(floats, sizeof *s->g);
    s->m = base_alloc(floats, sizeof *s->m);
    s->v = base_alloc(floats, sizeof *s->v);
    nn_grad(p, s->loss, s->grad);
    int k = 0;
    out[k++] = s->loss;
    for (size_t i = 0; i < n; i++)
        if (s->grad[i]) out[k++] = s->grad[i];
    if (!st) st = tg_plan_open(&s->plan, s->graph, out, k, &(tg_plan_options){.train = true}, e);
    if (!st) st = nn_bind(p, s->graph, s->plan, e);
    if (!st) st = tg_plan_bind(s->plan, img, s->img, e);
    if (!st) st = tg_plan_bind(s->plan, want, s->target, e);
    for (size_t i = 0; !st && i < n; i++)
        if (s->grad[i])
            st = tg_plan_bind(s->plan, s->grad[i], s->g + nn_params_entry(p, i)->offset, e);
    base_free(out);
    return st;
}

static void close_side(side *s)
{
    tg_plan_close(&s->plan);
    tg_free(s->graph);
    base_free(s->grad);
    base_free(s->img);
    base_free(s->target);
    base_free(s->g);
    base_free(s->m);
    base_free(s->v);
}

static void expect(double value, const char *name, double tol)
{
    double want = mix_scalar("13_deepfakes_ae_small", name);
    if (getenv("GOLDEN_VERBOSE")) printf("%s %.9g, off by %.2g\n", name, value, value / want - 1);
    CHECK_NEAR(value / want, 1, tol);
}

static void compare_grads(const mix_case *c, const nn_params *p, const side *s)
{
    int compared = 0;
    double sum = 0;
    for (size_t i = 0; i < nn_params_n(p); i++) {
        const nn_entry *e = nn_params_entry(p, i);
        char name[300];
        const float *g = s->g + e->offset;
        for (size_t k = 0; k < e->count; k++) sum += (double)g[k] * (double)g[k];
        keras_name("grads_A/", e->name, name);
        if (!mix_has(c, name)) continue;
        float *v = base_alloc(e->count, sizeof *v);
        if (e->shape.rank > 1)
            to_keras(g, e->shape, v, false);
        else
            memcpy(v, g, e->count * sizeof *v);
        compared++;
        mix_compare_norm(c, name, v, e->count, 1e-3);
        base_free(v);
    }
    CHECK(compared == 22);
    expect(sqrt(sum), "gradnorm_A", 1e-4);
}

TEST(five_iterations_of_both_people)
{
    base_error e = {{0}};
    mix_case c;
    side a, b;
    nn_params *p = NULL;
    static const nn_adam keras = {5e-5, 0.5, 0.999, 1e-7};
    mix_open(&c, "13_deepfakes_ae_small");
    guise_status st = nn_params_open(&p, &e);
    if (!st) st = open_side(&a, p, 'A', &e);
    if (!st) st = open_side(&b, p, 'B', &e);
    for (int i = 1; !st && i <= 5; i++) {
        side *of[] = {&a, &b};
        for (int k = 0; !st && k < 2; k++) {
            char name[32];
            st = tg_plan_run(of[k]->plan, &e);
            if (st) break;
            snprintf(name, sizeof name, "iter%d_mae_%c", i, 'A' + k);
            expect((double)tg_plan_value(of[k]->plan, of[k]->loss)[0], name, 2e-6);
            if (i == 1 && k == 0) compare_grads(&c, p, &a);
            nn_adam_step(p, train_keras_adam(keras, i), i, of[k]->g, nn_params_data(p), of[k]->m,
                         of[k]->v);
        }
    }
    if (st) printf("%s\n", e.text);
    CHECK(!st);
    close_side(&a);
    close_side(&b);
    nn_params_close(&p);
    mix_close(&c);
}

// Differences of values that the file holds in double precision.
static void compare_doubles(const mix_case *c, const char *name, const double *v, int n, double tol)
{
    const base_tensor *t = base_tensors_find(&c->whole.file, name);
    CHECK(t && base_tensor_count(t) == n);
    for (int i = 0; t && i < n; i++) CHECK_NEAR(v[i], base_tensor_at(t, i), tol);
}

static void compare_planes(const mix_case *c, const char *name, const float *v, int h, int w,
                           double tol)
{
    float *pixels = move_channels(v, TG_SHAPE(1, 3, h, w), false);
    mix_compare(c, name, pixels, (size_t)(h * w * 3), tol);
    base_free(pixels);
}

TEST(bent_and_straight)
{
    enum { FROM = 256, AREA = FROM * FROM, OUT = 64 * 64 };
    base_error e = {{0}};
    mix_case c;
    mix_open(&c, "14_deepfakes_warp");
    size_t n = 0;
    float *pixels = golden_floats(&c.whole, "in_image_u8", &n);
    float *x = golden_floats(&c.whole, "in_noise_x", &n);
    float *y = golden_floats(&c.whole, "in_noise_y", &n);
    CHECK(pixels && x && y && n == 25);
    if (pixels && x && y) {
        for (int i = 0; i < 3 * AREA; i++) pixels[i] /= 255;
        float *img = move_channels(pixels, TG_SHAPE(1, 3, FROM, FROM), true);
        static float bent[3 * OUT], straight[3 * OUT], map_x[OUT], map_y[OUT], moved[3 * AREA];
        train_warp w = {.angle = 7, .scale = 1.03, .dx = 0.02, .dy = -0.03};
        memcpy(w.noise_x, x, sizeof w.noise_x);
        memcpy(w.noise_y, y, sizeof w.noise_y);
        train_warp_maps(&w, FROM, 64, map_x, map_y);
        mix_compare(&c, "map_x", map_x, OUT, 2e-5);
        mix_compare(&c, "map_y", map_y, OUT, 2e-5);
        face_transform t;
        CHECK(!train_warp_straight(&w, FROM, 64, &t, &e));
        compare_doubles(&c, "umeyama_matrix_f64", t.m, 6, 2e-6);
        CHECK(!train_warp_pair(img, FROM, &w, 64, bent, straight, &e));
        compare_planes(&c, "warped_exact_bilinear", bent, 64, 64, 5e-6);
        compare_planes(&c, "target_exact_bilinear", straight, 64, 64, 5e-6);
        compare_planes(&c, "warped_opencv", bent, 64, 64, 6.5e-4);
        compare_planes(&c, "target_opencv", straight, 64, 64, 6.5e-4);
        t = train_warp_similarity(&w, FROM);
        compare_doubles(&c, "random_transform_matrix_f64", t.m, 6, 1e-9);
        train_warp_move(img, FROM, t, false, moved);
        float *rows = move_channels(moved, TG_SHAPE(1, 3, FROM, FROM), false);
        mix_compare(&c, "random_transform_exact_rows_0_32", rows, 32 * FROM * 3, 5e-6);
        base_free(rows);
        float *mirror = base_alloc(3 * AREA, sizeof *mirror);
        train_warp_move(img, FROM, t, true, mirror);
        double off = 0;
        for (int i = 0; i < 3 * AREA; i++)
            off = fmax(off, fabs(mirror[i] - moved[i / FROM * FROM + FROM - 1 - i % FROM]));
        CHECK(off < 1e-5);
        base_free(mirror);
        base_free(img);
    }
    base_free(pixels);
    base_free(x);
    base_free(y);
    mix_close(&c);
}

TEST(draws_lie_where_they_should)
{
    base_rng r = {7}, again = {7};
    double sum = 0, squares = 0;
    int flips = 0, n = 2000;
    for (int i = 0; i < n; i++) {
        train_warp w, v;
        train_warp_draw(&w, &r);
        train_warp_draw(&v, &again);
        CHECK(w.angle == v.angle && w.noise_y[24] == v.noise_y[24]);
        CHECK(fabs(w.angle) <= 10 && fabs(w.scale - 1) <= 0.05 && fabs(w.dx) <= 0.05 &&
              fabs(w.dy) <= 0.05);
        flips += w.flip;
        for (int k = 0; k < 25; k++) {
            sum += w.noise_x[k];
            squares += (double)w.noise_x[k] * w.noise_x[k];
        }
    }
    CHECK_NEAR(flips / (double)n, 0.4, 0.05);
    CHECK_NEAR(sum / (25 * n), 0, 0.1);
    CHECK_NEAR(sqrt(squares / (25 * n)), 5, 0.1);
}

TEST(colours_and_refusals)
{
    float v[2 * 3 * 4], small[3 * 4] = {0};
    for (int i = 0; i < 24; i++) v[i] = (float)(i / 4 % 3) / 4;
    double mean[3];
    train_mean_colour(v, 2, 2, mean);
    for (int i = 0; i < 3; i++) CHECK_NEAR(mean[i], i / 4.0, 1e-7);
    train_shift_colour(v, 2, (double[]){0.5, -1, 0.8});
    CHECK(v[0] == 0.5F && v[4] == 0 && v[8] == 1);
    base_error e = {{0}};
    train_warp w = {0};
    CHECK(train_warp_pair(small, 2, &w, 64, v, v, &e) == GUISE_BAD_ARGUMENT && e.text[0]);
    e = (base_error){{0}};
    CHECK(train_warp_pair(small, 64, &w, 12, v, v, &e) == GUISE_BAD_ARGUMENT && e.text[0]);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(both_people_and_every_stage), CASE(full_size),
               CASE(five_iterations_of_both_people), CASE(bent_and_straight),
               CASE(draws_lie_where_they_should), CASE(colours_and_refusals));
}
