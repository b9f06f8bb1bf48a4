// test_onnx_net.c -- ONNX operators of networks, against numbers worked out outside (numpy, from
// the formulas of onnx/docs/Operators.md).
#include "onnx_case.h"

TEST(conv_groups_and_padding)
{
    onnx_case c = case_model("Conv", 11);
    case_input(&c, "x", ONNX_DIMS(1, 2, 3, 3));
    case_reals(&c, "w", ONNX_DIMS(2, 1, 2, 2), NULL);
    case_reals(&c, "b", ONNX_DIMS(2), NULL);
    case_set_int(&c, "group", 2);
    case_set_ints(&c, "pads", ONNX_LIST(1, 0, 0, 1)); // top, left, bottom, right
    ONNX_CHECK(&c, 1e-9, 0.875, -1.875, -0.5, -0.125, 0, -1.125, -3.8125, 2, -2, 0.25, 2.5, 1,
               3.1875, -2.125, 1.25, -2.1875, 3.0625, 0.75);
}

TEST(conv_stride)
{
    onnx_case c = case_model("Conv", 11);
    case_input(&c, "x", ONNX_DIMS(1, 2, 3, 3));
    case_reals(&c, "w", ONNX_DIMS(1, 2, 3, 3), NULL);
    case_set_ints(&c, "strides", ONNX_LIST(2, 2));
    case_set_ints(&c, "pads", ONNX_LIST(1, 1, 1, 1));
    ONNX_CHECK(&c, 1e-9, 2.3125, 1.875, 1.875, 2.3125);
}

TEST(conv_auto_pad)
{
    for (int lower = 0; lower < 2; lower++) {
        onnx_case c = case_model("Conv", 11);
        case_input(&c, "x", ONNX_DIMS(1, 2, 3, 3));
        case_reals(&c, "w", ONNX_DIMS(1, 2, 2, 2), NULL);
        case_set_ints(&c, "strides", ONNX_LIST(2, 2));
        case_set_text(&c, "auto_pad", lower ? "SAME_LOWER" : "SAME_UPPER");
        if (lower)
            ONNX_CHECK(&c, 1e-9, 0.9375, 0.375, 3.125, 4.8125);
        else
            ONNX_CHECK(&c, 1e-9, 2.8125, -0.125, 0.5, -0.125);
    }
}

TEST(conv_refuses)
{
    onnx_case c = case_model("Conv", 11);
    case_input(&c, "x", ONNX_DIMS(1, 2, 3, 3));
    case_reals(&c, "w", ONNX_DIMS(1, 2, 2, 2), NULL);
    onnx_case d = c, s = c, p = c, w = case_model("Conv", 11);
    case_set_ints(&d, "dilations", ONNX_LIST(2, 2));
    ONNX_REFUSED(&d, "dilation 2 is not supported");
    case_set_ints(&s, "strides", ONNX_LIST(1, 2));
    ONNX_REFUSED(&s, "one stride");
    case_set_ints(&p, "pads", ONNX_LIST(-1, 0, 0, 0));
    ONNX_REFUSED(&p, "padding of -1");
    case_input(&w, "x", ONNX_DIMS(1, 2, 3, 3));
    case_reals(&w, "w", ONNX_DIMS(1, 3, 2, 2), NULL);
    ONNX_REFUSED(&w, "ONNX operator Conv, node 'the node': weights [1,3,2,2]");
}

TEST(conv_transpose)
{
    onnx_case c = case_model("ConvTranspose", 11);
    case_input(&c, "x", ONNX_DIMS(1, 2, 2, 2));
    case_reals(&c, "w", ONNX_DIMS(2, 1, 3, 3), NULL);
    case_set_ints(&c, "strides", ONNX_LIST(2, 2));
    case_set_ints(&c, "pads", ONNX_LIST(1, 1, 1, 1));
    case_set_ints(&c, "output_padding", ONNX_LIST(1, 1));
    ONNX_CHECK(&c, 1e-9, 0.375, 1, -1.375, 3, 0.3125, 0.3125, 0.875, 0.75, 0.125, -0.3125, 0.8125,
               0.375, 0.75, 0.625, -3.75, 0.6875);
}

TEST(gemm)
{
    onnx_case c = case_model("Gemm", 11), t = c;
    case_input(&c, "a", ONNX_DIMS(2, 3));
    case_reals(&c, "b", ONNX_DIMS(2, 3), NULL);
    case_reals(&c, "c", ONNX_DIMS(2), NULL);
    case_set_int(&c, "transB", 1);
    case_set(&c, "alpha", 0.5);
    case_set(&c, "beta", 2);
    ONNX_CHECK(&c, 1e-9, -0.59375, 1.03125, -2.46875, 3.9375);
    case_input(&t, "a", ONNX_DIMS(3, 2));
    case_reals(&t, "b", ONNX_DIMS(3, 2), NULL);
    case_set_int(&t, "transA", 1);
    ONNX_CHECK(&t, 1e-9, 0.875, -1.75, -1.75, 4.8125);
}

TEST(matmul)
{
    onnx_case c = case_model("MatMul", 13), b = c, v = c;
    case_input(&c, "a", ONNX_DIMS(2, 2, 3));
    case_reals(&c, "b", ONNX_DIMS(3, 2), NULL);
    ONNX_CHECK(&c, 1e-9, 0.1875, -0.25, -1.1875, 3.1875, 0.6875, -1.5, 0.9375, -2.125);
    case_input(&b, "a", ONNX_DIMS(2, 2, 3));
    case_reals(&b, "b", ONNX_DIMS(2, 3, 2), NULL);
    ONNX_CHECK(&b, 1e-9, 0.1875, -0.25, -1.1875, 3.1875, -0.25, 1.625, -0.375, 2.25);
    case_input(&v, "a", ONNX_DIMS(2, 3));
    case_reals(&v, "b", ONNX_DIMS(2, 3), NULL);
    ONNX_REFUSED(&v, "inner dimensions differ: 3 and 2");
}

static onnx_case pool(const char *op, int64_t k, int64_t stride)
{
    onnx_case c = case_model(op, 11);
    case_input(&c, "x", ONNX_DIMS(1, 1, 4, 4));
    case_set_ints(&c, "kernel_shape", ONNX_LIST(k, k));
    case_set_ints(&c, "strides", ONNX_LIST(stride, stride));
    return c;
}

TEST(max_pool)
{
    onnx_case c = pool("MaxPool", 3, 2), a = pool("MaxPool", 2, 1), w = pool("MaxPool", 3, 2);
    case_set_int(&c, "ceil_mode", 1);
    ONNX_CHECK(&c, 1e-9, 1.5, 1.25, 1, 1);
    case_set_ints(&a, "pads", ONNX_LIST(1, 0, 0, 1));
    ONNX_CHECK(&a, 1e-9, 1, 1, 1.25, 1.25, 1.5, 1.5, 1.25, 1.25, 1.5, 1.5, 0.5, -1, 0.75, 1, 1,
               -0.5);
    case_set_ints(&w, "pads", ONNX_LIST(3, 3, 3, 3));
    ONNX_REFUSED(&w, "a window of 3 does not fit");
}

TEST(average_pool)
{
    onnx_case in = pool("AveragePool", 2, 2), ex = in, ina = pool("AveragePool", 2, 1), exa = ina;
    case_set_ints(&in, "pads", ONNX_LIST(1, 1, 1, 1));
    case_set_ints(&ex, "pads", ONNX_LIST(1, 1, 1, 1));
    case_set_ints(&ina, "pads", ONNX_LIST(1, 0, 0, 1));
    case_set_ints(&exa, "pads", ONNX_LIST(1, 0, 0, 1));
    case_set_int(&in, "count_include_pad", 1);
    case_set_int(&ina, "count_include_pad", 1);
    ONNX_CHECK(&in, 1e-9, -0.1875, 0.125, 0.3125, 0, 0.1875, -0.625, 0.1875, 0.0625, -0.125);
    ONNX_CHECK(&ex, 1e-9, -0.75, 0.25, 1.25, 0, 0.1875, -1.25, 0.75, 0.125, -0.5);
    ONNX_CHECK(&ina, 1e-9, 0.0625, 0.125, 0.1875, 0.3125, 0.375, 0.5, -0.1875, -0.0625, 0.0625,
               0.1875, -0.5, -0.625, -0.25, -0.125, 0, -0.375);
    ONNX_CHECK(&exa, 1e-9, 0.125, 0.25, 0.375, 1.25, 0.375, 0.5, -0.1875, -0.125, 0.0625, 0.1875,
               -0.5, -1.25, -0.25, -0.125, 0, -0.75);
}

TEST(global_pools)
{
    onnx_case a = case_model("GlobalAveragePool", 11), m = case_model("GlobalMaxPool", 11);
    case_input(&a, "x", ONNX_DIMS(1, 2, 2, 3));
    case_input(&m, "x", ONNX_DIMS(1, 2, 2, 3));
    ONNX_CHECK(&a, 1e-9, 0.375, -0.5);
    ONNX_CHECK(&m, 1e-9, 1.5, 0.5);
}

TEST(norms)
{
    onnx_case b = case_model("BatchNormalization", 9), i = case_model("InstanceNormalization", 6);
    case_input(&b, "x", ONNX_DIMS(2, 2, 2));
    case_reals(&b, "scale", ONNX_DIMS(2), (float[]){2, -1});
    case_reals(&b, "bias", ONNX_DIMS(2), (float[]){0.5F, 1});
    case_reals(&b, "mean", ONNX_DIMS(2), (float[]){0.25F, -0.5F});
    case_reals(&b, "var", ONNX_DIMS(2), (float[]){1.5F, 0.75F});
    case_set(&b, "epsilon", 0.25);
    ONNX_CHECK(&b, 1e-8, -1.01185789, 1.63389342, 1, -0.75, -0.255928946, 2.38982237, 0.5, 2);
    i.opset = 7;
    case_input(&i, "x", ONNX_DIMS(2, 2, 2));
    case_reals(&i, "scale", ONNX_DIMS(2), (float[]){2, -1});
    case_reals(&i, "bias", ONNX_DIMS(2), (float[]){0.5F, 1});
    case_set(&i, "epsilon", 0.1);
    ONNX_CHECK(&i, 1e-7, -1.38093225, 2.38093225, 1.94046613, 0.0595338739, -1.38093225, 2.38093225,
               0.0785573247, 1.92144268);
}

TEST(pad_constant)
{
    onnx_case in = case_model("Pad", 11), was = case_model("Pad", 7), cut = was;
    case_input(&in, "x", ONNX_DIMS(2, 3));
    case_ints(&in, "pads", 4, (int64_t[]){1, 0, 0, 2});
    case_reals(&in, "value", 0, NULL, (float[]){1.5F});
    case_input(&was, "x", ONNX_DIMS(2, 3));
    case_set_ints(&was, "pads", ONNX_LIST(1, 0, 0, 2));
    case_set(&was, "value", 1.5);
    ONNX_CHECK(&in, 0, 1.5, 1.5, 1.5, 1.5, 1.5, -0.75, 1, -0.5, 1.5, 1.5, 1.25, -0.25, 1.5, 1.5,
               1.5);
    ONNX_CHECK(&was, 0, 1.5, 1.5, 1.5, 1.5, 1.5, -0.75, 1, -0.5, 1.5, 1.5, 1.25, -0.25, 1.5, 1.5,
               1.5);
    case_input(&cut, "x", ONNX_DIMS(2, 3));
    case_set_ints(&cut, "pads", ONNX_LIST(1, -1, 0, 0));
    ONNX_CHECK(&cut, 0, 0, 0, 1, -0.5, -0.25, 1.5);
}

TEST(pad_reflect)
{
    onnx_case c = case_model("Pad", 11), e = c;
    case_input(&c, "x", ONNX_DIMS(2, 3));
    case_ints(&c, "pads", 4, (int64_t[]){0, 1, 1, 2});
    case_set_text(&c, "mode", "reflect");
    ONNX_CHECK(&c, 0, 1, -0.75, 1, -0.5, 1, -0.75, -0.25, 1.25, -0.25, 1.5, -0.25, 1.25, 1, -0.75,
               1, -0.5, 1, -0.75);
    case_input(&e, "x", ONNX_DIMS(2, 3));
    case_ints(&e, "pads", 4, (int64_t[]){0, 1, 1, 2});
    case_set_text(&e, "mode", "edge");
    ONNX_REFUSED(&e, "only modes constant and reflect");
}

static onnx_case resize(const char *mode, const char *coordinates, const char *nearest, float k)
{
    onnx_case c = case_model("Resize", 11);
    case_input(&c, "x", ONNX_DIMS(1, 1, 2, 2));
    case_skip(&c);
    case_reals(&c, "scales", ONNX_DIMS(4), (float[]){1, 1, k, k});
    case_set_text(&c, "mode", mode);
    case_set_text(&c, "coordinate_transformation_mode", coordinates);
    if (nearest) case_set_text(&c, "nearest_mode", nearest);
    return c;
}

TEST(resize_nearest)
{
    static const char *const same[][2] = {
        {"asymmetric", "floor"}, {"half_pixel", "round_prefer_floor"}, {"asymmetric", NULL}};
    for (int i = 0; i < 3; i++) {
        onnx_case c = resize("nearest", same[i][0], same[i][1], 2);
        ONNX_CHECK(&c, 0, -0.75, -0.75, 1, 1, -0.75, -0.75, 1, 1, -0.5, -0.5, 1.25, 1.25, -0.5,
                   -0.5, 1.25, 1.25);
    }
    onnx_case three = resize("nearest", "asymmetric", NULL, 3); // rounds 2 / 3 up
    ONNX_REFUSED(&three, "combination of mode");
    onnx_case up = resize("nearest", "asymmetric", "ceil", 2);
    ONNX_REFUSED(&up, "combination of mode");
}

TEST(resize_linear)
{
    onnx_case h = resize("linear", "half_pixel", NULL, 2);
    onnx_case c = resize("linear", "align_corners", NULL, 1.5F);
    onnx_case a = resize("linear", "asymmetric", NULL, 2);
    ONNX_CHECK(&h, 1e-9, -0.75, -0.3125, 0.5625, 1, -0.6875, -0.25, 0.625, 1.0625, -0.5625, -0.125,
               0.75, 1.1875, -0.5, -0.0625, 0.8125, 1.25);
    ONNX_CHECK(&c, 1e-9, -0.75, 0.125, 1, -0.625, 0.25, 1.125, -0.5, 0.375, 1.25);
    ONNX_REFUSED(&a, "combination of mode");
}

TEST(upsample_and_sizes)
{
    onnx_case u = case_model("Upsample", 9), s = case_model("Resize", 13);
    case_input(&u, "x", ONNX_DIMS(1, 1, 2, 2));
    case_reals(&u, "scales", ONNX_DIMS(4), (float[]){1, 1, 2, 2});
    ONNX_CHECK(&u, 0, -0.75, -0.75, 1, 1, -0.75, -0.75, 1, 1, -0.5, -0.5, 1.25, 1.25, -0.5, -0.5,
               1.25, 1.25);
    case_input(&s, "x", ONNX_DIMS(1, 1, 2, 2));
    case_skip(&s);
    case_skip(&s);
    case_ints(&s, "sizes", 4, (int64_t[]){1, 1, 3, 3});
    case_set_text(&s, "mode", "linear");
    case_set_text(&s, "coordinate_transformation_mode", "align_corners");
    ONNX_CHECK(&s, 1e-9, -0.75, 0.125, 1, -0.625, 0.25, 1.125, -0.5, 0.375, 1.25);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(conv_groups_and_padding), CASE(conv_stride), CASE(conv_auto_pad),
               CASE(conv_refuses), CASE(conv_transpose), CASE(gemm), CASE(matmul), CASE(max_pool),
               CASE(average_pool), CASE(global_pools), CASE(norms), CASE(pad_constant),
               CASE(pad_reflect), CASE(resize_nearest), CASE(resize_linear),
               CASE(upsample_and_sizes));
}
