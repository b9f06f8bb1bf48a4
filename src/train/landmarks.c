// landmarks.c -- pose and mouth by a frozen detector: it says where eyes, nose and mouth are and
// was never taught whose they are, so that what it says binds the pose and leaves the identity.
#include "train/landmarks.h"
#include <string.h>

enum { COORDINATES = 10, MOST_OUTPUTS = 16 };

static guise_status find(const train_landmarks *l, const char *what, int stride, const char *path,
                         size_t *at, base_error *e)
{
    char name[32];
    snprintf(name, sizeof name, "%s_%d", what, stride);
    for (*at = 0; *at < l->outputs; ++*at)
        if (!strcmp(model_frozen_output(l->network, *at), name)) return GUISE_OK;
    return base_fail(e, GUISE_BAD_FILE,
                     "%s has no output %s: give a detector such as weights/face-detector", path,
                     name);
}

guise_status train_landmarks_open(train_landmarks *l, const char *path, base_error *e)
{
    *l = (train_landmarks){0};
    guise_status s = model_frozen_open(&l->network, path, e);
    if (s) return s;
    l->outputs = model_frozen_outputs(l->network);
    if (model_frozen_inputs(l->network) != 1 || l->outputs > MOST_OUTPUTS)
        s = base_fail(e, GUISE_BAD_FILE, "%s is no detector: it has other inputs or outputs", path);
    for (int i = 0; !s && i < TRAIN_STRIDES; i++) {
        s = find(l, "cls", 8 << i, path, &l->class_of[i], e);
        if (!s) s = find(l, "obj", 8 << i, path, &l->object_of[i], e);
        if (!s) s = find(l, "kps", 8 << i, path, &l->points_of[i], e);
    }
    if (s) train_landmarks_close(l);
    return s;
}

void train_landmarks_close(train_landmarks *l)
{
    model_frozen_close(&l->network);
    *l = (train_landmarks){0};
}

static void look(const train_landmarks *l, tg_node *img, tg_node *out[MOST_OUTPUTS])
{
    tg_node *bgr = tg_flip(tg_scale(img, 255), 1);
    model_frozen_build(l->network, tg_graph_of(img), (tg_node *[]){bgr}, out);
}

tg_node *train_landmarks_loss(const train_landmarks *l, tg_node *made, tg_node *target)
{
    tg_node *got[MOST_OUTPUTS] = {NULL}, *want[MOST_OUTPUTS] = {NULL}, *sum = NULL, *all = NULL;
    if (!made || !target) return NULL;
    look(l, made, got);
    look(l, target, want);
    tg_shape rows = TG_SHAPE(tg_dim(target, 0), 1, 1);
    for (int i = 0; i < TRAIN_STRIDES; i++) {
        double sides = (double)(8 << i) / (double)tg_dim(target, 3);
        tg_node *score = tg_detach(tg_mul(want[l->class_of[i]], want[l->object_of[i]]));
        tg_node *off = tg_abs(tg_sub(got[l->points_of[i]], tg_detach(want[l->points_of[i]])));
        off = tg_scale(tg_sum_to(tg_mul(off, score), rows), sides / COORDINATES);
        score = tg_sum_to(score, rows);
        sum = sum ? tg_add(sum, off) : off;
        all = all ? tg_add(all, score) : score;
    }
    return tg_mean(tg_div(sum, tg_shift(all, 1e-3))); // a target without a face binds nothing
}
