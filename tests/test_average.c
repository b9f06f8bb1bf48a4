// test_average.c -- dense registration, and faces of nobody.
#include "face/face.h"
#include "face/flow.h"
#include "test.h"

enum { SIDE = 128, N = SIDE * SIDE };

// Something with edges everywhere, defined between pixels too.
static float pattern(double x, double y)
{
    return (float)(sin(x * 0.21) * cos(y * 0.17) + 0.5 * sin(x * 0.09 + y * 0.13) +
                   0.3 * cos(x * 0.4 - y * 0.33));
}

static double bump(double x, double y) // 0..1 in the middle of the picture
{
    double u = (x - SIDE / 2.0) / 25, v = (y - SIDE / 2.0) / 25;
    return exp(-u * u - v * v);
}

TEST(a_known_field_is_found)
{
    static float fixed[N], moving[N], flow[2 * N];
    for (int i = 0; i < N; i++) {
        double x = i % SIDE, y = i / SIDE;
        moving[i] = pattern(x, y);
        fixed[i] = pattern(x + 4 * bump(x, y), y - 3 * bump(x, y));
    }
    CHECK(flow_normalise(moving, SIDE) && flow_normalise(fixed, SIDE));
    CHECK(flow_match(moving, fixed, SIDE, flow));
    double off = 0, size = 0;
    for (int y = 16; y < SIDE - 16; y++)
        for (int x = 16; x < SIDE - 16; x++) {
            int i = y * SIDE + x;
            off += hypot(flow[i] - 4 * bump(x, y), flow[N + i] + 3 * bump(x, y));
            size += 5 * bump(x, y);
        }
    CHECK(off < 0.25 * size); // three quarters of the motion, and more
    printf("left of the motion: %.3f\n", off / size);
}

TEST(equal_pictures_do_not_move)
{
    static float a[N], flow[2 * N];
    for (int i = 0; i < N; i++) a[i] = pattern(i % SIDE, i / SIDE);
    CHECK(flow_match(a, a, SIDE, flow));
    for (int i = 0; i < 2 * N; i++) CHECK_NEAR(flow[i], 0, 1e-6);
}

TEST(normalising_takes_light_out)
{
    static float a[N], b[N];
    for (int i = 0; i < N; i++) {
        a[i] = pattern(i % SIDE, i / SIDE);
        b[i] = 0.5F * a[i] + 3;
    }
    CHECK(flow_normalise(a, SIDE) && flow_normalise(b, SIDE));
    CHECK_NEAR(test_distance(a, b, N), 0, 0.05); // of values about 1
}

TEST(samples_between_pixels_are_linear)
{
    static float a[N];
    for (int i = 0; i < N; i++) a[i] = (float)(2 * (i % SIDE) - i / SIDE);
    CHECK_NEAR(flow_sample(a, SIDE, 10.25F, 20.5F), 20.5 - 20.5, 1e-4);
    CHECK_NEAR(flow_sample(a, SIDE, -5, 0), 0, 1e-6); // the edge repeats
    CHECK_NEAR(flow_sample(a, SIDE, SIDE + 9.0F, SIDE + 9.0F), SIDE - 1, 1e-4);
}

// A made-up face: skin, eyes, nose and mouth where p has them.
static base_image draw(const face_point p[FACE_POINTS], int size, int shade)
{
    base_image m;
    base_image_new(&m, size, size, NULL);
    for (int i = 0; i < size * size; i++) {
        double x = i % size, y = i / size, v = shade;
        for (int k = 0; k < FACE_POINTS; k++) {
            double u = (x - (double)p[k].x) / (0.05 * size),
                   w = (y - (double)p[k].y) / (0.03 * size);
            v -= 90 * exp(-u * u - w * w);
        }
        m.rgb[3 * i] = (uint8_t)v, m.rgb[3 * i + 1] = (uint8_t)(v * 0.8);
        m.rgb[3 * i + 2] = (uint8_t)(v * 0.7);
    }
    return m;
}

TEST(the_mean_of_one_face_is_that_face)
{
    enum { SIZE = 192 };
    face_point p[FACE_POINTS];
    face_template_points(FACE_FFHQ, 0, SIZE, p);
    base_image m = draw(p, SIZE, 200), out;
    face_part part[3];
    for (int i = 0; i < 3; i++) {
        part[i] = (face_part){.photo = &m, .weight = 1 + i};
        memcpy(part[i].point, p, sizeof p);
    }
    CHECK(!face_average(&out, part, 3, FACE_FFHQ, SIZE, NULL));
    double far = 0;
    for (int i = 0; i < 3 * SIZE * SIZE; i++) far += abs(out.rgb[i] - m.rgb[i]);
    CHECK(far / (3 * SIZE * SIZE) < 1);
    base_image_free(&m);
    base_image_free(&out);
}

TEST(features_of_two_faces_meet_half_way)
{
    enum { SIZE = 192 };
    face_point p[FACE_POINTS], q[FACE_POINTS];
    face_template_points(FACE_FFHQ, 0, SIZE, p);
    memcpy(q, p, sizeof p);
    p[2].y -= 4, q[2].y += 4; // noses apart; both are told the template's points
    base_image a = draw(p, SIZE, 200), b = draw(q, SIZE, 200), out, again;
    face_part part[2] = {{.photo = &a, .weight = 1}, {.photo = &b, .weight = 1}};
    for (int i = 0; i < 2; i++) face_template_points(FACE_FFHQ, 0, SIZE, part[i].point);
    CHECK(!face_average(&out, part, 2, FACE_FFHQ, SIZE, NULL));
    int darkest = 0, x = (int)lroundf(p[2].x); // of the column through the nose
    for (int y = (int)p[2].y - 8; y < (int)q[2].y + 8; y++)
        if (!darkest || out.rgb[3 * (y * SIZE + x)] < out.rgb[3 * (darkest * SIZE + x)])
            darkest = y;
    CHECK_NEAR(darkest, (p[2].y + q[2].y) / 2, 1.5);
    CHECK(out.rgb[3 * (darkest * SIZE + x)] < 130); // one sharp nose, not two faint ones
    CHECK(!face_average(&again, part, 2, FACE_FFHQ, SIZE, NULL));
    CHECK(!memcmp(out.rgb, again.rgb, 3 * SIZE * SIZE)); // the same bits every time
    base_image *const all[] = {&a, &b, &out, &again};
    for (int i = 0; i < 4; i++) base_image_free(all[i]);
}

TEST(impossible_averages_are_refused)
{
    face_point p[FACE_POINTS];
    face_template_points(FACE_FFHQ, 0, 64, p);
    base_image m = draw(p, 64, 200), out;
    face_part part[2] = {{.photo = &m, .weight = 1}, {.photo = &m, .weight = 1}};
    for (int i = 0; i < 2; i++) memcpy(part[i].point, p, sizeof p);
    CHECK(face_average(&out, part, 1, FACE_FFHQ, 64, NULL) == GUISE_BAD_ARGUMENT);
    CHECK(face_average(&out, part, 2, FACE_FFHQ, 8, NULL) == GUISE_BAD_ARGUMENT);
    part[1].weight = 0;
    CHECK(face_average(&out, part, 2, FACE_FFHQ, 64, NULL) == GUISE_BAD_ARGUMENT);
    part[1].weight = NAN;
    CHECK(face_average(&out, part, 2, FACE_FFHQ, 64, NULL) == GUISE_BAD_ARGUMENT);
    part[1].weight = 1;
    bool done = false;
    for (long i = 0; i < 400 && !done; i += i < 20 ? 1 : 13) {
        base_fail_allocation(i);
        guise_status s = face_average(&out, part, 2, FACE_FFHQ, 64, NULL);
        base_fail_allocation(-1);
        CHECK(s == GUISE_OK || (s == GUISE_NO_MEMORY && !out.rgb));
        done = s == GUISE_OK;
        base_image_free(&out);
    }
    CHECK(done);
    base_image_free(&m);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_known_field_is_found), CASE(equal_pictures_do_not_move),
               CASE(normalising_takes_light_out), CASE(samples_between_pixels_are_linear),
               CASE(the_mean_of_one_face_is_that_face), CASE(features_of_two_faces_meet_half_way),
               CASE(impossible_averages_are_refused));
}
