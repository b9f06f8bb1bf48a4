// toy.c -- drawn faces: their numbers, points, pictures, and sets of them as folders.
#include "train/toy.h"
#include "media/media.h"
#include <math.h>
#include <string.h>

static float even(base_rng *r) { return (float)(2 * base_rng_uniform(r) - 1); }

void toy_person_draw(toy_person *p, base_rng *r)
{
    for (int i = 0; i < TOY_TRAITS; i++) p->trait[i] = even(r);
}

void toy_look_draw(toy_look *l, base_rng *r)
{
    for (int i = 0; i < TOY_WAYS; i++) l->way[i] = even(r);
}

void toy_points(const toy_person *p, const toy_look *l, int side, face_point out[FACE_POINTS])
{
    toy_face f;
    toy_face_make(&f, p, l, (float)side);
    const float at[FACE_POINTS][2] = {{-f.eye_x, f.eye_y},
                                      {f.eye_x, f.eye_y},
                                      {0, f.nose_y},
                                      {-f.mouth_w, f.mouth_y + f.corner},
                                      {f.mouth_w, f.mouth_y + f.corner}};
    for (int i = 0; i < FACE_POINTS; i++) {
        float x = 0, y = 0;
        toy_face_place(&f, at[i][0], at[i][1], &x, &y);
        out[i].x = f.x0 + f.unit * (f.cosine * x - f.sine * y) - 0.5F;
        out[i].y = f.y0 + f.unit * (f.sine * x + f.cosine * y) - 0.5F;
    }
}

// The colour of pixel (column, row) of a crop.
static void sample(const toy_face *f, const face_transform *t, double column, double row,
                   float rgb[3])
{
    const double *m = t->m;
    float u = ((float)(m[0] * column + m[1] * row + m[2] + 0.5) - f->x0) / f->unit;
    float v = ((float)(m[3] * column + m[4] * row + m[5] + 0.5) - f->y0) / f->unit;
    toy_face_colour(f, f->cosine * u + f->sine * v, f->cosine * v - f->sine * u, rgb);
}

void toy_crop(const toy_person *p, const toy_look *l, int side, face_transform from, int size,
              float *planes)
{
    enum { SAMPLES = 3 }; // of a pixel, along each side
    toy_face f;
    size_t area = (size_t)size * (size_t)size;
    toy_face_make(&f, p, l, (float)side);
    f.soft *= (float)face_scale(from) / SAMPLES;
    for (size_t i = 0; i < area; i++) {
        double x = (double)(i % (size_t)size), y = (double)(i / (size_t)size);
        float sum[3] = {0}, rgb[3];
        for (int k = 0; k < SAMPLES * SAMPLES; k++) {
            double dx = (k % SAMPLES + 0.5) / SAMPLES - 0.5, dy = (k / SAMPLES + 0.5) / SAMPLES;
            sample(&f, &from, x + dx, y + dy - 0.5, rgb);
            for (int c = 0; c < 3; c++) sum[c] += rgb[c];
        }
        for (size_t c = 0; c < 3; c++) planes[c * area + i] = sum[c] / (SAMPLES * SAMPLES);
    }
}

guise_status toy_picture(const toy_person *p, const toy_look *l, int side, base_image *m,
                         base_error *e)
{
    if (side < 8 || side > 1024)
        return base_fail(e, GUISE_BAD_ARGUMENT, "a drawn face has 8 to 1024 pixels, not %d", side);
    float *planes = base_alloc((size_t)side * (size_t)side * 3, sizeof *planes);
    if (!planes) return base_no_memory(e);
    guise_status s = base_image_new(m, side, side, e);
    if (!s) {
        toy_crop(p, l, side, (face_transform){{1, 0, 0, 0, 1, 0}}, side, planes);
        base_image_from_planes(m, planes, false, 255, 0);
    }
    base_free(planes);
    return s;
}

static base_rng stream(const toy_set *s, int person, int photo)
{
    base_rng r = {(uint64_t)(uint32_t)s->seed << 40 ^ (uint64_t)(uint32_t)person << 16 ^
                  (uint64_t)(uint32_t)(photo + 1)};
    base_rng_next(&r); // neighbours part
    return (base_rng){base_rng_next(&r)};
}

void toy_set_at(const toy_set *s, int person, int photo, toy_person *p, toy_look *l)
{
    base_rng who = stream(s, person, -1), how = stream(s, person, photo);
    toy_person_draw(p, &who);
    toy_look_draw(l, &how);
}

void toy_set_name(int person, char name[16]) { snprintf(name, 16, "toy-%04d", person); }

static guise_status check(const toy_set *s, base_error *e)
{
    if (s->people >= 1 && s->people <= 9999 && s->photos >= 1 && s->photos <= 9999 &&
        s->side >= 32 && s->side <= 1024)
        return GUISE_OK;
    return base_fail(e, GUISE_BAD_ARGUMENT,
                     "drawn faces are 1..9999 people with 1..9999 photos of 32..1024 pixels, not "
                     "%d with %d of %d",
                     s->people, s->photos, s->side);
}

static guise_status write_photo(const toy_set *s, const char *dir, int person, int photo,
                                FILE *marks, base_error *e)
{
    toy_person p;
    toy_look l;
    base_image m = {0};
    face_point point[FACE_POINTS];
    char name[16];
    toy_set_name(person, name);
    toy_set_at(s, person, photo, &p, &l);
    char *path = base_format("%s/%s/%04d.png", dir, name, photo);
    guise_status st = path ? toy_picture(&p, &l, s->side, &m, e) : base_no_memory(e);
    if (!st) st = media_photo_write(&m, path, NULL, e);
    toy_points(&p, &l, s->side, point);
    fprintf(marks, "%s/%04d.png", name, photo);
    for (int i = 0; i < FACE_POINTS; i++)
        fprintf(marks, " %.4f %.4f", (double)point[i].x, (double)point[i].y);
    fputc('\n', marks);
    base_image_free(&m);
    base_free(path);
    return st;
}

static guise_status write_person(const toy_set *s, const char *dir, int person, FILE *marks,
                                 base_error *e)
{
    char name[16];
    toy_set_name(person, name);
    char *folder = base_format("%s/%s", dir, name);
    guise_status st = folder ? base_make_dir(folder, e) : base_no_memory(e);
    base_free(folder);
    for (int k = 0; !st && k < s->photos; k++) st = write_photo(s, dir, person, k, marks, e);
    return st;
}

// "<dir>_landmarks5.txt", returned to you.
static char *marks_beside(const char *dir)
{
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') n--;
    return base_format("%.*s_landmarks5.txt", (int)n, dir);
}

guise_status toy_set_write(const toy_set *s, const char *dir, base_error *e)
{
    base_out *out = NULL;
    guise_status st = check(s, e);
    if (st) return st;
    char *path = marks_beside(dir);
    st = path ? base_make_dir(dir, e) : base_no_memory(e);
    if (!st) st = base_out_open(&out, path, e);
    if (!st) {
        FILE *f = base_out_file(out);
        fprintf(f, "# drawn: people %d photos %d side %d seed %d\n", s->people, s->photos, s->side,
                s->seed);
        for (int i = 0; !st && i < s->people; i++) st = write_person(s, dir, i, f, e);
    }
    if (!st) st = base_out_commit(&out, e);
    base_out_close(&out);
    base_free(path);
    return st;
}

guise_status toy_set_read(toy_set *s, const char *dir, base_error *e)
{
    *s = (toy_set){0};
    base_map map = {0};
    char line[160] = "", *path = marks_beside(dir);
    guise_status st = path ? base_map_open(&map, path, e) : base_no_memory(e);
    if (!st) {
        size_t n = map.size < sizeof line - 1 ? map.size : sizeof line - 1;
        memcpy(line, map.data, n);
        base_map_close(&map);
        if (sscanf(line, "# drawn: people %d photos %d side %d seed %d\n", &s->people, &s->photos,
                   &s->side, &s->seed) != 4 ||
            check(s, NULL))
            st = base_fail(e, GUISE_BAD_FILE, "%s is not about drawn faces; guise toy makes them",
                           path);
    }
    base_free(path);
    return st;
}
