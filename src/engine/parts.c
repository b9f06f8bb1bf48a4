// parts.c -- the networks that a swap needs beside its generator: detector, recogniser, face mask.
// Ours where they lie in weights/, so that a fresh clone needs nothing else; else those of others
// that the user has; or those that the user names.
#include "engine/engine.h"
#include "model/card.h"
#include "weights/weights.h"
#include <string.h>

// What a recogniser's vectors compare with: the space that its card says it lives in, which for
// ours is that of the network it learnt from; else itself.
static void space_of(const char *path, char space[64])
{
    base_tensors t = {0};
    const char *says = NULL, *dot = strrchr(path, '.');
    find_stem(path, space);
    if (!dot || strcmp(dot, ".safetensors") != 0) return;
    if (!weights_safetensors_read(&t, path, NULL)) {
        const char *network = base_tensors_meta(&t, CARD_NETWORK);
        says = base_tensors_meta(&t, CARD_SPACE);
        if (!says && network && !strcmp(network, "face-id")) // as its first files said it
            says = base_tensors_meta(&t, CARD_IDENTITY);
    }
    if (says) snprintf(space, 64, "%s", says);
    base_tensors_free(&t);
}

char *find_own(const char *network)
{
    char file[80];
    snprintf(file, sizeof file, "%.60s.safetensors", network);
    return find_optional(file, true);
}

guise_status find_detector(const guise_engine *g, char **path, base_error *e)
{
    *path = NULL;
    if (g->config.detector) return find_named(g->config.detector, "detector", path, e);
    if ((*path = find_own("face-detector")) ||
        (*path = find_optional("yunet_n_dynamic.onnx", false)))
        return GUISE_OK;
    return base_fail(e, GUISE_IO,
                     "no face detector was found: face-detector.safetensors belongs into weights/ "
                     "beside the program or into a folder named in GUISE_WEIGHTS; or name a file "
                     "with --detector");
}

char *find_own_recogniser(const char *wanted)
{
    char space[64], *path = find_own("face-id");
    if (!path || !wanted || !strcmp(wanted, "face-id")) return path;
    space_of(path, space);
    if (!strcmp(space, wanted)) return path;
    base_free(path);
    return NULL;
}

guise_status find_recogniser(const guise_engine *g, const char *wanted, char **path, base_error *e)
{
    *path = NULL;
    if (g->config.recogniser) return find_named(g->config.recogniser, "recogniser", path, e);
    if ((*path = find_own_recogniser(wanted))) return GUISE_OK;
    const char *name = wanted ? wanted : "face_reid_0095";
    char *file = base_format("%s.onnx", name);
    if (!file) return base_no_memory(e);
    if (!(*path = find_own(name))) *path = find_optional(file, false);
    base_free(file);
    if (*path) return GUISE_OK;
    return base_fail(e, GUISE_IO,
                     "no recogniser was found that makes identities of %s: face-id.safetensors "
                     "belongs into weights/ beside the program or into a folder named in "
                     "GUISE_WEIGHTS; or name a file with --recogniser",
                     name);
}

guise_status engine_detector(guise_engine *g, face_detector **out)
{
    char *path = NULL;
    guise_status s = GUISE_OK;
    if (!g->detector) {
        s = find_detector(g, &path, &g->error);
        if (!s) s = sums_check(path, &g->error);
        if (!s) s = face_detector_open(&g->detector, path, &g->error);
        base_free(path);
    }
    *out = g->detector;
    return s;
}

static bool gives(const guise_engine *g, const char *wanted)
{
    return !wanted || !strcmp(wanted, g->recogniser_name) || !strcmp(wanted, g->recogniser_space);
}

guise_status engine_recogniser(guise_engine *g, const char *wanted, face_recogniser **out)
{
    // an earlier call that wanted none in particular does not decide for a generator that does
    if (g->recogniser && !g->config.recogniser && !gives(g, wanted))
        face_recogniser_close(&g->recogniser);
    if (!g->recogniser) {
        char *path = NULL;
        guise_status s = find_recogniser(g, wanted, &path, &g->error);
        if (!s) s = sums_check(path, &g->error);
        if (!s) s = face_recogniser_open(&g->recogniser, path, &g->error);
        if (!s) find_stem(path, g->recogniser_name);
        if (!s) space_of(path, g->recogniser_space);
        base_free(path);
        if (s) return s;
    }
    *out = g->recogniser;
    if (gives(g, wanted)) return GUISE_OK;
    return base_fail(&g->error, GUISE_BAD_ARGUMENT,
                     "the generator takes identities of %s, not of %s; name that recogniser with "
                     "--recogniser, or one whose card says that it shares its space",
                     wanted, g->recogniser_name);
}

guise_status engine_masker(guise_engine *g, bool must, face_masker **out)
{
    guise_status s = GUISE_OK;
    if (!g->masker) {
        char *path = find_own("face-mask");
        if (path) s = sums_check(path, &g->error);
        if (path && !s) s = face_masker_open(&g->masker, path, &g->error);
        if (!path && !must)
            base_log("no face mask was found: what lies before a face is painted over");
        if (!path && must)
            s = base_fail(&g->error, GUISE_IO,
                          "no face mask was found: face-mask.safetensors belongs into weights/ "
                          "beside the program or into a folder named in GUISE_WEIGHTS; or use "
                          "--mask oval");
        base_free(path);
    }
    *out = g->masker;
    return s;
}
