// test_styleswap_system.c -- StyleGAN2 and StyleSwap through the training loop on drawn faces,
// masks by a face parser, and the inversion of a swap.
#include "guise.h"
#include "media/media.h"
#include "model/model.h"
#include "test.h"
#include "train/label.h"
#include "train/system.h"
#include "train/toy_teach.h"
#include "weights/weights.h"
#include <unistd.h>

typedef struct {
    char data[500], teacher[500];
} place;

// Six people, and a recogniser that has hardly learnt: any will do here.
static bool get_ready(place *p)
{
    base_error e = {0};
    toy_set set = {.people = 6, .photos = 2, .side = 48, .seed = 3};
    toy_teaching t = {.kind = TOY_TEACHER, .faces = 64, .steps = 2, .seed = 1};
    snprintf(p->data, sizeof p->data, "%s", test_scratch("people"));
    snprintf(p->teacher, sizeof p->teacher, "%s", test_scratch("teacher.onnx"));
    bool ok = base_is_dir(p->data) ||
              (!toy_set_write(&set, p->data, &e) && !toy_teach(&t, p->teacher, &e));
    if (!ok) printf("    %s\n", e.text);
    return ok;
}

static const char *const swapper[] = {"size=16",
                                      "lr=6e-3",
                                      "lr_d=1e-3",
                                      "lambda_adv=1",
                                      "rec_other=0.5",
                                      "batch=4",
                                      "steps=6",
                                      "generator_options=channels=8,8,6 style=8 "
                                      "mapping=2",
                                      "discriminator_options=channels=8,8,6",
                                      "warmup=1",
                                      "id_ramp=2",
                                      "adv_from=2",
                                      "adv_ramp=1",
                                      "d_lead=1",
                                      "r1_every=2",
                                      "path=2",
                                      "path_every=2",
                                      "half_life=20",
                                      "decay=0",
                                      "seed=3", // one whose inversion has something to gain
                                      "log_every=1",
                                      "save_every=3",
                                      "sample_every=6",
                                      "measure_every=0"};
static const char *const nobody[] = {"size=16",
                                     "batch=4",
                                     "steps=6",
                                     "generator_options=channels=8,8,6 style=8 mapping=2",
                                     "discriminator_options=channels=8,8,6",
                                     "r1_every=2",
                                     "path_every=2",
                                     "half_life=20",
                                     "log_every=1",
                                     "save_every=3",
                                     "sample_every=3",
                                     "sample_columns=2"};

static bool until(void *user, const train_progress *p) { return p->step < *(const int *)user; }

static guise_status train(const place *p, const char *recipe, const char *const *set, size_t n,
                          const char *out, bool resume, int stop, base_error *e)
{
    train_config c = {.recipe = recipe,
                      .set = set,
                      .n_set = n,
                      .data = p->data,
                      .out = out,
                      .identity = p->teacher,
                      .resume = resume,
                      .progress = until,
                      .user = &stop};
    return train_start(&c, e);
}

static bool read_state(base_tensors *t, const char *dir, int step)
{
    char path[900];
    snprintf(path, sizeof path, "%s/checkpoint-%09d.safetensors", dir, step);
    return !weights_safetensors_read(t, path, NULL);
}

// All of both runs' checkpoints but the seconds.
static bool same_state(const char *a, const char *b, int step)
{
    base_tensors t[2] = {{0}};
    bool same = read_state(&t[0], a, step) && read_state(&t[1], b, step) && t[0].n == t[1].n;
    for (size_t i = 0; same && i < t[0].n; i++) {
        const base_tensor *x = &t[0].at[i], *y = base_tensors_find(&t[1], x->name);
        if (!strcmp(x->name, "real")) continue;
        same = y && base_tensor_bytes(x) == base_tensor_bytes(y) &&
               !memcmp(x->data, y->data, base_tensor_bytes(x));
        if (!same) printf("    %s differs\n", x->name);
    }
    for (int i = 0; i < 2; i++) base_tensors_free(&t[i]);
    return same;
}

static double number_of(const char *dir, int step, const char *name)
{
    base_tensors t = {0};
    double v = 0;
    if (read_state(&t, dir, step)) {
        const base_tensor *x = base_tensors_find(&t, name);
        if (x && x->dtype == BASE_F64) v = *(const double *)x->data;
    }
    base_tensors_free(&t);
    return v;
}

static void resumes(const char *recipe, const char *const *set, size_t n)
{
    place p;
    base_error e = {0};
    char whole[500], parts[500];
    CHECK(get_ready(&p));
    snprintf(whole, sizeof whole, "%s-%s", test_scratch("whole"), recipe);
    snprintf(parts, sizeof parts, "%s-%s", test_scratch("parts"), recipe);
    guise_status s = train(&p, recipe, set, n, whole, false, 100, &e);
    if (!s) s = train(&p, recipe, set, n, parts, false, 3, &e);
    if (!s) s = train(&p, recipe, set, n, parts, true, 100, &e);
    if (s) printf("    %s\n", e.text);
    CHECK(!s && same_state(whole, parts, 6));
    CHECK(number_of(whole, 6, "kept.path_mean") > 0);
}

TEST(styleswap_resumes_to_the_same_bits) // with all of its losses at work
{
    resumes("styleswap-64", swapper, sizeof swapper / sizeof *swapper);
}

TEST(stylegan2_resumes_to_the_same_bits)
{
    resumes("stylegan2-64", nobody, sizeof nobody / sizeof *nobody);
    char path[600];
    base_image m = {0};
    snprintf(path, sizeof path, "%s-stylegan2-64/samples/step-000000006.jpg",
             test_scratch("whole"));
    CHECK(!media_photo_read(&m, path, NULL) && m.w == 32 && m.h == 32);
    base_image_free(&m);
}

// The mean of w, and the card, come with the exported network.
TEST(what_is_exported)
{
    base_tensors t = {0};
    char path[600];
    snprintf(path, sizeof path, "%s-stylegan2-64/generator.safetensors", test_scratch("whole"));
    CHECK(!weights_safetensors_read(&t, path, NULL));
    const base_tensor *mean = base_tensors_find(&t, "latent_avg");
    CHECK(mean && base_tensor_count(mean) == 8);
    const uint16_t *half = mean ? mean->data : NULL;
    bool moved = false;
    for (int i = 0; half && i < 8; i++) moved |= (half[i] & 0x7fff) != 0;
    CHECK(moved && base_tensors_find(&t, "noises.noise_4"));
    base_tensors_free(&t);
}

TEST(bad_options_are_one_sentence)
{
    place p;
    CHECK(get_ready(&p));
    const struct {
        const char *recipe, *set, *says;
    } bad[] = {{"styleswap-64", "generator=simswap", "trains styleswap"},
               {"styleswap-64", "discriminator=patchgan", "takes stylegan2-d"},
               {"styleswap-64", "size=48", "a power of two"},
               {"styleswap-64", "batch=6", "a multiple"},
               {"styleswap-64", "path_every=0", "path_every=0"},
               {"styleswap-64", "parser=absent.pth", "absent.pth"},
               {"stylegan2-64", "mixing=2", "mixing=2"},
               {"stylegan2-64", "adv_from=-1", "adv_from"},
               {"stylegan2-64", "generator_options=truncation=0.5", "truncation"},
               {"stylegan2-64", "generator=aei", "trains stylegan2"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        base_error e = {0};
        char out[500];
        snprintf(out, sizeof out, "%s", test_scratch("bad"));
        guise_status s = train(&p, bad[i].recipe, &bad[i].set, 1, out, false, 1, &e);
        if (!s || !strstr(e.text, bad[i].says)) printf("    %s: %s\n", bad[i].set, e.text);
        CHECK(s && strstr(e.text, bad[i].says));
    }
}

// ---- A parser whose weights are all 0, but that one class always wins

static bool write_parser(const char *path, int class)
{
    nn_params *params = NULL;
    base_tensors t = {0};
    model_parsing_options o = {0};
    tg_graph *g = tg_new();
    bool ok = g && !nn_params_open(&params, NULL);
    if (ok) {
        tg_node *img = tg_input(g, TG_SHAPE(1, 3, 64, 64), "img");
        model_parsing(nn_root(params, g, false), img, &o, NULL);
        ok = !nn_settle(params, 1, NULL);
    }
    float *w = ok ? nn_params_data(params) : NULL;
    for (size_t i = 0; ok && i < nn_params_floats(params); i++) w[i] = 0;
    for (size_t i = 0; ok && i < nn_params_n(params); i++) {
        const nn_entry *e = nn_params_entry(params, i);
        bool variance = strstr(e->name, "running_var") != NULL;
        bool shift = !strncmp(e->name, "conv_out.conv.", 14) && strstr(e->name, ".bias");
        for (size_t k = 0; (variance || shift) && k < e->count; k++) w[e->offset + k] = 1;
        if (!strcmp(e->name, "conv_out.conv_out.weight"))
            for (size_t k = 0; k < 256; k++) w[e->offset + (size_t) class * 256 + k] = 1;
    }
    ok = ok && !nn_save(params, NULL, &t, NULL) && !weights_safetensors_write(&t, path, NULL);
    base_tensors_free(&t);
    nn_params_close(&params);
    tg_free(g);
    return ok;
}

TEST(masks_by_a_parser) // nose is face, ears and hair are not
{
    const int class[] = {10, 7, 17};
    const float want[] = {1, 0, 0};
    float planes[3 * 16 * 16], mask[16 * 16];
    base_error e = {0};
    for (int i = 0; i < 3 * 256; i++) planes[i] = (float)(i % 7) / 7;
    for (int k = 0; k < 3; k++) {
        train_label l = {0};
        char path[500];
        snprintf(path, sizeof path, "%s", test_scratch("parser.safetensors"));
        CHECK(write_parser(path, class[k]));
        guise_status s = train_label_open(&l, path, &e);
        if (!s) s = train_label_mask(&l, planes, 16, mask, &e);
        if (s) printf("    %s\n", e.text);
        CHECK(!s);
        for (int i = 0; !s && i < 256; i++) CHECK_NEAR(mask[i], want[k], 1e-6);
        CHECK(train_label_mask(&l, planes, 513, mask, &e) == GUISE_BAD_ARGUMENT || s);
        train_label_close(&l);
    }
    train_label l = {0};
    place p;
    CHECK(get_ready(&p));
    char other[600];
    snprintf(other, sizeof other, "%s-stylegan2-64/generator.safetensors", test_scratch("whole"));
    CHECK(train_label_open(&l, other, &e) == GUISE_BAD_FILE && strstr(e.text, "face parser"));
}

// ---- guise swap --invert

static bool count(void *user, const guise_progress *p)
{
    int *seen = user;
    return ++*seen < 25 && p->steps == 30 && p->step == *seen;
}

TEST(inversion_of_a_swap)
{
    place p;
    CHECK(get_ready(&p));
    char photo[3][700], model[600], out[2][500];
    for (int i = 0; i < 3; i++)
        snprintf(photo[i], sizeof photo[i], "%s/toy-%04d/%04d.png", p.data, i / 2, i % 2);
    snprintf(model, sizeof model, "%s-styleswap-64/generator.safetensors", test_scratch("whole"));
    for (int i = 0; i < 2; i++)
        snprintf(out[i], sizeof out[i], "%s", test_scratch(i ? "inverted.png" : "plain.png"));
    guise_engine *g = NULL;
    guise_swap_report r = {0};
    int seen = 0;
    const char *const source[] = {photo[0], photo[1]};
    guise_swap_options o = {.aligned = true};
    guise_status s = guise_open(&g, &(guise_config){.weights = model, .recogniser = p.teacher});
    if (!s) s = guise_swap_photo(g, source, 2, photo[2], out[0], &o, &r);
    CHECK(!s && r.cosine[0] == 0 && r.cosine[1] == 0);
    o.invert = 30;
    o.progress = count;
    o.user = &seen;
    if (!s) s = guise_swap_photo(g, source, 2, photo[2], out[1], &o, &r);
    if (s) printf("    %s\n", guise_message(g));
    CHECK(!s && seen == 25); // where progress ended it
    CHECK(r.cosine[1] > r.cosine[0]);
    base_sha256 a = {{0}}, b = {{0}}, again = {{0}};
    CHECK(!base_sha256_file(&a, out[0], NULL) && !base_sha256_file(&b, out[1], NULL));
    CHECK(strcmp(a.hex, b.hex) != 0);
    o = (guise_swap_options){.aligned = true}; // the styles found are gone
    CHECK(!guise_swap_photo(g, source, 2, photo[2], out[1], &o, &r));
    CHECK(!base_sha256_file(&again, out[1], NULL) && !strcmp(a.hex, again.hex));
    o.invert = -1;
    CHECK(guise_swap_photo(g, source, 2, photo[2], out[1], &o, &r) == GUISE_BAD_ARGUMENT);
    guise_close(&g);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(styleswap_resumes_to_the_same_bits),
               CASE(stylegan2_resumes_to_the_same_bits), CASE(what_is_exported),
               CASE(bad_options_are_one_sentence), CASE(masks_by_a_parser),
               CASE(inversion_of_a_swap));
}
