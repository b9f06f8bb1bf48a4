// face_detector.c -- our face detector: boxes, scores and five landmarks in one small network.
//   img [n,3,h,w] B G R 0..255, h and w multiples of 32 -> for strides 8, 16, 32: score, box,
//   points
// Made of depthwise and pointwise convolutions (Howard et al. 2017), a top-down pyramid (Lin et al.
// 2017) and one head a level. Its outputs are named and laid out like those of YuNet (Wu et al.
// 2023), so that whoever reads those reads these: offsets in cells, sizes as logarithms of cells.
// A second part looks closer at what the first has found, one aligned crop at a time, as the last
// stage of a cascade does (Zhang et al. 2016, MTCNN): is it a face, and where exactly is what.
#include "model/nets.h"
#include "model/own.h"

static tg_node *conv_norm(nn m, tg_node *x, int out, int k, int stride, int groups)
{
    x = nn_conv(nn_at(m, "conv"), x, .out = out, .k = k, .stride = stride, .pad = k / 2,
                .groups = groups, .no_bias = true);
    return nn_batch_norm(nn_at(m, "norm"), x, 1e-5);
}

// 3x3 over each channel, then 1x1 over all.
static tg_node *separable(nn m, tg_node *x, int out, int stride)
{
    int c = (int)nn_channels(x);
    x = tg_relu(conv_norm(nn_at(m, "deep"), x, c, 3, stride, c));
    return tg_relu(conv_norm(nn_at(m, "wide"), x, out, 1, 1, 1));
}

// [n,k,h,w] -> [n,h*w,k]
static tg_node *rows(tg_node *x)
{
    if (!x) return NULL;
    tg_shape s = tg_shape_of(x);
    x = tg_transpose(x, (int[]){0, 2, 3, 1});
    return tg_reshape(x, TG_SHAPE(s.dim[0], s.dim[2] * s.dim[3], s.dim[1]));
}

static void head(nn m, tg_node *x, model_face_level *out)
{
    x = separable(nn_at(m, "shared"), x, (int)nn_channels(x), 1);
    // begins at one face in a hundred cells (Lin et al. 2017, focal loss): else the many cells
    // without a face drown the few that have one
    out->logit = tg_shift(rows(nn_conv(nn_at(m, "score"), x, .out = 1, .k = 1)), -4.6);
    out->box = rows(nn_conv(nn_at(m, "box"), x, .out = 4, .k = 1));
    out->points = rows(nn_conv(nn_at(m, "points"), x, .out = 10, .k = 1));
}

bool model_face_detector(nn m, tg_node *img, const model_face_detector_options *o,
                         model_face_level out[MODEL_FACE_LEVELS])
{
    int w = o->width ? o->width : 16, most = 4 * w;
    if (!img) return false;
    tg_shape s = tg_shape_of(img);
    bool ok = s.rank == 4 && s.dim[1] == 3 && s.dim[2] % 32 == 0 && s.dim[3] % 32 == 0;
    if (!ok || w < 4 || w > 128) {
        tg_fail(m.graph, ok ? "face-detector: width lies in 4..128"
                            : "face-detector takes pictures of 3 x h x w, multiples of 32");
        return false;
    }
    tg_node *x = tg_affine(img, 1 / 127.5, -1), *level[MODEL_FACE_LEVELS];
    x = tg_relu(conv_norm(nn_at(m, "stem"), x, w, 3, 2, 1));
    x = separable(nn_at(m, "quarter.0"), x, 2 * w, 2);
    x = separable(nn_at(m, "quarter.1"), x, 2 * w, 1);
    for (int l = 0; l < MODEL_FACE_LEVELS; l++) {
        x = separable(nn_at(m, "down%d.0", l), x, most, 2);
        x = separable(nn_at(m, "down%d.1", l), x, most, 1);
        level[l] = x;
    }
    for (int l = MODEL_FACE_LEVELS - 1; l >= 0; l--) {
        if (l < MODEL_FACE_LEVELS - 1) {
            tg_node *above = tg_resize(level[l + 1], 2 * tg_dim(level[l + 1], 2),
                                       2 * tg_dim(level[l + 1], 3), TG_NEAREST);
            level[l] = tg_add(level[l], above);
        }
        level[l] = separable(nn_at(m, "merge%d", l), level[l], most, 1);
        head(nn_at(m, "head%d", l), level[l], &out[l]);
    }
    return tg_error(m.graph) == NULL;
}

bool model_face_look_closer(nn m, tg_node *img, model_face_closer *out)
{
    static const struct {
        int out, stride;
    } convs[] = {{24, 2}, {48, 2}, {48, 1}, {96, 2}, {96, 1}, {120, 2}, {120, 1}};
    if (!img) return false;
    tg_shape s = tg_shape_of(img);
    if (s.rank != 4 || s.dim[1] != 3 || s.dim[2] != MODEL_CLOSER || s.dim[3] != MODEL_CLOSER) {
        tg_fail(m.graph, "face-detector looks closer at crops of 3 x 64 x 64");
        return false;
    }
    tg_node *x = tg_affine(img, 1 / 127.5, -1);
    for (int i = 0; i < (int)(sizeof convs / sizeof *convs); i++)
        x = tg_relu(conv_norm(nn_at(m, "%d", i), x, convs[i].out, 3, convs[i].stride, 1));
    x = tg_reshape(x, TG_SHAPE(s.dim[0], tg_count(tg_shape_of(x)) / s.dim[0]));
    out->logit = nn_linear(nn_at(m, "score"), x, 1, false);
    out->points = nn_linear(nn_at(m, "points"), x, 10, false);
    return tg_error(m.graph) == NULL;
}

#define AT(field) offsetof(model_face_detector_options, field)
static const base_field options[] = {
    {"width", 0, BASE_INT, AT(width), "16", "channels after the first layer"},
    {"closer", 0, BASE_FLAG, AT(closer), NULL, "with a second part for a closer look at each face"},
    {0}};

// Does the second part see this picture, too?
static bool fits_closer(tg_node *img, const model_face_detector_options *o)
{
    return o->closer && tg_dim(img, 2) == MODEL_CLOSER && tg_dim(img, 3) == MODEL_CLOSER;
}

// YuNet's score is the root of the product of its two, so that ours is given twice.
static void build(nn m, const void *o, model_ports *io)
{
    model_face_level level[MODEL_FACE_LEVELS] = {{0}};
    tg_node *img = model_in(io, m, "img");
    if (!model_face_detector(m, img, o, level)) return;
    for (int l = 0; l < MODEL_FACE_LEVELS; l++) {
        int stride = 8 << l;
        tg_node *score = tg_sigmoid(level[l].logit);
        model_out(io, tg_text(m.graph, "cls_%d", stride), score);
        model_out(io, tg_text(m.graph, "obj_%d", stride), score);
        model_out(io, tg_text(m.graph, "bbox_%d", stride), level[l].box);
        model_out(io, tg_text(m.graph, "kps_%d", stride), level[l].points);
    }
    model_face_closer closer = {0};
    if (!fits_closer(img, o) || !model_face_look_closer(nn_at(m, "closer"), img, &closer)) return;
    model_out(io, "closer_score", tg_sigmoid(closer.logit));
    model_out(io, "closer_points", closer.points);
}

const model_net model_net_face_detector = {
    .name = "face-detector",
    .summary = "our face detector: boxes, scores and five landmarks",
    .inputs = "img [n,3,h,w] B G R 0..255, h and w multiples of 32",
    .outputs = "cls_S, obj_S [n,cells,1], bbox_S [n,cells,4], kps_S [n,cells,10] for strides S 8, "
               "16, 32; with closer, of 64 x 64: closer_score [n,1], closer_points [n,10]",
    .options = options,
    .size = sizeof(model_face_detector_options),
    .build = build,
    .any_size = true,
};
