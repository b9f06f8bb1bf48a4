// bench.h -- what the benchmarks share.
#ifndef GUISE_ENGINE_BENCH_H
#define GUISE_ENGINE_BENCH_H
#include "engine/engine.h"
#include "graph/graph.h"

// Check the number of runs (0 becomes 10) and make room for rows times as many seconds.
guise_status bench_runs(int *runs, double **seconds, int rows, base_error *e);
double bench_median(double *seconds, int n);                // sorts them
void bench_summary(guise_bench *b, double *seconds, int n); // of all runs; sorts them
guise_bench_row *bench_row(guise_bench *b, size_t *cap);    // a new one; NULL: no memory
// Rows for the steps of a plan that kept time over b->runs runs.
guise_status bench_ops(guise_bench *b, size_t *cap, const tg_plan *plan, base_error *e);
// Threads and peaks, at the end. device: whose products count, NULL: the CPU's; mixed: in bf16.
guise_status bench_machine(guise_bench *b, tg_device *device, bool mixed, base_error *e);

#endif
