// test_ops_threads.c -- arrays large enough for the kernels to share the work and go by tiles, with
// shapes that do not divide evenly: the values are those of the definition, and any number of
// threads gives the same bits.
#include "graph/op.h"
#include "test.h"
#include <omp.h>

enum { MOST = 32 };

typedef struct {
    tg_graph *g;
    tg_node *x, *dy, *map, *out[MOST]; // x [3,19,45,53], dy [3,19,23,27]
    int n;
} job;

static void add(job *j, tg_node *y)
{
    CHECK(y && j->n < MOST);
    if (y && j->n < MOST) j->out[j->n++] = y;
}

static void moves(job *j)
{
    tg_node *x = j->x;
    add(j, tg_transpose(x, (const int[]){0, 2, 3, 1}));
    add(j, tg_transpose(x, (const int[]){3, 1, 2, 0}));
    add(j, tg_transpose(x, (const int[]){2, 0, 1, 3}));
    add(j, tg_slice(x, 2, 3, 40));
    add(j, tg_pad(x, 3, 3, 2));
    add(j, tg_concat((tg_node *[]){x, x, tg_slice(x, 1, 4, 5)}, 3, 1));
    add(j, tg_flip(x, 3));
    add(j, tg_flip(x, 1));
    add(j, tg_sum_to(x, TG_SHAPE(1, 19, 1, 1)));
    add(j, tg_sum(tg_square(x)));
}

static void images(job *j)
{
    tg_node *x = j->x;
    tg_window p = {.kh = 3, .kw = 3, .stride = 2, .pad = 1};
    add(j, tg_reflect_pad(x, 3));
    add(j, tg_reflect_pad_dx(x, 3));
    for (int mode = TG_NEAREST; mode <= TG_BICUBIC; mode++) {
        add(j, tg_resize(x, 71, 31, (tg_resize_mode)mode));
        add(j, tg_resize_dx(x, 71, 31, (tg_resize_mode)mode));
    }
    add(j, tg_warp(x, j->map, 50, 40));
    add(j, tg_warp_dx(x, j->map, 50, 40));
    add(j, tg_avg_pool(x, p));
    add(j, tg_avg_pool(x, (tg_window){.kh = 45, .kw = 53, .stride = 1}));
    add(j, tg_avg_pool_dx(j->dy, 45, 53, p));
    add(j, tg_max_pool(x, p));
    add(j, tg_max_unpool(j->dy, x, p));
    add(j, tg_max_pool_at(tg_square(x), x, p));
}

static tg_node *noise(tg_graph *g, base_rng *r, tg_shape s)
{
    float *v = base_aligned(sizeof *v * (size_t)tg_count(s));
    for (int64_t i = 0; v && i < tg_count(s); i++) v[i] = (float)base_rng_normal(r);
    tg_node *x = v ? tg_const(g, s, v) : NULL;
    base_free(v);
    return x;
}

static void check_values(tg_node *y, const float *got, int number)
{
    const double *want = tg_eval(y);
    double worst = want ? 0 : INFINITY;
    char text[80];
    for (int64_t i = 0; want && i < tg_count(y->shape); i++) {
        double d = fabs(want[i] - (double)got[i]) / (1 + fabs(want[i]));
        if (!(d <= worst)) worst = d;
    }
    test_checked++;
    if (worst < 1e-5) return;
    snprintf(text, sizeof text, "output %d, %s, is off by %.2g", number, y->op->name, worst);
    test_report(__FILE__, __LINE__, text);
}

// Runs once with so many threads, and writes one hash for each output.
static void hashes(void (*build)(job *), int threads, base_sha256 sum[MOST])
{
    base_rng r = {7};
    job j = {.g = tg_new()};
    tg_plan *p = NULL;
    base_error e = {""};
    j.x = noise(j.g, &r, TG_SHAPE(3, 19, 45, 53));
    j.dy = noise(j.g, &r, TG_SHAPE(3, 19, 23, 27));
    j.map = noise(j.g, &r, TG_SHAPE(3, 6));
    build(&j);
    omp_set_num_threads(threads);
    guise_status s = tg_plan_open(&p, j.g, j.out, j.n, NULL, &e);
    if (!s) s = tg_plan_run(p, &e);
    if (s) test_report(__FILE__, __LINE__, e.text);
    for (int i = 0; !s && i < j.n; i++) {
        const float *v = tg_plan_value(p, j.out[i]);
        base_sha256_bytes(&sum[i], v, sizeof *v * (size_t)tg_count(j.out[i]->shape));
        if (threads == 1) check_values(j.out[i], v, i);
    }
    tg_plan_close(&p);
    tg_free(j.g);
}

static void compare(void (*build)(job *))
{
    static const int threads[] = {2, 3, 8};
    base_sha256 one[MOST] = {{""}}, more[MOST] = {{""}};
    hashes(build, 1, one);
    CHECK(one[0].hex[0]);
    for (int k = 0; k < 3; k++) {
        hashes(build, threads[k], more);
        for (int i = 0; i < MOST; i++) {
            char text[80];
            test_checked++;
            if (strcmp(one[i].hex, more[i].hex) == 0) continue;
            snprintf(text, sizeof text, "output %d differs with %d threads", i, threads[k]);
            test_report(__FILE__, __LINE__, text);
        }
    }
}

TEST(moving_elements) { compare(moves); }
TEST(image_ops) { compare(images); }

int main(int argc, char **argv) { return RUN(argc, argv, CASE(moving_elements), CASE(image_ops)); }
