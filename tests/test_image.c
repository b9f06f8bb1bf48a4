// test_image.c -- 8-bit pictures and network tensors.
#include "base/image.h"
#include "test.h"

TEST(new_is_black_and_sized)
{
    base_image m;
    CHECK(base_image_new(&m, 3, 2, NULL) == GUISE_OK);
    CHECK(m.w == 3 && m.h == 2);
    for (int i = 0; i < 18; i++) CHECK(m.rgb[i] == 0);
    base_image_free(&m);
    CHECK(m.rgb == NULL && m.w == 0);
    base_image_free(&m); // twice is fine
}

TEST(impossible_sizes_are_refused)
{
    base_image m;
    base_error e = {0};
    CHECK(base_image_new(&m, 0, 5, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "0 x 5") != NULL);
    CHECK(base_image_new(&m, 5, -1, NULL) == GUISE_BAD_ARGUMENT);
    CHECK(base_image_new(&m, 2000000, 5, NULL) == GUISE_BAD_ARGUMENT);
    CHECK(m.rgb == NULL);
    base_fail_allocation(0);
    CHECK(base_image_new(&m, 5, 5, NULL) == GUISE_NO_MEMORY);
    CHECK(m.rgb == NULL && m.w == 0);
}

TEST(copies_are_independent)
{
    uint8_t px[6] = {1, 2, 3, 4, 5, 6};
    base_image from = {.w = 2, .h = 1, .rgb = px}, to;
    CHECK(base_image_copy(&to, &from, NULL) == GUISE_OK);
    px[0] = 99;
    CHECK(to.w == 2 && to.h == 1 && to.rgb[0] == 1 && to.rgb[5] == 6);
    base_image_free(&to);
}

TEST(planes_keep_order_and_scale)
{
    uint8_t px[6] = {10, 20, 30, 40, 50, 60};
    base_image m = {.w = 2, .h = 1, .rgb = px};
    float rgb[6], bgr[6];
    base_image_to_planes(&m, false, 2, 1, rgb);
    base_image_to_planes(&m, true, 1, 0, bgr);
    const float want_rgb[6] = {21, 81, 41, 101, 61, 121}, want_bgr[6] = {30, 60, 20, 50, 10, 40};
    CHECK(test_distance(rgb, want_rgb, 6) == 0);
    CHECK(test_distance(bgr, want_bgr, 6) == 0);
    uint8_t out[6];
    base_image back = {.w = 2, .h = 1, .rgb = out};
    base_image_from_planes(&back, bgr, true, 1, 0);
    CHECK(!memcmp(out, px, 6));
    base_image_from_planes(&back, rgb, false, 0.5F, -0.5F);
    CHECK(!memcmp(out, px, 6));
}

TEST(from_planes_rounds_and_clips)
{
    const float v[3] = {-3, 300, 9.5F};
    uint8_t out[3];
    base_image m = {.w = 1, .h = 1, .rgb = out};
    base_image_from_planes(&m, v, false, 1, 0);
    CHECK(out[0] == 0 && out[1] == 255 && out[2] == 10);
    const float odd[3] = {NAN, INFINITY, -INFINITY};
    base_image_from_planes(&m, odd, false, 1, 0);
    CHECK(out[0] == 0 && out[1] == 255 && out[2] == 0);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(new_is_black_and_sized), CASE(impossible_sizes_are_refused),
               CASE(copies_are_independent), CASE(planes_keep_order_and_scale),
               CASE(from_planes_rounds_and_clips));
}
