// frozen.c -- networks out of files, with their weights as constants.
#include "model/frozen.h"
#include "model/card.h"
#include <stdlib.h>
#include <string.h>

struct model_frozen {
    weights_onnx *onnx; // or, of our own:
    const model_net *net;
    void *options;
    char *text; // that texts in options point into
    nn_params *params;
    int size; // side of its pictures, 0: free
    char **output;
    size_t outputs;
};

// Our networks that are used frozen take one picture, under this name.
static const char picture[] = "img";

void model_frozen_close(model_frozen **f)
{
    if (!*f) return;
    weights_onnx_close(&(*f)->onnx);
    nn_params_close(&(*f)->params);
    for (size_t i = 0; i < (*f)->outputs; i++) base_free((*f)->output[i]);
    base_free((*f)->output);
    base_free((*f)->options);
    base_free((*f)->text);
    base_free(*f);
    *f = NULL;
}

// Network and options as the card says.
static guise_status read_card(model_frozen *f, const base_tensors *t, const char *path,
                              base_error *e)
{
    const char *name = base_tensors_meta(t, CARD_NETWORK), *size = base_tensors_meta(t, CARD_SIZE);
    const char *options = base_tensors_meta(t, CARD_OPTIONS);
    if (!name || !(f->net = model_find(name)))
        return base_fail(e, GUISE_BAD_FILE, "%s is no network of ours: its card names %s", path,
                         name ? name : "none");
    f->options = base_alloc(1, f->net->size ? f->net->size : 1);
    f->text = base_copy_text(options ? options : "");
    if (!f->options || !f->text) return base_no_memory(e);
    f->size = size && !f->net->any_size ? (int)strtol(size, NULL, 10) : 0;
    if (f->size < 0 || f->size > 4096)
        return base_fail(e, GUISE_BAD_FILE, "%s: its card says a side of %d pixels", path, f->size);
    base_error why = {{0}};
    guise_status s = GUISE_OK;
    base_fields_init(f->net->options, f->options);
    char *rest = f->text;
    for (char *word; !s && (word = strtok_r(rest, " ", &rest));)
        s = base_fields_assign(f->net->options, f->options, word, &why);
    return s ? base_fail(e, GUISE_BAD_FILE, "%s: its card's options: %s", path, why.text) : s;
}

static guise_status build_own(const model_frozen *f, nn m, tg_node *x, model_ports **io,
                              base_error *e)
{
    guise_status s = model_ports_open(io, e);
    if (!s) s = model_ports_put(*io, picture, x, e);
    if (!s) f->net->build(m, f->options, *io);
    return s;
}

static guise_status note_outputs(model_frozen *f, const model_ports *io, base_error *e)
{
    size_t n = model_ports_outputs(io);
    f->output = base_alloc(n ? n : 1, sizeof *f->output);
    if (!f->output) return base_no_memory(e);
    for (size_t i = 0; i < n; i++) {
        const char *name = NULL;
        model_ports_output(io, i, &name);
        f->output[i] = base_copy_text(name);
        f->outputs = i + 1;
        if (!f->output[i]) return base_no_memory(e);
    }
    return GUISE_OK;
}

// A first build makes the entries that the values are loaded into.
static guise_status load(model_frozen *f, const base_tensors *t, const char *path, base_error *e)
{
    enum { FREE_SIZE = 64 }; // any that suits a network of free size
    int side = f->size ? f->size : FREE_SIZE;
    base_error why = {{0}};
    model_ports *io = NULL;
    tg_graph *g = tg_new();
    guise_status s = g ? nn_params_open(&f->params, e) : base_no_memory(e);
    if (!s)
        s = build_own(f, nn_root(f->params, g, false),
                      tg_input(g, TG_SHAPE(1, 3, side, side), picture), &io, e);
    if (!s) s = tg_check(g, GUISE_BAD_FILE, &why);
    if (s && why.text[0]) base_fail(e, s, "%s: %s", path, why.text);
    if (!s) s = note_outputs(f, io, e);
    if (!s && (s = nn_load(f->params, t, true, &why))) base_fail(e, s, "%s: %s", path, why.text);
    model_ports_close(&io);
    tg_free(g);
    return s;
}

// Those begin with the length of a header, which is JSON.
static guise_status is_safetensors(const char *path, bool *yes, base_error *e)
{
    base_map m = {0};
    guise_status s = base_map_open(&m, path, e);
    *yes = !s && m.size > 8 && ((const char *)m.data)[8] == '{';
    base_map_close(&m);
    return s;
}

guise_status model_frozen_open(model_frozen **out, const char *path, base_error *e)
{
    model_frozen *f = *out = base_alloc(1, sizeof *f);
    if (!f) return base_no_memory(e);
    bool ours = false;
    base_tensors t = {0};
    guise_status s = is_safetensors(path, &ours, e);
    if (!s) s = ours ? weights_safetensors_read(&t, path, e) : weights_onnx_open(&f->onnx, path, e);
    if (!s && ours) s = read_card(f, &t, path, e);
    if (!s && ours) s = load(f, &t, path, e);
    base_tensors_free(&t);
    if (s) model_frozen_close(out);
    return s;
}

bool model_frozen_own(const model_frozen *f) { return !f->onnx; }

size_t model_frozen_inputs(const model_frozen *f)
{
    return f->onnx ? weights_onnx_inputs(f->onnx) : 1;
}

const char *model_frozen_input(const model_frozen *f, size_t i, tg_shape *s)
{
    if (f->onnx) return weights_onnx_input(f->onnx, i, s);
    *s = TG_SHAPE(0, 3, f->size, f->size);
    return picture;
}

size_t model_frozen_outputs(const model_frozen *f)
{
    return f->onnx ? weights_onnx_outputs(f->onnx) : f->outputs;
}

const char *model_frozen_output(const model_frozen *f, size_t i)
{
    return f->onnx ? weights_onnx_output(f->onnx, i) : f->output[i];
}

void model_frozen_build(const model_frozen *f, tg_graph *g, tg_node *const in[], tg_node *out[])
{
    if (f->onnx) {
        weights_onnx_build(f->onnx, g, in, out);
        return;
    }
    model_ports *io = NULL;
    base_error e = {{0}};
    nn m = nn_root(f->params, g, false);
    m.constant = true;
    guise_status s = build_own(f, m, in[0], &io, &e);
    if (s) tg_fail(g, "%s", e.text);
    for (size_t i = 0; i < f->outputs; i++) {
        const char *name = NULL;
        out[i] = s || i >= model_ports_outputs(io) ? NULL : model_ports_output(io, i, &name);
    }
    model_ports_close(&io);
}
