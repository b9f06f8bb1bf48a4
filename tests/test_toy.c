// test_toy.c -- drawn faces: points where they are drawn, traits and looks apart, sets as folders,
// recognisers that know them.
#include "media/media.h"
#include "test.h"
#include "train/data.h"
#include "train/toy_teach.h"
#include <unistd.h>

enum { SIDE = 96 };

static double brightness(const base_image *m, face_point at)
{
    int x = (int)lroundf(at.x), y = (int)lroundf(at.y);
    const uint8_t *p = m->rgb + 3 * (y * m->w + x);
    return (p[0] + p[1] + p[2]) / (3 * 255.0);
}

// Within 3 of 256 pixels.
static double darkest(const base_image *m, face_point at)
{
    double least = 1;
    for (int k = 0; k < 49; k++) {
        face_point near = {at.x + (float)(k % 7 - 3), at.y + (float)(k / 7 - 3)};
        least = fmin(least, brightness(m, near));
    }
    return least;
}

static void middle(toy_person *p, toy_look *l)
{
    *p = (toy_person){{0}};
    *l = (toy_look){{0}};
    p->trait[TOY_SKIN] = -1; // pale, so that what is dark is no skin
    p->trait[TOY_BEARD] = -1;
    l->way[TOY_LIDS] = 1;
}

// A pupil is where the eye is, a dark line between the lips where the corners are, whatever the
// pose.
TEST(points_lie_where_features_are_drawn)
{
    base_error e = {0};
    toy_person p;
    toy_look l;
    base_rng r = {5};
    for (int k = 0; k < 30; k++) {
        base_image m = {0};
        face_point point[FACE_POINTS];
        middle(&p, &l);
        p.trait[TOY_EYES_APART] = (float)(2 * base_rng_uniform(&r) - 1);
        p.trait[TOY_MOUTH_WIDE] = (float)(2 * base_rng_uniform(&r) - 1);
        for (int i = TOY_RIGHT; i <= TOY_NOD; i++) l.way[i] = (float)(2 * base_rng_uniform(&r) - 1);
        l.way[TOY_OPEN] = -1;
        l.way[TOY_SMILE] = (float)(2 * base_rng_uniform(&r) - 1);
        CHECK(!toy_picture(&p, &l, 256, &m, &e));
        toy_points(&p, &l, 256, point);
        for (int i = 0; m.rgb && i < 2; i++) CHECK(brightness(&m, point[i]) < 0.3);
        for (int i = 3; m.rgb && i < FACE_POINTS; i++) {
            face_point centre = {(point[3].x + point[4].x) / 2, (point[3].y + point[4].y) / 2};
            face_point in = {point[i].x + 0.12F * (centre.x - point[i].x),
                             point[i].y + 0.12F * (centre.y - point[i].y)};
            face_point out = {point[i].x - 0.3F * (centre.x - point[i].x),
                              point[i].y - 0.3F * (centre.y - point[i].y)};
            CHECK(brightness(&m, out) > darkest(&m, in) + 0.1); // skin, then mouth
        }
        base_image_free(&m);
    }
}

static double difference(const toy_person *p, const toy_look *l, const toy_person *q,
                         const toy_look *k)
{
    base_error e = {0};
    base_image a = {0}, b = {0};
    double sum = 0;
    CHECK(!toy_picture(p, l, SIDE, &a, &e));
    CHECK(!toy_picture(q, k, SIDE, &b, &e));
    for (int i = 0; i < SIDE * SIDE * 3; i++) sum += abs(a.rgb[i] - b.rgb[i]);
    base_image_free(&a);
    base_image_free(&b);
    return sum / (SIDE * SIDE * 3 * 255.0);
}

TEST(every_number_is_seen) // and the same numbers give the same picture
{
    toy_person p, q;
    toy_look l, k;
    middle(&p, &l);
    l.way[TOY_OPEN] = 0.5F;
    l.way[TOY_LIGHT_X] = 0.5F;
    CHECK(difference(&p, &l, &p, &l) == 0);
    for (int i = 0; i < TOY_TRAITS; i++) {
        q = p;
        q.trait[i] = p.trait[i] < 0 ? 1 : -1;
        double d = difference(&p, &l, &q, &l);
        CHECK(d > 3e-4);
        if (d <= 3e-4) fprintf(stderr, "  trait %d: %g\n", i, d);
    }
    for (int i = 0; i < TOY_WAYS; i++) {
        k = l;
        k.way[i] = l.way[i] < 0 ? 1 : -1;
        double d = difference(&p, &l, &p, &k);
        CHECK(d > 3e-4);
        if (d <= 3e-4) fprintf(stderr, "  way %d: %g\n", i, d);
    }
}

TEST(a_crop_is_a_part_of_the_picture) // drawn at once, or cut out of a large drawing
{
    base_error e = {0};
    toy_person p;
    toy_look l;
    toy_set_at(&(toy_set){.people = 9, .photos = 9, .side = SIDE, .seed = 4}, 2, 3, &p, &l);
    face_point point[FACE_POINTS];
    face_transform t;
    base_image m = {0}, cut = {0};
    float *planes = malloc(3 * 64 * 64 * sizeof *planes);
    CHECK(!toy_picture(&p, &l, 256, &m, &e));
    toy_points(&p, &l, 256, point);
    CHECK(!face_align(&t, point, FACE_ARCFACE, 64, NULL, &e));
    CHECK(!face_crop_smooth(&cut, &m, t, 64, &e));
    double sum = 0;
    if (planes && cut.rgb) {
        toy_crop(&p, &l, 256, face_invert(t), 64, planes);
        for (int i = 0; i < 64 * 64 * 3; i++)
            sum += fabs((double)planes[(i % 3) * 64 * 64 + i / 3] - cut.rgb[i] / 255.0);
    }
    CHECK_NEAR(sum / (64 * 64 * 3), 0, 0.02);
    free(planes);
    base_image_free(&m);
    base_image_free(&cut);
}

TEST(sets_are_written_as_training_reads_them)
{
    base_error e = {0};
    toy_set s = {.people = 12, .photos = 2, .side = 64, .seed = 7}, back;
    const char *dir = test_scratch("faces");
    char landmarks[600];
    snprintf(landmarks, sizeof landmarks, "%s_landmarks5.txt", dir);
    CHECK(!toy_set_write(&s, dir, &e));
    CHECK(!toy_set_read(&back, dir, &e));
    CHECK(back.people == 12 && back.photos == 2 && back.side == 64 && back.seed == 7);
    train_photos in = {0}, out = {0};
    CHECK(!train_photos_read(&in, dir, NULL, TRAIN_PEOPLE, &e));
    CHECK(!train_photos_read(&out, dir, NULL, TRAIN_HELD_OUT, &e));
    CHECK(in.n + out.n == 24 && out.n > 0);
    for (size_t i = 0; i < in.n; i++) {
        int person = 0, photo = 0;
        const char *name = strstr(in.at[i].path, "/toy-");
        toy_person p;
        toy_look l;
        face_point want[FACE_POINTS];
        CHECK(name && sscanf(name, "/toy-%d/%d.png", &person, &photo) == 2);
        CHECK(in.at[i].known);
        toy_set_at(&s, person, photo, &p, &l);
        toy_points(&p, &l, s.side, want);
        CHECK_NEAR(in.at[i].point[3].x, want[3].x, 1e-3);
    }
    train_photos_free(&in);
    train_photos_free(&out);
    CHECK(toy_set_read(&back, test_scratch("nothing"), &e) == GUISE_IO);
    FILE *f = fopen(landmarks, "w");
    CHECK(f && fputs("toy-0000/0000.png 1 2 3 4 5 6 7 8 9 10\n", f) > 0 && !fclose(f));
    e = (base_error){0};
    CHECK(toy_set_read(&back, dir, &e) == GUISE_BAD_FILE && strstr(e.text, "drawn faces"));
    s.side = 4;
    CHECK(toy_set_write(&s, test_scratch("small"), &e) == GUISE_BAD_ARGUMENT);
    CHECK(!base_is_dir(test_scratch("small")));
}

static double cosine(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static void recognise(face_recogniser *r, const toy_set *s, int person, int photo, float *v)
{
    base_error e = {0};
    toy_person p;
    toy_look l;
    base_image m = {0};
    face_point point[FACE_POINTS];
    toy_set_at(s, person, photo, &p, &l);
    CHECK(!toy_picture(&p, &l, 112, &m, &e));
    toy_points(&p, &l, 112, point);
    CHECK(!face_recognise(r, &m, point, v, &e));
    base_image_free(&m);
}

// Of 24 new people with two photos each, the other photo is nearest for most.
static double found(const char *path)
{
    enum { PEOPLE = 24 };
    base_error e = {0};
    toy_set s = {.people = PEOPLE, .photos = 2, .side = 112, .seed = 11};
    face_recogniser *r = NULL;
    float v[2][PEOPLE][TOY_TRAITS];
    int right = 0;
    CHECK(!face_recogniser_open(&r, path, &e));
    CHECK(r && face_recogniser_length(r) == TOY_TRAITS);
    if (!r) return 0;
    for (int i = 0; i < 2 * PEOPLE; i++) recognise(r, &s, i / 2, i % 2, v[i % 2][i / 2]);
    for (int i = 0; i < PEOPLE; i++) {
        int best = 0;
        for (int k = 1; k < PEOPLE; k++)
            if (cosine(v[0][i], v[1][k], TOY_TRAITS) > cosine(v[0][i], v[1][best], TOY_TRAITS))
                best = k;
        right += best == i;
    }
    face_recogniser_close(&r);
    return (double)right / PEOPLE;
}

TEST(recognisers_know_people_they_never_saw)
{
    base_error e = {0};
    for (int kind = TOY_TEACHER; kind <= TOY_JUDGE; kind++) {
        toy_teaching t = {.kind = kind, .faces = 1500, .steps = 400, .seed = 1};
        CHECK(!toy_teach(&t, test_scratch("known.onnx"), &e));
        CHECK(t.cosine > 0.5);
        CHECK(found(test_scratch("known.onnx")) > 0.5); // by chance 0.04
    }
    toy_teaching t = {.faces = -1};
    CHECK(toy_teach(&t, test_scratch("none.onnx"), &e) == GUISE_BAD_ARGUMENT);
    CHECK(!base_is_file(test_scratch("none.onnx")));
}

TEST(nothing_is_left_where_memory_runs_out)
{
    base_error e = {0};
    toy_set s = {.people = 1, .photos = 1, .side = 32, .seed = 1};
    long n = 0;
    guise_status st = GUISE_NO_MEMORY;
    for (; st == GUISE_NO_MEMORY && n < 200; n++) {
        base_fail_allocation(n);
        st = toy_set_write(&s, test_scratch("faces"), &e);
        base_fail_allocation(-1);
    }
    CHECK(st == GUISE_OK && n > 3);
    st = GUISE_NO_MEMORY;
    for (n = 0; st == GUISE_NO_MEMORY && n < 20000; n++) {
        toy_teaching t = {.kind = TOY_TEACHER, .faces = 1, .steps = 1, .seed = 1};
        base_fail_allocation(n);
        st = toy_teach(&t, test_scratch("memory.onnx"), &e);
        base_fail_allocation(-1);
        CHECK(st == GUISE_OK || !base_is_file(test_scratch("memory.onnx")));
        if (n > 6) n += 150;
    }
    CHECK(st == GUISE_OK && n > 100);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(points_lie_where_features_are_drawn), CASE(every_number_is_seen),
               CASE(a_crop_is_a_part_of_the_picture), CASE(sets_are_written_as_training_reads_them),
               CASE(recognisers_know_people_they_never_saw),
               CASE(nothing_is_left_where_memory_runs_out));
}
