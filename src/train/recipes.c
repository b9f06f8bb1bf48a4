// recipes.c -- what can be trained: the table of systems, the options that all have with their
// defaults (SimSwap's, see simswap.c), and recipes by name.
#include "train/system.h"
#include <string.h>

#define AT(field) offsetof(train_options, field)
const base_field train_fields[] = {
    {"generator", 0, BASE_TEXT, AT(generator), "simswap", "network to train; see net list"},
    {"generator_options", 0, BASE_TEXT, AT(generator_options), "",
     "its options, key=value with spaces between"},
    {"start", 0, BASE_TEXT, AT(start), "",
     "file of weights that the generator begins with, such as another run's generator.safetensors"},
    {"given", 0, BASE_TEXT, AT(given), "",
     "file of a recogniser of the same space, whose vectors the generator gets"},
    {"discriminator", 0, BASE_TEXT, AT(discriminator), "patchgan",
     "network that judges; which ones the system takes, it says"},
    {"discriminator_options", 0, BASE_TEXT, AT(discriminator_options), "", "its options"},
    {"size", 0, BASE_INT, AT(size), "224", "side of the crops in pixels"},
    {"batch", 0, BASE_INT, AT(batch), "8", "pairs a step"},
    {"steps", 0, BASE_INT, AT(steps), "500000", "steps in all"},
    {"lr", 0, BASE_REAL, AT(lr), "4e-4", "learning rate of the generator"},
    {"lr_d", 0, BASE_REAL, AT(lr_d), "4e-4", "learning rate of the discriminator"},
    {"beta1", 0, BASE_REAL, AT(beta1), "0", "Adam: decay of the first moment"},
    {"beta2", 0, BASE_REAL, AT(beta2), "0.999", "Adam: decay of the second moment"},
    {"eps", 0, BASE_REAL, AT(eps), "1e-8", "Adam: floor of the denominator"},
    {"style_rate", 0, BASE_REAL, AT(style_rate), "1",
     "steps of the layers that take the identity are so many times as long, 1 to 64"},
    {"decay", 0, BASE_INT, AT(decay), "0", "last steps, over which learning rates fall to zero"},
    {"settle", 0, BASE_INT, AT(settle), "0",
     "last steps, in which batch norms take their running statistics, as they do afterwards"},
    {"ema", 0, BASE_REAL, AT(ema), "0", "decay of the average of weights that is exported; 0: off"},
    {"same", 0, BASE_REAL, AT(same), "0.5", "share of same-person pairs, 0 to 1"},
    {"alternate", 0, BASE_FLAG, AT(alternate), "true",
     "whole batches of same-person and of other pairs take turns"},
    {"same_photo", 0, BASE_FLAG, AT(same_photo), "false",
     "same-person pairs are one photo twice, not two of a person"},
    {"warmup", 0, BASE_INT, AT(warmup), "0", "first steps: reconstruction only, of every pair"},
    {"lambda_id", 0, BASE_REAL, AT(lambda_id), "10", "weight of the identity loss"},
    {"id_start", 0, BASE_REAL, AT(id_start), "0", "that weight right after the warm-up"},
    {"id_pool", 0, BASE_INT, AT(id_pool), "1", "the identity loss sees results shrunk by so much"},
    {"id_ramp", 0, BASE_INT, AT(id_ramp), "0", "steps from id_start to lambda_id"},
    {"lambda_rec", 0, BASE_REAL, AT(lambda_rec), "10",
     "weight of the reconstruction of same-person pairs"},
    {"rec_other", 0, BASE_REAL, AT(rec_other), "0", "the same for other pairs, in the face"},
    {"rec_edge", 0, BASE_REAL, AT(rec_edge), "0", "the same for other pairs, around the face"},
    {"rec_eyes", 0, BASE_REAL, AT(rec_eyes), "0", "added for all pairs, in the eyes (gaze)"},
    {"rec_mouth", 0, BASE_REAL, AT(rec_mouth), "0",
     "added for all pairs, between the lips (teeth)"},
    {"lambda_adv", 0, BASE_REAL, AT(lambda_adv), "1", "weight of the adversarial loss"},
    {"adv_from", 0, BASE_INT, AT(adv_from), "0",
     "step after which the generator meets the discriminator; negative: never"},
    {"adv_ramp", 0, BASE_INT, AT(adv_ramp), "0",
     "steps in which the adversarial and feature weights rise from zero"},
    {"d_lead", 0, BASE_INT, AT(d_lead), "0", "steps that the discriminator learns before that"},
    {"flip", 0, BASE_FLAG, AT(flip), "false", "mirror half of the photos"},
    {"shift", 0, BASE_INT, AT(shift), "0", "move targets by up to so many pixels"},
    {"light", 0, BASE_REAL, AT(light), "0", "change the contrast by up to this share, 0 to 0.5"},
    {"colour", 0, BASE_REAL, AT(colour), "0", "change each channel's gain, 0 to 0.5"},
    {"seed", 0, BASE_INT, AT(seed), "1", "start of all random numbers"},
    {"log_every", 0, BASE_INT, AT(log_every), "50", "steps a line of the log"},
    {"sample_every", 0, BASE_INT, AT(sample_every), "1000", "steps a sheet of samples"},
    {"save_every", 0, BASE_INT, AT(save_every), "1000", "steps a checkpoint"},
    {"measure_every", 0, BASE_INT, AT(measure_every), "0", "steps a measurement; 0: never"},
    {0}};

// Each system is one line here.
const train_system *const train_systems[] = {&train_simswap,
                                             &train_faceshifter,
                                             &train_hear,
                                             &train_face_id,
                                             &train_stylegan2,
                                             &train_styleswap,
                                             &train_smoothswap,
                                             &train_smooth_embedder,
                                             &train_deepfakes,
                                             &train_face_detector,
                                             &train_face_closer,
                                             &train_face_mask,
                                             NULL};

const train_recipe *train_recipe_at(size_t i)
{
    for (const train_system *const *s = train_systems; *s; s++)
        for (const train_recipe *r = (*s)->recipes; r->name; r++)
            if (i-- == 0) return r;
    return NULL;
}

const train_recipe *train_recipe_find(const char *name)
{
    const train_recipe *r = NULL;
    for (size_t i = 0; name && (r = train_recipe_at(i)); i++)
        if (!strcmp(r->name, name)) return r;
    return NULL;
}

const base_field *train_recipe_field(const train_recipe *r, size_t i)
{
    for (const base_field *f = train_fields; f->name; f++)
        if (i-- == 0) return f;
    for (const base_field *f = r->system->fields; f && f->name; f++)
        if (i-- == 0) return f;
    return NULL;
}

guise_status train_bounds(const train_bound b[], size_t n, base_error *e)
{
    for (size_t i = 0; i < n; i++)
        if (!(b[i].value >= b[i].least && b[i].value <= b[i].most))
            return base_fail(e, GUISE_BAD_ARGUMENT, "%s=%g is not within %g..%g", b[i].name,
                             b[i].value, b[i].least, b[i].most);
    return GUISE_OK;
}

static guise_status check(const train_options *o, base_error *e)
{
    const train_bound bound[] = {
        {"size", o->size, 16, 1024},
        {"batch", o->batch, 1, 256},
        {"steps", o->steps, 1, 1e9},
        {"lr", o->lr, 0, 1},
        {"lr_d", o->lr_d, 0, 1},
        {"beta1", o->beta1, 0, 0.999999},
        {"beta2", o->beta2, 0, 0.999999},
        {"eps", o->eps, 1e-30, 1},
        {"style_rate", o->style_rate, 1, 64},
        {"decay", o->decay, 0, 1e9},
        {"settle", o->settle, 0, 1e9},
        {"ema", o->ema, 0, 0.999999},
        {"same", o->same, 0, 1},
        {"warmup", o->warmup, 0, 1e9},
        {"id_pool", o->id_pool, 1, 8},
        {"id_ramp", o->id_ramp, 0, 1e9},
        {"adv_ramp", o->adv_ramp, 0, 1e9},
        {"d_lead", o->d_lead, 0, 1e9},
        {"shift", o->shift, 0, 64},
        {"light", o->light, 0, 0.5},
        {"colour", o->colour, 0, 0.5},
        {"log_every", o->log_every, 1, 1e9},
        {"sample_every", o->sample_every, 0, 1e9},
        {"save_every", o->save_every, 1, 1e9},
        {"measure_every", o->measure_every, 0, 1e9},
    };
    guise_status s = train_bounds(bound, sizeof bound / sizeof *bound, e);
    if (!s && *o->given && !o->system->gives)
        s = base_fail(e, GUISE_BAD_ARGUMENT,
                      "given=%s: %s trains with the vectors of the recogniser that teaches",
                      o->given, o->system->name);
    return s || !o->system->check ? s : o->system->check(o, e);
}

// "key=value": an option of all systems, or of this one.
static guise_status assign(train_options *o, const char *text, base_error *e)
{
    const base_field *own = o->system->fields;
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(text, "="), text);
    if (own && base_fields_find(own, key)) return base_fields_assign(own, o->own, text, e);
    if (base_fields_find(train_fields, key)) return base_fields_assign(train_fields, o, text, e);
    return base_fail(e, GUISE_BAD_ARGUMENT,
                     "%s has no option '%s'; 'guise train RECIPE --list' shows those it has",
                     o->system->name, key);
}

guise_status train_options_fill(train_options *o, const train_recipe *r, const char *const set[],
                                size_t n, base_error *e)
{
    guise_status s = GUISE_OK;
    *o = (train_options){.system = r->system};
    base_fields_init(train_fields, o);
    if (r->system->fields) base_fields_init(r->system->fields, o->own);
    for (int i = 0; !s && r->set[i]; i++) s = assign(o, r->set[i], e);
    for (size_t i = 0; !s && i < n; i++) s = assign(o, set[i], e);
    return s ? s : check(o, e);
}

bool train_takes_identity(const train_options *o)
{
    const train_system *s = o->system;
    return !s->no_identity || (s->taught && s->taught(o));
}

double train_option_number(const train_options *o, const char *name)
{
    const base_field *own = o->system->fields, *f = own ? base_fields_find(own, name) : NULL;
    const void *at = f ? (const void *)o->own : o;
    if (!f) f = base_fields_find(train_fields, name);
    if (!f) return 0;
    at = (const char *)at + f->offset;
    return f->type == BASE_REAL ? *(const double *)at : f->type == BASE_INT ? *(const int *)at : 0;
}

char *train_options_print(const train_options *o)
{
    char *all = base_fields_print(train_fields, o);
    if (!o->system->fields) return all;
    char *own = base_fields_print(o->system->fields, o->own);
    char *both = all && own ? base_format("%s %s", all, own) : NULL;
    base_free(all);
    base_free(own);
    return both;
}
