// test_tensors.c -- named arrays: half precision, widening, names and metadata.
#include "base/tensors.h"
#include "test.h"

// All 65536 halves against their definition: (-1)^s 2^(e-15) (1 + f / 1024), IEEE 754-2008 3.4.
TEST(every_half)
{
    for (uint32_t h = 0; h < 65536; h++) {
        uint32_t e = h >> 10 & 31, f = h & 1023;
        double sign = h >> 15 ? -1 : 1;
        double want = e ? ldexp(1 + f / 1024.0, (int)e - 15) : ldexp(f / 1024.0, -14);
        float v = base_half_to_float((uint16_t)h);
        if (e == 31)
            CHECK(f ? isnan(v) : isinf(v) && (v > 0) == (sign > 0));
        else
            CHECK((double)v == sign * want && (signbit(v) != 0) == (sign < 0));
        CHECK(base_float_to_half(v) == h);
    }
}

// Between neighbours: nearest, and the even one from the middle.
TEST(half_rounds)
{
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float a = base_half_to_float((uint16_t)h), b = base_half_to_float((uint16_t)(h + 1));
        float middle = (a + b) / 2;
        CHECK(base_float_to_half(middle) == (h & 1 ? h + 1 : h));
        CHECK(base_float_to_half(nextafterf(middle, a)) == h);
        CHECK(base_float_to_half(nextafterf(middle, b)) == h + 1);
        CHECK(base_float_to_half(-middle) == (0x8000U | (h & 1 ? h + 1 : h)));
    }
    CHECK(base_float_to_half(65519.996F) == 0x7bff && base_float_to_half(65520) == 0x7c00);
    CHECK(base_float_to_half(1e30F) == 0x7c00 && base_float_to_half(-1e30F) == 0xfc00);
    CHECK(base_float_to_half(1e-30F) == 0 && base_float_to_half(-1e-30F) == 0x8000);
}

TEST(widens_every_type)
{
    static const struct {
        base_dtype type;
        const char *name;
        unsigned char bytes[8];
        double want;
    } in[] = {
        {BASE_F32, "F32", {0, 0, 0xc0, 0xbf}, -1.5},
        {BASE_F16, "F16", {0, 0xbe}, -1.5},
        {BASE_BF16, "BF16", {0xc0, 0xbf}, -1.5},
        {BASE_F64, "F64", {0, 0, 0, 0, 0, 0, 0xf8, 0xbf}, -1.5},
        {BASE_I64, "I64", {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -2},
        {BASE_I32, "I32", {0xfe, 0xff, 0xff, 0xff}, -2},
        {BASE_I16, "I16", {0xfe, 0xff}, -2},
        {BASE_I8, "I8", {0xfe}, -2},
        {BASE_U8, "U8", {0xfe}, 254},
        {BASE_BOOL, "BOOL", {7}, 1},
    };
    CHECK(sizeof in / sizeof *in == BASE_DTYPES);
    base_tensors t = {0};
    for (int i = 0; i < BASE_DTYPES; i++) {
        const base_tensor *x =
            base_tensors_add(&t, in[i].name, in[i].type, 1, (int64_t[]){1}, in[i].bytes);
        float v = 0;
        CHECK(x && !strcmp(base_dtype_name(in[i].type), in[i].name));
        if (!x) continue;
        base_tensor_floats(x, &v);
        CHECK((double)v == in[i].want && base_tensor_at(x, 0) == in[i].want);
        CHECK(base_tensor_bytes(x) == base_dtype_size(in[i].type));
    }
    CHECK(base_tensors_find(&t, "I16") == &t.at[6] && !base_tensors_find(&t, "I17"));
    base_tensors_free(&t);
    CHECK(!t.at && !t.n);
}

TEST(adds_and_describes)
{
    base_tensors t = {0};
    const float v[6] = {1, 2, 3, 4, 5, 6};
    const base_tensor *x = base_tensors_add(&t, "x", BASE_F32, 2, (int64_t[]){2, 3}, v);
    CHECK(x && base_tensor_count(x) == 6 && x->data != v && base_tensor_at(x, 5) == 6);
    x = base_tensors_add(&t, "scalar", BASE_F32, 0, NULL, NULL); // zeros
    CHECK(x && base_tensor_count(x) == 1 && base_tensor_at(x, 0) == 0);
    x = base_tensors_add(&t, "none", BASE_F32, 2, (int64_t[]){0, 3}, NULL);
    CHECK(x && base_tensor_count(x) == 0 && base_tensor_bytes(x) == 0);
    CHECK(!base_tensors_add(&t, "bad", BASE_F32, 1, (int64_t[]){-1}, NULL));
    CHECK(!base_tensors_add(&t, "huge", BASE_F32, 2, (int64_t[]){INT64_MAX, 8}, NULL));
    CHECK(t.n == 3);
    for (int i = 0; i < 40; i++) {
        char key[24], value[24];
        snprintf(key, sizeof key, "key%d", i % 20);
        snprintf(value, sizeof value, "value%d", i);
        CHECK(base_tensors_set_meta(&t, key, value));
    }
    CHECK(t.n_meta == 20 && !base_tensors_meta(&t, "key20"));
    const char *last = base_tensors_meta(&t, "key3");
    CHECK(last && !strcmp(last, "value23"));
    base_tensors_free(&t);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(every_half), CASE(half_rounds), CASE(widens_every_type),
               CASE(adds_and_describes));
}
