// toy.h -- drawn faces of nobody, to try and to test training with: who a face is and how it is
// shown are known numbers, so the right swap, the one person shown as the other one is, can be
// drawn too.
//
// All numbers lie in -1..1 and are drawn evenly. Hair belongs to how a face is shown, as in a
// swap, where the target keeps it.
#ifndef GUISE_TRAIN_TOY_H
#define GUISE_TRAIN_TOY_H
#include "face/face.h"

typedef enum {
    TOY_SKIN,       // pale to dark
    TOY_TINT,       // olive to pink
    TOY_WIDTH,      // of the head
    TOY_JAW,        // pointed to square
    TOY_EYES_APART, // near to far
    TOY_EYE_SIZE,
    TOY_EYE_SLANT,  // outer corners down to up
    TOY_EYE_COLOUR, // brown, green, blue
    TOY_BROW_THICK,
    TOY_BROW_ARCH,
    TOY_BROW_HIGH,
    TOY_BROW_DARK,
    TOY_NOSE_LONG,
    TOY_NOSE_WIDE,
    TOY_MOUTH_WIDE,
    TOY_LIPS, // thin to full
    TOY_LIP_RED,
    TOY_BEARD, // none below -0.2, then more
    TOY_TRAITS
} toy_trait;

typedef enum {
    TOY_RIGHT, // shift, by 0.04 of the side
    TOY_DOWN,
    TOY_NEAR,   // scale, by 8 %
    TOY_ROLL,   // by 12 degrees
    TOY_TURN,   // about the vertical, by 24 degrees
    TOY_NOD,    // up to down
    TOY_OPEN,   // mouth closed below -0.3, then opening
    TOY_SMILE,  // corners down to up
    TOY_LIDS,   // half closed to wide
    TOY_LIFT,   // brows
    TOY_GAZE_X, // left to right
    TOY_GAZE_Y,
    TOY_LIGHT_X, // where light comes from
    TOY_LIGHT_Y,
    TOY_LIGHT, // soft to hard
    TOY_GAIN,  // of all colours, by 15 %
    TOY_WARM,  // blue to red cast
    TOY_HAIR,  // fair to black
    TOY_HAIR_RED,
    TOY_HAIR_LONG,
    TOY_HAIR_LINE,  // high to low
    TOY_BACK_RED,   // background, its upper part
    TOY_BACK_GREEN, //
    TOY_BACK_BLUE,
    TOY_BACK_FALL,   // darker to lighter downwards
    TOY_CLOTH_RED,   //
    TOY_CLOTH_GREEN, //
    TOY_CLOTH_BLUE,
    TOY_WAYS
} toy_way;

typedef struct {
    float trait[TOY_TRAITS];
} toy_person;
typedef struct {
    float way[TOY_WAYS];
} toy_look;

void toy_person_draw(toy_person *p, base_rng *r);
void toy_look_draw(toy_look *l, base_rng *r);
// Their eyes, tip of the nose and corners of the mouth in pixels, exactly.
void toy_points(const toy_person *p, const toy_look *l, int side, face_point out[FACE_POINTS]);
// What a crop of size x size pixels sees of the picture: planes [3,size,size] RGB 0..1.
//   from  the map from the crop's pixels to those of the picture
void toy_crop(const toy_person *p, const toy_look *l, int side, face_transform from, int size,
              float *planes);
// The picture itself, 8 to 1024 pixels.
guise_status toy_picture(const toy_person *p, const toy_look *l, int side, base_image *m,
                         base_error *e);

// Many people with several photos each. All follows from these numbers.
typedef struct {
    int people, photos; // of each
    int side;           // of a photo, 32..1024
    int seed;
} toy_set;
void toy_set_at(const toy_set *s, int person, int photo, toy_person *p, toy_look *l);
void toy_set_name(int person, char name[16]); // "toy-0012": the folder
// DIR/toy-0012/0003.png and DIR_landmarks5.txt, whose first line holds the numbers of the set.
// Errors: GUISE_BAD_ARGUMENT, GUISE_IO, GUISE_NO_MEMORY.
guise_status toy_set_write(const toy_set *s, const char *dir, base_error *e);
guise_status toy_set_read(toy_set *s, const char *dir, base_error *e); // from that line

// toy_paint.c: a face in its own coordinates: x to the right, y down, half the height of the head
// is 1, the eyes lie at about y = -0.13, the mouth at 0.5.

typedef struct {
    float sine, cosine, unit, x0, y0; // from pixels: of the roll; pixels of half a head; centre
    float turn, nod;                  // radians; shift of features
    float width, jaw;                 // of the head: half; power of its lower outline
    float eye_x, eye_y, eye_w, eye_h, slant;
    float brow_y, brow_t, brow_arch;
    float nose_y, nose_w;
    float mouth_y, mouth_w, corner, middle, gap, lip; // corner, middle: below mouth_y
    float light[3], hard;                             // direction; share of directed light
    float gain[3];
    float skin[3], iris[3], brow[3], lips[3], hair[3], back[3], cloth[3];
    float beard, fall, hair_line, hair_end, gaze[2];
    float soft; // width of an edge: a pixel
} toy_face;
void toy_face_make(toy_face *f, const toy_person *p, const toy_look *l, float side);
// From the picture to the front of the head turned towards us, and back.
void toy_face_front(const toy_face *f, float x, float y, float *front_x, float *front_y);
void toy_face_place(const toy_face *f, float front_x, float front_y, float *x, float *y);
void toy_face_colour(const toy_face *f, float x, float y, float rgb[3]); // x, y: of the picture

#endif
