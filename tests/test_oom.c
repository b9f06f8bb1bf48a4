// test_oom.c -- every allocation fails once: an error comes back, and nothing crashes or leaks.
// Leaks and bad accesses are seen by the sanitizers (preset asan).
#include "face/face.h"
#include "graph/ops.h"
#include "media/media.h"
#include "model/smoothswap.h"
#include "nn/style.h"
#include "test.h"
#include "train/inversion.h"
#include "train/losses_smoothswap.h"
#include "train/losses_styleswap.h"
#include "train/smoothness.h"
#include "weights/weights.h"

// Is the failure that base_fail_allocation(n) ordered still to come?
static bool pending(long n)
{
    bool failed = false;
    for (long i = 0; i <= n && !failed; i++) {
        void *p = base_alloc(1, 1);
        failed = !p;
        base_free(p);
    }
    base_fail_allocation(-1);
    return failed;
}

// Run with the first, second, ... allocation failing, until none of a run does. At most so many may
// go unnoticed: those that only serve speed.
static void torture_but(const char *what, guise_status (*run)(const char *, base_error *),
                        const char *path, int unnoticed)
{
    base_error e = {0};
    guise_status s = run(path, &e);
    CHECK(!s);
    if (s) {
        printf("without any failure: %s\n", e.text);
        return;
    }
    long n = 0;
    for (bool done = false; !done && n < 100000; n++) {
        e = (base_error){0};
        base_fail_allocation(n);
        s = run(path, &e);
        done = pending(n);
        if (done ? s == 0 : s == GUISE_NO_MEMORY && e.text[0]) continue;
        if (s == 0 && unnoticed-- > 0) continue;
        printf("allocation %ld: status %d, \"%s\"\n", n, (int)s, e.text);
        CHECK(s == (done ? GUISE_OK : GUISE_NO_MEMORY) && (done || e.text[0]));
    }
    CHECK(n > 1 && n < 100000);
    printf("%ld allocations of %s, each failed once\n", n - 1, what);
}

static void torture(const char *what, guise_status (*run)(const char *, base_error *),
                    const char *path)
{
    torture_but(what, run, path, 0);
}

// ---- Graphs

// A penalty on |d y / d x|, differentiated by w: the hardest thing that training asks of the
// engine.
static tg_node *penalty(tg_graph *g, tg_node *x, tg_node *w, tg_node *v)
{
    tg_node *y = tg_leaky_relu(tg_conv2d(x, w, TG_CONV(.stride = 2, .pad = 1)), 0.2);
    y = tg_add(y, tg_mean_to(y, TG_SHAPE(2, 4, 1, 1)));
    y = tg_resize(tg_tanh(tg_reflect_pad(y, 1)), 8, 8, TG_BILINEAR);
    tg_node *flat = tg_reshape(y, TG_SHAPE(2, 256)), *dx = NULL, *dw = NULL;
    y = tg_sum(tg_matmul(flat, v, false, false));
    tg_grad(y, NULL, (tg_node *[]){x}, 1, &dx);
    tg_node *length = tg_sqrt(tg_shift(tg_sum(tg_square(dx)), 1e-6));
    tg_grad(length, NULL, (tg_node *[]){w}, 1, &dw);
    (void)g;
    return dw;
}

static guise_status graph_run(const char *path, base_error *e)
{
    static float x[2 * 3 * 8 * 8], w[4 * 3 * 3 * 3], v[256 * 2];
    (void)path;
    for (int i = 0; i < 384; i++) x[i] = sinf((float)i);
    for (int i = 0; i < 108; i++) w[i] = 0.1F * cosf((float)i);
    for (int i = 0; i < 512; i++) v[i] = 0.1F * sinf((float)(3 * i));
    tg_graph *g = tg_new();
    if (!g) return base_no_memory(e);
    tg_plan *p = NULL;
    tg_node *in = tg_input(g, TG_SHAPE(2, 3, 8, 8), "x");
    tg_node *filter = tg_param(g, TG_SHAPE(4, 3, 3, 3), "w");
    tg_node *last = tg_const(g, TG_SHAPE(256, 2), v);
    tg_node *dw = penalty(g, in, filter, last);
    guise_status s = tg_plan_open(&p, g, &dw, 1, &(tg_plan_options){.train = true}, e);
    if (!s) s = tg_plan_bind(p, in, x, e);
    if (!s) s = tg_plan_bind(p, filter, w, e);
    if (!s) s = tg_plan_run(p, e);
    if (!s) {
        const float *value = tg_plan_value(p, dw);
        CHECK(value && isfinite(value[0]) && value[0] != 0);
    }
    tg_plan_close(&p);
    tg_free(g);
    return s;
}

TEST(graphs) { torture("a gradient penalty, planned and run", graph_run, NULL); }

// By the reference evaluator, whose only error is the graph's.
static guise_status eval_run(const char *path, base_error *e)
{
    (void)path;
    tg_graph *g = tg_new();
    if (!g) return base_no_memory(e);
    double x[2 * 3 * 8 * 8] = {1, 2, -3}, v[512] = {0.5};
    float w[108] = {0.1F};
    tg_node *dw = penalty(g, tg_double(g, TG_SHAPE(2, 3, 8, 8), x),
                          tg_const(g, TG_SHAPE(4, 3, 3, 3), w), tg_double(g, TG_SHAPE(256, 2), v));
    const double *value = dw ? tg_eval(dw) : NULL;
    guise_status s = tg_check(g, GUISE_BAD_ARGUMENT, e);
    if (!s && !value) s = base_fail(e, GUISE_BAD_ARGUMENT, "the graph is silent");
    tg_free(g);
    return s;
}

TEST(references) { torture("the same by the reference kernels", eval_run, NULL); }

// ---- Stores of parameters

static tg_node *small_net(nn m, tg_node *x)
{
    x = nn_conv(nn_at(m, "down"), x, .out = 4, .k = 3, .pad = 1);
    x = nn_instance_norm(tg_relu(nn_batch_norm(nn_at(m, "norm"), x, 1e-5)), 1e-8);
    return nn_linear(nn_at(m, "head"), tg_reshape(x, TG_SHAPE(2, 64)), 3, false);
}

static guise_status store_run(const char *path, base_error *e)
{
    (void)path;
    static float x[2 * 3 * 4 * 4] = {1, -2, 3};
    nn_params *p = NULL;
    tg_plan *plan = NULL;
    base_tensors t = {0};
    tg_graph *g = tg_new();
    if (!g) return base_no_memory(e);
    guise_status s = nn_params_open(&p, e);
    tg_node *in = NULL, *y = NULL;
    if (!s) {
        in = tg_input(g, TG_SHAPE(2, 3, 4, 4), "x");
        y = tg_sum(tg_square(small_net(nn_root(p, g, true), in)));
    }
    if (!s) s = nn_settle(p, 1, e);
    tg_node **out = s ? NULL : base_alloc(nn_params_n(p) + 1, sizeof *out);
    if (!s && !out) s = base_no_memory(e);
    int n = 0;
    if (!s) {
        nn_grad(p, y, out);
        for (size_t i = 0; i < nn_params_n(p); i++)
            if (out[i]) out[n++] = out[i];
    }
    if (!s) s = tg_plan_open(&plan, g, out, n, &(tg_plan_options){.train = true}, e);
    if (!s) s = nn_bind(p, g, plan, e);
    if (!s) s = tg_plan_bind(plan, in, x, e);
    if (!s) s = tg_plan_run(plan, e);
    if (!s) s = nn_save(p, NULL, &t, e);
    if (!s) s = nn_load(p, &t, true, e);
    base_tensors_free(&t);
    base_free(out);
    tg_plan_close(&plan);
    tg_free(g);
    nn_params_close(&p);
    return s;
}

TEST(stores) { torture("a store, its gradients, saved and loaded", store_run, NULL); }

// ---- Styles

static const model_styleswap_options tiny_swap = {
    .variant = "r", .widths = {.list = "2,2"}, .latent = 3, .style = 4, .mapping = 1};

static tg_node *mean_colour(void *user, tg_node *img, tg_node *warp)
{
    (void)warp;
    (void)user;
    return tg_reshape(tg_mean_to(img, TG_SHAPE(1, 3, 1, 1)), TG_SHAPE(1, 3));
}

// Built alone: R1 on a swapped face by the weights of a discriminator, the path length of the swap
// by those of its generator.
static guise_status build_styles(nn_params *g, nn_params *d, tg_graph *graph, base_error *e)
{
    static const float img[3 * 64] = {1, -1}, id[3] = {1, 2, 3};
    tg_node *x = tg_const(graph, TG_SHAPE(1, 3, 8, 8), img), *grad[40] = {NULL};
    nn m = nn_root(g, graph, true);
    tg_node *w = model_styleswap_identity(m, tg_const(graph, TG_SHAPE(1, 3), id), &tiny_swap);
    tg_node *latents = nn_latents(w, 4);
    model_styleswap_made made;
    model_stylegan2_verdict v;
    train_path path;
    model_styleswap(m, x, latents, &tiny_swap, NULL, &made);
    model_stylegan2_d(nn_root(d, graph, true), made.out,
                      &(model_stylegan2_d_options){.widths = {.list = "2,2"}}, &v);
    train_path_length(made.out, latents, x, tg_fill(graph, (tg_shape){0}, 0), &path);
    nn_grad(d, train_r1(v.logit, made.out), grad);
    guise_status s = tg_check(graph, GUISE_BAD_ARGUMENT, e);
    if (!s) nn_grad(g, path.penalty, grad);
    return s ? s : tg_check(graph, GUISE_BAD_ARGUMENT, e);
}

static guise_status
with_stores(guise_status (*run)(nn_params *, nn_params *, tg_graph *, base_error *), base_error *e)
{
    nn_params *g = NULL, *d = NULL;
    tg_graph *graph = tg_new();
    if (!graph) return base_no_memory(e);
    guise_status s = nn_params_open(&g, e);
    if (!s) s = nn_params_open(&d, e);
    if (!s) s = run(g, d, graph, e);
    nn_params_close(&g);
    nn_params_close(&d);
    tg_free(graph);
    return s;
}

static guise_status styles_run(const char *path, base_error *e)
{
    (void)path;
    return with_stores(build_styles, e);
}

static guise_status invert(nn_params *g, nn_params *d, tg_graph *graph, base_error *e)
{
    static float img[3 * 64], id[3] = {1, 2, 3}, w[16];
    (void)d;
    for (int i = 0; i < 192; i++) img[i] = sinf((float)i);
    tg_node *x = tg_const(graph, TG_SHAPE(1, 3, 8, 8), img);
    nn m = nn_root(g, graph, false);
    model_styleswap_made made; // makes the generator's entries
    model_styleswap(m, x,
                    model_styleswap_identity(m, tg_const(graph, TG_SHAPE(1, 3), id), &tiny_swap),
                    &tiny_swap, NULL, &made);
    guise_status s = tg_check(graph, GUISE_BAD_ARGUMENT, e);
    if (!s) s = nn_settle(g, 1, e);
    train_inversion i = {.nets = {.options = &tiny_swap, .generator = g, .identity = mean_colour},
                         .size = 8,
                         .sources = 1,
                         .source = img,
                         .source_id = id,
                         .target = img,
                         .random_id = id,
                         .randoms = 1,
                         .steps = 1};
    train_inversion_result r;
    return s ? s : train_invert(&i, w, &r, e);
}

static guise_status inversion_run(const char *path, base_error *e)
{
    (void)path;
    return with_stores(invert, e);
}

// A step of Smooth-Swap's generator with its map, of its embedder by the contrastive loss, and what
// goes with them.
static guise_status build_smooth(nn_params *g, nn_params *d, tg_graph *graph, base_error *e)
{
    static const model_ncsnpp_options o = {
        .width = 4, .multipliers = "1,1", .blocks = 1, .latent = 4, .way = "map-target"};
    static const model_ncsnpp_options p = {
        .width = 4, .multipliers = "1", .blocks = 1, .latent = 4, .way = "adalin"};
    static const float img[2 * 3 * 64] = {1, -1}, id[8] = {1, 0, 0, 0, 0, 1};
    static const int label[] = {1, 1}, photos[] = {3, 2};
    int person[4], photo[4];
    tg_node *x = tg_const(graph, TG_SHAPE(2, 3, 8, 8), img), *grad[400] = {NULL};
    tg_node *z = tg_const(graph, TG_SHAPE(2, 4), id);
    nn m = nn_root(g, graph, true), embedder = nn_root(d, graph, true);
    tg_node *y = model_ncsnpp(nn_at(m, "a"), x, z, &o, NULL);
    y = model_ncsnpp(nn_at(m, "b"), y, z, &p, NULL);
    tg_node *unit = model_bottleneck(embedder, model_imagenet(y), 2, 2);
    unit = model_smooth_head(nn_at(embedder, "head"), tg_reshape(unit, TG_SHAPE(2, 128)), 3, 4);
    tg_node *loss = train_contrastive_loss(unit, train_same_label(graph, label, 2),
                                           &(train_contrastive_options){0});
    train_smoothswap_losses l;
    train_smoothswap_loss(y, x, unit, z, NULL, &train_smoothswap_recommended, &l);
    nn_grad(g, tg_add(l.total, tg_mean(loss)), grad);
    guise_status s = tg_check(graph, GUISE_BAD_ARGUMENT, e);
    base_rng r = {1};
    train_smoothness out;
    if (!s) s = train_draw_people(&r, photos, 2, 2, 2, person, photo, e);
    return s ? s : train_smoothness_measure(id, id + 4, 1, img, 3, 4, &out, e);
}

static guise_status smooth_run(const char *path, base_error *e)
{
    (void)path;
    return with_stores(build_smooth, e);
}

// A graph that finds equal nodes no more, since its table could not grow, is a good graph.
TEST(styles) { torture_but("second derivatives of styles", styles_run, NULL, 8); }
TEST(smooth) { torture_but("Smooth-Swap", smooth_run, NULL, 8); }
TEST(inversion) { torture_but("an inversion", inversion_run, NULL, 8); }

// ---- Files

static guise_status safetensors_run(const char *path, base_error *e)
{
    base_tensors t = {0}, back = {0};
    float v[6] = {1, 2, 3, 4, 5, 6};
    guise_status s = GUISE_OK;
    if (!base_tensors_add(&t, "a", BASE_F32, 2, (int64_t[]){2, 3}, v) ||
        !base_tensors_add(&t, "b.c", BASE_I64, 0, NULL, NULL) ||
        !base_tensors_set_meta(&t, "guise.licence", "MIT"))
        s = base_no_memory(e);
    if (!s) s = weights_safetensors_write(&t, path, e);
    if (!s) s = weights_safetensors_read(&back, path, e);
    if (!s) CHECK(back.n == 2 && base_tensors_find(&back, "b.c"));
    base_tensors_free(&t);
    base_tensors_free(&back);
    return s;
}

TEST(safetensors)
{
    torture("safetensors, written and read", safetensors_run, test_scratch("oom.safetensors"));
}

static guise_status read_run(const char *path, base_error *e)
{
    base_tensors t = {0};
    guise_status s = weights_read(&t, path, e);
    CHECK(!s || t.n == 0);
    base_tensors_free(&t);
    return s;
}

static guise_status onnx_run(const char *path, base_error *e)
{
    weights_onnx *m = NULL;
    guise_status s = weights_onnx_open(&m, path, e);
    tg_graph *g = s ? NULL : tg_new();
    if (!s && !g) s = base_no_memory(e);
    tg_node *in[4] = {0}, *out[16] = {0};
    CHECK(s || (weights_onnx_inputs(m) <= 4 && weights_onnx_outputs(m) <= 16));
    if (!s && weights_onnx_inputs(m) <= 4 && weights_onnx_outputs(m) <= 16) {
        for (size_t i = 0; i < weights_onnx_inputs(m); i++) {
            tg_shape shape;
            const char *name = weights_onnx_input(m, i, &shape);
            for (int k = 0; k < shape.rank; k++)
                if (!shape.dim[k]) shape.dim[k] = k < 2 ? 1 : 32;
            in[i] = tg_input(g, shape, name);
        }
        weights_onnx_build(m, g, in, out);
        s = tg_check(g, GUISE_BAD_FILE, e);
        CHECK(s || out[0]);
    }
    tg_free(g);
    weights_onnx_close(&m);
    return s;
}

// ---- Photos

static void draw(base_image *m) // something with edges
{
    for (int i = 0; i < m->w * m->h * 3; i++) m->rgb[i] = (uint8_t)(i % 7 * 30 + i / 300);
}

static guise_status photo_run(const char *path, base_error *e)
{
    static const face_point point[FACE_POINTS] = {{40, 40}, {62, 41}, {51, 54}, {42, 64}, {60, 65}};
    static float planes[3 * 32 * 32];
    base_image m = {0}, back = {0}, crop = {0};
    face_transform t;
    guise_status s = base_image_new(&m, 100, 100, e);
    if (!s) draw(&m);
    if (!s) s = media_photo_write(&m, path, NULL, e);
    if (!s) s = media_photo_read(&back, path, e);
    if (!s) s = face_align(&t, point, FACE_SIMSWAP, 32, NULL, e);
    if (!s) s = face_crop(&crop, &back, t, 32, e);
    if (!s) base_image_to_planes(&crop, false, 1 / 255.0F, 0, planes);
    if (!s) s = face_paste(&back, t, &(face_patch){.size = 32, .planes = planes}, e);
    base_image_free(&m);
    base_image_free(&back);
    base_image_free(&crop);
    return s;
}

TEST(onnx) { torture("an ONNX network, read and built", onnx_run, test_golden("tiny/tiny.onnx")); }
TEST(initialisers)
{
    torture("an ONNX network's tensors", read_run, test_golden("tiny/tiny.onnx"));
}

TEST(pth) { torture("a zip of tensors by PyTorch", read_run, test_golden("tiny/tiny.pth")); }
TEST(legacy) { torture("the older kind", read_run, test_golden("tiny/tiny-legacy.pth")); }

TEST(photos)
{
    torture("a photo, its face cut out and pasted", photo_run, test_scratch("oom.png"));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(graphs), CASE(references), CASE(stores), CASE(styles), CASE(smooth),
               CASE(inversion), CASE(safetensors), CASE(photos), CASE(onnx), CASE(pth),
               CASE(legacy), CASE(initialisers));
}
