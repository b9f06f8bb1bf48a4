// album.c -- the photos of a folder: listing them, vectors, crops.
#include "eval/album.h"
#include <stdlib.h>
#include <string.h>

static int by_key(const void *a, const void *b)
{
    return strcmp(((const eval_photo *)a)->key, ((const eval_photo *)b)->key);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *person_of(const char *key, bool by_name)
{
    const char *slash = strchr(key, '/');
    if (!by_name) return base_format("%.*s", (int)(slash - key), key);
    return base_format("%.*s", (int)strcspn(slash + 1, "_."), slash + 1);
}

// Numbers in the order of names.
static guise_status number_people(eval_album *a, base_error *e)
{
    char **name = base_alloc(a->n, sizeof *name);
    if (!name) return base_no_memory(e);
    for (size_t i = 0; i < a->n; i++) name[i] = a->at[i].person;
    qsort(name, a->n, sizeof *name, by_text);
    for (size_t i = 0; i < a->n; i++)
        if (!i || strcmp(name[i], name[a->people - 1]) != 0) name[a->people++] = name[i];
    for (size_t i = 0; i < a->n; i++) {
        char **found = bsearch(&a->at[i].person, name, (size_t)a->people, sizeof *name, by_text);
        a->at[i].who = (int)(found - name);
    }
    base_free(name);
    return GUISE_OK;
}

guise_status eval_album_open(eval_album *a, const char *data, const char *landmarks, bool by_name,
                             base_error *e)
{
    *a = (eval_album){0};
    guise_status s = train_photos_read(&a->photos, data, landmarks, TRAIN_EVERYBODY, e);
    size_t skip = strlen(data) + 1;
    if (!s && !(a->at = base_alloc(a->photos.n, sizeof *a->at))) s = base_no_memory(e);
    for (size_t i = 0; !s && i < a->photos.n; i++) {
        eval_photo *p = &a->at[a->n++];
        *p = (eval_photo){.photo = &a->photos.at[i], .key = a->photos.at[i].path + skip};
        p->person = person_of(p->key, by_name);
        if (!p->person) s = base_no_memory(e);
        if (!s) p->held_out = train_is_held_out(p->person);
    }
    if (!s) qsort(a->at, a->n, sizeof *a->at, by_key);
    if (!s) s = number_people(a, e);
    if (s) eval_album_close(a);
    return s;
}

void eval_album_close(eval_album *a)
{
    for (size_t i = 0; i < a->n; i++) {
        base_free(a->at[i].person);
        base_free(a->at[i].vector);
    }
    base_free(a->at);
    train_photos_free(&a->photos);
    *a = (eval_album){0};
}

const eval_photo *eval_album_find(const eval_album *a, const char *key)
{
    const eval_photo wanted = {.key = key};
    return a->n ? bsearch(&wanted, a->at, a->n, sizeof *a->at, by_key) : NULL;
}

static guise_status embed(eval_photo *p, eval_embedder *m, face_detector *d, base_error *e)
{
    base_image image = {0};
    base_free(p->vector); // another embedder's
    p->vector = NULL;
    float *vector = base_alloc(eval_embedder_length(m), sizeof *vector);
    if (!vector) return base_no_memory(e);
    guise_status s = train_photo_load(p->photo, d, &image, e);
    if (!s) s = eval_embed(m, &image, p->photo->point, vector, e);
    base_image_free(&image);
    if (s) {
        base_free(vector);
        return s;
    }
    p->vector = vector;
    return GUISE_OK;
}

guise_status eval_album_embed(eval_album *a, eval_embedder *m, const bool *want, const eval_call *c,
                              size_t *missing, base_error *e)
{
    face_detector *d = NULL;
    guise_status s = c->detector ? face_detector_open(&d, c->detector, e) : GUISE_OK;
    int total = 0, done = 0;
    a->length = (int)eval_embedder_length(m);
    *missing = 0;
    for (size_t i = 0; i < a->n; i++) total += !want || want[i];
    for (size_t i = 0; !s && i < a->n && !*c->stopped; i++) {
        if (want && !want[i]) continue;
        base_error why = {{0}};
        if (!d && !a->at[i].photo->known) {
            s = base_fail(e, GUISE_NO_FACE,
                          "%s has no landmarks, and there is no detector to find them: name one "
                          "with --detector, or a file with --landmarks",
                          a->at[i].photo->path);
            break;
        }
        s = embed(&a->at[i], m, d, &why);
        if (s == GUISE_NO_MEMORY) base_fail(e, s, "%s", why.text);
        if (s && s != GUISE_NO_MEMORY) {
            base_log("left out: %s", why.text);
            *missing += 1;
            s = GUISE_OK;
        }
        if (!s && c->progress && !c->progress(c->user, ++done, total, NULL)) *c->stopped = true;
    }
    face_detector_close(&d);
    return s;
}

double eval_album_cosine(const eval_album *a, const eval_photo *x, const eval_photo *y)
{
    double sum = 0;
    for (int i = 0; i < a->length; i++) sum += (double)x->vector[i] * (double)y->vector[i];
    return sum;
}

guise_status eval_album_crop(const eval_photo *p, face_detector *d, int size, base_image *crop,
                             base_error *e)
{
    base_image image = {0};
    face_point point[FACE_POINTS];
    guise_status s = train_photo_load(p->photo, d, &image, e);
    if (!s) s = train_photo_crop(p->photo, &image, size, 0, crop, point, e);
    base_image_free(&image);
    return s;
}
