// test_onnx.c -- ONNX operators element by element and on shapes, against numbers worked out
// outside (numpy, from the formulas of onnx/docs/Operators.md); and models that are refused.
#include "onnx_case.h"

static onnx_case unary(const char *op, int64_t opset)
{
    onnx_case c = case_model(op, opset);
    case_input(&c, "x", ONNX_DIMS(2, 3)); // -0.75, 1, -0.5, 1.25, -0.25, 1.5
    return c;
}

TEST(pointwise)
{
    onnx_case sigmoid = unary("Sigmoid", 11), tanh_ = unary("Tanh", 11), exp_ = unary("Exp", 11);
    onnx_case relu = unary("Relu", 11), neg = unary("Neg", 11), abs_ = unary("Abs", 11);
    onnx_case soft = unary("Softplus", 11), drop = unary("Dropout", 11),
              same = unary("Identity", 11);
    ONNX_CHECK(&sigmoid, 1e-8, 0.320821301, 0.731058579, 0.377540669, 0.777299861, 0.437823499,
               0.817574476);
    ONNX_CHECK(&tanh_, 1e-8, -0.635148952, 0.761594156, -0.462117157, 0.84828364, -0.244918662,
               0.905148254);
    ONNX_CHECK(&exp_, 1e-8, 0.472366553, 2.71828183, 0.60653066, 3.49034296, 0.778800783,
               4.48168907);
    ONNX_CHECK(&relu, 0, 0, 1, 0, 1.25, 0, 1.5);
    ONNX_CHECK(&neg, 0, 0.75, -1, 0.5, -1.25, 0.25, -1.5);
    ONNX_CHECK(&abs_, 0, 0.75, 1, 0.5, 1.25, 0.25, 1.5);
    ONNX_CHECK(&soft, 1e-8, 0.386871006, 1.31326169, 0.474076984, 1.50192908, 0.57593942,
               1.70141328);
    ONNX_CHECK(&drop, 0, -0.75, 1, -0.5, 1.25, -0.25, 1.5);
    ONNX_CHECK(&same, 0, -0.75, 1, -0.5, 1.25, -0.25, 1.5);
}

TEST(slopes)
{
    onnx_case leaky = unary("LeakyRelu", 11), elu = unary("Elu", 11), bare = case_model("PRelu", 9);
    onnx_case slope = unary("PRelu", 9), sig = unary("HardSigmoid", 11),
              sw = unary("HardSwish", 14);
    case_set(&leaky, "alpha", 0.1);
    ONNX_CHECK(&leaky, 1e-8, -0.075, 1, -0.05, 1.25, -0.025, 1.5);
    case_set(&elu, "alpha", 0.5);
    ONNX_CHECK(&elu, 1e-8, -0.263816724, 1, -0.19673467, 1.25, -0.110599608, 1.5);
    case_reals(&slope, "k", ONNX_DIMS(3), (float[]){2, 3, 4});
    ONNX_CHECK(&slope, 1e-9, -1.5, 1, -2, 1.25, -0.75, 1.5);
    case_input(&bare, "x", ONNX_DIMS(1, 2, 1, 2)); // one slope a channel, as some exporters write
    case_reals(&bare, "k", ONNX_DIMS(2), (float[]){2, 4});
    ONNX_CHECK(&bare, 1e-9, -1.5, 1, -2, 1.25);
    ONNX_CHECK(&sig, 1e-7, 0.35, 0.7, 0.4, 0.75, 0.45, 0.8);
    ONNX_CHECK(&sw, 1e-7, -0.28125, 0.666666667, -0.208333333, 0.885416667, -0.114583333, 1.125);
}

TEST(clip_and_power)
{
    onnx_case was = unary("Clip", 7), now = unary("Clip", 11), half = case_model("Pow", 11);
    case_set(&was, "min", -0.5);
    case_set(&was, "max", 1);
    ONNX_CHECK(&was, 0, -0.5, 1, -0.5, 1, -0.25, 1);
    case_skip(&now);
    case_reals(&now, "max", 0, NULL, (float[]){1});
    ONNX_CHECK(&now, 0, -0.75, 1, -0.5, 1, -0.25, 1);
    onnx_case two = unary("Pow", 11), odd = unary("Pow", 11), root = case_model("Sqrt", 11);
    case_reals(&two, "k", 0, NULL, (float[]){2});
    ONNX_CHECK(&two, 0, 0.5625, 1, 0.25, 1.5625, 0.0625, 2.25);
    case_reals(&odd, "k", 0, NULL, (float[]){2.5F});
    ONNX_REFUSED(&odd, "the exponent must be one of");
    case_reals(&half, "x", ONNX_DIMS(2), (float[]){4, 2.25F});
    case_reals(&half, "k", ONNX_DIMS(1), (float[]){0.5F});
    ONNX_CHECK(&half, 1e-9, 2, 1.5);
    case_reals(&root, "x", ONNX_DIMS(2), (float[]){4, 2.25F});
    ONNX_CHECK(&root, 1e-9, 2, 1.5);
}

TEST(binary_broadcasts)
{
    static const char *const op[] = {"Add", "Sub", "Mul", "Div"};
    static const double want[][4] = {
        {1.25, -2.75, 3, -1}, {-2.75, 1.25, -1, 3}, {-1.5, 1.5, 2, -2}, {-0.375, 0.375, 0.5, -0.5}};
    for (int i = 0; i < 4; i++) { // [2,1] with [2] makes [2,2]: neither is expanded to the other
        onnx_case c = case_model(op[i], 11);
        case_input(&c, "a", ONNX_DIMS(2, 1));
        case_reals(&c, "b", ONNX_DIMS(2), (float[]){2, -2});
        case_check(__FILE__, __LINE__, &c, 1e-9, 4, want[i]);
    }
    onnx_case bad = unary("Add", 11);
    case_reals(&bad, "b", ONNX_DIMS(2), NULL);
    ONNX_REFUSED(&bad, "shapes [2,3] and [2] do not go together");
}

TEST(many_inputs)
{
    static const char *const op[] = {"Max", "Min", "Sum", "Mean"};
    static const double want[][2] = {{1, 3}, {-0.75, 0.5}, {0.25, 4.5}, {0.25 / 3, 1.5}};
    for (int i = 0; i < 4; i++) {
        onnx_case c = case_model(op[i], 11);
        case_input(&c, "a", ONNX_DIMS(2)); // -0.75, 1
        case_reals(&c, "b", ONNX_DIMS(2), (float[]){1, 0.5F});
        case_reals(&c, "c", ONNX_DIMS(2), (float[]){0, 3});
        case_check(__FILE__, __LINE__, &c, 1e-9, 2, want[i]);
    }
}

TEST(softmax)
{
    onnx_case s = unary("Softmax", 13), l = unary("LogSoftmax", 13),
              now = case_model("Softmax", 13);
    ONNX_CHECK(&s, 1e-8, 0.124399336, 0.715868754, 0.15973191, 0.398858375, 0.0889973332,
               0.512144292);
    ONNX_CHECK(&l, 1e-8, -2.08425843, -0.334258433, -1.83425843, -0.919148874, -2.41914887,
               -0.669148874);
    onnx_case was = case_model("Softmax", 11); // axis 1 and all after it
    case_input(&was, "x", ONNX_DIMS(2, 2, 3));
    ONNX_CHECK(&was, 1e-8, 0.0376447328, 0.21663048, 0.0483367937, 0.278159042, 0.0620656716,
               0.35716328, 0.207888924, 0.0463862888, 0.266934662, 0.0595611739, 0.342750891,
               0.0764780611);
    case_input(&now, "x", ONNX_DIMS(2, 2, 3));
    case_set_int(&now, "axis", 1);
    ONNX_CHECK(&now, 1e-8, 0.119202922, 0.777299861, 0.119202922, 0.880797078, 0.222700139,
               0.880797078, 0.777299861, 0.119202922, 0.777299861, 0.222700139, 0.880797078,
               0.222700139);
}

TEST(reductions)
{
    onnx_case mean = unary("ReduceMean", 11), l2 = unary("ReduceL2", 18),
              sum = unary("ReduceSum", 13);
    onnx_case max = case_model("ReduceMax", 11);
    case_set_ints(&mean, "axes", ONNX_LIST(-1));
    ONNX_CHECK(&mean, 1e-9, -0.0833333333, 0.833333333);
    case_ints(&l2, "axes", 1, (int64_t[]){1});
    case_set_int(&l2, "keepdims", 0);
    ONNX_CHECK(&l2, 1e-7, 1.3462912, 1.96850197);
    ONNX_CHECK(&sum, 1e-9, 2.25);
    case_input(&max, "x", ONNX_DIMS(2, 2, 3));
    case_set_ints(&max, "axes", ONNX_LIST(2));
    ONNX_CHECK(&max, 0, 1, 1.5, 0.25, 0.5);
}

TEST(reshaping)
{
    onnx_case r = case_model("Reshape", 11), f = case_model("Flatten", 11),
              bad = unary("Reshape", 11);
    case_input(&r, "x", ONNX_DIMS(1, 2, 3));
    case_ints(&r, "to", 3, (int64_t[]){0, -1, 2});
    double v[ONNX_ROOM];
    char why[512];
    tg_shape s = {0};
    CHECK(case_run(&r, v, &s, why) == 6 && tg_same(s, TG_SHAPE(1, 3, 2)));
    r.batch = 2; // a batch keeps its place
    CHECK(case_run(&r, v, &s, why) == 12 && tg_same(s, TG_SHAPE(2, 3, 2)));
    onnx_case one = case_model("Reshape", 11);
    case_input(&one, "x", ONNX_DIMS(1, 2, 3));
    case_ints(&one, "to", 2, (int64_t[]){1, -1});
    one.batch = 4; // even where the model names batch 1
    CHECK(case_run(&one, v, &s, why) == 24 && tg_same(s, TG_SHAPE(4, 6)));
    case_input(&f, "x", ONNX_DIMS(2, 2, 3));
    case_set_int(&f, "axis", 2);
    CHECK(case_run(&f, v, &s, why) == 12 && tg_same(s, TG_SHAPE(4, 3)));
    case_ints(&bad, "to", 2, (int64_t[]){4, 2});
    ONNX_REFUSED(&bad, "[2,3] cannot become [4,2]");
}

TEST(squeezing)
{
    double v[ONNX_ROOM];
    char why[512];
    tg_shape s = {0};
    onnx_case a = case_model("Squeeze", 11), b = case_model("Squeeze", 13),
              u = unary("Unsqueeze", 13);
    case_input(&a, "x", ONNX_DIMS(1, 2, 1));
    CHECK(case_run(&a, v, &s, why) == 2 && tg_same(s, TG_SHAPE(2)));
    case_input(&b, "x", ONNX_DIMS(1, 2, 1));
    case_ints(&b, "axes", 1, (int64_t[]){-1});
    CHECK(case_run(&b, v, &s, why) == 2 && tg_same(s, TG_SHAPE(1, 2)));
    case_ints(&u, "axes", 2, (int64_t[]){0, -1});
    CHECK(case_run(&u, v, &s, why) == 6 && tg_same(s, TG_SHAPE(1, 2, 3, 1)));
}

TEST(cutting)
{
    onnx_case back = case_model("Slice", 11), step = case_model("Slice", 11),
              was = unary("Slice", 7);
    case_input(&back, "x", ONNX_DIMS(2, 5));
    case_ints(&back, "starts", 1, (int64_t[]){4});
    case_ints(&back, "ends", 1, (int64_t[]){0});
    case_ints(&back, "axes", 1, (int64_t[]){1});
    case_ints(&back, "steps", 1, (int64_t[]){-2});
    ONNX_CHECK(&back, 0, -0.25, -0.5, -1.25, -1.5);
    case_input(&step, "x", ONNX_DIMS(3, 4));
    case_ints(&step, "starts", 2, (int64_t[]){1, 0});
    case_ints(&step, "ends", 2, (int64_t[]){INT64_MAX, INT64_MAX});
    case_ints(&step, "axes", 2, (int64_t[]){0, 1});
    case_ints(&step, "steps", 2, (int64_t[]){1, 3});
    ONNX_CHECK(&step, 0, -0.25, -1.5, 0.25, -1);
    case_set_ints(&was, "starts", ONNX_LIST(-2));
    case_set_ints(&was, "ends", ONNX_LIST(9));
    case_set_ints(&was, "axes", ONNX_LIST(1));
    ONNX_CHECK(&was, 0, 1, -0.5, -0.25, 1.5);
    for (int i = 0; i < 2; i++) {
        onnx_case c = case_model("Split", i ? 13 : 11);
        case_input(&c, "x", ONNX_DIMS(1, 4)); // -0.75, 1, -0.5, 1.25
        if (i) case_ints(&c, "split", 2, (int64_t[]){3, 1});
        case_set_int(&c, "axis", 1);
        c.outputs = 2;
        c.shown = 1;
        if (i)
            ONNX_CHECK(&c, 0, 1.25);
        else
            ONNX_CHECK(&c, 0, -0.5, 1.25);
    }
}

TEST(gathering)
{
    onnx_case list = case_model("Gather", 11), one = list, grid = list, bad = list;
    case_input(&list, "x", ONNX_DIMS(3, 2));
    case_ints(&list, "i", 2, (int64_t[]){2, -3});
    ONNX_CHECK(&list, 0, -0.25, 1.5, -0.75, 1);
    case_input(&one, "x", ONNX_DIMS(3, 2));
    case_ints(&one, "i", -1, (int64_t[]){1});
    case_set_int(&one, "axis", 1);
    ONNX_CHECK(&one, 0, 1, 1.25, 1.5);
    case_input(&grid, "x", ONNX_DIMS(3, 2));
    case_ints(&grid, "i", 4, (int64_t[]){0, 2, 1, 1});
    ONNX_CHECK(&grid, 0, -0.75, 1, -0.25, 1.5, -0.5, 1.25, -0.5, 1.25);
    case_input(&bad, "x", ONNX_DIMS(3, 2));
    case_ints(&bad, "i", 1, (int64_t[]){3});
    ONNX_REFUSED(&bad, "index 3 of 3 elements");
}

TEST(moving)
{
    onnx_case t = case_model("Transpose", 11), c = case_model("Concat", 11),
              e = unary("Expand", 11);
    case_input(&t, "x", ONNX_DIMS(2, 3, 2));
    case_set_ints(&t, "perm", ONNX_LIST(2, 0, 1));
    ONNX_CHECK(&t, 0, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 1, 1.25, 1.5, -1.5, -1.25, -1);
    case_input(&c, "a", ONNX_DIMS(2, 2));
    case_reals(&c, "b", ONNX_DIMS(2, 1), NULL);
    case_set_int(&c, "axis", -1);
    ONNX_CHECK(&c, 0, -0.75, 1, -0.75, -0.5, 1.25, 1);
    case_ints(&e, "to", 3, (int64_t[]){2, 1, 1});
    ONNX_CHECK(&e, 0, -0.75, 1, -0.5, 1.25, -0.25, 1.5, -0.75, 1, -0.5, 1.25, -0.25, 1.5);
    onnx_case bad = unary("Transpose", 11);
    case_set_ints(&bad, "perm", ONNX_LIST(1, 1));
    ONNX_REFUSED(&bad, "perm names a dimension twice");
}

TEST(blocks)
{
    onnx_case dcr = case_model("DepthToSpace", 11), crd = dcr, s = case_model("SpaceToDepth", 11);
    case_input(&dcr, "x", ONNX_DIMS(1, 4, 1, 2));
    case_set_int(&dcr, "blocksize", 2);
    ONNX_CHECK(&dcr, 0, -0.75, -0.5, 1, 1.25, -0.25, 0, 1.5, -1.5);
    case_input(&crd, "x", ONNX_DIMS(1, 8, 1, 1));
    case_set_int(&crd, "blocksize", 2);
    case_set_text(&crd, "mode", "CRD");
    ONNX_CHECK(&crd, 0, -0.75, 1, -0.5, 1.25, -0.25, 1.5, 0, -1.5);
    case_input(&s, "x", ONNX_DIMS(1, 1, 2, 4));
    case_set_int(&s, "blocksize", 2);
    ONNX_CHECK(&s, 0, -0.75, -0.5, 1, 1.25, -0.25, 0, 1.5, -1.5);
}

TEST(whole_numbers)
{
    onnx_case shape = unary("Shape", 11), div = case_model("Div", 11),
              cast = case_model("Cast", 11);
    ONNX_CHECK(&shape, 0, 2, 3);
    case_ints(&div, "a", 3, (int64_t[]){49, -7, 5}); // integers divide toward zero, exactly
    case_ints(&div, "b", 3, (int64_t[]){49, 2, 3});
    ONNX_CHECK(&div, 0, 1, -3, 1);
    case_reals(&cast, "x", ONNX_DIMS(2), (float[]){2.75F, -2.75F});
    case_set_int(&cast, "to", 7);
    ONNX_CHECK(&cast, 0, 2, -2);
    onnx_case c = case_model("Constant", 11), of = case_model("ConstantOfShape", 11);
    case_set_ints(&c, "value_ints", ONNX_LIST(3, 4));
    ONNX_CHECK(&c, 0, 3, 4);
    case_ints(&of, "s", 2, (int64_t[]){1, 3});
    ONNX_CHECK(&of, 0, 0, 0, 0);
    onnx_case round[] = {case_model("Floor", 11), case_model("Ceil", 11)};
    for (int i = 0; i < 2; i++) {
        case_reals(&round[i], "x", ONNX_DIMS(2), (float[]){1.5F, -1.5F});
        case_check(__FILE__, __LINE__, &round[i], 0, 2, i ? (double[]){2, -1} : (double[]){1, -2});
    }
    onnx_case where = case_model("Where", 11), equal = case_model("Equal", 11);
    case_ints(&where, "c", 2, (int64_t[]){1, 0});
    case_ints(&where, "a", 2, (int64_t[]){5, 6});
    case_ints(&where, "b", 2, (int64_t[]){7, 8});
    ONNX_CHECK(&where, 0, 5, 8);
    case_ints(&equal, "a", 2, (int64_t[]){5, -1});
    case_ints(&equal, "b", 1, (int64_t[]){-1});
    ONNX_CHECK(&equal, 0, 0, 1);
}

TEST(refuses)
{
    onnx_case op = unary("NonMaxSuppression", 11), domain = unary("Relu", 11),
              old = unary("Relu", 6);
    onnx_case missing = case_model("Relu", 11), lost = unary("Relu", 11);
    ONNX_REFUSED(&op, "ONNX operator NonMaxSuppression, node 'the node': this operator is not");
    domain.domain = "com.microsoft";
    ONNX_REFUSED(&domain, "not supported");
    ONNX_REFUSED(&old, "operator set 6; export it with operator set 7 or later");
    ONNX_REFUSED(&missing, "input 0 is missing");
    lost.name[0] = (char[]){"elsewhere"};
    ONNX_REFUSED(&lost, "reads 'elsewhere', which nothing before it gives");
    onnx_case apart = unary("Add", 11), short_ = apart, text = apart, big = apart;
    case_reals(&apart, "w", ONNX_DIMS(3), NULL);
    short_ = text = big = apart;
    apart.tensor[0].has_data_location = 1;
    apart.tensor[0].data_location = 1;
    ONNX_REFUSED(&apart, "tensor 'w' keeps its data in another file");
    short_.tensor[0].raw_data.len = 8;
    ONNX_REFUSED(&short_, "tensor 'w' should hold 12 bytes but holds 8");
    text.tensor[0].data_type = 8;
    ONNX_REFUSED(&text, "not a number type");
    big.tensor[0].dims = (int64_t[]){INT64_MAX / 2};
    ONNX_REFUSED(&big, "impossible dimension");
}

TEST(widens)
{
    static const struct {
        int type;
        unsigned char bytes[16];
        size_t n;
    } in[] = {{10, {0x00, 0x3c, 0x00, 0xc0}, 4}, // halves: 1, -2
              {16, {0x80, 0x3f, 0x00, 0xc0}, 4}, // bfloat16
              {11, {0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0}, 16},
              {3, {1, 0xfe}, 2},
              {5, {1, 0, 0xfe, 0xff}, 4},
              {6, {1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff}, 8}};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
        onnx_case c = case_model("Neg", 11);
        case_reals(&c, "w", ONNX_DIMS(2), NULL);
        c.tensor[0].data_type = in[i].type;
        c.tensor[0].raw_data = (ProtobufCBinaryData){in[i].n, (uint8_t *)(uintptr_t)in[i].bytes};
        ONNX_CHECK(&c, 0, -1, 2);
        size_t n = 0;
        unsigned char *p = case_bytes(&c, &n);
        weights_onnx *m = NULL;
        base_tensors t = {0};
        base_error e = {0};
        CHECK(!weights_onnx_parse(&m, p, n, &e) && !weights_onnx_tensors(m, &t, &e));
        const base_tensor *w = base_tensors_find(&t, "w");
        CHECK(w && base_tensor_at(w, 0) == 1 && base_tensor_at(w, 1) == -2);
        base_tensors_free(&t);
        weights_onnx_close(&m);
        free(p);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(pointwise), CASE(slopes), CASE(clip_and_power),
               CASE(binary_broadcasts), CASE(many_inputs), CASE(softmax), CASE(reductions),
               CASE(reshaping), CASE(squeezing), CASE(cutting), CASE(gathering), CASE(moving),
               CASE(blocks), CASE(whole_numbers), CASE(refuses), CASE(widens));
}
