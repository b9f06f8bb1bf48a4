// networks.c -- generators and discriminators by name, with options from text.
#include "train/networks.h"
#include <string.h>

// Mean and deviation of ImageNet's RGB: what variant c and the projected discriminator work in
// (spec/simswap.md 2.4, 4.3).
static const float imagenet_mean[3] = {0.485f, 0.456f, 0.406f};
static const float imagenet_deviation[3] = {0.229f, 0.224f, 0.225f};

guise_status train_network_open(train_network *n, const char *name, const char *options,
                                base_error *e)
{
    *n = (train_network){.net = model_find(name)};
    if (!n->net)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "there is no network '%s'; 'guise net list' shows "
                         "them",
                         name ? name : "");
    n->options = base_alloc(1, n->net->size ? n->net->size : 1);
    n->text = base_copy_text(options ? options : "");
    if (!n->options || !n->text) {
        train_network_close(n);
        return base_no_memory(e);
    }
    guise_status s = GUISE_OK;
    base_fields_init(n->net->options, n->options);
    char *rest = n->text;
    for (char *word; !s && (word = strtok_r(rest, " ", &rest));)
        s = base_fields_assign(n->net->options, n->options, word, e);
    if (s) train_network_close(n);
    return s;
}

void train_network_close(train_network *n)
{
    base_free(n->options);
    base_free(n->text);
    *n = (train_network){0};
}

char *train_network_print(const train_network *n)
{
    return base_fields_print(n->net->options, n->options);
}

static bool is(const train_network *n, const char *name) { return !strcmp(n->net->name, name); }

static bool variant_c(const train_network *n)
{
    const model_simswap_options *o = n->options;
    return is(n, "simswap") && o->variant && !strcmp(o->variant, "c");
}

int train_network_stride(const train_network *n)
{
    const model_simswap_options *o = n->options;
    if (!is(n, "simswap")) return 1;
    bool b = o->variant && !strcmp(o->variant, "b");
    return 1 << (o->depth ? o->depth : b || o->deep ? 4 : 3);
}

void train_network_set_latent(train_network *n, int length)
{
    if (is(n, "simswap")) ((model_simswap_options *)n->options)->latent = length;
}

// (x - mean) / deviation of each channel, or back
static tg_node *imagenet(tg_node *x, bool back)
{
    if (!x) return NULL;
    float k[3], c[3];
    for (int i = 0; i < 3; i++) {
        k[i] = back ? imagenet_deviation[i] : 1 / imagenet_deviation[i];
        c[i] = back ? imagenet_mean[i] : -imagenet_mean[i] / imagenet_deviation[i];
    }
    tg_graph *g = tg_graph_of(x);
    tg_shape s = TG_SHAPE(1, 3, 1, 1);
    return tg_add(tg_mul(x, tg_const(g, s, k)), tg_const(g, s, c));
}

tg_node *train_loss_space(const train_network *generator, tg_node *img)
{
    return variant_c(generator) ? imagenet(img, false) : img;
}

tg_node *train_generate(const train_network *n, nn m, tg_node *img, tg_node *id)
{
    if (!is(n, "simswap"))
        return tg_fail(m.graph, "%s is no generator that can be trained", n->net->name);
    tg_node *y = model_simswap(m, train_loss_space(n, img), id, n->options, NULL);
    return variant_c(n) ? imagenet(y, true) : y;
}

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
    model_projected_features(m, imagenet(img, false), n->options, part);
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
