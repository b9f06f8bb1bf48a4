// replay.c -- runs a fuzz target over every file of a corpus, then over mutations of each: bits
// flipped, bytes replaced, pieces cut, doubled or moved. Same mutations every time.
//
//   fuzz_replay_pth tests/fuzz/corpus/pth 2000
#include "fuzz.h"
#include <stdio.h>
#include <string.h>

// One change to the n bytes of p, which has room for half as many more. Returns the new size.
static size_t mutate(base_rng *r, unsigned char *p, size_t n)
{
    if (n < 4) return n;
    size_t at = base_rng_next(r) % n, k = 1 + base_rng_next(r) % (n / 2);
    if (k > n - at) k = n - at;
    switch (base_rng_range(r, 0, 6)) {
    case 0:
        p[at] ^= (unsigned char)(1U << base_rng_range(r, 0, 7));
        return n;
    case 1:
        p[at] = (unsigned char)base_rng_next(r);
        return n;
    case 2:
        p[at] = base_rng_range(r, 0, 1) ? 0xff : 0x7f;
        return n;
    case 3:
        return at + 1; // cut the end
    case 4:            // cut a piece
        memmove(p + at, p + at + k, n - at - k);
        return n - k;
    case 5: // double a piece
        memmove(p + at + k, p + at, n - at);
        return n + k;
    }
    memmove(p + at, p + base_rng_next(r) % (n - k + 1), k); // copy a piece over another
    return n;
}

// Exactly n bytes in memory of their own, so that a read past them is noticed.
static void run(const unsigned char *p, size_t n)
{
    unsigned char *own = base_alloc(n ? n : 1, 1);
    fuzz_check(own != NULL);
    if (n) memcpy(own, p, n);
    LLVMFuzzerTestOneInput(own, n);
    base_free(own);
}

static void run_mutations(const base_map *m, base_rng *r, int n)
{
    unsigned char *p = base_alloc(m->size + 1, 64);
    fuzz_check(p != NULL);
    for (int i = 0; i < n; i++) {
        size_t size = m->size;
        if (size) memcpy(p, m->data, size);
        for (int k = base_rng_range(r, 1, 4); k > 0; k--) size = mutate(r, p, size);
        run(p, size);
    }
    base_free(p);
}

int main(int argc, char **argv)
{
    base_names files = {0};
    base_error e = {0};
    base_rng r = {1};
    int mutations = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
    if (argc < 2 || base_names_read(&files, argv[1], &e)) {
        printf("%s: a directory of files and a number of mutations, please. %s\n", argv[0], e.text);
        return 2;
    }
    for (size_t i = 0; i < files.n; i++) {
        base_map m = {0};
        char *path = base_format("%s/%s", argv[1], files.name[i]);
        if (!path || base_map_open(&m, path, &e)) {
            printf("%s\n", e.text);
            return 1;
        }
        printf("%s\n", files.name[i]); // the last one named is the one that crashed
        fflush(stdout);
        run(m.data, m.size);
        run_mutations(&m, &r, mutations);
        base_map_close(&m);
        base_free(path);
    }
    printf("%zu files, %d mutations of each\n", files.n, mutations);
    int status = files.n ? 0 : 1;
    base_names_free(&files);
    return status;
}
