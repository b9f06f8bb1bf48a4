// test.c -- what test.h declares: running cases, finding golden data, a scratch directory.
#include "test.h"
#include "base/base.h"
#include <unistd.h>

int test_failed, test_checked, test_skipped;

// What this process was asked to do; tests are programs of one thread and few words.
static char scratch[64]; // directory, "" until the first test_scratch
static pid_t scratch_owner;
static char path[4][1024]; // results of test_golden and friends, used in turn
static int turn;

static char *next_path(void)
{
    turn = (turn + 1) % (int)(sizeof path / sizeof path[0]);
    return path[turn];
}

void test_report(const char *file, int line, const char *what)
{
    test_failed++;
    printf("%s:%d: failed: %s\n", file, line, what);
    fflush(stdout);
}

double test_distance(const float *a, const float *b, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= worst)) worst = isnan(d) ? 1e300 : d;
    }
    return worst;
}

const char *test_file(const char *name)
{
    char *p = next_path();
    snprintf(p, sizeof path[0], "%s/%s", TEST_SOURCE_DIR, name);
    return p;
}

const char *test_golden(const char *name)
{
    char *p = next_path();
    snprintf(p, sizeof path[0], "%s/golden/%s", TEST_SOURCE_DIR, name);
    if (access(p, R_OK) == 0) return p;
    const char *elsewhere = getenv("GUISE_GOLDEN");
    if (elsewhere && *elsewhere)
        snprintf(p, sizeof path[0], "%s/%s", elsewhere, name);
    else
        snprintf(p, sizeof path[0], "%s/../../shared/golden/%s", TEST_SOURCE_DIR, name);
    if (access(p, R_OK) == 0) return p;
    test_skipped++;
    printf("skipped: no golden data %s\n", name);
    return NULL;
}

// Removes a directory and what is in it, without following links.
static void remove_tree(const char *dir)
{
    base_names l = {0};
    if (base_names_read(&l, dir, NULL)) return;
    for (size_t i = 0; i < l.n; i++) {
        char *p = base_format("%s/%s", dir, l.name[i]);
        if (p && unlink(p)) remove_tree(p);
        base_free(p);
    }
    base_names_free(&l);
    rmdir(dir);
}

static void end_scratch(void)
{
    if (scratch[0] && scratch_owner == getpid()) remove_tree(scratch); // not in forked children
}

const char *test_scratch(const char *name)
{
    if (!scratch[0]) {
        snprintf(scratch, sizeof scratch, "/tmp/guise-test-XXXXXX");
        if (!mkdtemp(scratch)) {
            perror("mkdtemp");
            exit(1);
        }
        scratch_owner = getpid();
        atexit(end_scratch);
    }
    char *p = next_path();
    snprintf(p, sizeof path[0], "%s/%s", scratch, name);
    return p;
}

// One case; true where no check in it failed.
static bool run_case(const test_case *c)
{
    int failed_before = test_failed;
    c->run();
    if (test_failed > failed_before) printf("FAILED  %s\n", c->name);
    return test_failed == failed_before;
}

int test_main(int argc, char **argv, const test_case *cases, int n)
{
    int passed = 0, failed = 0, found = 0;
    for (int i = 0; i < n; i++) {
        if (argc > 1 && strcmp(argv[1], cases[i].name) != 0) continue;
        found++;
        if (run_case(&cases[i]))
            passed++;
        else
            failed++;
    }
    if (!found) {
        printf("no case named %s; there are:", argc > 1 ? argv[1] : "anything");
        for (int i = 0; i < n; i++) printf(" %s", cases[i].name);
        printf("\n");
        return 2;
    }
    printf("%d checks in %d cases, %d cases without their data\n", test_checked, found,
           test_skipped);
    printf("%d passed, %d failed\n", passed, failed);
    if (failed) return 1;
    return test_skipped && !test_checked ? 77 : 0;
}
