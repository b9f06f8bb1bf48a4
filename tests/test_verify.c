// test_verify.c -- verification against values by hand and, for many random trials, by numpy.
#include "eval/verify.h"
#include "test.h"

// Scores of 4000 trials, in steps of 1/1000 so that many are equal.
static void random_trials(eval_trial *t, size_t n)
{
    base_rng r = {7};
    for (size_t i = 0; i < n; i++) {
        double u = base_rng_uniform(&r), v = base_rng_uniform(&r);
        bool same = i % 2 == 0;
        double s = same ? 0.35 * (u + v) + 0.25 : 0.45 * (u + v) - 0.1;
        int who = (int)(i / 8);
        t[i] = (eval_trial){
            floor(s * 1000) / 1000, same, (int)(i / 2) % 10, {who, same ? who : (who + 1) % 500}};
    }
}

// By numpy 1.24 on the same numbers: comparisons of all pairs, searches over all thresholds.
TEST(agrees_with_numpy)
{
    enum { N = 4000 };
    static eval_trial t[N];
    eval_verification v;
    base_error e = {{0}};
    random_trials(t, N);
    CHECK(!eval_verify(t, N, 10, 0, 1, &v, &e));
    CHECK(v.same == 2000 && v.different == 2000 && v.folds == 10);
    CHECK_NEAR(v.auc.value, 0.84967725, 1e-12);
    CHECK_NEAR(v.eer.value, 0.23483333333333334, 1e-12);
    CHECK_NEAR(v.tar[0].value, 0.1715, 1e-12);
    CHECK_NEAR(v.tar[1].value, 0.107, 1e-12);
    CHECK(isnan(v.tar[2].value)); // 2000 pairs cannot tell a share of 1e-4
    CHECK_NEAR(v.accuracy.value, 0.76325, 1e-12);
    CHECK_NEAR(v.accuracy_error, 0.007923681103011547, 1e-12);
    CHECK_NEAR(v.threshold, 0.4435, 1e-12);
    CHECK_NEAR(v.fold_accuracy[0], 0.7525, 1e-12);
    CHECK_NEAR(v.fold_accuracy[9], 0.7825, 1e-12);
    CHECK(isnan(v.auc.low) && isnan(v.accuracy.high)); // no draws, no intervals
    eval_verify_free(&v);
}

// Same: .9 .8 .4, different: .5 .2 .1. Of 9 comparisons 8 are won; FAR and miss meet at 1/3.
TEST(by_hand)
{
    const eval_trial t[] = {{.9, true, 0, {0, 0}},  {.8, true, 0, {1, 1}},  {.4, true, 0, {2, 2}},
                            {.5, false, 0, {0, 1}}, {.2, false, 0, {1, 2}}, {.1, false, 0, {0, 2}}};
    eval_verification v;
    double rates[2];
    size_t counts[2];
    CHECK(!eval_verify(t, 6, 1, 0, 1, &v, NULL));
    CHECK_NEAR(v.auc.value, 8.0 / 9, 1e-15);
    CHECK_NEAR(v.eer.value, 1.0 / 3, 1e-15);
    CHECK_NEAR(v.accuracy.value, 5.0 / 6, 1e-15); // at 0.65, or at 0.3
    CHECK_NEAR(v.threshold, 0.65, 1e-15);         // the greatest of both
    CHECK(isnan(v.tar[0].value));
    CHECK(v.points == 7 && v.roc[0].far == 0 && v.roc[0].tar == 0);
    CHECK(v.roc[6].far == 1 && v.roc[6].tar == 1);
    CHECK_NEAR(v.roc[2].tar, 2.0 / 3, 1e-15);
    eval_verify_at(t, 6, NULL, 0.3, rates, counts);
    CHECK(counts[0] == 3 && counts[1] == 3);
    CHECK_NEAR(rates[0], 1.0 / 3, 1e-15);
    CHECK_NEAR(rates[1], 0, 0);
    const bool take[] = {true, false, false, false, false, false};
    eval_verify_at(t, 6, take, 0.95, rates, counts);
    CHECK(counts[0] == 0 && counts[1] == 1 && isnan(rates[0]) && rates[1] == 1);
    eval_verify_free(&v);
}

// A threshold comes from other folds alone: fold 1's own would be 0.2, that of fold 0 is 0.7.
TEST(threshold_of_other_folds)
{
    const eval_trial t[] = {{.9, true, 0, {0, 0}},
                            {.5, false, 0, {0, 1}},
                            {.3, true, 1, {1, 1}},
                            {.1, false, 1, {2, 3}}};
    eval_verification v;
    CHECK(!eval_verify(t, 4, 2, 0, 1, &v, NULL));
    CHECK_NEAR(v.fold_threshold[0], 0.2, 1e-15);
    CHECK_NEAR(v.fold_threshold[1], 0.7, 1e-15);
    CHECK(v.fold_accuracy[0] == 0.5 && v.fold_accuracy[1] == 0.5);
    CHECK_NEAR(v.accuracy_error, 0, 1e-15);
    eval_verify_free(&v);
}

TEST(perfect_and_reversed)
{
    eval_trial t[40];
    for (int i = 0; i < 40; i++)
        t[i] = (eval_trial){i % 2 ? 0.1 : 0.9, i % 2 == 0, 0, {i, i % 2 ? (i + 1) % 40 : i}};
    eval_verification v;
    CHECK(!eval_verify(t, 40, 1, 50, 1, &v, NULL));
    CHECK(v.auc.value == 1 && v.eer.value == 0 && v.accuracy.value == 1);
    CHECK(v.auc.low == 1 && v.auc.high == 1);
    eval_verify_free(&v);
    for (int i = 0; i < 40; i++) t[i].score = -t[i].score;
    CHECK(!eval_verify(t, 40, 1, 0, 1, &v, NULL));
    CHECK(v.auc.value == 0 && v.eer.value == 1);
    CHECK(v.accuracy.value == 0.5); // everything the same, or nothing
    eval_verify_free(&v);
}

// The interval holds the value, gets narrower with more people, and is the same each time.
TEST(intervals)
{
    enum { N = 4000 };
    static eval_trial t[N];
    eval_verification all, again, few;
    random_trials(t, N);
    CHECK(!eval_verify(t, N, 10, 200, 5, &all, NULL));
    CHECK(!eval_verify(t, N, 10, 200, 5, &again, NULL));
    CHECK(!eval_verify(t, 400, 10, 200, 5, &few, NULL));
    CHECK(all.auc.low < all.auc.value && all.auc.value < all.auc.high);
    CHECK(all.accuracy.low < all.accuracy.value && all.accuracy.value < all.accuracy.high);
    CHECK(all.auc.low == again.auc.low && all.eer.high == again.eer.high);
    CHECK(few.auc.high - few.auc.low > 2 * (all.auc.high - all.auc.low));
    eval_verify_free(&all);
    eval_verify_free(&again);
    eval_verify_free(&few);
}

// Pairs of one person are no new people: photographing everybody four times must not look like
// four times as much evidence, as it would if pairs were drawn.
TEST(people_are_what_is_drawn)
{
    enum { N = 400 };
    static eval_trial one[N], four[4 * N];
    eval_verification a, b;
    random_trials(one, N);
    for (int i = 0; i < N; i++) one[i].fold = 0, one[i].person[0] = i, one[i].person[1] = i;
    for (int i = 0; i < 4 * N; i++) four[i] = one[i / 4];
    CHECK(!eval_verify(one, N, 1, 400, 3, &a, NULL));
    CHECK(!eval_verify(four, 4 * N, 1, 400, 3, &b, NULL));
    CHECK(a.auc.value == b.auc.value);
    CHECK_NEAR(b.auc.high - b.auc.low, a.auc.high - a.auc.low, 1e-9);
    eval_verify_free(&a);
    eval_verify_free(&b);
}

TEST(refuses)
{
    const eval_trial t[] = {{.9, true, 0, {0, 0}}, {.1, false, 0, {0, 1}}};
    const eval_trial bad[] = {{NAN, true, 0, {0, 0}}, {.1, false, 0, {0, 1}}};
    eval_verification v;
    base_error e = {{0}};
    CHECK(eval_verify(t, 1, 1, 0, 1, &v, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "1 and 0") != NULL);
    e = (base_error){{0}};
    CHECK(eval_verify(t, 2, 3, 0, 1, &v, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "fold 2 of 3") != NULL);
    CHECK(eval_verify(t, 2, EVAL_FOLDS + 1, 0, 1, &v, NULL) == GUISE_BAD_ARGUMENT);
    CHECK(eval_verify(bad, 2, 1, 0, 1, &v, NULL) == GUISE_BAD_ARGUMENT);
    CHECK(!v.roc && !v.points);
    for (int i = 0; i < 64; i++) {
        base_fail_allocation(i);
        guise_status s = eval_verify(t, 2, 1, 10, 1, &v, NULL);
        base_fail_allocation(-1);
        CHECK(s == GUISE_OK || (s == GUISE_NO_MEMORY && !v.roc));
        eval_verify_free(&v);
        if (!s) break;
        CHECK(i < 63);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(agrees_with_numpy), CASE(by_hand), CASE(threshold_of_other_folds),
               CASE(perfect_and_reversed), CASE(intervals), CASE(people_are_what_is_drawn),
               CASE(refuses));
}
