// cpu.c -- products, and what the machine is, by oneDNN.
#include "backend/dnnl_shim.h"
#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cpu_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a, const float *b,
             float *c)
{
    dnnl_status_t s = dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, 1, a, ta ? m : k, b,
                                 tb ? k : n, 0, c, n);
    return s == dnnl_success ? 0 : GUISE_NO_MEMORY;
}

void cpu_describe(cpu_facts *f)
{
    const dnnl_version_t *v = dnnl_version();
    const char *isa = "x86-64";
    dnnl_cpu_isa_t have = dnnl_get_effective_cpu_isa();
    if (have >= dnnl_cpu_isa_sse41) isa = "SSE 4.1";
    if (have >= dnnl_cpu_isa_avx) isa = "AVX";
    if (have >= dnnl_cpu_isa_avx2) isa = "AVX2";
    if ((have & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core) isa = "AVX-512";
    *f = (cpu_facts){v->major, v->minor, v->patch, omp_get_max_threads(), isa};
}

static atomic_int threads; // 0: as OpenMP has it

void cpu_set_threads(int n)
{
    atomic_store(&threads, n > 0 ? n : omp_get_num_procs());
    cpu_take_threads();
}

// OpenMP keeps the number for each thread of the program by itself.
void cpu_take_threads(void)
{
    int n = atomic_load(&threads);
    if (n && omp_get_max_threads() != n) omp_set_num_threads(n);
}

// Has the launcher been told where to bind processes? Open MPI 4 and 5 hand that down so.
static bool bound_by_wish(void)
{
    return getenv("OMPI_MCA_hwloc_base_binding_policy") ||
           getenv("PRTE_MCA_hwloc_default_binding_policy");
}

// Without a wish mpirun binds a process to a single core, or to a part of the machine: take back
// the process's own share of the cores, the rank'th.
static void take_share(int rank, int of)
{
    cpu_set_t now, all, mine;
    memset(&all, 0xff, sizeof all);
    CPU_ZERO(&mine);
    if (sched_getaffinity(0, sizeof now, &now) || sched_setaffinity(0, sizeof all, &all)) return;
    if (!sched_getaffinity(0, sizeof all, &all) && CPU_COUNT(&now) < CPU_COUNT(&all) / of) {
        int n = CPU_COUNT(&all), first = n * rank / of, end = n * (rank + 1) / of;
        for (size_t cpu = 0, i = 0; cpu < CPU_SETSIZE && i < (size_t)end; cpu++)
            if (CPU_ISSET(cpu, &all) && i++ >= (size_t)first) CPU_SET(cpu, &mine);
        now = mine;
    }
    sched_setaffinity(0, sizeof now, &now);
}

void cpu_share_cores(int rank, int of)
{
    bool told = getenv("OMP_NUM_THREADS") || omp_get_max_threads() != omp_get_num_procs();
    bool bound = bound_by_wish();
    cpu_set_t all;
    if (!bound) take_share(rank, of);
    if (told || sched_getaffinity(0, sizeof all, &all)) return;
    int cores = CPU_COUNT(&all), most = (int)sysconf(_SC_NPROCESSORS_ONLN) / of;
    if (!bound && cores > most) cores = most;
    omp_set_num_threads(cores > 1 ? cores : 1);
}

bool cpu_has_type(cpu_type t)
{
    dnnl_cpu_isa_t have = dnnl_get_effective_cpu_isa();
    dnnl_cpu_isa_t bf16 = dnnl_cpu_isa_avx512_core_bf16, vnni = dnnl_cpu_isa_avx512_core_vnni;
    if (t == CPU_F16) return shim_has_f16(have);
    if (t == CPU_BF16) return (have & bf16) == bf16;
    return t == CPU_F32 || (have & vnni) == vnni ||
           (have & dnnl_cpu_isa_avx2_vnni) == dnnl_cpu_isa_avx2_vnni;
}

const char *cpu_type_name(cpu_type t)
{
    static const char *const name[CPU_TYPES] = {"f32", "bf16", "f16", "int8"};
    return name[t];
}

cpu_level cpu_has(void)
{
    dnnl_cpu_isa_t have = dnnl_get_effective_cpu_isa();
    if ((have & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core) return CPU_AVX512;
    return (have & dnnl_cpu_isa_avx2) == dnnl_cpu_isa_avx2 ? CPU_AVX2 : CPU_PLAIN;
}
