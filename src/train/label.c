// label.c -- where the face is in a crop, by a face parser: its labels, taken together.
// Classes of CelebAMask-HQ as zllrunning/face-parsing.PyTorch numbers them; those that count are
// what MingtaoGuo/StyleSwap takes for its masks (spec/styleswap.md 5.2).
#include "train/label.h"
#include "model/model.h"
#include "weights/weights.h"
#include <string.h>

enum { SIDE = 512, CLASSES = MODEL_PARSING_CLASSES }; // the side that the parser was trained on

static guise_status build(train_label *l, const base_tensors *t, base_error *e)
{
    l->graph = tg_new();
    l->img = base_alloc((size_t)3 * SIDE * SIDE, sizeof *l->img);
    guise_status s = nn_params_open(&l->params, e);
    if (!s && !(l->graph && l->img)) s = base_no_memory(e);
    if (s) return s;
    tg_node *img = tg_input(l->graph, TG_SHAPE(1, 3, SIDE, SIDE), "img");
    model_parsing_options o = {0};
    tg_node *out =
        model_parsing(nn_root(l->params, l->graph, false), model_normalise(img), &o, NULL);
    l->logits = out;
    s = nn_settle(l->params, 1, e);
    if (!s) s = nn_load(l->params, t, false, e);
    if (!s) s = tg_plan_open(&l->plan, l->graph, &out, 1, &(tg_plan_options){.train = true}, e);
    if (!s) s = nn_bind(l->params, l->graph, l->plan, e);
    return s ? s : tg_plan_bind(l->plan, img, l->img, e);
}

// Every weight must be in the file: a parser with random ones would teach nonsense.
static guise_status check_file(const train_label *l, const base_tensors *t, const char *path,
                               base_error *e)
{
    for (size_t i = 0; i < nn_params_n(l->params); i++) {
        const nn_entry *entry = nn_params_entry(l->params, i);
        bool auxiliary =
            !strncmp(entry->name, "conv_out16", 10) || !strncmp(entry->name, "conv_out32", 10);
        if (entry->kind == NN_COUNTER || auxiliary || base_tensors_find(t, entry->name)) continue;
        return base_fail(e, GUISE_BAD_FILE,
                         "%s has no tensor %s: give the weights of a face parser (BiSeNet with 19 "
                         "classes)",
                         path, entry->name);
    }
    return GUISE_OK;
}

guise_status train_label_open(train_label *l, const char *path, base_error *e)
{
    *l = (train_label){0};
    base_tensors t = {0};
    guise_status s = weights_read(&t, path, e);
    if (!s) s = build(l, &t, e);
    if (!s) s = check_file(l, &t, path, e);
    base_tensors_free(&t);
    if (s) train_label_close(l);
    return s;
}

void train_label_close(train_label *l)
{
    tg_plan_close(&l->plan);
    tg_free(l->graph);
    nn_params_close(&l->params);
    base_free(l->img);
    *l = (train_label){0};
}

// The crop in the parser's size: nearest, or bilinear between pixels' centres.
static void enlarge(const float *planes, int size, float *img)
{
    double step = (double)size / SIDE;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double u = (x + 0.5) * step - 0.5, v = (y + 0.5) * step - 0.5;
            u = u < 0 ? 0 : u > size - 1 ? size - 1 : u;
            v = v < 0 ? 0 : v > size - 1 ? size - 1 : v;
            int i = u < size - 1 ? (int)u : size - 2, j = v < size - 1 ? (int)v : size - 2;
            float fx = (float)(u - i), fy = (float)(v - j);
            for (int c = 0; c < 3; c++) {
                const float *p = planes + ((size_t)c * (size_t)size + (size_t)j) * (size_t)size + i;
                float top = p[0] + (p[1] - p[0]) * fx;
                float low = p[size] + (p[size + 1] - p[size]) * fx;
                img[(c * SIDE + y) * SIDE + x] = top + (low - top) * fy;
            }
        }
}

static bool is_face(const float *logits, int at)
{
    static const bool counts[CLASSES] = {
        [1] = true, [2] = true,  [3] = true,  [4] = true,  [5] = true,
        [6] = true, [10] = true, [11] = true, [12] = true, [13] = true};
    int best = 0;
    for (int c = 1; c < CLASSES; c++)
        if (logits[c * SIDE * SIDE + at] > logits[best * SIDE * SIDE + at]) best = c;
    return counts[best];
}

guise_status train_label_mask(train_label *l, const float *planes, int size, float *mask,
                              base_error *e)
{
    if (size < 2 || size > SIDE)
        return base_fail(e, GUISE_BAD_ARGUMENT, "masks by a face parser go up to %d pixels, not %d",
                         SIDE, size);
    enlarge(planes, size, l->img);
    guise_status s = tg_plan_run(l->plan, e);
    if (s) return s;
    const float *logits = tg_plan_value(l->plan, l->logits);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            int x0 = x * SIDE / size, x1 = (x + 1) * SIDE / size, face = 0;
            int y0 = y * SIDE / size, y1 = (y + 1) * SIDE / size;
            for (int v = y0; v < y1; v++)
                for (int u = x0; u < x1; u++) face += is_face(logits, v * SIDE + u);
            mask[(size_t)y * (size_t)size + (size_t)x] =
                (float)face / (float)((x1 - x0) * (y1 - y0));
        }
    return GUISE_OK;
}
