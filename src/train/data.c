// data.c -- the list of photos: folders of people, the split, landmarks, crops.
#include "train/data.h"
#include "media/media.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

bool train_is_held_out(const char *person)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0, rest = 0;
    if (!EVP_Digest(person, strlen(person), digest, &n, EVP_sha1(), NULL)) return true;
    for (unsigned i = 0; i < n; i++) rest = (rest * 256 + digest[i]) % 10;
    return rest == 0;
}

// One line of a landmarks file: "path x y x y x y x y x y [score]".
typedef struct {
    char *key; // last two parts of the path: "NAME/photo.jpg"
    face_point point[FACE_POINTS];
} mark;

typedef struct {
    mark *at;
    size_t n, cap;
    char *text;
} marks;

static int by_key(const void *a, const void *b)
{
    return strcmp(((const mark *)a)->key, ((const mark *)b)->key);
}

static char *last_two_parts(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash) return path;
    while (slash > path && slash[-1] != '/') slash--;
    return slash;
}

static bool mark_parse(mark *m, char *line)
{
    char *end = strchr(line, ' ');
    if (!end || *line == '#') return false;
    *end++ = '\0';
    m->key = last_two_parts(line);
    for (int i = 0; i < 2 * FACE_POINTS; i++) {
        char *from = end;
        float v = strtof(from, &end);
        if (end == from) return false;
        *(i % 2 ? &m->point[i / 2].y : &m->point[i / 2].x) = v;
    }
    return true;
}

static void marks_free(marks *m)
{
    base_free(m->at);
    base_free(m->text);
    *m = (marks){0};
}

static guise_status marks_read(marks *m, const char *path, base_error *e)
{
    base_map map = {0};
    guise_status s = base_map_open(&map, path, e);
    if (s) return s;
    m->text = base_alloc(map.size + 1, 1);
    if (m->text) memcpy(m->text, map.data, map.size);
    base_map_close(&map);
    if (!m->text) return base_no_memory(e);
    char *rest = m->text;
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        mark new = {0};
        if (!mark_parse(&new, line)) continue;
        if (!BASE_PUSH_ROOM(m->at, m->n, m->cap)) {
            marks_free(m);
            return base_no_memory(e);
        }
        m->at[m->n++] = new;
    }
    if (m->n) qsort(m->at, m->n, sizeof *m->at, by_key);
    return GUISE_OK;
}

// The given file, else "<data>_landmarks5.txt" where it exists, else none.
static guise_status marks_find(marks *m, const char *data, const char *landmarks, base_error *e)
{
    if (landmarks) return marks_read(m, landmarks, e);
    size_t n = strlen(data);
    while (n > 1 && data[n - 1] == '/') n--;
    char *beside = base_format("%.*s_landmarks5.txt", (int)n, data);
    if (!beside) return base_no_memory(e);
    guise_status s = base_is_file(beside) ? marks_read(m, beside, e) : GUISE_OK;
    base_free(beside);
    return s;
}

static bool is_photo(const char *name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++)
        if (!strcasecmp(dot, ends[i])) return true;
    return false;
}

static guise_status digest_add(train_photos *p, const char *text, base_error *e)
{
    for (size_t i = 0, n = strlen(text) + 1; i < n; i++) {
        if (!BASE_PUSH_ROOM(p->digest_text, p->digest_size, p->digest_cap))
            return base_no_memory(e);
        p->digest_text[p->digest_size++] = i + 1 < n ? text[i] : '\n';
    }
    return GUISE_OK;
}

static guise_status add_photo(train_photos *p, const char *data, const char *key, const marks *m,
                              base_error *e)
{
    train_photo photo = {.person = p->people, .path = base_format("%s/%s", data, key)};
    if (!photo.path || !BASE_PUSH_ROOM(p->at, p->n, p->cap)) {
        base_free(photo.path);
        return base_no_memory(e);
    }
    mark wanted = {.key = (char *)(uintptr_t)key};
    const mark *found = m->n ? bsearch(&wanted, m->at, m->n, sizeof *m->at, by_key) : NULL;
    if (found) {
        photo.known = true;
        memcpy(photo.point, found->point, sizeof photo.point);
    }
    p->at[p->n++] = photo;
    return digest_add(p, key, e);
}

static guise_status add_person(train_photos *p, const char *data, const char *person,
                               const marks *m, base_error *e)
{
    char *dir = base_format("%s/%s", data, person);
    base_names photos = {0};
    if (!dir) return base_no_memory(e);
    guise_status s = base_is_dir(dir) ? base_names_read(&photos, dir, e) : GUISE_OK;
    size_t before = p->n;
    for (size_t i = 0; !s && i < photos.n; i++) {
        if (!is_photo(photos.name[i])) continue;
        char *key = base_format("%s/%s", person, photos.name[i]);
        s = key ? add_photo(p, data, key, m, e) : base_no_memory(e);
        base_free(key);
    }
    if (p->n > before) p->people++;
    base_names_free(&photos);
    base_free(dir);
    return s;
}

guise_status train_photos_read(train_photos *p, const char *data, const char *landmarks,
                               train_split split, base_error *e)
{
    *p = (train_photos){0};
    marks m = {0};
    base_names people = {0};
    guise_status s = marks_find(&m, data, landmarks, e);
    if (!s) s = base_names_read(&people, data, e);
    for (size_t i = 0; !s && i < people.n; i++)
        if (split == TRAIN_EVERYBODY ||
            train_is_held_out(people.name[i]) == (split == TRAIN_HELD_OUT))
            s = add_person(p, data, people.name[i], &m, e);
    if (!s && !p->n)
        s = base_fail(e, GUISE_NO_FACE,
                      "%s holds no photos of %s; put them in a folder for each "
                      "person: NAME/photo.jpg",
                      data,
                      split == TRAIN_PEOPLE     ? "people to train on"
                      : split == TRAIN_HELD_OUT ? "held-out people"
                                                : "people");
    base_names_free(&people);
    marks_free(&m);
    if (s) train_photos_free(p);
    return s;
}

guise_status train_photos_add(train_photos *p, const char *dir, const char *landmarks,
                              base_error *e)
{
    marks m = {0};
    size_t before = p->n, n = strlen(dir);
    char *data = NULL, *person = NULL, *slash = NULL;
    while (n > 1 && dir[n - 1] == '/') n--;
    data = base_format("%.*s", (int)n, dir);
    slash = data ? strrchr(data, '/') : NULL;
    person = base_copy_text(slash ? slash + 1 : data ? data : "");
    guise_status s = data && person ? GUISE_OK : base_no_memory(e);
    if (!s && slash) slash[slash == data] = 0; // the folder that it lies in
    if (!s && !base_is_dir(dir)) s = base_fail(e, GUISE_IO, "there is no folder %s", dir);
    if (!s) s = marks_find(&m, slash ? data : ".", landmarks, e);
    if (!s) s = add_person(p, slash ? data : ".", person, &m, e);
    if (!s && p->n == before) s = base_fail(e, GUISE_NO_FACE, "%s holds no photos", dir);
    marks_free(&m);
    base_free(data);
    base_free(person);
    if (s) train_photos_free(p);
    return s;
}

void train_photos_free(train_photos *p)
{
    for (size_t i = 0; i < p->n; i++) base_free(p->at[i].path);
    base_free(p->at);
    base_free(p->digest_text);
    *p = (train_photos){0};
}

guise_status train_photo_load(train_photo *p, face_detector *d, base_image *m, base_error *e)
{
    guise_status s = media_photo_read(m, p->path, e);
    if (s || p->known) return s;
    face_list faces = {0};
    float best = 0;
    if (!d)
        s = base_fail(e, GUISE_NO_FACE, "%s has no landmarks; give a landmarks file or a detector",
                      p->path);
    else
        s = face_detect(d, m, NULL, &faces, &best, e);
    if (!s && !faces.n)
        s = base_fail(e, GUISE_NO_FACE, "no face found in %s (best score %.2f)", p->path,
                      (double)best);
    if (!s) {
        memcpy(p->point, faces.at[0].point, sizeof p->point);
        p->known = true;
    }
    face_list_free(&faces);
    if (s) base_image_free(m);
    return s;
}

guise_status train_photo_crop(const train_photo *p, const base_image *m, int size, int margin,
                              base_image *crop, face_point point[FACE_POINTS], base_error *e)
{
    face_transform t;
    guise_status s = face_align(&t, p->point, FACE_ARCFACE, size, NULL, e);
    if (s) return s;
    t.m[2] += margin;
    t.m[5] += margin;
    for (int i = 0; i < FACE_POINTS; i++) point[i] = face_apply(t, p->point[i]);
    return face_crop(crop, m, t, size + 2 * margin, e);
}
