// test.h -- tests without a dependency: TEST names a case, CHECK counts and reports.
//
//   TEST(reads_what_it_wrote) { CHECK(n == 3); CHECK_NEAR(x, 0.5, 1e-6); }
//   int main(int argc, char **argv) { return RUN(argc, argv, CASE(reads_what_it_wrote)); }
//
// A case name as the program's argument runs that one only. Exit status 77 means skipped.
#ifndef GUISE_TEST_H
#define GUISE_TEST_H
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    void (*run)(void);
} test_case;

extern int test_failed, test_checked, test_skipped; // defined in test.c
int test_main(int argc, char **argv, const test_case *cases, int n);
void test_report(const char *file, int line, const char *what);
// Path of a file among the golden data: tests/golden first, then $GUISE_GOLDEN (default
// ../shared/golden beside the source). NULL, and the case counted as skipped, when absent.
const char *test_golden(const char *name);
// Path in tests/ of the source tree / in a scratch directory that exists while the test runs.
const char *test_file(const char *name);
const char *test_scratch(const char *name);

#define TEST(NAME) static void NAME(void)
// clang-format off
#define CASE(NAME) {#NAME, NAME}
// clang-format on
#define CHECK(COND)                                                                                \
    do {                                                                                           \
        test_checked++;                                                                            \
        if (!(COND)) test_report(__FILE__, __LINE__, #COND);                                       \
    } while (0)
// |a - b| <= tol, and false for NaN
#define CHECK_NEAR(A, B, TOL)                                                                      \
    do {                                                                                           \
        double check_a = (A), check_b = (B);                                                       \
        char check_text[200];                                                                      \
        snprintf(check_text, sizeof check_text, "%s = %.9g, want %.9g within %g", #A, check_a,     \
                 check_b, (double)(TOL));                                                          \
        test_checked++;                                                                            \
        if (!(fabs(check_a - check_b) <= (TOL))) test_report(__FILE__, __LINE__, check_text);      \
    } while (0)
// Largest |a[i] - b[i]| over n floats, NaN counted as huge
double test_distance(const float *a, const float *b, size_t n);
#define RUN(ARGC, ARGV, ...)                                                                       \
    test_main(ARGC, ARGV, (const test_case[]){__VA_ARGS__},                                        \
              (int)(sizeof((const test_case[]){__VA_ARGS__}) / sizeof(test_case)))
#endif
