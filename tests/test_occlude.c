// test_occlude.c -- synthetic occluders: what they cover, that they stay in range, that the same
// numbers give the same picture.
#include "test.h"
#include "train/occlude.h"
#include <math.h>

enum { SIDE = 96, AREA = SIDE * SIDE };

static void draw_face(float *planes) // skin on a darker ground
{
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < AREA; i++) {
            float u = ((float)(i % SIDE) / SIDE - 0.5F) / 0.33F;
            float v = ((float)i / AREA - 0.59F) / 0.42F;
            planes[c * AREA + i] = u * u + v * v < 1 ? 0.8F - 0.15F * (float)c : 0.3F;
        }
}

TEST(each_kind_is_as_likely)
{
    base_rng r = {3};
    int n[4] = {0};
    for (int i = 0; i < 4000; i++) n[train_occlude_draw(&r)]++;
    for (int i = 0; i < 4; i++) CHECK(n[i] > 900 && n[i] < 1100);
}

TEST(nothing_changes_nothing)
{
    static float face[3 * AREA], same[3 * AREA], cover[AREA];
    base_rng r = {3}, before = r;
    draw_face(face);
    draw_face(same);
    cover[5] = 1;
    CHECK(!train_occlude(face, SIDE, TRAIN_OCCLUDE_NOTHING, &r, cover, NULL));
    CHECK(!memcmp(face, same, sizeof face) && cover[5] == 0 && r.state == before.state);
}

typedef struct {
    double covered, visible; // share of the pixels; of the face that is covered
    double shaded;           // of pixels that are not covered: darker than before
} looks;

static looks occlude(train_occluder what, uint64_t seed, float *face)
{
    static float before[3 * AREA], cover[AREA];
    base_rng r = {seed};
    base_error e = {{0}};
    looks l = {0};
    draw_face(face);
    draw_face(before);
    CHECK(!train_occlude(face, SIDE, what, &r, cover, &e));
    bool range = true, kept = true;
    for (int i = 0; i < AREA; i++) {
        l.covered += (double)cover[i] / AREA;
        range &= cover[i] >= 0 && cover[i] <= 1.00001F;
        bool shade = false;
        for (int c = 0; c < 3; c++) {
            float v = face[c * AREA + i], was = before[c * AREA + i];
            range &= v >= 0 && v <= 1.00001F;
            if (cover[i] == 0) kept &= v <= was; // shadow at most
            shade |= cover[i] == 0 && v < was - 0.01F;
        }
        l.shaded += (double)shade / AREA;
    }
    CHECK(range && kept);
    return l;
}

TEST(hands_and_objects)
{
    static const train_occluder kind[] = {TRAIN_OCCLUDE_HAND, TRAIN_OCCLUDE_OBJECT,
                                          TRAIN_OCCLUDE_BOTH};
    static float face[3 * AREA];
    double mean[3] = {0}, shaded = 0;
    enum { N = 60 };
    for (int k = 0; k < 3; k++)
        for (uint64_t i = 0; i < N; i++) {
            looks l = occlude(kind[k], 100 + i, face);
            mean[k] += l.covered / N;
            shaded += l.shaded / (3 * N);
            CHECK(l.covered > 0.001 && l.covered < 0.9);
        }
    CHECK(mean[0] > 0.08 && mean[0] < 0.5); // hands are large
    CHECK(mean[1] > 0.03 && mean[1] < 0.4);
    CHECK(mean[2] > mean[0] && mean[2] > mean[1]);
    CHECK(shaded > 0.01);
}

TEST(the_same_numbers_give_the_same_picture)
{
    static float a[3 * AREA], b[3 * AREA];
    occlude(TRAIN_OCCLUDE_BOTH, 9, a);
    occlude(TRAIN_OCCLUDE_BOTH, 9, b);
    CHECK(!memcmp(a, b, sizeof a));
    occlude(TRAIN_OCCLUDE_BOTH, 10, b);
    CHECK(memcmp(a, b, sizeof a) != 0);
}

TEST(hands_have_the_tone_of_the_face)
{
    static float face[3 * AREA], cover[AREA];
    double redder = 0, n = 0;
    for (uint64_t i = 0; i < 40; i++) {
        base_rng r = {500 + i};
        draw_face(face);
        CHECK(!train_occlude(face, SIDE, TRAIN_OCCLUDE_HAND, &r, cover, NULL));
        for (int k = 0; k < AREA; k++)
            if (cover[k] > 0.99F) {
                redder += face[k] > face[2 * AREA + k];
                n++;
            }
    }
    CHECK(redder > 0.75 * n);
}

TEST(sizes_that_are_none_and_no_memory)
{
    float v[3] = {0};
    base_error e = {{0}};
    base_rng r = {1};
    CHECK(train_occlude(v, 1, TRAIN_OCCLUDE_HAND, &r, NULL, &e) == GUISE_BAD_ARGUMENT);
    CHECK(e.text[0]);
    static float face[3 * AREA];
    e = (base_error){{0}};
    base_fail_allocation(0);
    CHECK(train_occlude(face, SIDE, TRAIN_OCCLUDE_HAND, &r, NULL, &e) == GUISE_NO_MEMORY);
    base_fail_allocation(-1);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(each_kind_is_as_likely), CASE(nothing_changes_nothing),
               CASE(hands_and_objects), CASE(the_same_numbers_give_the_same_picture),
               CASE(hands_have_the_tone_of_the_face), CASE(sizes_that_are_none_and_no_memory));
}
