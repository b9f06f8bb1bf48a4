// form.c -- pose and expression by a frozen face model, which knows more of a mouth than its
// corners and says apart what is the person's and what is not.
#include "train/form.h"
#include "face/face.h"

enum { SIDE = 120, POSE = 12, SHAPE = 40, EXPRESSION = 10, NUMBERS = POSE + SHAPE + EXPRESSION };

void train_form_close(train_form *f) { model_frozen_close(&f->network); }

// What the model sees of crops: as 3DDFA_V2 cuts it (utils/functions.py, parse_roi_box_from_bbox),
// a square of 1.58 times the mean of the box's sides, its centre lowered by 0.14 of that mean. It
// is larger than the crop, outside of which it is black.
static tg_node *see(const train_form *f, tg_node *img)
{
    if (!img) return NULL;
    tg_graph *g = tg_graph_of(img);
    tg_shape s = tg_shape_of(img);
    face_share box = face_box_share;
    double mean = (box.w + box.h) / 2, side = 1.58 * mean;
    double k = side * (double)s.dim[3] / SIDE;
    double x = (box.x - side / 2) * (double)s.dim[3];
    double y = (box.y + 0.14 * mean - side / 2) * (double)s.dim[2];
    // centres of pixels lie half a pixel from their corners
    const float map[6] = {(float)k, 0,        (float)(x + k / 2 - 0.5),
                          0,        (float)k, (float)(y + k / 2 - 0.5)};
    tg_node *row = tg_const(g, TG_SHAPE(1, 6), map);
    tg_node *cut = tg_warp(img, tg_expand(row, TG_SHAPE(s.dim[0], 6)), SIDE, SIDE);
    cut = tg_affine(tg_flip(cut, 1), 255.0 / 128, -127.5 / 128);
    tg_node *out = NULL;
    model_frozen_build(f->network, g, &cut, &out);
    return out;
}

guise_status train_form_open(train_form *f, const char *path, base_error *e)
{
    tg_shape in = {0};
    *f = (train_form){0};
    guise_status s = model_frozen_open(&f->network, path, e);
    if (s) return s;
    if (model_frozen_inputs(f->network) == 1) model_frozen_input(f->network, 0, &in);
    tg_graph *g = tg_new();
    bool ok = in.rank == 4 && in.dim[1] == 3 && in.dim[2] == SIDE && in.dim[3] == SIDE &&
              model_frozen_outputs(f->network) == 1;
    tg_node *y = g && ok ? see(f, tg_input(g, TG_SHAPE(2, 3, SIDE, SIDE), "img")) : NULL;
    ok = y && !tg_error(g) && tg_count(tg_shape_of(y)) == (int64_t)2 * NUMBERS;
    if (!g)
        s = base_no_memory(e);
    else if (!ok)
        s = base_fail(e, GUISE_BAD_FILE,
                      "%s is no face model that is known here: it should make 62 numbers of "
                      "3 x 120 x 120, as 3DDFA_V2's MobileNet does",
                      path);
    tg_free(g);
    if (s) train_form_close(f);
    return s;
}

tg_node *train_form_loss(const train_form *f, tg_node *made, tg_node *target)
{
    tg_node *got = see(f, made), *want = see(f, target);
    if (!got || !want) return NULL;
    int64_t n = tg_dim(made, 0);
    tg_node *off = tg_abs(tg_sub(tg_reshape(got, TG_SHAPE(n, NUMBERS)),
                                 tg_detach(tg_reshape(want, TG_SHAPE(n, NUMBERS)))));
    tg_node *pose = tg_slice(off, 1, 0, POSE), *rest = tg_slice(off, 1, POSE + SHAPE, EXPRESSION);
    return tg_scale(tg_add(tg_sum(pose), tg_sum(rest)), 1.0 / (double)(n * (POSE + EXPRESSION)));
}
