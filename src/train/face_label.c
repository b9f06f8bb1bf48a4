// face_label.c -- labels for a face mask where no parser may teach: the face's own colours.
//
// Skin is what looks like the cheeks, the nose and what lies under the eyes. What does not, and is
// connected with the surroundings of the face above its mouth or beside it, is hair, a hat or
// background; what does not and is enclosed by skin is a feature of the face. Single photos are
// labelled wrong in places (shadows, fair hair); a small network that learns from thousands of
// them learns what they have in common. Patches, distances and limits: ours, by looking.
#include "train/face_label.h"
#include <math.h>
#include <string.h>

typedef struct {
    double l, a, b;
} tone;

// Lightness and two opponent colours, all of about 0..1; the square root makes them even to the
// eye.
static tone tone_of(const float *planes, size_t area, size_t i)
{
    double r = sqrt((double)planes[i]), g = sqrt((double)planes[area + i]);
    double b = sqrt((double)planes[2 * area + i]);
    return (tone){(r + g + b) / 3, r - g, (r + g) / 2 - b};
}

// Where skin is sure to be, in radii of the oval.
enum { PATCHES = 7 };
static const double places[PATCHES][2] = {{-0.45, 0.02}, {0.45, 0.02}, {-0.5, 0.22}, {0.5, 0.22},
                                          {0, -0.12},    {0, 0.08},    {0, -0.55}};

typedef struct {
    tone mean[PATCHES];
    int n;
} skin;

static bool patch_mean(const float *planes, int size, const face_oval *o, const double at[2],
                       tone *mean)
{
    size_t area = (size_t)size * (size_t)size;
    double x = o->cx + at[0] * o->wide * o->ux + at[1] * o->high * o->vx;
    double y = o->cy + at[0] * o->wide * o->uy + at[1] * o->high * o->vy, n = 0;
    int reach = (int)fmax(1, 0.09 * o->wide);
    tone sum = {0};
    for (int j = (int)y - reach; j <= (int)y + reach; j++)
        for (int i = (int)x - reach; i <= (int)x + reach; i++) {
            if (i < 0 || j < 0 || i >= size || j >= size) continue;
            tone t = tone_of(planes, area, (size_t)j * (size_t)size + (size_t)i);
            sum.l += t.l, sum.a += t.a, sum.b += t.b;
            n++;
        }
    if (n > 0) *mean = (tone){sum.l / n, sum.a / n, sum.b / n};
    return n > 0;
}

// How different two tones are; light counts less, for it falls from the side.
static double apart(tone p, tone q)
{
    double l = (p.l - q.l) / 0.10, a = (p.a - q.a) / 0.045, b = (p.b - q.b) / 0.06;
    return l * l + a * a + b * b;
}

static double median(double v[], int n)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && v[k] < v[k - 1]; k--) {
            double t = v[k];
            v[k] = v[k - 1], v[k - 1] = t;
        }
    return v[n / 2];
}

// Patches that are unlike the others are no skin after all: glasses, a beard, a fringe.
static skin find_skin(const float *planes, int size, const face_oval *o)
{
    tone all[PATCHES], middle;
    double l[PATCHES], a[PATCHES], b[PATCHES];
    skin s = {.n = 0};
    int n = 0;
    for (int i = 0; i < PATCHES; i++)
        if (patch_mean(planes, size, o, places[i], &all[n])) n++;
    if (!n) return s;
    for (int i = 0; i < n; i++) l[i] = all[i].l, a[i] = all[i].a, b[i] = all[i].b;
    middle = (tone){median(l, n), median(a, n), median(b, n)};
    for (int i = 0; i < n; i++)
        if (apart(all[i], middle) < 6) s.mean[s.n++] = all[i];
    return s;
}

static bool is_skin(const skin *s, tone t)
{
    double least = INFINITY;
    for (int i = 0; i < s->n; i++) least = fmin(least, apart(t, s->mean[i]));
    return least < 3.5;
}

// Everything that a pixel can be.
enum { OUTSIDE, SKIN, OTHER, REACHED };

// The part around the features, which is the face's whatever its colour: brows, eyes, mouth.
static bool in_core(double u, double v)
{
    double y = v < 0.1 ? (v - 0.1) / 0.58 : (v - 0.1) / 0.75;
    return pow(fabs(u) / 0.74, 3) + pow(fabs(y), 3) < 1;
}

static void sort_pixels(const float *planes, int size, const face_oval *o, uint8_t *kind)
{
    size_t area = (size_t)size * (size_t)size;
    skin s = find_skin(planes, size, o);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            size_t i = (size_t)y * (size_t)size + (size_t)x;
            double u, v;
            face_oval_place(o, x, y, &u, &v);
            bool sure = in_core(u, v) || (v > 0.55 && fabs(u) < 0.6); // a beard is the face's
            if (hypot(u, v) >= 1.08)
                kind[i] = OUTSIDE;
            else
                kind[i] = sure || is_skin(&s, tone_of(planes, area, i)) ? SKIN : OTHER;
        }
}

// OTHER that touches OUTSIDE, directly or through OTHER, becomes REACHED.
static void reach_in(uint8_t *kind, int size, int *queue)
{
    int first = 0, last = 0;
    for (int i = size; i < size * (size - 1); i++) {
        int x = i % size;
        if (kind[i] != OTHER || x == 0 || x == size - 1) continue;
        bool inside = kind[i - 1] && kind[i + 1] && kind[i - size] && kind[i + size];
        if (inside) continue;
        kind[i] = REACHED;
        queue[last++] = i;
    }
    while (first < last) {
        int i = queue[first++], x = i % size, y = i / size;
        const int next[4] = {x > 0 ? i - 1 : i, x < size - 1 ? i + 1 : i, y > 0 ? i - size : i,
                             y < size - 1 ? i + size : i};
        for (int k = 0; k < 4; k++)
            if (kind[next[k]] == OTHER) {
                kind[next[k]] = REACHED;
                queue[last++] = next[k];
            }
    }
}

// Sure of what is well inside or outside; half as sure where glasses may sit unnoticed, and not
// at all along the oval, whose place is only a guess.
static float certainty(double u, double v, uint8_t kind)
{
    double r = hypot(u, v);
    if (kind == OTHER) return 0.2F; // enclosed, but no skin
    if (kind == REACHED) return r < 1 ? 1 : 0.5F;
    if (r > 0.97 && r < 1.2) return 0.05F;
    if (fabs(v + 0.3) < 0.16 && fabs(u) < 0.85) return 0.5F;
    return 1;
}

guise_status train_face_label(const float *planes, int size, const face_point point[FACE_POINTS],
                              float *label, float *weight, base_error *e)
{
    size_t area = (size_t)size * (size_t)size;
    face_oval o = face_oval_of(point);
    uint8_t *kind = base_alloc(area, 1);
    int *queue = base_alloc(area, sizeof *queue);
    guise_status s = kind && queue ? GUISE_OK : base_no_memory(e);
    if (!s) {
        sort_pixels(planes, size, &o, kind);
        reach_in(kind, size, queue);
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++) {
                size_t i = (size_t)y * (size_t)size + (size_t)x;
                double u, v;
                face_oval_place(&o, x, y, &u, &v);
                label[i] = kind[i] == SKIN || kind[i] == OTHER;
                weight[i] = certainty(u, v, kind[i]);
            }
    }
    base_free(kind);
    base_free(queue);
    return s;
}
