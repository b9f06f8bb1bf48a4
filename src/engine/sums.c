// sums.c -- are these the bytes they should be? By SHA256SUMS beside a file, as sha256sum writes
// it, and by what is known of networks of others.
#include "engine/engine.h"
#include <string.h>

const char *sums_listed(const base_map *sums, const char *file)
{
    const char *text = (const char *)sums->data, *end = text + sums->size;
    size_t n = strlen(file);
    while (text && text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop) stop = end;
        if ((size_t)(stop - text) == 66 + n && !memcmp(text + 66, file, n)) return text;
        text = stop + 1;
    }
    return NULL;
}

// The sum that the file should have; false where nothing says so.
static guise_status expected(const char *path, char sum[65], base_error *e)
{
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    char *list = base_format("%.*sSHA256SUMS", (int)(file - path), path);
    base_map sums = {0};
    guise_status s = list ? GUISE_OK : base_no_memory(e);
    sum[0] = 0;
    for (const known_model *k = known_models; k->file; k++)
        if (!strcmp(k->file, file)) memcpy(sum, k->sha256, 65);
    if (!s && base_is_file(list)) s = base_map_open(&sums, list, e);
    const char *listed = s ? NULL : sums_listed(&sums, file);
    if (listed) memcpy(sum, listed, 64);
    if (listed) sum[64] = 0;
    base_map_close(&sums);
    base_free(list);
    return s;
}

guise_status sums_check(const char *path, base_error *e)
{
    char sum[65];
    base_sha256 h;
    guise_status s = expected(path, sum, e);
    if (s || !sum[0]) return s;
    s = base_sha256_file(&h, path, e);
    if (s || !strcmp(h.hex, sum)) return s;
    return base_fail(e, GUISE_BAD_FILE,
                     "%s: these are not the known bytes: its SHA-256 is %.12s..., not %.12s...; "
                     "fetch the file again, or give yours another name",
                     path, h.hex, sum);
}
