// test_frozen.c -- networks out of files of ours, with their weights as constants: the same values
// as the network itself, in half precision too; what is wrong with a file is said.
#include "model/card.h"
#include "model/frozen.h"
#include "model/own.h"
#include "test.h"
#include <math.h>

enum { SIDE = 112, LATENT = 6 };
static const char options_text[] = "width=2 latent=6";

// A file of a small face-id with random weights; its answer to `picture` goes to want.
static guise_status write_net(const char *path, const char *options, const float *picture,
                              float want[LATENT], base_error *e)
{
    model_face_id_options o = {.width = 2, .latent = LATENT};
    nn_params *p = NULL;
    tg_plan *plan = NULL;
    base_tensors t = {0};
    tg_graph *g = tg_new();
    guise_status s = nn_params_open(&p, e);
    tg_node *img = tg_input(g, TG_SHAPE(1, 3, SIDE, SIDE), "img");
    tg_node *y = s ? NULL : model_face_id(nn_root(p, g, false), img, &o);
    if (!s) s = nn_settle(p, 5, e);
    if (!s) s = nn_save(p, NULL, &t, e);
    if (!s && (!base_tensors_set_meta(&t, CARD_NETWORK, "face-id") ||
               !base_tensors_set_meta(&t, CARD_SIZE, "112") ||
               !base_tensors_set_meta(&t, CARD_OPTIONS, options)))
        s = base_no_memory(e);
    if (!s) s = weights_safetensors_write(&t, path, e);
    if (!s) s = tg_plan_open(&plan, g, &y, 1, NULL, e);
    if (!s) s = nn_bind(p, g, plan, e);
    if (!s) s = tg_plan_bind(plan, img, (float *)(uintptr_t)picture, e);
    if (!s) s = tg_plan_run(plan, e);
    for (int i = 0; !s && i < LATENT; i++) want[i] = tg_plan_value(plan, y)[i];
    tg_plan_close(&plan);
    tg_free(g);
    base_tensors_free(&t);
    nn_params_close(&p);
    return s;
}

static const float *a_picture(void)
{
    static float picture[3 * SIDE * SIDE];
    base_rng r = {3};
    for (size_t i = 0; i < sizeof picture / sizeof *picture; i++)
        picture[i] = (float)(255 * base_rng_uniform(&r));
    return picture;
}

TEST(a_file_of_ours_computes_what_its_network_does)
{
    base_error e = {{0}};
    float want[LATENT] = {0};
    const char *path = test_scratch("net.safetensors");
    const float *picture = a_picture();
    model_frozen *f = NULL;
    tg_plan *plan = NULL;
    tg_shape shape;
    CHECK(!write_net(path, options_text, picture, want, &e));
    CHECK(!model_frozen_open(&f, path, &e));
    CHECK(f && model_frozen_inputs(f) == 1 && model_frozen_outputs(f) == 1);
    if (!f) return;
    model_frozen_input(f, 0, &shape);
    CHECK(shape.rank == 4 && shape.dim[0] == 0 && shape.dim[1] == 3 && shape.dim[2] == SIDE);
    CHECK(!strcmp(model_frozen_output(f, 0), "unit"));
    tg_graph *g = tg_new();
    tg_node *img = tg_input(g, TG_SHAPE(1, 3, SIDE, SIDE), "x"), *y = NULL, *d = NULL;
    model_frozen_build(f, g, &img, &y);
    tg_grad(tg_sum(y), NULL, &img, 1, &d); // differentiable by its input
    model_frozen_close(&f);                // the graph has what it needs
    CHECK(d && tg_same(tg_shape_of(d), tg_shape_of(img)));
    CHECK(!tg_plan_open(&plan, g, &y, 1, NULL, &e));
    CHECK(!tg_plan_bind(plan, img, (float *)(uintptr_t)picture, &e) && !tg_plan_run(plan, &e));
    for (int i = 0; i < LATENT; i++) CHECK_NEAR(tg_plan_value(plan, y)[i], want[i], 1e-5);
    tg_plan_close(&plan);
    tg_free(g);
}

TEST(what_is_wrong_with_a_file_is_said)
{
    base_error e = {{0}};
    float want[LATENT];
    const char *path = test_scratch("bad.safetensors");
    model_frozen *f = NULL;
    CHECK(model_frozen_open(&f, test_scratch("none.safetensors"), &e) == GUISE_IO && !f);
    e = (base_error){{0}};
    CHECK(!write_net(path, "width=3 latent=6", a_picture(), want, &e));
    CHECK(model_frozen_open(&f, path, &e) == GUISE_BAD_FILE && !f); // weights are for width 2
    CHECK(strstr(e.text, "bad.safetensors") != NULL);
    e = (base_error){{0}};
    CHECK(!write_net(path, "breadth=2", a_picture(), want, &e));
    CHECK(model_frozen_open(&f, path, &e) == GUISE_BAD_FILE && strstr(e.text, "breadth"));
    e = (base_error){{0}};
    CHECK(!base_write_file(path, "\2\0\0\0\0\0\0\0{}", 10, &e));
    CHECK(model_frozen_open(&f, path, &e) == GUISE_BAD_FILE && strstr(e.text, "names none"));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_file_of_ours_computes_what_its_network_does),
               CASE(what_is_wrong_with_a_file_is_said));
}
