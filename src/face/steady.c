// steady.c -- steadier landmarks: the mean of several looks at the face, upright and close up.
// YuNet's points wander by about 5 % of the distance of the eyes when a photo is mirrored or
// shown at another size, as if at random; the mean of four looks wanders half as much.
#include "face/detect.h"
#include <math.h>

enum { SIDE = 256 }; // of the close-up

static const double sizes[] = {0.8, 1.15}; // of the close-up, 1: eyes 65 pixels apart

// Landmarks to the close-up: FACE_ARCFACE's positions, drawn together around the middle.
static guise_status close_up(face_transform *t, const face_point p[FACE_POINTS], int side,
                             double size, bool mirror, base_error *e)
{
    guise_status s = face_align(t, p, FACE_ARCFACE, side, NULL, e);
    double k = size * 0.875, c = (side - 1) / 2.0; // of 256, the template's eyes are 74 apart
    face_transform near = {{k, 0, c - k * c, 0, k, c - k * c}};
    face_transform flip = {{-1, 0, side - 1, 0, 1, 0}};
    if (!s) *t = face_compose(*t, near);
    if (!s && mirror) *t = face_compose(*t, flip);
    return s;
}

// The face of the list whose points are nearest to want, in the photo's pixels; false where none
// is nearer than a quarter of the distance of the eyes to the mouth.
static bool same_face(const face_list *l, face_transform back, bool mirror,
                      const face_point want[FACE_POINTS], face_point got[FACE_POINTS])
{
    double mouth_x = (want[3].x + want[4].x - want[0].x - want[1].x) / 2.0;
    double mouth_y = (want[3].y + want[4].y - want[0].y - want[1].y) / 2.0;
    double nearest = 0.25 * hypot(mouth_x, mouth_y);
    bool found = false;
    for (size_t i = 0; i < l->n; i++) {
        face_point p[FACE_POINTS];
        double far = 0;
        for (int j = 0; j < FACE_POINTS; j++) {
            p[j] = face_apply(back, l->at[i].point[mirror ? face_mirrored[j] : j]);
            far = fmax(far, hypot(p[j].x - want[j].x, p[j].y - want[j].y));
        }
        if (!(far < nearest)) continue;
        nearest = far;
        found = true;
        for (int j = 0; j < FACE_POINTS; j++) got[j] = p[j];
    }
    return found;
}

guise_status detect_steady(face_detector *d, const base_image *m, face *f, base_error *e)
{
    double x[FACE_POINTS] = {0}, y[FACE_POINTS] = {0};
    int looks = 0, side = detect_side(d) < SIDE ? detect_side(d) : SIDE;
    for (int i = 0; i < 4; i++) {
        bool mirror = i & 1;
        face_transform t;
        base_image view;
        face_list l = {0};
        face_point got[FACE_POINTS] = {{0, 0}};
        float best = 0;
        if (close_up(&t, f->point, side, sizes[i / 2], mirror, NULL))
            return GUISE_OK; // points coincide
        guise_status s = face_crop_smooth(&view, m, t, side, e);
        if (!s) s = detect_look(d, &view, 0.3, &l, &best, e);
        base_image_free(&view);
        face_suppress(&l, 0.3);
        if (!s && same_face(&l, face_invert(t), mirror, f->point, got)) {
            for (int j = 0; j < FACE_POINTS; j++) x[j] += got[j].x, y[j] += got[j].y;
            looks++;
        }
        face_list_free(&l);
        if (s) return s;
    }
    for (int j = 0; j < FACE_POINTS && looks > 0; j++)
        f->point[j] = (face_point){(float)(x[j] / looks), (float)(y[j] / looks)};
    return GUISE_OK;
}
