// identity.c -- identity vectors, and saved faces.
#include "engine/engine.h"
#include "model/card.h"
#include <math.h>
#include <string.h>

guise_status engine_aligned_points(const base_image *m, const char *layout,
                                   face_point point[FACE_POINTS], base_error *e)
{
    face_template t = FACE_ARCFACE;
    if (m->w != m->h)
        return base_fail(e, GUISE_BAD_FILE, "the crop is %d x %d; an aligned crop must be square",
                         m->w, m->h);
    guise_status s = template_by_name(layout, &t, e);
    if (s) return s;
    // SimSwap's middle template of five is the frontal one (spec: T3), and equals arcface.
    face_template_points(t == FACE_SIMSWAP ? FACE_ARCFACE : t, 0, m->w, point);
    return GUISE_OK;
}

static guise_status embed(guise_engine *g, const base_image *m, const face_point *point,
                          guise_identity *id)
{
    face_recogniser *r = NULL;
    guise_status s = engine_recogniser(g, NULL, &r);
    if (s) return s;
    id->n = face_recogniser_length(r);
    id->at = base_alloc(id->n, sizeof *id->at);
    if (!id->at) return base_no_memory(&g->error);
    snprintf(id->network, sizeof id->network, "%s", g->recogniser_name);
    snprintf(id->space, sizeof id->space, "%s", g->recogniser_space);
    return face_recognise(r, m, point, id->at, &g->error);
}

guise_status guise_embed(guise_engine *g, const guise_image *m, const guise_face *f,
                         const char *layout, guise_identity *id)
{
    *id = (guise_identity){0};
    base_error *e = engine_begin(g);
    face_point point[FACE_POINTS];
    base_image b = image_of(m);
    guise_status s = GUISE_OK;
    if (f)
        face_points(f, point);
    else
        s = engine_aligned_points(&b, layout, point, e);
    if (!s) s = embed(g, &b, point, id);
    if (s) guise_identity_free(id);
    return s;
}

void guise_identity_free(guise_identity *id)
{
    base_free(id->at);
    *id = (guise_identity){0};
}

// Unit length; false where there is no direction.
static bool normalise(float *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)v[i] * (double)v[i];
    if (!(sum > 1e-12) || !isfinite(sum)) return false;
    for (size_t i = 0; i < n; i++) v[i] = (float)((double)v[i] / sqrt(sum));
    return true;
}

const char *identity_space(const guise_identity *id)
{
    return id->space[0] ? id->space : id->network;
}

static bool comparable(const guise_identity *a, const guise_identity *b)
{
    return a->n == b->n && a->n > 0 && !strcmp(identity_space(a), identity_space(b));
}

double guise_identity_cosine(const guise_identity *a, const guise_identity *b)
{
    double dot = 0, aa = 0, bb = 0;
    if (!comparable(a, b)) return NAN;
    for (size_t i = 0; i < a->n; i++) {
        dot += (double)a->at[i] * (double)b->at[i];
        aa += (double)a->at[i] * (double)a->at[i];
        bb += (double)b->at[i] * (double)b->at[i];
    }
    return dot / sqrt(aa * bb);
}

guise_status guise_identity_mean(guise_engine *g, const guise_identity *const from[], size_t n,
                                 guise_identity *id)
{
    *id = (guise_identity){0};
    base_error *e = engine_begin(g);
    if (!n) return base_fail(e, GUISE_BAD_ARGUMENT, "a mean needs at least one identity");
    for (size_t i = 1; i < n; i++)
        if (!comparable(from[0], from[i]))
            return base_fail(e, GUISE_BAD_ARGUMENT,
                             "identities of %s and of %s cannot be averaged; make all with one "
                             "recogniser",
                             from[0]->network, from[i]->network);
    *id = *from[0];
    id->at = base_alloc(id->n, sizeof *id->at);
    if (!id->at) return *id = (guise_identity){0}, base_no_memory(e);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < id->n; k++) id->at[k] += from[i]->at[k];
    if (normalise(id->at, id->n)) return GUISE_OK;
    guise_identity_free(id);
    return base_fail(e, GUISE_BAD_ARGUMENT, "the identities cancel out: they have no mean");
}

static guise_status take_tensor(guise_engine *g, const base_tensors *t, const char *path,
                                guise_identity *id)
{
    base_error *e = &g->error;
    const base_tensor *v = base_tensors_find(t, CARD_FACE_TENSOR);
    const char *network = base_tensors_meta(t, CARD_IDENTITY);
    int64_t n = v ? base_tensor_count(v) : 0;
    if (!v || !network || n < 1 || n > 65536)
        return base_fail(e, GUISE_BAD_FILE,
                         "%s: is no saved face: it has no tensor '%s' or does not say which "
                         "network made it; make one with guise embed",
                         path, CARD_FACE_TENSOR);
    snprintf(id->network, sizeof id->network, "%s", network);
    const char *space = base_tensors_meta(t, CARD_SPACE);
    snprintf(id->space, sizeof id->space, "%s", space ? space : "");
    id->n = (size_t)n;
    id->at = base_alloc(id->n, sizeof *id->at);
    if (!id->at) return base_no_memory(e);
    base_tensor_floats(v, id->at);
    if (normalise(id->at, id->n)) return GUISE_OK;
    return base_fail(e, GUISE_BAD_FILE, "%s: its identity is no direction (all zero or not finite)",
                     path);
}

guise_status guise_identity_read(guise_engine *g, const char *path, guise_identity *id)
{
    *id = (guise_identity){0};
    base_tensors t = {0};
    guise_status s = weights_safetensors_read(&t, path, engine_begin(g));
    if (!s) s = take_tensor(g, &t, path, id);
    if (s) guise_identity_free(id);
    base_tensors_free(&t);
    return s;
}

guise_status guise_identity_write(guise_engine *g, const guise_identity *id, const char *path)
{
    base_error *e = engine_begin(g);
    base_tensors t = {0};
    int64_t dim[1] = {(int64_t)id->n};
    bool ok = base_tensors_add(&t, CARD_FACE_TENSOR, BASE_F32, 1, dim, id->at) &&
              base_tensors_set_meta(&t, CARD_IDENTITY, id->network) &&
              base_tensors_set_meta(&t, CARD_SPACE, identity_space(id));
    guise_status s = ok ? weights_safetensors_write(&t, path, e) : base_no_memory(e);
    base_tensors_free(&t);
    return s;
}
