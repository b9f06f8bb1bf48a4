// test_detect.c -- decoding and suppression on made-up outputs; real networks on real photos where
// $GUISE_MODELS and $GUISE_DATA (default ../shared/models, ../shared/data) have them.
#include "face/face.h"
#include "media/media.h"
#include "test.h"

TEST(decoding_follows_the_grid)
{
    enum { W = 3, H = 2, N = W * H };
    float cls[N] = {0}, obj[N] = {0}, bbox[N * 4] = {0}, kps[N * 10] = {0}, best = 0;
    cls[4] = 0.81F, obj[4] = 1; // column 1, row 1
    bbox[16] = 0.5F, bbox[17] = 0.25F, bbox[18] = logf(2), bbox[19] = logf(3);
    for (int j = 0; j < 10; j++) kps[40 + j] = 0.1F * (float)j;
    cls[0] = 0.2F, obj[0] = 0.2F; // seen, but rejected
    face_list l = {0};
    face_level v = {16, W, H, cls, obj, bbox, kps};
    CHECK(face_decode(&l, v, 0.6, &best));
    CHECK(l.n == 1);
    CHECK_NEAR(best, 0.9, 1e-6);
    CHECK_NEAR(l.at[0].score, 0.9, 1e-6);
    CHECK_NEAR(l.at[0].x0, 24 - 16, 1e-4);
    CHECK_NEAR(l.at[0].x1, 24 + 16, 1e-4);
    CHECK_NEAR(l.at[0].y0, 20 - 24, 1e-4);
    CHECK_NEAR(l.at[0].y1, 20 + 24, 1e-4);
    CHECK_NEAR(l.at[0].point[2].x, (1 + 0.4) * 16, 1e-4);
    CHECK_NEAR(l.at[0].point[2].y, (1 + 0.5) * 16, 1e-4);
    face_list_free(&l);
}

TEST(decoding_ignores_what_is_no_number)
{
    float cls[2] = {NAN, 9}, obj[2] = {1, 9}, bbox[8] = {0}, kps[20] = {0}, best = 0;
    face_list l = {0};
    face_level v = {8, 2, 1, cls, obj, bbox, kps};
    CHECK(face_decode(&l, v, 0.5, &best) && l.n == 1 && l.at[0].score == 1 && best == 1);
    bbox[6] = 1e9F; // a size beyond all numbers
    face_list_free(&l);
    CHECK(face_decode(&l, v, 0.5, &best) && l.n == 0);
    face_list_free(&l);
}

static face box(float x, float y, float side, float score)
{
    return (face){.x0 = x, .y0 = y, .x1 = x + side, .y1 = y + side, .score = score};
}

TEST(suppression_keeps_the_best_of_each_place)
{
    face_list l = {0};
    const face all[] = {box(0, 0, 10, 0.7F), box(1, 1, 10, 0.9F), box(50, 0, 10, 0.8F),
                        box(51, 0, 10, 0.6F), box(8, 8, 10, 0.65F)};
    for (size_t i = 0; i < 5; i++) CHECK(face_list_add(&l, all[i]));
    face_suppress(&l, 0.3);
    CHECK(l.n == 3); // the last touches the second by 9 of 191 only
    CHECK(l.at[0].score == 0.9F && l.at[1].score == 0.8F && l.at[2].score == 0.65F);
    face_suppress(&l, 0.01);
    CHECK(l.n == 2);
    face_list_free(&l);
    face_suppress(&l, 0.3); // empty
    CHECK(l.n == 0);
}

// Landmarks tell that two boxes show one face; a smaller face in the same place is another one.
TEST(twins_are_one_face)
{
    face_list l = {0};
    const float x[] = {40, 80, 60, 45, 75}, y[] = {40, 40, 60, 80, 80};
    const float shift[] = {0, 15, 30}, size[] = {1, 1, 0.3F};
    for (int i = 0; i < 3; i++) {
        face f = {.score = 0.9F - 0.1F * (float)i};
        for (int k = 0; k < FACE_POINTS; k++)
            f.point[k] =
                (face_point){60 + size[i] * (x[k] - 60) + shift[i], 60 + size[i] * (y[k] - 60)};
        CHECK(face_list_add(&l, f));
    }
    face_drop_twins(&l);
    CHECK(l.n == 2 && l.at[0].score > 0.85F && l.at[1].score < 0.75F);
    face_drop_twins(&l);
    CHECK(l.n == 2);
    face_list_free(&l);
    face_drop_twins(&l);
    CHECK(l.n == 0);
}

TEST(suppression_survives_empty_boxes)
{
    face_list l = {0};
    for (int i = 0; i < 3; i++) CHECK(face_list_add(&l, box(5, 5, 0, 0.5F)));
    face_suppress(&l, 0.3);
    CHECK(l.n == 3);
    face_list_free(&l);
}

static const char *place(const char *variable, const char *fallback, const char *name)
{
    static char text[4][1024];
    static int turn;
    char *out = text[turn++ % 4];
    const char *dir = getenv(variable);
    snprintf(out, sizeof text[0], "%s/%s", dir && *dir ? dir : test_file(fallback), name);
    return out;
}

static const char *model(const char *name)
{
    return place("GUISE_MODELS", "../../shared/models", name);
}

static const char *data(const char *name) { return place("GUISE_DATA", "../../shared/data", name); }

static face_detector *detector(void)
{
    face_detector *d = NULL;
    base_error e = {0};
    const char *path = model("yunet_n_dynamic.onnx");
    if (!base_is_file(path) || !base_is_dir(data("."))) {
        printf("skipped: no models or data\n");
        test_skipped++;
        return NULL;
    }
    if (face_detector_open(&d, path, &e)) test_report(__FILE__, __LINE__, e.text);
    return d;
}

TEST(a_network_of_another_kind_is_refused)
{
    face_detector *d = NULL;
    face_recogniser *r = NULL;
    base_error e = {0};
    CHECK(face_detector_open(&d, test_scratch("none.onnx"), &e) == GUISE_IO && !d && e.text[0]);
    CHECK(face_recogniser_open(&r, test_scratch("none.onnx"), NULL) == GUISE_IO && !r);
    if (!base_is_file(model("mobilefacenet.onnx"))) return;
    e.text[0] = 0;
    CHECK(face_detector_open(&d, model("mobilefacenet.onnx"), &e) == GUISE_BAD_FILE && !d);
    CHECK(strstr(e.text, "YuNet") != NULL);
    CHECK(face_recogniser_open(&r, model("yunet_n_dynamic.onnx"), NULL) == GUISE_BAD_FILE && !r);
}

TEST(portraits_have_one_face_each)
{
    face_detector *d = detector();
    base_names l = {0};
    if (!d) return;
    CHECK(!base_names_read(&l, data("public_domain_portraits"), NULL) && l.n == 6);
    for (size_t i = 0; i < l.n; i++) {
        char *path = base_format("%s/%s", data("public_domain_portraits"), l.name[i]);
        base_image m;
        face_list found = {0};
        float best = 0;
        base_error e = {0};
        CHECK(!media_photo_read(&m, path, &e));
        CHECK(!face_detect(d, &m, NULL, &found, &best, &e));
        CHECK(found.n == 1 && best > 0.6 && found.at[0].score == best);
        if (found.n != 1) printf("%s: %zu faces, best %.3f %s\n", l.name[i], found.n, best, e.text);
        if (found.n) CHECK(found.at[0].point[0].x < found.at[0].point[1].x);
        face_list_free(&found);
        base_image_free(&m);
        base_free(path);
    }
    base_names_free(&l);
    face_detector_close(&d);
}

// The next photo of the list of LFW; false at the end.
static bool next_photo(FILE *f, base_image *m, face_point p[FACE_POINTS])
{
    char line[512], name[256];
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#') continue;
        int n = sscanf(line, "%255s %f %f %f %f %f %f %f %f %f %f", name, &p[0].x, &p[0].y, &p[1].x,
                       &p[1].y, &p[2].x, &p[2].y, &p[3].x, &p[3].y, &p[4].x, &p[4].y);
        if (n == 11 && !media_photo_read(m, data(name), NULL)) return true;
    }
    return false;
}

// The listed points nearest to found ones: distance of the worst, in pixels.
static double distance(const face_list *l, double scale, const face_point want[FACE_POINTS])
{
    double nearest = 1e9;
    for (size_t i = 0; i < l->n; i++) {
        double worst = 0;
        for (int j = 0; j < FACE_POINTS; j++)
            worst = fmax(worst, hypot(l->at[i].point[j].x / scale - want[j].x,
                                      l->at[i].point[j].y / scale - want[j].y));
        nearest = fmin(nearest, worst);
    }
    return nearest;
}

// The list was made with photos enlarged to 320 pixels, one look at each.
TEST(landmarks_are_those_of_the_list)
{
    face_detector *d = detector();
    FILE *f = d ? fopen(data("lfw_landmarks5.txt"), "r") : NULL;
    base_image m, big;
    face_point want[FACE_POINTS];
    double sum = 0, steady = 0;
    int photos = 0;
    while (f && photos < 20 && next_photo(f, &m, want)) {
        double k = 320 / 250.0;
        face_transform t = {{k, 0, (k - 1) / 2, 0, k, (k - 1) / 2}};
        face_list l = {0};
        CHECK(!face_crop(&big, &m, t, 320, NULL));
        CHECK(!face_detect(d, &big, &(face_detect_options){.quick = true}, &l, NULL, NULL));
        CHECK(distance(&l, k, want) < 2);
        sum += distance(&l, k, want);
        face_list_free(&l);
        CHECK(!face_detect(d, &m, NULL, &l, NULL, NULL));
        steady += fmin(distance(&l, 1, want), 20);
        photos++;
        face_list_free(&l);
        base_image_free(&big);
        base_image_free(&m);
    }
    if (f) {
        printf("worst point of a face, mean of %d photos, in pixels: %.2f as the list was made, "
               "%.2f as we look\n",
               photos, sum / photos, steady / photos);
        CHECK(photos == 20);
        CHECK(sum / photos < 0.5);
        CHECK(steady / photos < 5); // the list is one noisy look, too
        fclose(f);
    }
    face_detector_close(&d);
}

static double cosine(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

// Vectors of the neutral and the smiling photo of three people.
static void compare_people(face_detector *d, const char *file, size_t length)
{
    static float v[6][512];
    face_recogniser *r = NULL;
    CHECK(!face_recogniser_open(&r, model(file), NULL));
    if (!r) return;
    CHECK(face_recogniser_length(r) == length);
    for (int i = 0; i < 6; i++) {
        static const char *const people[3] = {"001", "004", "010"};
        char name[64];
        base_image m;
        face_list l = {0};
        snprintf(name, sizeof name,
                 i < 3 ? "london/neutral_front/%s_03.jpg" : "london/smiling_front/%s_08.jpg",
                 people[i % 3]);
        CHECK(!media_photo_read(&m, data(name), NULL));
        CHECK(!face_detect(d, &m, NULL, &l, NULL, NULL) && l.n >= 1);
        if (l.n) CHECK(!face_recognise(r, &m, l.at[0].point, v[i], NULL));
        CHECK_NEAR(cosine(v[i], v[i], length), 1, 1e-5);
        face_list_free(&l);
        base_image_free(&m);
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            double c = cosine(v[i], v[3 + j], length);
            if (i == j ? c < 0.5 : c > 0.35) printf("%s %d %d: %.3f\n", file, i, j, c);
            CHECK(i == j ? c > 0.5 : c < 0.35);
        }
    face_recogniser_close(&r);
}

TEST(recognisers_tell_people_apart)
{
    face_detector *d = detector();
    if (!d) return;
    compare_people(d, "face_reid_0095.onnx", 256);
    compare_people(d, "mobilefacenet.onnx", 128);
    face_detector_close(&d);
}

TEST(other_sizes_give_the_same_face)
{
    face_detector *d = detector();
    if (!d) return;
    base_image m, small;
    face_list a = {0}, b = {0};
    CHECK(!media_photo_read(&m, data("london/neutral_front/001_03.jpg"), NULL));
    CHECK(!face_shrink(&small, &m, 301, 301, NULL)); // no multiple of 32
    CHECK(!face_detect(d, &m, NULL, &a, NULL, NULL) && a.n == 1);
    CHECK(!face_detect(d, &small, NULL, &b, NULL, NULL) && b.n == 1);
    for (int i = 0; i < FACE_POINTS && a.n && b.n; i++) {
        double k = m.w / 301.0;
        CHECK_NEAR((b.at[0].point[i].x + 0.5) * k - 0.5, a.at[0].point[i].x, 8);
        CHECK_NEAR((b.at[0].point[i].y + 0.5) * k - 0.5, a.at[0].point[i].y, 8);
    }
    face_list_free(&a);
    CHECK(!face_detect(d, &m, &(face_detect_options){.score = 0.999}, &a, NULL, NULL) && a.n == 0);
    face_list_free(&b);
    base_image_free(&m);
    base_image_free(&small);
    face_detector_close(&d);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(decoding_follows_the_grid),
               CASE(decoding_ignores_what_is_no_number),
               CASE(suppression_keeps_the_best_of_each_place), CASE(twins_are_one_face),
               CASE(suppression_survives_empty_boxes), CASE(a_network_of_another_kind_is_refused),
               CASE(portraits_have_one_face_each), CASE(landmarks_are_those_of_the_list),
               CASE(recognisers_tell_people_apart), CASE(other_sizes_give_the_same_face));
}
