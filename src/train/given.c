// given.c -- the vectors that a generator gets, where they are not those of the recogniser that
// teaches it: whoever swaps may have a smaller recogniser of the same space, and a generator that
// has seen its mistakes makes up for some of them.
#include "model/card.h"
#include "train/run.h"
#include "weights/weights.h"
#include <string.h>

static guise_status check_space(const char *path, const char *wanted, base_error *e)
{
    base_tensors t = {0};
    guise_status s = weights_read(&t, path, e);
    const char *space = s ? NULL : base_tensors_meta(&t, CARD_SPACE);
    if (!s && (!space || strcmp(space, wanted) != 0))
        s = base_fail(e, GUISE_BAD_FILE,
                      "given=%s: its vectors are of %s, not of %s, which teaches", path,
                      space ? space : "a space of their own", wanted);
    base_tensors_free(&t);
    return s;
}

// Of all crops, as the recogniser sees them in these.
static guise_status look(const train_cache *c, int side, const char *path, float *to, size_t length,
                         base_error *e)
{
    face_recogniser *r = NULL;
    guise_status s = face_recogniser_open(&r, path, e);
    if (!s && face_recogniser_length(r) != length)
        s = base_fail(e, GUISE_BAD_FILE, "given=%s gives %zu numbers, not %zu", path,
                      face_recogniser_length(r), length);
    for (size_t i = 0; !s && i < train_cache_n(c); i++) {
        base_image m = {
            .w = side, .h = side, .rgb = (uint8_t *)(uintptr_t)train_cache_pixels(c, i)};
        s = face_recognise(r, &m, train_cache_points(c, i), to + i * length, e);
        if (!s && i % 2000 == 0) base_log("vectors of %s: %zu of %zu", path, i, train_cache_n(c));
    }
    face_recogniser_close(&r);
    return s;
}

// Made once, as the cache is.
static guise_status write(const train_cache *c, int side, const char *path, const char *key,
                          const char *file, base_error *e)
{
    size_t length = (size_t)train_cache_length(c), n = train_cache_n(c);
    const int64_t dim[] = {(int64_t)n, (int64_t)length};
    base_tensors t = {0};
    float *vector = base_alloc(n * length, sizeof *vector);
    guise_status s = vector ? look(c, side, path, vector, length, e) : base_no_memory(e);
    if (!s && (!base_tensors_add(&t, "vector", BASE_F32, 2, dim, vector) ||
               !base_tensors_set_meta(&t, "made_from", key)))
        s = base_no_memory(e);
    if (!s) s = weights_safetensors_write(&t, file, e);
    base_tensors_free(&t);
    base_free(vector);
    return s;
}

static bool is_current(const train_cache *c, const char *file, const char *key)
{
    base_tensors t = {0};
    if (!base_is_file(file) || weights_safetensors_read(&t, file, NULL)) return false;
    const char *made = base_tensors_meta(&t, "made_from");
    const base_tensor *x = base_tensors_find(&t, "vector");
    bool same = made && !strcmp(made, key) && x && x->dtype == BASE_F32 && x->rank == 2 &&
                x->dim[0] == (int64_t)train_cache_n(c) && x->dim[1] == train_cache_length(c);
    base_tensors_free(&t);
    return same;
}

guise_status train_give(train_run *r, base_error *e)
{
    const train_options *o = &r->o;
    base_sha256 sha;
    if (!*o->given) return GUISE_OK;
    guise_status s = check_space(o->given, r->identity.name, e);
    if (!s) s = base_sha256_file(&sha, o->given, e);
    char *file = base_format("%s/cache-given.safetensors", r->c->out);
    char *key = s ? NULL : base_format("%s %s", sha.hex, train_cache_made_from(r->cache));
    if (!s && !(file && key)) s = base_no_memory(e);
    if (!s && !is_current(r->cache, file, key))
        s = write(r->cache, o->size + 2 * o->shift, o->given, key, file, e);
    if (!s) s = train_cache_give(r->cache, file, e);
    base_free(file);
    base_free(key);
    return s;
}
