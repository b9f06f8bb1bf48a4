// test_mixture.c -- faces between two people: what is drawn, and where their landmarks are then.
#include "test.h"
#include "train/mixture.h"
#include <math.h>
#include <string.h>

enum { SIDE = 122, AREA = SIDE * SIDE };
static uint8_t pixels[2][AREA * 3];
static float planes[2][3 * AREA];

// Grey, with a bright spot at each landmark of a face that is its own mirror image.
static void paint(uint8_t *p, const face_point at[FACE_POINTS])
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double light = 0.2;
            for (int k = 0; k < FACE_POINTS; k++) {
                double dx = x - (double)at[k].x, dy = y - (double)at[k].y;
                light += 0.8 * exp(-(dx * dx + dy * dy) / 18);
            }
            for (int c = 0; c < 3; c++) p[3 * (y * SIDE + x) + c] = (uint8_t)(255 * fmin(light, 1));
        }
}

static const face_point even[FACE_POINTS] = {
    {40.5F, 50}, {80.5F, 50}, {60.5F, 70}, {44.5F, 92}, {76.5F, 92}};

static double light_at(const float *p, face_point at)
{
    return (double)p[(int)lroundf(at.y) * SIDE + (int)lroundf(at.x)];
}

TEST(landmarks_go_where_the_face_is_bent)
{
    paint(pixels[0], even);
    double farthest = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        base_rng r = {seed};
        face_point point[FACE_POINTS];
        train_wide_face a = {pixels[0], even};
        train_mixture_draw(a, a, SIDE, &r, planes[0], point);
        for (int k = 0; k < FACE_POINTS; k++) {
            double far = hypot((double)(point[k].x - even[k].x), (double)(point[k].y - even[k].y));
            CHECK(far < 0.03 * sqrt(2) * SIDE);
            farthest = fmax(farthest, far);
            CHECK(light_at(planes[0], point[k]) > 0.85);
        }
    }
    CHECK(farthest > 1.5); // they are bent
}

TEST(a_mixture_is_of_both_and_follows_from_the_seed)
{
    face_point low[FACE_POINTS], got[2][FACE_POINTS];
    double light[2] = {0}, moved = 0;
    for (int k = 0; k < FACE_POINTS; k++) low[k] = (face_point){even[k].x, even[k].y + 6};
    for (int i = 0; i < AREA * 3; i++) pixels[0][i] = 0, pixels[1][i] = 255;
    for (uint64_t seed = 0; seed < 60; seed++) {
        train_wide_face a = {pixels[0], even}, b = {pixels[1], low};
        for (int i = 0; i < 2; i++) {
            base_rng r = {seed};
            train_mixture_draw(a, b, SIDE, &r, planes[i], got[i]);
        }
        CHECK(!memcmp(planes[0], planes[1], sizeof planes[0]) &&
              !memcmp(got[0], got[1], sizeof got[0]));
        double sum = 0, least = 1, most = 0;
        for (int i = 0; i < AREA; i++) {
            double v = (double)planes[0][i];
            sum += v / AREA, least = fmin(least, v), most = fmax(most, v);
        }
        CHECK(least >= 0 && most <= 1 + 1e-6);
        CHECK(sum > 0.1 && sum < 0.9); // much of either
        light[most - least > 0.5] += 1;
        moved += (double)(got[0][2].y - even[2].y) / 60;
    }
    CHECK(light[0] > 10 && light[1] > 10); // all over, and one half into the other
    CHECK(moved > 1 && moved < 5);         // on average half of the way to b's
}

TEST(none_is_the_crop_itself)
{
    face_point point[FACE_POINTS];
    paint(pixels[0], even);
    train_mixture_none((train_wide_face){pixels[0], even}, SIDE, planes[0], point);
    CHECK(!memcmp(point, even, sizeof even));
    for (int i = 0; i < AREA; i += 7)
        CHECK_NEAR(planes[0][2 * AREA + i], pixels[0][3 * i + 2] / 255.0, 1e-6);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(landmarks_go_where_the_face_is_bent),
               CASE(a_mixture_is_of_both_and_follows_from_the_seed), CASE(none_is_the_crop_itself));
}
