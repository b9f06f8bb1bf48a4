// swap.c -- one swap: crop, generate, mask, paste. The crop's template is the generator's.
#include "engine/refine.h"
#include <math.h>
#include <string.h>

// id NULL: for a generator of one person's face alone (DeepFakes).
static guise_status check_identity(guise_engine *g, const generator *n, const guise_identity *id)
{
    if (!id && generator_takes_nobody(n)) return GUISE_OK;
    if (!id)
        return base_fail(&g->error, GUISE_BAD_ARGUMENT, "%s needs an identity, see guise_embed",
                         n->name);
    bool same = !strcmp(id->network, n->identity) || !strcmp(identity_space(id), n->identity);
    if (id->n == (size_t)n->length && same) return GUISE_OK;
    return base_fail(&g->error, GUISE_BAD_ARGUMENT,
                     "%s takes identities of %s (%d numbers), not of %s (%zu numbers)", n->name,
                     n->identity, n->length, id->network, id->n);
}

guise_status guise_swap_crop(guise_engine *g, const guise_image *crop, const guise_identity *id,
                             guise_image *out)
{
    *out = (guise_image){0};
    base_error *e = engine_begin(g);
    generator *n = NULL;
    base_image from = image_of(crop), small = {0}, made = {0};
    face_point point[FACE_POINTS];
    const float *planes = NULL;
    guise_status s = engine_generator(g, &n);
    if (!s) s = check_identity(g, n, id);
    if (!s) s = resize_square(&from, n->size, "the target", &small, e);
    if (!s) s = generator_run(n, &small, id ? id->at : NULL, &planes, e);
    if (!s) s = engine_aligned_points(&small, face_template_name(n->layout), point, e);
    if (!s) s = engine_refine(g, n, &small, point, &planes);
    if (!s) s = base_image_new(&made, n->size, n->size, e);
    if (!s) {
        base_image_from_planes(&made, planes, false, 255, 0);
        made.mark = GUISE_SWAPPED;
    }
    base_image_free(&small);
    *out = image_give(made);
    return s;
}

// What one face needs besides the frame: planes [3,size,size] and a mask [size,size].
typedef struct {
    float *swapped, *target, *mask;
} buffers;

static guise_status buffers_open(buffers *b, int size, base_error *e)
{
    size_t n = (size_t)size * (size_t)size;
    b->swapped = base_alloc(3 * n, sizeof(float));
    b->target = base_alloc(3 * n, sizeof(float));
    b->mask = base_alloc(n, sizeof(float));
    return b->swapped && b->target && b->mask ? GUISE_OK : base_no_memory(e);
}

static void buffers_close(buffers *b)
{
    base_free(b->swapped);
    base_free(b->target);
    base_free(b->mask);
}

guise_status engine_mask(guise_engine *g, const guise_swap_options *o, bool *box,
                         face_masker **masker)
{
    const char *mask = o ? o->mask : NULL;
    *box = mask && !strcmp(mask, "box");
    *masker = NULL;
    if (!mask || !strcmp(mask, "network")) return engine_masker(g, mask != NULL, masker);
    if (*box || !strcmp(mask, "oval")) return GUISE_OK;
    return base_fail(&g->error, GUISE_BAD_ARGUMENT,
                     "there is no mask '%s'; there are: network, oval, box", mask);
}

// The oval around the face, less what lies in front of it.
static guise_status make_mask(face_masker *masker, const base_image *frame, face_transform t,
                              const face_point point[FACE_POINTS], int size, float *mask,
                              base_error *e)
{
    face_point at[FACE_POINTS];
    for (int i = 0; i < FACE_POINTS; i++) at[i] = face_apply(t, point[i]);
    if (!masker) return face_oval_mask(at, size, 0, mask), GUISE_OK;
    size_t n = (size_t)size * (size_t)size;
    float *oval = base_alloc(n, sizeof *oval);
    guise_status s =
        oval ? face_masker_run(masker, frame, point, t, size, mask, e) : base_no_memory(e);
    if (!s) face_oval_mask(at, size, 0, oval);
    for (size_t i = 0; !s && i < n; i++) mask[i] *= oval[i];
    base_free(oval);
    return s;
}

// Looks and paste-back of what the generator made.
static guise_status finish(base_image *frame, face_transform t, int size, buffers *b, bool box,
                           bool plain, base_error *e)
{
    guise_status s = GUISE_OK;
    if (!plain) s = face_match_looks(b->swapped, b->target, b->mask, size, e);
    // SimSwap's box mask loses 40 pixels of the frame to erosion and blurs over 41, for crops of
    // about 224 there (spec 6.5): the same share of the crop for faces of any size.
    double side = size / fmax(face_scale(t), 1e-6);
    int soft = (int)fmin(fmax(side * 40 / 224, 1), 400);
    face_patch p = {.size = size, .planes = b->swapped, .mask = box ? NULL : b->mask};
    if (!plain) p.target = b->target;
    p.erode = box ? soft : -1;
    p.blur = box ? soft | 1 : -1;
    return s ? s : face_paste(frame, t, &p, e);
}

guise_status guise_swap_face(guise_engine *g, guise_image *m, const guise_face *f,
                             const guise_identity *id, const guise_swap_options *o)
{
    base_error *e = engine_begin(g);
    generator *n = NULL;
    face_masker *masker = NULL;
    face_transform t;
    face_point point[FACE_POINTS], inside[FACE_POINTS];
    base_image frame = image_of(m), crop = {0};
    buffers b = {0};
    const float *made = NULL;
    bool box = false;
    face_points(f, point);
    guise_status s = engine_mask(g, o, &box, &masker);
    if (!s) s = engine_generator(g, &n);
    if (!s) s = check_identity(g, n, id);
    if (!s) s = face_align(&t, point, n->layout, n->size, NULL, e);
    if (!s) s = face_crop_smooth(&crop, &frame, t, n->size, e);
    if (!s) s = buffers_open(&b, n->size, e);
    if (!s) s = make_mask(masker, &frame, t, point, n->size, b.mask, e);
    if (!s) s = generator_run(n, &crop, id ? id->at : NULL, &made, e);
    for (int i = 0; !s && i < FACE_POINTS; i++) inside[i] = face_apply(t, point[i]);
    if (!s) s = engine_refine(g, n, &crop, inside, &made);
    if (!s) {
        memcpy(b.swapped, made, 3 * (size_t)n->size * (size_t)n->size * sizeof *made);
        base_image_to_planes(&crop, false, 1.0f / 255, 0, b.target);
        s = finish(&frame, t, n->size, &b, box, o && o->plain, e);
    }
    if (!s) m->mark = GUISE_SWAPPED; // whoever writes it, and however
    buffers_close(&b);
    base_image_free(&crop);
    return s;
}
