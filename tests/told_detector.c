// told_detector.c -- weights of a detector that are zero but for the last biases.
#include "told_detector.h"
#include "model/card.h"
#include "model/own.h"
#include "test.h"
#include "weights/weights.h"

const float told_off[10] = {0.1F, 0.02F, -0.05F, 0.04F, 0.01F, -0.03F, 0.02F, 0.06F, 0.03F, 0};

enum { STRIDE = 32 };
#define AT(x, y) (x) * STRIDE, (y)*STRIDE
const float told_points[10] = {AT(1.1F, 1.2F), AT(1.9F, 1.3F), AT(1.5F, 1.6F), AT(1.2F, 1.9F),
                               AT(1.8F, 1.9F)};

static void set_entry(nn_params *p, const char *name, const float *from, float value)
{
    const nn_entry *x = nn_params_find(p, name);
    CHECK(x != NULL);
    for (size_t i = 0; x && i < x->count; i++)
        nn_params_data(p)[x->offset + i] = from ? from[i] : value;
}

static void say(nn_params *p, float first, float second, bool closer)
{
    static const float box[4] = {1.5F, 1.5F, 0.66F, 0.66F};
    static const char *const heads[] = {"score", "box", "points"};
    float points[10];
    for (int i = 0; i < 10; i++) points[i] = told_points[i] / STRIDE;
    for (int l = 0; l < 3; l++)
        for (int i = 0; i < 3; i++) {
            char name[64];
            snprintf(name, sizeof name, "head%d.%s.weight", l, heads[i]);
            set_entry(p, name, NULL, 0);
            snprintf(name, sizeof name, "head%d.%s.bias", l, heads[i]);
            // 4.6: where scores begin (face_detector.c)
            set_entry(p, name, i == 1 ? box : i == 2 ? points : NULL, l == 2 ? first + 4.6F : -9);
        }
    if (!closer) return;
    set_entry(p, "closer.score.weight", NULL, 0);
    set_entry(p, "closer.score.bias", NULL, second);
    set_entry(p, "closer.points.weight", NULL, 0);
    set_entry(p, "closer.points.bias", told_off, 0);
}

bool told_detector_write(const char *path, float first, float second, bool closer)
{
    const model_face_detector_options o = {.width = 4, .closer = closer};
    model_face_level level[MODEL_FACE_LEVELS];
    model_face_closer look;
    nn_params *p = NULL;
    base_tensors t = {0};
    base_error e = {{0}};
    tg_graph *g = tg_new();
    tg_node *img = tg_input(g, TG_SHAPE(1, 3, 64, 64), "img");
    bool ok = !nn_params_open(&p, &e);
    nn m = nn_root(p, g, false);
    ok = ok && model_face_detector(m, img, &o, level);
    if (closer) ok = ok && model_face_look_closer(nn_at(m, "closer"), img, &look);
    ok = ok && !nn_settle(p, 5, &e);
    if (ok) say(p, first, second, closer);
    ok = ok && !nn_save(p, NULL, &t, &e) &&
         base_tensors_set_meta(&t, CARD_NETWORK, "face-detector") &&
         base_tensors_set_meta(&t, CARD_SIZE, "0") &&
         base_tensors_set_meta(&t, CARD_OPTIONS, closer ? "width=4 closer=yes" : "width=4") &&
         !weights_safetensors_write(&t, path, &e);
    CHECK(ok);
    base_tensors_free(&t);
    nn_params_close(&p);
    tg_free(g);
    return ok;
}
