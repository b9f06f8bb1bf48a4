// align.c -- where networks want eyes, nose and mouth, and the map that takes a face there.
#include "face/face.h"
#include <math.h>

enum { POSES = 5 };

// SimSwap's five poses for 112 pixels (spec/simswap.md 6.2); the third is the template that
// recognisers of the ArcFace family use (Deng et al. 2019).
static const face_point simswap[POSES][FACE_POINTS] = {
    {{51.642F, 50.115F},
     {57.617F, 49.990F},
     {35.740F, 69.007F},
     {51.157F, 89.050F},
     {57.025F, 89.702F}},
    {{45.031F, 50.118F},
     {65.568F, 50.872F},
     {39.677F, 68.111F},
     {45.177F, 86.190F},
     {64.246F, 86.758F}},
    {{39.730F, 51.138F},
     {72.270F, 51.138F},
     {56.000F, 68.493F},
     {42.463F, 87.010F},
     {69.537F, 87.010F}},
    {{46.845F, 50.872F},
     {67.382F, 50.118F},
     {72.737F, 68.111F},
     {48.167F, 86.758F},
     {67.236F, 86.190F}},
    {{54.796F, 49.990F},
     {60.771F, 50.115F},
     {76.673F, 69.007F},
     {55.388F, 89.702F},
     {61.257F, 89.050F}},
};
enum { FRONTAL = 2 };

// Mean landmarks of FFHQ (Karras et al. 2019) as SimSwap uses them for 512 pixels, same section.
static const face_point ffhq[FACE_POINTS] = {{192.98138F, 239.94708F},
                                             {318.90277F, 240.1936F},
                                             {256.63416F, 314.01935F},
                                             {201.26117F, 371.41043F},
                                             {313.08905F, 371.15118F}};

// Shares of the side, from the model card of face-reidentification-retail-0095 (Open Model Zoo).
static const face_point reid[FACE_POINTS] = {{0.31556875F, 0.46157410F},
                                             {0.68262290F, 0.46157410F},
                                             {0.50026249F, 0.64050535F},
                                             {0.34947187F, 0.82469195F},
                                             {0.65343645F, 0.82469195F}};

const char *face_template_name(face_template t)
{
    static const char *const names[FACE_TEMPLATES] = {"simswap", "arcface", "ffhq", "reid"};
    return (unsigned)t < FACE_TEMPLATES ? names[t] : "unknown";
}

int face_template_poses(face_template t) { return t == FACE_SIMSWAP ? POSES : 1; }

void face_template_points(face_template t, int pose, int size, face_point out[FACE_POINTS])
{
    const face_point *p = t == FACE_SIMSWAP && pose >= 0 && pose < POSES ? simswap[pose]
                          : t == FACE_FFHQ                               ? ffhq
                          : t == FACE_REID                               ? reid
                                                                         : simswap[FRONTAL];
    double k = size / (t == FACE_FFHQ ? 512.0 : t == FACE_REID ? 1.0 : 112.0);
    for (int i = 0; i < FACE_POINTS; i++)
        out[i] = (face_point){(float)(p[i].x * k), (float)(p[i].y * k)};
}

guise_status face_align(face_transform *t, const face_point point[FACE_POINTS], face_template name,
                        int size, int *pose, base_error *e)
{
    if (size < 1) return base_fail(e, GUISE_BAD_ARGUMENT, "a crop of %d pixels is none", size);
    double least = INFINITY;
    for (int i = 0; i < face_template_poses(name); i++) {
        face_point to[FACE_POINTS];
        face_template_points(name, i, size, to);
        face_transform a;
        guise_status s = face_similarity(&a, point, to, FACE_POINTS, e);
        if (s) return s;
        double sum = 0; // of distances, not of squares
        for (int j = 0; j < FACE_POINTS; j++) {
            double x = a.m[0] * point[j].x + a.m[1] * point[j].y + a.m[2] - to[j].x;
            double y = a.m[3] * point[j].x + a.m[4] * point[j].y + a.m[5] - to[j].y;
            sum += hypot(x, y);
        }
        if (sum >= least) continue;
        least = sum;
        *t = a;
        if (pose) *pose = i;
    }
    return GUISE_OK;
}

face_point face_mirror(const face_point point[FACE_POINTS], int k, int width)
{
    face_point p = point[face_mirrored[k]];
    return (face_point){(float)(width - 1) - p.x, p.y};
}
