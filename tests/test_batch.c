// test_batch.c -- pairs of drawn people: where the reconstruction loss weighs more.
#include "test.h"
#include "train/data.h"
#include "train/system.h"
#include "train/toy.h"
#include <math.h>

enum { SIZE = 64, ROWS = 6 };

// Weights of ROWS pairs with these options on top of the toy recipe's. The draws are always the
// same ones.
static void draw(const char *const set[], size_t n, train_batch *b)
{
    base_error e = {{0}};
    char data[600], marks[700];
    train_photos photos = {0};
    train_cache *c = NULL;
    train_options o;
    const char *out = test_scratch("batch-crops");
    snprintf(data, sizeof data, "%s", test_scratch("batch-people"));
    snprintf(marks, sizeof marks, "%s_landmarks5.txt", data);
    if (!base_is_dir(data))
        CHECK(!toy_set_write(&(toy_set){.people = 6, .photos = 2, .side = 128, .seed = 2}, data,
                             &e) &&
              !base_make_dir(out, &e));
    CHECK(!train_photos_read(&photos, data, marks, TRAIN_PEOPLE, &e));
    const train_cache_options cached = {.out = out, .size = SIZE, .margin = 4};
    CHECK(!train_cache_open(&c, &photos, &cached, &e));
    CHECK(!train_options_fill(&o, train_recipe_find("simswap-toy"), set, n, &e));
    o.size = SIZE, o.batch = ROWS, o.shift = 4, o.flip = true;
    const train_identity none = {.length = 1};
    base_rng r = {5};
    CHECK(!train_batch_open(b, &o, &none, NULL, false, &e));
    CHECK(c && !train_batch_fill(b, c, &o, 1000, &r, &e));
    train_cache_close(&c);
    train_photos_free(&photos);
}

// Of crop 0, with landmarks from this file.
static face_point first_point(const char *data, const char *marks, const char *out)
{
    base_error e = {{0}};
    train_photos photos = {0};
    train_cache *c = NULL;
    face_point p = {0, 0};
    const train_cache_options cached = {.out = out, .size = SIZE, .margin = 4};
    CHECK(!train_photos_read(&photos, data, marks, TRAIN_PEOPLE, &e));
    CHECK(!train_cache_open(&c, &photos, &cached, &e));
    if (c) p = train_cache_points(c, 0)[2]; // the nose
    train_cache_close(&c);
    train_photos_free(&photos);
    return p;
}

TEST(crops_are_made_again_where_faces_lie_elsewhere)
{
    char data[600], marks[700], line[400], name[200];
    base_error e = {{0}};
    float x[2 * FACE_POINTS];
    const char *out = test_scratch("batch-again");
    snprintf(data, sizeof data, "%s", test_scratch("batch-moved"));
    snprintf(marks, sizeof marks, "%s_landmarks5.txt", data);
    CHECK(!toy_set_write(&(toy_set){.people = 6, .photos = 2, .side = 128, .seed = 2}, data, &e));
    CHECK(!base_make_dir(out, &e));
    face_point before = first_point(data, marks, out);
    FILE *from = fopen(marks, "r"), *to = fopen(test_scratch("batch-moved.txt"), "w");
    while (from && to && fgets(line, sizeof line, from)) {
        if (sscanf(line, "%199s %f %f %f %f %f %f %f %f %f %f", name, x, x + 1, x + 2, x + 3, x + 4,
                   x + 5, x + 6, x + 7, x + 8, x + 9) < 11)
            continue; // a remark
        fprintf(to, "%s", name);
        for (int i = 0; i < 2 * FACE_POINTS; i++)
            fprintf(to, " %g", (double)x[i] + (i == 5 ? 9 : 0));
        fprintf(to, "\n");
    }
    CHECK(from && to && !fclose(from) && !fclose(to));
    face_point after = first_point(data, test_scratch("batch-moved.txt"), out);
    CHECK((double)(after.y - before.y) > 1);
    face_point again = first_point(data, marks, out);
    CHECK(!memcmp(&again, &before, sizeof again));
}

static double at(const train_batch *b, int row, double x, double y)
{
    return (double)b->weight[((size_t)row * SIZE + (size_t)(y + 0.5)) * SIZE + (size_t)(x + 0.5)];
}

TEST(eyes_and_the_mouth_weigh_more_as_asked)
{
    const char *const plain[] = {"same=0.5", "lambda_rec=8", "rec_other=1", "rec_edge=3"};
    const char *const more[] = {plain[0], plain[1],      plain[2],
                                plain[3], "rec_eyes=10", "rec_mouth=4"};
    train_batch a, b;
    draw(plain, 4, &a);
    draw(more, 6, &b);
    for (int i = 0; i < ROWS; i++) {
        const face_point *p = b.point + i * FACE_POINTS;
        double eyes = hypot((double)p[1].x - (double)p[0].x, (double)p[1].y - (double)p[0].y);
        double mx = ((double)p[3].x + (double)p[4].x) / 2,
               my = ((double)p[3].y + (double)p[4].y) / 2;
        CHECK(!memcmp(&a.point[i * FACE_POINTS], p, sizeof *p) && a.same[i] == b.same[i]);
        CHECK(p[0].x < p[1].x); // mirrored, they change places
        for (int k = 0; k < 2; k++) {
            double x = (double)p[k].x, y = (double)p[k].y;
            CHECK_NEAR(at(&b, i, x, y) - at(&a, i, x, y), 10, 1);
            CHECK(at(&b, i, x, y - 0.3 * eyes) - at(&a, i, x, y - 0.3 * eyes) < 0.1); // the brow
        }
        CHECK_NEAR(at(&b, i, mx, my) - at(&a, i, mx, my), 4, 0.5);
        CHECK_NEAR(at(&b, i, 1, 1), at(&a, i, 1, 1), 1e-3); // outside
        CHECK_NEAR(at(&a, i, 1, 1), a.same[i] ? 8 : 3, 1e-3);
        CHECK_NEAR(at(&a, i, 32, 36), a.same[i] ? 8 : 1, 1e-3);
    }
    train_batch_close(&a);
    train_batch_close(&b);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(eyes_and_the_mouth_weigh_more_as_asked),
               CASE(crops_are_made_again_where_faces_lie_elsewhere));
}
