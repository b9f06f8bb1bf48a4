// test_form.c -- a face model's word in a training: what it sees of a crop, and what counts.
#include "test.h"
#include "train/form.h"
#include "weights/weights.h"
#include <math.h>
#include <string.h>

enum { SIDE = 120, NUMBERS = 62, CROP = 96, ROWS = 2 };

// A model whose numbers are the mean of all it sees, those of shape a hundred times that.
static guise_status write_mean(const char *path, int numbers, base_error *e)
{
    tg_graph *g = tg_new();
    float w[3 * NUMBERS];
    for (int i = 0; i < 3 * numbers; i++) {
        int k = i % numbers;
        w[i] = k >= 12 && k < 52 ? 100.0F / 3 : 1.0F / 3;
    }
    tg_node *x = tg_input(g, TG_SHAPE(1, 3, SIDE, SIDE), "x");
    tg_node *mean = tg_avg_pool(x, (tg_window){.kh = SIDE, .kw = SIDE, .stride = SIDE});
    tg_node *y = tg_matmul(tg_reshape(mean, TG_SHAPE(1, 3)), tg_const(g, TG_SHAPE(3, numbers), w),
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

static tg_node *flat(tg_graph *g, const float colour[ROWS])
{
    static float v[ROWS * 3 * CROP * CROP];
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < 3 * CROP * CROP; k++) v[i * 3 * CROP * CROP + k] = colour[i];
    return tg_const(g, TG_SHAPE(ROWS, 3, CROP, CROP), v);
}

TEST(pose_and_expression_count_and_shape_does_not)
{
    const char *path = test_scratch("form.onnx");
    base_error e = {{0}};
    train_form f = {0};
    CHECK(!write_mean(path, NUMBERS, &e) && !train_form_open(&f, path, &e));
    if (e.text[0]) printf("    %s\n", e.text);
    tg_graph *g = tg_new();
    tg_node *made = flat(g, (const float[]){0.75F, 0.5F}),
            *want = flat(g, (const float[]){0.5F, 0.5F});
    const double *v = tg_eval(train_form_loss(&f, made, want));
    const double *same = tg_eval(train_form_loss(&f, want, want));
    // The model's square is 1.58 x 0.8505 sides of the crop wide; the crop fills its width but for
    // the rest, and reaches 0.637 sides below its upper edge, 0.0372 above.
    double side = 1.58 * 0.8505, top = 0.590 + 0.14 * 0.8505 - side / 2;
    double covered = 1 / side * (1 - top) / side;
    CHECK(v != NULL && same != NULL);
    if (v) CHECK_NEAR(*v, covered * 255 / 128 * 0.25 / ROWS, 0.01);
    if (same) CHECK_NEAR(*same, 0, 1e-9);
    tg_free(g);
    train_form_close(&f);
}

TEST(other_files_are_refused)
{
    const char *path = test_scratch("other.onnx");
    base_error e = {{0}};
    train_form f = {0};
    CHECK(!write_mean(path, 10, &e));
    CHECK(train_form_open(&f, path, &e) == GUISE_BAD_FILE && !f.network);
    CHECK(strstr(e.text, "62 numbers") && strstr(e.text, path));
    CHECK(train_form_open(&f, "/nowhere.onnx", NULL) == GUISE_IO);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(pose_and_expression_count_and_shape_does_not),
               CASE(other_files_are_refused));
}
