// test_resize.c -- aligned crops of another size than the generator's: what lies where a template
// has it, lies there afterwards, and no edge goes dark.
#include "engine/engine.h"
#include "test.h"

// A picture whose value at (x, y) is 20 + (a x + b y) 64 / side.
static base_image ramp(int side, double a, double b)
{
    base_image m = {0};
    CHECK(!base_image_new(&m, side, side, NULL));
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            for (int c = 0; c < 3; c++)
                m.rgb[3 * (y * side + x) + c] = (uint8_t)lround(20 + (a * x + b * y) * 64 / side);
    return m;
}

TEST(places_grow_with_the_side)
{
    const int sides[][2] = {{64, 128}, {256, 128}, {512, 128}, {300, 128}, {100, 128}, {112, 64}};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        int from = sides[i][0], to = sides[i][1];
        base_image m = ramp(from, 2, 1), got = {0};
        m.mark = GUISE_SWAPPED;
        CHECK(!resize_square(&m, to, "it", &got, NULL));
        CHECK(got.w == to && got.h == to && got.mark == GUISE_SWAPPED);
        double worst = 0, edge = 0;
        for (int y = 0; y < to; y++)
            for (int x = 0; x < to; x++) {
                double want = 20 + (2.0 * x + y) * 64 / to, k = (double)from / to;
                double d = fabs(got.rgb[3 * (y * to + x)] - want);
                bool inside =
                    x * k < from - 1 - 2 * k && y * k < from - 1 - 2 * k && x > 1 && y > 1;
                worst = fmax(worst, inside ? d : 0);
                edge = fmax(edge, d);
            }
        CHECK(worst <= 1.5); // two roundings
        CHECK(edge <= 4);
        if (worst > 1.5 || edge > 4) printf("    %d to %d: %g, %g\n", from, to, worst, edge);
        base_image_free(&m);
        base_image_free(&got);
    }
}

TEST(what_is_no_square_is_refused)
{
    base_image m = {0}, got = {0};
    base_error e = {{0}};
    CHECK(!base_image_new(&m, 20, 30, NULL));
    CHECK(resize_square(&m, 16, "the crop", &got, &e) == GUISE_BAD_FILE);
    CHECK(strstr(e.text, "the crop is 20 x 30") && !got.rgb);
    base_image_free(&m);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(places_grow_with_the_side), CASE(what_is_no_square_is_refused));
}
