// test_closer.c -- the detector's closer look, by networks that say the same of every picture.
#include "face/face.h"
#include "test.h"
#include "told_detector.h"
#include <math.h>
#include <string.h>

enum { SIDE = 96 };
static face_detector *detector(float first, float second, bool closer)
{
    const char *path = test_scratch("closer.safetensors");
    face_detector *d = NULL;
    base_error e = {{0}};
    CHECK(told_detector_write(path, first, second, closer));
    CHECK(!face_detector_open(&d, path, &e));
    if (e.text[0]) printf("    %s\n", e.text);
    return d;
}

// Faces in a grey picture of 96 x 96, and the best score.
static face_list detect(face_detector *d, bool quick, double least, float *best)
{
    base_error e = {{0}};
    base_image m = {0};
    face_list l = {0};
    CHECK(!base_image_new(&m, SIDE, SIDE, &e));
    memset(m.rgb, 128, (size_t)SIDE * SIDE * 3);
    CHECK(
        !face_detect(d, &m, &(face_detect_options){.quick = quick, .score = least}, &l, best, &e));
    base_image_free(&m);
    return l;
}

// What told_off makes of landmarks seen by t.
static void moved(face_transform t, bool mirror, face_point out[FACE_POINTS])
{
    static const int other[FACE_POINTS] = {1, 0, 2, 4, 3};
    face_transform flip = {{-1, 0, FACE_CLOSER - 1, 0, 1, 0}};
    face_point place[FACE_POINTS];
    face_closer_points(place);
    double eyes = (double)(place[1].x - place[0].x);
    if (mirror) t = face_compose(t, flip);
    for (int i = 0; i < FACE_POINTS; i++) {
        int k = mirror ? other[i] : i;
        face_point p = {(float)((double)place[k].x + eyes * (double)told_off[2 * k]),
                        (float)((double)place[k].y + eyes * (double)told_off[2 * k + 1])};
        out[i] = face_apply(face_invert(t), p);
    }
}

TEST(points_move_where_the_closer_look_says)
{
    face_detector *plain = detector(9, 0, false), *closer = detector(9, 2, true);
    float best = 0;
    face_list first = detect(plain, true, 0, &best), got = detect(closer, false, 0, &best);
    CHECK(first.n >= 1 && got.n == first.n);
    if (first.n && got.n == first.n) {
        face_transform t;
        face_point a[FACE_POINTS], b[FACE_POINTS];
        CHECK(!face_closer_align(&t, first.at[0].point, NULL));
        moved(t, false, a);
        CHECK(!face_closer_align(&t, a, NULL));
        moved(t, false, a);
        moved(t, true, b);
        for (int i = 0; i < FACE_POINTS; i++) {
            CHECK_NEAR(got.at[0].point[i].x, (a[i].x + b[i].x) / 2, 1e-2);
            CHECK_NEAR(got.at[0].point[i].y, (a[i].y + b[i].y) / 2, 1e-2);
        }
        CHECK_NEAR(got.at[0].score, sqrt(1 / (1 + exp(-9)) / (1 + exp(-2))), 1e-3);
        CHECK_NEAR(best, got.at[0].score, 1e-6);
    }
    face_list_free(&got);
    got = detect(closer, true, 0, &best); // it is quick
    CHECK(got.n == first.n);
    face_list_free(&first);
    face_list_free(&got);
    face_detector_close(&plain);
    face_detector_close(&closer);
}

TEST(a_closer_look_has_its_say_in_the_score)
{
    // 0.4 of the first look alone is too little, with a sure second one it is enough
    face_detector *plain = detector(-0.4F, 0, false), *sure = detector(-0.4F, 9, true);
    face_detector *other = detector(9, -9, true);
    float best = 0;
    face_list l = detect(plain, true, 0, &best);
    CHECK(l.n == 0);
    CHECK_NEAR(best, 0.4013, 1e-3);
    face_list_free(&l);
    l = detect(sure, false, 0, &best);
    CHECK(l.n >= 1);
    CHECK_NEAR(best, sqrt(0.4013), 1e-3);
    face_list_free(&l);
    l = detect(other, false, 0, &best); // what it does not take for a face is none
    CHECK(l.n == 0);
    CHECK_NEAR(best, 0.0111, 1e-3);
    face_list_free(&l);
    l = detect(other, false, 0.01, &best);
    CHECK(l.n >= 1 && l.at[0].score == best); // asked for, it comes, with the first look's points
    face_list_free(&l);
    face_detector_close(&plain);
    face_detector_close(&sure);
    face_detector_close(&other);
}

TEST(its_places_are_the_template_drawn_together)
{
    face_point place[FACE_POINTS];
    face_transform t;
    face_closer_points(place);
    CHECK(!face_closer_align(&t, place, NULL));
    for (int i = 0; i < FACE_POINTS; i++) {
        face_point p = face_apply(t, place[i]);
        CHECK_NEAR(p.x, place[i].x, 1e-3);
        CHECK_NEAR(p.y, place[i].y, 1e-3);
        CHECK(p.x > 12 && p.x < 52 && p.y > 12 && p.y < 52); // room for a face that lies elsewhere
    }
    face_point same[FACE_POINTS] = {{3, 3}, {3, 3}, {3, 3}, {3, 3}, {3, 3}};
    CHECK(face_closer_align(&t, same, NULL) != GUISE_OK);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(points_move_where_the_closer_look_says),
               CASE(a_closer_look_has_its_say_in_the_score),
               CASE(its_places_are_the_template_drawn_together));
}
