// export.c -- the trained generator as a file of its own: half precision, with its card.
#include "base/page.h"
#include "model/card.h"
#include "train/run.h"
#include "weights/weights.h"
#include <stdlib.h>
#include <string.h>

const float *train_run_weights(train_run *r) { return train_learner_weights(&r->work.learner[0]); }

guise_status train_add_half(base_tensors *to, const base_tensor *x, base_error *e)
{
    if (x->dtype != BASE_F32)
        return base_tensors_add(to, x->name, x->dtype, x->rank, x->dim, x->data)
                   ? GUISE_OK
                   : base_no_memory(e);
    size_t n = (size_t)base_tensor_count(x);
    uint16_t *half = base_alloc(n, sizeof *half);
    const float *from = x->data;
    for (size_t i = 0; half && i < n; i++) half[i] = base_float_to_half(from[i]);
    bool ok = half && base_tensors_add(to, x->name, BASE_F16, x->rank, x->dim, half);
    base_free(half);
    return ok ? GUISE_OK : base_no_memory(e);
}

typedef struct {
    const char *key;
    char *value; // owned
} word;

// What the card says; value NULL where memory ran out.
enum { WORDS = 12 };
static void words(train_run *r, word w[WORDS])
{
    const model_net *net = r->work.network[0].net;
    bool crops = !net->any_size, vectors = net->swapper || r->identity.network;
    const train_config *c = r->c;
    const char *data = c->data ? c->data : "folders of their own", *slash = strrchr(data, '/');
    w[0] = (word){CARD_NETWORK, base_copy_text(net->name)};
    w[1] = (word){CARD_OPTIONS, train_network_print(&r->work.network[0])};
    w[2] = (word){crops ? CARD_SIZE : NULL, base_format("%d", r->o.size)};
    w[3] = (word){crops ? CARD_TEMPLATE : NULL, base_copy_text(face_template_name(FACE_ARCFACE))};
    w[4] = (word){vectors ? CARD_IDENTITY : NULL,
                  base_copy_text(r->identity.network ? r->identity.name : "none")};
    w[5] = (word){vectors ? CARD_LENGTH : NULL, base_format("%d", r->identity.length)};
    w[6] = (word){CARD_LICENCE, base_copy_text(c->licence ? c->licence : "unknown")};
    w[7] = (word){CARD_DATA,
                  base_format("%zu photos of %d people: %s", train_cache_n(r->cache),
                              train_cache_people(r->cache), slash && slash[1] ? slash + 1 : data)};
    w[8] = (word){CARD_RECIPE, base_format("%s %s", r->recipe->name, r->options_text)};
    w[9] = (word){CARD_COMMIT, base_copy_text(c->commit ? c->commit : "unknown")};
    w[10] = (word){CARD_TRAINED, base_format("%d steps of %d photos in %.1f hours", r->step,
                                             r->o.batch, r->seconds / 3600)};
    w[11] = (word){r->work.card_key, base_copy_text(r->work.card_key ? r->work.card_text : "")};
}

static guise_status write_weights(train_run *r, const word w[WORDS], base_error *e)
{
    base_tensors full = {0}, half = {0};
    guise_status s = nn_save(r->work.learner[0].params, train_run_weights(r), &full, e);
    for (size_t i = 0; !s && i < full.n; i++) s = train_add_half(&half, &full.at[i], e);
    for (int i = 0; !s && i < WORDS; i++)
        if (w[i].key && (!w[i].value || !base_tensors_set_meta(&half, w[i].key, w[i].value)))
            s = base_no_memory(e);
    char *path = base_format("%s/generator.safetensors", r->c->out);
    if (!s) s = path ? weights_safetensors_write(&half, path, e) : base_no_memory(e);
    base_free(path);
    base_tensors_free(&half);
    base_tensors_free(&full);
    return s;
}

// A measure's name as a person reads it.
static const char *explained(const char *name)
{
    static const char *const words[][2] = {
        {"to_source", "cosine of the result to the source"},
        {"to_target", "cosine of the result to the target"},
        {"closer", "share closer to the source than to the target"},
        {"top1", "share whose nearest source is the right one"},
        {"self_l1", "self-swap, mean absolute error of full range"},
        {"sharpness", "sharpness of the result against the target"},
        {"overlap", "face: what mask and label share, of what either has"},
        {"hidden_found", "share found of what was drawn over faces"},
        {"face_found", "share found of the face that is left"},
        {"teacher", "cosine to the teacher's vector of the same photo"},
        {"apart", "chance that two photos of a person are more alike than of two people"},
        {"nearest", "share of photos whose nearest other shows the same person"},
        {"found", "share of faces found, in scenes put together"},
        {"false", "false alarms a scene"},
        {"faces", "share of faces taken for some, by one closer look"},
        {"others", "share of places that the first look took for faces, or may, taken for some"},
        {"points", "mean distance of landmarks, in distances of the eyes"},
        {"hidden_before", "mean error where something was drawn over the face, as swapped"},
        {"hidden_after", "the same, refined"},
        {"clear_change", "mean change of the rest by refining"},
        {"id_before", "cosine to the source by the recogniser of the training, as swapped"},
        {"id_after", "the same, refined"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i][0], name)) return words[i][1];
    return name;
}

static void write_numbers(const train_run *r, FILE *f)
{
    if (!r->measured_pairs) {
        fputs("\nNot measured in this run.\n", f);
        return;
    }
    fputs("\n## Numbers\n\nOn people held out from training (SHA-1 of the name modulo 10 is 0)", f);
    if (!r->o.system->measure)
        fprintf(f, ": %d pairs,\nby a recogniser that took no part in training", r->measured_pairs);
    if (r->measured_step != r->step)
        fprintf(f, ".\nOf the weights at step %d, not of these", r->measured_step);
    fputs(".\n\n| measure | value |\n| --- | --- |\n", f);
    for (int i = 0; train_run_measures(r)[i]; i++)
        fprintf(f, "| %s | %.4g |\n", explained(train_run_measures(r)[i]), r->measured[i]);
}

static const char limits[] =
    "For pictures of people who agreed, and of nobody. Trained on few photos and a small network: "
    "profiles, strong\nexpressions, glasses and hands before the face come out badly.";

static void put_row(FILE *f, const char *what, const char *value)
{
    fprintf(f, "| %s | ", what);
    page_cell(f, value);
    fputs(" |\n", f);
}

static guise_status write_card(const train_run *r, const word w[WORDS], base_error *e)
{
    base_out *out = NULL;
    char *path = base_format("%s/generator.md", r->c->out);
    guise_status s = path ? base_out_open(&out, path, e) : base_no_memory(e);
    if (!s) {
        FILE *f = base_out_file(out);
        const model_net *net = r->work.network[0].net;
        fprintf(f, "# %s\n\n%s: %s. ", r->recipe->name,
                net->swapper ? "A face swap generator" : "A network", net->summary);
        if (!net->any_size) fprintf(f, "%d x %d pixels, ", r->o.size, r->o.size);
        fprintf(f, "%zu parameters.\n\n| what | value |\n| --- | --- |\n",
                nn_params_weights(r->work.learner[0].params));
        for (int i = 0; i < WORDS; i++)
            if (w[i].key && strcmp(w[i].key, CARD_RECIPE) != 0)
                put_row(f, strchr(w[i].key, '.') + 1, w[i].value);
        write_numbers(r, f);
        fprintf(f, "\n## Recipe\n\n    %s\n\n## Limits\n\n%s\n", w[8].value,
                r->o.system->limits ? r->o.system->limits : limits);
        s = base_out_commit(&out, e);
    }
    base_out_close(&out);
    base_free(path);
    return s;
}

guise_status train_export(train_run *r, base_error *e)
{
    word w[WORDS];
    words(r, w);
    guise_status s = write_weights(r, w, e);
    if (!s) s = write_card(r, w, e);
    for (int i = 0; i < WORDS; i++) base_free(w[i].value);
    return s;
}
