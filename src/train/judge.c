// judge.c -- PatchGANs at several scales, and the projected discriminator.
#include "train/judge.h"
#include <string.h>

static bool is(const train_network *n, const char *name) { return !strcmp(n->net->name, name); }

static void judge_patches(const train_network *n, nn m, int scales, tg_node *img, train_verdict *v)
{
    v->layers = MODEL_PATCHGAN_OUT - 1;
    for (int k = 0; k < scales; k++) {
        tg_node *out[MODEL_PATCHGAN_OUT] = {NULL};
        if (k) img = model_patchgan_half(img);
        model_patchgan(nn_at(m, "D%d", k + 1), img, n->options, out);
        memcpy(v->layer[k], out, (size_t)v->layers * sizeof *out);
        v->logit[k] = out[v->layers];
    }
}

// The published trainer matches the last part of the frozen backbone (spec/simswap.md 4.3).
static void judge_projections(const train_network *n, nn m, tg_node *img, train_verdict *v)
{
    tg_node *part[MODEL_PROJECTED_PARTS] = {NULL};
    model_projected_features(m, model_normalise(img), n->options, part);
    v->layers = 1;
    v->layer[0][0] = part[MODEL_PROJECTED_PARTS - 1];
    v->logit[0] = model_projected_logits(m, part, n->options, NULL);
}

void train_judge(const train_network *n, nn m, int scales, tg_node *img, train_verdict *v)
{
    *v = (train_verdict){.scales = scales};
    if (is(n, "patchgan"))
        judge_patches(n, m, scales, img, v);
    else if (is(n, "projected-d") && scales == 1)
        judge_projections(n, m, img, v);
    else
        tg_fail(m.graph, "%s does not judge at %d scales", n->net->name, scales);
}
