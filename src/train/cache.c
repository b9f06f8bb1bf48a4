// cache.c -- aligned crops and identity vectors of all photos: made once, mapped afterwards.
//
// Two files in the run's directory: cache-crops.safetensors, written as a stream since it may be
// larger than memory, and cache-index.safetensors with the rest. The index names what it was made
// from; when that changes both are made again.
#include "train/data.h"
#include "weights/weights.h"
#include <inttypes.h>
#include <string.h>

struct train_cache {
    base_tensors crops, index, gifts; // mapped
    size_t n;
    int people, length, side;
    size_t *first; // [people + 1] first crop of each person
    const uint8_t *pixels;
    const face_point *point;
    const float *vector, *given;
    const int32_t *person;
};

// What is gathered while the crops are written.
typedef struct {
    face_point *point; // [n, FACE_POINTS]
    float *vector;     // [n, length]
    int32_t *person;
    size_t n, length;
} gathered;

enum { HEADER = 256 }; // bytes of the crop file before the pixels

// Where the faces are: as the landmarks file says or, for photos that it lacks, by this detector.
static guise_status places_of(base_sha256 *key, const train_photos *p, const char *detector,
                              base_error *e)
{
    enum { NUMBERS = 2 * FACE_POINTS };
    float *all = base_alloc(p->n, NUMBERS * sizeof *all);
    bool known = true;
    if (!all) return base_no_memory(e);
    for (size_t i = 0; i < p->n; i++) {
        known &= p->at[i].known;
        if (p->at[i].known) memcpy(all + i * NUMBERS, p->at[i].point, NUMBERS * sizeof *all);
    }
    base_sha256_bytes(key, all, p->n * NUMBERS * sizeof *all);
    base_free(all);
    base_sha256 places = *key, by;
    if (known || !detector) return GUISE_OK;
    guise_status s = base_sha256_file(&by, detector, e);
    char *text = s ? NULL : base_format("%s %s", places.hex, by.hex);
    if (!s && !text) s = base_no_memory(e);
    if (text) base_sha256_bytes(key, text, strlen(text));
    base_free(text);
    return s;
}

static guise_status key_of(base_sha256 *key, const train_photos *p, const train_cache_options *o,
                           base_error *e)
{
    base_sha256 names, identity, places;
    base_sha256_bytes(&names, p->digest_text, p->digest_size);
    base_sha256_bytes(&identity, "", 0);
    guise_status s = o->identity ? base_sha256_file(&identity, o->identity, e) : GUISE_OK;
    if (!s) s = places_of(&places, p, o->detector, e);
    if (s) return s;
    char *text =
        base_format("%s %s %s %d %d", names.hex, identity.hex, places.hex, o->size, o->margin);
    if (!text) return base_no_memory(e);
    base_sha256_bytes(key, text, strlen(text));
    base_free(text);
    return GUISE_OK;
}

static void gathered_free(gathered *g)
{
    base_free(g->point);
    base_free(g->vector);
    base_free(g->person);
}

// One photo: its crop to the file, the rest gathered. A photo that cannot be used is left out.
static guise_status add_crop(train_photo *photo, face_detector *d, face_recogniser *r,
                             const train_cache_options *o, FILE *f, gathered *g, base_error *e)
{
    base_error why = {0};
    base_image m = {0}, crop = {0};
    float *vector = g->vector + g->n * g->length;
    face_point *point = g->point + g->n * FACE_POINTS;
    guise_status s = train_photo_load(photo, d, &m, &why);
    if (!s) s = train_photo_crop(photo, &m, o->size, o->margin, &crop, point, &why);
    if (!s && r) s = face_recognise(r, &m, photo->point, vector, &why);
    if (s && s != GUISE_NO_MEMORY) {
        base_log("left out: %s", why.text);
        s = GUISE_OK;
    } else if (s) {
        s = base_no_memory(e);
    } else {
        size_t bytes = (size_t)crop.w * (size_t)crop.h * 3;
        g->person[g->n++] = photo->person;
        if (fwrite(crop.rgb, 1, bytes, f) != bytes)
            s = base_fail(e, GUISE_IO, "cannot write the crops to %s; is the disk full?", o->out);
    }
    base_image_free(&crop);
    base_image_free(&m);
    return s;
}

static guise_status tell(const train_cache_options *o, size_t i, size_t n, base_error *e)
{
    char line[100];
    if (!o->progress || i % 500) return GUISE_OK;
    snprintf(line, sizeof line, "aligning faces: %zu of %zu", i, n);
    return o->progress(o->user, line)
               ? GUISE_OK
               : base_fail(e, GUISE_IO, "stopped while the faces were aligned; start again");
}

// The header comes last, when the number of usable photos is known; spaces fill it up.
static guise_status write_header(FILE *f, size_t n, int side, base_error *e)
{
    char text[HEADER + 1];
    uint64_t length = HEADER - 8;
    size_t bytes = n * (size_t)side * (size_t)side * 3;
    memset(text, ' ', sizeof text);
    for (int i = 0; i < 8; i++) text[i] = (char)(length >> (8 * i));
    int k = snprintf(text + 8, sizeof text - 8,
                     "{\"crops\":{\"dtype\":\"U8\",\"shape\":[%zu,%d,%d,3],"
                     "\"data_offsets\":[0,%zu]}}",
                     n, side, side, bytes);
    if (k > 0) text[8 + k] = ' ';
    if (fseek(f, 0, SEEK_SET) || fwrite(text, 1, HEADER, f) != HEADER)
        return base_fail(e, GUISE_IO, "cannot write the header of the crops; is the disk full?");
    return GUISE_OK;
}

static guise_status write_crops(train_photos *p, const train_cache_options *o, const char *path,
                                face_recogniser *r, gathered *g, base_error *e)
{
    base_out *out = NULL;
    face_detector *d = NULL;
    guise_status s = o->detector ? face_detector_open(&d, o->detector, e) : GUISE_OK;
    if (!s) s = base_out_open(&out, path, e);
    if (!s) s = write_header(base_out_file(out), 0, o->size + 2 * o->margin, e);
    for (size_t i = 0; !s && i < p->n; i++) {
        s = tell(o, i, p->n, e);
        if (!s) s = add_crop(&p->at[i], d, r, o, base_out_file(out), g, e);
    }
    if (!s && !g->n) s = base_fail(e, GUISE_NO_FACE, "not one of %zu photos could be used", p->n);
    if (!s) s = write_header(base_out_file(out), g->n, o->size + 2 * o->margin, e);
    if (!s) s = base_out_commit(&out, e);
    base_out_close(&out);
    face_detector_close(&d);
    return s;
}

static guise_status write_index(const gathered *g, const char *key, const char *path, base_error *e)
{
    base_tensors t = {0};
    int64_t n = (int64_t)g->n;
    bool ok =
        base_tensors_set_meta(&t, "made_from", key) &&
        base_tensors_add(&t, "point", BASE_F32, 3, (int64_t[]){n, FACE_POINTS, 2}, g->point) &&
        base_tensors_add(&t, "vector", BASE_F32, 2, (int64_t[]){n, (int64_t)g->length},
                         g->vector) &&
        base_tensors_add(&t, "person", BASE_I32, 1, (int64_t[]){n}, g->person);
    guise_status s = ok ? weights_safetensors_write(&t, path, e) : base_no_memory(e);
    base_tensors_free(&t);
    return s;
}

static guise_status make(train_photos *p, const train_cache_options *o, const char *crops,
                         const char *index, const char *key, base_error *e)
{
    face_recogniser *r = NULL;
    gathered g = {0};
    guise_status s = o->identity ? face_recogniser_open(&r, o->identity, e) : GUISE_OK;
    if (!s) {
        g.length = r ? face_recogniser_length(r) : 1;
        g.point = base_alloc(p->n * FACE_POINTS, sizeof *g.point);
        g.vector = base_alloc(p->n * g.length, sizeof *g.vector);
        g.person = base_alloc(p->n, sizeof *g.person);
        if (!g.point || !g.vector || !g.person) s = base_no_memory(e);
    }
    if (!s) s = write_crops(p, o, crops, r, &g, e);
    if (!s) s = write_index(&g, key, index, e);
    gathered_free(&g);
    face_recogniser_close(&r);
    return s;
}

// Is the index there, and made from the same photos?
static bool is_current(const char *index, const char *key)
{
    base_tensors t = {0};
    if (!base_is_file(index) || weights_safetensors_read(&t, index, NULL)) return false;
    const char *made = base_tensors_meta(&t, "made_from");
    bool same = made && !strcmp(made, key);
    base_tensors_free(&t);
    return same;
}

static const base_tensor *need(const base_tensors *t, const char *name, base_dtype type, int rank,
                               int64_t n)
{
    const base_tensor *found = base_tensors_find(t, name);
    return found && found->dtype == type && found->rank == rank && found->dim[0] == n ? found
                                                                                      : NULL;
}

static guise_status take(train_cache *c, int side, base_error *e)
{
    const base_tensor *crops = base_tensors_find(&c->crops, "crops");
    int64_t n = crops && crops->rank == 4 && crops->dtype == BASE_U8 && crops->dim[1] == side &&
                        crops->dim[2] == side && crops->dim[3] == 3
                    ? crops->dim[0]
                    : 0;
    const base_tensor *point = need(&c->index, "point", BASE_F32, 3, n);
    const base_tensor *vector = need(&c->index, "vector", BASE_F32, 2, n);
    const base_tensor *person = need(&c->index, "person", BASE_I32, 1, n);
    if (n < 1 || !point || point->dim[1] != FACE_POINTS || point->dim[2] != 2 || !vector || !person)
        return base_fail(e, GUISE_BAD_FILE,
                         "the cached crops do not fit their index; remove "
                         "cache-*.safetensors and start again");
    c->n = (size_t)n;
    c->side = side;
    c->length = (int)vector->dim[1];
    c->pixels = crops->data;
    c->point = point->data;
    c->vector = c->given = vector->data;
    c->person = person->data;
    return GUISE_OK;
}

// People are numbered anew, without those whose photos were all left out.
static guise_status count_people(train_cache *c, base_error *e)
{
    c->first = base_alloc(c->n + 1, sizeof *c->first);
    if (!c->first) return base_no_memory(e);
    for (size_t i = 0; i < c->n; i++)
        if (!i || c->person[i] != c->person[i - 1]) c->first[c->people++] = i;
    c->first[c->people] = c->n;
    return GUISE_OK;
}

static guise_status open_files(train_cache *c, const char *crops, const char *index, int side,
                               base_error *e)
{
    guise_status s = weights_safetensors_read(&c->crops, crops, e);
    if (!s) s = weights_safetensors_read(&c->index, index, e);
    if (!s) s = take(c, side, e);
    return s ? s : count_people(c, e);
}

guise_status train_cache_open(train_cache **c, train_photos *p, const train_cache_options *o,
                              base_error *e)
{
    base_sha256 key;
    char *crops = base_format("%s/cache-crops.safetensors", o->out);
    char *index = base_format("%s/cache-index.safetensors", o->out);
    train_cache *new = base_alloc(1, sizeof *new);
    guise_status s = crops && index && new ? GUISE_OK : base_no_memory(e);
    if (!s) s = key_of(&key, p, o, e);
    if (!s && (!base_is_file(crops) || !is_current(index, key.hex)))
        s = make(p, o, crops, index, key.hex, e);
    if (!s) s = open_files(new, crops, index, o->size + 2 * o->margin, e);
    base_free(crops);
    base_free(index);
    if (s)
        train_cache_close(&new);
    else
        *c = new;
    return s;
}

void train_cache_close(train_cache **c)
{
    if (!*c) return;
    base_tensors_free(&(*c)->crops);
    base_tensors_free(&(*c)->index);
    base_tensors_free(&(*c)->gifts);
    base_free((*c)->first);
    base_free(*c);
    *c = NULL;
}

size_t train_cache_n(const train_cache *c) { return c->n; }
int train_cache_people(const train_cache *c) { return c->people; }
int train_cache_length(const train_cache *c) { return c->length; }

const uint8_t *train_cache_pixels(const train_cache *c, size_t i)
{
    return c->pixels + i * (size_t)c->side * (size_t)c->side * 3;
}

const face_point *train_cache_points(const train_cache *c, size_t i)
{
    return c->point + i * FACE_POINTS;
}

const float *train_cache_vector(const train_cache *c, size_t i)
{
    return c->vector + i * (size_t)c->length;
}

const float *train_cache_given(const train_cache *c, size_t i)
{
    return c->given + i * (size_t)c->length;
}

guise_status train_cache_give(train_cache *c, const char *file, base_error *e)
{
    guise_status s = weights_safetensors_read(&c->gifts, file, e);
    const base_tensor *x = s ? NULL : need(&c->gifts, "vector", BASE_F32, 2, (int64_t)c->n);
    if (!s && (!x || x->dim[1] != c->length))
        s = base_fail(e, GUISE_BAD_FILE, "%s does not fit the cached crops; remove it", file);
    if (!s) c->given = x->data;
    return s;
}

const char *train_cache_made_from(const train_cache *c)
{
    return base_tensors_meta(&c->index, "made_from");
}

int train_cache_person(const train_cache *c, size_t i)
{
    int lo = 0, hi = c->people; // first[lo] <= i < first[hi]
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        *(c->first[mid] <= i ? &lo : &hi) = mid;
    }
    return lo;
}

void train_cache_of_person(const train_cache *c, int person, size_t *first, size_t *count)
{
    *first = c->first[person];
    *count = c->first[person + 1] - c->first[person];
}
