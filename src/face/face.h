// face.h -- from photos to aligned crops and back: detect, align, crop, mask, paste, recognise.
// Points are pixels, x to the right, y down, the centre of the first pixel at (0, 0).
#ifndef GUISE_FACE_H
#define GUISE_FACE_H
#include "base/image.h"
#include "model/frozen.h"

typedef struct {
    float x, y;
} face_point;

// left and right as seen in the image: eye, eye, nose, mouth corner, mouth corner
enum { FACE_POINTS = 5 };

typedef struct {
    float x0, y0, x1, y1; // box
    float score;          // 0..1
    face_point point[FACE_POINTS];
} face;

typedef struct {
    face *at;
    size_t n, cap;
} face_list;
bool face_list_add(face_list *l, face f); // false when out of memory
void face_list_free(face_list *l);

// (x, y) -> (m0 x + m1 y + m2, m3 x + m4 y + m5).
typedef struct {
    double m[6];
} face_transform;
face_transform face_invert(face_transform t); // zeros where there is no inverse
face_transform face_compose(face_transform first, face_transform second);
face_point face_apply(face_transform t, face_point p);
double face_scale(face_transform t); // of lengths: sqrt |determinant|

// Least-squares similarity (Umeyama 1991: rotation, uniform scale, translation) from -> to.
// Errors: GUISE_BAD_ARGUMENT where all points of from coincide, or one is not a finite number.
guise_status face_similarity(face_transform *t, const face_point *from, const face_point *to, int n,
                             base_error *e);

typedef enum {
    FACE_SIMSWAP, // five poses at 112, the nearest wins (spec/simswap.md 6.2)
    FACE_ARCFACE, // the frontal one of them (T3)
    FACE_FFHQ,    // for 512
    FACE_REID,    // face_reid_0095 at 128
    FACE_TEMPLATES
} face_template;
const char *face_template_name(face_template t); // "simswap", "arcface", "ffhq", "reid"
int face_template_poses(face_template t);        // 5 for FACE_SIMSWAP, else 1
// The pose'th template (0 unless FACE_SIMSWAP) for a crop of size pixels.
void face_template_points(face_template t, int pose, int size, face_point out[FACE_POINTS]);
static const int face_mirrored[FACE_POINTS] = {1, 0, 2, 4, 3}; // which landmark a mirror makes it
// Landmark k of the face in the mirror image of a picture of this width.
face_point face_mirror(const face_point point[FACE_POINTS], int k, int width);
// Where a detector's box lies in a crop of FACE_ARCFACE, its centre and sides as shares of the
// crop's: YuNet's mean over 60 photos of LFW (deviations 0.06, 0.02, 0.03, 0.04).
typedef struct {
    double x, y, w, h;
} face_share;
static const face_share face_box_share = {0.483, 0.590, 0.714, 0.987};
// Landmarks to crop pixels; *pose says which template won (NULL is fine).
guise_status face_align(face_transform *t, const face_point point[FACE_POINTS], face_template name,
                        int size, int *pose, base_error *e);

// crop = image sampled under the inverse of t, bilinear, black outside; size x size, new.
// Pixel-exact (+-1) with OpenCV's warpAffine, whose weights are quantised to 1/32.
guise_status face_crop(base_image *crop, const base_image *m, face_transform t, int size,
                       base_error *e);
// The same, but a face that is at least twice as large as its crop is first shrunk by a whole
// number, averaging, so that fine texture does not alias. Equal to face_crop otherwise.
guise_status face_crop_smooth(base_image *crop, const base_image *m, face_transform t, int size,
                              base_error *e);
// The picture in w x h pixels, each the average of the area it covers. To shrink.
guise_status face_shrink(base_image *to, const base_image *from, int w, int h, base_error *e);

// Masks: planes [size,size] of the crop, 0 keeps the target, 1 takes the swapped face.

// Soft erosion, in place (spec/simswap.md 6.5, step 4).
guise_status face_soft_erode(float *mask, int size, base_error *e);
// Skin and features from 19-class labels of 512 x 512 (spec/simswap.md 6.5, steps 2 to 4).
guise_status face_label_mask(const uint8_t *labels, int size, float *mask, base_error *e);
// The oval of a face by its landmarks, in the same pixels.
typedef struct {
    double cx, cy, ux, uy, vx, vy; // centre; unit vectors across, and down the face
    double wide, high;             // its radii
} face_oval;
face_oval face_oval_of(const face_point point[FACE_POINTS]);
// (u, v): (x, y) in radii from the centre; on the oval u^2 + v^2 is 1. The eyes lie near v = -0.3,
// the mouth near 0.44.
void face_oval_place(const face_oval *o, double x, double y, double *u, double *v);
// A soft oval around the face whose landmarks (crop pixels) these are: 1 on the features, falling
// to 0 at the cheek line, and to 0 at the edges of the crop whatever the pose.
//   feather  width of the fall as a share of the oval's radius, 0 means 0.35
void face_oval_mask(const face_point point[FACE_POINTS], int size, double feather, float *mask);

// A network that says which pixels show the face, and not what lies in front of it (model/own.h).
typedef struct face_masker face_masker;
// Errors: GUISE_IO, GUISE_BAD_FILE for what is no such network, GUISE_NO_MEMORY.
guise_status face_masker_open(face_masker **m, const char *path, base_error *e);
void face_masker_close(face_masker **m);
// mask [size,size] 0..1 of the crop that t cuts from the photo, of the face at point.
guise_status face_masker_run(face_masker *m, const base_image *photo,
                             const face_point point[FACE_POINTS], face_transform t, int size,
                             float *mask, base_error *e);

// Looks: planes [3,size,size] RGB 0..1; where the mask is 0 nothing is read and nothing changes.

// Give planes the mean and spread of target's colours (Reinhard et al. 2001, in Oklab), weighted by
// the mask. strength 0..1. Spreads change by a factor of 1.5 at most.
void face_match_colour(float *planes, const float *target, const float *mask, int size,
                       double strength);
// Mean length of the luma gradient in the mask, per pixel; 0 for an empty mask.
double face_sharpness(const float *planes, const float *mask, int size);
// Unsharp masking (radius one pixel) until planes is as sharp as target, or by most; never blurs.
//   most  largest amount, 0 means 1.5
// Returns through *amount (NULL is fine) how much it took.
guise_status face_match_sharpness(float *planes, const float *target, const float *mask, int size,
                                  double most, double *amount, base_error *e);
// Where planes are lighter, darker or of another tint than target over more than a tenth of the
// crop, they are made alike; what differs faster, the features, stays.
guise_status face_match_light(float *planes, const float *target, const float *mask, int size,
                              base_error *e);
// All of it: colours as a whole, then the target's light from place to place, then sharpness.
guise_status face_match_looks(float *planes, const float *target, const float *mask, int size,
                              base_error *e);
// planes = mask planes + (1 - mask) target (spec/simswap.md 6.5, step 5).
void face_blend(float *planes, const float *target, const float *mask, int size);

// Paste-back (spec/simswap.md 6.5). Only the rectangle of the frame that the crop covers is
// touched; where the weight of the crop is 0, bytes stay. Values are rounded and clipped to
// 0..255; SimSwap's scripts truncate, and let values outside wrap around.
typedef struct {
    int size;            // of the crop
    const float *planes; // borrowed: [3,size,size] RGB 0..1, the swapped crop
    const float *mask;   // borrowed: [size,size] 0..1, or NULL for the box alone
    const float *target; // borrowed: the crop before it was swapped, or NULL. What the frame shows
                         // finer than the crop does, its grain and pores, is then put back, and
                         // the crop is made larger by cubics, not by lines as SimSwap does
    int erode, blur;     // box mask: side of the erosion and of the blur (odd) in pixels of the
                         // frame; 0 means 40 and 41, as SimSwap; negative: none
} face_patch;
guise_status face_paste(base_image *frame, face_transform t, const face_patch *p, base_error *e);
// The box mask alone, over the rectangle x0 <= x < x0 + w, y0 <= y < y0 + h of a frame; new, to be
// released by base_free. w is 0 where the crop lies outside the frame.
typedef struct {
    int x0, y0, w, h;
    float *at; // [h,w] 0..1
} face_box;
guise_status face_box_mask(face_box *b, int frame_w, int frame_h, face_transform t, int size,
                           int erode, int blur, base_error *e);

// A face of nobody: many people brought onto their mean shape, averaged.
typedef struct {
    const base_image *photo; // borrowed
    face_point point[FACE_POINTS];
    double weight; // > 0
} face_part;
// Align all by the template, then, in three rounds, bend each to the mean of all by a dense smooth
// field (flow.h), so that eyes and lips stay sharp, and average with the weights.
//   n     at least 2; more than 20 to be nobody: measure it. About 1.5 MB each at a size of 512
//   size  side of the result in pixels, 16 to 4096
guise_status face_average(base_image *out, const face_part *part, size_t n, face_template name,
                          int size, base_error *e);

// Detection: YuNet (Wu et al. 2023) through the ONNX reader, planned for each padded size once.
typedef struct face_detector face_detector;
typedef struct {
    double score;   // least score, 0 means 0.6
    double overlap; // non-maximum suppression, 0 means 0.3
    int side;       // photos are shrunk so that the longer side is this; 0 means 640
    bool quick; // the first look alone, its scores and landmarks: the detector looks no closer, and
                // landmarks are not the mean of more looks
} face_detect_options;
guise_status face_detector_open(face_detector **d, const char *path, base_error *e);
void face_detector_close(face_detector **d);
// All faces, best score first. *best (NULL is fine) is the best score seen, also of rejected ones.
// o may be NULL. Finding none is no error.
guise_status face_detect(face_detector *d, const base_image *m, const face_detect_options *o,
                         face_list *out, float *best, base_error *e);
// A detector of ours may look closer at each face (model/own.h): at a crop of side 64 in which the
// landmarks as known so far lie near these places. Scores are then the root of both looks' product.
enum { FACE_CLOSER = 64 };
void face_closer_points(face_point place[FACE_POINTS]);
// From the photo's pixels to that crop's. Errors: as face_align.
guise_status face_closer_align(face_transform *t, const face_point point[FACE_POINTS],
                               base_error *e);
// Its parts. Raw outputs of one stride: cls, obj [h*w], bbox [h*w,4], kps [h*w,10]. Cells of at
// least `least` become faces. Returns false when out of memory; *best rises to the best score.
typedef struct {
    int stride, w, h; // of the grid
    const float *cls, *obj, *bbox, *kps;
} face_level;
bool face_decode(face_list *out, face_level l, double least, float *best);
double face_overlap(const face *a, const face *b); // intersection over union of the boxes
// Sort by falling score and drop what overlaps a better one by more than this share of the union,
// or lies in it, or around it, by nine tenths of the smaller.
void face_suppress(face_list *l, double overlap);
// Of faces whose landmarks lie together, by half the distance of the eyes on average, the first.
void face_drop_twins(face_list *l);

// Recognition: an ONNX network from an aligned crop to an identity vector. Networks of 112 pixels
// take RGB 0..255 aligned to FACE_ARCFACE, of 128 pixels BGR 0..255 aligned to FACE_REID.
typedef struct face_recogniser face_recogniser;
guise_status face_recogniser_open(face_recogniser **r, const char *path, base_error *e);
void face_recogniser_close(face_recogniser **r);
size_t face_recogniser_length(const face_recogniser *r); // of the vector
// vector: unit length. The crop is made here, by the template that the network wants.
guise_status face_recognise(face_recogniser *r, const base_image *m,
                            const face_point point[FACE_POINTS], float *vector, base_error *e);

#endif
