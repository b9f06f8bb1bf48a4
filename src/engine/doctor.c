// doctor.c -- what this machine has, and how fast it is.
#include "backend/cuda.h"
#include "base/team.h"
#include "engine/engine.h"
#include "media/media.h"
#include <string.h>

static void processor(char name[128])
{
    char line[512];
    snprintf(name, 128, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(name, 128, "%.127s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    if (f) fclose(f);
}

static void formats(char text[128])
{
    static const char *const names[] = {"jpg", "png", "webp", "tiff", "heic", "avif"};
    size_t n = 0;
    text[0] = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char file[16];
        snprintf(file, sizeof file, "a.%s", names[i]);
        if (media_photo_writable(file) && n < 120)
            n += (size_t)snprintf(text + n, 128 - n, "%s%s", n ? " " : "", names[i]);
    }
}

// A 3x3 convolution of 256 channels at 56 x 56, the heart of the generators: run for a second.
static guise_status speed(double *gflops, base_error *e)
{
    enum { C = 256, SIDE = 56 };
    tg_graph *g = tg_new();
    if (!g) return base_no_memory(e);
    tg_node *x = tg_input(g, TG_SHAPE(1, C, SIDE, SIDE), "x");
    tg_node *w = tg_param(g, TG_SHAPE(C, C, 3, 3), "w");
    tg_node *y = tg_conv2d(x, w, TG_CONV(.pad = 1));
    float *xs = base_alloc(C * SIDE * SIDE, sizeof *xs), *ws = base_alloc(C * C * 9, sizeof *ws);
    tg_plan *p = NULL;
    base_rng rng = {1};
    guise_status s = xs && ws ? GUISE_OK : base_no_memory(e);
    for (size_t i = 0; !s && i < C * SIDE * SIDE; i++) xs[i] = (float)base_rng_uniform(&rng);
    for (size_t i = 0; !s && i < C * C * 9; i++) ws[i] = (float)base_rng_uniform(&rng) - 0.5f;
    if (!s) s = tg_plan_open(&p, g, &y, 1, NULL, e);
    if (!s) s = tg_plan_bind(p, x, xs, e);
    if (!s) s = tg_plan_bind(p, w, ws, e);
    if (!s) s = tg_plan_run(p, e); // packs the weights
    double start = base_seconds(), best = 1e9, last = start;
    while (!s && last - start < 1) {
        s = tg_plan_run(p, e);
        double now = base_seconds();
        if (now - last < best) best = now - last;
        last = now;
    }
    *gflops = s ? 0 : 2 * tg_plan_macs(p) / best / 1e9;
    tg_plan_close(&p);
    tg_free(g);
    base_free(xs);
    base_free(ws);
    return s;
}

// The GPU by name and how to use it, or why none is used.
static void describe_gpu(char *text, size_t n)
{
    cuda_facts f;
    cuda_describe(&f);
    if (f.why[0])
        snprintf(text, n, "%s", f.why);
    else
        snprintf(text, n,
                 "%s (%.0f GB, compute capability %d.%d, cuDNN %d, cuBLASLt %d) is used with "
                 "--device cuda:0; that path is built, not yet run",
                 f.name, (double)f.bytes / 1e9, f.major, f.minor, f.cudnn, f.cublas);
}

guise_status guise_doctor(guise_engine *g, guise_machine *m)
{
    base_error *e = engine_begin(g);
    *m = (guise_machine){.backend = "CPU", .why = g->gpu};
    describe_gpu(g->gpu, sizeof g->gpu);
    cpu_facts f;
    cpu_describe(&f);
    m->threads = f.threads;
    snprintf(m->isa, sizeof m->isa, "%s", f.isa);
    snprintf(m->library, sizeof m->library, "oneDNN %d.%d.%d", f.dnnl_major, f.dnnl_minor,
             f.dnnl_patch);
    processor(m->cpu);
    formats(m->formats);
    base_team_describe(m->processes);
    return speed(&m->gflops, e);
}
