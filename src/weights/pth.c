// pth.c -- PyTorch's files: a zip archive since 1.6, a stream of pickles before ("legacy").
// Layout of both: torch/serialization.py, _save and _legacy_save.
#include "weights/pth.h"
#include "weights/weights.h"
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#define PICKLE_LIMIT ((uint64_t)64 << 20) // bytes

// What tensors may take, over the file's size: shared storages make more of it, not much more.
static uint64_t limit_of(size_t n) { return ((uint64_t)64 << 20) + 8 * (uint64_t)n; }

// Zip: NAME/data.pkl, and NAME/data/KEY for each storage.

typedef struct {
    zip_t *zip;
    const char *folder; // NAME/
    uint64_t limit;
} archive;

static guise_status read_entry(const archive *a, const char *name, uint64_t limit,
                               unsigned char **p, size_t *n, base_error *e)
{
    zip_stat_t st;
    if (zip_stat(a->zip, name, 0, &st) || !(st.valid & ZIP_STAT_SIZE))
        return base_fail(e, GUISE_BAD_FILE,
                         "there is no '%.100s' in the archive; the file is "
                         "damaged or not from PyTorch",
                         name);
    if (st.size > limit)
        return base_fail(e, GUISE_BAD_FILE,
                         "'%.100s' in the archive claims %llu bytes; at most "
                         "%llu are read",
                         name, (unsigned long long)st.size, (unsigned long long)limit);
    zip_file_t *f = zip_fopen(a->zip, name, 0);
    *p = base_alloc((size_t)st.size + 1, 1);
    *n = (size_t)st.size;
    size_t got = 0;
    for (zip_int64_t k = 1; f && *p && k > 0 && got<*n; got += k> 0 ? (size_t)k : 0)
        k = zip_fread(f, *p + got, *n - got);
    // Reading past the end is when the checksum is compared.
    bool whole = f && *p && got == *n && zip_fread(f, &(char){0}, 1) == 0;
    if (f) zip_fclose(f);
    if (whole) return GUISE_OK;
    guise_status s = *p ? base_fail(e, GUISE_BAD_FILE,
                                    "'%.100s' in the archive cannot be read whole; the file is "
                                    "damaged, fetch it again",
                                    name)
                        : base_no_memory(e);
    base_free(*p);
    *p = NULL;
    return s;
}

static guise_status zip_bytes(const pth_source *s, const char *key, size_t element,
                              const unsigned char **p, size_t *n, void **owned, base_error *e)
{
    const archive *a = s->from;
    unsigned char *bytes = NULL;
    (void)element;
    char *name = base_format("%sdata/%s", a->folder, key);
    if (!name) return base_no_memory(e);
    guise_status status = read_entry(a, name, a->limit, &bytes, n, e);
    base_free(name);
    *p = *owned = bytes;
    return status;
}

// The folder of data.pkl, as text returned to you.
static guise_status find_folder(zip_t *zip, char **folder, base_error *e)
{
    static const char wanted[] = "data.pkl";
    size_t tail = sizeof wanted - 1;
    for (zip_int64_t i = 0, n = zip_get_num_entries(zip, 0); i < n; i++) {
        const char *name = zip_get_name(zip, (zip_uint64_t)i, 0);
        size_t length = name ? strlen(name) : 0;
        if (length < tail || strcmp(name + length - tail, wanted) != 0) continue;
        if (length > tail && name[length - tail - 1] != '/') continue;
        *folder = base_format("%.*s", (int)(length - tail), name);
        return *folder ? GUISE_OK : base_no_memory(e);
    }
    return base_fail(e, GUISE_BAD_FILE,
                     "this zip archive holds no data.pkl, so it is not a file of "
                     "PyTorch; if it contains one, unpack it first");
}

static guise_status check_order(const archive *a, base_error *e)
{
    unsigned char *order = NULL;
    size_t n = 0;
    char *name = base_format("%sbyteorder", a->folder);
    if (!name) return base_no_memory(e);
    guise_status s = GUISE_OK;
    if (zip_name_locate(a->zip, name, 0) >= 0) s = read_entry(a, name, 64, &order, &n, e);
    if (!s && n >= 3 && !memcmp(order, "big", 3))
        s = base_fail(e, GUISE_BAD_FILE,
                      "the file was written by a big-endian machine, which is "
                      "not read");
    base_free(order);
    base_free(name);
    return s;
}

static guise_status read_archive(base_tensors *t, archive *a, base_error *e)
{
    unsigned char *pickle = NULL;
    size_t n = 0, used = 0;
    pk_heap heap = {0};
    pk_value *root = NULL;
    pth_list found = {0};
    pth_source source = {zip_bytes, a, a->limit};
    char *name = base_format("%sdata.pkl", a->folder);
    guise_status s = name ? check_order(a, e) : base_no_memory(e);
    if (!s) s = read_entry(a, name, PICKLE_LIMIT, &pickle, &n, e);
    if (!s) s = pk_read(&heap, pickle, n, &used, &root, e);
    if (!s) s = pth_find(&found, root, e);
    if (!s) s = pth_make(t, &found, &source, e);
    pth_list_free(&found);
    pk_free(&heap);
    base_free(pickle);
    base_free(name);
    return s;
}

static guise_status parse_zip(base_tensors *t, const void *data, size_t n, base_error *e)
{
    zip_error_t why;
    zip_error_init(&why);
    char *folder = NULL;
    zip_source_t *source = zip_source_buffer_create(data, n, 0, &why);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY, &why) : NULL;
    guise_status s = GUISE_OK;
    if (!zip && zip_error_code_zip(&why) == ZIP_ER_MEMORY)
        s = base_no_memory(e);
    else if (!zip)
        s = base_fail(e, GUISE_BAD_FILE,
                      "a zip archive that cannot be opened (%s); the file is cut "
                      "short, fetch it again",
                      zip_error_strerror(&why));
    if (!zip && source) zip_source_free(source);
    zip_error_fini(&why);
    if (!s) s = find_folder(zip, &folder, e);
    if (!s) s = read_archive(t, &(archive){zip, folder, limit_of(n)}, e);
    base_free(folder);
    if (zip) zip_discard(zip);
    return s;
}

// Legacy: pickles of magic number, version, system, object, list of keys; then for each key the
// number of elements (int64) and the elements.

typedef struct {
    const char *key;
    const unsigned char *p; // of the elements
    uint64_t room;          // bytes from p to the end of the file
    uint64_t elements;
} piece;

typedef struct {
    piece *at;
    size_t n;
} pieces;

static int by_key(const void *a, const void *b)
{
    const piece *p = a, *q = b;
    return strcmp(p->key, q->key);
}

static guise_status legacy_bytes(const pth_source *s, const char *key, size_t element,
                                 const unsigned char **p, size_t *n, void **owned, base_error *e)
{
    const pieces *all = s->from;
    piece wanted = {.key = key};
    const piece *x = bsearch(&wanted, all->at, all->n, sizeof *all->at, by_key);
    *owned = NULL;
    if (!x || x->elements > x->room / element)
        return base_fail(e, GUISE_BAD_FILE,
                         "storage %.40s is not in the file; it is cut short, "
                         "fetch it again",
                         key);
    *p = x->p;
    *n = (size_t)x->elements * element;
    return GUISE_OK;
}

// Elements have their storage's size, which only the tensors know: all storages of the object.
static size_t element_of(const pieces *sizes, const char *key)
{
    piece wanted = {.key = key};
    const piece *x =
        sizes->n ? bsearch(&wanted, sizes->at, sizes->n, sizeof *sizes->at, by_key) : NULL;
    return x ? (size_t)x->elements : 0;
}

// Every storage that the object names, with the bytes of its element, sorted by key.
static guise_status storage_sizes(const pk_heap *h, pieces *sizes, base_error *e)
{
    size_t n = 0;
    for (const pk_value *v = h->all; v; v = v->next) n += v->kind == PK_STORAGE;
    sizes->at = base_alloc(n + 1, sizeof *sizes->at);
    if (!sizes->at) return base_no_memory(e);
    for (const pk_value *v = h->all; v; v = v->next)
        if (v->kind == PK_STORAGE)
            sizes->at[sizes->n++] = (piece){.key = v->text, .elements = base_dtype_size(v->dtype)};
    qsort(sizes->at, sizes->n, sizeof *sizes->at, by_key);
    return GUISE_OK;
}

static guise_status find_pieces(const pk_heap *h, const pk_value *keys, const unsigned char *p,
                                size_t n, pieces *out, base_error *e)
{
    pieces sizes = {0};
    size_t at = 0;
    if (keys->kind != PK_LIST)
        return base_fail(e, GUISE_BAD_FILE, "the file has no list of storages; it is damaged");
    out->at = base_alloc(keys->n + 1, sizeof *out->at);
    if (!out->at) return base_no_memory(e);
    guise_status s = storage_sizes(h, &sizes, e);
    for (size_t i = 0; !s && i < keys->n; i++) {
        const pk_value *key = keys->item[i];
        size_t size = key->kind == PK_TEXT ? element_of(&sizes, key->text) : 0;
        uint64_t count = 0;
        for (int k = 7; k >= 0 && n - at >= 8; k--) count = count << 8 | p[at + (size_t)k];
        if (!size || n - at < 8 || count > (n - at - 8) / size) {
            s = base_fail(e, GUISE_BAD_FILE,
                          "storage %zu of %zu is not whole; the file is cut "
                          "short, fetch it again",
                          i + 1, keys->n);
            break;
        }
        at += 8;
        out->at[out->n++] = (piece){key->text, p + at, n - at, count};
        at += (size_t)count * size;
    }
    base_free(sizes.at);
    if (!s) qsort(out->at, out->n, sizeof *out->at, by_key);
    return s;
}

// One of the leading pickles: magic, version, system. Only the system's byte order matters.
static guise_status check_system(const pk_value *v, base_error *e)
{
    const pk_value *little = pk_get(v, "little_endian");
    if (little && little->kind == PK_INT && !little->i)
        return base_fail(e, GUISE_BAD_FILE,
                         "the file was written by a big-endian machine, which is "
                         "not read");
    return GUISE_OK;
}

static guise_status parse_legacy(base_tensors *t, const unsigned char *p, size_t n, base_error *e)
{
    pk_heap heap = {0};
    pk_value *v[5] = {NULL}; // magic, version, system, object, keys
    pieces all = {0};
    pth_list found = {0};
    guise_status s = GUISE_OK;
    size_t at = 0;
    for (int i = 0; !s && i < 5; i++) {
        size_t used = 0, room = n - at < PICKLE_LIMIT ? n - at : (size_t)PICKLE_LIMIT;
        s = pk_read(&heap, p + at, room, &used, &v[i], e);
        at += used;
        if (!s && i == 2) s = check_system(v[i], e);
    }
    if (!s) s = pth_find(&found, v[3], e);
    if (!s) s = find_pieces(&heap, v[4], p + at, n - at, &all, e);
    if (!s) s = pth_make(t, &found, &(pth_source){legacy_bytes, &all, limit_of(n)}, e);
    pth_list_free(&found);
    base_free(all.at);
    pk_free(&heap);
    return s;
}

// The magic number 0x1950a86a20f9469cfc6c as a pickle; its second byte is the protocol.
static bool is_legacy(const unsigned char *p, size_t n)
{
    static const unsigned char magic[] = {0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46, 0xf9,
                                          0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
    return n > 2 + sizeof magic && p[0] == 0x80 && !memcmp(p + 2, magic, sizeof magic);
}

guise_status weights_pth_parse(base_tensors *t, const void *data, size_t n, base_error *e)
{
    *t = (base_tensors){0};
    if (n > 4 && !memcmp(data, "PK\3\4", 4)) return parse_zip(t, data, n, e);
    if (is_legacy(data, n)) return parse_legacy(t, data, n, e);
    return base_fail(e, GUISE_BAD_FILE,
                     "no PyTorch file: it is neither a zip archive nor does it "
                     "begin with PyTorch's magic number");
}

guise_status weights_pth_read(base_tensors *t, const char *path, base_error *e)
{
    base_map map = {0};
    base_error inner = {0};
    *t = (base_tensors){0};
    guise_status s = base_map_open(&map, path, e);
    if (s) return s;
    s = weights_pth_parse(t, map.data, map.size, &inner);
    base_map_close(&map);
    if (s == GUISE_BAD_FILE) return base_fail(e, s, "%s: %s", path, inner.text);
    return s ? base_no_memory(e) : GUISE_OK;
}
