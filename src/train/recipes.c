// recipes.c -- what can be trained: the options with their defaults, and the named recipes.
//
// Defaults: Chen et al. 2020 (arXiv 2106.06340), and where the paper is silent its first
// published training class (spec/simswap.md 4.2: batch 8, two PatchGANs, 10k + 10k steps a unit
// nobody states). Not given anywhere: the learning rate with beta1 = 0, taken from the published
// trainer (4e-4), and the first layer m of weak feature matching, taken as 3 of 5.
#include "train/train.h"
#include <string.h>

#define AT(field) offsetof(train_options, field)
const base_field train_fields[] = {
    {"generator", 0, BASE_TEXT, AT(generator), "simswap", "network to train; see net list"},
    {"generator_options", 0, BASE_TEXT, AT(generator_options), "",
     "its options, key=value with spaces between"},
    {"discriminator", 0, BASE_TEXT, AT(discriminator), "patchgan", "patchgan or projected-d"},
    {"discriminator_options", 0, BASE_TEXT, AT(discriminator_options), "", "its options"},
    {"features", 0, BASE_TEXT, AT(features), NULL,
     "file of pretrained weights for projected-d's frozen network"},
    {"real", 0, BASE_TEXT, AT(real), "target",
     "photos that are real to the discriminator: "
     "target or source"},
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
    {"ema", 0, BASE_REAL, AT(ema), "0", "decay of the average of weights that is exported; 0: off"},
    {"same", 0, BASE_REAL, AT(same), "0.5", "share of same-person pairs, 0 to 1"},
    {"alternate", 0, BASE_FLAG, AT(alternate), "true",
     "whole batches of same-person and of other pairs take turns"},
    {"warmup", 0, BASE_INT, AT(warmup), "0", "first steps: reconstruction only, of every pair"},
    {"lambda_id", 0, BASE_REAL, AT(lambda_id), "10", "weight of the identity loss"},
    {"id_start", 0, BASE_REAL, AT(id_start), "0", "that weight right after the warm-up"},
    {"id_pool", 0, BASE_INT, AT(id_pool), "1", "the identity loss sees results shrunk by so much"},
    {"id_ramp", 0, BASE_INT, AT(id_ramp), "0", "steps from id_start to lambda_id"},
    {"lambda_rec", 0, BASE_REAL, AT(lambda_rec), "10",
     "weight of the reconstruction of same-person pairs"},
    {"rec_other", 0, BASE_REAL, AT(rec_other), "0", "the same for other pairs, in the face"},
    {"rec_edge", 0, BASE_REAL, AT(rec_edge), "0", "the same for other pairs, around the face"},
    {"lambda_adv", 0, BASE_REAL, AT(lambda_adv), "1", "weight of the adversarial loss"},
    {"lambda_fm", 0, BASE_REAL, AT(lambda_fm), "10", "weight of feature matching; 0: none"},
    {"lambda_gp", 0, BASE_REAL, AT(lambda_gp), "1e-5", "weight of the gradient penalty; 0: none"},
    {"adv_from", 0, BASE_INT, AT(adv_from), "0",
     "step after which the generator meets the discriminator; negative: never"},
    {"adv_ramp", 0, BASE_INT, AT(adv_ramp), "0",
     "steps in which the adversarial and feature weights rise from zero"},
    {"d_lead", 0, BASE_INT, AT(d_lead), "0", "steps that the discriminator learns before that"},
    {"fm_first", 0, BASE_INT, AT(fm_first), "3", "first layer of feature matching, from 1"},
    {"fm_last", 0, BASE_INT, AT(fm_last), "0", "last layer of it; 0: the last hidden one"},
    {"scales", 0, BASE_INT, AT(scales), "2", "discriminators, each on half the size"},
    {"gp_every", 0, BASE_INT, AT(gp_every), "1",
     "gradient penalty in every nth step, with n times the weight"},
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

// The first recipe of our own: 128 pixels on two cores within hours. What differs from the paper
// was learnt in short trials: reconstruction first, then a rising identity weight, the
// discriminator last; a narrow network that keeps 32 x 32 in the middle. The numbers of an identity
// vector of unit length are about 1/16, so the layers that take it learn 16 times too slowly for
// a run of hours: their weights moved from 0.036 to 0.06 in 5,000 steps, and no identity came.
const train_recipe train_recipes[] = {
    {"simswap",
     "SimSwap as in the paper: 224 px, two PatchGANs, hinge, weak feature matching, penalty",
     {NULL}},
    {"simswap-c",
     "the published trainer of 2022: projected discriminator, lambda_id 30, no penalty",
     {"generator_options=variant=c", "discriminator=projected-d", "real=source", "scales=1",
      "batch=16", "steps=1000000", "beta2=0.99", "lambda_id=30", "lambda_gp=0", NULL}},
    {"simswap-ofm", "ablation oFM: feature matching on every layer", {"fm_first=1", NULL}},
    {"simswap-nfm", "ablation nFM: no feature matching", {"lambda_fm=0", NULL}},
    {"simswap-wfm-bar",
     "ablation wFM-bar: feature matching on the first layers only",
     {"fm_first=1", "fm_last=2", NULL}},
    {"simswap-ofm-weak",
     "ablation oFM-FM-: every layer, at half the weight",
     {"fm_first=1", "lambda_fm=5", NULL}},
    {"simswap-ofm-id",
     "ablation oFM-id+: every layer, twice the identity weight",
     {"fm_first=1", "lambda_id=20", NULL}},
    {"simswap-wfm-id",
     "ablation wFM-id+: weak feature matching, twice the identity weight",
     {"lambda_id=20", NULL}},
    {"simswap-128",
     "our narrow SimSwap at 128 px for two cores: warm-up, rising identity, discriminator late",
     {"size=128",
      "batch=16",
      "steps=4200",
      "generator_options=width=24 depth=3 max_width=192 blocks=6",
      "discriminator_options=width=32",
      "beta2=0.99",
      "ema=0.998",
      "same=0.35",
      "alternate=false",
      "warmup=550",
      "lambda_id=15",
      "id_ramp=1200",
      "id_pool=2",
      "style_rate=12",
      "rec_other=2.5",
      "rec_edge=5",
      "adv_from=2200",
      "adv_ramp=300",
      "d_lead=150",
      "lambda_fm=5",
      "fm_first=4",
      "lambda_gp=0",
      "flip=true",
      "shift=2",
      "light=0.1",
      "colour=0.05",
      "decay=900",
      "sample_every=250",
      "save_every=200",
      "measure_every=500",
      NULL}},
    {0}};

const train_recipe *train_recipe_find(const char *name)
{
    for (const train_recipe *r = train_recipes; r->name; r++)
        if (name && !strcmp(r->name, name)) return r;
    return NULL;
}

static guise_status at_least(const char *what, double value, double least, double most,
                             base_error *e)
{
    if (value >= least && value <= most) return GUISE_OK;
    return base_fail(e, GUISE_BAD_ARGUMENT, "%s=%g is not within %g..%g", what, value, least, most);
}

static guise_status check(const train_options *o, base_error *e)
{
    const struct {
        const char *name;
        double value, least, most;
    } bound[] = {
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
        {"ema", o->ema, 0, 0.999999},
        {"same", o->same, 0, 1},
        {"warmup", o->warmup, 0, 1e9},
        {"id_pool", o->id_pool, 1, 8},
        {"id_ramp", o->id_ramp, 0, 1e9},
        {"adv_ramp", o->adv_ramp, 0, 1e9},
        {"d_lead", o->d_lead, 0, 1e9},
        {"fm_first", o->fm_first, 1, 64},
        {"fm_last", o->fm_last, 0, 64},
        {"scales", o->scales, 1, 4},
        {"gp_every", o->gp_every, 1, 1000},
        {"shift", o->shift, 0, 64},
        {"light", o->light, 0, 0.5},
        {"colour", o->colour, 0, 0.5},
        {"log_every", o->log_every, 1, 1e9},
        {"sample_every", o->sample_every, 0, 1e9},
        {"save_every", o->save_every, 1, 1e9},
        {"measure_every", o->measure_every, 0, 1e9},
    };
    guise_status s = GUISE_OK;
    for (size_t i = 0; !s && i < sizeof bound / sizeof *bound; i++)
        s = at_least(bound[i].name, bound[i].value, bound[i].least, bound[i].most, e);
    if (!s && strcmp(o->real, "target") != 0 && strcmp(o->real, "source") != 0)
        s = base_fail(e, GUISE_BAD_ARGUMENT, "real=%s: say target or source", o->real);
    return s;
}

guise_status train_options_fill(train_options *o, const train_recipe *r, const char *const set[],
                                size_t n, base_error *e)
{
    guise_status s = GUISE_OK;
    base_fields_init(train_fields, o);
    for (int i = 0; !s && r->set[i]; i++) s = base_fields_assign(train_fields, o, r->set[i], e);
    for (size_t i = 0; !s && i < n; i++) s = base_fields_assign(train_fields, o, set[i], e);
    return s ? s : check(o, e);
}
