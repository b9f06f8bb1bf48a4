// swap_records.c -- what eval swap measured so far, in a file that only grows: a line with the key
// of the run, then records of one size. A record that was cut short by the end of the program is
// dropped, and its batch measured again.
#include "eval/swap.h"
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct swap_records {
    FILE *f;
    char *path;
};

enum { HEAD = 80 }; // bytes of the first line

static size_t record_size(const swap_run *r)
{
    return SWAP_VALUES * sizeof(double) + swap_features(r) * sizeof(float);
}

static void heading(char text[HEAD + 1], const base_sha256 *key)
{
    // the number rises when a measure changes
    snprintf(text, HEAD + 1, "guise eval 2 %-*s\n", HEAD - 14, key->hex);
}

static guise_status io(const swap_records *f, base_error *e)
{
    return base_fail(e, GUISE_IO, "%s cannot be written; is the disk full?", f->path);
}

static guise_status start(swap_records *f, const base_sha256 *key, base_error *e)
{
    char head[HEAD + 1];
    heading(head, key);
    f->f = fopen(f->path, "wb");
    if (!f->f || fwrite(head, 1, HEAD, f->f) != HEAD || fflush(f->f)) return io(f, e);
    return GUISE_OK;
}

static guise_status take(swap_records *f, const base_sha256 *key, swap_run *r, int *pairs,
                         base_error *e)
{
    char head[HEAD + 1], found[HEAD + 1] = "";
    size_t d = swap_features(r);
    heading(head, key);
    f->f = fopen(f->path, "r+b");
    if (!f->f) return base_fail(e, GUISE_IO, "%s holds no run to go on with", f->path);
    if (fread(found, 1, HEAD, f->f) != HEAD || memcmp(head, found, HEAD) != 0)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "%s is of another run: other options, photos, networks or weights; leave "
                         "out --resume, or name another folder",
                         f->path);
    int n = 0;
    while (n < r->o->pairs &&
           fread(r->value + n * SWAP_VALUES, sizeof(double), SWAP_VALUES, f->f) == SWAP_VALUES &&
           fread(r->made + (size_t)n * d, sizeof(float), d, f->f) == d)
        n++;
    if (n < r->o->pairs) n -= n % TRAIN_SWAPS; // batches as in a run without a stop
    for (int i = n * SWAP_VALUES; i < r->o->pairs * SWAP_VALUES; i++) r->value[i] = NAN;
    long end = (long)(HEAD + (size_t)n * record_size(r));
    if (fseek(f->f, end, SEEK_SET) || ftruncate(fileno(f->f), end)) return io(f, e);
    *pairs = n;
    return GUISE_OK;
}

guise_status swap_records_open(swap_records **out, const char *path, const base_sha256 *key,
                               bool resume, swap_run *r, int *pairs, base_error *e)
{
    swap_records *f = base_alloc(1, sizeof *f);
    *out = f;
    *pairs = 0;
    if (!f) return base_no_memory(e);
    f->path = base_copy_text(path);
    guise_status s = !f->path                       ? base_no_memory(e)
                     : resume && base_is_file(path) ? take(f, key, r, pairs, e)
                                                    : start(f, key, e);
    if (s) swap_records_close(out);
    return s;
}

guise_status swap_records_add(swap_records *f, const swap_run *r, int first, int n, base_error *e)
{
    size_t d = swap_features(r);
    bool ok = true;
    for (int i = first; ok && i < first + n; i++)
        ok = fwrite(r->value + i * SWAP_VALUES, sizeof(double), SWAP_VALUES, f->f) == SWAP_VALUES &&
             fwrite(r->made + (size_t)i * d, sizeof(float), d, f->f) == d;
    return ok && !fflush(f->f) ? GUISE_OK : io(f, e);
}

void swap_records_close(swap_records **f)
{
    if (!*f) return;
    if ((*f)->f) fclose((*f)->f);
    base_free((*f)->path);
    base_free(*f);
    *f = NULL;
}
