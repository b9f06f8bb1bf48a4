// test_closer.c -- the detector's closer look, by networks that say the same of every picture.
#include "face/face.h"
#include "model/card.h"
#include "model/own.h"
#include "test.h"
#include "weights/weights.h"
#include <math.h>
#include <string.h>

enum { SIDE = 96 };
static const float off[10] = {0.1F, 0.02F, -0.05F, 0.04F, 0.01F, -0.03F, 0.02F, 0.06F, 0.03F, 0};

static void set_entry(nn_params *p, const char *name, const float *from, float value)
{
    const nn_entry *x = nn_params_find(p, name);
    CHECK(x != NULL);
    for (size_t i = 0; x && i < x->count; i++)
        nn_params_data(p)[x->offset + i] = from ? from[i] : value;
}

// The first look sees one face of 62 pixels, surely by `first` (a logit); the closer one says
// `second` and `off`, whatever it sees.
static void say(nn_params *p, float first, float second, bool closer)
{
    static const float box[4] = {1.5F, 1.5F, 0.66F, 0.66F};
    static const float points[10] = {1.1F, 1.2F, 1.9F, 1.3F, 1.5F, 1.6F, 1.2F, 1.9F, 1.8F, 1.9F};
    static const char *const heads[] = {"score", "box", "points"};
    for (int l = 0; l < 3; l++)
        for (int i = 0; i < 3; i++) {
            char name[64];
            snprintf(name, sizeof name, "head%d.%s.weight", l, heads[i]);
            set_entry(p, name, NULL, 0);
            snprintf(name, sizeof name, "head%d.%s.bias", l, heads[i]);
            // 4.6: where scores begin (face_detector.c)
            set_entry(p, name, i == 1 ? box : i == 2 ? points : NULL, l == 2 ? first + 4.6F : -9);
        }
    if (!closer) return;
    set_entry(p, "closer.score.weight", NULL, 0);
    set_entry(p, "closer.score.bias", NULL, second);
    set_entry(p, "closer.points.weight", NULL, 0);
    set_entry(p, "closer.points.bias", off, 0);
}

static face_detector *detector(float first, float second, bool closer)
{
    const model_face_detector_options o = {.width = 4, .closer = closer};
    const char *path = test_scratch("closer.safetensors");
    model_face_level level[MODEL_FACE_LEVELS];
    model_face_closer look;
    nn_params *p = NULL;
    base_tensors t = {0};
    base_error e = {{0}};
    face_detector *d = NULL;
    tg_graph *g = tg_new();
    CHECK(!nn_params_open(&p, &e));
    tg_node *img = tg_input(g, TG_SHAPE(1, 3, 64, 64), "img");
    nn m = nn_root(p, g, false);
    CHECK(model_face_detector(m, img, &o, level));
    if (closer) CHECK(model_face_look_closer(nn_at(m, "closer"), img, &look));
    CHECK(!nn_settle(p, 5, &e));
    say(p, first, second, closer);
    CHECK(!nn_save(p, NULL, &t, &e));
    CHECK(base_tensors_set_meta(&t, CARD_NETWORK, "face-detector") &&
          base_tensors_set_meta(&t, CARD_SIZE, "0") &&
          base_tensors_set_meta(&t, CARD_OPTIONS, closer ? "width=4 closer=yes" : "width=4"));
    CHECK(!weights_safetensors_write(&t, path, &e));
    CHECK(!face_detector_open(&d, path, &e));
    if (e.text[0]) printf("    %s\n", e.text);
    base_tensors_free(&t);
    nn_params_close(&p);
    tg_free(g);
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

// What `off` makes of landmarks seen by t.
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
        face_point p = {(float)((double)place[k].x + eyes * (double)off[2 * k]),
                        (float)((double)place[k].y + eyes * (double)off[2 * k + 1])};
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
