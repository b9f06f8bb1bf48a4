// test_gpu_device.c -- what backend/cuda.h promises: memory, kernels, recording, feeds, marks, and
// every call of NVIDIA's libraries failing once.
#include "gpu_case.h"

enum { N = 5000 };

static const char text[] = "struct args { uint64_t x, y; int64_t n; float scale; };\n"
                           "KERNEL scaled(args a)\n"
                           "{\n"
                           "    const float *x = (const float *)a.x;\n"
                           "    float *y = (float *)a.y;\n"
                           "    EACH(i, a.n) y[i] += a.scale * x[i];\n"
                           "}\n"
                           "KERNEL summed(args a)\n"
                           "{\n"
                           "    const float *x = (const float *)a.x;\n"
                           "    float sum = 0;\n"
                           "    for (int64_t i = threadIdx.x; i < a.n; i += blockDim.x)\n"
                           "        sum += x[blockIdx.x * a.n + i];\n"
                           "    sum = block_sum(sum);\n"
                           "    if (threadIdx.x == 0) ((float *)a.y)[blockIdx.x] = sum;\n"
                           "}\n";

typedef struct {
    cuda_at x, y;
    int64_t n;
    float scale;
} args;

static void count(float *v, int n)
{
    for (int i = 0; i < n; i++) v[i] = (float)(i % 97) - 40;
}

TEST(describes)
{
    cuda_facts f;
    if (!gpu_here()) return;
    cuda_describe(&f);
    CHECK(f.devices > 0 && f.name[0] && f.bytes > 1 << 20 && f.major >= 5);
    CHECK(f.driver > 10000 && f.cudnn > 80000 && f.cublas > 0);
    base_error e = {0};
    cuda_device *d = NULL;
    CHECK(cuda_open(&d, 1000, NULL, &e) == GUISE_BAD_ARGUMENT && strstr(e.text, "1000") && !d);
    CHECK(cuda_open(&d, -1, NULL, &e) == GUISE_BAD_ARGUMENT && !d);
}

TEST(remembers)
{
    static float a[N], b[N];
    cuda_device *d = gpu_open(true, true);
    if (!d) return;
    cuda_at p = cuda_alloc(d, CUDA_DEVICE, sizeof a), q = cuda_alloc(d, CUDA_SHARED, sizeof a);
    cuda_at host = cuda_alloc(d, CUDA_PINNED, sizeof a);
    CHECK(p && q && host && cuda_allocated(d) == 2 * sizeof a);
    count(b, N);
    CHECK(!cuda_download(d, b, p, sizeof b)); // zeros at first
    bool zero = true;
    for (int i = 0; i < N; i++) zero = zero && b[i] == 0;
    CHECK(zero);
    count(a, N);
    CHECK(!cuda_upload(d, p, a, sizeof a));
    memset(a, 0, sizeof a); // it was copied
    CHECK(!cuda_copy(d, q, p, sizeof a) && !cuda_fetch(d, host, p, sizeof a));
    CHECK(!cuda_clear(d, p + 400, 800) && !cuda_download(d, b, p, sizeof b));
    CHECK(!cuda_wait(d, NULL));
    count(a, N);
    CHECK(!memcmp((void *)(uintptr_t)q, a, sizeof a));
    CHECK(!memcmp((void *)(uintptr_t)host, a, sizeof a));
    CHECK(b[99] == a[99] && b[100] == 0 && b[299] == 0 && b[300] == a[300]);
    cuda_free(d, CUDA_DEVICE, p);
    cuda_free(d, CUDA_DEVICE, 0);
    CHECK(cuda_allocated(d) == sizeof a);
    cuda_close(&d);
    CHECK(!d);
}

TEST(computes)
{
    static float a[N], b[N];
    cuda_device *d = gpu_open(true, true);
    base_error e = {0};
    cuda_kernel *scaled = NULL, *summed = NULL, *again = NULL;
    if (!d) return;
    CHECK(!cuda_kernel_get(d, text, NULL, "scaled", &scaled, &e));
    CHECK(!cuda_kernel_get(d, text, NULL, "summed", &summed, &e));
    CHECK(!cuda_kernel_get(d, text, NULL, "scaled", &again, &e) && again == scaled);
    cuda_at x = cuda_alloc(d, CUDA_DEVICE, sizeof a), y = cuda_alloc(d, CUDA_SHARED, sizeof a);
    count(a, N);
    if (scaled && summed && x && y) {
        args v = {x, y, N, 0.5F};
        CHECK(!cuda_upload(d, x, a, sizeof a));
        CHECK(!cuda_launch(d, scaled, cuda_blocks(N), CUDA_THREADS, &v, sizeof v));
        v.scale = 2;
        CHECK(!cuda_launch(d, scaled, 1, 64, &v, sizeof v));
        CHECK(!cuda_download(d, b, y, sizeof b));
        for (int i = 0; i < N; i++) a[i] = 0.5F * a[i] + 2 * a[i];
        CHECK(test_distance(a, b, N) == 0);
        v = (args){x, y, 100, 0};
        CHECK(!cuda_launch(d, summed, 50, 128, &v, sizeof v) && !cuda_wait(d, &e));
        count(a, N);
        for (int k = 0; k < 50; k++) {
            double sum = 0;
            for (int i = 0; i < 100; i++) sum += (double)a[100 * k + i];
            CHECK_NEAR((double)((float *)(uintptr_t)y)[k], sum, 1e-3);
        }
    }
    cuda_close(&d);
}

TEST(says_why_text_does_not_compile)
{
    cuda_device *d = gpu_open(true, true);
    base_error e = {0};
    cuda_kernel *k = NULL;
    if (!d) return;
    CHECK(cuda_kernel_get(d, "KERNEL wrong(int a) { nothing_like_it(a); }", NULL, "wrong", &k, &e));
    CHECK(!k && strstr(e.text, "nothing_like_it"));
    e = (base_error){0};
    CHECK(cuda_kernel_get(d, text, NULL, "other", &k, &e) && !k && strstr(e.text, "other"));
    CHECK(cuda_launch(d, NULL, 0, 1, "", 1)); // no blocks
    CHECK(cuda_trouble(d)[0] && cuda_wait(d, &e) && e.text[0] && !cuda_trouble(d)[0]);
    cuda_close(&d);
}

// y = scale x + y three times: once as it is, twice replayed.
static guise_status record(cuda_device *d, base_error *e)
{
    float a[64], b[64];
    cuda_kernel *k = NULL;
    cuda_record *r = NULL;
    cuda_at x = cuda_alloc(d, CUDA_DEVICE, sizeof a), y = cuda_alloc(d, CUDA_DEVICE, sizeof a);
    args v = {x, y, 64, 1};
    count(a, 64);
    guise_status s = x && y ? GUISE_OK : base_no_memory(e);
    if (!s) s = cuda_kernel_get(d, text, NULL, "scaled", &k, e);
    if (!s && !cuda_upload(d, x, a, sizeof a) && !cuda_record_begin(d)) {
        cuda_launch(d, k, 1, 64, &v, sizeof v);
        v.scale = 100; // it was copied
        cuda_record_end(d, &r);
    }
    for (int i = 0; !s && r && i < 3; i++) cuda_replay(d, r);
    cuda_download(d, b, y, sizeof b);
    if (!s) s = cuda_wait(d, e);
    if (!s && !r) s = base_fail(e, GUISE_IO, "not recorded");
    for (int i = 0; i < 64; i++) a[i] *= 3;
    if (!s) CHECK(test_distance(a, b, 64) == 0);
    cuda_record_free(&r);
    return s;
}

TEST(replays)
{
    cuda_device *d = gpu_open(true, true);
    base_error e = {0};
    if (!d) return;
    CHECK(!record(d, &e));
    // What cannot be recorded leaves nothing behind.
    cuda_record *r = NULL;
    CHECK(!cuda_record_begin(d));
    CHECK(!cuda_alloc(d, CUDA_DEVICE, 100));
    CHECK(!cuda_record_end(d, &r));
    cuda_record_free(&r);
    CHECK(!cuda_wait(d, &e));
    cuda_close(&d);
}

TEST(feeds)
{
    static float a[256];
    cuda_device *d = gpu_open(true, true);
    base_error e = {0};
    cuda_kernel *k = NULL;
    cuda_feed *f = NULL;
    if (!d) return;
    cuda_at y = cuda_alloc(d, CUDA_SHARED, sizeof a);
    CHECK(!cuda_feed_open(&f, d, sizeof a) && y);
    CHECK(!cuda_kernel_get(d, text, NULL, "scaled", &k, &e));
    for (int round = 0; f && k && y && round < 7; round++) {
        for (int i = 0; i < 256; i++) a[i] = (float)(1 << round);
        CHECK(!cuda_feed_put(f, a));
        for (int i = 0; i < 256; i++) a[i] = -1; // it was copied
        CHECK(!cuda_launch(d, k, 1, 256, &(args){cuda_feed_at(f), y, 256, 1}, sizeof(args)));
    }
    CHECK(!cuda_wait(d, &e));
    bool right = true;
    for (int i = 0; y && i < 256; i++) right = right && ((float *)(uintptr_t)y)[i] == 127;
    CHECK(right);
    cuda_feed_close(&f);
    cuda_close(&d);
}

TEST(keeps_time)
{
    cuda_device *d = gpu_open(true, true);
    if (!d) return;
    cuda_mark *a = cuda_mark_new(d), *b = cuda_mark_new(d);
    cuda_at p = cuda_alloc(d, CUDA_DEVICE, 1 << 20);
    CHECK(a && b && p && !cuda_mark_set(a) && !cuda_clear(d, p, 1 << 20) && !cuda_mark_set(b));
    double seconds = a && b ? cuda_mark_between(a, b) : -1;
    CHECK(seconds >= 0 && seconds < 10);
    cuda_mark_free(&a);
    cuda_mark_free(&b);
    CHECK(!cuda_wait(d, NULL));
    cuda_close(&d);
}

TEST(runs_out_of_memory)
{
    cuda_device *d = gpu_open(true, true);
    base_error e = {0};
    if (!d) return;
    CHECK(!cuda_alloc(d, CUDA_DEVICE, (size_t)1 << 50));
    CHECK(!cuda_wait(d, &e)); // that is the caller's to tell
    cuda_at p = cuda_alloc(d, CUDA_DEVICE, 1000);
    CHECK(p);
    cuda_close(&d);
}

// An access outside of memory ends with a sentence. On the stand-in alone: a GPU would be of no use
// to this process any more.
TEST(reports_wild_addresses)
{
    gpu_reins r;
    base_error e = {0};
    cuda_kernel *k = NULL;
    if (!gpu_here()) return;
    if (!gpu_take(&r)) return;
    r.fail_at(0);
    cuda_device *d = gpu_open(true, true);
    cuda_at x = cuda_alloc(d, CUDA_DEVICE, 4096);
    CHECK(!cuda_kernel_get(d, text, NULL, "scaled", &k, &e));
    if (k) cuda_launch(d, k, 4, 256, &(args){x, x, 100000, 1}, sizeof(args));
    CHECK(cuda_wait(d, &e) == GUISE_IO && strstr(e.text, "illegal memory access"));
    CHECK(cuda_wait(d, &e) == GUISE_IO); // it stays
    cuda_close(&d);
    r.fail_at(0);
    CHECK(r.objects() == 0);
    gpu_leave(&r);
}

static guise_status everything(base_error *e)
{
    float a[256] = {1};
    cuda_device *d = NULL;
    cuda_feed *f = NULL;
    guise_status s = cuda_open(&d, 0, NULL, e);
    if (!s) s = record(d, e);
    if (!s && cuda_feed_open(&f, d, sizeof a))
        s = base_fail(e, GUISE_NO_MEMORY, "no feed: %s", cuda_trouble(d));
    for (int i = 0; !s && i < 4; i++) cuda_feed_put(f, a);
    cuda_mark *m = s ? NULL : cuda_mark_new(d), *n = m ? cuda_mark_new(d) : NULL;
    if (!s && !n) s = base_fail(e, GUISE_NO_MEMORY, "no mark");
    if (!s) cuda_mark_set(m), cuda_mark_set(n);
    if (!s && !(cuda_mark_between(m, n) >= 0)) s = base_fail(e, GUISE_IO, "no time");
    if (!s) s = cuda_wait(d, e);
    cuda_mark_free(&m);
    cuda_mark_free(&n);
    cuda_feed_close(&f);
    cuda_close(&d);
    return s;
}

// What may go unnoticed: asking for versions, and failures while all is being given back.
TEST(survives_every_failure) { gpu_torture("a device in use", everything, 1, 60); }

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(describes), CASE(remembers), CASE(computes),
               CASE(says_why_text_does_not_compile), CASE(replays), CASE(feeds), CASE(keeps_time),
               CASE(runs_out_of_memory), CASE(reports_wild_addresses),
               CASE(survives_every_failure));
}
