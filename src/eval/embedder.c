// embedder.c -- identity vectors by an ONNX recogniser or by an embedder of ours.
#include "eval/embedder.h"
#include "model/card.h"
#include "train/networks.h"
#include "weights/weights.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct eval_embedder {
    face_recogniser *recogniser; // ONNX, or our face-id; NULL: the rest is set
    train_network net;
    nn_params *params;
    tg_graph *graph;
    tg_plan *plan;
    tg_node *out;
    float *planes; // [3,size,size] RGB 0..1
    int size;
    size_t length;
    face_template layout;
};

void eval_embedder_close(eval_embedder **at)
{
    eval_embedder *m = *at;
    if (!m) return;
    face_recogniser_close(&m->recogniser);
    tg_plan_close(&m->plan);
    tg_free(m->graph);
    nn_params_close(&m->params);
    train_network_close(&m->net);
    base_free(m->planes);
    base_free(m);
    *at = NULL;
}

static guise_status read_card(eval_embedder *m, const base_tensors *t, const char *path,
                              base_error *e)
{
    const char *name = base_tensors_meta(t, CARD_NETWORK), *size = base_tensors_meta(t, CARD_SIZE);
    const char *layout = base_tensors_meta(t, CARD_TEMPLATE);
    long side = size ? strtol(size, NULL, 10) : 0;
    int k = 0;
    while (k < FACE_TEMPLATES && (!layout || strcmp(face_template_name((face_template)k), layout)))
        k++;
    if (!name || side < 16 || side > 2048 || k == FACE_TEMPLATES)
        return base_fail(e, GUISE_BAD_FILE,
                         "%s is neither an ONNX recogniser nor an embedder of ours: its card lacks "
                         "%s, %s or %s",
                         path, CARD_NETWORK, CARD_SIZE, CARD_TEMPLATE);
    m->size = (int)side;
    m->layout = (face_template)k;
    base_error why = {{0}};
    guise_status s = train_network_open(&m->net, name, base_tensors_meta(t, CARD_OPTIONS), &why);
    if (s) return base_fail(e, s == GUISE_NO_MEMORY ? s : GUISE_BAD_FILE, "%s: %s", path, why.text);
    if (m->net.net->swapper)
        return base_fail(e, GUISE_BAD_FILE,
                         "%s holds a generator, %s, which makes no identity vectors; name a "
                         "recogniser or an embedder",
                         path, name);
    return GUISE_OK;
}

// By a build of the network on its own input, which planes is bound to.
static guise_status build(eval_embedder *m, model_ports *io, const char *path, tg_node **img,
                          base_error *e)
{
    const char *name = NULL;
    guise_status s = model_ports_give(io, "img", TG_SHAPE(1, 3, m->size, m->size), e);
    if (s) return s;
    m->net.net->build(nn_root(m->params, m->graph, false), m->net.options, io);
    s = tg_check(m->graph, GUISE_BAD_FILE, NULL);
    if (s) return base_fail(e, s, "%s: %s", path, tg_error(m->graph));
    for (size_t i = 0; i < model_ports_outputs(io); i++) {
        tg_node *out = model_ports_output(io, i, &name);
        if (!strcmp(name, "unit")) m->out = out;
    }
    if (!m->out || model_ports_inputs(io) != 1)
        return base_fail(e, GUISE_BAD_FILE,
                         "%s holds the network %s, which makes no identity vectors", path,
                         m->net.net->name);
    *img = model_ports_input(io, 0, &name);
    m->length = (size_t)tg_count(tg_shape_of(m->out));
    return GUISE_OK;
}

static guise_status make_ready(eval_embedder *m, const base_tensors *t, const char *path,
                               base_error *e)
{
    model_ports *io = NULL;
    tg_node *img = NULL;
    m->graph = tg_new();
    m->planes = base_alloc(3 * (size_t)m->size * (size_t)m->size, sizeof *m->planes);
    guise_status s = m->graph && m->planes ? GUISE_OK : base_no_memory(e);
    if (!s) s = nn_params_open(&m->params, e);
    if (!s) s = model_ports_open(&io, e);
    if (!s) s = build(m, io, path, &img, e);
    if (!s) s = nn_settle(m->params, 1, e);
    if (!s) s = nn_load(m->params, t, true, e);
    if (!s) s = tg_plan_open(&m->plan, m->graph, &m->out, 1, NULL, e);
    if (!s) s = nn_bind(m->params, m->graph, m->plan, e);
    if (!s) s = tg_plan_bind(m->plan, img, m->planes, e);
    model_ports_close(&io);
    return s;
}

static guise_status open_saved(eval_embedder *m, const char *path, base_error *e)
{
    base_tensors t = {0};
    guise_status s = weights_read(&t, path, e);
    const char *name = s ? NULL : base_tensors_meta(&t, CARD_NETWORK);
    if (name && !strcmp(name, "face-id")) { // takes crops as recognisers do
        s = face_recogniser_open(&m->recogniser, path, e);
    } else {
        if (!s) s = read_card(m, &t, path, e);
        if (!s) s = make_ready(m, &t, path, e);
    }
    base_tensors_free(&t);
    return s;
}

guise_status eval_embedder_open(eval_embedder **m, const char *path, base_error *e)
{
    const char *dot = strrchr(path, '.');
    *m = base_alloc(1, sizeof **m);
    if (!*m) return base_no_memory(e);
    guise_status s = dot && !strcasecmp(dot, ".onnx")
                         ? face_recogniser_open(&(*m)->recogniser, path, e)
                         : open_saved(*m, path, e);
    if (s) eval_embedder_close(m);
    return s;
}

size_t eval_embedder_length(const eval_embedder *m)
{
    return m->recogniser ? face_recogniser_length(m->recogniser) : m->length;
}

// RGB -1..1 where the network normalises itself; else by ImageNet's mean and deviation.
static void fill_planes(eval_embedder *m, const base_image *crop)
{
    static const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
    const base_field *f = base_fields_find(m->net.net->options, "normalise");
    bool itself = f && *(const bool *)((const char *)m->net.options + f->offset);
    size_t area = (size_t)m->size * (size_t)m->size;
    base_image_to_planes(crop, false, 1.0f / 255, 0, m->planes);
    for (size_t i = 0; i < 3 * area; i++) {
        double c = itself ? 0.5 : mean[i / area], d = itself ? 0.5 : deviation[i / area];
        m->planes[i] = (float)(((double)m->planes[i] - c) / d);
    }
}

guise_status eval_embed(eval_embedder *m, const base_image *photo,
                        const face_point point[FACE_POINTS], float *vector, base_error *e)
{
    if (m->recogniser) return face_recognise(m->recogniser, photo, point, vector, e);
    face_transform t;
    base_image crop = {0};
    guise_status s = face_align(&t, point, m->layout, m->size, NULL, e);
    if (!s) s = face_crop_smooth(&crop, photo, t, m->size, e);
    if (!s) fill_planes(m, &crop);
    base_image_free(&crop);
    if (!s) s = tg_plan_run(m->plan, e);
    if (s) return s;
    const float *v = tg_plan_value(m->plan, m->out);
    double sum = 0;
    for (size_t i = 0; i < m->length; i++) sum += (double)v[i] * (double)v[i];
    if (!(sum > 0) || !isfinite(sum))
        return base_fail(e, GUISE_BAD_FILE, "the embedder gives no identity for this face");
    for (size_t i = 0; i < m->length; i++) vector[i] = (float)((double)v[i] / sqrt(sum));
    return GUISE_OK;
}
