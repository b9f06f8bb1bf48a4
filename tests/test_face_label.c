// test_face_label.c -- what is face on a photo by its own colours, and what is worn over a face.
#include "test.h"
#include "train/face_label.h"
#include "train/occluder.h"
#include <math.h>
#include <string.h>

enum { SIDE = 96, AREA = SIDE * SIDE };
static const face_point points[FACE_POINTS] = {{33, 44}, {63, 44}, {48, 61}, {36, 78}, {60, 78}};

static void put(float *planes, int i, float r, float g, float b)
{
    planes[i] = r, planes[AREA + i] = g, planes[2 * AREA + i] = b;
}

// A blue ground, a face of one tone with dark eyes and a red mouth, and hair down to row `hair`.
static void draw(float *planes, int hair)
{
    face_oval o = face_oval_of(points);
    for (int i = 0; i < AREA; i++) {
        double u, v;
        int x = i % SIDE, y = i / SIDE;
        face_oval_place(&o, x, y, &u, &v);
        put(planes, i, 0.2F, 0.3F, 0.7F);
        if (hypot(u, v) < 1) put(planes, i, 0.85F, 0.65F, 0.55F);
        for (int k = 0; k < 2; k++)
            if (hypot(x - (double)points[k].x, y - (double)points[k].y) < 4)
                put(planes, i, 0.05F, 0.05F, 0.05F);
        if (abs(y - 78) < 3 && x > 38 && x < 58) put(planes, i, 0.6F, 0.1F, 0.1F);
        if (y < hair) put(planes, i, 0.12F, 0.08F, 0.05F);
    }
}

static float at(const float *plane, int x, int y) { return plane[y * SIDE + x]; }

TEST(hair_is_no_face_and_eyes_are)
{
    static float planes[3 * AREA], label[AREA], weight[AREA];
    draw(planes, 24);
    CHECK(!train_face_label(planes, SIDE, points, label, weight, NULL));
    for (int i = 0; i < AREA; i++) {
        CHECK(label[i] == 0 || label[i] == 1);
        CHECK(weight[i] >= 0 && weight[i] <= 1);
    }
    CHECK(at(label, 48, 20) == 0 && at(weight, 48, 20) == 1); // fringe
    CHECK(at(label, 48, 28) == 1);                            // forehead below it
    for (int i = 0; i < FACE_POINTS; i++) CHECK(at(label, (int)points[i].x, (int)points[i].y) == 1);
    CHECK(at(label, 1, 1) == 0 && at(label, 94, 50) == 0);
    draw(planes, 0);
    CHECK(!train_face_label(planes, SIDE, points, label, weight, NULL));
    CHECK(at(label, 48, 20) == 1); // the same place without hair
}

TEST(a_face_without_any_skin_and_no_memory)
{
    static float planes[3 * AREA], label[AREA], weight[AREA];
    const face_point outside[FACE_POINTS] = {
        {-300, -300}, {-280, -300}, {-290, -290}, {-300, -280}, {-280, -280}};
    base_error e = {{0}};
    CHECK(!train_face_label(planes, SIDE, outside, label, weight, NULL));
    for (int i = 0; i < AREA; i++) CHECK(label[i] == 0);
    base_fail_allocation(0);
    CHECK(train_face_label(planes, SIDE, points, label, weight, &e) == GUISE_NO_MEMORY);
    base_fail_allocation(-1);
    CHECK(e.text[0]);
}

typedef void (*wear)(occluder *o, const face_point point[FACE_POINTS], int side, base_rng *r);

// Mean cover above the eyes, at the eyes, and below the nose.
typedef struct {
    double top, eyes, low;
} bands;

static bands worn(wear what, uint64_t seed, float *planes)
{
    static float cover[AREA], before[3 * AREA];
    base_rng r = {seed};
    occluder o;
    bands b = {0};
    draw(planes, 0);
    memcpy(before, planes, sizeof before);
    memset(cover, 0, sizeof cover);
    what(&o, points, SIDE, &r);
    CHECK(o.n > 0 && o.n <= OCCLUDER_PARTS);
    CHECK(!occluder_put(&o, planes, SIDE, &r, cover, NULL));
    for (int i = 0; i < AREA; i++) {
        int y = i / SIDE;
        CHECK(cover[i] >= 0 && cover[i] <= 1.00001F);
        CHECK(planes[i] >= 0 && planes[i] <= 1.00001F);
        if (cover[i] == 0) CHECK(planes[i] <= before[i]); // shadow at most
        if (y < 30) b.top += (double)cover[i] / (30 * SIDE);
        if (y >= 36 && y < 54) b.eyes += (double)cover[i] / (18 * SIDE);
        if (y >= 64) b.low += (double)cover[i] / (32 * SIDE);
    }
    return b;
}

TEST(glasses_sit_on_the_eyes_and_hair_above)
{
    static float a[3 * AREA], b[3 * AREA];
    bands glasses = {0}, hair = {0};
    enum { N = 40 };
    for (uint64_t i = 0; i < N; i++) {
        bands g = worn(occluder_glasses, 10 + i, a), h = worn(occluder_hair, 10 + i, a);
        glasses.top += g.top / N, glasses.eyes += g.eyes / N, glasses.low += g.low / N;
        hair.top += h.top / N, hair.eyes += h.eyes / N, hair.low += h.low / N;
        CHECK(g.eyes > 0.01);
    }
    CHECK(glasses.eyes > 0.08 && glasses.top < 0.02 && glasses.low < 0.01);
    CHECK(hair.top > 0.2 && hair.top > 2 * hair.eyes && hair.low < 0.2);
    worn(occluder_hair, 5, a);
    worn(occluder_hair, 5, b);
    CHECK(!memcmp(a, b, sizeof a));
    worn(occluder_hair, 6, b);
    CHECK(memcmp(a, b, sizeof a) != 0);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(hair_is_no_face_and_eyes_are),
               CASE(a_face_without_any_skin_and_no_memory),
               CASE(glasses_sit_on_the_eyes_and_hair_above));
}
