// test_eval_detect.c -- matching of detections, by hand, and the suite on made photos.
#include "eval/detect_match.h"
#include "eval_case.h"
#include "test.h"
#include <math.h>

// A square face of side s with its corner at (x, y); eyes s / 2 apart.
static face square(double x, double y, double s, double score)
{
    const double at[FACE_POINTS][2] = {
        {0.25, 0.4}, {0.75, 0.4}, {0.5, 0.6}, {0.3, 0.8}, {0.7, 0.8}};
    face f = {(float)x, (float)y, (float)(x + s), (float)(y + s), (float)score, {{0, 0}}};
    for (int i = 0; i < FACE_POINTS; i++)
        f.point[i] = (face_point){(float)(x + at[i][0] * s), (float)(y + at[i][1] * s)};
    return f;
}

TEST(overlap_is_intersection_over_union)
{
    face a = square(0, 0, 10, 1), b = square(5, 0, 10, 1), c = square(20, 0, 10, 1);
    CHECK(face_overlap(&a, &a) == 1);
    CHECK(fabs(face_overlap(&a, &b) - 50.0 / 150) < 1e-12);
    CHECK(face_overlap(&a, &c) == 0);
}

TEST(detections_take_faces_by_score)
{
    eval_faces there = {{0}, {0}};
    face_list got = {0};
    eval_scores alarm = {0};
    eval_found found[2];
    // two faces that are there, one that may be
    CHECK(face_list_add(&there.sure, square(0, 0, 100, 0.9)));
    CHECK(face_list_add(&there.sure, square(200, 0, 100, 0.9)));
    CHECK(face_list_add(&there.unsure, square(400, 0, 100, 0.4)));
    // the first face seen 10 to the right; seen again; the unsure one; nothing, large and small
    CHECK(face_list_add(&got, square(10, 0, 100, 0.95)));
    CHECK(face_list_add(&got, square(0, 0, 100, 0.9)));
    CHECK(face_list_add(&got, square(400, 5, 100, 0.8)));
    CHECK(face_list_add(&got, square(600, 0, 100, 0.7)));
    CHECK(face_list_add(&got, square(800, 0, 10, 0.6)));
    CHECK(!eval_match_faces(&got, &there, 16, found, &alarm, NULL));
    CHECK(fabs(found[0].score - 0.95) < 1e-6 && fabs(found[0].distance - 10.0 / 50) < 1e-6);
    CHECK(found[1].score < 0 && isnan(found[1].distance));
    CHECK(alarm.n == 2); // what sees a taken face again is a false alarm, as PASCAL VOC has it
    CHECK(fabs(alarm.at[0] - 0.9) < 1e-6 && fabs(alarm.at[1] - 0.7) < 1e-6);
    base_free(alarm.at);
    face_list_free(&got);
    eval_faces_free(&there);
}

TEST(thresholds_let_so_many_pass)
{
    const double score[] = {0.1, 0.3, 0.5, 0.7};
    for (size_t most = 0; most <= 4; most++) {
        double t = eval_threshold_for(score, 4, most);
        size_t n = 0;
        for (int i = 0; i < 4; i++) n += score[i] >= t;
        CHECK(n == most);
    }
}

// A detector against itself finds what it finds, where it is; in a picture of several photos its
// faces lie elsewhere.
TEST(the_suite_runs)
{
    char data[4200], file[4200], reference[4300];
    base_error e = {{0}};
    eval_report r;
    snprintf(data, sizeof data, "%s", test_scratch("detect_people"));
    snprintf(file, sizeof file, "%s", test_scratch("detector.safetensors"));
    snprintf(reference, sizeof reference, "reference=%s", file);
    CHECK(!eval_case_people(data, 3, 2, &e) && !eval_case_detector(file, &e));
    const char *alone[] = {reference,      "everybody=yes", "photos=1", "sure=0.004",
                           "unsure=0.002", "side=0",        NULL};
    CHECK(!eval_case_run("detect", data, NULL, alone, 0, &r, &e));
    CHECK(r.n == 1 && r.result[0]->n_cases > 0);
    const eval_metric *m = eval_metric_find(r.result[0], "landmarks");
    CHECK(m && m->mean == 0);
    m = eval_metric_find(r.result[0], "recall_equal");
    CHECK(m && m->mean == 1);
    eval_report_free(&r);
    const char *group[] = {reference, "everybody=yes", "photos=2",   "sure=0.004", "unsure=0.002",
                           "group=2", "side=256",      "smallest=8", NULL};
    CHECK(!eval_case_run("detect", data, NULL, group, 0, &r, &e) && r.n == 1);
    eval_report_free(&r);
    const char *none[] = {"everybody=yes", NULL}, *many[] = {reference, "group=65", NULL};
    CHECK(eval_case_run("detect", data, NULL, none, 0, &r, &e) == GUISE_IO); // there is no YuNet
    e = (base_error){{0}};
    CHECK(eval_case_run("detect", data, NULL, many, 0, &r, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "group"));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(overlap_is_intersection_over_union),
               CASE(detections_take_faces_by_score), CASE(thresholds_let_so_many_pass),
               CASE(the_suite_runs));
}
